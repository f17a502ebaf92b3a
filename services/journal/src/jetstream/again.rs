//! Asking again before a question has had its time: one that went to a server that has gone is never answered, and whoever waits
//! for it hears late of the server that leads by then.

use crate::port::AppendError;
use futures::{StreamExt, stream::FuturesUnordered};
use std::time::Duration;
use tokio::time::sleep;

/// Longer than a server in good health takes, and short beside an election, which takes four to nine seconds (`raft.go`).
pub(super) const EVERY: Duration = Duration::from_millis(200);

/// So many questions wait at most: where none is answered, more would not be either.
const ASKED_MAX: usize = 4;

/// Asks a small question until it is answered once, or the first has had its time.
pub(crate) async fn ask<T, F>(question: impl Fn() -> F) -> T
where
    F: Future<Output = T>,
{
    let mut asked = FuturesUnordered::from_iter([question()]);
    loop {
        tokio::select! {
            Some(answer) = asked.next() => return answer,
            () = sleep(EVERY), if asked.len() < ASKED_MAX => asked.push(question()),
        }
    }
}

/// Reads, or nothing once another leads than the one that was asked: that one may never answer.
pub(super) async fn read<T>(read: impl Future<Output = T>, another_leads: impl Future<Output = ()>) -> Option<T> {
    tokio::select! {
        biased; // An answer that is there is taken.
        value = read => Some(value),
        () = another_leads => None,
    }
}

/// Tries to append a frame, and the same again at once when another leads than the one that was to take it.
pub(super) async fn append<F>(
    one_try: impl Fn() -> F,
    another_leads: impl Future<Output = ()>,
) -> Result<u64, AppendError>
where
    F: Future<Output = Result<u64, AppendError>>,
{
    tokio::select! {
        biased; // An answer that is there is taken.
        appended = one_try() => return appended,
        () = another_leads => {}
    }
    // What this one meets, or does not, says nothing of the first.
    let is_unknown = |error: &AppendError| matches!(error, AppendError::Unknown(_));
    one_try().await.map_err(|error| if is_unknown(&error) { error } else { AppendError::Unknown(error.to_string()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    fn unknown(why: &str) -> Result<u64, AppendError> {
        Err(AppendError::Unknown(why.to_owned()))
    }

    /// What comes of two tries that are told this after so many milliseconds, while another leads after so many.
    async fn told(tries: [(u64, Result<u64, AppendError>); 2], leads: u64) -> (Result<u64, AppendError>, u128) {
        let (began, tried) = (Instant::now(), Cell::new(0));
        let one_try = || {
            let (after, answer) = tries[tried.replace(1)].clone();
            async move {
                sleep(Duration::from_millis(after)).await;
                answer
            }
        };
        (append(one_try, sleep(Duration::from_millis(leads))).await, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_is_tried_again_when_another_leads_and_then_only_success_is_sure() {
        let (silent, conflict) = ((800, unknown("no answer")), (5, Err(AppendError::Conflict)));
        assert_eq!(told([(700, Ok(7)), (5, Ok(8))], 790).await, (Ok(7), 700), "a leader may be slow");
        assert_eq!(told([conflict.clone(), (5, Ok(8))], 790).await, (Err(AppendError::Conflict), 5));
        assert_eq!(told([silent.clone(), (5, Ok(8))], 300).await, (Ok(8), 305));
        assert_eq!(told([silent.clone(), silent.clone()], 300).await, (unknown("no answer"), 1_100));
        let ours = unknown("the subject has moved on");
        assert_eq!(told([silent.clone(), conflict], 300).await, (ours, 305), "it may have moved to this frame");
        let busy = (5, Err(AppendError::Busy));
        assert_eq!(told([silent, busy], 300).await, (unknown("an append to the subject is under way"), 305));
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_question_is_asked_again_until_one_is_answered() {
        let asking = async |answered: usize| {
            let (began, asked) = (Instant::now(), Cell::new(0));
            let question = || {
                asked.set(asked.get() + 1);
                let number = asked.get();
                async move {
                    sleep(Duration::from_millis(if number == answered { 5 } else { 5_000 })).await;
                    number
                }
            };
            (ask(question).await, asked.get(), began.elapsed().as_millis())
        };
        assert_eq!(asking(3).await, (3, 3, 405));
        assert_eq!(asking(9).await, (1, 4, 5_000), "not more often than four times");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_of_one_that_leads_no_more_is_given_up() {
        let reading = async |answered: u64| {
            let value = async {
                sleep(Duration::from_millis(answered)).await;
                7
            };
            read(value, sleep(Duration::from_millis(300))).await
        };
        assert_eq!(reading(290).await, Some(7), "a leader may be slow");
        assert_eq!(reading(300).await, Some(7), "an answer that is there is taken");
        assert_eq!(reading(5_000).await, None);
    }
}
