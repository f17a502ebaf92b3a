//! Three real nats-servers and two processes with every role, random commands, and everything that befalls servers: writes go on
//! within ten seconds, nothing acknowledged is lost or doubled, and every replica is whole in the end.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use futures::future::join_all;
use muster_e2e::{
    cast::Cast,
    chaos::{Addresses, Crowd},
    cluster::{Cluster, SIZE},
    fleet::{Fleet, Pace, ROLES},
    verdict::verdict,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };
const SEED: u64 = 20_261_127;
const LANES: usize = 8;
/// Commands that must be answered after a fault before the next comes.
const BETWEEN: usize = 40;
/// Figure F8: a server that is killed or frozen holds up writes no longer.
const FAILOVER: Duration = Duration::from_secs(10);
/// Longer than that, so that a miss is measured.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until another few commands were answered; how long that took.
async fn goes_on(given: &mut watch::Receiver<usize>) -> Duration {
    let (began, target) = (Instant::now(), *given.borrow() + BETWEEN);
    timeout(PATIENCE, given.wait_for(|given| *given >= target)).await.unwrap().unwrap();
    began.elapsed()
}

/// Everything that befalls servers, one thing after another; how long writes took to go on after each.
async fn befall(cluster: &mut Cluster, given: &mut watch::Receiver<usize>) -> Vec<(&'static str, Duration)> {
    let mut took = Vec::new();
    let leader = cluster.leader().await;
    cluster.node(leader).kill();
    took.push(("the leader is killed", goes_on(given).await));
    cluster.node(leader).restart();
    cluster.whole().await;

    let leader = cluster.leader().await;
    cluster.node(leader).freeze();
    took.push(("the leader is frozen", goes_on(given).await));
    cluster.node(leader).thaw();
    cluster.whole().await;

    cluster.step_down().await;
    took.push(("the leader steps down", goes_on(given).await));

    for n in 0..SIZE {
        cluster.whole().await;
        cluster.node(n).stop();
        cluster.node(n).restart();
        took.push(("a server is restarted", goes_on(given).await));
    }

    cluster.whole().await;
    let wiped = (cluster.leader().await + 1) % SIZE;
    cluster.node(wiped).kill();
    cluster.node(wiped).lose_store();
    cluster.node(wiped).restart();
    took.push(("a server loses its disk", goes_on(given).await));
    cluster.whole().await;
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_befalls_one_server_writes_go_on_and_nothing_is_lost() {
    let mut fleet = Fleet::start_on(Cluster::start(), &[&ROLES, &ROLES], PACE, &[]);
    let shared: Addresses = Arc::new(RwLock::new(fleet.all_addresses()));
    let mut cast = Cast::new(|role| fleet.addresses(role).first().unwrap().clone());
    cast.register(6).await;
    let now = cast.now().await;

    let (given, mut watched) = watch::channel(0);
    let (over, is_over) = watch::channel(false);
    let crowd = Crowd::new(shared, now, given);
    let lanes = (0..LANES).map(|lane| crowd.clone().act_until(SEED + lane as u64, is_over.clone()));
    let acting = tokio::spawn(join_all(lanes.collect::<Vec<_>>()));
    let took = befall(&mut fleet.nats, &mut watched).await;
    over.send_replace(true);
    let acts: Vec<_> = acting.await.unwrap().into_iter().flatten().collect();

    let counts = verdict(&fleet, &acts).await;
    for (what, took) in &took {
        println!("{what}: writes go on after {took:.1?}");
    }
    println!("{counts:?}");
    assert_eq!(fleet.journal().await.safety().await, [], "every replica is whole");
    assert!(took.iter().all(|(_, took)| *took <= FAILOVER), "{took:?}");
}
