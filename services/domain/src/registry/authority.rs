//! An authority's record: registered once, then replaced as a whole. What kind of user it is decides where it may act
//! and who transmits its requests.

use crate::{
    check::Violations,
    kernel::{Aggregate, Corrupt, Received, rejections},
    registry::events::{Authority, AuthorityEvent, AuthorityKind},
};

/// What may be asked of an authority's record.
#[derive(Clone, Debug)]
pub enum Command {
    /// Put it on record, or replace what is on record.
    Register(Authority),
}

rejections! {
    /// Why an authority's record is refused.
    Rejection {
        /// Fields are wrong.
        Record(violations: Violations) = Invalid[violations] "AUTHORITY_INVALID";
            "Art 14(3): users of the Reserve";
            "the record cannot stand: {violations}";
            "correct these fields and send it again; nothing was recorded";
    }
}

impl Aggregate for Authority {
    type State = Option<Self>;
    type Command = Command;
    type Event = AuthorityEvent;
    type Rejection = Rejection;

    fn decide(state: &Option<Self>, command: Command, _: &Received) -> Result<Vec<AuthorityEvent>, Rejection> {
        match command {
            Command::Register(authority) => register(state.as_ref(), authority),
        }
    }

    fn evolve(state: &mut Option<Self>, event: &AuthorityEvent) -> Result<(), Corrupt> {
        match event {
            AuthorityEvent::Registered(authority) if state.is_none() => *state = Some(authority.clone()),
            AuthorityEvent::Amended(authority) if state.is_some() => *state = Some(authority.clone()),
            AuthorityEvent::Registered(authority) | AuthorityEvent::Amended(authority) => {
                let id = &authority.id;
                return Err(Corrupt(format!("authority {id} registered twice, or amended before it was registered")));
            }
        }
        Ok(())
    }
}

fn register(state: Option<&Authority>, authority: Authority) -> Result<Vec<AuthorityEvent>, Rejection> {
    check(&authority).or_refuse(Rejection::Record)?;
    match state {
        None => Ok(vec![AuthorityEvent::Registered(authority)]),
        Some(known) if *known == authority => Ok(vec![]),
        Some(_) => Ok(vec![AuthorityEvent::Amended(authority)]),
    }
}

fn check(authority: &Authority) -> Violations {
    let mut wrong = Violations::none();
    wrong.named("authority.name", "Art 14(3)", &authority.name);
    let (country, spoc) = (authority.country, authority.spoc.as_ref());
    match authority.kind {
        AuthorityKind::Csirt | AuthorityKind::CrisisManagement => {
            let home = country.is_some_and(|country| country.is_member_state());
            wrong.require(home, "authority.country", "Art 14(3)(a)", "is not a Member State");
            wrong.require(spoc.is_some(), "authority.spoc", "Art 15(3)(a)", "is missing: it transmits the requests");
        }
        AuthorityKind::CertEu => {
            let says = "is set, and CERT-EU acts for Union entities everywhere";
            wrong.require(country.is_none(), "authority.country", "Art 14(3)(b)", says);
            wrong.require(spoc.is_none(), "authority.spoc", "Art 15(3)(b)", "is set, and CERT-EU submits itself");
        }
        AuthorityKind::ThirdCountry => {
            let abroad = country.is_some_and(|country| !country.is_member_state());
            wrong.require(abroad, "authority.country", "Art 14(3)(c)", "is not a third country");
            wrong.require(spoc.is_some(), "authority.spoc", "Art 19(8)", "is missing: it transmits the requests");
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::Role,
        testing::{Answer, Scenario, actor, at, cert_eu, country, csirt, id},
    };

    fn register(history: impl IntoIterator<Item = AuthorityEvent>, authority: Authority) -> Answer<Authority> {
        let operator = actor(Role::Operator, "operator-1");
        Scenario::given(history).when(Command::Register(authority), operator, at("2026-02-10T07:00:00Z"))
    }

    fn third_country() -> Authority {
        Authority { kind: AuthorityKind::ThirdCountry, country: Some(country("MD")), ..csirt("FR") }
    }

    #[test]
    fn every_kind_of_user_is_registered_with_what_its_route_needs() {
        let crisis = Authority { kind: AuthorityKind::CrisisManagement, ..csirt("NL") };
        for authority in [csirt("FR"), crisis, cert_eu(), third_country()] {
            register([], authority.clone()).then([AuthorityEvent::Registered(authority)]);
        }
    }

    #[test]
    fn the_same_record_again_is_nothing_new_and_another_replaces_it() {
        let renamed = Authority { name: "CERT-FR".to_owned(), ..csirt("FR") };
        register([AuthorityEvent::Registered(csirt("FR"))], csirt("FR")).then_nothing();
        register([AuthorityEvent::Registered(csirt("FR"))], renamed.clone()).then([AuthorityEvent::Amended(renamed)]);
    }

    #[test]
    fn country_and_contact_point_fit_the_kind_of_user() {
        let fr = Some(country("FR"));
        let md = Some(country("MD"));
        let spoc = Some(id!(SpocId, "a-spoc"));
        use AuthorityKind::{CertEu, CrisisManagement, Csirt, ThirdCountry};
        for (kind, country, spoc, wrong) in [
            (Csirt, md, spoc.clone(), vec!["authority.country"]),
            (Csirt, None, None, vec!["authority.country", "authority.spoc"]),
            (CrisisManagement, fr, None, vec!["authority.spoc"]),
            (CertEu, fr, None, vec!["authority.country"]),
            (CertEu, None, spoc.clone(), vec!["authority.spoc"]),
            (ThirdCountry, fr, spoc.clone(), vec!["authority.country"]),
            (ThirdCountry, None, spoc, vec!["authority.country"]),
            (ThirdCountry, md, None, vec!["authority.spoc"]),
        ] {
            let violations = check(&Authority { kind, country, spoc, ..csirt("FR") });
            let fields: Vec<_> = violations.fields().iter().map(|v| v.field.as_str()).collect();
            assert_eq!(fields, wrong, "{kind} {country:?}");
        }
    }

    #[test]
    fn a_history_out_of_order_is_corrupt() {
        assert!(Authority::evolve(&mut None, &AuthorityEvent::Amended(cert_eu())).is_err());
        assert!(Authority::evolve(&mut Some(cert_eu()), &AuthorityEvent::Registered(cert_eu())).is_err());
    }
}
