//! A service over real gRPC on the memory journal, with a clock that moves only when told to.
#![expect(clippy::expect_used, reason = "a test's harness fails by panicking")]

use std::{sync::Arc, time::Duration};

use muster_domain::{
    event::Event,
    kernel::{Actor, PrincipalId, RealmId, Role, Timestamp},
};
use muster_journal::{
    engine::follower::Follower,
    memory::Memory,
    port::{Journal, Subject},
    stored::{self, Commit, Frame, Position},
    subjects::Subjects,
    vault::{InMemory, MasterKey, SealedVault},
};
use muster_runtime::{
    clock::ManualClock,
    identity::Identities,
    ids,
    server::{HealthReporter, Server},
    telemetry::metrics::Metrics,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{
    Request, Status,
    service::Routes,
    transport::{Channel, Endpoint},
};

use crate::{Edge, people::People, relay::Relay, trace::Cases};

/// When the rig's clock starts: 2026-11-02T08:00:00Z, a Monday.
pub const START: Timestamp = Timestamp::from_millis(1_793_606_400_000);

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running service. Dropping it stops it.
pub struct Rig {
    /// What the service stands on.
    pub edge: Edge,
    /// The realm's clock.
    pub clock: ManualClock,
    /// Where it answers, as a URI.
    pub address: String,
    channel: Channel,
    _stop: DropGuard,
}

impl Rig {
    /// Starts services on a journal of their own; only inside a tokio runtime.
    pub fn start(build: impl FnOnce(&Edge, &mut Follower) -> Routes) -> Self {
        Self::start_on(Arc::new(Memory::new()), ManualClock::at(START), build)
    }

    /// Starts services on a journal that others use too, as another replica.
    pub fn start_on(
        journal: Arc<dyn Journal>,
        clock: ManualClock,
        build: impl FnOnce(&Edge, &mut Follower) -> Routes,
    ) -> Self {
        let realm = RealmId::parse("drill").expect("a realm");
        let mut follower = Follower::default();
        let stopping = CancellationToken::new();
        let metrics = Metrics::new([]).expect("measures");
        let edge = Edge {
            subjects: Subjects(realm.clone()),
            vault: Arc::new(SealedVault::new(&realm, MasterKey::ephemeral(), InMemory::default())),
            realm,
            journal: journal.clone(),
            clock: Arc::new(clock.clone()),
            identities: Identities::development(),
            relay: Relay::default(),
            people: follower.view(People::default()),
            cases: follower.view(Cases::default()),
            meter: metrics.meter(),
            stopping: stopping.clone(),
        };
        let server = Server::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let address = format!("http://{}", server.address());
        let routes = build(&edge, &mut follower);
        tokio::spawn(follower.run(journal));
        let health = HealthReporter::new();
        let (meter, stopped) = (metrics.meter(), stopping.clone());
        tokio::spawn(async move { server.serve(routes, muster_api::DESCRIPTORS, health, &meter, stopped).await });
        let channel = Endpoint::from_shared(address.clone()).expect("an address").connect_lazy();
        Self { edge, clock, address, channel, _stop: stopping.drop_guard() }
    }

    /// Where clients connect.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Appends one commit to a subject, as the context that writes it would, at the clock's time.
    pub async fn append(&self, subject: &Subject, by: Actor, events: Vec<Event>) -> Position {
        let records = self.edge.journal.load(subject, 0).await.expect("the log can be read");
        let last = records.last();
        let (now, command) = (self.edge.clock.now(), ids::new());
        let decided_at = last.map(|record| {
            let frame = stored::decode(&record.bytes).expect("the log holds frames");
            let index = u32::try_from(frame.commits.len()).expect("few commits").saturating_sub(1);
            Position { sequence: record.sequence, index }
        });
        let commit = Commit {
            command,
            fingerprint: [0; 32],
            received_at: now,
            recorded_at: now,
            actor: by,
            causation: None,
            correlation: command,
            policy: None,
            decided_at,
            taken: None,
            events,
            trace: None,
        };
        let previous = last.map(|record| stored::hash(&record.bytes)).unwrap_or_default();
        let frame = Frame { id: ids::new(), previous, commits: vec![commit] };
        let expected = last.map_or(0, |record| record.sequence);
        let appended = self.edge.journal.append(subject, expected, frame.id, stored::encode(&frame)).await;
        Position { sequence: appended.expect("the head is as it was read"), index: 0 }
    }

    /// Waits until the process has read all that is in the log.
    pub async fn settle(&self) {
        let head = self.edge.journal.last().await.expect("the log can be read");
        self.edge.people.reaches(head, PATIENCE).await.expect("the follower keeps up");
    }
}

/// Somebody of a role.
pub fn actor(role: Role, id: &str) -> Actor {
    Actor { role, principal: PrincipalId::parse(id).expect("an id") }
}

/// A call of somebody of a role.
pub fn call<M>(role: Role, id: &str, message: M) -> Request<M> {
    let mut call = Request::new(message);
    let token = format!("Bearer dev:{role}:{id}").parse().expect("a token is ASCII");
    call.metadata_mut().insert("authorization", token);
    call
}

/// The stable reason of a refusal.
pub fn reason(no: &Status) -> String {
    muster_runtime::status::explain(no).reason
}
