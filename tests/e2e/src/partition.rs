//! Servers that cannot reach one another: most of them go on, and who is with the fewest acknowledges nothing that is lost.
//!
//! Every process of Muster reaches all servers all the while. At first each knows one server only, so that it is on its server's
//! side; then each knows all, and leaves one that reaches no leader.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::future::join_all;
use muster_api::intake::v1::OpenRequestRequest;
use muster_domain::kernel::Role;
use muster_edge::testing::call;
use muster_journal::{
    jetstream::JetStream,
    port::{Context, Journal, ReadError, Subject},
};
use muster_sim::{history::Outcome, run::rng::Rng};
use tokio::time::{Instant, timeout};
use tonic::transport::Endpoint;

use crate::{
    cast::{Cast, contact, facts, id},
    chaos::{Addresses, AtWork, Crowd},
    cluster::{Cluster, ELECTED_WITHIN, SIZE, Took},
    fleet::{Endpoints, Fleet, Pace, ROLES},
    ledger::realm,
    nats::{Home, Servers, deployed},
    network::Network,
    servers::FAILOVER,
    verdict::verdict,
};

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };

/// So many clients.
const CLIENTS: u64 = 8;

/// Commands that are answered before writes are said to go on.
const BETWEEN: usize = 40;

/// Whoever asks on the side of the fewest waits so long for an answer that must not come.
const IN_VAIN: Duration = Duration::from_secs(3);

/// A server that is not the leader elects itself, as far as it can, if it hears none for nine seconds: such cuts last longer.
const LONG: Duration = Duration::from_secs(15);

/// A leader lets itself be heard every second; this is three times.
const HEARTBEATS: Duration = Duration::from_secs(3);

/// So many commands of every client must be answered in the end.
const LAST: usize = 5;

/// What may befall the lines between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The leader is cut off.
    Leader,
    /// The leader hears the others, and is not heard.
    MuteLeader,
    /// Another than the leader is cut off.
    Follower,
    /// The leader and one other do not reach each other; the third reaches both.
    OneLine,
    /// Nobody reaches anybody.
    All,
}

/// Which servers a process knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knows {
    /// One, each another.
    One,
    /// All of them.
    All,
}

impl Knows {
    /// How long writes may take to go on after a cut when the servers have a leader.
    const fn may_take(self, cut: Cut) -> Duration {
        let more = match (self, cut) {
            // What servers had sent each other they send again only after a while.
            (Self::One | Self::All, Cut::All) => 10,
            // Until a process leaves a server that reaches no leader.
            (Self::All, Cut::Leader | Cut::MuteLeader | Cut::Follower | Cut::OneLine) => 5,
            // Whoever decides for the desk may be with the fewest, and its lease must run out.
            (Self::One, Cut::Leader | Cut::MuteLeader | Cut::Follower | Cut::OneLine) => 3,
        };
        FAILOVER.saturating_add(Duration::from_secs(more))
    }

    fn cuts(self) -> Vec<Cut> {
        match self {
            Self::One => vec![Cut::Leader, Cut::MuteLeader, Cut::Follower, Cut::All],
            Self::All => vec![Cut::Leader, Cut::MuteLeader, Cut::Follower, Cut::OneLine],
        }
    }
}

/// What one round showed.
#[derive(Debug)]
pub struct Figures {
    /// How long writes took to go on: of processes that know one server, on the side of most; after all were cut off, once the
    /// lines were joined.
    pub goes_on_after: Vec<(Cut, Took)>,
    /// How long it took at most, once all lines were joined and nobody wrote, until every server had every record.
    pub whole_after: Duration,
    /// How many commands were given.
    pub commands: usize,
}

/// Fails unless most servers go on in time, nobody who is with the fewest is told that anything is done, nothing is lost, and
/// all is as before once the lines are joined; and unless everybody goes on in time who knows all servers.
pub async fn round(seed: u64) -> Figures {
    cuts(seed, usize::MAX).await
}

/// The same with two of the four cuts, drawn by the seed, whichever servers a process knows.
pub async fn short(seed: u64) -> Figures {
    cuts(seed, 2).await
}

async fn cuts(seed: u64, most: usize) -> Figures {
    let mut figures = Figures { goes_on_after: Vec::new(), whole_after: Duration::ZERO, commands: 0 };
    for knows in [Knows::One, Knows::All] {
        cut_some(seed, knows, most, &mut figures).await;
    }
    figures
}

