//! How Muster says no: the only place that makes a `tonic::Status`, and the only one that reads it back.
//!
//! Every status carries `google.rpc.ErrorInfo` with a stable reason, the domain `muster` and one entry of metadata (the
//! article or house rule, or the position), and `LocalizedMessage` with the way out. One entry only: a map of several has
//! no fixed order, and what is hidden must be told in the same bytes as what is missing.

use std::{collections::BTreeMap, error::Error, fmt::Display, iter::successors, time::Duration};

use muster_domain::kernel::{FieldViolation, Refusal, RefusalKind, Role};
use tonic::{Code, ConnectError, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::access::{Action, Reach, reach};

/// The `domain` of every `ErrorInfo`.
const DOMAIN: &str = "muster";

/// The language of the words.
const LOCALE: &str = "en";

/// How long a caller should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a status says, before it is one.
struct Answer<'a> {
    code: Code,
    reason: &'a str,
    /// The one entry of metadata.
    because: (&'a str, &'a str),
    says: String,
    way_out: &'a str,
}

impl Answer<'_> {
    fn status(self) -> Status {
        self.status_with(|_| {})
    }

    fn status_with(self, add: impl FnOnce(&mut ErrorDetails)) -> Status {
        let mut details = ErrorDetails::new();
        let (key, value) = self.because;
        details.set_error_info(self.reason, DOMAIN, [(key.to_owned(), value.to_owned())]);
        details.set_localized_message(LOCALE, self.way_out);
        add(&mut details);
        Status::with_error_details(self.code, self.says, details)
    }
}

/// A refusal, with every field that is wrong.
pub fn refused(refusal: &Refusal) -> Status {
    let Refusal { reason, kind, rule, says, way_out, fields } = refusal;
    let code = match kind {
        RefusalKind::Invalid => Code::InvalidArgument,
        RefusalKind::NotFound => Code::NotFound,
        RefusalKind::AlreadyExists => Code::AlreadyExists,
        RefusalKind::Precondition => Code::FailedPrecondition,
        RefusalKind::Denied => Code::PermissionDenied,
        RefusalKind::Unavailable => Code::Unavailable,
        RefusalKind::Broken => Code::DataLoss,
    };
    let answer = Answer { code, reason, because: ("rule", rule), says: says.clone(), way_out };
    answer.status_with(|details| {
        if *kind == RefusalKind::Precondition {
            details.add_precondition_failure_violation(*reason, *rule, says);
        }
        if *kind == RefusalKind::Unavailable {
            retry(details);
        }
        add_fields(details, fields);
    })
}

/// A call that cannot be read: every field that is wrong, at once.
pub fn unreadable(fields: &[FieldViolation]) -> Status {
    let says: Vec<_> = fields.iter().map(|field| format!("{} {}", field.field, field.says)).collect();
    let answer = Answer {
        code: Code::InvalidArgument,
        reason: "UNREADABLE_FIELDS",
        because: ("rule", "the call's description in proto/"),
        says: says.join("; "),
        way_out: "correct the fields named and send the call again",
    };
    answer.status_with(|details| add_fields(details, fields))
}

fn add_fields(details: &mut ErrorDetails, fields: &[FieldViolation]) {
    for FieldViolation { field, rule, says } in fields {
        details.add_bad_request_violation(field, format!("{says} ({rule})"));
    }
}

/// Nobody knows who calls.
pub fn unauthenticated(says: impl Display, way_out: &str) -> Status {
    let because = ("rule", "every call says who calls");
    Answer { code: Code::Unauthenticated, reason: "UNAUTHENTICATED", because, says: says.to_string(), way_out }.status()
}

/// Nobody of this role may do this, whatever it is about; others may, by the one table of access.
pub fn denied(role: Role, action: Action) -> Status {
    let call = action.rpc().rsplit('/').next().unwrap_or_default();
    let others: Vec<_> =
        Role::ALL.iter().filter(|other| **other != Role::System && reach(**other, action) != Reach::Never).collect();
    let others = others.iter().map(|other| other.as_str()).collect::<Vec<_>>().join(", ");
    let answer = Answer {
        code: Code::PermissionDenied,
        reason: "DENIED",
        because: ("rule", "each role does its own part"),
        says: format!("{call} is not for the role {role}; it is for: {others}"),
        way_out: "ask one of these, or sign in as one if you are",
    };
    answer.status()
}

