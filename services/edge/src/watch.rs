//! Streams of what changes in a view. A stream keeps nothing of what it told: from any position it can go on, because every
//! item knows when it changed last.

use std::{pin::Pin, time::Duration};

use futures::Stream;
use muster_domain::kernel::{Refusal, Timestamp};
use muster_journal::{
    engine::{
        Undone,
        follower::{Held, View},
    },
    stored::Position,
};
use muster_runtime::status;
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{Edge, Listener, edge::refused};

/// Silence is broken so often, so that it means a broken line.
const BEAT: Duration = Duration::from_secs(5);

/// A stream of messages.
pub type Messages<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

/// What a message is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Up to where the caller has been told everything; `None` at the beginning.
    pub after: Option<Position>,
    /// Up to where this message tells.
    pub position: Position,
    /// What the realm's clock shows.
    pub now: Timestamp,
    /// What it showed when everything had been told; `None` while this call has not come that far.
    pub since: Option<Timestamp>,
    /// Whether a message is due even if nothing changed.
    pub due: bool,
}

/// What was told of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<M> {
    /// The message, if there was anything to tell or one was due.
    pub message: Option<M>,
    /// Up to where everything has been told now; before the moment's position if there is more, which follows at once.
    pub position: Position,
    /// When time alone changes something next.
    pub turns_at: Option<Timestamp>,
}

/// Tells what changes in a view, from `after` on, at most once in `pace`, for as long as the listener is who it was. `tell` makes
/// what is told of a moment: all of it or a part, or nothing if there is nothing to tell and none is due; and it says when to
/// look again, if time alone changes something.
pub async fn watch<V, M>(
    edge: &Edge,
    listener: Listener,
    view: &View<V>,
    after: Option<Position>,
    pace: Duration,
    tell: impl FnMut(&Held<V>, Moment) -> Result<Told<M>, Status> + Send + 'static,
) -> Result<Messages<M>, Status>
where
    V: Send + Sync + 'static,
    M: Send + 'static,
{
    if let Some(after) = after {
        // Another replica, further on, may have told it.
        view.reaches(after.sequence, listener.caller.patience).await.map_err(refused)?;
    }
    let (messages, stream) = mpsc::channel(1);
    let watcher = Watcher { edge: edge.clone(), listener, view: view.clone(), pace, messages };
    tokio::spawn(watcher.run(after, tell));
    Ok(Box::pin(ReceiverStream::new(stream)))
}

struct Watcher<V, M> {
    edge: Edge,
    listener: Listener,
    view: View<V>,
    pace: Duration,
    messages: mpsc::Sender<Result<M, Status>>,
}

impl<V: Send + Sync, M> Watcher<V, M> {
    async fn run(
        self,
        mut after: Option<Position>,
        mut tell: impl FnMut(&Held<V>, Moment) -> Result<Told<M>, Status> + Send,
    ) {
        let mut steps = self.view.steps();
        let (mut due, mut since, mut began) = (true, None, None);
        let mut spoken = Instant::now();
        let mut known = spoken;
        loop {
            if known.elapsed() >= BEAT {
                // A token or certificate that has ended since, or was taken back, ends what it opened.
                if let Err(no) = self.edge.identities.authenticate(&self.listener.credentials) {
                    return self.end(no).await;
                }
                known = Instant::now();
            }
            let pause = tokio::time::sleep(self.pace);
            let now = self.edge.clock.now();
            // What is told in parts is told as of the first.
            let began_at = *began.get_or_insert(now);
            let (told, position) = {
                let held = self.view.now();
                let position = held.progress().position;
                (tell(&held, Moment { after, position, now, since, due }), position)
            };
            let told = match told {
                Ok(told) => told,
                Err(no) => return self.end(no).await,
            };
            if let Some(message) = told.message {
                if self.messages.send(Ok(message)).await.is_err() {
                    return;
                }
                (due, spoken) = (false, Instant::now());
            }
            after = Some(told.position);
            if told.position < position {
                tokio::task::yield_now().await;
                continue;
            }
            (since, began) = (Some(began_at), None);
            if let Some(broken) = self.view.progress().broken {
                return self.end(status::refused(&Refusal::from(Undone::Broken(broken)))).await;
            }
            tokio::select! {
                () = pause => {}
                () = self.messages.closed() => return,
            }
            // However much happens that is not told here.
            let beat = spoken + BEAT;
            tokio::select! {
                moved = steps.changed() => if moved.is_err() { return },
                () = self.turn(told.turns_at) => {}
                () = tokio::time::sleep_until(beat) => {}
                () = self.messages.closed() => return,
                () = self.edge.stopping.cancelled() => {
                    let Position { sequence, index } = told.position;
                    return self.end(status::stream_ends(&format!("{sequence}.{index}"))).await;
                }
            }
            due |= beat <= Instant::now();
        }
    }

    async fn turn(&self, at: Option<Timestamp>) {
        match at {
            Some(at) => self.edge.clock.sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Whoever hung up needs no reason.
    async fn end(&self, no: Status) {
        let _ = self.messages.send(Err(no)).await;
    }
}
