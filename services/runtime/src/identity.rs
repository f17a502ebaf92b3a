//! Who calls. A caller proves who it is; what it may then do is `access`'s to say.

mod certificate;
mod token;

use std::{net::SocketAddr, sync::Arc};

use muster_domain::kernel::{Actor, PrincipalId, RealmId, Role};
use tonic::{
    Extensions, Request, Status,
    metadata::MetadataMap,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};

use self::certificate::Certificates;
pub use self::token::{Issuer, KeysError, Tokens};
use crate::status;

/// One way to prove who calls: a token, a certificate.
trait Proof: Send + Sync + 'static {
    /// Who sent a call with this metadata, over the connection that `extensions` tells of; `None` if it bears no such proof.
    fn of(&self, metadata: &MetadataMap, extensions: &Extensions) -> Result<Option<Actor>, Status>;

    /// What a caller does to bear it.
    fn way_out(&self) -> &'static str;
}

/// The ways in which callers of this process prove who they are; all that a call bears must name the same caller.
#[derive(Clone, Default)]
pub struct Identities(Vec<Arc<dyn Proof>>);

impl Identities {
    /// Callers of the same machine are believed: `Bearer dev:<role>:<id>`. For development and demonstrations only.
    pub fn development() -> Self {
        Self::default().or(Believed)
    }

    /// Also by a token of an issuer.
    pub fn or_tokens(self, tokens: Tokens) -> Self {
        self.or(tokens)
    }

    /// Also by a certificate for this realm; the server has checked whose signature it bears.
    pub fn or_certificates(self, realm: RealmId) -> Self {
        self.or(Certificates { realm })
    }

    fn or(mut self, proof: impl Proof) -> Self {
        self.0.push(Arc::new(proof));
        self
    }

    /// Whether nobody can prove anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who sent this call.
    pub fn authenticate<T>(&self, request: &Request<T>) -> Result<Actor, Status> {
        let mut named: Option<Actor> = None;
        for proof in &self.0 {
            let Some(actor) = proof.of(request.metadata(), request.extensions())? else { continue };
            match &named {
                Some(other) if *other != actor => {
                    return Err(status::unauthenticated(
                        format!("the token names {}, and the certificate {}", whom(other), whom(&actor)),
                        "call with a token and a certificate of one caller, or with one of them",
                    ));
                }
                Some(_) | None => named = Some(actor),
            }
        }
        if let Some(actor) = named {
            return Ok(actor);
        }
        let ways: Vec<_> = self.0.iter().map(|proof| proof.way_out()).collect();
        Err(status::unauthenticated("the call does not say who calls", &ways.join("; or ")))
    }
}

/// The token that a call bears, if any (RFC 6750).
fn bearer(metadata: &MetadataMap) -> Result<Option<&str>, Status> {
    let mut values = metadata.get_all("authorization").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(status::unauthenticated("the metadata 'authorization' is there more than once", "send one token"));
    }
    value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).map(Some).ok_or_else(|| {
        status::unauthenticated("the metadata 'authorization' bears no token", "write 'Bearer', a space and the token")
    })
}

/// A role and an id, as a proof gives them. Muster's own role is nobody's to claim.
fn actor(role: &str, id: &str) -> Option<Actor> {
    let role = Role::parse(role).ok().filter(|role| *role != Role::System)?;
    Some(Actor { role, principal: PrincipalId::parse(id).ok()? })
}

fn whom(Actor { role, principal }: &Actor) -> String {
    format!("{role}:{principal}")
}

/// Whom a token names, for whoever bears it: nothing is checked.
pub fn named_by_token(token: &str) -> Option<Actor> {
    token::named(token)
}

/// Whom a certificate in PEM names, for whoever bears it: nothing is checked.
pub fn named_by_certificate(pem: &[u8]) -> Option<Actor> {
    certificate::named(pem)
}

/// The roles that somebody may have, for people.
fn roles() -> String {
    let roles = Role::ALL.iter().filter(|role| **role != Role::System).map(|role| role.as_str());
    roles.collect::<Vec<_>>().join(", ")
}

/// Whatever a caller of the same machine says is believed.
struct Believed;

impl Proof for Believed {
    fn of(&self, metadata: &MetadataMap, extensions: &Extensions) -> Result<Option<Actor>, Status> {
        let Some(token) = bearer(metadata)? else { return Ok(None) };
        let encrypted = extensions.get::<TlsConnectInfo<TcpConnectInfo>>().map(TlsConnectInfo::get_ref);
        let peer = extensions.get::<TcpConnectInfo>().or(encrypted).and_then(TcpConnectInfo::remote_addr);
        if !peer.is_some_and(|peer: SocketAddr| peer.ip().to_canonical().is_loopback()) {
            return Err(status::unauthenticated(
                "development tokens are believed only from the same machine",
                "call from the machine that muster runs on, or start muster with certificates or an issuer of tokens",
            ));
        }
        let actor =
            token.strip_prefix("dev:").and_then(|token| token.split_once(':')).and_then(|(role, id)| actor(role, id));
        actor.map(Some).ok_or_else(|| {
            status::unauthenticated(
                "the token is not a development token",
                &format!("write dev:<role>:<id>: the role is one of {}; the id is of a-z, 0-9 and '-'", roles()),
            )
        })
    }

    fn way_out(&self) -> &'static str {
        "send the metadata 'authorization: Bearer dev:<role>:<id>'"
    }
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

    /// Whatever it is asked about, it names this hospital.
    struct Names(&'static str);

    impl Proof for Names {
        fn of(&self, _: &MetadataMap, _: &Extensions) -> Result<Option<Actor>, Status> {
            Ok(actor("hospital", self.0))
        }

        fn way_out(&self) -> &'static str {
            "name one"
        }
    }

    #[test]
    fn who_proves_to_be_two_is_nobody() {
        let of = |one, other| Identities::default().or(Names(one)).or(Names(other)).authenticate(&call(None, None));
        assert_eq!(of("chu-rouen", "chu-rouen").unwrap().principal.as_str(), "chu-rouen");
        let status = of("chu-rouen", "chu-lyon").unwrap_err();
        assert!(
            status.message().contains("names hospital:chu-rouen, and the certificate hospital:chu-lyon"),
            "{status}"
        );
    }

    #[test]
    fn two_tokens_are_none() {
        let mut twice = call(Some("Bearer dev:hospital:chu-rouen"), Some("127.0.0.1:4000"));
        twice.metadata_mut().append("authorization", "Bearer dev:officer:duty".parse().unwrap());
        let status = Identities::development().authenticate(&twice).unwrap_err();
        assert!(status.code() == Code::Unauthenticated && status.message().contains("more than once"), "{status}");
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
