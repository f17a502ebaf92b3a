//! The record: the log, the figures, how Muster stands.

use muster_api::monitor::v1::{GetStatisticsResponse, GetStatusResponse, ListEventsResponse, LogEntry, Spans, Uptake};
use muster_domain::kernel::Timestamp;

use super::{
    super::look::{Look, Table, Tone, toned},
    Show, lasting, moment, opt_moment, or_none, position,
};

impl Show for ListEventsResponse {
    fn text(&self, look: Look) -> String {
        let more = if self.next_page_token.is_empty() { "" } else { "and more: see --limit or --after\n" };
        format!("{}{more}", or_none(log_lines(look, &self.entries), "nothing is in the log that you may see"))
    }

    fn ids(&self) -> Vec<String> {
        self.entries.iter().map(|entry| position(entry.position.as_ref())).collect()
    }
}

/// Events, a line each.
pub fn log_lines(look: Look, entries: &[LogEntry]) -> String {
    let mut table = Table::bare(look);
    for entry in entries {
        let at = entry.recorded_at.as_ref().map(|at| seconds(moment(at))).unwrap_or_default();
        table.row([
            toned(Tone::Quiet, position(entry.position.as_ref())),
            at.into(),
            format!("{}:{}", entry.role, entry.principal).into(),
            toned(Tone::Quiet, entry.event_type.as_str()),
            entry.text.as_str().into(),
        ]);
    }
    table.to_string()
}

/// A moment to the second, in UTC, which the `Z` says.
fn seconds(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_at_checked(19).map_or_else(|| text.clone(), |(seconds, _)| seconds.replace('T', " ") + "Z")
}

impl Show for GetStatisticsResponse {
    fn text(&self, look: Look) -> String {
        let figures = self.statistics.clone().unwrap_or_default();
        let mut table = Table::bare(look);
        for (what, number) in [
            ("requests submitted", figures.requests),
            ("granted", figures.granted),
            ("partly granted", figures.partly_granted),
            ("refused", figures.refused),
            ("withdrawn before an answer", figures.withdrawn),
            ("answered in time (48 h)", figures.answered_in_time),
            ("answered late or not yet though the time is over", figures.answered_late),
            ("person-days used", figures.days_used),
        ] {
            table.row([what.into(), number.to_string().into()]);
        }
        table.row(["time to the answer".into(), spans(figures.time_to_respond.as_ref()).into()]);
        table.row(["time to the first provider at work".into(), spans(figures.time_to_deploy.as_ref()).into()]);
        format!(
            "{table}{}{}",
            uptake(look, "by user", &figures.by_user),
            uptake(look, "by service", &figures.by_service)
        )
    }
}

fn spans(spans: Option<&Spans>) -> String {
    match spans.filter(|spans| spans.count > 0) {
        None => "nothing measured".to_owned(),
        Some(spans) => format!(
            "mean {}, median {}, longest {} ({} measured)",
            lasting(spans.mean.as_ref()),
            lasting(spans.median.as_ref()),
            lasting(spans.longest.as_ref()),
            spans.count
        ),
    }
}

fn uptake(look: Look, heading: &str, uptake: &[Uptake]) -> String {
    if uptake.is_empty() {
        return String::new();
    }
    let mut table = Table::new(look, [heading, "requested", "granted", "deployed"]);
    for each in uptake {
        let [requested, granted, deployed] =
            [each.requested, each.granted, each.deployed].map(|n| n.to_string().into());
        table.row([each.what.as_str().into(), requested, granted, deployed]);
    }
    format!("\n{table}")
}

impl Show for GetStatusResponse {
    fn text(&self, look: Look) -> String {
        let now = opt_moment(self.now.as_ref()).map(seconds).unwrap_or_default();
        let speed =
            if self.speed > 1 { format!(", {} times as fast as system time", self.speed) } else { String::new() };
        let mut text = format!(
            "muster {}, realm {}, it is {now}{speed}\njournal {}, its head at {}\n",
            self.version,
            self.realm,
            self.journal,
            position(self.head.as_ref())
        );
        let mut table = Table::new(look, ["role", "serves", "at", "behind", "trouble"]);
        for role in &self.roles {
            let serves = if role.ready { toned(Tone::Good, "yes") } else { toned(Tone::Bad, "no") };
            let at = position(role.position.as_ref());
            let behind = role.behind.to_string();
            table.row([role.role.as_str().into(), serves, at.into(), behind.into(), role.trouble.as_str().into()]);
        }
        text += &table.to_string();
        for late in &self.late {
            let by = lasting(late.late_by.as_ref());
            text += &look.paint(Tone::Bad, &format!("late by {by}: {}\n", late.what));
        }
        if self.seen_late > 0 {
            text += &format!("found late since this process started: {}\n", self.seen_late);
        }
        for setting in &self.unsafe_settings {
            let accepted = if setting.accepted { "accepted" } else { "not accepted" };
            text += &look.paint(Tone::Bad, &format!("unsafe setting {} ({accepted}): {}", setting.name, setting.says));
            text += "\n";
        }
        text
    }

    fn ids(&self) -> Vec<String> {
        vec![self.realm.clone()]
    }

    fn now(&self) -> Option<Timestamp> {
        opt_moment(self.now.as_ref())
    }
}
