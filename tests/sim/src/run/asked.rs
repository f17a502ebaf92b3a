//! What anybody may ask of any aggregate, and one command on its way through the product's own execution.

use std::{any::Any, rc::Rc};

use muster_domain::{
    dispatch::desk,
    eligibility::{
        assessment::{self, Assessment},
        events::Policy,
        policy,
    },
    event::Event,
    intake::{
        phase::Phase,
        request::{self, Request},
    },
    kernel::{Aggregate, Timestamp},
    registry::{
        authority, catalogue,
        catalogue::Catalogue,
        events::{Authority, Hospital, Mandate, NationalRequirement, Provider, Realm},
        hospital, mandate, provider, realm, requirement, third_country,
        third_country::ThirdCountry,
    },
};
use muster_journal::{
    engine::{
        Meta,
        entity::Entity,
        executor::{Execution, Next, Told},
    },
    port::Subject,
};
use uuid::Uuid;

/// A command to some aggregate.
#[derive(Clone, Debug)]
pub enum Command {
    /// To the realm.
    Realm(realm::Command),
    /// To an authority's record.
    Authority(authority::Command),
    /// To a hospital's record.
    Hospital(hospital::Command),
    /// To a provider's record.
    Provider(Box<provider::Command>),
    /// To a mandate.
    Mandate(mandate::Command),
    /// To a Member State's requirement.
    Requirement(requirement::Command),
    /// To a third country's access.
    ThirdCountry(third_country::Command),
    /// To the catalogue of services.
    Catalogue(catalogue::Command),
    /// To the policy.
    Policy(policy::Command),
    /// To a request.
    Request(Box<request::Command>),
    /// To an assessment.
    Assessment(Box<assessment::Command>),
    /// To the desk.
    Desk(Box<desk::Command>),
}

/// What a process remembers of an aggregate: an `Entity` of its kind.
pub type Known = Rc<dyn Any>;

/// One command on its way.
pub trait Running {
    /// The first step.
    fn start(&mut self, now: Timestamp) -> Next;
    /// The next step.
    fn step(&mut self, told: Told, now: Timestamp) -> Next;
    /// What it knows of the aggregate in the end, and up to which record.
    fn into_known(self: Box<Self>) -> (u64, Known);
}

impl<A: Aggregate + 'static> Running for Execution<A>
where
    A::Event: TryFrom<Event> + Into<Event>,
{
    fn start(&mut self, now: Timestamp) -> Next {
        Execution::start(self, now)
    }

    fn step(&mut self, told: Told, now: Timestamp) -> Next {
        Execution::step(self, told, now)
    }

    fn into_known(self: Box<Self>) -> (u64, Known) {
        let entity = self.into_entity();
        (entity.sequence, Rc::new(entity))
    }
}

fn begin<A: Aggregate + 'static>(
    subject: Subject,
    command: A::Command,
    meta: Meta,
    known: Option<&Known>,
    id: Uuid,
) -> Box<dyn Running>
where
    A::Event: TryFrom<Event> + Into<Event>,
{
    let entity = known.and_then(|known| known.downcast_ref::<Entity<A>>()).cloned();
    Box::new(Execution::<A>::new(subject, command, meta, entity, id))
}

/// The first word of something as Rust shows it.
pub fn word(of: &impl std::fmt::Debug) -> String {
    let shown = format!("{of:?}");
    shown.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

/// Where a request stands, in words.
pub fn request_state(request: &Option<Request>) -> String {
    match request.as_ref().map(|request| &request.phase) {
        None => "request absent".to_owned(),
        Some(Phase::Closed(ending)) => format!("request closed as {}", ending.reason()),
        Some(phase) => format!("request {}", word(phase).to_lowercase()),
    }
}

/// Where an assessment stands, in words.
pub fn assessment_state(state: &assessment::State) -> String {
    format!("assessment {}", word(state).to_lowercase())
}

/// In which state a request or an assessment is known to be.
pub fn state(known: &Known) -> Option<String> {
    let request = known.downcast_ref::<Entity<Request>>().map(|entity| request_state(&entity.state));
    request.or_else(|| known.downcast_ref::<Entity<Assessment>>().map(|entity| assessment_state(&entity.state)))
}

impl Command {
    /// Who is asked.
    pub const fn asks(&self) -> &'static str {
        match self {
            Self::Realm(_) => "the realm",
            Self::Authority(_) => "an authority",
            Self::Hospital(_) => "a hospital",
            Self::Provider(_) => "a provider",
            Self::Mandate(_) => "a mandate",
            Self::Requirement(_) => "a requirement",
            Self::ThirdCountry(_) => "a third country",
            Self::Catalogue(_) => "the catalogue",
            Self::Policy(_) => "the policy",
            Self::Request(_) => "a request",
            Self::Assessment(_) => "an assessment",
            Self::Desk(_) => "the desk",
        }
    }

    /// What is asked, in a word.
    pub fn word(&self) -> String {
        match self {
            Self::Realm(command) => word(command),
            Self::Authority(command) => word(command),
            Self::Hospital(command) => word(command),
            Self::Provider(command) => word(command),
            Self::Mandate(command) => word(command),
            Self::Requirement(command) => word(command),
            Self::ThirdCountry(command) => word(command),
            Self::Catalogue(command) => word(command),
            Self::Policy(command) => word(command),
            Self::Request(command) => word(command),
            Self::Assessment(command) => word(command),
            Self::Desk(command) => word(command),
        }
    }

    /// Sets out with what is known of the aggregate; the desk's commands go to its writer instead.
    pub fn begin(self, subject: Subject, meta: Meta, known: Option<&Known>, id: Uuid) -> Option<Box<dyn Running>> {
        Some(match self {
            Self::Realm(command) => begin::<Realm>(subject, command, meta, known, id),
            Self::Authority(command) => begin::<Authority>(subject, command, meta, known, id),
            Self::Hospital(command) => begin::<Hospital>(subject, command, meta, known, id),
            Self::Provider(command) => begin::<Provider>(subject, *command, meta, known, id),
            Self::Mandate(command) => begin::<Mandate>(subject, command, meta, known, id),
            Self::Requirement(command) => begin::<NationalRequirement>(subject, command, meta, known, id),
            Self::ThirdCountry(command) => begin::<ThirdCountry>(subject, command, meta, known, id),
            Self::Catalogue(command) => begin::<Catalogue>(subject, command, meta, known, id),
            Self::Policy(command) => begin::<Policy>(subject, command, meta, known, id),
            Self::Request(command) => begin::<Request>(subject, *command, meta, known, id),
            Self::Assessment(command) => begin::<Assessment>(subject, *command, meta, known, id),
            Self::Desk(_) => return None,
        })
    }
}
