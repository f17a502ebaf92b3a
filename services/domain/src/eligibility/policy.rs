//! The policy in force: what Muster may decide by itself, how it ranks and offers. One person proposes, another approves what
//! was proposed; until then nothing changes.

use std::{fmt::Display, time::Duration};

use super::{
    events::{Policy, PolicyEvent as Event},
    terms::{sentences, span},
};
use crate::kernel::{Aggregate, Corrupt, FieldViolation, PrincipalId, Received, Refusal, RefusalKind, Role, Timestamp};

/// How long a proposed policy waits for its second person.
pub const PROPOSAL_STANDS: Duration = Duration::from_hours(7 * 24);

/// How long support may last.
const DURATION: [Duration; 2] = [Duration::from_hours(24), Duration::from_hours(180 * 24)];
/// How long an offer may stand.
const OFFER_STANDS: [Duration; 2] = [Duration::from_mins(1), Duration::from_hours(24)];
/// How many providers may be asked at once.
const OFFER_WIDTH: [u32; 2] = [1, 10];
/// How much longer than its contract says a provider may take.
const MOBILISE_GRACE_MAX: Duration = Duration::from_hours(72);

impl Policy {
    /// Version 1: in force until another is. It decides nothing by itself.
    pub const fn built_in() -> Self {
        Self {
            version: 1,
            grants: false,
            refuses: false,
            more_measures_rank_higher: true,
            duration: Duration::from_hours(30 * 24),
            offer_stands: [
                Duration::from_mins(30),
                Duration::from_hours(1),
                Duration::from_hours(2),
                Duration::from_hours(4),
            ],
            offer_width: [2, 1, 1, 1],
            mobilise_grace: Duration::from_hours(1),
        }
    }

    /// Every value out of its bounds.
    pub fn violations(&self) -> Vec<FieldViolation> {
        let mut found = Vec::new();
        within("duration", self.duration, DURATION, &mut found);
        for stands in self.offer_stands {
            within("offer_stands", stands, OFFER_STANDS, &mut found);
        }
        let [least, most] = OFFER_WIDTH;
        for width in self.offer_width {
            if width < least || width > most {
                found.push(out_of_bounds("offer_width", &width, &least, &most));
            }
        }
        within("mobilise_grace", self.mobilise_grace, [Duration::ZERO, MOBILISE_GRACE_MAX], &mut found);
        found
    }
}

fn within(field: &'static str, value: Duration, [least, most]: [Duration; 2], found: &mut Vec<FieldViolation>) {
    if value < least || value > most {
        found.push(out_of_bounds(field, &span(value), &span(least), &span(most)));
    }
}

fn out_of_bounds(field: &str, value: &dyn Display, least: &dyn Display, most: &dyn Display) -> FieldViolation {
    FieldViolation {
        field: format!("policy.{field}"),
        rule: BOUNDED,
        says: format!("is {value}, and may be {least} to {most}"),
    }
}

const BOUNDED: &str = "house rule: a policy keeps its bounds";

/// What is in force, and what is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A policy is in force.
    InForce(Policy),
    /// A policy is in force and another is proposed.
    Proposed {
        /// The policy in force.
        in_force: Policy,
        /// The policy proposed.
        policy: Policy,
        /// Who proposed it.
        by: PrincipalId,
        /// From when on it can no longer be approved.
        lapses_at: Timestamp,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::InForce(Policy::built_in())
    }
}

impl State {
    /// The policy in force.
    pub const fn in_force(&self) -> &Policy {
        match self {
            Self::InForce(policy) | Self::Proposed { in_force: policy, .. } => policy,
        }
    }
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// One person asks that a policy be in force; it takes the place of an earlier proposal.
    Propose(Policy),
    /// Another person approves this policy, which must be the one proposed: nobody approves what they have not seen.
    Approve(Policy),
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Neither officer nor Commission.
    NotEntitled,
    /// The version does not follow the one in force.
    WrongVersion {
        /// The version that follows.
        expected: u32,
        /// The version found.
        found: u32,
    },
    /// Values are out of their bounds.
    OutOfBounds(Vec<FieldViolation>),
    /// Nothing like it is proposed, or no longer.
    NoProposal,
    /// The proposer cannot approve.
    SamePerson,
}

