//! Copying a realm from one journal to another: to move it, to back it up, to restore it. Every record keeps its place, its bytes and
//! its frame's id, so that the copy is the same log; what was copied before is compared and not written again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::StreamExt;
use tokio::time::timeout;

use crate::{
    append::{Lost, append_surely},
    port::{Journal, ReadError, Record, Records},
    vault::{Vault, VaultError},
};

/// How long one record may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Records that were there before, and are the same.
    pub before: u64,
    /// Records that were written, and then read again.
    pub written: u64,
    /// For how many people something is kept.
    pub people: usize,
}

/// Why a log was not copied, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The log cannot be read.
    #[error("the log that is copied: {0}")]
    From(ReadError),
    /// The copy cannot be read.
    #[error("the copy: {0}")]
    To(ReadError),
    /// A record cannot be written.
    #[error("record {sequence} of the copy: {why}")]
    Unwritten {
        /// Which.
        sequence: u64,
        /// Why not.
        why: Lost,
    },
    /// The copy is of another log, or somebody else writes there.
    #[error(
        "record {0} of the copy is another than that of the log: copy to an empty place, or to an older copy, where nobody serves the realm"
    )]
    Differs(u64),
    /// The copy has more than the log.
    #[error("the copy has {to} records, and the log {from}: it is newer, or another's")]
    Longer {
        /// Records of the log.
        from: u64,
        /// Records of the copy.
        to: u64,
    },
    /// There is nothing to copy.
    #[error("there is no record in the log that is copied: is it the right realm, at the right place?")]
    Empty,
    /// The vault was lost, and its copy would be.
    #[error(
        "the vault of the log that is copied is empty, and the copy's is not: that is kept as it is; see what became of the vault"
    )]
    NoVault,
    /// Whom to call cannot be read or written.
    #[error("the vault of {of}: {why}")]
    Vault {
        /// Whose vault.
        of: &'static str,
        /// Why not.
        why: VaultError,
    },
}

/// A realm's log and its vault.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    /// The log.
    pub log: &'a dyn Journal,
    /// The vault.
    pub vault: &'a dyn Vault,
}

/// Copies all records that `from` has now behind those that `to` has of them already, and whom they name before them: a copy that
/// was cut off lacks records, and is told by that.
pub async fn copy(from: Kept<'_>, to: Kept<'_>) -> Result<Copied, CopyError> {
    let last = from.log.last().await.map_err(CopyError::From)?;
    let before = to.log.last().await.map_err(CopyError::To)?;
    if last == 0 {
        return Err(CopyError::Empty);
    }
    if before > last {
        return Err(CopyError::Longer { from: last, to: before });
    }
    let (mut source, mut heads) = (from.log.subscribe(0), BTreeMap::new());
    let mut there = to.log.subscribe(0);
    for sequence in 1..=before {
        let record = next(&mut source).await.map_err(CopyError::From)?;
        if next(&mut there).await.map_err(CopyError::To)? != record {
            return Err(CopyError::Differs(sequence));
        }
        heads.insert(record.subject, sequence);
    }
    let people = copy_vault(from.vault, to.vault).await?;
    for sequence in before.saturating_add(1)..=last {
        let record = next(&mut source).await.map_err(CopyError::From)?;
        append(to.log, &record, heads.get(&record.subject).copied().unwrap_or_default()).await?;
        heads.insert(record.subject, sequence);
    }
    compare(from.log.subscribe(before), to.log.subscribe(before), before, last).await?;
    Ok(Copied { before, written: last - before, people })
}

async fn append(to: &dyn Journal, record: &Record, expected: u64) -> Result<(), CopyError> {
    let Record { sequence, subject, frame, bytes } = record;
    match append_surely(to, subject, expected, *frame, bytes.clone(), PATIENCE).await {
        Ok(appended) if appended.sequence == *sequence => Ok(()),
        Ok(_) | Err(Lost::Conflict) => Err(CopyError::Differs(*sequence)),
        Err(why) => Err(CopyError::Unwritten { sequence: *sequence, why }),
    }
}

/// Reads what was written beside what it was written from.
async fn compare(mut source: Records, mut copy: Records, after: u64, last: u64) -> Result<(), CopyError> {
    for sequence in after.saturating_add(1)..=last {
        if next(&mut source).await.map_err(CopyError::From)? != next(&mut copy).await.map_err(CopyError::To)? {
            return Err(CopyError::Differs(sequence));
        }
    }
    Ok(())
}

async fn next(records: &mut Records) -> Result<Record, ReadError> {
    let silent = || ReadError::Unavailable("it gives no more records".to_owned());
    timeout(PATIENCE, records.next()).await.ok().flatten().unwrap_or_else(|| Err(silent()))
}

