//! The board when it is long: as many requests as a decade brings, asked for a page at a time, and leafed through while
//! the log moves on.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{sync::Arc, time::Duration};

use muster_api::monitor::v1::{BoardFilter, GetBoardRequest, monitor_service_client::MonitorServiceClient};
use muster_domain::{
    eligibility::{
        assessment::{Assessment, Command as ToAssess, Submission},
        events::{AssessmentEvent, Policy},
    },
    event::Event,
    intake::{
        events::{Facts, RequestEvent},
        request::{Command, Request},
    },
    kernel::{Aggregate, AuthorityId, HospitalId, Received, RequestId, Role, SpocId, SubjectRef, Timestamp},
    registry::events::{Authority, AuthorityKind},
};
use muster_e2e::cast::facts;
use muster_edge::{
    testing::{Rig, START, actor, call},
    wire::{fields::Fields, read_facts},
};
use muster_journal::{
    memory::Memory,
    port::{Journal, Subject},
    stored::{self, Commit, Frame, Position},
    subjects::Subjects,
};
use muster_monitor::health::Health;
use muster_runtime::{clock::ManualClock, ids};
use tonic::service::Routes;

use crate::{
    effort::Effort,
    load, log,
    realm::country,
    table::{Row, Target, Value},
};

/// Cards on a page.
const PAGE: u32 = 50;
/// Requests come in so often.
const EVERY: Duration = Duration::from_secs(30);
/// Longer than reading it all takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Pages of the board, from its beginning on and of one country, one call at a time.
pub async fn measure(effort: Effort) -> Vec<Row> {
    let journal = Arc::new(Memory::new());
    for number in 0..effort.board {
        History::new(number).write(journal.as_ref()).await;
    }
    let clock = ManualClock::at(START.plus(EVERY * u32::try_from(effort.board).unwrap()));
    let rig = Rig::start_on(journal.clone(), clock, |edge, follower| {
        let (version, unsafe_settings, roles) = (String::new(), Arc::new(Vec::new), Arc::new(Vec::new));
        let health = Health { version, journal: "memory", unsafe_settings, roles };
        muster_monitor::Service::new(edge.clone(), follower, health).beside(Routes::default())
    });
    let head = journal.last().await.unwrap();
    rig.edge.people.reaches(head, PATIENCE).await.unwrap();
    let monitor = MonitorServiceClient::new(rig.channel());
    let span = effort.span * u32::try_from(effort.rounds).unwrap();
    let asked = load::run(1, span, |_, number| {
        let mut monitor = monitor.clone();
        let countries = if number % 2 == 0 { Vec::new() } else { vec!["ES".to_owned()] };
        let filter = BoardFilter { countries, ..BoardFilter::default() };
        let message = GetBoardRequest { page_size: PAGE, filter: Some(filter), ..GetBoardRequest::default() };
        async move {
            let board = monitor.get_board(call(Role::Officer, "duty", message)).await.unwrap().into_inner();
            assert!(!board.cards.is_empty());
        }
    })
    .await;
    let page = async |page_token: String| {
        let message = GetBoardRequest { page_size: PAGE, page_token, ..GetBoardRequest::default() };
        let board = monitor.clone().get_board(call(Role::Officer, "duty", message)).await.unwrap().into_inner();
        assert!(!board.next_page_token.is_empty());
        board.next_page_token
    };
    let second = page(String::new()).await;
    History::new(effort.board).write(journal.as_ref()).await;
    rig.settle().await;
    let (took_second, third) = load::time(page(second)).await;
    let (took_third, _) = load::time(page(third)).await;
    vec![
        Row::new(format!("the board over {} requests, median", effort.board), Value::Time(asked.within(0.5))),
        Row::new(format!("the board over {} requests, p99", effort.board), Value::Time(asked.within(0.99)))
            .target(Target::Within(Duration::from_millis(10))),
        Row::new("its second page, once the log has moved on", Value::Time(took_second)),
        Row::new("  the third, at the same moment", Value::Time(took_third)),
    ]
}

/// One request's history, as intake and eligibility would have written it.
struct History {
    request: RequestId,
    hospital: HospitalId,
    authority: Authority,
    facts: Facts,
    at: Timestamp,
}

