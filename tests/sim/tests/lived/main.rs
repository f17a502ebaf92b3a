//! Histories that the real aggregates, reactors and desk have written, with crashes, lost answers, appends that land late and
//! clocks that differ: the oracles find nothing wrong with them, and every decision of the desk is made again alike.
#![cfg(test)]

mod cast;
mod steps;
mod world;

use muster_sim::{history, oracles};
use proptest::prelude::*;
use steps::{Step, begin, end, play, step};
use world::World;

/// Everything wrong with what came of these steps, in words; each comes with the seconds that its commands take.
fn wrong(steps: &[(u8, Step)]) -> Vec<String> {
    let mut world = World::new();
    begin(&mut world);
    for (delay, step) in steps {
        world.delay = *delay;
        play(&mut world, step);
    }
    world.delay = 0;
    end(&mut world);
    let log = world.log();
    let found = oracles::all(&log).into_iter().chain(history::check(&world.history, &log));
    found.map(|violation| violation.to_string()).chain(world.decide_again(&log)).collect()
}

fn steps(delay: impl Strategy<Value = u8>) -> impl Strategy<Value = Vec<(u8, Step)>> {
    proptest::collection::vec((delay, step()), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn what_really_happens_passes_every_oracle(steps in steps(Just(0))) {
        let wrong = wrong(&steps);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn commands_that_come_late_change_nothing_of_that(steps in steps(any::<u8>())) {
        let wrong = wrong(&steps);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
