//! What real processes, servers, disks and networks are put through.

use std::{
    cell::LazyCell,
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use muster_e2e::{
    cluster::Took,
    crashes, drift,
    partition::{self, Cut},
    power, rolling, root,
    rot::{self, Outcome},
    servers,
};

use super::{Budget, Tier, repeat, repeat_on, times};
use crate::row::{Row, Stands};

pub(super) fn journals(budget: Budget) -> Row {
    let seen = repeat(budget, drift::round);
    let answers: usize = seen.figures.iter().map(|compared| compared.answers).sum();
    let records: usize = seen.figures.iter().map(|compared| compared.records).sum();
    Row {
        figure: "T4",
        promise: "the journals of tests, of one machine and of a server answer alike",
        target: "no difference",
        reached: format!("{}: {answers} answers and {records} records alike on all three", seen.rounds()),
        anchor: "Dropbox: its slow tier, about 100x slower, does the same",
        command: Tier::Journals.again(budget),
        stands: seen.stands_if(records > 0),
    }
}

pub(super) fn servers(budget: Budget) -> Row {
    let seen = repeat(budget, servers::round);
    let all = || seen.figures.iter().flat_map(|figures| &figures.took);
    let outages =
        || all().filter(|(what, _)| what.contains("killed") || what.contains("frozen")).map(|(_, took)| *took);
    let ((went_on, in_time), (_, others)) = (went_on(outages()), times(all().map(|(_, took)| took.all)));
    let commands: usize = seen.figures.iter().map(|figures| figures.counts.all()).sum();
    Row {
        figure: "F8",
        promise: "a server killed, frozen, stepping down, restarted or without its disk: writes go on, nothing acknowledged is lost or doubled",
        target: "≤ 10 s; 50 trials",
        reached: format!(
            "{}, {} servers killed or frozen: {went_on}; whatever befell: {others:.1} s at most; {commands} commands checked",
            seen.rounds(),
            outages().count()
        ),
        anchor: "nats-server's own election takes 4-9 s; Jepsen: a kill alone loses nothing since 2.10.23",
        command: Tier::Servers.again(budget),
        stands: seen.stands_if(outages().count() >= 50).unless_slow(!in_time),
    }
}

/// Writes are to go on within this.
const WANTED: Duration = Duration::from_secs(10);

/// How long writes took to go on, in words, and whether always as wanted.
fn went_on(took: impl Iterator<Item = Took> + Clone) -> (String, bool) {
    let (middle, longest) = times(took.clone().map(|took| took.all));
    let (_, own) = times(took.clone().map(|took| took.own));
    let late = took.filter(|took| took.all > WANTED).count();
    let says = format!(
        "writes go on after {middle:.1} s in the middle, {longest:.1} s at most, {late} times later than wanted; once the \
         servers have a leader, after {own:.1} s at most"
    );
    (says, late == 0)
}

/// A tier that only root may run; its line says so if it was not.
fn with_root(tier: Tier, row: Row, seen: impl FnOnce() -> (String, Stands)) -> Row {
    let (reached, stands) = if root::may(row.promise, "prove") {
        seen()
    } else {
        (format!("skipped: {tier:?} needs root"), Stands::Skipped)
    };
    Row { reached, stands, ..row }
}

/// How often each of some things happened.
fn often<T: Ord + ToString>(of: impl Iterator<Item = T>) -> String {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    of.for_each(|one| *times.entry(one.to_string()).or_default() += 1);
    times.iter().map(|(what, times)| format!("{times} {what}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn crashes(budget: Budget) -> Row {
    let seen = repeat_on(2, budget, crashes::round);
    let mut crashes: BTreeMap<_, usize> = BTreeMap::new();
    for (boundary, times) in seen.figures.iter().flat_map(|figures| &figures.crashes) {
        *crashes.entry(boundary).or_default() += times;
    }
    let (all, least) = (crashes.values().sum::<usize>(), crashes.values().min().copied().unwrap_or_default());
    let commands: usize = seen.figures.iter().map(|figures| figures.on_nats.all() + figures.on_disk.all()).sum();
    Row {
        figure: "F5",
        promise: "a process that dies at any boundary of what it writes: nothing acknowledged is lost, nothing done twice, \
                  and the rows on disk are what the log says (F11)",
        target: "every boundary 100 times",
        reached: format!(
            "{}: {all} crashes at {} boundaries, each {least} times at least; {commands} commands checked",
            seen.rounds(),
            crashes.len()
        ),
        anchor: "Jepsen: NATS loses nothing by kills alone since 2.10.23",
        command: Tier::Crashes.again(budget),
        stands: seen.stands_if(least >= 100),
    }
}

/// Where the older build is.
const OLDER: &str = "MUSTER_OLDER";

pub(super) fn upgrade(budget: Budget) -> Row {
    let row = Row {
        figure: "U1",
        promise: "an older build and this one side by side, every process replaced by the newer: nobody is turned away for over \
                  a second, nothing acknowledged is lost or doubled",
        target: "5 rounds",
        reached: format!("skipped: {OLDER} names no older build"),
        anchor: "nobody publishes it",
        command: Tier::Upgrade.again(budget),
        stands: Stands::Skipped,
    };
    let Some(older) = env::var_os(OLDER).map(PathBuf::from) else {
        eprintln!("SKIPPED: {}", row.reached);
        return row;
    };
    let seen = repeat(budget, async |seed| rolling::round(seed, &older).await);
    let replaced: usize = seen.figures.iter().map(|figures| figures.replaced).sum();
    let commands: usize = seen.figures.iter().map(|figures| figures.counts.all()).sum();
    let (_, longest) = times(seen.figures.iter().map(|figures| figures.longest));
    let reached = format!(
        "{}: {replaced} processes of {} replaced; the slowest of {commands} commands took {longest:.2} s",
        seen.rounds(),
        older.parent().and_then(Path::file_name).unwrap_or_default().display()
    );
    Row { reached, stands: seen.stands_if(seen.figures.len() >= 5), ..row }
}

pub(super) fn power(budget: Budget) -> Row {
    let row = Row {
        figure: "F6",
        promise: "the power of all three servers goes at once: nothing acknowledged is lost",
        target: "20 cuts, some within the first 20 s",
        reached: String::new(),
        anchor: "Jepsen: 14.1 % of acknowledged records lost; bare 2.15.1 as it comes: 12-100 %",
        command: Tier::Power.again(budget),
        stands: Stands::Skipped,
    };
    with_root(Tier::Power, row, || {
        let control = repeat(Budget { span: Duration::ZERO, ..budget }, power::control);
        let seen = repeat(budget, power::round);
        let acknowledged: usize = seen.figures.iter().map(|figures| figures.acknowledged).sum();
        let early = seen.figures.iter().filter(|figures| figures.cut_after <= Duration::from_secs(20)).count();
        let (middle, longest) = times(seen.figures.iter().filter_map(|figures| figures.goes_on_after));
        let lost = control.figures.iter().map(|figures| format!("{} of {} lost", figures.lost, figures.acknowledged));
        let reached = format!(
            "{}, {early} of them early: 0 of {acknowledged} lost, writes go on after {middle:.1} s in the middle, \
             {longest:.1} s at most; the same with the servers' own settings: {}",
            seen.rounds(),
            lost.collect::<Vec<_>>().join(", ") + &control.failures()
        );
        let stands = seen.stands_if(seen.figures.len() >= 20 && early > 0);
        (reached, if control.failed.is_empty() { stands } else { Stands::Broken })
    })
}

pub(super) fn rot(budget: Budget) -> Row {
    let seen = repeat_on(2, budget, rot::round);
    let named = seen.figures.iter().filter_map(|figures| match figures.outcome {
        Outcome::Named(after) => Some(after),
        Outcome::Whole | Outcome::Unread(_) | Outcome::NotStarted => None,
    });
    let after = match times(named) {
        (middle, longest) if longest > 0.0 => format!(" after {middle:.1} s in the middle, {longest:.1} s at most"),
        _ => String::new(),
    };
    let outcomes = often(seen.figures.iter().map(|figures| match figures.outcome {
        Outcome::Whole => "whole by itself",
        Outcome::Named(_) => "named by an inspection",
        Outcome::Unread(_) => "refused read by read",
        Outcome::NotStarted => "did not start",
    }));
    let harmed = seen.figures.iter().filter(|figures| figures.outcome != Outcome::Whole).count();
    Row {
        figure: "F7",
        promise: "the disk of one of three servers rots: no read ever finds a hole, the server is named, and healing it as the \
                  words say leaves nothing missing",
        target: "20 rounds with 1, 5 and 20 bits",
        reached: format!("{}: {outcomes}{after}; nothing wrong was read", seen.rounds()),
        anchor: "Jepsen: 49.7 % lost; bare 2.15.1: one bit hides 20-47 %, and it spreads",
        command: Tier::Rot.again(budget),
        stands: seen.stands_if(seen.figures.len() >= 20 && harmed > 0),
    }
}

/// Two lines: whoever is cut off from both others is what the house plan means; lines that are cut otherwise are worse.
pub(super) fn partition(budget: Budget) -> Vec<Row> {
    let rows = [
        (
            "F9",
            "a server that reaches neither of the others: they go on, it acknowledges nothing, and all agree afterwards",
            "Restate: 80 x 60 s a night; Jepsen: 100 x 300 s",
        ),
        (
            "F9b",
            "a leader that is not heard and hears, one line cut of three, or all: writes go on once they can, the fewest \
             acknowledge nothing, and all agree afterwards",
            "nobody publishes it",
        ),
    ]
    .map(|(figure, promise, anchor)| Row {
        figure,
        promise,
        target: "≤ 10 s; 0 lost, 0 divergence",
        reached: String::new(),
        anchor,
        command: Tier::Partition.again(budget),
        stands: Stands::Skipped,
    });
    let seen = LazyCell::new(|| repeat(budget, partition::round));
    let row = |row: Row| {
        let is_cut_off = |cut| matches!(cut, Cut::Leader | Cut::Follower);
        let is_meant = |cut| is_cut_off(cut) == (row.figure == "F9");
        with_root(Tier::Partition, row.clone(), || {
            let cuts =
                || seen.figures.iter().flat_map(|figures| &figures.goes_on_after).filter(|(cut, _)| is_meant(*cut));
            let (went_on, in_time) = went_on(cuts().map(|(_, took)| *took));
            let commands: usize = seen.figures.iter().map(|figures| figures.commands).sum();
            let kinds = often(cuts().map(|(cut, _)| format!("{cut:?}")));
            let (_, whole) = times(seen.figures.iter().map(|figures| figures.whole_after));
            let reached = format!(
                "{}; {kinds}: {went_on}; every server has everything again {whole:.0} s after all cuts at most; {commands} \
                 commands checked in all",
                seen.rounds()
            );
            (reached, seen.stands_if(seen.figures.len() >= 5).unless_slow(!in_time))
        })
    };
    rows.map(row).into()
}
