//! What intake publishes: requests for support on their way to the contracting authority.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    codes::{Country, IncidentType, Language, Nuts, ServiceId, Tlp, UnknownCode, code_list},
    kernel::{AuthorityId, HospitalId, MandateId, RequestId, SpocId, SubjectRef, Timestamp},
    registry::events::{Annex, AuthorityKind, Category, Size},
};

code_list! {
    /// The incident class that the user claims (Reg. (EU) 2025/38 Art 15(1)).
    IncidentClass, "incident classes" {
        /// NIS2 Art 23(3).
        Significant = "significant",
        /// NIS2 Art 6(7).
        LargeScale = "large-scale",
        /// Art 2(11) to 2(13), for Union entities and third countries.
        LargeScaleEquivalent = "large-scale-equivalent",
    }
}

code_list! {
    /// What the emergency department can take.
    Emergency, "emergency department states" {
        /// As usual.
        Open = "open",
        /// Some patients go elsewhere.
        Restricted = "restricted",
        /// Ambulances go elsewhere.
        Diverted = "diverted",
        /// Nobody is taken.
        Closed = "closed",
        /// There is none.
        NotApplicable = "not-applicable",
        /// Not known yet.
        Unknown = "unknown",
    }
}

code_list! {
    /// The risk that the incident spills over to another Member State.
    Spillover, "spillover risks" {
        /// None.
        None = "none",
        /// Low.
        Low = "low",
        /// Medium.
        Medium = "medium",
        /// High.
        High = "high",
        /// Not known yet.
        Unknown = "unknown",
    }
}

code_list! {
    /// How exact a time is.
    Precision, "time precisions" {
        /// To the minute.
        Minute = "minute",
        /// To the hour.
        Hour = "hour",
        /// The day is known, the hour is a placeholder.
        Day = "day",
    }
}

/// The entity affected, as declared (Art 15(5)(a)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The name of the organisation.
    pub name: String,
    /// Its kind, e.g. `university-hospital`.
    pub kind: String,
    /// NIS2 annex.
    pub annex: Annex,
    /// NIS2 category.
    pub category: Category,
    /// Size.
    pub size: Size,
}

/// What is known of the harm when the request is made. `None` is *not known yet*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impact {
    /// Sites or hospitals that cannot work as usual.
    pub hospitals_affected: Option<u32>,
    /// The emergency department.
    pub emergency: Emergency,
    /// Whether patient records cannot be reached.
    pub records_unavailable: Option<bool>,
    /// Whether the services hit are back.
    pub services_restored: Option<bool>,
    /// Whether personal data are known to be breached.
    pub data_breach: Option<bool>,
    /// Whether a ransom is demanded. Never a priority criterion.
    pub ransom_demanded: Option<bool>,
}

/// What is asked for (Art 15(5)(b)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Which services; at least one.
    pub services: BTreeSet<ServiceId>,
    /// Teams working remotely.
    pub remote_teams: u32,
    /// Teams on site.
    pub onsite_teams: u32,
    /// Effort.
    pub person_days: u32,
    /// For how long; `None` leaves it to the policy in force.
    pub duration: Option<Duration>,
}

/// All that a user declares (Art 15(5)). It holds no personal data and no patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The user's reference for the incident; the same in every request about it.
    pub incident: String,
    /// When the entity became aware of it.
    pub detected_at: Timestamp,
    /// How exact that is.
    pub detected_precision: Precision,
    /// Where the service affected is.
    pub country: Country,
    /// Its regions.
    pub nuts: Vec<Nuts>,
    /// Languages that people on the spot work in.
    pub languages: BTreeSet<Language>,
    /// The entity affected.
    pub entity: Entity,
    /// What happened, the main type first.
    pub incident_types: Vec<IncidentType>,
    /// What the user says it is.
    pub class_claimed: IncidentClass,
    /// Whether the user says that national capacity is exceeded (NIS2 Art 6(7)).
    pub national_capacity_exceeded: bool,
    /// What is known of the harm.
    pub impact: Impact,
    /// The risk for other Member States.
    pub spillover: Spillover,
    /// Member States known to be affected, the own one included.
    pub affected: BTreeSet<Country>,
    /// What is asked for.
    pub needs: Needs,
    /// What the user says it has done (Art 15(2), 15(5)(c)).
    pub measures: BTreeSet<String>,
    /// Suppliers known to be involved.
    pub suppliers: BTreeSet<String>,
    /// Who may be told.
    pub tlp: Tlp,
    /// Whether the request belongs to an exercise.
    pub exercise: bool,
}

