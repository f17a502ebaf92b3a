//! Sending spans to an OpenTelemetry collector.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use opentelemetry_otlp::{SpanExporter as Otlp, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter},
};

use super::TelemetryError;

/// Spans leave in batches, so often: whoever crashes loses no more than what came since.
const SEND_EVERY: Duration = Duration::from_secs(1);

/// How long a collector may take for a batch.
const TAKEN_WITHIN: Duration = Duration::from_secs(2);

/// Spans that wait; more are dropped.
const WAITING_MAX: usize = 8192;

/// A collector. That it takes no spans is told once, and once more when it does again: whoever reads the log needs no line a
/// second for it, and Muster goes on without.
pub(super) struct Collector {
    otlp: Otlp,
    address: String,
    is_silent: AtomicBool,
}

impl Collector {
    /// What sends spans there; only within a tokio runtime.
    pub(super) fn at(address: &str) -> Result<BatchSpanProcessor, TelemetryError> {
        let otlp = Otlp::builder().with_tonic().with_endpoint(address).with_timeout(TAKEN_WITHIN).build();
        let otlp =
            otlp.map_err(|why| TelemetryError::Collector { address: address.to_owned(), why: why.to_string() })?;
        let collector = Self { otlp, address: address.to_owned(), is_silent: AtomicBool::new(false) };
        let batches = BatchConfigBuilder::default().with_scheduled_delay(SEND_EVERY).with_max_queue_size(WAITING_MAX);
        Ok(BatchSpanProcessor::builder(collector).with_batch_config(batches.build()).build())
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collector({})", self.address)
    }
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = self.otlp.export(batch).await;
        let was_silent = self.is_silent.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Ok(()) if was_silent => tracing::info!(address = self.address, "the collector takes spans again"),
            Err(error) if !was_silent => {
                tracing::warn!(address = self.address, %error, "the collector takes no spans: they are dropped");
            }
            Ok(()) | Err(_) => {}
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}
