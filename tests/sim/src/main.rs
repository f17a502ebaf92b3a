//! Runs the simulator.
//!
//! ```text
//! muster-sim --seed S [--hours H] [--requests N] [--burst N] [--meddling N] [--without FAULT,…] [--log TEXT]
//! muster-sim --seeds A..B
//! muster-sim --minutes N [--from SEED]
//! muster-sim --bugs [TEXT]
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what it is for")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    time::Duration,
};

use futures::executor::block_on;
use muster_sim::{
    log::{commits, place, read_log},
    run::{
        bugs::Bug,
        hunt::{self, Hunted, Sum, hunt_all, moment, run_all, shrink},
        judge::Found,
        plan::{Fault, Plan},
        play, run,
    },
};

fn main() -> ExitCode {
    let mut options: BTreeMap<String, String> = BTreeMap::new();
    let mut words = std::env::args().skip(1).peekable();
    while let Some(word) = words.next() {
        let value = words.next_if(|next| !next.starts_with("--")).unwrap_or_default();
        options.insert(word, value);
    }
    let number = |name: &str| options.get(name).and_then(|text| text.parse::<u64>().ok());
    if let Some(part) = options.get("--bugs") {
        return bugs(part);
    }
    if let Some(seed) = number("--seed") {
        return one(&options, seed);
    }
    let begun = moment();
    let sum = if let Some(minutes) = number("--minutes") {
        let until = Duration::from_secs(minutes.saturating_mul(60));
        run_all(number("--from").unwrap_or(0).., || begun.elapsed() >= until)
    } else if let Some((from, to)) = options.get("--seeds").and_then(|text| text.split_once("..")) {
        let (Ok(from), Ok(to)) = (from.parse::<u64>(), to.parse::<u64>()) else { return usage() };
        run_all(from..to, || false)
    } else {
        return usage();
    };
    told(&sum);
    println!("{:.1} s", begun.elapsed().as_secs_f64());
    if sum.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("muster-sim --seed S | --seeds A..B | --minutes N | --bugs");
    ExitCode::FAILURE
}

fn told(sum: &Sum) {
    for (plan, found) in &sum.failed {
        println!("cargo run -p muster-sim -- {plan}");
        show(found);
    }
    println!("{sum}");
    sum.reached.missing().iter().for_each(|what| println!("not reached: {what}"));
    for ((state, command), times) in &sum.reached.0 {
        println!("  {times:>7}  {state}: {command}");
    }
}

fn show(found: &[Found]) {
    for Found { id, says } in found.iter().take(8) {
        println!("  {id}: {}", says.chars().take(700).collect::<String>());
    }
}

/// One plan, made smaller if it fails.
fn one(options: &BTreeMap<String, String>, seed: u64) -> ExitCode {
    let mut plan = Plan::new(seed);
    let number = |name: &str| options.get(name).and_then(|text| text.parse::<u32>().ok());
    plan.hours = number("--hours").map_or(plan.hours, i64::from);
    plan.requests = number("--requests").unwrap_or(plan.requests);
    plan.burst = number("--burst").unwrap_or(plan.burst);
    plan.meddling = number("--meddling").unwrap_or(plan.meddling);
    for name in options.get("--without").map(String::as_str).unwrap_or_default().split(',') {
        if let Some(fault) = Fault::ALL.iter().find(|fault| fault.name() == name) {
            plan = plan.without(*fault);
        }
    }
    if let Some(text) = options.get("--log") {
        print_log(&plan, text);
    }
    let report = run(&plan, None);
    println!("{plan:?}");
    let found = report.found.clone();
    let mut sum = Sum::default();
    sum.add(report);
    println!("{sum}");
    if found.is_empty() {
        return ExitCode::SUCCESS;
    }
    show(&found);
    let ids: BTreeSet<_> = found.iter().map(|found| found.id).collect();
    println!("the smallest that still fails:\ncargo run -p muster-sim -- {}", shrink(&plan, &ids, None));
    ExitCode::FAILURE
}

/// Every event that has `text` in it.
fn print_log(plan: &Plan, text: &str) {
    let (world, _) = play(plan, None);
    let log = block_on(read_log(&world.sea.memory)).unwrap_or_default();
    for at in commits(&log) {
        for event in &at.commit.events {
            let (when, who) = (at.commit.recorded_at, &at.commit.actor.principal);
            let line = format!("{} {when} {who} {} {event:?}", place(at.position), at.subject.id());
            if line.contains(text) {
                println!("{}", line.chars().take(500).collect::<String>());
            }
        }
    }
}

/// Hunts planted bugs; all, or those that have this in their name.
fn bugs(part: &str) -> ExitCode {
    println!("{:<44} {:<12} {:>6} {:>8} {:>6}  found by", "planted bug", "breaks", "seeds", "seconds", "alone");
    let bugs: Vec<_> = Bug::ALL.iter().copied().filter(|bug| bug.name().contains(part)).collect();
    let hunted = hunt_all(&bugs, hunt::SEEDS, |hunted| println!("{hunted}"));
    if hunted.iter().all(Hunted::is_found) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
