//! What was measured, as people read it: one line per figure, beside its ceiling and its target.

use std::{fmt, time::Duration};

/// What a figure is to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// At least this share of the ceiling.
    Share(f64),
    /// At most this long.
    Within(Duration),
    /// At least so many per second.
    Rate(f64),
    /// Told, not judged.
    None,
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// So many per second.
    Rate(f64),
    /// So long.
    Time(Duration),
    /// So many bytes.
    Bytes(f64),
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was measured.
    pub figure: String,
    /// What came out.
    pub measured: Value,
    /// The raw ceiling of the same run, and what it is; none if there is none.
    pub ceiling: Option<(Value, &'static str)>,
    /// What it is to be.
    pub target: Target,
}

impl Row {
    /// A figure that has neither ceiling nor target.
    pub fn new(figure: impl Into<String>, measured: Value) -> Self {
        Self { figure: figure.into(), measured, ceiling: None, target: Target::None }
    }

    /// With the raw ceiling of the same run.
    #[must_use]
    pub fn beside(self, ceiling: Value, what: &'static str) -> Self {
        Self { ceiling: Some((ceiling, what)), ..self }
    }

    /// With what it is to be.
    #[must_use]
    pub fn target(self, target: Target) -> Self {
        Self { target, ..self }
    }

    /// What was measured, in parts of the ceiling.
    pub fn ratio(&self) -> Option<f64> {
        let (ceiling, _) = self.ceiling?;
        Some(self.measured.number() / ceiling.number())
    }

    /// Whether the target is met; `None` without one.
    pub fn is_met(&self) -> Option<bool> {
        match (self.target, self.measured) {
            (Target::Share(least), _) => self.ratio().map(|ratio| ratio >= least),
            (Target::Within(most), Value::Time(time)) => Some(time <= most),
            (Target::Rate(least), Value::Rate(rate)) => Some(rate >= least),
            (Target::Within(_) | Target::Rate(_), _) | (Target::None, _) => None,
        }
    }
}

impl Value {
    fn number(self) -> f64 {
        match self {
            Self::Rate(rate) => rate,
            Self::Time(time) => time.as_secs_f64(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Rate(rate) if rate >= 10_000.0 => write!(f, "{:.1} k/s", rate / 1000.0),
            Self::Rate(rate) => write!(f, "{rate:.0} /s"),
            Self::Time(time) if time >= Duration::from_secs(10) => write!(f, "{:.1} s", time.as_secs_f64()),
            Self::Time(time) if time >= Duration::from_secs(1) => write!(f, "{:.2} s", time.as_secs_f64()),
            Self::Time(time) if time >= Duration::from_millis(10) => write!(f, "{:.1} ms", millis(time)),
            Self::Time(time) => write!(f, "{:.3} ms", millis(time)),
            Self::Bytes(bytes) if bytes >= 1e6 => write!(f, "{:.1} MB", bytes / 1e6),
            Self::Bytes(bytes) => write!(f, "{bytes:.0} B"),
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Share(least) => write!(f, "≥ {least}"),
            Self::Within(most) if most >= Duration::from_secs(1) => write!(f, "≤ {} s", most.as_secs_f64()),
            Self::Within(most) => write!(f, "≤ {} ms", millis(most)),
            Self::Rate(least) => write!(f, "≥ {:.0} k/s", least / 1000.0),
            Self::None => f.write_str(""),
        }
    }
}

/// All rows, aligned, under their heads.
pub fn table(rows: &[Row]) -> String {
    let heads = ["figure", "measured", "ceiling", "ratio", "target", "met"].map(str::to_owned);
    let cells: Vec<_> = std::iter::once(heads).chain(rows.iter().map(cells)).collect();
    let widths: Vec<_> =
        (0..6).map(|column| cells.iter().map(|row| width(row, column)).max().unwrap_or_default()).collect();
    let line = |row: &[String; 6]| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| {
            let short = width.saturating_sub(cell.chars().count());
            format!("{cell}{}", " ".repeat(short))
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn cells(row: &Row) -> [String; 6] {
    let met = match row.is_met() {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "",
    };
    [
        row.figure.clone(),
        row.measured.to_string(),
        row.ceiling.map(|(ceiling, what)| format!("{ceiling} {what}")).unwrap_or_default(),
        row.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        row.target.to_string(),
        met.to_owned(),
    ]
}

fn width(row: &[String; 6], column: usize) -> usize {
    row.get(column).map_or(0, |cell| cell.chars().count())
}
