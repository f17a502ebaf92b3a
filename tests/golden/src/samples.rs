//! One example of every event, and a few frames.
#![expect(clippy::expect_used, reason = "a sample that is not there fails every test at once")]

use std::collections::BTreeMap;

use muster_domain::{
    dispatch::events::{DeclineReason, DeskEvent, ReleaseReason, RescindReason, Stage},
    eligibility::events::{AssessmentEvent, Criterion, Finding, Level, Outcome, PolicyEvent},
    event::Event,
    intake::events::{CloseReason, Emergency, RequestEvent, ReturnReason, Spillover, SummaryReport},
    kernel::{Actor, Role},
    registry::events::{
        Annex, AuthorityEvent, CatalogueEvent, Category, CouncilAct, HospitalEvent, MandateEvent, ProviderEvent, Realm,
        RealmClock, RealmEvent, RequirementEvent, ServiceEntry, Size, ThirdCountryEvent,
    },
};
use muster_journal::{
    stored::{Commit, Frame, Position, event_type},
    trace::Trace,
};
use uuid::Uuid;

use crate::values::*;

macro_rules! samples {
    ($($aggregate:ident { $($variant:ident $fields:tt)* })*) => {
        /// One example of every event; a variant without one does not compile.
        fn events() -> Vec<Event> {
            vec![$($($aggregate::$variant $fields.into(),)*)*]
        }

        $(const _: fn(&$aggregate) = |event| match event {
            $($aggregate::$variant { .. } => (),)*
        };)*
    };
}

