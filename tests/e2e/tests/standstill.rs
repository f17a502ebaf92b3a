//! Processes that stand still and then go on as if no time had passed: whoever held the desk writes nothing that lands, nobody
//! is told a falsehood, and every invariant holds.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, RwLock},
    thread::sleep,
    time::Duration,
};

use muster_e2e::{
    cast::{Cast, until},
    chaos::{Addresses, AtWork, Crowd},
    cluster::Cluster,
    fleet::{Fleet, Pace, ROLES},
    nats::{NatsServer, Servers},
    verdict::verdict,
};
use muster_journal::lease::LEASE;
use muster_sim::{log::Entry, run::rng::Rng};
use tokio::{runtime::Handle, task::spawn_blocking, time::Instant};

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };
const SEED: u64 = 20_261_128;
const CLIENTS: u64 = 8;
/// What befalls the processes of many roles.
const FAULTS: usize = 12;
/// Commands between two faults.
const BETWEEN: usize = 40;
/// How long a process of a role stands still, in milliseconds: shorter or longer than the desk's lease.
const STILL_MILLIS: (i64, i64) = (50, 4_000);

async fn at_work<S: Servers>(fleet: &Fleet<S>) -> AtWork {
    let mut cast = Cast::new(|role| fleet.addresses(role).first().unwrap().clone());
    cast.register(6).await;
    let addresses: Addresses = Arc::new(RwLock::new(fleet.endpoints()));
    Crowd::at_work(addresses, cast.now().await, SEED, CLIENTS)
}

/// How often somebody took over the desk: each begins with a frame of nothing, so that nothing older can land.
fn fences(log: &[Entry]) -> usize {
    log.iter().filter(|entry| entry.frame.commits.is_empty()).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_stood_still_for_longer_than_its_lease_writes_nothing_that_lands() {
    let mut fleet = Fleet::start_on(NatsServer::start(), &[&ROLES, &ROLES], PACE, &["replicas"]);
    let mut crowd = at_work(&fleet).await;
    crowd.goes_on(BETWEEN).await;
    let holder = until("somebody to hold the desk", async || fleet.holder().await).await;
    let mut other = Cast::new(|role| fleet.addresses(role).get(1 - holder).unwrap().clone());
    // One of the crowd's: whether a provider is free for yet another request depends on the crowd.
    let offer = other.offer("").await;

    let began = Instant::now();
    fleet.process(holder).signal("STOP");
    until("the other to hold the desk", async || fleet.holder().await.filter(|now| *now != holder)).await;
    // It may have been rescinded or have expired meanwhile: that is an answer too.
    drop(other.see(&offer).await);
    println!("the other process decides after {:.1?}", began.elapsed());
    tokio::time::sleep_until(began + LEASE + Duration::from_secs(1)).await;
    let taken_over = fences(&fleet.log().await);
    fleet.process(holder).signal("CONT");
    crowd.goes_on(BETWEEN).await;
    crowd.goes_on(BETWEEN).await;

    let counts = verdict(&fleet, crowd.end().await).await;
    println!("{counts:?}");
    assert_eq!(fleet.holder().await, Some(1 - holder), "who took over still decides");
    assert_eq!(fences(&fleet.log().await), taken_over, "nobody wrote in between, so nobody had to begin anew");
}

/// Lets processes die or stand still, one after another, while the crowd goes on in between.
fn trouble(fleet: &mut Fleet<Cluster>, crowd: &mut AtWork) {
    let mut lots = Rng::new(SEED, "trouble");
    for _ in 0..FAULTS {
        Handle::current().block_on(crowd.goes_on(BETWEEN));
        let process = fleet.process(lots.index(fleet.len()));
        if lots.seldom(3) {
            process.restart();
            *crowd.addresses.write().unwrap() = fleet.endpoints();
        } else {
            process.signal("STOP");
            sleep(Duration::from_millis(lots.between(STILL_MILLIS.0, STILL_MILLIS.1).unsigned_abs()));
            process.signal("CONT");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_of_every_role_on_three_servers_may_stand_still_or_die() {
    let each: Vec<_> = ROLES.iter().flat_map(|role| [[*role], [*role]]).collect();
    let groups: Vec<_> = each.iter().map(<[_; 1]>::as_slice).collect();
    let fleet = Fleet::start_on(Cluster::start(), &groups, PACE, &[]);
    let crowd = at_work(&fleet).await;
    let troubled = spawn_blocking(move || {
        let (mut fleet, mut crowd) = (fleet, crowd);
        trouble(&mut fleet, &mut crowd);
        (fleet, crowd)
    });
    let (fleet, mut crowd) = troubled.await.unwrap();
    crowd.goes_on(BETWEEN).await;
    let counts = verdict(&fleet, crowd.end().await).await;
    println!("{counts:?}");
    assert!(counts.done >= FAULTS * BETWEEN / 4, "too little was done to show anything");
}
