//! The calls of `muster.intake.v1`.

use std::{sync::Arc, time::Duration};

use muster_api::intake::v1::{
    AmendRequestRequest, AmendRequestResponse, EndorseRequestRequest, EndorseRequestResponse, FileReportRequest,
    FileReportResponse, GetRequestRequest, GetRequestResponse, HandleNationallyRequest, HandleNationallyResponse,
    ListRequestsRequest, ListRequestsResponse, OpenRequestRequest, OpenRequestResponse, ReturnRequestRequest,
    ReturnRequestResponse, SubmitRequestRequest, SubmitRequestResponse, WithdrawRequestRequest,
    WithdrawRequestResponse,
    intake_service_server::{IntakeService, IntakeServiceServer},
};
use muster_domain::{
    clocks::answer_due,
    codes::Country,
    intake::{
        events::Facts,
        facts,
        rejection::Rejection,
        request::{Command, Request as Aggregate},
    },
    kernel::{AuthorityId, HospitalId, RequestId, Role, SpocId, SubjectRef},
    registry::events::Authority,
};
use muster_edge::{
    Answer, Caller, Edge,
    contacts::may_know_contact,
    edge::refused,
    page::Page,
    wire::{
        fields::{Fields, one, timestamp},
        read_contact, read_facts,
    },
};
use muster_journal::{
    engine::{
        Done, Meta, Undone,
        executor::Executor,
        follower::{Follower, View},
    },
    stored::Position,
};
use muster_runtime::{
    access::{Access, Action, may},
    ids, status,
};
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

use crate::{
    react::Errands,
    views::{Register, Requests},
    wire,
};

/// How long a call waits for a standing mandate to carry its request on.
const CARRIED_WITHIN: Duration = Duration::from_secs(2);

/// The intake service.
#[derive(Clone)]
pub struct Service {
    pub(crate) edge: Edge,
    pub(crate) errands: View<Errands>,
    executor: Arc<Executor<Aggregate>>,
    requests: View<Requests>,
    register: View<Register>,
}

impl Service {
    /// The service on the journal of `edge`; `follower` reads the log for it.
    pub fn new(edge: Edge, follower: &mut Follower) -> Self {
        let clock = edge.clock.clone();
        let executor = Executor::new(edge.journal.clone(), Arc::new(move || clock.now()), ids::new);
        Self {
            errands: follower.view(Errands::default()),
            executor: Arc::new(executor),
            requests: follower.view(Requests::default()),
            register: follower.view(Register::default()),
            edge,
        }
    }

    /// Its calls, beside what is served already.
    pub fn beside(self, routes: Routes) -> Routes {
        routes.add_service(IntakeServiceServer::new(self))
    }

    pub(crate) async fn execute(&self, request: &RequestId, command: Command, meta: Meta) -> Result<Done, Undone> {
        let subject = self.edge.subjects.request(request).map_err(|error| Undone::Unavailable(error.to_string()))?;
        self.executor.execute(&subject, command, meta).await
    }

    /// Does what a caller asks of a request that exists and that they may touch.
    async fn act(&self, request: &RequestId, command: Command, meta: Meta) -> Result<Position, Status> {
        Ok(self.execute(request, command, meta).await.map_err(refused)?.position)
    }

    async fn may(&self, caller: &Caller, action: Action, request: &RequestId) -> Result<(), Status> {
        self.edge.may(caller, action, ("request", request.as_str()), |people| people.of_request(request)).await
    }

    /// Whether the caller may change something about a request; then the call goes on in its trace.
    async fn may_change(&self, caller: &Caller, action: Action, request: &RequestId) -> Result<(), Status> {
        self.may(caller, action, request).await?;
        self.edge.join(request);
        Ok(())
    }

