//! The hard rules of matching, told a second time: who may be asked for a package at a moment.

use std::time::Duration;

use muster_domain::{
    codes::Country,
    dispatch::events::Package,
    eligibility::events::Case,
    kernel::{PackageId, ProviderId, Timestamp},
    registry::events::{
        AuthorityKind, Category, ConflictEffect, ConflictScope, Contract, CouncilAct, NationalRequirement, Provider,
    },
};

use crate::timeline::{Grant, Moment, Timeline};

/// Everything that forbids asking `provider`, in words; empty if nothing does.
pub fn forbids(
    (provider, suspended): (&Provider, bool),
    case: &Case,
    package: &Package,
    requirement: Option<&NationalRequirement>,
    now: Timestamp,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut rule = |holds: bool, says: String| {
        if !holds {
            found.push(says);
        }
    };
    let country = case.country;
    rule(!suspended, "it is suspended".to_owned());
    match in_force(provider, now) {
        None => rule(false, format!("no contract of it is in force at {now}")),
        Some(contract) => {
            rule(contract.member_states.contains(&country), format!("its contract leaves {country} out"));
            for service in package.services.iter().filter(|service| !contract.services.contains(*service)) {
                rule(false, format!("its contract leaves {service} out"));
            }
        }
    }
    let common = case.languages.intersection(&provider.languages).next().is_some();
    let english = package.onsite_teams == 0 && provider.languages.iter().any(|language| language.as_str() == "en");
    rule(common || english || case.languages.is_empty(), "it speaks no language that is needed".to_owned());
    for conflict in &provider.conflicts {
        let named = conflict.reference.to_ascii_lowercase();
        let touched: Vec<&str> = match conflict.scope {
            ConflictScope::Incident => vec![&case.incident],
            ConflictScope::Entity => vec![case.hospital.as_str(), &case.entity.name],
            ConflictScope::EntityKind => vec![&case.entity.kind],
            ConflictScope::Supplier => case.suppliers.iter().map(String::as_str).collect(),
        };
        let excludes = conflict.effect == ConflictEffect::Exclude;
        let touches = touched.iter().any(|text| text.to_ascii_lowercase() == named);
        rule(!(excludes && touches), format!("it has a conflict of interest about {}", conflict.reference));
    }
    if let Some(requirement) = requirement.filter(|requirement| binds(requirement, case)) {
        rule(
            !requirement.clearance || provider.clearances.contains(&country),
            format!("its people are not cleared for {country}"),
        );
        rule(
            !requirement.eu_control || provider.controlled_from.is_member_state(),
            format!("it is controlled from {}", provider.controlled_from),
        );
        let asked = &requirement.certificates_any_of;
        let valid = |end: Option<Timestamp>| match end {
            Some(end) => now < end,
            None => true,
        };
        let holds = provider.certificates.iter().any(|held| asked.contains(&held.name) && valid(held.expires));
        rule(!package.lead || asked.is_empty() || holds, format!("it leads without a certificate of {country}"));
    }
    found
}

/// A requirement may bind for essential entities only; an entity that nobody has classified counts as one.
fn binds(requirement: &NationalRequirement, case: &Case) -> bool {
    !requirement.essential_only || [Category::Essential, Category::Unknown].contains(&case.entity.category)
}

/// The contract in force at a moment.
pub fn in_force(provider: &Provider, now: Timestamp) -> Option<&Contract> {
    provider.contracts.iter().find(|contract| (contract.from..contract.until).contains(&now))
}

impl<'a> Timeline<'a> {
    /// Everything that forbids asking `provider` for `package` at a moment of the desk that is `now` in time.
    pub fn forbids(&self, package: &PackageId, provider: &ProviderId, moment: Moment, now: Timestamp) -> Vec<String> {
        let Some(asked) = self.packages.get(package) else { return vec![format!("there is no package {package}")] };
        let Some(grant) = self.grants.get(asked.request) else { return vec!["it was not granted".to_owned()] };
        let Some(terms) = self.terms_at(provider, moment) else {
            return vec![format!("the desk knows no terms of {provider}")];
        };
        let requirement = self.requirement_at(grant.case.country, moment);
        let mut found = forbids(terms, grant.case, asked.package, requirement, now);
        found.extend(self.closed_to(grant, moment, now));
        if self.is_conflicted(package, provider, moment) {
            found.push("it declared a conflict of interest with this case".to_owned());
        }
        if self.was_tried(package, provider, moment) {
            found.push("it declined, let expire or gave back this package before".to_owned());
        }
        found
    }

    /// Why the Reserve is closed to whoever asked, in words, if it is: to a third country without a Council act in force, and once
    /// the days are over that the act allows for one request, counted from when work on it was first taken.
    pub fn closed_to(&self, grant: &Grant, moment: Moment, now: Timestamp) -> Option<String> {
        let country = grant.case.country;
        if grant.case.user != AuthorityKind::ThirdCountry {
            return None;
        }
        let Some(act) = self.act_at(country, moment, now) else { return Some(format!("no act opens it to {country}")) };
        let over = self.cap_of(grant, act, moment).is_some_and(|end| end <= now);
        over.then(|| format!("the days that {} allows are over", act.reference))
    }

    /// The Council act in force for a third country.
    pub fn act_at(&self, country: Country, moment: Moment, now: Timestamp) -> Option<&'a CouncilAct> {
        let binds = |(taken, act): &&(Moment, &'a CouncilAct)| {
            let repealed = self.repeals.get(&(country, act.reference.as_str()));
            act.country == country && *taken <= moment && repealed.is_none_or(|repealed| *repealed > moment)
        };
        self.acts.iter().filter(binds).map(|(_, act)| *act).find(|act| (act.from..act.until).contains(&now))
    }

    /// When the days are over that an act allows for one request, if work on it was taken by then and the act sets a cap.
    pub fn cap_of(&self, grant: &Grant, act: &CouncilAct, moment: Moment) -> Option<Timestamp> {
        let taken =
            grant.packages.iter().flat_map(|package| self.offers_of(package)).filter_map(|offer| offer.accepted());
        let first = taken.filter(|taken| *taken <= moment).min()?;
        let (_, commit) = self.steps.get(first.step)?;
        Some(commit.received_at.plus(Duration::from_secs(u64::from(act.days_max?) * 24 * 3600)))
    }
}
