//! Requests over real gRPC: from a hospital's call to the day when nothing more follows.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod errands;

use std::time::Duration;

use muster_api::{
    intake::v1::{
        AmendRequestRequest, EndorseRequestRequest, FileReportRequest, GetRequestRequest, HandleNationallyRequest,
        ListRequestsRequest, OpenRequestRequest, OpenRequestResponse, Request, ReturnRequestRequest,
        SubmitRequestRequest, SummaryReport, WithdrawRequestRequest, intake_service_client::IntakeServiceClient,
    },
    r#type::v1::{Contact, Entity, Facts, Impact, Needs, Position, ReadAt, read_at::AsOf},
};
use muster_domain::{
    codes::{Country, Nuts},
    dispatch::events::DeskEvent,
    event::Event,
    intake::facts::report_due,
    kernel::{AuthorityId, HospitalId, MandateId, RequestId, Role, SpocId},
    registry::events::{
        Annex, Authority, AuthorityEvent, AuthorityKind, Category, Hospital, HospitalEvent, Mandate, MandateEvent, Size,
    },
};
use muster_edge::{
    testing::{Rig, START, actor, call, reason},
    wire::fields::timestamp,
};
use muster_intake::{Service, react::react};
use muster_runtime::{clock::Clock, status::explain};
use tonic::{Code, Status, service::Routes, transport::Channel};

type Client = IntakeServiceClient<Channel>;

/// A service in a realm with two authorities of France, one of Spain, CERT-EU, and a hospital in Rouen and in Barcelona.
async fn rig() -> (Rig, Client) {
    let (rig, client, service) = idle_rig().await;
    tokio::spawn(react(service));
    (rig, client)
}

/// The same, before intake does anything by itself.
async fn idle_rig() -> (Rig, Client, Service) {
    let mut kept = None;
    let rig = Rig::start(|edge, follower| {
        let service = Service::new(edge.clone(), follower);
        kept = Some(service.clone());
        service.beside(Routes::default())
    });
    for (id, kind, country) in [
        ("csirt-fr", AuthorityKind::Csirt, "FR"),
        ("crisis-fr", AuthorityKind::CrisisManagement, "FR"),
        ("csirt-es", AuthorityKind::Csirt, "ES"),
        ("cert-eu", AuthorityKind::CertEu, ""),
    ] {
        let country = Country::parse(country).ok();
        let spoc = country.map(|c| SpocId::parse(&format!("spoc-{}", c.as_str().to_lowercase())).unwrap());
        let authority = Authority { id: AuthorityId::parse(id).unwrap(), name: id.to_owned(), kind, country, spoc };
        let subject = rig.edge.subjects.authority(&authority.id).unwrap();
        rig.append(&subject, operator(), vec![Event::Authority(AuthorityEvent::Registered(authority))]).await;
    }
    for (id, nuts) in [("chu-rouen", "FRD22"), ("clinic", "ES511")] {
        let hospital = Hospital {
            id: HospitalId::parse(id).unwrap(),
            name: id.to_owned(),
            member_state: Country::parse(nuts.split_at(2).0).unwrap(),
            nuts: Nuts::parse(nuts).unwrap(),
            kind: "university-hospital".to_owned(),
            annex: Annex::One,
            category: Category::Essential,
            size: Size::Large,
        };
        let subject = rig.edge.subjects.hospital(&hospital.id).unwrap();
        rig.append(&subject, operator(), vec![Event::Hospital(HospitalEvent::Registered(hospital))]).await;
    }
    rig.settle().await;
    let client = IntakeServiceClient::new(rig.channel());
    (rig, client, kept.unwrap())
}

fn operator() -> muster_domain::kernel::Actor {
    actor(Role::Operator, "ops")
}

