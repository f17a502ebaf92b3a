//! The real binary as processes: started, killed without warning, started again.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use muster_journal::crash::VARIABLE;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::nats::NatsServer;

/// A process answers within milliseconds; on a loaded machine, within this.
const READY_PATIENCE: Duration = Duration::from_secs(60);

/// A process that is asked to stop does so within ten seconds and a little more.
const STOP_PATIENCE: Duration = Duration::from_secs(15);

/// One process of Muster. Dropping it kills it.
pub struct Process {
    binary: PathBuf,
    args: Vec<String>,
    environment: Vec<(String, String)>,
    running: Option<Running>,
    address: String,
    admin: String,
}

struct Running {
    child: Child,
    /// What it says on stdout; ends when the process does.
    lines: Receiver<String>,
    /// What it has said on stderr.
    said: Box<dyn Fn() -> String + Send>,
}

impl Process {
    /// Starts `muster ARGS` and waits until it says where it answers.
    pub fn start(args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::start_with(args, [("MUSTER_CONTEXT", "")])
    }

    /// The same, with variables in its environment.
    pub fn start_with(
        args: impl IntoIterator<Item = impl Into<String>>,
        environment: impl IntoIterator<Item = (&'static str, impl Into<String>)>,
    ) -> Self {
        let mut process = Self::new(args, environment);
        process.restart();
        process
    }

    /// One that is yet to be started.
    pub fn new(
        args: impl IntoIterator<Item = impl Into<String>>,
        environment: impl IntoIterator<Item = (&'static str, impl Into<String>)>,
    ) -> Self {
        let args = args.into_iter().map(Into::into).collect();
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let binary = binary().to_owned();
        Self { binary, args, environment, running: None, address: String::new(), admin: String::new() }
    }

    /// Another build, from when it is started next.
    pub fn becomes(&mut self, binary: &Path) {
        binary.clone_into(&mut self.binary);
    }

    /// Where it answers, `http://HOST:PORT`; another after a restart if the system chose the port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it is called: over TLS, if it serves so, by the name that `deploy/secrets.sh` writes into its certificate.
    pub fn endpoint(&self) -> Endpoint {
        let endpoint = Endpoint::from_shared(self.address.clone()).expect("an address");
        let Some(authority) = self.args.iter().skip_while(|arg| *arg != "--tls-ca").nth(1) else { return endpoint };
        endpoint.tls_config(trusting(Path::new(authority)).domain_name("muster")).expect("a certificate")
    }

    /// Where it tells how it stands, `http://HOST:PORT`, if it was started with `--admin-listen`.
    pub fn admin(&self) -> &str {
        &self.admin
    }

    /// Kills it without warning, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.child.kill().expect("the process can be killed");
            running.child.wait().expect("the process ends");
        }
    }

    /// Kills it if it runs and starts it again.
    pub fn restart(&mut self) {
        if !self.restart_to_crash("") {
            panic!("muster {} does not say where it answers:\n{}", self.args.join(" "), self.said());
        }
    }

    /// The same with `MUSTER_CRASH_AT` in its environment, unless empty; false if it ended before it said where it answers.
    pub fn restart_to_crash(&mut self, at: &str) -> bool {
        self.kill();
        let crash = (!at.is_empty()).then_some((VARIABLE, at));
        let mut child = Command::new(&self.binary)
            .args(&self.args)
            .env_remove("MUSTER_LOG")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(crash)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (stdout, stderr) = (child.stdout.take().expect("ours"), child.stderr.take().expect("ours"));
        let (line, lines) = mpsc::channel();
        std::thread::spawn(move || {
            // It goes on writing to whoever has stopped reading.
            BufReader::new(stdout).lines().map_while(Result::ok).for_each(|text| drop(line.send(text)));
        });
        let said = Box::new(collect(stderr, kept(child.id())));
        let first = lines.recv_timeout(READY_PATIENCE);
        self.running = Some(Running { child, lines, said });
        match first {
            Ok(address) => self.address = address,
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => panic!("muster is never ready:\n{}", self.said()),
        }
        if self.args.iter().any(|arg| arg == "--admin-listen") {
            let running = self.running.as_ref().expect("it was started");
            self.admin = running.lines.recv_timeout(READY_PATIENCE).expect("it says so at once");
        }
        true
    }

    /// What it has said on stderr since it was started.
    pub fn said(&self) -> String {
        self.running.as_ref().map(|running| (running.said)()).unwrap_or_default()
    }

