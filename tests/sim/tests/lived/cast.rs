//! Who there is: hospitals, authorities, firms; and what they declare.

use std::{collections::BTreeSet, time::Duration};

use muster_domain::{
    codes::{Country, Language, Nuts, ServiceId},
    eligibility::events::Policy,
    intake::events::{Emergency, Facts, Impact, Needs, Spillover},
    kernel::{Actor, AuthorityId, HospitalId, PrincipalId, Role, Timestamp},
    registry::events::{
        Authority, AuthorityKind, Capacity, Certificate, Conflict, ConflictEffect, ConflictScope, Contract, CouncilAct,
        Hospital, Mobilisation, NationalRequirement, Provider,
    },
};
use muster_golden::values::{self, contract_id, country, provider_id, service, spoc_id};

/// So many minutes after everything begins.
pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(values::at(0).millis() + minutes * 60_000)
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// Somebody who acts.
pub fn actor(role: Role, principal: &str) -> Actor {
    Actor { role, principal: PrincipalId::parse(principal).unwrap() }
}

const COUNTRIES: [&str; 3] = ["FR", "BE", "MD"];

/// A hospital: two in each country.
pub fn hospital(n: u8) -> Hospital {
    let code = COUNTRIES[usize::from(n) % COUNTRIES.len()];
    let id = HospitalId::parse(&format!("hospital-{}-{}", code.to_lowercase(), n % 2)).unwrap();
    Hospital { id, member_state: country(code), nuts: Nuts::parse(code).unwrap(), ..values::hospital() }
}

/// The user that makes a hospital's requests its own; every fifth time it is CERT-EU.
pub fn authority(country: Country, n: u8) -> Authority {
    if n.is_multiple_of(5) && country.is_member_state() {
        return values::cert_eu();
    }
    let code = country.as_str().to_lowercase();
    let kind = if country.is_member_state() { AuthorityKind::Csirt } else { AuthorityKind::ThirdCountry };
    Authority {
        id: AuthorityId::parse(&format!("{code}-csirt")).unwrap(),
        kind,
        country: Some(country),
        spoc: Some(spoc_id(&format!("{code}-spoc"))),
        ..values::authority()
    }
}

/// Every user.
pub fn authorities() -> Vec<Authority> {
    let national = COUNTRIES.iter().map(|code| authority(country(code), 1));
    national.chain([values::cert_eu()]).collect()
}

/// An act that opens the Reserve to Moldova.
pub fn act() -> CouncilAct {
    CouncilAct { from: at(-1000), until: at(20_000), ..values::council_act() }
}

fn some_services(bits: u8) -> BTreeSet<ServiceId> {
    let all = ["isim.forensics", "isim.mitigation-recovery", "x.clinical-systems"];
    let some = all.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, id)| service(id));
    let some: BTreeSet<_> = some.collect();
    if some.is_empty() { BTreeSet::from([service(all[0])]) } else { some }
}

fn some_languages(bits: u8) -> BTreeSet<Language> {
    let all = ["fr", "nl", "en"].map(|tag| Language::parse(tag).unwrap());
    all.into_iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, language)| language).collect()
}

/// Draws from a shape: each number from other bits of it.
struct Draw(u32);

impl Draw {
    fn of(&mut self, choices: u32) -> u32 {
        // The high bits of a linear congruence are the good ones.
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % choices
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.of(of.len() as u32) as usize].clone()
    }

    /// True one time in so many.
    fn seldom(&mut self, times: u32) -> bool {
        self.of(times) == 0
    }
}

/// What a hospital declares; the shape says how much is known, how bad it is and what is needed.
pub fn facts(hospital: &Hospital, shape: u16) -> Facts {
    let mut draw = Draw(shape.into());
    let base = values::facts();
    let impact = Impact {
        hospitals_affected: draw.one(&[Some(1), Some(1), Some(5), None]),
        emergency: draw.one(&[Emergency::Diverted, Emergency::Restricted, Emergency::Open, Emergency::Unknown]),
        records_unavailable: Some(!draw.seldom(3)),
        services_restored: Some(false),
        data_breach: Some(draw.seldom(2)),
        ransom_demanded: None,
    };
    let remote_teams = draw.one(&[1, 1, 1, 0, 2]);
    let needs = Needs {
        services: some_services(draw.of(8) as u8),
        remote_teams,
        onsite_teams: draw.one(&[0, 1, 2]).max(u32::from(remote_teams == 0)),
        person_days: 5 + 10 * draw.of(6),
        duration: None,
    };
    Facts {
        country: hospital.member_state,
        nuts: vec![],
        languages: some_languages(1 + draw.of(3) as u8),
        impact,
        needs,
        spillover: draw.one(&[Spillover::Low, Spillover::High, Spillover::Unknown]),
        affected: BTreeSet::new(),
        measures: if draw.seldom(10) { BTreeSet::new() } else { base.measures.clone() },
        ..base
    }
}

