//! A configuration file as whoever runs Muster meets it: what is wrong is named with its rule and the way out.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;

fn muster(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    for name in ["MUSTER_CONFIG", "MUSTER_REALM", "MUSTER_JOURNAL", "MUSTER_LISTEN", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
        command.env_remove(name);
    }
    command.args(words).output().unwrap()
}

/// A file that says this, in a directory of its own.
fn file(text: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("muster.toml");
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const WRONG: &[(&str, &[&str])] = &[
    ("listen = ", &["is not TOML", "line 1"]),
    ("listen = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"", &["is not TOML", "duplicate key"]),
    ("lisen = \"127.0.0.1:7400\"", &["'lisen'", "'listen' may be meant", "muster config generate"]),
    ("nats_monitor = []", &["'nats_monitor'", "'nats-monitor' may be meant"]),
    ("password = \"secret\"", &["'password'", "muster config generate"]),
    ("config = \"other.toml\"", &["'config'"]),
    ("[journal]\nat = \"memory\"", &["journal = { at = \"memory\" }", "a text", "e.g. journal ="]),
    ("listen = 7400", &["listen = 7400", "a text"]),
    ("listen = \"localhost\"", &["listen = \"localhost\"", "socket address"]),
    ("listen = \"127.0.0.1:70000\"", &["listen = \"127.0.0.1:70000\"", "socket address"]),
    ("admin-listen = \"9464\"", &["admin-listen = \"9464\"", "socket address"]),
    ("role = \"intake\"", &["role = \"intake\"", "a list of texts"]),
    ("role = [1]", &["role = [1]", "a list of texts"]),
    ("role = [\"triage\"]", &["role = \"triage\"", "registry, intake, eligibility, dispatch, monitor"]),
    ("journal = \"redis://x\"", &["journal = \"redis://x\"", "write memory, embedded:DIR or nats://HOST:PORT"]),
    ("journal = \"embedded:\"", &["journal = \"embedded:\"", "embedded:DIR"]),
    ("realm = \"Live!\"", &["realm = \"Live!\""]),
    ("exercise-speed = 0", &["exercise-speed = \"0\"", "1"]),
    ("exercise-speed = \"fast\"", &["exercise-speed = \"fast\"", "a number"]),
    ("exercise-speed = 1.5", &["exercise-speed = \"1.5\"", "invalid digit"]),
    ("exercise-starts-at = \"tomorrow\"", &["exercise-starts-at = \"tomorrow\"", "2026-11-02T08:00:00Z"]),
    ("accept-development-tokens = \"yes\"", &["accept-development-tokens = \"yes\"", "true or false"]),
    ("trace-share = 1.5", &["trace-share = \"1.5\"", "from 0 to 1"]),
    ("trace-share = \"all\"", &["trace-share = \"all\"", "a number"]),
    ("log-format = \"xml\"", &["log-format = \"xml\"", "human or json"]),
    ("nats-monitor = \"http://n1:8222\"", &["nats-monitor = \"http://n1:8222\"", "a list of texts"]),
];

#[test]
fn whatever_is_wrong_is_named_with_its_rule_and_the_way_out() {
    for (wrong, says) in WRONG {
        let (_directory, path) = file(wrong);
        for words in [&["config", "check", text(&path)][..], &["serve", "--config", text(&path)]] {
            let output = muster(words);
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{wrong}: {told}");
            assert!(told.starts_with(text(&path)), "{wrong}: the file is not named: {told}");
            for part in *says {
                assert!(told.contains(part), "{wrong}: {part} is not in: {told}");
            }
        }
    }
    let output = muster(&["config", "check", "/nowhere/muster.toml"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("/nowhere/muster.toml cannot be read"), "{told}");
}

#[test]
fn the_command_line_counts_before_the_environment_and_that_before_the_file() {
    let (_directory, path) = file(
        "realm = \"drill\"\nrole = [\"intake\", \"monitor\"]\njournal = \"memory\"\nexercise-speed = 60\n\
         exercise-starts-at = 2026-11-02T08:00:00Z\naccept-development-tokens = true\nlog-format = \"json\"\n",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["config", "dump", "--config", text(&path), "--role", "dispatch"])
        .env("MUSTER_LOG_FORMAT", "human")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8(output.stderr).unwrap());
    for line in [
        "realm = \"drill\"  # the file",
        "role = [\"dispatch\"]  # the command line",
        "exercise-speed = 60  # the file",
        "accept-development-tokens = true  # the file",
        "log-format = \"human\"  # the environment",
        "trace-share = 1  # the default",
    ] {
        assert!(told.lines().any(|known| known == line), "{line} is not in:\n{told}");
    }
    let mut check = Command::new(env!("CARGO_BIN_EXE_muster"));
    let checked = check.args(["config", "check", text(&path)]).env("MUSTER_LISTEN", "nowhere").output().unwrap();
    assert!(checked.status.success(), "what the environment says is none of the file's fault");
    let (_directory, dumped) = file(&told);
    let output = muster(&["config", "check", text(&dumped)]);
    assert!(output.status.success(), "what is dumped can be taken: {}", String::from_utf8(output.stderr).unwrap());
}

#[test]
fn every_setting_is_generated_with_its_meaning_and_the_schema_is_the_committed_one() {
    let told = |word| String::from_utf8(muster(&["config", word]).stdout).unwrap();
    let generated = told("generate");
    for setting in ["#listen = \"127.0.0.1:0\"", "#role = [", "#trace-share = 1", "#accept-development-tokens = false"]
    {
        assert!(generated.contains(setting), "{setting} is not in:\n{generated}");
    }
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/muster.schema.json");
    let schema = told("schema");
    let known = fs::read_to_string(committed).unwrap_or_default();
    assert_eq!(known, schema, "muster config schema > deploy/muster.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["additionalProperties"], false);
}
