//! Given a history, when a command comes, then these events follow, or this refusal. And values that tests share: what
//! a test does not name is right.

use std::{collections::BTreeSet, fmt::Debug};

use crate::{
    codes::{Country, IncidentType, Language, Nuts, ServiceId, Tlp},
    intake::events::{Emergency, Entity, Facts, Impact, IncidentClass, Needs, Precision, Spillover},
    kernel::{Actor, Aggregate, PrincipalId, Received, Refusal, Role, Timestamp},
    registry::events::{Annex, Authority, AuthorityKind, Category, Size},
};

/// An aggregate with a history.
pub struct Scenario<A: Aggregate> {
    state: A::State,
}

/// What an aggregate answered.
pub struct Answer<A: Aggregate> {
    state: A::State,
    events: Result<Vec<A::Event>, A::Rejection>,
}

impl<A: Aggregate> Scenario<A> {
    /// A history, which must be possible.
    #[track_caller]
    pub fn given(history: impl IntoIterator<Item = A::Event>) -> Self {
        let mut state = A::State::default();
        fold::<A>(&mut state, history);
        Self { state }
    }

    /// A command comes.
    pub fn when(self, command: A::Command, by: Actor, at: Timestamp) -> Answer<A> {
        let events = A::decide(&self.state, command, &Received { at, by });
        Answer { state: self.state, events }
    }

    /// What is known.
    pub fn state(&self) -> &A::State {
        &self.state
    }
}

impl<A: Aggregate> Answer<A> {
    /// It was answered with just these events, which then belong to the history.
    #[track_caller]
    pub fn then(mut self, expected: impl IntoIterator<Item = A::Event>) -> Scenario<A> {
        let expected: Result<Vec<_>, _> = Ok(expected.into_iter().collect());
        assert_same(&expected, &self.events);
        fold::<A>(&mut self.state, self.events.into_iter().flatten());
        Scenario { state: self.state }
    }

    /// It was done before: nothing new happened.
    #[track_caller]
    pub fn then_nothing(self) -> Scenario<A> {
        self.then([])
    }

    /// It was refused for just this reason; the history stays as it was.
    #[track_caller]
    pub fn refused(self, expected: A::Rejection) -> Scenario<A> {
        assert_same(&Err(expected), &self.events);
        self.events.map_err(|rejection| assert_plain(&rejection.into())).ok();
        Scenario { state: self.state }
    }
}

#[track_caller]
fn fold<A: Aggregate>(state: &mut A::State, events: impl IntoIterator<Item = A::Event>) {
    for event in events {
        if let Err(corrupt) = A::evolve(state, &event) {
            panic!("{corrupt}: {event:#?} does not fit {state:#?}");
        }
    }
}

