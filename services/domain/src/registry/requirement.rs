//! What a Member State requires of whoever works there: set, and set anew as a whole.

use crate::{
    check::Violations,
    kernel::{Aggregate, Corrupt, Received, rejections},
    registry::events::{NationalRequirement, RequirementEvent},
};

/// What may be asked of a requirement.
#[derive(Clone, Debug)]
pub enum Command {
    /// Let it be in force from now on.
    Set(NationalRequirement),
}

rejections! {
    /// Why a requirement is refused.
    Rejection {
        /// Fields are wrong.
        Requirement(violations: Violations) = Invalid[violations] "REQUIREMENT_INVALID";
            "Art 17(1)(a): national rules on delivery";
            "the requirement cannot stand: {violations}";
            "correct these fields and send it again; nothing was recorded";
    }
}

impl Aggregate for NationalRequirement {
    type State = Option<Self>;
    type Command = Command;
    type Event = RequirementEvent;
    type Rejection = Rejection;

    fn decide(state: &Option<Self>, command: Command, _: &Received) -> Result<Vec<RequirementEvent>, Rejection> {
        match command {
            Command::Set(requirement) => set(state.as_ref(), requirement),
        }
    }

    fn evolve(state: &mut Option<Self>, event: &RequirementEvent) -> Result<(), Corrupt> {
        match event {
            RequirementEvent::Set(requirement) => *state = Some(requirement.clone()),
        }
        Ok(())
    }
}

fn set(
    state: Option<&NationalRequirement>,
    requirement: NationalRequirement,
) -> Result<Vec<RequirementEvent>, Rejection> {
    check(&requirement).or_refuse(Rejection::Requirement)?;
    if state == Some(&requirement) { Ok(vec![]) } else { Ok(vec![RequirementEvent::Set(requirement)]) }
}

fn check(requirement: &NationalRequirement) -> Violations {
    let mut wrong = Violations::none();
    let says = format_args!("is {}, which is not a Member State", requirement.member_state);
    wrong.require(requirement.member_state.is_member_state(), "requirement.member_state", "Art 17(1)(a)", says);
    wrong.entries("requirement.certificates_any_of", requirement.certificates_any_of.len());
    for (i, certificate) in requirement.certificates_any_of.iter().enumerate() {
        wrong.named(format_args!("requirement.certificates_any_of[{i}]"), "Art 17(1)(a)", certificate);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        kernel::Role,
        testing::{Answer, Scenario, actor, at, country},
    };

    fn requirement() -> NationalRequirement {
        NationalRequirement {
            member_state: country("FR"),
            certificates_any_of: BTreeSet::from(["national incident response qualification (FR)".to_owned()]),
            essential_only: true,
            eu_control: true,
            clearance: false,
        }
    }

    fn set(before: Option<NationalRequirement>, requirement: NationalRequirement) -> Answer<NationalRequirement> {
        let history = before.map(RequirementEvent::Set);
        let operator = actor(Role::Operator, "operator-1");
        Scenario::given(history).when(Command::Set(requirement), operator, at("2026-02-10T07:00:00Z"))
    }

    #[test]
    fn a_requirement_is_set_and_set_anew() {
        let stricter = NationalRequirement { clearance: true, ..requirement() };
        set(None, requirement()).then([RequirementEvent::Set(requirement())]);
        set(Some(requirement()), stricter.clone()).then([RequirementEvent::Set(stricter)]);
    }

    #[test]
    fn the_same_requirement_again_is_nothing_new() {
        set(Some(requirement()), requirement()).then_nothing();
    }

    #[test]
    fn only_a_member_state_requires_and_it_names_what_it_requires() {
        let certificates_any_of = BTreeSet::from([String::new()]);
        let violations =
            check(&NationalRequirement { member_state: country("CH"), certificates_any_of, ..requirement() });
        assert_eq!(
            violations.to_string(),
            "requirement.member_state is CH, which is not a Member State (Art 17(1)(a)); \
             requirement.certificates_any_of[0] is blank (Art 17(1)(a))"
        );
    }
}
