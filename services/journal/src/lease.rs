//! Who decides: of many replicas, one at a time holds the lease.
//!
//! A lease makes two deciders rare, not impossible: whoever holds it may have lost it a moment ago. What makes two harmless is
//! the expected sequence of every append. So whoever holds it and hears nothing of it goes on: most often its servers elect a
//! leader, and nobody else can take it meanwhile; if it is this process alone that hears nothing, the next holder's fence stops
//! it.

use crate::{
    crash::{self, Boundary},
    jetstream::{Gathering, JetStream, again, bucket},
    port::Journal,
    skew::ClockOff,
    vault::cabinet,
};
use async_nats::jetstream::kv::{Operation, Store, UpdateErrorKind};
use async_trait::async_trait;
use bytes::Bytes;
use std::{convert::Infallible, time::Duration};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// After so long without a renewal another may take the lease.
pub const LEASE: Duration = Duration::from_secs(3);

/// A holder renews as often, so that it may fail once and still hold.
pub const RENEW_EVERY: Duration = Duration::from_secs(1);

/// The bucket of all leases, of whatever realm.
const LEASES: &str = "MUSTER_LEASES";

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Whoever asked.
    Mine,
    /// Another, by the name it took it under: its address.
    Theirs(String),
}

/// Why it is not known who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// It does not answer: nothing is known.
    #[error("the lease cannot be asked for: {0}")]
    Silent(String),
    /// This process may not write, so it may not hold the lease either.
    #[error("{0}")]
    ClockOff(ClockOff),
}

/// One lease.
#[async_trait]
pub trait Lease: Send + Sync + 'static {
    /// Takes the lease for `me` if nobody holds it, renews it if `me` does, and tells who holds it now.
    async fn take(&self, me: &str) -> Result<Holding, LeaseError>;

    /// Lets all that the lease and its log stand on be led together, as far as it can.
    async fn gather(&self) {}

    /// Lets go of it, so that another need not wait; nothing happens if `me` does not hold it.
    async fn give_up(&self, me: &str) -> Result<(), LeaseError>;
}

/// Asks for the lease once, and not for long.
pub async fn take(lease: &dyn Lease, me: &str) -> Result<Holding, LeaseError> {
    timeout(LEASE, lease.take(me))
        .await
        .unwrap_or_else(|_| Err(LeaseError::Silent("no answer came in time".to_owned())))
}

/// How a lease was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Another holds it, by the name it took it under.
    To(String),
    /// This process may not hold it.
    ClockOff(ClockOff),
}

/// Renews the lease until it is lost. A lease that does not answer is nobody's to take, so whoever holds it goes on; if it is this
/// process alone that hears nothing, the next holder's fence stops it at its next append.
pub async fn keep(lease: &dyn Lease, me: &str) -> Lost {
    tokio::select! {
        lost = renew(lease, me) => lost,
        never = gather(lease) => match never {},
    }
}

async fn renew(lease: &dyn Lease, me: &str) -> Lost {
    loop {
        sleep(RENEW_EVERY).await;
        match take(lease, me).await {
            Ok(Holding::Mine) => {}
            Ok(Holding::Theirs(other)) => return Lost::To(other),
            Err(LeaseError::Silent(why)) => tracing::warn!(why, "the lease was not renewed"),
            Err(LeaseError::ClockOff(off)) => return Lost::ClockOff(off),
        }
    }
}

/// Beside the renewals, which must not wait for it.
async fn gather(lease: &dyn Lease) -> Infallible {
    loop {
        sleep(RENEW_EVERY).await;
        lease.gather().await;
    }
}

/// The lease of a process that is alone with its journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Always;

#[async_trait]
impl Lease for Always {
    async fn take(&self, _: &str) -> Result<Holding, LeaseError> {
        Ok(Holding::Mine)
    }

    async fn give_up(&self, _: &str) -> Result<(), LeaseError> {
        Ok(())
    }
}

/// A lease among all processes on the same JetStream: a key whose value is the holder and which the servers forget.
pub struct Shared {
    bucket: Store,
    key: String,
    gathering: Gathering,
    clock_off: watch::Receiver<Option<ClockOff>>,
}

