//! Three real nats-servers, each in a network of its own, that cannot reach one another for a while, and three processes with
//! every role, each of which knows one of them.

use muster_e2e::{partition, root};

const SEED: u64 = 20_261_127;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_reach_most_servers_acknowledges_nothing_and_most_go_on() {
    if root::may("what comes of servers that cannot reach one another", "partition") {
        println!("{:?}", partition::short(SEED).await);
    }
}
