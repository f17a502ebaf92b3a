//! The figures of the evaluation (Reg. (EU) 2025/38 Art 25(2)(c)): uptake by user and by service, time to respond, time to
//! deploy. They are counted as requests change, and can be counted anew for any period.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use muster_api::monitor::v1;
use muster_domain::{
    clocks::answer_due,
    codes::ServiceId,
    dispatch::desk::OfferState,
    eligibility::events::Outcome,
    kernel::{OfferId, RequestId, Timestamp},
    registry::events::AuthorityKind,
};
use muster_edge::{wire::fields::duration, work::Work};

use super::case::Case;

/// What one submitted request adds to the figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// When it was submitted.
    pub submitted: Timestamp,
    user: AuthorityKind,
    asked: BTreeSet<ServiceId>,
    answer: Option<(Timestamp, Outcome)>,
    granted: BTreeSet<ServiceId>,
    withdrawn: Option<Timestamp>,
    /// The first provider at work.
    on_task: Option<Timestamp>,
    /// Services of providers that started.
    started: BTreeSet<ServiceId>,
    days_used: u32,
}

impl Figure {
    /// A request's; `None` until it is submitted.
    pub fn of_case(request: &RequestId, case: &Case, work: &Work) -> Option<Self> {
        let (route, submitted) = (case.route.as_ref()?, case.moments.submitted?);
        let decision = case.assessment.decision();
        let terms = decision.and_then(|decision| decision.terms.as_ref());
        let answer = case.moments.answered.zip(decision).map(|((at, _), decision)| (at, decision.outcome));
        let mut figure = Self {
            submitted,
            user: route.kind,
            asked: case.request.facts.needs.services.clone(),
            answer,
            granted: terms.map(|terms| terms.services.clone()).unwrap_or_default(),
            withdrawn: case.moments.withdrawn,
            on_task: None,
            started: BTreeSet::new(),
            days_used: 0,
        };
        for offer in work.offers_for(request) {
            figure.add_work(offer, work);
        }
        Some(figure)
    }

    fn add_work(&mut self, offer: &OfferId, work: &Work) {
        let (Some(made), Some(trail)) = (work.desk().offers.get(offer), work.trail(offer)) else { return };
        let days = match &made.state {
            OfferState::Engaged(engagement) => engagement.days_used,
            OfferState::Completed { days_used } | OfferState::Released { days_used, .. } => *days_used,
            OfferState::Pending { .. }
            | OfferState::Declined(_)
            | OfferState::Expired(_)
            | OfferState::Rescinded(_)
            | OfferState::Lost => 0,
        };
        self.days_used = self.days_used.saturating_add(days);
        if let Some(on_task) = trail.engaged.as_ref().and_then(|engaged| engaged.on_task_at) {
            self.on_task = Some(self.on_task.map_or(on_task, |first| first.min(on_task)));
            let services = work.desk().assignments.get(&made.package).map(|assignment| &assignment.package.services);
            self.started.extend(services.into_iter().flatten().cloned());
        }
    }

    fn due(&self) -> Option<Timestamp> {
        answer_due(self.user, self.submitted)
    }

    /// Whether anything was granted.
    fn is_granted(&self) -> bool {
        match self.answer {
            Some((_, Outcome::Granted | Outcome::PartlyGranted)) => true,
            Some((_, Outcome::Refused)) | None => false,
        }
    }
}

/// Durations and how often each was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spans {
    times: BTreeMap<Duration, u32>,
    count: u32,
    sum: Duration,
}

/// How much one user type or service was taken up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Uptake {
    requested: u32,
    granted: u32,
    deployed: u32,
}

/// Figures of several requests, to which one can be added and from which it can be taken away again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    requests: u32,
    outcomes: BTreeMap<Outcome, u32>,
    withdrawn: u32,
    in_time: u32,
    late: u32,
    /// Unanswered, by when the answer is or was due.
    open: BTreeMap<Timestamp, u32>,
    users: BTreeMap<AuthorityKind, Uptake>,
    services: BTreeMap<ServiceId, Uptake>,
    respond: Spans,
    deploy: Spans,
    days_used: u32,
}

/// Whether a figure comes or goes.
#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

impl Way {
    fn by(self, count: &mut u32, many: u32) {
        *count = match self {
            Self::In => count.saturating_add(many),
            Self::Out => count.saturating_sub(many),
        };
    }

