//! The values that the samples are made of: a university hospital without its records, and a firm that can help.
#![expect(clippy::expect_used, reason = "the texts stand here: a wrong one fails every test at once")]

use std::{collections::BTreeSet, convert::Infallible, fmt::Debug, time::Duration};

use muster_domain::{
    codes::{Country, IncidentType, Language, Nuts, ServiceId, Tlp},
    dispatch::events::{Candidate, Fit, Package, Rule, Standing},
    eligibility::events::{Band, Basis, Case, Criterion, Cut, Gate, GateResult, Policy, PriorityKey, Terms, Verdict},
    intake::events::{Emergency, Entity, Facts, Impact, IncidentClass, Needs, Precision, Route, Spillover},
    kernel::{
        AuthorityId, ContractId, HospitalId, MandateId, OfferId, PackageId, PrincipalId, ProviderId, RealmId,
        RequestId, SpocId, SubjectRef, Timestamp,
    },
    registry::events::{
        Annex, Authority, AuthorityKind, Capacity, Category, Certificate, Conflict, ConflictEffect, ConflictScope,
        Contract, CouncilAct, Hospital, Mandate, Mobilisation, NationalRequirement, Provider, Size,
    },
};

/// The moment so many hours after submission (2019-11-16T06:00:00Z), or before it.
pub fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_573_884_000_000 + hours * 3_600_000)
}

/// So many hours.
pub fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

/// Some text of the cases' own.
pub fn text(text: &str) -> String {
    text.to_owned()
}

/// Reads each text, into a list or a set.
pub fn each<T, E: Debug, C: FromIterator<T>>(parse: fn(&str) -> Result<T, E>, texts: &[&str]) -> C {
    texts.iter().map(|text| parse(text).expect(text)).collect()
}

