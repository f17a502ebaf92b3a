//! Cards and pages on the wire, without whom to call.

use muster_api::{monitor::v1, r#type::v1 as types};
use muster_domain::{
    clocks::Clock,
    dispatch::{
        desk::{Assignment, OfferState, Standing as Assigned},
        events::Package,
    },
    eligibility::explain,
    kernel::{OfferId, RequestId, Timestamp},
};
use muster_edge::{
    wire::{self, fields::timestamp},
    work::{Eyes, Work},
};

use super::{
    case::{Case, Line},
    deadlines,
    standing::{Lane, Packages, Standing},
};

/// A request and all that is told of it.
pub struct Known<'a> {
    /// Its id.
    pub id: &'a RequestId,
    /// What is known of it.
    pub case: &'a Case,
    /// Where it stands.
    pub standing: Standing,
    /// Its offers and work, among all.
    pub work: &'a Work,
}

impl Known<'_> {
    /// Its card at `now`.
    pub fn card(&self, now: Timestamp) -> v1::Card {
        let Self { id, case, standing, work } = self;
        let facts = &case.request.facts;
        let key = case.assessment.assessment().map(|assessment| &assessment.key);
        let packages = Packages::of(id, work.desk());
        v1::Card {
            request: id.to_string(),
            number: case.short(),
            lane: standing.lane.as_str().to_owned(),
            state: standing.state.as_str().to_owned(),
            hospital: case.request.hospital.to_string(),
            hospital_name: facts.entity.name.clone(),
            country: facts.country.to_string(),
            incident_type: facts.incident_types.first().map(ToString::to_string).unwrap_or_default(),
            priority: key.map(|key| key.priority().to_string()).unwrap_or_default(),
            key: key.map(wire::priority_key),
            next_clock: self.next_clock(now).as_ref().map(wire::clock),
            turn: standing.turn.map(|role| role.to_string()).unwrap_or_default(),
            packages: packages.all,
            packages_offered: packages.offered,
            packages_engaged: packages.engaged.saturating_add(packages.completed),
            escalated: packages.escalated > 0,
            tlp: facts.tlp.to_string(),
            opened_at: Some(timestamp(case.moments.opened)),
            changed_at: Some(timestamp(case.moments.changed)),
        }
    }

    /// The clock that ends first of those that run still; none once it is closed.
    pub fn next_clock(&self, now: Timestamp) -> Option<Clock> {
        let Self { id, case, standing, work } = self;
        (standing.lane != Lane::Closed).then(|| deadlines::next(id, case, work, now)).flatten()
    }

    /// Its page at `now`, for a reader with these eyes; `linked` are those other requests about the same incident that the
    /// reader may know of.
    pub fn page(&self, now: Timestamp, eyes: Eyes, linked: impl Iterator<Item = String>) -> v1::RequestPage {
        let Self { id, case, work, .. } = self;
        let assessment = case.assessment.assessment();
        let decision = case.assessment.decision().zip(case.moments.answered);
        let offers = self.offers_newest_first();
        let bands = assessment.map(|assessment| assessment.standing_bands()).unwrap_or_default();
        v1::RequestPage {
            card: Some(self.card(now)),
            facts: Some(wire::facts(&case.request.facts)),
            contact: None,
            route: case.route.as_ref().map(wire::route),
            story: case.story.iter().map(line).collect(),
            why: explain::why(&case.assessment),
            gates: assessment.into_iter().flat_map(|assessment| &assessment.gates).map(wire::gate).collect(),
            bands: bands.iter().map(wire::band).collect(),
            decision: decision.map(|(decision, (at, by))| wire::decision(decision, at, by)),
            packages: self.packages(eyes),
            offers: offers.iter().filter_map(|offer| work.offer(offer, eyes)).collect(),
            engagements: offers.iter().filter_map(|offer| work.engagement(offer, eyes)).collect(),
            clocks: deadlines::of_case(id, case, work, now).iter().map(wire::clock).collect(),
            linked: linked.collect(),
        }
    }

    fn offers_newest_first(&self) -> Vec<&OfferId> {
        let made_at = |offer: &OfferId| self.work.trail(offer).map(|trail| trail.offered_at);
        let mut offers: Vec<_> = self.work.offers_for(self.id).map(|offer| (made_at(offer), offer)).collect();
        offers.sort();
        offers.into_iter().rev().map(|(_, offer)| offer).collect()
    }

    fn packages(&self, eyes: Eyes) -> Vec<v1::PackageLine> {
        let desk = self.work.desk();
        let granted = desk.requests.get(self.id).into_iter().flat_map(|granted| &granted.packages);
        let assigned = granted.filter_map(|package| desk.assignments.get(package));
        assigned.map(|assigned| self.package(assigned, eyes)).collect()
    }

    fn package(&self, Assignment { package, standing, .. }: &Assignment, eyes: Eyes) -> v1::PackageLine {
        let (state, engagement) = match standing {
            Assigned::Waiting { .. } => ("waiting", None),
            Assigned::Offered(_) => ("offered", None),
            Assigned::Engaged(offer) => ("engaged", Some(offer)),
            Assigned::Completed => ("completed", self.completed(package)),
            Assigned::GivenUp | Assigned::Withdrawn => ("ended", None),
        };
        v1::PackageLine {
            package: Some(wire::package(package)),
            state: state.to_owned(),
            pending_offers: self.work.desk().pending(&package.id).map(ToString::to_string).collect(),
            engagement: engagement.map(ToString::to_string).unwrap_or_default(),
            escalation: self.work.escalation(&package.id, eyes),
        }
    }

    /// The offer under which a package's work was done.
    fn completed(&self, package: &Package) -> Option<&OfferId> {
        let offers = &self.work.desk().offers;
        let did = |offer: &&OfferId| {
            let done = |state: &_| matches!(state, OfferState::Completed { .. });
            offers.get(*offer).is_some_and(|made| made.package == package.id && done(&made.state))
        };
        self.work.offers_for(self.id).find(did)
    }
}

fn line(line: &Line) -> v1::StoryLine {
    v1::StoryLine {
        position: Some(types::Position::from(line.position)),
        at: Some(timestamp(line.at)),
        by: line.by.to_string(),
        text: line.text.clone(),
        event_type: line.event_type.to_owned(),
    }
}
