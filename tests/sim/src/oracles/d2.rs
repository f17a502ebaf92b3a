//! D2, one live assignment per need: a package has one engagement at most, and while it runs nobody else is asked; nobody is
//! asked twice at once, and nobody after the work is done or given up. Packages carry what was granted, all of it and no more.

use std::collections::BTreeSet;

use muster_domain::{
    dispatch::events::{DeskEvent, Package},
    eligibility::events::Terms,
    kernel::PackageId,
};

use super::Violation;
use crate::{
    log::Entry,
    timeline::{Moment, Offer, Timeline},
};

/// Its id.
pub const ID: &str = "D2";

/// Needs that were met twice, or not as granted.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let desk = Timeline::of(log);
    let mut found = granted_once(&desk);
    for package in desk.packages.keys() {
        let offers: Vec<_> = desk.offers_of(package).collect();
        found.extend(asked_in_vain(&desk, package, &offers));
        let moments = offers.iter().flat_map(|offer| {
            let answered = offer.answered.map(|(moment, _)| moment);
            [Some(offer.made), answered, offer.ended.map(|(moment, ..)| moment)].into_iter().flatten()
        });
        let steps: BTreeSet<usize> = moments.map(|moment| moment.step).collect();
        for step in steps {
            let now = Moment::end_of(step);
            let says = live_twice(&offers, now).map(|says| format!("package {package}: {says}"));
            found.extend(says.map(|says| Violation::new(ID, desk.position(now), says)));
        }
    }
    found
}

/// What is wrong with the offers of one package, when a commit has happened.
fn live_twice(offers: &[&Offer], now: Moment) -> Option<String> {
    let engaged: Vec<_> = offers.iter().filter(|offer| offer.is_engaged(now)).collect();
    let pending: Vec<_> = offers.iter().filter(|offer| offer.is_pending(now)).collect();
    let providers: BTreeSet<_> = pending.iter().map(|offer| offer.provider).collect();
    match (engaged.as_slice(), pending.as_slice()) {
        ([one, two, ..], _) => Some(format!("{} and {} are both at work", one.id, two.id)),
        ([one], [other, ..]) => Some(format!("{} is at work and {} is still asked", one.id, other.id)),
        ([], pending) if providers.len() < pending.len() => Some("a provider is asked twice at once".to_owned()),
        ([] | [_], _) => None,
    }
}

/// Offers of a package that needed nobody any more.
fn asked_in_vain(desk: &Timeline, package: &PackageId, offers: &[&Offer]) -> Vec<Violation> {
    // After a withdrawal it is D5's to tell.
    let withdrawn = desk.packages.get(package).and_then(|asked| desk.withdrawn.get(asked.request));
    let Some(over) = desk.over(package).filter(|over| Some(over) != withdrawn) else { return Vec::new() };
    let late = offers.iter().filter(|offer| offer.made > over);
    let says = |offer: &&&Offer| format!("{} asks for package {package}, which needs nobody any more", offer.id);
    late.map(|offer| Violation::new(ID, desk.position(offer.made), says(&offer))).collect()
}

/// Grants and packages that stand twice, and grants that their packages do not add up to.
fn granted_once(desk: &Timeline) -> Vec<Violation> {
    let mut found = Vec::new();
    let (mut requests, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (moment, _, event) in desk.events() {
        let DeskEvent::GrantTaken { case, terms, packages, .. } = event else { continue };
        let mut wrong = |says: String| found.push(Violation::new(ID, desk.position(moment), says));
        if !requests.insert(&case.request) {
            wrong(format!("the grant of {} was taken before", case.request));
        }
        for package in packages.iter().filter(|package| !ids.insert(&package.id)) {
            wrong(format!("package {} was made before", package.id));
        }
        if let Some(says) = differs(terms, packages) {
            wrong(format!("the packages of {} {says}", case.request));
        }
    }
    found
}

fn differs(terms: &Terms, packages: &[Package]) -> Option<String> {
    let services: BTreeSet<_> = packages.iter().flat_map(|package| &package.services).cloned().collect();
    let sum = |of: fn(&Package) -> u32| packages.iter().map(|package| u64::from(of(package))).sum::<u64>();
    let (teams, granted) = (
        sum(|package| package.remote_teams.saturating_add(package.onsite_teams)),
        u64::from(terms.remote_teams.saturating_add(terms.onsite_teams)),
    );
    let leads = packages.iter().filter(|package| package.lead).count();
    if services != terms.services {
        Some("carry other services than were granted".to_owned())
    } else if sum(|package| package.person_days) != u64::from(terms.person_days) {
        Some(format!("have {} person-days, {} were granted", sum(|p| p.person_days), terms.person_days))
    } else if teams < granted {
        Some(format!("have {teams} teams, {granted} were granted"))
    } else if leads > 1 {
        Some(format!("have {leads} leads"))
    } else {
        None
    }
}
