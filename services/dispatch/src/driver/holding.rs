//! While this process holds the desk: the writer is told what happens, and what it says is done.

use std::{collections::BTreeMap, future::pending, time::Duration};

use futures::{FutureExt, StreamExt};
use muster_domain::kernel::Timestamp;
use muster_edge::{Edge, lateness::Lateness, trace};
use muster_journal::{
    append::{Lost, append_surely},
    crash::{self, Boundary},
    engine::{Done, Undone, follower::View},
    port::{ReadError, Record, Records, Subject},
};
use muster_runtime::ids;
use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinError, JoinSet},
};
use tracing::{Instrument, Span};

use super::{Call, Ended};
use crate::{
    standby::Standby,
    writer::{Input, Output, Stop, Ticket, Writer},
};

/// How long an append may stay without an answer before whoever waits is told so.
const PATIENCE: Duration = Duration::from_secs(10);

/// A reader that takes nothing for so long does not get on.
const STILL: Duration = Duration::from_secs(1);

/// Records taken in one go before anything else has its turn.
const RECORDS_MAX: usize = 256;

/// A wake-up waits no longer for commands that were received before it.
const OVERDUE: Duration = Duration::from_millis(100);

/// Commands decided in one go before what they caused is sent.
const COMMANDS_MAX: usize = 256;

/// Decides for the desk until the process stops or the writer does.
pub(super) async fn hold(edge: &Edge, standby: &View<Standby>, calls: &mut mpsc::Receiver<Call>) -> Ended {
    let started = tokio::select! {
        started = Holding::start(edge, standby) => started,
        () = edge.stopping.cancelled() => return Ended::Told,
    };
    let decided = match started {
        Ok(mut holding) => {
            tracing::info!("this process decides for the desk");
            holding.run(calls).await
        }
        Err(stop) => Err(stop),
    };
    decided.map_or_else(Ended::Writer, |()| Ended::Told)
}

/// What happened first.
enum Happened {
    /// An append or a check came to its end.
    Landed(Input),
    /// The realm's next record.
    Record(Option<Result<Record, ReadError>>),
    /// Somebody asks.
    Call(Call),
    /// A deadline may have passed.
    Due,
}

/// The desk in this process's hands.
struct Holding<'a> {
    edge: &'a Edge,
    subject: Subject,
    writer: Writer,
    records: Records,
    /// Where the realm ended at the beginning: all before is taken first, so that commands meet a desk that knows it.
    head: u64,
    flight: JoinSet<Input>,
    waiting: BTreeMap<Ticket, oneshot::Sender<Result<Done, Undone>>>,
    tickets: Ticket,
    lateness: Lateness,
}

impl<'a> Holding<'a> {
    async fn start(edge: &'a Edge, standby: &View<Standby>) -> Result<Self, Stop> {
        let subject = edge.subjects.desk().map_err(|error| Stop::Unavailable(error.to_string()))?;
        catch_up(standby, edge.journal.head(&subject).await.map_err(unreadable)?).await;
        let standby = standby.clone();
        let start = aside(move || standby.now().start()).await?.map_err(Stop::Broken)?;
        let later = edge.journal.load(&subject, start.after()).await.map_err(unreadable)?;
        let head = edge.journal.last().await.map_err(unreadable)?;
        let of_desk = subject.clone();
        let begun = aside(move || Writer::new(of_desk, start, &later, ids::new())).await?;
        let (writer, outputs) = begun.map_err(Stop::Broken)?;
        let records = edge.journal.subscribe(writer.taken());
        let (flight, waiting) = (JoinSet::new(), BTreeMap::new());
        let lateness = Lateness::of("desk", &edge.meter);
        let mut holding = Self { edge, subject, writer, records, head, flight, waiting, tickets: 0, lateness };
        holding.perform(outputs)?;
        Ok(holding)
    }

    async fn run(&mut self, calls: &mut mpsc::Receiver<Call>) -> Result<(), Stop> {
        while let Some(happened) = self.next(calls).await {
            self.decide(happened, calls)?;
        }
        self.finish(calls).await
    }

