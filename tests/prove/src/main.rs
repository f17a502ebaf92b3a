//! `scripts/prove`: runs every tier of the proof for its share of the time, and writes what came of it into `tests/PROOF.md`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "whoever runs it reads it")]

mod page;
mod row;
mod tiers;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};

use self::{
    row::Row,
    tiers::{Budget, Tier, moment},
};

/// Runs the simulator and the faults for long, and writes what came of it into tests/PROOF.md
#[derive(Debug, Parser)]
struct Args {
    /// How long in all; at least one repetition of each tier is made, however long that takes
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// The ten-minute form
    #[arg(long, conflicts_with = "minutes")]
    quick: bool,
    /// The first seed of every tier
    #[arg(long, default_value_t = 1_000)]
    from: u64,
    /// Only these tiers
    #[arg(value_enum)]
    tiers: Vec<Tier>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let minutes = if args.quick { 10 } else { args.minutes };
    let chosen = if args.tiers.is_empty() { Tier::value_variants().to_vec() } else { args.tiers };
    let mut shares: u32 = chosen.iter().map(|tier| tier.share()).sum();
    let (begun, all) = (moment(), Duration::from_secs(minutes.saturating_mul(60)));
    let mut holds = true;
    for tier in chosen {
        // Of what is left: a round that took longer than its tier's share is taken from those that come later.
        let span = all.saturating_sub(begun.elapsed()).saturating_mul(tier.share()) / shares.max(1);
        shares -= tier.share();
        eprintln!("{tier:?}: {} s", span.as_secs());
        let seen = tier.prove(Budget { span, from: args.from });
        seen.rows.iter().for_each(|row| println!("{row}"));
        holds &= seen.rows.iter().all(Row::holds);
        // Each at once: whoever stops the run loses nothing of what was seen.
        if let Err(error) = page::write(&seen.rows, seen.planted.as_deref()) {
            eprintln!("tests/PROOF.md is not written: {error}");
            return ExitCode::FAILURE;
        }
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
