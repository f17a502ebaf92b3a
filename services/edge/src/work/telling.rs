//! Offers and engagements on the wire, as far as whoever asks may know.

use std::collections::BTreeMap;

use muster_api::r#type::v1;
use muster_domain::{
    dispatch::{
        admissibility::{Question, because},
        desk::{Assignment, Granted, Offer, OfferState, Standing as Waiting},
        events::{Candidate, Package, RescindReason, Rule, Standing},
    },
    kernel::{OfferId, PackageId, ProviderId, SubjectRef, Timestamp},
    parties::Parties,
};

use super::{Eyes, Looked, Trail, Work, eyes_of_provider};
use crate::{
    Caller,
    contacts::may_know_contact,
    wire::{
        self,
        fields::{duration, timestamp},
        texts,
    },
};

/// An offer with all that is told of it.
struct Whole<'a> {
    made: &'a Offer,
    assignment: &'a Assignment,
    granted: &'a Granted,
    trail: &'a Trail,
    /// What its reader may know.
    eyes: Eyes,
}

impl Work {
    /// An offer as `eyes` see it, without everybody who was looked at: `tell_considered` adds them where they are asked for.
    pub fn offer(&self, id: &OfferId, eyes: Eyes) -> Option<v1::Offer> {
        let whole = self.whole(id, eyes)?;
        let Whole { made, granted, trail, eyes, .. } = whole;
        let case = &granted.case;
        let told = self.told(&case.request);
        let (reason, note) = whole.end();
        Some(v1::Offer {
            offer: id.to_string(),
            status: made.status().to_string(),
            package: Some(whole.package()),
            duration: Some(duration(granted.terms.duration)),
            incident_class: told.map(|told| told.incident_class.clone()).unwrap_or_default(),
            country: case.country.to_string(),
            languages: texts(&case.languages),
            entity_kind: whole.at_work(&case.entity.kind),
            priority: whole.at_work(granted.key.priority().as_str()),
            offered_at: Some(timestamp(trail.offered_at)),
            expires_at: Some(timestamp(trail.expires_at)),
            seen_at: trail.seen_at.map(timestamp),
            ended_at: trail.ended_at.map(timestamp),
            reason,
            note,
            provider: made.provider.to_string(),
            contract: made.contract.to_string(),
            request: whole.once_accepted(case.request.as_str()),
            hospital: whole.at_work(case.hospital.as_str()),
            extra: eyes >= Eyes::Case && made.extra,
            considered: Vec::new(),
        })
    }

    /// An engagement as `eyes` see it, without whom to call; `None` if the offer was not accepted.
    pub fn engagement(&self, id: &OfferId, eyes: Eyes) -> Option<v1::Engagement> {
        let whole = self.whole(id, eyes).filter(|whole| whole.eyes > Eyes::Asked)?;
        let Whole { made, granted, trail, .. } = whole;
        let (stage, engaged) = (made.stage()?, trail.engaged.as_ref()?);
        let (case, (days_used, reason)) = (&granted.case, work_done(&made.state));
        Some(v1::Engagement {
            offer: id.to_string(),
            stage: stage.to_string(),
            package: Some(whole.package()),
            provider: made.provider.to_string(),
            contract: made.contract.to_string(),
            request: case.request.to_string(),
            hospital: whole.at_work(case.hospital.as_str()),
            hospital_name: whole.at_work(&case.entity.name),
            country: case.country.to_string(),
            priority: whole.at_work(granted.key.priority().as_str()),
            accepted_at: Some(timestamp(engaged.accepted_at)),
            mobilise_by: Some(timestamp(engaged.mobilise_by)),
            on_task_at: engaged.on_task_at.map(timestamp),
            ends_at: Some(timestamp(engaged.ends_at)),
            ended_at: engaged.ended_at.map(timestamp),
            days_reserved: engaged.days_reserved,
            days_used,
            reason: reason.to_owned(),
            note: engaged.note.clone(),
            contact: None,
        })
    }

    /// Whom a caller who may see an engagement may know to call: its provider while the work runs, and those of the case who
    /// speak with its people.
    pub fn whom_to_call(&self, parties: &Parties, caller: &Caller, offer: &OfferId, eyes: Eyes) -> Option<&SubjectRef> {
        let known = match self.whole(offer, eyes)?.eyes {
            Eyes::Asked | Eyes::Done => false,
            Eyes::Working => true,
            Eyes::Case | Eyes::All => may_know_contact(caller, &self.party_of_offer(parties, offer)),
        };
        self.request_of(offer).and_then(|request| self.told(request)).filter(|_| known).map(|told| &told.contact)
    }

    /// Everybody looked at for a package for which nobody is left to ask, and why each was dropped; empty otherwise. A party
    /// is told how many each rule dropped.
    pub fn escalation(&self, package: &PackageId, eyes: Eyes) -> Vec<v1::Candidate> {
        let told = || {
            let assignment = self.desk.assignments.get(package)?;
            let escalation = self.escalations.get(package)?;
            let granted = self.desk.requests.get(&assignment.request)?;
            let nobody_left = assignment.standing == Waiting::Waiting { escalated: true };
            nobody_left.then(|| match eyes {
                Eyes::All => candidates(granted, &assignment.package, &escalation.looked, escalation.at),
                Eyes::Asked | Eyes::Done | Eyes::Working | Eyes::Case => counted(&escalation.looked),
            })
        };
        told().unwrap_or_default()
    }

