//! The realm, hospitals, authorities, requirements, third countries and the catalogue.

use muster_api::{
    registry::v1::{
        AuthoriseThirdCountryRequest, CatalogueEntry, CouncilAct, ExerciseClock, ExtendCatalogueRequest,
        GetRealmRequest, GetRealmResponse, Hospital, ListAuthoritiesRequest, ListHospitalsRequest,
        ListRequirementsRequest, ListServicesRequest, OpenRealmRequest, Realm, RegisterAuthorityRequest,
        RegisterHospitalRequest, RepealThirdCountryRequest, Requirement, SetRequirementRequest,
    },
    r#type::v1::{ReadAt, read_at::AsOf},
};
use muster_domain::kernel::{Role, Timestamp};
use muster_edge::{
    testing::{START, call},
    wire::fields::timestamp,
};
use muster_runtime::clock::{Clock, SystemClock};
use tonic::Code;

use crate::{Client, authority, day, empty, heard, hospital, reason, rig, since, text, wrong};

const ID: &str = "00000000-0000-4000-8000-000000000001";

fn opening(realm: &str, speed: u32) -> OpenRealmRequest {
    let starts_at = Some(timestamp(START));
    let exercise = Some(ExerciseClock { starts_at, started_at: None, speed });
    OpenRealmRequest { request_id: String::new(), realm: Some(Realm { realm: text(realm), exercise }) }
}

fn registering(request_id: &str, hospital: Hospital) -> RegisterHospitalRequest {
    RegisterHospitalRequest { request_id: text(request_id), hospital: Some(hospital) }
}

async fn hospitals_for(client: &mut Client, role: Role, id: &str) -> Vec<String> {
    let told = client.list_hospitals(call(role, id, ListHospitalsRequest::default())).await.unwrap().into_inner();
    told.hospitals.into_iter().map(|hospital| hospital.hospital).collect()
}

#[tokio::test]
async fn a_realm_opens_now_once_and_shows_its_clock() {
    let (rig, mut client) = empty();
    let get = |at| call(Role::Hospital, "chu-rouen", GetRealmRequest { read_at: at });
    assert_eq!(reason(client.get_realm(get(None)).await), "NOT_FOUND");
    let before = SystemClock.now();
    let opened = client.open_realm(call(Role::Operator, "ops", opening("drill", 60))).await.unwrap().into_inner();
    let after = SystemClock.now();
    let GetRealmResponse { realm, now, as_of } =
        client.get_realm(get(since(opened.position))).await.unwrap().into_inner();
    assert_eq!((as_of, now), (opened.position, Some(timestamp(rig.edge.clock.now()))));
    let realm = realm.unwrap();
    let clock = realm.exercise.unwrap();
    assert_eq!((realm.realm.as_str(), clock.starts_at, clock.speed), ("drill", Some(timestamp(START)), 60));
    let started = clock.started_at.unwrap();
    let started = Timestamp::from_millis(started.seconds * 1000 + i64::from(started.nanos) / 1_000_000);
    assert!((before..=after).contains(&started), "it starts now, in the system's time: {started}");

    let again = client.open_realm(call(Role::Operator, "ops", opening("drill", 60))).await.unwrap().into_inner();
    assert_eq!(again.position, opened.position);
    let other = client.open_realm(call(Role::Operator, "ops", opening("drill", 61))).await;
    assert_eq!(reason(other), "REALM_ALREADY_OPEN");
}

#[tokio::test]
async fn another_realm_than_the_one_served_is_refused_by_name() {
    let (_rig, mut client) = empty();
    let fields = wrong(client.open_realm(call(Role::Operator, "ops", opening("live", 1))).await);
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["realm.realm"]);
    assert!(fields["realm.realm"].contains("drill is served here"), "{fields:?}");
    let timeless = OpenRealmRequest { realm: Some(Realm { realm: text("drill"), exercise: None }), ..opening("", 1) };
    assert_eq!(reason(client.open_realm(call(Role::Operator, "ops", timeless)).await), "EXERCISE_NEEDS_CLOCK");
    let fields = wrong(client.open_realm(call(Role::Operator, "ops", OpenRealmRequest::default())).await);
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["realm"]);
}

