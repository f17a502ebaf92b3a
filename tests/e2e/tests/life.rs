//! What befalls Muster while it is at work: processes and servers die, and whoever is on call is told what, and then that it is over;
//! all processes are replaced one by one, and nobody is turned away for longer than a second.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    net::TcpListener,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use muster_e2e::{
    cast::Cast,
    chaos::{Addresses, AtWork, Crowd},
    cluster::Cluster,
    fleet::{Fleet, Pace, ROLES},
    http::get,
    prometheus::{Prometheus, Target},
    verdict::verdict,
};
use tokio::time::{Instant, sleep};

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };
const CLIENTS: u64 = 4;
/// Commands that must be answered while something is amiss.
const BETWEEN: usize = 40;
/// Replicas of each role.
const REPLICAS: usize = 2;
/// How long a process may take until it is ready, and how often it is asked.
const READY_WITHIN: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Nobody is turned away for longer while processes are replaced.
const TURNED_AWAY: Duration = Duration::from_secs(1);

/// Replicas of every role on the three servers that Muster is deployed with, each telling at an address of its own how it stands.
fn fleet() -> Fleet<Cluster> {
    let groups: Vec<_> = ROLES.iter().flat_map(|role| std::iter::repeat_n([*role], REPLICAS)).collect();
    let groups: Vec<_> = groups.iter().map(<[_; 1]>::as_slice).collect();
    Fleet::start_each(Cluster::start(), &groups, PACE, &[], |_| vec!["--admin-listen".to_owned(), free()])
}

/// An address that nobody has, for a process that keeps it when it is started again.
fn free() -> String {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
    port.expect("a free port").to_string()
}

fn targets(fleet: &mut Fleet<Cluster>) -> Vec<Target> {
    let roles = ROLES.iter().flat_map(|role| std::iter::repeat_n(*role, REPLICAS));
    let admins = fleet.processes().into_iter().map(|process| process.admin().trim_start_matches("http://").to_owned());
    admins.zip(roles).map(|(address, role)| Target { address, service: role.to_owned() }).collect()
}

/// A crowd at work, and where it is told that processes answer.
async fn crowd(fleet: &Fleet<Cluster>, seed: u64) -> (AtWork, Addresses) {
    let shared: Addresses = Arc::new(RwLock::new(fleet.all_addresses()));
    let mut cast = Cast::new(|role| fleet.addresses(role).first().expect("every role runs").clone());
    let now = cast.now().await;
    (Crowd::at_work(shared.clone(), now, seed, CLIENTS), shared)
}

fn tell(shared: &Addresses, fleet: &Fleet<Cluster>) {
    *shared.write().unwrap_or_else(PoisonError::into_inner) = fleet.all_addresses();
}

fn firing(alert: &str) -> String {
    format!("ALERTS{{alertstate=\"firing\",alertname=\"{alert}\"}}")
}

/// Waits until a process says that it is ready.
async fn ready(admin: &str) {
    let deadline = Instant::now() + READY_WITHIN;
    while let Err(error) = get(admin.trim_start_matches("http://"), "/readyz").await {
        assert!(Instant::now() < deadline, "{admin} is never ready: {error}");
        sleep(ASK_EVERY).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_on_call_is_told_what_died_and_it_heals() {
    let mut fleet = fleet();
    let prometheus = Prometheus::start(&targets(&mut fleet));
    let mut cast = Cast::new(|role| fleet.addresses(role).first().expect("every role runs").clone());
    cast.register(6).await;
    let (mut crowd, shared) = crowd(&fleet, 1).await;
    prometheus.comes_to("sum(up)", |up| up.iter().any(|(_, up)| *up as usize == ROLES.len() * REPLICAS)).await;

    // One replica of every role: each is told of, and nobody is woken.
    let killed: Vec<_> = (0..fleet.len()).step_by(REPLICAS).collect();
    for n in &killed {
        fleet.process(*n).kill();
    }
    crowd.goes_on(BETWEEN).await;
    let down = prometheus.comes_to(&firing("MusterProcessDown"), |down| down.len() == killed.len()).await;
    assert!(down.iter().all(|(labels, _)| labels["severity"] == "ticket"), "{down:?}");
    assert_eq!(prometheus.query("ALERTS{alertstate=\"firing\",severity=\"page\"}").await, [], "the others answer");
    for n in killed {
        fleet.process(n).restart();
    }
    tell(&shared, &fleet);
    crowd.goes_on(BETWEEN).await;
    prometheus.comes_to(&firing("MusterProcessDown"), <[_]>::is_empty).await;

    let leader = fleet.nats.leader().await;
    fleet.nats.node(leader).kill();
    crowd.goes_on(BETWEEN).await;
    prometheus.comes_to(&firing("MusterNatsServerUnreachable"), |found| !found.is_empty()).await;
    fleet.nats.node(leader).restart();
    crowd.rests_until(fleet.nats.joined_and_whole()).await;
    crowd.goes_on(BETWEEN).await;
    // Some look back for a minute.
    prometheus.comes_to("ALERTS{alertstate=\"firing\"}", <[_]>::is_empty).await;
    verdict(&fleet, crowd.end().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_processes_are_replaced_and_nobody_is_turned_away_for_long() {
    let mut fleet = fleet();
    let mut cast = Cast::new(|role| fleet.addresses(role).first().expect("every role runs").clone());
    cast.register(6).await;
    let (mut crowd, shared) = crowd(&fleet, 2).await;
    crowd.goes_on(BETWEEN).await;
    for n in 0..fleet.len() {
        let process = fleet.process(n);
        assert!(process.stop().success(), "it ends as it should:\n{}", process.said());
        process.restart();
        let admin = process.admin().to_owned();
        ready(&admin).await;
        tell(&shared, &fleet);
    }
    crowd.goes_on(BETWEEN).await;
    let seen = crowd.end().await;
    let given = seen.lanes.iter().flatten();
    let longest =
        given.map(|(act, operation)| (operation.returned - operation.invoked, act)).max_by_key(|(took, _)| *took);
    let (took, act) = longest.expect("somebody did something");
    let took = Duration::from_micros(took);
    assert!(took <= TURNED_AWAY, "{act:?} took {took:?}");
    verdict(&fleet, seen).await;
}
