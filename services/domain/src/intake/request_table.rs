//! Every answer of a request: what was asked, by whom, in which situation, and what came of it.

use std::collections::BTreeSet;

use crate::{
    intake::{
        events::{CloseReason, Facts, RequestEvent, ReturnReason, SummaryReport},
        phase::Phase,
        rejection::Rejection,
        request::{Command, Request},
    },
    kernel::{Aggregate, Received, Refusal, Role},
    registry::events::{Authority, AuthorityKind, Mandate},
    testing::{actor, assert_plain, at, cert_eu, csirt, facts, id},
};

/// Before submission.
const AT_HOME: &str = "opened returned endorsed";
/// After submission, not yet closed.
const AWAY: &str = "submitted withdrawn ended";
/// After the last event.
const CLOSED: &str = "national abandoned refused unserved reported";

/// What is asked and by whom, in which situations, and what comes of it: events joined by `+`, `-` for nothing new,
/// or `!` and the rejection. The French CSIRT is who returned, endorsed and submitted.
#[rustfmt::skip]
const TABLE: &[(&str, &str, &str)] = &[
    ("open, as before",                   "absent",                      "Opened"),
    ("open, as before",                   AT_HOME,                       "-"),
    ("open, as before",                   AWAY,                          "-"),
    ("open, as before",                   CLOSED,                        "-"),
    ("open, other facts",                 "absent",                      "Opened"),
    ("open, other facts",                 AT_HOME,                       "!AlreadyOpened"),
    ("open, other facts",                 AWAY,                          "!AlreadyOpened"),
    ("open, other facts",                 CLOSED,                        "!AlreadyOpened"),
    ("open, other hospital",              "absent",                      "Opened"),
    ("open, other hospital",              AT_HOME,                       "!AlreadyOpened"),
    ("open, other hospital",              AWAY,                          "!AlreadyOpened"),
    ("open, other hospital",              CLOSED,                        "!AlreadyOpened"),
    ("open, other contact",               "absent",                      "Opened"),
    ("open, other contact",               AT_HOME,                       "!AlreadyOpened"),
    ("open, other contact",               AWAY,                          "!AlreadyOpened"),
    ("open, other contact",               CLOSED,                        "!AlreadyOpened"),
    ("open, wrong facts",                 "absent",                      "!Facts"),
    ("open, wrong facts",                 AT_HOME,                       "!AlreadyOpened"),
    ("open, wrong facts",                 AWAY,                          "!AlreadyOpened"),
    ("open, wrong facts",                 CLOSED,                        "!AlreadyOpened"),

    ("amend, as before",                  "absent",                      "!NotFound"),
    ("amend, as before",                  "opened endorsed",             "-"),
    ("amend, as before",                  "returned",                    "Amended"),
    ("amend, as before",                  AWAY,                          "!AmendAfterSubmit"),
    ("amend, as before",                  CLOSED,                        "!Closed"),
    ("amend, other facts",                "absent",                      "!NotFound"),
    ("amend, other facts",                AT_HOME,                       "Amended"),
    ("amend, other facts",                AWAY,                          "!AmendAfterSubmit"),
    ("amend, other facts",                CLOSED,                        "!Closed"),
    ("amend, wrong facts",                "absent",                      "!NotFound"),
    ("amend, wrong facts",                AT_HOME,                       "!Facts"),
    ("amend, wrong facts",                AWAY,                          "!AmendAfterSubmit"),
    ("amend, wrong facts",                CLOSED,                        "!Closed"),

    ("link",                              "absent",                      "!NotFound"),
    ("link",                              AT_HOME,                       "Linked"),
    ("link",                              AWAY,                          "Linked"),
    ("link",                              CLOSED,                        "!Closed"),

    ("endorse, French CSIRT",             "absent",                      "!NotFound"),
    ("endorse, French CSIRT",             "opened returned",             "Endorsed"),
    ("endorse, French CSIRT",             "endorsed submitted",          "-"),
    ("endorse, French CSIRT",             "withdrawn",                   "!Withdrawn"),
    ("endorse, French CSIRT",             "ended",                       "!SupportEnded"),
    ("endorse, French CSIRT",             CLOSED,                        "!Closed"),
    ("endorse, French crisis authority",  "absent",                      "!NotFound"),
    ("endorse, French crisis authority",  "opened returned",             "Endorsed"),
    ("endorse, French crisis authority",  "endorsed submitted",          "!EndorsedByAnother"),
    ("endorse, French crisis authority",  "withdrawn",                   "!Withdrawn"),
    ("endorse, French crisis authority",  "ended",                       "!SupportEnded"),
    ("endorse, French crisis authority",  CLOSED,                        "!Closed"),
    ("endorse, Belgian CSIRT",            "absent",                      "!NotFound"),
    ("endorse, Belgian CSIRT",            AT_HOME,                       "!OutsideRemit"),
    ("endorse, Belgian CSIRT",            AWAY,                          "!OutsideRemit"),
    ("endorse, Belgian CSIRT",            CLOSED,                        "!OutsideRemit"),
    ("endorse, CERT-EU",                  "absent",                      "!NotFound"),
    ("endorse, CERT-EU",                  "opened returned",             "Endorsed"),
    ("endorse, CERT-EU",                  "endorsed submitted",          "!EndorsedByAnother"),
    ("endorse, CERT-EU",                  "withdrawn",                   "!Withdrawn"),
    ("endorse, CERT-EU",                  "ended",                       "!SupportEnded"),
    ("endorse, CERT-EU",                  CLOSED,                        "!Closed"),
    ("endorse, Muster by itself",         "absent",                      "!NotFound"),
    ("endorse, Muster by itself",         "opened returned",             "!NoMandate"),
    ("endorse, Muster by itself",         "endorsed submitted",          "-"),
    ("endorse, Muster by itself",         "withdrawn",                   "!Withdrawn"),
    ("endorse, Muster by itself",         "ended",                       "!SupportEnded"),
    ("endorse, Muster by itself",         CLOSED,                        "!Closed"),
    ("endorse, Muster by mandate",        "absent",                      "!NotFound"),
    ("endorse, Muster by mandate",        "opened returned",             "Endorsed"),
    ("endorse, Muster by mandate",        "endorsed submitted",          "-"),
    ("endorse, Muster by mandate",        "withdrawn",                   "!Withdrawn"),
    ("endorse, Muster by mandate",        "ended",                       "!SupportEnded"),
    ("endorse, Muster by mandate",        CLOSED,                        "!Closed"),
    ("endorse, by another's mandate",     "absent",                      "!NotFound"),
    ("endorse, by another's mandate",     "opened returned",             "!NotMandated"),
    ("endorse, by another's mandate",     "endorsed submitted",          "-"),
    ("endorse, by another's mandate",     "withdrawn",                   "!Withdrawn"),
    ("endorse, by another's mandate",     "ended",                       "!SupportEnded"),
    ("endorse, by another's mandate",     CLOSED,                        "!Closed"),

    ("return, French CSIRT",              "absent",                      "!NotFound"),
    ("return, French CSIRT",              "opened endorsed",             "Returned"),
    ("return, French CSIRT",              "returned",                    "-"),
    ("return, French CSIRT",              "submitted",                   "!AlreadySubmitted"),
    ("return, French CSIRT",              "withdrawn",                   "!Withdrawn"),
    ("return, French CSIRT",              "ended",                       "!SupportEnded"),
    ("return, French CSIRT",              CLOSED,                        "!Closed"),
    ("return, other reason",              "absent",                      "!NotFound"),
    ("return, other reason",              "opened endorsed",             "Returned"),
    ("return, other reason",              "returned",                    "!AlreadyReturned"),
    ("return, other reason",              "submitted",                   "!AlreadySubmitted"),
    ("return, other reason",              "withdrawn",                   "!Withdrawn"),
    ("return, other reason",              "ended",                       "!SupportEnded"),
    ("return, other reason",              CLOSED,                        "!Closed"),
    ("return, without words",             "absent",                      "!NotFound"),
    ("return, without words",             "opened endorsed",             "!Fields"),
    ("return, without words",             "returned",                    "!AlreadyReturned"),
    ("return, without words",             "submitted",                   "!AlreadySubmitted"),
    ("return, without words",             "withdrawn",                   "!Withdrawn"),
    ("return, without words",             "ended",                       "!SupportEnded"),
    ("return, without words",             CLOSED,                        "!Closed"),
    ("return, French crisis authority",   "absent",                      "!NotFound"),
    ("return, French crisis authority",   "opened",                      "Returned"),
    ("return, French crisis authority",   "returned",                    "!AlreadyReturned"),
    ("return, French crisis authority",   "endorsed",                    "!EndorsedByAnother"),
    ("return, French crisis authority",   "submitted",                   "!AlreadySubmitted"),
    ("return, French crisis authority",   "withdrawn",                   "!Withdrawn"),
    ("return, French crisis authority",   "ended",                       "!SupportEnded"),
    ("return, French crisis authority",   CLOSED,                        "!Closed"),
    ("return, Belgian CSIRT",             "absent",                      "!NotFound"),
    ("return, Belgian CSIRT",             AT_HOME,                       "!OutsideRemit"),
    ("return, Belgian CSIRT",             AWAY,                          "!OutsideRemit"),
    ("return, Belgian CSIRT",             CLOSED,                        "!OutsideRemit"),

    ("handle, French CSIRT",              "absent",                      "!NotFound"),
    ("handle, French CSIRT",              AT_HOME,                       "HandledNationally+Closed"),
    ("handle, French CSIRT",              "submitted",                   "!AlreadySubmitted"),
    ("handle, French CSIRT",              "withdrawn",                   "!Withdrawn"),
    ("handle, French CSIRT",              "ended",                       "!SupportEnded"),
    ("handle, French CSIRT",              "national",                    "-"),
    ("handle, French CSIRT",              "abandoned refused unserved reported",  "!Closed"),
    ("handle, without words",             "absent",                      "!NotFound"),
    ("handle, without words",             AT_HOME,                       "!Fields"),
    ("handle, without words",             "submitted",                   "!AlreadySubmitted"),
    ("handle, without words",             "withdrawn",                   "!Withdrawn"),
    ("handle, without words",             "ended",                       "!SupportEnded"),
    ("handle, without words",             CLOSED,                        "!Closed"),
    ("handle, French crisis authority",   "absent",                      "!NotFound"),
    ("handle, French crisis authority",   "opened returned",             "HandledNationally+Closed"),
    ("handle, French crisis authority",   "endorsed",                    "!EndorsedByAnother"),
    ("handle, French crisis authority",   "submitted",                   "!AlreadySubmitted"),
    ("handle, French crisis authority",   "withdrawn",                   "!Withdrawn"),
    ("handle, French crisis authority",   "ended",                       "!SupportEnded"),
    ("handle, French crisis authority",   CLOSED,                        "!Closed"),
    ("handle, Belgian CSIRT",             "absent",                      "!NotFound"),
    ("handle, Belgian CSIRT",             AT_HOME,                       "!OutsideRemit"),
    ("handle, Belgian CSIRT",             AWAY,                          "!OutsideRemit"),
    ("handle, Belgian CSIRT",             CLOSED,                        "!OutsideRemit"),

    ("submit, French CSIRT by its SPOC",  "absent",                      "!NotFound"),
    ("submit, French CSIRT by its SPOC",  "opened returned",             "!NotEndorsed"),
    ("submit, French CSIRT by its SPOC",  "endorsed",                    "Submitted"),
    ("submit, French CSIRT by its SPOC",  "submitted",                   "-"),
    ("submit, French CSIRT by its SPOC",  "withdrawn",                   "!Withdrawn"),
    ("submit, French CSIRT by its SPOC",  "ended",                       "!SupportEnded"),
    ("submit, French CSIRT by its SPOC",  CLOSED,                        "!Closed"),
    ("submit, French CSIRT by another",   "absent",                      "!NotFound"),
    ("submit, French CSIRT by another",   AT_HOME,                       "!OtherSpoc"),
    ("submit, French CSIRT by another",   AWAY,                          "!OtherSpoc"),
    ("submit, French CSIRT by another",   CLOSED,                        "!OtherSpoc"),
    ("submit, French CSIRT by itself",    "absent",                      "!NotFound"),
    ("submit, French CSIRT by itself",    AT_HOME,                       "!OtherSpoc"),
    ("submit, French CSIRT by itself",    AWAY,                          "!OtherSpoc"),
    ("submit, French CSIRT by itself",    CLOSED,                        "!OtherSpoc"),
    ("submit, French crisis authority",   "absent",                      "!NotFound"),
    ("submit, French crisis authority",   "opened returned",             "!NotEndorsed"),
    ("submit, French crisis authority",   "endorsed",                    "!EndorsedByAnother"),
    ("submit, French crisis authority",   "submitted",                   "!AlreadySubmitted"),
    ("submit, French crisis authority",   "withdrawn",                   "!Withdrawn"),
    ("submit, French crisis authority",   "ended",                       "!SupportEnded"),
    ("submit, French crisis authority",   CLOSED,                        "!Closed"),
    ("submit, Belgian CSIRT",             "absent",                      "!NotFound"),
    ("submit, Belgian CSIRT",             AT_HOME,                       "!OutsideRemit"),
    ("submit, Belgian CSIRT",             AWAY,                          "!OutsideRemit"),
    ("submit, Belgian CSIRT",             CLOSED,                        "!OutsideRemit"),
    ("submit, CERT-EU by itself",         "absent",                      "!NotFound"),
    ("submit, CERT-EU by itself",         "opened returned",             "!NotEndorsed"),
    ("submit, CERT-EU by itself",         "endorsed",                    "!EndorsedByAnother"),
    ("submit, CERT-EU by itself",         "submitted",                   "!AlreadySubmitted"),
    ("submit, CERT-EU by itself",         "withdrawn",                   "!Withdrawn"),
    ("submit, CERT-EU by itself",         "ended",                       "!SupportEnded"),
    ("submit, CERT-EU by itself",         CLOSED,                        "!Closed"),
    ("submit, CERT-EU by a SPOC",         "absent",                      "!NotFound"),
    ("submit, CERT-EU by a SPOC",         AT_HOME,                       "!SubmitsItself"),
    ("submit, CERT-EU by a SPOC",         AWAY,                          "!SubmitsItself"),
    ("submit, CERT-EU by a SPOC",         CLOSED,                        "!SubmitsItself"),
    ("submit, Muster by itself",          "absent",                      "!NotFound"),
    ("submit, Muster by itself",          "opened returned",             "!NotEndorsed"),
    ("submit, Muster by itself",          "endorsed",                    "!NoMandate"),
    ("submit, Muster by itself",          "submitted",                   "-"),
    ("submit, Muster by itself",          "withdrawn",                   "!Withdrawn"),
    ("submit, Muster by itself",          "ended",                       "!SupportEnded"),
    ("submit, Muster by itself",          CLOSED,                        "!Closed"),
    ("submit, Muster by mandate",         "absent",                      "!NotFound"),
    ("submit, Muster by mandate",         "opened returned",             "!NotEndorsed"),
    ("submit, Muster by mandate",         "endorsed",                    "Submitted"),
    ("submit, Muster by mandate",         "submitted",                   "-"),
    ("submit, Muster by mandate",         "withdrawn",                   "!Withdrawn"),
    ("submit, Muster by mandate",         "ended",                       "!SupportEnded"),
    ("submit, Muster by mandate",         CLOSED,                        "!Closed"),

    ("withdraw, hospital",                "absent",                      "!NotFound"),
    ("withdraw, hospital",                AT_HOME,                       "Withdrawn+Closed"),
    ("withdraw, hospital",                "submitted",                   "!UserWithdraws"),
    ("withdraw, hospital",                "withdrawn abandoned",         "-"),
    ("withdraw, hospital",                "ended",                       "!SupportEnded"),
    ("withdraw, hospital",                "national refused unserved reported",   "!Closed"),
    ("withdraw, authority",               "absent",                      "!NotFound"),
    ("withdraw, authority",               AT_HOME,                       "Withdrawn+Closed"),
    ("withdraw, authority",               "submitted",                   "Withdrawn"),
    ("withdraw, authority",               "withdrawn abandoned",         "-"),
    ("withdraw, authority",               "ended",                       "!SupportEnded"),
    ("withdraw, authority",               "national refused unserved reported",   "!Closed"),
    ("withdraw, other reason",            "absent",                      "!NotFound"),
    ("withdraw, other reason",            AT_HOME,                       "Withdrawn+Closed"),
    ("withdraw, other reason",            "submitted",                   "Withdrawn"),
    ("withdraw, other reason",            "withdrawn",                   "!Withdrawn"),
    ("withdraw, other reason",            "ended",                       "!SupportEnded"),
    ("withdraw, other reason",            CLOSED,                        "!Closed"),
    ("withdraw, without words",           "absent",                      "!NotFound"),
    ("withdraw, without words",           AT_HOME,                       "!Fields"),
    ("withdraw, without words",           "submitted",                   "!Fields"),
    ("withdraw, without words",           "withdrawn",                   "!Withdrawn"),
    ("withdraw, without words",           "ended",                       "!SupportEnded"),
    ("withdraw, without words",           CLOSED,                        "!Closed"),

    ("end support",                       "absent",                      "!NotFound"),
    ("end support",                       AT_HOME,                       "!NotSubmitted"),
    ("end support",                       "submitted withdrawn",         "SupportEnded"),
    ("end support",                       "ended reported",              "-"),
    ("end support",                       "national abandoned refused unserved",  "!Closed"),

    ("file report",                       "absent",                      "!NotFound"),
    ("file report",                       AT_HOME,                       "!NotSubmitted"),
    ("file report",                       "submitted withdrawn",         "!SupportNotEnded"),
    ("file report",                       "ended",                       "SummaryReportFiled+Closed"),
    ("file report",                       "reported",                    "-"),
    ("file report",                       "national abandoned refused unserved",  "!Closed"),
    ("file report, another",              "absent",                      "!NotFound"),
    ("file report, another",              AT_HOME,                       "!NotSubmitted"),
    ("file report, another",              "submitted withdrawn",         "!SupportNotEnded"),
    ("file report, another",              "ended",                       "SummaryReportFiled+Closed"),
    ("file report, another",              CLOSED,                        "!Closed"),
    ("file report, without hash",         "absent",                      "!NotFound"),
    ("file report, without hash",         AT_HOME,                       "!NotSubmitted"),
    ("file report, without hash",         "submitted withdrawn",         "!SupportNotEnded"),
    ("file report, without hash",         "ended",                       "!Fields"),
    ("file report, without hash",         CLOSED,                        "!Closed"),

    ("close, refused",                    "absent",                      "!NotFound"),
    ("close, refused",                    AT_HOME,                       "!NotOver"),
    ("close, refused",                    "submitted withdrawn",         "Closed"),
    ("close, refused",                    "ended",                       "!NotOver"),
    ("close, refused",                    "refused",                     "-"),
    ("close, refused",                    "national abandoned reported unserved", "!Closed"),
    ("close, unserved",                   "absent",                      "!NotFound"),
    ("close, unserved",                   AT_HOME,                       "!NotOver"),
    ("close, unserved",                   "submitted withdrawn",         "Closed"),
    ("close, unserved",                   "ended",                       "!NotOver"),
    ("close, unserved",                   "unserved",                    "-"),
    ("close, unserved",                   "national abandoned refused reported", "!Closed"),
    ("close, withdrawn",                  "absent",                      "!NotFound"),
    ("close, withdrawn",                  AT_HOME,                       "!NotOver"),
    ("close, withdrawn",                  "withdrawn",                   "Closed"),
    ("close, withdrawn",                  "submitted ended",             "!NotOver"),
    ("close, withdrawn",                  "abandoned",                   "-"),
    ("close, withdrawn",                  "national refused unserved reported",   "!Closed"),
    ("close, handled nationally",         "absent",                      "!NotFound"),
    ("close, handled nationally",         AT_HOME,                       "!NotOver"),
    ("close, handled nationally",         AWAY,                          "!NotOver"),
    ("close, handled nationally",         "national",                    "-"),
    ("close, handled nationally",         "abandoned refused unserved reported",  "!Closed"),
    ("close, reported",                   "absent",                      "!NotFound"),
    ("close, reported",                   AT_HOME,                       "!NotOver"),
    ("close, reported",                   AWAY,                          "!NotOver"),
    ("close, reported",                   "reported",                    "-"),
    ("close, reported",                   "national abandoned refused unserved",  "!Closed"),
];

