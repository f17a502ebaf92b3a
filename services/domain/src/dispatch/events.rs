//! What the desk publishes: packages, offers, engagements, and every outside fact it took in.

use std::collections::BTreeSet;

use crate::{
    codes::{Country, ServiceId, UnknownCode, code_list},
    eligibility::events::{Case, Policy, PriorityKey, Terms},
    kernel::{ContractId, OfferId, PackageId, ProviderId, RequestId, Timestamp},
    registry::events::{CouncilAct, NationalRequirement, Provider},
};

/// What one provider is asked to do for one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// `<request>-p<n>`.
    pub id: PackageId,
    /// Which services.
    pub services: BTreeSet<ServiceId>,
    /// Remote teams.
    pub remote_teams: u32,
    /// On-site teams.
    pub onsite_teams: u32,
    /// Person-days.
    pub person_days: u32,
    /// Whether its provider leads; a national certificate binds the lead alone.
    pub lead: bool,
}

code_list! {
    /// A hard rule of matching: one that fails drops the provider.
    Rule, "admissibility rules" {
        /// Art 19(4), 19(10): a Council act in force, for a third country.
        CouncilAct = "council-act",
        /// Art 14(2), 17: a contract in force.
        ContractInForce = "contract-in-force",
        /// House rule D12: not suspended.
        NotSuspended = "not-suspended",
        /// Art 17(1)(a): deliverable in that Member State.
        MemberState = "member-state",
        /// Art 17(2)(i): a language of the people on the spot; English will do for remote work.
        Language = "language",
        /// Art 17: in the Reserve for these services.
        Services = "services",
        /// Art 17(2)(c): no conflict of interest.
        NoConflict = "no-conflict",
        /// Art 17(1)(a): the certificate that the Member State asks of a lead.
        Certificate = "certificate",
        /// Art 17(2)(d): personnel cleared where the Member State asks it.
        Clearance = "clearance",
        /// Art 22: controlled from the Union where the Member State asks it.
        EuControl = "eu-control",
        /// The contract's limits could never hold the package.
        ContractLimits = "contract-limits",
        /// House rule: a provider that declined, let expire or failed this package is not asked again.
        NotTried = "not-tried",
        /// Art 14(2): free teams, on-site teams and person-days now.
        FreeCapacity = "free-capacity",
    }
}

/// How well a provider fits, once every rule holds; compared in this order, smaller first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fit {
    /// Minutes until it can start there.
    pub start_minutes: u32,
    /// Languages of the people on the spot that it lacks.
    pub languages_missing: u32,
    /// 100 less its health references, at least 0.
    pub health_gap: u32,
    /// Share of its teams taken, in hundredths.
    pub load_percent: u32,
    /// A draw from request, provider and policy version.
    pub draw: u32,
}

/// Why a provider was or was not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Dropped by the first rule that fails; `admissibility::because` puts it in words.
    Dropped(Rule),
    /// It could do the work.
    Fits(Fit),
}

/// A provider looked at for a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub provider: ProviderId,
    /// How it stood.
    pub standing: Standing,
}

code_list! {
    /// Why a provider declines.
    DeclineReason, "decline reasons" {
        /// No team is free.
        NoCapacity = "no-capacity",
        /// The skills asked for are not at hand.
        Skills = "skills",
        /// A conflict of interest.
        Conflict = "conflict-of-interest",
        /// The start asked for cannot be met.
        Time = "time",
        /// Another reason, in words.
        Other = "other",
    }
}

code_list! {
    /// Why the desk took an offer back.
    RescindReason, "rescind reasons" {
        /// A request of higher priority needs the team.
        HigherPriority = "higher-priority",
        /// The team is needed for a package that has no provider yet.
        WaveExtra = "wave-extra",
        /// The request was withdrawn.
        Withdrawn = "withdrawn",
        /// The provider no longer meets a rule.
        NotAdmissible = "not-admissible",
        /// An officer took it back.
        Officer = "officer",
    }
}

code_list! {
    /// A stage of an engagement.
    Stage, "engagement stages" {
        /// On its way.
        Mobilising = "mobilising",
        /// At work.
        OnTask = "on-task",
        /// Basic functions are coming back (Art 16(8): initial recovery).
        Recovering = "recovering",
        /// Done.
        Completed = "completed",
    }
}

