//! Several processes on one log, and processes that come back.

use muster_domain::kernel::Role;
use muster_edge::testing::START;

use crate::house::{HOUR, House, csirt, grant, moldova};

#[tokio::test]
async fn two_processes_do_everything_once() {
    let house = House::open().await;
    let other = house.another();
    house.put_in_force(true, false).await;
    let requests: Vec<String> = (0..40).map(|i| format!("r{i}")).collect();
    for request in &requests {
        house.submit(request, csirt("FR"), |_| {}).await;
    }
    for request in &requests {
        house.comes(request, &["assessed", "decided"]).await;
        other.comes(request, &["assessed", "decided"]).await;
    }
}

#[tokio::test]
async fn two_processes_tell_every_deadline_once() {
    let house = House::open().await;
    let other = house.another();
    let requests: Vec<String> = (0..10).map(|i| format!("r{i}")).collect();
    for request in &requests {
        house.assessed(request, csirt("FR"), |_| {}).await;
    }
    house.rig.clock.set(START.plus(47 * HOUR));
    for request in &requests {
        house.comes(request, &["assessed", "escalated", "escalated", "escalated"]).await;
    }
    house.rig.clock.set(START.plus(48 * HOUR));
    for request in &requests {
        other.comes(request, &["assessed", "escalated", "escalated", "escalated", "deadline-missed"]).await;
    }
}

#[tokio::test]
async fn what_one_process_wrote_another_shows_and_goes_on_with() {
    let house = House::open().await;
    let other = house.another();
    house.assessed("r1", csirt("FR"), |_| {}).await;
    house.decide(Role::Officer, "anna", grant("r1")).await.unwrap();
    assert_eq!(other.look("r1").await, house.look("r1").await);
    let again = other.decide(Role::Officer, "bert", grant("r1")).await;
    assert!(again.is_ok(), "the same answer changes nothing: {again:?}");
    assert_eq!(house.story("r1").await, ["assessed", "decided"]);
}

#[tokio::test]
async fn a_process_that_comes_back_does_what_was_due_meanwhile() {
    let house = House::open().await;
    house.assessed("open", csirt("FR"), |_| {}).await;
    house.assessed("third", moldova(), |_| {}).await;
    house.assessed("answered", csirt("FR"), |_| {}).await;
    house.decide(Role::Officer, "anna", grant("answered")).await.unwrap();
    let left = house.close();
    left.1.set(START.plus(50 * HOUR));
    let house = House::reopen(left);
    let events = ["assessed", "deadline-missed", "escalated", "escalated", "escalated"];
    // They are all due at once, in any order.
    house.comes_in_any_order("open", &events).await;
    assert_eq!(house.story("third").await, ["assessed"]);
    assert_eq!(house.story("answered").await, ["assessed", "decided"]);
    // What comes later is done as ever.
    house.assessed("later", csirt("FR"), |_| {}).await;
}
