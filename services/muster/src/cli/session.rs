//! One command's way to Muster and back: whom it calls, in whose name, and how it tells what it was told.

use std::{
    cell::OnceCell,
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use muster_api::{
    dispatch::v1::dispatch_service_client::DispatchServiceClient,
    eligibility::v1::eligibility_service_client::EligibilityServiceClient,
    intake::v1::intake_service_client::IntakeServiceClient,
    monitor::v1::{GetStatusRequest, monitor_service_client::MonitorServiceClient},
    registry::v1::{GetRealmRequest, registry_service_client::RegistryServiceClient},
    r#type::v1::{Position, ReadAt},
};
use muster_domain::kernel::{Actor, Role, Timestamp};
use muster_runtime::{
    ids,
    status::{explain, innermost, never_left},
};
use prost::{Message, Name};
use tonic::{
    GrpcMethod, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use super::{
    Format, Globals,
    context::Context,
    failure::{Failure, is_done_unknown},
    json::Json,
    look::Look,
    proof::Proof,
    show::{Show, moment},
    values::{AsOf, Until},
};
use crate::exit::Exit;

/// How long to wait for a connection.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for an answer, or for a stream to begin. It is not told to Muster, which would use all of it.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);

/// Where Muster answers, for calls that do not wait for ever.
pub fn endpoint(address: &str) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(address.to_owned())?;
    Ok(endpoint.connect_timeout(CONNECT_PATIENCE).timeout(ANSWER_PATIENCE))
}

/// The verbs of calls that change nothing.
const READS: [&str; 3] = ["Get", "List", "Watch"];

/// Says who calls, with every call, and notes the first that may change something.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// None where the connection's certificate says it.
    token: Option<MetadataValue<Ascii>>,
    commanded: Arc<AtomicBool>,
}

impl Interceptor for Bearer {
    fn call(&mut self, mut call: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.token {
            call.metadata_mut().insert("authorization", token.clone());
        }
        let method = call.extensions().get::<GrpcMethod<'_>>().map(GrpcMethod::method);
        if !method.is_some_and(|method| READS.iter().any(|verb| method.starts_with(verb))) {
            self.commanded.store(true, Ordering::Relaxed);
        }
        Ok(call)
    }
}

/// The way to Muster in somebody's name.
pub type Line = InterceptedService<Channel, Bearer>;

/// One command.
pub struct Session {
    globals: Globals,
    proof: Proof,
    context: Option<Context>,
    channel: tokio::sync::OnceCell<Channel>,
    request_id: OnceCell<Uuid>,
    /// The command's times as options, if they were counted from a moment that will be another one next time.
    counted: OnceCell<String>,
    /// Whether a call that may change something was handed to the line.
    commanded: Arc<AtomicBool>,
}

impl Session {
    /// Begins a command.
    pub fn begin(globals: Globals) -> Result<Self, Failure> {
        let context = match Context::place() {
            Ok(path) => Context::read(&path)?,
            Err(_) => None,
        };
        let (channel, request_id, counted) = (tokio::sync::OnceCell::new(), OnceCell::new(), OnceCell::new());
        let proof = Proof::read(&globals)?;
        Ok(Self { globals, proof, context, channel, request_id, counted, commanded: Arc::default() })
    }

    /// The same command's way, looking at another moment.
    pub fn looking_back(&self, as_of: AsOf) -> Self {
        let globals = Globals { as_of: Some(as_of), ..self.globals.clone() };
        let channel = tokio::sync::OnceCell::new_with(self.channel.get().cloned());
        let commanded = self.commanded.clone();
        let (request_id, counted) = (OnceCell::new(), OnceCell::new());
        let proof = self.proof.clone();
        Self { globals, proof, context: self.context.clone(), channel, request_id, counted, commanded }
    }

    async fn channel(&self) -> Result<Channel, Failure> {
        let connect = async {
            let address = self.address()?;
            let unreachable = |error: &dyn std::error::Error| Failure::Unreachable {
                says: format!("no muster answers at {address}: {}; nothing was sent", innermost(error)),
                way_out: "start it with `muster up`, or say where it is: --address http://HOST:PORT".to_owned(),
            };
            let endpoint = endpoint(address).map_err(|_| {
                Failure::usage(format!("'{address}' is no address"), "write --address http://HOST:PORT")
            })?;
            self.proof.over(endpoint, address)?.connect().await.map_err(|error| unreachable(&error))
        };
        self.channel.get_or_try_init(|| Box::pin(connect)).await.cloned()
    }

    fn address(&self) -> Result<&str, Failure> {
        let known = self.context.as_ref().map(|context| context.address.as_str());
        self.globals.address.as_deref().or(known).ok_or_else(|| Failure::Unreachable {
            says: "no muster runs here".to_owned(),
            way_out: "start one with `muster up`, or say where it is: --address http://HOST:PORT".to_owned(),
        })
    }

