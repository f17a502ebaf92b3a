//! A crash at every boundary of what a process writes: one round.

use muster_e2e::crashes::round;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_boundary_loses_nothing_and_does_nothing_twice() {
    let figures = round(20_261_127).await;
    println!("{figures:?}");
    assert!(figures.on_nats.done >= 50 && figures.on_disk.done >= 50, "too little was done to show anything");
}
