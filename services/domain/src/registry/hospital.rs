//! A hospital's record: registered once, then replaced as a whole.

use crate::{
    check::Violations,
    kernel::{Aggregate, Corrupt, Received, rejections},
    registry::events::{Hospital, HospitalEvent},
};

/// What may be asked of a hospital's record.
#[derive(Clone, Debug)]
pub enum Command {
    /// Put it on record, or replace what is on record.
    Register(Hospital),
}

rejections! {
    /// Why a hospital's record is refused.
    Rejection {
        /// Fields are wrong.
        Record(violations: Violations) = Invalid[violations] "HOSPITAL_INVALID";
            "Art 15(5)(a): information on the entity affected";
            "the record cannot stand: {violations}";
            "correct these fields and send it again; nothing was recorded";
    }
}

impl Aggregate for Hospital {
    type State = Option<Self>;
    type Command = Command;
    type Event = HospitalEvent;
    type Rejection = Rejection;

    fn decide(state: &Option<Self>, command: Command, _: &Received) -> Result<Vec<HospitalEvent>, Rejection> {
        match command {
            Command::Register(hospital) => register(state.as_ref(), hospital),
        }
    }

    fn evolve(state: &mut Option<Self>, event: &HospitalEvent) -> Result<(), Corrupt> {
        match event {
            HospitalEvent::Registered(hospital) if state.is_none() => *state = Some(hospital.clone()),
            HospitalEvent::Amended(hospital) if state.is_some() => *state = Some(hospital.clone()),
            HospitalEvent::Registered(hospital) | HospitalEvent::Amended(hospital) => {
                return Err(Corrupt(format!(
                    "hospital {} registered twice, or amended before it was registered",
                    hospital.id
                )));
            }
        }
        Ok(())
    }
}

fn register(state: Option<&Hospital>, hospital: Hospital) -> Result<Vec<HospitalEvent>, Rejection> {
    check(&hospital).or_refuse(Rejection::Record)?;
    match state {
        None => Ok(vec![HospitalEvent::Registered(hospital)]),
        Some(known) if *known == hospital => Ok(vec![]),
        Some(_) => Ok(vec![HospitalEvent::Amended(hospital)]),
    }
}

fn check(hospital: &Hospital) -> Violations {
    let mut wrong = Violations::none();
    wrong.named("hospital.name", "Art 15(5)(a)", &hospital.name);
    wrong.line("hospital.kind", &hospital.kind);
    let (nuts, country) = (&hospital.nuts, hospital.member_state);
    let says = format_args!("is {nuts}, which does not lie in {country}");
    wrong.require(nuts.is_in(country), "hospital.nuts", "Art 15(5)(a)", says);
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codes::Nuts,
        kernel::{FieldViolation, Role},
        registry::events::{Annex, Category, Size},
        testing::{Answer, Scenario, actor, at, country, id},
    };

    fn hospital() -> Hospital {
        Hospital {
            id: id!(HospitalId, "chu-rouen"),
            name: "CHU de Rouen".to_owned(),
            member_state: country("FR"),
            nuts: Nuts::parse("FRD22").unwrap(),
            kind: "university-hospital".to_owned(),
            annex: Annex::One,
            category: Category::Essential,
            size: Size::Large,
        }
    }

    fn register(history: impl IntoIterator<Item = HospitalEvent>, hospital: Hospital) -> Answer<Hospital> {
        let operator = actor(Role::Operator, "operator-1");
        Scenario::given(history).when(Command::Register(hospital), operator, at("2026-02-10T07:00:00Z"))
    }

    #[test]
    fn a_new_hospital_is_registered() {
        register([], hospital()).then([HospitalEvent::Registered(hospital())]);
    }

    #[test]
    fn the_same_record_again_is_nothing_new() {
        register([HospitalEvent::Registered(hospital())], hospital()).then_nothing();
    }

    #[test]
    fn another_record_replaces_the_one_before() {
        let larger = Hospital { size: Size::Medium, ..hospital() };
        register([HospitalEvent::Registered(hospital())], larger.clone()).then([HospitalEvent::Amended(larger)]);
    }

    #[test]
    fn its_region_lies_in_its_country_and_its_name_is_said() {
        let wrong = Hospital { name: " ".to_owned(), member_state: country("BE"), ..hospital() };
        let Err(Rejection::Record(violations)) = super::register(None, wrong) else { panic!("not refused") };
        let expected = [("hospital.name", "is blank"), ("hospital.nuts", "is FRD22, which does not lie in BE")];
        let field = |(field, says): (&str, &str)| FieldViolation {
            field: field.to_owned(),
            rule: "Art 15(5)(a)",
            says: says.to_owned(),
        };
        assert_eq!(violations.into_fields(), expected.map(field));
    }

    #[test]
    fn a_history_out_of_order_is_corrupt() {
        assert!(Hospital::evolve(&mut None, &HospitalEvent::Amended(hospital())).is_err());
        assert!(Hospital::evolve(&mut Some(hospital()), &HospitalEvent::Registered(hospital())).is_err());
    }
}
