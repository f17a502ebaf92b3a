//! How the code is written: short, formatted, finished, and of no particular machine.
#![cfg(test)]

use std::process::Command;

use muster_tidy::{File, files, nothing, scripts, top};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Files that may be longer, each with the reason.
const LONG_FILES: [(&str, &str); 1] =
    [("services/domain/src/intake/request_table.rs", "one table, every cell of state and command, read as a whole")];

/// Endings of files that people write.
const WRITTEN: &[&str] =
    &[".rs", ".toml", ".proto", ".md", ".sh", ".py", ".yaml", ".yml", ".conf", ".json", ".ts", ".svelte", ".css"];

/// What must not stand in the code, and what to write instead. Cut in two, so that this list does not find itself.
const BANNED: [(&str, &str, &str); 7] = [
    ("to", "do!(", "finish it, or leave it out"),
    ("unimpl", "emented!(", "finish it, or leave it out"),
    ("d", "bg!(", "say it with tracing, or not at all"),
    ("FIX", "ME", "mend it, or say in the tracker what is left"),
    ("TO", "DO", "do it, or say in the tracker what is left"),
    ("#[al", "low(", "write #[expect(.., reason = \"..\")]"),
    ("#![al", "low(", "write #![expect(.., reason = \"..\")]"),
];

/// Where the machines of those who write this keep their things.
const MACHINE_PATHS: [(&str, &str); 5] =
    [("/wo", "rk/"), ("/fa", "rm/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Use", "rs/")];

/// Every Rust file of the house.
fn code() -> Vec<File> {
    let mut code = files("services", &[".rs"]);
    code.extend(files("tests", &[".rs"]));
    assert!(code.len() > 20, "the code was not found");
    code
}

#[test]
fn nothing_is_unfinished_or_hushed_up() {
    let mut wrong = Vec::new();
    for File { path, text } in code() {
        for (line, number) in text.lines().zip(1..) {
            let found = BANNED.iter().filter(|(a, b, _)| line.contains(&format!("{a}{b}")));
            wrong.extend(found.map(|(a, b, instead)| format!("{path}:{number}: {a}{b}: {instead}")));
        }
    }
    nothing(wrong);
}

#[test]
fn documentation_holds_no_code_that_would_have_to_be_run() {
    let mut wrong = Vec::new();
    for File { path, text } in code() {
        let mut is_within = false;
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim_start();
            let Some(marks) = line.strip_prefix("//!").or_else(|| line.strip_prefix("///")) else { continue };
            let Some(kind) = marks.trim_start().strip_prefix("```") else { continue };
            if !is_within && !["text", "json"].contains(&kind) {
                wrong.push(format!("{path}:{number}: write ```text, or a test: rustdoc would take it for code"));
            }
            is_within = !is_within;
        }
    }
    nothing(wrong);
}

#[test]
fn no_path_is_of_one_machine() {
    // In a longer path or an address it is a part like any other.
    let begins = |before: &str| !before.ends_with(|c: char| c.is_ascii_alphanumeric() || "._}*".contains(c));
    let mut wrong = Vec::new();
    for File { path, text } in files("", WRITTEN).into_iter().chain(scripts()) {
        for (line, number) in text.lines().zip(1..) {
            for of in MACHINE_PATHS.map(|(a, b)| format!("{a}{b}")) {
                if line.match_indices(&of).any(|(at, _)| begins(&line[..at])) {
                    wrong.push(format!("{path}:{number}: {of} is a path of one machine"));
                }
            }
        }
    }
    nothing(wrong);
}

#[test]
fn files_are_short() {
    let mut long = code();
    long.extend(files("proto", &[".proto"]));
    long.retain(|file| file.text.lines().count() > FILE_LINES_MAX);
    let excused = |path: &str| LONG_FILES.iter().any(|(excused, _)| *excused == path);
    let too_long = long
        .iter()
        .filter(|file| !excused(&file.path))
        .map(|file| format!("{}: {} lines, {FILE_LINES_MAX} are enough", file.path, file.text.lines().count()));
    let excused_for_nothing = LONG_FILES
        .iter()
        .filter(|(excused, _)| !long.iter().any(|file| file.path == *excused))
        .map(|(excused, reason)| format!("{excused}: not long any more, strike out the excuse '{reason}'"));
    nothing(too_long.chain(excused_for_nothing).collect());
}

#[test]
fn functions_are_short() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for File { path, text } in code() {
        let functions = functions(&text);
        seen += functions.len();
        let long = functions.into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
        wrong.extend(long.map(|Function { name, line, lines }| {
            format!("{path}:{line}: fn {name} has {lines} lines, {FUNCTION_LINES_MAX} are enough")
        }));
    }
    assert!(seen > 100, "the functions were not found");
    nothing(wrong);
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// The functions of a formatted file: each ends at the first line that is its indentation and a closing brace.
fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line.trim_start()) else { continue };
        let end = format!("{}}}", " ".repeat(line.len() - line.trim_start().len()));
        let length =
            match lines[at..].iter().position(|line| *line == end || line.ends_with(';') && !line.starts_with(' ')) {
                _ if line.ends_with('}') || line.ends_with(';') => 1,
                Some(length) => length + 1,
                None => continue,
            };
        found.push(Function { name: name.to_owned(), line: at + 1, lines: length });
    }
    found
}

/// The name of the function that begins on this line.
fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split(' ');
    words
        .find(|word| !["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe"].contains(word))
        .filter(|w| *w == "fn")?;
    words.next()?.split(['(', '<']).next()
}

#[test]
fn functions_are_measured_from_their_first_line_to_their_last() {
    let text = "pub const fn a() -> u8 {\n    1\n}\n\n    async fn b(\n        x: u8,\n    ) {\n        if x > 0 {\n        }\n    }\n// fn c()\n";
    let found: Vec<_> = functions(text).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
    assert_eq!(found, [("a".to_owned(), 1, 3), ("b".to_owned(), 5, 6)]);
}

#[test]
fn the_code_is_formatted() {
    let check = Command::new(env!("CARGO")).args(["fmt", "--all", "--check"]).current_dir(top()).output().unwrap();
    assert!(check.status.success(), "run cargo fmt --all\n{}", String::from_utf8_lossy(&check.stdout));
}
