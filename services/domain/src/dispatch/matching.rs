//! Who works for whom: jobs are added in priority order, each gets a place if moving others between places can make room, and
//! nobody added before loses its place.
//!
//! For one-team jobs whose days do not bind this is exact: the jobs served are the lexicographically best set by priority, and
//! the places they get cost least in sum (successive shortest paths on the assignment's residual graph). Larger jobs take the
//! cheapest place that holds them, if need be by moving one-team jobs elsewhere.

use std::collections::VecDeque;

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

/// A way to arrive at a place: needing a team there, or needing an on-site team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    place: usize,
    onsite: bool,
}

impl Node {
    fn index(self) -> usize {
        self.place.saturating_mul(2).saturating_add(usize::from(self.onsite))
    }
}

/// What a search takes for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// Days bind, and nodes known to be full are left out.
    AsItIs,
    /// Any place could still get more room.
    AsIfMoreRoom,
}

/// How a node was reached: the cost so far, and the job that moves there from another node (the new job if none).
#[derive(Clone, Copy, Debug)]
struct Reached {
    cost: i128,
    from: Option<(Node, usize)>,
}

/// Jobs and their places.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    free: Vec<Slots>,
    jobs: Vec<Job>,
    placed: Vec<Option<usize>>,
    /// Jobs at each place.
    at: Vec<Vec<usize>>,
    /// Nodes from which no room can be made until some place gets more room.
    full: Vec<bool>,
}

impl Matching {
    /// Nobody placed yet.
    pub fn new(free: Vec<Slots>) -> Self {
        let (at, full) = (vec![Vec::new(); free.len()], vec![false; free.len().saturating_mul(2)]);
        Self { free, at, full, ..Self::default() }
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
        let cost = |(job, place): (&Job, &Option<usize>)| place.map_or(0, |place| option_cost(job, place));
        self.jobs.iter().zip(&self.placed).map(cost).fold(0, u128::saturating_add)
    }

    /// Adds a job of lower priority than all before it. Whether it found a place.
    pub fn add(&mut self, job: Job) -> bool {
        let index = self.jobs.len();
        self.jobs.push(job);
        self.placed.push(None);
        self.place(index)
    }

    /// Gives a place more room.
    pub fn make_room(&mut self, place: usize, slots: Slots) {
        if let Some(free) = self.free.get_mut(place) {
            *free = free.and(&slots);
        }
        self.full.fill(false);
    }

    /// Takes a job's place away; it may be tried again.
    pub fn unseat(&mut self, job: usize) {
        self.leave(job);
        self.full.fill(false);
    }

    /// Tries again to place a job that found no place.
    pub fn retry(&mut self, job: usize) -> bool {
        self.placed.get(job).is_some_and(Option::is_some) || self.place(job)
    }

    /// Places where more room would let the job in, directly or by moving others.
    pub fn reach(&self, job: usize) -> Vec<usize> {
        let Some(wanted) = self.jobs.get(job) else { return Vec::new() };
        if wanted.takes.teams != 1 {
            return wanted.options.iter().map(|(place, _)| *place).collect();
        }
        let (reached, _) = self.search(job, Search::AsIfMoreRoom);
        let mut places: Vec<usize> =
            reached.iter().enumerate().filter(|(_, r)| r.is_some()).map(|(index, _)| index / 2).collect();
        places.dedup();
        places
    }

    fn place(&mut self, index: usize) -> bool {
        match self.jobs.get(index) {
            Some(job) if job.takes.teams == 1 => self.place_one(index),
            Some(_) => self.place_large(index),
            None => false,
        }
    }

    fn place_one(&mut self, index: usize) -> bool {
        let (reached, best) = self.search(index, Search::AsItIs);
        let Some(end) = best else {
            for (full, reached) in self.full.iter_mut().zip(&reached) {
                *full |= reached.is_some();
            }
            return false;
        };
        let mut moves = Vec::new();
        let mut node = end;
        while let Some(Some(Reached { from: Some((from, job)), .. })) = reached.get(node.index()) {
            moves.push((*job, node.place));
            node = *from;
        }
        moves.push((index, node.place));
        for (job, _) in &moves {
            self.leave(*job);
        }
        for (job, place) in moves {
            self.take(job, place);
        }
        true
    }

    /// Shortest ways from a job to every node it can reach, and the best node with room. A node with room is not gone
    /// beyond: what is placed already costs least, so no move from there pays.
    fn search(&self, index: usize, search: Search) -> (Vec<Option<Reached>>, Option<Node>) {
        let mut reached: Vec<Option<Reached>> = vec![None; self.full.len()];
        let mut queue = VecDeque::new();
        let mut queued = vec![false; self.full.len()];
        let arrive = |job: usize, cost: i128, from: Option<(Node, usize)>, reached: &mut Vec<Option<Reached>>| {
            let mut news = Vec::new();
            let Some(job) = self.jobs.get(job) else { return news };
            for (place, option) in &job.options {
                let node = Node { place: *place, onsite: job.takes.onsite > 0 };
                let as_it_is = search == Search::AsItIs;
                let short_of_days = as_it_is && self.free(*place).days < job.takes.days;
                let known_full = as_it_is && self.full.get(node.index()).copied().unwrap_or(true);
                let cost = cost.saturating_add(i128::try_from(*option).unwrap_or(i128::MAX));
                if let Some(entry) = reached.get_mut(node.index())
                    && !short_of_days
                    && !known_full
                    && from.is_none_or(|(from, _)| from.place != *place)
                    && entry.is_none_or(|known| cost < known.cost)
                {
                    *entry = Some(Reached { cost, from });
                    news.push(node);
                }
            }
            news
        };
        let enqueue = |nodes: Vec<Node>, queue: &mut VecDeque<Node>, queued: &mut Vec<bool>| {
            for node in nodes {
                if let Some(waiting) = queued.get_mut(node.index()).filter(|waiting| !**waiting) {
                    *waiting = true;
                    queue.push_back(node);
                }
            }
        };
        enqueue(arrive(index, 0, None, &mut reached), &mut queue, &mut queued);
        while let Some(node) = queue.pop_front() {
            if let Some(waiting) = queued.get_mut(node.index()) {
                *waiting = false;
            }
            let Some(Some(here)) = reached.get(node.index()).copied() else { continue };
            if self.has_room(node) {
                continue;
            }
            for job in self.movable(node) {
                let cost = here.cost.saturating_sub(self.current_cost(job));
                enqueue(arrive(job, cost, Some((node, job)), &mut reached), &mut queue, &mut queued);
            }
        }
        let best = reached
            .iter()
            .enumerate()
            .filter_map(|(index, reached)| {
                let node = Node { place: index / 2, onsite: index % 2 == 1 };
                reached.filter(|_| self.has_room(node)).map(|reached| (reached.cost, index, node))
            })
            .min_by_key(|(cost, index, _)| (*cost, *index));
        (reached, best.map(|(_, _, node)| node))
    }

