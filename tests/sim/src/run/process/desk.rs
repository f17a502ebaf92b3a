//! The desk of a process: stands by for the lease, loads, fences, decides while it holds, and lets go. The writer is the
//! product's; this is its driver over the queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use muster_dispatch::{
    standby::Start,
    writer::{Input, Output, Stop, Ticket, Writer},
};
use muster_domain::{dispatch::desk::Command, kernel::Timestamp};
use muster_journal::{
    append::{Appended, Lost},
    engine::{Broken, Meta, Undone},
    port::{ReadError, Record, Subject},
};

use super::{Ask, Asker, Moment, Out, Owner, Process, Timer, Told, Wanted};
use crate::run::bugs::Bug;

/// How long a lease lasts.
pub const LEASE: i64 = 3_000;

/// Who holds the lease: which process, in which life.
pub type Holder = (usize, u32);

/// How a process stands with the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It decides.
    Holds,
    /// Somebody else does, or nobody.
    Stands,
    /// The log cannot be trusted.
    Broken,
}

#[derive(Default)]
enum State {
    #[default]
    StandBy,
    /// The desk's records after what was read already are asked for, then the realm's end.
    Loading(Box<(Start, Vec<Record>)>),
    Holding(Box<Holding>),
    /// A while after the writer stopped.
    Resting,
    Broken(Broken),
    Stopped,
}

/// The desk in a process's hands.
struct Holding {
    writer: Writer,
    subject: Subject,
    following: u64,
    /// Where the realm ended at the beginning.
    head: u64,
    records: VecDeque<Result<Record, ReadError>>,
    calls: VecDeque<(Asker, Box<Command>, Meta)>,
    landed: VecDeque<Input>,
    waiting: BTreeMap<Ticket, Asker>,
    flying: bool,
    turning: bool,
    looks_at: Option<Timestamp>,
}

/// What drives the desk of a process.
#[derive(Default)]
pub struct Driver {
    state: State,
    /// Who holds it, as far as is known.
    holder: Option<Holder>,
    /// At which beat the lease was renewed last, and which was the last.
    beat: u64,
    beats: u64,
    /// At which beats it was asked for without an answer yet.
    asked: BTreeSet<u64>,
    /// Which hold this is: what an earlier one asked for is nobody's.
    hold: u64,
    stopping: bool,
}

impl Driver {
    pub(super) fn standing(&self) -> Standing {
        match self.state {
            State::Holding(_) => Standing::Holds,
            State::Broken(_) => Standing::Broken,
            State::StandBy | State::Loading(_) | State::Resting | State::Stopped => Standing::Stands,
        }
    }

    pub(super) fn has_renewed(&self) -> bool {
        matches!(self.state, State::Holding(_)) && self.beat == self.beats
    }

    /// Whether it decides on what this subscription brings.
    pub(super) fn decides_by(&self, subscription: u64) -> bool {
        matches!(&self.state, State::Holding(holding) if holding.following == subscription)
    }

    pub(super) fn is_idle(&self) -> bool {
        match &self.state {
            State::StandBy | State::Resting | State::Stopped | State::Broken(_) | State::Loading(_) => true,
            State::Holding(_) => false,
        }
    }
}

impl Process {
    /// Once a second: the lease is asked for, or renewed.
    pub(super) fn beat(&mut self) {
        self.desk.beats = self.desk.beats.saturating_add(1);
        match self.desk.state {
            State::StandBy | State::Loading(_) | State::Holding(_) => {
                self.desk.asked.insert(self.desk.beats);
                self.outs.push(Out::Lease(self.desk.beats));
            }
            State::Resting | State::Broken(_) | State::Stopped => {}
        }
    }

    /// Who holds the lease that was asked for at that beat.
    pub(super) fn lease(&mut self, beat: u64, holder: Holder) {
        if !self.desk.asked.remove(&beat) {
            return;
        }
        let me = (self.name, self.epoch);
        let left = self.bug == Some(Bug::LeaseIsLeft) && self.desk.hold > 0;
        match (&self.desk.state, holder == me || self.bug == Some(Bug::AllHold)) {
            (State::StandBy, true) if !self.stopping && !left => {
                self.desk.beat = beat;
                self.desk.holder = Some(me);
                self.load();
            }
            (State::StandBy, false) => self.desk.holder = Some(holder),
            (State::Loading(_) | State::Holding(_), true) => self.desk.beat = beat,
            (State::Loading(_) | State::Holding(_), false) => {
                self.let_go(State::StandBy);
                self.desk.holder = Some(holder);
            }
            (State::StandBy | State::Resting | State::Broken(_) | State::Stopped, _) => {}
        }
    }

    fn load(&mut self) {
        let Ok(subject) = self.subjects.desk() else { return };
        self.desk.hold = self.desk.hold.saturating_add(1);
        let start = match self.follower.standby.start() {
            Ok(start) => start,
            Err(broken) => return self.ended(Stop::Broken(broken)),
        };
        self.ask(Wanted::Desk(self.desk.hold), Ask::Load(subject, start.after()));
        self.desk.state = State::Loading(Box::new((start, Vec::new())));
    }

