//! Every cell of state and command: who gives it, how long after submission, and what the answer is.
//!
//! An answer is the events' names, `-` for none, or a refusal's reason.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;

use super::{
    assessment::{Assessment, Command, State, Submission},
    events::{AssessmentEvent as Event, Cut, Finding, Level, Outcome, Policy},
    scenarios::{moldova, no_measures, rouen},
    terms::requested,
};
use crate::{
    intake::events::Emergency,
    kernel::{Actor, Aggregate, PrincipalId, Received, Refusal, RequestId, Role, Timestamp},
};

const STATES: [&str; 9] =
    ["absent", "open", "unknown", "failed", "third", "proposed", "granted", "refused", "withdrawn"];

const COMMANDS: [&str; 12] = [
    "assess", "other", "resolve", "escalate", "miss", "propose", "approve", "grant", "part", "refuse", "policy",
    "withdraw",
];

/// state, command, who, when, answer
const TABLE: &str = "
    absent     assess    system  0h       Assessed
    absent     other     system  0h       Assessed
    absent     resolve   anna    1h       NOT_ASSESSED
    absent     escalate  system  24h      NOT_ASSESSED
    absent     miss      system  48h      NOT_ASSESSED
    absent     propose   anna    1h       NOT_ASSESSED
    absent     approve   bert    1h       NOT_ASSESSED
    absent     grant     anna    1h       NOT_ASSESSED
    absent     part      anna    1h       NOT_ASSESSED
    absent     refuse    anna    1h       NOT_ASSESSED
    absent     policy    system  1h       NOT_ASSESSED
    absent     withdraw  system  1h       NOT_ASSESSED

    open       assess    system  1h       -
    open       other     system  1h       ALREADY_ASSESSED
    open       resolve   anna    1h       Resolved
    open       resolve   carla   1h       NOT_ENTITLED
    open       resolve   horst   1h       NOT_ENTITLED
    open       escalate  system  24h-1ms  NOT_DUE
    open       escalate  system  24h      Escalated
    open       escalate  system  60h      Escalated
    open       miss      system  48h-1ms  NOT_DUE
    open       miss      system  48h      DeadlineMissed
    open       propose   anna    1h       OverrideProposed
    open       propose   carla   1h       OverrideProposed
    open       propose   horst   1h       NOT_ENTITLED
    open       propose   system  1h       NOT_ENTITLED
    open       approve   bert    1h       NO_PROPOSAL
    open       grant     anna    0h       Decided
    open       grant     anna    48h-1ms  Decided
    open       grant     anna    48h      DeadlineMissed,Decided
    open       grant     carla   1h       NOT_ENTITLED
    open       grant     horst   1h       NOT_ENTITLED
    open       grant     system  1h       NOT_ENTITLED
    open       part      anna    1h       Decided
    open       part      anna    60h      DeadlineMissed,Decided
    open       refuse    anna    1h       Decided
    open       refuse    carla   1h       NOT_ENTITLED
    open       policy    system  1h       Decided
    open       policy    system  48h      DeadlineMissed,Decided
    open       policy    anna    1h       NOT_ENTITLED
    open       withdraw  system  1h       Withdrawn

    unknown    assess    system  1h       -
    unknown    other     system  1h       ALREADY_ASSESSED
    unknown    resolve   anna    1h       Resolved
    unknown    escalate  system  24h      Escalated
    unknown    miss      system  48h      DeadlineMissed
    unknown    propose   anna    1h       OverrideProposed
    unknown    approve   bert    1h       NO_PROPOSAL
    unknown    grant     anna    1h       UNKNOWN_FACTS
    unknown    part      anna    1h       UNKNOWN_FACTS
    unknown    refuse    anna    1h       UNKNOWN_FACTS
    unknown    policy    system  1h       POLICY_DOES_NOT_DECIDE
    unknown    withdraw  system  1h       Withdrawn

    failed     assess    system  1h       -
    failed     other     system  1h       ALREADY_ASSESSED
    failed     resolve   anna    1h       Resolved
    failed     escalate  system  24h      Escalated
    failed     miss      system  48h      DeadlineMissed
    failed     propose   anna    1h       OverrideProposed
    failed     approve   bert    1h       NO_PROPOSAL
    failed     grant     anna    1h       GATE_FAILED
    failed     part      anna    1h       GATE_FAILED
    failed     refuse    anna    1h       Decided
    failed     policy    system  1h       Decided
    failed     withdraw  system  1h       Withdrawn

    third      assess    system  1h       -
    third      other     system  1h       ALREADY_ASSESSED
    third      resolve   carla   1h       Resolved
    third      resolve   anna    1h       NOT_ENTITLED
    third      escalate  system  24h      -
    third      miss      system  48h      -
    third      propose   anna    1h       OverrideProposed
    third      approve   bert    1h       NO_PROPOSAL
    third      grant     carla   1h       Decided
    third      grant     carla   60h      Decided
    third      grant     anna    1h       NOT_ENTITLED
    third      part      carla   1h       Decided
    third      refuse    carla   1h       Decided
    third      policy    system  1h       POLICY_DOES_NOT_DECIDE
    third      withdraw  system  1h       Withdrawn

    proposed   assess    system  1h       -
    proposed   other     system  1h       ALREADY_ASSESSED
    proposed   resolve   anna    1h       Resolved
    proposed   escalate  system  24h      Escalated
    proposed   miss      system  48h      DeadlineMissed
    proposed   propose   anna    1h       -
    proposed   propose   bert    1h       OverrideProposed
    proposed   propose   anna    24h      OverrideProposed
    proposed   approve   bert    1h       Overridden
    proposed   approve   carla   24h-1ms  Overridden
    proposed   approve   bert    24h      NO_PROPOSAL
    proposed   approve   anna    1h       SAME_PERSON
    proposed   approve   horst   1h       NOT_ENTITLED
    proposed   grant     anna    1h       Decided
    proposed   part      anna    1h       Decided
    proposed   refuse    anna    1h       Decided
    proposed   policy    system  1h       Decided
    proposed   withdraw  system  1h       Withdrawn

    granted    assess    system  1h       -
    granted    other     system  1h       ALREADY_ASSESSED
    granted    resolve   anna    1h       ALREADY_DECIDED
    granted    escalate  system  24h      -
    granted    miss      system  48h      -
    granted    propose   anna    60h      OverrideProposed
    granted    approve   bert    1h       NO_PROPOSAL
    granted    grant     anna    60h      -
    granted    grant     bert    1h       -
    granted    grant     carla   1h       NOT_ENTITLED
    granted    part      anna    1h       ALREADY_DECIDED
    granted    refuse    anna    1h       ALREADY_DECIDED
    granted    policy    system  1h       ALREADY_DECIDED
    granted    withdraw  system  60h      Withdrawn

    refused    assess    system  1h       -
    refused    other     system  1h       ALREADY_ASSESSED
    refused    resolve   anna    1h       ALREADY_DECIDED
    refused    escalate  system  24h      -
    refused    miss      system  48h      -
    refused    propose   anna    1h       ALREADY_DECIDED
    refused    approve   bert    1h       ALREADY_DECIDED
    refused    grant     anna    1h       ALREADY_DECIDED
    refused    part      anna    1h       ALREADY_DECIDED
    refused    refuse    bert    1h       -
    refused    policy    system  1h       ALREADY_DECIDED
    refused    withdraw  system  1h       Withdrawn

    withdrawn  assess    system  1h       WITHDRAWN
    withdrawn  other     system  1h       WITHDRAWN
    withdrawn  resolve   anna    1h       WITHDRAWN
    withdrawn  escalate  system  24h      WITHDRAWN
    withdrawn  miss      system  48h      WITHDRAWN
    withdrawn  propose   anna    1h       WITHDRAWN
    withdrawn  approve   bert    1h       WITHDRAWN
    withdrawn  grant     anna    1h       WITHDRAWN
    withdrawn  part      anna    1h       WITHDRAWN
    withdrawn  refuse    anna    1h       WITHDRAWN
    withdrawn  policy    system  1h       WITHDRAWN
    withdrawn  withdraw  system  1h       -
