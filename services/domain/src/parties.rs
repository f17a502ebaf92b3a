//! Whose something is: the parties of a case, by whom everything else is kept from everybody else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    codes::{Country, Tlp},
    event::Event,
    intake::events::RequestEvent,
    kernel::{AuthorityId, HospitalId, ProviderId, RequestId, SpocId},
    registry::events::{Authority, AuthorityEvent, AuthorityKind, HospitalEvent, Mandate},
};

/// The parties of a case, an offer, a mandate or a record. `Default` is nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The hospital that it is about.
    pub hospital: Option<HospitalId>,
    /// The authority that made it its own or signed it.
    pub authority: Option<AuthorityId>,
    /// Every authority of its country, and CERT-EU while no authority has made it its own.
    pub country_authorities: BTreeSet<AuthorityId>,
    /// The single points of contact that transmit for it: of a case, its authority's; of a hospital, its country's.
    pub spocs: BTreeSet<SpocId>,
    /// The providers that it is about: of a case none, of an offer its addressee.
    pub providers: BTreeSet<ProviderId>,
    /// Who may be told; `None` for what carries no marking.
    pub tlp: Option<Tlp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    hospital: HospitalId,
    country: Country,
    authority: Option<AuthorityId>,
    tlp: Tlp,
}

/// Who is who, and who asks, as the log tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    authorities: BTreeMap<AuthorityId, Authority>,
    hospitals: BTreeMap<HospitalId, Country>,
    requests: BTreeMap<RequestId, Asked>,
}

impl Parties {
    /// Takes an event; `id` names the aggregate that wrote it.
    pub fn take(&mut self, id: &str, event: &Event) {
        match event {
            Event::Authority(AuthorityEvent::Registered(authority) | AuthorityEvent::Amended(authority)) => {
                self.authorities.insert(authority.id.clone(), authority.clone());
            }
            Event::Hospital(HospitalEvent::Registered(hospital) | HospitalEvent::Amended(hospital)) => {
                self.hospitals.insert(hospital.id.clone(), hospital.member_state);
            }
            Event::Request(event) => {
                if let Ok(request) = RequestId::parse(id) {
                    self.take_request(request, event);
                }
            }
            Event::Realm(_)
            | Event::Provider(_)
            | Event::Mandate(_)
            | Event::Requirement(_)
            | Event::ThirdCountry(_)
            | Event::Catalogue(_)
            | Event::Assessment(_)
            | Event::Policy(_)
            | Event::Desk(_) => {}
        }
    }

    fn take_request(&mut self, request: RequestId, event: &RequestEvent) {
        match event {
            RequestEvent::Opened { hospital, facts, .. } => {
                let asked =
                    Asked { hospital: hospital.clone(), country: facts.country, authority: None, tlp: facts.tlp };
                self.requests.insert(request, asked);
            }
            RequestEvent::Amended { facts } => {
                if let Some(asked) = self.requests.get_mut(&request) {
                    // It is declared anew: whoever may endorse it must see it, in another country now perhaps.
                    let (country, tlp, authority) = (facts.country, facts.tlp, None);
                    *asked = Asked { country, tlp, authority, ..asked.clone() };
                }
            }
            RequestEvent::Endorsed { authority, .. } | RequestEvent::HandledNationally { authority, .. } => {
                if let Some(asked) = self.requests.get_mut(&request) {
                    asked.authority = Some(authority.clone());
                }
            }
            // Nobody's again: another authority may be the right one.
            RequestEvent::Returned { .. } => {
                if let Some(asked) = self.requests.get_mut(&request) {
                    asked.authority = None;
                }
            }
            RequestEvent::Linked { .. }
            | RequestEvent::Submitted { .. }
            | RequestEvent::Withdrawn { .. }
            | RequestEvent::SupportEnded
            | RequestEvent::SummaryReportFiled(_)
            | RequestEvent::Closed { .. } => {}
        }
    }

    /// An authority's record.
    pub fn authority(&self, id: &AuthorityId) -> Option<&Authority> {
        self.authorities.get(id)
    }

