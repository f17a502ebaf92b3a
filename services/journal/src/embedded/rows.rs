//! Records as rows of sled's tree: `sequence, part` → a piece of `length, subject, frame id, bytes`.

use crate::{
    local::{Index, Shelf},
    port::{ReadError, Record, Subject},
};
use bytes::Bytes;
use std::{
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};
use uuid::Uuid;

/// A leaf of sled 0.34 splits at 17 items, and a page over 128 KiB becomes a file that is never synced. Rows of this size keep
/// a leaf under 70 KiB.
const ROW_BYTES_MAX: usize = 4096;

/// sled keeps at most so many bytes of pages in memory.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// The journal's rows, and the file whose sync makes them last.
pub(super) struct Rows {
    db: sled::Db,
    file: File,
}

impl Rows {
    /// Opens sled in `dir`. It may panic where it finds damage, so that is an error like any other here.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = unless_panicked(|| config.open())?;
        db.flush()?;
        let file = File::open(dir.join("db"))?;
        file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(Self { db, file })
    }

    /// Writes a group and waits until it is on the disk; gives its last sequence.
    pub(super) fn write(&self, group: Group) -> io::Result<u64> {
        self.db.apply_batch(group.batch)?;
        self.db.flush()?;
        self.file.sync_all()?;
        Ok(group.last)
    }

    /// Reads every record there is. With an error comes how far the log is good.
    pub(super) fn index(&self) -> Result<Index, (u64, String)> {
        let mut index = Index::default();
        let last = self.last().map_err(|error| (0, error.to_string()))?;
        for sequence in 1..=last {
            let record = self.record(sequence).map_err(|error| (index.last(), error.to_string()))?;
            index.note(&record.subject);
        }
        Ok(index)
    }

    fn last(&self) -> io::Result<u64> {
        let last = unless_panicked(|| self.db.last())?;
        Ok(last.and_then(|(key, _)| Some(u64::from_be_bytes(*key.first_chunk()?))).unwrap_or(0))
    }

    /// The record's whole text, put together from its rows; `None` if a row is missing.
    fn whole(&self, sequence: u64) -> io::Result<Option<Vec<u8>>> {
        let mut whole = Vec::new();
        for part in 0.. {
            let Some(row) = unless_panicked(|| self.db.get(key(sequence, part)))? else { return Ok(None) };
            whole.extend_from_slice(&row);
            let length = whole.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize);
            if whole.len() >= length {
                break;
            }
        }
        Ok(Some(whole))
    }
}

impl Shelf for Rows {
    fn record(&self, sequence: u64) -> Result<Record, ReadError> {
        let corrupt = |what: &str| ReadError::Corrupt { sequence, what: what.to_owned() };
        let whole = self.whole(sequence).map_err(|error| corrupt(&error.to_string()))?;
        let whole = whole.ok_or_else(|| corrupt("a row is missing"))?;
        let (subject, frame, bytes) = parse(whole).ok_or_else(|| corrupt("it is not a record"))?;
        Ok(Record { sequence, subject, frame, bytes })
    }
}

/// Records to be written together.
pub(super) struct Group {
    batch: sled::Batch,
    last: u64,
}

impl Group {
    /// An empty group whose first record will follow `last`.
    pub(super) fn after(last: u64) -> Self {
        Self { batch: sled::Batch::default(), last }
    }

    /// Adds a record; gives its sequence.
    pub(super) fn push(&mut self, subject: &Subject, frame: Uuid, bytes: &Bytes) -> u64 {
        self.last = self.last.saturating_add(1);
        for (part, row) in (0..).zip(compose(subject, frame, bytes).chunks(ROW_BYTES_MAX)) {
            self.batch.insert(&key(self.last, part), row);
        }
        self.last
    }
}

/// Big-endian, so that sled's order is the log's.
fn key(sequence: u64, part: u16) -> [u8; 10] {
    let mut key = [0; 10];
    let (first, second) = key.split_at_mut(8);
    first.copy_from_slice(&sequence.to_be_bytes());
    second.copy_from_slice(&part.to_be_bytes());
    key
}

fn compose(subject: &Subject, frame: Uuid, bytes: &Bytes) -> Vec<u8> {
    let subject = subject.as_str().as_bytes();
    // A subject has at most 200 bytes and a frame at most a mebibyte, so neither cast cuts anything off.
    let length = (4 + 1 + subject.len() + 16 + bytes.len()) as u32;
    [&length.to_be_bytes()[..], &[subject.len() as u8], subject, frame.as_bytes(), bytes].concat()
}

fn parse(whole: Vec<u8>) -> Option<(Subject, Uuid, Bytes)> {
    let mut rest = Bytes::from(whole);
    let mut take = |count| (rest.len() >= count).then(|| rest.split_to(count));
    let length = u32::from_be_bytes(*take(4)?.first_chunk()?) as usize;
    let subject = usize::from(*take(1)?.first()?);
    let subject = Subject::parse(std::str::from_utf8(&take(subject)?).ok()?).ok()?;
    let frame = Uuid::from_slice(&take(16)?).ok()?;
    (length == 4 + 1 + subject.as_str().len() + 16 + rest.len()).then_some((subject, frame, rest))
}

/// sled panics on some damage instead of saying so.
fn unless_panicked<T>(work: impl FnOnce() -> sled::Result<T>) -> io::Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Ok(done?),
        Err(_) => Err(io::Error::other("sled cannot read its files")),
    }
}
