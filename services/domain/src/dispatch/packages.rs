//! Cutting a grant into packages: whole if one provider could carry it by contract, even if busy now; else the fewest, by
//! services, then by teams. What nobody may carry becomes a package of its own.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    codes::ServiceId,
    dispatch::{
        admissibility::{Question, admissible, contract_at, for_the_case, may_lead},
        events::Package,
    },
    eligibility::events::{Case, Terms},
    kernel::{PackageId, Timestamp},
    registry::events::{Contract, NationalRequirement, Provider},
};

/// Beyond this many services a cover is built greedily instead of exactly.
const EXACT_SERVICES_MAX: usize = 12;

/// The Reserve as cutting sees it.
#[derive(Clone, Copy, Debug)]
pub struct Reserve<'a> {
    /// Providers and whether each is suspended.
    pub providers: &'a [(&'a Provider, bool)],
    /// What the case's Member State requires.
    pub requirement: Option<&'a NationalRequirement>,
    /// The moment.
    pub at: Timestamp,
}

/// The packages of a grant, lead first. Services, days and (but for teams that a split by services adds: each part needs one)
/// teams add up to the grant.
pub fn cut(case: &Case, terms: &Terms, reserve: &Reserve) -> Vec<Package> {
    let whole = Package {
        id: PackageId::default(),
        services: terms.services.clone(),
        remote_teams: terms.remote_teams,
        onsite_teams: terms.onsite_teams,
        person_days: terms.person_days,
        lead: true,
    };
    let parts = if carriers(case, &whole, reserve).is_empty() {
        by_services(case, &whole, reserve).into_iter().flat_map(|part| by_teams(case, part, reserve)).collect()
    } else {
        vec![whole]
    };
    (1_u32..)
        .zip(parts)
        .map(|(n, part)| Package {
            id: PackageId::parse(&format!("{}-p{n}", case.request)).unwrap_or_default(),
            ..part
        })
        .collect()
}

/// Providers that could carry the package by contract.
fn carriers<'a>(case: &Case, package: &Package, reserve: &Reserve<'a>) -> Vec<&'a Contract> {
    let question = Question { case, package, requirement: reserve.requirement, open: true, at: reserve.at };
    let admit = |(provider, suspended): &(&'a Provider, bool)| admissible(provider, *suspended, &question).ok();
    reserve.providers.iter().filter_map(admit).collect()
}

/// Services as bits, in order.
struct Bits<'a>(Vec<&'a ServiceId>);

impl Bits<'_> {
    fn of(&self, services: &BTreeSet<ServiceId>) -> u64 {
        (0..).zip(&self.0).filter(|(_, s)| services.contains(**s)).fold(0, |mask, (bit, _)| mask | (1 << bit))
    }

    fn services(&self, mask: u64) -> BTreeSet<ServiceId> {
        (0..).zip(&self.0).filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, s)| (*s).clone()).collect()
    }
}

/// The fewest parts that cover all services that anybody covers; the rest is a part of its own, and it leads only if nobody
/// else may.
fn by_services(case: &Case, whole: &Package, reserve: &Reserve) -> Vec<Package> {
    let bits = Bits(whole.services.iter().take(64).collect());
    let all = bits.of(&whole.services);
    let masks = |lead: bool| -> BTreeSet<u64> {
        let onsite = lead && whole.onsite_teams > 0;
        let question = Question { case, package: whole, requirement: reserve.requirement, open: true, at: reserve.at };
        reserve
            .providers
            .iter()
            .filter(|(provider, _)| !lead || may_lead(provider, &question))
            .filter_map(|(provider, suspended)| {
                let contract = contract_at(provider, reserve.at)?;
                for_the_case(provider, contract, *suspended, onsite, &question).ok()?;
                Some(bits.of(&contract.services))
            })
            .filter(|mask| *mask != 0)
            .collect()
    };
    let covers = cover(all, &masks(true), &masks(false), whole.services.len() <= EXACT_SERVICES_MAX);
    let covered = covers.iter().fold(0, |sum, mask| sum | mask);
    let nobody = all & !covered;
    let masks = covers.iter().copied().chain((nobody != 0).then_some(nobody));
    share_out(whole, masks.map(|mask| bits.services(mask)).collect())
}

/// Disjoint service masks, lead first: the lead's covers most, and the number of parts is the least possible (exactly so for
/// `exact`). Empty if nobody may lead.
fn cover(all: u64, leads: &BTreeSet<u64>, others: &BTreeSet<u64>, exact: bool) -> Vec<u64> {
    let coverable = leads.iter().chain(others).fold(0, |sum, mask| sum | mask) & all;
    let plan = |lead: u64| {
        let rest = coverable & !lead;
        let parts = if exact { fewest(rest, others) } else { greedy(rest, others) };
        std::iter::once(lead).chain(parts).collect::<Vec<_>>()
    };
    leads
        .iter()
        .map(|lead| plan(lead & all))
        .min_by_key(|plan| {
            let covered = plan.iter().fold(0, |sum: u64, mask| sum | mask);
            (Reverse(covered.count_ones()), plan.len(), Reverse(plan.first().map_or(0, |lead| lead.count_ones())))
        })
        .unwrap_or_default()
}

