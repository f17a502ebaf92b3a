//! What the simulator is asked.

use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use muster_journal::stored::{Commit, Frame, Position};
use muster_sim::{
    history::{self, Operation, Outcome},
    log::Entry,
    oracles::ORACLES,
    run::{
        bugs::{Bug, OF_A_RUN},
        coverage::Reached,
        hunt::{self, Hunted, Sum, hunt_all, run_all, run_twice},
        plan::Plan,
        play,
    },
};
use uuid::Uuid;

use super::{Budget, Seen, Tier, moment, times};
use crate::row::{Row, Stands};

/// Seeds that are run in another build, too.
const OTHER_BUILD_SEEDS: u64 = 60;
/// Another build takes minutes to make.
const OTHER_BUILD_FROM: Duration = Duration::from_secs(300);
/// Operations of the long history.
const OPERATIONS: u64 = 1_000_000;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs seeds; those that fail are run first from now on.
pub(super) fn run(budget: Budget) -> Vec<Row> {
    let begun = moment();
    let sum = run_all(budget.from.., || begun.elapsed() >= budget.span);
    sum.failed.iter().for_each(|(plan, found)| {
        let says = found.first().map(|found| format!("{}: {}", found.id, found.says)).unwrap_or_default();
        let line: String = format!("{}  {}", plan.seed, says.replace('\n', " ")).chars().take(200).collect();
        eprintln!("cargo run -p muster-sim -- {plan}\n  {line}");
        let kept = OpenOptions::new().append(true).open(root().join("tests/sim/seeds.txt"));
        if let Err(error) = kept.and_then(|mut kept| writeln!(kept, "{line}")) {
            eprintln!("seed {} is not kept: {error}", plan.seed);
        }
    });
    let kept = sum.failed.is_empty();
    let again = Tier::Simulated.again(budget);
    vec![
        hours(&sum, kept, again.clone()),
        coverage(&sum, again.clone()),
        operations(&sum, kept, again.clone()),
        deadlines(&sum, kept, again),
    ]
}

fn hours(sum: &Sum, kept: bool, command: String) -> Row {
    let hours = |millis: i64| millis / 3_600_000;
    let faults: u64 = sum.faults.values().sum();
    Row {
        figure: "F1",
        promise: "whatever goes wrong, no invariant breaks",
        target: "1,000,000 h, 50 M faults, 100 M checks",
        reached: format!(
            "{} runs, {} h ({} h of them with nothing but renewals), {faults} faults, {} steps, {} checks, \
             {} runs with violations",
            sum.runs,
            hours(sum.millis),
            hours(sum.skipped),
            sum.steps,
            sum.checks,
            sum.failed.len()
        ),
        anchor: "FoundationDB: tens of thousands of runs a night; Dropbox: about 10 M; TigerBeetle: 1,024 cores",
        command,
        stands: Stands::of(kept, hours(sum.millis) >= 1_000_000 && faults >= 50_000_000 && sum.checks >= 100_000_000),
    }
}

fn coverage(sum: &Sum, command: String) -> Row {
    let (must, missing) = (Reached::must().len(), sum.reached.missing());
    let missed = if missing.is_empty() { String::new() } else { format!("; not reached: {}", missing.join(", ")) };
    Row {
        figure: "F4",
        promise: "every command meets every state, every refusal is given, every event happens",
        target: "all",
        reached: format!("{} of {must}{missed}", must - missing.len()),
        anchor: "TigerBeetle's blind spot, by Jepsen: a query that no generator ever made",
        command,
        stands: Stands::of(true, missing.is_empty()),
    }
}

fn operations(sum: &Sum, kept: bool, command: String) -> Row {
    Row {
        figure: "F10",
        promise: "what clients were told is what the log says, in the order of real time",
        target: "1 M operations (the plan: 10 M)",
        reached: format!("{} operations of simulated clients", sum.calls),
        anchor: "S2's CI: 750 operations through Porcupine",
        command,
        stands: Stands::of(kept, sum.calls >= 1_000_000),
    }
}

fn deadlines(sum: &Sum, kept: bool, command: String) -> Row {
    let times =
        |what: &str| sum.reached.0.get(&("in the log".to_owned(), what.to_owned())).copied().unwrap_or_default();
    Row {
        figure: "F21",
        promise: "every request is answered by its deadline, or its lateness is told at once (D10)",
        target: "100 %",
        reached: format!(
            "{} requests assessed; {} answers, {} escalations and {} missed deadlines, each in its time",
            times("eligibility.assessment.assessed"),
            times("eligibility.assessment.decided"),
            times("eligibility.assessment.escalated"),
            times("eligibility.assessment.deadline-missed")
        ),
        anchor: "Art 16: 48 h",
        command,
        stands: Stands::of(
            kept,
            ["escalated", "deadline-missed", "decided"]
                .iter()
                .all(|what| times(&format!("eligibility.assessment.{what}")) > 0),
        ),
    }
}

/// The same seeds again, and again in a build with other optimisations and without assertions.
pub(super) fn twice(budget: Budget) -> Row {
    let begun = moment();
    let (same, other) = run_twice(budget.from.., || begun.elapsed() >= budget.span);
    let release = (budget.span >= OTHER_BUILD_FROM).then(other_build);
    let told = match &release {
        None => "another build was not made".to_owned(),
        Some((dev, release)) if dev == release => {
            format!("{OTHER_BUILD_SEEDS} seeds the same in a release build ({dev})")
        }
        Some((dev, release)) => format!("**a release build gives {release}, not {dev}**"),
    };
    let differ = if other.is_empty() { String::new() } else { format!("; **these were not: {other:?}**") };
    let builds_agree = release.as_ref().is_none_or(|(dev, release)| dev == release);
    Row {
        figure: "F2",
        promise: "a seed is the same run, byte for byte, in every build",
        target: "1,000 seeds twice, and in debug and release",
        reached: format!("{same} seeds twice the same{differ}; {told}"),
        anchor: "S2: three configurations",
        command: Tier::Twice.again(budget),
        stands: Stands::of(other.is_empty() && builds_agree, same >= 1_000 && release.is_some()),
    }
}

