//! Why a request refuses a command, in words for whoever gave it.

use crate::{
    check::Violations,
    codes::Country,
    intake::events::CloseReason,
    kernel::{AuthorityId, MandateId, SpocId, rejections},
};

rejections! {
    /// Why a request refuses a command.
    Rejection {
        /// Nobody opened it.
        NotFound = NotFound "REQUEST_NOT_FOUND";
            "house rule: a request begins when a hospital asks";
            "there is no such request";
            "check the id, or open a request";
        /// It is open with other words.
        AlreadyOpened = AlreadyExists "REQUEST_ALREADY_OPENED";
            "house rule: one id, one request";
            "this request is open with other facts, another hospital or another contact";
            "amend it, or open another request under an id of its own";
        /// What is declared is wrong.
        Facts(violations: Violations) = Invalid[violations] "FACTS_INVALID";
            "Art 15(5): content of a request";
            "these facts cannot stand: {violations}";
            "correct these fields and send it again; nothing was recorded";
        /// A note, reason or report is wrong.
        Fields(violations: Violations) = Invalid[violations] "FIELDS_INVALID";
            "house rule: a decision says why, within bounds";
            "this cannot stand: {violations}";
            "correct these fields and send it again; nothing was recorded";
        /// Its facts are what the answer rests on.
        AmendAfterSubmit = Precondition "AMEND_AFTER_SUBMIT";
            "Art 16(1): the answer is on the request as submitted";
            "the request is submitted, and its facts are not edited any more";
            "tell the officer, who records findings; or have it withdrawn and open a new request that links to this \
             one: it gets its own 48 hours";
        /// The hospital is elsewhere.
        OutsideRemit(authority: AuthorityId, country: Country) = Denied "OUTSIDE_REMIT";
            "Art 14(3): an authority is a user for its own country";
            "{authority} is not an authority of {country}, where the service affected is";
            "ask an authority of that country; CERT-EU acts for Union entities";
        /// Another authority made it its own.
        EndorsedByAnother(authority: AuthorityId) = Precondition "ENDORSED_BY_ANOTHER";
            "Art 15(1): one user makes the request";
            "{authority} endorsed the request and carries it";
            "speak with that authority; it can return the request until it is submitted";
        /// It waits for the hospital.
        AlreadyReturned(authority: AuthorityId) = Precondition "ALREADY_RETURNED";
            "house rule: a return waits for the hospital";
            "{authority} returned the request, and the hospital has not answered yet";
            "wait for its amendment, endorse the request, or handle it nationally";
        /// No authority made it its own.
        NotEndorsed = Precondition "NOT_ENDORSED";
            "Art 14(3), 15(1): the authority is the user, not the hospital";
            "no authority has endorsed the request as it stands now";
            "have the national authority endorse it first; amended facts are endorsed anew";
        /// Somebody else transmits.
        OtherSpoc(authority: AuthorityId, spoc: SpocId) = Denied "NOT_THE_SPOC";
            "Art 15(3)(a): requests go through the single point of contact";
            "requests of {authority} are transmitted by {spoc}";
            "ask that single point of contact to submit it";
        /// Nobody transmits for it.
        SubmitsItself(authority: AuthorityId) = Denied "SUBMITS_ITSELF";
            "Art 15(3)(b): CERT-EU requests directly";
            "{authority} submits its requests itself";
            "let it submit, without a single point of contact";
        /// The contracting authority has it.
        AlreadySubmitted(authority: AuthorityId) = Precondition "ALREADY_SUBMITTED";
            "Art 16(1): a submitted request is answered";
            "{authority} submitted the request, and the contracting authority has it";
            "withdraw it if help is no longer needed";
        /// The contracting authority does not have it.
        NotSubmitted = Precondition "NOT_SUBMITTED";
            "Art 16: what follows a submission needs one";
            "the request is not submitted yet";
            "have it endorsed and submitted first";
        /// Muster acts without a mandate.
        NoMandate = Denied "NO_MANDATE";
            "Art 15(1), 15(3): the user requests, its contact point transmits";
            "nobody acted, and no standing mandate was named";
            "let a person endorse and submit it, or sign a standing mandate for the next time";
        /// The mandate is for others, or for another time.
        NotMandated(mandate: MandateId) = Denied "NOT_MANDATED";
            "house rule: a mandate acts for those it names, in its period";
            "mandate {mandate} is not in force for this hospital, authority and single point of contact";
            "let a person endorse and submit it, or sign a standing mandate for the next time";
        /// A hospital takes back what is its authority's.
        UserWithdraws = Denied "USER_WITHDRAWS";
            "Art 14(3): the authority is the user, not the hospital";
            "the request is submitted, and only the authority that made it withdraws it";
            "ask your authority to withdraw it";
        /// Nobody asks any more.
        Withdrawn = Precondition "WITHDRAWN";
            "house rule D5: a withdrawal is final";
            "the request is withdrawn";
            "open a new request that links to this one: it gets its own 48 hours";
        /// Support is over.
        SupportEnded = Precondition "SUPPORT_ENDED";
            "Art 16(9): after support comes the summary report";
            "support has ended";
            "file the summary report; for new help open a new request that links to this one";
        /// Support goes on.
        SupportNotEnded = Precondition "SUPPORT_NOT_ENDED";
            "Art 16(9): the summary report follows the end of support";
            "support has not ended yet";
            "file the report once all engagements are completed or released";
        /// Something still follows.
        NotOver(reason: CloseReason) = Precondition "NOT_OVER";
            "house rule: a request closes when nothing more follows";
            "the request cannot close as {reason} now";
            "let it run its course, or withdraw it";
        /// Nothing more follows.
        Closed(reason: CloseReason) = Precondition "CLOSED";
            "house rule: a closed request stays closed";
            "the request is closed: {reason}";
            "open a new request that links to this one";
    }
}
