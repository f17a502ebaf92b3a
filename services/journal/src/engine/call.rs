//! What goes with a caller's command, and where it was done, on the wire.

use muster_api::r#type::v1 as wire;
use muster_domain::kernel::{Actor, RealmId, Received, Refusal, RefusalKind, RequestId, Timestamp};
use prost::Message;
use sha2::{Digest, Sha256};
use uuid::{Uuid, uuid};

use super::{Meta, Undone, follower::Behind};
use crate::stored::Position;

/// The namespace of commands' ids. It never changes: a command's id must be the same for ever.
const COMMANDS: Uuid = uuid!("6f0c3a1e-2c5b-5d0e-9d3b-7e5f1a4c8b26");

impl Meta {
    /// Of a call: the same caller with the same `request_id` gives the same command. An empty one is replaced by `fresh`, and
    /// the command cannot be repeated.
    pub fn of_call(
        realm: &RealmId,
        by: Actor,
        at: Timestamp,
        request_id: &str,
        message: &impl Message,
        fresh: Uuid,
    ) -> Result<Self, Refusal> {
        let id = if request_id.is_empty() { fresh } else { read_uuid(request_id)? };
        // No part may hold a '/', so that no two different triples are the same text.
        let name = format!("{realm}/{}/{}/{id}", by.role, by.principal);
        let command = Uuid::new_v5(&COMMANDS, name.as_bytes());
        let fingerprint = Sha256::digest(message.encode_to_vec()).into();
        let received = Received { at, by };
        Ok(Self { command, fingerprint, received, causation: None, correlation: command, trace: None })
    }

    /// Of something on an agenda.
    pub fn of_item<O>(item: &super::agenda::Item<O>, by: Actor, at: Timestamp) -> Self {
        let (command, causation, correlation) = (item.command, Some(item.causation), item.correlation);
        let received = Received { at, by };
        Self { command, fingerprint: [0; 32], received, causation, correlation, trace: item.trace }
    }

    /// The id of what the command creates.
    pub fn created(&self) -> RequestId {
        RequestId::parse(&self.command.to_string()).unwrap_or_default()
    }
}

fn read_uuid(text: &str) -> Result<Uuid, Refusal> {
    Uuid::parse_str(text).map_err(|_| Refusal {
        reason: "REQUEST_ID_INVALID",
        kind: RefusalKind::Invalid,
        rule: "house rule: one id for one command",
        says: format!("request_id: '{text}' is not a UUID"),
        way_out: "make up a UUID for this command and send the same one if you send it again; or leave it empty",
        fields: Vec::new(),
    })
}

impl From<Position> for wire::Position {
    fn from(Position { sequence, index }: Position) -> Self {
        Self { sequence, index }
    }
}

impl From<wire::Position> for Position {
    fn from(wire::Position { sequence, index }: wire::Position) -> Self {
        Self { sequence, index }
    }
}

impl From<Undone> for Refusal {
    fn from(undone: Undone) -> Self {
        let says = undone.to_string();
        let (reason, kind, rule, way_out) = match undone {
            Undone::Refused(refusal) => return refusal,
            Undone::Reused(_) => (
                "REQUEST_ID_REUSED",
                RefusalKind::AlreadyExists,
                "house rule: one id for one command",
                "for the same command send exactly the same again; for a new one make up a new UUID",
            ),
            Undone::Unsure => (
                "OUTCOME_UNKNOWN",
                RefusalKind::Unavailable,
                "invariant L1: what was acknowledged is in the log",
                "send the same request again, with the same request_id",
            ),
            Undone::Unavailable(_) => (
                "JOURNAL_UNAVAILABLE",
                RefusalKind::Unavailable,
                "invariant L1: nothing is done that is not in the log",
                "wait a moment and send the same request again",
            ),
            Undone::TooLarge { .. } => (
                "TOO_LARGE",
                RefusalKind::Invalid,
                "house rule: bounded messages",
                "send less text; point to documents",
            ),
            Undone::Broken(broken) if broken.is_newer() => (
                "LOG_NEWER",
                RefusalKind::Unavailable,
                "invariant L7: what is not understood is not guessed",
                "ask another replica; whoever runs Muster upgrades this one",
            ),
            Undone::Broken(_) => (
                "LOG_BROKEN",
                RefusalKind::Broken,
                "invariant L3: nothing is decided beyond a fault in the log",
                "call whoever runs Muster; `muster doctor` says what to do",
            ),
        };
        Self { reason, kind, rule, says, way_out, fields: Vec::new() }
    }
}

impl From<Behind> for Refusal {
    fn from(behind: Behind) -> Self {
        if let Some(broken) = behind.broken {
            return Undone::from(broken).into();
        }
        Self {
            reason: "BEHIND",
            kind: RefusalKind::Unavailable,
            rule: "invariant L2: a read shows what it was asked to show",
            says: behind.to_string(),
            way_out: "try again in a moment, or with a longer deadline",
            fields: Vec::new(),
        }
    }
}
