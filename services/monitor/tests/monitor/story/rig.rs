//! The monitor over real gRPC on a journal that holds a story.

use std::sync::Arc;

use muster_api::{
    monitor::v1::monitor_service_client::MonitorServiceClient,
    r#type::v1::{Contact, Position, ReadAt, read_at::AsOf},
};
use muster_domain::kernel::SubjectRef;
use muster_edge::testing::Rig;
use muster_journal::{memory::Memory, stored};
use muster_monitor::{
    Service,
    health::{Health, RoleHealth, UnsafeSetting},
};
use muster_runtime::clock::ManualClock;
use tonic::{service::Routes, transport::Channel};

use super::Story;

pub type Client = MonitorServiceClient<Channel>;

/// A service that has read a story, at the story's time.
pub struct Watched {
    pub story: Story,
    pub rig: Rig,
    pub client: Client,
    journal: Arc<Memory>,
}

impl Watched {
    pub async fn new(story: Story) -> Self {
        let journal = Arc::new(Memory::new());
        story.write(journal.as_ref()).await;
        let rig = Rig::start_on(journal.clone(), ManualClock::at(story.now), |edge, follower| {
            Service::new(edge.clone(), follower, health()).beside(Routes::default())
        });
        rig.settle().await;
        let client = MonitorServiceClient::new(rig.channel());
        Self { story, rig, client, journal }
    }

    /// The story went on: the service has read that too, and its clock shows the story's time.
    pub async fn goes_on(&mut self) {
        self.story.write(self.journal.as_ref()).await;
        self.rig.clock.set(self.story.now);
        self.rig.settle().await;
    }

    pub async fn keep_contact(&self, request: &str) {
        let subject = SubjectRef::parse(&format!("contact-{request}")).unwrap();
        self.rig.edge.keep_contact(&subject, &contact()).await.unwrap();
    }

    pub async fn erase_contact(&self, request: &str) {
        let subject = SubjectRef::parse(&format!("contact-{request}")).unwrap();
        self.rig.edge.vault.erase(&subject).await.unwrap();
    }
}

pub fn contact() -> Contact {
    Contact {
        name: "A. Martin".to_owned(),
        email: "crisis@example.org".to_owned(),
        phone: "+33 1 00 00 00 00".to_owned(),
        narrative: "Nothing works but the telephone.".to_owned(),
    }
}

fn health() -> Health {
    let role = RoleHealth { role: "monitor".to_owned(), ready: true, ..RoleHealth::default() };
    let setting = UnsafeSetting {
        name: "memory".to_owned(),
        says: "nothing is kept; name a directory".to_owned(),
        accepted: true,
    };
    Health {
        version: "0.1.0".to_owned(),
        journal: "memory",
        unsafe_settings: Arc::new(move || vec![setting.clone()]),
        roles: Arc::new(move || vec![role.clone()]),
    }
}

pub fn as_of(position: stored::Position) -> Option<ReadAt> {
    Some(ReadAt { as_of: Some(AsOf::Position(Position::from(position))), at_least: None })
}
