//! What was asked for, and whether what is granted fits it: nothing beyond the request, and a reason for every cut.

use std::{collections::BTreeSet, time::Duration};

use super::events::{Cut, Outcome, Policy, Terms};
use crate::{intake::events::Needs, kernel::FieldViolation};

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
    let mut told = BTreeSet::new();
    for Cut { what, reason } in cuts {
        if !less.contains(what.as_str()) {
            wrong.push(mismatch("cuts", format!("name '{what}', which was not requested or is granted in full")));
        }
        if !told.insert(what.as_str()) {
            wrong.push(mismatch("cuts", format!("name '{what}' twice: give one reason")));
        }
        if reason.trim().is_empty() {
            wrong.push(mismatch("cuts", format!("give no reason for '{what}'")));
        }
    }
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
    match (minutes / (24 * 60), minutes % (24 * 60) / 60, minutes % 60) {
        (1, 0, 0) => "1 day".to_owned(),
        (days, 0, 0) if days > 0 => format!("{days} days"),
        (days, hours, 0) => format!("{} h", days.saturating_mul(24).saturating_add(hours)),
        (days, hours, minutes) => format!("{} h {minutes} min", days.saturating_mul(24).saturating_add(hours)),
    }
}
