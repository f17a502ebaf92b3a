//! Load with a fixed number of calls in flight, and what it took.
#![expect(clippy::disallowed_methods, reason = "what is measured here is the machine's own time")]

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;

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

/// Runs `call` with `in_flight` at once for as long as `span`; `call` is given a number that no other call has.
pub async fn run<F>(in_flight: usize, span: Duration, call: impl Fn(u64) -> F) -> Measured
where
    F: Future<Output = ()> + Send + 'static,
{
    let (next, started) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let call = &call;
    let lanes = (0..in_flight).map(|_| {
        let next = next.clone();
        async move {
            let mut took = Vec::new();
            while started.elapsed() < span {
                let (number, begun) = (next.fetch_add(1, Ordering::Relaxed), Instant::now());
                call(number).await;
                took.push(begun.elapsed());
            }
            took
        }
    });
    let mut took: Vec<_> = join_all(lanes).await.into_iter().flatten().collect();
    took.sort_unstable();
    Measured { count: took.len() as u64, lasted: started.elapsed(), took }
}

/// How long `work` takes.
pub async fn time<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let started = Instant::now();
    let done = work.await;
    (started.elapsed(), done)
}
