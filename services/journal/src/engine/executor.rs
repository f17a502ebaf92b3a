//! Command → decision → log, for aggregates of their own subject. Any replica may run it: the subject's fence makes two
//! deciders harmless, and an answer leaves only when the state it rests on is known to be the newest.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
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
    crash::{self, Boundary},
    local::lock,
    port::{Journal, ReadError, Record, Subject},
    stored::{self, Position},
};

/// Decisions on one command before giving up under contention.
const ATTEMPTS_MAX: u32 = 64;
/// How long an append may stay without an answer before the caller is told so.
const PATIENCE: Duration = Duration::from_secs(10);
/// Entities kept in memory per executor.
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

    /// The first step. Where nothing is known there may be nothing: what begins something is appended at once, and the fence
    /// tells if somebody was first.
    pub fn start(&mut self, now: Timestamp) -> Next {
        self.decide(now)
    }

    /// The next step.
    pub fn step(&mut self, told: Told, now: Timestamp) -> Next {
        match told {
            Told::Loaded(Ok(records)) => match self.take(&records) {
                Ok(()) => {
                    self.fresh = true;
                    self.decide(now)
                }
                Err(broken) => Next::Answer(Err(broken.into())),
            },
            Told::Loaded(Err(error)) => Next::Answer(Err(error.into())),
            Told::Appended(Ok(Appended { sequence })) => self.appended(sequence),
            Told::Appended(Err(Lost::Conflict)) => self.load(),
            Told::Appended(Err(Lost::Unknown(_))) => Next::Answer(Err(Undone::Unsure)),
            Told::Appended(Err(lost @ Lost::Unavailable(_))) => {
                Next::Answer(Err(Undone::Unavailable(lost.to_string())))
            }
            Told::Appended(Err(Lost::TooLarge { bytes_max, .. })) => Next::Answer(Err(Undone::TooLarge { bytes_max })),
            Told::Appended(Err(Lost::Unreadable(broken))) => Next::Answer(Err(Broken::Read(broken).into())),
        }
    }

    /// After a break nothing is known: what was folded of the record goes too.
    fn take(&mut self, records: &[Record]) -> Result<(), Broken> {
        let known = std::mem::take(&mut self.entity);
        self.entity = records.iter().try_fold(known, Entity::take)?;
        Ok(())
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
        Next::Answer(self.take(&[record]).map(|()| done).map_err(Undone::from))
    }
}

/// Runs executions of one kind of aggregate on a journal, and keeps what they learnt.
pub struct Executor<A: Aggregate> {
    journal: Arc<dyn Journal>,
    now: Now,
    new_id: fn() -> Uuid,
    known: Mutex<Known<A>>,
}

/// The entities met lately, half as many at most as may be kept, and those met before them: what nobody asks for any more is
/// forgotten first.
struct Known<A: Aggregate> {
    lately: BTreeMap<Subject, Entity<A>>,
    before: BTreeMap<Subject, Entity<A>>,
}

impl<A: Aggregate> Known<A> {
    fn get(&mut self, subject: &Subject) -> Option<Entity<A>> {
        if let Some(entity) = self.before.remove(subject) {
            self.insert(subject, entity);
        }
        self.lately.get(subject).cloned()
    }

    /// Keeps an entity, unless a newer one is known; one without a record is worth nothing.
    fn keep(&mut self, subject: &Subject, entity: Entity<A>) {
        let known = self.lately.get(subject).or_else(|| self.before.get(subject));
        if entity.sequence > known.map_or(0, |known| known.sequence) {
            self.before.remove(subject);
            self.insert(subject, entity);
        }
    }

    fn insert(&mut self, subject: &Subject, entity: Entity<A>) {
        if self.lately.len() >= KEPT_MAX / 2 && !self.lately.contains_key(subject) {
            self.before = std::mem::take(&mut self.lately);
        }
        self.lately.insert(subject.clone(), entity);
    }
}

impl<A: Aggregate> Executor<A>
where
    A::State: Send,
    A::Command: Send,
    A::Event: TryFrom<Event> + Into<Event> + Send,
{
    /// An executor that knows nothing yet; `new_id` gives a fresh random id.
    pub fn new(journal: Arc<dyn Journal>, now: Now, new_id: fn() -> Uuid) -> Self {
        let known = Known { lately: BTreeMap::new(), before: BTreeMap::new() };
        Self { journal, now, new_id, known: Mutex::new(known) }
    }

    /// Answers a command.
    pub async fn execute(&self, subject: &Subject, command: A::Command, meta: Meta) -> Result<Done, Undone> {
        let known = lock(&self.known).get(subject);
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
        lock(&self.known).keep(subject, execution.into_entity());
        crash::at(Boundary::AnswerKnown);
        answer
    }

    /// The aggregate's newest state.
    pub async fn read(&self, subject: &Subject) -> Result<Entity<A>, Undone> {
        let known = lock(&self.known).get(subject);
        let known = known.unwrap_or_default();
        let records = self.journal.load(subject, known.sequence).await?;
        let entity = records.iter().try_fold(known, Entity::take)?;
        lock(&self.known).keep(subject, entity.clone());
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
}
