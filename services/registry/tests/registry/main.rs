//! The registry over real gRPC on the memory journal.
#![cfg(test)]

mod mandates;
mod providers;
mod records;

use std::{collections::BTreeMap, time::Duration};

use muster_api::{
    registry::v1::{
        Authority, Contract, Hospital, Provider, RegisterAuthorityRequest, RegisterHospitalRequest,
        registry_service_client::RegistryServiceClient,
    },
    r#type::v1::{Position, ReadAt},
};
use muster_domain::kernel::{Role, Timestamp};
use muster_edge::{
    testing::{Rig, START, call},
    wire::fields::{duration, timestamp},
};
use muster_registry::Service;
use tonic::{Response, Status, service::Routes, transport::Channel};

type Client = RegistryServiceClient<Channel>;

/// A registry without a record.
fn empty() -> (Rig, Client) {
    let rig = Rig::start(|edge, follower| Service::new(edge.clone(), follower).beside(Routes::default()));
    let client = RegistryServiceClient::new(rig.channel());
    (rig, client)
}

/// A registry with two authorities of France, one of Spain, CERT-EU, and a hospital in Rouen and in Barcelona.
async fn rig() -> (Rig, Client) {
    let (rig, mut client) = empty();
    for (id, kind, country, spoc) in [
        ("csirt-fr", "csirt", "FR", "spoc-fr"),
        ("crisis-fr", "cyber-crisis-management-authority", "FR", "spoc-fr"),
        ("csirt-es", "csirt", "ES", "spoc-es"),
        ("cert-eu", "cert-eu", "", ""),
    ] {
        let authority = Some(authority(id, kind, country, spoc));
        let message = RegisterAuthorityRequest { request_id: String::new(), authority };
        client.register_authority(call(Role::Operator, "ops", message)).await.unwrap();
    }
    for (id, country, nuts) in [("chu-rouen", "FR", "FRD22"), ("clinic", "ES", "ES511")] {
        let hospital = Some(hospital(id, country, nuts));
        let message = RegisterHospitalRequest { request_id: String::new(), hospital };
        client.register_hospital(call(Role::Operator, "ops", message)).await.unwrap();
    }
    rig.settle().await;
    (rig, client)
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn hospital(id: &str, country: &str, nuts: &str) -> Hospital {
    Hospital {
        hospital: text(id),
        name: format!("hospital {id}"),
        member_state: text(country),
        nuts: text(nuts),
        kind: text("university-hospital"),
        annex: text("I"),
        category: text("essential"),
        size: text("large"),
    }
}

fn authority(id: &str, kind: &str, country: &str, spoc: &str) -> Authority {
    Authority {
        authority: text(id),
        name: format!("authority {id}"),
        kind: text(kind),
        country: text(country),
        spoc: text(spoc),
    }
}

/// A contract for a year, from so many days after the rig's start, or before it.
fn contract(id: &str, from: i64) -> Contract {
    let hours = |hours| Some(duration(Duration::from_hours(hours)));
    Contract {
        contract: text(id),
        from: Some(timestamp(day(from))),
        until: Some(timestamp(day(from + 365))),
        services: vec![text("isim.forensics"), text("x.clinical-systems")],
        member_states: vec![text("BE"), text("FR")],
        teams: 4,
        onsite_teams: 3,
        person_days: 430,
        pre_committed_days: 200,
        remote_start: hours(2),
        onsite_home: hours(6),
        onsite_abroad: hours(16),
    }
}

fn provider(id: &str) -> Provider {
    Provider {
        provider: text(id),
        name: format!("firm {id}"),
        established_in: text("FR"),
        controlled_from: text("FR"),
        contracts: vec![contract("first", -100), contract("second", 265)],
        languages: vec![text("en"), text("fr")],
        health_references: 11,
        ..Provider::default()
    }
}

/// The rig's start, moved by so many days.
fn day(days: i64) -> Timestamp {
    Timestamp::from_millis(START.millis() + days * 86_400_000)
}

/// Reads what an own write shows.
fn since(position: Option<Position>) -> Option<ReadAt> {
    Some(ReadAt { as_of: None, at_least: position })
}

/// Every wrong field, and how.
fn wrong<T>(answer: Result<Response<T>, Status>) -> BTreeMap<String, String> {
    muster_runtime::status::explain(&answer.map(|_| ()).unwrap_err()).fields
}

/// The stable reason of a refusal.
fn reason<T>(answer: Result<Response<T>, Status>) -> String {
    muster_edge::testing::reason(&answer.map(|_| ()).unwrap_err())
}

/// All that a caller hears of a refusal.
fn heard<T>(answer: Result<Response<T>, Status>) -> (tonic::Code, String, Vec<u8>) {
    let no = answer.map(|_| ()).unwrap_err();
    (no.code(), no.message().to_owned(), no.details().to_vec())
}
