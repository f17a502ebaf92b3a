//! Who may see and do what. What somebody may not know of is answered to the byte like what does not exist.

use muster_api::eligibility::v1::{CompareRequestsRequest, ListAssessmentsRequest};
use muster_domain::kernel::Role;
use muster_edge::testing::{call, reason};
use tonic::{Code, Status};

use crate::house::{House, csirt, grant};

fn bytes(no: &Status) -> (Code, String, Vec<u8>) {
    (no.code(), no.message().to_owned(), no.details().to_vec())
}

#[tokio::test]
async fn what_is_hidden_is_answered_like_what_is_missing() {
    let house = House::open().await;
    let strangers = [(Role::Hospital, "hospital-r2"), (Role::Authority, "csirt-nl"), (Role::Spoc, "spoc-nl")];
    let mut missing = Vec::new();
    for (role, who) in strangers {
        missing.push(bytes(&house.get(role, who, "r1").await.unwrap_err()));
    }
    house.assessed("r1", csirt("FR"), |_| {}).await;
    for ((role, who), missing) in strangers.into_iter().zip(missing) {
        let hidden = house.get(role, who, "r1").await.unwrap_err();
        assert_eq!(bytes(&hidden), missing, "{role} {who}");
        assert_eq!(reason(&hidden), "NOT_FOUND");
    }
    // Its own hospital is answered in the same words before it is assessed.
    let own = house.get(Role::Hospital, "hospital-r9", "r9").await.unwrap_err();
    assert_eq!(own.message(), "there is no assessment 'r9' that you may see");
}

#[tokio::test]
async fn parties_see_their_own_assessments_and_no_others() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    house.assessed("r2", csirt("NL"), |_| {}).await;
    for (role, who, sees) in [
        (Role::Hospital, "hospital-r1", vec!["r1"]),
        (Role::Authority, "csirt-fr", vec!["r1"]),
        (Role::Authority, "cert-eu", vec![]),
        (Role::Spoc, "spoc-nl", vec!["r2"]),
        (Role::Officer, "anna", vec!["r1", "r2"]),
        (Role::Commission, "carla", vec!["r1", "r2"]),
        (Role::Auditor, "otto", vec!["r1", "r2"]),
        (Role::Hospital, "somebody", vec![]),
    ] {
        let asked = call(role, who, ListAssessmentsRequest::default());
        let listed = house.client.clone().list_assessments(asked).await.unwrap().into_inner().assessments;
        assert_eq!(
            listed.iter().map(|assessment| assessment.request.as_str()).collect::<Vec<_>>(),
            sees,
            "{role} {who}"
        );
        for request in ["r1", "r2"] {
            assert_eq!(house.get(role, who, request).await.is_ok(), sees.contains(&request), "{role} {who} {request}");
        }
        let both = CompareRequestsRequest { first: "r1".to_owned(), second: "r2".to_owned(), read_at: None };
        let compared = house.client.clone().compare_requests(call(role, who, both)).await;
        assert_eq!(compared.is_ok(), sees.len() == 2, "{role} {who}");
    }
}

#[tokio::test]
async fn nobody_else_may_look_and_nobody_but_officers_and_the_commission_act() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    for (role, who) in [(Role::Provider, "p1"), (Role::Operator, "ops")] {
        assert_eq!(reason(&house.get(role, who, "r1").await.unwrap_err()), "DENIED", "{role}");
    }
    for (role, who) in [
        (Role::Hospital, "hospital-r1"),
        (Role::Authority, "csirt-fr"),
        (Role::Spoc, "spoc-fr"),
        (Role::Auditor, "otto"),
        (Role::Operator, "ops"),
        (Role::Provider, "p1"),
    ] {
        let refused = house.decide(role, who, grant("r1")).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused)), (Code::PermissionDenied, "DENIED".to_owned()), "{role}");
    }
    assert_eq!(house.story("r1").await, ["assessed"]);
}
