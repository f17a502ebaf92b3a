//! Why an assessment's command may be refused, and what to do instead.

use super::overriding::PROPOSAL_STANDS;
use crate::{
    codes::Country,
    eligibility::{
        events::{GateResult, Outcome},
        terms::{sentences, span},
    },
    kernel::{FieldViolation, Refusal, RefusalKind, RequestId, Role, Timestamp},
};

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing was submitted under this id.
    NotAssessed,
    /// Another submission is assessed here.
    AlreadyAssessed {
        /// Which.
        request: RequestId,
    },
    /// The user no longer asks.
    Withdrawn,
    /// The answer is given, and it is final.
    AlreadyDecided {
        /// What it was.
        outcome: Outcome,
    },
    /// Another role answers this request.
    NotEntitled {
        /// Which.
        needed: Role,
    },
    /// Facts are missing: gates and criteria that wait for one, in words.
    UnknownFacts(Vec<String>),
    /// Only a refusal is open: these gates fail.
    GateFailed(Vec<GateResult>),
    /// The terms or cuts do not fit the request or the outcome.
    TermsDoNotFit(Vec<FieldViolation>),
    /// No Council act opens the Reserve to the third country any more.
    CouncilActEnded {
        /// Which country.
        country: Country,
    },
    /// The Council act allows fewer days of support.
    OverCouncilActCap {
        /// Which act.
        reference: String,
        /// How many it allows.
        days: u32,
    },
    /// The policy does not answer this request.
    PolicyDoesNotDecide,
    /// A finding that states no fact.
    FindingSaysNothing {
        /// About which fact.
        fact: &'static str,
    },
    /// A reason is needed.
    ReasonMissing,
    /// The reason is too long, or not fit to be kept.
    ReasonUnfit(Vec<FieldViolation>),
    /// A band is not 0 to 4.
    BandOutOfRange,
    /// These bands are not proposed, or no longer.
    NoProposal,
    /// The proposer cannot approve.
    SamePerson,
    /// The moment has not come.
    NotDue {
        /// When it comes.
        due: Timestamp,
    },
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let (reason, kind, rule) = rejection.class();
        let (says, way_out) = rejection.words();
        let fields = if let Rejection::TermsDoNotFit(wrong) | Rejection::ReasonUnfit(wrong) = rejection {
            wrong
        } else {
            vec![]
        };
        Self { reason, kind, rule, says, way_out, fields }
    }
}

impl Rejection {
    /// The stable reason, how to understand it, and the rule behind it.
    const fn class(&self) -> (&'static str, RefusalKind, &'static str) {
        use RefusalKind::{AlreadyExists, Denied, Invalid, NotFound, Precondition};
        match self {
            Self::NotAssessed => ("NOT_ASSESSED", NotFound, "Art 16(1)"),
            Self::AlreadyAssessed { .. } => {
                ("ALREADY_ASSESSED", AlreadyExists, "house rule: one assessment per request")
            }
            Self::Withdrawn => ("WITHDRAWN", Precondition, "house rule: a withdrawal is final"),
            Self::AlreadyDecided { .. } => ("ALREADY_DECIDED", Precondition, "Art 16(1); an answer is final"),
            Self::NotEntitled { .. } => ("NOT_ENTITLED", Denied, "Art 16(1), 19(10)"),
            Self::UnknownFacts(_) => ("UNKNOWN_FACTS", Precondition, "Art 16(3)"),
            Self::GateFailed(_) => ("GATE_FAILED", Precondition, "Art 15(1), 15(2), 16(8), 14(3), 19(4)"),
            Self::TermsDoNotFit(_) => ("TERMS_DO_NOT_FIT", Invalid, "Art 16(1), 16(3)"),
            Self::CouncilActEnded { .. } => ("COUNCIL_ACT_ENDED", Precondition, "Art 19(4)"),
            Self::OverCouncilActCap { .. } => ("OVER_COUNCIL_ACT_CAP", Precondition, "Art 19(4)"),
            Self::PolicyDoesNotDecide => ("POLICY_DOES_NOT_DECIDE", Precondition, "Art 16(1)"),
            Self::FindingSaysNothing { .. } => ("FINDING_SAYS_NOTHING", Invalid, "Art 16(3)"),
            Self::ReasonMissing => ("REASON_MISSING", Invalid, "house rule: reasons stand beside decisions"),
            Self::ReasonUnfit(_) => ("REASON_UNFIT", Invalid, "house rule: reasons stand beside decisions"),
            Self::BandOutOfRange => ("BAND_OUT_OF_RANGE", Invalid, "house rule: bands are 0 to 4"),
            Self::NoProposal => ("NO_PROPOSAL", Precondition, "house rule D12: two persons"),
            Self::SamePerson => ("SAME_PERSON", Denied, "house rule D12: two persons"),
            Self::NotDue { .. } => ("NOT_DUE", Precondition, "Art 16(1)"),
        }
    }

