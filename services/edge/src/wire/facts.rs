//! What a user declares. Whether it is complete and possible is the domain's to say; here every code is read by its list.

use muster_api::r#type::v1;
use muster_domain::{
    codes::{Country, IncidentType, Language, Nuts, ServiceId, Tlp},
    intake::events::{Emergency, Entity, Facts, Impact, IncidentClass, Needs, Precision, Spillover},
    registry::events::{Annex, Category, Size},
};

use super::{
    fields::{Fields, duration, timestamp},
    texts,
};

/// What a user declares, on the wire.
pub fn facts(facts: &Facts) -> v1::Facts {
    v1::Facts {
        incident: facts.incident.clone(),
        detected_at: Some(timestamp(facts.detected_at)),
        detected_precision: facts.detected_precision.to_string(),
        country: facts.country.to_string(),
        nuts: texts(&facts.nuts),
        languages: texts(&facts.languages),
        entity: Some(entity(&facts.entity)),
        incident_types: texts(&facts.incident_types),
        class_claimed: facts.class_claimed.to_string(),
        national_capacity_exceeded: facts.national_capacity_exceeded,
        impact: Some(impact(&facts.impact)),
        spillover: facts.spillover.to_string(),
        affected: texts(&facts.affected),
        needs: Some(needs(&facts.needs)),
        measures: texts(&facts.measures),
        suppliers: texts(&facts.suppliers),
        tlp: facts.tlp.to_string(),
        exercise: facts.exercise,
    }
}

/// The entity affected, on the wire.
pub fn entity(entity: &Entity) -> v1::Entity {
    v1::Entity {
        name: entity.name.clone(),
        kind: entity.kind.clone(),
        annex: entity.annex.to_string(),
        category: entity.category.to_string(),
        size: entity.size.to_string(),
    }
}

/// What is known of the harm, on the wire.
pub fn impact(impact: &Impact) -> v1::Impact {
    v1::Impact {
        hospitals_affected: impact.hospitals_affected,
        emergency: impact.emergency.to_string(),
        records_unavailable: impact.records_unavailable,
        services_restored: impact.services_restored,
        data_breach: impact.data_breach,
        ransom_demanded: impact.ransom_demanded,
    }
}

/// What is asked for, on the wire.
pub fn needs(needs: &Needs) -> v1::Needs {
    v1::Needs {
        services: texts(&needs.services),
        remote_teams: needs.remote_teams,
        onsite_teams: needs.onsite_teams,
        person_days: needs.person_days,
        duration: needs.duration.map(duration),
    }
}

/// Reads what a user declares in the field `at`; `None` if something in it cannot be read, which `fields` then tells.
pub fn read_facts(fields: &mut Fields, at: &str, facts: Option<v1::Facts>) -> Option<Facts> {
    let facts = fields.needed(at, facts)?;
    let field = |name: &str| format!("{at}.{name}");
    let detected_at = fields.time(field("detected_at"), facts.detected_at);
    let detected_precision = fields.parsed(field("detected_precision"), &facts.detected_precision, Precision::parse);
    let country = fields.parsed(field("country"), &facts.country, Country::parse);
    let nuts = fields.each(&field("nuts"), &facts.nuts, Nuts::parse);
    let languages = fields.each(&field("languages"), &facts.languages, Language::parse);
    let entity = read_entity(fields, &field("entity"), facts.entity);
    let incident_types = fields.each(&field("incident_types"), &facts.incident_types, IncidentType::parse);
    let class_claimed = fields.parsed(field("class_claimed"), &facts.class_claimed, IncidentClass::parse);
    let impact = read_impact(fields, &field("impact"), facts.impact);
    let spillover = fields.parsed(field("spillover"), &facts.spillover, Spillover::parse);
    let affected = fields.each(&field("affected"), &facts.affected, Country::parse);
    let needs = read_needs(fields, &field("needs"), facts.needs);
    let tlp = fields.parsed(field("tlp"), &facts.tlp, Tlp::parse);
    Some(Facts {
        incident: facts.incident,
        detected_at: detected_at?,
        detected_precision: detected_precision?,
        country: country?,
        nuts,
        languages,
        entity: entity?,
        incident_types,
        class_claimed: class_claimed?,
        national_capacity_exceeded: facts.national_capacity_exceeded,
        impact: impact?,
        spillover: spillover?,
        affected,
        needs: needs?,
        measures: facts.measures.into_iter().collect(),
        suppliers: facts.suppliers.into_iter().collect(),
        tlp: tlp?,
        exercise: facts.exercise,
    })
}

fn read_entity(fields: &mut Fields, at: &str, entity: Option<v1::Entity>) -> Option<Entity> {
    let v1::Entity { name, kind, annex, category, size } = fields.needed(at, entity)?;
    let annex = fields.parsed(format_args!("{at}.annex"), &annex, Annex::parse);
    let category = fields.parsed(format_args!("{at}.category"), &category, Category::parse);
    let size = fields.parsed(format_args!("{at}.size"), &size, Size::parse);
    Some(Entity { name, kind, annex: annex?, category: category?, size: size? })
}

fn read_impact(fields: &mut Fields, at: &str, impact: Option<v1::Impact>) -> Option<Impact> {
    let v1::Impact {
        hospitals_affected,
        emergency,
        records_unavailable,
        services_restored,
        data_breach,
        ransom_demanded,
    } = fields.needed(at, impact)?;
    let emergency = fields.parsed(format_args!("{at}.emergency"), &emergency, Emergency::parse)?;
    Some(Impact { hospitals_affected, emergency, records_unavailable, services_restored, data_breach, ransom_demanded })
}

