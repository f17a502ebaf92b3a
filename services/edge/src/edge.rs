//! What every handler begins with: who calls, whether they may, and what goes with their command.

use std::{sync::Arc, time::Duration};

use muster_api::r#type::v1::{ReadAt, read_at::AsOf};
use muster_domain::{
    event::Event,
    kernel::{Actor, Aggregate, RealmId, Refusal, RequestId, Timestamp},
    parties::{Parties, Party},
};
use muster_journal::{
    engine::{
        Broken, Done, Meta, Undone,
        follower::{Fold, Progress, View},
        reading,
    },
    port::{Journal, ReadError, Record, Subject},
    skew::ClockOff,
    stored,
    subjects::Subjects,
    vault::Vault,
};
use muster_runtime::{
    access::{Access, Action, Reach, may, reach},
    clock::Clock,
    identity::Identities,
    ids, status,
    telemetry::metrics::Meter,
};
use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, metadata::MetadataMap};
use tracing::Span;

use crate::{
    people::People,
    relay::Relay,
    trace::{self, Cases},
    wire::fields::Fields,
};

/// What a handler gives back.
pub type Answer<T> = Result<Response<T>, Status>;

/// How long a call may wait for other replicas when it names no deadline.
const PATIENCE: Duration = Duration::from_secs(2);

/// What every service stands on.
#[derive(Clone)]
pub struct Edge {
    /// Whose log it is.
    pub realm: RealmId,
    /// Where its aggregates stand.
    pub subjects: Subjects,
    /// The log.
    pub journal: Arc<dyn Journal>,
    /// The realm's time.
    pub clock: Arc<dyn Clock>,
    /// What identifies people.
    pub vault: Arc<dyn Vault>,
    /// How callers prove who they are.
    pub identities: Identities,
    /// What replicas relay to one another in a caller's name.
    pub relay: Relay,
    /// Who is who.
    pub people: View<People>,
    /// Where the trace of each case goes on.
    pub cases: View<Cases>,
    /// Where the process measures itself.
    pub meter: Meter,
    /// Cancelled when the process stops: streams end.
    pub stopping: CancellationToken,
}

/// Who gave a call, and when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// When the first replica received it; it judges deadlines.
    pub at: Timestamp,
    /// How long the call may wait for other replicas.
    pub patience: Duration,
}

/// Who opened a stream, and what they proved it with, which must go on to hold.
#[derive(Debug)]
pub struct Listener {
    /// Who.
    pub caller: Caller,
    /// The call without its message.
    pub(crate) credentials: Request<()>,
}

impl Edge {
    /// Who opens a stream; refused as [`Edge::admit`] does.
    pub fn admit_listener<M>(&self, call: Request<M>, action: Action) -> Result<(Listener, M), Status> {
        let credentials = Request::from_parts(call.metadata().clone(), call.extensions().clone(), ());
        let (caller, message) = self.admit(call, action)?;
        Ok((Listener { caller, credentials }, message))
    }

    /// Who calls; refused at once if nobody of their role may ever do this.
    pub fn admit<M>(&self, call: Request<M>, action: Action) -> Result<(Caller, M), Status> {
        let patience = deadline(call.metadata()).unwrap_or(PATIENCE);
        let (actor, at) = match self.relay.read(call.metadata()) {
            Some(relayed) => relayed,
            None => (self.identities.authenticate(&call)?, self.clock.now()),
        };
        if reach(actor.role, action) == Reach::Never {
            return Err(status::denied(actor.role, action));
        }
        Ok((Caller { actor, at, patience }, call.into_inner()))
    }

