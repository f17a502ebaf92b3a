//! The log itself, a page at a time, each event as it is stored.

use std::collections::BTreeSet;

use futures::StreamExt;
use muster_api::{
    event,
    monitor::v1::{ListEventsRequest, ListEventsResponse, LogEntry},
};
use muster_domain::kernel::RequestId;
use muster_edge::{
    Answer, Caller,
    edge::{refused, unread},
    page::{self, Page},
};
use muster_journal::{
    engine::{Broken, Undone, follower::Seen},
    port::{Context, ReadError, Record, Records},
    stored::{self, Position},
    subjects::id_of,
};
use muster_runtime::{access::Action, status};
use prost::Message;
use tonic::{Request, Response, Status};

use super::{Service, sight::Sight};
use crate::{
    views::{Monitor, words},
    wire::{self, Part},
};

/// A page of the log is no larger than about this, in bytes.
const PAGE_BYTES: usize = 1 << 20;

/// Records that are skipped rather than asked for anew.
const SKIPPED_MAX: u64 = 64;

/// Where an event stands: its commit, and its index within it.
type Spot = (Position, u32);

pub(super) async fn list(service: &Service, call: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
    let (caller, message) = service.edge.admit(call, Action::ListEvents)?;
    let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
    let part = wire::read_part(&message.subject)?;
    let request = match message.request.as_str() {
        "" => None,
        name => Some(service.find(&caller, Action::ListEvents, name).await?),
    };
    let looked_at = match page.looked_at() {
        Some(looked_at) => {
            // Another replica, further on, may have told the page before.
            service.monitor.reaches(looked_at.sequence, caller.patience).await.map_err(refused)?;
            looked_at
        }
        None => service.edge.read(&caller, &service.monitor, page.read_at(), |_, progress| progress.position).await?,
    };
    let begin = message.after.map(|after| (Position::from(after), u32::MAX));
    let after = page.after().and_then(parse).or(begin);
    let reading = Reading { service, caller: &caller, request, part, after, looked_at };
    let (entries, next_page_token) = reading.page(page.size()).await?;
    Ok(Response::new(ListEventsResponse { as_of: Some(looked_at.into()), entries, next_page_token }))
}

fn key((position, event): Spot) -> String {
    format!("{}.{}.{event}", position.sequence, position.index)
}

fn parse(key: &str) -> Option<Spot> {
    let mut parts = key.split('.');
    let position = Position { sequence: parts.next()?.parse().ok()?, index: parts.next()?.parse().ok()? };
    Some((position, parts.next()?.parse().ok()?))
}

/// What is read of the log for one call.
struct Reading<'a> {
    service: &'a Service,
    caller: &'a Caller,
    request: Option<RequestId>,
    part: Part,
    after: Option<Spot>,
    looked_at: Position,
}

