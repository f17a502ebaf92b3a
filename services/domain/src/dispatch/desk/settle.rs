//! Settling: after every command, each waiting package that can be matched is offered, in priority order; lower pending offers
//! yield to higher packages, accepted work never; what is then still free widens waves.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{Desk, Offer, OfferState, Standing, asked_in};
use crate::{
    dispatch::{
        admissibility::{Question, admissible, fit},
        events::{Candidate, DeskEvent, Fit, RescindReason, Rule, Standing as Verdict},
        matching::{Job, Matching, Slots},
    },
    eligibility::events::PriorityKey,
    kernel::{ContractId, OfferId, PackageId, ProviderId, Timestamp},
};

/// A provider as settling sees it.
struct Place<'a> {
    id: &'a ProviderId,
    contract: ContractId,
    load_percent: u32,
}

/// A pending offer that may have to yield.
#[derive(Clone)]
struct Yielding<'a> {
    offer: &'a OfferId,
    package: &'a PackageId,
    key: &'a PriorityKey,
    place: usize,
    takes: Slots,
    /// The package would keep another pending offer.
    extra: bool,
}

/// Something that ends so that a higher package gets in.
enum Yields<'a> {
    /// A pending offer.
    Offer(Yielding<'a>),
    /// A place that this round gave to a lower package.
    Job(usize, &'a PriorityKey),
}

impl<'a> Yields<'a> {
    /// Whose package loses by it; nobody's, if it keeps another offer.
    fn harmed(&self) -> Option<&'a PriorityKey> {
        match self {
            Self::Offer(offer) => (!offer.extra).then_some(offer.key),
            Self::Job(_, key) => Some(key),
        }
    }
}

/// One round of settling.
struct Round<'a> {
    desk: &'a Desk,
    at: Timestamp,
    places: Vec<Place<'a>>,
    index: BTreeMap<&'a ProviderId, usize>,
    matching: Matching,
    /// The package of each job in the matching.
    jobs: Vec<&'a PackageId>,
    waiting: BTreeSet<(&'a PriorityKey, &'a PackageId)>,
    yielding: Vec<Yielding<'a>>,
    rescinded: Vec<(&'a OfferId, RescindReason)>,
    escalated: Vec<&'a PackageId>,
    asked_max: usize,
}

impl Desk {
    /// The events that settle the desk: offers taken back, offers made, packages escalated.
    pub(super) fn settle(&mut self, at: Timestamp) -> Vec<DeskEvent> {
        self.work_out_options(at);
        let desk: &Self = self;
        let mut round = Round::new(desk, at);
        round.match_waiting();
        let mut events = round.events();
        round.widen(&mut events);
        events
    }

    /// Works out who may be asked for every package that is still open, unless it is known.
    fn work_out_options(&mut self, at: Timestamp) {
        if self.worked.until.is_none_or(|until| until <= at) {
            self.worked.options.clear();
            self.worked.until = Some(self.terms_change_after(at).unwrap_or(Timestamp::from_millis(i64::MAX)));
        }
        let mut options = std::mem::take(&mut self.worked.options);
        options.retain(|package, _| self.assignments.get(package).is_some_and(|a| is_open(&a.standing)));
        for (id, assignment) in self.assignments.iter().filter(|(_, a)| is_open(&a.standing)) {
            if !options.contains_key(id) {
                let question = self.question(id, at);
                let admitted = self.providers.values().filter_map(|enlisted| {
                    let question = question.as_ref()?;
                    let contract = admissible(&enlisted.provider, enlisted.suspended, question).ok()?;
                    let fit = fit(&enlisted.provider, contract, question, 0, self.policy.version);
                    Some((enlisted.provider.id.clone(), contract.id.clone(), fit))
                });
                let admitted = admitted.collect();
                options.insert(assignment.package.id.clone(), admitted);
            }
        }
        self.worked.options = options;
    }

    fn question<'a>(&'a self, package: &PackageId, at: Timestamp) -> Option<Question<'a>> {
        let assignment = self.assignments.get(package)?;
        let case = &self.requests.get(&assignment.request)?.case;
        Some(Question { case, package: &assignment.package, requirement: self.requirements.get(&case.country), at })
    }
}

