//! A process whose clock is not the journal's: it writes nothing, says why, and goes on by itself.

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use muster::{
    node::{Node, Part, Plan},
    storage::{JournalSpec, NatsOptions},
    trust::Trust,
};
use muster_api::{
    dispatch::v1::AcceptOfferRequest,
    monitor::v1::{GetStatusRequest, GetStatusResponse},
    registry::v1::{Hospital, RegisterHospitalRequest},
};
use muster_domain::{
    kernel::{RealmId, Role, Timestamp},
    registry::events::RealmClock,
};
use muster_e2e::{
    cast::{Cast, PATIENCE, id},
    nats::NatsServer,
};
use muster_edge::testing::{call, reason};
use muster_journal::{
    conformance::{realm, subject},
    jetstream::{JetStream, Options},
    lease::{Holding, Lease, Shared},
    port::{AppendError, Journal},
};
use muster_runtime::clock::{Clock, SystemClock};
use tokio::{sync::mpsc, time::timeout};
use tonic::{Code, Streaming, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_client::HealthClient,
};
use uuid::Uuid;

/// The machine's clock, set wrong by so many milliseconds.
#[derive(Clone, Default)]
struct Wrong(Arc<AtomicI64>);

impl Wrong {
    fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::Relaxed);
    }

    fn by(&self, right: Timestamp, sign: i64) -> Timestamp {
        Timestamp::from_millis(right.millis() + sign * self.0.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        self.by(SystemClock.now(), 1)
    }

    async fn sleep_until(&self, at: Timestamp) {
        SystemClock.sleep_until(self.by(at, -1)).await;
    }
}

async fn connect(server: &NatsServer) -> JetStream {
    let options = Options { replicas: 1, monitors: vec![server.monitor_url()], ..Options::default() };
    JetStream::connect(vec![server.url()], &realm(), options).await.unwrap()
}

#[tokio::test]
async fn a_journal_takes_nothing_and_lends_nothing_by_a_wrong_clock() {
    let server = NatsServer::start();
    let (one, two) = (connect(&server).await, connect(&server).await);
    let lease = Shared::open(&one, "desk").await.unwrap();
    let clock = Wrong::default();
    let frame = |number| (subject("s"), Uuid::from_u128(number), Bytes::new());
    for (millis, says) in [(5_000, "ahead of"), (-5_000, "behind")] {
        clock.set(millis);
        one.look_at_leader(|| clock.now()).await.unwrap();
        let (subject, id, bytes) = frame(1);
        let refused = one.append(&subject, 0, id, bytes).await.unwrap_err();
        assert!(matches!(refused, AppendError::ClockOff(_)), "{refused:?}");
        assert!(refused.to_string().contains(says), "{refused}");
        assert!(lease.take("one").await.unwrap_err().to_string().contains(says));
        assert_eq!(two.last().await, Ok(0));
    }
    assert_eq!(Shared::open(&two, "desk").await.unwrap().take("two").await, Ok(Holding::Mine), "it is free for others");
    clock.set(0);
    one.look_at_leader(|| clock.now()).await.unwrap();
    let (subject, id, bytes) = frame(1);
    assert_eq!(one.append(&subject, 0, id, bytes).await, Ok(1));
    assert_eq!(lease.take("one").await, Ok(Holding::Theirs("two".to_owned())));
}

/// How a service of a process stands, as whoever balances load sees it.
struct Health(Streaming<HealthCheckResponse>);

impl Health {
    async fn of(address: &str, service: &str) -> Self {
        let channel = Endpoint::from_shared(address.to_owned()).unwrap().connect().await.unwrap();
        let asked = HealthCheckRequest { service: service.to_owned() };
        Self(HealthClient::new(channel).watch(asked).await.unwrap().into_inner())
    }

    async fn becomes(&mut self, wanted: ServingStatus) {
        let until = async { while self.0.message().await.unwrap().unwrap().status() != wanted {} };
        timeout(PATIENCE, until).await.unwrap();
    }
}

