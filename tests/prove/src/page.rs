//! `tests/PROOF.md`: people write its text, and what is seen is put between two marks.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::row::Row;

const HEAD: &str =
    "| figure | promise | wanted | seen | stands | others | again | at |\n|---|---|---|---|---|---|---|---|\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Puts these lines into the page, and what came of the planted bugs if they were hunted; whatever was not looked at this time
/// stays as it is.
pub fn write(rows: &[Row], planted: Option<&str>) -> io::Result<()> {
    let path = root().join("tests/PROOF.md");
    let mut page = between(&fs::read_to_string(&path)?, "figures", |old| table(old, rows, &commit()))?;
    if let Some(planted) = planted {
        page = between(&page, "planted bugs", |_| planted.to_owned())?;
    }
    fs::write(&path, page)
}

/// The page with something new between two marks.
fn between(page: &str, name: &str, new: impl FnOnce(&str) -> String) -> io::Result<String> {
    let (begins, ends) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let lacks = || io::Error::other(format!("its marks around the {name} are gone"));
    let (before, rest) = page.split_once(&begins).ok_or_else(lacks)?;
    let (old, after) = rest.split_once(&ends).ok_or_else(lacks)?;
    Ok(format!("{before}{begins}{}{ends}{after}", new(old)))
}

/// The table with new lines in the place of old ones of the same figure, each with the commit at which it was seen.
fn table(old: &str, rows: &[Row], commit: &str) -> String {
    let figure = |line: &str| line.split('|').nth(1).map(|cell| cell.trim().to_owned());
    let old = old.lines().skip(HEAD.lines().count());
    let mut lines: BTreeMap<_, _> = old.filter_map(|line| Some((order(&figure(line)?), line.to_owned()))).collect();
    lines.extend(rows.iter().map(|row| (order(row.figure), format!("{row} {commit} |"))));
    let lines: Vec<_> = lines.into_values().collect();
    format!("{HEAD}{}\n", lines.join("\n"))
}

/// F2 stands before F10.
fn order(figure: &str) -> (u32, String) {
    let digits: String = figure.chars().filter(char::is_ascii_digit).collect();
    (digits.parse().unwrap_or(0), figure.to_owned())
}

/// The checkout, and whether it was changed.
fn commit() -> String {
    let git = |args: &[&str]| {
        let said = Command::new("git").args(args).current_dir(root()).output().ok()?;
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
    };
    let hash = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "an unknown commit".to_owned());
    let changed = git(&["status", "--porcelain", "--", ":!tests/PROOF.md"]).is_none_or(|changed| !changed.is_empty());
    if changed { format!("{hash} with changes") } else { hash }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Stands;

    fn row(figure: &'static str, reached: &str) -> Row {
        let (promise, target, anchor, command) = ("p", "t", "a", "c".to_owned());
        Row { figure, promise, target, reached: reached.to_owned(), anchor, command, stands: Stands::Yes }
    }

    #[test]
    fn new_figures_take_the_place_of_old_ones_and_others_stay() {
        let first = table("", &[row("F10", "ten"), row("F2", "two")], "abc");
        let second = table(&first, &[row("F2", "twice two")], "def");
        let lines: Vec<_> = second.lines().skip(2).collect();
        assert_eq!(lines, [format!("{} def |", row("F2", "twice two")), format!("{} abc |", row("F10", "ten"))]);
    }
}
