//! Table 1: the five criteria of Art 16(3) as bands from 0 to 4. Bands are ranks, not scores: nothing adds them up.

use std::collections::BTreeSet;

use super::{
    conditions::{
        CAPABLE, Told, capacity_exceeded, data_breach, emergency_is, emergency_limited, emergency_turns_away,
        hospitals_at_least, incident_class_in, mitigation, not_known_yet, records_lost, services_down,
        two_member_states,
    },
    events::{Band, Basis, Criterion, Policy},
};
use crate::{
    intake::events::{Emergency, Facts, Route, Spillover},
    registry::events::{AuthorityKind, Category, Size},
};

/// The highest band.
pub const BAND_MAX: u8 = 4;

/// The band of a criterion that is not relevant: neither helps nor harms, and keeps the order transitive.
pub const NEUTRAL: u8 = 2;

/// The lowest band in (a) of a critical request.
const CRITICAL_BAND: u8 = 3;

/// What makes a request critical, in words.
pub const CRITICAL: &str = "house rule: a request is critical when what is known, whatever is missing, gives it band 3 or 4 \
    in (a), so P1 or P2";

/// One row of the table: the first row of a criterion that holds gives the band. A row that lacks a fact gives its band too,
/// as the worst that is plausible, so that silence never lowers a hospital.
struct Row {
    band: u8,
    rule: &'static str,
    says: &'static str,
    holds: fn(&Facts) -> Told,
}

/// A criterion's rows from the most urgent down, and what band 0 means.
struct Table {
    rows: &'static [Row],
    zero: Zero,
}

/// What holds when no row does.
struct Zero {
    rule: &'static str,
    says: &'static str,
}

/// (a) Scale and severity.
const SEVERITY: Table = Table {
    rows: &[
        Row {
            band: 4,
            rule: "A4",
            says: "emergency care diverted or closed, or at least 2 hospitals affected",
            holds: |f| emergency_turns_away(f).or(hospitals_at_least(f, 2)),
        },
        Row {
            band: 3,
            rule: "A3",
            says: "patient records unavailable and services not restored, or emergency care restricted",
            holds: |f| records_lost(f).or(emergency_is(f, &[Emergency::Restricted])),
        },
        Row {
            band: 2,
            rule: "A2",
            says: "degraded: an attack on availability, or services not restored",
            holds: |f| incident_class_in(f, &["availability"]).or(services_down(f)),
        },
        Row {
            band: 1,
            rule: "A1",
            says: "contained, and capable of harm",
            holds: |f| incident_class_in(f, &CAPABLE).or(data_breach(f)).or(hospitals_at_least(f, 1)),
        },
    ],
    zero: Zero { rule: "A0", says: "no harm shown" },
};

/// (b) Type of entity; essential ranks higher by law.
const ENTITY_TYPE: Table = Table {
    rows: &[
        Row { band: 2, rule: "B2", says: "essential entity", holds: |f| category_is(f, Category::Essential) },
        Row { band: 1, rule: "B1", says: "important entity", holds: |f| category_is(f, Category::Important) },
    ],
    zero: Zero { rule: "B0", says: "neither essential nor important" },
};

/// (c) Potential impact on the Member State, the Union entities or the third country.
const IMPACT: Table = Table {
    rows: &[
        Row { band: 4, rule: "C4", says: "national capacity exceeded", holds: capacity_exceeded },
        Row { band: 3, rule: "C3", says: "at least 2 hospitals affected", holds: |f| hospitals_at_least(f, 2) },
        Row {
            band: 2,
            rule: "C2",
            says: "large entity with emergency care diverted or closed",
            holds: |f| large(f).and(emergency_turns_away(f)),
        },
        Row {
            band: 1,
            rule: "C1",
            says: "a hospital, its emergency care, its services or its data touched",
            holds: |f| hospitals_at_least(f, 1).or(emergency_limited(f)).or(services_down(f)).or(data_breach(f)),
        },
    ],
    zero: Zero { rule: "C0", says: "nothing touched" },
};

