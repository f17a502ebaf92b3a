//! Whoever calls Muster in a story: clients of every service, and a Reserve small enough to know by heart.

use std::{fmt::Debug, time::Duration};

use muster_api::{
    dispatch::v1::{
        AcceptOfferRequest, CompleteEngagementRequest, ListOffersRequest, MarkSeenRequest, ReportStageRequest,
        dispatch_service_client::DispatchServiceClient,
    },
    eligibility::v1::{
        ApprovePolicyRequest, DecideRequest, GetAssessmentRequest, GetPolicyRequest, Policy, ProposePolicyRequest,
        eligibility_service_client::EligibilityServiceClient,
    },
    intake::v1::{
        EndorseRequestRequest, FileReportRequest, GetRequestRequest, OpenRequestRequest, SubmitRequestRequest,
        SummaryReport, intake_service_client::IntakeServiceClient,
    },
    monitor::v1::monitor_service_client::MonitorServiceClient,
    registry::v1::{
        Authority, Contract, CountersignMandateRequest, EnrolProviderRequest, GetRealmRequest, Hospital, Provider,
        RegisterAuthorityRequest, RegisterHospitalRequest, SignMandateRequest,
        registry_service_client::RegistryServiceClient,
    },
    r#type::v1::{Contact, Entity, Facts, Impact, Needs, Offer, Position},
};
use muster_domain::kernel::Role;
use muster_edge::testing::{call, reason};
use prost_types::Timestamp;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

/// Longer than anything takes that works, also right after a crash.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that others bring about, and for which there is no stream in the story.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The countries of the story, each with a hospital `h-<c>`, an authority `csirt-<c>` and a contact point `spoc-<c>`.
pub const COUNTRIES: [(&str, &str, &str); 3] = [("FR", "FRD22", "fr"), ("ES", "ES511", "es"), ("PT", "PT170", "pt")];

/// Clients of every service.
#[derive(Clone)]
pub struct Cast {
    /// Registry.
    pub registry: RegistryServiceClient<Channel>,
    /// Intake.
    pub intake: IntakeServiceClient<Channel>,
    /// Eligibility.
    pub eligibility: EligibilityServiceClient<Channel>,
    /// Dispatch.
    pub dispatch: DispatchServiceClient<Channel>,
    /// Monitor.
    pub monitor: MonitorServiceClient<Channel>,
}

impl Cast {
    /// Clients of the services at these addresses.
    pub fn new<A: TryInto<Endpoint, Error: Debug>>(address_of: impl Fn(&str) -> A) -> Self {
        let channel = |role: &str| address_of(role).try_into().expect("an address").connect_lazy();
        Self {
            registry: RegistryServiceClient::new(channel("registry")),
            intake: IntakeServiceClient::new(channel("intake")),
            eligibility: EligibilityServiceClient::new(channel("eligibility")),
            dispatch: DispatchServiceClient::new(channel("dispatch")),
            monitor: MonitorServiceClient::new(channel("monitor")),
        }
    }

    /// Puts everybody on record: the countries' hospitals and users, and providers `s1` to `s<n>`, each with two teams.
    pub async fn register(&mut self, providers: usize) {
        let now = self.now().await;
        for (country, nuts, c) in COUNTRIES {
            let authority = Authority {
                authority: format!("csirt-{c}"),
                name: format!("CSIRT of {country}"),
                kind: "csirt".to_owned(),
                country: country.to_owned(),
                spoc: format!("spoc-{c}"),
            };
            let message = RegisterAuthorityRequest { request_id: id(), authority: Some(authority) };
            surely(async || {
                self.registry.clone().register_authority(call(Role::Operator, "ops", message.clone())).await
            })
            .await;
            let hospital = Hospital {
                hospital: format!("h-{c}"),
                name: format!("Hospital of {country}"),
                member_state: country.to_owned(),
                nuts: nuts.to_owned(),
                kind: "university-hospital".to_owned(),
                annex: "I".to_owned(),
                category: "essential".to_owned(),
                size: "large".to_owned(),
            };
            let message = RegisterHospitalRequest { request_id: id(), hospital: Some(hospital) };
            surely(async || {
                self.registry.clone().register_hospital(call(Role::Operator, "ops", message.clone())).await
            })
            .await;
        }
        for n in 1..=providers {
            self.enrol(provider(n, 2, &now)).await;
        }
    }

