//! Dying on purpose where it hurts most: at the boundaries of what a process writes, so that tests meet a crash in every one
//! of them. Whoever sets `MUSTER_CRASH_AT` wants the process to die; without it a boundary costs one load.

use std::{
    fmt,
    str::FromStr,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// The environment's word for it: `BOUNDARY:N`, the process dies at the N-th passing.
pub const VARIABLE: &str = "MUSTER_CRASH_AT";

static PLANNED: OnceLock<Crash> = OnceLock::new();

/// A place between two steps of which one has happened and the other has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Boundary {
    /// The embedded journal's directory is made, and nothing says whose it is.
    JournalMade,
    /// The embedded journal's directory says whose it is, and holds nothing.
    JournalClaimed,
    /// The vault's key is on the disk, under no name yet.
    KeyWritten,
    /// The vault's key has its name.
    KeyNamed,
    /// A frame is about to be sent.
    AppendBegun,
    /// The journal has the frame; nobody knows.
    AppendDone,
    /// The embedded journal is about to write.
    WriteBegun,
    /// It has written, and the disk may not have it.
    WriteDone,
    /// The disk has it, and it is not noted as acknowledged.
    WriteSynced,
    /// It is noted as acknowledged, and nobody was told.
    WriteNoted,
    /// A contact is about to be kept.
    VaultBegun,
    /// It is kept, and no event names it.
    VaultDone,
    /// The desk's lease is free, and about to be taken.
    LeaseFree,
    /// It is taken, and its holder does not know.
    LeaseTaken,
    /// It is about to be renewed.
    LeaseAging,
    /// It is renewed, and its holder does not know.
    LeaseRenewed,
    /// Everything is answered, and the lease is about to be given back.
    LeaseEnding,
    /// It is given back.
    LeaseReturned,
    /// Rows are about to be written.
    RowsBegun,
    /// They are written.
    RowsDone,
    /// What is to be answered is known, and the answer has not left.
    AnswerKnown,
}

impl Boundary {
    /// Every boundary.
    pub const ALL: [Self; 21] = [
        Self::JournalMade,
        Self::JournalClaimed,
        Self::KeyWritten,
        Self::KeyNamed,
        Self::AppendBegun,
        Self::AppendDone,
        Self::WriteBegun,
        Self::WriteDone,
        Self::WriteSynced,
        Self::WriteNoted,
        Self::VaultBegun,
        Self::VaultDone,
        Self::LeaseFree,
        Self::LeaseTaken,
        Self::LeaseAging,
        Self::LeaseRenewed,
        Self::LeaseEnding,
        Self::LeaseReturned,
        Self::RowsBegun,
        Self::RowsDone,
        Self::AnswerKnown,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JournalMade => "journal-made",
            Self::JournalClaimed => "journal-claimed",
            Self::KeyWritten => "key-written",
            Self::KeyNamed => "key-named",
            Self::AppendBegun => "append-begun",
            Self::AppendDone => "append-done",
            Self::WriteBegun => "write-begun",
            Self::WriteDone => "write-done",
            Self::WriteSynced => "write-synced",
            Self::WriteNoted => "write-noted",
            Self::VaultBegun => "vault-begun",
            Self::VaultDone => "vault-done",
            Self::LeaseFree => "lease-free",
            Self::LeaseTaken => "lease-taken",
            Self::LeaseAging => "lease-aging",
            Self::LeaseRenewed => "lease-renewed",
            Self::LeaseEnding => "lease-ending",
            Self::LeaseReturned => "lease-returned",
            Self::RowsBegun => "rows-begun",
            Self::RowsDone => "rows-done",
            Self::AnswerKnown => "answer-known",
        }
    }
}

/// A crash that is wanted.
#[derive(Debug)]
pub struct Crash {
    boundary: Boundary,
    passings_left: AtomicU32,
}

impl FromStr for Crash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (name, number) = text.split_once(':')?;
            let boundary = Boundary::ALL.into_iter().find(|boundary| boundary.as_str() == name)?;
            let number = number.parse().ok().filter(|number| *number > 0)?;
            Some(Self { boundary, passings_left: AtomicU32::new(number) })
        };
        let names = || Boundary::ALL.map(Boundary::as_str).join(", ");
        read().ok_or_else(|| {
            format!("{VARIABLE} is '{text}', and must be BOUNDARY:N with N from 1 and one of: {}; or unset it", names())
        })
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.boundary.as_str(), self.passings_left.load(Ordering::Relaxed))
    }
}

impl Crash {
    /// From now on this process is to die so. The first of several holds.
    pub fn plan(self) {
        tracing::warn!("{VARIABLE} is set: this process will kill itself at {self}");
        drop(PLANNED.set(self));
    }
}

/// A boundary is passed: the process dies here, without another word, if that was planned.
pub fn at(boundary: Boundary) {
    if let Some(planned) = PLANNED.get()
        && planned.boundary == boundary
        && planned.passings_left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_boundary_can_be_named_and_nothing_else() {
        // A boundary that is left out of the list moves all after it.
        assert_eq!(Boundary::ALL.map(|boundary| boundary as usize), std::array::from_fn(|place| place));
        for boundary in Boundary::ALL {
            let crash: Crash = format!("{}:3", boundary.as_str()).parse().unwrap();
            assert_eq!((crash.boundary, crash.to_string()), (boundary, format!("{}:3", boundary.as_str())));
        }
        for bad in ["", "append-done", "append-done:", "append-done:0", "append-done:-1", "appenddone:1", ":1"] {
            let says = bad.parse::<Crash>().unwrap_err();
            assert!(says.starts_with(&format!("MUSTER_CRASH_AT is '{bad}'")) && says.contains("append-done"), "{says}");
        }
    }
}
