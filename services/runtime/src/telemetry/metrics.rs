//! What a process measures of itself, for Prometheus.

use std::fmt;

use opentelemetry::metrics::MeterProvider;
pub use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter},
};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};
use prometheus::{Registry, TextEncoder};

/// How text in the format of Prometheus is announced.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// From a tenth of a millisecond, which nothing here is faster than, to the deadlines of calls, in seconds.
pub const SECONDS: [f64; 14] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The measures of one process.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    provider: SdkMeterProvider,
}

/// The measures cannot be kept or told.
#[derive(Debug, thiserror::Error)]
#[error("the metrics cannot be told: {0}")]
pub struct Unmeasured(String);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// None yet, of a process that says of itself what `about` says.
    pub fn new(about: impl IntoIterator<Item = KeyValue>) -> Result<Self, Unmeasured> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
        let exporter = exporter.map_err(|error| Unmeasured(error.to_string()))?;
        let resource = Resource::builder_empty().with_attributes(about).build();
        let provider = SdkMeterProvider::builder().with_reader(exporter).with_resource(resource).build();
        Ok(Self { registry, provider })
    }

    /// Where measures are made.
    pub fn meter(&self) -> Meter {
        self.provider.meter("muster")
    }

    /// All that was measured, in the text format of Prometheus.
    pub fn text(&self) -> Result<String, Unmeasured> {
        TextEncoder::new().encode_to_string(&self.registry.gather()).map_err(|error| Unmeasured(error.to_string()))
    }
}
