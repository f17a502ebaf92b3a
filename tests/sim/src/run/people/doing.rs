//! What each act is in commands.

use futures::executor::block_on;
use muster_domain::{
    dispatch::{
        desk,
        events::{DeclineReason, Stage},
    },
    eligibility::{
        assessment::{self, Assessment},
        events::{Criterion, Cut, Finding, Outcome},
        policy,
    },
    event::Event,
    intake::{
        events::{Emergency, ReturnReason, Spillover, SummaryReport},
        request,
    },
    kernel::{Actor, Aggregate, MandateId, OfferId, ProviderId, RequestId, Role, Timestamp},
    registry::{
        authority,
        catalogue::Catalogue,
        events::{Annex, Authority, Hospital, Realm, RealmClock},
        hospital, mandate, provider, realm, requirement, third_country,
        third_country::ThirdCountry,
    },
};
use muster_golden::values::{country, mandate_id, realm_id, request_id, subject_ref};
use muster_journal::{
    engine::entity::Entity,
    port::{Journal, Subject},
};

use super::{Act, Asked, Direct, HOUR, Later, MINUTE, People, Say, Work};
use crate::run::{
    asked::Command,
    cast::{self, actor},
    process::Call,
    sea::Sea,
};

/// How many of the realm's first records there are.
pub(super) const FOUNDED: u8 = 17;

pub(super) fn officer(name: &str) -> Actor {
    actor(Role::Officer, name)
}

pub(super) fn operator() -> Actor {
    actor(Role::Operator, "operator-1")
}

fn note() -> String {
    "because".to_owned()
}

/// An aggregate's newest state, as whoever looks closely sees it.
pub(super) fn look<A: Aggregate>(sea: &Sea, subject: &Subject) -> A::State
where
    A::Event: TryFrom<Event> + Into<Event>,
{
    let records = block_on(sea.memory.load(subject, 0)).unwrap_or_default();
    records.iter().try_fold(Entity::<A>::default(), Entity::take).unwrap_or_default().state
}

impl People {
    /// What is asked for an act, and what follows by itself.
    pub(super) fn does(&mut self, act: Act, now: Timestamp, sea: &Sea) -> (Asked, Later) {
        let asked = match act {
            Act::Found(n) => self.found(n),
            Act::Open(hospital) => self.open(hospital),
            Act::Flood(times) => (0..times).flat_map(|_| self.open_anywhere()).collect(),
            Act::Amend(request) => self.amend(&request),
            Act::Deal(request) => self.deal(&request),
            Act::Submit(request) => self.submit(&request),
            Act::Withdraw(request) => self.withdraw(&request),
            Act::Report(request) => self.report(&request),
            Act::Judge(request) => return self.judge(&request, now, sea),
            Act::Override(request) => self.rank(&request),
            Act::Approve(request, bands) => self.approve(&request, bands),
            Act::Answer(offer, provider, say) => self.answer(offer, &provider, say),
            Act::Work(offer, provider, work) => self.work(offer, &provider, work),
            Act::Direct(direct) => self.direct(direct, now),
            Act::Enrol(n) => self.enrol(n),
            Act::Suspend(n) => {
                let by = officer("anna");
                self.to_provider(&cast::firm(n, 0).id, provider::Command::ProposeSuspension { reason: note() }, by)
            }
            Act::Suspended(provider) => {
                let by = officer(if self.rng.seldom(4) { "anna" } else { "bert" });
                self.to_provider(&provider, provider::Command::ApproveSuspension, by)
            }
            Act::Reinstate(provider) => {
                self.to_provider(&provider, provider::Command::Reinstate { reason: note() }, officer("anna"))
            }
            Act::Sign(n) => self.sign(n, now),
            Act::Countersign(mandate) => self.answer_mandate(&mandate, true),
            Act::Revoke(mandate) => self.answer_mandate(&mandate, false),
            Act::Require => {
                let requirement = cast::requirement(self.rng.shape());
                let subject = self.subjects.requirement(requirement.member_state).ok();
                let command = Command::Requirement(requirement::Command::Set(requirement));
                subject.map(|subject| (subject, command, operator())).into_iter().collect()
            }
            Act::Policy => {
                let policy = cast::policy(self.policy.saturating_add(1), self.rng.shape());
                self.to_policy(policy::Command::Propose(policy), "anna")
            }
            Act::Force(policy) => {
                let by = if self.rng.seldom(5) { "anna" } else { "bert" };
                self.to_policy(policy::Command::Approve(*policy), by)
            }
            Act::Meddle => self.meddle(now),
            Act::Cross(request) => self.meddle_with_request(request),
        };
        (asked, Vec::new())
    }

