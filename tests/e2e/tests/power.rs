//! The power of three real nats-servers goes at once: what was acknowledged is there, unless they are set as they come.

use muster_e2e::{power, root};

/// The power goes 6.7 seconds after the stream was made.
const SEED: u64 = 28;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_of_all_servers_goes() {
    if root::may("what a power cut leaves", "power") {
        println!("{:?}", power::round(SEED).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_power_cut_takes_records_from_servers_that_sync_every_two_minutes() {
    if root::may("what a power cut takes from servers as they come", "power") {
        println!("{:?}", power::control(SEED).await);
    }
}
