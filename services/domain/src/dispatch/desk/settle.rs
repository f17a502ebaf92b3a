//! Settling: after every command, each waiting package that can be matched is offered, in priority order; lower pending offers
//! yield to higher packages, accepted work never; what is then still free widens waves.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Admitted, Desk, Enlisted, Offer, OfferState, Standing, Usage, asked_in};
use crate::{
    dispatch::{
        admissibility::{Question, admissible, contract_at, fit},
        events::{Candidate, DeskEvent, Fit, RescindReason, Rule, Standing as Verdict},
        matching::{Job, Matching, Slots},
    },
    eligibility::events::PriorityKey,
    kernel::{ContractId, OfferId, PackageId, ProviderId, Timestamp},
    registry::events::Capacity,
};

/// A provider as settling sees it, when the round begins. Its place among all providers names it.
struct Place<'a> {
    enlisted: &'a Enlisted,
    /// The contract in force.
    contract: Option<&'a ContractId>,
    free: Slots,
    /// Days of it that nobody has used: no end of other work gives more.
    days_left: u32,
    load_percent: u32,
}

/// Who may be asked for each package.
type Options = BTreeMap<PackageId, Admitted>;

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
#[derive(Clone)]
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

    /// What ends first: what harms nobody, then the lowest.
    fn order(&self) -> (bool, Option<Reverse<&'a PriorityKey>>) {
        (self.harmed().is_some(), self.harmed().map(Reverse))
    }
}

/// How much harm a plan does, the least first: the highest package that loses is as low as can be, and few lose.
type Harm<'a> = (bool, Option<Reverse<&'a PriorityKey>>, usize);

/// A package that seeks a place.
#[derive(Clone, Copy)]
struct Seeker<'a> {
    package: &'a PackageId,
    key: &'a PriorityKey,
    /// When it was looked at first: offers are made in that order.
    turn: usize,
}

/// One round of settling.
struct Round<'a> {
    desk: &'a Desk,
    at: Timestamp,
    options: Options,
    places: Vec<Place<'a>>,
    matching: Matching,
    /// The package of each job in the matching.
    jobs: Vec<Seeker<'a>>,
    /// How many jobs have a place.
    served: usize,
    /// How many packages were looked at.
    turns: usize,
    /// How often one found a place.
    moves: usize,
    waiting: BTreeSet<(&'a PriorityKey, &'a PackageId)>,
    /// Packages that found no place, each with its turn and its job, if it has one.
    unserved: BTreeMap<(&'a PriorityKey, &'a PackageId), (usize, Option<usize>)>,
    /// What found no place since anything moved last: whoever could go nowhere else, ranks no higher and takes no less, need
    /// not try.
    hopeless: BTreeMap<Arc<[usize]>, Vec<(&'a PriorityKey, Slots)>>,
    /// Pending offers by place; looked for when a package finds no room.
    yielding: Option<Vec<Vec<Yielding<'a>>>>,
    rescinded: Vec<(&'a OfferId, RescindReason)>,
    escalated: Vec<&'a PackageId>,
    asked_max: usize,
}

impl Desk {
    /// The events that settle the desk: offers taken back, offers made, packages escalated.
    pub(super) fn settle(&mut self, at: Timestamp) -> Vec<DeskEvent> {
        if self.index.waiting.is_empty() && self.index.narrow.is_empty() {
            return Vec::new();
        }
        let options = std::mem::take(&mut self.worked.options);
        let mut round = Round::new(self, at, options);
        round.match_waiting();
        let mut events = round.events();
        round.widen(&mut events);
        self.worked.options = round.options;
        events
    }

    pub(super) fn question<'a>(&'a self, package: &PackageId, at: Timestamp) -> Option<Question<'a>> {
        let assignment = self.assignments.get(package)?;
        let granted = self.requests.get(&assignment.request)?;
        let (case, open) = (&granted.case, self.is_open(granted, at));
        Some(Question {
            case,
            package: &assignment.package,
            requirement: self.requirements.get(&case.country),
            open,
            at,
        })
    }
}

impl<'a> Round<'a> {
    fn new(desk: &'a Desk, at: Timestamp, options: Options) -> Self {
        let places = places(desk, at);
        let waiting = desk.index.waiting.iter().map(|(key, package)| (key, package)).collect();
        let matching = Matching::new(places.iter().map(|place| place.free).collect());
        let asked_max = desk.asked_max();
        let (jobs, served, turns, moves, unserved, hopeless) = Default::default();
        let (yielding, rescinded, escalated) = Default::default();
        Self {
            desk,
            at,
            options,
            places,
            matching,
            jobs,
            served,
            turns,
            moves,
            waiting,
            unserved,
            hopeless,
            yielding,
            rescinded,
            escalated,
            asked_max,
        }
    }

