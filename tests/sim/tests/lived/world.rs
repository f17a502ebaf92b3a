//! A realm in one thread: the memory journal, executions, the reactors' folds, and the desk's writer, each stepped by hand, so
//! that a run is the same every time. Answers get lost, frames land late, writers die with a frame on its way.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::{FutureExt, StreamExt, executor::block_on};
use muster_dispatch::{
    standby::{Standby, Start},
    writer::{Input, Output, Ticket, Writer},
};
use muster_domain::{
    dispatch::desk::{self, Desk},
    eligibility::assessment::Assessment,
    event::Event,
    intake::request::Request,
    kernel::{Actor, Aggregate, RealmId, Received, RequestId, Role, Timestamp},
};
use muster_eligibility::react::Docket;
use muster_intake::react::Errands;
use muster_journal::{
    append::{Appended, Lost},
    engine::{
        Done, Meta, Undone,
        agenda::{Agenda, Item},
        entity::Entity,
        executor::{Ask, Execution, Next, Told},
        follower::{Fold, Reader},
    },
    memory::Memory,
    port::{AppendError, Context, Journal, Record, Subject},
    subjects::Subjects,
};
use muster_sim::{
    history::{Operation, Outcome},
    log::{Entry, commits, read_log},
    replay::{self, Given},
};
use uuid::Uuid;

use crate::cast::{actor, at};

/// A frame of the desk on its way.
type Flight = (u64, Uuid, Bytes);

/// The realm.
pub struct World {
    journal: Memory,
    /// Its subjects.
    pub subjects: Subjects,
    /// Its time, in milliseconds after everything began.
    now: i64,
    /// How many seconds a command takes from its receipt to whoever decides it.
    pub delay: u8,
    /// Whether the next answer of an aggregate gets lost.
    pub deaf: bool,
    writer: Writer,
    read: u64,
    flight: Option<Flight>,
    checking: bool,
    /// Frames of writers that died; they may land yet.
    late: Vec<Flight>,
    /// What whoever takes over has read of the desk.
    standby: Standby,
    standby_reader: Reader,
    reader: Reader,
    docket: Docket,
    errands: Errands,
    reacted: BTreeSet<Uuid>,
    made: u128,
    tick: u64,
    waiting: BTreeMap<Ticket, Operation>,
    /// What callers saw.
    pub history: Vec<Operation>,
    asked: BTreeMap<Uuid, (desk::Command, Meta)>,
    /// Requests that were opened, and by which hospital.
    pub requests: BTreeMap<RequestId, u8>,
}

impl World {
    /// A realm whose desk is held.
    pub fn new() -> Self {
        let subjects = Subjects(RealmId::parse("live").unwrap());
        let begun = Writer::new(subjects.desk().unwrap(), Start::default(), &[], Uuid::from_u128(1));
        let (writer, outputs) = begun.unwrap();
        let mut world = Self {
            journal: Memory::new(),
            subjects,
            now: 0,
            delay: 0,
            deaf: false,
            writer,
            read: 0,
            flight: None,
            checking: false,
            late: Vec::new(),
            standby: Standby::default(),
            standby_reader: Reader::default(),
            reader: Reader::default(),
            docket: Docket::default(),
            errands: Errands::default(),
            reacted: BTreeSet::new(),
            made: 1,
            tick: 0,
            waiting: BTreeMap::new(),
            history: Vec::new(),
            asked: BTreeMap::new(),
            requests: BTreeMap::new(),
        };
        world.perform(outputs);
        world
    }