    /// Plays a country's story from the hospital's call to the end of the provider's work; the request.
    pub async fn help(&mut self, c: &str) -> String {
        let request = self.open(c).await;
        self.submit(c, &request).await;
        self.grant(&request).await;
        let offer = self.offer(&request).await;
        self.work(&offer).await;
        request
    }

    /// Every hospital's authority and contact point sign a standing mandate for it.
    pub async fn mandate(&mut self) {
        let now = self.now().await;
        let until = Some(Timestamp { seconds: now.seconds + 365 * 24 * 3600, nanos: 0 });
        for (_, _, c) in COUNTRIES {
            let (authority, spoc) = (format!("csirt-{c}"), format!("spoc-{c}"));
            let message = SignMandateRequest { request_id: id(), hospital: format!("h-{c}"), from: Some(now), until };
            let sign =
                async || self.registry.clone().sign_mandate(call(Role::Authority, &authority, message.clone())).await;
            let mandate = surely(sign).await.mandate;
            let message = CountersignMandateRequest { request_id: id(), mandate };
            surely(async || self.registry.clone().countersign_mandate(call(Role::Spoc, &spoc, message.clone())).await)
                .await;
        }
    }

    /// Two officers put a policy in force that grants by itself whatever passes all gates; offers stand for so long.
    pub async fn grant_by_policy(&mut self, offers_stand: Duration) {
        let ask = async || {
            self.eligibility.clone().get_policy(call(Role::Officer, "duty", GetPolicyRequest::default())).await
        };
        let known = surely(ask).await.in_force.expect("a policy is always in force");
        let stands = prost_types::Duration { seconds: offers_stand.as_secs().cast_signed(), nanos: 0 };
        let policy = Policy { version: known.version + 1, grants: true, offer_stands: vec![stands; 4], ..known };
        let message = ProposePolicyRequest { request_id: id(), policy: Some(policy.clone()) };
        surely(async || self.eligibility.clone().propose_policy(call(Role::Officer, "duty", message.clone())).await)
            .await;
        let message = ApprovePolicyRequest { request_id: id(), policy: Some(policy) };
        surely(async || self.eligibility.clone().approve_policy(call(Role::Officer, "second", message.clone())).await)
            .await;
    }

    /// Puts one more provider on record.
    pub async fn enrol(&mut self, provider: Provider) {
        let message = EnrolProviderRequest { request_id: id(), provider: Some(provider) };
        surely(async || self.registry.clone().enrol_provider(call(Role::Operator, "ops", message.clone())).await).await;
    }

    /// What the realm's clock shows.
    pub async fn now(&mut self) -> Timestamp {
        let realm = surely(async || {
            self.registry.clone().get_realm(call(Role::Auditor, "audit", GetRealmRequest::default())).await
        });
        realm.await.now.expect("a realm has a clock")
    }

    /// A hospital opens a request; gives its id.
    pub async fn open(&mut self, c: &str) -> String {
        let (facts, contact) = (Some(facts(c, &self.now().await)), Some(contact(c)));
        let message = OpenRequestRequest { request_id: id(), hospital: String::new(), facts, contact };
        let hospital = format!("h-{c}");
        let open = async || self.intake.clone().open_request(call(Role::Hospital, &hospital, message.clone())).await;
        surely(open).await.request
    }

    /// Its authority endorses it and its contact point submits it.
    pub async fn submit(&mut self, c: &str, request: &str) {
        let (authority, spoc) = (format!("csirt-{c}"), format!("spoc-{c}"));
        let message = EndorseRequestRequest { request_id: id(), request: request.to_owned() };
        surely(async || self.intake.clone().endorse_request(call(Role::Authority, &authority, message.clone())).await)
            .await;
        let message = SubmitRequestRequest { request_id: id(), request: request.to_owned() };
        surely(async || self.intake.clone().submit_request(call(Role::Spoc, &spoc, message.clone())).await).await;
    }

