//! `muster.intake.v1` ⇄ domain.

use muster_api::intake::v1;
use muster_domain::{
    intake::{
        events::{ReturnReason, SummaryReport},
        facts::report_due,
        phase::Phase,
    },
    kernel::RequestId,
};
use muster_edge::wire::{
    self,
    fields::{Fields, timestamp},
};

use crate::views::Record;

/// A request; its contact is the handler's to add.
pub fn request(id: &RequestId, record: &Record) -> v1::Request {
    let Record { request, authority, mandate, route, note, report, .. } = record;
    v1::Request {
        request: id.to_string(),
        state: request.phase.as_str().to_owned(),
        hospital: request.hospital.to_string(),
        facts: Some(wire::facts(&request.facts)),
        contact: None,
        authority: authority.as_ref().map(ToString::to_string).unwrap_or_default(),
        mandate: mandate.as_ref().map(ToString::to_string).unwrap_or_default(),
        route: route.as_ref().map(wire::route),
        reason: reason(&request.phase).to_owned(),
        note: note.clone(),
        linked_to: request.links.iter().map(ToString::to_string).collect(),
        opened_at: Some(timestamp(record.opened_at)),
        submitted_at: record.submitted_at.map(timestamp),
        support_ended_at: record.support_ended_at.map(timestamp),
        report_due_at: record.support_ended_at.map(|ended| timestamp(report_due(ended))),
        report: report.as_ref().map(summary_report),
        changed_at: Some(timestamp(record.changed_at)),
    }
}

fn reason(phase: &Phase) -> &'static str {
    match phase {
        Phase::Returned { reason, .. } => reason.as_str(),
        Phase::Closed(ending) => ending.reason().as_str(),
        Phase::Opened
        | Phase::Endorsed { .. }
        | Phase::Submitted { .. }
        | Phase::Withdrawn { .. }
        | Phase::SupportEnded { .. } => "",
    }
}

fn summary_report(report: &SummaryReport) -> v1::SummaryReport {
    let SummaryReport { aim_reached, hours_to_emergency_care, document_sha256 } = report.clone();
    v1::SummaryReport { aim_reached, hours_to_emergency_care, document_sha256 }
}

/// Reads a summary report.
pub fn read_report(fields: &mut Fields, report: Option<v1::SummaryReport>) -> Option<SummaryReport> {
    let v1::SummaryReport { aim_reached, hours_to_emergency_care, document_sha256 } =
        fields.needed("report", report)?;
    Some(SummaryReport { aim_reached, hours_to_emergency_care, document_sha256 })
}

/// Reads why a request is returned.
pub fn read_return(fields: &mut Fields, reason: &str) -> Option<ReturnReason> {
    fields.parsed("reason", reason, ReturnReason::parse)
}
