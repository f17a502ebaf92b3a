//! What the declared facts say of the conditions that gates and bands are made of. A fact may be missing: then a condition
//! is neither met nor unmet, and it says which fact would settle it.

use std::collections::BTreeSet;

use crate::{
    codes::{Country, IncidentType},
    intake::events::{Emergency, Facts},
};

/// What the facts say of one condition (three-valued logic after Kleene). The words quote the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It is met.
    Yes(String),
    /// It is not.
    No(String),
    /// These facts are missing to say.
    Unknown(BTreeSet<&'static str>),
}

impl Told {
    /// A condition on facts that are known; `words` quote them.
    pub(super) fn known(met: bool, words: String) -> Self {
        if met { Self::Yes(words) } else { Self::No(words) }
    }

    /// A condition on one fact that is missing.
    pub(super) fn unknown(fact: &'static str) -> Self {
        Self::Unknown(BTreeSet::from([fact]))
    }

    /// A yes-or-no fact that may be missing.
    fn fact(name: &'static str, value: Option<bool>, yes: &str, no: &str) -> Self {
        value.map_or_else(|| Self::unknown(name), |met| Self::known(met, if met { yes } else { no }.to_owned()))
    }

    /// Met when either is.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes(a), Self::Yes(b)) => Self::Yes(format!("{a} and {b}")),
            (Self::Yes(a), Self::No(_) | Self::Unknown(_)) | (Self::No(_) | Self::Unknown(_), Self::Yes(a)) => {
                Self::Yes(a)
            }
            (Self::Unknown(a), Self::Unknown(b)) => Self::Unknown(a.union(&b).copied().collect()),
            (Self::Unknown(a), Self::No(_)) | (Self::No(_), Self::Unknown(a)) => Self::Unknown(a),
            (Self::No(a), Self::No(b)) => Self::No(format!("{a} and {b}")),
        }
    }

    /// Met when both are.
    pub(super) fn and(self, other: Self) -> Self {
        self.not().or(other.not()).not()
    }

    /// Met when it is not.
    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes(words) => Self::No(words),
            Self::No(words) => Self::Yes(words),
            Self::Unknown(facts) => Self::Unknown(facts),
        }
    }
}

/// Names missing facts for people.
pub(super) fn not_known_yet(facts: &BTreeSet<&'static str>) -> String {
    format!("not known yet: {}", facts.iter().copied().collect::<Vec<_>>().join(", "))
}

/// The emergency department is in one of these states.
pub(super) fn emergency_is(facts: &Facts, states: &[Emergency]) -> Told {
    let words = match facts.impact.emergency {
        Emergency::Unknown => return Told::unknown("emergency"),
        Emergency::NotApplicable => "no emergency department".to_owned(),
        state @ (Emergency::Open | Emergency::Restricted | Emergency::Diverted | Emergency::Closed) => {
            format!("emergency department {state}")
        }
    };
    Told::known(states.contains(&facts.impact.emergency), words)
}

/// Patients are sent elsewhere.
pub(super) fn emergency_turns_away(facts: &Facts) -> Told {
    emergency_is(facts, &[Emergency::Diverted, Emergency::Closed])
}

/// Emergency care is not as usual.
pub(super) fn emergency_limited(facts: &Facts) -> Told {
    emergency_is(facts, &[Emergency::Restricted, Emergency::Diverted, Emergency::Closed])
}

/// At least so many hospitals or sites cannot work as usual.
pub(super) fn hospitals_at_least(facts: &Facts, least: u32) -> Told {
    match facts.impact.hospitals_affected {
        None => Told::unknown("hospitals_affected"),
        Some(1) => Told::known(least <= 1, "1 hospital affected".to_owned()),
        Some(count) => Told::known(least <= count, format!("{count} hospitals affected")),
    }
}

/// Patient records cannot be reached and what was hit is not back.
pub(super) fn records_lost(facts: &Facts) -> Told {
    let unavailable = Told::fact(
        "records_unavailable",
        facts.impact.records_unavailable,
        "patient records unavailable",
        "patient records available",
    );
    unavailable.and(services_down(facts))
}

