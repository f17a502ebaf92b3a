//! A file of cases: what one of them says as a request for support.
//!
//! A request is judged by what was known when it was made, so only that is read: where, who, what kind of incident,
//! the risk for others, and the case's `request`. What came later is known to the schema and left alone. A case lies
//! in the past; it moves in time as a whole, so that its submission is the realm's now.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use muster_domain::{
    check::Violations,
    codes::{Country, IncidentType, Language, Nuts, ServiceId, Tlp},
    intake::{
        contact::{self, Contact},
        events::{Emergency, Entity, Facts, Impact, IncidentClass, Needs, Precision, Spillover},
        facts::check,
    },
    kernel::{FieldViolation, HospitalId, Timestamp, is_token},
    registry::events::{Annex, AuthorityKind, Category, Hospital, Size},
};

use super::{
    BadFile,
    node::Node,
    parse,
    reading::{At, Reading},
    schema::{
        Shape::{self, Anything, List},
        object,
    },
};

const CASE: Shape = object! {
    read case_id;
    unused title;
    read detected_at;
    read detected_at_precision;
    unused public_at;
    read member_state;
    read nuts;
    unused place;
    read entity: ENTITY;
    read languages;
    read incident_class: INCIDENT;
    unused systems_affected;
    unused care_impact: CARE;
    read cross_border: object! { unused actual; read spillover_risk; read member_states_affected; unused basis; };
    unused personal_data_breach:
        object! { unused status; unused known_at_request; unused persons_affected; unused volume_gb; unused note; };
    unused ransom: object! { unused demanded; unused amount; unused currency; unused paid; unused note; };
    unused mitigation_taken: List(&object! { unused measure; unused detail; });
    unused other_support: List(&object! { unused kind; unused name; unused detail; });
    unused contracts_and_insurance;
    unused services_needed;
    unused timeline: List(&object! { unused at; unused precision; unused event; });
    read request: REQUEST;
    unused sources: List(&object! { unused id; unused title; unused url; unused kind; });
    read tlp;
};

const ENTITY: Shape = object! {
    read name;
    read kind;
    unused ownership;
    unused sites;
    unused beds;
    unused staff;
    read nis2_annex;
    unused nis2_sector;
    read nis2_category;
    read size;
    unused note;
};

const INCIDENT: Shape = object! {
    unused taxonomy;
    read primary;
    read secondary;
    unused label;
    unused malware;
    unused claimed_or_attributed_to;
    unused attribution;
};

const CARE: Shape = object! {
    unused hospitals_affected;
    unused ed_status;
    unused ed_diverted_hours;
    unused ehr_unavailable;
    unused paper_mode;
    unused procedures_postponed: POSTPONED;
    unused appointments_postponed: POSTPONED;
    unused patients_transferred;
    unused urgent_pathways_diverted;
    unused deaths_under_investigation;
    unused days_to_emergency_care_restored;
    unused days_to_near_normal;
    unused note;
};

const POSTPONED: Shape = object! { unused count; unused qualifier; unused period; };

const REQUEST: Shape = object! {
    unused synthetic;
    unused request_id;
    read submitted_at;
    read user: object! { read kind; unused name; unused member_state; };
    unused via_single_point_of_contact;
    read classification_claimed;
    read states_national_capacity_exceeded;
    read requested_services;
    read estimated_needs: object! { read remote_teams; read onsite_teams; read person_days; };
    read known_at_request: KNOWN;
    read measures_told;
    unused update: Anything;
    read exercise: Anything;
    unused date_variants: Anything;
    unused reported_local_time: Anything;
};

const KNOWN: Shape = object! {
    read hospitals_affected;
    read ed_status;
    read ehr_unavailable;
    read services_restored;
    read data_breach_known;
    read ransom_demand_known;
    read summary;
};

/// A file of cases.
#[derive(Clone, Debug)]
pub struct Cases {
    file: String,
    cases: Vec<Node>,
    /// Of each case, what nobody reads.
    unused: Vec<Vec<String>>,
    /// Fields, of whichever case, that the schema does not have.
    wrong: Vec<FieldViolation>,
}

/// A case as a request for support.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What is declared, at the time of the case.
    pub facts: Facts,
    /// When the case was submitted.
    pub submitted_at: Timestamp,
    /// The case in words.
    pub narrative: String,
    /// What stands in the case and is not read.
    pub unused: Vec<String>,
    origins: Origins,
}

