//! A process of Muster: one or more services on one realm, behind one address.

use std::{collections::BTreeSet, io, net::SocketAddr, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use clap::ValueEnum;
use muster_api::{
    DESCRIPTORS, dispatch::v1::dispatch_service_server, eligibility::v1::eligibility_service_server,
    intake::v1::intake_service_server, monitor::v1::monitor_service_server, registry::v1::registry_service_server,
};
use muster_dispatch::Desk;
use muster_domain::{
    kernel::{Actor, PrincipalId, RealmId, Received, Refusal, Role, Timestamp},
    registry::{
        events::{Realm, RealmClock},
        realm,
    },
};
use muster_edge::{Edge, people::People, reacting, relay::Relay, trace::Cases};
use muster_journal::{
    engine::{
        Meta, Undone,
        executor::Executor,
        follower::{Follower, View},
    },
    jetstream::{Inspection, JetStream, Unsafe},
    measured::Measured,
    port::Journal,
    subjects::Subjects,
    table::Table,
};
use muster_monitor::{health::Health, projection, views::Monitor};
use muster_runtime::{
    admin::Admin,
    clock::{Clock, ExerciseClock, SystemClock},
    ids,
    lifecycle::{Ended, Fault, Lifecycle},
    server::{HealthReporter, Server, ServingStatus},
    telemetry::metrics::{KeyValue, Metrics, Unmeasured},
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    measures,
    standing::{self, Head, Standing},
    storage::{JournalSpec, NatsOptions, Storage, StorageError},
    trust::Trust,
};

/// Muster's.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long a process may take to finish what is begun.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// How often the journal's leader is looked at: its clock, and whether it holds every record.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long whoever may not open the realm waits for the registry, and how often it looks.
const OPENED_WITHIN: Duration = Duration::from_secs(15);
const LOOK_FOR_REALM: Duration = Duration::from_millis(200);

/// How often every server of the journal is.
const INSPECT_EVERY: Duration = Duration::from_secs(10);

/// A service that a process may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Part {
    /// Who there is and what they may do.
    Registry,
    /// Opening, endorsing, submitting.
    Intake,
    /// Judging, ranking, answering.
    Eligibility,
    /// Matching, offers, engagements.
    Dispatch,
    /// Watching.
    Monitor,
}

impl Part {
    /// Every service.
    pub const ALL: [Self; 5] = [Self::Registry, Self::Intake, Self::Eligibility, Self::Dispatch, Self::Monitor];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Intake => "intake",
            Self::Eligibility => "eligibility",
            Self::Dispatch => "dispatch",
            Self::Monitor => "monitor",
        }
    }
}

/// What a process is to run.
#[derive(Clone)]
pub struct Plan {
    /// Whose log.
    pub realm: RealmId,
    /// The clock to open the realm with, if it is not open yet.
    pub opens: Option<RealmClock>,
    /// Whether that clock was asked for: an open realm keeps its own, and is refused if it was to have another.
    pub insists: bool,
    /// Where the log is.
    pub journal: JournalSpec,
    /// How JetStream is reached.
    pub nats: NatsOptions,
    /// Which services.
    pub parts: BTreeSet<Part>,
    /// Whom it believes.
    pub trust: Trust,
    /// Where to answer; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to tell orchestrators and Prometheus how the process stands, if anywhere.
    pub admin: Option<SocketAddr>,
}