impl Reading<'_> {
    /// A page of entries and the token of the next.
    async fn page(&self, size: usize) -> Result<(Vec<LogEntry>, String), Status> {
        let mut records = Shelf { service: self.service, stream: None };
        let (mut entries, mut bytes, mut last) = (Vec::new(), 0usize, None);
        for sequence in self.sequences().await? {
            let record = records.get(sequence).await?;
            for (spot, entry) in self.entries(&record)? {
                if entries.len() >= size || bytes >= PAGE_BYTES {
                    let next = last.map(|last| page::token(self.looked_at, &key(last))).unwrap_or_default();
                    return Ok((entries, next));
                }
                bytes = bytes.saturating_add(entry.encoded_len());
                entries.push(entry);
                last = Some(spot);
            }
        }
        Ok((entries, String::new()))
    }

    /// Records that may hold what is asked for and the caller may see, in order.
    async fn sequences(&self) -> Result<Box<dyn Iterator<Item = u64> + Send>, Status> {
        let (first, last) = (self.after.map_or(1, |(position, _)| position.sequence), self.looked_at.sequence);
        let within = move |sequence: &u64| (first..=last).contains(sequence);
        if let Some(told) = self.told() {
            return Ok(Box::new(told.into_iter().filter(within)));
        }
        Ok(match &self.part {
            Part::Whole => Box::new(first..=last),
            Part::Subject(subject) if subject.context() != Context::Dispatch => {
                let records = self.service.edge.journal.load(subject, first.saturating_sub(1)).await.map_err(unread)?;
                let sequences: Vec<_> = records.iter().map(|record| record.sequence).filter(within).collect();
                Box::new(sequences.into_iter())
            }
            // The desk is all that dispatch writes.
            Part::Subject(_) => self.of_context(Context::Dispatch, first, last),
            Part::Context(context) => self.of_context(*context, first, last),
        })
    }

    fn of_context(&self, context: Context, first: u64, last: u64) -> Box<dyn Iterator<Item = u64> + Send> {
        let monitor = self.service.monitor.now();
        let places = monitor.places(context);
        let begin = places.partition_point(|sequence| *sequence < first);
        let places = places.get(begin..).unwrap_or_default().iter().copied().take_while(|sequence| *sequence <= last);
        Box::new(places.collect::<Vec<_>>().into_iter())
    }

    /// Where the requests that alone can be told stand in the log; `None` if all can be.
    fn told(&self) -> Option<BTreeSet<u64>> {
        let monitor = self.service.monitor.now();
        let sight = self.sight();
        let places = |request: &RequestId| {
            let story = monitor.case(request).map(|case| case.story.as_slice()).unwrap_or_default();
            story.iter().map(|line| line.position.sequence).collect::<Vec<_>>()
        };
        match &self.request {
            Some(request) => Some(places(request).into_iter().collect()),
            None if sight.sees_all() => None,
            None => {
                let seen = sight.requests(&monitor, monitor.progress().position);
                Some(seen.flat_map(|(_, request, _)| places(request)).collect())
            }
        }
    }

    fn sight(&self) -> Sight<'_> {
        Sight::of(&self.service.edge, self.caller, Action::ListEvents)
    }

    fn is_asked_for(&self, record: &Record) -> bool {
        match &self.part {
            Part::Whole => true,
            Part::Context(context) => record.subject.context() == *context,
            Part::Subject(subject) => record.subject == *subject,
        }
    }

    /// The events of a record that are asked for and that the caller may see.
    fn entries(&self, record: &Record) -> Result<Vec<(Spot, LogEntry)>, Status> {
        if !self.is_asked_for(record) {
            return Ok(Vec::new());
        }
        let sequence = record.sequence;
        let frame = stored::decode(&record.bytes)
            .map_err(|what| refused(Undone::Broken(Broken::Undecodable { sequence, what })))?;
        let kept = event::v1::Frame::decode(record.bytes.clone()).map_err(status::fault)?;
        let monitor = self.service.monitor.now();
        let sight = self.sight();
        let mut entries = Vec::new();
        for (index, (commit, kept)) in (0..).zip(frame.commits.iter().zip(&kept.commits)) {
            let position = Position { sequence, index };
            if position > self.looked_at {
                break;
            }
            let seen = Seen { position, subject: &record.subject, commit, log_time: commit.recorded_at };
            self.add(&mut entries, &monitor, &sight, &seen, kept);
        }
        Ok(entries)
    }

    fn add(
        &self,
        entries: &mut Vec<(Spot, LogEntry)>,
        monitor: &Monitor,
        sight: &Sight,
        seen: &Seen,
        kept: &event::v1::Commit,
    ) {
        let about = |event| monitor.request_of(id_of(seen.subject), event);
        let sees = |request: Option<RequestId>| sight.sees_all() || request.is_some_and(|request| sight.sees(&request));
        let abouts: Vec<_> = seen.commit.events.iter().map(about).collect();
        let visible: Vec<_> = abouts.iter().map(|request| sees(request.clone())).collect();
        let whole = visible.iter().all(|visible| *visible);
        let events = seen.commit.events.iter().zip(&kept.events).zip(abouts.iter().zip(&visible));
        for (index, ((event, kept), (about, visible))) in (0..).zip(events) {
            let wanted = self.request.is_none() || *about == self.request;
            let told_before = self.after.is_some_and(|after| (seen.position, index) <= after);
            if *visible && wanted && !told_before {
                let text = words::sentence(event, monitor.work().desk());
                entries.push(((seen.position, index), wire::entry(seen, index, (kept, event), text, whole)));
            }
        }
    }
}

/// Records by sequence, asked for in order.
struct Shelf<'a> {
    service: &'a Service,
    stream: Option<(u64, Records)>,
}

impl Shelf<'_> {
    async fn get(&mut self, sequence: u64) -> Result<Record, Status> {
        let near = |next: u64| next <= sequence && sequence.saturating_sub(next) < SKIPPED_MAX;
        let mut records = match self.stream.take() {
            Some((next, records)) if near(next) => records,
            Some(_) | None => self.service.edge.journal.subscribe(sequence.saturating_sub(1)),
        };
        loop {
            let ended = || ReadError::Unavailable("the subscription ended".to_owned());
            let record = records.next().await.ok_or_else(ended).and_then(|record| record).map_err(unread)?;
            if record.sequence >= sequence {
                self.stream = Some((record.sequence.saturating_add(1), records));
                return Ok(record);
            }
        }
    }
}
