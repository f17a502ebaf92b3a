//! The calls of `muster.monitor.v1`.

mod board;
mod log;
mod request;
mod sight;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use muster_api::{
    monitor::v1::{
        GetBoardRequest, GetBoardResponse, GetLedgerRequest, GetLedgerResponse, GetProviderViewRequest,
        GetProviderViewResponse, GetRequestPageRequest, GetRequestPageResponse, GetStatisticsRequest,
        GetStatisticsResponse, GetStatusRequest, GetStatusResponse, ListEventsRequest, ListEventsResponse,
        WatchBoardRequest, WatchBoardResponse, WatchRequestRequest, WatchRequestResponse,
        monitor_service_server::{MonitorService, MonitorServiceServer},
    },
    r#type::v1::{self as types, Contact, Engagement, Offer},
};
use muster_domain::{
    kernel::{OfferId, ProviderId, Role, SubjectRef},
    parties::Party,
};
use muster_edge::{
    Answer, Caller, Edge,
    edge::unread,
    watch::Messages,
    wire::fields::{one, timestamp},
    work,
};
use muster_journal::{
    engine::follower::{Follower, View},
    stored::Position,
};
use muster_runtime::{
    access::{Access, Action, Reach, may, reach},
    status,
};
use tokio::time::interval;
use tonic::{Request, Response, Status, service::Routes};

use crate::{
    health::Health,
    views::{Monitor, auditor::Owed, ledger},
    wire,
};

/// How often the auditor looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The monitor service.
#[derive(Clone)]
pub struct Service {
    edge: Edge,
    monitor: View<Monitor>,
    health: Health,
    /// How many things were found late.
    seen_late: Arc<AtomicU64>,
}

impl Service {
    /// The service on the journal of `edge`; `follower` reads the log for it, and `health` tells how the process stands.
    pub fn new(edge: Edge, follower: &mut Follower, health: Health) -> Self {
        Self { monitor: follower.view(Monitor::default()), edge, health, seen_late: Arc::default() }
    }

    /// Its calls, beside what is served already.
    pub fn beside(self, routes: Routes) -> Routes {
        routes.add_service(MonitorServiceServer::new(self))
    }

    /// Looks every second whether Muster has done what it owes, until the process stops; what is late is logged once, and when
    /// it is done.
    pub async fn audit(self) {
        let (mut known, mut beat) = (BTreeSet::new(), interval(LOOK_EVERY));
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = self.edge.stopping.cancelled() => return,
            }
            let Ok(head) = self.edge.journal.last().await else { continue };
            let (monitor, now) = (self.monitor.now(), self.edge.clock.now());
            if monitor.progress().position.sequence < head {
                continue;
            }
            let late: BTreeSet<_> = monitor.late(now).into_iter().map(|(owed, _)| owed).collect();
            for owed in late.difference(&known) {
                self.seen_late.fetch_add(1, Ordering::Relaxed);
                tracing::error!("late: {owed}");
            }
            for owed in known.difference(&late) {
                tracing::info!("no longer late: {owed}");
            }
            known = late;
        }
    }

    /// All that it shows, for projections.
    pub fn view(&self) -> View<Monitor> {
        self.monitor.clone()
    }

    /// Whom to call, if the caller may know.
    async fn contact(&self, subject: Option<SubjectRef>) -> Result<Option<Contact>, Status> {
        match subject {
            Some(subject) => self.edge.contact(&subject).await,
            None => Ok(None),
        }
    }

    /// Adds to offers everybody who was looked at for them, where the reader may know.
    async fn tell_considered(&self, sight: &work::Sight, offers: &mut [Offer]) -> Result<(), Status> {
        work::tell_considered(self.edge.journal.as_ref(), &self.monitor, Monitor::work, sight, offers).await
    }

    /// Whether the caller may see a provider's own things; if not, there is no such provider.
    async fn may_provider(&self, caller: &Caller, action: Action, provider: &ProviderId) -> Result<(), Status> {
        self.edge.may(caller, action, ("provider", provider.as_str()), |_| of_provider(provider)).await
    }
}

/// In which words a role is told what is late: whoever sees every request, which one it is; whoever looks after Muster, what;
/// nobody else, anything.
fn told_what_is_late(role: Role) -> Option<fn(&Owed) -> String> {
    if reach(role, Action::GetBoard) == Reach::All {
        return Some(Owed::to_string);
    }
    (role == Role::Operator).then_some(|owed| owed.what().to_owned())
}

fn of_provider(provider: &ProviderId) -> Party {
    Party { providers: [provider.clone()].into(), ..Party::default() }
}

fn no_provider(provider: &ProviderId) -> Status {
    status::not_found("provider", provider.as_str())
}

/// The provider named, or the caller's own if it names none and is one.
fn named_provider(caller: &Caller, named: &str) -> Result<ProviderId, Status> {
    let own = if caller.actor.role == Role::Provider { caller.actor.principal.as_str() } else { "" };
    one("provider", if named.is_empty() { own } else { named }, ProviderId::parse)
}

#[tonic::async_trait]
impl MonitorService for Service {
    type WatchBoardStream = Messages<WatchBoardResponse>;
    type WatchRequestStream = Messages<WatchRequestResponse>;

    async fn get_board(&self, call: Request<GetBoardRequest>) -> Answer<GetBoardResponse> {
        board::get(self, call).await
    }

