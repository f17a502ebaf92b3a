//! One address for five services: all calls go through a real Envoy, and processes are replaced behind it.

use muster_e2e::rolling;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_calls_the_one_address_notices_nothing_when_processes_are_replaced() {
    match rolling::behind_one_address(3).await {
        Some(figures) => println!("{figures:?}"),
        None => println!("skipped: there is no Envoy for this machine, so nobody calls through one"),
    }
}
