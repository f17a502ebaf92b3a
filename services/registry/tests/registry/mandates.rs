//! Standing mandates: who signs, who signs too, who takes one back, and who hears of it.

use muster_api::registry::v1::{
    CountersignMandateRequest, ListMandatesRequest, Mandate, RegisterHospitalRequest, RevokeMandateRequest,
    SignMandateRequest, SignMandateResponse,
};
use muster_domain::kernel::Role;
use muster_edge::{testing::call, wire::fields::timestamp};
use tonic::{Response, Status};

use crate::{Client, day, heard, hospital, reason, rig, since, text, wrong};

const ID: &str = "00000000-0000-4000-8000-000000000003";

fn signing(request_id: &str, hospital: &str) -> SignMandateRequest {
    SignMandateRequest {
        request_id: text(request_id),
        hospital: text(hospital),
        from: Some(timestamp(day(1))),
        until: Some(timestamp(day(700))),
    }
}

async fn sign(client: &mut Client) -> SignMandateResponse {
    client.sign_mandate(call(Role::Authority, "csirt-fr", signing(ID, "chu-rouen"))).await.unwrap().into_inner()
}

async fn countersign(client: &mut Client, by: &str, mandate: &str) -> Result<Response<()>, Status> {
    let message = CountersignMandateRequest { request_id: String::new(), mandate: text(mandate) };
    let done = client.countersign_mandate(call(Role::Spoc, by, message)).await;
    done.map(|done| done.map(|_| ()))
}

async fn revoke(client: &mut Client, role: Role, by: &str, mandate: &str) -> Result<Response<()>, Status> {
    let message =
        RevokeMandateRequest { request_id: String::new(), mandate: text(mandate), reason: text("it has moved") };
    let done = client.revoke_mandate(call(role, by, message)).await;
    done.map(|done| done.map(|_| ()))
}

async fn mandates(client: &mut Client, role: Role, by: &str, hospital: &str) -> Vec<Mandate> {
    let message = ListMandatesRequest { hospital: text(hospital), ..ListMandatesRequest::default() };
    client.list_mandates(call(role, by, message)).await.unwrap().into_inner().mandates
}

#[tokio::test]
async fn an_authority_signs_its_point_of_contact_signs_too_and_either_takes_it_back() {
    let (rig, mut client) = rig().await;
    let signed = sign(&mut client).await;
    let read_at = since(signed.position);
    let list = call(Role::Auditor, "a1", ListMandatesRequest { read_at, ..ListMandatesRequest::default() });
    let told = client.list_mandates(list).await.unwrap().into_inner();
    let expected = Mandate {
        mandate: signed.mandate.clone(),
        hospital: text("chu-rouen"),
        authority: text("csirt-fr"),
        spoc: text("spoc-fr"),
        from: Some(timestamp(day(1))),
        until: Some(timestamp(day(700))),
        state: text("signed"),
        revoked_reason: String::new(),
    };
    assert_eq!((told.mandates, told.as_of), (vec![expected.clone()], signed.position));

    countersign(&mut client, "spoc-fr", &signed.mandate).await.unwrap();
    rig.settle().await;
    let told = mandates(&mut client, Role::Hospital, "chu-rouen", "").await;
    assert_eq!(told, [Mandate { state: text("countersigned"), ..expected.clone() }]);

    revoke(&mut client, Role::Spoc, "spoc-fr", &signed.mandate).await.unwrap();
    rig.settle().await;
    let told = mandates(&mut client, Role::Spoc, "spoc-fr", "chu-rouen").await;
    assert_eq!(told, [Mandate { state: text("revoked"), revoked_reason: text("it has moved"), ..expected }]);
    assert_eq!(reason(countersign(&mut client, "spoc-fr", &signed.mandate).await), "MANDATE_REVOKED");
}

#[tokio::test]
async fn a_signature_sent_again_is_the_same_mandate() {
    let (_rig, mut client) = rig().await;
    let first = sign(&mut client).await;
    assert_eq!(sign(&mut client).await, first);
    let longer = SignMandateRequest { until: Some(timestamp(day(701))), ..signing(ID, "chu-rouen") };
    assert_eq!(reason(client.sign_mandate(call(Role::Authority, "csirt-fr", longer)).await), "REQUEST_ID_REUSED");
    let another = client.sign_mandate(call(Role::Authority, "csirt-fr", signing("", "chu-rouen"))).await.unwrap();
    assert_ne!(another.into_inner().mandate, first.mandate);
}