    fn has_room(&self, node: Node) -> bool {
        let free = self.free(node.place);
        free.teams > 0 && (!node.onsite || free.onsite > 0)
    }

    /// One-team jobs whose leaving makes the room that arriving at `node` needs.
    fn movable(&self, node: Node) -> impl Iterator<Item = usize> {
        let onsite_short = node.onsite && self.free(node.place).onsite == 0;
        self.at.get(node.place).into_iter().flatten().copied().filter(move |job| {
            self.jobs.get(*job).is_some_and(|job| job.takes.teams == 1 && (job.takes.onsite > 0 || !onsite_short))
        })
    }

    fn current_cost(&self, job: usize) -> i128 {
        let cost = self.jobs.get(job).zip(self.placed.get(job).copied().flatten());
        cost.map_or(0, |(job, place)| i128::try_from(option_cost(job, place)).unwrap_or(i128::MAX))
    }

    /// The cheapest place that holds the job as it is; else the cheapest from which enough one-team jobs can move away.
    fn place_large(&mut self, index: usize) -> bool {
        let Some(job) = self.jobs.get(index) else { return false };
        let takes = job.takes;
        let mut options = job.options.clone();
        options.sort_by_key(|(place, cost)| (*cost, *place));
        if let Some((place, _)) = options.iter().find(|(place, _)| self.free(*place).holds(&takes)) {
            self.take(index, *place);
            return true;
        }
        options.iter().any(|(place, _)| self.clear_and_take(index, *place, takes))
    }

    fn clear_and_take(&mut self, index: usize, place: usize, takes: Slots) -> bool {
        let mut trial = self.clone();
        let mut moved = Vec::new();
        while !trial.free(place).holds(&takes) {
            let free = trial.free(place);
            let helps = |job: &&usize| {
                trial.jobs.get(**job).is_some_and(|job| {
                    job.takes.teams == 1
                        && (free.onsite >= takes.onsite || job.takes.onsite > 0 || free.teams < takes.teams)
                })
            };
            let Some(job) = trial.at.get(place).and_then(|jobs| jobs.iter().rev().find(helps).copied()) else {
                return false;
            };
            trial.leave(job);
            moved.push(job);
        }
        trial.take(index, place);
        trial.full.fill(false);
        if moved.into_iter().rev().all(|job| trial.place_one(job)) {
            *self = trial;
            return true;
        }
        false
    }

    fn take(&mut self, job: usize, place: usize) {
        let takes = self.jobs.get(job).map(|job| job.takes).unwrap_or_default();
        if let (Some(free), Some(at), Some(placed)) =
            (self.free.get_mut(place), self.at.get_mut(place), self.placed.get_mut(job))
        {
            *free = free.without(&takes);
            at.push(job);
            *placed = Some(place);
        }
    }

    fn leave(&mut self, job: usize) {
        let Some(place) = self.placed.get_mut(job).and_then(Option::take) else { return };
        let takes = self.jobs.get(job).map(|job| job.takes).unwrap_or_default();
        if let (Some(free), Some(at)) = (self.free.get_mut(place), self.at.get_mut(place)) {
            *free = free.and(&takes);
            at.retain(|other| *other != job);
        }
    }
}

fn option_cost(job: &Job, place: usize) -> u128 {
    job.options.iter().find(|(option, _)| *option == place).map_or(0, |(_, cost)| *cost)
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

    proptest! {
        #[test]
        fn one_team_jobs_are_matched_exactly((free, jobs) in case()) {
            let mut matching = Matching::new(free.clone());
            let served: Vec<bool> = jobs.iter().map(|job| matching.add(job.clone())).collect();
            let (best, cost) = exhaustive(&free, &jobs);
            prop_assert_eq!(&served, &best);
            prop_assert_eq!(served, matching.placed().iter().map(Option::is_some).collect::<Vec<_>>());
            prop_assert_eq!(matching.cost(), cost);
            for (place, room) in free.iter().enumerate() {
                let taken = jobs.iter().zip(matching.placed()).filter(|(_, p)| **p == Some(place));
                let sum = taken.fold(Slots::default(), |sum, (job, _)| sum.and(&job.takes));
                prop_assert!(room.holds(&sum));
                prop_assert_eq!(matching.free(place), room.without(&sum));
            }
        }
    }
}
