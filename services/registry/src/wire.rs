//! The records of `muster.registry.v1` as the domain's own, both ways.

use muster_api::registry::v1;
use muster_domain::{
    codes::{Country, Language, Nuts, ServiceId},
    kernel::{AuthorityId, ContractId, FieldViolation, HospitalId, ProviderId, RealmId, SpocId, Timestamp},
    registry::{
        events::{
            Annex, Authority, AuthorityKind, Capacity, Category, Certificate, Conflict, ConflictEffect, ConflictScope,
            Contract, CouncilAct, Hospital, Mandate, Mobilisation, NationalRequirement, Provider, Realm, RealmClock,
            ServiceEntry, Size,
        },
        mandate,
        provider::{Enrolment, Proposal, Standing},
    },
};
use muster_edge::wire::{
    fields::{Fields, duration, timestamp},
    texts,
};

/// A realm and its clock, on the wire.
pub fn realm(realm: &Realm) -> v1::Realm {
    let exercise = match realm.clock {
        RealmClock::System => None,
        RealmClock::Exercise { starts_at, started, speed } => Some(v1::ExerciseClock {
            starts_at: Some(timestamp(starts_at)),
            started_at: Some(timestamp(started)),
            speed,
        }),
    };
    v1::Realm { realm: realm.id.to_string(), exercise }
}

/// Reads the realm that is to be opened: it must be `own`, which this process serves. An exercise that does not say when it
/// started starts at `system`, the system's time.
pub fn read_realm(fields: &mut Fields, realm: Option<v1::Realm>, own: &RealmId, system: Timestamp) -> Option<Realm> {
    let v1::Realm { realm, exercise } = fields.needed("realm", realm)?;
    let id = fields.parsed("realm.realm", &realm, RealmId::parse);
    if let Some(other) = id.as_ref().filter(|id| *id != own) {
        let says = format!("is {other}, and {own} is served here: ask the process that serves {other}");
        let (field, rule) = ("realm.realm".to_owned(), "house rule D15: exercises never touch live");
        fields.refuse(vec![FieldViolation { field, rule, says }]);
    }
    let clock = match exercise {
        None => Some(RealmClock::System),
        Some(v1::ExerciseClock { starts_at, started_at, speed }) => {
            let starts_at = fields.time("realm.exercise.starts_at", starts_at);
            let started = match started_at {
                None => Some(system),
                told => fields.time("realm.exercise.started_at", told),
            };
            starts_at.zip(started).map(|(starts_at, started)| RealmClock::Exercise { starts_at, started, speed })
        }
    };
    Some(Realm { id: id?, clock: clock? })
}

/// A hospital's record, on the wire.
pub fn hospital(hospital: &Hospital) -> v1::Hospital {
    v1::Hospital {
        hospital: hospital.id.to_string(),
        name: hospital.name.clone(),
        member_state: hospital.member_state.to_string(),
        nuts: hospital.nuts.to_string(),
        kind: hospital.kind.clone(),
        annex: hospital.annex.to_string(),
        category: hospital.category.to_string(),
        size: hospital.size.to_string(),
    }
}

/// Reads a hospital's record.
pub fn read_hospital(fields: &mut Fields, hospital: Option<v1::Hospital>) -> Option<Hospital> {
    let v1::Hospital { hospital, name, member_state, nuts, kind, annex, category, size } =
        fields.needed("hospital", hospital)?;
    let id = fields.parsed("hospital.hospital", &hospital, HospitalId::parse);
    let member_state = fields.parsed("hospital.member_state", &member_state, Country::parse);
    let nuts = fields.parsed("hospital.nuts", &nuts, Nuts::parse);
    let annex = fields.parsed("hospital.annex", &annex, Annex::parse);
    let category = fields.parsed("hospital.category", &category, Category::parse);
    let size = fields.parsed("hospital.size", &size, Size::parse);
    Some(Hospital {
        id: id?,
        name,
        member_state: member_state?,
        nuts: nuts?,
        kind,
        annex: annex?,
        category: category?,
        size: size?,
    })
}

