//! The matching against an optimiser that shares nothing with it: a flow through an explicit network, cheapest path first
//! (Bellman and Ford), on cases too large to try everything.

use std::collections::VecDeque;

use proptest::{collection::vec, prelude::*};

use super::{Job, Matching, Slots};

/// A network in which flow goes along edges for a price; edge `e ^ 1` is the way back along `e`.
#[derive(Default)]
struct Network {
    ends: Vec<usize>,
    room: Vec<u32>,
    price: Vec<i128>,
    out: Vec<Vec<usize>>,
}

const SOURCE: usize = 0;
const SINK: usize = 1;

impl Network {
    /// Jobs lead to places, on-site ones through the place's on-site limit; only these jobs are offered.
    fn of(free: &[Slots], jobs: &[Job], offered: &[bool]) -> Self {
        let (place, onsite) = (|at: usize| 2 + at, |at: usize| 2 + free.len() + at);
        let job = |at: usize| 2 + 2 * free.len() + at;
        let mut network = Self { out: vec![Vec::new(); job(jobs.len())], ..Self::default() };
        for (at, slots) in free.iter().enumerate() {
            network.edge(place(at), SINK, slots.teams, 0);
            network.edge(onsite(at), place(at), slots.onsite, 0);
        }
        for (at, wanted) in jobs.iter().enumerate().filter(|(at, _)| offered[*at]) {
            network.edge(SOURCE, job(at), 1, 0);
            for (to, cost) in &wanted.options {
                let gate = if wanted.takes.onsite > 0 { onsite(*to) } else { place(*to) };
                network.edge(job(at), gate, 1, i128::try_from(*cost).unwrap());
            }
        }
        network
    }

    fn edge(&mut self, from: usize, to: usize, room: u32, price: i128) {
        for (from, to, room, price) in [(from, to, room, price), (to, from, 0, -price)] {
            self.out[from].push(self.ends.len());
            self.ends.push(to);
            self.room.push(room);
            self.price.push(price);
        }
    }

    /// Sends one more unit the cheapest way; its price, if there is a way.
    fn send(&mut self) -> Option<i128> {
        let mut best = vec![(i128::MAX, usize::MAX); self.out.len()];
        let mut due = VecDeque::from([SOURCE]);
        best[SOURCE].0 = 0;
        while let Some(from) = due.pop_front() {
            for edge in self.out[from].iter().copied().filter(|edge| self.room[*edge] > 0) {
                let price = best[from].0 + self.price[edge];
                if price < best[self.ends[edge]].0 {
                    best[self.ends[edge]] = (price, edge);
                    due.push_back(self.ends[edge]);
                }
            }
        }
        let mut at = SINK;
        while at != SOURCE {
            let (_, edge) = best[at];
            if edge == usize::MAX {
                return None;
            }
            self.room[edge] -= 1;
            self.room[edge ^ 1] += 1;
            at = self.ends[edge ^ 1];
        }
        Some(best[SINK].0)
    }

    /// How many are served, and at what price in sum.
    fn flow(mut self) -> (usize, u128) {
        let prices: Vec<i128> = std::iter::from_fn(|| self.send()).collect();
        (prices.len(), prices.iter().sum::<i128>().unsigned_abs())
    }
}

/// The lexicographically best served set, a job at a time: whoever can be served beside all who are, is.
fn optimum(free: &[Slots], jobs: &[Job]) -> (Vec<bool>, u128) {
    let mut served = vec![false; jobs.len()];
    let mut count = 0;
    for at in 0..jobs.len() {
        served[at] = true;
        if Network::of(free, jobs, &served).flow().0 > count {
            count += 1;
        } else {
            served[at] = false;
        }
    }
    let (_, cost) = Network::of(free, jobs, &served).flow();
    (served, cost)
}

/// About as many teams as jobs, one pair in three feasible.
fn large() -> impl Strategy<Value = (Vec<Slots>, Vec<Job>)> {
    let place =
        (0..9_u32, 0..6_u32).prop_map(|(teams, onsite)| Slots { teams, onsite: onsite.min(teams), days: 10_000 });
    vec(place, 20..30).prop_flat_map(|free| {
        let option = prop_oneof![2 => Just(None), 1 => (1..1_000_000_u128).prop_map(Some)];
        let job = (vec(option, free.len()), any::<bool>(), 1..30_u32).prop_map(|(options, onsite, days)| Job {
            takes: Slots { teams: 1, onsite: u32::from(onsite), days },
            options: options.into_iter().enumerate().filter_map(|(at, cost)| Some((at, cost?))).collect(),
        });
        (Just(free), vec(job, 120..180))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn large_cases_are_served_as_an_independent_optimiser_would(
        ((free, jobs), left) in large().prop_flat_map(|case| {
            let jobs = case.1.len();
            (Just(case), vec(0..jobs, 0..20))
        })
    ) {
        let mut matching = Matching::new(free.clone());
        let served: Vec<bool> = jobs.iter().map(|job| matching.add(job.clone())).collect();
        let (best, cost) = optimum(&free, &jobs);
        prop_assert_eq!(served, best);
        prop_assert_eq!(matching.cost(), cost);

        // Some leave: whoever stays costs least again.
        left.iter().for_each(|job| matching.unseat(*job));
        let stays: Vec<bool> = matching.placed().iter().map(Option::is_some).collect();
        let (count, cost) = Network::of(&free, &jobs, &stays).flow();
        prop_assert_eq!(count, stays.iter().filter(|stays| **stays).count());
        prop_assert_eq!(matching.cost(), cost);
    }
}
