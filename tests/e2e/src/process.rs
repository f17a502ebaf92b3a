//! The real binary as processes: started, killed without warning, started again.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    time::Duration,
};

/// A process answers within milliseconds; on a loaded machine, within this.
const READY_PATIENCE: Duration = Duration::from_secs(60);

/// One process of Muster. Dropping it kills it.
pub struct Process {
    args: Vec<String>,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    address: String,
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
        let args = args.into_iter().map(Into::into).collect();
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let mut process = Self { args, environment, child: None, address: String::new() };
        process.restart();
        process
    }

    /// Where it answers, `http://HOST:PORT`; another after a restart if the system chose the port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Kills it without warning, as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the process can be killed");
            child.wait().expect("the process ends");
        }
    }

    /// Kills it if it runs and starts it again.
    pub fn restart(&mut self) {
        self.kill();
        let mut child = Command::new(binary())
            .args(&self.args)
            .env_remove("MUSTER_LOG")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (stdout, stderr) = (child.stdout.take().expect("ours"), child.stderr.take().expect("ours"));
        self.child = Some(child);
        let said = collect(stderr);
        let (first, is_first) = mpsc::channel();
        std::thread::spawn(move || {
            // It goes on writing to whoever has stopped reading: all lines are read, the first is told.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                drop(first.send(line));
            }
        });
        match is_first.recv_timeout(READY_PATIENCE) {
            Ok(address) => self.address = address,
            Err(_) => panic!("muster {} does not say where it answers:\n{}", self.args.join(" "), said()),
        }
    }

    /// Asks it to stop and waits; gives its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let pid = child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(asked.success(), "the process had ended by itself");
        child.wait().expect("the process ends").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads a stream to its end, so that the process never waits for a reader; gives what it has so far.
fn collect(mut stream: impl Read + Send + 'static) -> impl Fn() -> String {
    let text = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let filled = text.clone();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            if let (Ok(mut text), Some(new)) = (filled.lock(), bytes.get(..count)) {
                text.extend_from_slice(new);
            }
        }
    });
    move || text.lock().map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
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