/// There is no such thing, or the caller may not know of it: the answer is the same to the byte.
pub fn not_found(what: &'static str, id: &str) -> Status {
    let answer = Answer {
        code: Code::NotFound,
        reason: "NOT_FOUND",
        because: ("rule", "own cases only"),
        says: format!("there is no {what} '{id}' that you may see"),
        way_out: "list what you may see, and see that the id is right",
    };
    answer.status()
}

/// The call is larger than Muster takes.
pub fn too_large(bytes_max: usize) -> Status {
    let answer = Answer {
        code: Code::ResourceExhausted,
        reason: "TOO_LARGE",
        because: ("rule", "invariant O3"),
        says: format!("the call is larger than {bytes_max} bytes"),
        way_out: "shorten its texts; a document stays outside muster, which keeps its SHA-256",
    };
    answer.status()
}

/// Muster has more to do than it can; nothing was done.
pub fn busy() -> Status {
    let answer = Answer {
        code: Code::ResourceExhausted,
        reason: "BUSY",
        because: ("rule", "invariant O1"),
        says: "nothing was done: too much is being asked at once".to_owned(),
        way_out: "send the same call with the same request id again in a moment",
    };
    answer.status_with(retry)
}

/// This process's clock cannot be trusted; nothing was done.
pub fn clock_off(off: impl Display, way_out: &str) -> Status {
    let answer = Answer {
        code: Code::Unavailable,
        reason: "CLOCK_OFF",
        because: ("rule", "deadlines are judged by one time"),
        says: format!("nothing was done: {off}"),
        way_out,
    };
    answer.status_with(retry)
}

/// This process is stopping; nothing was done.
pub fn stopping() -> Status {
    let answer = Answer {
        code: Code::Unavailable,
        reason: "STOPPING",
        because: ("rule", "what is begun is finished, nothing new is begun"),
        says: "nothing was done: this process is stopping".to_owned(),
        way_out: "send the same call with the same request id again: another process answers",
    };
    answer.status_with(retry)
}

/// A stream ends because this process is stopping; `position` is up to where it has told everything.
pub fn stream_ends(position: &str) -> Status {
    let answer = Answer {
        code: Code::Unavailable,
        reason: "STOPPING",
        because: ("position", position),
        says: format!("the stream ends at {position}: this process is stopping"),
        way_out: "open it again after that position, at another process or here once this one is back",
    };
    answer.status_with(retry)
}

/// A fault of Muster's own. What it was is for the log of whoever runs Muster, not for the caller.
pub fn fault(what: impl Display) -> Status {
    tracing::error!(%what, "a fault of muster's own was answered INTERNAL");
    let answer = Answer {
        code: Code::Internal,
        reason: "FAULT",
        because: ("rule", "a fault of muster's own"),
        says: "muster has a fault and could not answer".to_owned(),
        way_out: "tell whoever runs muster the time of this call: its log has the rest",
    };
    answer.status()
}

fn retry(details: &mut ErrorDetails) {
    details.set_retry_info(Some(RETRY_AFTER));
}

/// A status as a person reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explained {
    /// The stable reason; `TRANSPORT` if it was not Muster that answered.
    pub reason: String,
    /// The article or house rule behind it; may be empty.
    pub rule: String,
    /// Up to where a stream that ended has told everything; may be empty.
    pub position: String,
    /// What is wrong.
    pub says: String,
    /// What to do instead.
    pub way_out: String,
    /// Every field that is wrong, and how.
    pub fields: BTreeMap<String, String>,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
}

/// Why a call has no answer of Muster's, in the words of whoever knows best.
pub fn cause(status: &Status) -> String {
    status.source().map_or_else(|| status.message().to_owned(), innermost)
}