async fn cut_some(seed: u64, knows: Knows, most: usize, figures: &mut Figures) {
    // The lines are this machine's, though they look like those to others.
    let fleet = Fleet::start_on(Site::new(knows), &[&ROLES, &ROLES, &ROLES], PACE, &["plaintext"]);
    let everybody = fleet.endpoints();
    let addresses: Addresses = Arc::new(RwLock::new(everybody.clone()));
    let mut cast = at(&everybody);
    cast.register(6).await;
    let now = cast.now().await;
    let crowd = Crowd::at_work(addresses, now, seed, CLIENTS);

    let mut lots = Rng::new(seed, "partition");
    let mut cuts = knows.cuts();
    let journals = join_all((0..SIZE).map(|n| fleet.journal_for(n))).await;
    let mut befalling = Befalling { crowd, everybody, now, journals, whole_after: Duration::ZERO };
    let mut goes_on_after = Vec::new();
    while !cuts.is_empty() && goes_on_after.len() < most {
        let cut = cuts.swap_remove(lots.index(cuts.len()));
        goes_on_after.push((cut, befalling.befall(&fleet.nats, cut, &mut lots).await));
    }
    befalling.whole(&fleet.nats).await;
    let Befalling { crowd, whole_after, .. } = befalling;
    let seen = crowd.end_with(seed + CLIENTS, CLIENTS, LAST).await;
    for (_, last) in seen.lanes.iter().rev().take(CLIENTS as usize).flatten() {
        assert_ne!(last.outcome, Outcome::Unknown, "seed {seed}: in the end every command is answered");
    }
    let counts = verdict(&fleet, seen).await;
    fleet.nats.cluster.whole().await;
    let found: Vec<_> = fleet.journal().await.safety().await.into_iter().map(|setting| setting.name).collect();
    assert_eq!(found, ["plaintext"], "seed {seed}: every replica is whole");
    let in_time = goes_on_after.iter().all(|(cut, took)| took.is_in_time(knows.may_take(*cut), ELECTED_WITHIN));
    assert!(in_time, "seed {seed}: {goes_on_after:?}");
    figures.goes_on_after.extend(goes_on_after);
    figures.whole_after = figures.whole_after.max(whole_after);
    figures.commands += counts.all();
}

/// Clients of one process, or of the first of several.
fn at(addresses: &Endpoints) -> Cast {
    Cast::new(|role| addresses.get(role).and_then(|of_role| of_role.first()).expect("it has every role").clone())
}

/// Three servers, and the lines between them. Fields are dropped in order: the network goes when nobody lives in it.
struct Site {
    knows: Knows,
    cluster: Cluster,
    network: Network,
}

impl Site {
    fn new(knows: Knows) -> Self {
        let network = Network::lay();
        let home = |n| Home { host: network.address(n), network: Some(network.namespace(n)), ..Home::default() };
        let cluster = Cluster::start_at(&deployed("three.conf"), (0..SIZE).map(home).collect());
        Self { knows, cluster, network }
    }
}

impl Servers for Site {
    fn urls(&self) -> Vec<String> {
        self.cluster.urls()
    }

    fn urls_for(&self, member: usize) -> Vec<String> {
        match self.knows {
            Knows::One => self.urls().get(member).cloned().into_iter().collect(),
            Knows::All => self.urls(),
        }
    }

    fn monitor_urls(&self) -> Vec<String> {
        self.cluster.monitor_urls()
    }

    fn replicas(&self) -> usize {
        self.cluster.replicas()
    }
}

/// What is needed to see whether writes go on.
struct Befalling {
    crowd: AtWork,
    everybody: Endpoints,
    now: prost_types::Timestamp,
    /// The realm's journal as each server shows it.
    journals: Vec<JetStream>,
    /// The longest that it took so far until every server had every record.
    whole_after: Duration,
}

impl Befalling {
    /// Waits, while nobody writes, until every server hears every other and has every record.
    async fn whole(&mut self, site: &Site) {
        let began = Instant::now();
        self.crowd.rests_until(site.cluster.joined_and_whole()).await;
        self.whole_after = self.whole_after.max(began.elapsed());
    }

    /// One server leads everything, has for a while, and there is work. To lose one that leads since a moment ago may cost two
    /// elections, one after the other: a server that still catches up does not ask for votes.
    async fn settles(&mut self, site: &Site) {
        self.whole(site).await;
        site.cluster.gathered().await;
        self.goes_on_for(site, HEARTBEATS).await;
    }

