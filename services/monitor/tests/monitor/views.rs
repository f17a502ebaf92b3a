//! What is shown of a request on its way, by table.

use std::{collections::BTreeSet, time::Duration};

use muster_api::{monitor::v1, r#type::v1::Clock};
use muster_domain::{
    codes::{Country, Nuts, ServiceId},
    dispatch::{desk, events::Stage},
    eligibility::events::Outcome,
    intake::events::{CloseReason, Facts, Needs},
    kernel::{ProviderId, Role, Timestamp},
};
use muster_edge::{wire::fields::timestamp, work::Eyes};
use muster_monitor::views::ledger;

use crate::story::{START, Story, actor, after, facts, id, milder, offer, provider};

const R: &str = "r-7f3a";

fn card(story: &Story, request: &str, now: Timestamp) -> v1::Card {
    let (monitor, _) = story.read();
    monitor.known(&id(request)).unwrap().card(now)
}

fn page(story: &Story, request: &str, now: Timestamp) -> v1::RequestPage {
    let (monitor, _) = story.read();
    let known = monitor.known(&id(request)).unwrap();
    known.page(now, Eyes::All, known.case.linked().map(ToString::to_string))
}

/// Lane, state, turn, next clock.
fn stands(story: &Story, request: &str) -> (String, String, String, String) {
    let card = card(story, request, story.now);
    (card.lane, card.state, card.turn, card.next_clock.map(|clock| clock.name).unwrap_or_default())
}

fn told(lane: &str, state: &str, turn: &str, clock: &str) -> (String, String, String, String) {
    (lane.to_owned(), state.to_owned(), turn.to_owned(), clock.to_owned())
}

type Step = fn(&mut Story) -> &mut Story;

#[test]
fn a_request_goes_over_the_board_from_the_call_to_the_report() {
    let mut story = Story::with(&["p1"]);
    let steps: [(Step, [&str; 4]); 15] = [
        (|s| s.open(R, facts()), ["intake", "opened", "authority", ""]),
        (|s| s.send_back(R, "csirt-fr"), ["intake", "returned", "hospital", ""]),
        (|s| s.endorse(R, "csirt-fr"), ["endorsed", "endorsed", "spoc", ""]),
        (|s| s.submit(R, "csirt-fr"), ["submitted", "submitted", "", "answer"]),
        (|s| s.assess(R), ["assessed", "assessed", "officer", "answer"]),
        (|s| s.answer(R, Outcome::PartlyGranted), ["answered", "partly-granted", "", ""]),
        (|s| s.take_grant(R), ["offered", "offered", "provider", "offer"]),
        (|s| s.accept(1), ["engaged", "engaged", "provider", "mobilise-by"]),
        (|s| s.stage(1, Stage::OnTask), ["engaged", "engaged", "provider", ""]),
        (|s| s.days(1, 5), ["engaged", "engaged", "provider", ""]),
        (|s| s.stage(1, Stage::Recovering), ["engaged", "engaged", "provider", ""]),
        (|s| s.complete(1, 9), ["engaged", "engaged", "", ""]),
        (|s| s.end_support(R), ["reporting", "support-ended", "authority", "summary-report"]),
        (|s| s.wait(60), ["reporting", "support-ended", "authority", "summary-report"]),
        (|s| s.report(R), ["closed", "closed", "", ""]),
    ];
    for (step, [lane, state, turn, clock]) in steps {
        step(&mut story).wait(1);
        assert_eq!(stands(&story, R), told(lane, state, turn, clock));
    }
    let card = card(&story, R, story.now);
    assert_eq!((&*card.number, &*card.hospital, &*card.priority), ("R-1", "chu-rouen", "P1"));
    assert_eq!((card.packages, card.packages_offered, card.packages_engaged), (1, 0, 1));
    assert_eq!(card.opened_at, Some(timestamp(START)));
}

#[test]
fn every_other_end_is_shown_as_what_it_is() {
    let ends: [(Step, [&str; 3]); 5] = [
        (|s| s.open(R, facts()).withdraw(R), ["closed", "withdrawn", ""]),
        (|s| s.submitted(R, facts()).withdraw(R), ["closed", "withdrawn", ""]),
        (|s| s.submitted(R, facts()).assess(R).answer(R, Outcome::Refused), ["answered", "refused", ""]),
        (
            |s| s.submitted(R, facts()).assess(R).answer(R, Outcome::Refused).close(R, CloseReason::Refused),
            ["closed", "refused", ""],
        ),
        (|s| s.granted(R, facts()).close(R, CloseReason::Unserved), ["closed", "closed", ""]),
    ];
    for (end, [lane, state, turn]) in ends {
        let mut story = Story::begin();
        end(&mut story);
        assert_eq!(stands(&story, R), told(lane, state, turn, ""));
    }
}

#[test]
fn cert_eu_submits_itself_so_it_is_its_turn() {
    let mut story = Story::begin();
    story.open(R, facts()).endorse(R, "cert-eu");
    assert_eq!(stands(&story, R).2, "authority");
}

#[test]
fn a_package_that_nobody_takes_is_an_officers_turn() {
    let mut story = Story::with(&["p1"]);
    story.granted(R, facts()).decline(1);
    assert!(story.is_escalated("r-7f3a-p1"));
    assert_eq!(stands(&story, R), told("answered", "waiting", "officer", ""));
    assert!(card(&story, R, story.now).escalated);
    let page = page(&story, R, story.now);
    let [line] = &page.packages[..] else { panic!("one package") };
    assert_eq!((&*line.state, line.escalation.len(), line.pending_offers.len()), ("waiting", 1, 0));
}

#[test]
fn two_packages_are_shown_by_the_one_that_has_come_least_far() {
    let only = |name: &str, service: &str| {
        let mut provider = provider(name);
        provider.contracts[0].services = BTreeSet::from([ServiceId::parse(service).unwrap()]);
        provider
    };
    let mut story = Story::begin();
    for provider in [only("p1", "isim.forensics"), only("p2", "isim.mitigation-recovery")] {
        story.dispatch(desk::Command::TakeProvider(provider), &actor(Role::System, "desk"));
    }
    story.granted(R, facts()).accept(1);
    let card = card(&story, R, story.now);
    assert_eq!((card.packages, card.packages_offered, card.packages_engaged), (2, 1, 1));
    assert_eq!(stands(&story, R), told("offered", "offered", "provider", "offer"));
    story.decline(2);
    assert_eq!(stands(&story, R), told("answered", "waiting", "officer", "mobilise-by"));
    let states: Vec<_> = page(&story, R, story.now).packages.into_iter().map(|line| line.state).collect();
    assert_eq!(states, ["engaged", "waiting"]);
}

#[test]
fn the_page_tells_everything_in_order_and_the_newest_work_first() {
    let mut story = Story::with(&["p1", "p2"]);
    story.granted(R, milder()).wait(1).decline(1).wait(1).accept(2);
    let page = page(&story, R, story.now);
    let types: Vec<_> = page.story.iter().map(|line| line.event_type.as_str()).collect();
    assert_eq!(
        types,
        [
            "intake.request.opened",
            "intake.request.endorsed",
            "intake.request.submitted",
            "eligibility.assessment.assessed",
            "eligibility.assessment.decided",
            "dispatch.desk.grant-taken",
            "dispatch.desk.offered",
            "dispatch.desk.declined",
            "dispatch.desk.offered",
            "dispatch.desk.accepted",
        ]
    );
    let by: Vec<_> = page.story.iter().map(|line| line.by.as_str()).collect();
    let expected =
        ["hospital", "authority", "spoc", "system", "officer", "system", "system", "provider", "system", "provider"];
    assert_eq!(by, expected, "what follows from a decline is not the provider's doing");
    assert!(page.story.iter().is_sorted_by_key(|line| line.position.unwrap().sequence));
    let offers: Vec<_> = page.offers.iter().map(|offer| (offer.offer.as_str(), offer.status.as_str())).collect();
    assert_eq!(offers, [("o-2", "accepted"), ("o-1", "declined")]);
    assert_eq!(page.engagements.len(), 1);
    assert_eq!((page.gates.len(), page.bands.len()), (5, 5));
    let decision = page.decision.unwrap();
    assert_eq!((&*decision.outcome, &*decision.decided_by), ("granted", "officer"));
    assert!(page.why.iter().any(|line| line.starts_with("granted (Art 16(1))")), "{:?}", page.why);
    assert_eq!(page.contact, None);
    assert_eq!(page.route.unwrap().spoc, "spoc-fr");
}

fn status(clocks: &[Clock], name: &str) -> Option<String> {
    clocks.iter().find(|clock| clock.name == name).map(|clock| clock.status.clone())
}

#[test]
fn the_answer_is_on_track_at_risk_breached_or_met() {
    let mut story = Story::begin();
    story.submitted(R, facts()).assess(R);
    for (hours, expected) in [(0, "on-track"), (24, "at-risk"), (48, "breached")] {
        let now = story.now.plus(Duration::from_hours(hours));
        assert_eq!(card(&story, R, now).next_clock.unwrap().status, expected);
    }
    story.wait(60).answer(R, Outcome::Refused);
    let late = story.now.plus(Duration::from_hours(72));
    assert_eq!(status(&page(&story, R, late).clocks, "answer").as_deref(), Some("met"));
}

#[test]
fn a_clock_that_nobody_needs_any_more_is_not_shown() {
    let mut story = Story::begin();
    story.submitted(R, facts()).wait(60).withdraw(R);
    let clocks = page(&story, R, story.now.plus(Duration::from_hours(90))).clocks;
    assert_eq!(status(&clocks, "answer"), None, "withdrawn in time");
    let mut story = Story::begin();
    story.submitted(R, facts()).wait(49 * 60).withdraw(R);
    assert_eq!(status(&page(&story, R, story.now).clocks, "answer").as_deref(), Some("breached"));
}

#[test]
fn offers_and_starts_have_clocks_of_their_own() {
    let mut story = Story::with(&["p1", "p2"]);
    story.granted(R, facts()).wait(1).decline(1).wait(1).accept(2);
    let clocks = page(&story, R, story.now).clocks;
    let names: Vec<_> = clocks.iter().map(|clock| (clock.name.as_str(), clock.status.as_str())).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            ("answer", "met"),
            ("mobilise-by", "on-track"),
            ("nis2-early-warning", "on-track"),
            ("nis2-final-report", "on-track"),
            ("nis2-notification", "on-track"),
            ("offer", "met"),
            ("offer", "met"),
        ]
    );
    assert!(clocks.is_sorted_by_key(|clock| clock.due_at.unwrap().seconds));
    let late = page(&story, R, after(60 * 24 * 3)).clocks;
    assert_eq!(status(&late, "mobilise-by").as_deref(), Some("breached"));
    story.stage(2, Stage::OnTask);
    let late = page(&story, R, after(60 * 24 * 3)).clocks;
    assert_eq!(status(&late, "mobilise-by").as_deref(), Some("met"));
}

