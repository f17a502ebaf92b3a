//! The rows on disk are what the fold gives, whenever one looks and whatever happened to them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use muster_api::monitor::v1;
use muster_domain::kernel::RealmId;
use muster_journal::{
    engine::follower::Follower,
    memory::Memory,
    port::Journal,
    table::{Batch, Table},
};
use muster_monitor::{
    projection::{Difference, FORM, Projector, origin, project_and_tell, rebuild, rows, verify},
    views::Monitor,
};
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::story::{Story, facts};

fn drill() -> RealmId {
    RealmId::parse("drill").unwrap()
}

fn open(dir: &Path, head: u64) -> Table {
    Table::open(dir, &origin(&drill()), head).unwrap()
}

fn stored(table: &Table) -> BTreeMap<String, Vec<u8>> {
    let names = table.names().unwrap();
    names.into_iter().map(|name| (name.clone(), table.get(&name).unwrap().unwrap())).collect()
}

async fn journal(story: &Story) -> Arc<Memory> {
    let journal = Arc::new(Memory::new());
    story.write(journal.as_ref()).await;
    journal
}

/// More requests than one batch takes.
fn crowd() -> Story {
    let mut story = Story::with(&["p1"]);
    for n in 0..1200 {
        story.open(&format!("r-{n}"), facts());
    }
    story
}

#[test]
fn rows_are_the_fold_after_every_record() {
    let story = Story::whole("r-1");
    let dir = tempfile::tempdir().unwrap();
    let mut table = open(dir.path(), story.head().sequence);
    let mut projector = Projector::from(table.place());
    for sequence in 1..=story.head().sequence {
        let (monitor, looked) = story.read_to(sequence);
        let step = projector.step(&monitor, &looked).unwrap();
        table.write(&step.batch, step.place).unwrap();
        assert_eq!(table.place(), Some(looked.position));
        assert!(stored(&table) == rows(&monitor, &looked), "at {sequence}");
        assert_eq!(projector.step(&monitor, &looked), None, "nothing is left to do");
    }
}

#[test]
fn several_records_at_once_give_the_same_rows() {
    let story = Story::whole("r-1");
    let dir = tempfile::tempdir().unwrap();
    let mut table = open(dir.path(), story.head().sequence);
    let mut projector = Projector::default();
    for sequence in [9, 14, story.head().sequence] {
        let (monitor, looked) = story.read_to(sequence);
        let step = projector.step(&monitor, &looked).unwrap();
        table.write(&step.batch, step.place).unwrap();
        assert!(stored(&table) == rows(&monitor, &looked), "at {sequence}");
    }
}

#[test]
fn rows_hold_nothing_that_time_alone_changes_and_nobodys_name() {
    let mut story = Story::with(&["p1"]);
    story.granted("r-1", facts());
    let (monitor, looked) = story.read();
    let rows = rows(&monitor, &looked);
    let card = v1::Card::decode(&*rows["card/r-1"]).unwrap();
    assert_eq!(card.next_clock.unwrap().status, "");
    let page = v1::RequestPage::decode(&*rows["page/r-1"]).unwrap();
    assert!(page.clocks.len() > 3 && page.clocks.iter().all(|clock| clock.status.is_empty()));
    assert_eq!(page.contact, None);
    let line = v1::LedgerLine::decode(&*rows["ledger/p1/c-1"]).unwrap();
    assert_eq!(line.teams.unwrap().offered, 2);
    assert_eq!(v1::Statistics::decode(&*rows["statistics"]).unwrap().granted, 1);
}

#[test]
fn whoever_is_stopped_between_two_writes_leaves_rows_that_tell_the_truth_or_none() {
    let story = crowd();
    let (monitor, looked) = story.read();
    let expected = rows(&monitor, &looked);
    let mut finished = 0;
    for stopped_after in 0..=3 {
        let dir = tempfile::tempdir().unwrap();
        let mut table = open(dir.path(), looked.position.sequence);
        let mut projector = Projector::from(table.place());
        for _ in 0..stopped_after {
            let Some(step) = projector.step(&monitor, &looked) else { break };
            table.write(&step.batch, step.place).unwrap();
        }
        drop(table);
        let table = open(dir.path(), looked.position.sequence);
        match table.place() {
            Some(place) => {
                assert_eq!(place, looked.position);
                assert!(stored(&table) == expected);
                finished += 1;
            }
            None => assert_eq!(stored(&table), BTreeMap::new(), "after {stopped_after}"),
        }
    }
    assert_eq!(finished, 1, "three writes are needed");
}

