//! Reading a view: as it is, as it was, or once it has come far enough.

use std::time::Duration;

use futures::StreamExt;
use muster_api::r#type::v1::{ReadAt, read_at::AsOf};
use muster_domain::kernel::{Refusal, RefusalKind, Timestamp};

use super::{
    Broken, Undone,
    follower::{Fold, Progress, Reader, View},
};
use crate::{
    port::{Journal, ReadError},
    stored::Position,
};

/// Which commits an answer looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upto {
    Position(Position),
    Time(Timestamp),
}

impl Upto {
    /// Whether an answer looks at a commit there, and so at all before it.
    fn holds(self, progress: &Progress) -> bool {
        match self {
            Self::Position(position) => progress.position <= position,
            Self::Time(time) => progress.log_time <= time,
        }
    }
}

/// Reads a view at the moment asked for, waiting for `at_least` as long as `patience`: `look` sees the view and how far it had
/// come.
pub async fn read<V: Fold + Default, T>(
    view: &View<V>,
    journal: &dyn Journal,
    at: Option<ReadAt>,
    patience: Duration,
    look: impl FnOnce(&V, &Progress) -> T,
) -> Result<T, Refusal> {
    let ReadAt { as_of, at_least } = at.unwrap_or_default();
    if let Some(least) = at_least {
        view.reaches(least.sequence, patience).await?;
    }
    let upto = match as_of {
        None => {
            let now = view.now();
            return Ok(look(&now, now.progress()));
        }
        Some(AsOf::Position(position)) => Upto::Position(position.into()),
        Some(AsOf::Time(time)) => Upto::Time(millis(&time)?),
    };
    match upto {
        Upto::Position(position) if view.progress().position < position => {
            let head = journal.last().await.map_err(unread)?;
            if position.sequence > head {
                return Err(beyond(position, head));
            }
            view.reaches(position.sequence, patience).await?;
        }
        // What this replica has not read may be older than the time asked for, unless it has read beyond that time.
        Upto::Time(time) if view.progress().log_time <= time => {
            let head = journal.last().await.map_err(unread)?;
            view.reaches(head, patience).await?;
        }
        Upto::Position(_) | Upto::Time(_) => {}
    }
    let head = {
        let now = view.now();
        if upto.holds(now.progress()) {
            return Ok(look(&now, now.progress()));
        }
        now.progress().position.sequence
    };
    let (value, progress) = replay::<V>(journal, upto, head).await?;
    Ok(look(&value, &progress))
}

fn beyond(position: Position, head: u64) -> Refusal {
    Refusal {
        reason: "POSITION_UNKNOWN",
        kind: RefusalKind::Invalid,
        rule: "invariant L2: a read shows what it was asked to show",
        says: format!(
            "read_at.position {}.{} is not in the log, which ends at {head}",
            position.sequence, position.index
        ),
        way_out: "give the position of an earlier answer or event",
        fields: Vec::new(),
    }
}

fn unread(error: ReadError) -> Undone {
    match error {
        ReadError::Unavailable(why) => Undone::Unavailable(why),
        ReadError::Gap { .. } | ReadError::Corrupt { .. } => Broken::Read(error).into(),
    }
}

fn millis(time: &prost_types::Timestamp) -> Result<Timestamp, Refusal> {
    let millis = time.seconds.checked_mul(1000).and_then(|ms| ms.checked_add(i64::from(time.nanos) / 1_000_000));
    millis.map(Timestamp::from_millis).ok_or_else(|| Refusal {
        reason: "TIME_INVALID",
        kind: RefusalKind::Invalid,
        rule: "RFC 3339",
        says: "read_at.time is out of range".to_owned(),
        way_out: "give a time between the years 1 and 9999",
        fields: Vec::new(),
    })
}

/// Folds the log anew up to a moment before `head`, which the caller has seen already.
async fn replay<V: Fold + Default>(journal: &dyn Journal, upto: Upto, head: u64) -> Result<(V, Progress), Undone> {
    let (mut value, mut reader, mut progress) = (V::default(), Reader::default(), Progress::default());
    let mut records = journal.subscribe(0);
    let mut done = head == 0;
    while !done {
        let ended = || ReadError::Unavailable("the subscription ended".to_owned());
        let record = records.next().await.unwrap_or_else(|| Err(ended())).map_err(unread)?;
        reader.take(&record, |seen, _| {
            for seen in seen {
                let here = Progress { position: seen.position, log_time: seen.log_time, broken: None };
                done |= !upto.holds(&here);
                if !done {
                    value.fold(seen);
                    progress = here;
                }
            }
        })?;
        done |= record.sequence >= head;
    }
    Ok((value, progress))
}
