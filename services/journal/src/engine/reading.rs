//! Reading a view: as it is, as it was, or once it has come far enough.

use std::time::Duration;

use muster_api::r#type::v1::{ReadAt, read_at::AsOf};
use muster_domain::kernel::{Refusal, RefusalKind, Timestamp};

use super::{
    Undone,
    follower::{Fold, Progress, View},
    past::Upto,
};
use crate::{port::Journal, stored::Position};

/// Reads a view at the moment asked for, waiting for `at_least` as long as `patience`: `look` sees the view and how far it had
/// come.
pub async fn read<V: Fold + Clone + Default, T>(
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
            let head = journal.last().await.map_err(Undone::from)?;
            if position.sequence > head {
                return Err(beyond(position, head));
            }
            view.reaches(position.sequence, patience).await?;
        }
        // What this replica has not read may be older than the time asked for, unless it has read beyond that time.
        Upto::Time(time) if view.progress().log_time <= time => {
            let head = journal.last().await.map_err(Undone::from)?;
            view.reaches(head, patience).await?;
        }
        Upto::Position(_) | Upto::Time(_) => {}
    }
    {
        let now = view.now();
        if upto.holds(now.progress()) {
            return Ok(look(&now, now.progress()));
        }
    }
    let moment = view.past().at(journal, upto, patience).await?;
    Ok(look(&moment.value, &moment.here))
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
