//! A process that dispatches, and what the other contexts tell it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use muster_api::{
    dispatch::v1::{
        AcceptOfferRequest, AcceptOfferResponse, DeclineOfferRequest, GetOfferRequest, ListEngagementsRequest,
        ListOffersRequest, dispatch_service_client::DispatchServiceClient,
    },
    r#type::v1::{Contact, Engagement, Offer, Position as WirePosition, ReadAt},
};
use muster_dispatch::{Desk, Service};
use muster_domain::{
    codes::{Country, IncidentType, Language, ServiceId, Tlp},
    eligibility::events::{AssessmentEvent, Case, Outcome, PriorityKey, Terms},
    event::Event,
    intake::events::{Emergency, Entity, Facts, Impact, IncidentClass, Needs, Precision, RequestEvent, Spillover},
    kernel::{ContractId, HospitalId, ProviderId, RequestId, Role, SubjectRef},
    registry::events::{
        Annex, AuthorityKind, Capacity, Category, Contract, Mobilisation, Provider, ProviderEvent, Size,
    },
};
use muster_edge::testing::{Rig, START, actor, call};
use muster_journal::{
    lease::{Always, Holding, Lease, LeaseError},
    memory::Memory,
    port::Journal,
    stored::Position,
};
use muster_runtime::clock::ManualClock;
use tokio::task::JoinHandle;
use tonic::{Status, service::Routes, transport::Channel};

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long a P2 offer stands under the built-in policy.
pub const OFFER_STANDS: Duration = Duration::from_hours(1);

/// A lease among the processes of a test.
#[derive(Default)]
pub struct Seat {
    holder: Mutex<Option<String>>,
    is_silent: AtomicBool,
    asked_in_vain: AtomicUsize,
}

impl Seat {
    /// Whoever holds it is forgotten, as if it had not renewed in time.
    pub fn vacate(&self) {
        *self.holder.lock().unwrap() = None;
    }

    /// It answers nobody any more.
    pub fn fall_silent(&self) {
        self.is_silent.store(true, Ordering::Relaxed);
    }

