//! A third country's access to the Reserve: one Council act after another, each for a year at most (Art 19(4)).

use crate::{
    calendar::months_after,
    check::Violations,
    kernel::{Aggregate, Corrupt, Received, Timestamp, rejections},
    registry::events::{CouncilAct, ThirdCountryEvent},
};

/// The longest period of an act (Art 19(4)).
pub const MONTHS_MAX: u8 = 12;
/// The lowest cap that an act may set on days of support for one request (Art 19(4)).
pub const DAYS_CAP_MIN: u32 = 75;

/// Every act on one third country, in the order of their adoption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThirdCountry {
    acts: Vec<Act>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Act {
    act: CouncilAct,
    repealed: bool,
}

impl ThirdCountry {
    /// The act in force at `at`.
    pub fn act_in_force(&self, at: Timestamp) -> Option<&CouncilAct> {
        self.standing().find(|act| act.from <= at && at < act.until)
    }

    fn standing(&self) -> impl Iterator<Item = &CouncilAct> {
        self.acts.iter().filter(|act| !act.repealed).map(|act| &act.act)
    }

    fn find(&self, reference: &str) -> Option<&Act> {
        self.acts.iter().find(|act| act.act.reference == reference)
    }
}

/// What may be asked of a third country's access.
#[derive(Clone, Debug)]
pub enum Command {
    /// An act opens the Reserve.
    Authorise(CouncilAct),
    /// An act is repealed.
    Repeal {
        /// Its reference.
        reference: String,
    },
}

rejections! {
    /// Why a third country's access refuses.
    Rejection {
        /// Fields are wrong.
        Act(violations: Violations) = Invalid[violations] "COUNCIL_ACT_INVALID";
            "Art 19(4)";
            "the act cannot stand: {violations}";
            "correct these fields and send it again; nothing was recorded";
        /// The reference is another act's.
        ReferenceTaken(reference: String) = AlreadyExists "COUNCIL_ACT_REFERENCE_TAKEN";
            "Art 19(4)";
            "act {reference} is on record with other terms";
            "an amending act has a reference of its own: repeal this one and authorise that one";
        /// Two acts would be in force at once.
        Overlaps(reference: String) = Precondition "COUNCIL_ACT_OVERLAPS";
            "Art 19(4)";
            "its period overlaps that of act {reference}";
            "repeal that act first, or let this one begin when that one ends";
        /// There is no such act.
        NotFound(reference: String) = NotFound "COUNCIL_ACT_NOT_FOUND";
            "Art 19(4)";
            "there is no act {reference} on this country";
            "check the reference";
        /// It was repealed.
        AlreadyRepealed(reference: String) = Precondition "COUNCIL_ACT_REPEALED";
            "Art 19(4)";
            "act {reference} was repealed";
            "authorise by the act that follows it, under its own reference";
    }
}

type Answer = Result<Vec<ThirdCountryEvent>, Rejection>;

impl Aggregate for ThirdCountry {
    type State = Self;
    type Command = Command;
    type Event = ThirdCountryEvent;
    type Rejection = Rejection;

    fn decide(state: &Self, command: Command, _: &Received) -> Answer {
        match command {
            Command::Authorise(act) => authorise(state, act),
            Command::Repeal { reference } => repeal(state, reference),
        }
    }

    fn evolve(state: &mut Self, event: &ThirdCountryEvent) -> Result<(), Corrupt> {
        match event {
            ThirdCountryEvent::Authorised(act) => state.acts.push(Act { act: act.clone(), repealed: false }),
            ThirdCountryEvent::Repealed { reference } => {
                let act = state.acts.iter_mut().find(|act| act.act.reference == *reference);
                act.ok_or_else(|| Corrupt(format!("unknown act {reference} repealed")))?.repealed = true;
            }
        }
        Ok(())
    }
}

fn authorise(state: &ThirdCountry, act: CouncilAct) -> Answer {
    match state.find(&act.reference) {
        Some(known) if known.repealed => Err(Rejection::AlreadyRepealed(act.reference)),
        Some(known) if known.act == act => Ok(vec![]),
        Some(_) => Err(Rejection::ReferenceTaken(act.reference)),
        None => {
            check(&act).or_refuse(Rejection::Act)?;
            match state.standing().find(|other| act.from < other.until && other.from < act.until) {
                Some(other) => Err(Rejection::Overlaps(other.reference.clone())),
                None => Ok(vec![ThirdCountryEvent::Authorised(act)]),
            }
        }
    }
}

fn repeal(state: &ThirdCountry, reference: String) -> Answer {
    match state.find(&reference) {
        None => Err(Rejection::NotFound(reference)),
        Some(act) if act.repealed => Ok(vec![]),
        Some(_) => Ok(vec![ThirdCountryEvent::Repealed { reference }]),
    }
}

