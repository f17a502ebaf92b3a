//! The same script on all three journals: what tests and the simulator stand on answers just as what Muster runs on for real.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, executor::block_on};
use muster_domain::kernel::RealmId;
use muster_journal::{
    embedded::Embedded,
    jetstream::{JetStream, Options},
    memory::Memory,
    port::{AppendError, Context, FRAME_BYTES_MAX, Journal, Record, Subject},
};
use muster_sim::run::{plan::Plan, play, rng::Rng};
use tempfile::TempDir;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{cast::PATIENCE, nats::NatsServer};

/// Steps of a script.
const STEPS: usize = 300;
/// Subjects that a script writes; few, so that their heads are often met.
const SUBJECTS: u64 = 6;
/// Seldom, because it is large.
const TOO_LARGE_EVERY: u64 = 60;

/// How much was compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compared {
    /// Answers that all three gave alike.
    pub answers: usize,
    /// Records of a simulated realm that all three gave back alike.
    pub records: usize,
}

/// One thing asked of a journal.
#[derive(Clone, Debug)]
enum Step {
    /// A frame that was never sent before.
    Append { subject: Subject, expected: u64, frame: Uuid, bytes: Bytes },
    /// Sent once before, as after an answer that was lost.
    Again { subject: Subject, expected: u64, frame: Uuid, bytes: Bytes },
    /// What a subject holds.
    Load { subject: Subject, after: u64 },
    /// Its last record.
    Head { subject: Subject },
    /// The realm's.
    Last,
    /// One record.
    Record { sequence: u64 },
    /// So many records in a row, all of them there; whoever follows what is not there is told so.
    Follow { after: u64, count: usize },
}

