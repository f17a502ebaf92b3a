//! `muster doctor`, `muster projections` and `muster journal`: looking after a realm.

mod copying;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
pub use copying::JournalWord;
use muster_api::monitor::v1::{GetStatusRequest, GetStatusResponse, monitor_service_client::MonitorServiceClient};
use muster_domain::kernel::RealmId;
use muster_journal::{copy::CopyError, embedded::OpenError, lease::LeaseError, skew::ClockOff};
use muster_monitor::projection::{self, Difference, ProjectionError};
use muster_runtime::{
    clock::{Clock, SystemClock},
    lifecycle::Fault,
    status::innermost,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    cli::{
        Format,
        context::{Context, ContextError},
        session,
    },
    serve::{NatsArgs, realm_id},
    storage::{JournalSpec, NatsOptions, Storage, StorageError},
};

/// Where a realm is kept, for whoever looks after it.
#[derive(Args, Clone, Debug)]
pub struct KeptArgs {
    /// The configuration file of the processes that serve the realm: it says where the realm is kept
    #[arg(long, value_name = "FILE", env = "MUSTER_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// `live`, or an exercise's name
    #[arg(long, env = "MUSTER_REALM", hide_env_values = true, default_value = "practice", value_parser = realm_id)]
    realm: RealmId,
    /// Where the realm is kept: embedded:DIR or nats://HOST:PORT
    #[arg(long, env = "MUSTER_JOURNAL", hide_env_values = true, default_value = "embedded:muster-data")]
    journal: JournalSpec,
    #[command(flatten)]
    nats: NatsArgs,
}

/// See whether a journal can be used and is safe, and say in plain words what is wrong and how to mend it
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    kept: KeptArgs,
}

/// Monitor's rows on disk: a copy of what the log says, for other tools
#[derive(Clone, Debug, Subcommand)]
pub enum ProjectionsWord {
    /// Make the rows anew from the log's beginning
    Rebuild(RowsArgs),
    /// Compare the rows with the log, without changing anything
    Verify(RowsArgs),
}

