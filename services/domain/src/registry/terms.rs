//! What a provider's terms must be to stand.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    check::Violations,
    registry::{
        catalogue::Catalogue,
        events::{Capacity, Contract, Provider},
    },
};

/// The most teams of one contract.
pub const TEAMS_MAX: u32 = 1_000;
/// The most person-days of one contract.
pub const PERSON_DAYS_MAX: u32 = 100_000;
/// The longest time to start that a contract may allow.
pub const MOBILISATION_MAX: Duration = Duration::from_hours(30 * 24);

/// Everything wrong with `terms`, by the catalogue in force.
pub fn check(terms: &Provider, catalogue: &Catalogue) -> Violations {
    let mut wrong = Violations::none();
    wrong.named("provider.name", "Art 17", &terms.name);
    wrong.require(!terms.contracts.is_empty(), "provider.contracts", "Art 2(17)", "is empty: a contract admits it");
    wrong.entries("provider.contracts", terms.contracts.len());
    for (i, contract) in terms.contracts.iter().enumerate() {
        check_contract(&format!("provider.contracts[{i}]"), contract, catalogue, &mut wrong);
    }
    check_contracts_together(&terms.contracts, &mut wrong);
    let says = "is empty: somebody must be able to talk to the people on the spot";
    wrong.require(!terms.languages.is_empty(), "provider.languages", "Art 17(2)(i)", says);
    wrong.entries("provider.languages", terms.languages.len());
    wrong.entries("provider.certificates", terms.certificates.len());
    for (i, certificate) in terms.certificates.iter().enumerate() {
        wrong.named(format_args!("provider.certificates[{i}].name"), "Art 17(1)(a)", &certificate.name);
    }
    wrong.entries("provider.conflicts", terms.conflicts.len());
    for (i, conflict) in terms.conflicts.iter().enumerate() {
        wrong.named(format_args!("provider.conflicts[{i}].reference"), "Art 17(2)(c)", &conflict.reference);
        wrong.line(format_args!("provider.conflicts[{i}].reason"), &conflict.reason);
    }
    wrong
}

fn check_contract(at: &str, contract: &Contract, catalogue: &Catalogue, wrong: &mut Violations) {
    wrong.period(format_args!("{at}.until"), "Art 14(2)", contract.from, contract.until);
    let says = "is empty: a contract covers at least one";
    wrong.require(!contract.services.is_empty(), format_args!("{at}.services"), "Art 17(1)", says);
    wrong.require(!contract.member_states.is_empty(), format_args!("{at}.member_states"), "Art 17(1)(a)", says);
    wrong.entries(format_args!("{at}.services"), contract.services.len());
    catalogue.require(format_args!("{at}.services"), &contract.services, wrong);
    let Capacity { teams, onsite_teams, person_days, pre_committed_days } = contract.capacity;
    wrong.at_most(format_args!("{at}.teams"), teams, TEAMS_MAX);
    wrong.at_most(format_args!("{at}.person_days"), person_days, PERSON_DAYS_MAX);
    let says = format_args!("is {onsite_teams}, more than the {teams} teams they are among");
    wrong.require(onsite_teams <= teams, format_args!("{at}.onsite_teams"), "Art 14(2)", says);
    let says = format_args!("is {pre_committed_days}, more than the {person_days} person-days they are part of");
    wrong.require(pre_committed_days <= person_days, format_args!("{at}.pre_committed_days"), "Art 14(2)", says);
    let times = contract.mobilisation;
    for (name, time) in
        [("remote_start", times.remote), ("onsite_home", times.onsite_home), ("onsite_abroad", times.onsite_abroad)]
    {
        let says = "is more than 30 days";
        wrong.require(time <= MOBILISATION_MAX, format_args!("{at}.{name}"), "Art 17(2)(h)", says);
    }
}