    /// How often it was asked since.
    pub fn asked_in_vain(&self) -> usize {
        self.asked_in_vain.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Lease for Seat {
    async fn take(&self, me: &str) -> Result<Holding, LeaseError> {
        if self.is_silent.load(Ordering::Relaxed) {
            self.asked_in_vain.fetch_add(1, Ordering::Relaxed);
            return Err(LeaseError::Silent("no route".to_owned()));
        }
        let mut holder = self.holder.lock().unwrap();
        let holder = holder.get_or_insert_with(|| me.to_owned());
        Ok(if holder == me { Holding::Mine } else { Holding::Theirs(holder.clone()) })
    }

    async fn give_up(&self, me: &str) -> Result<(), LeaseError> {
        self.holder.lock().unwrap().take_if(|holder| holder == me);
        Ok(())
    }
}

/// A process that dispatches. Dropping it stops it.
pub struct Scene {
    pub rig: Rig,
    pub desk: Desk,
    pub driver: JoinHandle<()>,
}

impl Scene {
    /// A process of its own, which holds the desk.
    pub async fn start() -> Self {
        Self::on(Arc::new(Memory::new()), ManualClock::at(START), Arc::new(Always)).holding().await
    }

    /// A process beside others.
    pub fn on(journal: Arc<dyn Journal>, clock: ManualClock, lease: Arc<dyn Lease>) -> Self {
        let mut parts = None;
        let rig = Rig::start_on(journal, clock, |edge, follower| {
            let (desk, driver) = Desk::new(edge, lease);
            let service = Service::new(edge.clone(), follower, desk.clone());
            parts = Some((desk, driver, service.standby()));
            service.beside(Routes::default())
        });
        let (desk, driver, standby) = parts.unwrap();
        let address = rig.address.clone();
        let driver = tokio::spawn(async move { driver.run(&address, standby).await });
        Self { rig, desk, driver }
    }

    /// Once somebody holds the desk.
    pub async fn holding(self) -> Self {
        self.desk.holder(PATIENCE).await.unwrap();
        self
    }

    /// Stops the process as a signal would, and waits until it has given the desk away.
    pub async fn stop(self) {
        let Self { rig, driver, .. } = self;
        drop(rig);
        tokio::time::timeout(PATIENCE, driver).await.unwrap().unwrap();
    }

    pub fn client(&self) -> DispatchServiceClient<Channel> {
        DispatchServiceClient::new(self.rig.channel())
    }

    /// The registry enrols a provider with so many teams.
    pub async fn enrol(&self, id: &str, teams: u32) {
        let provider = provider(id, teams);
        let subject = self.rig.edge.subjects.provider(&provider.id).unwrap();
        let enrolled = Event::Provider(ProviderEvent::Enrolled(provider));
        self.rig.append(&subject, actor(Role::Operator, "operator"), vec![enrolled]).await;
    }

    /// Intake opens a request of a hospital, and eligibility grants it one remote team for 20 days.
    pub async fn grant(&self, request: &str, hospital: &str, severity: u8) {
        let id = RequestId::parse(request).unwrap();
        let hospital = HospitalId::parse(hospital).unwrap();
        let contact = SubjectRef::parse(&format!("contact-{request}")).unwrap();
        self.rig.edge.keep_contact(&contact, &whom_to_call()).await.unwrap();
        let opened = RequestEvent::Opened { hospital: hospital.clone(), facts: facts(), contact };
        self.tell(request, opened).await;
        let decided = AssessmentEvent::Decided {
            outcome: Outcome::Granted,
            terms: Some(terms()),
            cuts: vec![],
            reason: "all gates pass".to_owned(),
            by_policy: None,
            case: case(&id, &hospital),
            key: PriorityKey {
                bands: [severity, 2, 1, 1, 2],
                member_state_user: true,
                submitted_at: self.rig.edge.clock.now(),
                request: id.clone(),
            },
        };
        let subject = self.rig.edge.subjects.assessment(&id).unwrap();
        self.rig.append(&subject, actor(Role::Officer, "officer"), vec![Event::Assessment(decided)]).await;
    }

    /// Intake tells something of a request.
    pub async fn tell(&self, request: &str, event: RequestEvent) {
        let subject = self.rig.edge.subjects.request(&RequestId::parse(request).unwrap()).unwrap();
        self.rig.append(&subject, actor(Role::Hospital, "chu-rouen"), vec![Event::Request(event)]).await;
    }

    /// All that a list of offers tells somebody.
    pub async fn offers_of(&self, role: Role, id: &str) -> Vec<Offer> {
        let answer = self.client().list_offers(call(role, id, ListOffersRequest::default())).await;
        answer.unwrap().into_inner().offers
    }

    /// The offers in this standing as an officer sees them, once there are as many.
    pub async fn offers(&self, status: &str, count: usize) -> Vec<Offer> {
        let mut steps = self.rig.edge.people.steps();
        let looking = async {
            loop {
                let mut offers = self.offers_of(Role::Officer, "officer").await;
                offers.retain(|offer| offer.status == status);
                if offers.len() >= count {
                    return offers;
                }
                steps.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("the desk makes as many offers")
    }

    /// The only pending offer, once there is one.
    pub async fn offer(&self) -> Offer {
        self.offers("pending", 1).await.remove(0)
    }

    /// An offer as somebody sees it who has been told of `position`.
    pub async fn get(
        &self,
        role: Role,
        id: &str,
        offer: &str,
        position: Option<WirePosition>,
    ) -> Result<Offer, Status> {
        let read_at = Some(ReadAt { as_of: None, at_least: position });
        let answer =
            self.client().get_offer(call(role, id, GetOfferRequest { read_at, offer: offer.to_owned() })).await;
        answer.map(|answer| answer.into_inner().offer.unwrap())
    }

    pub async fn accept(&self, provider: &str, offer: &str) -> Result<AcceptOfferResponse, Status> {
        let message = AcceptOfferRequest { request_id: String::new(), offer: offer.to_owned() };
        let answer = self.client().accept_offer(call(Role::Provider, provider, message)).await;
        answer.map(tonic::Response::into_inner)
    }

    pub async fn decline(&self, provider: &str, offer: &str, reason: &str, note: &str) -> Result<Position, Status> {
        let (offer, reason, note) = (offer.to_owned(), reason.to_owned(), note.to_owned());
        let message = DeclineOfferRequest { request_id: String::new(), offer, reason, note };
        let answer = self.client().decline_offer(call(Role::Provider, provider, message)).await?;
        Ok(answer.into_inner().position.unwrap().into())
    }

    /// The engagements that somebody sees who has been told of `position`.
    pub async fn engagements(&self, role: Role, id: &str, position: Option<WirePosition>) -> Vec<Engagement> {
        let read_at = Some(ReadAt { as_of: None, at_least: position });
        let message = ListEngagementsRequest { read_at, ..ListEngagementsRequest::default() };
        self.client().list_engagements(call(role, id, message)).await.unwrap().into_inner().engagements
    }
}

pub fn whom_to_call() -> Contact {
    Contact {
        name: "duty officer".to_owned(),
        email: "crisis@elsewhere.example".to_owned(),
        phone: "+33 2 00 00 00 00".to_owned(),
        narrative: "all on paper".to_owned(),
    }
}

fn fr() -> Country {
    Country::parse("FR").unwrap()
}

fn french() -> BTreeSet<Language> {
    [Language::parse("fr").unwrap()].into()
}

fn services() -> BTreeSet<ServiceId> {
    [ServiceId::parse("isim.forensics").unwrap()].into()
}

pub fn provider(id: &str, teams: u32) -> Provider {
    let hours = Duration::from_hours;
    let contract = Contract {
        id: ContractId::parse(&format!("{id}-2026")).unwrap(),
        from: START,
        until: START.plus(hours(24 * 365)),
        services: services(),
        member_states: [fr()].into(),
        capacity: Capacity { teams, onsite_teams: teams, person_days: 1000, pre_committed_days: 0 },
        mobilisation: Mobilisation { remote: hours(2), onsite_home: hours(6), onsite_abroad: hours(16) },
    };
    Provider {
        id: ProviderId::parse(id).unwrap(),
        name: format!("{id} (invented)"),
        established_in: fr(),
        controlled_from: fr(),
        contracts: vec![contract],
        languages: french(),
        certificates: vec![],
        clearances: BTreeSet::new(),
        health_references: 5,
        conflicts: vec![],
    }
}

fn entity() -> Entity {
    Entity {
        name: "CHU de Rouen".to_owned(),
        kind: "university-hospital".to_owned(),
        annex: Annex::One,
        category: Category::Essential,
        size: Size::Large,
    }
}

pub fn terms() -> Terms {
    let duration = Duration::from_hours(720);
    Terms { services: services(), remote_teams: 1, onsite_teams: 0, person_days: 20, duration }
}

pub fn case(request: &RequestId, hospital: &HospitalId) -> Case {
    Case {
        request: request.clone(),
        hospital: hospital.clone(),
        incident: "fr-2026-1".to_owned(),
        country: fr(),
        languages: french(),
        entity: entity(),
        suppliers: BTreeSet::new(),
        tlp: Tlp::Amber,
        user: AuthorityKind::Csirt,
    }
}

fn facts() -> Facts {
    Facts {
        incident: "fr-2026-1".to_owned(),
        detected_at: START,
        detected_precision: Precision::Minute,
        country: fr(),
        nuts: vec![],
        languages: french(),
        entity: entity(),
        incident_types: vec![IncidentType::parse("malicious-code/infected-system").unwrap()],
        class_claimed: IncidentClass::Significant,
        national_capacity_exceeded: true,
        impact: Impact {
            hospitals_affected: Some(5),
            emergency: Emergency::Restricted,
            records_unavailable: Some(true),
            services_restored: Some(false),
            data_breach: None,
            ransom_demanded: None,
        },
        spillover: Spillover::Low,
        affected: [fr()].into(),
        needs: Needs {
            services: services(),
            remote_teams: 1,
            onsite_teams: 0,
            person_days: 20,
            duration: Some(Duration::from_hours(720)),
        },
        measures: BTreeSet::new(),
        suppliers: BTreeSet::new(),
        tlp: Tlp::Amber,
        exercise: true,
    }
}
