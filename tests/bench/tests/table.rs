//! What was measured, beside what was to be reached, and how it is printed.
#![cfg(test)]

use std::time::Duration;

use muster_bench::table::{Row, Target, Value, table};

#[test]
fn a_target_is_met_or_it_is_not() {
    let share = Row::new("a", Value::Rate(80.0)).beside(Value::Rate(100.0), "raw").target(Target::Share(0.8));
    assert_eq!((share.ratio(), share.is_met()), (Some(0.8), Some(true)));
    assert_eq!(share.target(Target::Share(0.81)).is_met(), Some(false));
    let time = Row::new("b", Value::Time(Duration::from_millis(100)));
    assert_eq!(time.is_met(), None);
    assert_eq!(time.clone().target(Target::Within(Duration::from_millis(100))).is_met(), Some(true));
    assert_eq!(time.target(Target::Within(Duration::from_millis(99))).is_met(), Some(false));
    let rate = Row::new("c", Value::Rate(10.0)).target(Target::Rate(10.5));
    assert_eq!(rate.is_met(), Some(false));
}

#[test]
fn columns_stand_under_one_another() {
    let rows = [
        Row::new("short", Value::Bytes(7.0)),
        Row::new("a longer one", Value::Rate(12_345.0)).beside(Value::Rate(10_000.0), "raw"),
    ];
    let expected = "figure        measured  ceiling       ratio  target  met\n\
                    short         7 B\n\
                    a longer one  12.3 k/s  10.0 k/s raw  1.23";
    assert_eq!(table(&rows), expected);
}
