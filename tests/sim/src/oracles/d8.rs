//! D8, eligibility: whoever is asked may be asked, by every hard rule, under the contract in force, on the terms that bind at
//! that moment; and stands among those looked at.

use muster_domain::dispatch::events::DeskEvent;

use super::Violation;
use crate::{log::Entry, rules::in_force, timeline::Timeline};

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
    found
}
