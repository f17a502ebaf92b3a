//! What each reader is told of an offer and of the work, at every stage.

use std::{collections::BTreeSet, time::Duration};

use muster_api::r#type::v1::{self, candidate::Standing as WireStanding};
use muster_domain::{
    codes::{Country, Language},
    dispatch::{desk::Command, events::DeclineReason},
    eligibility::events::{Case, PriorityKey},
    intake::events::{Entity, Facts},
    kernel::{ContractId, HospitalId, PrincipalId, RealmId, Received},
    registry::events::{AuthorityKind, Capacity, Contract, Mobilisation},
};
use muster_journal::{port::Subject, stored::Commit, subjects::Subjects};
use uuid::Uuid;

use super::*;
use crate::wire::samples;

fn at(minutes: u64) -> Timestamp {
    samples::at(0).plus(Duration::from_secs(minutes * 60))
}

fn fr() -> Country {
    Country::parse("FR").unwrap()
}

fn request() -> RequestId {
    RequestId::parse("r-1").unwrap()
}

fn o(n: u32) -> OfferId {
    OfferId::parse(&format!("o-{n}")).unwrap()
}

fn by(id: &str) -> ProviderId {
    ProviderId::parse(id).unwrap()
}

fn provider(id: &str) -> Provider {
    let hours = Duration::from_hours;
    let contract = Contract {
        id: ContractId::parse("c-1").unwrap(),
        from: samples::at(-1000),
        until: samples::at(100_000),
        services: samples::terms().services,
        member_states: BTreeSet::from([fr()]),
        capacity: Capacity { teams: 2, onsite_teams: 2, person_days: 500, pre_committed_days: 0 },
        mobilisation: Mobilisation { remote: hours(2), onsite_home: hours(6), onsite_abroad: hours(16) },
    };
    Provider {
        id: by(id),
        name: format!("{id} (invented)"),
        established_in: fr(),
        controlled_from: fr(),
        contracts: vec![contract],
        languages: BTreeSet::from([Language::parse("fr").unwrap()]),
        certificates: vec![],
        clearances: BTreeSet::new(),
        health_references: 5,
        conflicts: vec![],
    }
}

/// The log of one request, as the services that show it read it.
#[derive(Clone)]
struct Log {
    desk: Desk,
    work: Work,
    subjects: Subjects,
    commits: Vec<(Subject, Commit)>,
}

impl Log {
    /// A request that `facts` tell of, and these providers.
    fn of(facts: Facts, providers: &[Provider]) -> Self {
        let subjects = Subjects(RealmId::parse("drill").unwrap());
        let mut log = Self { desk: Desk::default(), work: Work::default(), subjects, commits: Vec::new() };
        let opened = RequestEvent::Opened {
            hospital: HospitalId::parse("chu-rouen").unwrap(),
            facts,
            contact: SubjectRef::parse("s-1").unwrap(),
        };
        log.append(&log.subjects.request(&request()).unwrap(), at(0), vec![opened.into()]);
        for provider in providers {
            log.decide(0, Command::TakeProvider(provider.clone()));
        }
        log
    }

    fn start(providers: &[Provider]) -> Self {
        let mut log = Self::of(samples::facts(), providers);
        log.decide(0, grant(&samples::facts().entity, 3));
        log
    }

    fn append(&mut self, subject: &Subject, at: Timestamp, events: Vec<Event>) -> Position {
        let commit = Commit {
            command: Uuid::nil(),
            fingerprint: [0; 32],
            received_at: at,
            recorded_at: at,
            actor: actor(Role::System, "desk"),
            causation: None,
            correlation: Uuid::nil(),
            policy: None,
            decided_at: None,
            taken: None,
            events,
            trace: None,
        };
        self.work.fold(&Seen { position: self.next(), subject, commit: &commit, log_time: at });
        self.commits.push((subject.clone(), commit));
        self.head()
    }

    /// Where the last record stands.
    fn head(&self) -> Position {
        Position { sequence: self.commits.len() as u64, index: 0 }
    }