/// When everything in this table happens.
pub const NOW: &str = "2026-02-10T08:00:00Z";

/// The situations of the table, each with the acts of the table that lead to it.
const SITUATIONS: &[(&str, &[&str])] = &[
    ("absent", &[]),
    ("opened", &[OPEN]),
    ("returned", &[OPEN, "return, French CSIRT"]),
    ("endorsed", &[OPEN, ENDORSE]),
    ("submitted", &[OPEN, ENDORSE, SUBMIT]),
    ("withdrawn", &[OPEN, ENDORSE, SUBMIT, "withdraw, authority"]),
    ("ended", &[OPEN, ENDORSE, SUBMIT, "end support"]),
    ("national", &[OPEN, "handle, French CSIRT"]),
    ("abandoned", &[OPEN, "withdraw, hospital"]),
    ("refused", &[OPEN, ENDORSE, SUBMIT, "close, refused"]),
    ("unserved", &[OPEN, ENDORSE, SUBMIT, "close, unserved"]),
    ("reported", &[OPEN, ENDORSE, SUBMIT, "end support", "file report"]),
];
const OPEN: &str = "open, as before";
const ENDORSE: &str = "endorse, French CSIRT";
const SUBMIT: &str = "submit, French CSIRT by its SPOC";

/// A second user in France, with the same single point of contact.
fn french_crisis_authority() -> Authority {
    Authority { id: id!(AuthorityId, "fr-crisis"), kind: AuthorityKind::CrisisManagement, ..csirt("FR") }
}

