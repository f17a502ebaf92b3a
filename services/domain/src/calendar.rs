//! Months on the calendar, in UTC, and the Union's rule for periods counted in them.

use jiff::{Span, Timestamp as Instant, civil::DateTime, civil::Weekday, tz::Offset};

use crate::kernel::Timestamp;

/// The same time of day `months` later; the month's last day where it is shorter.
pub fn months_after(from: Timestamp, months: u8) -> Timestamp {
    moment(civil(from).saturating_add(Span::new().months(months)))
}

/// The last millisecond of a period of `months` that an event begins (Reg. (EEC, Euratom) 1182/71 Art 3): the event's
/// own day does not count, the period ends with the day of the same date, or with the month's last day if there is no
/// such date, and a Saturday or Sunday moves it to Monday. Public holidays are not counted: it may end sooner than the
/// law asks, never later.
pub fn end_of_period(event: Timestamp, months: u8) -> Timestamp {
    let same_date = civil(event).date().saturating_add(Span::new().months(months));
    let days_to_monday: u8 = match same_date.weekday() {
        Weekday::Saturday => 2,
        Weekday::Sunday => 1,
        Weekday::Monday | Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday | Weekday::Friday => 0,
    };
    moment(same_date.saturating_add(Span::new().days(days_to_monday)).at(23, 59, 59, 999_000_000))
}

fn civil(at: Timestamp) -> DateTime {
    let edge = if at.millis() < 0 { Instant::MIN } else { Instant::MAX };
    Offset::UTC.to_datetime(Instant::from_millisecond(at.millis()).unwrap_or(edge))
}

fn moment(at: DateTime) -> Timestamp {
    Timestamp::from_millis(Offset::UTC.to_timestamp(at).unwrap_or(Instant::MAX).as_millisecond())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::at;

    #[test]
    fn months_keep_the_time_of_day_and_stop_at_the_months_last_day() {
        for (from, months, after) in [
            ("2026-01-15T08:30:00Z", 2, "2026-03-15T08:30:00Z"),
            ("2025-12-31T23:59:59.999Z", 2, "2026-02-28T23:59:59.999Z"),
            ("2028-02-29T00:00:00Z", 12, "2029-02-28T00:00:00Z"),
            ("2026-07-14T00:00:00Z", 24, "2028-07-14T00:00:00Z"),
        ] {
            assert_eq!(months_after(at(from), months), at(after), "{from}");
        }
    }

    #[test]
    fn a_period_ends_with_the_day_of_the_same_date() {
        for (event, months, end) in [
            // An ordinary Thursday: any hour of the day ends the same.
            ("2026-02-12T00:00:00Z", 1, "2026-03-12T23:59:59.999Z"),
            ("2026-02-12T23:59:59.999Z", 1, "2026-03-12T23:59:59.999Z"),
            // No such date: the month's last day, also in a leap year.
            ("2024-12-31T12:00:00Z", 2, "2025-02-28T23:59:59.999Z"),
            ("2027-12-31T12:00:00Z", 2, "2028-02-29T23:59:59.999Z"),
            ("2027-12-29T12:00:00Z", 2, "2028-02-29T23:59:59.999Z"),
            // Saturday 28 February 2026 and Sunday 15 March 2026 move to Monday, also across a month's end.
            ("2025-12-30T12:00:00Z", 2, "2026-03-02T23:59:59.999Z"),
            ("2026-01-15T12:00:00Z", 2, "2026-03-16T23:59:59.999Z"),
        ] {
            assert_eq!(end_of_period(at(event), months), at(end), "{event}");
        }
    }

    #[test]
    fn no_period_ends_at_a_weekend_or_before_an_earlier_one() {
        let mut event = at("2023-12-01T12:00:00Z");
        let mut last = Timestamp::default();
        for _ in 0..8 * 366 {
            let end = end_of_period(event, 2);
            assert!(!matches!(civil(end).date().weekday(), Weekday::Saturday | Weekday::Sunday), "{event}");
            assert!(end >= last, "{event}");
            last = end;
            event = event.plus(Duration::from_hours(24));
        }
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for edge in [i64::MIN, i64::MAX] {
            let edge = Timestamp::from_millis(edge);
            assert!(end_of_period(edge, 2) >= months_after(edge, 1));
        }
    }
}
