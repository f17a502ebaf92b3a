//! Offers and the work that follows them, as every service that shows them reads the log: the desk as its events made it, and
//! beside it what a reader wants and the desk does not need. Nothing here decides.

mod considered;
mod telling;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use muster_domain::{
    codes::IncidentType,
    dispatch::{
        desk::{Desk, DeskAggregate, OfferState},
        events::{Candidate, DeskEvent, Stage, Standing},
    },
    event::Event,
    intake::events::RequestEvent,
    kernel::{Actor, Aggregate, OfferId, PackageId, ProviderId, RequestId, Role, SubjectRef, Timestamp},
    parties::{Parties, Party},
    registry::events::Provider,
};
use muster_journal::{
    engine::{
        Broken,
        follower::{Fold, Seen},
    },
    stored::{Commit, Position},
    subjects::id_of,
};
use muster_runtime::access::{Action, Reach, reach};

pub use considered::tell_considered;

use crate::changes::Changes;

/// What somebody may know of an offer, the least first (invariant A4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Eyes {
    /// Its provider's until it accepts: what it needs to answer.
    Asked,
    /// Its provider's when the work is over: what it did, no longer for whom.
    Done,
    /// Its provider's while the work runs.
    Working,
    /// Those of its parties: all about the case, and how many of the Reserve each rule dropped. How firms stand that they do
    /// not deal with tells when nobody is left to ask, and is not theirs.
    Case,
    /// Those of everybody who may read the request and the Reserve's register.
    All,
}

/// What whoever is no provider may know of the offers of a request that they may read.
pub fn eyes_of(role: Role) -> Eyes {
    if reach(role, Action::ListProviders) == Reach::All { Eyes::All } else { Eyes::Case }
}

/// What somebody may know of each offer, as things stand now. It judges answers about any moment: what was open to a provider
/// once is closed to it when the work is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A provider's: of its own offers.
    Own(BTreeMap<OfferId, Eyes>),
    /// The same of every offer.
    Same(Eyes),
}

impl Sight {
    /// What may be known of this offer.
    pub fn of(&self, offer: &OfferId) -> Eyes {
        match self {
            Self::Own(own) => own.get(offer).copied().unwrap_or(Eyes::Asked),
            Self::Same(eyes) => *eyes,
        }
    }
}

/// What a request told that the desk does not need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The class of the main incident type; empty if the request names no type.
    pub incident_class: String,
    /// Whom to call, in the vault.
    pub contact: SubjectRef,
}

/// When what happened to an offer, and in which words.
#[derive(Clone, Debug, PartialEq)]
pub struct Trail {
    /// Where in the log it was made.
    pub position: Position,
    /// When it was made.
    pub offered_at: Timestamp,
    /// The first moment too late to answer.
    pub expires_at: Timestamp,
    /// When its provider opened it.
    pub seen_at: Option<Timestamp>,
    /// When it ended, however it ended; acceptance is an end too.
    pub ended_at: Option<Timestamp>,
    /// Why it was declined or rescinded, in words.
    pub note: String,
    /// The work, if it was accepted.
    pub engaged: Option<Engaged>,
}

/// When what happened to an engagement, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engaged {
    /// When the offer was accepted.
    pub accepted_at: Timestamp,
    /// When it must be on task.
    pub mobilise_by: Timestamp,
    /// When work began.
    pub on_task_at: Option<Timestamp>,
    /// When support ends unless extended.
    pub ends_at: Timestamp,
    /// When it was completed or released.
    pub ended_at: Option<Timestamp>,
    /// Person-days reserved in all.
    pub days_reserved: u32,
    /// Why it was released, in words.
    pub note: String,
}

impl Trail {
    fn new(position: Position, offered_at: Timestamp, expires_at: Timestamp) -> Self {
        let (seen_at, ended_at, note, engaged) = Default::default();
        Self { position, offered_at, expires_at, seen_at, ended_at, note, engaged }
    }
}

impl Engaged {
    fn new(accepted_at: Timestamp, mobilise_by: Timestamp, ends_at: Timestamp, days_reserved: u32) -> Self {
        let (on_task_at, ended_at, note) = Default::default();
        Self { accepted_at, mobilise_by, on_task_at, ends_at, ended_at, days_reserved, note }
    }
}

