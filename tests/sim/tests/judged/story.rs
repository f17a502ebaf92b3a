//! Logs written by hand, a line a commit. What a line does not name is right; what was written can be edited before the log is
//! sealed.

use std::{collections::BTreeSet, time::Duration};

use muster_domain::{
    codes::{Country, Language, ServiceId},
    dispatch::events::{Candidate, DeskEvent, Package, Rule, Standing},
    eligibility::events::{AssessmentEvent, Case, Gate, GateResult, Outcome, Policy, PriorityKey, Terms, Verdict},
    event::Event,
    intake::events::{Facts, RequestEvent},
    kernel::{Actor, OfferId, PrincipalId, RealmId, Role, Timestamp},
    registry::events::{
        AuthorityKind, Capacity, Contract, MandateEvent, Mobilisation, Provider, ProviderEvent, Realm, RealmClock,
        RealmEvent,
    },
};
use muster_golden::values::{self, contract_id, offer_id, package_id, principal, provider_id, request_id};
use muster_journal::{
    port::{Context, Subject},
    stored::{Commit, Frame, Position, encode, hash},
};
use muster_sim::{log::Entry, oracles};
use uuid::Uuid;

/// So many minutes after the story begins.
pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_millis(values::at(0).millis() + minutes * 60_000)
}

/// Somebody who acts.
pub fn actor(role: Role, principal: &str) -> Actor {
    Actor { role, principal: PrincipalId::parse(principal).unwrap() }
}

/// Muster itself.
pub fn muster() -> Actor {
    actor(Role::System, "muster")
}

/// A provider's people.
pub fn by(provider: &str) -> Actor {
    actor(Role::Provider, provider)
}

/// An officer.
pub fn officer(name: &str) -> Actor {
    actor(Role::Officer, name)
}

/// One stored frame to be.
struct Line {
    sequence: u64,
    subject: Subject,
    commits: Vec<Commit>,
    /// Bytes put behind the frame.
    rot: &'static [u8],
    /// A hash in the place of the right one.
    previous: Option<[u8; 32]>,
}

/// A log to be.
pub struct Story {
    realm: &'static str,
    lines: Vec<Line>,
    /// The minute at which things happen now.
    pub now: i64,
    /// The version of the policy that the desk decides under.
    pub policy: u32,
    /// Who asks for the requests to come.
    pub user: AuthorityKind,
    next: u64,
}

impl Story {
    /// A realm that is open.
    pub fn new() -> Self {
        let mut story =
            Self { realm: "live", lines: Vec::new(), now: 0, policy: 1, user: AuthorityKind::Csirt, next: 1 };
        let realm = Realm { id: RealmId::parse("live").unwrap(), clock: RealmClock::System };
        story.commit("registry.realm", actor(Role::Operator, "operator-1"), [RealmEvent::Opened(realm)]);
        story
    }

    /// The subject of that name in this realm.
    pub fn subject(&self, name: &str) -> Subject {
        Subject::parse(&format!("muster.{}.{name}", self.realm)).unwrap()
    }

    /// One commit, in a frame of its own.
    pub fn commit<E: Into<Event>>(&mut self, subject: &str, actor: Actor, events: impl IntoIterator<Item = E>) {
        let subject = self.subject(subject);
        let last = self.lines.iter().rev().find(|line| line.subject == subject && !line.commits.is_empty());
        let decided_at = last.map(|line| Position { sequence: line.sequence, index: line.commits.len() as u32 - 1 });
        let desk = subject.context() == Context::Dispatch;
        let command = Uuid::from_u128(u128::from(self.next) << 32 | self.lines.len() as u128);
        let commit = Commit {
            command,
            fingerprint: [0; 32],
            received_at: at(self.now),
            recorded_at: at(self.now),
            actor,
            causation: None,
            correlation: command,
            policy: desk.then_some(self.policy),
            decided_at,
            taken: desk.then_some(self.next - 1),
            events: events.into_iter().map(Into::into).collect(),
            trace: None,
        };
        self.lines.push(Line { sequence: self.next, subject, commits: vec![commit], rot: &[], previous: None });
        self.next += 1;
    }

    /// A commit of the desk.
    pub fn desk(&mut self, actor: Actor, events: impl IntoIterator<Item = DeskEvent>) {
        self.commit("dispatch.desk", actor, events);
    }

    /// The desk takes the last fact.
    pub fn taken(&mut self, events: impl IntoIterator<Item = DeskEvent>) {
        let cause = self.last().command;
        self.desk(muster(), events);
        self.last().causation = Some(cause);
    }

    /// The last commit.
    pub fn last(&mut self) -> &mut Commit {
        self.lines.last_mut().unwrap().commits.last_mut().unwrap()
    }

    /// The commit of the first event that is like this.
    pub fn find(&mut self, like: impl Fn(&Event) -> bool) -> &mut Commit {
        let mut commits = self.lines.iter_mut().flat_map(|line| &mut line.commits);
        commits.find(|commit| commit.events.iter().any(&like)).unwrap()
    }

    /// A sequence that no record has.
    pub fn skip(&mut self) {
        self.next += 1;
    }