    /// The journal answered the desk.
    pub(super) fn desk_told(&mut self, hold: u64, told: Told) {
        if hold != self.desk.hold {
            return;
        }
        match (&mut self.desk.state, told) {
            (State::Loading(begun), Told::Loaded(Ok(records))) => {
                begun.1 = records;
                self.ask(Wanted::Desk(hold), Ask::Last);
            }
            (State::Loading(begun), Told::Sequence(Ok(head))) => {
                let (start, later) = std::mem::take(&mut **begun);
                self.hold(start, &later, head);
            }
            (State::Loading(_), Told::Loaded(Err(error)) | Told::Sequence(Err(error))) => match error {
                ReadError::Unavailable(why) => self.ended(Stop::Unavailable(why)),
                ReadError::Gap { .. } | ReadError::Corrupt { .. } => self.ended(Stop::Broken(error.into())),
            },
            (State::Holding(holding), Told::Sequence(answer)) => {
                holding.landed.push_back(Input::Checked(answer));
                self.turn_soon();
            }
            _ => {}
        }
    }

    fn hold(&mut self, start: Start, later: &[Record], head: u64) {
        let (Ok(subject), id) = (self.subjects.desk(), self.fresh_id()) else { return };
        let (writer, outputs) = match Writer::new(subject.clone(), start, later, id) {
            Ok(made) => made,
            Err(broken) => return self.ended(Stop::Broken(broken)),
        };
        let following = self.number();
        self.outs.push(Out::Subscribe(following, writer.taken()));
        self.desk.state = State::Holding(Box::new(Holding {
            writer,
            subject,
            following,
            head,
            records: VecDeque::new(),
            calls: VecDeque::new(),
            landed: VecDeque::new(),
            waiting: BTreeMap::new(),
            flying: false,
            turning: false,
            looks_at: None,
        }));
        self.desk_does(outputs);
        self.turn_soon();
    }

    pub(super) fn desk_record(&mut self, subscription: u64, record: Result<Record, ReadError>) {
        if let State::Holding(holding) = &mut self.desk.state
            && holding.following == subscription
        {
            holding.records.push_back(record);
            self.turn_soon();
        }
    }

    /// A client's call for the desk.
    pub(super) fn desk_call(&mut self, asker: Asker, command: Box<Command>, meta: Meta) {
        let me = (self.name, self.epoch);
        match self.desk.holder {
            _ if matches!(self.desk.state, State::Holding(_)) => self.desk_relayed(asker, command, meta),
            Some(holder) if holder != me => {
                let ticket = self.number();
                self.relayed.insert(ticket, asker);
                self.outs.push(Out::Relay(holder.0, ticket, command, meta));
            }
            Some(_) | None => self.refuse(asker, "the desk is changing hands"),
        }
    }

    /// A call that is for this process's desk.
    pub(super) fn desk_relayed(&mut self, asker: Asker, command: Box<Command>, meta: Meta) {
        match &mut self.desk.state {
            State::Holding(holding) if !self.stopping => {
                holding.calls.push_back((asker, altered(self.bug, command), meta));
                self.turn_soon();
            }
            State::Broken(broken) => {
                let broken = broken.clone();
                self.outs.push(Out::Answer(asker, Err(broken.into())));
            }
            State::StandBy | State::Loading(_) | State::Holding(_) | State::Resting | State::Stopped => {
                self.refuse(asker, "another process holds the desk");
            }
        }
    }

    fn refuse(&mut self, asker: Asker, why: &str) {
        self.outs.push(Out::Answer(asker, Err(Undone::Unavailable(why.to_owned()))));
    }

    /// An append of the desk came to its end.
    pub(super) fn desk_landed(&mut self, hold: u64, outcome: Result<Appended, Lost>) {
        if hold == self.desk.hold
            && let State::Holding(holding) = &mut self.desk.state
        {
            holding.landed.push_back(Input::Appended(outcome));
            self.turn_soon();
        }
    }

    pub(super) fn desk_wakes(&mut self) {
        if let State::Holding(holding) = &mut self.desk.state {
            holding.looks_at = None;
            self.turn_soon();
        }
    }

    pub(super) fn desk_rested(&mut self) {
        if matches!(self.desk.state, State::Resting) {
            self.desk.state = State::StandBy;
        }
    }

    fn turn_soon(&mut self) {
        if let State::Holding(holding) = &mut self.desk.state
            && !std::mem::replace(&mut holding.turning, true)
        {
            self.outs.push(Out::After(0, Timer::Turn));
        }
    }