samples! {
    RealmEvent {
        Opened {
            0: Realm {
                id: realm_id("night-watch"),
                clock: RealmClock::Exercise { starts_at: at(0), started: at(40_000), speed: 60 },
            }
        }
    }
    HospitalEvent {
        Registered { 0: hospital() }
        Amended { 0: hospital() }
    }
    AuthorityEvent {
        Registered { 0: authority() }
        Amended { 0: cert_eu() }
    }
    ProviderEvent {
        Enrolled { 0: provider() }
        Amended { 0: provider() }
        SuspensionProposed {
            reason: text("its report of the last engagement is disputed"),
            by: principal("officer-1"),
            lapses_at: at(168),
        }
        Suspended {
            reason: text("its report of the last engagement is disputed"),
            proposed_by: principal("officer-1"),
            approved_by: principal("officer-2"),
        }
        Reinstated { reason: text("the dispute is settled") }
    }
    MandateEvent {
        Signed { 0: mandate() }
        Countersigned {}
        Revoked { reason: text("a new mandate follows") }
    }
    RequirementEvent {
        Set { 0: requirement() }
    }
    ThirdCountryEvent {
        Authorised { 0: council_act() }
        Repealed { reference: council_act().reference }
    }
    CatalogueEvent {
        Extended {
            0: vec![ServiceEntry {
                id: service("x.radiotherapy-recovery"),
                name: text("Radiotherapy planning recovery"),
                source: text("own specialisation"),
            }]
        }
    }
    RequestEvent {
        Opened { hospital: hospital().id, facts: facts(), contact: subject_ref("c-0192f") }
        Amended { facts: facts() }
        Linked { to: request_id("r-11aa") }
        Endorsed { authority: authority().id, mandate: Some(mandate().id) }
        Returned { authority: authority().id, reason: ReturnReason::MeasuresMissing, note: text("say what you did") }
        HandledNationally { authority: authority().id, note: text("our own team is on its way") }
        Submitted { route: route(authority()), hospital: hospital().id, facts: facts(), mandate: Some(mandate().id) }
        Withdrawn { reason: text("the records are back") }
        SupportEnded {}
        SummaryReportFiled {
            0: SummaryReport {
                aim_reached: true,
                hours_to_emergency_care: Some(70),
                document_sha256: text("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"),
            }
        }
        Closed { reason: CloseReason::Reported }
    }
    AssessmentEvent {
        Assessed {
            submitted_at: at(0),
            route: route(authority()),
            hospital: hospital().id,
            facts: facts().into(),
            council_act: Some(council_act()),
            policy: policy(),
            live: true,
            gates: gates(),
            bands: bands(),
            key: key(),
        }
        Resolved {
            finding: Finding::HospitalsAffected(5),
            reason: text("the authority's situation report"),
            gates: gates(),
            bands: bands(),
            key: key(),
        }
        Escalated { level: Level::H36 }
        DeadlineMissed {}
        OverrideProposed {
            bands: [4, 2, 4, 1, 3],
            reason: text("the only burns unit of the region"),
            by: principal("officer-1"),
            lapses_at: at(30),
        }
        Overridden {
            bands: [4, 2, 4, 1, 3],
            reason: text("the only burns unit of the region"),
            proposed_by: principal("officer-1"),
            approved_by: principal("officer-2"),
            suggested: key(),
            key: key(),
        }
        Decided {
            outcome: Outcome::PartlyGranted,
            terms: Some(terms()),
            cuts: cuts(),
            reason: text("all conditions hold; one on-site team meets the need"),
            by_policy: None,
            case: case(),
            key: key(),
        }
        Withdrawn {}
    }
    PolicyEvent {
        Proposed { policy: policy(), by: principal("officer-1"), lapses_at: at(168) }
        PutInForce { policy: policy(), proposed_by: principal("officer-1"), approved_by: principal("officer-2") }
    }
    DeskEvent {
        ProviderTaken { provider: provider(), suspended: true }
        RequirementTaken { 0: requirement() }
        CouncilActTaken { 0: council_act() }
        RepealTaken { country: council_act().country, reference: council_act().reference }
        PolicyTaken { 0: policy() }
        GrantTaken { case: case(), terms: terms(), key: key(), packages: packages() }
        PriorityTaken { key: key() }
        WithdrawalTaken { request: request() }
        Offered {
            offer: offer_id("r-7f3a-p1-o1"),
            package: package_id("r-7f3a-p1"),
            provider: provider().id,
            contract: contract_id("halden-quay-2019"),
            expires_at: at(1),
            extra: true,
            considered: considered(),
        }
        Seen { offer: offer_id("r-7f3a-p1-o1") }
        Accepted { offer: offer_id("r-7f3a-p1-o1"), accepted_at: at(1), mobilise_by: at(7), ends_at: at(720) }
        Declined {
            offer: offer_id("r-7f3a-p1-o2"),
            reason: DeclineReason::NoCapacity,
            note: text("both teams are out since noon"),
        }
        Expired { offer: offer_id("r-7f3a-p1-o2") }
        Rescinded { offer: offer_id("r-7f3a-p1-o2"), reason: RescindReason::HigherPriority, note: text("") }
        Lost { offer: offer_id("r-7f3a-p1-o2") }
        Escalated { package: package_id("r-7f3a-p1"), considered: considered() }
        Reopened { package: package_id("r-7f3a-p1"), note: text("the duty officers of both firms were called") }
        GivenUp { package: package_id("r-7f3a-p1"), note: text("the hospital runs on its own again") }
        StageReached { offer: offer_id("r-7f3a-p1-o1"), stage: Stage::OnTask }
        DaysReported { offer: offer_id("r-7f3a-p1-o1"), days_used: 12 }
        Extended { offer: offer_id("r-7f3a-p1-o1"), ends_at: at(960), person_days: 20 }
        Completed { offer: offer_id("r-7f3a-p1-o1"), days_used: 74 }
        Released {
            offer: offer_id("r-7f3a-p1-o1"),
            reason: ReleaseReason::NotMobilised,
            note: text("the team did not arrive"),
            days_used: 0,
        }
        RequestFinished { request: request(), supported: true }
    }
}

macro_rules! findings {
    ($($word:literal $variant:ident($value:expr),)*) => {
        /// One example of every finding with the word for its file; a variant without one does not compile.
        fn findings() -> Vec<(&'static str, Finding)> {
            vec![$(($word, Finding::$variant($value)),)*]
        }

        const _: fn(&Finding) = |finding| match finding {
            $(Finding::$variant(_) => (),)*
        };
    };
}

findings! {
    "emergency" Emergency(Emergency::Diverted),
    "no-hospital-affected" HospitalsAffected(0),
    "records-unavailable" RecordsUnavailable(true),
    "services-not-restored" ServicesRestored(false),
    "data-breach" DataBreach(true),
    "annex" Annex(Annex::Two),
    "category" Category(Category::Important),
    "size" Size(Size::Medium),
    "spillover" Spillover(Spillover::High),
    "not-relevant" NotRelevant(Criterion::CrossBorder),
}

