//! Looking through what somebody declares. All that is wrong is told at once, each with its field and rule: nobody mends
//! a form ten times in the worst night of their working life.

use std::fmt;

use crate::kernel::{FieldViolation, Timestamp};
pub use crate::patients::patient_data;

/// The most characters of a name, reference or other single line.
pub const LINE_CHARS_MAX: usize = 200;
/// The most characters of a note.
pub const NOTE_CHARS_MAX: usize = 2_000;
/// The most entries of a list.
pub const ENTRIES_MAX: usize = 50;

/// The rule behind every bound.
pub const BOUNDS: &str = "house rule: bounded input";
/// The rule behind what tells of a patient: data concerning health.
const PATIENTS: &str = "GDPR Art 9(1)";
const EUCI: &str = "Decisions (EU, Euratom) 2019/1961 and 2019/1962";

/// Markings of classified information in words, by level, French and English.
const EUCI_WORDS: [&str; 8] = [
    "TRES SECRET UE",
    "EU TOP SECRET",
    "SECRET UE",
    "EU SECRET",
    "CONFIDENTIEL UE",
    "EU CONFIDENTIAL",
    "RESTREINT UE",
    "EU RESTRICTED",
];

/// The same markings, abbreviated.
const EUCI_ABBREVIATIONS: [&str; 8] = ["TS-UE", "EU-TS", "S-UE", "EU-S", "C-UE", "EU-C", "R-UE", "EU-R"];

/// Whether a character is not seen but changes how others are read: marks of direction and of no width (Unicode TR36). With
/// them a name may look like another.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The first EU classification marking in `text`, in any case, with or without accents and hyphens.
pub fn euci_marking(text: &str) -> Option<&'static str> {
    let holds = |text: &str, marking: &str| text.contains(marking) && text.contains(&format!(" {marking} "));
    let text = plain(text);
    // An abbreviation needs its hyphen: `EU C` is too common in prose.
    let abbreviation = EUCI_ABBREVIATIONS.into_iter().find(|marking| holds(&text, marking));
    abbreviation.or_else(|| {
        let words = text.replace('-', " ");
        EUCI_WORDS.into_iter().find(|marking| holds(&words, marking))
    })
}

