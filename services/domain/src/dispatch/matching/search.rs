//! The ways by which a job gets in: shortest paths on the assignment's residual graph.
//!
//! ```text
//!               ┌──────────────── place ────────────────┐
//! on-site job ──┼─▶ on-site gate ──▶ gate of teams ──────┼──▶ out: there was room
//! remote job ───┼──────────────────▶ gate of teams ──────┘
//!               └ who stands behind a gate can leave it for another place
//! ```
//!
//! Gates have prices: no step costs less than nothing once what it gains in price is counted, so a search looks at the nearest
//! gates first and ends at the first way out (Dijkstra's algorithm with potentials). Prices stay right when something is
//! placed. When room is made, whoever pays less there moves in, until no such move pays.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use super::{Job, Matching, Slots};

/// What a place's gate of teams or on-site gate is called.
pub(super) const fn gate(place: usize, onsite: bool) -> usize {
    place.saturating_mul(2).saturating_add(onsite as usize)
}

/// How many gates so many places have.
pub(super) const fn gates(places: usize) -> usize {
    gate(places, false)
}

/// A job as a search sees it.
#[derive(Clone, Debug)]
pub(super) struct Seeker {
    pub(super) takes: Slots,
    /// Where it could go, and what each costs: apart, because most are looked at for their cost alone.
    gates: Vec<usize>,
    costs: Vec<i128>,
}

impl From<Job> for Seeker {
    fn from(job: Job) -> Self {
        let onsite = job.takes.onsite > 0;
        let gates = job.options.iter().map(|(place, _)| gate(*place, onsite));
        let costs = job.options.iter().map(|(_, cost)| i128::try_from(*cost).unwrap_or(i128::MAX));
        Self { takes: job.takes, gates: gates.collect(), costs: costs.collect() }
    }
}

impl Seeker {
    /// The gate that it goes through at each of its options, and the cost.
    pub(super) fn options(&self) -> impl Iterator<Item = (usize, i128)> {
        self.gates.iter().copied().zip(self.costs.iter().copied())
    }
}

/// What stands for a gate that is not shut.
const OPEN: usize = usize::MAX;

/// The prices of gates and of the way out, which comes after them.
#[derive(Clone, Debug)]
pub(super) struct Prices {
    of: Vec<i128>,
    /// Gates from which no way leads out until some place gets more room, each with the number of the search that found it
    /// so. Whoever stands behind one could reach gates that were shut then or before, and no others; so searches leave them
    /// out, and their prices are put right when they open.
    shut: Vec<usize>,
    /// How many searches ended so.
    ended: usize,
}

impl Prices {
    pub(super) fn new(places: usize) -> Self {
        let nodes = gates(places).saturating_add(1);
        Self { of: vec![0; nodes], shut: vec![OPEN; nodes], ended: 0 }
    }

    fn price(&self, node: usize) -> i128 {
        self.of.get(node).copied().unwrap_or_default()
    }

    fn shut_by(&self, node: usize) -> usize {
        self.shut.get(node).copied().unwrap_or_default()
    }

    fn is_shut(&self, node: usize) -> bool {
        self.shut_by(node) != OPEN
    }

    /// Nothing of what was reached leads out.
    fn shut(&mut self, ways: &Ways) {
        for (shut, label) in self.shut.iter_mut().zip(&ways.labels) {
            if *label < i128::MAX {
                *shut = self.ended;
            }
        }
        self.ended = self.ended.saturating_add(1);
    }

    /// Whatever was nearer than `limit` gets dearer by the difference.
    fn raise(&mut self, ways: &Ways, limit: i128) {
        for (price, label) in self.of.iter_mut().zip(&ways.labels) {
            if *label < limit {
                *price = price.saturating_add(limit.saturating_sub(*label));
            }
        }
    }
}

/// How a node was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The search begins there.
    Start,
    /// Within a place, or to or from the way out.
    Through(usize),
    /// A job leaves that gate for this one.
    Move(usize, usize),
}

/// A job that may leave the gate behind which it stands.
struct Leaving {
    node: usize,
    job: usize,
    /// How far the gate is.
    label: i128,
    /// The same without what the job pays there and the gate's price.
    begin: i128,
}

/// What a search finds.
struct Ways {
    /// How far each node is; the greatest number if it was not reached.
    labels: Vec<i128>,
    /// The same without the node's price; less than anything where nobody may go.
    gaps: Vec<i128>,
    steps: Vec<Step>,
    /// Where to, and how far at most.
    goal: usize,
    limit: i128,
    heap: BinaryHeap<Reverse<(i128, usize)>>,
}

impl Ways {
    fn new(prices: &Prices, goal: usize, limit: i128) -> Self {
        let gaps = prices.shut.iter().map(|shut| if *shut == OPEN { i128::MAX } else { i128::MIN }).collect();
        let nodes = prices.of.len();
        let (labels, steps) = (vec![i128::MAX; nodes], vec![Step::Start; nodes]);
        Self { labels, gaps, steps, goal, limit, heap: BinaryHeap::new() }
    }

