//! What each command causes by itself, before settling.

use std::collections::BTreeMap;

use super::{Command, Desk, ENDED_PER_COMMIT_MAX, Engagement, Offer, OfferState, Rejection, Standing};
use crate::{
    check::Violations,
    dispatch::{
        admissibility::contract_at,
        events::{DeclineReason, DeskEvent, ReleaseReason, RescindReason, Stage},
        packages::{Reserve, cut},
    },
    eligibility::events::{Case, PriorityKey, Terms},
    kernel::{OfferId, PackageId, ProviderId, Received, RequestId, Timestamp},
    registry::events::Provider,
};

type Answer = Result<Vec<DeskEvent>, Rejection>;

impl Desk {
    pub(super) fn answer(&self, command: Command, received: &Received, now: Timestamp) -> Answer {
        let at = received.at;
        match command {
            Command::TakeProvider(provider) => Ok(self.take_provider(provider)),
            Command::TakeSuspension { provider, suspended } => Ok(self.take_suspension(&provider, suspended)),
            Command::TakeRequirement(requirement) => {
                let known = self.requirements.get(&requirement.member_state) == Some(&requirement);
                Ok(if known { vec![] } else { vec![DeskEvent::RequirementTaken(requirement)] })
            }
            Command::TakeCouncilAct(act) => {
                let known = self.acts_on(act.country).any(|known| *known == act);
                Ok(if known { vec![] } else { vec![DeskEvent::CouncilActTaken(act)] })
            }
            Command::TakeRepeal { country, reference } => {
                let stands = self.acts_on(country).any(|act| act.reference == reference);
                Ok(if stands { vec![DeskEvent::RepealTaken { country, reference }] } else { vec![] })
            }
            Command::TakePolicy(policy) => {
                Ok(if self.policy == policy { vec![] } else { vec![DeskEvent::PolicyTaken(policy)] })
            }
            Command::TakeGrant { case, terms, key } => Ok(self.take_grant(case, terms, key, now)),
            Command::TakePriority(key) => Ok(match self.requests.get(&key.request) {
                Some(granted) if granted.key != key && !granted.finished => vec![DeskEvent::PriorityTaken { key }],
                Some(_) | None => vec![],
            }),
            Command::TakeWithdrawal(request) => Ok(self.take_withdrawal(request)),
            Command::Wake => Ok(self.wake(now)),
            Command::See { offer, by } => self.see(offer, &by),
            Command::Accept { offer, by } => self.accept(offer, &by, at),
            Command::Decline { offer, by, reason, note } => {
                if matches!(self.offer_of(&offer, &by)?.state, OfferState::Declined(_)) {
                    return Ok(vec![]);
                }
                self.open_offer(&offer, &by, at)?;
                if reason == DeclineReason::Other {
                    said(&note)?;
                }
                bounded(&note)?;
                Ok(self.declined(offer, &by, reason, note))
            }
            Command::Rescind { offer, note } => self.rescind(offer, note, at),
            Command::Reopen { package, note } => self.reopen(package, note),
            Command::GiveUp { package, note } => self.give_up(package, note),
            Command::ReachStage { offer, by, stage } => self.reach_stage(offer, &by, stage),
            Command::ReportDays { offer, by, days_used } => {
                let engagement = self.running(&offer, Some(&by))?;
                days_in_range(&offer, engagement, days_used)?;
                let news = days_used != engagement.days_used;
                Ok(if news { vec![DeskEvent::DaysReported { offer, days_used }] } else { vec![] })
            }
            Command::Complete { offer, by, days_used } => {
                if self.offer_of(&offer, &by)?.state == (OfferState::Completed { days_used }) {
                    return Ok(vec![]);
                }
                days_in_range(&offer, self.running(&offer, Some(&by))?, days_used)?;
                Ok(vec![DeskEvent::Completed { offer, days_used }])
            }
            Command::Fail { offer, by, note, days_used } => {
                days_in_range(&offer, self.running(&offer, Some(&by))?, days_used)?;
                said(&note)?;
                Ok(vec![DeskEvent::Released { offer, reason: ReleaseReason::Failed, note, days_used }])
            }
            Command::Release { offer, note } => {
                let days_used = self.running(&offer, None)?.days_used;
                said(&note)?;
                Ok(vec![DeskEvent::Released { offer, reason: ReleaseReason::Officer, note, days_used }])
            }
            Command::Extend { offer, ends_at, person_days } => self.extend(offer, ends_at, person_days, now),
        }
    }

