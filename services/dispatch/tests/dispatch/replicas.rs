//! Several processes on one journal: one decides, all answer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::join_all;
use muster_api::{
    dispatch::v1::{AcceptOfferRequest, dispatch_service_client::DispatchServiceClient},
    r#type::v1::{Offer, Position as WirePosition},
};
use muster_dispatch::driver::Holder;
use muster_domain::{dispatch::events::DeskEvent, event::Event, kernel::Role};
use muster_edge::{
    Caller,
    relay::mark,
    testing::{START, actor, call, reason},
};
use muster_journal::{
    faulty::Faulty,
    memory::Memory,
    port::Journal,
    stored::{self, Position},
};
use muster_runtime::clock::ManualClock;
use tonic::{Code, Request, Status, transport::Channel};

use crate::scene::{PATIENCE, Scene, Seat, whom_to_call};

/// Two processes on one journal, of which the first holds the desk.
struct Pair {
    seat: Arc<Seat>,
    first: Scene,
    second: Scene,
}

impl Pair {
    async fn start() -> Self {
        Self::on(Arc::new(Memory::new())).await
    }

    async fn on(journal: Arc<dyn Journal>) -> Self {
        let (seat, clock) = (Arc::new(Seat::default()), ManualClock::at(START));
        let first = Scene::on(journal.clone(), clock.clone(), seat.clone()).holding().await;
        let second = Scene::on(journal, clock, seat.clone()).holding().await;
        assert_eq!(first.desk.holder(PATIENCE).await, Ok(Holder::Mine));
        assert!(matches!(second.desk.holder(PATIENCE).await, Ok(Holder::Theirs(_))));
        Self { seat, first, second }
    }
}

/// Every acceptance in the log, and where it stands.
async fn accepted(scene: &Scene) -> Vec<(String, Position)> {
    let subject = scene.rig.edge.subjects.desk().unwrap();
    let mut found = Vec::new();
    for record in scene.rig.edge.journal.load(&subject, 0).await.unwrap() {
        for (index, commit) in (0..).zip(stored::decode(&record.bytes).unwrap().commits) {
            let position = Position { sequence: record.sequence, index };
            for event in &commit.events {
                if let Event::Desk(DeskEvent::Accepted { offer, .. }) = event {
                    found.push((offer.to_string(), position));
                }
            }
        }
    }
    found
}

/// A status with all that a caller reads of it.
fn told(no: &Status) -> (Code, String, Vec<u8>) {
    (no.code(), no.message().to_owned(), no.details().to_vec())
}

#[tokio::test]
async fn who_does_not_hold_the_desk_asks_who_does_and_answers_the_same() {
    let pair = Pair::start().await;
    pair.first.enrol("a", 2).await;
    pair.first.grant("r-1", "chu-rouen", 3).await;
    let offer = pair.second.offer().await.offer;
    let [here, there] = [pair.first.accept("b", &offer).await, pair.second.accept("b", &offer).await];
    assert_eq!(told(&here.unwrap_err()), told(&there.unwrap_err()));
    let [here, there] =
        [pair.first.decline("a", &offer, "other", "").await, pair.second.decline("a", &offer, "other", "").await];
    assert_eq!(told(&here.unwrap_err()), told(&there.unwrap_err()), "a refusal of the domain too");

    let message = AcceptOfferRequest { request_id: "8c9f7b1e-6f1d-4e57-9b6d-0a4a6c3d2e10".to_owned(), offer };
    let accept = |scene: &Scene| {
        let (mut client, call) = (scene.client(), call(Role::Provider, "a", message.clone()));
        async move { client.accept_offer(call).await.unwrap().into_inner() }
    };
    let relayed = accept(&pair.second).await;
    assert_eq!(relayed.engagement.as_ref().unwrap().contact, Some(whom_to_call()));
    assert_eq!(accept(&pair.first).await, relayed);
    let seen = pair.second.get(Role::Provider, "a", &message.offer, relayed.position).await.unwrap();
    assert_eq!(seen.status, "accepted", "and what was relayed can be read where it was asked");
}

#[tokio::test]
async fn a_relayed_call_is_judged_by_when_it_first_came_and_by_who_gave_it() {
    let pair = Pair::start().await;
    pair.first.enrol("a", 1).await;
    pair.first.grant("r-1", "chu-rouen", 3).await;
    let offer = pair.first.offer().await.offer;
    let relayed = |at| {
        let mut request = Request::new(AcceptOfferRequest { offer: offer.clone(), ..Default::default() });
        let caller = Caller { actor: actor(Role::Provider, "a"), at, patience: PATIENCE };
        mark(request.metadata_mut(), pair.first.rig.edge.relay.secret(), &caller);
        request
    };
    let late = pair.first.client().accept_offer(relayed(START.plus(Duration::from_hours(1)))).await.unwrap_err();
    assert_eq!(reason(&late), "OFFER_EXPIRED");
    pair.first.client().accept_offer(relayed(START)).await.unwrap();
    let accepted = accepted(&pair.first).await;
    let record = pair
        .first
        .rig
        .edge
        .journal
        .load(&pair.first.rig.edge.subjects.desk().unwrap(), accepted[0].1.sequence - 1)
        .await;
    let commits = stored::decode(&record.unwrap()[0].bytes).unwrap().commits;
    assert_eq!(commits[0].actor, actor(Role::Provider, "a"));
}