    /// Cuts lines, looks what both sides do, and joins the lines again; how long writes took to go on.
    async fn befall(&mut self, site: &Site, cut: Cut, lots: &mut Rng) -> Took {
        self.settles(site).await;
        let (network, leader) = (&site.network, site.cluster.leader().await);
        let alone = if cut == Cut::Follower { (leader + 1 + lots.index(SIZE - 1)) % SIZE } else { leader };
        let took = match cut {
            Cut::Leader | Cut::MuteLeader | Cut::Follower => {
                for (one, other) in network.lines_of(alone) {
                    if cut == Cut::MuteLeader { network.mute(one, other) } else { network.cut(one, other) }
                }
                match site.knows {
                    Knows::One => self.both_sides(site, alone).await,
                    Knows::All => self.goes_on_for(site, LONG).await,
                }
            }
            Cut::OneLine => {
                network.cut(leader, (leader + 1 + lots.index(SIZE - 1)) % SIZE);
                self.goes_on_for(site, LONG).await
            }
            Cut::All => {
                let between = |(_, other): &(usize, usize)| *other < SIZE;
                network.lines().filter(between).for_each(|(one, other)| network.cut(one, other));
                for n in 0..SIZE {
                    self.asks_in_vain(n).await;
                }
                Took { all: Duration::ZERO, own: Duration::ZERO }
            }
        };
        network.lines().for_each(|(one, other)| network.join(one, other));
        self.point_at(|_| true);
        if cut == Cut::All { self.goes_on(site).await } else { took }
    }

    async fn goes_on(&mut self, site: &Site) -> Took {
        site.cluster.goes_on(&mut self.crowd, BETWEEN).await
    }

    /// Writes go on for so long; the longest that it took until they did.
    async fn goes_on_for(&mut self, site: &Site, span: Duration) -> Took {
        let (began, mut longest) = (Instant::now(), self.goes_on(site).await);
        while began.elapsed() < span {
            longest = longest.max(self.goes_on(site).await);
        }
        longest
    }

    /// Most go on, and the one that is alone says yes to nobody.
    async fn both_sides(&mut self, site: &Site, alone: usize) -> Took {
        self.point_at(|n| n != alone);
        let took = self.goes_on(site).await;
        self.reads_in_vain(alone).await;
        self.asks_in_vain(alone).await;
        took
    }

    /// Whoever asks from now on asks the processes of these servers.
    fn point_at(&self, is_asked: impl Fn(usize) -> bool) {
        let asked = |all: &Vec<Endpoint>| {
            all.iter().enumerate().filter(|(n, _)| is_asked(*n)).map(|(_, endpoint)| endpoint.clone()).collect()
        };
        let of_roles = self.everybody.iter().map(|(role, all)| (*role, asked(all))).collect();
        *self.crowd.addresses.write().unwrap_or_else(PoisonError::into_inner) = of_roles;
    }

    /// A server that is alone lacks what the others have written since: whoever decides reads nothing from it.
    async fn reads_in_vain(&self, alone: usize) {
        let journal = self.journals.get(alone).expect("each has one");
        let desk = Subject::new(&realm(), Context::Dispatch, "desk").expect("a subject");
        let (last, head) = (journal.last().await, journal.head(&desk).await);
        let refused = |read: &Result<u64, ReadError>| matches!(read, Err(ReadError::Unavailable(_)));
        assert!(refused(&last) && refused(&head), "a server that is alone shows {last:?} and {head:?}");
    }

    /// The process of a server that reaches no other opens no request.
    async fn asks_in_vain(&self, n: usize) {
        let of_one =
            |(role, all): (&&'static str, &Vec<Endpoint>)| (*role, all.iter().skip(n).take(1).cloned().collect());
        let mut cast = at(&self.everybody.iter().map(of_one).collect());
        let facts = Some(facts("fr", &self.now));
        let request_id = id();
        let message = OpenRequestRequest { request_id, hospital: String::new(), facts, contact: Some(contact("fr")) };
        let answered = timeout(IN_VAIN, cast.intake.open_request(call(Role::Hospital, "h-fr", message))).await;
        assert!(!matches!(answered, Ok(Ok(_))), "a server that reaches no other has taken {answered:?}");
    }
}
