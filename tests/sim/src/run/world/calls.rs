//! Clients: each sends a command, and sends the same one again to another process while it does not know what became of it.

use std::collections::BTreeMap;

use muster_journal::{
    engine::{Done, Undone},
    port::Record,
    stored::{self, Position},
};
use uuid::Uuid;

use super::{Event, World};
use crate::{
    history::{Operation, Outcome},
    run::{
        asked::Command,
        judge::Found,
        process::{Call, In},
        rng::Rng,
    },
};

/// How long a client waits for an answer.
const PATIENCE: i64 = 15_000;
/// How many calls each process must serve in the end.
const TAIL: usize = 5;
/// How often it calls at most.
const CALLS_MAX: u32 = 6;

/// A command that was refused, and why.
#[derive(Clone, Debug)]
pub struct Refused {
    /// By whom.
    pub of: String,
    /// The stable reason.
    pub reason: &'static str,
}

impl Refused {
    fn new(command: &Command, reason: &'static str) -> Self {
        Self { of: format!("refused by {}", command.asks()), reason }
    }
}

struct Errand {
    call: Call,
    calls: u32,
}

/// All clients.
pub(super) struct Clients {
    rng: Rng,
    errands: BTreeMap<u64, Errand>,
    waiting: BTreeMap<u64, (u64, u64)>,
    made: u64,
    ended: Vec<(Operation, bool)>,
    pub(super) refused: Vec<Refused>,
}

impl Clients {
    pub(super) fn new(seed: u64) -> Self {
        let (errands, waiting, ended, refused) = Default::default();
        Self { rng: Rng::new(seed, "clients"), errands, waiting, made: 0, ended, refused }
    }

    pub(super) fn add(&mut self, call: Call) -> u64 {
        self.made = self.made.saturating_add(1);
        self.errands.insert(self.made, Errand { call, calls: 0 });
        self.made
    }

    /// What clients saw. Who asks again may be told of what the first try did, or that it is so already.
    pub(super) fn history(&self, records: &[Record]) -> Vec<Operation> {
        let mut standing: BTreeMap<Position, Uuid> = BTreeMap::new();
        for record in records {
            let commits = stored::decode(&record.bytes).map(|frame| frame.commits).unwrap_or_default();
            for (index, commit) in (0..).zip(commits) {
                standing.insert(Position { sequence: record.sequence, index }, commit.command);
            }
        }
        let own = |operation: &Operation, position| standing.get(&position) == Some(&operation.command);
        let told = |(operation, news): &(Operation, bool)| match operation.outcome {
            Outcome::Done(position) if !news && !own(operation, position) => {
                Operation { outcome: Outcome::Already(position), ..*operation }
            }
            Outcome::Done(_) | Outcome::Already(_) | Outcome::Refused | Outcome::Unknown => *operation,
        };
        self.ended.iter().map(told).collect()
    }
}

impl World {
    /// Every process serves: of the last calls to each, every one is done.
    pub fn serves(&mut self) -> Vec<Found> {
        let before = self.clients.ended.len();
        for _ in 0..TAIL {
            for name in 0..self.nodes.len() {
                let operation = self.clients.add(self.people.tail());
                self.client_calls_to(operation, name);
                self.go_on(200);
            }
        }
        self.go_on(PATIENCE);
        let last = self.clients.ended.get(before..).unwrap_or_default();
        let done = last.iter().filter(|(operation, _)| matches!(operation.outcome, Outcome::Done(_))).count();
        let asked = TAIL.saturating_mul(self.nodes.len());
        if done >= asked && done == last.len() {
            Vec::new()
        } else {
            vec![Found::new("V5", format!("of {asked} commands in the end, {done} were done by {} calls", last.len()))]
        }
    }

    /// A client calls some process.
    pub(super) fn client_calls(&mut self, operation: u64) {
        let processes = u64::try_from(self.nodes.len()).unwrap_or(1);
        let name = usize::try_from(self.clients.rng.below(processes)).unwrap_or(0);
        self.client_calls_to(operation, name);
    }

    fn client_calls_to(&mut self, operation: u64, name: usize) {
        let clients = &mut self.clients;
        clients.made = clients.made.saturating_add(1);
        let call = clients.made;
        let Some(errand) = clients.errands.get_mut(&operation) else { return };
        errand.calls = errand.calls.saturating_add(1);
        let what = Box::new(errand.call.clone());
        clients.waiting.insert(call, (operation, self.steps));
        self.queue.after(PATIENCE, Event::Hangs(call));
        self.carry(Event::Calls(name, call, what));
    }

    pub(super) fn call_arrives(&mut self, name: usize, call: u64, what: Box<Call>) {
        let Some(node) = self.nodes.get(name) else { return };
        if node.process.is_none() {
            let gone = Undone::Unavailable("nobody answers here".to_owned());
            return self.carry(Event::ToClient(call, Err(gone)));
        }
        self.feed(name, node.epoch, In::Call(call, what));
    }

    pub(super) fn client_hears(&mut self, call: u64, answer: Result<Done, Undone>) {
        let Some((operation, invoked)) = self.clients.waiting.remove(&call) else { return };
        let Some(errand) = self.clients.errands.get(&operation) else { return };
        let command = errand.call.id;
        let (outcome, news, again) = match &answer {
            Ok(Done { position, news }) => (Outcome::Done(*position), *news, false),
            Err(Undone::Refused(refusal)) => {
                self.clients.refused.push(Refused::new(&errand.call.command, refusal.reason));
                (Outcome::Refused, false, false)
            }
            Err(Undone::Reused(_)) => {
                self.clients.refused.push(Refused::new(&errand.call.command, "REQUEST_ID_REUSED"));
                (Outcome::Refused, false, false)
            }
            Err(Undone::Unsure | Undone::Unavailable(_) | Undone::Broken(_)) => (Outcome::Unknown, false, true),
            Err(Undone::TooLarge { .. }) => (Outcome::Refused, false, false),
        };
        self.told(operation, Operation { command, invoked, returned: self.steps, outcome }, news, again);
    }

    pub(super) fn client_hangs_up(&mut self, call: u64) {
        let Some((operation, invoked)) = self.clients.waiting.remove(&call) else { return };
        let Some(command) = self.clients.errands.get(&operation).map(|errand| errand.call.id) else { return };
        let seen = Operation { command, invoked, returned: self.steps, outcome: Outcome::Unknown };
        self.told(operation, seen, false, true);
    }

    fn told(&mut self, operation: u64, seen: Operation, news: bool, again: bool) {
        self.clients.ended.push((seen, news));
        let calls = self.clients.errands.get(&operation).map_or(0, |errand| errand.calls);
        if again && calls < CALLS_MAX {
            let pause = self.clients.rng.magnitude(100, 10_000);
            return self.queue.after(pause, Event::Again(operation));
        }
        self.clients.errands.remove(&operation);
    }
}
