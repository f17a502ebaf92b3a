//! Logs as a wrong build would have written them: one thing is changed in what a run has written, and the chain of frames is
//! made good again, so that nothing but the change itself tells of it.

use std::collections::BTreeMap;

use muster_domain::{
    dispatch::events::{DeskEvent, RescindReason},
    eligibility::events::{AssessmentEvent, Outcome, PolicyEvent},
    event::Event,
    intake::events::RequestEvent,
    kernel::{OfferId, PackageId, ProviderId, Role, Timestamp},
    registry::events::{HospitalEvent, Provider, ProviderEvent},
};
use muster_golden::values::{offer_id, principal};
use muster_journal::{
    port::Subject,
    stored::{self, Commit, Frame, Position},
};
use uuid::Uuid;

use super::bugs::Bug;
use crate::{
    history::{Operation, Outcome as Told},
    log::Entry,
    timeline::{Moment, Timeline},
};

/// A log and what clients saw.
pub struct Forged {
    /// The log.
    pub log: Vec<Entry>,
    /// What clients saw.
    pub history: Vec<Operation>,
}

/// What changes a log, and how.
type Change = fn(&mut Forged) -> Option<()>;

/// The bugs of which the log alone tells.
const CHANGES: &[(Bug, Change)] = &[
    (Bug::CommandTwice, Forged::command_twice),
    (Bug::DayIsLost, Forged::day_is_lost),
    (Bug::NoTeams, |forged| forged.terms(|terms| terms.contracts.iter_mut().for_each(|c| c.capacity.teams = 0))),
    (Bug::Speechless, |forged| forged.terms(|terms| terms.languages.clear())),
    (Bug::TeamsAppear, |forged| {
        forged.terms(|terms| {
            for contract in &mut terms.contracts {
                contract.capacity.teams += 9;
                contract.capacity.onsite_teams += 9;
                contract.capacity.person_days += 9_000;
            }
        })
    }),
    (Bug::RankIsIgnored, Forged::rank_is_ignored),
    (Bug::StaleDecision, |forged| {
        forged.commit(|commit| {
            commit.decided_at = Some(Position { sequence: 1, index: 7 });
            Some(())
        })
    }),
    (Bug::AskedAfterWithdrawal, Forged::asked_after_withdrawal),
    (Bug::StrangerAccepts, |forged| {
        forged.commit(|commit| {
            let accepted = |event: &Event| matches!(event, Event::Desk(DeskEvent::Accepted { .. }));
            commit.events.iter().any(accepted).then(|| commit.actor.principal = principal("firm-9"))
        })
    }),
    (Bug::NotClosed, |forged| {
        forged.commit(|commit| {
            let nationally = |event: &Event| matches!(event, Event::Request(RequestEvent::HandledNationally { .. }));
            commit.events.iter().any(nationally).then(|| drop(commit.events.pop()))
        })
    }),
    (Bug::EarlyEscalation, |forged| {
        forged.commit(|commit| {
            let early = |event: &Event| matches!(event, Event::Assessment(AssessmentEvent::Escalated { .. }));
            let before = commit.received_at.millis() - 7_200_000;
            commit.events.iter().any(early).then(|| commit.received_at = Timestamp::from_millis(before))
        })
    }),
    (Bug::OfferStandsLonger, |forged| {
        forged.event(|event| {
            let Event::Desk(DeskEvent::Offered { expires_at, .. }) = event else { return None };
            *expires_at = Timestamp::from_millis(expires_at.millis() + 1);
            Some(())
        })
    }),
    (Bug::OnePerson, Forged::one_person),
    (Bug::FinishedUntruly, |forged| {
        forged.event(|event| {
            let Event::Desk(DeskEvent::RequestFinished { supported, .. }) = event else { return None };
            *supported = !*supported;
            Some(())
        })
    }),
    (Bug::RefusedSilently, |forged| {
        forged.event(|event| {
            let Event::Assessment(AssessmentEvent::Decided { outcome: Outcome::Refused, reason, .. }) = event else {
                return None;
            };
            reason.clear();
            Some(())
        })
    }),
    (Bug::AssessedElsewhere, |forged| {
        forged.event(|event| {
            let Event::Assessment(AssessmentEvent::Assessed { live, .. }) = event else { return None };
            *live = false;
            Some(())
        })
    }),
    (Bug::LastRecordIsLost, |forged| forged.log.pop().map(drop)),
    (Bug::OrderIsLost, Forged::order_is_lost),
    (Bug::SequenceIsSkipped, |forged| forged.another(2, |_| {})),
    (Bug::WrongSubject, |forged| {
        forged.another(1, |event| {
            if let Event::Hospital(HospitalEvent::Amended(hospital) | HospitalEvent::Registered(hospital)) = event {
                hospital.id = super::cast::hospital(3).id;
            }
        })
    }),
    (Bug::ChainIsCut, |forged| {
        forged.log.last_mut().map(|entry| {
            entry.frame.previous = [7; 32];
            entry.bytes = stored::encode(&entry.frame);
        })
    }),
    (Bug::BytesRot, |forged| {
        forged.log.last_mut().map(|entry| {
            let mut bytes = entry.bytes.to_vec();
            bytes.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
            entry.bytes = bytes.into();
        })
    }),
    (Bug::TakenLies, |forged| {
        forged.commit(|commit| {
            let taken = commit.taken.as_mut().filter(|taken| **taken > 4)?;
            *taken = 1;
            Some(())
        })
    }),
    (Bug::TimeGoesBack, |forged| {
        forged.commit(|commit| {
            commit.recorded_at = Timestamp::from_millis(commit.recorded_at.millis() - 3_600_000);
            commit.received_at = commit.recorded_at;
            Some(())
        })
    }),
    (Bug::OfferNeverEnds, Forged::offer_never_ends),
    (Bug::NobodyIsTold, Forged::nobody_is_told),
];