/// A refusal speaks plainly: a stable reason, its rule, what is wrong and the way out, in lower case, no full stop.
#[track_caller]
pub fn assert_plain(refusal: &Refusal) {
    let Refusal { reason, kind: _, rule, says, way_out, fields } = refusal;
    assert!(reason.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{refusal:#?}");
    for words in [*rule, says, *way_out].into_iter().chain(fields.iter().map(|field| field.says.as_str())) {
        assert!(!words.is_empty() && !words.ends_with(['.', ' ']) && !words.contains("  "), "{refusal:#?}");
    }
    assert!(!says.starts_with(char::is_uppercase) && !way_out.starts_with(char::is_uppercase), "{refusal:#?}");
}

/// Panics with the lines in which the two differ, and a few around them.
#[track_caller]
fn assert_same<T: Debug + PartialEq>(expected: &T, found: &T) {
    const AROUND: usize = 3;
    if expected == found {
        return;
    }
    let (expected, found) = (format!("{expected:#?}"), format!("{found:#?}"));
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let common = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let before = common(&mut expected.iter().zip(&found));
    let after = common(&mut expected[before..].iter().rev().zip(found[before..].iter().rev()));
    let lines = |mark: &str, lines: &[&str]| lines.iter().map(|line| format!("{mark} {line}\n")).collect::<String>();
    let expected_end = expected.len().saturating_sub(after);
    let found_end = found.len().saturating_sub(after);
    panic!(
        "expected (-) and found (+) differ:\n{}{}{}{}",
        lines(" ", &expected[before.saturating_sub(AROUND)..before]),
        lines("-", &expected[before..expected_end]),
        lines("+", &found[before..found_end]),
        lines(" ", &expected[expected_end..expected.len().min(expected_end.saturating_add(AROUND))]),
    );
}

/// A moment in RFC 3339.
pub fn at(text: &str) -> Timestamp {
    Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// Somebody who acts.
pub fn actor(role: Role, principal: &str) -> Actor {
    Actor { role, principal: PrincipalId::parse(principal).unwrap() }
}

/// An id of any kind, e.g. `id!(HospitalId, "chu-rouen")`.
macro_rules! id {
    ($kind:ident, $text:expr) => {
        $crate::kernel::$kind::parse($text).unwrap()
    };
}
pub(crate) use id;

/// A country.
pub fn country(code: &str) -> Country {
    Country::parse(code).unwrap()
}

/// Services.
pub fn services(ids: &[&str]) -> BTreeSet<ServiceId> {
    ids.iter().map(|id| ServiceId::parse(id).unwrap()).collect()
}

/// A national CSIRT and its single point of contact, e.g. `fr-csirt` and `fr-spoc`.
pub fn csirt(code: &str) -> Authority {
    let lower = code.to_lowercase();
    Authority {
        id: id!(AuthorityId, &format!("{lower}-csirt")),
        name: format!("National CSIRT of {code}"),
        kind: AuthorityKind::Csirt,
        country: Some(country(code)),
        spoc: Some(id!(SpocId, &format!("{lower}-spoc"))),
    }
}

/// CERT-EU.
pub fn cert_eu() -> Authority {
    Authority {
        id: id!(AuthorityId, "cert-eu"),
        name: "CERT-EU".to_owned(),
        kind: AuthorityKind::CertEu,
        country: None,
        spoc: None,
    }
}

/// What a French university hospital declares when it lost its records; detected at 2026-02-10T07:00:00Z.
pub fn facts() -> Facts {
    Facts {
        incident: "fr-2026-0042".to_owned(),
        detected_at: at("2026-02-10T07:00:00Z"),
        detected_precision: Precision::Minute,
        country: country("FR"),
        nuts: vec![Nuts::parse("FRD22").unwrap()],
        languages: BTreeSet::from([Language::parse("fr").unwrap()]),
        entity: Entity {
            name: "University hospital (fictional)".to_owned(),
            kind: "university-hospital".to_owned(),
            annex: Annex::One,
            category: Category::Essential,
            size: Size::Large,
        },
        incident_types: vec![
            IncidentType::parse("information-content-security/unauthorised-information-modification").unwrap(),
        ],
        class_claimed: IncidentClass::Significant,
        national_capacity_exceeded: false,
        impact: Impact {
            hospitals_affected: Some(1),
            emergency: Emergency::Diverted,
            records_unavailable: Some(true),
            services_restored: Some(false),
            data_breach: None,
            ransom_demanded: Some(false),
        },
        spillover: Spillover::Low,
        affected: BTreeSet::new(),
        needs: Needs {
            services: services(&["isim.forensics", "isim.mitigation-recovery"]),
            remote_teams: 1,
            onsite_teams: 2,
            person_days: 90,
            duration: None,
        },
        measures: BTreeSet::from(["isolation".to_owned(), "csirt-engaged".to_owned()]),
        suppliers: BTreeSet::new(),
        tlp: Tlp::Amber,
        exercise: false,
    }
}

#[cfg(test)]
mod tests {
    use super::assert_same;

    #[test]
    #[should_panic(
        expected = "expected (-) and found (+) differ:\n  [\n      1,\n-     2,\n+     5,\n+     6,\n      3,\n  ]\n"
    )]
    fn a_difference_is_shown_with_the_lines_around_it() {
        assert_same(&vec![1, 2, 3], &vec![1, 5, 6, 3]);
    }
}
