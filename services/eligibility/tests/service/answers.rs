//! What requests are answered, and by whom.

use muster_api::{
    eligibility::v1::{DecideRequest, finding::Fact},
    r#type::v1::{Cut, Terms},
};
use muster_domain::{kernel::Role, registry::events::ThirdCountryEvent};
use muster_edge::testing::{START, reason};
use muster_edge::wire::fields::timestamp;
use muster_runtime::status::explain;
use tonic::Code;

use crate::house::{HOUR, House, act, cert_eu, csirt, emergency_unknown, grant, moldova, no_measures, refusal};

#[tokio::test]
async fn a_policy_in_force_grants_what_passes_every_gate() {
    let house = House::open().await;
    let policy = house.put_in_force(true, false).await;
    house.submit("r1", csirt("FR"), |_| {}).await;
    house.comes("r1", &["assessed", "decided"]).await;
    let told = house.get(Role::Hospital, "hospital-r1", "r1").await.unwrap();
    let assessment = told.assessment.unwrap();
    let decision = assessment.decision.unwrap();
    assert_eq!((assessment.state.as_str(), assessment.priority.as_str()), ("decided", "P1"));
    assert_eq!((decision.outcome.as_str(), decision.decided_by.as_str()), ("granted", "system"));
    assert_eq!((decision.by_policy, assessment.policy), (Some(policy.version), policy.version));
    assert_eq!(decision.terms.map(|terms| (terms.person_days, terms.duration)), Some((40, policy.duration)));
    assert_eq!(decision.decided_at, Some(timestamp(START)));
    assert_eq!(assessment.gates.iter().map(|gate| gate.verdict.as_str()).collect::<Vec<_>>(), ["pass"; 5]);
    let answered = told.why.last().unwrap();
    assert!(answered.starts_with("granted (Art 16(1)), by policy version 2: isim.forensics"), "{answered}");
}

#[tokio::test]
async fn a_policy_refuses_a_failed_gate_with_its_article() {
    let house = House::open().await;
    house.put_in_force(false, true).await;
    house.submit("r1", csirt("FR"), no_measures).await;
    house.comes("r1", &["assessed", "decided"]).await;
    let decision = house.look("r1").await.decision.unwrap();
    assert_eq!((decision.outcome.as_str(), decision.terms), ("refused", None));
    assert!(decision.reason.starts_with("Art 15(2): no measure of the user's own is told"), "{}", decision.reason);
}

#[tokio::test]
async fn what_is_not_known_waits_for_an_officer_who_then_decides() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), emergency_unknown).await;
    let before = house.look("r1").await;
    assert_eq!(before.unknown, ["emergency"]);
    assert_eq!((before.bands[0].band, before.bands[0].basis.as_str()), (4, "unknown"));

    let refused = house.decide(Role::Officer, "anna", grant("r1")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::FailedPrecondition, "UNKNOWN_FACTS".to_owned()));
    assert!(refused.message().contains("criterion (a): not known yet: emergency"), "{}", refused.message());

    house.rig.clock.advance(HOUR);
    house.resolve("anna", "r1", Fact::Emergency("restricted".to_owned())).await.unwrap();
    house.decide(Role::Officer, "bert", grant("r1")).await.unwrap();
    let after = house.look("r1").await;
    assert_eq!(house.story("r1").await, ["assessed", "resolved", "decided"]);
    assert_eq!((after.unknown.len(), after.bands[0].band, after.bands[0].rule.as_str()), (0, 3, "A3"));
    assert_eq!(after.facts, before.facts, "what was declared stays");
    let found = &after.resolutions[0];
    assert_eq!(found.finding.as_ref().unwrap().fact, Some(Fact::Emergency("restricted".to_owned())));
    assert_eq!((found.reason.as_str(), found.by.as_str()), ("told by telephone", "anna"));
    assert_eq!(found.at, Some(timestamp(START.plus(HOUR))));
    assert_eq!(after.decision.unwrap().decided_by, "officer");
}

#[tokio::test]
async fn a_finding_lets_the_policy_answer_what_it_could_not() {
    let house = House::open().await;
    house.put_in_force(true, true).await;
    house.assessed("r1", csirt("FR"), emergency_unknown).await;
    house.resolve("anna", "r1", Fact::Emergency("open".to_owned())).await.unwrap();
    house.comes("r1", &["assessed", "resolved", "decided"]).await;
    assert_eq!(house.look("r1").await.decision.unwrap().by_policy, Some(2));
}