/// A provider looked at: its terms as they stood, so that the reason can be put in words whenever somebody asks.
#[derive(Clone, Debug, PartialEq)]
struct Looked {
    terms: Arc<Provider>,
    standing: Standing,
}

/// Everybody looked at when nobody was left to ask; kept as long as that is so.
#[derive(Clone, Debug, PartialEq)]
struct Escalation {
    at: Timestamp,
    looked: Vec<Looked>,
}

/// Offers and engagements, folded from the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    desk: Desk,
    /// Each provider's terms, and from where in the log on they bound.
    terms: BTreeMap<ProviderId, BTreeMap<Position, Arc<Provider>>>,
    requests: BTreeMap<RequestId, Told>,
    trails: BTreeMap<OfferId, Trail>,
    escalations: BTreeMap<PackageId, Escalation>,
    by_request: BTreeMap<RequestId, BTreeSet<OfferId>>,
    by_provider: BTreeMap<ProviderId, BTreeSet<OfferId>>,
    /// Of what everybody else sees.
    changes: Changes<OfferId>,
    /// Of what its provider sees: what it may not know does not show by an offer coming again either.
    changes_to_provider: Changes<OfferId>,
    broken: Option<Broken>,
}

impl Work {
    /// The desk as its events made it.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Why the desk is shown no further than some place, if it is not.
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// What a request told.
    pub fn told(&self, request: &RequestId) -> Option<&Told> {
        self.requests.get(request)
    }

    /// When what happened to an offer.
    pub fn trail(&self, offer: &OfferId) -> Option<&Trail> {
        self.trails.get(offer)
    }

    /// Every offer that was ever made.
    pub fn offers(&self) -> impl Iterator<Item = &OfferId> {
        self.trails.keys()
    }

    /// Every offer that was ever made for a request.
    pub fn offers_for(&self, request: &RequestId) -> impl Iterator<Item = &OfferId> {
        self.by_request.get(request).into_iter().flatten()
    }

    /// Every offer that was ever made to a provider.
    pub fn offers_to(&self, provider: &ProviderId) -> impl Iterator<Item = &OfferId> {
        self.by_provider.get(provider).into_iter().flatten()
    }

    /// The request that an offer was made for.
    pub fn request_of(&self, offer: &OfferId) -> Option<&RequestId> {
        Some(&self.desk.assignments.get(&self.desk.offers.get(offer)?.package)?.request)
    }

    /// The parties of an offer: its request's, and the provider it was made to; nobody's if there is none.
    pub fn party_of_offer(&self, parties: &Parties, offer: &OfferId) -> Party {
        let Some(made) = self.desk.offers.get(offer) else { return Party::default() };
        let of_request = self.request_of(offer).map(|request| parties.of_request(request)).unwrap_or_default();
        Party { providers: BTreeSet::from([made.provider.clone()]), ..of_request }
    }

    /// The parties of a package: its request's; nobody's if there is none.
    pub fn party_of_package(&self, parties: &Parties, package: &PackageId) -> Party {
        let assignment = self.desk.assignments.get(package);
        assignment.map(|assignment| parties.of_request(&assignment.request)).unwrap_or_default()
    }

    /// When each offer changed last, as somebody of this role sees it.
    pub fn changes(&self, role: Role) -> &Changes<OfferId> {
        if role == Role::Provider { &self.changes_to_provider } else { &self.changes }
    }

    /// What somebody who may see an offer may know of it.
    pub fn eyes(&self, who: &Actor, offer: &OfferId) -> Eyes {
        if who.role != Role::Provider {
            return eyes_of(who.role);
        }
        let own = self.desk.offers.get(offer).filter(|made| made.provider.as_str() == who.principal.as_str());
        own.map_or(Eyes::Asked, |made| eyes_of_provider(&made.state))
    }

    /// What somebody may know of each offer.
    pub fn sight(&self, who: &Actor) -> Sight {
        if who.role != Role::Provider {
            return Sight::Same(eyes_of(who.role));
        }
        let own = ProviderId::parse(who.principal.as_str()).unwrap_or_default();
        Sight::Own(self.offers_to(&own).map(|offer| (offer.clone(), self.eyes(who, offer))).collect())
    }

