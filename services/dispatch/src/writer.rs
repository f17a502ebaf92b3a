//! The desk's writer: the one loop that decides for dispatch. It takes every fact of the realm in order, decides commands in
//! order on its newest state, and writes one frame at a time; what is decided meanwhile leaves as the next frame, so the
//! busier it is, the cheaper each decision. No answer leaves before the frames it rests on are in the log.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use muster_domain::{
    dispatch::{
        desk::{Command, Desk, DeskAggregate, Rejection},
        events::DeskEvent,
        taking,
    },
    event::Event,
    kernel::{Actor, Aggregate, PrincipalId, Received, Role, Timestamp},
};
use muster_journal::{
    append::{Appended, Lost},
    engine::{Broken, Done, Meta, Undone, follower},
    port::{ReadError, Record, Subject},
    stored::{self, Commit, Frame, Position},
    subjects::id_of,
    trace::Trace,
};
use uuid::Uuid;

use crate::{
    commands::Known,
    standby::{Past, Start},
};

/// Names a caller that waits for an answer.
pub type Ticket = u64;

/// Commits in one frame at most.
const COMMITS_MAX: usize = 256;
/// Bytes in one frame at most, unless a single commit is larger; a commit is never split.
const FRAME_BYTES: usize = 512 * 1024;

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The next record of the realm.
    Record(Record),
    /// Somebody asks.
    Command {
        /// Who waits.
        ticket: Ticket,
        /// What is asked.
        command: Box<Command>,
        /// What goes with it.
        meta: Meta,
    },
    /// What came of the append.
    Appended(Result<Appended, Lost>),
    /// What came of the check.
    Checked(Result<u64, ReadError>),
    /// Time has passed.
    Look,
}

/// What to do.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Append this by the one append path and tell what came of it.
    Append {
        /// The expected head.
        expected: u64,
        /// The frame's id.
        frame: Uuid,
        /// The stored frame.
        bytes: Bytes,
    },
    /// Ask the journal for the subject's head and tell what came of it.
    Check,
    /// Give this answer.
    Answer {
        /// To whom.
        ticket: Ticket,
        /// The answer.
        answer: Result<Done, Undone>,
    },
    /// Stop: somebody else writes the desk, or the log cannot be trusted. Whoever waits has been answered.
    Stop(Stop),
}

/// Why a writer stops.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Another writer has taken over; load again before going on.
    Overtaken,
    /// The journal cannot be reached.
    Unavailable(String),
    /// The log cannot be trusted.
    Broken(Broken),
}

/// An answer that waits for the log.
#[derive(Clone, Debug, PartialEq)]
enum Ready {
    /// Done by the commit of its entry.
    Here,
    /// Done by an earlier commit, of the command with this id, there; on its way to the log it has no place yet.
    Before(Uuid, Option<Position>),
    /// So already, by all that was decided before.
    Already,
    /// Refused.
    Refused(Undone),
}

/// One decision: its commit, if it caused events, and who waits for it.
#[derive(Debug, PartialEq)]
struct Entry {
    commit: Option<Commit>,
    bytes: usize,
    answers: Vec<(Ticket, Ready)>,
}

/// What is under way.
#[derive(Debug, PartialEq)]
struct Flight {
    entries: Vec<Entry>,
    frame: Uuid,
    bytes: Bytes,
}

/// The writer's state.
#[derive(Debug, PartialEq)]
pub struct Writer {
    subject: Subject,
    /// The fold of every decision made, also of those not in the log yet.
    desk: Desk,
    past: Past,
    head: u64,
    hash: [u8; 32],
    taken: u64,
    queue: VecDeque<Entry>,
    flight: Option<Flight>,
    /// Deadlines and terms were looked at up to here; not at all before the first `Look`, which also goes on with whatever
    /// the writer before this one left half settled.
    looked: Option<Timestamp>,
    /// A decision may have left work that a wake-up goes on with.
    cut_short: bool,
    /// Why nothing more can be decided.
    broken: Option<Broken>,
    /// What whoever asks is told once the writer has stopped.
    stopped: Option<Undone>,
    /// Makes ids that no other writer makes.
    id: Uuid,
    made: u64,
}

