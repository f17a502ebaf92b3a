//! The rules of a request, told as stories; `request_table` has every cell.

use crate::{
    intake::{
        events::{CloseReason, Facts, RequestEvent, ReturnReason, Route},
        phase::Phase,
        rejection::Rejection,
        request::{Command, Request},
        request_table::{NOW, endorse, handle, mandate, open, report, send_back, submit, withdraw},
    },
    kernel::{Actor, Aggregate, MandateId, Received, Refusal, RefusalKind, Role},
    registry::events::{Authority, AuthorityKind, Mandate},
    testing::{Scenario, actor, at, cert_eu, country, csirt, facts, id},
};

fn opened(facts: Facts) -> RequestEvent {
    RequestEvent::Opened { hospital: id!(HospitalId, "chu-rouen"), facts, contact: id!(SubjectRef, "contact-1") }
}

fn endorsed(by: &Authority, mandate: Option<MandateId>) -> RequestEvent {
    RequestEvent::Endorsed { authority: by.id.clone(), mandate }
}

fn submitted(by: Authority, facts: Facts, mandate: Option<MandateId>) -> RequestEvent {
    let Authority { id: authority, kind, country, spoc, .. } = by;
    let route = Route { authority, kind, country, spoc };
    RequestEvent::Submitted { route, hospital: id!(HospitalId, "chu-rouen"), facts, mandate }
}

fn away() -> [RequestEvent; 3] {
    [opened(facts()), endorsed(&csirt("FR"), None), submitted(csirt("FR"), facts(), None)]
}

fn by(role: Role) -> Actor {
    actor(role, "somebody")
}

fn more_facts() -> Facts {
    Facts { national_capacity_exceeded: true, ..facts() }
}

#[test]
fn a_hospitals_call_goes_through_its_authority_and_contact_point_to_the_contracting_authority() {
    Scenario::<Request>::given([])
        .when(open(facts(), "chu-rouen", "contact-1"), by(Role::Hospital), at(NOW))
        .then([opened(facts())])
        .when(endorse(csirt("FR"), None), by(Role::Authority), at(NOW))
        .then([endorsed(&csirt("FR"), None)])
        .when(submit(csirt("FR"), Some("fr-spoc"), None), by(Role::Spoc), at(NOW))
        .then([submitted(csirt("FR"), facts(), None)]);
}

#[test]
fn amended_facts_are_endorsed_anew_before_they_are_submitted() {
    Scenario::<Request>::given([opened(facts()), endorsed(&csirt("FR"), None)])
        .when(Command::Amend { facts: more_facts(), live: true }, by(Role::Hospital), at(NOW))
        .then([RequestEvent::Amended { facts: more_facts() }])
        .when(submit(csirt("FR"), Some("fr-spoc"), None), by(Role::Spoc), at(NOW))
        .refused(Rejection::NotEndorsed)
        .when(endorse(csirt("FR"), None), by(Role::Authority), at(NOW))
        .then([endorsed(&csirt("FR"), None)])
        .when(submit(csirt("FR"), Some("fr-spoc"), None), by(Role::Spoc), at(NOW))
        .then([submitted(csirt("FR"), more_facts(), None)]);
}

#[test]
fn submitted_facts_are_not_edited_and_the_refusal_says_what_to_do() {
    Scenario::<Request>::given(away())
        .when(Command::Amend { facts: more_facts(), live: true }, by(Role::Hospital), at(NOW))
        .refused(Rejection::AmendAfterSubmit);
    let refusal = Refusal::from(Rejection::AmendAfterSubmit);
    assert_eq!((refusal.reason, refusal.kind), ("AMEND_AFTER_SUBMIT", RefusalKind::Precondition));
    assert!(refusal.way_out.contains("48 hours"), "{}", refusal.way_out);
}

#[test]
fn a_hospital_answers_a_return_even_by_standing_by_its_facts() {
    let returned = RequestEvent::Returned {
        authority: csirt("FR").id,
        reason: ReturnReason::MeasuresMissing,
        note: "what did you isolate?".to_owned(),
    };
    Scenario::<Request>::given([opened(facts())])
        .when(
            send_back(csirt("FR"), ReturnReason::MeasuresMissing, "what did you isolate?"),
            by(Role::Authority),
            at(NOW),
        )
        .then([returned])
        .when(Command::Amend { facts: facts(), live: true }, by(Role::Hospital), at(NOW))
        .then([RequestEvent::Amended { facts: facts() }])
        .when(Command::Amend { facts: facts(), live: true }, by(Role::Hospital), at(NOW))
        .then_nothing();
}

#[test]
fn an_authority_may_take_its_endorsement_back_until_the_request_is_submitted() {
    let scenario = Scenario::<Request>::given([opened(facts()), endorsed(&csirt("FR"), None)])
        .when(send_back(csirt("FR"), ReturnReason::NotSignificant, ""), by(Role::Authority), at(NOW))
        .then([RequestEvent::Returned {
            authority: csirt("FR").id,
            reason: ReturnReason::NotSignificant,
            note: String::new(),
        }]);
    scenario.when(submit(csirt("FR"), Some("fr-spoc"), None), by(Role::Spoc), at(NOW)).refused(Rejection::NotEndorsed);
    Scenario::<Request>::given(away())
        .when(send_back(csirt("FR"), ReturnReason::NotSignificant, ""), by(Role::Authority), at(NOW))
        .refused(Rejection::AlreadySubmitted(csirt("FR").id));
}

