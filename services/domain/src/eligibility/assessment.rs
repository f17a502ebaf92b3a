//! One request in the hands of the contracting authority: judged, ranked, answered in 48 hours, perhaps withdrawn.
//!
//! ```text
//! Absent ──assess──▶ Open ──decide──▶ Decided ──withdraw──▶ Withdrawn
//!                    │  ▲ resolve, escalate, override          ▲
//!                    └──┴──────────────withdraw────────────────┘
//! ```
//!
//! An override may follow the decision too. Each command's rules stand in the file of its kind below.

mod answering;
mod finding;
mod overriding;
mod refusals;

use std::collections::BTreeSet;

use answering::{decide, decide_by_policy, escalate, miss_deadline};
use finding::{put_down, resolve};
use overriding::{approve_override, propose_override};
pub use refusals::Rejection;

use super::{
    bands::{self, bands, ranks},
    events::{
        AssessmentEvent as Event, Band, Basis, Case, Criterion, Cut, Finding, GateResult, Level, Outcome, Policy,
        PriorityKey, Terms, Verdict,
    },
    gates::{self, gates},
};
use crate::{
    check::Violations,
    clocks::answer_due,
    intake::events::{Facts, Route},
    kernel::{Aggregate, Corrupt, HospitalId, PrincipalId, Received, RequestId, Role, Timestamp},
    registry::events::{AuthorityKind, CouncilAct},
};

/// The most characters of a reason in words.
pub const REASON_CHARS_MAX: usize = 2_000;

/// A request as it reached the contracting authority, and what it is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Which request.
    pub request: RequestId,
    /// When the 48 hours began.
    pub submitted_at: Timestamp,
    /// How it came.
    pub route: Route,
    /// For which hospital.
    pub hospital: HospitalId,
    /// What was declared; in an assessment, what is known by now.
    pub facts: Facts,
    /// The Council act that opens the Reserve, for a third country.
    pub council_act: Option<CouncilAct>,
    /// The policy in force when it was assessed.
    pub policy: Policy,
    /// Whether the realm is live.
    pub live: bool,
}

/// Another rank that one person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The bands asked for.
    pub bands: [u8; 5],
    /// Why.
    pub reason: String,
    /// Who asks.
    pub by: PrincipalId,
    /// From when on it can no longer be approved.
    pub lapses_at: Timestamp,
}

/// Another rank that two persons put in force. It stands, whatever is found later, until they replace it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The bands in force.
    pub bands: [u8; 5],
    /// Why.
    pub reason: String,
    /// Who asked.
    pub proposed_by: PrincipalId,
    /// Who approved.
    pub approved_by: PrincipalId,
}

/// All that is known of an assessed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// The request, with the facts as known by now.
    pub submission: Submission,
    /// What officers established and how they know, in order.
    pub findings: Vec<(Finding, String)>,
    /// The gates' answers.
    pub gates: Vec<GateResult>,
    /// The bands by the facts, (a) to (e).
    pub bands: Vec<Band>,
    /// Where it ranks, by the facts or by an override.
    pub key: PriorityKey,
    /// The escalations so far.
    pub escalated: BTreeSet<Level>,
    /// Whether the 48 hours ended without an answer.
    pub missed: bool,
    /// Another rank that waits for its second person.
    pub proposal: Option<Proposal>,
    /// Another rank in force.
    pub overridden: Option<Override>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer.
    pub outcome: Outcome,
    /// What is granted; `None` for a refusal.
    pub terms: Option<Terms>,
    /// What was requested and not granted.
    pub cuts: Vec<Cut>,
    /// Why, in words.
    pub reason: String,
    /// The decision policy's version, if no person decided.
    pub by_policy: Option<u32>,
}