";

/// The case behind a state.
fn case(state: &str) -> Submission {
    let mut case = match state {
        "failed" => no_measures(),
        "third" => moldova(),
        _ => rouen(),
    };
    if state == "unknown" {
        case.facts.impact.emergency = Emergency::Unknown;
        case.facts.impact.hospitals_affected = Some(1);
    }
    case
}

fn state(name: &str) -> State {
    let before: &[(&str, &str)] = match name {
        "absent" => &[],
        "open" | "unknown" | "failed" | "third" => &[("assess", "system")],
        "proposed" => &[("assess", "system"), ("propose", "anna")],
        "granted" => &[("assess", "system"), ("grant", "anna")],
        "refused" => &[("assess", "system"), ("refuse", "anna")],
        "withdrawn" => &[("assess", "system"), ("withdraw", "system")],
        _ => panic!("no state is named {name}"),
    };
    let mut state = State::default();
    for (command_name, who) in before {
        let (_, answer) = act(&mut state, command(command_name, &case(name)), &received(&case(name), who, "0h"));
        assert!(answer.chars().all(char::is_alphabetic), "{name}: {answer}");
    }
    state
}

fn command(name: &str, case: &Submission) -> Command {
    let whole = requested(&case.facts.needs, &case.policy);
    let bands = [4; 5];
    let decide = |outcome, terms, cuts, reason: &str| Command::Decide {
        outcome,
        terms,
        cuts,
        reason: reason.to_owned(),
        council_act: case.council_act.clone(),
    };
    match name {
        "assess" => Command::Assess(Box::new(case.clone())),
        "other" => {
            let other = Submission { request: RequestId::parse("other").unwrap(), ..case.clone() };
            Command::Assess(Box::new(other))
        }
        "resolve" => {
            Command::Resolve { finding: Finding::Emergency(Emergency::Closed), reason: "told by telephone".to_owned() }
        }
        "escalate" => Command::Escalate { level: Level::H24 },
        "miss" => Command::MissDeadline,
        "propose" => Command::ProposeOverride { bands, reason: "the only stroke unit".to_owned() },
        "approve" => Command::ApproveOverride { bands },
        "grant" => decide(Outcome::Granted, Some(whole), vec![], ""),
        "part" => {
            let mut less = whole;
            less.person_days = 10;
            let cuts = vec![Cut { what: "person_days".to_owned(), reason: "a first look".to_owned() }];
            decide(Outcome::PartlyGranted, Some(less), cuts, "")
        }
        "refuse" => decide(Outcome::Refused, None, vec![], "national help is enough"),
        "policy" => {
            let policy = Policy { version: 2, grants: true, refuses: true, ..Policy::built_in() };
            Command::DecideByPolicy { policy: Box::new(policy) }
        }
        "withdraw" => Command::Withdraw,
        _ => panic!("no command is named {name}"),
    }
}

