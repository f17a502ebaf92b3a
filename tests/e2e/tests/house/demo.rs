//! `muster demo` as a newcomer runs it: the real binary, in one process, and on a real nats-server.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
};

use muster_e2e::{
    nats::NatsServer,
    process::{binary, send},
};
use tempfile::TempDir;

/// What the demonstration says when everything ended as it should.
const ENDED_WELL: &str = "Everything ended as it should";

/// The binary, with its temporary files and its context file in `directory`.
fn muster(directory: &TempDir) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(directory.path()).stdin(Stdio::null());
    command.env("TMPDIR", directory.path()).env("MUSTER_CONTEXT", directory.path().join("context.json"));
    command.env_remove("MUSTER_LOG").env_remove("MUSTER_ADDRESS").env_remove("MUSTER_AS");
    command
}

/// What stands in a directory.
fn names(directory: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(directory.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[track_caller]
fn ended_well(Output { status, stdout, stderr }: Output) -> String {
    let (told, wrong) = (String::from_utf8(stdout).unwrap(), String::from_utf8_lossy(&stderr).into_owned());
    assert!(status.success() && told.contains(ENDED_WELL), "{told}\n{wrong}");
    assert_eq!(wrong, "");
    told
}

#[test]
fn the_story_ends_as_it_should_whoever_has_the_port_and_leaves_nothing_behind() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let directory = TempDir::new().unwrap();
    let told = ended_well(muster(&directory).args(["demo", "--once", "--listen", &listen]).output().unwrap());
    assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
    assert!(!told.contains('\u{1b}'), "nobody looks, so there is no colour");
    assert_eq!(names(&directory), [""; 0]);
}

#[test]
fn it_plays_on_a_nats_server_too_and_twice_on_the_same() {
    let (nats, directory) = (NatsServer::start(), TempDir::new().unwrap());
    let (journal, monitor) = (nats.url(), nats.monitor_url());
    let arguments = [
        "demo",
        "--once",
        "--listen",
        "127.0.0.1:0",
        "--journal",
        &journal,
        "--nats-monitor",
        &monitor,
        "--accept-unsafe-journal=replicas",
        "--vault-key",
        "vault.key",
    ];
    for _ in 0..2 {
        ended_well(muster(&directory).args(arguments).output().unwrap());
    }
}

/// A demonstration that stays; it is killed if the test fails.
struct Staying(Child);

impl Drop for Staying {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_stays_and_what_it_says_to_try_in_a_second_terminal_just_works() {
    let directory = TempDir::new().unwrap();
    let mut command = muster(&directory);
    command.args(["demo", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut staying = Staying(command.spawn().unwrap());
    let told = BufReader::new(staying.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told: Vec<String> = told.take_while(|line| !line.contains("Ctrl-C")).collect();
    assert!(told.iter().any(|line| line.contains(ENDED_WELL)), "{}", told.join("\n"));

    let program = binary().display().to_string();
    let to_try: Vec<&str> = told.iter().filter_map(|line| line.trim().strip_prefix(&program)).collect();
    assert_eq!(to_try.len(), 3, "{}", told.join("\n"));
    for words in to_try {
        let second = muster(&directory).args(words.split_whitespace()).output().unwrap();
        let answer = String::from_utf8_lossy(&second.stdout);
        let failure = String::from_utf8_lossy(&second.stderr);
        assert!(second.status.success() && !answer.trim().is_empty(), "{program}{words}: {failure}");
    }

    assert!(send("INT", staying.0.id()));
    assert!(staying.0.wait().unwrap().success());
    assert_eq!(names(&directory), [""; 0]);
}