impl Writer {
    /// Takes over the desk where `start` ends and `later` goes on: the desk's records after [`Start::after`], all of them. The
    /// first output appends an empty frame, so that nothing older can land; `id` must be unique to this writer.
    pub fn new(subject: Subject, start: Start, later: &[Record], id: Uuid) -> Result<(Self, Vec<Output>), Broken> {
        let known = start.past.last.map(|last| last.sequence);
        let mut writer = Self {
            subject,
            desk: start.desk,
            past: start.past,
            head: 0,
            hash: [0; 32],
            taken: 0,
            queue: VecDeque::new(),
            flight: None,
            looked: None,
            cut_short: false,
            broken: None,
            stopped: None,
            id,
            made: 0,
        };
        let mut later = later.iter();
        if let Some(expected) = known {
            let Some(record) = later.next().filter(|record| record.sequence == expected) else {
                return Err(Broken::Corrupt { sequence: expected, what: "what was read is not in the log".to_owned() });
            };
            (writer.head, writer.hash) = (expected, stored::hash(&record.bytes));
        }
        later.try_for_each(|record| writer.follow(record))?;
        writer.taken = writer.past.taken;
        let fence = writer.fly(Vec::new());
        Ok((writer, vec![fence]))
    }

    /// Takes the desk's next record, which another writer wrote.
    fn follow(&mut self, record: &Record) -> Result<(), Broken> {
        let sequence = record.sequence;
        let frame = follower::frame(record)?;
        if frame.previous != self.hash {
            return Err(Broken::Chain { sequence, subject: record.subject.to_string() });
        }
        for (index, commit) in (0..).zip(&frame.commits) {
            for event in &commit.events {
                let Event::Desk(event) = event else { continue };
                DeskAggregate::evolve(&mut self.desk, event)
                    .map_err(|corrupt| Broken::Corrupt { sequence, what: corrupt.to_string() })?;
            }
            self.past.note(commit, Some(Position { sequence, index }), &self.desk);
        }
        (self.head, self.hash) = (sequence, stored::hash(&record.bytes));
        Ok(())
    }

    /// The distributed traces in which what is under way was called for.
    pub fn traces(&self) -> BTreeSet<Trace> {
        let commits = self.flight.iter().flat_map(|flight| &flight.entries).filter_map(|entry| entry.commit.as_ref());
        commits.filter_map(|commit| commit.trace).collect()
    }

    /// The desk as decided so far.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The realm's record up to which every fact was taken: follow from here.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// When `Look` has something to do.
    pub fn next_look(&self) -> Option<Timestamp> {
        match self.looked {
            Some(looked) => self.desk.next_wake(looked),
            None => Some(Timestamp::default()),
        }
    }

    /// Takes what happened; gives what to do.
    pub fn step(&mut self, input: Input, now: Timestamp) -> Vec<Output> {
        let mut outputs = self.take(input, now);
        outputs.extend(self.send());
        outputs
    }

    /// Takes what happened and sends nothing yet: what is decided on many things that wait leaves as one frame.
    pub fn take(&mut self, input: Input, now: Timestamp) -> Vec<Output> {
        // The desk's time never goes back, not even where the writer before this one had a faster clock.
        let now = self.past.recorded_at.max(now);
        if let Some(undone) = self.stopped.clone() {
            return match input {
                Input::Command { ticket, .. } => vec![Output::Answer { ticket, answer: Err(undone) }],
                Input::Record(_) | Input::Appended(_) | Input::Checked(_) | Input::Look => Vec::new(),
            };
        }
        let mut outputs = match input {
            Input::Record(record) => self.read(&record, now),
            Input::Command { ticket, command, meta } => {
                self.decide(Some(ticket), *command, meta, now);
                Vec::new()
            }
            Input::Appended(Ok(Appended { sequence })) => self.landed(sequence),
            Input::Appended(Err(lost)) => self.stop(match lost {
                Lost::Conflict => Stop::Overtaken,
                Lost::Unknown(why) | Lost::Unavailable(why) => Stop::Unavailable(why),
                Lost::TooLarge { bytes, bytes_max } => {
                    Stop::Unavailable(format!("a frame of {bytes} bytes is more than the journal's {bytes_max}"))
                }
                Lost::Unreadable(broken) => Stop::Broken(broken.into()),
            }),
            Input::Checked(Ok(head)) if head == self.head => self.landed(head),
            Input::Checked(Ok(_)) => self.stop(Stop::Overtaken),
            Input::Checked(Err(ReadError::Unavailable(why))) => self.stop(Stop::Unavailable(why)),
            Input::Checked(Err(broken @ (ReadError::Gap { .. } | ReadError::Corrupt { .. }))) => {
                self.stop(Stop::Broken(broken.into()))
            }
            Input::Look => {
                self.look(now);
                Vec::new()
            }
        };
        while std::mem::take(&mut self.cut_short) {
            self.wake(now);
        }
        if let Some(broken) = self.broken.take() {
            outputs.extend(self.stop(Stop::Broken(broken)));
        }
        outputs
    }

