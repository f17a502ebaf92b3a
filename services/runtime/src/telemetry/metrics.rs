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
