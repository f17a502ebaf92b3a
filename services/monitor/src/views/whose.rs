//! Which requests may concern somebody, so that nobody's question makes Muster look at every request. It gives no right:
//! each request found here is still asked of `access::may`; one that is not found here is nobody's of that caller.

use std::collections::{BTreeMap, BTreeSet};

use muster_domain::{
    codes::Country,
    kernel::{Actor, AuthorityId, HospitalId, RequestId, Role, SpocId},
    registry::events::{Authority, AuthorityKind},
};

use super::case::Case;

/// Requests by who may have to do with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    hospitals: BTreeMap<HospitalId, BTreeSet<RequestId>>,
    countries: BTreeMap<Country, BTreeSet<RequestId>>,
    authorities: BTreeMap<AuthorityId, BTreeSet<RequestId>>,
    records: BTreeMap<AuthorityId, Authority>,
}

impl Whose {
    /// An authority's record is new or replaced; gives the requests that look otherwise for it.
    pub fn record(&mut self, authority: &Authority) -> Vec<RequestId> {
        let before = self.records.insert(authority.id.clone(), authority.clone());
        let Some(before) = before.filter(|before| before != authority) else { return Vec::new() };
        let countries = [before.country, authority.country].into_iter().flatten();
        let of_countries = countries.filter_map(|country| self.countries.get(&country)).flatten();
        let own = self.authorities.get(&authority.id).into_iter().flatten();
        of_countries.chain(own).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// A request changed.
    pub fn note(&mut self, request: &RequestId, case: &Case) {
        let add = |requests: &mut BTreeSet<RequestId>| {
            if !requests.contains(request) {
                requests.insert(request.clone());
            }
        };
        add(self.hospitals.entry(case.request.hospital.clone()).or_default());
        add(self.countries.entry(case.request.facts.country).or_default());
        if let Some(authority) = &case.authority {
            add(self.authorities.entry(authority.clone()).or_default());
        }
    }

    /// Whether an authority has a single point of contact that submits for it.
    pub fn is_transmitted(&self, authority: &AuthorityId) -> bool {
        self.records.get(authority).is_some_and(|record| record.spoc.is_some())
    }

    /// Every request that may concern somebody; `None` if any may.
    pub fn of(&self, who: &Actor) -> Option<BTreeSet<&RequestId>> {
        let principal = who.principal.as_str();
        match who.role {
            Role::Hospital => {
                let hospital = HospitalId::parse(principal).ok();
                Some(hospital.and_then(|id| self.hospitals.get(&id)).into_iter().flatten().collect())
            }
            Role::Authority => {
                let record = AuthorityId::parse(principal).ok().and_then(|id| self.records.get(&id));
                let Some(record) = record else { return Some(BTreeSet::new()) };
                match record.kind {
                    AuthorityKind::CertEu => None,
                    AuthorityKind::Csirt | AuthorityKind::CrisisManagement | AuthorityKind::ThirdCountry => {
                        let of_country = record.country.and_then(|country| self.countries.get(&country));
                        let own = self.authorities.get(&record.id);
                        Some(of_country.into_iter().chain(own).flatten().collect())
                    }
                }
            }
            Role::Spoc => {
                let spoc = SpocId::parse(principal).ok();
                let transmits_for = |record: &&Authority| spoc.is_some() && record.spoc == spoc;
                let authorities = self.records.values().filter(transmits_for);
                Some(authorities.filter_map(|record| self.authorities.get(&record.id)).flatten().collect())
            }
            Role::Officer | Role::Commission | Role::Auditor => None,
            Role::Provider | Role::Operator | Role::System => Some(BTreeSet::new()),
        }
    }
}