    /// Counts under a key; what comes to nothing is as if it had never been.
    fn under<K: Copy + Ord>(self, counts: &mut BTreeMap<K, u32>, key: K) {
        let count = counts.entry(key).or_default();
        self.by(count, 1);
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

impl Spans {
    fn count(&mut self, way: Way, span: Duration) {
        way.by(&mut self.count, 1);
        way.under(&mut self.times, span);
        self.sum = match way {
            Way::In => self.sum.saturating_add(span),
            Way::Out => self.sum.saturating_sub(span),
        };
    }

    /// The lower middle one.
    fn median(&self) -> Option<Duration> {
        let mut before = self.count.checked_sub(1)? / 2;
        for (span, times) in &self.times {
            match before.checked_sub(*times) {
                Some(left) => before = left,
                None => return Some(*span),
            }
        }
        None
    }

    fn tell(&self) -> v1::Spans {
        let mean = self.sum.checked_div(self.count);
        let longest = self.times.last_key_value().map(|(span, _)| *span);
        v1::Spans {
            count: self.count,
            mean: mean.map(duration),
            median: self.median().map(duration),
            longest: longest.map(duration),
        }
    }
}

impl Uptake {
    fn count(&mut self, way: Way, granted: bool, deployed: bool) {
        way.by(&mut self.requested, 1);
        way.by(&mut self.granted, u32::from(granted));
        way.by(&mut self.deployed, u32::from(deployed));
    }

    fn tell(&self, what: &str) -> v1::Uptake {
        let Self { requested, granted, deployed } = *self;
        v1::Uptake { what: what.to_owned(), requested, granted, deployed }
    }
}

impl Tally {
    /// Adds a request.
    pub fn add(&mut self, figure: &Figure) {
        self.count(Way::In, figure);
    }

    /// Takes a request away that was added before.
    pub fn take_away(&mut self, figure: &Figure) {
        self.count(Way::Out, figure);
    }

    fn count(&mut self, way: Way, figure: &Figure) {
        way.by(&mut self.requests, 1);
        way.by(&mut self.days_used, figure.days_used);
        self.count_answer(way, figure);
        let user = self.users.entry(figure.user).or_default();
        user.count(way, figure.is_granted(), figure.on_task.is_some());
        for service in &figure.asked {
            let uptake = self.services.entry(service.clone()).or_default();
            uptake.count(way, figure.granted.contains(service), figure.started.contains(service));
            if *uptake == Uptake::default() {
                self.services.remove(service);
            }
        }
        if self.users.get(&figure.user) == Some(&Uptake::default()) {
            self.users.remove(&figure.user);
        }
    }

    fn count_answer(&mut self, way: Way, figure: &Figure) {
        match (figure.answer, figure.due(), figure.withdrawn) {
            (Some((at, outcome)), due, _) => {
                way.under(&mut self.outcomes, outcome);
                self.respond.count(way, at.since(figure.submitted));
                if let Some(due) = due {
                    way.by(if at < due { &mut self.in_time } else { &mut self.late }, 1);
                }
                if let Some(on_task) = figure.on_task {
                    self.deploy.count(way, on_task.since(at));
                }
            }
            (None, due, withdrawn) => {
                way.by(&mut self.withdrawn, u32::from(withdrawn.is_some()));
                if let Some(due) = due.filter(|due| withdrawn.is_none_or(|withdrawn| withdrawn >= *due)) {
                    way.under(&mut self.open, due);
                }
            }
        }
    }

    /// The figures at `now`.
    pub fn tell(&self, now: Timestamp) -> v1::Statistics {
        let outcome = |outcome| self.outcomes.get(&outcome).copied().unwrap_or_default();
        let overdue = self.open.range(..=now).fold(0, |sum: u32, (_, count)| sum.saturating_add(*count));
        let by_user = AuthorityKind::ALL.iter().map(|user| {
            let uptake = self.users.get(user).copied().unwrap_or_default();
            uptake.tell(user.as_str())
        });
        v1::Statistics {
            requests: self.requests,
            granted: outcome(Outcome::Granted),
            partly_granted: outcome(Outcome::PartlyGranted),
            refused: outcome(Outcome::Refused),
            withdrawn: self.withdrawn,
            answered_in_time: self.in_time,
            answered_late: self.late.saturating_add(overdue),
            by_user: by_user.collect(),
            by_service: self.services.iter().map(|(service, uptake)| uptake.tell(service.as_str())).collect(),
            time_to_respond: Some(self.respond.tell()),
            time_to_deploy: Some(self.deploy.tell()),
            days_used: self.days_used,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * HOUR)
    }

    fn services(ids: &[&str]) -> BTreeSet<ServiceId> {
        ids.iter().map(|id| ServiceId::parse(id).unwrap()).collect()
    }

    fn figure(submitted: i64) -> Figure {
        Figure {
            submitted: at(submitted),
            user: AuthorityKind::Csirt,
            asked: services(&["isim.forensics", "isim.analysis"]),
            answer: None,
            granted: BTreeSet::new(),
            withdrawn: None,
            on_task: None,
            started: BTreeSet::new(),
            days_used: 0,
        }
    }

    fn granted(submitted: i64, answered: i64, on_task: i64) -> Figure {
        Figure {
            answer: Some((at(answered), Outcome::PartlyGranted)),
            granted: services(&["isim.forensics"]),
            on_task: Some(at(on_task)),
            started: services(&["isim.forensics"]),
            days_used: 7,
            ..figure(submitted)
        }
    }

    fn tally(figures: &[Figure]) -> Tally {
        let mut tally = Tally::default();
        figures.iter().for_each(|figure| tally.add(figure));
        tally
    }

    #[test]
    fn times_have_a_mean_a_lower_median_and_a_longest() {
        let told = tally(&[granted(0, 2, 10), granted(0, 4, 6), granted(0, 30, 31), granted(0, 8, 12)]).tell(at(50));
        let hours = |span: Option<prost_types::Duration>| span.map(|span| span.seconds * 1000 / HOUR);
        let respond = told.time_to_respond.unwrap();
        let found = (respond.count, hours(respond.mean), hours(respond.median), hours(respond.longest));
        assert_eq!(found, (4, Some(11), Some(4), Some(30)));
        let deploy = told.time_to_deploy.unwrap();
        let found = (deploy.count, hours(deploy.mean), hours(deploy.median), hours(deploy.longest));
        assert_eq!(found, (4, Some(3), Some(2), Some(8)));
        let nothing = tally(&[]).tell(at(0)).time_to_respond.unwrap();
        assert_eq!((nothing.count, nothing.mean, nothing.median, nothing.longest), (0, None, None, None));
    }

    #[test]
    fn the_48_hours_are_kept_missed_or_still_running() {
        let figures = [
            granted(0, 47, 60),
            granted(0, 48, 60),
            figure(0),
            Figure { withdrawn: Some(at(10)), ..figure(0) },
            Figure { withdrawn: Some(at(49)), ..figure(0) },
            Figure { user: AuthorityKind::ThirdCountry, ..granted(0, 90, 91) },
            Figure { user: AuthorityKind::ThirdCountry, ..figure(0) },
        ];
        let tally = tally(&figures);
        let found = |hours| {
            let told = tally.tell(at(hours));
            (told.answered_in_time, told.answered_late, told.withdrawn, told.requests)
        };
        assert_eq!(found(47), (1, 1, 2, 7));
        assert_eq!(found(48), (1, 3, 2, 7), "what is due is late");
    }

    #[test]
    fn uptake_is_told_by_user_and_by_service() {
        let told = tally(&[granted(0, 1, 2), figure(0)]).tell(at(5));
        let uptake = |found: &v1::Uptake| (found.what.clone(), found.requested, found.granted, found.deployed);
        let users: Vec<_> = told.by_user.iter().map(uptake).collect();
        assert_eq!(users[0], ("csirt".to_owned(), 2, 1, 1));
        assert_eq!((users.len(), users[3].1), (4, 0));
        let services: Vec<_> = told.by_service.iter().map(uptake).collect();
        assert_eq!(services, [("isim.analysis".to_owned(), 2, 0, 0), ("isim.forensics".to_owned(), 2, 1, 1)]);
        assert_eq!(told.days_used, 7);
    }

    #[test]
    fn what_is_taken_away_leaves_nothing() {
        let figures = [granted(0, 47, 60), figure(3), Figure { withdrawn: Some(at(99)), ..figure(1) }];
        let mut all = tally(&figures);
        figures.iter().for_each(|figure| all.take_away(figure));
        assert_eq!(all, Tally::default());
    }
}
