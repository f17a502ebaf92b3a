//! How events change the desk.

use std::{collections::BTreeSet, sync::Arc};

use super::{Assignment, Desk, Engagement, Enlisted, Granted, Offer, OfferState, Standing, Usage};
use crate::{
    dispatch::{
        events::{DeclineReason, DeskEvent, Package, ReleaseReason, RescindReason, Stage},
        matching::Slots,
    },
    eligibility::events::{Case, Policy, PriorityKey, Terms},
    kernel::{Corrupt, OfferId, PackageId, RequestId, Timestamp},
    registry::events::AuthorityKind,
};

fn corrupt(what: impl Into<String>) -> Corrupt {
    Corrupt(what.into())
}

impl Desk {
    /// Takes one event into the state.
    pub(super) fn evolve(&mut self, event: &DeskEvent) -> Result<(), Corrupt> {
        match event {
            DeskEvent::ProviderTaken { provider, suspended } => {
                let enlisted = Enlisted { provider: provider.clone(), suspended: *suspended };
                self.providers.insert(provider.id.clone(), enlisted);
                self.worked = super::Worked::default();
            }
            DeskEvent::RequirementTaken(requirement) => {
                self.requirements.insert(requirement.member_state, requirement.clone());
                self.worked = super::Worked::default();
            }
            DeskEvent::CouncilActTaken(act) => {
                self.acts.entry(act.country).or_default().push(act.clone());
                self.worked = super::Worked::default();
            }
            DeskEvent::RepealTaken { country, reference } => {
                self.acts.entry(*country).or_default().retain(|act| act.reference != *reference);
                self.worked = super::Worked::default();
            }
            DeskEvent::PolicyTaken(policy) => self.evolve_policy(policy),
            DeskEvent::GrantTaken { case, terms, key, packages } => self.evolve_grant(case, terms, key, packages),
            DeskEvent::PriorityTaken { key } => self.evolve_priority(key)?,
            DeskEvent::WithdrawalTaken { request } => self.evolve_withdrawal(request),
            DeskEvent::Offered { .. } => self.evolve_offered(event)?,
            DeskEvent::Accepted { .. } => self.evolve_accepted(event)?,
            DeskEvent::Seen { offer } => {
                let OfferState::Pending { seen, .. } = &mut self.offer(offer)?.state else {
                    return Err(corrupt(format!("{offer} was seen and is not pending")));
                };
                *seen = true;
            }
            DeskEvent::Declined { offer, reason, .. } => self.evolve_declined(offer, *reason)?,
            DeskEvent::Expired { offer } => self.evolve_expired(offer)?,
            DeskEvent::Rescinded { offer, reason, .. } => self.evolve_rescinded(offer, *reason)?,
            DeskEvent::Lost { offer } => {
                self.end_pending(offer, OfferState::Lost)?;
            }
            DeskEvent::Escalated { package, .. } => {
                self.stand(package, Standing::Waiting { escalated: true })?;
            }
            DeskEvent::Reopened { package, .. } => {
                self.assignment(package)?.tried.clear();
                self.stand(package, Standing::Waiting { escalated: false })?;
            }
            DeskEvent::GivenUp { package, .. } => self.stand(package, Standing::GivenUp)?,
            DeskEvent::StageReached { offer, stage } => self.evolve_stage(offer, *stage)?,
            DeskEvent::DaysReported { offer, days_used } => self.use_days(offer, *days_used)?,
            DeskEvent::Extended { offer, ends_at, person_days } => {
                self.evolve_extended(offer, *ends_at, *person_days)?
            }
            DeskEvent::Completed { offer, days_used } => {
                let package = self.end_engaged(offer, *days_used, OfferState::Completed { days_used: *days_used })?;
                self.stand(&package, Standing::Completed)?;
            }
            DeskEvent::Released { offer, reason, days_used, .. } => self.evolve_released(offer, *reason, *days_used)?,
            DeskEvent::RequestFinished { request, .. } => {
                self.granted(request)?.finished = true;
                self.index.third_country.remove(request);
            }
        }
        Ok(())
    }

    fn evolve_policy(&mut self, policy: &Policy) {
        self.policy = policy.clone();
        self.worked = super::Worked::default();
        let packages: Vec<_> = self.assignments.keys().cloned().collect();
        packages.iter().for_each(|package| self.note_standing(package));
    }

    fn evolve_priority(&mut self, key: &PriorityKey) -> Result<(), Corrupt> {
        let packages = self.granted(&key.request)?.packages.clone();
        packages.iter().for_each(|package| self.forget_standing(package));
        self.granted(&key.request)?.key = key.clone();
        packages.iter().for_each(|package| self.note_standing(package));
        Ok(())
    }

