//! The conditions of the law. A failed gate refuses with its article and never lowers a rank; a gate that lacks a fact waits
//! for an officer's finding.

use std::collections::BTreeSet;

use super::{
    conditions::{
        CAPABLE, Told, capacity_exceeded, data_breach, emergency_limited, incident_class_in, mitigation, not_known_yet,
        records_lost, two_member_states,
    },
    events::{Gate, GateResult, Verdict},
    priority::is_member_state_user,
};
use crate::{
    intake::events::{Facts, IncidentClass, Route},
    kernel::Timestamp,
    registry::events::{Annex, AuthorityKind, CouncilAct},
};

/// What every gate says, in the order of `Gate::ALL`.
pub fn gates(
    facts: &Facts,
    route: &Route,
    council_act: Option<&CouncilAct>,
    submitted_at: Timestamp,
    realm_is_live: bool,
) -> Vec<GateResult> {
    let answer = |gate: Gate| match gate {
        Gate::IncidentClass => incident_class(facts, route),
        Gate::OwnMeasures => own_measures(facts),
        Gate::EntityType => entity_type(facts, route),
        Gate::Route => user_and_channel(facts, route, council_act, submitted_at),
        Gate::Realm => realm(facts, realm_is_live),
    };
    Gate::ALL
        .iter()
        .map(|&gate| {
            let Answer { verdict, article, because, missing: _ } = answer(gate);
            GateResult { gate, verdict, article: article.to_owned(), because }
        })
        .collect()
}

/// The facts that are missing for the gates to say yes or no, named as findings name them.
pub fn missing(facts: &Facts, route: &Route) -> BTreeSet<&'static str> {
    // The others need no fact that can be missing.
    [incident_class(facts, route), entity_type(facts, route)].into_iter().flat_map(|answer| answer.missing).collect()
}

/// One gate's answer before it carries its gate's name.
struct Answer {
    verdict: Verdict,
    article: &'static str,
    because: String,
    /// Facts without which it stays unknown.
    missing: BTreeSet<&'static str>,
}

impl Answer {
    fn pass(article: &'static str, because: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, article, because: because.into(), missing: BTreeSet::new() }
    }

    fn fail(article: &'static str, because: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, article, because: because.into(), missing: BTreeSet::new() }
    }

    fn unknown(article: &'static str, missing: BTreeSet<&'static str>) -> Self {
        Self { verdict: Verdict::Unknown, article, because: not_known_yet(&missing), missing }
    }
}

/// One way in which an incident is of a class of Art 15(1).
struct Ground {
    rule: &'static str,
    article: &'static str,
    says: &'static str,
    holds: fn(&Facts) -> Told,
}

/// Severe operational disruption for the entity, or the ability to cause it.
const DISRUPTION: &str = "NIS2 Art 23(3)(a)";
/// Considerable damage to others.
const DAMAGE: &str = "NIS2 Art 23(3)(b)";
/// More than one Member State can handle, or more than one Member State hit.
const LARGE_SCALE: &str = "NIS2 Art 6(7)";

/// One ground that holds is enough. The law's words are open, so each ground is a reading, named so that it can be argued.
const GROUNDS: [Ground; 6] = [
    Ground { rule: "S1", article: DISRUPTION, says: "severe disruption", holds: emergency_limited },
    Ground { rule: "S2", article: DISRUPTION, says: "severe disruption", holds: records_lost },
    Ground { rule: "S3", article: DAMAGE, says: "considerable damage to others", holds: data_breach },
    Ground {
        rule: "S4",
        article: DISRUPTION,
        says: "able to cause severe disruption",
        holds: |f| incident_class_in(f, &CAPABLE),
    },
    Ground { rule: "L1", article: LARGE_SCALE, says: "more than the country can handle", holds: capacity_exceeded },
    Ground { rule: "L2", article: LARGE_SCALE, says: "more than one country hit", holds: two_member_states },
];

