//! The command line as a user meets it, before any Muster runs.

use std::{
    io::Read,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use muster::{
    cli::context::Context,
    storage::{NatsOptions, Storage},
};
use muster_domain::kernel::RealmId;
use muster_runtime::ids;

/// A place of its own for each test's context.
fn place() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.json", ids::new()))
}

fn muster_with(context: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(words).env("MUSTER_CONTEXT", context).env_remove("MUSTER_ADDRESS").env_remove("MUSTER_AS");
    command.output().unwrap()
}

fn muster(words: &[&str]) -> Output {
    muster_with(&place(), words)
}

/// What a failed command tells, its exit code checked. Nothing stands on stdout.
#[track_caller]
fn told(output: &Output, code: i32) -> String {
    let told = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert_eq!(String::from_utf8(output.stdout.clone()).unwrap(), "");
    told
}

#[test]
fn help_says_every_noun_and_what_the_exit_codes_mean() {
    let output = muster(&["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for noun in [
        "request",
        "why",
        "override",
        "policy",
        "offer",
        "engagement",
        "package",
        "provider",
        "capacity",
        "mandate",
        "registry",
        "board",
        "watch",
        "log",
        "as-of",
        "stats",
        "status",
    ] {
        assert!(help.contains(&format!("\n  {noun}  ")) || help.contains(&format!("\n  {noun} ")), "{noun}\n{help}");
    }
    assert!(help.trim_end().ends_with("5  a fault"), "{help}");
}

#[test]
fn wrong_usage_is_two() {
    for words in [
        &["dance"][..],
        &["request"],
        &["request", "show"],
        &["request", "show", "Rouen"],
        &["request", "decide", "R-1"],
        &["request", "decide", "R-1", "--grant", "--refuse", "--reason", "x"],
        &["request", "decide", "R-1", "--refuse"],
        &["request", "decide", "R-1", "--partly"],
        &["request", "resolve", "R-1", "--reason", "x"],
        &["request", "resolve", "R-1", "--size", "large", "--annex", "I", "--reason", "x"],
        &["override", "propose", "R-1", "--bands", "9-9-9-9-9", "--reason", "x"],
        &["board", "--as", "nobody"],
        &["board", "--as-of", "yesterday"],
        &["board", "--output", "yaml"],
        &["watch", "request", "R-1", "--until", "asessed"],
        &["registry", "import"],
    ] {
        told(&muster(words), 2);
    }
}

#[test]
fn a_process_that_cannot_start_says_why_in_the_right_exit_code() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let (gone, file) = (place(), place());
    std::fs::write(&file, "no journal").unwrap();
    let [gone, file] = [gone, file].map(|path| format!("embedded:{}", path.display()));
    let serve = ["serve", "--role", "intake", "--journal", "memory"];
    for (words, code, says) in [
        (&["up", "--journal", "memory", "--listen", "0.0.0.0:0"][..], 2, "can be reached from other machines"),
        (&["up", "--journal", "memory", "--listen", &taken], 4, "choose another with --listen"),
        (&["up", "--journal", &file], 2, "cannot be used"),
        (&serve, 2, "--accept-development-tokens"),
        (&[&serve[..], &["--accept-development-tokens"]].concat(), 2, "is not open yet"),
        (&["projections", "verify", "--journal", &gone], 2, "say where it is with --journal"),
    ] {
        let told = told(&muster(words), code);
        assert!(told.contains(says) && told.lines().count() == 1, "{told}");
    }
    let doctor = muster(&["doctor", "--journal", &gone]);
    assert_eq!(doctor.status.code(), Some(1), "{doctor:?}");
    assert!(String::from_utf8(doctor.stdout).unwrap().contains("\njournal   there is no journal"));
    assert_eq!(String::from_utf8(doctor.stderr).unwrap(), "1 to mend; see above\n");
}