    /// The realm, its parties, and a mandate and a policy for some.
    fn found(&mut self, n: u8) -> Asked {
        let authorities = cast::authorities();
        let one = match n {
            0 => {
                let opened = Realm { id: realm_id("live"), clock: RealmClock::System };
                (self.subjects.realm().ok(), Command::Realm(realm::Command::Open(opened)))
            }
            1..=5 => {
                let Some(user) = authorities.into_iter().nth(usize::from(n - 1)) else { return Vec::new() };
                let subject = self.subjects.authority(&user.id).ok();
                (subject, Command::Authority(authority::Command::Register(user)))
            }
            6..=8 => return self.enrol(n - 6),
            9..=14 => {
                let record = cast::hospital(n - 9);
                let subject = self.subjects.hospital(&record.id).ok();
                (subject, Command::Hospital(hospital::Command::Register(record)))
            }
            15 => {
                let until = cast::at(if self.rng.seldom(2) { self.rng.between(1, 50) } else { 300 });
                let mut act = cast::act(1, cast::at(-10), until);
                if self.rng.seldom(6) {
                    act.days_max = Some(1);
                }
                let subject = self.subjects.third_country(act.country).ok();
                (subject, Command::ThirdCountry(third_country::Command::Authorise(act)))
            }
            _ => return if self.rng.seldom(2) { self.sign(0, cast::at(0)) } else { Vec::new() },
        };
        one.0.map(|subject| (subject, one.1, operator())).into_iter().collect()
    }

    /// A call that nothing can be against: a hospital has another name.
    pub fn tail(&mut self) -> Call {
        self.made = self.made.saturating_add(1);
        let record = Hospital { name: format!("hospital {}", self.made), ..cast::hospital(0) };
        let subject = self.subjects.hospital(&record.id).unwrap_or_else(|_| unreachable!("ids of the cast are tokens"));
        self.call_anew(subject, Command::Hospital(hospital::Command::Register(record)), operator())
    }

    fn enrol(&mut self, n: u8) -> Asked {
        let terms = cast::firm(n, self.rng.shape());
        let id = terms.id.clone();
        let command = provider::Command::Enrol { terms, catalogue: Catalogue::default() };
        self.to_provider(&id, command, operator())
    }

    pub(super) fn to_provider(&self, id: &ProviderId, command: provider::Command, by: Actor) -> Asked {
        let subject = self.subjects.provider(id).ok();
        subject.map(|subject| (subject, Command::Provider(Box::new(command)), by)).into_iter().collect()
    }

    pub(super) fn to_policy(&self, command: policy::Command, by: &str) -> Asked {
        let subject = self.subjects.policy().ok();
        subject.map(|subject| (subject, Command::Policy(command), officer(by))).into_iter().collect()
    }

    pub(super) fn to_request(&self, request: &RequestId, command: request::Command, by: Actor) -> Asked {
        let subject = self.subjects.request(request).ok();
        subject.map(|subject| (subject, Command::Request(Box::new(command)), by)).into_iter().collect()
    }

    pub(super) fn to_assessment(&self, request: &RequestId, command: assessment::Command, by: Actor) -> Asked {
        let subject = self.subjects.assessment(request).ok();
        subject.map(|subject| (subject, Command::Assessment(Box::new(command)), by)).into_iter().collect()
    }

    pub(super) fn to_desk(&self, command: desk::Command, by: Actor) -> Asked {
        let subject = self.subjects.desk().ok();
        subject.map(|subject| (subject, Command::Desk(Box::new(command)), by)).into_iter().collect()
    }

    fn sign(&mut self, n: u8, now: Timestamp) -> Asked {
        let hospital = cast::hospital(n);
        let authority = cast::authority(hospital.member_state, 0);
        self.made = self.made.saturating_add(1);
        let id = mandate_id(&format!("mandate-{n}-{}", self.made % 3));
        let Ok(subject) = self.subjects.mandate(&id) else { return Vec::new() };
        let by = actor(Role::Authority, authority.id.as_str());
        let sign = mandate::Command::Sign { id, hospital: hospital.id, authority, from: now, until: cast::at(17_000) };
        vec![(subject, Command::Mandate(sign), by)]
    }

    fn answer_mandate(&mut self, id: &MandateId, countersign: bool) -> Asked {
        let Ok(subject) = self.subjects.mandate(id) else { return Vec::new() };
        let hospital = id.as_str().split('-').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        let authority = cast::authority(cast::hospital(hospital).member_state, 0);
        let Some(spoc) = authority.spoc.clone() else { return Vec::new() };
        let (command, by) = if countersign {
            (mandate::Command::Countersign { spoc: spoc.clone() }, actor(Role::Spoc, spoc.as_str()))
        } else {
            let party = mandate::Party::Authority(authority.id.clone());
            let by = actor(Role::Authority, authority.id.as_str());
            (mandate::Command::Revoke { by: party, reason: note() }, by)
        };
        vec![(subject, Command::Mandate(command), by)]
    }

