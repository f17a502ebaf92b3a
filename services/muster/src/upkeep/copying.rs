//! `muster journal copy`: moving a realm, backing it up, restoring it.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use muster_domain::kernel::RealmId;
use muster_journal::{
    copy::{Copied, Kept, copy},
    lease::{self, Holding, Lease, Lost},
};
use muster_runtime::ids;

use super::UpkeepError;
use crate::{
    serve::{NatsArgs, realm_id},
    storage::{JournalSpec, NatsOptions, Storage},
};

/// The journal itself
#[derive(Clone, Debug, Subcommand)]
pub enum JournalWord {
    /// Copy a realm's log and its vault: to move it, to back it up, to restore it
    ///
    /// The log may be served meanwhile: what it has when the copy begins is copied, and given again, the command copies what has
    /// come since. Nobody may serve the copy until it is done. Every record is read again and compared.
    Copy(Box<CopyArgs>),
}

/// From where to where.
#[derive(Args, Clone, Debug)]
pub struct CopyArgs {
    /// `live`, or an exercise's name
    #[arg(long, env = "MUSTER_REALM", hide_env_values = true, value_parser = realm_id)]
    realm: RealmId,
    /// Where the realm is kept: embedded:DIR or nats://HOST:PORT
    #[arg(long)]
    from: JournalSpec,
    /// Where its copy is to be: embedded:DIR or nats://HOST:PORT; empty, or an older copy
    #[arg(long)]
    to: JournalSpec,
    #[command(flatten)]
    nats: NatsArgs,
}

impl JournalWord {
    /// Does it.
    pub async fn run(self) -> Result<(), UpkeepError> {
        let Self::Copy(args) = self;
        args.run().await
    }
}

impl CopyArgs {
    async fn run(self) -> Result<(), UpkeepError> {
        let Self { realm, from, to, nats } = self;
        match (&from, &to) {
            (JournalSpec::Memory, _) | (_, JournalSpec::Memory) => return Err(UpkeepError::NothingKept),
            (JournalSpec::Nats(_), JournalSpec::Nats(_)) => return Err(UpkeepError::TwoServers),
            (JournalSpec::Embedded(_), _) | (_, JournalSpec::Embedded(_)) => {}
        }
        let nats = NatsOptions::from(nats);
        let source = Storage::open_kept(&from, &realm, &nats).await?;
        let target = Storage::open(&to, &realm, &nats).await?;
        let copied = copy(kept(&source), kept(&target));
        let Copied { before, written, people } = alone(target.lease.as_ref(), copied).await??;
        writeln!(
            io::stdout(),
            "realm {realm}: {written} records written and read again, {before} were there and are the same; whom to call in \
             {people} cases"
        )?;
        Ok(())
    }
}

fn kept(storage: &Storage) -> Kept<'_> {
    Kept { log: storage.journal.as_ref(), vault: storage.vault.as_ref() }
}

/// Does something while nobody decides for the desk: where somebody does, nothing is begun, and whoever starts to waits until it is
/// done.
async fn alone<T>(lease: &dyn Lease, doing: impl Future<Output = T>) -> Result<T, UpkeepError> {
    // It is no address: nothing is relayed to it.
    let me = &format!("muster-journal-copy-{}", ids::new());
    match lease::take(lease, me).await? {
        Holding::Mine => {}
        Holding::Theirs(_) => return Err(UpkeepError::Served),
    }
    let done = tokio::select! {
        done = doing => Ok(done),
        lost = lease::keep(lease, me) => Err(match lost {
            Lost::To(_) => UpkeepError::Served,
            Lost::ClockOff(off) => UpkeepError::ClockOff(off),
        }),
    };
    // If it cannot be given up, it runs out by itself.
    let _ = lease.give_up(me).await;
    done
}