    fn next(&self) -> Position {
        Position { sequence: self.head().sequence + 1, index: 0 }
    }

    /// The same work, read from a log that tells of nobody who was looked at.
    fn without_considered(&self) -> Work {
        let mut work = Work::default();
        for (sequence, (subject, commit)) in (1..).zip(&self.commits) {
            let mut commit = commit.clone();
            for event in &mut commit.events {
                if let Event::Desk(DeskEvent::Offered { considered, .. } | DeskEvent::Escalated { considered, .. }) =
                    event
                {
                    considered.clear();
                }
            }
            let position = Position { sequence, index: 0 };
            work.fold(&Seen { position, subject, commit: &commit, log_time: commit.recorded_at });
        }
        work
    }

    /// Who was looked at for an offer, as the log tells it.
    fn considered(&self, made: &OfferId) -> Vec<v1::Candidate> {
        let told = self.commits.iter().flat_map(|(_, commit)| &commit.events).find_map(|event| {
            let Event::Desk(DeskEvent::Offered { offer, considered, .. }) = event else { return None };
            (offer == made).then_some(considered)
        });
        self.work.considered(made, told.unwrap())
    }

    fn decide(&mut self, minutes: u64, command: Command) -> Position {
        let received = Received { at: at(minutes), by: actor(Role::System, "desk") };
        let events = self.desk.handle(command, &received, received.at).unwrap();
        let subject = self.subjects.desk().unwrap();
        self.append(&subject, at(minutes), events.into_iter().map(Into::into).collect())
    }

    /// What the provider of an offer is told of it now.
    fn asked(&self, offer: &OfferId) -> v1::Offer {
        let addressee = actor(Role::Provider, self.desk.offers[offer].provider.as_str());
        self.work.offer(offer, self.work.sight(&addressee).of(offer)).unwrap()
    }

    fn at_work(&self, offer: &OfferId) -> v1::Engagement {
        let addressee = actor(Role::Provider, self.desk.offers[offer].provider.as_str());
        self.work.engagement(offer, self.work.sight(&addressee).of(offer)).unwrap()
    }

    fn all(&self, offer: &OfferId) -> v1::Offer {
        self.work.offer(offer, Eyes::All).unwrap()
    }

    fn changed(&self, role: Role, after: Position) -> Vec<String> {
        self.work.changes(role).since(Some(after)).map(ToString::to_string).collect()
    }
}

fn actor(role: Role, id: &str) -> Actor {
    Actor { role, principal: PrincipalId::parse(id).unwrap() }
}

fn grant(entity: &Entity, severity: u8) -> Command {
    let facts = samples::facts();
    let case = Case {
        request: request(),
        hospital: HospitalId::parse("chu-rouen").unwrap(),
        incident: facts.incident,
        country: facts.country,
        languages: facts.languages,
        entity: entity.clone(),
        suppliers: facts.suppliers,
        tlp: facts.tlp,
        user: AuthorityKind::Csirt,
    };
    Command::TakeGrant { case, terms: samples::terms(), key: key(severity) }
}

fn key(severity: u8) -> PriorityKey {
    PriorityKey { bands: [severity, 2, 1, 1, 2], member_state_user: true, submitted_at: at(0), request: request() }
}

fn accept(n: u32, id: &str) -> Command {
    Command::Accept { offer: o(n), by: by(id) }
}

#[test]
fn before_it_accepts_a_provider_is_told_what_it_needs_to_answer_and_no_more() {
    let log = Log::start(&[provider("a")]);
    let whole = log.all(&o(1));
    let sealed = (&*whole.request, &*whole.hospital, &*whole.entity_kind, &*whole.priority);
    assert_eq!(sealed, ("r-1", "chu-rouen", "university-hospital", "P2"));
    let expected = v1::Offer {
        package: whole.package.clone().map(|package| v1::Package { package: String::new(), ..package }),
        request: String::new(),
        hospital: String::new(),
        entity_kind: String::new(),
        priority: String::new(),
        ..whole
    };
    assert_eq!(log.asked(&o(1)), expected);
    let told = (&*expected.status, &*expected.incident_class, &*expected.country, expected.languages.len());
    assert_eq!(told, ("pending", "malicious-code", "FR", 2));
    assert_eq!(log.work.engagement(&o(1), Eyes::All), None, "it is no engagement yet");
}

