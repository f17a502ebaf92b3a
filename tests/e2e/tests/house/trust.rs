//! Muster as it listens to other machines: over TLS, to callers with a token of an issuer or with a certificate, its replicas
//! relaying to one another over TLS too.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use muster_e2e::{
    fleet::ROLES,
    http::get,
    nats::NatsServer,
    process::{Process, binary},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData, SanType};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Whoever hands out certificates and tokens, and the folder in which they are.
struct Office {
    directory: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
    signs: KeyPair,
}

impl Office {
    fn open() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let office = Self { directory: TempDir::new().unwrap(), authority, signs: KeyPair::generate().unwrap() };
        office.write("ca.crt", &office.authority.pem());
        // An uncompressed point: 4, x, y.
        let point = office.signs.der_bytes();
        let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
        let key = json!({ "kty": "EC", "crv": "P-256", "kid": "k", "x": part(1), "y": part(33) });
        office.write("keys.json", &json!({ "keys": [key] }).to_string());
        let server =
            [SanType::DnsName("muster.example".try_into().unwrap()), SanType::IpAddress([127, 0, 0, 1].into())];
        office.certify("tls", &server);
        office
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Leaves `NAME.crt` and `NAME.key`.
    fn certify(&self, name: &str, names: &[SanType]) {
        self.certify_until(name, names, CertificateParams::default().not_after.into());
    }

    fn certify_until(&self, name: &str, names: &[SanType], until: SystemTime) {
        let (mut params, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
        (params.subject_alt_names, params.not_after) = (names.to_vec(), until.into());
        self.write(&format!("{name}.crt"), &params.signed_by(&key, &self.authority).unwrap().pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// The file of a token for somebody.
    fn token(&self, role: &str, id: &str) -> String {
        let claims = json!({
            "iss": "https://login.example", "aud": "muster-drill", "exp": get_current_timestamp() + 600,
            "muster_role": role, "muster_id": id,
        });
        let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::ES256) };
        let key = EncodingKey::from_ec_pem(self.signs.serialize_pem().as_bytes()).unwrap();
        let name = format!("{role}-{id}.token");
        self.write(&name, &encode(&header, &claims, &key).unwrap());
        self.path(&name)
    }

    /// A process of all roles, for other machines as it were.
    fn start(&self, nats: &NatsServer) -> Process {
        let (url, monitor) = (nats.url(), nats.monitor_url());
        let [ca, certificate, key] = ["ca.crt", "tls.crt", "tls.key"].map(|name| self.path(name));
        let (keys, vault) = (self.path("keys.json"), self.path("vault.key"));
        let with = [
            ("--realm", "drill"),
            ("--exercise-starts-at", "2026-11-02T08:00:00Z"),
            ("--journal", &url),
            ("--nats-monitor", &monitor),
            ("--accept-unsafe-journal", "replicas"),
            ("--vault-key", &vault),
            ("--tls-certificate", &certificate),
            ("--tls-key", &key),
            ("--tls-ca", &ca),
            ("--client-ca", &ca),
            ("--token-issuer", "https://login.example"),
            ("--token-audience", "muster-drill"),
            ("--token-keys", &keys),
            ("--admin-listen", "127.0.0.1:0"),
        ];
        let roles = ROLES.map(|role| ("--role", role));
        let words = with.into_iter().chain(roles).flat_map(|(option, value)| [option, value]);
        Process::start(["serve"].into_iter().chain(words))
    }
}

/// A process, asked by the command line.
struct At<'a> {
    office: &'a Office,
    process: &'a Process,
}

impl At<'_> {
    fn give(&self, proof: &[&str], words: &str) -> Output {
        let mut command = Command::new(binary());
        for name in ["MUSTER_AS", "MUSTER_TOKEN_FILE", "MUSTER_CERTIFICATE", "MUSTER_PRIVATE_KEY", "MUSTER_CA"] {
            command.env_remove(name);
        }
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../services/muster");
        command.current_dir(place).env("MUSTER_CONTEXT", "").env("MUSTER_ADDRESS", self.process.address());
        command.args(["--ca", &self.office.path("ca.crt")]).args(proof).args(words.split(' ')).output().unwrap()
    }

    /// What is told to somebody with a token.
    #[track_caller]
    fn done(&self, role: &str, id: &str, words: &str) -> Value {
        let output = self.give(&["--token", &self.office.token(role, id), "-o", "json"], words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{role}:{id} {words}: {said}");
        let told = String::from_utf8(output.stdout).unwrap();
        told.lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok())
            .or_else(|| serde_json::from_str(&told).ok())
            .unwrap_or_default()
    }
}

