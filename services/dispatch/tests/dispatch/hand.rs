//! The desk's writer led by hand: a realm's log, what the other contexts write into it, and a writer told one thing at a
//! time.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use muster_dispatch::{
    standby::{Standby, Start},
    writer::{Input, Output, Stop, Ticket, Writer},
};
use muster_domain::{
    dispatch::desk::{Command, Desk, DeskAggregate},
    eligibility::events::{AssessmentEvent, Outcome, PriorityKey},
    event::Event,
    intake::events::RequestEvent,
    kernel::{HospitalId, OfferId, ProviderId, RealmId, Received, RequestId, Role, Timestamp},
    registry::events::{Provider, ProviderEvent},
};
use muster_edge::testing::{START, actor};
use muster_journal::{
    append::{Appended, Lost},
    engine::{
        Done, Meta, Undone,
        entity::Entity,
        follower::{Fold, Reader},
    },
    memory::Memory,
    port::{AppendError, Journal, Record, Subject},
    stored::{self, Commit, Frame, Position},
    subjects::Subjects,
};
use uuid::Uuid;

use crate::scene::{case, terms};

/// An id that this process has not given before.
pub fn new_id() -> Uuid {
    static GIVEN: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(u128::from(GIVEN.fetch_add(1, Ordering::Relaxed)) << 32)
}

/// So many minutes after the start.
pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(START.millis() + minutes * 60_000)
}

/// A realm's log in memory, which answers at once.
pub struct Log {
    pub journal: Memory,
    pub subjects: Subjects,
}

impl Log {
    pub fn new() -> Self {
        Self { journal: Memory::new(), subjects: Subjects(RealmId::parse("drill").unwrap()) }
    }

    pub fn desk(&self) -> Subject {
        self.subjects.desk().unwrap()
    }

