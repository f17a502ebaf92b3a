//! D15, exercises never touch live: a log is of one realm, by every subject in it; the realm says which, and `live` alone runs
//! on system time; what is declared an exercise stands in no live log, and each assessment knows where it is.

use muster_domain::{
    eligibility::events::AssessmentEvent,
    event::Event,
    intake::events::{Facts, RequestEvent},
    registry::events::{RealmClock, RealmEvent},
};
use muster_journal::{port::Subject, stored::Position};

use super::Violation;
use crate::log::{Entry, commits};

/// Its id.
pub const ID: &str = "D15";

/// What does not belong in this realm.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let Some(realm) = log.first().map(|entry| realm(&entry.subject)) else { return Vec::new() };
    let live = realm == "live";
    let mut found = Vec::new();
    let mut tell = |position: Position, says: String| found.push(Violation::new(ID, position, says));
    for Entry { sequence, subject, .. } in log.iter().filter(|entry| self::realm(&entry.subject) != realm) {
        tell(Position { sequence: *sequence, index: 0 }, format!("{subject} is of another realm than {realm}"));
    }
    for at in commits(log) {
        for event in &at.commit.events {
            if let Event::Realm(RealmEvent::Opened(opened)) = event
                && (opened.id.as_str() != realm || (opened.clock == RealmClock::System) != live)
            {
                tell(at.position, format!("realm {} is opened in {realm}, with {:?}", opened.id, opened.clock));
            }
            if facts(event).is_some_and(|facts| facts.exercise && live) {
                tell(at.position, format!("{} is an exercise, and this is live", at.subject));
            }
            if let Event::Assessment(AssessmentEvent::Assessed { live: assessed, .. }) = event
                && *assessed != live
            {
                tell(at.position, format!("{} was assessed as of another realm", at.subject));
            }
        }
    }
    found
}

/// The realm that a subject names: `muster.<realm>.<context>.<id>`.
fn realm(subject: &Subject) -> &str {
    subject.as_str().split('.').nth(1).unwrap_or_default()
}

/// What an event declares.
fn facts(event: &Event) -> Option<&Facts> {
    if let Event::Request(
        RequestEvent::Opened { facts, .. } | RequestEvent::Amended { facts } | RequestEvent::Submitted { facts, .. },
    ) = event
    {
        Some(facts)
    } else if let Event::Assessment(AssessmentEvent::Assessed { facts, .. }) = event {
        Some(facts)
    } else {
        None
    }
}
