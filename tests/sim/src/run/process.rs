//! One replica of every role: what `muster serve` runs, over a queue of events instead of a runtime. The step functions are the
//! product's own; only what drives them is told here a second time, as short as it goes.

mod agent;
mod desk;
mod follower;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use muster_domain::{
    dispatch::desk as dispatch,
    kernel::{Actor, Received, Timestamp},
};
use muster_journal::{
    append::{self, Appended, Attempt, Lost},
    engine::{
        Done, Meta, Undone,
        executor::{self, Next},
    },
    port::{AppendError, ReadError, Record, Subject},
    subjects::Subjects,
};
use uuid::Uuid;

pub use self::{
    agent::{Agent, Kind},
    desk::{Holder, LEASE, Standing},
    follower::{Follower, NEWER_FIELD},
};
use super::{
    asked::{self, Command, Known, Running},
    bugs::Bug,
};

/// How many ids this program has made, for a planted bug.
static EVER_MADE: AtomicU64 = AtomicU64::new(0);

/// How long an append is tried.
const PATIENCE: i64 = 10_000;
/// The longest pause between two tries.
const PAUSE_MAX: i64 = 250;

/// The time of a process.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The realm's time, as its clock has it.
    pub now: Timestamp,
}

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    /// A client's call.
    Client(u64),
    /// An item of an agenda.
    Item(Kind, Uuid),
    /// Another process that relays a client's command: which, in which life, under which ticket.
    Peer(usize, u32, u64),
}

/// A command as it reaches a process.
#[derive(Clone, Debug)]
pub struct Call {
    /// To whom.
    pub subject: Subject,
    /// What is asked.
    pub command: Command,
    /// The command's id.
    pub id: Uuid,
    /// What it was when it was sent first.
    pub fingerprint: [u8; 32],
    /// From whom.
    pub by: Actor,
}

/// What a process asks of the journal.
#[derive(Clone, Debug)]
pub enum Ask {
    /// An append.
    Append(Subject, u64, Uuid, Bytes),
    /// A subject's records after a sequence.
    Load(Subject, u64),
    /// A subject's head.
    Head(Subject),
    /// The realm's last sequence.
    Last,
}

/// What the journal says.
#[derive(Clone, Debug)]
pub enum Told {
    /// Of an append.
    Appended(Result<u64, AppendError>),
    /// Of a load.
    Loaded(Result<Vec<Record>, ReadError>),
    /// Of a head or the last sequence.
    Sequence(Result<u64, ReadError>),
}

/// What a process waits for.
#[derive(Clone, Debug)]
pub enum Timer {
    /// A pause between two tries of an append is over.
    Again(u64),
    /// Patience with an append is over.
    Enough(u64),
    /// An agenda may have something due.
    Due(Kind),
    /// The desk does what waits for it.
    Turn,
    /// A deadline of the desk may have come.
    Look,
    /// The desk may be tried for again.
    Rested,
}

/// What happens to a process.
#[derive(Clone, Debug)]
pub enum In {
    /// The journal answered.
    Told(u64, Told),
    /// A subscription's next record, or why there is none.
    Record(u64, Result<Record, ReadError>),
    /// Time has passed.
    Timer(Timer),
    /// A second has passed.
    Beat,
    /// Who holds the lease, as it was asked for at that beat.
    Lease(u64, Holder),
    /// A client calls.
    Call(u64, Box<Call>),
    /// Another process relays a call for the desk.
    Relayed(Asker, Box<dispatch::Command>, Meta),
    /// What another process said of a call that was relayed to it.
    Answered(u64, Result<Done, Undone>),
    /// Stop gently.
    Stop,
}

/// What a process does.
#[derive(Clone, Debug)]
pub enum Out {
    /// Ask the journal.
    Ask(u64, Ask),
    /// Follow the realm after a sequence.
    Subscribe(u64, u64),
    /// Wait.
    After(i64, Timer),
    /// Ask for the lease.
    Lease(u64),
    /// Give the lease up.
    GiveUp,
    /// Relay a call for the desk to another process.
    Relay(usize, u64, Box<dispatch::Command>, Meta),
    /// Answer.
    Answer(Asker, Result<Done, Undone>),
    /// It has stopped gently.
    Stopped,
}

