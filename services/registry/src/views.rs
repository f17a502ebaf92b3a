//! What the registry shows: every record, folded by the aggregate that wrote it.

use std::collections::BTreeMap;

use muster_domain::{
    codes::{Country, MEMBER_STATES},
    event::Event,
    kernel::{Aggregate, AuthorityId, Corrupt, HospitalId, MandateId, ProviderId, Timestamp},
    registry::{
        catalogue::Catalogue,
        events::{Authority, Hospital, Mandate, NationalRequirement, Provider, ProviderEvent, Realm},
        mandate,
        provider::Enrolment,
    },
};
use muster_journal::{
    engine::follower::{Fold, Seen},
    stored::Position,
    subjects::id_of,
};

/// Every record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    realm: Option<Realm>,
    hospitals: BTreeMap<HospitalId, Option<Hospital>>,
    authorities: BTreeMap<AuthorityId, Option<Authority>>,
    providers: BTreeMap<ProviderId, Option<Enrolment>>,
    /// Every suspension that was ever proposed, and when the proposal lapses.
    proposals: BTreeMap<(ProviderId, Position), Timestamp>,
    mandates: BTreeMap<MandateId, mandate::State>,
    requirements: BTreeMap<Country, Option<NationalRequirement>>,
    catalogue: Catalogue,
}

impl Register {
    /// The realm, once it is open.
    pub fn realm(&self) -> Option<&Realm> {
        self.realm.as_ref()
    }

    /// Hospitals, by id.
    pub fn hospitals(&self) -> impl Iterator<Item = &Hospital> {
        self.hospitals.values().flatten()
    }

    /// Users of the Reserve, by id.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        self.authorities.values().flatten()
    }

    /// Providers, by id.
    pub fn providers(&self) -> impl Iterator<Item = &Enrolment> {
        self.providers.values().flatten()
    }

    /// One provider.
    pub fn provider(&self, id: &ProviderId) -> Option<&Enrolment> {
        self.providers.get(id)?.as_ref()
    }

    /// When the last proposal to suspend the provider that stands no later than this place in the log lapses, or lapsed.
    pub fn lapses(&self, provider: &ProviderId, at: Position) -> Option<Timestamp> {
        let first = (provider.clone(), Position::default());
        let (_, lapses_at) = self.proposals.range(first..=(provider.clone(), at)).next_back()?;
        Some(*lapses_at)
    }

    /// Standing mandates, by id.
    pub fn mandates(&self) -> impl Iterator<Item = (&Mandate, &mandate::State)> {
        self.mandates.values().filter_map(|state| Some((state.mandate()?, state)))
    }

    /// One mandate.
    pub fn mandate(&self, id: &MandateId) -> Option<&Mandate> {
        self.mandates.get(id)?.mandate()
    }

    /// Member States' requirements, in protocol order.
    pub fn requirements(&self) -> impl Iterator<Item = &NationalRequirement> {
        let of = |code: &&str| self.requirements.get(&Country::parse(code).ok()?)?.as_ref();
        MEMBER_STATES.iter().filter_map(of)
    }

    /// What can be asked for.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn take(&mut self, id: &str, event: &Event, at: Position) -> Result<(), Corrupt> {
        match event {
            Event::Realm(event) => Realm::evolve(&mut self.realm, event),
            Event::Hospital(event) => evolve::<Hospital, _>(&mut self.hospitals, HospitalId::parse(id), event),
            Event::Authority(event) => evolve::<Authority, _>(&mut self.authorities, AuthorityId::parse(id), event),
            Event::Provider(event) => {
                if let (ProviderEvent::SuspensionProposed { lapses_at, .. }, Ok(id)) = (event, ProviderId::parse(id)) {
                    self.proposals.insert((id, at), *lapses_at);
                }
                evolve::<Provider, _>(&mut self.providers, ProviderId::parse(id), event)
            }
            Event::Mandate(event) => evolve::<Mandate, _>(&mut self.mandates, MandateId::parse(id), event),
            Event::Requirement(event) => {
                let country = Country::parse(&id.to_ascii_uppercase());
                evolve::<NationalRequirement, _>(&mut self.requirements, country, event)
            }
            Event::Catalogue(event) => Catalogue::evolve(&mut self.catalogue, event),
            Event::ThirdCountry(_) | Event::Request(_) | Event::Assessment(_) | Event::Policy(_) | Event::Desk(_) => {
                Ok(())
            }
        }
    }
}

/// Folds an event into the record that it belongs to.
fn evolve<A: Aggregate, K: Ord>(
    records: &mut BTreeMap<K, A::State>,
    id: Result<K, impl ToString>,
    event: &A::Event,
) -> Result<(), Corrupt> {
    let id = id.map_err(|error| Corrupt(error.to_string()))?;
    A::evolve(records.entry(id).or_default(), event)
}

impl Fold for Register {
    fn fold(&mut self, seen: &Seen) {
        for event in &seen.commit.events {
            if let Err(corrupt) = self.take(id_of(seen.subject), event, seen.position) {
                // The executor that decides on this record says so to callers; a list shows what came before.
                tracing::error!(subject = %seen.subject, %corrupt, "a record's history cannot be folded");
            }
        }
    }
}
