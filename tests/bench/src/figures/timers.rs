//! Deadlines: how late offers expire that nobody answers, while the desk runs and after it was away.

use std::{collections::BTreeMap, time::Duration};

use muster_domain::{
    dispatch::events::DeskEvent,
    event::Event,
    kernel::{OfferId, Timestamp},
};
use tokio::time::{Instant, timeout_at};

use crate::{
    effort::Effort,
    load::{Measured, open_loop},
    log::{self, Log},
    realm::{Realm, open},
    table::{Row, Target, Value},
};

/// How many times as fast as the machine's the exercise's time runs.
const SPEED: u32 = 60;
/// Offers stand for a second of the machine's.
const STANDS: Duration = Duration::from_secs(SPEED as u64);
/// Offers expire in a shorter time too.
const LEAST: Duration = Duration::from_secs(3);
/// Requests in a second.
const PER_SECOND: u32 = 25;
/// Each declines by its silence.
const PROVIDERS: usize = 20;

/// Offers that expire.
pub async fn measure(effort: Effort) -> Vec<Row> {
    let mut realm = Realm::start(&[&["registry", "intake", "eligibility"], &["dispatch"]], SPEED);
    realm.people(PROVIDERS, STANDS).await;
    let mut deadlines = Deadlines::read(Log::of(&realm.fleet).await);
    let opens = effort.surge.min(Duration::from_secs(8));
    let opening = open_loop(PER_SECOND, opens, |number| {
        let cast = realm.cast.clone();
        async move { open(&cast, usize::try_from(number).unwrap_or_default(), 5).await }
    });
    // Read while offers are made: whoever reads later sees all of it late.
    let span = opens + effort.surge.max(LEAST);
    let (_, late) = tokio::join!(opening, deadlines.watch(span));
    let running = Measured::of(late, span);
    realm.fleet.restart_role("dispatch");
    let restarted = deadlines.catch_up(log::now()).await;
    realm.fleet.crash_role("dispatch", 0);
    let crashed = deadlines.catch_up(log::now()).await;
    vec![
        Row::new(format!("an offer expires late by, median of {}", running.count), Value::Time(running.within(0.5))),
        Row::new("an offer expires late by, p99", Value::Time(running.within(0.99)))
            .target(Target::Within(Duration::from_millis(100))),
        Row::new("all that was due meanwhile, after a restart", Value::Time(restarted))
            .target(Target::Within(Duration::from_secs(1))),
        Row::new("  after a crash, the lease to run out first", Value::Time(crashed)),
    ]
}

/// Offers that stand, and when they end in the machine's time.
struct Deadlines {
    log: Log,
    due: BTreeMap<OfferId, Timestamp>,
}

impl Deadlines {
    fn read(log: Log) -> Self {
        Self { log, due: BTreeMap::new() }
    }

    /// Follows the log for so long; gives how late each offer expired, as somebody saw who reads the log.
    async fn watch(&mut self, span: Duration) -> Vec<Duration> {
        let (until, mut late) = (Instant::now() + span, Vec::new());
        while let Ok(expired) = timeout_at(until, self.next()).await {
            late.extend(expired.into_iter().map(log::since));
        }
        late
    }

    /// Follows the log until nothing is left that was due at `ready`; gives how long after it that was.
    async fn catch_up(&mut self, ready: Timestamp) -> Duration {
        // Offers that were made before and not read yet may be due too.
        self.watch(Duration::from_millis(20)).await;
        while self.due.values().any(|due| *due < ready) {
            self.next().await;
        }
        log::since(ready)
    }

    /// Takes the next record; gives when the offers that expired were due.
    async fn next(&mut self) -> Vec<Timestamp> {
        let mut expired = Vec::new();
        for (_, commit) in self.log.next().await {
            for event in commit.events {
                if let Event::Desk(DeskEvent::Offered { offer, expires_at, .. }) = &event {
                    self.due.insert(offer.clone(), self.log.pace().real(*expires_at));
                }
                if let Event::Desk(DeskEvent::Expired { offer }) = &event {
                    expired.extend(self.due.remove(offer));
                }
                if let Event::Desk(DeskEvent::Rescinded { offer, .. } | DeskEvent::Lost { offer }) = &event {
                    self.due.remove(offer);
                }
            }
        }
        expired
    }
}