/// What was hit is not back.
pub(super) fn services_down(facts: &Facts) -> Told {
    Told::fact("services_restored", facts.impact.services_restored, "services restored", "services not restored").not()
}

/// Personal data are known to be breached.
pub(super) fn data_breach(facts: &Facts) -> Told {
    Told::fact("data_breach", facts.impact.data_breach, "personal data breach known", "no personal data breach known")
}

/// The user says that it is more than the country can handle.
pub(super) fn capacity_exceeded(facts: &Facts) -> Told {
    let exceeded = facts.national_capacity_exceeded;
    Told::known(
        exceeded,
        if exceeded { "national capacity exceeded" } else { "national capacity not exceeded" }.to_owned(),
    )
}

/// At least two Member States are affected; the one where the case is counts even when the user did not list it.
pub(super) fn two_member_states(facts: &Facts) -> Told {
    let own = Some(facts.country).filter(Country::is_member_state);
    let affected: BTreeSet<&str> =
        facts.affected.iter().filter(|c| c.is_member_state()).chain(&own).map(Country::as_str).collect();
    let names = affected.iter().copied().collect::<Vec<_>>().join(", ");
    let words = match affected.len() {
        0 => "no Member State affected".to_owned(),
        1 => format!("1 Member State affected ({names})"),
        count => format!("{count} Member States affected ({names})"),
    };
    Told::known(affected.len() >= 2, words)
}

/// What happened is, at least in part, of one of these classes of the incident taxonomy.
pub(super) fn incident_class_in(facts: &Facts, classes: &[&str]) -> Told {
    let of_class = |t: &&IncidentType| classes.contains(&t.class());
    let list = |types: Vec<&IncidentType>| types.into_iter().map(IncidentType::as_str).collect::<Vec<_>>().join(", ");
    let matching: Vec<&IncidentType> = facts.incident_types.iter().filter(of_class).collect();
    if !matching.is_empty() {
        Told::Yes(format!("incident type {}", list(matching)))
    } else if facts.incident_types.is_empty() {
        Told::No("no incident type told".to_owned())
    } else {
        Told::No(format!("incident type {}", list(facts.incident_types.iter().collect())))
    }
}

/// Classes that can by themselves cause severe disruption; capability counts (NIS2 Art 23(3)(a)).
pub(super) const CAPABLE: [&str; 3] = ["information-content-security", "malicious-code", "intrusions"];

/// Measures that give notice and mitigate nothing.
const NOTICES: [&str; 1] = ["law-enforcement"];

/// The user's measures that mitigate the incident (Art 15(2), 15(5)(c)).
pub(super) fn mitigation(facts: &Facts) -> Vec<&str> {
    facts.measures.iter().map(String::as_str).filter(|measure| !NOTICES.contains(measure)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yes() -> Told {
        Told::Yes("y".to_owned())
    }
    fn no() -> Told {
        Told::No("n".to_owned())
    }
    fn unknown() -> Told {
        Told::unknown("u")
    }

    #[test]
    fn a_missing_fact_stays_missing_unless_the_others_settle_it() {
        let kind = |told: Told| match told {
            Told::Yes(_) => 'y',
            Told::No(_) => 'n',
            Told::Unknown(_) => '?',
        };
        let table = [
            (yes(), yes(), 'y', 'y'),
            (yes(), no(), 'y', 'n'),
            (yes(), unknown(), 'y', '?'),
            (no(), yes(), 'y', 'n'),
            (no(), no(), 'n', 'n'),
            (no(), unknown(), '?', 'n'),
            (unknown(), yes(), 'y', '?'),
            (unknown(), no(), '?', 'n'),
            (unknown(), unknown(), '?', '?'),
        ];
        for (a, b, or, and) in table {
            assert_eq!(kind(a.clone().or(b.clone())), or, "{a:?} or {b:?}");
            assert_eq!(kind(a.clone().and(b.clone())), and, "{a:?} and {b:?}");
        }
    }

    #[test]
    fn every_missing_fact_is_named_once() {
        let both = Told::unknown("b").or(Told::unknown("a")).and(Told::unknown("b"));
        let Told::Unknown(facts) = both else { panic!("{both:?}") };
        assert_eq!(not_known_yet(&facts), "not known yet: a, b");
    }
}
