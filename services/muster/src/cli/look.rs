//! How things look in a terminal: aligned tables, short times with the time left, and colour where it helps and may be.

use std::{fmt, time::Duration};

use muster_domain::kernel::Timestamp;

/// What text is written with: the moment that times are told from, and whether there is colour.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// What the realm's clock shows.
    pub now: Timestamp,
    /// Whether the terminal shows colour and nobody minds.
    pub colour: bool,
}

/// How much a text stands out. Colour alone says nothing: the words say it too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Like any other.
    #[default]
    Plain,
    /// Less than others.
    Quiet,
    /// A heading.
    Strong,
    /// All is well.
    Good,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Bad,
}

impl Look {
    /// The text in its tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Quiet => "2",
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
        };
        if self.colour && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// How far away a moment is: `in 3 h 12 min`, `12 min ago`, `now`.
    pub fn away(self, at: Timestamp) -> String {
        let (left, gone) = (at.since(self.now), self.now.since(at));
        if left < A_SECOND && gone < A_SECOND {
            "now".to_owned()
        } else if gone.is_zero() {
            format!("in {}", span(left))
        } else {
            format!("{} ago", span(gone))
        }
    }

    /// A moment and how far away it is: `2026-02-10 07:00Z (in 3 h 12 min)`.
    pub fn moment(self, at: Timestamp) -> String {
        format!("{} ({})", short(at), self.away(at))
    }
}

const A_SECOND: Duration = Duration::from_secs(1);

/// A moment to the minute, in UTC, which the `Z` says.
pub fn short(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_at_checked(16) {
        Some((minute, _)) => minute.replace('T', " ") + "Z",
        None => text,
    }
}

/// A span in its two largest units: `3 d 4 h`, `3 h 12 min`, `12 min`, `40 s`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, 1.., _) => two(hours, "h", minutes % 60, "min"),
        (1.., _, _) => two(days, "d", hours % 24, "h"),
    }
}

/// One cell of a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

/// A cell that stands out.
pub fn toned(tone: Tone, text: impl Into<String>) -> Cell {
    Cell { text: text.into(), tone }
}

/// Rows under headings, every column as wide as its widest cell.
#[derive(Clone, Debug)]
pub struct Table {
    look: Look,
    rows: Vec<Vec<Cell>>,
    least: Vec<usize>,
}

impl Table {
    /// A table with these headings.
    pub fn new<const N: usize>(look: Look, headings: [&str; N]) -> Self {
        let headings = headings.map(|heading| toned(Tone::Quiet, heading.to_uppercase()));
        Self { look, rows: vec![headings.into()], least: Vec::new() }
    }

    /// A table without headings.
    pub fn bare(look: Look) -> Self {
        Self { look, rows: Vec::new(), least: Vec::new() }
    }

    /// One row whose columns are at least so wide: rows that are told one by one stand below one another.
    pub fn one<const N: usize>(look: Look, cells: [Cell; N], least: [usize; N]) -> Self {
        Self { look, rows: vec![cells.into()], least: least.into() }
    }

    /// One more row.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = self.least.clone();
        for row in &self.rows {
            for (i, cell) in row.iter().enumerate() {
                let width = cell.text.chars().count();
                match widths.get_mut(i) {
                    Some(widest) => *widest = width.max(*widest),
                    None => widths.push(width),
                }
            }
        }
        for row in &self.rows {
            let last = row.iter().rposition(|cell| !cell.text.is_empty());
            for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
                f.write_str(&self.look.paint(cell.tone, &cell.text))?;
                match last {
                    Some(last) if i < last => write!(f, "{:1$}  ", "", width - cell.text.chars().count())?,
                    Some(_) | None => break,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
