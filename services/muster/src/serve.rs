//! `muster up` and `muster serve`: running Muster.

use std::{
    collections::BTreeSet,
    env,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
};

use clap::Args;
use muster_domain::{
    kernel::{RealmId, Timestamp},
    registry::{events::RealmClock, realm::LIVE},
};
use muster_journal::crash::{self, Crash};
use muster_runtime::{
    clock::{Clock, SystemClock},
    ids, lifecycle,
    telemetry::{self, Format, Spans, metrics::KeyValue},
};

use crate::{
    cli::context::Signpost,
    node::{Node, Part, Plan, StartError, VERSION},
    storage::{JournalSpec, NatsOptions},
    trust::{Trust, TrustArgs, TrustError},
};

/// The realm and its clock.
#[derive(Args, Clone, Debug)]
pub struct RealmArgs {
    /// `live`, or an exercise's name: 1 to 64 of a-z, 0-9 and '-'
    #[arg(long, env = "MUSTER_REALM", hide_env_values = true, default_value = "practice", value_parser = realm_id)]
    pub realm: RealmId,
    /// When the exercise starts, in its own time (RFC 3339); if it is not open yet. Default: now
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    pub exercise_starts_at: Option<Timestamp>,
    /// How many times as fast as system time the exercise runs, if it is not open yet
    #[arg(long, value_name = "TIMES", value_parser = clap::value_parser!(u32).range(1..))]
    pub exercise_speed: Option<u32>,
}

/// Reads a realm's id.
pub fn realm_id(text: &str) -> Result<RealmId, String> {
    RealmId::parse(text).map_err(|error| error.to_string())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let at: jiff::Timestamp =
        text.parse().map_err(|error| format!("'{text}' is not a moment such as 2026-11-02T08:00:00Z: {error}"))?;
    Ok(Timestamp::from_millis(at.as_millisecond()))
}

impl RealmArgs {
    /// The clock that was asked for; system time for `live`.
    fn asked(&self) -> Option<RealmClock> {
        if self.exercise_starts_at.is_none() && self.exercise_speed.is_none() {
            return (self.realm.as_str() == LIVE).then_some(RealmClock::System);
        }
        Some(self.exercise())
    }

    fn exercise(&self) -> RealmClock {
        let started = SystemClock.now();
        let starts_at = self.exercise_starts_at.unwrap_or(started);
        RealmClock::Exercise { starts_at, started, speed: self.exercise_speed.unwrap_or(1) }
    }
}

/// What the process tells of itself.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What the process tells of itself")]
pub struct TelemetryArgs {
    /// Where to answer /livez, /readyz and /metrics, over plain HTTP, for orchestrators and Prometheus [default: nowhere]
    #[arg(long, value_name = "IP:PORT", env = "MUSTER_ADMIN_LISTEN", hide_env_values = true)]
    admin_listen: Option<SocketAddr>,
    /// Where an OpenTelemetry collector takes spans by OTLP over gRPC, e.g. http://127.0.0.1:4317 [default: nowhere]
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    otlp_endpoint: Option<String>,
    /// Which share of traces to keep, from 0 to 1
    #[arg(long, value_name = "SHARE", env = "MUSTER_TRACE_SHARE", hide_env_values = true, default_value_t = 1.0)]
    #[arg(value_parser = share)]
    trace_share: f64,
    /// How to log: human, a line for people; or json, an object a line
    #[arg(long, value_name = "FORMAT", env = "MUSTER_LOG_FORMAT", hide_env_values = true, default_value = "human")]
    #[arg(value_parser = log_format)]
    log_format: Format,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("'{text}' is not a share: write a number from 0 to 1, e.g. 0.1"))
}

fn log_format(text: &str) -> Result<Format, String> {
    match text {
        "human" => Ok(Format::Human),
        "json" => Ok(Format::Json),
        _ => Err(format!("'{text}' is no way to log: write human or json")),
    }
}

