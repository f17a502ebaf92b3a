//! The realm that is measured: everybody on record, mandates signed, a policy in force.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{io::Write, time::Duration};

use muster_api::{
    dispatch::v1::{AcceptOfferRequest, WatchOffersRequest},
    intake::v1::OpenRequestRequest,
    registry::v1::Provider,
    r#type::v1::{Facts, Needs, Offer},
};
use muster_domain::kernel::Role;
use muster_e2e::{
    cast::{COUNTRIES, Cast, facts, id, may_help, provider},
    fleet::{Fleet, Pace},
    nats::NatsServer,
};
use muster_edge::testing::call;
use tempfile::NamedTempFile;
use tokio::{sync::mpsc, task::JoinSet};

/// Roles that answer calls, in one process.
pub const ALL: [&str; 5] = muster_e2e::fleet::ROLES;

/// A realm served by real processes.
pub struct Realm {
    /// Its processes.
    pub fleet: Fleet,
    /// Who calls them.
    pub cast: Cast,
    _config: Option<NamedTempFile>,
}

impl Realm {
    /// A realm whose every commit is on disk when it is acknowledged, a process for each group of roles.
    pub fn start(groups: &[&[&'static str]], speed: u32) -> Self {
        let fleet = Fleet::start_on(NatsServer::start(), groups, Pace { speed }, &["replicas"]);
        let cast = cast(&fleet);
        Self { fleet, cast, _config: None }
    }

    /// A realm whose server syncs now and then: for histories that are only to be read.
    pub fn start_unsynced(groups: &[&[&'static str]]) -> Self {
        let mut config = NamedTempFile::new().unwrap();
        config.write_all(b"host: 127.0.0.1\nhttp: \"127.0.0.1:-1\"\njetstream {}\n").unwrap();
        let nats = NatsServer::start_with(config.path());
        let fleet = Fleet::start_on(nats, groups, Pace { speed: 1 }, &["replicas", "sync-interval"]);
        let cast = cast(&fleet);
        Self { fleet, cast, _config: Some(config) }
    }

    /// Puts everybody on record: requests are carried on, granted and offered without anybody's help.
    pub async fn people(&mut self, providers: usize, offers_stand: Duration) {
        self.cast.register(0).await;
        let now = self.cast.now().await;
        for n in 1..=providers {
            self.cast.enrol(large(n, &now)).await;
        }
        self.cast.mandate().await;
        self.cast.grant_by_policy(offers_stand).await;
    }

    /// Requests that providers took on, each with so many person-days: the offers that were accepted.
    pub async fn engagements(&self, count: usize, person_days: u32) -> Vec<Offer> {
        let mut offers = self.watch(Role::Officer, "duty").await;
        let (cast, mut opening) = (self.cast.clone(), JoinSet::new());
        for lane in 0..count.min(32) {
            let cast = cast.clone();
            let mine = (lane..count).step_by(32);
            opening.spawn(async move {
                for number in mine {
                    open(&cast, number, person_days).await;
                }
            });
        }
        let (mut taken, mut requests) = (JoinSet::new(), std::collections::BTreeSet::new());
        while requests.len() < count {
            let offer = offers.recv().await.unwrap();
            if offer.status == "pending" && requests.insert(offer.request.clone()) {
                let cast = cast.clone();
                taken.spawn(async move { accept(&cast, offer).await });
            }
        }
        opening.join_all().await;
        taken.join_all().await
    }

    /// The offers that somebody sees, as they come and change.
    pub async fn watch(&self, role: Role, who: &str) -> mpsc::UnboundedReceiver<Offer> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let watch =
            async || self.cast.dispatch.clone().watch_offers(call(role, who, WatchOffersRequest::default())).await;
        let mut stream = muster_e2e::cast::surely(watch).await;
        tokio::spawn(async move {
            while let Ok(Some(message)) = stream.message().await {
                for offer in message.offers {
                    if sender.send(offer).is_err() {
                        return;
                    }
                }
            }
        });
        receiver
    }
}

fn cast(fleet: &Fleet) -> Cast {
    Cast::new(|role| fleet.addresses(role).into_iter().next().unwrap_or_else(|| "http://127.0.0.1:1".to_owned()))
}

/// A provider with more teams and days than any load needs.
fn large(n: usize, now: &prost_types::Timestamp) -> Provider {
    let mut provider = provider(n, 1_000, now);
    for contract in &mut provider.contracts {
        contract.person_days = 100_000;
    }
    provider
}

/// A hospital opens a critical request; gives its id.
pub async fn open(cast: &Cast, number: usize, person_days: u32) -> String {
    let (_, _, c) = COUNTRIES[number % COUNTRIES.len()];
    let now = prost_types::Timestamp { seconds: 1_793_606_400, nanos: 0 };
    let declared = facts(c, &now);
    let needs = Needs { person_days, ..declared.needs.clone().unwrap_or_default() };
    let facts = Some(Facts { needs: Some(needs), ..declared });
    let message = OpenRequestRequest { request_id: id(), hospital: String::new(), facts, contact: None };
    loop {
        match cast.intake.clone().open_request(call(Role::Hospital, &format!("h-{c}"), message.clone())).await {
            Ok(opened) => return opened.into_inner().request,
            Err(no) if may_help(&no) => tokio::task::yield_now().await,
            Err(no) => panic!("refused: {no:?}"),
        }
    }
}

async fn accept(cast: &Cast, offer: Offer) -> Offer {
    let message = AcceptOfferRequest { request_id: id(), offer: offer.offer.clone() };
    loop {
        match cast.dispatch.clone().accept_offer(call(Role::Provider, &offer.provider, message.clone())).await {
            Ok(_) => return offer,
            Err(no) if may_help(&no) => tokio::task::yield_now().await,
            Err(no) => panic!("refused: {no:?}"),
        }
    }
}