    /// Whether the caller may do this to what `party` finds; `what` and `id` name it. Whom a replica does not know yet it
    /// looks up at the head of the log before it says that there is no such thing.
    pub async fn may(
        &self,
        caller: &Caller,
        action: Action,
        (what, id): (&'static str, &str),
        party: impl Fn(&Parties) -> Party,
    ) -> Result<(), Status> {
        if self.is_allowed(caller, action, &party) {
            return Ok(());
        }
        self.catch_up(caller).await?;
        if self.is_allowed(caller, action, &party) { Ok(()) } else { Err(status::not_found(what, id)) }
    }

    fn is_allowed(&self, caller: &Caller, action: Action, party: impl Fn(&Parties) -> Party) -> bool {
        may(&caller.actor, action, &party(&self.people.now())) == Access::Allowed
    }

    /// Waits until this process has read all that was in the log when the call came.
    pub async fn catch_up(&self, caller: &Caller) -> Result<(), Status> {
        let head = self.journal.last().await.map_err(unread)?;
        self.people.reaches(head, caller.patience).await.map_err(refused)
    }

    /// Whether anything may be written: not while this process's clock is off, by which the command was received.
    pub fn may_write(&self) -> Result<(), Status> {
        match *self.journal.clock_off().borrow() {
            Some(off) => Err(status::clock_off(off, ClockOff::WAY_OUT)),
            None => Ok(()),
        }
    }

    /// What goes with a caller's command. `message` is what the command's fingerprint is taken of.
    pub fn meta(&self, caller: &Caller, request_id: &str, message: &impl Message) -> Result<Meta, Status> {
        self.may_write()?;
        let Caller { actor, at, .. } = caller;
        let meta = Meta::of_call(&self.realm, actor.clone(), *at, request_id, message, ids::new()).map_err(refused)?;
        Ok(Meta { trace: trace::here(), ..meta })
    }

    /// Lets the call go on in the trace of the request that it is about; before its [`Edge::meta`] is asked for.
    pub fn join(&self, request: &RequestId) {
        let case = self.cases.now().of(request);
        trace::go_on(&Span::current(), case);
    }

    /// The aggregate as a command left it. What a write answers besides its position is read there, so that a repeat is
    /// answered like the first time, whatever has happened since.
    pub async fn left_by<A: Aggregate>(&self, done: &Done, subject: &Subject) -> Result<A::State, Status>
    where
        A::Event: TryFrom<Event>,
    {
        let records = self.journal.load(subject, 0).await.map_err(unread)?;
        let until = records.iter().take_while(|record| record.sequence <= done.position.sequence);
        let mut state = A::State::default();
        for record in until {
            take::<A>(&mut state, record).map_err(|broken| refused(Undone::Broken(broken)))?;
        }
        Ok(state)
    }

    /// The moment that a read tells of: what the realm's clock shows; as of an earlier moment, that one, or the log time at
    /// the position that the caller names.
    pub fn moment(&self, at: Option<ReadAt>, looked: &Progress) -> Timestamp {
        let now = self.clock.now();
        match at.and_then(|at| at.as_of) {
            None => now,
            Some(AsOf::Position(_)) => looked.log_time,
            Some(AsOf::Time(time)) => Fields::default().time("read_at.time", Some(time)).unwrap_or(now).min(now),
        }
    }

    /// Reads a view at the moment asked for.
    pub async fn read<V: Fold + Clone + Default, T>(
        &self,
        caller: &Caller,
        view: &View<V>,
        at: Option<ReadAt>,
        look: impl FnOnce(&V, &Progress) -> T,
    ) -> Result<T, Status> {
        reading::read(view, self.journal.as_ref(), at, caller.patience, look).await.map_err(|no| status::refused(&no))
    }
}

/// Takes a record's events into an aggregate's state.
fn take<A: Aggregate>(state: &mut A::State, record: &Record) -> Result<(), Broken>
where
    A::Event: TryFrom<Event>,
{
    let sequence = record.sequence;
    let frame = stored::decode(&record.bytes).map_err(|what| Broken::Undecodable { sequence, what })?;
    for event in frame.commits.into_iter().flat_map(|commit| commit.events) {
        let corrupt = |what: String| Broken::Corrupt { sequence, what };
        let event = A::Event::try_from(event)
            .map_err(|_| corrupt(format!("an event of another aggregate on {}", record.subject)))?;
        A::evolve(state, &event).map_err(|impossible| corrupt(impossible.to_string()))?;
    }
    Ok(())
}

/// A log that could not be read, as a status.
pub fn unread(error: ReadError) -> Status {
    refused(Undone::from(error))
}

/// A refusal, as a status.
pub fn refused(no: impl Into<Refusal>) -> Status {
    status::refused(&no.into())
}

/// The deadline that the caller named: digits and a unit (gRPC over HTTP/2, `grpc-timeout`).
fn deadline(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number.saturating_mul(3600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_read_in_every_unit() {
        let read = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            deadline(&metadata)
        };
        assert_eq!(read("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(read("2M"), Some(Duration::from_secs(120)));
        assert_eq!(read("10S"), Some(Duration::from_secs(10)));
        assert_eq!(read("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("7n"), Some(Duration::from_nanos(7)));
        for bad in ["", "S", "xS", "5", "5X"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