    /// The record of the authority that calls, or for which its single point of contact does.
    fn authority(&self, caller: &Caller, request: &RequestId) -> Result<Authority, Status> {
        let people = self.edge.people.now();
        let id = match caller.actor.role {
            Role::Authority => AuthorityId::parse(caller.actor.principal.as_str()).ok(),
            Role::Hospital
            | Role::Spoc
            | Role::Officer
            | Role::Commission
            | Role::Provider
            | Role::Auditor
            | Role::Operator
            | Role::System => people.of_request(request).authority,
        };
        let record = id.and_then(|id| people.authority(&id).cloned());
        record.ok_or_else(|| status::not_found("request", request.as_str()))
    }

    /// All that is wrong with what is declared, the services that nobody offers included.
    fn check(&self, caller: &Caller, facts: &Facts) -> Result<(), Status> {
        let register = self.register.now();
        let mut wrong = facts::check(facts, caller.at, register.live);
        register.catalogue.require("facts.needs.services", &facts.needs.services, &mut wrong);
        wrong.or_refuse(Rejection::Facts).map_err(refused)
    }

    /// Puts what identifies people where it can be forgotten, before anything refers to it. The same command may be sent
    /// again, but not with another contact.
    async fn keep(&self, meta: &Meta, contact: Option<&muster_api::r#type::v1::Contact>) -> Result<SubjectRef, Status> {
        let id = Uuid::new_v5(&meta.command, b"contact").to_string();
        let subject = SubjectRef::parse(&id).map_err(status::fault)?;
        if let Some(contact) = contact {
            match self.edge.contact(&subject).await? {
                Some(kept) if kept != *contact => return Err(refused(Undone::Reused(meta.command))),
                Some(_) => {}
                None => self.edge.keep_contact(&subject, contact).await?,
            }
        }
        Ok(subject)
    }

    /// The state of a request that was just opened; if a standing mandate carries it on, then once it has.
    async fn settled(&self, request: &RequestId, position: Position) -> Result<(Position, String), Status> {
        self.requests.reaches(position.sequence, CARRIED_WITHIN).await.map_err(refused)?;
        let mut steps = self.errands.steps();
        let carried = steps.wait_for(|_| !self.errands.now().is_carrying(request));
        // A mandate that takes longer carries the request on all the same, and the caller is told how it stands now.
        let _ = tokio::time::timeout(CARRIED_WITHIN, carried).await;
        let requests = self.requests.now();
        let record = requests.get(request).ok_or_else(|| status::not_found("request", request.as_str()))?;
        Ok((record.changed, record.request.phase.as_str().to_owned()))
    }
}

/// Reads what a call declares, its contact included.
fn declared(
    facts: Option<muster_api::r#type::v1::Facts>,
    contact: Option<muster_api::r#type::v1::Contact>,
) -> Result<(Facts, Option<muster_api::r#type::v1::Contact>), Status> {
    let mut fields = Fields::default();
    let facts = read_facts(&mut fields, "facts", facts);
    let contact = contact.and_then(|contact| read_contact(&mut fields, "contact", Some(contact)));
    fields.done(facts.map(|facts| (facts, contact)))
}

#[tonic::async_trait]
impl IntakeService for Service {
    async fn open_request(&self, call: Request<OpenRequestRequest>) -> Answer<OpenRequestResponse> {
        let (caller, message) = self.edge.admit(call, Action::OpenRequest)?;
        let own = if caller.actor.role == Role::Hospital { caller.actor.principal.as_str() } else { "" };
        let named = if message.hospital.is_empty() { own } else { &message.hospital };
        let hospital = one("hospital", named, HospitalId::parse)?;
        let what = ("hospital", hospital.as_str());
        self.edge.may(&caller, Action::OpenRequest, what, |people| people.of_hospital(&hospital)).await?;
        // The log keeps a hash of what was asked; people's details are no part of it.
        let told = OpenRequestRequest { contact: None, ..message.clone() };
        let meta = self.edge.meta(&caller, &message.request_id, &told)?;
        let (facts, contact) = declared(message.facts, message.contact)?;
        self.check(&caller, &facts)?;
        let live = self.register.now().live;
        let contact = self.keep(&meta, contact.as_ref()).await?;
        let request = meta.created();
        let position = self.act(&request, Command::Open { hospital, facts, contact, live }, meta).await?;
        let (position, state) = self.settled(&request, position).await?;
        Ok(Response::new(OpenRequestResponse { position: Some(position.into()), request: request.to_string(), state }))
    }

