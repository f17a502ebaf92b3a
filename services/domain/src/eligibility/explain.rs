//! An assessment in words for people: every gate with its article, every band with its rule, the rank, the answer.

use super::{
    assessment::{Assessment, Decision, Override, State},
    bands::name,
    events::{Band, Finding, Gate, GateResult, PriorityKey, Terms},
    priority::priority_name,
    terms::span,
};
use crate::clocks::answer_due;

/// Why a request stands where it stands, one fact a line; empty if nothing was submitted.
pub fn why(state: &State) -> Vec<String> {
    let Some(assessment) = state.assessment() else { return vec![] };
    let findings = assessment.findings.iter().map(|(finding, reason)| found(finding, reason));
    let gates = assessment.gates.iter().map(gate);
    let standing = assessment.standing_bands();
    let bands = standing.iter().map(band);
    let mut lines: Vec<String> = findings.chain(gates).chain(bands).collect();
    lines.push(priority(&assessment.key));
    lines.extend(assessment.overridden.as_ref().map(two_persons));
    lines.extend(assessment.proposal.as_ref().map(|p| {
        format!("another rank is proposed by {} until {}: bands {}; {}", p.by, p.lapses_at, listed(&p.bands), p.reason)
    }));
    lines.extend(assessment.escalated.iter().map(|level| format!("escalated unanswered after {level} (Art 16(1))")));
    if assessment.missed {
        lines.push("late: the 48 hours ended without an answer (Art 16(1))".to_owned());
    }
    match state {
        State::Absent => {}
        State::Open(assessment) => lines.extend(waits(assessment)),
        State::Decided(_, decision) => lines.extend(answer(assessment, decision)),
        State::Withdrawn(_, decision) => {
            lines.extend(decision.iter().flat_map(|decision| answer(assessment, decision)));
            lines.push("withdrawn: the user no longer asks".to_owned());
        }
    }
    lines
}

/// A gate and its article.
pub fn gate(result: &GateResult) -> String {
    format!("{}: {} ({}): {}", gate_name(result.gate), result.verdict, result.article, result.because)
}

const fn gate_name(gate: Gate) -> &'static str {
    match gate {
        Gate::IncidentClass => "incident class",
        Gate::OwnMeasures => "own measures",
        Gate::EntityType => "entity type",
        Gate::Route => "user and channel",
        Gate::Realm => "realm",
    }
}

/// A band and its rule.
pub fn band(band: &Band) -> String {
    let Band { criterion, band, rule, because, basis: _ } = band;
    format!("({criterion}) {}: band {band} (Art 16(3)({criterion}), rule {rule}): {because}", name(*criterion))
}

/// A rank.
pub fn priority(key: &PriorityKey) -> String {
    let user = if key.member_state_user {
        "a Member State user, first on equal bands"
    } else {
        "no Member State user, after those on equal bands"
    };
    format!(
        "priority {}: bands {} for (a) to (e), compared in this order (Art 16(3)); {user} (Art 16(4)); submitted {}",
        priority_name(&key.bands),
        listed(&key.bands),
        key.submitted_at
    )
}

fn listed(bands: &[u8; 5]) -> String {
    bands.map(|band| band.to_string()).join("-")
}

fn two_persons(by: &Override) -> String {
    format!(
        "another rank: bands {}, proposed by {}, approved by {} (house rule D12): {}",
        listed(&by.bands),
        by.proposed_by,
        by.approved_by,
        by.reason
    )
}

fn found(finding: &Finding, reason: &str) -> String {
    let fact = match finding {
        Finding::Emergency(state) => format!("emergency {state}"),
        Finding::HospitalsAffected(count) => format!("hospitals affected {count}"),
        Finding::RecordsUnavailable(yes) => format!("records unavailable {yes}"),
        Finding::ServicesRestored(yes) => format!("services restored {yes}"),
        Finding::DataBreach(yes) => format!("data breach {yes}"),
        Finding::Annex(annex) => format!("annex {annex}"),
        Finding::Category(category) => format!("category {category}"),
        Finding::Size(size) => format!("size {size}"),
        Finding::Spillover(risk) => format!("spillover {risk}"),
        Finding::NotRelevant(criterion) => format!("criterion ({criterion}) is not relevant"),
    };
    format!("found: {fact}: {reason}")
}

/// What an open request waits for.
fn waits(assessment: &Assessment) -> Vec<String> {
    let submission = &assessment.submission;
    let due = match answer_due(submission.route.kind, submission.submitted_at) {
        Some(due) => format!("not answered yet: due before {due} (Art 16(1), 48 hours)"),
        None => "not answered yet: due without undue delay (Art 19(10))".to_owned(),
    };
    let missing = assessment.unknown();
    if missing.is_empty() {
        return vec![due];
    }
    vec![due, format!("waits for findings (Art 16(3)): {}", missing.join("; "))]
}