#[tokio::test]
async fn every_fact_that_is_missing_is_named_as_findings_name_it() {
    let house = House::open().await;
    house
        .assessed("r1", csirt("FR"), |facts| {
            let impact = facts.impact.as_mut().unwrap();
            impact.emergency = "unknown".to_owned();
            (impact.hospitals_affected, impact.records_unavailable) = (None, None);
            (impact.services_restored, impact.data_breach) = (None, None);
            let entity = facts.entity.as_mut().unwrap();
            (entity.annex, entity.category, entity.size) = ("unknown".into(), "unknown".into(), "unknown".into());
            facts.spillover = "unknown".to_owned();
            facts.incident_types.clear();
        })
        .await;
    for _ in 0..9 {
        let assessment = house.look("r1").await;
        let Some(fact) = assessment.unknown.first() else { break };
        let finding = match fact.as_str() {
            "emergency" => Fact::Emergency("open".to_owned()),
            "hospitals_affected" => Fact::HospitalsAffected(1),
            "records_unavailable" => Fact::RecordsUnavailable(true),
            "services_restored" => Fact::ServicesRestored(false),
            "data_breach" => Fact::DataBreach(false),
            "annex" => Fact::Annex("I".to_owned()),
            "category" => Fact::Category("important".to_owned()),
            "size" => Fact::Size("large".to_owned()),
            "spillover" => Fact::Spillover("none".to_owned()),
            other => panic!("{other} is not how a finding names a fact"),
        };
        house.resolve("anna", "r1", finding).await.unwrap();
    }
    house.decide(Role::Officer, "anna", grant("r1")).await.unwrap();
}

fn part(person_days: u32, cuts: &[&str]) -> DecideRequest {
    let terms = Terms {
        services: vec!["isim.forensics".to_owned()],
        remote_teams: 1,
        onsite_teams: 1,
        person_days,
        duration: Some(prost_types::Duration { seconds: 30 * 86_400, nanos: 0 }),
    };
    let cut = |what: &&str| Cut { what: (*what).to_owned(), reason: "a first look is enough".to_owned() };
    DecideRequest {
        request: "r1".to_owned(),
        outcome: "partly-granted".to_owned(),
        terms: Some(terms),
        cuts: cuts.iter().map(cut).collect(),
        ..DecideRequest::default()
    }
}

#[tokio::test]
async fn a_part_is_granted_with_a_reason_for_every_cut() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    let refused = house.decide(Role::Officer, "anna", part(41, &["isim.forensics"])).await.unwrap_err();
    let told = explain(&refused);
    assert_eq!((refused.code(), told.reason.as_str()), (Code::InvalidArgument, "TERMS_DO_NOT_FIT"));
    assert_eq!(told.fields.keys().collect::<Vec<_>>(), ["cuts", "terms.person_days"]);

    house.decide(Role::Officer, "anna", part(10, &["person_days", "isim.mitigation-recovery"])).await.unwrap();
    let decision = house.look("r1").await.decision.unwrap();
    assert_eq!((decision.outcome.as_str(), decision.terms.unwrap().person_days), ("partly-granted", 10));
    assert_eq!(decision.cuts[1].what, "isim.mitigation-recovery");
    assert_eq!(decision.cuts[1].reason, "a first look is enough");
    let why = house.get(Role::Officer, "anna", "r1").await.unwrap().why;
    assert_eq!(why.last().unwrap(), "cut isim.mitigation-recovery: a first look is enough");
}

#[tokio::test]
async fn a_failed_gate_can_only_be_refused_and_an_answer_is_final() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), no_measures).await;
    let refused = house.decide(Role::Officer, "anna", grant("r1")).await.unwrap_err();
    assert_eq!(reason(&refused), "GATE_FAILED");
    assert!(refused.message().starts_with("own-measures fails (Art 15(2)): no measure"), "{}", refused.message());
    house.decide(Role::Officer, "anna", refusal("r1")).await.unwrap();
    let again = house.decide(Role::Officer, "bert", grant("r1")).await.unwrap_err();
    assert_eq!(reason(&again), "ALREADY_DECIDED");
}

#[tokio::test]
async fn only_the_commission_answers_a_third_country_and_only_while_an_act_is_in_force() {
    let house = House::open().await;
    house.put_in_force(true, true).await;
    house.assessed("r1", moldova(), |_| {}).await;
    let assessment = house.look("r1").await;
    assert_eq!((assessment.council_act.as_str(), assessment.answer), ("2026/1", None), "no 48 hours");
    let refused = house.decide(Role::Officer, "anna", grant("r1")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::PermissionDenied, "NOT_ENTITLED".to_owned()));

    house.third_country(ThirdCountryEvent::Repealed { reference: "2026/1".to_owned() }).await;
    let refused = house.decide(Role::Commission, "carla", grant("r1")).await.unwrap_err();
    assert_eq!((explain(&refused).rule.as_str(), reason(&refused).as_str()), ("Art 19(4)", "COUNCIL_ACT_ENDED"));
    house.third_country(ThirdCountryEvent::Authorised(act("2026/2"))).await;
    house.decide(Role::Commission, "carla", grant("r1")).await.unwrap();
    assert_eq!(house.look("r1").await.decision.unwrap().decided_by, "commission");

    house.assessed("r2", csirt("FR"), emergency_unknown).await;
    let refused = house.decide(Role::Commission, "carla", refusal("r2")).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_ENTITLED", "Member States are answered by an officer");
}

