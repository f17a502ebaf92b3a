//! Whose a directory is, and whether it still holds all that it acknowledged.

use super::{OpenError, rows::Rows};
use crate::{
    crash::{self, Boundary},
    local::Index,
};
use muster_domain::kernel::RealmId;
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// The file that says whose the directory is.
const CLAIM: &str = "journal";

/// Where the journal is looked at before it is touched; gone when opening ends.
const INSPECTION: &str = "inspection";

/// Wide enough for every sequence, so that each overwrites the one before.
const DIGITS: usize = 20;

/// A directory that is one realm's journal, held by this process until dropped.
#[derive(Debug)]
pub(super) struct Claim {
    dir: PathBuf,
    realm: RealmId,
    /// Locked. Its text ends in the last acknowledged sequence: written after each sync and never itself synced, it may be
    /// behind the log after a power cut, but never ahead of it.
    file: File,
    acknowledged: u64,
}

impl Claim {
    /// Whether anybody has made the directory a journal.
    pub(super) fn is_in(dir: &Path) -> bool {
        dir.join(CLAIM).is_file()
    }

    /// Takes the directory, or says why not; a foreign one is not touched.
    pub(super) fn take(dir: &Path, realm: &RealmId) -> Result<Self, OpenError> {
        let foreign =
            |what: &str| OpenError::Foreign { dir: dir.to_owned(), realm: realm.clone(), what: what.to_owned() };
        let io = |source| OpenError::Io { dir: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(io)?;
        let path = dir.join(CLAIM);
        if !path.exists() && fs::read_dir(dir).map_err(io)?.next().is_some() {
            return Err(foreign("it has other files, and none named 'journal'"));
        }
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Held { dir: dir.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let mut found = String::new();
        (&file).read_to_string(&mut found).map_err(|_| foreign("its file 'journal' is not one of ours"))?;
        let mut claim = Self { dir: dir.to_owned(), realm: realm.clone(), file, acknowledged: 0 };
        if !claim.has_rows() && claim.text().starts_with(&found) {
            crash::at(Boundary::JournalMade);
            claim.write_first().map_err(io)?;
            crash::at(Boundary::JournalClaimed);
        } else {
            let acknowledged =
                found.strip_prefix(&claim.text_before_sequence()).and_then(|rest| rest.trim_end().parse().ok());
            claim.acknowledged = acknowledged
                .ok_or_else(|| foreign(&format!("its file 'journal' says '{}'", found.trim().replace('\n', ", "))))?;
        }
        Ok(claim)
    }

    /// Opens a copy and reads all of it: sled wipes what it takes for the torn end of its log, so it may be let at the journal
    /// itself only when nothing acknowledged is missing.
    pub(super) fn inspect(&self) -> Result<Index, OpenError> {
        let corrupt = |last_good, what| OpenError::Corrupt { dir: self.dir.clone(), last_good, what };
        let found = if self.has_rows() { self.read_copy()? } else { Ok(Index::default()) };
        let index = found.map_err(|(last_good, what)| corrupt(last_good, what))?;
        if index.last() < self.acknowledged {
            return Err(corrupt(index.last(), format!("it had acknowledged records up to {}", self.acknowledged)));
        }
        Ok(index)
    }

    /// Opens the journal's rows themselves.
    pub(super) fn open(&self) -> Result<Rows, OpenError> {
        Rows::open(&self.dir).map_err(|source| self.io(source))
    }

    /// Notes that records up to `last` are acknowledged.
    pub(super) fn acknowledge(&self, last: u64) -> io::Result<()> {
        let at = self.text_before_sequence().len() as u64;
        self.file.write_all_at(format!("{last:0DIGITS$}").as_bytes(), at)
    }

    fn read_copy(&self) -> Result<Result<Index, (u64, String)>, OpenError> {
        let copy = self.dir.join(INSPECTION);
        let found = copy_files(&self.dir, &copy).map(|()| match Rows::open(&copy) {
            Ok(rows) => rows.index(),
            Err(error) => Err((0, error.to_string())),
        });
        fs::remove_dir_all(&copy).map_err(|source| self.io(source))?;
        found.map_err(|source| self.io(source))
    }

    fn has_rows(&self) -> bool {
        self.dir.join("db").exists()
    }

    fn text_before_sequence(&self) -> String {
        format!("muster journal 1\nrealm {}\nacknowledged ", self.realm)
    }

    fn text(&self) -> String {
        format!("{}{:0DIGITS$}\n", self.text_before_sequence(), self.acknowledged)
    }

    fn write_first(&self) -> io::Result<()> {
        self.file.write_all_at(self.text().as_bytes(), 0)?;
        self.file.sync_all()?;
        File::open(&self.dir)?.sync_all()?;
        self.dir
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }

    fn io(&self, source: io::Error) -> OpenError {
        OpenError::Io { dir: self.dir.clone(), source }
    }
}

/// Copies sled's files; a copy left by a process that was killed is thrown away first.
fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && entry.file_name() != CLAIM {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
