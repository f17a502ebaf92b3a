//! How answers look: whole outputs, and the same as JSON.

use std::time::Duration;

use muster::cli::{
    json::{self, Json},
    look::{Look, span},
    show::Show,
};
use muster::exit::Exit;
use muster_api::{
    dispatch::v1::{GetOfferResponse, ListEngagementsResponse, ListOffersResponse},
    eligibility::v1::{CompareRequestsResponse, GetPolicyResponse, Policy, PolicyProposal},
    event::v1::RequestWithdrawn,
    monitor::v1::{
        Card, Days, GetBoardResponse, GetLedgerResponse, GetRequestPageResponse, GetStatusResponse, Late, LedgerLine,
        ListEventsResponse, LogEntry, PackageLine, RequestPage, RoleStatus, StateCount, StoryLine, Teams,
    },
    r#type::v1::{
        Candidate, Clock, Contact, Cut, Decision, Engagement, Entity, Facts, Impact, Needs, Offer, Package, Position,
        Route, Terms,
        candidate::{Dropped, Fit, Standing},
    },
};
use muster_domain::kernel::Timestamp;
use muster_edge::wire::fields::{duration, timestamp};

fn at(time: &str) -> Timestamp {
    Timestamp::from_millis(time.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn wire(time: &str) -> Option<prost_types::Timestamp> {
    Some(timestamp(at(time)))
}

fn hours(hours: u64) -> Option<prost_types::Duration> {
    Some(duration(Duration::from_hours(hours)))
}

fn look() -> Look {
    Look { now: at("2026-11-02T08:00:00Z"), colour: false }
}

/// Compares with a text whose every line begins with `|`.
#[track_caller]
fn same(told: &str, expected: &str) {
    let expected: String = expected
        .lines()
        .map(str::trim_start)
        .filter_map(|line| line.strip_prefix('|'))
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(told, expected, "\n{told}");
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}

fn place(sequence: u64) -> Option<Position> {
    Some(Position { sequence, index: 0 })
}

fn clock(name: &str, owner: &str, due: &str, status: &str) -> Clock {
    Clock {
        name: name.to_owned(),
        owner: owner.to_owned(),
        starts_at: None,
        due_at: wire(due),
        status: status.to_owned(),
        approximate: false,
    }
}

fn card() -> Card {
    Card {
        request: "3f1c".to_owned(),
        number: "R-12".to_owned(),
        lane: "offered".to_owned(),
        state: "offered".to_owned(),
        hospital: "linde".to_owned(),
        hospital_name: "Kliniek De Linde".to_owned(),
        country: "BE".to_owned(),
        priority: "P1".to_owned(),
        next_clock: Some(clock("offer", "provider", "2026-11-02T08:30:00Z", "on-track")),
        turn: "provider".to_owned(),
        packages: 2,
        packages_offered: 1,
        packages_engaged: 0,
        tlp: "TLP:AMBER".to_owned(),
        ..Card::default()
    }
}

fn package() -> Package {
    Package {
        package: "3f1c-p1".to_owned(),
        services: texts(["isim.forensics"]),
        remote_teams: 1,
        onsite_teams: 2,
        person_days: 30,
        lead: true,
    }
}

fn offer() -> Offer {
    Offer {
        offer: "o-9".to_owned(),
        status: "pending".to_owned(),
        package: Some(package()),
        duration: hours(14 * 24),
        incident_class: "malicious-code".to_owned(),
        country: "BE".to_owned(),
        languages: texts(["nl", "fr"]),
        priority: "P1".to_owned(),
        offered_at: wire("2026-11-02T08:00:00Z"),
        expires_at: wire("2026-11-02T08:30:00Z"),
        provider: "s05".to_owned(),
        contract: "c1".to_owned(),
        request: "3f1c".to_owned(),
        hospital: "linde".to_owned(),
        considered: vec![
            Candidate {
                provider: "s05".to_owned(),
                standing: Some(Standing::Fit(Fit {
                    start_minutes: 180,
                    languages_missing: 0,
                    health_gap: 95,
                    load_percent: 50,
                    draw: 7,
                })),
            },
            Candidate {
                provider: "s01".to_owned(),
                standing: Some(Standing::Dropped(Dropped {
                    rule: "language".to_owned(),
                    because: "speaks none of nl".to_owned(),
                })),
            },
        ],
        ..Offer::default()
    }
}

#[test]
fn the_board_is_a_table_with_the_time_left() {
    let late = Card {
        request: "77aa".to_owned(),
        number: "R-3".to_owned(),
        state: "assessed".to_owned(),
        hospital_name: "Hafenklinik Süd".to_owned(),
        country: "DE".to_owned(),
        priority: "P2".to_owned(),
        next_clock: Some(clock("answer", "officer", "2026-11-02T07:48:00Z", "breached")),
        turn: "officer".to_owned(),
        packages: 0,
        escalated: true,
        ..card()
    };
    let counts = [("assessed", 1), ("offered", 1)].map(|(state, count)| StateCount { state: state.to_owned(), count });
    let board = GetBoardResponse {
        as_of: place(57),
        now: wire("2026-11-02T08:00:00Z"),
        cards: vec![late, card()],
        counts: counts.into(),
        next_page_token: String::new(),
    };
    same(
        &board.text(look()),
        "|REQUEST  PRIORITY  STATE                HOSPITAL          COUNTRY  NEXT CLOCK                   TURN
         |R-3      P2        assessed, escalated  Hafenklinik Süd   DE       answer 12 min ago, breached  officer
         |R-12     P1        offered 1/2          Kliniek De Linde  BE       offer in 30 min, on-track    provider
         |1 assessed, 1 offered",
    );
    assert_eq!(board.ids(), ["77aa", "3f1c"]);
    assert_eq!(board.now(), Some(look().now));
    same(&GetBoardResponse::default().text(look()), "|no request on the board");
}

fn facts() -> Facts {
    Facts {
        incident: "BE-1".to_owned(),
        detected_at: wire("2026-11-01T20:45:00Z"),
        detected_precision: "minute".to_owned(),
        country: "BE".to_owned(),
        nuts: texts(["BE10"]),
        languages: texts(["nl", "fr"]),
        entity: Some(Entity {
            name: "Kliniek De Linde".to_owned(),
            kind: "clinic".to_owned(),
            annex: "I".to_owned(),
            category: "essential".to_owned(),
            size: "large".to_owned(),
        }),
        incident_types: texts(["malicious-code/infected-system"]),
        class_claimed: "significant".to_owned(),
        impact: Some(Impact {
            hospitals_affected: Some(1),
            emergency: "diverted".to_owned(),
            records_unavailable: Some(true),
            services_restored: None,
            data_breach: Some(false),
            ransom_demanded: None,
        }),
        spillover: "low".to_owned(),
        affected: texts(["BE", "NL"]),
        needs: Some(Needs {
            services: texts(["isim.forensics", "x.backup-restore"]),
            remote_teams: 1,
            onsite_teams: 2,
            person_days: 45,
            duration: None,
        }),
        measures: texts(["isolation"]),
        tlp: "TLP:AMBER".to_owned(),
        ..Facts::default()
    }
}

fn decision() -> Decision {
    Decision {
        outcome: "partly-granted".to_owned(),
        terms: Some(Terms {
            services: texts(["isim.forensics"]),
            remote_teams: 1,
            onsite_teams: 2,
            person_days: 30,
            duration: hours(14 * 24),
        }),
        cuts: vec![Cut { what: "x.backup-restore".to_owned(), reason: "done by the hospital".to_owned() }],
        reason: "severe".to_owned(),
        decided_at: wire("2026-11-02T07:59:00Z"),
        decided_by: "officer".to_owned(),
        by_policy: None,
    }
}

fn story() -> StoryLine {
    StoryLine {
        position: place(3),
        at: wire("2026-11-02T06:00:00Z"),
        by: "hospital".to_owned(),
        text: "The hospital asked for help.".to_owned(),
        event_type: "intake.request.opened".to_owned(),
    }
}

fn page() -> RequestPage {
    let escalated = PackageLine {
        package: Some(Package { package: "3f1c-p2".to_owned(), lead: false, ..package() }),
        state: "waiting".to_owned(),
        escalation: offer().considered,
        ..PackageLine::default()
    };
    RequestPage {
        card: Some(card()),
        facts: Some(facts()),
        contact: Some(Contact {
            name: "duty".to_owned(),
            phone: "+32".to_owned(),
            narrative: "No IT.\nHelp.".to_owned(),
            ..Contact::default()
        }),
        route: Some(Route {
            authority: "ccb".to_owned(),
            kind: "csirt".to_owned(),
            country: "BE".to_owned(),
            spoc: "spoc-be".to_owned(),
        }),
        story: vec![story()],
        why: texts(["incident class: pass (Art 15(1)): severe disruption"]),
        decision: Some(decision()),
        packages: vec![
            PackageLine { package: Some(package()), state: "offered".to_owned(), ..PackageLine::default() },
            escalated,
        ],
        offers: vec![offer()],
        clocks: vec![clock("offer", "provider", "2026-11-02T08:30:00Z", "on-track")],
        linked: texts(["R-7"]),
        ..RequestPage::default()
    }
}

#[test]
fn a_page_tells_everything_about_a_request() {
    let page = GetRequestPageResponse { as_of: place(57), now: wire("2026-11-02T08:00:00Z"), page: Some(page()) };
    assert_eq!(page.text(look()), include_str!("../files/page.txt"));
}

#[test]
fn an_offer_says_what_is_asked_and_who_was_considered() {
    same(
        &GetOfferResponse { as_of: None, offer: Some(offer()) }.text(look()),
        "|o-9  pending  P1
         |work       malicious-code in BE
         |languages  nl, fr
         |services   isim.forensics
         |effort     1 remote team, 2 on-site teams, 30 person-days
         |lead       yes
         |for        14 d
         |provider   s05, contract c1
         |request    3f1c
         |hospital   linde
         |offered    2026-11-02 08:00Z
         |answer by  2026-11-02 08:30Z (in 30 min)
         |
         |Considered
         |  s05  fit       starts in 3 h, lacks 0 languages, health gap 95, load 50 %, draw 7
         |  s01  language  speaks none of nl",
    );
    let declined = Offer {
        offer: "o-8".to_owned(),
        status: "declined".to_owned(),
        provider: "s04".to_owned(),
        ended_at: wire("2026-11-02T07:30:00Z"),
        reason: "time".to_owned(),
        package: Some(Package { remote_teams: 1, onsite_teams: 0, person_days: 1, ..package() }),
        extra: true,
        ..offer()
    };
    same(
        &ListOffersResponse { offers: vec![declined], ..ListOffersResponse::default() }.text(look()),
        "|OFFER  STATUS           PROVIDER  PRIORITY  COUNTRY  ASKS FOR                     ANSWER
         |o-8    declined, extra  s04       P1        BE       1 remote team, 1 person-day  2026-11-02 07:30Z, time",
    );
}

#[test]
fn engagements_say_what_comes_next() {
    let mobilising = Engagement {
        offer: "o-9".to_owned(),
        stage: "mobilising".to_owned(),
        provider: "s05".to_owned(),
        hospital_name: "Kliniek De Linde".to_owned(),
        country: "BE".to_owned(),
        mobilise_by: wire("2026-11-02T13:00:00Z"),
        days_reserved: 30,
        ..Engagement::default()
    };
    let on_task = Engagement {
        offer: "o-4".to_owned(),
        stage: "on-task".to_owned(),
        ends_at: wire("2026-11-05T20:00:00Z"),
        days_used: 4,
        ..mobilising.clone()
    };
    let released = Engagement {
        offer: "o-2".to_owned(),
        stage: "released".to_owned(),
        ended_at: wire("2026-11-01T20:00:00Z"),
        reason: "not-mobilised".to_owned(),
        ..mobilising.clone()
    };
    let engagements = vec![mobilising, on_task, released];
    same(
        &ListEngagementsResponse { engagements, ..ListEngagementsResponse::default() }.text(look()),
        "|OFFER  STAGE       PROVIDER  HOSPITAL          COUNTRY  DAYS     NEXT
         |o-9    mobilising  s05       Kliniek De Linde  BE       0 of 30  on task in 5 h
         |o-4    on-task     s05       Kliniek De Linde  BE       4 of 30  ends in 3 d 12 h
         |o-2    released    s05       Kliniek De Linde  BE       0 of 30  ended 2026-11-01 20:00Z, not-mobilised",
    );
}

#[test]
fn the_ledger_says_what_is_free_and_where_the_rest_is() {
    let line = LedgerLine {
        provider: "s05".to_owned(),
        contract: "c1".to_owned(),
        until: wire("2027-01-01T00:00:00Z"),
        suspended: true,
        teams: Some(Teams { total: 2, offered: 1, engaged: 0, free: 1 }),
        onsite_teams: Some(Teams { total: 2, offered: 1, engaged: 0, free: 1 }),
        days: Some(Days {
            total: 240,
            held: 30,
            reserved: 0,
            used: 10,
            free: 200,
            pre_committed: 100,
            pre_committed_left: 90,
        }),
        ..LedgerLine::default()
    };
    same(
        &GetLedgerResponse { as_of: None, lines: vec![line] }.text(look()),
        "|PROVIDER         CONTRACT  TEAMS FREE  ON SITE FREE  DAYS FREE   HELD  RESERVED  USED  UNTIL
         |s05 (suspended)  c1        1 of 2      1 of 2        200 of 240  30    0         10    2027-01-01",
    );
}

fn policy() -> Policy {
    Policy {
        version: 2,
        grants: true,
        refuses: false,
        more_measures_rank_higher: true,
        duration: hours(30 * 24),
        offer_stands: [1, 1, 2, 4].map(|h| hours(h).unwrap()).into(),
        offer_width: vec![2, 1, 1, 1],
        mobilise_grace: hours(1),
    }
}

#[test]
fn a_policy_is_told_in_words() {
    let proposal = PolicyProposal {
        policy: Some(Policy { version: 3, grants: false, ..policy() }),
        proposed_by: "ada".to_owned(),
        lapses_at: wire("2026-11-09T08:00:00Z"),
    };
    let answer = GetPolicyResponse { as_of: None, in_force: Some(policy()), proposal: Some(proposal) };
    same(
        &answer.text(look()),
        "|in force
         |version          2
         |grants           grants by itself
         |refuses          no: a person refuses
         |more measures    rank higher in (e)
         |support lasts    30 d unless the request says
         |an offer stands  P1 1 h, P2 1 h, P3 2 h, P4 4 h
         |asked at once    P1 2, P2 1, P3 1, P4 1
         |late starts      work is taken back 1 h after the contract's time
         |
         |proposed by ada, until 2026-11-09 08:00Z
         |version          3
         |grants           no: a person grants
         |refuses          no: a person refuses
         |more measures    rank higher in (e)
         |support lasts    30 d unless the request says
         |an offer stands  P1 1 h, P2 1 h, P3 2 h, P4 4 h
         |asked at once    P1 2, P2 1, P3 1, P4 1
         |late starts      work is taken back 1 h after the contract's time",
    );
}

#[test]
fn two_requests_are_compared_in_words() {
    let answer = CompareRequestsResponse {
        as_of: None,
        ahead: "R-12".to_owned(),
        differs_in: "a".to_owned(),
        because: "band 4 before band 3".to_owned(),
        would_swap: texts(["band 4 for R-3 would swap them"]),
    };
    same(
        &answer.text(look()),
        "|R-12 comes first: they differ in a
         |band 4 before band 3
         |band 4 for R-3 would swap them",
    );
}

fn log() -> ListEventsResponse {
    let body = prost_types::Any::from_msg(&RequestWithdrawn { reason: "solved".to_owned() });
    let entry = LogEntry {
        position: place(4),
        subject: "muster.practice.intake.3f1c".to_owned(),
        event_type: "intake.request.withdrawn".to_owned(),
        version: 1,
        text: "The user no longer asks: solved.".to_owned(),
        body: body.ok(),
        recorded_at: wire("2026-11-02T06:00:05Z"),
        role: "hospital".to_owned(),
        principal: "linde".to_owned(),
        ..LogEntry::default()
    };
    ListEventsResponse { as_of: place(4), entries: vec![entry], next_page_token: String::new() }
}

#[test]
fn the_log_is_a_line_for_each_event() {
    same(
        &log().text(look()),
        "|4.0  2026-11-02 06:00:05Z  hospital:linde  intake.request.withdrawn  The user no longer asks: solved.",
    );
}

#[test]
fn the_status_says_what_stands_and_what_is_in_trouble() {
    let roles =
        [("intake", true, ""), ("dispatch", false, "behind the log")].map(|(role, ready, trouble)| RoleStatus {
            role: role.to_owned(),
            ready,
            position: place(57),
            behind: u64::from(!ready),
            trouble: trouble.to_owned(),
        });
    let status = GetStatusResponse {
        realm: "practice".to_owned(),
        now: wire("2026-11-02T08:00:00Z"),
        speed: 60,
        head: place(57),
        roles: roles.into(),
        version: "0.1.0".to_owned(),
        journal: "embedded".to_owned(),
        unsafe_settings: Vec::new(),
        late: vec![Late {
            what: "an offer's time is over, and it has not ended: o-3".to_owned(),
            due_at: wire("2026-11-02T07:00:00Z"),
            late_by: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        }],
        seen_late: 2,
    };
    same(
        &status.text(look()),
        "|muster 0.1.0, realm practice, it is 2026-11-02 08:00:00Z, 60 times as fast as system time
         |journal embedded, its head at 57.0
         |ROLE      SERVES  AT    BEHIND  TROUBLE
         |intake    yes     57.0  0
         |dispatch  no      57.0  1       behind the log
         |late by 1 min: an offer's time is over, and it has not ended: o-3
         |found late since this process started: 2",
    );
}

#[test]
fn colour_adds_nothing_but_colour() {
    let board = GetBoardResponse { cards: vec![card()], ..GetBoardResponse::default() };
    let coloured = board.text(Look { colour: true, ..look() });
    assert!(coloured.contains("\u{1b}[31mP1\u{1b}[0m"), "{coloured:?}");
    let plain: String = coloured
        .split('\u{1b}')
        .map(|part| part.split_once('m').filter(|(code, _)| code.starts_with('[')).map_or(part, |(_, rest)| rest))
        .collect();
    assert_eq!(plain, board.text(look()));
}

#[test]
fn times_are_short_and_say_how_far_away_they_are() {
    for (time, away) in [
        ("2026-11-02T08:00:00Z", "now"),
        ("2026-11-02T08:00:40Z", "in 40 s"),
        ("2026-11-02T08:12:59Z", "in 12 min"),
        ("2026-11-02T11:12:00Z", "in 3 h 12 min"),
        ("2026-11-02T11:00:00Z", "in 3 h"),
        ("2026-11-06T12:59:00Z", "in 4 d 4 h"),
        ("2026-11-02T07:59:30Z", "30 s ago"),
        ("2026-10-31T08:00:00Z", "2 d ago"),
    ] {
        assert_eq!(look().away(at(time)), away, "{time}");
    }
    assert_eq!(look().moment(at("2026-11-02T09:30:00Z")), "2026-11-02 09:30Z (in 1 h 30 min)");
    assert_eq!(span(Duration::ZERO), "0 s");
}

#[test]
fn json_is_the_messages_own_with_every_list_and_every_event() {
    let told: serde_json::Value = serde_json::from_str(&Json::of(&log()).unwrap().document().unwrap()).unwrap();
    let expected = serde_json::json!({
        "asOf": { "sequence": "4", "index": 0 },
        "entries": [{
            "position": { "sequence": "4", "index": 0 },
            "event": 0,
            "subject": "muster.practice.intake.3f1c",
            "eventType": "intake.request.withdrawn",
            "version": 1,
            "text": "The user no longer asks: solved.",
            "body": { "@type": "/muster.event.v1.RequestWithdrawn", "reason": "solved" },
            "recordedAt": "2026-11-02T06:00:05Z",
            "role": "hospital",
            "principal": "linde",
            "command": "",
            "causation": "",
            "correlation": "",
        }],
        "nextPageToken": "",
    });
    assert_eq!(told, expected);
    let empty = Json::of(&ListOffersResponse::default()).unwrap().line().unwrap();
    assert_eq!(empty, r#"{"offers":[],"nextPageToken":""}"#);
}

#[test]
fn a_policy_is_read_as_it_is_written_and_no_other_field() {
    let text = Json::of(&policy()).unwrap().document().unwrap();
    assert_eq!(json::read::<Policy>("policy.json", &text).unwrap(), policy());
    let by_the_names_of_proto = r#"{"version": 2, "offer_width": [2, 1, 1, 1]}"#;
    assert_eq!(json::read::<Policy>("policy.json", by_the_names_of_proto).unwrap().offer_width, [2, 1, 1, 1]);
    for (wrong, says) in [
        (r#"{"versoin": 2}"#, "policy.json is no Policy: unrecognized field name 'versoin' at line 1 column 10"),
        (r#"{"version": 2} x"#, "policy.json is no Policy: trailing characters at line 1 column 16"),
    ] {
        let failure = json::read::<Policy>("policy.json", wrong).unwrap_err();
        assert_eq!(Exit::from(&failure), Exit::Usage);
        assert_eq!(failure.told().lines().next().unwrap(), says);
    }
}
