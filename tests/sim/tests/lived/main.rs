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

/// The firm that a lower package leaves is taken by whoever makes way for the higher one, before anybody who pays less there.
#[test]
fn room_that_is_made_serves_whom_it_is_made_for() {
    use steps::{
        Step::{Enrol, Policy, Rush, Suspend, Work},
        Work::{Accept, See},
    };
    let steps = [
        Enrol(4, 13_919),
        Rush(163, 29_464),
        Enrol(2, 12_092),
        Rush(0, 55_037),
        Policy(0),
        Enrol(1, 42_141),
        Rush(11, 44_820),
        Work(0, Accept),
        Work(0, Accept),
        Rush(0, 2308),
        Step::Deaf,
        Work(0, See),
        Enrol(0, 35_279),
        Suspend(2, false),
        Enrol(2, 13_238),
        Work(13, Accept),
        Enrol(0, 25_448),
    ];
    let wrong = wrong(&steps.map(|step| (0, step)));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
