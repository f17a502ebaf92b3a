//! How far a request has come. What may follow what stands here once: the legal path of a request (invariant D7).

use crate::{
    intake::events::{CloseReason, RequestEvent, ReturnReason, Route, SummaryReport},
    kernel::{AuthorityId, Corrupt},
};

/// How far a request has come, and what only then is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for an authority.
    Opened,
    /// It waits for the hospital.
    Returned {
        /// Who returned it.
        by: AuthorityId,
        /// Why.
        reason: ReturnReason,
        /// In words.
        note: String,
    },
    /// It waits for the single point of contact, or for CERT-EU itself.
    Endorsed {
        /// Who made it its own.
        by: AuthorityId,
    },
    /// The contracting authority has it, then the providers.
    Submitted {
        /// How it came.
        route: Route,
    },
    /// The user no longer asks; the desk is still to end offers and work.
    Withdrawn {
        /// How it came.
        route: Route,
        /// Why.
        reason: String,
    },
    /// The summary report is due.
    SupportEnded {
        /// How it came.
        route: Route,
    },
    /// Nothing more follows.
    Closed(Ending),
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The authority helps by itself (Art 10(2)).
    HandledNationally {
        /// Which authority.
        by: AuthorityId,
        /// In words.
        note: String,
    },
    /// Nobody asked any more.
    Withdrawn {
        /// Why.
        reason: String,
    },
    /// The answer was no.
    Refused,
    /// No provider could be found.
    Unserved,
    /// Support ended and its report is filed.
    Reported(SummaryReport),
}

impl Ending {
    /// The code of this ending.
    pub fn reason(&self) -> CloseReason {
        match self {
            Self::HandledNationally { .. } => CloseReason::HandledNationally,
            Self::Withdrawn { .. } => CloseReason::Withdrawn,
            Self::Refused => CloseReason::Refused,
            Self::Unserved => CloseReason::Unserved,
            Self::Reported(_) => CloseReason::Reported,
        }
    }
}

impl Phase {
    /// The phase's name.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Returned { .. } => "returned",
            Self::Endorsed { .. } => "endorsed",
            Self::Submitted { .. } => "submitted",
            Self::Withdrawn { .. } => "withdrawn",
            Self::SupportEnded { .. } => "support-ended",
            Self::Closed(_) => "closed",
        }
    }

    /// The phase that an event leads to, if it may come at all.
    pub(super) fn after(&self, event: &RequestEvent) -> Result<Self, Corrupt> {
        let at_home = matches!(self, Self::Opened | Self::Returned { .. } | Self::Endorsed { .. });
        let next = match event {
            RequestEvent::Opened { .. } => None,
            RequestEvent::Amended { .. } => at_home.then_some(Self::Opened),
            RequestEvent::Linked { .. } => (!matches!(self, Self::Closed(_))).then(|| self.clone()),
            RequestEvent::Endorsed { authority, .. } => at_home.then(|| Self::Endorsed { by: authority.clone() }),
            RequestEvent::Returned { authority, reason, note } => {
                at_home.then(|| Self::Returned { by: authority.clone(), reason: *reason, note: note.clone() })
            }
            RequestEvent::HandledNationally { authority, note } => {
                at_home.then(|| Self::Closed(Ending::HandledNationally { by: authority.clone(), note: note.clone() }))
            }
            RequestEvent::Submitted { route, .. } => matches!(self, Self::Endorsed { by } if *by == route.authority)
                .then(|| Self::Submitted { route: route.clone() }),
            RequestEvent::Withdrawn { reason } => self.after_withdrawal(reason.clone()),
            RequestEvent::SupportEnded => match self {
                Self::Submitted { route } | Self::Withdrawn { route, .. } => {
                    Some(Self::SupportEnded { route: route.clone() })
                }
                Self::Opened | Self::Returned { .. } | Self::Endorsed { .. } => None,
                Self::SupportEnded { .. } | Self::Closed(_) => None,
            },
            RequestEvent::SummaryReportFiled(report) => {
                matches!(self, Self::SupportEnded { .. }).then(|| Self::Closed(Ending::Reported(report.clone())))
            }
            RequestEvent::Closed { reason } => self.after_closing(*reason),
        };
        next.ok_or_else(|| Corrupt(format!("a request that is {} cannot go on like this", self.as_str())))
    }

    fn after_withdrawal(&self, reason: String) -> Option<Self> {
        match self {
            Self::Opened | Self::Returned { .. } | Self::Endorsed { .. } => {
                Some(Self::Closed(Ending::Withdrawn { reason }))
            }
            Self::Submitted { route } => Some(Self::Withdrawn { route: route.clone(), reason }),
            Self::Withdrawn { .. } | Self::SupportEnded { .. } | Self::Closed(_) => None,
        }
    }

    fn after_closing(&self, reason: CloseReason) -> Option<Self> {
        let ending = match self {
            Self::Submitted { .. } | Self::Withdrawn { .. } if reason == CloseReason::Unserved => Ending::Unserved,
            Self::Submitted { .. } => Ending::Refused,
            Self::Withdrawn { .. } if reason == CloseReason::Refused => Ending::Refused,
            Self::Withdrawn { reason, .. } => Ending::Withdrawn { reason: reason.clone() },
            // The event before it in the same commit ended the request; this one says so aloud.
            Self::Closed(ending) => ending.clone(),
            Self::Opened | Self::Returned { .. } | Self::Endorsed { .. } | Self::SupportEnded { .. } => return None,
        };
        (ending.reason() == reason).then_some(Self::Closed(ending))
    }
}
