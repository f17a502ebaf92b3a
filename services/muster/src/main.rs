//! Where the binary starts.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use muster::{
    demo::DemoArgs,
    serve::{ServeArgs, UpArgs},
};
use muster_runtime::{
    lifecycle::Fault,
    telemetry::{self, FILTER, Format},
};

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
    Demo(DemoArgs),
}

impl Word {
    /// What is said on stderr unless somebody chooses: a demonstration speaks for itself.
    const fn says(&self) -> &'static str {
        match self {
            Self::Up(_) | Self::Serve(_) => "",
            Self::Demo(_) => "warn",
        }
    }
}

fn main() -> ExitCode {
    let Muster { word } = Muster::parse();
    let filter = std::env::var(FILTER).unwrap_or_else(|_| word.says().to_owned());
    if let Err(error) = telemetry::start(Format::Human, &filter) {
        return fail(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let done = runtime.block_on(async {
        match word {
            Word::Up(args) => args.run().await.map_err(Fault::from),
            Word::Serve(args) => args.run().await.map_err(Fault::from),
            Word::Demo(args) => Box::pin(args.run()).await.map_err(Fault::from),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}
