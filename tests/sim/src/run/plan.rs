//! What a seed draws before anything happens: how long, how many, and which faults how often. A plan can be made smaller and
//! says itself as the options of the command that plays it.

use std::fmt;

use super::rng::Rng;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $word:literal $per:literal;)*) => {
        /// What may go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $name,)* }

        impl Fault {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// How often it happens at most: of the messages it may befall, so many in a million; of what happens by itself,
            /// so much is its share.
            const fn most(self) -> u32 {
                match self { $(Self::$name => $per,)* }
            }
        }
    };
}

faults! {
    /// A message gets lost.
    Drop = "drop" 60_000;
    /// A message comes twice.
    Duplicate = "duplicate" 60_000;
    /// A message takes up to some seconds, and others overtake it.
    Delay = "delay" 80_000;
    /// An append lands after its sender has stopped waiting.
    Late = "late" 40_000;
    /// It is stored, and the answer gets lost.
    AckLost = "ack-lost" 80_000;
    /// An append is refused although nothing stands in its way: as by a leader that is cut off, or while another is under way.
    Conflict = "conflict" 40_000;
    /// A subscription delivers an old record again.
    Stale = "stale" 30_000;
    /// A subscription leaves a record out.
    Gap = "gap" 4_000;
    /// A process dies before it takes in what came.
    CrashBefore = "crash-before" 1_500;
    /// A process dies when it has taken in what came, before it does anything about it.
    CrashAfter = "crash-after" 1_500;
    /// The journal and the lease cannot be reached for 4 to 9 seconds.
    Outage = "outage" 100;
    /// One process cannot reach them for some seconds.
    Cut = "cut" 100;
    /// A subscription stands still for some seconds.
    Lag = "lag" 100;
    /// A process stands still, often for longer than the lease.
    Pause = "pause" 100;
    /// A process dies.
    Crash = "crash" 100;
    /// A process is stopped gently and begins anew.
    Restart = "restart" 100;
    /// A clock is set up to 900 ms off.
    Skew = "skew" 100;
    /// A clock is some seconds off for a while.
    Jump = "jump" 60;
    /// The lease alone cannot be reached, for some seconds or minutes.
    Silence = "silence" 100;
    /// One process alone cannot reach the lease.
    Unleased = "unleased" 100;
    /// A newer version is rolled out, and writes what the older cannot read.
    Upgrade = "upgrade" 60;
}

/// How often each fault happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates(Vec<u32>);

impl Rates {
    /// None.
    pub fn none() -> Self {
        Self(vec![0; Fault::ALL.len()])
    }

    /// How often.
    pub fn of(&self, fault: Fault) -> u32 {
        let at = Fault::ALL.iter().position(|other| *other == fault);
        at.and_then(|at| self.0.get(at)).copied().unwrap_or(0)
    }

    /// Never any more.
    pub fn without(&mut self, fault: Fault) {
        if let Some(rate) = Fault::ALL.iter().position(|other| *other == fault).and_then(|at| self.0.get_mut(at)) {
            *rate = 0;
        }
    }

    /// Those that happen.
    pub fn present(&self) -> Vec<Fault> {
        Fault::ALL.iter().copied().filter(|fault| self.of(*fault) > 0).collect()
    }
}

/// One simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// How many processes.
    pub processes: usize,
    /// How long people act and faults happen, in hours.
    pub hours: i64,
    /// How many requests hospitals open.
    pub requests: u32,
    /// How many of them at one moment.
    pub burst: u32,
    /// How many things people try that nobody expects of them.
    pub meddling: u32,
    /// The faults.
    pub rates: Rates,
    without: Vec<Fault>,
    drawn: (i64, u32, u32, u32),
}

impl Plan {
    /// What the seed draws.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "plan");
        let clear = rng.seldom(8);
        let rate = |fault: &Fault| {
            let most = i64::from(fault.most());
            let rate = u32::try_from(rng.between(most / 20, most)).unwrap_or(0);
            if clear || rng.seldom(2) { 0 } else { rate }
        };
        let rates = Rates(Fault::ALL.iter().map(rate).collect());
        let hours = rng.between(6, 60);
        let number = |rng: &mut Rng, low, high| u32::try_from(rng.between(low, high)).unwrap_or(0);
        let mut requests = number(&mut rng, 4, 30);
        let burst = match rng.below(4_000) {
            0 => 1_000,
            1..=20 => number(&mut rng, 100, 300),
            21..=180 => number(&mut rng, 20, 80),
            _ => 0,
        };
        requests = requests.saturating_add(burst);
        let meddling = number(&mut rng, 20, 140);
        let processes = if rng.seldom(4) { 2 } else { 3 };
        let drawn = (hours, requests, burst, meddling);
        Self { seed, processes, hours, requests, burst, meddling, rates, without: Vec::new(), drawn }
    }

    /// The same without a fault.
    #[must_use]
    pub fn without(mut self, fault: Fault) -> Self {
        self.rates.without(fault);
        self.without.push(fault);
        self
    }

    /// Plans with a little less, the boldest first.
    pub fn smaller(&self) -> Vec<Self> {
        let less =
            |number: u32| [0, number / 2, number.saturating_sub(1)].into_iter().filter(move |less| *less < number);
        let mut plans = Vec::new();
        let present = self.rates.present();
        if present.len() > 1 {
            plans.push(present.iter().fold(self.clone(), |plan, fault| plan.without(*fault)));
        }
        let alone = self.requests.saturating_sub(self.burst);
        if self.burst > 0 {
            plans.push(Self { burst: 0, requests: alone, ..self.clone() });
        }
        plans.extend(less(self.meddling).map(|meddling| Self { meddling, ..self.clone() }));
        let requests = less(alone).map(|alone| alone.saturating_add(self.burst));
        plans.extend(requests.map(|requests| Self { requests, ..self.clone() }));
        if self.hours > 1 {
            plans.push(Self { hours: self.hours / 2, ..self.clone() });
        }
        plans.extend(present.into_iter().map(|fault| self.clone().without(fault)));
        plans
    }
}

impl fmt::Display for Plan {
    /// The options that play it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--seed {}", self.seed)?;
        let (hours, requests, burst, meddling) = self.drawn;
        for (name, now, drawn) in [
            ("hours", self.hours, hours),
            ("requests", self.requests.into(), requests.into()),
            ("burst", self.burst.into(), burst.into()),
            ("meddling", self.meddling.into(), meddling.into()),
        ] {
            if now != drawn {
                write!(f, " --{name} {now}")?;
            }
        }
        let names: Vec<_> = self.without.iter().map(|fault| fault.name()).collect();
        if names.is_empty() { Ok(()) } else { write!(f, " --without {}", names.join(",")) }
    }
}
