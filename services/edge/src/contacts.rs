//! Whom to call about a request: kept in the vault under the reference that the log holds, never in the log.

use muster_api::r#type::v1::Contact;
use muster_domain::{
    kernel::{Refusal, RefusalKind, SubjectRef},
    parties::Party,
};
use muster_journal::vault::VaultError;
use muster_runtime::access::{Access, Action, may};
use prost::Message;
use tonic::Status;

use crate::{Caller, Edge, edge::refused};

impl Edge {
    /// Keeps a contact, instead of the one before. A new one comes before the append that names `subject`: an event that names
    /// none would send people calling nobody.
    pub async fn keep_contact(&self, subject: &SubjectRef, contact: &Contact) -> Result<(), Status> {
        self.vault.put(subject, &contact.encode_to_vec()).await.map_err(|error| refused(no_vault(&error)))
    }

    /// The contact; `None` if there is none or it was erased.
    pub async fn contact(&self, subject: &SubjectRef) -> Result<Option<Contact>, Status> {
        let kept = self.vault.get(subject).await.map_err(|error| refused(no_vault(&error)))?;
        let read = |bytes: Vec<u8>| {
            Contact::decode(bytes.as_slice()).map_err(|_| refused(no_vault(&VaultError::Sealed(subject.clone()))))
        };
        kept.map(read).transpose()
    }
}

/// Whether the caller may know whom to call about a case: its parties, and who answers requests.
pub fn may_know_contact(caller: &Caller, party: &Party) -> bool {
    may(&caller.actor, Action::GetRequest, party) == Access::Allowed && caller.actor.role.meets_people()
}

fn no_vault(error: &VaultError) -> Refusal {
    let (reason, kind, way_out) = match error {
        VaultError::Unavailable(_) => {
            ("VAULT_UNAVAILABLE", RefusalKind::Unavailable, "wait a moment and send the same request again")
        }
        VaultError::Sealed(_) => {
            ("VAULT_SEALED", RefusalKind::Broken, "call whoever runs Muster; `muster doctor` says what to do")
        }
        VaultError::TooLarge { .. } => {
            ("CONTACT_TOO_LARGE", RefusalKind::Invalid, "shorten the narrative; a document stays outside Muster")
        }
    };
    let rule = "house rule: what identifies people stays outside the log";
    Refusal { reason, kind, rule, says: error.to_string(), way_out, fields: Vec::new() }
}
