//! What goes wrong, and how everything is well again.

use super::{CLOCK_OFF_MAX, Event, World};
use crate::run::{
    bugs::Bug,
    plan::Fault,
    process::{In, Process},
    sea::Following,
};

impl Event {
    /// The same message once more, if it is one that may be repeated on its way. A call is not: its transport delivers it once,
    /// and whoever calls again does so because it heard nothing. A refusal is not kept, so a copy that came later could be done.
    fn again(&self) -> Option<Self> {
        match self {
            Self::ToSea(name, epoch, call, ask) => Some(Self::ToSea(*name, *epoch, *call, ask.clone())),
            Self::ToProcess(_, _, In::Relayed(..)) | Self::Calls(..) => None,
            Self::ToProcess(name, epoch, input) => Some(Self::ToProcess(*name, *epoch, input.clone())),
            Self::ToClient(call, answer) => Some(Self::ToClient(*call, answer.clone())),
            Self::Lease(..)
            | Self::GiveUp(..)
            | Self::Publish(_)
            | Self::Hangs(_)
            | Self::Again(_)
            | Self::Act(_)
            | Self::Weather
            | Self::Begin(_)
            | Self::Resume(_)
            | Self::ClockRight(_)
            | Self::Upgrade(_)
            | Self::MustStop(..)
            | Self::Nothing => None,
        }
    }
}

