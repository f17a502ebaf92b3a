//! A journal that measures what is appended to it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter},
};
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use crate::{
    port::{AppendError, Journal, ReadError, Record, Records, Subject},
    skew::ClockOff,
};

/// From what a disk takes to what a caller waits, in seconds.
const SECONDS: [f64; 12] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0];

/// From a small commit to the largest frame, in bytes.
const BYTES: [f64; 7] = [256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0];

/// A journal, and the measures of what is appended to it.
pub struct Measured {
    journal: Arc<dyn Journal>,
    duration: Histogram<f64>,
    size: Histogram<u64>,
}

impl Measured {
    /// Measures `journal`: `muster.journal.append.duration` by context and outcome, `muster.journal.frame.size` by context.
    pub fn new(journal: Arc<dyn Journal>, meter: &Meter) -> Self {
        let duration = meter
            .f64_histogram("muster.journal.append.duration")
            .with_unit("s")
            .with_description("How long one try to append a frame took, by context and outcome")
            .with_boundaries(SECONDS.to_vec())
            .build();
        let size = meter
            .u64_histogram("muster.journal.frame.size")
            .with_unit("By")
            .with_description("How large appended frames are, by context")
            .with_boundaries(BYTES.to_vec())
            .build();
        Self { journal, duration, size }
    }
}

#[async_trait]
impl Journal for Measured {
    async fn append(&self, subject: &Subject, expected: u64, frame: Uuid, bytes: Bytes) -> Result<u64, AppendError> {
        let (began, size) = (Instant::now(), bytes.len());
        let appended = self.journal.append(subject, expected, frame, bytes).await;
        let context = KeyValue::new("context", subject.context().as_str());
        let outcome = KeyValue::new("outcome", outcome(&appended));
        self.duration.record(began.elapsed().as_secs_f64(), &[context.clone(), outcome]);
        if appended.is_ok() {
            self.size.record(u64::try_from(size).unwrap_or(u64::MAX), &[context]);
        }
        appended
    }

    async fn load(&self, subject: &Subject, after: u64) -> Result<Vec<Record>, ReadError> {
        self.journal.load(subject, after).await
    }

    async fn record(&self, sequence: u64) -> Result<Record, ReadError> {
        self.journal.record(sequence).await
    }

    async fn head(&self, subject: &Subject) -> Result<u64, ReadError> {
        self.journal.head(subject).await
    }

    async fn last(&self) -> Result<u64, ReadError> {
        self.journal.last().await
    }

    fn subscribe(&self, after: u64) -> Records {
        self.journal.subscribe(after)
    }

    fn clock_off(&self) -> watch::Receiver<Option<ClockOff>> {
        self.journal.clock_off()
    }
}

const fn outcome(appended: &Result<u64, AppendError>) -> &'static str {
    match appended {
        Ok(_) => "appended",
        Err(AppendError::Conflict) => "conflict",
        Err(AppendError::Busy) => "busy",
        Err(AppendError::Unknown(_)) => "unknown",
        Err(AppendError::Unavailable(_)) => "unavailable",
        Err(AppendError::ClockOff(_)) => "clock-off",
        Err(AppendError::TooLarge { .. }) => "too-large",
    }
}
