//! What is asked of a run when it is over: that everything came to rest as it should, and that nothing that was ever written,
//! told or shown is wrong.

use std::{collections::BTreeMap, time::Duration};

use futures::executor::block_on;
use muster_dispatch::{standby::Start, writer::Writer};
use muster_domain::{
    dispatch::{desk, events::DeskEvent},
    event::Event,
    kernel::{PackageId, Received, Role},
};
use muster_journal::{
    port::{Context, Journal},
    stored::Position,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    asked::Command,
    bugs::Bug,
    cast::actor,
    coverage::Reached,
    forged::Forged,
    process::{Follower, Process, Standing},
    world::World,
};
use crate::{
    history,
    log::{Entry, commits, read_log},
    oracles::{self, Violation},
    replay::{self, Given},
    timeline::{Moment, Timeline},
};

/// Contexts whose decisions are made again.
const DECIDERS: [Context; 3] = [Context::Intake, Context::Eligibility, Context::Dispatch];

/// Something that is wrong, under the id of the invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Which invariant.
    pub id: &'static str,
    /// What is wrong.
    pub says: String,
}

impl Found {
    pub(super) fn new(id: &'static str, says: impl Into<String>) -> Self {
        Self { id, says: says.into() }
    }
}

impl From<Violation> for Found {
    fn from(violation: Violation) -> Self {
        Self::new(violation.id, violation.to_string())
    }
}

/// What a log's every commit was asked.
#[derive(Debug, Default)]
pub struct Judged {
    /// All that is wrong.
    pub found: Vec<Found>,
    /// How many things were checked: each commit by each oracle, each call of a client, each decision made again, each view.
    pub checks: u64,
    /// The hash of the log.
    pub hash: [u8; 32],
    /// Events in the log.
    pub events: u64,
    /// Calls of clients.
    pub calls: u64,
}

/// How many views of each process are compared with the log.
const VIEWS: usize = 6;

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

/// What must hold a moment after everything is well again.
pub(super) fn recovered(world: &World) -> Vec<Found> {
    let mut found = Vec::new();
    let last = world.sea.last();
    let standing = world.nodes.iter().map(|node| node.process.as_ref().map(|process| process.standing()));
    let standing: Vec<_> = standing.collect();
    if standing.iter().filter(|one| **one == Some(Standing::Holds)).count() != 1 {
        found.push(Found::new("V1", format!("at {} the desk is not in one pair of hands: {standing:?}", world.now())));
    }
    for (name, node) in world.nodes.iter().enumerate() {
        let Some(process) = &node.process else {
            found.push(Found::new("V3", format!("process {name} does not run")));
            continue;
        };
        if process.follower.sequence() < last {
            let has = process.follower.sequence();
            found.push(Found::new("V3", format!("process {name} has read up to {has} of {last}")));
        }
        let overdue = process.overdue(world.now()).into_iter();
        found.extend(overdue.map(|what| Found::new("agenda", format!("process {name}: {what}"))));
        let late = process.follower.monitor.late(world.now()).into_iter();
        found.extend(late.map(|(owed, _)| Found::new("agenda", format!("process {name}: {owed}"))));
    }
    found.extend(unsettled(world));
    found
}

/// V1 and V2: whatever the desk would do by itself now it has done.
fn unsettled(world: &World) -> Option<Found> {
    let subject = world.subjects.desk().ok()?;
    let history = block_on(world.sea.memory.load(&subject, 0)).ok()?;
    let (writer, _) = Writer::new(subject, Start::default(), &history, Uuid::nil()).ok()?;
    let mut desk = writer.desk().clone();
    let received = Received { at: world.now(), by: actor(Role::System, "desk") };
    match desk.handle(desk::Command::Wake, &received, world.now()) {
        Ok(left) if left.is_empty() => None,
        Ok(left) => {
            Some(Found::new("V1", format!("at {} the desk has left undone what is due: {left:?}", world.now())))
        }
        Err(rejection) => Some(Found::new("V1", format!("{rejection:?}"))),
    }
}

