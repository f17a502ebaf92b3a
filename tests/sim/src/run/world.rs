//! The simulated world: processes, the sea between them and the journal, clients, people and the weather, over one queue.

mod calls;
mod upgrade;
mod weather;

use std::collections::{BTreeMap, VecDeque};

use muster_domain::kernel::{RealmId, Timestamp};
use muster_journal::{
    engine::{Done, Undone},
    port::{AppendError, Record},
    subjects::Subjects,
};
use uuid::Uuid;

pub use self::calls::Refused;
use self::{calls::Clients, upgrade::Upgrade};
use super::{
    asked::Command,
    bugs::Bug,
    cast,
    coverage::Reached,
    people::{Act, People},
    plan::{Fault, Plan},
    process::{Ask, Asker, Call, In, Moment, Out, Process, Standing, Told},
    queue::Queue,
    rng::Rng,
    sea::{Following, Sea, Subscription, refused, silence},
};
use crate::history::Operation;

/// How long a process waits for one answer of the journal.
const ANSWER_WITHIN: i64 = 800;
/// A log that was distrusted so often is broken for good: nothing more will come of it.
const ILL_MAX: u64 = 30;
/// A reader that is so many records behind has not caught up yet.
const NEAR: u64 = 50;
/// How far a clock may be off before its process does not write.
const CLOCK_OFF_MAX: i64 = 1_000;