#[tokio::test]
async fn each_sees_the_hospitals_that_are_theirs() {
    let (_rig, mut client) = rig().await;
    for (role, id, expected) in [
        (Role::Officer, "o1", &["chu-rouen", "clinic"][..]),
        (Role::Operator, "ops", &["chu-rouen", "clinic"]),
        (Role::Authority, "crisis-fr", &["chu-rouen"]),
        (Role::Authority, "csirt-es", &["clinic"]),
        (Role::Authority, "cert-eu", &["chu-rouen", "clinic"]),
        (Role::Spoc, "spoc-fr", &["chu-rouen"]),
        (Role::Hospital, "clinic", &["clinic"]),
        (Role::Hospital, "stranger", &[]),
    ] {
        assert_eq!(hospitals_for(&mut client, role, id).await, expected, "{role} {id}");
    }
    let denied = client.list_hospitals(call(Role::Provider, "p1", ListHospitalsRequest::default())).await;
    assert_eq!(reason(denied), "DENIED");
}

#[tokio::test]
async fn a_record_is_replaced_as_a_whole_and_reads_as_it_was() {
    let (_rig, mut client) = rig().await;
    let first = registering("", hospital("chu-lyon", "FR", "FRK26"));
    let first = client.register_hospital(call(Role::Operator, "ops", first)).await.unwrap().into_inner();
    let renamed = Hospital { name: text("Hospices de Lyon"), ..hospital("chu-lyon", "FR", "FRK26") };
    let second = registering("", renamed.clone());
    let second = client.register_hospital(call(Role::Operator, "ops", second)).await.unwrap().into_inner();
    for (read_at, expected) in [
        (since(second.position), renamed),
        (
            Some(ReadAt { as_of: first.position.map(AsOf::Position), at_least: second.position }),
            hospital("chu-lyon", "FR", "FRK26"),
        ),
    ] {
        let message = ListHospitalsRequest { read_at, country: text("FR"), ..ListHospitalsRequest::default() };
        let told = client.list_hospitals(call(Role::Auditor, "a1", message)).await.unwrap().into_inner();
        assert_eq!(told.hospitals.first(), Some(&expected));
    }
}

#[tokio::test]
async fn pages_of_hospitals_follow_one_another() {
    let (_rig, mut client) = rig().await;
    let page = |page_token| ListHospitalsRequest { page_size: 1, page_token, ..ListHospitalsRequest::default() };
    let first = client.list_hospitals(call(Role::Officer, "o1", page(String::new()))).await.unwrap().into_inner();
    let another = registering("", hospital("aphp", "FR", "FR101"));
    client.register_hospital(call(Role::Operator, "ops", another)).await.unwrap();
    let next = page(first.next_page_token);
    let second = client.list_hospitals(call(Role::Officer, "o1", next)).await.unwrap().into_inner();
    assert_eq!((second.hospitals[0].hospital.as_str(), second.next_page_token.as_str()), ("clinic", ""));
    assert_eq!(second.as_of, first.as_of);
}

#[tokio::test]
async fn every_wrong_field_of_a_hospital_is_told_at_once() {
    let (_rig, mut client) = empty();
    let wrong_codes = Hospital {
        hospital: text("CHU Rouen"),
        member_state: text("France"),
        nuts: text("Normandie"),
        annex: text("III"),
        category: String::new(),
        ..hospital("chu-rouen", "FR", "FRD22")
    };
    let fields = wrong(client.register_hospital(call(Role::Operator, "ops", registering("", wrong_codes))).await);
    let expected =
        ["hospital.annex", "hospital.category", "hospital.hospital", "hospital.member_state", "hospital.nuts"];
    assert_eq!(fields.keys().collect::<Vec<_>>(), expected);
    let elsewhere = Hospital { name: text(" "), ..hospital("chu-rouen", "BE", "FRD22") };
    let no = client.register_hospital(call(Role::Operator, "ops", registering("", elsewhere))).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["hospital.name", "hospital.nuts"]);
    let long = hospital(&"x".repeat(64), "FR", "FRD22");
    let no = client.register_hospital(call(Role::Operator, "ops", registering("", long))).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["hospital.hospital"]);
}

