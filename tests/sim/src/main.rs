//! Runs the simulator.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use muster_sim::run::{plan::Plan, run};

fn main() {
    let mut args = std::env::args().skip(1);
    let from: u64 = args.next().and_then(|a| a.parse().ok()).unwrap_or(0);
    let to: u64 = args.next().and_then(|a| a.parse().ok()).unwrap_or(from + 1);
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