#[test]
fn an_offer_that_ran_out_was_breached_and_one_taken_back_never_counted() {
    let mut story = Story::with(&["p1"]);
    story.granted(R, facts()).wait(24 * 60).wake();
    assert_eq!(status(&page(&story, R, story.now).clocks, "offer").as_deref(), Some("breached"));
    let mut story = Story::with(&["p1"]);
    story.granted(R, facts()).withdraw(R);
    story.dispatch(desk::Command::TakeWithdrawal(id(R)), &actor(Role::System, "desk"));
    assert_eq!(status(&page(&story, R, story.now).clocks, "offer"), None);
}

#[test]
fn a_clock_that_starts_with_the_day_says_so() {
    let mut story = Story::begin();
    let precision = muster_domain::intake::events::Precision::Day;
    story.open(R, Facts { detected_precision: precision, ..facts() });
    let clocks = page(&story, R, story.now).clocks;
    assert!(clocks.iter().all(|clock| clock.approximate && clock.owner == "hospital"), "{clocks:?}");
}

#[test]
fn linked_requests_know_of_one_another() {
    let mut story = Story::begin();
    story.open("r-1", facts()).open("r-2", facts());
    let link = muster_domain::intake::request::Command::Link { to: id("r-1") };
    story.intake("r-2", link, &actor(Role::System, "intake"));
    assert_eq!(page(&story, "r-1", story.now).linked, ["r-2"]);
    assert_eq!(page(&story, "r-2", story.now).linked, ["r-1"]);
}

