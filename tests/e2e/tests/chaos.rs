//! Two replicas of every role on a real nats-server, random commands, and processes killed without warning in between: every
//! invariant holds over the log, and no client was told anything that the log does not bear out.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, RwLock},
};

use futures::future::join_all;
use muster_api::{
    monitor::v1::{GetBoardRequest, GetBoardResponse},
    r#type::v1::{Position, ReadAt},
};
use muster_domain::kernel::Role;
use muster_e2e::{
    cast::{Cast, surely},
    chaos::{Act, Addresses, Crowd, Lots},
    fleet::{Fleet, Pace, ROLES},
};
use muster_edge::testing::call;
use muster_journal::subjects::id_of;
use muster_sim::{
    history::{self, Operation, Outcome},
    log::commits,
    oracles,
};
use tokio::{runtime::Handle, sync::watch};

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };
const SEED: u64 = 20_261_124;
const LANES: usize = 8;
const COMMANDS: usize = 2_000;
/// A process is killed after so many commands.
const CRASH_EVERY: usize = 100;

fn addresses(fleet: &Fleet) -> BTreeMap<&'static str, Vec<String>> {
    ROLES.into_iter().map(|role| (role, fleet.addresses(role))).collect()
}

/// Kills a process without warning whenever another hundred commands were given; tells how many.
fn crash(fleet: Arc<Mutex<Fleet>>, shared: Addresses, given: watch::Receiver<usize>) -> usize {
    let (mut lots, mut crashes) = (Lots::of(SEED), 0);
    while Handle::current().block_on(reaches(given.clone(), (crashes + 1) * CRASH_EVERY)) {
        let mut fleet = fleet.lock().unwrap();
        let member = lots.below(fleet.len());
        fleet.crash(member);
        *shared.write().unwrap() = addresses(&fleet);
        crashes += 1;
    }
    crashes
}

/// Waits until so many commands were given; false if no more will be.
async fn reaches(mut given: watch::Receiver<usize>, count: usize) -> bool {
    given.wait_for(|given| *given >= count).await.is_ok()
}

async fn board(cast: &mut Cast, read_at: ReadAt) -> GetBoardResponse {
    let message = GetBoardRequest { read_at: Some(read_at), page_size: 500, ..GetBoardRequest::default() };
    surely(async || cast.monitor.clone().get_board(call(Role::Officer, "duty", message.clone())).await).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_of_every_role_keep_every_invariant_while_processes_are_killed() {
    let fleet = Fleet::start(2, PACE);
    let shared: Addresses = Arc::new(RwLock::new(addresses(&fleet)));
    let first = |fleet: &Fleet| Cast::new(|role| fleet.addresses(role).first().unwrap().clone());
    let mut cast = first(&fleet);
    cast.register(6).await;
    let now = cast.now().await;
    let fleet = Arc::new(Mutex::new(fleet));

    let (given, watched) = watch::channel(0);
    let crashing = {
        let (fleet, shared) = (fleet.clone(), shared.clone());
        tokio::task::spawn_blocking(move || crash(fleet, shared, watched))
    };
    let crowd = Crowd::new(shared, now, given);
    let lanes = (0..LANES).map(|lane| crowd.clone().act(SEED + lane as u64, COMMANDS / LANES));
    let acts: Vec<_> = join_all(lanes).await.into_iter().flatten().collect();
    drop(crowd);
    let crashes = crashing.await.unwrap();

    let fleet = Arc::into_inner(fleet).unwrap().into_inner().unwrap();
    let log = fleet.log().await;
    let written: BTreeSet<_> = commits(&log).map(|at| at.command()).collect();
    // A command that asked for what was so already stands nowhere: then what it asked for does, by the place that it was told.
    let already = |act: &Act, told: muster_journal::stored::Position| {
        commits(&log).take_while(|at| at.position <= told).any(|at| {
            let id = id_of(at.subject);
            at.commit.events.iter().any(|event| act.is_done_by(id, event))
        })
    };
    let operations: Vec<_> = acts
        .iter()
        .map(|(act, operation)| {
            let outcome = match operation.outcome {
                Outcome::Done(told) if !written.contains(&operation.command) && already(act, told) => {
                    Outcome::Already(told)
                }
                other @ (Outcome::Done(_) | Outcome::Already(_) | Outcome::Refused | Outcome::Unknown) => other,
            };
            Operation { outcome, ..*operation }
        })
        .collect();
    let count = |which: fn(&Outcome) -> bool| operations.iter().filter(|o| which(&o.outcome)).count();
    let done = count(|o| matches!(o, Outcome::Done(_)));
    println!(
        "{} commands: {done} done, {} so already, {} refused, {} unknown; {crashes} crashes; {} records",
        operations.len(),
        count(|o| matches!(o, Outcome::Already(_))),
        count(|o| matches!(o, Outcome::Refused)),
        count(|o| matches!(o, Outcome::Unknown)),
        log.len(),
    );
    assert!(done >= COMMANDS / 3, "too little was done to show anything");
    assert!(crashes >= 10, "too little was killed to show anything");
    assert_eq!(oracles::all(&log), []);
    assert_eq!(history::check(&operations, &log), []);

    let at = Position { sequence: log.last().unwrap().sequence, index: 0 };
    let mut boards = Vec::new();
    for replica in [0, 1] {
        let mut cast = Cast::new(|role| fleet.addresses(role).get(replica).unwrap().clone());
        let read_at = ReadAt { as_of: Some(muster_api::r#type::v1::read_at::AsOf::Position(at)), at_least: Some(at) };
        boards.push(board(&mut cast, read_at).await.cards);
    }
    let [one, other] = boards.try_into().unwrap();
    assert!(!one.is_empty());
    assert_eq!(one, other, "both replicas show the same");
}
