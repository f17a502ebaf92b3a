//! How much is measured.

use std::time::Duration;

/// How long to measure, and on how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Repetitions of each pair, Muster and its ceiling in turn.
    pub rounds: usize,
    /// How long one repetition lasts.
    pub span: Duration,
    /// How long requests come in, one after the other.
    pub surge: Duration,
    /// Engagements that report at once, at most.
    pub engagements: usize,
    /// Requests in the history that is read again.
    pub history: usize,
    /// Requests on the board that is asked for.
    pub board: usize,
    /// Packages that are matched.
    pub packages: usize,
}

impl Effort {
    /// A few minutes in all.
    pub const QUICK: Self = Self {
        rounds: 5,
        span: Duration::from_secs(1),
        surge: Duration::from_secs(8),
        engagements: 512,
        history: 1_000,
        board: 100_000,
        packages: 3_000,
    };

    /// Less left to chance.
    pub const LONG: Self = Self {
        rounds: 11,
        span: Duration::from_secs(4),
        surge: Duration::from_secs(40),
        engagements: 512,
        history: 10_000,
        board: 100_000,
        packages: 3_000,
    };

    /// Enough to see that each load works.
    pub const TINY: Self = Self {
        rounds: 1,
        span: Duration::from_millis(100),
        surge: Duration::from_millis(500),
        engagements: 4,
        history: 5,
        board: 200,
        packages: 60,
    };
}
