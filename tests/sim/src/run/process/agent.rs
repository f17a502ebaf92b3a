//! What a role does by itself: its agenda's runner, and what the runner's driver does.

use std::collections::BTreeMap;

use muster_domain::{
    eligibility::{assessment, events::Level},
    intake::request,
    kernel::{Actor, PrincipalId, Role, Timestamp},
};
use muster_journal::{
    engine::{
        Done, Meta, Undone,
        agenda::{self, Agenda, Input, Item, Runner},
    },
    port::Subject,
};
use uuid::Uuid;

use super::{Asker, Follower, Moment, Out, Process, Timer};
use crate::run::{asked::Command, bugs::Bug};

/// Which agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Eligibility's.
    Eligibility,
    /// Intake's.
    Intake,
}

/// Runs one agenda.
#[derive(Debug)]
pub struct Agent {
    kind: Kind,
    runner: Runner,
    /// Where the log ended when the process began: all before is read first.
    head: Option<u64>,
    /// For when it waits.
    timer: Option<Timestamp>,
}

impl Agent {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, runner: Runner::new(agenda::REST), head: None, timer: None }
    }

    pub(super) fn begins_at(&mut self, head: u64) {
        self.head = Some(head);
    }

    pub(super) fn woken(&mut self) {
        self.timer = None;
    }

    /// What should be done by now and is not, in words.
    pub(super) fn overdue(&self, follower: &Follower, now: Timestamp) -> Vec<String> {
        match self.kind {
            Kind::Eligibility => {
                let items = follower.docket.items().values().filter(|item| item.due < now);
                items.map(|item| format!("eligibility is to {} {}", item.order.what, item.order.request)).collect()
            }
            Kind::Intake => {
                let items = follower.errands.items().values().filter(|item| item.due < now);
                items.map(|item| format!("intake has {:?} to do", item.order)).collect()
            }
        }
    }
}

/// What starts, and when to look again.
fn step<O: Clone>(
    runner: &mut Runner,
    items: &BTreeMap<Uuid, Item<O>>,
    now: Timestamp,
) -> (Vec<Item<O>>, Option<Timestamp>) {
    let start = runner.step(Input::Look { items, now });
    let next = runner.next(items);
    (start, next)
}

fn meta<O>(item: &Item<O>, name: &str, at: Moment) -> Meta {
    let by = Actor { role: Role::System, principal: PrincipalId::parse(name).unwrap_or_default() };
    Meta::of_item(item, by, at.now.max(item.due))
}

impl Process {
    pub(super) fn agent(&mut self, kind: Kind) -> &mut Agent {
        let [eligibility, intake] = &mut self.agents;
        match kind {
            Kind::Eligibility => eligibility,
            Kind::Intake => intake,
        }
    }

    /// Starts what is due, and waits for what is due next.
    pub(super) fn look(&mut self, kind: Kind, at: Moment) {
        let reached = self.follower.sequence();
        if self.stopping || self.follower.broken.is_some() || self.agent(kind).head.is_none_or(|head| reached < head) {
            return;
        }
        let next = match kind {
            Kind::Eligibility => self.assess(at),
            Kind::Intake => self.carry_on(at),
        };
        let agent = self.agent(kind);
        let earlier = |next: &Timestamp| agent.timer.is_none_or(|timer| *next < timer);
        let Some(next) = next.filter(earlier) else { return };
        agent.timer = Some(next);
        let millis = next.millis().saturating_sub(at.now.millis()).max(1);
        self.outs.push(Out::After(millis, Timer::Due(kind)));
    }

    fn assess(&mut self, at: Moment) -> Option<Timestamp> {
        let [agent, _] = &mut self.agents;
        let (start, next) = step(&mut agent.runner, self.follower.docket.items(), at.now);
        for item in start {
            let meta = meta(&item, "eligibility", at);
            let subject = self.subjects.assessment(&item.order.request).ok();
            let command = Command::Assessment(Box::new(item.order.command));
            self.begin((Kind::Eligibility, item.command), subject, command, meta, at);
        }
        next
    }

    fn carry_on(&mut self, at: Moment) -> Option<Timestamp> {
        let [_, agent] = &mut self.agents;
        let (start, next) = step(&mut agent.runner, self.follower.errands.items(), at.now);
        for item in start {
            let meta = meta(&item, "intake", at);
            let subject = self.subjects.request(&item.order.request).ok();
            let command = Command::Request(Box::new(item.order.command));
            self.begin((Kind::Intake, item.command), subject, command, meta, at);
        }
        next
    }

    fn begin(&mut self, of: (Kind, Uuid), subject: Option<Subject>, command: Command, meta: Meta, at: Moment) {
        if is_forgotten(self.bug, &command) {
            return;
        }
        if let Some(subject) = subject {
            self.asked.push((meta.command, command.clone()));
            self.execute(Asker::Item(of.0, of.1), subject, command, meta, at);
        }
    }

    /// An item was answered.
    pub(super) fn done(&mut self, kind: Kind, command: Uuid, answer: &Result<Done, Undone>, at: Moment) {
        let again = matches!(answer, Err(Undone::Unsure | Undone::Unavailable(_)));
        let input: Input<'_, ()> = Input::Answered { command, again, now: at.now };
        self.agent(kind).runner.step(input);
        self.look(kind, at);
    }
}

/// Whether a sabotaged agenda forgets to do this.
fn is_forgotten(bug: Option<Bug>, command: &Command) -> bool {
    match (bug, command) {
        (Some(Bug::EscalationsAreSwallowed), Command::Assessment(command)) => {
            **command == assessment::Command::Escalate { level: Level::H36 }
        }
        (Some(Bug::AgendaForgets), Command::Request(command)) => matches!(**command, request::Command::EndSupport),
        _ => false,
    }
}
