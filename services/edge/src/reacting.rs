//! Doing what a service's agenda holds, until the process stops.

use std::{future::Future, sync::Arc, time::Duration};

use muster_domain::kernel::{Actor, PrincipalId, Role};
use muster_journal::engine::{
    Done, Meta, Undone,
    agenda::{self, Agenda, Item},
    follower::View,
};

use tracing::Instrument;

use crate::{Edge, lateness::Lateness, trace};

/// How long to rest when the journal does not say where it ends.
const REST: Duration = Duration::from_millis(200);

/// Does what is on the agenda, from where the log ends now, until the process stops. `perform` is given an item and what goes
/// with its command; `name` is the principal that acts in Muster's name.
pub async fn react<A, P, F>(edge: &Edge, name: &'static str, view: View<A>, perform: P)
where
    A: Agenda,
    P: Fn(Item<A::Order>, Meta) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Done, Undone>> + Send + 'static,
{
    let running = async {
        let head = head(edge).await;
        let by = Actor { role: Role::System, principal: PrincipalId::parse(name).unwrap_or_default() };
        let clock = edge.clock.clone();
        let now = {
            let clock = clock.clone();
            Arc::new(move || clock.now())
        };
        let sleep_until = {
            let clock = clock.clone();
            move |at| {
                let clock = clock.clone();
                async move { clock.sleep_until(at).await }
            }
        };
        let lateness = Lateness::of(name, &edge.meter);
        let perform = Arc::new(move |item: Item<A::Order>| {
            let span = trace::reaction(name, item.trace);
            // It was due a moment ago; a clock that is set back meanwhile does not make it early.
            let now = clock.now().max(item.due);
            lateness.note(now.since(item.due));
            let meta = Meta::of_item(&item, by.clone(), now);
            perform(item, Meta { trace: trace::of(&span), ..meta }).instrument(span)
        });
        agenda::run(view, head, now, sleep_until, perform).await;
    };
    tokio::select! {
        () = running => {}
        () = edge.stopping.cancelled() => {}
    }
}

/// Where the log ends, once the journal says so.
pub async fn head(edge: &Edge) -> u64 {
    loop {
        match edge.journal.last().await {
            Ok(head) => return head,
            Err(error) => tracing::warn!(%error, "the journal does not say where it ends: asking again"),
        }
        tokio::time::sleep(REST).await;
    }
}
