//! Every event that may stand in the log, by the aggregate that wrote it.

use crate::{
    dispatch::events::DeskEvent,
    eligibility::events::{AssessmentEvent, PolicyEvent},
    intake::events::RequestEvent,
    registry::events::{
        AuthorityEvent, CatalogueEvent, HospitalEvent, MandateEvent, ProviderEvent, RealmEvent, RequirementEvent,
        ThirdCountryEvent,
    },
};

macro_rules! events {
    ($($(#[$doc:meta])* $kind:ident($event:ty),)*) => {
        /// An event of any aggregate.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event { $($(#[$doc])* $kind($event),)* }

        $(impl From<$event> for Event {
            fn from(event: $event) -> Self {
                Self::$kind(event)
            }
        }

        impl TryFrom<Event> for $event {
            type Error = Event;

            fn try_from(event: Event) -> Result<Self, Event> {
                if let Event::$kind(event) = event { Ok(event) } else { Err(event) }
            }
        })*
    };
}

events! {
    /// The realm.
    Realm(RealmEvent),
    /// A hospital's record.
    Hospital(HospitalEvent),
    /// An authority's record.
    Authority(AuthorityEvent),
    /// A provider's record.
    Provider(ProviderEvent),
    /// A standing mandate.
    Mandate(MandateEvent),
    /// A Member State's requirement.
    Requirement(RequirementEvent),
    /// A third country's access.
    ThirdCountry(ThirdCountryEvent),
    /// The service catalogue.
    Catalogue(CatalogueEvent),
    /// A request.
    Request(RequestEvent),
    /// An assessment.
    Assessment(AssessmentEvent),
    /// The policy.
    Policy(PolicyEvent),
    /// The desk.
    Desk(DeskEvent),
}
