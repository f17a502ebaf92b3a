//! The tiers of the proof: each repeats one thing for its share of the time, and says what it saw.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use tokio::runtime::Builder;

use crate::row::{Row, Stands};

mod real;
mod simulated;

/// What is repeated. Those come last whose rounds are short: they take what time is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// Planted bugs
    Planted,
    /// One long history, checked
    History,
    /// The same scripts on every journal
    Journals,
    /// What befalls servers
    Servers,
    /// Crashes at every boundary of what processes write
    Crashes,
    /// An older build and this one side by side
    Upgrade,
    /// Power cuts of all servers
    Power,
    /// Disks that rot
    Rot,
    /// Servers that cannot reach one another
    Partition,
    /// The simulator
    Simulated,
    /// The simulator, each seed twice and in another build
    Twice,
}

/// How long to go on, and from which seed.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// How long.
    pub span: Duration,
    /// The first seed.
    pub from: u64,
}

/// What a tier saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Its lines.
    pub rows: Vec<Row>,
    /// The planted bugs and who found them.
    pub planted: Option<String>,
}

impl From<Vec<Row>> for Seen {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, planted: None }
    }
}

impl Tier {
    /// How much of the time is its own, in parts of all: so many minutes of two hours, which is what its figure needs.
    pub const fn share(self) -> u32 {
        match self {
            Self::Planted | Self::History => 1,
            Self::Journals => 2,
            Self::Servers => 26,
            Self::Crashes => 22,
            Self::Power => 9,
            Self::Rot | Self::Upgrade => 4,
            Self::Partition => 14,
            Self::Simulated => 28,
            Self::Twice => 12,
        }
    }

    /// Repeats for as long as there is time, at least once.
    pub fn prove(self, budget: Budget) -> Seen {
        match self {
            Self::Planted => simulated::planted(),
            Self::History => vec![simulated::history()].into(),
            Self::Journals => vec![real::journals(budget)].into(),
            Self::Servers => vec![real::servers(budget)].into(),
            Self::Crashes => vec![real::crashes(budget)].into(),
            Self::Upgrade => vec![real::upgrade(budget)].into(),
            Self::Power => vec![real::power(budget)].into(),
            Self::Rot => vec![real::rot(budget)].into(),
            Self::Partition => real::partition(budget).into(),
            Self::Simulated => simulated::run(budget).into(),
            Self::Twice => vec![simulated::twice(budget)].into(),
        }
    }

    fn again(self, budget: Budget) -> String {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        format!("scripts/prove --minutes {} --from {} {name}", budget.span.as_secs().div_ceil(60), budget.from)
    }
}

/// Now; how long things take is all that is asked of it.
#[expect(clippy::disallowed_methods, reason = "how long a tier takes is told, and changes nothing")]
pub fn moment() -> Instant {
    Instant::now()
}

/// What came of repeating something.
#[derive(Debug)]
struct Repeated<F> {
    figures: Vec<F>,
    /// By seed, what was said.
    failed: BTreeMap<u64, String>,
}

impl<F> Repeated<F> {
    /// Kept if nothing failed.
    fn stands_if(&self, enough: bool) -> Stands {
        Stands::of(self.failed.is_empty(), enough)
    }

    /// How often.
    fn rounds(&self) -> String {
        format!("{} rounds{}", self.figures.len() + self.failed.len(), self.failures())
    }

    /// What failed.
    fn failures(&self) -> String {
        let failed: Vec<_> = self.failed.iter().map(|(seed, says)| format!("seed {seed} failed: {says}")).collect();
        if failed.is_empty() { String::new() } else { format!("; **{}**", failed.join("; ")) }
    }
}

/// Repeats a round, with one seed after the other. A round that breaks a promise panics; the next begins all the same. The
/// simulator needs no runtime, and each round has one of its own.
fn repeat<F: Send + Debug>(budget: Budget, round: impl AsyncFn(u64) -> F + Sync) -> Repeated<F> {
    repeat_on(1, budget, round)
}

/// The same with so many rounds at a time: those that mostly wait, and in which nobody asks how long something takes.
fn repeat_on<F: Send + Debug>(lanes: usize, budget: Budget, round: impl AsyncFn(u64) -> F + Sync) -> Repeated<F> {
    let begun = moment();
    let seeds = AtomicU64::new(budget.from);
    let repeated = Mutex::new(Repeated { figures: Vec::new(), failed: BTreeMap::new() });
    thread::scope(|scope| {
        let lane = || {
            loop {
                let seed = seeds.fetch_add(1, Ordering::Relaxed);
                let round_begun = moment();
                let played = play(|| round(seed));
                // For whoever looks closer: the table keeps only what all rounds showed together.
                eprintln!("  seed {seed}: {played:?}");
                let mut repeated = repeated.lock().unwrap_or_else(PoisonError::into_inner);
                match played {
                    Ok(figures) => repeated.figures.push(figures),
                    Err(says) => drop(repeated.failed.insert(seed, says)),
                }
                // Another takes about as long.
                if begun.elapsed().saturating_add(round_begun.elapsed()) > budget.span {
                    break;
                }
            }
        };
        (0..lanes).for_each(|_| drop(scope.spawn(lane)));
    });
    repeated.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// One round, or why it failed.
fn play<F>(round: impl AsyncFnOnce() -> F) -> Result<F, String> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.map(|runtime| runtime.block_on(round()))
    }));
    match played {
        Ok(played) => played.map_err(|error| error.to_string()),
        Err(panic) => Err(said(panic.as_ref())),
    }
}

/// The first line of what a panic says.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    let line = text.and_then(|text| text.lines().next()).unwrap_or("without a word");
    line.replace('|', "/").chars().take(300).collect()
}

/// The middle and the longest of some times, in seconds.
fn times(of: impl Iterator<Item = Duration>) -> (f64, f64) {
    let mut all: Vec<_> = of.map(|time| time.as_secs_f64()).collect();
    all.sort_by(f64::total_cmp);
    let at = |place: usize| all.get(place).copied().unwrap_or_default();
    (at(all.len() / 2), at(all.len().saturating_sub(1)))
}
