//! One line of the page: what is promised, what was seen, and what others have published.

use std::fmt;

/// How a promise stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It was kept, and as much was seen as was wanted.
    Yes,
    /// It was kept as far as was seen, which is less than was wanted.
    Less,
    /// It was kept, and took longer than was wanted.
    Slower,
    /// It was broken.
    Broken,
    /// It was not looked at.
    Skipped,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The figure's permanent id.
    pub figure: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// How much of it is wanted.
    pub target: &'static str,
    /// What was seen.
    pub reached: String,
    /// What others have published.
    pub anchor: &'static str,
    /// The command that sees it again.
    pub command: String,
    /// How it stands.
    pub stands: Stands,
}

impl Row {
    /// Whether nothing was broken.
    pub fn holds(&self) -> bool {
        self.stands != Stands::Broken
    }
}

impl Stands {
    /// Kept, if nothing is broken; less than wanted, if there is too little.
    pub const fn of(kept: bool, enough: bool) -> Self {
        match (kept, enough) {
            (false, _) => Self::Broken,
            (true, false) => Self::Less,
            (true, true) => Self::Yes,
        }
    }

    /// Slower, if nothing is worse.
    pub const fn unless_slow(self, slow: bool) -> Self {
        match self {
            Self::Yes | Self::Less if slow => Self::Slower,
            Self::Yes | Self::Less | Self::Slower | Self::Broken | Self::Skipped => self,
        }
    }

    /// In a word.
    const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Less => "kept, too little seen",
            Self::Slower => "kept, slower than wanted",
            Self::Broken => "BROKEN",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Row {
    /// As a line of the page's table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, promise, target, reached, anchor, command, stands } = self;
        write!(f, "| {figure} | {promise} | {target} | {reached} | {} | {anchor} | `{command}` |", stands.word())
    }
}
