//! D12, two persons: what takes two was asked by one and approved by another, both entitled, in the same words, before the
//! proposal lapsed; and each spoke for themselves. It holds for suspensions, for other ranks and for policies.

use std::{collections::BTreeMap, time::Duration};

use muster_domain::{
    eligibility::events::{AssessmentEvent, PolicyEvent},
    event::Event,
    kernel::{PrincipalId, Role, Timestamp},
    registry::events::ProviderEvent,
};
use muster_journal::{port::Subject, stored::Commit};

use super::Violation;
use crate::log::{Entry, commits};

/// Its id.
pub const ID: &str = "D12";

const HOUR: u64 = 60 * 60;

/// What one person did alone.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let mut proposals: BTreeMap<&Subject, Proposal> = BTreeMap::new();
    let mut found = Vec::new();
    for at in commits(log) {
        for event in &at.commit.events {
            let mut wrong = Vec::new();
            match said(event) {
                Some(Said::Asked { by, words, lapses_at, stands }) => {
                    wrong.extend(speaks_for(by, event, at.commit));
                    if lapses_at != at.commit.received_at.plus(stands) {
                        wrong.push(format!(
                            "the proposal stands until {lapses_at}, not for {} h",
                            stands.as_secs() / HOUR
                        ));
                    }
                    proposals.insert(at.subject, Proposal { by: by.clone(), words, lapses_at });
                }
                Some(Said::Approved { proposed_by, approved_by, words }) => {
                    wrong.extend(speaks_for(approved_by, event, at.commit));
                    let proposal = proposals.remove(at.subject);
                    wrong.extend(unlike(proposal, proposed_by, &words, at.commit.received_at));
                    if proposed_by == approved_by {
                        wrong.push(format!("{proposed_by} approved what they had proposed"));
                    }
                }
                None => {}
            }
            let says = wrong.into_iter().map(|says| format!("{}: {says}", at.subject));
            found.extend(says.map(|says| Violation::new(ID, at.position, says)));
        }
    }
    found
}

/// What waits for a second person.
struct Proposal {
    by: PrincipalId,
    words: String,
    lapses_at: Timestamp,
}

/// One half of what takes two; `words` is what both must have meant.
enum Said<'a> {
    Asked { by: &'a PrincipalId, words: String, lapses_at: Timestamp, stands: Duration },
    Approved { proposed_by: &'a PrincipalId, approved_by: &'a PrincipalId, words: String },
}

fn said(event: &Event) -> Option<Said<'_>> {
    let stands = |hours: u64| Duration::from_secs(hours * HOUR);
    let asked = |by, words, lapses_at: &Timestamp, hours| {
        Some(Said::Asked { by, words, lapses_at: *lapses_at, stands: stands(hours) })
    };
    let approved = |proposed_by, approved_by, words| Some(Said::Approved { proposed_by, approved_by, words });
    if let Event::Provider(ProviderEvent::SuspensionProposed { reason, by, lapses_at }) = event {
        asked(by, reason.clone(), lapses_at, 7 * 24)
    } else if let Event::Provider(ProviderEvent::Suspended { reason, proposed_by, approved_by }) = event {
        approved(proposed_by, approved_by, reason.clone())
    } else if let Event::Assessment(AssessmentEvent::OverrideProposed { bands, reason, by, lapses_at }) = event {
        asked(by, format!("{bands:?} {reason}"), lapses_at, 24)
    } else if let Event::Assessment(AssessmentEvent::Overridden { bands, reason, proposed_by, approved_by, .. }) = event
    {
        approved(proposed_by, approved_by, format!("{bands:?} {reason}"))
    } else if let Event::Policy(PolicyEvent::Proposed { policy, by, lapses_at }) = event {
        asked(by, format!("{policy:?}"), lapses_at, 7 * 24)
    } else if let Event::Policy(PolicyEvent::PutInForce { policy, proposed_by, approved_by }) = event {
        approved(proposed_by, approved_by, format!("{policy:?}"))
    } else {
        None
    }
}

/// Whoever is named gave the command, and is entitled to it.
fn speaks_for(named: &PrincipalId, event: &Event, commit: &Commit) -> Vec<String> {
    let actor = &commit.actor;
    let commission = actor.role == Role::Commission && !matches!(event, Event::Provider(_));
    let entitled = actor.role == Role::Officer || commission;
    let other = (actor.principal != *named).then(|| format!("{} spoke for {named}", actor.principal));
    let role = (!entitled).then(|| format!("{} is a {}, who may not", actor.principal, actor.role));
    other.into_iter().chain(role).collect()
}

/// What is wrong between an approval and what was proposed.
fn unlike(proposal: Option<Proposal>, by: &PrincipalId, words: &str, now: Timestamp) -> Option<String> {
    let Some(proposal) = proposal else { return Some("approved, and nobody had proposed it".to_owned()) };
    if proposal.by != *by {
        Some(format!("proposed by {}, and the approval names {by}", proposal.by))
    } else if proposal.words != words {
        Some("approved in other words than it was proposed in".to_owned())
    } else if now >= proposal.lapses_at {
        Some(format!("approved at {now}, when the proposal had lapsed"))
    } else {
        None
    }
}