/// Why a process cannot run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It has nothing to stand on.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// Nobody opened the realm.
    #[error(
        "realm {0} is not open yet: a process with --role registry opens it, an exercise with --exercise-starts-at and \
         --exercise-speed"
    )]
    NotOpen(RealmId),
    /// The realm cannot be opened like this.
    #[error("{}; {}", .0.says, .0.way_out)]
    Realm(Refusal),
    /// Nothing can be measured.
    #[error("{0}")]
    Unmeasured(#[from] Unmeasured),
    /// The address cannot be had.
    #[error("{address} cannot be listened on: {source}; choose another with {option}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// By which option it was given.
        option: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A process that is about to run.
pub struct Node {
    /// The realm and its clock.
    pub realm: Realm,
    /// What the services stand on.
    pub edge: Edge,
    /// Where the process answers.
    pub address: SocketAddr,
    /// Where it tells how it stands, if anywhere.
    pub admin: Option<SocketAddr>,
    is_encrypted: bool,
    life: Lifecycle,
}

impl Node {
    /// Opens what the plan names and starts its services. It answers calls at once, and is ready once it has read the
    /// log.
    pub async fn start(plan: Plan) -> Result<Self, StartError> {
        Self::start_by(Arc::new(SystemClock), plan).await
    }

    /// The same by another clock than the machine's, for tests.
    pub async fn start_by(machine: Arc<dyn Clock>, plan: Plan) -> Result<Self, StartError> {
        let storage = Storage::open(&plan.journal, &plan.realm, &plan.nats).await?;
        if let Some(remote) = &storage.remote {
            look_at_leader(remote, machine.as_ref()).await;
        }
        let realm = open_realm(storage.journal.clone(), machine.now(), &plan).await?;
        let life = Lifecycle::default();
        let taken = |address, option| move |source| StartError::Listen { address, option, source };
        let mut server = Server::bind(plan.listen).map_err(taken(plan.listen, "--listen"))?;
        let address = server.address();
        let (mut relay, tls) = (Relay::default(), plan.trust.tls.clone());
        let is_encrypted = tls.is_some();
        let metrics = Metrics::new([])?;
        if let Some(tls) = tls {
            server = server.over(tls.server);
            relay = tls.peers.into_iter().fold(relay, Relay::over);
            measures::of_certificates(&metrics.meter(), tls.ends, machine.clone());
        }
        let admin = plan.admin.map(|admin| Admin::bind(admin).map_err(taken(admin, "--admin-listen"))).transpose()?;
        let mut follower = Follower::default();
        let edge = Edge {
            realm: plan.realm.clone(),
            subjects: Subjects(plan.realm.clone()),
            journal: Arc::new(Measured::new(storage.journal.clone(), &metrics.meter())),
            clock: clock(&realm, machine.clone()),
            vault: storage.vault.clone(),
            identities: plan.trust.identities.clone(),
            relay,
            people: follower.view(People::default()),
            cases: follower.view(Cases::default()),
            meter: metrics.meter(),
            stopping: life.stopping(),
        };
        let mut node = Self { realm, edge, address, admin: admin.as_ref().map(Admin::address), is_encrypted, life };
        let health = HealthReporter::new();
        let found = Inspection { found: storage.unsafe_settings.clone(), replicas: Vec::new() };
        let inspected = watch::Sender::new(found);
        let head = watch::Sender::new(Head { sequence: 0, heard: Instant::now(), behind_since: None });
        let (routes, standing) = node.services(&plan, &storage, &health, &mut follower, (&inspected, &head));
        measures::of_process(&node.edge.meter, &standing, about(&plan));
        node.life.spawn_loop("head", standing::ask(node.edge.clone(), head));
        if let Some(admin) = admin {
            let checks = Arc::new(move || standing.checks());
            let (metrics, stopping) = (metrics.clone(), node.life.stopping());
            node.life.spawn("admin", async move { Ok(admin.serve(metrics, checks, stopping).await?) });
        }
        if let Some(remote) = storage.remote {
            let stopping = node.life.stopping();
            node.life.spawn_loop("journal", watch_journal(remote, machine, inspected, stopping));
        }
        let (stopping, aborting, served) = (node.life.stopping(), node.life.aborting(), CancellationToken::new());
        node.follow(follower, served.clone());
        let meter = metrics.meter();
        node.life.spawn("server", async move {
            let _guard = served.drop_guard();
            tokio::select! {
                served = server.serve(routes, DESCRIPTORS, health, &meter, stopping) => Ok(served?),
                // Whoever still waits for an answer gets none.
                () = aborting.cancelled() => Ok(()),
            }
        });
        Ok(node)
    }

    /// Where the process answers, as a URL.
    pub fn url(&self) -> String {
        self.url_of(&self.address.to_string())
    }

    fn url_of(&self, address: &str) -> String {
        format!("{}://{address}", if self.is_encrypted { "https" } else { "http" })
    }

    /// Runs until asked to stop, or until a part of it fails.
    pub async fn run(self, signals: mpsc::Receiver<()>) -> Ended {
        self.life.run(signals, STOP_PATIENCE).await
    }
}

impl Node {
    /// Starts the services of the plan: their calls, and what they do by themselves.
    fn services(
        &mut self,
        plan: &Plan,
        storage: &Storage,
        health: &HealthReporter,
        follower: &mut Follower,
        (inspected, head): (&watch::Sender<Inspection>, &watch::Sender<Head>),
    ) -> (Routes, Standing) {
        let (mut routes, edge) = (Routes::default(), &self.edge);
        let mut names = vec![""];
        let (read, is_read) = watch::channel(false);
        let mut standing = Standing {
            parts: plan.parts.clone(),
            people: edge.people.clone(),
            is_read,
            clock_off: edge.journal.clock_off(),
            desk: None,
            head: head.subscribe(),
            inspected: inspected.subscribe(),
            damaged: storage.remote.as_ref().map(|remote| remote.damaged()),
            accepted: Arc::new(plan.nats.accepted.clone()),
        };
        if plan.parts.contains(&Part::Registry) {
            names.push(registry_service_server::SERVICE_NAME);
            routes = muster_registry::Service::new(edge.clone(), follower).beside(routes);
        }
        if plan.parts.contains(&Part::Intake) {
            let service = muster_intake::Service::new(edge.clone(), follower);
            self.life.spawn_loop("intake", muster_intake::react::react(service.clone()));
            names.push(intake_service_server::SERVICE_NAME);
            routes = service.beside(routes);
        }
        if plan.parts.contains(&Part::Eligibility) {
            let service = muster_eligibility::Service::new(edge.clone(), follower);
            self.life.spawn_loop("eligibility", muster_eligibility::react::react(service.clone()));
            names.push(eligibility_service_server::SERVICE_NAME);
            routes = service.beside(routes);
        }
        if plan.parts.contains(&Part::Dispatch) {
            let (desk, driver) = Desk::new(edge, storage.lease.clone());
            let service = muster_dispatch::Service::new(edge.clone(), follower, desk.clone());
            let advertised = plan.trust.advertise.as_ref().map(|address| self.url_of(address));
            let (address, standby, work) =
                (advertised.unwrap_or_else(|| self.url()), service.standby(), service.standby());
            self.life.spawn_loop("desk", async move { driver.run(&address, standby).await });
            measures::of_dispatch(&edge.meter, &desk, move |look| look(work.now().work()));
            standing.desk = Some(desk.clone());
            self.life.spawn(
                "desk-ready",
                desk_ready(edge.clone(), health.clone(), dispatch_service_server::SERVICE_NAME, desk),
            );
            routes = service.beside(routes);
        }
        if plan.parts.contains(&Part::Monitor) {
            let service = muster_monitor::Service::new(edge.clone(), follower, health_of(plan, &standing));
            let clock = edge.clock.clone();
            measures::of_realm(&edge.meter, &service.view(), Arc::new(move || clock.now()));
            if let Some(dir) = storage.projections.clone() {
                self.life.spawn_loop("projector", project(edge.clone(), service.view(), dir));
            }
            self.life.spawn_loop("auditor", service.clone().audit());
            names.push(monitor_service_server::SERVICE_NAME);
            routes = service.beside(routes);
        }
        self.life.spawn("ready", ready(edge.clone(), health.clone(), names, read));
        (routes, standing)
    }

    /// Reads the log for every view of the process, until the last call is answered: a call that is done waits for the views
    /// to show it.
    fn follow(&mut self, follower: Follower, served: CancellationToken) {
        let (journal, aborting) = (self.edge.journal.clone(), self.life.aborting());
        self.life.spawn("follower", async move {
            tokio::select! {
                broken = follower.run(journal) => Err(broken.into()),
                () = served.cancelled() => Ok(()),
                () = aborting.cancelled() => Ok(()),
            }
        });
    }
}

/// How the process stands, for whoever asks monitor.
fn health_of(plan: &Plan, standing: &Standing) -> Health {
    let (settings, roles) = (standing.clone(), standing.clone());
    Health {
        version: VERSION.to_owned(),
        journal: plan.journal.kind(),
        unsafe_settings: Arc::new(move || settings.unsafe_settings()),
        roles: Arc::new(move || roles.roles()),
    }
}

/// What a process says of itself beside its measures.
fn about(plan: &Plan) -> Vec<KeyValue> {
    let of = [("version", VERSION), ("realm", plan.realm.as_str()), ("journal", plan.journal.kind())];
    of.map(|(name, value)| KeyValue::new(name, value.to_owned())).to_vec()
}

/// Keeps monitor's rows on disk. They are a copy for other tools: without them Muster answers all the same.
async fn project(edge: Edge, view: View<Monitor>, dir: PathBuf) {
    let head = reacting::head(&edge).await;
    let origin = projection::origin(&edge.realm);
    let opened = tokio::task::spawn_blocking(move || Table::open(&dir, &origin, head)).await;
    match opened.map_err(io::Error::other).and_then(|opened| opened.map_err(io::Error::other)) {
        Ok(table) => projection::project(view, table, head, edge.stopping.clone()).await,
        Err(error) => tracing::error!(%error, "the rows on disk are not kept"),
    }
    edge.stopping.cancelled().await;
}

/// Looks at the journal's servers until the process stops.
async fn watch_journal(
    journal: Arc<JetStream>,
    machine: Arc<dyn Clock>,
    inspected: watch::Sender<Inspection>,
    stopping: CancellationToken,
) {
    let looking = async {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            look_at_leader(&journal, machine.as_ref()).await;
        }
    };
    let inspecting = async {
        loop {
            tokio::time::sleep(INSPECT_EVERY).await;
            let inspection = journal.inspect().await;
            let found = inspection.found.clone();
            let news = |known: &mut Inspection| std::mem::replace(known, inspection).found != found;
            if inspected.send_if_modified(news) {
                for Unsafe { name, says, way_out } in &found {
                    tracing::warn!(name, "{says}; {way_out}");
                }
            }
        }
    };
    tokio::select! {
        () = looking => {}
        () = inspecting => {}
        () = stopping.cancelled() => {}
    }
}