    /// Everybody looked at for an offer, each in the words of the terms as they stood; `considered` is what the log tells.
    pub(super) fn considered(&self, id: &OfferId, considered: &[Candidate]) -> Vec<v1::Candidate> {
        let Some(whole) = self.whole(id, Eyes::All) else { return Vec::new() };
        let looked = self.looked(considered, whole.trail.position);
        candidates(whole.granted, &whole.asked(), &looked, whole.trail.offered_at)
    }

    fn whole<'a>(&'a self, id: &'a OfferId, eyes: Eyes) -> Option<Whole<'a>> {
        let (made, trail) = (self.desk.offers.get(id)?, self.trails.get(id)?);
        let assignment = self.desk.assignments.get(&made.package)?;
        let granted = self.desk.requests.get(&assignment.request)?;
        // Work that is over here is over, whatever the reader knew a moment ago.
        let over = eyes == Eyes::Working && eyes_of_provider(&made.state) == Eyes::Done;
        let eyes = if over { Eyes::Done } else { eyes };
        Some(Whole { made, assignment, granted, trail, eyes })
    }
}

impl Whole<'_> {
    /// What is told to the provider while it is at work, and to those who may read the request.
    fn at_work(&self, text: &str) -> String {
        if self.eyes >= Eyes::Working { text.to_owned() } else { String::new() }
    }

    /// What is told to the provider once it has accepted, and to those who may read the request.
    fn once_accepted(&self, text: &str) -> String {
        if self.eyes >= Eyes::Done { text.to_owned() } else { String::new() }
    }

    /// What was asked by this very offer: a package has fewer days left when somebody has worked on it.
    fn asked(&self) -> Package {
        Package { person_days: self.made.takes.days, ..self.assignment.package.clone() }
    }

    fn package(&self) -> v1::Package {
        let asked = wire::package(&self.asked());
        v1::Package { package: self.once_accepted(&asked.package), ..asked }
    }

    /// Why the offer ended, as a value of a list and in words. A provider learns nothing of others from an offer that was
    /// taken back.
    fn end(&self) -> (String, String) {
        let all = self.eyes >= Eyes::Case;
        match &self.made.state {
            OfferState::Declined(reason) => (reason.to_string(), self.trail.note.clone()),
            OfferState::Rescinded(reason) if all => (reason.to_string(), self.trail.note.clone()),
            OfferState::Rescinded(reason @ RescindReason::Withdrawn) => (reason.to_string(), String::new()),
            OfferState::Rescinded(
                RescindReason::HigherPriority
                | RescindReason::WaveExtra
                | RescindReason::NotAdmissible
                | RescindReason::Officer,
            )
            | OfferState::Pending { .. }
            | OfferState::Engaged(_)
            | OfferState::Expired(_)
            | OfferState::Lost
            | OfferState::Completed { .. }
            | OfferState::Released { .. } => Default::default(),
        }
    }
}

/// Person-days used in all, and why the work was released.
fn work_done(state: &OfferState) -> (u32, &'static str) {
    match state {
        OfferState::Engaged(engagement) => (engagement.days_used, ""),
        OfferState::Completed { days_used } => (*days_used, ""),
        OfferState::Released { reason, days_used } => (*days_used, reason.as_str()),
        OfferState::Pending { .. }
        | OfferState::Declined(_)
        | OfferState::Expired(_)
        | OfferState::Rescinded(_)
        | OfferState::Lost => (0, ""),
    }
}

/// How many each rule dropped, by nobody's name.
fn counted(looked: &[Looked]) -> Vec<v1::Candidate> {
    let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
    for Looked { standing, .. } in looked {
        if let Standing::Dropped(rule) = standing {
            let count = counts.entry(*rule).or_default();
            *count = count.saturating_add(1);
        }
    }
    let told = counts.into_iter().map(|(rule, count)| {
        let nobody = Candidate { provider: ProviderId::default(), standing: Standing::Dropped(rule) };
        wire::candidate(&nobody, if count == 1 { "1 provider".to_owned() } else { format!("{count} providers") })
    });
    told.collect()
}

/// Providers looked at, each reason in the words of the terms as they stood.
fn candidates(granted: &Granted, package: &Package, looked: &[Looked], at: Timestamp) -> Vec<v1::Candidate> {
    let question = Question { case: &granted.case, package, requirement: None, open: true, at };
    let told = looked.iter().map(|Looked { terms, standing }| {
        let words = match standing {
            Standing::Dropped(rule) => because(*rule, terms, &question),
            Standing::Fits(_) => String::new(),
        };
        wire::candidate(&Candidate { provider: terms.id.clone(), standing: standing.clone() }, words)
    });
    told.collect()
}