#[test]
fn a_request_is_found_by_its_id_and_by_its_number() {
    let mut story = Story::begin();
    story.open("r-b", facts()).open("r-a", facts());
    let (monitor, _) = story.read();
    for (name, found) in [("R-1", Some("r-b")), ("R-2", Some("r-a")), ("r-a", Some("r-a"))] {
        assert_eq!(monitor.find(name).map(|id| id.as_str()), found, "{name}");
    }
    for name in ["R-0", "R-3", "R-", "R-x", "R-99999999999999999999", "r-c", "", "Ä"] {
        assert_eq!(monitor.find(name), None, "{name}");
    }
}

#[test]
fn the_ledger_adds_up_at_every_step() {
    let mut story = Story::with(&["p1"]);
    let p1 = ProviderId::parse("p1").unwrap();
    let line = |story: &Story| {
        let (monitor, _) = story.read();
        let [line] = ledger::lines(&p1, monitor.work()).try_into().unwrap();
        let line: v1::LedgerLine = line;
        let (teams, onsite, days) = (line.teams.unwrap(), line.onsite_teams.unwrap(), line.days.unwrap());
        assert_eq!(teams.total, teams.offered + teams.engaged + teams.free);
        assert_eq!(onsite.total, onsite.offered + onsite.engaged + onsite.free);
        assert_eq!(days.total, days.held + days.reserved + days.used + days.free);
        let days = [days.held, days.reserved, days.used, days.pre_committed_left];
        ([teams.offered, teams.engaged], [onsite.offered, onsite.engaged], days)
    };
    assert_eq!(line(&story), ([0, 0], [0, 0], [0, 0, 0, 30]));
    story.granted(R, facts());
    assert_eq!(line(&story), ([2, 0], [1, 0], [40, 0, 0, 30]));
    story.accept(1);
    assert_eq!(line(&story), ([0, 2], [0, 1], [0, 40, 0, 30]));
    story.stage(1, Stage::OnTask).days(1, 12);
    assert_eq!(line(&story), ([0, 2], [0, 1], [0, 28, 12, 18]), "days bought ahead are used first");
    story.complete(1, 33);
    assert_eq!(line(&story), ([0, 0], [0, 0], [0, 0, 33, 0]));
}