    fn arrive(&mut self, node: usize, label: i128, price: i128, step: Step) {
        if let (Some(known), Some(gap), Some(by)) =
            (self.labels.get_mut(node), self.gaps.get_mut(node), self.steps.get_mut(node))
            && label < *known
            && label < self.limit
        {
            if node == self.goal {
                self.limit = label;
            }
            (*known, *gap, *by) = (label, label.saturating_sub(price), step);
            self.heap.push(Reverse((label, node)));
        }
    }

    /// The nearest node that was not looked at yet.
    fn next(&mut self) -> Option<(i128, usize)> {
        while let Some(Reverse((label, node))) = self.heap.pop() {
            if self.labels.get(node) == Some(&label) {
                return Some((label, node));
            }
        }
        None
    }

    /// Which jobs move where on the way to a node, the last first, and where the way began.
    fn back(&self, end: usize) -> (Vec<(usize, usize)>, usize) {
        let (mut moves, mut node) = (Vec::new(), end);
        loop {
            match self.steps.get(node) {
                Some(Step::Move(from, job)) => {
                    moves.push((*job, node / 2));
                    node = *from;
                }
                Some(Step::Through(from)) => node = *from,
                Some(Step::Start) | None => return (moves, node),
            }
        }
    }
}

impl Matching {
    /// The way out comes after all gates.
    fn out(&self) -> usize {
        self.at.len()
    }

    pub(super) fn place_one(&mut self, index: usize) -> bool {
        let Some(job) = self.jobs.get(index) else { return false };
        let mut ways = Ways::new(&self.prices, self.out(), i128::MAX);
        self.leave_for(job, None, &mut ways);
        let Some(limit) = self.search(&mut ways) else {
            self.prices.shut(&ways);
            return false;
        };
        let (mut moves, first) = ways.back(self.out());
        moves.push((index, first / 2));
        self.prices.raise(&ways, limit);
        self.shift(&moves)
    }

    /// Looks for the shortest way to the goal; gives its length, if there is one within the limit.
    fn search(&self, ways: &mut Ways) -> Option<i128> {
        while let Some((label, node)) = ways.next() {
            if node == ways.goal {
                return Some(label);
            }
            if node == self.out() {
                self.come_back(label, ways);
                continue;
            }
            self.go_through(node, label, ways);
            for job in self.at.get(node).into_iter().flatten() {
                if let (Some(wanted), Some(paid)) = (self.jobs.get(*job), self.paid.get(*job)) {
                    let begin = label.saturating_sub(*paid).saturating_sub(self.prices.price(node));
                    self.leave_for(wanted, Some(Leaving { node, job: *job, label, begin }), ways);
                }
            }
        }
        None
    }

    /// Reaches the gates that a job may go to, from outside or from the gate behind which it stands.
    fn leave_for(&self, wanted: &Seeker, leaving: Option<Leaving>, ways: &mut Ways) {
        let (least, begin) = leaving.as_ref().map_or((i128::MIN, 0), |leaving| (leaving.label, leaving.begin));
        let step = leaving.map_or(Step::Start, |leaving| Step::Move(leaving.node, leaving.job));
        for (node, cost) in wanted.options() {
            let there = begin.saturating_add(cost);
            let nearer = ways.gaps.get(node).is_some_and(|gap| there < *gap);
            if nearer && self.free(node / 2).days >= wanted.takes.days {
                let price = self.prices.price(node);
                ways.arrive(node, there.saturating_add(price).max(least), price, step);
            }
        }
    }

    /// From a gate onwards without anybody moving.
    fn go_through(&self, node: usize, label: i128, ways: &mut Ways) {
        let place = node / 2;
        let (teams, onsite) = (gate(place, false), gate(place, true));
        let free = self.free(place);
        let next = if node == onsite {
            [(free.onsite > 0).then_some(teams), None]
        } else {
            let back = self.is_somebody_behind(onsite);
            [(free.teams > 0).then_some(self.out()), back.then_some(onsite)]
        };
        for next in next.into_iter().flatten() {
            self.walk(node, next, label, ways);
        }
    }

    /// From the way out back to wherever somebody went out, so as to take the room elsewhere.
    fn come_back(&self, label: i128, ways: &mut Ways) {
        for place in 0..self.free.len() {
            let (teams, onsite) = (gate(place, false), gate(place, true));
            if self.is_somebody_behind(teams) || self.is_somebody_behind(onsite) {
                self.walk(self.out(), teams, label, ways);
            }
        }
    }

    fn walk(&self, from: usize, to: usize, label: i128, ways: &mut Ways) {
        if !self.prices.is_shut(to) {
            let price = self.prices.price(to);
            let cost = price.saturating_sub(self.prices.price(from)).max(0);
            ways.arrive(to, label.saturating_add(cost), price, Step::Through(from));
        }
    }

    /// Moves jobs, all at once. Nothing is moved if a place cannot hold what comes, as may be when days bind.
    fn shift(&mut self, moves: &[(usize, usize)]) -> bool {
        let before: Vec<_> = moves.iter().map(|(job, _)| (*job, self.leave(*job))).collect();
        for (at, (job, place)) in moves.iter().enumerate() {
            let takes = self.jobs.get(*job).map(|job| job.takes).unwrap_or_default();
            if self.free(*place).holds(&takes) {
                self.take(*job, *place);
                continue;
            }
            for (job, _) in moves.iter().take(at) {
                self.leave(*job);
            }
            for (job, place) in before {
                place.into_iter().for_each(|place| self.take(job, place));
            }
            return false;
        }
        true
    }

