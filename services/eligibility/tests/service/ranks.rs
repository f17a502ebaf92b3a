//! Who comes first, why, and how two persons change it.

use muster_api::{
    eligibility::v1::{
        ApproveOverrideRequest, CompareRequestsRequest, CompareRequestsResponse, ListAssessmentsRequest,
        ListAssessmentsResponse, ProposeOverrideRequest, ProposeOverrideResponse,
    },
    r#type::v1::Facts,
};
use muster_domain::kernel::Role;
use muster_edge::{
    testing::{START, call, reason},
    wire::fields::timestamp,
};
use muster_runtime::status::explain;
use tonic::{Code, Status};

use crate::house::{HOUR, House, csirt, grant, moldova, no_measures, refusal};

/// Two hospitals are hit.
fn two_hospitals(facts: &mut Facts) {
    facts.impact.as_mut().unwrap().hospitals_affected = Some(2);
}

/// Emergency care goes on in part.
fn restricted(facts: &mut Facts) {
    facts.impact.as_mut().unwrap().emergency = "restricted".to_owned();
}

async fn compare(
    house: &House,
    who: (Role, &str),
    first: &str,
    second: &str,
) -> Result<CompareRequestsResponse, Status> {
    let message = CompareRequestsRequest { first: first.to_owned(), second: second.to_owned(), read_at: None };
    Ok(house.client.clone().compare_requests(call(who.0, who.1, message)).await?.into_inner())
}

async fn list(
    house: &House,
    who: (Role, &str),
    message: ListAssessmentsRequest,
) -> Result<ListAssessmentsResponse, Status> {
    Ok(house.client.clone().list_assessments(call(who.0, who.1, message)).await?.into_inner())
}

fn requests(answer: &ListAssessmentsResponse) -> Vec<&str> {
    answer.assessments.iter().map(|assessment| assessment.request.as_str()).collect()
}

async fn propose(house: &House, who: &str, bands: &[u32]) -> Result<ProposeOverrideResponse, Status> {
    let message = ProposeOverrideRequest {
        request: "r1".to_owned(),
        bands: bands.to_vec(),
        reason: "care is safe in the next town".to_owned(),
        request_id: "7c7a1f10-0b9e-4a59-8f5c-3f6d2c1b0a99".to_owned(),
    };
    Ok(house.client.clone().propose_override(call(Role::Officer, who, message)).await?.into_inner())
}

async fn approve(house: &House, who: &str, bands: &[u32]) -> Result<(), Status> {
    let message = ApproveOverrideRequest { request: "r1".to_owned(), bands: bands.to_vec(), request_id: String::new() };
    house.client.clone().approve_override(call(Role::Officer, who, message)).await.map(drop)
}

/// By the facts `r1` ranks 4-2-2-1-2.
const LOWER: [u32; 5] = [3, 2, 2, 1, 2];
const ANNA: (Role, &str) = (Role::Officer, "anna");

#[tokio::test]
async fn the_first_differing_criterion_is_told_with_what_would_swap() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), restricted).await;
    house.assessed("r2", csirt("NL"), two_hospitals).await;
    for (first, second) in [("r1", "r2"), ("r2", "r1")] {
        let told = compare(&house, ANNA, first, second).await.unwrap();
        assert_eq!((told.ahead.as_str(), told.differs_in.as_str()), ("r2", "a"));
        assert_eq!(
            told.because,
            "(a) scale and severity: band 4 over 3, by rule A4 (emergency department closed and 2 hospitals affected) \
             against rule A3 (patient records unavailable and services not restored and emergency department restricted)"
        );
        assert_eq!(
            told.would_swap,
            ["band 2 for r2 would swap them (A2: degraded: an attack on availability, or services \
                                      not restored)"]
        );
    }
}

#[tokio::test]
async fn ties_are_settled_by_member_state_then_time() {
    let house = House::open().await;
    house.assessed("a", moldova(), |_| {}).await;
    house.assessed("c", csirt("FR"), |_| {}).await;
    house.assessed("b", csirt("NL"), |_| {}).await;
    house.rig.clock.advance(HOUR);
    house.assessed("d", csirt("NL"), |_| {}).await;
    for (pair, ahead, differs_in) in
        [(("a", "d"), "d", "member-state-user"), (("d", "c"), "c", "submitted-at"), (("c", "b"), "b", "id")]
    {
        let told = compare(&house, ANNA, pair.0, pair.1).await.unwrap();
        assert_eq!((told.ahead.as_str(), told.differs_in.as_str()), (ahead, differs_in));
        assert_eq!(told.would_swap.len(), 1);
    }
    let same = compare(&house, ANNA, "a", "a").await.unwrap_err();
    assert_eq!(explain(&same).fields.keys().collect::<Vec<_>>(), ["second"]);
}