impl Aggregate for Policy {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command, received: &Received) -> Result<Vec<Event>, Rejection> {
        if !matches!(received.by.role, Role::Officer | Role::Commission) {
            return Err(Rejection::NotEntitled);
        }
        match command {
            Command::Propose(policy) => propose(state, policy, received),
            Command::Approve(policy) => approve(state, policy, received),
        }
    }

    fn evolve(state: &mut State, event: &Event) -> Result<(), Corrupt> {
        match event {
            Event::Proposed { policy, by, lapses_at } => {
                let in_force = state.in_force().clone();
                *state = State::Proposed { in_force, policy: policy.clone(), by: by.clone(), lapses_at: *lapses_at };
            }
            Event::PutInForce { policy, .. } => match state {
                State::Proposed { policy: proposed, .. } if proposed == policy => {
                    *state = State::InForce(policy.clone());
                }
                State::Proposed { .. } | State::InForce(_) => {
                    return Err(Corrupt(format!("policy {} is in force and was not proposed", policy.version)));
                }
            },
        }
        Ok(())
    }
}

fn propose(state: &State, policy: Policy, received: &Received) -> Result<Vec<Event>, Rejection> {
    let expected = state.in_force().version.saturating_add(1);
    if policy.version != expected {
        return Err(Rejection::WrongVersion { expected, found: policy.version });
    }
    let violations = policy.violations();
    if !violations.is_empty() {
        return Err(Rejection::OutOfBounds(violations));
    }
    match state {
        // Said again by the same person while it stands: nothing new.
        State::Proposed { policy: proposed, by, lapses_at, .. }
            if *proposed == policy && *by == received.by.principal && received.at < *lapses_at =>
        {
            Ok(vec![])
        }
        State::Proposed { .. } | State::InForce(_) => Ok(vec![Event::Proposed {
            policy,
            by: received.by.principal.clone(),
            lapses_at: received.at.plus(PROPOSAL_STANDS),
        }]),
    }
}

fn approve(state: &State, policy: Policy, received: &Received) -> Result<Vec<Event>, Rejection> {
    match state {
        State::InForce(in_force) if *in_force == policy => Ok(vec![]),
        State::InForce(_) => Err(Rejection::NoProposal),
        State::Proposed { policy: proposed, lapses_at, .. } if *proposed != policy || received.at >= *lapses_at => {
            Err(Rejection::NoProposal)
        }
        State::Proposed { by, .. } if *by == received.by.principal => Err(Rejection::SamePerson),
        State::Proposed { by, .. } => {
            Ok(vec![Event::PutInForce { policy, proposed_by: by.clone(), approved_by: received.by.principal.clone() }])
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        const TWO_PERSONS: &str = "house rule D12: two persons";
        let (reason, kind, rule, says, way_out) = match &rejection {
            Rejection::NotEntitled => (
                "NOT_ENTITLED",
                RefusalKind::Denied,
                "Art 14(4), 14(5)",
                "only an officer or the Commission puts a policy in force".to_owned(),
                "ask an officer to propose it",
            ),
            Rejection::WrongVersion { expected, found } => (
                "WRONG_VERSION",
                RefusalKind::Precondition,
                TWO_PERSONS,
                format!("policy.version {found} does not follow the policy in force, {expected} does"),
                "read the policy in force again and propose the next version",
            ),
            Rejection::OutOfBounds(violations) => (
                "POLICY_OUT_OF_BOUNDS",
                RefusalKind::Invalid,
                BOUNDED,
                sentences(violations),
                "propose values within the bounds",
            ),
            Rejection::NoProposal => (
                "NO_PROPOSAL",
                RefusalKind::Precondition,
                TWO_PERSONS,
                format!("this policy is not the one proposed, or its proposal lapsed after {}", span(PROPOSAL_STANDS)),
                "read what is proposed now and approve that, or propose it anew",
            ),
            Rejection::SamePerson => (
                "SAME_PERSON",
                RefusalKind::Denied,
                TWO_PERSONS,
                "who proposed a policy cannot approve it".to_owned(),
                "ask another officer or the Commission to approve it",
            ),
        };
        let fields = match rejection {
            Rejection::OutOfBounds(violations) => violations,
            Rejection::NotEntitled | Rejection::WrongVersion { .. } | Rejection::NoProposal | Rejection::SamePerson => {
                vec![]
            }
        };
        Self { reason, kind, rule, says, way_out, fields }
    }
}
