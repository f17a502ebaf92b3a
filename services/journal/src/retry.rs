//! How long to wait before trying again; the one place that knows the `backoff` crate.

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};
use std::time::Duration;
use tokio::time::{Instant, error::Elapsed, timeout_at};

/// Longer would leave a recovered journal idle: servers take seconds to elect a leader, and writes shall go on as soon as they have.
const DELAY_MAX: Duration = Duration::from_millis(250);

/// Delays that double from 20 ms to 250 ms, each shifted at random by up to a half, so that many who wait do not return as one.
/// They never end: patience is the caller's.
pub(crate) struct Delays(ExponentialBackoff);

impl Delays {
    pub(crate) fn new() -> Self {
        Self(
            ExponentialBackoffBuilder::new()
                .with_initial_interval(Duration::from_millis(20))
                .with_multiplier(2.0)
                .with_randomization_factor(0.5)
                .with_max_interval(DELAY_MAX)
                .with_max_elapsed_time(None)
                .build(),
        )
    }

    /// Waits for the next delay.
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.0.next_backoff().unwrap_or(DELAY_MAX)).await;
    }

    /// Waits for the next delay, or says that the deadline came first.
    pub(crate) async fn wait_until(&mut self, deadline: Instant) -> Result<(), Elapsed> {
        timeout_at(deadline, self.wait()).await
    }

    /// Starts again with the shortest: something has succeeded.
    pub(crate) fn reset(&mut self) {
        self.0.reset();
    }
}
