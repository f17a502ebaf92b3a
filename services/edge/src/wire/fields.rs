//! Reading a message: every wrong field is told at once.

use std::{fmt::Display, time::Duration};

use muster_domain::kernel::{FieldViolation, Timestamp};
use muster_runtime::status;
use tonic::Status;

/// The rule behind every field that cannot be read.
const RULE: &str = "the call's description in proto/";

/// One field that cannot be read.
pub fn violation(field: impl Display, says: impl Display) -> FieldViolation {
    FieldViolation { field: field.to_string(), rule: RULE, says: says.to_string() }
}

/// What is wrong with a message so far. Reading goes on after a wrong field, with nothing in its place.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldViolation>);

impl Fields {
    /// A field is wrong.
    pub fn wrong(&mut self, field: impl Display, says: impl Display) {
        self.0.push(violation(field, says));
    }

    /// What the domain finds wrong with a part of the message, each by its own rule.
    pub fn refuse(&mut self, violations: Vec<FieldViolation>) {
        self.0.extend(violations);
    }

    /// A field that must be there.
    pub fn needed<T>(&mut self, field: impl Display, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.wrong(field, "is missing");
        }
        value
    }

    /// A text that is an id or a value of a list; it must be there.
    pub fn parsed<T, E: Display>(
        &mut self,
        field: impl Display,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if text.is_empty() {
            self.wrong(field, "is missing");
            return None;
        }
        parse(text).map_err(|error| self.wrong(field, format!("is wrong: {error}"))).ok()
    }

    /// A text that is an id or a value of a list, or empty for none.
    pub fn optional<T, E: Display>(
        &mut self,
        field: impl Display,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if text.is_empty() { None } else { self.parsed(field, text, parse) }
    }

    /// A list of texts that are ids or values of a list.
    pub fn each<T, E: Display, C: FromIterator<T>>(
        &mut self,
        field: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> C {
        let read = |(i, text): (usize, &String)| self.parsed(format_args!("{field}[{i}]"), text, &parse);
        texts.iter().enumerate().filter_map(read).collect()
    }

    /// A moment that must be there.
    pub fn time(&mut self, field: impl Display, time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
        let time = self.needed(&field, time)?;
        let millis =
            time.seconds.checked_mul(1000).and_then(|millis| millis.checked_add(i64::from(time.nanos) / 1_000_000));
        if millis.is_none() {
            self.wrong(field, "is out of range");
        }
        millis.map(Timestamp::from_millis)
    }

    /// A duration, which must not be negative, in whole milliseconds: as it will stand in the log.
    pub fn duration(&mut self, field: impl Display, duration: prost_types::Duration) -> Option<Duration> {
        let read = Duration::try_from(duration).ok().and_then(|span| u64::try_from(span.as_millis()).ok());
        let read = read.map(Duration::from_millis);
        if read.is_none() {
            self.wrong(field, "is negative or out of range");
        }
        read
    }

    /// What was read, if nothing is wrong.
    pub fn done<T>(self, read: Option<T>) -> Result<T, Status> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            Some(_) | None => Err(status::unreadable(&self.0)),
        }
    }
}

/// One id or value of a list that must be there, alone in its call.
pub fn one<T, E: Display>(field: &str, text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Status> {
    let mut fields = Fields::default();
    let read = fields.parsed(field, text, parse);
    fields.done(read)
}

/// A moment on the wire.
pub fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let millis = at.millis();
    let nanos = i32::try_from(millis.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
    prost_types::Timestamp { seconds: millis.div_euclid(1000), nanos }
}

/// A duration on the wire; one that does not fit is the longest that does.
pub fn duration(span: Duration) -> prost_types::Duration {
    prost_types::Duration::try_from(span).unwrap_or(prost_types::Duration { seconds: i64::MAX, nanos: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_it_will_be_kept() {
        let mut fields = Fields::default();
        let read = fields.duration("duration", prost_types::Duration { seconds: 1, nanos: 2_999_999 });
        assert_eq!(read, Some(Duration::from_millis(1_002)));
        assert_eq!(fields.duration("duration", prost_types::Duration { seconds: 0, nanos: -1 }), None);
    }
}
