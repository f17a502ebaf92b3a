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
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{Caller, Edge, edge::refused};

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
    /// Whether a message is due even if nothing changed.
    pub due: bool,
}

/// Tells what changes in a view, from `after` on, at most once in `pace`. `tell` makes the message of a moment, or none if
/// there is nothing to tell and none is due.
pub async fn watch<V, M>(
    edge: &Edge,
    caller: &Caller,
    view: &View<V>,
    after: Option<Position>,
    pace: Duration,
    tell: impl FnMut(&Held<V>, Moment) -> Result<Option<M>, Status> + Send + 'static,
) -> Result<Messages<M>, Status>
where
    V: Send + Sync + 'static,
    M: Send + 'static,
{
    if let Some(after) = after {
        // Another replica, further on, may have told it.
        view.reaches(after.sequence, caller.patience).await.map_err(refused)?;
    }
    let (messages, stream) = mpsc::channel(1);
    tokio::spawn(run(edge.clone(), view.clone(), after, pace, tell, messages));
    Ok(Box::pin(ReceiverStream::new(stream)))
}

async fn run<V, M>(
    edge: Edge,
    view: View<V>,
    mut after: Option<Position>,
    pace: Duration,
    mut tell: impl FnMut(&Held<V>, Moment) -> Result<Option<M>, Status> + Send,
    messages: mpsc::Sender<Result<M, Status>>,
) where
    V: Send + Sync,
{
    let mut steps = view.steps();
    let mut due = true;
    loop {
        let told = {
            let held = view.now();
            let position = held.progress().position;
            let moment = Moment { after, position, now: edge.clock.now(), due };
            let told = tell(&held, moment);
            after = Some(position);
            told
        };
        let ended = match told {
            Ok(Some(message)) => messages.send(Ok(message)).await.is_err(),
            Ok(None) => false,
            Err(no) => {
                // Whoever hung up needs no reason.
                let _ = messages.send(Err(no)).await;
                true
            }
        };
        if ended {
            return;
        }
        if let Some(broken) = view.progress().broken {
            let _ = messages.send(Err(status::refused(&Refusal::from(Undone::Broken(broken))))).await;
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pace) => {}
            () = messages.closed() => return,
        }
        due = tokio::select! {
            moved = steps.changed() => if moved.is_err() { return } else { false },
            () = tokio::time::sleep(BEAT) => true,
            () = messages.closed() => return,
            () = edge.stopping.cancelled() => {
                let _ = messages.send(Err(status::stopping())).await;
                return;
            }
        };
    }
}
