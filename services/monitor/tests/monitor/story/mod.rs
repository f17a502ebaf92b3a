//! Logs for tests: what happened, as the aggregates themselves would have written it. What a test does not name is right.

pub mod rig;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use muster_domain::{
    codes::{Country, IncidentType, Language, Nuts, ServiceId, Tlp},
    dispatch::{
        desk::{self, Desk, Standing},
        events::{Candidate, DeclineReason, DeskEvent, Stage},
    },
    eligibility::{
        assessment::{self, Assessment, Submission},
        events::{AssessmentEvent, Case, Cut, Outcome, Policy, PriorityKey, Terms},
        terms::requested,
    },
    event::Event,
    intake::{
        events::{
            CloseReason, Emergency, Entity, Facts, Impact, IncidentClass, Needs, Precision, ReturnReason, Spillover,
            SummaryReport,
        },
        phase::Phase,
        request::{self, Request},
    },
    kernel::{
        Actor, Aggregate, AuthorityId, ContractId, HospitalId, OfferId, PackageId, PrincipalId, ProviderId, RealmId,
        Received, RequestId, Role, SpocId, SubjectRef, Timestamp,
    },
    registry::events::{
        Annex, Authority, AuthorityEvent, AuthorityKind, Capacity, Category, Contract, Hospital, HospitalEvent,
        Mobilisation, Provider, Realm, RealmClock, RealmEvent, Size,
    },
};
use muster_journal::{
    engine::follower::{Fold, Progress, Reader},
    port::{Journal, Record, Subject},
    stored::{self, Commit, Frame, Position},
    subjects::Subjects,
};
use muster_monitor::views::Monitor;
use uuid::Uuid;

/// 2026-11-02T08:00:00Z, a Monday.
pub const START: Timestamp = Timestamp::from_millis(1_793_606_400_000);

pub fn after(minutes: u64) -> Timestamp {
    START.plus(Duration::from_secs(minutes * 60))
}

pub fn actor(role: Role, id: &str) -> Actor {
    Actor { role, principal: PrincipalId::parse(id).unwrap() }
}

pub fn id(request: &str) -> RequestId {
    RequestId::parse(request).unwrap()
}

pub fn offer(n: u32) -> OfferId {
    OfferId::parse(&format!("o-{n}")).unwrap()
}

fn services(ids: &[&str]) -> BTreeSet<ServiceId> {
    ids.iter().map(|id| ServiceId::parse(id).unwrap()).collect()
}

pub fn facts() -> Facts {
    Facts {
        incident: "fr-2026-0042".to_owned(),
        detected_at: START,
        detected_precision: Precision::Minute,
        country: Country::parse("FR").unwrap(),
        nuts: vec![Nuts::parse("FRD22").unwrap()],
        languages: BTreeSet::from([Language::parse("fr").unwrap()]),
        entity: Entity {
            name: "CHU de Rouen (invented)".to_owned(),
            kind: "university-hospital".to_owned(),
            annex: Annex::One,
            category: Category::Essential,
            size: Size::Large,
        },
        incident_types: vec![IncidentType::parse("malicious-code/infected-system").unwrap()],
        class_claimed: IncidentClass::Significant,
        national_capacity_exceeded: false,
        impact: Impact {
            hospitals_affected: Some(1),
            emergency: Emergency::Closed,
            records_unavailable: Some(true),
            services_restored: Some(false),
            data_breach: Some(false),
            ransom_demanded: None,
        },
        spillover: Spillover::Low,
        affected: BTreeSet::new(),
        needs: Needs {
            services: services(&["isim.forensics", "isim.mitigation-recovery"]),
            remote_teams: 1,
            onsite_teams: 1,
            person_days: 40,
            duration: Some(Duration::from_hours(720)),
        },
        measures: BTreeSet::from(["isolation".to_owned()]),
        suppliers: BTreeSet::new(),
        tlp: Tlp::Amber,
        exercise: true,
    }
}

/// A case that ranks lower, so that one provider is asked at a time.
pub fn milder() -> Facts {
    let impact = Impact { emergency: Emergency::Open, records_unavailable: Some(false), ..facts().impact };
    Facts { impact, ..facts() }
}

