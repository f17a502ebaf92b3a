//! The erasable store: what identifies people, kept outside the log so that it can be forgotten.
//!
//! ```text
//! the log            the vault                                                      a file elsewhere
//! SubjectRef ──────▶ subject's key under the master key ‖ fields under that key     master key
//! ```
//!
//! Every put makes a new key for its subject. Both ciphertexts are bound to the realm and the subject, so that neither can be
//! read as another's. Erasing removes both at once; should a disk still hold remnants of them, or a backup a copy, they are
//! unreadable to whoever lacks the master key, and to everybody once that has been replaced.

pub(crate) mod cabinet;
mod key;

use crate::crash::{self, Boundary};
use async_trait::async_trait;
pub use cabinet::{Cabinet, InMemory, OnDisk, OnJetStream};
use chacha20poly1305::{
    AeadCore, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, OsRng, Payload},
};
pub use key::{KeyError, MasterKey};
use muster_domain::kernel::{RealmId, SubjectRef};

/// The most that may be kept for one subject, in bytes: a person's contact details and what they told in their words.
pub const PLAINTEXT_BYTES_MAX: usize = 64 * 1024;

/// The form of what the vault keeps, its first byte.
const FORM: u8 = 1;

/// A subject's key: 32 bytes.
const KEY_BYTES: usize = 32;

/// A nonce of 24 bytes goes before what it seals, a tag of 16 behind.
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const WRAPPED_KEY_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// Why the vault did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// It cannot be reached; after a put or an erasure, it is not known whether it happened. Both may be repeated.
    #[error("the vault cannot be reached: {0}")]
    Unavailable(String),
    /// What it holds for the subject cannot be read.
    #[error("what the vault holds for '{0}' cannot be read: it is damaged, or was sealed under another master key")]
    Sealed(SubjectRef),
    /// Too much for one subject.
    #[error("{bytes} bytes are more than the {PLAINTEXT_BYTES_MAX} that the vault keeps for one subject")]
    TooLarge {
        /// The size of what was to be kept.
        bytes: usize,
    },
}

/// What is known of people, by subject.
#[async_trait]
pub trait Vault: Send + Sync + 'static {
    /// Keeps `plaintext` for the subject, instead of what was kept before. It is on disk when this returns.
    async fn put(&self, subject: &SubjectRef, plaintext: &[u8]) -> Result<(), VaultError>;

    /// What is kept for the subject; `None` if nothing ever was or it has been erased.
    async fn get(&self, subject: &SubjectRef) -> Result<Option<Vec<u8>>, VaultError>;

    /// Forgets the subject. Nothing happens if nothing is kept.
    async fn erase(&self, subject: &SubjectRef) -> Result<(), VaultError>;

    /// Everybody for whom something is kept, so that those whom no event names can be erased.
    async fn subjects(&self) -> Result<Vec<SubjectRef>, VaultError>;
}

/// A vault of one realm over any cabinet: the one place where anything is sealed or opened.
pub struct SealedVault<C> {
    realm: RealmId,
    master: MasterKey,
    cabinet: C,
}

impl<C: Cabinet> SealedVault<C> {
    /// A vault whose contents lie in `cabinet`, which never sees a plaintext or a bare key.
    pub fn new(realm: &RealmId, master: MasterKey, cabinet: C) -> Self {
        Self { realm: realm.clone(), master, cabinet }
    }

    /// What a ciphertext is bound to: whose it is, and what it is.
    fn bound_to(&self, subject: &SubjectRef, what: &str) -> Vec<u8> {
        format!("muster vault {FORM}/{}/{subject}/{what}", self.realm).into_bytes()
    }

    fn seal(&self, subject: &SubjectRef, plaintext: &[u8]) -> Option<Vec<u8>> {
        let key = XChaCha20Poly1305::generate_key(&mut OsRng);
        let wrapped = encrypt(self.master.cipher(), &key, &self.bound_to(subject, "key"))?;
        let fields = encrypt(&XChaCha20Poly1305::new(&key), plaintext, &self.bound_to(subject, "fields"))?;
        Some([&[FORM][..], &wrapped, &fields].concat())
    }

    fn open(&self, subject: &SubjectRef, sealed: &[u8]) -> Option<Vec<u8>> {
        let (wrapped, fields) = sealed.strip_prefix(&[FORM])?.split_at_checked(WRAPPED_KEY_BYTES)?;
        let key = decrypt(self.master.cipher(), wrapped, &self.bound_to(subject, "key"))?;
        let cipher = XChaCha20Poly1305::new_from_slice(&key).ok()?;
        decrypt(&cipher, fields, &self.bound_to(subject, "fields"))
    }
}

#[async_trait]
impl<C: Cabinet> Vault for SealedVault<C> {
    async fn put(&self, subject: &SubjectRef, plaintext: &[u8]) -> Result<(), VaultError> {
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(VaultError::TooLarge { bytes: plaintext.len() });
        }
        let sealed = self.seal(subject, plaintext).ok_or_else(|| VaultError::Sealed(subject.clone()))?;
        crash::at(Boundary::VaultBegun);
        self.cabinet.put(subject, sealed).await.map_err(VaultError::Unavailable)?;
        crash::at(Boundary::VaultDone);
        Ok(())
    }

    async fn get(&self, subject: &SubjectRef) -> Result<Option<Vec<u8>>, VaultError> {
        let Some(sealed) = self.cabinet.get(subject).await.map_err(VaultError::Unavailable)? else { return Ok(None) };
        self.open(subject, &sealed).map(Some).ok_or_else(|| VaultError::Sealed(subject.clone()))
    }

    async fn erase(&self, subject: &SubjectRef) -> Result<(), VaultError> {
        self.cabinet.remove(subject).await.map_err(VaultError::Unavailable)
    }

    async fn subjects(&self) -> Result<Vec<SubjectRef>, VaultError> {
        self.cabinet.subjects().await.map_err(VaultError::Unavailable)
    }
}

fn encrypt(cipher: &XChaCha20Poly1305, msg: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
    let sealed = cipher.encrypt(&nonce, Payload { msg, aad }).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

fn decrypt(cipher: &XChaCha20Poly1305, sealed: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
    let (nonce, msg) = sealed.split_at_checked(NONCE_BYTES)?;
    cipher.decrypt(XNonce::from_slice(nonce), Payload { msg, aad }).ok()
}
