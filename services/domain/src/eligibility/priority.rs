//! Who comes first, and why: the bands of Art 16(3) in the law's order, then Member State users (Art 16(4)). Submission time
//! and id stand last and are technical: they only make the order total.

use std::{cmp::Ordering, fmt, time::Duration};

use super::{
    bands::{BAND_MAX, name, takes},
    events::{Band, Criterion, Policy, PriorityKey},
};
use crate::{
    codes::{UnknownCode, code_list},
    intake::events::Route,
    kernel::{RequestId, Timestamp},
    registry::events::AuthorityKind,
};

impl PriorityKey {
    /// Where a request ranks by these bands.
    pub fn new(bands: [u8; 5], route: &Route, submitted_at: Timestamp, request: RequestId) -> Self {
        Self { bands, member_state_user: is_member_state_user(route), submitted_at, request }
    }
}

/// Whether the user is one of Art 14(3)(a).
pub const fn is_member_state_user(route: &Route) -> bool {
    match route.kind {
        AuthorityKind::Csirt | AuthorityKind::CrisisManagement => true,
        AuthorityKind::CertEu | AuthorityKind::ThirdCountry => false,
    }
}

impl Ord for PriorityKey {
    /// Smaller is more urgent.
    fn cmp(&self, other: &Self) -> Ordering {
        let high_first = other.bands.cmp(&self.bands);
        let member_states_first = other.member_state_user.cmp(&self.member_state_user);
        high_first
            .then(member_states_first)
            .then_with(|| self.submitted_at.cmp(&other.submitted_at))
            .then_with(|| self.request.cmp(&other.request))
    }
}

impl PartialOrd for PriorityKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

code_list! {
    /// Priority's names for people: band (a) from 4 down.
    Priority, "priorities" {
        /// Band (a) is 4.
        P1 = "P1",
        /// Band (a) is 3.
        P2 = "P2",
        /// Band (a) is 2.
        P3 = "P3",
        /// Band (a) is 1 or 0.
        P4 = "P4",
    }
}

impl Priority {
    /// The name for these bands, (a) to (e).
    pub const fn of(bands: &[u8; 5]) -> Self {
        match bands[0] {
            0 | 1 => Self::P4,
            2 => Self::P3,
            3 => Self::P2,
            4.. => Self::P1,
        }
    }
}

impl PriorityKey {
    /// The priority's name for people.
    pub const fn priority(&self) -> Priority {
        Priority::of(&self.bands)
    }
}

/// `P1` to `P4` for these bands, (a) to (e).
pub const fn priority_name(bands: &[u8; 5]) -> &'static str {
    Priority::of(bands).as_str()
}

impl Policy {
    /// How long an offer stands.
    pub const fn offer_stands_for(&self, priority: Priority) -> Duration {
        let [p1, p2, p3, p4] = self.offer_stands;
        match priority {
            Priority::P1 => p1,
            Priority::P2 => p2,
            Priority::P3 => p3,
            Priority::P4 => p4,
        }
    }

    /// How many providers are asked at once while capacity is free.
    pub const fn offer_width_for(&self, priority: Priority) -> u32 {
        let [p1, p2, p3, p4] = self.offer_width;
        match priority {
            Priority::P1 => p1,
            Priority::P2 => p2,
            Priority::P3 => p3,
            Priority::P4 => p4,
        }
    }
}

/// A request with the bands that its key compares.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    /// Where it ranks.
    pub key: &'a PriorityKey,
    /// The rules behind its bands.
    pub bands: &'a [Band],
}

/// What settles the order of two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettledBy {
    /// The first criterion in which they differ.
    Criterion(Criterion),
    /// All bands are equal: Member State users first (Art 16(4)).
    MemberStateUser,
    /// Equal in law: the earlier submission.
    Submission,
    /// Equal in law and in time: the id.
    Id,
}

/// Why one request comes before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The more urgent one.
    pub first: RequestId,
    /// The other.
    pub second: RequestId,
    /// What settles it.
    pub by: SettledBy,
    /// In words, with rule or article.
    pub because: String,
    /// What would swap them.
    pub swap: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} before {}: {}; {}", self.first, self.second, self.because, self.swap)
    }
}

/// Why one of two requests comes first; `None` if they are the same.
pub fn difference(a: Ranked<'_>, b: Ranked<'_>) -> Option<Difference> {
    let (first, second) = match a.key.cmp(b.key) {
        Ordering::Less => (a, b),
        Ordering::Greater => (b, a),
        Ordering::Equal => return None,
    };
    let (by, because, swap) = differing_criterion(first, second).unwrap_or_else(|| tie(first.key, second.key));
    Some(Difference { first: first.key.request.clone(), second: second.key.request.clone(), by, because, swap })
}

