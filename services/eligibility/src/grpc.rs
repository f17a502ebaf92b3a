//! The service as callers see it.

use std::sync::Arc;

use muster_api::eligibility::v1::{
    ApproveOverrideRequest, ApproveOverrideResponse, ApprovePolicyRequest, ApprovePolicyResponse,
    CompareRequestsRequest, CompareRequestsResponse, DecideRequest, DecideResponse, GetAssessmentRequest,
    GetAssessmentResponse, GetPolicyRequest, GetPolicyResponse, ListAssessmentsRequest, ListAssessmentsResponse,
    ProposeOverrideRequest, ProposeOverrideResponse, ProposePolicyRequest, ProposePolicyResponse, ResolveRequest,
    ResolveResponse,
    eligibility_service_server::{EligibilityService, EligibilityServiceServer},
};
use muster_domain::{
    eligibility::{
        assessment::{Assessment, Command},
        events::{Outcome, Policy},
        explain::why,
        policy,
        priority::{Ranked, difference},
    },
    kernel::RequestId,
    registry::events::CouncilAct,
};
use muster_edge::{
    Answer, Caller, Edge,
    edge::refused,
    page::Page,
    wire::{
        fields::{Fields, one, timestamp},
        read_bands, read_cuts, read_terms,
    },
};
use muster_journal::{
    engine::{
        Done, Meta, Undone,
        executor::Executor,
        follower::{Follower, Progress, View},
    },
    port::Subject,
};
use muster_runtime::{
    access::{Access, Action, may},
    ids, status,
};
use tonic::{Request, Response, Status, service::Routes};

use crate::{
    react::Docket,
    views::{Assessments, Entry, Policies},
    wire::{self, Filter},
};

/// What callers name.
const ASSESSMENT: &str = "assessment";

/// Judging and ranking requests, answering them, and the policy in force.
#[derive(Clone)]
pub struct Service {
    pub(crate) edge: Edge,
    pub(crate) docket: View<Docket>,
    assessments: View<Assessments>,
    policies: View<Policies>,
    judging: Arc<Executor<Assessment>>,
    governing: Arc<Executor<Policy>>,
}

impl Service {
    /// The service; the follower reads the log for its views.
    pub fn new(edge: Edge, follower: &mut Follower) -> Self {
        let clock = edge.clock.clone();
        let now = Arc::new(move || clock.now());
        Self {
            docket: follower.view(Docket::default()),
            assessments: follower.view(Assessments::default()),
            policies: follower.view(Policies::default()),
            judging: Arc::new(Executor::new(edge.journal.clone(), now.clone(), ids::new)),
            governing: Arc::new(Executor::new(edge.journal.clone(), now, ids::new)),
            edge,
        }
    }

    /// Its calls, beside what is served already.
    pub fn beside(self, routes: Routes) -> Routes {
        routes.add_service(EligibilityServiceServer::new(self))
    }

    /// Does something to an assessment.
    pub(crate) async fn judge(&self, subject: &Subject, command: Command, meta: Meta) -> Result<Done, Undone> {
        self.judging.execute(subject, command, meta).await
    }

    /// Whether the caller may do this to a request: what is told of it and done to it is its parties' affair.
    async fn may(&self, caller: &Caller, action: Action, request: &RequestId) -> Result<(), Status> {
        let what = (ASSESSMENT, request.as_str());
        self.edge.may(caller, action, what, |people| people.of_request(request)).await
    }

    /// Where a request's assessment stands, if the caller may change this of it; then the call goes on in the request's trace.
    async fn subject(&self, caller: &Caller, action: Action, request: &RequestId) -> Result<Subject, Status> {
        self.may(caller, action, request).await?;
        let subject = self.edge.subjects.assessment(request).map_err(status::fault)?;
        // The policy stands among the assessments and is none.
        if subject == self.policy_subject()? {
            return Err(no_assessment(request));
        }
        self.edge.join(request);
        Ok(subject)
    }

    fn policy_subject(&self) -> Result<Subject, Status> {
        self.edge.subjects.policy().map_err(status::fault)
    }

    /// The Council act in force for the third country that asks, when the call came; the registry's newest word counts.
    async fn council_act(&self, caller: &Caller, request: &RequestId) -> Result<Option<CouncilAct>, Status> {
        self.edge.catch_up(caller).await?;
        let country = {
            let assessments = self.assessments.now();
            let assessment = assessments.get(request).and_then(|entry| entry.state.assessment());
            assessment.map(|assessment| assessment.submission.facts.country)
        };
        Ok(country.and_then(|country| self.docket.now().council_act(country, caller.at).cloned()))
    }
}

