//! A request on its way: hospital, authority, single point of contact, and what follows.

use std::collections::BTreeSet;

use muster_domain::{
    intake::{
        events::{CloseReason, Facts, ReturnReason, SummaryReport},
        rejection::Rejection,
        request::{Command as Ask, Request},
    },
    kernel::{Actor, AuthorityId, HospitalId, Received, RequestId, Role, SubjectRef, Timestamp},
    registry::events::{Authority, AuthorityKind, Mandate},
};
use muster_golden::values::{self, country, request_id, spoc_id, subject_ref};
use muster_sim::run::{
    cast::{self, actor},
    rng::Rng,
};

use super::{Command, DAY, Expects, Model, News, Nothing, nothing_if, one_of, require, words};

/// How a request stands, who brought it there, and in which words.
#[derive(Default)]
pub struct Life {
    asked: Option<(HospitalId, Facts, SubjectRef)>,
    /// The phase's name; none before it is opened.
    phase: &'static str,
    closed_as: Option<CloseReason>,
    by: Option<AuthorityId>,
    words: String,
    links: BTreeSet<RequestId>,
}

impl Model for Life {
    type Of = Request;
    #[rustfmt::skip]
    const COMMANDS: &[&str] = &[
        "Open", "Amend", "Link", "Endorse", "Return", "HandleNationally", "Submit", "Withdraw", "EndSupport",
        "FileReport", "Close",
    ];
    const REASONS: &[&str] = Rejection::REASONS;

    fn draw(&self, lots: &mut Rng, now: Timestamp) -> (Command<Self>, Actor) {
        let (hospital, facts) = declared(lots);
        let authority = some_authority(lots);
        let spoc = if lots.seldom(4) { Some(spoc_id("xx-spoc")) } else { authority.spoc.clone() };
        let until = one_of(lots, [now, now.plus(DAY)]);
        let signed = Mandate { hospital: cast::hospital(0).id, until, ..values::mandate() };
        let mandate = one_of(lots, [None, None, Some(signed)]);
        let reason = *lots.pick(CloseReason::ALL).unwrap();
        let document_sha256 = one_of(lots, ["0".repeat(64), "1".repeat(64), "no hash".to_owned()]);
        let report = SummaryReport { aim_reached: true, hours_to_emergency_care: None, document_sha256 };
        let open = Ask::Open { hospital, facts: facts.clone(), contact: subject_ref("contact-1"), live: true };
        let command = match lots.below(40) {
            _ if self.asked.is_none() && !lots.seldom(3) => open,
            0 => open,
            1..=2 => Ask::Amend { facts, live: true },
            3 => Ask::Link { to: request_id(one_of(lots, ["earlier", "other"])) },
            4..=14 => Ask::Endorse { authority, mandate },
            15 => Ask::Withdraw { reason: words(lots) },
            16..=18 => {
                let reason = one_of(lots, [ReturnReason::FactsMissing, ReturnReason::Other]);
                Ask::Return { authority, reason, note: words(lots) }
            }
            19 if lots.seldom(2) => Ask::HandleNationally { authority, note: words(lots) },
            19..=34 => Ask::Submit { authority, spoc, mandate },
            35 => Ask::EndSupport,
            36..=38 => Ask::FileReport(report),
            _ => Ask::Close { reason },
        };
        (command, actor(one_of(lots, [Role::Hospital, Role::Authority, Role::System]), "somebody"))
    }

    fn expect(&mut self, command: &Command<Self>, received: &Received) -> Expects {
        let Some((hospital, facts, contact)) = self.asked.clone() else {
            let Ask::Open { hospital, facts, contact, .. } = command else { return Err("REQUEST_NOT_FOUND") };
            return self.declare(hospital.clone(), facts, contact.clone());
        };
        match command {
            Ask::Open { hospital: h, facts: f, contact: c, .. } => {
                nothing_if((&hospital, &facts, &contact) == (h, f, c), "REQUEST_ALREADY_OPENED")
            }
            Ask::Amend { facts: new, .. } => {
                self.not_closed()?;
                require(self.at_home(), "AMEND_AFTER_SUBMIT")?;
                // To a return, even the same facts are an answer.
                if *new == facts && self.phase != "returned" {
                    return Ok(Nothing);
                }
                self.declare(hospital, new, contact)
            }
            Ask::Link { to } if self.links.contains(to) => Ok(Nothing),
            Ask::Link { to } => {
                self.not_closed()?;
                self.links.insert(to.clone());
                Ok(News)
            }
            Ask::Endorse { authority, mandate } => self.endorse(authority, mandate.as_ref(), received),
            Ask::Return { authority, reason, note } => self.send_back(authority, *reason, note),
            Ask::HandleNationally { authority, note } => self.handle_nationally(authority, note),
            Ask::Submit { authority, spoc, mandate } => {
                self.within_remit(authority)?;
                let reason = if authority.spoc.is_some() { "NOT_THE_SPOC" } else { "SUBMITS_ITSELF" };
                require(*spoc == authority.spoc, reason)?;
                self.submit(authority, mandate.as_ref(), received)
            }
            Ask::Withdraw { reason } => self.withdraw(reason, received),
            Ask::EndSupport => self.end_support(),
            Ask::FileReport(report) => self.file_report(&report.document_sha256),
            Ask::Close { reason } => self.finish(*reason),
        }
    }

