//! A request's life at home: from a hospital's call to the day when nothing more follows.
//!
//! ```text
//!                    ┌── Return ───▶ returned ──┐
//! Open ──▶ opened ───┤ ◀──────────── Amend ─────┤
//!                    └── Endorse ──▶ endorsed ──┘
//!                                       │
//!                                    Submit: the 48 hours begin, the facts are fixed
//!                                       ▼
//!             withdrawn ◀─ Withdraw ─ submitted ─── Close ──▶ closed: refused
//!              │    │                   │
//!            Close  └─── EndSupport ──▶ support ended ─ FileReport ─▶ closed: reported
//!              ▼
//!            closed: withdrawn
//! ```
//!
//! Until it is submitted, an authority may endorse what it returned and return what it endorsed; HandleNationally and
//! Withdraw close it at once.

use std::collections::BTreeSet;

use crate::{
    check::Violations,
    intake::{
        events::{CloseReason, Facts, RequestEvent, ReturnReason, Route, SummaryReport},
        facts,
        phase::{Ending, Phase},
        rejection::Rejection,
    },
    kernel::{Aggregate, Corrupt, HospitalId, MandateId, Received, RequestId, Role, SpocId, SubjectRef},
    registry::events::{Authority, AuthorityKind, Mandate},
};

/// A request that a hospital opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which hospital.
    pub hospital: HospitalId,
    /// What it declares.
    pub facts: Facts,
    /// Whom to call, in the erasable store.
    pub contact: SubjectRef,
    /// Earlier requests about the same incident.
    pub links: BTreeSet<RequestId>,
    /// How far it has come.
    pub phase: Phase,
}

/// What may be asked of a request. Records of the registry come as they stood when the command was received.
#[derive(Clone, Debug)]
pub enum Command {
    /// A hospital asks.
    Open {
        /// Which hospital.
        hospital: HospitalId,
        /// What it declares.
        facts: Facts,
        /// Whom to call, in the erasable store.
        contact: SubjectRef,
        /// Whether the realm is the live one.
        live: bool,
    },
    /// The hospital declares anew; an authority that endorsed does so anew.
    Amend {
        /// All that it declares now.
        facts: Facts,
        /// Whether the realm is the live one.
        live: bool,
    },
    /// An earlier request tells of the same incident.
    Link {
        /// Which.
        to: RequestId,
    },
    /// An authority makes the request its own.
    Endorse {
        /// Which authority.
        authority: Authority,
        /// By which mandate, if no person acts.
        mandate: Option<Mandate>,
    },
    /// An authority sends it back to the hospital.
    Return {
        /// Which authority.
        authority: Authority,
        /// Why.
        reason: ReturnReason,
        /// In words.
        note: String,
    },
    /// An authority helps by itself.
    HandleNationally {
        /// Which authority.
        authority: Authority,
        /// In words.
        note: String,
    },
    /// The request goes to the contracting authority.
    Submit {
        /// Whose request it is.
        authority: Authority,
        /// Who transmits it; `None` when the user does so itself.
        spoc: Option<SpocId>,
        /// By which mandate, if no person acts.
        mandate: Option<Mandate>,
    },
    /// Nobody asks any more.
    Withdraw {
        /// Why.
        reason: String,
    },
    /// The desk finished all work that was begun.
    EndSupport,
    /// The user files its summary report.
    FileReport(SummaryReport),
    /// The answer was no, or the desk finished before any work began: by a withdrawal, or because its search was ended.
    Close {
        /// Which of these.
        reason: CloseReason,
    },
}

type Answer = Result<Vec<RequestEvent>, Rejection>;

impl Aggregate for Request {
    type State = Option<Self>;
    type Command = Command;
    type Event = RequestEvent;
    type Rejection = Rejection;

    fn decide(state: &Option<Self>, command: Command, received: &Received) -> Answer {
        let request = || state.as_ref().ok_or(Rejection::NotFound);
        match command {
            Command::Open { hospital, facts, contact, live } => {
                open(state.as_ref(), hospital, facts, contact, live, received)
            }
            Command::Amend { facts, live } => amend(request()?, facts, live, received),
            Command::Link { to } => link(request()?, to),
            Command::Endorse { authority, mandate } => endorse(request()?, &authority, mandate, received),
            Command::Return { authority, reason, note } => send_back(request()?, authority, reason, note),
            Command::HandleNationally { authority, note } => handle_nationally(request()?, authority, note),
            Command::Submit { authority, spoc, mandate } => submit(request()?, authority, spoc, mandate, received),
            Command::Withdraw { reason } => withdraw(request()?, reason, received),
            Command::EndSupport => end_support(request()?),
            Command::FileReport(report) => file_report(request()?, report),
            Command::Close { reason } => close(request()?, reason),
        }
    }

