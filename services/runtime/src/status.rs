//! How Muster says no: the only place that makes a `tonic::Status`, and the only one that reads it back.
//!
//! Every status carries `google.rpc.ErrorInfo` with a stable reason, the domain `muster` and one entry of metadata (the
//! article or house rule, or the position), and `LocalizedMessage` with the way out. One entry only: a map of several has
//! no fixed order, and what is hidden must be told in the same bytes as what is missing.

use std::{collections::BTreeMap, fmt::Display, time::Duration};

use muster_domain::kernel::{Refusal, RefusalKind, Role};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::access::Action;

/// The `domain` of every `ErrorInfo`.
const DOMAIN: &str = "muster";

/// The language of the words.
const LOCALE: &str = "en";

/// How long a caller should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What is wrong with one field of a call; read aloud it is a sentence: field, what is wrong, rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field's path in the call, e.g. `facts.needs.services`.
    pub field: String,
    /// The article or house rule behind it.
    pub rule: &'static str,
    /// What is wrong with it, e.g. `is blank`.
    pub says: String,
}

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

/// A refusal by a rule of the domain; `fields` are the fields that are wrong, if any is to blame.
pub fn refused(refusal: &Refusal, fields: &[FieldViolation]) -> Status {
    let Refusal { reason, kind, rule, says, way_out } = refusal;
    let code = match kind {
        RefusalKind::Invalid => Code::InvalidArgument,
        RefusalKind::NotFound => Code::NotFound,
        RefusalKind::AlreadyExists => Code::AlreadyExists,
        RefusalKind::Precondition => Code::FailedPrecondition,
        RefusalKind::Denied => Code::PermissionDenied,
    };
    let answer = Answer { code, reason, because: ("rule", rule), says: says.clone(), way_out };
    answer.status_with(|details| {
        if *kind == RefusalKind::Precondition {
            details.add_precondition_failure_violation(*reason, *rule, says);
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

/// Nobody of this role may do this, whatever it is about.
pub fn denied(role: Role, action: Action) -> Status {
    let answer = Answer {
        code: Code::PermissionDenied,
        reason: "DENIED",
        because: ("rule", "each role does its own part"),
        says: format!("{} is not for the role {role}", action.rpc()),
        way_out: "ask somebody whose role it is, or sign in as them if you are",
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

/// The same request id came with another payload.
pub fn request_id_reused(request_id: &str) -> Status {
    let rule = "one request id, one command";
    let field = FieldViolation {
        field: "request_id".to_owned(),
        rule,
        says: format!("'{request_id}' was used for another command"),
    };
    let answer = Answer {
        code: Code::InvalidArgument,
        reason: "REQUEST_ID_REUSED",
        because: ("rule", rule),
        says: format!("request_id {}", field.says),
        way_out: "make up a new request id for a new command; to repeat the first one, send it unchanged",
    };
    answer.status_with(|details| add_fields(details, &[field]))
}

/// The answering process has not reached the position that the call waits for; it has `sequence.index`.
pub fn behind(sequence: u64, index: u32) -> Status {
    let position = format!("{sequence}.{index}");
    let answer = Answer {
        code: Code::Unavailable,
        reason: "BEHIND",
        because: ("position", &position),
        says: format!("the position asked for is not reached yet: this process is at {position}"),
        way_out: "try again in a moment, or allow the call more time",
    };
    answer.status_with(retry)
}

/// The journal cannot be reached; nothing was written.
pub fn journal_unavailable(why: impl Display) -> Status {
    let answer = Answer {
        code: Code::Unavailable,
        reason: "JOURNAL_UNAVAILABLE",
        because: ("rule", "nothing is answered that is not in the log"),
        says: format!("nothing was written: {why}"),
        way_out: "send the same call with the same request id again in a moment",
    };
    answer.status_with(retry)
}

/// The journal gave no answer in time: the command may have been written, or may still be.
pub fn outcome_unknown() -> Status {
    let answer = Answer {
        code: Code::DeadlineExceeded,
        reason: "OUTCOME_UNKNOWN",
        because: ("rule", "one request id, one command"),
        says: "the journal has not answered in time: the command may have been written".to_owned(),
        way_out: "send the same call with the same request id again: it is done once, and you learn how it ended",
    };
    answer.status_with(retry)
}

/// The log has a gap or is damaged: nothing is decided or shown on top of it.
pub fn log_damaged(what: impl Display) -> Status {
    let answer = Answer {
        code: Code::DataLoss,
        reason: "LOG_DAMAGED",
        because: ("rule", "invariant L3"),
        says: what.to_string(),
        way_out: "whoever runs muster must act: muster doctor names the place and the last good position",
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
    /// What is wrong.
    pub says: String,
    /// What to do instead.
    pub way_out: String,
    /// Every field that is wrong, and how.
    pub fields: BTreeMap<String, String>,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
}

/// Reads a status back, for the command line.
pub fn explain(status: &Status) -> Explained {
    let details = status.get_error_details();
    let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
        return Explained {
            reason: "TRANSPORT".to_owned(),
            says: format!("muster did not answer: {} ({})", status.message(), status.code()),
            way_out: "see that muster runs and that the address is right: muster doctor".to_owned(),
            ..Explained::default()
        };
    };
    Explained {
        reason: info.reason.clone(),
        rule: info.metadata.get("rule").cloned().unwrap_or_default(),
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
        }
    }

    #[test]
    fn each_kind_of_refusal_is_one_code_and_can_be_read_back() {
        for (kind, code) in [
            (RefusalKind::Invalid, Code::InvalidArgument),
            (RefusalKind::NotFound, Code::NotFound),
            (RefusalKind::AlreadyExists, Code::AlreadyExists),
            (RefusalKind::Precondition, Code::FailedPrecondition),
            (RefusalKind::Denied, Code::PermissionDenied),
        ] {
            let status = refused(&refusal(kind), &[]);
            assert_eq!(status.code(), code);
            let failed = status.get_error_details().precondition_failure().cloned();
            assert_eq!(failed.is_some(), kind == RefusalKind::Precondition);
            assert_eq!(
                explain(&status),
                Explained {
                    reason: "OFFER_EXPIRED".to_owned(),
                    rule: "Art 14(2)".to_owned(),
                    says: "offer o-9 expired at 14:02:11".to_owned(),
                    way_out: "list your offers".to_owned(),
                    ..Explained::default()
                }
            );
        }
    }

    #[test]
    fn every_wrong_field_is_named_with_its_rule() {
        let wrong = |field: &str, says: &str| FieldViolation {
            field: field.to_owned(),
            rule: "Art 15(5)(b)",
            says: says.to_owned(),
        };
        let fields = [wrong("facts.needs.services", "is empty"), wrong("facts.needs.person_days", "is 0")];
        for status in [refused(&refusal(RefusalKind::Invalid), &fields), unreadable(&fields)] {
            let told = explain(&status);
            assert_eq!(told.fields.len(), 2);
            assert_eq!(told.fields["facts.needs.services"], "is empty (Art 15(5)(b))");
        }
        let status = unreadable(&fields);
        assert_eq!(status.message(), "facts.needs.services is empty; facts.needs.person_days is 0");
    }

    #[test]
    fn what_may_help_later_says_when() {
        for (status, reason) in [
            (behind(12, 3), "BEHIND"),
            (journal_unavailable("no route"), "JOURNAL_UNAVAILABLE"),
            (outcome_unknown(), "OUTCOME_UNKNOWN"),
            (busy(), "BUSY"),
            (stopping(), "STOPPING"),
        ] {
            let told = explain(&status);
            assert_eq!((told.reason.as_str(), told.retry_after), (reason, Some(RETRY_AFTER)));
        }
        for status in [not_found("request", "r-1"), log_damaged("a gap"), too_large(1), request_id_reused("x")] {
            assert_eq!(explain(&status).retry_after, None, "{status}");
        }
        assert_eq!(behind(12, 3).get_error_details().error_info().unwrap().metadata["position"], "12.3");
    }

    #[test]
    fn every_answer_has_a_reason_words_and_a_way_out() {
        let all = [
            unauthenticated("nobody", "say who"),
            denied(Role::Auditor, Action::Decide),
            not_found("offer", "o-1"),
            request_id_reused("x"),
            behind(0, 0),
            journal_unavailable("x"),
            outcome_unknown(),
            log_damaged("x"),
            too_large(1),
            busy(),
            stopping(),
            fault("a secret"),
        ];
        let mut reasons = std::collections::BTreeSet::new();
        for status in all {
            let told = explain(&status);
            assert!(reasons.insert(told.reason.clone()), "{told:?}");
            assert!(!told.says.is_empty() && !told.way_out.is_empty(), "{told:?}");
            assert!(!told.says.ends_with('.') && !told.way_out.ends_with('.'), "{told:?}");
            assert!(!told.says.contains("secret"), "{told:?}");
        }
    }

    #[test]
    fn a_hidden_thing_and_a_missing_one_are_told_in_the_same_bytes() {
        let bytes = || not_found("request", "r-1").details().to_vec();
        assert!((0..32).all(|_| bytes() == bytes()));
    }

    #[test]
    fn what_muster_did_not_say_is_told_as_such() {
        let told = explain(&Status::unavailable("tcp connect error"));
        assert_eq!(told.reason, "TRANSPORT");
        assert!(told.says.contains("tcp connect error") && told.way_out.contains("doctor"), "{told:?}");
    }
}