#[tokio::test]
async fn a_hospital_abroad_is_told_like_one_that_is_not_there() {
    let (rig, mut client) = rig().await;
    let asking = || call(Role::Authority, "csirt-fr", signing("", "sant-pau"));
    let missing = heard(client.sign_mandate(asking()).await);
    let hospital = Some(hospital("sant-pau", "ES", "ES511"));
    let message = RegisterHospitalRequest { request_id: String::new(), hospital };
    client.register_hospital(call(Role::Operator, "ops", message)).await.unwrap();
    rig.settle().await;
    assert_eq!(heard(client.sign_mandate(asking()).await), missing, "the same to the byte");
    let unknown = client.sign_mandate(call(Role::Authority, "csirt-xx", signing("", "chu-rouen"))).await;
    assert_eq!(reason(unknown), "NOT_FOUND");
}

#[tokio::test]
async fn a_mandate_has_a_period_and_somebody_to_countersign() {
    let (_rig, mut client) = rig().await;
    let timeless = SignMandateRequest { from: None, until: None, ..signing("", "CHU Rouen") };
    let no = client.sign_mandate(call(Role::Authority, "csirt-fr", timeless)).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["from", "hospital", "until"]);
    let long = SignMandateRequest { until: Some(timestamp(day(800))), ..signing("", "chu-rouen") };
    let no = client.sign_mandate(call(Role::Authority, "csirt-fr", long)).await;
    assert_eq!(wrong(no).keys().collect::<Vec<_>>(), ["until"]);
    let union = client.sign_mandate(call(Role::Authority, "cert-eu", signing("", "chu-rouen"))).await;
    assert_eq!(reason(union), "MANDATE_WITHOUT_SPOC");
    let hospital = client.sign_mandate(call(Role::Hospital, "chu-rouen", signing("", "chu-rouen"))).await;
    assert_eq!(reason(hospital), "DENIED");
}

#[tokio::test]
async fn a_strangers_mandate_is_told_like_one_that_is_not_there() {
    let (rig, mut client) = rig().await;
    // The same caller with the same request id makes the same mandate, so that it can be asked for before it is signed.
    let id = {
        let (_other, mut other) = crate::rig().await;
        sign(&mut other).await.mandate
    };
    let revokers = [
        (Role::Spoc, "spoc-es"),
        (Role::Authority, "csirt-es"),
        (Role::Authority, "crisis-fr"),
        (Role::Authority, "cert-eu"),
    ];
    let mut missing = Vec::new();
    for (role, by) in revokers {
        missing.push(heard(revoke(&mut client, role, by, &id).await));
    }
    let missing_to_countersign = heard(countersign(&mut client, "spoc-es", &id).await);
    assert_eq!(sign(&mut client).await.mandate, id);
    rig.settle().await;
    for ((role, by), missing) in revokers.into_iter().zip(missing) {
        assert_eq!(heard(revoke(&mut client, role, by, &id).await), missing, "{role} {by}");
    }
    assert_eq!(heard(countersign(&mut client, "spoc-es", &id).await), missing_to_countersign);
    countersign(&mut client, "spoc-fr", &id).await.unwrap();
}

#[tokio::test]
async fn each_sees_the_mandates_that_are_theirs() {
    let (rig, mut client) = rig().await;
    sign(&mut client).await;
    let spanish = client.sign_mandate(call(Role::Authority, "csirt-es", signing("", "clinic"))).await.unwrap();
    let (french, spanish) = (sign(&mut client).await.mandate, spanish.into_inner().mandate);
    rig.settle().await;
    let mut both = vec![french.clone(), spanish.clone()];
    both.sort();
    for (role, by, expected) in [
        (Role::Officer, "o1", both),
        (Role::Authority, "csirt-fr", vec![french.clone()]),
        (Role::Authority, "crisis-fr", vec![french.clone()]),
        (Role::Authority, "csirt-es", vec![spanish.clone()]),
        (Role::Authority, "cert-eu", vec![]),
        (Role::Spoc, "spoc-es", vec![spanish.clone()]),
        (Role::Hospital, "chu-rouen", vec![french]),
        (Role::Hospital, "stranger", vec![]),
    ] {
        let told = mandates(&mut client, role, by, "").await;
        let ids: Vec<_> = told.into_iter().map(|mandate| mandate.mandate).collect();
        assert_eq!(ids, expected, "{role} {by}");
    }
    assert_eq!(mandates(&mut client, Role::Officer, "o1", "clinic").await[0].mandate, spanish);
    let denied = client.list_mandates(call(Role::Provider, "p1", ListMandatesRequest::default())).await;
    assert_eq!(reason(denied), "DENIED");
}

#[tokio::test]
async fn who_takes_a_mandate_back_says_why() {
    let (rig, mut client) = rig().await;
    let mandate = sign(&mut client).await.mandate;
    rig.settle().await;
    let message = RevokeMandateRequest { request_id: String::new(), mandate: mandate.clone(), reason: String::new() };
    let silent = client.revoke_mandate(call(Role::Authority, "csirt-fr", message)).await;
    assert_eq!(wrong(silent).keys().collect::<Vec<_>>(), ["reason"]);
    revoke(&mut client, Role::Authority, "csirt-fr", &mandate).await.unwrap();
}