    /// Takes all that waits: records, commands, a deadline, then what has landed; what follows leaves as one frame.
    pub(super) fn turn(&mut self, at: Moment) {
        let State::Holding(holding) = &mut self.desk.state else { return };
        holding.turning = false;
        let mut outputs = Vec::new();
        while let Some(record) = holding.records.pop_front() {
            let input = match record {
                Ok(record) => Input::Record(record),
                Err(error) => Input::Checked(Err(error)),
            };
            outputs.extend(holding.writer.take(input, at.now));
        }
        if holding.writer.taken() >= holding.head {
            while let Some((asker, command, meta)) = holding.calls.pop_front() {
                let ticket = self.made.saturating_add(1);
                self.made = ticket;
                holding.waiting.insert(ticket, asker);
                outputs.extend(holding.writer.take(Input::Command { ticket, command, meta }, at.now));
            }
            let first = holding.writer.next_look() == Some(Timestamp::default());
            let sleeps = self.bug == Some(Bug::DeskSleeps) && !first;
            if holding.writer.next_look().is_some_and(|due| due <= at.now) && !sleeps {
                outputs.extend(holding.writer.take(Input::Look, at.now));
            }
        }
        if let Some(input) = holding.landed.pop_front() {
            holding.flying = false;
            outputs.extend(holding.writer.take(input, at.now));
        }
        outputs.extend(holding.writer.send());
        self.desk_does(outputs);
        self.desk_goes_on(at);
    }

    /// Whatever is left waits for its own turn.
    fn desk_goes_on(&mut self, at: Moment) {
        let State::Holding(holding) = &mut self.desk.state else { return };
        if !holding.landed.is_empty() {
            return self.turn_soon();
        }
        if self.desk.stopping && !holding.flying {
            self.outs.push(Out::GiveUp);
            return self.let_go(State::Stopped);
        }
        let caught_up = holding.writer.taken() >= holding.head;
        let sleeps = self.bug == Some(Bug::DeskSleeps);
        let next = holding.writer.next_look().filter(|_| caught_up && !sleeps);
        let earlier = |next: &Timestamp| holding.looks_at.is_none_or(|looks_at| *next < looks_at);
        if let Some(next) = next.filter(earlier) {
            holding.looks_at = Some(next);
            let millis = next.millis().saturating_sub(at.now.millis()).max(1);
            self.outs.push(Out::After(millis, Timer::Look));
        }
    }

    fn desk_does(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            let State::Holding(holding) = &mut self.desk.state else { return };
            match output {
                Output::Append { expected, frame, bytes } => {
                    holding.flying = true;
                    let (subject, owner) = (holding.subject.clone(), Owner::Desk(self.desk.hold));
                    self.append(owner, subject, expected, frame, bytes);
                }
                Output::Check => {
                    holding.flying = true;
                    let subject = holding.subject.clone();
                    self.ask(Wanted::Desk(self.desk.hold), Ask::Head(subject));
                }
                Output::Answer { ticket, answer } => {
                    if let Some(asker) = holding.waiting.remove(&ticket) {
                        self.outs.push(Out::Answer(asker, answer));
                    }
                }
                Output::Stop(stop) => self.ended(stop),
            }
        }
    }

    fn ended(&mut self, stop: Stop) {
        let state = match stop {
            Stop::Overtaken => State::Resting,
            Stop::Unavailable(_) => {
                self.outs.push(Out::GiveUp);
                State::Resting
            }
            Stop::Broken(broken) => {
                self.outs.push(Out::GiveUp);
                State::Broken(broken)
            }
        };
        if matches!(state, State::Resting) {
            self.outs.push(Out::After(200, Timer::Rested));
        }
        self.let_go(state);
        self.desk.holder = None;
    }

    /// Whoever waited for what was decided is told that it is not known; whoever was not taken yet may ask again.
    fn let_go(&mut self, state: State) {
        let before = std::mem::replace(&mut self.desk.state, state);
        self.desk.hold = self.desk.hold.saturating_add(1);
        if let State::Holding(holding) = before {
            for asker in holding.waiting.into_values() {
                self.outs.push(Out::Answer(asker, Err(Undone::Unsure)));
            }
            for (asker, ..) in holding.calls {
                self.refuse(asker, "another process holds the desk");
            }
        }
    }

    pub(super) fn desk_breaks(&mut self, broken: &Broken) {
        if matches!(self.desk.state, State::Loading(_) | State::Holding(_)) {
            self.outs.push(Out::GiveUp);
        }
        self.let_go(State::Broken(broken.clone()));
    }

    pub(super) fn desk_stops(&mut self) {
        self.desk.stopping = true;
        match &self.desk.state {
            State::Holding(_) => self.turn_soon(),
            State::Loading(_) => {
                self.outs.push(Out::GiveUp);
                self.let_go(State::Stopped);
            }
            State::StandBy | State::Resting => self.desk.state = State::Stopped,
            State::Broken(_) | State::Stopped => {}
        }
    }
}

/// A command that a sabotaged wire changes on its way.
fn altered(bug: Option<Bug>, command: Box<Command>) -> Box<Command> {
    match (bug, *command) {
        (Some(Bug::WireAddsDays), Command::ReportDays { offer, by, days_used }) => {
            Box::new(Command::ReportDays { offer, by, days_used: days_used.saturating_add(1) })
        }
        (_, command) => Box::new(command),
    }
}
