//! Who there is: hospitals, authorities, firms; and what they declare. Each follows from a number, so that a seed says it all.

use std::{collections::BTreeSet, time::Duration};

use muster_domain::{
    codes::{Country, Language, Nuts, ServiceId},
    eligibility::events::Policy,
    intake::events::{Emergency, Facts, Impact, Needs, Spillover},
    kernel::{Actor, Role, Timestamp},
    registry::events::{
        Authority, AuthorityKind, Capacity, Certificate, Conflict, ConflictEffect, ConflictScope, Contract, CouncilAct,
        Hospital, Mobilisation, NationalRequirement, Provider,
    },
};
use muster_golden::values::{
    self, authority_id, contract_id, country, each, hospital_id, principal, provider_id, service, spoc_id,
};

use super::rng::Rng;

/// The countries of this world; the last is no Member State.
pub const COUNTRIES: [&str; 3] = ["FR", "BE", "MD"];
/// How many hospitals there are.
pub const HOSPITALS: u8 = 6;
/// How many firms there may be.
pub const FIRMS: u8 = 6;

/// The realm's time so many milliseconds after everything begins.
pub fn at_millis(millis: i64) -> Timestamp {
    Timestamp::from_millis(values::at(0).millis().saturating_add(millis))
}

/// So many hours after everything begins, or before it.
pub fn at(hours: i64) -> Timestamp {
    at_millis(hours.saturating_mul(3_600_000))
}

/// Somebody who acts.
pub fn actor(role: Role, name: &str) -> Actor {
    Actor { role, principal: principal(name) }
}

fn code(n: u8) -> &'static str {
    let [france, belgium, moldova] = COUNTRIES;
    match n % 3 {
        0 => france,
        1 => belgium,
        _ => moldova,
    }
}

/// A hospital: two in each country.
pub fn hospital(n: u8) -> Hospital {
    let code = code(n);
    let id = hospital_id(&format!("hospital-{}-{}", code.to_lowercase(), n % 2));
    let nuts = each::<_, _, Vec<_>>(Nuts::parse, &[code]).into_iter().next();
    let base = values::hospital();
    Hospital { id, member_state: country(code), nuts: nuts.unwrap_or_else(|| base.nuts.clone()), ..base }
}

/// The user that makes a hospital's requests its own; for one in six it is CERT-EU.
pub fn authority(country: Country, n: u8) -> Authority {
    if n % HOSPITALS == 1 && country.is_member_state() {
        return values::cert_eu();
    }
    let code = country.as_str().to_lowercase();
    let kind = if country.is_member_state() { AuthorityKind::Csirt } else { AuthorityKind::ThirdCountry };
    Authority {
        id: authority_id(&format!("{code}-csirt")),
        kind,
        country: Some(country),
        spoc: Some(spoc_id(&format!("{code}-spoc"))),
        ..values::authority()
    }
}

/// The crisis authority beside a country's CSIRT.
pub fn crisis_authority(country: Country) -> Authority {
    let code = country.as_str().to_lowercase();
    let kind = AuthorityKind::CrisisManagement;
    Authority { id: authority_id(&format!("{code}-crisis")), kind, ..authority(country, 0) }
}

/// Every user.
pub fn authorities() -> Vec<Authority> {
    let national = COUNTRIES.iter().map(|code| authority(country(code), 0));
    national.chain([values::cert_eu(), crisis_authority(country("FR"))]).collect()
}

/// An act that opens the Reserve to Moldova for so long.
pub fn act(n: u8, from: Timestamp, until: Timestamp) -> CouncilAct {
    CouncilAct { from, until, reference: format!("act {n}"), ..values::council_act() }
}

fn some_services(rng: &mut Rng) -> BTreeSet<ServiceId> {
    let all = ["isim.forensics", "isim.mitigation-recovery", "x.clinical-systems"];
    let some: BTreeSet<_> = all.iter().filter(|_| rng.seldom(2)).map(|id| service(id)).collect();
    if some.is_empty() { all.iter().take(1).map(|id| service(id)).collect() } else { some }
}

fn some_languages(rng: &mut Rng) -> BTreeSet<Language> {
    let all: Vec<Language> = each(Language::parse, &["fr", "nl", "en"]);
    let some: BTreeSet<_> = all.iter().filter(|_| rng.seldom(2)).cloned().collect();
    if some.is_empty() { all.into_iter().take(1).collect() } else { some }
}

fn one<T: Copy>(rng: &mut Rng, first: T, others: &[T]) -> T {
    let at = rng.below(u64::try_from(others.len()).unwrap_or(0).saturating_add(1));
    let at = usize::try_from(at).unwrap_or(0);
    at.checked_sub(1).and_then(|at| others.get(at)).copied().unwrap_or(first)
}