impl TelemetryArgs {
    /// Of a process that runs `parts`.
    fn plan(&self, parts: &BTreeSet<Part>) -> telemetry::Plan {
        let names: Vec<_> = parts.iter().map(|part| part.as_str()).collect();
        let name = if parts.len() == Part::ALL.len() { "muster".to_owned() } else { names.join("-") };
        let of = [
            ("service.namespace", "muster".to_owned()),
            ("service.name", name),
            ("service.version", VERSION.to_owned()),
            ("service.instance.id", ids::new().to_string()),
        ];
        let about = of.map(|(name, value)| KeyValue::new(name, value)).to_vec();
        let spans = Spans { about, collector: self.otlp_endpoint.clone(), share: self.trace_share };
        telemetry::Plan { format: self.log_format, filter: "info".to_owned(), spans: Some(spans) }
    }
}

/// Run all of Muster in this process, for development: nothing to install
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    #[command(flatten)]
    realm: RealmArgs,
    /// Where the realm is kept: memory, embedded:DIR or nats://HOST:PORT
    #[arg(long, env = "MUSTER_JOURNAL", hide_env_values = true, default_value = "embedded:muster-data")]
    journal: JournalSpec,
    #[command(flatten)]
    nats: NatsArgs,
    /// Where to answer; only on this machine, because development tokens are believed
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "MUSTER_LISTEN",
        hide_env_values = true,
        default_value = "127.0.0.1:7400"
    )]
    listen: SocketAddr,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

/// Run some of Muster's services in this process, on a journal that other processes share
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// A file with any of these settings, in TOML; what is given here counts before it
    #[arg(long, value_name = "FILE", env = "MUSTER_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    realm: RealmArgs,
    /// Which services to run; may be repeated
    #[arg(long = "role", value_name = "ROLE", required = true, value_enum)]
    roles: Vec<Part>,
    /// Where the realm is kept: nats://HOST:PORT (several with commas between), embedded:DIR or memory
    #[arg(long, env = "MUSTER_JOURNAL", hide_env_values = true)]
    journal: JournalSpec,
    #[command(flatten)]
    nats: NatsArgs,
    /// Where to answer
    #[arg(long, value_name = "IP:PORT", env = "MUSTER_LISTEN", hide_env_values = true, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

/// How JetStream is reached.
#[derive(Args, Clone, Debug)]
pub struct NatsArgs {
    /// The NATS servers' monitor addresses, http://HOST:PORT, from which their safety is read; may be repeated
    #[arg(
        long = "nats-monitor",
        value_name = "URL",
        env = "MUSTER_NATS_MONITORS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    monitors: Vec<String>,
    /// How to prove to NATS who connects: a file with an nkey's seed, or a credentials file
    #[arg(long, value_name = "FILE", env = "MUSTER_NATS_CREDENTIALS", hide_env_values = true)]
    nats_credentials: Option<PathBuf>,
    /// The NATS servers' certificate authority, in PEM
    #[arg(long, value_name = "FILE", env = "MUSTER_NATS_CA", hide_env_values = true)]
    nats_ca: Option<PathBuf>,
    /// The file of the vault's key on NATS: the same for every process of the realm; made if it is not there
    #[arg(long, value_name = "FILE", env = "MUSTER_VAULT_KEY", hide_env_values = true)]
    vault_key: Option<PathBuf>,
    /// An unsafe setting of the journal to accept, by its name; may be repeated
    #[arg(long = "accept-unsafe-journal", value_name = "NAME")]
    accepted: Vec<String>,
}

impl From<NatsArgs> for NatsOptions {
    fn from(args: NatsArgs) -> Self {
        Self {
            monitors: args.monitors,
            credentials: args.nats_credentials,
            user: None,
            certificate_authority: args.nats_ca,
            vault_key: args.vault_key,
            accepted: args.accepted.into_iter().collect(),
        }
    }
}

