//! Rows of a projection: whole batches, one place, and nothing trusted that is in doubt.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use muster_domain::kernel::RealmId;
use muster_journal::{
    stored::Position,
    table::{Batch, Origin, Table, TableError},
};

fn origin(realm: &str, schema: u8) -> Origin {
    Origin { realm: RealmId::parse(realm).unwrap(), schema: [schema; 32] }
}

fn place(sequence: u64) -> Position {
    Position { sequence, index: 1 }
}

fn open(dir: &Path) -> Table {
    Table::open(dir, &origin("live", 1), 100).unwrap()
}

/// A table with two rows, written at 7.
fn written(dir: &Path) -> Table {
    let mut table = open(dir);
    let mut batch = Batch::default();
    batch.put("card/a", b"1".to_vec());
    batch.put("card/ab", vec![2; 10_000]);
    table.write(&batch, Some(place(7))).unwrap();
    table
}

#[test]
fn rows_and_their_place_are_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(written(dir.path()));
    let table = open(dir.path());
    assert_eq!((table.place(), table.doubt()), (Some(place(7)), None));
    assert_eq!(table.names().unwrap(), ["card/a", "card/ab"]);
    assert_eq!(table.get("card/ab").unwrap(), Some(vec![2; 10_000]));
    assert_eq!(table.get("card/b").unwrap(), None);
}

#[test]
fn a_batch_replaces_and_clears_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = written(dir.path());
    let mut batch = Batch::default();
    batch.clear("card/ab");
    batch.put("card/abc", b"3".to_vec());
    batch.put("card/a", Vec::new());
    table.write(&batch, Some(place(8))).unwrap();
    assert_eq!(table.names().unwrap(), ["card/a", "card/abc"]);
    assert_eq!(table.get("card/a").unwrap(), Some(Vec::new()));
    assert_eq!(table.place(), Some(place(8)));
}

#[test]
fn what_is_in_doubt_is_moved_aside() {
    for (realm, schema, head) in [("drill", 1, 100), ("live", 2, 100), ("live", 1, 6)] {
        let dir = tempfile::tempdir().unwrap();
        drop(written(dir.path()));
        let table = Table::open(dir.path(), &origin(realm, schema), head).unwrap();
        assert_eq!((table.place(), table.names().unwrap()), (None, vec![]), "{realm} {schema} {head}");
        assert!(table.doubt().is_some());
        assert!(dir.path().join("aside").exists());
    }
}

#[test]
fn whoever_only_looks_moves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(written(dir.path()));
    let look = |realm| Table::open_as_it_is(dir.path(), &origin(realm, 1), 100).unwrap();
    assert_eq!(look("drill").err().as_deref(), Some("they are of another realm or schema"));
    assert_eq!(look("live").ok().and_then(|table| table.place()), Some(place(7)));
}

#[test]
fn rows_without_a_place_are_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = written(dir.path());
    let mut batch = Batch::default();
    batch.put("card/c", Vec::new());
    table.write(&batch, None).unwrap();
    drop(table);
    assert_eq!(open(dir.path()).doubt(), Some("making them was not finished"));
}

#[test]
fn damaged_rows_are_moved_aside_and_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    drop(written(dir.path()));
    fs::write(dir.path().join("rows/conf"), b"not sled's").unwrap();
    let table = open(dir.path());
    assert_eq!((table.place(), table.names().unwrap()), (None, vec![]));
    assert!(table.doubt().unwrap().starts_with("they cannot be read"), "{:?}", table.doubt());
    assert!(dir.path().join("aside/conf").exists());
}

#[test]
fn a_table_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let table = written(dir.path());
    let second = Table::open(dir.path(), &origin("live", 1), 100).err();
    assert!(matches!(second, Some(TableError::Held { .. })));
    let table = table.start_anew().unwrap();
    assert_eq!(table.place(), None);
    drop(table);
    assert_eq!(open(dir.path()).doubt(), None);
}