    async fn amend_request(&self, call: Request<AmendRequestRequest>) -> Answer<AmendRequestResponse> {
        let (caller, message) = self.edge.admit(call, Action::AmendRequest)?;
        let request = one("request", &message.request, RequestId::parse)?;
        self.may_change(&caller, Action::AmendRequest, &request).await?;
        let told = AmendRequestRequest { contact: None, ..message.clone() };
        let meta = self.edge.meta(&caller, &message.request_id, &told)?;
        let (facts, contact) = declared(message.facts, message.contact)?;
        self.check(&caller, &facts)?;
        let live = self.register.now().live;
        let Done { position, news } =
            self.execute(&request, Command::Amend { facts, live }, meta).await.map_err(refused)?;
        if let Some(contact) = contact {
            self.requests.reaches(position.sequence, caller.patience).await.map_err(refused)?;
            // A repeat of what was amended since, or is over, brings no old contact back.
            let now = self.requests.now().get(&request).filter(|record| news || record.changed == position).cloned();
            if let Some(subject) = now.map(|record| record.request.contact) {
                self.edge.keep_contact(&subject, &contact).await?;
            }
        }
        Ok(Response::new(AmendRequestResponse { position: Some(position.into()) }))
    }

    async fn endorse_request(&self, call: Request<EndorseRequestRequest>) -> Answer<EndorseRequestResponse> {
        let (caller, message) = self.edge.admit(call, Action::EndorseRequest)?;
        let request = one("request", &message.request, RequestId::parse)?;
        self.may_change(&caller, Action::EndorseRequest, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let authority = self.authority(&caller, &request)?;
        let position = self.act(&request, Command::Endorse { authority, mandate: None }, meta).await?;
        Ok(Response::new(EndorseRequestResponse { position: Some(position.into()) }))
    }

    async fn return_request(&self, call: Request<ReturnRequestRequest>) -> Answer<ReturnRequestResponse> {
        let (caller, message) = self.edge.admit(call, Action::ReturnRequest)?;
        let request = one("request", &message.request, RequestId::parse)?;
        self.may_change(&caller, Action::ReturnRequest, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let mut fields = Fields::default();
        let reason = wire::read_return(&mut fields, &message.reason);
        let reason = fields.done(reason)?;
        let authority = self.authority(&caller, &request)?;
        let position = self.act(&request, Command::Return { authority, reason, note: message.note }, meta).await?;
        Ok(Response::new(ReturnRequestResponse { position: Some(position.into()) }))
    }

    async fn handle_nationally(&self, call: Request<HandleNationallyRequest>) -> Answer<HandleNationallyResponse> {
        let (caller, message) = self.edge.admit(call, Action::HandleNationally)?;
        let request = one("request", &message.request, RequestId::parse)?;
        self.may_change(&caller, Action::HandleNationally, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let authority = self.authority(&caller, &request)?;
        let position = self.act(&request, Command::HandleNationally { authority, note: message.note }, meta).await?;
        Ok(Response::new(HandleNationallyResponse { position: Some(position.into()) }))
    }

    async fn submit_request(&self, call: Request<SubmitRequestRequest>) -> Answer<SubmitRequestResponse> {
        let (caller, message) = self.edge.admit(call, Action::SubmitRequest)?;
        let request = one("request", &message.request, RequestId::parse)?;
        self.may_change(&caller, Action::SubmitRequest, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let authority = self.authority(&caller, &request)?;
        let principal = caller.actor.principal.as_str();
        let spoc = SpocId::parse(principal).ok().filter(|_| caller.actor.role == Role::Spoc);
        let kind = authority.kind;
        let position = self.act(&request, Command::Submit { authority, spoc, mandate: None }, meta).await?;
        self.requests.reaches(position.sequence, caller.patience).await.map_err(refused)?;
        let submitted_at = self.requests.now().get(&request).and_then(|record| record.submitted_at);
        Ok(Response::new(SubmitRequestResponse {
            position: Some(position.into()),
            submitted_at: submitted_at.map(timestamp),
            answer_due_at: submitted_at.and_then(|at| answer_due(kind, at)).map(timestamp),
        }))
    }

    async fn withdraw_request(&self, call: Request<WithdrawRequestRequest>) -> Answer<WithdrawRequestResponse> {
        let (caller, message) = self.edge.admit(call, Action::WithdrawRequest)?;
        let request = one("request", &message.request, RequestId::parse)?;
        self.may_change(&caller, Action::WithdrawRequest, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let position = self.act(&request, Command::Withdraw { reason: message.reason }, meta).await?;
        Ok(Response::new(WithdrawRequestResponse { position: Some(position.into()) }))
    }

    async fn file_report(&self, call: Request<FileReportRequest>) -> Answer<FileReportResponse> {
        let (caller, message) = self.edge.admit(call, Action::FileReport)?;
        let request = one("request", &message.request, RequestId::parse)?;
        self.may_change(&caller, Action::FileReport, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let mut fields = Fields::default();
        let report = wire::read_report(&mut fields, message.report);
        let report = fields.done(report)?;
        let position = self.act(&request, Command::FileReport(report), meta).await?;
        Ok(Response::new(FileReportResponse { position: Some(position.into()) }))
    }

    async fn get_request(&self, call: Request<GetRequestRequest>) -> Answer<GetRequestResponse> {
        let (caller, message) = self.edge.admit(call, Action::GetRequest)?;
        let request = one("request", &message.request, RequestId::parse)?;
        self.may(&caller, Action::GetRequest, &request).await?;
        let looked = self.edge.read(&caller, &self.requests, message.read_at, |requests, progress| {
            let record = requests.get(&request)?;
            Some((progress.position, wire::request(&request, record), record.request.contact.clone()))
        });
        let found = looked.await?;
        let (as_of, mut told, subject) = found.ok_or_else(|| status::not_found("request", request.as_str()))?;
        let party = self.edge.people.now().of_request(&request);
        if may_know_contact(&caller, &party) {
            told.contact = self.edge.contact(&subject).await?;
        }
        Ok(Response::new(GetRequestResponse { as_of: Some(as_of.into()), request: Some(told) }))
    }

    async fn list_requests(&self, call: Request<ListRequestsRequest>) -> Answer<ListRequestsResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListRequests)?;
        let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
        let mut fields = Fields::default();
        let country = fields.optional("country", &message.country, Country::parse);
        for (i, state) in message.states.iter().enumerate() {
            if !STATES.contains(&state.as_str()) {
                fields
                    .wrong(format_args!("states[{i}]"), format_args!("'{state}' is not one of {}", STATES.join(", ")));
            }
        }
        fields.done(Some(()))?;
        let people = self.edge.people.clone();
        let looked = self.edge.read(&caller, &self.requests, page.read_at(), |requests, progress| {
            let people = people.now();
            let all = requests.newest_first().map(|one| (one.0.to_string(), one));
            let (records, next) = page.cut(progress.position, all, |(id, record)| {
                let phase = record.request.phase.as_str();
                (message.states.is_empty() || message.states.iter().any(|state| state == phase))
                    && country.is_none_or(|country| record.request.facts.country == country)
                    && may(&caller.actor, Action::ListRequests, &people.of_request(id)) == Access::Allowed
            });
            let requests = records.into_iter().map(|(id, record)| wire::request(id, record)).collect();
            ListRequestsResponse { as_of: Some(progress.position.into()), requests, next_page_token: next }
        });
        Ok(Response::new(looked.await?))
    }
}

/// The states that a list may ask for.
const STATES: [&str; 7] = ["opened", "returned", "endorsed", "submitted", "withdrawn", "support-ended", "closed"];