    pub fn append(&self, subject: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> Result<u64, AppendError> {
        self.journal.append(subject, expected, frame, bytes).now_or_never().unwrap()
    }

    /// The subject's records after this sequence.
    pub fn load(&self, subject: &Subject, after: u64) -> Vec<Record> {
        self.journal.load(subject, after).now_or_never().unwrap().unwrap()
    }

    pub fn last(&self) -> u64 {
        self.journal.last().now_or_never().unwrap().unwrap()
    }

    /// What a process goes on from that has read so many of the realm's records.
    pub fn start(&self, read: u64) -> Start {
        let (mut standby, mut reader) = (Standby::default(), Reader::default());
        let records = self.records(0);
        for record in records.iter().take_while(|record| record.sequence <= read) {
            reader.take(record, |seen, _| seen.iter().for_each(|seen| standby.fold(seen))).unwrap();
        }
        standby.start().unwrap()
    }

    /// The realm's records after this sequence.
    pub fn records(&self, after: u64) -> Vec<Record> {
        let count = usize::try_from(self.last() - after).unwrap();
        self.journal.subscribe(after).take(count).map(Result::unwrap).collect::<Vec<_>>().now_or_never().unwrap()
    }

    /// Writes one frame to a subject, each list of events a commit of the command with that id.
    pub fn write(&self, subject: &Subject, commits: Vec<(Uuid, Vec<Event>)>) -> u64 {
        let before = self.load(subject, 0);
        let commit = |(command, events)| Commit {
            command,
            fingerprint: [0; 32],
            received_at: START,
            recorded_at: START,
            actor: actor(Role::Operator, "operator"),
            causation: None,
            correlation: command,
            policy: None,
            decided_at: None,
            taken: None,
            events,
            trace: None,
        };
        let previous = before.last().map(|record| stored::hash(&record.bytes)).unwrap_or_default();
        let frame = Frame { id: new_id(), previous, commits: commits.into_iter().map(commit).collect() };
        let head = before.last().map_or(0, |record| record.sequence);
        self.append(subject, head, frame.id, stored::encode(&frame)).unwrap()
    }

    /// The registry tells something of a provider.
    pub fn registry(&self, provider: &str, event: ProviderEvent) -> u64 {
        let subject = self.subjects.provider(&ProviderId::parse(provider).unwrap()).unwrap();
        self.write(&subject, vec![(new_id(), vec![event.into()])])
    }

    /// The registry enrols a provider.
    pub fn enrol(&self, terms: Provider) -> u64 {
        self.registry(terms.id.clone().as_str(), ProviderEvent::Enrolled(terms))
    }

    /// Eligibility grants a request one remote team.
    pub fn grant(&self, request: &str, severity: u8) -> u64 {
        let (id, hospital) = (RequestId::parse(request).unwrap(), HospitalId::parse("chu-rouen").unwrap());
        let bands = [severity, 2, 1, 1, 2];
        let key = PriorityKey { bands, member_state_user: true, submitted_at: START, request: id.clone() };
        let decided = AssessmentEvent::Decided {
            outcome: Outcome::Granted,
            terms: Some(terms()),
            cuts: vec![],
            reason: "all gates pass".to_owned(),
            by_policy: None,
            case: case(&id, &hospital),
            key,
        };
        self.write(&self.subjects.assessment(&id).unwrap(), vec![(new_id(), vec![decided.into()])])
    }

    /// Intake tells that a request was withdrawn, by the command with this id.
    pub fn withdraw(&self, request: &str, command: Uuid) -> u64 {
        let withdrawn = RequestEvent::Withdrawn { reason: "solved by ourselves".to_owned() };
        self.write(&self.request(request), vec![(command, vec![withdrawn.into()])])
    }

    /// Intake tells something that is no concern of the desk.
    pub fn murmur(&self, request: &str) -> u64 {
        self.write(&self.request(request), vec![(new_id(), vec![RequestEvent::SupportEnded.into()])])
    }

    pub fn request(&self, request: &str) -> Subject {
        self.subjects.request(&RequestId::parse(request).unwrap()).unwrap()
    }

    /// Every commit of the desk, with its place.
    pub fn commits(&self) -> Vec<(Position, Commit)> {
        self.commits_after(0)
    }

    /// Those after this record.
    pub fn commits_after(&self, after: u64) -> Vec<(Position, Commit)> {
        let mut all = Vec::new();
        for Record { sequence, bytes, .. } in self.load(&self.desk(), after) {
            let commits = stored::decode(&bytes).unwrap().commits;
            all.extend((0..).zip(commits).map(|(index, commit)| (Position { sequence, index }, commit)));
        }
        all
    }

    /// The desk as its own events say it is.
    pub fn fold(&self) -> Desk {
        let records = self.load(&self.desk(), 0);
        records.iter().try_fold(Entity::<DeskAggregate>::default(), Entity::take).unwrap().state
    }
}

/// A writer, what it wants done and has not been done yet, and what it has answered.
pub struct Hand {
    pub writer: Writer,
    pub wants: VecDeque<Output>,
    pub answers: BTreeMap<Ticket, Result<Done, Undone>>,
    pub stopped: Option<Stop>,
}

impl Hand {
    /// A writer that takes over from the log; its fence is not written yet. However much of the log its process has read by
    /// then, it is the same.
    pub fn take_over(log: &Log) -> Self {
        let (id, last) = (new_id(), log.last());
        let begin = |start: Start| {
            let later = log.load(&log.desk(), start.after());
            Writer::new(log.desk(), start, &later, id).unwrap()
        };
        let (writer, outputs) = begin(Start::default());
        for read in [last / 3, last / 2, last] {
            let (other, fence) = begin(log.start(read));
            assert!((&other, &fence) == (&writer, &outputs), "a process that has read {read} of {last}");
        }
        let mut hand = Self { writer, wants: VecDeque::new(), answers: BTreeMap::new(), stopped: None };
        hand.note(outputs);
        hand
    }

