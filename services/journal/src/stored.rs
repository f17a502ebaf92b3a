//! Commits and frames, and their stored form: `muster.event.v1`, both ways from one declaration.
//!
//! What was written is read for as long as the log is kept, so the stored form only grows:
//!
//! * **A field**: `optional` in the message, an `Option` in the event, its name in the event's line. It is right only if its
//!   absence tells the truth about the past; readers are rolled out before writers.
//! * **An event**: a variant, a message, a line in its context's `events!`, a sample in `tests/golden`.
//! * **A version**: the old message keeps its shape under a name of its own (`FooV1`), the line says `2, 1 was FooV1`, and
//!   `impl From<v1::FooV1> for v1::Foo` says what the old one means. Everybody else knows only the newest.
//!
//! Encoding is deterministic. Decoding is exact: bytes that this build would not have written in that version are refused,
//! never half understood, because a decision on half a fact is a wrong one. So while a realm is upgraded, a process that meets
//! what a newer one wrote stops, and its callers ask the others.

mod keep;

mod dispatch;
mod eligibility;
mod intake;
mod registry;

use std::fmt;

use bytes::Bytes;
use muster_api::event::v1;
use muster_domain::{
    dispatch::events::DeskEvent,
    eligibility::events::{AssessmentEvent, PolicyEvent},
    event::Event,
    intake::events::RequestEvent,
    kernel::{Actor, Timestamp},
    registry::events::{
        AuthorityEvent, CatalogueEvent, HospitalEvent, MandateEvent, ProviderEvent, RealmEvent, RequirementEvent,
        ThirdCountryEvent,
    },
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::keep::*;
use crate::trace::Trace;

/// A place in the realm's log: the record, and the commit within its frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The record's sequence.
    pub sequence: u64,
    /// The commit's index in the frame, from 0.
    pub index: u32,
}

/// All events of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The command's id; a repeat of the command has the same.
    pub command: Uuid,
    /// SHA-256 of the command as sent: the same id with another fingerprint is another command.
    pub fingerprint: [u8; 32],
    /// When the command was received; it judges deadlines.
    pub received_at: Timestamp,
    /// When the commit was made; it never decreases within a subject.
    pub recorded_at: Timestamp,
    /// Who gave the command.
    pub actor: Actor,
    /// The command id of the commit that caused this one, if an event did.
    pub causation: Option<Uuid>,
    /// The command id of the first commit of the chain.
    pub correlation: Uuid,
    /// The policy it was decided under, if any bore on it.
    pub policy: Option<u32>,
    /// The previous commit on the subject: the state it was decided on.
    pub decided_at: Option<Position>,
    /// The desk alone: the realm's sequence up to which it has taken every fact.
    pub taken: Option<u64>,
    /// What happened, in order. A fencing commit has none.
    pub events: Vec<Event>,
    /// Where it was made in a distributed trace, if in one.
    pub trace: Option<Trace>,
}

/// The commits of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its id; it is also the record's `Nats-Msg-Id`.
    pub id: Uuid,
    /// SHA-256 of the subject's previous stored frame; zero for the first.
    pub previous: [u8; 32],
    /// In order. A fencing frame has none.
    pub commits: Vec<Commit>,
}

/// The stored form of a frame: the same frame always gives the same bytes.
///
/// Spans are kept in whole milliseconds: whoever makes an event rounds them first, or replay would differ.
pub fn encode(frame: &Frame) -> Bytes {
    let kept: v1::Frame = frame.keep();
    kept.encode_to_vec().into()
}

/// Reads a stored frame. It never panics, whatever the bytes.
pub fn decode(bytes: &[u8]) -> Result<Frame, Undecodable> {
    Frame::recall(exactly::<v1::Frame>(bytes)?)
}

/// How many bytes a commit adds to a stored frame at most, wherever in the log it is decided.
pub fn size(commit: &Commit) -> usize {
    let anywhere = Position { sequence: u64::MAX, index: u32::MAX };
    let kept: v1::Commit = commit.keep();
    let kept = v1::Commit { decided_at: Some(anywhere.keep()), ..kept };
    // It stands in the frame under a tag and its length.
    kept.encoded_len().saturating_add(1).saturating_add(prost::length_delimiter_len(kept.encoded_len()))
}

