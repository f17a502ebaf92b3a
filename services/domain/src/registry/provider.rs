//! A provider's record: its terms, and whether it may be offered work.
//!
//! ```text
//!             ┌──────────── lapses ────────────┐
//!             ▼                                │
//! Enrol ─▶ trusted ── ProposeSuspension ─▶ proposed ── ApproveSuspension, by another ─▶ suspended
//!             ▲                                                                            │
//!             └──────────────────────────────── Reinstate ─────────────────────────────────┘
//! ```

use std::time::Duration;

use crate::{
    check::Violations,
    kernel::{Aggregate, Corrupt, PrincipalId, Received, Timestamp, rejections},
    registry::{
        catalogue::Catalogue,
        events::{Provider, ProviderEvent},
        terms,
    },
};

/// How long a proposed suspension waits for another person.
pub const PROPOSAL_STANDS: Duration = Duration::from_hours(7 * 24);

/// An enrolled provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Its terms in force.
    pub terms: Provider,
    /// Whether it may be offered work.
    pub standing: Standing,
}

/// Whether a provider may be offered work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may; if it was suspended before, why no longer.
    Trusted {
        /// Why it was reinstated.
        reinstated: Option<String>,
    },
    /// It may, until another person approves or the proposal lapses.
    Proposed {
        /// Why it should be suspended.
        reason: String,
        /// Who asked.
        by: PrincipalId,
        /// First moment at which the proposal no longer stands.
        lapses_at: Timestamp,
    },
    /// It may not; running work goes on.
    Suspended {
        /// Why.
        reason: String,
        /// Who asked.
        proposed_by: PrincipalId,
        /// Who approved.
        approved_by: PrincipalId,
    },
}

/// What may be asked of a provider's record.
#[derive(Clone, Debug)]
pub enum Command {
    /// Take it into the Reserve, or replace its terms.
    Enrol {
        /// Its terms.
        terms: Provider,
        /// The services that can be asked for now.
        catalogue: Catalogue,
    },
    /// Ask that it be suspended.
    ProposeSuspension {
        /// Why.
        reason: String,
    },
    /// Suspend it as another person proposed.
    ApproveSuspension,
    /// Let it be offered work again.
    Reinstate {
        /// Why.
        reason: String,
    },
}

rejections! {
    /// Why a provider's record refuses.
    Rejection {
        /// Its terms are wrong.
        Terms(violations: Violations) = Invalid[violations] "PROVIDER_INVALID";
            "Art 17: trusted providers";
            "the terms cannot stand: {violations}";
            "correct these fields and send them again; nothing was recorded";
        /// The reason given is wrong.
        Reason(violations: Violations) = Invalid[violations] "REASON_INVALID";
            "house rule D12: a decision says why";
            "{violations}";
            "say in a few words why";
        /// It is not in the Reserve.
        NotEnrolled = NotFound "PROVIDER_NOT_ENROLLED";
            "Art 2(17)";
            "there is no such provider in the Reserve";
            "check the id, or enrol the provider first";
        /// Another proposal stands.
        AlreadyProposed(by: PrincipalId, lapses_at: Timestamp) = Precondition "SUSPENSION_ALREADY_PROPOSED";
            "house rule D12: two persons";
            "{by} has proposed its suspension; that stands until {lapses_at}";
            "approve that proposal if you are somebody else, or wait until it lapses";
        /// No proposal stands.
        NoProposal = Precondition "NO_SUSPENSION_PROPOSED";
            "house rule D12: two persons";
            "no proposal to suspend it stands: none was made, or it lapsed after seven days";
            "propose the suspension; somebody else then approves it";
        /// The proposer approves.
        SamePerson(by: PrincipalId) = Denied "SAME_PERSON";
            "house rule D12: two persons";
            "{by} proposed the suspension and cannot approve it too";
            "ask another entitled person to approve it";
        /// It is suspended for a reason already.
        AlreadySuspended(reason: String) = Precondition "ALREADY_SUSPENDED";
            "house rule D12: two persons";
            "it is suspended already: {reason}";
            "nothing is left to do; reinstate it first if the reason must change";
        /// It may be offered work.
        NotSuspended = Precondition "NOT_SUSPENDED";
            "house rule D12: two persons";
            "it is not suspended and may be offered work";
            "nothing is left to do; a proposal that nobody approves lapses by itself";
    }
}

