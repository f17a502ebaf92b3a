//! A crash at every boundary of what a process writes, with a crowd at work: two processes with every role on a real
//! nats-server, and one on a journal of its own. Nothing acknowledged is lost, nothing is done twice, and what stands on the
//! disk is what the log says.

use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::Command,
    sync::{Arc, Mutex, PoisonError, RwLock},
    thread,
    time::Duration,
};

use muster_domain::kernel::RealmId;
use muster_journal::{
    crash::Boundary::{self, *},
    embedded::Embedded,
};
use muster_sim::{
    log::{Entry, read_log},
    run::rng::Rng,
};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::{
    cast::Cast,
    chaos::{Addresses, Crowd, Seen},
    fleet::{Endpoints, Fleet, Pace, ROLES},
    nats::NatsServer,
    process::{Process, binary},
    verdict::{Counts, board, contacts_are_kept, verdict, verdict_on},
};

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };
const CLIENTS: u64 = 4;
/// How often a round crashes at each boundary; less often where it takes a new journal, or three seconds until another process
/// may take the lease.
const TIMES: usize = 3;
const TIMES_WHERE_SLOW: usize = 2;
/// A process that has not met its boundary by then is asked to stop, which meets those of stopping.
const LIFE: Duration = Duration::from_secs(4);
/// One that has met all of its own lives and rests in turn, so that others come to hold the lease.
const SHORT_LIFE: Duration = Duration::from_secs(1);
const REST: Duration = Duration::from_millis(500);
/// One that is to crash while it gives up the lease has seen the other rest by then, and holds it.
const LIFE_OF_HOLDER: Duration = Duration::from_secs(2);
/// How often a boundary may be missed.
const TRIES: u32 = 20;

/// How often a process crashed at each boundary.
pub type Crashes = BTreeMap<Boundary, usize>;

/// What a round did.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// On nats-server: what came of the crowd's commands.
    pub on_nats: Counts,
    /// On the embedded journal.
    pub on_disk: Counts,
    /// Crashes.
    pub crashes: Crashes,
}

/// Which journal a boundary is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    Either,
    Nats,
    Disk,
    /// Only where there is no journal yet.
    Nothing,
}

/// The ground of a boundary, and by which passing at the latest a process dies there: what comes rarely, soon.
const fn ground(boundary: Boundary) -> (Ground, usize) {
    match boundary {
        JournalMade | JournalClaimed | KeyWritten | KeyNamed => (Ground::Nothing, 1),
        AppendBegun | AppendDone | AnswerKnown => (Ground::Either, 40),
        VaultBegun | VaultDone => (Ground::Either, 6),
        WriteBegun | WriteDone | WriteSynced | WriteNoted => (Ground::Disk, 20),
        RowsBegun | RowsDone => (Ground::Disk, 2),
        LeaseFree | LeaseTaken | LeaseAging | LeaseRenewed | LeaseEnding | LeaseReturned => (Ground::Nats, 1),
    }
}

impl Ground {
    /// How often a round crashes at its boundaries.
    const fn times(self) -> usize {
        match self {
            Self::Either | Self::Disk => TIMES,
            Self::Nats | Self::Nothing => TIMES_WHERE_SLOW,
        }
    }
}

fn life(boundary: Boundary) -> Duration {
    if matches!(boundary, LeaseEnding | LeaseReturned) { LIFE_OF_HOLDER } else { LIFE }
}

/// One round. It leaves nothing behind, and panics where a promise is broken.
pub async fn round(seed: u64) -> Figures {
    let ((on_nats, mut crashes), (on_disk, more)) = tokio::join!(Box::pin(on_nats(seed)), Box::pin(on_disk(seed)));
    for (boundary, times) in more {
        *crashes.entry(boundary).or_default() += times;
    }
    for boundary in Boundary::ALL {
        let met = crashes.get(&boundary).copied().unwrap_or_default();
        assert!(met >= ground(boundary).0.times(), "{} is crashed at {met} times only: {crashes:?}", boundary.as_str());
    }
    Figures { on_nats, on_disk, crashes }
}

async fn on_nats(seed: u64) -> (Counts, Crashes) {
    let mut fleet = Fleet::start_on(NatsServer::start(), &[&ROLES, &ROLES], PACE, &["replicas"]);
    let addresses = fleet.endpoints();
    let cast = Cast::new(|role| fleet.addresses(role).first().expect("two replicas").clone());
    // One of them alone, so that a lease comes to it when it needs one.
    let plans = vec![plan(seed, &[Ground::Either]), plan(seed, &[Ground::Nats])];
    let (seen, crashes);
    (fleet, seen, crashes) = crash(fleet, Fleet::processes, addresses, cast, plans, seed).await;
    (verdict(&fleet, seen).await, crashes)
}

async fn on_disk(seed: u64) -> (Counts, Crashes) {
    let mut crashes = Crashes::new();
    let mut made = || made_with_crashes(&mut crashes);
    (1..Ground::Nothing.times()).for_each(|_| drop(made()));
    let (mut process, dir) = made();
    let addresses = ROLES.into_iter().map(|role| (role, vec![process.endpoint()])).collect();
    let cast = Cast::new(|_| process.address().to_owned());
    let plans = vec![plan(seed, &[Ground::Either, Ground::Disk])];
    let (seen, more);
    (process, seen, more) = crash(process, |process| vec![process], addresses, cast, plans, seed).await;
    crashes.extend(more);

    assert!(process.stop().success(), "{}", process.said());
    let mut verify = Command::new(binary());
    let verified = verify.args(["projections", "verify"]).args(journal_in(&dir)).output().expect("muster runs");
    assert!(verified.status.success(), "{verified:?}");
    assert_eq!(names(dir.path()), ["journal", "projections", "vault", "vault.key"], "nothing else is left");
    let log = log(&dir.path().join("journal")).await;
    let counts = verdict_on(&log, seen);
    process.restart();
    let cast = Cast::new(|_| process.address().to_owned());
    board(&cast, &log).await;
    contacts_are_kept(&cast, &log).await;
    (counts, crashes)
}

