//! The facts of the four published cases, for tests.

use std::collections::BTreeSet;

use super::{
    assessment::{Assessment, Command, State, Submission},
    events::Policy,
};
use crate::{
    codes::{Country, IncidentType, Language, Nuts, ServiceId, Tlp},
    intake::events::{Emergency, Entity, Facts, Impact, IncidentClass, Needs, Precision, Route, Spillover},
    kernel::{Actor, Aggregate, AuthorityId, HospitalId, PrincipalId, Received, RequestId, Role, SpocId, Timestamp},
    registry::events::{Annex, AuthorityKind, Category, CouncilAct, Size},
};

pub fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

pub fn country(code: &str) -> Country {
    Country::parse(code).unwrap()
}

pub fn services(ids: &[&str]) -> BTreeSet<ServiceId> {
    ids.iter().map(|id| ServiceId::parse(id).unwrap()).collect()
}

fn texts(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|&text| text.to_owned()).collect()
}

/// A command's receipt.
pub fn received(role: Role, name: &str, at: Timestamp) -> Received {
    Received { at, by: Actor { role, principal: PrincipalId::parse(name).unwrap() } }
}

/// A case that waits for its answer.
pub fn assessed(case: &Submission) -> State {
    let mut state = State::default();
    let command = Command::Assess(Box::new(case.clone()));
    for event in Assessment::decide(&state, command, &received(Role::System, "muster", case.submitted_at)).unwrap() {
        Assessment::evolve(&mut state, &event).unwrap();
    }
    state
}

/// FR-2019-ROUEN: granted; significant, not large-scale.
pub fn rouen() -> Submission {
    Submission {
        request: RequestId::parse("rouen").unwrap(),
        hospital: HospitalId::parse("chu-rouen").unwrap(),
        submitted_at: at("2019-11-16T06:00:00Z"),
        route: Route {
            authority: AuthorityId::parse("csirt-fr").unwrap(),
            kind: AuthorityKind::Csirt,
            country: Some(country("FR")),
            spoc: Some(SpocId::parse("spoc-fr").unwrap()),
        },
        facts: Facts {
            incident: "FR-2019-ROUEN".to_owned(),
            detected_at: at("2019-11-15T18:45:00Z"),
            detected_precision: Precision::Minute,
            country: country("FR"),
            nuts: vec![Nuts::parse("FRD22").unwrap()],
            languages: BTreeSet::from([Language::parse("fr").unwrap()]),
            entity: Entity {
                name: "CHU de Rouen".to_owned(),
                kind: "university-hospital".to_owned(),
                annex: Annex::One,
                category: Category::Essential,
                size: Size::Large,
            },
            incident_types: vec![
                IncidentType::parse("information-content-security/unauthorised-information-modification").unwrap(),
                IncidentType::parse("malicious-code/infected-system").unwrap(),
            ],
            class_claimed: IncidentClass::Significant,
            national_capacity_exceeded: false,
            impact: Impact {
                hospitals_affected: Some(5),
                emergency: Emergency::Restricted,
                records_unavailable: Some(true),
                services_restored: Some(false),
                data_breach: Some(false),
                ransom_demanded: Some(false),
            },
            spillover: Spillover::Low,
            affected: BTreeSet::new(),
            needs: Needs {
                services: services(&[
                    "isim.forensics",
                    "isim.mitigation-recovery",
                    "x.directory-recovery",
                    "x.clinical-systems",
                ]),
                remote_teams: 1,
                onsite_teams: 2,
                person_days: 90,
                duration: None,
            },
            measures: texts(&["isolation", "csirt-engaged", "recovery-started", "law-enforcement"]),
            suppliers: BTreeSet::new(),
            tlp: Tlp::Amber,
            exercise: false,
        },
        council_act: None,
        policy: Policy::built_in(),
        live: true,
    }
}

/// A case of another Member State, told as Rouen's.
fn elsewhere(code: &str, request: &str, submitted_at: &str) -> Submission {
    let mut case = rouen();
    case.request = RequestId::parse(request).unwrap();
    case.hospital = HospitalId::parse(&format!("hospital-{request}")).unwrap();
    case.submitted_at = at(submitted_at);
    case.route.authority = AuthorityId::parse(&format!("csirt-{}", code.to_lowercase())).unwrap();
    case.route.country = Some(country(code));
    case.route.spoc = Some(SpocId::parse(&format!("spoc-{}", code.to_lowercase())).unwrap());
    case.facts.country = country(code);
    case.facts.nuts = vec![Nuts::parse(code).unwrap()];
    case
}

