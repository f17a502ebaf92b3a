//! Command → decision → log, for aggregates of their own subject. Any replica may run it: the subject's fence makes two
//! deciders harmless, and an answer leaves only when the state it rests on is known to be the newest.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use muster_domain::{
    event::Event,
    kernel::{Aggregate, Timestamp},
};
use uuid::Uuid;

use super::{Broken, Done, Meta, Now, Undone, entity::Entity};
use crate::{
    append::{Appended, Lost, append_surely},
    port::{Journal, ReadError, Record, Subject},
    stored::{self, Position},
};

/// Decisions on one command before giving up under contention.
const ATTEMPTS_MAX: u32 = 64;
/// How long an append may stay without an answer before the caller is told so.
const PATIENCE: Duration = Duration::from_secs(10);
/// Entities kept in memory per process.
const KEPT_MAX: usize = 10_000;

/// What an execution needs done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The subject's records after this sequence.
    Load {
        /// After which.
        after: u64,
    },
    /// An append by the one append path.
    Append {
        /// The expected head.
        expected: u64,
        /// The frame's id.
        frame: Uuid,
        /// The stored frame.
        bytes: Bytes,
    },
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Told {
    /// Of a load.
    Loaded(Result<Vec<Record>, ReadError>),
    /// Of an append.
    Appended(Result<Appended, Lost>),
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Next {
    /// Do this and tell what came of it.
    Ask(Ask),
    /// The command is answered.
    Answer(Result<Done, Undone>),
}

/// One command on its way.
#[derive(Clone, Debug)]
pub struct Execution<A: Aggregate> {
    subject: Subject,
    command: A::Command,
    meta: Meta,
    entity: Entity<A>,
    /// Whether the entity was read since the command came; only then may a refusal or a nothing-to-do leave.
    fresh: bool,
    /// Makes frame ids that no other execution makes.
    id: Uuid,
    attempts: u32,
    in_flight: Option<Bytes>,
}

impl<A: Aggregate> Execution<A>
where
    A::Event: TryFrom<Event> + Into<Event>,
{
    /// Starts from what is known of the entity, which may be old. `id` must be unique to this execution.
    pub fn new(subject: Subject, command: A::Command, meta: Meta, entity: Option<Entity<A>>, id: Uuid) -> Self {
        let entity = entity.unwrap_or_default();
        Self { subject, command, meta, entity, fresh: false, id, attempts: 0, in_flight: None }
    }

    /// What is known of the entity by now.
    pub fn into_entity(self) -> Entity<A> {
        self.entity
    }

    /// The first step.
    pub fn start(&mut self, now: Timestamp) -> Next {
        if self.entity.sequence == 0 { self.load() } else { self.decide(now) }
    }

    /// The next step.
    pub fn step(&mut self, told: Told, now: Timestamp) -> Next {
        match told {
            Told::Loaded(Ok(records)) => match records.iter().try_for_each(|record| self.entity.take(record)) {
                Ok(()) => {
                    self.fresh = true;
                    self.decide(now)
                }
                Err(broken) => Next::Answer(Err(broken.into())),
            },
            Told::Loaded(Err(ReadError::Unavailable(why))) => Next::Answer(Err(Undone::Unavailable(why))),
            Told::Loaded(Err(broken @ (ReadError::Gap { .. } | ReadError::Corrupt { .. }))) => {
                Next::Answer(Err(Broken::Read(broken).into()))
            }
            Told::Appended(Ok(Appended { sequence })) => self.appended(sequence),
            Told::Appended(Err(Lost::Conflict)) => self.load(),
            Told::Appended(Err(Lost::Unknown(_))) => Next::Answer(Err(Undone::Unsure)),
            Told::Appended(Err(Lost::Unavailable(why))) => Next::Answer(Err(Undone::Unavailable(why))),
            Told::Appended(Err(Lost::TooLarge { bytes_max, .. })) => Next::Answer(Err(Undone::TooLarge { bytes_max })),
            Told::Appended(Err(Lost::Unreadable(broken))) => Next::Answer(Err(Broken::Read(broken).into())),
        }
    }

    fn load(&self) -> Next {
        Next::Ask(Ask::Load { after: self.entity.sequence })
    }

    fn decide(&mut self, now: Timestamp) -> Next {
        if let Some((fingerprint, position)) = self.entity.done(self.meta.command) {
            let same = fingerprint == self.meta.fingerprint;
            let answer = if same { Ok(Done { position, news: false }) } else { Err(Undone::Reused(self.meta.command)) };
            return Next::Answer(answer);
        }
        match A::decide(&self.entity.state, self.command.clone(), &self.meta.received) {
            Ok(events) if !events.is_empty() => self.append(events, now),
            Ok(_) | Err(_) if !self.fresh => self.load(),
            Ok(_) => Next::Answer(Ok(Done { position: self.entity.last.unwrap_or_default(), news: false })),
            Err(rejection) => Next::Answer(Err(Undone::Refused(rejection.into()))),
        }
    }

    fn append(&mut self, events: Vec<A::Event>, now: Timestamp) -> Next {
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts > ATTEMPTS_MAX {
            return Next::Answer(Err(Undone::Unavailable("too many others write the same subject".to_owned())));
        }
        let frame = Uuid::new_v5(&self.id, &self.attempts.to_be_bytes());
        let bytes = stored::encode(&self.entity.frame(frame, &self.meta, events, now));
        self.in_flight = Some(bytes.clone());
        Next::Ask(Ask::Append { expected: self.entity.sequence, frame, bytes })
    }

    fn appended(&mut self, sequence: u64) -> Next {
        let bytes = self.in_flight.take().unwrap_or_default();
        let record = Record { sequence, subject: self.subject.clone(), frame: self.id, bytes };
        let done = Done { position: Position { sequence, index: 0 }, news: true };
        Next::Answer(self.entity.take(&record).map(|()| done).map_err(Undone::from))
    }
}

/// Runs executions of one kind of aggregate on a journal, and keeps what they learnt.
pub struct Executor<A: Aggregate> {
    journal: Arc<dyn Journal>,
    now: Now,
    new_id: fn() -> Uuid,
    known: Mutex<BTreeMap<Subject, Entity<A>>>,
}

impl<A: Aggregate> Executor<A>
where
    A::State: Send,
    A::Command: Send,
    A::Event: TryFrom<Event> + Into<Event> + Send,
{
    /// An executor that knows nothing yet; `new_id` gives a fresh random id.
    pub fn new(journal: Arc<dyn Journal>, now: Now, new_id: fn() -> Uuid) -> Self {
        Self { journal, now, new_id, known: Mutex::new(BTreeMap::new()) }
    }

    /// Answers a command.
    pub async fn execute(&self, subject: &Subject, command: A::Command, meta: Meta) -> Result<Done, Undone> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(subject).cloned();
        let mut execution = Execution::<A>::new(subject.clone(), command, meta, known, (self.new_id)());
        let mut next = execution.start((self.now)());
        let answer = loop {
            match next {
                Next::Ask(ask) => {
                    let told = self.perform(subject, ask).await;
                    next = execution.step(told, (self.now)());
                }
                Next::Answer(answer) => break answer,
            }
        };
        self.keep(subject, execution.into_entity());
        answer
    }

    /// The aggregate's newest state.
    pub async fn read(&self, subject: &Subject) -> Result<Entity<A>, Undone> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(subject).cloned();
        let mut entity = known.unwrap_or_default();
        let records = self.journal.load(subject, entity.sequence).await.map_err(|error| match error {
            ReadError::Unavailable(why) => Undone::Unavailable(why),
            ReadError::Gap { .. } | ReadError::Corrupt { .. } => Undone::Broken(Broken::Read(error)),
        })?;
        records.iter().try_for_each(|record| entity.take(record))?;
        self.keep(subject, entity.clone());
        Ok(entity)
    }

    async fn perform(&self, subject: &Subject, ask: Ask) -> Told {
        match ask {
            Ask::Load { after } => Told::Loaded(self.journal.load(subject, after).await),
            Ask::Append { expected, frame, bytes } => {
                Told::Appended(append_surely(self.journal.as_ref(), subject, expected, frame, bytes, PATIENCE).await)
            }
        }
    }

    fn keep(&self, subject: &Subject, entity: Entity<A>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT_MAX && !known.contains_key(subject) {
            known.pop_first();
        }
        match known.get(subject) {
            Some(newer) if newer.sequence > entity.sequence => {}
            Some(_) | None => {
                known.insert(subject.clone(), entity);
            }
        }
    }
}