#[test]
fn nothing_that_is_sealed_changes_what_a_provider_is_told() {
    let facts = samples::facts();
    let other = Entity { name: "Another one".to_owned(), kind: "clinic".to_owned(), ..facts.entity.clone() };
    let told = [(facts.entity.clone(), 3), (other, 2)].map(|(entity, severity)| {
        let mut log = Log::of(Facts { entity: entity.clone(), ..samples::facts() }, &[provider("a")]);
        log.decide(0, grant(&entity, severity));
        v1::Offer { expires_at: None, ..log.asked(&o(1)) }
    });
    assert_eq!(told[0], told[1], "but for its end, which is the policy's for each priority");
}

#[test]
fn a_provider_knows_the_hospital_while_it_works_and_not_for_longer() {
    let mut log = Log::start(&[provider("a")]);
    log.decide(5, accept(1, "a"));
    let whole = log.work.engagement(&o(1), Eyes::All).unwrap();
    assert_eq!(log.at_work(&o(1)), whole);
    let told = (&*whole.hospital, &*whole.hospital_name, &*whole.priority, &*whole.request);
    assert_eq!(told, ("chu-rouen", "CHU de Rouen", "P2", "r-1"));
    assert_eq!(log.asked(&o(1)).hospital, "chu-rouen");

    let stale = log.work.sight(&actor(Role::Provider, "a"));
    log.decide(60, Command::Complete { offer: o(1), by: by("a"), days_used: 12 });
    let over = log.at_work(&o(1));
    assert_eq!((&*over.stage, &*over.request, over.days_used), ("completed", "r-1", 12));
    assert_eq!((&*over.hospital, &*over.hospital_name, &*over.priority), ("", "", ""));
    assert_eq!((&*log.asked(&o(1)).hospital, &*log.asked(&o(1)).entity_kind), ("", ""));
    assert_eq!(log.work.engagement(&o(1), stale.of(&o(1))), Some(over), "whoever asked a moment ago learns no more");
}

#[test]
fn another_provider_learns_nothing_of_an_offer_by_its_eyes() {
    let mut log = Log::start(&[provider("a")]);
    log.decide(5, accept(1, "a"));
    let other = actor(Role::Provider, "b");
    assert_eq!((log.work.eyes(&other, &o(1)), log.work.sight(&other).of(&o(1))), (Eyes::Asked, Eyes::Asked));
    let parties = Parties::default();
    assert_eq!(log.work.party_of_offer(&parties, &o(1)).providers, BTreeSet::from([by("a")]));
    assert_eq!(log.work.party_of_offer(&parties, &o(2)), Party::default());
}

#[test]
fn an_offer_that_was_taken_back_gives_its_provider_no_reason_but_withdrawn() {
    let mut log = Log::start(&[provider("a"), provider("b")]);
    log.decide(5, Command::Rescind { offer: o(1), note: "another firm is nearer".to_owned() });
    let (told, whole) = (log.asked(&o(1)), log.all(&o(1)));
    assert_eq!((&*told.status, &*told.reason, &*told.note), ("rescinded", "", ""));
    assert_eq!((&*whole.reason, &*whole.note), ("officer", "another firm is nearer"));
    log.decide(6, Command::TakeWithdrawal(request()));
    assert_eq!(log.asked(&o(2)).reason, "withdrawn");
}

#[test]
fn a_decline_keeps_its_reason_and_its_words() {
    let mut log = Log::start(&[provider("a")]);
    let (reason, note) = (DeclineReason::Skills, "nobody knows this records system".to_owned());
    log.decide(5, Command::See { offer: o(1), by: by("a") });
    log.decide(9, Command::Decline { offer: o(1), by: by("a"), reason, note: note.clone() });
    let told = log.asked(&o(1));
    assert_eq!((&*told.status, &*told.reason, told.note), ("declined", "skills", note));
    assert_eq!((told.seen_at, told.ended_at), (Some(timestamp(5)), Some(timestamp(9))));
}

