//! How a process ends: what each exit code means, and which one every failure has.

use std::{
    error::Error,
    fmt::Display,
    io::{self, ErrorKind},
    process::ExitCode,
};

use muster_journal::{
    append::Lost,
    copy::CopyError,
    embedded::OpenError,
    jetstream::ConnectError,
    port::ReadError,
    table::TableError,
    vault::{KeyError, VaultError},
};
use muster_monitor::projection::ProjectionError;
use muster_runtime::{
    status::{self, explain},
    telemetry::TelemetryError,
};
use tonic::{Code, Status};

use crate::{
    cli::failure::Failure, config::ConfigError, demo::DemoError, node::StartError, serve::ServeError,
    storage::StorageError, upkeep::UpkeepError,
};

/// What the exit codes mean, at the end of `muster --help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused by a rule, or something to mend was found
  2  wrong usage, or a file that cannot be taken
  3  not allowed, not found, or nobody knows who calls
  4  muster, or what it stands on, cannot be reached or cannot answer now: try again
  5  a fault";

/// How a process ends: see [`EXIT_CODES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Refused by a rule, or something to mend was found.
    Refused,
    /// Wrong usage, or a file that cannot be taken.
    Usage,
    /// Not allowed, not found, or nobody knows who calls.
    NotAllowed,
    /// Somebody cannot be reached or cannot answer now.
    Unavailable,
    /// A fault.
    Fault,
}

impl Exit {
    /// The code as a number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// A process that did not do what it was asked: what is told, and how it ends.
#[derive(Debug)]
pub struct Ended {
    /// What is wrong and the way out.
    pub says: String,
    /// The exit code.
    pub exit: Exit,
}

impl<E: Display> From<E> for Ended
where
    Exit: for<'a> From<&'a E>,
{
    fn from(error: E) -> Self {
        Self { exit: Exit::from(&error), says: error.to_string() }
    }
}

impl From<&Status> for Exit {
    fn from(status: &Status) -> Self {
        match status.code() {
            Code::Ok => Self::Done,
            // The line broke before an answer came, whatever the transport calls it.
            _ if status.source().is_some() => Self::Unavailable,
            // A message that cannot be read is wrong usage; one that breaks a rule was understood.
            Code::InvalidArgument if explain(status).reason == "UNREADABLE_FIELDS" => Self::Usage,
            Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists | Code::OutOfRange => Self::Refused,
            Code::ResourceExhausted if explain(status).reason == "TOO_LARGE" => Self::Refused,
            Code::NotFound | Code::PermissionDenied | Code::Unauthenticated => Self::NotAllowed,
            Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted | Code::Cancelled => {
                Self::Unavailable
            }
            Code::Internal | Code::DataLoss | Code::Unknown | Code::Unimplemented => Self::Fault,
        }
    }
}

impl From<&Failure> for Exit {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Usage { .. } | Failure::File(_) => Self::Usage,
            Failure::Answer(status) => status.as_ref().into(),
            Failure::Advised(failure, _) => failure.as_ref().into(),
            Failure::Unreachable { .. } => Self::Unavailable,
            Failure::Entries(exit) => *exit,
            Failure::Output(error) => of_output(error),
            Failure::Fault(_) => Self::Fault,
        }
    }
}

impl From<&StorageError> for Exit {
    fn from(error: &StorageError) -> Self {
        match error {
            StorageError::Embedded(OpenError::Held { .. })
            | StorageError::Nats(ConnectError::Unavailable(_))
            | StorageError::Beside { .. } => Self::Unavailable,
            StorageError::Embedded(OpenError::Foreign { .. })
            | StorageError::Nats(ConnectError::Invalid(_))
            | StorageError::Key(KeyError::Open { .. } | KeyError::Damaged { .. })
            | StorageError::NoJournal(_)
            | StorageError::NoVault(_)
            | StorageError::NoKey => Self::Usage,
            StorageError::Nats(ConnectError::Differs { .. } | ConnectError::Alone(_)) | StorageError::Unsafe(_) => {
                Self::Refused
            }
            StorageError::Embedded(OpenError::Corrupt { .. }) => Self::Fault,
            StorageError::Embedded(OpenError::Io { source, .. }) | StorageError::Key(KeyError::Io { source, .. }) => {
                of_system(source)
            }
        }
    }
}

