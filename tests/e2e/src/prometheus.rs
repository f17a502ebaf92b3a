//! A real Prometheus, set as `deploy/prometheus/` says, that scrapes what a test tells it.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{http::get, process::free_address};

/// Longer than it needs to start, and to judge what some alerts look back on: a minute.
const PATIENCE: Duration = Duration::from_secs(150);

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(200);

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A running Prometheus. Dropping it stops it and removes what it kept.
pub struct Prometheus {
    process: Child,
    host: String,
    directory: TempDir,
}

/// What it scrapes: where, and what it calls that.
#[derive(Clone, Debug)]
pub struct Target {
    /// `HOST:PORT`.
    pub address: String,
    /// Its label `service`.
    pub service: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Prometheus {
    /// Starts one with the configuration and the alerts that Muster is deployed with.
    pub fn start(targets: &[Target]) -> Self {
        let directory = TempDir::new().expect("a directory for its store");
        let deployed = Path::new(ROOT).join("deploy/prometheus");
        for file in ["prometheus.yml", "alerts.yml"] {
            fs::copy(deployed.join(file), directory.path().join(file)).expect("it is deployed");
        }
        fs::create_dir(directory.path().join("targets")).expect("a directory for its targets");
        let host = free_address();
        let process = Command::new(tool("prometheus"))
            .arg(format!("--config.file={}", directory.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("store").display()))
            .arg(format!("--web.listen-address={host}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts");
        let prometheus = Self { process, host, directory };
        prometheus.scrape(targets);
        prometheus
    }

    /// From now on it scrapes these.
    fn scrape(&self, targets: &[Target]) {
        let groups: Vec<_> = targets
            .iter()
            .map(|Target { address, service }| {
                serde_json::json!({ "targets": [address], "labels": { "service": service } })
            })
            .collect();
        let targets = self.directory.path().join("targets");
        // In one step, so that it never reads half a file. JSON is YAML.
        fs::write(targets.join("new"), Value::from(groups).to_string()).expect("a file of targets");
        fs::rename(targets.join("new"), targets.join("muster.yml")).expect("a file of targets");
    }

    /// What a query gives now: labels and value of each series.
    pub async fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let answer = self.get(&format!("/api/v1/query?query={}", escaped(query))).await;
        let answer = answer.unwrap_or_else(|error| panic!("prometheus does not answer: {error}"));
        let series = answer.pointer("/data/result").and_then(Value::as_array).cloned().unwrap_or_default();
        let value = |one: &Value| one.pointer("/value/1").and_then(Value::as_str).and_then(|value| value.parse().ok());
        series.iter().filter_map(|one| Some((one.get("metric")?.clone(), value(one)?))).collect()
    }

    /// Waits until a query gives what is looked for.
    pub async fn comes_to(&self, query: &str, is_so: impl Fn(&[(Value, f64)]) -> bool) -> Vec<(Value, f64)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // It takes a moment to start, and until then nothing is known.
            let found = match self.get("/-/ready").await {
                Ok(_) => Some(self.query(query).await),
                Err(_) => None,
            };
            match found {
                Some(found) if is_so(&found) => return found,
                found => assert!(Instant::now() < deadline, "{query} comes to {found:#?}"),
            }
            sleep(ASK_EVERY).await;
        }
    }

    async fn get(&self, path: &str) -> std::io::Result<Value> {
        // What is no JSON says only that it is ready.
        Ok(serde_json::from_slice(&get(&self.host, path).await?).unwrap_or_default())
    }
}

fn escaped(query: &str) -> String {
    query
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A program that `scripts/prometheus` provides: `prometheus` or `promtool`.
pub fn tool(name: &str) -> std::path::PathBuf {
    static DIRECTORY: OnceLock<String> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let installer = Command::new(Path::new(ROOT).join("scripts/prometheus")).output().expect("the installer runs");
        let said = String::from_utf8_lossy(&installer.stderr);
        assert!(installer.status.success(), "prometheus cannot be had: {said}");
        String::from_utf8_lossy(&installer.stdout).trim().to_owned()
    });
    Path::new(directory).join(name)
}
