//! The accounts of `deploy/nats/accounts.conf`: with its own key each role does its part, and nothing else.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, ServerError};
use futures::StreamExt;
use muster_e2e::{
    cast::Cast,
    cluster::{Cluster, SIZE},
    fleet::{Fleet, Pace, ROLES},
    nats::{Home, NatsServer, Servers},
    process::copy,
};
use nkeys::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::mpsc, time::timeout};

const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nats");

/// How long the server may take to say no.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whoever has a key: the roles, an operator, whoever looks at the servers themselves, and whoever brings back a backup.
const USERS: [&str; 8] = ["registry", "intake", "eligibility", "dispatch", "monitor", "operator", "system", "mender"];

fn deployed(name: &str) -> String {
    fs::read_to_string(format!("{DEPLOYED}/{name}")).unwrap()
}

/// The keys of all users, and the folder in which their seeds are.
struct Keys {
    keys: Vec<(&'static str, KeyPair)>,
    directory: TempDir,
}

impl Keys {
    fn new() -> Self {
        let keys: Vec<_> = USERS.map(|user| (user, KeyPair::new_user())).into();
        let directory = TempDir::new().unwrap();
        for (user, key) in &keys {
            fs::write(directory.path().join(user), key.seed().unwrap()).unwrap();
        }
        Self { keys, directory }
    }

    /// A server's configuration with the accounts, in which these keys are believed.
    fn config(&self, server: &str, accounts: &str) -> PathBuf {
        let mut config = [&deployed(server), accounts].concat();
        for (user, key) in &self.keys {
            config = config.replace(&format!("$NATS_{}", user.to_uppercase()), &key.public_key());
        }
        assert!(!config.contains("nkey: $NATS_"), "accounts.conf knows somebody else, too");
        let path = self.directory.path().join(server);
        fs::write(&path, config).unwrap();
        path
    }

    /// An empty server with the accounts, and with the user that stands there as a comment.
    fn server(&self) -> NatsServer {
        let accounts = deployed("accounts.conf").replace("#{ nkey: U…", "{ nkey: $NATS_MENDER").replace("#} }", "} }");
        NatsServer::start_with(&self.config("single.conf", &accounts.replace("#    ", "    ")))
    }

    /// Three, that keep every record three times, as they are deployed.
    fn servers(&self) -> Cluster {
        let config = self.config("three.conf", &deployed("accounts.conf"));
        Cluster::start_at(&config, vec![Home::default(); SIZE])
    }

    fn key(&self, user: &str) -> &KeyPair {
        &self.keys.iter().find(|(name, _)| *name == user).unwrap().1
    }

    /// A connection of a user.
    async fn connect(&self, urls: Vec<String>, user: &str) -> Client {
        let seed = self.key(user).seed().unwrap();
        let inbox = if ROLES.contains(&user) { format!("_INBOX_{user}") } else { "_INBOX".to_owned() };
        ConnectOptions::with_nkey(seed).custom_inbox_prefix(inbox).connect(urls).await.unwrap()
    }

    /// Where a user's seed is.
    fn seed(&self, user: &str) -> String {
        self.directory.path().join(user).display().to_string()
    }

