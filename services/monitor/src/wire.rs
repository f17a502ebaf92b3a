//! `muster.monitor.v1` ⇄ domain, but for cards, pages and ledger lines, which the views tell.

use std::collections::BTreeMap;

use muster_api::{event, monitor::v1, r#type::v1 as types};
use muster_domain::{
    codes::Country,
    event::Event,
    kernel::{Role, Timestamp},
};
use muster_edge::wire::fields::{Fields, duration, timestamp};
use muster_journal::{
    engine::follower::Seen,
    port::{Context, Subject},
    stored::payload_message,
};
use prost_types::Any;
use tonic::Status;

use crate::{
    health::{Health, RoleHealth, UnsafeSetting},
    views::{board::Filter, standing::State, words},
};

/// Reads which cards are asked for.
pub(crate) fn read_filter(filter: Option<v1::BoardFilter>) -> Result<Filter, Status> {
    let v1::BoardFilter { states, countries, turn, with_closed } = filter.unwrap_or_default();
    let mut fields = Fields::default();
    let states = fields.each("filter.states", &states, State::parse);
    let countries = fields.each("filter.countries", &countries, Country::parse);
    let turn = fields.optional("filter.turn", &turn, Role::parse);
    fields.done(Some(Filter { states, countries, turn, with_closed }))
}

/// Reads a period that may be open at both ends.
pub(crate) fn read_period(
    from: Option<prost_types::Timestamp>,
    until: Option<prost_types::Timestamp>,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Status> {
    let mut fields = Fields::default();
    let from = from.and_then(|from| fields.time("from", Some(from)));
    let until = until.and_then(|until| fields.time("until", Some(until)));
    fields.done(Some((from, until)))
}

/// Which part of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All.
    Whole,
    /// What one context wrote.
    Context(Context),
    /// The log of one subject.
    Subject(Subject),
}

/// Reads the subject or context whose log is asked for.
pub(crate) fn read_part(text: &str) -> Result<Part, Status> {
    let contexts = [Context::Registry, Context::Intake, Context::Eligibility, Context::Dispatch];
    let mut fields = Fields::default();
    let part = match contexts.into_iter().find(|context| context.as_str() == text) {
        Some(context) => Some(Part::Context(context)),
        None => {
            let subject = fields.optional("subject", text, Subject::parse);
            Some(subject.map_or(Part::Whole, Part::Subject))
        }
    };
    fields.done(part)
}

/// How many cards stand in each state.
pub(crate) fn counts(counts: &BTreeMap<State, u32>) -> Vec<v1::StateCount> {
    let count = |(state, count): (&State, &u32)| v1::StateCount { state: state.as_str().to_owned(), count: *count };
    counts.iter().map(count).collect()
}

/// One event of the log. `kept` is its stored form, `text` says it in words. If `whole` is false, its commit tells of other
/// cases too: who gave the command that it merely follows from may belong to one of those, and is not told.
pub(crate) fn entry(
    seen: &Seen,
    index: u32,
    (kept, event): (&event::v1::StoredEvent, &Event),
    text: String,
    whole: bool,
) -> v1::LogEntry {
    let commit = seen.commit;
    let own = whole || !words::follows(event);
    let told = |text: String| if own { text } else { String::new() };
    v1::LogEntry {
        position: Some(types::Position::from(seen.position)),
        event: index,
        subject: seen.subject.to_string(),
        event_type: kept.r#type.clone(),
        version: kept.version,
        text,
        body: payload_message(&kept.r#type, kept.version).map(|message| Any {
            type_url: format!("type.googleapis.com/muster.event.v1.{message}"),
            value: kept.payload.clone(),
        }),
        received_at: Some(timestamp(commit.received_at)),
        recorded_at: Some(timestamp(commit.recorded_at)),
        role: if own { commit.actor.role } else { Role::System }.to_string(),
        principal: told(commit.actor.principal.to_string()),
        command: told(commit.command.to_string()),
        causation: told(commit.causation.map(|causation| causation.to_string()).unwrap_or_default()),
        correlation: told(commit.correlation.to_string()),
        policy: commit.policy,
        decided_at: commit.decided_at.map(types::Position::from),
        taken: commit.taken,
    }
}

/// How the realm and the process stand; `head` is where the log ends.
pub(crate) fn status(
    realm: String,
    speed: u32,
    now: Timestamp,
    head: types::Position,
    health: &Health,
) -> v1::GetStatusResponse {
    v1::GetStatusResponse {
        realm,
        now: Some(timestamp(now)),
        speed,
        head: Some(head),
        roles: (health.roles)().into_iter().map(|health| role(health, head.sequence)).collect(),
        version: health.version.clone(),
        journal: health.journal.to_owned(),
        unsafe_settings: (health.unsafe_settings)().iter().map(unsafe_setting).collect(),
        late: Vec::new(),
        seen_late: 0,
    }
}

/// Something that Muster owes since `due` and has not done at `now`, on a clock that runs so fast.
pub(crate) fn late(what: String, due: Timestamp, now: Timestamp, speed: u32) -> v1::Late {
    let late_by = now.since(due).checked_div(speed).unwrap_or_default();
    v1::Late { what, due_at: Some(timestamp(due)), late_by: Some(duration(late_by)) }
}

fn role(RoleHealth { role, ready, position, trouble }: RoleHealth, head: u64) -> v1::RoleStatus {
    let behind = head.saturating_sub(position.sequence);
    v1::RoleStatus { role, ready, position: Some(position.into()), behind, trouble }
}

fn unsafe_setting(UnsafeSetting { name, says, accepted }: &UnsafeSetting) -> v1::UnsafeSetting {
    v1::UnsafeSetting { name: name.clone(), says: says.clone(), accepted: *accepted }
}
