//! How it ended: a table, the totals, and whether everything is as it should be.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use muster_api::{
    monitor::v1::{
        GetLedgerRequest, GetRequestPageRequest, GetStatisticsRequest, LedgerLine, ListEventsRequest, RequestPage,
        Statistics,
    },
    r#type::v1::{Engagement, Offer, Position, ReadAt, read_at::AsOf},
};

use muster_domain::kernel::Timestamp;

use super::{
    cast::Trouble,
    narrator::Line,
    play::{is_pending, state},
    stage::Stage,
    words::{moment, when},
};
use crate::cli::look::{Cell, Look, Table, Tone, span};

/// How a case should end: its answer, its state, and what must have happened on the way.
struct Ending {
    case: &'static str,
    outcome: &'static str,
    state: &'static str,
    /// How offers and engagements ended: each of these at least so often.
    ended: &'static [(&'static str, usize)],
}

const ENDINGS: [Ending; 8] = [
    Ending {
        case: "FR-2019-ROUEN",
        outcome: "granted",
        state: "closed",
        ended: &[("accepted", 1), ("lost", 1), ("completed", 1)],
    },
    Ending {
        case: "ES-2023-CLINIC",
        outcome: "partly-granted",
        state: "engaged",
        ended: &[("accepted", 2), ("released: failed", 1), ("on-task", 1)],
    },
    Ending { case: "NL-2023-UMCG-DDOS", outcome: "refused", state: "refused", ended: &[] },
    Ending {
        case: "IE-SYN-BRANNOC",
        outcome: "granted",
        state: "engaged",
        ended: &[("accepted", 1), ("recovering", 1)],
    },
    Ending {
        case: "PT-SYN-SERRA",
        outcome: "granted",
        state: "engaged",
        ended: &[("declined", 1), ("expired", 1), ("accepted", 1), ("on-task", 1)],
    },
    Ending {
        case: "EE-SYN-KADRI",
        outcome: "granted",
        state: "support-ended",
        ended: &[("accepted", 1), ("released: withdrawn", 1)],
    },
    Ending {
        case: "DE-SYN-LINDENFURT",
        outcome: "granted",
        state: "engaged",
        ended: &[("rescinded: higher-priority", 1), ("accepted", 1), ("on-task", 1)],
    },
    Ending {
        case: "AT-SYN-SILBERAU",
        outcome: "granted",
        state: "support-ended",
        ended: &[("accepted", 1), ("completed", 1)],
    },
];

/// Tells how it ended; gives the number of things that are not as they should be.
pub async fn tell(stage: &Stage) -> Result<usize, Trouble> {
    let newest = stage.newest().await?;
    let requests = stage.requests();
    let pages = try_join_all(requests.values().map(|request| page(stage, request, newest))).await?;
    let pages: BTreeMap<&str, RequestPage> = requests.keys().copied().zip(pages).collect();
    let statistics = statistics(stage, newest).await?;

    stage.narrator.say(Line::Heading("How it ended".to_owned()));
    for line in table(stage, &pages) {
        stage.narrator.say(line);
    }
    for (what, told) in totals(&pages, &statistics) {
        stage.narrator.say(Line::Said(Tone::Plain, format!("{what:<12} {told}")));
    }

    let mut wrong = stage.troubles();
    wrong.extend(ENDINGS.iter().flat_map(|ending| differences(ending, pages.get(ending.case))));
    wrong.extend(disagreements(&pages, &statistics));
    wrong.extend(overbooked(stage).await?);
    if wrong.is_empty() {
        stage.narrator.say(Line::Said(
            Tone::Good,
            "Everything ended as it should: answered in time, no offer left open, nothing booked twice.".to_owned(),
        ));
    }
    for wrong in &wrong {
        stage.narrator.say(Line::Said(Tone::Bad, format!("not as it should be: {wrong}")));
    }
    Ok(wrong.len())
}

async fn page(stage: &Stage, request: &str, read_at: ReadAt) -> Result<RequestPage, Trouble> {
    let message = GetRequestPageRequest { read_at: Some(read_at), request: request.to_owned() };
    let found = stage.cast.monitor().get_request_page(stage.officer.call(message)).await;
    stage
        .officer
        .got("read a request's page", found)?
        .page
        .ok_or_else(|| Trouble::Missing(format!("page of {request}")))
}

