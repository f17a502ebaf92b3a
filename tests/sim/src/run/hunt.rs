//! Planted bugs are hunted, seeds are counted together, and a plan that fails is made as small as it will go.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    Report,
    bugs::Bug,
    coverage::Reached,
    judge::Found,
    plan::{Fault, Plan},
    run,
};

/// How many seeds a planted bug may take, and the invariant that it breaks until it tells of it alone.
pub const SEEDS: u64 = 100;

/// What came of hunting a bug.
#[derive(Clone, Debug)]
pub struct Hunted {
    /// The bug.
    pub bug: Bug,
    /// After how many seeds it was found, and by which oracles.
    pub found: Option<(u64, BTreeSet<&'static str>)>,
    /// How long that took.
    pub took: Duration,
    /// After how many seeds the invariant that it breaks told of it and nothing else did: without that oracle it passes.
    pub alone: Option<u64>,
}

impl Hunted {
    /// Whether it was found, and by its invariant alone if it breaks but one.
    pub fn is_found(&self) -> bool {
        self.found.is_some() && (self.alone.is_some() || self.bug.breaks().is_empty())
    }
}

/// Now, as whoever waits for the simulator measures it; nothing simulated knows of it.
#[expect(clippy::disallowed_methods, reason = "how long a hunt takes is told, and changes nothing")]
pub fn moment() -> Instant {
    Instant::now()
}

/// Hunts a bug through seeds from 0 on, until it is found, by its invariant alone if it breaks but one.
pub fn hunt(bug: Bug, seeds: u64) -> Hunted {
    let begun = moment();
    let mut hunted = Hunted { bug, found: None, took: Duration::ZERO, alone: None };
    for seed in 0..seeds {
        let plan = Plan::new(seed);
        let told = told(&plan, bug);
        if told.is_empty() {
            continue;
        }
        let times = seed.saturating_add(1);
        if hunted.found.is_none() {
            hunted.found = Some((times, told.clone()));
            hunted.took = begun.elapsed();
        }
        if bug.breaks().is_empty() {
            break;
        }
        if told == BTreeSet::from([bug.breaks()]) {
            hunted.alone = Some(times);
            break;
        }
    }
    hunted
}

/// The oracles that tell of a bug in one run.
fn told(plan: &Plan, bug: Bug) -> BTreeSet<&'static str> {
    let report = run(plan, Some(bug));
    let mut told: BTreeSet<_> = report.found.iter().map(|found| found.id).collect();
    if bug.breaks() == "determinism" && !same(&report, &run(plan, Some(bug))) {
        told.insert("determinism");
    }
    told
}

/// Whether two runs were the same, in all that was written and all that happened.
pub fn same(one: &Report, other: &Report) -> bool {
    (one.hash, one.trace, one.steps, &one.found) == (other.hash, other.trace, other.steps, &other.found)
}

/// The smallest plan found that still fails under one of these invariants.
pub fn shrink(plan: &Plan, ids: &BTreeSet<&'static str>, bug: Option<Bug>) -> Plan {
    let fails = |plan: &Plan| run(plan, bug).found.iter().any(|found| ids.contains(found.id));
    let mut smallest = plan.clone();
    loop {
        let smaller = smallest.smaller().into_iter().find(|plan| fails(plan));
        match smaller {
            Some(plan) => smallest = plan,
            None => return smallest,
        }
    }
}

/// Many runs together.
#[derive(Debug, Default)]
pub struct Sum {
    /// Runs.
    pub runs: u64,
    /// All their logs and all that happened, as one number: another build of the same code has the same.
    pub hash: u64,
    /// Simulated milliseconds.
    pub millis: i64,
    /// Of these, with nothing but renewals.
    pub skipped: i64,
    /// Steps.
    pub steps: u64,
    /// Events.
    pub events: u64,
    /// Calls.
    pub calls: u64,
    /// Checks.
    pub checks: u64,
    /// Faults.
    pub faults: BTreeMap<Fault, u64>,
    /// What was reached.
    pub reached: Reached,
    /// The plans that failed, and how.
    pub failed: Vec<(Plan, Vec<Found>)>,
}

impl Sum {
    /// With one more run.
    pub fn add(&mut self, report: Report) {
        let one = Self {
            runs: 1,
            hash: report.hash.iter().take(8).fold(report.trace, |sum, byte| sum.rotate_left(8) ^ u64::from(*byte)),
            millis: report.millis,
            skipped: report.skipped,
            steps: report.steps,
            events: report.events,
            calls: report.calls,
            checks: report.checks,
            faults: report.faults,
            reached: report.reached,
            failed: if report.found.is_empty() { Vec::new() } else { vec![(report.plan, report.found)] },
        };
        self.join(one);
    }

