//! Taken (the log's own rule): the desk takes every fact of other contexts that bears on it, in the log's order, none skipped,
//! each by a commit of its own that says which commit caused it; and `taken`, up to where it has, never goes back and never
//! lies.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use muster_domain::{
    codes::Country,
    dispatch::events::DeskEvent,
    eligibility::events::{AssessmentEvent, Case, Policy, PolicyEvent, PriorityKey, Terms},
    event::Event,
    intake::events::RequestEvent,
    kernel::RequestId,
    registry::events::{CouncilAct, NationalRequirement, Provider, ProviderEvent, RequirementEvent, ThirdCountryEvent},
};

use super::Violation;
use crate::log::{At, Entry, commits, log_time, pace};

/// Its id.
pub const ID: &str = "taken";

/// How long a fact may wait for the desk.
const WAITS: Duration = Duration::from_secs(60);

/// Facts that were skipped, made up, or taken in another order.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut desk = Desk::default();
    for at in commits(log) {
        if at.is_desk() {
            let wrong = desk.take(&at);
            found.extend(wrong.into_iter().map(|says| Violation::new(ID, at.position, says)));
        } else {
            let facts = at.commit.events.iter().filter_map(|event| fact(event, at.subject.id()));
            desk.untaken.extend(facts.map(|fact| Recorded { at, fact }));
        }
    }
    let late = log_time(log);
    while let Some(Recorded { at, fact }) = desk.untaken.pop_front() {
        let due = at.commit.recorded_at.plus(WAITS.saturating_mul(pace(log)));
        if desk.is_news(&fact) && due < late {
            found.push(Violation::new(ID, at.position, format!("{fact}: not taken by {late}")));
        }
    }
    found
}

