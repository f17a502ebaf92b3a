//! Where a waiting package would find room, at one moment.

use std::collections::{BTreeMap, BTreeSet};

use muster_domain::{
    eligibility::events::PriorityKey,
    kernel::{ContractId, PackageId, ProviderId, Timestamp},
};

use super::{ID, V1, comes_before};
use crate::{
    rules::in_force,
    timeline::{Load, Moment, Offer, Over, Timeline},
};

/// A pending offer, under the contract in force.
struct Pending<'a> {
    package: &'a PackageId,
    offer: String,
    key: &'a PriorityKey,
    takes: Load,
    /// Its package keeps another offer.
    extra: bool,
    /// It was made in the commit looked at.
    fresh: bool,
}

/// What a provider has under its contract in force.
struct Place<'a> {
    /// What is free, below zero where the contract was cut below its load.
    free: Load,
    pending: Vec<Pending<'a>>,
}

/// The desk after one commit.
pub struct Room<'a, 'd> {
    desk: &'d Timeline<'a>,
    now: Timestamp,
    moment: Moment,
    places: BTreeMap<&'a ProviderId, Place<'a>>,
    waiting: Vec<(&'a PackageId, &'a PriorityKey)>,
}

impl<'a, 'd> Room<'a, 'd> {
    /// Looks at the desk after a commit, with the terms that are in force at `now`; `open` are the packages whose work is still to
    /// be done.
    pub fn at(
        desk: &'d Timeline<'a>,
        loads: &BTreeMap<(&'a ProviderId, &'a ContractId), Over<Load>>,
        open: &BTreeSet<&'a PackageId>,
        step: usize,
        now: Timestamp,
    ) -> Self {
        let moment = Moment::end_of(step);
        let waiting = open.iter().filter(|package| desk.is_waiting(package, moment));
        let waiting: Vec<_> = waiting.filter_map(|package| Some((*package, desk.key(package, moment)?))).collect();
        let mut room = Self { desk, now, moment, places: BTreeMap::new(), waiting };
        if room.waiting.is_empty() {
            return room;
        }
        for (id, over) in &desk.terms {
            let Some(contract) = over.at(moment).and_then(|(terms, _)| in_force(terms, room.now)) else { continue };
            let load = loads.get(&(*id, &contract.id)).and_then(|over| over.at(moment)).copied().unwrap_or_default();
            room.places.insert(id, Place { free: Load::from(&contract.capacity) + -load, pending: Vec::new() });
        }
        open.iter().for_each(|package| room.pend(package));
        room
    }

    /// Takes in the pending offers of a package. Of several it keeps one: the first that did not widen its wave.
    fn pend(&mut self, package: &'a PackageId) {
        let Some(key) = self.desk.key(package, self.moment) else { return };
        let offers: Vec<_> = self.desk.offers_of(package).filter(|offer| offer.is_pending(self.moment)).collect();
        let kept = offers.iter().position(|offer| !offer.extra).unwrap_or_default();
        for (index, offer) in offers.iter().enumerate() {
            let Some(place) =
                self.places.get_mut(offer.provider).filter(|_| is_in_force(self.desk, offer, self.moment, self.now))
            else {
                continue;
            };
            place.pending.push(Pending {
                package,
                offer: format!("offer {}", offer.id),
                key,
                takes: self.desk.takes(package, offer.made),
                extra: index != kept,
                fresh: offer.made.step == self.moment.step,
            });
        }
    }

    /// Every waiting package that could be matched, and how.
    pub fn overtaken(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.waiting.iter().filter_map(|(package, key)| {
            let way = Search { room: self, key, visited: BTreeSet::new() }.find(package)?;
            let (id, beside) = match way.yields.as_slice() {
                [] => (V1, "which is free".to_owned()),
                yields => (ID, format!("where {} would yield", yields.join(", "))),
            };
            let moves = way.moves.iter().map(|says| format!(", after {says}")).collect::<String>();
            Some((id, format!("{package} waits beside {}, {beside}{moves}", way.provider)))
        })
    }

    /// Whether a provider may be asked for a package.
    fn may_ask(&self, package: &PackageId, provider: &ProviderId) -> bool {
        self.desk.forbids(package, provider, self.moment, self.now).is_empty()
    }
}

fn is_in_force(desk: &Timeline, offer: &Offer, moment: Moment, now: Timestamp) -> bool {
    let terms = desk.terms_at(offer.provider, moment).map(|(terms, _)| terms);
    let contract = terms.and_then(|terms| in_force(terms, now));
    contract.is_some_and(|contract| contract.id == *offer.contract)
}

/// A way to a place with room.
struct Way {
    provider: String,
    /// Offers that would end.
    yields: Vec<String>,
    /// Packages that would move.
    moves: Vec<String>,
}

/// The search for a way for one waiting package.
struct Search<'s, 'a, 'd> {
    room: &'s Room<'a, 'd>,
    /// Where the waiting package ranks: what is lower yields to it.
    key: &'s PriorityKey,
    /// Places arrived at, and whether by an on-site team.
    visited: BTreeSet<(&'a ProviderId, bool)>,
}

impl<'a> Search<'_, 'a, '_> {
    fn find(&mut self, package: &PackageId) -> Option<Way> {
        let takes = self.room.desk.takes(package, self.room.moment);
        let room = self.room;
        let places = || room.places.iter();
        let direct = places().find_map(|(provider, place)| {
            self.has_room(provider, place, takes).filter(|_| room.may_ask(package, provider))
        });
        if direct.is_some() || takes.teams != 1 {
            return direct;
        }
        let fresh = places().filter(|(_, place)| place.pending.iter().any(|pending| pending.fresh));
        let mut movable = fresh.filter(|(provider, _)| room.may_ask(package, provider));
        movable.find_map(|(provider, place)| self.move_from(provider, place, takes))
    }

    /// Whether a place has room as it is, or once what is lower has ended there.
    fn has_room(&self, provider: &ProviderId, place: &Place, takes: Load) -> Option<Way> {
        let way = |yields| Way { provider: provider.to_string(), yields, moves: Vec::new() };
        if takes.is_within(place.free) {
            return Some(way(Vec::new()));
        }
        let lower = || place.pending.iter().filter(|pending| pending.extra || comes_before(self.key, pending.key));
        let room = lower().fold(place.free, |room, pending| room + pending.takes);
        takes.is_within(room).then(|| way(lower().map(|pending| pending.offer.clone()).collect()))
    }

    /// Whether a package offered at this place in the same commit can move on and so make room for one team. Days must not
    /// bind on the way.
    fn move_from(&mut self, provider: &'a ProviderId, place: &Place, takes: Load) -> Option<Way> {
        if takes.days > place.free.days || !self.visited.insert((provider, takes.onsite > 0)) {
            return None;
        }
        let room = self.room;
        let only_onsite = takes.onsite > 0 && place.free.onsite <= 0;
        let moves = |mover: &&Pending| mover.fresh && !mover.extra && mover.takes.teams == 1;
        let helps = |mover: &&Pending| mover.takes.onsite > 0 || !only_onsite;
        for mover in place.pending.iter().filter(moves).filter(helps) {
            for (other, next) in room.places.iter().filter(|(other, _)| **other != provider) {
                if mover.takes.days > next.free.days || !room.may_ask(mover.package, other) {
                    continue;
                }
                let way = self.has_room(other, next, mover.takes).or_else(|| self.move_from(other, next, mover.takes));
                if let Some(mut way) = way {
                    way.moves.push(format!("{} goes to {other}", mover.package));
                    return Some(way);
                }
            }
        }
        None
    }
}
