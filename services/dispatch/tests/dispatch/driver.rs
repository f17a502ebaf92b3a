//! The desk of a process: in few frames, through faults, and at its end.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::join_all;
use muster_dispatch::{
    driver::{Holder, Unanswered},
    standby::Start,
    writer::{Input, Writer},
};
use muster_domain::{
    dispatch::{desk::Command, events::DeskEvent},
    event::Event,
    kernel::{OfferId, ProviderId, Received, RequestId, Role},
    registry::events::ProviderEvent,
};
use muster_edge::testing::{START, actor, reason};
use muster_journal::{
    engine::{Meta, Undone},
    faulty::{Fault, Faulty},
    lease::Always,
    memory::Memory,
    port::{Journal, Record},
    stored::{self, Commit, Frame},
};
use muster_runtime::{clock::ManualClock, ids};
use tonic::Code;
use uuid::Uuid;

use crate::scene::{PATIENCE, Scene, Seat, provider};

/// A command of provider `a`, and what goes with it.
fn see(number: usize) -> (Command, Meta) {
    let offer = OfferId::parse(&format!("o-{number}")).unwrap();
    let (by, command) = (actor(Role::Provider, "a"), ids::new());
    let received = Received { at: START, by };
    let meta = Meta { command, fingerprint: [0; 32], received, causation: None, correlation: command, trace: None };
    (Command::See { offer, by: ProviderId::parse("a").unwrap() }, meta)
}

/// A scene on a journal with faults.
async fn faulty() -> (Scene, Arc<Faulty>) {
    let journal = Arc::new(Faulty::new(Arc::new(Memory::new())));
    let scene = Scene::on(journal.clone(), ManualClock::at(START), Arc::new(Always)).holding().await;
    (scene, journal)
}

#[tokio::test]
async fn what_is_asked_at_once_leaves_as_one_frame() {
    let scene = Scene::start().await;
    scene.enrol("a", 40).await;
    for request in 0..40 {
        scene.grant(&format!("r-{request}"), "chu-rouen", 3).await;
    }
    scene.offers("pending", 40).await;
    let before = scene.rig.edge.journal.last().await.unwrap();
    let asks = (1..=40).map(|number| {
        let (command, meta) = see(number);
        scene.desk.ask(command, meta)
    });
    let answers = join_all(asks).await;
    let indices: Vec<_> = answers.iter().map(|answer| answer.as_ref().unwrap().position.index).collect();
    assert_eq!(indices, (0..40).collect::<Vec<_>>());
    assert_eq!(scene.rig.edge.journal.last().await.unwrap(), before + 1);
}

/// A lease lasts three seconds, and is renewed every second.
#[tokio::test]
async fn a_holder_whose_lease_falls_silent_goes_on() {
    let seat = Arc::new(Seat::default());
    let scene = Scene::on(Arc::new(Memory::new()), ManualClock::at(START), seat.clone()).holding().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    scene.offers("pending", 1).await;
    seat.fall_silent();
    while seat.asked_in_vain() < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(scene.desk.state().borrow().holder, Holder::Mine);
    let (command, meta) = see(1);
    assert!(scene.desk.ask(command, meta).await.is_ok());
}

#[tokio::test]
async fn more_than_can_wait_is_turned_away_at_once() {
    let scene = Scene::start().await;
    let asks = (0..1100).map(|number| {
        let (command, meta) = see(number);
        scene.desk.ask(command, meta)
    });
    let answers = join_all(asks).await;
    let busy = answers.iter().filter(|answer| **answer == Err(Unanswered::Busy)).count();
    assert_eq!(busy, 1100 - 1024);
    let refused = |undone: &Unanswered| matches!(undone, Unanswered::Undone(Undone::Refused(_)));
    assert_eq!(answers.iter().filter(|answer| answer.as_ref().is_err_and(refused)).count(), 1024);
}

#[tokio::test]
async fn an_append_in_doubt_is_asked_about_until_it_is_known() {
    let (scene, journal) = faulty().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let offer = scene.offer().await.offer;
    journal.befall([Fault::Unavailable, Fault::AckLost, Fault::Late]);
    let accepted = scene.accept("a", &offer).await.unwrap();
    let offer = scene.get(Role::Provider, "a", &offer, accepted.position).await.unwrap();
    assert_eq!(offer.status, "accepted");
}

#[tokio::test]
async fn another_writer_is_noticed_and_the_desk_goes_on_from_what_it_wrote() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    let offer = scene.offer().await.offer;
    let subject = scene.rig.edge.subjects.desk().unwrap();
    let seen = DeskEvent::Seen { offer: OfferId::parse(&offer).unwrap() };
    scene.rig.append(&subject, actor(Role::System, "desk"), vec![Event::Desk(seen)]).await;
    let accepted = loop {
        match scene.accept("a", &offer).await {
            Ok(accepted) => break accepted,
            Err(no) => assert_eq!(reason(&no), "OUTCOME_UNKNOWN"),
        }
    };
    let offer = scene.get(Role::Provider, "a", &offer, accepted.position).await.unwrap();
    assert_eq!((&*offer.status, offer.seen_at.is_some()), ("accepted", true));
}

