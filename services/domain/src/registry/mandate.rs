//! A standing mandate: two signatures given in quiet times carry a hospital's critical request on at once in bad ones.
//!
//! ```text
//! Sign ─▶ signed ── Countersign ─▶ countersigned: acts in its period
//!            └───────── Revoke ────────┴─▶ revoked
//! ```

use crate::{
    calendar::months_after,
    check::Violations,
    kernel::{Aggregate, AuthorityId, Corrupt, HospitalId, MandateId, Received, SpocId, Timestamp, rejections},
    registry::events::{Authority, Mandate, MandateEvent},
};

/// The longest period of a mandate.
pub const MONTHS_MAX: u8 = 24;

impl Mandate {
    /// Whether its period holds `at`; it acts only if it is countersigned too.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// A mandate's life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nobody signed.
    #[default]
    Absent,
    /// The authority signed.
    Signed(Mandate),
    /// Its single point of contact signed too.
    Countersigned(Mandate),
    /// One of the two took it back.
    Revoked {
        /// The mandate.
        mandate: Mandate,
        /// Why.
        reason: String,
    },
}

impl State {
    /// The mandate, once it is signed.
    pub fn mandate(&self) -> Option<&Mandate> {
        match self {
            Self::Absent => None,
            Self::Signed(mandate) | Self::Countersigned(mandate) | Self::Revoked { mandate, .. } => Some(mandate),
        }
    }

    /// The mandate, if it acts at `at`.
    pub fn acts(&self, at: Timestamp) -> Option<&Mandate> {
        match self {
            Self::Countersigned(mandate) if mandate.covers(at) => Some(mandate),
            Self::Absent | Self::Signed(_) | Self::Countersigned(_) | Self::Revoked { .. } => None,
        }
    }
}

/// Who may take a mandate back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// The authority that signed.
    Authority(AuthorityId),
    /// The single point of contact that countersigned, or was asked to.
    Spoc(SpocId),
}

/// What may be asked of a mandate.
#[derive(Clone, Debug)]
pub enum Command {
    /// The authority signs; by its record its single point of contact is the one to countersign.
    Sign {
        /// The mandate's id.
        id: MandateId,
        /// For which hospital.
        hospital: HospitalId,
        /// The authority's record.
        authority: Authority,
        /// First moment in force, once countersigned.
        from: Timestamp,
        /// First moment no longer in force.
        until: Timestamp,
    },
    /// The single point of contact signs too.
    Countersign {
        /// Which one signs.
        spoc: SpocId,
    },
    /// One of the two takes it back.
    Revoke {
        /// Which.
        by: Party,
        /// Why.
        reason: String,
    },
}

rejections! {
    /// Why a mandate refuses.
    Rejection {
        /// Fields are wrong.
        Fields(violations: Violations) = Invalid[violations] "MANDATE_INVALID";
            "house rule: a mandate is signed for a stated time";
            "the mandate cannot stand: {violations}";
            "correct these fields and sign again; nothing was recorded";
        /// Nobody transmits for the signer.
        NoSpoc(authority: AuthorityId) = Precondition "MANDATE_WITHOUT_SPOC";
            "Art 15(3)";
            "{authority} has no single point of contact that could countersign";
            "submit the hospital's requests yourself: who needs nobody to transmit them needs no mandate";
        /// There is none.
        NotFound = NotFound "MANDATE_NOT_FOUND";
            "house rule: a mandate begins with the authority's signature";
            "there is no such mandate";
            "check the id, or let the authority sign one";
        /// Other words are signed under this id.
        AlreadySigned = AlreadyExists "MANDATE_ALREADY_SIGNED";
            "house rule: what is signed is not rewritten";
            "this mandate is signed with other words";
            "revoke it and sign a new one";
        /// Somebody else countersigns.
        NotTheSpoc(spoc: SpocId) = Denied "MANDATE_NOT_THE_SPOC";
            "Art 15(3)";
            "it is for {spoc} to countersign";
            "ask that single point of contact";
        /// Its period is over.
        Over(until: Timestamp) = Precondition "MANDATE_OVER";
            "house rule: a mandate is signed for a stated time";
            "its period ended at {until}";
            "let the authority sign a new one";
        /// A stranger revokes.
        NotAParty = Denied "MANDATE_NOT_A_PARTY";
            "house rule: who signed may take it back";
            "only the authority and the single point of contact that it names may revoke it";
            "ask one of the two";
        /// It was taken back.
        Revoked(reason: String) = Precondition "MANDATE_REVOKED";
            "house rule: a revoked mandate stays revoked";
            "it is revoked: {reason}";
            "let the authority sign a new one";
    }
}

