//! What time it is: the only place that asks the machine.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use muster_domain::kernel::Timestamp;
use tokio::sync::watch;

/// A realm's clock.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// What it shows.
    fn now(&self) -> Timestamp;

    /// Waits until it shows `at` or later; at once if it does already.
    async fn sleep_until(&self, at: Timestamp);

    /// How far it goes while so much of the machine's time passes.
    fn goes(&self, machine_time: Duration) -> Duration {
        machine_time
    }
}

/// System time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// A sleeper looks at the clock at least this often, so that a clock set forward wakes it no later than this.
const NAP_MAX: Duration = Duration::from_secs(1);

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
    fn now(&self) -> Timestamp {
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => millis(after),
            Err(before) => millis(before.duration()).saturating_neg(),
        })
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(NAP_MAX)).await;
        }
    }
}

/// An exercise's clock: it showed `starts_at` when `system` showed `started`, and runs `speed` times as fast.
pub struct ExerciseClock {
    system: Arc<dyn Clock>,
    starts_at: Timestamp,
    started: Timestamp,
    speed: NonZeroU32,
}

impl ExerciseClock {
    /// A clock on system time.
    pub fn new(starts_at: Timestamp, started: Timestamp, speed: NonZeroU32) -> Self {
        Self::on(Arc::new(SystemClock), starts_at, started, speed)
    }

    /// A clock on another one.
    pub fn on(system: Arc<dyn Clock>, starts_at: Timestamp, started: Timestamp, speed: NonZeroU32) -> Self {
        Self { system, starts_at, started, speed }
    }

    /// The first moment of the other clock at which this one shows `at` or later.
    fn system_time(&self, at: Timestamp) -> Timestamp {
        let speed = u64::from(self.speed.get());
        let elapsed = u64::try_from(at.since(self.starts_at).as_millis()).unwrap_or(u64::MAX);
        self.started.plus(Duration::from_millis(elapsed.div_ceil(speed)))
    }
}

#[async_trait]
impl Clock for ExerciseClock {
    fn now(&self) -> Timestamp {
        self.starts_at.plus(self.system.now().since(self.started).saturating_mul(self.speed.get()))
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.system.sleep_until(self.system_time(at)).await;
    }

    fn goes(&self, machine_time: Duration) -> Duration {
        self.system.goes(machine_time).saturating_mul(self.speed.get())
    }
}

/// A clock that moves only when told to: for tests.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    /// A clock that shows `at`.
    pub fn at(at: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(at)))
    }

    /// Moves the clock to `at`, also back.
    pub fn set(&self, at: Timestamp) {
        self.0.send_replace(at);
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        self.0.send_modify(|now| *now = now.plus(span));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut time = self.0.subscribe();
        // The sender lives as long as `self`, so waiting ends only when the time has come.
        let _ = time.wait_for(|now| *now >= at).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_000_000);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn system_time_is_after_the_day_this_was_written_and_before_the_year_2200() {
        assert!((at(1_790_000_000_000)..at(7_258_118_400_000)).contains(&SystemClock.now()));
    }

    #[tokio::test]
    async fn system_time_wakes_never_early() {
        let due = SystemClock.now().plus(Duration::from_millis(20));
        SystemClock.sleep_until(due).await;
        assert!(SystemClock.now() >= due);
        assert!(SystemClock.sleep_until(at(0)).now_or_never().is_some());
    }

    #[test]
    fn an_exercise_runs_at_its_speed_from_its_start() {
        let system = ManualClock::at(T0);
        let clock = ExerciseClock::on(Arc::new(system.clone()), at(0), T0, NonZeroU32::new(60).unwrap());
        assert_eq!(clock.now(), at(0));
        system.advance(Duration::from_millis(1));
        assert_eq!(clock.now(), at(60));
        system.advance(Duration::from_secs(60));
        assert_eq!(clock.now(), at(60 + 3_600_000));
        system.set(T0.plus(Duration::ZERO));
        assert_eq!(clock.now(), at(0));
        system.set(at(0));
        assert_eq!(clock.now(), at(0), "before its start it stands at its start");
        let second = Duration::from_secs(1);
        assert_eq!([clock.goes(second), system.goes(second)], [Duration::from_secs(60), second]);
    }

    #[tokio::test]
    async fn an_exercise_wakes_at_the_first_moment_that_is_not_too_early() {
        let system = ManualClock::at(T0);
        let clock = ExerciseClock::on(Arc::new(system.clone()), at(0), T0, NonZeroU32::new(60).unwrap());
        for (due, waits_ms) in [(0, 0), (1, 1), (60, 1), (61, 2), (120, 2)] {
            system.set(T0);
            let sleeping = clock.sleep_until(at(due));
            tokio::pin!(sleeping);
            for _ in 0..waits_ms {
                assert!(sleeping.as_mut().now_or_never().is_none(), "{due}");
                system.advance(Duration::from_millis(1));
            }
            assert!(sleeping.as_mut().now_or_never().is_some(), "{due}");
            assert!(clock.now() >= at(due));
        }
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_all_whose_time_has_come() {
        let clock = ManualClock::at(T0);
        let sleepers = [5, 10].map(|millis| {
            let clock = clock.clone();
            tokio::spawn(async move { clock.sleep_until(T0.plus(Duration::from_millis(millis))).await })
        });
        clock.advance(Duration::from_millis(10));
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
    }
}
