//! The one address for callers: a real Envoy, set as `deploy/envoy/envoy.yaml` says, with the certificates that `deploy/secrets.sh`
//! makes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use tonic::transport::Endpoint;

use crate::{
    fleet::{Endpoints, ROLES},
    process::{binary, free_address, trusting},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What stands in the deployed files for a folder that containers have, and where that is in `deploy`.
const FOLDERS: [(&str, &str); 2] = [("/run/public", "secrets/public"), ("/run/secrets", "secrets")];

/// What `deploy/secrets.sh` has made, in a folder that goes when it is dropped.
pub struct Secrets {
    directory: TempDir,
}

impl Secrets {
    /// Makes them.
    pub fn make() -> Self {
        let directory = TempDir::new().expect("a directory for secrets");
        let script = directory.path().join("secrets.sh");
        fs::copy(Path::new(ROOT).join("deploy/secrets.sh"), &script).expect("it is deployed");
        let made = Command::new("bash").arg(&script).env("MUSTER", binary()).output().expect("a shell runs");
        assert!(made.status.success(), "no secrets: {}", String::from_utf8_lossy(&made.stderr));
        Self { directory }
    }

    /// The same text, with the folders that containers have where they are here.
    fn here(&self, text: &str) -> String {
        FOLDERS.into_iter().fold(text.to_owned(), |text, (theirs, ours)| {
            text.replace(theirs, &self.directory.path().join(ours).display().to_string())
        })
    }

    /// What a process serves with over TLS.
    pub fn arguments(&self) -> Vec<String> {
        let deployed = [
            ("--tls-certificate", "/run/public/muster.crt"),
            ("--tls-key", "/run/secrets/muster.key"),
            ("--tls-ca", "/run/public/muster-ca.crt"),
        ];
        deployed.into_iter().flat_map(|(option, file)| [option.to_owned(), self.here(file)]).collect()
    }
}

/// A running Envoy. Dropping it stops it.
pub struct Entry {
    process: Child,
    address: String,
    secrets: Secrets,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A place of the deployed file, as it is here; fails if it stands there no more.
fn placed(text: &str, deployed: &str, here: &str) -> String {
    assert!(text.contains(deployed), "{deployed} is not in envoy.yaml");
    text.replace(deployed, here)
}

fn place(address: &str) -> String {
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    format!("socket_address: {{ address: {host}, port_value: {port} }}")
}

impl Entry {
    /// Starts one before these replicas, each of `HOST:PORT`; nothing if there is no Envoy for this machine.
    pub fn start(secrets: Secrets, replicas: impl Fn(&str) -> Vec<String>) -> Option<Self> {
        let envoy = envoy()?;
        let address = free_address();
        let deployed = fs::read_to_string(Path::new(ROOT).join("deploy/envoy/envoy.yaml")).expect("it is deployed");
        let text = placed(&secrets.here(&deployed), &place("0.0.0.0:7400"), &place(&address));
        // There one name has the addresses of all replicas; here each has a port of its own.
        let text = ROLES.into_iter().fold(text, |text, role| {
            let endpoint = |place: String| format!("{{ endpoint: {{ address: {{ {place} }} }} }}");
            let here: Vec<_> = replicas(role).iter().map(|address| endpoint(place(address))).collect();
            placed(&text, &endpoint(place(&format!("{role}:7400"))), &here.join(", "))
        });
        let config = secrets.directory.path().join("envoy.here.yaml");
        fs::write(&config, text).expect("a file");
        let process = Command::new(envoy)
            .args(["--log-level", "error", "--use-dynamic-base-id", "-c"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Envoy starts");
        Some(Self { process, address, secrets })
    }

    /// Where every service is called: at the one address.
    pub fn endpoints(&self) -> Endpoints {
        let authority = self.secrets.here("/run/public/muster-ca.crt");
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address)).expect("an address");
        let endpoint = endpoint.tls_config(trusting(Path::new(&authority))).expect("an authority");
        ROLES.into_iter().map(|role| (role, vec![endpoint.clone()])).collect()
    }
}

fn envoy() -> Option<PathBuf> {
    let installer = Command::new(Path::new(ROOT).join("scripts/envoy")).output().expect("the installer runs");
    let said = String::from_utf8_lossy(&installer.stderr);
    assert!(installer.status.success(), "Envoy cannot be had: {said}");
    let path = String::from_utf8_lossy(&installer.stdout).trim().to_owned();
    (!path.is_empty()).then(|| path.into())
}