fn is_open(standing: &Standing) -> bool {
    match standing {
        Standing::Waiting { .. } | Standing::Offered(_) => true,
        Standing::Engaged(_) | Standing::Completed | Standing::GivenUp | Standing::Withdrawn => false,
    }
}

impl<'a> Round<'a> {
    fn new(desk: &'a Desk, at: Timestamp) -> Self {
        let mut places = Vec::new();
        let mut free = Vec::new();
        for enlisted in desk.providers.values() {
            let Some((contract, slots)) = desk.free(&enlisted.provider, at) else { continue };
            let key = (enlisted.provider.id.clone(), contract.clone());
            let taken = desk.usage.get(&key).map_or(0, |usage| usage.teams);
            let teams = taken.saturating_add(slots.teams).max(1);
            let load_percent = taken.saturating_mul(100).checked_div(teams).unwrap_or(0);
            places.push(Place { id: &enlisted.provider.id, contract, load_percent });
            free.push(slots);
        }
        let index: BTreeMap<_, _> = places.iter().enumerate().map(|(index, place)| (place.id, index)).collect();
        let waiting = desk.assignments.iter().filter(|(_, a)| matches!(a.standing, Standing::Waiting { .. }));
        let waiting = waiting.filter_map(|(id, a)| Some((&desk.requests.get(&a.request)?.key, id))).collect();
        let yielding = yielding(desk, &index);
        let matching = Matching::new(free);
        let (jobs, rescinded, escalated) = (Vec::new(), Vec::new(), Vec::new());
        let asked_max = desk.asked_max();
        Self { desk, at, places, index, matching, jobs, waiting, yielding, rescinded, escalated, asked_max }
    }

    /// Providers that may be asked for the package now: place and fit.
    fn options(&self, package: &PackageId) -> Vec<(usize, Fit)> {
        let tried = self.desk.assignments.get(package).map(|a| &a.tried);
        let known = self.desk.worked.options.get(package).map(Vec::as_slice).unwrap_or_default();
        known
            .iter()
            .filter(|(provider, ..)| tried.is_none_or(|tried| !tried.contains(provider)))
            .filter_map(|(provider, _, fit)| {
                let index = *self.index.get(provider)?;
                let load_percent = self.places.get(index)?.load_percent;
                Some((index, Fit { load_percent, ..*fit }))
            })
            .collect()
    }

    fn takes(&self, package: &PackageId) -> Slots {
        let asked = self.desk.assignments.get(package).map(|a| &a.package);
        asked.map_or_else(Slots::default, |p| Slots { teams: p.teams(), onsite: p.onsite_teams, days: p.person_days })
    }

    /// In priority order, each waiting package gets a place: a free one, or one that lower packages yield. Room that was made
    /// on the way may let in a higher package that found none before, so those are tried again until nothing changes: each
    /// time the set served is better for a higher package, so this ends.
    fn match_waiting(&mut self) {
        loop {
            while self.has_room()
                && let Some((_, package)) = self.waiting.pop_first()
            {
                self.match_one(package);
            }
            if !self.has_room() || !self.unserved().into_iter().any(|job| self.make_way(job)) {
                return;
            }
        }
    }

    fn match_one(&mut self, package: &'a PackageId) {
        let options = self.options(package);
        if options.is_empty() {
            let told = self.desk.assignments.get(package).map(|a| &a.standing);
            if told == Some(&Standing::Waiting { escalated: false }) {
                self.escalated.push(package);
            }
            return;
        }
        let options = options.iter().map(|(place, fit)| (*place, fit.cost())).collect();
        let job = self.jobs.len();
        self.jobs.push(package);
        if !self.matching.add(Job { takes: self.takes(package), options }) {
            self.make_way(job);
        }
    }

    /// Whether this commit may ask for another package.
    fn has_room(&self) -> bool {
        let served = self.matching.placed().iter().flatten().count();
        served.saturating_add(self.escalated.len()) < self.asked_max
    }

    /// Jobs without a place, highest first.
    fn unserved(&self) -> Vec<usize> {
        let placed = self.matching.placed().iter().enumerate();
        let mut jobs: Vec<_> = placed.filter(|(_, place)| place.is_none()).map(|(job, _)| job).collect();
        jobs.sort_by_key(|job| self.key_of(*job));
        jobs
    }

