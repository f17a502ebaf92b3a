//! The log over real gRPC: each event as it is stored, a page at a time, and of a commit only what concerns whoever asks.

use muster_api::{
    event::v1::{Frame, RequestOpened},
    monitor::v1::{ListEventsRequest, ListEventsResponse, LogEntry},
    r#type::v1::{Position, ReadAt, read_at::AsOf},
};
use muster_domain::{
    codes::{Country, Nuts},
    dispatch::{desk, events::Stage},
    intake::events::{Facts, Needs},
    kernel::Role,
};
use muster_edge::testing::{call, reason};
use prost::Message;
use tonic::Status;

use crate::story::{
    Story, actor, facts, milder, provider,
    rig::{Client, Watched},
};

async fn list(
    client: &mut Client,
    role: Role,
    by: &str,
    asked: ListEventsRequest,
) -> Result<ListEventsResponse, Status> {
    Ok(client.list_events(call(role, by, asked)).await?.into_inner())
}

/// Every entry, from pages of this size.
async fn all(client: &mut Client, role: Role, by: &str, mut asked: ListEventsRequest) -> Vec<LogEntry> {
    let mut entries = Vec::new();
    loop {
        let page = list(client, role, by, asked.clone()).await.unwrap();
        entries.extend(page.entries);
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            return entries;
        }
    }
}

fn types(entries: &[LogEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.event_type.as_str()).collect()
}

fn sized(page_size: u32) -> ListEventsRequest {
    ListEventsRequest { page_size, ..ListEventsRequest::default() }
}

