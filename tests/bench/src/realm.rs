//! The realm that is measured: everybody on record, mandates signed, a policy in force.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{
    collections::BTreeSet,
    io::Write,
    time::{Duration, Instant},
};

use muster_api::{
    dispatch::v1::{AcceptOfferRequest, WatchOffersRequest},
    intake::v1::OpenRequestRequest,
    registry::v1::Provider,
    r#type::v1::{Facts, Needs, Offer},
};
use muster_domain::kernel::Role;
use muster_e2e::{
    cast::{COUNTRIES, Cast, facts, id, may_help, provider, surely},
    fleet::{Fleet, Pace},
    nats::NatsServer,
};
use muster_edge::testing::{START, call};
use tempfile::NamedTempFile;
use tokio::{sync::mpsc, task::JoinSet};

use crate::load::moment;

/// Calls at once while a history is made.
const LANES: usize = 32;

/// Before asking again somebody who could not answer.
const REST: Duration = Duration::from_millis(5);

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
        let (sender, mut offers) = mpsc::unbounded_channel();
        self.watch(Role::Officer, "duty", sender).await;
        let (cast, mut opening) = (self.cast.clone(), JoinSet::new());
        for lane in 0..count.min(LANES) {
            let cast = cast.clone();
            let mine = (lane..count).step_by(LANES);
            opening.spawn(async move {
                for number in mine {
                    open(&cast, number, person_days).await;
                }
            });
        }
        let (mut taken, mut requests) = (JoinSet::new(), BTreeSet::new());
        while requests.len() < count {
            let (_, offer) = offers.recv().await.unwrap();
            if offer.status == "pending" && requests.insert(offer.request.clone()) {
                let cast = cast.clone();
                taken.spawn(async move { accept(&cast, offer).await });
            }
        }
        opening.join_all().await;
        taken.join_all().await
    }

    /// Sends the offers that somebody sees, as they come and change, each with the moment at which it came.
    pub async fn watch(&self, role: Role, who: &str, told: mpsc::UnboundedSender<(Instant, Offer)>) {
        let watch =
            async || self.cast.dispatch.clone().watch_offers(call(role, who, WatchOffersRequest::default())).await;
        let mut stream = surely(watch).await;
        tokio::spawn(async move {
            while let Ok(Some(message)) = stream.message().await {
                let now = moment();
                // Whoever has seen enough no longer listens.
                message.offers.into_iter().for_each(|offer| drop(told.send((now, offer))));
            }
        });
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

/// The country of the story that comes at this place, again and again: its name and its short form.
pub fn country(number: usize) -> (&'static str, &'static str) {
    let (country, _, c) = COUNTRIES.get(number % COUNTRIES.len()).unwrap();
    (country, c)
}

/// A hospital opens a critical request; gives its id.
pub async fn open(cast: &Cast, number: usize, person_days: u32) -> String {
    let (_, c) = country(number);
    let now = prost_types::Timestamp { seconds: START.millis() / 1000, nanos: 0 };
    let declared = facts(c, &now);
    let needs = Needs { person_days, ..declared.needs.clone().unwrap_or_default() };
    let facts = Some(Facts { needs: Some(needs), ..declared });
    let message = OpenRequestRequest { request_id: id(), hospital: String::new(), facts, contact: None };
    loop {
        let call = call(Role::Hospital, &format!("h-{c}"), message.clone());
        let opened = cast.intake.clone().open_request(call).await;
        if !opened.as_ref().is_err_and(may_help) {
            return opened.unwrap().into_inner().request;
        }
        tokio::time::sleep(REST).await;
    }
}

/// Its provider accepts an offer.
async fn accept(cast: &Cast, offer: Offer) -> Offer {
    let message = AcceptOfferRequest { request_id: id(), offer: offer.offer.clone() };
    loop {
        let call = call(Role::Provider, &offer.provider, message.clone());
        let accepted = cast.dispatch.clone().accept_offer(call).await;
        if !accepted.as_ref().is_err_and(may_help) {
            accepted.unwrap();
            return offer;
        }
        tokio::time::sleep(REST).await;
    }
}
