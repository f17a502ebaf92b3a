//! Reading a history again: into the views of a process, and into rows on disk.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use muster_dispatch::driver::Desk;
use muster_e2e::fleet::ROLES;
use muster_edge::{
    Edge,
    testing::{Rig, START},
};
use muster_journal::{engine::follower::Follower, jetstream::JetStream, lease::Always, port::Journal, stored};
use muster_monitor::{health::Health, projection};
use muster_runtime::clock::ManualClock;
use tonic::service::Routes;

use crate::{
    ceilings::raw_replay,
    effort::Effort,
    load::{self, Measured, in_turn},
    log,
    realm::Realm,
    table::{Row, Target, Value},
};

/// Providers in the history.
const PROVIDERS: usize = 40;
/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(300);

/// A history of requests, each with its offer and its engagement.
pub async fn measure(effort: Effort) -> Vec<Row> {
    let mut realm = Realm::start_unsynced(&[&ROLES]);
    realm.people(PROVIDERS, Duration::from_secs(3600)).await;
    realm.engagements(effort.history, 5).await;
    realm.fleet.keep("none");
    let journal = log::journal(&realm.fleet.nats).await;
    let history = History::of(&journal).await;
    let server = realm.fleet.nats.url();
    let raw = async || raw_replay(&server, "MUSTER_DRILL").await;
    let views = in_turn(effort.rounds, async || history.measured(views(journal.clone()).await), raw).await;
    let rows = in_turn(effort.rounds, async || history.measured(rows(&journal).await), raw).await;
    let events = |measured: &Measured| Value::Rate(measured.rate() * history.events as f64 / history.messages as f64);
    let mut told = Vec::new();
    for (what, pair) in [("all views of a process", views), ("rows on disk, made anew", rows)] {
        told.push(
            Row::new(format!("replay into {what}, messages"), Value::Rate(pair.muster.rate()))
                .beside(Value::Rate(pair.ceiling.rate()), "raw replay")
                .target(Target::Share(0.5)),
        );
        told.push(
            Row::new(format!("  the same in events, of {}", history.events), events(&pair.muster))
                .target(Target::Rate(100_000.0)),
        );
    }
    told.push(Row::new("bytes an event takes in the log", Value::Bytes(history.bytes as f64 / history.events as f64)));
    told
}

/// How much there is to read.
struct History {
    messages: u64,
    events: u64,
    bytes: u64,
}

impl History {
    async fn of(journal: &JetStream) -> Self {
        let (mut records, messages) = (journal.subscribe(0), journal.last().await.unwrap());
        let mut history = Self { messages, events: 0, bytes: 0 };
        for _ in 0..messages {
            let record = records.next().await.unwrap().unwrap();
            let frame = stored::decode(&record.bytes).unwrap();
            history.bytes += record.bytes.len() as u64;
            history.events += frame.commits.iter().map(|commit| commit.events.len() as u64).sum::<u64>();
        }
        history
    }

    fn measured(&self, lasted: Duration) -> Measured {
        Measured { count: self.messages, lasted, took: Vec::new() }
    }
}

/// Folds everything into every view that a process with all roles has.
async fn views(journal: Arc<JetStream>) -> Duration {
    let head = journal.last().await.unwrap();
    let (took, rig) = load::time(async {
        let rig = Rig::start_on(journal, ManualClock::at(START), services);
        rig.edge.people.reaches(head, PATIENCE).await.unwrap();
        rig
    })
    .await;
    drop(rig);
    took
}

fn services(edge: &Edge, follower: &mut Follower) -> Routes {
    let (desk, _) = Desk::new(edge, Arc::new(Always));
    let health = Health {
        version: String::new(),
        journal: "jetstream",
        unsafe_settings: Arc::new(Vec::new),
        roles: Arc::new(Vec::new),
    };
    let routes = muster_registry::Service::new(edge.clone(), follower).beside(Routes::default());
    let routes = muster_intake::Service::new(edge.clone(), follower).beside(routes);
    let routes = muster_eligibility::Service::new(edge.clone(), follower).beside(routes);
    let routes = muster_dispatch::Service::new(edge.clone(), follower, desk).beside(routes);
    muster_monitor::Service::new(edge.clone(), follower, health).beside(routes)
}

/// Makes the rows on disk anew.
async fn rows(journal: &JetStream) -> Duration {
    let directory = tempfile::TempDir::new().unwrap();
    let realm = log::realm();
    let (took, rebuilt) = load::time(projection::rebuild(journal, &realm, directory.path())).await;
    rebuilt.unwrap();
    took
}
