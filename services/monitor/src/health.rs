//! How the process that answers stands: what whoever puts it together knows, and nobody else.

use std::{fmt, sync::Arc};

use muster_journal::stored::Position;

/// How one role of the process stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleHealth {
    /// `registry`, `intake`, `eligibility`, `dispatch` or `monitor`.
    pub role: String,
    /// Whether it serves.
    pub ready: bool,
    /// Up to where it has followed the log.
    pub position: Position,
    /// What is wrong, in words; empty if nothing is.
    pub trouble: String,
}

/// A setting of the journal under which an acknowledged commit could be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsafeSetting {
    /// Its name, as `--accept-unsafe-journal` takes it.
    pub name: String,
    /// What is wrong and what to do.
    pub says: String,
    /// Whether whoever started Muster accepted it by name.
    pub accepted: bool,
}

/// How the process stands.
#[derive(Clone)]
pub struct Health {
    /// Muster's version.
    pub version: String,
    /// The journal: `embedded`, `jetstream` or `memory`.
    pub journal: &'static str,
    /// Settings under which an acknowledged commit could be lost, as last read.
    pub unsafe_settings: Arc<dyn Fn() -> Vec<UnsafeSetting> + Send + Sync>,
    /// How each role stands at the moment of asking.
    pub roles: Arc<dyn Fn() -> Vec<RoleHealth> + Send + Sync>,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, journal, unsafe_settings, roles } = self;
        let mut told = f.debug_struct("Health");
        told.field("version", version).field("journal", journal).field("unsafe_settings", &unsafe_settings());
        told.field("roles", &roles()).finish()
    }
}
