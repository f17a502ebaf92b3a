//! What is said of a story that random commands and faults have written: every invariant over the log, what clients were told,
//! and what the replicas show.

use std::collections::BTreeSet;

use muster_api::{
    intake::v1::GetRequestRequest,
    monitor::v1::{Card, GetBoardRequest},
    r#type::v1::{Position, ReadAt, read_at::AsOf},
};
use muster_domain::{event::Event, intake::events::RequestEvent, kernel::Role};
use muster_edge::testing::call;
use muster_journal::{
    engine::follower::{Fold, Reader},
    port::Record,
    stored,
    subjects::id_of,
};
use muster_monitor::views::{Monitor, ledger};
use muster_sim::{
    history::{self, Operation, Outcome},
    log::{Entry, commits},
    oracles,
};

use crate::{
    cast::{Cast, contact, surely},
    chaos::{Act, Read, Seen},
    fleet::Fleet,
    nats::Servers,
};

/// How many commands came to what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Done.
    pub done: usize,
    /// So already.
    pub already: usize,
    /// Refused.
    pub refused: usize,
    /// Nobody knows: nobody answered in time.
    pub unknown: usize,
    /// Records in the log.
    pub records: usize,
    /// Reads that were answered.
    pub reads: usize,
}

impl Counts {
    /// All of them.
    pub const fn all(&self) -> usize {
        self.done + self.already + self.refused + self.unknown
    }
}

/// Fails unless every invariant holds over the log, clients were told nothing that it does not bear out, and both replicas
/// show the same board at its end.
pub async fn verdict<S: Servers>(fleet: &Fleet<S>, seen: Seen) -> Counts {
    let log = fleet.log().await;
    let counts = verdict_on(&log, seen);
    let endpoints = fleet.endpoints();
    let nth = |role: &str, replica: usize| endpoints.get(role).and_then(|of_role| of_role.get(replica)).cloned();
    let [one, other] = [0, 1].map(|replica| Cast::new(|role| nth(role, replica).expect("two replicas")));
    assert_eq!(board(&one, &log).await, board(&other, &log).await, "both replicas show the same");
    contacts_are_kept(&one, &log).await;
    counts
}

/// Fails unless every invariant holds over the log and clients were told and shown nothing that it does not bear out.
pub fn verdict_on(log: &[Entry], Seen { lanes, reads }: Seen) -> Counts {
    let operations = told(lanes.iter().flatten(), log);
    assert_eq!(oracles::all(log), []);
    assert_eq!(history::check(&operations, log), []);
    let count = |which: fn(&Outcome) -> bool| operations.iter().filter(|o| which(&o.outcome)).count();
    Counts {
        done: count(|o| matches!(o, Outcome::Done(_))),
        already: count(|o| matches!(o, Outcome::Already(_))),
        refused: count(|o| matches!(o, Outcome::Refused)),
        unknown: count(|o| matches!(o, Outcome::Unknown)),
        records: log.len(),
        reads: reads_are_true(reads, log),
    }
}

/// Fails unless every read shows what it was asked to reflect (L2), and what the log says at the place that it names (P1).
fn reads_are_true(mut reads: Vec<Read>, log: &[Entry]) -> usize {
    reads.sort_by_key(|read| read.as_of.sequence);
    let (mut monitor, mut reader, mut left) = (Monitor::default(), Reader::default(), log.iter().peekable());
    for Read { at_least, as_of, lines } in &reads {
        let place = |position: &Position| (position.sequence, position.index);
        assert!(place(as_of) >= place(at_least), "asked for {at_least:?}, and shown {as_of:?}");
        while let Some(entry) = left.next_if(|entry| entry.sequence <= as_of.sequence) {
            let Entry { sequence, subject, frame, bytes } = entry.clone();
            let record = Record { sequence, subject, frame: frame.id, bytes };
            let folded = reader.take(&record, |seen, _| seen.iter().for_each(|seen| monitor.fold(seen)));
            folded.expect("the log can be followed");
        }
        let work = monitor.work();
        let said: Vec<_> = work.desk().providers.keys().flat_map(|provider| ledger::lines(provider, work)).collect();
        assert_eq!(*lines, said, "the ledger as of {as_of:?}");
    }
    reads.len()
}

/// A command that asked for what was so already stands nowhere: then what it asked for does, by the place that it was told.
fn told<'a>(acts: impl Iterator<Item = &'a (Act, Operation)>, log: &[Entry]) -> Vec<Operation> {
    let written: BTreeSet<_> = commits(log).map(|at| at.command()).collect();
    let already = |act: &Act, told: stored::Position| {
        commits(log).take_while(|at| at.position <= told).any(|at| {
            let id = id_of(at.subject);
            at.commit.events.iter().any(|event| act.is_done_by(id, event))
        })
    };
    let outcome = |act: &Act, operation: &Operation| match operation.outcome {
        Outcome::Done(told) if !written.contains(&operation.command) && already(act, told) => Outcome::Already(told),
        other @ (Outcome::Done(_) | Outcome::Already(_) | Outcome::Refused | Outcome::Unknown) => other,
    };
    acts.map(|(act, operation)| Operation { outcome: outcome(act, operation), ..*operation }).collect()
}

/// Fails unless whom to call is known of every request in the log: it was kept before the log named it.
pub async fn contacts_are_kept(cast: &Cast, log: &[Entry]) {
    for at in commits(log) {
        for event in &at.commit.events {
            let Event::Request(RequestEvent::Opened { .. }) = event else { continue };
            let message = GetRequestRequest { read_at: None, request: id_of(at.subject).to_owned() };
            let ask = async || cast.intake.clone().get_request(call(Role::Officer, "duty", message.clone())).await;
            let found = surely(ask).await.request.expect("it was opened");
            let code = found.hospital.trim_start_matches("h-");
            assert_eq!(found.contact, Some(contact(code)), "whom to call about {}", message.request);
        }
    }
}

/// The board as of the log's end, as soon as a process shows it.
pub async fn board(cast: &Cast, log: &[Entry]) -> Vec<Card> {
    let at = Position { sequence: log.last().map_or(0, |entry| entry.sequence), index: 0 };
    let read_at = ReadAt { as_of: Some(AsOf::Position(at)), at_least: Some(at) };
    let message = GetBoardRequest { read_at: Some(read_at), page_size: 500, ..GetBoardRequest::default() };
    let ask = async || cast.monitor.clone().get_board(call(Role::Officer, "duty", message.clone())).await;
    let cards = surely(ask).await.cards;
    assert!(!cards.is_empty(), "the board is empty");
    cards
}
