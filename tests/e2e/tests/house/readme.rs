//! What the README says, done.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use muster_e2e::process::{Process, binary};
use tempfile::TempDir;

/// Where Muster's sources are, seen from the tests.
const ROOT: &str = "../..";

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap()
}

/// What stands between the fences after `heading`: the first block of this language, or that begins with this text.
fn block(heading: &str, begins: &str) -> String {
    let text = readme();
    let (_, after) = text.split_once(heading).expect("the heading is there");
    let (_, after) = after.split_once(&format!("```{begins}")).expect("the block is there");
    let (block, _) = after.split_once("```").expect("it ends");
    block.to_owned()
}

/// A Muster as `muster up` starts it, with a context file of its own.
struct Up {
    process: Process,
    directory: TempDir,
}

impl Up {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let context = directory.path().join("context.json");
        let journal = format!("embedded:{}", directory.path().join("data").display());
        let process = Process::start_with(
            ["up", "--listen", "127.0.0.1:0", "--journal", &journal],
            [("MUSTER_CONTEXT", context.display().to_string())],
        );
        Self { process, directory }
    }

    /// Runs a line of the README.
    fn run(&self, line: &str) -> Output {
        let words = shell_words(line);
        let (muster, args) = words.split_first().unwrap();
        assert_eq!(muster, "muster", "{line}");
        Command::new(binary())
            .args(args)
            .current_dir(ROOT)
            .env("MUSTER_CONTEXT", self.directory.path().join("context.json"))
            .output()
            .unwrap()
    }
}

/// The words of a line without its comment; double quotes hold a word together.
fn shell_words(line: &str) -> Vec<String> {
    let line = line.split(" #").next().unwrap_or_default();
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            c => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[test]
fn the_five_minutes_go_as_they_are_told() {
    let up = Up::start();
    let tour = block("In a second terminal:", "\n");
    let lines: Vec<_> = tour.lines().filter(|line| line.starts_with("muster ")).collect();
    assert!(lines.len() >= 10, "the tour was not found");
    for line in lines {
        let said = up.run(line);
        let told = String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
        assert!(said.status.success() && !told.contains("no offer that you may see"), "{line}\n{told}");
    }
    let engaged = up.run("muster watch request R-1 --until engaged");
    assert!(engaged.status.success(), "{}", String::from_utf8_lossy(&engaged.stderr));
}

#[test]
fn a_stranger_opens_endorses_submits_accepts_and_watches_from_the_readme_alone() {
    let up = Up::start();
    for file in ["people", "reserve"] {
        let said = up.run(&format!("muster registry import services/muster/demo/{file}.json"));
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
    let installed = Command::new(Path::new(ROOT).join("scripts/grpc-python")).output().unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let address = up.process.address().trim_start_matches("http://").to_owned();
    let program = block("## From any language", "python\n").replace("127.0.0.1:7400", &address);
    let said = Command::new("python3")
        .args(["-c", &program])
        .env("PYTHONPATH", String::from_utf8(installed.stdout).unwrap().trim())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{told}\n{}", String::from_utf8_lossy(&said.stderr));
    assert!(told.contains("Art 15(1)") && told.contains("mobilising"), "{told}");
}
