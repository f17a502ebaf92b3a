//! What may know of what. Arrows point down only:
//!
//! ```text
//! 4  tests/*       anything
//! 3  muster        everything below
//! 2  contexts      edge, journal, runtime, api, domain; never one another
//!    edge          journal, runtime, api, domain
//! 1  journal       domain, api
//!    runtime       the domain's kernel, code lists and parties
//! 0  domain, api   nothing of ours
//! ```
#![cfg(test)]

use std::{collections::BTreeSet, process::Command};

use muster_tidy::{files, names, nothing, top};
use serde_json::Value;

const CONTEXTS: [&str; 5] = ["registry", "intake", "eligibility", "dispatch", "monitor"];

/// What each crate on the way down may use of ours. Contexts and tests have rules of their own.
const ARROWS: [(&str, &[&str]); 5] = [
    ("muster-domain", &[]),
    ("muster-api", &[]),
    ("muster-journal", &["muster-domain", "muster-api"]),
    ("muster-runtime", &["muster-domain"]),
    ("muster-edge", &["muster-domain", "muster-api", "muster-journal", "muster-runtime"]),
];

/// What a context may use of ours.
const BELOW_CONTEXTS: &[&str] = &["muster-domain", "muster-api", "muster-journal", "muster-runtime", "muster-edge"];

/// All that the rules may use from outside: nothing that reads, writes, waits or draws lots.
const DOMAIN_MAY_USE: &[&str] = &["jiff"];

/// All that their tests may use besides.
const DOMAIN_TESTS_MAY_USE: &[&str] = &["proptest"];

/// Heavy, unkept or edge-only crates, and who alone uses each.
const KEPT_BEHIND: [(&str, &[&str]); 10] = [
    ("async-nats", &["muster-journal"]),
    ("sled", &["muster-journal"]),
    ("chacha20poly1305", &["muster-journal"]),
    // The journal and the runtime stand side by side, so each has its one function.
    ("backoff", &["muster-journal", "muster-runtime"]),
    ("tonic-health", &["muster-runtime"]),
    ("tonic-reflection", &["muster-runtime"]),
    ("tonic-types", &["muster-runtime"]),
    ("tracing-subscriber", &["muster-runtime"]),
    ("clap", &["muster"]),
    ("prost-reflect", &["muster"]),
];

struct Dependency {
    of: String,
    on: String,
    in_tests: bool,
}

/// Every dependency of every crate under `services/`.
fn dependencies() -> Vec<Dependency> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(top())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        if !package["manifest_path"].as_str().unwrap().contains("/services/") {
            continue;
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            found.push(Dependency {
                of: package["name"].as_str().unwrap().to_owned(),
                on: dependency["name"].as_str().unwrap().to_owned(),
                in_tests: dependency["kind"] == "dev",
            });
        }
    }
    assert!(found.len() > 20, "the manifests were not found");
    found
}

#[test]
fn arrows_point_down_only() {
    let may = |of: &str, on: &str| {
        let context = of.strip_prefix("muster-").filter(|name| CONTEXTS.contains(name));
        match (ARROWS.iter().find(|(name, _)| *name == of), context) {
            (Some((_, below)), _) => below.contains(&on),
            (None, Some(_)) => BELOW_CONTEXTS.contains(&on),
            (None, None) => of == "muster",
        }
    };
    let wrong = dependencies()
        .into_iter()
        // A crate's tests may ask for more of the crate itself.
        .filter(|Dependency { of, on, .. }| on.starts_with("muster") && on != of && !may(of, on))
        .map(|Dependency { of, on, .. }| format!("{of} must not know of {on}: see the top of this file"));
    nothing(wrong.collect());
}

#[test]
fn the_domain_depends_on_nothing_that_does_anything() {
    let may = |on: &str, in_tests: bool| DOMAIN_MAY_USE.contains(&on) || in_tests && DOMAIN_TESTS_MAY_USE.contains(&on);
    let wrong = dependencies()
        .into_iter()
        .filter(|Dependency { of, on, in_tests }| of == "muster-domain" && on != of && !may(on, *in_tests))
        .map(|Dependency { on, .. }| format!("the rules must not use {on}: they do no I/O and no serialisation"));
    nothing(wrong.collect());
}

#[test]
fn what_is_kept_behind_a_crate_stays_behind_it() {
    let by = |on: &str| KEPT_BEHIND.iter().find(|(kept, _)| *kept == on).map(|(_, by)| *by);
    let wrong = dependencies().into_iter().filter_map(|Dependency { of, on, .. }| {
        let by = by(&on).filter(|by| !by.contains(&of.as_str()))?;
        Some(format!("{of} must not use {on}: it is for {} alone", by.join(" and ")))
    });
    nothing(wrong.collect());
}

#[test]
fn contexts_meet_in_events_only() {
    let domain = top().join("services/domain/src");
    let folders: Vec<_> = names(&domain).into_iter().filter(|name| domain.join(name).is_dir()).collect();
    assert!(folders.len() >= 4, "the contexts' rules were not found");
    let mut wrong = Vec::new();
    for context in &folders {
        for file in files(&format!("services/domain/src/{context}"), &[".rs"]) {
            for other in folders.iter().filter(|other| *other != context) {
                let more = uses(&file.text, other).into_iter().filter(|module| *module != "events");
                wrong.extend(more.map(|module| format!("{} uses {other}::{module}: events only", file.path)));
            }
        }
    }
    nothing(wrong);
}

#[test]
fn the_runtime_knows_the_kernel_the_code_lists_and_the_parties_only() {
    let mut wrong = Vec::new();
    for file in files("services/runtime/src", &[".rs"]) {
        let more = uses(&file.text, "muster_domain")
            .into_iter()
            .filter(|module| !["kernel", "codes", "parties"].contains(module));
        wrong.extend(more.map(|module| format!("{} uses muster_domain::{module}", file.path)));
    }
    nothing(wrong);
}

/// The modules of `module` that `text` names: what follows each `module::`, taken out of braces.
fn uses<'a>(text: &'a str, module: &str) -> BTreeSet<&'a str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let path = format!("{module}::");
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices(&path) {
        if text[..at].ends_with(is_word) {
            continue;
        }
        let rest = &text[at + path.len()..];
        let names = match rest.strip_prefix('{') {
            Some(braces) => outermost(braces),
            None => vec![rest],
        };
        found.extend(names.into_iter().map(|name| name.trim_start().split(|c| !is_word(c)).next().unwrap()));
    }
    found
}

/// The entries of a list in braces, cut at its own commas.
fn outermost(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut entries) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                entries.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        if c == '}' && depth == 0 && start == at + 1 {
            break;
        }
    }
    entries.retain(|entry| !entry.trim().is_empty());
    entries
}

#[test]
fn uses_are_found_in_every_form() {
    let text =
        "use crate::{intake::events::{Facts, Route}, kernel};\nlet x = intake::request::State;\nre_intake::no();";
    assert_eq!(uses(text, "intake"), ["events", "request"].into());
    let text =
        "use muster_domain::{\n    codes::{Tlp, Nuts},\n    kernel::Actor,\n};\nuse muster_domain::dispatch as d;";
    assert_eq!(uses(text, "muster_domain"), ["codes", "dispatch", "kernel"].into());
}