    fn key_of(&self, job: usize) -> Option<&'a PriorityKey> {
        let assignment = self.desk.assignments.get(*self.jobs.get(job)?)?;
        self.desk.requests.get(&assignment.request).map(|granted| &granted.key)
    }

    /// Lets a job in where the least harm is done: at one place, wave extras end first, then what the lowest packages have,
    /// be it an offer or a place of this round. Whether it got in.
    fn make_way(&mut self, job: usize) -> bool {
        let Some(key) = self.key_of(job) else { return false };
        let reach = self.matching.reach(job);
        let plans = reach.into_iter().filter_map(|place| self.plan(job, key, place));
        let best = plans.min_by_key(|(_, yields)| {
            let highest = yields.iter().filter_map(|y| y.harmed()).min();
            (highest.is_some(), highest.map(Reverse), yields.len())
        });
        let Some((mut matching, yields)) = best else { return false };
        for yielded in yields {
            match yielded {
                Yields::Offer(offer) => self.take_back(&offer),
                Yields::Job(job, _) => {
                    matching.retry(job);
                }
            }
        }
        self.matching = matching;
        true
    }

    /// What must end at this place, lowest first, for the job to get in; `None` if even all of it is not enough.
    fn plan(&self, job: usize, key: &PriorityKey, place: usize) -> Option<(Matching, Vec<Yields<'a>>)> {
        let offers = self.yielding.iter().filter(|y| y.place == place && (y.extra || y.key > key));
        let mut lower: Vec<_> = offers.cloned().map(Yields::Offer).collect();
        let seated = self.matching.placed().iter().enumerate().filter(|(_, at)| **at == Some(place));
        let seated = seated.filter_map(|(job, _)| Some(Yields::Job(job, self.key_of(job)?)));
        lower.extend(seated.filter(|yields| yields.harmed() > Some(key)));
        lower.sort_by_key(|yields| Reverse(yields.harmed().map_or((true, key), |key| (false, key))));
        if lower.is_empty() {
            return None;
        }
        let mut trial = self.matching.clone();
        let mut yields = Vec::new();
        for next in lower {
            match &next {
                Yields::Offer(offer) => trial.make_room(place, offer.takes),
                Yields::Job(job, _) => trial.unseat(*job),
            }
            yields.push(next);
            if trial.retry(job) {
                return Some((trial, yields));
            }
        }
        None
    }

    /// Takes an offer back; a package that loses its only offer waits again, at its own rank.
    fn take_back(&mut self, yielded: &Yielding<'a>) {
        let reason = if yielded.extra { RescindReason::WaveExtra } else { RescindReason::HigherPriority };
        self.rescinded.push((yielded.offer, reason));
        self.yielding.retain(|other| other.offer != yielded.offer);
        let mut left: Vec<_> = self.yielding.iter_mut().filter(|other| other.package == yielded.package).collect();
        match left.as_mut_slice() {
            [] => {
                self.waiting.insert((yielded.key, yielded.package));
            }
            [only] => only.extra = false,
            _ => {}
        }
    }

    fn events(&self) -> Vec<DeskEvent> {
        let mut events: Vec<DeskEvent> = Vec::new();
        for (offer, reason) in &self.rescinded {
            events.push(DeskEvent::Rescinded { offer: (*offer).clone(), reason: *reason, note: String::new() });
        }
        for (package, place) in self.jobs.iter().zip(self.matching.placed()) {
            if let Some(place) = place {
                let offered = self.offered(package, *place, false, &events);
                events.extend(offered);
            }
        }
        for package in &self.escalated {
            let considered = self.considered(package);
            events.push(DeskEvent::Escalated { package: (*package).clone(), considered });
        }
        events
    }

    /// Asks further providers for packages of higher rank, as long as the policy says so and capacity is free.
    fn widen(&mut self, events: &mut Vec<DeskEvent>) {
        let mut asked: BTreeMap<&PackageId, BTreeSet<usize>> = BTreeMap::new();
        for (package, place) in self.jobs.iter().zip(self.matching.placed()) {
            asked.entry(package).or_default().extend(place);
        }
        for pending in &self.yielding {
            asked.entry(pending.package).or_default().insert(pending.place);
        }
        let mut ranked: Vec<_> = asked
            .into_iter()
            .filter_map(|(id, places)| {
                let granted = self.desk.requests.get(&self.desk.assignments.get(id)?.request)?;
                Some((&granted.key, id, places))
            })
            .collect();
        ranked.sort_by_key(|(key, id, _)| (*key, *id));
        for (key, package, mut places) in ranked {
            let width = self.desk.policy.offer_width_for(key.priority());
            let takes = self.takes(package);
            while places.len() < usize::try_from(width).unwrap_or(1) && asked_in(events) < self.asked_max {
                let options = self.options(package).into_iter();
                let free = options.filter(|(p, _)| !places.contains(p) && self.matching.free(*p).holds(&takes));
                let Some((place, fit)) = free.min_by_key(|(_, fit)| fit.cost()) else { break };
                self.matching.add(Job { takes, options: vec![(place, fit.cost())] });
                let offered = self.offered(package, place, true, events);
                events.extend(offered);
                places.insert(place);
            }
        }
    }

    fn offered(&self, package: &PackageId, place: usize, extra: bool, so_far: &[DeskEvent]) -> Option<DeskEvent> {
        let Place { id: provider, contract, .. } = self.places.get(place)?;
        let granted = self.desk.requests.get(&self.desk.assignments.get(package)?.request)?;
        let stands = self.desk.policy.offer_stands_for(granted.key.priority());
        let number = self.desk.offers_made.saturating_add(u64::try_from(offers_in(so_far)).ok()?).saturating_add(1);
        Some(DeskEvent::Offered {
            offer: OfferId::parse(&format!("o-{number}")).ok()?,
            package: package.clone(),
            provider: (*provider).clone(),
            contract: contract.clone(),
            expires_at: self.at.plus(stands),
            extra,
            considered: self.considered(package),
        })
    }

    /// Everybody in the Reserve and how each stood when this round began: who fits, best first, then who was dropped.
    fn considered(&self, package: &PackageId) -> Vec<Candidate> {
        let takes = self.takes(package);
        let Some(question) = self.desk.question(package, self.at) else { return Vec::new() };
        let tried = self.desk.assignments.get(package).map(|a| &a.tried);
        let mut candidates: Vec<_> = self
            .desk
            .providers
            .values()
            .map(|enlisted| {
                let provider = &enlisted.provider;
                let place = self.index.get(&provider.id).copied();
                let load = place.and_then(|index| self.places.get(index)).map_or(0, |place| place.load_percent);
                let free = self.desk.free(provider, self.at).is_some_and(|(_, free)| free.holds(&takes));
                let standing = match admissible(provider, enlisted.suspended, &question) {
                    Err(rule) => Verdict::Dropped(rule),
                    Ok(_) if tried.is_some_and(|tried| tried.contains(&provider.id)) => {
                        Verdict::Dropped(Rule::NotTried)
                    }
                    Ok(_) if !free => Verdict::Dropped(Rule::FreeCapacity),
                    Ok(contract) => Verdict::Fits(fit(provider, contract, &question, load, self.desk.policy.version)),
                };
                Candidate { provider: provider.id.clone(), standing }
            })
            .collect();
        candidates.sort_by_key(|candidate| match &candidate.standing {
            Verdict::Fits(fit) => (0, fit.cost()),
            Verdict::Dropped(rule) => (1, u128::from(*rule as u8)),
        });
        candidates
    }
}

fn offers_in(events: &[DeskEvent]) -> usize {
    events.iter().filter(|event| matches!(event, DeskEvent::Offered { .. })).count()
}

/// Pending offers, with what each takes and whether its package would keep another. Of several, the oldest is kept.
fn yielding<'a>(desk: &'a Desk, index: &BTreeMap<&'a ProviderId, usize>) -> Vec<Yielding<'a>> {
    let is_pending = |offer: &Offer| matches!(offer.state, OfferState::Pending { .. });
    let mut pending: Vec<_> = desk.active().filter(|(_, offer)| is_pending(offer)).collect();
    pending.sort_by_key(|(id, offer)| (offer.extra, id.as_str().len(), *id));
    let mut kept = BTreeSet::new();
    pending
        .into_iter()
        .filter_map(|(id, offer)| {
            let assignment = desk.assignments.get(&offer.package)?;
            Some(Yielding {
                offer: id,
                package: &offer.package,
                key: &desk.requests.get(&assignment.request)?.key,
                place: *index.get(&offer.provider)?,
                takes: offer.takes,
                extra: !kept.insert(&offer.package),
            })
        })
        .collect()
}