    /// Every authority on record.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        self.authorities.values()
    }

    /// The authorities that a case of this country may turn to: its own, and CERT-EU, whose entities are everywhere.
    fn authorities_for(&self, country: Country) -> impl Iterator<Item = &Authority> {
        self.authorities
            .values()
            .filter(move |authority| authority.country == Some(country) || authority.kind == AuthorityKind::CertEu)
    }

    /// The parties of a request; nobody's if there is none.
    pub fn of_request(&self, request: &RequestId) -> Party {
        let Some(Asked { hospital, country, authority, tlp }) = self.requests.get(request) else {
            return Party::default();
        };
        Party { hospital: Some(hospital.clone()), ..self.of_requests_like(*country, authority.as_ref(), *tlp) }
    }

    /// The parties that all requests share that are of one country, which the same authority made its own, with one marking:
    /// all parties but their hospitals.
    pub fn of_requests_like(&self, country: Country, authority: Option<&AuthorityId>, tlp: Tlp) -> Party {
        // CERT-EU has to do with a Member State's case only until an authority has made it its own (Art 14(3)(b)).
        let among = |one: &&Authority| authority.is_none() || one.kind != AuthorityKind::CertEu;
        let of_country = self.authorities_for(country).filter(among).map(|authority| authority.id.clone());
        let spoc = authority.and_then(|id| self.authorities.get(id)).and_then(|authority| authority.spoc.clone());
        Party {
            hospital: None,
            authority: authority.cloned(),
            country_authorities: of_country.collect(),
            spocs: spoc.into_iter().collect(),
            providers: BTreeSet::new(),
            tlp: Some(tlp),
        }
    }

    /// The parties of a case that is to be opened.
    pub fn of_new_request(&self, hospital: &HospitalId, country: Country) -> Party {
        let of_country = self.authorities_for(country).map(|authority| authority.id.clone());
        Party { hospital: Some(hospital.clone()), country_authorities: of_country.collect(), ..Party::default() }
    }

    /// The parties of a standing mandate: those that it names, and every authority of the hospital's own country.
    pub fn of_mandate(&self, mandate: &Mandate) -> Party {
        let country = self.hospitals.get(&mandate.hospital).copied();
        let of_country = self.authorities.values().filter(|one| country.is_some() && one.country == country);
        Party {
            hospital: Some(mandate.hospital.clone()),
            authority: Some(mandate.authority.clone()),
            country_authorities: of_country.map(|authority| authority.id.clone()).collect(),
            spocs: [mandate.spoc.clone()].into(),
            ..Party::default()
        }
    }

    /// The parties of a hospital's record.
    pub fn of_hospital(&self, hospital: &HospitalId) -> Party {
        let Some(country) = self.hospitals.get(hospital) else { return Party::default() };
        let spocs = self.authorities_for(*country).filter_map(|authority| authority.spoc.clone());
        Party { spocs: spocs.collect(), ..self.of_new_request(hospital, *country) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        intake::events::{Facts, ReturnReason},
        kernel::SubjectRef,
        testing::facts,
    };

    fn id(name: &str) -> AuthorityId {
        AuthorityId::parse(name).unwrap()
    }

    fn parties() -> Parties {
        let mut parties = Parties::default();
        for (name, kind, country) in [
            ("csirt-fr", AuthorityKind::Csirt, "FR"),
            ("crisis-fr", AuthorityKind::CrisisManagement, "FR"),
            ("csirt-de", AuthorityKind::Csirt, "DE"),
            ("cert-eu", AuthorityKind::CertEu, ""),
        ] {
            let country = Country::parse(country).ok();
            let record = Authority { id: id(name), name: name.to_owned(), kind, country, spoc: None };
            parties.take(name, &AuthorityEvent::Registered(record).into());
        }
        parties
    }

    fn among(parties: &Parties) -> Vec<String> {
        let party = parties.of_request(&RequestId::parse("r-1").unwrap());
        party.country_authorities.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn whose_a_case_is_follows_from_what_was_done_with_it() {
        let mut parties = parties();
        let take = |parties: &mut Parties, event: RequestEvent| parties.take("r-1", &event.into());
        let (hospital, contact) = (HospitalId::parse("h").unwrap(), SubjectRef::parse("c").unwrap());
        let facts = facts();
        take(&mut parties, RequestEvent::Opened { hospital, facts: facts.clone(), contact });
        let all = ["cert-eu", "crisis-fr", "csirt-fr"];
        assert_eq!(among(&parties), all, "CERT-EU until an authority has made it its own");
        let returned = RequestEvent::Returned {
            authority: id("csirt-fr"),
            reason: ReturnReason::FactsMissing,
            note: String::new(),
        };
        take(&mut parties, returned);
        assert_eq!(among(&parties), all, "who sent it back has not made it its own");
        let national = RequestEvent::HandledNationally { authority: id("csirt-fr"), note: String::new() };
        take(&mut parties, national);
        assert_eq!(among(&parties), ["crisis-fr", "csirt-fr"]);
        let abroad = Facts { country: Country::parse("DE").unwrap(), ..facts };
        take(&mut parties, RequestEvent::Amended { facts: abroad });
        assert_eq!(among(&parties), ["cert-eu", "csirt-de"], "what is declared anew is for all who may endorse it");
    }
}
