//! The board over real gRPC: its order, its pages, what each may see of it, and how it changes.

use std::time::Duration;

use muster_api::monitor::v1::{BoardFilter, GetBoardRequest, GetBoardResponse, WatchBoardRequest, WatchBoardResponse};
use muster_domain::{
    codes::{Country, Nuts, Tlp},
    dispatch::events::Stage,
    eligibility::events::Outcome,
    intake::events::Facts,
    kernel::Role,
};
use muster_edge::{
    testing::{call, reason},
    wire::fields::timestamp,
};
use muster_journal::stored::Position;
use tonic::{Status, Streaming};

use crate::story::{
    Story, facts, id,
    rig::{Client, Watched, as_of},
};

async fn board(client: &mut Client, role: Role, by: &str, asked: GetBoardRequest) -> Result<GetBoardResponse, Status> {
    Ok(client.get_board(call(role, by, asked)).await?.into_inner())
}

async fn shown(client: &mut Client, role: Role, by: &str) -> Vec<String> {
    let board = board(client, role, by, GetBoardRequest::default()).await.unwrap();
    let mut shown: Vec<_> = board.cards.into_iter().map(|card| card.request).collect();
    shown.sort_unstable();
    shown
}

async fn watch(client: &mut Client, role: Role, by: &str, asked: WatchBoardRequest) -> Streaming<WatchBoardResponse> {
    client.watch_board(call(role, by, asked)).await.unwrap().into_inner()
}

/// The next message that tells of something.
async fn news(stream: &mut Streaming<WatchBoardResponse>) -> WatchBoardResponse {
    loop {
        let told = stream.message().await.unwrap().unwrap();
        if !told.cards.is_empty() || !told.gone.is_empty() || !told.counts.is_empty() {
            return told;
        }
    }
}

fn cards(told: &WatchBoardResponse) -> Vec<String> {
    told.cards.iter().map(|card| card.request.clone()).collect()
}

fn spain() -> Facts {
    Facts { country: Country::parse("ES").unwrap(), nuts: vec![Nuts::parse("ES511").unwrap()], ..facts() }
}

fn strict() -> Facts {
    Facts { tlp: Tlp::AmberStrict, ..facts() }
}

/// In France one case that may be told and one that may not, both endorsed by its CSIRT; one in Spain that nobody took up.
fn three() -> Story {
    let mut story = Story::begin();
    story.open("fr-open", facts()).endorse("fr-open", "csirt-fr");
    story.open("fr-strict", strict()).endorse("fr-strict", "csirt-fr");
    story.open("es", spain());
    story
}

const SEEN: [(Role, &str, &[&str]); 14] = [
    (Role::Hospital, "chu-rouen", &["fr-open", "fr-strict"]),
    (Role::Hospital, "clinic", &["es"]),
    (Role::Hospital, "nobody", &[]),
    (Role::Authority, "csirt-fr", &["fr-open", "fr-strict"]),
    (Role::Authority, "crisis-fr", &["fr-open"]),
    (Role::Authority, "csirt-es", &["es"]),
    (Role::Authority, "cert-eu", &["es"]),
    (Role::Authority, "nobody", &[]),
    (Role::Spoc, "spoc-fr", &["fr-open", "fr-strict"]),
    (Role::Spoc, "spoc-es", &[]),
    (Role::Spoc, "nobody", &[]),
    (Role::Officer, "anna", &["es", "fr-open", "fr-strict"]),
    (Role::Commission, "carla", &["es", "fr-open", "fr-strict"]),
    (Role::Auditor, "otto", &["es", "fr-open", "fr-strict"]),
];