impl Forged {
    /// Changes one thing; whether there was anything to change.
    pub fn forge(&mut self, bug: Bug) -> bool {
        let done = self.change(bug).is_some();
        if done && !matches!(bug, Bug::ChainIsCut | Bug::BytesRot) {
            self.chain();
        }
        done
    }

    /// Every frame holds the hash of the one before it on its subject.
    fn chain(&mut self) {
        let mut chain: BTreeMap<Subject, [u8; 32]> = BTreeMap::new();
        for entry in &mut self.log {
            entry.frame.previous = chain.get(&entry.subject).copied().unwrap_or_default();
            entry.bytes = stored::encode(&entry.frame);
            chain.insert(entry.subject.clone(), stored::hash(&entry.bytes));
        }
    }

    /// The commits, from the last to the first.
    fn commits(&mut self) -> impl Iterator<Item = (u64, &mut Commit)> {
        self.log.iter_mut().rev().flat_map(|entry| {
            let sequence = entry.sequence;
            entry.frame.commits.iter_mut().rev().map(move |commit| (sequence, commit))
        })
    }

    /// The last event that a change is made to.
    fn event<T>(&mut self, mut change: impl FnMut(&mut Event) -> Option<T>) -> Option<T> {
        self.commits().flat_map(|(_, commit)| commit.events.iter_mut().rev()).find_map(&mut change)
    }

    /// The last commit that a change is made to.
    fn commit<T>(&mut self, mut change: impl FnMut(&mut Commit) -> Option<T>) -> Option<T> {
        self.commits().find_map(|(_, commit)| change(commit))
    }

    fn change(&mut self, bug: Bug) -> Option<()> {
        let (_, change) = CHANGES.iter().find(|(changes, _)| *changes == bug)?;
        change(self)
    }