pub fn provider(id: &str) -> Provider {
    let hours = Duration::from_hours;
    let contract = Contract {
        id: ContractId::parse("c-1").unwrap(),
        from: Timestamp::from_millis(START.millis() - 1_000_000_000),
        until: START.plus(hours(24 * 300)),
        services: services(&["isim.forensics", "isim.mitigation-recovery"]),
        member_states: BTreeSet::from([Country::parse("FR").unwrap()]),
        capacity: Capacity { teams: 4, onsite_teams: 2, person_days: 200, pre_committed_days: 30 },
        mobilisation: Mobilisation { remote: hours(2), onsite_home: hours(6), onsite_abroad: hours(16) },
    };
    Provider {
        id: ProviderId::parse(id).unwrap(),
        name: format!("{id} (invented)"),
        established_in: Country::parse("FR").unwrap(),
        controlled_from: Country::parse("FR").unwrap(),
        contracts: vec![contract],
        languages: BTreeSet::from([Language::parse("fr").unwrap()]),
        certificates: vec![],
        clearances: BTreeSet::new(),
        health_references: 5,
        conflicts: vec![],
    }
}

pub fn authority(id: &str) -> Authority {
    let (kind, country) = match id.split_once('-') {
        Some(("csirt", country)) => (AuthorityKind::Csirt, Some(country)),
        Some(("crisis", country)) => (AuthorityKind::CrisisManagement, Some(country)),
        Some(_) | None => (AuthorityKind::CertEu, None),
    };
    Authority {
        id: AuthorityId::parse(id).unwrap(),
        name: id.to_owned(),
        kind,
        country: country.map(|country| Country::parse(&country.to_uppercase()).unwrap()),
        spoc: country.map(|country| SpocId::parse(&format!("spoc-{country}")).unwrap()),
    }
}

/// A realm's log and the aggregates that write it.
pub struct Story {
    pub subjects: Subjects,
    pub now: Timestamp,
    pub records: Vec<Record>,
    pub desk: Desk,
    requests: BTreeMap<RequestId, Option<Request>>,
    assessments: BTreeMap<RequestId, assessment::State>,
    chain: BTreeMap<Subject, ([u8; 32], Position)>,
}

impl Story {
    /// An exercise with four authorities and two hospitals; of the Reserve nobody yet.
    pub fn begin() -> Self {
        let (records, desk, requests, assessments, chain) = Default::default();
        let subjects = Subjects(RealmId::parse("drill").unwrap());
        let mut story = Self { subjects, now: START, records, desk, requests, assessments, chain };
        let clock = RealmClock::Exercise { starts_at: START, started: START, speed: 60 };
        let opened = RealmEvent::Opened(Realm { id: story.subjects.0.clone(), clock });
        let operator = actor(Role::Operator, "ops");
        story.append(story.subjects.realm().unwrap(), &operator, vec![opened.into()]);
        for name in ["csirt-fr", "crisis-fr", "csirt-es", "cert-eu"] {
            let record = authority(name);
            let subject = story.subjects.authority(&record.id).unwrap();
            story.append(subject, &operator, vec![AuthorityEvent::Registered(record).into()]);
        }
        for (name, nuts) in [("chu-rouen", "FRD22"), ("clinic", "ES511")] {
            let hospital = Hospital {
                id: HospitalId::parse(name).unwrap(),
                name: name.to_owned(),
                member_state: Country::parse(nuts.split_at(2).0).unwrap(),
                nuts: Nuts::parse(nuts).unwrap(),
                kind: "hospital".to_owned(),
                annex: Annex::One,
                category: Category::Essential,
                size: Size::Large,
            };
            let subject = story.subjects.hospital(&hospital.id).unwrap();
            story.append(subject, &operator, vec![HospitalEvent::Registered(hospital).into()]);
        }
        story
    }

    /// The same with these providers.
    pub fn with(providers: &[&str]) -> Self {
        let mut story = Self::begin();
        for name in providers {
            story.dispatch(desk::Command::TakeProvider(provider(name)), &actor(Role::System, "desk"));
        }
        story
    }