    fn take_provider(&self, provider: Provider) -> Vec<DeskEvent> {
        let suspended = self.providers.get(&provider.id).is_some_and(|enlisted| enlisted.suspended);
        match self.providers.get(&provider.id) {
            Some(enlisted) if enlisted.provider == provider => vec![],
            Some(_) | None => vec![DeskEvent::ProviderTaken { provider, suspended }],
        }
    }

    fn take_suspension(&self, provider: &ProviderId, suspended: bool) -> Vec<DeskEvent> {
        match self.providers.get(provider) {
            Some(enlisted) if enlisted.suspended != suspended => {
                vec![DeskEvent::ProviderTaken { provider: enlisted.provider.clone(), suspended }]
            }
            Some(_) | None => vec![],
        }
    }

    fn take_grant(&self, case: Case, terms: Terms, key: PriorityKey, now: Timestamp) -> Vec<DeskEvent> {
        if self.requests.contains_key(&case.request) || self.withdrawn.contains(&case.request) {
            return vec![];
        }
        let providers: Vec<_> = self.providers.values().map(|e| (&e.provider, e.suspended)).collect();
        let reserve = Reserve { providers: &providers, requirement: self.requirements.get(&case.country), at: now };
        let packages = cut(&case, &terms, &reserve);
        vec![DeskEvent::GrantTaken { case, terms, key, packages }]
    }

    fn take_withdrawal(&self, request: RequestId) -> Vec<DeskEvent> {
        if self.withdrawn.contains(&request) || self.requests.get(&request).is_some_and(|granted| granted.finished) {
            return vec![];
        }
        let ended = self.active().filter(|(_, offer)| {
            self.assignments.get(&offer.package).is_some_and(|assignment| assignment.request == request)
        });
        let ended = ended.filter_map(|(id, offer)| match &offer.state {
            OfferState::Pending { .. } => Some(taken_back(id.clone(), RescindReason::Withdrawn)),
            OfferState::Engaged(engagement) => Some(DeskEvent::Released {
                offer: id.clone(),
                reason: ReleaseReason::Withdrawn,
                note: "the request was withdrawn".to_owned(),
                days_used: engagement.days_used,
            }),
            OfferState::Declined(_)
            | OfferState::Expired(_)
            | OfferState::Rescinded(_)
            | OfferState::Lost
            | OfferState::Completed { .. }
            | OfferState::Released { .. } => None,
        });
        let ended: Vec<_> = ended.collect();
        [DeskEvent::WithdrawalTaken { request }].into_iter().chain(ended).collect()
    }

    /// What deadlines bring: offers expire, providers that did not start lose the work.
    fn wake(&self, now: Timestamp) -> Vec<DeskEvent> {
        let expired = self.index.expiring.iter().take_while(|(ends, _)| *ends <= now).take(ENDED_PER_COMMIT_MAX);
        let mut due: BTreeMap<_, _> =
            expired.map(|(_, offer)| (offer, DeskEvent::Expired { offer: offer.clone() })).collect();
        let grace = self.policy.mobilise_grace;
        let missed = self.index.mobilising.iter().take_while(|(by, _)| by.plus(grace) <= now);
        let missed = missed.take(ENDED_PER_COMMIT_MAX.saturating_sub(due.len()));
        due.extend(missed.filter_map(|(mobilise_by, offer)| {
            let OfferState::Engaged(Engagement { days_used, .. }) = self.offers.get(offer)?.state else { return None };
            let note = format!("it was to be on task by {mobilise_by}");
            let (reason, offer_id) = (ReleaseReason::NotMobilised, offer.clone());
            Some((offer, DeskEvent::Released { offer: offer_id, reason, note, days_used }))
        }));
        due.into_values().collect()
    }

    fn offer_of(&self, id: &OfferId, by: &ProviderId) -> Result<&Offer, Rejection> {
        match self.offers.get(id) {
            None => Err(Rejection::NoSuchOffer(id.clone())),
            Some(offer) if offer.provider != *by => Err(Rejection::NotYours(id.clone())),
            Some(offer) => Ok(offer),
        }
    }

    /// The offer, if its provider may still answer it.
    fn open_offer(&self, id: &OfferId, by: &ProviderId, at: Timestamp) -> Result<&Offer, Rejection> {
        let offer = self.offer_of(id, by)?;
        let id = id.clone();
        match &offer.state {
            OfferState::Pending { expires_at, .. } if at < *expires_at => Ok(offer),
            OfferState::Pending { expires_at, .. } => Err(Rejection::OfferExpired(id, *expires_at)),
            OfferState::Expired(expired_at) => Err(Rejection::OfferExpired(id, *expired_at)),
            OfferState::Declined(_) => Err(Rejection::OfferDeclined(id)),
            OfferState::Rescinded(_) => Err(Rejection::OfferRescinded(id)),
            OfferState::Lost => Err(Rejection::OfferLost(id)),
            OfferState::Engaged(_) => Err(Rejection::OfferAccepted(id)),
            OfferState::Completed { .. } | OfferState::Released { .. } => Err(Rejection::EngagementEnded(id)),
        }
    }

