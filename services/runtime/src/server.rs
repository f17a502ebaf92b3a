//! The gRPC server of a process: health, reflection, limits.

use std::{io, net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    body::Body,
    codegen::http,
    service::Routes,
    transport::{
        ServerTlsConfig,
        server::{Server as Transport, TcpIncoming},
    },
};
pub use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_health::{pb::health_server::HealthServer, server::HealthService};
use tonic_reflection::server::Builder as Reflection;
use tower::util::MapRequestLayer;

use crate::{
    status,
    telemetry::{calls::Observed, metrics::Meter},
};

/// The largest call that is read, in bytes.
pub const CALL_BYTES_MAX: usize = 1 << 20;

/// Calls at once on one connection.
const STREAMS_MAX: u32 = 256;

/// Bytes of metadata in one call.
const METADATA_BYTES_MAX: u32 = 16 << 10;

/// How often a silent connection is asked whether it still stands, and how long it has to answer.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// A server that holds its address and does not answer yet.
pub struct Server {
    incoming: TcpIncoming,
    address: SocketAddr,
    tls: Option<ServerTlsConfig>,
}

/// Why a server ended before it was stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The descriptors are not a `FileDescriptorSet`.
    #[error("the descriptors cannot be read: {0}")]
    Descriptors(#[from] tonic_reflection::server::Error),
    /// The network failed.
    #[error("the server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

impl Server {
    /// Takes an address; port 0 takes a free one. Only inside a tokio runtime.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let incoming = TcpIncoming::bind(address)?.with_nodelay(Some(true));
        let address = incoming.local_addr()?;
        Ok(Self { incoming, address, tls: None })
    }

    /// Answers only over TLS.
    pub fn over(self, tls: ServerTlsConfig) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// The address taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers calls to `services`, and to health and reflection, until `stopping` is cancelled and every call has ended. A
    /// stream ends only when its handler does: those that never would must watch `stopping` too.
    pub async fn serve(
        self,
        services: Routes,
        descriptors: &[u8],
        health: HealthReporter,
        meter: &Meter,
        stopping: CancellationToken,
    ) -> Result<(), ServeError> {
        let reflection = || {
            Reflection::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let services = services
            .add_service(HealthServer::new(HealthService::from_health_reporter(health.clone())))
            .add_service(reflection().build_v1()?)
            // Many tools still ask in the older way only.
            .add_service(reflection().build_v1alpha()?);
        let stopped = async move {
            stopping.cancelled().await;
            // Whoever balances load looks at the nameless service and sends new calls elsewhere.
            health.set_service_status("", ServingStatus::NotServing).await;
        };
        let mut transport = Transport::builder();
        if let Some(tls) = self.tls {
            transport = transport.tls_config(tls)?;
        }
        transport
            .max_concurrent_streams(STREAMS_MAX)
            .http2_max_header_list_size(METADATA_BYTES_MAX)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .layer(Observed::by(meter))
            .layer(MapRequestLayer::new(|call: http::Request<Body>| call.map(limited)))
            .add_routes(services)
            .serve_with_incoming_shutdown(self.incoming, stopped)
            .await?;
        Ok(())
    }
}

/// A body that ends with a refusal where it grows too large. It holds for every service alike, so that none can forget it.
fn limited(body: Body) -> Body {
    Body::new(Limited::new(body, CALL_BYTES_MAX).map_err(|error| {
        if error.is::<LengthLimitError>() { status::too_large(CALL_BYTES_MAX) } else { Status::from_error(error) }
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokio::task::JoinHandle;
    use tonic::{Code, Request, transport::Channel};
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus as Told, health_client::HealthClient,
    };
    use tonic_reflection::pb::{v1, v1alpha};

    use super::*;
    use crate::{status::explain, telemetry::metrics::Metrics};

    struct Running {
        channel: Channel,
        health: HealthReporter,
        metrics: Metrics,
        stopping: CancellationToken,
        served: JoinHandle<Result<(), ServeError>>,
    }

    async fn running() -> Running {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = server.address();
        assert_ne!(address.port(), 0);
        let (health, stopping) = (HealthReporter::new(), CancellationToken::new());
        let metrics = Metrics::new([]).unwrap();
        let served = {
            let (health, stopping) = (health.clone(), stopping.clone());
            let metrics = metrics.clone();
            tokio::spawn(async move { server.serve(Routes::default(), &[], health, &metrics.meter(), stopping).await })
        };
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Running { channel, health, metrics, stopping, served }
    }

    impl Running {
        async fn check(&self, service: &str) -> Result<Told, Status> {
            let request = HealthCheckRequest { service: service.to_owned() };
            let answer = HealthClient::new(self.channel.clone()).check(request).await?;
            Ok(answer.into_inner().status())
        }

        async fn stop(self) {
            self.stopping.cancel();
            drop(self.channel);
            self.served.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn health_tells_what_it_was_told() {
        let server = running().await;
        assert_eq!(server.check("").await.unwrap(), Told::Serving);
        server.health.set_service_status("muster.intake.v1.IntakeService", ServingStatus::NotServing).await;
        assert_eq!(server.check("muster.intake.v1.IntakeService").await.unwrap(), Told::NotServing);
        assert_eq!(server.check("muster.unknown").await.unwrap_err().code(), Code::NotFound);
        server.stop().await;
    }

    #[tokio::test]
    async fn both_versions_of_reflection_list_the_services() {
        let server = running().await;
        let expected: BTreeSet<String> = ["grpc.health.v1.Health"].map(str::to_owned).into();

        use v1::{server_reflection_request::MessageRequest, server_reflection_response::MessageResponse};
        let ask = v1::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
        let mut answers = client.server_reflection_info(tokio_stream::once(ask)).await.unwrap().into_inner();
        let Some(MessageResponse::ListServicesResponse(list)) =
            answers.message().await.unwrap().unwrap().message_response
        else {
            panic!("no list")
        };
        let names: BTreeSet<_> = list.service.into_iter().map(|service| service.name).collect();
        assert!(names.is_superset(&expected), "{names:?}");

        use v1alpha::{
            server_reflection_request::MessageRequest as Ask, server_reflection_response::MessageResponse as Told,
        };
        let ask = v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(Ask::ListServices(String::new())),
        };
        let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
        let mut answers = client.server_reflection_info(tokio_stream::once(ask)).await.unwrap().into_inner();
        let Some(Told::ListServicesResponse(list)) = answers.message().await.unwrap().unwrap().message_response else {
            panic!("no list")
        };
        let names: BTreeSet<_> = list.service.into_iter().map(|service| service.name).collect();
        assert!(names.is_superset(&expected), "{names:?}");
        drop(answers);
        server.stop().await;
    }

    #[tokio::test]
    async fn a_call_that_is_too_large_is_refused_with_words() {
        let server = running().await;
        // The framing takes 5 bytes, the field's tag and length 4.
        let largest = "x".repeat(CALL_BYTES_MAX - 9);
        assert_eq!(server.check(&largest).await.unwrap_err().code(), Code::NotFound);
        let status = server.check(&format!("{largest}x")).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert_eq!(explain(&status).reason, "TOO_LARGE");
        server.stop().await;
    }

    #[tokio::test]
    async fn calls_are_measured_and_made_up_methods_are_one() {
        let server = running().await;
        server.check("").await.unwrap();
        for method in ["/muster.made.up.v1.Service/One", "/muster.made.up.v1.Service/Two"] {
            let mut client = tonic::client::Grpc::new(server.channel.clone());
            client.ready().await.unwrap();
            let codec = tonic_prost::ProstCodec::<HealthCheckRequest, HealthCheckRequest>::default();
            let path = http::uri::PathAndQuery::from_static(method);
            let answer = client.unary(Request::new(HealthCheckRequest::default()), path, codec).await;
            assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
        }
        let text = server.metrics.text().unwrap();
        let counts: Vec<_> =
            text.lines().filter(|line| line.starts_with("rpc_server_call_duration_seconds_count")).collect();
        assert_eq!(counts.len(), 1, "health is not measured: {counts:#?}");
        let of_both = counts.iter().all(|line| {
            line.contains(r#"rpc_method="_OTHER""#) && line.contains(r#"code="UNIMPLEMENTED""#) && line.ends_with("} 2")
        });
        assert!(of_both, "{counts:#?}");
        server.stop().await;
    }

    #[tokio::test]
    async fn an_address_in_use_is_refused() {
        let first = Server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_eq!(Server::bind(first.address()).err().unwrap().kind(), io::ErrorKind::AddrInUse);
    }
}