#[test]
fn a_provider_sees_its_open_offers_its_work_and_its_clocks() {
    let mut story = Story::with(&["p1"]);
    let needs = Needs { onsite_teams: 0, ..facts().needs };
    let remote = Facts { needs, ..facts() };
    story
        .granted("r-1", remote.clone())
        .granted("r-2", remote.clone())
        .granted("r-3", remote)
        .accept(1)
        .wait(1)
        .accept(2);
    let (monitor, _) = story.read();
    let p1 = ProviderId::parse("p1").unwrap();
    let eyes = monitor.work().sight(&actor(Role::Provider, "p1"));
    let view = ledger::provider_view(&p1, monitor.work(), &eyes, story.now).unwrap();
    assert_eq!((&*view.name, view.suspended, view.ledger.len()), ("p1 (invented)", false, 1));
    let [open] = &view.offers[..] else { panic!("one is open") };
    assert_eq!((&*open.offer, &*open.hospital, open.considered.len()), (offer(3).as_str(), "", 0));
    let running: Vec<_> = view.engagements.iter().map(|engagement| engagement.offer.as_str()).collect();
    assert_eq!(running, ["o-2", "o-1"]);
    let clocks: Vec<_> = view.clocks.iter().map(|clock| clock.name.as_str()).collect();
    assert_eq!(clocks, ["offer", "mobilise-by", "mobilise-by"]);
    assert!(ledger::provider_view(&ProviderId::parse("p9").unwrap(), monitor.work(), &eyes, story.now).is_none());
}

#[test]
fn figures_are_counted_for_any_period() {
    let mut story = Story::with(&["p1"]);
    story.granted("r-1", facts()).wait(10).accept(1).wait(60).stage(1, Stage::OnTask).days(1, 3).wait(600);
    let middle = story.now;
    story.submitted("r-2", facts()).assess("r-2").wait(30).answer("r-2", Outcome::Refused);
    let spain = Facts { country: Country::parse("ES").unwrap(), nuts: vec![Nuts::parse("ES511").unwrap()], ..facts() };
    story.open("r-3", spain);
    let (monitor, progress) = story.read();
    let all = monitor.tally().tell(progress.log_time);
    assert_eq!((all.requests, all.granted, all.refused, all.answered_in_time, all.days_used), (2, 1, 1, 2, 3));
    let deploy = all.time_to_deploy.unwrap();
    assert_eq!((deploy.count, deploy.median.unwrap().seconds), (1, 71 * 60), "from the grant to the first on task");
    let respond = all.time_to_respond.unwrap();
    assert_eq!((respond.count, respond.median.unwrap().seconds, respond.longest.unwrap().seconds), (2, 60, 1800));
    let forensics = all.by_service.iter().find(|uptake| uptake.what == "isim.forensics").unwrap();
    assert_eq!((forensics.requested, forensics.granted, forensics.deployed), (2, 1, 1));
    let count = |from, until| monitor.tally_between(from, until).tell(story.now).requests;
    assert_eq!((count(Some(middle), None), count(None, Some(middle)), count(None, None)), (1, 1, 2));
    assert_eq!(monitor.tally_between(None, None), *monitor.tally(), "counted as they came, and anew");
}

#[test]
fn what_was_shown_live_is_what_is_shown_of_that_moment_later() {
    let story = Story::whole(R);
    let (mut live, mut reader) =
        <(muster_monitor::views::Monitor, muster_journal::engine::follower::Reader)>::default();
    for record in &story.records {
        reader
            .take(record, |seen, _| {
                seen.iter().for_each(|seen| muster_journal::engine::follower::Fold::fold(&mut live, seen))
            })
            .unwrap();
        assert!(live == story.read_to(record.sequence).0, "at {}", record.sequence);
    }
}
