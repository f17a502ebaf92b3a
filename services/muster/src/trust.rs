//! Whom a process believes, and how it makes itself known: certificates and tokens.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf};

use clap::Args;
use muster_domain::kernel::RealmId;
use muster_runtime::{
    identity::{Identities, Issuer, KeysError, Tokens},
    tls::{Files, Tls, TlsError},
};
use tonic::transport::Uri;

use crate::node::Part;

/// Who is believed, and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Who is believed")]
pub struct TrustArgs {
    /// Believe development tokens of callers on this machine, for trying out
    #[arg(long)]
    accept_development_tokens: bool,
    /// Believe tokens of this OpenID Connect issuer, exactly as they name it: the claims muster_role and muster_id say who calls
    #[arg(long, value_name = "URL", env = "MUSTER_TOKEN_ISSUER", hide_env_values = true)]
    #[arg(requires_all = ["token_audience", "token_keys"])]
    token_issuer: Option<String>,
    /// For whom its tokens must be made; another for each realm
    #[arg(long, value_name = "TEXT", env = "MUSTER_TOKEN_AUDIENCE", hide_env_values = true, requires = "token_issuer")]
    token_audience: Option<String>,
    /// The file of its public keys, as it publishes them (JWKS); read again while the process runs
    #[arg(long, value_name = "FILE", env = "MUSTER_TOKEN_KEYS", hide_env_values = true, requires = "token_issuer")]
    token_keys: Option<PathBuf>,
    /// Believe callers with a certificate of this authority, in PEM, that names muster://REALM/ROLE/ID
    #[arg(long, value_name = "FILE", env = "MUSTER_CLIENT_CA", hide_env_values = true, requires = "tls_certificate")]
    client_ca: Option<PathBuf>,
    /// The process's own certificate, in PEM; needed to listen to other machines
    #[arg(long, value_name = "FILE", env = "MUSTER_TLS_CERTIFICATE", hide_env_values = true, requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", env = "MUSTER_TLS_KEY", hide_env_values = true, requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The authority of the other replicas' certificates, in PEM; theirs have the first DNS name of this one's
    #[arg(long, value_name = "FILE", env = "MUSTER_TLS_CA", hide_env_values = true, requires = "tls_certificate")]
    tls_ca: Option<PathBuf>,
    /// Where other replicas reach this process, if not at --listen
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "MUSTER_ADVERTISE",
        hide_env_values = true,
        requires = "tls_certificate",
        value_parser = advertised
    )]
    advertise: Option<String>,
}

/// Reads the address by which others reach a process.
fn advertised(text: &str) -> Result<String, String> {
    let uri = format!("https://{text}").parse::<Uri>().ok();
    let authority = uri.as_ref().filter(|uri| ["", "/"].contains(&uri.path())).and_then(Uri::authority);
    let whole = authority.is_some_and(|authority| {
        !authority.host().is_empty() && authority.port().is_some() && authority.as_str() == text
    });
    if whole { Ok(text.to_owned()) } else { Err(format!("'{text}' is no HOST:PORT, e.g. muster-1.example:7400")) }
}

/// Whom a process believes, and how it makes itself known.
#[derive(Clone)]
pub struct Trust {
    /// How callers prove who they are.
    pub identities: Identities,
    /// The process's certificates; without, it answers in the clear.
    pub tls: Option<Tls>,
    /// Where other replicas reach it, if not where it listens: `HOST:PORT`.
    pub advertise: Option<String>,
}

/// Why a process cannot know who calls.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Nobody can say who calls.
    #[error(
        "no way is given to know who calls: name --token-issuer or --client-ca; on one machine, to try out, \
         --accept-development-tokens"
    )]
    NoIdentities,
    /// Two kinds of proof.
    #[error(
        "development tokens prove nothing: leave out --accept-development-tokens, or --token-issuer and --client-ca"
    )]
    Both,
    /// Development tokens would be believed from elsewhere.
    #[error("{0} can be reached from other machines, and development tokens prove nothing: listen on 127.0.0.1")]
    NotLoopback(SocketAddr),
    /// Whoever listens on the line could read along.
    #[error(
        "{0} can be reached from other machines, and what is said there would not be encrypted: give --tls-certificate and \
         --tls-key, or listen on 127.0.0.1"
    )]
    InTheClear(SocketAddr),
    /// Replicas cannot know one another.
    #[error("replicas of dispatch ask one another: say with --tls-ca who signs their certificates")]
    NoAuthority,
    /// Replicas cannot reach this one.
    #[error(
        "replicas of dispatch ask one another, and nobody can ask {0}: say with --advertise HOST:PORT where they reach it"
    )]
    NoAddress(SocketAddr),
    /// The certificates cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The issuer's keys cannot be had.
    #[error("{0}")]
    Keys(#[from] KeysError),
}

impl Trust {
    /// Callers of the same machine are believed.
    pub fn development() -> Self {
        Self { identities: Identities::development(), tls: None, advertise: None }
    }
}

impl TrustArgs {
    /// What they come to for a process that runs `parts` of `realm` and listens there.
    pub fn read(self, realm: &RealmId, parts: &BTreeSet<Part>, listen: SocketAddr) -> Result<Trust, TrustError> {
        let tls = self.tls()?;
        let is_local = listen.ip().is_loopback();
        if !is_local && self.accept_development_tokens {
            return Err(TrustError::NotLoopback(listen));
        }
        if !is_local && tls.is_none() {
            return Err(TrustError::InTheClear(listen));
        }
        if parts.contains(&Part::Dispatch) {
            if tls.is_some() && self.tls_ca.is_none() {
                return Err(TrustError::NoAuthority);
            }
            if listen.ip().is_unspecified() && self.advertise.is_none() {
                return Err(TrustError::NoAddress(listen));
            }
        }
        let mut identities = match (self.accept_development_tokens, self.token_issuer) {
            (true, issuer) if issuer.is_some() || self.client_ca.is_some() => return Err(TrustError::Both),
            (true, _) => Identities::development(),
            (false, None) => Identities::default(),
            (false, Some(issuer)) => {
                let (audience, keys) = (self.token_audience.unwrap_or_default(), self.token_keys.unwrap_or_default());
                Identities::default().or_tokens(Tokens::of(Issuer { issuer, audience, keys })?)
            }
        };
        if self.client_ca.is_some() {
            identities = identities.or_certificates(realm.clone());
        }
        if identities.is_empty() {
            return Err(TrustError::NoIdentities);
        }
        Ok(Trust { identities, tls, advertise: self.advertise })
    }

    fn tls(&self) -> Result<Option<Tls>, TlsError> {
        let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) else { return Ok(None) };
        let (certificate, key) = (certificate.clone(), key.clone());
        let files = Files { certificate, key, authority: self.tls_ca.clone(), callers: self.client_ca.clone() };
        Tls::read(&files).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_others_has_a_host_and_a_port() {
        for good in ["muster-1.example:7400", "10.0.0.1:7400", "[2001:db8::7]:7400"] {
            assert_eq!(advertised(good).as_deref(), Ok(good));
        }
        for bad in
            ["", "muster-1", "muster-1:", ":7400", "muster-1:port", "https://muster-1:7400", "muster-1:7400/", "a b:1"]
        {
            assert!(advertised(bad).is_err(), "{bad}");
        }
    }
}