#[tokio::test]
async fn two_persons_change_a_rank_and_one_alone_does_not() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    let proposed = propose(&house, "anna", &LOWER).await.unwrap();
    assert_eq!(proposed.lapses_at, Some(timestamp(START.plus(24 * HOUR))));
    let before = house.look("r1").await;
    assert_eq!(before.key.unwrap().bands, [4, 2, 2, 1, 2], "nothing follows from a proposal");
    let proposal = before.proposal.unwrap();
    assert_eq!((proposal.proposed_by.as_str(), proposal.approved_by.as_str()), ("anna", ""));
    assert_eq!((proposal.bands.as_slice(), proposal.lapses_at), (&LOWER[..], proposed.lapses_at));

    let alone = approve(&house, "anna", &LOWER).await.unwrap_err();
    assert_eq!((alone.code(), reason(&alone)), (Code::PermissionDenied, "SAME_PERSON".to_owned()));
    let unseen = approve(&house, "bert", &[0; 5]).await.unwrap_err();
    assert_eq!(reason(&unseen), "NO_PROPOSAL");
    approve(&house, "bert", &LOWER).await.unwrap();

    let after = house.look("r1").await;
    assert_eq!((after.key.unwrap().bands.as_slice(), after.priority.as_str()), (&LOWER[..], "P2"));
    assert_eq!((after.bands[0].band, after.bands[0].basis.as_str()), (3, "override"));
    let overridden = after.overridden.unwrap();
    assert_eq!((overridden.proposed_by.as_str(), overridden.approved_by.as_str()), ("anna", "bert"));
    assert_eq!(overridden.suggested.unwrap().bands, [4, 2, 2, 1, 2], "what the facts suggest stands beside it");
    assert_eq!((after.proposal, overridden.lapses_at), (None, None));

    let again = propose(&house, "anna", &LOWER).await.unwrap();
    assert_eq!(again, proposed, "a repeat is answered like the first time");
}

#[tokio::test]
async fn a_proposal_lapses() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    propose(&house, "anna", &LOWER).await.unwrap();
    house.rig.clock.set(START.plus(24 * HOUR));
    house.comes("r1", &["assessed", "override-proposed", "escalated"]).await;
    assert_eq!(house.look("r1").await.proposal, None);
    let late = approve(&house, "bert", &LOWER).await.unwrap_err();
    assert_eq!(reason(&late), "NO_PROPOSAL");
}

#[tokio::test]
async fn bands_are_five_of_0_to_4() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    let wrong = propose(&house, "anna", &[5, 0, 0]).await.unwrap_err();
    assert_eq!(explain(&wrong).fields.keys().collect::<Vec<_>>(), ["bands", "bands[0]"]);
}

#[tokio::test]
async fn assessments_are_listed_the_most_urgent_first() {
    let house = House::open().await;
    house.assessed("third", moldova(), |_| {}).await;
    house.assessed("usual", csirt("FR"), |_| {}).await;
    house
        .assessed("mild", csirt("FR"), |facts| {
            restricted(facts);
            no_measures(facts);
        })
        .await;
    house.assessed("wave", csirt("NL"), two_hospitals).await;
    let everything = list(&house, ANNA, ListAssessmentsRequest::default()).await.unwrap();
    assert_eq!(requests(&everything), ["wave", "usual", "third", "mild"]);
    assert_eq!(everything.next_page_token, "");

    house.decide(Role::Officer, "anna", grant("wave")).await.unwrap();
    house.decide(Role::Officer, "anna", refusal("mild")).await.unwrap();
    house.rig.settle().await;
    let filters: [(&[&str], &str, &[&str]); 4] = [
        (&["assessed"], "", &["usual", "third"]),
        (&["decided", "withdrawn"], "", &["wave", "mild"]),
        (&[], "FR", &["usual", "mild"]),
        (&["decided"], "NL", &["wave"]),
    ];
    for (states, country, expected) in filters {
        let states = states.iter().map(|state| (*state).to_owned()).collect();
        let message = ListAssessmentsRequest { states, country: country.to_owned(), ..Default::default() };
        assert_eq!(requests(&list(&house, ANNA, message).await.unwrap()), expected);
    }
    let message = ListAssessmentsRequest { states: vec!["open".into()], country: "XX".into(), ..Default::default() };
    let wrong = list(&house, ANNA, message).await.unwrap_err();
    assert_eq!(explain(&wrong).fields.keys().collect::<Vec<_>>(), ["country", "states[0]"]);
}

#[tokio::test]
async fn pages_look_at_the_moment_of_the_first() {
    let house = House::open().await;
    for request in ["a", "b", "c"] {
        house.assessed(request, csirt("FR"), |_| {}).await;
    }
    let page = |page_token: &str| ListAssessmentsRequest {
        page_size: 2,
        page_token: page_token.to_owned(),
        ..ListAssessmentsRequest::default()
    };
    let first = list(&house, ANNA, page("")).await.unwrap();
    house.assessed("wave", csirt("NL"), two_hospitals).await;
    let second = list(&house, ANNA, page(&first.next_page_token)).await.unwrap();
    assert_eq!((requests(&first), requests(&second)), (vec!["a", "b"], vec!["c"]));
    assert_eq!((first.as_of, second.next_page_token.as_str()), (second.as_of, ""));
}