type Journals = [(&'static str, Arc<dyn Journal>); 3];

/// Fails unless a script of this seed is answered alike by the journal in memory, the one on disk and the one on a server, and
/// a simulated realm of this seed reads alike from all three.
pub async fn round(seed: u64) -> Compared {
    let (server, directory) = (NatsServer::start(), TempDir::new().expect("a directory for the journals"));
    let open = async |realm: &RealmId| {
        let options = Options { replicas: 1, monitors: vec![server.monitor_url()], ..Options::default() };
        let remote = JetStream::connect(vec![server.url()], realm, options).await.expect("the server answers");
        let local = Embedded::open(&directory.path().join(realm.as_str()), realm).expect("the directory is new");
        let journals: Journals =
            [("memory", Arc::new(Memory::new())), ("disk", Arc::new(local)), ("server", Arc::new(remote))];
        journals
    };
    let realm = RealmId::parse("drift").expect("a realm");
    let (journals, script) = (open(&realm).await, script(&realm, seed));
    for step in &script {
        alike(&journals, step, seed).await;
    }
    let (world, _) = play(&Plan::new(seed), None);
    let (journals, records) = (open(&world.subjects.0).await, &world.sea.records);
    for record in records {
        let Record { sequence, subject, frame, bytes } = record.clone();
        let head = block_on(world.sea.memory.load(&subject, 0)).expect("memory can be read");
        let expected = head.iter().map(|other| other.sequence).take_while(|other| *other < sequence).last();
        for (name, journal) in &journals {
            let appended = journal.append(&subject, expected.unwrap_or(0), frame, bytes.clone()).await;
            assert_eq!(appended, Ok(sequence), "seed {seed}: {name}");
        }
    }
    for (name, journal) in &journals {
        let read: Vec<_> = journal.subscribe(0).take(records.len()).try_collect().await.expect("it can be read");
        assert_eq!(&read, records, "seed {seed}: {name}");
    }
    let subjects: BTreeSet<_> = records.iter().map(|record| record.subject.clone()).collect();
    for subject in &subjects {
        alike(&journals, &Step::Load { subject: subject.clone(), after: 0 }, seed).await;
    }
    Compared { answers: script.len() + subjects.len(), records: records.len() }
}

async fn alike(journals: &Journals, step: &Step, seed: u64) {
    let mut answers = Vec::new();
    for (name, journal) in journals {
        let answer = timeout(PATIENCE, ask(journal.as_ref(), step)).await;
        answers.push((name, answer.unwrap_or_else(|_| "no answer".to_owned())));
    }
    let first = answers.first().map(|(_, answer)| answer);
    assert!(answers.iter().all(|(_, answer)| Some(answer) == first), "seed {seed}: {step:?}\n{answers:#?}");
}

/// What a seed asks. It is drawn with the log in view that must result, so that most appends may succeed.
fn script(realm: &RealmId, seed: u64) -> Vec<Step> {
    let (mut lots, mut log, mut sent) = (Rng::new(seed, "drift"), Vec::<Subject>::new(), Vec::new());
    let head = |log: &[Subject], subject: &Subject| {
        log.iter().rposition(|other| other == subject).map_or(0, |at| at as u64 + 1)
    };
    let mut steps = Vec::new();
    while steps.len() < STEPS {
        let subject = Subject::new(realm, Context::Intake, &format!("s{}", lots.below(SUBJECTS))).expect("a token");
        let (last, end) = (head(&log, &subject), log.len() as u64);
        steps.push(match lots.below(12) {
            0..=4 => {
                let expected = if lots.seldom(4) { lots.below(end + 3) } else { last };
                let large = lots.seldom(TOO_LARGE_EVERY);
                let size = if large { FRAME_BYTES_MAX + 1 } else { lots.index(3_000) };
                let (frame, bytes) = (Uuid::from_u128(steps.len() as u128 + 1), Bytes::from(vec![lots.byte(); size]));
                if expected == last && !large {
                    log.push(subject.clone());
                    sent.push((subject.clone(), expected, frame, bytes.clone()));
                }
                Step::Append { subject, expected, frame, bytes }
            }
            5 => match lots.pick(&sent).cloned() {
                Some((subject, expected, frame, bytes)) => Step::Again { subject, expected, frame, bytes },
                None => Step::Last,
            },
            6 => Step::Load { subject, after: lots.below(end + 2) },
            7 => Step::Head { subject },
            8 => Step::Last,
            9 => Step::Record { sequence: lots.below(end + 2) },
            _ => {
                let after = lots.below(end + 2);
                let there = end.saturating_sub(after) + u64::from(after > end);
                Step::Follow { after, count: usize::try_from(lots.below(there + 1)).unwrap_or(0) }
            }
        });
    }
    steps
}

/// What a journal says to it. A frame that is stored already may be told its place or a conflict: then it must stand there.
async fn ask(journal: &dyn Journal, step: &Step) -> String {
    match step.clone() {
        Step::Append { subject, expected, frame, bytes } => {
            format!("{:?}", journal.append(&subject, expected, frame, bytes).await)
        }
        Step::Again { subject, expected, frame, bytes } => {
            let told = journal.append(&subject, expected, frame, bytes).await;
            let stored = journal.load(&subject, expected).await.unwrap_or_default();
            let stands = stored.iter().find(|record| record.frame == frame).map(|record| record.sequence);
            match (told, stands) {
                (Ok(told), Some(stands)) if told == stands => format!("stored as {stands}"),
                (Err(AppendError::Conflict), Some(stands)) => format!("stored as {stands}"),
                (told, stands) => format!("{told:?} although it is {stands:?}"),
            }
        }
        Step::Load { subject, after } => format!("{:?}", journal.load(&subject, after).await),
        Step::Head { subject } => format!("{:?}", journal.head(&subject).await),
        Step::Last => format!("{:?}", journal.last().await),
        Step::Record { sequence } => format!("{:?}", journal.record(sequence).await),
        Step::Follow { after, count } => {
            format!("{:?}", journal.subscribe(after).take(count).collect::<Vec<_>>().await)
        }
    }
}