    fn open_anywhere(&mut self) -> Asked {
        let hospital = self.rng.byte() % cast::HOSPITALS;
        self.open(hospital)
    }

    fn open(&mut self, n: u8) -> Asked {
        let request = request_id(&format!("r{}", self.requests.len()));
        let hospital = cast::hospital(n);
        let (facts, contact, id) = (cast::facts(&hospital, self.rng.shape()), subject_ref("contact-1"), hospital.id);
        self.requests.insert(request.clone(), n);
        let by = actor(Role::Hospital, id.as_str());
        self.to_request(&request, request::Command::Open { hospital: id, facts, contact, live: true }, by)
    }

    /// The hospital behind a request, and who speaks for it.
    pub(super) fn parties(&self, request: &RequestId) -> Option<(Hospital, Authority)> {
        let n = *self.requests.get(request)?;
        let hospital = cast::hospital(n);
        let authority = cast::authority(hospital.member_state, n);
        Some((hospital, authority))
    }

    fn amend(&mut self, request: &RequestId) -> Asked {
        let Some((hospital, _)) = self.parties(request) else { return Vec::new() };
        let facts = cast::facts(&hospital, self.rng.shape());
        let by = actor(Role::Hospital, hospital.id.as_str());
        self.to_request(request, request::Command::Amend { facts, live: true }, by)
    }

    fn deal(&mut self, request: &RequestId) -> Asked {
        let Some((_, authority)) = self.parties(request) else { return Vec::new() };
        let by = actor(Role::Authority, authority.id.as_str());
        let command = match self.rng.below(20) {
            0 => request::Command::Return { authority, reason: ReturnReason::FactsMissing, note: note() },
            1 => request::Command::HandleNationally { authority, note: note() },
            2 => return Vec::new(),
            _ => request::Command::Endorse { authority, mandate: None },
        };
        self.to_request(request, command, by)
    }

    fn submit(&mut self, request: &RequestId) -> Asked {
        let Some((_, authority)) = self.parties(request) else { return Vec::new() };
        let spoc = authority.spoc.clone();
        let by = match &spoc {
            Some(spoc) => actor(Role::Spoc, spoc.as_str()),
            None => actor(Role::Authority, authority.id.as_str()),
        };
        self.to_request(request, request::Command::Submit { authority, spoc, mandate: None }, by)
    }

    fn withdraw(&mut self, request: &RequestId) -> Asked {
        let Some((_, authority)) = self.parties(request) else { return Vec::new() };
        let by = actor(Role::Authority, authority.id.as_str());
        self.to_request(request, request::Command::Withdraw { reason: note() }, by)
    }

    fn report(&mut self, request: &RequestId) -> Asked {
        let Some((_, authority)) = self.parties(request) else { return Vec::new() };
        let by = actor(Role::Authority, authority.id.as_str());
        let document_sha256 = "0".repeat(64);
        let report = SummaryReport { aim_reached: true, hours_to_emergency_care: Some(9), document_sha256 };
        self.to_request(request, request::Command::FileReport(report), by)
    }

    /// Whoever answers: finds out what is missing, then decides.
    fn judge(&mut self, request: &RequestId, now: Timestamp, sea: &Sea) -> (Asked, Later) {
        let Ok(subject) = self.subjects.assessment(request) else { return (Vec::new(), Vec::new()) };
        let state = look::<Assessment>(sea, &subject);
        let assessment::State::Open(known) = &state else { return (Vec::new(), Vec::new()) };
        let by = actor(known.submission.answered_by(), "anna");
        let again = vec![(self.rng.magnitude(MINUTE / 2, 2 * HOUR), Act::Judge(request.clone()))];
        if let Some(missing) = known.missing().into_iter().next() {
            let finding = self.finding(missing);
            let command = assessment::Command::Resolve { finding, reason: note() };
            return (self.to_assessment(request, command, by), again);
        }
        let fails = known.failed().next().is_some();
        let third = known.submission.answered_by() == Role::Commission;
        let access = self.subjects.third_country(country("MD")).map(|subject| look::<ThirdCountry>(sea, &subject));
        let mut council_act = access.ok().and_then(|access| access.act_in_force(now).cloned()).filter(|_| third);
        if let Some(act) = council_act.as_mut().filter(|_| self.rng.seldom(3)) {
            // Another act has followed, with a cap that is passed at once.
            act.days_max = Some(1);
        }
        let (outcome, terms, cuts) = match self.rng.below(8) {
            _ if fails => (Outcome::Refused, None, vec![]),
            0 => (Outcome::Refused, None, vec![]),
            1 | 2 if known.requested().person_days > 1 => {
                let mut terms = known.requested();
                terms.person_days = terms.person_days.saturating_sub(1);
                (Outcome::PartlyGranted, Some(terms), vec![Cut { what: "person_days".to_owned(), reason: note() }])
            }
            _ => (Outcome::Granted, None, vec![]),
        };
        let reason = "as the law has it".to_owned();
        let command = assessment::Command::Decide { outcome, terms, cuts, reason, council_act };
        (self.to_assessment(request, command, by), again)
    }

