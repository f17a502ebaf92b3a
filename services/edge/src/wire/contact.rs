//! Whom to call. It is personal data: it is looked through and then sealed as it came, never a part of an event.

use muster_api::r#type::v1;
use muster_domain::intake::contact::{Contact, check};

use super::fields::Fields;

/// Reads whom to call in the field `at`; `None` if it is not there or not fit to be kept, which `fields` then tells.
pub fn read_contact(fields: &mut Fields, at: &str, contact: Option<v1::Contact>) -> Option<v1::Contact> {
    let contact = fields.needed(at, contact)?;
    let v1::Contact { name, email, phone, narrative } = &contact;
    let wrong = check(at, &Contact { name, email, phone, narrative }).into_fields();
    let fit = wrong.is_empty();
    fields.refuse(wrong);
    fit.then_some(contact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::samples;

    fn read(contact: Option<v1::Contact>) -> Result<v1::Contact, Vec<(String, String)>> {
        let mut fields = Fields::default();
        let read = read_contact(&mut fields, "contact", contact);
        samples::told(fields.done(read))
    }

    fn contact() -> v1::Contact {
        v1::Contact {
            name: "duty officer".to_owned(),
            email: "crisis@elsewhere.example".to_owned(),
            phone: "+33 2 00 00 00 00".to_owned(),
            narrative: "All wards are on paper.\nPharmacy is closed.".to_owned(),
        }
    }

    #[test]
    fn whom_to_call_is_kept_as_it_came() {
        assert_eq!(read(Some(contact())), Ok(contact()));
        let told = read(None).unwrap_err();
        assert_eq!(told.first().map(|(field, _)| field.as_str()), Some("contact"));
    }

    #[test]
    fn all_that_is_wrong_with_it_is_told_at_once() {
        let wrong = v1::Contact {
            name: "x".repeat(201),
            email: "a\nb".to_owned(),
            phone: "R-UE".to_owned(),
            narrative: "Ward 3.\nPatient name: Erika Muster".to_owned(),
        };
        let told = read(Some(wrong)).unwrap_err();
        let fields: Vec<_> = told.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["contact.email", "contact.name", "contact.narrative", "contact.phone"]);
        assert!(told[2].1.contains("send counts, not people (GDPR Art 9(1))"), "{told:#?}");
        assert!(!told[2].1.contains("Erika"), "a refusal does not repeat what it refuses: {told:#?}");
    }
}
