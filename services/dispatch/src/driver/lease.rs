//! The desk's lease: taken, and kept for as long as it is this process's.

use muster_journal::lease::{Holding, LEASE, Lease, LeaseError, RENEW_EVERY};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Holder, Peer};

/// Asks for the lease once.
pub(super) async fn take(lease: &dyn Lease, me: &str) -> Result<Holding, LeaseError> {
    timeout(LEASE, lease.take(me)).await.unwrap_or_else(|_| Err(LeaseError("no answer came in time".to_owned())))
}

/// Renews the lease, last asked for at `since`, until it is lost; gives whose it is then. Whoever could not renew for as long as
/// a lease lasts must take it for lost, although nobody said so.
pub(super) async fn keep(lease: &dyn Lease, me: &str, mut since: Instant) -> Holder {
    loop {
        sleep(RENEW_EVERY).await;
        let asked = Instant::now();
        match timeout_at(since + LEASE, lease.take(me)).await {
            Ok(Ok(Holding::Mine)) => since = asked,
            Ok(Ok(Holding::Theirs(other))) => return Holder::Theirs(Peer::parse(&other)),
            Ok(Err(error)) => tracing::warn!(%error, "the lease was not renewed"),
            Err(_) => return Holder::Nobody,
        }
        if since.elapsed() >= LEASE {
            return Holder::Nobody;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Mutex, PoisonError},
    };

    use async_trait::async_trait;

    use super::*;

    /// A lease that answers as it was told, and then not at all.
    struct Scripted(Mutex<VecDeque<Result<Holding, LeaseError>>>);

    #[async_trait]
    impl Lease for Scripted {
        async fn take(&self, _: &str) -> Result<Holding, LeaseError> {
            let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }

        async fn give_up(&self, _: &str) -> Result<(), LeaseError> {
            Ok(())
        }
    }

    async fn kept(answers: Vec<Result<Holding, LeaseError>>) -> (Holder, u64) {
        let lease = Scripted(Mutex::new(answers.into()));
        let before = Instant::now();
        let holder = keep(&lease, "me", before).await;
        (holder, before.elapsed().as_secs())
    }

    fn fails() -> Result<Holding, LeaseError> {
        Err(LeaseError("no route".to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_another_holds_is_lost_at_once() {
        let theirs = Holding::Theirs("http://b:1 secret".to_owned());
        let (holder, seconds) = kept(vec![Ok(Holding::Mine), Ok(Holding::Mine), Ok(theirs)]).await;
        let peer = Peer { address: "http://b:1".to_owned(), secret: "secret".to_owned() };
        assert_eq!((holder, seconds), (Holder::Theirs(peer), 3));
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_loses_nothing() {
        let (holder, seconds) = kept(vec![fails(), Ok(Holding::Mine), fails(), Ok(Holding::Mine)]).await;
        assert_eq!((holder, seconds), (Holder::Nobody, 4 + LEASE.as_secs()), "only when no answer comes any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_cannot_be_renewed_is_lost_when_it_has_run_out() {
        let (holder, seconds) = kept(vec![Ok(Holding::Mine), fails(), fails(), fails(), fails()]).await;
        assert_eq!((holder, seconds), (Holder::Nobody, 1 + LEASE.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_does_not_answer_is_lost_when_it_has_run_out() {
        assert_eq!(kept(vec![]).await, (Holder::Nobody, LEASE.as_secs()));
    }
}
