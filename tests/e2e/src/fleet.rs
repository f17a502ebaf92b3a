//! A realm on a real nats-server, served by real processes: each role in processes of its own.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::{nats::NatsServer, process::Process};

/// The roles, each a process of its own.
pub const ROLES: [&str; 5] = ["registry", "intake", "eligibility", "dispatch", "monitor"];

/// How the realm's clock runs.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many times as fast as system time.
    pub speed: u32,
}

/// Processes on one realm. Dropping it stops all and removes what they kept.
pub struct Fleet {
    /// The journal's server.
    pub nats: NatsServer,
    members: Vec<Member>,
    key: PathBuf,
    _directory: TempDir,
}

struct Member {
    role: &'static str,
    process: Process,
}

impl Fleet {
    /// Starts so many replicas of each role on a new realm, an exercise named `drill`.
    pub fn start(replicas: usize, pace: Pace) -> Self {
        let nats = NatsServer::start();
        let directory = TempDir::new().expect("a directory for the vault's key");
        let key = directory.path().join("vault.key");
        let mut fleet = Self { nats, members: Vec::new(), key, _directory: directory };
        for role in ROLES {
            for _ in 0..replicas {
                let process = Process::start(fleet.arguments(role, pace));
                fleet.members.push(Member { role, process });
            }
        }
        fleet
    }

    fn arguments(&self, role: &str, pace: Pace) -> Vec<String> {
        let speed = pace.speed.to_string();
        let key = self.key.display().to_string();
        let (nats, monitor) = (self.nats.url(), self.nats.monitor_url());
        [
            "serve",
            "--role",
            role,
            "--realm",
            "drill",
            "--exercise-starts-at",
            "2026-11-02T08:00:00Z",
            "--exercise-speed",
            &speed,
            "--journal",
            &nats,
            "--nats-monitor",
            &monitor,
            "--accept-unsafe-journal",
            "replicas",
            "--vault-key",
            &key,
            "--accept-development-tokens",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// Where the replicas of a role answer, in order.
    pub fn addresses(&self, role: &str) -> Vec<String> {
        let of_role = self.members.iter().filter(|member| member.role == role);
        of_role.map(|member| member.process.address().to_owned()).collect()
    }

    /// How many processes there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Kills one process without warning and starts it again.
    pub fn crash(&mut self, member: usize) {
        if let Some(member) = self.members.get_mut(member) {
            member.process.restart();
        }
    }

    /// Kills one replica of a role without warning and starts it again.
    pub fn crash_role(&mut self, role: &str, replica: usize) {
        let mut of_role = self.members.iter_mut().filter(|member| member.role == role);
        if let Some(member) = of_role.nth(replica) {
            member.process.restart();
        }
    }
}