/// Lets `to` keep what `from` keeps, each sealed under its own key, and forget whom `from` has forgotten; for how many people
/// something is kept. Once it is known up to where the log is copied: whom those records name is there, or was erased since.
async fn copy_vault(from: &dyn Vault, to: &dyn Vault) -> Result<usize, CopyError> {
    let of = |of| move |why| CopyError::Vault { of, why };
    let (from_failed, to_failed) = (of("the log that is copied"), of("the copy"));
    let mut kept = BTreeSet::new();
    for subject in from.subjects().await.map_err(from_failed)? {
        // Whoever is erased meanwhile is not copied.
        let Some(plaintext) = from.get(&subject).await.map_err(from_failed)? else { continue };
        if to.get(&subject).await.map_err(to_failed)?.as_ref() != Some(&plaintext) {
            to.put(&subject, &plaintext).await.map_err(to_failed)?;
        }
        kept.insert(subject);
    }
    let there = to.subjects().await.map_err(to_failed)?;
    if kept.is_empty() && !there.is_empty() {
        return Err(CopyError::NoVault);
    }
    for subject in there {
        if !kept.contains(&subject) {
            to.erase(&subject).await.map_err(to_failed)?;
        }
    }
    Ok(kept.len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use muster_domain::kernel::{RealmId, SubjectRef};
    use uuid::Uuid;

    use super::*;
    use crate::{
        faulty::{Fault, Faulty},
        memory::Memory,
        port::{Context, Subject},
        vault::{InMemory, MasterKey, SealedVault},
    };

    fn subject(id: &str) -> Subject {
        Subject::new(&RealmId::parse("drill").unwrap(), Context::Intake, id).unwrap()
    }

    /// A log of so many records, of three subjects in turn.
    async fn log(records: u64, says: &str) -> Memory {
        let journal = Memory::new();
        for n in 1..=records {
            let (id, expected) = (subject(["a", "b", "c"][n as usize % 3]), n.saturating_sub(3));
            let bytes = Bytes::from(format!("{says} {n}"));
            journal.append(&id, expected, Uuid::from_u128(n.into()), bytes).await.unwrap();
        }
        journal
    }

    fn vault() -> impl Vault {
        SealedVault::new(&RealmId::parse("drill").unwrap(), MasterKey::ephemeral(), InMemory::default())
    }

    /// Copies a log without anybody to call.
    async fn copy_log(from: &Memory, to: &Memory) -> Result<Copied, CopyError> {
        copy(Kept { log: from, vault: &vault() }, Kept { log: to, vault: &vault() }).await
    }

    async fn records(journal: &Memory) -> Vec<Record> {
        let last = journal.last().await.unwrap();
        journal.subscribe(0).take(last as usize).map(Result::unwrap).collect().await
    }

    #[tokio::test]
    async fn a_copy_is_the_same_log_and_goes_on_where_it_ended() {
        let copy = Memory::new();
        assert_eq!(copy_log(&log(7, "x").await, &copy).await, Ok(Copied { before: 0, written: 7, people: 0 }));
        let from = log(20, "x").await;
        assert_eq!(copy_log(&from, &copy).await, Ok(Copied { before: 7, written: 13, people: 0 }));
        assert_eq!(copy_log(&from, &copy).await, Ok(Copied { before: 20, written: 0, people: 0 }));
        assert_eq!(records(&copy).await, records(&from).await);
    }

    #[tokio::test]
    async fn another_log_is_no_older_copy() {
        let (from, other) = (log(5, "x").await, log(3, "y").await);
        assert_eq!(copy_log(&from, &other).await, Err(CopyError::Differs(1)));
        assert_eq!(records(&other).await.len(), 3, "nothing was written");
        assert_eq!(copy_log(&Memory::new(), &Memory::new()).await, Err(CopyError::Empty));
        let longer = log(6, "x").await;
        assert_eq!(copy_log(&from, &longer).await, Err(CopyError::Longer { from: 5, to: 6 }));
    }

    #[tokio::test]
    async fn whom_records_name_is_there_before_them_and_in_no_other_log() {
        let (from, to, one) = (vault(), vault(), SubjectRef::parse("one").unwrap());
        from.put(&one, b"1").await.unwrap();
        let (here, other) = (log(5, "x").await, log(3, "y").await);
        let copied = copy(Kept { log: &here, vault: &from }, Kept { log: &other, vault: &to }).await;
        assert_eq!((copied, to.get(&one).await), (Err(CopyError::Differs(1)), Ok(None)));
        // Somebody else writes there when the first record is to be written.
        let served = Faulty::new(Arc::new(Memory::new()));
        served.befall([Fault::Conflict]);
        let copied = copy(Kept { log: &here, vault: &from }, Kept { log: &served, vault: &to }).await;
        assert_eq!((copied, to.get(&one).await), (Err(CopyError::Differs(1)), Ok(Some(b"1".to_vec()))));
    }

    #[tokio::test]
    async fn a_vault_is_kept_and_forgotten_alike_under_its_own_key() {
        let (from, to) = (vault(), vault());
        let [one, two, three] = ["one", "two", "three"].map(|id| SubjectRef::parse(id).unwrap());
        from.put(&one, b"1").await.unwrap();
        from.put(&two, b"2").await.unwrap();
        to.put(&two, b"old").await.unwrap();
        to.put(&three, b"erased since").await.unwrap();
        assert_eq!(copy_vault(&from, &to).await, Ok(2));
        assert_eq!(
            copy_vault(&vault(), &to).await,
            Err(CopyError::NoVault),
            "a vault that was lost takes no copy with it"
        );
        for (subject, kept) in [(&one, Some(b"1".to_vec())), (&two, Some(b"2".to_vec())), (&three, None)] {
            assert_eq!(to.get(subject).await, Ok(kept), "{subject}");
        }
    }
}
