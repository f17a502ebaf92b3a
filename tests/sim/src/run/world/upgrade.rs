//! A rolling upgrade: one process after another is started anew as a newer version, which writes one kind of event so that the
//! older cannot read it. Nobody rolls out like this on purpose, readers go first; whoever does must lose nothing by it.

use std::collections::BTreeMap;

use muster_journal::{
    port::Record,
    stored::{self, event_type},
};

use super::{Event, World};
use crate::run::process::{In, NEWER_FIELD};

/// An upgrade that has begun.
pub(super) struct Upgrade {
    /// The kind of event that the newer version writes otherwise.
    kind: &'static str,
    /// Which processes are newer, and from which life on.
    newer: BTreeMap<usize, u32>,
    /// Which shall be when they begin anew.
    told: Vec<usize>,
    /// The records that the older version cannot read.
    written: Vec<u64>,
}

impl World {
    /// The first process is told to upgrade, unless others are upgraded already.
    pub(super) fn upgrade_begins(&mut self, name: usize) {
        let any = self.weather.below(self.sea.last().max(1)).saturating_add(1);
        let Some(kind) = self.sea.record(any).and_then(kind_of).filter(|_| self.upgrade.is_none()) else { return };
        self.upgrade = Some(Upgrade { kind, newer: BTreeMap::new(), told: Vec::new(), written: Vec::new() });
        self.upgrade(name);
    }

    /// A process is told to upgrade, and a while later the next.
    pub(super) fn upgrade(&mut self, name: usize) {
        let Some(upgrade) = self.upgrade.as_mut().filter(|upgrade| !upgrade.told.contains(&name)) else { return };
        upgrade.told.push(name);
        let next = (0..self.nodes.len()).find(|other| !upgrade.told.contains(other));
        if let Some(epoch) = self.nodes.get(name).map(|node| node.epoch) {
            self.queue.after(0, Event::ToProcess(name, epoch, In::Stop));
        }
        if let Some(next) = next {
            let later = self.weather.magnitude(10_000, 3_600_000);
            self.queue.after(later, Event::Upgrade(next));
        }
    }

    /// All that are left are told at once.
    pub(super) fn upgrade_all(&mut self) {
        (0..self.nodes.len()).for_each(|name| self.upgrade(name));
    }

    /// A process begins its next life, perhaps as the newer version; when the last does, nothing is newer than anybody.
    pub(super) fn begins_as(&mut self, name: usize, epoch: u32) {
        let all = self.nodes.len();
        if let Some(upgrade) = self.upgrade.as_mut().filter(|upgrade| upgrade.told.contains(&name)) {
            upgrade.newer.entry(name).or_insert(epoch);
            if upgrade.newer.len() == all {
                self.upgrade = None;
            }
        }
    }

    /// A record has been written.
    pub(super) fn written_by(&mut self, name: usize, epoch: u32, record: &Record) {
        if let Some(upgrade) = self.upgrade.as_mut()
            && upgrade.is_newer(name, epoch)
            && kind_of(record) == Some(upgrade.kind)
        {
            upgrade.written.push(record.sequence);
        }
    }

    /// A record as the process reads it.
    pub(super) fn as_read_by(&mut self, name: usize, epoch: u32, record: Record) -> Record {
        if !self.is_newer_than(name, epoch, record.sequence) {
            return record;
        }
        self.foreign = self.foreign.saturating_add(1);
        self.reached.note("an older version", "is given what a newer one wrote");
        let bytes = [&record.bytes[..], &NEWER_FIELD].concat().into();
        Record { bytes, ..record }
    }

    /// Whether a process is too old to read a record.
    pub(super) fn is_newer_than(&self, name: usize, epoch: u32, sequence: u64) -> bool {
        let written = |upgrade: &Upgrade| !upgrade.is_newer(name, epoch) && upgrade.written.contains(&sequence);
        self.upgrade.as_ref().is_some_and(written)
    }
}

impl Upgrade {
    fn is_newer(&self, name: usize, epoch: u32) -> bool {
        self.newer.get(&name).is_some_and(|since| epoch >= *since)
    }
}

/// What a record tells of first.
fn kind_of(record: &Record) -> Option<&'static str> {
    let frame = stored::decode(&record.bytes).ok()?;
    frame.commits.iter().flat_map(|commit| &commit.events).next().map(|event| event_type(event).name)
}