/// Where an assessment stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing was submitted.
    #[default]
    Absent,
    /// It waits for its answer.
    Open(Box<Assessment>),
    /// It is answered.
    Decided(Box<Assessment>, Box<Decision>),
    /// The user no longer asks.
    Withdrawn(Box<Assessment>, Option<Box<Decision>>),
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Judge a submitted request.
    Assess(Box<Submission>),
    /// Put down a fact that was established, and judge anew.
    Resolve {
        /// What was found.
        finding: Finding,
        /// How it is known.
        reason: String,
    },
    /// Tell that the answer is near its deadline.
    Escalate {
        /// How near.
        level: Level,
    },
    /// Tell that the 48 hours are over.
    MissDeadline,
    /// One person asks for another rank; it takes the place of an earlier proposal.
    ProposeOverride {
        /// The bands asked for, (a) to (e).
        bands: [u8; 5],
        /// Why.
        reason: String,
    },
    /// Another person approves these bands, which must be those proposed: nobody approves what they have not seen.
    ApproveOverride {
        /// The bands approved.
        bands: [u8; 5],
    },
    /// Answer the request.
    Decide {
        /// The answer.
        outcome: Outcome,
        /// What is granted; it may be left out when that is all.
        terms: Option<Terms>,
        /// What was requested and is not granted.
        cuts: Vec<Cut>,
        /// Why, in words.
        reason: String,
        /// For a third country, the Council act in force for it when the command was received.
        council_act: Option<CouncilAct>,
    },
    /// Answer by the decision policy in force.
    DecideByPolicy {
        /// That policy.
        policy: Box<Policy>,
    },
    /// The user no longer asks.
    Withdraw,
}

impl Aggregate for Assessment {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command, received: &Received) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Assess(submission) => assess(state, *submission),
            Command::Resolve { finding, reason } => resolve(state, finding, reason, received),
            Command::Escalate { level } => escalate(state, level, received.at),
            Command::MissDeadline => miss_deadline(state, received.at),
            Command::ProposeOverride { bands, reason } => propose_override(state, bands, reason, received),
            Command::ApproveOverride { bands } => approve_override(state, bands, received),
            Command::Decide { outcome, terms, cuts, reason, council_act } => {
                let decision = Decision { outcome, terms, cuts, reason, by_policy: None };
                decide(state, decision, council_act.as_ref(), received)
            }
            Command::DecideByPolicy { policy } => decide_by_policy(state, &policy, received),
            Command::Withdraw => withdraw(state),
        }
    }

    fn evolve(state: &mut State, event: &Event) -> Result<(), Corrupt> {
        match event {
            Event::Assessed { .. } => return evolve_assessed(state, event),
            Event::Resolved { finding, reason, gates, bands, key } => {
                let assessment = state.open_mut("Resolved")?;
                put_down(&mut assessment.submission.facts, finding);
                assessment.findings.push((finding.clone(), reason.clone()));
                assessment.gates.clone_from(gates);
                assessment.bands.clone_from(bands);
                assessment.key = key.clone();
            }
            Event::Escalated { level } => {
                state.open_mut("Escalated")?.escalated.insert(*level);
            }
            Event::DeadlineMissed => state.open_mut("DeadlineMissed")?.missed = true,
            Event::OverrideProposed { bands, reason, by, lapses_at } => {
                let proposal =
                    Proposal { bands: *bands, reason: reason.clone(), by: by.clone(), lapses_at: *lapses_at };
                state.rankable_mut("OverrideProposed")?.proposal = Some(proposal);
            }
            Event::Overridden { bands, reason, proposed_by, approved_by, suggested: _, key } => {
                let assessment = state.rankable_mut("Overridden")?;
                assessment.proposal = None;
                assessment.overridden = Some(Override {
                    bands: *bands,
                    reason: reason.clone(),
                    proposed_by: proposed_by.clone(),
                    approved_by: approved_by.clone(),
                });
                assessment.key = key.clone();
            }
            Event::Decided { outcome, terms, cuts, reason, by_policy, case: _, key: _ } => {
                let decision = Decision {
                    outcome: *outcome,
                    terms: terms.clone(),
                    cuts: cuts.clone(),
                    reason: reason.clone(),
                    by_policy: *by_policy,
                };
                let assessment = state.open_mut("Decided")?.clone();
                *state = State::Decided(Box::new(assessment), Box::new(decision));
            }
            Event::Withdrawn => {
                *state = match &*state {
                    State::Open(assessment) => State::Withdrawn(assessment.clone(), None),
                    State::Decided(assessment, decision) => {
                        State::Withdrawn(assessment.clone(), Some(decision.clone()))
                    }
                    State::Absent | State::Withdrawn(..) => return Err(impossible("Withdrawn")),
                };
            }
        }
        Ok(())
    }
}

