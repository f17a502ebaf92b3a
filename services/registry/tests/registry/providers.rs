//! Providers: their terms, and the two persons that suspend one.

use std::time::Duration;

use muster_api::{
    registry::v1::{
        ApproveSuspensionRequest, CatalogueEntry, Certificate, Conflict, EnrolProviderRequest, ExtendCatalogueRequest,
        GetProviderRequest, ListProvidersRequest, ProposeSuspensionRequest, ProposeSuspensionResponse, Provider,
        ReinstateProviderRequest, SuspensionProposal,
    },
    r#type::v1::{Position, ReadAt, read_at::AsOf},
};
use muster_domain::kernel::Role;
use muster_edge::{
    testing::{START, call},
    wire::fields::timestamp,
};
use tonic::{Response, Status};

use crate::{Client, contract, day, empty, heard, provider, reason, since, text, wrong};

const ID: &str = "00000000-0000-4000-8000-000000000002";
const WEEK: Duration = Duration::from_hours(7 * 24);

async fn enrol(client: &mut Client, provider: Provider) -> Result<Position, Status> {
    let message = EnrolProviderRequest { request_id: String::new(), provider: Some(provider) };
    let done = client.enrol_provider(call(Role::Operator, "ops", message)).await;
    done.map(|done| done.into_inner().position.unwrap())
}

async fn propose(
    client: &mut Client,
    by: &str,
    request_id: &str,
) -> Result<Response<ProposeSuspensionResponse>, Status> {
    let message = ProposeSuspensionRequest {
        request_id: text(request_id),
        provider: text("p1"),
        reason: text("its own network is breached"),
    };
    client.propose_suspension(call(Role::Officer, by, message)).await
}

async fn approve(client: &mut Client, by: &str) -> Result<Position, Status> {
    let message = ApproveSuspensionRequest { request_id: String::new(), provider: text("p1") };
    let done = client.approve_suspension(call(Role::Officer, by, message)).await;
    done.map(|done| done.into_inner().position.unwrap())
}

async fn get(client: &mut Client, role: Role, by: &str, read_at: Option<ReadAt>) -> Provider {
    let message = GetProviderRequest { read_at, provider: text("p1") };
    client.get_provider(call(role, by, message)).await.unwrap().into_inner().provider.unwrap()
}

async fn listed(client: &mut Client, role: Role, by: &str, message: ListProvidersRequest) -> Vec<String> {
    let told = client.list_providers(call(role, by, message)).await.unwrap().into_inner();
    told.providers.into_iter().map(|provider| provider.provider).collect()
}

#[tokio::test]
async fn all_terms_of_a_provider_are_kept_and_replaced_as_a_whole() {
    let (_rig, mut client) = empty();
    let full = Provider {
        certificates: vec![
            Certificate { name: text("ISO/IEC 27001"), expires_at: Some(timestamp(day(200))) },
            Certificate { name: text("national qualification"), expires_at: None },
        ],
        clearances: vec![text("FR")],
        conflicts: vec![Conflict {
            scope: text("supplier"),
            reference: text("archive-software"),
            reason: text("it resells the product"),
            effect: text("disclose"),
        }],
        ..provider("p1")
    };
    let first = enrol(&mut client, full.clone()).await.unwrap();
    assert_eq!(get(&mut client, Role::Provider, "p1", since(Some(first))).await, full);
    let second = enrol(&mut client, provider("p1")).await.unwrap();
    assert_eq!(get(&mut client, Role::Auditor, "a1", since(Some(second))).await, provider("p1"));
    let then = Some(ReadAt { as_of: Some(AsOf::Position(first)), at_least: None });
    assert_eq!(get(&mut client, Role::Auditor, "a1", then).await, full);
}

