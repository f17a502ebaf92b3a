//! Three real nats-servers that keep every record three times, as `deploy/nats/three.conf` says, and what may befall them.

use std::{path::Path, time::Duration};

use async_nats::jetstream::{
    self,
    stream::{Info, PeerInfo},
};
use futures::{StreamExt, TryStreamExt, future::join_all};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    chaos::AtWork,
    nats::{Home, NatsServer, Servers, deployed},
    process::free_port,
};

/// How many servers there are.
pub const SIZE: usize = 3;

/// The realm's stream, of a realm named `drill`.
const STREAM: &str = "MUSTER_DRILL";

/// Longer than servers need to elect a leader and to catch up, on a loaded machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that led while it was cut off holds records that nobody else has. Once it follows it takes them back before it takes
/// anything else, one with every heartbeat or with every third, so one in one to three seconds. Until it notices that it leads
/// nobody, which takes ten seconds, eight clients that each ask every 0.8 seconds leave it a hundred.
const TAKEN_BACK_WITHIN: Duration = Duration::from_secs(300);

/// A leader hears from each follower every second.
const HEARD: Duration = Duration::from_millis(1_500);

/// Between two looks at the servers.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long writes took to go on.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// In all.
    pub all: Duration,
    /// Since the last of the servers' elections, if there was any: how long a stream goes without a leader is theirs.
    pub own: Duration,
}

impl Took {
    /// Whether Muster went on as soon as its servers let it, within so long, and they let it within so long.
    pub fn is_in_time(&self, own: Duration, theirs: Duration) -> bool {
        self.own <= own && self.all <= theirs + own
    }

    /// The longer of both times.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { all: self.all.max(other.all), own: self.own.max(other.own) }
    }
}

/// A server that hears no leader lets itself be elected within four to nine seconds; if that fails, because two do so at once or
/// because it lacks records, once more.
pub const ELECTED_WITHIN: Duration = Duration::from_secs(18);

/// Three servers. Dropping it stops them and removes their stores.
pub struct Cluster {
    nodes: Vec<NatsServer>,
}

impl Servers for Cluster {
    fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(NatsServer::url).collect()
    }

    fn monitor_urls(&self) -> Vec<String> {
        self.nodes.iter().map(NatsServer::monitor_url).collect()
    }

    fn replicas(&self) -> usize {
        SIZE
    }
}

impl Cluster {
    /// Starts three servers that know one another.
    pub fn start() -> Self {
        Self::start_at(&deployed("three.conf"), vec![Home::default(); SIZE])
    }

    /// The same elsewhere, with any configuration.
    pub fn start_at(config: &Path, homes: Vec<Home>) -> Self {
        // Held together until all are known, so that they differ.
        let held: Vec<_> = (0..SIZE).map(|_| free_port()).collect();
        let ports: Vec<_> = held.iter().map(|port| port.local_addr().expect("bound").port()).collect();
        drop(held);
        let routes: Vec<_> =
            homes.iter().zip(ports).map(|(home, port)| format!("nats://{}:{port}", home.host)).collect();
        let all = routes.join(",");
        let start = |(n, (home, route)): (usize, (Home, &String))| {
            let name = name(n);
            let args =
                ["--name", &name, "--cluster_name", "muster", "--cluster", route, "--routes", &all].map(str::to_owned);
            NatsServer::start_as(config, home, args.to_vec())
        };
        Self { nodes: homes.into_iter().zip(&routes).enumerate().map(start).collect() }
    }

    /// All stand still, as when their power goes.
    pub fn freeze(&self) {
        self.nodes.iter().for_each(NatsServer::freeze);
    }

    /// Kills all without warning.
    pub fn kill(&mut self) {
        self.nodes.iter_mut().for_each(NatsServer::kill);
    }

    /// Starts all again.
    pub fn restart(&mut self) {
        self.nodes.iter_mut().for_each(NatsServer::restart);
    }

    /// One of the servers.
    pub fn node(&mut self, n: usize) -> &mut NatsServer {
        self.nodes.get_mut(n).expect("there are three")
    }

    /// Which server leads the realm's stream, once all that run agree and have every record.
    pub async fn leader(&self) -> usize {
        let info =
            self.when(STREAM, |info| info.cluster.as_ref().is_some_and(|cluster| cluster.leader.is_some())).await;
        let leader = info.cluster.and_then(|cluster| cluster.leader).expect("looked for");
        (0..SIZE).find(|n| name(*n) == leader).expect("one of ours leads")
    }

