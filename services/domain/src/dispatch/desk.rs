//! The desk: dispatch's one deterministic state machine. It holds the queue, the ledger, the offers and the engagements, and
//! after every command it settles: each waiting package that can be matched is offered in the same commit.
//!
//! ```text
//! assignment   waiting ──▶ offered ──▶ engaged ──▶ completed
//!                 ▲  ▲────────┘ │         │
//!                 │   declined, │         │ released: failed, not mobilised, by an officer
//!                 │   expired,  ▼         │
//!                 │   rescinded lost      │
//!                 └───────────────────────┘        given up, withdrawn: from any state but completed
//! ```

mod access;
mod answer;
mod evolve;
mod finished;
mod index;
mod lapse;
mod rejection;
mod settle;
mod status;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use index::Index;
pub use rejection::Rejection;
pub use status::{EngagementStage, OfferStatus};

use crate::{
    codes::Country,
    dispatch::{
        events::{DeclineReason, DeskEvent, Fit, Package, ReleaseReason, RescindReason, Stage},
        matching::Slots,
    },
    eligibility::events::{Case, Policy, PriorityKey, Terms},
    kernel::{
        Actor, Aggregate, ContractId, Corrupt, OfferId, PackageId, PrincipalId, ProviderId, Received, RequestId, Role,
        Timestamp,
    },
    registry::events::{Capacity, CouncilAct, NationalRequirement, Provider},
};

/// Packages offered or escalated in one commit at most; a wake-up goes on with the rest.
const ASKED_PER_COMMIT_MAX: usize = 64;

/// Deadlines answered in one commit at most; a wake-up goes on with the rest.
const ENDED_PER_COMMIT_MAX: usize = 1000;

/// Bytes of candidates in one commit, about, at most: each package asked for lists the whole Reserve, and with the rest a
/// commit must stay below what a journal takes, 1 MiB.
const CONSIDERED_BYTES_MAX: usize = 640 * 1024;

/// Bytes of one candidate besides its provider's id, at most.
const CANDIDATE_BYTES_MAX: usize = 40;

/// The desk as an aggregate.
#[derive(Clone, Copy, Debug)]
pub struct DeskAggregate;

/// What the desk may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A provider was enrolled or amended.
    TakeProvider(Provider),
    /// A provider was suspended or reinstated.
    TakeSuspension {
        /// Which.
        provider: ProviderId,
        /// Whether it is suspended now.
        suspended: bool,
    },
    /// A Member State's requirement was set.
    TakeRequirement(NationalRequirement),
    /// A Council act was adopted.
    TakeCouncilAct(CouncilAct),
    /// A Council act was repealed.
    TakeRepeal {
        /// Of which third country.
        country: Country,
        /// The act's reference.
        reference: String,
    },
    /// A policy was put in force.
    TakePolicy(Policy),
    /// A request was granted, in full or in part.
    TakeGrant {
        /// The case.
        case: Case,
        /// What was granted.
        terms: Terms,
        /// Where it ranks.
        key: PriorityKey,
    },
    /// A request ranks elsewhere.
    TakePriority(PriorityKey),
    /// A request was withdrawn.
    TakeWithdrawal(RequestId),
    /// A deadline may have passed.
    Wake,
    /// A provider opened an offer.
    See {
        /// Which.
        offer: OfferId,
        /// Who.
        by: ProviderId,
    },
    /// A provider takes the work.
    Accept {
        /// Which.
        offer: OfferId,
        /// Who.
        by: ProviderId,
    },
    /// A provider does not take the work.
    Decline {
        /// Which.
        offer: OfferId,
        /// Who.
        by: ProviderId,
        /// Why.
        reason: DeclineReason,
        /// In words.
        note: String,
    },
    /// An officer takes an offer back.
    Rescind {
        /// Which.
        offer: OfferId,
        /// Why, in words.
        note: String,
    },
    /// An officer asks everybody again.
    Reopen {
        /// For which package.
        package: PackageId,
        /// In words.
        note: String,
    },
    /// An officer ends the search.
    GiveUp {
        /// For which package.
        package: PackageId,
        /// In words.
        note: String,
    },
    /// A provider reports a stage: on task or recovering.
    ReachStage {
        /// Which engagement.
        offer: OfferId,
        /// Who.
        by: ProviderId,
        /// Where it is now.
        stage: Stage,
    },
    /// A provider reports days of work.
    ReportDays {
        /// Which engagement.
        offer: OfferId,
        /// Who.
        by: ProviderId,
        /// Days used in all so far.
        days_used: u32,
    },
    /// A provider is done.
    Complete {
        /// Which engagement.
        offer: OfferId,
        /// Who.
        by: ProviderId,
        /// Days used in all.
        days_used: u32,
    },
    /// A provider cannot go on.
    Fail {
        /// Which engagement.
        offer: OfferId,
        /// Who.
        by: ProviderId,
        /// In words.
        note: String,
        /// Days used in all.
        days_used: u32,
    },
    /// An officer ends an engagement; the package is offered to others.
    Release {
        /// Which engagement.
        offer: OfferId,
        /// In words.
        note: String,
    },
    /// An officer lets support last longer.
    Extend {
        /// Which engagement.
        offer: OfferId,
        /// Until when.
        ends_at: Timestamp,
        /// Days on top.
        person_days: u32,
    },
}