/// On any day one contract says what the provider may be asked to do: periods do not overlap.
fn check_contracts_together(contracts: &[Contract], wrong: &mut Violations) {
    let mut ids = BTreeSet::new();
    for (i, one) in contracts.iter().enumerate() {
        let says = format_args!("has two contracts named {}", one.id);
        wrong.require(ids.insert(&one.id), "provider.contracts", "Art 14(2)", says);
        for other in contracts.iter().skip(i).skip(1) {
            let apart = one.until <= other.from || other.until <= one.from;
            let says = format_args!("has overlapping periods: {} and {}", one.id, other.id);
            wrong.require(apart, "provider.contracts", "Art 14(2)", says);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        codes::Language,
        registry::events::{Certificate, Conflict, ConflictEffect, ConflictScope, Mobilisation},
        testing::{at, country, id, services},
    };

    fn contract(name: &str, from: &str, until: &str) -> Contract {
        let hours = Duration::from_hours;
        Contract {
            id: id!(ContractId, name),
            from: at(from),
            until: at(until),
            services: services(&["isim.forensics"]),
            member_states: BTreeSet::from([country("FR")]),
            capacity: Capacity { teams: 4, onsite_teams: 4, person_days: 430, pre_committed_days: 430 },
            mobilisation: Mobilisation { remote: hours(2), onsite_home: hours(6), onsite_abroad: hours(30 * 24) },
        }
    }

    /// Terms of a French firm, one contract for 2025 and one for 2026.
    pub fn terms() -> Provider {
        Provider {
            id: id!(ProviderId, "halden-quay"),
            name: "Halden Quay Response (fictional)".to_owned(),
            established_in: country("FR"),
            controlled_from: country("FR"),
            contracts: vec![
                contract("y2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
                contract("y2025", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            ],
            languages: BTreeSet::from([Language::parse("fr").unwrap()]),
            certificates: vec![Certificate { name: "ISO/IEC 27001".to_owned(), expires: None }],
            clearances: BTreeSet::new(),
            health_references: 11,
            conflicts: vec![],
        }
    }

    fn wrong(change: impl FnOnce(&mut Provider)) -> Vec<String> {
        let mut terms = terms();
        change(&mut terms);
        check(&terms, &Catalogue::default()).fields().iter().map(|v| format!("{} {}", v.field, v.says)).collect()
    }

    #[test]
    fn contracts_follow_one_another_and_have_names_of_their_own() {
        assert!(wrong(|_| {}).is_empty());
        assert!(wrong(|p| p.contracts.reverse()).is_empty());
        let overlap = "provider.contracts has overlapping periods: y2026 and y2025";
        assert_eq!(wrong(|p| p.contracts[1].until = at("2026-01-01T00:00:00.001Z")), [overlap]);
        assert_eq!(
            wrong(|p| p.contracts[1].id = p.contracts[0].id.clone()),
            ["provider.contracts has two contracts named y2026"]
        );
        assert_eq!(wrong(|p| p.contracts.clear()), ["provider.contracts is empty: a contract admits it"]);
        assert_eq!(
            wrong(|p| p.contracts[1].until = p.contracts[1].from),
            ["provider.contracts[1].until ends at 2025-01-01T00:00:00Z, not after it begins at \
                 2025-01-01T00:00:00Z"]
        );
    }

    #[test]
    fn a_contract_covers_something_somewhere_within_limits_that_hold() {
        let fields = |change: fn(&mut Contract)| {
            wrong(|p| change(&mut p.contracts[0]))
                .iter()
                .map(|line| line.split(' ').next().unwrap().replace("provider.contracts[0].", ""))
                .collect::<Vec<_>>()
        };
        assert_eq!(fields(|c| c.services.clear()), ["services"]);
        assert_eq!(fields(|c| c.services.extend(services(&["x.unheard-of"]))), ["services"], "not in the catalogue");
        assert_eq!(fields(|c| c.member_states.clear()), ["member_states"]);
        assert!(fields(|c| c.member_states = BTreeSet::from([country("MD")])).is_empty());
        assert_eq!(fields(|c| c.capacity.onsite_teams = 5), ["onsite_teams"]);
        assert_eq!(fields(|c| c.capacity.pre_committed_days = 431), ["pre_committed_days"]);
        assert_eq!(fields(|c| c.capacity.teams = TEAMS_MAX + 1), ["teams"]);
        assert_eq!(fields(|c| c.capacity.person_days = PERSON_DAYS_MAX + 1), ["person_days"]);
        assert_eq!(fields(|c| c.mobilisation.onsite_abroad += Duration::from_millis(1)), ["onsite_abroad"]);
    }

    #[test]
    fn a_provider_speaks_and_names_its_certificates_and_conflicts() {
        let conflict = Conflict {
            scope: ConflictScope::Entity,
            reference: String::new(),
            reason: "x".repeat(201),
            effect: ConflictEffect::Exclude,
        };
        let lines = wrong(|p| {
            p.name.clear();
            p.languages.clear();
            p.certificates[0].name = " ".to_owned();
            p.conflicts = vec![conflict];
        });
        assert_eq!(
            lines,
            [
                "provider.name is blank",
                "provider.languages is empty: somebody must be able to talk to the people on the spot",
                "provider.certificates[0].name is blank",
                "provider.conflicts[0].reference is blank",
                "provider.conflicts[0].reason has 201 characters, more than 200",
            ]
        );
    }
}
