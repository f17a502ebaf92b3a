//! Request pages, ledger, provider view, figures and status over real gRPC, and what a stranger sees of them.

use std::time::Duration;

use muster_api::{
    monitor::v1::{
        GetLedgerRequest, GetProviderViewRequest, GetRequestPageRequest, GetStatisticsRequest, GetStatusRequest,
        ProviderView, RequestPage, WatchRequestRequest, WatchRequestResponse,
    },
    r#type::v1::{ReadAt, candidate::Standing},
};
use muster_domain::{
    codes::{Country, Nuts, Tlp},
    dispatch::events::Stage,
    eligibility::events::Outcome,
    intake::{events::Facts, request::Command},
    kernel::Role,
};
use muster_edge::{
    testing::{call, reason},
    wire::{self, fields::timestamp},
    work::Eyes,
};
use tonic::{Code, Status, Streaming};

use crate::story::{
    Story, actor, facts, id, milder, offer,
    rig::{Client, Watched, as_of, contact},
};

fn spain() -> Facts {
    Facts { country: Country::parse("ES").unwrap(), nuts: vec![Nuts::parse("ES511").unwrap()], ..facts() }
}

async fn page(client: &mut Client, role: Role, by: &str, request: &str) -> Result<RequestPage, Status> {
    let asked = GetRequestPageRequest { read_at: None, request: request.to_owned() };
    Ok(client.get_request_page(call(role, by, asked)).await?.into_inner().page.unwrap())
}

/// The page with who was looked at for its offers, where nobody was dropped.
fn with_considered(story: &Story, mut page: RequestPage) -> RequestPage {
    for offer in &mut page.offers {
        let considered = story.considered(&offer.offer);
        offer.considered = considered.iter().map(|candidate| wire::candidate(candidate, String::new())).collect();
    }
    page
}

async fn lines(client: &mut Client, role: Role, by: &str, provider: &str) -> Result<Vec<String>, Status> {
    let asked = GetLedgerRequest { read_at: None, provider: provider.to_owned() };
    let ledger = client.get_ledger(call(role, by, asked)).await?.into_inner();
    Ok(ledger.lines.into_iter().map(|line| format!("{}/{}", line.provider, line.contract)).collect())
}

async fn view(client: &mut Client, role: Role, by: &str, provider: &str) -> Result<ProviderView, Status> {
    let asked = GetProviderViewRequest { read_at: None, provider: provider.to_owned() };
    Ok(client.get_provider_view(call(role, by, asked)).await?.into_inner().view.unwrap())
}

/// All that a refusal tells.
fn told(no: &Status) -> (Code, String, Vec<u8>) {
    (no.code(), no.message().to_owned(), no.details().to_vec())
}

