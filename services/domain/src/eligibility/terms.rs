//! What was asked for, and whether what is granted fits it: nothing beyond the request, and a reason for every cut.

use std::{collections::BTreeSet, time::Duration};

use super::events::{Cut, Outcome, Policy, Terms};
use crate::{check::Violations, intake::events::Needs, kernel::FieldViolation};

/// The most characters of a cut's reason.
pub const CUT_REASON_CHARS_MAX: usize = 500;

/// All that a request asks for; the policy says how long when the request does not.
pub fn requested(needs: &Needs, policy: &Policy) -> Terms {
    Terms {
        services: needs.services.clone(),
        remote_teams: needs.remote_teams,
        onsite_teams: needs.onsite_teams,
        person_days: needs.person_days,
        duration: needs.duration.unwrap_or(policy.duration),
    }
}

fn mismatch(field: impl Into<String>, says: impl Into<String>) -> FieldViolation {
    FieldViolation { field: field.into(), rule: "Art 16(1), 16(3)", says: says.into() }
}

/// Violations as one text.
pub(super) fn sentences(violations: &[FieldViolation]) -> String {
    violations.iter().map(FieldViolation::to_string).collect::<Vec<_>>().join("; ")
}

/// Everything that is wrong with a decision on `requested`; empty if it fits its outcome.
pub fn mismatches(requested: &Terms, outcome: Outcome, terms: Option<&Terms>, cuts: &[Cut]) -> Vec<FieldViolation> {
    match outcome {
        Outcome::Granted => all_of_it(requested, terms, cuts),
        Outcome::PartlyGranted => terms.map_or_else(
            || vec![mismatch("terms", "must say which part is granted")],
            |terms| part_of_it(requested, terms, cuts),
        ),
        Outcome::Refused => nothing(terms, cuts),
    }
}

fn all_of_it(requested: &Terms, terms: Option<&Terms>, cuts: &[Cut]) -> Vec<FieldViolation> {
    let mut wrong = Vec::new();
    if terms != Some(requested) {
        wrong.push(mismatch("terms", "must be all that was requested; for less, grant partly and give each cut"));
    }
    if !cuts.is_empty() {
        wrong.push(mismatch("cuts", "must be empty when all is granted; for less, grant partly"));
    }
    wrong
}

fn nothing(terms: Option<&Terms>, cuts: &[Cut]) -> Vec<FieldViolation> {
    let mut wrong = Vec::new();
    if terms.is_some() {
        wrong.push(mismatch("terms", "must be left out of a refusal, which grants nothing"));
    }
    if !cuts.is_empty() {
        wrong.push(mismatch("cuts", "must be left out of a refusal, which has one reason"));
    }
    wrong
}

fn part_of_it(requested: &Terms, terms: &Terms, cuts: &[Cut]) -> Vec<FieldViolation> {
    let mut wrong = too_little(terms);
    let less = compare(requested, terms, &mut wrong);
    if less.is_empty() && wrong.is_empty() {
        wrong.push(mismatch("terms", "hold all that was requested: that is granted, not partly granted"));
    }
    let (mut told, mut unfit) = (BTreeSet::new(), Violations::none());
    for (i, Cut { what, reason }) in cuts.iter().enumerate() {
        if !less.contains(what.as_str()) {
            wrong.push(mismatch("cuts", format!("name '{what}', which was not requested or is granted in full")));
        }
        if !told.insert(what.as_str()) {
            wrong.push(mismatch("cuts", format!("name '{what}' twice: give one reason")));
        }
        if reason.trim().is_empty() {
            wrong.push(mismatch("cuts", format!("give no reason for '{what}'")));
        }
        unfit.prose(format_args!("cuts[{i}].reason"), reason, CUT_REASON_CHARS_MAX);
    }
    wrong.extend(unfit.into_fields());
    for what in less.difference(&told) {
        wrong.push(mismatch(
            "cuts",
            format!("do not name '{what}', which is less than requested: add it with its reason"),
        ));
    }
    wrong
}