    async fn line(&self, caller: &Actor) -> Result<Line, Failure> {
        let bearer = Bearer { token: self.proof.metadata(caller)?, commanded: self.commanded.clone() };
        Ok(InterceptedService::new(self.channel().await?, bearer))
    }

    /// The registry, asked by `caller`.
    pub async fn registry(&self, caller: &Actor) -> Result<RegistryServiceClient<Line>, Failure> {
        Ok(RegistryServiceClient::new(self.line(caller).await?))
    }

    /// Intake, asked by `caller`.
    pub async fn intake(&self, caller: &Actor) -> Result<IntakeServiceClient<Line>, Failure> {
        Ok(IntakeServiceClient::new(self.line(caller).await?))
    }

    /// Eligibility, asked by `caller`.
    pub async fn eligibility(&self, caller: &Actor) -> Result<EligibilityServiceClient<Line>, Failure> {
        Ok(EligibilityServiceClient::new(self.line(caller).await?))
    }

    /// Dispatch, asked by `caller`.
    pub async fn dispatch(&self, caller: &Actor) -> Result<DispatchServiceClient<Line>, Failure> {
        Ok(DispatchServiceClient::new(self.line(caller).await?))
    }

    /// The monitor, asked by `caller`.
    pub async fn monitor(&self, caller: &Actor) -> Result<MonitorServiceClient<Line>, Failure> {
        Ok(MonitorServiceClient::new(self.line(caller).await?))
    }

    /// Who was named with `--as`, or by a token or certificate.
    pub fn named(&self) -> Option<Actor> {
        self.globals.acting.clone().or_else(|| self.proof.names())
    }

    /// Who acts in this role: whoever was named, else whoever is on duty.
    pub fn caller(&self, role: Role) -> Result<Actor, Failure> {
        self.named().or_else(|| self.on_duty(role)).ok_or_else(|| {
            Failure::usage(format!("nobody is known who acts as {role}"), format!("say who acts: --as {role}:ID"))
        })
    }

    /// Who acts in this role when nobody is named.
    pub fn on_duty(&self, role: Role) -> Option<Actor> {
        self.context.as_ref().and_then(|context| context.caller(role))
    }

    /// Who looks: whoever was named, else the auditor, who sees everything and changes nothing.
    pub fn reader(&self) -> Result<Actor, Failure> {
        self.caller(Role::Auditor)
    }

