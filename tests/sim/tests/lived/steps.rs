//! What random histories are made of, and what each step does to the world.

use muster_domain::{
    dispatch::{
        desk::{self, OfferState},
        events::{DeclineReason, Stage},
    },
    eligibility::{
        assessment::{self, Assessment},
        events::{Criterion, Cut, Finding, Outcome, Policy},
        policy,
    },
    intake::{
        events::{Emergency, ReturnReason, Spillover, SummaryReport},
        request::{self, Request},
    },
    kernel::{Actor, OfferId, PackageId, ProviderId, RequestId, Role, Timestamp},
    registry::{
        authority,
        catalogue::Catalogue,
        events::{Annex, Authority, CouncilAct, Hospital, Mandate, NationalRequirement, Provider, Realm, RealmClock},
        hospital, mandate, provider, realm, requirement, third_country,
        third_country::ThirdCountry,
    },
};
use muster_golden::values::{mandate_id, realm_id, subject_ref};
use proptest::prelude::*;

use crate::{
    cast::{self, actor},
    world::World,
};

/// One step. Numbers pick from what there is.
#[derive(Clone, Debug)]
pub enum Step {
    /// A firm is enrolled, or its terms are replaced.
    Enrol(u8, u16),
    /// Two officers suspend a firm; the same one cannot. If it is suspended, it may work again.
    Suspend(u8, bool),
    /// A mandate is signed for a hospital; if there is one, it is revoked.
    Mandate(u8),
    /// A country asks something of whoever works there.
    Require(u8),
    /// The Council act on Moldova is repealed; without one, another is adopted, for so many minutes.
    Act(u16),
    /// Two officers put a policy in force.
    Policy(u8),
    /// A hospital asks.
    Open(u8, u16),
    /// Something is done to a request on its way.
    Carry(u8, Carry),
    /// A request goes all the way to the grant, where nothing is against it.
    Rush(u8, u16),
    /// A provider does something with an offer or an engagement.
    Work(u8, Work),
    /// An officer does something with an offer or an engagement.
    Direct(u8, Direct),
    /// An officer does something with a package.
    Search(u8, bool),
    /// Minutes go by.
    Wait(u16),
    /// The next answer of an aggregate gets lost.
    Deaf,
    /// The desk's frame lands.
    Land,
    /// Whoever stands by for the desk reads so many records.
    StandBy(u8),
    /// The desk's writer dies; its frame lands before the next writer's, or after.
    Crash(bool),
}

/// What may be done to a request.
#[derive(Clone, Copy, Debug)]
pub enum Carry {
    Amend(u16),
    Endorse,
    Return,
    Nationally,
    Submit,
    Withdraw,
    Resolve(u8),
    Grant,
    Cut,
    Refuse,
    Override(u8, bool),
    Report,
}

/// What a provider may do.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    See,
    Accept,
    Decline,
    Stage(bool),
    Days(u8),
    Complete(u8),
    Fail,
}

/// What an officer may do.
#[derive(Clone, Copy, Debug)]
pub enum Direct {
    Rescind,
    Release,
    Extend(u8),
}