/// Events that can be kept in another shape too, each with the word for its file.
fn variations() -> Vec<(&'static str, Event)> {
    let reason = || text("the authority's situation report");
    let resolved = |(word, finding)| {
        let event = AssessmentEvent::Resolved { finding, reason: reason(), gates: gates(), bands: bands(), key: key() };
        (word, event.into())
    };
    let live = Realm { id: realm_id("live"), clock: RealmClock::System };
    let mut variations: Vec<(&str, Event)> = findings().into_iter().map(resolved).collect();
    variations.extend([
        ("live", RealmEvent::Opened(live).into()),
        ("nothing-known", RequestEvent::Amended { facts: nothing_known() }.into()),
        (
            "refused",
            AssessmentEvent::Decided {
                outcome: Outcome::Refused,
                terms: None,
                cuts: vec![],
                reason: text("a website nuisance is not a significant incident (Art 15(1))"),
                by_policy: Some(2),
                case: case(),
                key: key(),
            }
            .into(),
        ),
        ("no-cap", ThirdCountryEvent::Authorised(CouncilAct { days_max: None, ..council_act() }).into()),
        ("by-a-person", RequestEvent::Endorsed { authority: authority().id, mandate: None }.into()),
        (
            "cert-eu",
            RequestEvent::Submitted { route: route(cert_eu()), hospital: hospital().id, facts: facts(), mandate: None }
                .into(),
        ),
    ]);
    variations
}

/// The sample frames by the path of their golden file without its ending: a frame for every event, and a few that stand for
/// what is in a log.
pub fn all() -> BTreeMap<String, Frame> {
    let first = events().into_iter().map(|event| (event_type(&event).to_string(), event));
    let more = variations().into_iter().map(|(word, event)| (format!("{}.{word}", event_type(&event)), event));
    let events = first.chain(more).map(|(name, event)| (format!("events/{name}"), frame([commit(1, [event])])));
    events.chain(frames().map(|(name, frame)| (format!("frames/{name}"), frame))).collect()
}

fn frames() -> [(&'static str, Frame); 7] {
    let without_cause =
        Commit { causation: None, policy: None, decided_at: None, ..commit(1, [example("request.opened")]) };
    let matched = commit(1, [example("desk.grant-taken"), example("desk.offered")]);
    let seen = commit(2, [example("desk.seen")]);
    [
        ("fencing-frame", frame([])),
        ("fencing-commit", frame([commit(1, [])])),
        ("first", Frame { previous: [0; 32], ..frame([without_cause]) }),
        ("submitted", frame([commit(1, [example("request.submitted")])])),
        ("decided", frame([commit(1, [example("assessment.decided")])])),
        ("traced", frame([Commit { trace: Some(traced()), ..commit(1, [example("request.submitted")]) }])),
        ("desk", frame([Commit { taken: Some(42), ..matched }, Commit { taken: Some(43), ..seen }])),
    ]
}

/// The sample of the event type that ends so.
fn example(name: &str) -> Event {
    events().into_iter().find(|event| event_type(event).name.ends_with(name)).expect(name)
}

/// A frame of these commits.
fn frame(commits: impl Into<Vec<Commit>>) -> Frame {
    Frame { id: uuid(0xf0), previous: [0xab; 32], commits: commits.into() }
}

/// The commit of the command with this number, as Muster itself gives it when another commit caused it.
fn commit(number: u8, events: impl Into<Vec<Event>>) -> Commit {
    Commit {
        command: uuid(number),
        fingerprint: [number; 32],
        received_at: at(0),
        recorded_at: at(1),
        actor: Actor { role: Role::System, principal: principal("muster") },
        causation: Some(uuid(0xca)),
        correlation: uuid(0xc0),
        policy: Some(2),
        decided_at: Some(Position { sequence: 41, index: 1 }),
        taken: None,
        events: events.into(),
        trace: None,
    }
}

fn traced() -> Trace {
    Trace { trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, span: 0x00f0_67aa_0ba9_02b7, flags: 1 }
}

fn uuid(number: u8) -> Uuid {
    Uuid::from_u128(0x0192_f000_0000_7000_8000_0000_0000_0000 | u128::from(number))
}