fn facts() -> Facts {
    Facts {
        incident: "2026-114".to_owned(),
        detected_at: Some(timestamp(START)),
        detected_precision: "minute".to_owned(),
        country: "FR".to_owned(),
        nuts: vec!["FRD22".to_owned()],
        languages: vec!["fr".to_owned()],
        entity: Some(Entity {
            name: "CHU de Rouen".to_owned(),
            kind: "university-hospital".to_owned(),
            annex: "I".to_owned(),
            category: "essential".to_owned(),
            size: "large".to_owned(),
        }),
        incident_types: vec!["malicious-code/infected-system".to_owned()],
        class_claimed: "significant".to_owned(),
        national_capacity_exceeded: false,
        impact: Some(Impact {
            hospitals_affected: Some(1),
            emergency: "closed".to_owned(),
            records_unavailable: Some(true),
            services_restored: Some(false),
            data_breach: Some(false),
            ransom_demanded: None,
        }),
        spillover: "low".to_owned(),
        affected: vec!["FR".to_owned()],
        needs: Some(Needs {
            services: vec!["isim.forensics".to_owned()],
            remote_teams: 1,
            onsite_teams: 0,
            person_days: 20,
            duration: None,
        }),
        measures: vec!["isolation".to_owned()],
        suppliers: vec![],
        tlp: "TLP:AMBER".to_owned(),
        exercise: true,
    }
}

fn contact() -> Contact {
    Contact {
        name: "A. Martin".to_owned(),
        email: "crisis@example.org".to_owned(),
        phone: "+33 1 00 00 00 00".to_owned(),
        narrative: "Nothing works but the telephone.".to_owned(),
    }
}

fn opening(request_id: &str) -> OpenRequestRequest {
    OpenRequestRequest {
        request_id: request_id.to_owned(),
        hospital: String::new(),
        facts: Some(facts()),
        contact: Some(contact()),
    }
}

async fn open(client: &mut Client) -> OpenRequestResponse {
    client.open_request(call(Role::Hospital, "chu-rouen", opening(""))).await.unwrap().into_inner()
}

async fn endorse(client: &mut Client, by: &str, request: &str) -> Result<Position, Status> {
    let message = EndorseRequestRequest { request_id: String::new(), request: request.to_owned() };
    Ok(client.endorse_request(call(Role::Authority, by, message)).await?.into_inner().position.unwrap())
}

async fn submit(client: &mut Client, role: Role, by: &str, request: &str) -> Result<(), Status> {
    let message = SubmitRequestRequest { request_id: String::new(), request: request.to_owned() };
    client.submit_request(call(role, by, message)).await.map(drop)
}

async fn withdraw(client: &mut Client, role: Role, by: &str, request: &str) -> Result<(), Status> {
    let reason = "restored from backup".to_owned();
    let message = WithdrawRequestRequest { request_id: String::new(), request: request.to_owned(), reason };
    client.withdraw_request(call(role, by, message)).await.map(drop)
}

async fn submitted(client: &mut Client) -> RequestId {
    let request = open(client).await.request;
    endorse(client, "csirt-fr", &request).await.unwrap();
    submit(client, Role::Spoc, "spoc-fr", &request).await.unwrap();
    RequestId::parse(&request).unwrap()
}

async fn get(client: &mut Client, role: Role, by: &str, request: &str) -> Result<Request, Status> {
    let message = GetRequestRequest { read_at: None, request: request.to_owned() };
    Ok(client.get_request(call(role, by, message)).await?.into_inner().request.unwrap())
}

/// Waits until the request has come to a state by itself.
async fn comes_to(rig: &Rig, client: &mut Client, request: &str, state: &str) -> Request {
    let mut steps = rig.edge.people.steps();
    loop {
        let found = get(client, Role::Officer, "duty", request).await.unwrap();
        if found.state == state {
            return found;
        }
        let moved = tokio::time::timeout(Duration::from_secs(10), steps.changed()).await;
        moved.unwrap_or_else(|_| panic!("it stays {} and does not come to {state}", found.state)).unwrap();
    }
}

