//! Who works for whom: jobs are added in priority order, each gets a place if moving others between places can make room, and
//! nobody added before loses its place.
//!
//! For one-team jobs whose days do not bind this is exact, after every change: the jobs served are the lexicographically best
//! set by priority, and the places they get cost least in sum. Larger jobs take the cheapest place that holds them, if need be
//! by moving one-team jobs elsewhere.

#[cfg(test)]
mod optimum;
mod search;

use std::sync::Arc;

/// What a place has free, or a job takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Teams, on-site teams included.
    pub teams: u32,
    /// On-site teams.
    pub onsite: u32,
    /// Person-days.
    pub days: u32,
}

impl Slots {
    /// Whether `other` fits in.
    pub fn holds(&self, other: &Self) -> bool {
        self.teams >= other.teams && self.onsite >= other.onsite && self.days >= other.days
    }

    /// These and the other.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            teams: self.teams.saturating_add(other.teams),
            onsite: self.onsite.saturating_add(other.onsite),
            days: self.days.saturating_add(other.days),
        }
    }

    /// These without the other; nothing falls below zero.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self {
            teams: self.teams.saturating_sub(other.teams),
            onsite: self.onsite.saturating_sub(other.onsite),
            days: self.days.saturating_sub(other.days),
        }
    }
}

/// Work that one place is to take whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What it takes.
    pub takes: Slots,
    /// Where it could go: place and cost, each place once.
    pub options: Vec<(usize, u128)>,
}

/// Jobs and their places.
#[derive(Clone, Debug)]
pub struct Matching {
    free: Vec<Slots>,
    /// Shared, so that a matching to try something on is made quickly.
    jobs: Vec<Arc<search::Seeker>>,
    placed: Vec<Option<usize>>,
    /// What each placed job costs where it is.
    paid: Vec<i128>,
    /// One-team jobs behind each gate.
    at: Vec<Vec<usize>>,
    /// What a search knows before it begins.
    prices: search::Prices,
}

impl Default for Matching {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Matching {
    /// Nobody placed yet.
    pub fn new(free: Vec<Slots>) -> Self {
        let (at, prices) = (vec![Vec::new(); search::gates(free.len())], search::Prices::new(free.len()));
        Self { free, jobs: Vec::new(), placed: Vec::new(), paid: Vec::new(), at, prices }
    }

    /// Where each added job is, in the order they were added.
    pub fn placed(&self) -> &[Option<usize>] {
        &self.placed
    }

    /// What the place has free.
    pub fn free(&self, place: usize) -> Slots {
        self.free.get(place).copied().unwrap_or_default()
    }

    /// The sum of what the placed jobs cost.
    pub fn cost(&self) -> u128 {
        let placed = self.paid.iter().zip(&self.placed).filter(|(_, place)| place.is_some());
        placed.map(|(paid, _)| paid.unsigned_abs()).fold(0, u128::saturating_add)
    }

    /// Adds a job of lower priority than all before it. Whether it found a place.
    pub fn add(&mut self, job: Job) -> bool {
        let index = self.jobs.len();
        self.jobs.push(Arc::new(job.into()));
        self.placed.push(None);
        self.paid.push(0);
        self.place(index)
    }

    /// Gives a place more room.
    pub fn make_room(&mut self, place: usize, slots: Slots) {
        if let Some(free) = self.free.get_mut(place) {
            *free = free.and(&slots);
        }
        self.room_was_made(place);
    }

    /// Takes a job's place away; it may be tried again.
    pub fn unseat(&mut self, job: usize) {
        if let Some(place) = self.leave(job) {
            self.room_was_made(place);
        }
    }

    /// The same with a job in once these have left a place and so much room was made there, before anybody who pays less moves
    /// in: the job itself, or whoever makes way for it elsewhere; `None` if it does not get in even then.
    pub fn seated(&self, job: usize, place: usize, leaving: &[usize], room: Slots) -> Option<Self> {
        let wanted = self.jobs.get(job)?;
        let left = leaving.iter().filter_map(|other| self.jobs.get(*other)).map(|other| other.takes);
        let free = left.fold(self.free(place).and(&room), |free, takes| free.and(&takes));
        let fits = free.holds(&wanted.takes) && wanted.options().any(|(gate, _)| gate / 2 == place);
        let mut seated = self.clone();
        for other in leaving {
            seated.leave(*other);
        }
        *seated.free.get_mut(place)? = free;
        if fits {
            seated.take(job, place);
        } else {
            seated.open();
            if !seated.place(job) {
                return None;
            }
        }
        seated.room_was_made(place);
        Some(seated)
    }

    /// Tries again to place a job that found no place.
    pub fn retry(&mut self, job: usize) -> bool {
        self.placed.get(job).is_some_and(Option::is_some) || self.place(job)
    }