/// Art 15(1): a significant, large-scale or large-scale-equivalent incident.
fn incident_class(facts: &Facts, route: &Route) -> Answer {
    const ARTICLE: &str = "Art 15(1)";
    if facts.class_claimed == IncidentClass::LargeScaleEquivalent && is_member_state_user(route) {
        return Answer::fail(
            "Art 15(1), 2(11) to 2(13)",
            "large-scale-equivalent is a class for Union entities and third countries; a Member State claims significant \
             or large-scale",
        );
    }
    let (mut shown, mut not_shown, mut missing) = (Vec::new(), Vec::new(), BTreeSet::new());
    for ground in &GROUNDS {
        match (ground.holds)(facts) {
            Told::Yes(words) => shown.push((ground, words)),
            Told::No(words) => not_shown.push(words),
            Told::Unknown(names) => missing.extend(names),
        }
    }
    if !shown.is_empty() {
        let large_scale = shown.iter().any(|(ground, _)| ground.article == LARGE_SCALE);
        let claim_not_shown = facts.class_claimed == IncidentClass::LargeScale && !large_scale;
        let note = if claim_not_shown { "; large-scale is claimed but not shown, significant is enough" } else { "" };
        let because = shown.iter().map(|(g, words)| format!("{}: {words} ({}, {})", g.says, g.rule, g.article));
        Answer::pass(ARTICLE, format!("{}{note}", words(because)))
    } else if !missing.is_empty() {
        Answer::unknown(ARTICLE, missing)
    } else {
        Answer::fail(ARTICLE, format!("nothing shows a significant incident: {}", words(not_shown.into_iter())))
    }
}

/// Art 15(2): the user takes all appropriate measures before it asks, and tells them (Art 15(5)(c)).
fn own_measures(facts: &Facts) -> Answer {
    const ARTICLE: &str = "Art 15(2)";
    const ADD: &str = "add what was done to contain or repair, such as isolation, csirt-engaged or recovery-started";
    let mitigation = mitigation(facts);
    if !mitigation.is_empty() {
        return Answer::pass(ARTICLE, format!("measures told: {}", mitigation.join(", ")));
    }
    let told: Vec<&str> = facts.measures.iter().map(String::as_str).collect();
    if told.is_empty() {
        Answer::fail(ARTICLE, format!("no measure of the user's own is told; {ADD}"))
    } else {
        Answer::fail(ARTICLE, format!("{} gives notice and mitigates nothing; {ADD}", told.join(", ")))
    }
}

/// Art 16(8): the services are used for entities of a type listed in NIS2 Annex I or II, and for Union entities.
fn entity_type(facts: &Facts, route: &Route) -> Answer {
    const ARTICLE: &str = "Art 16(8)";
    if route.kind == AuthorityKind::CertEu {
        return Answer::pass("Art 14(3)(b), 16(8)", "a Union entity, through CERT-EU");
    }
    let kind = &facts.entity.kind;
    match facts.entity.annex {
        annex @ (Annex::One | Annex::Two) => {
            Answer::pass(ARTICLE, format!("{kind} is of a type listed in NIS2 Annex {annex}"))
        }
        Annex::None => Answer::fail(
            ARTICLE,
            format!("{kind} is of no type listed in NIS2 Annex I or II; the national CSIRT can help (NIS2 Art 11, 30)"),
        ),
        Annex::Unknown => Answer::unknown(ARTICLE, BTreeSet::from(["annex"])),
    }
}

/// One thing that a route needs: met or not, its article, and what to say either way.
struct Need {
    met: bool,
    article: &'static str,
    yes: String,
    no: String,
}

/// Art 14(3), 15(3), 19: a user of the Reserve, through its channel, with access.
fn user_and_channel(facts: &Facts, route: &Route, act: Option<&CouncilAct>, submitted_at: Timestamp) -> Answer {
    let (article, needs) = match route.kind {
        AuthorityKind::Csirt | AuthorityKind::CrisisManagement => {
            ("Art 14(3)(a), 15(3)(a)", vec![own_country(facts, route, true), transmitted(route, "Art 15(3)(a)")])
        }
        AuthorityKind::CertEu => ("Art 14(3)(b), 15(3)(b)", vec![direct(route)]),
        AuthorityKind::ThirdCountry => (
            "Art 14(3)(c), 15(3), 19(4)",
            vec![
                own_country(facts, route, false),
                transmitted(route, "Art 15(3)"),
                council_act(facts, act, submitted_at),
            ],
        ),
    };
    match needs.iter().find(|need| !need.met) {
        None => Answer::pass(article, words(needs.into_iter().map(|need| need.yes))),
        Some(&Need { article, .. }) => {
            Answer::fail(article, words(needs.into_iter().filter(|need| !need.met).map(|need| need.no)))
        }
    }
}