/// `24h`, or `24h-1ms`.
fn received(case: &Submission, who: &str, when: &str) -> Received {
    let (hours, earlier) = when.strip_suffix("-1ms").map_or((when, 0), |hours| (hours, 1));
    let hours = hours.strip_suffix('h').unwrap().parse().unwrap();
    let at = case.submitted_at.plus(Duration::from_hours(hours)).millis().saturating_sub(earlier);
    let role = match who {
        "anna" | "bert" => Role::Officer,
        "carla" => Role::Commission,
        "horst" => Role::Hospital,
        "system" => Role::System,
        _ => panic!("nobody is named {who}"),
    };
    Received { at: Timestamp::from_millis(at), by: Actor { role, principal: PrincipalId::parse(who).unwrap() } }
}

const fn name(event: &Event) -> &'static str {
    match event {
        Event::Assessed { .. } => "Assessed",
        Event::Resolved { .. } => "Resolved",
        Event::Escalated { .. } => "Escalated",
        Event::DeadlineMissed => "DeadlineMissed",
        Event::OverrideProposed { .. } => "OverrideProposed",
        Event::Overridden { .. } => "Overridden",
        Event::Decided { .. } => "Decided",
        Event::Withdrawn => "Withdrawn",
    }
}

/// Decides and takes the events in; the answer as the table writes it.
fn act(state: &mut State, command: Command, received: &Received) -> (Vec<Event>, String) {
    match Assessment::decide(state, command, received) {
        Err(rejection) => (vec![], Refusal::from(rejection).reason.to_owned()),
        Ok(events) if events.is_empty() => (events, "-".to_owned()),
        Ok(events) => {
            for event in &events {
                Assessment::evolve(state, event).unwrap();
            }
            let names = events.iter().map(name).collect::<Vec<_>>().join(",");
            (events, names)
        }
    }
}

fn lines() -> impl Iterator<Item = [&'static str; 5]> {
    TABLE.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        cells.try_into().unwrap_or_else(|cells| panic!("{cells:?} is not state, command, who, when, answer"))
    })
}

#[test]
fn every_cell_is_answered_as_the_table_says() {
    for [in_state, given, who, when, expected] in lines() {
        let case = case(in_state);
        let mut state = state(in_state);
        let (_, answer) = act(&mut state, command(given, &case), &received(&case, who, when));
        assert_eq!(answer, expected, "{in_state} {given} {who} {when}");
    }
}

#[test]
fn no_cell_is_missing() {
    let told: BTreeSet<(&str, &str)> = lines().map(|[state, command, ..]| (state, command)).collect();
    for state in STATES {
        for command in COMMANDS {
            assert!(told.contains(&(state, command)), "{state} {command}");
        }
    }
    assert_eq!(told.len(), STATES.len() * COMMANDS.len(), "a line names a state or command of no list");
}

