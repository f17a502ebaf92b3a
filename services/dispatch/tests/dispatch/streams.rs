//! Offers as they come and change.

use std::collections::BTreeMap;

use muster_api::{
    dispatch::v1::{WatchOffersRequest, WatchOffersResponse},
    r#type::v1::{Offer, Position},
};
use muster_domain::kernel::Role;
use muster_edge::testing::{call, reason};
use tonic::{Status, Streaming};

use crate::scene::{PATIENCE, Scene};

/// A stream of offers, and up to where it has told.
struct Watcher {
    stream: Streaming<WatchOffersResponse>,
    position: Option<Position>,
}

impl Watcher {
    async fn of(scene: &Scene, role: Role, id: &str, after: Option<Position>) -> Self {
        let stream = scene.client().watch_offers(call(role, id, WatchOffersRequest { after })).await.unwrap();
        Self { stream: stream.into_inner(), position: after }
    }

    async fn message(&mut self) -> Result<Vec<Offer>, Status> {
        let message = tokio::time::timeout(PATIENCE, self.stream.message()).await.expect("a message in time")?;
        let message = message.expect("a stream that goes on");
        let place = |position: Option<Position>| position.map(|at| (at.sequence, at.index));
        assert!(place(message.position) >= place(self.position), "a stream never goes back");
        self.position = message.position;
        Ok(message.offers)
    }

    /// The next offers told.
    async fn next(&mut self) -> Vec<(String, String)> {
        loop {
            let offers = self.message().await.unwrap();
            if !offers.is_empty() {
                return offers.into_iter().map(|offer| (offer.offer, offer.status)).collect();
            }
        }
    }
}

fn told(offer: &str, status: &str) -> Vec<(String, String)> {
    vec![(offer.to_owned(), status.to_owned())]
}

#[tokio::test]
async fn a_provider_is_told_of_its_offers_as_they_come_and_change_and_of_no_others() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    let mut provider = Watcher::of(&scene, Role::Provider, "a", None).await;
    assert_eq!(provider.message().await.unwrap(), [], "it begins with what is open, be it nothing");
    scene.grant("r-1", "chu-rouen", 3).await;
    assert_eq!(provider.next().await, told("o-1", "pending"));
    scene.decline("a", "o-1", "time", "").await.unwrap();
    assert_eq!(provider.next().await, told("o-1", "declined"));
    let mut stranger = Watcher::of(&scene, Role::Provider, "b", Some(Position { sequence: 0, index: 0 })).await;
    assert_eq!(stranger.message().await.unwrap(), [], "not even what changed since the beginning");
}

#[tokio::test]
async fn a_stream_begins_with_what_is_open_and_goes_on_from_any_place_without_gap_or_duplicate() {
    let scene = Scene::start().await;
    scene.enrol("a", 3).await;
    for request in ["r-1", "r-2", "r-3"] {
        scene.grant(request, "chu-rouen", 3).await;
    }
    scene.offers("pending", 3).await;
    scene.decline("a", "o-1", "time", "").await.unwrap();
    scene.rig.settle().await;
    let mut first = Watcher::of(&scene, Role::Provider, "a", None).await;
    let open: BTreeMap<_, _> = first.next().await.into_iter().collect();
    assert_eq!(open.keys().collect::<Vec<_>>(), ["o-2", "o-3"]);
    let resumed = first.position;
    drop(first);

    scene.accept("a", "o-3").await.unwrap();
    let mut again = Watcher::of(&scene, Role::Provider, "a", resumed).await;
    assert_eq!(again.next().await, told("o-3", "accepted"));
    scene.decline("a", "o-2", "time", "").await.unwrap();
    assert_eq!(again.next().await, told("o-2", "declined"));
    let mut twice = Watcher::of(&scene, Role::Provider, "a", again.position).await;
    assert_eq!(twice.message().await.unwrap(), [], "all of it was told");
    let mut all = Watcher::of(&scene, Role::Provider, "a", Some(Position { sequence: 0, index: 0 })).await;
    let everything: BTreeMap<_, _> = all.next().await.into_iter().collect();
    assert_eq!(everything.values().collect::<Vec<_>>(), ["declined", "declined", "accepted"]);
}

#[tokio::test]
async fn many_offers_come_in_parts_and_each_comes_once() {
    let scene = Scene::start().await;
    scene.enrol("a", 200).await;
    for request in 0..150 {
        scene.grant(&format!("r-{request}"), "chu-rouen", 3).await;
    }
    scene.offers("pending", 50).await;
    // The desk asks 1000 days of one contract at most: 50 packages of 20 days. The other 100 wait.
    scene.enrol("b", 200).await;
    scene.enrol("c", 200).await;
    scene.offers("pending", 100).await;
    let mut watcher = Watcher::of(&scene, Role::Officer, "officer", None).await;
    let mut offers = Vec::new();
    while offers.len() < 150 {
        offers.extend(watcher.next().await);
    }
    let once: BTreeMap<_, _> = offers.iter().cloned().collect();
    assert_eq!((once.len(), offers.len()), (150, 150));
    assert!(once.values().all(|status| status == "pending"));
}

#[tokio::test]
async fn a_stream_ends_with_a_word_when_the_process_stops() {
    let scene = Scene::start().await;
    let mut watcher = Watcher::of(&scene, Role::Officer, "officer", None).await;
    watcher.message().await.unwrap();
    scene.stop().await;
    let ended = loop {
        match watcher.message().await {
            Ok(offers) => assert_eq!(offers, []),
            Err(no) => break no,
        }
    };
    assert_eq!(reason(&ended), "STOPPING");
}