impl History {
    fn new(number: usize) -> Self {
        let (country, c) = country(number);
        let declared = facts(c, &prost_types::Timestamp { seconds: START.millis() / 1000, nanos: 0 });
        let facts = read_facts(&mut Fields::default(), "facts", Some(declared)).unwrap();
        let authority = Authority {
            id: AuthorityId::parse(&format!("csirt-{c}")).unwrap(),
            name: format!("CSIRT of {country}"),
            kind: AuthorityKind::Csirt,
            country: Some(facts.country),
            spoc: Some(SpocId::parse(&format!("spoc-{c}")).unwrap()),
        };
        Self {
            request: RequestId::parse(&ids::new().to_string()).unwrap(),
            hospital: HospitalId::parse(&format!("h-{c}")).unwrap(),
            authority,
            facts,
            at: START.plus(EVERY * u32::try_from(number).unwrap()),
        }
    }

    async fn write(self, journal: &Memory) {
        let subjects = Subjects(log::realm());
        let events = self.events();
        let assessed = self.assessed(&events);
        self.append(journal, &subjects.request(&self.request).unwrap(), events).await;
        self.append(journal, &subjects.assessment(&self.request).unwrap(), assessed).await;
    }

    /// Opened, endorsed, submitted.
    fn events(&self) -> Vec<Event> {
        let (authority, spoc) = (self.authority.clone(), self.authority.spoc.clone());
        let commands = [
            (
                self.received(Role::Hospital, self.hospital.as_str()),
                Command::Open {
                    hospital: self.hospital.clone(),
                    facts: self.facts.clone(),
                    contact: SubjectRef::parse(&ids::new().to_string()).unwrap(),
                    live: false,
                },
            ),
            (
                self.received(Role::Authority, self.authority.id.as_str()),
                Command::Endorse { authority: authority.clone(), mandate: None },
            ),
            (
                self.received(Role::Spoc, spoc.as_ref().unwrap().as_str()),
                Command::Submit { authority, spoc: spoc.clone(), mandate: None },
            ),
        ];
        let (mut state, mut all) = (None, Vec::new());
        for (received, command) in commands {
            let events = Request::decide(&state, command, &received).unwrap();
            events.iter().for_each(|event| Request::evolve(&mut state, event).unwrap());
            all.extend(events.into_iter().map(Event::from));
        }
        all
    }

    fn assessed(&self, events: &[Event]) -> Vec<Event> {
        let submitted = events.iter().find_map(|event| {
            let Event::Request(RequestEvent::Submitted { route, hospital, facts, .. }) = event else { return None };
            Some((route, hospital, facts))
        });
        let (route, hospital, facts) = submitted.unwrap();
        let submission = Submission {
            request: self.request.clone(),
            submitted_at: self.at,
            route: route.clone(),
            hospital: hospital.clone(),
            facts: facts.clone(),
            council_act: None,
            policy: Policy::built_in(),
            live: false,
        };
        let assess = ToAssess::Assess(Box::new(submission));
        let events: Vec<AssessmentEvent> =
            Assessment::decide(&Default::default(), assess, &self.received(Role::Officer, "duty")).unwrap();
        events.into_iter().map(Event::from).collect()
    }

    fn received(&self, role: Role, who: &str) -> Received {
        Received { at: self.at, by: actor(role, who) }
    }

    /// All in one frame, the subject's first.
    async fn append(&self, journal: &Memory, subject: &Subject, events: Vec<Event>) {
        let commits = events.into_iter().zip(0_u32..).map(|(event, index)| {
            let command = ids::new();
            Commit {
                command,
                fingerprint: [0; 32],
                received_at: self.at,
                recorded_at: self.at,
                actor: actor(Role::Officer, "duty"),
                causation: None,
                correlation: command,
                policy: None,
                decided_at: index.checked_sub(1).map(|index| Position { sequence: 0, index }),
                taken: None,
                events: vec![event],
                trace: None,
            }
        });
        let frame = Frame { id: ids::new(), previous: [0; 32], commits: commits.collect() };
        journal.append(subject, 0, frame.id, stored::encode(&frame)).await.unwrap();
    }
}