    /// The last record's bytes are not what was written.
    pub fn rot(&mut self) {
        self.lines.last_mut().unwrap().rot = &[0xff];
    }

    /// The last record follows something else.
    pub fn unchain(&mut self) {
        self.lines.last_mut().unwrap().previous = Some([7; 32]);
    }

    /// What follows is of another realm.
    pub fn elsewhere(&mut self, realm: &'static str) {
        self.realm = realm;
    }

    /// The log.
    pub fn seal(&self) -> Vec<Entry> {
        let mut log: Vec<Entry> = Vec::new();
        for line in &self.lines {
            let before = log.iter().rev().find(|entry| entry.subject == line.subject);
            let previous = line.previous.unwrap_or(before.map_or([0; 32], |entry| hash(&entry.bytes)));
            let id = Uuid::from_u128(u128::from(line.sequence) << 64);
            let frame = Frame { id, previous, commits: line.commits.clone() };
            let bytes = [encode(&frame).as_ref(), line.rot].concat().into();
            log.push(Entry { sequence: line.sequence, subject: line.subject.clone(), frame, bytes });
        }
        log
    }

    /// A provider is enrolled, and the desk takes it, with these further events.
    pub fn enrol(&mut self, terms: Provider, events: impl IntoIterator<Item = DeskEvent>) {
        let subject = format!("registry.provider-{}", terms.id);
        self.commit(&subject, actor(Role::Operator, "operator-1"), [ProviderEvent::Enrolled(terms.clone())]);
        let taken = DeskEvent::ProviderTaken { provider: terms, suspended: false };
        self.taken([taken].into_iter().chain(events));
    }

    /// A request is opened, endorsed and submitted.
    pub fn submit(&mut self, request: &str) {
        let subject = format!("intake.{request}");
        let authority = values::authority();
        self.commit(&subject, actor(Role::Hospital, "chu-rouen"), [opened(facts())]);
        let endorsed = RequestEvent::Endorsed { authority: authority.id.clone(), mandate: None };
        self.commit(&subject, actor(Role::Authority, "fr-csirt"), [endorsed]);
        let (hospital, facts) = (values::hospital().id, facts());
        let submitted = RequestEvent::Submitted { route: values::route(authority), hospital, facts, mandate: None };
        self.commit(&subject, actor(Role::Spoc, "fr-spoc"), [submitted]);
    }

    /// A request is judged; every gate passes but those named.
    pub fn assess(&mut self, request: &str, severity: u8, failed: &[Gate]) {
        let assessed = AssessmentEvent::Assessed {
            submitted_at: at(0),
            route: values::route(values::authority()),
            hospital: values::hospital().id,
            facts: facts().into(),
            council_act: None,
            policy: Policy { version: 1, ..values::policy() },
            live: true,
            gates: gates(failed),
            bands: values::bands(),
            key: key(request, severity),
        };
        self.commit(&format!("eligibility.{request}"), muster(), [assessed]);
    }

    /// A request is answered.
    pub fn decide(&mut self, request: &str, severity: u8, outcome: Outcome) {
        let decided = AssessmentEvent::Decided {
            outcome,
            terms: (outcome != Outcome::Refused).then(terms),
            cuts: vec![],
            reason: "as the law has it".to_owned(),
            by_policy: None,
            case: Case { user: self.user, ..case(request) },
            key: key(request, severity),
        };
        self.commit(&format!("eligibility.{request}"), officer("anna"), [decided]);
    }

    /// A request on its way up to the grant, which the desk takes with these further events.
    pub fn grant(&mut self, request: &str, severity: u8, events: impl IntoIterator<Item = DeskEvent>) {
        self.submit(request);
        self.assess(request, severity, &[]);
        self.decide(request, severity, Outcome::Granted);
        let granted = DeskEvent::GrantTaken {
            case: Case { user: self.user, ..case(request) },
            terms: terms(),
            key: key(request, severity),
            packages: vec![package(request)],
        };
        self.taken([granted].into_iter().chain(events));
    }
}

/// A request as its hospital opens it.
pub fn opened(facts: Facts) -> RequestEvent {
    let contact = values::subject_ref("contact-1");
    RequestEvent::Opened { hospital: values::hospital().id, facts, contact }
}

/// What the hospital declares.
pub fn facts() -> Facts {
    values::facts()
}

/// Every gate's answer: it passes, unless it is named.
pub fn gates(failed: &[Gate]) -> Vec<GateResult> {
    let answer = |gate: &Gate| GateResult {
        gate: *gate,
        verdict: if failed.contains(gate) { Verdict::Fail } else { Verdict::Pass },
        article: "Reg. (EU) 2025/38 Art 15".to_owned(),
        because: "it was declared so".to_owned(),
    };
    Gate::ALL.iter().map(answer).collect()
}

/// Where a request ranks.
pub fn key(request: &str, severity: u8) -> PriorityKey {
    PriorityKey {
        bands: [severity, 2, 3, 1, 3],
        member_state_user: true,
        submitted_at: at(0),
        request: request_id(request),
    }
}