    fn evolve_grant(&mut self, case: &Case, terms: &Terms, key: &PriorityKey, packages: &[Package]) {
        for package in packages {
            let assignment = Assignment {
                package: package.clone(),
                request: case.request.clone(),
                standing: Standing::Waiting { escalated: false },
                tried: BTreeSet::new(),
                supported: false,
                ends_at: None,
            };
            self.assignments.insert(package.id.clone(), Arc::new(assignment));
        }
        let granted = Granted {
            case: case.clone(),
            terms: terms.clone(),
            key: key.clone(),
            packages: packages.iter().map(|package| package.id.clone()).collect(),
            conflicted: BTreeSet::new(),
            began_at: None,
            finished: false,
        };
        if case.user == AuthorityKind::ThirdCountry {
            self.index.third_country.insert(case.request.clone());
        }
        self.requests.insert(case.request.clone(), Arc::new(granted));
        packages.iter().for_each(|package| self.note_standing(&package.id));
    }

    fn evolve_withdrawal(&mut self, request: &RequestId) {
        self.withdrawn.insert(request.clone());
        let packages = self.requests.get(request).map(|granted| granted.packages.clone()).unwrap_or_default();
        for package in &packages {
            if let Some(assignment) = self.assignments.get_mut(package).map(Arc::make_mut)
                && matches!(assignment.standing, Standing::Waiting { .. })
            {
                assignment.standing = Standing::Withdrawn;
                self.note_standing(package);
            }
        }
    }

    fn evolve_offered(&mut self, event: &DeskEvent) -> Result<(), Corrupt> {
        let DeskEvent::Offered { offer, package, provider, contract, expires_at, extra, .. } = event else {
            return Ok(());
        };
        let asked = &self.assignment(package)?.package;
        let takes = Slots { teams: asked.teams(), onsite: asked.onsite_teams, days: asked.person_days };
        let made = Offer {
            package: package.clone(),
            provider: provider.clone(),
            contract: contract.clone(),
            takes,
            extra: *extra,
            state: OfferState::Pending { expires_at: *expires_at, seen: false },
        };
        let usage = self.usage.entry((provider.clone(), contract.clone())).or_default();
        usage.teams = usage.teams.saturating_add(takes.teams);
        usage.onsite_teams = usage.onsite_teams.saturating_add(takes.onsite);
        usage.days_held = usage.days_held.saturating_add(takes.days);
        self.offers.insert(offer.clone(), Arc::new(made));
        self.active.insert(offer.clone());
        self.index.expiring.insert((*expires_at, offer.clone()));
        self.offers_made = self.offers_made.saturating_add(1);
        match &mut self.assignment(package)?.standing {
            Standing::Offered(offers) => {
                offers.insert(offer.clone());
            }
            standing @ Standing::Waiting { .. } => *standing = Standing::Offered([offer.clone()].into()),
            Standing::Engaged(_) | Standing::Completed | Standing::GivenUp | Standing::Withdrawn => {
                return Err(corrupt(format!("{package} was offered and is not open")));
            }
        }
        self.note_standing(package);
        Ok(())
    }

    fn evolve_accepted(&mut self, event: &DeskEvent) -> Result<(), Corrupt> {
        let DeskEvent::Accepted { offer, accepted_at, mobilise_by, ends_at } = event else { return Ok(()) };
        let (mobilise_by, ends_at) = (*mobilise_by, *ends_at);
        let days = self.end_pending(offer, OfferState::Lost)?.takes.days;
        let engagement =
            Engagement { stage: Stage::Mobilising, mobilise_by, ends_at, days_reserved: days, days_used: 0 };
        self.active.insert(offer.clone());
        self.index.mobilising.insert((mobilise_by, offer.clone()));
        let accepted = self.offer(offer)?;
        accepted.state = OfferState::Engaged(engagement);
        let (package, takes) = (accepted.package.clone(), accepted.takes);
        let usage = self.usage_of(offer)?;
        usage.teams = usage.teams.saturating_add(takes.teams);
        usage.onsite_teams = usage.onsite_teams.saturating_add(takes.onsite);
        usage.days_reserved = usage.days_reserved.saturating_add(days);
        let assignment = self.assignment(&package)?;
        assignment.supported = true;
        let request = assignment.request.clone();
        let granted = self.granted(&request)?;
        if granted.began_at.is_none() {
            granted.began_at = Some(*accepted_at);
            // From here it is known when the days of a third country are over.
            self.worked.hold = None;
        }
        self.stand(&package, Standing::Engaged(offer.clone()))
    }

