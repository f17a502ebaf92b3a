//! Answers as people read them.

mod judging;
mod record;
mod requests;
mod reserve;
mod work;

use std::time::Duration;

use muster_api::r#type::v1::{Clock, Position};
use muster_domain::kernel::Timestamp;

use super::look::{Cell, Look, Tone, short, span, toned};

pub use judging::{bands, policy_terms, proposal_line};
pub use record::log_lines;
pub use requests::{card_line, page_text};
pub use work::offer_line;

/// An answer that can be read.
pub trait Show {
    /// As text.
    fn text(&self, look: Look) -> String;

    /// The ids of what it tells of.
    fn ids(&self) -> Vec<String> {
        Vec::new()
    }

    /// What it says that the realm's clock shows.
    fn now(&self) -> Option<Timestamp> {
        None
    }
}

/// A moment of a message; out of range it is the first or the last that there is.
pub fn moment(at: &prost_types::Timestamp) -> Timestamp {
    Timestamp::from_millis(at.seconds.saturating_mul(1000).saturating_add(i64::from(at.nanos) / 1_000_000))
}

/// A place in the log.
pub fn position(at: Option<&Position>) -> String {
    at.map(|at| format!("{}.{}", at.sequence, at.index)).unwrap_or_default()
}

fn opt_moment(at: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    at.map(moment)
}

/// A moment to the minute; nothing if there is none.
pub fn minute(at: Option<&prost_types::Timestamp>) -> String {
    opt_moment(at).map(short).unwrap_or_default()
}

/// A duration in words; nothing if there is none.
fn lasting(duration: Option<&prost_types::Duration>) -> String {
    duration.and_then(|duration| Duration::try_from(*duration).ok()).map(span).unwrap_or_default()
}

/// A clock in words: `answer in 3 h 12 min, at-risk`.
fn clock(look: Look, clock: &Clock) -> Cell {
    let due = opt_moment(clock.due_at.as_ref()).map(|due| look.away(due)).unwrap_or_default();
    let about = if clock.approximate { "about " } else { "" };
    let text = match clock.status.as_str() {
        "met" => format!("{} met", clock.name),
        status => format!("{} {about}{due}, {status}", clock.name),
    };
    toned(clock_tone(&clock.status), text)
}

fn clock_tone(status: &str) -> Tone {
    match status {
        "breached" => Tone::Bad,
        "at-risk" => Tone::Warning,
        "met" => Tone::Good,
        _ => Tone::Plain,
    }
}

/// A priority's name.
fn priority(name: &str) -> Cell {
    toned(if name == "P1" { Tone::Bad } else { Tone::Plain }, name)
}

/// How many of what: `1 team`, `2 teams`.
fn count(number: u32, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Teams and days in words: `1 remote team, 2 on-site teams, 90 person-days`.
fn effort(remote_teams: u32, onsite_teams: u32, person_days: u32) -> String {
    let mut parts = Vec::new();
    if remote_teams > 0 {
        parts.push(count(remote_teams, "remote team"));
    }
    if onsite_teams > 0 {
        parts.push(count(onsite_teams, "on-site team"));
    }
    parts.push(count(person_days, "person-day"));
    parts.join(", ")
}

/// A heading and what stands under it, indented; nothing if nothing does.
fn section(look: Look, heading: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    let lines: String = body.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n").collect();
    format!("\n{}\n{lines}", look.paint(Tone::Strong, heading))
}

/// A line of its own, unless it is empty.
fn line(text: String) -> String {
    if text.is_empty() { text } else { format!("{text}\n") }
}

/// What is told when there is nothing to tell.
fn or_none(text: String, nothing: &str) -> String {
    if text.is_empty() { format!("{nothing}\n") } else { text }
}