/// The first criterion whose bands differ, if any does.
fn differing_criterion(first: Ranked<'_>, second: Ranked<'_>) -> Option<(SettledBy, String, String)> {
    let pairs = first.key.bands.into_iter().zip(second.key.bands);
    let (&criterion, (high, low)) = Criterion::ALL.iter().zip(pairs).find(|(_, (high, low))| high != low)?;
    let rule_of = |ranked: Ranked<'_>| {
        let band = ranked.bands.iter().find(|band| band.criterion == criterion);
        band.map_or_else(String::new, |band| format!("rule {} ({})", band.rule, band.because))
    };
    let because = format!(
        "({criterion}) {}: band {high} over {low}, by {} against {}",
        name(criterion),
        rule_of(first),
        rule_of(second)
    );
    Some((SettledBy::Criterion(criterion), because, swap_in(criterion, first.key, second.key, high, low)))
}

/// The smallest change of one band in this criterion that would swap them, if any does.
fn swap_in(criterion: Criterion, first: &PriorityKey, second: &PriorityKey, high: u8, low: u8) -> String {
    let with = |key: &PriorityKey, band: u8| {
        let mut changed = key.clone();
        for (slot, of) in changed.bands.iter_mut().zip(Criterion::ALL) {
            if *of == criterion {
                *slot = band;
            }
        }
        changed
    };
    let raised = (low..=BAND_MAX).find(|&band| with(second, band) < *first);
    let lowered = (0..=high).rev().find(|&band| *second < with(first, band));
    match (raised, lowered) {
        (Some(band), Some(_) | None) => {
            format!("band {band} for {} would swap them ({})", second.request, takes(criterion, band))
        }
        (None, Some(band)) => format!("band {band} for {} would swap them ({})", first.request, takes(criterion, band)),
        (None, None) => "no change of this criterion alone would swap them".to_owned(),
    }
}

