//! Calls for another process: whoever does not hold the desk asks whoever does, in the caller's name, and tells what it said.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use muster_api::dispatch::v1::dispatch_service_client::DispatchServiceClient;
use muster_edge::{
    Answer, Caller,
    edge::refused,
    relay::{Relay, mark},
};
use muster_journal::engine::Undone;
use muster_runtime::{
    status::{cause, explain, never_left},
    telemetry::spans,
};
use tonic::{Code, Request, Response, Status, transport::Channel};

use crate::{driver::Peer, wire::Ask};

/// How long another process may take to answer: as long as it asks its journal, and a little more.
const WITHIN: Duration = Duration::from_secs(12);

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// The way to whoever holds the desk; the last one is kept.
#[derive(Clone)]
pub struct Peers {
    relay: Relay,
    kept: Arc<Mutex<Option<(String, Channel)>>>,
}

impl Peers {
    /// Others are asked in this way.
    pub fn by(relay: Relay) -> Self {
        Self { relay, kept: Arc::default() }
    }

    /// Asks `peer` in the name of `caller`; its answer is told as it is, a refusal with all that belongs to it.
    pub async fn relay<M: Ask>(&self, peer: &Peer, caller: &Caller, message: M) -> Answer<M::Answer> {
        let client = DispatchServiceClient::new(self.channel(&peer.address)?);
        let mut call = Request::new(message);
        call.set_timeout(WITHIN);
        mark(call.metadata_mut(), &peer.secret, caller);
        if let Some(here) = spans::here().and_then(|here| here.parse().ok()) {
            call.metadata_mut().insert(spans::TRACEPARENT, here);
        }
        let answer = M::send(call, client).await;
        answer.map(|answer| Response::new(answer.into_inner())).map_err(|no| told(peer, &no))
    }

    fn channel(&self, address: &str) -> Result<Channel, Status> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, channel)) = kept.as_ref().filter(|(to, _)| to == address) {
            return Ok(channel.clone());
        }
        let endpoint = self.relay.endpoint(address).map_err(|error| {
            refused(Undone::Unavailable(format!("the desk's holder gave '{address}' as its address: {error}")))
        })?;
        let channel = endpoint.connect_timeout(CONNECT_WITHIN).tcp_nodelay(true).connect_lazy();
        *kept = Some((address.to_owned(), channel.clone()));
        Ok(channel)
    }
}

/// What another process said, or what it means that it said nothing.
fn told(peer: &Peer, no: &Status) -> Status {
    if no.code() == Code::Unauthenticated {
        // It does not know the secret: it began anew, and never saw the lease that named it. Nothing was done.
        return refused(Undone::Unavailable("the desk is changing hands".to_owned()));
    }
    if explain(no).reason == "TRANSPORT" {
        let why = cause(no);
        tracing::warn!(?peer, why, "the desk's holder does not answer");
        let unreached = || Undone::Unavailable(format!("the desk's holder cannot be reached: {why}"));
        return refused(if never_left(no) { unreached() } else { Undone::Unsure });
    }
    Status::with_details(no.code(), no.message(), Bytes::copy_from_slice(no.details()))
}