/// A provider's terms as the desk took them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enlisted {
    /// The terms.
    pub provider: Provider,
    /// Whether it gets no new offers.
    pub suspended: bool,
}

/// A granted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The case.
    pub case: Case,
    /// What was granted.
    pub terms: Terms,
    /// Where it ranks.
    pub key: PriorityKey,
    /// Its packages.
    pub packages: Vec<PackageId>,
    /// Providers that declared a conflict of interest (Art 17(2)(c)): it holds for the case, whoever asks again.
    pub conflicted: BTreeSet<ProviderId>,
    /// When a provider first took work of it: days of support count from here.
    pub began_at: Option<Timestamp>,
    /// Whether nothing more will happen for it.
    pub finished: bool,
}

/// Where an assignment stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No pending offer and no engagement.
    Waiting {
        /// Whether a human was told that nobody is left to ask.
        escalated: bool,
    },
    /// Providers may answer these; there is at least one.
    Offered(BTreeSet<OfferId>),
    /// A provider is at work.
    Engaged(OfferId),
    /// Done.
    Completed,
    /// An officer ended the search.
    GivenUp,
    /// The request was withdrawn.
    Withdrawn,
}

/// The search for, and then the work of, one provider for one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The package; its days are what is left to do.
    pub package: Package,
    /// For which request.
    pub request: RequestId,
    /// Where it stands.
    pub standing: Standing,
    /// Providers that declined it, let it expire or gave it back, or from which an officer took it back; asked again only once
    /// everybody is.
    pub tried: BTreeSet<ProviderId>,
    /// Whether any provider ever took it.
    pub supported: bool,
    /// When support for it ends, once a provider was on task: whoever goes on does what is left.
    pub ends_at: Option<Timestamp>,
}

/// Where an offer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferState {
    /// The provider may answer.
    Pending {
        /// When it ends by itself.
        expires_at: Timestamp,
        /// Whether it was opened.
        seen: bool,
    },
    /// Accepted: the work runs.
    Engaged(Engagement),
    /// The provider said no.
    Declined(DeclineReason),
    /// Its time was over at this moment.
    Expired(Timestamp),
    /// The desk took it back.
    Rescinded(RescindReason),
    /// Another provider was first.
    Lost,
    /// The work is done.
    Completed {
        /// Days used in all.
        days_used: u32,
    },
    /// The work ended early.
    Released {
        /// Why.
        reason: ReleaseReason,
        /// Days used in all.
        days_used: u32,
    },
}

/// Work that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engagement {
    /// Where it is.
    pub stage: Stage,
    /// When it must be on task.
    pub mobilise_by: Timestamp,
    /// When support ends.
    pub ends_at: Timestamp,
    /// Days reserved for it and not used yet.
    pub days_reserved: u32,
    /// Days used so far.
    pub days_used: u32,
}

/// One offer to one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// For which package.
    pub package: PackageId,
    /// To whom.
    pub provider: ProviderId,
    /// Under which contract.
    pub contract: ContractId,
    /// What it takes from the ledger.
    pub takes: Slots,
    /// Whether the package had a pending offer when it was made.
    pub extra: bool,
    /// Where it stands.
    pub state: OfferState,
}

/// What is taken from one contract. Teams are taken from offer to release; days are held by an offer, reserved by an
/// engagement, used as reported, and the rest returned at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Teams taken.
    pub teams: u32,
    /// Of these, on site.
    pub onsite_teams: u32,
    /// Days held by pending offers.
    pub days_held: u32,
    /// Days reserved by engagements.
    pub days_reserved: u32,
    /// Days used.
    pub days_used: u32,
}

