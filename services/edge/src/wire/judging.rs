//! How a request came, how it was judged, what was answered, and until when.

use muster_api::r#type::v1;
use muster_domain::{
    clocks::Clock,
    codes::ServiceId,
    eligibility::{
        assessment::Decision,
        bands::BAND_MAX,
        events::{Band, Cut, GateResult, PriorityKey, Terms},
    },
    intake::events::Route,
    kernel::{Role, Timestamp},
};

use super::{
    fields::{Fields, duration, timestamp},
    texts,
};

/// How a request came, on the wire.
pub fn route(route: &Route) -> v1::Route {
    v1::Route {
        authority: route.authority.to_string(),
        kind: route.kind.to_string(),
        country: route.country.map(|country| country.to_string()).unwrap_or_default(),
        spoc: route.spoc.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// What is granted, on the wire.
pub fn terms(terms: &Terms) -> v1::Terms {
    v1::Terms {
        services: texts(&terms.services),
        remote_teams: terms.remote_teams,
        onsite_teams: terms.onsite_teams,
        person_days: terms.person_days,
        duration: Some(duration(terms.duration)),
    }
}

/// Reads what is to be granted in the field `at`; `None` if something in it cannot be read, which `fields` then tells.
pub fn read_terms(fields: &mut Fields, at: &str, terms: v1::Terms) -> Option<Terms> {
    let v1::Terms { services, remote_teams, onsite_teams, person_days, duration } = terms;
    let services = fields.each(&format!("{at}.services"), &services, ServiceId::parse);
    let field = format!("{at}.duration");
    let duration = fields.needed(&field, duration).and_then(|duration| fields.duration(&field, duration))?;
    Some(Terms { services, remote_teams, onsite_teams, person_days, duration })
}

/// What was requested and not granted, on the wire.
pub fn cut(cut: &Cut) -> v1::Cut {
    v1::Cut { what: cut.what.clone(), reason: cut.reason.clone() }
}

/// Reads what is not to be granted. A cut is words alone, so that nothing in it is unreadable: what does not fit the request
/// is the domain's to refuse.
pub fn read_cuts(cuts: Vec<v1::Cut>) -> Vec<Cut> {
    cuts.into_iter().map(|v1::Cut { what, reason }| Cut { what, reason }).collect()
}

/// The answer to a request, on the wire.
pub fn decision(decision: &Decision, decided_at: Timestamp, decided_by: Role) -> v1::Decision {
    v1::Decision {
        outcome: decision.outcome.to_string(),
        terms: decision.terms.as_ref().map(terms),
        cuts: decision.cuts.iter().map(cut).collect(),
        reason: decision.reason.clone(),
        decided_at: Some(timestamp(decided_at)),
        decided_by: decided_by.to_string(),
        by_policy: decision.by_policy,
    }
}

/// A gate's answer, on the wire.
pub fn gate(gate: &GateResult) -> v1::Gate {
    v1::Gate {
        gate: gate.gate.to_string(),
        verdict: gate.verdict.to_string(),
        article: gate.article.clone(),
        because: gate.because.clone(),
    }
}

/// A criterion's band, on the wire.
pub fn band(band: &Band) -> v1::Band {
    v1::Band {
        criterion: band.criterion.to_string(),
        band: u32::from(band.band),
        rule: band.rule.clone(),
        basis: band.basis.to_string(),
        because: band.because.clone(),
    }
}

/// Where a request ranks, on the wire.
pub fn priority_key(key: &PriorityKey) -> v1::PriorityKey {
    v1::PriorityKey {
        bands: key.bands.map(u32::from).to_vec(),
        member_state_user: key.member_state_user,
        submitted_at: Some(timestamp(key.submitted_at)),
        request: key.request.to_string(),
    }
}

/// Reads the bands of criteria (a) to (e) in the field `at`; `None` if they are not five of 0 to 4, which `fields` then tells.
pub fn read_bands(fields: &mut Fields, at: &str, bands: &[u32]) -> Option<[u8; 5]> {
    let read: Vec<u8> = bands.iter().enumerate().filter_map(|(i, band)| read_band(fields, at, i, *band)).collect();
    if bands.len() != 5 {
        fields.wrong(at, format_args!("has {} bands, not five: one for each of (a) to (e)", bands.len()));
    }
    read.try_into().ok()
}

fn read_band(fields: &mut Fields, at: &str, i: usize, band: u32) -> Option<u8> {
    let read = u8::try_from(band).ok().filter(|band| *band <= BAND_MAX);
    if read.is_none() {
        fields.wrong(format_args!("{at}[{i}]"), format_args!("is {band}, more than {BAND_MAX}"));
    }
    read
}

/// A deadline, on the wire.
pub fn clock(clock: &Clock) -> v1::Clock {
    v1::Clock {
        name: clock.name.to_string(),
        owner: clock.owner.to_string(),
        starts_at: Some(timestamp(clock.starts)),
        due_at: Some(timestamp(clock.due)),
        status: clock.status.to_string(),
        approximate: clock.approximate,
    }
}

#[cfg(test)]
mod tests {
    use muster_domain::{
        clocks::{ClockName, Status},
        eligibility::events::{Basis, Criterion, Gate, Outcome, Verdict},
        kernel::{AuthorityId, RequestId},
        registry::events::AuthorityKind,
    };

    use super::*;
    use crate::wire::samples;

    fn words(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn terms_and_cuts_go_there_and_back() {
        let mut fields = Fields::default();
        let read = read_terms(&mut fields, "terms", terms(&samples::terms()));
        assert_eq!(samples::told(fields.done(read)), Ok(samples::terms()));
        let cuts = vec![Cut { what: words("person_days"), reason: words("one team less") }];
        assert_eq!(read_cuts(cuts.iter().map(cut).collect()), cuts);
    }

    #[test]
    fn wrong_terms_are_told_at_once() {
        let mut fields = Fields::default();
        let message =
            v1::Terms { services: vec![words("x.pacs"), words("pacs")], duration: None, ..terms(&samples::terms()) };
        let read = read_terms(&mut fields, "terms", message);
        let told = samples::told(fields.done(read)).unwrap_err();
        assert_eq!(
            told.iter().map(|(field, _)| field.as_str()).collect::<Vec<_>>(),
            ["terms.duration", "terms.services[1]"]
        );
    }

    #[test]
    fn bands_are_five_of_0_to_4() {
        let read = |bands: &[u32]| {
            let mut fields = Fields::default();
            let read = read_bands(&mut fields, "bands", bands);
            samples::told(fields.done(read))
                .map_err(|told| told.into_iter().map(|(field, _)| field).collect::<Vec<_>>())
        };
        assert_eq!(read(&[4, 0, 1, 2, 3]), Ok([4, 0, 1, 2, 3]));
        assert_eq!(read(&priority_key(&key()).bands), Ok(key().bands));
        assert_eq!(read(&[5, 0, 1, 2, 300]), Err(vec![words("bands[0]"), words("bands[4]")]));
        assert_eq!(read(&[1, 2, 3, 4]), Err(vec![words("bands")]));
        assert_eq!(read(&[1, 2, 3, 4, 9, 0]), Err(vec![words("bands"), words("bands[4]")]));
        assert_eq!(read(&[]), Err(vec![words("bands")]));
    }

    fn key() -> PriorityKey {
        PriorityKey {
            bands: [4, 2, 3, 1, 3],
            member_state_user: true,
            submitted_at: samples::at(0),
            request: RequestId::parse("r-7f3a").unwrap(),
        }
    }

    #[test]
    fn a_key_a_gate_and_a_band_say_all_they_know() {
        let told = priority_key(&key());
        assert_eq!(told.submitted_at, Some(timestamp(samples::at(0))));
        assert_eq!((told.request.as_str(), told.member_state_user), ("r-7f3a", true));
        let of_gate = GateResult {
            gate: Gate::IncidentClass,
            verdict: Verdict::Pass,
            article: words("Art 15(1)"),
            because: words("patient records cannot be reached"),
        };
        assert_eq!(
            gate(&of_gate),
            v1::Gate {
                gate: words("incident-class"),
                verdict: words("pass"),
                article: words("Art 15(1)"),
                because: words("patient records cannot be reached"),
            }
        );
        let of_band = Band {
            criterion: Criterion::Severity,
            band: 4,
            rule: words("A4"),
            basis: Basis::Facts,
            because: words("5 hospitals are affected"),
        };
        assert_eq!(
            band(&of_band),
            v1::Band {
                criterion: words("a"),
                band: 4,
                rule: words("A4"),
                basis: words("facts"),
                because: words("5 hospitals are affected"),
            }
        );
    }

    #[test]
    fn a_decision_says_what_when_and_by_whom() {
        let partly = Decision {
            outcome: Outcome::PartlyGranted,
            terms: Some(samples::terms()),
            cuts: vec![Cut { what: words("person_days"), reason: words("one team less") }],
            reason: words("one team reaches all five sites"),
            by_policy: None,
        };
        let told = decision(&partly, samples::at(5), Role::Officer);
        assert_eq!(
            told,
            v1::Decision {
                outcome: words("partly-granted"),
                terms: Some(terms(&samples::terms())),
                cuts: vec![v1::Cut { what: words("person_days"), reason: words("one team less") }],
                reason: words("one team reaches all five sites"),
                decided_at: Some(timestamp(samples::at(5))),
                decided_by: words("officer"),
                by_policy: None,
            }
        );
        let refused = Decision { outcome: Outcome::Refused, terms: None, cuts: vec![], by_policy: Some(2), ..partly };
        let told = decision(&refused, samples::at(5), Role::System);
        assert_eq!((told.terms, told.by_policy, told.decided_by.as_str()), (None, Some(2), "system"));
    }

    #[test]
    fn cert_eu_came_by_no_country_and_no_point_of_contact() {
        let cert_eu = Route {
            authority: AuthorityId::parse("cert-eu").unwrap(),
            kind: AuthorityKind::CertEu,
            country: None,
            spoc: None,
        };
        let told = route(&cert_eu);
        assert_eq!((told.kind.as_str(), told.country.as_str(), told.spoc.as_str()), ("cert-eu", "", ""));
        let told = route(&samples::route());
        assert_eq!((told.kind.as_str(), told.country.as_str(), told.spoc.as_str()), ("csirt", "FR", "fr-spoc"));
        assert_eq!(told.authority, "fr-csirt");
    }

    #[test]
    fn a_clock_tells_how_it_stands() {
        let answer = Clock {
            name: ClockName::Answer,
            owner: Role::Officer,
            starts: samples::at(0),
            due: samples::at(48),
            status: Status::AtRisk,
            approximate: true,
        };
        assert_eq!(
            clock(&answer),
            v1::Clock {
                name: words("answer"),
                owner: words("officer"),
                starts_at: Some(timestamp(samples::at(0))),
                due_at: Some(timestamp(samples::at(48))),
                status: words("at-risk"),
                approximate: true,
            }
        );
    }
}