type Answer = Result<Vec<ProviderEvent>, Rejection>;

impl Aggregate for Provider {
    type State = Option<Enrolment>;
    type Command = Command;
    type Event = ProviderEvent;
    type Rejection = Rejection;

    fn decide(state: &Option<Enrolment>, command: Command, received: &Received) -> Answer {
        let standing = || state.as_ref().map(|enrolment| &enrolment.standing).ok_or(Rejection::NotEnrolled);
        match command {
            Command::Enrol { terms, catalogue } => enrol(state.as_ref(), terms, &catalogue),
            Command::ProposeSuspension { reason } => propose(standing()?, reason, received),
            Command::ApproveSuspension => approve(standing()?, received),
            Command::Reinstate { reason } => reinstate(standing()?, reason),
        }
    }

    fn evolve(state: &mut Option<Enrolment>, event: &ProviderEvent) -> Result<(), Corrupt> {
        let Some(enrolment) = state else {
            let ProviderEvent::Enrolled(terms) = event else {
                return Err(Corrupt("a provider's history begins with its enrolment".to_owned()));
            };
            *state = Some(Enrolment { terms: terms.clone(), standing: Standing::Trusted { reinstated: None } });
            return Ok(());
        };
        let twice = || Corrupt(format!("provider {} enrolled, suspended or reinstated twice", enrolment.terms.id));
        enrolment.standing = enrolment.standing.after(event).ok_or_else(twice)?;
        if let ProviderEvent::Amended(terms) = event {
            enrolment.terms = terms.clone();
        }
        Ok(())
    }
}

/// A suspension that one person asked for and that another may approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal<'a> {
    /// Why.
    pub reason: &'a str,
    /// Who asks.
    pub by: &'a PrincipalId,
    /// First moment at which it no longer stands.
    pub lapses_at: Timestamp,
}

impl Standing {
    /// The proposal that stands at `at`, if one does.
    pub fn proposal(&self, at: Timestamp) -> Option<Proposal<'_>> {
        match self {
            Self::Proposed { reason, by, lapses_at } if at < *lapses_at => {
                Some(Proposal { reason, by, lapses_at: *lapses_at })
            }
            Self::Trusted { .. } | Self::Proposed { .. } | Self::Suspended { .. } => None,
        }
    }

    /// The standing that an event leads to, if it may come at all.
    fn after(&self, event: &ProviderEvent) -> Option<Self> {
        let suspended = matches!(self, Self::Suspended { .. });
        match event {
            ProviderEvent::Enrolled(_) => None,
            ProviderEvent::Amended(_) => Some(self.clone()),
            ProviderEvent::SuspensionProposed { reason, by, lapses_at } => {
                let (reason, by, lapses_at) = (reason.clone(), by.clone(), *lapses_at);
                (!suspended).then_some(Self::Proposed { reason, by, lapses_at })
            }
            ProviderEvent::Suspended { reason, proposed_by, approved_by } => {
                let (reason, proposed_by, approved_by) = (reason.clone(), proposed_by.clone(), approved_by.clone());
                (!suspended).then_some(Self::Suspended { reason, proposed_by, approved_by })
            }
            ProviderEvent::Reinstated { reason } => {
                suspended.then(|| Self::Trusted { reinstated: Some(reason.clone()) })
            }
        }
    }
}

fn enrol(state: Option<&Enrolment>, terms: Provider, catalogue: &Catalogue) -> Answer {
    terms::check(&terms, catalogue).or_refuse(Rejection::Terms)?;
    match state {
        None => Ok(vec![ProviderEvent::Enrolled(terms)]),
        Some(known) if known.terms == terms => Ok(vec![]),
        Some(_) => Ok(vec![ProviderEvent::Amended(terms)]),
    }
}

fn propose(standing: &Standing, reason: String, received: &Received) -> Answer {
    said(&reason)?;
    if let Some(Proposal { reason: known, by, lapses_at }) = standing.proposal(received.at) {
        let same = known == reason && *by == received.by.principal;
        return if same { Ok(vec![]) } else { Err(Rejection::AlreadyProposed(by.clone(), lapses_at)) };
    }
    match standing {
        Standing::Trusted { .. } | Standing::Proposed { .. } => Ok(vec![ProviderEvent::SuspensionProposed {
            reason,
            by: received.by.principal.clone(),
            lapses_at: received.at.plus(PROPOSAL_STANDS),
        }]),
        Standing::Suspended { reason, .. } => Err(Rejection::AlreadySuspended(reason.clone())),
    }
}

