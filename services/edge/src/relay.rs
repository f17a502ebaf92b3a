//! What replicas relay to one another: a caller's call, with who gave it and when it came. Whoever holds the desk makes up a
//! secret and puts it beside its address in the lease, where only replicas can read it; a call that bears it is believed.

use muster_domain::kernel::{Actor, PrincipalId, Role, Timestamp};
use muster_runtime::ids;
use tonic::{
    metadata::{Ascii, MetadataMap, MetadataValue},
    transport::{self, ClientTlsConfig, Endpoint},
};

use crate::Caller;

const SECRET: &str = "muster-relay";
const ROLE: &str = "muster-role";
const PRINCIPAL: &str = "muster-principal";
const RECEIVED_AT: &str = "muster-received-at";

/// This process's secret, and how it asks others.
#[derive(Clone)]
pub struct Relay {
    secret: String,
    tls: Option<ClientTlsConfig>,
}

impl Default for Relay {
    /// A new secret: two random ids, 148 random bits.
    fn default() -> Self {
        Self { secret: format!("{}{}", ids::new().simple(), ids::new().simple()), tls: None }
    }
}

impl Relay {
    /// Asks others only over TLS.
    pub fn over(self, tls: ClientTlsConfig) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// The way to the replica at this address, or why there is none.
    pub fn endpoint(&self, address: &str) -> Result<Endpoint, String> {
        let said = |error: transport::Error| error.to_string();
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(said)?;
        match &self.tls {
            // The secret goes with the call.
            Some(_) if !address.starts_with("https://") => Err("it is not encrypted".to_owned()),
            Some(tls) => endpoint.tls_config(tls.clone()).map_err(said),
            None => Ok(endpoint),
        }
    }

    /// The secret, for the lease.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Who gave a relayed call and when it came; `None` if it is a caller's own.
    pub(crate) fn read(&self, metadata: &MetadataMap) -> Option<(Actor, Timestamp)> {
        let text = |key| metadata.get(key).and_then(|value| value.to_str().ok());
        if text(SECRET)? != self.secret {
            return None;
        }
        let role = Role::parse(text(ROLE)?).ok().filter(|role| *role != Role::System)?;
        let principal = PrincipalId::parse(text(PRINCIPAL)?).ok()?;
        let at = Timestamp::from_millis(text(RECEIVED_AT)?.parse().ok()?);
        Some((Actor { role, principal }, at))
    }
}

/// Whether a call says that another process relayed it; it need not be believed.
pub fn is_marked(metadata: &MetadataMap) -> bool {
    metadata.contains_key(SECRET)
}

/// Marks a call that is relayed to whoever made up `secret`.
pub fn mark(metadata: &mut MetadataMap, secret: &str, caller: &Caller) {
    let Caller { actor: Actor { role, principal }, at, patience: _ } = caller;
    let at = at.millis().to_string();
    for (key, value) in
        [(SECRET, secret), (ROLE, role.as_str()), (PRINCIPAL, principal.as_str()), (RECEIVED_AT, at.as_str())]
    {
        if let Ok(value) = value.parse::<MetadataValue<Ascii>>() {
            metadata.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn whoever_asks_over_tls_asks_nobody_in_the_clear() {
        let relay = Relay::default().over(ClientTlsConfig::new());
        assert!(relay.endpoint("http://127.0.0.1:7400").is_err());
        assert!(relay.endpoint("https://127.0.0.1:7400").is_ok());
    }

    #[test]
    fn a_relayed_call_is_believed_only_with_the_secret() {
        let (relay, other) = (Relay::default(), Relay::default());
        let actor = Actor { role: Role::Provider, principal: PrincipalId::parse("s01").unwrap() };
        let at = Timestamp::from_millis(1_795_000_000_123);
        let mut metadata = MetadataMap::new();
        assert_eq!((relay.read(&metadata), is_marked(&metadata)), (None, false));
        mark(&mut metadata, relay.secret(), &Caller { actor: actor.clone(), at, patience: Duration::ZERO });
        assert_eq!(relay.read(&metadata), Some((actor, at)));
        assert_eq!((other.read(&metadata), is_marked(&metadata)), (None, true));
        metadata.insert(ROLE, "system".parse().unwrap());
        assert_eq!(relay.read(&metadata), None, "nobody acts in Muster's name");
    }
}