/// What matching knows of a request.
pub fn case(request: &str) -> Case {
    let languages = BTreeSet::from([Language::parse("fr").unwrap()]);
    Case { request: request_id(request), languages, ..values::case() }
}

/// One remote team, 20 days.
pub fn terms() -> Terms {
    Terms { services: services(), remote_teams: 1, onsite_teams: 0, person_days: 20, duration: hours(720) }
}

/// The only package of a request.
pub fn package(request: &str) -> Package {
    Package {
        id: package_id(&format!("{request}-p1")),
        services: services(),
        remote_teams: 1,
        onsite_teams: 0,
        person_days: 20,
        lead: true,
    }
}

fn services() -> BTreeSet<ServiceId> {
    BTreeSet::from([ServiceId::parse("isim.forensics").unwrap()])
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// A French firm with so many teams.
pub fn firm(id: &str, teams: u32) -> Provider {
    let france = Country::parse("FR").unwrap();
    let contract = Contract {
        id: contract_id("c1"),
        from: at(-100_000),
        until: at(1_000_000),
        services: services(),
        member_states: BTreeSet::from([france]),
        capacity: Capacity { teams, onsite_teams: teams, person_days: 430, pre_committed_days: 100 },
        mobilisation: Mobilisation { remote: hours(2), onsite_home: hours(6), onsite_abroad: hours(16) },
    };
    Provider {
        id: provider_id(id),
        name: format!("{id} (fictional)"),
        established_in: france,
        controlled_from: france,
        contracts: vec![contract],
        languages: BTreeSet::from([Language::parse("fr").unwrap()]),
        certificates: vec![],
        clearances: BTreeSet::new(),
        health_references: 5,
        conflicts: vec![],
    }
}

/// An offer made now, that stands for so many minutes.
pub fn offered(now: i64, n: u32, request: &str, provider: &str, minutes: i64, extra: bool) -> DeskEvent {
    let standing = Standing::Dropped(Rule::FreeCapacity);
    DeskEvent::Offered {
        offer: offer_id(&format!("o-{n}")),
        package: package_id(&format!("{request}-p1")),
        provider: provider_id(provider),
        contract: contract_id("c1"),
        expires_at: at(now + minutes),
        extra,
        considered: vec![Candidate { provider: provider_id(provider), standing }],
    }
}

/// An offer accepted now.
pub fn accepted(now: i64, n: u32) -> DeskEvent {
    let offer = offer_id(&format!("o-{n}"));
    DeskEvent::Accepted { offer, accepted_at: at(now), mobilise_by: at(now + 120), ends_at: at(now + 720 * 60) }
}

/// A request for which nothing more is to come.
pub fn finished(request: &str, supported: bool) -> DeskEvent {
    DeskEvent::RequestFinished { request: request_id(request), supported }
}

/// Fails unless nothing is wrong.
#[track_caller]
pub fn is_clean(story: &Story) {
    let found: Vec<_> = oracles::all(&story.seal()).iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Fails unless this oracle, and no other, finds something wrong, and says these words.
#[track_caller]
pub fn only(id: &str, words: &str, story: &Story) {
    let found = oracles::all(&story.seal());
    let ids: BTreeSet<_> = found.iter().map(|violation| violation.id).collect();
    let told: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(ids, BTreeSet::from([id]), "{}", told.join("\n"));
    assert!(told.iter().any(|says| says.contains(words)), "{}", told.join("\n"));
}

/// A firm with one team, and one request of priority P2 that it is asked for.
pub fn asked() -> Story {
    let mut story = Story::new();
    story.enrol(firm("a", 1), []);
    story.grant("r1", 3, [offered(0, 1, "r1", "a", 60, false)]);
    story.now = 10;
    story
}

/// The firm is at work.
pub fn at_work() -> Story {
    let mut story = asked();
    story.desk(by("a"), [accepted(10, 1)]);
    story.now = 20;
    story
}

/// The n-th offer's id.
pub fn offer(n: u32) -> OfferId {
    offer_id(&format!("o-{n}"))
}

/// A standing mandate's life.
pub fn mandate(story: &mut Story) {
    let subject = "registry.mandate-fr-rouen-2019";
    story.commit(subject, actor(Role::Authority, "fr-csirt"), [MandateEvent::Signed(values::mandate())]);
    story.commit(subject, actor(Role::Spoc, "fr-spoc"), [MandateEvent::Countersigned]);
    let revoked = MandateEvent::Revoked { reason: "a new one follows".to_owned() };
    story.commit(subject, actor(Role::Authority, "fr-csirt"), [revoked]);
}

/// One proposes to suspend firm a, another approves.
pub fn suspension(story: &mut Story, one: &str, other: &str) {
    let (reason, lapses_at) = ("a dispute".to_owned(), at(story.now + 7 * 24 * 60));
    let proposed = ProviderEvent::SuspensionProposed { reason: reason.clone(), by: principal(one), lapses_at };
    story.commit("registry.provider-a", officer(one), [proposed]);
    let (proposed_by, approved_by) = (principal(one), principal(other));
    let suspended = ProviderEvent::Suspended { reason, proposed_by, approved_by };
    story.commit("registry.provider-a", officer(other), [suspended]);
}
