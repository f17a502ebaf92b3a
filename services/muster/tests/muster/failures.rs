//! How a command fails, and what a running Muster leaves for the next terminal.

use std::{
    io,
    path::{Path, PathBuf},
};

use muster::{
    cli::{
        context::{Context, Signpost},
        failure::Failure,
    },
    exit::{EXIT_CODES, Exit},
    node::StartError,
    serve::ServeError,
    storage::StorageError,
    upkeep::UpkeepError,
};
use muster_domain::kernel::{FieldViolation, RealmId, Refusal, RefusalKind, Role};
use muster_journal::{embedded::OpenError, jetstream::ConnectError};
use muster_runtime::{access::Action, ids, status};
use tonic::Status;

fn refusal(kind: RefusalKind) -> Refusal {
    Refusal {
        reason: "FACTS_INVALID",
        kind,
        rule: "Art 15(5)",
        says: "the facts cannot stand: facts.nuts[0] is BE10 (Art 15(5)(a)); facts.tlp is missing (TLP)".to_owned(),
        way_out: "correct these fields",
        fields: Vec::new(),
    }
}

fn code(status: Status) -> u8 {
    Exit::from(&Failure::from(status)).code()
}

#[test]
fn every_kind_of_answer_has_its_exit_code() {
    for (kind, expected) in [
        (RefusalKind::Invalid, 1),
        (RefusalKind::AlreadyExists, 1),
        (RefusalKind::Precondition, 1),
        (RefusalKind::NotFound, 3),
        (RefusalKind::Denied, 3),
        (RefusalKind::Unavailable, 4),
        (RefusalKind::Broken, 5),
    ] {
        assert_eq!(code(status::refused(&refusal(kind))), expected, "{kind:?}");
    }
    let field = FieldViolation { field: "request".to_owned(), rule: "proto", says: "is missing".to_owned() };
    for (status, expected) in [
        (status::unreadable(&[field]), 2),
        (status::not_found("request", "r-1"), 3),
        (status::denied(Role::Provider, Action::Decide), 3),
        (status::unauthenticated("who calls?", "say so"), 3),
        (status::busy(), 4),
        (status::stopping(), 4),
        (status::clock_off("the clock is off", "set it right"), 4),
        (status::too_large(1), 1),
        (status::fault("a fault"), 5),
        (Status::unavailable("connection refused"), 4),
        (Status::deadline_exceeded("too late"), 4),
        (Status::unimplemented("another server"), 5),
    ] {
        let says = status.to_string();
        assert_eq!(code(status), expected, "{says}");
    }
    assert_eq!(Exit::from(&Failure::usage("wrong", "right")).code(), 2);
    assert_eq!(Exit::from(&Failure::Fault("broken".to_owned())).code(), 5);
    assert_eq!(
        Exit::from(&Failure::Output(io::ErrorKind::BrokenPipe.into())).code(),
        0,
        "whoever reads has seen enough"
    );
    assert_eq!(Exit::from(&Failure::Output(io::ErrorKind::StorageFull.into())).code(), 5);
    for documented in 0..=5 {
        assert!(EXIT_CODES.contains(&format!("\n  {documented}  ")), "{documented}");
    }
}

#[test]
fn every_way_not_to_start_has_its_exit_code() {
    let (dir, realm) = (PathBuf::from("muster-data"), RealmId::parse("practice").unwrap());
    let held = OpenError::Held { dir: dir.clone() };
    let foreign = OpenError::Foreign { dir: dir.clone(), realm: realm.clone(), what: "photographs".to_owned() };
    let corrupt = OpenError::Corrupt { dir: dir.clone(), last_good: 7, what: "record 8 is gone".to_owned() };
    let system = |kind: io::ErrorKind| StorageError::Embedded(OpenError::Io { dir: dir.clone(), source: kind.into() });
    for (error, exit) in [
        (held.into(), Exit::Unavailable),
        (foreign.into(), Exit::Usage),
        (corrupt.into(), Exit::Fault),
        (system(io::ErrorKind::PermissionDenied), Exit::Usage),
        (system(io::ErrorKind::StorageFull), Exit::Unavailable),
        (ConnectError::Invalid("no address".to_owned()).into(), Exit::Usage),
        (ConnectError::Unavailable("nobody answers".to_owned()).into(), Exit::Unavailable),
        (ConnectError::Differs { stream: "MUSTER".to_owned(), differences: Vec::new() }.into(), Exit::Refused),
        (StorageError::Unsafe(Vec::new()), Exit::Refused),
        (StorageError::NoKey, Exit::Usage),
        (StorageError::NoJournal(dir.clone()), Exit::Usage),
        (StorageError::NoVault(dir.clone()), Exit::Usage),
    ] {
        let says = error.to_string();
        assert_eq!(Exit::from(&StartError::from(error)), exit, "{says}");
    }
    assert_eq!(Exit::from(&StartError::NotOpen(realm)), Exit::Usage);
    assert_eq!(Exit::from(&StartError::Realm(refusal(RefusalKind::AlreadyExists))), Exit::Refused);
    assert_eq!(Exit::from(&StartError::Realm(refusal(RefusalKind::Unavailable))), Exit::Unavailable);
    assert_eq!(Exit::from(&ServeError::Ended("a task failed".to_owned())), Exit::Fault);
    assert_eq!(Exit::from(&UpkeepError::Unwell(1)), Exit::Refused);
    assert_eq!(Exit::from(&UpkeepError::Differ(1)), Exit::Refused);
}

