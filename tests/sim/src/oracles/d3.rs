//! D3, capacity: no offer, engagement or extension takes from a contract what it does not have: teams, on-site teams,
//! person-days. A contract cut below its load holds no pending offer; work that runs goes on.

use muster_domain::{dispatch::events::DeskEvent, kernel::ProviderId};

use super::Violation;
use crate::{
    log::Entry,
    timeline::{Load, Moment, Offer, Timeline},
};

/// Its id.
pub const ID: &str = "D3";

/// Contracts that carry more than they have.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let desk = Timeline::of(log);
    let loads = desk.loads();
    let mut found = Vec::new();
    let mut tell = |moment: Moment, says: String| found.push(Violation::new(ID, desk.position(moment), says));
    for ((provider, contract), over) in &loads {
        let limits = |moment: Moment| {
            let terms = desk.terms_at(provider, moment).map(|(terms, _)| terms);
            let contract = terms.and_then(|terms| terms.contracts.iter().find(|c| c.id == **contract));
            contract.map_or_else(Load::default, |contract| Load::from(&contract.capacity))
        };
        let name = format!("contract {contract} of {provider}");
        for (moment, load) in over.iter() {
            let limits = limits(*moment);
            let within = match desk.event(*moment) {
                Some(DeskEvent::Offered { .. }) => load.is_within(limits),
                // It takes days alone, if any: what a cut left beyond the contract stays at work.
                Some(DeskEvent::Extended { person_days, .. }) => *person_days == 0 || load.days <= limits.days,
                Some(_) | None => true,
            };
            if !within {
                tell(*moment, format!("{name} {}", beyond(*load, limits)));
            }
        }
        let theirs: Vec<_> =
            desk.offers.values().filter(|offer| offer.provider == *provider && offer.contract == *contract).collect();
        for moment in cuts(&desk, provider) {
            let Some(load) = over.at(moment).copied() else { continue };
            let pending: Vec<_> = theirs.iter().filter(|offer| offer.is_pending(moment)).collect();
            if let Some(offer) = pending.first().filter(|_| !load.is_within(limits(moment))) {
                tell(moment, format!("{name} {} and keeps offer {}", beyond(load, limits(moment)), offer.id));
            }
        }
    }
    found.extend(orphans(&desk));
    found
}

/// When new terms of a provider had been taken, with all that they ended.
fn cuts<'a>(desk: &'a Timeline, provider: &ProviderId) -> impl Iterator<Item = Moment> + 'a {
    let terms = desk.terms.get(provider).into_iter().flat_map(|over| over.iter());
    terms.map(|(moment, _)| Moment::end_of(moment.step))
}

fn beyond(load: Load, limits: Load) -> String {
    let pairs = [
        ("teams", load.teams, limits.teams),
        ("on-site teams", load.onsite, limits.onsite),
        ("person-days", load.days, limits.days),
    ];
    let over = pairs.iter().filter(|(_, load, limit)| load > limit);
    let words: Vec<_> = over.map(|(what, load, limit)| format!("carries {load} {what} of {limit}")).collect();
    words.join(", ")
}

/// Offers of packages that were never granted: nobody knows what they take.
fn orphans(desk: &Timeline) -> Vec<Violation> {
    let lost = desk.offers.values().filter(|offer| !desk.packages.contains_key(offer.package));
    let says = |offer: &Offer| format!("offer {} is for package {}, which was not granted", offer.id, offer.package);
    lost.map(|offer| Violation::new(ID, desk.position(offer.made), says(offer))).collect()
}
