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

fn class(says: &str) -> String {
    says.split(' ').filter(|w| !w.chars().any(|c| c.is_ascii_digit()) || w.starts_with('D') || w.starts_with('V')).take(9).collect::<Vec<_>>().join(" ")
}

fn dump(steps: &[(u8, Step)], delays: bool) {
    let mut world = World::new();
    begin(&mut world);
    for (delay, step) in steps {
        world.delay = if delays { i64::from(*delay) } else { 0 };
        play(&mut world, step);
    }
    world.delay = 0;
    world.finish();
    for at in muster_sim::log::commits(&world.log()).filter(|at| at.is_desk()) {
        println!("{:?} received {}", at.position, at.commit.received_at);
        for event in &at.commit.events {
            let mut text = format!("{event:?}");
            if let Some(cut) = text.find("considered") { text.truncate(cut); }
            text.truncate(1500);
            println!("   {text}");
        }
    }
}

#[test]
fn explore() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let n: u32 = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let seed: u64 = std::env::var("SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let delays = std::env::var("DELAYS").is_ok();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    let mut seen: std::collections::BTreeMap<String, (usize, String, Vec<(u8, Step)>)> = Default::default();
    for _ in 0..n {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        for says in wrong(&steps, delays) {
            let entry = seen.entry(class(&says)).or_insert((0, says.clone(), steps.clone()));
            entry.0 += 1;
            if steps.len() < entry.2.len() {
                (entry.1, entry.2) = (says, steps.clone());
            }
        }
    }
    for (name, (count, _, mut steps)) in seen {
        let shows = |steps: &[(u8, Step)]| wrong(steps, delays).into_iter().find(|says| class(says) == name);
        let mut index = 0;
        while index < steps.len() {
            let mut fewer = steps.clone();
            fewer.remove(index);
            if shows(&fewer).is_some() { steps = fewer } else { index += 1 }
        }
        let mut says = shows(&steps).unwrap();
        says.truncate(3000);
        println!("#### {count} x {name}\n   {says}\n   {steps:?}");
        if std::env::var("DUMP").is_ok() {
            dump(&steps, delays)
        }
    }
}

#[test]
fn one() {
    use steps::{Step::*, Work::*};
    let steps = [(9, Enrol(4, 39976)), (26, Enrol(2, 44585)), (232, Enrol(0, 3419)), (145, Rush(193, 17232)), (14, Enrol(2, 7603)), (101, Work(47, Accept)), (121, Work(176, Days(98))), (14, Rush(205, 53444)), (91, Enrol(2, 46617)), (37, Wait(83)), (169, Land), (67, Work(3, Accept)), (50, Rush(187, 42484)), (150, Rush(28, 18420)), (11, Rush(134, 45327)), (26, Enrol(2, 4646)), (56, Enrol(1, 41207)), (120, Rush(186, 36224))];
    println!("{}", wrong(&steps, false).join("\n"));
    dump(&steps, false);
}