    /// What happens next; nothing when the process is told to stop.
    async fn next(&mut self, calls: &mut mpsc::Receiver<Call>) -> Option<Happened> {
        let ready = self.is_caught_up();
        let due = self.writer.next_look().filter(|_| ready);
        let wake = async {
            match due {
                Some(due) => self.edge.clock.sleep_until(due).await,
                None => pending().await,
            }
        };
        Some(tokio::select! {
            biased;
            () = self.edge.stopping.cancelled() => return None,
            Some(landed) = self.flight.join_next() => Happened::Landed(outcome(landed)),
            record = self.records.next() => Happened::Record(record),
            Some(call) = calls.recv(), if ready => Happened::Call(call),
            () = wake => Happened::Due,
        })
    }

    /// Takes what happened and all that waits besides; what follows leaves as one frame.
    fn decide(&mut self, happened: Happened, calls: &mut mpsc::Receiver<Call>) -> Result<(), Stop> {
        let now = self.edge.clock.now();
        let landed = match happened {
            Happened::Landed(input) => Some(input),
            Happened::Record(record) => self.read(record, now).map(|()| None)?,
            Happened::Call(call) => self.command(call, now).map(|()| None)?,
            Happened::Due => None,
        };
        for _ in 0..RECORDS_MAX {
            let Some(record) = self.records.next().now_or_never() else { break };
            self.read(record, now)?;
        }
        if self.is_caught_up() {
            let all = self.commands(calls, now)?;
            // Commands received before a wake-up are decided before it; those that come after it do not hold it up.
            let due = |due: Timestamp| due <= now && (all || due.plus(OVERDUE) <= now);
            if let Some(look) = self.writer.next_look().filter(|look| due(*look)) {
                // The first look of all is due since ever.
                if look > Timestamp::default() {
                    self.lateness.note(now.since(look));
                }
                self.take(Input::Look, now)?;
            }
        }
        // Last, because a frame that has landed lets the next one go.
        if let Some(landed) = landed.or_else(|| self.flight.try_join_next().map(outcome)) {
            self.take(landed, now)?;
        }
        self.send()
    }

    /// Finishes what is begun: decides what waits, and answers when the log has it.
    async fn finish(&mut self, calls: &mut mpsc::Receiver<Call>) -> Result<(), Stop> {
        calls.close();
        let now = self.edge.clock.now();
        while self.is_caught_up() && !self.commands(calls, now)? {}
        self.send()?;
        while let Some(landed) = self.flight.join_next().await {
            self.take(outcome(landed), self.edge.clock.now())?;
            self.send()?;
        }
        Ok(())
    }

    /// Whether all that stood in the log at the beginning is taken.
    fn is_caught_up(&self) -> bool {
        self.writer.taken() >= self.head
    }

    /// Decides commands that wait; whether none is left.
    fn commands(&mut self, calls: &mut mpsc::Receiver<Call>, now: Timestamp) -> Result<bool, Stop> {
        for _ in 0..COMMANDS_MAX {
            let Ok(call) = calls.try_recv() else { return Ok(true) };
            self.command(call, now)?;
        }
        Ok(false)
    }

    fn command(&mut self, call: Call, now: Timestamp) -> Result<(), Stop> {
        let Call { command, meta, answer } = call;
        self.tickets = self.tickets.saturating_add(1);
        self.waiting.insert(self.tickets, answer);
        self.take(Input::Command { ticket: self.tickets, command, meta }, now)
    }

    fn read(&mut self, record: Option<Result<Record, ReadError>>, now: Timestamp) -> Result<(), Stop> {
        let ended = || Err(ReadError::Unavailable("the subscription ended".to_owned()));
        match record.unwrap_or_else(ended) {
            Ok(record) => self.take(Input::Record(record), now),
            // The writer answers whoever waits, and stops.
            Err(error) => self.take(Input::Checked(Err(error)), now),
        }
    }

