//! What these tests write into a realm's log: catalogues of services and the records of providers.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use muster_domain::{
    codes::{Country, Language, ServiceId},
    event::Event,
    kernel::{Actor, ContractId, PrincipalId, ProviderId, RealmId, Received, Role, Timestamp},
    registry::{
        catalogue,
        events::{Capacity, CatalogueEvent, Contract, Mobilisation, Provider, ServiceEntry},
    },
};
use muster_journal::{
    engine::{Meta, Now},
    port::{Context, Journal, Record, Subject},
    stored::{self, Commit, Frame, Position},
    subjects::Subjects,
};
use uuid::Uuid;

/// When these tests' clocks start.
pub const START: i64 = 1_790_000_000_000;

/// So many milliseconds after the start.
pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

/// The realm's subjects.
pub fn subjects() -> Subjects {
    Subjects(RealmId::parse("test").unwrap())
}

/// The subject of the realm's catalogue.
pub fn catalogue() -> Subject {
    subjects().catalogue().unwrap()
}

/// Any subject of intake.
pub fn case(id: &str) -> Subject {
    Subject::new(&subjects().0, Context::Intake, id).unwrap()
}

/// A clock that stands where it was put.
#[derive(Clone, Default)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    /// Puts it so many milliseconds after the start.
    pub fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::Relaxed);
    }

    /// What it shows, for a loop.
    pub fn now(&self) -> Now {
        let clock = self.clone();
        Arc::new(move || at(clock.0.load(Ordering::Relaxed)))
    }
}

/// An id that this process has not given before.
pub fn new_id() -> Uuid {
    static GIVEN: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(GIVEN.fetch_add(1, Ordering::Relaxed).into())
}

/// Who acts.
pub fn actor(principal: &str) -> Actor {
    Actor { role: Role::Operator, principal: PrincipalId::parse(principal).unwrap() }
}

/// What goes with a command: the same `id` and `payload` are the same command.
pub fn meta(id: u64, payload: u8) -> Meta {
    meta_of("operator-1", id, payload)
}

/// What goes with a command of somebody.
pub fn meta_of(principal: &str, id: u64, payload: u8) -> Meta {
    let command = Uuid::from_u128(u128::from(id) << 64);
    let received = Received { at: at(0), by: actor(principal) };
    Meta { command, fingerprint: [payload; 32], received, causation: None, correlation: command, trace: None }
}

/// A service of its own, by number.
pub fn service(number: u64, name: &str) -> ServiceEntry {
    let id = ServiceId::parse(&format!("x.s-{number}")).unwrap();
    ServiceEntry { id, name: name.to_owned(), source: String::new() }
}

/// Adds one service to the catalogue.
pub fn extend(number: u64, name: &str) -> catalogue::Command {
    catalogue::Command::Extend(vec![service(number, name)])
}

/// The event that adds one service.
pub fn extended(number: u64) -> Event {
    CatalogueEvent::Extended(vec![service(number, "a service")]).into()
}

/// A provider with one contract for so many teams.
pub fn provider(teams: u32) -> Provider {
    let hours = Duration::from_hours;
    let france = Country::parse("FR").unwrap();
    let contract = Contract {
        id: ContractId::parse("c-1").unwrap(),
        from: at(0),
        until: at(1_000_000_000),
        services: BTreeSet::from([ServiceId::parse("isim.forensics").unwrap()]),
        member_states: BTreeSet::from([france]),
        capacity: Capacity { teams, onsite_teams: 0, person_days: 100, pre_committed_days: 0 },
        mobilisation: Mobilisation { remote: hours(2), onsite_home: hours(6), onsite_abroad: hours(16) },
    };
    Provider {
        id: ProviderId::parse("halden-quay").unwrap(),
        name: "Halden Quay Response (fictional)".to_owned(),
        established_in: france,
        controlled_from: france,
        contracts: vec![contract],
        languages: BTreeSet::from([Language::parse("fr").unwrap()]),
        certificates: vec![],
        clearances: BTreeSet::new(),
        health_references: 1,
        conflicts: vec![],
    }
}

/// A commit of these events, recorded at a moment.
pub fn commit(command: u64, recorded_at: Timestamp, events: Vec<Event>) -> Commit {
    let command = Uuid::from_u128(u128::from(command) << 64);
    Commit {
        command,
        fingerprint: [0; 32],
        received_at: recorded_at,
        recorded_at,
        actor: actor("operator-1"),
        causation: None,
        correlation: command,
        policy: None,
        decided_at: None,
        taken: None,
        events,
        trace: None,
    }
}

/// Appends commits as the next frame of a subject; gives the frame's sequence.
pub async fn write(journal: &dyn Journal, subject: &Subject, commits: Vec<Commit>) -> u64 {
    let before = journal.load(subject, 0).await.unwrap();
    let previous = before.last().map(|record| stored::hash(&record.bytes)).unwrap_or_default();
    write_raw(journal, subject, stored::encode(&Frame { id: new_id(), previous, commits })).await
}

/// Appends bytes, whatever they are, as the next record of a subject; gives its sequence.
pub async fn write_raw(journal: &dyn Journal, subject: &Subject, bytes: Bytes) -> u64 {
    let head = journal.head(subject).await.unwrap();
    journal.append(subject, head, new_id(), bytes).await.unwrap()
}

/// Every commit of these records, with its place.
pub fn commits(records: &[Record]) -> Vec<(Position, Commit)> {
    let mut all = Vec::new();
    for Record { sequence, bytes, .. } in records {
        let frame = stored::decode(bytes).unwrap();
        let places = (0..).map(|index| Position { sequence: *sequence, index });
        all.extend(places.zip(frame.commits));
    }
    all
}
