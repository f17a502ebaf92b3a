//! The current rows on disk: cards, pages, ledger lines and figures as encoded messages, as the log alone gives them. How a
//! clock stands is no part of a row, for time alone changes it; nor is whom to call, for it must be erasable; nor who was
//! looked at for an offer, for that is long and stands in the log where the offer was made.
//!
//! ```text
//! card/<request>               Card
//! page/<request>               RequestPage
//! ledger/<provider>/<contract> LedgerLine
//! statistics                   Statistics
//! ```
//!
//! `Projector` is the pure step: what changed since the rows' place → one batch. Rows and their place change together; while
//! many changes are on their way the rows have no place, and whoever opens them then begins anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    time::Duration,
};

use futures::StreamExt;
use muster_api::{monitor::v1, r#type::v1 as types};
use muster_domain::kernel::{ProviderId, RealmId, RequestId, Timestamp};
use muster_edge::work::Eyes;
use muster_journal::{
    engine::{
        Broken,
        follower::{Fold, Progress, Reader, View},
    },
    port::{Journal, ReadError},
    stored::Position,
    table::{Batch, Origin, Table, TableError},
};
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::views::{Item, Monitor, ledger};

/// Raised whenever the same log gives other rows than before.
pub const FORM: u32 = 3;

/// Requests and providers in one batch, about.
const BATCH: usize = 512;

/// Rows come to the disk together, at most once in this time: each write waits for the disk that the journal needs too.
const PACE: Duration = Duration::from_secs(1);

/// What the rows of a realm are made of.
pub fn origin(realm: &RealmId) -> Origin {
    let schema = Sha256::new().chain_update(FORM.to_be_bytes()).chain_update(muster_api::DESCRIPTORS).finalize();
    Origin { realm: realm.clone(), schema: schema.into() }
}

/// Why rows could not be rebuilt or verified.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The directory cannot be used.
    #[error("{0}")]
    Table(#[from] TableError),
    /// The rows cannot be read or written.
    #[error("the rows cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// The log cannot be read.
    #[error("{0}")]
    Log(#[from] Broken),
}

impl From<ReadError> for ProjectionError {
    fn from(error: ReadError) -> Self {
        Self::Log(error.into())
    }
}

/// Says which rows to write next.
#[derive(Clone, Debug, Default)]
pub struct Projector {
    /// Up to where every change is in the rows.
    done: Option<Position>,
}

/// Rows to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What changes.
    pub batch: Batch,
    /// The place in the log that the rows show then; `None` if more steps are needed to get there.
    pub place: Option<Position>,
}

impl Projector {
    /// Goes on where the rows are.
    pub fn from(place: Option<Position>) -> Self {
        Self { done: place }
    }

    /// The next rows to write; `None` if they show what the view does.
    pub fn step(&mut self, monitor: &Monitor, looked: &Progress) -> Option<Step> {
        let position = looked.position;
        if position == Position::default() || self.done >= Some(position) {
            return None;
        }
        let changed = monitor.changes().first_since(self.done, BATCH);
        let mut batch = Batch::default();
        changed.iter().for_each(|(_, item)| write(&mut batch, monitor, item));
        let place = match changed.last() {
            Some((last, _)) if changed.len() >= BATCH && *last < position => {
                self.done = Some(*last);
                None
            }
            Some(_) | None => {
                batch.put(STATISTICS, statistics(monitor, looked.log_time));
                self.done = Some(position);
                self.done
            }
        };
        Some(Step { batch, place })
    }
}

const STATISTICS: &str = "statistics";

fn write(batch: &mut Batch, monitor: &Monitor, item: &Item) {
    match item {
        Item::Request(request) => {
            if let Some((card, page)) = rows_of_request(monitor, request) {
                batch.put(format!("card/{request}"), card);
                batch.put(format!("page/{request}"), page);
            }
        }
        Item::Provider(provider) => {
            batch.clear(format!("ledger/{provider}/"));
            rows_of_provider(monitor, provider).for_each(|(name, line)| batch.put(name, line));
        }
    }
}

fn rows_of_request(monitor: &Monitor, request: &RequestId) -> Option<(Vec<u8>, Vec<u8>)> {
    let known = monitor.known(request)?;
    // Any moment would do: how clocks stand is taken out.
    let mut page = known.page(Timestamp::default(), Eyes::All, known.case.linked().map(ToString::to_string));
    let card_clock = page.card.iter_mut().filter_map(|card| card.next_clock.as_mut());
    card_clock.chain(&mut page.clocks).for_each(|clock: &mut types::Clock| clock.status.clear());
    let card = page.card.as_ref().map(v1::Card::encode_to_vec).unwrap_or_default();
    Some((card, page.encode_to_vec()))
}

fn rows_of_provider(monitor: &Monitor, provider: &ProviderId) -> impl Iterator<Item = (String, Vec<u8>)> {
    let lines = ledger::lines(provider, monitor.work()).into_iter();
    lines.map(|line| (format!("ledger/{}/{}", line.provider, line.contract), line.encode_to_vec()))
}

fn statistics(monitor: &Monitor, log_time: Timestamp) -> Vec<u8> {
    monitor.tally().tell(log_time).encode_to_vec()
}

/// Every row that a view gives, made anew.
pub fn rows(monitor: &Monitor, looked: &Progress) -> BTreeMap<String, Vec<u8>> {
    let mut rows = BTreeMap::new();
    for request in monitor.requests() {
        if let Some((card, page)) = rows_of_request(monitor, request) {
            rows.insert(format!("card/{request}"), card);
            rows.insert(format!("page/{request}"), page);
        }
    }
    for provider in monitor.work().desk().providers.keys() {
        rows.extend(rows_of_provider(monitor, provider));
    }
    if looked.position != Position::default() {
        rows.insert(STATISTICS.to_owned(), statistics(monitor, looked.log_time));
    }
    rows
}

/// Keeps the rows where the view is, from when it has read up to `head`, until the process stops. A disk that fails twice
/// ends it: nothing that anybody reads comes from the rows.
pub async fn project(view: View<Monitor>, table: Table, head: u64, stopping: CancellationToken) {
    project_and_tell(view, table, head, &watch::Sender::default(), stopping).await;
}

/// The same; `told` says up to where the rows are.
pub async fn project_and_tell(
    view: View<Monitor>,
    table: Table,
    head: u64,
    told: &watch::Sender<Option<Position>>,
    stopping: CancellationToken,
) {
    tokio::select! {
        error = keep(view, table, head, told) => tracing::error!(%error, "the rows on disk are kept no longer"),
        () = stopping.cancelled() => {}
    }
}

async fn keep(view: View<Monitor>, mut table: Table, head: u64, told: &watch::Sender<Option<Position>>) -> io::Error {
    let mut steps = view.steps();
    let mut projector = Projector::from(table.place());
    let mut failed = false;
    let ended = |_| io::Error::other("nobody follows the log any more");
    if let Err(error) = steps.wait_for(|progress| progress.position.sequence >= head).await.map_err(ended) {
        return error;
    }
    loop {
        let step = {
            let held = view.now();
            projector.step(&held, held.progress())
        };
        let Some(Step { batch, place }) = step else {
            match steps.changed().await.map_err(ended) {
                Ok(()) => continue,
                Err(error) => return error,
            }
        };
        table = match aside(table, move |mut table| (table.write(&batch, place), table)).await {
            Ok((Ok(()), table)) => table,
            Ok((Err(error), table)) if !failed => {
                tracing::error!(%error, "the rows on disk are made anew");
                (failed, projector) = (true, Projector::default());
                match aside(table, Table::start_anew).await {
                    Ok(Ok(table)) => table,
                    Ok(Err(error)) => return io::Error::other(error),
                    Err(error) => return error,
                }
            }
            Ok((Err(error), _)) | Err(error) => return error,
        };
        told.send_replace(table.place());
        if table.place().is_some() {
            tokio::time::sleep(PACE).await;
        }
    }
}

/// Does something with the table; the disk may be slow, so nothing else waits for it.
async fn aside<T: Send + 'static>(table: Table, work: impl FnOnce(Table) -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(move || work(table)).await.map_err(io::Error::other)
}