async fn statistics(stage: &Stage, read_at: ReadAt) -> Result<Statistics, Trouble> {
    let message = GetStatisticsRequest { read_at: Some(read_at), ..GetStatisticsRequest::default() };
    let found = stage.cast.monitor().get_statistics(stage.officer.call(message)).await;
    Ok(stage.officer.got("read the statistics", found)?.statistics.unwrap_or_default())
}

/// A row for each request, in the order in which they were opened.
fn table(stage: &Stage, pages: &BTreeMap<&str, RequestPage>) -> Vec<Line> {
    let mut pages: Vec<_> = pages.values().collect();
    pages.sort_by_key(|page| page.card.as_ref().map(|card| moment(card.opened_at)));
    let look = Look { now: Timestamp::default(), colour: false };
    let mut table = Table::new(look, ["", "hospital", "answer", "after", "stands", "provider"]);
    for page in pages {
        let mut providers = page.engagements.iter().rev().map(|work| stage.data.name(&work.provider));
        table.row(row(page, providers.next().unwrap_or_default()));
        for provider in providers {
            let nothing = || Cell::from("");
            table.row([nothing(), nothing(), nothing(), nothing(), nothing(), provider.into()]);
        }
    }
    let table = table.to_string();
    let tones = std::iter::once(Tone::Quiet).chain(std::iter::repeat(Tone::Plain));
    table.lines().zip(tones).map(|(line, tone)| Line::Said(tone, line.to_owned())).collect()
}

fn row(page: &RequestPage, provider: &str) -> [Cell; 6] {
    let card = page.card.clone().unwrap_or_default();
    let outcome = page.decision.as_ref().map_or("none", |decision| decision.outcome.as_str());
    let answered = page.decision.as_ref().map(|decision| moment(decision.decided_at));
    let after = answered.map(|at| span(at.since(when(page, "intake.request.submitted"))));
    let withdrawn = page.story.iter().any(|line| line.event_type == "intake.request.withdrawn");
    let stands = match card.state.as_str() {
        _ if withdrawn => "withdrawn",
        "support-ended" => "report due",
        other => other,
    };
    [
        card.number.into(),
        card.hospital_name.into(),
        outcome.replace("-granted", "").into(),
        after.unwrap_or_default().into(),
        stands.into(),
        provider.into(),
    ]
}

/// How offers and engagements ended, each with how often.
fn ends<'a>(pages: impl Iterator<Item = &'a RequestPage>) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    for page in pages {
        let offers = page.offers.iter().map(|offer| with_reason(&offer.status, &offer.reason, "rescinded"));
        let work = page.engagements.iter().map(|work| with_reason(&work.stage, &work.reason, "released"));
        for end in offers.chain(work) {
            *ends.entry(end).or_default() += 1;
        }
    }
    ends
}

fn with_reason(end: &str, reason: &str, explained: &str) -> String {
    if end == explained { format!("{end}: {reason}") } else { end.to_owned() }
}