    fn evolve(state: &mut Option<Self>, event: &RequestEvent) -> Result<(), Corrupt> {
        let Some(request) = state else {
            let RequestEvent::Opened { hospital, facts, contact } = event else {
                return Err(Corrupt("a request begins when a hospital opens it".to_owned()));
            };
            let (hospital, facts, contact) = (hospital.clone(), facts.clone(), contact.clone());
            *state = Some(Self { hospital, facts, contact, links: BTreeSet::new(), phase: Phase::Opened });
            return Ok(());
        };
        request.phase = request.phase.after(event)?;
        if let RequestEvent::Amended { facts } = event {
            request.facts = facts.clone();
        }
        if let RequestEvent::Linked { to } = event {
            request.links.insert(to.clone());
        }
        Ok(())
    }
}

fn open(
    state: Option<&Request>,
    hospital: HospitalId,
    facts: Facts,
    contact: SubjectRef,
    live: bool,
    received: &Received,
) -> Answer {
    match state {
        None => {
            facts::check(&facts, received.at, live).or_refuse(Rejection::Facts)?;
            Ok(vec![RequestEvent::Opened { hospital, facts, contact }])
        }
        Some(known) if known.hospital == hospital && known.facts == facts && known.contact == contact => Ok(vec![]),
        Some(_) => Err(Rejection::AlreadyOpened),
    }
}

fn amend(request: &Request, facts: Facts, live: bool, received: &Received) -> Answer {
    match &request.phase {
        Phase::Opened | Phase::Endorsed { .. } if request.facts == facts => Ok(vec![]),
        // To a return, even the same facts are an answer: the hospital stands by them.
        Phase::Opened | Phase::Endorsed { .. } | Phase::Returned { .. } => {
            facts::check(&facts, received.at, live).or_refuse(Rejection::Facts)?;
            Ok(vec![RequestEvent::Amended { facts }])
        }
        Phase::Submitted { .. } | Phase::Withdrawn { .. } | Phase::SupportEnded { .. } => {
            Err(Rejection::AmendAfterSubmit)
        }
        Phase::Closed(ending) => Err(Rejection::Closed(ending.reason())),
    }
}

fn link(request: &Request, to: RequestId) -> Answer {
    if request.links.contains(&to) {
        return Ok(vec![]);
    }
    match &request.phase {
        Phase::Opened
        | Phase::Returned { .. }
        | Phase::Endorsed { .. }
        | Phase::Submitted { .. }
        | Phase::Withdrawn { .. }
        | Phase::SupportEnded { .. } => Ok(vec![RequestEvent::Linked { to }]),
        Phase::Closed(ending) => Err(Rejection::Closed(ending.reason())),
    }
}

fn endorse(request: &Request, authority: &Authority, mandate: Option<Mandate>, received: &Received) -> Answer {
    within_remit(request, authority)?;
    match &request.phase {
        Phase::Opened | Phase::Returned { .. } => {
            let mandate = acting_by(mandate, request, authority, received)?;
            Ok(vec![RequestEvent::Endorsed { authority: authority.id.clone(), mandate }])
        }
        Phase::Endorsed { by } | Phase::Submitted { route: Route { authority: by, .. } } if *by == authority.id => {
            Ok(vec![])
        }
        Phase::Endorsed { by } | Phase::Submitted { route: Route { authority: by, .. } } => {
            Err(Rejection::EndorsedByAnother(by.clone()))
        }
        Phase::Withdrawn { .. } => Err(Rejection::Withdrawn),
        Phase::SupportEnded { .. } => Err(Rejection::SupportEnded),
        Phase::Closed(ending) => Err(Rejection::Closed(ending.reason())),
    }
}

