//! The calls of `muster.dispatch.v1`.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use muster_api::{
    dispatch::v1::{
        AcceptOfferRequest, AcceptOfferResponse, CompleteEngagementRequest, CompleteEngagementResponse,
        DeclineOfferRequest, DeclineOfferResponse, ExtendEngagementRequest, ExtendEngagementResponse,
        FailEngagementRequest, FailEngagementResponse, GetOfferRequest, GetOfferResponse, GiveUpPackageRequest,
        GiveUpPackageResponse, ListEngagementsRequest, ListEngagementsResponse, ListOffersRequest, ListOffersResponse,
        MarkSeenRequest, MarkSeenResponse, ReleaseEngagementRequest, ReleaseEngagementResponse, ReopenPackageRequest,
        ReopenPackageResponse, ReportDaysRequest, ReportDaysResponse, ReportStageRequest, ReportStageResponse,
        RescindOfferRequest, RescindOfferResponse, WatchOffersRequest, WatchOffersResponse,
        dispatch_service_server::{DispatchService, DispatchServiceServer},
    },
    r#type::v1::{Engagement, ReadAt},
};
use muster_domain::kernel::{OfferId, ProviderId, SubjectRef};
use muster_edge::{
    Answer, Caller, Edge,
    edge::refused,
    page::Page,
    relay::is_marked,
    watch::{Messages, Moment, Told, watch},
    wire::fields::{Fields, one, timestamp},
    work::{Sight, Work, tell_considered},
};
use muster_journal::{
    engine::{
        Undone,
        follower::{Follower, View},
    },
    stored::Position,
};
use muster_runtime::{
    access::{Access, Action, may},
    status,
};
use tonic::{Request, Response, Status, service::Routes};

use crate::{
    driver::{Desk, Holder, Unanswered},
    relaying::Peers,
    standby::Standby,
    views::{Wanted, changed},
    wire::{About, Ask},
};

/// A stream tells at most so often: sooner than anybody notices, rarer than events come in a surge.
const PACE: Duration = Duration::from_millis(20);

/// Contacts asked of the vault at once.
const CONTACTS_AT_ONCE: usize = 16;

/// The dispatch service.
#[derive(Clone)]
pub struct Service {
    edge: Edge,
    desk: Desk,
    peers: Peers,
    standby: View<Standby>,
}

/// What came of a call that asks something of the desk.
enum Acted<A> {
    /// This process did it.
    Here { caller: Caller, about: About, position: Position },
    /// Another process answered.
    There(Response<A>),
}

impl Service {
    /// The service on the journal of `edge`; `follower` reads the log for it, `desk` decides.
    pub fn new(edge: Edge, follower: &mut Follower, desk: Desk) -> Self {
        let peers = Peers::by(edge.relay.clone());
        Self { edge, desk, peers, standby: follower.view(Standby::default()) }
    }

    /// Its calls, beside what is served already.
    pub fn beside(self, routes: Routes) -> Routes {
        routes.add_service(DispatchServiceServer::new(self))
    }

    /// What it reads of the desk, for whoever is to decide.
    pub fn standby(&self) -> View<Standby> {
        self.standby.clone()
    }

    /// Answers a call that asks something of the desk.
    async fn answer<M: Ask>(&self, call: Request<M>) -> Answer<M::Answer> {
        match self.act(call).await? {
            Acted::Here { position, .. } => Ok(Response::new(M::answer(position.into()))),
            Acted::There(answer) => Ok(answer),
        }
    }

