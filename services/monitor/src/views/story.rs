//! What happened, one sentence an event, for people.

use muster_domain::{
    dispatch::{
        desk::Desk,
        events::{Candidate, DeskEvent, Package, Standing},
    },
    eligibility::events::{AssessmentEvent, Finding, Outcome, Verdict},
    event::Event,
    intake::events::{RequestEvent, ReturnReason},
    kernel::{OfferId, ProviderId},
};

/// The event in words; `None` for what is not worth a line in a request's story.
pub fn tell(event: &Event, desk: &Desk) -> Option<String> {
    match event {
        Event::Request(event) => Some(request(event)),
        Event::Assessment(event) => Some(assessment(event)),
        Event::Desk(event) => dispatch(event, desk),
        Event::Realm(_)
        | Event::Hospital(_)
        | Event::Authority(_)
        | Event::Provider(_)
        | Event::Mandate(_)
        | Event::Requirement(_)
        | Event::ThirdCountry(_)
        | Event::Catalogue(_)
        | Event::Policy(_) => None,
    }
}

fn by_mandate(mandate: bool) -> &'static str {
    if mandate { " by standing mandate" } else { "" }
}

fn request(event: &RequestEvent) -> String {
    match event {
        RequestEvent::Opened { facts, .. } => format!(
            "{} asks for help: {}; emergency department {}",
            facts.entity.name,
            facts.incident_types.first().map_or("incident", |kind| kind.as_str()),
            facts.impact.emergency,
        ),
        RequestEvent::Amended { .. } => "the hospital declared its facts anew".to_owned(),
        RequestEvent::Linked { to } => {
            format!("linked to request {to}: the same incident at the same hospital; both are kept")
        }
        RequestEvent::Endorsed { authority, mandate } => {
            format!("{authority} made the request its own{}", by_mandate(mandate.is_some()))
        }
        RequestEvent::Returned { authority, reason, note } => {
            let why = match reason {
                ReturnReason::FactsMissing => "facts are missing",
                ReturnReason::MeasuresMissing => "no own measure is shown (Art 15(2))",
                ReturnReason::NotSignificant => "it is not a significant incident (Art 15(1))",
                ReturnReason::EntityType => "the entity's type is not listed (Art 16(8))",
                ReturnReason::Other => "see the note",
            };
            format!("{authority} returned it: {why}{}", noted(note))
        }
        RequestEvent::HandledNationally { authority, note } => {
            format!("{authority} helps by itself (Art 10(2)){}", noted(note))
        }
        RequestEvent::Submitted { route, mandate, .. } => {
            let by = route.spoc.as_ref().map_or_else(|| route.authority.to_string(), ToString::to_string);
            let clock = if route.country.is_none_or(|c| c.is_member_state()) {
                "; the 48 hours run (Art 16(1))"
            } else {
                "; the Commission decides without undue delay (Art 19(10))"
            };
            format!("submitted by {by}{}{clock}", by_mandate(mandate.is_some()))
        }
        RequestEvent::Withdrawn { reason } => format!("withdrawn{}", noted(reason)),
        RequestEvent::SupportEnded => "support ended; the summary report is due in two months (Art 16(9))".to_owned(),
        RequestEvent::SummaryReportFiled(_) => "the summary report is filed".to_owned(),
        RequestEvent::Closed { reason } => format!("closed: {reason}"),
    }
}

fn noted(note: &str) -> String {
    if note.trim().is_empty() { String::new() } else { format!(" ({})", note.trim()) }
}

fn assessment(event: &AssessmentEvent) -> String {
    match event {
        AssessmentEvent::Assessed { gates, key, .. } => {
            let failed: Vec<_> = gates
                .iter()
                .filter(|g| g.verdict == Verdict::Fail)
                .map(|g| format!("{} ({})", g.gate, g.article))
                .collect();
            let unknown: Vec<_> =
                gates.iter().filter(|g| g.verdict == Verdict::Unknown).map(|g| g.gate.to_string()).collect();
            match (failed.as_slice(), unknown.as_slice()) {
                ([], []) => format!("assessed: all gates pass; bands {}", bands(&key.bands)),
                ([], unknown) => format!("assessed: an officer must find out about {}", unknown.join(", ")),
                (failed, _) => format!("assessed: fails {}", failed.join(", ")),
            }
        }
        AssessmentEvent::Resolved { finding, reason, key, .. } => {
            format!("an officer found: {}{}; bands {}", found(finding), noted(reason), bands(&key.bands))
        }
        AssessmentEvent::Escalated { level } => format!("no answer after {level}: escalated"),
        AssessmentEvent::DeadlineMissed => "the 48 hours are over without an answer (Art 16(1))".to_owned(),
        AssessmentEvent::OverrideProposed { bands: asked, reason, .. } => {
            format!("another rank is proposed: bands {}{}; a second person must approve", bands(asked), noted(reason))
        }
        AssessmentEvent::Overridden { bands: now, reason, .. } => {
            format!("two persons gave it another rank: bands {}{}", bands(now), noted(reason))
        }
        AssessmentEvent::Decided { outcome, cuts, reason, by_policy, .. } => {
            let by = by_policy.map_or(String::new(), |version| format!(" by policy {version}"));
            let cuts: Vec<_> = cuts.iter().map(|cut| format!("{}: {}", cut.what, cut.reason)).collect();
            match outcome {
                Outcome::Granted => format!("granted{by}{}", noted(reason)),
                Outcome::PartlyGranted => format!("partly granted{by}: {}{}", cuts.join("; "), noted(reason)),
                Outcome::Refused => format!("refused{by}{}", noted(reason)),
            }
        }
        AssessmentEvent::Withdrawn => "the assessment is closed: the request was withdrawn".to_owned(),
    }
}