#[tokio::test]
async fn a_request_goes_from_the_hospital_through_its_authority_to_the_contracting_authority() {
    let (rig, mut client) = rig().await;
    let opened = open(&mut client).await;
    assert_eq!(opened.state, "opened");
    rig.clock.advance(Duration::from_secs(60));
    endorse(&mut client, "csirt-fr", &opened.request).await.unwrap();
    rig.clock.advance(Duration::from_secs(60));
    let message = SubmitRequestRequest { request_id: String::new(), request: opened.request.clone() };
    let answer = client.submit_request(call(Role::Spoc, "spoc-fr", message)).await.unwrap().into_inner();
    let at = START.plus(Duration::from_secs(120));
    assert_eq!(answer.submitted_at, Some(timestamp(at)));
    assert_eq!(answer.answer_due_at, Some(timestamp(at.plus(Duration::from_hours(48)))));

    let read_at = Some(ReadAt { as_of: None, at_least: answer.position });
    let message = GetRequestRequest { read_at, request: opened.request };
    let found = client.get_request(call(Role::Hospital, "chu-rouen", message)).await.unwrap().into_inner();
    assert_eq!(found.as_of, answer.position);
    let found = found.request.unwrap();
    assert_eq!((found.state.as_str(), found.authority.as_str()), ("submitted", "csirt-fr"));
    assert_eq!(found.route.unwrap().spoc, "spoc-fr");
    assert_eq!((found.facts, found.contact), (Some(facts()), Some(contact())));
    assert_eq!((found.opened_at, found.submitted_at), (Some(timestamp(START)), Some(timestamp(at))));
}

#[tokio::test]
async fn the_same_call_again_is_done_once_and_another_under_its_id_is_refused() {
    let (rig, mut client) = rig().await;
    let id = "0d3b6f7e-3c1f-4a55-8f0a-2f6d5b9f3c11";
    let first = client.open_request(call(Role::Hospital, "chu-rouen", opening(id))).await.unwrap().into_inner();
    let again = client.open_request(call(Role::Hospital, "chu-rouen", opening(id))).await.unwrap().into_inner();
    assert_eq!(first, again);
    let mut other = opening(id);
    other.facts.as_mut().unwrap().tlp = "TLP:RED".to_owned();
    let no = client.open_request(call(Role::Hospital, "chu-rouen", other)).await.unwrap_err();
    assert_eq!(reason(&no), "REQUEST_ID_REUSED");
    let other = OpenRequestRequest { contact: Some(Contact { phone: "112".to_owned(), ..contact() }), ..opening(id) };
    let no = client.open_request(call(Role::Hospital, "chu-rouen", other)).await.unwrap_err();
    assert_eq!(reason(&no), "REQUEST_ID_REUSED");
    let requests = client.list_requests(call(Role::Officer, "duty", ListRequestsRequest::default())).await.unwrap();
    assert_eq!(requests.into_inner().requests.len(), 1);
    rig.settle().await;
}

#[tokio::test]
async fn everything_wrong_is_told_at_once_and_nothing_is_kept() {
    let (rig, mut client) = rig().await;
    let before = rig.edge.journal.last().await.unwrap();
    let mut bad = opening("");
    let facts = bad.facts.as_mut().unwrap();
    facts.nuts = vec!["DE212".to_owned()];
    facts.detected_at = Some(timestamp(START.plus(Duration::from_hours(2))));
    facts.needs.as_mut().unwrap().services = vec!["x.miracles".to_owned()];
    facts.entity.as_mut().unwrap().name = "RESTREINT UE/EU RESTRICTED".to_owned();
    let no = client.open_request(call(Role::Hospital, "chu-rouen", bad.clone())).await.unwrap_err();
    let told = explain(&no);
    assert_eq!((no.code(), told.reason.as_str()), (Code::InvalidArgument, "FACTS_INVALID"));
    let fields: Vec<_> = told.fields.keys().map(String::as_str).collect();
    assert_eq!(fields, ["facts.detected_at", "facts.entity.name", "facts.needs.services", "facts.nuts[0]"]);

    let facts = bad.facts.as_mut().unwrap();
    (facts.country, facts.tlp) = ("UK".to_owned(), "secret".to_owned());
    facts.impact = None;
    let no = client.open_request(call(Role::Hospital, "chu-rouen", bad)).await.unwrap_err();
    let told = explain(&no);
    assert_eq!(told.reason, "UNREADABLE_FIELDS");
    let fields: Vec<_> = told.fields.keys().map(String::as_str).collect();
    assert_eq!(fields, ["facts.country", "facts.impact", "facts.tlp"]);
    assert_eq!(rig.edge.journal.last().await.unwrap(), before);
    assert_eq!(rig.edge.vault.subjects().await.unwrap(), []);
}