impl From<&StartError> for Exit {
    fn from(error: &StartError) -> Self {
        match error {
            StartError::Storage(error) => error.into(),
            StartError::NotOpen(_) => Self::Usage,
            StartError::Realm(refusal) => (&status::refused(refusal)).into(),
            StartError::Listen { source, .. } => of_system(source),
            StartError::Unmeasured(_) => Self::Fault,
        }
    }
}

impl From<&ServeError> for Exit {
    fn from(error: &ServeError) -> Self {
        match error {
            ServeError::Trust(_) | ServeError::Crash(_) => Self::Usage,
            ServeError::Start(error) => error.into(),
            ServeError::Output(error) => of_output(error),
            ServeError::Signals(_) | ServeError::Ended(_) => Self::Fault,
        }
    }
}

impl From<&UpkeepError> for Exit {
    fn from(error: &UpkeepError) -> Self {
        match error {
            UpkeepError::Unwell(_) | UpkeepError::Differ(_) | UpkeepError::Served => Self::Refused,
            UpkeepError::Lease(_) | UpkeepError::ClockOff(_) => Self::Unavailable,
            UpkeepError::Storage(error) => error.into(),
            UpkeepError::Projection(ProjectionError::Table(TableError::Held { .. })) => Self::Unavailable,
            UpkeepError::Projection(
                ProjectionError::Table(TableError::Io { source, .. }) | ProjectionError::Io(source),
            ) => of_system(source),
            UpkeepError::Projection(ProjectionError::Log(_)) => Self::Fault,
            UpkeepError::Copy(
                CopyError::Differs(_) | CopyError::Longer { .. } | CopyError::Empty | CopyError::NoVault,
            ) => Self::Refused,
            UpkeepError::Copy(
                CopyError::From(ReadError::Unavailable(_))
                | CopyError::To(ReadError::Unavailable(_))
                | CopyError::Unwritten { why: Lost::Conflict | Lost::Unknown(_) | Lost::Unavailable(_), .. }
                | CopyError::Vault { why: VaultError::Unavailable(_), .. },
            ) => Self::Unavailable,
            UpkeepError::Copy(
                CopyError::From(_) | CopyError::To(_) | CopyError::Unwritten { .. } | CopyError::Vault { .. },
            ) => Self::Fault,
            UpkeepError::NoRows | UpkeepError::NothingKept | UpkeepError::TwoServers => Self::Usage,
            UpkeepError::Output(error) => of_output(error),
        }
    }
}

impl From<&DemoError> for Exit {
    fn from(error: &DemoError) -> Self {
        match error {
            DemoError::NotLoopback(_) => Self::Usage,
            DemoError::System(error) => of_system(error),
            DemoError::Start(error) => error.into(),
            DemoError::Differs(_) => Self::Refused,
            DemoError::Stopped => Self::Unavailable,
            DemoError::Data(_) | DemoError::Begin(_) | DemoError::Ended(_) => Self::Fault,
        }
    }
}

impl From<&ConfigError> for Exit {
    fn from(error: &ConfigError) -> Self {
        match error {
            ConfigError::Unreadable { .. }
            | ConfigError::NotToml { .. }
            | ConfigError::Unknown { .. }
            | ConfigError::Kind { .. }
            | ConfigError::Value { .. }
            | ConfigError::NoKey { .. } => Self::Usage,
            ConfigError::Output(error) => of_output(error),
        }
    }
}

impl From<&TelemetryError> for Exit {
    fn from(error: &TelemetryError) -> Self {
        match error {
            TelemetryError::Filter { .. } | TelemetryError::Collector { .. } => Self::Usage,
            TelemetryError::Started(_) => Self::Fault,
        }
    }
}

/// What the operating system does not let us do: it stays so until something else is asked, or may come right by itself.
pub(crate) fn of_system(error: &io::Error) -> Exit {
    let lasts = matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::NotADirectory
            | ErrorKind::AlreadyExists
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::AddrNotAvailable
    );
    if lasts { Exit::Usage } else { Exit::Unavailable }
}

/// What is said cannot be written. Whoever reads may have seen enough: `muster log | head` is no failure.
pub(crate) fn of_output(error: &io::Error) -> Exit {
    if error.kind() == ErrorKind::BrokenPipe { Exit::Done } else { Exit::Fault }
}