code_list! {
    /// Why an authority returns a request.
    ReturnReason, "return reasons" {
        /// Facts are missing or contradict each other.
        FactsMissing = "facts-missing",
        /// No own measure is shown (Art 15(2)).
        MeasuresMissing = "measures-missing",
        /// It is not an incident of Art 15(1).
        NotSignificant = "not-significant",
        /// The entity is not of a type of Annex I or II (Art 16(8)).
        EntityType = "entity-type",
        /// Another reason, in words.
        Other = "other",
    }
}

/// How a request reached the contracting authority (Art 14(3), 15(3)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which user made it.
    pub authority: AuthorityId,
    /// Which kind of user.
    pub kind: AuthorityKind,
    /// The user's country; `None` for CERT-EU.
    pub country: Option<Country>,
    /// Who transmitted it; `None` for CERT-EU.
    pub spoc: Option<SpocId>,
}

/// A request's summary report (Art 16(9)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryReport {
    /// Whether the aim of the support was reached.
    pub aim_reached: bool,
    /// Hours until emergency care ran as usual, if known.
    pub hours_to_emergency_care: Option<u32>,
    /// SHA-256 of the report, in hexadecimal; the text itself stays outside the log.
    pub document_sha256: String,
}

/// A request's life at home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestEvent {
    /// A hospital asks.
    Opened {
        /// Which hospital.
        hospital: HospitalId,
        /// What it declares.
        facts: Facts,
        /// Whom to call, and the case in words, in the erasable store.
        contact: SubjectRef,
    },
    /// The hospital declares anew.
    Amended {
        /// What it declares now.
        facts: Facts,
    },
    /// Another request tells of the same incident at the same hospital; both are kept.
    Linked {
        /// The earlier one.
        to: RequestId,
    },
    /// The authority made the request its own.
    Endorsed {
        /// Which authority.
        authority: AuthorityId,
        /// The standing mandate, if no person acted.
        mandate: Option<MandateId>,
    },
    /// The authority sent it back to the hospital.
    Returned {
        /// Which authority.
        authority: AuthorityId,
        /// Why.
        reason: ReturnReason,
        /// In words.
        note: String,
    },
    /// The authority helps by itself (Art 10(2)).
    HandledNationally {
        /// Which authority.
        authority: AuthorityId,
        /// In words.
        note: String,
    },
    /// The contracting authority has it; the 48 hours run from this commit's `received_at` (Art 16(1)).
    Submitted {
        /// How it came.
        route: Route,
        /// For which hospital.
        hospital: HospitalId,
        /// What was declared.
        facts: Facts,
        /// The standing mandate, if no person acted.
        mandate: Option<MandateId>,
    },
    /// The user no longer asks.
    Withdrawn {
        /// Why.
        reason: String,
    },
    /// Support has ended: from here the summary report is due in two months (Art 16(9)).
    SupportEnded,
    /// The summary report is filed.
    SummaryReportFiled(SummaryReport),
    /// Nothing more follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

code_list! {
    /// Why a request is closed.
    CloseReason, "close reasons" {
        /// Support ended and the report is filed.
        Reported = "reported",
        /// The answer was no.
        Refused = "refused",
        /// It was withdrawn before any support started.
        Withdrawn = "withdrawn",
        /// The authority helps by itself.
        HandledNationally = "handled-nationally",
        /// No provider could be found.
        Unserved = "unserved",
    }
}