#[tokio::test]
async fn every_event_is_told_once_in_order_and_as_it_is_stored() {
    let mut watched = Watched::new(Story::whole("r-1")).await;
    let records = watched.story.records.clone();
    let stored: Vec<_> = records
        .iter()
        .flat_map(|record| Frame::decode(record.bytes.clone()).unwrap().commits)
        .flat_map(|commit| commit.events)
        .collect();
    let entries = all(&mut watched.client, Role::Auditor, "otto", sized(7)).await;
    assert_eq!(entries.len(), stored.len());
    for (entry, stored) in entries.iter().zip(&stored) {
        assert_eq!((&entry.event_type, entry.version), (&stored.r#type, stored.version));
        let body = entry.body.as_ref().unwrap();
        assert_eq!(body.value, stored.payload, "unchanged");
        assert!(!entry.text.is_empty() && !entry.principal.is_empty(), "{entry:?}");
    }
    assert!(entries.is_sorted_by_key(|entry| (entry.position.unwrap().sequence, entry.event)));
    let opened = entries.iter().find(|entry| entry.event_type == "intake.request.opened").unwrap();
    let body = opened.body.as_ref().unwrap();
    assert_eq!(body.type_url, "type.googleapis.com/muster.event.v1.RequestOpened");
    assert_eq!(RequestOpened::decode(&*body.value).unwrap().hospital, "chu-rouen");
    assert_eq!(
        (&*opened.subject, &*opened.role, &*opened.principal),
        ("muster.drill.intake.r-1", "hospital", "chu-rouen")
    );
}

#[tokio::test]
async fn one_can_go_on_after_any_place() {
    let mut watched = Watched::new(Story::whole("r-1")).await;
    let entries = all(&mut watched.client, Role::Auditor, "otto", sized(0)).await;
    for after in [0, 5, 14] {
        let position = entries[after].position.unwrap();
        let asked = ListEventsRequest { after: Some(position), ..sized(3) };
        let rest = all(&mut watched.client, Role::Auditor, "otto", asked).await;
        let expected: Vec<_> =
            entries.iter().filter(|entry| entry.position.unwrap().sequence > position.sequence).collect();
        assert_eq!(rest.iter().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn the_log_ends_at_the_moment_looked_at() {
    let mut watched = Watched::new(Story::whole("r-1")).await;
    let entries = all(&mut watched.client, Role::Auditor, "otto", sized(0)).await;
    let (place, time) = (entries[5].position.unwrap(), entries[5].recorded_at.unwrap());
    let by_place = entries.iter().filter(|entry| entry.position.unwrap().sequence <= place.sequence).count();
    let at = |time: prost_types::Timestamp| (time.seconds, time.nanos);
    let by_time = entries.iter().filter(|entry| at(entry.recorded_at.unwrap()) <= at(time)).count();
    for (as_of, count) in [(AsOf::Position(place), by_place), (AsOf::Time(time), by_time)] {
        let read_at = Some(ReadAt { as_of: Some(as_of), at_least: None });
        let told = all(&mut watched.client, Role::Auditor, "otto", ListEventsRequest { read_at, ..sized(2) }).await;
        assert_eq!(told, entries[..count], "{as_of:?}");
    }
    let beyond = Position { sequence: watched.story.head().sequence + 1, index: 0 };
    let read_at = Some(ReadAt { as_of: Some(AsOf::Position(beyond)), at_least: None });
    let refused = list(&mut watched.client, Role::Auditor, "otto", ListEventsRequest { read_at, ..sized(0) }).await;
    assert_eq!(reason(&refused.unwrap_err()), "POSITION_UNKNOWN");
}

#[tokio::test]
async fn the_log_is_told_by_request_by_subject_and_by_context() {
    let mut story = Story::with(&["p1"]);
    story.granted("r-1", facts()).accept(1).open("r-2", facts());
    let mut watched = Watched::new(story).await;
    let of = |request: &str, subject: &str| ListEventsRequest {
        request: request.to_owned(),
        subject: subject.to_owned(),
        ..sized(2)
    };
    let client = &mut watched.client;
    let by_request = all(client, Role::Officer, "anna", of("R-1", "")).await;
    assert_eq!(
        types(&by_request),
        [
            "intake.request.opened",
            "intake.request.endorsed",
            "intake.request.submitted",
            "eligibility.assessment.assessed",
            "eligibility.assessment.decided",
            "dispatch.desk.grant-taken",
            "dispatch.desk.offered",
            "dispatch.desk.accepted",
        ]
    );
    let desk = ["dispatch.desk.grant-taken", "dispatch.desk.offered", "dispatch.desk.accepted"];
    assert_eq!(types(&all(client, Role::Officer, "anna", of("r-1", "dispatch")).await), desk);
    let whole_desk = all(client, Role::Officer, "anna", of("", "muster.drill.dispatch.desk")).await;
    assert_eq!(types(&whole_desk), [&["dispatch.desk.provider-taken"], &desk[..]].concat());
    assert_eq!(whole_desk, all(client, Role::Officer, "anna", of("", "dispatch")).await);
    let by_subject = all(client, Role::Officer, "anna", of("", "muster.drill.intake.r-2")).await;
    assert_eq!(types(&by_subject), ["intake.request.opened"]);
    assert_eq!(all(client, Role::Officer, "anna", of("", "registry")).await.len(), 7);
    assert_eq!(all(client, Role::Officer, "anna", of("r-2", "dispatch")).await, []);
    let wrong = list(client, Role::Officer, "anna", of("", "muster.drill.nowhere")).await.unwrap_err();
    assert_eq!(reason(&wrong), "UNREADABLE_FIELDS");
    let missing = list(client, Role::Officer, "anna", of("R-9", "")).await.unwrap_err();
    assert_eq!(reason(&missing), "NOT_FOUND");
}

#[tokio::test]
async fn of_a_commit_each_is_told_what_concerns_it() {
    let spain = Facts { country: Country::parse("ES").unwrap(), nuts: vec![Nuts::parse("ES511").unwrap()], ..facts() };
    let mut story = Story::begin();
    let mut wide = provider("p1");
    wide.contracts[0].member_states = ["FR", "ES"].map(|code| Country::parse(code).unwrap()).into();
    wide.contracts[0].capacity.teams = 2;
    wide.contracts[0].capacity.onsite_teams = 1;
    story.dispatch(desk::Command::TakeProvider(wide), &actor(Role::System, "desk"));
    let needs = Needs { person_days: 10, ..facts().needs };
    story.granted("r-fr", Facts { needs: needs.clone(), ..facts() }).accept(1);
    // The Spanish case waits until the French one is done: the same commit completes one and offers the other.
    let mild = Facts { needs, impact: milder().impact, ..spain };
    story.open("r-es", mild).endorse("r-es", "csirt-es").submit("r-es", "csirt-es").assess("r-es");
    story.answer("r-es", muster_domain::eligibility::events::Outcome::Granted).take_grant("r-es");
    story.stage(1, Stage::OnTask).complete(1, 9);
    let both = story.head();
    let mut watched = Watched::new(story).await;
    let client = &mut watched.client;
    let at = |entries: Vec<LogEntry>| {
        let found = entries.into_iter().filter(|entry| entry.position.unwrap().sequence == both.sequence);
        let told = found.map(|entry| (entry.event_type, entry.role, entry.principal, entry.command.is_empty()));
        told.collect::<Vec<_>>()
    };
    let told = |event: &str, role: &str, principal: &str| {
        (event.to_owned(), role.to_owned(), principal.to_owned(), principal.is_empty())
    };
    let whole = at(all(client, Role::Auditor, "otto", sized(0)).await);
    assert_eq!(
        whole,
        [
            told("dispatch.desk.completed", "provider", "p1"),
            told("dispatch.desk.offered", "provider", "p1"),
            told("dispatch.desk.request-finished", "provider", "p1"),
        ]
    );
    let french = at(all(client, Role::Hospital, "chu-rouen", sized(0)).await);
    assert_eq!(
        french,
        [told("dispatch.desk.completed", "provider", "p1"), told("dispatch.desk.request-finished", "system", "")]
    );
    let spanish = at(all(client, Role::Authority, "csirt-es", sized(0)).await);
    assert_eq!(spanish, [told("dispatch.desk.offered", "system", "")], "not whose work had to end before");
    let foreign = ListEventsRequest { request: "r-fr".to_owned(), ..sized(0) };
    assert_eq!(reason(&list(client, Role::Authority, "csirt-es", foreign).await.unwrap_err()), "NOT_FOUND");
}

#[tokio::test]
async fn whoever_sees_its_own_cases_only_is_told_of_nothing_else() {
    let mut story = Story::whole("r-1");
    story.open("r-2", facts());
    let mut watched = Watched::new(story).await;
    for (role, by, least) in [(Role::Hospital, "chu-rouen", 10), (Role::Spoc, "spoc-fr", 10)] {
        let entries = all(&mut watched.client, role, by, sized(2)).await;
        assert!(entries.len() > least, "{role}");
        let about =
            |entry: &LogEntry| !entry.event_type.starts_with("registry.") && !entry.event_type.ends_with("-taken");
        assert!(entries.iter().all(|entry| about(entry) || entry.event_type == "dispatch.desk.grant-taken"), "{role}");
    }
    for (role, by) in [(Role::Hospital, "clinic"), (Role::Authority, "csirt-es")] {
        for subject in ["", "registry", "dispatch", "muster.drill.intake.r-1"] {
            let asked = ListEventsRequest { subject: subject.to_owned(), ..sized(0) };
            assert_eq!(all(&mut watched.client, role, by, asked).await, [], "{by} {subject}");
        }
    }
    let denied = list(&mut watched.client, Role::Provider, "p1", sized(0)).await.unwrap_err();
    assert_eq!(reason(&denied), "DENIED");
}

#[tokio::test]
async fn pages_look_at_the_moment_of_the_first() {
    let mut watched = Watched::new(Story::whole("r-1")).await;
    let first = list(&mut watched.client, Role::Auditor, "otto", sized(4)).await.unwrap();
    let before = watched.story.head();
    watched.story.open("r-2", facts());
    watched.goes_on().await;
    let asked = ListEventsRequest { page_token: first.next_page_token.clone(), ..sized(500) };
    let rest = list(&mut watched.client, Role::Auditor, "otto", asked).await.unwrap();
    assert_eq!((rest.as_of, first.as_of), (Some(before.into()), Some(before.into())));
    assert!(rest.entries.iter().all(|entry| entry.position.unwrap().sequence <= before.sequence));
}
