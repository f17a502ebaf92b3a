//! What stands beyond the network: the journal, its subscriptions and the lease.

use std::collections::BTreeMap;

use futures::executor::block_on;
use muster_journal::{
    memory::Memory,
    port::{AppendError, Journal, ReadError, Record},
};
use uuid::Uuid;

use super::process::{Ask, Holder, LEASE, Told};

/// Names a subscription: which process, in which life, and which of its own.
pub type Following = (usize, u32, u64);

/// How far a subscription is.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// What comes next.
    pub next: u64,
    /// Whether something is on its way.
    pub busy: bool,
    /// Not before this moment.
    pub stalled_until: i64,
}

/// The journal, the subscriptions to it, and the lease.
pub struct Sea {
    /// The product's memory journal.
    pub memory: Memory,
    /// Its records.
    pub records: Vec<Record>,
    frames: BTreeMap<Uuid, u64>,
    /// Who follows.
    pub subscriptions: BTreeMap<Following, Subscription>,
    /// Until when it cannot be reached.
    pub away_until: i64,
    /// Until when the lease alone cannot.
    pub lease_away_until: i64,
    lease: Option<(Holder, i64)>,
}

impl Default for Sea {
    fn default() -> Self {
        let (records, frames, subscriptions) = Default::default();
        Self { memory: Memory::new(), records, frames, subscriptions, away_until: 0, lease_away_until: 0, lease: None }
    }
}

impl Sea {
    /// The last sequence.
    pub fn last(&self) -> u64 {
        self.records.last().map_or(0, |record| record.sequence)
    }

    /// A record by its sequence.
    pub fn record(&self, sequence: u64) -> Option<&Record> {
        self.records.get(usize::try_from(sequence.checked_sub(1)?).ok()?)
    }

    /// Answers; a repeat of a frame may be told where it stands or that the subject has moved on. Also the record, if one is
    /// new.
    pub fn answer(&mut self, ask: Ask, remembers: bool, fenced: bool) -> (Told, Option<Record>) {
        match ask {
            Ask::Append(subject, expected, frame, bytes) => {
                let expected = if fenced && expected < u64::MAX {
                    expected
                } else {
                    block_on(self.memory.head(&subject)).unwrap_or(expected)
                };
                let appended = block_on(self.memory.append(&subject, expected, frame, bytes.clone()));
                let record =
                    appended.as_ref().ok().map(|sequence| Record { sequence: *sequence, subject, frame, bytes });
                if let Some(record) = &record {
                    self.records.push(record.clone());
                    self.frames.insert(frame, record.sequence);
                }
                let known = self.frames.get(&frame).copied().filter(|_| remembers);
                let told = match (appended, known) {
                    (Err(AppendError::Conflict), Some(first)) => Ok(first),
                    (appended, _) => appended,
                };
                (Told::Appended(told), record)
            }
            Ask::Load(subject, after) => (Told::Loaded(block_on(self.memory.load(&subject, after))), None),
            Ask::Head(subject) => (Told::Sequence(block_on(self.memory.head(&subject))), None),
            Ask::Last => (Told::Sequence(block_on(self.memory.last())), None),
        }
    }

    /// Somebody asks for the lease; who has it then.
    pub fn take_lease(&mut self, who: Holder, now: i64) -> Holder {
        match self.lease {
            Some((holder, until)) if holder != who && now < until => holder,
            Some(_) | None => {
                self.lease = Some((who, now.saturating_add(LEASE)));
                who
            }
        }
    }

    /// Somebody gives the lease up, if it is theirs.
    pub fn give_up(&mut self, who: Holder) {
        self.lease = self.lease.filter(|(holder, _)| *holder != who);
    }

    /// Who holds the lease now.
    pub fn holder(&self, now: i64) -> Option<Holder> {
        self.lease.filter(|(_, until)| now < *until).map(|(holder, _)| holder)
    }

    /// A stretch went by in which the lease was renewed.
    pub fn renewed_for(&mut self, millis: i64) {
        if let Some((_, until)) = &mut self.lease {
            *until = until.saturating_add(millis);
        }
    }
}

/// What a process is told when no answer comes.
pub fn silence(ask: &Ask) -> Told {
    let why = || "no answer came in time".to_owned();
    match ask {
        Ask::Append(..) => Told::Appended(Err(AppendError::Unknown(why()))),
        Ask::Load(..) => Told::Loaded(Err(ReadError::Unavailable(why()))),
        Ask::Head(_) | Ask::Last => Told::Sequence(Err(ReadError::Unavailable(why()))),
    }
}

/// What a process is told when nothing can be asked.
pub fn refused(ask: &Ask) -> Told {
    let why = || "it is away".to_owned();
    match ask {
        Ask::Append(..) => Told::Appended(Err(AppendError::Unavailable(why()))),
        Ask::Load(..) => Told::Loaded(Err(ReadError::Unavailable(why()))),
        Ask::Head(_) | Ask::Last => Told::Sequence(Err(ReadError::Unavailable(why()))),
    }
}