    /// A writer that has taken over, read all there is and looked at it.
    pub fn ready(log: &Log, now: Timestamp) -> Self {
        let mut hand = Self::take_over(log);
        hand.land(log, now);
        hand.catch_up(log, now);
        hand.tell(Input::Look, now);
        hand.settle(log, now);
        hand
    }

    /// Tells the writer something.
    pub fn tell(&mut self, input: Input, now: Timestamp) {
        let outputs = self.writer.step(input, now);
        self.note(outputs);
    }

    fn note(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                want @ (Output::Append { .. } | Output::Check) => {
                    assert!(self.wants.is_empty(), "one at a time");
                    self.wants.push_back(want);
                }
                Output::Answer { ticket, answer } => assert_eq!(self.answers.insert(ticket, answer), None, "told once"),
                Output::Stop(stop) => {
                    assert_eq!(self.stopped.replace(stop), None, "stopped once");
                    self.wants.clear();
                }
            }
        }
    }

    /// Does what the writer wants and tells it; whether it wanted anything.
    pub fn land(&mut self, log: &Log, now: Timestamp) -> bool {
        let Some(want) = self.wants.pop_front() else { return false };
        let input = match want {
            Output::Append { expected, frame, bytes } => {
                Input::Appended(match log.append(&log.desk(), expected, frame, bytes) {
                    Ok(sequence) => Ok(Appended { sequence }),
                    Err(AppendError::Conflict) => Err(Lost::Conflict),
                    Err(busy @ AppendError::Busy) => Err(Lost::Unavailable(busy.to_string())),
                    Err(AppendError::TooLarge { bytes, bytes_max }) => Err(Lost::TooLarge { bytes, bytes_max }),
                    Err(AppendError::Unknown(why) | AppendError::Unavailable(why)) => Err(Lost::Unavailable(why)),
                    Err(AppendError::ClockOff(off)) => Err(Lost::Unavailable(off.to_string())),
                })
            }
            Output::Check | Output::Answer { .. } | Output::Stop(_) => {
                Input::Checked(Ok(log.load(&log.desk(), 0).last().map_or(0, |record| record.sequence)))
            }
        };
        self.tell(input, now);
        true
    }

    /// Lets the writer read the realm's next records, all of them.
    pub fn catch_up(&mut self, log: &Log, now: Timestamp) {
        for record in log.records(self.writer.taken()) {
            self.tell(Input::Record(record), now);
        }
    }

    /// Goes on until the writer has read everything and wants nothing.
    pub fn settle(&mut self, log: &Log, now: Timestamp) {
        while self.stopped.is_none() && (self.land(log, now) || self.writer.taken() < log.last()) {
            self.catch_up(log, now);
        }
    }

    /// Somebody asks.
    pub fn ask(&mut self, ticket: Ticket, command: Command, meta: Meta, now: Timestamp) {
        self.tell(Input::Command { ticket, command: Box::new(command), meta }, now);
    }

    /// The answer to somebody, once there is one.
    pub fn answer(&self, ticket: Ticket) -> Option<Result<Done, Undone>> {
        self.answers.get(&ticket).cloned()
    }
}

/// What goes with a provider's command: the same `id` and `payload` are the same command.
pub fn meta(id: u64, payload: u8, now: Timestamp) -> Meta {
    let command = Uuid::from_u128(u128::from(id) << 96 | 1);
    let received = Received { at: now, by: actor(Role::Provider, "a") };
    Meta { command, fingerprint: [payload; 32], received, causation: None, correlation: command, trace: None }
}

pub fn offer(number: u32) -> OfferId {
    OfferId::parse(&format!("o-{number}")).unwrap()
}

pub fn by(provider: &str) -> ProviderId {
    ProviderId::parse(provider).unwrap()
}

pub fn see(number: u32) -> Command {
    Command::See { offer: offer(number), by: by("a") }
}

pub fn accept(number: u32) -> Command {
    Command::Accept { offer: offer(number), by: by("a") }
}
