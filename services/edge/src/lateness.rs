//! How late what falls due is done, in time of the realm.

use std::time::Duration;

use muster_runtime::telemetry::metrics::{Histogram, KeyValue, Meter};

/// From a clock's tick to what nobody may wait for, in seconds.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0, 60.0];

/// The measure `muster.timer.lateness` of one who does what falls due.
#[derive(Clone, Debug)]
pub struct Lateness {
    measure: Histogram<f64>,
    who: KeyValue,
}

impl Lateness {
    /// Of the one with this name.
    pub fn of(who: &'static str, meter: &Meter) -> Self {
        let measure = meter
            .f64_histogram("muster.timer.lateness")
            .with_unit("s")
            .with_description("How long after it was due something was begun, in time of the realm")
            .with_boundaries(SECONDS.to_vec())
            .build();
        Self { measure, who: KeyValue::new("who", who) }
    }

    /// Something is begun so long after it was due.
    pub fn note(&self, late: Duration) {
        self.measure.record(late.as_secs_f64(), std::slice::from_ref(&self.who));
    }
}