/// Whose an append is.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Execution(u64),
    Desk(u64),
}

/// One frame on its way by the one append path.
struct Try {
    owner: Owner,
    subject: Subject,
    expected: u64,
    frame: Uuid,
    bytes: Bytes,
    attempt: Attempt,
    pause: i64,
}

/// What an answer of the journal is for.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Try(u64),
    Execution(u64),
    Desk(u64),
    Ends,
}

struct Run {
    running: Box<dyn Running>,
    subject: Subject,
    asker: Asker,
    /// What is asked, in a word.
    what: String,
}

/// A process.
pub struct Process {
    name: usize,
    epoch: u32,
    subjects: Subjects,
    id: Uuid,
    bug: Option<Bug>,
    made: u64,
    /// Its views.
    pub follower: Follower,
    following: u64,
    runs: BTreeMap<u64, Run>,
    tries: BTreeMap<u64, Try>,
    wanted: BTreeMap<u64, Wanted>,
    relayed: BTreeMap<u64, Asker>,
    known: BTreeMap<Subject, (u64, Known)>,
    agents: [Agent; 2],
    desk: desk::Driver,
    stopping: bool,
    /// Commands that changed nothing: in which state, and which.
    pub met: Vec<(String, String)>,
    /// The commands that its agents gave, by id.
    pub asked: Vec<(Uuid, Command)>,
    outs: Vec<Out>,
}

impl Process {
    /// Process number `name` in its `epoch`-th life; `id` is like no other's.
    pub fn new(name: usize, epoch: u32, subjects: &Subjects, id: Uuid, bug: Option<Bug>) -> Self {
        Self {
            name,
            epoch,
            subjects: subjects.clone(),
            id,
            bug,
            made: 0,
            follower: Follower::default(),
            following: 0,
            runs: BTreeMap::new(),
            tries: BTreeMap::new(),
            wanted: BTreeMap::new(),
            relayed: BTreeMap::new(),
            known: BTreeMap::new(),
            agents: [Agent::new(Kind::Eligibility), Agent::new(Kind::Intake)],
            desk: desk::Driver::default(),
            stopping: false,
            met: Vec::new(),
            asked: Vec::new(),
            outs: Vec::new(),
        }
    }

    /// Begins to follow the realm.
    pub fn start(&mut self) -> Vec<Out> {
        self.following = self.number();
        self.outs.push(Out::Subscribe(self.following, 0));
        self.ask(Wanted::Ends, Ask::Last);
        std::mem::take(&mut self.outs)
    }

    /// How it stands with the desk.
    pub fn standing(&self) -> Standing {
        self.desk.standing()
    }

    /// Whether it decides, and has renewed its lease whenever it asked.
    pub fn has_renewed(&self) -> bool {
        self.desk.has_renewed()
    }

    /// Whether its desk decides on what this subscription brings.
    pub fn decides_by(&self, subscription: u64) -> bool {
        self.desk.decides_by(subscription)
    }

    /// What it does by itself, and what of it is overdue.
    pub fn overdue(&self, now: Timestamp) -> Vec<String> {
        self.agents.iter().flat_map(|agent| agent.overdue(&self.follower, now)).collect()
    }

    /// Takes what happened; gives what to do.
    pub fn step(&mut self, input: In, at: Moment) -> Vec<Out> {
        match input {
            In::Told(call, told) => self.told(call, told, at),
            In::Record(subscription, record) if subscription == self.following => self.follow(record, at),
            In::Record(subscription, record) => self.desk_record(subscription, record),
            In::Timer(Timer::Again(number)) => self.advance(number, append::Told::Waited, at),
            In::Timer(Timer::Enough(number)) => self.enough(number, at),
            In::Timer(Timer::Due(kind)) => {
                self.agent(kind).woken();
                self.look(kind, at);
            }
            In::Timer(Timer::Turn) => self.turn(at),
            In::Timer(Timer::Look) => self.desk_wakes(),
            In::Timer(Timer::Rested) => self.desk_rested(),
            In::Beat => self.beat(),
            In::Lease(beat, holder) => self.lease(beat, holder),
            In::Call(client, call) => self.call(client, *call, at),
            In::Relayed(asker, command, meta) => self.desk_relayed(asker, command, meta),
            In::Answered(ticket, answer) => {
                if let Some(asker) = self.relayed.remove(&ticket) {
                    self.outs.push(Out::Answer(asker, answer));
                }
            }
            In::Stop => self.stop(),
        }
        self.finish();
        std::mem::take(&mut self.outs)
    }

