//! One request's page: at a moment, and as it changes.

use std::time::Duration;

use futures::StreamExt;
use muster_api::monitor::v1::{
    GetRequestPageRequest, GetRequestPageResponse, RequestPage, WatchRequestRequest, WatchRequestResponse,
};
use muster_domain::kernel::{RequestId, SubjectRef, Timestamp};
use muster_edge::{
    Answer, Caller, Edge,
    contacts::may_know_contact,
    watch::{self, Messages, Moment, Told},
    wire::fields::timestamp,
    work,
};
use muster_journal::{engine::follower::Held, stored::Position};
use muster_runtime::{access::Action, status};
use tonic::{Request, Response, Status};

use super::{Service, sight::Sight};
use crate::views::{Item, Monitor, deadlines};

/// Changes come together, at most five times a second.
const PACE: Duration = Duration::from_millis(200);

/// A page, and whom the caller may know to call about it.
type Found = (RequestPage, Option<SubjectRef>);

impl Service {
    /// The request that the caller named by its id or its short number. What it may not know of is not there.
    pub(super) async fn find(&self, caller: &Caller, action: Action, name: &str) -> Result<RequestId, Status> {
        if let Some(request) = self.visible(caller, action, name) {
            return Ok(request);
        }
        self.edge.catch_up(caller).await?;
        self.visible(caller, action, name).ok_or_else(|| status::not_found("request", name))
    }

    /// A page with what no view holds: whom to call, and who was looked at for its offers.
    async fn whole(&self, caller: &Caller, (mut page, subject): Found) -> Result<RequestPage, Status> {
        page.contact = self.contact(subject).await?;
        self.tell_considered(&work::Sight::Same(work::eyes_of(caller.actor.role)), &mut page.offers).await?;
        Ok(page)
    }

    fn visible(&self, caller: &Caller, action: Action, name: &str) -> Option<RequestId> {
        let request = self.monitor.now().find(name).cloned()?;
        Sight::of(&self.edge, caller, action).sees(&request).then_some(request)
    }
}

/// A request's page at `now`, as far as the caller may know it.
fn page(
    edge: &Edge,
    caller: &Caller,
    action: Action,
    monitor: &Monitor,
    (request, now): (&RequestId, Timestamp),
) -> Option<Found> {
    let known = monitor.known(request)?;
    let sight = Sight::of(edge, caller, action);
    let linked = known.case.linked().filter(|other| sight.sees(other)).map(ToString::to_string);
    let page = known.page(now, work::eyes_of(caller.actor.role), linked);
    drop(sight);
    let meets = may_know_contact(caller, &edge.people.now().of_request(request));
    Some((page, meets.then(|| known.case.request.contact.clone())))
}

pub(super) async fn get(service: &Service, call: Request<GetRequestPageRequest>) -> Answer<GetRequestPageResponse> {
    let action = Action::GetRequestPage;
    let (caller, message) = service.edge.admit(call, action)?;
    let request = service.find(&caller, action, &message.request).await?;
    let looked = service.edge.read(&caller, &service.monitor, message.read_at, |monitor, progress| {
        let now = service.edge.moment(message.read_at, progress);
        let found = page(&service.edge, &caller, action, monitor, (&request, now));
        found.map(|found| (progress.position, now, found))
    });
    let (as_of, now, (page, subject)) = looked.await?.ok_or_else(|| status::not_found("request", &message.request))?;
    let page = service.whole(&caller, (page, subject)).await?;
    let (as_of, now) = (Some(as_of.into()), Some(timestamp(now)));
    Ok(Response::new(GetRequestPageResponse { as_of, now, page: Some(page) }))
}

pub(super) async fn watch(
    service: &Service,
    call: Request<WatchRequestRequest>,
) -> Answer<Messages<WatchRequestResponse>> {
    let (listener, message) = service.edge.admit_listener(call, Action::WatchRequest)?;
    let caller = listener.caller.clone();
    let request = service.find(&caller, Action::WatchRequest, &message.request).await?;
    let after = message.after.map(Position::from);
    let feed = Feed { edge: service.edge.clone(), caller: caller.clone(), name: message.request, request };
    let tell = move |held: &Held<Monitor>, moment: Moment| feed.tell(held, moment);
    let told = watch::watch(&service.edge, listener, &service.monitor, after, PACE, tell).await?;
    let service = service.clone();
    let whole = told.then(move |told| {
        let (service, caller) = (service.clone(), caller.clone());
        async move {
            let (response, found) = told?;
            let page = match found {
                Some(found) => Some(service.whole(&caller, found).await?),
                None => None,
            };
            Ok(WatchRequestResponse { page, ..response })
        }
    });
    Ok(Response::new(Box::pin(whole)))
}

/// One request's page as it changes, for one caller.
struct Feed {
    edge: Edge,
    caller: Caller,
    /// The request as the caller named it.
    name: String,
    request: RequestId,
}

impl Feed {
    fn tell(
        &self,
        held: &Held<Monitor>,
        moment: Moment,
    ) -> Result<Told<(WatchRequestResponse, Option<Found>)>, Status> {
        let gone = || status::not_found("request", &self.name);
        let action = Action::WatchRequest;
        if !Sight::of(&self.edge, &self.caller, action).sees(&self.request) {
            return Err(gone());
        }
        let case = held.case(&self.request).ok_or_else(gone)?;
        let clocks = |now| deadlines::of_case(&self.request, case, held.work(), now);
        let changed = held.changes().last(&Item::Request(self.request.clone())) > moment.after;
        // Whoever goes on may have been told of clocks before they turned, on another call.
        let turned = moment.since.is_none_or(|since| clocks(since) != clocks(moment.now));
        let found = if changed || turned {
            page(&self.edge, &self.caller, action, held, (&self.request, moment.now))
        } else {
            None
        };
        let message = (found.is_some() || moment.due).then(|| {
            let (position, now) = (Some(moment.position.into()), Some(timestamp(moment.now)));
            (WatchRequestResponse { position, now, page: None }, found)
        });
        let turns_at = clocks(moment.now).iter().filter_map(|clock| clock.turns_at()).min();
        Ok(Told { message, position: moment.position, turns_at })
    }
}