    fn agrees(&self, state: &Option<Request>, _: Timestamp) -> bool {
        let Some(request) = state else { return self.asked.is_none() };
        let asked = (request.hospital.clone(), request.facts.clone(), request.contact.clone());
        (request.phase.as_str(), &request.links, Some(asked)) == (self.phase, &self.links, self.asked.clone())
    }
}

impl Life {
    fn go(&mut self, phase: &'static str, by: Option<&AuthorityId>, words: &str) -> Expects {
        (self.phase, self.by, self.words) = (phase, by.cloned(), words.to_owned());
        Ok(News)
    }

    fn close(&mut self, reason: CloseReason, by: Option<&AuthorityId>, words: &str) -> Expects {
        self.closed_as = Some(reason);
        self.go("closed", by, words)
    }

    fn at_home(&self) -> bool {
        ["opened", "returned", "endorsed"].contains(&self.phase)
    }

    fn not_closed(&self) -> Result<(), &'static str> {
        require(self.phase != "closed", "CLOSED")
    }

    /// What is over stays over.
    fn not_over(&self) -> Result<(), &'static str> {
        self.not_closed()?;
        require(self.phase != "support-ended", "SUPPORT_ENDED")?;
        require(self.phase != "withdrawn", "WITHDRAWN")
    }

    /// Until it is submitted an authority may still do something else, unless another one endorsed it.
    fn still_at_home(&self, authority: &Authority) -> Result<(), &'static str> {
        self.not_over()?;
        require(self.phase != "submitted", "ALREADY_SUBMITTED")?;
        require(self.phase != "endorsed" || self.by.as_ref() == Some(&authority.id), "ENDORSED_BY_ANOTHER")
    }

    fn declare(&mut self, hospital: HospitalId, facts: &Facts, contact: SubjectRef) -> Expects {
        require(!facts.needs.services.is_empty() && !facts.exercise, "FACTS_INVALID")?;
        self.asked = Some((hospital, facts.clone(), contact));
        self.go("opened", None, "")
    }

    /// Art 14(3): every authority in its own country, CERT-EU anywhere.
    fn within_remit(&self, authority: &Authority) -> Result<(), &'static str> {
        let here = self.asked.as_ref().map(|(_, facts, _)| facts.country);
        require(authority.kind == AuthorityKind::CertEu || authority.country == here, "OUTSIDE_REMIT")
    }

    /// Muster itself acts by a mandate alone: for this hospital and authority, in its period.
    fn mandated(
        &self,
        authority: &Authority,
        mandate: Option<&Mandate>,
        Received { at, by }: &Received,
    ) -> Result<(), &'static str> {
        let Some(mandate) = mandate else { return require(by.role != Role::System, "NO_MANDATE") };
        let hospital = self.asked.as_ref().map(|(hospital, ..)| hospital);
        let named = Some(&mandate.hospital) == hospital && mandate.authority == authority.id;
        require(named && mandate.from <= *at && *at < mandate.until, "NOT_MANDATED")
    }

    fn endorse(&mut self, authority: &Authority, mandate: Option<&Mandate>, received: &Received) -> Expects {
        self.within_remit(authority)?;
        self.not_over()?;
        if self.phase == "endorsed" || self.phase == "submitted" {
            return nothing_if(self.by.as_ref() == Some(&authority.id), "ENDORSED_BY_ANOTHER");
        }
        self.mandated(authority, mandate, received)?;
        self.go("endorsed", Some(&authority.id), "")
    }

    fn send_back(&mut self, authority: &Authority, reason: ReturnReason, note: &str) -> Expects {
        self.within_remit(authority)?;
        self.still_at_home(authority)?;
        let words = format!("{reason}: {note}");
        if self.phase == "returned" {
            return self.said_before(authority, &words, "ALREADY_RETURNED");
        }
        fit(note, reason == ReturnReason::Other)?;
        self.go("returned", Some(&authority.id), &words)
    }

    fn handle_nationally(&mut self, authority: &Authority, note: &str) -> Expects {
        self.within_remit(authority)?;
        if self.closed_as == Some(CloseReason::HandledNationally) {
            return self.said_before(authority, note, "CLOSED");
        }
        self.still_at_home(authority)?;
        fit(note, true)?;
        self.close(CloseReason::HandledNationally, Some(&authority.id), note)
    }

    fn said_before(&self, by: &Authority, words: &str, reason: &'static str) -> Expects {
        nothing_if(self.by.as_ref() == Some(&by.id) && self.words == words, reason)
    }

    fn submit(&mut self, authority: &Authority, mandate: Option<&Mandate>, received: &Received) -> Expects {
        if self.phase == "submitted" && self.by.as_ref() == Some(&authority.id) {
            return Ok(Nothing);
        }
        self.still_at_home(authority)?;
        require(self.phase == "endorsed", "NOT_ENDORSED")?;
        self.mandated(authority, mandate, received)?;
        self.go("submitted", Some(&authority.id), "")
    }

    fn withdraw(&mut self, reason: &str, received: &Received) -> Expects {
        if (self.phase == "withdrawn" || self.closed_as == Some(CloseReason::Withdrawn)) && self.words == reason {
            return Ok(Nothing);
        }
        self.not_over()?;
        require(self.at_home() || received.by.role != Role::Hospital, "USER_WITHDRAWS")?;
        fit(reason, true)?;
        if self.at_home() {
            self.close(CloseReason::Withdrawn, None, reason)
        } else {
            self.go("withdrawn", None, reason)
        }
    }

    fn end_support(&mut self) -> Expects {
        require(!self.at_home(), "NOT_SUBMITTED")?;
        if self.phase == "support-ended" || self.closed_as == Some(CloseReason::Reported) {
            return Ok(Nothing);
        }
        self.not_closed()?;
        self.go("support-ended", None, "")
    }

    fn file_report(&mut self, hash: &str) -> Expects {
        require(!self.at_home(), "NOT_SUBMITTED")?;
        if self.closed_as == Some(CloseReason::Reported) && self.words == hash {
            return Ok(Nothing);
        }
        self.not_closed()?;
        require(self.phase == "support-ended", "SUPPORT_NOT_ENDED")?;
        require(hash.len() == 64, "FIELDS_INVALID")?;
        self.close(CloseReason::Reported, None, hash)
    }

    /// The desk says that nothing follows: by a refusal, by no provider at all, or by a withdrawal that came first.
    fn finish(&mut self, reason: CloseReason) -> Expects {
        if self.closed_as == Some(reason) {
            return Ok(Nothing);
        }
        self.not_closed()?;
        let over = match reason {
            CloseReason::Refused | CloseReason::Unserved => ["submitted", "withdrawn"].contains(&self.phase),
            CloseReason::Withdrawn => self.phase == "withdrawn",
            CloseReason::HandledNationally | CloseReason::Reported => false,
        };
        require(over, "NOT_OVER")?;
        let words = self.words.clone();
        self.close(reason, None, &words)
    }
}

fn fit(words: &str, needed: bool) -> Result<(), &'static str> {
    require(words.len() <= 2_000 && !(needed && words.is_empty()), "FIELDS_INVALID")
}

/// A hospital and what it declares: mostly the same.
fn declared(lots: &mut Rng) -> (HospitalId, Facts) {
    let hospital = cast::hospital(one_of(lots, [0, 0, 0, 0, 0, 3, 2]));
    let mut facts = cast::facts(&hospital, one_of(lots, [0, 0, 0, 1]));
    match lots.below(12) {
        0 => facts.needs.services.clear(),
        1 => facts.exercise = true,
        _ => {}
    }
    (hospital.id, facts)
}

/// Mostly the French CSIRT.
fn some_authority(lots: &mut Rng) -> Authority {
    let [fr, be, md] = ["FR", "BE", "MD"].map(|code| cast::authority(country(code), 0));
    let other = one_of(lots, [cast::crisis_authority(country("FR")), values::cert_eu(), be, md]);
    if lots.seldom(3) { other } else { fr }
}