/// A journal that does not answer takes no frames either: what was found before holds until it does.
async fn look_at_leader(journal: &JetStream, machine: &dyn Clock) {
    if let Err(error) = journal.look_at_leader(|| machine.now()).await {
        tracing::debug!(%error, "the journal's leader does not answer");
    }
}

/// Says that services are ready once this process has read all that was in the log when it started, and while its clock
/// shows the journal's time.
async fn ready(
    edge: Edge,
    health: HealthReporter,
    names: Vec<&'static str>,
    read: watch::Sender<bool>,
) -> Result<(), Fault> {
    for name in &names {
        health.set_service_status(name, ServingStatus::NotServing).await;
    }
    let mut clock_off = edge.journal.clock_off();
    if caught_up(&edge).await {
        read.send_replace(true);
        loop {
            let serving = clock_off.borrow_and_update().is_none();
            let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
            if serving {
                tracing::info!("ready");
            }
            for name in &names {
                health.set_service_status(name, status).await;
            }
            tokio::select! {
                changed = clock_off.changed() => if changed.is_err() { break },
                () = edge.stopping.cancelled() => break,
            }
        }
    }
    edge.stopping.cancelled().await;
    Ok(())
}

/// Says that dispatch is ready while somebody decides for the desk, here or where calls are relayed to.
async fn desk_ready(edge: Edge, health: HealthReporter, name: &'static str, desk: Desk) -> Result<(), Fault> {
    health.set_service_status(name, ServingStatus::NotServing).await;
    let mut state = desk.state();
    if caught_up(&edge).await {
        loop {
            let serving = state.borrow_and_update().is_serving();
            let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
            health.set_service_status(name, status).await;
            tokio::select! {
                changed = state.changed() => if changed.is_err() { break },
                () = edge.stopping.cancelled() => break,
            }
        }
    }
    edge.stopping.cancelled().await;
    Ok(())
}