    /// How it ended, if it does within `patience`.
    pub fn ends_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let running = self.running.as_mut().expect("it was started");
        while running.lines.recv_timeout(patience).is_ok() {}
        match running.lines.recv_timeout(Duration::ZERO) {
            Err(RecvTimeoutError::Disconnected) => Some(running.child.wait().expect("the process ends")),
            Ok(_) | Err(RecvTimeoutError::Timeout) => None,
        }
    }

    /// How much memory it has (Linux, `/proc/PID/status`), in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let pid = self.running.as_ref().expect("it was started").child.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
        kilobytes.and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("a number of kilobytes") * 1024
    }

    /// Sends it a signal: `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) {
        let pid = self.running.as_ref().expect("it was started").child.id();
        assert!(send(signal, pid), "the process had ended by itself:\n{}", self.said());
    }

    /// Asks it to stop and waits; how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.ends_within(STOP_PATIENCE).unwrap_or_else(|| panic!("it does not stop:\n{}", self.said()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a caller trusts: whoever this authority signed for.
pub fn trusting(authority: &Path) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(fs::read(authority).expect("it is there")))
}

/// A `HOST:PORT` that nobody has just now, for whoever cannot say which the system chose, or comes back to it.
pub fn free_address() -> String {
    free_port().local_addr().expect("bound").to_string()
}

/// A port that is nobody else's as long as it is held. It is none of those that the system chooses, so that no connection takes it
/// once it is let go. To let it go and bind it again at once may fail: a process that starts just then holds it too for a moment.
pub fn free_port() -> TcpListener {
    let drawn = RandomState::new().hash_one(0);
    let mut ports = (0..12_000).map(|n| 20_000 + drawn.wrapping_add(n) % 12_000);
    ports.find_map(|port| TcpListener::bind(format!("127.0.0.1:{port}")).ok()).expect("a free port")
}

/// Sends a process a signal; whether there was one to take it. By the shell, which has a `kill` of its own where no other is.
pub fn send(signal: &str, pid: u32) -> bool {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status();
    sent.expect("a shell runs").success()
}

/// Where what processes and servers say goes, too, each in a file of its own, if this names a folder: for whoever looks for a fault.
const KEPT: &str = "MUSTER_LOGS";

/// Whether somebody keeps what processes say.
pub fn is_kept() -> bool {
    std::env::var_os(KEPT).is_some()
}

/// The file in which somebody keeps what this process says, or nothing that keeps it.
pub fn kept(pid: u32) -> Box<dyn Write + Send> {
    let Some(folder) = std::env::var_os(KEPT) else { return Box::new(io::sink()) };
    Box::new(File::create(Path::new(&folder).join(format!("{pid}.log"))).expect("a file in the folder"))
}

/// Reads a stream to its end, so that the process never waits for a reader; gives what it has so far.
fn collect(mut stream: impl Read + Send + 'static, mut kept: impl Write + Send + 'static) -> impl Fn() -> String {
    let text = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let filled = text.clone();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            if let (Ok(mut text), Some(new)) = (filled.lock(), bytes.get(..count)) {
                text.extend_from_slice(new);
                kept.write_all(new).expect("there is room");
            }
        }
    });
    move || text.lock().map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

/// Gives `muster journal copy` for the realm `drill`, one side of it on this server; `more` is what else it is given.
pub fn copy(nats: &NatsServer, key: &Path, from: &str, to: &str, more: &[&str]) -> Output {
    Command::new(binary())
        .args([
            "journal",
            "copy",
            "--realm",
            "drill",
            "--from",
            from,
            "--to",
            to,
            "--nats-monitor",
            &nats.monitor_url(),
        ])
        .args(["--accept-unsafe-journal", "replicas", "--vault-key"])
        .arg(key)
        .args(more)
        .output()
        .expect("the binary runs")
}

/// The binary: `MUSTER_BINARY`, or that of this checkout, built if it is older than its sources.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(binary) = std::env::var_os("MUSTER_BINARY") {
            return PathBuf::from(binary);
        }
        let build = Command::new(env!("CARGO"))
            .args(["build", "--package", "muster", "--locked", "--quiet"])
            .current_dir("../..")
            .output()
            .expect("cargo runs");
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        let test = std::env::current_exe().expect("a test knows where it is");
        let target = test.parent().and_then(Path::parent).expect("tests lie in target/debug/deps");
        target.join("muster")
    })
}
