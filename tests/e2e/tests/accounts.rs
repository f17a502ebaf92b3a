//! The accounts of `deploy/nats/accounts.conf`: with its own key each role does its part, and nothing else.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fs, path::Path, process::Output, time::Duration};

use async_nats::{ConnectOptions, Event, ServerError};
use muster_e2e::{
    cast::Cast,
    fleet::{Fleet, Pace, ROLES},
    nats::NatsServer,
    process::copy,
};
use nkeys::KeyPair;
use tempfile::TempDir;
use tokio::{sync::mpsc, time::timeout};

const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nats");

/// How long the server may take to say no.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whoever has a key: the roles, an operator, whoever looks at the servers themselves, and whoever brings back a backup.
const USERS: [&str; 8] = ["registry", "intake", "eligibility", "dispatch", "monitor", "operator", "system", "mender"];

/// The keys of all users, and the folder in which their seeds are.
struct Keys {
    keys: Vec<(&'static str, KeyPair)>,
    directory: TempDir,
}

impl Keys {
    /// New keys, and the configuration of a server that believes them.
    fn new() -> Self {
        let keys: Vec<_> = USERS.map(|user| (user, KeyPair::new_user())).into();
        let directory = TempDir::new().unwrap();
        let read = |name: &str| fs::read_to_string(format!("{DEPLOYED}/{name}")).unwrap();
        // The user that stands there as a comment, too.
        let accounts = read("accounts.conf").replace("#{ nkey: U…", "{ nkey: $NATS_MENDER").replace("#} }", "} }");
        let mut config = [read("single.conf"), accounts.replace("#    ", "    ")].concat();
        for (user, key) in &keys {
            let variable = format!("$NATS_{}", user.to_uppercase());
            assert!(config.contains(&variable), "accounts.conf knows no {user}");
            config = config.replace(&variable, &key.public_key());
            fs::write(directory.path().join(user), key.seed().unwrap()).unwrap();
        }
        fs::write(directory.path().join("nats.conf"), config).unwrap();
        Self { keys, directory }
    }

    /// An empty server with the accounts.
    fn server(&self) -> NatsServer {
        NatsServer::start_with(&self.directory.path().join("nats.conf"))
    }

    /// Where a user's seed is.
    fn seed(&self, user: &str) -> String {
        self.directory.path().join(user).display().to_string()
    }

    /// What the server forbids a user of these; all of them are tried.
    async fn forbids(&self, url: &str, user: &str, publishes: &[String], subscribes: &[String]) -> BTreeSet<String> {
        let seed = self.keys.iter().find(|(name, _)| *name == user).unwrap().1.seed().unwrap();
        let (said, mut heard) = mpsc::unbounded_channel();
        let client = ConnectOptions::with_nkey(seed).event_callback(move |event| {
            let said = said.clone();
            async move {
                if let Event::ServerError(ServerError::Other(why)) = event {
                    drop(said.send(why));
                }
            }
        });
        let client = client.connect(url).await.unwrap();
        for subject in publishes {
            client.publish(subject.clone(), "".into()).await.unwrap();
        }
        let mut listening = Vec::new();
        for subject in subscribes {
            listening.push(client.subscribe(subject.clone()).await.unwrap());
        }
        // Whatever is last is forbidden to everybody: then all before it was judged.
        client.subscribe("end".to_owned()).await.unwrap();
        client.flush().await.unwrap();
        let mut forbidden = BTreeSet::new();
        loop {
            let why = timeout(PATIENCE, heard.recv()).await.expect("the last is forbidden").unwrap();
            let subject = why.split('"').nth(1).unwrap_or_default().to_owned();
            if subject == "end" {
                return forbidden;
            }
            forbidden.insert(subject);
        }
    }
}

/// What belongs to one user alone, beside its own context's subjects.
fn of_others(user: &str) -> Vec<String> {
    let contexts = ["registry", "intake", "eligibility", "dispatch"].iter().filter(|context| **context != user);
    let mut subjects: Vec<_> = contexts.map(|context| format!("muster.drill.{context}.desk")).collect();
    let streams = ["MUSTER_DRILL", "KV_MUSTER_VAULT_DRILL", "KV_MUSTER_LEASES"];
    let calls = ["STREAM.DELETE", "STREAM.PURGE", "STREAM.UPDATE", "STREAM.MSG.DELETE", "DIRECT.GET", "STREAM.RESTORE"];
    subjects.extend(calls.iter().flat_map(|call| streams.iter().map(move |stream| format!("$JS.API.{call}.{stream}"))));
    if user != "registry" {
        subjects.extend(streams.map(|stream| format!("$JS.API.STREAM.CREATE.{stream}")));
    }
    if user != "intake" {
        subjects.push("$KV.MUSTER_VAULT_DRILL.somebody".to_owned());
    }
    if user != "dispatch" {
        subjects.push("$KV.MUSTER_LEASES.drill.desk".to_owned());
        subjects.push("$JS.API.STREAM.MSG.GET.KV_MUSTER_LEASES".to_owned());
        subjects.push("$JS.API.CONSUMER.CREATE.KV_MUSTER_LEASES".to_owned());
    }
    subjects
}

/// `muster journal copy` as the user of this seed.
fn copied(nats: &NatsServer, seed: &str, vault_key: &Path, from: &str, to: &str) -> Output {
    copy(nats, vault_key, from, to, &["--nats-credentials", seed])
}

#[tokio::test]
async fn each_role_does_its_part_with_its_key_and_nothing_else() {
    let keys = Keys::new();
    let groups = ROLES.map(|role| [role]);
    let groups: Vec<_> = groups.iter().map(<[_; 1]>::as_slice).collect();
    let fleet = Fleet::start_each(keys.server(), &groups, Pace { speed: 1 }, &["replicas"], |roles| {
        vec!["--nats-credentials".to_owned(), keys.seed(roles.first().unwrap())]
    });
    let mut cast = Cast::new(|role| fleet.addresses(role).first().unwrap().clone());
    cast.register(2).await;
    cast.help("fr").await;

    // A backup is the operator's to make, and the mender's to bring back.
    let backup = format!("embedded:{}", keys.directory.path().join("backup").display());
    let (url, empty, vault_key) = (fleet.nats.url(), keys.server(), fleet.vault_key());
    let made = copied(&fleet.nats, &keys.seed("operator"), vault_key, &url, &backup);
    assert!(made.status.success(), "{made:?}");
    let refused = copied(&empty, &keys.seed("operator"), vault_key, &backup, &empty.url());
    assert_eq!(refused.status.code(), Some(4), "an operator makes no streams: {refused:?}");
    let restored = copied(&empty, &keys.seed("mender"), vault_key, &backup, &empty.url());
    assert!(restored.status.success(), "{restored:?}");

    for user in ROLES {
        let publishes = of_others(user);
        let others = ROLES.iter().filter(|other| **other != user).map(|other| format!("_INBOX_{other}.>"));
        let subscribes: Vec<_> = others.chain(["muster.>".to_owned(), "$KV.>".to_owned(), ">".to_owned()]).collect();
        let expected: BTreeSet<_> = publishes.iter().chain(&subscribes).cloned().collect();
        assert_eq!(keys.forbids(&url, user, &publishes, &subscribes).await, expected, "{user}");
    }
}
