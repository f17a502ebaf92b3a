//! Whatever befalls one of three real nats-servers, writes go on and nothing is lost.

use muster_e2e::servers;

const SEED: u64 = 20_261_127;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_befalls_one_server_writes_go_on_and_nothing_is_lost() {
    let servers::Figures { took, counts } = servers::round(SEED).await;
    for (what, took) in took {
        println!("{what}: writes go on after {:.1?}, {:.1?} of them Muster's", took.all, took.own);
    }
    println!("{counts:?}");
}