type Answer = Result<Vec<MandateEvent>, Rejection>;

impl Aggregate for Mandate {
    type State = State;
    type Command = Command;
    type Event = MandateEvent;
    type Rejection = Rejection;

    fn decide(state: &State, command: Command, received: &Received) -> Answer {
        match command {
            Command::Sign { id, hospital, authority: Authority { id: authority, spoc, .. }, from, until } => {
                let spoc = spoc.ok_or_else(|| Rejection::NoSpoc(authority.clone()))?;
                sign(state, Mandate { id, hospital, authority, spoc, from, until }, received)
            }
            Command::Countersign { spoc } => countersign(state, &spoc, received),
            Command::Revoke { by, reason } => revoke(state, &by, reason),
        }
    }

    fn evolve(state: &mut State, event: &MandateEvent) -> Result<(), Corrupt> {
        let next = match event {
            MandateEvent::Signed(mandate) => match state {
                State::Absent => Some(State::Signed(mandate.clone())),
                State::Signed(_) | State::Countersigned(_) | State::Revoked { .. } => None,
            },
            MandateEvent::Countersigned => match state {
                State::Signed(mandate) => Some(State::Countersigned(mandate.clone())),
                State::Absent | State::Countersigned(_) | State::Revoked { .. } => None,
            },
            MandateEvent::Revoked { reason } => match state {
                State::Signed(mandate) | State::Countersigned(mandate) => {
                    Some(State::Revoked { mandate: mandate.clone(), reason: reason.clone() })
                }
                State::Absent | State::Revoked { .. } => None,
            },
        };
        *state =
            next.ok_or_else(|| Corrupt("a mandate is signed, countersigned, revoked, in this order".to_owned()))?;
        Ok(())
    }
}

fn sign(state: &State, mandate: Mandate, received: &Received) -> Answer {
    match state {
        State::Signed(known) | State::Countersigned(known) if *known == mandate => Ok(vec![]),
        State::Signed(_) | State::Countersigned(_) => Err(Rejection::AlreadySigned),
        State::Revoked { reason, .. } => Err(Rejection::Revoked(reason.clone())),
        State::Absent => {
            check(&mandate, received.at).or_refuse(Rejection::Fields)?;
            Ok(vec![MandateEvent::Signed(mandate)])
        }
    }
}

fn countersign(state: &State, spoc: &SpocId, received: &Received) -> Answer {
    match state {
        State::Absent => Err(Rejection::NotFound),
        State::Signed(mandate) | State::Countersigned(mandate) if mandate.spoc != *spoc => {
            Err(Rejection::NotTheSpoc(mandate.spoc.clone()))
        }
        State::Signed(mandate) if mandate.until <= received.at => Err(Rejection::Over(mandate.until)),
        State::Signed(_) => Ok(vec![MandateEvent::Countersigned]),
        State::Countersigned(_) => Ok(vec![]),
        State::Revoked { reason, .. } => Err(Rejection::Revoked(reason.clone())),
    }
}

