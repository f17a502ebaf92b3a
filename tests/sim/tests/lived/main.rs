//! Histories that the real aggregates, reactors and desk have written, with crashes, lost answers, appends that land late and
//! clocks that differ: the oracles find nothing wrong with them, and every decision of the desk is made again alike.
#![cfg(test)]

mod cast;
mod steps;
mod world;

use muster_sim::{history, oracles};
use proptest::prelude::*;
use steps::{Step, begin, play, step};
use world::World;

/// Everything wrong with what came of these steps, in words.
fn wrong(steps: &[Step]) -> Vec<String> {
    let mut world = World::new();
    begin(&mut world);
    for step in steps {
        play(&mut world, step);
    }
    world.finish();
    let log = world.log();
    let found = oracles::all(&log).into_iter().chain(history::check(&world.history, &log));
    found.map(|violation| violation.to_string()).chain(world.decide_again(&log)).collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn what_really_happens_passes_every_oracle(steps in steps()) {
        let wrong = wrong(&steps);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
