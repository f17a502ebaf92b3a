//! The policy in force, by two persons.

use muster_api::eligibility::v1::{
    ApprovePolicyRequest, GetPolicyRequest, GetPolicyResponse, Policy, ProposePolicyRequest, ProposePolicyResponse,
};
use muster_domain::kernel::Role;
use muster_edge::{
    testing::{START, call, reason},
    wire::fields::timestamp,
};
use muster_runtime::status::explain;
use tonic::{Code, Status};

use crate::house::{HOUR, House, csirt};

async fn read(house: &House, role: Role) -> Result<GetPolicyResponse, Status> {
    house.rig.settle().await;
    Ok(house.client.clone().get_policy(call(role, "somebody", GetPolicyRequest::default())).await?.into_inner())
}

async fn propose(house: &House, who: &str, policy: &Policy) -> Result<ProposePolicyResponse, Status> {
    let request_id = "0d4c5d3e-93a7-4f2e-8a41-1d2f6f1f7d22".to_owned();
    let message = ProposePolicyRequest { request_id, policy: Some(policy.clone()) };
    Ok(house.client.clone().propose_policy(call(Role::Officer, who, message)).await?.into_inner())
}

async fn approve(house: &House, who: &str, policy: &Policy) -> Result<(), Status> {
    let message = ApprovePolicyRequest { request_id: String::new(), policy: Some(policy.clone()) };
    house.client.clone().approve_policy(call(Role::Commission, who, message)).await.map(drop)
}

async fn next(house: &House) -> Policy {
    let in_force = read(house, Role::Officer).await.unwrap().in_force.unwrap();
    Policy { version: in_force.version + 1, grants: true, ..in_force }
}

#[tokio::test]
async fn two_persons_put_a_policy_in_force() {
    let house = House::open().await;
    let policy = next(&house).await;
    let proposed = propose(&house, "anna", &policy).await.unwrap();
    assert_eq!(proposed.lapses_at, Some(timestamp(START.plus(7 * 24 * HOUR))));
    let before = read(&house, Role::Hospital).await.unwrap();
    assert_eq!(before.in_force.unwrap().version, 1, "nothing follows from a proposal");
    let proposal = before.proposal.unwrap();
    assert_eq!((proposal.policy.as_ref(), proposal.proposed_by.as_str()), (Some(&policy), "anna"));
    assert_eq!(proposal.lapses_at, proposed.lapses_at);

    let alone = approve(&house, "anna", &policy).await.unwrap_err();
    assert_eq!((alone.code(), reason(&alone)), (Code::PermissionDenied, "SAME_PERSON".to_owned()));
    let unseen = approve(&house, "carla", &Policy { refuses: true, ..policy.clone() }).await.unwrap_err();
    assert_eq!(reason(&unseen), "NO_PROPOSAL");
    approve(&house, "carla", &policy).await.unwrap();
    let after = read(&house, Role::Operator).await.unwrap();
    assert_eq!((after.in_force, after.proposal), (Some(policy.clone()), None));

    assert_eq!(propose(&house, "anna", &policy).await.unwrap(), proposed, "a repeat is answered like the first time");
}

#[tokio::test]
async fn a_policy_proposed_lapses_after_seven_days() {
    let house = House::open().await;
    let policy = next(&house).await;
    propose(&house, "anna", &policy).await.unwrap();
    house.rig.clock.set(START.plus(7 * 24 * HOUR));
    assert_eq!(read(&house, Role::Officer).await.unwrap().proposal, None);
    assert_eq!(reason(&approve(&house, "carla", &policy).await.unwrap_err()), "NO_PROPOSAL");
}

#[tokio::test]
async fn a_policy_is_refused_with_every_field_that_is_wrong() {
    let house = House::open().await;
    let policy = next(&house).await;
    let skipped = Policy { version: 7, ..policy.clone() };
    assert_eq!(reason(&propose(&house, "anna", &skipped).await.unwrap_err()), "WRONG_VERSION");

    let unreadable = Policy { duration: None, offer_stands: vec![], offer_width: vec![1; 5], ..policy.clone() };
    let fields = explain(&propose(&house, "anna", &unreadable).await.unwrap_err()).fields;
    let names: Vec<_> = fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["policy.duration", "policy.offer_stands", "policy.offer_width"]);

    let out_of_bounds = Policy { offer_width: vec![0, 1, 1, 11], ..policy };
    let refused = propose(&house, "anna", &out_of_bounds).await.unwrap_err();
    let told = explain(&refused);
    assert_eq!((refused.code(), told.reason.as_str()), (Code::InvalidArgument, "POLICY_OUT_OF_BOUNDS"));
    let names: Vec<_> = told.fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["policy.offer_width[0]", "policy.offer_width[3]"]);
}

#[tokio::test]
async fn providers_do_not_read_the_policy_and_hospitals_do_not_make_it() {
    let house = House::open().await;
    assert_eq!(reason(&read(&house, Role::Provider).await.unwrap_err()), "DENIED");
    let message = ProposePolicyRequest { policy: Some(next(&house).await), ..Default::default() };
    let refused = house.client.clone().propose_policy(call(Role::Hospital, "h", message)).await.unwrap_err();
    assert_eq!(reason(&refused), "DENIED");
}

#[tokio::test]
async fn a_policy_put_in_force_answers_what_waits_already() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    house.put_in_force(true, false).await;
    house.comes("r1", &["assessed", "decided"]).await;
    let told = house.look("r1").await;
    assert_eq!((told.policy, told.decision.unwrap().by_policy), (1, Some(2)), "judged by one, answered by the other");
}
