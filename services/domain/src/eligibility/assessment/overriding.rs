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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        eligibility::{
            assessment::Command,
            events::{Basis, Finding},
            scenarios::{assessed, received, rouen},
        },
        intake::events::Emergency,
        kernel::Aggregate,
    };

    /// Rouen's rank by the facts is 4-2-3-1-3.
    const LOWER: [u8; 5] = [3, 2, 3, 1, 3];

    fn propose(bands: [u8; 5]) -> Command {
        Command::ProposeOverride { bands, reason: "care is safe in the next town".to_owned() }
    }

    fn take(state: &mut State, command: Command, by: &str) -> Vec<Event> {
        let events = Assessment::decide(state, command, &received(Role::Officer, by, rouen().submitted_at)).unwrap();
        events.iter().for_each(|event| Assessment::evolve(state, event).unwrap());
        events
    }

    fn overridden() -> State {
        let mut state = assessed(&rouen());
        take(&mut state, propose(LOWER), "anna");
        take(&mut state, Command::ApproveOverride { bands: LOWER }, "bert");
        state
    }

    #[test]
    fn nothing_acts_on_a_proposal() {
        let mut state = assessed(&rouen());
        let before = state.assessment().unwrap().key.clone();
        take(&mut state, propose(LOWER), "anna");
        assert_eq!(state.assessment().unwrap().key, before);
    }

    #[test]
    fn an_override_keeps_what_the_facts_suggest_beside_it() {
        let state = overridden();
        let assessment = state.assessment().unwrap();
        assert_eq!(assessment.key.bands, LOWER);
        assert_eq!(assessment.suggested().bands, [4, 2, 3, 1, 3]);
        let standing = assessment.standing_bands();
        assert_eq!((standing[0].band, standing[0].basis), (3, Basis::Override));
        assert_eq!(standing[0].because, "two persons set it from 4 (A4): care is safe in the next town");
        assert_eq!(standing[1..], assessment.bands[1..], "the others stand by the facts");
    }

    #[test]
    fn a_finding_changes_what_the_facts_suggest_and_not_the_override() {
        let mut state = overridden();
        let finding = Finding::HospitalsAffected(1);
        take(&mut state, Command::Resolve { finding, reason: "four are back".to_owned() }, "anna");
        let assessment = state.assessment().unwrap();
        assert_eq!(assessment.suggested().bands, [3, 2, 1, 1, 3]);
        assert_eq!(assessment.key.bands, LOWER);
    }

    #[test]
    fn nobody_approves_what_they_have_not_seen() {
        let mut state = assessed(&rouen());
        take(&mut state, propose(LOWER), "anna");
        take(&mut state, propose([0; 5]), "anna");
        let bert = received(Role::Officer, "bert", rouen().submitted_at);
        let stale = Assessment::decide(&state, Command::ApproveOverride { bands: LOWER }, &bert);
        assert_eq!(stale, Err(Rejection::NoProposal));
    }

    #[test]
    fn a_rank_that_stands_already_needs_no_proposal() {
        let mut state = overridden();
        assert_eq!(take(&mut state, propose(LOWER), "anna"), []);
        assert_eq!(take(&mut state, Command::ApproveOverride { bands: LOWER }, "bert"), []);
        let back = take(&mut state, propose([4, 2, 3, 1, 3]), "anna");
        assert_eq!(back.len(), 1, "two persons can also go back to the facts");
    }

    #[test]
    fn bands_and_reason_are_checked() {
        let state = assessed(&rouen());
        let officer = received(Role::Officer, "anna", rouen().submitted_at);
        assert_eq!(Assessment::decide(&state, propose([5, 0, 0, 0, 0]), &officer), Err(Rejection::BandOutOfRange));
        let silent = Command::ProposeOverride { bands: LOWER, reason: String::new() };
        assert_eq!(Assessment::decide(&state, silent, &officer), Err(Rejection::ReasonMissing));
    }

    #[test]
    fn an_override_does_not_establish_facts() {
        let mut case = rouen();
        case.facts.impact.emergency = Emergency::Unknown;
        case.facts.impact.hospitals_affected = Some(1);
        let mut state = assessed(&case);
        take(&mut state, propose(LOWER), "anna");
        take(&mut state, Command::ApproveOverride { bands: LOWER }, "bert");
        assert!(!state.assessment().unwrap().unknown().is_empty());
    }
}
