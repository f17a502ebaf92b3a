//! Tokens that say who calls: those of one OpenID Connect issuer, signed by keys that stand in a file (JWT, RFC 7519; JWKS, RFC 7517).
//! Muster asks nobody over the network who calls: whoever runs it keeps the file as the issuer publishes it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use muster_domain::kernel::Actor;
use serde::Deserialize;
use tokio::time::Instant;
use tonic::{Extensions, Status, metadata::MetadataMap};

use super::{Proof, actor, bearer, roles};
use crate::status;

/// How old the keys may be: a key that was taken back opens nothing for longer.
const READ_EVERY: Duration = Duration::from_secs(10);

/// Keys that cannot be read again hold for so long: somebody may be writing the file.
const HOLD_FOR: Duration = Duration::from_secs(300);

/// A key that nobody knows may have come since; so often it is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// By how many seconds the issuer's clock may differ.
const LEEWAY_S: u64 = 30;

/// Whose tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The issuer (`iss`), exactly as its tokens have it.
    pub issuer: String,
    /// For whom its tokens must be made (`aud`): another for each realm, so that a token for an exercise opens nothing live.
    pub audience: String,
    /// The file of its public keys, a JWK set.
    pub keys: PathBuf,
}

/// Why the keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("the issuer's keys in {} cannot be read: {why}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// It is not a JWK set.
    #[error("{} is not a set of keys as an issuer publishes it (JWKS, RFC 7517): {why}", .path.display())]
    NotKeys {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: serde_json::Error,
    },
    /// It has none that can be used.
    #[error("{} has no public key with which tokens can be checked: RSA, P-256, P-384 or Ed25519", .0.display())]
    None(PathBuf),
    /// Two of them have the same id, and nobody knows which is meant.
    #[error("{} has two keys with the id '{id}': an issuer gives each its own (RFC 7517, 4.5)", .path.display())]
    Twice {
        /// Which file.
        path: PathBuf,
        /// Which id.
        id: String,
    },
}

/// A key, and what it may have signed with.
struct Key {
    key: DecodingKey,
    algorithms: Vec<Algorithm>,
}

/// The keys by their ids; one without an id stands under the empty one.
type Keys = BTreeMap<String, Key>;

/// Callers with a token of this issuer are whom its claims `muster_role` and `muster_id` name.
pub struct Tokens {
    issuer: Issuer,
    known: Mutex<Known>,
}

/// What was read of the keys, when, and when they were looked at last.
struct Known {
    keys: Keys,
    read_at: Instant,
    looked_at: Instant,
}

/// What Muster reads of a token.
#[derive(Deserialize)]
struct Claims {
    muster_role: String,
    muster_id: String,
}

