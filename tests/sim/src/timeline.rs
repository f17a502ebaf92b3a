//! The desk's history laid out in time. Nothing here has a present state: each thing is a span with its ends, each value the
//! list of what it was and since when, so that any moment can be asked about in any order. Of what should happen once, the
//! first counts; that it happened again is for an oracle to find.

mod load;

use std::collections::BTreeMap;

use muster_domain::{
    codes::Country,
    dispatch::events::{DeclineReason, DeskEvent, Package, ReleaseReason, RescindReason, Stage},
    eligibility::events::{Case, Policy, PriorityKey, Terms},
    event::Event,
    kernel::{ContractId, OfferId, PackageId, ProviderId, RequestId, Timestamp},
    registry::events::{CouncilAct, NationalRequirement, Provider},
};
use muster_journal::stored::{Commit, Position};

pub use self::load::Load;
use crate::log::{At, Entry, commits};

/// When something happened at the desk: in which of its commits, counted from 0, and which event of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The commit.
    pub step: usize,
    /// The event.
    pub event: usize,
}

impl Moment {
    /// When all events of a commit have happened.
    pub const fn end_of(step: usize) -> Self {
        Self { step, event: usize::MAX }
    }
}

/// What something was, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Over<T>(Vec<(Moment, T)>);

impl<T> Default for Over<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Over<T> {
    /// It is this from now on; moments come in order.
    pub fn set(&mut self, moment: Moment, value: T) {
        self.0.push((moment, value));
    }

    /// What it was at a moment, if it was anything yet.
    pub fn at(&self, moment: Moment) -> Option<&T> {
        let after = self.0.partition_point(|(since, _)| *since <= moment);
        self.0.get(after.checked_sub(1)?).map(|(_, value)| value)
    }

    /// All that it was, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(Moment, T)> {
        self.0.iter()
    }
}

/// How an offer stopped waiting for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is an engagement from here.
    Accepted,
    /// No.
    Declined(DeclineReason),
    /// Too late.
    Expired,
    /// Taken back.
    Rescinded(RescindReason),
    /// Another was first.
    Lost,
}

/// How an engagement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Done.
    Completed,
    /// Before it was done.
    Released(ReleaseReason),
}

/// An offer, and the engagement it became.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// Its id.
    pub id: &'a OfferId,
    /// For which package.
    pub package: &'a PackageId,
    /// To whom.
    pub provider: &'a ProviderId,
    /// Under which contract.
    pub contract: &'a ContractId,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// Whether it widened a wave.
    pub extra: bool,
    /// When it was made.
    pub made: Moment,
    /// When and how it stopped waiting.
    pub answered: Option<(Moment, Answer)>,
    /// Stages said of it.
    pub stages: Vec<(Moment, Stage)>,
    /// Days added to it.
    pub extended: Vec<(Moment, u32)>,
    /// When its work was to end, as it was accepted and extended.
    pub ends: Over<Timestamp>,
    /// When and how its work ended, and the days used in all.
    pub ended: Option<(Moment, Ended, u32)>,
}

impl Offer<'_> {
    /// Whether its provider may answer at a moment.
    pub fn is_pending(&self, moment: Moment) -> bool {
        self.made <= moment && self.answered.is_none_or(|(answered, _)| answered > moment)
    }

    /// When its work began, if it did.
    pub fn accepted(&self) -> Option<Moment> {
        self.answered.and_then(|(moment, answer)| (answer == Answer::Accepted).then_some(moment))
    }

    /// Whether its work runs at a moment.
    pub fn is_engaged(&self, moment: Moment) -> bool {
        self.accepted().is_some_and(|accepted| accepted <= moment)
            && self.ended.is_none_or(|(ended, ..)| ended > moment)
    }
}

/// A package and what became of it.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// What is asked.
    pub package: &'a Package,
    /// For which request.
    pub request: &'a RequestId,
    /// When it was granted.
    pub granted: Moment,
    /// Its offers, in order.
    pub offers: Vec<&'a OfferId>,
    /// When an officer asked everybody again.
    pub reopened: Vec<Moment>,
    /// When an officer ended the search.
    pub given_up: Option<Moment>,
}