/// Any step.
pub fn step() -> impl Strategy<Value = Step> {
    let carry = prop_oneof![
        1 => any::<u16>().prop_map(Carry::Amend),
        1 => Just(Carry::Endorse),
        1 => Just(Carry::Return),
        1 => Just(Carry::Nationally),
        1 => Just(Carry::Submit),
        3 => Just(Carry::Withdraw),
        3 => any::<u8>().prop_map(Carry::Resolve),
        2 => Just(Carry::Grant),
        2 => Just(Carry::Cut),
        1 => Just(Carry::Refuse),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(bands, two)| Carry::Override(bands, two)),
        4 => Just(Carry::Report),
    ];
    let work = prop_oneof![
        1 => Just(Work::See),
        8 => Just(Work::Accept),
        3 => Just(Work::Decline),
        1 => any::<bool>().prop_map(Work::Stage),
        1 => any::<u8>().prop_map(Work::Days),
        3 => any::<u8>().prop_map(Work::Complete),
        1 => Just(Work::Fail),
    ];
    let direct = prop_oneof![Just(Direct::Rescind), Just(Direct::Release), any::<u8>().prop_map(Direct::Extend)];
    prop_oneof![
        4 => (0..5_u8, any::<u16>()).prop_map(|(n, shape)| Step::Enrol(n, shape)),
        1 => (0..5_u8, any::<bool>()).prop_map(|(n, two)| Step::Suspend(n, two)),
        1 => (0..6_u8).prop_map(Step::Mandate),
        1 => any::<u8>().prop_map(Step::Require),
        1 => (1..900_u16).prop_map(Step::Act),
        1 => any::<u8>().prop_map(Step::Policy),
        1 => (any::<u8>(), any::<u16>()).prop_map(|(n, shape)| Step::Open(n, shape)),
        6 => (any::<u8>(), carry).prop_map(|(n, carry)| Step::Carry(n, carry)),
        6 => (any::<u8>(), any::<u16>()).prop_map(|(n, shape)| Step::Rush(n, shape)),
        16 => (any::<u8>(), work).prop_map(|(n, work)| Step::Work(n, work)),
        2 => (any::<u8>(), direct).prop_map(|(n, direct)| Step::Direct(n, direct)),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(n, again)| Step::Search(n, again)),
        3 => (1..90_u16).prop_map(Step::Wait),
        1 => Just(Step::Deaf),
        5 => Just(Step::Land),
        4 => (1..60_u8).prop_map(Step::StandBy),
        1 => any::<bool>().prop_map(Step::Crash),
    ]
}

fn operator() -> Actor {
    actor(Role::Operator, "operator-1")
}

fn officer(name: &str) -> Actor {
    actor(Role::Officer, name)
}

/// Does a step; then everybody reads, reacts and looks, but the desk's frame may stay on its way.
pub fn play(world: &mut World, step: &Step) {
    world.wait(1);
    match step {
        Step::Enrol(n, shape) => enrol(world, *n, *shape),
        Step::Suspend(n, two) => suspend(world, *n, *two),
        Step::Mandate(n) => mandate(world, *n),
        Step::Require(shape) => {
            let requirement = cast::requirement(*shape);
            let subject = world.subjects.requirement(requirement.member_state).unwrap();
            let command = requirement::Command::Set(requirement);
            drop(world.ask::<NationalRequirement>(subject, command, operator()));
        }
        Step::Act(minutes) => act(world, *minutes),
        Step::Policy(shape) => put_in_force(world, *shape),
        Step::Open(n, shape) => drop(open(world, *n, *shape)),
        // The report is filed for whichever request it is due.
        Step::Carry(_, Carry::Report) => {
            (0..=u8::MAX).take(world.requests.len()).for_each(|n| carry_on(world, n, Carry::Report))
        }
        Step::Carry(n, carry) => carry_on(world, *n, *carry),
        Step::Rush(n, shape) => rush(world, *n, *shape),
        Step::Work(n, what) => work(world, *n, *what),
        Step::Direct(n, what) => direct(world, *n, *what),
        Step::Search(n, again) => search(world, *n, *again),
        Step::Wait(minutes) => world.wait(i64::from(*minutes) * 60),
        Step::Deaf => world.deaf = true,
        Step::Land => {
            world.feed();
            world.land();
        }
        Step::StandBy(count) => world.stand_by(*count),
        Step::Crash(first) => {
            if *first {
                world.crash();
                world.haunt();
            } else {
                world.haunt();
                world.crash();
            }
        }
    }
    world.react();
    world.feed();
    if !matches!(step, Step::Wait(_)) {
        world.look();
    }
}

/// The realm opens, and its parties are on record.
pub fn begin(world: &mut World) {
    let opened = Realm { id: realm_id("live"), clock: RealmClock::System };
    let subject = world.subjects.realm().unwrap();
    world.ask::<Realm>(subject, realm::Command::Open(opened), operator()).unwrap();
    for user in cast::authorities() {
        let subject = world.subjects.authority(&user.id).unwrap();
        world.ask::<Authority>(subject, authority::Command::Register(user), operator()).unwrap();
    }
    for n in 0..3 {
        enrol(world, n, n.into());
    }
    for n in 0..6 {
        let record = cast::hospital(n);
        let subject = world.subjects.hospital(&record.id).unwrap();
        world.ask::<Hospital>(subject, hospital::Command::Register(record), operator()).unwrap();
    }
    let act = cast::act();
    let subject = world.subjects.third_country(act.country).unwrap();
    world.ask::<ThirdCountry>(subject, third_country::Command::Authorise(act), operator()).unwrap();
    world.settle();
}

