//! Every stored form that was ever written is still read as it was meant, and written as it was.
#![expect(clippy::expect_used, reason = "a folder that cannot be read or written fails every test at once")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use muster_golden::samples;
use muster_journal::stored::{EVENT_TYPES, Frame, decode, encode, event_type};

/// What somebody has to do, if anything.
type Todo = Option<String>;

#[test]
fn every_file_is_still_read_as_its_text_says() {
    settle(files().iter().map(|(name, bytes)| match decode(bytes) {
        Ok(frame) => text_holds(name, &frame),
        Err(error) => Some(format!("{name}.bin must be read for ever, and is not: {error}")),
    }));
}

#[test]
fn every_file_is_still_written_as_it_was() {
    settle(files().iter().map(|(name, bytes)| bytes_hold(name, &decode(bytes).ok()?, bytes)));
}

#[test]
fn every_sample_is_in_its_file() {
    let files = files();
    settle(samples::all().iter().map(|(name, frame)| sample_is_in(files.get(name), name, frame)));
}

#[test]
fn every_event_type_and_version_has_a_file() {
    let files = files();
    settle(EVENT_TYPES.iter().copied().flatten().map(|known| {
        let found = files.contains_key(&format!("events/{known}"));
        (!found).then(|| format!("events/{known}.bin is not there: write a sample of it in src/samples.rs"))
    }));
}

fn text_holds(name: &str, frame: &Frame) -> Todo {
    let text = text_of(name, frame);
    if fs::read_to_string(path(name, "txt")).is_ok_and(|kept| kept == text) {
        return None;
    }
    propose(name, "txt", text.as_bytes());
    Some(format!(
        "{name}.bin is not read as {name}.txt says. If that is meant, rename {name}.txt.proposed to {name}.txt; if not, mend \
         the reading"
    ))
}

/// An older version is read only: what it holds would be written in the newest.
fn bytes_hold(name: &str, frame: &Frame, bytes: &[u8]) -> Todo {
    let mut events = frame.commits.iter().flat_map(|commit| &commit.events);
    let older = events.any(|event| name.starts_with("events/") && !is_of(name, &event_type(event).to_string()));
    (!older && encode(frame) != bytes).then(|| {
        format!(
            "what {name}.bin holds would now be written otherwise. Stored bytes never change: undo that, or make a new version \
             (journal/src/stored.rs says how)"
        )
    })
}

fn sample_is_in(file: Option<&Vec<u8>>, name: &str, frame: &Frame) -> Todo {
    let bytes = encode(frame);
    if file.is_some_and(|file| *file == bytes) {
        return None;
    }
    propose(name, "bin", &bytes);
    propose(name, "txt", text_of(name, frame).as_bytes());
    Some(match file {
        None => format!("{name}.bin is new: if {name}.txt.proposed says what is meant, rename both .proposed files"),
        Some(_) => format!(
            "the sample of {name} would not be written as {name}.bin. Stored bytes never change: leave a new field out of this \
             sample and show it in a variation with a word of its own, or make a new version. Only if no log holds this yet, \
             rename both .proposed files"
        ),
    })
}

/// What a golden text says: the events of an event's file, all of a frame's.
fn text_of(name: &str, frame: &Frame) -> String {
    match frame.commits.as_slice() {
        [commit] if name.starts_with("events/") => format!("{:#?}\n", commit.events),
        _ => format!("{frame:#?}\n"),
    }
}

/// Whether the file `name` is of this event type and version.
fn is_of(name: &str, event_type: &str) -> bool {
    name.strip_prefix("events/")
        .and_then(|rest| rest.strip_prefix(event_type))
        .is_some_and(|word| word.is_empty() || word.starts_with('.'))
}

/// The bytes of every golden file, by its path without the ending.
fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in ["events", "frames"] {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let file = entry.expect("an entry").path();
            let name = file.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
            if let Some(stem) = name.strip_suffix(".bin") {
                files.insert(format!("{folder}/{stem}"), fs::read(&file).expect("the file is readable"));
            }
        }
    }
    files
}

/// Tests run in their crate's folder.
fn path(name: &str, ending: &str) -> PathBuf {
    PathBuf::from(format!("{name}.{ending}"))
}

fn propose(name: &str, ending: &str, content: &[u8]) {
    fs::write(path(name, &format!("{ending}.proposed")), content).expect("the folder is writable");
}

/// Fails with everything that is to do.
#[track_caller]
fn settle(todos: impl Iterator<Item = Todo>) {
    let todos: Vec<String> = todos.flatten().collect();
    assert!(todos.is_empty(), "in tests/golden:\n{}", todos.join("\n"));
}
