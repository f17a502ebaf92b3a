//! L4, each subject is one aggregate's own history: only its events stand there, about the thing that the subject names, from
//! its beginning on; policies count up by one.

use std::collections::BTreeSet;

use muster_domain::{
    eligibility::events::{AssessmentEvent, PolicyEvent},
    event::Event,
    registry::events::{
        AuthorityEvent, HospitalEvent, MandateEvent, ProviderEvent, RequirementEvent, ThirdCountryEvent,
    },
};
use muster_journal::port::{Context, Subject};

use super::Violation;
use crate::log::{Entry, commits};

/// Its id.
pub const ID: &str = "L4";

/// Events on a subject that is not theirs, and histories without a beginning.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let mut begun: BTreeSet<&Subject> = BTreeSet::new();
    let mut version = 1_u32;
    let mut found = Vec::new();
    for at in commits(log) {
        for event in &at.commit.events {
            let (context, name) = home(event);
            let mut wrong = Vec::new();
            if at.subject.context() != context || name.is_some_and(|name| name != at.subject.id()) {
                wrong.push("an event of another aggregate".to_owned());
            }
            if begun.insert(at.subject) && !begins(event) {
                wrong.push("the history does not begin at its beginning".to_owned());
            }
            if let Event::Policy(PolicyEvent::PutInForce { policy, .. }) = event {
                if policy.version != version.saturating_add(1) {
                    wrong.push(format!("policy {} follows policy {version}", policy.version));
                }
                version = policy.version;
            }
            let says = wrong.into_iter().map(|says| format!("{}: {says}", at.subject));
            found.extend(says.map(|says| Violation::new(ID, at.position, says)));
        }
    }
    found
}

/// Where an event belongs: whose context, and, if the event tells, under which name.
fn home(event: &Event) -> (Context, Option<String>) {
    let named = |kind: &str, id: &str| (Context::Registry, Some(format!("{kind}-{}", id.to_ascii_lowercase())));
    let somewhere = (Context::Registry, None);
    match event {
        Event::Realm(_) => (Context::Registry, Some("realm".to_owned())),
        Event::Catalogue(_) => (Context::Registry, Some("catalogue".to_owned())),
        Event::Hospital(HospitalEvent::Registered(hospital) | HospitalEvent::Amended(hospital)) => {
            named("hospital", hospital.id.as_str())
        }
        Event::Authority(AuthorityEvent::Registered(authority) | AuthorityEvent::Amended(authority)) => {
            named("authority", authority.id.as_str())
        }
        Event::Provider(ProviderEvent::Enrolled(provider) | ProviderEvent::Amended(provider)) => {
            named("provider", provider.id.as_str())
        }
        Event::Mandate(MandateEvent::Signed(mandate)) => named("mandate", mandate.id.as_str()),
        Event::Requirement(RequirementEvent::Set(requirement)) => {
            named("requirement", requirement.member_state.as_str())
        }
        Event::ThirdCountry(ThirdCountryEvent::Authorised(act)) => named("third-country", act.country.as_str()),
        Event::Provider(_) | Event::Mandate(_) | Event::ThirdCountry(_) => somewhere,
        Event::Request(_) => (Context::Intake, None),
        Event::Assessment(AssessmentEvent::Assessed { key, .. }) => {
            (Context::Eligibility, Some(key.request.as_str().to_owned()))
        }
        Event::Assessment(_) => (Context::Eligibility, None),
        Event::Policy(_) => (Context::Eligibility, Some("policy".to_owned())),
        Event::Desk(_) => (Context::Dispatch, Some("desk".to_owned())),
    }
}

/// Whether an aggregate's history may begin with an event. That of requests, assessments and mandates is D7's.
fn begins(event: &Event) -> bool {
    match event {
        Event::Hospital(event) => matches!(event, HospitalEvent::Registered(_)),
        Event::Authority(event) => matches!(event, AuthorityEvent::Registered(_)),
        Event::Provider(event) => matches!(event, ProviderEvent::Enrolled(_)),
        Event::ThirdCountry(event) => matches!(event, ThirdCountryEvent::Authorised(_)),
        Event::Policy(event) => matches!(event, PolicyEvent::Proposed { .. }),
        Event::Realm(_)
        | Event::Mandate(_)
        | Event::Requirement(_)
        | Event::Catalogue(_)
        | Event::Request(_)
        | Event::Assessment(_)
        | Event::Desk(_) => true,
    }
}
