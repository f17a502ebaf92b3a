//! One aggregate as folded from its subject.

use std::collections::BTreeMap;

use muster_domain::{
    event::Event,
    kernel::{Aggregate, Timestamp},
};
use uuid::Uuid;

use super::{Broken, Meta};
use crate::{
    port::Record,
    stored::{self, Commit, Frame, Position},
};

/// What is known of an aggregate: its state, and what the log's guarantees need.
#[derive(Debug)]
pub struct Entity<A: Aggregate> {
    /// The fold of its events.
    pub state: A::State,
    /// The sequence of its last record, 0 before the first.
    pub sequence: u64,
    /// Its last commit.
    pub last: Option<Position>,
    /// The hash of its last stored frame.
    hash: [u8; 32],
    /// No later commit is recorded earlier.
    recorded_at: Timestamp,
    /// Commands done, with their fingerprints.
    commands: BTreeMap<Uuid, ([u8; 32], Position)>,
}

impl<A: Aggregate> Clone for Entity<A> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), commands: self.commands.clone(), ..*self }
    }
}

impl<A: Aggregate> Default for Entity<A> {
    fn default() -> Self {
        Self {
            state: A::State::default(),
            sequence: 0,
            last: None,
            hash: [0; 32],
            recorded_at: Timestamp::default(),
            commands: BTreeMap::new(),
        }
    }
}

impl<A: Aggregate> Entity<A>
where
    A::Event: TryFrom<Event> + Into<Event>,
{
    /// With the next record of the subject; one that is known already changes nothing. An entity that cannot take a record is
    /// gone: nobody may decide on half of one.
    pub fn take(mut self, record: &Record) -> Result<Self, Broken> {
        if record.sequence <= self.sequence {
            return Ok(self);
        }
        let sequence = record.sequence;
        let frame = stored::decode(&record.bytes).map_err(|what| Broken::Undecodable { sequence, what })?;
        if frame.previous != self.hash {
            return Err(Broken::Chain { sequence, subject: record.subject.to_string() });
        }
        for (index, commit) in (0..).zip(frame.commits) {
            let position = Position { sequence, index };
            for event in commit.events {
                let event = A::Event::try_from(event).map_err(|_| Broken::Corrupt {
                    sequence,
                    what: format!("an event of another aggregate on {}", record.subject),
                })?;
                A::evolve(&mut self.state, &event)
                    .map_err(|corrupt| Broken::Corrupt { sequence, what: corrupt.to_string() })?;
            }
            self.commands.insert(commit.command, (commit.fingerprint, position));
            self.recorded_at = self.recorded_at.max(commit.recorded_at);
            self.last = Some(position);
        }
        self.hash = stored::hash(&record.bytes);
        self.sequence = sequence;
        Ok(self)
    }

    /// Where the command was done, if it was, and the fingerprint it had.
    pub fn done(&self, command: Uuid) -> Option<([u8; 32], Position)> {
        self.commands.get(&command).copied()
    }

    /// The frame that appends these events as one commit.
    pub fn frame(&self, id: Uuid, meta: &Meta, events: Vec<A::Event>, now: Timestamp) -> Frame {
        let commit = Commit {
            command: meta.command,
            fingerprint: meta.fingerprint,
            received_at: meta.received.at,
            recorded_at: self.recorded_at.max(now),
            actor: meta.received.by.clone(),
            causation: meta.causation,
            correlation: meta.correlation,
            policy: None,
            decided_at: self.last,
            taken: None,
            events: events.into_iter().map(Into::into).collect(),
            trace: meta.trace,
        };
        Frame { id, previous: self.hash, commits: vec![commit] }
    }
}