#[tokio::test]
async fn each_sees_its_own_cases_and_counts_no_others() {
    let mut watched = Watched::new(three()).await;
    for (role, by, expected) in SEEN {
        assert_eq!(shown(&mut watched.client, role, by).await, expected, "{role} {by}");
        let board = board(&mut watched.client, role, by, GetBoardRequest::default()).await.unwrap();
        let counted: u32 = board.counts.iter().map(|count| count.count).sum();
        assert_eq!(counted as usize, expected.len(), "{role} {by}");
    }
    for (role, by) in [(Role::Provider, "p1"), (Role::Operator, "ops")] {
        let denied = board(&mut watched.client, role, by, GetBoardRequest::default()).await.unwrap_err();
        assert_eq!(reason(&denied), "DENIED", "{role}");
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_same_cards() {
    let mut watched = Watched::new(three()).await;
    for (role, by, expected) in SEEN {
        let mut stream = watch(&mut watched.client, role, by, WatchBoardRequest::default()).await;
        let first = stream.message().await.unwrap().unwrap();
        let mut found = cards(&first);
        found.sort_unstable();
        assert_eq!(found, expected, "{role} {by}");
        assert_eq!(first.position, Some(watched.story.head().into()));
        assert_eq!(first.gone, [""; 0]);
    }
}

#[tokio::test]
async fn the_clock_that_ends_first_is_first_and_pages_together_are_the_board() {
    let mut story = Story::with(&["p1"]);
    story.open("r-idle", facts()).wait(5).submitted("r-late", facts()).wait(5).submitted("r-later", facts());
    story.granted("r-offered", facts()).submitted("r-gone", facts()).withdraw("r-gone");
    let mut watched = Watched::new(story).await;
    let (mut told, mut page_token) = (Vec::new(), String::new());
    loop {
        let asked = GetBoardRequest { page_size: 2, page_token, ..GetBoardRequest::default() };
        let page = board(&mut watched.client, Role::Officer, "anna", asked).await.unwrap();
        assert_eq!(page.counts.iter().map(|count| count.count).sum::<u32>(), 4, "on every page");
        told.extend(page.cards.into_iter().map(|card| card.request));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(told, ["r-offered", "r-late", "r-later", "r-idle"]);
    let own = GetBoardRequest { page_size: 3, ..GetBoardRequest::default() };
    let first = board(&mut watched.client, Role::Hospital, "chu-rouen", own.clone()).await.unwrap();
    let asked = GetBoardRequest { page_token: first.next_page_token, ..own };
    let second = board(&mut watched.client, Role::Hospital, "chu-rouen", asked).await.unwrap();
    let both: Vec<_> = first.cards.into_iter().chain(second.cards).map(|card| card.request).collect();
    assert_eq!((both, second.next_page_token), (told, String::new()), "in the same order for those who see less");
}

#[tokio::test]
async fn filters_let_through_what_they_say() {
    let mut story = three();
    story.submitted("r-1", facts()).assess("r-1").withdraw("r-1");
    let mut watched = Watched::new(story).await;
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let filter = |states: &[&str], countries: &[&str], turn: &str, with_closed| BoardFilter {
        states: list(states),
        countries: list(countries),
        turn: turn.to_owned(),
        with_closed,
    };
    for (filter, expected) in [
        (filter(&[], &[], "", true), vec!["es", "fr-open", "fr-strict", "r-1"]),
        (filter(&["withdrawn"], &[], "", true), vec!["r-1"]),
        (filter(&["withdrawn"], &[], "", false), vec![]),
        (filter(&["opened", "endorsed"], &["ES"], "", false), vec!["es"]),
        (filter(&[], &[], "spoc", false), vec!["fr-open", "fr-strict"]),
        (filter(&[], &["GR"], "", true), vec![]),
    ] {
        let asked = GetBoardRequest { filter: Some(filter.clone()), ..GetBoardRequest::default() };
        let found = board(&mut watched.client, Role::Auditor, "otto", asked).await.unwrap();
        let mut requests: Vec<_> = found.cards.iter().map(|card| card.request.as_str()).collect();
        requests.sort_unstable();
        assert_eq!(requests, expected, "{filter:?}");
        assert_eq!(found.counts.iter().map(|count| count.count).sum::<u32>() as usize, expected.len());
    }
    let wrong = filter(&["lost"], &["XX"], "nobody", false);
    let asked = GetBoardRequest { filter: Some(wrong), page_size: 1, ..GetBoardRequest::default() };
    let refused = board(&mut watched.client, Role::Auditor, "otto", asked).await.unwrap_err();
    let fields = muster_runtime::status::explain(&refused).fields;
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["filter.countries[0]", "filter.states[0]", "filter.turn"]);
}

#[tokio::test]
async fn the_board_of_any_moment_is_what_was_shown_then() {
    let story = Story::whole("r-1");
    let (records, mut story) = (story.records.clone(), story);
    story.records.clear();
    let mut watched = Watched::new(story).await;
    let asked = |read_at| {
        let filter = Some(BoardFilter { with_closed: true, ..BoardFilter::default() });
        GetBoardRequest { read_at, filter, ..GetBoardRequest::default() }
    };
    let mut live = Vec::new();
    for record in records {
        let frame = muster_journal::stored::decode(&record.bytes).unwrap();
        watched.story.now = frame.commits[0].recorded_at;
        watched.story.records.push(record);
        watched.goes_on().await;
        live.push(board(&mut watched.client, Role::Officer, "anna", asked(None)).await.unwrap());
    }
    for then in live {
        let position = Position::from(then.as_of.unwrap());
        let found = board(&mut watched.client, Role::Officer, "anna", asked(as_of(position))).await.unwrap();
        assert_eq!(found, then, "at {position:?}");
    }
}

#[tokio::test]
async fn a_stream_tells_each_change_once_and_goes_on_from_any_place() {
    let mut story = Story::with(&["p1"]);
    story.open("r-1", facts());
    let mut watched = Watched::new(story).await;
    let mut stream = watch(&mut watched.client, Role::Officer, "anna", WatchBoardRequest::default()).await;
    let first = news(&mut stream).await;
    assert_eq!(cards(&first), ["r-1"]);

    watched.story.wait(1).open("r-2", facts());
    watched.goes_on().await;
    let second = news(&mut stream).await;
    assert_eq!((cards(&second), second.position), (vec!["r-2".to_owned()], Some(watched.story.head().into())));
    assert_eq!(second.counts.iter().map(|count| count.count).sum::<u32>(), 2);

    watched.story.wait(1).endorse("r-1", "csirt-fr").withdraw("r-1");
    watched.goes_on().await;
    let third = news(&mut stream).await;
    assert_eq!((cards(&third).len(), third.gone), (0, vec!["r-1".to_owned()]), "closed cards are not shown");

    let after = second.position;
    let mut again = watch(&mut watched.client, Role::Officer, "anna", WatchBoardRequest { after, filter: None }).await;
    let told = news(&mut again).await;
    assert_eq!((cards(&told), told.gone), (vec![], vec!["r-1".to_owned()]));
}

#[tokio::test]
async fn a_card_comes_again_when_its_clock_warns_and_when_it_ends() {
    let mut story = Story::begin();
    story.submitted("r-1", facts()).assess("r-1");
    let mut watched = Watched::new(story).await;
    let mut stream = watch(&mut watched.client, Role::Hospital, "chu-rouen", WatchBoardRequest::default()).await;
    let status = |told: &WatchBoardResponse| told.cards[0].next_clock.as_ref().unwrap().status.clone();
    assert_eq!(status(&news(&mut stream).await), "on-track");
    for (hours, expected) in [(24, "at-risk"), (24, "breached")] {
        watched.rig.clock.advance(Duration::from_hours(hours));
        let told = news(&mut stream).await;
        assert_eq!((cards(&told), status(&told)), (vec!["r-1".to_owned()], expected.to_owned()));
    }
    let after = Some(watched.story.head().into());
    let mut again = watch(&mut watched.client, Role::Officer, "anna", WatchBoardRequest { after, filter: None }).await;
    assert_eq!(status(&news(&mut again).await), "breached", "whoever was away learns it");
}

#[tokio::test]
async fn nobody_is_told_that_something_is_gone_that_it_never_saw() {
    let mut story = Story::begin();
    story.open("r-1", strict());
    let mut watched = Watched::new(story).await;
    let mut crisis = watch(&mut watched.client, Role::Authority, "crisis-fr", WatchBoardRequest::default()).await;
    let mut spain = watch(&mut watched.client, Role::Authority, "csirt-es", WatchBoardRequest::default()).await;
    assert_eq!(
        cards(&news(&mut crisis).await),
        ["r-1"],
        "until somebody made it its own it is sent to all of the country"
    );
    assert_eq!(spain.message().await.unwrap().unwrap().cards, []);

    watched.story.wait(1).endorse("r-1", "csirt-fr");
    watched.goes_on().await;
    assert_eq!(news(&mut crisis).await.gone, ["r-1"]);
    watched.story.wait(1).submit("r-1", "csirt-fr").open("r-2", self::spain());
    watched.goes_on().await;
    let told = news(&mut spain).await;
    assert_eq!((cards(&told), told.gone), (vec!["r-2".to_owned()], vec![]));
}

#[tokio::test]
async fn a_long_board_comes_in_parts_from_each_of_which_one_can_go_on() {
    let mut story = Story::begin();
    for n in 0..600 {
        story.open(&format!("r-{n}"), facts());
    }
    let mut watched = Watched::new(story).await;
    for (role, by) in [(Role::Officer, "anna"), (Role::Hospital, "chu-rouen"), (Role::Authority, "csirt-fr")] {
        let mut stream = watch(&mut watched.client, role, by, WatchBoardRequest::default()).await;
        let first = stream.message().await.unwrap().unwrap();
        assert!((200..600).contains(&first.cards.len()), "{}", first.cards.len());
        let asked = WatchBoardRequest { after: first.position, filter: None };
        let mut rest = watch(&mut watched.client, role, by, asked).await;
        let mut told = cards(&first);
        while told.len() < 600 {
            told.extend(news(&mut rest).await.cards.into_iter().map(|card| card.request));
        }
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), 600, "{role}: each once");
    }
}

#[tokio::test]
async fn work_shows_on_the_board() {
    let mut story = Story::with(&["p1"]);
    story.granted("r-1", facts()).accept(1).stage(1, Stage::OnTask);
    story.submitted("r-2", facts()).assess("r-2").answer("r-2", Outcome::Refused);
    let (monitor, _) = story.read();
    let mut watched = Watched::new(story).await;
    let board = board(&mut watched.client, Role::Officer, "anna", GetBoardRequest::default()).await.unwrap();
    assert_eq!(board.now, Some(timestamp(watched.story.now)));
    for card in board.cards {
        assert_eq!(card, monitor.known(&id(&card.request)).unwrap().card(watched.story.now));
    }
}