    /// An officer grants it in full, as soon as it is assessed; gives the decision's place.
    pub async fn grant(&mut self, request: &str) -> Position {
        let message = GetAssessmentRequest { read_at: None, request: request.to_owned() };
        until("an assessment", async || {
            let asked = self.eligibility.clone().get_assessment(call(Role::Officer, "duty", message.clone())).await;
            asked.ok().and_then(|answer| answer.into_inner().assessment).filter(|a| a.state == "assessed")
        })
        .await;
        let message = DecideRequest {
            request_id: id(),
            request: request.to_owned(),
            outcome: "granted".to_owned(),
            reason: "all gates pass".to_owned(),
            ..DecideRequest::default()
        };
        let decided =
            surely(async || self.eligibility.clone().decide(call(Role::Officer, "duty", message.clone())).await).await;
        decided.position.expect("a write has a position")
    }

    /// The next offer for a request that a provider may answer.
    pub async fn offer(&mut self, request: &str) -> Offer {
        let message = ListOffersRequest {
            statuses: vec!["pending".to_owned(), "seen".to_owned()],
            request: request.to_owned(),
            ..ListOffersRequest::default()
        };
        until("an offer", async || {
            let listed = self.dispatch.clone().list_offers(call(Role::Officer, "duty", message.clone())).await;
            listed.ok().and_then(|answer| answer.into_inner().offers.into_iter().next())
        })
        .await
    }

    /// The desk's answer to a provider who opens its offer, whatever it is, as soon as somebody decides.
    pub async fn see(&self, offer: &Offer) -> Result<(), Status> {
        let message = MarkSeenRequest { request_id: id(), offer: offer.offer.clone() };
        until("an answer of the desk", async || {
            let call = call(Role::Provider, &offer.provider, message.clone());
            let answer = self.dispatch.clone().mark_seen(call).await;
            (!answer.as_ref().is_err_and(may_help)).then(|| answer.map(drop))
        })
        .await
    }

    /// The provider accepts, comes on task and completes; gives the place of the accept.
    pub async fn work(&mut self, offer: &Offer) -> Position {
        let (provider, offer) = (offer.provider.clone(), offer.offer.clone());
        let message = AcceptOfferRequest { request_id: id(), offer: offer.clone() };
        let accept =
            async || self.dispatch.clone().accept_offer(call(Role::Provider, &provider, message.clone())).await;
        let position = surely(accept).await.position.expect("a write has a position");
        let message = ReportStageRequest { request_id: id(), offer: offer.clone(), stage: "on-task".to_owned() };
        surely(async || self.dispatch.clone().report_stage(call(Role::Provider, &provider, message.clone())).await)
            .await;
        let message = CompleteEngagementRequest { request_id: id(), offer, days_used: 7 };
        surely(async || {
            self.dispatch.clone().complete_engagement(call(Role::Provider, &provider, message.clone())).await
        })
        .await;
        position
    }

    /// The user files its report once support has ended, which closes the request.
    pub async fn report(&mut self, c: &str, request: &str) {
        let authority = format!("csirt-{c}");
        self.comes_to(request, "support-ended").await;
        let report =
            SummaryReport { aim_reached: true, hours_to_emergency_care: Some(30), document_sha256: "ab".repeat(32) };
        let message = FileReportRequest { request_id: id(), request: request.to_owned(), report: Some(report) };
        surely(async || self.intake.clone().file_report(call(Role::Authority, &authority, message.clone())).await)
            .await;
        self.comes_to(request, "closed").await;
    }

    /// Waits until intake shows a request in a state.
    pub async fn comes_to(&mut self, request: &str, state: &str) {
        let message = GetRequestRequest { read_at: None, request: request.to_owned() };
        until(state, async || {
            let asked = self.intake.clone().get_request(call(Role::Officer, "duty", message.clone())).await;
            asked.ok().and_then(|answer| answer.into_inner().request).filter(|found| found.state == state)
        })
        .await;
    }
}