    fn take(&mut self, input: Input, now: Timestamp) -> Result<(), Stop> {
        let outputs = self.writer.take(input, now);
        self.perform(outputs)
    }

    fn send(&mut self) -> Result<(), Stop> {
        let output = self.writer.send();
        self.perform(output)
    }

    fn perform(&mut self, outputs: impl IntoIterator<Item = Output>) -> Result<(), Stop> {
        for output in outputs {
            match output {
                Output::Append { expected, frame, bytes } => {
                    let (journal, subject) = (self.edge.journal.clone(), self.subject.clone());
                    // One frame may hold what several cases called for: each has it in its trace, the sending in the first.
                    let spans: Vec<_> =
                        self.writer.traces().into_iter().map(|trace| trace::reaction("desk", Some(trace))).collect();
                    let first = spans.first().cloned().unwrap_or_else(Span::none);
                    let appending = async move {
                        let journal = journal.as_ref();
                        let landed = append_surely(journal, &subject, expected, frame, bytes, PATIENCE).await;
                        drop(spans);
                        Input::Appended(landed)
                    };
                    self.flight.spawn(appending.instrument(first));
                }
                Output::Check => {
                    let (journal, subject) = (self.edge.journal.clone(), self.subject.clone());
                    self.flight.spawn(async move { Input::Checked(journal.head(&subject).await) });
                }
                Output::Answer { ticket, answer } => {
                    if let Some(waiting) = self.waiting.remove(&ticket) {
                        crash::at(Boundary::AnswerKnown);
                        // Whoever hung up needs no answer.
                        let _ = waiting.send(answer);
                    }
                }
                Output::Stop(stop) => return Err(stop),
            }
        }
        Ok(())
    }
}

/// Waits until this process has read up to there, for as long as it gets on: what it reads by itself need not be loaded, which
/// takes a round trip a record.
async fn catch_up(standby: &View<Standby>, head: u64) {
    loop {
        let before = standby.progress().position;
        if standby.reaches(head, STILL).await.is_ok() || standby.progress().position == before {
            return;
        }
    }
}

/// Does what takes longer than other tasks may wait: copying a long history, or folding it.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Stop> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Stop::Unavailable(error.to_string()))
}

fn unreadable(error: ReadError) -> Stop {
    match error {
        ReadError::Unavailable(why) => Stop::Unavailable(why),
        ReadError::Gap { .. } | ReadError::Corrupt { .. } => Stop::Broken(error.into()),
    }
}

/// What came of a task; nobody knows what came of one that failed.
fn outcome(landed: Result<Input, JoinError>) -> Input {
    landed.unwrap_or_else(|error| Input::Appended(Err(Lost::Unknown(error.to_string()))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use muster_domain::kernel::RealmId;
    use muster_journal::{
        engine::follower::Follower,
        memory::Memory,
        port::{Context, Journal},
        stored::{self, Frame},
    };
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_waited_for_as_long_as_it_gets_on() {
        let mut follower = Follower::default();
        let standby = follower.view(Standby::default());
        let journal = Arc::new(Memory::new());
        tokio::spawn(follower.run(journal.clone()));
        tokio::spawn(async move {
            for number in 0..5_u8 {
                sleep(STILL * 2 / 3).await;
                let id = format!("r-{number}");
                let subject = Subject::new(&RealmId::parse("drill").unwrap(), Context::Intake, &id).unwrap();
                let frame = Frame { id: ids::new(), previous: [0; 32], commits: vec![] };
                let bytes: Bytes = stored::encode(&frame);
                journal.append(&subject, 0, frame.id, bytes).await.unwrap();
            }
        });
        let begun = Instant::now();
        catch_up(&standby, 4).await;
        assert_eq!(standby.progress().position.sequence, 4);
        assert!(begun.elapsed() > STILL * 2, "{:?}", begun.elapsed());
        catch_up(&standby, 9).await;
        assert_eq!(standby.progress().position.sequence, 5);
        assert!(begun.elapsed() < STILL * 6, "it stands still: {:?}", begun.elapsed());
    }
}
