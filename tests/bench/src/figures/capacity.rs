//! What it takes to keep requests: in the log, and in the memory of each role. What one machine holds follows from it.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::time::Duration;

use futures::StreamExt;
use muster_e2e::fleet::ROLES;
use muster_journal::port::Journal;

use crate::{
    effort::Effort,
    log,
    realm::Realm,
    table::{Row, Value},
};

/// Who works for the requests.
const PROVIDERS: usize = 40;

/// Requests with an offer and an engagement each: what all take, beside what the first quarter took.
pub async fn measure(effort: Effort) -> Vec<Row> {
    let groups = ROLES.each_ref().map(std::slice::from_ref);
    let mut realm = Realm::start_unsynced(&groups);
    realm.people(PROVIDERS, Duration::from_secs(3600)).await;
    let few = (effort.history / 4).max(1);
    realm.engagements(few, 1).await;
    let first = kept(&mut realm).await;
    realm.engagements(effort.history - few, 1).await;
    let all = kept(&mut realm).await;
    first
        .into_iter()
        .zip(all)
        .map(|((what, first), (_, all))| {
            Row::new(format!("{what} after {} requests", effort.history), Value::Bytes(all))
                .beside(Value::Bytes(first), "after the first quarter")
        })
        .collect()
}

/// What everything takes now, in bytes.
async fn kept(realm: &mut Realm) -> Vec<(String, f64)> {
    let journal = log::journal(&realm.fleet.nats).await;
    let (last, mut records, mut bytes) = (journal.last().await.unwrap(), journal.subscribe(0), 0);
    for _ in 0..last {
        bytes += records.next().await.unwrap().unwrap().bytes.len();
    }
    let memory = realm.fleet.processes().into_iter().map(|process| process.resident_bytes() as f64);
    let mut kept: Vec<_> = ROLES.map(|role| format!("memory of {role}")).into_iter().zip(memory).collect();
    kept.push(("the log".to_owned(), bytes as f64));
    kept
}