    fn command_twice(&mut self) -> Option<()> {
        let mut first = None;
        self.commit(|commit| {
            if commit.actor.role != Role::System {
                return None;
            }
            match first {
                None => {
                    first = Some(commit.command);
                    None
                }
                Some(id) => {
                    commit.command = id;
                    Some(())
                }
            }
        })
    }

    fn day_is_lost(&mut self) -> Option<()> {
        self.event(|event| {
            let Event::Desk(DeskEvent::GrantTaken { packages, .. }) = event else { return None };
            let package = packages.iter_mut().find(|package| package.person_days > 1)?;
            package.person_days -= 1;
            Some(())
        })
    }

    /// The terms of some firm that was asked are others, in the registry and at the desk.
    fn terms(&mut self, change: fn(&mut Provider)) -> Option<()> {
        let asked: ProviderId = self.event(|event| {
            let Event::Desk(DeskEvent::Offered { provider, .. }) = event else { return None };
            Some(provider.clone())
        })?;
        for (_, commit) in self.commits() {
            for event in &mut commit.events {
                if let Event::Provider(ProviderEvent::Enrolled(terms) | ProviderEvent::Amended(terms))
                | Event::Desk(DeskEvent::ProviderTaken { provider: terms, .. }) = event
                    && terms.id == asked
                {
                    change(terms);
                }
            }
        }
        Some(())
    }

    /// A package that waits while others are asked ranks before them, wherever its rank is told.
    fn rank_is_ignored(&mut self) -> Option<()> {
        let log = self.log.clone();
        let desk = Timeline::of(&log);
        let waiting = desk.packages.iter().find(|(id, asked)| {
            let alone = desk.packages.values().filter(|other| other.request == asked.request).count() == 1;
            alone && desk.offers_of(id).next().is_none() && desk.over(id).is_none()
        });
        let request = waiting.map(|(_, asked)| asked.request.clone())?;
        for (_, commit) in self.commits() {
            for event in &mut commit.events {
                if let Event::Assessment(
                    AssessmentEvent::Decided { key, .. }
                    | AssessmentEvent::Assessed { key, .. }
                    | AssessmentEvent::Resolved { key, .. },
                )
                | Event::Desk(DeskEvent::GrantTaken { key, .. }) = event
                    && key.request == request
                {
                    key.bands = [4; 5];
                }
            }
        }
        Some(())
    }

    /// The commit that takes a withdrawal asks whoever it took the offer back from once more.
    fn asked_after_withdrawal(&mut self) -> Option<()> {
        let log = self.log.clone();
        let desk = Timeline::of(&log);
        let again = |offer: &OfferId, now: Timestamp| {
            let made = desk.offers.get(offer)?;
            let event = desk.event(made.made)?.clone();
            let DeskEvent::Offered { package, provider, contract, expires_at, considered, .. } = event else {
                return None;
            };
            let (_, commit) = desk.steps.get(made.made.step)?;
            let stands = expires_at.since(commit.recorded_at);
            let offer = offer_id("o-99999");
            Some(DeskEvent::Offered {
                offer,
                package,
                provider,
                contract,
                expires_at: now.plus(stands),
                extra: false,
                considered,
            })
        };
        self.commit(|commit| {
            let taken =
                commit.events.iter().any(|event| matches!(event, Event::Desk(DeskEvent::WithdrawalTaken { .. })));
            let offer = commit.events.iter().find_map(|event| {
                let Event::Desk(DeskEvent::Rescinded { offer, reason: RescindReason::Withdrawn, .. }) = event else {
                    return None;
                };
                Some(offer.clone())
            });
            let made = offer.filter(|_| taken).and_then(|offer| again(&offer, commit.recorded_at))?;
            let back = DeskEvent::Rescinded {
                offer: offer_id("o-99999"),
                reason: RescindReason::Withdrawn,
                note: String::new(),
            };
            commit.events.extend([Event::Desk(made), Event::Desk(back)]);
            Some(())
        })
    }