    pub fn wait(&mut self, minutes: u64) -> &mut Self {
        self.now = self.now.plus(Duration::from_secs(minutes * 60));
        self
    }

    /// Appends one commit as a record of its own.
    pub fn append(&mut self, subject: Subject, by: &Actor, events: Vec<Event>) -> Position {
        let sequence = self.records.len() as u64 + 1;
        let (previous, decided_at) = match self.chain.get(&subject) {
            Some((hash, position)) => (*hash, Some(*position)),
            None => ([0; 32], None),
        };
        let command = Uuid::from_u128(u128::from(sequence));
        let commit = Commit {
            command,
            fingerprint: [0; 32],
            received_at: self.now,
            recorded_at: self.now.plus(Duration::from_millis(2)),
            actor: by.clone(),
            causation: None,
            correlation: command,
            policy: None,
            decided_at,
            taken: None,
            events,
            trace: None,
        };
        let frame = Frame { id: command, previous, commits: vec![commit] };
        let bytes = stored::encode(&frame);
        let position = Position { sequence, index: 0 };
        self.chain.insert(subject.clone(), (stored::hash(&bytes), position));
        self.records.push(Record { sequence, subject, frame: frame.id, bytes });
        position
    }

    fn received(&self, by: &Actor) -> Received {
        Received { at: self.now, by: by.clone() }
    }

    pub fn intake(&mut self, request: &str, command: request::Command, by: &Actor) -> Position {
        let (received, request) = (self.received(by), id(request));
        let state = self.requests.entry(request.clone()).or_default();
        let events = Request::decide(state, command, &received).unwrap();
        events.iter().for_each(|event| Request::evolve(state, event).unwrap());
        let subject = self.subjects.request(&request).unwrap();
        self.append(subject, by, events.into_iter().map(Event::from).collect())
    }

    pub fn judge(&mut self, request: &str, command: assessment::Command, by: &Actor) -> Position {
        let (received, request) = (self.received(by), id(request));
        let state = self.assessments.entry(request.clone()).or_default();
        let events = Assessment::decide(state, command, &received).unwrap();
        events.iter().for_each(|event| Assessment::evolve(state, event).unwrap());
        let subject = self.subjects.assessment(&request).unwrap();
        self.append(subject, by, events.into_iter().map(Event::from).collect())
    }

    pub fn dispatch(&mut self, command: desk::Command, by: &Actor) -> Position {
        let received = self.received(by);
        let events = self.desk.handle(command, &received, received.at).unwrap();
        let subject = self.subjects.desk().unwrap();
        self.append(subject, by, events.into_iter().map(Event::from).collect())
    }

    pub fn open(&mut self, request: &str, facts: Facts) -> &mut Self {
        let hospital = if facts.country == Country::parse("FR").unwrap() { "chu-rouen" } else { "clinic" };
        let contact = SubjectRef::parse(&format!("contact-{request}")).unwrap();
        let by = actor(Role::Hospital, hospital);
        let hospital = HospitalId::parse(hospital).unwrap();
        self.intake(request, request::Command::Open { hospital, facts, contact, live: false }, &by);
        self
    }

    pub fn endorse(&mut self, request: &str, by: &str) -> &mut Self {
        let command = request::Command::Endorse { authority: authority(by), mandate: None };
        self.intake(request, command, &actor(Role::Authority, by));
        self
    }

    pub fn send_back(&mut self, request: &str, by: &str) -> &mut Self {
        let (reason, note) = (ReturnReason::FactsMissing, "which records?".to_owned());
        let command = request::Command::Return { authority: authority(by), reason, note };
        self.intake(request, command, &actor(Role::Authority, by));
        self
    }

    pub fn submit(&mut self, request: &str, by: &str) -> &mut Self {
        let authority = authority(by);
        let spoc = authority.spoc.clone();
        let by = match &spoc {
            Some(spoc) => actor(Role::Spoc, spoc.as_str()),
            None => actor(Role::Authority, by),
        };
        self.intake(request, request::Command::Submit { authority, spoc, mandate: None }, &by);
        self
    }