    fn place(&mut self, index: usize) -> bool {
        match self.jobs.get(index) {
            Some(job) if job.takes.teams == 1 => self.place_one(index) || self.place_where_days_bind(index),
            Some(_) => self.place_large(index),
            None => false,
        }
    }

    /// The cheapest place that holds the job as it is; else the cheapest from which enough one-team jobs can move away.
    fn place_large(&mut self, index: usize) -> bool {
        let Some(job) = self.jobs.get(index) else { return false };
        let takes = job.takes;
        let mut options: Vec<_> = job.options().map(|(gate, cost)| (gate / 2, cost)).collect();
        options.sort_by_key(|(place, cost)| (*cost, *place));
        if let Some((place, _)) = options.iter().find(|(place, _)| self.free(*place).holds(&takes)) {
            self.take(index, *place);
            return true;
        }
        options.iter().any(|(place, _)| self.make_way(index, *place, takes))
    }

    /// Ways count teams: where it is days that are short, the cheapest place from which enough others can move away.
    fn place_where_days_bind(&mut self, index: usize) -> bool {
        let Some(job) = self.jobs.get(index) else { return false };
        let takes = job.takes;
        let options = job.options().map(|(gate, cost)| (cost, gate / 2));
        let mut short: Vec<_> = options.filter(|(_, place)| self.free(*place).days < takes.days).collect();
        short.sort_unstable();
        short.into_iter().any(|(_, place)| self.make_way(index, place, takes))
    }

    /// Seats a job where others stand in its way, if all of them find another place.
    fn make_way(&mut self, index: usize, place: usize, takes: Slots) -> bool {
        self.step_aside(index, place, takes) || self.clear_and_take(index, place, takes)
    }

    /// Whoever has room elsewhere goes there, the lowest priority first, until the place holds the job.
    fn step_aside(&mut self, index: usize, place: usize, takes: Slots) -> bool {
        let mut trial = self.clone();
        let gates = [search::gate(place, false), search::gate(place, true)];
        let mut standing: Vec<_> = gates.iter().filter_map(|gate| self.at.get(*gate)).flatten().copied().collect();
        standing.sort_unstable_by(|a, b| b.cmp(a));
        for job in standing {
            let lacks = takes.without(&trial.free(place));
            let Some(wanted) = trial.jobs.get(job) else { continue };
            let helps = lacks.teams > 0 || (lacks.onsite > 0 && wanted.takes.onsite > 0) || lacks.days > 0;
            let elsewhere = wanted.options().map(|(gate, cost)| (cost, gate / 2)).filter(|(_, other)| *other != place);
            let room = elsewhere.filter(|(_, other)| trial.free(*other).holds(&wanted.takes)).min();
            if let Some((_, other)) = room.filter(|_| helps) {
                trial.leave(job);
                trial.take(job, other);
            }
        }
        if !trial.free(place).holds(&takes) {
            return false;
        }
        trial.take(index, place);
        *self = trial;
        true
    }

    /// The lowest priority leaves until the place holds the job; then whoever left seeks a place, moving others on if need be.
    fn clear_and_take(&mut self, index: usize, place: usize, takes: Slots) -> bool {
        let mut trial = self.clone();
        let mut moved = Vec::new();
        while !trial.free(place).holds(&takes) {
            let free = trial.free(place);
            let onsite_helps = free.onsite < takes.onsite;
            let job = trial.last_at(place, onsite_helps && free.teams >= takes.teams);
            let Some(job) = job else { return false };
            trial.leave(job);
            moved.push(job);
        }
        trial.take(index, place);
        trial.room_was_made(place);
        if moved.into_iter().rev().all(|job| trial.place_one(job)) {
            *self = trial;
            return true;
        }
        false
    }

    /// The one-team job of the lowest priority at a place.
    fn last_at(&self, place: usize, onsite: bool) -> Option<usize> {
        let gates = [(!onsite).then(|| search::gate(place, false)), Some(search::gate(place, true))];
        gates.into_iter().flatten().filter_map(|gate| self.at.get(gate)?.iter().max()).max().copied()
    }

    fn take(&mut self, job: usize, place: usize) {
        let Some(wanted) = self.jobs.get(job) else { return };
        let takes = wanted.takes;
        let cost = wanted.options().find(|(gate, _)| gate / 2 == place).map_or(0, |(_, cost)| cost);
        if let (Some(free), Some(placed), Some(paid)) =
            (self.free.get_mut(place), self.placed.get_mut(job), self.paid.get_mut(job))
        {
            *free = free.without(&takes);
            (*placed, *paid) = (Some(place), cost);
        }
        if let Some(at) = self.gate_of(takes, place).and_then(|gate| self.at.get_mut(gate)) {
            at.push(job);
        }
    }

