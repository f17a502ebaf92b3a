//! A roster: services beyond those Muster knows, what Member States require, and the providers of the Reserve.

use std::{collections::BTreeSet, time::Duration};

use muster_api::registry::v1::{CatalogueEntry, Certificate, Conflict, Contract, Provider, Requirement};
use muster_domain::{
    codes::{Country, Language, MEMBER_STATES, ServiceId},
    kernel::{ProviderId, Timestamp},
    registry::events::{ConflictEffect, ConflictScope},
};
use muster_edge::wire::fields::{duration, timestamp};

use super::{
    node::Node,
    reading::{At, Reading},
    schema::{
        SCHEMA,
        Shape::{self, List, Map},
        object,
    },
};

const ROSTER: Shape = object! {
    read schema_version;
    unused kind;
    unused disclaimer;
    read service_catalogue: List(&object! { read id; read name; read source; });
    read national_requirements: REQUIREMENTS;
    unused admissibility_rule;
    read providers: List(&PROVIDER);
};

const REQUIREMENTS: Shape =
    object! { unused note; read by_member_state: Map(&REQUIREMENT); read default: REQUIREMENT; };

const REQUIREMENT: Shape = object! {
    read requires_certification_any_of;
    read requires_eu_control;
    read applies_to;
};

const PROVIDER: Shape = object! {
    read provider_id;
    read name;
    unused fictional;
    read established_in;
    read controlled_from;
    read member_states_covered;
    read languages;
    read services;
    read capacity: object! {
        read concurrent_teams;
        unused team_size;
        read max_onsite_teams;
        read person_days_available;
        read pre_committed_person_days;
    };
    read mobilisation: object! {
        read remote_start_hours;
        read onsite_hours_home;
        read onsite_hours_other_member_state;
        unused duty_roster;
    };
    read certifications;
    read security_clearance_member_states;
    read health_sector_references;
    read conflicts_of_interest: List(&object! { read scope; read ref; read reason; read effect; });
    unused note;
};

/// The version of the schema.
const VERSION: &str = "1.0";

/// The one contract that the roster tells of each provider; its period is not the roster's to say.
pub const CONTRACT: &str = "c1";

/// What a roster says, as the registry's own records.
#[derive(Clone, Debug, PartialEq)]
pub struct Roster {
    /// Services.
    pub services: Vec<CatalogueEntry>,
    /// What Member States require.
    pub requirements: Vec<Requirement>,
    /// Providers, each with one contract that has no period yet.
    pub providers: Vec<Provider>,
    /// What stands in the file and is not read.
    pub unused: Vec<String>,
}

/// The provider with its contract in force from `from` until `until`.
pub fn in_force(provider: &Provider, from: Timestamp, until: Timestamp) -> Provider {
    let mut provider = provider.clone();
    for contract in &mut provider.contracts {
        (contract.from, contract.until) = (Some(timestamp(from)), Some(timestamp(until)));
    }
    provider
}

/// Reads a roster.
pub(super) fn read(node: &Node, reading: &mut Reading) -> Roster {
    let unused = ROSTER.check(node, "", reading);
    let at = At::new(node, "");
    if reading.text(&at.field("schema_version")).is_some_and(|version| version != VERSION) {
        reading.wrong("schema_version", SCHEMA, format_args!("is not {VERSION}, the one that muster reads"));
    }
    let services = reading.optional_list(&at.field("service_catalogue"));
    let services = services.iter().map(|at| read_service(at, reading)).collect();
    let requirements = read_requirements(&at.field("national_requirements"), reading);
    let providers = reading.optional_list(&at.field("providers"));
    let mut ids = BTreeSet::new();
    for at in &providers {
        let id = at.field("provider_id");
        if let Some(Node::Text(text)) = id.node()
            && !ids.insert(text.to_lowercase())
        {
            reading.wrong(id.path(), SCHEMA, format_args!("is {text}, which stands there twice"));
        }
    }
    let providers = providers.iter().map(|at| read_provider(at, reading)).collect();
    Roster { services, requirements, providers, unused }
}

fn read_service(at: &At<'_>, reading: &mut Reading) -> CatalogueEntry {
    reading.object(at);
    CatalogueEntry {
        service: code(reading.parsed(&at.field("id"), ServiceId::parse)),
        name: reading.text(&at.field("name")).unwrap_or_default(),
        source: reading.optional_text(&at.field("source")).unwrap_or_default(),
    }
}

/// Each Member State's own requirement; the others have the default, if that requires anything.
fn read_requirements(at: &At<'_>, reading: &mut Reading) -> Vec<Requirement> {
    let mut requirements = Vec::new();
    for (name, at) in at.field("by_member_state").fields() {
        match Country::parse(name) {
            Ok(country) if country.is_member_state() => {
                requirements.push(read_requirement(country.as_str(), &at, reading))
            }
            Ok(_) | Err(_) => reading.wrong(at.path(), "Art 17(1)(a)", "is not of a Member State"),
        }
    }
    let default = at.field("default");
    if default.is_there() {
        let others: Vec<&str> =
            MEMBER_STATES.into_iter().filter(|code| requirements.iter().all(|own| own.member_state != *code)).collect();
        let default = read_requirement("", &default, reading);
        if default != Requirement::default() {
            let of = |code: &str| Requirement { member_state: code.to_owned(), ..default.clone() };
            requirements.extend(others.into_iter().map(of));
        }
    }
    requirements
}

