//! A request's way from the call to the report, by the words of the command line, against a Muster that runs.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use muster::cli::context::Context;
use muster_api::registry::v1::{
    Contract, EnrolProviderRequest, GetProviderRequest, Provider, registry_service_client::RegistryServiceClient,
};
use muster_runtime::ids;
use serde_json::Value;

/// A running Muster in memory. Dropping it ends it.
struct Muster {
    process: Child,
    context: PathBuf,
}

impl Muster {
    fn up(realm: &str) -> Self {
        let context = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.json", ids::new()));
        let mut command = Self::command(&context, &["up", "--journal", "memory", "--realm", realm]);
        let mut process =
            command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let known = Context::read(&context).unwrap().unwrap();
        assert_eq!((known.address.as_str(), known.realm.as_str()), (address.trim(), realm));
        Self { process, context }
    }

    fn command(context: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(words).env("MUSTER_CONTEXT", context).stdin(Stdio::null()).stderr(Stdio::piped());
        for name in ["MUSTER_ADDRESS", "MUSTER_AS", "MUSTER_JOURNAL", "MUSTER_LISTEN", "MUSTER_REALM"] {
            command.env_remove(name);
        }
        command
    }

    /// Gives a command, one word between two blanks.
    fn give(&self, words: &str) -> Output {
        Self::command(&self.context, &words.split(' ').collect::<Vec<_>>()).output().unwrap()
    }

    /// What a command that is done tells.
    #[track_caller]
    fn done(&self, words: &str) -> String {
        let output = self.give(words);
        let (told, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{words}: {:?}\n{told}\n{said}", output.status);
        told
    }

    /// The one document that a command tells as JSON.
    #[track_caller]
    fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{words} -o json"))).unwrap()
    }

    /// What a command that is not done says, its exit code checked.
    #[track_caller]
    fn refused(&self, words: &str, code: i32) -> String {
        let output = self.give(words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words}: {said}");
        assert!(output.stdout.is_empty());
        said
    }