    /// The next record of the realm: facts to take in, or the desk's own.
    fn read(&mut self, record: &Record, now: Timestamp) -> Vec<Output> {
        let (found, expected) = (record.sequence, self.taken.saturating_add(1));
        if found < expected {
            return Vec::new();
        }
        if found > expected {
            return self.stop(Stop::Broken(ReadError::Gap { expected, found }.into()));
        }
        if record.subject == self.subject {
            let own = found <= self.head || self.flight.as_ref().is_some_and(|flight| flight.frame == record.frame);
            if !own {
                return self.stop(Stop::Overtaken);
            }
            self.taken = found;
            return Vec::new();
        }
        let frame = match follower::frame(record) {
            Ok(frame) => frame,
            Err(broken) => return self.stop(Stop::Broken(broken)),
        };
        let mut facts = Vec::new();
        for (place, commit) in (0_u32..).zip(&frame.commits) {
            for (index, event) in (0_u32..).zip(&commit.events) {
                if let Some(command) = taking::command(event, id_of(&record.subject)) {
                    // Of the frame, not of its command: a caller may use one id on two subjects, and both facts count.
                    let own = Uuid::new_v5(&frame.id, format!("desk-takes-{place}-{index}").as_bytes());
                    let meta = self.own_meta(own, now, Some(commit.command), commit.correlation);
                    facts.push((command, Meta { trace: commit.trace, ..meta }));
                }
            }
        }
        let last = facts.pop();
        for (command, meta) in facts {
            self.decide(None, command, meta, now);
        }
        // A commit says that a record is taken only if nothing of it is left: a writer that follows goes on from there.
        self.taken = found;
        if let Some((command, meta)) = last {
            self.decide(None, command, meta, now);
        }
        Vec::new()
    }

    fn look(&mut self, now: Timestamp) {
        while self.next_look().is_some_and(|due| due <= now) {
            let news = self.wake(now);
            self.looked = Some(now);
            if !news {
                break;
            }
        }
    }

    fn own_meta(&self, command: Uuid, now: Timestamp, causation: Option<Uuid>, correlation: Uuid) -> Meta {
        let by = Actor { role: Role::System, principal: PrincipalId::parse("desk").unwrap_or_default() };
        let received = Received { at: now, by };
        Meta { command, fingerprint: [0; 32], received, causation, correlation, trace: None }
    }

    /// Decides on the newest state; the answer leaves with its frame. Whether anything happened.
    fn decide(&mut self, ticket: Option<Ticket>, command: Command, meta: Meta, now: Timestamp) -> bool {
        let command_id = meta.command;
        if let Some(Known { fingerprint, position }) = self.past.commands.get(command_id) {
            let same = fingerprint == meta.fingerprint;
            let reused = || Ready::Refused(Undone::Reused(command_id));
            self.push(None, ticket, if same { Ready::Before(command_id, position) } else { reused() });
            return false;
        }
        match self.desk.handle(command, &meta.received, now) {
            Err(Rejection::Corrupt(corrupt)) => {
                let broken = Broken::Corrupt { sequence: self.head, what: corrupt.to_string() };
                self.push(None, ticket, Ready::Refused(broken.clone().into()));
                self.broken = Some(broken);
                false
            }
            Err(rejection) => {
                self.push(None, ticket, Ready::Refused(Undone::Refused(rejection.into())));
                false
            }
            Ok(events) if events.is_empty() => {
                self.push(None, ticket, Ready::Already);
                false
            }
            Ok(events) => {
                self.cut_short |= self.desk.is_cut_short(&events);
                let commit = self.commit(meta, events, now);
                self.past.note(&commit, None, &self.desk);
                self.push(Some(commit), ticket, Ready::Here);
                true
            }
        }
    }

    /// Lets the desk look at its deadlines and settle. Whether anything happened.
    fn wake(&mut self, now: Timestamp) -> bool {
        self.made = self.made.saturating_add(1);
        let id = Uuid::new_v5(&self.id, format!("wake-{}", self.made).as_bytes());
        let meta = self.own_meta(id, now, None, id);
        self.decide(None, Command::Wake, meta, now)
    }

