//! What a user must declare, and when the last word on it is due (Art 15(5), 16(9)). Whether the facts meet the law's
//! conditions is eligibility's to judge; here they are only complete, possible and fit to be kept.

use std::time::Duration;

use crate::{
    calendar::end_of_period,
    check::{BOUNDS, Violations},
    intake::events::{Facts, Precision},
    kernel::{Timestamp, is_token},
};

/// The most teams, remote and on site together, that one request asks for.
pub const TEAMS_MAX: u32 = 50;
/// The most person-days that one request asks for.
pub const PERSON_DAYS_MAX: u32 = 5_000;
/// The longest support that one request asks for.
pub const DURATION_MAX: Duration = Duration::from_hours(366 * 24);

/// The last moment to file the summary report: two months after support ended (Art 16(9)).
pub fn report_due(support_ended: Timestamp) -> Timestamp {
    end_of_period(support_ended, 2)
}

/// Everything wrong with `facts` declared at `received_at`; `live` says whether the realm is the live one.
pub fn check(facts: &Facts, received_at: Timestamp, live: bool) -> Violations {
    let mut wrong = Violations::none();
    check_incident(facts, received_at, live, &mut wrong);
    check_place(facts, &mut wrong);
    check_needs(facts, &mut wrong);
    check_told(facts, &mut wrong);
    wrong
}

fn check_incident(facts: &Facts, received_at: Timestamp, live: bool, wrong: &mut Violations) {
    wrong.named("facts.incident", "Art 15(5)(a)", &facts.incident);
    let says = format_args!("is {}, which is still to come", facts.detected_at);
    let latest = received_at.plus(slack(facts.detected_precision));
    wrong.require(facts.detected_at <= latest, "facts.detected_at", "Art 15(5)(a)", says);
    wrong.named("facts.entity.name", "Art 15(5)(a)", &facts.entity.name);
    wrong.line("facts.entity.kind", &facts.entity.kind);
    wrong.entries("facts.incident_types", facts.incident_types.len());
    let says = "is set, and this is the live realm: use the exercise's own";
    wrong.require(!(live && facts.exercise), "facts.exercise", "house rule D15", says);
}

/// How far a time may lie ahead of the clock and still be past: what its precision leaves open, at least a minute, for
/// clocks differ.
fn slack(precision: Precision) -> Duration {
    match precision {
        Precision::Minute => Duration::from_mins(1),
        Precision::Hour => Duration::from_hours(1),
        Precision::Day => Duration::from_hours(24),
    }
}

fn check_place(facts: &Facts, wrong: &mut Violations) {
    let country = facts.country;
    wrong.entries("facts.nuts", facts.nuts.len());
    for (i, nuts) in facts.nuts.iter().enumerate() {
        let says = format_args!("is {nuts}, which does not lie in {country}");
        wrong.require(nuts.is_in(country), format_args!("facts.nuts[{i}]"), "Art 15(5)(a)", says);
    }
    wrong.entries("facts.languages", facts.languages.len());
    wrong.entries("facts.affected", facts.affected.len());
    for affected in &facts.affected {
        let says = format_args!("has {affected}, which is not a Member State");
        wrong.require(affected.is_member_state(), "facts.affected", "Art 15(5)(a)(i)", says);
    }
}

fn check_needs(facts: &Facts, wrong: &mut Violations) {
    let (needs, rule) = (&facts.needs, "Art 15(5)(b)");
    wrong.require(!needs.services.is_empty(), "facts.needs.services", rule, "is empty: ask for at least one");
    wrong.entries("facts.needs.services", needs.services.len());
    let teams = needs.remote_teams.saturating_add(needs.onsite_teams);
    wrong.require(teams > 0, "facts.needs.remote_teams", rule, "and onsite_teams are 0: ask for at least one");
    let says = format_args!("and onsite_teams are {teams} together, more than {TEAMS_MAX}");
    wrong.require(teams <= TEAMS_MAX, "facts.needs.remote_teams", BOUNDS, says);
    wrong.require(needs.person_days > 0, "facts.needs.person_days", rule, "is 0: ask for at least one");
    wrong.at_most("facts.needs.person_days", needs.person_days, PERSON_DAYS_MAX);
    if let Some(duration) = needs.duration {
        let possible = !duration.is_zero() && duration <= DURATION_MAX;
        wrong.require(possible, "facts.needs.duration", rule, "is not between a moment and a year");
    }
}