/// SHA-256 of a stored frame: the next frame of its subject says it as `previous`.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// What an event is called in the log, for ever, and in which version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventType {
    /// `<context>.<aggregate>.<event>`, e.g. `intake.request.opened`.
    pub name: &'static str,
    /// From 1.
    pub version: u32,
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.v{}", self.name, self.version)
    }
}

/// Bytes that are not a stored frame that this build knows: where, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undecodable {
    /// The path to the field in the frame, e.g. `commits[0].events[2].facts.country`; empty for the frame itself.
    pub place: String,
    /// Type and version of the event, as they stand in the bytes, if it is about one.
    pub event: Option<(String, u32)>,
    /// What is wrong.
    pub what: String,
    /// It says more than this build knows: most likely a newer one wrote it, and nothing is wrong with the log.
    pub newer: bool,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "frame" } else { &self.place };
        match &self.event {
            Some((name, version)) => write!(f, "{place} ({name} version {version}): {}", self.what)?,
            None => write!(f, "{place}: {}", self.what)?,
        }
        f.write_str(if self.newer { "; if a newer Muster wrote it, upgrade this one" } else { "" })
    }
}

impl std::error::Error for Undecodable {}

messages! {
    Frame { id, previous, commits }
    Commit {
        command, fingerprint, received_at: received_at_unix_ms, recorded_at: recorded_at_unix_ms, actor, causation,
        correlation, policy, decided_at, taken, events, trace: traceparent,
    }
    Actor { role, principal }
    Position { sequence, index }
}

/// Names the aggregates whose events may stand in the log.
macro_rules! aggregates {
    ($($aggregate:ident($event:ident),)*) => {
        /// Every event type and version that can be read, by aggregate.
        pub const EVENT_TYPES: &[&[EventType]] = &[$($event::TYPES,)*];

        /// What an event is called in the log.
        pub fn event_type(event: &Event) -> EventType {
            match event {
                $(Event::$aggregate(event) => event.event_type(),)*
            }
        }

        /// The name of the message of `muster.event.v1` that such an event's payload is; `None` for a type or version that
        /// this build does not know.
        pub fn payload_message(name: &str, version: u32) -> Option<&'static str> {
            None$(.or_else(|| $event::message(name, version)))*
        }

        impl Keep<v1::StoredEvent> for Event {
            fn keep(&self) -> v1::StoredEvent {
                let EventType { name, version } = event_type(self);
                let payload = match self {
                    $(Event::$aggregate(event) => event.payload(),)*
                };
                v1::StoredEvent { r#type: name.to_owned(), version, payload }
            }

            fn recall(kept: v1::StoredEvent) -> Result<Self, Undecodable> {
                let v1::StoredEvent { r#type: name, version, payload } = kept;
                let recalled = || {
                    $(if let Some(event) = $event::read(&name, version, &payload)? {
                        return Ok(Self::$aggregate(event));
                    })*
                    Err(unknown(&name))
                };
                recalled().map_err(|error| Undecodable { event: Some((name.clone(), version)), ..error })
            }
        }
    };
}

aggregates! {
    Realm(RealmEvent),
    Hospital(HospitalEvent),
    Authority(AuthorityEvent),
    Provider(ProviderEvent),
    Mandate(MandateEvent),
    Requirement(RequirementEvent),
    ThirdCountry(ThirdCountryEvent),
    Catalogue(CatalogueEvent),
    Request(RequestEvent),
    Assessment(AssessmentEvent),
    Policy(PolicyEvent),
    Desk(DeskEvent),
}

/// An event that no aggregate reads: its type or only its version is not known.
fn unknown(name: &str) -> Undecodable {
    let known = EVENT_TYPES.iter().copied().flatten().any(|known| known.name == name);
    Undecodable::newer(if known { "this version of the event is not known" } else { "this event type is not known" })
}

#[cfg(test)]
mod tests;