/// Everything ends. A month later, when the desk has taken something else and changed hands, everybody asks again for what it
/// did.
pub fn end(world: &mut World) {
    world.finish();
    world.wait(31 * 24 * 3600);
    (0..2).for_each(|shape| enrol(world, 0, shape));
    world.settle();
    world.crash();
    world.ask_again();
}

fn enrol(world: &mut World, n: u8, shape: u16) {
    let terms = cast::firm(n, shape);
    let subject = world.subjects.provider(&terms.id).unwrap();
    let command = provider::Command::Enrol { terms, catalogue: Catalogue::default() };
    world.ask::<Provider>(subject, command, operator()).unwrap();
}

fn suspend(world: &mut World, n: u8, two: bool) {
    let subject = world.subjects.provider(&cast::firm(n, 0).id).unwrap();
    let reinstate = provider::Command::Reinstate { reason: "settled".to_owned() };
    if world.ask::<Provider>(subject.clone(), reinstate, officer("anna")).is_ok() {
        return;
    }
    let propose = provider::Command::ProposeSuspension { reason: "a dispute".to_owned() };
    drop(world.ask::<Provider>(subject.clone(), propose, officer("anna")));
    let by = officer(if two { "bert" } else { "anna" });
    drop(world.ask::<Provider>(subject, provider::Command::ApproveSuspension, by));
}

/// The act in force is repealed, or another adopted.
fn act(world: &mut World, minutes: u16) {
    let country = cast::act().country;
    let subject = world.subjects.third_country(country).unwrap();
    let command = match act_in_force(world) {
        Some(act) => third_country::Command::Repeal { reference: act.reference },
        None => {
            let from = world.now();
            let until = Timestamp::from_millis(from.millis() + i64::from(minutes) * 60_000);
            third_country::Command::Authorise(CouncilAct {
                reference: format!("of {from}"),
                from,
                until,
                ..cast::act()
            })
        }
    };
    drop(world.ask::<ThirdCountry>(subject, command, operator()));
}

fn act_in_force(world: &World) -> Option<CouncilAct> {
    let subject = world.subjects.third_country(cast::act().country).unwrap();
    world.look_at::<ThirdCountry>(&subject).act_in_force(world.now()).cloned()
}

/// A mandate for a hospital is signed by both, or else taken back.
fn mandate(world: &mut World, n: u8) {
    let hospital = cast::hospital(n);
    let authority = cast::authority(hospital.member_state, 1);
    let id = mandate_id(&format!("mandate-{n}"));
    let subject = world.subjects.mandate(&id).unwrap();
    let by = actor(Role::Authority, authority.id.as_str());
    let (party, spoc) = (mandate::Party::Authority(authority.id.clone()), authority.spoc.clone().unwrap());
    let (from, until) = (world.now(), cast::at(1_000_000));
    let sign = mandate::Command::Sign { id, hospital: hospital.id, authority, from, until };
    if world.ask::<Mandate>(subject.clone(), sign, by.clone()).is_ok_and(|done| done.news) {
        let countersign = mandate::Command::Countersign { spoc: spoc.clone() };
        world.ask::<Mandate>(subject, countersign, actor(Role::Spoc, spoc.as_str())).unwrap();
    } else {
        let revoke = mandate::Command::Revoke { by: party, reason: "a new one follows".to_owned() };
        drop(world.ask::<Mandate>(subject, revoke, by));
    }
}

fn put_in_force(world: &mut World, shape: u8) {
    let subject = world.subjects.policy().unwrap();
    let policy = cast::policy(world.desk().policy.version + 1, shape);
    drop(world.ask::<Policy>(subject.clone(), policy::Command::Propose(policy.clone()), officer("anna")));
    drop(world.ask::<Policy>(subject, policy::Command::Approve(policy), officer("bert")));
}

