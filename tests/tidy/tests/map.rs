//! Whether what stands in the house stands on its map, and the other way round.
#![cfg(test)]

use std::{collections::BTreeSet, fs};

use muster_tidy::{files, names, nothing, top};

/// All that may stand at the top, besides hidden files.
const TOP: [&str; 9] =
    ["Cargo.lock", "Cargo.toml", "README.md", "deploy", "k8s", "proto", "scripts", "services", "tests"];

/// The map: rows of a table whose first cell names crates or files in backticks.
fn first_cells() -> Vec<String> {
    let map = fs::read_to_string(top().join("services/README.md")).unwrap();
    let cells = map.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned));
    names.collect()
}

#[test]
fn the_top_is_as_it_was_agreed() {
    let more = names(&top()).into_iter().filter(|name| !TOP.contains(&name.as_str()));
    nothing(more.map(|name| format!("{name} must not stand at the top")).collect());
}

#[test]
fn every_crate_has_a_line() {
    let on_map: BTreeSet<String> = first_cells().into_iter().filter(|name| !name.ends_with(".rs")).collect();
    let mut standing: BTreeSet<String> = names(&top().join("services")).into_iter().collect();
    standing.remove("README.md");
    let tests = names(&top().join("tests")).into_iter().filter(|name| !name.ends_with(".md"));
    standing.extend(tests.map(|name| format!("tests/{name}")));
    same(on_map.difference(&standing), standing.difference(&on_map));
}

#[test]
fn every_file_at_the_top_of_a_crate_has_a_line() {
    let on_map: Vec<String> = first_cells().into_iter().filter(|name| name.ends_with(".rs")).collect();
    let standing: Vec<String> = files("services", &[".rs"])
        .into_iter()
        .filter_map(|file| file.path.strip_prefix("services/").map(|path| path.replacen("/src/", "/", 1)))
        // What a crate is for stands in the crate's own line.
        .filter(|path| path.split('/').count() == 2 && !path.ends_with("/lib.rs") && !path.ends_with("/build.rs"))
        .collect();
    let gone = on_map.iter().filter(|row| !standing.iter().any(|path| matches(row, path)));
    let new = standing.iter().filter(|path| !on_map.iter().any(|row| matches(row, path)));
    same(gone, new);
}

#[test]
fn what_is_not_built_for_tests_holds_none() {
    let manifests: Vec<_> = ["services", "tests"].iter().flat_map(|of| files(of, &["Cargo.toml"])).collect();
    assert!(manifests.len() > 10, "the manifests were not found");
    let run = fs::read_to_string(top().join("scripts/test")).unwrap();
    let mut wrong = Vec::new();
    for manifest in manifests {
        let unbuilt = || manifest.text.split("\n[").filter(|part| part.lines().any(|line| line == "test = false"));
        let of = |section: &str| unbuilt().any(|part| part.starts_with(section));
        for name in unbuilt().filter(|part| part.starts_with("[test]]")).filter_map(|part| part.split('"').nth(1)) {
            if !run.contains(&format!("cargo test --workspace --test {name} ")) {
                wrong.push(format!("{}: nobody runs {name}: let scripts/test do it by its name", manifest.path));
            }
        }
        let directory = manifest.path.trim_end_matches("Cargo.toml");
        let (library, binary) = (of("lib]"), of("[bin]]"));
        let main = format!("{directory}src/main.rs");
        for file in files(&format!("{directory}src"), &[".rs"]) {
            let unseen = if file.path == main { binary } else { library };
            if unseen
                && ["#[test]", "#[tokio::test", "#[cfg(test)]", "proptest!"].iter().any(|mark| file.text.contains(mark))
            {
                wrong.push(format!(
                    "{}: nobody runs this test: strike out `test = false` in {}",
                    file.path, manifest.path
                ));
            }
        }
    }
    nothing(wrong);
}

/// Fails if the map and the house differ.
#[track_caller]
fn same<'a>(gone: impl Iterator<Item = &'a String>, new: impl Iterator<Item = &'a String>) {
    let gone = gone.map(|name| format!("{name} stands on the map, services/README.md, and nowhere else"));
    let new = new.map(|name| format!("{name} has no line on the map, services/README.md"));
    nothing(gone.chain(new).collect());
}

/// Whether a row of the map, in which `*` is any crate, names the file.
fn matches(row: &str, path: &str) -> bool {
    let (Some((row_crate, row_file)), Some((of, file))) = (row.split_once('/'), path.split_once('/')) else {
        return false;
    };
    (row_crate == "*" || row_crate == of) && row_file == file
}