/// (d) Cross-border nature and risk of spillover.
const CROSS_BORDER: Table = Table {
    rows: &[
        Row { band: 4, rule: "D4", says: "at least 2 Member States affected", holds: two_member_states },
        Row { band: 3, rule: "D3", says: "high risk of spillover", holds: |f| spillover_is(f, Spillover::High) },
        Row { band: 2, rule: "D2", says: "medium risk of spillover", holds: |f| spillover_is(f, Spillover::Medium) },
        Row { band: 1, rule: "D1", says: "low risk of spillover", holds: |f| spillover_is(f, Spillover::Low) },
    ],
    zero: Zero { rule: "D0", says: "no risk of spillover" },
};

/// (e) Measures of the user's own: the rule of each band from 0 to 4. What a band counts is the policy's to say.
const MEASURES: [&str; 5] = ["E0", "E1", "E2", "E3", "E4"];

fn category_is(facts: &Facts, category: Category) -> Told {
    match facts.entity.category {
        Category::Unknown => Told::unknown("category"),
        known @ (Category::Essential | Category::Important | Category::None) => {
            Told::known(known == category, format!("{known} entity (NIS2 Art 3)"))
        }
    }
}

fn large(facts: &Facts) -> Told {
    match facts.entity.size {
        Size::Unknown => Told::unknown("size"),
        known @ (Size::Large | Size::Medium | Size::Small) => {
            Told::known(known == Size::Large, format!("{known} entity"))
        }
    }
}

fn spillover_is(facts: &Facts, risk: Spillover) -> Told {
    match facts.spillover {
        Spillover::Unknown => Told::unknown("spillover"),
        known @ (Spillover::None | Spillover::Low | Spillover::Medium | Spillover::High) => {
            Told::known(known == risk, format!("{known} risk of spillover"))
        }
    }
}

/// The bands of criteria (a) to (e), in the law's order.
pub fn bands(facts: &Facts, route: &Route, policy: &Policy, not_relevant: &[Criterion]) -> [Band; 5] {
    [Criterion::Severity, Criterion::EntityType, Criterion::Impact, Criterion::CrossBorder, Criterion::Measures].map(
        |criterion| {
            if not_relevant.contains(&criterion) {
                return neutral(criterion, "an officer found that the criterion is not relevant here");
            }
            match criterion {
                Criterion::EntityType if is_outside_nis2(facts, route) => {
                    neutral(criterion, "the categories of NIS2 do not apply to Union entities")
                }
                Criterion::Severity => SEVERITY.band(criterion, facts),
                Criterion::EntityType => ENTITY_TYPE.band(criterion, facts),
                Criterion::Impact => IMPACT.band(criterion, facts),
                Criterion::CrossBorder => CROSS_BORDER.band(criterion, facts),
                Criterion::Measures => measures(facts, policy),
            }
        },
    )
}

/// The facts that are missing to say these bands, named as findings name them.
pub fn missing(facts: &Facts, route: &Route, not_relevant: &[Criterion]) -> BTreeSet<&'static str> {
    let mut missing = BTreeSet::new();
    for &criterion in Criterion::ALL {
        let table = match criterion {
            Criterion::Severity => &SEVERITY,
            Criterion::EntityType if is_outside_nis2(facts, route) => continue,
            Criterion::EntityType => &ENTITY_TYPE,
            Criterion::Impact => &IMPACT,
            Criterion::CrossBorder => &CROSS_BORDER,
            // A measure that is not told was not taken.
            Criterion::Measures => continue,
        };
        if !not_relevant.contains(&criterion)
            && let Some((_, Told::Unknown(facts))) = table.first(facts)
        {
            missing.extend(facts);
        }
    }
    missing
}

/// Whether a standing mandate may carry a request on at once: it is [`CRITICAL`]. A missing fact ranks as the worst that is
/// plausible, so that silence lowers nobody; but no person looks at what a mandate carries on, so a missing fact carries
/// nothing here, and a known one counts whatever else is missing.
pub fn is_critical(facts: &Facts) -> bool {
    let shown = |row: &Row| row.band >= CRITICAL_BAND && matches!((row.holds)(facts), Told::Yes(_));
    SEVERITY.rows.iter().any(shown)
}

/// The bands alone, as a key compares them.
pub fn ranks(bands: &[Band; 5]) -> [u8; 5] {
    bands.each_ref().map(|band| band.band)
}

