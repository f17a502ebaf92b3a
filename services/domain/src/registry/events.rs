//! What the registry publishes: who there is, what they may do, and the realm itself.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    codes::{Country, Language, Nuts, ServiceId, UnknownCode, code_list},
    kernel::{AuthorityId, ContractId, HospitalId, MandateId, PrincipalId, ProviderId, RealmId, SpocId, Timestamp},
};

/// The realm's first event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealmEvent {
    /// The realm exists from now on.
    Opened(Realm),
}

/// A realm and its clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    /// `live`, or the exercise's name.
    pub id: RealmId,
    /// How its time runs.
    pub clock: RealmClock,
}

/// How a realm's time runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealmClock {
    /// On system time: the one realm that is not an exercise.
    System,
    /// An exercise: at system time `started` its clock showed `starts_at`; since then it runs `speed` times as fast.
    Exercise {
        /// The first moment of the exercise, in its own time.
        starts_at: Timestamp,
        /// System time at that moment.
        started: Timestamp,
        /// At least 1.
        speed: u32,
    },
}

code_list! {
    /// The annex of Directive (EU) 2022/2555 that lists the entity's type.
    Annex, "NIS2 annexes" {
        /// Annex I, sectors of high criticality.
        One = "I",
        /// Annex II, other critical sectors.
        Two = "II",
        /// Neither.
        None = "none",
        /// Not known yet.
        Unknown = "unknown",
    }
}

code_list! {
    /// NIS2 Art 3.
    Category, "NIS2 categories" {
        /// Art 3(1).
        Essential = "essential",
        /// Art 3(2).
        Important = "important",
        /// Neither.
        None = "none",
        /// Not known yet.
        Unknown = "unknown",
    }
}

code_list! {
    /// Size by Recommendation 2003/361/EC.
    Size, "entity sizes" {
        /// Above the medium ceilings.
        Large = "large",
        /// Medium.
        Medium = "medium",
        /// Small or micro.
        Small = "small",
        /// Not known.
        Unknown = "unknown",
    }
}

/// A hospital or other entity affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hospital {
    /// Its id.
    pub id: HospitalId,
    /// The name of the organisation.
    pub name: String,
    /// Where it is.
    pub member_state: Country,
    /// Its region.
    pub nuts: Nuts,
    /// Its kind, e.g. `university-hospital`.
    pub kind: String,
    /// NIS2 annex.
    pub annex: Annex,
    /// NIS2 category.
    pub category: Category,
    /// Size.
    pub size: Size,
}

/// A hospital's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HospitalEvent {
    /// It is on record.
    Registered(Hospital),
    /// Its record was replaced.
    Amended(Hospital),
}

code_list! {
    /// Which user of the Reserve an authority is (Reg. (EU) 2025/38 Art 14(3)).
    AuthorityKind, "authority kinds" {
        /// Art 14(3)(a): a CSIRT of a Member State.
        Csirt = "csirt",
        /// Art 14(3)(a): a cyber crisis management authority.
        CrisisManagement = "cyber-crisis-management-authority",
        /// Art 14(3)(b).
        CertEu = "cert-eu",
        /// Art 14(3)(c): a competent authority of a third country associated to Digital Europe.
        ThirdCountry = "third-country-authority",
    }
}

/// A user of the Reserve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its id.
    pub id: AuthorityId,
    /// The name of the organisation.
    pub name: String,
    /// Which user it is.
    pub kind: AuthorityKind,
    /// Its country; `None` for CERT-EU.
    pub country: Option<Country>,
    /// The single point of contact that transmits its requests; `None` for CERT-EU (Art 15(3)(b)).
    pub spoc: Option<SpocId>,
}

/// An authority's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorityEvent {
    /// It is on record.
    Registered(Authority),
    /// Its record was replaced.
    Amended(Authority),
}

/// The three limits of one contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Teams at work at once, remote or on site.
    pub teams: u32,
    /// Of these, on-site teams at once; an on-site team counts in both.
    pub onsite_teams: u32,
    /// Person-days of the commitment period, pre-committed days included.
    pub person_days: u32,
    /// Days bought ahead (Art 14(2)): part of `person_days`, and used first.
    pub pre_committed_days: u32,
}

/// How soon a provider can start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mobilisation {
    /// To start remotely.
    pub remote: Duration,
    /// To be on site in the country it is established in.
    pub onsite_home: Duration,
    /// To be on site elsewhere.
    pub onsite_abroad: Duration,
}

/// One contract: what a provider may be asked to do in its commitment period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Its id, unique within the provider.
    pub id: ContractId,
    /// First moment in force.
    pub from: Timestamp,
    /// First moment no longer in force.
    pub until: Timestamp,
    /// Services it covers.
    pub services: BTreeSet<ServiceId>,
    /// Where they can be delivered (Art 17(1)(a)).
    pub member_states: BTreeSet<Country>,
    /// Its limits.
    pub capacity: Capacity,
    /// Its times to start.
    pub mobilisation: Mobilisation,
}