    /// Takes a job away from its place; gives the place.
    fn leave(&mut self, job: usize) -> Option<usize> {
        let place = self.placed.get_mut(job)?.take()?;
        let takes = self.jobs.get(job)?.takes;
        let free = self.free.get_mut(place)?;
        *free = free.and(&takes);
        if let Some(at) = self.gate_of(takes, place).and_then(|gate| self.at.get_mut(gate)) {
            at.retain(|other| *other != job);
        }
        Some(place)
    }

    /// Behind which gate a job stands at a place; larger jobs are never moved, so they stand behind none.
    fn gate_of(&self, takes: Slots, place: usize) -> Option<usize> {
        (takes.teams == 1).then(|| search::gate(place, takes.onsite > 0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(onsite: bool, options: &[(usize, u128)]) -> Job {
        Job { takes: Slots { teams: 1, onsite: u32::from(onsite), days: 1 }, options: options.to_vec() }
    }

    fn room(teams: u32, onsite: u32) -> Slots {
        Slots { teams, onsite, days: 1000 }
    }

    #[test]
    fn a_later_job_moves_an_earlier_one_but_never_unseats_it() {
        let mut matching = Matching::new(vec![room(1, 1), room(1, 1)]);
        assert!(matching.add(one(false, &[(0, 1), (1, 5)])));
        assert!(matching.add(one(false, &[(0, 1)])));
        assert!(!matching.add(one(false, &[(0, 1), (1, 1)])));
        assert_eq!(matching.placed(), [Some(1), Some(0), None]);
    }

    #[test]
    fn an_onsite_team_needs_both_limits() {
        let mut matching = Matching::new(vec![room(2, 1), room(1, 1)]);
        assert!(matching.add(one(true, &[(0, 1), (1, 9)])));
        assert!(matching.add(one(true, &[(0, 1)])), "the first moves to the other place");
        assert!(matching.add(one(false, &[(0, 1)])));
        assert_eq!(matching.placed(), [Some(1), Some(0), Some(0)]);
    }

    #[test]
    fn a_large_job_takes_the_cheapest_place_that_small_ones_can_leave() {
        let mut matching = Matching::new(vec![room(2, 2), room(1, 1)]);
        assert!(matching.add(one(false, &[(0, 1), (1, 2)])));
        let large = Job { takes: Slots { teams: 2, onsite: 1, days: 10 }, options: vec![(0, 1)] };
        assert!(matching.add(large));
        assert_eq!(matching.placed(), [Some(1), Some(0)]);
    }

    /// A one-team job of so many days.
    fn days(days: u32, options: &[(usize, u128)]) -> Job {
        Job { takes: Slots { teams: 1, onsite: 0, days }, options: options.to_vec() }
    }

    #[test]
    fn where_days_are_short_whoever_has_room_elsewhere_steps_aside() {
        let slots = |days| Slots { teams: 2, onsite: 0, days };
        let mut matching = Matching::new(vec![slots(10), slots(10)]);
        assert!(matching.add(days(10, &[(0, 1), (1, 5)])));
        assert!(matching.add(days(10, &[(0, 1)])));
        assert_eq!(matching.placed(), [Some(1), Some(0)]);
        assert!(!matching.add(days(1, &[(0, 1), (1, 1)])));
    }

    #[test]
    fn whoever_has_no_room_elsewhere_moves_others_on() {
        let slots = |teams, days| Slots { teams, onsite: 0, days };
        let mut matching = Matching::new(vec![slots(2, 10), slots(1, 20), slots(1, 20)]);
        assert!(matching.add(days(1, &[(1, 1), (2, 9)])));
        assert!(matching.add(days(10, &[(0, 1), (1, 2)])));
        assert!(matching.add(days(10, &[(0, 1)])));
        assert_eq!(matching.placed(), [Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn more_room_lets_a_refused_job_in() {
        let mut matching = Matching::new(vec![Slots::default(), room(1, 1)]);
        assert!(matching.add(one(false, &[(1, 1)])));
        assert!(!matching.add(one(true, &[(0, 1), (1, 1)])));
        assert_eq!(matching.reach(1), [0, 1]);
        matching.make_room(0, Slots { teams: 1, onsite: 1, days: 0 });
        assert!(!matching.retry(1), "days bind");
        matching.make_room(0, Slots { teams: 0, onsite: 0, days: 1 });
        assert!(matching.retry(1));
    }

    /// Every assignment of small cases, by brute force: the best served set in priority order, then the least cost.
    fn exhaustive(free: &[Slots], jobs: &[Job]) -> (Vec<bool>, u128) {
        fn go(
            free: &mut Vec<Slots>,
            jobs: &[Job],
            served: &mut Vec<bool>,
            cost: u128,
            best: &mut Option<(Vec<bool>, u128)>,
        ) {
            let Some((job, rest)) = jobs.split_first() else {
                let better = best.as_ref().is_none_or(|(s, c)| *served > *s || (*served == *s && cost < *c));
                if better {
                    *best = Some((served.clone(), cost));
                }
                return;
            };
            for (place, option) in &job.options {
                if free[*place].holds(&job.takes) {
                    let before = free[*place];
                    free[*place] = before.without(&job.takes);
                    served.push(true);
                    go(free, rest, served, cost + option, best);
                    served.pop();
                    free[*place] = before;
                }
            }
            served.push(false);
            go(free, rest, served, cost, best);
            served.pop();
        }
        let mut best = None;
        go(&mut free.to_vec(), jobs, &mut Vec::new(), 0, &mut best);
        best.unwrap()
    }

    fn case() -> impl Strategy<Value = (Vec<Slots>, Vec<Job>)> {
        let place = (0..3_u32, 0..3_u32).prop_map(|(teams, onsite)| room(teams, onsite.min(teams)));
        (proptest::collection::vec(place, 1..4)).prop_flat_map(|free| {
            let places = free.len();
            let options = proptest::collection::btree_map(0..places, 1..50_u128, 0..=places);
            let job = (options, any::<bool>()).prop_map(|(o, onsite)| one(onsite, &o.into_iter().collect::<Vec<_>>()));
            (Just(free), proptest::collection::vec(job, 0..6))
        })
    }

    /// What happens to a matching besides new jobs.
    #[derive(Clone, Debug)]
    enum Change {
        Room(usize, bool, bool),
        Unseat(usize),
        Retry(usize),
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let change = prop_oneof![
            (0..4_usize, any::<bool>(), any::<bool>())
                .prop_map(|(place, team, onsite)| Change::Room(place, team, onsite)),
            (0..6_usize).prop_map(Change::Unseat),
            (0..6_usize).prop_map(Change::Retry),
        ];
        proptest::collection::vec(change, 0..12)
    }

    /// Nothing is overbooked, and what is served could not be served for less.
    fn holds(matching: &Matching, limits: &[Slots], jobs: &[Job]) -> Result<(), TestCaseError> {
        for (place, limit) in limits.iter().enumerate() {
            let taken = jobs.iter().zip(matching.placed()).filter(|(_, p)| **p == Some(place));
            let sum = taken.fold(Slots::default(), |sum, (job, _)| sum.and(&job.takes));
            prop_assert!(limit.holds(&sum));
            prop_assert_eq!(matching.free(place), limit.without(&sum));
        }
        let served: Vec<Job> = jobs
            .iter()
            .zip(matching.placed())
            .filter(|(_, place)| place.is_some())
            .map(|(job, _)| job.clone())
            .collect();
        let (all, cost) = exhaustive(limits, &served);
        prop_assert!(all.into_iter().all(|served| served));
        prop_assert_eq!(matching.cost(), cost);
        Ok(())
    }

    proptest! {
        #[test]
        fn one_team_jobs_are_matched_exactly((free, jobs) in case()) {
            let mut matching = Matching::new(free.clone());
            let served: Vec<bool> = jobs.iter().map(|job| matching.add(job.clone())).collect();
            let (best, cost) = exhaustive(&free, &jobs);
            prop_assert_eq!(&served, &best);
            prop_assert_eq!(served, matching.placed().iter().map(Option::is_some).collect::<Vec<_>>());
            prop_assert_eq!(matching.cost(), cost);
            holds(&matching, &free, &jobs)?;
        }

        #[test]
        fn after_every_change_what_is_served_costs_least((free, jobs) in case(), changes in changes()) {
            let (mut matching, mut limits) = (Matching::new(free.clone()), free);
            for job in &jobs {
                matching.add(job.clone());
            }
            for change in changes {
                match change {
                    Change::Room(place, team, onsite) => {
                        let more = Slots { teams: team.into(), onsite: onsite.into(), days: 0 };
                        matching.make_room(place, more);
                        if let Some(limit) = limits.get_mut(place) {
                            *limit = limit.and(&more);
                        }
                    }
                    Change::Unseat(job) => matching.unseat(job),
                    Change::Retry(job) if job < jobs.len() => {
                        let before: Vec<bool> = matching.placed().iter().map(Option::is_some).collect();
                        let kept = |at: usize| at == job || before[at];
                        let wanted: Vec<Job> =
                            (0..jobs.len()).filter(|at| kept(*at)).map(|at| jobs[at].clone()).collect();
                        let possible = exhaustive(&limits, &wanted).0.into_iter().all(|served| served);
                        prop_assert_eq!(matching.retry(job), possible);
                        prop_assert!((0..jobs.len()).all(|at| !before[at] || matching.placed()[at].is_some()));
                    }
                    Change::Retry(_) => {}
                }
                holds(&matching, &limits, &jobs)?;
            }
        }
    }
}