fn send_back(request: &Request, authority: Authority, reason: ReturnReason, note: String) -> Answer {
    within_remit(request, &authority)?;
    match &request.phase {
        Phase::Endorsed { by } if *by != authority.id => Err(Rejection::EndorsedByAnother(by.clone())),
        Phase::Opened | Phase::Endorsed { .. } => {
            check_note("note", &note, reason == ReturnReason::Other)?;
            Ok(vec![RequestEvent::Returned { authority: authority.id, reason, note }])
        }
        Phase::Returned { by, reason: known, note: words }
            if *by == authority.id && *known == reason && *words == note =>
        {
            Ok(vec![])
        }
        Phase::Returned { by, .. } => Err(Rejection::AlreadyReturned(by.clone())),
        Phase::Submitted { route } => Err(Rejection::AlreadySubmitted(route.authority.clone())),
        Phase::Withdrawn { .. } => Err(Rejection::Withdrawn),
        Phase::SupportEnded { .. } => Err(Rejection::SupportEnded),
        Phase::Closed(ending) => Err(Rejection::Closed(ending.reason())),
    }
}

fn handle_nationally(request: &Request, authority: Authority, note: String) -> Answer {
    within_remit(request, &authority)?;
    match &request.phase {
        Phase::Endorsed { by } if *by != authority.id => Err(Rejection::EndorsedByAnother(by.clone())),
        Phase::Opened | Phase::Returned { .. } | Phase::Endorsed { .. } => {
            check_note("note", &note, true)?;
            let reason = CloseReason::HandledNationally;
            Ok(vec![RequestEvent::HandledNationally { authority: authority.id, note }, RequestEvent::Closed { reason }])
        }
        Phase::Submitted { route } => Err(Rejection::AlreadySubmitted(route.authority.clone())),
        Phase::Withdrawn { .. } => Err(Rejection::Withdrawn),
        Phase::SupportEnded { .. } => Err(Rejection::SupportEnded),
        Phase::Closed(Ending::HandledNationally { by, note: words }) if *by == authority.id && *words == note => {
            Ok(vec![])
        }
        Phase::Closed(ending) => Err(Rejection::Closed(ending.reason())),
    }
}

fn submit(
    request: &Request,
    authority: Authority,
    spoc: Option<SpocId>,
    mandate: Option<Mandate>,
    received: &Received,
) -> Answer {
    within_remit(request, &authority)?;
    if spoc != authority.spoc {
        return Err(match authority.spoc {
            Some(spoc) => Rejection::OtherSpoc(authority.id, spoc),
            None => Rejection::SubmitsItself(authority.id),
        });
    }
    match &request.phase {
        Phase::Opened | Phase::Returned { .. } => Err(Rejection::NotEndorsed),
        Phase::Endorsed { by } if *by != authority.id => Err(Rejection::EndorsedByAnother(by.clone())),
        Phase::Endorsed { .. } => {
            let mandate = acting_by(mandate, request, &authority, received)?;
            let Authority { id, kind, country, .. } = authority;
            Ok(vec![RequestEvent::Submitted {
                route: Route { authority: id, kind, country, spoc },
                hospital: request.hospital.clone(),
                facts: request.facts.clone(),
                mandate,
            }])
        }
        Phase::Submitted { route } if route.authority == authority.id => Ok(vec![]),
        Phase::Submitted { route } => Err(Rejection::AlreadySubmitted(route.authority.clone())),
        Phase::Withdrawn { .. } => Err(Rejection::Withdrawn),
        Phase::SupportEnded { .. } => Err(Rejection::SupportEnded),
        Phase::Closed(ending) => Err(Rejection::Closed(ending.reason())),
    }
}

fn withdraw(request: &Request, reason: String, received: &Received) -> Answer {
    match &request.phase {
        Phase::Opened | Phase::Returned { .. } | Phase::Endorsed { .. } => {
            check_note("reason", &reason, true)?;
            let closed = RequestEvent::Closed { reason: CloseReason::Withdrawn };
            Ok(vec![RequestEvent::Withdrawn { reason }, closed])
        }
        Phase::Submitted { .. } if received.by.role == Role::Hospital => Err(Rejection::UserWithdraws),
        Phase::Submitted { .. } => {
            check_note("reason", &reason, true)?;
            Ok(vec![RequestEvent::Withdrawn { reason }])
        }
        Phase::Withdrawn { reason: known, .. } | Phase::Closed(Ending::Withdrawn { reason: known })
            if *known == reason =>
        {
            Ok(vec![])
        }
        Phase::Withdrawn { .. } => Err(Rejection::Withdrawn),
        Phase::SupportEnded { .. } => Err(Rejection::SupportEnded),
        Phase::Closed(ending) => Err(Rejection::Closed(ending.reason())),
    }
}