impl Shared {
    /// The lease named `key` (`a-z`, `0-9`, `-`) of the journal's realm.
    pub async fn open(journal: &JetStream, key: &str) -> Result<Self, LeaseError> {
        // The servers keep one value per key: with more, they would show the old one after the holder's has gone.
        let bucket = bucket::open(journal, LEASES, LEASE).await.map_err(LeaseError::Silent)?;
        let beside = [LEASES.to_owned(), cabinet::bucket_of(journal.realm())];
        let gathering = Gathering::of(journal, beside.map(|bucket| bucket::stream_of(&bucket)));
        Ok(Self { bucket, key: format!("{}.{key}", journal.realm()), gathering, clock_off: journal.clock_off() })
    }

    /// The holder and the revision of its entry; without a holder, the revision that whoever takes the lease must expect.
    async fn holder(&self) -> Result<(Option<String>, u64), LeaseError> {
        let entry = again::ask(|| self.bucket.entry(&self.key)).await.map_err(failed)?;
        Ok(match entry {
            None => (None, 0),
            Some(entry) => match entry.operation {
                Operation::Put => (Some(String::from_utf8_lossy(&entry.value).into_owned()), entry.revision),
                Operation::Delete | Operation::Purge => (None, entry.revision),
            },
        })
    }
}

#[async_trait]
impl Lease for Shared {
    async fn take(&self, me: &str) -> Result<Holding, LeaseError> {
        // Whoever may not write leaves it to others.
        if let Some(off) = *self.clock_off.borrow() {
            return Err(LeaseError::ClockOff(off));
        }
        let (holder, revision) = self.holder().await?;
        let (before, after) = match holder {
            Some(other) if other != me => return Ok(Holding::Theirs(other)),
            Some(_) => (Boundary::LeaseAging, Boundary::LeaseRenewed),
            None => (Boundary::LeaseFree, Boundary::LeaseTaken),
        };
        crash::at(before);
        match self.bucket.update(&self.key, Bytes::from(me.to_owned()), revision).await {
            Ok(_) => {
                crash::at(after);
                Ok(Holding::Mine)
            }
            // Somebody was faster, or the entry has just been forgotten.
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => match self.holder().await?.0 {
                Some(other) if other != me => Ok(Holding::Theirs(other)),
                _ => Err(LeaseError::Silent("it is changing hands: ask again".to_owned())),
            },
            Err(error) => Err(failed(error)),
        }
    }

    async fn gather(&self) {
        self.gathering.gather().await;
    }

    async fn give_up(&self, me: &str) -> Result<(), LeaseError> {
        match self.holder().await? {
            (Some(holder), revision) if holder == me => {
                crash::at(Boundary::LeaseEnding);
                self.bucket.delete_expect_revision(&self.key, Some(revision)).await.map_err(failed)?;
                crash::at(Boundary::LeaseReturned);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn failed(error: impl std::error::Error) -> LeaseError {
    LeaseError::Silent(crate::jetstream::described(&error))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Mutex, PoisonError},
    };

    use tokio::time::Instant;

    use super::*;

    /// A lease that answers as it was told, and then not at all.
    struct Scripted(Mutex<VecDeque<Result<Holding, LeaseError>>>);

    #[async_trait]
    impl Lease for Scripted {
        async fn take(&self, _: &str) -> Result<Holding, LeaseError> {
            let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }

        async fn give_up(&self, _: &str) -> Result<(), LeaseError> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_kept_through_silence_until_another_holds_it() {
        let fails = || Err(LeaseError::Silent("no route".to_owned()));
        let theirs = Ok(Holding::Theirs("http://b:1 secret".to_owned()));
        let answers = vec![Ok(Holding::Mine), fails(), fails(), fails(), fails(), Ok(Holding::Mine), theirs];
        let (lease, began) = (Scripted(Mutex::new(answers.into())), Instant::now());
        assert_eq!(keep(&lease, "me").await, Lost::To("http://b:1 secret".to_owned()));
        assert_eq!(began.elapsed(), RENEW_EVERY * 7);
        let silent = timeout(LEASE * 100, keep(&lease, "me")).await;
        assert!(silent.is_err(), "without an answer nothing is lost");
    }
}
