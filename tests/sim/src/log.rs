//! The log as oracles read it.

use bytes::Bytes;
use futures::StreamExt;
use muster_domain::{
    event::Event,
    kernel::Timestamp,
    registry::events::{RealmClock, RealmEvent},
};
use muster_journal::{
    port::{Context, Journal, ReadError, Record, Subject},
    stored::{self, Commit, Frame, Position},
};
use uuid::Uuid;

/// One record of the realm, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the realm, from 1.
    pub sequence: u64,
    /// Whose it is.
    pub subject: Subject,
    /// What it says. A record that cannot be read says nothing here; L7 tells of it.
    pub frame: Frame,
    /// As it is stored.
    pub bytes: Bytes,
}

impl From<Record> for Entry {
    fn from(Record { sequence, subject, frame: id, bytes }: Record) -> Self {
        let unread = |_| Frame { id, previous: [0; 32], commits: Vec::new() };
        let frame = stored::decode(&bytes).unwrap_or_else(unread);
        Self { sequence, subject, frame, bytes }
    }
}

/// Reads a realm's whole log, up to where its head is when asked.
pub async fn read_log(journal: &dyn Journal) -> Result<Vec<Entry>, ReadError> {
    let last = journal.last().await?;
    let mut records = journal.subscribe(0);
    let mut log = Vec::new();
    while log.last().map_or(0, |entry: &Entry| entry.sequence) < last {
        match records.next().await {
            Some(record) => log.push(record?.into()),
            None => return Err(ReadError::Unavailable("it ended before its head".to_owned())),
        }
    }
    Ok(log)
}

/// A commit where it stands.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Where.
    pub position: Position,
    /// Whose it is.
    pub subject: &'a Subject,
    /// What it says.
    pub commit: &'a Commit,
}

impl At<'_> {
    /// Whether the desk wrote it.
    pub fn is_desk(&self) -> bool {
        self.subject.context() == Context::Dispatch
    }

    /// The command that caused it.
    pub fn command(&self) -> Uuid {
        self.commit.command
    }
}

/// Every commit in the order of the log.
pub fn commits(log: &[Entry]) -> impl Iterator<Item = At<'_>> {
    log.iter().flat_map(|entry| {
        (0..).zip(&entry.frame.commits).map(|(index, commit)| At {
            position: Position { sequence: entry.sequence, index },
            subject: &entry.subject,
            commit,
        })
    })
}

/// Log time at the end of the log: the greatest `recorded_at`.
pub fn log_time(log: &[Entry]) -> Timestamp {
    commits(log).map(|at| at.commit.recorded_at).max().unwrap_or_default()
}

/// How many times as fast as system time the realm's time runs: what may take a second takes so many of the realm's.
pub fn pace(log: &[Entry]) -> u32 {
    let opened = commits(log)
        .flat_map(|at| &at.commit.events)
        .find_map(|event| if let Event::Realm(RealmEvent::Opened(realm)) = event { Some(realm.clock) } else { None });
    match opened {
        Some(RealmClock::Exercise { speed, .. }) => speed,
        Some(RealmClock::System) | None => 1,
    }
}

/// A position as people write it.
pub fn place(position: Position) -> String {
    format!("{}.{}", position.sequence, position.index)
}