/// A mandate in force between the hospital of this table, the French CSIRT and its single point of contact.
pub fn mandate() -> Mandate {
    Mandate {
        id: id!(MandateId, "fr-mandate-1"),
        hospital: id!(HospitalId, "chu-rouen"),
        authority: id!(AuthorityId, "fr-csirt"),
        spoc: id!(SpocId, "fr-spoc"),
        from: at("2026-01-01T00:00:00Z"),
        until: at("2027-01-01T00:00:00Z"),
    }
}

/// A summary report.
pub fn report() -> SummaryReport {
    SummaryReport { aim_reached: true, hours_to_emergency_care: Some(36), document_sha256: "0a".repeat(32) }
}

fn other_facts() -> Facts {
    Facts { national_capacity_exceeded: true, ..facts() }
}

fn wrong_facts() -> Facts {
    Facts { incident: String::new(), ..facts() }
}

/// A hospital asks in the live realm.
pub fn open(facts: Facts, hospital: &str, contact: &str) -> Command {
    Command::Open { hospital: id!(HospitalId, hospital), facts, contact: id!(SubjectRef, contact), live: true }
}

/// An authority endorses.
pub fn endorse(authority: Authority, mandate: Option<Mandate>) -> Command {
    Command::Endorse { authority, mandate }
}