/// Why a process was not started, or how it ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It could not know who calls.
    #[error("{0}")]
    Trust(#[from] TrustError),
    /// It cannot run.
    #[error("{0}")]
    Start(#[from] StartError),
    /// It was to die, and nobody understands where.
    #[error("{0}")]
    Crash(String),
    /// Signals cannot be waited for.
    #[error("signals cannot be waited for: {0}")]
    Signals(io::Error),
    /// Where it answers cannot be told.
    #[error("the address cannot be written: {0}")]
    Output(io::Error),
    /// It ended otherwise than it was asked to.
    #[error("{0}")]
    Ended(String),
}

impl UpArgs {
    /// What the process tells of itself.
    pub fn telemetry(&self) -> telemetry::Plan {
        self.telemetry.plan(&Part::ALL.into())
    }

    /// Runs everything until asked to stop.
    pub async fn run(self) -> Result<(), ServeError> {
        if !self.listen.ip().is_loopback() {
            return Err(TrustError::NotLoopback(self.listen).into());
        }
        let (asked, otherwise) = (self.realm.asked(), self.realm.exercise());
        let plan = Plan {
            realm: self.realm.realm,
            opens: Some(asked.unwrap_or(otherwise)),
            insists: asked.is_some(),
            journal: self.journal,
            nats: self.nats.into(),
            parts: Part::ALL.into(),
            trust: Trust::development(),
            listen: self.listen,
            admin: self.telemetry.admin_listen,
        };
        run(plan, true).await
    }
}

impl ServeArgs {
    /// What the process tells of itself.
    pub fn telemetry(&self) -> telemetry::Plan {
        self.telemetry.plan(&self.roles.iter().copied().collect())
    }

    /// Runs the services until asked to stop.
    pub async fn run(self) -> Result<(), ServeError> {
        let (opens, parts) = (self.realm.asked(), self.roles.into_iter().collect::<BTreeSet<_>>());
        // The servers' accounts have a user for each role (deploy/nats/accounts.conf).
        let user = parts.first().filter(|_| parts.len() == 1).map(|part| part.as_str());
        let trust = self.trust.read(&self.realm.realm, &parts, self.listen)?;
        let plan = Plan {
            insists: opens.is_some(),
            opens,
            realm: self.realm.realm,
            journal: self.journal,
            nats: NatsOptions { user, ..self.nats.into() },
            parts,
            trust,
            listen: self.listen,
            admin: self.telemetry.admin_listen,
        };
        run(plan, false).await
    }
}

/// Runs a process; `announces` leaves the context file by which commands in a second terminal find it.
async fn run(plan: Plan, announces: bool) -> Result<(), ServeError> {
    if let Some(wanted) = env::var_os(crash::VARIABLE) {
        wanted.to_string_lossy().parse().map(Crash::plan).map_err(ServeError::Crash)?;
    }
    let mut signals = lifecycle::signals().map_err(ServeError::Signals)?;
    let node = tokio::select! {
        node = Node::start(plan) => node?,
        // Nothing is begun yet that must be finished.
        _ = signals.recv() => return Ok(()),
    };
    let _signpost = announces.then(|| Signpost::set_up(node.address, &node.edge.realm)).flatten();
    // All that stands on stdout, a line each: where it answers calls, and where it tells how it stands, if anywhere. Whoever let
    // the system choose the ports reads them here, and finds the context file written.
    let admin = node.admin.map(|admin| format!("http://{admin}"));
    for address in [Some(node.url()), admin].into_iter().flatten() {
        writeln!(io::stdout(), "{address}").map_err(ServeError::Output)?;
    }
    let ended = node.run(signals).await;
    let by_itself = ended.by_itself.iter().chain(&ended.failed).map(ToString::to_string);
    let cut_off = ended.cut_off.iter().map(|task| format!("the task '{task}' had to be cut off"));
    let faults: Vec<_> = by_itself.chain(cut_off).collect();
    if faults.is_empty() { Ok(()) } else { Err(ServeError::Ended(faults.join("; "))) }
}