fn end_support(request: &Request) -> Answer {
    match &request.phase {
        Phase::Opened | Phase::Returned { .. } | Phase::Endorsed { .. } => Err(Rejection::NotSubmitted),
        // Withdrawn while a team was at work: the report is still due.
        Phase::Submitted { .. } | Phase::Withdrawn { .. } => Ok(vec![RequestEvent::SupportEnded]),
        Phase::SupportEnded { .. } | Phase::Closed(Ending::Reported(_)) => Ok(vec![]),
        Phase::Closed(ending) => Err(Rejection::Closed(ending.reason())),
    }
}

fn file_report(request: &Request, report: SummaryReport) -> Answer {
    match &request.phase {
        Phase::Opened | Phase::Returned { .. } | Phase::Endorsed { .. } => Err(Rejection::NotSubmitted),
        Phase::Submitted { .. } | Phase::Withdrawn { .. } => Err(Rejection::SupportNotEnded),
        Phase::SupportEnded { .. } => {
            check_report(&report)?;
            let reason = CloseReason::Reported;
            Ok(vec![RequestEvent::SummaryReportFiled(report), RequestEvent::Closed { reason }])
        }
        Phase::Closed(Ending::Reported(known)) if *known == report => Ok(vec![]),
        Phase::Closed(ending) => Err(Rejection::Closed(ending.reason())),
    }
}

fn close(request: &Request, reason: CloseReason) -> Answer {
    let over = match &request.phase {
        Phase::Submitted { .. } => matches!(reason, CloseReason::Refused | CloseReason::Unserved),
        // The refusal, or the end of the search, may cross the withdrawal on its way.
        Phase::Withdrawn { .. } => {
            matches!(reason, CloseReason::Withdrawn | CloseReason::Refused | CloseReason::Unserved)
        }
        Phase::Opened | Phase::Returned { .. } | Phase::Endorsed { .. } | Phase::SupportEnded { .. } => false,
        Phase::Closed(ending) if ending.reason() == reason => return Ok(vec![]),
        Phase::Closed(ending) => return Err(Rejection::Closed(ending.reason())),
    };
    if over { Ok(vec![RequestEvent::Closed { reason }]) } else { Err(Rejection::NotOver(reason)) }
}

/// An authority is a user for its own country, CERT-EU for Union entities wherever they are (Art 14(3)).
fn within_remit(request: &Request, authority: &Authority) -> Result<(), Rejection> {
    let country = request.facts.country;
    let within = match authority.kind {
        AuthorityKind::CertEu => true,
        AuthorityKind::Csirt | AuthorityKind::CrisisManagement | AuthorityKind::ThirdCountry => {
            authority.country == Some(country)
        }
    };
    if within { Ok(()) } else { Err(Rejection::OutsideRemit(authority.id.clone(), country)) }
}

/// The mandate that acts in a person's place; Muster itself never acts without one.
fn acting_by(
    mandate: Option<Mandate>,
    request: &Request,
    authority: &Authority,
    received: &Received,
) -> Result<Option<MandateId>, Rejection> {
    let Some(mandate) = mandate else {
        return if received.by.role == Role::System { Err(Rejection::NoMandate) } else { Ok(None) };
    };
    let named = mandate.hospital == request.hospital
        && mandate.authority == authority.id
        && authority.spoc.as_ref() == Some(&mandate.spoc);
    if named && mandate.covers(received.at) { Ok(Some(mandate.id)) } else { Err(Rejection::NotMandated(mandate.id)) }
}

fn check_note(field: &str, text: &str, needed: bool) -> Result<(), Rejection> {
    let mut wrong = Violations::none();
    let says = "is blank: say in a few words why";
    wrong.require(!needed || !text.trim().is_empty(), field, "house rule: a decision says why", says);
    wrong.note(field, text);
    wrong.or_refuse(Rejection::Fields)
}

fn check_report(report: &SummaryReport) -> Result<(), Rejection> {
    let mut wrong = Violations::none();
    let hash = &report.document_sha256;
    let hexadecimal = hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    wrong.require(hexadecimal, "report.document_sha256", "Art 16(9)", "is not 64 of 0-9 and a-f");
    wrong.or_refuse(Rejection::Fields)
}
