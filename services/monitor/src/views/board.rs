//! The board's order and counts, kept as requests change, so that a page of it costs a page and not the whole board.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    time::Duration,
};

use muster_domain::{
    codes::{Country, Tlp},
    kernel::{AuthorityId, RequestId, Role, Timestamp},
};

use super::standing::State;

/// All of a card that filters and counts look at, and all but its hospital that says who may see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Its state.
    pub state: State,
    /// Whether it hangs in the lane `closed`.
    pub closed: bool,
    /// Where it is.
    pub country: Country,
    /// Whose turn it is.
    pub turn: Option<Role>,
    /// The authority that made it its own.
    pub authority: Option<AuthorityId>,
    /// Who may be told.
    pub tlp: Tlp,
}

/// Which cards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only in one of these states; empty for all.
    pub states: BTreeSet<State>,
    /// Only of these countries; empty for all.
    pub countries: BTreeSet<Country>,
    /// Only where it is this role's turn.
    pub turn: Option<Role>,
    /// Whether closed and withdrawn requests are shown too.
    pub with_closed: bool,
}

impl Filter {
    /// Whether a card is shown.
    pub fn lets(&self, group: &Group) -> bool {
        (self.with_closed || !group.closed)
            && (self.states.is_empty() || self.states.contains(&group.state))
            && (self.countries.is_empty() || self.countries.contains(&group.country))
            && self.turn.is_none_or(|turn| group.turn == Some(turn))
    }
}

/// Where a card stands on the board: open ones first, then the clock that ends first, then the request opened first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    closed: bool,
    due: Timestamp,
    number: u32,
}

impl Place {
    /// As text, for a page's token.
    pub fn key(&self) -> String {
        format!("{}.{}.{}", u8::from(self.closed), self.due.millis(), self.number)
    }

    /// Reads a place back.
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.split('.');
        let (closed, due, number) = (parts.next()? == "1", parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { closed, due: Timestamp::from_millis(due), number })
    }
}

/// A card as the board orders and counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What filters and counts look at.
    pub group: Group,
    /// Its short number.
    pub number: u32,
    /// When its next clock warns and when it ends.
    pub next: Option<(Timestamp, Timestamp)>,
}

impl Mark {
    fn place(&self) -> Place {
        let due = self.next.map_or(Timestamp::from_millis(i64::MAX), |(_, due)| due);
        Place { closed: self.group.closed, due, number: self.number }
    }
}

/// Every card's mark, in the board's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    order: BTreeMap<Place, (RequestId, Group)>,
    marks: BTreeMap<RequestId, Mark>,
    counts: BTreeMap<Group, u32>,
    /// When time alone changes a card.
    turns: BTreeSet<(Timestamp, RequestId)>,
}

impl Board {
    /// Puts a card where it belongs now.
    pub fn put(&mut self, request: &RequestId, mark: Mark) {
        if let Some(before) = self.marks.get(request) {
            if *before == mark {
                return;
            }
            self.order.remove(&before.place());
            if let Some(count) = self.counts.get_mut(&before.group) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.counts.remove(&before.group);
                }
            }
            for at in moments(before) {
                self.turns.remove(&(at, request.clone()));
            }
        }
        self.order.insert(mark.place(), (request.clone(), mark.group.clone()));
        let count = self.counts.entry(mark.group.clone()).or_default();
        *count = count.saturating_add(1);
        self.turns.extend(moments(&mark).map(|at| (at, request.clone())));
        self.marks.insert(request.clone(), mark);
    }

    /// Cards in order, from a place on.
    pub fn from(&self, place: Option<Place>) -> impl Iterator<Item = (Place, &RequestId, &Group)> {
        let begin = place.map_or(Bound::Unbounded, Bound::Included);
        self.order.range((begin, Bound::Unbounded)).map(|(place, (request, group))| (*place, request, group))
    }

    /// A card's group and place.
    pub fn mark(&self, request: &RequestId) -> Option<(Place, &Group)> {
        self.marks.get(request).map(|mark| (mark.place(), &mark.group))
    }

    /// Every group that has cards, and how many.
    pub fn groups(&self) -> impl Iterator<Item = (&Group, u32)> {
        self.counts.iter().map(|(group, count)| (group, *count))
    }

    /// Cards that time alone changed after `since`, up to and at `now`.
    pub fn turned(&self, since: Option<Timestamp>, now: Timestamp) -> impl Iterator<Item = &RequestId> {
        self.turns_after(since).take_while(move |(at, _)| *at <= now).map(|(_, request)| request)
    }

    /// When time alone changes a card next after `now`.
    pub fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        self.turns_after(Some(now)).next().map(|(at, _)| *at)
    }

    fn turns_after(&self, after: Option<Timestamp>) -> impl Iterator<Item = &(Timestamp, RequestId)> {
        let first = after.map_or(Timestamp::from_millis(i64::MIN), |after| after.plus(Duration::from_millis(1)));
        self.turns.range((first, RequestId::default())..)
    }
}