#[test]
fn an_authority_acts_in_its_own_country_only() {
    let foreign = || Rejection::OutsideRemit(csirt("BE").id, country("FR"));
    for command in [
        endorse(csirt("BE"), None),
        send_back(csirt("BE"), ReturnReason::FactsMissing, ""),
        handle(csirt("BE"), "we will help"),
        submit(csirt("BE"), Some("be-spoc"), None),
    ] {
        Scenario::<Request>::given([opened(facts())]).when(command, by(Role::Authority), at(NOW)).refused(foreign());
    }
}

#[test]
fn a_third_countrys_authority_requests_for_its_own_country_through_its_contact_point() {
    let moldova = || Authority { kind: AuthorityKind::ThirdCountry, ..csirt("MD") };
    let abroad = || Facts { country: country("MD"), nuts: vec![], ..facts() };
    Scenario::<Request>::given([opened(abroad())])
        .when(endorse(moldova(), None), by(Role::Authority), at(NOW))
        .then([endorsed(&moldova(), None)])
        .when(submit(moldova(), Some("md-spoc"), None), by(Role::Spoc), at(NOW))
        .then([submitted(moldova(), abroad(), None)]);
    Scenario::<Request>::given([opened(facts())])
        .when(endorse(moldova(), None), by(Role::Authority), at(NOW))
        .refused(Rejection::OutsideRemit(moldova().id, country("FR")));
}

#[test]
fn cert_eu_endorses_for_a_union_entity_anywhere_and_submits_itself() {
    Scenario::<Request>::given([opened(facts())])
        .when(endorse(cert_eu(), None), by(Role::Authority), at(NOW))
        .then([endorsed(&cert_eu(), None)])
        .when(submit(cert_eu(), Some("fr-spoc"), None), by(Role::Spoc), at(NOW))
        .refused(Rejection::SubmitsItself(cert_eu().id))
        .when(submit(cert_eu(), None, None), by(Role::Authority), at(NOW))
        .then([submitted(cert_eu(), facts(), None)]);
}

#[test]
fn only_the_authoritys_own_contact_point_transmits() {
    let other = || Rejection::OtherSpoc(csirt("FR").id, id!(SpocId, "fr-spoc"));
    Scenario::<Request>::given([opened(facts()), endorsed(&csirt("FR"), None)])
        .when(submit(csirt("FR"), Some("be-spoc"), None), by(Role::Spoc), at(NOW))
        .refused(other())
        .when(submit(csirt("FR"), None, None), by(Role::Authority), at(NOW))
        .refused(other());
}

#[test]
fn by_a_mandate_in_force_nobody_has_to_act_and_the_events_name_it() {
    let named = Some(mandate().id);
    Scenario::<Request>::given([opened(facts())])
        .when(endorse(csirt("FR"), Some(mandate())), by(Role::System), at(NOW))
        .then([endorsed(&csirt("FR"), named.clone())])
        .when(submit(csirt("FR"), Some("fr-spoc"), Some(mandate())), by(Role::System), at(NOW))
        .then([submitted(csirt("FR"), facts(), named)]);
}

#[test]
fn a_mandate_acts_only_for_those_it_names_and_only_in_its_period() {
    let refused = |mandate: Mandate, moment: &str| {
        let rejection = || Rejection::NotMandated(mandate.id.clone());
        Scenario::<Request>::given([opened(facts())])
            .when(endorse(csirt("FR"), Some(mandate.clone())), by(Role::System), at(moment))
            .refused(rejection());
        Scenario::<Request>::given([opened(facts()), endorsed(&csirt("FR"), None)])
            .when(submit(csirt("FR"), Some("fr-spoc"), Some(mandate.clone())), by(Role::System), at(moment))
            .refused(rejection());
    };
    refused(Mandate { hospital: id!(HospitalId, "ch-dax"), ..mandate() }, NOW);
    refused(Mandate { authority: id!(AuthorityId, "fr-crisis"), ..mandate() }, NOW);
    refused(Mandate { spoc: id!(SpocId, "be-spoc"), ..mandate() }, NOW);
    refused(Mandate { from: at("2026-02-10T08:00:00.001Z"), ..mandate() }, NOW);
    refused(Mandate { until: at(NOW), ..mandate() }, NOW);
}

#[test]
fn all_wrong_facts_are_named_at_once_field_by_field() {
    let wrong = Facts { incident: String::new(), exercise: true, ..facts() };
    let received = Received { at: at(NOW), by: by(Role::Hospital) };
    let Err(rejection) = Request::decide(&None, open(wrong, "chu-rouen", "contact-1"), &received) else {
        panic!("not refused");
    };
    let refusal = Refusal::from(rejection);
    assert_eq!((refusal.reason, refusal.kind), ("FACTS_INVALID", RefusalKind::Invalid));
    let fields: Vec<_> = refusal.fields.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["facts.incident", "facts.exercise"]);
    assert!(refusal.says.contains("facts.incident is blank (Art 15(5)(a)); facts.exercise is set"), "{}", refusal.says);
}