impl World {
    /// Whether a fault befalls what happens just now.
    pub(super) fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = !self.calm && self.weather.chance(self.plan.rates.of(fault));
        if strikes {
            self.count(fault);
        }
        strikes
    }

    fn count(&mut self, fault: Fault) {
        let count = self.faults.entry(fault).or_default();
        *count = count.saturating_add(1);
    }

    /// A message travels; it may get lost, take long or come twice.
    pub(super) fn carry(&mut self, message: Event) {
        if self.strikes(Fault::Drop) {
            return;
        }
        if self.strikes(Fault::Duplicate)
            && let Some(again) = message.again()
        {
            let late = self.weather.magnitude(1, 2_000);
            self.queue.after(late, again);
        }
        let travel =
            if self.strikes(Fault::Delay) { self.weather.magnitude(20, 4_000) } else { self.weather.between(1, 6) };
        self.queue.after(travel, message);
    }

    /// A message travels between a process and the journal or the lease, unless they are cut apart.
    pub(super) fn over_sea(&mut self, name: usize, message: Event) {
        if self.nodes.get(name).is_some_and(|node| node.cut_until > self.queue.now()) {
            return;
        }
        self.carry(message);
    }

    /// A process is gone, and begins anew a little later.
    pub(super) fn crash(&mut self, name: usize) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        node.paused = false;
        node.held.clear();
        let back = self.weather.magnitude(100, 30_000);
        self.ended(name, back);
    }

    /// Whoever looks after a process that trusts the log no more starts it anew.
    pub(super) fn restart_ill(&mut self, name: usize, epoch: u32) {
        if self.nodes.get(name).is_some_and(|node| node.epoch == epoch && node.process.is_some()) {
            self.ill = self.ill.saturating_add(1);
            self.crash(name);
        }
    }

    /// A reader was given what it must not take, and must have stopped. One that stands still stops later.
    pub(super) fn must_stop(&mut self, following: Following, why: (&'static str, String)) {
        match self.goes_on(following) {
            None => self.queue.after(1_000, Event::MustStop(following, why)),
            Some(false) => {}
            Some(true) => self.wrong.push(why),
        }
    }

    /// Whether somebody still trusts what a subscription brings; not known of one that stands still.
    fn goes_on(&self, following: Following) -> Option<bool> {
        let (name, epoch, number) = following;
        let Some(node) = self.nodes.get(name).filter(|node| node.epoch == epoch) else { return Some(false) };
        if node.paused {
            return None;
        }
        let trusts = |process: &Process| {
            if number == 1 { process.follower.broken.is_none() } else { process.decides_by(number) }
        };
        Some(node.process.as_ref().is_some_and(trusts))
    }

    /// Something happens by itself.
    pub(super) fn blow(&mut self) {
        if self.calm {
            return;
        }
        let by_itself = [
            Fault::Outage,
            Fault::Cut,
            Fault::Lag,
            Fault::Pause,
            Fault::Crash,
            Fault::Restart,
            Fault::Skew,
            Fault::Jump,
            Fault::Silence,
            Fault::Unleased,
            Fault::Upgrade,
        ];
        let weights = by_itself.map(|fault| (self.plan.rates.of(fault), fault));
        if weights.iter().all(|(rate, _)| *rate == 0) {
            return;
        }
        let fault = self.weather.weigh(&weights, Fault::Lag);
        let name = usize::try_from(self.weather.below(u64::try_from(self.nodes.len()).unwrap_or(1))).unwrap_or(0);
        let now = self.queue.now();
        self.count(fault);
        match fault {
            Fault::Outage => self.sea.away_until = now.saturating_add(self.weather.between(4_000, 9_000)),
            Fault::Cut => {
                let until = now.saturating_add(self.weather.magnitude(500, 20_000));
                if let Some(node) = self.nodes.get_mut(name) {
                    node.cut_until = until;
                }
            }
            Fault::Lag => {
                let until = now.saturating_add(self.weather.magnitude(500, 60_000));
                let theirs = self.sea.subscriptions.iter_mut().filter(|((whose, ..), _)| *whose == name);
                theirs.for_each(|(_, subscription)| subscription.stalled_until = until);
            }
            Fault::Pause => self.pause(name),
            Fault::Crash => self.crash(name),
            Fault::Restart => {
                if let Some(epoch) = self.nodes.get(name).map(|node| node.epoch) {
                    self.queue.after(0, Event::ToProcess(name, epoch, In::Stop));
                }
            }
            Fault::Skew => {
                let skew = self.weather.between(-900, 900);
                if let Some(node) = self.nodes.get_mut(name) {
                    node.skew = skew;
                }
            }
            Fault::Jump => self.jump(name),
            Fault::Silence => self.sea.lease_away_until = now.saturating_add(self.weather.magnitude(4_000, 200_000)),
            Fault::Unleased => self.unlease(name),
            Fault::Upgrade => self.upgrade_begins(name),
            Fault::Drop
            | Fault::Duplicate
            | Fault::Delay
            | Fault::Late
            | Fault::AckLost
            | Fault::Conflict
            | Fault::Stale
            | Fault::Gap
            | Fault::CrashBefore
            | Fault::CrashAfter => {}
        }
    }

    fn unlease(&mut self, name: usize) {
        let until = self.queue.now().saturating_add(self.weather.magnitude(4_000, 200_000));
        if let Some(node) = self.nodes.get_mut(name) {
            node.unleased_until = until;
        }
    }

    fn pause(&mut self, name: usize) {
        let millis = self.weather.magnitude(500, 15_000);
        let Some(node) = self.nodes.get_mut(name).filter(|node| node.process.is_some() && !node.paused) else { return };
        node.paused = true;
        self.queue.after(millis, Event::Resume(name));
    }

    pub(super) fn resume(&mut self, name: usize) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        node.paused = false;
        let (epoch, held) = (node.epoch, std::mem::take(&mut node.held));
        for input in held {
            self.feed(name, epoch, input);
        }
    }

    /// A clock is some seconds off. Whoever looks after its process does not let it write: it stops until the clock is right.
    fn jump(&mut self, name: usize) {
        let seconds = self.weather.between(2, 40).saturating_mul(if self.weather.seldom(2) { 1_000 } else { -1_000 });
        let millis = self.weather.magnitude(2_000, 120_000);
        let Some(node) = self.nodes.get_mut(name) else { return };
        node.jump = seconds;
        self.queue.after(millis, Event::ClockRight(name));
        let off = node.skew.saturating_add(seconds);
        if off.abs() > CLOCK_OFF_MAX && self.bug != Some(Bug::WrongClocksWrite) {
            self.crash(name);
        }
    }

    /// All is well from now on: what is broken is mended.
    pub fn mend(&mut self) {
        self.calm = true;
        self.people.resting = true;
        self.sea.away_until = 0;
        self.sea.lease_away_until = 0;
        self.upgrade_all();
        for name in 0..self.nodes.len() {
            if let Some(node) = self.nodes.get_mut(name) {
                node.cut_until = 0;
                node.unleased_until = 0;
                node.jump = 0;
            }
            if self.nodes.get(name).is_some_and(|node| node.paused) {
                self.resume(name);
            }
            if self.nodes.get(name).is_some_and(|node| node.process.is_none()) {
                self.queue.after(1_000, Event::Begin(name));
            }
        }
        for subscription in self.sea.subscriptions.values_mut() {
            subscription.stalled_until = 0;
        }
    }
}