    /// Everybody looked at by a commit there.
    fn looked(&self, considered: &[Candidate], at: Position) -> Vec<Looked> {
        let looked = considered.iter().filter_map(|candidate| {
            let (_, terms) = self.terms.get(&candidate.provider)?.range(..=at).next_back()?;
            Some(Looked { terms: terms.clone(), standing: candidate.standing.clone() })
        });
        looked.collect()
    }

    fn touch(&mut self, offer: &OfferId, at: Position) {
        self.changes.touch(offer, at);
        self.changes_to_provider.touch(offer, at);
    }

    fn request(&mut self, id: &str, event: &RequestEvent) {
        let Ok(request) = RequestId::parse(id) else { return };
        let class = |types: &[IncidentType]| types.first().map(|main| main.class().to_owned()).unwrap_or_default();
        match event {
            RequestEvent::Opened { facts, contact, .. } => {
                let told = Told { incident_class: class(&facts.incident_types), contact: contact.clone() };
                self.requests.insert(request, told);
            }
            RequestEvent::Amended { facts } => {
                if let Some(told) = self.requests.get_mut(&request) {
                    told.incident_class = class(&facts.incident_types);
                }
            }
            RequestEvent::Linked { .. }
            | RequestEvent::Endorsed { .. }
            | RequestEvent::Returned { .. }
            | RequestEvent::HandledNationally { .. }
            | RequestEvent::Submitted { .. }
            | RequestEvent::Withdrawn { .. }
            | RequestEvent::SupportEnded
            | RequestEvent::SummaryReportFiled(_)
            | RequestEvent::Closed { .. } => {}
        }
    }

    /// Takes one event of the desk. What somebody did, they did when their command was received; what the desk worked out
    /// itself, it worked out when it decided.
    fn dispatch(&mut self, event: &DeskEvent, commit: &Commit, position: Position) {
        let (at, decided_at) = (commit.received_at, commit.recorded_at);
        if self.broken.is_some() {
            return;
        }
        if let Err(corrupt) = DeskAggregate::evolve(&mut self.desk, event) {
            tracing::error!(%corrupt, sequence = position.sequence, "offers and engagements are shown no further");
            self.broken = Some(Broken::Corrupt { sequence: position.sequence, what: corrupt.to_string() });
            return;
        }
        match event {
            DeskEvent::ProviderTaken { provider, .. } => {
                self.terms.entry(provider.id.clone()).or_default().insert(position, Arc::new(provider.clone()));
            }
            DeskEvent::PriorityTaken { key } => self.ranked(&key.request, position),
            DeskEvent::Escalated { package, considered } => {
                let looked = self.looked(considered, position);
                self.escalations.insert(package.clone(), Escalation { at: decided_at, looked });
            }
            DeskEvent::Offered { offer, package, provider, expires_at, .. } => {
                self.escalations.remove(package);
                self.offered(offer, provider, Trail::new(position, decided_at, *expires_at));
                self.touch(offer, position);
            }
            DeskEvent::Reopened { package, .. } | DeskEvent::GivenUp { package, .. } => {
                self.escalations.remove(package);
            }
            DeskEvent::WithdrawalTaken { request } => {
                let packages = self.desk.requests.get(request).map(|granted| granted.packages.as_slice());
                packages.unwrap_or_default().iter().for_each(|package| drop(self.escalations.remove(package)));
            }
            DeskEvent::Seen { offer } => self.note(offer, position, |trail| trail.seen_at = Some(at)),
            DeskEvent::Accepted { offer, mobilise_by, ends_at, .. } => {
                let days_reserved = self.desk.offers.get(offer).map_or(0, |made| made.takes.days);
                let engaged = Engaged::new(at, *mobilise_by, *ends_at, days_reserved);
                self.note(offer, position, |trail| (trail.ended_at, trail.engaged) = (Some(at), Some(engaged)));
            }
            DeskEvent::Declined { offer, note, .. } => {
                self.note(offer, position, |trail| (trail.ended_at, trail.note) = (Some(at), note.clone()));
            }
            DeskEvent::Rescinded { offer, note, .. } => {
                self.note(offer, position, |trail| (trail.ended_at, trail.note) = (Some(decided_at), note.clone()));
            }
            DeskEvent::Expired { offer } | DeskEvent::Lost { offer } => {
                self.note(offer, position, |trail| trail.ended_at = Some(decided_at));
            }
            DeskEvent::StageReached { offer, stage } => {
                let begins = (*stage == Stage::OnTask).then_some(at);
                self.engaged(offer, |engaged| engaged.on_task_at = engaged.on_task_at.or(begins));
            }
            DeskEvent::Extended { offer, ends_at, person_days } => self.engaged(offer, |engaged| {
                engaged.ends_at = *ends_at;
                engaged.days_reserved = engaged.days_reserved.saturating_add(*person_days);
            }),
            DeskEvent::Completed { offer, .. } => self.ended(offer, "", at, position),
            DeskEvent::Released { offer, note, .. } => self.ended(offer, note, at, position),
            DeskEvent::RequirementTaken(_)
            | DeskEvent::CouncilActTaken(_)
            | DeskEvent::RepealTaken { .. }
            | DeskEvent::PolicyTaken(_)
            | DeskEvent::GrantTaken { .. }
            | DeskEvent::DaysReported { .. }
            | DeskEvent::RequestFinished { .. } => {}
        }
    }