    /// What is wrong, and what to do instead.
    fn words(&self) -> (String, &'static str) {
        match self {
            Self::NotAssessed => {
                ("no request was submitted under this id".to_owned(), "submit the request, or check the id")
            }
            Self::AlreadyAssessed { request } => {
                (format!("request {request} is assessed here"), "submit a new request; it gets its own 48 hours")
            }
            Self::Withdrawn => (
                "the user withdrew the request".to_owned(),
                "nothing is left to do; if help is needed again, a new request gets its own 48 hours",
            ),
            Self::AlreadyDecided { outcome } => (
                format!("the request is answered: {outcome}"),
                "the answer is final; for other needs, a new request gets its own 48 hours",
            ),
            Self::NotEntitled { needed } => who_is_entitled(*needed),
            Self::UnknownFacts(missing) => (
                format!("facts are missing; {}", missing.join("; ")),
                "record a finding for each, or that its criterion is not relevant; the 48 hours go on",
            ),
            Self::GateFailed(gates) => (
                gates
                    .iter()
                    .map(|g| format!("{} fails ({}): {}", g.gate, g.article, g.because))
                    .collect::<Vec<_>>()
                    .join("; "),
                "refuse with this reason, or record a finding if a fact is wrong",
            ),
            Self::TermsDoNotFit(wrong) => {
                (sentences(wrong), "grant all, grant a part with a reason for each cut, or refuse")
            }
            Self::CouncilActEnded { country } => (
                format!("no Council act opens the Reserve to {country} any more: it ended or was repealed"),
                "refuse; a new request can follow when a new act is in force",
            ),
            Self::OverCouncilActCap { reference, days } => (
                format!("terms.duration: Council act {reference} allows {days} days of support for one request"),
                "grant partly, with a cut of the duration and its reason",
            ),
            Self::PolicyDoesNotDecide => {
                ("the policy in force does not answer this request by itself".to_owned(), "a person decides it")
            }
            Self::FindingSaysNothing { fact } => {
                (format!("{fact}: a finding states what is known, and 'unknown' is not"), "record what was established")
            }
            Self::ReasonMissing => ("reason: it is empty".to_owned(), "say why, in a sentence that others can check"),
            Self::ReasonUnfit(wrong) => {
                (sentences(wrong), "say it shorter, and without what must not stand in the log")
            }
            Self::BandOutOfRange => {
                ("bands: each of the five is 0 to 4".to_owned(), "give five bands from 0 to 4, for criteria (a) to (e)")
            }
            Self::NoProposal => (
                format!("bands: they are not the ones proposed, or lapsed after {}", span(PROPOSAL_STANDS)),
                "read what is proposed now and approve that, or propose it anew",
            ),
            Self::SamePerson => (
                "who proposed another rank cannot approve it".to_owned(),
                "ask another officer or the Commission to approve it",
            ),
            Self::NotDue { due } => (format!("this is due at {due} and not before"), "wait until then"),
        }
    }
}

fn who_is_entitled(needed: Role) -> (String, &'static str) {
    match needed {
        Role::Officer => ("an officer of the contracting authority does this".to_owned(), "ask the officer on duty"),
        Role::Commission => ("the Commission answers third countries".to_owned(), "ask the Commission"),
        Role::System => ("only Muster itself acts by a policy".to_owned(), "decide it yourself, with a reason"),
        Role::Hospital | Role::Authority | Role::Spoc | Role::Provider | Role::Auditor | Role::Operator => {
            (format!("this needs the role {needed:?}"), "ask somebody with that role")
        }
    }
}
