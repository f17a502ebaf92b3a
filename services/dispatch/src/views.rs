//! What dispatch shows: which offers and engagements are asked for, and in which order. What each reader may know of them is
//! `edge::work`'s to say.

use std::{cmp::Reverse, collections::BTreeSet};

use muster_api::dispatch::v1::{ListEngagementsRequest, ListOffersRequest};
use muster_domain::{
    dispatch::desk::{EngagementStage, Offer, OfferStatus},
    kernel::{Actor, OfferId, ProviderId, RequestId, Role, Timestamp},
};
use muster_edge::{watch::Moment, wire::fields::Fields, work::Work};
use muster_journal::stored::Position;
use tonic::Status;

/// Which offers or engagements are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<S> {
    /// How they stand; empty for any.
    standing: BTreeSet<S>,
    request: Option<RequestId>,
    provider: Option<ProviderId>,
}

impl Wanted<OfferStatus> {
    /// The offers that a call asks for.
    pub fn offers(message: &ListOffersRequest) -> Result<Self, Status> {
        let mut fields = Fields::default();
        let standing = fields.each("statuses", &message.statuses, OfferStatus::parse);
        Self::read(fields, standing, &message.request, &message.provider)
    }

    /// Those that are open and end first first, then the others, the newest first.
    pub fn sorted<'a>(&self, work: &'a Work, by: &Actor) -> Vec<&'a OfferId> {
        let mut offers = self.among(work, by, |offer| Some(offer.status()));
        offers.sort_by_cached_key(|id| order(work, id));
        offers
    }
}

impl Wanted<EngagementStage> {
    /// The engagements that a call asks for.
    pub fn engagements(message: &ListEngagementsRequest) -> Result<Self, Status> {
        let mut fields = Fields::default();
        let standing = fields.each("stages", &message.stages, EngagementStage::parse);
        Self::read(fields, standing, &message.request, &message.provider)
    }

    /// The newest first.
    pub fn sorted<'a>(&self, work: &'a Work, by: &Actor) -> Vec<&'a OfferId> {
        let mut engagements = self.among(work, by, Offer::stage);
        let accepted_at = |id| work.trail(id).and_then(|trail| trail.engaged.as_ref()).map(|work| work.accepted_at);
        engagements.sort_by_cached_key(|id| Reverse((accepted_at(id), number(id))));
        engagements
    }
}

impl<S: Ord> Wanted<S> {
    fn read(mut fields: Fields, standing: BTreeSet<S>, request: &str, provider: &str) -> Result<Self, Status> {
        let request = fields.optional("request", request, RequestId::parse);
        let provider = fields.optional("provider", provider, ProviderId::parse);
        fields.done(Some(Self { standing, request, provider }))
    }

    /// Those asked for that have such a standing at all, from as few as can be: a provider sees none but its own.
    fn among<'a>(&self, work: &'a Work, by: &Actor, standing: impl Fn(&Offer) -> Option<S>) -> Vec<&'a OfferId> {
        let own = (by.role == Role::Provider).then(|| ProviderId::parse(by.principal.as_str()).ok()).flatten();
        let offers: Vec<_> = match (&self.request, own.as_ref().or(self.provider.as_ref())) {
            (Some(request), _) => work.offers_for(request).collect(),
            (None, Some(provider)) => work.offers_to(provider).collect(),
            (None, None) => work.offers().collect(),
        };
        let wanted = |offer: &Offer| {
            standing(offer).is_some_and(|standing| self.standing.is_empty() || self.standing.contains(&standing))
                && self.provider.as_ref().is_none_or(|provider| offer.provider == *provider)
        };
        offers.into_iter().filter(|id| work.desk().offers.get(*id).is_some_and(|offer| wanted(offer))).collect()
    }
}

/// Offers in one message of a stream, about: each may tell of hundreds of providers.
const PART: usize = 64;

/// Offers that changed, as somebody of this role sees them, since what was told last, in the order in which they changed, and
/// up to where all is told with them. An opening, which began at that place, begins with those that are open, whenever they
/// changed; what ends while it is told is told too.
pub fn changed(work: &Work, role: Role, moment: Moment, opening: Option<Position>) -> (Vec<&OfferId>, Position) {
    let changes = work.changes(role);
    let first = if let Some(began) = opening {
        let open = work.desk().active().filter(|(_, offer)| is_open(offer));
        let places = open.filter_map(|(id, _)| Some((changes.last(id)?, id)));
        let places: BTreeSet<_> = places.chain(changes.places_since(Some(began))).collect();
        let mut later: Vec<_> =
            places.into_iter().filter(|(at, _)| moment.after.is_none_or(|after| *at > after)).collect();
        // What changed at one place comes together, so that the caller can go on from the last.
        let last = later.get(PART.saturating_sub(1)).map(|(at, _)| *at);
        later.retain(|(at, _)| last.is_none_or(|last| *at <= last));
        later
    } else {
        changes.first_since(moment.after, PART)
    };
    let all = first.len() < PART;
    let position = first.last().map(|(at, _)| *at).filter(|_| !all).unwrap_or(moment.position);
    (first.into_iter().map(|(_, id)| id).collect(), position)
}

fn is_open(offer: &Offer) -> bool {
    matches!(offer.status(), OfferStatus::Pending | OfferStatus::Seen)
}

/// Where an offer stands in a list.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Order<'a> {
    Open(Option<Timestamp>, (usize, &'a str)),
    Over(Reverse<(Option<Timestamp>, (usize, &'a str))>),
}

fn order<'a>(work: &Work, id: &'a OfferId) -> Order<'a> {
    let trail = work.trail(id);
    let open = trail.is_some_and(|trail| trail.ended_at.is_none());
    if open {
        Order::Open(trail.map(|trail| trail.expires_at), number(id))
    } else {
        Order::Over(Reverse((trail.map(|trail| trail.offered_at), number(id))))
    }
}

/// Offers are numbered as they are made: the longer name is the later one.
fn number(id: &OfferId) -> (usize, &str) {
    (id.as_str().len(), id.as_str())
}
