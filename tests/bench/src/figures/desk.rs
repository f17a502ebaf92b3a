//! The desk: commands that it decides one after the other and writes together.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use muster_api::{
    dispatch::v1::{ReportDaysRequest, dispatch_service_client::DispatchServiceClient},
    r#type::v1::Offer,
};
use muster_domain::kernel::Role;
use muster_e2e::cast::id;
use muster_edge::testing::call;
use tonic::transport::Channel;

use crate::{
    ceilings::Raw,
    effort::Effort,
    load::{self, in_turn},
    realm::Realm,
    table::{Row, Target, Value},
};

/// Calls at once.
const IN_FLIGHT: [usize; 2] = [64, 512];
/// Person-days of each engagement: as many as a request may ask for, since each report takes one.
const PERSON_DAYS: u32 = 5_000;
/// Enough that all engagements' days fit in.
const PROVIDERS: usize = 40;

/// Engagements that report their days, each report an event of its own.
pub async fn measure(effort: Effort) -> Vec<Row> {
    let mut realm = Realm::start(&[&["registry", "intake", "eligibility"], &["dispatch"]], 1);
    realm.people(PROVIDERS, Duration::from_secs(3600)).await;
    let engagements = realm.engagements(effort.engagements, PERSON_DAYS).await;
    // Whoever helped to get here would only take time from those who are measured.
    realm.fleet.keep("dispatch");
    let raw = Raw::new(&realm.fleet.nats.url(), "RAW").await;
    let reporting = Reporting {
        dispatch: DispatchServiceClient::connect(realm.fleet.addresses("dispatch").concat()).await.unwrap(),
        engagements: engagements.into_iter().map(|offer| Arc::new((offer, AtomicU32::new(0)))).collect(),
    };
    let mut rows = Vec::new();
    for in_flight in IN_FLIGHT.map(|in_flight| in_flight.min(effort.engagements)) {
        let report = async || reporting.run(in_flight, effort.span).await;
        let pair = in_turn(effort.rounds, report, async || raw.run(in_flight, effort.span).await).await;
        let title = format!("the desk, {in_flight} in flight, {} engagements", effort.engagements);
        rows.push(
            Row::new(title, Value::Rate(pair.muster.rate()))
                .beside(Value::Rate(pair.ceiling.rate()), "raw publish")
                .target(Target::Share(2.0)),
        );
        rows.push(
            Row::new("  one call, median", Value::Time(pair.muster.within(0.5)))
                .beside(Value::Time(pair.ceiling.within(0.5)), "raw publish"),
        );
    }
    rows
}

struct Reporting {
    dispatch: DispatchServiceClient<Channel>,
    /// Each with the days reported so far.
    engagements: Vec<Arc<(Offer, AtomicU32)>>,
}

impl Reporting {
    async fn run(&self, in_flight: usize, span: Duration) -> load::Measured {
        load::run(in_flight, span, |lane, _| {
            let (dispatch, engagement) = (self.dispatch.clone(), self.engagements.get(lane).unwrap().clone());
            async move { report(dispatch, &engagement.0, &engagement.1).await }
        })
        .await
    }
}

async fn report(mut dispatch: DispatchServiceClient<Channel>, offer: &Offer, days: &AtomicU32) {
    let days_used = days.fetch_add(1, Ordering::Relaxed) + 1;
    let message = ReportDaysRequest { request_id: id(), offer: offer.offer.clone(), days_used };
    dispatch.report_days(call(Role::Provider, &offer.provider, message)).await.unwrap();
}