/// The answer, what it grants, and every cut with its reason.
fn answer(assessment: &Assessment, decision: &Decision) -> Vec<String> {
    let article = if answer_due(assessment.submission.route.kind, assessment.key.submitted_at).is_some() {
        "Art 16(1)"
    } else {
        "Art 19(10)"
    };
    let by = decision.by_policy.map_or_else(String::new, |version| format!(", by policy version {version}"));
    let granted = decision.terms.as_ref().map_or_else(String::new, |terms| format!(": {}", offered(terms)));
    let reason = if decision.reason.is_empty() { String::new() } else { format!("; {}", decision.reason) };
    let first = format!("{} ({article}){by}{granted}{reason}", decision.outcome);
    let cuts = decision.cuts.iter().map(|cut| format!("cut {}: {}", cut.what, cut.reason));
    std::iter::once(first).chain(cuts).collect()
}

fn offered(terms: &Terms) -> String {
    let services: Vec<&str> = terms.services.iter().map(|service| service.as_str()).collect();
    format!(
        "{}; remote teams {}, on-site teams {}, person-days {}, {}",
        services.join(", "),
        terms.remote_teams,
        terms.onsite_teams,
        terms.person_days,
        span(terms.duration)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        eligibility::{
            assessment::{Command, Submission},
            events::{Criterion, Cut, Level, Outcome, Policy},
            scenarios::{assessed, clinic, moldova, no_measures, received, rouen, umcg},
            terms::requested,
        },
        intake::events::{Emergency, Spillover},
        kernel::{Aggregate, Role},
    };

    /// What is said of a case after these commands, each given so many hours after submission.
    fn told(case: &Submission, commands: Vec<(Role, &str, u64, Command)>) -> Vec<String> {
        let mut state = assessed(case);
        for (role, name, hours, command) in commands {
            let received = received(role, name, case.submitted_at.plus(Duration::from_hours(hours)));
            for event in Assessment::decide(&state, command, &received).unwrap() {
                Assessment::evolve(&mut state, &event).unwrap();
            }
        }
        why(&state)
    }

    fn decide(outcome: Outcome, terms: Option<Terms>, cuts: Vec<Cut>, reason: &str) -> Command {
        Command::Decide { outcome, terms, cuts, reason: reason.to_owned(), council_act: None }
    }

    /// The policy that grants and refuses by itself.
    fn by_policy() -> (Role, &'static str, u64, Command) {
        let policy = Policy { version: 2, refuses: true, grants: true, ..Policy::built_in() };
        (Role::System, "muster", 0, Command::DecideByPolicy { policy: Box::new(policy) })
    }

    #[test]
    fn rouen_is_granted_in_part() {
        let case = rouen();
        let terms = Terms { person_days: 40, ..requested(&case.facts.needs, &case.policy) };
        let cuts = vec![Cut { what: "person_days".to_owned(), reason: "40 are left in this period".to_owned() }];
        let answer = decide(Outcome::PartlyGranted, Some(terms), cuts, "");
        assert_eq!(
            told(&case, vec![(Role::Officer, "anna", 3, answer)]),
            [
                "incident class: pass (Art 15(1)): severe disruption: emergency department restricted (S1, NIS2 Art \
                 23(3)(a)); severe disruption: patient records unavailable and services not restored (S2, NIS2 Art \
                 23(3)(a)); able to cause severe disruption: incident type \
                 information-content-security/unauthorised-information-modification, malicious-code/infected-system (S4, \
                 NIS2 Art 23(3)(a))",
                "own measures: pass (Art 15(2)): measures told: csirt-engaged, isolation, recovery-started",
                "entity type: pass (Art 16(8)): university-hospital is of a type listed in NIS2 Annex I",
                "user and channel: pass (Art 14(3)(a), 15(3)(a)): csirt of FR; transmitted by spoc-fr",
                "realm: pass (house rule D15): a real request in the live realm",
                "(a) scale and severity: band 4 (Art 16(3)(a), rule A4): 5 hospitals affected",
                "(b) type of entity: band 2 (Art 16(3)(b), rule B2): essential entity (NIS2 Art 3)",
                "(c) potential impact: band 3 (Art 16(3)(c), rule C3): 5 hospitals affected",
                "(d) cross-border nature and spillover: band 1 (Art 16(3)(d), rule D1): low risk of spillover",
                "(e) measures taken by the user: band 3 (Art 16(3)(e), rule E3): 3 mitigation measures told \
                 (csirt-engaged, isolation, recovery-started); more rank higher under the policy",
                "priority P1: bands 4-2-3-1-3 for (a) to (e), compared in this order (Art 16(3)); a Member State user, \
                 first on equal bands (Art 16(4)); submitted 2019-11-16T06:00:00Z",
                "partly-granted (Art 16(1)): isim.forensics, isim.mitigation-recovery, x.clinical-systems, \
                 x.directory-recovery; remote teams 1, on-site teams 2, person-days 40, 30 days",
                "cut person_days: 40 are left in this period",
            ]
        );
    }

    #[test]
    fn the_clinic_is_granted_by_policy() {
        assert_eq!(
            told(&clinic(), vec![by_policy()]),
            [
                "incident class: pass (Art 15(1)): severe disruption: emergency department diverted (S1, NIS2 Art \
                 23(3)(a)); severe disruption: patient records unavailable and services not restored (S2, NIS2 Art \
                 23(3)(a)); able to cause severe disruption: incident type \
                 information-content-security/unauthorised-information-modification, \
                 information-content-security/unauthorised-information-access (S4, NIS2 Art 23(3)(a))",
                "own measures: pass (Art 15(2)): measures told: continuity, csirt-engaged, emergency-diversion, \
                 recovery-started",
                "entity type: pass (Art 16(8)): university-hospital is of a type listed in NIS2 Annex I",
                "user and channel: pass (Art 14(3)(a), 15(3)(a)): csirt of ES; transmitted by spoc-es",
                "realm: pass (house rule D15): a real request in the live realm",
                "(a) scale and severity: band 4 (Art 16(3)(a), rule A4): emergency department diverted",
                "(b) type of entity: band 2 (Art 16(3)(b), rule B2): essential entity (NIS2 Art 3)",
                "(c) potential impact: band 2 (Art 16(3)(c), rule C2): large entity and emergency department diverted",
                "(d) cross-border nature and spillover: band 1 (Art 16(3)(d), rule D1): low risk of spillover",
                "(e) measures taken by the user: band 4 (Art 16(3)(e), rule E4): 4 mitigation measures told \
                 (continuity, csirt-engaged, emergency-diversion, recovery-started); more rank higher under the policy",
                "priority P1: bands 4-2-2-1-4 for (a) to (e), compared in this order (Art 16(3)); a Member State user, \
                 first on equal bands (Art 16(4)); submitted 2023-03-05T20:00:00Z",
                "granted (Art 16(1)), by policy version 2: isim.forensics, isim.mitigation-recovery, x.backup-restore, \
                 x.clinical-systems; remote teams 1, on-site teams 2, person-days 90, 30 days; every gate passes",
            ]
        );
    }

    #[test]
    fn a_website_nuisance_is_refused_with_its_article() {
        let lines = told(&umcg(), vec![by_policy()]);
        let because = "nothing shows a significant incident: emergency department open; patient records available and \
                       services restored; no personal data breach known; incident type availability/ddos; national \
                       capacity not exceeded; 1 Member State affected (NL)";
        assert_eq!(lines.first().unwrap(), &format!("incident class: fail (Art 15(1)): {because}"));
        assert_eq!(
            lines[5..],
            [
                "(a) scale and severity: band 2 (Art 16(3)(a), rule A2): incident type availability/ddos",
                "(b) type of entity: band 2 (Art 16(3)(b), rule B2): essential entity (NIS2 Art 3)",
                "(c) potential impact: band 1 (Art 16(3)(c), rule C1): 1 hospital affected",
                "(d) cross-border nature and spillover: band 1 (Art 16(3)(d), rule D1): low risk of spillover",
                "(e) measures taken by the user: band 2 (Art 16(3)(e), rule E2): 2 mitigation measures told \
                 (csirt-engaged, ddos-protection); more rank higher under the policy",
                "priority P3: bands 2-2-1-1-2 for (a) to (e), compared in this order (Art 16(3)); a Member State user, \
                 first on equal bands (Art 16(4)); submitted 2023-01-30T09:00:00Z",
                &format!("refused (Art 16(1)), by policy version 2; Art 15(1): {because}"),
            ]
        );
    }

    #[test]
    fn a_request_without_measures_is_refused_with_what_to_add() {
        let lines = told(&no_measures(), vec![by_policy()]);
        let because = "no measure of the user's own is told; add what was done to contain or repair, such as isolation, \
                       csirt-engaged or recovery-started";
        assert_eq!(lines[1], format!("own measures: fail (Art 15(2)): {because}"));
        assert_eq!(
            lines[9..],
            [
                "(e) measures taken by the user: band 0 (Art 16(3)(e), rule E0): no mitigation measure told; more rank \
                 higher under the policy",
                "priority P1: bands 4-2-2-1-0 for (a) to (e), compared in this order (Art 16(3)); a Member State user, \
                 first on equal bands (Art 16(4)); submitted 2026-02-10T10:00:00Z",
                &format!("refused (Art 16(1)), by policy version 2; Art 15(2): {because}"),
            ]
        );
    }

    #[test]
    fn a_third_country_waits_without_48_hours() {
        let lines = told(&moldova(), vec![]);
        assert_eq!(
            lines[3],
            "user and channel: pass (Art 14(3)(c), 15(3), 19(4)): third-country-authority of MD; transmitted by spoc-md; \
             Council act (EU) 2025/1458 is in force from 2025-07-18T00:00:00Z until 2026-07-18T00:00:00Z, the request was \
             submitted at 2026-02-10T10:00:00Z"
        );
        assert_eq!(
            lines[10..],
            [
                "priority P1: bands 4-2-3-1-3 for (a) to (e), compared in this order (Art 16(3)); no Member State user, \
                 after those on equal bands (Art 16(4)); submitted 2026-02-10T10:00:00Z",
                "not answered yet: due without undue delay (Art 19(10))",
            ]
        );
        let refused = decide(Outcome::Refused, None, vec![], "the act covers another need");
        let lines = told(&moldova(), vec![(Role::Commission, "carla", 60, refused)]);
        assert_eq!(lines.last().unwrap(), "refused (Art 19(10)); the act covers another need");
    }

    #[test]
    fn what_an_open_request_lacks_is_told() {
        let mut case = rouen();
        case.facts.spillover = Spillover::Unknown;
        assert_eq!(
            told(&case, vec![])[11..],
            [
                "not answered yet: due before 2019-11-18T06:00:00Z (Art 16(1), 48 hours)",
                "waits for findings (Art 16(3)): criterion (d): not known yet: spillover; the worst plausible band stands",
            ]
        );
    }

    #[test]
    fn the_whole_story_is_told() {
        let case = clinic();
        let resolve = |finding| Command::Resolve { finding, reason: "told by telephone".to_owned() };
        let bands = [3, 2, 2, 1, 4];
        let propose = |bands| Command::ProposeOverride { bands, reason: "a better hospital is near".to_owned() };
        let officer = |name, hours, command| (Role::Officer, name, hours, command);
        let all = requested(&case.facts.needs, &case.policy);
        let lines = told(
            &case,
            vec![
                officer("anna", 1, resolve(Finding::Emergency(Emergency::Closed))),
                officer("anna", 1, resolve(Finding::NotRelevant(Criterion::CrossBorder))),
                officer("anna", 2, propose(bands)),
                officer("bert", 3, Command::ApproveOverride { bands }),
                officer("bert", 4, propose([0; 5])),
                (Role::System, "muster", 24, Command::Escalate { level: Level::H24 }),
                officer("anna", 49, decide(Outcome::Granted, Some(all), vec![], "")),
                (Role::System, "muster", 50, Command::Withdraw),
            ],
        );
        assert_eq!(
            lines[..2],
            ["found: emergency closed: told by telephone", "found: criterion (d) is not relevant: told by telephone",]
        );
        assert_eq!(
            lines[7..],
            [
                "(a) scale and severity: band 3 (Art 16(3)(a), rule override): two persons set it from 4 (A4): a better \
                 hospital is near",
                "(b) type of entity: band 2 (Art 16(3)(b), rule B2): essential entity (NIS2 Art 3)",
                "(c) potential impact: band 2 (Art 16(3)(c), rule C2): large entity and emergency department closed",
                "(d) cross-border nature and spillover: band 1 (Art 16(3)(d), rule override): two persons set it from 2 \
                 (neutral): a better hospital is near",
                "(e) measures taken by the user: band 4 (Art 16(3)(e), rule E4): 4 mitigation measures told \
                 (continuity, csirt-engaged, emergency-diversion, recovery-started); more rank higher under the policy",
                "priority P2: bands 3-2-2-1-4 for (a) to (e), compared in this order (Art 16(3)); a Member State user, \
                 first on equal bands (Art 16(4)); submitted 2023-03-05T20:00:00Z",
                "another rank: bands 3-2-2-1-4, proposed by anna, approved by bert (house rule D12): a better hospital is \
                 near",
                "another rank is proposed by bert until 2023-03-07T00:00:00Z: bands 0-0-0-0-0; a better hospital is near",
                "escalated unanswered after 24h (Art 16(1))",
                "late: the 48 hours ended without an answer (Art 16(1))",
                "granted (Art 16(1)): isim.forensics, isim.mitigation-recovery, x.backup-restore, x.clinical-systems; \
                 remote teams 1, on-site teams 2, person-days 90, 30 days",
                "withdrawn: the user no longer asks",
            ]
        );
    }

    #[test]
    fn of_nothing_there_is_nothing_to_tell() {
        assert_eq!(why(&State::Absent), [] as [String; 0]);
    }
}
