//! Who plays: calls in everybody's own name over the public API, and waiting for what must come of them.

use std::time::Duration;

use muster_api::{
    dispatch::v1::dispatch_service_client::DispatchServiceClient,
    eligibility::v1::eligibility_service_client::EligibilityServiceClient,
    intake::v1::intake_service_client::IntakeServiceClient,
    monitor::v1::{RequestPage, WatchRequestRequest, monitor_service_client::MonitorServiceClient},
    registry::v1::registry_service_client::RegistryServiceClient,
};
use muster_domain::kernel::Role;
use muster_runtime::{ids, status::explain};
use tokio::time::timeout;
use tonic::{Request, Response, Status, metadata::MetadataValue, transport::Channel};

/// Longer than anything takes that works, on a slow machine too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    role: Role,
    id: String,
}

/// Why a story cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Muster said no.
    #[error("{who} could not {what}: {says}; {way_out}")]
    Refused {
        /// Who.
        who: String,
        /// What they wanted to do.
        what: &'static str,
        /// What Muster says.
        says: String,
        /// What to do instead.
        way_out: String,
    },
    /// What must come did not.
    #[error("nobody saw in {} s: {what}", PATIENCE.as_secs())]
    Late {
        /// What.
        what: String,
    },
    /// Something that must be there is not.
    #[error("there is no {0}")]
    Missing(String),
}

impl Player {
    /// Somebody of a role.
    pub fn new(role: Role, id: impl Into<String>) -> Self {
        Self { role, id: id.into() }
    }

    /// A call of theirs.
    pub fn call<M>(&self, message: M) -> Request<M> {
        let mut call = self.stream(message);
        call.set_timeout(PATIENCE);
        call
    }

    /// A call of theirs that goes on for as long as it is wanted.
    fn stream<M>(&self, message: M) -> Request<M> {
        let mut call = Request::new(message);
        // An id is ASCII; a call without a token would be refused in words.
        if let Ok(token) = MetadataValue::try_from(format!("Bearer dev:{}:{}", self.role, self.id)) {
            call.metadata_mut().insert("authorization", token);
        }
        call
    }

    /// What they got, or why not.
    pub fn got<T>(&self, what: &'static str, answer: Result<Response<T>, Status>) -> Result<T, Trouble> {
        answer.map(Response::into_inner).map_err(|no| self.refused(what, &no))
    }

    fn refused(&self, what: &'static str, no: &Status) -> Trouble {
        let told = explain(no);
        Trouble::Refused { who: self.id.clone(), what, says: told.says, way_out: told.way_out }
    }
}

/// The id of a new command.
pub fn fresh() -> String {
    ids::new().to_string()
}

/// The way to the services.
#[derive(Clone, Debug)]
pub struct Cast {
    channel: Channel,
}

impl Cast {
    /// All that a node answers.
    pub fn new(channel: Channel) -> Self {
        Self { channel }
    }

    /// The register.
    pub fn registry(&self) -> RegistryServiceClient<Channel> {
        RegistryServiceClient::new(self.channel.clone())
    }

    /// Opening, endorsing, submitting.
    pub fn intake(&self) -> IntakeServiceClient<Channel> {
        IntakeServiceClient::new(self.channel.clone())
    }

    /// Assessing and deciding.
    pub fn eligibility(&self) -> EligibilityServiceClient<Channel> {
        EligibilityServiceClient::new(self.channel.clone())
    }

    /// Offers and engagements.
    pub fn dispatch(&self) -> DispatchServiceClient<Channel> {
        DispatchServiceClient::new(self.channel.clone())
    }

    /// Watching.
    pub fn monitor(&self) -> MonitorServiceClient<Channel> {
        MonitorServiceClient::new(self.channel.clone())
    }

    /// Watches a request until its page shows something; `what` says what, for when it never does.
    pub async fn page_until(
        &self,
        watcher: &Player,
        request: &str,
        what: &str,
        shows: impl Fn(&RequestPage) -> bool,
    ) -> Result<RequestPage, Trouble> {
        let watching = async {
            let message = WatchRequestRequest { request: request.to_owned(), after: None };
            let mut pages = watcher.got("watch", self.monitor().watch_request(watcher.stream(message)).await)?;
            loop {
                let news = pages.message().await.map_err(|no| watcher.refused("watch", &no))?;
                let Some(news) = news else { return Err(Trouble::Missing(format!("news of {request} any more"))) };
                if let Some(page) = news.page.filter(&shows) {
                    return Ok(page);
                }
            }
        };
        timeout(PATIENCE, watching).await.unwrap_or_else(|_| Err(Trouble::Late { what: what.to_owned() }))
    }
}