#[tokio::test]
async fn the_same_command_again_is_done_once_and_another_under_its_id_is_refused() {
    let (_rig, mut client) = empty();
    let message = registering(ID, hospital("chu-rouen", "FR", "FRD22"));
    let first = client.register_hospital(call(Role::Operator, "ops", message.clone())).await.unwrap().into_inner();
    let later = registering("", Hospital { size: text("medium"), ..hospital("chu-rouen", "FR", "FRD22") });
    client.register_hospital(call(Role::Operator, "ops", later)).await.unwrap();
    let again = client.register_hospital(call(Role::Operator, "ops", message)).await.unwrap().into_inner();
    assert_eq!(again.position, first.position);

    let other = registering(ID, Hospital { name: text("another"), ..hospital("chu-rouen", "FR", "FRD22") });
    let no = client.register_hospital(call(Role::Operator, "ops", other)).await.unwrap_err();
    assert_eq!((no.code(), muster_edge::testing::reason(&no).as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    let no_uuid = registering("tuesday", hospital("chu-rouen", "FR", "FRD22"));
    assert_eq!(reason(client.register_hospital(call(Role::Operator, "ops", no_uuid)).await), "REQUEST_ID_INVALID");
}

#[tokio::test]
async fn authorities_are_listed_to_everybody_and_their_kind_decides_what_they_need() {
    let (_rig, mut client) = rig().await;
    let list = |country: &str| ListAuthoritiesRequest { country: text(country), ..ListAuthoritiesRequest::default() };
    let told = client.list_authorities(call(Role::Provider, "p1", list(""))).await.unwrap().into_inner();
    let ids: Vec<_> = told.authorities.iter().map(|authority| authority.authority.as_str()).collect();
    assert_eq!(ids, ["cert-eu", "crisis-fr", "csirt-es", "csirt-fr"]);
    assert_eq!(told.authorities[3], authority("csirt-fr", "csirt", "FR", "spoc-fr"));
    let told = client.list_authorities(call(Role::Provider, "p1", list("ES"))).await.unwrap().into_inner();
    assert_eq!(told.authorities, [authority("csirt-es", "csirt", "ES", "spoc-es")]);

    let alone = RegisterAuthorityRequest { request_id: text(""), authority: Some(authority("x", "csirt", "CH", "")) };
    let no = client.register_authority(call(Role::Operator, "ops", alone)).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["authority.country", "authority.spoc"]);
    let codes = RegisterAuthorityRequest { request_id: text(""), authority: Some(authority("x", "police", "XX", "A")) };
    let no = client.register_authority(call(Role::Operator, "ops", codes)).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["authority.country", "authority.kind", "authority.spoc"]);
}

#[tokio::test]
async fn a_filter_that_is_no_country_is_refused_by_name() {
    let (_rig, mut client) = rig().await;
    let message = ListAuthoritiesRequest { country: text("Spain"), ..ListAuthoritiesRequest::default() };
    let fields = wrong(client.list_authorities(call(Role::Officer, "o1", message)).await);
    assert!(fields["country"].contains("'Spain' is not in ISO 3166-1"), "{fields:?}");
    let message = ListHospitalsRequest { country: text("Spain"), ..ListHospitalsRequest::default() };
    let fields = wrong(client.list_hospitals(call(Role::Officer, "o1", message)).await);
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["country"]);
}