    pub fn withdraw(&mut self, request: &str) -> &mut Self {
        let command = request::Command::Withdraw { reason: "restored from backup".to_owned() };
        self.intake(request, command, &actor(Role::Authority, "csirt-fr"));
        self
    }

    /// Opened, endorsed and submitted, a minute each.
    pub fn submitted(&mut self, request: &str, facts: Facts) -> &mut Self {
        self.open(request, facts).wait(1).endorse(request, "csirt-fr").wait(1).submit(request, "csirt-fr")
    }

    pub fn assess(&mut self, request: &str) -> &mut Self {
        let known = self.requests[&id(request)].clone().unwrap();
        let Phase::Submitted { route } = known.phase else { panic!("not submitted") };
        let submission = Submission {
            request: id(request),
            submitted_at: self.now,
            route,
            hospital: known.hospital,
            facts: known.facts,
            council_act: None,
            policy: Policy::built_in(),
            live: false,
        };
        let command = assessment::Command::Assess(Box::new(submission));
        self.judge(request, command, &actor(Role::System, "eligibility"));
        self
    }

    /// Granted in full, in part (with fewer days), or refused, by an officer.
    pub fn answer(&mut self, request: &str, outcome: Outcome) -> &mut Self {
        let facts = self.requests[&id(request)].clone().unwrap().facts;
        let all = requested(&facts.needs, &Policy::built_in());
        let (terms, cuts) = match outcome {
            Outcome::Granted => (Some(all), vec![]),
            Outcome::PartlyGranted => {
                let cut = Cut { what: "person_days".to_owned(), reason: "20 are left in this period".to_owned() };
                (Some(Terms { person_days: 20, ..all }), vec![cut])
            }
            Outcome::Refused => (None, vec![]),
        };
        let reason = "as the facts stand".to_owned();
        let command = assessment::Command::Decide { outcome, terms, cuts, reason, council_act: None };
        self.judge(request, command, &actor(Role::Officer, "anna"));
        self
    }

    /// The desk takes the grant.
    pub fn take_grant(&mut self, request: &str) -> &mut Self {
        let (case, terms, key) = self.grant(request);
        self.dispatch(desk::Command::TakeGrant { case, terms, key }, &actor(Role::System, "desk"));
        self
    }

    fn grant(&self, request: &str) -> (Case, Terms, PriorityKey) {
        let subject = self.subjects.assessment(&id(request)).unwrap();
        let events = self.records.iter().rev().filter(|record| record.subject == subject);
        let events = events.flat_map(|record| stored::decode(&record.bytes).unwrap().commits).flat_map(|c| c.events);
        let decided = events.filter_map(|event| {
            if let Ok(AssessmentEvent::Decided { case, terms: Some(terms), key, .. }) = AssessmentEvent::try_from(event)
            {
                Some((case, terms, key))
            } else {
                None
            }
        });
        decided.last().expect("it was granted")
    }

    /// Submitted, assessed, granted in full, taken by the desk, a minute each.
    pub fn granted(&mut self, request: &str, facts: Facts) -> &mut Self {
        self.submitted(request, facts).assess(request).wait(1).answer(request, Outcome::Granted).wait(1);
        self.take_grant(request)
    }

    fn addressee(&self, n: u32) -> (OfferId, ProviderId, Actor) {
        let by = self.desk.offers[&offer(n)].provider.clone();
        let actor = actor(Role::Provider, by.as_str());
        (offer(n), by, actor)
    }

    pub fn accept(&mut self, n: u32) -> &mut Self {
        let (offer, by, actor) = self.addressee(n);
        self.dispatch(desk::Command::Accept { offer, by }, &actor);
        self
    }

    pub fn decline(&mut self, n: u32) -> &mut Self {
        let (offer, by, actor) = self.addressee(n);
        let (reason, note) = (DeclineReason::NoCapacity, String::new());
        self.dispatch(desk::Command::Decline { offer, by, reason, note }, &actor);
        self
    }