/// What lies at the bottom of an error: the operating system's own words.
pub fn innermost(error: &dyn Error) -> String {
    successors(Some(error), |&error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}

/// Whether there was no line for the call to leave by.
pub fn never_left(status: &Status) -> bool {
    successors(status.source(), |&error| error.source()).any(|error| error.is::<ConnectError>())
}

/// Reads a status back, for the command line.
pub fn explain(status: &Status) -> Explained {
    let details = status.get_error_details();
    let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
        return Explained {
            reason: "TRANSPORT".to_owned(),
            says: format!("muster did not answer: {} ({})", cause(status), status.code()),
            way_out: "see that muster runs and that the address is right: muster doctor".to_owned(),
            ..Explained::default()
        };
    };
    Explained {
        reason: info.reason.clone(),
        rule: info.metadata.get("rule").cloned().unwrap_or_default(),
        position: info.metadata.get("position").cloned().unwrap_or_default(),
        says: status.message().to_owned(),
        way_out: details.localized_message().map(|words| words.message.clone()).unwrap_or_default(),
        fields: details
            .bad_request()
            .into_iter()
            .flat_map(|wrong| &wrong.field_violations)
            .map(|wrong| (wrong.field.clone(), wrong.description.clone()))
            .collect(),
        retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(kind: RefusalKind) -> Refusal {
        Refusal {
            reason: "OFFER_EXPIRED",
            kind,
            rule: "Art 14(2)",
            says: "offer o-9 expired at 14:02:11".to_owned(),
            way_out: "list your offers",
            fields: Vec::new(),
        }
    }

    #[test]
    fn whoever_may_not_is_told_who_may() {
        let told = explain(&denied(Role::Hospital, Action::EndorseRequest));
        assert_eq!(told.says, "EndorseRequest is not for the role hospital; it is for: authority");
    }

    #[test]
    fn each_kind_of_refusal_is_one_code_and_can_be_read_back() {
        for (kind, code) in [
            (RefusalKind::Invalid, Code::InvalidArgument),
            (RefusalKind::NotFound, Code::NotFound),
            (RefusalKind::AlreadyExists, Code::AlreadyExists),
            (RefusalKind::Precondition, Code::FailedPrecondition),
            (RefusalKind::Denied, Code::PermissionDenied),
            (RefusalKind::Unavailable, Code::Unavailable),
            (RefusalKind::Broken, Code::DataLoss),
        ] {
            let status = refused(&refusal(kind));
            assert_eq!(status.code(), code);
            let failed = status.get_error_details().precondition_failure().cloned();
            assert_eq!(failed.is_some(), kind == RefusalKind::Precondition);
            let again = (kind == RefusalKind::Unavailable).then_some(RETRY_AFTER);
            assert_eq!(
                explain(&status),
                Explained {
                    reason: "OFFER_EXPIRED".to_owned(),
                    rule: "Art 14(2)".to_owned(),
                    position: String::new(),
                    says: "offer o-9 expired at 14:02:11".to_owned(),
                    way_out: "list your offers".to_owned(),
                    fields: BTreeMap::new(),
                    retry_after: again,
                }
            );
        }
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let wrong = |field: &str, says: &str| FieldViolation {
            field: field.to_owned(),
            rule: "Art 15(5)(b)",
            says: says.to_owned(),
        };
        let fields = vec![wrong("facts.needs.services", "is empty"), wrong("facts.nuts[0]", "is not in FR")];
        let told = explain(&refused(&Refusal { fields: fields.clone(), ..refusal(RefusalKind::Invalid) })).fields;
        assert_eq!(told, explain(&unreadable(&fields)).fields);
        assert_eq!(told.get("facts.nuts[0]").map(String::as_str), Some("is not in FR (Art 15(5)(b))"));
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn what_is_hidden_and_what_is_missing_are_told_in_the_same_bytes() {
        let (hidden, missing) = (not_found("request", "r-1"), not_found("request", "r-1"));
        assert_eq!((hidden.message(), hidden.details()), (missing.message(), missing.details()));
    }

    #[test]
    fn a_status_that_is_not_ours_is_told_as_transport() {
        let explained = explain(&Status::unavailable("connection refused"));
        assert_eq!(explained.reason, "TRANSPORT");
        assert!(explained.says.contains("connection refused"));
    }
}
