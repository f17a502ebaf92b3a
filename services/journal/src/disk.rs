//! Values on disk that last: sled, with what it lacks for data that may not be lost.
//!
//! * sled's flush hands pages to the kernel without waiting for the disk, so after each flush its file is synced too.
//! * sled puts large pages into files of their own, which it never syncs. Values are therefore cut into rows so small that no
//!   page becomes such a file.
//! * sled panics on some damage instead of saying so; here that is an error like any other.
//! * sled lets go of its file a moment after it was closed; whoever opens it again at once waits for that.

use std::{
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

/// A leaf of sled 0.34 splits at 17 items, and a page over 128 KiB becomes a file. Rows of this size keep a leaf under 70 KiB.
const ROW_BYTES_MAX: usize = 4096;

/// sled keeps at most so many bytes of pages in memory.
const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// How often a file that is held is asked for again, and after which pause.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// Named values in one directory, held by this process until dropped. No name may be the beginning of another.
pub(crate) struct Disk {
    db: sled::Db,
    file: File,
}

/// Changes that are made together or not at all.
#[derive(Default)]
pub(crate) struct Changes(sled::Batch);

impl Changes {
    /// Sets a value that is not there yet.
    pub(crate) fn insert(&mut self, name: &[u8], value: &[u8]) {
        // Values are far smaller than 4 GiB: the callers' limits are in the mebibytes.
        let whole = [&(value.len() as u32).to_be_bytes()[..], value].concat();
        for (part, row) in (0u16..).zip(whole.chunks(ROW_BYTES_MAX)) {
            self.0.insert(row_key(name, part), row);
        }
    }
}

impl Disk {
    /// Opens the directory, or makes it.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = open_when_free(&config)?;
        db.flush()?;
        let file = File::open(dir.join("db"))?;
        file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(Self { db, file })
    }

    /// Makes the changes and waits until they are on the disk.
    pub(crate) fn commit(&self, changes: Changes) -> io::Result<()> {
        self.write(changes)?;
        self.sync()
    }

    /// Makes the changes; they last from the next [`Disk::sync`] on.
    pub(crate) fn write(&self, changes: Changes) -> io::Result<()> {
        unless_panicked(|| self.db.apply_batch(changes.0))
    }

    /// Waits until all changes are on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        unless_panicked(|| self.db.flush())?;
        self.file.sync_all()
    }

    /// Adds the removal of a value, if it is there, to the changes.
    pub(crate) fn remove(&self, name: &[u8], changes: &mut Changes) -> io::Result<()> {
        for key in unless_panicked(|| self.db.scan_prefix(name).keys().collect::<sled::Result<Vec<_>>>())? {
            changes.0.remove(key);
        }
        Ok(())
    }

    /// A value, `None` if it is not there.
    pub(crate) fn get(&self, name: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let row = |part| unless_panicked(|| self.db.get(row_key(name, part)));
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a part of it is missing");
        let Some(first) = row(0)? else { return Ok(None) };
        let (length, begin) = first.split_first_chunk().ok_or_else(damaged)?;
        let length = u32::from_be_bytes(*length) as usize;
        let mut value = begin.to_vec();
        for part in 1.. {
            if value.len() >= length {
                break;
            }
            value.extend_from_slice(&row(part)?.ok_or_else(damaged)?);
        }
        if value.len() == length { Ok(Some(value)) } else { Err(damaged()) }
    }

    /// All names, in order.
    pub(crate) fn names(&self) -> io::Result<Vec<Vec<u8>>> {
        let keys = unless_panicked(|| self.db.iter().keys().collect::<sled::Result<Vec<_>>>())?;
        Ok(keys.iter().filter_map(|key| Some(key.strip_suffix(&[0, 0])?.to_vec())).collect())
    }

    /// The greatest name, `None` if there is nothing.
    pub(crate) fn last_name(&self) -> io::Result<Option<Vec<u8>>> {
        let last = unless_panicked(|| self.db.last())?;
        Ok(last.and_then(|(key, _)| Some(key.get(..key.len().checked_sub(2)?)?.to_vec())))
    }
}

/// Big-endian, so that a value's rows stand in order.
fn row_key(name: &[u8], part: u16) -> Vec<u8> {
    [name, &part.to_be_bytes()].concat()
}

fn open_when_free(config: &sled::Config) -> io::Result<sled::Db> {
    let mut opened = unless_panicked(|| config.open());
    for _ in 0..TRIES {
        if !opened.as_ref().is_err_and(|error| error.to_string().contains("could not acquire lock")) {
            break;
        }
        std::thread::sleep(PAUSE);
        opened = unless_panicked(|| config.open());
    }
    opened
}

fn unless_panicked<T>(work: impl FnOnce() -> sled::Result<T>) -> io::Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Ok(done?),
        Err(_) => Err(io::Error::other("sled cannot read its files")),
    }
}