/// Texts as they are, for `each`.
pub fn plain(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

macro_rules! readers {
    ($($name:ident $value:ident,)*) => {$(
        #[doc = concat!("Reads a `", stringify!($value), "`.")]
        pub fn $name(text: &str) -> $value {
            $value::parse(text).expect(text)
        }
    )*};
}
readers! {
    authority_id AuthorityId,
    contract_id ContractId,
    country Country,
    hospital_id HospitalId,
    mandate_id MandateId,
    offer_id OfferId,
    package_id PackageId,
    principal PrincipalId,
    provider_id ProviderId,
    realm_id RealmId,
    request_id RequestId,
    service ServiceId,
    spoc_id SpocId,
    subject_ref SubjectRef,
}

/// The hospital.
pub fn hospital() -> Hospital {
    Hospital {
        id: hospital_id("chu-rouen"),
        name: text("CHU de Rouen"),
        member_state: country("FR"),
        nuts: Nuts::parse("FRD22").expect("a region"),
        kind: text("university-hospital"),
        annex: Annex::One,
        category: Category::Essential,
        size: Size::Large,
    }
}

/// The user that makes its request.
pub fn authority() -> Authority {
    Authority {
        id: authority_id("fr-csirt"),
        name: text("national CSIRT of France"),
        kind: AuthorityKind::Csirt,
        country: Some(country("FR")),
        spoc: Some(spoc_id("fr-spoc")),
    }
}

/// A user that needs nobody to transmit its requests.
pub fn cert_eu() -> Authority {
    Authority {
        id: authority_id("cert-eu"),
        name: text("CERT-EU"),
        kind: AuthorityKind::CertEu,
        country: None,
        spoc: None,
    }
}

/// A firm, and its terms.
pub fn provider() -> Provider {
    Provider {
        id: provider_id("halden-quay"),
        name: text("Halden Quay Response (fictional)"),
        established_in: country("FR"),
        controlled_from: country("FR"),
        contracts: vec![contract()],
        languages: each(Language::parse, &["en", "fr"]),
        certificates: vec![
            Certificate { name: text("ISO/IEC 27001"), expires: Some(at(8_760)) },
            Certificate { name: text("national incident response qualification (FR)"), expires: None },
        ],
        clearances: each(Country::parse, &["FR"]),
        health_references: 11,
        conflicts: vec![Conflict {
            scope: ConflictScope::Supplier,
            reference: text("archive-software"),
            reason: text("it resells the supplier's product"),
            effect: ConflictEffect::Disclose,
        }],
    }
}

fn contract() -> Contract {
    Contract {
        id: contract_id("halden-quay-2019"),
        from: at(-2_000),
        until: at(6_760),
        services: each(ServiceId::parse, &["isim.analysis", "isim.forensics", "x.clinical-systems"]),
        member_states: each(Country::parse, &["BE", "FR", "LU"]),
        capacity: Capacity { teams: 4, onsite_teams: 3, person_days: 430, pre_committed_days: 200 },
        mobilisation: Mobilisation { remote: hours(2), onsite_home: hours(6), onsite_abroad: hours(16) },
    }
}

/// A standing mandate for the hospital.
pub fn mandate() -> Mandate {
    Mandate {
        id: mandate_id("fr-rouen-2019"),
        hospital: hospital().id,
        authority: authority().id,
        spoc: spoc_id("fr-spoc"),
        from: at(-1_000),
        until: at(7_760),
    }
}

/// What France asks of whoever works there.
pub fn requirement() -> NationalRequirement {
    NationalRequirement {
        member_state: country("FR"),
        certificates_any_of: each(plain, &["a second qualification", "national incident response qualification (FR)"]),
        essential_only: true,
        eu_control: true,
        clearance: false,
    }
}

/// An act that opens the Reserve.
pub fn council_act() -> CouncilAct {
    CouncilAct {
        country: country("MD"),
        reference: text("Council Implementing Decision (EU) 2019/0000"),
        from: at(-500),
        until: at(8_260),
        days_max: Some(75),
    }
}

/// What the hospital declares; what it does not know yet is absent.
pub fn facts() -> Facts {
    Facts {
        incident: text("fr-2019-rouen"),
        detected_at: at(-11),
        detected_precision: Precision::Minute,
        country: country("FR"),
        nuts: each(Nuts::parse, &["FRD22", "FRD21"]),
        languages: each(Language::parse, &["en", "fr"]),
        entity: entity(),
        incident_types: each(
            IncidentType::parse,
            &["information-content-security/unauthorised-information-modification", "malicious-code/infected-system"],
        ),
        class_claimed: IncidentClass::Significant,
        national_capacity_exceeded: false,
        impact: Impact {
            hospitals_affected: Some(5),
            emergency: Emergency::Restricted,
            records_unavailable: Some(true),
            services_restored: Some(false),
            data_breach: None,
            ransom_demanded: None,
        },
        spillover: Spillover::Low,
        affected: each(Country::parse, &["BE", "FR"]),
        needs: Needs {
            services: services(),
            remote_teams: 1,
            onsite_teams: 2,
            person_days: 90,
            duration: Some(hours(720)),
        },
        measures: each(plain, &["csirt-engaged", "isolation", "recovery-started"]),
        suppliers: each(plain, &["archive-software"]),
        tlp: Tlp::Amber,
        exercise: false,
    }
}

/// What a hospital declares that knows as little as can be.
pub fn nothing_known() -> Facts {
    Facts {
        nuts: vec![],
        languages: BTreeSet::new(),
        incident_types: vec![],
        impact: Impact {
            hospitals_affected: None,
            emergency: Emergency::Unknown,
            records_unavailable: None,
            services_restored: None,
            data_breach: None,
            ransom_demanded: None,
        },
        spillover: Spillover::Unknown,
        affected: BTreeSet::new(),
        needs: Needs { remote_teams: 0, duration: None, ..facts().needs },
        measures: BTreeSet::new(),
        suppliers: BTreeSet::new(),
        ..facts()
    }
}

fn entity() -> Entity {
    Entity {
        name: text("CHU de Rouen"),
        kind: text("university-hospital"),
        annex: Annex::One,
        category: Category::Essential,
        size: Size::Large,
    }
}

fn services() -> BTreeSet<ServiceId> {
    each(
        ServiceId::parse,
        &["isim.forensics", "isim.mitigation-recovery", "x.clinical-systems", "x.directory-recovery"],
    )
}

/// How the request of this user came.
pub fn route(user: Authority) -> Route {
    let Authority { id, kind, country, spoc, name: _ } = user;
    Route { authority: id, kind, country, spoc }
}

/// The gates' answers.
pub fn gates() -> Vec<GateResult> {
    vec![
        GateResult {
            gate: Gate::IncidentClass,
            verdict: Verdict::Pass,
            article: text("Reg. (EU) 2025/38 Art 15(1)"),
            because: text("patient records cannot be reached"),
        },
        GateResult {
            gate: Gate::OwnMeasures,
            verdict: Verdict::Unknown,
            article: text("Reg. (EU) 2025/38 Art 15(2)"),
            because: text("no measure is told yet"),
        },
    ]
}

/// The bands.
pub fn bands() -> Vec<Band> {
    let facts = |criterion, band, rule, because| Band {
        criterion,
        band,
        rule: text(rule),
        basis: Basis::Facts,
        because: text(because),
    };
    vec![
        facts(Criterion::Severity, 4, "A4", "5 hospitals are affected"),
        facts(Criterion::EntityType, 2, "B2", "an essential entity"),
        facts(Criterion::Impact, 3, "C3", "2 or more hospitals are affected"),
        facts(Criterion::CrossBorder, 1, "D1", "a low risk of spillover"),
        facts(Criterion::Measures, 3, "E3", "3 own measures"),
    ]
}

/// Where the request ranks.
pub fn key() -> PriorityKey {
    PriorityKey { bands: [4, 2, 3, 1, 3], member_state_user: true, submitted_at: at(0), request: request() }
}

/// The request.
pub fn request() -> RequestId {
    request_id("r-7f3a")
}

/// What is granted.
pub fn terms() -> Terms {
    Terms { services: services(), remote_teams: 1, onsite_teams: 1, person_days: 60, duration: hours(720) }
}

/// What is not.
pub fn cuts() -> Vec<Cut> {
    vec![
        Cut { what: text("onsite_teams"), reason: text("one team reaches all five sites") },
        Cut { what: text("person_days"), reason: text("one team less") },
    ]
}

/// What matching knows.
pub fn case() -> Case {
    let Facts { incident, country, languages, entity, suppliers, tlp, .. } = facts();
    let (request, hospital, user) = (request(), hospital().id, authority().kind);
    Case { request, hospital, incident, country, languages, entity, suppliers, tlp, user }
}

/// A policy.
pub fn policy() -> Policy {
    Policy {
        version: 2,
        grants: true,
        refuses: false,
        more_measures_rank_higher: true,
        duration: hours(720),
        offer_stands: [Duration::from_secs(1_800), hours(1), hours(2), hours(4)],
        offer_width: [2, 1, 1, 1],
        mobilise_grace: hours(1),
    }
}

/// What the grant was cut into.
pub fn packages() -> Vec<Package> {
    vec![Package {
        id: package_id("r-7f3a-p1"),
        services: services(),
        remote_teams: 1,
        onsite_teams: 1,
        person_days: 60,
        lead: true,
    }]
}

/// Everybody looked at.
pub fn considered() -> Vec<Candidate> {
    let fits = |provider, start_minutes, draw| Candidate {
        provider: provider_id(provider),
        standing: Standing::Fits(Fit { start_minutes, languages_missing: 0, health_gap: 89, load_percent: 25, draw }),
    };
    let dropped = |provider, rule| Candidate { provider: provider_id(provider), standing: Standing::Dropped(rule) };
    vec![
        fits("halden-quay", 360, 2_914_107_661),
        fits("mistral-seven", 480, 17_203_554),
        dropped("nordlys-watch", Rule::MemberState),
        dropped("kiefer-und-wall", Rule::Services),
        dropped("porto-alto", Rule::Language),
        dropped("tatra-shield", Rule::FreeCapacity),
        dropped("lagan-response", Rule::EuControl),
    ]
}