fn no_assessment(request: &RequestId) -> Status {
    status::not_found(ASSESSMENT, request.as_str())
}

#[tonic::async_trait]
impl EligibilityService for Service {
    async fn get_assessment(&self, call: Request<GetAssessmentRequest>) -> Answer<GetAssessmentResponse> {
        let (caller, message) = self.edge.admit(call, Action::GetAssessment)?;
        let request = one("request", &message.request, RequestId::parse)?;
        self.may(&caller, Action::GetAssessment, &request).await?;
        let look = |view: &Assessments, looked: &Progress| {
            let entry = view.get(&request)?;
            Some(GetAssessmentResponse {
                as_of: Some(looked.position.into()),
                assessment: Some(wire::assessment(entry, self.edge.moment(message.read_at, looked))?),
                why: why(&entry.state),
            })
        };
        let found = self.edge.read(&caller, &self.assessments, message.read_at, look).await?;
        found.map(Response::new).ok_or_else(|| no_assessment(&request))
    }

    async fn list_assessments(&self, call: Request<ListAssessmentsRequest>) -> Answer<ListAssessmentsResponse> {
        let (caller, message) = self.edge.admit(call, Action::ListAssessments)?;
        let filter = Filter::read(&message)?;
        let page = Page::read(message.page_size, &message.page_token, message.read_at)?;
        let look = |view: &Assessments, looked: &Progress| {
            let now = self.edge.moment(message.read_at, looked);
            let people = self.edge.people.now();
            let entries = view.most_urgent_first().map(|one| (one.0.to_string(), one));
            let (entries, next_page_token) = page.cut(looked.position, entries, |(request, entry)| {
                let party = people.of_request(request);
                filter.takes(entry) && may(&caller.actor, Action::ListAssessments, &party) == Access::Allowed
            });
            let assessments = entries.into_iter().filter_map(|(_, entry)| wire::assessment(entry, now)).collect();
            ListAssessmentsResponse { as_of: Some(looked.position.into()), assessments, next_page_token }
        };
        Ok(Response::new(self.edge.read(&caller, &self.assessments, page.read_at(), look).await?))
    }