    /// What the server forbids a user of these; all of them are tried.
    async fn forbids(&self, url: &str, user: &str, publishes: &[String], subscribes: &[String]) -> BTreeSet<String> {
        let seed = self.key(user).seed().unwrap();
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
            // Of what is asked for streams, it names what was meant.
            let subject = why.split('"').nth(1).unwrap_or_default().replace("KEPT.", "$JS.API.");
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
    // It would sweep the lease away, told to by a header.
    subjects.push("$KV.MUSTER_LEASES.anything".to_owned());
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

/// Lets everything that a user may ask be answered there.
async fn ask_for(client: &Client, place: &str) {
    let asked = json!({ "stream_name": "MUSTER_DRILL", "config": { "ack_policy": "none" } });
    let questions = [
        ("STREAM.INFO.MUSTER_DRILL", json!({})),
        ("STREAM.MSG.GET.MUSTER_DRILL", json!({ "seq": 1 })),
        ("CONSUMER.CREATE.MUSTER_DRILL", asked.clone()),
    ];
    for (question, asked) in questions {
        let subject = format!("$JS.API.{question}");
        client.publish_with_reply(subject, place.to_owned(), asked.to_string().into()).await.unwrap();
    }
    let made = client.request("$JS.API.CONSUMER.CREATE.MUSTER_DRILL", asked.to_string().into()).await.unwrap();
    let made: Value = serde_json::from_slice(&made.payload).unwrap();
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.MUSTER_DRILL.{}", made.get("name").and_then(Value::as_str).unwrap());
    let few = json!({ "batch": 9, "no_wait": true }).to_string();
    client.publish_with_reply(next.clone(), place.to_owned(), few.clone().into()).await.unwrap();
    // Whatever was asked before is answered before.
    let inbox = client.new_inbox();
    let mut heard = client.subscribe(inbox.clone()).await.unwrap();
    client.publish_with_reply(next, inbox, few.into()).await.unwrap();
    let first = timeout(PATIENCE, heard.next()).await.expect("it reads the log").unwrap();
    assert!(first.subject.starts_with("muster.drill."), "it reads a record: {first:?}");
}

/// The log's last record.
async fn last(operator: &Client) -> u64 {
    let told = operator.request("$JS.API.STREAM.INFO.MUSTER_DRILL", "".into()).await.unwrap();
    let told: Value = serde_json::from_slice(&told.payload).unwrap();
    told.pointer("/state/last_seq").and_then(Value::as_u64).unwrap()
}

#[tokio::test]
async fn servers_are_lost_and_each_role_goes_on_with_its_key() {
    let keys = Keys::new();
    let groups = ROLES.map(|role| [role]);
    let groups: Vec<_> = groups.iter().map(<[_; 1]>::as_slice).collect();
    let mut fleet = Fleet::start_each(keys.servers(), &groups, Pace { speed: 1 }, &[], |roles| {
        vec!["--nats-credentials".to_owned(), keys.seed(roles.first().unwrap())]
    });
    let mut cast = Cast::new(|role| fleet.addresses(role).first().unwrap().clone());
    cast.register(2).await;
    cast.help("fr").await;
    let operator = keys.connect(fleet.nats.urls(), "operator").await;
    let leads = async |n: usize| {
        let told = operator.request("$JS.API.STREAM.INFO.MUSTER_DRILL", "".into()).await.unwrap();
        let told: Value = serde_json::from_slice(&told.payload).unwrap();
        told["cluster"]["leader"] == format!("n{}", n + 1)
    };
    let mut leader = 0;
    while !leads(leader).await {
        leader += 1;
    }
    fleet.nats.node(leader).kill();
    cast.help("es").await;
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

    let operator = keys.connect(fleet.nats.urls(), "operator").await;
    let before = last(&operator).await;
    for user in ROLES.into_iter().chain(["operator"]) {
        let other = if user == "dispatch" { "intake" } else { "dispatch" };
        let (client, victim) =
            (keys.connect(fleet.nats.urls(), user).await, keys.connect(fleet.nats.urls(), other).await);
        ask_for(&client, &format!("muster.drill.{other}.desk")).await;
        assert_eq!(last(&operator).await, before, "what {user} asks is answered into the log");

        let inbox = victim.new_inbox();
        let mut heard = victim.subscribe(inbox.clone()).await.unwrap();
        victim.flush().await.unwrap();
        ask_for(&client, &inbox).await;
        victim.publish_with_reply("$JS.API.STREAM.INFO.KV_MUSTER_LEASES", inbox, "".into()).await.unwrap();
        let first = timeout(PATIENCE, heard.next()).await.expect("it is answered").unwrap();
        let own = String::from_utf8_lossy(&first.payload).into_owned();
        assert!(own.contains("KV_MUSTER_LEASES"), "{other} is told what {user} asked: {own}");
    }

    // Whoever may make a realm's streams makes no more once they are there: it could let one write in another's name.
    let registry = keys.connect(fleet.nats.urls(), "registry").await;
    let more = json!({
        "name": "MORE", "subjects": ["muster.more.registry.*"],
        "republish": { "src": "muster.more.registry.*", "dest": "muster.drill.dispatch.{{wildcard(1)}}" },
    });
    let made = registry.request("$JS.API.STREAM.CREATE.MORE", more.to_string().into()).await.unwrap();
    let made: Value = serde_json::from_slice(&made.payload).unwrap();
    assert_eq!(made["error"]["err_code"], 10027, "{made}");

    let publishes = ["$JS.API.STREAM.PURGE.KV_MUSTER_LEASES", "$SYS.REQ.CLAIMS.PACK"].map(str::to_owned);
    let subscribes = [">", "$NRG.>", "$JS.>"].map(str::to_owned);
    let expected: BTreeSet<_> = publishes.iter().chain(&subscribes).cloned().collect();
    assert_eq!(keys.forbids(&url, "system", &publishes, &subscribes).await, expected, "system");

    for user in ROLES {
        let publishes = of_others(user);
        let others = ROLES.iter().filter(|other| **other != user).map(|other| format!("_INBOX_{other}.>"));
        let subscribes: Vec<_> = others.chain(["muster.>".to_owned(), "$KV.>".to_owned(), ">".to_owned()]).collect();
        let expected: BTreeSet<_> = publishes.iter().chain(&subscribes).cloned().collect();
        assert_eq!(keys.forbids(&url, user, &publishes, &subscribes).await, expected, "{user}");
    }
}