    pub fn stage(&mut self, n: u32, stage: Stage) -> &mut Self {
        let (offer, by, actor) = self.addressee(n);
        self.dispatch(desk::Command::ReachStage { offer, by, stage }, &actor);
        self
    }

    pub fn days(&mut self, n: u32, days_used: u32) -> &mut Self {
        let (offer, by, actor) = self.addressee(n);
        self.dispatch(desk::Command::ReportDays { offer, by, days_used }, &actor);
        self
    }

    pub fn complete(&mut self, n: u32, days_used: u32) -> &mut Self {
        let (offer, by, actor) = self.addressee(n);
        self.dispatch(desk::Command::Complete { offer, by, days_used }, &actor);
        self
    }

    pub fn wake(&mut self) -> &mut Self {
        self.dispatch(desk::Command::Wake, &actor(Role::System, "desk"));
        self
    }

    pub fn end_support(&mut self, request: &str) -> &mut Self {
        self.intake(request, request::Command::EndSupport, &actor(Role::System, "intake"));
        self
    }

    pub fn report(&mut self, request: &str) -> &mut Self {
        let report = SummaryReport {
            aim_reached: true,
            hours_to_emergency_care: Some(9),
            document_sha256: "0123456789abcdef".repeat(4),
        };
        self.intake(request, request::Command::FileReport(report), &actor(Role::Authority, "csirt-fr"));
        self
    }

    pub fn close(&mut self, request: &str, reason: CloseReason) -> &mut Self {
        self.intake(request, request::Command::Close { reason }, &actor(Role::System, "intake"));
        self
    }

    /// The whole way of one request, from the call to the report.
    pub fn whole(request: &str) -> Self {
        let mut story = Self::with(&["p1"]);
        story.granted(request, facts()).wait(10).accept(1).wait(120).stage(1, Stage::OnTask).wait(60).days(1, 12);
        story.wait(60).stage(1, Stage::Recovering).wait(60).complete(1, 30).end_support(request).wait(600);
        story.report(request);
        story
    }

    pub fn head(&self) -> Position {
        Position { sequence: self.records.len() as u64, index: 0 }
    }

    /// Everybody looked at for an offer.
    pub fn considered(&self, made: &str) -> Vec<Candidate> {
        let commits = self.records.iter().flat_map(|record| stored::decode(&record.bytes).unwrap().commits);
        let told = commits.flat_map(|commit| commit.events).find_map(|event| {
            let Event::Desk(DeskEvent::Offered { offer, considered, .. }) = event else { return None };
            (offer.as_str() == made).then_some(considered)
        });
        told.unwrap()
    }

    /// The pending offers of a package.
    pub fn pending(&self, package: &str) -> Vec<String> {
        self.desk.pending(&PackageId::parse(package).unwrap()).map(ToString::to_string).collect()
    }

    pub fn is_escalated(&self, package: &str) -> bool {
        let assignment = &self.desk.assignments[&PackageId::parse(package).unwrap()];
        assignment.standing == Standing::Waiting { escalated: true }
    }

    /// What is shown once the log has been read up to a sequence.
    pub fn read_to(&self, sequence: u64) -> (Monitor, Progress) {
        let (mut monitor, mut reader) = (Monitor::default(), Reader::default());
        for record in self.records.iter().filter(|record| record.sequence <= sequence) {
            reader.take(record, |seen, _| seen.iter().for_each(|seen| monitor.fold(seen))).unwrap();
        }
        (monitor, reader.progress().clone())
    }

    pub fn read(&self) -> (Monitor, Progress) {
        self.read_to(self.head().sequence)
    }

    /// Writes the log into a journal that holds none of it yet, or only its beginning.
    pub async fn write(&self, journal: &dyn Journal) {
        let begun = journal.last().await.unwrap();
        let mut heads: BTreeMap<&Subject, u64> = BTreeMap::new();
        for record in &self.records {
            let expected = heads.insert(&record.subject, record.sequence).unwrap_or_default();
            if record.sequence > begun {
                let appended = journal.append(&record.subject, expected, record.frame, record.bytes.clone()).await;
                assert_eq!(appended.unwrap(), record.sequence);
            }
        }
    }
}