/// What a band of a criterion takes, in words, with its rule.
pub fn takes(criterion: Criterion, band: u8) -> String {
    let table = match criterion {
        Criterion::Severity => &SEVERITY,
        Criterion::EntityType => &ENTITY_TYPE,
        Criterion::Impact => &IMPACT,
        Criterion::CrossBorder => &CROSS_BORDER,
        Criterion::Measures => {
            return format!("{}: own measures that count {band} under the policy", measures_rule(band));
        }
    };
    match table.rows.iter().find(|row| row.band == band) {
        Some(row) => format!("{}: {}", row.rule, row.says),
        None if band == 0 => format!("{}: {}", table.zero.rule, table.zero.says),
        None => "no rule of the table, so only an override by two persons".to_owned(),
    }
}

/// A Union entity has no NIS2 category; what is declared all the same is taken as declared.
fn is_outside_nis2(facts: &Facts, route: &Route) -> bool {
    route.kind == AuthorityKind::CertEu && matches!(facts.entity.category, Category::None | Category::Unknown)
}

impl Table {
    /// The first row that holds or lacks a fact, and what the facts say of it.
    fn first(&self, facts: &Facts) -> Option<(&Row, Told)> {
        self.rows.iter().map(|row| (row, (row.holds)(facts))).find(|(_, told)| !matches!(told, Told::No(_)))
    }

    fn band(&self, criterion: Criterion, facts: &Facts) -> Band {
        let Zero { rule, says } = self.zero;
        let (band, rule, basis, because) = match self.first(facts) {
            None | Some((_, Told::No(_))) => (0, rule, Basis::Facts, says.to_owned()),
            Some((row, Told::Yes(words))) => (row.band, row.rule, Basis::Facts, words),
            Some((row, Told::Unknown(missing))) => {
                let words = format!("{}; the worst plausible band stands", not_known_yet(&missing));
                (row.band, row.rule, Basis::Unknown, words)
            }
        };
        Band { criterion, band, rule: rule.to_owned(), basis, because }
    }
}

/// The law names the criterion and not its direction, so the policy gives it.
fn measures(facts: &Facts, policy: &Policy) -> Band {
    let told = mitigation(facts);
    let count = u8::try_from(told.len()).map_or(BAND_MAX, |count| count.min(BAND_MAX));
    let band = if policy.more_measures_rank_higher { count } else { BAND_MAX.saturating_sub(count) };
    let direction = if policy.more_measures_rank_higher { "more" } else { "fewer" };
    let told = match told.as_slice() {
        [] => "no mitigation measure told".to_owned(),
        [one] => format!("1 mitigation measure told ({one})"),
        more => format!("{} mitigation measures told ({})", more.len(), more.join(", ")),
    };
    Band {
        criterion: Criterion::Measures,
        band,
        rule: measures_rule(band).to_owned(),
        basis: Basis::Facts,
        because: format!("{told}; {direction} rank higher under the policy"),
    }
}

fn measures_rule(band: u8) -> &'static str {
    MEASURES.get(usize::from(band)).copied().unwrap_or_default()
}

fn neutral(criterion: Criterion, because: &str) -> Band {
    Band {
        criterion,
        band: NEUTRAL,
        rule: "neutral".to_owned(),
        basis: Basis::NotRelevant,
        because: because.to_owned(),
    }
}