#[tokio::test]
async fn every_wrong_code_of_a_provider_is_told_at_once() {
    let (_rig, mut client) = empty();
    let mut bad = contract("First", 0);
    bad.member_states = vec![text("FR"), text("Belgium")];
    bad.services = vec![text("forensics")];
    (bad.until, bad.onsite_home) = (None, None);
    let message = Provider {
        established_in: text("France"),
        controlled_from: String::new(),
        contracts: vec![contract("y1", 0), bad],
        languages: vec![text("French")],
        clearances: vec![text("XX")],
        conflicts: vec![Conflict { scope: text("rumour"), reference: text("x"), reason: text(""), effect: text("") }],
        suspended: true,
        proposal: Some(SuspensionProposal::default()),
        ..provider("p1")
    };
    let no = client.enrol_provider(call(
        Role::Operator,
        "ops",
        EnrolProviderRequest { request_id: String::new(), provider: Some(message) },
    ));
    let fields = wrong(no.await);
    let expected = [
        "provider.clearances[0]",
        "provider.conflicts[0].effect",
        "provider.conflicts[0].scope",
        "provider.contracts[1].contract",
        "provider.contracts[1].member_states[1]",
        "provider.contracts[1].onsite_home",
        "provider.contracts[1].services[0]",
        "provider.contracts[1].until",
        "provider.controlled_from",
        "provider.established_in",
        "provider.languages[0]",
        "provider.proposal",
        "provider.suspended",
    ];
    assert_eq!(fields.keys().collect::<Vec<_>>(), expected);
    assert!(fields["provider.suspended"].contains("output only"), "{fields:?}");
    let nothing = EnrolProviderRequest::default();
    let fields = wrong(client.enrol_provider(call(Role::Operator, "ops", nothing)).await);
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["provider"]);
}

#[tokio::test]
async fn contracts_overlap_in_no_day_and_offer_what_the_catalogue_has() {
    let (_rig, mut client) = empty();
    let mut unheard = contract("second", 264);
    unheard.services.push(text("x.radiology"));
    unheard.onsite_teams = 5;
    let overlapping = Provider { contracts: vec![contract("first", -100), unheard], ..provider("p1") };
    let message = EnrolProviderRequest { request_id: String::new(), provider: Some(overlapping) };
    let no = client.enrol_provider(call(Role::Operator, "ops", message)).await.map(|_| ()).unwrap_err();
    let told = muster_runtime::status::explain(&no);
    assert_eq!(told.reason, "PROVIDER_INVALID");
    let expected = ["provider.contracts", "provider.contracts[1].onsite_teams", "provider.contracts[1].services"];
    assert_eq!(told.fields.keys().collect::<Vec<_>>(), expected);
    assert!(told.fields["provider.contracts"].contains("overlapping periods: first and second"), "{told:?}");
    let services = &told.fields["provider.contracts[1].services"];
    assert!(services.contains("x.radiology, which is not in the catalogue (Art 14(7)"), "{services}");

    let radiology = CatalogueEntry { service: text("x.radiology"), name: text("Radiology"), source: text("own") };
    let message = ExtendCatalogueRequest { request_id: String::new(), services: vec![radiology] };
    client.extend_catalogue(call(Role::Operator, "ops", message)).await.unwrap();
    let mut added = contract("second", 265);
    added.services.push(text("x.radiology"));
    let now_fine = Provider { contracts: vec![contract("first", -100), added], ..provider("p1") };
    enrol(&mut client, now_fine).await.unwrap();
}

#[tokio::test]
async fn two_persons_suspend_a_provider_and_one_reinstates_it() {
    let (rig, mut client) = empty();
    enrol(&mut client, provider("p1")).await.unwrap();
    let proposed = propose(&mut client, "o1", ID).await.unwrap().into_inner();
    assert_eq!(proposed.lapses_at, Some(timestamp(START.plus(WEEK))));
    assert_eq!(reason(propose(&mut client, "o2", "").await), "SUSPENSION_ALREADY_PROPOSED");
    let same = approve(&mut client, "o1").await.map(Response::new);
    assert_eq!(reason(same), "SAME_PERSON");
    assert!(!get(&mut client, Role::Officer, "o1", None).await.suspended);

    rig.clock.advance(Duration::from_hours(1));
    let approved = approve(&mut client, "o2").await.unwrap();
    let seen = get(&mut client, Role::Provider, "p1", since(Some(approved))).await;
    assert_eq!((seen.suspended, seen.proposal), (true, None));
    let repeated = propose(&mut client, "o1", ID).await.unwrap().into_inner();
    assert_eq!(repeated, proposed, "a repeat hears what was answered, whatever happened since");

    let message = |reason: &str| ReinstateProviderRequest {
        request_id: String::new(),
        provider: text("p1"),
        reason: text(reason),
    };
    let silent = client.reinstate_provider(call(Role::Officer, "o1", message(" "))).await;
    assert_eq!(wrong(silent).keys().collect::<Vec<_>>(), ["reason"]);
    let back = client.reinstate_provider(call(Role::Officer, "o1", message("audited"))).await.unwrap().into_inner();
    assert!(!get(&mut client, Role::Provider, "p1", since(back.position)).await.suspended);
}