/// `text` in capitals without accents, its words and hyphens alone, one space around every word.
pub(crate) fn plain(text: &str) -> String {
    let plain: String = text
        .chars()
        // Neither an apostrophe nor a combining accent divides words: `EU's` is not `EU S`.
        .filter(|c| !matches!(c, '\'' | '’' | '\u{300}'..='\u{36f}'))
        .flat_map(char::to_uppercase)
        .map(|c| match c {
            'È' | 'É' | 'Ê' => 'E',
            '\u{2010}' | '\u{2011}' => '-',
            c if c.is_alphanumeric() || c == '-' => c,
            _ => ' ',
        })
        .collect();
    format!(" {} ", plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// All that is wrong with one declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Nothing wrong so far.
    pub fn none() -> Self {
        Self::default()
    }

    /// Unless `holds`, `field` breaks `rule`.
    pub fn require(&mut self, holds: bool, field: impl fmt::Display, rule: &'static str, says: impl fmt::Display) {
        if !holds {
            self.0.push(FieldViolation { field: field.to_string(), rule, says: says.to_string() });
        }
    }

    /// A single line that may be blank.
    pub fn line(&mut self, field: impl fmt::Display, text: &str) {
        self.text(field, text, LINE_CHARS_MAX, char::is_control);
    }

    /// A single line that `rule` needs.
    pub fn named(&mut self, field: impl fmt::Display, rule: &'static str, text: &str) {
        self.require(!text.trim().is_empty(), &field, rule, "is blank");
        self.line(field, text);
    }

    /// Words of any number of lines that may be blank.
    pub fn note(&mut self, field: impl fmt::Display, text: &str) {
        self.prose(field, text, NOTE_CHARS_MAX);
    }

    /// The same, with a bound of its own.
    pub fn prose(&mut self, field: impl fmt::Display, text: &str, chars_max: usize) {
        self.text(field, text, chars_max, |c| c.is_control() && c != '\n');
    }

    /// A list that is not too long.
    pub fn entries(&mut self, field: impl fmt::Display, count: usize) {
        let says = format_args!("has {count} entries, more than {ENTRIES_MAX}");
        self.require(count <= ENTRIES_MAX, field, BOUNDS, says);
    }

    /// A number within bounds, the highest included.
    pub fn at_most(&mut self, field: impl fmt::Display, count: u32, most: u32) {
        self.require(count <= most, field, BOUNDS, format_args!("is {count}, more than {most}"));
    }

    /// A period that ends after it begins.
    pub fn period(&mut self, field: impl fmt::Display, rule: &'static str, from: Timestamp, until: Timestamp) {
        self.require(from < until, field, rule, format_args!("ends at {until}, not after it begins at {from}"));
    }

    fn text(&mut self, field: impl fmt::Display, text: &str, chars_max: usize, unwanted: fn(char) -> bool) {
        let chars = text.chars().count();
        let long = format_args!("has {chars} characters, more than {chars_max}");
        self.require(chars <= chars_max, &field, BOUNDS, long);
        self.require(!text.contains(unwanted), &field, BOUNDS, "has control characters");
        self.require(!text.contains(is_unseen), &field, BOUNDS, "has characters that nobody sees");
        self.unclassified(&field, text);
        self.no_patient(field, text);
    }

    /// Text without an EU classification marking: Muster is not accredited to hold what such a marking protects.
    pub fn unclassified(&mut self, field: impl fmt::Display, text: &str) {
        if let Some(marking) = euci_marking(text) {
            self.require(false, field, EUCI, format_args!("is marked {marking}: send a pointer, not the content"));
        }
    }

    /// Text that names no patient: nobody needs to know who lies in a ward to send a team there.
    pub fn no_patient(&mut self, field: impl fmt::Display, text: &str) {
        if let Some(label) = patient_data(text) {
            self.require(false, field, PATIENTS, format_args!("tells a patient's {label}: send counts, not people"));
        }
    }

    /// What is wrong, field by field.
    pub fn fields(&self) -> &[FieldViolation] {
        &self.0
    }

    /// What is wrong, field by field.
    pub fn into_fields(self) -> Vec<FieldViolation> {
        self.0
    }

    /// Refuses if anything is wrong.
    pub fn or_refuse<R>(self, rejection: impl FnOnce(Self) -> R) -> Result<(), R> {
        if self.0.is_empty() { Ok(()) } else { Err(rejection(self)) }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.0.iter().enumerate() {
            let divider = if i == 0 { "" } else { "; " };
            write!(f, "{divider}{violation}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markings_are_found_however_they_are_written() {
        for (text, marking) in [
            ("RESTREINT UE/EU RESTRICTED", "RESTREINT UE"),
            ("see annex (R-UE/EU-R)", "R-UE"),
            ("très secret ue", "TRES SECRET UE"),
            ("tre\u{300}s secret ue", "TRES SECRET UE"),
            ("Confidentiel-UE", "CONFIDENTIEL UE"),
            ("[SECRET  UE]", "SECRET UE"),
            ("annex_2: eu secret.", "EU SECRET"),
            ("c\u{2011}ue", "C-UE"),
        ] {
            assert_eq!(euci_marking(text), Some(marking), "{text}");
        }
    }

    #[test]
    fn prose_is_not_taken_for_a_marking() {
        for text in
            ["", "the EU's answer", "EU C", "the EU secretariat", "AC-UE", "SECRET", "rue R", "EU-S01", "TLP:RED"]
        {
            assert_eq!(euci_marking(text), None, "{text}");
        }
    }

    #[test]
    fn bounds_count_characters_and_include_the_highest() {
        let wrong = |check: &dyn Fn(&mut Violations)| {
            let mut violations = Violations::none();
            check(&mut violations);
            violations.fields().len()
        };
        assert_eq!(wrong(&|v| v.line("name", &"é".repeat(LINE_CHARS_MAX))), 0);
        assert_eq!(wrong(&|v| v.line("name", &"é".repeat(LINE_CHARS_MAX + 1))), 1);
        assert_eq!(wrong(&|v| v.note("note", &"é".repeat(NOTE_CHARS_MAX))), 0);
        assert_eq!(wrong(&|v| v.note("note", &"é".repeat(NOTE_CHARS_MAX + 1))), 1);
        assert_eq!(wrong(&|v| v.line("name", "Klinik \u{202e}dneirF")), 1, "it would be read backwards");
        assert_eq!(wrong(&|v| v.entries("list", ENTRIES_MAX)), 0);
        assert_eq!(wrong(&|v| v.entries("list", ENTRIES_MAX + 1)), 1);
        assert_eq!(wrong(&|v| v.at_most("teams", 50, 50)), 0);
        assert_eq!(wrong(&|v| v.at_most("teams", 51, 50)), 1);
        assert_eq!(wrong(&|v| v.period("period", "rule", Timestamp::from_millis(1), Timestamp::from_millis(2))), 0);
        assert_eq!(wrong(&|v| v.period("period", "rule", Timestamp::from_millis(1), Timestamp::from_millis(1))), 1);
    }

    #[test]
    fn a_note_may_have_lines_and_a_name_may_not() {
        let mut violations = Violations::none();
        violations.note("note", "one\ntwo");
        assert_eq!(violations, Violations::none());
        violations.line("name", "one\ntwo");
        violations.note("note", "\u{1b}[2J");
        violations.named("name", "Art 15(5)(a)", " \u{a0}");
        assert_eq!(
            violations.to_string(),
            "name has control characters (house rule: bounded input); note has control characters (house rule: bounded \
             input); name is blank (Art 15(5)(a))"
        );
    }
}