    /// The realm's time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(at(0).millis() + self.now)
    }

    /// Time goes by.
    pub fn wait(&mut self, seconds: i64) {
        self.now += seconds * 1000;
    }

    fn id(&mut self) -> Uuid {
        self.made += 1;
        Uuid::from_u128(self.made << 64 | 0x5eed)
    }

    fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    /// An aggregate's newest state.
    pub fn look_at<A: Aggregate>(&self, subject: &Subject) -> A::State
    where
        A::Event: TryFrom<Event> + Into<Event>,
    {
        let records = block_on(self.journal.load(subject, 0)).unwrap();
        let take = |entity: Entity<A>, record| entity.take(record).unwrap();
        records.iter().fold(Entity::default(), take).state
    }

    /// What the desk knows.
    pub fn desk(&self) -> &Desk {
        self.writer.desk()
    }

    /// The log.
    pub fn log(&self) -> Vec<Entry> {
        block_on(read_log(&self.journal)).unwrap()
    }

    fn meta(&mut self, by: Actor) -> Meta {
        let command = self.id();
        let received_at = Timestamp::from_millis(self.now().millis() - i64::from(self.delay) * 1000);
        let received = Received { at: received_at.max(at(0)), by };
        Meta { command, fingerprint: [0; 32], received, causation: None, correlation: command, trace: None }
    }

    /// Somebody asks an aggregate.
    pub fn ask<A: Aggregate>(&mut self, subject: Subject, command: A::Command, by: Actor) -> Result<Done, Undone>
    where
        A::Event: TryFrom<Event> + Into<Event>,
    {
        let meta = self.meta(by);
        let (command_id, invoked) = (meta.command, self.tick());
        let deaf = std::mem::take(&mut self.deaf);
        let answer = self.execute::<A>(subject.clone(), command.clone(), meta.clone(), deaf);
        self.told(command_id, invoked, &answer);
        if answer != Err(Undone::Unsure) {
            return answer;
        }
        // Who got no answer asks again.
        let invoked = self.tick();
        let answer = self.execute::<A>(subject, command, meta, false);
        self.told(command_id, invoked, &answer);
        answer
    }

    fn told(&mut self, command: Uuid, invoked: u64, answer: &Result<Done, Undone>) {
        // Who asks again may be told of what the first try did, or that it is so already.
        let stands = |position| commits(&self.log()).any(|at| at.position == position && at.command() == command);
        let outcome = match answer {
            Ok(Done { position, news }) if *news || stands(*position) => Outcome::Done(*position),
            Ok(Done { position, .. }) => Outcome::Already(*position),
            Err(Undone::Refused(_)) => Outcome::Refused,
            Err(_) => Outcome::Unknown,
        };
        let returned = self.tick();
        self.history.push(Operation { command, invoked, returned, outcome });
    }

    fn execute<A: Aggregate>(
        &mut self,
        subject: Subject,
        command: A::Command,
        meta: Meta,
        deaf: bool,
    ) -> Result<Done, Undone>
    where
        A::Event: TryFrom<Event> + Into<Event>,
    {
        let (id, now) = (self.id(), self.now());
        let mut execution = Execution::<A>::new(subject.clone(), command, meta, None, id);
        let mut next = execution.start(now);
        loop {
            next = match next {
                Next::Answer(answer) => return answer,
                Next::Ask(Ask::Load { after }) => {
                    execution.step(Told::Loaded(block_on(self.journal.load(&subject, after))), now)
                }
                Next::Ask(Ask::Append { expected, frame, bytes }) => {
                    let appended = block_on(self.journal.append(&subject, expected, frame, bytes));
                    let told = match appended {
                        _ if deaf => Err(Lost::Unknown("no answer".to_owned())),
                        Ok(sequence) => Ok(Appended { sequence }),
                        Err(error) => Err(lost(error)),
                    };
                    execution.step(Told::Appended(told), now)
                }
            }
        }
    }

    /// Somebody asks the desk.
    pub fn ask_desk(&mut self, command: desk::Command, by: Actor) {
        let meta = self.meta(by);
        let (invoked, ticket) = (self.tick(), self.tick());
        let operation = Operation { command: meta.command, invoked, returned: u64::MAX, outcome: Outcome::Unknown };
        self.waiting.insert(ticket, operation);
        self.asked.insert(meta.command, (command.clone(), meta.clone()));
        let now = self.now();
        let outputs = self.writer.step(Input::Command { ticket, command: Box::new(command), meta }, now);
        self.perform(outputs);
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Append { expected, frame, bytes } => self.flight = Some((expected, frame, bytes)),
                Output::Check => self.checking = true,
                Output::Answer { ticket, answer } => {
                    if let Some(mut operation) = self.waiting.remove(&ticket) {
                        operation.returned = self.tick();
                        operation.outcome = match answer {
                            Ok(Done { position, news: true }) => Outcome::Done(position),
                            Ok(Done { position, news: false }) => Outcome::Already(position),
                            Err(Undone::Refused(_)) => Outcome::Refused,
                            Err(_) => Outcome::Unknown,
                        };
                        self.history.push(operation);
                    }
                }
                Output::Stop(_) => return self.take_over(),
            }
        }
    }

    /// The desk's frame reaches the log, or the check its answer.
    pub fn land(&mut self) {
        let subject = self.subjects.desk().unwrap();
        let input = if let Some((expected, frame, bytes)) = self.flight.take() {
            let appended = block_on(self.journal.append(&subject, expected, frame, bytes));
            Input::Appended(appended.map(|sequence| Appended { sequence }).map_err(lost))
        } else if std::mem::take(&mut self.checking) {
            Input::Checked(block_on(self.journal.head(&subject)))
        } else {
            return;
        };
        let now = self.now();
        let outputs = self.writer.step(input, now);
        self.perform(outputs);
    }

    /// The writer dies; its frame may land before the next one's, after it, or never.
    pub fn crash(&mut self) {
        self.late.extend(self.flight.take());
        self.take_over();
    }

    /// A frame of a writer that died reaches the log, if nobody was before it.
    pub fn haunt(&mut self) {
        let subject = self.subjects.desk().unwrap();
        for (expected, frame, bytes) in std::mem::take(&mut self.late) {
            // Whoever sent it is gone: nobody hears what came of it.
            drop(block_on(self.journal.append(&subject, expected, frame, bytes)));
        }
    }

    fn take_over(&mut self) {
        (self.flight, self.checking) = (None, false);
        let unanswered = std::mem::take(&mut self.waiting).into_values();
        self.history.extend(unanswered);
        let (subject, id) = (self.subjects.desk().unwrap(), self.id());
        let begin = |start: Start| {
            let later = block_on(self.journal.load(&subject, start.after())).unwrap();
            Writer::new(subject.clone(), start, &later, id).unwrap()
        };
        let (writer, outputs) = begin(self.standby.start().unwrap());
        let from_zero = begin(Start::default());
        assert!((&writer, &outputs) == (&from_zero.0, &from_zero.1), "it is what folding from zero gives");
        self.writer = writer;
        self.read = self.writer.taken();
        self.perform(outputs);
    }

    /// Whoever may take over reads so many records.
    pub fn stand_by(&mut self, count: u8) {
        for _ in 0..count {
            let Some(record) = self.next_record(self.standby_reader.progress().position.sequence) else { return };
            let standby = &mut self.standby;
            self.standby_reader.take(&record, |seen, _| seen.iter().for_each(|seen| standby.fold(seen))).unwrap();
        }
    }

    fn next_record(&self, after: u64) -> Option<Record> {
        let last = block_on(self.journal.last()).unwrap();
        let next = (after < last).then(|| self.journal.subscribe(after).next().now_or_never()).flatten();
        next.flatten().map(Result::unwrap)
    }

    /// The desk reads what it has not read yet.
    pub fn feed(&mut self) {
        while let Some(record) = self.next_record(self.read) {
            self.read = record.sequence;
            let now = self.now();
            let outputs = self.writer.step(Input::Record(record), now);
            self.perform(outputs);
        }
    }

    /// The desk looks whether a deadline has passed.
    pub fn look(&mut self) {
        let now = self.now();
        if self.writer.next_look().is_some_and(|due| due <= now) {
            let outputs = self.writer.step(Input::Look, now);
            self.perform(outputs);
        }
    }

    /// Eligibility and intake do what is due.
    pub fn react(&mut self) {
        loop {
            while let Some(record) = self.next_record(self.reader.progress().position.sequence) {
                let (docket, errands) = (&mut self.docket, &mut self.errands);
                let fold = |seen: &muster_journal::engine::follower::Seen| {
                    docket.fold(seen);
                    errands.fold(seen);
                };
                self.reader.take(&record, |seen, _| seen.iter().for_each(fold)).unwrap();
            }
            let now = self.now();
            if let Some(item) = due(&self.docket, now, &mut self.reacted) {
                let subject = self.subjects.assessment(&item.order.request).unwrap();
                self.act::<Assessment, _>(subject, item.order.command.clone(), &item, "eligibility");
            } else if let Some(item) = due(&self.errands, now, &mut self.reacted) {
                let subject = self.subjects.request(&item.order.request).unwrap();
                self.act::<Request, _>(subject, item.order.command.clone(), &item, "intake");
            } else {
                return;
            }
        }
    }

    fn act<A: Aggregate, O>(&mut self, subject: Subject, command: A::Command, item: &Item<O>, name: &str)
    where
        A::Event: TryFrom<Event> + Into<Event>,
    {
        let meta = Meta::of_item(item, actor(Role::System, name), self.now());
        // What is refused was done otherwise meanwhile.
        drop(self.execute::<A>(subject, command, meta, false));
    }

    /// All that can happen now has happened.
    pub fn settle(&mut self) {
        loop {
            let before = (block_on(self.journal.last()).unwrap(), self.flight.is_some() || self.checking);
            self.feed();
            self.look();
            self.land();
            self.react();
            let after = (block_on(self.journal.last()).unwrap(), self.flight.is_some() || self.checking);
            if before == after && !after.1 {
                return;
            }
        }
    }

    /// Everything ends, and every deadline of an answer passes.
    pub fn finish(&mut self) {
        self.settle();
        for hours in [1, 24, 25] {
            self.wait(hours * 3600);
            self.settle();
        }
        let unanswered = std::mem::take(&mut self.waiting).into_values();
        self.history.extend(unanswered);
    }

    /// Everybody asks once more for what the desk has done for them, whatever it answers.
    pub fn ask_again(&mut self) {
        let done: Vec<_> = commits(&self.log()).filter_map(|at| self.asked.get(&at.command()).cloned()).collect();
        for (command, meta) in done {
            let (ticket, now) = (self.tick(), self.now());
            let outputs = self.writer.step(Input::Command { ticket, command: Box::new(command), meta }, now);
            self.perform(outputs);
        }
        self.settle();
    }

    /// D11: every commit of the desk, decided again from the fold of those before it, is the same. What differs, in words.
    pub fn decide_again(&self, log: &[Entry]) -> Vec<String> {
        let given = |id| self.asked.get(&id).map(|(command, _)| Given::Desk(command.clone())).into_iter().collect();
        let (_, wrong) = replay::check(log, &[Context::Dispatch], given, |_| {});
        wrong.iter().map(ToString::to_string).collect()
    }
}

/// The next thing on an agenda that is due and was not tried yet.
fn due<A: Agenda>(agenda: &A, now: Timestamp, reacted: &mut BTreeSet<Uuid>) -> Option<Item<A::Order>> {
    let item = agenda.items().values().find(|item| item.due <= now && !reacted.contains(&item.command))?;
    reacted.insert(item.command);
    Some(item.clone())
}

fn lost(error: AppendError) -> Lost {
    match error {
        AppendError::Conflict => Lost::Conflict,
        busy @ AppendError::Busy => Lost::Unavailable(busy.to_string()),
        AppendError::Unknown(why) => Lost::Unknown(why),
        AppendError::Unavailable(why) => Lost::Unavailable(why),
        AppendError::ClockOff(off) => Lost::Unavailable(off.to_string()),
        AppendError::TooLarge { bytes, bytes_max } => Lost::TooLarge { bytes, bytes_max },
    }
}