/// Which rows.
#[derive(Args, Clone, Debug)]
pub struct RowsArgs {
    #[command(flatten)]
    kept: KeptArgs,
    /// Where the rows are, if not beside an embedded journal
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// The journal cannot be used.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// The log cannot be read.
    #[error("{0}")]
    Projection(#[from] ProjectionError),
    /// Nobody said where the rows are.
    #[error("a journal on NATS has no rows of its own: say with --dir where they are kept")]
    NoRows,
    /// The doctor found something.
    #[error("{0} to mend; see above")]
    Unwell(usize),
    /// The rows are not what the log says.
    #[error("{0} of the rows differ from the log: muster projections rebuild makes them anew")]
    Differ(usize),
    /// There is nothing to copy, or nowhere.
    #[error("a journal in memory is gone with its process: name embedded:DIR or nats://HOST:PORT")]
    NothingKept,
    /// Both would be reached in the same way.
    #[error(
        "from servers to servers a realm is copied by way of a directory: first --to embedded:DIR, then --from embedded:DIR"
    )]
    TwoServers,
    /// Somebody decides where the copy is to be.
    #[error("the realm is served where the copy is to be: stop every process of Muster there first")]
    Served,
    /// It is not known whether somebody does.
    #[error("{0}")]
    Lease(#[from] LeaseError),
    /// Nothing may be written by this clock.
    #[error("{0}")]
    ClockOff(ClockOff),
    /// The copy is not whole.
    #[error("{0}")]
    Copy(#[from] CopyError),
    /// What is found cannot be told.
    #[error("{0}")]
    Output(#[from] io::Error),
}

impl KeptArgs {
    async fn open(&self, nats: &NatsOptions) -> Result<Storage, StorageError> {
        Storage::open_kept(&self.journal, &self.realm, nats).await
    }
}

/// One thing that the doctor found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    about: &'static str,
    says: String,
    to_mend: bool,
}

impl Finding {
    fn well(about: &'static str, says: String) -> Self {
        Self { about, says, to_mend: false }
    }

    fn unwell(about: &'static str, says: String) -> Self {
        Self { about, says, to_mend: true }
    }
}

impl DoctorArgs {
    /// Tells what is well and what is not; an error if anything is to be mended.
    pub async fn run(self, output: Format) -> Result<(), UpkeepError> {
        let (running, mut findings) = running().await;
        findings.extend(self.kept.look(running).await);
        let mut out = io::stdout();
        match output {
            Format::Json => writeln!(out, "{:#}", json!({ "findings": findings }))?,
            Format::Text => {
                for Finding { about, says, .. } in &findings {
                    writeln!(out, "{about:<9} {says}")?;
                }
            }
        }
        match findings.iter().filter(|finding| finding.to_mend).count() {
            0 => Ok(()),
            unwell => Err(UpkeepError::Unwell(unwell)),
        }
    }
}

impl KeptArgs {
    /// What is found where the realm is kept; `running` is whether a Muster runs on this machine.
    async fn look(&self, running: bool) -> Vec<Finding> {
        let spec = &self.journal;
        let storage = match self.open(&self.nats.clone().into()).await {
            Ok(storage) => storage,
            Err(StorageError::Embedded(OpenError::Held { dir })) if running => {
                let says = format!("{} is held by the Muster that runs, as it should be", dir.display());
                return vec![Finding::well("journal", says)];
            }
            Err(StorageError::NoJournal(dir)) if running => {
                let dir = dir.display();
                let says = format!("none in {dir}: the Muster that runs keeps its own; see --journal embedded:DIR");
                return vec![Finding::well("journal", says)];
            }
            Err(error) => return vec![Finding::unwell("journal", error.to_string())],
        };
        let log = match storage.journal.last().await {
            Ok(0) => Finding::well("log", "empty: nobody has opened the realm".to_owned()),
            Ok(last) => Finding::well("log", format!("{last} records, none missing")),
            Err(error) => Finding::unwell("log", error.to_string()),
        };
        let accepted = storage.unsafe_settings.iter().map(|setting| {
            Finding::well("accepted", format!("{}: {}; {}", setting.name, setting.says, setting.way_out))
        });
        let used = Finding::well("journal", format!("{spec} can be used, realm {}", self.realm));
        let clock = clock(&storage).await;
        [used, log].into_iter().chain(clock).chain(accepted).collect()
    }
}

/// How this machine's clock stands to the journal's, if that has one of its own.
async fn clock(storage: &Storage) -> Option<Finding> {
    let compared = storage.remote.as_ref()?.look_at_leader(|| SystemClock.now()).await;
    let off = *storage.journal.clock_off().borrow();
    Some(match (compared, off) {
        (Err(error), _) => Finding::unwell("clock", error.to_string()),
        (Ok(()), Some(off)) => Finding::unwell("clock", format!("{off}; {}", ClockOff::WAY_OUT)),
        (Ok(()), None) => Finding::well("clock", "shows the journal's time".to_owned()),
    })
}

/// Whether a Muster answers on this machine, and what is found of it.
async fn running() -> (bool, Vec<Finding>) {
    let context = match context() {
        Ok(Some(context)) => context,
        Ok(None) => {
            let says = "none that a command on this machine would find".to_owned();
            return (false, vec![Finding::well("running", says)]);
        }
        Err(error) => return (false, vec![Finding::unwell("running", format!("{error}; remove that file"))]),
    };
    let address = &context.address;
    let status = match status_of(address).await {
        Ok(status) => status,
        Err(error) => {
            let why = innermost(error.as_ref());
            let says = format!(
                "nothing answers at {address}, where one should: {why}; stop what is left of it, if \
                                anything is, and start it again"
            );
            return (false, vec![Finding::unwell("running", says)]);
        }
    };
    let says = format!("muster {} at {address}, realm {}", status.version, status.realm);
    let troubled = status.roles.into_iter().filter(|role| !role.trouble.is_empty());
    let troubles = troubled.map(|role| Finding::unwell("trouble", format!("{}: {}", role.role, role.trouble)));
    let late = status.late.into_iter().map(|late| Finding::unwell("late", late.what));
    (true, [Finding::well("running", says)].into_iter().chain(troubles).chain(late).collect())
}

async fn status_of(address: &str) -> Result<GetStatusResponse, Fault> {
    // Whoever is well says so at once.
    let channel = session::endpoint(address)?.timeout(session::CONNECT_PATIENCE).connect().await?;
    let mut call = tonic::Request::new(GetStatusRequest {});
    call.metadata_mut().insert("authorization", "Bearer dev:operator:doctor".parse()?);
    Ok(MonitorServiceClient::new(channel).get_status(call).await?.into_inner())
}

fn context() -> Result<Option<Context>, ContextError> {
    Context::read(&Context::place()?)
}

impl ProjectionsWord {
    /// Makes the rows anew, or compares them.
    pub async fn run(self) -> Result<(), UpkeepError> {
        let (Self::Rebuild(args) | Self::Verify(args)) = &self;
        let storage = args.kept.open(&args.kept.nats.clone().into()).await?;
        let dir = args.dir.clone().or(storage.projections.clone()).ok_or(UpkeepError::NoRows)?;
        let (journal, realm) = (storage.journal.as_ref(), &args.kept.realm);
        let mut out = io::stdout();
        match &self {
            Self::Rebuild(_) => {
                let count = projection::rebuild(journal, realm, &dir).await?;
                writeln!(out, "{count} rows made anew in {}", dir.display())?;
                Ok(())
            }
            Self::Verify(_) => {
                let differences = projection::verify(journal, realm, &dir).await?;
                for difference in &differences {
                    writeln!(out, "{}", told(difference))?;
                }
                if differences.is_empty() {
                    writeln!(out, "the rows in {} are what the log says", dir.display())?;
                    return Ok(());
                }
                Err(UpkeepError::Differ(differences.len()))
            }
        }
    }
}

fn told(difference: &Difference) -> String {
    match difference {
        Difference::NoRows { why: None } => "there are no rows".to_owned(),
        Difference::NoRows { why: Some(why) } => format!("there are no rows to be trusted: {why}"),
        Difference::Missing(name) => format!("missing: {name}"),
        Difference::Extra(name) => format!("should not be there: {name}"),
        Difference::Otherwise(name) => format!("says something else: {name}"),
    }
}
