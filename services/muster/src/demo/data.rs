//! What the demonstration plays with: an invented Reserve, who the users are, and the cases.

use muster_api::registry::v1::{Authority, Hospital, Provider};

use crate::files::{
    BadFile, Register,
    cases::{Case, Cases},
    parties::Parties,
    roster::Roster,
};

const RESERVE: &str = include_str!("../../demo/reserve.json");
const PEOPLE: &str = include_str!("../../demo/people.json");
const CASES: &str = include_str!("../../demo/cases.json");

/// All of it, as the registry's own records.
#[derive(Clone, Debug)]
pub struct Data {
    /// National requirements and providers.
    pub roster: Roster,
    /// Users of the Reserve and hospitals.
    pub parties: Parties,
    cases: Cases,
}

impl Data {
    /// Reads what was built in.
    pub fn read() -> Result<Self, BadFile> {
        let wrong = |file: &str| BadFile { file: file.to_owned(), wrong: Vec::new() };
        let Register::Roster(roster) = Register::read("reserve.json", RESERVE)? else {
            return Err(wrong("reserve.json"));
        };
        let Register::Parties(parties) = Register::read("people.json", PEOPLE)? else {
            return Err(wrong("people.json"));
        };
        Ok(Self { roster, parties, cases: Cases::read("cases.json", CASES)? })
    }

    /// One case.
    pub fn case(&self, id: &str) -> Result<Case, BadFile> {
        self.cases.case(Some(id))
    }

    /// The hospital that a case is about.
    pub fn hospital(&self, case: &Case) -> Option<&Hospital> {
        self.parties.hospitals.iter().find(|hospital| hospital.name == case.facts.entity.name)
    }

    /// The authority of a country.
    pub fn authority(&self, country: &str) -> Option<&Authority> {
        self.parties.authorities.iter().find(|authority| authority.country == country)
    }

    /// A provider.
    pub fn provider(&self, id: &str) -> Option<&Provider> {
        self.roster.providers.iter().find(|provider| provider.provider == id)
    }

    /// A provider's name; its id if it is not one of these.
    pub fn name<'a>(&'a self, provider: &'a str) -> &'a str {
        self.provider(provider).map_or(provider, |provider| &provider.name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use muster_domain::codes::MEMBER_STATES;

    use super::*;

    /// A language in which people of each Member State can be helped on the spot, in the order of `MEMBER_STATES`.
    const LANGUAGES: [&str; 27] = [
        "fr", "bg", "cs", "da", "de", "et", "en", "el", "es", "fr", "hr", "it", "el", "lv", "lt", "fr", "hu", "mt",
        "nl", "de", "pl", "pt", "ro", "sl", "sk", "fi", "sv",
    ];

    #[test]
    fn the_files_say_nothing_that_nobody_knows_and_little_that_nobody_reads() {
        let data = Data::read().unwrap();
        assert_eq!(data.roster.unused, ["kind", "disclaimer", "providers[].fictional"]);
        let read_by_people = BTreeSet::from(["title", "incident_class.taxonomy", "request.synthetic", "request.user"]);
        for id in data.cases.ids() {
            let case = data.case(id).unwrap();
            let unread: Vec<_> = case
                .unused
                .iter()
                .filter(|field| !read_by_people.iter().any(|known| field.starts_with(known)))
                .filter(|field| *field != "request.via_single_point_of_contact")
                .collect();
            assert!(unread.is_empty(), "{id}: {unread:?}");
        }
    }

    #[test]
    fn every_member_state_finds_a_provider_that_can_repair_on_the_spot_in_its_language() {
        let data = Data::read().unwrap();
        for (country, language) in MEMBER_STATES.into_iter().zip(LANGUAGES) {
            let able = data.roster.providers.iter().any(|provider| {
                let contract = &provider.contracts[0];
                let has = |all: &[String], one: &str| all.iter().any(|entry| entry == one);
                has(&contract.member_states, country)
                    && has(&contract.services, "isim.mitigation-recovery")
                    && has(&provider.languages, language)
                    && contract.onsite_teams > 0
            });
            assert!(able, "nobody speaks {language} in {country}");
        }
    }

    #[test]
    fn every_member_state_has_a_csirt_and_a_single_point_of_contact_and_the_union_has_cert_eu() {
        let data = Data::read().unwrap();
        for country in MEMBER_STATES {
            let authority = data.authority(country).unwrap();
            assert_eq!((authority.kind.as_str(), authority.spoc.is_empty()), ("csirt", false), "{country}");
        }
        assert!(data.parties.authorities.iter().any(|authority| authority.kind == "cert-eu"));
    }

    #[test]
    fn every_case_is_of_a_hospital_and_an_authority_on_record() {
        let data = Data::read().unwrap();
        for id in data.cases.ids() {
            let case = data.case(id).unwrap();
            let hospital = data.hospital(&case).unwrap_or_else(|| panic!("{id} is of no hospital"));
            assert_eq!(hospital.member_state, case.facts.country.as_str());
            assert_eq!(hospital.nuts, case.facts.nuts[0].as_str());
            assert!(data.authority(&hospital.member_state).is_some());
            assert!(case.facts.exercise, "{id} is no exercise");
        }
    }

    #[test]
    fn no_two_providers_have_one_name() {
        let data = Data::read().unwrap();
        let names: BTreeSet<_> = data.roster.providers.iter().map(|provider| &provider.name).collect();
        assert_eq!(names.len(), data.roster.providers.len());
    }
}
