//! What befalls Muster while it is at work: processes and servers die, and whoever is on call is told what, and then that it is over;
//! all processes are replaced one by one, and nobody is turned away for longer than a second.

use muster_e2e::{
    cluster::Cluster,
    fleet::{Fleet, ROLES},
    process::{binary, free_address},
    prometheus::{Prometheus, Target},
    rolling::{self, BETWEEN, PACE, REPLICAS, crowd, groups, tell},
    verdict::verdict,
};

fn targets(fleet: &mut Fleet<Cluster>) -> Vec<Target> {
    let roles = ROLES.iter().flat_map(|role| std::iter::repeat_n(*role, REPLICAS));
    let admins = fleet.processes().into_iter().map(|process| process.admin().trim_start_matches("http://").to_owned());
    admins.zip(roles).map(|(address, role)| Target { address, service: role.to_owned() }).collect()
}

fn firing(alert: &str) -> String {
    format!("ALERTS{{alertstate=\"firing\",alertname=\"{alert}\"}}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_on_call_is_told_what_died_and_it_heals() {
    // Each tells at an address that it keeps how it stands.
    let admin = |_: &[&str]| vec!["--admin-listen".to_owned(), free_address()];
    let mut fleet = Fleet::start_each(Cluster::start(), &groups(), PACE, &[], admin);
    let prometheus = Prometheus::start(&targets(&mut fleet));
    let (mut crowd, shared) = crowd(fleet.endpoints(), 1).await;
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
    rolling::round(2, binary()).await;
}
