//! Two replicas of every role on a real nats-server, random commands, and processes killed without warning in between: every
//! invariant holds over the log, and no client was told anything that the log does not bear out.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex, RwLock};

use muster_e2e::{
    cast::Cast,
    chaos::{Addresses, Crowd},
    fleet::{Fleet, Pace},
    verdict::verdict,
};
use muster_sim::run::rng::Rng;
use tokio::{runtime::Handle, sync::watch};

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };
const SEED: u64 = 20_261_124;
const CLIENTS: u64 = 8;
const COMMANDS: usize = 2_000;
/// A process is killed after so many commands.
const CRASH_EVERY: usize = 100;

/// Kills a process without warning whenever another hundred commands were given; tells how many.
fn crash(fleet: Arc<Mutex<Fleet>>, shared: Addresses, given: watch::Receiver<usize>) -> usize {
    let (mut lots, mut crashes) = (Rng::new(SEED, "crashes"), 0);
    while Handle::current().block_on(reaches(given.clone(), (crashes + 1) * CRASH_EVERY)) {
        let mut fleet = fleet.lock().unwrap();
        let member = lots.index(fleet.len());
        fleet.crash(member);
        *shared.write().unwrap() = fleet.endpoints();
        crashes += 1;
    }
    crashes
}

/// Waits until so many commands were given; false if no more will be.
async fn reaches(mut given: watch::Receiver<usize>, count: usize) -> bool {
    given.wait_for(|given| *given >= count).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_of_every_role_keep_every_invariant_while_processes_are_killed() {
    let fleet = Fleet::start(2, PACE);
    let shared: Addresses = Arc::new(RwLock::new(fleet.endpoints()));
    let mut cast = Cast::new(|role| fleet.addresses(role).first().unwrap().clone());
    cast.register(6).await;
    let now = cast.now().await;
    let fleet = Arc::new(Mutex::new(fleet));

    let (given, watched) = watch::channel(0);
    let crashing = {
        let (fleet, shared) = (fleet.clone(), shared.clone());
        tokio::task::spawn_blocking(move || crash(fleet, shared, watched))
    };
    let crowd = Crowd::new(shared, now, given);
    let seen = crowd.act(SEED, CLIENTS, COMMANDS / CLIENTS as usize).await;
    let crashes = crashing.await.unwrap();

    let fleet = Arc::into_inner(fleet).unwrap().into_inner().unwrap();
    let counts = verdict(&fleet, seen).await;
    println!("{counts:?}; {crashes} crashes");
    assert!(counts.done >= COMMANDS / 3, "too little was done to show anything");
    assert!(counts.reads >= COMMANDS / 20, "too little was looked at to show anything");
    assert!(crashes >= 10, "too little was killed to show anything");
}
