//! What nobody expects: commands to things in the wrong state, by the wrong people, with wrong words.

use std::collections::BTreeSet;

use muster_domain::{
    dispatch::{
        desk,
        events::{DeclineReason, Stage},
    },
    eligibility::{
        assessment,
        events::{Cut, Finding, Outcome},
    },
    intake::{
        events::{ReturnReason, Spillover, SummaryReport},
        request,
    },
    kernel::{Actor, OfferId, PackageId, ProviderId, RequestId, Role, Timestamp},
};
use muster_golden::values::{country, offer_id, package_id, provider_id, request_id, subject_ref};

use super::{Asked, People, doing::officer};
use crate::run::cast::{self, actor};

impl People {
    /// Somebody tries something.
    pub(super) fn meddle(&mut self, now: Timestamp) -> Asked {
        match self.rng.below(24) {
            20.. => self.meddle_with_registry(now),
            0..=7 => {
                let request = self.some_request();
                self.meddle_with_request(request)
            }
            8..=12 => self.meddle_with_assessment(now),
            13..=18 => self.meddle_with_desk(now),
            _ => self.access(now),
        }
    }

    /// Some request; now and then one that nobody opened.
    fn some_request(&mut self) -> RequestId {
        let known: Vec<RequestId> = self.requests.keys().cloned().collect();
        let some = self.rng.pick(&known).cloned();
        some.filter(|_| !self.rng.seldom(12)).unwrap_or_else(|| request_id("nobodys"))
    }

    /// Words, sometimes none, sometimes such as may not stand in the log.
    pub(super) fn words(&mut self) -> String {
        match self.rng.below(6) {
            0 => String::new(),
            1 => "x".repeat(20_000),
            2 => "other words".to_owned(),
            _ => "because".to_owned(),
        }
    }

    pub(super) fn meddle_with_request(&mut self, request: RequestId) -> Asked {
        let fallback = || (cast::hospital(0), cast::authority(country("FR"), 0));
        let (hospital, own) = self.parties(&request).unwrap_or_else(fallback);
        let authority = match self.rng.below(5) {
            0 => cast::authority(country("BE"), 0),
            1 => cast::crisis_authority(country("FR")),
            _ => own,
        };
        let by = actor(Role::Authority, authority.id.as_str());
        let hospital_acts = actor(Role::Hospital, hospital.id.as_str());
        let mut facts = cast::facts(&hospital, self.rng.shape());
        if self.rng.seldom(3) {
            facts.needs.services = BTreeSet::new();
        }
        let (command, by) = match self.rng.below(9) {
            0 => {
                let (id, contact) = (hospital.id, subject_ref("contact-2"));
                (request::Command::Open { hospital: id, facts, contact, live: true }, hospital_acts)
            }
            1 => (request::Command::Amend { facts, live: true }, hospital_acts),
            2 => (request::Command::Endorse { authority, mandate: None }, by),
            3 => {
                let reason = if self.rng.seldom(2) { ReturnReason::Other } else { ReturnReason::FactsMissing };
                (request::Command::Return { authority, reason, note: self.words() }, by)
            }
            4 => (request::Command::HandleNationally { authority, note: self.words() }, by),
            5 => {
                let spoc = authority.spoc.clone().filter(|_| !self.rng.seldom(3));
                let other = muster_golden::values::spoc_id("xx-spoc");
                let spoc = if self.rng.seldom(4) { Some(other) } else { spoc };
                (request::Command::Submit { authority, spoc, mandate: None }, by)
            }
            6 => (request::Command::Withdraw { reason: self.words() }, hospital_acts),
            7 => {
                if self.rng.seldom(3) {
                    (request::Command::Withdraw { reason: self.words() }, by)
                } else {
                    return Vec::new();
                }
            }
            _ => {
                let document_sha256 = if self.rng.seldom(3) { "no hash".to_owned() } else { "1".repeat(64) };
                let report = SummaryReport { aim_reached: false, hours_to_emergency_care: None, document_sha256 };
                (request::Command::FileReport(report), by)
            }
        };
        self.to_request(&request, command, by)
    }

    fn somebody(&mut self) -> Actor {
        match self.rng.below(5) {
            0 => officer("anna"),
            1 => officer("bert"),
            2 => actor(Role::Commission, "carla"),
            3 => actor(Role::Hospital, "hospital-fr-0"),
            _ => actor(Role::Commission, "anna"),
        }
    }

