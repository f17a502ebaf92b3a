//! A collector that keeps the spans that it is sent, by the real protocol (OTLP over gRPC).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::span::SpanKind,
};
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};
use tonic::{
    Request, Response, Status,
    transport::server::{Server, TcpIncoming},
};

/// Longer than spans need to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at what has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A span as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The service that made it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its trace.
    pub trace: Vec<u8>,
    /// Its id.
    pub id: Vec<u8>,
    /// Its parent; empty if it has none.
    pub parent: Vec<u8>,
    /// Whether it answers a call, sends or receives.
    pub kind: SpanKind,
    /// What is said of it in words.
    pub attributes: BTreeMap<String, String>,
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// A running collector. Dropping it stops it.
pub struct Collector {
    /// Where it takes spans.
    pub address: String,
    spans: Spans,
    serving: AbortHandle,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Collector {
    /// Starts one; only inside a tokio runtime.
    pub fn start() -> Self {
        Self::start_to(true)
    }

    /// The same of one that takes everything and keeps nothing.
    pub fn start_forgetful() -> Self {
        Self::start_to(false)
    }

    fn start_to(keep: bool) -> Self {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let address = format!("http://{}", incoming.local_addr().expect("bound"));
        let spans = Spans::default();
        let service = TraceServiceServer::new(Taking(keep.then(|| spans.clone())));
        let serving = tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        Self { address, spans, serving: serving.abort_handle() }
    }

    /// All that has come so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All that has come, once it holds what is looked for.
    pub async fn once(&self, holds: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let spans = self.spans();
            if holds(&spans) {
                return spans;
            }
            let names: Vec<_> = spans.iter().map(|span| format!("{} {}", span.service, span.name)).collect();
            assert!(Instant::now() < deadline, "not all spans came: {names:#?}");
            sleep(LOOK_EVERY).await;
        }
    }
}

struct Taking(Option<Spans>);

#[tonic::async_trait]
impl TraceService for Taking {
    async fn export(
        &self,
        call: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let Some(spans) = &self.0 else { return Ok(Response::new(ExportTraceServiceResponse::default())) };
        let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
        for of_resource in call.into_inner().resource_spans {
            let resource = texts(of_resource.resource.unwrap_or_default().attributes);
            let service = resource.get("service.name").cloned().unwrap_or_default();
            spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| Span {
                service: service.clone(),
                kind: span.kind(),
                name: span.name,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
                attributes: texts(span.attributes),
            }));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |KeyValue { key, value, .. }| {
        let Some(Value::StringValue(text)) = value.and_then(|value| value.value) else { return None };
        Some((key, text))
    };
    attributes.into_iter().filter_map(text).collect()
}
