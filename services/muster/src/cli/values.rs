//! Values as they are written on the command line.

use std::{str::FromStr, time::Duration};

use muster_api::r#type::v1::{Position, read_at};
use muster_domain::kernel::{Actor, PrincipalId, RequestId, Role, Timestamp};
use muster_edge::wire::fields::timestamp;

/// Reads `ROLE:ID`.
pub fn actor(text: &str) -> Result<Actor, String> {
    let (role, id) = text.split_once(':').ok_or("write ROLE:ID, e.g. provider:s01")?;
    let role = Role::parse(role).map_err(|error| error.to_string())?;
    if role == Role::System {
        return Err("nobody calls as muster itself".to_owned());
    }
    Ok(Actor { role, principal: PrincipalId::parse(id).map_err(|error| error.to_string())? })
}

/// A place in the log, written `sequence.index`, or `sequence` for the first commit of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub Position);

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sequence, index) = text.split_once('.').unwrap_or((text, "0"));
        match (sequence.parse(), index.parse()) {
            (Ok(sequence), Ok(index)) => Ok(Self(Position { sequence, index })),
            _ => Err("write a position, e.g. 57.0".to_owned()),
        }
    }
}

/// A moment to look at: a place in the log or a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AsOf(pub read_at::AsOf);

impl FromStr for AsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(Place(position)) = text.parse() {
            return Ok(Self(read_at::AsOf::Position(position)));
        }
        let time = time(text).map_err(|_| "write a position, e.g. 57.0, or a time, e.g. 2026-02-10T07:00:00Z")?;
        Ok(Self(read_at::AsOf::Time(timestamp(time))))
    }
}

/// Reads a time (RFC 3339).
pub fn time(text: &str) -> Result<Timestamp, String> {
    let time: jiff::Timestamp = text.parse().map_err(|_| "write a time, e.g. 2026-02-10T07:00:00Z")?;
    Ok(Timestamp::from_millis(time.as_millisecond()))
}

/// Reads a length of time: `14d`, `36h`, `90min`, or several together; a day is 24 hours.
pub fn length(text: &str) -> Result<Duration, String> {
    const SAYS: &str = "write a length of time, e.g. 14d, 36h or 90min";
    let (mut total, mut rest) = (Duration::ZERO, text.trim());
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, more) = rest.split_at_checked(digits).ok_or(SAYS)?;
        let letters = more.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, more) = more.split_at_checked(letters).ok_or(SAYS)?;
        let seconds = match unit {
            "d" => 86_400,
            "h" => 3_600,
            "m" | "min" => 60,
            "s" => 1,
            _ => return Err(SAYS.to_owned()),
        };
        let number: u64 = number.parse().map_err(|_| SAYS)?;
        let part = number.checked_mul(seconds).ok_or(SAYS)?;
        total = total.checked_add(Duration::from_secs(part)).ok_or(SAYS)?;
        rest = more.trim_start();
    }
    if total.is_zero() { Err(SAYS.to_owned()) } else { Ok(total) }
}

/// A moment, or how long from then on: `2026-03-01T00:00:00Z` or `+14d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// At this time.
    Time(Timestamp),
    /// So long after what it is counted from.
    After(Duration),
}

impl Until {
    /// The moment, counted from `from`.
    pub fn from(self, from: Timestamp) -> Timestamp {
        match self {
            Self::Time(time) => time,
            Self::After(length) => from.plus(length),
        }
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('+') {
            Some(rest) => Ok(Self::After(length(rest)?)),
            None => time(text).map(Self::Time).map_err(|says| format!("{says}, or how long, e.g. +14d")),
        }
    }
}

/// A request, as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestName {
    /// By its short number, e.g. `R-12`.
    Number(String),
    /// By its id.
    Id(String),
}

impl FromStr for RequestName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix("R-").or_else(|| text.strip_prefix("r-"));
        if let Some(digits) = number.filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())) {
            return Ok(Self::Number(format!("R-{digits}")));
        }
        match RequestId::parse(text) {
            Ok(_) => Ok(Self::Id(text.to_owned())),
            Err(_) => Err("write a request's number, e.g. R-12, or its id".to_owned()),
        }
    }
}

impl RequestName {
    /// As it is sent and shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Number(text) | Self::Id(text) => text,
        }
    }
}

/// A package, as people name it: its id, or its request's number and its own, e.g. `R-12-p1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackageName {
    /// By its request's short number and what follows it, e.g. `R-12` and `-p1`.
    OfNumber(RequestName, String),
    /// By its id.
    Id(String),
}