    fn finding(&mut self, missing: &str) -> Finding {
        let luck = self.rng.below(4);
        if missing.contains("emergency") {
            Finding::Emergency(if luck == 0 { Emergency::Diverted } else { Emergency::Open })
        } else if missing.contains("hospitals") {
            Finding::HospitalsAffected(if luck == 0 { 5 } else { 1 })
        } else if missing.contains("spillover") {
            Finding::Spillover(Spillover::Low)
        } else if missing.contains("annex") {
            Finding::Annex(Annex::One)
        } else {
            Finding::NotRelevant(Criterion::Measures)
        }
    }

    fn rank(&mut self, request: &RequestId) -> Asked {
        let bands = [self.band(), self.band(), 2, 1, 2];
        let command = assessment::Command::ProposeOverride { bands, reason: note() };
        self.to_assessment(request, command, officer("bert"))
    }

    pub(super) fn band(&mut self) -> u8 {
        self.rng.byte() % 5
    }

    fn approve(&mut self, request: &RequestId, bands: [u8; 5]) -> Asked {
        let by = if self.rng.seldom(5) { officer("bert") } else { actor(Role::Commission, "carla") };
        self.to_assessment(request, assessment::Command::ApproveOverride { bands }, by)
    }

    fn answer(&mut self, offer: OfferId, provider: &ProviderId, say: Say) -> Asked {
        let by = provider.clone();
        let command = match say {
            Say::See => desk::Command::See { offer, by },
            Say::Accept => desk::Command::Accept { offer, by },
            Say::Decline => {
                let conflict = self.rng.seldom(4);
                let reason = if conflict { DeclineReason::Conflict } else { DeclineReason::NoCapacity };
                desk::Command::Decline { offer, by, reason, note: note() }
            }
        };
        self.to_desk(command, actor(Role::Provider, provider.as_str()))
    }

    pub(super) fn work(&mut self, offer: OfferId, provider: &ProviderId, work: Work) -> Asked {
        let by = provider.clone();
        let days = self.days.entry(offer.clone()).or_default();
        let more = days.saturating_add(u32::try_from(self.rng.below(3)).unwrap_or(0));
        let command = match work {
            Work::OnTask => desk::Command::ReachStage { offer, by, stage: Stage::OnTask },
            Work::Recovering => desk::Command::ReachStage { offer, by, stage: Stage::Recovering },
            Work::TooManyDays => desk::Command::ReportDays { offer, by, days_used: 10_000 },
            Work::Days => {
                *days = more;
                desk::Command::ReportDays { offer, by, days_used: more }
            }
            Work::Complete => desk::Command::Complete { offer, by, days_used: *days },
            Work::Fail => desk::Command::Fail { offer, by, note: note(), days_used: *days },
        };
        self.to_desk(command, actor(Role::Provider, provider.as_str()))
    }

    pub(super) fn direct(&mut self, direct: Direct, now: Timestamp) -> Asked {
        let note = note();
        let command = match direct {
            Direct::Rescind(offer) => desk::Command::Rescind { offer, note },
            Direct::Release(offer) => desk::Command::Release { offer, note },
            Direct::Extend(offer) => {
                let hours = self.rng.below(2_000).saturating_mul(3600);
                let ends_at = now.plus(std::time::Duration::from_secs(hours));
                let person_days = u32::try_from(self.rng.below(40)).unwrap_or(0);
                desk::Command::Extend { offer, ends_at, person_days }
            }
            Direct::Reopen(package) => desk::Command::Reopen { package, note },
            Direct::GiveUp(package) => desk::Command::GiveUp { package, note },
        };
        self.to_desk(command, officer("anna"))
    }

    /// Moldova's access ends, or begins anew.
    pub(super) fn access(&mut self, now: Timestamp) -> Asked {
        let Ok(subject) = self.subjects.third_country(country("MD")) else { return Vec::new() };
        let command = if self.rng.seldom(2) {
            third_country::Command::Repeal { reference: "act 1".to_owned() }
        } else {
            let until = now.plus(std::time::Duration::from_secs(3600 * 500));
            third_country::Command::Authorise(cast::act(self.rng.byte() % 4, now, until))
        };
        vec![(subject, Command::ThirdCountry(command), operator())]
    }
}