#[tokio::test]
async fn a_call_is_relayed_once_at_most() {
    let pair = Pair::start().await;
    let mut request = Request::new(AcceptOfferRequest { offer: "o-1".to_owned(), ..Default::default() });
    let caller = Caller { actor: actor(Role::Provider, "a"), at: START, patience: PATIENCE };
    mark(request.metadata_mut(), pair.second.rig.edge.relay.secret(), &caller);
    let refused = pair.second.client().accept_offer(request).await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::Unavailable, "JOURNAL_UNAVAILABLE"));
}

/// Accepts an offer at either process, as a client that sends the same call again until it is answered.
async fn insist(clients: [DispatchServiceClient<Channel>; 2], offer: String, number: usize) -> WirePosition {
    let request_id = format!("00000000-0000-4000-8000-{number:012}");
    let message = AcceptOfferRequest { request_id, offer };
    let mut turn = number;
    loop {
        let mut client = clients[turn % 2].clone();
        match client.accept_offer(call(Role::Provider, "a", message.clone())).await {
            Ok(answer) => return answer.into_inner().position.unwrap(),
            // Whoever did not answer may be asked again: one that says so, or a line that broke off.
            Err(no) => assert!(no.code() == Code::Unavailable || reason(&no) == "TRANSPORT", "{no}"),
        }
        turn += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every acknowledged acceptance stands in the log where it was said to, once.
fn nothing_is_lost(accepted: &[(String, Position)], acknowledged: &BTreeMap<String, Position>) {
    let stands: BTreeMap<_, _> = accepted.iter().cloned().collect();
    assert_eq!(&stands, acknowledged);
    assert_eq!(accepted.len(), acknowledged.len(), "and none twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_holder_stops_another_takes_over_and_nothing_acknowledged_is_lost() {
    let pair = Pair::start().await;
    pair.first.enrol("a", 40).await;
    for request in 0..40 {
        pair.first.grant(&format!("r-{request}"), "chu-rouen", 3).await;
    }
    let offers = pair.second.offers("pending", 40).await;
    let clients = [pair.first.client(), pair.second.client()];
    let ask = |(number, offer): (usize, &Offer)| {
        let (clients, offer) = (clients.clone(), offer.offer.clone());
        tokio::spawn(async move { (offer.clone(), insist(clients, offer, number).await.into()) })
    };
    let Pair { first, second, .. } = pair;
    let mut asking: Vec<_> = offers.iter().enumerate().take(20).map(ask).collect();
    second.offers("accepted", 1).await;
    first.stop().await;
    asking.extend(offers.iter().enumerate().skip(20).map(ask));
    let answers = tokio::time::timeout(PATIENCE, join_all(asking)).await.unwrap();
    let acknowledged = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(second.desk.holder(PATIENCE).await, Ok(Holder::Mine));
    nothing_is_lost(&accepted(&second).await, &acknowledged);
}

#[tokio::test]
async fn whoever_takes_over_goes_on_from_what_it_has_read() {
    let journal = Arc::new(Faulty::new(Arc::new(Memory::new())));
    let Pair { first, second, .. } = Pair::on(journal.clone()).await;
    first.enrol("a", 20).await;
    for request in 0..20 {
        first.grant(&format!("r-{request}"), "chu-rouen", 3).await;
    }
    let offers = second.offers("pending", 20).await;
    let before = journal.loaded();
    first.stop().await;
    let clients = [second.client(), second.client()];
    tokio::time::timeout(PATIENCE, insist(clients, offers[0].offer.clone(), 0)).await.unwrap();
    assert_eq!(journal.loaded() - before, 1, "the last record, for its hash");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_was_forgotten_decides_nothing_more() {
    let pair = Pair::start().await;
    pair.first.enrol("a", 4).await;
    for request in ["r-1", "r-2", "r-3", "r-4"] {
        pair.first.grant(request, "chu-rouen", 3).await;
    }
    let offers = pair.second.offers("pending", 4).await;
    pair.seat.vacate();
    let mut state = pair.second.desk.state();
    // Whichever asks first sits; the other believes to sit no longer than until it renews.
    let clients = [pair.first.client(), pair.second.client()];
    let asking = offers.iter().enumerate().map(|(number, offer)| {
        let (clients, offer) = (clients.clone(), offer.offer.clone());
        async move { (offer.clone(), insist(clients, offer, number).await.into()) }
    });
    let acknowledged = tokio::time::timeout(PATIENCE, join_all(asking)).await.unwrap().into_iter().collect();
    tokio::time::timeout(PATIENCE, state.wait_for(|state| state.is_serving())).await.unwrap().unwrap();
    nothing_is_lost(&accepted(&pair.second).await, &acknowledged);
}