    fn one_person(&mut self) -> Option<()> {
        self.commit(|commit| {
            let by = commit.events.iter_mut().find_map(|event| {
                let (Event::Policy(PolicyEvent::PutInForce { proposed_by, approved_by, .. })
                | Event::Assessment(AssessmentEvent::Overridden { proposed_by, approved_by, .. })
                | Event::Provider(ProviderEvent::Suspended { proposed_by, approved_by, .. })) = event
                else {
                    return None;
                };
                *approved_by = proposed_by.clone();
                Some(proposed_by.clone())
            })?;
            commit.actor.principal = by;
            Some(())
        })
    }

    /// Of two calls, one after the other, the second stands first.
    fn order_is_lost(&mut self) -> Option<()> {
        let [.., first, second] = self.log.as_mut_slice() else { return None };
        let (one, other) = (first.frame.commits.first_mut()?, second.frame.commits.first_mut()?);
        std::mem::swap(&mut one.command, &mut other.command);
        let places = [(one.command, first.sequence), (other.command, second.sequence)];
        for operation in &mut self.history {
            let place = places.iter().find(|(command, _)| *command == operation.command);
            if let (Told::Done(position) | Told::Already(position), Some((_, sequence))) =
                (&mut operation.outcome, place)
            {
                position.sequence = *sequence;
            }
        }
        Some(())
    }

    /// One more record of a hospital, so many sequences later.
    fn another(&mut self, later: u64, change: fn(&mut Event)) -> Option<()> {
        let last = self.log.last()?.clone();
        let mut commit = last.frame.commits.first()?.clone();
        commit.command = Uuid::from_u128(7);
        commit.decided_at = Some(Position { sequence: last.sequence, index: 0 });
        commit.events.iter_mut().for_each(change);
        let frame = Frame { id: Uuid::from_u128(8), previous: [0; 32], commits: vec![commit] };
        self.log.push(Entry { sequence: last.sequence + later, frame, ..last });
        Some(())
    }

    /// An event of the desk is dropped from a commit that says more.
    fn drop_event(&mut self, which: impl Fn(&DeskEvent) -> bool) -> Option<()> {
        self.commit(|commit| {
            let at = commit.events.iter().position(|event| matches!(event, Event::Desk(event) if which(event)))?;
            (commit.events.len() > 1).then(|| drop(commit.events.remove(at)))
        })
    }

    /// The last offer of a package that is looked for in vain does not expire, and nobody is told.
    fn offer_never_ends(&mut self) -> Option<()> {
        let log = self.log.clone();
        let desk = Timeline::of(&log);
        let last = |offer: &OfferId| {
            let package = desk.offers.get(offer).map(|made| made.package).filter(|id| desk.over(id).is_none())?;
            let latest = desk.offers_of(package).all(|other| {
                other.id == offer
                    || other.answered.is_some_and(|(at, _)| Some(at) <= desk.offers.get(offer).map(|made| made.made))
            });
            latest.then_some(package)
        };
        self.commit(|commit| {
            let (at, package) = commit.events.iter().enumerate().find_map(|(at, event)| {
                let Event::Desk(DeskEvent::Expired { offer }) = event else { return None };
                Some((at, last(offer)?))
            })?;
            commit.events.remove(at);
            let told =
                |event: &Event| matches!(event, Event::Desk(DeskEvent::Escalated { package: id, .. }) if id == package);
            commit.events.retain(|event| !told(event));
            Some(())
        })
    }

    /// A package that nobody can carry, and of which a person is told once, is told to nobody.
    fn nobody_is_told(&mut self) -> Option<()> {
        let log = self.log.clone();
        let desk = Timeline::of(&log);
        let end = Moment::end_of(desk.steps.len());
        let waits = |package: &PackageId| {
            desk.over(package).is_none()
                && !desk.offers_of(package).any(|offer| offer.is_pending(end) || offer.is_engaged(end))
        };
        self.drop_event(|event| matches!(event, DeskEvent::Escalated { package, .. } if waits(package)))
    }
}
