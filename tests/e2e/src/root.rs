//! What only root may do to a machine: mounts and networks.

use std::{
    io::Write,
    process::{Command, Output},
};

/// What mounts and networks are made with, each as it is asked for its version.
const TOOLS: [&str; 4] = ["ip -V", "mkfs.ext4 -V", "mount -V", "findmnt -V"];

/// Whether this process may mount and may make networks, and has what it takes. If not, says aloud what is skipped and how it is
/// run.
pub fn may(what: &str, test: &str) -> bool {
    let tried = Command::new("unshare").args(["--mount", "--net", "true"]).output();
    let may = tried.is_ok_and(|tried| tried.status.success());
    let lacks: Vec<_> =
        TOOLS.into_iter().filter(|tool| !is_there(tool)).filter_map(|tool| tool.split(' ').next()).collect();
    let may = may && lacks.is_empty();
    if !may {
        // Written past libtest, which keeps what a passing test prints to itself.
        let lacks = if lacks.is_empty() { String::new() } else { format!("; this machine lacks {}", lacks.join(", ")) };
        let says = format!(
            "SKIPPED: {what}. It mounts file systems or joins networks, which only root may{lacks}. \
             Run it as root: cargo test --package muster-e2e --test {test}\n"
        );
        drop(std::io::stderr().write_all(says.as_bytes()));
    }
    may
}

fn is_there(command: &str) -> bool {
    let (program, option) = command.split_once(' ').unwrap_or((command, ""));
    Command::new(program).arg(option).output().is_ok()
}

/// Runs a command that must succeed; gives what it says.
pub(crate) fn run(command: &str) -> String {
    let done = output(command);
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// Runs a command that takes something away. Whoever cleans up goes on with the rest, also after a panic.
pub(crate) fn undo(command: &str) {
    let done = output(command);
    if !done.status.success() {
        let says = format!("{command}: {}\n", String::from_utf8_lossy(&done.stderr));
        drop(std::io::stderr().write_all(says.as_bytes()));
    }
}

/// Words are separated by spaces, and no path of ours has one.
fn output(command: &str) -> Output {
    let mut words = command.split(' ');
    let program = words.next().expect("a command has a name");
    Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program} does not run: {error}"))
}
