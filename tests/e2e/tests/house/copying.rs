//! `muster journal copy`: a realm is backed up while it is served, and restored on other servers, log and vault alike.

use std::{path::Path, process::Command};

use muster_api::{
    monitor::v1::{GetRequestPageRequest, GetStatusRequest, ListEventsRequest, LogEntry, RequestPage},
    r#type::v1::ReadAt,
};
use muster_domain::kernel::Role;
use muster_e2e::{
    cast::Cast,
    fleet::{Fleet, Pace, ROLES},
    nats::{NatsServer, Servers},
    process::{self, Process, binary},
};
use muster_edge::testing::call;
use tempfile::TempDir;

const PACE: Pace = Pace { speed: 1 };

/// What `muster journal copy` tells, or its exit code and what it says.
fn copy(nats: &NatsServer, key: &Path, from: &str, to: &str) -> Result<String, (Option<i32>, String)> {
    let output = process::copy(nats, key, from, to, &[]);
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err((output.status.code(), String::from_utf8(output.stderr).unwrap()))
    }
}

/// Everything that anybody may see of a request: its page as its hospital sees it, whom to call among it, and the log.
async fn seen(cast: &Cast, request: &str) -> (RequestPage, Vec<LogEntry>) {
    // A process answers before it has read all of the log.
    let status = cast.monitor.clone().get_status(call(Role::Auditor, "a", GetStatusRequest {})).await.unwrap();
    let read_at = Some(ReadAt { as_of: None, at_least: status.into_inner().head });
    let message = GetRequestPageRequest { read_at, request: request.to_owned() };
    let page = cast.monitor.clone().get_request_page(call(Role::Hospital, "h-fr", message)).await.unwrap();
    let events = cast
        .monitor
        .clone()
        .list_events(call(Role::Auditor, "a", ListEventsRequest { read_at, ..Default::default() }))
        .await
        .unwrap();
    let page = page.into_inner().page.unwrap();
    assert!(page.contact.is_some(), "whom to call is known");
    (page, events.into_inner().entries)
}

#[tokio::test]
async fn a_realm_is_backed_up_while_it_is_served_and_restored_elsewhere() {
    let fleet = Fleet::start_on(NatsServer::start(), &[&ROLES], PACE, &["replicas"]);
    let mut cast = Cast::new(|role| fleet.addresses(role).first().unwrap().clone());
    cast.register(2).await;
    let request = cast.help("fr").await;
    let (url, key) = (fleet.nats.urls().remove(0), fleet.vault_key().to_owned());

    let directory = TempDir::new().unwrap();
    let backup = format!("embedded:{}", directory.path().join("backup").display());
    let told = copy(&fleet.nats, &key, &url, &backup).unwrap();
    assert!(told.contains(" 0 were there") && told.ends_with("whom to call in 1 cases\n"), "{told}");
    cast.open("fr").await;
    let told = copy(&fleet.nats, &key, &url, &backup).unwrap();
    assert!(!told.contains(" 0 were there") && told.ends_with("whom to call in 2 cases\n"), "{told}");
    let then = seen(&cast, &request).await;

    // Rows are made anew and compared while the realm is served.
    let rows = directory.path().join("rows").display().to_string();
    for word in ["rebuild", "verify"] {
        let (monitor, key) = (fleet.nats.monitor_url(), key.display().to_string());
        let kept = ["--realm", "drill", "--journal", &url, "--nats-monitor", &monitor, "--vault-key", &key];
        let accept = ["--accept-unsafe-journal", "replicas", "--dir", &rows];
        let made = Command::new(binary()).args(["projections", word]).args(kept).args(accept).output().unwrap();
        assert!(made.status.success(), "{word}: {}", String::from_utf8_lossy(&made.stderr));
    }

    // The backup is a realm like any other: a process serves it as it is.
    let mut up = Process::start(["up", "--realm", "drill", "--listen", "127.0.0.1:0", "--journal", &backup]);
    let address = up.address().to_owned();
    assert_eq!(seen(&Cast::new(|_| address.clone()), &request).await, then);
    up.stop();

    let (other, new_key) = (NatsServer::start(), directory.path().join("other.key"));
    let other_url = other.url();
    copy(&other, &new_key, &backup, &other_url).unwrap();
    let told = copy(&other, &new_key, &backup, &other_url).unwrap();
    assert!(told.contains(": 0 records written"), "{told}");
    let (code, said) = copy(&other, &new_key, &other_url, &url).unwrap_err();
    assert_eq!(code, Some(2), "{said}");
    let monitor = other.monitor_url();
    let new_key = new_key.display().to_string();
    let with = ["--realm", "drill", "--journal", &other_url, "--nats-monitor", &monitor, "--vault-key", &new_key];
    let roles = ROLES.map(|role| ["--role", role]).into_iter().flatten();
    let words = ["serve", "--accept-development-tokens", "--accept-unsafe-journal", "replicas"].into_iter().chain(with);
    let mut serving = Process::start(words.chain(roles));
    let address = serving.address().to_owned();
    let restored = Cast::new(|_| address.clone());
    assert_eq!(seen(&restored, &request).await, then);

    // Both go on, each by itself: then neither is a copy of the other any more.
    for _ in 0..5 {
        cast.open("fr").await;
    }
    let mut theirs = restored;
    theirs.open("es").await;
    let third = format!("embedded:{}", directory.path().join("third").display());
    copy(&fleet.nats, &key, &url, &third).unwrap();
    let (code, said) = copy(&other, Path::new(&new_key), &third, &other_url).unwrap_err();
    assert!(code == Some(1) && said.contains("the realm is served where the copy is to be"), "{code:?} {said}");
    assert!(serving.stop().success());
    let (code, said) = copy(&other, Path::new(&new_key), &third, &other_url).unwrap_err();
    assert!(code == Some(1) && said.contains("of the copy is another"), "{code:?} {said}");
}