#[tokio::test]
async fn a_journal_that_cannot_be_reached_is_waited_for() {
    let journal = Arc::new(Faulty::new(Arc::new(Memory::new())));
    journal.readable(false);
    let scene = Scene::on(journal.clone(), ManualClock::at(START), Arc::new(Always));
    let nobody = scene.accept("a", "o-1").await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unavailable);
    journal.readable(true);
    let mut state = scene.desk.state();
    let mine = state.wait_for(|state| state.holder == Holder::Mine);
    tokio::time::timeout(PATIENCE, mine).await.unwrap().unwrap();
    let (command, meta) = see(1);
    let answer = tokio::time::timeout(PATIENCE, scene.desk.ask(command, meta)).await.unwrap();
    assert!(matches!(answer, Err(Unanswered::Undone(Undone::Refused(_)))), "{answer:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_trusted_stops_the_desk_loudly() {
    let scene = Scene::start().await;
    let subject = scene.rig.edge.subjects.desk().unwrap();
    let impossible = DeskEvent::Lost { offer: OfferId::parse("o-7").unwrap() };
    scene.rig.append(&subject, actor(Role::System, "desk"), vec![Event::Desk(impossible)]).await;
    let mut state = scene.desk.state();
    let broken = state.wait_for(|state| state.broken.is_some());
    tokio::time::timeout(PATIENCE, broken).await.unwrap().unwrap();
    assert!(!scene.desk.state().borrow().is_serving());
    let refused = scene.accept("a", "o-1").await.unwrap_err();
    assert_eq!((refused.code(), &*reason(&refused)), (Code::DataLoss, "LOG_BROKEN"));
    let (command, meta) = see(1);
    assert!(matches!(scene.desk.ask(command, meta).await, Err(Unanswered::Undone(Undone::Broken(_)))));
    let unread = scene.client().list_offers(muster_edge::testing::call(Role::Officer, "o", Default::default())).await;
    assert_eq!(reason(&unread.unwrap_err()), "LOG_BROKEN", "nor is anything shown that rests on it");
}

#[tokio::test]
async fn a_break_anywhere_in_the_log_stops_the_desk() {
    let scene = Scene::start().await;
    scene.enrol("a", 1).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    scene.offer().await;
    let journal = &scene.rig.edge.journal;
    let request = scene.rig.edge.subjects.request(&RequestId::parse("r-1").unwrap()).unwrap();
    let stray = Frame { id: ids::new(), previous: [7; 32], commits: vec![] };
    let head = journal.head(&request).await.unwrap();
    journal.append(&request, head, stray.id, stored::encode(&stray)).await.unwrap();
    let mut state = scene.desk.state();
    let broken = state.wait_for(|state| state.broken.is_some());
    tokio::time::timeout(PATIENCE, broken).await.unwrap().unwrap();
    let (command, meta) = see(1);
    assert!(matches!(scene.desk.ask(command, meta).await, Err(Unanswered::Undone(Undone::Broken(_)))));
}

#[tokio::test]
async fn what_is_begun_is_answered_before_a_process_stops() {
    let scene = Scene::start().await;
    scene.enrol("a", 9).await;
    for request in 0..9 {
        scene.grant(&format!("r-{request}"), "chu-rouen", 3).await;
    }
    scene.offers("pending", 9).await;
    let desk = scene.desk.clone();
    let stopping = scene.rig.edge.stopping.clone();
    let asks = (1..=9).map(|number| {
        let (command, meta) = see(number);
        let (desk, stopping) = (desk.clone(), stopping.clone());
        async move {
            if number == 5 {
                stopping.cancel();
            }
            desk.ask(command, meta).await
        }
    });
    let answers = join_all(asks).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    scene.stop().await;
    let (command, meta) = see(1);
    assert_eq!(desk.ask(command, meta).await, Err(Unanswered::Stopping));
}

#[tokio::test]
async fn what_changed_while_nobody_held_the_desk_is_seen_at_once() {
    let (journal, clock): (Arc<dyn Journal>, _) = (Arc::new(Memory::new()), ManualClock::at(START));
    let scene = Scene::on(journal.clone(), clock.clone(), Arc::new(Always)).holding().await;
    let mut terms = provider("a", 1);
    terms.contracts[0].until = START.plus(Duration::from_mins(30));
    let subject = scene.rig.edge.subjects.provider(&terms.id).unwrap();
    let enrolled = Event::Provider(ProviderEvent::Enrolled(terms));
    scene.rig.append(&subject, actor(Role::Operator, "operator"), vec![enrolled]).await;
    scene.grant("r-1", "chu-rouen", 3).await;
    scene.offer().await;
    scene.stop().await;
    clock.advance(Duration::from_mins(40));
    let next = Scene::on(journal, clock, Arc::new(Always)).holding().await;
    assert_eq!(next.offers("rescinded", 1).await[0].reason, "not-admissible");
}

#[test]
fn a_moment_at_which_nothing_changed_is_not_looked_at_again() {
    let subjects = muster_journal::subjects::Subjects(muster_domain::kernel::RealmId::parse("drill").unwrap());
    let (mut writer, _) = Writer::new(subjects.desk().unwrap(), Start::default(), &[], Uuid::nil()).unwrap();
    let begins = START.plus(Duration::from_hours(1));
    let mut terms = provider("a", 1);
    terms.contracts[0].from = begins;
    let subject = subjects.provider(&terms.id).unwrap();
    let commit = Commit {
        command: Uuid::nil(),
        fingerprint: [0; 32],
        received_at: START,
        recorded_at: START,
        actor: actor(Role::Operator, "operator"),
        causation: None,
        correlation: Uuid::nil(),
        policy: None,
        decided_at: None,
        taken: None,
        events: vec![Event::Provider(ProviderEvent::Enrolled(terms))],
        trace: None,
    };
    let frame = Frame { id: Uuid::nil(), previous: [0; 32], commits: vec![commit] };
    let bytes: Bytes = stored::encode(&frame);
    writer.step(Input::Record(Record { sequence: 1, subject, frame: Uuid::nil(), bytes }), START);
    writer.step(Input::Look, START);
    assert_eq!(writer.next_look(), Some(begins));
    writer.step(Input::Look, begins);
    assert!(writer.next_look() > Some(begins), "{:?}", writer.next_look());
}