/// A firm; the shape says what it can do, where, in which tongues, how much and how long.
pub fn firm(n: u8, shape: u16) -> Provider {
    let mut draw = Draw(shape.into());
    let teams = draw.one(&[1, 2, 3, 1, 2, 0]);
    let services = if draw.seldom(4) { some_services(draw.of(8) as u8) } else { some_services(7) };
    let member_states: BTreeSet<_> = ["FR", draw.one(&COUNTRIES), "MD"].map(country).into();
    let mut contract = |id: &str, from: i64, until: i64, teams: u32| Contract {
        id: contract_id(id),
        from: at(from),
        until: at(until),
        services: services.clone(),
        member_states: member_states.clone(),
        capacity: Capacity {
            teams,
            onsite_teams: teams.saturating_sub(draw.of(2)),
            person_days: draw.one(&[20, 60, 100, 400, 400]),
            pre_committed_days: 10,
        },
        mobilisation: Mobilisation { remote: hours(1), onsite_home: hours(2), onsite_abroad: hours(4) },
    };
    // One contract for ever, or two, one after the other: the second may have another size.
    let mut draw_more = Draw(u32::from(shape) ^ 0xffff);
    let change = 1 + i64::from(draw_more.of(12)) * 60;
    let contracts = if draw_more.seldom(3) {
        vec![contract("c1", -1000, change, teams), contract("c2", change, 1_000_000, 1 + teams / 2)]
    } else {
        vec![contract("c1", -1000, 1_000_000, teams)]
    };
    let conflict = Conflict {
        scope: ConflictScope::Supplier,
        reference: "archive-software".to_owned(),
        reason: "it resells it".to_owned(),
        effect: draw_more.one(&[ConflictEffect::Exclude, ConflictEffect::Disclose]),
    };
    let ends = at(i64::from(draw_more.of(8)) * 120);
    let expires = draw_more.one(&[None, Some(ends)]);
    Provider {
        id: provider_id(&format!("firm-{n}")),
        name: format!("firm {n} (fictional)"),
        established_in: country(COUNTRIES[usize::from(n) % 2]),
        controlled_from: country(if draw_more.seldom(4) { "US" } else { "FR" }),
        contracts,
        languages: if draw_more.seldom(4) { some_languages(1 + draw_more.of(7) as u8) } else { some_languages(7) },
        certificates: vec![Certificate { name: "qualified".to_owned(), expires }],
        clearances: if draw_more.seldom(3) { BTreeSet::new() } else { BTreeSet::from([country("FR")]) },
        health_references: draw_more.of(50),
        conflicts: if draw_more.seldom(5) { vec![conflict] } else { vec![] },
    }
}

/// What France or Belgium asks of whoever works there.
pub fn requirement(shape: u8) -> NationalRequirement {
    let bit = |n: u8| shape >> n & 1 == 1;
    let names = if bit(0) { BTreeSet::from(["qualified".to_owned()]) } else { BTreeSet::new() };
    NationalRequirement {
        member_state: country(COUNTRIES[usize::from(bit(1))]),
        certificates_any_of: names,
        essential_only: bit(2),
        eu_control: bit(3),
        clearance: bit(4),
    }
}

/// The next policy.
pub fn policy(version: u32, shape: u8) -> Policy {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let width = 1 + u32::from(shape % 3);
    Policy {
        version,
        grants: shape & 4 == 0,
        refuses: shape & 8 == 0,
        offer_stands: [20, 40, 60, 90].map(minutes),
        offer_width: [width, width, 1, 1],
        ..values::policy()
    }
}
