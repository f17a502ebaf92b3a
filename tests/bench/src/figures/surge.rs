//! Requests that come one after the other: how soon a provider sees the first offer, and everybody the board.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use muster_api::monitor::v1::WatchBoardRequest;
use muster_domain::kernel::{Role, Timestamp};
use muster_e2e::{cast::surely, fleet::ROLES};
use muster_edge::testing::call;
use muster_journal::stored::Position;
use tokio::{sync::mpsc, time::timeout};

use crate::{
    ceilings::Raw,
    effort::Effort,
    load::{self, Measured, open_loop},
    log::{self, Log},
    realm::{Realm, open},
    table::{Row, Target, Value},
};

/// Requests in a second.
const PER_SECOND: u32 = 50;
/// Providers that watch.
const PROVIDERS: usize = 20;
/// Boards that are watched.
const BOARDS: usize = 5;
/// Appends between a hospital's call and the offer: opened, endorsed, submitted, assessed, decided, offered.
const APPENDS: u32 = 6;
/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

/// Requests at a steady rate; each role in a process of its own.
pub async fn measure(effort: Effort) -> Vec<Row> {
    let groups = ROLES.map(|role| [role]);
    let groups: Vec<_> = groups.iter().map(<[_; 1]>::as_slice).collect();
    let mut realm = Realm::start(&groups, 1);
    realm.people(PROVIDERS, Duration::from_secs(3600)).await;
    // Everything has been done once before it is measured.
    realm.engagements(PROVIDERS.min(effort.engagements), 5).await;
    let (sender, mut offers) = mpsc::unbounded_channel();
    for n in 1..=PROVIDERS {
        realm.watch(Role::Provider, &format!("s{n}"), sender.clone()).await;
    }
    let boards = Boards::watch(&realm).await;
    let begun = log::now();
    let opened = open_loop(PER_SECOND, effort.surge, |number| {
        let cast = realm.cast.clone();
        async move { open(&cast, usize::try_from(number).unwrap(), 5).await }
    })
    .await;
    // Until it accepts, a provider does not see for which request it is asked: officers do.
    let mut seen: BTreeMap<String, Instant> = BTreeMap::new();
    let mut late = Vec::new();
    for (due, request) in &opened {
        let offer = realm.cast.clone().offer(request).await.offer;
        while !seen.contains_key(&offer) {
            let (at, offer) = timeout(PATIENCE, offers.recv()).await.unwrap().unwrap();
            seen.entry(offer.offer).or_insert(at);
        }
        late.push(seen.get(&offer).unwrap().saturating_duration_since(*due));
    }
    let offered = Measured::of(late, effort.surge);
    let shown = boards.lateness(&realm, begun).await;
    let raw = Raw::new(&realm.fleet.nats.url(), "RAW").await.run(1, effort.span).await;
    let chain = Value::Time(raw.within(0.5) * APPENDS);
    vec![
        Row::new(format!("open → offer at the provider, {PER_SECOND}/s, median"), Value::Time(offered.within(0.5)))
            .beside(chain, "six raw appends"),
        Row::new("open → offer at the provider, p99", Value::Time(offered.within(0.99)))
            .target(Target::Within(Duration::from_millis(100))),
        Row::new(format!("event → every board ({BOARDS}), median"), Value::Time(shown.within(0.5))),
        Row::new(format!("event → every board ({BOARDS}), p99"), Value::Time(shown.within(0.99)))
            .target(Target::Within(Duration::from_millis(250))),
    ]
}

/// Up to where a board had shown everything at which moment.
type Shown = Arc<Mutex<Vec<(Timestamp, Position)>>>;

/// All boards.
struct Boards(Vec<Shown>);

impl Boards {
    async fn watch(realm: &Realm) -> Self {
        let mut boards = Vec::new();
        for _ in 0..BOARDS {
            let message = WatchBoardRequest::default();
            let watch =
                async || realm.cast.monitor.clone().watch_board(call(Role::Officer, "duty", message.clone())).await;
            let mut stream = surely(watch).await;
            let shown = Shown::default();
            boards.push(shown.clone());
            tokio::spawn(async move {
                while let Ok(Some(message)) = stream.message().await {
                    let position = Position::from(message.position.unwrap());
                    shown.lock().unwrap().push((log::now(), position));
                }
            });
        }
        Self(boards)
    }

    /// How late every board was with each commit from `begun` on, the slowest board counting.
    async fn lateness(self, realm: &Realm, begun: Timestamp) -> Measured {
        let mut log = Log::of(&realm.fleet).await;
        let head = muster_journal::port::Journal::last(&*log::journal(&realm.fleet.nats).await).await.unwrap();
        let mut commits = Vec::new();
        while commits.last().is_none_or(|(at, _): &(Position, Timestamp)| at.sequence < head) {
            let pace = |log: &Log, at| log.pace().real(at);
            let next = log.next().await;
            commits.extend(next.into_iter().map(|(at, commit)| (at, pace(&log, commit.recorded_at))));
        }
        let last = commits.last().map(|(at, _)| *at).unwrap_or_default();
        let all = async {
            while self.0.iter().any(|shown| shown.lock().unwrap().last().is_none_or(|(_, at)| *at < last)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, all).await.unwrap();
        let shown: Vec<_> = self.0.iter().map(|shown| shown.lock().unwrap().clone()).collect();
        let late = commits.iter().filter(|(_, recorded)| *recorded >= begun).filter_map(|(at, recorded)| {
            let by = |shown: &Vec<(Timestamp, Position)>| {
                let seen = shown.partition_point(|(_, upto)| upto < at);
                shown.get(seen).map(|(moment, _)| moment.since(*recorded))
            };
            shown.iter().map(by).max().flatten()
        });
        Measured::of(late.collect(), load::moment().elapsed())
    }
}
