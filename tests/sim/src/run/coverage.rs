//! What was reached: which commands in which states, which refusals; and what must be.

use std::collections::BTreeMap;

use muster_domain::{
    dispatch::{
        desk,
        events::{DeskEvent, ReleaseReason, RescindReason},
    },
    event::Event,
    intake::rejection,
    registry::{authority, catalogue, hospital, mandate, provider, realm, requirement, third_country},
};
use muster_journal::stored::{EVENT_TYPES, event_type};

use super::{
    asked::{assessment_state, request_state, word},
    world::Refused,
};
use crate::replay::Decided;

/// How often what was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached(pub BTreeMap<(String, String), u64>);

impl Reached {
    /// A command met a state.
    pub fn note(&mut self, state: &str, command: &str) {
        let times = self.0.entry((state.to_owned(), command.to_owned())).or_default();
        *times = times.saturating_add(1);
    }

    /// A command was decided.
    pub fn decided(&mut self, decided: &Decided) {
        match decided {
            Decided::Desk(_, command) => self.note("desk", &word(command)),
            Decided::Request(state, command) => self.note(&request_state(state), &word(command)),
            Decided::Assessment(state, command) => self.note(&assessment_state(state), &word(command)),
        }
    }

    /// A command was refused.
    pub fn refused(&mut self, refused: &Refused) {
        self.note(&refused.of, refused.reason);
    }

    /// An event is in the log.
    pub fn happened(&mut self, event: &Event) {
        self.note("in the log", event_type(event).name);
        if let Event::Desk(DeskEvent::Released { reason, .. }) = event {
            self.note("released", reason.as_str());
        } else if let Event::Desk(DeskEvent::Rescinded { reason, .. }) = event {
            self.note("rescinded", reason.as_str());
        }
    }

    /// Together with what another run reached.
    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            let sum = self.0.entry(what.clone()).or_default();
            *sum = sum.saturating_add(*times);
        }
    }

    /// What must be reached and was not.
    pub fn missing(&self) -> Vec<String> {
        let reached = |what: &(String, String)| self.0.contains_key(what);
        let missing = Self::must().into_iter().filter(|what| !reached(what));
        missing.map(|(state, what)| format!("{state}: {what}")).collect()
    }

    /// All that must be reached.
    pub fn must() -> Vec<(String, String)> {
        let pair = |state: &str, command: &str| (state.to_owned(), command.to_owned());
        let mut must = Vec::new();
        must.extend(
            REQUEST_STATES.iter().flat_map(|state| REQUEST_COMMANDS.iter().map(|command| pair(state, command))),
        );
        must.extend(
            ASSESSMENT_STATES.iter().flat_map(|state| ASSESSMENT_COMMANDS.iter().map(|command| pair(state, command))),
        );
        must.extend(DESK_COMMANDS.iter().map(|command| pair("desk", command)));
        must.extend(desk::Rejection::REASONS.iter().map(|reason| pair("refused by the desk", reason)));
        must.extend(rejection::Rejection::REASONS.iter().map(|reason| pair("refused by a request", reason)));
        must.extend(ASSESSMENT_REASONS.iter().map(|reason| pair("refused by an assessment", reason)));
        for (whose, reasons) in REGISTRY_REASONS {
            must.extend(reasons.iter().map(|reason| pair(&format!("refused by {whose}"), reason)));
        }
        must.extend(EVENT_TYPES.iter().copied().flatten().map(|event| pair("in the log", event.name)));
        must.extend(ReleaseReason::ALL.iter().map(|reason| pair("released", reason.as_str())));
        must.extend(RescindReason::ALL.iter().map(|reason| pair("rescinded", reason.as_str())));
        must.push(pair("an older version", "is given what a newer one wrote"));
        must.extend(OWN.iter().map(|(state, command)| pair(state, command)));
        must.retain(|(of, what)| !BEYOND.iter().any(|(state, command, _)| of == state && what == command));
        must
    }
}