    async fn resolve(&self, call: Request<ResolveRequest>) -> Answer<ResolveResponse> {
        let (caller, message) = self.edge.admit(call, Action::Resolve)?;
        let mut fields = Fields::default();
        let request = fields.parsed("request", &message.request, RequestId::parse);
        let finding = wire::read_finding(&mut fields, message.finding.clone());
        let (request, finding) = fields.done(request.zip(finding))?;
        let subject = self.subject(&caller, Action::Resolve, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let done =
            self.judge(&subject, Command::Resolve { finding, reason: message.reason }, meta).await.map_err(refused)?;
        Ok(Response::new(ResolveResponse { position: Some(done.position.into()) }))
    }

    async fn decide(&self, call: Request<DecideRequest>) -> Answer<DecideResponse> {
        let (caller, message) = self.edge.admit(call, Action::Decide)?;
        let mut fields = Fields::default();
        let request = fields.parsed("request", &message.request, RequestId::parse);
        let outcome = fields.parsed("outcome", &message.outcome, Outcome::parse);
        let terms = message.terms.clone().and_then(|terms| read_terms(&mut fields, "terms", terms));
        let (request, outcome) = fields.done(request.zip(outcome))?;
        let subject = self.subject(&caller, Action::Decide, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let council_act = self.council_act(&caller, &request).await?;
        let (cuts, reason) = (read_cuts(message.cuts), message.reason);
        let command = Command::Decide { outcome, terms, cuts, reason, council_act };
        let done = self.judge(&subject, command, meta).await.map_err(refused)?;
        Ok(Response::new(DecideResponse { position: Some(done.position.into()) }))
    }

    async fn propose_override(&self, call: Request<ProposeOverrideRequest>) -> Answer<ProposeOverrideResponse> {
        let (caller, message) = self.edge.admit(call, Action::ProposeOverride)?;
        let mut fields = Fields::default();
        let request = fields.parsed("request", &message.request, RequestId::parse);
        let bands = read_bands(&mut fields, "bands", &message.bands);
        let (request, bands) = fields.done(request.zip(bands))?;
        let subject = self.subject(&caller, Action::ProposeOverride, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let done = self
            .judge(&subject, Command::ProposeOverride { bands, reason: message.reason }, meta)
            .await
            .map_err(refused)?;
        let state = self.edge.left_by::<Assessment>(&done, &subject).await?;
        let proposal = state.assessment().and_then(|assessment| assessment.proposal.as_ref());
        Ok(Response::new(ProposeOverrideResponse {
            position: Some(done.position.into()),
            lapses_at: proposal.filter(|proposal| proposal.bands == bands).map(|p| timestamp(p.lapses_at)),
        }))
    }

    async fn approve_override(&self, call: Request<ApproveOverrideRequest>) -> Answer<ApproveOverrideResponse> {
        let (caller, message) = self.edge.admit(call, Action::ApproveOverride)?;
        let mut fields = Fields::default();
        let request = fields.parsed("request", &message.request, RequestId::parse);
        let bands = read_bands(&mut fields, "bands", &message.bands);
        let (request, bands) = fields.done(request.zip(bands))?;
        let subject = self.subject(&caller, Action::ApproveOverride, &request).await?;
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let done = self.judge(&subject, Command::ApproveOverride { bands }, meta).await.map_err(refused)?;
        Ok(Response::new(ApproveOverrideResponse { position: Some(done.position.into()) }))
    }

    async fn compare_requests(&self, call: Request<CompareRequestsRequest>) -> Answer<CompareRequestsResponse> {
        let (caller, message) = self.edge.admit(call, Action::CompareRequests)?;
        let mut fields = Fields::default();
        let first = fields.parsed("first", &message.first, RequestId::parse);
        let second = fields.parsed("second", &message.second, RequestId::parse);
        if first.is_some() && first == second {
            fields.wrong("second", "is the first request again: name another");
        }
        let (first, second) = fields.done(first.zip(second))?;
        for request in [&first, &second] {
            self.may(&caller, Action::CompareRequests, request).await?;
        }
        let look = |view: &Assessments, looked: &Progress| -> Result<_, Status> {
            let find = |request| view.get(request).and_then(Entry::rank).ok_or_else(|| no_assessment(request));
            let ((first, first_bands), (second, second_bands)) = (find(&first)?, find(&second)?);
            let first = Ranked { key: first, bands: &first_bands };
            let second = Ranked { key: second, bands: &second_bands };
            Ok(difference(first, second).map(|found| wire::comparison(looked.position.into(), found)))
        };
        let compared = self.edge.read(&caller, &self.assessments, message.read_at, look).await??;
        compared.map(Response::new).ok_or_else(|| status::fault("two requests have one key"))
    }

    async fn get_policy(&self, call: Request<GetPolicyRequest>) -> Answer<GetPolicyResponse> {
        let (caller, message) = self.edge.admit(call, Action::GetPolicy)?;
        let look = |view: &Policies, looked: &Progress| {
            let (in_force, proposal) = wire::policies(&view.0, self.edge.moment(message.read_at, looked));
            GetPolicyResponse { as_of: Some(looked.position.into()), in_force: Some(in_force), proposal }
        };
        Ok(Response::new(self.edge.read(&caller, &self.policies, message.read_at, look).await?))
    }

    async fn propose_policy(&self, call: Request<ProposePolicyRequest>) -> Answer<ProposePolicyResponse> {
        let (caller, message) = self.edge.admit(call, Action::ProposePolicy)?;
        let (subject, policy) = (self.policy_subject()?, read_policy(message.policy.clone())?);
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let done = self.governing.execute(&subject, policy::Command::Propose(policy), meta).await.map_err(refused)?;
        let lapses_at = match self.edge.left_by::<Policy>(&done, &subject).await? {
            policy::State::Proposed { lapses_at, .. } => Some(timestamp(lapses_at)),
            policy::State::InForce(_) => None,
        };
        Ok(Response::new(ProposePolicyResponse { position: Some(done.position.into()), lapses_at }))
    }

    async fn approve_policy(&self, call: Request<ApprovePolicyRequest>) -> Answer<ApprovePolicyResponse> {
        let (caller, message) = self.edge.admit(call, Action::ApprovePolicy)?;
        let (subject, policy) = (self.policy_subject()?, read_policy(message.policy.clone())?);
        let meta = self.edge.meta(&caller, &message.request_id, &message)?;
        let done = self.governing.execute(&subject, policy::Command::Approve(policy), meta).await.map_err(refused)?;
        Ok(Response::new(ApprovePolicyResponse { position: Some(done.position.into()) }))
    }
}

/// The policy of a call.
fn read_policy(policy: Option<muster_api::eligibility::v1::Policy>) -> Result<Policy, Status> {
    let mut fields = Fields::default();
    let policy = wire::read_policy(&mut fields, policy);
    fields.done(policy)
}
