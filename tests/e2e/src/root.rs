//! What only root may do to a machine: mounts and networks.

use std::{
    io::Write,
    process::{Command, Output},
};

/// Whether this process may mount and may make networks. If not, says aloud what is skipped and how it is run.
pub fn may(what: &str, test: &str) -> bool {
    let tried = Command::new("unshare").args(["--mount", "--net", "true"]).output();
    let may = tried.is_ok_and(|tried| tried.status.success());
    if !may {
        // Written past libtest, which keeps what a passing test prints to itself.
        let says = format!(
            "SKIPPED: {what}. It mounts file systems or joins networks, which only root may. \
             Run it as root: cargo test --package muster-e2e --test {test}\n"
        );
        drop(std::io::stderr().write_all(says.as_bytes()));
    }
    may
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