#[test]
fn an_exercise_is_opened_and_amended_in_its_own_realm_only() {
    let exercise = || Facts { exercise: true, ..facts() };
    let command = Command::Open {
        hospital: id!(HospitalId, "chu-rouen"),
        facts: exercise(),
        contact: id!(SubjectRef, "contact-1"),
        live: false,
    };
    Scenario::<Request>::given([]).when(command, by(Role::Hospital), at(NOW)).then([opened(exercise())]);
    let received = Received { at: at(NOW), by: by(Role::Hospital) };
    let state = Scenario::<Request>::given([opened(facts())]);
    let amend = |live| Request::decide(state.state(), Command::Amend { facts: exercise(), live }, &received);
    assert!(amend(false).is_ok());
    assert!(matches!(amend(true), Err(Rejection::Facts(_))));
}

#[test]
fn links_are_kept_whatever_else_changes_and_said_once() {
    let link = || Command::Link { to: id!(RequestId, "r-1") };
    let scenario = Scenario::<Request>::given(away())
        .when(link(), by(Role::Hospital), at(NOW))
        .then([RequestEvent::Linked { to: id!(RequestId, "r-1") }])
        .when(link(), by(Role::Hospital), at(NOW))
        .then_nothing();
    let request = scenario.state().as_ref().unwrap();
    assert_eq!(request.links.len(), 1);
    assert!(matches!(request.phase, Phase::Submitted { .. }));
}

#[test]
fn after_submission_the_hospital_asks_and_its_authority_withdraws() {
    Scenario::<Request>::given(away())
        .when(withdraw("we are back"), by(Role::Hospital), at(NOW))
        .refused(Rejection::UserWithdraws)
        .when(withdraw("we are back"), by(Role::Authority), at(NOW))
        .then([RequestEvent::Withdrawn { reason: "we are back".to_owned() }]);
}

#[test]
fn a_withdrawn_request_closes_when_the_desk_has_ended_it() {
    let withdrawn = || away().into_iter().chain([RequestEvent::Withdrawn { reason: "we are back".to_owned() }]);
    let close = |reason| Command::Close { reason };
    for reason in [CloseReason::Withdrawn, CloseReason::Refused] {
        Scenario::<Request>::given(withdrawn())
            .when(close(reason), by(Role::System), at(NOW))
            .then([RequestEvent::Closed { reason }]);
    }
    let filed = [RequestEvent::SummaryReportFiled(report()), RequestEvent::Closed { reason: CloseReason::Reported }];
    Scenario::<Request>::given(withdrawn())
        .when(Command::EndSupport, by(Role::System), at(NOW))
        .then([RequestEvent::SupportEnded])
        .when(close(CloseReason::Withdrawn), by(Role::System), at(NOW))
        .refused(Rejection::NotOver(CloseReason::Withdrawn))
        .when(Command::FileReport(report()), by(Role::Authority), at(NOW))
        .then(filed);
}

#[test]
fn a_note_is_bounded_and_bears_no_classification_marking() {
    let received = Received { at: at(NOW), by: by(Role::Authority) };
    let scenario = Scenario::<Request>::given([opened(facts())]);
    let blank = Request::decide(scenario.state(), withdraw(" "), &received);
    let says = Refusal::from(blank.unwrap_err()).says;
    assert_eq!(says, "this cannot stand: reason is blank: say in a few words why (house rule: a decision says why)");
    for note in ["x".repeat(2_001), "SECRET UE/EU SECRET".to_owned(), "\u{7}".to_owned()] {
        for command in
            [send_back(csirt("FR"), ReturnReason::FactsMissing, &note), handle(csirt("FR"), &note), withdraw(&note)]
        {
            let answer = Request::decide(scenario.state(), command, &received);
            assert!(matches!(answer, Err(Rejection::Fields(_))), "{answer:?}");
        }
    }
}

#[test]
fn a_history_out_of_order_is_corrupt() {
    let closed = |reason| RequestEvent::Closed { reason };
    let [opened, endorsed, submitted] = away();
    for history in [
        vec![RequestEvent::SupportEnded],
        vec![opened.clone(), opened.clone()],
        vec![opened.clone(), submitted.clone()],
        vec![opened.clone(), closed(CloseReason::Withdrawn)],
        vec![opened.clone(), RequestEvent::SummaryReportFiled(report())],
        vec![opened.clone(), endorsed.clone(), submitted.clone(), RequestEvent::Amended { facts: more_facts() }],
        vec![opened.clone(), endorsed.clone(), submitted.clone(), closed(CloseReason::Reported)],
        vec![opened, endorsed, submitted, closed(CloseReason::Refused), RequestEvent::SupportEnded],
    ] {
        let mut state = None;
        let outcome: Result<(), _> = history.iter().try_for_each(|event| Request::evolve(&mut state, event));
        assert!(outcome.is_err(), "{history:?}");
    }
}