impl Cases {
    /// Reads a file; `file` is its name in what is said of it.
    pub fn read(file: &str, text: &str) -> Result<Self, BadFile> {
        let file = file.to_owned();
        let cases = match parse(text) {
            Ok(Node::List(cases)) => cases,
            Ok(node) => return Err(BadFile::whole(file, format!("it holds {}, not a list of cases", node.kind()))),
            Err(wrong) => return Err(BadFile { file, wrong: vec![wrong] }),
        };
        let (mut reading, mut unused) = (Reading::default(), Vec::new());
        for (i, case) in cases.iter().enumerate() {
            reading.object(&At::new(case, format!("[{i}]")));
            unused.push(CASE.check(case, &format!("[{i}]"), &mut reading));
        }
        Ok(Self { file, cases, unused, wrong: reading.into_wrong() })
    }

    /// The cases' ids, in the file's order.
    pub fn ids(&self) -> Vec<&str> {
        let id = |case| match Node::get(case, "case_id") {
            Some(Node::Text(id)) => id.as_str(),
            _ => "(no case_id)",
        };
        self.cases.iter().map(id).collect()
    }

    /// The case of this id; with none, the only one. A field that the schema does not have refuses the whole file.
    pub fn case(&self, id: Option<&str>) -> Result<Case, BadFile> {
        let ids = self.ids();
        let which = match id {
            Some(id) => ids.iter().position(|known| *known == id),
            None => (ids.len() == 1).then_some(0),
        };
        let found = which.and_then(|i| Some((i, self.cases.get(i)?, self.unused.get(i)?)));
        let Some((i, case, unused)) = found else {
            let asked = id.map_or_else(|| "say which case".to_owned(), |id| format!("there is no case '{id}'"));
            let has = if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
            return Err(BadFile::whole(self.file.clone(), format!("{asked}: it has {has}")));
        };
        let (case, wrong) = read_case(&At::new(case, format!("[{i}]")));
        let wrong: Vec<_> = self.wrong.iter().cloned().chain(wrong).collect();
        if wrong.is_empty() {
            Ok(Case { unused: unused.clone(), ..case })
        } else {
            Err(BadFile { file: self.file.clone(), wrong })
        }
    }
}

impl Case {
    /// What is declared when the case is submitted at `now`: all its times move together.
    pub fn facts_at(&self, now: Timestamp) -> Facts {
        let before = self.submitted_at.since(self.facts.detected_at);
        let after = self.facts.detected_at.since(self.submitted_at);
        let millis = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let moved = now.millis().saturating_sub(millis(before)).saturating_add(millis(after));
        Facts { detected_at: Timestamp::from_millis(moved), ..self.facts.clone() }
    }

    /// What is wrong with the case's facts, each told by its place in the file.
    pub fn placed(&self, wrong: Violations) -> Vec<FieldViolation> {
        let placed =
            |wrong: FieldViolation| FieldViolation { field: self.origins.of(&wrong.field).to_owned(), ..wrong };
        wrong.into_fields().into_iter().map(placed).collect()
    }

    /// The hospital's id by its name, if letters of it are left: `CHU de Rouen` is `chu-de-rouen`.
    pub fn hospital_id(&self) -> Option<HospitalId> {
        HospitalId::parse(&slug(&self.facts.entity.name)).ok()
    }

    /// The hospital as the registry records it; `None` if the case does not say in which region it is.
    pub fn hospital(&self, id: HospitalId) -> Option<Hospital> {
        let Entity { name, kind, annex, category, size } = self.facts.entity.clone();
        let nuts = self.facts.nuts.first()?.clone();
        Some(Hospital { id, name, member_state: self.facts.country, nuts, kind, annex, category, size })
    }
}

/// Where each fact came from, so that what is wrong with it is told by its place in the file.
#[derive(Clone, Debug, Default, PartialEq)]
struct Origins(BTreeMap<String, String>);

impl Origins {
    fn note(&mut self, fact: impl Into<String>, at: &At<'_>) {
        self.0.insert(fact.into(), at.path().to_owned());
    }

    /// The place of a fact, or of the nearest thing that it is part of.
    fn of<'a>(&'a self, fact: &'a str) -> &'a str {
        let mut known = fact;
        loop {
            if let Some(path) = self.0.get(known) {
                return path;
            }
            let Some(end) = known.rfind(['.', '[']) else { return fact };
            known = known.get(..end).unwrap_or_default();
        }
    }
}

/// A case, and all that is wrong with it. In the place of what cannot be read stands something that is not wrong, so
/// that the rest is judged all the same.
fn read_case(at: &At<'_>) -> (Case, Vec<FieldViolation>) {
    let (mut reading, mut origins) = (Reading::default(), Origins::default());
    if let Some(node) = at.node() {
        reading.harmless(node, at.path());
    }
    let request = at.field("request");
    reading.object(&request);
    let submitted_at = reading.time(&request.field("submitted_at"));
    read_user(&request.field("user"), &mut reading);
    let narrative = read_narrative(&request.field("known_at_request").field("summary"), &mut reading);
    let facts = read_facts(at, &mut reading, &mut origins);
    let submitted_at = submitted_at.unwrap_or(facts.detected_at);
    // Whether an exercise may be told is the realm's to say, which nobody knows here.
    for FieldViolation { field, rule, says } in check(&facts, submitted_at, false).into_fields() {
        let path = origins.of(&field);
        if !reading.is_wrong(path) {
            reading.wrong(path, rule, says);
        }
    }
    (Case { facts, submitted_at, narrative, unused: Vec::new(), origins }, reading.into_wrong())
}