    fn number(&mut self) -> u64 {
        self.made = self.made.saturating_add(1);
        self.made
    }

    fn fresh_id(&mut self) -> Uuid {
        let mut number = self.number();
        if self.bug == Some(Bug::IdsAreRandom) {
            number = EVER_MADE.fetch_add(1, Ordering::Relaxed);
        }
        Uuid::new_v5(&self.id, &number.to_be_bytes())
    }

    fn ask(&mut self, wanted: Wanted, ask: Ask) {
        let call = self.number();
        self.wanted.insert(call, wanted);
        self.outs.push(Out::Ask(call, ask));
    }

    fn told(&mut self, call: u64, told: Told, at: Moment) {
        match (self.wanted.remove(&call), told) {
            (Some(Wanted::Try(number)), Told::Appended(answer)) => {
                self.advance(number, append::Told::Appended(answer), at);
            }
            (Some(Wanted::Try(number)), Told::Loaded(answer)) => {
                self.advance(number, append::Told::Loaded(answer), at);
            }
            (Some(Wanted::Execution(number)), Told::Loaded(answer)) => {
                self.go_on(number, executor::Told::Loaded(answer), at);
            }
            (Some(Wanted::Desk(hold)), told) => self.desk_told(hold, told),
            (Some(Wanted::Ends), Told::Sequence(Ok(head))) => {
                for kind in [Kind::Eligibility, Kind::Intake] {
                    self.agent(kind).begins_at(head);
                    self.look(kind, at);
                }
            }
            (Some(Wanted::Ends), _) => self.ask(Wanted::Ends, Ask::Last),
            (Some(Wanted::Try(_) | Wanted::Execution(_)) | None, _) => {}
        }
    }

    fn call(&mut self, client: u64, call: Call, at: Moment) {
        let Call { subject, command, id, fingerprint, by } = call;
        let received_at = match self.bug {
            Some(Bug::ReceivedInTheFuture) => Timestamp::from_millis(at.now.millis().saturating_add(5_000)),
            _ => at.now,
        };
        let received = Received { at: received_at, by };
        let meta = Meta { command: id, fingerprint, received, causation: None, correlation: id, trace: None };
        let asker = Asker::Client(client);
        let deaf = self.bug == Some(Bug::ProcessIsDeaf) && self.name == 1 && self.follower.sequence() > 60;
        if self.stopping || self.follower.broken.is_some() || deaf {
            let why = "this process stops".to_owned();
            self.outs.push(Out::Answer(asker, Err(Undone::Unavailable(why))));
            return;
        }
        if let Command::Desk(command) = command {
            self.desk_call(asker, command, meta);
        } else {
            self.execute(asker, subject, command, meta, at);
        }
    }

    fn execute(&mut self, asker: Asker, subject: Subject, command: Command, meta: Meta, at: Moment) {
        let id = self.fresh_id();
        let known = self.known.get(&subject).map(|(_, known)| known);
        let what = command.word();
        let Some(mut running) = command.begin(subject.clone(), meta, known, id) else { return };
        let next = running.start(at.now);
        let number = self.number();
        self.runs.insert(number, Run { running, subject, asker, what });
        self.perform(number, next, at);
    }

    fn go_on(&mut self, number: u64, told: executor::Told, at: Moment) {
        if let Some(run) = self.runs.get_mut(&number) {
            let next = run.running.step(told, at.now);
            self.perform(number, next, at);
        }
    }

