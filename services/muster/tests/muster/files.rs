//! What files say, and what is said of them when they are wrong. The files under `tests/files` are invented.

use std::{collections::BTreeSet, time::Duration};

use muster::files::{
    BadFile, Register,
    cases::{Case, Cases},
    roster::{Roster, in_force},
};
use muster_api::registry::v1::{Authority, CatalogueEntry, Contract, Hospital, Requirement};
use muster_domain::{
    codes::{Country, Tlp},
    intake::events::{Emergency, Impact, IncidentClass, Precision, Spillover},
    kernel::{HospitalId, Timestamp},
    registry::events::{Annex, Category, Size},
};
use muster_edge::wire::fields::{duration, timestamp};

fn text(name: &str) -> String {
    std::fs::read_to_string(format!("tests/files/{name}")).unwrap()
}

fn case(id: &str) -> Case {
    Cases::read("cases.json", &text("cases.json")).unwrap().case(Some(id)).unwrap()
}

fn at(time: &str) -> Timestamp {
    Timestamp::from_millis(time.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// What is said of a wrong file, a line each, without its first line.
fn said(bad: &BadFile) -> Vec<String> {
    let told = bad.to_string();
    let (first, rest) = told.split_once('\n').unwrap();
    assert_eq!(first, format!("{} cannot be taken:", bad.file));
    rest.lines().map(|line| line.trim().to_owned()).collect()
}

fn said_of_case(file: &str, id: &str) -> Vec<String> {
    said(&Cases::read(file, &text(file)).unwrap().case(Some(id)).unwrap_err())
}

#[test]
fn a_case_says_what_was_known_when_it_was_submitted() {
    let Case { facts, submitted_at, narrative, .. } = case("DE-SYN-HAVEN");
    assert_eq!(submitted_at, at("2024-05-07T05:40:00Z"));
    assert_eq!(narrative, "Harbour hospital without records; ambulances go elsewhere.");
    assert_eq!(facts.incident, "DE-SYN-HAVEN");
    assert_eq!((facts.detected_at, facts.detected_precision), (at("2024-05-06T21:40:00Z"), Precision::Minute));
    assert_eq!((facts.country.as_str(), facts.nuts[0].as_str()), ("DE", "DE600"));
    assert_eq!(facts.languages.iter().map(|l| l.as_str()).collect::<Vec<_>>(), ["de", "en"]);
    assert_eq!((facts.entity.name.as_str(), facts.entity.annex), ("Hafenklinik Süd", Annex::One));
    assert_eq!((facts.entity.category, facts.entity.size), (Category::Essential, Size::Large));
    let types: Vec<_> = facts.incident_types.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(
        types,
        ["information-content-security/unauthorised-information-modification", "malicious-code/infected-system"]
    );
    assert_eq!((facts.class_claimed, facts.national_capacity_exceeded), (IncidentClass::LargeScale, true));
    let impact = Impact {
        // The case's later facts say one hospital, diverted; what was known at the request is this.
        hospitals_affected: Some(2),
        emergency: Emergency::Closed,
        records_unavailable: Some(true),
        services_restored: Some(false),
        data_breach: Some(false),
        ransom_demanded: Some(true),
    };
    assert_eq!(facts.impact, impact);
    let countries = ["DE", "DK"].map(|code| Country::parse(code).unwrap());
    assert_eq!((facts.spillover, facts.affected), (Spillover::Medium, BTreeSet::from(countries)));
    assert_eq!(
        facts.needs.services.iter().map(|s| s.as_str()).collect::<Vec<_>>(),
        ["isim.forensics", "x.backup-restore"]
    );
    assert_eq!((facts.needs.remote_teams, facts.needs.onsite_teams, facts.needs.person_days), (1, 1, 45));
    assert_eq!(facts.measures, BTreeSet::from(["csirt-engaged", "isolation"].map(str::to_owned)));
    assert_eq!((facts.tlp, facts.exercise, facts.needs.duration), (Tlp::Amber, false, None));
}

#[test]
fn what_is_not_said_is_not_known() {
    let facts = case("LT-SYN-SILENT").facts;
    let nothing = Impact {
        hospitals_affected: None,
        emergency: Emergency::Unknown,
        records_unavailable: None,
        services_restored: None,
        data_breach: None,
        ransom_demanded: None,
    };
    assert_eq!(facts.impact, nothing);
    assert_eq!(
        (facts.entity.annex, facts.entity.category, facts.entity.size),
        (Annex::Unknown, Category::Unknown, Size::Unknown)
    );
    assert!(facts.measures.is_empty());
}

#[test]
fn old_codes_are_read_and_the_case_says_who_may_be_told() {
    let facts = case("EL-SYN-ISLE").facts;
    assert_eq!((facts.country.as_str(), facts.nuts[0].as_str()), ("EL", "EL421"));
    assert_eq!(facts.affected, BTreeSet::from([Country::parse("EL").unwrap()]));
    assert_eq!(facts.incident_types[0].as_str(), "information-content-security/unauthorised-information-modification");
    assert_eq!((facts.tlp, facts.exercise), (Tlp::Green, true));
}

#[test]
fn what_nobody_reads_is_listed() {
    let unused = case("BE-SYN-WEBSITE").unused;
    let expected = [
        "title",
        "public_at",
        "place",
        "entity.ownership",
        "entity.sites",
        "entity.beds",
        "entity.staff",
        "entity.nis2_sector",
        "entity.note",
        "incident_class.taxonomy",
        "incident_class.label",
        "incident_class.malware",
        "incident_class.attribution",
        "systems_affected",
        "care_impact",
        "cross_border.actual",
        "cross_border.basis",
        "mitigation_taken",
        "other_support",
        "contracts_and_insurance",
        "services_needed",
        "timeline",
        "request.synthetic",
        "request.user.name",
        "request.user.member_state",
        "request.via_single_point_of_contact",
        "request.request_id",
        "sources",
    ];
    assert_eq!(unused, expected);
}

#[test]
fn a_case_moves_in_time_as_a_whole() {
    let case = case("BE-SYN-WEBSITE");
    let facts = case.facts_at(at("2030-01-02T08:00:00Z"));
    assert_eq!(facts.detected_at, at("2030-01-01T00:00:00Z"));
    assert_eq!(case.facts_at(case.submitted_at), case.facts);
}

#[test]
fn a_hospital_has_an_id_by_its_name_and_a_record_by_its_case() {
    for (id, expected) in [
        ("DE-SYN-HAVEN", Some("hafenklinik-sud")),
        ("BE-SYN-WEBSITE", Some("kliniek-de-linde-invented")),
        ("LT-SYN-SILENT", Some("regiono-ligonine")),
        ("EL-SYN-ISLE", None),
    ] {
        assert_eq!(case(id).hospital_id(), expected.map(|id| HospitalId::parse(id).unwrap()), "{id}");
    }
    let id = HospitalId::parse("linde").unwrap();
    let record = case("BE-SYN-WEBSITE").hospital(id.clone()).unwrap();
    assert_eq!((record.id, record.nuts.as_str(), record.kind.as_str()), (id, "BE10", "clinic"));
}

#[test]
fn a_file_of_one_case_need_not_be_told_which() {
    let cases = Cases::read("cases.json", &text("cases.json")).unwrap();
    assert_eq!(cases.ids(), ["DE-SYN-HAVEN", "EL-SYN-ISLE", "BE-SYN-WEBSITE", "LT-SYN-SILENT"]);
    let list = "DE-SYN-HAVEN, EL-SYN-ISLE, BE-SYN-WEBSITE, LT-SYN-SILENT (the file's schema)";
    assert_eq!(said(&cases.case(None).unwrap_err()), [format!("say which case: it has {list}")]);
    assert_eq!(said(&cases.case(Some("X")).unwrap_err()), [format!("there is no case 'X': it has {list}")]);
    let all: Vec<serde_json::Value> = serde_json::from_str(&text("cases.json")).unwrap();
    let alone = Cases::read("alone.json", &format!("[{}]", all[2])).unwrap();
    assert_eq!(alone.case(None).unwrap().facts, case("BE-SYN-WEBSITE").facts);
}

#[test]
fn a_field_that_the_schema_does_not_have_is_refused_by_its_path() {
    let expected = [
        "[2].entity.beds is an object, and this field has none below it (the file's schema)",
        "[2].care_impact.edd_status is no field of the schema; 'ed_status' is one (the file's schema)",
        "[2].care_impact.colour is no field of the schema (the file's schema)",
        "[2].timeline[0].evnet is no field of the schema; 'event' is one (the file's schema)",
        "[2].patients is no field of the schema; patient data must not be sent: give counts (GDPR \
         Art 9: no patient data)",
    ];
    // Whichever case is asked for: a file that says more than its schema is another kind of file.
    for id in ["LT-SYN-SILENT", "DE-SYN-HAVEN"] {
        assert_eq!(said_of_case("unknown-fields.json", id), expected, "{id}");
    }
}

#[test]
fn what_tells_of_a_patient_is_refused_by_its_place_though_nobody_reads_it() {
    let mut cases: serde_json::Value = serde_json::from_str(&text("cases.json")).unwrap();
    let case = &mut cases[1];
    case["title"] = "Patient name: Erika Muster".into();
    case["entity"]["name"] = "Clinic, DOB 12/03/1961".into();
    case["timeline"][0]["event"] = "all dark\nMRN: 00471123".into();
    case["request"]["update"] = serde_json::json!({ "patients": [{ "patient_name": "Jean", "mrn": 471_123 }] });
    let cases = Cases::read("cases.json", &cases.to_string()).unwrap();
    let expected = [
        ("[1].entity.name", "date of birth"),
        ("[1].request.update.patients[0].mrn", "record number"),
        ("[1].request.update.patients[0].patient_name", "name"),
        ("[1].timeline[0].event", "record number"),
        ("[1].title", "name"),
    ];
    let told = |(field, tells)| format!("{field} tells a patient's {tells}: send counts, not people (GDPR Art 9(1))");
    assert_eq!(said(&cases.case(Some("EL-SYN-ISLE")).unwrap_err()), expected.map(told));
    assert!(cases.case(Some("LT-SYN-SILENT")).is_ok(), "of the other cases nothing is sent");

    let mut roster: serde_json::Value = serde_json::from_str(&text("roster.json")).unwrap();
    roster["providers"][1]["note"] = "references on request; SSN 078-05-1120".into();
    let expected = told(("providers[1].note", "social security number"));
    assert_eq!(said(&Register::read("roster.json", &roster.to_string()).unwrap_err()), [expected]);
}

#[test]
fn all_that_is_wrong_with_a_case_is_told_at_once() {
    let expected = [
        "[0].title is marked RESTREINT UE: send a pointer, not the content (Decisions (EU, Euratom) \
         2019/1961 and 2019/1962)",
        "[0].request.user.kind is 'entity', and an entity is no user of the Reserve: its national CSIRT or crisis \
         authority asks for it (Art 14(3))",
        "[0].request.known_at_request.summary is a number, not a text (the file's schema)",
        "[0].member_state is wrong: 'XX' is not in ISO 3166-1 alpha-2, with EL for Greece (the file's schema)",
        "[0].languages[0] is wrong: 'Dutch' is not in BCP 47 language tags (the file's schema)",
        "[0].cross_border.spillover_risk is wrong: 'huge' is not in spillover risks: none low medium high unknown (the \
         file's schema)",
        "[0].detected_at is wrong: 'yesterday' is no time like 2026-02-10T07:00:00Z (the file's schema)",
        "[0].detected_at_precision is wrong: 'second' is not in time precisions: minute hour day (the file's schema)",
        "[0].incident_class.primary is wrong: 'ransomware' is not in RSIT version 1003 (the file's schema)",
        "[0].request.states_national_capacity_exceeded is missing (the file's schema)",
        "[0].request.known_at_request.hospitals_affected is -1, not a whole number from 0 to 4294967295 \
         (the file's schema)",
        "[0].request.known_at_request.ed_status is wrong: 'shut' is not in emergency department states: open \
         restricted diverted closed not-applicable unknown (the file's schema)",
        "[0].request.known_at_request.ehr_unavailable is a text, not true or false (the file's schema)",
        "[0].request.measures_told[1] is not 1 to 64 of a-z, 0-9 and '-' (Art 15(5)(c))",
        "[0].entity.name is blank (Art 15(5)(a))",
        "[0].cross_border.member_states_affected has CH, which is not a Member State (Art 15(5)(a)(i))",
        "[0].request.requested_services is empty: ask for at least one (Art 15(5)(b))",
        "[0].request.estimated_needs.remote_teams and onsite_teams are 0: ask for at least one (Art 15(5)(b))",
        "[0].request.estimated_needs.person_days is 0: ask for at least one (Art 15(5)(b))",
    ];
    assert_eq!(said_of_case("wrong-cases.json", "NL-SYN-WRONG"), expected);
}

#[test]
fn rules_that_a_case_breaks_are_told_by_their_place_in_the_file() {
    let expected = [
        "[1].request.known_at_request.summary is marked R-UE: send a pointer, not the content (Decisions (EU, Euratom) \
         2019/1961 and 2019/1962)",
        "[1].detected_at is 2026-01-03T00:00:00Z, which is still to come (Art 15(5)(a))",
        "[1].nuts[2] is BE10, which does not lie in NL (Art 15(5)(a))",
        "[1].cross_border.member_states_affected has CH, which is not a Member State (Art 15(5)(a)(i))",
        "[1].request.estimated_needs.remote_teams and onsite_teams are 60 together, more than 50 (house rule: bounded \
         input)",
        "[1].request.estimated_needs.person_days is 9000, more than 5000 (house rule: bounded input)",
    ];
    assert_eq!(said_of_case("wrong-cases.json", "NL-SYN-ELSEWHERE"), expected);
}

#[test]
fn missing_facts_are_told_once_each() {
    let expected = ["request", "member_state", "detected_at", "detected_at_precision", "entity", "incident_class"]
        .map(|field| format!("[2].{field} is missing (the file's schema)"));
    assert_eq!(said_of_case("wrong-cases.json", "NL-SYN-EMPTY"), expected);
}

#[test]
fn what_is_not_json_is_told_by_line_and_column() {
    for (text, says) in [
        ("[\n {\"case_id\": \"A\",}\n]", "it is not JSON: trailing comma at line 2 column 18"),
        (
            "[{\"case_id\": \"A\", \"case_id\": \"B\"}]",
            "it is not JSON: the field 'case_id' stands here twice at line 1 column 27",
        ),
        ("", "it is not JSON: EOF while parsing a value at line 1 column 0"),
        ("{\"cases\": []}", "it holds an object, not a list of cases"),
    ] {
        assert_eq!(said(&Cases::read("f.json", text).unwrap_err()), [format!("{says} (the file's schema)")]);
    }
}

fn roster() -> Roster {
    match Register::read("roster.json", &text("roster.json")).unwrap() {
        Register::Roster(roster) => roster,
        Register::Parties(_) => panic!("a roster was read as parties"),
    }
}

#[test]
fn a_roster_is_the_registrys_own_records() {
    let Roster { services, requirements, providers, unused } = roster();
    let lab = CatalogueEntry {
        service: "x.lab-systems".to_owned(),
        name: "Laboratory systems recovery".to_owned(),
        source: "own extension".to_owned(),
    };
    assert_eq!(services[1], lab);
    let germany = Requirement { member_state: "DE".to_owned(), eu_control: true, ..Requirement::default() };
    let greece = Requirement {
        member_state: "EL".to_owned(),
        certificates_any_of: vec!["an attestation (EL)".to_owned()],
        essential_only: true,
        ..Requirement::default()
    };
    assert_eq!(requirements, [germany, greece]);
    let ids: Vec<_> = providers.iter().map(|provider| provider.provider.as_str()).collect();
    assert_eq!(ids, ["t01", "t02"]);
    assert_eq!((providers[1].established_in.as_str(), providers[1].controlled_from.as_str()), ("EL", "US"));
    let conflict = &providers[0].conflicts[0];
    assert_eq!((conflict.scope.as_str(), conflict.reference.as_str()), ("incident", "DE-SYN-HAVEN"));
    let expected = [
        "kind",
        "disclaimer",
        "national_requirements.note",
        "admissibility_rule",
        "providers[].fictional",
        "providers[].capacity.team_size",
        "providers[].mobilisation.duty_roster",
        "providers[].note",
    ];
    assert_eq!(unused, expected);
}

#[test]
fn a_provider_has_one_contract_in_the_period_that_is_given() {
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let provider = in_force(&roster().providers[0], from, until);
    let hours = |hours| Some(duration(Duration::from_hours(hours)));
    let texts = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
    let contract = Contract {
        contract: "c1".to_owned(),
        from: Some(timestamp(from)),
        until: Some(timestamp(until)),
        services: texts(["isim.forensics", "x.backup-restore"]),
        member_states: texts(["DE", "DK"]),
        teams: 2,
        onsite_teams: 1,
        person_days: 200,
        pre_committed_days: 80,
        remote_start: hours(2),
        onsite_home: hours(6),
        onsite_abroad: hours(12),
    };
    assert_eq!(provider.contracts, [contract]);
}

#[test]
fn a_default_requirement_is_that_of_all_other_member_states() {
    let strict = text("roster.json").replace(
        "\"default\": {\n   \"requires_eu_control\": false",
        "\"default\": {\n   \"requires_eu_control\": true",
    );
    let Register::Roster(roster) = Register::read("roster.json", &strict).unwrap() else { panic!("no roster") };
    assert_eq!(roster.requirements.len(), 27);
    let open: Vec<_> = roster.requirements.iter().filter(|r| !r.eu_control).map(|r| r.member_state.as_str()).collect();
    assert_eq!(open, ["EL"]);
}

#[test]
fn all_that_is_wrong_with_a_roster_is_told_at_once() {
    let expected = [
        "providers[1].langauges is no field of the schema; 'languages' is one (the file's schema)",
        "schema_version is not 1.0, the one that muster reads (the file's schema)",
        "national_requirements.by_member_state.DE.applies_to is wrong: leave it out for all, or write 'essential \
         entities' (the file's schema)",
        "national_requirements.by_member_state.CH is not of a Member State (Art 17(1)(a))",
        "providers[1].provider_id is t01, which stands there twice (the file's schema)",
        "providers[0].established_in is wrong: 'ZZ' is not in ISO 3166-1 alpha-2, with EL for Greece (the \
         file's schema)",
        "providers[0].capacity.concurrent_teams is a text, not a number (the file's schema)",
        "providers[0].conflicts_of_interest[0].effect is wrong: 'ignore' is not in conflict effects: exclude disclose \
         (the file's schema)",
        "providers[1].languages is missing (the file's schema)",
    ];
    assert_eq!(said(&Register::read("wrong-roster.json", &text("wrong-roster.json")).unwrap_err()), expected);
}

#[test]
fn parties_are_read_in_the_registrys_own_words() {
    let Register::Parties(parties) = Register::read("parties.json", &text("parties.json")).unwrap() else {
        panic!("parties were read as a roster")
    };
    let cert_eu = Authority {
        authority: "cert-eu".to_owned(),
        name: "CERT-EU".to_owned(),
        kind: "cert-eu".to_owned(),
        ..Authority::default()
    };
    assert_eq!(parties.authorities[1], cert_eu);
    let isle = Hospital {
        hospital: "isle".to_owned(),
        name: "Isle hospital".to_owned(),
        member_state: "EL".to_owned(),
        nuts: "EL421".to_owned(),
        kind: String::new(),
        annex: "unknown".to_owned(),
        category: "unknown".to_owned(),
        size: "unknown".to_owned(),
    };
    assert_eq!(parties.hospitals[1], isle);
    let wrong = text("parties.json").replace("\"spoc\"", "\"spok\"").replace("\"csirt\"", "\"police\"");
    let expected = [
        "authorities[0].spok is no field of the schema; 'spoc' is one (the file's schema)",
        "authorities[0].kind is wrong: 'police' is not in authority kinds: csirt cyber-crisis-management-authority \
         cert-eu third-country-authority (the file's schema)",
    ];
    assert_eq!(said(&Register::read("parties.json", &wrong).unwrap_err()), expected);
}

#[test]
fn a_file_of_cases_is_no_register() {
    let [says] = said(&Register::read("cases.json", &text("cases.json")).unwrap_err()).try_into().unwrap();
    assert!(says.contains("muster request open --from"), "{says}");
}