/// Only four kinds of user may ask; a hospital asks through one of them.
fn read_user(at: &At<'_>, reading: &mut Reading) {
    reading.object(at);
    let kind = at.field("kind");
    if reading.text(&kind).as_deref() == Some("entity") {
        let says =
            "is 'entity', and an entity is no user of the Reserve: its national CSIRT or crisis authority asks for it";
        reading.wrong(kind.path(), "Art 14(3)", says);
    } else if kind.is_there() {
        reading.parsed(&kind, AuthorityKind::parse);
    }
}

fn read_narrative(at: &At<'_>, reading: &mut Reading) -> String {
    let narrative = reading.optional_text(at).unwrap_or_default();
    let contact = Contact { name: "", email: "", phone: "", narrative: &narrative };
    for FieldViolation { rule, says, .. } in contact::check("contact", &contact).into_fields() {
        if !reading.is_wrong(at.path()) {
            reading.wrong(at.path(), rule, says);
        }
    }
    narrative
}

fn read_facts(at: &At<'_>, reading: &mut Reading, origins: &mut Origins) -> Facts {
    let (request, cross_border) = (at.field("request"), at.field("cross_border"));
    for (fact, at) in [
        ("facts.incident", at.field("case_id")),
        ("facts.detected_at", at.field("detected_at")),
        ("facts.entity", at.field("entity")),
        ("facts.entity.name", at.field("entity").field("name")),
        ("facts.entity.kind", at.field("entity").field("kind")),
        ("facts.exercise", request.field("exercise")),
    ] {
        origins.note(fact, &at);
    }
    let country = reading.parsed(&at.field("member_state"), Country::parse);
    let nuts = read_codes(&at.field("nuts"), "facts.nuts", Nuts::parse, reading, origins);
    let affected = cross_border.field("member_states_affected");
    let affected = read_codes(&affected, "facts.affected", Country::parse, reading, origins);
    let languages = read_codes(&at.field("languages"), "facts.languages", Language::parse, reading, origins);
    let spillover = reading.optional(&cross_border.field("spillover_risk"), Spillover::parse);
    let tlp = reading.optional(&at.field("tlp"), Tlp::parse);
    let capacity = request.field("states_national_capacity_exceeded");
    Facts {
        incident: reading.text(&at.field("case_id")).unwrap_or_else(|| UNREADABLE.to_owned()),
        detected_at: reading.time(&at.field("detected_at")).unwrap_or_default(),
        detected_precision: reading
            .parsed(&at.field("detected_at_precision"), Precision::parse)
            .unwrap_or(Precision::Day),
        country: country.unwrap_or_default(),
        // Where the country is not known, nobody can say whether a region lies in it.
        nuts: country.map(|_| nuts).unwrap_or_default(),
        languages: languages.into_iter().collect(),
        entity: read_entity(&at.field("entity"), reading),
        incident_types: read_incident(&at.field("incident_class"), reading, origins),
        class_claimed: reading
            .parsed(&request.field("classification_claimed"), IncidentClass::parse)
            .unwrap_or(IncidentClass::Significant),
        national_capacity_exceeded: reading.flag(&capacity).unwrap_or_default(),
        impact: read_impact(&request.field("known_at_request"), reading),
        spillover: spillover.unwrap_or(Spillover::Unknown),
        affected: affected.into_iter().collect(),
        needs: read_needs(&request, reading, origins),
        measures: read_measures(&request.field("measures_told"), reading),
        suppliers: BTreeSet::new(),
        tlp: tlp.unwrap_or(Tlp::Amber),
        exercise: is_exercise(&request.field("exercise")),
    }
}

/// Stands for a text that cannot be read.
const UNREADABLE: &str = "unreadable";

/// The codes of a list that may be missing, each noted with its place.
fn read_codes<T, E: Display>(
    at: &At<'_>,
    fact: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    reading: &mut Reading,
    origins: &mut Origins,
) -> Vec<T> {
    origins.note(fact, at);
    let mut codes = Vec::new();
    for entry in reading.optional_list(at) {
        if let Some(code) = reading.parsed(&entry, &parse) {
            origins.note(format!("{fact}[{}]", codes.len()), &entry);
            codes.push(code);
        }
    }
    codes
}

