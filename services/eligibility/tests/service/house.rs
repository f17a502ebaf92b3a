//! A realm with users, hospitals and requests, as intake and the registry would have written them.

use std::{sync::Arc, time::Duration};

use muster_api::{
    eligibility::v1::{
        Assessment, DecideRequest, Finding, GetAssessmentRequest, GetAssessmentResponse, Policy, ResolveRequest,
        eligibility_service_client::EligibilityServiceClient, finding::Fact,
    },
    r#type::v1 as wire,
};
use muster_domain::{
    codes::Country,
    event::Event,
    intake::events::{Facts, RequestEvent, Route},
    kernel::{AuthorityId, HospitalId, RealmId, RequestId, Role, SpocId, SubjectRef},
    registry::events::{
        Authority, AuthorityEvent, AuthorityKind, CouncilAct, Realm, RealmClock, RealmEvent, ThirdCountryEvent,
    },
};
use muster_edge::{
    testing::{Rig, START, actor, call},
    wire::{
        fields::{Fields, timestamp},
        read_facts,
    },
};
use muster_eligibility::{Service, react::react};
use muster_journal::{
    port::Journal,
    stored::{Position, decode, event_type},
};
use muster_runtime::clock::ManualClock;
use tonic::{Status, service::Routes, transport::Channel};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(20);

pub type Client = EligibilityServiceClient<Channel>;

pub const HOUR: Duration = Duration::from_hours(1);

/// A realm with the service in it.
pub struct House {
    pub rig: Rig,
    pub client: Client,
}

impl House {
    /// With a national CSIRT for France, one for the Netherlands, CERT-EU and an authority of Moldova; an act opens the
    /// Reserve to Moldova.
    pub async fn open() -> Self {
        let house = Self::on(Rig::start(routes));
        let realm = Realm { id: RealmId::parse("drill").unwrap(), clock: exercise() };
        let subject = house.rig.edge.subjects.realm().unwrap();
        house.rig.append(&subject, operator(), vec![Event::Realm(RealmEvent::Opened(realm))]).await;
        for route in [csirt("FR"), csirt("NL"), cert_eu(), moldova()] {
            let authority = Authority {
                name: route.authority.to_string(),
                id: route.authority,
                kind: route.kind,
                country: route.country,
                spoc: route.spoc,
            };
            let subject = house.rig.edge.subjects.authority(&authority.id).unwrap();
            house.rig.append(&subject, operator(), vec![Event::Authority(AuthorityEvent::Registered(authority))]).await;
        }
        house.third_country(ThirdCountryEvent::Authorised(act("2026/1"))).await;
        house.rig.settle().await;
        house
    }

    fn on(rig: Rig) -> Self {
        let client = Client::new(rig.channel());
        Self { rig, client }
    }

    /// Another process on the same log.
    pub fn another(&self) -> Self {
        Self::on(Rig::start_on(self.rig.edge.journal.clone(), self.rig.clock.clone(), routes))
    }

    /// The process ends; gives what is left.
    pub fn close(self) -> (Arc<dyn Journal>, ManualClock) {
        (self.rig.edge.journal.clone(), self.rig.clock.clone())
    }

    /// A process on what is left.
    pub fn reopen((journal, clock): (Arc<dyn Journal>, ManualClock)) -> Self {
        Self::on(Rig::start_on(journal, clock, routes))
    }

    pub async fn third_country(&self, event: ThirdCountryEvent) {
        let subject = self.rig.edge.subjects.third_country(Country::parse("MD").unwrap()).unwrap();
        self.rig.append(&subject, operator(), vec![Event::ThirdCountry(event)]).await;
    }

    /// A request of `hospital-<request>` is submitted now.
    pub async fn submit(&self, request: &str, route: Route, change: impl FnOnce(&mut wire::Facts)) -> Position {
        let facts = facts(&route, change);
        let hospital = HospitalId::parse(&format!("hospital-{request}")).unwrap();
        let events = [
            RequestEvent::Opened {
                hospital: hospital.clone(),
                facts: facts.clone(),
                contact: SubjectRef::parse("c").unwrap(),
            },
            RequestEvent::Endorsed { authority: route.authority.clone(), mandate: None },
            RequestEvent::Submitted { route, hospital, facts, mandate: None },
        ];
        self.request(request, events.into()).await
    }

