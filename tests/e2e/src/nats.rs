//! A real nats-server of its own for a test: on free ports, with a store that goes when it goes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::process::{is_kept, kept, send};

/// A server is ready within milliseconds; one with a large store, or on a loaded machine, within this.
const READY_PATIENCE: Duration = Duration::from_secs(30);

/// What writes wait for when it has no leader: the log, and the vault. Nothing waits for the lease.
const WRITES_WAIT_FOR: [&str; 2] = [" MUSTER_", " KV_MUSTER_VAULT_"];

/// Whether a server says that somebody leads whom writes wait for. All servers have a leader, too: one that knows of none answers
/// nothing that is asked about a stream (error 10008).
fn is_elected(line: &str) -> bool {
    let of_stream = || WRITES_WAIT_FOR.iter().any(|stream| line.contains(stream));
    line.contains("new metadata leader: ") || (line.contains("new stream leader") && of_stream())
}

/// A configuration that Muster is deployed with.
pub(crate) fn deployed(name: &str) -> PathBuf {
    Path::new(ROOT).join("deploy/nats").join(name)
}

/// Where Muster's sources are.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What keeps a realm's log.
pub trait Servers {
    /// Where clients connect.
    fn urls(&self) -> Vec<String>;

    /// Where one of several processes connects.
    fn urls_for(&self, _member: usize) -> Vec<String> {
        self.urls()
    }

    /// Where the servers tell about themselves.
    fn monitor_urls(&self) -> Vec<String>;

    /// How many times each record is kept.
    fn replicas(&self) -> usize;
}

/// Where a server lives.
#[derive(Clone, Debug)]
pub struct Home {
    /// The address where it answers.
    pub host: String,
    /// The network in which it runs, if it is not this process's own.
    pub network: Option<String>,
    /// Where it keeps its records, if not in a directory that goes when it goes.
    pub store: Option<PathBuf>,
}

impl Default for Home {
    /// Beside this process.
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), network: None, store: None }
    }
}

/// One nats-server with JetStream, set as `deploy/nats/single.conf` says. Dropping it stops it and removes its store.
pub struct NatsServer {
    /// The first start lets the system choose; later ones keep what was chosen.
    ports: Option<Ports>,
    process: Option<Child>,
    config: PathBuf,
    home: Home,
    /// What else it is started with.
    args: Vec<String>,
    store: PathBuf,
    /// When it said that it leads a stream, of those that writes wait for.
    elected: Arc<Mutex<Vec<Instant>>>,
    /// Its store, if nobody else holds that.
    _directory: Option<TempDir>,
}

impl Servers for NatsServer {
    fn urls(&self) -> Vec<String> {
        vec![self.url()]
    }

    fn monitor_urls(&self) -> Vec<String> {
        vec![self.monitor_url()]
    }

    fn replicas(&self) -> usize {
        1
    }
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    clients: u16,
    monitor: u16,
}

impl NatsServer {
    /// Starts a server that syncs every record, and waits until it is ready.
    pub fn start() -> Self {
        Self::start_with(&deployed("single.conf"))
    }

    /// Starts a server with another configuration, which must turn on JetStream and the monitor.
    pub fn start_with(config: &Path) -> Self {
        Self::start_as(config, Home::default(), Vec::new())
    }

    /// The same elsewhere, with more arguments.
    pub(crate) fn start_as(config: &Path, home: Home, args: Vec<String>) -> Self {
        let directory = TempDir::new().expect("a directory for the server's store");
        let (store, directory) = match &home.store {
            Some(store) => (store.clone(), None),
            None => (directory.path().to_owned(), Some(directory)),
        };
        let config = config.to_owned();
        let mut server = Self {
            ports: None,
            process: None,
            config,
            home,
            args,
            store,
            elected: Arc::default(),
            _directory: directory,
        };
        server.restart();
        server
    }

    /// Where clients connect; the same after a restart.
    pub fn url(&self) -> String {
        format!("nats://{}:{}", self.home.host, self.ports().clients)
    }

    /// Where the server tells about itself; the same after a restart.
    pub fn monitor_url(&self) -> String {
        format!("http://{}:{}", self.home.host, self.ports().monitor)
    }

