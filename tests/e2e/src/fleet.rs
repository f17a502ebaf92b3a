//! A realm on a real nats-server, served by real processes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use async_nats::jetstream;
use muster_journal::jetstream::JetStream;
use muster_sim::log::{Entry, read_log};
use tempfile::TempDir;
use tonic::transport::Endpoint;

use crate::{
    ledger::{connect, connect_at},
    nats::{NatsServer, Servers},
    process::{Process, binary},
};

/// The roles, each a process of its own.
pub const ROLES: [&str; 5] = ["registry", "intake", "eligibility", "dispatch", "monitor"];

/// Where the replicas of every role are called.
pub type Endpoints = BTreeMap<&'static str, Vec<Endpoint>>;

/// How the realm's clock runs.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many times as fast as system time.
    pub speed: u32,
}

/// Processes on one realm. Dropping it stops all and removes what they kept.
pub struct Fleet<S = NatsServer> {
    /// The journal's servers.
    pub nats: S,
    members: Vec<Member>,
    key: PathBuf,
    _directory: TempDir,
}

struct Member {
    roles: Vec<&'static str>,
    process: Process,
}

impl Fleet {
    /// Starts so many replicas of each role on a new realm, an exercise named `drill`.
    pub fn start(replicas: usize, pace: Pace) -> Self {
        let groups: Vec<_> = ROLES.iter().flat_map(|role| std::iter::repeat_n([*role], replicas)).collect();
        let groups: Vec<_> = groups.iter().map(<[_; 1]>::as_slice).collect();
        Self::start_on(NatsServer::start(), &groups, pace, &["replicas"])
    }
}

impl<S: Servers> Fleet<S> {
    /// Starts one process for each group of roles on a server; `accept` names what is unsafe about it.
    pub fn start_on(nats: S, groups: &[&[&'static str]], pace: Pace, accept: &[&str]) -> Self {
        Self::start_with(nats, groups, pace, accept, &[])
    }

    /// The same, with more arguments.
    pub fn start_with(nats: S, groups: &[&[&'static str]], pace: Pace, accept: &[&str], more: &[&str]) -> Self {
        Self::start_each(nats, groups, pace, accept, |_| more.iter().copied().map(str::to_owned).collect())
    }

    /// The same, with more arguments for each group.
    pub fn start_each(
        nats: S,
        groups: &[&[&'static str]],
        pace: Pace,
        accept: &[&str],
        more: impl Fn(&[&str]) -> Vec<String>,
    ) -> Self {
        Self::start_as(binary(), nats, groups, pace, accept, more)
    }

    /// The same, of another build.
    pub fn start_as(
        binary: &Path,
        nats: S,
        groups: &[&[&'static str]],
        pace: Pace,
        accept: &[&str],
        more: impl Fn(&[&str]) -> Vec<String>,
    ) -> Self {
        let directory = TempDir::new().expect("a directory for the vault's key");
        let key = directory.path().join("vault.key");
        let mut fleet = Self { nats, members: Vec::new(), key, _directory: directory };
        for roles in groups {
            let arguments = fleet.arguments(roles, pace, accept).into_iter();
            let mut process = Process::new(arguments.chain(more(roles)), [("MUSTER_CONTEXT", "")]);
            process.becomes(binary);
            process.restart();
            fleet.members.push(Member { roles: roles.to_vec(), process });
        }
        fleet
    }

    fn arguments(&self, roles: &[&str], pace: Pace, accept: &[&str]) -> Vec<String> {
        let speed = pace.speed.to_string();
        let key = self.key.display().to_string();
        let nats = self.nats.urls_for(self.len()).join(",");
        let monitors = self.nats.monitor_urls();
        let all = [
            "serve",
            "--realm",
            "drill",
            "--exercise-starts-at",
            "2026-11-02T08:00:00Z",
            "--exercise-speed",
            &speed,
            "--journal",
            &nats,
            "--vault-key",
            &key,
            "--accept-development-tokens",
        ];
        let roles = roles.iter().flat_map(|role| ["--role", role]);
        let accept = accept.iter().flat_map(|name| ["--accept-unsafe-journal", name]);
        let monitors = monitors.iter().flat_map(|monitor| ["--nats-monitor", monitor]);
        all.into_iter().chain(monitors).chain(roles).chain(accept).map(str::to_owned).collect()
    }

    /// The file of the vault's key.
    pub fn vault_key(&self) -> &Path {
        &self.key
    }

    /// Stops every process that does not run this role.
    pub fn keep(&mut self, role: &str) {
        self.members.retain(|member| member.roles.contains(&role));
    }

    /// Asks every process of a role to stop, waits until it has, and starts it again.
    pub fn restart_role(&mut self, role: &str) {
        for member in self.members.iter_mut().filter(|member| member.roles.contains(&role)) {
            member.process.stop();
            member.process.restart();
        }
    }

    /// The places of a role's replicas among all.
    pub fn places(&self, role: &str) -> Vec<usize> {
        (0..).zip(&self.members).filter(|(_, member)| member.roles.contains(&role)).map(|(n, _)| n).collect()
    }

    /// Where the replicas of a role answer, in order.
    pub fn addresses(&self, role: &str) -> Vec<String> {
        let of_role = self.members.iter().filter(|member| member.roles.contains(&role));
        of_role.map(|member| member.process.address().to_owned()).collect()
    }

    /// Where the replicas of every role are called.
    pub fn endpoints(&self) -> Endpoints {
        let of = |role: &&str| {
            let of_role = self.members.iter().filter(|member| member.roles.contains(role));
            of_role.map(|member| member.process.endpoint()).collect()
        };
        ROLES.iter().map(|role| (*role, of(role))).collect()
    }

    /// The realm's journal, as somebody reads it who is none of its processes.
    pub async fn journal(&self) -> JetStream {
        connect(&self.nats).await
    }

    /// The same, as one of its processes sees it.
    pub async fn journal_for(&self, member: usize) -> JetStream {
        connect_at(&self.nats, self.nats.urls_for(member)).await
    }

    /// The realm's log.
    pub async fn log(&self) -> Vec<Entry> {
        read_log(&self.journal().await).await.expect("the log can be read")
    }

    /// Which process holds the desk just now, by its place among all.
    pub async fn holder(&self) -> Option<usize> {
        let client = async_nats::connect(self.nats.urls()).await.ok()?;
        let leases = jetstream::new(client).get_key_value("MUSTER_LEASES").await.ok()?;
        let holder = leases.get("drill.desk").await.ok()??;
        let is_holder = |member: &Member| holder.starts_with(format!("{} ", member.process.address()).as_bytes());
        self.members.iter().position(is_holder)
    }

    /// One process, by its place among all.
    pub fn process(&mut self, member: usize) -> &mut Process {
        self.members.get_mut(member).map(|member| &mut member.process).expect("one of ours")
    }

    /// Its processes, in order.
    pub fn processes(&mut self) -> Vec<&mut Process> {
        self.members.iter_mut().map(|member| &mut member.process).collect()
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
        let mut of_role = self.members.iter_mut().filter(|member| member.roles.contains(&role));
        if let Some(member) = of_role.nth(replica) {
            member.process.restart();
        }
    }
}