    fn meddle_with_assessment(&mut self, now: Timestamp) -> Asked {
        let request = self.some_request();
        let by = self.somebody();
        let reason = self.words();
        let command = match self.rng.below(5) {
            0 => {
                let finding = match self.rng.below(3) {
                    0 => Finding::Spillover(Spillover::Unknown),
                    1 => Finding::HospitalsAffected(2),
                    _ => Finding::Spillover(Spillover::High),
                };
                assessment::Command::Resolve { finding, reason }
            }
            1 => {
                let bands = [self.band(), self.band(), self.band(), 1, if self.rng.seldom(6) { 9 } else { 2 }];
                assessment::Command::ProposeOverride { bands, reason }
            }
            2 => assessment::Command::ApproveOverride { bands: [self.band(), 2, 2, 1, 2] },
            _ => {
                let outcome = self.rng.pick(&[Outcome::Granted, Outcome::Refused, Outcome::PartlyGranted]).copied();
                let outcome = outcome.unwrap_or(Outcome::Granted);
                let cuts = if self.rng.seldom(3) {
                    vec![Cut { what: "teams".to_owned(), reason: "few".to_owned() }]
                } else {
                    vec![]
                };
                let late = now.plus(std::time::Duration::from_secs(3600));
                let mut act = cast::act(1, cast::at(-10), late);
                act.days_max = Some(1).filter(|_| self.rng.seldom(2));
                let council_act = Some(act).filter(|_| !self.rng.seldom(4));
                assessment::Command::Decide { outcome, terms: None, cuts, reason, council_act }
            }
        };
        self.to_assessment(&request, command, by)
    }

    /// Some offer and its provider; now and then one that was never made, or somebody else's.
    fn some_offer(&mut self) -> (OfferId, ProviderId) {
        let (offer, provider) =
            self.rng.pick(&self.offers).cloned().unwrap_or_else(|| (offer_id("o-0"), provider_id("firm-0")));
        match self.rng.below(12) {
            0 => (offer_id("o-999999"), provider),
            1 => (offer, provider_id("firm-7")),
            _ => (offer, provider),
        }
    }

    fn some_package(&mut self) -> PackageId {
        let some = self.rng.pick(&self.packages).cloned().filter(|_| !self.rng.seldom(10));
        some.unwrap_or_else(|| package_id("nobodys"))
    }

    fn meddle_with_desk(&mut self, now: Timestamp) -> Asked {
        let (offer, by) = self.some_offer();
        let who = actor(Role::Provider, by.as_str());
        let days_used = u32::try_from(self.rng.below(40)).unwrap_or(0);
        let anna = officer("anna");
        let (command, who) = match self.rng.below(13) {
            0 => (desk::Command::See { offer, by }, who),
            1 | 2 => (desk::Command::Accept { offer, by }, who),
            3 => {
                let reason = if self.rng.seldom(2) { DeclineReason::Other } else { DeclineReason::NoCapacity };
                (desk::Command::Decline { offer, by, reason, note: self.words() }, who)
            }
            4 => (desk::Command::Rescind { offer, note: self.words() }, anna),
            5 => (desk::Command::Reopen { package: self.some_package(), note: self.words() }, anna),
            6 => (desk::Command::GiveUp { package: self.some_package(), note: self.words() }, anna),
            7 => {
                let stage = self.rng.pick(&[Stage::Mobilising, Stage::OnTask, Stage::Recovering, Stage::Completed]);
                (desk::Command::ReachStage { offer, by, stage: stage.copied().unwrap_or(Stage::OnTask) }, who)
            }
            8 => (desk::Command::ReportDays { offer, by, days_used }, who),
            9 => (desk::Command::Complete { offer, by, days_used }, who),
            10 => (desk::Command::Fail { offer, by, note: self.words(), days_used }, who),
            11 => (desk::Command::Release { offer, note: self.words() }, anna),
            _ => {
                let hours = self.rng.below(3_000).saturating_mul(3600);
                let ends_at = now.plus(std::time::Duration::from_secs(hours));
                let person_days = if self.rng.seldom(2) { 5_000 } else { 1 };
                (desk::Command::Extend { offer, ends_at, person_days }, anna)
            }
        };
        self.to_desk(command, who)
    }
}
