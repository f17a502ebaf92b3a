//! Certificates that say who calls: mutual TLS, with a URI of Muster's among the alternative names (RFC 5280, 4.2.1.6).

use std::fmt::Display;

use muster_domain::kernel::{Actor, RealmId};
use tonic::{
    Extensions, Status,
    metadata::MetadataMap,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};
use x509_parser::{
    certificate::X509Certificate, error::X509Error, extensions::GeneralName, parse_x509_certificate,
    pem::parse_x509_pem,
};

use super::{Proof, actor, roles};
use crate::status;

/// What the URI begins with; the realm, the role and the id follow, each after a slash.
const SCHEME: &str = "muster://";

/// Who has a certificate for this realm is who it says: `muster://<realm>/<role>/<id>`. One that was made for an exercise opens
/// nothing that is live.
pub(super) struct Certificates {
    pub(super) realm: RealmId,
}

impl Proof for Certificates {
    fn of(&self, _: &MetadataMap, extensions: &Extensions) -> Result<Option<Actor>, Status> {
        let certificates = extensions.get::<TlsConnectInfo<TcpConnectInfo>>().and_then(TlsConnectInfo::peer_certs);
        match certificates.as_ref().and_then(|certificates| certificates.first()) {
            Some(certificate) => self.named(certificate),
            None => Ok(None),
        }
    }

    fn way_out(&self) -> &'static str {
        "call with a certificate that names muster://<realm>/<role>/<id>"
    }
}

impl Certificates {
    /// Whom a certificate names; `None` if it was made for something else.
    fn named(&self, certificate: &[u8]) -> Result<Option<Actor>, Status> {
        let way_out = format!(
            "get a certificate with one name {SCHEME}{}/<role>/<id>: the role is one of {}; the id is of a-z, 0-9 and '-'",
            self.realm,
            roles()
        );
        let no = |says: String| status::unauthenticated(says, &way_out);
        let unreadable = |why: &dyn Display| no(format!("the certificate cannot be read: {why}"));
        let (_, certificate) = parse_x509_certificate(certificate).map_err(|why| unreadable(&why))?;
        // It was checked when the connection was made, which may be long ago.
        if !certificate.validity().is_valid() {
            return Err(no(format!(
                "the certificate does not hold now; it ends on {}",
                certificate.validity().not_after
            )));
        }
        match &names(&certificate).map_err(|why| unreadable(&why))?[..] {
            [] => Ok(None),
            [name] => match parsed(name) {
                Some((realm, _)) if realm != self.realm.as_str() => {
                    Err(no(format!("the certificate's {SCHEME}{name} is not for realm {}", self.realm)))
                }
                Some((_, Some(actor))) => Ok(Some(actor)),
                _ => Err(no(format!("the certificate's {SCHEME}{name} names no caller"))),
            },
            _ => Err(no("the certificate names several callers".to_owned())),
        }
    }
}

/// Whom a certificate in PEM names; whether it holds is the server's to see.
pub(super) fn named(pem: &[u8]) -> Option<Actor> {
    let (_, pem) = parse_x509_pem(pem).ok()?;
    let (_, certificate) = parse_x509_certificate(&pem.contents).ok()?;
    names(&certificate).ok()?.first().and_then(|name| parsed(name)?.1)
}

/// What follows the scheme in each of the certificate's names that has it.
fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, X509Error> {
    let names = certificate.subject_alternative_name()?;
    let names = names.iter().flat_map(|names| &names.value.general_names);
    let uris = names.filter_map(|name| if let GeneralName::URI(uri) = name { uri.strip_prefix(SCHEME) } else { None });
    Ok(uris.map(str::to_owned).collect())
}

/// The realm of a name, and who is meant.
fn parsed(name: &str) -> Option<(&str, Option<Actor>)> {
    let (realm, caller) = name.split_once('/')?;
    Some((realm, caller.split_once('/').and_then(|(role, id)| actor(role, id))))
}