    fn watch(&self, words: &str) -> Watch {
        let words: Vec<_> = words.split(' ').chain(["-o", "json"]).collect();
        let mut process =
            Self::command(&self.context, &words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Watch { process, lines }
    }
}

impl Drop for Muster {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A stream, a message a line. Dropping it ends it.
struct Watch {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Watch {
    /// The first that is looked for of the messages from here on.
    fn wait<T>(&mut self, look: impl Fn(&Value) -> Option<T>) -> T {
        let messages = self.lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let mut found = messages.filter_map(|message| look(&message));
        found.next().unwrap()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The position that a write answered with, as it is written on the command line.
fn position(answer: &Value) -> String {
    let at = &answer["position"];
    format!("{}.{}", at["sequence"].as_str().unwrap(), at["index"])
}

/// The offer that is pending, once there is one.
fn pending(message: &Value) -> Option<String> {
    let offers = message["offers"].as_array()?;
    let offer = offers.iter().find(|offer| offer["status"] == "pending")?;
    Some(offer["offer"].as_str()?.to_owned())
}

const OPEN: &str = "request open --from tests/files/cases.json --case DE-SYN-HAVEN --hospital hafenklinik-sued";

/// A Muster whose register is filled.
fn filled() -> Muster {
    let muster = Muster::up("story");
    assert_eq!(muster.done("registry import tests/files/parties.json").lines().count(), 4);
    assert_eq!(muster.done("registry import tests/files/roster.json").lines().count(), 5);
    muster
}

#[test]
fn from_the_call_to_the_report_by_word() {
    let muster = filled();
    let mut offers = muster.watch("watch offers");
    let opened = muster.done(OPEN);
    assert!(opened.starts_with("R-1 opened: Hafenklinik Süd, request "), "{opened}");
    assert!(muster.done("request endorse R-1").starts_with("R-1 endorsed by csirt-de (at "));
    let submitted = muster.json("request submit R-1");
    let why = muster.done(&format!("why R-1 --at-least {}", position(&submitted)));
    assert!(why.starts_with("incident class: pass (Art 15(1)): "), "{why}");
    assert!(muster.done("request decide R-1 --grant").starts_with("R-1 granted (at "));
    let offer = offers.wait(pending);
    let shown = muster.done(&format!("offer show {offer}"));
    assert!(shown.starts_with(&format!("{offer}  pending  P1\n")), "{shown}");
    let accepted = muster.done(&format!("offer accept {offer}"));
    assert!(
        accepted.starts_with(&format!("{offer} is accepted: the work is yours\nhospital  Hafenklinik Süd ")),
        "{accepted}"
    );
    assert_eq!(muster.refused(&format!("offer accept {offer} --as provider:t02"), 3).lines().count(), 3);
    muster.done(&format!("engagement stage {offer} on-task"));
    let extended = muster.json("engagement list")["engagements"][0]["endsAt"].clone();
    let later = muster.done(&format!("engagement extend {offer} --until +14d"));
    assert!(later.starts_with(&format!("{offer} lasts until ")), "{later}");
    assert_ne!(muster.json("engagement list")["engagements"][0]["endsAt"], extended);
    muster.done(&format!("engagement days {offer} 10"));
    muster.done(&format!("engagement complete {offer} --days 20"));
    let report = "request report R-1 --aim-reached yes --document-sha256";
    let mut page = muster.watch("watch request R-1");
    page.wait(|message| (message["page"]["card"]["state"] == "support-ended").then_some(()));
    muster.done(&format!("{report} {}", "0a".repeat(32)));
    page.wait(|message| (message["page"]["card"]["state"] == "closed").then_some(()));
    let ledger = muster.json("capacity --provider t01");
    let days = &ledger["lines"][0]["days"];
    assert_eq!((&days["used"], &days["free"]), (&20.into(), &180.into()), "{ledger}");
    let log = muster.done("log R-1");
    assert_eq!(log.lines().filter(|line| line.contains("intake.request.opened")).count(), 1, "{log}");
}

#[test]
fn what_was_can_be_looked_at_as_it_was() {
    let muster = filled();
    let opened = muster.json(OPEN);
    let then = position(&opened);
    let endorsed = position(&muster.json("request endorse R-1"));
    let now = muster.json(&format!("board --at-least {endorsed}"));
    assert_eq!(now["cards"][0]["state"], "endorsed");
    for words in [format!("as-of {then} board"), format!("board --as-of {then}")] {
        assert_eq!(muster.json(&words)["cards"][0]["state"], "opened", "{words}");
    }
    assert_eq!(muster.done("as-of 1.0 board"), "no request on the board\n");
    let log = muster.done(&format!("log R-1 --as-of {then} --at-least {endorsed}"));
    assert!(log.contains("intake.request.opened") && !log.contains("intake.request.endorsed"), "{log}");
    let said = muster.refused(&format!("request submit R-1 --as-of {then}"), 2);
    assert!(said.contains("a command cannot be given in the past\n"), "{said}");
}

#[test]
fn a_command_given_again_with_its_request_id_is_done_once() {
    let muster = filled();
    let id = ids::new();
    let first = muster.json(&format!("{OPEN} --request-id {id}"));
    assert_eq!(muster.json(&format!("{OPEN} --request-id {id}"))["request"], first["request"]);
    assert_eq!(muster.done(&format!("-q {OPEN}")).lines().count(), 1, "another request id, another request");
    let board = muster.json("request list");
    assert_eq!(board["cards"].as_array().unwrap().len(), 2);
}

/// A file with one of the invented cases, changed.
fn changed(id: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let text = std::fs::read_to_string("tests/files/cases.json").unwrap();
    let mut cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    cases.retain(|case| case["case_id"] == id);
    change(&mut cases[0]);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.json", ids::new()));
    std::fs::write(&path, serde_json::to_string(&cases).unwrap()).unwrap();
    path
}

#[test]
fn an_amendment_keeps_whom_to_call_unless_it_says_so() {
    let muster = filled();
    muster.done(&format!("{OPEN} --contact-name Deichgraf --contact-phone +49-555-0100"));
    let contact = || muster.json("request show R-1 --as hospital:hafenklinik-sued")["page"]["contact"].clone();
    let first = contact();
    assert_eq!((&first["name"], &first["phone"]), (&"Deichgraf".into(), &"+49-555-0100".into()));
    assert!(!first["narrative"].as_str().unwrap().is_empty());
    let silent = changed("DE-SYN-HAVEN", |case| case["request"]["known_at_request"]["summary"] = Value::Null);
    let amend = format!("request amend R-1 --from {}", silent.display());
    muster.done(&amend);
    assert_eq!(contact(), first);
    muster.done(&format!("{amend} --contact-phone +49-555-0199"));
    let now = contact();
    assert_eq!((&now["name"], &now["phone"]), (&first["name"], &"+49-555-0199".into()));
    assert_eq!(now["narrative"], first["narrative"]);
}

#[test]
fn nothing_is_registered_for_a_request_that_cannot_be_opened() {
    let muster = Muster::up("story");
    let unheard_of = changed("BE-SYN-WEBSITE", |case| case["request"]["requested_services"][0] = "x.unheard-of".into());
    let open = format!("request open --register --hospital linde --from {}", unheard_of.display());
    let said = muster.refused(&open, 2);
    let wrong = "\n  [0].request.requested_services has x.unheard-of, which is not in the catalogue (Art 14(7): types of \
                 services as data)\nNext: mend what is named and give the file again; nothing was sent\n";
    assert!(said.ends_with(wrong), "{said}");
    let fit = "request open --register --hospital linde --from tests/files/cases.json --case BE-SYN-WEBSITE";
    let said = muster.refused(&format!("{fit} --contact-phone EU-SECRET"), 2);
    assert!(said.contains("\n--contact-phone is marked EU SECRET"), "{said}");
    assert_eq!(muster.done("registry hospitals"), "no hospital that you may see\n");
    assert!(muster.done(fit).starts_with("R-1 opened: "));
    let said = muster.refused(&format!("request amend R-1 --from {}", unheard_of.display()), 2);
    assert!(said.ends_with(wrong), "{said}");
}

#[test]
fn an_exercise_in_the_live_realm_is_refused_by_its_place_in_the_file() {
    let muster = Muster::up("live");
    let open = "request open --register --hospital isle --from tests/files/cases.json --case EL-SYN-ISLE";
    let said = muster.refused(open, 2);
    let wrong =
        "\n  [1].request.exercise is set, and this is the live realm: use the exercise's own (house rule D15)\n";
    assert!(said.contains(wrong), "{said}");
    assert_eq!(muster.done("registry hospitals"), "no hospital that you may see\n");
}

#[test]
fn a_register_taken_in_again_changes_nothing() {
    let muster = filled();
    let head = |muster: &Muster| muster.json("log --subject registry")["entries"].as_array().unwrap().len();
    let before = head(&muster);
    muster.done("registry import tests/files/parties.json");
    muster.done("registry import tests/files/roster.json");
    assert_eq!(head(&muster), before);
    let output = muster.give("registry import tests/files/roster.json --until 2020-01-01T00:00:00Z -o json");
    assert_eq!(output.status.code(), Some(1), "a contract that ends before it begins is refused");
    let taken: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told =
        taken["entries"].as_array().unwrap().iter().map(|entry| (entry["id"].as_str().unwrap(), &entry["onRecord"]));
    let (yes, no) = (Value::Bool(true), Value::Bool(false));
    assert_eq!(told.collect::<Vec<_>>(), [("(2)", &yes), ("DE", &yes), ("EL", &yes), ("t01", &no), ("t02", &no)]);
}

fn by_operator<T>(message: T) -> tonic::Request<T> {
    let mut call = tonic::Request::new(message);
    call.metadata_mut().insert("authorization", "Bearer dev:operator:operator".parse().unwrap());
    call
}

#[test]
fn a_roster_takes_no_contract_away_that_it_does_not_tell_of() {
    let muster = filled();
    let context = Context::read(&muster.context).unwrap().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut client = RegistryServiceClient::connect(context.address).await.unwrap();
        let known = client
            .get_provider(by_operator(GetProviderRequest { read_at: None, provider: "t01".to_owned() }))
            .await
            .unwrap()
            .into_inner()
            .provider
            .unwrap();
        let first = &known.contracts[0];
        let until = first.until.map(|until| prost_types::Timestamp { seconds: until.seconds + 86_400, ..until });
        let second = Contract { contract: "c2".to_owned(), from: first.until, until, ..first.clone() };
        let provider = Some(Provider { contracts: [known.contracts.clone(), vec![second]].concat(), ..known });
        client.enrol_provider(by_operator(EnrolProviderRequest { request_id: String::new(), provider })).await.unwrap();
    });
    let output = muster.give("registry import tests/files/roster.json");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("provider t01: not taken: on record t01 has c2 too, and a roster tells of c1 alone\n"),
        "{told}"
    );
    assert!(told.contains("Next: send the whole record, ") && told.contains("provider t02: on record"), "{told}");
    let provider = muster.json("provider show t01");
    assert_eq!(provider["provider"]["contracts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_period_counted_from_now_is_the_same_command_only_as_it_was() {
    let muster = filled();
    let id = ids::new();
    let sign = format!("mandate sign --hospital hafenklinik-sued --as authority:csirt-de --request-id {id}");
    muster.done(&sign);
    let said = muster.refused(&sign, 1);
    assert!(
        said.contains("[REQUEST_ID_REUSED]") && said.contains("\nThe times are counted anew each time, "),
        "{said}"
    );
    let mandate = &muster.json("mandate list")["mandates"][0];
    let [from, until] = ["from", "until"].map(|time| mandate[time].as_str().unwrap());
    muster.done(&format!("{sign} --from {from} --until {until}"));
    assert_eq!(muster.json("mandate list")["mandates"].as_array().unwrap().len(), 1);
}

#[test]
fn cert_eu_submits_by_itself() {
    let muster = filled();
    muster.done(OPEN);
    muster.done("request endorse R-1 --as authority:cert-eu");
    let submitted = muster.give("request submit R-1");
    let said = String::from_utf8(submitted.stderr).unwrap();
    assert!(submitted.status.success(), "{said}");
    assert!(said.starts_with("acting as authority:cert-eu, which submits by itself\n"), "{said}");
}

#[test]
fn whoever_comes_too_early_is_told_what_comes_first() {
    let muster = filled();
    muster.done(OPEN);
    let said = muster.refused("request submit R-1", 2);
    assert!(said.ends_with("\nNext: endorse it first: muster request endorse R-1\n"), "{said}");
    let said = muster.refused("why R-1", 3);
    assert!(said.ends_with("\n  or: a request is judged once it is submitted: muster request list\n"), "{said}");
    let offers = muster.give("offer list");
    assert!(String::from_utf8(offers.stderr).unwrap().starts_with("Next: muster offer list --all "));
}

#[test]
fn a_mandate_is_signed_by_whom_it_names() {
    let muster = filled();
    let signed = muster.json("mandate sign --hospital hafenklinik-sued --as authority:csirt-de");
    let mandate = signed["mandate"].as_str().unwrap();
    muster.done(&format!("mandate countersign {mandate}"));
    assert_eq!(muster.json("mandate list")["mandates"][0]["state"], "countersigned");
    muster.done(&format!("mandate revoke {mandate} --reason over"));
    let said = muster.refused("mandate countersign m-9", 2);
    assert_eq!(said, "there is no mandate 'm-9'\nNext: see muster mandate list\n");
}

#[test]
fn a_doctor_elsewhere_finds_the_muster_that_runs_well() {
    let doctor = Muster::up("story").give("doctor --journal embedded:gone");
    let told = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.status.success() && told.contains("\njournal   none in gone: the Muster that runs "), "{told}");
}

#[test]
fn a_refusal_names_the_rule_and_the_way_out() {
    let muster = filled();
    let said = muster.refused(&OPEN.replace("hafenklinik-sued", "nobody"), 3);
    assert!(
        said.ends_with("\n  or: if the hospital is not on record yet, give the same command with --register\n"),
        "{said}"
    );
    muster.done(OPEN);
    let said = muster.refused("request return R-1 --reason other", 1);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], "acting as authority:csirt-de, the only one of DE");
    assert!(lines[lines.len() - 2].starts_with("Rule: ") && lines[lines.len() - 1].starts_with("Next: "), "{said}");
    let said = muster.refused("board --as provider:t01", 3);
    assert!(said.contains("[DENIED]"), "{said}");
    let said = muster.refused("request show R-1 --as hospital:isle", 3);
    assert_eq!(
        said,
        muster.refused("request show R-9 --as hospital:isle", 3).replace("R-9", "R-1"),
        "hidden is as missing"
    );
}