    /// Who may be asked for the package, taken capacity and earlier tries aside; worked out once.
    fn admitted(&mut self, package: &PackageId) -> &Admitted {
        if !self.options.contains_key(package) {
            let question = self.desk.question(package, self.at);
            let fits = self.desk.providers.values().enumerate().filter_map(|(place, enlisted)| {
                let question = question.as_ref()?;
                let contract = admissible(&enlisted.provider, enlisted.suspended, question).ok()?;
                Some((place, fit(&enlisted.provider, contract, question, 0, self.desk.policy.version)))
            });
            let fits: Vec<_> = fits.collect();
            let places = fits.iter().map(|(place, _)| *place).collect();
            return self.options.entry(package.clone()).or_insert(Admitted { fits, places });
        }
        self.options.entry(package.clone()).or_default()
    }

    /// Providers that may be asked for the package now: place and fit.
    fn options(&mut self, package: &PackageId) -> Vec<(usize, Fit)> {
        self.admitted(package);
        let out = self.out_of_question(package);
        let admitted = self.options.get(package).into_iter().flat_map(|admitted| &admitted.fits);
        let now = admitted.filter(|(place, _)| !out.contains(place)).filter_map(|(place, fit)| {
            let load_percent = self.places.get(*place)?.load_percent;
            Some((*place, Fit { load_percent, ..*fit }))
        });
        now.collect()
    }

    /// The places of providers that may be asked for the package now.
    fn places_now(&mut self, package: &PackageId) -> Arc<[usize]> {
        let out = self.out_of_question(package);
        let places = &self.admitted(package).places;
        if out.is_empty() {
            return places.clone();
        }
        places.iter().copied().filter(|place| !out.contains(place)).collect()
    }

    /// Places that cannot take the package, whatever else ends: they had it and did not take or finish it, declared a conflict
    /// of interest with its case, or have used up the days of their contract.
    fn out_of_question(&self, package: &PackageId) -> BTreeSet<usize> {
        let days = self.takes(package).days;
        let used_up =
            self.places.iter().enumerate().filter(|(_, place)| place.days_left < days).map(|(place, _)| place);
        self.tried(package).into_iter().chain(self.conflicted(package)).chain(used_up).collect()
    }

    fn tried(&self, package: &PackageId) -> BTreeSet<usize> {
        let tried = self.desk.assignments.get(package).into_iter().flat_map(|assignment| &assignment.tried);
        tried.filter_map(|provider| self.place_of(provider)).collect()
    }

    fn conflicted(&self, package: &PackageId) -> BTreeSet<usize> {
        let request = self.desk.assignments.get(package).map(|assignment| &assignment.request);
        let granted = request.and_then(|request| self.desk.requests.get(request));
        let conflicted = granted.into_iter().flat_map(|granted| &granted.conflicted);
        conflicted.filter_map(|provider| self.place_of(provider)).collect()
    }