fn check_told(facts: &Facts, wrong: &mut Violations) {
    wrong.entries("facts.measures", facts.measures.len());
    for (i, measure) in facts.measures.iter().enumerate() {
        let field = format_args!("facts.measures[{i}]");
        wrong.require(is_token(measure), field, "Art 15(5)(c)", "is not 1 to 64 of a-z, 0-9 and '-'");
        wrong.unclassified(field, measure);
    }
    wrong.entries("facts.suppliers", facts.suppliers.len());
    for (i, supplier) in facts.suppliers.iter().enumerate() {
        wrong.named(format_args!("facts.suppliers[{i}]"), "Art 15(5)(a)", supplier);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        check::ENTRIES_MAX,
        codes::Nuts,
        testing::{at, country, facts},
    };

    const DETECTED: &str = "2026-02-10T07:00:00Z";

    fn wrong(change: impl FnOnce(&mut Facts)) -> Vec<String> {
        let mut facts = facts();
        change(&mut facts);
        check(&facts, at(DETECTED), true).fields().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn facts_that_are_complete_pass() {
        assert!(wrong(|_| {}).is_empty());
        assert!(wrong(|f| f.languages.clear()).is_empty());
        assert!(wrong(|f| f.measures.clear()).is_empty(), "missing measures are judged, not refused at the door");
        assert!(wrong(|f| f.affected = BTreeSet::from([country("FR"), country("EL")])).is_empty());
    }

    type Change = fn(&mut Facts);

    /// One thing wrong, and how it is said.
    const WRONG: [(Change, &str); 20] = [
        (|f| f.incident = " ".into(), "facts.incident is blank (Art 15(5)(a))"),
        (|f| f.entity.name.clear(), "facts.entity.name is blank (Art 15(5)(a))"),
        (|f| f.entity.kind = "a\nb".into(), "facts.entity.kind has control characters (house rule: bounded input)"),
        (
            |f| f.incident_types = vec![f.incident_types[0].clone(); ENTRIES_MAX + 1],
            "facts.incident_types has 51 entries, more than 50 (house rule: bounded input)",
        ),
        (
            |f| f.exercise = true,
            "facts.exercise is set, and this is the live realm: use the exercise's own (house rule D15)",
        ),
        (
            |f| f.nuts.push(Nuts::parse("BE10").unwrap()),
            "facts.nuts[1] is BE10, which does not lie in FR (Art 15(5)(a))",
        ),
        (
            |f| f.affected = BTreeSet::from([country("GB")]),
            "facts.affected has GB, which is not a Member State (Art 15(5)(a)(i))",
        ),
        (|f| f.needs.services.clear(), "facts.needs.services is empty: ask for at least one (Art 15(5)(b))"),
        (
            |f| (f.needs.remote_teams, f.needs.onsite_teams) = (0, 0),
            "facts.needs.remote_teams and onsite_teams are 0: ask for at least one (Art 15(5)(b))",
        ),
        (
            |f| (f.needs.remote_teams, f.needs.onsite_teams) = (25, 26),
            "facts.needs.remote_teams and onsite_teams are 51 together, more than 50 (house rule: bounded input)",
        ),
        (
            |f| (f.needs.remote_teams, f.needs.onsite_teams) = (u32::MAX, 1),
            "facts.needs.remote_teams and onsite_teams are 4294967295 together, more than 50 (house rule: bounded \
                 input)",
        ),
        (|f| f.needs.person_days = 0, "facts.needs.person_days is 0: ask for at least one (Art 15(5)(b))"),
        (
            |f| f.needs.person_days = 5_001,
            "facts.needs.person_days is 5001, more than 5000 (house rule: bounded input)",
        ),
        (
            |f| f.needs.duration = Some(Duration::ZERO),
            "facts.needs.duration is not between a moment and a year (Art 15(5)(b))",
        ),
        (
            |f| f.needs.duration = Some(DURATION_MAX + Duration::from_millis(1)),
            "facts.needs.duration is not between a moment and a year (Art 15(5)(b))",
        ),
        (
            |f| f.measures = BTreeSet::from(["Isolation".into()]),
            "facts.measures[0] is not 1 to 64 of a-z, 0-9 and '-' (Art 15(5)(c))",
        ),
        (
            |f| f.measures = BTreeSet::from(["r-ue".into()]),
            "facts.measures[0] is marked R-UE: send a pointer, not the content (Decisions (EU, Euratom) 2019/1961 \
                 and 2019/1962)",
        ),
        (|f| f.suppliers = BTreeSet::from(["".into()]), "facts.suppliers[0] is blank (Art 15(5)(a))"),
        (
            |f| f.suppliers = BTreeSet::from(["x".repeat(201)]),
            "facts.suppliers[0] has 201 characters, more than 200 (house rule: bounded input)",
        ),
        (
            |f| f.incident = "case 7, RESTREINT UE".into(),
            "facts.incident is marked RESTREINT UE: send a pointer, not the content (Decisions (EU, Euratom) \
                 2019/1961 and 2019/1962)",
        ),
    ];

    #[test]
    fn each_rule_names_its_field_and_article() {
        for (change, says) in WRONG {
            assert_eq!(wrong(change), [says]);
        }
    }

    #[test]
    fn the_highest_numbers_pass() {
        assert!(wrong(|f| (f.needs.remote_teams, f.needs.onsite_teams) = (0, 50)).is_empty());
        assert!(wrong(|f| (f.needs.remote_teams, f.needs.onsite_teams, f.needs.person_days) = (1, 0, 1)).is_empty());
        assert!(wrong(|f| f.needs.person_days = 5_000).is_empty());
        assert!(wrong(|f| f.needs.duration = Some(DURATION_MAX)).is_empty());
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let lines = wrong(|f| {
            f.incident.clear();
            f.nuts = vec![Nuts::parse("BE10").unwrap(), Nuts::parse("NL113").unwrap()];
            f.needs.services.clear();
            f.needs.person_days = 0;
        });
        assert_eq!(lines.len(), 5, "{lines:#?}");
    }

    #[test]
    fn nobody_detects_tomorrow_what_the_precision_does_not_excuse() {
        for (precision, latest, too_late) in [
            (Precision::Minute, "2026-02-10T07:01:00Z", "2026-02-10T07:01:00.001Z"),
            (Precision::Hour, "2026-02-10T08:00:00Z", "2026-02-10T08:00:00.001Z"),
            (Precision::Day, "2026-02-11T07:00:00Z", "2026-02-11T07:00:00.001Z"),
        ] {
            let detected = |moment: &str| {
                wrong(|f| {
                    f.detected_at = at(moment);
                    f.detected_precision = precision;
                })
            };
            assert!(detected(latest).is_empty(), "{precision}");
            let says = format!("facts.detected_at is {too_late}, which is still to come (Art 15(5)(a))");
            assert_eq!(detected(too_late), [says]);
        }
    }

    #[test]
    fn an_exercise_is_declared_in_an_exercise_realm() {
        let facts = Facts { exercise: true, ..facts() };
        assert_eq!(check(&facts, at(DETECTED), false), Violations::none());
    }

    #[test]
    fn the_report_is_due_two_months_after_support_ended() {
        assert_eq!(report_due(at("2026-03-12T15:30:00Z")), at("2026-05-12T23:59:59.999Z"));
        assert_eq!(report_due(at("2027-12-31T00:00:00Z")), at("2028-02-29T23:59:59.999Z"));
        assert_eq!(report_due(at("2026-01-15T12:00:00Z")), at("2026-03-16T23:59:59.999Z"), "a Sunday moves to Monday");
    }
}
