//! A provider in the Reserve: its terms, and two persons who may suspend it (house rule D12).

use muster_domain::{
    kernel::{Actor, PrincipalId, Received, Role, Timestamp},
    registry::{
        catalogue::Catalogue,
        events::Provider,
        provider::{self, Command as Ask, Enrolment, Standing},
    },
};
use muster_sim::run::{
    cast::{self, actor},
    rng::Rng,
};

use super::{Command, DAY, Expects, Model, News, Nothing, news_if, nothing_if, one_of, require, words};

/// What is known of a firm.
#[derive(Default)]
pub struct Firm {
    terms: Option<Provider>,
    /// Why, by whom, and when; it stands for seven days.
    proposed: Option<(String, PrincipalId, Timestamp)>,
    suspended_by: Option<PrincipalId>,
    /// Why, until somebody proposes anew.
    reinstated: Option<String>,
}

impl Model for Firm {
    type Of = Provider;
    const COMMANDS: &[&str] = &["Enrol", "ProposeSuspension", "ApproveSuspension", "Reinstate"];
    const REASONS: &[&str] = provider::Rejection::REASONS;

    fn draw(&self, lots: &mut Rng, _: Timestamp) -> (Command<Self>, Actor) {
        let by = actor(Role::Officer, one_of(lots, ["anna", "bert"]));
        let reason = words(lots);
        let command = match lots.below(8) {
            0 => {
                let mut terms = cast::firm(0, one_of(lots, [0, 1, 2]));
                if lots.seldom(3) {
                    terms.contracts.clear();
                }
                Ask::Enrol { terms, catalogue: Catalogue::default() }
            }
            1..=3 => Ask::ProposeSuspension { reason },
            4..=6 => Ask::ApproveSuspension,
            _ => Ask::Reinstate { reason },
        };
        (command, by)
    }

    fn expect(&mut self, command: &Command<Self>, Received { at, by }: &Received) -> Expects {
        if let Ask::Enrol { terms, .. } = command {
            require(!terms.contracts.is_empty(), "PROVIDER_INVALID")?;
            let known = self.terms.replace(terms.clone());
            return news_if(known.as_ref() != Some(terms));
        }
        require(self.terms.is_some(), "PROVIDER_NOT_ENROLLED")?;
        let by = &by.principal;
        let standing = self.standing(*at).cloned();
        match command {
            Ask::Enrol { .. } => {}
            Ask::ProposeSuspension { reason } => {
                is_fit(reason)?;
                require(self.suspended_by.is_none(), "ALREADY_SUSPENDED")?;
                if let Some((known, proposer, _)) = standing {
                    require(known == *reason && proposer == *by, "SUSPENSION_ALREADY_PROPOSED")?;
                    return Ok(Nothing);
                }
                self.reinstated = None;
                self.proposed = Some((reason.clone(), by.clone(), *at));
            }
            Ask::ApproveSuspension => {
                if let Some(approver) = &self.suspended_by {
                    return nothing_if(approver == by, "ALREADY_SUSPENDED");
                }
                let (_, proposer, _) = standing.ok_or("NO_SUSPENSION_PROPOSED")?;
                require(proposer != *by, "SAME_PERSON")?;
                self.proposed = None;
                self.suspended_by = Some(by.clone());
            }
            Ask::Reinstate { reason } => {
                is_fit(reason)?;
                if self.reinstated.as_ref() == Some(reason) {
                    return Ok(Nothing);
                }
                require(self.suspended_by.is_some(), "NOT_SUSPENDED")?;
                self.suspended_by = None;
                self.reinstated = Some(reason.clone());
            }
        }
        Ok(News)
    }

    fn agrees(&self, state: &Option<Enrolment>, now: Timestamp) -> bool {
        let Some(enrolment) = state else { return self.terms.is_none() };
        let proposed = enrolment.standing.proposal(now).map(|proposal| proposal.by);
        Some(&enrolment.terms) == self.terms.as_ref()
            && matches!(enrolment.standing, Standing::Suspended { .. }) == self.suspended_by.is_some()
            && proposed == self.standing(now).map(|(_, by, _)| by)
    }
}

impl Firm {
    fn standing(&self, now: Timestamp) -> Option<&(String, PrincipalId, Timestamp)> {
        self.proposed.as_ref().filter(|(_, _, at)| now.since(*at) < 7 * DAY)
    }
}

fn is_fit(reason: &str) -> Result<(), &'static str> {
    require((1..=200).contains(&reason.len()), "REASON_INVALID")
}
