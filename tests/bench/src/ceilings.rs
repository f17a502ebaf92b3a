//! What the machine and its parts can do without Muster.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::{
    self, Context,
    consumer::{AckPolicy, pull},
    message::PublishMessage,
    stream::{Config, DiscardPolicy, StorageType},
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint, Server},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_client::HealthClient,
    health_server::{Health, HealthServer},
};
use uuid::Uuid;

use crate::load::{self, Measured};

/// About what a frame with one small commit takes, in bytes.
pub const PAYLOAD_BYTES: usize = 512;

/// A stream of its own, as durable as a realm's, and nothing between it and whoever publishes.
#[derive(Clone)]
pub struct Raw {
    context: Context,
    name: String,
    next: Arc<AtomicU64>,
}

impl Raw {
    /// A new stream with this name on a server.
    pub async fn new(server: &str, name: &str) -> Self {
        let context = jetstream::new(async_nats::connect(server).await.unwrap());
        let config = Config {
            name: name.to_owned(),
            subjects: vec![format!("{name}.>")],
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            deny_delete: true,
            deny_purge: true,
            duplicate_window: Duration::from_secs(120),
            ..Config::default()
        };
        context.create_stream(config).await.unwrap();
        Self { context, name: name.to_owned(), next: Arc::default() }
    }

    /// One acknowledged publish to a subject of its own, as an append is sent: with its expectation and its id.
    pub async fn publish(&self) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let message = PublishMessage::build()
            .message_id(Uuid::from_u128(u128::from(number)).to_string())
            .expected_last_subject_sequence(0)
            .expected_stream(&self.name)
            .payload(Bytes::from(vec![7; PAYLOAD_BYTES]));
        let subject = format!("{}.s{number}", self.name);
        self.context.send_publish(subject, message).await.unwrap().await.unwrap();
    }

    /// Acknowledged publishes with so many in flight.
    pub async fn run(&self, in_flight: usize, span: Duration) -> Measured {
        load::run(in_flight, span, |_, _| {
            let raw = self.clone();
            async move { raw.publish().await }
        })
        .await
    }
}

/// Reading a whole stream and doing nothing with it: messages and how long it took.
pub async fn raw_replay(server: &str, name: &str) -> Measured {
    let context = jetstream::new(async_nats::connect(server).await.unwrap());
    let stream = context.get_stream(name).await.unwrap();
    let count = stream.get_info().await.unwrap().state.messages;
    let config = pull::Config { ack_policy: AckPolicy::None, memory_storage: true, ..pull::Config::default() };
    let consumer = stream.create_consumer(config).await.unwrap();
    let (lasted, ()) = load::time(async {
        let mut messages = consumer.stream().max_messages_per_batch(5000).messages().await.unwrap();
        for _ in 0..count {
            messages.next().await.unwrap().unwrap();
        }
    })
    .await;
    Measured { count, lasted, took: Vec::new() }
}

/// A service that answers at once, or once a publish is acknowledged.
struct Thin(Option<Raw>);

#[tonic::async_trait]
impl Health for Thin {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        if let Some(raw) = &self.0 {
            raw.publish().await;
        }
        Ok(Response::new(HealthCheckResponse { status: 1 }))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("not measured"))
    }
}

/// A thin service over gRPC: the least that a command can do.
#[derive(Clone)]
pub struct Front(HealthClient<Channel>);

impl Front {
    /// Answers at once, or once one raw publish is acknowledged.
    pub async fn new(before: Option<Raw>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = HealthServer::new(Thin(before));
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self(HealthClient::new(channel))
    }

    /// Calls with so many in flight.
    pub async fn run(&self, in_flight: usize, span: Duration) -> Measured {
        load::run(in_flight, span, |_, number| {
            let mut client = self.0.clone();
            async move {
                client.check(HealthCheckRequest { service: number.to_string() }).await.unwrap();
            }
        })
        .await
    }
}