fn read_entity(at: &At<'_>, reading: &mut Reading) -> Entity {
    reading.object(at);
    Entity {
        name: reading.text(&at.field("name")).unwrap_or_else(|| UNREADABLE.to_owned()),
        kind: reading.optional_text(&at.field("kind")).unwrap_or_default(),
        annex: reading.optional(&at.field("nis2_annex"), Annex::parse).unwrap_or(Annex::Unknown),
        category: reading.optional(&at.field("nis2_category"), Category::parse).unwrap_or(Category::Unknown),
        size: reading.optional(&at.field("size"), Size::parse).unwrap_or(Size::Unknown),
    }
}

/// What happened, the main type first.
fn read_incident(at: &At<'_>, reading: &mut Reading, origins: &mut Origins) -> Vec<IncidentType> {
    reading.object(at);
    origins.note("facts.incident_types", at);
    let primary = reading.parsed(&at.field("primary"), IncidentType::parse);
    let secondary = at.field("secondary");
    let secondary = read_codes(&secondary, "secondary", IncidentType::parse, reading, &mut Origins::default());
    primary.into_iter().chain(secondary).collect()
}

/// What is not said is not known yet.
fn read_impact(at: &At<'_>, reading: &mut Reading) -> Impact {
    if at.is_there() {
        reading.object(at);
    }
    Impact {
        hospitals_affected: reading.optional_number(&at.field("hospitals_affected")),
        emergency: reading.optional(&at.field("ed_status"), Emergency::parse).unwrap_or(Emergency::Unknown),
        records_unavailable: reading.optional_flag(&at.field("ehr_unavailable")),
        services_restored: reading.optional_flag(&at.field("services_restored")),
        data_breach: reading.optional_flag(&at.field("data_breach_known")),
        ransom_demanded: reading.optional_flag(&at.field("ransom_demand_known")),
    }
}

fn read_needs(request: &At<'_>, reading: &mut Reading, origins: &mut Origins) -> Needs {
    let needs = request.field("estimated_needs");
    reading.object(&needs);
    let services = request.field("requested_services");
    if !services.is_there() {
        reading.list(&services);
    }
    let services = read_codes(&services, "facts.needs.services", ServiceId::parse, reading, origins);
    let mut number = |name: &str| {
        origins.note(format!("facts.needs.{name}"), &needs.field(name));
        reading.number(&needs.field(name)).unwrap_or(1)
    };
    Needs {
        services: services.into_iter().collect(),
        remote_teams: number("remote_teams"),
        onsite_teams: number("onsite_teams"),
        person_days: number("person_days"),
        duration: None,
    }
}

/// A set has an order of its own, so each measure is looked at here, where its place is known.
fn read_measures(at: &At<'_>, reading: &mut Reading) -> BTreeSet<String> {
    let mut measures = BTreeSet::new();
    for entry in reading.list(at) {
        let Some(measure) = reading.text(&entry) else { continue };
        if is_token(&measure) {
            measures.insert(measure);
        } else {
            reading.wrong(entry.path(), "Art 15(5)(c)", "is not 1 to 64 of a-z, 0-9 and '-'");
        }
    }
    measures
}

/// The schema does not say how an exercise is told: whatever stands there but no and nothing tells one.
fn is_exercise(at: &At<'_>) -> bool {
    at.node().is_some_and(|node| *node != Node::Flag(false))
}

/// A name as an id: small letters without accents, digits, and hyphens for all else.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.to_lowercase().chars() {
        match LETTERS.iter().find(|(accented, _)| accented.contains(letter)) {
            Some((_, plain)) => slug.push_str(plain),
            None if letter.is_ascii_alphanumeric() => slug.push(letter),
            None if slug.is_empty() || slug.ends_with('-') => {}
            None => slug.push('-'),
        }
    }
    slug.truncate(64);
    slug.trim_end_matches('-').to_owned()
}

/// Latin letters that are not ASCII, and what is written where there is nothing else.
const LETTERS: [(&str, &str); 19] = [
    ("àáâãäåāăą", "a"),
    ("çćč", "c"),
    ("ďđð", "d"),
    ("èéêëēėęě", "e"),
    ("ģğ", "g"),
    ("ħ", "h"),
    ("ìíîïīįı", "i"),
    ("ķ", "k"),
    ("ĺľļł", "l"),
    ("ñńňņ", "n"),
    ("òóôõöøőō", "o"),
    ("ŕř", "r"),
    ("śšşș", "s"),
    ("ťțţ", "t"),
    ("ùúûüůűūų", "u"),
    ("ýÿ", "y"),
    ("žźż", "z"),
    ("æ", "ae"),
    ("œ", "oe"),
];