/// One event of each kind.
fn events() -> Vec<Event> {
    let mut state = State::default();
    let case = rouen();
    let story = [
        ("assess", "system", "0h"),
        ("resolve", "anna", "1h"),
        ("propose", "anna", "1h"),
        ("approve", "bert", "1h"),
        ("escalate", "system", "24h"),
        ("grant", "anna", "48h"),
        ("withdraw", "system", "50h"),
    ];
    story
        .into_iter()
        .flat_map(|(given, who, when)| act(&mut state, command(given, &case), &received(&case, who, when)).0)
        .collect()
}

#[test]
fn an_impossible_history_is_told_and_changes_nothing() {
    let events = events();
    assert_eq!(
        events.iter().map(name).collect::<Vec<_>>(),
        [
            "Assessed",
            "Resolved",
            "OverrideProposed",
            "Overridden",
            "Escalated",
            "DeadlineMissed",
            "Decided",
            "Withdrawn"
        ]
    );
    for in_state in STATES {
        for event in &events {
            let possible = match in_state {
                "absent" => matches!(event, Event::Assessed { .. }),
                "granted" | "refused" => {
                    matches!(event, Event::OverrideProposed { .. } | Event::Overridden { .. } | Event::Withdrawn)
                }
                "withdrawn" => false,
                _ => !matches!(event, Event::Assessed { .. }),
            };
            let before = state(in_state);
            let mut after = before.clone();
            let taken = Assessment::evolve(&mut after, event);
            assert_eq!(taken.is_ok(), possible, "{in_state} {}", name(event));
            assert_eq!(after != before, possible, "{in_state} {}", name(event));
        }
    }
}

#[test]
fn what_is_said_twice_happens_once() {
    for [in_state, given, who, when, _] in lines() {
        let case = case(in_state);
        let mut state = state(in_state);
        let received = received(&case, who, when);
        let (events, _) = act(&mut state, command(given, &case), &received);
        if !events.is_empty() {
            let (_, again) = act(&mut state, command(given, &case), &received);
            assert_eq!(again, "-", "{in_state} {given} {who} {when}");
        }
    }
}

#[test]
fn every_refusal_names_its_rule_and_a_way_out() {
    for [in_state, given, who, when, _] in lines() {
        let case = case(in_state);
        if let Err(rejection) = Assessment::decide(&state(in_state), command(given, &case), &received(&case, who, when))
        {
            let refusal = Refusal::from(rejection);
            let texts = [refusal.says.as_str(), refusal.rule, refusal.way_out];
            assert!(texts.iter().all(|text| !text.is_empty() && !text.ends_with('.')), "{refusal:?}");
            assert!(refusal.rule.starts_with("Art ") || refusal.rule.starts_with("house rule"), "{refusal:?}");
        }
    }
}

proptest! {
    /// Whatever is asked in whatever order, no history is impossible, and the promises of the answer hold.
    #[test]
    fn no_order_of_commands_breaks_the_history(
        base in prop::sample::select(&["open", "unknown", "failed", "third"][..]),
        given in prop::collection::vec(
            (
                prop::sample::select(&COMMANDS[..]),
                prop::sample::select(&["anna", "bert", "carla", "system"][..]),
                0_u32..12,
            ),
            0..40,
        ),
    ) {
        let case = case(base);
        let (mut state, mut hours) = (State::default(), 0_u32);
        let mut history = Vec::new();
        for (name, who, later) in given {
            hours = hours.saturating_add(later);
            let received = received(&case, who, &format!("{hours}h"));
            let (events, _) = act(&mut state, command(name, &case), &received);
            history.extend(events.into_iter().map(|event| (received.at, event)));
        }
        let names: Vec<&str> = history.iter().map(|(_, event)| name(event)).collect();
        let count = |wanted: &str| names.iter().filter(|name| **name == wanted).count();
        for once in ["Assessed", "Decided", "DeadlineMissed", "Escalated", "Withdrawn"] {
            prop_assert!(count(once) <= 1, "{:?}", names);
        }
        let place = |wanted: &str| names.iter().position(|name| *name == wanted);
        if let Some(decided) = place("Decided") {
            let due = case.submitted_at.plus(Duration::from_hours(48));
            let late = history[decided].0 >= due && base != "third";
            prop_assert_eq!(late, place("DeadlineMissed").is_some_and(|missed| missed < decided), "{:?}", names);
        }
        if let Some(withdrawn) = place("Withdrawn") {
            prop_assert_eq!(withdrawn, names.len().saturating_sub(1), "{:?}", names);
        }
        for (at, event) in &history {
            if let Event::Overridden { proposed_by, approved_by, suggested, key, .. } = event {
                prop_assert_ne!(proposed_by, approved_by);
                prop_assert_eq!(key.bands, [4; 5]);
                prop_assert_ne!(suggested.bands, key.bands, "{}", at);
            }
        }
    }
}