/// Everything that is wrong with what was written, told and shown.
pub(super) fn judge(world: &World, bug: Option<Bug>, reached: &mut Reached) -> Judged {
    let log = block_on(read_log(&world.sea.memory)).unwrap_or_default();
    let mut forged = Forged { log, history: world.history() };
    let wrong_code = bug.is_some_and(|bug| forged.forge(bug));
    let Forged { log, history } = forged;
    let all = count(commits(&log).count());
    commits(&log).flat_map(|at| &at.commit.events).for_each(|event| reached.happened(event));
    let mut judged = Judged {
        found: oracles::all(&log).into_iter().map(Found::from).collect(),
        checks: all.saturating_mul(count(oracles::ORACLES.len())),
        hash: hash(&log),
        events: count(commits(&log).map(|at| at.commit.events.len()).sum()),
        calls: count(history.len()),
    };
    let late = oracles::d10::check_until(&log, world.now(), Duration::from_secs(60));
    judged.found.extend(late.into_iter().map(Found::from));
    judged.found.extend(history::check(&history, &log).into_iter().map(Found::from));
    if !wrong_code {
        // Code that decides wrongly decides wrongly again.
        let given = |id: Uuid| world.asked.get(&id).into_iter().flatten().filter_map(given).collect();
        let (decided, wrong) = replay::check(&log, &DECIDERS, given, |decided| reached.decided(&decided));
        judged.found.extend(wrong.into_iter().map(Found::from));
        judged.checks = judged.checks.saturating_add(count(decided));
    }
    judged.found.extend(unended(world, &log));
    judged.found.extend(untold(world, &log));
    world.answers().iter().for_each(|refused| reached.refused(refused));
    judged.found.extend(shown(world));
    let views = world.nodes.len().saturating_mul(VIEWS);
    judged.checks = judged.checks.saturating_add(judged.calls).saturating_add(count(views));
    judged
}

fn given(command: &Command) -> Option<Given> {
    match command {
        Command::Desk(command) => Some(Given::Desk(*command.clone())),
        Command::Request(command) => Some(Given::Request(*command.clone())),
        Command::Assessment(command) => Some(Given::Assessment(*command.clone())),
        Command::Realm(_)
        | Command::Authority(_)
        | Command::Hospital(_)
        | Command::Provider(_)
        | Command::Mandate(_)
        | Command::Requirement(_)
        | Command::ThirdCountry(_)
        | Command::Catalogue(_)
        | Command::Policy(_) => None,
    }
}

/// The whole log as one number.
pub fn hash(log: &[Entry]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for entry in log {
        hash.update(entry.sequence.to_be_bytes());
        hash.update(entry.subject.as_str().as_bytes());
        hash.update(entry.frame.id.as_bytes());
        hash.update(&entry.bytes);
    }
    hash.finalize().into()
}

/// V2: every offer whose time is over has ended.
fn unended(world: &World, log: &[Entry]) -> Vec<Found> {
    let desk = Timeline::of(log);
    let end = Moment::end_of(desk.steps.len());
    let late = desk.offers.values().filter(|offer| offer.is_pending(end) && offer.expires_at < world.now());
    late.map(|offer| Found::new("V2", format!("offer {} stands though it ended at {}", offer.id, offer.expires_at)))
        .collect()
}

/// V4: nobody waits in vain: either somebody who may be asked is only busy, or a person was told since it was last asked for.
fn untold(world: &World, log: &[Entry]) -> Vec<Found> {
    let desk = Timeline::of(log);
    let end = Moment::end_of(desk.steps.len());
    let mut told: BTreeMap<_, Position> = BTreeMap::new();
    let mut asked: BTreeMap<_, Position> = BTreeMap::new();
    for at in commits(log) {
        for event in &at.commit.events {
            if let Event::Desk(DeskEvent::Escalated { package, .. }) = event {
                told.insert(package, at.position);
            } else if let Event::Desk(DeskEvent::Offered { package, .. } | DeskEvent::Reopened { package, .. }) = event
            {
                asked.insert(package, at.position);
            }
        }
    }
    let waits = |package: &&PackageId| {
        desk.over(package).is_none()
            && !desk.offers_of(package).any(|offer| offer.is_pending(end) || offer.is_engaged(end))
    };
    let heard = |package: &PackageId| told.get(package).is_some_and(|told| Some(told) >= asked.get(package));
    let busy = |package: &PackageId| {
        desk.terms.keys().any(|provider| desk.forbids(package, provider, end, world.now()).is_empty())
    };
    let waiting = desk.packages.keys().copied().filter(waits);
    let unheard = waiting.filter(|package| !heard(package) && !busy(package));
    unheard.map(|package| Found::new("V4", format!("package {package} waits, and nobody was told"))).collect()
}

/// P1: what every process shows is what the log says.
fn shown(world: &World) -> Vec<Found> {
    let mut from_zero = Follower::default();
    for record in &world.sea.records {
        if let Err(broken) = from_zero.take(record, None) {
            return vec![Found::new("P1", format!("the log cannot be followed: {broken}"))];
        }
    }
    let mut found = Vec::new();
    for (name, node) in world.nodes.iter().enumerate() {
        // Whoever is behind claims nothing of the rest; V3 tells.
        let there = |process: &&Process| process.follower.sequence() == world.sea.last();
        let Some(process) = node.process.as_ref().filter(there) else { continue };
        let differs = process.follower.differs(&from_zero).into_iter();
        found.extend(differs.map(|view| Found::new("P1", format!("process {name} shows other {view} than the log"))));
    }
    found
}
