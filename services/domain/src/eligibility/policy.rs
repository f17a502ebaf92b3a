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
        for (index, stands) in self.offer_stands.into_iter().enumerate() {
            within(&format!("offer_stands[{index}]"), stands, OFFER_STANDS, &mut found);
        }
        let [least, most] = OFFER_WIDTH;
        for (index, width) in self.offer_width.into_iter().enumerate() {
            if width < least || width > most {
                found.push(out_of_bounds(&format!("offer_width[{index}]"), &width, &least, &most));
            }
        }
        within("mobilise_grace", self.mobilise_grace, [Duration::ZERO, MOBILISE_GRACE_MAX], &mut found);
        found
    }
}

fn within(field: &str, value: Duration, [least, most]: [Duration; 2], found: &mut Vec<FieldViolation>) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Actor;

    const START: Timestamp = Timestamp::from_millis(1_000_000);

    fn by(role: Role, name: &str, at: Timestamp) -> Received {
        Received { at, by: Actor { role, principal: PrincipalId::parse(name).unwrap() } }
    }

    fn anna() -> Received {
        by(Role::Officer, "anna", START)
    }

    fn second() -> Policy {
        Policy { version: 2, grants: true, ..Policy::built_in() }
    }

    /// Decides, takes the events in, and gives their names or the refusal's reason.
    fn step(state: &mut State, command: Command, received: &Received) -> &'static str {
        match Policy::decide(state, command, received) {
            Err(rejection) => Refusal::from(rejection).reason,
            Ok(events) => {
                events.iter().for_each(|event| Policy::evolve(state, event).unwrap());
                match events.as_slice() {
                    [] => "-",
                    [Event::Proposed { .. }] => "proposed",
                    [Event::PutInForce { .. }] => "put in force",
                    more => panic!("{more:?}"),
                }
            }
        }
    }

    fn proposed() -> State {
        let mut state = State::default();
        assert_eq!(step(&mut state, Command::Propose(second()), &anna()), "proposed");
        state
    }

    #[test]
    fn version_1_is_in_force_from_the_start_and_decides_nothing() {
        let built_in = State::default().in_force().clone();
        assert_eq!((built_in.version, built_in.grants, built_in.refuses), (1, false, false));
        assert_eq!(built_in.violations(), []);
    }

    #[test]
    fn two_persons_put_a_policy_in_force() {
        let mut state = proposed();
        assert_eq!(state.in_force().version, 1, "nothing acts on a proposal");
        let bert = by(Role::Commission, "bert", START);
        assert_eq!(step(&mut state, Command::Approve(second()), &bert), "put in force");
        assert_eq!(state.in_force(), &second());
    }

    #[test]
    fn every_cell_is_answered() {
        let lapses = START.plus(PROPOSAL_STANDS);
        let in_time = Timestamp::from_millis(lapses.millis().saturating_sub(1));
        let officer = |name, at| by(Role::Officer, name, at);
        let third = Policy { version: 3, ..second() };
        let other = Policy { refuses: true, ..second() };
        let mut in_force = proposed();
        step(&mut in_force, Command::Approve(second()), &officer("bert", START));
        let table = [
            (State::default(), Command::Propose(second()), anna(), "proposed"),
            (State::default(), Command::Propose(Policy::built_in()), anna(), "WRONG_VERSION"),
            (State::default(), Command::Propose(third.clone()), anna(), "WRONG_VERSION"),
            (State::default(), Command::Approve(second()), anna(), "NO_PROPOSAL"),
            (State::default(), Command::Approve(Policy::built_in()), anna(), "-"),
            (proposed(), Command::Propose(second()), anna(), "-"),
            (proposed(), Command::Propose(second()), officer("anna", lapses), "proposed"),
            (proposed(), Command::Propose(second()), officer("bert", START), "proposed"),
            (proposed(), Command::Propose(other.clone()), anna(), "proposed"),
            (proposed(), Command::Approve(second()), anna(), "SAME_PERSON"),
            (proposed(), Command::Approve(other), officer("bert", START), "NO_PROPOSAL"),
            (proposed(), Command::Approve(second()), officer("bert", in_time), "put in force"),
            (proposed(), Command::Approve(second()), officer("bert", lapses), "NO_PROPOSAL"),
            (in_force.clone(), Command::Propose(third), anna(), "proposed"),
            (in_force.clone(), Command::Propose(second()), anna(), "WRONG_VERSION"),
            (in_force, Command::Approve(second()), officer("bert", lapses), "-"),
        ];
        for (line, (mut state, command, received, expected)) in table.into_iter().enumerate() {
            assert_eq!(step(&mut state, command, &received), expected, "line {line}");
        }
    }

    #[test]
    fn only_officers_and_the_commission_speak() {
        use Role::{Auditor, Authority, Commission, Hospital, Officer, Operator, Provider, Spoc, System};
        for role in [Auditor, Authority, Commission, Hospital, Officer, Operator, Provider, Spoc, System] {
            let answer = step(&mut State::default(), Command::Propose(second()), &by(role, "anna", START));
            let expected = if matches!(role, Officer | Commission) { "proposed" } else { "NOT_ENTITLED" };
            assert_eq!(answer, expected, "{role:?}");
        }
    }

    #[test]
    fn values_out_of_bounds_are_all_named() {
        let policy = Policy {
            duration: Duration::from_hours(1),
            offer_stands: [Duration::ZERO, Duration::from_hours(1), Duration::from_hours(2), Duration::from_hours(25)],
            offer_width: [0, 1, 10, 11],
            mobilise_grace: Duration::from_hours(73),
            ..second()
        };
        let refusal = Refusal::from(Policy::decide(&State::default(), Command::Propose(policy), &anna()).unwrap_err());
        assert_eq!(refusal.reason, "POLICY_OUT_OF_BOUNDS");
        let fields: Vec<_> = refusal.fields.iter().map(|v| format!("{} {}", v.field, v.says)).collect();
        assert_eq!(
            fields,
            [
                "policy.duration is 1 h, and may be 1 day to 180 days",
                "policy.offer_stands[0] is 0 min, and may be 1 min to 1 day",
                "policy.offer_stands[3] is 25 h, and may be 1 min to 1 day",
                "policy.offer_width[0] is 0, and may be 1 to 10",
                "policy.offer_width[3] is 11, and may be 1 to 10",
                "policy.mobilise_grace is 73 h, and may be 0 min to 3 days",
            ]
        );
    }

    #[test]
    fn a_policy_in_force_that_was_never_proposed_is_an_impossible_history() {
        let by = || PrincipalId::parse("anna").unwrap();
        let event = Event::PutInForce { policy: second(), proposed_by: by(), approved_by: by() };
        assert!(Policy::evolve(&mut State::default(), &event).is_err());
        assert!(
            Policy::evolve(
                &mut State::Proposed {
                    in_force: Policy::built_in(),
                    policy: Policy { refuses: true, ..second() },
                    by: by(),
                    lapses_at: START
                },
                &event
            )
            .is_err()
        );
    }
}