    fn note(&mut self, offer: &OfferId, position: Position, what: impl FnOnce(&mut Trail)) {
        if let Some(trail) = self.trails.get_mut(offer) {
            what(trail);
        }
        self.touch(offer, position);
    }

    /// A request ranks elsewhere: all its offers show it, but to providers at work alone.
    fn ranked(&mut self, request: &RequestId, position: Position) {
        for offer in self.by_request.get(request).into_iter().flatten() {
            self.changes.touch(offer, position);
            let works = |state| eyes_of_provider(state) == Eyes::Working;
            if self.desk.offers.get(offer).is_some_and(|made| works(&made.state)) {
                self.changes_to_provider.touch(offer, position);
            }
        }
    }

    fn offered(&mut self, offer: &OfferId, provider: &ProviderId, trail: Trail) {
        self.trails.insert(offer.clone(), trail);
        self.by_provider.entry(provider.clone()).or_default().insert(offer.clone());
        if let Some(request) = self.request_of(offer).cloned() {
            self.by_request.entry(request).or_default().insert(offer.clone());
        }
    }

    fn engaged(&mut self, offer: &OfferId, what: impl FnOnce(&mut Engaged)) {
        if let Some(engaged) = self.trails.get_mut(offer).and_then(|trail| trail.engaged.as_mut()) {
            what(engaged);
        }
    }

    /// The work is over: to its provider the case is closed from here, and nobody else sees the offer change.
    fn ended(&mut self, offer: &OfferId, note: &str, at: Timestamp, position: Position) {
        self.engaged(offer, |engaged| (engaged.ended_at, engaged.note) = (Some(at), note.to_owned()));
        self.changes_to_provider.touch(offer, position);
    }
}

fn eyes_of_provider(state: &OfferState) -> Eyes {
    match state {
        OfferState::Engaged(_) => Eyes::Working,
        OfferState::Completed { .. } | OfferState::Released { .. } => Eyes::Done,
        OfferState::Pending { .. }
        | OfferState::Declined(_)
        | OfferState::Expired(_)
        | OfferState::Rescinded(_)
        | OfferState::Lost => Eyes::Asked,
    }
}

impl Fold for Work {
    fn fold(&mut self, seen: &Seen) {
        for event in &seen.commit.events {
            match event {
                Event::Request(event) => self.request(id_of(seen.subject), event),
                Event::Desk(event) => self.dispatch(event, seen.commit, seen.position),
                Event::Realm(_)
                | Event::Hospital(_)
                | Event::Authority(_)
                | Event::Provider(_)
                | Event::Mandate(_)
                | Event::Requirement(_)
                | Event::ThirdCountry(_)
                | Event::Catalogue(_)
                | Event::Assessment(_)
                | Event::Policy(_) => {}
            }
        }
    }
}