code_list! {
    /// Why an engagement ended before its work was done.
    ReleaseReason, "release reasons" {
        /// The provider failed or gave up.
        Failed = "failed",
        /// It did not start in time.
        NotMobilised = "not-mobilised",
        /// The request was withdrawn.
        Withdrawn = "withdrawn",
        /// An officer released it.
        Officer = "officer",
        /// No Council act opens the Reserve to the third country any more (Art 19(4), 19(10)).
        AccessEnded = "access-ended",
    }
}

/// The desk's life. Every event that is a fact from another context says so by its name: it was *taken*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskEvent {
    /// A provider's terms bind from now on.
    ProviderTaken {
        /// The terms.
        provider: Provider,
        /// Whether it is suspended.
        suspended: bool,
    },
    /// A Member State's requirement binds from now on.
    RequirementTaken(NationalRequirement),
    /// A Council act binds from now on, for its period.
    CouncilActTaken(CouncilAct),
    /// A Council act binds no longer.
    RepealTaken {
        /// Of which third country.
        country: Country,
        /// The act's reference.
        reference: String,
    },
    /// A policy binds from now on.
    PolicyTaken(Policy),
    /// A grant is in the queue, cut into packages.
    GrantTaken {
        /// For which case.
        case: Case,
        /// What was granted.
        terms: Terms,
        /// Where it ranks.
        key: PriorityKey,
        /// What each provider will be asked.
        packages: Vec<Package>,
    },
    /// A request ranks elsewhere from now on.
    PriorityTaken {
        /// Where.
        key: PriorityKey,
    },
    /// A withdrawal is final.
    WithdrawalTaken {
        /// Of which request.
        request: RequestId,
    },
    /// A provider is asked.
    Offered {
        /// Its id.
        offer: OfferId,
        /// What is asked.
        package: PackageId,
        /// Who is asked.
        provider: ProviderId,
        /// Under which contract.
        contract: ContractId,
        /// When the offer ends by itself.
        expires_at: Timestamp,
        /// Whether the package had a pending offer already.
        extra: bool,
        /// Everybody looked at, best first, then those dropped.
        considered: Vec<Candidate>,
    },
    /// The provider opened the offer.
    Seen {
        /// Which.
        offer: OfferId,
    },
    /// The provider takes the work: the offer is an engagement now, mobilising.
    Accepted {
        /// Which.
        offer: OfferId,
        /// When.
        accepted_at: Timestamp,
        /// When it must be on task.
        mobilise_by: Timestamp,
        /// When support ends unless extended.
        ends_at: Timestamp,
    },
    /// The provider does not take the work.
    Declined {
        /// Which.
        offer: OfferId,
        /// Why.
        reason: DeclineReason,
        /// In words.
        note: String,
    },
    /// The offer's time is over.
    Expired {
        /// Which.
        offer: OfferId,
    },
    /// The desk took the offer back.
    Rescinded {
        /// Which.
        offer: OfferId,
        /// Why.
        reason: RescindReason,
        /// In words, if an officer took it back.
        note: String,
    },
    /// Another provider accepted first.
    Lost {
        /// Which.
        offer: OfferId,
    },
    /// Nobody is left to ask for a package: a human must act.
    Escalated {
        /// Which package.
        package: PackageId,
        /// Everybody looked at and why each was dropped.
        considered: Vec<Candidate>,
    },
    /// An officer asks everybody again.
    Reopened {
        /// For which package.
        package: PackageId,
        /// In words.
        note: String,
    },
    /// An officer ends the search for a provider.
    GivenUp {
        /// For which package.
        package: PackageId,
        /// In words.
        note: String,
    },
    /// Work moved on.
    StageReached {
        /// Which engagement.
        offer: OfferId,
        /// Where it is now.
        stage: Stage,
    },
    /// Days of work reported.
    DaysReported {
        /// Which engagement.
        offer: OfferId,
        /// Days used in all so far.
        days_used: u32,
    },
    /// Support lasts longer.
    Extended {
        /// Which engagement.
        offer: OfferId,
        /// Until when now.
        ends_at: Timestamp,
        /// Days reserved on top.
        person_days: u32,
    },
    /// The work is done; days not used go back.
    Completed {
        /// Which engagement.
        offer: OfferId,
        /// Days used in all.
        days_used: u32,
    },
    /// The engagement ended before the work was done; days not used go back.
    Released {
        /// Which engagement.
        offer: OfferId,
        /// Why.
        reason: ReleaseReason,
        /// In words.
        note: String,
        /// Days used in all.
        days_used: u32,
    },
    /// All of a request's packages are done or released for good: support has ended.
    RequestFinished {
        /// Which.
        request: RequestId,
        /// Whether any support started.
        supported: bool,
    },
}