impl Usage {
    /// All that is taken: days held, reserved and used.
    pub fn taken(&self) -> Slots {
        let days = self.days_held.saturating_add(self.days_reserved).saturating_add(self.days_used);
        Slots { teams: self.teams, onsite: self.onsite_teams, days }
    }
}

/// What was worked out from the state and may be worked out again: no part of it.
#[derive(Clone, Debug, Default)]
struct Worked {
    /// Who may be asked for open packages, taken capacity and earlier tries aside.
    options: BTreeMap<PackageId, Admitted>,
    /// From when until when they hold, between two moments at which terms change: all that lapsed is taken back.
    hold: Option<Range<Timestamp>>,
}

/// Who may be asked for a package.
#[derive(Clone, Debug, Default)]
struct Admitted {
    /// Providers by their place among all, with their fit but for the load.
    fits: Vec<(usize, Fit)>,
    /// Their places alone: many packages have the same.
    places: Arc<[usize]>,
}

impl PartialEq for Worked {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The desk's state. What there is ever more of is shared by its copies: whoever takes over copies all of it while others read.
#[derive(Clone, Debug, PartialEq)]
pub struct Desk {
    /// The Reserve.
    pub providers: BTreeMap<ProviderId, Enlisted>,
    /// National requirements.
    pub requirements: BTreeMap<Country, NationalRequirement>,
    /// Council acts that were not repealed, by third country.
    pub acts: BTreeMap<Country, Vec<CouncilAct>>,
    /// The policy in force.
    pub policy: Policy,
    /// Granted requests.
    pub requests: BTreeMap<RequestId, Arc<Granted>>,
    /// Withdrawn requests.
    pub withdrawn: BTreeSet<RequestId>,
    /// Assignments by package.
    pub assignments: BTreeMap<PackageId, Arc<Assignment>>,
    /// Offers and engagements, ended ones too.
    pub offers: BTreeMap<OfferId, Arc<Offer>>,
    /// Those that are pending or engaged.
    pub active: BTreeSet<OfferId>,
    /// The ledger.
    pub usage: BTreeMap<(ProviderId, ContractId), Usage>,
    /// How many offers were ever made.
    pub offers_made: u64,
    index: Index,
    worked: Worked,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            providers: BTreeMap::new(),
            requirements: BTreeMap::new(),
            acts: BTreeMap::new(),
            policy: Policy::built_in(),
            requests: BTreeMap::new(),
            withdrawn: BTreeSet::new(),
            assignments: BTreeMap::new(),
            offers: BTreeMap::new(),
            active: BTreeSet::new(),
            usage: BTreeMap::new(),
            offers_made: 0,
            index: Index::default(),
            worked: Worked::default(),
        }
    }
}

impl Aggregate for DeskAggregate {
    type State = Desk;
    /// And when the desk decides it.
    type Command = (Command, Timestamp);
    type Event = DeskEvent;
    type Rejection = Rejection;

    fn decide(desk: &Desk, (command, now): Self::Command, received: &Received) -> Result<Vec<DeskEvent>, Rejection> {
        desk.clone().handle(command, received, now)
    }

    fn evolve(desk: &mut Desk, event: &DeskEvent) -> Result<(), Corrupt> {
        desk.evolve(event)
    }
}

impl Desk {
    /// Decides a command and takes the events it causes into the state: the command's own, then those of settling. A refused
    /// command changes nothing.
    ///
    /// `now` is when the desk decides: the commit's `recorded_at`, which never goes back. A command may have been received
    /// before one that was decided already, and its deadlines are judged by that; what the desk works out itself, it works
    /// out as of now.
    pub fn handle(
        &mut self,
        command: Command,
        received: &Received,
        now: Timestamp,
    ) -> Result<Vec<DeskEvent>, Rejection> {
        let wakes = command == Command::Wake;
        let mut events = self.answer(command, received, now)?;
        self.take_all(&events)?;
        if wakes || events.iter().any(unsettles) {
            for step in [Self::close, Self::lapse, Self::settle] {
                let caused = step(self, now);
                self.take_all(&caused)?;
                events.extend(caused);
            }
        }
        let finished = self.finished(&events);
        self.take_all(&finished)?;
        events.extend(finished);
        Ok(events)
    }

    fn take_all(&mut self, events: &[DeskEvent]) -> Result<(), Rejection> {
        events.iter().try_for_each(|event| self.evolve(event)).map_err(Rejection::Corrupt)
    }

