//! What a provider is asked to do, and who was looked at for it.

use muster_api::r#type::v1::{self, candidate::Standing as WireStanding};
use muster_domain::dispatch::events::{Candidate, Fit, Package, Standing};

use super::texts;

/// What one provider is asked to do, on the wire.
pub fn package(package: &Package) -> v1::Package {
    v1::Package {
        package: package.id.to_string(),
        services: texts(&package.services),
        remote_teams: package.remote_teams,
        onsite_teams: package.onsite_teams,
        person_days: package.person_days,
        lead: package.lead,
    }
}

/// A provider looked at, on the wire; `because` puts the rule that dropped it in words.
pub fn candidate(candidate: &Candidate, because: String) -> v1::Candidate {
    let standing = match candidate.standing {
        Standing::Dropped(rule) => WireStanding::Dropped(v1::candidate::Dropped { rule: rule.to_string(), because }),
        Standing::Fits(Fit { start_minutes, languages_missing, health_gap, load_percent, draw }) => {
            WireStanding::Fit(v1::candidate::Fit { start_minutes, languages_missing, health_gap, load_percent, draw })
        }
    };
    v1::Candidate { provider: candidate.provider.to_string(), standing: Some(standing) }
}

#[cfg(test)]
mod tests {
    use muster_domain::{
        dispatch::events::Rule,
        kernel::{PackageId, ProviderId},
    };

    use super::*;
    use crate::wire::samples;

    #[test]
    fn a_package_says_what_is_asked() {
        let terms = samples::terms();
        let asked = Package {
            id: PackageId::parse("r-7f3a-p1").unwrap(),
            services: terms.services.clone(),
            remote_teams: 1,
            onsite_teams: 2,
            person_days: 60,
            lead: true,
        };
        assert_eq!(
            package(&asked),
            v1::Package {
                package: "r-7f3a-p1".to_owned(),
                services: texts(&terms.services),
                remote_teams: 1,
                onsite_teams: 2,
                person_days: 60,
                lead: true,
            }
        );
    }

    #[test]
    fn a_candidate_fits_or_was_dropped_and_why() {
        let of = |standing| Candidate { provider: ProviderId::parse("halden-quay").unwrap(), standing };
        let fit = Fit { start_minutes: 360, languages_missing: 1, health_gap: 89, load_percent: 25, draw: 7 };
        let told = candidate(&of(Standing::Fits(fit)), String::new());
        let fit =
            v1::candidate::Fit { start_minutes: 360, languages_missing: 1, health_gap: 89, load_percent: 25, draw: 7 };
        assert_eq!(told, v1::Candidate { provider: "halden-quay".to_owned(), standing: Some(WireStanding::Fit(fit)) });
        let told = candidate(&of(Standing::Dropped(Rule::Language)), "it works in en".to_owned());
        let dropped = v1::candidate::Dropped { rule: "language".to_owned(), because: "it works in en".to_owned() };
        assert_eq!(told.standing, Some(WireStanding::Dropped(dropped)));
    }
}
