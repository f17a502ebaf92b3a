//! Events of the registry and of policies in words, and who did what an event says.

use muster_domain::{
    dispatch::{
        desk::Desk,
        events::{DeskEvent, ReleaseReason, RescindReason},
    },
    eligibility::events::PolicyEvent,
    event::Event,
    kernel::{Actor, Role},
    registry::events::{
        AuthorityEvent, CatalogueEvent, HospitalEvent, MandateEvent, ProviderEvent, RealmClock, RealmEvent,
        RequirementEvent, ThirdCountryEvent,
    },
};

use super::story;

/// Who did what an event says: whoever gave the command, or Muster itself, if it follows from what stands.
pub fn by(event: &Event, actor: &Actor) -> Role {
    if follows(event) { Role::System } else { actor.role }
}

/// Whether an event follows from a command that somebody else may have given about something else.
pub fn follows(event: &Event) -> bool {
    let Event::Desk(event) = event else { return false };
    match event {
        DeskEvent::Rescinded { reason, .. } => *reason != RescindReason::Officer,
        DeskEvent::Released { reason, .. } => match reason {
            ReleaseReason::NotMobilised | ReleaseReason::Withdrawn | ReleaseReason::AccessEnded => true,
            ReleaseReason::Failed | ReleaseReason::Officer => false,
        },
        DeskEvent::Seen { .. }
        | DeskEvent::Accepted { .. }
        | DeskEvent::Declined { .. }
        | DeskEvent::Reopened { .. }
        | DeskEvent::GivenUp { .. }
        | DeskEvent::StageReached { .. }
        | DeskEvent::DaysReported { .. }
        | DeskEvent::Extended { .. }
        | DeskEvent::Completed { .. } => false,
        DeskEvent::ProviderTaken { .. }
        | DeskEvent::RequirementTaken(_)
        | DeskEvent::CouncilActTaken(_)
        | DeskEvent::RepealTaken { .. }
        | DeskEvent::PolicyTaken(_)
        | DeskEvent::GrantTaken { .. }
        | DeskEvent::PriorityTaken { .. }
        | DeskEvent::WithdrawalTaken { .. }
        | DeskEvent::Offered { .. }
        | DeskEvent::Expired { .. }
        | DeskEvent::Lost { .. }
        | DeskEvent::Escalated { .. }
        | DeskEvent::RequestFinished { .. } => true,
    }
}

/// Any event in one sentence.
pub fn sentence(event: &Event, desk: &Desk) -> String {
    story::tell(event, desk).unwrap_or_else(|| match event {
        Event::Realm(RealmEvent::Opened(realm)) => match realm.clock {
            RealmClock::System => format!("realm {} is open, on system time", realm.id),
            RealmClock::Exercise { starts_at, speed, .. } => {
                format!("exercise {} is open: it starts at {starts_at} and runs {speed} times as fast", realm.id)
            }
        },
        Event::Hospital(HospitalEvent::Registered(hospital)) => {
            format!("{} of {} is on record", hospital.name, hospital.member_state)
        }
        Event::Hospital(HospitalEvent::Amended(hospital)) => format!("the record of {} was replaced", hospital.name),
        Event::Authority(AuthorityEvent::Registered(authority)) => {
            format!("{} is on record as {}", authority.name, authority.kind)
        }
        Event::Authority(AuthorityEvent::Amended(authority)) => {
            format!("the record of {} was replaced", authority.name)
        }
        Event::Provider(event) => provider(event),
        Event::Mandate(event) => mandate(event),
        Event::Requirement(RequirementEvent::Set(requirement)) => {
            format!("{} requires something of whoever works there", requirement.member_state)
        }
        Event::ThirdCountry(ThirdCountryEvent::Authorised(act)) => {
            format!("{} opens the Reserve to {} from {} until {}", act.reference, act.country, act.from, act.until)
        }
        Event::ThirdCountry(ThirdCountryEvent::Repealed { reference }) => format!("{reference} was repealed"),
        Event::Catalogue(CatalogueEvent::Extended(services)) => {
            let ids: Vec<_> = services.iter().map(|service| service.id.as_str()).collect();
            format!("these services can be asked for too: {}", ids.join(", "))
        }
        Event::Policy(PolicyEvent::Proposed { policy, by, lapses_at }) => {
            format!("{by} proposes policy {} until {lapses_at}; a second person must approve", policy.version)
        }
        Event::Policy(PolicyEvent::PutInForce { policy, proposed_by, approved_by }) => {
            let version = policy.version;
            format!("policy {version} is in force: {proposed_by} proposed and {approved_by} approved it")
        }
        Event::Desk(DeskEvent::ProviderTaken { provider, suspended }) => {
            let suspended = if *suspended { ", suspended" } else { "" };
            format!("the terms of {} bind from here{suspended}", provider.name)
        }
        Event::Desk(DeskEvent::RequirementTaken(requirement)) => {
            format!("the requirement of {} binds from here", requirement.member_state)
        }
        Event::Desk(DeskEvent::CouncilActTaken(act)) => {
            format!("{} binds from here: the Reserve is open to {} in its time", act.reference, act.country)
        }
        Event::Desk(DeskEvent::RepealTaken { country, reference }) => {
            format!("{reference} no longer opens the Reserve to {country}")
        }
        Event::Desk(DeskEvent::PolicyTaken(policy)) => format!("policy {} binds from here", policy.version),
        // What is about a request has its words in the request's story.
        Event::Request(_) | Event::Assessment(_) | Event::Desk(_) => String::new(),
    })
}

fn provider(event: &ProviderEvent) -> String {
    match event {
        ProviderEvent::Enrolled(provider) => format!("{} is in the Reserve", provider.name),
        ProviderEvent::Amended(provider) => format!("the terms of {} were replaced", provider.name),
        ProviderEvent::SuspensionProposed { reason, by, lapses_at } => {
            format!("{by} proposes to suspend the provider until {lapses_at} ({reason}); a second person must approve")
        }
        ProviderEvent::Suspended { reason, proposed_by, approved_by } => {
            format!("the provider is suspended ({reason}): {proposed_by} proposed and {approved_by} approved it")
        }
        ProviderEvent::Reinstated { reason } => format!("the provider may be offered work again ({reason})"),
    }
}

fn mandate(event: &MandateEvent) -> String {
    match event {
        MandateEvent::Signed(mandate) => {
            format!("{} signed a standing mandate for {}", mandate.authority, mandate.hospital)
        }
        MandateEvent::Countersigned => "the single point of contact signed the mandate too: it can act".to_owned(),
        MandateEvent::Revoked { reason } => format!("the mandate no longer acts ({reason})"),
    }
}
