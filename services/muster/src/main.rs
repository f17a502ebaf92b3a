//! Where the binary starts.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use muster::{
    cli::{Globals, Word as ClientWord, failure::Failure},
    demo::DemoArgs,
    exit::{EXIT_CODES, Ended, Exit},
    serve::{ServeArgs, UpArgs},
    upkeep::{DoctorArgs, ProjectionsWord},
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
    /// Refuses the options of a client where there is none.
    fn check(&self, globals: &Globals) -> Result<(), Failure> {
        match self {
            Self::Demo(_) => globals.refuse_unused("demo", false),
            Self::Up(_) => globals.refuse_unused("up", false),
            Self::Serve(_) => globals.refuse_unused("serve", false),
            Self::Doctor(_) => globals.refuse_unused("doctor", true),
            Self::Projections(_) => globals.refuse_unused("projections", false),
            Self::Client(_) => Ok(()),
        }
    }

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
    match run(globals, word) {
        Ok(exit) => exit.into(),
        Err(Ended { says, exit }) => {
            if exit != Exit::Done {
                // A failure that nobody can hear still has its exit code.
                let _ = writeln!(io::stderr(), "{says}");
            }
            exit.into()
        }
    }
}

fn run(globals: Globals, word: Word) -> Result<Exit, Ended> {
    word.check(&globals).map_err(|failure| Ended { says: failure.told(), exit: Exit::from(&failure) })?;
    if let Some(usual) = word.logs() {
        let filter = std::env::var(FILTER).unwrap_or_else(|_| usual.to_owned());
        telemetry::start(Format::Human, &filter)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Ended { says: error.to_string(), exit: Exit::Fault })?;
    runtime.block_on(async {
        match word {
            Word::Demo(args) => Box::pin(args.run(globals.no_color)).await?,
            Word::Up(args) => args.run().await?,
            Word::Serve(args) => args.run().await?,
            Word::Doctor(args) => args.run(globals.output).await?,
            Word::Projections(word) => word.run().await?,
            Word::Client(word) => return Ok(word.run(globals).await),
        }
        Ok(Exit::Done)
    })
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
