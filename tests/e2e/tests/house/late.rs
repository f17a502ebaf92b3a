//! What Muster owes by itself and does not do is seen by a process that does not do it.

use muster_api::monitor::v1::{GetStatusRequest, GetStatusResponse};
use muster_domain::kernel::Role;
use muster_e2e::{
    cast::{Cast, surely, until},
    fleet::{Fleet, Pace, ROLES},
};
use muster_edge::testing::call;

/// Half an hour of an offer is three seconds here.
const PACE: Pace = Pace { speed: 600 };

async fn status(cast: &Cast) -> GetStatusResponse {
    let ask = async || cast.monitor.clone().get_status(call(Role::Officer, "duty", GetStatusRequest {})).await;
    surely(ask).await
}

#[tokio::test]
async fn an_offer_whose_time_is_over_while_the_desk_stands_still_is_told_until_the_desk_goes_on() {
    let mut fleet = Fleet::start(1, PACE);
    let mut cast = Cast::new(|role| fleet.addresses(role).first().unwrap().clone());
    cast.register(2).await;
    let request = cast.open("fr").await;
    cast.submit("fr", &request).await;
    cast.grant(&request).await;
    let offer = cast.offer(&request).await.offer;
    let seen = status(&cast).await.seen_late;

    let desk = ROLES.iter().position(|role| *role == "dispatch").unwrap();
    fleet.process(desk).signal("STOP");
    let what = format!("an offer's time is over, and it has not ended: {offer}");
    let late =
        until("the offer to be late", async || status(&cast).await.late.into_iter().find(|late| late.what == what));
    assert!(late.await.late_by.unwrap().seconds >= 3, "of system time");
    until("it to be counted", async || Some(status(&cast).await.seen_late).filter(|now| *now > seen)).await;

    fleet.process(desk).signal("CONT");
    until("nothing to be late", async || status(&cast).await.late.is_empty().then_some(())).await;
}