/// A JWK set whose keys are looked at one by one: those of a kind that nobody here knows are passed over, as RFC 7517 says.
#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl Tokens {
    /// Reads the issuer's keys.
    pub fn of(issuer: Issuer) -> Result<Self, KeysError> {
        let (keys, now) = (read(&issuer)?, Instant::now());
        Ok(Self { issuer, known: Mutex::new(Known { keys, read_at: now, looked_at: now }) })
    }

    /// Does something with the key of this id, if there is one.
    fn with_key<T>(&self, id: &str, then: impl FnOnce(&Key) -> T) -> Option<T> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = if known.keys.contains_key(id) { READ_EVERY } else { LOOK_EVERY };
        if known.looked_at.elapsed() >= enough {
            let now = Instant::now();
            known.looked_at = now;
            match read(&self.issuer) {
                Ok(keys) => (known.keys, known.read_at) = (keys, now),
                Err(error) => {
                    tracing::error!("{error}; those read before hold for {HOLD_FOR:?} at most");
                    // An issuer that has taken all its keys back means it.
                    if matches!(error, KeysError::None(_)) || now - known.read_at >= HOLD_FOR {
                        known.keys.clear();
                    }
                }
            }
        }
        known.keys.get(id).map(then)
    }

    fn claims(&self, token: &str) -> Result<Claims, Status> {
        let malformed = || status::unauthenticated("the token cannot be read", "send a signed JWT of the issuer");
        let header = decode_header(token).map_err(|_| malformed())?;
        let id = header.kid.unwrap_or_default();
        let decoded = self.with_key(&id, |Key { key, algorithms }| {
            let mut rules = Validation::new(header.alg);
            rules.algorithms.clone_from(algorithms);
            rules.set_required_spec_claims(&["exp", "iss", "aud"]);
            rules.set_issuer(&[&self.issuer.issuer]);
            rules.set_audience(&[&self.issuer.audience]);
            (rules.validate_nbf, rules.leeway) = (true, LEEWAY_S);
            decode::<Claims>(token, key, &rules)
        });
        let decoded = decoded.ok_or_else(|| {
            status::unauthenticated(
                format!("the token is signed by a key '{id}' that is not among the issuer's"),
                "get a token of the issuer that muster was started with",
            )
        })?;
        decoded.map(|token| token.claims).map_err(|error| self.no(error.kind()))
    }

    fn no(&self, error: &ErrorKind) -> Status {
        let Issuer { issuer, audience, .. } = &self.issuer;
        let told = [
            (ErrorKind::ExpiredSignature, "the token has ended".to_owned(), "get a new one and call again"),
            (ErrorKind::ImmatureSignature, "the token does not hold yet".to_owned(), "call again once it does"),
            (ErrorKind::InvalidIssuer, format!("the token is not of {issuer}"), "get one of that issuer"),
            (ErrorKind::InvalidAudience, format!("the token is not made for {audience}"), "get one for that audience"),
        ];
        let claims = "let the issuer give the claims exp, iss, aud, muster_role and muster_id, each a text but exp";
        let (says, way_out) = match (told.into_iter().find(|(kind, ..)| kind == error), error) {
            (Some((_, says, way_out)), _) => (says, way_out),
            (None, ErrorKind::MissingRequiredClaim(claim)) => (format!("the token has no claim '{claim}'"), claims),
            (None, ErrorKind::Json(why)) => (format!("the token's claims: {why}"), claims),
            (None, _) => ("the token's signature is not the issuer's".to_owned(), "get a token of the issuer"),
        };
        status::unauthenticated(says, way_out)
    }
}

/// Whom a token names; whether it holds is the server's to see.
pub(super) fn named(token: &str) -> Option<Actor> {
    let mut rules = Validation::default();
    rules.insecure_disable_signature_validation();
    (rules.validate_exp, rules.validate_aud) = (false, false);
    rules.required_spec_claims.clear();
    let claims = decode::<Claims>(token, &DecodingKey::from_secret(&[]), &rules).ok()?.claims;
    actor(&claims.muster_role, &claims.muster_id)
}

impl Proof for Tokens {
    fn of(&self, metadata: &MetadataMap, _: &Extensions) -> Result<Option<Actor>, Status> {
        let Some(token) = bearer(metadata)? else { return Ok(None) };
        let Claims { muster_role: role, muster_id: id } = self.claims(token)?;
        actor(&role, &id).map(Some).ok_or_else(|| {
            status::unauthenticated(
                format!("the token's claims muster_role '{role}' and muster_id '{id}' name no caller"),
                &format!("the role is one of {}; the id is of a-z, 0-9 and '-'", roles()),
            )
        })
    }

    fn way_out(&self) -> &'static str {
        "send a token of the issuer in the metadata 'authorization: Bearer <token>'"
    }
}

fn read(Issuer { keys: path, .. }: &Issuer) -> Result<Keys, KeysError> {
    let text = fs::read_to_string(path).map_err(|why| KeysError::Unreadable { path: path.clone(), why })?;
    let set: Set = serde_json::from_str(&text).map_err(|why| KeysError::NotKeys { path: path.clone(), why })?;
    let jwks = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    let mut keys = Keys::new();
    for jwk in jwks {
        let (id, Some(key)) = (jwk.common.key_id.clone().unwrap_or_default(), usable(&jwk)) else { continue };
        if keys.insert(id.clone(), key).is_some() {
            return Err(KeysError::Twice { path: path.clone(), id });
        }
    }
    if keys.is_empty() { Err(KeysError::None(path.clone())) } else { Ok(keys) }
}