/// The fewest masks that cover as much of `rest` as can be covered, made disjoint, larger first.
fn fewest(rest: u64, masks: &BTreeSet<u64>) -> Vec<u64> {
    let mut reached = BTreeMap::from([(0_u64, Vec::new())]);
    loop {
        if let Some(parts) = reached.get(&rest) {
            return parts.clone();
        }
        let mut next = reached.clone();
        for (covered, parts) in &reached {
            for mask in masks {
                let gain = mask & rest & !covered;
                if gain != 0 {
                    next.entry(covered | gain).or_insert_with(|| parts.iter().copied().chain([gain]).collect());
                }
            }
        }
        if next.len() == reached.len() {
            let best = reached.into_iter().max_by_key(|(covered, parts)| (covered.count_ones(), Reverse(parts.len())));
            return best.map(|(_, parts)| parts).unwrap_or_default();
        }
        reached = next;
    }
}

fn greedy(rest: u64, masks: &BTreeSet<u64>) -> Vec<u64> {
    let mut left = rest;
    let mut parts = Vec::new();
    while let Some(gain) = masks.iter().map(|mask| mask & left).max_by_key(|gain| gain.count_ones()).filter(|g| *g != 0)
    {
        parts.push(gain);
        left &= !gain;
    }
    parts
}

/// One package for each set of services, lead first: a part needs a team, remote ones first, and the lead has the rest; days
/// go by teams. Where the parts outnumber the teams, each still gets one: services that must be split need a team each.
fn share_out(whole: &Package, services: Vec<BTreeSet<ServiceId>>) -> Vec<Package> {
    let (mut remote, mut onsite) = (whole.remote_teams, whole.onsite_teams);
    let mut packages: Vec<Package> = Vec::new();
    for (index, services) in services.into_iter().enumerate().rev() {
        let lead = index == 0;
        let (r, o) = match (lead, remote, onsite) {
            (true, 0, 0) => (1, 0),
            (true, r, o) => (r, o),
            (false, 0, 2..) => (0, 1),
            (false, _, _) => (1, 0),
        };
        (remote, onsite) = (remote.saturating_sub(r), onsite.saturating_sub(o));
        let part = Package { services, remote_teams: r, onsite_teams: o, person_days: 0, lead, ..whole.clone() };
        packages.insert(0, part);
    }
    share_days(whole.person_days, &mut packages);
    packages
}

/// Days by teams, in whole days; what does not divide goes to the first.
fn share_days(days: u32, packages: &mut [Package]) {
    let teams: u32 = packages.iter().map(Package::teams).fold(0, u32::saturating_add);
    let mut left = days;
    for package in packages.iter_mut().skip(1) {
        package.person_days = days.saturating_mul(package.teams()).checked_div(teams).unwrap_or(0);
        left = left.saturating_sub(package.person_days);
    }
    if let Some(first) = packages.first_mut() {
        first.person_days = left;
    }
}

/// The part as it is if somebody could carry it; else as few chunks as the largest contracts allow, and what is left.
fn by_teams(case: &Case, part: Package, reserve: &Reserve) -> Vec<Package> {
    if !carriers(case, &part, reserve).is_empty() {
        return vec![part];
    }
    let one_team = |onsite: bool, lead: bool| Package {
        remote_teams: u32::from(!onsite),
        onsite_teams: u32::from(onsite),
        person_days: 0,
        lead,
        ..part.clone()
    };
    let limits = |onsite: bool, lead: bool| -> Vec<(u32, u32, u32)> {
        carriers(case, &one_team(onsite, lead), reserve)
            .into_iter()
            .map(|contract| (contract.capacity.teams, contract.capacity.onsite_teams, contract.capacity.person_days))
            .collect()
    };
    let mut chunks: Vec<Package> = Vec::new();
    let (mut remote, mut onsite) = (part.remote_teams, part.onsite_teams);
    let mut used: Vec<(u32, u32, u32)> = Vec::new();
    while remote.saturating_add(onsite) > 0 {
        let lead = part.lead && chunks.is_empty();
        let mut open = limits(onsite > 0, lead);
        for taken in &used {
            if let Some(at) = open.iter().position(|limit| limit == taken) {
                open.swap_remove(at);
            }
        }
        let carried = |(teams, onsite_max, _): &(u32, u32, u32)| {
            let o = onsite.min(*onsite_max).min(*teams);
            (remote.min(teams.saturating_sub(o)), o)
        };
        let best = open.into_iter().max_by_key(|limit| {
            let (r, o) = carried(limit);
            (r.saturating_add(o), o, limit.2)
        });
        let Some(limit) = best.filter(|limit| carried(limit) != (0, 0)) else { break };
        let (r, o) = carried(&limit);
        chunks.push(Package { remote_teams: r, onsite_teams: o, person_days: limit.2, lead, ..part.clone() });
        used.push(limit);
        remote = remote.saturating_sub(r);
        onsite = onsite.saturating_sub(o);
    }
    if remote.saturating_add(onsite) > 0 {
        let lead = part.lead && chunks.is_empty();
        let rest = Package { remote_teams: remote, onsite_teams: onsite, person_days: u32::MAX, lead, ..part.clone() };
        chunks.push(rest);
    }
    share_days_within(part.person_days, &mut chunks);
    chunks
}

