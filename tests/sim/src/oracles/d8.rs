//! D8, eligibility: whoever is asked may be asked, by every hard rule, under the contract in force, on the terms that bind at
//! that moment; and stands among those looked at. Nobody works on for a third country to which the Reserve has closed.

use std::time::Duration;

use muster_domain::{dispatch::events::DeskEvent, registry::events::AuthorityKind};

use super::Violation;
use crate::{
    log::{Entry, pace},
    rules::in_force,
    timeline::{Moment, Offer, Timeline},
};

/// Its id.
pub const ID: &str = "D8";

/// Offers to providers that a rule forbids.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let desk = Timeline::of(log);
    let mut found = Vec::new();
    for (moment, commit, event) in desk.events() {
        let DeskEvent::Offered { offer, package, provider, contract, considered, .. } = event else { continue };
        let now = commit.recorded_at;
        let mut wrong = desk.forbids(package, provider, moment, now);
        let terms = desk.terms_at(provider, moment).map(|(terms, _)| terms);
        if let Some(in_force) = terms.and_then(|terms| in_force(terms, now)).filter(|found| found.id != *contract) {
            wrong.push(format!("contract {contract} is not in force, {} is", in_force.id));
        }
        if !considered.iter().any(|candidate| candidate.provider == *provider) {
            wrong.push("it was not looked at".to_owned());
        }
        let says = |says| format!("offer {offer} asks {provider} for {package}: {says}");
        found.extend(wrong.into_iter().map(|what| Violation::new(ID, desk.position(moment), says(what))));
    }
    found.extend(works_on(log, &desk));
    found
}

/// How long the desk may take to notice, once it does anything at all.
const NOTICES: Duration = Duration::from_secs(60);

/// Work that went on although the Reserve had closed.
fn works_on(log: &[Entry], desk: &Timeline) -> Vec<Violation> {
    let grant = |offer: &Offer| desk.grants.get(desk.packages.get(offer.package)?.request);
    let abroad = desk.offers.values().filter_map(|offer| Some((offer, grant(offer)?)));
    let abroad = abroad.filter(|(_, grant)| grant.case.user == AuthorityKind::ThirdCountry);
    let mut found = Vec::new();
    for (offer, grant) in abroad {
        let mut closed_since = None;
        for (step, (position, commit)) in desk.steps.iter().enumerate() {
            let (moment, now) = (Moment::end_of(step), commit.recorded_at);
            let closed = if offer.is_engaged(moment) { desk.closed_to(grant, moment, now) } else { None };
            let Some(why) = closed else {
                closed_since = None;
                continue;
            };
            if now >= closed_since.get_or_insert(now).plus(NOTICES.saturating_mul(pace(log))) {
                found.push(Violation::new(ID, *position, format!("{} works on, and {why}", offer.id)));
            }
        }
    }
    found
}
