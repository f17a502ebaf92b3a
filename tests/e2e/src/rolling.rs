//! All processes replaced one by one, by the same build or by a newer one, while a crowd is at work: nobody is turned away for long.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{
    cast::Cast,
    chaos::{Addresses, AtWork, Crowd},
    cluster::Cluster,
    entry::{Entry, Secrets},
    fleet::{Endpoints, Fleet, Pace, ROLES},
    http::get,
    nats::Servers,
    process::{binary, free_address},
    verdict::{Counts, verdict},
};

/// Half an hour of an offer is three seconds here.
pub const PACE: Pace = Pace { speed: 600 };
/// Replicas of each role.
pub const REPLICAS: usize = 2;
/// Commands that must be answered while something is amiss, or between two roles.
pub const BETWEEN: usize = 40;
const CLIENTS: u64 = 4;
/// How long a process may take until it is ready, and how often it is asked.
const READY_WITHIN: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Nobody is turned away for longer while processes are replaced.
const TURNED_AWAY: Duration = Duration::from_secs(1);
/// An older process stops at what a newer one adds to the log, so whoever writes little goes first (`deploy/README.md`).
const READERS_FIRST: [&str; 5] = ["monitor", "dispatch", "eligibility", "intake", "registry"];

/// What came of it.
#[derive(Clone, Debug)]
pub struct Figures {
    /// How many processes were replaced.
    pub replaced: usize,
    /// How long the slowest command took.
    pub longest: Duration,
    /// What commands came to.
    pub counts: Counts,
}

/// The groups of a fleet with replicas of every role, each a process of its own.
pub fn groups() -> Vec<&'static [&'static str]> {
    ROLES.iter().flat_map(|role| std::iter::repeat_n(std::slice::from_ref(role), REPLICAS)).collect()
}

/// A crowd at work, and where it is told that processes answer.
pub async fn crowd(endpoints: Endpoints, seed: u64) -> (AtWork, Addresses) {
    let mut cast = Cast::new(|role| endpoints.get(role).and_then(|of_role| of_role.first()).expect("it runs").clone());
    let shared: Addresses = Arc::new(RwLock::new(endpoints));
    cast.register(6).await;
    let now = cast.now().await;
    (Crowd::at_work(shared.clone(), now, seed, CLIENTS), shared)
}

/// Tells the crowd where processes answer now.
pub fn tell<S: Servers>(shared: &Addresses, fleet: &Fleet<S>) {
    *shared.write().unwrap_or_else(PoisonError::into_inner) = fleet.endpoints();
}

/// Waits until a process says that it is ready.
async fn ready(admin: &str) {
    let deadline = Instant::now() + READY_WITHIN;
    while let Err(error) = get(admin.trim_start_matches("http://"), "/readyz").await {
        assert!(Instant::now() < deadline, "{admin} is never ready: {error}");
        sleep(ASK_EVERY).await;
    }
}

/// Begins with processes of the build `older` and replaces each by this build, on the three servers that Muster is deployed with.
/// Fails if a command takes long, or if anything that was promised does not hold in the end.
pub async fn round(seed: u64, older: &Path) -> Figures {
    let admin = |_: &[&str]| vec!["--admin-listen".to_owned(), "127.0.0.1:0".to_owned()];
    let mut fleet = Fleet::start_as(older, Cluster::start(), &groups(), PACE, &[], admin);
    let (mut crowd, shared) = crowd(fleet.endpoints(), seed).await;
    replace_all(&mut fleet, &mut crowd, |fleet| tell(&shared, fleet)).await;
    judge(&fleet, crowd).await
}

/// The same of this build alone, while everybody calls one address, and is told nothing; nothing if there is no Envoy here.
pub async fn behind_one_address(seed: u64) -> Option<Figures> {
    let secrets = Secrets::make();
    let with = |_: &[&str]| {
        let own = ["--listen", &free_address(), "--admin-listen", "127.0.0.1:0"].map(str::to_owned);
        own.into_iter().chain(secrets.arguments()).collect()
    };
    let mut fleet = Fleet::start_each(Cluster::start(), &groups(), PACE, &[], with);
    let place = |address: &String| address.trim_start_matches("https://").to_owned();
    let entry = Entry::start(secrets, |role| fleet.addresses(role).iter().map(place).collect())?;
    let (mut crowd, _) = crowd(entry.endpoints(), seed).await;
    replace_all(&mut fleet, &mut crowd, |_| {}).await;
    Some(judge(&fleet, crowd).await)
}

/// Replaces every process by this build, role by role, and waits each time until the new one is ready.
async fn replace_all(fleet: &mut Fleet<Cluster>, crowd: &mut AtWork, is_replaced: impl Fn(&Fleet<Cluster>)) {
    for role in READERS_FIRST {
        // Both builds are at work, side by side.
        crowd.goes_on(BETWEEN).await;
        for n in fleet.places(role) {
            let process = fleet.process(n);
            assert!(process.stop().success(), "it ends as it should:\n{}", process.said());
            process.becomes(binary());
            process.restart();
            let admin = process.admin().to_owned();
            ready(&admin).await;
            is_replaced(fleet);
        }
    }
    crowd.goes_on(BETWEEN).await;
}

async fn judge(fleet: &Fleet<Cluster>, crowd: AtWork) -> Figures {
    let seen = crowd.end().await;
    let given = seen.lanes.iter().flatten();
    let longest =
        given.map(|(act, operation)| (operation.returned - operation.invoked, act)).max_by_key(|(took, _)| *took);
    let (took, act) = longest.expect("somebody did something");
    let longest = Duration::from_micros(took);
    assert!(longest <= TURNED_AWAY, "{act:?} took {longest:?}");
    let counts = verdict(fleet, seen).await;
    Figures { replaced: fleet.len(), longest, counts }
}
