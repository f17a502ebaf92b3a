//! The contract, kept by the journal on disk; and what a directory that cannot be used is told.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use async_trait::async_trait;
use bytes::Bytes;
use muster_domain::kernel::RealmId;
use muster_journal::{
    conform,
    conformance::{Mount, realm, subject},
    embedded::{Embedded, OpenError},
    port::{AppendError, FRAME_BYTES_MAX, Journal},
};
use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path, sync::Arc};
use tempfile::TempDir;
use uuid::Uuid;

struct OnDisk(TempDir);

impl OnDisk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }
}

#[async_trait]
impl Mount for OnDisk {
    async fn open(&mut self) -> Arc<dyn Journal> {
        Arc::new(Embedded::open(&self.0.path().join("log"), &realm()).unwrap())
    }
}

conform!(EveryJournal: OnDisk::new());
conform!(DurableJournal: OnDisk::new());

/// Every file under `dir`, with its bytes.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => {
                all.extend(files(&entry.path()).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)))
            }
            false => drop(all.insert(name, fs::read(entry.path()).unwrap())),
        }
    }
    all
}

async fn fill(dir: &Path, records: u64, bytes: usize) {
    let journal = Embedded::open(dir, &realm()).unwrap();
    for expected in 0..records {
        let bytes = Bytes::from(vec![expected as u8; bytes]);
        assert_eq!(
            journal.append(&subject("a"), expected, Uuid::from_u128(expected.into()), bytes).await,
            Ok(expected + 1)
        );
    }
}

/// What opening says to a damaged journal; nothing in it may have changed.
fn refused(dir: &Path) -> (u64, String) {
    let before = files(dir);
    let error = Embedded::open(dir, &realm()).err().expect("a damaged journal is not opened");
    assert_eq!(files(dir), before, "it is left as it is");
    assert!(error.to_string().contains(&dir.display().to_string()), "the directory is named: {error}");
    let OpenError::Corrupt { last_good, what, .. } = error else { panic!("another error: {error}") };
    (last_good, what)
}

#[tokio::test]
async fn a_held_directory_says_so() {
    let dir = TempDir::new().unwrap();
    let journal = Embedded::open(dir.path(), &realm()).unwrap();
    assert!(matches!(Embedded::open(dir.path(), &realm()), Err(OpenError::Held { .. })));
    let follower = journal.subscribe(0);
    drop(journal);
    Embedded::open(dir.path(), &realm()).expect("a follower does not hold the directory");
    drop(follower);
}

#[tokio::test]
async fn a_foreign_directory_is_not_touched() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("db"), "somebody else's").unwrap();
    let before = files(dir.path());
    assert!(matches!(Embedded::open(dir.path(), &realm()), Err(OpenError::Foreign { .. })));
    fs::write(dir.path().join("journal"), [0xff; 90]).unwrap();
    assert!(matches!(Embedded::open(dir.path(), &realm()), Err(OpenError::Foreign { .. })));
    fs::remove_file(dir.path().join("journal")).unwrap();
    assert_eq!(files(dir.path()), before);
}

#[tokio::test]
async fn a_realm_does_not_open_another_ones_journal() {
    let dir = TempDir::new().unwrap();
    fill(dir.path(), 1, 10).await;
    let before = files(dir.path());
    let error = Embedded::open(dir.path(), &RealmId::parse("live").unwrap()).err().unwrap();
    assert!(error.to_string().contains("realm conformance"), "{error}");
    assert_eq!(files(dir.path()), before);
}

#[tokio::test]
async fn a_subject_of_another_realm_is_refused() {
    let dir = TempDir::new().unwrap();
    let journal = Embedded::open(dir.path(), &RealmId::parse("live").unwrap()).unwrap();
    let refused = journal.append(&subject("a"), 0, Uuid::nil(), Bytes::new()).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert_eq!(journal.last().await, Ok(0));
}

#[tokio::test]
async fn an_interrupted_first_opening_is_made_good() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("journal"), "muster journal 1\nrea").unwrap();
    fill(dir.path(), 3, 10).await;
    assert_eq!(Embedded::open(dir.path(), &realm()).unwrap().last().await, Ok(3));
}

#[tokio::test]
async fn a_copy_left_by_a_killed_process_is_thrown_away() {
    let dir = TempDir::new().unwrap();
    fill(dir.path(), 3, 10).await;
    fs::create_dir(dir.path().join("inspection")).unwrap();
    fs::write(dir.path().join("inspection/db"), "half").unwrap();
    drop(Embedded::open(dir.path(), &realm()).unwrap());
    assert_eq!(fs::metadata(dir.path().join("inspection")).unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_wiped_tail_is_noticed_before_it_is_wiped() {
    let dir = TempDir::new().unwrap();
    fill(dir.path(), 400, 300).await;
    let db = dir.path().join("db");
    let mut bytes = fs::read(&db).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 64].fill(0x55);
    fs::write(&db, bytes).unwrap();
    let (last_good, what) = refused(dir.path());
    assert!(last_good < 400, "{last_good} {what}");
}

#[tokio::test]
async fn lost_rows_are_noticed() {
    let dir = TempDir::new().unwrap();
    fill(dir.path(), 5, 300).await;
    fs::remove_file(dir.path().join("db")).unwrap();
    assert_eq!(refused(dir.path()), (0, "it had acknowledged records up to 5".to_owned()));
}

#[tokio::test]
async fn an_older_log_is_noticed() {
    let dir = TempDir::new().unwrap();
    fill(dir.path(), 5, 300).await;
    let older = fs::read(dir.path().join("db")).unwrap();
    let journal = Embedded::open(dir.path(), &realm()).unwrap();
    assert_eq!(journal.append(&subject("a"), 5, Uuid::nil(), Bytes::new()).await, Ok(6));
    drop(journal);
    for entry in fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with("snap.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    fs::write(dir.path().join("db"), older).unwrap();
    assert_eq!(refused(dir.path()), (5, "it had acknowledged records up to 6".to_owned()));
}

/// sled never syncs the files that it makes for large values, so there must be none.
#[tokio::test]
async fn large_frames_make_no_files_of_their_own() {
    let dir = TempDir::new().unwrap();
    fill(dir.path(), 12, FRAME_BYTES_MAX).await;
    let journal = Embedded::open(dir.path(), &realm()).unwrap();
    for number in 0..300u64 {
        let other = subject(&format!("s{number}"));
        journal.append(&other, 0, Uuid::from_u128(number.into()), Bytes::from(vec![3; 4_050])).await.unwrap();
    }
    assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
}
