//! What eligibility publishes: assessments, decisions, and the policy in force.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    codes::{Country, Language, ServiceId, Tlp, UnknownCode, code_list},
    intake::events::{Emergency, Entity, Facts, Route, Spillover},
    kernel::{HospitalId, PrincipalId, RequestId, Timestamp},
    registry::events::{Annex, AuthorityKind, Category, CouncilAct, Size},
};

code_list! {
    /// A condition of the law: failed, it refuses; it never lowers a rank.
    Gate, "gates" {
        /// Art 15(1): a significant, large-scale or large-scale-equivalent incident.
        IncidentClass = "incident-class",
        /// Art 15(2): all appropriate measures of the user's own.
        OwnMeasures = "own-measures",
        /// Art 16(8): an entity of a type listed in NIS2 Annex I or II, or a Union entity.
        EntityType = "entity-type",
        /// Art 14(3), 15(3), 19: a user, by its channel, with access.
        Route = "route",
        /// House rule D15: exercises never touch live.
        Realm = "realm",
    }
}

code_list! {
    /// What a gate says.
    Verdict, "gate verdicts" {
        /// The condition holds.
        Pass = "pass",
        /// It does not.
        Fail = "fail",
        /// A fact is missing: an officer resolves it before deciding.
        Unknown = "unknown",
    }
}

/// A gate's answer with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateResult {
    /// Which gate.
    pub gate: Gate,
    /// What it says.
    pub verdict: Verdict,
    /// Its article.
    pub article: String,
    /// Why, in words, from the declared facts.
    pub because: String,
}

code_list! {
    /// A criterion of Art 16(3), in the law's order.
    Criterion, "criteria of Art 16(3)" {
        /// Scale and severity.
        Severity = "a",
        /// Type of entity, essential higher.
        EntityType = "b",
        /// Potential impact on Member States, Union entities, third countries.
        Impact = "c",
        /// Cross-border nature and spillover.
        CrossBorder = "d",
        /// Measures taken by the user.
        Measures = "e",
    }
}

code_list! {
    /// What a band rests on.
    Basis, "band bases" {
        /// Declared facts.
        Facts = "facts",
        /// A missing fact: the worst plausible band stands until an officer resolves it.
        Unknown = "unknown",
        /// An officer found the criterion not relevant: the neutral band.
        NotRelevant = "not-relevant",
        /// An override by two persons.
        Override = "override",
    }
}

/// One criterion's band and the rule behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    /// Which criterion.
    pub criterion: Criterion,
    /// 0 to 4; higher is more urgent.
    pub band: u8,
    /// The rule of the policy's table, e.g. `A4`.
    pub rule: String,
    /// What it rests on.
    pub basis: Basis,
    /// Why, in words, from the declared facts.
    pub because: String,
}

/// What two requests are compared by. The smaller key comes first: bands from high to low, (a) before (b) and so on; Member
/// State users before others when all bands are equal (Art 16(4)); then the earlier submission; then the id, which only
/// makes the order total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriorityKey {
    /// Bands of criteria (a) to (e).
    pub bands: [u8; 5],
    /// Whether the user is a Member State's.
    pub member_state_user: bool,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// Which request.
    pub request: RequestId,
}

code_list! {
    /// The answer to a request (Art 16(1)).
    Outcome, "outcomes" {
        /// All that was requested.
        Granted = "granted",
        /// Less than requested, each cut with a reason.
        PartlyGranted = "partly-granted",
        /// Nothing.
        Refused = "refused",
    }
}

/// What is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Services granted.
    pub services: BTreeSet<ServiceId>,
    /// Remote teams.
    pub remote_teams: u32,
    /// On-site teams.
    pub onsite_teams: u32,
    /// Person-days.
    pub person_days: u32,
    /// For how long.
    pub duration: Duration,
}

/// One thing that was requested and not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What: a service id, `remote_teams`, `onsite_teams`, `person_days` or `duration`.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// What matching knows of a request; it never holds the hospital's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Which request.
    pub request: RequestId,
    /// For which hospital.
    pub hospital: HospitalId,
    /// The user's reference for the incident.
    pub incident: String,
    /// Where the work is.
    pub country: Country,
    /// Languages on the spot.
    pub languages: BTreeSet<Language>,
    /// The entity affected.
    pub entity: Entity,
    /// Suppliers involved.
    pub suppliers: BTreeSet<String>,
    /// Who may be told.
    pub tlp: Tlp,
    /// Which kind of user asked (Art 14(3)).
    pub user: AuthorityKind,
}

