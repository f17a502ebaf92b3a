//! Whether a text tells who a patient is. Only what says so itself is found: a label that patients' files use, and a value
//! beside it. A text that merely speaks of such fields, as any account of a stolen database does, passes.

use crate::check::plain;

/// A label before a number or a date.
struct Label {
    /// Its words.
    words: &'static str,
    /// What it labels.
    tells: &'static str,
    /// The fewest digits of such a value.
    digits: usize,
}

const fn label(words: &'static str, tells: &'static str, digits: usize) -> Label {
    Label { words, tells, digits }
}

/// Labels of numbers and dates. So many digits as a value has at least keep years and counts from being taken for one.
const NUMBERED: [Label; 17] = [
    label("DATE OF BIRTH", "date of birth", 4),
    label("BIRTH DATE", "date of birth", 4),
    label("DOB", "date of birth", 4),
    label("DATE DE NAISSANCE", "date of birth", 4),
    label("GEBURTSDATUM", "date of birth", 4),
    label("MEDICAL RECORD NUMBER", "record number", 5),
    label("MRN", "record number", 5),
    label("PATIENT ID", "id", 4),
    label("PATIENTS ID", "id", 4),
    label("PATIENT NUMBER", "id", 4),
    label("PATIENT NO", "id", 4),
    label("PATIENTENNUMMER", "id", 4),
    label("NHS NUMBER", "health service number", 10),
    label("NIR", "social security number", 13),
    label("NUMERO DE SECURITE SOCIALE", "social security number", 13),
    label("SOCIAL SECURITY NUMBER", "social security number", 9),
    label("SSN", "social security number", 9),
];

/// Labels of a name; prose uses these words too, so that a colon must follow.
const NAMED: [&str; 6] =
    ["PATIENT NAME", "PATIENTS NAME", "NAME OF PATIENT", "NAME OF THE PATIENT", "NOM DU PATIENT", "PATIENTENNAME"];

/// Words that may stand between a label and its value.
const BETWEEN: [&str; 5] = ["NO", "NR", "NUMBER", "IS", "WAS"];

/// How a label is shortened with a full stop that ends no sentence.
const SHORT: [&str; 5] = ["no. ", "No. ", "NO. ", "nr. ", "Nr. "];

/// How many words a value has at most: a French number in its usual groups.
const VALUE_WORDS_MAX: usize = 7;

/// What `text` tells of a patient, if it does: `name`, `date of birth`, and so on.
pub fn patient_data(text: &str) -> Option<&'static str> {
    text.lines().find_map(|line| {
        if names(line) {
            return Some("name");
        }
        // A value belongs to the label beside it, not to one in another sentence, or in another part of its own.
        let line = SHORT.iter().fold(line.to_owned(), |line, short| line.replace(short, " no "));
        line.split([',', ';', '(', ')', '|', '?', '!']).flat_map(|part| part.split(". ")).find_map(numbers)
    })
}

/// Whether the line has the label of a name, a colon, and a word.
fn names(line: &str) -> bool {
    line.match_indices([':', '=']).any(|(at, colon)| {
        let (before, after) = (line.get(..at), line.get(at.saturating_add(colon.len())..));
        let (Some(before), Some(after)) = (before, after) else { return false };
        let before = plain(before);
        after.trim_start().starts_with(char::is_alphabetic)
            && NAMED.iter().any(|label| before.ends_with(&format!(" {label} ")))
    })
}

/// What a number or date in this part of a sentence tells, if its label stands before it.
fn numbers(part: &str) -> Option<&'static str> {
    let part = plain(part);
    NUMBERED.iter().find_map(|label| {
        let spaced = format!(" {} ", label.words);
        let values = part.match_indices(&spaced).filter_map(|(at, found)| part.get(at.saturating_add(found.len())..));
        values.map(digits_beside).any(|digits| digits >= label.digits).then_some(label.tells)
    })
}

/// The digits of the value that the text begins with. A month may be a word.
fn digits_beside(text: &str) -> usize {
    let mut words = text.split(' ').skip_while(|word| BETWEEN.contains(word)).take(VALUE_WORDS_MAX).peekable();
    let digits = |word: &str| word.bytes().filter(u8::is_ascii_digit).count();
    if words.peek().is_none_or(|first| digits(first) == 0) {
        return 0;
    }
    let (mut count, mut month) = (0_usize, false);
    for word in words {
        match digits(word) {
            0 if month || word.len() < 3 => break,
            0 => month = true,
            more => count = count.saturating_add(more),
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_labelled_value_tells_of_a_patient() {
        for (text, tells) in [
            ("Patient name: Erika Muster", "name"),
            ("the patient's name : Jean Exemple", "name"),
            ("NAME OF PATIENT=Doe", "name"),
            ("Nom du patient : Exemple", "name"),
            ("Date of birth: 12/03/1961", "date of birth"),
            ("date of birth 1961-03-12", "date of birth"),
            ("born in town, DOB 12 March 1961", "date of birth"),
            ("DOB=12.3.61", "date of birth"),
            ("(DOB: 01/02/1990)", "date of birth"),
            ("Date de naissance : 12/03/1961", "date of birth"),
            ("MRN: 00471123", "record number"),
            ("MRN #A-471123", "record number"),
            ("MRN No. 00471123", "record number"),
            ("medical record number is 471123", "record number"),
            ("patient ID 4711", "id"),
            ("Patient no. 12345", "id"),
            ("NIR : 1 85 05 78 006 084 36", "social security number"),
            ("SSN 078-05-1120", "social security number"),
            ("the ward is closed\nSSN: 078 05 1120\nthe rest is open", "social security number"),
        ] {
            assert_eq!(patient_data(text), Some(tells), "{text}");
        }
    }

    #[test]
    fn an_account_of_what_was_stolen_passes() {
        for text in [
            "",
            "patient names, dates of birth and SSNs of 12,000 people were copied",
            "columns: patient name, DOB, MRN, SSN, 250000 rows",
            "we lost DOB, 3000 patients wait",
            "we lost the MRN. 20000 records are affected",
            "patient ID system down since 2026-02-10",
            "the MRN 2024 migration stopped",
            "MRN (since 2019-04 in use)",
            "patient identification takes 15 minutes",
            "name of patient portal: MyWard",
            "patients: 300 diverted",
            "patient name:",
            "NIR cameras 1080 are off",
            "date of birth of 12000 patients",
            "lost fields: SSN, MRN\n2026-02-10 08:00 the first alarm",
            "SOUVENIR: 1 85 05 78 006 084 36",
            "call +33 2 32 88 89 90",
        ] {
            assert_eq!(patient_data(text), None, "{text}");
        }
    }
}
