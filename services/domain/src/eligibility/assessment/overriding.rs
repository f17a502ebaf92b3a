//! Another rank than the facts give: proposed by one person, approved by another (house rule D12). After a grant it moves the
//! packages that still wait.

use std::time::Duration;

use super::{Assessment, Event, Proposal, Rejection, State, in_words};
use crate::{
    eligibility::{
        bands::BAND_MAX,
        events::{Outcome, PriorityKey},
    },
    kernel::{Received, Role},
};

/// How long a proposal waits for its second person.
pub(super) const PROPOSAL_STANDS: Duration = Duration::from_hours(24);

/// One person asks.
pub(super) fn propose_override(
    state: &State,
    bands: [u8; 5],
    reason: String,
    received: &Received,
) -> Result<Vec<Event>, Rejection> {
    let assessment = rankable(state, received)?;
    in_words(&reason)?;
    if bands.iter().any(|&band| band > BAND_MAX) {
        return Err(Rejection::BandOutOfRange);
    }
    let by = received.by.principal.clone();
    let stands = |p: &Proposal| p.bands == bands && p.reason == reason && p.by == by && received.at < p.lapses_at;
    if bands == assessment.key.bands || assessment.proposal.as_ref().is_some_and(stands) {
        return Ok(vec![]);
    }
    Ok(vec![Event::OverrideProposed { bands, reason, by, lapses_at: received.at.plus(PROPOSAL_STANDS) }])
}

/// Another person approves what was proposed.
pub(super) fn approve_override(state: &State, bands: [u8; 5], received: &Received) -> Result<Vec<Event>, Rejection> {
    let assessment = rankable(state, received)?;
    let by = &received.by.principal;
    let Some(proposal) = &assessment.proposal else {
        // Said again by the person who approved: nothing new.
        let done = assessment.overridden.as_ref().is_some_and(|o| o.bands == bands && o.approved_by == *by);
        return if done { Ok(vec![]) } else { Err(Rejection::NoProposal) };
    };
    if proposal.bands != bands || received.at >= proposal.lapses_at {
        return Err(Rejection::NoProposal);
    }
    if proposal.by == *by {
        return Err(Rejection::SamePerson);
    }
    Ok(vec![Event::Overridden {
        bands,
        reason: proposal.reason.clone(),
        proposed_by: proposal.by.clone(),
        approved_by: by.clone(),
        suggested: assessment.suggested(),
        key: PriorityKey { bands, ..assessment.key.clone() },
    }])
}

/// A request that has a rank: not refused, not withdrawn; and a person who may speak about it.
fn rankable<'a>(state: &'a State, received: &Received) -> Result<&'a Assessment, Rejection> {
    let (assessment, decided) = state.acting()?;
    if !matches!(received.by.role, Role::Officer | Role::Commission) {
        return Err(Rejection::NotEntitled { needed: Role::Officer });
    }
    match decided {
        Some(decision) if decision.outcome == Outcome::Refused => {
            Err(Rejection::AlreadyDecided { outcome: decision.outcome })
        }
        Some(_) | None => Ok(assessment),
    }
}
