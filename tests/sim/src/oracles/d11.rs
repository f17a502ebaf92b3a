//! D11, decisions replay: what the desk worked out from its state, worked out again from the events alone: how long an offer
//! stands, by policy and priority; when work must start and when support ends, by contract and grant; who widens a wave; and
//! the policy that a commit names. That whole decisions replay is shown by deciding them again, elsewhere.

use std::time::Duration;

use muster_domain::{
    dispatch::events::DeskEvent,
    eligibility::events::{Policy, PriorityKey},
    kernel::{OfferId, PackageId, Timestamp},
    registry::events::AuthorityKind,
};

use super::Violation;
use crate::{
    log::Entry,
    timeline::{Grant, Moment, Timeline},
};

/// Its id.
pub const ID: &str = "D11";

/// Results that do not follow from what they rest on.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let desk = Timeline::of(log);
    let mut found = Vec::new();
    for (moment, commit, event) in desk.events() {
        let mut says = offered(&desk, moment, commit.recorded_at, event);
        if let DeskEvent::Accepted { offer, accepted_at, mobilise_by, ends_at } = event {
            if *accepted_at != commit.received_at {
                says.push(format!("{offer} was accepted at {}, not at {accepted_at}", commit.received_at));
            }
            says.extend(accepted(&desk, moment, commit.received_at, offer, (*mobilise_by, *ends_at)));
        }
        found.extend(says.into_iter().map(|says| Violation::new(ID, desk.position(moment), says)));
    }
    for (step, (position, commit)) in desk.steps.iter().enumerate() {
        let version = in_force(&desk, Moment::end_of(step)).version;
        if commit.policy != Some(version) {
            let says = format!("decided under policy {:?}, and policy {version} is in force", commit.policy);
            found.push(Violation::new(ID, *position, says));
        }
    }
    found
}

/// How offers go under one policy.
struct Rules {
    version: u32,
    stands: [Duration; 4],
    width: [u32; 4],
}

/// The policy in force; until one was put in force, the built-in one.
fn in_force(desk: &Timeline, moment: Moment) -> Rules {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    match desk.policies.at(moment) {
        Some(Policy { version, offer_stands, offer_width, .. }) => {
            Rules { version: *version, stands: *offer_stands, width: *offer_width }
        }
        None => Rules { version: 1, stands: [30, 60, 120, 240].map(minutes), width: [2, 1, 1, 1] },
    }
}

/// The value of P1 to P4 that is for a key.
fn by_priority<T: Copy>([p1, p2, p3, p4]: [T; 4], key: &PriorityKey) -> T {
    let [severity, ..] = key.bands;
    match severity {
        4.. => p1,
        3 => p2,
        2 => p3,
        0 | 1 => p4,
    }
}

fn offered(desk: &Timeline, moment: Moment, now: Timestamp, event: &DeskEvent) -> Vec<String> {
    let DeskEvent::Offered { offer, package, expires_at, extra, .. } = event else { return Vec::new() };
    let Some(key) = desk.key(package, moment) else { return vec![format!("{package} has no rank")] };
    let rules = in_force(desk, moment);
    let mut found = Vec::new();
    let due = now.plus(by_priority(rules.stands, key));
    if *expires_at != due {
        found.push(format!("offer {offer} stands until {expires_at}; by policy and priority it is {due}"));
    }
    let others = desk.offers_of(package).filter(|other| other.id != offer && other.is_pending(moment)).count();
    if *extra != (others > 0) {
        found.push(format!("offer {offer} says extra: {extra}, and {others} others are pending for {package}"));
    }
    let width = usize::try_from(by_priority(rules.width, key)).unwrap_or(usize::MAX);
    if others >= width.max(1) {
        found.push(format!("offer {offer} is the {others} and first for {package}; the policy asks {width} at once"));
    }
    found
}

fn accepted(
    desk: &Timeline,
    moment: Moment,
    received_at: Timestamp,
    offer: &OfferId,
    (mobilise_by, ends_at): (Timestamp, Timestamp),
) -> Vec<String> {
    let Some(made) = desk.offers.get(offer) else { return Vec::new() };
    let grant = desk.packages.get(made.package).and_then(|asked| Some((asked, desk.grants.get(asked.request)?)));
    let terms = desk.terms_at(made.provider, moment).map(|(terms, _)| terms);
    let contract = terms.and_then(|terms| terms.contracts.iter().find(|contract| contract.id == *made.contract));
    let (Some((asked, grant)), Some(terms), Some(contract)) = (grant, terms, contract) else {
        return vec![format!("offer {offer} is accepted under terms that nobody took")];
    };
    let starts = &contract.mobilisation;
    let start = if asked.package.onsite_teams == 0 {
        starts.remote
    } else if terms.established_in == grant.case.country {
        starts.onsite_home
    } else {
        starts.onsite_abroad
    };
    let mut found = Vec::new();
    if mobilise_by != received_at.plus(start) {
        found.push(format!("{offer} must start by {mobilise_by}; by contract it is {}", received_at.plus(start)));
    }
    let due = ends(desk, moment, received_at, (made.package, grant));
    if ends_at != due {
        found.push(format!("{offer} ends at {ends_at}; by the grant and what is left of it, it is {due}"));
    }
    found
}

/// When work ends that is taken now: after the time granted, or what is left of it once somebody was on task, a day at least;
/// for a third country, within the days that the act allows.
fn ends(desk: &Timeline, moment: Moment, now: Timestamp, (package, grant): (&PackageId, &Grant)) -> Timestamp {
    let before = |at: &Moment| *at < moment;
    let on_task = desk.offers_of(package).flat_map(|offer| &offer.stages).map(|(at, _)| *at).filter(before).min();
    let told = desk.offers_of(package).flat_map(|offer| {
        let stages = offer.stages.iter().map(|(at, _)| *at);
        let extended = offer.extended.iter().map(|(at, _)| *at).filter(|at| on_task.is_some_and(|first| first < *at));
        stages.chain(extended).filter(before).filter_map(|at| Some((at, *offer.ends.at(at)?)))
    });
    let day = Duration::from_secs(24 * 3600).min(grant.terms.duration);
    let whole = now.plus(grant.terms.duration);
    let ends = told.max().map_or(whole, |(_, end)| end.max(now.plus(day)));
    let cap = desk.act_at(grant.case.country, moment, now).and_then(|act| desk.cap_of(grant, act, moment));
    cap.filter(|_| grant.case.user == AuthorityKind::ThirdCountry).map_or(ends, |cap| ends.min(cap))
}