    /// After a place got room: gates that were shut may lead out again, and whoever pays less there moves in.
    pub(super) fn room_was_made(&mut self, place: usize) {
        self.open();
        let (teams, onsite) = (gate(place, false), gate(place, true));
        while self.free(place).teams > 0 && self.draw(teams, self.out()) {}
        while self.free(place).onsite > 0 && self.draw(onsite, teams) {}
    }

    /// Opens the gates that were shut. The prices of those shut by one search rise, all alike, until nobody gains by going
    /// there, neither from open gates nor from those that were shut later.
    pub(super) fn open(&mut self) {
        let mut nodes: Vec<_> = (0..self.at.len()).collect();
        nodes.sort_by_key(|node| Reverse(self.prices.shut_by(*node)));
        let mut gains = BTreeMap::new();
        for node in nodes.iter().copied().filter(|node| self.prices.is_shut(*node)) {
            let gain = self.prices.price(self.out()).saturating_sub(self.prices.price(node));
            note(&mut gains, self.prices.shut_by(node), gain);
        }
        if gains.is_empty() {
            return;
        }
        for node in nodes {
            if let Some(gain) = gains.get(&self.prices.shut_by(node))
                && let Some(price) = self.prices.of.get_mut(node)
            {
                *price = price.saturating_add(*gain);
            }
            self.gains_from(node, &mut gains);
        }
        self.prices.shut.fill(OPEN);
    }

    /// What whoever stands behind a gate would gain by going to gates that were shut before.
    fn gains_from(&self, node: usize, gains: &mut BTreeMap<usize, i128>) {
        let (price, by) = (self.prices.price(node), self.prices.shut_by(node));
        let within = if node.is_multiple_of(2) { node.saturating_add(1) } else { node.saturating_sub(1) };
        if self.prices.shut_by(within) < by {
            note(gains, self.prices.shut_by(within), price.saturating_sub(self.prices.price(within)));
        }
        for job in self.at.get(node).into_iter().flatten() {
            let (Some(wanted), Some(paid)) = (self.jobs.get(*job), self.paid.get(*job)) else { continue };
            let here = paid.saturating_add(price);
            for (to, cost) in wanted.options().filter(|(to, _)| self.prices.shut_by(*to) < by) {
                let there = cost.saturating_add(self.prices.price(to));
                note(gains, self.prices.shut_by(to), here.saturating_sub(there));
            }
        }
    }

    /// Room between `from` and `to` that is worth less than the prices say: whoever gains most by it takes it. Whether
    /// anybody did.
    fn draw(&mut self, from: usize, to: usize) -> bool {
        let gain = self.prices.price(from).saturating_sub(self.prices.price(to));
        if gain <= 0 {
            return false;
        }
        let mut ways = Ways::new(&self.prices, from, gain);
        ways.arrive(to, 0, self.prices.price(to), Step::Start);
        let found = self.search(&mut ways);
        self.prices.raise(&ways, found.unwrap_or(gain));
        found.is_some() && self.shift(&ways.back(from).0)
    }

    /// Places where more room would let the job in, directly or by moving others.
    pub fn reach(&self, job: usize) -> Vec<usize> {
        let Some(wanted) = self.jobs.get(job) else { return Vec::new() };
        let mut reached = BTreeSet::new();
        let mut queue: Vec<usize> = wanted.options().map(|(gate, _)| gate).collect();
        while let Some(node) = queue.pop() {
            if reached.insert(node) && wanted.takes.teams == 1 {
                self.go_on(node, &mut queue);
            }
        }
        let mut places: Vec<usize> = reached.into_iter().map(|node| node / 2).collect();
        places.dedup();
        places
    }

    /// The gates that somebody who arrives at this one would reach or make others reach, whatever days they have.
    fn go_on(&self, node: usize, queue: &mut Vec<usize>) {
        let (teams, onsite) = (gate(node / 2, false), gate(node / 2, true));
        let free = self.free(node / 2);
        if node == teams && free.teams > 0 {
            return;
        }
        queue.extend((node == onsite && free.onsite > 0).then_some(teams));
        queue.extend((node == teams && self.is_somebody_behind(onsite)).then_some(onsite));
        let jobs = self.at.get(node).into_iter().flatten().filter_map(|job| self.jobs.get(*job));
        queue.extend(jobs.flat_map(|job| job.options()).map(|(gate, _)| gate));
    }

    fn is_somebody_behind(&self, gate: usize) -> bool {
        self.at.get(gate).is_some_and(|jobs| !jobs.is_empty())
    }
}

/// Keeps the greatest gain of each kind; none is below nothing.
fn note(gains: &mut BTreeMap<usize, i128>, by: usize, gain: i128) {
    let known = gains.entry(by).or_default();
    *known = gain.max(*known);
}
