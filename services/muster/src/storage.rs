//! Where a process keeps its realm: the journal, the vault and the lease, by one word on the command line.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use muster_domain::kernel::RealmId;
use muster_journal::{
    embedded::{self, Embedded},
    jetstream::{ConnectError, JetStream, Options, Unsafe},
    lease::{Always, Lease, LeaseError, Shared},
    memory::Memory,
    port::Journal,
    vault::{InMemory, KeyError, MasterKey, OnDisk, OnJetStream, SealedVault, Vault},
};

/// Which journal a process runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalSpec {
    /// In memory: gone with the process.
    Memory,
    /// On this machine's disk, in one directory, for one process.
    Embedded(PathBuf),
    /// On NATS JetStream, for any number of processes.
    Nats(Vec<String>),
}

impl FromStr for JournalSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if let Some(dir) = text.strip_prefix("embedded:").filter(|dir| !dir.is_empty()) {
            return Ok(Self::Embedded(PathBuf::from(dir)));
        }
        let servers: Vec<_> = text.split(',').map(str::to_owned).collect();
        if servers.iter().all(|server| server.starts_with("nats://") || server.starts_with("tls://")) {
            return Ok(Self::Nats(servers));
        }
        Err(format!(
            "'{text}' names no journal: write memory, embedded:DIR or nats://HOST:PORT (several with commas between)"
        ))
    }
}

impl fmt::Display for JournalSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Embedded(dir) => write!(f, "embedded:{}", dir.display()),
            Self::Nats(servers) => f.write_str(&servers.join(",")),
        }
    }
}

impl JournalSpec {
    /// What status calls it: `memory`, `embedded` or `jetstream`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Embedded(_) => "embedded",
            Self::Nats(_) => "jetstream",
        }
    }
}

/// How JetStream is reached, beside its address.
#[derive(Clone, Debug, Default)]
pub struct NatsOptions {
    /// The servers' monitor addresses, from which their safety is read.
    pub monitors: Vec<String>,
    /// A NATS credentials file.
    pub credentials: Option<PathBuf>,
    /// As whom a process listens for its answers, if the servers know it by what it does.
    pub user: Option<&'static str>,
    /// The servers' certificate authority, in PEM.
    pub certificate_authority: Option<PathBuf>,
    /// The file of the key under which the vault is sealed: the same for every process of the realm.
    pub vault_key: Option<PathBuf>,
    /// Unsafe settings that whoever starts Muster accepts by name.
    pub accepted: BTreeSet<String>,
}

/// What a process stands on.
pub struct Storage {
    /// The log.
    pub journal: Arc<dyn Journal>,
    /// What identifies people.
    pub vault: Arc<dyn Vault>,
    /// Who decides for the desk.
    pub lease: Arc<dyn Lease>,
    /// Where monitor's rows are; `None` keeps none.
    pub projections: Option<PathBuf>,
    /// Settings under which an acknowledged commit could be lost, each accepted by name.
    pub unsafe_settings: Vec<Unsafe>,
    /// The journal, if it has a clock of its own.
    pub remote: Option<Arc<JetStream>>,
}

/// Why a process has nothing to stand on.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The directory cannot be opened as a journal.
    #[error("{0}")]
    Embedded(#[from] embedded::OpenError),
    /// JetStream cannot be used.
    #[error("{0}")]
    Nats(#[from] ConnectError),
    /// The vault's key cannot be had.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The vault or the lease cannot be opened.
    #[error("{what} cannot be opened: {why}")]
    Beside {
        /// What.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// There is nothing where the journal should be.
    #[error("there is no journal in {}: say where it is with --journal embedded:DIR", .0.display())]
    NoJournal(PathBuf),
    /// A part of the vault is gone.
    #[error(
        "{} is missing, without which nobody can read whom to call: restore it from a backup; nothing was changed",
        .0.display()
    )]
    NoVault(PathBuf),
    /// Nobody said where the vault's key is.
    #[error("name the file of the vault's key with --vault-key, the same for every process of the realm")]
    NoKey,
    /// Acknowledged commits could be lost.
    #[error(
        "the journal is not safe, and an acknowledged request could be lost:\n{}\nMend it, or accept each by name: {}",
        .0.iter().map(|s| format!("  {}: {}; {}", s.name, s.says, s.way_out)).collect::<Vec<_>>().join("\n"),
        accept(.0)
    )]
    Unsafe(Vec<Unsafe>),
}

/// The flags that accept these settings.
fn accept(settings: &[Unsafe]) -> String {
    let names: BTreeSet<_> = settings.iter().map(|setting| setting.name).collect();
    names.into_iter().map(|name| format!("--accept-unsafe-journal={name}")).collect::<Vec<_>>().join(" ")
}

impl From<LeaseError> for StorageError {
    fn from(error: LeaseError) -> Self {
        let why = error.to_string();
        Self::Beside { what: "the desk's lease", why }
    }
}

/// The journal in the directory of an embedded journal.
const JOURNAL: &str = "journal";
/// The vault's key in the directory of an embedded journal.
const KEY: &str = "vault.key";
/// The vault in the directory of an embedded journal.
const VAULT: &str = "vault";