fn plan(server: &NatsServer, vault_key: std::path::PathBuf) -> Plan {
    let starts_at = Timestamp::from_millis(1_793_606_400_000);
    Plan {
        realm: RealmId::parse("drill").unwrap(),
        opens: Some(RealmClock::Exercise { starts_at, started: SystemClock.now(), speed: NonZeroU32::MIN.get() }),
        insists: false,
        journal: JournalSpec::Nats(vec![server.url()]),
        nats: NatsOptions {
            monitors: vec![server.monitor_url()],
            vault_key: Some(vault_key),
            accepted: ["replicas".to_owned()].into(),
            ..NatsOptions::default()
        },
        parts: Part::ALL.into(),
        trust: Trust::development(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        admin: None,
    }
}

async fn status(cast: &Cast) -> GetStatusResponse {
    let asked = call(Role::Operator, "ops", GetStatusRequest {});
    cast.monitor.clone().get_status(asked).await.unwrap().into_inner()
}

fn hospital() -> RegisterHospitalRequest {
    let hospital = Hospital {
        hospital: "h-fr".to_owned(),
        name: "Hospital of FR".to_owned(),
        member_state: "FR".to_owned(),
        nuts: "FRD22".to_owned(),
        kind: "university-hospital".to_owned(),
        annex: "I".to_owned(),
        category: "essential".to_owned(),
        size: "large".to_owned(),
    };
    RegisterHospitalRequest { request_id: id(), hospital: Some(hospital) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_whose_clock_is_off_is_not_ready_and_writes_nothing_until_it_is_right_again() {
    let (server, directory, clock) = (NatsServer::start(), tempfile::TempDir::new().unwrap(), Wrong::default());
    let plan = plan(&server, directory.path().join("vault.key"));
    let node = Node::start_by(Arc::new(clock.clone()), plan).await.unwrap();
    let (journal, address) = (node.edge.journal.clone(), format!("http://{}", node.address));
    let (stop, signals) = mpsc::channel(1);
    let running = tokio::spawn(node.run(signals));
    let cast = Cast::new(|_| address.clone());
    let mut all = Health::of(&address, "").await;
    let mut desk = Health::of(&address, "muster.dispatch.v1.DispatchService").await;
    all.becomes(ServingStatus::Serving).await;
    desk.becomes(ServingStatus::Serving).await;
    assert!(status(&cast).await.roles.iter().all(|role| role.ready && role.trouble.is_empty()));

    clock.set(5_000);
    all.becomes(ServingStatus::NotServing).await;
    for role in status(&cast).await.roles {
        assert!(!role.ready, "{role:?}");
        assert!(role.trouble.contains("s ahead of the journal's; see that NTP runs"), "{role:?}");
    }
    let before = journal.last().await.unwrap();
    let accept = AcceptOfferRequest { request_id: id(), offer: "o-1".to_owned() };
    let refused = [
        cast.registry.clone().register_hospital(call(Role::Operator, "ops", hospital())).await.unwrap_err(),
        cast.dispatch.clone().accept_offer(call(Role::Provider, "s1", accept)).await.unwrap_err(),
    ];
    for refused in refused {
        assert_eq!((refused.code(), &*reason(&refused)), (Code::Unavailable, "CLOCK_OFF"), "{refused:?}");
    }
    desk.becomes(ServingStatus::NotServing).await;
    assert_eq!(journal.last().await, Ok(before), "nothing was written");

    clock.set(0);
    all.becomes(ServingStatus::Serving).await;
    desk.becomes(ServingStatus::Serving).await;
    assert!(status(&cast).await.roles.iter().all(|role| role.ready && role.trouble.is_empty()));
    cast.registry.clone().register_hospital(call(Role::Operator, "ops", hospital())).await.unwrap();
    // A stream that is watched holds its process up.
    drop((all, desk));
    stop.send(()).await.unwrap();
    let ended = timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
    assert!(ended.failed.is_empty(), "{ended:?}");
}
