//! The simulator: many processes, a faulty sea between them and their journal, people who act and a clock that waits for
//! nobody; all of it from one seed, and the same every time.

pub mod asked;
pub mod bugs;
pub mod cast;
pub mod coverage;
pub mod forged;
pub mod hunt;
pub mod judge;
pub mod people;
pub mod plan;
pub mod process;
pub mod queue;
pub mod rng;
pub mod sea;
pub mod world;

use std::collections::BTreeMap;

use self::{
    bugs::Bug,
    coverage::Reached,
    judge::{Found, Judged, judge, recovered},
    plan::{Fault, Plan},
    world::World,
};

/// One minute.
const MINUTE: i64 = 60_000;
/// One hour.
const HOUR: i64 = 60 * MINUTE;

/// How a run went.
#[derive(Debug)]
pub struct Report {
    /// Its plan.
    pub plan: Plan,
    /// What is wrong.
    pub found: Vec<Found>,
    /// The hash of the log.
    pub hash: [u8; 32],
    /// The hash of all that happened.
    pub trace: u64,
    /// Simulated milliseconds.
    pub millis: i64,
    /// Of these, how many passed with nothing but renewals.
    pub skipped: i64,
    /// Events of the simulation.
    pub steps: u64,
    /// Events in the log.
    pub events: u64,
    /// Calls of clients.
    pub calls: u64,
    /// Things checked.
    pub checks: u64,
    /// Faults that happened.
    pub faults: BTreeMap<Fault, u64>,
    /// What was reached.
    pub reached: Reached,
}

/// Plays a plan: everything begins well, then people act while faults happen; all is mended, and everything must come to rest;
/// every deadline of the law passes; then all of it is judged.
pub fn run(plan: &Plan, bug: Option<Bug>) -> Report {
    let (world, mut found) = play(plan, bug);
    let mut reached = world.reached.clone();
    let Judged { found: wrong, checks, hash, events, calls } = judge(&world, bug, &mut reached);
    found.extend(wrong);
    found.sort();
    found.dedup();
    Report {
        plan: plan.clone(),
        found,
        hash,
        trace: world.trace,
        millis: world.now().since(cast::at_millis(0)).as_millis().try_into().unwrap_or(i64::MAX),
        skipped: world.skipped,
        steps: world.steps,
        events,
        calls,
        checks,
        faults: world.faults.clone(),
        reached,
    }
}

/// The world when a plan is played, and what was wrong on the way.
pub fn play(plan: &Plan, bug: Option<Bug>) -> (World, Vec<Found>) {
    let mut world = World::new(plan.clone(), bug);
    world.go_on(MINUTE);
    world.storm();
    world.go_on(plan.hours.saturating_mul(HOUR));
    world.mend();
    world.go_on(2 * MINUTE);
    let mut found = recovered(&world);
    found.extend(world.serves());
    world.go_on(60 * HOUR);
    found.extend(recovered(&world));
    found.extend(world.wrong.iter().map(|(id, says)| Found::new(id, says.clone())));
    (world, found)
}