    async fn watch_board(&self, call: Request<WatchBoardRequest>) -> Answer<Self::WatchBoardStream> {
        board::watch(self, call).await
    }

    async fn get_request_page(&self, call: Request<GetRequestPageRequest>) -> Answer<GetRequestPageResponse> {
        request::get(self, call).await
    }

    async fn watch_request(&self, call: Request<WatchRequestRequest>) -> Answer<Self::WatchRequestStream> {
        request::watch(self, call).await
    }

    async fn get_ledger(&self, call: Request<GetLedgerRequest>) -> Answer<GetLedgerResponse> {
        let (caller, message) = self.edge.admit(call, Action::GetLedger)?;
        let named = match message.provider.as_str() {
            "" => None,
            text => Some(one("provider", text, ProviderId::parse)?),
        };
        if let Some(provider) = &named {
            self.may_provider(&caller, Action::GetLedger, provider).await?;
        }
        let looked = self.edge.read(&caller, &self.monitor, message.read_at, |monitor, progress| {
            let work = monitor.work();
            let shown = |provider: &&ProviderId| {
                named.as_ref().is_none_or(|named| named == *provider)
                    && may(&caller.actor, Action::GetLedger, &of_provider(provider)) == Access::Allowed
            };
            let providers: Vec<_> = work.desk().providers.keys().filter(shown).collect();
            let missing = named.as_ref().filter(|_| providers.is_empty());
            let lines = providers.into_iter().flat_map(|provider| ledger::lines(provider, work)).collect();
            match missing {
                Some(provider) => Err(no_provider(provider)),
                None => Ok(GetLedgerResponse { as_of: Some(progress.position.into()), lines }),
            }
        });
        looked.await?.map(Response::new)
    }

    async fn get_provider_view(&self, call: Request<GetProviderViewRequest>) -> Answer<GetProviderViewResponse> {
        let (caller, message) = self.edge.admit(call, Action::GetProviderView)?;
        let provider = named_provider(&caller, &message.provider)?;
        self.may_provider(&caller, Action::GetProviderView, &provider).await?;
        // What may be known is judged by how things stand now, whatever moment is looked at.
        let eyes = self.monitor.now().work().sight(&caller.actor);
        let looked = self.edge.read(&caller, &self.monitor, message.read_at, |monitor, progress| {
            let (work, now) = (monitor.work(), self.edge.moment(message.read_at, progress));
            let view = ledger::provider_view(&provider, work, &eyes, now).ok_or_else(|| no_provider(&provider))?;
            let people = self.edge.people.now();
            let whom = |engagement: &Engagement| {
                let offer = OfferId::parse(&engagement.offer).ok()?;
                work.whom_to_call(&people, &caller, &offer, eyes.of(&offer)).cloned()
            };
            let whom: Vec<_> = view.engagements.iter().map(whom).collect();
            Ok::<_, Status>((progress.position, now, view, whom))
        });
        let (as_of, now, mut view, whom) = looked.await??;
        for (engagement, subject) in view.engagements.iter_mut().zip(whom) {
            engagement.contact = self.contact(subject).await?;
        }
        self.tell_considered(&eyes, &mut view.offers).await?;
        let (as_of, now) = (Some(as_of.into()), Some(timestamp(now)));
        Ok(Response::new(GetProviderViewResponse { as_of, now, view: Some(view) }))
    }

    async fn get_statistics(&self, call: Request<GetStatisticsRequest>) -> Answer<GetStatisticsResponse> {
        let (caller, message) = self.edge.admit(call, Action::GetStatistics)?;
        let (from, until) = wire::read_period(message.from, message.until)?;
        let looked = self.edge.read(&caller, &self.monitor, message.read_at, |monitor, progress| {
            let now = self.edge.moment(message.read_at, progress);
            let statistics = match (from, until) {
                (None, None) => monitor.tally().tell(now),
                (Some(_), _) | (None, Some(_)) => monitor.tally_between(from, until).tell(now),
            };
            GetStatisticsResponse { as_of: Some(progress.position.into()), statistics: Some(statistics) }
        });
        Ok(Response::new(looked.await?))
    }

    async fn list_events(&self, call: Request<ListEventsRequest>) -> Answer<ListEventsResponse> {
        log::list(self, call).await
    }

    async fn get_status(&self, call: Request<GetStatusRequest>) -> Answer<GetStatusResponse> {
        let (caller, _) = self.edge.admit(call, Action::GetStatus)?;
        let head = self.edge.journal.last().await.map_err(unread)?;
        let (realm, now) = (self.edge.realm.to_string(), self.edge.clock.now());
        let monitor = self.monitor.now();
        let (read, speed) = (monitor.progress().position, monitor.speed());
        let at = if read.sequence == head { read } else { Position { sequence: head, index: 0 } };
        let mut status = wire::status(realm, speed, now, types::Position::from(at), &self.health);
        if let Some(tell) = told_what_is_late(caller.actor.role) {
            status.seen_late = self.seen_late.load(Ordering::Relaxed);
            let late = if read.sequence >= head { monitor.late(now) } else { Vec::new() };
            status.late = late.iter().map(|(owed, due)| wire::late(tell(owed), *due, now, speed)).collect();
        }
        Ok(Response::new(status))
    }
}
