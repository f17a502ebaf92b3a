//! What the machine and its parts can do without Muster.
#![expect(clippy::unwrap_used, reason = "a bench that cannot measure has failed")]

use std::{pin::Pin, time::Duration};

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

/// A stream of its own, as durable as a realm's.
pub async fn stream(server: &str, name: &str) -> Context {
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
    context
}

/// One acknowledged publish to a subject of its own, as an append is sent: with its expectation and its id.
async fn publish(context: &Context, name: &str, number: u64) {
    let message = PublishMessage::build()
        .message_id(Uuid::from_u128(u128::from(number)).to_string())
        .expected_last_subject_sequence(0)
        .expected_stream(name)
        .payload(Bytes::from(vec![7; PAYLOAD_BYTES]));
    context.send_publish(format!("{name}.s{number}"), message).await.unwrap().await.unwrap();
}

/// Acknowledged publishes with so many in flight.
pub async fn raw_publish(server: &str, name: &'static str, in_flight: usize, span: Duration) -> Measured {
    let context = stream(server, name).await;
    load::run(in_flight, span, move |number| {
        let context = context.clone();
        async move { publish(&context, name, number).await }
    })
    .await
}

/// Reading a whole stream and doing nothing with it: messages and how long it took.
pub async fn raw_replay(server: &str, name: &str) -> Measured {
    let context = jetstream::new(async_nats::connect(server).await.unwrap());
    let stream = context.get_stream(name).await.unwrap();
    let count = stream.get_info().await.unwrap().state.messages;
    let config = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
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
struct Thin(Option<(Context, &'static str)>);

#[tonic::async_trait]
impl Health for Thin {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, call: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        if let Some((context, name)) = &self.0 {
            let number = call.into_inner().service.parse().unwrap();
            publish(context, name, number).await;
        }
        Ok(Response::new(HealthCheckResponse { status: 1 }))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("not measured"))
    }
}

async fn thin(service: Thin) -> Channel {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        Server::builder().add_service(HealthServer::new(service)).serve_with_incoming(TcpListenerStream::new(listener)),
    );
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

async fn calls(service: Thin, in_flight: usize, span: Duration) -> Measured {
    let client = HealthClient::new(thin(service).await);
    load::run(in_flight, span, move |number| {
        let mut client = client.clone();
        async move {
            client.check(HealthCheckRequest { service: number.to_string() }).await.unwrap();
        }
    })
    .await
}

/// Calls that are answered at once.
pub async fn echo(in_flight: usize, span: Duration) -> Measured {
    calls(Thin(None), in_flight, span).await
}

/// Calls that are answered once one raw publish is acknowledged: the least that a durable command can do.
pub async fn call_and_publish(server: &str, name: &'static str, in_flight: usize, span: Duration) -> Measured {
    let context = stream(server, name).await;
    calls(Thin(Some((context, name))), in_flight, span).await
}
