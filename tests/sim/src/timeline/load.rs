//! What each contract carried, and since when.

use std::{
    collections::BTreeMap,
    ops::{Add, Neg},
};

use muster_domain::{
    kernel::{ContractId, PackageId, ProviderId},
    registry::events::Capacity,
};

use super::{Answer, Ended, Moment, Over, Timeline};

/// Teams, on-site teams among them, and person-days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Teams, on site or not.
    pub teams: i64,
    /// Of these, on site.
    pub onsite: i64,
    /// Person-days.
    pub days: i64,
}

impl Load {
    /// Days alone.
    pub fn days(days: impl Into<i64>) -> Self {
        Self { days: days.into(), ..Self::default() }
    }

    /// Whether all of it is within `limits`.
    pub fn is_within(self, limits: Self) -> bool {
        self.teams <= limits.teams && self.onsite <= limits.onsite && self.days <= limits.days
    }
}

impl From<&Capacity> for Load {
    fn from(capacity: &Capacity) -> Self {
        let Capacity { teams, onsite_teams, person_days, .. } = *capacity;
        Self { teams: teams.into(), onsite: onsite_teams.into(), days: person_days.into() }
    }
}

impl Add for Load {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            teams: self.teams.saturating_add(other.teams),
            onsite: self.onsite.saturating_add(other.onsite),
            days: self.days.saturating_add(other.days),
        }
    }
}

impl Neg for Load {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            teams: self.teams.saturating_neg(),
            onsite: self.onsite.saturating_neg(),
            days: self.days.saturating_neg(),
        }
    }
}

impl<'a> Timeline<'a> {
    /// What a package takes from the contract of whoever is asked at a moment. Days used before by those who gave the work
    /// back are not asked again, days that an officer added are; but no package with days shrinks to none.
    pub fn takes(&self, package: &PackageId, moment: Moment) -> Load {
        let Some(asked) = self.packages.get(package) else { return Load::default() };
        let mut changes: Vec<(Moment, i64)> = Vec::new();
        for offer in self.offers_of(package) {
            changes.extend(offer.extended.iter().map(|(at, days)| (*at, i64::from(*days))));
            if let Some((at, Ended::Released(_), used)) = offer.ended {
                changes.push((at, -i64::from(used)));
            }
        }
        changes.retain(|(at, _)| *at < moment);
        changes.sort_unstable();
        let whole = i64::from(asked.package.person_days);
        let days = changes.into_iter().fold(whole, |left, (_, change)| left.saturating_add(change).max(left.min(1)));
        let (remote, onsite) = (i64::from(asked.package.remote_teams), i64::from(asked.package.onsite_teams));
        Load { teams: remote.saturating_add(onsite), onsite, days }
    }

    /// What each contract carried after each event that changed it: teams from offer to release; days held by an offer and by
    /// the engagement it becomes, less what comes back when that ends.
    pub fn loads(&self) -> BTreeMap<(&'a ProviderId, &'a ContractId), Over<Load>> {
        let mut changes: BTreeMap<_, Vec<(Moment, Load)>> = BTreeMap::new();
        for offer in self.offers.values() {
            let changes = changes.entry((offer.provider, offer.contract)).or_default();
            let takes = self.takes(offer.package, offer.made);
            changes.push((offer.made, takes));
            if let Some((moment, answer)) = offer.answered
                && answer != Answer::Accepted
            {
                changes.push((moment, -takes));
            }
            if offer.accepted().is_some() {
                changes.extend(offer.extended.iter().map(|(moment, days)| (*moment, Load::days(*days))));
                let more = offer.extended.iter().fold(0_i64, |sum, (_, days)| sum.saturating_add((*days).into()));
                if let Some((moment, _, used)) = offer.ended {
                    changes.push((moment, -takes + -Load::days(more) + Load::days(used)));
                }
            }
        }
        let summed = |(contract, mut changes): (_, Vec<(Moment, Load)>)| {
            changes.sort_by_key(|(moment, _)| *moment);
            let mut load = Load::default();
            let mut over = Over::default();
            for (moment, change) in changes {
                load = load + change;
                over.set(moment, load);
            }
            (contract, over)
        };
        changes.into_iter().map(summed).collect()
    }
}