impl Storage {
    /// Opens what `spec` names for a realm that is kept there already: what is missing is told, and not made.
    pub async fn open_kept(spec: &JournalSpec, realm: &RealmId, nats: &NatsOptions) -> Result<Self, StorageError> {
        let parts = match spec {
            JournalSpec::Memory => Vec::new(),
            JournalSpec::Embedded(dir) if !Embedded::is_in(&dir.join(JOURNAL)) => {
                return Err(StorageError::NoJournal(dir.clone()));
            }
            JournalSpec::Embedded(dir) => [KEY, VAULT].map(|part| dir.join(part)).into(),
            JournalSpec::Nats(_) => nats.vault_key.iter().cloned().collect(),
        };
        match parts.into_iter().find(|part| !part.exists()) {
            Some(missing) => Err(StorageError::NoVault(missing)),
            None => Self::open(spec, realm, nats).await,
        }
    }

    /// Opens what `spec` names for a realm; what is missing is made.
    pub async fn open(spec: &JournalSpec, realm: &RealmId, nats: &NatsOptions) -> Result<Self, StorageError> {
        match spec {
            JournalSpec::Memory => Ok(Self {
                journal: Arc::new(Memory::new()),
                vault: Arc::new(SealedVault::new(realm, MasterKey::ephemeral(), InMemory::default())),
                lease: Arc::new(Always),
                projections: None,
                unsafe_settings: Vec::new(),
                remote: None,
            }),
            JournalSpec::Embedded(dir) => embedded(dir, realm).await,
            JournalSpec::Nats(servers) => on_nats(servers.clone(), realm, nats).await,
        }
    }
}

async fn embedded(dir: &Path, realm: &RealmId) -> Result<Storage, StorageError> {
    let (dir, realm) = (dir.to_owned(), realm.clone());
    let opened = tokio::task::spawn_blocking(move || {
        // The journal first: whoever holds it holds the whole directory.
        let journal = Embedded::open(&dir.join(JOURNAL), &realm)?;
        let (key, vault) = (dir.join(KEY), dir.join(VAULT));
        if vault.exists() && !key.exists() {
            // The vault is made after its key: the key was lost, and a new one would open nothing that is in there.
            return Err(StorageError::NoVault(key));
        }
        let key = MasterKey::load_or_create(&key)?;
        let cabinet = OnDisk::open(&vault);
        let cabinet = cabinet.map_err(|error| StorageError::Beside { what: "the vault", why: error.to_string() })?;
        Ok(Storage {
            journal: Arc::new(journal),
            vault: Arc::new(SealedVault::new(&realm, key, cabinet)),
            lease: Arc::new(Always),
            projections: Some(dir.join("projections")),
            unsafe_settings: Vec::new(),
            remote: None,
        })
    });
    opened.await.unwrap_or_else(|error| Err(StorageError::Beside { what: "the journal", why: error.to_string() }))
}

async fn on_nats(servers: Vec<String>, realm: &RealmId, nats: &NatsOptions) -> Result<Storage, StorageError> {
    let alone = nats.accepted.contains("replicas");
    let options = Options {
        replicas: if alone { 1 } else { Options::default().replicas },
        monitors: nats.monitors.clone(),
        credentials: nats.credentials.clone(),
        inbox: nats.user.map_or_else(|| "_INBOX".to_owned(), |user| format!("_INBOX_{user}")),
        certificate_authority: nats.certificate_authority.clone(),
        ..Options::default()
    };
    let journal = match JetStream::connect(servers, realm, options).await {
        // Like what is found of a stream that is there: it can be accepted by name.
        Err(ConnectError::Alone(setting)) => return Err(StorageError::Unsafe(vec![setting])),
        connected => connected?,
    };
    let unsafe_settings = journal.safety().await;
    let refused: Vec<_> =
        unsafe_settings.iter().filter(|setting| !nats.accepted.contains(setting.name)).cloned().collect();
    if !refused.is_empty() {
        return Err(StorageError::Unsafe(refused));
    }
    let key = match &nats.vault_key {
        Some(path) => MasterKey::load_or_create(path)?,
        None => return Err(StorageError::NoKey),
    };
    let cabinet = OnJetStream::open(&journal).await;
    let cabinet = cabinet.map_err(|why| StorageError::Beside { what: "the vault", why })?;
    let lease = Shared::open(&journal, "desk").await?;
    let journal = Arc::new(journal);
    Ok(Storage {
        journal: journal.clone(),
        vault: Arc::new(SealedVault::new(realm, key, cabinet)),
        lease: Arc::new(lease),
        projections: None,
        unsafe_settings,
        remote: Some(journal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_named_by_one_word() {
        let read = |text: &str| text.parse::<JournalSpec>();
        assert_eq!(read("memory"), Ok(JournalSpec::Memory));
        assert_eq!(read("embedded:data"), Ok(JournalSpec::Embedded(PathBuf::from("data"))));
        let servers = ["nats://a:4222", "tls://b:4222"].map(str::to_owned).to_vec();
        assert_eq!(read("nats://a:4222,tls://b:4222"), Ok(JournalSpec::Nats(servers)));
        for bad in ["", "disk", "embedded:", "http://a", "nats://a,b"] {
            assert!(read(bad).is_err_and(|why| why.contains("embedded:DIR")), "{bad}");
        }
        for spec in ["memory", "embedded:data", "nats://a:4222,tls://b:4222"] {
            assert_eq!(read(spec).unwrap().to_string(), spec);
        }
    }
}