/// Days by teams, but no chunk gets more than it said it can hold; the rest goes to whoever has room, and at last to the last.
fn share_days_within(days: u32, chunks: &mut [Package]) {
    let rooms: Vec<u32> = chunks.iter().map(|chunk| chunk.person_days).collect();
    share_days(days, chunks);
    let mut over = 0_u32;
    for (chunk, room) in chunks.iter_mut().zip(&rooms) {
        let wanted = chunk.person_days.saturating_add(over);
        chunk.person_days = wanted.min(*room);
        over = wanted.saturating_sub(*room);
    }
    for (chunk, room) in chunks.iter_mut().zip(&rooms) {
        let more = over.min(room.saturating_sub(chunk.person_days));
        chunk.person_days = chunk.person_days.saturating_add(more);
        over = over.saturating_sub(more);
    }
    if let Some(last) = chunks.last_mut() {
        last.person_days = last.person_days.saturating_add(over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::desk::{Command, tests};

    fn provider(id: &str, teams: u32, services: &[&str]) -> Provider {
        let mut provider = tests::provider(id, teams);
        provider.contracts[0].services = services.iter().map(|s| ServiceId::parse(s).unwrap()).collect();
        provider
    }

    /// Services, remote and on-site teams, days and lead of each package.
    fn cut_for(needs: &[&str], teams: (u32, u32), providers: &[Provider]) -> Vec<(String, u32, u32, u32, bool)> {
        let Command::TakeGrant { case, mut terms, .. } = tests::grant("r", 3, teams.0, teams.1) else { unreachable!() };
        terms.services = needs.iter().map(|s| ServiceId::parse(s).unwrap()).collect();
        let providers: Vec<_> = providers.iter().map(|provider| (provider, false)).collect();
        let at = Timestamp::from_millis(1_750_000_000_000);
        let packages = cut(&case, &terms, &Reserve { providers: &providers, requirement: None, at });
        let days: u32 = packages.iter().map(|package| package.person_days).sum();
        assert_eq!(days, terms.person_days, "days add up to the grant");
        let services = |p: &Package| p.services.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" ");
        packages.iter().map(|p| (services(p), p.remote_teams, p.onsite_teams, p.person_days, p.lead)).collect()
    }

    #[test]
    fn a_grant_stays_whole_if_one_could_carry_it() {
        let all = provider("all", 3, &["isim.analysis", "isim.forensics"]);
        let packages = cut_for(&["isim.analysis", "isim.forensics"], (1, 2), &[all]);
        assert_eq!(packages, [("isim.analysis isim.forensics".to_owned(), 1, 2, 20, true)]);
    }

    #[test]
    fn the_lead_has_most_services_and_the_parts_are_the_fewest() {
        let two = provider("two", 2, &["isim.analysis", "isim.forensics"]);
        let one = provider("one", 2, &["isim.forensics", "vm.response"]);
        let other = provider("other", 2, &["isim.analysis"]);
        let packages = cut_for(&["isim.analysis", "isim.forensics", "vm.response"], (2, 1), &[one, other, two]);
        assert_eq!(
            packages,
            [("isim.analysis isim.forensics".to_owned(), 1, 1, 14, true), ("vm.response".to_owned(), 1, 0, 6, false)]
        );
    }

    #[test]
    fn what_nobody_may_carry_is_a_package_of_its_own() {
        let some = provider("some", 1, &["isim.analysis"]);
        let packages = cut_for(&["isim.analysis", "vm.response"], (1, 0), &[some]);
        assert_eq!(
            packages,
            [("isim.analysis".to_owned(), 1, 0, 10, true), ("vm.response".to_owned(), 1, 0, 10, false)]
        );
        let packages = cut_for(&["isim.analysis"], (1, 0), &[]);
        assert_eq!(packages, [("isim.analysis".to_owned(), 1, 0, 20, true)], "with nobody at all it stays whole");
    }

    #[test]
    fn teams_beyond_every_contract_are_split_by_the_largest() {
        let big = provider("big", 2, &["isim.analysis"]);
        let small = provider("small", 1, &["isim.analysis"]);
        let packages = cut_for(&["isim.analysis"], (0, 4), &[small, big]);
        let of = |teams, days, lead| ("isim.analysis".to_owned(), 0, teams, days, lead);
        assert_eq!(packages, [of(2, 10, true), of(1, 5, false), of(1, 5, false)]);
    }
}
