//! The realm's log as a bystander reads it: when each event came, in the machine's time.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use muster_domain::{
    event::Event,
    kernel::{RealmId, Timestamp},
    registry::events::{RealmClock, RealmEvent},
};
use muster_e2e::{fleet::Fleet, nats::NatsServer};
use muster_journal::{
    jetstream::{JetStream, Options},
    port::{Journal, Records},
    stored::{self, Commit, Position},
};
use muster_runtime::clock::{Clock, SystemClock};

/// The realm of every fleet.
pub fn realm() -> RealmId {
    RealmId::parse("drill").unwrap()
}

/// The realm's journal, read beside its processes.
pub async fn journal(nats: &NatsServer) -> Arc<JetStream> {
    let options = Options { replicas: 1, monitors: vec![nats.monitor_url()], ..Options::default() };
    Arc::new(JetStream::connect(vec![nats.url()], &realm(), options).await.unwrap())
}

/// Machine time.
pub fn now() -> Timestamp {
    SystemClock.now()
}

/// How long ago a moment of machine time is.
pub fn since(moment: Timestamp) -> Duration {
    now().since(moment)
}

/// How an exercise's time runs against the machine's.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    starts_at: Timestamp,
    started: Timestamp,
    speed: u32,
}

impl Pace {
    /// When the machine shows what the exercise shows at `at`.
    pub fn real(&self, at: Timestamp) -> Timestamp {
        self.started.plus(at.since(self.starts_at) / self.speed)
    }
}

/// Commits in order.
pub struct Log {
    records: Records,
    pace: Option<Pace>,
}

impl Log {
    /// The log from its beginning.
    pub async fn of(fleet: &Fleet) -> Self {
        Self { records: journal(&fleet.nats).await.subscribe(0), pace: None }
    }

    /// The next record's commits, with their places.
    pub async fn next(&mut self) -> Vec<(Position, Commit)> {
        let record = self.records.next().await.unwrap().unwrap();
        let frame = stored::decode(&record.bytes).unwrap();
        for event in frame.commits.iter().flat_map(|commit| &commit.events) {
            if let Event::Realm(RealmEvent::Opened(realm)) = event
                && let RealmClock::Exercise { starts_at, started, speed } = realm.clock
            {
                self.pace = Some(Pace { starts_at, started, speed });
            }
        }
        let at = |index| Position { sequence: record.sequence, index };
        (0..).map(at).zip(frame.commits).collect()
    }

    /// How the realm's time runs, known from its first record on.
    pub fn pace(&self) -> Pace {
        self.pace.unwrap()
    }
}
