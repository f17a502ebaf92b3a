//! The desk's lease: taken, and kept for as long as it is this process's.

use muster_journal::lease::{Holding, LEASE, Lease, LeaseError, RENEW_EVERY};
use tokio::time::{sleep, timeout};

use super::{Holder, Peer};

/// Asks for the lease once.
pub(super) async fn take(lease: &dyn Lease, me: &str) -> Result<Holding, LeaseError> {
    timeout(LEASE, lease.take(me))
        .await
        .unwrap_or_else(|_| Err(LeaseError::Silent("no answer came in time".to_owned())))
}

/// Renews the lease until it is lost; gives whose it is then. A lease that does not answer is nobody's to take, so whoever holds
/// it goes on; if it is this process alone that hears nothing, the next holder's fence stops it at its next append.
pub(super) async fn keep(lease: &dyn Lease, me: &str) -> Holder {
    loop {
        sleep(RENEW_EVERY).await;
        match take(lease, me).await {
            Ok(Holding::Mine) => {}
            Ok(Holding::Theirs(other)) => return Holder::Theirs(Peer::parse(&other)),
            Err(LeaseError::Silent(why)) => tracing::warn!(why, "the lease was not renewed"),
            Err(LeaseError::ClockOff(_)) => return Holder::Nobody,
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
    use tokio::time::Instant;

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

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_kept_through_silence_until_another_holds_it() {
        let fails = || Err(LeaseError::Silent("no route".to_owned()));
        let theirs = Ok(Holding::Theirs("http://b:1 secret".to_owned()));
        let answers = vec![Ok(Holding::Mine), fails(), fails(), fails(), fails(), Ok(Holding::Mine), theirs];
        let (lease, began) = (Scripted(Mutex::new(answers.into())), Instant::now());
        let peer = Peer { address: "http://b:1".to_owned(), secret: "secret".to_owned() };
        assert_eq!(keep(&lease, "me").await, Holder::Theirs(peer));
        assert_eq!(began.elapsed(), RENEW_EVERY * 7);
        let silent = timeout(LEASE * 100, keep(&lease, "me")).await;
        assert!(silent.is_err(), "without an answer nothing is lost");
    }
}
