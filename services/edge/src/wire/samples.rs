//! Values that the tests share, and how they read a refusal.

use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use muster_domain::{
    codes::{Country, IncidentType, Language, Nuts, ServiceId, Tlp},
    eligibility::events::Terms,
    intake::events::{Emergency, Entity, Facts, Impact, IncidentClass, Needs, Precision, Route, Spillover},
    kernel::{AuthorityId, SpocId, Timestamp},
    registry::events::{Annex, AuthorityKind, Category, Size},
};
use muster_runtime::status;
use tonic::Status;

/// The moment so many hours after submission, with a millisecond that must not get lost.
pub(crate) fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(1_573_884_000_001 + hours * 3_600_000)
}

/// What was read, or every wrong field with what is wrong, in the order of the fields' names.
pub(crate) fn told<T>(read: Result<T, Status>) -> Result<T, Vec<(String, String)>> {
    read.map_err(|status| status::explain(&status).fields.into_iter().collect())
}

fn each<T, E: Debug, C: FromIterator<T>>(parse: fn(&str) -> Result<T, E>, texts: &[&str]) -> C {
    texts.iter().map(|text| parse(text).unwrap()).collect()
}

/// A university hospital without its records.
pub(crate) fn facts() -> Facts {
    Facts {
        incident: "fr-2019-rouen".to_owned(),
        detected_at: at(-11),
        detected_precision: Precision::Minute,
        country: Country::parse("FR").unwrap(),
        nuts: each(Nuts::parse, &["FRD22", "FRD21"]),
        languages: each(Language::parse, &["en", "fr"]),
        entity: Entity {
            name: "CHU de Rouen".to_owned(),
            kind: "university-hospital".to_owned(),
            annex: Annex::One,
            category: Category::Essential,
            size: Size::Large,
        },
        incident_types: each(
            IncidentType::parse,
            &["malicious-code/infected-system", "information-content-security/data-loss"],
        ),
        class_claimed: IncidentClass::Significant,
        national_capacity_exceeded: true,
        impact: Impact {
            hospitals_affected: Some(5),
            emergency: Emergency::Restricted,
            records_unavailable: Some(true),
            services_restored: Some(false),
            data_breach: None,
            ransom_demanded: Some(true),
        },
        spillover: Spillover::Low,
        affected: each(Country::parse, &["BE", "FR"]),
        needs: Needs {
            services: services(),
            remote_teams: 1,
            onsite_teams: 2,
            person_days: 90,
            duration: Some(Duration::from_hours(720)),
        },
        measures: ["csirt-engaged", "isolation"].map(str::to_owned).into(),
        suppliers: ["archive-software".to_owned()].into(),
        tlp: Tlp::AmberStrict,
        exercise: true,
    }
}

/// What a hospital declares that knows as little as can be.
pub(crate) fn nothing_known() -> Facts {
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
        national_capacity_exceeded: false,
        exercise: false,
        ..facts()
    }
}

fn services() -> BTreeSet<ServiceId> {
    each(ServiceId::parse, &["isim.forensics", "x.clinical-systems"])
}

/// What is granted to it.
pub(crate) fn terms() -> Terms {
    Terms {
        services: services(),
        remote_teams: 1,
        onsite_teams: 1,
        person_days: 60,
        duration: Duration::from_hours(720),
    }
}

/// How its request came.
pub(crate) fn route() -> Route {
    Route {
        authority: AuthorityId::parse("fr-csirt").unwrap(),
        kind: AuthorityKind::Csirt,
        country: Some(Country::parse("FR").unwrap()),
        spoc: Some(SpocId::parse("fr-spoc").unwrap()),
    }
}