/// A fact of another context that bears on the desk.
enum Fact<'a> {
    Terms(&'a Provider),
    Suspension(&'a str, bool),
    Requirement(&'a NationalRequirement),
    Act(&'a CouncilAct),
    Repeal(Country, &'a str),
    Policy(&'a Policy),
    Grant(&'a Case, &'a Terms, &'a PriorityKey),
    Priority(&'a PriorityKey),
    Withdrawal(&'a str),
}

impl std::fmt::Display for Fact<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Terms(provider) => write!(f, "terms of {}", provider.id),
            Self::Suspension(provider, true) => write!(f, "suspension of {provider}"),
            Self::Suspension(provider, false) => write!(f, "reinstatement of {provider}"),
            Self::Requirement(requirement) => write!(f, "requirement of {}", requirement.member_state),
            Self::Act(act) => write!(f, "act {}", act.reference),
            Self::Repeal(country, reference) => write!(f, "repeal of {reference} on {country}"),
            Self::Policy(policy) => write!(f, "policy {}", policy.version),
            Self::Grant(case, ..) => write!(f, "grant of {}", case.request),
            Self::Priority(key) => write!(f, "rank of {}", key.request),
            Self::Withdrawal(request) => write!(f, "withdrawal of {request}"),
        }
    }
}

fn fact<'a>(event: &'a Event, id: &'a str) -> Option<Fact<'a>> {
    let provider = id.strip_prefix("provider-").unwrap_or(id);
    match event {
        Event::Provider(ProviderEvent::Enrolled(terms) | ProviderEvent::Amended(terms)) => Some(Fact::Terms(terms)),
        Event::Provider(ProviderEvent::Suspended { .. }) => Some(Fact::Suspension(provider, true)),
        Event::Provider(ProviderEvent::Reinstated { .. }) => Some(Fact::Suspension(provider, false)),
        Event::Requirement(RequirementEvent::Set(requirement)) => Some(Fact::Requirement(requirement)),
        Event::ThirdCountry(ThirdCountryEvent::Authorised(act)) => Some(Fact::Act(act)),
        Event::ThirdCountry(ThirdCountryEvent::Repealed { reference }) => {
            let country = id.strip_prefix("third-country-")?.to_ascii_uppercase();
            Some(Fact::Repeal(Country::parse(&country).ok()?, reference))
        }
        Event::Policy(PolicyEvent::PutInForce { policy, .. }) => Some(Fact::Policy(policy)),
        Event::Assessment(AssessmentEvent::Decided { terms: Some(terms), case, key, .. }) => {
            Some(Fact::Grant(case, terms, key))
        }
        Event::Assessment(AssessmentEvent::Overridden { key, .. }) => Some(Fact::Priority(key)),
        Event::Request(RequestEvent::Withdrawn { .. }) => Some(Fact::Withdrawal(id)),
        Event::Provider(ProviderEvent::SuspensionProposed { .. })
        | Event::Policy(PolicyEvent::Proposed { .. })
        | Event::Realm(_)
        | Event::Hospital(_)
        | Event::Authority(_)
        | Event::Mandate(_)
        | Event::Catalogue(_)
        | Event::Request(_)
        | Event::Assessment(_)
        | Event::Desk(_) => None,
    }
}

/// A fact where it stands.
struct Recorded<'a> {
    at: At<'a>,
    fact: Fact<'a>,
}

/// What the desk has taken, as far as it decides whether a fact is news to it.
#[derive(Default)]
struct Desk<'a> {
    untaken: VecDeque<Recorded<'a>>,
    taken: u64,
    terms: BTreeMap<&'a str, (&'a Provider, bool)>,
    requirements: BTreeMap<Country, &'a NationalRequirement>,
    /// Acts, and whether they were repealed.
    acts: BTreeMap<(Country, &'a str), bool>,
    policy: Option<&'a Policy>,
    ranks: BTreeMap<&'a RequestId, &'a PriorityKey>,
    finished: BTreeSet<&'a RequestId>,
    withdrawn: BTreeSet<&'a str>,
}

impl<'a> Desk<'a> {
    /// Takes one commit of the desk; what is wrong with it.
    fn take(&mut self, at: &At<'a>) -> Vec<String> {
        let mut wrong = Vec::new();
        let before = self.taken;
        match at.commit.taken {
            None => wrong.push("it does not say up to where everything is taken".to_owned()),
            Some(taken) if taken < before => wrong.push(format!("taken up to {taken}, after {before}")),
            Some(taken) if taken >= at.position.sequence => wrong.push(format!("taken up to {taken}, itself or later")),
            Some(taken) => self.taken = taken,
        }
        let mut takes = at.commit.events.iter().filter_map(takes);
        let own = takes.next();
        if takes.next().is_some() {
            wrong.push("it takes more than one fact".to_owned());
        }
        let mut left = own;
        // Of a record with several facts, only the commit of the last says that the record is taken.
        while let Some(Recorded { at: recorded, fact }) = self.pop(left.is_some()) {
            let sequence = recorded.position.sequence;
            if !self.is_news(&fact) {
                continue;
            }
            if left.take_if(|event| self.says(&fact, event)).is_none() {
                wrong.push(format!("{fact}, of {sequence}, is skipped"));
            } else if at.commit.causation != Some(recorded.command()) {
                wrong.push(format!("{fact} has another cause than the commit that takes it says"));
            }
            self.learn(&fact);
        }
        if left.is_some() {
            wrong.push("it takes a fact that nobody recorded, or one that is no news".to_owned());
        }
        for event in &at.commit.events {
            if let Event::Desk(DeskEvent::RequestFinished { request, .. }) = event {
                self.finished.insert(request);
            }
        }
        wrong
    }

    /// The next fact up to where all is taken; while a fact is looked for, also the next of the record after that, unless it
    /// is that record's last.
    fn pop(&mut self, looking: bool) -> Option<Recorded<'a>> {
        let sequence = self.untaken.front()?.at.position.sequence;
        let more = self.untaken.get(1).is_some_and(|second| second.at.position.sequence == sequence);
        let next = looking && more && sequence == self.taken.saturating_add(1);
        if sequence <= self.taken || next { self.untaken.pop_front() } else { None }
    }

    /// Whether a fact changes anything for the desk.
    fn is_news(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Terms(provider) => self.terms.get(provider.id.as_str()).is_none_or(|(known, _)| known != provider),
            Fact::Suspension(provider, now) => self.terms.get(provider).is_some_and(|(_, before)| before != now),
            Fact::Requirement(requirement) => self.requirements.get(&requirement.member_state) != Some(requirement),
            Fact::Act(act) => !self.acts.contains_key(&(act.country, act.reference.as_str())),
            Fact::Repeal(country, reference) => self.acts.get(&(*country, *reference)) == Some(&false),
            Fact::Policy(policy) => self.policy != Some(policy),
            Fact::Grant(case, ..) => {
                !self.ranks.contains_key(&case.request) && !self.withdrawn.contains(case.request.as_str())
            }
            Fact::Priority(key) => {
                let known = self.ranks.get(&key.request);
                known.is_some_and(|known| known != key) && !self.finished.contains(&key.request)
            }
            Fact::Withdrawal(request) => {
                let finished = self.finished.iter().any(|finished| finished.as_str() == *request);
                !self.withdrawn.contains(request) && !finished
            }
        }
    }

    /// Whether an event of the desk says just what a fact says.
    fn says(&self, fact: &Fact, event: &DeskEvent) -> bool {
        match (fact, event) {
            (Fact::Terms(terms), DeskEvent::ProviderTaken { provider, suspended }) => {
                let before = self.terms.get(terms.id.as_str()).is_some_and(|(_, suspended)| *suspended);
                provider == *terms && *suspended == before
            }
            (Fact::Suspension(id, now), DeskEvent::ProviderTaken { provider, suspended }) => {
                suspended == now && self.terms.get(id).is_some_and(|(known, _)| *known == provider)
            }
            (Fact::Requirement(requirement), DeskEvent::RequirementTaken(taken)) => taken == *requirement,
            (Fact::Act(act), DeskEvent::CouncilActTaken(taken)) => taken == *act,
            (Fact::Repeal(of, act), DeskEvent::RepealTaken { country, reference }) => of == country && reference == act,
            (Fact::Policy(policy), DeskEvent::PolicyTaken(taken)) => taken == *policy,
            (Fact::Grant(case, terms, key), DeskEvent::GrantTaken { case: c, terms: t, key: k, .. }) => {
                (*case, *terms, *key) == (c, t, k)
            }
            (Fact::Priority(key), DeskEvent::PriorityTaken { key: taken }) => taken == *key,
            (Fact::Withdrawal(id), DeskEvent::WithdrawalTaken { request }) => request.as_str() == *id,
            _ => false,
        }
    }

    fn learn(&mut self, fact: &Fact<'a>) {
        match fact {
            Fact::Terms(provider) => {
                let suspended = self.terms.get(provider.id.as_str()).is_some_and(|(_, suspended)| *suspended);
                self.terms.insert(provider.id.as_str(), (provider, suspended));
            }
            Fact::Suspension(provider, now) => {
                if let Some((_, suspended)) = self.terms.get_mut(provider) {
                    *suspended = *now;
                }
            }
            Fact::Requirement(requirement) => drop(self.requirements.insert(requirement.member_state, requirement)),
            Fact::Act(act) => drop(self.acts.insert((act.country, &act.reference), false)),
            Fact::Repeal(country, reference) => drop(self.acts.insert((*country, reference), true)),
            Fact::Policy(policy) => self.policy = Some(policy),
            Fact::Grant(case, _, key) => drop(self.ranks.insert(&case.request, key)),
            Fact::Priority(key) => drop(self.ranks.insert(&key.request, key)),
            Fact::Withdrawal(request) => drop(self.withdrawn.insert(request)),
        }
    }
}

/// The event, if it takes in a fact.
fn takes(event: &Event) -> Option<&DeskEvent> {
    match event {
        Event::Desk(
            event @ (DeskEvent::ProviderTaken { .. }
            | DeskEvent::RequirementTaken(_)
            | DeskEvent::CouncilActTaken(_)
            | DeskEvent::RepealTaken { .. }
            | DeskEvent::PolicyTaken(_)
            | DeskEvent::GrantTaken { .. }
            | DeskEvent::PriorityTaken { .. }
            | DeskEvent::WithdrawalTaken { .. }),
        ) => Some(event),
        Event::Desk(_)
        | Event::Realm(_)
        | Event::Hospital(_)
        | Event::Authority(_)
        | Event::Provider(_)
        | Event::Mandate(_)
        | Event::Requirement(_)
        | Event::ThirdCountry(_)
        | Event::Catalogue(_)
        | Event::Request(_)
        | Event::Assessment(_)
        | Event::Policy(_) => None,
    }
}
