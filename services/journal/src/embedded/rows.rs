//! Records as values on disk: `sequence` → `length of subject, subject, frame id, bytes`.

use crate::{
    crash::{self, Boundary},
    disk::{Changes, Disk},
    local::{Index, Shelf},
    port::{ReadError, Record, Subject},
};
use bytes::Bytes;
use std::{io, path::Path};
use uuid::Uuid;

/// The journal's records.
pub(super) struct Rows(Disk);

impl Rows {
    /// Opens what is in `dir`.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        Disk::open(dir).map(Self)
    }

    /// Writes a group and waits until it is on the disk; gives its last sequence.
    pub(super) fn write(&self, group: Group) -> io::Result<u64> {
        crash::at(Boundary::WriteBegun);
        self.0.write(group.changes)?;
        crash::at(Boundary::WriteDone);
        self.0.sync()?;
        Ok(group.last)
    }

    /// Reads every record there is. With an error comes how far the log is good.
    pub(super) fn index(&self) -> Result<Index, (u64, String)> {
        let mut index = Index::default();
        let last = self.0.last_name().map_err(|error| (0, error.to_string()))?;
        let last = last.and_then(|name| Some(u64::from_be_bytes(name.try_into().ok()?))).unwrap_or(0);
        for sequence in 1..=last {
            let record = self.record(sequence).map_err(|error| (index.last(), error.to_string()))?;
            index.note(&record.subject);
        }
        Ok(index)
    }
}

impl Shelf for Rows {
    fn record(&self, sequence: u64) -> Result<Record, ReadError> {
        let corrupt = |what: &str| ReadError::Corrupt { sequence, what: what.to_owned() };
        let value = self.0.get(&sequence.to_be_bytes()).map_err(|error| corrupt(&error.to_string()))?;
        let value = value.ok_or_else(|| corrupt("it is missing"))?;
        let (subject, frame, bytes) = parse(value).ok_or_else(|| corrupt("it is not a record"))?;
        Ok(Record { sequence, subject, frame, bytes })
    }
}

/// Records to be written together.
pub(super) struct Group {
    changes: Changes,
    last: u64,
}

impl Group {
    /// An empty group whose first record will follow `last`.
    pub(super) fn after(last: u64) -> Self {
        Self { changes: Changes::default(), last }
    }

    /// Adds a record; gives its sequence.
    pub(super) fn push(&mut self, subject: &Subject, frame: Uuid, bytes: &Bytes) -> u64 {
        self.last = self.last.saturating_add(1);
        let text = subject.as_str().as_bytes();
        // A subject has at most 160 bytes: two tokens of 64 and the fixed ones.
        let value = [&[text.len() as u8][..], text, frame.as_bytes(), bytes].concat();
        self.changes.insert(&self.last.to_be_bytes(), &value);
        self.last
    }
}

fn parse(value: Vec<u8>) -> Option<(Subject, Uuid, Bytes)> {
    let mut rest = Bytes::from(value);
    let mut take = |count| (rest.len() >= count).then(|| rest.split_to(count));
    let length = usize::from(*take(1)?.first()?);
    let subject = Subject::parse(std::str::from_utf8(&take(length)?).ok()?).ok()?;
    let frame = Uuid::from_slice(&take(16)?).ok()?;
    Some((subject, frame, rest))
}