    /// Does what a call asks, if this process holds the desk; else whoever does is asked, but never twice.
    async fn act<M: Ask>(&self, call: Request<M>) -> Result<Acted<M::Answer>, Status> {
        let relayed = is_marked(call.metadata());
        let (caller, message) = self.edge.admit(call, M::ACTION)?;
        // Another process would take it at this one's word when it came.
        self.edge.may_write()?;
        if !relayed {
            self.join(&caller, &message);
        }
        loop {
            match self.desk.holder(caller.patience).await.map_err(refused)? {
                Holder::Mine => {
                    let (about, position) = self.decide(&caller, &message).await?;
                    return Ok(Acted::Here { caller, about, position });
                }
                Holder::Theirs(peer) if !relayed => {
                    tokio::select! {
                        answer = self.peers.relay(&peer, &caller, message.clone()) => return answer.map(Acted::There),
                        // One that no longer holds the desk may wait for its journal for long. Should it have done what was
                        // asked, the next one knows.
                        () = self.desk.leaves(peer.clone()) => {}
                    }
                }
                Holder::Theirs(_) | Holder::Nobody => {
                    return Err(refused(Undone::Unavailable("the desk is changing hands".to_owned())));
                }
            }
        }
    }

    /// Lets the call go on in the trace of the request that its offer or package is for.
    fn join<M: Ask>(&self, caller: &Caller, message: &M) {
        let request = match message.read(provider(caller), &mut Fields::default()) {
            Some((About::Offer(offer), _)) => self.standby.now().work().request_of(&offer).cloned(),
            Some((About::Package(package), _)) => {
                let standby = self.standby.now();
                standby.work().desk().assignments.get(&package).map(|assignment| assignment.request.clone())
            }
            None => None,
        };
        if let Some(request) = request {
            self.edge.join(&request);
        }
    }

    async fn decide<M: Ask>(&self, caller: &Caller, message: &M) -> Result<(About, Position), Status> {
        let mut fields = Fields::default();
        let asked = message.read(provider(caller), &mut fields);
        let (about, command) = fields.done(asked)?;
        self.may(caller, M::ACTION, &about).await?;
        let meta = self.edge.meta(caller, message.request_id(), message)?;
        let done = self.desk.ask(command, meta).await.map_err(|no| match no {
            Unanswered::Busy => status::busy(),
            Unanswered::Stopping => status::stopping(),
            Unanswered::Undone(undone) => refused(undone),
        })?;
        Ok((about, done.position))
    }

    async fn may(&self, caller: &Caller, action: Action, about: &About) -> Result<(), Status> {
        let party = |people: &_| match about {
            About::Offer(offer) => self.standby.now().work().party_of_offer(people, offer),
            About::Package(package) => self.standby.now().work().party_of_package(people, package),
        };
        self.edge.may(caller, action, about.named(), party).await
    }

    /// Looks at the work at the moment asked for, with the caller's eyes of now.
    async fn look<T>(
        &self,
        caller: &Caller,
        read_at: Option<ReadAt>,
        tell: impl FnOnce(&Work, &Sight, Position) -> T,
    ) -> Result<T, Status> {
        if let Some(least) = read_at.and_then(|at| at.at_least) {
            self.standby.reaches(least.sequence, caller.patience).await.map_err(refused)?;
        }
        let sight = self.standby.now().work().sight(&caller.actor);
        let looked = self.edge.read(caller, &self.standby, read_at, |standby, progress| {
            let work = standby.work();
            intact(work)?;
            Ok(tell(work, &sight, progress.position))
        });
        looked.await?
    }

    /// Whether an offer, or the engagement of the same id, is a caller's to see.
    fn is_seen(&self, caller: &Caller, action: Action, work: &Work, offer: &OfferId) -> bool {
        may(&caller.actor, action, &work.party_of_offer(&self.edge.people.now(), offer)) == Access::Allowed
    }

    /// An engagement as the caller may see it, and whom the caller may know to call.
    fn engagement(
        &self,
        caller: &Caller,
        work: &Work,
        sight: &Sight,
        offer: &OfferId,
    ) -> Option<(Engagement, Option<SubjectRef>)> {
        let eyes = sight.of(offer);
        let subject = work.whom_to_call(&self.edge.people.now(), caller, offer, eyes);
        Some((work.engagement(offer, eyes)?, subject.cloned()))
    }

