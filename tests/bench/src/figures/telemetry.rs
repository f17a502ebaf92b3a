//! What it costs to be seen: the same load on a process that tells nobody, and on one whose every span goes to a collector and whose
//! measures are read each second. The collector takes its part of the same two cores, though it keeps nothing.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::time::Duration;

use muster_api::registry::v1::registry_service_client::RegistryServiceClient;
use muster_e2e::{
    cast::Cast,
    collector::Collector,
    fleet::{Fleet, Pace},
    http::get,
    nats::NatsServer,
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Channel;

use super::single::one;
use crate::{
    effort::Effort,
    load::{self, in_turn},
    table::{Row, Target, Value},
};

/// Calls at once.
const IN_FLIGHT: usize = 64;

/// How often the measures are read: five times as often as `deploy/prometheus/prometheus.yml` asks.
const READ_EVERY: Duration = Duration::from_secs(1);

async fn registry(more: &[&str]) -> (Fleet, RegistryServiceClient<Channel>) {
    let fleet = Fleet::start_with(NatsServer::start(), &[&["registry"]], Pace { speed: 1 }, &["replicas"], more);
    let address = fleet.addresses("registry").concat();
    Cast::new(|_| address.clone()).now().await;
    let registry = RegistryServiceClient::connect(address).await.unwrap();
    (fleet, registry)
}

/// Hospitals registered, seen and unseen in turn.
pub async fn measure(effort: Effort) -> Vec<Row> {
    let collector = Collector::start_forgetful();
    let (_unseen, silent) = registry(&[]).await;
    let told = ["--admin-listen", "127.0.0.1:0", "--otlp-endpoint", &collector.address];
    let (mut seen, telling) = registry(&told).await;
    let admin = seen.process(0).admin().trim_start_matches("http://").to_owned();
    let _reading = AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            assert!(!get(&admin, "/metrics").await.unwrap().is_empty(), "it tells its measures");
            sleep(READ_EVERY).await;
        }
    }));
    let run = async |registry: &RegistryServiceClient<Channel>| {
        load::run(IN_FLIGHT, effort.span, |_, _| {
            let registry = registry.clone();
            async move { one(registry).await }
        })
        .await
    };
    let pair = in_turn(effort.rounds, async || run(&telling).await, async || run(&silent).await).await;
    let rate = |measured: &load::Measured| Value::Rate(measured.rate());
    vec![
        Row::new(format!("every span and measure told, {IN_FLIGHT} in flight"), rate(&pair.muster))
            .beside(rate(&pair.ceiling), "told to nobody")
            .target(Target::Share(0.95)),
    ]
}