#[test]
fn pages_and_completions_come_from_the_words_themselves() {
    let dir = place();
    let written = muster(&["man", dir.to_str().unwrap()]);
    assert!(written.status.success(), "{written:?}");
    let pages = names(&dir);
    for page in ["muster.1", "muster-request-open.1", "muster-journal-copy.1"] {
        assert!(pages.iter().any(|name| name.ends_with(page)), "{page} is not among {pages:?}");
    }
    let page = std::fs::read_to_string(dir.join("muster-offer-accept.1")).unwrap();
    assert!(page.contains("accept") && page.contains("\\-\\-request\\-id"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(muster(&["completions", shell]).stdout).unwrap();
        assert!(script.contains("engagement") && script.contains("request-id"), "{shell}");
    }
    let nowhere = muster(&["man", "/proc/none"]);
    assert!(told(&nowhere, 2).contains("/proc/none"), "{nowhere:?}");
}

#[test]
fn a_key_for_nats_is_made_once_and_for_its_owner_alone() {
    let file = place();
    let made = muster(&["config", "nats-key", file.to_str().unwrap()]);
    let public = String::from_utf8(made.stdout).unwrap();
    assert!(public.starts_with('U') && public.trim().len() == 56, "{public}");
    let seed = std::fs::read_to_string(&file).unwrap();
    assert!(seed.starts_with("SU"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = muster(&["config", "nats-key", file.to_str().unwrap()]);
    assert!(told(&again, 2).contains("no key was made"), "{again:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), seed, "what is there is kept");
}

#[test]
fn a_crash_that_nobody_understands_is_refused() {
    let mut up = Command::new(env!("CARGO_BIN_EXE_muster"));
    up.args(["up", "--journal", "memory", "--listen", "127.0.0.1:0"]).env("MUSTER_CRASH_AT", "append-don:1");
    let told = told(&up.output().unwrap(), 2);
    assert!(told.starts_with("MUSTER_CRASH_AT is 'append-don:1', and must be BOUNDARY:N"), "{told}");
    assert!(told.contains("append-done, ") && told.ends_with("; or unset it\n"), "{told}");
}

/// Everything in a directory, by name.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn whoever_looks_after_a_realm_makes_nothing_that_is_missing() {
    let dir = place().with_extension("");
    std::fs::create_dir(&dir).unwrap();
    let journal = format!("embedded:{}", dir.display());
    let give = |words: &[&str]| muster(&[words, &["--journal", &journal]].concat());
    std::fs::write(dir.join("letter"), "unrelated").unwrap();
    let none = format!("there is no journal in {}: say where it is with --journal embedded:DIR", dir.display());
    let doctor = give(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(String::from_utf8(doctor.stdout).unwrap().ends_with(&format!("\njournal   {none}\n")));
    assert_eq!(told(&give(&["projections", "verify"]), 2), format!("{none}\n"));
    assert_eq!(names(&dir), ["letter"]);

    let (spec, realm) = (journal.parse().unwrap(), RealmId::parse("practice").unwrap());
    let kept = tokio::runtime::Runtime::new().unwrap().block_on(Storage::open(&spec, &realm, &NatsOptions::default()));
    drop(kept.unwrap());
    assert!(give(&["doctor"]).status.success());
    let no_rows = give(&["projections", "verify"]);
    assert_eq!(String::from_utf8(no_rows.stdout).unwrap(), "there are no rows\n");
    assert_eq!(names(&dir), ["journal", "letter", "vault", "vault.key"], "looking left nothing");

    std::fs::remove_file(dir.join("vault.key")).unwrap();
    let lost = format!("{} is missing, without which ", dir.join("vault.key").display());
    let doctor = give(&["doctor"]);
    assert_eq!(doctor.status.code(), Some(1));
    assert!(String::from_utf8(doctor.stdout).unwrap().contains(&format!("\njournal   {lost}")));
    for words in [&["projections", "verify"][..], &["up", "--listen", "127.0.0.1:0"]] {
        let told = told(&give(words), 2);
        assert!(told.starts_with(&lost) && told.contains("restore it from a backup"), "{told}");
    }
    assert_eq!(names(&dir), ["journal", "letter", "vault"]);
}

#[test]
fn a_doctor_waits_not_for_ever_and_tells_json_too() {
    let place = place();
    // It takes the line, and never says anything.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", hangs.local_addr().unwrap());
    Context::development(&address, "practice").write(&place).unwrap();
    let doctor = muster_with(&place, &["doctor", "--journal", "memory", "-o", "json"]);
    assert_eq!(doctor.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let found: Vec<_> =
        told["findings"].as_array().unwrap().iter().map(|one| (&one["about"], &one["toMend"])).collect();
    let (yes, no) = (true.into(), false.into());
    assert_eq!(found, [(&"running".into(), &yes), (&"journal".into(), &no), (&"log".into(), &no)]);
    assert!(told["findings"][0]["says"].as_str().unwrap().starts_with(&format!("nothing answers at {address}, ")));
}

#[test]
fn options_that_would_do_nothing_are_refused() {
    for (words, says) in [
        (
            &["up", "--output", "json"][..],
            "--output does nothing for `muster up`\nNext: give the command without --output\n",
        ),
        (
            &["serve", "--role", "intake", "--journal", "memory", "--as-of", "3.0"],
            "--as-of does nothing for `muster serve`\n",
        ),
        (
            &["demo", "--request-id", "018f3c1e-0000-7000-8000-000000000001"],
            "--request-id does nothing for `muster demo`\n",
        ),
        (&["projections", "verify", "-o", "json"], "--output does nothing for `muster projections`\n"),
        (&["doctor", "--at-least", "3.0"], "--at-least does nothing for `muster doctor`\n"),
        (&["status", "--as-of", "3.0"], "--as-of does nothing for `muster status`, which tells how things stand now\n"),
        (&["watch", "board", "--at-least", "3.0"], "--at-least does nothing for `muster watch`, "),
        (
            &["log", "--follow", "--as-of", "3.0", "--as", "auditor:a"],
            "--as-of does nothing for `muster log --follow`, ",
        ),
        (
            &["request", "endorse", "3f1c", "--as", "authority:a", "--at-least", "3.0"],
            "a command waits for no position\n",
        ),
    ] {
        let told = told(&muster(words), 2);
        assert!(told.starts_with(says), "{told}");
    }
}

#[test]
fn with_no_muster_the_way_out_is_to_start_one() {
    let told_without = told(&muster(&["board", "--as", "auditor:a"]), 4);
    assert_eq!(
        told_without,
        "no muster runs here\nNext: start one with `muster up`, or say where it is: --address http://HOST:PORT\n"
    );
    // Nobody answers at port 1 of this machine.
    let told_gone = told(&muster(&["board", "--as", "auditor:a", "--address", "http://127.0.0.1:1"]), 4);
    assert!(told_gone.starts_with("no muster answers at http://127.0.0.1:1: "), "{told_gone}");
    assert!(told_gone.ends_with("\nNext: start it with `muster up`, or say where it is: --address http://HOST:PORT\n"));
    let told_nonsense = told(&muster(&["board", "--as", "auditor:a", "--address", "not an address"]), 2);
    assert!(told_nonsense.contains("--address http://HOST:PORT"), "{told_nonsense}");
}

/// A server that takes calls and hangs up, and where it is.
fn hangs_up() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for line in listener.incoming() {
            let mut begun = [0; 512];
            // Whatever came, and whether anything did: nothing is answered.
            let _ = line.unwrap().read(&mut begun);
        }
    });
    address
}

#[test]
fn whether_a_command_was_done_is_open_only_once_it_was_sent() {
    let id = "018f3c1e-0000-7000-8000-000000000001";
    let give = |request: &str, address: &str| {
        let words = ["request", "endorse", request, "--as", "authority:a", "--request-id", id, "--address", address];
        told(&muster(&words), 4)
    };
    let told_sent = give("3f1c", &hangs_up());
    let open = format!(
        "\nWhether it was done is not known: with --request-id {id} it is done once, however often it is given\n"
    );
    assert!(told_sent.ends_with(&open), "{told_sent}");
    let told_unsent = give("3f1c", "http://127.0.0.1:1");
    assert!(told_unsent.contains("; nothing was sent\n") && !told_unsent.contains("not known"), "{told_unsent}");
    // The request is looked up first: that line breaks before the command is given.
    let told_before = give("R-1", &hangs_up());
    assert!(!told_before.contains("not known"), "{told_before}");
    let address = hangs_up();
    let open =
        ["request", "open", "--from", "tests/files/cases.json", "--case", "BE-SYN-WEBSITE", "--address", &address];
    let told_open = told(&muster(&open), 4);
    assert!(told_open.ends_with("\nThe command was not sent: give it again once muster answers\n"), "{told_open}");
}

#[test]
fn a_context_says_where_muster_is_and_who_is_on_duty() {
    let place = place();
    Context::development("http://127.0.0.1:1", "practice").write(&place).unwrap();
    let told_board = told(&muster_with(&place, &["board"]), 4);
    assert!(told_board.starts_with("no muster answers at http://127.0.0.1:1: "), "{told_board}");
    let told_mandate = told(&muster_with(&place, &["mandate", "sign", "--hospital", "linde"]), 2);
    assert_eq!(told_mandate, "nobody is known who acts as authority\nNext: say who acts: --as authority:ID\n");
    std::fs::write(&place, "{").unwrap();
    let told_broken = told(&muster_with(&place, &["board"]), 2);
    assert!(told_broken.contains(&place.display().to_string()), "{told_broken}");
}

#[test]
fn without_a_context_whoever_acts_is_named() {
    for (words, role) in [
        (&["request", "endorse", "R-1"][..], "authority"),
        (&["request", "submit", "R-1"], "spoc"),
        (&["request", "decide", "R-1", "--grant"], "officer"),
        (&["offer", "accept", "o-1"], "provider"),
        (&["registry", "services"], "auditor"),
    ] {
        let told = told(&muster(words), 2);
        assert_eq!(told, format!("nobody is known who acts as {role}\nNext: say who acts: --as {role}:ID\n"));
    }
}

#[test]
fn a_file_that_cannot_be_taken_is_told_before_anybody_is_asked() {
    let unknown = ["request", "open", "--from", "tests/files/unknown-fields.json", "--case", "LT-SYN-SILENT"];
    let told_unknown = told(&muster(&unknown), 2);
    assert!(
        told_unknown.starts_with("tests/files/unknown-fields.json cannot be taken:\n  [2].entity.beds"),
        "{told_unknown}"
    );
    assert!(told_unknown.ends_with("Next: mend what is named and give the file again; nothing was sent\n"));
    let told_which = told(&muster(&["request", "open", "--from", "tests/files/cases.json"]), 2);
    assert_eq!(
        told_which,
        "tests/files/cases.json has 4 cases: DE-SYN-HAVEN, EL-SYN-ISLE, BE-SYN-WEBSITE, LT-SYN-SILENT\n\
         Next: say which: --case ID\n"
    );
    let told_gone = told(&muster(&["registry", "import", "tests/files/gone.json"]), 2);
    assert!(told_gone.starts_with("tests/files/gone.json cannot be read: "), "{told_gone}");
    let told_wrong = told(&muster(&["registry", "import", "tests/files/wrong-roster.json"]), 2);
    assert_eq!(told_wrong.lines().count(), 11, "{told_wrong}");
}

#[test]
fn what_is_not_used_of_a_case_is_said_and_nothing_else_is_asked() {
    let words = ["request", "open", "--from", "tests/files/cases.json", "--case", "BE-SYN-WEBSITE"];
    let told_open = told(&muster(&words), 4);
    let (first, rest) = told_open.split_once('\n').unwrap();
    assert!(first.starts_with("not used, ") && first.contains("care_impact") && first.ends_with("sources"), "{first}");
    assert!(rest.starts_with("no muster runs here\n"), "{rest}");
    let quiet = told(&muster(&[&words[..], &["-q"]].concat()), 4);
    assert!(quiet.starts_with("no muster runs here\n"), "{quiet}");
}

#[test]
fn nobody_gives_a_command_in_the_past() {
    let words = ["request", "decide", "3f1c", "--grant", "--as", "officer:a", "--as-of", "3.0"];
    let told = told(&muster(&words), 2);
    assert!(told.starts_with("a command cannot be given in the past\n"), "{told}");
}