    pub async fn request(&self, request: &str, events: Vec<RequestEvent>) -> Position {
        let subject = self.rig.edge.subjects.request(&id(request)).unwrap();
        let events = events.into_iter().map(Event::Request).collect();
        self.rig.append(&subject, actor(Role::Spoc, "spoc-fr"), events).await
    }

    /// A request is submitted and assessed.
    pub async fn assessed(&self, request: &str, route: Route, change: impl FnOnce(&mut wire::Facts)) {
        self.submit(request, route, change).await;
        self.comes(request, &["assessed"]).await;
    }

    /// Waits until just these events stand in the request's assessment and this process has read them.
    pub async fn comes(&self, request: &str, expected: &[&str]) {
        self.until(request, expected, |story| story).await;
    }

    /// The same when their order is nobody's to say.
    pub async fn comes_in_any_order(&self, request: &str, expected: &[&str]) {
        let sorted = |mut story: Vec<&'static str>| {
            story.sort_unstable();
            story
        };
        self.until(request, expected, sorted).await;
    }

    async fn until(&self, request: &str, expected: &[&str], order: fn(Vec<&'static str>) -> Vec<&'static str>) {
        let mut steps = self.rig.edge.people.steps();
        let comes = async {
            while order(self.story(request).await) != expected {
                steps.changed().await.unwrap();
            }
        };
        let came = tokio::time::timeout(PATIENCE, comes).await;
        assert!(came.is_ok(), "{request}: expected {expected:?}, found {:?}", self.story(request).await);
        self.rig.settle().await;
    }

    /// What stands in the request's assessment, by name, in order.
    pub async fn story(&self, request: &str) -> Vec<&'static str> {
        let subject = self.rig.edge.subjects.assessment(&id(request)).unwrap();
        let records = self.rig.edge.journal.load(&subject, 0).await.unwrap();
        let commits = records.iter().flat_map(|record| decode(&record.bytes).unwrap().commits);
        let names = commits.flat_map(|commit| commit.events).map(|event| event_type(&event).name);
        names.map(|name| name.rsplit('.').next().unwrap()).collect()
    }

    /// The assessment as the officer on duty sees it.
    pub async fn look(&self, request: &str) -> Assessment {
        self.rig.settle().await;
        self.get(Role::Officer, "anna", request).await.unwrap().assessment.unwrap()
    }

    pub async fn get(&self, role: Role, who: &str, request: &str) -> Result<GetAssessmentResponse, Status> {
        let message = GetAssessmentRequest { request: request.to_owned(), read_at: None };
        Ok(self.client.clone().get_assessment(call(role, who, message)).await?.into_inner())
    }

    pub async fn decide(&self, role: Role, who: &str, message: DecideRequest) -> Result<wire::Position, Status> {
        let answer = self.client.clone().decide(call(role, who, message)).await?.into_inner();
        Ok(answer.position.unwrap())
    }

    pub async fn resolve(&self, who: &str, request: &str, fact: Fact) -> Result<(), Status> {
        let message = ResolveRequest {
            request: request.to_owned(),
            finding: Some(Finding { fact: Some(fact) }),
            reason: "told by telephone".to_owned(),
            ..ResolveRequest::default()
        };
        self.client.clone().resolve(call(Role::Officer, who, message)).await.map(drop)
    }

    /// Anna proposes a policy that decides by itself, and Bert approves it.
    pub async fn put_in_force(&self, grants: bool, refuses: bool) -> Policy {
        use muster_api::eligibility::v1::{ApprovePolicyRequest, GetPolicyRequest, ProposePolicyRequest};
        self.rig.settle().await;
        let mut client = self.client.clone();
        let asked = call(Role::Officer, "anna", GetPolicyRequest::default());
        let in_force = client.get_policy(asked).await.unwrap().into_inner().in_force.unwrap();
        let policy = Policy { version: in_force.version + 1, grants, refuses, ..in_force };
        let proposed = ProposePolicyRequest { policy: Some(policy.clone()), ..Default::default() };
        client.propose_policy(call(Role::Officer, "anna", proposed)).await.unwrap();
        let approved = ApprovePolicyRequest { policy: Some(policy.clone()), ..Default::default() };
        client.approve_policy(call(Role::Commission, "carla", approved)).await.unwrap();
        self.rig.settle().await;
        policy
    }
}