/// A criterion's name in the law, for people.
pub const fn name(criterion: Criterion) -> &'static str {
    match criterion {
        Criterion::Severity => "scale and severity",
        Criterion::EntityType => "type of entity",
        Criterion::Impact => "potential impact",
        Criterion::CrossBorder => "cross-border nature and spillover",
        Criterion::Measures => "measures taken by the user",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codes::IncidentType,
        eligibility::{
            assessment::Submission,
            scenarios::{clinic, country, no_measures, rouen, umcg, union_entity},
        },
    };

    fn judged(case: &Submission) -> [Band; 5] {
        bands(&case.facts, &case.route, &case.policy, &[])
    }

    fn rules(case: &Submission) -> String {
        judged(case).map(|band| band.rule).join(" ")
    }

    /// One criterion's band of UMCG's case, changed as the test says.
    fn band_of(criterion: Criterion, change: impl FnOnce(&mut Submission)) -> Band {
        let mut case = umcg();
        change(&mut case);
        judged(&case).into_iter().find(|band| band.criterion == criterion).unwrap()
    }

    #[test]
    fn the_four_cases_rank_by_their_rules() {
        assert_eq!(rules(&rouen()), "A4 B2 C3 D1 E3");
        assert_eq!(rules(&clinic()), "A4 B2 C2 D1 E4");
        assert_eq!(rules(&umcg()), "A2 B2 C1 D1 E2");
        assert_eq!(rules(&no_measures()), "A4 B2 C2 D1 E0");
        assert_eq!(ranks(&judged(&rouen())), [4, 2, 3, 1, 3]);
    }

    #[test]
    fn a_wave_over_several_countries_ranks_first_and_a_leak_alone_last() {
        let mut wave = clinic();
        wave.facts.national_capacity_exceeded = true;
        wave.facts.affected = ["BE", "DE", "ES"].map(country).into();
        assert_eq!(rules(&wave), "A4 B2 C4 D4 E4");
        let mut leak = umcg();
        leak.facts.incident_types = vec![IncidentType::parse("information-content-security/data-leak").unwrap()];
        leak.facts.impact.data_breach = Some(true);
        leak.facts.suppliers = ["a billing service".to_owned()].into();
        assert_eq!(rules(&leak), "A1 B2 C1 D1 E2");
    }

    type Change = fn(&mut Submission);

    fn quiet(c: &mut Submission) {
        c.facts.incident_types.clear();
        c.facts.impact.hospitals_affected = Some(0);
    }

    /// Criterion, rule, band, and what brings the usual submission there.
    fn every_rule() -> [(Criterion, &'static str, u8, Change); 34] {
        use Criterion::{CrossBorder, EntityType, Impact, Measures, Severity};
        [
            (Severity, "A4", 4, |c| c.facts.impact.emergency = Emergency::Closed),
            (Severity, "A4", 4, |c| c.facts.impact.emergency = Emergency::Diverted),
            (Severity, "A4", 4, |c| c.facts.impact.hospitals_affected = Some(2)),
            (Severity, "A3", 3, |c| c.facts.impact.emergency = Emergency::Restricted),
            (Severity, "A3", 3, |c| {
                c.facts.impact.records_unavailable = Some(true);
                c.facts.impact.services_restored = Some(false);
            }),
            (Severity, "A2", 2, |_| {}),
            (Severity, "A2", 2, |c| {
                quiet(c);
                c.facts.impact.services_restored = Some(false);
            }),
            (Severity, "A1", 1, |c| c.facts.incident_types.clear()),
            (Severity, "A1", 1, |c| {
                quiet(c);
                c.facts.incident_types = vec![IncidentType::parse("malicious-code").unwrap()];
            }),
            (Severity, "A1", 1, |c| {
                quiet(c);
                c.facts.impact.data_breach = Some(true);
            }),
            (Severity, "A0", 0, quiet),
            (EntityType, "B2", 2, |_| {}),
            (EntityType, "B1", 1, |c| c.facts.entity.category = Category::Important),
            (EntityType, "B0", 0, |c| c.facts.entity.category = Category::None),
            (Impact, "C4", 4, |c| c.facts.national_capacity_exceeded = true),
            (Impact, "C3", 3, |c| c.facts.impact.hospitals_affected = Some(2)),
            (Impact, "C2", 2, |c| c.facts.impact.emergency = Emergency::Closed),
            (Impact, "C1", 1, |c| {
                c.facts.impact.emergency = Emergency::Closed;
                c.facts.entity.size = Size::Medium;
            }),
            (Impact, "C1", 1, |_| {}),
            (Impact, "C1", 1, |c| {
                quiet(c);
                c.facts.impact.data_breach = Some(true);
            }),
            (Impact, "C1", 1, |c| {
                quiet(c);
                c.facts.impact.emergency = Emergency::Restricted;
            }),
            (Impact, "C1", 1, |c| {
                quiet(c);
                c.facts.impact.services_restored = Some(false);
            }),
            (Impact, "C0", 0, quiet),
            (CrossBorder, "D4", 4, |c| c.facts.affected = BTreeSet::from([country("BE")])),
            (CrossBorder, "D3", 3, |c| c.facts.spillover = Spillover::High),
            (CrossBorder, "D2", 2, |c| c.facts.spillover = Spillover::Medium),
            (CrossBorder, "D1", 1, |_| {}),
            (CrossBorder, "D0", 0, |c| c.facts.spillover = Spillover::None),
            (Measures, "E4", 4, |c| c.facts.measures = ["a", "b", "c", "d", "e"].map(str::to_owned).into()),
            (Measures, "E3", 3, |c| c.facts.measures = ["a", "b", "c"].map(str::to_owned).into()),
            (Measures, "E2", 2, |_| {}),
            (Measures, "E1", 1, |c| c.facts.measures = ["a", "law-enforcement"].map(str::to_owned).into()),
            (Measures, "E0", 0, |c| c.facts.measures.clear()),
            (Measures, "E4", 4, |c| {
                c.facts.measures.clear();
                c.policy.more_measures_rank_higher = false;
            }),
        ]
    }

    #[test]
    fn every_rule_of_the_table_is_reached() {
        for (line, (criterion, rule, band, change)) in every_rule().into_iter().enumerate() {
            let found = band_of(criterion, change);
            assert_eq!((found.rule.as_str(), found.band, found.basis), (rule, band, Basis::Facts), "line {line}");
            assert!(!found.because.is_empty(), "line {line}");
        }
    }

    #[test]
    fn a_missing_fact_gives_the_worst_plausible_band_and_is_named() {
        use Criterion::{CrossBorder, EntityType, Impact, Severity};
        let table: [(Criterion, &str, &str, Change); 10] = [
            (Severity, "A4", "emergency", |c| c.facts.impact.emergency = Emergency::Unknown),
            (Severity, "A4", "hospitals_affected", |c| c.facts.impact.hospitals_affected = None),
            (Severity, "A3", "records_unavailable, services_restored", |c| {
                c.facts.impact.records_unavailable = None;
                c.facts.impact.services_restored = None;
            }),
            (Severity, "A2", "services_restored", |c| {
                c.facts.incident_types.clear();
                c.facts.impact.services_restored = None;
            }),
            (Severity, "A1", "data_breach", |c| {
                c.facts.incident_types.clear();
                c.facts.impact.hospitals_affected = Some(0);
                c.facts.impact.data_breach = None;
            }),
            (EntityType, "B2", "category", |c| c.facts.entity.category = Category::Unknown),
            (Impact, "C3", "hospitals_affected", |c| c.facts.impact.hospitals_affected = None),
            (Impact, "C2", "emergency", |c| c.facts.impact.emergency = Emergency::Unknown),
            (Impact, "C2", "size", |c| {
                c.facts.impact.emergency = Emergency::Diverted;
                c.facts.entity.size = Size::Unknown;
            }),
            (CrossBorder, "D3", "spillover", |c| c.facts.spillover = Spillover::Unknown),
        ];
        for (criterion, rule, named, change) in table {
            let found = band_of(criterion, change);
            assert_eq!((found.rule.as_str(), found.basis), (rule, Basis::Unknown), "{named}");
            assert_eq!(found.because, format!("not known yet: {named}; the worst plausible band stands"));
        }
    }

    #[test]
    fn what_is_missing_is_named_once_and_not_where_it_does_not_count() {
        let mut case = umcg();
        let missing = |case: &Submission, not_relevant: &[Criterion]| missing(&case.facts, &case.route, not_relevant);
        assert_eq!(missing(&case, &[]), BTreeSet::new());
        case.facts.impact.emergency = Emergency::Unknown;
        case.facts.entity.category = Category::Unknown;
        assert_eq!(missing(&case, &[]), ["category", "emergency"].into());
        assert_eq!(missing(&case, &[Criterion::Severity, Criterion::Impact]), ["category"].into());
        let mut union = union_entity();
        union.facts.entity.category = Category::Unknown;
        assert_eq!(missing(&union, &[]), BTreeSet::new(), "a Union entity has no category");
    }

    #[test]
    fn a_request_is_critical_when_it_is_p1_or_p2_whatever_is_missing() {
        let all_missing = |c: &mut Submission| {
            c.facts.incident_types.clear();
            c.facts.impact.emergency = Emergency::Unknown;
            c.facts.impact.hospitals_affected = None;
            c.facts.impact.records_unavailable = None;
            c.facts.impact.services_restored = None;
            c.facts.impact.data_breach = None;
        };
        let table: [(&str, bool, Change); 10] = [
            ("degraded", false, |_| {}),
            ("closed", true, |c| c.facts.impact.emergency = Emergency::Closed),
            ("diverted", true, |c| c.facts.impact.emergency = Emergency::Diverted),
            ("restricted", true, |c| c.facts.impact.emergency = Emergency::Restricted),
            ("two hospitals", true, |c| c.facts.impact.hospitals_affected = Some(2)),
            ("records lost", true, |c| {
                c.facts.impact.records_unavailable = Some(true);
                c.facts.impact.services_restored = Some(false);
            }),
            ("perhaps closed", false, |c| c.facts.impact.emergency = Emergency::Unknown),
            ("perhaps two hospitals", false, |c| c.facts.impact.hospitals_affected = None),
            ("restricted, perhaps two hospitals", true, |c| {
                c.facts.impact.emergency = Emergency::Restricted;
                c.facts.impact.hospitals_affected = None;
            }),
            ("records lost, perhaps not for long", false, |c| {
                c.facts.impact.records_unavailable = Some(true);
                c.facts.impact.services_restored = None;
            }),
        ];
        for (told, critical, change) in table {
            let mut case = umcg();
            change(&mut case);
            assert_eq!(is_critical(&case.facts), critical, "{told}");
            assert!(!critical || judged(&case)[0].band >= 3, "{told}: what is critical ranks P1 or P2");
        }
        let mut silent = umcg();
        all_missing(&mut silent);
        assert_eq!((judged(&silent)[0].band, is_critical(&silent.facts)), (4, false));
        assert!(CRITICAL.starts_with("house rule"));
    }

    #[test]
    fn a_missing_fact_that_cannot_raise_the_band_is_not_missed() {
        let closed = band_of(Criterion::Severity, |c| {
            c.facts.impact.emergency = Emergency::Closed;
            c.facts.impact.hospitals_affected = None;
        });
        assert_eq!((closed.rule.as_str(), closed.basis), ("A4", Basis::Facts));
        let small = band_of(Criterion::Impact, |c| {
            c.facts.impact.emergency = Emergency::Unknown;
            c.facts.entity.size = Size::Small;
        });
        assert_eq!((small.rule.as_str(), small.basis), ("C1", Basis::Facts));
        let abroad = band_of(Criterion::CrossBorder, |c| {
            c.facts.affected = BTreeSet::from([country("BE"), country("NL")]);
            c.facts.spillover = Spillover::Unknown;
        });
        assert_eq!((abroad.rule.as_str(), abroad.basis), ("D4", Basis::Facts));
    }

    #[test]
    fn a_criterion_that_is_not_relevant_is_neutral() {
        let case = rouen();
        for &criterion in Criterion::ALL {
            for band in bands(&case.facts, &case.route, &case.policy, &[criterion]) {
                let neutral = (band.band, band.basis) == (NEUTRAL, Basis::NotRelevant);
                assert_eq!(neutral, band.criterion == criterion, "{criterion}: {band:?}");
            }
        }
    }

    #[test]
    fn a_union_entity_has_no_category_and_is_not_lowered_for_it() {
        let mut case = union_entity();
        for category in [Category::None, Category::Unknown] {
            case.facts.entity.category = category;
            let band = &judged(&case)[1];
            assert_eq!((band.band, band.basis), (NEUTRAL, Basis::NotRelevant), "{category}");
        }
        case.facts.entity.category = Category::Important;
        assert_eq!(judged(&case)[1].rule, "B1");
    }

    #[test]
    fn a_ransom_demand_never_ranks() {
        let mut case = rouen();
        case.facts.impact.ransom_demanded = None;
        let before = judged(&case);
        for demanded in [Some(true), Some(false)] {
            case.facts.impact.ransom_demanded = demanded;
            assert_eq!(judged(&case), before);
        }
    }

    #[test]
    fn each_band_says_what_it_takes() {
        assert_eq!(
            takes(Criterion::Severity, 4),
            "A4: emergency care diverted or closed, or at least 2 hospitals affected"
        );
        assert_eq!(takes(Criterion::CrossBorder, 0), "D0: no risk of spillover");
        assert_eq!(takes(Criterion::EntityType, 3), "no rule of the table, so only an override by two persons");
        assert_eq!(takes(Criterion::Measures, 1), "E1: own measures that count 1 under the policy");
    }
}