/// A process that crashed at each boundary of making its journal, one start after the other, and now runs.
fn made_with_crashes(crashes: &mut Crashes) -> (Process, TempDir) {
    let dir = TempDir::new().expect("a directory for the journal");
    let speed = PACE.speed.to_string();
    let up =
        ["up", "--listen", "127.0.0.1:0", "--exercise-starts-at", "2026-11-02T08:00:00Z", "--exercise-speed", &speed];
    let args = up.into_iter().map(str::to_owned).chain(journal_in(&dir));
    let mut process = Process::new(args, [("MUSTER_CONTEXT", "")]);
    for boundary in Boundary::ALL.into_iter().filter(|boundary| ground(*boundary).0 == Ground::Nothing) {
        assert!(!process.restart_to_crash(&format!("{}:1", boundary.as_str())), "{} is not met", boundary.as_str());
        assert!(is_crash(&mut process, LIFE), "{}", process.said());
        *crashes.entry(boundary).or_default() += 1;
    }
    process.restart();
    (process, dir)
}

fn journal_in(dir: &TempDir) -> [String; 4] {
    ["--realm", "drill", "--journal", &format!("embedded:{}", dir.path().display())].map(str::to_owned)
}

fn names(dir: &Path) -> Vec<String> {
    let entries = dir.read_dir().expect("the directory is there");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name().display().to_string()).collect();
    names.sort();
    names
}

async fn log(dir: &Path) -> Vec<Entry> {
    let journal = Embedded::open(dir, &RealmId::parse("drill").expect("a realm")).expect("the journal is whole");
    read_log(&journal).await.expect("the log can be read")
}

/// The crashes of one process: at which boundary, and by which passing.
type Plan = Vec<(Boundary, usize)>;

/// All crashes on these grounds, in random order.
fn plan(seed: u64, grounds: &[Ground]) -> Plan {
    let (mut lots, mut plan) = (Rng::new(seed, "boundaries"), Plan::new());
    for boundary in Boundary::ALL {
        let (ground, latest) = ground(boundary);
        for _ in 0..if grounds.contains(&ground) { ground.times() } else { 0 } {
            plan.insert(lots.index(plan.len() + 1), (boundary, 1 + lots.index(latest)));
        }
    }
    plan
}

/// Lets a crowd act while each process crashes as planned; in the end all run in peace.
async fn crash<T: Send + 'static>(
    mut held: T,
    processes: fn(&mut T) -> Vec<&mut Process>,
    addresses: Endpoints,
    mut cast: Cast,
    plans: Vec<Plan>,
    seed: u64,
) -> (T, Seen, Crashes) {
    cast.register(6).await;
    let addresses: Addresses = Arc::new(RwLock::new(addresses));
    let crowd = Crowd::at_work(addresses.clone(), cast.now().await, seed, CLIENTS);
    let crashing = spawn_blocking(move || {
        let crashes = Mutex::default();
        thread::scope(|scope| {
            let busy = Arc::new(());
            for (replica, (process, plan)) in processes(&mut held).into_iter().zip(plans).enumerate() {
                let doomed = Doomed { process, replica, addresses: &addresses };
                let (busy, crashes) = (busy.clone(), &crashes);
                scope.spawn(move || doomed.live(plan, busy, crashes));
            }
        });
        (held, crashes.into_inner().unwrap_or_else(PoisonError::into_inner))
    });
    let (held, crashes) = crashing.await.expect("every process crashes as planned");
    (held, crowd.end().await, crashes)
}

/// A process that is to crash, and who must know where it answers.
struct Doomed<'a> {
    process: &'a mut Process,
    replica: usize,
    addresses: &'a Addresses,
}

impl Doomed<'_> {
    /// Crashes as planned, then stops and starts until nobody is `busy` with a plan, and in the end runs.
    fn live(mut self, plan: Plan, busy: Arc<()>, crashes: &Mutex<Crashes>) {
        let all = Arc::downgrade(&busy);
        for (boundary, passing) in plan {
            let (at, life) = (format!("{}:{passing}", boundary.as_str()), life(boundary));
            assert!((0..TRIES).any(|_| self.crashes(&at, life)), "{at} is never met");
            *crashes.lock().unwrap_or_else(PoisonError::into_inner).entry(boundary).or_default() += 1;
        }
        drop(busy);
        while all.strong_count() > 0 {
            assert!(!self.crashes("", SHORT_LIFE), "{}", self.process.said());
            thread::sleep(REST);
        }
        self.process.restart();
        self.publish();
    }

    fn crashes(&mut self, at: &str, life: Duration) -> bool {
        if self.process.restart_to_crash(at) {
            self.publish();
        }
        is_crash(self.process, life)
    }

    fn publish(&self) {
        let mut addresses = self.addresses.write().unwrap_or_else(PoisonError::into_inner);
        let own = addresses.values_mut().filter_map(|of_role| of_role.get_mut(self.replica));
        own.for_each(|endpoint| *endpoint = self.process.endpoint());
    }
}

/// Whether a process crashed as it was to; it has ended in any case. Whatever else ends it is a fault.
fn is_crash(process: &mut Process, life: Duration) -> bool {
    /// What a process that aborts itself ends by.
    const SIGABRT: i32 = 6;
    let ended = process.ends_within(life).unwrap_or_else(|| process.stop());
    assert!(ended.success() || ended.signal() == Some(SIGABRT), "{ended}: {}", process.said());
    ended.signal().is_some()
}
