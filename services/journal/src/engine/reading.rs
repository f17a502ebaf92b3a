//! Reading a view: as it is, as it was, or once it has come far enough.

use std::time::Duration;

use futures::StreamExt;
use muster_api::r#type::v1::{ReadAt, read_at::AsOf};
use muster_domain::kernel::{Refusal, RefusalKind, Timestamp};

use super::{
    Broken, Undone,
    follower::{Fold, Reader, View},
};
use crate::{port::Journal, stored::Position};

/// How long a read waits for `at_least` when the caller gave no deadline.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which commits an answer looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upto {
    Position(Position),
    Time(Timestamp),
}

/// Reads a view at the moment asked for: `look` sees the view, the position it has and log time there.
pub async fn read<V: Fold + Default, T>(
    view: &View<V>,
    journal: &dyn Journal,
    at: Option<ReadAt>,
    look: impl FnOnce(&V, Position, Timestamp) -> T,
) -> Result<T, Refusal> {
    let ReadAt { as_of, at_least } = at.unwrap_or_default();
    if let Some(least) = at_least {
        view.reaches(least.sequence, PATIENCE).await?;
    }
    let upto = match as_of {
        None => {
            let now = view.now();
            let progress = view.progress();
            let position = Position { sequence: progress.sequence, index: 0 };
            return Ok(look(&now, position, progress.log_time));
        }
        Some(AsOf::Position(position)) => Upto::Position(position.into()),
        Some(AsOf::Time(time)) => Upto::Time(millis(&time)?),
    };
    let (value, position, log_time) = replay::<V>(journal, upto, view.progress().sequence).await?;
    Ok(look(&value, position, log_time))
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

/// Folds the log anew up to a moment, but never beyond `head`, which the caller has seen already.
async fn replay<V: Fold + Default>(
    journal: &dyn Journal,
    upto: Upto,
    head: u64,
) -> Result<(V, Position, Timestamp), Undone> {
    let (mut value, mut reader) = (V::default(), Reader::default());
    let (mut last, mut log_time) = (Position::default(), Timestamp::default());
    let mut records = journal.subscribe(0);
    let mut done = head == 0;
    while !done {
        let Some(record) = records.next().await else { break };
        let record = record.map_err(Broken::from)?;
        reader.take(&record, |seen| {
            let within = match upto {
                Upto::Position(position) => seen.position <= position,
                Upto::Time(time) => seen.log_time <= time,
            };
            done |= !within;
            if !done {
                value.fold(seen);
                (last, log_time) = (seen.position, seen.log_time);
            }
        })?;
        done |= record.sequence >= head;
    }
    Ok((value, last, log_time))
}
