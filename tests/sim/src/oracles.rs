//! The invariants, one file each, under their permanent ids. An oracle is a function from the log to what is wrong with it.

pub mod d1;
pub mod d10;
pub mod d11;
pub mod d12;
pub mod d13;
pub mod d14;
pub mod d15;
pub mod d2;
pub mod d3;
pub mod d4;
pub mod d5;
pub mod d6;
pub mod d7;
pub mod d8;
pub mod d9;
pub mod l1;
pub mod l3;
pub mod l4;
pub mod l5;
pub mod l7;
pub mod taken;
pub mod time;

use std::fmt;

use muster_journal::stored::Position;

use crate::log::{Entry, place};

/// An invariant that does not hold, readable by a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Which invariant.
    pub id: &'static str,
    /// The commit that shows it.
    pub position: Position,
    /// What is wrong.
    pub says: String,
}

impl Violation {
    /// `id` does not hold at `position`.
    pub fn new(id: &'static str, position: Position, says: impl Into<String>) -> Self {
        Self { id, position, says: says.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.id, place(self.position), self.says)
    }
}

/// What an oracle is.
pub type Oracle = fn(&[Entry]) -> Vec<Violation>;

/// Every oracle that needs the log alone, under its id. L1 needs to know what was acknowledged too.
pub const ORACLES: &[(&str, Oracle)] = &[
    (d1::ID, d1::check),
    (d2::ID, d2::check),
    (d3::ID, d3::check),
    (d4::ID, d4::check),
    (d5::ID, d5::check),
    (d6::ID, d6::check),
    (d7::ID, d7::check),
    (d8::ID, d8::check),
    (d9::ID, d9::check),
    (d10::ID, d10::check),
    (d11::ID, d11::check),
    (d12::ID, d12::check),
    (d13::ID, d13::check),
    (d14::ID, d14::check),
    (d15::ID, d15::check),
    (l3::ID, l3::check),
    (l4::ID, l4::check),
    (l5::ID, l5::check),
    (l7::ID, l7::check),
    (taken::ID, taken::check),
    (time::ID, time::check),
];

/// All that is wrong with a log, in its order.
pub fn all(log: &[Entry]) -> Vec<Violation> {
    let mut found: Vec<_> = ORACLES.iter().flat_map(|(_, check)| check(log)).collect();
    found.sort_by_key(|violation| violation.position);
    found
}