/// A public key for signatures. A shared secret is none: whoever can check with it could sign with it.
fn usable(jwk: &Jwk) -> Option<Key> {
    if jwk.common.public_key_use.as_ref().is_some_and(|for_what| *for_what != PublicKeyUse::Signature) {
        return None;
    }
    let algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
        AlgorithmParameters::EllipticCurve(_)
        | AlgorithmParameters::OctetKeyPair(_)
        | AlgorithmParameters::OctetKey(_) => return None,
    };
    Some(Key { key: DecodingKey::from_jwk(jwk).ok()?, algorithms })
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
    use rcgen::{KeyPair, PublicKeyData};
    use serde_json::{Value, json};
    use tempfile::TempDir;
    use tonic::{Code, Request};

    use super::*;
    use crate::{identity::Identities, status::explain};

    /// An issuer that signs with P-256.
    struct Signs {
        name: String,
        key: KeyPair,
    }

    impl Signs {
        fn named(name: &str) -> Self {
            Self { name: name.to_owned(), key: KeyPair::generate().unwrap() }
        }

        fn jwk(&self) -> Value {
            // An uncompressed point: 4, x, y.
            let point = self.key.der_bytes();
            let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
            json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.name, "x": part(1), "y": part(33) })
        }

        fn token(&self, claims: &Value) -> String {
            let header = Header { kid: Some(self.name.clone()), ..Header::new(Algorithm::ES256) };
            encode(&header, claims, &EncodingKey::from_ec_pem(self.key.serialize_pem().as_bytes()).unwrap()).unwrap()
        }
    }

    /// A process that believes an issuer whose keys are in a file.
    struct House {
        directory: TempDir,
        identities: Identities,
    }

    impl House {
        fn with(keys: &[Value]) -> Self {
            let directory = TempDir::new().unwrap();
            let house = |identities| Self { directory, identities };
            let mut house = house(Identities::default());
            house.publish(keys);
            let issuer = Issuer {
                issuer: "https://login.example".to_owned(),
                audience: "muster-live".to_owned(),
                keys: house.directory.path().join("keys.json"),
            };
            house.identities = Identities::default().or_tokens(Tokens::of(issuer).unwrap());
            house
        }

        fn publish(&self, keys: &[Value]) {
            fs::write(self.directory.path().join("keys.json"), json!({ "keys": keys }).to_string()).unwrap();
        }

        fn asked_with(&self, token: &str) -> Result<Actor, Status> {
            let mut call = Request::new(());
            call.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            self.identities.authenticate(&call)
        }

        /// What is said to this token.
        fn says(&self, token: &str) -> String {
            let status = self.asked_with(token).unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated);
            assert!(!explain(&status).way_out.is_empty());
            status.message().to_owned()
        }
    }

    fn claims() -> Value {
        json!({
            "iss": "https://login.example", "aud": ["account", "muster-live"], "sub": "f3b1",
            "exp": get_current_timestamp() + 300, "muster_role": "hospital", "muster_id": "chu-rouen",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    #[tokio::test]
    async fn a_token_says_who_calls() {
        let signs = Signs::named("one");
        // What an issuer publishes besides is passed over.
        let house = House::with(&[
            json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "new" }),
            json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "shared" }),
            signs.jwk(),
        ]);
        let actor = house.asked_with(&signs.token(&claims())).unwrap();
        assert_eq!((actor.role.as_str(), actor.principal.as_str()), ("hospital", "chu-rouen"));
        assert_eq!(super::named(&signs.token(&with("exp", json!(0)))), Some(actor), "whoever bears it can read it");
        let late = get_current_timestamp() - LEEWAY_S / 2;
        assert!(house.asked_with(&signs.token(&with("exp", json!(late)))).is_ok(), "clocks differ a little");
    }

    #[tokio::test]
    async fn every_other_token_is_refused_with_what_is_wrong() {
        let (signs, other) = (Signs::named("one"), Signs::named("one"));
        let house = House::with(&[signs.jwk(), json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "shared" })]);
        let now = get_current_timestamp();
        for (claims, says) in [
            (with("exp", json!(now - 60)), "has ended"),
            (with("nbf", json!(now + 60)), "does not hold yet"),
            (with("iss", json!("https://login.example/")), "is not of https://login.example"),
            (with("aud", json!("muster-drill")), "is not made for muster-live"),
            (with("muster_role", json!("system")), "'system'"),
            (with("muster_role", json!("minister")), "'minister'"),
            (with("muster_id", json!("CHU Rouen")), "'CHU Rouen'"),
            (with("muster_id", json!(7)), "claims"),
        ] {
            let told = house.says(&signs.token(&claims));
            assert!(told.contains(says), "{claims}: {told}");
        }
        for claim in ["exp", "iss", "aud", "muster_role", "muster_id"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(claim);
            let told = house.says(&signs.token(&claims));
            assert!(told.contains(claim), "{claim}: {told}");
        }
        assert!(house.says(&other.token(&claims())).contains("signature"), "another key under the same name");
        assert!(house.says(&Signs::named("two").token(&claims())).contains("'two'"));
        let shared = |id: &str, key: &[u8]| {
            let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::HS256) };
            encode(&header, &claims(), &EncodingKey::from_secret(key)).unwrap()
        };
        assert!(house.says(&shared("shared", b"secret")).contains("'shared'"), "a shared secret is no key");
        assert!(house.says(&shared("one", signs.key.der_bytes())).contains("signature"), "a public key is no secret");
        let unsigned = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(json!({ "alg": "none", "kid": "one" }).to_string()),
            URL_SAFE_NO_PAD.encode(claims().to_string())
        );
        for malformed in [unsigned.as_str(), "", "a.b.c", "dev:hospital:chu-rouen"] {
            assert!(house.says(malformed).contains("cannot be read"), "{malformed}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn keys_come_and_go_as_the_issuer_publishes_them() {
        let (old, new) = (Signs::named("old"), Signs::named("new"));
        let house = House::with(&[old.jwk()]);
        assert!(house.says(&new.token(&claims())).contains("'new'"));
        house.publish(&[old.jwk(), new.jwk()]);
        tokio::time::advance(LOOK_EVERY).await;
        assert!(house.asked_with(&new.token(&claims())).is_ok(), "a new key is found as soon as it is met");
        house.publish(&[new.jwk()]);
        tokio::time::advance(READ_EVERY).await;
        assert!(house.says(&old.token(&claims())).contains("'old'"), "a key that was taken back opens nothing");
        fs::write(house.directory.path().join("keys.json"), "{").unwrap();
        tokio::time::advance(READ_EVERY).await;
        assert!(house.asked_with(&new.token(&claims())).is_ok(), "a file that is being written takes nothing away");
        tokio::time::advance(HOLD_FOR).await;
        assert!(house.says(&new.token(&claims())).contains("'new'"), "but not for ever");
        house.publish(&[new.jwk()]);
        tokio::time::advance(LOOK_EVERY).await;
        assert!(house.asked_with(&new.token(&claims())).is_ok());
        house.publish(&[]);
        tokio::time::advance(READ_EVERY).await;
        assert!(house.says(&new.token(&claims())).contains("'new'"), "all keys may be taken back");
    }

    #[test]
    fn two_keys_of_one_id_are_refused() {
        let directory = TempDir::new().unwrap();
        let keys = directory.path().join("keys.json");
        let (one, other) = (Signs::named("one"), Signs::named("one"));
        fs::write(&keys, json!({ "keys": [one.jwk(), other.jwk()] }).to_string()).unwrap();
        let issuer = Issuer { issuer: "https://login.example".to_owned(), audience: "muster-live".to_owned(), keys };
        let no = Tokens::of(issuer).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(no.contains("two keys with the id 'one'"), "{no}");
    }

    #[test]
    fn a_file_without_keys_is_told_at_the_start() {
        let directory = TempDir::new().unwrap();
        let keys = directory.path().join("keys.json");
        let issuer = Issuer { issuer: String::new(), audience: String::new(), keys: keys.clone() };
        let told = || Tokens::of(issuer.clone()).map(|_| ()).unwrap_err().to_string();
        assert!(told().contains("cannot be read"), "{}", told());
        for (text, says) in [("[]", "RFC 7517"), (r#"{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}"#, "no public key")] {
            fs::write(&keys, text).unwrap();
            assert!(told().contains(says) && told().contains("keys.json"), "{}", told());
        }
    }
}
