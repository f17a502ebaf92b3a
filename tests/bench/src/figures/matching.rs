//! Matching as one surge needs it, from scratch and after one change.

use std::time::Duration;

use muster_domain::dispatch::{
    events::Fit,
    matching::{Job, Matching, Slots},
};

use crate::{
    effort::Effort,
    load::{Measured, time_of},
    table::{Row, Target, Value},
};

/// Providers of the house's figure.
const PROVIDERS: usize = 300;
/// Of a hundred pairs, so many are feasible.
const FEASIBLE_PERCENT: u64 = 12;

/// Numbers that look random and are the same at every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(below).unwrap_or_default()
    }

    fn small(&mut self, below: u32) -> u32 {
        u32::try_from(self.next(below.into())).unwrap_or_default()
    }
}

/// Providers with about as many teams in all as there are packages, and one-team packages in the order of their priority.
pub fn instance(packages: usize, providers: usize) -> (Vec<Slots>, Vec<Job>) {
    let mut numbers = Numbers(1);
    let teams = u32::try_from(2 * packages / providers).unwrap_or(u32::MAX);
    let free = (0..providers).map(|_| {
        let teams = 1 + numbers.small(teams);
        Slots { teams, onsite: numbers.small(teams + 1), days: 10_000 }
    });
    let free = free.collect();
    let jobs = (0..packages).map(|_| {
        let takes = Slots { teams: 1, onsite: u32::from(numbers.next(100) < 30), days: 1 + numbers.small(30) };
        let options = (0..providers).filter_map(|provider| {
            let feasible = numbers.next(100) < FEASIBLE_PERCENT;
            feasible.then(|| (provider, fit(&mut numbers).cost()))
        });
        Job { takes, options: options.collect() }
    });
    (free, jobs.collect())
}

fn fit(numbers: &mut Numbers) -> Fit {
    Fit {
        start_minutes: 60 * (1 + numbers.small(24)),
        languages_missing: numbers.small(3),
        health_gap: numbers.small(101),
        load_percent: numbers.small(101),
        draw: numbers.small(1 << 16),
    }
}

/// Everybody matched, one after the other, in the order of priority.
pub fn from_scratch(free: &[Slots], jobs: &[Job]) -> Matching {
    let mut matching = Matching::new(free.to_vec());
    for job in jobs {
        matching.add(job.clone());
    }
    matching
}

/// One match from scratch, and repairs after one change.
pub fn measure(effort: Effort) -> Vec<Row> {
    let packages = effort.packages;
    let (free, jobs) = instance(packages, PROVIDERS);
    let took = |times: Vec<Duration>| Measured::of(times, Duration::ZERO);
    let scratch = took((0..effort.rounds * 2).map(|_| time_of(|| from_scratch(&free, &jobs)).0).collect());
    let whole = from_scratch(&free, &jobs);
    let changed = (0..packages).step_by(packages.div_ceil(100)).map(|gone| {
        let mut matching = whole.clone();
        time_of(|| change(&mut matching, gone, &jobs)).0
    });
    let repairs = took(changed.collect());
    vec![
        Row::new(format!("match from scratch, {packages} × {PROVIDERS}"), Value::Time(scratch.within(0.5)))
            .target(Target::Within(Duration::from_millis(57))),
        Row::new("  repair after one change, median", Value::Time(repairs.within(0.5)))
            .target(Target::Within(Duration::from_millis(1))),
        Row::new("  repair after one change, p90", Value::Time(repairs.within(0.9))),
    ]
}

/// A package leaves, whoever pays less for its place moves in, and another package of the same kind comes last.
fn change(matching: &mut Matching, gone: usize, jobs: &[Job]) {
    matching.unseat(gone);
    if let Some(job) = jobs.get(gone) {
        matching.add(job.clone());
    }
}
