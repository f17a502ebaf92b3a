//! A projection's rows in a directory of their own, and how far they have come: both change in one batch, and are on the disk
//! before anything is said of them.
//!
//! Rows can always be made again from the log. So whatever is in doubt is moved aside, and the table begins empty: rows that
//! cannot be read, of another realm, of another schema, ahead of the log, or without a place because making them was not
//! finished. What was moved aside before is thrown away.

use crate::{
    crash::{self, Boundary},
    disk::{Changes, Disk},
    stored::Position,
};
use muster_domain::kernel::RealmId;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// The file that says who has the directory open.
const LOCK: &str = "projection";
/// Where the rows are.
const ROWS: &str = "rows";
/// Where rows that were in doubt are.
const ASIDE: &str = "aside";

/// The name of how far the rows have come; rows' names begin otherwise.
const PLACE: &[u8] = b"place\0";
/// How the name of every row begins.
const ROW: &[u8] = b"row/";

/// Why a table cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Somebody else has it open.
    #[error("{} is held by another process: stop that process, or give the command to it", dir.display())]
    Held {
        /// The directory.
        dir: PathBuf,
    },
    /// The disk does not let us.
    #[error("{} cannot be used: {source}", dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// What rows are made of; those made of anything else are not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whose log.
    pub realm: RealmId,
    /// A hash of all that says what is in a row.
    pub schema: [u8; 32],
}

/// Changes of rows that are made together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch(Vec<Change>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Put(String, Vec<u8>),
    Clear(String),
}

impl Batch {
    /// Sets a row.
    pub fn put(&mut self, name: impl Into<String>, value: Vec<u8>) {
        self.0.push(Change::Put(name.into(), value));
    }

    /// Removes all rows whose name begins so and that were there before the batch.
    pub fn clear(&mut self, prefix: impl Into<String>) {
        self.0.push(Change::Clear(prefix.into()));
    }

    /// How many changes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Rows by name, held by this process until dropped.
pub struct Table {
    dir: PathBuf,
    origin: Origin,
    disk: Disk,
    place: Option<Position>,
    doubt: Option<String>,
    /// Locked.
    _lock: File,
}

impl Table {
    /// Opens the rows in `dir`, or makes the directory; `head` is the log's last sequence. It blocks while the disk works.
    pub fn open(dir: &Path, origin: &Origin, head: u64) -> Result<Self, TableError> {
        let lock = lock(dir)?;
        let (disk, place, doubt) = match look(dir, origin, head) {
            Ok((disk, place)) => (disk, place, None),
            Err(doubt) => (anew(dir).map_err(|source| io(dir, source))?, None, Some(doubt)),
        };
        Ok(Self { dir: dir.to_owned(), origin: origin.clone(), disk, place, doubt, _lock: lock })
    }

    /// Whether there are rows in `dir`, of whatever kind.
    pub fn is_in(dir: &Path) -> bool {
        dir.join(ROWS).is_dir()
    }

    /// The same, but rows that are in doubt stay where they are, and why is told.
    pub fn open_as_it_is(dir: &Path, origin: &Origin, head: u64) -> Result<Result<Self, String>, TableError> {
        let lock = lock(dir)?;
        let (dir, origin) = (dir.to_owned(), origin.clone());
        Ok(look(&dir, &origin, head).map(|(disk, place)| Self { dir, origin, disk, place, doubt: None, _lock: lock }))
    }

    /// Moves the rows aside and begins empty.
    pub fn start_anew(self) -> Result<Self, TableError> {
        let Self { dir, origin, disk, _lock, .. } = self;
        drop(disk);
        let disk = anew(&dir).map_err(|source| io(&dir, source))?;
        Ok(Self { dir, origin, disk, place: None, doubt: None, _lock })
    }

    /// The place in the log that the rows show; `None` until one was written with them.
    pub fn place(&self) -> Option<Position> {
        self.place
    }

    /// Why rows were moved aside when the table was opened, if they were.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// Makes the changes and waits until they are on the disk. The rows then show the log at `place`, or, while more changes
    /// are needed to get there, no place at all.
    pub fn write(&mut self, batch: &Batch, place: Option<Position>) -> io::Result<()> {
        let mut changes = Changes::default();
        for change in &batch.0 {
            match change {
                Change::Clear(prefix) => self.disk.remove(&[ROW, prefix.as_bytes()].concat(), &mut changes)?,
                Change::Put(name, value) => {
                    let name = row(name);
                    self.disk.remove(&name, &mut changes)?;
                    changes.insert(&name, value);
                }
            }
        }
        self.disk.remove(PLACE, &mut changes)?;
        if let Some(place) = place {
            changes.insert(PLACE, &keep(&self.origin, place));
        }
        crash::at(Boundary::RowsBegun);
        self.disk.commit(changes)?;
        crash::at(Boundary::RowsDone);
        self.place = place;
        Ok(())
    }

    /// All names, in order.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let text = |name: &Vec<u8>| String::from_utf8(name.strip_prefix(ROW)?.strip_suffix(b"\0")?.to_vec()).ok();
        Ok(self.disk.names()?.iter().filter_map(text).collect())
    }

    /// A row; `None` if there is none of this name.
    pub fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.disk.get(&row(name))
    }
}

/// A row's name on disk ends in a byte that no name has, so that none is the beginning of another.
fn row(name: &str) -> Vec<u8> {
    [ROW, name.as_bytes(), b"\0"].concat()
}

fn io(dir: &Path, source: io::Error) -> TableError {
    TableError::Io { dir: dir.to_owned(), source }
}

fn lock(dir: &Path) -> Result<File, TableError> {
    let io = |source| io(dir, source);
    fs::create_dir_all(dir).map_err(io)?;
    let file = File::options().write(true).create(true).truncate(false).open(dir.join(LOCK)).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TableError::Held { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// The rows and the place that they show, or why they are in doubt.
fn look(dir: &Path, origin: &Origin, head: u64) -> Result<(Disk, Option<Position>), String> {
    let unread = |error: io::Error| format!("they cannot be read: {error}");
    let disk = Disk::open(&dir.join(ROWS)).map_err(unread)?;
    let Some(kept) = disk.get(PLACE).map_err(unread)? else {
        let none = disk.last_name().map_err(unread)?.is_none();
        return if none { Ok((disk, None)) } else { Err("making them was not finished".to_owned()) };
    };
    let place = recall(origin, &kept).ok_or("they are of another realm or schema")?;
    if place.sequence > head {
        return Err(format!("they show the log up to {}, and it ends at {head}", place.sequence));
    }
    Ok((disk, Some(place)))
}

/// An empty table; what was there is moved aside.
fn anew(dir: &Path) -> io::Result<Disk> {
    let (rows, aside) = (dir.join(ROWS), dir.join(ASIDE));
    if rows.exists() {
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        fs::rename(&rows, &aside)?;
    }
    Disk::open(&rows)
}

/// Schema, sequence, index, realm.
fn keep(origin: &Origin, place: Position) -> Vec<u8> {
    let Position { sequence, index } = place;
    [&origin.schema[..], &sequence.to_be_bytes(), &index.to_be_bytes(), origin.realm.as_str().as_bytes()].concat()
}

fn recall(origin: &Origin, kept: &[u8]) -> Option<Position> {
    let rest = kept.strip_prefix(&origin.schema[..])?;
    let (sequence, rest) = rest.split_first_chunk()?;
    let (index, realm) = rest.split_first_chunk()?;
    let place = Position { sequence: u64::from_be_bytes(*sequence), index: u32::from_be_bytes(*index) };
    (realm == origin.realm.as_str().as_bytes()).then_some(place)
}
