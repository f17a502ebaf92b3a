//! Where a request stands, for people: how far it has come, and whose turn it is.

use muster_domain::{
    codes::UnknownCode,
    dispatch::desk::{Desk, Granted, Standing as Assigned},
    eligibility::{assessment, events::Outcome},
    intake::phase::{Ending, Phase},
    kernel::{RequestId, Role},
};

use super::case::Case;

/// A list of words for people, each of one text.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $list:literal { $($(#[$vdoc:meta])* $value:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $value,)* }

        impl $name {
            /// Reads a word of the list.
            pub fn parse(text: &str) -> Result<Self, UnknownCode> {
                match text {
                    $($text => Ok(Self::$value),)*
                    _ => Err(UnknownCode { list: concat!($list, ": ", $($text, " ",)*), found: text.to_owned() }),
                }
            }

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }
    };
}

words! {
    /// Where a card hangs on the board.
    Lane, "lanes" {
        /// It waits for an authority, or for the hospital again.
        Intake = "intake",
        /// It waits to be submitted.
        Endorsed = "endorsed",
        /// It waits to be assessed.
        Submitted = "submitted",
        /// It waits for its answer.
        Assessed = "assessed",
        /// It is answered, and a package has neither offer nor engagement.
        Answered = "answered",
        /// It waits for a provider's answer.
        Offered = "offered",
        /// A provider is at work.
        Engaged = "engaged",
        /// Its summary report is due.
        Reporting = "reporting",
        /// Nothing more follows, or nobody asks any more.
        Closed = "closed",
    }
}

words! {
    /// The same more exactly.
    State, "states" {
        /// It waits for an authority.
        Opened = "opened",
        /// It waits for the hospital.
        Returned = "returned",
        /// It waits to be submitted.
        Endorsed = "endorsed",
        /// The authority helps by itself.
        HandledNationally = "handled-nationally",
        /// The contracting authority has it.
        Submitted = "submitted",
        /// It is judged and ranked.
        Assessed = "assessed",
        /// All is granted; the desk has not taken it yet.
        Granted = "granted",
        /// Part is granted; the desk has not taken it yet.
        PartlyGranted = "partly-granted",
        /// The answer is no.
        Refused = "refused",
        /// A granted package has neither offer nor engagement.
        Waiting = "waiting",
        /// Each package is offered or further.
        Offered = "offered",
        /// Each package has its provider.
        Engaged = "engaged",
        /// The summary report is due.
        SupportEnded = "support-ended",
        /// Nobody asks any more.
        Withdrawn = "withdrawn",
        /// Reported, or never served.
        Closed = "closed",
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where its card hangs.
    pub lane: Lane,
    /// The same more exactly.
    pub state: State,
    /// Whose turn it is, if anybody's.
    pub turn: Option<Role>,
}

/// How the packages of a grant stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    /// All.
    pub all: u32,
    /// With neither offer nor engagement.
    pub waiting: u32,
    /// Of these, those for which nobody is left to ask.
    pub escalated: u32,
    /// With a pending offer.
    pub offered: u32,
    /// With a provider at work.
    pub engaged: u32,
    /// Done.
    pub completed: u32,
}

impl Packages {
    /// Those of a request, as the desk has them.
    pub fn of(request: &RequestId, desk: &Desk) -> Self {
        desk.requests.get(request).map(|granted| Self::of_grant(granted, desk)).unwrap_or_default()
    }

    fn of_grant(granted: &Granted, desk: &Desk) -> Self {
        let mut packages = Self::default();
        for assignment in granted.packages.iter().filter_map(|package| desk.assignments.get(package)) {
            let more = |count: &mut u32| *count = count.saturating_add(1);
            more(&mut packages.all);
            match &assignment.standing {
                Assigned::Waiting { escalated } => {
                    more(&mut packages.waiting);
                    if *escalated {
                        more(&mut packages.escalated);
                    }
                }
                Assigned::Offered(_) => more(&mut packages.offered),
                Assigned::Engaged(_) => more(&mut packages.engaged),
                Assigned::Completed => more(&mut packages.completed),
                Assigned::GivenUp | Assigned::Withdrawn => {}
            }
        }
        packages
    }
}

impl Standing {
    const fn of(lane: Lane, state: State, turn: Option<Role>) -> Self {
        Self { lane, state, turn }
    }

    /// A request's. `transmitted` says whether whoever endorsed it has a single point of contact that submits for it.
    pub fn of_case(request: &RequestId, case: &Case, desk: &Desk, transmitted: bool) -> Self {
        match &case.request.phase {
            Phase::Opened => Self::of(Lane::Intake, State::Opened, Some(Role::Authority)),
            Phase::Returned { .. } => Self::of(Lane::Intake, State::Returned, Some(Role::Hospital)),
            Phase::Endorsed { .. } => {
                let submits = if transmitted { Role::Spoc } else { Role::Authority };
                Self::of(Lane::Endorsed, State::Endorsed, Some(submits))
            }
            Phase::Submitted { .. } => Self::of_submitted(request, case, desk),
            Phase::Withdrawn { .. } => Self::of(Lane::Closed, State::Withdrawn, None),
            Phase::SupportEnded { .. } => Self::of(Lane::Reporting, State::SupportEnded, Some(Role::Authority)),
            Phase::Closed(ending) => {
                let state = match ending {
                    Ending::HandledNationally { .. } => State::HandledNationally,
                    Ending::Withdrawn { .. } => State::Withdrawn,
                    Ending::Refused => State::Refused,
                    Ending::Unserved | Ending::Reported(_) => State::Closed,
                };
                Self::of(Lane::Closed, state, None)
            }
        }
    }

    fn of_submitted(request: &RequestId, case: &Case, desk: &Desk) -> Self {
        let Some(decision) = case.assessment.decision() else {
            return match &case.assessment {
                assessment::State::Absent => Self::of(Lane::Submitted, State::Submitted, None),
                assessment::State::Open(open) => {
                    Self::of(Lane::Assessed, State::Assessed, Some(open.submission.answered_by()))
                }
                assessment::State::Decided(..) | assessment::State::Withdrawn(..) => {
                    Self::of(Lane::Assessed, State::Assessed, None)
                }
            };
        };
        let answered = |state| Self::of(Lane::Answered, state, None);
        match (decision.outcome, desk.requests.get(request)) {
            (Outcome::Refused, _) => answered(State::Refused),
            (Outcome::Granted, None) => answered(State::Granted),
            (Outcome::PartlyGranted, None) => answered(State::PartlyGranted),
            (Outcome::Granted | Outcome::PartlyGranted, Some(granted)) => {
                Self::of_packages(&Packages::of_grant(granted, desk))
            }
        }
    }

    /// By the package that has come least far; what is over counts no more.
    fn of_packages(packages: &Packages) -> Self {
        let (lane, state) = match packages {
            Packages { waiting: 1.., .. } => (Lane::Answered, State::Waiting),
            Packages { offered: 1.., .. } => (Lane::Offered, State::Offered),
            Packages { engaged: 1.., .. } | Packages { completed: 1.., .. } => (Lane::Engaged, State::Engaged),
            Packages { .. } => (Lane::Answered, State::Waiting),
        };
        let turn = match packages {
            Packages { escalated: 1.., .. } => Some(Role::Officer),
            Packages { offered: 1.., .. } | Packages { engaged: 1.., .. } => Some(Role::Provider),
            Packages { .. } => None,
        };
        Self { lane, state, turn }
    }
}