/// Support needs something to do, somebody to do it, and time.
fn too_little(terms: &Terms) -> Vec<FieldViolation> {
    let nobody = terms.remote_teams == 0 && terms.onsite_teams == 0;
    let needed = [
        (terms.services.is_empty(), "terms.services", "must hold at least one service; to grant none, refuse"),
        (nobody, "terms.remote_teams", "must be at least one, or on-site teams; to grant none, refuse"),
        (terms.person_days == 0, "terms.person_days", "must be at least 1; to grant none, refuse"),
        (terms.duration.is_zero(), "terms.duration", "must be some time; to grant none, refuse"),
    ];
    needed.into_iter().filter(|(missing, ..)| *missing).map(|(_, field, says)| mismatch(field, says)).collect()
}

/// What is less than requested, by the names that cuts use; what is more than requested is wrong.
fn compare<'a>(requested: &'a Terms, terms: &'a Terms, wrong: &mut Vec<FieldViolation>) -> BTreeSet<&'a str> {
    for service in terms.services.difference(&requested.services) {
        wrong.push(mismatch("terms.services", format!("hold {service}, which was not requested")));
    }
    let quantities = [
        ("remote_teams", u128::from(requested.remote_teams), u128::from(terms.remote_teams)),
        ("onsite_teams", u128::from(requested.onsite_teams), u128::from(terms.onsite_teams)),
        ("person_days", u128::from(requested.person_days), u128::from(terms.person_days)),
        ("duration", requested.duration.as_millis(), terms.duration.as_millis()),
    ];
    for (what, asked, given) in quantities {
        if given > asked {
            wrong.push(mismatch(format!("terms.{what}"), "is more than requested"));
        }
    }
    let fewer = quantities.into_iter().filter(|(_, asked, given)| given < asked).map(|(what, ..)| what);
    requested.services.difference(&terms.services).map(|service| service.as_str()).chain(fewer).collect()
}

/// Whether so many days of support hold this long.
pub fn within_cap(duration: Duration, days: u32) -> bool {
    duration <= Duration::from_hours(24).saturating_mul(days)
}