/// Waits until this process has read all that was in the log when it started; false if it stopped before.
async fn caught_up(edge: &Edge) -> bool {
    let reading = async {
        let head = reacting::head(edge).await;
        let mut steps = edge.people.steps();
        // The follower's end ends the process; nobody is told that it is ready.
        steps.wait_for(|progress| progress.position.sequence >= head).await.is_ok()
    };
    tokio::select! {
        read = reading => read,
        () = edge.stopping.cancelled() => false,
    }
}

/// The realm's clock.
fn clock(realm: &Realm, machine: Arc<dyn Clock>) -> Arc<dyn Clock> {
    match realm.clock {
        RealmClock::System => machine,
        RealmClock::Exercise { starts_at, started, speed } => {
            let speed = NonZeroU32::new(speed).unwrap_or(NonZeroU32::MIN);
            Arc::new(ExerciseClock::on(machine, starts_at, started, speed))
        }
    }
}

/// The realm as it was opened; opens it if nobody has and the plan says how.
async fn open_realm(journal: Arc<dyn Journal>, now: Timestamp, plan: &Plan) -> Result<Realm, StartError> {
    let refused = |undone: Undone| StartError::Realm(undone.into());
    let subject = Subjects(plan.realm.clone()).realm();
    let subject = subject.map_err(|error| refused(Undone::Unavailable(error.to_string())))?;
    // The first moment of the realm's own time: log time begins here.
    let at = match plan.opens {
        Some(RealmClock::Exercise { starts_at, .. }) => starts_at,
        Some(RealmClock::System) | None => now,
    };
    let executor = Executor::<Realm>::new(journal, Arc::new(move || at), ids::new);
    let (opens, deadline) = (plan.parts.contains(&Part::Registry), Instant::now() + OPENED_WITHIN);
    // Processes on shared servers may be started in any order, and while the servers elect a leader.
    let known = loop {
        let looked = executor.read(&subject).await.map(|realm| realm.state);
        let may_come = match &looked {
            Ok(known) => known.is_none() && !opens,
            Err(error) => matches!(error, Undone::Unavailable(_)),
        };
        if !may_come || !matches!(plan.journal, JournalSpec::Nats(_)) || Instant::now() >= deadline {
            break looked.map_err(refused)?;
        }
        tokio::time::sleep(LOOK_FOR_REALM).await;
    };
    let clock = match (&known, plan.opens) {
        (Some(realm), _) if !plan.insists => return Ok(realm.clone()),
        // Only the registry writes here.
        (None, _) if !opens => return Err(StartError::NotOpen(plan.realm.clone())),
        (_, None) => return Err(StartError::NotOpen(plan.realm.clone())),
        (_, Some(clock)) => clock,
    };
    let realm = Realm { id: plan.realm.clone(), clock };
    let by = Actor { role: Role::Operator, principal: PrincipalId::parse("muster").unwrap_or_default() };
    let (command, received) = (ids::new(), Received { at, by });
    let meta = Meta { command, fingerprint: [0; 32], received, causation: None, correlation: command, trace: None };
    executor.execute(&subject, realm::Command::Open(realm.clone()), meta).await.map_err(refused)?;
    Ok(executor.read(&subject).await.map_err(refused)?.state.unwrap_or(realm))
}
