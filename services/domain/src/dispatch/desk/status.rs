//! How an offer stands and where an engagement is, in one word each, for people and filters.

use super::{Offer, OfferState};
use crate::{
    codes::{UnknownCode, code_list},
    dispatch::events::Stage,
};

code_list! {
    /// How an offer stands.
    OfferStatus, "offer statuses" {
        /// Its provider may answer.
        Pending = "pending",
        /// Its provider opened it and may answer.
        Seen = "seen",
        /// It is an engagement, or was one.
        Accepted = "accepted",
        /// Its provider said no.
        Declined = "declined",
        /// Its time was over.
        Expired = "expired",
        /// The desk took it back.
        Rescinded = "rescinded",
        /// Another provider was first.
        Lost = "lost",
    }
}

code_list! {
    /// Where an engagement is, its end included.
    EngagementStage, "stages of engagements" {
        /// On its way.
        Mobilising = "mobilising",
        /// At work.
        OnTask = "on-task",
        /// Basic functions are coming back.
        Recovering = "recovering",
        /// Done.
        Completed = "completed",
        /// Ended before the work was done.
        Released = "released",
    }
}

impl Offer {
    /// How the offer stands.
    pub fn status(&self) -> OfferStatus {
        match &self.state {
            OfferState::Pending { seen: false, .. } => OfferStatus::Pending,
            OfferState::Pending { seen: true, .. } => OfferStatus::Seen,
            OfferState::Engaged(_) | OfferState::Completed { .. } | OfferState::Released { .. } => {
                OfferStatus::Accepted
            }
            OfferState::Declined(_) => OfferStatus::Declined,
            OfferState::Expired(_) => OfferStatus::Expired,
            OfferState::Rescinded(_) => OfferStatus::Rescinded,
            OfferState::Lost => OfferStatus::Lost,
        }
    }

    /// Where the engagement is; `None` if the offer was not accepted.
    pub fn stage(&self) -> Option<EngagementStage> {
        match &self.state {
            OfferState::Engaged(engagement) => Some(match engagement.stage {
                Stage::Mobilising => EngagementStage::Mobilising,
                Stage::OnTask => EngagementStage::OnTask,
                Stage::Recovering => EngagementStage::Recovering,
                Stage::Completed => EngagementStage::Completed,
            }),
            OfferState::Completed { .. } => Some(EngagementStage::Completed),
            OfferState::Released { .. } => Some(EngagementStage::Released),
            OfferState::Pending { .. }
            | OfferState::Declined(_)
            | OfferState::Expired(_)
            | OfferState::Rescinded(_)
            | OfferState::Lost => None,
        }
    }
}