#[tokio::test]
async fn a_rebuild_equals_the_fold_and_says_how_many_rows_there_are() {
    let (story, dir) = (crowd(), tempfile::tempdir().unwrap());
    let journal = journal(&story).await;
    assert_eq!(rebuild(journal.as_ref(), &drill(), dir.path()).await.unwrap(), 2 * 1200 + 1 + 1);
    assert_eq!(verify(journal.as_ref(), &drill(), dir.path()).await.unwrap(), []);
    let (monitor, looked) = story.read();
    assert!(stored(&open(dir.path(), looked.position.sequence)) == rows(&monitor, &looked));
}

#[tokio::test]
async fn rows_are_verified_at_their_own_place_though_the_log_goes_on() {
    let (mut story, dir) = (Story::whole("r-1"), tempfile::tempdir().unwrap());
    let journal = journal(&story).await;
    rebuild(journal.as_ref(), &drill(), dir.path()).await.unwrap();
    story.open("r-2", facts());
    story.write(journal.as_ref()).await;
    assert_eq!(verify(journal.as_ref(), &drill(), dir.path()).await.unwrap(), []);
}

#[tokio::test]
async fn every_difference_is_told() {
    let (story, dir) = (Story::whole("r-1"), tempfile::tempdir().unwrap());
    let journal = journal(&story).await;
    rebuild(journal.as_ref(), &drill(), dir.path()).await.unwrap();
    let mut table = open(dir.path(), story.head().sequence);
    let place = table.place();
    let mut batch = Batch::default();
    batch.clear("ledger/p1/c-1");
    batch.put("card/r-1", b"forged".to_vec());
    batch.put("card/r-9", Vec::new());
    table.write(&batch, place).unwrap();
    drop(table);
    let expected = [
        Difference::Extra("card/r-9".to_owned()),
        Difference::Otherwise("card/r-1".to_owned()),
        Difference::Missing("ledger/p1/c-1".to_owned()),
    ];
    assert_eq!(verify(journal.as_ref(), &drill(), dir.path()).await.unwrap(), expected);
}

#[tokio::test]
async fn rows_that_cannot_be_trusted_are_said_to_be_none() {
    let (story, dir) = (Story::whole("r-1"), tempfile::tempdir().unwrap());
    let journal = journal(&story).await;
    let none = |why: Option<&str>| vec![Difference::NoRows { why: why.map(str::to_owned) }];
    assert_eq!(verify(journal.as_ref(), &drill(), dir.path()).await.unwrap(), none(None));
    rebuild(journal.as_ref(), &drill(), dir.path()).await.unwrap();
    let other = RealmId::parse("other").unwrap();
    let why = Some("they are of another realm or schema");
    assert_eq!(verify(journal.as_ref(), &other, dir.path()).await.unwrap(), none(why));
    let shorter = Memory::new();
    let found = verify(&shorter, &drill(), dir.path()).await.unwrap();
    let why = format!("they show the log up to {}, and it ends at 0", story.head().sequence);
    assert_eq!(found, none(Some(&why)));
    assert_eq!(verify(journal.as_ref(), &drill(), dir.path()).await.unwrap(), [], "looking moved nothing");
}

#[tokio::test]
async fn the_driver_keeps_rows_where_the_view_is() {
    let (story, dir) = (crowd(), tempfile::tempdir().unwrap());
    let journal = journal(&story).await;
    let head = journal.last().await.unwrap();
    let mut follower = Follower::default();
    let view = follower.view(Monitor::default());
    tokio::spawn(follower.run(journal.clone()));
    let stopping = CancellationToken::new();
    let table = open(dir.path(), head);
    let (told, mut place) = watch::channel(None);
    let stop = stopping.clone();
    let running = tokio::spawn(async move { project_and_tell(view, table, head, &told, stop).await });
    place.wait_for(|place| place.is_some_and(|place| place.sequence == head)).await.unwrap();
    stopping.cancel();
    running.await.unwrap();
    assert_eq!(verify(journal.as_ref(), &drill(), dir.path()).await.unwrap(), []);
}

#[test]
fn the_form_of_rows_has_a_number() {
    let (monitor, looked) = Story::whole("r-1").read();
    let mut hash = Sha256::new();
    for (name, value) in rows(&monitor, &looked) {
        hash.update(name.as_bytes());
        hash.update(value);
    }
    let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (FORM, hash.as_str()),
        (3, "6a85fb97b5a2a3be"),
        "the same log gives other rows than before: raise projection::FORM, so that kept rows are made anew, and put the new \
         hash here"
    );
}