/// A provider that works everywhere in the story.
pub fn provider(n: usize, teams: u32, now: &Timestamp) -> Provider {
    let hour = |hours: i64| Some(prost_types::Duration { seconds: 3600 * hours, nanos: 0 });
    Provider {
        provider: format!("s{n}"),
        name: format!("Invented Response {n}"),
        established_in: "FR".to_owned(),
        controlled_from: "FR".to_owned(),
        contracts: vec![Contract {
            contract: "c1".to_owned(),
            from: Some(*now),
            until: Some(Timestamp { seconds: now.seconds + 365 * 24 * 3600, nanos: 0 }),
            services: vec!["isim.forensics".to_owned(), "isim.mitigation-recovery".to_owned()],
            member_states: COUNTRIES.map(|(country, ..)| country.to_owned()).to_vec(),
            teams,
            onsite_teams: teams,
            person_days: 2_000,
            pre_committed_days: 100,
            remote_start: hour(2),
            onsite_home: hour(6),
            onsite_abroad: hour(12),
        }],
        languages: ["en", "fr", "es", "pt"].map(str::to_owned).to_vec(),
        ..Provider::default()
    }
}

/// Whom to call at a hospital of the story.
pub fn contact(c: &str) -> Contact {
    Contact {
        name: "the officer on duty".to_owned(),
        email: format!("crisis@{c}.example"),
        phone: "+33 2 00 00 00 00".to_owned(),
        narrative: "All wards are on paper.".to_owned(),
    }
}

/// What a hospital of the story declares: a closed emergency department.
pub fn facts(c: &str, now: &Timestamp) -> Facts {
    let (country, nuts, _) = COUNTRIES.into_iter().find(|(.., code)| *code == c).expect("a country of the story");
    Facts { incident: id(), detected_at: Some(*now), ..facts_of(country, nuts, c) }
}

fn facts_of(country: &str, nuts: &str, c: &str) -> Facts {
    Facts {
        incident: String::new(),
        detected_at: None,
        detected_precision: "minute".to_owned(),
        country: country.to_owned(),
        nuts: vec![nuts.to_owned()],
        languages: vec![c.to_owned()],
        entity: Some(Entity {
            name: format!("Hospital of {country}"),
            kind: "university-hospital".to_owned(),
            annex: "I".to_owned(),
            category: "essential".to_owned(),
            size: "large".to_owned(),
        }),
        incident_types: vec!["information-content-security/unauthorised-information-modification".to_owned()],
        class_claimed: "significant".to_owned(),
        national_capacity_exceeded: false,
        impact: Some(Impact {
            hospitals_affected: Some(1),
            emergency: "closed".to_owned(),
            records_unavailable: Some(true),
            services_restored: Some(false),
            data_breach: Some(false),
            ransom_demanded: Some(true),
        }),
        spillover: "low".to_owned(),
        affected: vec![country.to_owned()],
        needs: Some(Needs {
            services: vec!["isim.forensics".to_owned()],
            remote_teams: 1,
            onsite_teams: 0,
            person_days: 20,
            duration: None,
        }),
        measures: vec!["isolation".to_owned()],
        suppliers: Vec::new(),
        tlp: "TLP:AMBER".to_owned(),
        exercise: true,
    }
}

/// A new request id.
pub fn id() -> String {
    muster_runtime::ids::new().to_string()
}

/// Makes a call until it is answered: the same again while nobody can answer, which is what clients are told to do. A refusal
/// fails the test.
pub async fn surely<T>(mut attempt: impl AsyncFnMut() -> Result<tonic::Response<T>, Status>) -> T {
    let mut last = None;
    let answered = async {
        loop {
            match attempt().await {
                Ok(answer) => return answer.into_inner(),
                Err(no) if may_help(&no) => {
                    last = Some(no);
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(no) => panic!("refused: {no:?}"),
            }
        }
    };
    let answered = tokio::time::timeout(PATIENCE, answered).await;
    answered.unwrap_or_else(|_| panic!("nobody answers: {last:?}"))
}

/// Whether the same call again may be answered: nobody could answer now, or the line broke off.
pub fn may_help(no: &Status) -> bool {
    matches!(no.code(), Code::Unavailable | Code::ResourceExhausted) || reason(no) == "TRANSPORT"
}

/// Looks until there is something; `what` says what is waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