#[test]
fn a_refusal_tells_what_is_wrong_every_field_the_rule_and_the_way_out() {
    let field = |field: &str, rule: &'static str, says: &str| FieldViolation {
        field: field.to_owned(),
        rule,
        says: says.to_owned(),
    };
    let fields = vec![field("facts.nuts[0]", "Art 15(5)(a)", "is BE10"), field("facts.tlp", "TLP", "is missing")];
    let told =
        Failure::from(status::refused(&Refusal { fields: fields.clone(), ..refusal(RefusalKind::Invalid) })).told();
    let expected = "the facts cannot stand\n  facts.nuts[0] is BE10 (Art 15(5)(a))\n  facts.tlp is missing (TLP)\n\
                    Rule: Art 15(5) [FACTS_INVALID]\nNext: correct these fields";
    assert_eq!(told, expected);
    let told = Failure::from(status::unreadable(&fields)).told();
    let expected = "the call cannot be read\n  facts.nuts[0] is BE10 (Art 15(5)(a))\n  facts.tlp is missing (TLP)\n\
                    Rule: the call's description in proto/ [UNREADABLE_FIELDS]\n\
                    Next: correct the fields named and send the call again";
    assert_eq!(told, expected);
    let told = Failure::from(status::not_found("offer", "o-9")).told();
    let expected = "there is no offer 'o-9' that you may see\nRule: own cases only [NOT_FOUND]\n\
                    Next: list what you may see, and see that the id is right";
    assert_eq!(told, expected);
}

/// A place of its own for each test.
fn place() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(ids::new().to_string()).join("muster").join("context.json")
}

#[test]
fn a_context_is_read_as_it_was_written_by_this_user_alone() {
    let (path, context) = (place(), Context::development("http://127.0.0.1:7400", "practice"));
    assert_eq!(Context::read(&path).unwrap(), None);
    context.write(&path).unwrap();
    assert_eq!(Context::read(&path).unwrap().as_ref(), Some(&context));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let officer = context.caller(Role::Officer).unwrap();
    assert_eq!((officer.role, officer.principal.as_str()), (Role::Officer, "duty"));
    assert_eq!(context.caller(Role::Provider), None, "nobody acts for an organisation unless they are named");
    let names: Vec<_> =
        std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["context.json"], "nothing half written is left");
}

#[test]
fn a_muster_that_ends_removes_its_own_context_and_no_other() {
    let (path, first) = (place(), Context::development("http://127.0.0.1:7400", "practice"));
    let second = Context { address: "http://127.0.0.1:7401".to_owned(), ..first.clone() };
    first.write(&path).unwrap();
    second.write(&path).unwrap();
    first.remove(&path).unwrap();
    assert_eq!(Context::read(&path).unwrap().as_ref(), Some(&second));
    second.remove(&path).unwrap();
    assert_eq!(Context::read(&path).unwrap(), None);
    second.remove(&path).unwrap();
}

#[test]
fn a_muster_that_was_killed_leaves_no_way_behind_once_it_ran_again() {
    let (path, realm) = (place(), RealmId::parse("practice").unwrap());
    let [one, two] = ["127.0.0.1:7400", "127.0.0.1:7401"].map(|address| address.parse().unwrap());
    Context::development("http://127.0.0.1:7400", "practice").write(&path).unwrap();
    drop(Signpost::set_up_at(path.clone(), one, &realm).unwrap());
    assert_eq!(Context::read(&path).unwrap(), None);
    let first = Signpost::set_up_at(path.clone(), one, &realm).unwrap();
    drop(Signpost::set_up_at(path.clone(), two, &realm).unwrap());
    assert_eq!(Context::read(&path).unwrap().unwrap().address, "http://127.0.0.1:7400", "another one still runs");
    drop(first);
    assert_eq!(Context::read(&path).unwrap(), None);
}

#[test]
fn a_context_that_says_something_else_is_refused_by_its_place() {
    let path = place();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    for text in [r#"{"address": "x", "realm": "live", "colour": "red"}"#, r#"{"address": "x"}"#, "nothing"] {
        std::fs::write(&path, text).unwrap();
        let error = Context::read(&path).unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert_eq!(Exit::from(&Failure::from(error)).code(), 2);
    }
}
