//! Trying again what may succeed later: the only user of the crate `backoff`.

use std::{fmt::Display, future::Future, time::Duration};

use backoff::{ExponentialBackoff, backoff::Backoff};

/// The first pause; each is about twice the last, with chance in it, so that many do not try again at once.
const PAUSE_FIRST: Duration = Duration::from_millis(20);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed<E> {
    /// It may succeed later.
    ForNow(E),
    /// It never will.
    ForGood(E),
}

/// Tries until it succeeds, fails for good, or `patience` is over; then gives the last failure. Each try after the first
/// is logged with `what`.
pub async fn retry<T, E, F>(what: &str, patience: Duration, mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: Display,
    F: Future<Output = Result<T, Failed<E>>>,
{
    let pauses = growing(Some(patience));
    let attempt = || {
        let attempt = attempt();
        async move {
            attempt.await.map_err(|failed| match failed {
                Failed::ForNow(error) => backoff::Error::transient(error),
                Failed::ForGood(error) => backoff::Error::permanent(error),
            })
        }
    };
    backoff::future::retry_notify(pauses, attempt, |error: E, pause: Duration| {
        tracing::debug!(what, %error, pause_ms = pause.as_millis(), "failed for now, trying again");
    })
    .await
}

fn growing(patience: Option<Duration>) -> ExponentialBackoff {
    ExponentialBackoff {
        current_interval: PAUSE_FIRST,
        initial_interval: PAUSE_FIRST,
        multiplier: 2.0,
        max_interval: PAUSE_MAX,
        max_elapsed_time: patience,
        ..ExponentialBackoff::default()
    }
}

/// The same pauses for a loop that tries for as long as it runs.
#[derive(Debug)]
pub struct Pauses(ExponentialBackoff);

impl Default for Pauses {
    /// The shortest comes first.
    fn default() -> Self {
        Self(growing(None))
    }
}

impl Pauses {
    /// Waits for the next one.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.0.next_backoff().unwrap_or(PAUSE_MAX)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn it_tries_until_it_succeeds() {
        let tries = Cell::new(0);
        let answer = retry("test", PATIENCE, || async {
            tries.set(tries.get() + 1);
            if tries.get() < 4 { Err(Failed::ForNow("not yet")) } else { Ok(tries.get()) }
        });
        assert_eq!(answer.await, Ok(4));
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_at_once_what_can_never_succeed() {
        let tries = Cell::new(0);
        let answer: Result<(), _> = retry("test", PATIENCE, || async {
            tries.set(tries.get() + 1);
            Err(Failed::ForGood("never"))
        })
        .await;
        assert_eq!((answer, tries.get()), (Err("never"), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_the_longest_and_never_end() {
        let mut pauses = Pauses::default();
        let mut waited = Vec::new();
        for _ in 0..20 {
            let before = tokio::time::Instant::now();
            pauses.wait().await;
            waited.push(before.elapsed());
        }
        assert!(waited[0] <= PAUSE_FIRST * 2, "{waited:?}");
        assert!(waited[10..].iter().all(|pause| (PAUSE_MAX / 2..=PAUSE_MAX * 2).contains(pause)), "{waited:?}");
    }

    #[tokio::test]
    async fn it_gives_up_when_patience_is_over() {
        let tries = Cell::new(0);
        let answer: Result<(), _> = retry("test", Duration::from_millis(100), || async {
            tries.set(tries.get() + 1);
            Err(Failed::ForNow("not yet"))
        })
        .await;
        assert_eq!(answer, Err("not yet"));
        assert!(tries.get() <= 10, "{}", tries.get());
    }
}
