//! A process that is asked to stop: it finishes what is begun, begins nothing new, says where to go on, and makes room at once.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{cell::Cell, collections::BTreeSet, time::Duration};

use futures::poll;
use muster_api::{
    intake::v1::{OpenRequestRequest, OpenRequestResponse, intake_service_client::IntakeServiceClient},
    monitor::v1::{WatchBoardRequest, WatchBoardResponse},
    r#type::v1::Position,
};
use muster_domain::kernel::Role;
use muster_e2e::{
    cast::{Cast, contact, facts, id, until},
    fleet::{Fleet, Pace, ROLES},
    nats::NatsServer,
    process::Process,
};
use muster_edge::testing::{call, reason};
use muster_runtime::status::explain;
use tokio::time::{Instant, timeout};
use tonic::{Response, Status, Streaming, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Real time: no deadline comes by itself.
const PACE: Pace = Pace { speed: 1 };
/// Nobody is without a desk for longer when a process is stopped as planned.
const HANDOVER: Duration = Duration::from_secs(1);
/// A process that has nothing left to do stops by then.
const SOON: Duration = Duration::from_secs(5);
/// A process that is told twice to stop does so at once.
const AT_ONCE: Duration = Duration::from_secs(1);

fn cast(fleet: &Fleet, replica: usize) -> Cast {
    Cast::new(|role| fleet.addresses(role).get(replica).unwrap().clone())
}

/// A fleet with a call in flight that waits for its journal, which stands still; and asked to stop, so that it begins nothing
/// new. What comes of the call, and the process.
async fn stopping_with_a_call_in_flight() -> (Fleet, impl Future<Output = Result<Response<OpenRequestResponse>, Status>>)
{
    let mut fleet = Fleet::start_on(NatsServer::start(), &[&ROLES], PACE, &["replicas"]);
    let mut cast = cast(&fleet, 0);
    cast.register(1).await;
    let facts = facts("fr", &cast.now().await);
    let address = fleet.addresses("intake").first().unwrap().clone();
    let connect = async || Endpoint::from_shared(address.clone()).unwrap().connect().await;
    let channel = connect().await.unwrap();
    fleet.nats.freeze();

    let message = OpenRequestRequest {
        request_id: id(),
        hospital: String::new(),
        facts: Some(facts),
        contact: Some(contact("fr")),
    };
    let mut client = IntakeServiceClient::new(channel.clone());
    let mut open = Box::pin(async move { client.open_request(call(Role::Hospital, "h-fr", message)).await });
    assert!(poll!(&mut open).is_pending());
    // On the same line, so that the call before it has come.
    HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
    fleet.process(0).signal("TERM");
    until("it to take no more calls", async || connect().await.err()).await;
    (fleet, open)
}

/// Fails unless a process that was asked to stop does, with exit code 0.
#[track_caller]
fn ends_well(process: &mut Process) {
    let ended = process.ends_within(SOON).unwrap();
    assert!(ended.success(), "{ended}: {}", process.said());
}

#[tokio::test]
async fn a_call_in_flight_is_answered() {
    let (mut fleet, open) = stopping_with_a_call_in_flight().await;
    fleet.nats.thaw();
    let opened = open.await.unwrap().into_inner();
    let log = fleet.log().await;
    assert!(log.iter().any(|entry| entry.subject.id() == opened.request), "{}", opened.request);
    ends_well(fleet.process(0));
}

#[tokio::test]
async fn a_second_signal_cuts() {
    let (mut fleet, open) = stopping_with_a_call_in_flight().await;
    let process = fleet.process(0);
    assert!(process.ends_within(Duration::ZERO).is_none(), "the call is waited for");
    process.signal("TERM");
    let ended = process.ends_within(AT_ONCE).unwrap();
    assert!(ended.success(), "{ended}: {}", process.said());
    assert_eq!(reason(&open.await.unwrap_err()), "TRANSPORT");
}

/// The requests that a stream tells of until it ends, or has told of all `wanted`; how it ended.
async fn told(stream: &mut Streaming<WatchBoardResponse>, wanted: usize) -> (Vec<String>, Option<Status>) {
    let mut requests = Vec::new();
    while requests.len() < wanted {
        match stream.message().await {
            Ok(message) => requests.extend(message.unwrap().cards.into_iter().map(|card| card.request)),
            Err(status) => return (requests, Some(status)),
        }
    }
    (requests, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_the_position_from_which_another_process_goes_on() {
    let mut fleet = Fleet::start_on(NatsServer::start(), &[&ROLES, &ROLES], PACE, &["replicas"]);
    let [mut one, mut other] = [0, 1].map(|replica| cast(&fleet, replica));
    other.register(1).await;
    let watch = async |cast: &mut Cast, after| {
        let message = WatchBoardRequest { after, filter: None };
        cast.monitor.watch_board(call(Role::Officer, "duty", message)).await.unwrap().into_inner()
    };
    let mut before = watch(&mut one, None).await;
    let is_over = Cell::new(false);
    let opening = async {
        let (mut opened, mut afterwards) = (BTreeSet::new(), 0);
        while afterwards < 5 {
            opened.insert(other.open("fr").await);
            afterwards += usize::from(is_over.get());
        }
        opened
    };
    let watching = async {
        let (mut seen, ended) = told(&mut before, 10).await;
        assert!(ended.is_none(), "{ended:?}");
        fleet.process(0).signal("TERM");
        let (more, ended) = told(&mut before, usize::MAX).await;
        is_over.set(true);
        seen.extend(more);
        (seen, ended)
    };
    let (opened, (mut seen, ended)) = tokio::join!(opening, watching);

    let ended = explain(&ended.unwrap());
    assert_eq!(ended.reason, "STOPPING", "{ended:?}");
    let (sequence, index) = ended.position.split_once('.').unwrap();
    let after = Position { sequence: sequence.parse().unwrap(), index: index.parse().unwrap() };
    assert!(seen.len() < opened.len(), "it told everything before it ended, and nothing is shown");
    let mut again = watch(&mut other, Some(after)).await;
    let left = timeout(SOON, told(&mut again, opened.len() - seen.len()));
    seen.extend(left.await.expect("the rest is told").0);
    assert_eq!(seen.len(), opened.len(), "none is told twice");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), opened, "none is left out");
    ends_well(fleet.process(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desk_moves_within_a_second() {
    let mut fleet = Fleet::start_on(NatsServer::start(), &[&ROLES, &ROLES], PACE, &["replicas"]);
    let mut any = cast(&fleet, 0);
    any.register(2).await;
    let request = any.open("fr").await;
    any.submit("fr", &request).await;
    any.grant(&request).await;
    let offer = any.offer(&request).await;
    for _ in 0..4 {
        let holder = until("somebody to hold the desk", async || fleet.holder().await).await;
        let other = cast(&fleet, 1 - holder);
        other.see(&offer).await.unwrap();
        let began = Instant::now();
        fleet.process(holder).signal("TERM");
        until("the other to hold the desk", async || fleet.holder().await.filter(|now| *now != holder)).await;
        other.see(&offer).await.unwrap();
        let took = began.elapsed();
        println!("the other process decides after {took:.1?}");
        assert!(took < HANDOVER, "{took:?}");
        ends_well(fleet.process(holder));
        fleet.process(holder).restart();
    }
}
