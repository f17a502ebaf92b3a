//! Runs the simulator.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use muster_sim::{log::commits, run::{plan::Plan, play, run}};

fn main() {
    let mut args = std::env::args().skip(1);
    let from: u64 = args.next().and_then(|a| a.parse().ok()).unwrap_or(0);
    let to: u64 = args.next().and_then(|a| a.parse().ok()).unwrap_or(from + 1);
    if let Some(what) = args.next() {
        let (world, _) = play(&Plan::new(from), None);
        let log = futures::executor::block_on(muster_sim::log::read_log(&world.sea.memory)).unwrap_or_default();
        for at in commits(&log) {
            for event in &at.commit.events {
                let text = format!("{}.{} {} {} {} {:?}", at.position.sequence, at.position.index, at.commit.recorded_at, at.commit.actor.principal, at.subject, event);
                if what == "all" || text.contains(&what) {
                    println!("{}", text.chars().take(400).collect::<String>());
                }
            }
        }
    }
    for seed in from..to {
        let begun = std::time::Instant::now();
        let report = run(&Plan::new(seed), None);
        println!(
            "seed {seed}: {:.1} h ({:.1} skipped) {} steps {} events {} calls {} checks, faults {:?}, {:?}",
            report.millis as f64 / 3.6e6, report.skipped as f64 / 3.6e6, report.steps, report.events, report.calls, report.checks,
            report.faults.values().sum::<u64>(), begun.elapsed()
        );
        for found in report.found.iter().take(5) {
            println!("   {}: {}", found.id, found.says.chars().take(600).collect::<String>());
        }
    }
}