    /// Waits until every server has all of every stream, and the leaders have just heard from each: one that still catches up is
    /// as good as gone when another goes.
    pub async fn whole(&self) {
        let well = |replica: &&PeerInfo| replica.current && !replica.offline && replica.active < HEARD;
        let current = |info: &Info| {
            info.cluster.as_ref().is_some_and(|cluster| {
                cluster.leader.is_some() && cluster.replicas.iter().filter(well).count() == SIZE - 1
            })
        };
        for stream in self.streams().await {
            self.when_within(TAKEN_BACK_WITHIN, &stream, current).await;
        }
    }

    async fn streams(&self) -> Vec<String> {
        let (_client, context) = self.client().await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(streams) = context.stream_names().try_collect().await {
                return streams;
            }
            assert!(Instant::now() < deadline, "the servers do not say what they keep");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until every server hears every other: what was sent over a line that was cut may be sent again only seconds after
    /// the line is whole.
    async fn joined(&self) {
        let clients = join_all(self.urls().into_iter().map(async_nats::connect)).await;
        let clients: Vec<_> = clients.into_iter().map(|client| client.expect("a server answers")).collect();
        let deadline = Instant::now() + PATIENCE;
        for (n, hears) in clients.iter().enumerate() {
            for (other, speaks) in clients.iter().enumerate().filter(|(other, _)| *other != n) {
                let subject = format!("joined.{n}.{other}");
                let mut heard = hears.subscribe(subject.clone()).await.expect("a server listens");
                while timeout(LOOK_EVERY, heard.next()).await.is_err() {
                    assert!(Instant::now() < deadline, "{} does not hear {}", name(n), name(other));
                    speaks.publish(subject.clone(), "".into()).await.expect("a server listens");
                }
            }
        }
    }

    /// Waits for both.
    pub async fn joined_and_whole(&self) {
        self.joined().await;
        self.whole().await;
    }

    /// Waits until one server leads everything that the realm has.
    pub async fn gathered(&self) {
        let leader = Some(name(self.leader().await));
        for stream in self.streams().await {
            self.when(&stream, |info| info.cluster.as_ref().is_some_and(|cluster| cluster.leader == leader)).await;
        }
    }

    /// Waits until another than this server leads.
    pub async fn leader_but(&self, n: usize) {
        let is_other = |leader: &String| *leader != name(n);
        self.when(STREAM, |info| info.cluster.as_ref().and_then(|it| it.leader.as_ref()).is_some_and(is_other)).await;
    }

    /// How long writes take to go on, until so many commands more are answered.
    pub async fn goes_on(&self, crowd: &mut AtWork, commands: usize) -> Took {
        let began = Instant::now();
        let all = crowd.goes_on(commands).await;
        let over = began + all;
        let meanwhile = |elected: &Instant| (began..over).contains(elected);
        let elected = self.nodes.iter().flat_map(NatsServer::elected).filter(meanwhile).max().unwrap_or(began);
        Took { all, own: over - elected }
    }

    /// Asks the leader to let another lead.
    pub async fn step_down(&self) {
        self.step_down_for("{}".to_owned()).await;
    }

    /// Makes this server lead: once it has every record, or says so.
    pub async fn lead(&self, n: usize) {
        let deadline = Instant::now() + PATIENCE;
        self.whole().await;
        while self.leader().await != n {
            assert!(Instant::now() < deadline, "{} does not come to lead", name(n));
            self.step_down_for(format!(r#"{{"placement":{{"preferred":"{}"}}}}"#, name(n))).await;
        }
    }

    async fn step_down_for(&self, wish: String) {
        let (client, _) = self.client().await;
        let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{STREAM}");
        // An answer that is lost, or another that stepped down first, is as good.
        drop(client.request(subject, wish.into()).await);
    }

    async fn when(&self, stream: &str, is_so: impl Fn(&Info) -> bool) -> Info {
        self.when_within(PATIENCE, stream, is_so).await
    }

    async fn when_within(&self, patience: Duration, stream: &str, is_so: impl Fn(&Info) -> bool) -> Info {
        let (_client, context) = self.client().await;
        let deadline = Instant::now() + patience;
        loop {
            let told = context.get_stream(stream).await.map(|stream| stream.cached_info().clone());
            match told {
                Ok(info) if is_so(&info) => return info,
                told => {
                    let told = told.map(|info| info.cluster);
                    assert!(Instant::now() < deadline, "the servers do not come together on {stream}: {told:#?}");
                }
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn client(&self) -> (async_nats::Client, jetstream::Context) {
        let client = async_nats::connect(self.urls()).await.expect("a server answers");
        (client.clone(), jetstream::new(client))
    }
}

fn name(n: usize) -> String {
    format!("n{}", n + 1)
}
