//! What is told of every call: a span, and how many came, how long they took and how they ended. Names are those of
//! OpenTelemetry's conventions for RPC.

use std::task::{self, Poll};

use futures::future::{BoxFuture, Either};
use opentelemetry::{
    KeyValue,
    metrics::{Histogram, Meter},
    trace::Status,
};
use tokio::time::Instant;
use tonic::{Code, codegen::http};
use tower::{Layer, Service};
use tracing::{Instrument, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::spans;

/// Calls to services of other packages, health and reflection, are asked all the time and tell nobody anything.
const OURS: &str = "/muster.";

/// From a tenth of a millisecond, which nothing here is faster than, to the deadlines of calls, in seconds.
const SECONDS: [f64; 14] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Tells of every call to Muster's services.
#[derive(Clone, Debug)]
pub struct Observed {
    duration: Histogram<f64>,
}

impl Observed {
    /// It measures `rpc.server.call.duration`: until the answer begins, which for a stream is when it opens.
    pub fn by(meter: &Meter) -> Self {
        let duration = meter
            .f64_histogram("rpc.server.call.duration")
            .with_unit("s")
            .with_description("How long calls took until their answer began, by method and outcome")
            .with_boundaries(SECONDS.to_vec())
            .build();
        Self { duration }
    }
}

impl<S> Layer<S> for Observed {
    type Service = Observing<S>;

    fn layer(&self, inner: S) -> Observing<S> {
        Observing { inner, observed: self.clone() }
    }
}

/// A service whose calls are told of.
#[derive(Clone, Debug)]
pub struct Observing<S> {
    inner: S,
    observed: Observed,
}

impl<S, B, R> Service<http::Request<B>> for Observing<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, BoxFuture<'static, Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, call: http::Request<B>) -> Self::Future {
        let path = call.uri().path();
        if !path.starts_with(OURS) {
            return Either::Left(self.inner.call(call));
        }
        let method = path.trim_start_matches('/').to_owned();
        let span = span(&method);
        if let Some(caller) = call.headers().get(spans::TRACEPARENT).and_then(|value| value.to_str().ok()) {
            spans::set_parent(&span, caller);
            // It stays known should the call go on in the trace of the case that it is about.
            spans::add_link(&span, caller);
        }
        let (answering, duration) = (self.inner.call(call).instrument(span.clone()), self.observed.duration.clone());
        let began = Instant::now();
        Either::Right(Box::pin(async move {
            let answer = answering.await;
            let code = answer.as_ref().map_or(Code::Unknown, |answer| code(answer.headers()));
            ended(&span, code);
            // Anybody can make up a method that does not exist: all of those are one.
            let method = if code == Code::Unimplemented { "_OTHER".to_owned() } else { method };
            let attributes = [
                KeyValue::new("rpc.system.name", "grpc"),
                KeyValue::new("rpc.method", method),
                KeyValue::new("rpc.response.status_code", name(code)),
            ];
            duration.record(began.elapsed().as_secs_f64(), &attributes);
            answer
        }))
    }
}

fn span(method: &str) -> Span {
    let span = tracing::info_span!("rpc", otel.name = method, otel.kind = "server", trace_id = Empty);
    span.set_attribute("rpc.system.name", "grpc");
    span.set_attribute("rpc.method", method.to_owned());
    span
}

fn ended(span: &Span, code: Code) {
    span.set_attribute("rpc.response.status_code", name(code));
    // What is the caller's to mend is no error of the server.
    if matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    ) {
        span.set_status(Status::error(name(code)));
    }
}

/// How a call ended: a refusal says so before any answer.
fn code(headers: &http::HeaderMap) -> Code {
    headers.get("grpc-status").map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// A code's name, as the gRPC specification writes it.
const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