fn timestamp(minutes: u64) -> prost_types::Timestamp {
    crate::wire::fields::timestamp(at(minutes))
}

#[test]
fn why_a_provider_was_dropped_is_told_in_the_terms_of_that_time() {
    let nl = || BTreeSet::from([Language::parse("nl").unwrap()]);
    let mut log = Log::start(&[provider("a"), Provider { languages: nl(), ..provider("b") }]);
    log.decide(1, Command::TakeProvider(provider("b")));
    let [ref fits, ref dropped] = log.considered(&o(1))[..] else { panic!("two were looked at") };
    assert_eq!(fits.provider, "a");
    let Some(WireStanding::Dropped(dropped)) = &dropped.standing else { panic!("b was dropped") };
    assert_eq!(
        (&*dropped.rule, &*dropped.because),
        ("language", "it works in nl; on the spot they speak en, fr (Art 17(2)(i))")
    );
}

#[test]
fn an_engagement_tells_all_its_days_and_an_earlier_one_keeps_its_own() {
    let mut log = Log::start(&[provider("a"), provider("b")]);
    let first = log.desk.offers[&o(1)].provider.clone();
    log.decide(5, accept(1, first.as_str()));
    log.decide(30, Command::ReachStage { offer: o(1), by: first.clone(), stage: Stage::OnTask });
    let later = log.work.trail(&o(1)).unwrap().engaged.as_ref().unwrap().ends_at.plus(Duration::from_hours(24));
    log.decide(40, Command::Extend { offer: o(1), ends_at: later, person_days: 10 });
    log.decide(50, Command::ReportDays { offer: o(1), by: first.clone(), days_used: 7 });
    let running = log.work.engagement(&o(1), Eyes::All).unwrap();
    assert_eq!((&*running.stage, running.days_reserved, running.days_used), ("on-task", 70, 7));
    assert_eq!((running.accepted_at, running.on_task_at), (Some(timestamp(5)), Some(timestamp(30))));
    assert_eq!(running.ends_at, Some(crate::wire::fields::timestamp(later)));

    let fail = Command::Fail { offer: o(1), by: first, note: "team lead ill".to_owned(), days_used: 20 };
    log.decide(90, fail);
    let ended = log.work.engagement(&o(1), Eyes::All).unwrap();
    assert_eq!((&*ended.stage, &*ended.reason, &*ended.note), ("released", "failed", "team lead ill"));
    assert_eq!((ended.days_reserved, ended.days_used, ended.ended_at), (70, 20, Some(timestamp(90))));
    let days = |offer| log.all(&offer).package.unwrap().person_days;
    assert_eq!(
        (days(o(1)), days(o(2))),
        (60, 50),
        "the next one is asked for what is left, with the days that were added"
    );
    assert_eq!(log.all(&o(1)).status, "accepted");
}

#[test]
fn a_change_of_rank_shows_to_a_provider_only_while_it_works() {
    let mut log = Log::start(&[provider("a")]);
    let before = log.head();
    log.decide(5, Command::TakePriority(key(4)));
    assert_eq!(log.changed(Role::Officer, before), ["o-1"]);
    assert_eq!(log.changed(Role::Provider, before), [""; 0]);
    assert_eq!(log.all(&o(1)).priority, "P1");
    let before = log.decide(6, accept(1, "a"));
    log.decide(7, Command::TakePriority(key(2)));
    assert_eq!(log.changed(Role::Provider, before), ["o-1"]);
    assert_eq!(log.at_work(&o(1)).priority, "P3");
}