fn bands(bands: &[u8; 5]) -> String {
    let [a, b, c, d, e] = bands;
    format!("a{a} b{b} c{c} d{d} e{e}")
}

fn found(finding: &Finding) -> String {
    match finding {
        Finding::Emergency(state) => format!("emergency department {state}"),
        Finding::HospitalsAffected(count) => format!("{count} hospitals affected"),
        Finding::RecordsUnavailable(yes) => format!("records unavailable: {}", yes_no(*yes)),
        Finding::ServicesRestored(yes) => format!("services restored: {}", yes_no(*yes)),
        Finding::DataBreach(yes) => format!("data breach: {}", yes_no(*yes)),
        Finding::Annex(annex) => format!("NIS2 annex {annex}"),
        Finding::Category(category) => format!("NIS2 category {category}"),
        Finding::Size(size) => format!("size {size}"),
        Finding::Spillover(risk) => format!("spillover risk {risk}"),
        Finding::NotRelevant(criterion) => format!("criterion ({criterion}) does not bear on this request"),
    }
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn dispatch(event: &DeskEvent, desk: &Desk) -> Option<String> {
    let name = |provider: &ProviderId| {
        desk.providers.get(provider).map_or_else(|| provider.to_string(), |e| e.provider.name.clone())
    };
    let by = |offer: &OfferId| desk.offers.get(offer).map_or_else(|| offer.to_string(), |o| name(&o.provider));
    Some(match event {
        DeskEvent::ProviderTaken { .. }
        | DeskEvent::RequirementTaken(_)
        | DeskEvent::CouncilActTaken(_)
        | DeskEvent::RepealTaken { .. }
        | DeskEvent::PolicyTaken(_) => return None,
        DeskEvent::GrantTaken { packages, .. } => match packages.as_slice() {
            [one] => format!("one package: {}", package(one)),
            many => {
                let parts: Vec<_> = many.iter().map(|p| format!("{}: {}", p.id, package(p))).collect();
                format!("no one provider could carry it: {} packages; {}", many.len(), parts.join("; "))
            }
        },
        DeskEvent::PriorityTaken { key } => format!("ranks anew in the queue: bands {}", bands(&key.bands)),
        DeskEvent::WithdrawalTaken { .. } => "the withdrawal is final".to_owned(),
        DeskEvent::Offered { offer, provider, expires_at, extra, considered, .. } => {
            let also = if *extra { "also " } else { "" };
            format!("{also}offered to {} ({offer}) until {expires_at}; {}", name(provider), looked_at(considered))
        }
        DeskEvent::Seen { offer } => format!("{} opened {offer}", by(offer)),
        DeskEvent::Accepted { offer, mobilise_by, .. } => {
            format!("{} accepted {offer} and must be on task by {mobilise_by}", by(offer))
        }
        DeskEvent::Declined { offer, reason, note } => {
            format!("{} declined {offer}: {reason}{}", by(offer), noted(note))
        }
        DeskEvent::Expired { offer } => format!("{} did not answer {offer} in time", by(offer)),
        DeskEvent::Rescinded { offer, reason, note } => {
            format!("{offer} to {} was taken back: {reason}{}", by(offer), noted(note))
        }
        DeskEvent::Lost { offer } => format!("{offer} to {} is over: another accepted first", by(offer)),
        DeskEvent::Escalated { package, considered } => {
            format!("nobody is left to ask for {package}: a human must act; {}", looked_at(considered))
        }
        DeskEvent::Reopened { package, note } => {
            format!("an officer asks everybody again for {package}{}", noted(note))
        }
        DeskEvent::GivenUp { package, note } => format!("an officer ended the search for {package}{}", noted(note)),
        DeskEvent::StageReached { offer, stage } => format!("{}: {stage}", by(offer)),
        DeskEvent::DaysReported { offer, days_used } => format!("{} reports {days_used} person-days so far", by(offer)),
        DeskEvent::Extended { offer, ends_at, person_days } => {
            format!("{}: extended to {ends_at}, {person_days} person-days more", by(offer))
        }
        DeskEvent::Completed { offer, days_used } => format!("{} is done after {days_used} person-days", by(offer)),
        DeskEvent::Released { offer, reason, note, days_used } => {
            format!("{} was released after {days_used} person-days: {reason}{}", by(offer), noted(note))
        }
        DeskEvent::RequestFinished { supported: true, .. } => "all work is done".to_owned(),
        DeskEvent::RequestFinished { supported: false, .. } => {
            "nothing more is sought; no provider was at work".to_owned()
        }
    })
}

fn package(package: &Package) -> String {
    let services: Vec<_> = package.services.iter().map(|service| service.as_str()).collect();
    format!(
        "{}; {} remote and {} on-site teams, {} person-days",
        services.join(", "),
        package.remote_teams,
        package.onsite_teams,
        package.person_days
    )
}

fn looked_at(considered: &[Candidate]) -> String {
    let fit = considered.iter().filter(|c| matches!(c.standing, Standing::Fits(_))).count();
    format!("{} looked at, {fit} fit", considered.len())
}