fn moments(mark: &Mark) -> impl Iterator<Item = Timestamp> {
    mark.next.into_iter().flat_map(|(warns, due)| [warns, due])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> RequestId {
        RequestId::parse(&format!("r-{n}")).unwrap()
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn mark(number: u32, state: State, due: Option<i64>) -> Mark {
        let (country, closed) = (Country::parse("FR").unwrap(), state == State::Closed);
        let group = Group { state, closed, country, turn: None, authority: None, tlp: Tlp::Amber };
        Mark { group, number, next: due.map(|due| (at(due / 2), at(due))) }
    }

    fn order(board: &Board) -> Vec<&str> {
        board.from(None).map(|(_, request, _)| request.as_str()).collect()
    }

    #[test]
    fn the_clock_that_ends_first_is_first_and_what_is_closed_last() {
        let mut board = Board::default();
        board.put(&id(1), mark(1, State::Closed, None));
        board.put(&id(2), mark(2, State::Waiting, None));
        board.put(&id(3), mark(3, State::Offered, Some(900)));
        board.put(&id(4), mark(4, State::Assessed, Some(400)));
        assert_eq!(order(&board), ["r-4", "r-3", "r-2", "r-1"]);
        board.put(&id(4), mark(4, State::Engaged, None));
        assert_eq!(order(&board), ["r-3", "r-2", "r-4", "r-1"]);
        let (place, _) = board.mark(&id(2)).unwrap();
        assert_eq!(Place::parse(&place.key()), Some(place));
        assert_eq!(board.from(Some(place)).count(), 3);
    }

    #[test]
    fn groups_are_counted_as_cards_change() {
        let mut board = Board::default();
        for n in 1..=3 {
            board.put(&id(n), mark(n, State::Opened, None));
        }
        board.put(&id(2), mark(2, State::Closed, None));
        let counts = |board: &Board| board.groups().map(|(group, count)| (group.state, count)).collect::<Vec<_>>();
        assert_eq!(counts(&board), [(State::Opened, 2), (State::Closed, 1)]);
        board.put(&id(2), mark(2, State::Opened, None));
        assert_eq!(counts(&board), [(State::Opened, 3)]);
    }

    #[test]
    fn a_filter_lets_through_what_it_says() {
        let Mark { group, .. } = mark(1, State::Closed, None);
        let open = Filter::default();
        let all = Filter { with_closed: true, ..open.clone() };
        let elsewhere = Filter { countries: [Country::parse("DE").unwrap()].into(), ..all.clone() };
        let another = Filter { states: [State::Opened].into(), ..all.clone() };
        let in_turn = Filter { turn: Some(Role::Spoc), ..all.clone() };
        let lets = [open, all, elsewhere, another, in_turn].map(|filter| filter.lets(&group));
        assert_eq!(lets, [false, true, false, false, false]);
    }

    #[test]
    fn a_card_turns_when_its_clock_warns_and_when_it_ends() {
        let mut board = Board::default();
        board.put(&id(1), mark(1, State::Assessed, Some(400)));
        board.put(&id(2), mark(2, State::Assessed, Some(600)));
        let turned = |board: &Board, since, now| {
            board.turned(since, now).map(|request| request.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(board.next_turn(at(0)), Some(at(200)));
        assert_eq!(board.next_turn(at(200)), Some(at(300)));
        assert_eq!(turned(&board, Some(at(199)), at(300)), ["r-1", "r-2"]);
        assert_eq!(turned(&board, Some(at(300)), at(399)), [""; 0]);
        assert_eq!(turned(&board, None, at(400)), ["r-1", "r-2", "r-1"]);
        board.put(&id(1), mark(1, State::Engaged, None));
        assert_eq!(turned(&board, None, at(400)), ["r-2"]);
        assert_eq!(board.next_turn(at(600)), None);
    }
}
