//! Which commands the desk has done, so that a repeat is answered and never done again.
//!
//! A caller's command is known until all work of its request has been over for a month; then it is forgotten, and the desk
//! refuses a repeat by itself, for nobody can do anything for such a request (`desk/tests/keeping.rs`). What the desk does by
//! itself nobody repeats, but for the facts of a record that it had not taken wholly. How long that is, commits alone tell:
//! whoever folds the same ones knows the same commands.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use muster_domain::{
    dispatch::{desk::Desk, events::DeskEvent},
    event::Event,
    kernel::{RequestId, Role, Timestamp},
};
use muster_journal::stored::{Commit, Position};
use uuid::Uuid;

/// How long commands are known after all work of their request is over.
const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

/// A command that was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Of the command as sent.
    pub fingerprint: [u8; 32],
    /// Where its commit stands; nowhere while it is on its way to the log.
    pub position: Option<Position>,
}

/// The commands that the desk has done and still knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Commands {
    done: BTreeMap<Uuid, Known>,
    /// Those of each request whose work is not over.
    of_request: BTreeMap<RequestId, Vec<Uuid>>,
    /// Those of each request whose work is over, and since when, the first first.
    over: VecDeque<(Timestamp, Box<[Uuid]>)>,
    /// Facts of the record that is being taken.
    facts: BTreeSet<Uuid>,
}

impl Commands {
    /// The command, if it was done and is known.
    pub fn get(&self, command: Uuid) -> Option<Known> {
        self.done.get(&command).copied().or_else(|| self.facts.contains(&command).then(Known::default))
    }

    /// Takes the next commit, whose events `desk` has taken.
    pub fn note(&mut self, commit: &Commit, position: Option<Position>, desk: &Desk) {
        self.forget(commit.recorded_at);
        if commit.actor.role != Role::System {
            self.done.insert(commit.command, Known { fingerprint: commit.fingerprint, position });
            let about = commit.events.first().and_then(of_desk).and_then(|event| desk.request_of(event));
            if let Some(request) = about {
                self.of_request.entry(request.clone()).or_default().push(commit.command);
            }
        } else if commit.causation.is_some() {
            self.facts.insert(commit.command);
        }
        for event in commit.events.iter().filter_map(of_desk) {
            if let DeskEvent::RequestFinished { request, .. } = event
                && let Some(commands) = self.of_request.remove(request)
            {
                self.over.push_back((commit.recorded_at, commands.into()));
            }
        }
    }

    /// What was taken until now is taken wholly: nobody reads it for the desk again.
    pub fn taken_wholly(&mut self) {
        self.facts.clear();
    }

    /// A command's commit is in the log.
    pub fn landed(&mut self, command: Uuid, position: Position) {
        if let Some(done) = self.done.get_mut(&command) {
            done.position = Some(position);
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((_, commands)) = self.over.pop_front_if(|(since, _)| since.plus(KNOWN_FOR) <= now) {
            for command in &commands {
                self.done.remove(command);
            }
        }
    }
}

fn of_desk(event: &Event) -> Option<&DeskEvent> {
    let Event::Desk(event) = event else { return None };
    Some(event)
}

#[cfg(test)]
mod tests {
    use muster_domain::kernel::{Actor, PrincipalId};

    use super::*;
    use crate::standby::Past;

    /// The desk's own commit: a fact that it takes, or a wake-up.
    fn own(command: u128, taken: u64, fact: bool) -> Commit {
        let command = Uuid::from_u128(command);
        Commit {
            command,
            fingerprint: [0; 32],
            received_at: Timestamp::default(),
            recorded_at: Timestamp::default(),
            actor: Actor { role: Role::System, principal: PrincipalId::parse("desk").unwrap() },
            causation: fact.then_some(command),
            correlation: command,
            policy: None,
            decided_at: None,
            taken: Some(taken),
            events: vec![],
            trace: None,
        }
    }

    #[test]
    fn of_its_own_commands_the_desk_knows_the_facts_of_the_record_that_it_takes() {
        let mut past = Past::default();
        let mut known = |command, taken, fact| {
            past.note(&own(command, taken, fact), None, &Desk::default());
            let known = (1..=6).filter(|command| past.commands.get(Uuid::from_u128(*command)).is_some());
            known.collect::<Vec<_>>()
        };
        assert_eq!(known(1, 7, true), [1], "record 8 has three facts");
        assert_eq!(known(2, 7, true), [1, 2]);
        assert_eq!(known(3, 7, false), [1, 2], "a wake-up comes once");
        assert_eq!(known(4, 8, true), [4], "with its last one the record is taken");
        assert_eq!(known(5, 8, false), [4]);
        assert_eq!(known(6, 9, true), [6]);
    }
}