fn open(world: &mut World, n: u8, shape: u16) -> RequestId {
    let request = RequestId::parse(&format!("r{}", world.requests.len())).unwrap();
    let (hospital, subject) = (cast::hospital(n), world.subjects.request(&request).unwrap());
    let facts = cast::facts(&hospital, shape);
    let (id, contact) = (hospital.id.clone(), subject_ref("contact-1"));
    let command = request::Command::Open { hospital: id.clone(), facts, contact, live: true };
    world.ask::<Request>(subject, command, actor(Role::Hospital, id.as_str())).unwrap();
    world.requests.insert(request.clone(), n);
    request
}

/// The n-th request, and who speaks for it.
fn request(world: &World, n: u8) -> Option<(RequestId, Hospital, Authority)> {
    let (id, hospital) = world.requests.iter().nth(usize::from(n) % world.requests.len().max(1))?;
    let (record, shape) = (cast::hospital(*hospital), *hospital);
    let authority = cast::authority(record.member_state, shape);
    Some((id.clone(), record, authority))
}

fn carry_on(world: &mut World, n: u8, carry: Carry) {
    let Some((id, hospital, user)) = request(world, n) else { return };
    let subject = world.subjects.request(&id).unwrap();
    let note = || "because".to_owned();
    let by_user = actor(Role::Authority, user.id.as_str());
    let (command, by) = match carry {
        Carry::Amend(shape) => {
            let command = request::Command::Amend { facts: cast::facts(&hospital, shape), live: true };
            (command, actor(Role::Hospital, hospital.id.as_str()))
        }
        Carry::Endorse => (request::Command::Endorse { authority: user, mandate: None }, by_user),
        Carry::Return => {
            let reason = ReturnReason::FactsMissing;
            (request::Command::Return { authority: user, reason, note: note() }, by_user)
        }
        Carry::Nationally => (request::Command::HandleNationally { authority: user, note: note() }, by_user),
        Carry::Submit => submitted(user),
        Carry::Withdraw => (request::Command::Withdraw { reason: note() }, by_user),
        Carry::Report => {
            let document_sha256 = "0".repeat(64);
            let report = SummaryReport { aim_reached: true, hours_to_emergency_care: Some(9), document_sha256 };
            (request::Command::FileReport(report), by_user)
        }
        Carry::Resolve(_) | Carry::Grant | Carry::Cut | Carry::Refuse | Carry::Override(..) => {
            return judge(world, &id, carry);
        }
    };
    drop(world.ask::<Request>(subject, command, by));
}

fn submitted(user: Authority) -> (request::Command, Actor) {
    let by = match &user.spoc {
        Some(spoc) => actor(Role::Spoc, spoc.as_str()),
        None => actor(Role::Authority, user.id.as_str()),
    };
    let spoc = user.spoc.clone();
    (request::Command::Submit { authority: user, spoc, mandate: None }, by)
}

/// What the contracting authority does with a request.
fn judge(world: &mut World, id: &RequestId, carry: Carry) {
    let subject = world.subjects.assessment(id).unwrap();
    let state = world.look_at::<Assessment>(&subject);
    let Some(known) = state.assessment() else { return };
    let by = actor(known.submission.answered_by(), "anna");
    let reason = "because".to_owned();
    let act = if known.submission.answered_by() == Role::Commission { act_in_force(world) } else { None };
    let decide = |outcome, terms, cuts| assessment::Command::Decide {
        outcome,
        terms,
        cuts,
        reason: "as the law has it".to_owned(),
        council_act: act.clone(),
    };
    let command = match carry {
        Carry::Resolve(what) => {
            let finding = match what % 5 {
                0 => Finding::Emergency(
                    [Emergency::Open, Emergency::Restricted, Emergency::Open, Emergency::Diverted]
                        [usize::from(what / 5 % 4)],
                ),
                1 => Finding::HospitalsAffected(1 + u32::from(what / 5 % 5 == 0)),
                2 => Finding::Spillover(Spillover::Low),
                3 => Finding::Annex(Annex::One),
                _ => Finding::NotRelevant(Criterion::Measures),
            };
            assessment::Command::Resolve { finding, reason }
        }
        Carry::Grant => decide(Outcome::Granted, None, vec![]),
        Carry::Cut => {
            let mut terms = known.requested();
            terms.person_days -= 1;
            let cuts = vec![Cut { what: "person_days".to_owned(), reason }];
            decide(Outcome::PartlyGranted, Some(terms), cuts)
        }
        Carry::Override(bands, two) => {
            let bands = [bands % 5, bands / 5 % 5, 2, 1, 2];
            let propose = assessment::Command::ProposeOverride { bands, reason };
            drop(world.ask::<Assessment>(subject.clone(), propose, officer("bert")));
            let approve = assessment::Command::ApproveOverride { bands };
            let by = if two { actor(Role::Commission, "carla") } else { officer("bert") };
            drop(world.ask::<Assessment>(subject, approve, by));
            return;
        }
        Carry::Refuse
        | Carry::Amend(_)
        | Carry::Endorse
        | Carry::Return
        | Carry::Nationally
        | Carry::Submit
        | Carry::Withdraw
        | Carry::Report => decide(Outcome::Refused, None, vec![]),
    };
    drop(world.ask::<Assessment>(subject, command, by));
}