    fn place_of(&self, provider: &ProviderId) -> Option<usize> {
        self.places.binary_search_by(|place| place.enlisted.provider.id.cmp(provider)).ok()
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
                && let Some((key, package)) = self.waiting.pop_first()
            {
                self.turns = self.turns.saturating_add(1);
                self.seek(Seeker { package, key, turn: self.turns }, None);
            }
            // Where nothing moved, whoever found no place still finds none.
            if !self.has_room() || self.moves == 0 || !self.seek_again() {
                return;
            }
        }
    }

    /// Tries the packages that found no place again, highest first, until one does. Whether one did.
    fn seek_again(&mut self) -> bool {
        let unserved: Vec<_> = self.unserved.iter().map(|(seeker, tried)| (*seeker, *tried)).collect();
        unserved.into_iter().any(|((key, package), (turn, job))| self.seek(Seeker { package, key, turn }, job))
    }

    /// Looks for a place. Whether there is one now.
    fn seek(&mut self, seeker: Seeker<'a>, job: Option<usize>) -> bool {
        let Seeker { package, key, turn } = seeker;
        let places = self.places_now(package);
        if places.is_empty() {
            let told = self.desk.assignments.get(package).map(|a| &a.standing);
            if told == Some(&Standing::Waiting { escalated: false }) {
                self.escalated.push(package);
            }
            return false;
        }
        let takes = self.takes(package);
        let known = self.hopeless.get(&places).map(Vec::as_slice).unwrap_or_default();
        if known.iter().any(|(higher, less)| *higher <= key && takes.holds(less)) {
            self.unserved.insert((key, package), (turn, job));
            return false;
        }
        let (job, placed) = match job {
            Some(job) => (job, self.matching.retry(job)),
            None => {
                let options = self.options(package).iter().map(|(place, fit)| (*place, fit.cost())).collect();
                self.jobs.push(seeker);
                (self.jobs.len().saturating_sub(1), self.matching.add(Job { takes, options }))
            }
        };
        if placed || self.make_way(job) {
            self.served = self.matching.placed().iter().flatten().count();
            self.moves = self.moves.saturating_add(1);
            self.unserved.remove(&(key, package));
            // Whoever moved to make room may have left room for others.
            self.hopeless.clear();
            return true;
        }
        self.hopeless.entry(places).or_default().push((key, takes));
        self.unserved.insert((key, package), (turn, Some(job)));
        false
    }

    /// Whether this commit may ask for another package.
    fn has_room(&self) -> bool {
        self.served.saturating_add(self.escalated.len()) < self.asked_max
    }

    /// Lets a job in where the least harm is done: at one place, wave extras end first, then what the lowest packages have,
    /// be it an offer or a place of this round. Whether it got in.
    fn make_way(&mut self, job: usize) -> bool {
        let Some(Seeker { key, .. }) = self.jobs.get(job).copied() else { return false };
        let yielding = self.yielding.take().unwrap_or_else(|| self.pending());
        let plan = self.best_plan(job, key, &yielding);
        self.yielding = Some(yielding);
        let Some((mut matching, yields)) = plan else { return false };
        let mut unseated = Vec::new();
        for yielded in yields {
            match yielded {
                Yields::Offer(offer) => self.take_back(&offer),
                Yields::Job(job, _) => unseated.push(job),
            }
        }
        for job in unseated {
            if !matching.retry(job)
                && let Some(Seeker { package, key, turn }) = self.jobs.get(job)
            {
                self.unserved.insert((key, package), (*turn, Some(job)));
            }
        }
        self.matching = matching;
        true
    }

    /// Where the least harm is done, and what ends there. Places are looked at in the order of the least that each could do.
    fn best_plan(
        &self,
        job: usize,
        key: &'a PriorityKey,
        yielding: &[Vec<Yielding<'a>>],
    ) -> Option<(Matching, Vec<Yields<'a>>)> {
        let seated = self.seated();
        let lower = |place: usize| {
            let offers = yielding.get(place).into_iter().flatten().filter(|offer| offer.extra || offer.key > key);
            let seated = seated.get(&place).into_iter().flatten().filter(|(_, of)| *of > key);
            let offers = offers.cloned().map(Yields::Offer);
            offers.chain(seated.map(|(job, key)| Yields::Job(*job, key)))
        };
        let reach = self.matching.reach(job).into_iter();
        let mut places: Vec<(Harm, usize)> = reach
            .filter_map(|place| {
                let (harms, lowest) = lower(place).map(|yields| yields.order()).min()?;
                Some(((harms, lowest, 1), place))
            })
            .collect();
        places.sort_unstable();
        let mut best: Option<(Harm, Matching, Vec<Yields>)> = None;
        for (least, place) in places {
            if best.as_ref().is_some_and(|(harm, ..)| *harm <= least) {
                break;
            }
            let mut lower: Vec<_> = lower(place).collect();
            lower.sort_by_key(Yields::order);
            let Some((matching, yields)) = self.plan(job, place, lower) else { continue };
            let highest = yields.iter().filter_map(Yields::harmed).min();
            let harm = (highest.is_some(), highest.map(Reverse), yields.len());
            if best.as_ref().is_none_or(|(least, ..)| harm < *least) {
                best = Some((harm, matching, yields));
            }
        }
        best.map(|(_, matching, yields)| (matching, yields))
    }

    /// What this round gave to each place.
    fn seated(&self) -> BTreeMap<usize, Vec<(usize, &'a PriorityKey)>> {
        let mut seated: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (job, (place, seeker)) in self.matching.placed().iter().zip(&self.jobs).enumerate() {
            if let Some(place) = place {
                seated.entry(*place).or_default().push((job, seeker.key));
            }
        }
        seated
    }

    /// How many of `lower` must end at this place, the first first, for the job to get in; `None` if even all of it is not
    /// enough.
    fn plan(&self, job: usize, place: usize, lower: Vec<Yields<'a>>) -> Option<(Matching, Vec<Yields<'a>>)> {
        let mut trial = self.matching.clone();
        let (mut yields, mut leaving, mut room) = (Vec::new(), Vec::new(), Slots::default());
        for next in lower {
            match &next {
                Yields::Offer(offer) => {
                    room = room.and(&offer.takes);
                    trial.make_room(place, offer.takes);
                }
                Yields::Job(job, _) => {
                    leaving.push(*job);
                    trial.unseat(*job);
                }
            }
            yields.push(next);
            if trial.retry(job) {
                return Some((trial, yields));
            }
            // Whoever pays less there may have moved in first, and then days may be short.
            if let Some(direct) = self.matching.seated(job, place, &leaving, room) {
                return Some((direct, yields));
            }
        }
        None
    }

    /// Takes an offer back; a package that loses its only offer waits again, at its own rank.
    fn take_back(&mut self, yielded: &Yielding<'a>) {
        let reason = if yielded.extra { RescindReason::WaveExtra } else { RescindReason::HigherPriority };
        self.rescinded.push((yielded.offer, reason));
        let places: BTreeSet<_> = self.places_asked(yielded.package).chain([yielded.place]).collect();
        let Some(yielding) = &mut self.yielding else { return };
        let mut left = Vec::new();
        for (place, offers) in yielding.iter_mut().enumerate().filter(|(place, _)| places.contains(place)) {
            if place == yielded.place {
                offers.retain(|other| other.offer != yielded.offer);
            }
            left.extend(offers.iter_mut().filter(|other| other.package == yielded.package));
        }
        match left.as_mut_slice() {
            [] => {
                self.waiting.insert((yielded.key, yielded.package));
            }
            [only] => only.extra = false,
            _ => {}
        }
    }

    /// Where the package has pending offers that still stand.
    fn places_asked(&self, package: &PackageId) -> impl Iterator<Item = usize> {
        let standing = self.desk.pending(package).filter(|id| !self.rescinded.iter().any(|(gone, _)| gone == id));
        standing.filter_map(|id| self.place_of(&self.desk.offers.get(id)?.provider))
    }

    /// Pending offers by place, with what each takes and whether its package would keep another. Of several, the oldest is
    /// kept.
    fn pending(&self) -> Vec<Vec<Yielding<'a>>> {
        let is_pending = |offer: &Offer| matches!(offer.state, OfferState::Pending { .. });
        let mut pending: Vec<_> = self.desk.active().filter(|(_, offer)| is_pending(offer)).collect();
        pending.sort_by_key(|(id, offer)| (offer.extra, id.as_str().len(), *id));
        let mut kept = BTreeSet::new();
        let mut by_place: Vec<Vec<_>> = self.places.iter().map(|_| Vec::new()).collect();
        for (id, offer) in pending {
            let Some(assignment) = self.desk.assignments.get(&offer.package) else { continue };
            let Some(granted) = self.desk.requests.get(&assignment.request) else { continue };
            let Some(place) = self.place_of(&offer.provider) else { continue };
            if let Some(offers) = by_place.get_mut(place) {
                let (package, key, takes) = (&offer.package, &granted.key, offer.takes);
                offers.push(Yielding { offer: id, package, key, place, takes, extra: !kept.insert(&offer.package) });
            }
        }
        by_place
    }

    fn events(&mut self) -> Vec<DeskEvent> {
        let mut events: Vec<DeskEvent> = Vec::new();
        for (offer, reason) in &self.rescinded {
            events.push(DeskEvent::Rescinded { offer: (*offer).clone(), reason: *reason, note: String::new() });
        }
        let placed = self.jobs.iter().zip(self.matching.placed());
        let mut placed: Vec<_> =
            placed.filter_map(|(seeker, place)| Some((seeker.turn, seeker.package, (*place)?))).collect();
        placed.sort_unstable();
        for (_, package, place) in placed {
            let offered = self.offered(package, place, false, &events);
            events.extend(offered);
        }
        for package in self.escalated.clone() {
            let considered = self.considered(package);
            events.push(DeskEvent::Escalated { package: package.clone(), considered });
        }
        events
    }

    /// Asks further providers for packages of higher rank, as long as the policy says so and capacity is free.
    fn widen(&mut self, events: &mut Vec<DeskEvent>) {
        let mut asked: BTreeMap<&PackageId, BTreeSet<usize>> = BTreeMap::new();
        for (seeker, place) in self.jobs.iter().zip(self.matching.placed()) {
            if let Some(place) = place {
                asked.entry(seeker.package).or_default().insert(*place);
            }
        }
        let fewer = self.rescinded.iter().filter_map(|(offer, _)| Some(&self.desk.offers.get(*offer)?.package));
        for package in self.desk.index.narrow.iter().chain(fewer) {
            let mut places = self.places_asked(package).peekable();
            if places.peek().is_some() {
                asked.entry(package).or_default().extend(places);
            }
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

    fn offered(&mut self, package: &PackageId, place: usize, extra: bool, so_far: &[DeskEvent]) -> Option<DeskEvent> {
        let considered = self.considered(package);
        let Place { enlisted, contract, .. } = self.places.get(place)?;
        let granted = self.desk.requests.get(&self.desk.assignments.get(package)?.request)?;
        let stands = self.desk.policy.offer_stands_for(granted.key.priority());
        let number = self.desk.offers_made.saturating_add(u64::try_from(offers_in(so_far)).ok()?).saturating_add(1);
        Some(DeskEvent::Offered {
            offer: OfferId::parse(&format!("o-{number}")).ok()?,
            package: package.clone(),
            provider: enlisted.provider.id.clone(),
            contract: (*contract)?.clone(),
            expires_at: self.at.plus(stands),
            extra,
            considered,
        })
    }

    /// Everybody in the Reserve and how each stood when this round began: who fits, best first, then who was dropped.
    fn considered(&mut self, package: &PackageId) -> Vec<Candidate> {
        self.admitted(package);
        let (takes, tried, conflicted) = (self.takes(package), self.tried(package), self.conflicted(package));
        let Some(question) = self.desk.question(package, self.at) else { return Vec::new() };
        let mut admitted = self.options.get(package).into_iter().flat_map(|admitted| &admitted.fits).peekable();
        let mut candidates: Vec<_> = Vec::with_capacity(self.places.len());
        for (index, place) in self.places.iter().enumerate() {
            let provider = &place.enlisted.provider;
            let fits = match admitted.next_if(|(admitted, _)| *admitted == index) {
                Some((_, fit)) => Ok(*fit),
                None => admissible(provider, place.enlisted.suspended, &question)
                    .map(|contract| fit(provider, contract, &question, 0, self.desk.policy.version)),
            };
            let standing = match fits {
                Err(rule) => Verdict::Dropped(rule),
                Ok(_) if conflicted.contains(&index) => Verdict::Dropped(Rule::NoConflict),
                Ok(_) if tried.contains(&index) => Verdict::Dropped(Rule::NotTried),
                Ok(_) if !place.free.holds(&takes) => Verdict::Dropped(Rule::FreeCapacity),
                Ok(fit) => Verdict::Fits(Fit { load_percent: place.load_percent, ..fit }),
            };
            candidates.push(Candidate { provider: provider.id.clone(), standing });
        }
        candidates.sort_by_cached_key(|candidate| match &candidate.standing {
            Verdict::Fits(fit) => (0, fit.cost()),
            Verdict::Dropped(rule) => (1, u128::from(*rule as u8)),
        });
        candidates
    }
}

fn offers_in(events: &[DeskEvent]) -> usize {
    events.iter().filter(|event| matches!(event, DeskEvent::Offered { .. })).count()
}

/// All providers, in order, with what the contract in force has free.
fn places(desk: &Desk, at: Timestamp) -> Vec<Place<'_>> {
    // Both are sorted by provider, so that one walk finds each contract's usage.
    let mut usage = desk.usage.iter().peekable();
    let mut places = Vec::with_capacity(desk.providers.len());
    for enlisted in desk.providers.values() {
        let provider = &enlisted.provider;
        let contract = contract_at(provider, at);
        let mut taken = Usage::default();
        while let Some(((other, of), of_contract)) = usage.next_if(|((other, _), _)| *other <= provider.id) {
            if *other == provider.id && contract.is_some_and(|contract| contract.id == *of) {
                taken = *of_contract;
            }
        }
        let free = contract.map_or_else(Slots::default, |contract| {
            let Capacity { teams, onsite_teams, person_days, .. } = contract.capacity;
            Slots { teams, onsite: onsite_teams, days: person_days }.without(&taken.taken())
        });
        let days_left = contract.map_or(0, |c| c.capacity.person_days.saturating_sub(taken.days_used));
        let teams = taken.teams.saturating_add(free.teams).max(1);
        let load_percent = taken.teams.saturating_mul(100).checked_div(teams).unwrap_or(0);
        places.push(Place { enlisted, contract: contract.map(|contract| &contract.id), free, days_left, load_percent });
    }
    places
}
