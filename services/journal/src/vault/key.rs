//! The master key, in a file of its own.

use crate::crash::{self, Boundary};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, aead::OsRng};
use std::{
    fmt,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Why a master key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others on this machine may read it.
    #[error("the master key in {} can be read by others: run `chmod 600` on it, and replace it if they may have", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("{} holds no master key: 32 bytes, but there are {bytes}; restore it from its backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many bytes it holds.
        bytes: usize,
    },
    /// The file cannot be read or made.
    #[error("the master key in {} cannot be used: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// The key that wraps every subject's key. Whoever has it and the vault can read everything; without it nobody can read
/// anything, so it needs a backup of its own, apart from the vault's.
#[derive(Clone)]
pub struct MasterKey(XChaCha20Poly1305);

impl MasterKey {
    /// A key that is gone with the process: for journals in memory.
    pub fn ephemeral() -> Self {
        Self(XChaCha20Poly1305::new(&XChaCha20Poly1305::generate_key(&mut OsRng)))
    }

    /// Reads the key from a file that only its owner may read, or makes one there.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        match File::open(path) {
            Ok(file) => Self::load(path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match create(path) {
                Ok(key) => Ok(Self(key)),
                // Another process was first: its key is the realm's.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    Self::load(path, File::open(path).map_err(io)?)
                }
                Err(error) => Err(io(error)),
            },
            Err(error) => Err(io(error)),
        }
    }

    fn load(path: &Path, mut file: File) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        let metadata = file.metadata().map_err(io)?;
        // An orchestrator hands secrets over as root's, to be read by the process's group alone.
        let others = if metadata.uid() == 0 { 0o037 } else { 0o077 };
        if metadata.mode() & others != 0 {
            return Err(KeyError::Open { path: path.to_owned() });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let damaged = |_| KeyError::Damaged { path: path.to_owned(), bytes: bytes.len() };
        XChaCha20Poly1305::new_from_slice(&bytes).map(Self).map_err(damaged)
    }

    pub(super) fn cipher(&self) -> &XChaCha20Poly1305 {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Makes the key in a file beside and gives it its name when it is whole and on disk: nothing may be sealed under a key that a
/// power cut could take. If somebody else has made one meanwhile, that one stands: `AlreadyExists`. Whoever dies here leaves no
/// second copy of a key: the file beside is the same for all
/// processes of Muster, which wait for one another at its lock.
fn create(path: &Path) -> io::Result<XChaCha20Poly1305> {
    let key = XChaCha20Poly1305::generate_key(&mut OsRng);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let new = path.with_added_extension("new");
    let mut file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&new)?;
    file.lock()?;
    // A link that leads nowhere yet is a key that somebody else is to bring.
    if fs::symlink_metadata(path).is_ok() {
        // The file is the key by now, or one that nobody needs.
        drop(fs::remove_file(&new));
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    file.set_len(0)?;
    file.write_all(&key)?;
    file.sync_all()?;
    crash::at(Boundary::KeyWritten);
    fs::rename(&new, path)?;
    crash::at(Boundary::KeyNamed);
    File::open(dir)?.sync_all()?;
    Ok(XChaCha20Poly1305::new(&key))
}