fn approve(standing: &Standing, received: &Received) -> Answer {
    let approver = &received.by.principal;
    if let Some(Proposal { reason, by, .. }) = standing.proposal(received.at) {
        if by == approver {
            return Err(Rejection::SamePerson(by.clone()));
        }
        let (reason, proposed_by, approved_by) = (reason.to_owned(), by.clone(), approver.clone());
        return Ok(vec![ProviderEvent::Suspended { reason, proposed_by, approved_by }]);
    }
    match standing {
        Standing::Trusted { .. } | Standing::Proposed { .. } => Err(Rejection::NoProposal),
        Standing::Suspended { approved_by, .. } if approved_by == approver => Ok(vec![]),
        Standing::Suspended { reason, .. } => Err(Rejection::AlreadySuspended(reason.clone())),
    }
}

fn reinstate(standing: &Standing, reason: String) -> Answer {
    said(&reason)?;
    match standing {
        Standing::Suspended { .. } => Ok(vec![ProviderEvent::Reinstated { reason }]),
        Standing::Trusted { reinstated } if reinstated.as_ref() == Some(&reason) => Ok(vec![]),
        Standing::Trusted { .. } | Standing::Proposed { .. } => Err(Rejection::NotSuspended),
    }
}

fn said(reason: &str) -> Result<(), Rejection> {
    let mut wrong = Violations::none();
    wrong.named("reason", "house rule D12", reason);
    wrong.or_refuse(Rejection::Reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::Role,
        registry::terms::tests::terms,
        testing::{Scenario, actor, at, id},
    };

    const NOW: &str = "2026-02-10T07:00:00Z";
    const LAPSES: &str = "2026-02-17T07:00:00Z";

    fn enrol(terms: Provider) -> Command {
        Command::Enrol { terms, catalogue: Catalogue::default() }
    }

    fn enrolled() -> ProviderEvent {
        ProviderEvent::Enrolled(terms())
    }

    fn proposed() -> ProviderEvent {
        let by = id!(PrincipalId, "officer-1");
        ProviderEvent::SuspensionProposed { reason: "breached".to_owned(), by, lapses_at: at(LAPSES) }
    }

    fn suspended() -> ProviderEvent {
        ProviderEvent::Suspended {
            reason: "breached".to_owned(),
            proposed_by: id!(PrincipalId, "officer-1"),
            approved_by: id!(PrincipalId, "officer-2"),
        }
    }

    fn reinstated() -> ProviderEvent {
        ProviderEvent::Reinstated { reason: "audited".to_owned() }
    }

    fn propose(reason: &str) -> Command {
        Command::ProposeSuspension { reason: reason.to_owned() }
    }

    fn reinstate(reason: &str) -> Command {
        Command::Reinstate { reason: reason.to_owned() }
    }

    fn ask<const N: usize>(
        history: [ProviderEvent; N],
        command: Command,
        who: &str,
        moment: &str,
    ) -> crate::testing::Answer<Provider> {
        Scenario::given(history).when(command, actor(Role::Officer, who), at(moment))
    }

    #[test]
    fn terms_are_enrolled_replaced_as_a_whole_and_the_same_again_is_nothing_new() {
        let larger = Provider { health_references: 12, ..terms() };
        ask([], enrol(terms()), "operator-1", NOW).then([enrolled()]);
        ask([enrolled()], enrol(terms()), "operator-1", NOW).then_nothing();
        ask([enrolled()], enrol(larger.clone()), "operator-1", NOW).then([ProviderEvent::Amended(larger)]);
    }

    #[test]
    fn new_terms_lift_no_suspension() {
        let larger = Provider { health_references: 12, ..terms() };
        let scenario = ask([enrolled(), proposed(), suspended()], enrol(larger), "operator-1", NOW);
        let scenario = scenario.then([ProviderEvent::Amended(Provider { health_references: 12, ..terms() })]);
        let standing = scenario.state().as_ref().map(|enrolment| &enrolment.standing);
        assert!(matches!(standing, Some(Standing::Suspended { .. })));
    }

    #[test]
    fn two_persons_suspend_a_provider() {
        ask([enrolled()], propose("breached"), "officer-1", NOW)
            .then([proposed()])
            .when(Command::ApproveSuspension, actor(Role::Officer, "officer-2"), at(NOW))
            .then([suspended()]);
    }

    #[test]
    fn nobody_approves_their_own_proposal_whatever_they_act_as() {
        let same = Rejection::SamePerson(id!(PrincipalId, "officer-1"));
        let answer = Scenario::<Provider>::given([enrolled(), proposed()]).when(
            Command::ApproveSuspension,
            actor(Role::Commission, "officer-1"),
            at(NOW),
        );
        answer.refused(same);
    }

    #[test]
    fn a_proposal_stands_for_seven_days() {
        let history = || [enrolled(), proposed()];
        let by = id!(PrincipalId, "officer-1");
        let last = "2026-02-17T06:59:59.999Z";
        ask(history(), Command::ApproveSuspension, "officer-2", last).then([suspended()]);
        ask(history(), propose("another"), "officer-1", last)
            .refused(Rejection::AlreadyProposed(by.clone(), at(LAPSES)));
        ask(history(), propose("breached"), "officer-2", last).refused(Rejection::AlreadyProposed(by, at(LAPSES)));
        ask(history(), Command::ApproveSuspension, "officer-2", LAPSES).refused(Rejection::NoProposal);
        let anew = ProviderEvent::SuspensionProposed {
            reason: "another".to_owned(),
            by: id!(PrincipalId, "officer-2"),
            lapses_at: at("2026-02-24T07:00:00Z"),
        };
        ask(history(), propose("another"), "officer-2", LAPSES).then([anew]);
    }

    #[test]
    fn a_suspended_provider_is_reinstated_with_a_reason() {
        let history = || [enrolled(), proposed(), suspended()];
        ask(history(), reinstate("audited"), "officer-1", NOW).then([reinstated()]);
        ask(history(), propose("another"), "officer-1", NOW)
            .refused(Rejection::AlreadySuspended("breached".to_owned()));
        ask(history(), Command::ApproveSuspension, "officer-3", NOW)
            .refused(Rejection::AlreadySuspended("breached".to_owned()));
    }

    #[test]
    fn only_what_was_asked_for_can_be_approved_and_only_what_is_suspended_reinstated() {
        ask([enrolled()], Command::ApproveSuspension, "officer-2", NOW).refused(Rejection::NoProposal);
        ask([enrolled()], reinstate("audited"), "officer-2", NOW).refused(Rejection::NotSuspended);
        ask([enrolled(), proposed()], reinstate("audited"), "officer-2", NOW).refused(Rejection::NotSuspended);
        let back = [enrolled(), proposed(), suspended(), reinstated()];
        ask(back, reinstate("another"), "officer-2", NOW).refused(Rejection::NotSuspended);
    }

    #[test]
    fn the_same_word_again_is_nothing_new() {
        ask([enrolled(), proposed()], propose("breached"), "officer-1", NOW).then_nothing();
        ask([enrolled(), proposed(), suspended()], Command::ApproveSuspension, "officer-2", NOW).then_nothing();
        ask([enrolled(), proposed(), suspended(), reinstated()], reinstate("audited"), "officer-2", NOW).then_nothing();
    }

    #[test]
    fn nothing_is_asked_of_a_stranger_and_nothing_without_a_reason() {
        for command in [propose("breached"), Command::ApproveSuspension, reinstate("audited")] {
            ask([], command, "officer-1", NOW).refused(Rejection::NotEnrolled);
        }
        for command in [propose(" "), reinstate("")] {
            let answer = Provider::decide(
                &Some(Enrolment { terms: terms(), standing: Standing::Trusted { reinstated: None } }),
                command,
                &Received { at: at(NOW), by: actor(Role::Officer, "officer-1") },
            );
            assert!(matches!(answer, Err(Rejection::Reason(_))), "{answer:?}");
        }
    }

    #[test]
    fn a_history_out_of_order_is_corrupt() {
        for history in [
            vec![proposed()],
            vec![enrolled(), enrolled()],
            vec![enrolled(), reinstated()],
            vec![enrolled(), proposed(), suspended(), proposed()],
        ] {
            let mut state = None;
            let outcome: Result<(), _> = history.iter().try_for_each(|event| Provider::evolve(&mut state, event));
            assert!(outcome.is_err(), "{history:?}");
        }
    }
}