fn check(act: &CouncilAct) -> Violations {
    let mut wrong = Violations::none();
    let abroad = !act.country.is_member_state();
    let says = format_args!("is {}, a Member State: its own authorities are users", act.country);
    wrong.require(abroad, "act.country", "Art 14(3)(a)", says);
    wrong.named("act.reference", "Art 19(4)", &act.reference);
    wrong.period("act.until", "Art 19(4)", act.from, act.until);
    let says = format_args!("is {}, more than one year after {}", act.until, act.from);
    wrong.require(act.until <= months_after(act.from, MONTHS_MAX), "act.until", "Art 19(4)", says);
    if let Some(days) = act.days_max {
        let says = format_args!("is {days}, and a cap is not below {DAYS_CAP_MIN} days");
        wrong.require(days >= DAYS_CAP_MIN, "act.days_max", "Art 19(4)", says);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::Role,
        testing::{Scenario, actor, at, country},
    };

    fn act(reference: &str, from: &str, until: &str) -> CouncilAct {
        CouncilAct {
            country: country("MD"),
            reference: reference.to_owned(),
            from: at(from),
            until: at(until),
            days_max: Some(75),
        }
    }

    fn first() -> CouncilAct {
        act("(EU) 2025/1458", "2025-07-18T00:00:00Z", "2026-07-18T00:00:00Z")
    }

    fn renewal() -> CouncilAct {
        act("renewal", "2026-07-18T00:00:00Z", "2027-07-18T00:00:00Z")
    }

    fn ask(
        history: impl IntoIterator<Item = ThirdCountryEvent>,
        command: Command,
    ) -> crate::testing::Answer<ThirdCountry> {
        Scenario::given(history).when(command, actor(Role::Commission, "commission-1"), at("2026-02-10T07:00:00Z"))
    }

    fn repeal(act: &CouncilAct) -> Command {
        Command::Repeal { reference: act.reference.clone() }
    }

    fn repealed(act: &CouncilAct) -> ThirdCountryEvent {
        ThirdCountryEvent::Repealed { reference: act.reference.clone() }
    }

    #[test]
    fn an_act_opens_the_reserve_for_its_period_and_a_renewal_follows_without_a_gap() {
        let scenario = ask([ThirdCountryEvent::Authorised(first())], Command::Authorise(renewal()))
            .then([ThirdCountryEvent::Authorised(renewal())]);
        for (moment, act) in [
            ("2025-07-17T23:59:59.999Z", None),
            ("2025-07-18T00:00:00Z", Some(first())),
            ("2026-07-17T23:59:59.999Z", Some(first())),
            ("2026-07-18T00:00:00Z", Some(renewal())),
            ("2027-07-18T00:00:00Z", None),
        ] {
            assert_eq!(scenario.state().act_in_force(at(moment)), act.as_ref(), "{moment}");
        }
    }

    #[test]
    fn a_repealed_act_opens_nothing_and_does_not_come_back() {
        let scenario = ask([ThirdCountryEvent::Authorised(first())], repeal(&first())).then([repealed(&first())]);
        assert_eq!(scenario.state().act_in_force(at("2026-01-01T00:00:00Z")), None);
        let history = || [ThirdCountryEvent::Authorised(first()), repealed(&first())];
        ask(history(), Command::Authorise(first())).refused(Rejection::AlreadyRepealed(first().reference));
        let successor = CouncilAct { reference: "successor".to_owned(), ..first() };
        ask(history(), Command::Authorise(successor.clone())).then([ThirdCountryEvent::Authorised(successor)]);
    }

    #[test]
    fn the_same_act_or_repeal_again_is_nothing_new() {
        ask([ThirdCountryEvent::Authorised(first())], Command::Authorise(first())).then_nothing();
        ask([ThirdCountryEvent::Authorised(first()), repealed(&first())], repeal(&first())).then_nothing();
    }

    #[test]
    fn an_act_keeps_its_terms_and_no_two_are_in_force_at_once() {
        let history = || [ThirdCountryEvent::Authorised(first())];
        let rewritten = CouncilAct { days_max: None, ..first() };
        ask(history(), Command::Authorise(rewritten)).refused(Rejection::ReferenceTaken(first().reference));
        let early = CouncilAct { from: at("2026-07-17T23:59:59.999Z"), until: at("2027-07-01T00:00:00Z"), ..renewal() };
        ask(history(), Command::Authorise(early)).refused(Rejection::Overlaps(first().reference));
        ask(history(), repeal(&renewal())).refused(Rejection::NotFound(renewal().reference));
    }

    #[test]
    fn an_act_is_for_a_third_country_for_a_year_and_caps_no_lower_than_75_days() {
        assert_eq!(check(&first()), Violations::none());
        assert_eq!(check(&CouncilAct { days_max: None, ..first() }), Violations::none());
        let wrong = CouncilAct {
            country: country("FR"),
            reference: String::new(),
            until: at("2026-07-18T00:00:00.001Z"),
            days_max: Some(74),
            ..first()
        };
        let violations = check(&wrong);
        let fields: Vec<_> = violations.fields().iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["act.country", "act.reference", "act.until", "act.days_max"]);
        let empty = check(&CouncilAct { until: first().from, ..first() });
        assert_eq!(empty.fields().len(), 1);
    }

    #[test]
    fn the_repeal_of_an_unknown_act_is_corrupt() {
        assert!(ThirdCountry::evolve(&mut ThirdCountry::default(), &repealed(&first())).is_err());
    }
}
