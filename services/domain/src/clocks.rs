//! Legal and contractual deadlines: when each starts, when it is due, who owns it, how it stands.
//!
//! A deadline is the first moment that is too late: at `due` a clock that is not met is breached. Of the two readings of
//! "within 48 hours" this is the stricter one. Clocks never pause.

use std::time::Duration;

use crate::{
    calendar::end_of_period,
    codes::{UnknownCode, code_list},
    eligibility::events::Level,
    intake::events::Precision,
    kernel::{Role, Timestamp},
    registry::events::AuthorityKind,
};

code_list! {
    /// Which deadline.
    ClockName, "clock names" {
        /// The answer to a request (Reg. (EU) 2025/38 Art 16(1)).
        Answer = "answer",
        /// A provider's answer to an offer (contract).
        Offer = "offer",
        /// A provider's start of work (contract).
        MobiliseBy = "mobilise-by",
        /// The user's summary report (Art 16(9)).
        SummaryReport = "summary-report",
        /// The entity's early warning (NIS2 Art 23(4)(a)).
        EarlyWarning = "nis2-early-warning",
        /// The entity's incident notification (NIS2 Art 23(4)(b)).
        Notification = "nis2-notification",
        /// The entity's final report (NIS2 Art 23(4)(d)).
        FinalReport = "nis2-final-report",
    }
}

code_list! {
    /// How a clock stands.
    Status, "clock statuses" {
        /// There is time.
        OnTrack = "on-track",
        /// The time for a warning has come.
        AtRisk = "at-risk",
        /// It was not met in time, and stays breached when met late.
        Breached = "breached",
        /// It was met in time.
        Met = "met",
    }
}

/// One deadline at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Which deadline.
    pub name: ClockName,
    /// Who must act.
    pub owner: Role,
    /// When it began to run.
    pub starts: Timestamp,
    /// The first moment that is too late.
    pub due: Timestamp,
    /// How it stands.
    pub status: Status,
    /// Whether `starts` is known to the day only, and `due` with it.
    pub approximate: bool,
}

/// How long the contracting authority has to answer (Art 16(1)), as exact elapsed time.
pub const ANSWER_WITHIN: Duration = Duration::from_hours(48);

/// How long the entity has for its early warning (NIS2 Art 23(4)(a)).
const EARLY_WARNING_WITHIN: Duration = Duration::from_hours(24);

/// How long the entity has for its notification (NIS2 Art 23(4)(b)).
const NOTIFICATION_WITHIN: Duration = Duration::from_hours(72);

impl Clock {
    /// From when on it is at risk, unless it is met before.
    pub fn warns_at(&self) -> Timestamp {
        warns_at(self.name, self.starts, self.due)
    }

    /// The next moment at which time alone changes how it stands; `None` if none does.
    pub fn turns_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::OnTrack => Some(self.warns_at()),
            Status::AtRisk => Some(self.due),
            Status::Breached | Status::Met => None,
        }
    }
}

/// From when on a clock is at risk: the answer from its first escalation on, others in their last quarter.
fn warns_at(name: ClockName, starts: Timestamp, due: Timestamp) -> Timestamp {
    match name {
        ClockName::Answer => starts.plus(Level::H24.after()),
        ClockName::Offer
        | ClockName::MobiliseBy
        | ClockName::SummaryReport
        | ClockName::EarlyWarning
        | ClockName::Notification
        | ClockName::FinalReport => starts.plus(due.since(starts).saturating_mul(3).checked_div(4).unwrap_or_default()),
    }
}

impl Level {
    /// How long after submission the answer is escalated.
    pub const fn after(self) -> Duration {
        match self {
            Self::H24 => Duration::from_hours(24),
            Self::H36 => Duration::from_hours(36),
            Self::H44 => Duration::from_hours(44),
        }
    }
}

/// How a deadline stands at `now`, from `warn_at` on at risk, met at `met_at` if it was.
pub fn status(due: Timestamp, warn_at: Timestamp, met_at: Option<Timestamp>, now: Timestamp) -> Status {
    match met_at {
        Some(met) if met < due => Status::Met,
        Some(_) => Status::Breached,
        None if now >= due => Status::Breached,
        None if now >= warn_at => Status::AtRisk,
        None => Status::OnTrack,
    }
}

/// When the answer is due; `None` for a third country, which is answered without undue delay (Art 19(10)).
pub fn answer_due(user: AuthorityKind, submitted_at: Timestamp) -> Option<Timestamp> {
    match user {
        AuthorityKind::Csirt | AuthorityKind::CrisisManagement | AuthorityKind::CertEu => {
            Some(submitted_at.plus(ANSWER_WITHIN))
        }
        AuthorityKind::ThirdCountry => None,
    }
}

