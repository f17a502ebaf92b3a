//! The policy in force, and two persons who may replace it (house rule D12).

use muster_domain::{
    eligibility::{
        events::Policy,
        policy::{Command as Ask, State},
    },
    kernel::{Actor, PrincipalId, Received, Role, Timestamp},
};
use muster_sim::run::{cast, rng::Rng};

use super::{Command, DAY, Expects, Model, News, Nothing, nothing_if, one_of, require, somebody};

/// The policy in force, and the last one proposed.
pub struct InForce {
    policy: Policy,
    /// Which, by whom, and when. It stands for seven days; lapsed, it still hides what is in force from who approves.
    proposed: Option<(Policy, PrincipalId, Timestamp)>,
}

impl Default for InForce {
    fn default() -> Self {
        Self { policy: Policy::built_in(), proposed: None }
    }
}

impl Model for InForce {
    type Of = Policy;
    const COMMANDS: &[&str] = &["Propose", "Approve"];
    const REASONS: &[&str] = &["NOT_ENTITLED", "WRONG_VERSION", "POLICY_OUT_OF_BOUNDS", "NO_PROPOSAL", "SAME_PERSON"];

    fn draw(&self, lots: &mut Rng, _: Timestamp) -> (Command<Self>, Actor) {
        let mut other = cast::policy(self.policy.version + one_of(lots, [0, 1, 1, 1, 2]), one_of(lots, [0, 1]));
        if lots.seldom(6) {
            other.offer_width = [0; 4];
        }
        let proposed = self.proposed.as_ref().map(|(policy, ..)| policy.clone()).filter(|_| !lots.seldom(4));
        let command = match lots.below(7) {
            0..=2 => Ask::Propose(other),
            3 => Ask::Approve(self.policy.clone()),
            _ => Ask::Approve(proposed.unwrap_or(other)),
        };
        (command, somebody(lots))
    }

    fn expect(&mut self, command: &Command<Self>, Received { at, by }: &Received) -> Expects {
        require(matches!(by.role, Role::Officer | Role::Commission), "NOT_ENTITLED")?;
        let by = &by.principal;
        let stands = |since: &Timestamp| at.since(*since) < 7 * DAY;
        match command {
            Ask::Propose(policy) => {
                require(policy.version == self.policy.version + 1, "WRONG_VERSION")?;
                require(policy.offer_width != [0; 4], "POLICY_OUT_OF_BOUNDS")?;
                let same = |(known, proposer, since): &_| known == policy && proposer == by && stands(since);
                if self.proposed.as_ref().is_some_and(same) {
                    return Ok(Nothing);
                }
                self.proposed = Some((policy.clone(), by.clone(), *at));
            }
            Ask::Approve(policy) => {
                let Some((proposed, proposer, since)) = &self.proposed else {
                    return nothing_if(self.policy == *policy, "NO_PROPOSAL");
                };
                require(proposed == policy && stands(since), "NO_PROPOSAL")?;
                require(proposer != by, "SAME_PERSON")?;
                *self = Self { policy: policy.clone(), proposed: None };
            }
        }
        Ok(News)
    }

    fn agrees(&self, state: &State, _: Timestamp) -> bool {
        *state.in_force() == self.policy
    }
}
