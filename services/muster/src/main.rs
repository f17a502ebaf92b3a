//! Where the binary starts.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use muster::{
    cli::{EXIT_CODES, Globals, Word as ClientWord},
    demo::DemoArgs,
    serve::{ServeArgs, UpArgs},
    upkeep::{DoctorArgs, ProjectionsWord},
};
use muster_runtime::{
    lifecycle::Fault,
    telemetry::{self, FILTER, Format},
};

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
    Demo(DemoArgs),
    Up(UpArgs),
    Serve(ServeArgs),
    Doctor(DoctorArgs),
    #[command(subcommand)]
    Projections(ProjectionsWord),
    #[command(flatten)]
    Client(ClientWord),
}

impl Word {
    /// What is logged unless somebody chooses: a process that serves tells its log, a demonstration tells its story and no
    /// more than what is wrong, a command tells its answer.
    const fn logs(&self) -> Option<&'static str> {
        match self {
            Self::Up(_) | Self::Serve(_) => Some("info"),
            Self::Demo(_) | Self::Doctor(_) | Self::Projections(_) => Some("warn"),
            Self::Client(_) => None,
        }
    }
}

fn main() -> ExitCode {
    let Muster { globals, word } = Muster::parse();
    if let Some(usual) = word.logs() {
        let filter = std::env::var(FILTER).unwrap_or_else(|_| usual.to_owned());
        if let Err(error) = telemetry::start(Format::Human, &filter) {
            return fail(&error);
        }
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let done = runtime.block_on(async {
        match word {
            Word::Demo(args) => Box::pin(args.run(globals.no_color)).await.map_err(Fault::from),
            Word::Up(args) => args.run().await.map_err(Fault::from),
            Word::Serve(args) => args.run().await.map_err(Fault::from),
            Word::Doctor(args) => args.run().await.map_err(Fault::from),
            Word::Projections(word) => word.run().await.map_err(Fault::from),
            Word::Client(word) => return Ok(word.run(globals).await),
        }
        .map(|()| 0)
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(error.as_ref()),
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