/// All bands are equal.
fn tie(first: &PriorityKey, second: &PriorityKey) -> (SettledBy, String, String) {
    let swap =
        format!("any higher band for {}, or any lower one for {}, would swap them", second.request, first.request);
    if first.member_state_user != second.member_state_user {
        let because = "all bands are equal and a Member State user comes first (Art 16(4))".to_owned();
        (SettledBy::MemberStateUser, because, swap)
    } else if first.submitted_at != second.submitted_at {
        let because = format!(
            "equal in law; it was submitted earlier ({} against {}), which is technical only",
            first.submitted_at, second.submitted_at
        );
        (SettledBy::Submission, because, swap)
    } else {
        (SettledBy::Id, "equal in law and in time; the id decides, which is technical only".to_owned(), swap)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::eligibility::{
        assessment::Submission,
        bands::{bands, ranks},
        scenarios::{clinic, rouen, union_entity},
    };

    fn ranked(case: &Submission) -> (PriorityKey, Vec<Band>) {
        let bands = bands(&case.facts, &case.route, &case.policy, &[]);
        (PriorityKey::new(ranks(&bands), &case.route, case.submitted_at, case.request.clone()), bands.to_vec())
    }

    fn settled(a: &Submission, b: &Submission) -> Difference {
        let ((a, a_bands), (b, b_bands)) = (ranked(a), ranked(b));
        let forth = difference(Ranked { key: &a, bands: &a_bands }, Ranked { key: &b, bands: &b_bands });
        let back = difference(Ranked { key: &b, bands: &b_bands }, Ranked { key: &a, bands: &a_bands });
        assert_eq!(forth, back, "the question's order does not change the answer");
        forth.unwrap()
    }

    #[test]
    fn band_a_gives_the_name() {
        let names = [0, 1, 2, 3, 4].map(|a| priority_name(&[a, 4, 4, 4, 4]));
        assert_eq!(names, ["P4", "P4", "P3", "P2", "P1"]);
    }

    #[test]
    fn offers_stand_and_spread_by_priority() {
        let policy = Policy::built_in();
        let stands: Vec<u64> = Priority::ALL.iter().map(|p| policy.offer_stands_for(*p).as_secs() / 60).collect();
        assert_eq!(stands, [30, 60, 120, 240]);
        assert_eq!(Priority::ALL.iter().map(|p| policy.offer_width_for(*p)).collect::<Vec<_>>(), [2, 1, 1, 1]);
    }

    #[test]
    fn the_first_differing_criterion_explains_the_order() {
        let found = settled(&clinic(), &rouen());
        assert_eq!(found.by, SettledBy::Criterion(Criterion::Impact));
        assert_eq!(
            found.to_string(),
            "rouen before clinic: (c) potential impact: band 3 over 2, by rule C3 (5 hospitals affected) against rule C2 \
             (large entity and emergency department diverted); band 3 for clinic would swap them (C3: at least 2 hospitals \
             affected)"
        );
    }

    #[test]
    fn the_swap_told_is_the_smallest() {
        let key = |name: &str, bands| PriorityKey {
            bands,
            member_state_user: true,
            submitted_at: Timestamp::from_millis(0),
            request: RequestId::parse(name).unwrap(),
        };
        let swap = |first: [u8; 5], second: [u8; 5]| {
            swap_in(Criterion::Severity, &key("first", first), &key("second", second), first[0], second[0])
        };
        let a2 = "A2: degraded: an attack on availability, or services not restored";
        for (first, second, told) in [
            ([2, 0, 0, 0, 0], [0, 1, 0, 0, 0], format!("band 2 for second would swap them ({a2})")),
            ([1, 1, 0, 0, 0], [0, 0, 0, 0, 0], format!("band 2 for second would swap them ({a2})")),
            ([4, 1, 0, 0, 0], [3, 0, 0, 0, 0], format!("band 2 for first would swap them ({a2})")),
            ([4, 1, 0, 0, 0], [0, 0, 0, 0, 0], "no change of this criterion alone would swap them".to_owned()),
        ] {
            assert_eq!(swap(first, second), told);
        }
    }

    #[test]
    fn equal_bands_put_member_states_first_whoever_asked_first() {
        let mut union = union_entity();
        union.submitted_at = Timestamp::from_millis(0);
        let found = settled(&union, &rouen());
        assert_eq!((found.first.as_str(), found.by), ("rouen", SettledBy::MemberStateUser));
        assert!(found.because.contains("Art 16(4)"));
    }

    #[test]
    fn time_and_id_settle_what_the_law_leaves_equal() {
        let mut later = rouen();
        later.request = RequestId::parse("a").unwrap();
        assert_eq!(settled(&rouen(), &later).by, SettledBy::Id);
        later.submitted_at = later.submitted_at.plus(Duration::from_millis(1));
        let found = settled(&rouen(), &later);
        assert_eq!((found.first.as_str(), found.by), ("rouen", SettledBy::Submission));
        assert!(found.because.contains("technical only"));
    }

    #[test]
    fn a_request_does_not_differ_from_itself() {
        let (key, bands) = ranked(&rouen());
        assert_eq!(difference(Ranked { key: &key, bands: &bands }, Ranked { key: &key, bands: &bands }), None);
    }

    /// Few values, so that ties are common.
    fn keys() -> impl Strategy<Value = PriorityKey> {
        (prop::array::uniform5(0_u8..=4), any::<bool>(), 0_i64..3, 0_u8..3).prop_map(|(bands, ms, at, id)| {
            PriorityKey {
                bands: bands.map(|band| if band < 3 { 2 } else { band }),
                member_state_user: ms,
                submitted_at: Timestamp::from_millis(at),
                request: RequestId::parse(&format!("r{id}")).unwrap(),
            }
        })
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in keys(), b in keys(), c in keys()) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }

        #[test]
        fn the_order_does_not_depend_on_who_came_to_the_table_first(
            (listed, shuffled) in prop::collection::vec(keys(), 0..12)
                .prop_flat_map(|keys| (Just(keys.clone()), Just(keys).prop_shuffle())),
        ) {
            let sorted = |mut keys: Vec<PriorityKey>| { keys.sort(); keys };
            prop_assert_eq!(sorted(listed), sorted(shuffled));
        }

        #[test]
        fn a_newcomer_never_reorders_the_others(mut known in prop::collection::vec(keys(), 0..12), new in keys()) {
            known.sort();
            let mut all = known.clone();
            all.push(new.clone());
            all.sort();
            let place = all.iter().position(|key| *key == new).unwrap();
            all.remove(place);
            prop_assert_eq!(all, known);
        }

        #[test]
        fn raising_one_band_never_worsens_a_rank(a in keys(), other in keys(), criterion in 0_usize..5) {
            let mut raised = a.clone();
            raised.bands[criterion] = raised.bands[criterion].saturating_add(1).min(BAND_MAX);
            prop_assert!(raised <= a);
            if a <= other {
                prop_assert!(raised <= other);
            }
        }

        #[test]
        fn member_states_come_first_only_when_all_bands_are_equal(a in keys(), b in keys()) {
            prop_assume!(a.member_state_user && !b.member_state_user);
            if a.bands == b.bands {
                prop_assert!(a < b);
            } else {
                prop_assert_eq!(a < b, a.bands > b.bands);
            }
        }

        #[test]
        fn the_swap_that_is_told_swaps(a in keys(), b in keys()) {
            let (first, second) = if a < b { (a, b) } else { (b, a) };
            let pair = first.bands.iter().zip(&second.bands).position(|(x, y)| x != y);
            prop_assume!(pair.is_some());
            let slot = pair.unwrap();
            let swap = swap_in(Criterion::ALL[slot], &first, &second, first.bands[slot], second.bands[slot]);
            let told = swap.strip_prefix("band ").map(|rest| {
                let (band, rest) = rest.split_at(1);
                let (mut first, mut second) = (first.clone(), second.clone());
                let changed = if second.bands[slot] < band.parse().unwrap() { &mut second } else { &mut first };
                changed.bands[slot] = band.parse().unwrap();
                (second < first, rest.to_owned())
            });
            match told {
                Some((swapped, rest)) => prop_assert!(swapped, "{}", rest),
                None => prop_assert_eq!(swap, "no change of this criterion alone would swap them"),
            }
        }
    }
}
