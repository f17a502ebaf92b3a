//! Whom to call, and the case in words. It is personal data, which the vault seals outside the log: here it is only looked
//! through before that, once.

use crate::check::Violations;

/// The most characters of the case in words.
pub const NARRATIVE_CHARS_MAX: usize = 10_000;

/// Whom to call, and the case in words; it never stands in an event.
pub struct Contact<'a> {
    /// The person to ask for.
    pub name: &'a str,
    /// Where to write.
    pub email: &'a str,
    /// Where to call.
    pub phone: &'a str,
    /// The case in words.
    pub narrative: &'a str,
}

/// Everything wrong with a contact in the field `at`.
pub fn check(at: &str, contact: &Contact<'_>) -> Violations {
    let mut wrong = Violations::none();
    wrong.line(format_args!("{at}.name"), contact.name);
    wrong.line(format_args!("{at}.email"), contact.email);
    wrong.line(format_args!("{at}.phone"), contact.phone);
    wrong.prose(format_args!("{at}.narrative"), contact.narrative, NARRATIVE_CHARS_MAX);
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTACT: Contact<'_> =
        Contact { name: "duty officer", email: "crisis@elsewhere.example", phone: "+33 2 00 00 00 00", narrative: "" };

    fn wrong(contact: Contact<'_>) -> Vec<String> {
        check("contact", &contact).fields().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_longest_texts_pass() {
        let (line, narrative) = ("é".repeat(200), "é\n".repeat(NARRATIVE_CHARS_MAX / 2));
        let contact = Contact { name: &line, email: &line, phone: &line, narrative: &narrative };
        assert!(wrong(contact).is_empty());
    }

    #[test]
    fn each_rule_names_its_field() {
        let long = "x".repeat(NARRATIVE_CHARS_MAX + 1);
        for (contact, says) in [
            (
                Contact { name: &long, ..CONTACT },
                "contact.name has 10001 characters, more than 200 (house rule: bounded input)",
            ),
            (Contact { email: "a\nb", ..CONTACT }, "contact.email has control characters (house rule: bounded input)"),
            (
                Contact { phone: "EU SECRET", ..CONTACT },
                "contact.phone is marked EU SECRET: send a pointer, not the content (Decisions (EU, Euratom) 2019/1961 \
                 and 2019/1962)",
            ),
            (
                Contact { narrative: &long, ..CONTACT },
                "contact.narrative has 10001 characters, more than 10000 (house rule: bounded input)",
            ),
            (
                Contact { narrative: "all on paper\u{7}", ..CONTACT },
                "contact.narrative has control characters (house rule: bounded input)",
            ),
            (
                Contact { narrative: "Worst case so far:\nDOB 12/03/1961", ..CONTACT },
                "contact.narrative tells a patient's date of birth: send counts, not people (GDPR Art 9(1))",
            ),
        ] {
            assert_eq!(wrong(contact), [says]);
        }
    }
}
