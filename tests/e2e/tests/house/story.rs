//! The whole story on a real nats-server, each role in a process of its own.

use muster_e2e::{
    cast::Cast,
    fleet::{Fleet, Pace, ROLES},
};
use muster_sim::oracles;

/// Real time: no deadline of the story comes by itself.
const PACE: Pace = Pace { speed: 1 };

fn cast(fleet: &Fleet) -> Cast {
    Cast::new(|role| fleet.addresses(role).first().unwrap().clone())
}

#[tokio::test]
async fn from_a_hospitals_call_to_the_report_through_five_processes() {
    let fleet = Fleet::start(1, PACE);
    let mut cast = cast(&fleet);
    cast.register(2).await;
    let request = cast.help("fr").await;
    cast.report("fr", &request).await;
}

#[tokio::test]
async fn any_role_may_crash_at_any_step_and_nothing_acknowledged_is_lost_or_done_twice() {
    let mut fleet = Fleet::start(1, PACE);
    let mut cast = self::cast(&fleet);
    cast.register(2).await;
    for role in ROLES {
        let request = cast.open("es").await;
        fleet.crash_role(role, 0);
        cast = self::cast(&fleet);
        cast.submit("es", &request).await;
        fleet.crash_role(role, 0);
        cast = self::cast(&fleet);
        cast.grant(&request).await;
        fleet.crash_role(role, 0);
        cast = self::cast(&fleet);
        let offer = cast.offer(&request).await;
        fleet.crash_role(role, 0);
        cast = self::cast(&fleet);
        cast.work(&offer).await;
        fleet.crash_role(role, 0);
        cast = self::cast(&fleet);
        cast.report("es", &request).await;
    }
    assert_eq!(oracles::all(&fleet.log().await), []);
}
