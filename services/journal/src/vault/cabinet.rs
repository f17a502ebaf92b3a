//! Where sealed things lie. A cabinet knows nothing of what it keeps.

use crate::{
    disk::{Changes, Disk},
    jetstream::{JetStream, Leader, bucket, described},
    local::lock,
};
use async_nats::jetstream::kv::{Entry, Operation, Store};
use async_trait::async_trait;
use futures::TryStreamExt;
use muster_domain::kernel::{RealmId, SubjectRef};
use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

/// One sealed value per subject. Every error says in words why the cabinet cannot be reached.
#[async_trait]
pub trait Cabinet: Send + Sync + 'static {
    /// Keeps a value, instead of the one before; it is on disk when this returns.
    async fn put(&self, subject: &SubjectRef, sealed: Vec<u8>) -> Result<(), String>;

    /// The subject's value.
    async fn get(&self, subject: &SubjectRef) -> Result<Option<Vec<u8>>, String>;

    /// Removes the subject's value; it is gone from disk, as far as the disk allows, when this returns.
    async fn remove(&self, subject: &SubjectRef) -> Result<(), String>;

    /// Whose values there are.
    async fn subjects(&self) -> Result<Vec<SubjectRef>, String>;
}

/// A cabinet that forgets: for tests and the simulator.
#[derive(Default)]
pub struct InMemory(Mutex<BTreeMap<SubjectRef, Vec<u8>>>);

#[async_trait]
impl Cabinet for InMemory {
    async fn put(&self, subject: &SubjectRef, sealed: Vec<u8>) -> Result<(), String> {
        lock(&self.0).insert(subject.clone(), sealed);
        Ok(())
    }

    async fn get(&self, subject: &SubjectRef) -> Result<Option<Vec<u8>>, String> {
        Ok(lock(&self.0).get(subject).cloned())
    }

    async fn remove(&self, subject: &SubjectRef) -> Result<(), String> {
        lock(&self.0).remove(subject);
        Ok(())
    }

    async fn subjects(&self) -> Result<Vec<SubjectRef>, String> {
        Ok(lock(&self.0).keys().cloned().collect())
    }
}

/// A cabinet in a directory of its own, for one process.
pub struct OnDisk(Arc<Mutex<Disk>>);

impl OnDisk {
    /// Opens the directory, or makes it.
    pub fn open(dir: &Path) -> io::Result<Self> {
        Disk::open(dir).map(|disk| Self(Arc::new(Mutex::new(disk))))
    }

    /// The disk may be slow, so nothing else waits for it.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> io::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let disk = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&lock(&disk))).await;
        done.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}

/// A subject's name on disk ends in a byte that no subject has, so that none is the beginning of another.
fn name(subject: &SubjectRef) -> Vec<u8> {
    format!("{subject}/").into_bytes()
}

#[async_trait]
impl Cabinet for OnDisk {
    async fn put(&self, subject: &SubjectRef, sealed: Vec<u8>) -> Result<(), String> {
        let name = name(subject);
        self.with(move |disk| {
            let mut changes = Changes::default();
            disk.remove(&name, &mut changes)?;
            changes.insert(&name, &sealed);
            disk.commit(changes)
        })
        .await
    }

    async fn get(&self, subject: &SubjectRef) -> Result<Option<Vec<u8>>, String> {
        let name = name(subject);
        self.with(move |disk| disk.get(&name)).await
    }

    async fn remove(&self, subject: &SubjectRef) -> Result<(), String> {
        let name = name(subject);
        self.with(move |disk| {
            let mut changes = Changes::default();
            disk.remove(&name, &mut changes)?;
            disk.commit(changes)
        })
        .await
    }

    async fn subjects(&self) -> Result<Vec<SubjectRef>, String> {
        let names = self.with(Disk::names).await?;
        let subject = |name: Vec<u8>| SubjectRef::parse(String::from_utf8(name).ok()?.strip_suffix('/')?).ok();
        Ok(names.into_iter().filter_map(subject).collect())
    }
}

/// A cabinet beside the journal's stream, for all its processes.
pub struct OnJetStream {
    store: Store,
    leader: Leader,
}

/// The bucket in which a realm's vault lies.
pub(crate) fn bucket_of(realm: &RealmId) -> String {
    format!("MUSTER_VAULT_{}", realm.as_str().to_uppercase())
}

impl OnJetStream {
    /// Opens the cabinet of the journal's realm, or makes it.
    pub async fn open(journal: &JetStream) -> Result<Self, String> {
        let name = bucket_of(journal.realm());
        let store = bucket::open(journal, &name, Duration::ZERO).await?;
        let leader = journal.leader_of(store.stream_name.clone());
        Ok(Self { store, leader })
    }

    /// The subject's entry. A server that is cut off, or whose disk has rotted, may give an old one or none and say nothing of
    /// that: its word counts only while it leads, and only if it gives as much as it counts.
    async fn entry(&self, subject: &SubjectRef) -> Result<Option<Entry>, String> {
        let name = format!("{}{subject}", self.store.prefix);
        let read = || async { self.store.entry(subject.as_str()).await.map_err(|error| described(&error)) };
        loop {
            match self.leader.read(Some(&name), read).await? {
                (None, (1.., 1..)) => return Err(hides("this subject")),
                (None, (_, 0)) => return Ok(None),
                (Some(entry), (_, 1..)) => return Ok(Some(entry)),
                // It was put or removed meanwhile.
                (None, (0, 1..)) | (Some(_), (_, 0)) => {}
            }
        }
    }
}

fn hides(whom: &str) -> String {
    format!("the server that leads does not give all that it keeps for {whom}")
}

#[async_trait]
impl Cabinet for OnJetStream {
    /// Once: nothing tells the servers that another is the same, and a server that leads nobody would have to take back both.
    async fn put(&self, subject: &SubjectRef, sealed: Vec<u8>) -> Result<(), String> {
        self.store.put(subject.as_str(), sealed.into()).await.map(drop).map_err(|error| described(&error))
    }

    async fn get(&self, subject: &SubjectRef) -> Result<Option<Vec<u8>>, String> {
        let entry = self.entry(subject).await?;
        Ok(entry.filter(|entry| entry.operation == Operation::Put).map(|entry| entry.value.to_vec()))
    }

    /// Deleting the message itself, not the key, makes the servers overwrite its bytes.
    async fn remove(&self, subject: &SubjectRef) -> Result<(), String> {
        let Some(entry) = self.entry(subject).await? else { return Ok(()) };
        self.store.stream.delete_message(entry.revision).await.map(drop).map_err(|error| described(&error))
    }

    async fn subjects(&self) -> Result<Vec<SubjectRef>, String> {
        let read = || async {
            let told = self.store.stream.info_with_subjects(format!("{}>", self.store.prefix)).await;
            let told = told.map_err(|error| described(&error))?;
            told.map_ok(|(name, _)| name).try_collect::<Vec<String>>().await.map_err(|error| described(&error))
        };
        // One entry each.
        let (names, (before, after)) = self.leader.read(None, read).await?;
        if (names.len() as u64) < before.min(after) {
            return Err(hides("everybody"));
        }
        let subject = |name: &String| SubjectRef::parse(name.strip_prefix(&self.store.prefix)?).ok();
        let mut subjects: Vec<_> = names.iter().filter_map(subject).collect();
        subjects.sort_unstable();
        Ok(subjects)
    }
}