/// Folds the log from its beginning up to a place, or to its end.
async fn fold(journal: &dyn Journal, upto: Option<Position>) -> Result<(Monitor, Progress), ProjectionError> {
    let head = match upto {
        Some(upto) => upto.sequence,
        None => journal.last().await?,
    };
    let (mut monitor, mut reader, mut looked) = (Monitor::default(), Reader::default(), Progress::default());
    let mut records = journal.subscribe(0);
    while reader.progress().position.sequence < head {
        let ended = || ReadError::Unavailable("the subscription ended".to_owned());
        let record = records.next().await.ok_or_else(ended).and_then(|record| record)?;
        reader.take(&record, |seen, progress| {
            let wanted = |position| upto.is_none_or(|upto| position <= upto);
            seen.iter().filter(|seen| wanted(seen.position)).for_each(|seen| monitor.fold(seen));
            looked = progress.clone();
        })?;
    }
    Ok((monitor, looked))
}

/// Makes the rows in `dir` anew from the log's beginning; gives how many there are.
pub async fn rebuild(journal: &dyn Journal, realm: &RealmId, dir: &Path) -> Result<usize, ProjectionError> {
    let (monitor, looked) = fold(journal, None).await?;
    let mut table = Table::open(dir, &origin(realm), looked.position.sequence)?.start_anew()?;
    let mut projector = Projector::default();
    while let Some(step) = projector.step(&monitor, &looked) {
        table.write(&step.batch, step.place)?;
    }
    Ok(table.names()?.len())
}

/// How rows differ from what the log says at their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// There are no rows to be trusted.
    NoRows {
        /// Why not, if there were any.
        why: Option<String>,
    },
    /// A row that should be there is not.
    Missing(String),
    /// A row is there that should not.
    Extra(String),
    /// A row says something else.
    Otherwise(String),
}

/// Compares the rows in `dir` with the fold of the log up to their place (invariants P1 and P4); where there are none, it
/// leaves none.
pub async fn verify(journal: &dyn Journal, realm: &RealmId, dir: &Path) -> Result<Vec<Difference>, ProjectionError> {
    if !Table::is_in(dir) {
        return Ok(vec![Difference::NoRows { why: None }]);
    }
    let table = match Table::open_as_it_is(dir, &origin(realm), journal.last().await?)? {
        Ok(table) => table,
        Err(why) => return Ok(vec![Difference::NoRows { why: Some(why) }]),
    };
    let Some(place) = table.place() else { return Ok(vec![Difference::NoRows { why: None }]) };
    let (monitor, looked) = fold(journal, Some(place)).await?;
    let (expected, found) = (rows(&monitor, &looked), table.names()?);
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let mut differences: Vec<_> = found
        .iter()
        .filter(|name| !expected.contains_key(**name))
        .map(|n| Difference::Extra((*n).to_owned()))
        .collect();
    for (name, value) in &expected {
        match table.get(name)? {
            None => differences.push(Difference::Missing(name.clone())),
            Some(found) if found != *value => differences.push(Difference::Otherwise(name.clone())),
            Some(_) => {}
        }
    }
    Ok(differences)
}