#[tokio::test]
async fn the_page_is_told_by_id_and_by_number() {
    let story = Story::whole("r-1");
    let (monitor, _) = story.read();
    let expected = monitor.known(&id("r-1")).unwrap().page(story.now, Eyes::All, std::iter::empty());
    let expected = with_considered(&story, expected);
    let mut watched = Watched::new(story).await;
    for name in ["r-1", "R-1"] {
        assert_eq!(page(&mut watched.client, Role::Auditor, "otto", name).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn whom_to_call_is_for_those_who_speak_with_people() {
    let mut story = Story::with(&["p1"]);
    story.granted("r-1", facts()).accept(1);
    let mut watched = Watched::new(story).await;
    watched.keep_contact("r-1").await;
    for (role, by, known) in [
        (Role::Hospital, "chu-rouen", true),
        (Role::Authority, "csirt-fr", true),
        (Role::Spoc, "spoc-fr", true),
        (Role::Officer, "anna", true),
        (Role::Commission, "carla", true),
        (Role::Auditor, "otto", false),
    ] {
        let page = page(&mut watched.client, role, by, "r-1").await.unwrap();
        assert_eq!(page.contact, known.then(contact), "{role}");
        assert!(page.facts.is_some());
    }
    watched.erase_contact("r-1").await;
    assert_eq!(page(&mut watched.client, Role::Officer, "anna", "r-1").await.unwrap().contact, None);
}

#[tokio::test]
async fn what_a_stranger_may_not_know_is_not_there() {
    let mut story = Story::begin();
    story.open("r-1", facts());
    let mut watched = Watched::new(story).await;
    for (role, by) in [
        (Role::Hospital, "clinic"),
        (Role::Authority, "csirt-es"),
        (Role::Authority, "nobody"),
        (Role::Spoc, "spoc-fr"),
    ] {
        for (there, missing) in [("r-1", "r-2"), ("R-1", "R-2")] {
            let hidden = page(&mut watched.client, role, by, there).await.unwrap_err();
            let absent = page(&mut watched.client, role, by, missing).await.unwrap_err();
            let (code, says, details) = told(&absent);
            let renamed = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace(missing, there);
            assert_eq!(told(&hidden).0, code);
            assert_eq!(told(&hidden).1, says.replace(missing, there));
            assert_eq!(String::from_utf8_lossy(hidden.details()), renamed(details), "{role} {by}");
            let asked = WatchRequestRequest { request: there.to_owned(), after: None };
            let hidden = watched.client.watch_request(call(role, by, asked)).await.unwrap_err();
            assert_eq!(reason(&hidden), "NOT_FOUND");
        }
    }
    let denied = page(&mut watched.client, Role::Provider, "p1", "r-1").await.unwrap_err();
    assert_eq!(reason(&denied), "DENIED");
}

#[tokio::test]
async fn a_link_to_what_the_reader_may_not_see_is_left_out() {
    let mut story = Story::begin();
    story.open("r-1", facts()).open("r-2", Facts { tlp: Tlp::Red, ..facts() });
    story.endorse("r-1", "csirt-fr").endorse("r-2", "csirt-fr");
    story.intake("r-2", Command::Link { to: id("r-1") }, &actor(Role::System, "intake"));
    let mut watched = Watched::new(story).await;
    for (by, expected) in [("csirt-fr", vec!["r-2"]), ("crisis-fr", vec![])] {
        assert_eq!(page(&mut watched.client, Role::Authority, by, "r-1").await.unwrap().linked, expected);
    }
}

#[tokio::test]
async fn the_page_of_any_moment_is_the_page_of_then() {
    let story = Story::whole("r-1");
    let mut watched = Watched::new(story).await;
    let story = &watched.story;
    for (sequence, expected) in (1..=story.head().sequence).map(|sequence| (sequence, story.read_to(sequence))) {
        let (monitor, looked) = expected;
        let asked = GetRequestPageRequest { read_at: as_of(looked.position), request: "R-1".to_owned() };
        let found = watched.client.get_request_page(call(Role::Auditor, "otto", asked)).await;
        match monitor.known(&id("r-1")) {
            Some(known) => {
                let found = found.unwrap().into_inner();
                let expected = known.page(looked.log_time, Eyes::All, std::iter::empty());
                assert_eq!(found.page, Some(with_considered(story, expected)), "at {sequence}");
                assert_eq!(found.now, Some(timestamp(looked.log_time)));
            }
            None => assert_eq!(reason(&found.unwrap_err()), "NOT_FOUND", "before it was opened"),
        }
    }
}

async fn news(stream: &mut Streaming<WatchRequestResponse>) -> RequestPage {
    loop {
        if let Some(page) = stream.message().await.unwrap().unwrap().page {
            return page;
        }
    }
}

#[tokio::test]
async fn a_page_is_told_again_when_it_changes_and_when_time_changes_it() {
    let mut story = Story::begin();
    story.submitted("r-1", facts());
    let mut watched = Watched::new(story).await;
    watched.keep_contact("r-1").await;
    let asked = WatchRequestRequest { request: "R-1".to_owned(), after: None };
    let mut stream = watched.client.watch_request(call(Role::Spoc, "spoc-fr", asked)).await.unwrap().into_inner();
    let first = news(&mut stream).await;
    assert_eq!((&*first.card.unwrap().state, first.contact), ("submitted", Some(contact())));

    watched.story.assess("r-1").open("r-2", facts());
    watched.goes_on().await;
    assert_eq!(news(&mut stream).await.card.unwrap().state, "assessed");

    watched.rig.clock.advance(Duration::from_hours(18));
    let early = news(&mut stream).await.clocks.into_iter().find(|clock| clock.name == "nis2-early-warning");
    assert_eq!(early.unwrap().status, "at-risk", "clocks that are on no card too");
    watched.erase_contact("r-1").await;
    watched.rig.clock.advance(Duration::from_hours(6));
    assert_eq!(news(&mut stream).await.contact, None, "what was erased is told no more");
}

#[tokio::test]
async fn who_was_looked_at_is_told_to_those_who_may_read_the_register() {
    let mut story = Story::with(&["p1", "p2"]);
    story.granted("r-1", milder()).decline(1);
    let asked = story.desk.offers[&offer(2)].provider.to_string();
    let mut watched = Watched::new(story).await;
    for (role, by, told) in [
        (Role::Officer, "anna", 2),
        (Role::Commission, "carla", 2),
        (Role::Auditor, "otto", 2),
        (Role::Hospital, "chu-rouen", 0),
        (Role::Authority, "csirt-fr", 0),
        (Role::Spoc, "spoc-fr", 0),
    ] {
        let by_offer = |page: &RequestPage| page.offers.iter().map(|o| o.considered.len()).collect::<Vec<_>>();
        let now = page(&mut watched.client, role, by, "r-1").await.unwrap();
        assert_eq!(by_offer(&now), [told; 2], "{role}: of offers that are over too");
        let watch = WatchRequestRequest { request: "r-1".to_owned(), after: None };
        let mut stream = watched.client.watch_request(call(role, by, watch)).await.unwrap().into_inner();
        assert_eq!(news(&mut stream).await.offers, now.offers, "{role}");
    }
    let by_officer = view(&mut watched.client, Role::Officer, "anna", &asked).await.unwrap();
    let [fits, dropped] = &by_officer.offers[0].considered[..] else { panic!("two were looked at") };
    assert_eq!(fits.provider, asked);
    let Some(Standing::Dropped(dropped)) = &dropped.standing else { panic!("the other was dropped") };
    assert_eq!(&*dropped.rule, "not-tried");
    assert!(dropped.because.starts_with("it was asked before"), "{}", dropped.because);
    let by_itself = view(&mut watched.client, Role::Provider, &asked, "").await.unwrap();
    assert_eq!((by_itself.offers.len(), by_itself.offers[0].considered.len()), (1, 0));
}

#[tokio::test]
async fn a_stream_ends_when_its_reader_may_see_the_request_no_longer() {
    let mut story = Story::begin();
    story.open("r-1", Facts { tlp: Tlp::Red, ..facts() });
    let mut watched = Watched::new(story).await;
    let asked = WatchRequestRequest { request: "r-1".to_owned(), after: None };
    let calling = watched.client.watch_request(call(Role::Authority, "crisis-fr", asked)).await;
    let mut stream = calling.unwrap().into_inner();
    news(&mut stream).await;
    watched.story.endorse("r-1", "csirt-fr");
    watched.goes_on().await;
    let ended = loop {
        match stream.message().await {
            Ok(told) => assert_eq!(told.unwrap().page, None, "nothing more is told"),
            Err(ended) => break ended,
        }
    };
    assert_eq!(reason(&ended), "NOT_FOUND");
}

#[tokio::test]
async fn a_provider_sees_its_own_lines_only() {
    let mut watched = Watched::new(Story::with(&["p1", "p2"])).await;
    let client = &mut watched.client;
    for (role, by) in [(Role::Officer, "anna"), (Role::Commission, "carla"), (Role::Auditor, "otto")] {
        assert_eq!(lines(client, role, by, "").await.unwrap(), ["p1/c-1", "p2/c-1"], "{role}");
        assert_eq!(lines(client, role, by, "p2").await.unwrap(), ["p2/c-1"]);
        assert_eq!(reason(&lines(client, role, by, "p9").await.unwrap_err()), "NOT_FOUND");
    }
    assert_eq!(lines(client, Role::Provider, "p1", "").await.unwrap(), ["p1/c-1"]);
    assert_eq!(lines(client, Role::Provider, "p1", "p1").await.unwrap(), ["p1/c-1"]);
    let (foreign, missing) =
        (lines(client, Role::Provider, "p1", "p2").await, lines(client, Role::Provider, "p1", "p9").await);
    let (foreign, missing) = (foreign.unwrap_err(), missing.unwrap_err());
    assert_eq!(foreign.message().replace("p2", "p9"), missing.message());
    assert_eq!(told(&foreign).0, told(&missing).0);
    for (role, by) in [(Role::Hospital, "chu-rouen"), (Role::Authority, "csirt-fr"), (Role::Spoc, "spoc-fr")] {
        assert_eq!(reason(&lines(client, role, by, "").await.unwrap_err()), "DENIED", "{role}");
    }
}

#[tokio::test]
async fn a_provider_learns_for_whom_it_works_while_it_works() {
    let mut story = Story::with(&["p1"]);
    story.granted("r-1", facts());
    let mut watched = Watched::new(story).await;
    watched.keep_contact("r-1").await;
    let asked = view(&mut watched.client, Role::Provider, "p1", "").await.unwrap();
    assert_eq!((asked.offers.len(), asked.engagements.len(), &*asked.offers[0].request), (1, 0, ""));

    watched.story.accept(1).stage(1, Stage::OnTask);
    watched.goes_on().await;
    let at_work = view(&mut watched.client, Role::Provider, "p1", "p1").await.unwrap();
    let [work] = &at_work.engagements[..] else { panic!("one runs") };
    assert_eq!((&*work.hospital, work.contact.clone()), ("chu-rouen", Some(contact())));
    let by_officer = view(&mut watched.client, Role::Officer, "anna", "p1").await.unwrap();
    assert_eq!(by_officer.engagements[0].contact, Some(contact()));
    let by_auditor = view(&mut watched.client, Role::Auditor, "otto", "p1").await.unwrap();
    assert_eq!((&*by_auditor.engagements[0].hospital, by_auditor.engagements[0].contact.clone()), ("chu-rouen", None));

    let then = watched.story.head();
    watched.story.complete(1, 9);
    watched.goes_on().await;
    assert_eq!(view(&mut watched.client, Role::Provider, "p1", "").await.unwrap().engagements, []);
    let asked = GetProviderViewRequest { read_at: as_of(then), provider: String::new() };
    let looked_back = watched.client.get_provider_view(call(Role::Provider, "p1", asked)).await.unwrap().into_inner();
    let [work] = &looked_back.view.unwrap().engagements[..] else { panic!("one ran then") };
    assert_eq!(
        (&*work.request, &*work.hospital, work.contact.clone()),
        ("r-1", "", None),
        "looking back opens nothing"
    );
}

#[tokio::test]
async fn another_provider_is_not_there_and_whoever_is_none_must_name_one() {
    let mut watched = Watched::new(Story::with(&["p1", "p2"])).await;
    let client = &mut watched.client;
    assert_eq!(reason(&view(client, Role::Provider, "p1", "p2").await.unwrap_err()), "NOT_FOUND");
    assert_eq!(reason(&view(client, Role::Provider, "p9", "").await.unwrap_err()), "NOT_FOUND");
    assert_eq!(reason(&view(client, Role::Officer, "anna", "").await.unwrap_err()), "UNREADABLE_FIELDS");
    assert_eq!(reason(&view(client, Role::Hospital, "chu-rouen", "p1").await.unwrap_err()), "DENIED");
}

#[tokio::test]
async fn figures_are_for_those_who_evaluate() {
    let mut story = Story::begin();
    story.submitted("r-1", facts()).assess("r-1").wait(90).answer("r-1", Outcome::Refused).submitted("r-2", facts());
    let last = story.now;
    story.open("r-3", spain());
    let mut watched = Watched::new(story).await;
    let asked = |from| GetStatisticsRequest { read_at: None, from, until: None };
    let found = watched.client.get_statistics(call(Role::Commission, "carla", asked(None))).await.unwrap();
    let statistics = found.into_inner().statistics.unwrap();
    assert_eq!((statistics.requests, statistics.refused, statistics.answered_late), (2, 1, 0));
    let only_last = asked(Some(timestamp(last)));
    let found = watched.client.get_statistics(call(Role::Auditor, "otto", only_last)).await.unwrap();
    assert_eq!(found.into_inner().statistics.unwrap().requests, 1);
    watched.rig.clock.advance(Duration::from_hours(48));
    let found = watched.client.get_statistics(call(Role::Officer, "anna", asked(None))).await.unwrap();
    assert_eq!(found.into_inner().statistics.unwrap().answered_late, 1, "not answered though the time is over");
    for (role, by) in [(Role::Hospital, "chu-rouen"), (Role::Authority, "csirt-fr"), (Role::Provider, "p1")] {
        let denied = watched.client.get_statistics(call(role, by, asked(None))).await.unwrap_err();
        assert_eq!(reason(&denied), "DENIED", "{role}");
    }
}

#[tokio::test]
async fn everybody_may_know_how_muster_stands() {
    let mut watched = Watched::new(Story::with(&["p1"])).await;
    for role in [Role::Hospital, Role::Provider, Role::Operator, Role::Auditor] {
        let status = watched.client.get_status(call(role, "somebody", GetStatusRequest {})).await.unwrap().into_inner();
        assert_eq!(
            (&*status.realm, status.speed, &*status.version, &*status.journal),
            ("drill", 60, "0.1.0", "memory")
        );
        assert_eq!(status.head, Some(watched.story.head().into()));
        assert_eq!(status.now, Some(timestamp(watched.story.now)));
        let [monitor] = &status.roles[..] else { panic!("one role") };
        assert_eq!((&*monitor.role, monitor.ready, &*monitor.trouble), ("monitor", true, ""));
        let [accepted] = &status.unsafe_settings[..] else { panic!("one setting") };
        assert_eq!((&*accepted.name, accepted.accepted), ("memory", true));
    }
}

#[tokio::test]
async fn which_request_is_late_is_told_to_whoever_sees_every_request() {
    let mut story = Story::with(&["p1"]);
    story.submitted("r-1", facts()).wait(4);
    let mut watched = Watched::new(story).await;
    let (what, which) = ("a submitted request is not assessed", "a submitted request is not assessed: r-1");
    let told =
        [(Role::Officer, Some(which)), (Role::Operator, Some(what)), (Role::Hospital, None), (Role::Provider, None)];
    for (role, told) in told {
        let status = watched.client.get_status(call(role, "somebody", GetStatusRequest {})).await.unwrap().into_inner();
        assert_eq!(status.late.first().map(|late| &*late.what), told, "{role}");
        for late in status.late {
            assert_eq!(late.late_by.unwrap().seconds, 3, "four minutes of this realm's are nearly four seconds");
        }
    }
}

#[tokio::test]
async fn a_read_shows_the_write_whose_position_it_names() {
    let mut watched = Watched::new(Story::begin()).await;
    let position = watched.story.open("r-1", facts()).head();
    watched.goes_on().await;
    let asked = |sequence| {
        let at_least = Some(muster_api::r#type::v1::Position { sequence, index: 0 });
        GetRequestPageRequest { read_at: Some(ReadAt { as_of: None, at_least }), request: "r-1".to_owned() }
    };
    let shown = watched.client.get_request_page(call(Role::Officer, "anna", asked(position.sequence))).await.unwrap();
    assert_eq!(shown.into_inner().page.unwrap().card.unwrap().number, "R-1");
}
