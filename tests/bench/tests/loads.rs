//! Each load works: one tiny run of every figure. What it measures is not looked at.

use muster_bench::{
    effort::Effort,
    figures,
    table::{Row, Value},
};

/// There are rows, and something was measured for each.
fn is_measured(rows: &[Row]) {
    assert!(!rows.is_empty());
    for row in rows {
        let measured = match row.measured {
            Value::Rate(rate) => rate > 0.0 && rate.is_finite(),
            Value::Time(time) => !time.is_zero(),
            Value::Bytes(bytes) => bytes > 0.0,
        };
        assert!(measured, "{row:?}");
        assert!(row.ratio().is_none_or(|ratio| ratio > 0.0 && ratio.is_finite()), "{row:?}");
    }
}

#[tokio::test]
async fn single_aggregates_are_loaded() {
    is_measured(&figures::single::measure(Effort::TINY).await);
}

#[tokio::test]
async fn the_desk_is_loaded() {
    is_measured(&figures::desk::measure(Effort::TINY).await);
}

#[tokio::test]
async fn requests_come_in_a_surge() {
    is_measured(&figures::surge::measure(Effort::TINY).await);
}

#[tokio::test]
async fn deadlines_pass() {
    is_measured(&figures::timers::measure(Effort::TINY).await);
}

#[test]
fn packages_are_matched() {
    is_measured(&figures::matching::measure(Effort::TINY));
}

#[tokio::test]
async fn a_history_is_read_again() {
    is_measured(&figures::replay::measure(Effort::TINY).await);
}

#[tokio::test]
async fn a_long_board_is_asked_for() {
    is_measured(&figures::query::measure(Effort::TINY).await);
}

#[tokio::test]
async fn a_load_is_seen_and_unseen() {
    is_measured(&figures::telemetry::measure(Effort::TINY).await);
}

#[tokio::test]
async fn requests_are_kept() {
    is_measured(&figures::capacity::measure(Effort::TINY).await);
}

#[tokio::test]
async fn one_command_is_enough() {
    is_measured(&figures::start::measure().await);
}
