//! The desk of a process: it decides while this process holds the lease, and says who decides while another does.
//!
//! ```text
//! stand by ──lease──▶ hold: catch up, fence, decide ─another holds it──▶ stand by
//!    ▲                          │ overtaken, journal unreachable ─wait─▶ stand by
//!    └──────────────────────────┤ told to stop: finish, answer, give up the lease
//!                               └ log broken: refuse everything, loudly
//! ```

mod holding;

use std::{fmt, mem, sync::Arc, time::Duration};

use muster_domain::dispatch::desk::Command;
use muster_edge::Edge;
use muster_journal::{
    engine::{Broken, Done, Meta, Undone, follower::View},
    lease::{self, Holding, LEASE, Lease, LeaseError, Lost},
};
use muster_runtime::retry::Pauses;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{standby::Standby, writer::Stop};

/// Commands that may wait for the desk at once.
const WAITING_MAX: usize = 1024;

/// Whoever stands by asks for the lease so often: a desk that was given up has a new holder within a second.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Of a lease that has been silent for so long nobody knows who holds it: either its servers elect no leader, or this process is
/// cut off from them.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// A holder that lasted so long was in good health: pauses begin again with the shortest.
const HEALTHY: Duration = Duration::from_secs(10);

/// Another process, as the lease names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where it answers, as a URI.
    pub address: String,
    /// What a call that is relayed to it must bear.
    pub secret: String,
}

impl Peer {
    /// Reads what a holder wrote into the lease: its address, a space, its secret.
    fn parse(text: &str) -> Self {
        let (address, secret) = text.split_once(' ').unwrap_or((text, ""));
        Self { address: address.to_owned(), secret: secret.to_owned() }
    }
}

impl fmt::Debug for Peer {
    /// The address alone: the secret is for no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// Who decides for the desk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Holder {
    /// Nobody, or it is not known.
    #[default]
    Nobody,
    /// This process.
    Mine,
    /// Another one.
    Theirs(Peer),
}

impl Holder {
    /// Who decides once this process has lost the lease.
    fn after(lost: Lost) -> Self {
        match lost {
            Lost::To(other) => Self::Theirs(Peer::parse(&other)),
            Lost::ClockOff(_) => Self::Nobody,
        }
    }
}

/// How the desk stands in this process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Who decides.
    pub holder: Holder,
    /// Why nothing is decided here any more, if the log cannot be trusted.
    pub broken: Option<Broken>,
}

impl State {
    /// Whether a command can be answered, here or by being relayed.
    pub fn is_serving(&self) -> bool {
        self.broken.is_none() && self.holder != Holder::Nobody
    }
}

/// Why the desk did not do a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Unanswered {
    /// Too many commands wait; this one was not taken.
    Busy,
    /// This process stops; the command was not taken.
    Stopping,
    /// It was not done.
    Undone(Undone),
}

/// A command that waits for the desk.
struct Call {
    command: Box<Command>,
    meta: Meta,
    answer: oneshot::Sender<Result<Done, Undone>>,
}

impl Call {
    fn refuse(self, undone: Undone) {
        // Whoever hung up needs no answer.
        let _ = self.answer.send(Err(undone));
    }
}

/// The desk, for whoever asks it.
#[derive(Clone)]
pub struct Desk {
    calls: mpsc::Sender<Call>,
    state: watch::Receiver<State>,
}

impl Desk {
    /// The desk of this process, and what must run for it to answer.
    pub fn new(edge: &Edge, lease: Arc<dyn Lease>) -> (Self, Driver) {
        let (calls, waiting) = mpsc::channel(WAITING_MAX);
        let (state, watched) = watch::channel(State::default());
        (Self { calls, state: watched }, Driver { edge: edge.clone(), lease, calls: waiting, state })
    }

    /// How many commands wait for the desk.
    pub fn waiting(&self) -> usize {
        self.calls.max_capacity().saturating_sub(self.calls.capacity())
    }

    /// Answers a command, if this process holds the desk; the answer leaves when the log has what it rests on.
    pub async fn ask(&self, command: Command, meta: Meta) -> Result<Done, Unanswered> {
        let (answer, answered) = oneshot::channel();
        self.calls.try_send(Call { command: Box::new(command), meta, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Unanswered::Busy,
            mpsc::error::TrySendError::Closed(_) => Unanswered::Stopping,
        })?;
        // Whoever was to answer may have lost the desk meanwhile: the next one knows what was done.
        answered.await.unwrap_or(Err(Undone::Unsure)).map_err(Unanswered::Undone)
    }

    /// How the desk stands in this process, now and whenever it changes.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Waits until somebody else decides than this peer.
    pub async fn leaves(&self, peer: Peer) {
        let holder = Holder::Theirs(peer);
        let is_another = |state: &State| state.holder != Holder::Nobody && state.holder != holder;
        if self.state.clone().wait_for(is_another).await.is_err() {
            // The driver has ended with the process.
            std::future::pending().await
        }
    }

    /// Who decides; waits as long as `patience` while nobody does.
    pub async fn holder(&self, patience: Duration) -> Result<Holder, Undone> {
        let mut state = self.state.clone();
        let known = timeout(patience, state.wait_for(|state| state.is_serving() || state.broken.is_some())).await;
        let nobody = || Undone::Unavailable("nobody holds the desk just now".to_owned());
        let State { holder, broken } = known.ok().and_then(Result::ok).ok_or_else(nobody)?.clone();
        broken.map_or(Ok(holder), |broken| Err(broken.into()))
    }
}

/// What runs the desk of a process.
pub struct Driver {
    edge: Edge,
    lease: Arc<dyn Lease>,
    calls: mpsc::Receiver<Call>,
    state: watch::Sender<State>,
}