#[tokio::test]
async fn requirements_are_set_and_listed_in_protocol_order() {
    let (_rig, mut client) = empty();
    let requirement = |country: &str| Requirement {
        member_state: text(country),
        certificates_any_of: vec![text("national qualification")],
        essential_only: true,
        eu_control: true,
        clearance: false,
    };
    let mut position = None;
    for country in ["FR", "DE", "GR", "BE"] {
        let message = SetRequirementRequest { request_id: text(""), requirement: Some(requirement(country)) };
        position = client.set_requirement(call(Role::Operator, "ops", message)).await.unwrap().into_inner().position;
    }
    let list = ListRequirementsRequest { read_at: since(position) };
    let told = client.list_requirements(call(Role::Provider, "p1", list)).await.unwrap().into_inner();
    assert_eq!(told.requirements, ["BE", "DE", "EL", "FR"].map(requirement));
    assert_eq!(told.as_of, position);

    let abroad = SetRequirementRequest { request_id: text(""), requirement: Some(requirement("CH")) };
    let no = client.set_requirement(call(Role::Operator, "ops", abroad)).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["requirement.member_state"]);
    let denied = SetRequirementRequest { request_id: text(""), requirement: Some(requirement("FR")) };
    assert_eq!(reason(client.set_requirement(call(Role::Officer, "o1", denied)).await), "DENIED");
}

#[tokio::test]
async fn a_council_act_opens_the_reserve_until_it_is_repealed() {
    let (_rig, mut client) = empty();
    let act = |reference: &str, country: &str| AuthoriseThirdCountryRequest {
        request_id: String::new(),
        act: Some(CouncilAct {
            country: text(country),
            reference: text(reference),
            from: Some(timestamp(day(0))),
            until: Some(timestamp(day(300))),
            days_max: Some(75),
        }),
    };
    let repeal = |reference: &str| RepealThirdCountryRequest {
        request_id: String::new(),
        country: text("MD"),
        reference: text(reference),
    };
    client.authorise_third_country(call(Role::Operator, "ops", act("first", "MD"))).await.unwrap();
    let overlapping = client.authorise_third_country(call(Role::Operator, "ops", act("second", "MD"))).await;
    assert_eq!(reason(overlapping), "COUNCIL_ACT_OVERLAPS");
    let unknown = client.repeal_third_country(call(Role::Operator, "ops", repeal("second"))).await;
    assert_eq!(reason(unknown), "COUNCIL_ACT_NOT_FOUND");
    client.repeal_third_country(call(Role::Operator, "ops", repeal("first"))).await.unwrap();
    client.authorise_third_country(call(Role::Operator, "ops", act("second", "MD"))).await.unwrap();

    let inside = client.authorise_third_country(call(Role::Operator, "ops", act("third", "FR"))).await;
    assert_eq!(wrong(inside).keys().collect::<Vec<_>>(), ["act.country"]);
    let mut timeless = act("third", "XX");
    timeless.act.as_mut().unwrap().until = None;
    let no = client.authorise_third_country(call(Role::Operator, "ops", timeless)).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["act.country", "act.until"]);
}

#[tokio::test]
async fn what_is_added_to_the_catalogue_can_be_asked_for() {
    let (_rig, mut client) = empty();
    let extending = |service: &str, name: &str| ExtendCatalogueRequest {
        request_id: String::new(),
        services: vec![CatalogueEntry { service: text(service), name: text(name), source: text("own") }],
    };
    let list = |read_at| call(Role::Hospital, "chu-rouen", ListServicesRequest { read_at });
    let before = client.list_services(list(None)).await.unwrap().into_inner().services;
    let added = client.extend_catalogue(call(Role::Operator, "ops", extending("x.radiology", "Radiology"))).await;
    let position = added.unwrap().into_inner().position;
    let after = client.list_services(list(since(position))).await.unwrap().into_inner().services;
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after[before.len()..], extending("x.radiology", "Radiology").services);

    let renamed = client.extend_catalogue(call(Role::Operator, "ops", extending("x.radiology", "Imaging"))).await;
    assert_eq!(reason(renamed), "SERVICE_NAME_TAKEN");
    let no = client.extend_catalogue(call(Role::Operator, "ops", extending("radiology", "Radiology"))).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["services[0].service"]);
}

#[tokio::test]
async fn nobody_but_the_operator_keeps_the_register() {
    let (_rig, mut client) = rig().await;
    for role in Role::ALL.iter().copied().filter(|role| !matches!(role, Role::Operator | Role::System)) {
        let message = registering("", hospital("chu-rouen", "FR", "FRD22"));
        let (code, says, _) = heard(client.register_hospital(call(role, "chu-rouen", message)).await);
        assert_eq!(code, Code::PermissionDenied, "{role}: {says}");
    }
}