    /// When it was elected to lead the log or the vault, or came to know who leads all servers.
    pub fn elected(&self) -> Vec<Instant> {
        self.elected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the server keeps its records.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Kills the server without warning, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the server can be killed");
            process.wait().expect("the server ends");
        }
    }

    /// Stops the server as an operator would, and waits until it has ended.
    pub fn stop(&mut self) {
        self.signal("TERM");
        if let Some(mut process) = self.process.take() {
            process.wait().expect("the server ends");
        }
    }

    /// The server stands still, as when its machine does.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// It goes on as if no time had passed.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.as_ref().expect("the server runs").id();
        assert!(send(signal, pid), "the server had ended by itself");
    }

    /// The server's disk is lost: it must not run.
    pub fn lose_store(&mut self) {
        assert!(self.process.is_none(), "the server runs");
        std::fs::remove_dir_all(self.store.join("jetstream")).expect("the server kept records");
    }

    /// Kills the server if it runs and starts it again, on the same ports with the same store.
    pub fn restart(&mut self) {
        self.try_restart().unwrap_or_else(|log| panic!("nats-server ended before it was ready:\n{log}"));
    }

    /// The same, of a server that may well refuse; gives what it says.
    pub fn try_restart(&mut self) -> Result<(), String> {
        self.kill();
        let port =
            |port: fn(&Ports) -> u16| self.ports.as_ref().map_or("-1".to_owned(), |ports| port(ports).to_string());
        let mut process = self
            .program()
            .args(["--addr", &self.home.host])
            .arg("--config")
            .arg(&self.config)
            .arg("--store_dir")
            .arg(&self.store)
            .args(["--port", &port(|ports| ports.clients)])
            .args(["--http_port", &port(|ports| ports.monitor)])
            .args(&self.args)
            // How they elect is told only then.
            .args(is_kept().then_some("--debug"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nats-server starts");
        let log = process.stderr.take().expect("its log is ours");
        let kept = kept(process.id());
        self.process = Some(process);
        let (ready, is_ready) = mpsc::channel();
        let elected = self.elected.clone();
        std::thread::spawn(move || read_log(log, kept, &ready, &elected));
        match is_ready.recv_timeout(READY_PATIENCE) {
            Ok(Ok(ports)) => self.ports = Some(ports),
            Ok(Err(log)) => return Err(log),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => panic!("nats-server is never ready"),
        }
        Ok(())
    }

    fn program(&self) -> Command {
        match &self.home.network {
            Some(network) => {
                let mut within = Command::new("ip");
                within.args(["netns", "exec", network]).arg(binary());
                within
            }
            None => Command::new(binary()),
        }
    }

    fn ports(&self) -> Ports {
        self.ports.expect("a server that was started has ports")
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads the server's log to its end, so that the server never waits for a reader, and tells when it is ready or why it is
/// not.
fn read_log(
    log: impl Read,
    mut kept: impl Write,
    ready: &Sender<Result<Ports, String>>,
    elected: &Mutex<Vec<Instant>>,
) {
    let mut ports = Ports { clients: 0, monitor: 0 };
    let mut whole = String::new();
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        let port = || line.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
        if line.contains("Starting http monitor on ") {
            ports.monitor = port();
        } else if line.contains("Listening for client connections on ") {
            ports.clients = port();
        } else if line.contains("Server is ready") {
            // A test that has given up waiting has no use for it.
            drop(ready.send(Ok(ports)));
        } else if is_elected(&line) {
            elected.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        }
        writeln!(kept, "{line}").expect("there is room");
        whole.push_str(&line);
        whole.push('\n');
    }
    drop(ready.send(Err(whole)));
}

/// The server's program: `MUSTER_NATS_SERVER`, or the one that `scripts/nats-server` installs.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(binary) = std::env::var_os("MUSTER_NATS_SERVER") {
            return PathBuf::from(binary);
        }
        let installer = Command::new(Path::new(ROOT).join("scripts/nats-server")).output().expect("the installer runs");
        let said = String::from_utf8_lossy(&installer.stderr);
        assert!(installer.status.success(), "nats-server cannot be installed: {said}");
        PathBuf::from(String::from_utf8_lossy(&installer.stdout).trim())
    })
}