    /// Refuses to look back, or to wait for a position, where `what` tells how things stand now.
    pub fn only_now(&self, what: &str) -> Result<(), Failure> {
        let given = [("--as-of", self.globals.as_of.is_some()), ("--at-least", self.globals.at_least.is_some())];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => {
                let says = format!("{option} does nothing for `muster {what}`, which tells how things stand now");
                Err(Failure::usage(says, format!("leave out {option}; to look back: muster as-of MOMENT board")))
            }
            None => Ok(()),
        }
    }

    /// At which moment to look.
    pub fn read_at(&self) -> Option<ReadAt> {
        let at = ReadAt {
            as_of: self.globals.as_of.map(|as_of| as_of.0),
            at_least: self.globals.at_least.map(|position| position.0),
        };
        (at != ReadAt::default()).then_some(at)
    }

    /// The request id of the one command that is given; the same each time it is asked for.
    pub fn request_id(&self) -> Result<String, Failure> {
        if self.globals.as_of.is_some() {
            return Err(Failure::usage(
                "a command cannot be given in the past",
                "leave out --as-of; it is for looking, e.g. `muster board --as-of 12.0`",
            ));
        }
        if self.globals.at_least.is_some() {
            return Err(Failure::usage(
                "a command waits for no position",
                "leave out --at-least; it is for looking, e.g. `muster board --at-least 12.0`",
            ));
        }
        let id = self.request_id.get_or_init(|| match self.globals.request_id {
            Some(id) => id,
            None => ids::new(),
        });
        Ok(id.to_string())
    }

    /// A period from a time, or else from now; where that is another one next time, it is noted.
    pub fn period(&self, from: Option<Until>, until: Until, now: Timestamp) -> (Timestamp, Timestamp) {
        let begins = from.map_or(now, |from| from.from(now));
        let ends = until.from(begins);
        if !matches!(from, Some(Until::Time(_))) {
            self.counted(format!("--from {begins} --until {ends}"));
        }
        (begins, ends)
    }

    /// Notes the command's times, written as options: given again, it is the same command only with these.
    pub fn counted(&self, times: String) {
        // A command counts its times once.
        let _ = self.counted.set(times);
    }

    /// What became of the command that failed, if it is one and Muster could not answer now, or had the id already.
    pub fn fate(&self, failure: &Failure) -> Option<String> {
        let id = self.request_id.get()?;
        let counted = self.counted.get();
        let is_reused = failure.status().is_some_and(|status| explain(status).reason == "REQUEST_ID_REUSED");
        if let Some(times) = counted.filter(|_| is_reused) {
            return Some(format!(
                "The times are counted anew each time, now as {times}: if the command was given before, say the times that \
                 it had then, and it is not done twice"
            ));
        }
        let again = counted.map_or_else(|| format!("--request-id {id}"), |times| format!("--request-id {id} {times}"));
        let status = failure.status().filter(|_| Exit::from(failure) == Exit::Unavailable)?;
        Some(if !self.commanded.load(Ordering::Relaxed) || never_left(status) {
            "The command was not sent: give it again once muster answers".to_owned()
        } else if is_done_unknown(status) {
            format!("Whether it was done is not known: with {again} it is done once, however often it is given")
        } else {
            format!("Nothing was done; with {again} it is the same command")
        })
    }

    /// What the realm's clock shows.
    pub async fn now(&self, caller: &Actor) -> Result<Timestamp, Failure> {
        let answer = self.registry(caller).await?.get_realm(GetRealmRequest { read_at: None }).await?.into_inner();
        Ok(answer.now.as_ref().map(moment).unwrap_or_default())
    }

    /// From a state that holds all that is in the log now: what a command rests on is read so, since the process that
    /// answers may not yet have read what another has just written.
    pub async fn newest(&self, caller: &Actor) -> Result<Option<ReadAt>, Failure> {
        let head = self.monitor(caller).await?.get_status(GetStatusRequest {}).await?.into_inner().head;
        Ok(Some(ReadAt { as_of: None, at_least: head }))
    }

    /// How to write text at this moment.
    pub fn look(&self, now: Timestamp) -> Look {
        let wanted = !self.globals.no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Look { now, colour: wanted && io::stdout().is_terminal() }
    }

    /// Whether JSON is asked for.
    pub fn is_json(&self) -> bool {
        self.globals.output == Format::Json
    }

    /// Whether words are asked for, and not ids alone.
    pub fn is_text(&self) -> bool {
        !self.is_json() && !self.globals.quiet
    }

    /// Tells an answer that says itself what time it is.
    pub fn show<M: Show + Message + Name>(&self, answer: &M) -> Result<(), Failure> {
        self.show_at(answer, answer.now().unwrap_or_default())
    }

    /// Tells an answer that does not say what time it is.
    pub async fn show_now<M: Show + Message + Name>(&self, answer: &M, caller: &Actor) -> Result<(), Failure> {
        let now = if self.is_text() { self.now(caller).await? } else { Timestamp::default() };
        self.show_at(answer, now)
    }

    fn show_at<M: Show + Message + Name>(&self, answer: &M, now: Timestamp) -> Result<(), Failure> {
        if self.is_json() {
            return self.print(&format!("{}\n", Json::of(answer)?.document()?));
        }
        if self.globals.quiet {
            return self.print(&answer.ids().into_iter().map(|id| format!("{id}\n")).collect::<String>());
        }
        self.print(&answer.text(self.look(now)))
    }

    /// Tells that a command was done: the answer as JSON, else `says` and from where on it holds, or only the id.
    pub fn done<M: Message + Name>(
        &self,
        answer: &M,
        position: Option<Position>,
        id: &str,
        says: &str,
    ) -> Result<(), Failure> {
        if self.is_json() {
            return self.print(&format!("{}\n", Json::of(answer)?.document()?));
        }
        if self.globals.quiet {
            return self.print(&format!("{id}\n"));
        }
        let at = position.map(|position| format!(" (at {}.{})", position.sequence, position.index)).unwrap_or_default();
        self.print(&format!("{says}{at}\n"))
    }

    /// Tells one message of a stream, on a line as JSON, else as `text`.
    pub fn stream<M: Message + Name>(&self, message: &M, text: &str) -> Result<(), Failure> {
        if self.is_json() { self.print(&format!("{}\n", Json::of(message)?.line()?)) } else { self.print(text) }
    }

    /// Writes data.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Says something that is not data.
    pub fn say(&self, text: &str) {
        if !self.globals.quiet {
            // Talk that nobody can hear is no failure.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Says what to do next.
    pub fn next(&self, text: &str) {
        if !self.is_json() {
            self.say(&format!("Next: {text}"));
        }
    }

    /// Asks before something that cannot be undone. Where nobody can be asked, whoever wrote the command has thought
    /// of it.
    pub fn confirm(&self, what: &str) -> Result<(), Failure> {
        if self.globals.yes || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(());
        }
        self.ask(what)
    }

    /// Asks for consent to what was just shown. Where nobody can be asked, `--yes` must have been said.
    pub fn consent(&self, what: &str, instead: &str) -> Result<(), Failure> {
        if self.globals.yes {
            return Ok(());
        }
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            return self.ask(what);
        }
        Err(Failure::usage("nobody approves what they have not seen", instead))
    }

    fn ask(&self, what: &str) -> Result<(), Failure> {
        // Without an answer, nothing is done.
        let _ = write!(io::stderr(), "{what} [y/N] ");
        let mut answer = String::new();
        let _ = io::stdin().read_line(&mut answer);
        if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            Ok(())
        } else {
            Err(Failure::usage("nothing was done", "answer y, or give the command with --yes"))
        }
    }
}