/// The answer to a request.
pub fn answer(
    user: AuthorityKind,
    submitted_at: Timestamp,
    answered_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Clock> {
    let due = answer_due(user, submitted_at)?;
    Some(clock(ClockName::Answer, Role::Officer, submitted_at, due, answered_at, now))
}

/// A provider's answer to an offer.
pub fn offer(offered_at: Timestamp, expires_at: Timestamp, answered_at: Option<Timestamp>, now: Timestamp) -> Clock {
    clock(ClockName::Offer, Role::Provider, offered_at, expires_at, answered_at, now)
}

/// A provider's start of work.
pub fn mobilise(
    accepted_at: Timestamp,
    mobilise_by: Timestamp,
    on_task_at: Option<Timestamp>,
    now: Timestamp,
) -> Clock {
    clock(ClockName::MobiliseBy, Role::Provider, accepted_at, mobilise_by, on_task_at, now)
}

/// The user's summary report; `due` is two months after support ended (Art 16(9)).
pub fn summary_report(ended_at: Timestamp, due: Timestamp, filed_at: Option<Timestamp>, now: Timestamp) -> Clock {
    clock(ClockName::SummaryReport, Role::Authority, ended_at, due, filed_at, now)
}

/// When the entity gave its notices under NIS2, as far as Muster was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// The early warning.
    pub early_warning: Option<Timestamp>,
    /// The incident notification.
    pub notification: Option<Timestamp>,
    /// The final report.
    pub final_report: Option<Timestamp>,
}

/// The entity's notices under NIS2 Art 23(4). They run beside the 48 hours of the answer, from when the entity became aware.
/// The final report runs from the notification, or from its deadline while there is none.
pub fn nis2(detected_at: Timestamp, precision: Precision, notices: Notices, now: Timestamp) -> [Clock; 3] {
    let notification_due = detected_at.plus(NOTIFICATION_WITHIN);
    let notified_at = notices.notification.unwrap_or(notification_due);
    let approximate = precision == Precision::Day;
    let entity =
        |name, starts, due, met_at| Clock { approximate, ..clock(name, Role::Hospital, starts, due, met_at, now) };
    [
        entity(ClockName::EarlyWarning, detected_at, detected_at.plus(EARLY_WARNING_WITHIN), notices.early_warning),
        entity(ClockName::Notification, detected_at, notification_due, notices.notification),
        Clock {
            approximate: approximate && notices.notification.is_none(),
            ..entity(ClockName::FinalReport, notified_at, end_of_period(notified_at, 1), notices.final_report)
        },
    ]
}