    /// How many packages one commit offers or escalates at most.
    fn asked_max(&self) -> usize {
        let candidate = |id: &ProviderId| id.as_str().len().saturating_add(CANDIDATE_BYTES_MAX);
        let reserve = self.providers.keys().map(candidate).fold(1, usize::saturating_add);
        CONSIDERED_BYTES_MAX.checked_div(reserve).unwrap_or(1).clamp(1, ASKED_PER_COMMIT_MAX)
    }

    /// Whether a fact of another context changes anything for the desk.
    pub fn would_take(&self, fact: &Command, now: Timestamp) -> bool {
        let by = Actor { role: Role::System, principal: PrincipalId::default() };
        self.answer(fact.clone(), &Received { at: now, by }, now).is_ok_and(|events| !events.is_empty())
    }

    /// Whether a commit of these events may have left work that a `Wake` must go on with at once.
    pub fn is_cut_short(&self, events: &[DeskEvent]) -> bool {
        asked_in(events) >= self.asked_max() || events.len() >= ENDED_PER_COMMIT_MAX
    }

    /// The next moment at which `Wake` has something to do, after `now`.
    pub fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let expires = self.index.expiring.first().map(|(at, _)| *at);
        let mobilised = self.index.mobilising.first().map(|(at, _)| at.plus(self.policy.mobilise_grace));
        [expires, mobilised, self.terms_change_after(now)].into_iter().flatten().min()
    }

    /// What the contract in force has free; `None` without one.
    pub fn free(&self, provider: &Provider, at: Timestamp) -> Option<(ContractId, Slots)> {
        let contract = super::admissibility::contract_at(provider, at)?;
        let usage = self.usage.get(&(provider.id.clone(), contract.id.clone())).copied().unwrap_or_default();
        let Capacity { teams, onsite_teams, person_days, .. } = contract.capacity;
        let free = Slots { teams, onsite: onsite_teams, days: person_days }.without(&usage.taken());
        Some((contract.id.clone(), free))
    }

    /// Offers that are pending or engaged.
    pub fn active(&self) -> impl Iterator<Item = (&OfferId, &Offer)> {
        self.active.iter().filter_map(|id| self.offers.get_key_value(id)).map(|(id, offer)| (id, &**offer))
    }

    /// The package's offers that a provider may still answer.
    pub fn pending(&self, package: &PackageId) -> impl Iterator<Item = &OfferId> {
        self.assignments.get(package).into_iter().flat_map(|assignment| match &assignment.standing {
            Standing::Offered(offers) => offers.iter().collect(),
            Standing::Waiting { .. }
            | Standing::Engaged(_)
            | Standing::Completed
            | Standing::GivenUp
            | Standing::Withdrawn => Vec::new(),
        })
    }
}

/// Whether an event may let a waiting package in, call for another one to be asked, or leave a waiting one without hope, as
/// days do that nobody gives back: what takes nothing but what was held already, or only tells how work goes, does not.
fn unsettles(event: &DeskEvent) -> bool {
    match event {
        DeskEvent::Seen { .. }
        | DeskEvent::Accepted { .. }
        | DeskEvent::StageReached { .. }
        | DeskEvent::Extended { .. } => false,
        DeskEvent::DaysReported { .. }
        | DeskEvent::ProviderTaken { .. }
        | DeskEvent::RequirementTaken(_)
        | DeskEvent::CouncilActTaken(_)
        | DeskEvent::RepealTaken { .. }
        | DeskEvent::PolicyTaken(_)
        | DeskEvent::GrantTaken { .. }
        | DeskEvent::PriorityTaken { .. }
        | DeskEvent::WithdrawalTaken { .. }
        | DeskEvent::Offered { .. }
        | DeskEvent::Declined { .. }
        | DeskEvent::Expired { .. }
        | DeskEvent::Rescinded { .. }
        | DeskEvent::Lost { .. }
        | DeskEvent::Escalated { .. }
        | DeskEvent::Reopened { .. }
        | DeskEvent::GivenUp { .. }
        | DeskEvent::Completed { .. }
        | DeskEvent::Released { .. }
        | DeskEvent::RequestFinished { .. } => true,
    }
}

/// How many packages these events offer or escalate.
fn asked_in(events: &[DeskEvent]) -> usize {
    events.iter().filter(|event| matches!(event, DeskEvent::Offered { .. } | DeskEvent::Escalated { .. })).count()
}