    async fn with_contact(&self, told: (Engagement, Option<SubjectRef>)) -> Result<Engagement, Status> {
        let (engagement, subject) = told;
        let contact = match subject {
            Some(subject) => self.edge.contact(&subject).await?,
            None => None,
        };
        Ok(Engagement { contact, ..engagement })
    }

    /// What a stream of offers tells at a moment; `opening` is where it began to tell what is open, if it still does.
    fn tell(
        &self,
        caller: &Caller,
        work: &Work,
        moment: Moment,
        opening: Option<Position>,
    ) -> Result<Told<WatchOffersResponse>, Status> {
        intact(work)?;
        let (changed, position) = changed(work, caller.actor.role, moment, opening);
        let seen = changed.into_iter().filter(|offer| self.is_seen(caller, Action::WatchOffers, work, offer));
        let told = seen.filter_map(|offer| work.offer(offer, work.eyes(&caller.actor, offer)));
        let offers: Vec<_> = told.collect();
        let message = (moment.due || !offers.is_empty()).then(|| WatchOffersResponse {
            position: Some(position.into()),
            now: Some(timestamp(moment.now)),
            offers,
        });
        Ok(Told { message, position, turns_at: None })
    }
}

/// The caller as a provider, if it may be one.
fn provider(caller: &Caller) -> ProviderId {
    ProviderId::parse(caller.actor.principal.as_str()).unwrap_or_default()
}

/// Refuses to show work whose history is impossible: what follows would be a guess.
fn intact(work: &Work) -> Result<(), Status> {
    work.broken().map_or(Ok(()), |broken| Err(refused(Undone::Broken(broken.clone()))))
}

#[tonic::async_trait]
impl DispatchService for Service {
    type WatchOffersStream = Messages<WatchOffersResponse>;