fn clock(
    name: ClockName,
    owner: Role,
    starts: Timestamp,
    due: Timestamp,
    met_at: Option<Timestamp>,
    now: Timestamp,
) -> Clock {
    let status = status(due, warns_at(name, starts, due), met_at, now);
    Clock { name, owner, starts, due, status, approximate: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    /// One millisecond before, at, and one after.
    fn around(moment: Timestamp) -> [Timestamp; 3] {
        [-1, 0, 1].map(|ms: i64| Timestamp::from_millis(moment.millis().saturating_add(ms)))
    }

    #[test]
    fn a_clock_turns_at_its_warning_and_at_its_due_moment() {
        let (warn, due) = (at("2026-01-02T00:00:00Z"), at("2026-01-03T00:00:00Z"));
        let open = |now| status(due, warn, None, now);
        assert_eq!(around(warn).map(open), [Status::OnTrack, Status::AtRisk, Status::AtRisk]);
        assert_eq!(around(due).map(open), [Status::AtRisk, Status::Breached, Status::Breached]);
    }

    #[test]
    fn what_is_met_late_stays_breached() {
        let (warn, due) = (at("2026-01-02T00:00:00Z"), at("2026-01-03T00:00:00Z"));
        let met = |met_at| status(due, warn, Some(met_at), at("2027-01-01T00:00:00Z"));
        assert_eq!(around(due).map(met), [Status::Met, Status::Breached, Status::Breached]);
    }

    #[test]
    fn the_answer_has_48_exact_hours_whatever_the_calendar_does() {
        // Summer time begins in the Union in this night, and it is a weekend.
        let submitted = at("2026-03-28T12:00:00Z");
        for user in [AuthorityKind::Csirt, AuthorityKind::CrisisManagement, AuthorityKind::CertEu] {
            let clock = |now| answer(user, submitted, None, now).unwrap();
            assert_eq!(clock(submitted).due, at("2026-03-30T12:00:00Z"));
            assert_eq!(clock(submitted).status, Status::OnTrack);
            assert_eq!(clock(at("2026-03-29T12:00:00Z")).status, Status::AtRisk);
            assert_eq!(clock(at("2026-03-30T12:00:00Z")).status, Status::Breached);
        }
    }

    #[test]
    fn a_third_country_has_no_48_hours() {
        let submitted = at("2026-03-28T12:00:00Z");
        assert_eq!(answer(AuthorityKind::ThirdCountry, submitted, None, at("2027-01-01T00:00:00Z")), None);
    }

    #[test]
    fn the_answer_is_escalated_at_24_36_and_44_hours() {
        assert_eq!(Level::ALL.iter().map(|level| level.after().as_secs() / 3600).collect::<Vec<_>>(), [24, 36, 44]);
    }

    #[test]
    fn contract_deadlines_are_at_risk_in_their_last_quarter() {
        let (offered, expires) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T01:00:00Z"));
        let open = |now| offer(offered, expires, None, now).status;
        assert_eq!(around(at("2026-01-01T00:45:00Z")).map(open), [Status::OnTrack, Status::AtRisk, Status::AtRisk]);
        assert_eq!(around(expires).map(open), [Status::AtRisk, Status::Breached, Status::Breached]);
        assert_eq!(offer(offered, expires, Some(offered), expires).status, Status::Met);
    }

    #[test]
    fn a_clock_says_when_time_alone_changes_it_next() {
        let (offered, expires) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T01:00:00Z"));
        let warns = at("2026-01-01T00:45:00Z");
        for (now, turns) in [(offered, Some(warns)), (warns, Some(expires)), (expires, None)] {
            let clock = offer(offered, expires, None, now);
            assert_eq!((clock.warns_at(), clock.turns_at()), (warns, turns));
        }
        assert_eq!(offer(offered, expires, Some(offered), offered).turns_at(), None);
        let answer = answer(AuthorityKind::Csirt, offered, None, offered).unwrap();
        assert_eq!(answer.turns_at(), Some(at("2026-01-02T00:00:00Z")), "at its first escalation");
    }

    #[test]
    fn each_clock_has_its_owner() {
        let (start, due) = (at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
        let clocks = [
            answer(AuthorityKind::Csirt, start, None, start).unwrap(),
            offer(start, due, None, start),
            mobilise(start, due, None, start),
            summary_report(start, due, None, start),
        ];
        let owners = clocks.map(|clock| (clock.name.as_str(), clock.owner));
        assert_eq!(
            owners,
            [
                ("answer", Role::Officer),
                ("offer", Role::Provider),
                ("mobilise-by", Role::Provider),
                ("summary-report", Role::Authority),
            ]
        );
        assert!(nis2(start, Precision::Minute, Notices::default(), start).iter().all(|c| c.owner == Role::Hospital));
    }

    #[test]
    fn nis2_notices_run_from_detection() {
        let detected = at("2023-03-05T10:17:00Z");
        let clocks = nis2(detected, Precision::Minute, Notices::default(), detected);
        assert_eq!(
            clocks.each_ref().map(|clock| clock.due),
            [at("2023-03-06T10:17:00Z"), at("2023-03-08T10:17:00Z"), at("2023-04-10T23:59:59.999Z")],
            "the 8th of April is a Saturday, so the last day is Monday the 10th"
        );
        assert!(clocks.iter().all(|clock| !clock.approximate));
    }

    #[test]
    fn the_final_report_runs_from_the_notification() {
        let detected = at("2023-03-05T10:17:00Z");
        let notices = Notices { notification: Some(at("2023-03-06T08:00:00Z")), ..Notices::default() };
        let [_, notification, last] = nis2(detected, Precision::Day, notices, at("2023-03-10T00:00:00Z"));
        assert_eq!((notification.status, notification.approximate), (Status::Met, true));
        assert_eq!((last.starts, last.due), (at("2023-03-06T08:00:00Z"), at("2023-04-06T23:59:59.999Z")));
        assert!(!last.approximate, "the notification's own time is exact");
    }

    #[test]
    fn a_detection_known_to_the_day_makes_its_clocks_approximate() {
        for (precision, approximate) in [(Precision::Minute, false), (Precision::Hour, false), (Precision::Day, true)] {
            let clocks = nis2(at("2023-01-28T13:00:00Z"), precision, Notices::default(), at("2023-01-28T13:00:00Z"));
            assert!(clocks.iter().all(|clock| clock.approximate == approximate), "{precision}");
        }
    }
}