    fn evolve_declined(&mut self, offer: &OfferId, reason: DeclineReason) -> Result<(), Corrupt> {
        self.end_tried(offer, OfferState::Declined(reason))?;
        if reason == DeclineReason::Conflict {
            let Offer { package, provider, .. } = self.offer(offer)?.clone();
            let request = self.assignment(&package)?.request.clone();
            self.granted(&request)?.conflicted.insert(provider);
        }
        Ok(())
    }

    fn evolve_expired(&mut self, offer: &OfferId) -> Result<(), Corrupt> {
        let OfferState::Pending { expires_at, .. } = self.offer(offer)?.state else {
            return Err(corrupt(format!("{offer} expired and was not pending")));
        };
        self.end_tried(offer, OfferState::Expired(expires_at))
    }

    fn evolve_rescinded(&mut self, offer: &OfferId, reason: RescindReason) -> Result<(), Corrupt> {
        if reason == RescindReason::Officer {
            return self.end_tried(offer, OfferState::Rescinded(reason));
        }
        self.end_pending(offer, OfferState::Rescinded(reason))?;
        self.wait_if_alone(offer)
    }

    fn evolve_stage(&mut self, offer: &OfferId, stage: Stage) -> Result<(), Corrupt> {
        let engagement = self.engagement(offer)?;
        engagement.stage = stage;
        let (mobilise_by, ends_at) = (engagement.mobilise_by, engagement.ends_at);
        self.index.mobilising.remove(&(mobilise_by, offer.clone()));
        let package = self.offer(offer)?.package.clone();
        self.assignment(&package)?.ends_at = Some(ends_at);
        Ok(())
    }

    fn evolve_extended(&mut self, offer: &OfferId, ends_at: Timestamp, person_days: u32) -> Result<(), Corrupt> {
        let engagement = self.engagement(offer)?;
        engagement.ends_at = ends_at;
        engagement.days_reserved = engagement.days_reserved.saturating_add(person_days);
        let package = self.offer(offer)?.package.clone();
        let assignment = self.assignment(&package)?;
        assignment.ends_at = assignment.ends_at.and(Some(ends_at));
        assignment.package.person_days = assignment.package.person_days.saturating_add(person_days);
        let usage = self.usage_of(offer)?;
        usage.days_reserved = usage.days_reserved.saturating_add(person_days);
        Ok(())
    }

    fn evolve_released(&mut self, offer: &OfferId, reason: ReleaseReason, days_used: u32) -> Result<(), Corrupt> {
        let released = OfferState::Released { reason, days_used };
        let package = self.end_engaged(offer, days_used, released)?;
        let provider = self.offer(offer)?.provider.clone();
        let assignment = self.assignment(&package)?;
        let gave_it_back = match reason {
            ReleaseReason::Failed | ReleaseReason::NotMobilised | ReleaseReason::Officer => true,
            ReleaseReason::Withdrawn | ReleaseReason::AccessEnded => false,
        };
        if gave_it_back {
            assignment.tried.insert(provider);
        }
        // What is left to do is what was not used; a package never shrinks to nothing.
        let left = assignment.package.person_days.saturating_sub(days_used);
        assignment.package.person_days = left.max(assignment.package.person_days.min(1));
        let standing = match reason {
            ReleaseReason::Withdrawn => Standing::Withdrawn,
            ReleaseReason::Failed
            | ReleaseReason::NotMobilised
            | ReleaseReason::Officer
            | ReleaseReason::AccessEnded => Standing::Waiting { escalated: false },
        };
        self.stand(&package, standing)
    }

    fn stand(&mut self, package: &PackageId, standing: Standing) -> Result<(), Corrupt> {
        self.assignment(package)?.standing = standing;
        self.note_standing(package);
        Ok(())
    }

    fn granted(&mut self, request: &RequestId) -> Result<&mut Granted, Corrupt> {
        self.requests.get_mut(request).map(Arc::make_mut).ok_or_else(|| corrupt(format!("{request} is not granted")))
    }

    fn assignment(&mut self, package: &PackageId) -> Result<&mut Assignment, Corrupt> {
        self.assignments
            .get_mut(package)
            .map(Arc::make_mut)
            .ok_or_else(|| corrupt(format!("there is no package {package}")))
    }