    fn see(&self, offer: OfferId, by: &ProviderId) -> Answer {
        match &self.offer_of(&offer, by)?.state {
            OfferState::Pending { seen: false, .. } => Ok(vec![DeskEvent::Seen { offer }]),
            // Opening an old offer again is no news, and nothing to refuse.
            OfferState::Pending { seen: true, .. }
            | OfferState::Engaged(_)
            | OfferState::Declined(_)
            | OfferState::Expired(_)
            | OfferState::Rescinded(_)
            | OfferState::Lost
            | OfferState::Completed { .. }
            | OfferState::Released { .. } => Ok(vec![]),
        }
    }

    /// The first valid accept wins; the package's other offers are lost in the same commit.
    fn accept(&self, id: OfferId, by: &ProviderId, at: Timestamp) -> Answer {
        if matches!(self.offer_of(&id, by)?.state, OfferState::Engaged(_)) {
            return Ok(vec![]);
        }
        let offer = self.open_offer(&id, by, at)?;
        let no_package = || Rejection::NoSuchPackage(offer.package.clone());
        let assignment = self.assignments.get(&offer.package).ok_or_else(no_package)?;
        let granted = self.requests.get(&assignment.request).ok_or_else(no_package)?;
        if !self.is_open(granted, at) {
            return Err(Rejection::OfferRescinded(id));
        }
        let provider = self.providers.get(by).map(|enlisted| &enlisted.provider);
        let contract = provider.and_then(|p| p.contracts.iter().find(|contract| contract.id == offer.contract));
        let start = match (contract, provider) {
            (Some(contract), _) if assignment.package.onsite_teams == 0 => contract.mobilisation.remote,
            (Some(contract), Some(provider)) if provider.established_in == granted.case.country => {
                contract.mobilisation.onsite_home
            }
            (Some(contract), _) => contract.mobilisation.onsite_abroad,
            (None, _) => return Err(Rejection::OfferRescinded(id)),
        };
        let lost = self.pending(&offer.package).filter(|other| **other != id);
        let lost: Vec<_> = lost.map(|other| DeskEvent::Lost { offer: other.clone() }).collect();
        let (mobilise_by, ends_at) = (at.plus(start), self.support_ends(assignment, granted, at));
        let accepted = DeskEvent::Accepted { offer: id, accepted_at: at, mobilise_by, ends_at };
        Ok([accepted].into_iter().chain(lost).collect())
    }

    /// A conflict of interest holds for the whole case: what else of it the provider was offered is taken back.
    fn declined(&self, id: OfferId, by: &ProviderId, reason: DeclineReason, note: String) -> Vec<DeskEvent> {
        let request = |offer: &OfferId| Some(&self.assignments.get(&self.offers.get(offer)?.package)?.request);
        let others = self.active().filter(|(other, offer)| {
            let pending = matches!(offer.state, OfferState::Pending { .. });
            pending && **other != id && offer.provider == *by && request(other) == request(&id)
        });
        let others = others.filter(|_| reason == DeclineReason::Conflict);
        let taken_back: Vec<_> =
            others.map(|(other, _)| taken_back(other.clone(), RescindReason::NotAdmissible)).collect();
        [DeskEvent::Declined { offer: id, reason, note }].into_iter().chain(taken_back).collect()
    }

    /// An officer takes back an offer; its provider is asked again only once everybody is.
    fn rescind(&self, id: OfferId, note: String, at: Timestamp) -> Answer {
        let offer = self.offers.get(&id).ok_or_else(|| Rejection::NoSuchOffer(id.clone()))?;
        if matches!(offer.state, OfferState::Rescinded(RescindReason::Officer)) {
            return Ok(vec![]);
        }
        let by = offer.provider.clone();
        self.open_offer(&id, &by, at)?;
        said(&note)?;
        Ok(vec![DeskEvent::Rescinded { offer: id, reason: RescindReason::Officer, note }])
    }

