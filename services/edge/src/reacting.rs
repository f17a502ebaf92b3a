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
        agenda::run(view, head, edge.clock.goes(agenda::REST), now, sleep_until, perform).await;
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, num::NonZeroU32};

    use muster_journal::engine::follower::{Fold, Follower, Seen};
    use muster_runtime::clock::ExerciseClock;
    use tokio::sync::mpsc;
    use tonic::service::Routes;
    use uuid::Uuid;

    use super::*;
    use crate::testing::{Rig, START};

    /// One item, which nothing takes off.
    struct Stubborn(BTreeMap<Uuid, Item<()>>);

    impl Fold for Stubborn {
        fn fold(&mut self, _: &Seen) {}
    }

    impl Agenda for Stubborn {
        type Order = ();

        fn items(&self) -> &BTreeMap<Uuid, Item<()>> {
            &self.0
        }
    }

    async fn let_others_run() {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_could_not_be_done_rests_by_the_machines_time_in_an_exercise_too() {
        let mut views = Follower::default();
        let id = Uuid::from_u128(1);
        let item = Item { command: id, due: START, causation: id, correlation: id, trace: None, order: () };
        let view = views.view(Stubborn([(id, item)].into()));
        let rig = Rig::start(|_, _| Routes::default());
        tokio::spawn(views.run(rig.edge.journal.clone()));
        let speed = NonZeroU32::new(600).unwrap();
        let clock = Arc::new(ExerciseClock::on(Arc::new(rig.clock.clone()), START, START, speed));
        let (tried, mut tries) = mpsc::unbounded_channel();
        let edge = Edge { clock, ..rig.edge.clone() };
        let perform = move |_, _| {
            tried.send(()).unwrap();
            async { Err(Undone::Unavailable("no leader".to_owned())) }
        };
        tokio::spawn(async move { react(&edge, "edge", view, perform).await });
        tries.recv().await.unwrap();
        let_others_run().await;
        rig.clock.advance(agenda::REST - Duration::from_millis(1));
        let_others_run().await;
        assert!(tries.try_recv().is_err(), "it is tried again too early");
        rig.clock.advance(Duration::from_millis(1));
        tries.recv().await.unwrap();
    }
}