/// A length of time for people: whole days if it is, else hours and minutes.
pub fn span(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (24, 0) => "1 day".to_owned(),
        (hours, 0) if hours > 0 && hours % 24 == 0 => format!("{} days", hours / 24),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eligibility::scenarios::{rouen, services};

    fn asked() -> Terms {
        let case = rouen();
        requested(&case.facts.needs, &case.policy)
    }

    fn cut(what: &str) -> Cut {
        Cut { what: what.to_owned(), reason: "the Reserve has no more".to_owned() }
    }

    /// What is wrong with granting a part of Rouen's request, as one text; empty if nothing is.
    fn part(change: impl FnOnce(&mut Terms), cuts: &[Cut]) -> String {
        let mut terms = asked();
        change(&mut terms);
        sentences(&mismatches(&asked(), Outcome::PartlyGranted, Some(&terms), cuts))
    }

    #[test]
    fn the_policy_says_how_long_when_the_request_does_not() {
        let mut case = rouen();
        assert_eq!(asked().duration, Duration::from_hours(30 * 24));
        case.facts.needs.duration = Some(Duration::from_hours(24));
        assert_eq!(requested(&case.facts.needs, &case.policy).duration, Duration::from_hours(24));
    }

    #[test]
    fn granted_is_all_and_nothing_else() {
        assert_eq!(mismatches(&asked(), Outcome::Granted, Some(&asked()), &[]), []);
        let less = Terms { person_days: 89, ..asked() };
        for terms in [None, Some(&less)] {
            let wrong = sentences(&mismatches(&asked(), Outcome::Granted, terms, &[]));
            assert!(wrong.contains("terms must be all that was requested"), "{wrong}");
        }
        let wrong = sentences(&mismatches(&asked(), Outcome::Granted, Some(&asked()), &[cut("person_days")]));
        assert!(wrong.contains("cuts must be empty"), "{wrong}");
    }

    #[test]
    fn refused_is_nothing() {
        assert_eq!(mismatches(&asked(), Outcome::Refused, None, &[]), []);
        let wrong = mismatches(&asked(), Outcome::Refused, Some(&asked()), &[cut("person_days")]);
        assert_eq!(wrong.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), ["terms", "cuts"]);
    }

    #[test]
    fn a_part_has_a_reason_for_every_cut() {
        assert_eq!(part(|t| t.person_days = 40, &[cut("person_days")]), "");
        assert_eq!(part(|t| t.remote_teams = 0, &[cut("remote_teams")]), "");
        let all_cut = |t: &mut Terms| {
            t.services = services(&["isim.forensics"]);
            t.remote_teams = 0;
            t.onsite_teams = 1;
            t.person_days = 10;
            t.duration = Duration::from_hours(48);
        };
        let cuts = [
            "isim.mitigation-recovery",
            "x.directory-recovery",
            "x.clinical-systems",
            "remote_teams",
            "onsite_teams",
            "person_days",
            "duration",
        ]
        .map(cut);
        assert_eq!(part(all_cut, &cuts), "");
        for missing in 0..cuts.len() {
            let mut fewer = cuts.to_vec();
            let left_out = fewer.remove(missing).what;
            let wrong = part(all_cut, &fewer);
            assert!(wrong.starts_with(&format!("cuts do not name '{left_out}', which is less")), "{wrong}");
        }
    }

    #[test]
    fn what_does_not_fit_a_part_is_named() {
        type Change = fn(&mut Terms);
        let table: [(Change, &[Cut], &str); 12] = [
            (|_| {}, &[], "terms hold all that was requested"),
            (|t| t.person_days = 91, &[], "terms.person_days is more than requested"),
            (|t| t.remote_teams = 2, &[], "terms.remote_teams is more than requested"),
            (|t| t.onsite_teams = 3, &[], "terms.onsite_teams is more than requested"),
            (|t| t.duration = Duration::from_hours(31 * 24), &[], "terms.duration is more than requested"),
            (|t| t.services.extend(services(&["x.leak-monitoring"])), &[], "hold x.leak-monitoring, which was not"),
            (|t| t.services.clear(), &[], "terms.services must hold at least one service"),
            (
                |t| {
                    t.remote_teams = 0;
                    t.onsite_teams = 0;
                },
                &[],
                "terms.remote_teams must be at least one, or on-site teams",
            ),
            (|t| t.person_days = 0, &[], "terms.person_days must be at least 1"),
            (|t| t.duration = Duration::ZERO, &[], "terms.duration must be some time"),
            (
                |t| t.person_days = 40,
                &[Cut { what: String::new(), reason: String::new() }],
                "cuts name '', which was not",
            ),
            (|t| t.person_days = 40, &[], "cuts do not name 'person_days'"),
        ];
        for (change, cuts, expected) in table {
            let wrong = part(change, cuts);
            assert!(wrong.contains(expected), "{expected}: {wrong}");
        }
        let twice = part(|t| t.person_days = 40, &[cut("person_days"), cut("person_days")]);
        assert!(twice.contains("cuts name 'person_days' twice"), "{twice}");
        let blank = Cut { what: "person_days".to_owned(), reason: " ".to_owned() };
        let blank = part(|t| t.person_days = 40, &[blank]);
        assert!(blank.contains("cuts give no reason for 'person_days'"), "{blank}");
        for (reason, expected) in [
            ("é".repeat(CUT_REASON_CHARS_MAX), ""),
            ("é".repeat(501), "cuts[0].reason has 501 characters, more than 500"),
            ("see R-UE/EU-R".to_owned(), "cuts[0].reason is marked R-UE"),
        ] {
            let wrong = part(|t| t.person_days = 40, &[Cut { what: "person_days".to_owned(), reason }]);
            assert!(wrong.starts_with(expected) && wrong.is_empty() == expected.is_empty(), "{expected}: {wrong}");
        }
        assert!(!mismatches(&asked(), Outcome::PartlyGranted, None, &[]).is_empty());
    }

    #[test]
    fn a_cap_counts_whole_days() {
        let days_75 = Duration::from_hours(75 * 24);
        assert!(within_cap(days_75, 75));
        assert!(!within_cap(days_75.saturating_add(Duration::from_millis(1)), 75));
    }

    #[test]
    fn lengths_of_time_read_well() {
        for (minutes, text) in [
            (30 * 24 * 60, "30 days"),
            (24 * 60, "1 day"),
            (25 * 60, "25 h"),
            (90, "1 h 30 min"),
            (30, "30 min"),
            (0, "0 min"),
        ] {
            assert_eq!(span(Duration::from_mins(minutes)), text);
        }
    }
}