/// Opened, endorsed, submitted, judged, what is not known found out, granted.
fn rush(world: &mut World, n: u8, shape: u16) {
    open(world, n, shape);
    let last = u8::try_from(world.requests.len() - 1).unwrap();
    let id = RequestId::parse(&format!("r{last}")).unwrap();
    let place = world.requests.keys().position(|known| *known == id).unwrap();
    let n = u8::try_from(place).unwrap();
    for carry in [Carry::Endorse, Carry::Submit] {
        carry_on(world, n, carry);
    }
    world.react();
    let luck = (shape >> 8) as u8 / 16 * 5;
    for carry in [Carry::Resolve(luck), Carry::Resolve(luck + 1), Carry::Resolve(2), Carry::Grant] {
        carry_on(world, n, carry);
    }
}

/// The n-th of the desk's pending offers, or of its engagements.
fn active(world: &World, n: u8, engaged: bool) -> Option<(OfferId, ProviderId)> {
    let active = world.desk().active().filter(|(_, offer)| matches!(offer.state, OfferState::Engaged(_)) == engaged);
    let active: Vec<_> = active.map(|(id, offer)| (id.clone(), offer.provider.clone())).collect();
    active.get(usize::from(n) % active.len().max(1)).cloned()
}

fn work(world: &mut World, n: u8, what: Work) {
    let engaged = !matches!(what, Work::See | Work::Accept | Work::Decline);
    let Some((offer, by)) = active(world, n, engaged) else { return };
    let who = actor(Role::Provider, by.as_str());
    let command = match what {
        Work::See => desk::Command::See { offer, by },
        Work::Accept => desk::Command::Accept { offer, by },
        Work::Decline => {
            let reason = if n.is_multiple_of(3) { DeclineReason::Conflict } else { DeclineReason::NoCapacity };
            desk::Command::Decline { offer, by, reason, note: "because".to_owned() }
        }
        Work::Stage(first) => {
            let stage = if first { Stage::OnTask } else { Stage::Recovering };
            desk::Command::ReachStage { offer, by, stage }
        }
        Work::Days(days) => desk::Command::ReportDays { offer, by, days_used: u32::from(days % 20) },
        Work::Complete(days) => desk::Command::Complete { offer, by, days_used: u32::from(days % 20) },
        Work::Fail => desk::Command::Fail { offer, by, note: "because".to_owned(), days_used: 3 },
    };
    world.ask_desk(command, who);
}

fn direct(world: &mut World, n: u8, what: Direct) {
    let Some((offer, _)) = active(world, n, !matches!(what, Direct::Rescind)) else { return };
    let note = "because".to_owned();
    let command = match what {
        Direct::Rescind => desk::Command::Rescind { offer, note },
        Direct::Release => desk::Command::Release { offer, note },
        Direct::Extend(days) => {
            let ends_at = cast::at(60_000 + i64::from(days) * 1000);
            desk::Command::Extend { offer, ends_at, person_days: u32::from(days % 40) }
        }
    };
    world.ask_desk(command, officer("anna"));
}

fn search(world: &mut World, n: u8, again: bool) {
    let packages: Vec<PackageId> = world.desk().assignments.keys().cloned().collect();
    let Some(package) = packages.get(usize::from(n) % packages.len().max(1)).cloned() else { return };
    let note = "because".to_owned();
    let command = if again { desk::Command::Reopen { package, note } } else { desk::Command::GiveUp { package, note } };
    world.ask_desk(command, officer("anna"));
}
