//! What befalls one of three real nats-servers, one thing after another, while two processes with every role serve random
//! commands: writes go on within ten seconds, nothing acknowledged is lost or doubled, and every replica is whole in the end.

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use futures::future::join_all;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    cast::Cast,
    chaos::{Addresses, Crowd},
    cluster::{Cluster, SIZE},
    fleet::{Fleet, Pace, ROLES},
    verdict::{Counts, verdict},
};

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };
const LANES: u64 = 8;
/// Commands that must be answered after a fault before the next comes.
const BETWEEN: usize = 40;
/// Figure F8: whatever befalls a server holds up writes no longer.
pub const FAILOVER: Duration = Duration::from_secs(10);
/// Longer than that, so that a miss is measured.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until another few commands were answered; how long that took.
async fn goes_on(given: &mut watch::Receiver<usize>) -> Duration {
    let (began, target) = (Instant::now(), *given.borrow() + BETWEEN);
    let reached =
        timeout(PATIENCE, given.wait_for(|given| *given >= target)).await.expect("commands are answered again");
    reached.expect("somebody gives them");
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

/// What one round showed.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What befell a server, and how long writes then took to go on.
    pub took: Vec<(&'static str, Duration)>,
    /// What commands came to.
    pub counts: Counts,
}

/// Fails unless writes go on in time whatever befalls, and everything that was promised holds in the end.
pub async fn round(seed: u64) -> Figures {
    let mut fleet = Fleet::start_on(Cluster::start(), &[&ROLES, &ROLES], PACE, &[]);
    let shared: Addresses = Arc::new(RwLock::new(fleet.all_addresses()));
    let mut cast = Cast::new(|role| fleet.addresses(role).first().expect("a process has every role").clone());
    cast.register(6).await;
    let now = cast.now().await;

    let (given, mut watched) = watch::channel(0);
    let (over, is_over) = watch::channel(false);
    let crowd = Crowd::new(shared, now, given);
    let lanes = (0..LANES).map(|lane| crowd.clone().act_until(seed + lane, is_over.clone()));
    let acting = tokio::spawn(join_all(lanes.collect::<Vec<_>>()));
    let took = befall(&mut fleet.nats, &mut watched).await;
    over.send_replace(true);
    let acts: Vec<_> = acting.await.expect("the crowd does not panic").into_iter().flatten().collect();

    let counts = verdict(&fleet, &acts).await;
    assert_eq!(fleet.journal().await.safety().await, [], "every replica is whole");
    assert!(took.iter().all(|(_, took)| *took <= FAILOVER), "{took:?}");
    Figures { took, counts }
}