/// A certificate and when it ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Certificate {
    /// Its name as national requirements call it.
    pub name: String,
    /// First moment no longer valid; `None` if it does not end.
    pub expires: Option<Timestamp>,
}

code_list! {
    /// What a conflict of interest is about.
    ConflictScope, "conflict scopes" {
        /// One incident.
        Incident = "incident",
        /// One entity affected.
        Entity = "entity",
        /// A kind of entity.
        EntityKind = "entity-kind",
        /// A supplier involved in the incident.
        Supplier = "supplier",
    }
}

code_list! {
    /// What follows from a conflict of interest.
    ConflictEffect, "conflict effects" {
        /// The provider is not asked.
        Exclude = "exclude",
        /// The officer is told.
        Disclose = "disclose",
    }
}

/// A conflict of interest (Art 17(2)(c)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// What it is about.
    pub scope: ConflictScope,
    /// Which one: the incident's reference, the entity's id or name, the kind, the supplier.
    pub reference: String,
    /// Why.
    pub reason: String,
    /// What follows.
    pub effect: ConflictEffect,
}

/// A trusted provider and its terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its id.
    pub id: ProviderId,
    /// The name of the firm.
    pub name: String,
    /// Where it is established.
    pub established_in: Country,
    /// Where it is controlled from.
    pub controlled_from: Country,
    /// Its contracts; their periods do not overlap.
    pub contracts: Vec<Contract>,
    /// Languages it works in.
    pub languages: BTreeSet<Language>,
    /// Its certificates.
    pub certificates: Vec<Certificate>,
    /// Member States for which its personnel are cleared (Art 17(2)(d)).
    pub clearances: BTreeSet<Country>,
    /// References in the health sector (Art 17(2)(g)).
    pub health_references: u32,
    /// Declared conflicts of interest.
    pub conflicts: Vec<Conflict>,
}

/// A provider's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderEvent {
    /// It is in the Reserve.
    Enrolled(Provider),
    /// Its terms were replaced.
    Amended(Provider),
    /// One person asks that it be suspended; nothing follows until another approves.
    SuspensionProposed {
        /// Why.
        reason: String,
        /// Who asks.
        by: PrincipalId,
        /// When the proposal lapses.
        lapses_at: Timestamp,
    },
    /// It gets no new offer from now on; running work goes on.
    Suspended {
        /// Why.
        reason: String,
        /// Who asked.
        proposed_by: PrincipalId,
        /// Who approved.
        approved_by: PrincipalId,
    },
    /// It may be offered work again.
    Reinstated {
        /// Why.
        reason: String,
    },
}

/// A standing mandate: a hospital's critical request goes on at once. What is critical stands beside the bands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mandate {
    /// Its id.
    pub id: MandateId,
    /// For whom.
    pub hospital: HospitalId,
    /// Who endorses by it.
    pub authority: AuthorityId,
    /// Who submits by it.
    pub spoc: SpocId,
    /// First moment in force, once countersigned.
    pub from: Timestamp,
    /// First moment no longer in force.
    pub until: Timestamp,
}

/// A standing mandate's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MandateEvent {
    /// The authority signed: it would endorse.
    Signed(Mandate),
    /// Its single point of contact signed too: it would submit. The mandate can now act.
    Countersigned,
    /// It no longer acts.
    Revoked {
        /// Why.
        reason: String,
    },
}

/// What a Member State requires of whoever works there (Art 17(1)(a), 17(2)(d), 17(2)(i)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NationalRequirement {
    /// Whose requirement.
    pub member_state: Country,
    /// One of these certificates; empty if none is asked. It binds the lead alone.
    pub certificates_any_of: BTreeSet<String>,
    /// Whether it binds only where the entity affected is essential.
    pub essential_only: bool,
    /// Whether the provider must be controlled from the Union.
    pub eu_control: bool,
    /// Whether personnel must be cleared for this Member State.
    pub clearance: bool,
}

/// A Member State's requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequirementEvent {
    /// It is in force from now on.
    Set(NationalRequirement),
}

/// A Council act that opens the Reserve to a third country (Art 19(4)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CouncilAct {
    /// Which country.
    pub country: Country,
    /// Its reference.
    pub reference: String,
    /// First moment in force.
    pub from: Timestamp,
    /// First moment no longer in force: at most one year later.
    pub until: Timestamp,
    /// The most days of support for one request, if it sets a cap; not below 75.
    pub days_max: Option<u32>,
}

/// A third country's access to the Reserve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThirdCountryEvent {
    /// An act is in force for its period.
    Authorised(CouncilAct),
    /// The act was repealed.
    Repealed {
        /// Its reference.
        reference: String,
    },
}

/// A service beyond those Muster knows from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEntry {
    /// Its id.
    pub id: ServiceId,
    /// Its name.
    pub name: String,
    /// Where the id comes from.
    pub source: String,
}

/// The service catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogueEvent {
    /// These services can be asked for too.
    Extended(Vec<ServiceEntry>),
}
