//! Why the desk refuses, in words.

use crate::{
    check::Violations,
    kernel::{Corrupt, OfferId, PackageId, Timestamp, rejections},
};

rejections! {
    /// Why the desk refuses a command.
    Rejection {
        /// There is no such offer.
        NoSuchOffer(offer: OfferId) = NotFound "NO_SUCH_OFFER";
            "invariant D6";
            "offer: there is no offer {offer}";
            "see `muster offer list`";
        /// There is no such package.
        NoSuchPackage(package: PackageId) = NotFound "NO_SUCH_PACKAGE";
            "invariant D2";
            "package: there is no package {package}";
            "see `muster request show`";
        /// The offer was made to somebody else.
        NotYours(offer: OfferId) = Denied "NOT_YOURS";
            "invariant D6";
            "offer: {offer} was made to another provider";
            "see `muster offer list`";
        /// The offer's time is over.
        OfferExpired(offer: OfferId, at: Timestamp) = Precondition "OFFER_EXPIRED";
            "invariant D6";
            "offer {offer} ended at {at}; the work was offered on";
            "nothing is owed; see `muster offer list` for what is open";
        /// The provider declined it.
        OfferDeclined(offer: OfferId) = Precondition "OFFER_DECLINED";
            "invariant D6";
            "you declined offer {offer}; the work was offered on";
            "call the desk if that was a mistake: an officer can ask everybody again";
        /// The desk took it back.
        OfferRescinded(offer: OfferId) = Precondition "OFFER_RESCINDED";
            "invariant D6";
            "offer {offer} was taken back before it was answered";
            "nothing is owed; see `muster offer list` for what is open";
        /// Another provider was first.
        OfferLost(offer: OfferId) = Precondition "OFFER_LOST";
            "invariant D6";
            "offer {offer} is over: another provider accepted first";
            "nothing is owed; see `muster offer list` for what is open";
        /// It was accepted: it is an engagement.
        OfferAccepted(offer: OfferId) = Precondition "OFFER_ACCEPTED";
            "invariant D6";
            "offer {offer} is accepted: it is an engagement now";
            "to give the work back, use `muster engagement fail`";
        /// It is an offer still, no engagement.
        NotEngaged(offer: OfferId) = Precondition "NOT_ENGAGED";
            "invariant D2";
            "offer {offer} is no engagement: it is not accepted";
            "accept it first, if it is still open";
        /// The engagement is over.
        EngagementEnded(offer: OfferId) = Precondition "ENGAGEMENT_ENDED";
            "invariant D13";
            "engagement {offer} is over";
            "see `muster engagement list`";
        /// The stage cannot follow the one reached.
        StageOrder(offer: OfferId) = Precondition "STAGE_ORDER";
            "invariant D7";
            "stage: engagement {offer} goes from mobilising to on-task to recovering, and ends by `complete`";
            "see `muster engagement list` for where it is";
        /// Fewer days than reported before, or more than reserved.
        DaysOutOfRange(offer: OfferId, min: u32, max: u32) = Invalid "DAYS_OUT_OF_RANGE";
            "invariant D3";
            "days_used: engagement {offer} may report {min} to {max} days in all";
            "report all days since the start; ask an officer to extend if more are needed";
        /// The contract has no such days free.
        NoFreeDays(asked: u32, free: u32) = Precondition "NO_FREE_DAYS";
            "Art 14(2)";
            "person_days: {asked} are asked and the contract has {free} free";
            "ask for fewer days, or release this engagement so that another provider goes on";
        /// An extension must end later than support ends now.
        NotLonger(ends_at: Timestamp) = Invalid "NOT_LONGER";
            "Art 16(8)";
            "ends_at: support lasts until {ends_at} already";
            "give a later moment";
        /// Support may not last so long.
        TooLong(until: Timestamp, bound: String) = Precondition "SUPPORT_TOO_LONG";
            "Art 14(2), 19(4)";
            "ends_at: {bound} ends at {until}";
            "give a moment up to then";
        /// The package is not waiting.
        NotWaiting(package: PackageId) = Precondition "NOT_WAITING";
            "invariant D2";
            "package: {package} is not waiting for a provider";
            "see `muster request show`; rescind its offer or release its engagement first";
        /// A reason in words is needed.
        NoteBlank = Invalid "NOTE_BLANK";
            "house rule: every act of an officer has its reason on record";
            "note: a reason in words is needed";
            "say why";
        /// The reason in words may not stand in the log.
        NoteInvalid(violations: Violations) = Invalid[violations] "NOTE_INVALID";
            "house rule: bounded input";
            "{violations}";
            "say why in a few words; a document stays outside muster";
        /// The history is impossible.
        Corrupt(corrupt: Corrupt) = Broken "CORRUPT";
            "invariant D11";
            "{corrupt}";
            "call whoever runs Muster: the desk has stopped and nothing was written";
    }
}