fn words(each: impl Iterator<Item = String>) -> String {
    each.collect::<Vec<_>>().join("; ")
}

/// A user asks for cases in its own country, and the country is of the right sort for its kind.
fn own_country(facts: &Facts, route: &Route, member_state: bool) -> Need {
    let user = route.country.map_or_else(|| "no country".to_owned(), |country| country.to_string());
    let case = facts.country;
    let of_the_sort = if member_state { "a Member State" } else { "a third country" };
    Need {
        met: route.country == Some(case) && case.is_member_state() == member_state,
        article: if member_state { "Art 14(3)(a)" } else { "Art 14(3)(c)" },
        yes: format!("{} of {case}", route.kind),
        no: format!(
            "a {} asks for cases in its own country, {of_the_sort}; this user is of {user} and the case is in {case}",
            route.kind
        ),
    }
}

fn transmitted(route: &Route, article: &'static str) -> Need {
    Need {
        met: route.spoc.is_some(),
        article,
        yes: route.spoc.as_ref().map_or_else(String::new, |spoc| format!("transmitted by {spoc}")),
        no: "no single point of contact transmitted it".to_owned(),
    }
}

fn direct(route: &Route) -> Need {
    Need {
        met: route.spoc.is_none(),
        article: "Art 15(3)(b)",
        yes: "CERT-EU asks directly".to_owned(),
        no: "CERT-EU asks directly, not through a single point of contact".to_owned(),
    }
}

/// Art 19(4): a third country has access while a Council act is in force for it.
fn council_act(facts: &Facts, act: Option<&CouncilAct>, submitted_at: Timestamp) -> Need {
    let country = facts.country;
    let (met, says) = match act {
        None => (false, format!("no Council act opens the Reserve to {country}")),
        Some(act) if act.country != country => {
            (false, format!("Council act {} is for {}, not for {country}", act.reference, act.country))
        }
        Some(act) => (
            act.from <= submitted_at && submitted_at < act.until,
            format!(
                "Council act {} is in force from {} until {}, the request was submitted at {submitted_at}",
                act.reference, act.from, act.until
            ),
        ),
    };
    Need { met, article: "Art 19(4)", yes: says.clone(), no: says }
}

