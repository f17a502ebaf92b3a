//! Spans as other processes know them: by `traceparent` of W3C Trace Context.

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The key under which calls and commits carry it.
pub const TRACEPARENT: &str = "traceparent";

/// The span in which this runs, if anybody keeps spans.
pub fn here() -> Option<String> {
    of(&Span::current())
}

/// A span. From now on its parent stays what it is.
pub fn of(span: &Span) -> Option<String> {
    let context = span.context();
    let mut carried = Carried(None);
    TraceContextPropagator::new().inject_context(&context, &mut carried);
    note(span, &context);
    carried.0
}

/// Makes a span a child of another, of whatever process. What is no `traceparent` changes nothing, nor does it once something
/// has begun in the span.
pub fn set_parent(span: &Span, parent: &str) {
    if let Some(parent) = read(parent) {
        note(span, &parent);
        // It fails where nobody keeps spans, and then nothing is to be done.
        drop(span.set_parent(parent));
    }
}

/// Lines that are logged in the span bear the trace's id.
fn note(span: &Span, context: &Context) {
    span.record("trace_id", tracing::field::display(context.span().span_context().trace_id()));
}

/// Says that a span has to do with another, in whatever trace.
pub fn add_link(span: &Span, other: &str) {
    if let Some(other) = read(other) {
        span.add_link(other.span().span_context().clone());
    }
}

fn read(traceparent: &str) -> Option<Context> {
    let carried = Carried(Some(traceparent.to_owned()));
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carried);
    context.span().span_context().is_valid().then_some(context)
}

/// What carries a `traceparent`, and nothing else: state that only some vendors understand goes no further.
struct Carried(Option<String>);

impl Injector for Carried {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Carried {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == TRACEPARENT)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|_| TRACEPARENT).collect()
    }
}