#[tokio::test]
async fn a_proposal_is_shown_to_who_may_approve_or_read_all_until_it_lapses() {
    let (rig, mut client) = empty();
    enrol(&mut client, provider("p1")).await.unwrap();
    let position = propose(&mut client, "o1", "").await.unwrap().into_inner().position;
    let proposal = SuspensionProposal {
        reason: text("its own network is breached"),
        proposed_by: text("o1"),
        lapses_at: Some(timestamp(START.plus(WEEK))),
    };
    for (role, by, sees) in [
        (Role::Officer, "o2", true),
        (Role::Commission, "c1", true),
        (Role::Auditor, "a1", true),
        (Role::Operator, "ops", false),
        (Role::Provider, "p1", false),
    ] {
        let expected = sees.then(|| proposal.clone());
        assert_eq!(get(&mut client, role, by, since(position)).await.proposal, expected, "{role}");
        let message = ListProvidersRequest { read_at: since(position), ..ListProvidersRequest::default() };
        let told = client.list_providers(call(role, by, message)).await.unwrap().into_inner();
        assert_eq!(told.providers[0].proposal, expected, "{role}");
    }
    rig.clock.advance(WEEK);
    assert_eq!(get(&mut client, Role::Officer, "o2", None).await.proposal, None);
    let then = Some(ReadAt { as_of: position.map(AsOf::Position), at_least: None });
    assert_eq!(get(&mut client, Role::Officer, "o2", then).await.proposal, Some(proposal));
    let late = approve(&mut client, "o2").await.map(Response::new);
    assert_eq!(reason(late), "NO_SUSPENSION_PROPOSED");
}

#[tokio::test]
async fn a_provider_sees_itself_and_nothing_of_others() {
    let (rig, mut client) = empty();
    let hidden = |id: &str| call(Role::Provider, "p2", GetProviderRequest { read_at: None, provider: text(id) });
    let missing = heard(client.get_provider(hidden("p1")).await);
    enrol(&mut client, provider("p1")).await.unwrap();
    enrol(&mut client, provider("p3")).await.unwrap();
    rig.settle().await;
    assert_eq!(heard(client.get_provider(hidden("p1")).await), missing, "hidden and missing are the same to the byte");
    assert_eq!(reason(client.get_provider(hidden("p2")).await), "NOT_FOUND", "it is not enrolled");

    let all = ListProvidersRequest::default;
    assert_eq!(listed(&mut client, Role::Provider, "p1", all()).await, ["p1"]);
    assert_eq!(listed(&mut client, Role::Provider, "p2", all()).await, [""; 0]);
    assert_eq!(listed(&mut client, Role::Officer, "o1", all()).await, ["p1", "p3"]);
    assert_eq!(reason(client.list_providers(call(Role::Hospital, "chu-rouen", all())).await), "DENIED");
}

#[tokio::test]
async fn providers_are_listed_by_where_and_what() {
    let (rig, mut client) = empty();
    enrol(&mut client, provider("p1")).await.unwrap();
    let mut away = contract("first", 0);
    (away.member_states, away.services) = (vec![text("EL")], vec![text("isim.forensics")]);
    enrol(&mut client, Provider { contracts: vec![away], ..provider("p2") }).await.unwrap();
    rig.settle().await;
    let filter = |country: &str, service: &str| ListProvidersRequest {
        country: text(country),
        service: text(service),
        ..ListProvidersRequest::default()
    };
    for (country, service, expected) in [
        ("", "isim.forensics", &["p1", "p2"][..]),
        ("GR", "", &["p2"]),
        ("BE", "isim.forensics", &["p1"]),
        ("EL", "x.clinical-systems", &[]),
    ] {
        assert_eq!(listed(&mut client, Role::Officer, "o1", filter(country, service)).await, expected);
    }
    let no = client.list_providers(call(Role::Officer, "o1", filter("Greece", "forensics"))).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["country", "service"]);
}

#[tokio::test]
async fn whoever_is_not_in_the_reserve_is_not_suspended() {
    let (_rig, mut client) = empty();
    assert_eq!(reason(propose(&mut client, "o1", "").await), "PROVIDER_NOT_ENROLLED");
    enrol(&mut client, provider("p1")).await.unwrap();
    let silent = ProposeSuspensionRequest { provider: text("p1"), ..ProposeSuspensionRequest::default() };
    let no = client.propose_suspension(call(Role::Officer, "o1", silent)).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["reason"]);
    let message = ProposeSuspensionRequest { provider: text("P 1"), ..ProposeSuspensionRequest::default() };
    let no = client.propose_suspension(call(Role::Officer, "o1", message)).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["provider"]);
}
