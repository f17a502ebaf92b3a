//! `muster doctor` and `muster projections`: looking after a realm.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use muster_api::monitor::v1::{GetStatusRequest, GetStatusResponse, monitor_service_client::MonitorServiceClient};
use muster_domain::kernel::RealmId;
use muster_journal::embedded::OpenError;
use muster_monitor::projection::{self, Difference, ProjectionError};
use muster_runtime::lifecycle::Fault;
use tonic::transport::Endpoint;

use crate::{
    cli::{
        context::{Context, ContextError},
        failure::innermost,
    },
    serve::{NatsArgs, realm_id},
    storage::{JournalSpec, NatsOptions, Storage, StorageError},
};

/// Where a realm is kept, for whoever looks after it.
#[derive(Args, Clone, Debug)]
pub struct KeptArgs {
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
    /// What is found cannot be told.
    #[error("{0}")]
    Output(#[from] io::Error),
}

impl KeptArgs {
    async fn open(&self, nats: &NatsOptions) -> Result<Storage, StorageError> {
        if let JournalSpec::Embedded(dir) = &self.journal
            && !dir.is_dir()
        {
            return Err(StorageError::NoDirectory(dir.clone()));
        }
        Storage::open(&self.journal, &self.realm, nats).await
    }
}

impl DoctorArgs {
    /// Tells what is well and what is not; an error if anything is to be mended.
    pub async fn run(self) -> Result<(), UpkeepError> {
        let (running, mut unwell) = running().await?;
        let nats = NatsOptions::from(self.kept.nats.clone());
        let (spec, mut out) = (&self.kept.journal, io::stdout());
        match self.kept.open(&nats).await {
            Ok(storage) => {
                writeln!(out, "journal   {spec} can be used, realm {}", self.kept.realm)?;
                match storage.journal.last().await {
                    Ok(0) => writeln!(out, "log       empty: nobody has opened the realm")?,
                    Ok(last) => writeln!(out, "log       {last} records, none missing")?,
                    Err(error) => {
                        unwell += 1;
                        writeln!(out, "log       {error}")?;
                    }
                }
                for setting in &storage.unsafe_settings {
                    writeln!(out, "accepted  {}: {}; {}", setting.name, setting.says, setting.way_out)?;
                }
            }
            Err(StorageError::Embedded(OpenError::Held { dir })) if running => {
                writeln!(out, "journal   {} is held by the Muster that runs, as it should be", dir.display())?;
            }
            Err(StorageError::NoDirectory(dir)) if running => {
                let dir = dir.display();
                writeln!(
                    out,
                    "journal   none in {dir}: the Muster that runs keeps its own; see --journal embedded:DIR"
                )?;
            }
            Err(error) => {
                unwell += 1;
                writeln!(out, "journal   {error}")?;
            }
        }
        if unwell == 0 { Ok(()) } else { Err(UpkeepError::Unwell(unwell)) }
    }
}

/// Tells of the Muster that runs on this machine: whether one answers, and how many things are wrong with it.
async fn running() -> Result<(bool, usize), io::Error> {
    let mut out = io::stdout();
    let context = match context() {
        Ok(Some(context)) => context,
        Ok(None) => {
            writeln!(out, "running   none that a command on this machine would find")?;
            return Ok((false, 0));
        }
        Err(error) => {
            writeln!(out, "running   {error}; remove that file")?;
            return Ok((false, 1));
        }
    };
    let address = &context.address;
    let status = match status_of(address).await {
        Ok(status) => status,
        Err(error) => {
            let why = innermost(error.as_ref());
            writeln!(out, "running   nothing answers at {address}, where one should: {why}; start it again")?;
            return Ok((false, 1));
        }
    };
    writeln!(out, "running   muster {} at {address}, realm {}", status.version, status.realm)?;
    let troubled: Vec<_> = status.roles.iter().filter(|role| !role.trouble.is_empty()).collect();
    for role in &troubled {
        writeln!(out, "trouble   {}: {}", role.role, role.trouble)?;
    }
    Ok((true, troubled.len()))
}

async fn status_of(address: &str) -> Result<GetStatusResponse, Fault> {
    let channel = Endpoint::from_shared(address.to_owned())?.connect().await?;
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