fn read_requirement(member_state: &str, at: &At<'_>, reading: &mut Reading) -> Requirement {
    const ESSENTIAL: &str = "essential entities";
    reading.object(at);
    let applies_to = at.field("applies_to");
    let essential = reading.optional_text(&applies_to);
    if essential.as_ref().is_some_and(|whom| whom != ESSENTIAL) {
        reading.wrong(
            applies_to.path(),
            SCHEMA,
            format_args!("is wrong: leave it out for all, or write '{ESSENTIAL}'"),
        );
    }
    Requirement {
        member_state: member_state.to_owned(),
        certificates_any_of: texts(&at.field("requires_certification_any_of"), reading),
        essential_only: essential.is_some(),
        eu_control: reading.optional_flag(&at.field("requires_eu_control")).unwrap_or_default(),
        clearance: false,
    }
}

fn read_provider(at: &At<'_>, reading: &mut Reading) -> Provider {
    reading.object(at);
    let id = reading.parsed(&at.field("provider_id"), |text| ProviderId::parse(&text.to_lowercase()));
    let conflicts = reading.optional_list(&at.field("conflicts_of_interest"));
    Provider {
        provider: id.map(|id| id.to_string()).unwrap_or_default(),
        name: reading.text(&at.field("name")).unwrap_or_default(),
        established_in: code(reading.parsed(&at.field("established_in"), Country::parse)),
        controlled_from: code(reading.parsed(&at.field("controlled_from"), Country::parse)),
        contracts: vec![read_contract(at, reading)],
        languages: codes(&at.field("languages"), Language::parse, reading),
        certificates: texts(&at.field("certifications"), reading)
            .into_iter()
            .map(|name| Certificate { name, expires_at: None })
            .collect(),
        clearances: codes(&at.field("security_clearance_member_states"), Country::parse, reading),
        health_references: reading.optional_number(&at.field("health_sector_references")).unwrap_or_default(),
        conflicts: conflicts.iter().map(|at| read_conflict(at, reading)).collect(),
        suspended: false,
        proposal: None,
    }
}

fn read_contract(at: &At<'_>, reading: &mut Reading) -> Contract {
    let (capacity, mobilisation) = (at.field("capacity"), at.field("mobilisation"));
    reading.object(&capacity);
    reading.object(&mobilisation);
    let services = codes(&at.field("services"), ServiceId::parse, reading);
    let member_states = codes(&at.field("member_states_covered"), Country::parse, reading);
    let mut number = |name: &str| reading.number(&capacity.field(name)).unwrap_or_default();
    let [teams, onsite_teams] = ["concurrent_teams", "max_onsite_teams"].map(&mut number);
    let [person_days, pre_committed_days] = ["person_days_available", "pre_committed_person_days"].map(&mut number);
    let mut hours = |name: &str| {
        let hours = reading.number(&mobilisation.field(name)).unwrap_or_default();
        Some(duration(Duration::from_hours(u64::from(hours))))
    };
    Contract {
        contract: CONTRACT.to_owned(),
        from: None,
        until: None,
        services,
        member_states,
        teams,
        onsite_teams,
        person_days,
        pre_committed_days,
        remote_start: hours("remote_start_hours"),
        onsite_home: hours("onsite_hours_home"),
        onsite_abroad: hours("onsite_hours_other_member_state"),
    }
}

fn read_conflict(at: &At<'_>, reading: &mut Reading) -> Conflict {
    reading.object(at);
    Conflict {
        scope: code(reading.parsed(&at.field("scope"), ConflictScope::parse)),
        reference: reading.text(&at.field("ref")).unwrap_or_default(),
        reason: reading.optional_text(&at.field("reason")).unwrap_or_default(),
        effect: code(reading.parsed(&at.field("effect"), ConflictEffect::parse)),
    }
}

fn code(read: Option<impl ToString>) -> String {
    read.map(|code| code.to_string()).unwrap_or_default()
}

/// The codes of a list that must be there, as Muster writes them.
fn codes<T: ToString, E: std::fmt::Display>(
    at: &At<'_>,
    parse: impl Fn(&str) -> Result<T, E>,
    reading: &mut Reading,
) -> Vec<String> {
    let entries = reading.list(at);
    entries.iter().filter_map(|entry| reading.parsed(entry, &parse)).map(|code| code.to_string()).collect()
}

fn texts(at: &At<'_>, reading: &mut Reading) -> Vec<String> {
    let entries = reading.optional_list(at);
    entries.iter().filter_map(|entry| reading.text(entry)).collect()
}