/// What a hospital declares; the shape says how much is known, how bad it is and what is needed.
pub fn facts(hospital: &Hospital, shape: u16) -> Facts {
    let mut rng = Rng::new(shape.into(), "facts");
    let base = values::facts();
    let known = !rng.seldom(3);
    let impact = Impact {
        hospitals_affected: if known { Some(one(&mut rng, 1, &[5])) } else { None },
        emergency: one(&mut rng, Emergency::Diverted, &[Emergency::Restricted, Emergency::Open]),
        records_unavailable: Some(!rng.seldom(3)),
        services_restored: Some(false),
        data_breach: Some(rng.seldom(2)),
        ransom_demanded: None,
    };
    let impact = if rng.seldom(5) { Impact { emergency: Emergency::Unknown, ..impact } } else { impact };
    let remote_teams = one(&mut rng, 1, &[1, 1, 0, 2]);
    let needs = Needs {
        services: some_services(&mut rng),
        remote_teams,
        onsite_teams: one(&mut rng, 0, &[1, 2]).max(u32::from(remote_teams == 0)),
        person_days: one(&mut rng, 5, &[15, 25, 45, 60]),
        duration: None,
    };
    Facts {
        incident: format!("incident-{}", rng.below(40)),
        country: hospital.member_state,
        nuts: vec![],
        languages: some_languages(&mut rng),
        impact,
        needs,
        spillover: one(&mut rng, Spillover::Low, &[Spillover::High, Spillover::Low, Spillover::Unknown]),
        affected: BTreeSet::new(),
        measures: if rng.seldom(10) { BTreeSet::new() } else { base.measures.clone() },
        ..base
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours.saturating_mul(3600))
}

/// A firm; the shape says what it can do, where, in which tongues, how much and how long.
pub fn firm(n: u8, shape: u16) -> Provider {
    let mut rng = Rng::new(shape.into(), "firm");
    let teams = one(&mut rng, 1, &[1, 2, 2, 3, 0]);
    let all: BTreeSet<_> =
        each(ServiceId::parse, &["isim.forensics", "isim.mitigation-recovery", "x.clinical-systems"]);
    let services = if rng.seldom(4) { some_services(&mut rng) } else { all };
    let member_states: BTreeSet<_> =
        ["FR", one(&mut rng, "FR", &["BE", "BE", "MD"]), "MD"].into_iter().map(country).collect();
    let capacity = |rng: &mut Rng, teams: u32| Capacity {
        teams,
        onsite_teams: teams.saturating_sub(u32::from(rng.seldom(3))),
        person_days: one(rng, 20, &[60, 100, 400, 400]),
        pre_committed_days: 10,
    };
    let contract = |id: &str, from: i64, until: i64, capacity: Capacity| Contract {
        id: contract_id(id),
        from: at(from),
        until: at(until),
        services: services.clone(),
        member_states: member_states.clone(),
        capacity,
        mobilisation: Mobilisation { remote: hours(1), onsite_home: hours(2), onsite_abroad: hours(4) },
    };
    // One contract for ever, or two, one after the other: the second may have another size.
    let change = rng.between(1, 50);
    let contracts = if rng.seldom(3) {
        let (first, second) = (capacity(&mut rng, teams), capacity(&mut rng, 1 + teams / 2));
        vec![contract("c1", -1_000, change, first), contract("c2", change, 17_000, second)]
    } else {
        vec![contract("c1", -1_000, 17_000, capacity(&mut rng, teams))]
    };
    let conflict = Conflict {
        scope: ConflictScope::Supplier,
        reference: "archive-software".to_owned(),
        reason: "it resells it".to_owned(),
        effect: one(&mut rng, ConflictEffect::Exclude, &[ConflictEffect::Disclose]),
    };
    let ends = at(rng.between(1, 50));
    let expires = one(&mut rng, None, &[None, Some(ends)]);
    Provider {
        id: provider_id(&format!("firm-{n}")),
        name: format!("firm {n} (fictional)"),
        established_in: country(if n.is_multiple_of(2) { "FR" } else { "BE" }),
        controlled_from: country(if rng.seldom(4) { "US" } else { "FR" }),
        contracts,
        languages: if rng.seldom(4) { some_languages(&mut rng) } else { each(Language::parse, &["fr", "nl", "en"]) },
        certificates: vec![Certificate { name: "qualified".to_owned(), expires }],
        clearances: if rng.seldom(3) { BTreeSet::new() } else { BTreeSet::from([country("FR")]) },
        health_references: one(&mut rng, 0, &[5, 30]),
        conflicts: if rng.seldom(5) { vec![conflict] } else { vec![] },
    }
}

/// What France or Belgium asks of whoever works there.
pub fn requirement(shape: u16) -> NationalRequirement {
    let mut rng = Rng::new(shape.into(), "requirement");
    let names = if rng.seldom(2) { BTreeSet::from(["qualified".to_owned()]) } else { BTreeSet::new() };
    NationalRequirement {
        member_state: country(one(&mut rng, "FR", &["BE"])),
        certificates_any_of: names,
        essential_only: rng.seldom(2),
        eu_control: rng.seldom(4),
        clearance: rng.seldom(4),
    }
}

/// A policy.
pub fn policy(version: u32, shape: u16) -> Policy {
    let mut rng = Rng::new(shape.into(), "policy");
    let minutes = |minutes: u64| Duration::from_secs(minutes.saturating_mul(60));
    let width = one(&mut rng, 1, &[2, 3]);
    Policy {
        version,
        grants: !rng.seldom(2),
        refuses: rng.seldom(2),
        offer_stands: [20, 40, 60, 90].map(minutes),
        offer_width: [width, width, 1, 1],
        ..values::policy()
    }
}