    fn commit(&self, meta: Meta, events: Vec<DeskEvent>, now: Timestamp) -> Commit {
        Commit {
            command: meta.command,
            fingerprint: meta.fingerprint,
            received_at: meta.received.at,
            recorded_at: now,
            actor: meta.received.by,
            causation: meta.causation,
            correlation: meta.correlation,
            policy: Some(self.desk.policy.version),
            decided_at: None,
            taken: Some(self.taken),
            events: events.into_iter().map(Into::into).collect(),
            trace: meta.trace,
        }
    }

    fn push(&mut self, commit: Option<Commit>, ticket: Option<Ticket>, ready: Ready) {
        let answers: Vec<_> = ticket.map(|ticket| (ticket, ready)).into_iter().collect();
        if commit.is_some() || !answers.is_empty() {
            let bytes = commit.as_ref().map_or(0, stored::size);
            self.queue.push_back(Entry { commit, bytes, answers });
        }
    }

    /// Sends the next frame if none is under way.
    pub fn send(&mut self) -> Option<Output> {
        if self.flight.is_some() || self.queue.is_empty() {
            return None;
        }
        let (mut entries, mut bytes, mut commits) = (Vec::new(), 0_usize, 0_usize);
        while let Some(entry) = self.queue.front() {
            let more = entry.commit.is_some();
            if more && commits > 0 && (commits >= COMMITS_MAX || bytes.saturating_add(entry.bytes) > FRAME_BYTES) {
                break;
            }
            (bytes, commits) = (bytes.saturating_add(entry.bytes), commits.saturating_add(usize::from(more)));
            entries.extend(self.queue.pop_front());
        }
        if commits == 0 {
            self.flight = Some(Flight { entries, frame: Uuid::nil(), bytes: Bytes::new() });
            return Some(Output::Check);
        }
        Some(self.fly(entries))
    }

    fn fly(&mut self, mut entries: Vec<Entry>) -> Output {
        self.made = self.made.saturating_add(1);
        let frame = Uuid::new_v5(&self.id, &self.made.to_be_bytes());
        let mut commits = Vec::new();
        for entry in &mut entries {
            if let Some(mut commit) = entry.commit.clone() {
                // Within a frame the record's sequence is not known yet: 0 stands for this very record.
                let before = u32::try_from(commits.len()).unwrap_or(u32::MAX).checked_sub(1);
                commit.decided_at = before.map(|index| Position { sequence: 0, index }).or(self.past.last);
                commits.push(commit);
            }
        }
        let bytes = stored::encode(&Frame { id: frame, previous: self.hash, commits });
        self.flight = Some(Flight { entries, frame, bytes: bytes.clone() });
        Output::Append { expected: self.head, frame, bytes }
    }

    /// What was under way is in the log, at `sequence`.
    fn landed(&mut self, sequence: u64) -> Vec<Output> {
        let Some(flight) = self.flight.take() else { return Vec::new() };
        if !flight.bytes.is_empty() {
            (self.head, self.hash) = (sequence, stored::hash(&flight.bytes));
        }
        let mut outputs = Vec::new();
        let mut index = 0_u32;
        for entry in flight.entries {
            let position = Position { sequence, index };
            if let Some(commit) = entry.commit {
                self.past.landed(&commit, position);
                index = index.saturating_add(1);
            }
            for (ticket, ready) in entry.answers {
                let done = |at: Option<Position>| Done { position: at.unwrap_or_default(), news: false };
                let answer = match ready {
                    Ready::Here => Ok(Done { position, news: true }),
                    Ready::Before(command, known) => {
                        let landed = || self.past.commands.get(command)?.position;
                        Ok(done(known.or_else(landed).or(self.past.last)))
                    }
                    Ready::Already => Ok(done(self.past.last)),
                    Ready::Refused(undone) => Err(undone),
                };
                outputs.push(Output::Answer { ticket, answer });
            }
        }
        outputs
    }

    /// Gives up: everybody who waits may ask again, and is answered by whoever writes next.
    fn stop(&mut self, stop: Stop) -> Vec<Output> {
        let flown = self.flight.take().map(|flight| flight.entries).unwrap_or_default();
        let waiting = flown.into_iter().chain(self.queue.drain(..)).flat_map(|entry| entry.answers);
        let undone = match &stop {
            Stop::Overtaken | Stop::Unavailable(_) => Undone::Unsure,
            Stop::Broken(broken) => Undone::Broken(broken.clone()),
        };
        let answer = |(ticket, _)| Output::Answer { ticket, answer: Err(undone.clone()) };
        let mut outputs: Vec<_> = waiting.map(answer).collect();
        self.stopped = Some(undone);
        outputs.push(Output::Stop(stop));
        outputs
    }
}
