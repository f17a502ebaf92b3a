//! Where the binary starts.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use muster::{
    cli::{EXIT_CODES, Globals, Word as ClientWord},
    serve::{ServeArgs, UpArgs},
};
use muster_runtime::telemetry::{self, FILTER, Format};

/// Dispatch of the EU Cybersecurity Reserve to hospitals under cyber-attack
#[derive(Debug, Parser)]
#[command(name = "muster", version, after_help = EXIT_CODES)]
struct Muster {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, Subcommand)]
enum Word {
    Up(UpArgs),
    Serve(ServeArgs),
    #[command(flatten)]
    Client(ClientWord),
}

fn main() -> ExitCode {
    let Muster { globals, word } = Muster::parse();
    // A process that serves tells its log; a command tells its answer.
    let serves = !matches!(word, Word::Client(_));
    let filter = std::env::var(FILTER).unwrap_or_default();
    if serves && let Err(error) = telemetry::start(Format::Human, &filter) {
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
            Word::Client(word) => return Ok(word.run(globals).await),
        }
        .map(|()| 0)
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_word_can_be_read() {
        Muster::command().debug_assert();
    }
}
