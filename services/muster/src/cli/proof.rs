//! How a command proves who acts: what it sends, and over which connection.

use std::{fs, path::Path};

use muster_domain::kernel::Actor;
use muster_runtime::identity::{named_by_certificate, named_by_token};
use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity},
};

use super::{Globals, failure::Failure};

/// What was given to prove it.
#[derive(Clone)]
pub struct Proof {
    kind: Kind,
    /// The authority of Muster's certificate, if not one that this machine believes.
    authority: Option<Vec<u8>>,
}

#[derive(Clone)]
enum Kind {
    /// Callers of the same machine are believed.
    Development,
    Token(String),
    Certificate {
        pem: Vec<u8>,
        key: Vec<u8>,
    },
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let says = |why| format!("{option} {} cannot be read: {why}", path.display());
    fs::read(path).map_err(|why| Failure::usage(says(why), format!("name a file that you may read: {option} FILE")))
}

impl Proof {
    /// Reads the files that the command names.
    pub fn read(globals: &Globals) -> Result<Self, Failure> {
        let authority = globals.ca.as_deref().map(|path| read("--ca", path)).transpose()?;
        let kind = match (&globals.token, &globals.certificate, &globals.private_key) {
            (Some(path), _, _) => {
                let token = String::from_utf8(read("--token", path)?).unwrap_or_default().trim().to_owned();
                if named_by_token(&token).is_none() {
                    let says = format!("{} has no token that says who acts", path.display());
                    return Err(Failure::usage(
                        says,
                        "get one with the claims muster_role and muster_id from the issuer",
                    ));
                }
                Kind::Token(token)
            }
            (None, Some(certificate), Some(key)) => {
                let (pem, key) = (read("--certificate", certificate)?, read("--private-key", key)?);
                if named_by_certificate(&pem).is_none() {
                    let says = format!("{} has no certificate that says who acts", certificate.display());
                    return Err(Failure::usage(says, "get one that names muster://REALM/ROLE/ID"));
                }
                Kind::Certificate { pem, key }
            }
            (None, _, _) => Kind::Development,
        };
        Ok(Self { kind, authority })
    }

    /// Whom it names, if it does.
    pub fn names(&self) -> Option<Actor> {
        match &self.kind {
            Kind::Development => None,
            Kind::Token(token) => named_by_token(token),
            Kind::Certificate { pem, .. } => named_by_certificate(pem),
        }
    }

    /// What a call of `caller` bears.
    pub fn metadata(&self, caller: &Actor) -> Result<Option<MetadataValue<Ascii>>, Failure> {
        let token = match &self.kind {
            Kind::Development => format!("dev:{}:{}", caller.role, caller.principal),
            Kind::Token(token) => token.clone(),
            Kind::Certificate { .. } => return Ok(None),
        };
        let value = format!("Bearer {token}").parse();
        value.map(Some).map_err(|_| Failure::Fault("a token that is not ASCII".to_owned()))
    }

    /// The same way, encrypted if the address says so.
    pub fn over(&self, endpoint: Endpoint, address: &str) -> Result<Endpoint, Failure> {
        if !address.starts_with("https://") {
            let way_out = "write --address https://HOST:PORT, or leave out --token, --certificate and --ca";
            let is_for_tls = self.authority.is_some() || !matches!(self.kind, Kind::Development);
            let says = || format!("{address} is not encrypted: whoever listens could act in your name");
            return if is_for_tls { Err(Failure::usage(says(), way_out)) } else { Ok(endpoint) };
        }
        let mut tls = match &self.authority {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Kind::Certificate { pem, key } = &self.kind {
            tls = tls.identity(Identity::from_pem(pem, key));
        }
        endpoint.tls_config(tls).map_err(|error| {
            let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Failure::usage(
                format!("the certificates cannot be used: {why}"),
                "see that the files belong together, in PEM",
            )
        })
    }
}
