//! Single aggregates: a command over gRPC to its durable ack.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use muster_api::registry::v1::{Hospital, RegisterHospitalRequest, registry_service_client::RegistryServiceClient};
use muster_domain::kernel::Role;
use muster_e2e::{
    cast::{Cast, id},
    fleet::{Fleet, Pace},
    nats::NatsServer,
};
use muster_edge::testing::call;
use tonic::transport::Channel;

use crate::{
    ceilings::{Front, Raw},
    effort::Effort,
    load::{self, in_turn},
    table::{Row, Target, Value},
};

/// Calls at once.
const IN_FLIGHT: usize = 64;

/// Hospitals registered, each an aggregate of its own.
pub async fn measure(effort: Effort) -> Vec<Row> {
    let fleet = Fleet::start_on(NatsServer::start(), &[&["registry"]], Pace { speed: 1 }, &["replicas"]);
    let address = fleet.addresses("registry").concat();
    Cast::new(|_| address.clone()).now().await;
    let registry = RegistryServiceClient::connect(address).await.unwrap();
    let server = fleet.nats.url();
    let raw = Raw::new(&server, "RAW").await;
    let front = Front::new(Some(Raw::new(&server, "FRONT").await)).await;
    let echo = Front::new(None).await.run(IN_FLIGHT, effort.span).await;
    let register = async || {
        load::run(IN_FLIGHT, effort.span, |_, _| {
            let registry = registry.clone();
            async move { one(registry).await }
        })
        .await
    };
    let against_front = in_turn(effort.rounds, register, async || front.run(IN_FLIGHT, effort.span).await).await;
    let raw = raw.run(IN_FLIGHT, effort.span).await;
    let rate = |measured: &load::Measured| Value::Rate(measured.rate());
    let title = format!("single aggregates, {IN_FLIGHT} in flight");
    vec![
        Row::new(title, rate(&against_front.muster))
            .beside(rate(&against_front.ceiling), "gRPC → publish → reply")
            .target(Target::Share(0.8)),
        Row::new("  one call, median", Value::Time(against_front.muster.within(0.5)))
            .beside(Value::Time(against_front.ceiling.within(0.5)), "gRPC → publish → reply"),
        Row::new("  for comparison: gRPC → publish → reply", rate(&against_front.ceiling))
            .beside(rate(&raw), "raw publish"),
        Row::new("  for comparison: gRPC → reply", rate(&echo)),
    ]
}

/// Registers a hospital that nobody has.
pub(super) async fn one(mut registry: RegistryServiceClient<Channel>) {
    let id = id();
    let hospital = Hospital {
        hospital: format!("h-{id}"),
        name: "Invented Hospital".to_owned(),
        member_state: "FR".to_owned(),
        nuts: "FRD22".to_owned(),
        kind: "university-hospital".to_owned(),
        annex: "I".to_owned(),
        category: "essential".to_owned(),
        size: "large".to_owned(),
    };
    let message = RegisterHospitalRequest { request_id: id, hospital: Some(hospital) };
    registry.register_hospital(call(Role::Operator, "ops", message)).await.unwrap();
}