fn revoke(state: &State, by: &Party, reason: String) -> Answer {
    let mut wrong = Violations::none();
    wrong.named("reason", "house rule: a decision says why", &reason);
    wrong.or_refuse(Rejection::Fields)?;
    match state {
        State::Absent => Err(Rejection::NotFound),
        State::Signed(mandate) | State::Countersigned(mandate) | State::Revoked { mandate, .. }
            if !is_party(mandate, by) =>
        {
            Err(Rejection::NotAParty)
        }
        State::Signed(_) | State::Countersigned(_) => Ok(vec![MandateEvent::Revoked { reason }]),
        State::Revoked { reason: known, .. } if *known == reason => Ok(vec![]),
        State::Revoked { reason: known, .. } => Err(Rejection::Revoked(known.clone())),
    }
}

fn is_party(mandate: &Mandate, by: &Party) -> bool {
    match by {
        Party::Authority(authority) => mandate.authority == *authority,
        Party::Spoc(spoc) => mandate.spoc == *spoc,
    }
}

fn check(mandate: &Mandate, now: Timestamp) -> Violations {
    let mut wrong = Violations::none();
    let (rule, from, until) = ("house rule: at most two years", mandate.from, mandate.until);
    wrong.period("until", rule, from, until);
    wrong.require(now < until, "until", rule, format_args!("is {until}, which is over"));
    let says = format_args!("is {until}, more than two years after {from}");
    wrong.require(until <= months_after(from, MONTHS_MAX), "until", rule, says);
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::Role,
        testing::{Scenario, actor, at, cert_eu, csirt, id},
    };

    const NOW: &str = "2026-02-10T07:00:00Z";

    fn mandate() -> Mandate {
        Mandate {
            id: id!(MandateId, "fr-mandate-1"),
            hospital: id!(HospitalId, "chu-rouen"),
            authority: id!(AuthorityId, "fr-csirt"),
            spoc: id!(SpocId, "fr-spoc"),
            from: at("2026-03-01T00:00:00Z"),
            until: at("2028-03-01T00:00:00Z"),
        }
    }

    fn signed() -> MandateEvent {
        MandateEvent::Signed(mandate())
    }

    fn revoked() -> MandateEvent {
        MandateEvent::Revoked { reason: "the hospital has moved".to_owned() }
    }

    fn ask(
        history: impl IntoIterator<Item = MandateEvent>,
        command: Command,
        moment: &str,
    ) -> crate::testing::Answer<Mandate> {
        Scenario::given(history).when(command, actor(Role::Authority, "person-1"), at(moment))
    }

    fn sign(mandate: Mandate) -> Command {
        sign_as(csirt("FR"), mandate)
    }

    fn sign_as(authority: Authority, Mandate { id, hospital, from, until, .. }: Mandate) -> Command {
        Command::Sign { id, hospital, authority, from, until }
    }

    fn countersign(spoc: &str) -> Command {
        Command::Countersign { spoc: id!(SpocId, spoc) }
    }

    fn revoke(by: Party) -> Command {
        Command::Revoke { by, reason: "the hospital has moved".to_owned() }
    }

    fn parties() -> [Party; 2] {
        [Party::Authority(mandate().authority), Party::Spoc(mandate().spoc)]
    }

    #[test]
    fn a_mandate_acts_in_its_period_once_both_have_signed() {
        let scenario = ask([], sign(mandate()), NOW).then([signed()]);
        assert_eq!(scenario.state().acts(mandate().from), None);
        let scenario = ask([signed()], countersign("fr-spoc"), NOW).then([MandateEvent::Countersigned]);
        for (moment, acts) in [
            ("2026-02-28T23:59:59.999Z", false),
            ("2026-03-01T00:00:00Z", true),
            ("2028-02-29T23:59:59.999Z", true),
            ("2028-03-01T00:00:00Z", false),
        ] {
            assert_eq!(scenario.state().acts(at(moment)).is_some(), acts, "{moment}");
        }
    }

    #[test]
    fn either_party_revokes_and_nothing_acts_or_is_signed_afterwards() {
        for party in parties() {
            ask([signed()], revoke(party.clone()), NOW).then([revoked()]);
            let scenario = ask([signed(), MandateEvent::Countersigned], revoke(party), NOW).then([revoked()]);
            assert_eq!(scenario.state().acts(mandate().from), None);
        }
        let was = || Rejection::Revoked("the hospital has moved".to_owned());
        ask([signed(), revoked()], sign(mandate()), NOW).refused(was());
        ask([signed(), revoked()], countersign("fr-spoc"), NOW).refused(was());
    }

    #[test]
    fn the_same_signature_or_revocation_again_is_nothing_new() {
        let both = || [signed(), MandateEvent::Countersigned];
        ask([signed()], sign(mandate()), NOW).then_nothing();
        ask(both(), sign(mandate()), NOW).then_nothing();
        ask(both(), countersign("fr-spoc"), NOW).then_nothing();
        ask([signed(), revoked()], revoke(parties()[1].clone()), NOW).then_nothing();
    }

    #[test]
    fn what_is_signed_is_not_rewritten_and_what_is_revoked_keeps_its_reason() {
        let longer = Mandate { from: at("2026-04-01T00:00:00Z"), ..mandate() };
        ask([signed()], sign(longer), NOW).refused(Rejection::AlreadySigned);
        let other = Command::Revoke { by: parties()[0].clone(), reason: "another".to_owned() };
        ask([signed(), revoked()], other, NOW).refused(Rejection::Revoked("the hospital has moved".to_owned()));
    }

    #[test]
    fn only_those_named_sign_and_revoke() {
        ask([], sign_as(cert_eu(), mandate()), NOW).refused(Rejection::NoSpoc(cert_eu().id));
        ask([signed()], sign_as(csirt("BE"), mandate()), NOW).refused(Rejection::AlreadySigned);
        ask([signed()], countersign("be-spoc"), NOW).refused(Rejection::NotTheSpoc(mandate().spoc));
        for history in [vec![signed()], vec![signed(), revoked()]] {
            ask(history, revoke(Party::Authority(csirt("BE").id)), NOW).refused(Rejection::NotAParty);
        }
    }

    #[test]
    fn nothing_follows_where_nobody_signed() {
        ask([], countersign("fr-spoc"), NOW).refused(Rejection::NotFound);
        ask([], revoke(parties()[0].clone()), NOW).refused(Rejection::NotFound);
    }

    #[test]
    fn a_mandate_that_is_over_is_not_countersigned() {
        ask([signed()], countersign("fr-spoc"), "2028-02-29T23:59:59.999Z").then([MandateEvent::Countersigned]);
        ask([signed()], countersign("fr-spoc"), "2028-03-01T00:00:00Z").refused(Rejection::Over(mandate().until));
    }

    #[test]
    fn a_mandate_lasts_two_years_at_most_and_is_not_over_when_signed() {
        let until = |until: &str, now: &str| check(&Mandate { until: at(until), ..mandate() }, at(now)).fields().len();
        assert_eq!(until("2028-03-01T00:00:00Z", NOW), 0);
        assert_eq!(until("2028-03-01T00:00:00.001Z", NOW), 1);
        assert_eq!(until("2026-03-01T00:00:00Z", NOW), 1);
        assert_eq!(until("2026-03-02T00:00:00Z", "2026-03-01T23:59:59.999Z"), 0);
        assert_eq!(until("2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z"), 1);
    }

    #[test]
    fn a_history_out_of_order_is_corrupt() {
        let states = [
            (State::Absent, vec![MandateEvent::Countersigned, revoked()]),
            (State::Signed(mandate()), vec![signed()]),
            (State::Countersigned(mandate()), vec![signed(), MandateEvent::Countersigned]),
            (State::Revoked { mandate: mandate(), reason: String::new() }, vec![signed(), revoked()]),
        ];
        for (state, events) in states {
            for event in events {
                assert!(Mandate::evolve(&mut state.clone(), &event).is_err(), "{state:?} {event:?}");
            }
        }
    }
}
