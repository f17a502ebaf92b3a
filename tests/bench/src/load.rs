//! Load, and what it took.
#![expect(clippy::disallowed_methods, reason = "what is measured here is the machine's own time")]

use std::{
    cmp::Ordering,
    future::Future,
    sync::atomic::{self, AtomicU64},
    time::{Duration, Instant},
};

use futures::future::join_all;
use tokio::task::JoinSet;

/// What a load took.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Calls that succeeded.
    pub count: u64,
    /// How long the load lasted.
    pub lasted: Duration,
    /// How long each call took, shortest first.
    pub took: Vec<Duration>,
}

impl Measured {
    /// What took so long, each.
    pub fn of(mut took: Vec<Duration>, lasted: Duration) -> Self {
        took.sort_unstable();
        Self { count: took.len() as u64, lasted, took }
    }

    /// Calls per second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.lasted.as_secs_f64()
    }

    /// The time within which this share of calls was answered; `share` is 0 to 1.
    pub fn within(&self, share: f64) -> Duration {
        let last = self.took.len().saturating_sub(1);
        let at = (share * last as f64).round() as usize;
        self.took.get(at.min(last)).copied().unwrap_or_default()
    }
}

/// Runs `call` with `in_flight` at once for as long as `span`; `call` is given its lane and a number that no other call has.
pub async fn run<F>(in_flight: usize, span: Duration, call: impl Fn(usize, u64) -> F) -> Measured
where
    F: Future<Output = ()> + Send + 'static,
{
    let (next, started) = (AtomicU64::new(0), Instant::now());
    let (call, next) = (&call, &next);
    let lanes = (0..in_flight).map(|lane| async move {
        let mut took = Vec::new();
        while started.elapsed() < span {
            let (number, begun) = (next.fetch_add(1, atomic::Ordering::Relaxed), Instant::now());
            call(lane, number).await;
            took.push(begun.elapsed());
        }
        took
    });
    let took = join_all(lanes).await.into_iter().flatten().collect();
    Measured::of(took, started.elapsed())
}

/// Begins `call` so many times a second for as long as `span`, whether earlier ones have ended or not; gives what each gave,
/// with the moment at which it was to begin.
pub async fn open_loop<F, T>(per_second: u32, span: Duration, call: impl Fn(u64) -> F) -> Vec<(Instant, T)>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (started, mut calls) = (Instant::now(), JoinSet::new());
    let every = Duration::from_secs(1) / per_second;
    let count = (span.as_secs_f64() * f64::from(per_second)) as u32;
    for number in 0..count {
        let due = started + every * number;
        tokio::time::sleep_until(due.into()).await;
        let called = call(number.into());
        calls.spawn(async move { (due, called.await) });
    }
    calls.join_all().await
}

/// What was measured in turn: Muster and its ceiling.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Muster.
    pub muster: Measured,
    /// What it is compared with.
    pub ceiling: Measured,
}

/// Measures both in turn, so often; gives the pair whose ratio is the median: what else runs on the machine strikes both.
pub async fn in_turn(
    rounds: usize,
    mut muster: impl AsyncFnMut() -> Measured,
    mut ceiling: impl AsyncFnMut() -> Measured,
) -> Pair {
    let mut pairs = Vec::new();
    for round in 0..rounds.max(1) {
        // Neither always comes first.
        let pair = if round % 2 == 0 {
            let ceiling = ceiling().await;
            Pair { muster: muster().await, ceiling }
        } else {
            let muster = muster().await;
            Pair { muster, ceiling: ceiling().await }
        };
        pairs.push(pair);
    }
    let ratio = |pair: &Pair| pair.muster.rate() / pair.ceiling.rate();
    pairs.sort_by(|a, b| ratio(a).partial_cmp(&ratio(b)).unwrap_or(Ordering::Equal));
    pairs.swap_remove(pairs.len() / 2)
}

/// How long `work` takes.
pub async fn time<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let started = Instant::now();
    let done = work.await;
    (started.elapsed(), done)
}

/// How long `work` takes that does not wait.
pub fn time_of<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let done = work();
    (started.elapsed(), done)
}

/// This moment, on a clock that is never set.
pub fn moment() -> Instant {
    Instant::now()
}