const REQUEST_STATES: &[&str] = &[
    "request absent",
    "request opened",
    "request returned",
    "request endorsed",
    "request submitted",
    "request withdrawn",
    "request supportended",
    "request closed as handled-nationally",
    "request closed as withdrawn",
    "request closed as refused",
    "request closed as unserved",
    "request closed as reported",
];

/// What people ask of requests.
const REQUEST_COMMANDS: &[&str] =
    &["Open", "Amend", "Endorse", "Return", "HandleNationally", "Submit", "Withdraw", "FileReport"];

const ASSESSMENT_STATES: &[&str] =
    &["assessment absent", "assessment open", "assessment decided", "assessment withdrawn"];

/// What people ask of assessments.
const ASSESSMENT_COMMANDS: &[&str] = &["Resolve", "ProposeOverride", "ApproveOverride", "Decide"];

/// What Muster itself does to requests and assessments, where its agendas lead.
const OWN: &[(&str, &str)] = &[
    ("request opened", "Endorse"),
    ("request endorsed", "Submit"),
    ("request opened", "Link"),
    ("request submitted", "EndSupport"),
    ("request withdrawn", "EndSupport"),
    ("request submitted", "Close"),
    ("request withdrawn", "Close"),
    ("assessment absent", "Assess"),
    ("assessment open", "Assess"),
    ("assessment open", "Escalate"),
    ("assessment open", "MissDeadline"),
    ("assessment open", "DecideByPolicy"),
    ("assessment open", "Withdraw"),
    ("assessment decided", "Withdraw"),
];

const DESK_COMMANDS: &[&str] = &[
    "TakeProvider",
    "TakeSuspension",
    "TakeRequirement",
    "TakeCouncilAct",
    "TakeRepeal",
    "TakePolicy",
    "TakeGrant",
    "TakePriority",
    "TakeWithdrawal",
    "Wake",
    "See",
    "Accept",
    "Decline",
    "Rescind",
    "Reopen",
    "GiveUp",
    "ReachStage",
    "ReportDays",
    "Complete",
    "Fail",
    "Release",
    "Extend",
];

const ASSESSMENT_REASONS: &[&str] = &[
    "NOT_ASSESSED",
    "WITHDRAWN",
    "ALREADY_DECIDED",
    "NOT_ENTITLED",
    "UNKNOWN_FACTS",
    "GATE_FAILED",
    "TERMS_DO_NOT_FIT",
    "COUNCIL_ACT_ENDED",
    "OVER_COUNCIL_ACT_CAP",
    "FINDING_SAYS_NOTHING",
    "REASON_MISSING",
    "REASON_UNFIT",
    "BAND_OUT_OF_RANGE",
    "NO_PROPOSAL",
    "SAME_PERSON",
    "REQUEST_ID_REUSED",
];

/// Why the registry and the policy refuse.
const REGISTRY_REASONS: &[(&str, &[&str])] = &[
    ("the realm", realm::Rejection::REASONS),
    ("an authority", authority::Rejection::REASONS),
    ("a hospital", hospital::Rejection::REASONS),
    ("a provider", provider::Rejection::REASONS),
    ("a mandate", mandate::Rejection::REASONS),
    ("a requirement", requirement::Rejection::REASONS),
    ("a third country", third_country::Rejection::REASONS),
    ("the catalogue", catalogue::Rejection::REASONS),
    ("the policy", &["NOT_ENTITLED", "WRONG_VERSION", "POLICY_OUT_OF_BOUNDS", "NO_PROPOSAL", "SAME_PERSON"]),
];

/// What no client can reach, and why.
const BEYOND: &[(&str, &str, &str)] = &[
    ("refused by the desk", "CORRUPT", "no history that the desk wrote is impossible"),
    ("refused by a request", "NO_MANDATE", "Muster names a mandate whenever it acts"),
    ("refused by a request", "NOT_MANDATED", "only Muster names mandates, and those that it names are in force"),
    ("refused by a request", "NOT_OVER", "only Muster closes requests, when they are over"),
];