/// An authority's request is transmitted.
pub fn submit(authority: Authority, spoc: Option<&str>, mandate: Option<Mandate>) -> Command {
    Command::Submit { authority, spoc: spoc.map(|spoc| id!(SpocId, spoc)), mandate }
}

/// An authority sends it back.
pub fn send_back(authority: Authority, reason: ReturnReason, note: &str) -> Command {
    Command::Return { authority, reason, note: note.to_owned() }
}

/// An authority helps by itself.
pub fn handle(authority: Authority, note: &str) -> Command {
    Command::HandleNationally { authority, note: note.to_owned() }
}

/// Nobody asks any more.
pub fn withdraw(reason: &str) -> Command {
    Command::Withdraw { reason: reason.to_owned() }
}

type Act = (&'static str, Role, Command);

/// Every act of the table: its name, who acts, what they ask.
fn acts() -> Vec<Act> {
    [acts_of_hospital(), acts_of_authority(), acts_of_spoc(), acts_afterwards()].concat()
}

fn acts_of_hospital() -> Vec<Act> {
    let amend = |facts| Command::Amend { facts, live: true };
    let act = |name, command| (name, Role::Hospital, command);
    vec![
        act("open, as before", open(facts(), "chu-rouen", "contact-1")),
        act("open, other facts", open(other_facts(), "chu-rouen", "contact-1")),
        act("open, other hospital", open(facts(), "ch-dax", "contact-1")),
        act("open, other contact", open(facts(), "chu-rouen", "contact-2")),
        act("open, wrong facts", open(wrong_facts(), "chu-rouen", "contact-1")),
        act("amend, as before", amend(facts())),
        act("amend, other facts", amend(other_facts())),
        act("amend, wrong facts", amend(wrong_facts())),
        act("link", Command::Link { to: id!(RequestId, "r-1") }),
        act("withdraw, hospital", withdraw("we are back")),
    ]
}

fn acts_of_authority() -> Vec<Act> {
    let others = Mandate { hospital: id!(HospitalId, "ch-dax"), ..mandate() };
    let (fr, be, crisis) = (|| csirt("FR"), || csirt("BE"), french_crisis_authority);
    let help = "our team is on its way";
    let act = |name, command| (name, Role::Authority, command);
    vec![
        act("endorse, French CSIRT", endorse(fr(), None)),
        act("endorse, French crisis authority", endorse(crisis(), None)),
        act("endorse, Belgian CSIRT", endorse(be(), None)),
        act("endorse, CERT-EU", endorse(cert_eu(), None)),
        ("endorse, Muster by itself", Role::System, endorse(fr(), None)),
        ("endorse, Muster by mandate", Role::System, endorse(fr(), Some(mandate()))),
        ("endorse, by another's mandate", Role::System, endorse(fr(), Some(others))),
        act("return, French CSIRT", send_back(fr(), ReturnReason::MeasuresMissing, "")),
        act("return, other reason", send_back(fr(), ReturnReason::FactsMissing, "")),
        act("return, without words", send_back(fr(), ReturnReason::Other, " ")),
        act("return, French crisis authority", send_back(crisis(), ReturnReason::MeasuresMissing, "")),
        act("return, Belgian CSIRT", send_back(be(), ReturnReason::MeasuresMissing, "")),
        act("handle, French CSIRT", handle(fr(), help)),
        act("handle, without words", handle(fr(), "")),
        act("handle, French crisis authority", handle(crisis(), help)),
        act("handle, Belgian CSIRT", handle(be(), help)),
        act("withdraw, authority", withdraw("we are back")),
        act("withdraw, other reason", withdraw("a mistake")),
        act("withdraw, without words", withdraw("")),
    ]
}

fn acts_of_spoc() -> Vec<Act> {
    let fr = || csirt("FR");
    let act = |name, command| (name, Role::Spoc, command);
    vec![
        act("submit, French CSIRT by its SPOC", submit(fr(), Some("fr-spoc"), None)),
        act("submit, French CSIRT by another", submit(fr(), Some("be-spoc"), None)),
        ("submit, French CSIRT by itself", Role::Authority, submit(fr(), None, None)),
        act("submit, French crisis authority", submit(french_crisis_authority(), Some("fr-spoc"), None)),
        act("submit, Belgian CSIRT", submit(csirt("BE"), Some("be-spoc"), None)),
        ("submit, CERT-EU by itself", Role::Authority, submit(cert_eu(), None, None)),
        act("submit, CERT-EU by a SPOC", submit(cert_eu(), Some("fr-spoc"), None)),
        ("submit, Muster by itself", Role::System, submit(fr(), Some("fr-spoc"), None)),
        ("submit, Muster by mandate", Role::System, submit(fr(), Some("fr-spoc"), Some(mandate()))),
    ]
}

fn acts_afterwards() -> Vec<Act> {
    let file = |name, document_sha256| {
        (name, Role::Authority, Command::FileReport(SummaryReport { document_sha256, ..report() }))
    };
    let close = |name, reason| (name, Role::System, Command::Close { reason });
    vec![
        ("end support", Role::System, Command::EndSupport),
        file("file report", report().document_sha256),
        file("file report, another", "0b".repeat(32)),
        file("file report, without hash", "0A".to_owned()),
        close("close, refused", CloseReason::Refused),
        close("close, unserved", CloseReason::Unserved),
        close("close, withdrawn", CloseReason::Withdrawn),
        close("close, handled nationally", CloseReason::HandledNationally),
        close("close, reported", CloseReason::Reported),
    ]
}

fn by(role: Role) -> Received {
    Received { at: at(NOW), by: actor(role, "somebody") }
}

fn go(state: &mut Option<Request>, events: &[RequestEvent]) {
    for event in events {
        Request::evolve(state, event).unwrap();
    }
}

fn situation(acts_leading_there: &[&str]) -> Option<Request> {
    let mut state = None;
    for name in acts_leading_there {
        let (_, role, command) = acts().into_iter().find(|(act, ..)| act == name).unwrap();
        let events = Request::decide(&state, command, &by(role)).unwrap();
        go(&mut state, &events);
    }
    state
}

/// The outcome in the words of the table.
fn outcome(answer: &Result<Vec<RequestEvent>, Rejection>) -> String {
    let name = |debug: String| debug.split([' ', '(']).next().unwrap_or_default().to_owned();
    match answer {
        Ok(events) if events.is_empty() => "-".to_owned(),
        Ok(events) => events.iter().map(|event| name(format!("{event:?}"))).collect::<Vec<_>>().join("+"),
        Err(rejection) => format!("!{}", name(format!("{rejection:?}"))),
    }
}

#[test]
fn every_cell_of_the_table_holds() {
    let mut wrong = Vec::new();
    for (at_hand, path) in SITUATIONS {
        let state = situation(path);
        for (act, role, command) in acts() {
            let expected: Vec<_> = TABLE
                .iter()
                .filter(|(what, situations, _)| *what == act && situations.split(' ').any(|name| name == *at_hand))
                .map(|(.., outcome)| *outcome)
                .collect();
            let found = outcome(&Request::decide(&state, command, &by(role)));
            if expected != [found.as_str()] {
                wrong.push(format!("{act} | {at_hand}: the table says {expected:?}, the request {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_names_nothing_else() {
    let acts: BTreeSet<_> = acts().iter().map(|(name, ..)| *name).collect();
    let situations: BTreeSet<_> = SITUATIONS.iter().map(|(name, _)| *name).collect();
    for (what, names, _) in TABLE {
        assert!(acts.contains(what), "{what}");
        assert!(names.split(' ').all(|name| situations.contains(name)), "{names}");
    }
}

#[test]
fn the_table_leaves_out_no_command_no_phase_and_no_ending() {
    fn index(command: &Command) -> usize {
        match command {
            Command::Open { .. } => 0,
            Command::Amend { .. } => 1,
            Command::Link { .. } => 2,
            Command::Endorse { .. } => 3,
            Command::Return { .. } => 4,
            Command::HandleNationally { .. } => 5,
            Command::Submit { .. } => 6,
            Command::Withdraw { .. } => 7,
            Command::EndSupport => 8,
            Command::FileReport(_) => 9,
            Command::Close { .. } => 10,
        }
    }
    let commands: BTreeSet<_> = acts().iter().map(|(.., command)| index(command)).collect();
    assert_eq!(commands, BTreeSet::from_iter(0..=10));
    let reached: BTreeSet<_> =
        SITUATIONS.iter().filter_map(|(_, path)| Some(situation(path)?.phase.as_str())).collect();
    let phases = ["opened", "returned", "endorsed", "submitted", "withdrawn", "support-ended", "closed"];
    assert_eq!(reached, BTreeSet::from(phases));
    let endings = |path: &[&str]| match situation(path)?.phase {
        Phase::Closed(ending) => Some(ending.reason()),
        Phase::Opened | Phase::Returned { .. } | Phase::Endorsed { .. } => None,
        Phase::Submitted { .. } | Phase::Withdrawn { .. } | Phase::SupportEnded { .. } => None,
    };
    let reached: BTreeSet<_> = SITUATIONS.iter().filter_map(|(_, path)| endings(path)).collect();
    assert_eq!(reached, CloseReason::ALL.iter().copied().collect());
}

/// What is submitted is what its authority endorsed, and stays as it is; what is closed is not touched.
fn check_step(before: Option<&Request>, events: &[RequestEvent], after: Option<&Request>) {
    let Some((before, after)) = before.zip(after) else { return };
    for event in events {
        if let RequestEvent::Submitted { route, facts, hospital, .. } = event {
            assert_eq!(before.phase, Phase::Endorsed { by: route.authority.clone() });
            assert_eq!((facts, hospital), (&before.facts, &before.hospital));
        }
    }
    if !["opened", "returned", "endorsed"].contains(&before.phase.as_str()) {
        assert_eq!(before.facts, after.facts);
    }
    if before.phase.as_str() == "closed" {
        assert_eq!(before, after);
    }
}

/// Walks through every situation that the acts of the table can lead to, in any order and number.
#[test]
fn wherever_a_request_has_come_history_is_possible_and_a_repeat_is_nothing_new() {
    let acts = acts();
    let mut seen: Vec<Option<Request>> = vec![None];
    let mut reasons = BTreeSet::new();
    let mut next = 0;
    while let Some(state) = seen.get(next).cloned() {
        next += 1;
        for (name, role, command) in &acts {
            match Request::decide(&state, command.clone(), &by(*role)) {
                Ok(events) => {
                    let mut after = state.clone();
                    go(&mut after, &events);
                    check_step(state.as_ref(), &events, after.as_ref());
                    assert_eq!(Request::decide(&after, command.clone(), &by(*role)), Ok(vec![]), "{name} {state:#?}");
                    if !seen.contains(&after) {
                        seen.push(after);
                    }
                }
                Err(rejection) => {
                    let refusal = Refusal::from(rejection);
                    assert_plain(&refusal);
                    reasons.insert(refusal.reason);
                }
            }
        }
    }
    assert!(seen.len() > 100, "the walk ended early: {} situations", seen.len());
    assert_eq!(reasons, Rejection::REASONS.iter().copied().collect(), "every reason can be met, and has one name");
    assert_eq!(reasons.len(), Rejection::REASONS.len());
}