    fn perform(&mut self, number: u64, next: Next, at: Moment) {
        let Some(run) = self.runs.get(&number) else { return };
        let subject = run.subject.clone();
        match next {
            Next::Ask(executor::Ask::Load { after }) => self.ask(Wanted::Execution(number), Ask::Load(subject, after)),
            Next::Ask(executor::Ask::Append { expected, frame, bytes }) => {
                self.append(Owner::Execution(number), subject, expected, frame, bytes);
            }
            Next::Answer(answer) => {
                let Some(Run { running, subject, asker, what }) = self.runs.remove(&number) else { return };
                let (sequence, known) = running.into_known();
                if matches!(answer, Ok(Done { news: false, .. }) | Err(Undone::Refused(_)))
                    && let Some(state) = asked::state(&known)
                {
                    self.met.push((state, what));
                }
                if sequence > self.known.get(&subject).map_or(0, |(known, _)| *known) {
                    self.known.insert(subject, (sequence, known));
                }
                match asker {
                    Asker::Item(kind, command) => self.done(kind, command, &answer, at),
                    Asker::Client(_) | Asker::Peer(..) => self.outs.push(Out::Answer(asker, answer)),
                }
            }
        }
    }

    fn append(&mut self, owner: Owner, subject: Subject, expected: u64, frame: Uuid, bytes: Bytes) {
        let number = self.number();
        let ask = Ask::Append(subject.clone(), expected, frame, bytes.clone());
        let attempt = Attempt::new(frame);
        self.tries.insert(number, Try { owner, subject, expected, frame, bytes, attempt, pause: 20 });
        self.ask(Wanted::Try(number), ask);
        self.outs.push(Out::After(PATIENCE, Timer::Enough(number)));
    }

    fn advance(&mut self, number: u64, told: append::Told, at: Moment) {
        let Some(trying) = self.tries.get_mut(&number) else { return };
        let told = match (self.bug, told) {
            // An append path that takes silence for success.
            (Some(Bug::SilenceIsSuccess), append::Told::Appended(Err(AppendError::Unknown(_)))) => {
                append::Told::Appended(Ok(trying.expected.saturating_add(1)))
            }
            (_, told) => told,
        };
        match trying.attempt.step(told) {
            append::Next::Known(outcome) => self.known(number, outcome, at),
            append::Next::Ask(append::Ask::Append) => {
                let (subject, frame, bytes) = (trying.subject.clone(), trying.frame, trying.bytes.clone());
                let expected = match self.bug {
                    Some(Bug::RetriesExpectNothing) => u64::MAX,
                    _ => trying.expected,
                };
                self.ask(Wanted::Try(number), Ask::Append(subject, expected, frame, bytes));
            }
            append::Next::Ask(append::Ask::Load) => {
                let (subject, expected) = (trying.subject.clone(), trying.expected);
                self.ask(Wanted::Try(number), Ask::Load(subject, expected));
            }
            append::Next::Ask(append::Ask::Wait) => {
                let pause = trying.pause;
                trying.pause = pause.saturating_mul(2).min(PAUSE_MAX);
                self.outs.push(Out::After(pause, Timer::Again(number)));
            }
        }
    }

    fn enough(&mut self, number: u64, at: Moment) {
        if let Some(trying) = self.tries.remove(&number) {
            let (owner, lost) = (trying.owner, trying.attempt.give_up());
            self.outcome(owner, Err(lost), at);
        }
    }

    fn known(&mut self, number: u64, outcome: Result<Appended, Lost>, at: Moment) {
        if let Some(Try { owner, .. }) = self.tries.remove(&number) {
            self.outcome(owner, outcome, at);
        }
    }

    fn outcome(&mut self, owner: Owner, outcome: Result<Appended, Lost>, at: Moment) {
        match owner {
            Owner::Execution(number) => self.go_on(number, executor::Told::Appended(outcome), at),
            Owner::Desk(hold) => self.desk_landed(hold, outcome),
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.desk_stops();
    }

    fn finish(&mut self) {
        if self.stopping && self.runs.is_empty() && self.desk.is_idle() {
            self.outs.push(Out::Stopped);
        }
    }
}
