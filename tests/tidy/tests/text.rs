//! How the code is written: short, formatted, finished, and of no particular machine.
#![cfg(test)]

use std::process::Command;

use muster_tidy::{File, files, top};

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// Files that may be longer, each with the reason.
const LONG_FILES: [(&str, &str); 0] = [];

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
fn nothing_unfinished_or_hushed_up() {
    for File { path, text } in code() {
        for (number, line) in text.lines().enumerate() {
            for (a, b, instead) in BANNED {
                assert!(!line.contains(&format!("{a}{b}")), "{path}:{}: {a}{b}: {instead}", number + 1);
            }
        }
    }
}

#[test]
fn no_path_of_one_machine() {
    for File { path, text } in files("", WRITTEN) {
        for (number, line) in text.lines().enumerate() {
            for (a, b) in MACHINE_PATHS {
                let machine_path = format!("{a}{b}");
                let found = line.match_indices(&machine_path).any(|(at, _)| {
                    // In a longer path or an address it is a part like any other.
                    !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "._}*".contains(c))
                });
                assert!(!found, "{path}:{}: {machine_path} is a path of one machine", number + 1);
            }
        }
    }
}

#[test]
fn files_are_short() {
    let mut long = code();
    long.extend(files("proto", &[".proto"]));
    long.retain(|file| file.text.lines().count() > FILE_LINES_MAX);
    for File { path, text } in &long {
        let excused = LONG_FILES.iter().any(|(excused, _)| excused == path);
        assert!(excused, "{path} has {} lines; {FILE_LINES_MAX} are enough: split it by command", text.lines().count());
    }
    for (excused, reason) in LONG_FILES {
        assert!(
            long.iter().any(|file| file.path == excused),
            "{excused} is not long any more ({reason}): strike it out"
        );
    }
}

#[test]
fn functions_are_short() {
    let mut seen = 0;
    for File { path, text } in code() {
        for Function { name, line, lines } in functions(&text) {
            assert!(
                lines <= FUNCTION_LINES_MAX,
                "{path}:{line}: fn {name} has {lines} lines; {FUNCTION_LINES_MAX} are enough"
            );
            seen += 1;
        }
    }
    assert!(seen > 100, "the functions were not found");
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
