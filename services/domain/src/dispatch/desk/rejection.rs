//! Why the desk refuses, in words.

use crate::kernel::{Corrupt, OfferId, PackageId, Refusal, RefusalKind, RequestId, Timestamp};

/// Why the desk refuses a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// There is no such offer.
    NoSuchOffer(OfferId),
    /// There is no such package.
    NoSuchPackage(PackageId),
    /// There is no such granted request.
    NoSuchRequest(RequestId),
    /// The offer was made to somebody else.
    NotYours(OfferId),
    /// The offer's time is over.
    OfferExpired(OfferId, Timestamp),
    /// The provider declined it.
    OfferDeclined(OfferId),
    /// The desk took it back.
    OfferRescinded(OfferId),
    /// Another provider was first.
    OfferLost(OfferId),
    /// It was accepted: it is an engagement.
    OfferAccepted(OfferId),
    /// It is an offer still, no engagement.
    NotEngaged(OfferId),
    /// The engagement is over.
    EngagementEnded(OfferId),
    /// The stage cannot follow the one reached.
    StageOrder(OfferId),
    /// Fewer days than reported before, or more than reserved.
    DaysOutOfRange {
        /// Which engagement.
        offer: OfferId,
        /// At least.
        min: u32,
        /// At most.
        max: u32,
    },
    /// The contract has no such days free.
    NoFreeDays {
        /// Days asked.
        asked: u32,
        /// Days free.
        free: u32,
    },
    /// An extension must end later than support ends now.
    NotLonger(Timestamp),
    /// The package is not waiting.
    NotWaiting(PackageId),
    /// A reason in words is needed.
    NoteBlank,
    /// The history is impossible.
    Corrupt(Corrupt),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        use RefusalKind::{Denied, Invalid, NotFound, Precondition};
        let offers = "see `muster offer list`";
        let engagements = "see `muster engagement list`";
        let (reason, kind, rule, says, way_out) = match &rejection {
            Rejection::NoSuchOffer(offer) => {
                ("NO_SUCH_OFFER", NotFound, "D6", format!("there is no offer {offer}"), offers)
            }
            Rejection::NoSuchPackage(package) => (
                "NO_SUCH_PACKAGE",
                NotFound,
                "D2",
                format!("there is no package {package}"),
                "see `muster request show`",
            ),
            Rejection::NoSuchRequest(request) => (
                "NO_SUCH_REQUEST",
                NotFound,
                "D7",
                format!("request {request} is not granted"),
                "see `muster request show`",
            ),
            Rejection::NotYours(offer) => {
                ("NOT_YOURS", Denied, "D6", format!("offer {offer} was made to another provider"), offers)
            }
            Rejection::OfferExpired(offer, at) => (
                "OFFER_EXPIRED",
                Precondition,
                "D6",
                format!("offer {offer} ended at {at}; the work was offered on"),
                "nothing is owed; see `muster offer list` for what is open",
            ),
            Rejection::OfferDeclined(offer) => (
                "OFFER_DECLINED",
                Precondition,
                "D6",
                format!("you declined offer {offer}; the work was offered on"),
                "call the desk if that was a mistake: an officer can ask everybody again",
            ),
            Rejection::OfferRescinded(offer) => (
                "OFFER_RESCINDED",
                Precondition,
                "D6",
                format!("offer {offer} was taken back before you accepted"),
                "nothing is owed; see `muster offer list` for what is open",
            ),
            Rejection::OfferLost(offer) => (
                "OFFER_LOST",
                Precondition,
                "D6",
                format!("offer {offer} is over: another provider accepted first"),
                "nothing is owed; see `muster offer list` for what is open",
            ),
            Rejection::OfferAccepted(offer) => (
                "OFFER_ACCEPTED",
                Precondition,
                "D6",
                format!("offer {offer} is accepted: it is an engagement now"),
                "to give the work back, use `muster engagement fail`",
            ),
            Rejection::NotEngaged(offer) => {
                ("NOT_ENGAGED", Precondition, "D2", format!("offer {offer} is not accepted"), "accept it first")
            }
            Rejection::EngagementEnded(offer) => {
                ("ENGAGEMENT_ENDED", Precondition, "D13", format!("engagement {offer} is over"), engagements)
            }
            Rejection::StageOrder(offer) => (
                "STAGE_ORDER",
                Precondition,
                "D7",
                format!("stage: engagement {offer} goes mobilising, on-task, recovering, and then `complete`"),
                engagements,
            ),
            Rejection::DaysOutOfRange { offer, min, max } => (
                "DAYS_OUT_OF_RANGE",
                Invalid,
                "D3",
                format!("days_used: engagement {offer} may report {min} to {max} days in all"),
                "report all days since the start; ask an officer to extend if more are needed",
            ),
            Rejection::NoFreeDays { asked, free } => (
                "NO_FREE_DAYS",
                Precondition,
                "Art 14(2)",
                format!("person_days: {asked} are asked and the contract has {free} free"),
                "ask for fewer days, or release this engagement so that another provider goes on",
            ),
            Rejection::NotLonger(ends_at) => (
                "NOT_LONGER",
                Invalid,
                "Art 16(8)",
                format!("ends_at: support lasts until {ends_at} already"),
                "give a later moment",
            ),
            Rejection::NotWaiting(package) => (
                "NOT_WAITING",
                Precondition,
                "D2",
                format!("package {package} is not waiting for a provider"),
                "see `muster request show`; rescind its offer or release its engagement first",
            ),
            Rejection::NoteBlank => {
                ("NOTE_BLANK", Invalid, "house rule", "note: a reason in words is needed".to_owned(), "say why")
            }
            Rejection::Corrupt(corrupt) => (
                "CORRUPT",
                Precondition,
                "D11",
                corrupt.to_string(),
                "call whoever runs Muster: the desk has stopped and nothing was written",
            ),
        };
        Refusal { reason, kind, rule, says, way_out, fields: Vec::new() }
    }
}
