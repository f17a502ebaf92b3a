//! What befalls one of three real nats-servers, one thing after another, while two processes with every role serve random
//! commands: writes go on within ten seconds, three of them Muster's own, nothing acknowledged is lost or doubled, and every replica
//! is whole in the end.

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use crate::{
    cast::Cast,
    chaos::{Addresses, AtWork, Crowd},
    cluster::{Cluster, SIZE, Took},
    fleet::{Fleet, Pace, ROLES},
    verdict::{Counts, verdict},
};

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };
const CLIENTS: u64 = 8;
/// Commands that must be answered after a fault before the next comes.
const BETWEEN: usize = 40;
/// Figures F8 and F9: when the servers have a leader, writes go on within this.
pub const FAILOVER: Duration = Duration::from_secs(3);
/// So that they go on within ten seconds, servers may take so long until they have one.
const ELECTED: Duration = Duration::from_secs(7);

/// Everything that befalls servers, one thing after another; how long writes took to go on after each.
async fn befall(cluster: &mut Cluster, crowd: &mut AtWork) -> Vec<(&'static str, Took)> {
    let mut took = Vec::new();
    let leader = cluster.leader().await;
    cluster.node(leader).kill();
    took.push(("the leader is killed", cluster.goes_on(crowd, BETWEEN).await));
    cluster.node(leader).restart();
    crowd.rests_until(cluster.whole()).await;

    let leader = cluster.leader().await;
    cluster.node(leader).freeze();
    took.push(("the leader is frozen", cluster.goes_on(crowd, BETWEEN).await));
    cluster.node(leader).thaw();
    crowd.rests_until(cluster.whole()).await;

    cluster.step_down().await;
    took.push(("the leader steps down", cluster.goes_on(crowd, BETWEEN).await));

    for n in 0..SIZE {
        crowd.rests_until(cluster.whole()).await;
        cluster.node(n).stop();
        cluster.node(n).restart();
        took.push(("a server is restarted", cluster.goes_on(crowd, BETWEEN).await));
    }

    crowd.rests_until(cluster.whole()).await;
    let wiped = (cluster.leader().await + 1) % SIZE;
    cluster.node(wiped).kill();
    cluster.node(wiped).lose_store();
    cluster.node(wiped).restart();
    took.push(("a server loses its disk", cluster.goes_on(crowd, BETWEEN).await));
    crowd.rests_until(cluster.whole()).await;
    took
}

/// What one round showed.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What befell a server, and how long writes then took to go on.
    pub took: Vec<(&'static str, Took)>,
    /// What commands came to.
    pub counts: Counts,
}

/// Fails unless writes go on in time whatever befalls, and everything that was promised holds in the end.
pub async fn round(seed: u64) -> Figures {
    let mut fleet = Fleet::start_on(Cluster::start(), &[&ROLES, &ROLES], PACE, &[]);
    let shared: Addresses = Arc::new(RwLock::new(fleet.endpoints()));
    let mut cast = Cast::new(|role| fleet.addresses(role).first().expect("a process has every role").clone());
    cast.register(6).await;
    let now = cast.now().await;

    let mut crowd = Crowd::at_work(shared, now, seed, CLIENTS);
    let took = befall(&mut fleet.nats, &mut crowd).await;
    let counts = verdict(&fleet, crowd.end().await).await;
    assert_eq!(fleet.journal().await.safety().await, [], "every replica is whole");
    assert!(took.iter().all(|(_, took)| took.is_in_time(FAILOVER, ELECTED)), "{took:?}");
    Figures { took, counts }
}