#[test]
fn from_the_call_to_the_work_over_tls_with_tokens_and_certificates() {
    let office = Office::open();
    let nats = NatsServer::start();
    let (one, two) = (office.start(&nats), office.start(&nats));
    assert!(one.address().starts_with("https://127.0.0.1:"));
    let measured =
        Runtime::new().unwrap().block_on(get(one.admin().trim_start_matches("http://"), "/metrics")).unwrap();
    let measured = String::from_utf8(measured).unwrap();
    let left = measured.lines().find(|line| line.starts_with("muster_certificate_left_seconds")).unwrap_or_default();
    let left: f64 = left.split(' ').next_back().and_then(|left| left.parse().ok()).unwrap_or_default();
    assert!(left > 86_400.0, "how long the certificate holds is measured: {measured}");
    let [one, two] = [&one, &two].map(|process| At { office: &office, process });

    one.done("operator", "ops", "registry import tests/files/parties.json");
    two.done("operator", "ops", "registry import tests/files/roster.json");
    let open = "request open --from tests/files/cases.json --case DE-SYN-HAVEN --hospital hafenklinik-sued";
    one.done("hospital", "hafenklinik-sued", open);
    two.done("authority", "csirt-de", "request endorse R-1");
    let submitted = one.done("spoc", "spoc-de", "request submit R-1");
    let position = &submitted["position"];
    assert!(position["sequence"].is_string(), "{submitted}");
    two.done("officer", "duty", "watch request R-1 --until assessed");
    two.done("officer", "duty", "request decide R-1 --grant");
    let page = one.done("officer", "duty", "watch request R-1 --until offered");
    let offer = page["page"]["offers"][0]["offer"].as_str().unwrap_or_else(|| panic!("{page}")).to_owned();
    let provider = page["page"]["offers"][0]["provider"].as_str().unwrap().to_owned();
    // One of the two processes holds the desk, and the other relays: over TLS, or not at all.
    office.certify("provider", &[SanType::URI(format!("muster://drill/provider/{provider}").try_into().unwrap())]);
    let [certificate, key] = ["provider.crt", "provider.key"].map(|name| office.path(name));
    let with = ["--certificate", certificate.as_str(), "--private-key", key.as_str()];
    for (at, words) in [(&one, "offer accept"), (&two, "engagement stage")] {
        let stage = if words.starts_with("engagement") { " on-task" } else { "" };
        let output = at.give(&with, &format!("{words} {offer}{stage}"));
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    // What a certificate has opened ends with it, also what goes on.
    let name = SanType::URI("muster://drill/auditor/for-now".try_into().unwrap());
    office.certify_until("ending", &[name], SystemTime::UNIX_EPOCH + Duration::from_secs(get_current_timestamp() + 10));
    let [certificate, key] = ["ending.crt", "ending.key"].map(|name| office.path(name));
    let watched = one.give(&["--certificate", &certificate, "--private-key", &key], "watch board");
    let (seen, said) = (String::from_utf8_lossy(&watched.stdout), String::from_utf8_lossy(&watched.stderr));
    assert!(seen.contains("R-1") && said.contains("the certificate does not hold now"), "{seen}\n{said}");

    // Whoever proves nothing, or for another realm, learns nothing.
    office.certify("other", &[SanType::URI(format!("muster://live/provider/{provider}").try_into().unwrap())]);
    let [certificate, key] = ["other.crt", "other.key"].map(|name| office.path(name));
    let other = one.give(&["--certificate", &certificate, "--private-key", &key], "offer list");
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && said.contains("is not for realm drill"), "{said}");
    let nobody = one.give(&["--as", &format!("provider:{provider}")], "offer list");
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(!nobody.status.success() && said.contains("the token cannot be read"), "{said}");
    let plain = Command::new(binary())
        .env("MUSTER_CONTEXT", "")
        .args(["--address", &one.process.address().replace("https", "http"), "--as", "auditor:a", "board"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&plain.stderr).into_owned();
    assert!(!plain.status.success() && !said.contains("token"), "nothing is answered in the clear: {said}");
}