#[tokio::test]
async fn a_request_is_judged_by_the_act_in_force_when_it_was_submitted() {
    let house = House::open().await;
    let mut renewal = act("2027/1");
    (renewal.from, renewal.until) = (act("").until, act("").until.plus(24 * HOUR));
    house.third_country(ThirdCountryEvent::Authorised(renewal)).await;
    house.assessed("r1", moldova(), |_| {}).await;
    assert_eq!(house.look("r1").await.council_act, "2026/1", "a renewal that is to come takes nothing away");
    house.rig.clock.set(act("").until);
    house.assessed("r2", moldova(), |_| {}).await;
    assert_eq!(house.look("r2").await.council_act, "2027/1");
    house.third_country(ThirdCountryEvent::Repealed { reference: "2027/1".to_owned() }).await;
    house.assessed("r3", moldova(), |_| {}).await;
    let closed = house.look("r3").await;
    assert_eq!((closed.council_act.as_str(), closed.gates[3].verdict.as_str()), ("", "fail"));
    assert_eq!(closed.gates[3].because, "no Council act opens the Reserve to MD");
}

#[tokio::test]
async fn a_union_entity_is_answered_by_an_officer_and_never_by_a_policy() {
    let house = House::open().await;
    house.put_in_force(true, true).await;
    house.assessed("r1", cert_eu(), |_| {}).await;
    // A Member State's request comes later and is answered, so the policy has looked at the first.
    house.submit("r2", csirt("FR"), |_| {}).await;
    house.comes("r2", &["assessed", "decided"]).await;
    assert_eq!(house.story("r1").await, ["assessed"]);
    house.decide(Role::Officer, "anna", grant("r1")).await.unwrap();
}

#[tokio::test]
async fn what_is_withdrawn_is_not_answered() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    let withdrawn = muster_domain::intake::events::RequestEvent::Withdrawn { reason: "help came".to_owned() };
    house.request("r1", vec![withdrawn]).await;
    house.comes("r1", &["assessed", "withdrawn"]).await;
    let refused = house.decide(Role::Officer, "anna", grant("r1")).await.unwrap_err();
    assert_eq!(reason(&refused), "WITHDRAWN");
    let assessment = house.look("r1").await;
    assert_eq!((assessment.state.as_str(), assessment.answer), ("withdrawn", None), "nobody waits any more");
}

#[tokio::test]
async fn the_same_command_is_done_once_and_answered_the_same() {
    let house = House::open().await;
    house.assessed("r1", csirt("FR"), |_| {}).await;
    let request_id = "2f9d1c9e-6f0a-4a43-9f0b-8a4f3f0f5b11".to_owned();
    let message = DecideRequest { request_id, ..refusal("r1") };
    let first = house.decide(Role::Officer, "anna", message.clone()).await.unwrap();
    let again = house.decide(Role::Officer, "anna", message.clone()).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(house.story("r1").await, ["assessed", "decided"]);
    let other = DecideRequest { reason: "another reason".to_owned(), ..message };
    let refused = house.decide(Role::Officer, "anna", other).await.unwrap_err();
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");
}

#[tokio::test]
async fn every_field_that_cannot_be_read_is_told_at_once() {
    let house = House::open().await;
    let message = DecideRequest {
        request: "Not An Id".to_owned(),
        outcome: "perhaps".to_owned(),
        terms: Some(Terms { services: vec!["magic".to_owned()], ..Terms::default() }),
        ..DecideRequest::default()
    };
    let refused = house.decide(Role::Officer, "anna", message).await.unwrap_err();
    let fields = explain(&refused).fields;
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["outcome", "request", "terms.duration", "terms.services[0]"]);
    let nothing = house.resolve("anna", "r1", Fact::Size("huge".to_owned())).await.unwrap_err();
    assert_eq!(explain(&nothing).fields.keys().collect::<Vec<_>>(), ["finding.size"]);
}

#[tokio::test]
async fn the_policy_stands_among_the_assessments_and_is_none() {
    let house = House::open().await;
    house.put_in_force(true, true).await;
    let named = house.decide(Role::Officer, "anna", refusal("policy")).await.unwrap_err();
    let missing = house.get(Role::Officer, "anna", "policy").await.unwrap_err();
    assert_eq!((named.code(), named.message()), (Code::NotFound, missing.message()));
}
