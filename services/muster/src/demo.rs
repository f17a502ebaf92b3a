//! `muster demo`: an exercise in one process, with an invented Reserve, played at speed through the public API and told in the
//! terminal.

mod cast;
mod data;
mod ending;
mod narrator;
mod night;
mod place;
mod play;
mod scenes;
mod seed;
mod stage;
mod words;

use std::{
    io::{self, IsTerminal},
    net::{SocketAddr, TcpListener},
};

use clap::Args;
use muster_domain::{kernel::Timestamp, registry::events::RealmClock};
use muster_runtime::{
    clock::{Clock, SystemClock},
    lifecycle::{self, Ended},
};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::{JoinError, JoinHandle},
};
use tonic::transport::Endpoint;

use self::{cast::Trouble, data::Data, narrator::Narrator, place::Place, stage::Stage};
use crate::{
    cli::{context::Signpost, look::Look},
    files::BadFile,
    node::{Node, Part, Plan, StartError},
    serve::NatsArgs,
    storage::JournalSpec,
    trust::Trust,
};

/// When the exercise starts, in its own time: Monday, 2 November 2026, 20:00 UTC.
const STARTS_AT: Timestamp = Timestamp::from_millis(1_793_649_600_000);

/// See Muster at work: an exercise with an invented Reserve, played at speed and told; nothing to install
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Play the story, see that everything ended as it should, print the totals, and end
    #[arg(long)]
    once: bool,
    /// Where the exercise is kept: memory, embedded:DIR or nats://HOST:PORT. Default: a directory that goes when it ends
    #[arg(long, env = "MUSTER_DEMO_JOURNAL", hide_env_values = true)]
    journal: Option<JournalSpec>,
    #[command(flatten)]
    nats: NatsArgs,
    /// Where to answer, on this machine; a free port if it is taken
    #[arg(long, default_value = "127.0.0.1:7400")]
    listen: SocketAddr,
    /// How many times as fast as system time the exercise runs: at 600, half an hour takes three seconds
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(60..=3600))]
    speed: u32,
}

/// Why there is no demonstration, or how it ended badly.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Development tokens would be believed from elsewhere.
    #[error("{0} can be reached from other machines, and development tokens prove nothing: listen on 127.0.0.1")]
    NotLoopback(SocketAddr),
    /// What it plays with cannot be read.
    #[error("{0}")]
    Data(BadFile),
    /// It has no place to be kept, or signals cannot be waited for.
    #[error("the exercise cannot begin: {0}")]
    System(#[from] io::Error),
    /// The process cannot run.
    #[error("{0}")]
    Start(#[from] StartError),
    /// It cannot begin.
    #[error("the exercise cannot begin: {0}")]
    Begin(#[from] Trouble),
    /// Something ended otherwise than it should.
    #[error("not everything ended as it should: {} told above", words::count(*.0, "difference"))]
    Differs(usize),
    /// The process ended by itself.
    #[error("{0}")]
    Ended(String),
    /// It was asked to see that everything ends as it should, and stopped before the end.
    #[error("stopped before the story ended")]
    Stopped,
}

impl DemoArgs {
    /// Plays, tells and checks; without `--once` it stays until it is asked to stop.
    pub async fn run(self, no_colour: bool) -> Result<(), DemoError> {
        if !self.listen.ip().is_loopback() {
            return Err(DemoError::NotLoopback(self.listen));
        }
        let data = Data::read().map_err(DemoError::Data)?;
        let mut signals = lifecycle::signals()?;
        let place = Place::new(self.journal.clone())?;
        let (once, speed) = (self.once, self.speed);
        let node = Node::start(self.plan(&place)).await?;
        let (address, stopping, realm) = (node.address, node.edge.stopping.clone(), node.realm.id.clone());
        let (hurry, hurried) = mpsc::channel(1);
        let mut running = tokio::spawn(node.run(hurried));
        let channel = Endpoint::from_shared(format!("http://{address}")).map_err(io::Error::other)?.connect_lazy();
        let narrator = Narrator::start(look(no_colour), !once && io::stdout().is_terminal());
        let stage = Stage::new(channel, data, narrator, speed);
        // One that nobody will look at leaves other people's signposts alone.
        let signpost = (!once).then(|| Signpost::set_up(address, &realm)).flatten();

        let played = tokio::select! {
            played = stage.play(&realm) => played,
            Some(()) = signals.recv() => Err(DemoError::Stopped),
            ended = &mut running => return Err(DemoError::Ended(ended_badly(ended))),
        };
        if !once && matches!(played, Ok(()) | Err(DemoError::Differs(_))) {
            tokio::select! {
                () = stage.stay(address, signpost.is_some()) => {}
                Some(()) = signals.recv() => {}
                ended = &mut running => return Err(DemoError::Ended(ended_badly(ended))),
            }
        }
        stopping.cancel();
        let stopped = stop(running, signals, hurry).await;
        stage.narrator.stop();
        match played {
            // Whoever watches may go when they like.
            Err(DemoError::Stopped) if !once => stopped,
            played => played.and(stopped),
        }
    }

    fn plan(self, place: &Place) -> Plan {
        let listen = free(self.listen);
        let clock = RealmClock::Exercise { starts_at: STARTS_AT, started: SystemClock.now(), speed: self.speed };
        Plan {
            realm: place.realm.clone(),
            opens: Some(clock),
            insists: true,
            journal: place.journal.clone(),
            nats: self.nats.into(),
            parts: Part::ALL.into(),
            trust: Trust::development(),
            listen,
            admin: None,
        }
    }
}

/// Colour where a person looks and nobody said no (<https://no-color.org>).
fn look(no_colour: bool) -> Look {
    let wanted = !no_colour && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Look { now: STARTS_AT, colour: wanted && io::stdout().is_terminal() }
}

/// The address asked for, or a free one if somebody has it.
fn free(asked: SocketAddr) -> SocketAddr {
    match TcpListener::bind(asked) {
        Ok(_) => asked,
        Err(_) => SocketAddr::new(asked.ip(), 0),
    }
}

/// Lets the process finish what is begun; another signal hurries it.
async fn stop(mut running: JoinHandle<Ended>, mut signals: Receiver<()>, hurry: Sender<()>) -> Result<(), DemoError> {
    let ended = loop {
        tokio::select! {
            ended = &mut running => break ended,
            // A process that is hurried already hurries no more.
            Some(()) = signals.recv() => drop(hurry.try_send(())),
        }
    };
    match ended {
        Ok(ended) if ended.is_clean() => Ok(()),
        ended => Err(DemoError::Ended(ended_badly(ended))),
    }
}

fn ended_badly(ended: Result<Ended, JoinError>) -> String {
    match ended {
        Ok(ended) => {
            let faults = ended.by_itself.iter().chain(&ended.failed).map(ToString::to_string);
            let cut_off = ended.cut_off.iter().map(|task| format!("the task '{task}' had to be cut off"));
            faults.chain(cut_off).collect::<Vec<_>>().join("; ")
        }
        Err(error) => format!("the process failed: {error}"),
    }
}