/// What there was, how many, and how they ended.
fn totals(pages: &BTreeMap<&str, RequestPage>, statistics: &Statistics) -> [(&'static str, String); 4] {
    let ends = ends(pages.values());
    let of = |end: &str| ends.iter().filter(|(name, _)| name.starts_with(end)).map(|(_, count)| count).sum::<usize>();
    let work = || pages.values().flat_map(|page| &page.engagements);
    let granted: u32 =
        pages.values().filter_map(|page| page.decision.as_ref()?.terms.as_ref()).map(|terms| terms.person_days).sum();
    let used: u32 = work().map(|work: &Engagement| work.days_used).sum();
    let Statistics { granted: full, partly_granted, refused, answered_in_time, .. } = statistics;
    let requests = format!(
        "{}: {full} granted, {partly_granted} partly granted, {refused} refused; {answered_in_time} answered within 48 h",
        pages.len()
    );
    let offers = format!(
        "{}: {} accepted, {} declined, {} expired, {} lost to a faster one, {} taken back",
        pages.values().map(|page| page.offers.len()).sum::<usize>(),
        of("accepted"),
        of("declined"),
        of("expired"),
        of("lost"),
        of("rescinded"),
    );
    let running = ["mobilising", "on-task", "recovering"].map(of).into_iter().sum::<usize>();
    let engagements =
        format!("{}: {} completed, {} released, {running} running", work().count(), of("completed"), of("released"));
    [
        ("requests", requests),
        ("offers", offers),
        ("engagements", engagements),
        ("person-days", format!("{granted} granted, {used} used so far")),
    ]
}

/// What of a case's ending is not as it should be.
fn differences(ending: &Ending, page: Option<&RequestPage>) -> Vec<String> {
    let Ending { case, outcome, state: stands, ended } = ending;
    let Some(page) = page else { return vec![format!("{case} was never opened")] };
    let mut wrong = Vec::new();
    let found = page.decision.as_ref().map_or("not answered", |decision| decision.outcome.as_str());
    if found != *outcome {
        wrong.push(format!("{case} is {found}, and should be {outcome}"));
    }
    if state(page) != *stands {
        wrong.push(format!("{case} stands at {}, and should at {stands}", state(page)));
    }
    let ends = ends(std::iter::once(page));
    for (end, least) in *ended {
        let times = ends.get(*end).copied().unwrap_or_default();
        if times < *least {
            wrong.push(format!("{case} has '{end}' {times} times, and should at least {least}"));
        }
    }
    let open: Vec<_> =
        page.offers.iter().filter(|offer| is_pending(offer)).map(|offer: &Offer| &*offer.offer).collect();
    if !open.is_empty() {
        wrong.push(format!("{case} has offers that nobody answered: {}", open.join(", ")));
    }
    wrong
}

/// Where the statistics say another thing than the requests' own pages.
fn disagreements(pages: &BTreeMap<&str, RequestPage>, statistics: &Statistics) -> Vec<String> {
    let answers = |outcome: &str| {
        pages.values().filter(|page| page.decision.as_ref().is_some_and(|answer| answer.outcome == outcome)).count()
    };
    let used: u32 = pages.values().flat_map(|page| &page.engagements).map(|work| work.days_used).sum();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let figures = [
        ("requests submitted", statistics.requests, number(pages.len())),
        ("granted", statistics.granted, number(answers("granted"))),
        ("partly granted", statistics.partly_granted, number(answers("partly-granted"))),
        ("refused", statistics.refused, number(answers("refused"))),
        ("answered in time", statistics.answered_in_time, number(pages.len())),
        ("answered late", statistics.answered_late, 0),
        ("person-days used", statistics.days_used, used),
    ];
    let wrong = figures.into_iter().filter(|(_, told, found)| told != found);
    wrong.map(|(what, told, found)| format!("statistics say {told} {what}, the requests' pages {found}")).collect()
}

/// Contracts that were ever overbooked (invariant D3): the ledger is looked at as of every commit of the desk.
async fn overbooked(stage: &Stage) -> Result<BTreeSet<String>, Trouble> {
    let mut wrong = BTreeSet::new();
    for position in desk_commits(stage).await? {
        let read_at = ReadAt { as_of: Some(AsOf::Position(position)), at_least: None };
        let message = GetLedgerRequest { read_at: Some(read_at), provider: String::new() };
        let ledger = stage.cast.monitor().get_ledger(stage.officer.call(message)).await;
        let lines = stage.officer.got("read the ledger", ledger)?.lines;
        wrong.extend(lines.iter().filter(|line| !balances(line)).map(|line| {
            let LedgerLine { provider, contract, .. } = line;
            format!("the ledger of {provider}, contract {contract}, does not balance (invariant D3)")
        }));
    }
    Ok(wrong)
}

/// Where the desk changed anything.
async fn desk_commits(stage: &Stage) -> Result<Vec<Position>, Trouble> {
    let (mut commits, mut page_token) = (Vec::new(), String::new());
    loop {
        let message = ListEventsRequest {
            subject: "dispatch".to_owned(),
            page_size: 500,
            page_token,
            ..ListEventsRequest::default()
        };
        let listed = stage.cast.monitor().list_events(stage.officer.call(message)).await;
        let listed = stage.officer.got("read the log", listed)?;
        commits.extend(listed.entries.into_iter().filter_map(|entry| entry.position));
        commits.dedup();
        if listed.next_page_token.is_empty() {
            return Ok(commits);
        }
        page_token = listed.next_page_token;
    }
}

/// Whether teams and days that are taken and free add up to what the contract has.
fn balances(line: &LedgerLine) -> bool {
    let teams = [line.teams, line.onsite_teams].into_iter().flatten().all(|teams| {
        u64::from(teams.total) == [teams.offered, teams.engaged, teams.free].into_iter().map(u64::from).sum::<u64>()
    });
    let days = line.days.is_none_or(|days| {
        u64::from(days.total)
            == [days.free, days.held, days.reserved, days.used].into_iter().map(u64::from).sum::<u64>()
    });
    teams && days
}
