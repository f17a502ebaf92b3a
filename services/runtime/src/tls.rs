//! The certificates of a process: its own, and whose others it believes. They are read once: a process that is started anew takes
//! new ones.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use muster_domain::kernel::Timestamp;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig};
use x509_parser::{extensions::GeneralName, parse_x509_certificate, pem::parse_x509_pem};

/// How long a caller may take to make itself known.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Where the certificates are; all in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The process's own, with those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority of the other replicas' certificates.
    pub authority: Option<PathBuf>,
    /// The authority of callers' certificates.
    pub callers: Option<PathBuf>,
}

/// What was read of them.
#[derive(Clone)]
pub struct Tls {
    /// How the process answers.
    pub server: ServerTlsConfig,
    /// How it asks other replicas; their certificates bear the first DNS name of its own. `None` if nobody said who signs them.
    pub peers: Option<ClientTlsConfig>,
    /// When the first of all these certificates ends.
    pub ends: Timestamp,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {why}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// It has no certificate.
    #[error("{} is no certificate in PEM that can be used: {why}", .path.display())]
    NotACertificate {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Replicas could not know one another.
    #[error("the certificate in {} has no DNS name without '*', by which other replicas know this one: add one name that all share", .0.display())]
    Nameless(PathBuf),
    /// They do not belong together.
    #[error("{} and {} cannot be used together: {why}", .certificate.display(), .key.display())]
    Unusable {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl Tls {
    /// Reads the files and sees that they belong together.
    pub fn read(files: &Files) -> Result<Self, TlsError> {
        let bytes = |path: &PathBuf| fs::read(path).map_err(|why| TlsError::Unreadable { path: path.clone(), why });
        let (certificate, key) = (bytes(&files.certificate)?, bytes(&files.key)?);
        let About { name, mut ends } = about(&files.certificate, &certificate)?;
        let mut server =
            ServerTlsConfig::new().identity(Identity::from_pem(certificate, key)).timeout(HANDSHAKE_WITHIN);
        if let Some(path) = &files.callers {
            let callers = bytes(path)?;
            ends = ends.min(about(path, &callers)?.ends);
            // Callers with a token need none.
            server = server.client_ca_root(Certificate::from_pem(callers)).client_auth_optional(true);
        }
        let usable = Server::builder().tls_config(server.clone());
        usable.map_err(|error| TlsError::Unusable {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            why: std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
        })?;
        let peers = match &files.authority {
            None => None,
            Some(path) => {
                let authority = bytes(path)?;
                ends = ends.min(about(path, &authority)?.ends);
                let name = name.ok_or_else(|| TlsError::Nameless(files.certificate.clone()))?;
                let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name(name);
                let tried = Endpoint::from_static("https://localhost").tls_config(config.clone());
                tried.map_err(|_| TlsError::Nameless(files.certificate.clone()))?;
                Some(config)
            }
        };
        Ok(Self { server, peers, ends })
    }
}

/// What is to be known of a certificate.
struct About {
    /// Its first DNS name.
    name: Option<String>,
    /// When it ends.
    ends: Timestamp,
}

/// What is to be known of a file's first certificate, which must hold now.
fn about(path: &Path, pem: &[u8]) -> Result<About, TlsError> {
    let no = |why: &dyn std::fmt::Display| TlsError::NotACertificate { path: path.to_owned(), why: why.to_string() };
    let (_, pem) = parse_x509_pem(pem).map_err(|why| no(&why))?;
    let (_, certificate) = parse_x509_certificate(&pem.contents).map_err(|why| no(&why))?;
    let names = certificate.subject_alternative_name().map_err(|why| no(&why))?;
    let mut names = names.iter().flat_map(|names| &names.value.general_names);
    let name =
        names.find_map(|name| if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None });
    if !certificate.validity().is_valid() {
        return Err(no(&format!(
            "it does not hold now, but from {} to {}",
            certificate.validity().not_before,
            certificate.validity().not_after
        )));
    }
    let seconds = certificate.validity().not_after.timestamp();
    Ok(About { name, ends: Timestamp::from_millis(seconds.saturating_mul(1000)) })
}

#[cfg(test)]
mod tests {
    use muster_domain::kernel::{Actor, RealmId};
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
    use tempfile::TempDir;
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::{Code, Request, Response, Status, transport::Endpoint};
    use tonic_health::pb::{
        HealthCheckRequest, HealthCheckResponse,
        health_client::HealthClient,
        health_server::{Health, HealthServer},
    };

    use super::*;
    use crate::{identity::Identities, status::explain};

    struct Authority(CertifiedIssuer<'static, KeyPair>);

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
        }

        /// A certificate and its key for these names; one that has ended, if `ended`.
        fn issue(&self, names: &[SanType], ended: bool) -> (String, String) {
            let (mut params, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
            params.subject_alt_names = names.to_vec();
            if ended {
                params.not_after = date_time_ymd(2026, 1, 1);
            }
            (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
        }
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn uri(name: &str) -> SanType {
        SanType::URI(name.try_into().unwrap())
    }

    fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Tells who calls, beside its answer.
    struct Told(Identities);

    #[tonic::async_trait]
    impl Health for Told {
        async fn check(&self, call: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
            let Actor { role, principal } = self.0.authenticate(&call)?;
            let mut answer = Response::new(HealthCheckResponse::default());
            answer.metadata_mut().insert("who", format!("{role}:{principal}").parse().unwrap());
            Ok(answer)
        }

        type WatchStream = tokio_stream::Empty<Result<HealthCheckResponse, Status>>;

        async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
            Ok(Response::new(tokio_stream::empty()))
        }
    }

    /// A server of realm `live` and its authorities.
    struct House {
        servers: Authority,
        callers: Authority,
        /// How replicas ask it.
        peers: ClientTlsConfig,
        address: String,
    }

    impl House {
        async fn new() -> Self {
            let (directory, servers, callers) = (TempDir::new().unwrap(), Authority::new(), Authority::new());
            let Tls { server, peers, .. } = Tls::read(&files(directory.path(), &servers, &callers)).unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("https://{}", listener.local_addr().unwrap());
            let identities = Identities::default().or_certificates(RealmId::parse("live").unwrap());
            let server = Server::builder().tls_config(server).unwrap().add_service(HealthServer::new(Told(identities)));
            tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
            Self { servers, callers, peers: peers.unwrap(), address }
        }

        /// Who the server takes somebody for who has this certificate and key.
        async fn asked(&self, with: Option<(String, String)>) -> Result<String, Status> {
            let mut tls = self.peers.clone();
            if let Some((certificate, key)) = with {
                tls = tls.identity(Identity::from_pem(certificate, key));
            }
            let endpoint = Endpoint::from_shared(self.address.clone()).unwrap().tls_config(tls).unwrap();
            let channel = endpoint.connect().await.map_err(|error| Status::aborted(error.to_string()))?;
            let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await?;
            Ok(answer.metadata().get("who").unwrap().to_str().unwrap().to_owned())
        }
    }

    fn files(directory: &Path, servers: &Authority, callers: &Authority) -> Files {
        let (certificate, key) = servers.issue(&[dns("muster.example"), dns("other.example")], false);
        Files {
            certificate: write(directory, "tls.crt", &certificate),
            key: write(directory, "tls.key", &key),
            authority: Some(write(directory, "ca.crt", &servers.0.pem())),
            callers: Some(write(directory, "callers.crt", &callers.0.pem())),
        }
    }

    #[tokio::test]
    async fn a_certificate_says_who_calls() {
        let house = House::new().await;
        let asked = |names: Vec<SanType>| {
            let with = house.callers.issue(&names, false);
            house.asked(Some(with))
        };
        assert_eq!(asked(vec![uri("muster://live/provider/s01")]).await.unwrap(), "provider:s01");
        let beside = vec![dns("desk.s01.example"), uri("urn:x:y"), uri("muster://live/spoc/spoc-fr")];
        assert_eq!(asked(beside).await.unwrap(), "spoc:spoc-fr");
        for (names, says) in [
            (vec![dns("desk.s01.example")], "does not say who calls"),
            (vec![uri("muster://drill/provider/s01")], "not for realm live"),
            (vec![uri("muster://live/system/muster")], "names no caller"),
            (vec![uri("muster://live/provider/s01/x")], "names no caller"),
            (vec![uri("muster://live/provider")], "names no caller"),
            (vec![uri("muster://live/provider/s01"), uri("muster://live/provider/s02")], "several callers"),
        ] {
            let status = asked(names).await.unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{says}");
            assert!(status.message().contains(says), "{says}: {status}");
            assert!(!explain(&status).way_out.is_empty());
        }
        assert!(house.asked(None).await.unwrap_err().message().contains("does not say who calls"));
    }

    #[tokio::test]
    async fn what_others_signed_or_what_has_ended_opens_no_connection() {
        let house = House::new().await;
        let name = [uri("muster://live/provider/s01")];
        assert!(house.asked(Some(house.callers.issue(&name, false))).await.is_ok(), "a good one opens it");
        for with in [
            Authority::new().issue(&name, false),
            // A server's certificate is no caller's.
            house.servers.issue(&name, false),
            house.callers.issue(&name, true),
        ] {
            let status = house.asked(Some(with)).await.unwrap_err();
            assert_ne!(status.code(), Code::Unauthenticated, "the server's TLS says no: {status}");
        }
    }

    #[test]
    fn files_that_cannot_be_used_are_told_at_the_start() {
        let directory = TempDir::new().unwrap();
        let (servers, callers) = (Authority::new(), Authority::new());
        let good = files(directory.path(), &servers, &callers);
        assert!(Tls::read(&good).is_ok());
        let told = |files: &Files| Tls::read(files).map(|_| ()).unwrap_err().to_string();
        let other = write(directory.path(), "other.key", &KeyPair::generate().unwrap().serialize_pem());
        let (nameless, its_key) = servers.issue(&[uri("urn:x:y")], false);
        let nameless = write(directory.path(), "nameless.crt", &nameless);
        let its_key = write(directory.path(), "nameless.key", &its_key);
        let (ended, its_old_key) = servers.issue(&[dns("muster.example")], true);
        let ended = write(directory.path(), "ended.crt", &ended);
        let its_old_key = write(directory.path(), "ended.key", &its_old_key);
        let garbage = write(directory.path(), "garbage.crt", "nothing");
        for (files, says) in [
            (Files { key: directory.path().join("none"), ..good.clone() }, "none cannot be read"),
            (Files { certificate: garbage.clone(), ..good.clone() }, "garbage.crt is no certificate"),
            (Files { callers: Some(garbage.clone()), ..good.clone() }, "garbage.crt is no certificate"),
            (Files { authority: Some(garbage.clone()), ..good.clone() }, "garbage.crt is no certificate"),
            (Files { key: other, ..good.clone() }, "other.key cannot be used together"),
            (Files { key: garbage.clone(), ..good.clone() }, "garbage.crt cannot be used together"),
            (Files { certificate: nameless, key: its_key, ..good.clone() }, "no DNS name"),
            (Files { certificate: ended, key: its_old_key, ..good.clone() }, "does not hold now"),
        ] {
            assert!(told(&files).contains(says), "{says}: {}", told(&files));
        }
    }
}
