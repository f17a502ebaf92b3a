//! Who calls. A caller proves who it is; what it may then do is `access`'s to say.

use std::{net::SocketAddr, sync::Arc};

use muster_domain::kernel::{Actor, PrincipalId, Role};
use tonic::{Extensions, Request, Status, metadata::MetadataMap, transport::server::TcpConnectInfo};

use crate::status;

/// One way to prove who calls: a token, a certificate.
pub trait Proof: Send + Sync + 'static {
    /// Who sent a call with this metadata, over the connection that `extensions` tells of.
    fn of(&self, metadata: &MetadataMap, extensions: &Extensions) -> Result<Actor, Status>;
}

/// The way in which callers of this process prove who they are.
#[derive(Clone)]
pub struct Identities(Arc<dyn Proof>);

impl Identities {
    /// Callers prove themselves in this way.
    pub fn by(proof: impl Proof) -> Self {
        Self(Arc::new(proof))
    }

    /// Callers of the same machine are believed: `Bearer dev:<role>:<id>`. For development and demonstrations only.
    pub fn development() -> Self {
        Self::by(Believed)
    }

    /// Who sent this call.
    pub fn authenticate<T>(&self, request: &Request<T>) -> Result<Actor, Status> {
        self.0.of(request.metadata(), request.extensions())
    }
}

/// Whatever a caller of the same machine says is believed.
struct Believed;

impl Proof for Believed {
    fn of(&self, metadata: &MetadataMap, extensions: &Extensions) -> Result<Actor, Status> {
        let peer = extensions.get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
        if !peer.is_some_and(|peer: SocketAddr| peer.ip().to_canonical().is_loopback()) {
            return Err(status::unauthenticated(
                "development tokens are believed only from the same machine",
                "call from the machine that muster runs on, or start muster with certificates",
            ));
        }
        let token = metadata
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(|| {
                status::unauthenticated(
                    "the call does not say who calls",
                    "send the metadata 'authorization: Bearer dev:<role>:<id>'",
                )
            })?;
        development_token(token).ok_or_else(|| {
            status::unauthenticated(
                "the token is not a development token",
                "write dev:<role>:<id>: a role such as hospital or officer, an id of a-z, 0-9 and '-'",
            )
        })
    }
}

/// Reads `dev:<role>:<id>`. Muster's own role is nobody's to claim.
fn development_token(token: &str) -> Option<Actor> {
    let (role, id) = token.strip_prefix("dev:")?.split_once(':')?;
    let role = Role::parse(role).ok().filter(|role| *role != Role::System)?;
    Some(Actor { role, principal: PrincipalId::parse(id).ok()? })
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::status::explain;

    fn call(authorization: Option<&str>, peer: Option<&str>) -> Request<()> {
        let mut request = Request::new(());
        if let Some(value) = authorization {
            request.metadata_mut().insert("authorization", value.parse().unwrap());
        }
        if let Some(peer) = peer {
            let remote_addr = Some(peer.parse().unwrap());
            request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr });
        }
        request
    }

    #[test]
    fn a_caller_of_the_same_machine_is_whom_it_says() {
        for peer in ["127.0.0.1:4000", "[::1]:4000", "[::ffff:127.0.0.1]:4000"] {
            for role in Role::ALL.iter().copied().filter(|role| *role != Role::System) {
                let request = call(Some(&format!("Bearer dev:{role}:chu-rouen")), Some(peer));
                let actor = Identities::development().authenticate(&request).unwrap();
                assert_eq!(actor, Actor { role, principal: PrincipalId::parse("chu-rouen").unwrap() });
            }
        }
    }

    #[test]
    fn everybody_else_is_turned_away_with_a_way_out() {
        let here = Some("127.0.0.1:4000");
        let good = Some("Bearer dev:hospital:chu-rouen");
        for (authorization, peer) in [
            (good, None),
            (good, Some("192.0.2.7:4000")),
            (good, Some("[2001:db8::7]:4000")),
            (None, here),
            (Some("dev:hospital:chu-rouen"), here),
            (Some("Basic dev:hospital:chu-rouen"), here),
            (Some("Bearer hospital:chu-rouen"), here),
            (Some("Bearer dev:hospital"), here),
            (Some("Bearer dev:hospital:"), here),
            (Some("Bearer dev:hospital:CHU"), here),
            (Some("Bearer dev:minister:chu-rouen"), here),
            (Some("Bearer dev:system:muster"), here),
        ] {
            let status = Identities::development().authenticate(&call(authorization, peer)).unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{authorization:?} {peer:?}");
            assert!(!explain(&status).way_out.is_empty());
        }
    }
}