/// Why this process no longer decides.
enum Ended {
    /// It was told to stop, and has answered whoever waited.
    Told,
    /// The lease is another's, or this process may not hold it.
    LeaseLost(Holder),
    /// The writer stopped.
    Writer(Stop),
}

impl Driver {
    /// Runs until the process stops. `address` is the URI at which other processes reach this one, `standby` what it has read
    /// of the desk.
    pub async fn run(mut self, address: &str, standby: View<Standby>) {
        let me = format!("{address} {}", self.edge.relay.secret());
        let (mut pauses, mut is_told) = (Pauses::default(), false);
        while self.stand_by(&me).await {
            let since = Instant::now();
            self.tell(Holder::Mine);
            // In a task of its own: however long a decision takes, the lease is renewed meanwhile.
            let (lease, name) = (self.lease.clone(), me.clone());
            let keeping = tokio::spawn(async move { Holder::after(lease::keep(lease.as_ref(), &name).await) });
            let mut keeping = AbortOnDropHandle::new(keeping);
            let ended = tokio::select! {
                ended = holding::hold(&self.edge, &standby, &mut self.calls) => ended,
                holder = &mut keeping => Ended::LeaseLost(holder.unwrap_or(Holder::Nobody)),
                broken = log_breaks(&self.edge) => Ended::Writer(Stop::Broken(broken)),
            };
            if since.elapsed() > HEALTHY {
                (pauses, is_told) = (Pauses::default(), false);
            }
            match ended {
                Ended::Told => break,
                Ended::LeaseLost(holder) => {
                    tracing::warn!(?holder, "the desk is another's: this process decides no more");
                    self.tell(holder);
                }
                Ended::Writer(Stop::Overtaken) => {
                    tracing::warn!("another process wrote the desk: reading it again");
                    self.tell(Holder::Nobody);
                    self.pause(&mut pauses).await;
                }
                Ended::Writer(Stop::Unavailable(why)) => {
                    // Servers that elect a leader are tried many times.
                    if !mem::replace(&mut is_told, true) {
                        tracing::warn!(why, "the desk cannot be written: trying again");
                    }
                    // Another process may reach what this one does not.
                    self.give_up(&me).await;
                    self.pause(&mut pauses).await;
                }
                Ended::Writer(Stop::Broken(broken)) => return self.stay_broken(&me, broken).await,
            }
        }
        self.give_up(&me).await;
    }

    /// Waits for the lease; whether it came before the process stops. Whoever asks meanwhile has come too early or too late.
    async fn stand_by(&mut self, me: &str) -> bool {
        let mut heard = Instant::now();
        loop {
            if self.edge.stopping.is_cancelled() {
                return false;
            }
            match lease::take(self.lease.as_ref(), me).await {
                Ok(Holding::Mine) => return true,
                Ok(Holding::Theirs(other)) => {
                    heard = Instant::now();
                    self.tell(Holder::Theirs(Peer::parse(&other)));
                }
                // Whoever holds it goes on meanwhile, and is asked as before.
                Err(LeaseError::Silent(why)) if heard.elapsed() < FORGOTTEN => {
                    tracing::debug!(why, "the lease does not answer");
                }
                Err(error) => {
                    if self.tell(Holder::Nobody) {
                        tracing::warn!(%error, "nobody is known to hold the desk");
                    }
                }
            }
            let again = tokio::time::sleep(ASK_EVERY);
            tokio::pin!(again);
            loop {
                tokio::select! {
                    () = &mut again => break,
                    () = self.edge.stopping.cancelled() => return false,
                    Some(call) = self.calls.recv() => {
                        call.refuse(Undone::Unavailable("another process holds the desk".to_owned()));
                    }
                }
            }
        }
    }

    /// Says who decides; whether that is news.
    fn tell(&self, holder: Holder) -> bool {
        self.state.send_if_modified(|state| {
            let news = state.holder != holder;
            state.holder = holder;
            news
        })
    }

    async fn pause(&self, pauses: &mut Pauses) {
        tokio::select! {
            () = pauses.wait() => {}
            () = self.edge.stopping.cancelled() => {}
        }
    }

    /// Lets go of the lease at once, so that nobody waits for it to run out.
    async fn give_up(&self, me: &str) {
        self.tell(Holder::Nobody);
        match timeout(LEASE, self.lease.give_up(me)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the lease runs out by itself"),
            Err(_) => tracing::debug!("the lease runs out by itself"),
        }
    }

    /// Decides nothing more: what stands in the log must be looked at by people first.
    async fn stay_broken(mut self, me: &str, broken: Broken) {
        if broken.is_newer() {
            tracing::error!(%broken, "the desk decides nothing more here: this build is older than the log");
        } else {
            tracing::error!(%broken, "the desk decides nothing more: the log cannot be trusted");
        }
        self.state.send_replace(State { holder: Holder::Nobody, broken: Some(broken.clone()) });
        self.give_up(me).await;
        loop {
            tokio::select! {
                () = self.edge.stopping.cancelled() => return,
                Some(call) = self.calls.recv() => call.refuse(broken.clone().into()),
            }
        }
    }
}

/// Waits until the log is found broken, on whatever subject: the process follows all of it from the first record on, and the
/// desk takes facts from everywhere.
async fn log_breaks(edge: &Edge) -> Broken {
    let mut steps = edge.people.steps();
    match steps.wait_for(|progress| progress.broken.is_some()).await.ok().and_then(|progress| progress.broken.clone()) {
        Some(broken) => broken,
        // Nobody reads the log any more: the process ends.
        None => std::future::pending().await,
    }
}