    /// With many more.
    pub fn join(&mut self, other: Self) {
        self.runs = self.runs.saturating_add(other.runs);
        self.hash = self.hash.wrapping_add(other.hash);
        self.millis = self.millis.saturating_add(other.millis);
        self.skipped = self.skipped.saturating_add(other.skipped);
        self.steps = self.steps.saturating_add(other.steps);
        self.events = self.events.saturating_add(other.events);
        self.calls = self.calls.saturating_add(other.calls);
        self.checks = self.checks.saturating_add(other.checks);
        for (fault, times) in other.faults {
            let sum = self.faults.entry(fault).or_default();
            *sum = sum.saturating_add(times);
        }
        self.reached.add(&other.reached);
        self.failed.extend(other.failed);
    }
}

/// Hunts planted bugs, two at a time; `tell` hears of each as it is found.
pub fn hunt_all(bugs: &[Bug], seeds: u64, tell: impl Fn(&Hunted) + Sync) -> Vec<Hunted> {
    let hunting = |hunted: &mut Vec<Hunted>, bug: &Bug| {
        hunted.push(hunt(*bug, seeds));
        hunted.last().into_iter().for_each(&tell);
    };
    let mut hunted = two_at_a_time(bugs.iter(), || false, hunting).concat();
    hunted.sort_by_key(|hunted| hunted.bug);
    hunted
}

/// Runs seeds until there are none, or `until` says so; two at a time.
pub fn run_all(seeds: impl Iterator<Item = u64> + Send, until: impl Fn() -> bool + Sync) -> Sum {
    let mut sum = Sum::default();
    for part in two_at_a_time(seeds, until, |part: &mut Sum, seed| part.add(run(&Plan::new(seed), None))) {
        sum.join(part);
    }
    sum.failed.sort_by_key(|(plan, _)| plan.seed);
    sum
}

/// Runs each seed twice until there are none, or `until` says so: how many were the same, and those that were not.
pub fn run_twice(seeds: impl Iterator<Item = u64> + Send, until: impl Fn() -> bool + Sync) -> (u64, Vec<u64>) {
    let twice = |(same_again, other): &mut (u64, Vec<u64>), seed| {
        let plan = Plan::new(seed);
        if same(&run(&plan, None), &run(&plan, None)) {
            *same_again = same_again.saturating_add(1);
        } else {
            other.push(seed);
        }
    };
    let [(one, others), (another, more)] = two_at_a_time(seeds, until, twice);
    (one.saturating_add(another), [others, more].concat())
}

/// Does something with each of many, on two threads; what each of them came to. A panic on either is everybody's.
fn two_at_a_time<I, T: Default + Send>(
    of: impl Iterator<Item = I> + Send,
    until: impl Fn() -> bool + Sync,
    with: impl Fn(&mut T, I) + Sync,
) -> [T; 2] {
    let of = std::sync::Mutex::new(of);
    let next = || of.lock().ok().and_then(|mut of| of.next());
    let work = || {
        let mut sum = T::default();
        while !until()
            && let Some(one) = next()
        {
            with(&mut sum, one);
        }
        sum
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let one = work();
        [one, other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))]
    })
}

impl std::fmt::Display for Hunted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, breaks, took) = (self.bug.name(), self.bug.breaks(), self.took.as_secs_f64());
        let alone = self.alone.map_or_else(String::new, |seeds| seeds.to_string());
        match &self.found {
            None => write!(f, "{name:<44} {breaks:<12}  never"),
            Some((seeds, by)) => {
                let by: Vec<_> = by.iter().copied().collect();
                write!(f, "{name:<44} {breaks:<12} {seeds:>6} {took:>8.2} {alone:>6}  {}", by.join(" "))
            }
        }
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hours = |millis: i64| millis / 3_600_000;
        let faults: u64 = self.faults.values().sum();
        writeln!(
            f,
            "{} runs, {} simulated hours ({} of them with nothing but renewals)",
            self.runs,
            hours(self.millis),
            hours(self.skipped)
        )?;
        writeln!(f, "{} steps, {} events in the log, {} calls of clients", self.steps, self.events, self.calls)?;
        writeln!(
            f,
            "{faults} faults: {}",
            self.faults.iter().map(|(fault, times)| format!("{} {times}", fault.name())).collect::<Vec<_>>().join(", ")
        )?;
        writeln!(f, "hash {:016x}", self.hash)?;
        write!(f, "{} checks, {} runs with violations", self.checks, self.failed.len())
    }
}