    fn reopen(&self, package: PackageId, note: String) -> Answer {
        said(&note)?;
        match self.standing(&package)? {
            Standing::Waiting { .. } => Ok(vec![DeskEvent::Reopened { package, note }]),
            Standing::Offered(_)
            | Standing::Engaged(_)
            | Standing::Completed
            | Standing::GivenUp
            | Standing::Withdrawn => Err(Rejection::NotWaiting(package)),
        }
    }

    fn give_up(&self, package: PackageId, note: String) -> Answer {
        said(&note)?;
        match self.standing(&package)? {
            Standing::Waiting { .. } => Ok(vec![DeskEvent::GivenUp { package, note }]),
            Standing::GivenUp => Ok(vec![]),
            Standing::Offered(_) | Standing::Engaged(_) | Standing::Completed | Standing::Withdrawn => {
                Err(Rejection::NotWaiting(package))
            }
        }
    }

    fn standing(&self, package: &PackageId) -> Result<&Standing, Rejection> {
        let assignment = self.assignments.get(package).ok_or_else(|| Rejection::NoSuchPackage(package.clone()))?;
        Ok(&assignment.standing)
    }

    /// The engagement, if it runs; `by` names who speaks for it, `None` an officer.
    fn running(&self, id: &OfferId, by: Option<&ProviderId>) -> Result<&Engagement, Rejection> {
        let offer = match by {
            Some(by) => self.offer_of(id, by)?,
            None => self.offers.get(id).ok_or_else(|| Rejection::NoSuchOffer(id.clone()))?,
        };
        match &offer.state {
            OfferState::Engaged(engagement) => Ok(engagement),
            OfferState::Pending { .. }
            | OfferState::Declined(_)
            | OfferState::Expired(_)
            | OfferState::Rescinded(_)
            | OfferState::Lost => Err(Rejection::NotEngaged(id.clone())),
            OfferState::Completed { .. } | OfferState::Released { .. } => Err(Rejection::EngagementEnded(id.clone())),
        }
    }

    fn reach_stage(&self, offer: OfferId, by: &ProviderId, stage: Stage) -> Answer {
        let reached = self.running(&offer, Some(by))?.stage;
        match (reached, stage) {
            (before, now) if before == now => Ok(vec![]),
            (Stage::Mobilising, Stage::OnTask) | (Stage::OnTask, Stage::Recovering) => {
                Ok(vec![DeskEvent::StageReached { offer, stage }])
            }
            (_, Stage::Mobilising | Stage::OnTask | Stage::Recovering | Stage::Completed) => {
                Err(Rejection::StageOrder(offer))
            }
        }
    }

    fn extend(&self, id: OfferId, ends_at: Timestamp, person_days: u32, now: Timestamp) -> Answer {
        let engagement = self.running(&id, None)?;
        if ends_at <= engagement.ends_at {
            return Err(Rejection::NotLonger(engagement.ends_at));
        }
        let offer = self.offers.get(&id).ok_or_else(|| Rejection::NoSuchOffer(id.clone()))?;
        let provider = self.providers.get(&offer.provider).map(|enlisted| &enlisted.provider);
        match self.support_bound(offer, now) {
            Some((until, bound)) if ends_at > until => return Err(Rejection::TooLong(until, bound)),
            Some(_) | None => {}
        }
        let under_contract = provider.and_then(|p| contract_at(p, now)).is_some_and(|c| c.id == offer.contract);
        let free = provider.filter(|_| under_contract).and_then(|p| self.free(p, now)).map_or(0, |(_, free)| free.days);
        if person_days > free {
            return Err(Rejection::NoFreeDays(person_days, free));
        }
        Ok(vec![DeskEvent::Extended { offer: id, ends_at, person_days }])
    }
}

/// The desk takes an offer back by itself.
fn taken_back(offer: OfferId, reason: RescindReason) -> DeskEvent {
    DeskEvent::Rescinded { offer, reason, note: String::new() }
}

/// A reason in words that must be there.
fn said(note: &str) -> Result<(), Rejection> {
    if note.trim().is_empty() { Err(Rejection::NoteBlank) } else { bounded(note) }
}

/// Words that may stand in the log.
fn bounded(note: &str) -> Result<(), Rejection> {
    let mut violations = Violations::none();
    violations.note("note", note);
    violations.or_refuse(Rejection::NoteInvalid)
}

fn days_in_range(offer: &OfferId, engagement: &Engagement, days_used: u32) -> Result<(), Rejection> {
    let (min, max) = (engagement.days_used, engagement.days_used.saturating_add(engagement.days_reserved));
    if (min..=max).contains(&days_used) { Ok(()) } else { Err(Rejection::DaysOutOfRange(offer.clone(), min, max)) }
}