fn read_needs(fields: &mut Fields, at: &str, needs: Option<v1::Needs>) -> Option<Needs> {
    let v1::Needs { services, remote_teams, onsite_teams, person_days, duration } = fields.needed(at, needs)?;
    let services = fields.each(&format!("{at}.services"), &services, ServiceId::parse);
    let duration = duration.map(|duration| fields.duration(format_args!("{at}.duration"), duration));
    // A duration that is there and cannot be read is not one that is left out.
    let duration = match duration {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Needs { services, remote_teams, onsite_teams, person_days, duration })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wire::samples;

    /// What is read, and all that is wrong: field and words.
    fn read(message: v1::Facts) -> Result<Facts, Vec<(String, String)>> {
        let mut fields = Fields::default();
        let read = read_facts(&mut fields, "facts", Some(message));
        samples::told(fields.done(read))
    }

    #[test]
    fn facts_go_there_and_back() {
        for declared in [samples::facts(), samples::nothing_known()] {
            assert_eq!(read(facts(&declared)), Ok(declared));
        }
    }

    #[test]
    fn doubles_of_a_set_are_one_and_a_list_keeps_its_order() {
        let mut message = facts(&samples::facts());
        let types = message.incident_types.clone();
        message.languages = ["fr", "en", "fr"].map(str::to_owned).to_vec();
        message.needs.as_mut().unwrap().services.extend(["isim.forensics".to_owned(), "isim.forensics".to_owned()]);
        let read = read(message).unwrap();
        assert_eq!(texts(&read.languages), ["en", "fr"]);
        assert_eq!(read.needs.services, samples::facts().needs.services);
        assert_eq!(texts(&read.incident_types), types);
    }

    #[test]
    fn greece_may_be_written_gr() {
        let message = v1::Facts {
            country: "GR".to_owned(),
            nuts: vec!["GR300".to_owned()],
            affected: vec!["GR".to_owned(), "EL".to_owned()],
            ..facts(&samples::facts())
        };
        let told = facts(&read(message).unwrap());
        assert_eq!(
            (told.country.as_str(), told.nuts, told.affected),
            ("EL", vec!["EL300".to_owned()], vec!["EL".to_owned()])
        );
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let wrong = |text: &str| text.to_owned();
        let message = v1::Facts {
            incident: String::new(),
            detected_at: None,
            detected_precision: wrong("second"),
            country: wrong("fr"),
            nuts: vec![wrong("FRD22"), wrong("Normandie")],
            languages: vec![wrong("French"), wrong("")],
            entity: Some(v1::Entity { annex: wrong("III"), category: wrong("vital"), ..v1::Entity::default() }),
            incident_types: vec![wrong("bad-luck")],
            class_claimed: wrong("huge"),
            impact: Some(v1::Impact { emergency: wrong("full"), ..v1::Impact::default() }),
            spillover: wrong("some"),
            affected: vec![wrong("Belgium")],
            needs: Some(v1::Needs {
                services: vec![wrong("forensics")],
                duration: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
                ..v1::Needs::default()
            }),
            tlp: wrong("TLP:WHITE"),
            ..v1::Facts::default()
        };
        let told = read(message).unwrap_err();
        let said = |field: &str| told.iter().find(|(at, _)| at == field).map(|(_, says)| says.as_str());
        let fields = [
            "detected_at",
            "detected_precision",
            "country",
            "nuts[1]",
            "languages[0]",
            "languages[1]",
            "entity.annex",
            "entity.category",
            "entity.size",
            "incident_types[0]",
            "class_claimed",
            "impact.emergency",
            "spillover",
            "affected[0]",
            "needs.services[0]",
            "needs.duration",
            "tlp",
        ];
        for field in fields {
            assert!(said(&format!("facts.{field}")).is_some(), "{field}: {told:#?}");
        }
        assert_eq!(told.len(), fields.len(), "{told:#?}");
        for missing in ["facts.detected_at", "facts.languages[1]", "facts.entity.size"] {
            assert!(said(missing).unwrap().starts_with("is missing"), "{told:#?}");
        }
        assert!(said("facts.country").unwrap().contains("'fr' is not in ISO 3166-1"), "{told:#?}");
    }

    #[test]
    fn what_is_left_out_is_missing() {
        let message = v1::Facts { entity: None, impact: None, needs: None, ..facts(&samples::facts()) };
        let fields: Vec<_> = read(message).unwrap_err().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["facts.entity", "facts.impact", "facts.needs"]);
        let mut fields = Fields::default();
        assert_eq!(read_facts(&mut fields, "facts", None), None);
        let told = samples::told(fields.done::<Facts>(None)).unwrap_err();
        assert_eq!(told.first().map(|(field, _)| field.as_str()), Some("facts"));
    }

    #[test]
    fn no_duration_is_left_to_the_policy() {
        let mut declared = samples::facts();
        declared.needs.duration = None;
        assert_eq!(read(facts(&declared)).unwrap().needs.duration, None);
        declared.needs.duration = Some(Duration::from_millis(1_001));
        assert_eq!(read(facts(&declared)).unwrap().needs.duration, Some(Duration::from_millis(1_001)));
    }
}