/// An authority's record, on the wire.
pub fn authority(authority: &Authority) -> v1::Authority {
    v1::Authority {
        authority: authority.id.to_string(),
        name: authority.name.clone(),
        kind: authority.kind.to_string(),
        country: authority.country.map(|country| country.to_string()).unwrap_or_default(),
        spoc: authority.spoc.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// Reads an authority's record. Which fields its kind must and must not have is the domain's to say.
pub fn read_authority(fields: &mut Fields, authority: Option<v1::Authority>) -> Option<Authority> {
    let v1::Authority { authority, name, kind, country, spoc } = fields.needed("authority", authority)?;
    let id = fields.parsed("authority.authority", &authority, AuthorityId::parse);
    let kind = fields.parsed("authority.kind", &kind, AuthorityKind::parse);
    let country = fields.optional("authority.country", &country, Country::parse);
    let spoc = fields.optional("authority.spoc", &spoc, SpocId::parse);
    Some(Authority { id: id?, name, kind: kind?, country, spoc })
}

/// A provider's terms and how it stands, on the wire; `proposal` is the suspension asked for, for those who may know.
pub fn provider(enrolment: &Enrolment, proposal: Option<Proposal<'_>>) -> v1::Provider {
    let Enrolment { terms, standing } = enrolment;
    v1::Provider {
        provider: terms.id.to_string(),
        name: terms.name.clone(),
        established_in: terms.established_in.to_string(),
        controlled_from: terms.controlled_from.to_string(),
        contracts: terms.contracts.iter().map(contract).collect(),
        languages: texts(&terms.languages),
        certificates: terms.certificates.iter().map(certificate).collect(),
        clearances: texts(&terms.clearances),
        health_references: terms.health_references,
        conflicts: terms.conflicts.iter().map(conflict).collect(),
        suspended: matches!(standing, Standing::Suspended { .. }),
        proposal: proposal.map(|Proposal { reason, by, lapses_at }| v1::SuspensionProposal {
            reason: reason.to_owned(),
            proposed_by: by.to_string(),
            lapses_at: Some(timestamp(lapses_at)),
        }),
    }
}

fn contract(contract: &Contract) -> v1::Contract {
    let Capacity { teams, onsite_teams, person_days, pre_committed_days } = contract.capacity;
    let Mobilisation { remote, onsite_home, onsite_abroad } = contract.mobilisation;
    v1::Contract {
        contract: contract.id.to_string(),
        from: Some(timestamp(contract.from)),
        until: Some(timestamp(contract.until)),
        services: texts(&contract.services),
        member_states: texts(&contract.member_states),
        teams,
        onsite_teams,
        person_days,
        pre_committed_days,
        remote_start: Some(duration(remote)),
        onsite_home: Some(duration(onsite_home)),
        onsite_abroad: Some(duration(onsite_abroad)),
    }
}

fn certificate(certificate: &Certificate) -> v1::Certificate {
    v1::Certificate { name: certificate.name.clone(), expires_at: certificate.expires.map(timestamp) }
}

fn conflict(conflict: &Conflict) -> v1::Conflict {
    v1::Conflict {
        scope: conflict.scope.to_string(),
        reference: conflict.reference.clone(),
        reason: conflict.reason.clone(),
        effect: conflict.effect.to_string(),
    }
}

/// Reads a provider's terms. How it stands is not a term: two persons change that, and a write that says so is refused.
pub fn read_provider(fields: &mut Fields, provider: Option<v1::Provider>) -> Option<Provider> {
    let provider = fields.needed("provider", provider)?;
    let id = fields.parsed("provider.provider", &provider.provider, ProviderId::parse);
    let established_in = fields.parsed("provider.established_in", &provider.established_in, Country::parse);
    let controlled_from = fields.parsed("provider.controlled_from", &provider.controlled_from, Country::parse);
    let contracts = listed(fields, "provider.contracts", provider.contracts, read_contract);
    let languages = fields.each("provider.languages", &provider.languages, Language::parse);
    let certificates = listed(fields, "provider.certificates", provider.certificates, read_certificate);
    let clearances = fields.each("provider.clearances", &provider.clearances, Country::parse);
    let conflicts = listed(fields, "provider.conflicts", provider.conflicts, read_conflict);
    let says = "is output only: leave it out; two officers suspend a provider";
    for (set, field) in [(provider.suspended, "provider.suspended"), (provider.proposal.is_some(), "provider.proposal")]
    {
        if set {
            fields.wrong(field, says);
        }
    }
    Some(Provider {
        id: id?,
        name: provider.name,
        established_in: established_in?,
        controlled_from: controlled_from?,
        contracts,
        languages,
        certificates,
        clearances,
        health_references: provider.health_references,
        conflicts,
    })
}

/// Reads each message of a list; `read` is told where the message stands.
fn listed<M, T>(
    fields: &mut Fields,
    at: &str,
    messages: Vec<M>,
    read: fn(&mut Fields, &str, M) -> Option<T>,
) -> Vec<T> {
    let read = |(i, message)| read(fields, &format!("{at}[{i}]"), message);
    messages.into_iter().enumerate().filter_map(read).collect()
}

fn read_contract(fields: &mut Fields, at: &str, contract: v1::Contract) -> Option<Contract> {
    let field = |name: &str| format!("{at}.{name}");
    let span = |fields: &mut Fields, name: &str, span: Option<prost_types::Duration>| {
        let span = fields.needed(field(name), span)?;
        fields.duration(field(name), span)
    };
    let id = fields.parsed(field("contract"), &contract.contract, ContractId::parse);
    let from = fields.time(field("from"), contract.from);
    let until = fields.time(field("until"), contract.until);
    let services = fields.each(&field("services"), &contract.services, ServiceId::parse);
    let member_states = fields.each(&field("member_states"), &contract.member_states, Country::parse);
    let remote = span(fields, "remote_start", contract.remote_start);
    let onsite_home = span(fields, "onsite_home", contract.onsite_home);
    let onsite_abroad = span(fields, "onsite_abroad", contract.onsite_abroad);
    Some(Contract {
        id: id?,
        from: from?,
        until: until?,
        services,
        member_states,
        capacity: Capacity {
            teams: contract.teams,
            onsite_teams: contract.onsite_teams,
            person_days: contract.person_days,
            pre_committed_days: contract.pre_committed_days,
        },
        mobilisation: Mobilisation { remote: remote?, onsite_home: onsite_home?, onsite_abroad: onsite_abroad? },
    })
}

fn read_certificate(fields: &mut Fields, at: &str, certificate: v1::Certificate) -> Option<Certificate> {
    let v1::Certificate { name, expires_at } = certificate;
    let expires = match expires_at {
        None => None,
        told => Some(fields.time(format_args!("{at}.expires_at"), told)?),
    };
    Some(Certificate { name, expires })
}

fn read_conflict(fields: &mut Fields, at: &str, conflict: v1::Conflict) -> Option<Conflict> {
    let v1::Conflict { scope, reference, reason, effect } = conflict;
    let scope = fields.parsed(format_args!("{at}.scope"), &scope, ConflictScope::parse);
    let effect = fields.parsed(format_args!("{at}.effect"), &effect, ConflictEffect::parse);
    Some(Conflict { scope: scope?, reference, reason, effect: effect? })
}

/// A standing mandate, on the wire; `None` while nobody signed.
pub fn mandate(state: &mandate::State) -> Option<v1::Mandate> {
    let (mandate, word, revoked_reason) = match state {
        mandate::State::Absent => return None,
        mandate::State::Signed(mandate) => (mandate, "signed", ""),
        mandate::State::Countersigned(mandate) => (mandate, "countersigned", ""),
        mandate::State::Revoked { mandate, reason } => (mandate, "revoked", reason.as_str()),
    };
    let Mandate { id, hospital, authority, spoc, from, until } = mandate;
    Some(v1::Mandate {
        mandate: id.to_string(),
        hospital: hospital.to_string(),
        authority: authority.to_string(),
        spoc: spoc.to_string(),
        from: Some(timestamp(*from)),
        until: Some(timestamp(*until)),
        state: word.to_owned(),
        revoked_reason: revoked_reason.to_owned(),
    })
}

/// A Member State's requirement, on the wire.
pub fn requirement(requirement: &NationalRequirement) -> v1::Requirement {
    v1::Requirement {
        member_state: requirement.member_state.to_string(),
        certificates_any_of: texts(&requirement.certificates_any_of),
        essential_only: requirement.essential_only,
        eu_control: requirement.eu_control,
        clearance: requirement.clearance,
    }
}

/// Reads a Member State's requirement.
pub fn read_requirement(fields: &mut Fields, requirement: Option<v1::Requirement>) -> Option<NationalRequirement> {
    let v1::Requirement { member_state, certificates_any_of, essential_only, eu_control, clearance } =
        fields.needed("requirement", requirement)?;
    let member_state = fields.parsed("requirement.member_state", &member_state, Country::parse)?;
    let certificates_any_of = certificates_any_of.into_iter().collect();
    Some(NationalRequirement { member_state, certificates_any_of, essential_only, eu_control, clearance })
}

/// Reads a Council act.
pub fn read_act(fields: &mut Fields, act: Option<v1::CouncilAct>) -> Option<CouncilAct> {
    let v1::CouncilAct { country, reference, from, until, days_max } = fields.needed("act", act)?;
    let country = fields.parsed("act.country", &country, Country::parse);
    let from = fields.time("act.from", from);
    let until = fields.time("act.until", until);
    Some(CouncilAct { country: country?, reference, from: from?, until: until?, days_max })
}

/// A service that can be asked for, on the wire.
pub fn service(entry: ServiceEntry) -> v1::CatalogueEntry {
    let ServiceEntry { id, name, source } = entry;
    v1::CatalogueEntry { service: id.to_string(), name, source }
}

/// Reads services for the catalogue.
pub fn read_services(fields: &mut Fields, services: Vec<v1::CatalogueEntry>) -> Vec<ServiceEntry> {
    listed(fields, "services", services, |fields, at, v1::CatalogueEntry { service, name, source }| {
        let id = fields.parsed(format_args!("{at}.service"), &service, ServiceId::parse)?;
        Some(ServiceEntry { id, name, source })
    })
}
