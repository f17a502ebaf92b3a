//! What clients saw, against the log.

use crate::story::{Story, accepted, by, firm, offered};
use muster_journal::stored::Position;
use muster_sim::{
    history::{Operation, Outcome, check},
    log::{Entry, commits},
};
use uuid::Uuid;

/// A log of nine records, and the call behind each, one after the other.
fn told() -> (Vec<Entry>, Vec<Operation>) {
    let mut story = Story::new();
    story.enrol(firm("a", 1), []);
    story.grant("r1", 3, [offered(0, 1, "r1", "a", 60, false)]);
    story.desk(by("a"), [accepted(0, 1)]);
    let log = story.seal();
    let calls = (0_u64..).step_by(10).zip(commits(&log)).map(|(invoked, at)| Operation {
        command: at.command(),
        invoked,
        returned: invoked + 5,
        outcome: Outcome::Done(at.position),
    });
    let history = calls.collect();
    (log, history)
}

/// What is found, id and position.
fn found(log: &[Entry], history: &[Operation]) -> Vec<(&'static str, u64)> {
    check(history, log).iter().map(|violation| (violation.id, violation.position.sequence)).collect()
}

fn stranger(outcome: Outcome) -> Operation {
    Operation { command: Uuid::from_u128(7), invoked: 1_000, returned: 1_001, outcome }
}

#[test]
fn a_true_history_passes() {
    let (log, mut history) = told();
    assert_eq!(found(&log, &history), []);
    // Sent again without an answer, and once more with the first one's answer: it is one command.
    let again = Operation { invoked: 500, returned: 900, outcome: Outcome::Unknown, ..history[2] };
    history.extend([again, Operation { invoked: 900, returned: 910, ..history[2] }]);
    history.extend([Outcome::Unknown, Outcome::Refused].map(stranger));
    history.push(stranger(Outcome::Already(Position { sequence: 9, index: 0 })));
    assert_eq!(found(&log, &history), []);
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_lost() {
    let (log, mut history) = told();
    let last = Position { sequence: 99, index: 0 };
    history.push(stranger(Outcome::Done(last)));
    history.push(stranger(Outcome::Already(last)));
    assert_eq!(found(&log, &history), [("L1", 99), ("L1", 99)]);
    let (log, mut history) = told();
    history[3].outcome = Outcome::Done(Position { sequence: 5, index: 0 });
    assert_eq!(found(&log, &history)[0], ("L1", 5), "it stands at 4");
}

#[test]
fn what_was_refused_is_not_done() {
    let (log, mut history) = told();
    history[3].outcome = Outcome::Refused;
    assert_eq!(found(&log, &history), [("D1", 4)]);
    let again = Operation { outcome: Outcome::Unknown, ..history[3] };
    history.push(again);
    assert_eq!(found(&log, &history), [], "one of two calls may have done it");
}

#[test]
fn what_nobody_answered_is_done_once_at_most() {
    let (mut log, mut history) = told();
    history[3].outcome = Outcome::Unknown;
    assert_eq!(found(&log, &history), []);
    let command = history[3].command;
    log[7].frame.commits[0].command = command;
    history.remove(7);
    assert_eq!(found(&log, &history), [("D1", 8)]);
}

#[test]
fn what_was_called_later_stands_later() {
    let (log, mut history) = told();
    // The fourth is called only when the sixth had its answer.
    (history[3].invoked, history[3].returned) = (56, 58);
    assert_eq!(found(&log, &history), [("L2", 4)]);
    // While the sixth has no answer yet, either may come first.
    history[3].invoked = 54;
    history[4].returned = 55;
    assert_eq!(found(&log, &history), []);
}
