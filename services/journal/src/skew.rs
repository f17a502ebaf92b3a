//! Whether this process's clock shows the journal's time. Deadlines are judged by the times that the processes of a realm
//! write down, so no process may write by a time of its own.

use std::{fmt, time::Duration};

use muster_domain::kernel::Timestamp;

/// Clocks that differ by no more are taken for the same.
pub const SKEW_MAX: Duration = Duration::from_secs(1);

/// This process's clock does not show the journal's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOff {
    /// By how much, at least.
    pub by: Duration,
    /// Whether it is ahead; if not, it is behind.
    pub ahead: bool,
}

impl ClockOff {
    /// What to do about it.
    pub const WAY_OUT: &str = "see that NTP runs on both machines; Muster goes on once their clocks agree";

    /// What is known when the journal's clock showed `theirs` at some moment between two looks at this process's: however
    /// long the answer took, clocks that agree are never found to differ.
    pub fn known(before: Timestamp, theirs: Timestamp, after: Timestamp) -> Option<Self> {
        let (ahead, behind) = (before.since(theirs), theirs.since(after));
        let by = ahead.max(behind);
        (by > SKEW_MAX).then_some(Self { by, ahead: ahead > behind })
    }
}

impl fmt::Display for ClockOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by, ahead } = self;
        let side = if *ahead { "ahead of" } else { "behind" };
        write!(f, "Muster's clock is {:.1} s {side} the journal's", by.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_may_agree_are_not_found_to_differ() {
        let known = |before, theirs, after| {
            let at = |millis: i64| Timestamp::from_millis(1_790_000_000_000 + millis);
            ClockOff::known(at(before), at(theirs), at(after)).map(|off| off.to_string())
        };
        for agreeing in [(0, 0, 0), (0, 5, 9), (0, -1_000, 0), (0, 1_000, 0), (0, 20_000, 60_000), (0, 60_900, 60_000)]
        {
            assert_eq!(known(agreeing.0, agreeing.1, agreeing.2), None, "{agreeing:?}");
        }
        let says = |how: &str| Some(format!("Muster's clock is {how} the journal's"));
        assert_eq!(known(0, -1_001, 4), says("1.0 s ahead of"));
        assert_eq!(known(0, 1_250, 50), says("1.2 s behind"));
        assert_eq!(known(0, -3_600_000, 50), says("3600.0 s ahead of"));
    }
}
