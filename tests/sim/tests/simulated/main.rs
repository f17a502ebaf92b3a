//! The share of the simulator that `scripts/test` runs each time, beside the other tests: seeds that once failed, then new ones,
//! some of them twice; and planted bugs, to see that it can fail. `cargo run -p muster-sim -- --minutes 60` runs for longer.
#![cfg(test)]

use std::collections::BTreeSet;

use muster_sim::{
    oracles::ORACLES,
    run::{
        bugs::{Bug, OF_A_RUN},
        hunt::{self, hunt_all, run_all, run_twice, shrink},
    },
};

/// Seeds that are run each time.
const SEEDS: u64 = 320;
/// Of these, how many twice.
const TWICE: u64 = 24;

/// Seeds that once failed.
fn failed_before() -> Vec<u64> {
    let lines = include_str!("../../seeds.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split_whitespace().next().unwrap_or_default().parse().expect("each line begins with a seed"))
        .collect()
}

#[test]
fn whatever_goes_wrong_no_invariant_breaks_and_everything_is_reached() {
    let sum = run_all(failed_before().into_iter().chain(0..SEEDS), || false);
    println!("{sum}");
    if let Some((plan, found)) = sum.failed.first() {
        let ids: BTreeSet<_> = found.iter().map(|found| found.id).collect();
        let smallest = shrink(plan, &ids, None);
        panic!("{found:#?}\ncargo run -p muster-sim -- {plan}\nthe smallest:\ncargo run -p muster-sim -- {smallest}");
    }
    let missing = sum.reached.missing();
    assert!(missing.is_empty(), "not reached: {missing:#?}");
    assert!(sum.millis >= 25_000 * 3_600_000, "only {} hours were simulated", sum.millis / 3_600_000);
}

#[test]
fn the_same_seed_is_the_same_run() {
    assert_eq!(run_twice(0..TWICE, || false), (TWICE, vec![]), "these seeds are not the same twice");
}

#[test]
fn every_planted_bug_is_found_and_every_oracle_finds_one_that_no_other_does() {
    let hunted = hunt_all(Bug::ALL, hunt::SEEDS, |hunted| println!("{hunted}"));
    let passed: Vec<_> = hunted.iter().filter(|hunted| !hunted.is_found()).map(|hunted| hunted.bug.name()).collect();
    assert!(passed.is_empty(), "nobody found: {passed:#?}");
    let needed: BTreeSet<_> = Bug::ALL.iter().map(|bug| bug.breaks()).collect();
    let oracles = ORACLES.iter().map(|(id, _)| id).chain(OF_A_RUN);
    let idle: Vec<_> = oracles.filter(|id| !needed.contains(*id)).collect();
    assert!(idle.is_empty(), "no planted bug needs these: {idle:?}");
}