#[tokio::test]
async fn a_stranger_is_answered_as_if_there_were_nothing() {
    let (_rig, mut client) = rig().await;
    let request = open(&mut client).await.request;
    let missing = "5e9f7c1a-0000-4000-8000-000000000000";
    for (role, by) in [(Role::Hospital, "clinic"), (Role::Authority, "csirt-es"), (Role::Spoc, "spoc-fr")] {
        let hidden = get(&mut client, role, by, &request).await.unwrap_err();
        let none = get(&mut client, role, by, missing).await.unwrap_err();
        assert_eq!(hidden.message().replace(&request, missing), none.message());
        assert_eq!(hidden.code(), none.code());
    }
    let no = endorse(&mut client, "csirt-es", &request).await.unwrap_err();
    assert_eq!((no.code(), reason(&no).as_str()), (Code::NotFound, "NOT_FOUND"));
    let mut elsewhere = opening("");
    elsewhere.hospital = "clinic".to_owned();
    let no = client.open_request(call(Role::Authority, "csirt-fr", elsewhere)).await.unwrap_err();
    assert_eq!(reason(&no), "NOT_FOUND", "an authority opens for hospitals of its country only");
    let no = client.open_request(call(Role::Provider, "s01", opening(""))).await.unwrap_err();
    assert_eq!((no.code(), reason(&no).as_str()), (Code::PermissionDenied, "DENIED"));
    let listed = client.list_requests(call(Role::Authority, "csirt-es", ListRequestsRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().requests, []);
}

#[tokio::test]
async fn an_authority_may_open_for_a_hospital_that_cannot() {
    let (_rig, mut client) = rig().await;
    let message = OpenRequestRequest { hospital: "chu-rouen".to_owned(), ..opening("") };
    let opened = client.open_request(call(Role::Authority, "crisis-fr", message)).await.unwrap().into_inner();
    let found = get(&mut client, Role::Hospital, "chu-rouen", &opened.request).await.unwrap();
    assert_eq!(found.hospital, "chu-rouen");
    let no = client.open_request(call(Role::Hospital, "nowhere", opening(""))).await.unwrap_err();
    assert_eq!(reason(&no), "NOT_FOUND", "a hospital is on record first");
}

#[tokio::test]
async fn what_is_returned_is_amended_and_endorsed_anew() {
    let (_rig, mut client) = rig().await;
    let request = open(&mut client).await.request;
    let message = |reason: &str| ReturnRequestRequest {
        request_id: String::new(),
        request: request.clone(),
        reason: reason.to_owned(),
        note: "say what you have isolated".to_owned(),
    };
    let no = client.return_request(call(Role::Authority, "csirt-fr", message("because"))).await.unwrap_err();
    assert!(explain(&no).fields.contains_key("reason"));
    client.return_request(call(Role::Authority, "csirt-fr", message("measures-missing"))).await.unwrap();
    let found = get(&mut client, Role::Hospital, "chu-rouen", &request).await.unwrap();
    assert_eq!((found.state.as_str(), found.reason.as_str()), ("returned", "measures-missing"));
    assert_eq!(found.note, "say what you have isolated");

    let mut amended = facts();
    amended.measures.push("csirt-engaged".to_owned());
    let contact = Contact { phone: "+33 2 00 00 00 00".to_owned(), ..contact() };
    let message = AmendRequestRequest {
        request_id: String::new(),
        request: request.clone(),
        facts: Some(amended),
        contact: Some(contact.clone()),
    };
    client.amend_request(call(Role::Hospital, "chu-rouen", message)).await.unwrap();
    let no = submit(&mut client, Role::Spoc, "spoc-fr", &request).await.unwrap_err();
    assert_eq!(reason(&no), "NOT_FOUND", "it is nobody's until it is endorsed anew");
    endorse(&mut client, "crisis-fr", &request).await.unwrap();
    submit(&mut client, Role::Spoc, "spoc-fr", &request).await.unwrap();
    let found = get(&mut client, Role::Spoc, "spoc-fr", &request).await.unwrap();
    assert_eq!((found.authority.as_str(), found.contact), ("crisis-fr", Some(contact)));
    assert_eq!(found.facts.unwrap().measures, ["csirt-engaged", "isolation"]);
}

#[tokio::test]
async fn whom_to_call_is_told_to_those_who_meet_people_only() {
    let (rig, mut client) = rig().await;
    let request = submitted(&mut client).await.to_string();
    for (role, by, told) in [
        (Role::Hospital, "chu-rouen", true),
        (Role::Authority, "csirt-fr", true),
        (Role::Spoc, "spoc-fr", true),
        (Role::Officer, "duty", true),
        (Role::Commission, "duty", true),
        (Role::Auditor, "audit", false),
    ] {
        let found = get(&mut client, role, by, &request).await.unwrap();
        assert_eq!(found.contact.is_some(), told, "{role}");
    }
    for subject in rig.edge.vault.subjects().await.unwrap() {
        rig.edge.vault.erase(&subject).await.unwrap();
    }
    let found = get(&mut client, Role::Hospital, "chu-rouen", &request).await.unwrap();
    assert_eq!(found.contact, None, "what is erased is gone");
}

async fn mandate(rig: &Rig) {
    let mandate = Mandate {
        id: MandateId::parse("m-1").unwrap(),
        hospital: HospitalId::parse("chu-rouen").unwrap(),
        authority: AuthorityId::parse("csirt-fr").unwrap(),
        spoc: SpocId::parse("spoc-fr").unwrap(),
        from: START,
        until: START.plus(Duration::from_hours(24 * 365)),
    };
    let subject = rig.edge.subjects.mandate(&mandate.id).unwrap();
    rig.append(&subject, actor(Role::Authority, "csirt-fr"), vec![MandateEvent::Signed(mandate).into()]).await;
    rig.append(&subject, actor(Role::Spoc, "spoc-fr"), vec![MandateEvent::Countersigned.into()]).await;
    rig.settle().await;
}

#[tokio::test]
async fn a_standing_mandate_carries_a_critical_request_on_at_once() {
    let (rig, mut client) = rig().await;
    mandate(&rig).await;
    let opened = open(&mut client).await;
    assert_eq!(opened.state, "submitted");
    let found = get(&mut client, Role::Hospital, "chu-rouen", &opened.request).await.unwrap();
    assert_eq!((found.mandate.as_str(), found.authority.as_str()), ("m-1", "csirt-fr"));
    assert_eq!(found.route.unwrap().spoc, "spoc-fr");

    let mut calm = opening("");
    calm.facts.as_mut().unwrap().impact = Some(Impact {
        hospitals_affected: Some(0),
        emergency: "open".to_owned(),
        records_unavailable: Some(false),
        ..facts().impact.unwrap()
    });
    let opened = client.open_request(call(Role::Hospital, "chu-rouen", calm)).await.unwrap().into_inner();
    assert_eq!(opened.state, "opened", "what is not critical waits for a person");
}

#[tokio::test]
async fn a_mandate_that_is_revoked_meanwhile_acts_no_more() {
    let (rig, mut client, service) = idle_rig().await;
    mandate(&rig).await;
    let request = open(&mut client).await.request;
    let subject = rig.edge.subjects.mandate(&MandateId::parse("m-1").unwrap()).unwrap();
    let revoked = MandateEvent::Revoked { reason: "the hospital closes".to_owned() };
    rig.append(&subject, actor(Role::Authority, "csirt-fr"), vec![revoked.into()]).await;
    rig.settle().await;
    tokio::spawn(react(service));
    // What intake does by itself it does in order: this link comes after whatever the mandate would have done.
    let second = open(&mut client).await.request;
    let mut steps = rig.edge.people.steps();
    while get(&mut client, Role::Hospital, "chu-rouen", &second).await.unwrap().linked_to.is_empty() {
        tokio::time::timeout(Duration::from_secs(10), steps.changed()).await.expect("it is linked").unwrap();
    }
    assert_eq!(get(&mut client, Role::Hospital, "chu-rouen", &request).await.unwrap().state, "opened");
}

#[tokio::test]
async fn a_mandate_does_not_act_on_what_a_person_sent_back() {
    let (rig, mut client) = rig().await;
    let request = open(&mut client).await.request;
    let message = ReturnRequestRequest {
        request_id: String::new(),
        request: request.clone(),
        reason: "facts-missing".to_owned(),
        note: String::new(),
    };
    client.return_request(call(Role::Authority, "csirt-fr", message)).await.unwrap();
    mandate(&rig).await;
    let message = AmendRequestRequest {
        request_id: String::new(),
        request: request.clone(),
        facts: Some(facts()),
        contact: None,
    };
    client.amend_request(call(Role::Hospital, "chu-rouen", message)).await.unwrap();
    // The next request is carried on, so this one would have been before it.
    assert_eq!(open(&mut client).await.state, "submitted");
    assert_eq!(get(&mut client, Role::Hospital, "chu-rouen", &request).await.unwrap().state, "opened");
}

#[tokio::test]
async fn requests_about_the_same_incident_are_linked_and_both_kept() {
    let (rig, mut client) = rig().await;
    let first = open(&mut client).await.request;
    let message = OpenRequestRequest { hospital: "chu-rouen".to_owned(), ..opening("") };
    let second = client.open_request(call(Role::Authority, "crisis-fr", message)).await.unwrap().into_inner().request;
    let mut steps = rig.edge.people.steps();
    let linked = loop {
        let found = get(&mut client, Role::Hospital, "chu-rouen", &second).await.unwrap();
        if !found.linked_to.is_empty() {
            break found.linked_to;
        }
        tokio::time::timeout(Duration::from_secs(10), steps.changed()).await.expect("it is linked").unwrap();
    };
    assert_eq!(linked.concat(), first);
    assert_eq!(get(&mut client, Role::Hospital, "chu-rouen", &first).await.unwrap().state, "opened");
}

#[tokio::test]
async fn when_all_work_is_done_the_report_is_due_and_closes_the_request() {
    let (rig, mut client) = rig().await;
    let request = submitted(&mut client).await;
    let finished = DeskEvent::RequestFinished { request: request.clone(), supported: true };
    let desk = rig.edge.subjects.desk().unwrap();
    rig.append(&desk, actor(Role::System, "desk"), vec![finished.into()]).await;
    let found = comes_to(&rig, &mut client, request.as_str(), "support-ended").await;
    let two_months = report_due(rig.clock.now());
    assert_eq!(found.report_due_at, Some(timestamp(two_months)));
    let message = |hash: &str| FileReportRequest {
        request_id: String::new(),
        request: request.to_string(),
        report: Some(SummaryReport {
            aim_reached: true,
            hours_to_emergency_care: Some(30),
            document_sha256: hash.to_owned(),
        }),
    };
    let no = client.file_report(call(Role::Authority, "csirt-fr", message("x"))).await.unwrap_err();
    assert!(explain(&no).fields.contains_key("report.document_sha256"));
    client.file_report(call(Role::Authority, "csirt-fr", message(&"ab".repeat(32)))).await.unwrap();
    let found = get(&mut client, Role::Authority, "csirt-fr", request.as_str()).await.unwrap();
    assert_eq!((found.state.as_str(), found.reason.as_str()), ("closed", "reported"));
    assert!(found.report.unwrap().aim_reached);
}

#[tokio::test]
async fn a_withdrawal_is_the_users_and_closes_the_request_when_the_desk_has_taken_it() {
    let (rig, mut client) = rig().await;
    let request = submitted(&mut client).await;
    let no = withdraw(&mut client, Role::Hospital, "chu-rouen", request.as_str()).await.unwrap_err();
    assert_eq!(reason(&no), "USER_WITHDRAWS");
    withdraw(&mut client, Role::Authority, "csirt-fr", request.as_str()).await.unwrap();
    assert_eq!(get(&mut client, Role::Officer, "duty", request.as_str()).await.unwrap().state, "withdrawn");
    let taken = DeskEvent::WithdrawalTaken { request: request.clone() };
    rig.append(&rig.edge.subjects.desk().unwrap(), actor(Role::System, "desk"), vec![taken.into()]).await;
    let found = comes_to(&rig, &mut client, request.as_str(), "closed").await;
    assert_eq!((found.reason.as_str(), found.note.as_str()), ("withdrawn", "restored from backup"));
    let no = endorse(&mut client, "csirt-fr", request.as_str()).await.unwrap_err();
    assert_eq!(reason(&no), "CLOSED");
}

#[tokio::test]
async fn before_it_is_submitted_a_hospital_takes_its_request_back_or_its_authority_helps_itself() {
    let (_rig, mut client) = rig().await;
    let request = open(&mut client).await.request;
    withdraw(&mut client, Role::Hospital, "chu-rouen", &request).await.unwrap();
    assert_eq!(get(&mut client, Role::Hospital, "chu-rouen", &request).await.unwrap().reason, "withdrawn");
    let request = open(&mut client).await.request;
    let note = "the regional team is on site".to_owned();
    let message = HandleNationallyRequest { request_id: String::new(), request: request.clone(), note };
    client.handle_nationally(call(Role::Authority, "csirt-fr", message)).await.unwrap();
    let found = get(&mut client, Role::Hospital, "chu-rouen", &request).await.unwrap();
    assert_eq!((found.reason.as_str(), found.authority.as_str()), ("handled-nationally", "csirt-fr"));
}

#[tokio::test]
async fn any_moment_can_be_looked_at_and_lists_come_page_by_page() {
    let (rig, mut client) = rig().await;
    let opened = open(&mut client).await;
    rig.clock.advance(Duration::from_secs(60));
    endorse(&mut client, "csirt-fr", &opened.request).await.unwrap();
    rig.settle().await;
    for as_of in [AsOf::Position(opened.position.unwrap()), AsOf::Time(timestamp(START))] {
        let read_at = Some(ReadAt { as_of: Some(as_of), at_least: None });
        let message = GetRequestRequest { read_at, request: opened.request.clone() };
        let then = client.get_request(call(Role::Officer, "duty", message)).await.unwrap().into_inner();
        assert_eq!(then.request.unwrap().state, "opened");
        assert_eq!(then.as_of, opened.position);
    }
    let mut requests = vec![opened.request];
    for _ in 0..4 {
        rig.clock.advance(Duration::from_secs(1));
        requests.insert(0, open(&mut client).await.request);
    }
    let (mut told, mut token) = (Vec::new(), String::new());
    loop {
        let message = ListRequestsRequest { page_size: 2, page_token: token, ..Default::default() };
        let page = client.list_requests(call(Role::Officer, "duty", message)).await.unwrap().into_inner();
        told.extend(page.requests.into_iter().map(|request| request.request));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        // What comes meanwhile is on no later page.
        open(&mut client).await;
    }
    assert_eq!(told, requests);
    let message = ListRequestsRequest { states: vec!["lost".to_owned()], ..Default::default() };
    let no = client.list_requests(call(Role::Officer, "duty", message)).await.unwrap_err();
    assert!(explain(&no).fields.contains_key("states[0]"));
}
