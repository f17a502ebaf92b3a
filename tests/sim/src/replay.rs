//! D11 in full: every commit, decided again on the fold of those before it, is the same. This is no oracle of the log alone: it
//! needs the commands too, and it asks the very code that decided.

use std::collections::BTreeMap;

use muster_domain::{
    dispatch::{
        desk::{self, Desk, DeskAggregate},
        taking,
    },
    eligibility::assessment::{self, Assessment},
    event::Event,
    intake::request::{self, Request},
    kernel::{Aggregate, Received, RequestId},
};
use muster_journal::{port::Context, subjects::id_of};
use uuid::Uuid;

use crate::{
    log::{At, Entry, commits},
    oracles::Violation,
};

/// The id of what is found here.
pub const ID: &str = "replay";

/// A command that somebody gave.
#[derive(Clone, Debug)]
pub enum Given {
    /// To the desk.
    Desk(desk::Command),
    /// To a request.
    Request(request::Command),
    /// To an assessment.
    Assessment(assessment::Command),
}

/// What a decision was made on, for whoever counts what was reached.
pub enum Decided<'a> {
    /// The desk's.
    Desk(&'a Desk, &'a desk::Command),
    /// A request's.
    Request(&'a Option<Request>, &'a request::Command),
    /// An assessment's.
    Assessment(&'a assessment::State, &'a assessment::Command),
}

/// The commands by which the desk takes in facts, by the ids that it gives them.
fn facts(log: &[Entry]) -> BTreeMap<Uuid, desk::Command> {
    let mut facts = BTreeMap::new();
    for Entry { subject, frame, .. } in log {
        for (place, commit) in frame.commits.iter().enumerate() {
            for (index, event) in commit.events.iter().enumerate() {
                let id = Uuid::new_v5(&frame.id, format!("desk-takes-{place}-{index}").as_bytes());
                facts.extend(taking::command(event, id_of(subject)).map(|command| (id, command)));
            }
        }
    }
    facts
}

/// Decides again what these contexts decided. `given` tells every command that was ever sent under an id; `look` sees each
/// decision made.
pub fn check(
    log: &[Entry],
    of: &[Context],
    given: impl Fn(Uuid) -> Vec<Given>,
    mut look: impl FnMut(Decided),
) -> (usize, Vec<Violation>) {
    let facts = facts(log);
    let mut desk = Desk::default();
    let mut requests: BTreeMap<RequestId, Option<Request>> = BTreeMap::new();
    let mut assessments: BTreeMap<RequestId, assessment::State> = BTreeMap::new();
    let (mut decided, mut found) = (0_usize, Vec::new());
    for at in commits(log).filter(|at| of.contains(&at.subject.context())) {
        let name = || RequestId::parse(at.subject.id()).unwrap_or_default();
        let id = at.command();
        let wrong = match at.subject.context() {
            Context::Dispatch => {
                let known = facts.get(&id).cloned().into_iter();
                let asked = given(id).into_iter().filter_map(|given| match given {
                    Given::Desk(command) => Some(command),
                    Given::Request(_) | Given::Assessment(_) => None,
                });
                let mut commands: Vec<_> = known.chain(asked).collect();
                if commands.is_empty() {
                    commands.push(desk::Command::Wake);
                }
                let commands = commands.into_iter().map(|command| (command, at.commit.recorded_at)).collect();
                again::<DeskAggregate>(&mut desk, commands, &at, |state, (command, _)| {
                    look(Decided::Desk(state, command))
                })
            }
            Context::Intake => {
                let asked = given(id).into_iter().filter_map(|given| match given {
                    Given::Request(command) => Some(command),
                    Given::Desk(_) | Given::Assessment(_) => None,
                });
                let state = requests.entry(name()).or_default();
                again::<Request>(state, asked.collect(), &at, |state, command| look(Decided::Request(state, command)))
            }
            Context::Eligibility if at.subject.id() != "policy" => {
                let asked = given(id).into_iter().filter_map(|given| match given {
                    Given::Assessment(command) => Some(command),
                    Given::Desk(_) | Given::Request(_) => None,
                });
                let state = assessments.entry(name()).or_default();
                again::<Assessment>(state, asked.collect(), &at, |state, command| {
                    look(Decided::Assessment(state, command));
                })
            }
            Context::Eligibility | Context::Registry => continue,
        };
        decided = decided.saturating_add(1);
        found.extend(wrong.map(|says| Violation::new(ID, at.position, format!("{}: {says}", at.subject))));
    }
    (decided, found)
}

/// Decides one commit again and takes it into the state; what differs, in words.
fn again<A: Aggregate>(
    state: &mut A::State,
    commands: Vec<A::Command>,
    at: &At,
    mut look: impl FnMut(&A::State, &A::Command),
) -> Option<String>
where
    A::Event: TryFrom<Event> + Into<Event>,
{
    let received = Received { at: at.commit.received_at, by: at.commit.actor.clone() };
    let events: Vec<A::Event> =
        at.commit.events.iter().filter_map(|event| A::Event::try_from(event.clone()).ok()).collect();
    let mut wrong = Some("nobody gave the command".to_owned());
    for command in commands {
        let made = A::decide(state, command.clone(), &received);
        if made.as_ref() == Ok(&events) {
            look(state, &command);
            wrong = None;
            break;
        }
        wrong = Some(format!("{command:?} gives {made:?}, and was {events:?}"));
    }
    for event in &events {
        if let Err(corrupt) = A::evolve(state, event) {
            wrong = Some(corrupt.to_string());
        }
    }
    wrong
}