/// ES-2023-CLINIC: granted; significant, not large-scale.
pub fn clinic() -> Submission {
    let mut case = elsewhere("ES", "clinic", "2023-03-05T20:00:00Z");
    case.facts.incident = "ES-2023-CLINIC".to_owned();
    case.facts.detected_at = at("2023-03-05T10:17:00Z");
    case.facts.incident_types = ["modification", "access"]
        .map(|kind| {
            IncidentType::parse(&format!("information-content-security/unauthorised-information-{kind}")).unwrap()
        })
        .into();
    case.facts.impact.hospitals_affected = Some(1);
    case.facts.impact.emergency = Emergency::Diverted;
    case.facts.measures =
        texts(&["csirt-engaged", "continuity", "emergency-diversion", "law-enforcement", "recovery-started"]);
    case.facts.needs.services =
        services(&["isim.forensics", "isim.mitigation-recovery", "x.backup-restore", "x.clinical-systems"]);
    case
}

/// NL-2023-UMCG-DDOS: refused; a website nuisance is not a significant incident.
pub fn umcg() -> Submission {
    let mut case = elsewhere("NL", "umcg", "2023-01-30T09:00:00Z");
    case.facts.incident = "NL-2023-UMCG-DDOS".to_owned();
    case.facts.detected_at = at("2023-01-28T13:00:00Z");
    case.facts.detected_precision = Precision::Day;
    case.facts.incident_types = vec![IncidentType::parse("availability/ddos").unwrap()];
    case.facts.impact = Impact {
        hospitals_affected: Some(1),
        emergency: Emergency::Open,
        records_unavailable: Some(false),
        services_restored: Some(true),
        data_breach: Some(false),
        ransom_demanded: Some(false),
    };
    case.facts.affected = BTreeSet::from([country("NL")]);
    case.facts.measures = texts(&["ddos-protection", "csirt-engaged"]);
    case.facts.needs = Needs {
        services: services(&["x.ddos-mitigation"]),
        remote_teams: 1,
        onsite_teams: 0,
        person_days: 10,
        duration: None,
    };
    case
}

/// SK-SYN-NOMEASURES: refused until measures are shown.
pub fn no_measures() -> Submission {
    let mut case = elsewhere("SK", "no-measures", "2026-02-10T10:00:00Z");
    case.facts.incident = "SK-SYN-NOMEASURES".to_owned();
    case.facts.detected_at = at("2026-02-10T07:00:00Z");
    case.facts.detected_precision = Precision::Hour;
    case.facts.entity.kind = "general-hospital".to_owned();
    case.facts.incident_types.truncate(1);
    case.facts.impact.hospitals_affected = Some(1);
    case.facts.impact.emergency = Emergency::Diverted;
    case.facts.impact.ransom_demanded = Some(true);
    case.facts.measures = BTreeSet::new();
    case.facts.needs.services = services(&["isim.forensics", "isim.mitigation-recovery"]);
    case.facts.needs.onsite_teams = 1;
    case.facts.needs.person_days = 40;
    case
}

/// Rouen's case in a third country with access.
pub fn moldova() -> Submission {
    let mut case = elsewhere("MD", "moldova", "2026-02-10T10:00:00Z");
    case.route.kind = AuthorityKind::ThirdCountry;
    case.council_act = Some(CouncilAct {
        country: country("MD"),
        reference: "(EU) 2025/1458".to_owned(),
        from: at("2025-07-18T00:00:00Z"),
        until: at("2026-07-18T00:00:00Z"),
        days_max: Some(75),
    });
    case
}

/// Rouen's case at a Union entity.
pub fn union_entity() -> Submission {
    let mut case = elsewhere("BE", "union", "2026-02-10T10:00:00Z");
    case.route.kind = AuthorityKind::CertEu;
    case.route.country = None;
    case.route.spoc = None;
    case.facts.entity.annex = Annex::None;
    case.facts.entity.category = Category::None;
    case
}