fn impossible(event: &str) -> Corrupt {
    Corrupt(format!("an assessment cannot be {event} here"))
}

fn evolve_assessed(state: &mut State, event: &Event) -> Result<(), Corrupt> {
    let (
        State::Absent,
        Event::Assessed { submitted_at, route, hospital, facts, council_act, policy, live, gates, bands, key },
    ) = (&*state, event)
    else {
        return Err(impossible("Assessed"));
    };
    *state = State::Open(Box::new(Assessment {
        submission: Submission {
            request: key.request.clone(),
            submitted_at: *submitted_at,
            route: route.clone(),
            hospital: hospital.clone(),
            facts: Facts::clone(facts),
            council_act: council_act.clone(),
            policy: policy.clone(),
            live: *live,
        },
        findings: Vec::new(),
        gates: gates.clone(),
        bands: bands.clone(),
        key: key.clone(),
        escalated: BTreeSet::new(),
        missed: false,
        proposal: None,
        overridden: None,
    }));
    Ok(())
}

impl State {
    /// The assessment, unless nothing was submitted.
    pub fn assessment(&self) -> Option<&Assessment> {
        match self {
            Self::Absent => None,
            Self::Open(assessment) | Self::Decided(assessment, _) | Self::Withdrawn(assessment, _) => Some(assessment),
        }
    }

    /// The answer, if there is one.
    pub fn decision(&self) -> Option<&Decision> {
        match self {
            Self::Absent | Self::Open(_) => None,
            Self::Decided(_, decision) => Some(decision),
            Self::Withdrawn(_, decision) => decision.as_deref(),
        }
    }

    /// What commands may still act on: the assessment, and its answer if there is one.
    fn acting(&self) -> Result<(&Assessment, Option<&Decision>), Rejection> {
        match self {
            Self::Absent => Err(Rejection::NotAssessed),
            Self::Open(assessment) => Ok((assessment, None)),
            Self::Decided(assessment, decision) => Ok((assessment, Some(decision))),
            Self::Withdrawn(..) => Err(Rejection::Withdrawn),
        }
    }

    fn open_mut(&mut self, event: &str) -> Result<&mut Assessment, Corrupt> {
        match self {
            Self::Open(assessment) => Ok(assessment),
            Self::Absent | Self::Decided(..) | Self::Withdrawn(..) => Err(impossible(event)),
        }
    }

    fn rankable_mut(&mut self, event: &str) -> Result<&mut Assessment, Corrupt> {
        match self {
            Self::Open(assessment) | Self::Decided(assessment, _) => Ok(assessment),
            Self::Absent | Self::Withdrawn(..) => Err(impossible(event)),
        }
    }
}

/// A request's gates, its bands by the facts, and the key that follows from them.
struct Judgement {
    gates: Vec<GateResult>,
    bands: [Band; 5],
    key: PriorityKey,
}

impl Submission {
    fn judge(&self, not_relevant: &[Criterion]) -> Judgement {
        let Self { request, submitted_at, route, hospital: _, facts, council_act, policy, live } = self;
        let bands = bands(facts, route, policy, not_relevant);
        Judgement {
            gates: gates(facts, route, council_act.as_ref(), *submitted_at, *live),
            key: PriorityKey::new(ranks(&bands), route, *submitted_at, request.clone()),
            bands,
        }
    }

    /// Who answers: the Commission a third country (Art 16(1), 19(10)), ENISA the others.
    pub const fn answered_by(&self) -> Role {
        match self.route.kind {
            AuthorityKind::Csirt | AuthorityKind::CrisisManagement | AuthorityKind::CertEu => Role::Officer,
            AuthorityKind::ThirdCountry => Role::Commission,
        }
    }

    fn answer_due(&self) -> Option<Timestamp> {
        answer_due(self.route.kind, self.submitted_at)
    }
}

impl Assessment {
    /// Where it would rank by the facts alone.
    pub fn suggested(&self) -> PriorityKey {
        self.submission.judge(&self.not_relevant()).key
    }

