//! Asking again before a question has had its time: one that went to a server that has gone is never answered, and whoever waits
//! for it hears late of a server that could.

use crate::port::AppendError;
use futures::{StreamExt, stream::FuturesUnordered};
use std::time::Duration;
use tokio::time::sleep;

/// Longer than a server in good health takes, and short beside an election, which takes four to nine seconds (`raft.go`).
const EVERY: Duration = Duration::from_millis(200);

/// Asks until one of the questions is answered, or the first has had its time: what changes nothing may be asked often.
pub(crate) async fn ask<T, F>(question: impl Fn() -> F) -> T
where
    F: Future<Output = T>,
{
    let mut asked = FuturesUnordered::from_iter([question()]);
    loop {
        tokio::select! {
            Some(answer) = asked.next() => return answer,
            () = sleep(EVERY) => asked.push(question()),
        }
    }
}

/// Tries to append one and the same frame until the outcome is known, or the first try has had its time.
pub(super) async fn append<F>(one_try: impl Fn() -> F) -> Result<u64, AppendError>
where
    F: Future<Output = Result<u64, AppendError>>,
{
    let (mut under_way, mut tries) = (FuturesUnordered::from_iter([one_try()]), 1);
    loop {
        tokio::select! {
            Some(answer) = under_way.next() => match answer {
                Ok(sequence) => return Ok(sequence),
                // It met another of these.
                Err(AppendError::Busy) if !under_way.is_empty() => {}
                Err(error @ AppendError::Unknown(_)) => return Err(error),
                Err(error) if tries == 1 => return Err(error),
                // What this one met, or did not, says nothing of those before.
                Err(error) => return Err(AppendError::Unknown(error.to_string())),
            },
            () = sleep(EVERY) => {
                tries += 1;
                under_way.push(one_try());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, future};
    use tokio::time::Instant;

    /// What each try is told, and after how many milliseconds.
    async fn told(answers: &[(u64, Result<u64, AppendError>)]) -> (Result<u64, AppendError>, u128, usize) {
        let (began, tried) = (Instant::now(), Cell::new(0));
        let one_try = || {
            let answer = answers.get(tried.get()).cloned();
            tried.set(tried.get() + 1);
            async {
                match answer {
                    None => future::pending().await,
                    Some((after, answer)) => {
                        sleep(Duration::from_millis(after)).await;
                        answer
                    }
                }
            }
        };
        let told = append(one_try).await;
        (told, began.elapsed().as_millis(), tried.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_is_tried_again_before_its_time_is_over_and_only_a_lone_try_is_sure_of_having_failed() {
        let unknown = |why: &str| Err(AppendError::Unknown(why.to_owned()));
        let silent = || (790, unknown("no answer"));
        assert_eq!(told(&[(199, Ok(7))]).await, (Ok(7), 199, 1));
        assert_eq!(told(&[(5, Err(AppendError::Conflict))]).await, (Err(AppendError::Conflict), 5, 1));
        assert_eq!(told(&[(5, Err(AppendError::Busy))]).await, (Err(AppendError::Busy), 5, 1));
        assert_eq!(told(&[silent(), silent(), (5, Ok(7))]).await, (Ok(7), 405, 3), "the third met a leader");
        assert_eq!(told(&[silent(), silent(), silent(), silent()]).await, (unknown("no answer"), 790, 4));
        let slow = [(500, Ok(7)), (5, Err(AppendError::Busy)), (5, Err(AppendError::Busy))];
        assert_eq!(told(&slow).await, (Ok(7), 500, 3), "the first is slow, and the others say so");
        let late = [silent(), (5, Err(AppendError::Conflict))];
        assert_eq!(told(&late).await, (unknown("the subject has moved on"), 205, 2), "it may have moved to this frame");
        let both = [(205, Err(AppendError::Busy)), (10, Err(AppendError::Busy))];
        assert_eq!(told(&both).await, (unknown("an append to the subject is under way"), 210, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_asked_again_until_one_is_answered() {
        let (began, asked) = (Instant::now(), Cell::new(0));
        let question = || {
            asked.set(asked.get() + 1);
            let number = asked.get();
            async move {
                sleep(Duration::from_millis(if number == 3 { 5 } else { 800 })).await;
                number
            }
        };
        assert_eq!((ask(question).await, began.elapsed().as_millis()), (3, 405));
    }
}
