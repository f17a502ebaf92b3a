//! What intake reads from the log: its requests, and what it must know of the registry to decide on them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use muster_domain::{
    event::Event,
    intake::{
        events::{RequestEvent, Route, SummaryReport},
        request::Request,
    },
    kernel::{Aggregate, AuthorityId, HospitalId, MandateId, RequestId, Timestamp},
    registry::{
        catalogue::Catalogue,
        events::{Mandate, RealmEvent},
        mandate,
    },
};
use muster_journal::{
    engine::follower::{Fold, Seen},
    stored::Position,
    subjects::id_of,
};

/// A request and when what happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its state.
    pub request: Request,
    /// The authority that endorsed, returned or handled it last.
    pub authority: Option<AuthorityId>,
    /// The standing mandate that carried it on, if no person did.
    pub mandate: Option<MandateId>,
    /// How it was submitted.
    pub route: Option<Route>,
    /// Why it was returned, withdrawn or handled nationally, in words.
    pub note: String,
    /// The summary report.
    pub report: Option<SummaryReport>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was submitted.
    pub submitted_at: Option<Timestamp>,
    /// When support ended.
    pub support_ended_at: Option<Timestamp>,
    /// The last change.
    pub changed_at: Timestamp,
    /// Where it stands.
    pub changed: Position,
}

/// Every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    records: BTreeMap<RequestId, Record>,
    newest: BTreeSet<(Reverse<Timestamp>, RequestId)>,
}

impl Requests {
    /// One request.
    pub fn get(&self, request: &RequestId) -> Option<&Record> {
        self.records.get(request)
    }

    /// All, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = (&RequestId, &Record)> {
        self.newest.iter().filter_map(|(_, request)| self.records.get_key_value(request))
    }

    fn take(&mut self, request: RequestId, event: &RequestEvent, seen: &Seen) {
        let (at, position) = (seen.commit.received_at, seen.position);
        let mut state = self.records.get(&request).map(|record| record.request.clone());
        if let Err(corrupt) = Request::evolve(&mut state, event) {
            // The executor that decides on this request says so to callers; a list shows what came before.
            tracing::error!(%request, %corrupt, "a request's history cannot be folded");
            return;
        }
        let Some(state) = state else { return };
        if let RequestEvent::Opened { .. } = event {
            self.newest.insert((Reverse(at), request.clone()));
        }
        let record = self.records.entry(request).or_insert_with(|| Record {
            request: state.clone(),
            authority: None,
            mandate: None,
            route: None,
            note: String::new(),
            report: None,
            opened_at: at,
            submitted_at: None,
            support_ended_at: None,
            changed_at: at,
            changed: position,
        });
        (record.request, record.changed_at, record.changed) = (state, at, position);
        record.take(event, at);
    }
}

impl Record {
    /// What an event says beyond the state.
    fn take(&mut self, event: &RequestEvent, at: Timestamp) {
        match event {
            RequestEvent::Endorsed { authority, mandate } => {
                self.authority = Some(authority.clone());
                self.mandate.clone_from(mandate);
            }
            RequestEvent::Returned { authority, note, .. } | RequestEvent::HandledNationally { authority, note } => {
                self.authority = Some(authority.clone());
                self.note.clone_from(note);
            }
            RequestEvent::Submitted { route, .. } => {
                self.route = Some(route.clone());
                self.submitted_at = Some(at);
            }
            RequestEvent::Withdrawn { reason } => self.note.clone_from(reason),
            RequestEvent::SupportEnded => self.support_ended_at = Some(at),
            RequestEvent::SummaryReportFiled(report) => self.report = Some(report.clone()),
            RequestEvent::Opened { .. }
            | RequestEvent::Amended { .. }
            | RequestEvent::Linked { .. }
            | RequestEvent::Closed { .. } => {}
        }
    }
}

impl Fold for Requests {
    fn fold(&mut self, seen: &Seen) {
        let Ok(request) = RequestId::parse(seen.subject.id()) else { return };
        for event in &seen.commit.events {
            if let Event::Request(event) = event {
                self.take(request.clone(), event, seen);
            }
        }
    }
}

/// What intake must know of the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    /// Whether the realm is the live one.
    pub live: bool,
    /// What can be asked for.
    pub catalogue: Catalogue,
    mandates: BTreeMap<MandateId, mandate::State>,
}

impl Register {
    /// The mandate that acts for a hospital at this moment: of several the one with the first id.
    pub fn mandate_for(&self, hospital: &HospitalId, at: Timestamp) -> Option<&Mandate> {
        self.mandates.values().filter_map(|mandate| mandate.acts(at)).find(|mandate| mandate.hospital == *hospital)
    }

    /// A mandate that both signed and nobody took back.
    pub fn mandate(&self, id: &MandateId) -> Option<&Mandate> {
        match self.mandates.get(id)? {
            mandate::State::Countersigned(mandate) => Some(mandate),
            mandate::State::Absent | mandate::State::Signed(_) | mandate::State::Revoked { .. } => None,
        }
    }
}

impl Fold for Register {
    fn fold(&mut self, seen: &Seen) {
        for event in &seen.commit.events {
            let folded = match event {
                Event::Realm(RealmEvent::Opened(realm)) => {
                    self.live = realm.is_live();
                    Ok(())
                }
                Event::Catalogue(event) => Catalogue::evolve(&mut self.catalogue, event),
                Event::Mandate(event) => match MandateId::parse(id_of(seen.subject)) {
                    Ok(id) => Mandate::evolve(self.mandates.entry(id).or_default(), event),
                    Err(_) => Ok(()),
                },
                Event::Hospital(_)
                | Event::Authority(_)
                | Event::Provider(_)
                | Event::Requirement(_)
                | Event::ThirdCountry(_)
                | Event::Request(_)
                | Event::Assessment(_)
                | Event::Policy(_)
                | Event::Desk(_) => Ok(()),
            };
            if let Err(corrupt) = folded {
                tracing::error!(subject = %seen.subject, %corrupt, "a register's history cannot be folded");
            }
        }
    }
}
