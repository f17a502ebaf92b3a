//! What the process says while it runs, on stderr. No personal data and no name of a hospital above `DEBUG`.
//!
//! | level | means | who reads it |
//! |---|---|---|
//! | `ERROR` | a promise is broken or about to be; somebody must act now | whoever is on call |
//! | `WARN` | something is wrong, Muster copes; act when it stays so | whoever runs Muster, daily |
//! | `INFO` | the process starts, stops, changes its part; a few lines an hour | whoever runs Muster |
//! | `DEBUG` | one line for what one command or one event did | whoever looks for a fault |
//! | `TRACE` | every step | whoever writes Muster |
//!
//! `MUSTER_LOG` chooses, e.g. `MUSTER_LOG=info,muster_dispatch=debug`; without it, `INFO`.
//!
//! Spans go to an OpenTelemetry collector, if there is one; metrics are there for Prometheus to fetch. Neither holds anything up:
//! what a collector does not take in time is dropped.

pub mod calls;
mod collector;
pub mod metrics;
pub mod spans;

use std::{io, panic, time::Duration};

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Level, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{ParseError, Targets},
    fmt::MakeWriter,
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use self::collector::Collector;

/// The environment variable that chooses what is said.
pub const FILTER: &str = "MUSTER_LOG";

/// How long the last spans may take to be sent when the process ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

/// How it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One line for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// What a process says, and to whom.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How it logs.
    pub format: Format,
    /// What it logs, as in [`FILTER`]; empty for the default.
    pub filter: String,
    /// Its spans.
    pub spans: Option<Spans>,
}

/// What becomes of spans.
#[derive(Clone, Debug)]
pub struct Spans {
    /// What the process says of itself: the attributes of its OpenTelemetry resource, `service.name` above all.
    pub about: Vec<KeyValue>,
    /// Where a collector takes them, by OTLP over gRPC: `http://HOST:PORT`. Without one they are not sent, and commits and log
    /// lines bear trace ids all the same.
    pub collector: Option<String>,
    /// Which share is kept of the traces that begin here, 0 to 1. Of a trace that began elsewhere all is kept that was there.
    pub share: f64,
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("{FILTER}='{found}' cannot be read: {why}; write e.g. {FILTER}=info,muster_dispatch=debug")]
    Filter {
        /// What it says.
        found: String,
        /// What is wrong.
        why: ParseError,
    },
    /// The collector's address is none.
    #[error("spans cannot be sent to '{address}': {why}; write http://HOST:PORT")]
    Collector {
        /// What was given.
        address: String,
        /// What is wrong.
        why: String,
    },
    /// It was started before.
    #[error("telemetry was started before: {0}")]
    Started(TryInitError),
}

/// Telemetry under way. Dropping it sends the last spans: it must go before the runtime on which it was started.
#[derive(Debug)]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // A collector that takes none has been told of before.
            drop(provider.shutdown_with_timeout(FLUSH_WITHIN));
        }
    }
}

/// Starts telemetry for the whole process: once, first of all, within a tokio runtime.
pub fn start(plan: Plan) -> Result<Telemetry, TelemetryError> {
    let provider = plan.spans.map(provider).transpose()?;
    let said = subscriber(plan.format, &plan.filter, io::stderr, provider.as_ref())?;
    said.try_init().map_err(TelemetryError::Started)?;
    panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a task panicked: this is a fault of muster's own")));
    Ok(Telemetry(provider))
}

fn provider(Spans { about, collector, share }: Spans) -> Result<SdkTracerProvider, TelemetryError> {
    let resource = Resource::builder_empty().with_attributes(about).build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
    let provider = SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler);
    Ok(match collector {
        Some(address) => provider.with_span_processor(Collector::at(&address)?).build(),
        None => provider.build(),
    })
}

fn subscriber<W>(
    format: Format,
    filter: &str,
    to: W,
    provider: Option<&SdkTracerProvider>,
) -> Result<impl Subscriber + Send + Sync, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let directives = if filter.is_empty() { "info" } else { filter };
    let filter =
        EnvFilter::try_new(directives).map_err(|why| TelemetryError::Filter { found: directives.to_owned(), why })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(to);
    let lines = match format {
        Format::Human => lines.compact().with_ansi(false).with_filter(filter).boxed(),
        Format::Json => lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed(),
    };
    let spans = provider.map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("muster"))
            // Until something begins in a span it can still become another's child.
            .with_context_activation(false)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target("muster", Level::INFO))
    });
    Ok(Registry::default().with(lines).with(spans))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(format: Format, filter: &str) -> String {
        let paper = Paper::default();
        let writer = paper.clone();
        let subscriber = subscriber(format, filter, move || writer.clone(), None).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(position = "12.0", "the desk is held");
            tracing::debug!("a detail");
        });
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn without_a_filter_details_are_not_told() {
        let text = said(Format::Human, "");
        assert!(text.contains("the desk is held") && text.contains("12.0"), "{text}");
        assert!(!text.contains("a detail"), "{text}");
        assert!(said(Format::Human, "debug").contains("a detail"));
        assert!(!said(Format::Human, "warn").contains("the desk is held"));
    }

    #[test]
    fn json_is_one_object_a_line() {
        let text = said(Format::Json, "debug");
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(object["message"].is_string() && object["level"].is_string(), "{line}");
        }
    }

    #[test]
    fn a_span_goes_on_in_the_trace_of_another_and_its_lines_bear_the_traces_id() {
        const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let provider = provider(Spans { about: Vec::new(), collector: None, share: 1.0 }).unwrap();
        let paper = Paper::default();
        let writer = paper.clone();
        let subscriber = subscriber(Format::Json, "", move || writer.clone(), Some(&provider)).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(spans::here(), None, "no span");
            let span = || tracing::info_span!("work", trace_id = tracing::field::Empty);
            let (alone, child) = (span(), span());
            spans::set_parent(&child, "not a traceparent");
            spans::set_parent(&child, CALLER);
            let own = spans::of(&child).unwrap();
            assert!(own.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && own != CALLER, "{own}");
            spans::set_parent(&child, &spans::of(&alone).unwrap());
            assert_eq!(spans::of(&child).unwrap(), own, "what has begun stays where it is");
            assert_ne!(spans::of(&alone).unwrap().get(3..35), own.get(3..35));
            child.in_scope(|| tracing::info!("done"));
        });
        let line = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["span"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736", "{line}");
    }

    #[tokio::test]
    async fn a_collector_that_is_not_there_holds_nobody_up() {
        let about = vec![KeyValue::new("service.name", "test")];
        let spans = Spans { about, collector: Some("http://127.0.0.1:1".to_owned()), share: 1.0 };
        let provider = provider(spans).unwrap();
        let subscriber = subscriber(Format::Human, "off", io::sink, Some(&provider)).unwrap();
        let began = tokio::time::Instant::now();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..20_000 {
                tracing::info_span!("work").in_scope(|| ());
            }
        });
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let wrong = Spans { about: Vec::new(), collector: Some("nowhere at all".to_owned()), share: 1.0 };
        assert!(super::provider(wrong).unwrap_err().to_string().contains("nowhere at all"));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_by_name() {
        let error = subscriber(Format::Human, "muster=loud", io::sink, None).err().unwrap().to_string();
        assert!(error.contains(FILTER) && error.contains("muster=loud"), "{error}");
    }
}
