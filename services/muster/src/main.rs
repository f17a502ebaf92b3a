//! Where the binary starts.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use muster::serve::{ServeArgs, UpArgs};
use muster_runtime::telemetry::{self, FILTER, Format};

/// Dispatch of the EU Cybersecurity Reserve to hospitals under cyber-attack
#[derive(Debug, Parser)]
#[command(name = "muster", version)]
struct Muster {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, Subcommand)]
enum Word {
    Up(UpArgs),
    Serve(ServeArgs),
}

fn main() -> ExitCode {
    let Muster { word } = Muster::parse();
    let filter = std::env::var(FILTER).unwrap_or_default();
    if let Err(error) = telemetry::start(Format::Human, &filter) {
        return fail(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let done = runtime.block_on(async {
        match word {
            Word::Up(args) => args.run().await,
            Word::Serve(args) => args.run().await,
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}
