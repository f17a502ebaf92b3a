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
fn wrong(steps: &[(u8, Step)], delays: bool) -> Vec<String> {
    let mut world = World::new();
    begin(&mut world);
    for (delay, step) in steps {
        world.delay = if delays { i64::from(*delay) } else { 0 };
        play(&mut world, step);
    }
    world.delay = 0;
    world.finish();
    let log = world.log();
    let found = oracles::all(&log).into_iter().chain(history::check(&world.history, &log));
    found.map(|violation| violation.to_string()).chain(world.decide_again(&log)).collect()
}

fn steps() -> impl Strategy<Value = Vec<(u8, Step)>> {
    proptest::collection::vec((any::<u8>(), step()), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn what_really_happens_passes_every_oracle(steps in steps()) {
        let wrong = wrong(&steps, false);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn commands_that_come_late_change_nothing_of_that(steps in steps()) {
        let wrong = wrong(&steps, true);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn tally() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..100 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        begin(&mut world);
        for (_, step) in &steps {
            play(&mut world, step);
        }
        world.finish();
        for at in muster_sim::log::commits(&world.log()) {
            for event in &at.commit.events {
                *seen.entry(muster_journal::stored::event_type(event).name).or_insert(0) += 1;
            }
        }
    }
    for known in muster_journal::stored::EVENT_TYPES.iter().flat_map(|t| t.iter()) {
        println!("{:6} {}", seen.get(known.name).copied().unwrap_or(0), known.name);
    }
}