    fn offer(&mut self, offer: &OfferId) -> Result<&mut Offer, Corrupt> {
        self.offers.get_mut(offer).map(Arc::make_mut).ok_or_else(|| corrupt(format!("there is no offer {offer}")))
    }

    fn engagement(&mut self, offer: &OfferId) -> Result<&mut Engagement, Corrupt> {
        let OfferState::Engaged(engagement) = &mut self.offer(offer)?.state else {
            return Err(corrupt(format!("{offer} is no engagement")));
        };
        Ok(engagement)
    }

    fn usage_of(&mut self, offer: &OfferId) -> Result<&mut Usage, Corrupt> {
        let offer = self.offer(offer)?;
        let key = (offer.provider.clone(), offer.contract.clone());
        self.usage.get_mut(&key).ok_or_else(|| corrupt("an offer with nothing in the ledger"))
    }

    /// Gives back what a pending offer took.
    fn end_pending(&mut self, id: &OfferId, state: OfferState) -> Result<&Offer, Corrupt> {
        let offer = self.offer(id)?;
        let takes = offer.takes;
        let OfferState::Pending { expires_at, .. } = std::mem::replace(&mut offer.state, state) else {
            return Err(corrupt(format!("{id} was not pending")));
        };
        self.active.remove(id);
        self.index.expiring.remove(&(expires_at, id.clone()));
        let usage = self.usage_of(id)?;
        usage.teams = usage.teams.checked_sub(takes.teams).ok_or_else(|| corrupt("teams below zero"))?;
        usage.onsite_teams = usage.onsite_teams.checked_sub(takes.onsite).ok_or_else(|| corrupt("teams below zero"))?;
        usage.days_held = usage.days_held.checked_sub(takes.days).ok_or_else(|| corrupt("days below zero"))?;
        Ok(self.offer(id)?)
    }

    fn end_tried(&mut self, id: &OfferId, state: OfferState) -> Result<(), Corrupt> {
        let offer = self.end_pending(id, state)?;
        let (package, provider) = (offer.package.clone(), offer.provider.clone());
        self.assignment(&package)?.tried.insert(provider);
        self.wait_if_alone(id)
    }

    /// The package of an offer that ended waits again if that was its last.
    fn wait_if_alone(&mut self, id: &OfferId) -> Result<(), Corrupt> {
        let package = self.offer(id)?.package.clone();
        let withdrawn = self.assignments.get(&package).is_some_and(|a| self.withdrawn.contains(&a.request));
        let standing = &mut self.assignment(&package)?.standing;
        if let Standing::Offered(offers) = standing {
            offers.remove(id);
            if offers.is_empty() {
                *standing = if withdrawn { Standing::Withdrawn } else { Standing::Waiting { escalated: false } };
            }
        }
        self.note_standing(&package);
        Ok(())
    }

    /// Moves reported days from reserved to used.
    fn use_days(&mut self, id: &OfferId, days_used: u32) -> Result<(), Corrupt> {
        let engagement = self.engagement(id)?;
        let more = days_used.checked_sub(engagement.days_used).ok_or_else(|| corrupt("days used went down"))?;
        let left = engagement.days_reserved.checked_sub(more).ok_or_else(|| corrupt("more days used than reserved"))?;
        (engagement.days_used, engagement.days_reserved) = (days_used, left);
        let usage = self.usage_of(id)?;
        usage.days_reserved = usage.days_reserved.checked_sub(more).ok_or_else(|| corrupt("days below zero"))?;
        usage.days_used = usage.days_used.saturating_add(more);
        Ok(())
    }

    /// Ends an engagement: days not used go back, teams are free.
    fn end_engaged(&mut self, id: &OfferId, days_used: u32, state: OfferState) -> Result<PackageId, Corrupt> {
        self.use_days(id, days_used)?;
        let engagement = self.engagement(id)?;
        let (returned, mobilise_by) = (engagement.days_reserved, engagement.mobilise_by);
        self.index.mobilising.remove(&(mobilise_by, id.clone()));
        let offer = self.offer(id)?;
        let (takes, package) = (offer.takes, offer.package.clone());
        offer.state = state;
        self.active.remove(id);
        let usage = self.usage_of(id)?;
        usage.teams = usage.teams.checked_sub(takes.teams).ok_or_else(|| corrupt("teams below zero"))?;
        usage.onsite_teams = usage.onsite_teams.checked_sub(takes.onsite).ok_or_else(|| corrupt("teams below zero"))?;
        usage.days_reserved = usage.days_reserved.checked_sub(returned).ok_or_else(|| corrupt("days below zero"))?;
        Ok(package)
    }
}