impl FromStr for PackageName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((request, number)) = text.rsplit_once("-p")
            && let Ok(name @ RequestName::Number(_)) = request.parse()
        {
            return Ok(Self::OfNumber(name, format!("-p{number}")));
        }
        match RequestId::parse(text) {
            Ok(_) => Ok(Self::Id(text.to_owned())),
            Err(_) => Err("write a package's id, e.g. R-12-p1".to_owned()),
        }
    }
}

/// `WHAT=REASON`.
pub fn cut(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((what, reason)) if !what.is_empty() && !reason.trim().is_empty() => {
            Ok((what.to_owned(), reason.to_owned()))
        }
        _ => Err("write WHAT=REASON, e.g. person_days='enough for a first look'".to_owned()),
    }
}

/// Bands (a) to (e), e.g. `4-3-2-2-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bands(pub Vec<u32>);

impl FromStr for Bands {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bands: Result<Vec<u32>, _> = text.split(['-', ',']).map(str::parse).collect();
        match bands {
            Ok(bands) if bands.len() == 5 && bands.iter().all(|band| *band <= 4) => Ok(Self(bands)),
            Ok(_) | Err(_) => Err("write five bands from 0 to 4 for (a) to (e), e.g. 4-3-2-2-1".to_owned()),
        }
    }
}

/// Says yes or no.
pub fn yes_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("write yes or no".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_a_role_and_an_id() {
        let provider = actor("provider:s01").unwrap();
        assert_eq!((provider.role, provider.principal.as_str()), (Role::Provider, "s01"));
        for wrong in ["s01", "provider:", "provider:S01", "minister:x", "system:muster", ""] {
            assert!(actor(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_is_a_position_or_a_time() {
        let place = |sequence, index| Place(Position { sequence, index });
        assert_eq!("57.3".parse(), Ok(place(57, 3)));
        assert_eq!("57".parse(), Ok(place(57, 0)));
        assert_eq!("57.3".parse(), Ok(AsOf(read_at::AsOf::Position(Position { sequence: 57, index: 3 }))));
        let time = prost_types::Timestamp { seconds: 1_770_706_800, nanos: 0 };
        assert_eq!("2026-02-10T07:00:00Z".parse(), Ok(AsOf(read_at::AsOf::Time(time))));
        for wrong in ["yesterday", "57.x", "-1", "2026-02-10"] {
            assert!(wrong.parse::<AsOf>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_of_time_add_up() {
        for (text, seconds) in
            [("14d", 14 * 86_400), ("36h", 129_600), ("90min", 5_400), ("1h30m", 5_400), ("1d 1s", 86_401)]
        {
            assert_eq!(length(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "14", "d", "14w", "0d", "-1d", "99999999999999999999d"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
        let from = time("2026-02-10T07:00:00Z").unwrap();
        assert_eq!("+1d".parse::<Until>().unwrap().from(from), time("2026-02-11T07:00:00Z").unwrap());
        assert_eq!("2026-03-01T00:00:00Z".parse::<Until>().unwrap().from(from), time("2026-03-01T00:00:00Z").unwrap());
        assert!("1d".parse::<Until>().is_err(), "how much longer begins with +");
    }

    #[test]
    fn requests_and_packages_are_named_by_number_or_id() {
        assert_eq!("r-12".parse(), Ok(RequestName::Number("R-12".to_owned())));
        assert_eq!("R-12".parse(), Ok(RequestName::Number("R-12".to_owned())));
        assert_eq!("3f1c-77aa".parse(), Ok(RequestName::Id("3f1c-77aa".to_owned())));
        for wrong in ["", "R-", "R-x", "Rouen", "r 12"] {
            assert!(wrong.parse::<RequestName>().is_err(), "{wrong}");
        }
        let number = RequestName::Number("R-12".to_owned());
        assert_eq!("R-12-p1".parse(), Ok(PackageName::OfNumber(number, "-p1".to_owned())));
        assert_eq!("3f1c-p2".parse(), Ok(PackageName::Id("3f1c-p2".to_owned())));
        assert!("R-12".parse::<PackageName>().is_err());
    }

    #[test]
    fn bands_and_cuts_are_written_as_they_are_shown() {
        assert_eq!("4-3-2-2-1".parse(), Ok(Bands(vec![4, 3, 2, 2, 1])));
        assert_eq!("4,3,2,2,1".parse(), Ok(Bands(vec![4, 3, 2, 2, 1])));
        for wrong in ["4-3-2-2", "4-3-2-2-5", "a-3-2-2-1", ""] {
            assert!(wrong.parse::<Bands>().is_err(), "{wrong}");
        }
        assert_eq!(cut("person_days=less = enough"), Ok(("person_days".to_owned(), "less = enough".to_owned())));
        for wrong in ["person_days", "=why", "person_days= "] {
            assert!(cut(wrong).is_err(), "{wrong}");
        }
    }
}
