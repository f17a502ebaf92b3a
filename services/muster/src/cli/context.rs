//! The context file: what a running Muster leaves behind so that a second terminal just works. It says where Muster
//! answers and who acts when a command does not say so.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use muster_domain::kernel::{Actor, PrincipalId, RealmId, Role};
use muster_runtime::ids;
use serde::{Deserialize, Serialize};

/// Names the context file, instead of the usual place.
pub const PLACE: &str = "MUSTER_CONTEXT";

/// Where Muster answers, and who acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Where Muster answers, e.g. `http://127.0.0.1:7400`.
    pub address: String,
    /// Its realm: `live`, or an exercise's name.
    pub realm: String,
    /// By role, the principal that acts when nobody else is named, e.g. `officer` to `duty`.
    #[serde(default)]
    pub callers: BTreeMap<String, String>,
}

/// Why there is no context.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// Nowhere to look.
    #[error("neither {PLACE}, XDG_STATE_HOME nor HOME says where the context file is")]
    NoPlace,
    /// It cannot be read or written.
    #[error("the context file {}: {source}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It says something else.
    #[error("the context file {} cannot be understood: {source}", .path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl Context {
    /// A development Muster at `address`: callers of the same machine are believed, so every role that stands for no
    /// organisation has somebody on duty.
    pub fn development(address: impl Into<String>, realm: impl Into<String>) -> Self {
        let callers = [
            (Role::Officer, "duty"),
            (Role::Commission, "duty"),
            (Role::Auditor, "auditor"),
            (Role::Operator, "operator"),
        ];
        let callers = callers.map(|(role, id)| (role.as_str().to_owned(), id.to_owned()));
        Self { address: address.into(), realm: realm.into(), callers: callers.into() }
    }

    /// Where the file is: `$MUSTER_CONTEXT`, else `muster/context.json` in `$XDG_STATE_HOME`, else in `~/.local/state`.
    pub fn place() -> Result<PathBuf, ContextError> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let file = |directory: PathBuf| directory.join("muster").join("context.json");
        set(PLACE)
            .or_else(|| set("XDG_STATE_HOME").map(file))
            .or_else(|| set("HOME").map(|home| file(home.join(".local").join("state"))))
            .ok_or(ContextError::NoPlace)
    }

    /// Writes it for this user alone, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), ContextError> {
        let failed = |source| ContextError::File { path: path.to_owned(), source };
        let text = serde_json::to_string_pretty(self)
            .map_err(|source| ContextError::Content { path: path.to_owned(), source })?;
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let new = path.with_extension(format!("{}.new", ids::new()));
        let written = write_private(&new, &text).and_then(|()| fs::rename(&new, path));
        if written.is_err() {
            // What is half written is of no use to anybody; the first error is the one to tell.
            let _ = fs::remove_file(&new);
        }
        written.map_err(failed)
    }

    /// Reads it; `None` if there is none, which is how it is while no Muster runs here.
    pub fn read(path: &Path) -> Result<Option<Self>, ContextError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ContextError::File { path: path.to_owned(), source }),
        };
        let read = serde_json::from_str(&text);
        read.map(Some).map_err(|source| ContextError::Content { path: path.to_owned(), source })
    }

    /// Removes it, unless another Muster has written its own in the meantime.
    pub fn remove(&self, path: &Path) -> Result<(), ContextError> {
        if Self::read(path)?.as_ref() == Some(self) {
            fs::remove_file(path).map_err(|source| ContextError::File { path: path.to_owned(), source })?;
        }
        Ok(())
    }

    /// Who acts for this role when nobody else is named.
    pub fn caller(&self, role: Role) -> Option<Actor> {
        let id = self.callers.get(role.as_str())?;
        Some(Actor { role, principal: PrincipalId::parse(id).ok()? })
    }
}

/// What shows a second terminal the way: the context file, as long as a Muster runs.
pub struct Signpost {
    path: PathBuf,
    context: Context,
    /// Another Muster's, which stands again afterwards.
    before: Option<Context>,
}

impl Signpost {
    /// Points at a Muster; where that cannot be, commands need `--address`, and whoever looks is told why.
    pub fn set_up(address: SocketAddr, realm: &RealmId) -> Option<Self> {
        let set_up = Context::place().and_then(|path| Self::set_up_at(path, address, realm));
        set_up.inspect_err(|error| tracing::warn!(%error, "a second terminal must be told the address")).ok()
    }

    /// Points at a Muster from this file. What stands there already may be of the same Muster, which did not end by
    /// itself.
    pub fn set_up_at(path: PathBuf, address: SocketAddr, realm: &RealmId) -> Result<Self, ContextError> {
        let context = Context::development(format!("http://{address}"), realm.as_str());
        let before = Context::read(&path)?.filter(|before| *before != context);
        context.write(&path)?;
        Ok(Self { path, context, before })
    }
}

impl Drop for Signpost {
    fn drop(&mut self) {
        let gone = self.context.remove(&self.path).and_then(|()| match &self.before {
            // Whoever wrote theirs in the meantime has it still.
            Some(before) if !self.path.exists() => before.write(&self.path),
            Some(_) | None => Ok(()),
        });
        if let Err(error) = gone {
            tracing::warn!(%error, "the way to a Muster that has ended is still shown");
        }
    }
}

#[cfg(unix)]
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(not(unix))]
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
