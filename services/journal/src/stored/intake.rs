//! What intake wrote.

use muster_api::event::v1;
use muster_domain::intake::events::*;

use super::keep::*;

events! { RequestEvent {
    "intake.request.opened" 1 => Opened { hospital, facts, contact } in RequestOpened;
    "intake.request.amended" 1 => Amended { facts } in RequestAmended;
    "intake.request.linked" 1 => Linked { to } in RequestLinked;
    "intake.request.endorsed" 1 => Endorsed { authority, mandate } in RequestEndorsed;
    "intake.request.returned" 1 => Returned { authority, reason, note } in RequestReturned;
    "intake.request.handled-nationally" 1 => HandledNationally { authority, note } in RequestHandledNationally;
    "intake.request.submitted" 1 => Submitted { route, hospital, facts, mandate } in RequestSubmitted;
    "intake.request.withdrawn" 1 => Withdrawn { reason } in RequestWithdrawn;
    "intake.request.support-ended" 1 => SupportEnded {} in RequestSupportEnded;
    "intake.request.summary-report-filed" 1 => SummaryReportFiled { 0: report } in RequestSummaryReportFiled;
    "intake.request.closed" 1 => Closed { reason } in RequestClosed;
}}

messages! {
    Facts {
        incident, detected_at: detected_at_unix_ms, detected_precision, country, nuts, languages, entity, incident_types,
        class_claimed, national_capacity_exceeded, impact, spillover, affected, needs, measures, suppliers, tlp, exercise,
    }
    Entity { name, kind, annex, category, size }
    Impact {
        hospitals_affected, emergency, records_unavailable, services_restored, data_breach, ransom_demanded,
    }
    Needs { services, remote_teams, onsite_teams, person_days, duration: duration_ms }
    Route { authority, kind, country, spoc }
    SummaryReport { aim_reached, hours_to_emergency_care, document_sha256 }
}

kept_as_text!(codes: CloseReason, Emergency, IncidentClass, Precision, ReturnReason, Spillover);
