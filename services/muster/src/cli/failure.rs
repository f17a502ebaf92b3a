//! How a command fails: what is wrong, every field, the rule and the way out.

use std::{fmt::Write, io};

use muster_runtime::status::{Explained, explain, never_left};
use tonic::Status;

use super::context::ContextError;
use crate::{exit::Exit, files::BadFile};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// It was asked in a wrong way.
    Usage {
        /// What is wrong.
        says: String,
        /// What to do instead.
        way_out: String,
    },
    /// A file cannot be taken.
    File(BadFile),
    /// Muster said no, or nobody answered.
    Answer(Box<Status>),
    /// The same, and what may help besides.
    Advised(Box<Failure>, &'static str),
    /// There is nobody to ask.
    Unreachable {
        /// Why.
        says: String,
        /// What to do.
        way_out: String,
    },
    /// Some entries of a file were not taken; the process ends as the first one says.
    Entries(Exit),
    /// What is said cannot be written.
    Output(io::Error),
    /// Something that cannot be, and is.
    Fault(String),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Answer(Box::new(status))
    }
}

impl From<BadFile> for Failure {
    fn from(bad: BadFile) -> Self {
        Self::File(bad)
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        Self::usage(error.to_string(), "mend or remove that file, or say where muster is: --address http://HOST:PORT")
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// Asked in a wrong way.
    pub fn usage(says: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self::Usage { says: says.into(), way_out: way_out.into() }
    }

    /// The same failure, with another way out.
    pub fn or_instead(self, advice: &'static str) -> Self {
        Self::Advised(Box::new(self), advice)
    }

    /// What Muster, or the line to it, answered.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Answer(status) => Some(status),
            Self::Advised(failure, _) => failure.status(),
            Self::Usage { .. }
            | Self::File(_)
            | Self::Unreachable { .. }
            | Self::Entries(_)
            | Self::Output(_)
            | Self::Fault(_) => None,
        }
    }

    /// What is told on stderr; nothing if all is said already.
    pub fn told(&self) -> String {
        match self {
            Self::Usage { says, way_out } | Self::Unreachable { says, way_out } => format!("{says}\nNext: {way_out}"),
            Self::File(bad) => format!("{bad}\nNext: mend what is named and give the file again; nothing was sent"),
            Self::Answer(status) => told(&explain(status)),
            Self::Advised(failure, advice) => format!("{}\n  or: {advice}", failure.told()),
            Self::Entries(_) => String::new(),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => String::new(),
            Self::Output(error) => format!("the output cannot be written: {error}"),
            Self::Fault(says) => format!("a fault of muster's own: {says}\nNext: tell whoever looks after muster"),
        }
    }
}

/// Whether the answer leaves open if what was asked was done.
pub fn is_done_unknown(status: &Status) -> bool {
    ["TRANSPORT", "OUTCOME_UNKNOWN"].contains(&explain(status).reason.as_str()) && !never_left(status)
}

/// What is wrong, every field, the rule, the way out.
pub fn told(explained: &Explained) -> String {
    let Explained { reason, rule, position: _, says, way_out, fields, retry_after: _ } = explained;
    // A refusal names its fields in one sentence too; here each has a line.
    let named = fields.keys().filter_map(|field| says.find(field.as_str())).min();
    let before = named.and_then(|at| says.get(..at)).unwrap_or(says).trim_end_matches([' ', ':', ';']);
    let mut told = if before.is_empty() { "the call cannot be read".to_owned() } else { before.to_owned() };
    for (field, wrong) in fields {
        // Writing to a string cannot fail.
        let _ = write!(told, "\n  {field} {wrong}");
    }
    let rule = if rule.is_empty() { String::new() } else { format!("{rule} ") };
    let _ = write!(told, "\nRule: {rule}[{reason}]\nNext: {way_out}");
    told
}
