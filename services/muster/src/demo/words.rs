//! What the API tells, in a few words: the reasons are its own, only shorter.

use std::{collections::BTreeMap, time::Duration};

use muster_api::{
    monitor::v1::{RequestPage, StoryLine},
    r#type::v1::{Candidate, Offer, Terms, candidate::Standing},
};
use muster_domain::kernel::Timestamp;

use super::data::Data;
use crate::cli::{look::span, show};

/// Providers that are passed over for a reason worth telling, at most.
const PASSED_OVER_MAX: usize = 4;

/// A moment on the wire, as the realm counts it.
pub fn moment(at: Option<prost_types::Timestamp>) -> Timestamp {
    at.as_ref().map(show::moment).unwrap_or_default()
}

/// When something happened to a request last; the moment of the last change if it did not.
pub fn when(page: &RequestPage, event_type: &str) -> Timestamp {
    let line = page.story.iter().rev().find(|line| line.event_type == event_type);
    let changed = || page.card.as_ref().and_then(|card| card.changed_at);
    moment(line.and_then(|line: &StoryLine| line.at).or_else(changed))
}

/// A number of things: `1 team`, `2 teams`.
pub fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Teams and days: `1 remote team, 2 on-site teams, 90 person-days`.
pub fn effort(remote: u32, onsite: u32, days: u32) -> String {
    let of = |number: u32, one: &str| count(usize::try_from(number).unwrap_or_default(), one);
    let parts =
        [(remote, of(remote, "remote team")), (onsite, of(onsite, "on-site team")), (days, of(days, "person-day"))];
    parts.into_iter().filter(|(number, _)| *number > 0).map(|(_, words)| words).collect::<Vec<_>>().join(", ")
}

/// What is granted.
pub fn terms(terms: &Terms) -> String {
    effort(terms.remote_teams, terms.onsite_teams, terms.person_days)
}

/// How a request was judged, in one sentence.
pub fn judged(page: &RequestPage) -> String {
    let priority = page.card.as_ref().map(|card| card.priority.as_str()).unwrap_or_default();
    let of = |verdict: &str| page.gates.iter().filter(|gate| gate.verdict == verdict).count();
    let gates = page.gates.len();
    let passed = match (of("fail"), of("unknown")) {
        (0, 0) => format!("all {gates} gates of the law pass"),
        (0, unknown) => format!("{unknown} of {gates} gates of the law cannot be said yet"),
        (1, _) => format!("but 1 of {gates} gates of the law fails"),
        (fail, _) => format!("but {fail} of {gates} gates of the law fail"),
    };
    format!("judged at once: {priority}, {passed}.")
}

/// Which gates failed, and why.
pub fn failed(page: &RequestPage) -> Vec<String> {
    let failed = page.gates.iter().filter(|gate| gate.verdict == "fail");
    failed.map(|gate| format!("{} ({}): {}", gate.gate.replace('-', " "), gate.article, gate.because)).collect()
}

/// What makes the incident significant, first of all.
pub fn ground(page: &RequestPage) -> Option<String> {
    let gate = page.gates.first()?;
    let ground = gate.because.split(';').next().unwrap_or_default();
    Some(format!("{} ({}): {ground}", gate.gate.replace('-', " "), gate.article))
}

/// What its rank rests on first.
pub fn rank(page: &RequestPage) -> Option<String> {
    let band = page.bands.first()?;
    Some(format!("scale and severity: band {} of 4, rule {} (Art 16(3)(a)): {}", band.band, band.rule, band.because))
}

/// How well a provider that is asked fits.
pub fn chosen(offer: &Offer) -> Option<String> {
    let chosen = offer.considered.iter().find(|candidate| candidate.provider == offer.provider)?;
    let Some(Standing::Fit(fit)) = &chosen.standing else { return None };
    let start = span(Duration::from_secs(u64::from(fit.start_minutes) * 60));
    let languages = match fit.languages_missing {
        0 => "all languages",
        _ => "not all languages",
    };
    let references = 100_u32.saturating_sub(fit.health_gap);
    let load = if fit.load_percent > 0 { format!(", {} % busy", fit.load_percent) } else { String::new() };
    Some(format!("can start in {start}, {languages}, {references} health references{load}"))
}

/// How many were looked at, and how many fit: `2 of 30 providers fit`.
pub fn looked_at(offer: &Offer) -> String {
    let fit = offer.considered.iter().filter(|c| matches!(c.standing, Some(Standing::Fit(_)))).count();
    let fits = if fit == 1 { "fits" } else { "fit" };
    format!("{fit} of {} providers {fits}", offer.considered.len())
}

/// Why the others are not asked: those nearest to it each by name, the rest as a number.
pub fn passed_over(data: &Data, considered: &[Candidate], country: &str) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut elsewhere = 0_usize;
    for candidate in considered {
        if let Some(Standing::Dropped(dropped)) = &candidate.standing {
            if dropped.rule == "member-state" {
                elsewhere += 1;
            } else {
                by_reason.entry(&dropped.because).or_default().push(data.name(&candidate.provider));
            }
        }
    }
    let mut lines: Vec<String> = by_reason
        .iter()
        .take(PASSED_OVER_MAX)
        .map(|(because, names)| format!("not {}: {because}", names.join(", ")))
        .collect();
    if elsewhere > 0 {
        lines.push(format!("not {elsewhere} others: no contract for {country}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use muster_api::r#type::v1::candidate::{Dropped, Fit};

    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(effort(1, 2, 90), "1 remote team, 2 on-site teams, 90 person-days");
        assert_eq!(effort(0, 1, 1), "1 on-site team, 1 person-day");
    }

    #[test]
    fn those_passed_over_are_told_by_name_and_the_far_away_by_number() {
        let data = Data::read().unwrap();
        let dropped = |provider: &str, rule: &str, because: &str| Candidate {
            provider: provider.to_owned(),
            standing: Some(Standing::Dropped(Dropped { rule: rule.to_owned(), because: because.to_owned() })),
        };
        let considered = [
            Candidate { provider: "harzfuchs".to_owned(), standing: Some(Standing::Fit(Fit::default())) },
            dropped("moss-meridian", "eu-control", "it is controlled from CH"),
            dropped("seven-otters", "member-state", "far"),
            dropped("rosewater-citadel", "member-state", "far"),
        ];
        let lines = passed_over(&data, &considered, "DE");
        assert_eq!(
            lines,
            ["not Moss & Meridian Response: it is controlled from CH", "not 2 others: no contract for DE"]
        );
    }
}