/// The hash of some runs in this build and in a release build.
fn other_build() -> (String, String) {
    let dev = format!("hash {:016x}", run_all(0..OTHER_BUILD_SEEDS, || false).hash);
    let seeds = format!("0..{OTHER_BUILD_SEEDS}");
    let release = Command::new(env!("CARGO"))
        .args(["run", "--release", "--locked", "--quiet", "--package", "muster-sim", "--", "--seeds", &seeds])
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output();
    let said = release.map(|done| String::from_utf8_lossy(&done.stdout).into_owned()).unwrap_or_default();
    let hash = said.lines().find(|line| line.starts_with("hash ")).unwrap_or("no hash");
    (dev, hash.to_owned())
}

/// Every planted bug is hunted.
pub(super) fn planted() -> Seen {
    let hunted = hunt_all(Bug::ALL, hunt::SEEDS, |hunted| eprintln!("{hunted}"));
    let found = hunted.iter().filter(|hunted| hunted.is_found()).count();
    let mut seeds: Vec<_> = hunted.iter().filter_map(|hunted| hunted.found.as_ref()).map(|(seeds, _)| *seeds).collect();
    seeds.sort_unstable();
    let (_, worst) = times(hunted.iter().map(|hunted| hunted.took));
    let oracles = ORACLES.len() + OF_A_RUN.len();
    let row = Row {
        figure: "F3",
        promise: "every planted bug is found, and every oracle has one that only it finds",
        target: "25 bugs, all found",
        reached: format!(
            "{found} of {} found, each within {} seeds ({} in the middle) and {worst:.1} s; {oracles} oracles",
            hunted.len(),
            seeds.last().copied().unwrap_or_default(),
            seeds.get(seeds.len() / 2).copied().unwrap_or_default()
        ),
        anchor: "nobody publishes it",
        command: "cargo run -p muster-sim -- --bugs".to_owned(),
        stands: Stands::of(found == hunted.len(), found >= 25),
    };
    let head = "| planted | breaks | seeds until found | seeds until found by that oracle alone | found by |\n|---|---|---|---|---|\n";
    let lines: String = hunted.iter().map(line).collect();
    Seen { rows: vec![row], planted: Some(format!("{head}{lines}")) }
}

fn line(hunted: &Hunted) -> String {
    let (seeds, by) = match &hunted.found {
        Some((seeds, by)) => (seeds.to_string(), by.iter().copied().collect::<Vec<_>>().join(" ")),
        None => ("never".to_owned(), String::new()),
    };
    let alone = hunted.alone.map(|seeds| seeds.to_string()).unwrap_or_default();
    format!("| {} | {} | {seeds} | {alone} | {by} |\n", hunted.bug.name(), hunted.bug.breaks())
}

/// One long history is checked, and a tenth of it: the time must grow no faster than the history, and a lie in it be found.
pub(super) fn history() -> Row {
    let took = |operations: u64| {
        let (log, mut told) = story(operations);
        let begun = moment();
        let clean = history::check(&told, &log).is_empty();
        let took = begun.elapsed();
        if let Some(last) = told.last_mut() {
            last.command = Uuid::nil();
        }
        (took, clean && !history::check(&told, &log).is_empty())
    };
    // The quickest of three is what the machine can do.
    let quickest = |operations| (0..3).map(|_| took(operations)).min().unwrap_or_default();
    let ((tenth, one), (whole, other)) = (quickest(OPERATIONS / 10), quickest(OPERATIONS));
    let grows = whole.as_secs_f64() / tenth.as_secs_f64().max(f64::EPSILON);
    Row {
        figure: "F10b",
        promise: "a long history is checked in one pass, without a search",
        target: "1 M operations in 10 s",
        reached: format!(
            "{OPERATIONS} operations in {:.2} s, a tenth of them in {:.2} s: {grows:.1} times; a lie at the end is found",
            whole.as_secs_f64(),
            tenth.as_secs_f64()
        ),
        anchor: "Porcupine and Knossos: exponential at worst",
        command: "scripts/prove history".to_owned(),
        stands: Stands::of(one && other, whole <= Duration::from_secs(10)),
    }
}

/// A log of so many commits, and a client that was told of each.
fn story(operations: u64) -> (Vec<Entry>, Vec<Operation>) {
    let (world, _) = play(&Plan::new(0), None);
    let first = world.sea.records.iter().cloned().map(Entry::from).find(|entry| !entry.frame.commits.is_empty());
    let Some(Entry { subject, frame: Frame { id, previous, commits }, bytes, .. }) = first else {
        return Default::default();
    };
    let entry = |sequence: u64| {
        let of = |commit: &Commit| Commit { command: Uuid::from_u64_pair(1, sequence), ..commit.clone() };
        let frame = Frame { id, previous, commits: commits.first().map(of).into_iter().collect() };
        Entry { sequence, subject: subject.clone(), frame, bytes: bytes.clone() }
    };
    let told = |sequence: u64| Operation {
        command: Uuid::from_u64_pair(1, sequence),
        invoked: sequence.saturating_mul(2),
        returned: sequence.saturating_mul(2).saturating_add(3),
        outcome: Outcome::Done(Position { sequence, index: 0 }),
    };
    ((1..=operations).map(entry).collect(), (1..=operations).map(told).collect())
}