/// What happens.
pub(super) enum Event {
    /// A question reaches the journal.
    ToSea(usize, u32, u64, Ask),
    /// Something reaches a process.
    ToProcess(usize, u32, In),
    /// A subscription delivers.
    Publish(Following),
    /// A question reaches the lease.
    Lease(usize, u32, u64),
    /// Word that the lease is given up reaches it.
    GiveUp(usize, u32),
    /// A client's call reaches a process.
    Calls(usize, u64, Box<Call>),
    /// An answer reaches a client.
    ToClient(u64, Result<Done, Undone>),
    /// A client stops waiting.
    Hangs(u64),
    /// A client tries again.
    Again(u64),
    /// Somebody acts.
    Act(Box<Act>),
    /// Something goes wrong.
    Weather,
    /// A process begins.
    Begin(usize),
    /// A process goes on.
    Resume(usize),
    /// A clock is right again.
    ClockRight(usize),
    /// A process is told to upgrade.
    Upgrade(usize),
    /// A reader must have stopped by now; if not, this is wrong, under the id of the invariant.
    MustStop(Following, (&'static str, String)),
    /// Nothing: time has come so far.
    Nothing,
}

/// One machine.
pub(super) struct Node {
    pub(super) process: Option<Process>,
    epoch: u32,
    skew: i64,
    jump: i64,
    paused: bool,
    held: VecDeque<In>,
    cut_until: i64,
    /// Until when it reaches the journal and not the lease.
    unleased_until: i64,
    /// When its life began.
    began: i64,
    /// How many short lives it has had, one after another.
    short_lives: u32,
}

/// The world.
pub struct World {
    /// Its plan.
    pub plan: Plan,
    pub(super) bug: Option<Bug>,
    pub(super) queue: Queue<Event>,
    weather: Rng,
    /// Journal, subscriptions and lease.
    pub sea: Sea,
    pub(super) nodes: Vec<Node>,
    clients: Clients,
    pub(super) people: People,
    /// The realm's subjects.
    pub subjects: Subjects,
    /// No fault any more.
    calm: bool,
    /// Every command that was given, by id.
    pub asked: BTreeMap<Uuid, Vec<Command>>,
    /// How often each fault happened.
    pub faults: BTreeMap<Fault, u64>,
    /// Records left out of a subscription, and by whom they must be missed.
    gaps: Vec<(Following, u64)>,
    /// The upgrade that is under way.
    upgrade: Option<Upgrade>,
    /// How often a process was given what it was too old to read.
    foreign: u64,
    /// What went wrong in the run itself, under the id of the invariant.
    pub wrong: Vec<(&'static str, String)>,
    /// What was reached.
    pub reached: Reached,
    /// How often a process was started anew because it trusted the log no more.
    ill: u32,
    /// Events so far.
    pub steps: u64,
    /// A hash of them.
    pub trace: u64,
    /// Of the time that passed, how much passed with nothing but renewals.
    pub skipped: i64,
}

impl World {
    /// A realm with nothing in it.
    pub fn new(plan: Plan, bug: Option<Bug>) -> Self {
        let subjects = Subjects(RealmId::parse("live").unwrap_or_default());
        let mut rng = Rng::new(plan.seed, "clocks");
        let skewed = plan.rates.of(Fault::Skew) > 0;
        let node = |_| Node {
            process: None,
            epoch: 0,
            skew: if skewed { rng.between(-900, 900) } else { 0 },
            jump: 0,
            paused: false,
            held: VecDeque::new(),
            cut_until: 0,
            unleased_until: 0,
            began: 0,
            short_lives: 0,
        };
        let nodes = (0..plan.processes).map(node).collect();
        let mut world = Self {
            weather: Rng::new(plan.seed, "weather"),
            clients: Clients::new(plan.seed),
            people: People::new(&plan, subjects.clone()),
            plan,
            bug,
            queue: Queue::default(),
            sea: Sea::default(),
            nodes,
            subjects,
            calm: true,
            asked: BTreeMap::new(),
            faults: BTreeMap::new(),
            gaps: Vec::new(),
            upgrade: None,
            foreign: 0,
            wrong: Vec::new(),
            reached: Reached::default(),
            ill: 0,
            steps: 0,
            trace: 0,
            skipped: 0,
        };
        for name in 0..world.nodes.len() {
            world.queue.after(0, Event::Begin(name));
        }
        for (millis, act) in world.people.begin() {
            world.queue.after(millis, Event::Act(Box::new(act)));
        }
        world
    }

    /// The realm's true time.
    pub fn now(&self) -> Timestamp {
        cast::at_millis(self.queue.now())
    }

    /// What clients saw.
    pub fn history(&self) -> Vec<Operation> {
        self.clients.history(&self.sea.records)
    }

    /// What clients were refused.
    pub fn answers(&self) -> &[Refused] {
        &self.clients.refused
    }

    /// Faults happen from now on.
    pub fn storm(&mut self) {
        self.calm = false;
        for millis in self.people.storms() {
            self.queue.after(millis, Event::Weather);
        }
    }

    /// Everything goes on until this many milliseconds from now.
    pub fn go_on(&mut self, millis: i64) {
        let until = self.queue.now().saturating_add(millis);
        self.queue.after(millis, Event::Nothing);
        while self.queue.now() < until && !self.is_beyond_help() {
            let quiet = self.queue.quiet_for();
            if quiet > 0 && self.is_quiet() {
                self.skip(quiet);
            }
            let Some(event) = self.queue.pop() else { return };
            self.steps = self.steps.saturating_add(1);
            self.note(&event);
            self.happen(event);
        }
    }

    /// Whether processes distrust the log without a gap that made them, or a record that is too new for them.
    fn is_beyond_help(&self) -> bool {
        let gaps = self.faults.get(&Fault::Gap).copied().unwrap_or(0);
        u64::from(self.ill) > ILL_MAX.saturating_add(gaps).saturating_add(self.foreign)
    }

    /// Whether renewals alone would happen: every process runs, one of them decides, and the journal is there.
    fn is_quiet(&self) -> bool {
        let now = self.queue.now();
        let well = |node: &Node| {
            node.cut_until <= now
                && node.unleased_until <= now
                && !node.paused
                && node.process.as_ref().is_some_and(|p| p.follower.broken.is_none())
        };
        let holds = |node: &Node| node.process.as_ref().is_some_and(Process::has_renewed);
        self.sea.away_until.max(self.sea.lease_away_until) <= now
            && self.nodes.iter().all(well)
            && self.nodes.iter().filter(|node| holds(node)).count() == 1
            && self.sea.holder(now).is_some_and(|(name, _)| self.nodes.get(name).is_some_and(holds))
    }

    fn skip(&mut self, millis: i64) {
        self.queue.postpone_background(millis);
        self.sea.renewed_for(millis);
        self.skipped = self.skipped.saturating_add(millis);
    }

    /// The run as a number: any difference shows.
    fn note(&mut self, event: &Event) {
        let (kind, who): (u64, usize) = match event {
            Event::ToSea(who, ..) => (1, *who),
            Event::ToProcess(who, ..) => (2, *who),
            Event::Publish((who, ..)) => (3, *who),
            Event::Lease(who, ..) => (4, *who),
            Event::GiveUp(who, _) => (5, *who),
            Event::Calls(who, ..) => (6, *who),
            Event::ToClient(..) => (7, 0),
            Event::Hangs(_) => (8, 0),
            Event::Again(_) => (9, 0),
            Event::Act(_) => (10, 0),
            Event::Weather => (11, 0),
            Event::Begin(who) => (12, *who),
            Event::Resume(who) => (13, *who),
            Event::ClockRight(who) => (14, *who),
            Event::MustStop((who, ..), _) => (15, *who),
            Event::Nothing => (16, 0),
            Event::Upgrade(who) => (17, *who),
        };
        let now = u64::try_from(self.queue.now()).unwrap_or(0);
        let word = kind.wrapping_mul(1 << 56) ^ u64::try_from(who).unwrap_or(0).wrapping_mul(1 << 48) ^ now;
        self.trace = (self.trace ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToSea(name, epoch, call, ask) => self.at_sea(name, epoch, call, ask),
            Event::ToProcess(name, epoch, input) => self.feed(name, epoch, input),
            Event::Publish(following) => self.publish(following),
            Event::Lease(name, epoch, beat) => self.at_lease(name, epoch, beat),
            Event::GiveUp(name, epoch) => self.sea.give_up((name, epoch)),
            Event::Calls(name, call, what) => self.call_arrives(name, call, what),
            Event::ToClient(call, answer) => self.client_hears(call, answer),
            Event::Hangs(call) => self.client_hangs_up(call),
            Event::Again(operation) => self.client_calls(operation),
            Event::Act(act) => self.act(*act),
            Event::Weather => self.blow(),
            Event::Begin(name) => self.begin(name),
            Event::Resume(name) => self.resume(name),
            Event::ClockRight(name) => {
                if let Some(node) = self.nodes.get_mut(name) {
                    node.jump = 0;
                }
            }
            Event::Upgrade(name) => self.upgrade(name),
            Event::MustStop(following, why) => self.must_stop(following, why),
            Event::Nothing => {}
        }
    }

    fn begin(&mut self, name: usize) {
        let seed = self.plan.seed;
        let Some(node) = self.nodes.get_mut(name).filter(|node| node.process.is_none()) else { return };
        if node.jump != 0 && self.bug != Some(Bug::WrongClocksWrite) {
            // Whoever looks after it waits for its clock.
            return self.queue.after(1_000, Event::Begin(name));
        }
        node.epoch = node.epoch.saturating_add(1);
        node.began = self.queue.now();
        let text = format!("process-{seed}-{name}-{}", node.epoch);
        let id = Uuid::new_v5(&Uuid::nil(), text.as_bytes());
        let mut process = Process::new(name, node.epoch, &self.subjects, id, self.bug);
        let outs = process.start();
        let epoch = node.epoch;
        node.process = Some(process);
        self.begins_as(name, epoch);
        let first = self.weather.between(0, 300);
        self.queue.background(first, Event::ToProcess(name, epoch, In::Beat));
        self.perform(name, epoch, outs);
    }

    /// A process has ended, and begins anew after `back` at the soonest. Whatever starts it again waits longer each time that it
    /// did not live long, up to some minutes, as Kubernetes does.
    pub(super) fn ended(&mut self, name: usize, back: i64) {
        const SHORT_LIFE: i64 = 60_000;
        let Some(node) = self.nodes.get_mut(name).filter(|node| node.process.is_some()) else { return };
        node.process = None;
        let is_short = self.queue.now().saturating_sub(node.began) < SHORT_LIFE;
        node.short_lives = if is_short { node.short_lives.saturating_add(1) } else { 0 };
        let waits = if is_short { 500 << node.short_lives.min(9) } else { 0 };
        self.queue.after(back.max(waits), Event::Begin(name));
    }

    fn moment(&self, name: usize) -> Moment {
        let off = self.nodes.get(name).map_or(0, |node| node.skew.saturating_add(node.jump));
        Moment { now: cast::at_millis(self.queue.now().saturating_add(off)) }
    }

    /// Something happens to a process, if it is still the one that it was meant for.
    fn feed(&mut self, name: usize, epoch: u32, input: In) {
        if self.nodes.get(name).is_none_or(|node| node.epoch != epoch || node.process.is_none()) {
            return;
        }
        if let Some(node) = self.nodes.get_mut(name).filter(|node| node.paused) {
            return node.held.push_back(input);
        }
        if matches!(input, In::Beat) {
            self.queue.background(1_000, Event::ToProcess(name, epoch, In::Beat));
        }
        let boundary = self.is_boundary(&input);
        if boundary && self.strikes(Fault::CrashBefore) {
            return self.crash(name);
        }
        let moment = self.moment(name);
        let Some(process) = self.nodes.get_mut(name).and_then(|node| node.process.as_mut()) else { return };
        let outs = process.step(input, moment);
        let asked = std::mem::take(&mut process.asked);
        for (state, command) in std::mem::take(&mut process.met) {
            self.reached.note(&state, &command);
        }
        let ill = process.follower.broken.is_some() || process.standing() == Standing::Broken;
        for (id, command) in asked {
            self.asked.entry(id).or_default().push(command);
        }
        if boundary && self.strikes(Fault::CrashAfter) {
            return self.crash(name);
        }
        self.perform(name, epoch, outs);
        if ill {
            self.restart_ill(name, epoch);
        }
    }

    /// Whether a process may die just before or after what happens. Whoever reads a long log from the start would never come to its
    /// end, if it could die at every record; it may die at any time.
    fn is_boundary(&self, input: &In) -> bool {
        match input {
            In::Told(..) => true,
            In::Record(_, Ok(record)) => self.sea.last().saturating_sub(record.sequence) < NEAR,
            In::Record(_, Err(_))
            | In::Timer(_)
            | In::Beat
            | In::Lease(..)
            | In::Call(..)
            | In::Relayed(..)
            | In::Answered(..)
            | In::Stop => false,
        }
    }

    fn perform(&mut self, name: usize, epoch: u32, outs: Vec<Out>) {
        for out in outs {
            match out {
                Out::Ask(call, ask) => self.asks_sea(name, epoch, call, ask),
                Out::Subscribe(number, after) => {
                    let following = (name, epoch, number);
                    let subscription = Subscription { next: after.saturating_add(1), busy: false, stalled_until: 0 };
                    self.sea.subscriptions.insert(following, subscription);
                    self.pump(following);
                }
                Out::After(millis, timer) => {
                    self.queue.after(millis, Event::ToProcess(name, epoch, In::Timer(timer)));
                }
                Out::Lease(beat) => self.over_sea(name, Event::Lease(name, epoch, beat)),
                Out::GiveUp => self.over_sea(name, Event::GiveUp(name, epoch)),
                Out::Relay(to, ticket, command, meta) => {
                    let Some(other) = self.nodes.get(to).map(|node| node.epoch) else { continue };
                    let input = In::Relayed(Asker::Peer(name, epoch, ticket), command, meta);
                    self.carry(Event::ToProcess(to, other, input));
                }
                Out::Answer(Asker::Client(call), answer) => self.carry(Event::ToClient(call, answer)),
                Out::Answer(Asker::Peer(to, other, ticket), answer) => {
                    self.carry(Event::ToProcess(to, other, In::Answered(ticket, answer)));
                }
                Out::Answer(Asker::Item(..), _) => {}
                Out::Stopped => {
                    self.ended(name, 2_000);
                }
            }
        }
    }

    fn asks_sea(&mut self, name: usize, epoch: u32, call: u64, ask: Ask) {
        self.queue.after(ANSWER_WITHIN, Event::ToProcess(name, epoch, In::Told(call, silence(&ask))));
        self.over_sea(name, Event::ToSea(name, epoch, call, ask));
    }

    fn at_sea(&mut self, name: usize, epoch: u32, call: u64, ask: Ask) {
        let told = if self.sea.away_until > self.queue.now() {
            refused(&ask)
        } else if matches!(ask, Ask::Append(..)) && self.strikes(Fault::Late) {
            let late = self.weather.magnitude(900, 30_000);
            return self.queue.after(late, Event::ToSea(name, epoch, call, ask));
        } else if matches!(ask, Ask::Append(..)) && self.strikes(Fault::Conflict) {
            Told::Appended(Err(if self.weather.seldom(2) { AppendError::Busy } else { AppendError::Conflict }))
        } else {
            let (remembers, fenced) = (self.weather.seldom(2), !matches!(self.bug, Some(Bug::NoFence | Bug::AllHold)));
            let append = matches!(ask, Ask::Append(..));
            let (told, record) = self.sea.answer(ask, remembers, fenced);
            if let Some(record) = record {
                self.written_by(name, epoch, &record);
                self.stored(&record);
            }
            if append && self.strikes(Fault::AckLost) {
                return;
            }
            match told {
                Told::Loaded(Ok(records)) => {
                    let read = records.into_iter().map(|record| self.as_read_by(name, epoch, record));
                    Told::Loaded(Ok(read.collect()))
                }
                Told::Loaded(Err(_)) | Told::Appended(_) | Told::Sequence(_) => told,
            }
        };
        self.over_sea(name, Event::ToProcess(name, epoch, In::Told(call, told)));
    }

    /// A record is in the log: whoever follows is sent it, and whoever it concerns hears of it.
    fn stored(&mut self, record: &Record) {
        let followers: Vec<_> = self.sea.subscriptions.keys().copied().collect();
        for following in followers {
            self.pump(following);
        }
        for (millis, act) in self.people.hear(record) {
            self.queue.after(millis, Event::Act(Box::new(act)));
        }
    }

    fn pump(&mut self, following: Following) {
        let (last, now) = (self.sea.last(), self.queue.now());
        let Some(subscription) = self.sea.subscriptions.get_mut(&following) else { return };
        if subscription.busy || subscription.next > last {
            return;
        }
        subscription.busy = true;
        let behind = last.saturating_sub(subscription.next) > 3;
        let wait = subscription.stalled_until.max(self.sea.away_until).saturating_sub(now).max(0);
        let travel = if behind { 0 } else { self.weather.between(1, 6) };
        self.queue.after(wait.saturating_add(travel), Event::Publish(following));
    }

    fn publish(&mut self, following: Following) {
        let (name, epoch, number) = following;
        if self.nodes.get(name).is_none_or(|node| node.epoch != epoch || node.process.is_none()) {
            self.sea.subscriptions.remove(&following);
            return;
        }
        let stale = self.strikes(Fault::Stale);
        let last = self.sea.last();
        let Some(subscription) = self.sea.subscriptions.get_mut(&following) else { return };
        subscription.busy = false;
        let mut sequence = subscription.next;
        // A follower's own subscription never goes back; the desk's may repeat what it has seen.
        let again = number > 1 && stale && sequence > 2;
        if again {
            sequence = sequence.saturating_sub(2);
        } else {
            subscription.next = sequence.saturating_add(1);
        }
        if !again && sequence > 1 && sequence < last && self.strikes(Fault::Gap) {
            self.gaps.push((following, sequence));
            return self.pump(following);
        }
        if let Some(record) = self.sea.record(sequence).cloned() {
            let is_newer = self.is_newer_than(name, epoch, sequence);
            let record = self.as_read_by(name, epoch, record);
            self.feed(name, epoch, In::Record(number, Ok(record)));
            if is_newer {
                let says = format!("record {sequence} is newer than process {name} knows, and it went on");
                self.queue.after(1, Event::MustStop(following, ("version", says)));
            }
        }
        if let Some(at) = self.gaps.iter().position(|(whose, gap)| *whose == following && *gap < sequence) {
            let (_, gap) = self.gaps.swap_remove(at);
            let says = format!("record {gap} was withheld from process {name}, and it went on");
            self.queue.after(1, Event::MustStop(following, ("gap", says)));
        }
        self.pump(following);
    }

    fn at_lease(&mut self, name: usize, epoch: u32, beat: u64) {
        let now = self.queue.now();
        let unleased = self.nodes.get(name).is_some_and(|node| node.unleased_until > now);
        if self.sea.away_until > now || self.sea.lease_away_until > now || unleased {
            return;
        }
        let holder = self.sea.take_lease((name, epoch), self.queue.now());
        self.over_sea(name, Event::ToProcess(name, epoch, In::Lease(beat, holder)));
    }

    fn act(&mut self, act: Act) {
        let now = self.now();
        let (calls, later) = self.people.act(act, now, &self.sea);
        for call in calls {
            self.asked.entry(call.id).or_default().push(call.command.clone());
            let operation = self.clients.add(call);
            self.client_calls(operation);
        }
        for (millis, act) in later {
            self.queue.after(millis, Event::Act(Box::new(act)));
        }
    }
}
