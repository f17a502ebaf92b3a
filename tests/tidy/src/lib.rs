//! The house's order, as tests: what may know of what, what may stand where, how long a thing may be.
#![expect(clippy::expect_used, reason = "a test that cannot read the house has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The repository's top. A test runs in its crate's directory; a path kept from building could be another checkout's.
pub fn top() -> PathBuf {
    Path::new("../..").canonicalize().expect("the repository is there")
}

/// The names that stand in a directory, in order; hidden ones and what tools leave behind are no part of the house.
pub fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("the directory can be read")
        .map(|entry| entry.expect("its entries can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !["target", "node_modules", "__pycache__"].contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

/// Fails with everything that is wrong, one line each.
#[track_caller]
pub fn nothing(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A file of the house.
pub struct File {
    /// Its path from the top, with `/`.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// Every text file under `directory`, a path from the top, whose name ends in one of `endings`; in order.
pub fn files(directory: &str, endings: &[&str]) -> Vec<File> {
    let here = top().join(directory);
    let mut found = Vec::new();
    for name in names(&here) {
        let path = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
        if here.join(&name).is_dir() {
            found.extend(files(&path, endings));
        } else if endings.iter().any(|ending| name.ends_with(ending))
            && let Ok(text) = fs::read_to_string(here.join(&name))
        {
            found.push(File { path, text });
        }
    }
    found
}

/// What has no ending and is written by hand all the same: scripts, and what runs them.
pub fn scripts() -> Vec<File> {
    let mut scripts = files("scripts", &[""]);
    let path = ".ci/run".to_owned();
    scripts.extend(fs::read_to_string(top().join(&path)).map(|text| File { path, text }));
    scripts
}