/// A granted request.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    /// The case.
    pub case: &'a Case,
    /// What was granted.
    pub terms: &'a Terms,
    /// When.
    pub granted: Moment,
    /// Where it ranked.
    pub keys: Over<&'a PriorityKey>,
    /// Its packages.
    pub packages: Vec<&'a PackageId>,
    /// When nothing more was to come, and whether there was any support.
    pub finished: Option<(Moment, bool)>,
}

/// The desk's history.
#[derive(Debug, Default)]
pub struct Timeline<'a> {
    /// Its commits.
    pub steps: Vec<(Position, &'a Commit)>,
    /// Terms that bound, and whether their provider was suspended.
    pub terms: BTreeMap<&'a ProviderId, Over<(&'a Provider, bool)>>,
    /// National requirements that bound.
    pub requirements: BTreeMap<Country, Over<&'a NationalRequirement>>,
    /// Council acts that bound, and since when.
    pub acts: Vec<(Moment, &'a CouncilAct)>,
    /// When they no longer did, by country and reference.
    pub repeals: BTreeMap<(Country, &'a str), Moment>,
    /// Policies in force after the built-in one.
    pub policies: Over<&'a Policy>,
    /// Grants.
    pub grants: BTreeMap<&'a RequestId, Grant<'a>>,
    /// When withdrawals became final.
    pub withdrawn: BTreeMap<&'a RequestId, Moment>,
    /// Packages.
    pub packages: BTreeMap<&'a PackageId, Asked<'a>>,
    /// Offers and engagements.
    pub offers: BTreeMap<&'a OfferId, Offer<'a>>,
}

impl<'a> Timeline<'a> {
    /// Lays out the desk's history.
    pub fn of(log: &'a [Entry]) -> Self {
        let mut timeline = Self::default();
        for At { position, commit, .. } in commits(log).filter(At::is_desk) {
            let step = timeline.steps.len();
            timeline.steps.push((position, commit));
            for (event, happened) in commit.events.iter().enumerate() {
                if let Event::Desk(happened) = happened {
                    timeline.take(Moment { step, event }, happened);
                }
            }
        }
        timeline
    }

    /// Every event of the desk, when it happened and in which commit.
    pub fn events(&self) -> impl Iterator<Item = (Moment, &'a Commit, &'a DeskEvent)> {
        self.steps.iter().enumerate().flat_map(|(step, (_, commit))| {
            commit.events.iter().enumerate().filter_map(move |(event, happened)| {
                let Event::Desk(happened) = happened else { return None };
                Some((Moment { step, event }, *commit, happened))
            })
        })
    }

    /// What happened at a moment.
    pub fn event(&self, moment: Moment) -> Option<&'a DeskEvent> {
        let (_, commit) = self.steps.get(moment.step)?;
        let event = commit.events.get(moment.event)?;
        if let Event::Desk(event) = event { Some(event) } else { None }
    }

    fn take(&mut self, now: Moment, event: &'a DeskEvent) {
        match event {
            DeskEvent::ProviderTaken { provider, suspended } => {
                self.terms.entry(&provider.id).or_default().set(now, (provider, *suspended));
            }
            DeskEvent::RequirementTaken(requirement) => {
                self.requirements.entry(requirement.member_state).or_default().set(now, requirement);
            }
            DeskEvent::CouncilActTaken(act) => self.acts.push((now, act)),
            DeskEvent::RepealTaken { country, reference } => {
                self.repeals.entry((*country, reference)).or_insert(now);
            }
            DeskEvent::PolicyTaken(policy) => self.policies.set(now, policy),
            DeskEvent::GrantTaken { case, terms, key, packages } => self.grant(now, case, terms, key, packages),
            DeskEvent::PriorityTaken { key } => {
                if let Some(grant) = self.grants.get_mut(&key.request) {
                    grant.keys.set(now, key);
                }
            }
            DeskEvent::WithdrawalTaken { request } => {
                self.withdrawn.entry(request).or_insert(now);
            }
            DeskEvent::Offered { .. } => self.offer(now, event),
            DeskEvent::Accepted { offer, ends_at, .. } => {
                self.answer(now, offer, Answer::Accepted);
                self.ends(now, offer, *ends_at);
            }
            DeskEvent::Declined { offer, reason, .. } => self.answer(now, offer, Answer::Declined(*reason)),
            DeskEvent::Expired { offer } => self.answer(now, offer, Answer::Expired),
            DeskEvent::Rescinded { offer, reason, .. } => self.answer(now, offer, Answer::Rescinded(*reason)),
            DeskEvent::Lost { offer } => self.answer(now, offer, Answer::Lost),
            DeskEvent::Reopened { package, .. } => {
                if let Some(asked) = self.packages.get_mut(package) {
                    asked.reopened.push(now);
                }
            }
            DeskEvent::GivenUp { package, .. } => {
                if let Some(asked) = self.packages.get_mut(package) {
                    asked.given_up.get_or_insert(now);
                }
            }
            DeskEvent::StageReached { offer, stage } => {
                if let Some(offer) = self.offers.get_mut(offer) {
                    offer.stages.push((now, *stage));
                }
            }
            DeskEvent::Extended { offer, person_days, ends_at } => {
                if let Some(offer) = self.offers.get_mut(offer) {
                    offer.extended.push((now, *person_days));
                }
                self.ends(now, offer, *ends_at);
            }
            DeskEvent::Completed { offer, days_used } => self.end(now, offer, Ended::Completed, *days_used),
            DeskEvent::Released { offer, reason, days_used, .. } => {
                self.end(now, offer, Ended::Released(*reason), *days_used);
            }
            DeskEvent::RequestFinished { request, supported } => {
                if let Some(grant) = self.grants.get_mut(request) {
                    grant.finished.get_or_insert((now, *supported));
                }
            }
            DeskEvent::Seen { .. } | DeskEvent::Escalated { .. } | DeskEvent::DaysReported { .. } => {}
        }
    }

    fn grant(&mut self, now: Moment, case: &'a Case, terms: &'a Terms, key: &'a PriorityKey, packages: &'a [Package]) {
        let request = &case.request;
        if self.grants.contains_key(request) {
            return;
        }
        let mut keys = Over::default();
        keys.set(now, key);
        let ids = packages.iter().map(|package| &package.id).collect();
        self.grants.insert(request, Grant { case, terms, granted: now, keys, packages: ids, finished: None });
        for package in packages {
            let (offers, reopened) = (Vec::new(), Vec::new());
            let asked = Asked { package, request, granted: now, offers, reopened, given_up: None };
            self.packages.entry(&package.id).or_insert(asked);
        }
    }

    fn offer(&mut self, now: Moment, event: &'a DeskEvent) {
        let DeskEvent::Offered { offer, package, provider, contract, expires_at, extra, .. } = event else { return };
        if self.offers.contains_key(offer) {
            return;
        }
        if let Some(asked) = self.packages.get_mut(package) {
            asked.offers.push(offer);
        }
        let made = Offer {
            id: offer,
            package,
            provider,
            contract,
            expires_at: *expires_at,
            extra: *extra,
            made: now,
            answered: None,
            stages: Vec::new(),
            extended: Vec::new(),
            ends: Over::default(),
            ended: None,
        };
        self.offers.insert(offer, made);
    }

    fn answer(&mut self, now: Moment, offer: &OfferId, answer: Answer) {
        if let Some(offer) = self.offers.get_mut(offer) {
            offer.answered.get_or_insert((now, answer));
        }
    }

    fn ends(&mut self, now: Moment, offer: &OfferId, at: Timestamp) {
        if let Some(offer) = self.offers.get_mut(offer) {
            offer.ends.set(now, at);
        }
    }

    fn end(&mut self, now: Moment, offer: &OfferId, how: Ended, days_used: u32) {
        if let Some(offer) = self.offers.get_mut(offer) {
            offer.ended.get_or_insert((now, how, days_used));
        }
    }

    /// Where the commit of a moment stands in the log.
    pub fn position(&self, moment: Moment) -> Position {
        self.steps.get(moment.step).map(|(position, _)| *position).unwrap_or_default()
    }

    /// When the commit of a moment was decided.
    pub fn recorded_at(&self, moment: Moment) -> Timestamp {
        self.steps.get(moment.step).map(|(_, commit)| commit.recorded_at).unwrap_or_default()
    }

    /// A package's offers, in order.
    pub fn offers_of(&self, package: &PackageId) -> impl Iterator<Item = &Offer<'a>> {
        let asked = self.packages.get(package);
        asked.into_iter().flat_map(|asked| &asked.offers).filter_map(|offer| self.offers.get(*offer))
    }

    /// When nothing more was to come for a package: done, given up, or withdrawn.
    pub fn over(&self, package: &PackageId) -> Option<Moment> {
        let asked = self.packages.get(package)?;
        let completed = self.offers_of(package).filter_map(|offer| match offer.ended {
            Some((moment, Ended::Completed, _)) => Some(moment),
            Some((_, Ended::Released(_), _)) | None => None,
        });
        let withdrawn = self.withdrawn.get(asked.request).copied().map(|moment| moment.max(asked.granted));
        completed.chain(asked.given_up).chain(withdrawn).min()
    }

    /// Whether a package has no pending offer, no engagement, and its work is still to be done.
    pub fn is_waiting(&self, package: &PackageId, moment: Moment) -> bool {
        let Some(asked) = self.packages.get(package) else { return false };
        asked.granted <= moment
            && self.over(package).is_none_or(|over| over > moment)
            && !self.offers_of(package).any(|offer| offer.is_pending(moment) || offer.is_engaged(moment))
    }

    /// Whether a provider declared a conflict of interest with the case of a package before.
    pub fn is_conflicted(&self, package: &PackageId, provider: &ProviderId, moment: Moment) -> bool {
        let Some(request) = self.packages.get(package).map(|asked| asked.request) else { return false };
        self.offers.values().any(|offer| {
            let of_request = self.packages.get(offer.package).is_some_and(|asked| asked.request == request);
            let declared = |(at, answer)| answer == Answer::Declined(DeclineReason::Conflict) && at < moment;
            of_request && offer.provider == provider && offer.answered.is_some_and(declared)
        })
    }

    /// Whether a provider declined, let expire or gave back a package, or an officer took it back, since everybody was last
    /// asked again.
    pub fn was_tried(&self, package: &PackageId, provider: &ProviderId, moment: Moment) -> bool {
        let Some(asked) = self.packages.get(package) else { return false };
        let since = asked.reopened.iter().copied().filter(|reopened| *reopened < moment).max().unwrap_or_default();
        self.offers_of(package).filter(|offer| offer.provider == provider).any(|offer| {
            let said_no = offer.answered.and_then(|(at, answer)| match answer {
                Answer::Declined(_) | Answer::Expired | Answer::Rescinded(RescindReason::Officer) => Some(at),
                Answer::Accepted | Answer::Rescinded(_) | Answer::Lost => None,
            });
            let gave_back = offer.ended.and_then(|(at, how, _)| match how {
                Ended::Released(ReleaseReason::Withdrawn | ReleaseReason::AccessEnded) | Ended::Completed => None,
                Ended::Released(_) => Some(at),
            });
            said_no.into_iter().chain(gave_back).any(|at| since <= at && at < moment)
        })
    }

    /// Where a package's request ranked.
    pub fn key(&self, package: &PackageId, moment: Moment) -> Option<&'a PriorityKey> {
        self.grants.get(self.packages.get(package)?.request)?.keys.at(moment).copied()
    }

    /// A provider's terms and whether it was suspended.
    pub fn terms_at(&self, provider: &ProviderId, moment: Moment) -> Option<(&'a Provider, bool)> {
        self.terms.get(provider)?.at(moment).copied()
    }

    /// A Member State's requirement.
    pub fn requirement_at(&self, country: Country, moment: Moment) -> Option<&'a NationalRequirement> {
        self.requirements.get(&country)?.at(moment).copied()
    }
}