/// House rule D15: exercises never touch live. In an exercise realm every request is an exercise.
fn realm(facts: &Facts, realm_is_live: bool) -> Answer {
    const RULE: &str = "house rule D15";
    match (facts.exercise, realm_is_live) {
        (true, true) => Answer::fail(RULE, "an exercise is told in the live realm; open it in an exercise realm"),
        (false, true) => Answer::pass(RULE, "a real request in the live realm"),
        (true | false, false) => Answer::pass(RULE, "an exercise realm: nothing here touches live"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codes::IncidentType,
        eligibility::{
            assessment::Submission,
            scenarios::{at, clinic, country, moldova, no_measures, rouen, umcg, union_entity},
        },
        intake::events::{Emergency, Impact},
        kernel::SpocId,
    };

    fn judged(case: &Submission) -> Vec<GateResult> {
        gates(&case.facts, &case.route, case.council_act.as_ref(), case.submitted_at, case.live)
    }

    /// What one gate says of a case, changed as the test says.
    #[track_caller]
    fn says(mut case: Submission, gate: Gate, change: impl FnOnce(&mut Submission)) -> (Verdict, String, String) {
        change(&mut case);
        let result = judged(&case).into_iter().find(|result| result.gate == gate).unwrap();
        (result.verdict, result.article, result.because)
    }

    #[track_caller]
    fn verdict(case: Submission, gate: Gate, change: impl FnOnce(&mut Submission)) -> Verdict {
        says(case, gate, change).0
    }

    #[test]
    fn the_four_cases_get_what_the_law_gives() {
        let outcome = |case: Submission| judged(&case).iter().map(|g| g.verdict).collect::<Vec<_>>();
        use Verdict::{Fail, Pass};
        assert_eq!(outcome(rouen()), [Pass, Pass, Pass, Pass, Pass]);
        assert_eq!(outcome(clinic()), [Pass, Pass, Pass, Pass, Pass]);
        assert_eq!(outcome(umcg()), [Fail, Pass, Pass, Pass, Pass]);
        assert_eq!(outcome(no_measures()), [Pass, Fail, Pass, Pass, Pass]);
        assert_eq!(outcome(moldova()), [Pass, Pass, Pass, Pass, Pass]);
        assert_eq!(outcome(union_entity()), [Pass, Pass, Pass, Pass, Pass]);
    }

    #[test]
    fn gates_stand_in_the_order_of_the_list() {
        assert_eq!(judged(&rouen()).iter().map(|g| g.gate).collect::<Vec<_>>(), Gate::ALL);
    }

    #[test]
    fn a_website_nuisance_fails_with_15_1_and_quotes_the_facts() {
        let (verdict, article, because) = says(umcg(), Gate::IncidentClass, |_| {});
        assert_eq!((verdict, article.as_str()), (Verdict::Fail, "Art 15(1)"));
        assert_eq!(
            because,
            "nothing shows a significant incident: emergency department open; patient records available and \
             services restored; no personal data breach known; incident type availability/ddos; national capacity not \
             exceeded; 1 Member State affected (NL)"
        );
    }

    #[test]
    fn each_ground_alone_is_enough() {
        type Change = fn(&mut Submission);
        let grounds: [(&str, Change); 8] = [
            ("S1", |c| c.facts.impact.emergency = Emergency::Restricted),
            ("S1", |c| c.facts.impact.emergency = Emergency::Diverted),
            ("S1", |c| c.facts.impact.emergency = Emergency::Closed),
            ("S2", |c| {
                c.facts.impact.records_unavailable = Some(true);
                c.facts.impact.services_restored = Some(false);
            }),
            ("S3", |c| c.facts.impact.data_breach = Some(true)),
            ("S4", |c| c.facts.incident_types.push(IncidentType::parse("intrusions/system-compromise").unwrap())),
            ("L1", |c| c.facts.national_capacity_exceeded = true),
            ("L2", |c| c.facts.affected = BTreeSet::from([country("DE")])),
        ];
        for (rule, change) in grounds {
            let (verdict, _, because) = says(umcg(), Gate::IncidentClass, change);
            assert_eq!(verdict, Verdict::Pass, "{rule}: {because}");
            assert!(because.contains(&format!("({rule}, NIS2 Art ")), "{rule}: {because}");
        }
    }

    #[test]
    fn what_is_not_severe_by_itself_is_no_ground() {
        for kind in [
            "availability/dos",
            "fraud/phishing",
            "information-gathering/scanner",
            "intrusion-attempts/exploit",
            "vulnerable/weak-crypto",
            "abusive-content/spam",
            "other/undetermined",
            "test/test",
        ] {
            let change = |c: &mut Submission| c.facts.incident_types = vec![IncidentType::parse(kind).unwrap()];
            assert_eq!(verdict(umcg(), Gate::IncidentClass, change), Verdict::Fail, "{kind}");
        }
        let records_back = |c: &mut Submission| c.facts.impact.records_unavailable = Some(true);
        assert_eq!(verdict(umcg(), Gate::IncidentClass, records_back), Verdict::Fail);
        let no_emergency = |c: &mut Submission| c.facts.impact.emergency = Emergency::NotApplicable;
        assert_eq!(verdict(umcg(), Gate::IncidentClass, no_emergency), Verdict::Fail);
    }

    #[test]
    fn a_missing_fact_that_bears_makes_the_class_unknown_and_is_named() {
        type Change = fn(&mut Impact);
        let missing: [(&str, Change); 3] = [
            ("emergency", |i| i.emergency = Emergency::Unknown),
            ("data_breach", |i| i.data_breach = None),
            ("records_unavailable, services_restored", |i| {
                i.records_unavailable = None;
                i.services_restored = None;
            }),
        ];
        for (named, change) in missing {
            let (verdict, _, because) = says(umcg(), Gate::IncidentClass, |c| change(&mut c.facts.impact));
            assert_eq!((verdict, because), (Verdict::Unknown, format!("not known yet: {named}")));
        }
    }

    #[test]
    fn a_missing_fact_that_cannot_bear_changes_nothing() {
        let restored = |c: &mut Submission| c.facts.impact.records_unavailable = None;
        assert_eq!(verdict(umcg(), Gate::IncidentClass, restored), Verdict::Fail, "services are restored");
        let count = |c: &mut Submission| c.facts.impact.hospitals_affected = None;
        assert_eq!(verdict(umcg(), Gate::IncidentClass, count), Verdict::Fail, "no ground counts hospitals");
        let shown = |c: &mut Submission| c.facts.impact.emergency = Emergency::Unknown;
        assert_eq!(verdict(rouen(), Gate::IncidentClass, shown), Verdict::Pass, "other grounds hold");
    }

    #[test]
    fn large_scale_equivalent_is_not_for_member_states() {
        let claim = |c: &mut Submission| c.facts.class_claimed = IncidentClass::LargeScaleEquivalent;
        let (verdict_for_france, article, _) = says(rouen(), Gate::IncidentClass, claim);
        assert_eq!((verdict_for_france, article.as_str()), (Verdict::Fail, "Art 15(1), 2(11) to 2(13)"));
        assert_eq!(verdict(moldova(), Gate::IncidentClass, claim), Verdict::Pass);
        assert_eq!(verdict(union_entity(), Gate::IncidentClass, claim), Verdict::Pass);
    }

    #[test]
    fn large_scale_claimed_and_not_shown_passes_as_significant_and_says_so() {
        let claim = |c: &mut Submission| c.facts.class_claimed = IncidentClass::LargeScale;
        let (verdict, _, because) = says(rouen(), Gate::IncidentClass, claim);
        assert_eq!(verdict, Verdict::Pass);
        assert!(because.ends_with("; large-scale is claimed but not shown, significant is enough"), "{because}");
        let (_, _, because) = says(rouen(), Gate::IncidentClass, |c| {
            claim(c);
            c.facts.affected = BTreeSet::from([country("DE"), country("FR")]);
        });
        assert!(because.ends_with("2 Member States affected (DE, FR) (L2, NIS2 Art 6(7))"), "{because}");
    }

    #[test]
    fn measures_that_only_give_notice_are_not_enough() {
        let (verdict, article, because) = says(no_measures(), Gate::OwnMeasures, |_| {});
        assert_eq!((verdict, article.as_str()), (Verdict::Fail, "Art 15(2)"));
        assert!(because.contains("add what was done"), "{because}");
        let (verdict, _, because) = says(no_measures(), Gate::OwnMeasures, |c| {
            c.facts.measures.insert("law-enforcement".to_owned());
        });
        assert_eq!(verdict, Verdict::Fail);
        assert!(because.starts_with("law-enforcement gives notice and mitigates nothing; add"), "{because}");
        let (verdict, _, because) = says(no_measures(), Gate::OwnMeasures, |c| {
            c.facts.measures = ["law-enforcement", "isolation"].map(str::to_owned).into();
        });
        assert_eq!((verdict, because.as_str()), (Verdict::Pass, "measures told: isolation"));
    }

    #[test]
    fn the_entity_must_be_of_a_listed_type() {
        let annex = |annex| move |c: &mut Submission| c.facts.entity.annex = annex;
        assert_eq!(verdict(rouen(), Gate::EntityType, annex(Annex::Two)), Verdict::Pass);
        assert_eq!(verdict(rouen(), Gate::EntityType, annex(Annex::Unknown)), Verdict::Unknown);
        let (verdict, article, because) = says(rouen(), Gate::EntityType, |c| {
            c.facts.entity.annex = Annex::None;
            c.facts.entity.kind = "charity".to_owned();
        });
        assert_eq!((verdict, article.as_str()), (Verdict::Fail, "Art 16(8)"));
        assert!(because.starts_with("charity is of no type listed") && because.contains("CSIRT"), "{because}");
    }

    #[test]
    fn a_route_is_a_user_its_country_and_its_channel() {
        use AuthorityKind::{CertEu, CrisisManagement, Csirt, ThirdCountry};
        type Change = fn(&mut Submission);
        let table: [(Submission, Change, Verdict, &str); 13] = [
            (rouen(), |_| {}, Verdict::Pass, "Art 14(3)(a), 15(3)(a)"),
            (rouen(), |c| c.route.kind = CrisisManagement, Verdict::Pass, "Art 14(3)(a), 15(3)(a)"),
            (rouen(), |c| c.route.country = Some(country("BE")), Verdict::Fail, "Art 14(3)(a)"),
            (rouen(), |c| c.route.country = None, Verdict::Fail, "Art 14(3)(a)"),
            (rouen(), |c| c.route.spoc = None, Verdict::Fail, "Art 15(3)(a)"),
            (moldova(), |c| c.route.kind = Csirt, Verdict::Fail, "Art 14(3)(a)"),
            (union_entity(), |_| {}, Verdict::Pass, "Art 14(3)(b), 15(3)(b)"),
            (union_entity(), |c| c.route.spoc = Some(SpocId::parse("spoc-be").unwrap()), Verdict::Fail, "Art 15(3)(b)"),
            (rouen(), |c| c.route.kind = CertEu, Verdict::Fail, "Art 15(3)(b)"),
            (moldova(), |_| {}, Verdict::Pass, "Art 14(3)(c), 15(3), 19(4)"),
            (moldova(), |c| c.council_act = None, Verdict::Fail, "Art 19(4)"),
            (moldova(), |c| c.route.spoc = None, Verdict::Fail, "Art 15(3)"),
            (rouen(), |c| c.route.kind = ThirdCountry, Verdict::Fail, "Art 14(3)(c)"),
        ];
        for (line, (case, change, verdict, article)) in table.into_iter().enumerate() {
            let found = says(case, Gate::Route, change);
            assert_eq!((found.0, found.1.as_str()), (verdict, article), "line {line}: {}", found.2);
        }
    }

    #[test]
    fn a_council_act_must_be_in_force_when_the_request_is_submitted() {
        let submitted = |moment: &str| {
            let moment = at(moment);
            verdict(moldova(), Gate::Route, move |c| c.submitted_at = moment)
        };
        assert_eq!(submitted("2025-07-17T23:59:59.999Z"), Verdict::Fail);
        assert_eq!(submitted("2025-07-18T00:00:00.000Z"), Verdict::Pass);
        assert_eq!(submitted("2026-07-17T23:59:59.999Z"), Verdict::Pass);
        assert_eq!(submitted("2026-07-18T00:00:00.000Z"), Verdict::Fail);
        let (verdict, _, because) = says(moldova(), Gate::Route, |c| {
            c.facts.country = country("GB");
            c.route.country = Some(country("GB"));
        });
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(because, "Council act (EU) 2025/1458 is for MD, not for GB");
    }

    #[test]
    fn an_exercise_stays_out_of_the_live_realm() {
        let realm = |exercise, live| {
            move |c: &mut Submission| {
                c.facts.exercise = exercise;
                c.live = live;
            }
        };
        for (exercise, live, expected) in [
            (false, true, Verdict::Pass),
            (true, true, Verdict::Fail),
            (true, false, Verdict::Pass),
            (false, false, Verdict::Pass),
        ] {
            assert_eq!(verdict(rouen(), Gate::Realm, realm(exercise, live)), expected, "{exercise} {live}");
        }
    }
}