code_list! {
    /// How near the answer's deadline is.
    Level, "escalation levels" {
        /// 24 hours after submission.
        H24 = "24h",
        /// 36 hours after submission.
        H36 = "36h",
        /// 44 hours after submission.
        H44 = "44h",
    }
}

/// A fact that an officer established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The emergency department's state.
    Emergency(Emergency),
    /// Hospitals affected.
    HospitalsAffected(u32),
    /// Whether records cannot be reached.
    RecordsUnavailable(bool),
    /// Whether services are back.
    ServicesRestored(bool),
    /// Whether personal data are breached.
    DataBreach(bool),
    /// The entity's annex.
    Annex(Annex),
    /// The entity's category.
    Category(Category),
    /// The entity's size.
    Size(Size),
    /// The spillover risk.
    Spillover(Spillover),
    /// A criterion does not bear on this request: it gets the neutral band.
    NotRelevant(Criterion),
}

/// An assessment's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssessmentEvent {
    /// The request was judged under a policy.
    Assessed {
        /// When the 48 hours began.
        submitted_at: Timestamp,
        /// How it came.
        route: Route,
        /// For which hospital.
        hospital: HospitalId,
        /// What was declared.
        facts: Box<Facts>,
        /// The Council act that opens the Reserve, for a third country.
        council_act: Option<CouncilAct>,
        /// The policy it was judged under; a finding is judged under the same.
        policy: Policy,
        /// Whether the realm is live.
        live: bool,
        /// The gates' answers.
        gates: Vec<GateResult>,
        /// The bands, (a) to (e).
        bands: Vec<Band>,
        /// Where it ranks.
        key: PriorityKey,
    },
    /// An officer established a fact, and the request was judged again.
    Resolved {
        /// What was found.
        finding: Finding,
        /// How the officer knows.
        reason: String,
        /// The gates' answers now.
        gates: Vec<GateResult>,
        /// The bands now.
        bands: Vec<Band>,
        /// Where it ranks now.
        key: PriorityKey,
    },
    /// The answer is near its deadline.
    Escalated {
        /// How near.
        level: Level,
    },
    /// The 48 hours are over without an answer (Art 16(1)).
    DeadlineMissed,
    /// One person asks for another rank.
    OverrideProposed {
        /// The bands asked for.
        bands: [u8; 5],
        /// Why.
        reason: String,
        /// Who asks.
        by: PrincipalId,
        /// When the proposal lapses.
        lapses_at: Timestamp,
    },
    /// Another person approved; the request ranks by the new bands.
    Overridden {
        /// The bands in force.
        bands: [u8; 5],
        /// Why.
        reason: String,
        /// Who asked.
        proposed_by: PrincipalId,
        /// Who approved.
        approved_by: PrincipalId,
        /// Where it ranked by the facts.
        suggested: PriorityKey,
        /// Where it ranks now.
        key: PriorityKey,
    },
    /// The request is answered.
    Decided {
        /// The answer.
        outcome: Outcome,
        /// What is granted; `None` for a refusal.
        terms: Option<Terms>,
        /// What was requested and not granted.
        cuts: Vec<Cut>,
        /// Why, in words.
        reason: String,
        /// The decision policy's version, if no person decided.
        by_policy: Option<u32>,
        /// What matching needs to know.
        case: Case,
        /// Where it ranks.
        key: PriorityKey,
    },
    /// The user no longer asks.
    Withdrawn,
}

/// What Muster may decide by itself, and how it ranks and offers. A policy acts only when two persons put it in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// 1 is the built-in policy that is in force until another is.
    pub version: u32,
    /// Whether a Member State's request with no unknown fact is granted in full when all gates pass.
    pub grants: bool,
    /// Whether such a request is refused when a fact gate fails.
    pub refuses: bool,
    /// Whether more own measures rank higher in criterion (e); the law does not say.
    pub more_measures_rank_higher: bool,
    /// How long support lasts when the request does not say.
    pub duration: Duration,
    /// How long an offer stands, for P1 to P4.
    pub offer_stands: [Duration; 4],
    /// How many providers are asked at once, for P1 to P4, while capacity is free.
    pub offer_width: [u32; 4],
    /// How long a provider that accepted may take longer than its contract says before the work is taken back.
    pub mobilise_grace: Duration,
}

/// The policy's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyEvent {
    /// One person asks that it be in force.
    Proposed {
        /// The policy.
        policy: Policy,
        /// Who asks.
        by: PrincipalId,
        /// When the proposal lapses.
        lapses_at: Timestamp,
    },
    /// Another person approved: it is in force from now on.
    PutInForce {
        /// The policy.
        policy: Policy,
        /// Who asked.
        proposed_by: PrincipalId,
        /// Who approved.
        approved_by: PrincipalId,
    },
}
