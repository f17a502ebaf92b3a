//! The trace of a case. It begins with the call that opened the request, and whatever is done to the request later goes on in it,
//! by whomever, in whichever process and however much later: the whole story is one trace, from the hospital's call to the
//! provider's work. What a caller's own trace is, is told as a link.

use std::collections::BTreeMap;

use muster_domain::{event::Event, intake::events::RequestEvent, kernel::RequestId};
use muster_journal::{
    engine::follower::{Fold, Seen},
    trace::Trace,
};
use muster_runtime::telemetry::spans;
use tracing::{Span, field::Empty};

/// Where the trace of each request goes on: at the last commit of its own subjects that was made in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cases(BTreeMap<RequestId, Trace>);

impl Cases {
    /// Where a request's trace goes on, if it has one.
    pub fn of(&self, request: &RequestId) -> Option<Trace> {
        self.0.get(request).copied()
    }
}

impl Fold for Cases {
    fn fold(&mut self, seen: &Seen) {
        let (Some(trace), Ok(request)) = (seen.commit.trace, RequestId::parse(seen.subject.id())) else { return };
        let opened = |event: &Event| matches!(event, Event::Request(RequestEvent::Opened { .. }));
        let goes_on = self.0.get(&request).is_some_and(|known| known.trace == trace.trace);
        if goes_on || seen.commit.events.iter().any(opened) {
            self.0.insert(request, trace);
        }
    }
}

/// Where this is done in a distributed trace, if anybody keeps spans.
pub fn here() -> Option<Trace> {
    read(spans::here())
}

/// Where a span stands.
pub fn of(span: &Span) -> Option<Trace> {
    read(spans::of(span))
}

/// Makes a span go on from there, if something is.
pub fn go_on(span: &Span, from: Option<Trace>) {
    if let Some(from) = from {
        spans::set_parent(span, &from.to_string());
    }
}

/// The span of what `who` does by itself because of a commit of the log (OpenTelemetry's conventions for messaging).
pub fn reaction(who: &str, to: Option<Trace>) -> Span {
    let span = tracing::info_span!(
        "react",
        otel.name = format!("process {who}"),
        otel.kind = "consumer",
        messaging.operation.type = "process",
        messaging.consumer.group.name = who,
        trace_id = Empty,
    );
    go_on(&span, to);
    span
}

fn read(traceparent: Option<String>) -> Option<Trace> {
    traceparent?.parse().ok()
}
