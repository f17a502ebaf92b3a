//! Where the binary starts.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use muster::{
    cli::{Globals, Word as ClientWord, failure::Failure},
    config::{self, ConfigWord},
    demo::DemoArgs,
    exit::{EXIT_CODES, Ended, Exit},
    manual::{Completions, Man},
    serve::{ServeArgs, UpArgs},
    upkeep::{DoctorArgs, JournalWord, ProjectionsWord},
};
use muster_runtime::telemetry::{self, FILTER, Format, Plan};

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
    Serve(Box<ServeArgs>),
    Doctor(DoctorArgs),
    #[command(subcommand)]
    Projections(ProjectionsWord),
    #[command(subcommand)]
    Journal(JournalWord),
    #[command(subcommand)]
    Config(ConfigWord),
    Completions(Completions),
    Man(Man),
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
            Self::Journal(_) => globals.refuse_unused("journal", false),
            Self::Config(_) => globals.refuse_unused("config", false),
            Self::Completions(_) => globals.refuse_unused("completions", false),
            Self::Man(_) => globals.refuse_unused("man", false),
            Self::Client(_) => Ok(()),
        }
    }

    /// What is told unless somebody chooses: a process that serves tells its log, its spans and its measures, a demonstration
    /// tells its story and no more than what is wrong, a command tells its answer.
    fn telemetry(&self) -> Option<Plan> {
        match self {
            Self::Up(args) => Some(args.telemetry()),
            Self::Serve(args) => Some(args.telemetry()),
            Self::Demo(_) | Self::Doctor(_) | Self::Projections(_) | Self::Journal(_) => {
                Some(Plan { format: Format::Human, filter: "warn".to_owned(), spans: None })
            }
            Self::Config(_) | Self::Completions(_) | Self::Man(_) | Self::Client(_) => None,
        }
    }
}

fn main() -> ExitCode {
    match run() {
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

fn run() -> Result<Exit, Ended> {
    let given = config::with_file(&Muster::command(), std::env::args_os().collect())?;
    let matches = Muster::command().get_matches_from(&given.args);
    let Muster { globals, word } = Muster::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    word.check(&globals).map_err(|failure| Ended { says: failure.told(), exit: Exit::from(&failure) })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Ended { says: error.to_string(), exit: Exit::Fault })?;
    let _inside = runtime.enter();
    // It ends before the runtime does, and sends what was told last.
    let _telemetry = match word.telemetry() {
        Some(plan) => {
            let filter = std::env::var(FILTER).unwrap_or(plan.filter);
            Some(telemetry::start(Plan { filter, ..plan })?)
        }
        None => None,
    };
    runtime.block_on(async {
        match word {
            Word::Demo(args) => Box::pin(args.run(globals.no_color)).await?,
            Word::Up(args) => args.run().await?,
            Word::Serve(args) => args.run().await?,
            Word::Doctor(args) => args.run(globals.output).await?,
            Word::Projections(word) => word.run().await?,
            Word::Journal(word) => word.run().await?,
            Word::Completions(word) => word.run(Muster::command())?,
            Word::Man(word) => word.run(Muster::command())?,
            Word::Config(word) => word.run(&given, innermost(&matches))?,
            Word::Client(word) => return Ok(word.run(globals).await),
        }
        Ok(Exit::Done)
    })
}

/// What belongs to the last word of a command line.
fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, within)| innermost(within))
}
