//! Commits and frames, and their stored form.

use muster_domain::{
    event::Event,
    kernel::{Actor, Timestamp},
};
use uuid::Uuid;

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