    async fn list_offers(&self, call: Request<ListOffersRequest>) -> Answer<ListOffersResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListOffers)?;
        let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
        let wanted = Wanted::offers(&message)?;
        let looked = self.look(&caller, page.read_at(), |work, sight, as_of| {
            let offers = wanted.sorted(work, &caller.actor).into_iter().map(|offer| (offer.to_string(), offer));
            let seen = |offer: &&OfferId| self.is_seen(&caller, Action::ListOffers, work, offer);
            let (offers, next_page_token) = page.cut(as_of, offers, seen);
            let offers = offers.into_iter().filter_map(|offer| work.offer(offer, sight.of(offer))).collect();
            ListOffersResponse { as_of: Some(as_of.into()), offers, next_page_token }
        });
        Ok(Response::new(looked.await?))
    }

    async fn get_offer(&self, call: Request<GetOfferRequest>) -> Answer<GetOfferResponse> {
        let (caller, message) = self.edge.admit(call, Action::GetOffer)?;
        let offer = one("offer", &message.offer, OfferId::parse)?;
        self.may(&caller, Action::GetOffer, &About::Offer(offer.clone())).await?;
        let looked = self.look(&caller, message.read_at, |work, sight, as_of| {
            let eyes = sight.of(&offer);
            Some((as_of, work.offer(&offer, eyes)?, Sight::Same(eyes)))
        });
        let found = looked.await?.ok_or_else(|| status::not_found("offer", offer.as_str()));
        let (as_of, mut told, sight) = found?;
        let (journal, told_of) = (self.edge.journal.as_ref(), std::slice::from_mut(&mut told));
        tell_considered(journal, &self.standby, Standby::work, &sight, told_of).await?;
        Ok(Response::new(GetOfferResponse { as_of: Some(as_of.into()), offer: Some(told) }))
    }

    async fn watch_offers(&self, call: Request<WatchOffersRequest>) -> Answer<Self::WatchOffersStream> {
        let (listener, message) = self.edge.admit_listener(call, Action::WatchOffers)?;
        let after = message.after.map(Position::from);
        let (service, watcher, fresh, mut began) = (self.clone(), listener.caller.clone(), after.is_none(), None);
        let stream = watch(&self.edge, listener, &self.standby, after, PACE, move |held, moment| {
            let began = *began.get_or_insert(moment.position);
            service.tell(&watcher, held.work(), moment, (fresh && moment.since.is_none()).then_some(began))
        });
        Ok(Response::new(stream.await?))
    }

    async fn mark_seen(&self, call: Request<MarkSeenRequest>) -> Answer<MarkSeenResponse> {
        self.answer(call).await
    }

    async fn accept_offer(&self, call: Request<AcceptOfferRequest>) -> Answer<AcceptOfferResponse> {
        let (caller, about, position) = match self.act(call).await? {
            Acted::Here { caller, about, position } => (caller, about, position),
            Acted::There(answer) => return Ok(answer),
        };
        // It is accepted, whatever happens to the answer: the same call sent again is answered the same.
        self.standby.reaches(position.sequence, caller.patience).await.map_err(refused)?;
        let told = {
            let standby = self.standby.now();
            let work = standby.work();
            intact(work)?;
            match &about {
                About::Offer(offer) => self.engagement(&caller, work, &work.sight(&caller.actor), offer),
                About::Package(_) => None,
            }
        };
        let engagement = match told {
            Some(told) => Some(self.with_contact(told).await?),
            None => None,
        };
        Ok(Response::new(AcceptOfferResponse { position: Some(position.into()), engagement }))
    }

    async fn decline_offer(&self, call: Request<DeclineOfferRequest>) -> Answer<DeclineOfferResponse> {
        self.answer(call).await
    }

    async fn rescind_offer(&self, call: Request<RescindOfferRequest>) -> Answer<RescindOfferResponse> {
        self.answer(call).await
    }

    async fn report_stage(&self, call: Request<ReportStageRequest>) -> Answer<ReportStageResponse> {
        self.answer(call).await
    }

    async fn report_days(&self, call: Request<ReportDaysRequest>) -> Answer<ReportDaysResponse> {
        self.answer(call).await
    }

    async fn extend_engagement(&self, call: Request<ExtendEngagementRequest>) -> Answer<ExtendEngagementResponse> {
        self.answer(call).await
    }

    async fn complete_engagement(
        &self,
        call: Request<CompleteEngagementRequest>,
    ) -> Answer<CompleteEngagementResponse> {
        self.answer(call).await
    }

    async fn fail_engagement(&self, call: Request<FailEngagementRequest>) -> Answer<FailEngagementResponse> {
        self.answer(call).await
    }

    async fn release_engagement(&self, call: Request<ReleaseEngagementRequest>) -> Answer<ReleaseEngagementResponse> {
        self.answer(call).await
    }

    async fn reopen_package(&self, call: Request<ReopenPackageRequest>) -> Answer<ReopenPackageResponse> {
        self.answer(call).await
    }

    async fn give_up_package(&self, call: Request<GiveUpPackageRequest>) -> Answer<GiveUpPackageResponse> {
        self.answer(call).await
    }

    async fn list_engagements(&self, call: Request<ListEngagementsRequest>) -> Answer<ListEngagementsResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListEngagements)?;
        let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
        let wanted = Wanted::engagements(&message)?;
        let looked = self.look(&caller, page.read_at(), |work, sight, as_of| {
            let offers = wanted.sorted(work, &caller.actor).into_iter().map(|offer| (offer.to_string(), offer));
            let seen = |offer: &&OfferId| self.is_seen(&caller, Action::ListEngagements, work, offer);
            let (offers, next) = page.cut(as_of, offers, seen);
            let told: Vec<_> =
                offers.into_iter().filter_map(|offer| self.engagement(&caller, work, sight, offer)).collect();
            (told, as_of, next)
        });
        let (told, as_of, next_page_token) = looked.await?;
        let told = stream::iter(told).map(|told| self.with_contact(told)).buffered(CONTACTS_AT_ONCE);
        let engagements = told.try_collect().await?;
        Ok(Response::new(ListEngagementsResponse { as_of: Some(as_of.into()), engagements, next_page_token }))
    }
}
