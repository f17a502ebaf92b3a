//! Where ids come from: the only place that asks for randomness.

use muster_domain::kernel::{Actor, RealmId};
use sha2::{Digest, Sha256};
use uuid::{Uuid, uuid};

use crate::status::FieldViolation;

/// The namespace of Muster's derived ids. It never changes: a command's id must be the same for ever.
const NAMESPACE: Uuid = uuid!("6f0c3a1e-2c5b-5d0e-9d3b-7e5f1a4c8b26");

/// A new id; later ones sort after earlier ones.
#[expect(clippy::disallowed_methods, reason = "this is where ids come from")]
pub fn new() -> Uuid {
    Uuid::now_v7()
}

/// Reads a call's request id; empty, a new one is made, and the caller cannot repeat the call.
pub fn request_id(text: &str) -> Result<Uuid, FieldViolation> {
    if text.is_empty() {
        return Ok(new());
    }
    Uuid::try_parse(text).map_err(|_| FieldViolation {
        field: "request_id".to_owned(),
        rule: "one request id, one command",
        says: format!("'{text}' is not a UUID"),
    })
}

/// The id of a command, and of what it creates: the same caller with the same request id always gets the same.
pub fn command(realm: &RealmId, who: &Actor, request_id: Uuid) -> Uuid {
    // No part may hold a '/', so that no two different triples are the same text.
    let name = format!("{realm}/{}/{}/{request_id}", who.role, who.principal);
    derived(NAMESPACE, &name)
}

/// An id that follows from another one: what an event causes has the same id however often it is caused.
pub fn derived(from: Uuid, name: &str) -> Uuid {
    Uuid::new_v5(&from, name.as_bytes())
}

/// SHA-256 of a command as sent: the same request id with another fingerprint is another command.
pub fn fingerprint(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use muster_domain::kernel::{PrincipalId, Role};

    use super::*;

    fn actor(role: Role, id: &str) -> Actor {
        Actor { role, principal: PrincipalId::parse(id).unwrap() }
    }

    #[test]
    fn a_repeat_meets_the_same_id_and_nobody_else_does() {
        let live = RealmId::parse("live").unwrap();
        let exercise = RealmId::parse("blue-1").unwrap();
        let rouen = actor(Role::Hospital, "chu-rouen");
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let id = command(&live, &rouen, one);
        assert_eq!(id, command(&live, &rouen, one));
        // Ids that stand in the log must never change.
        assert_eq!(id.to_string(), "9486f9e5-7143-54de-b163-2675f5a939ef");
        for other in [
            command(&live, &rouen, two),
            command(&exercise, &rouen, one),
            command(&live, &actor(Role::Hospital, "chu-lille"), one),
            command(&live, &actor(Role::Officer, "chu-rouen"), one),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn a_request_id_is_a_uuid_or_is_made() {
        let id = "6f9619ff-8b86-4011-b42d-00cf4fc964ff";
        assert_eq!(request_id(id).unwrap().to_string(), id);
        assert_ne!(request_id("").unwrap(), request_id("").unwrap());
        assert_eq!(request_id("first try").unwrap_err().says, "'first try' is not a UUID");
    }

    #[test]
    fn new_ids_differ_and_sort_in_order() {
        let ids: Vec<_> = (0..1_000).map(|_| new()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_fingerprint_is_sha_256() {
        let hex: String = fingerprint(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