#[test]
fn an_offer_comes_again_when_its_provider_may_know_more_or_less_of_it() {
    let mut log = Log::start(&[provider("a")]);
    let mut before = log.head();
    let complete = Command::Complete { offer: o(1), by: by("a"), days_used: 1 };
    for (minutes, command, changes) in [
        (1, Command::See { offer: o(1), by: by("a") }, true),
        (2, accept(1, "a"), true),
        (3, Command::ReachStage { offer: o(1), by: by("a"), stage: Stage::OnTask }, false),
        (4, Command::ReportDays { offer: o(1), by: by("a"), days_used: 1 }, false),
        (5, complete, true),
    ] {
        let (seen, whole) = (log.asked(&o(1)), log.all(&o(1)));
        let next = log.decide(minutes, command);
        assert_eq!(!log.changed(Role::Provider, before).is_empty(), changes, "minute {minutes}");
        assert_eq!(log.asked(&o(1)) != seen, changes, "minute {minutes}");
        assert_eq!(log.all(&o(1)) != whole, !log.changed(Role::Officer, before).is_empty(), "minute {minutes}");
        before = next;
    }
}

#[test]
fn everybody_looked_at_is_told_while_nobody_is_left_to_ask() {
    let mut log = Log::start(&[provider("a")]);
    let package = PackageId::parse("r-1-p1").unwrap();
    assert_eq!(log.work.escalation(&package, Eyes::All), []);
    let (reason, note) = (DeclineReason::NoCapacity, String::new());
    log.decide(5, Command::Decline { offer: o(1), by: by("a"), reason, note });
    let told = log.work.escalation(&package, Eyes::All);
    let Some(WireStanding::Dropped(dropped)) = &told[0].standing else { panic!("it was dropped") };
    assert_eq!((told.len(), &*told[0].provider, &*dropped.rule), (1, "a", "not-tried"));
    let counted = log.work.escalation(&package, eyes_of(Role::Hospital));
    let Some(WireStanding::Dropped(dropped)) = &counted[0].standing else { panic!("it was dropped") };
    assert_eq!((&*counted[0].provider, &*dropped.rule, &*dropped.because), ("", "not-tried", "1 provider"));
    log.decide(6, Command::Reopen { package: package.clone(), note: "they have a team now".to_owned() });
    assert_eq!(log.work.escalation(&package, Eyes::All), []);
}

#[test]
fn nobody_who_was_looked_at_is_kept_once_somebody_is_asked() {
    let mut log = Log::start(&[provider("a")]);
    let package = PackageId::parse("r-1-p1").unwrap();
    assert!(log.work == log.without_considered(), "for an offer that is open");
    let decline =
        |n| Command::Decline { offer: o(n), by: by("a"), reason: DeclineReason::NoCapacity, note: String::new() };
    log.decide(5, decline(1));
    assert!(log.work != log.without_considered(), "it is shown who was asked in vain");
    log.decide(6, Command::Reopen { package: package.clone(), note: "they have a team now".to_owned() });
    assert!(log.work == log.without_considered(), "when everybody is asked again");
    log.decide(7, decline(2));
    log.decide(8, Command::TakeProvider(provider("b")));
    assert!(log.work == log.without_considered(), "when somebody new is asked");
    let decline_b =
        Command::Decline { offer: o(3), by: by("b"), reason: DeclineReason::NoCapacity, note: String::new() };
    log.decide(9, decline_b);
    let mut given_up = log.clone();
    given_up.decide(10, Command::GiveUp { package, note: "restored from backup".to_owned() });
    assert!(given_up.work == given_up.without_considered(), "when the search is given up");
    log.decide(10, Command::TakeWithdrawal(request()));
    assert!(log.work == log.without_considered(), "when the request is withdrawn");
}

#[test]
fn a_history_that_cannot_be_is_shown_no_further() {
    let mut log = Log::start(&[provider("a")]);
    let subject = log.subjects.desk().unwrap();
    let lost = DeskEvent::Lost { offer: o(7) };
    let at_fault = log.append(&subject, at(5), vec![lost.into(), DeskEvent::Seen { offer: o(1) }.into()]);
    assert!(matches!(log.work.broken(), Some(Broken::Corrupt { sequence, .. }) if *sequence == at_fault.sequence));
    assert_eq!(log.all(&o(1)).status, "pending");
}