fn routes(edge: &muster_edge::Edge, follower: &mut muster_journal::engine::follower::Follower) -> Routes {
    let service = Service::new(edge.clone(), follower);
    tokio::spawn(react(service.clone()));
    service.beside(Routes::default())
}

fn exercise() -> RealmClock {
    RealmClock::Exercise { starts_at: START, started: START, speed: 1 }
}

fn operator() -> muster_domain::kernel::Actor {
    actor(Role::Operator, "ops")
}

pub fn id(request: &str) -> RequestId {
    RequestId::parse(request).unwrap()
}

/// The way of a Member State's request.
pub fn csirt(country: &str) -> Route {
    let lower = country.to_lowercase();
    Route {
        authority: AuthorityId::parse(&format!("csirt-{lower}")).unwrap(),
        kind: AuthorityKind::Csirt,
        country: Country::parse(country).ok(),
        spoc: SpocId::parse(&format!("spoc-{lower}")).ok(),
    }
}

/// The way of a Union entity's request.
pub fn cert_eu() -> Route {
    let authority = AuthorityId::parse("cert-eu").unwrap();
    Route { authority, kind: AuthorityKind::CertEu, country: None, spoc: None }
}

/// The way of a third country's request.
pub fn moldova() -> Route {
    let authority = AuthorityId::parse("authority-md").unwrap();
    Route { authority, kind: AuthorityKind::ThirdCountry, ..csirt("MD") }
}

/// A Council act that opens the Reserve to Moldova from the house's first moment for 60 days.
pub fn act(reference: &str) -> CouncilAct {
    CouncilAct {
        country: Country::parse("MD").unwrap(),
        reference: reference.to_owned(),
        from: START,
        until: START.plus(60 * 24 * HOUR),
        days_max: Some(75),
    }
}

/// What a university hospital declares that lost its records, changed as the test says: P1, every gate passes.
pub fn facts(route: &Route, change: impl FnOnce(&mut wire::Facts)) -> Facts {
    let country = route.country.map_or("BE".to_owned(), |country| country.to_string());
    let mut declared = wire::Facts {
        incident: "2026-114".to_owned(),
        detected_at: Some(timestamp(START)),
        detected_precision: "minute".to_owned(),
        nuts: vec![country.clone()],
        country,
        languages: vec!["fr".to_owned()],
        entity: Some(wire::Entity {
            name: "University hospital (fictional)".to_owned(),
            kind: "university-hospital".to_owned(),
            annex: "I".to_owned(),
            category: "essential".to_owned(),
            size: "large".to_owned(),
        }),
        incident_types: vec!["malicious-code/infected-system".to_owned()],
        class_claimed: "significant".to_owned(),
        national_capacity_exceeded: false,
        impact: Some(wire::Impact {
            hospitals_affected: Some(1),
            emergency: "closed".to_owned(),
            records_unavailable: Some(true),
            services_restored: Some(false),
            data_breach: Some(false),
            ransom_demanded: None,
        }),
        spillover: "low".to_owned(),
        affected: vec![],
        needs: Some(wire::Needs {
            services: vec!["isim.forensics".to_owned(), "isim.mitigation-recovery".to_owned()],
            remote_teams: 1,
            onsite_teams: 1,
            person_days: 40,
            duration: None,
        }),
        measures: vec!["isolation".to_owned(), "csirt-engaged".to_owned()],
        suppliers: vec![],
        tlp: "TLP:AMBER".to_owned(),
        exercise: true,
    };
    change(&mut declared);
    let mut fields = Fields::default();
    let facts = read_facts(&mut fields, "facts", Some(declared));
    fields.done(facts).unwrap()
}

/// Nobody knows yet what becomes of the emergency department.
pub fn emergency_unknown(facts: &mut wire::Facts) {
    facts.impact.as_mut().unwrap().emergency = "unknown".to_owned();
}

/// No own measure is told, so a gate fails.
pub fn no_measures(facts: &mut wire::Facts) {
    facts.measures.clear();
}

/// A full grant.
pub fn grant(request: &str) -> DecideRequest {
    DecideRequest { request: request.to_owned(), outcome: "granted".to_owned(), ..DecideRequest::default() }
}

/// A refusal.
pub fn refusal(request: &str) -> DecideRequest {
    let reason = "national help is enough".to_owned();
    DecideRequest { request: request.to_owned(), outcome: "refused".to_owned(), reason, ..DecideRequest::default() }
}
