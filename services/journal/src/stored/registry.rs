//! What the registry wrote.

use muster_api::event::v1;
use muster_domain::registry::events::*;

use super::keep::*;

events! { RealmEvent {
    "registry.realm.opened" 1 => Opened { 0: realm } in RealmOpened;
}}

events! { HospitalEvent {
    "registry.hospital.registered" 1 => Registered { 0: hospital } in HospitalRegistered;
    "registry.hospital.amended" 1 => Amended { 0: hospital } in HospitalAmended;
}}

events! { AuthorityEvent {
    "registry.authority.registered" 1 => Registered { 0: authority } in AuthorityRegistered;
    "registry.authority.amended" 1 => Amended { 0: authority } in AuthorityAmended;
}}

events! { ProviderEvent {
    "registry.provider.enrolled" 1 => Enrolled { 0: provider } in ProviderEnrolled;
    "registry.provider.amended" 1 => Amended { 0: provider } in ProviderAmended;
    "registry.provider.suspension-proposed" 1 =>
        SuspensionProposed { reason, by, lapses_at: lapses_at_unix_ms } in ProviderSuspensionProposed;
    "registry.provider.suspended" 1 => Suspended { reason, proposed_by, approved_by } in ProviderSuspended;
    "registry.provider.reinstated" 1 => Reinstated { reason } in ProviderReinstated;
}}

events! { MandateEvent {
    "registry.mandate.signed" 1 => Signed { 0: mandate } in MandateSigned;
    "registry.mandate.countersigned" 1 => Countersigned {} in MandateCountersigned;
    "registry.mandate.revoked" 1 => Revoked { reason } in MandateRevoked;
}}

events! { RequirementEvent {
    "registry.requirement.set" 1 => Set { 0: requirement } in RequirementSet;
}}

events! { ThirdCountryEvent {
    "registry.third-country.authorised" 1 => Authorised { 0: act } in ThirdCountryAuthorised;
    "registry.third-country.repealed" 1 => Repealed { reference } in ThirdCountryRepealed;
}}

events! { CatalogueEvent {
    "registry.catalogue.extended" 1 => Extended { 0: services } in CatalogueExtended;
}}

messages! {
    Realm { id, clock }
    Hospital { id, name, member_state, nuts, kind, annex, category, size }
    Authority { id, name, kind, country, spoc }
    Provider {
        id, name, established_in, controlled_from, contracts, languages, certificates, clearances, health_references,
        conflicts,
    }
    Contract { id, from: from_unix_ms, until: until_unix_ms, services, member_states, capacity, mobilisation }
    Capacity { teams, onsite_teams, person_days, pre_committed_days }
    Mobilisation { remote: remote_ms, onsite_home: onsite_home_ms, onsite_abroad: onsite_abroad_ms }
    Certificate { name, expires: expires_unix_ms }
    Conflict { scope, reference, reason, effect }
    Mandate { id, hospital, authority, spoc, from: from_unix_ms, until: until_unix_ms }
    NationalRequirement {
        member_state, certificates_any_of, essential_only, eu_control, clearance,
    }
    CouncilAct { country, reference, from: from_unix_ms, until: until_unix_ms, days_max }
    ServiceEntry { id, name, source }
}

one_of! { RealmClock in realm_clock {
    ;
    System {} in SystemClock,
    Exercise { starts_at: starts_at_unix_ms, started: started_unix_ms, speed } in ExerciseClock
}}

kept_as_text!(codes: Annex, AuthorityKind, Category, ConflictEffect, ConflictScope, Size);
