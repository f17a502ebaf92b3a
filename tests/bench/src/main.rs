//! `scripts/bench`: measures the figures of the house plan and prints them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "whoever runs it reads it")]

use clap::{Parser, ValueEnum};
use muster_bench::{
    effort::Effort,
    figures,
    table::{Row, table},
};

/// Measures Muster's figures beside what the machine can do without it
#[derive(Debug, Parser)]
struct Args {
    /// A few minutes in all (the default)
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// Longer and more often, so that less is left to chance
    #[arg(long)]
    long: bool,
    /// Only these figures
    #[arg(value_enum)]
    figures: Vec<Figure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Commands to aggregates of their own
    Single,
    /// Commands to the desk
    Desk,
    /// From a hospital's call to the provider's screen and the board
    Surge,
    /// Deadlines
    Timers,
    /// Who works for whom
    Matching,
    /// Reading a history again
    Replay,
    /// The board when it is long
    Query,
    /// What it costs to be seen
    Telemetry,
    /// What requests take in memory and in the log
    Capacity,
    /// One command on a fresh machine
    Start,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let effort = if args.long { Effort::LONG } else { Effort::QUICK };
    let mut rows: Vec<Row> = Vec::new();
    for figure in Figure::value_variants() {
        if !args.figures.is_empty() && !args.figures.contains(figure) {
            continue;
        }
        eprintln!("measuring: {figure:?}");
        rows.extend(match figure {
            Figure::Single => figures::single::measure(effort).await,
            Figure::Desk => figures::desk::measure(effort).await,
            Figure::Surge => figures::surge::measure(effort).await,
            Figure::Timers => figures::timers::measure(effort).await,
            Figure::Matching => figures::matching::measure(effort),
            Figure::Replay => figures::replay::measure(effort).await,
            Figure::Query => figures::query::measure(effort).await,
            Figure::Telemetry => figures::telemetry::measure(effort).await,
            Figure::Capacity => figures::capacity::measure(effort).await,
            Figure::Start => figures::start::measure().await,
        });
    }
    println!("{}", table(&rows));
}