    /// The bands that rank it, those of an override in the place of those that it changed.
    pub fn standing_bands(&self) -> Vec<Band> {
        let Some(Override { bands, reason, .. }) = &self.overridden else { return self.bands.clone() };
        let standing = |(by_facts, &band): (&Band, &u8)| {
            if by_facts.band == band {
                return by_facts.clone();
            }
            let because = format!("two persons set it from {} ({}): {reason}", by_facts.band, by_facts.rule);
            Band { criterion: by_facts.criterion, band, rule: "override".to_owned(), basis: Basis::Override, because }
        };
        self.bands.iter().zip(bands).map(standing).collect()
    }

    /// The gates and criteria that lack a fact, in words.
    pub fn unknown(&self) -> Vec<String> {
        let gates = self.gates.iter().filter(|g| g.verdict == Verdict::Unknown);
        let bands = self.bands.iter().filter(|b| b.basis == Basis::Unknown);
        gates
            .map(|g| format!("{}: {}", g.gate, g.because))
            .chain(bands.map(|b| format!("criterion ({}): {}", b.criterion, b.because)))
            .collect()
    }

    /// The facts that are missing, named as findings name them: nothing is unknown when none is.
    pub fn missing(&self) -> BTreeSet<&'static str> {
        let Submission { facts, route, .. } = &self.submission;
        let mut missing = bands::missing(facts, route, &self.not_relevant());
        missing.extend(gates::missing(facts, route));
        missing
    }

    /// The gates that refuse.
    pub fn failed(&self) -> impl Iterator<Item = &GateResult> {
        self.gates.iter().filter(|g| g.verdict == Verdict::Fail)
    }

    /// What matching needs to know.
    fn case(&self) -> Case {
        let Submission { request, hospital, facts, route, .. } = &self.submission;
        Case {
            request: request.clone(),
            hospital: hospital.clone(),
            incident: facts.incident.clone(),
            country: facts.country,
            languages: facts.languages.clone(),
            entity: facts.entity.clone(),
            suppliers: facts.suppliers.clone(),
            tlp: facts.tlp,
            user: route.kind,
        }
    }
}

fn assess(state: &State, submission: Submission) -> Result<Vec<Event>, Rejection> {
    match state {
        State::Absent => {
            let Judgement { gates, bands, key } = submission.judge(&[]);
            let Submission { request: _, submitted_at, route, hospital, facts, council_act, policy, live } = submission;
            let (facts, bands) = (Box::new(facts), bands.to_vec());
            Ok(vec![Event::Assessed {
                submitted_at,
                route,
                hospital,
                facts,
                council_act,
                policy,
                live,
                gates,
                bands,
                key,
            }])
        }
        State::Open(known) | State::Decided(known, _) => {
            let known = &known.submission;
            // The same submission is assessed once, under the policy of that moment.
            if known.request == submission.request && known.submitted_at == submission.submitted_at {
                Ok(vec![])
            } else {
                Err(Rejection::AlreadyAssessed { request: known.request.clone() })
            }
        }
        State::Withdrawn(..) => Err(Rejection::Withdrawn),
    }
}

fn withdraw(state: &State) -> Result<Vec<Event>, Rejection> {
    match state {
        State::Absent => Err(Rejection::NotAssessed),
        State::Open(_) | State::Decided(..) => Ok(vec![Event::Withdrawn]),
        State::Withdrawn(..) => Ok(vec![]),
    }
}

/// Only who answers a request judges it.
fn entitled(received: &Received, assessment: &Assessment) -> Result<(), Rejection> {
    let needed = assessment.submission.answered_by();
    if received.by.role == needed { Ok(()) } else { Err(Rejection::NotEntitled { needed }) }
}

/// A reason is read by people and stands in the log for ever: there must be one, short enough to read and fit to be kept.
fn in_words(reason: &str) -> Result<(), Rejection> {
    if reason.trim().is_empty() {
        return Err(Rejection::ReasonMissing);
    }
    let mut wrong = Violations::none();
    wrong.prose("reason", reason, REASON_CHARS_MAX);
    wrong.or_refuse(|wrong| Rejection::ReasonUnfit(wrong.into_fields()))
}
