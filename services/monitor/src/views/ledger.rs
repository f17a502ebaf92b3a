//! Capacity by provider and contract, as the desk took it: what is free, offered and engaged, held, reserved and used.

use std::collections::BTreeMap;

use muster_api::monitor::v1;
use muster_domain::{
    dispatch::desk::{Enlisted, OfferState, Usage},
    kernel::{ContractId, ProviderId, Timestamp},
    registry::events::{Capacity, Contract},
};
use muster_edge::{
    wire::{self, fields::timestamp, texts},
    work::{Sight, Work},
};

use super::deadlines;

/// Teams in pending offers, by contract: all, and of these on-site.
type Offered<'a> = BTreeMap<&'a ContractId, (u32, u32)>;

/// The lines of one provider, by the start of its contracts.
pub fn lines(provider: &ProviderId, work: &Work) -> Vec<v1::LedgerLine> {
    let Some(enlisted) = work.desk().providers.get(provider) else { return Vec::new() };
    let offered = offered(provider, work);
    let mut contracts: Vec<&Contract> = enlisted.provider.contracts.iter().collect();
    contracts.sort_by_key(|contract| (contract.from, &contract.id));
    contracts.into_iter().map(|contract| line(enlisted, contract, &offered, work)).collect()
}

/// Teams that stand in the provider's pending offers.
fn offered<'a>(provider: &ProviderId, work: &'a Work) -> Offered<'a> {
    let mut offered = Offered::new();
    for (_, made) in work.desk().active().filter(|(_, made)| made.provider == *provider) {
        if let OfferState::Pending { .. } = made.state {
            let (teams, onsite) = offered.entry(&made.contract).or_default();
            *teams = teams.saturating_add(made.takes.teams);
            *onsite = onsite.saturating_add(made.takes.onsite);
        }
    }
    offered
}

fn line(enlisted: &Enlisted, contract: &Contract, offered: &Offered, work: &Work) -> v1::LedgerLine {
    let Enlisted { provider, suspended } = enlisted;
    let usage = work.desk().usage.get(&(provider.id.clone(), contract.id.clone())).copied().unwrap_or_default();
    let (teams, onsite) = offered.get(&contract.id).copied().unwrap_or_default();
    v1::LedgerLine {
        provider: provider.id.to_string(),
        provider_name: provider.name.clone(),
        contract: contract.id.to_string(),
        from: Some(timestamp(contract.from)),
        until: Some(timestamp(contract.until)),
        suspended: *suspended,
        services: texts(&contract.services),
        member_states: texts(&contract.member_states),
        teams: Some(teams_of(contract.capacity.teams, usage.teams, teams)),
        onsite_teams: Some(teams_of(contract.capacity.onsite_teams, usage.onsite_teams, onsite)),
        days: Some(days(&contract.capacity, &usage)),
    }
}

fn teams_of(total: u32, taken: u32, offered: u32) -> v1::Teams {
    v1::Teams { total, offered, engaged: taken.saturating_sub(offered), free: total.saturating_sub(taken) }
}

fn days(capacity: &Capacity, usage: &Usage) -> v1::Days {
    let Usage { days_held, days_reserved, days_used, .. } = *usage;
    v1::Days {
        total: capacity.person_days,
        held: days_held,
        reserved: days_reserved,
        used: days_used,
        free: capacity.person_days.saturating_sub(usage.taken().days),
        pre_committed: capacity.pre_committed_days,
        pre_committed_left: capacity.pre_committed_days.saturating_sub(days_used),
    }
}

/// A provider's own page, without whom to call; `eyes` say what its reader may know of each offer.
pub fn provider_view(provider: &ProviderId, work: &Work, eyes: &Sight, now: Timestamp) -> Option<v1::ProviderView> {
    let Enlisted { provider: terms, suspended } = work.desk().providers.get(provider)?;
    let is = |offer: &_, wanted: fn(&OfferState) -> bool| {
        work.desk().offers.get(offer).is_some_and(|made| wanted(&made.state))
    };
    let open = work.offers_to(provider).filter(|offer| is(offer, |state| matches!(state, OfferState::Pending { .. })));
    let mut offers: Vec<_> = open.filter_map(|offer| Some((work.trail(offer)?.expires_at, offer))).collect();
    offers.sort();
    let running = work.offers_to(provider).filter(|offer| is(offer, |state| matches!(state, OfferState::Engaged(_))));
    let accepted_at = |offer: &_| work.trail(offer)?.engaged.as_ref().map(|engaged| engaged.accepted_at);
    let mut engagements: Vec<_> = running.map(|offer| (accepted_at(offer), offer)).collect();
    engagements.sort();
    Some(v1::ProviderView {
        provider: provider.to_string(),
        name: terms.name.clone(),
        suspended: *suspended,
        ledger: lines(provider, work),
        offers: offers.iter().filter_map(|(_, offer)| work.offer(offer, eyes.of(offer))).collect(),
        engagements: engagements.iter().rev().filter_map(|(_, offer)| work.engagement(offer, eyes.of(offer))).collect(),
        clocks: deadlines::of_provider(provider, work, now).iter().map(wire::clock).collect(),
    })
}
