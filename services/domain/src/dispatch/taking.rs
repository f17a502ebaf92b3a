//! Which facts of other contexts the desk takes in, and as what.

use crate::{
    codes::Country,
    dispatch::desk::Command,
    eligibility::events::{AssessmentEvent, PolicyEvent},
    event::Event,
    intake::events::RequestEvent,
    kernel::{ProviderId, RequestId},
    registry::events::{ProviderEvent, RequirementEvent, ThirdCountryEvent},
};

/// Reads one fact; `id` names the aggregate that wrote it.
pub fn command(event: &Event, id: &str) -> Option<Command> {
    let suspension =
        |suspended| ProviderId::parse(id).ok().map(|provider| Command::TakeSuspension { provider, suspended });
    match event {
        Event::Provider(ProviderEvent::Enrolled(provider) | ProviderEvent::Amended(provider)) => {
            Some(Command::TakeProvider(provider.clone()))
        }
        Event::Provider(ProviderEvent::Suspended { .. }) => suspension(true),
        Event::Provider(ProviderEvent::Reinstated { .. }) => suspension(false),
        Event::Requirement(RequirementEvent::Set(requirement)) => Some(Command::TakeRequirement(requirement.clone())),
        Event::ThirdCountry(ThirdCountryEvent::Authorised(act)) => Some(Command::TakeCouncilAct(act.clone())),
        Event::ThirdCountry(ThirdCountryEvent::Repealed { reference }) => {
            let country = Country::parse(&id.to_ascii_uppercase()).ok()?;
            Some(Command::TakeRepeal { country, reference: reference.clone() })
        }
        Event::Policy(PolicyEvent::PutInForce { policy, .. }) => Some(Command::TakePolicy(policy.clone())),
        Event::Assessment(AssessmentEvent::Decided { terms: Some(terms), case, key, .. }) => {
            Some(Command::TakeGrant { case: case.clone(), terms: terms.clone(), key: key.clone() })
        }
        Event::Assessment(AssessmentEvent::Overridden { key, .. }) => Some(Command::TakePriority(key.clone())),
        Event::Request(RequestEvent::Withdrawn { .. }) => RequestId::parse(id).ok().map(Command::TakeWithdrawal),
        Event::Realm(_)
        | Event::Hospital(_)
        | Event::Authority(_)
        | Event::Provider(ProviderEvent::SuspensionProposed { .. })
        | Event::Mandate(_)
        | Event::Policy(PolicyEvent::Proposed { .. })
        | Event::Assessment(_)
        | Event::Catalogue(_)
        | Event::Request(_)
        | Event::Desk(_) => None,
    }
}
