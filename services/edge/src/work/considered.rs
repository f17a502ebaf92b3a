//! Who was looked at for an offer. It is long, and seldom asked for: the log tells it once, and it is read there.

use muster_api::r#type::v1;
use muster_domain::{
    dispatch::events::{Candidate, DeskEvent},
    event::Event,
    kernel::OfferId,
};
use muster_journal::{
    engine::{
        Undone,
        follower::{self, View},
    },
    port::Journal,
    stored::{Frame, Position},
};
use tonic::Status;

use super::{Eyes, Sight, Work};
use crate::edge::{refused, unread};

/// Adds to these offers everybody who was looked at for them, where the reader may know; `work` finds the offers in a view
/// that has come as far as they have.
pub async fn tell_considered<V>(
    journal: &dyn Journal,
    view: &View<V>,
    work: impl Fn(&V) -> &Work,
    sight: &Sight,
    offers: &mut [v1::Offer],
) -> Result<(), Status> {
    // Offers that were made together follow one another.
    let mut read: Option<(u64, Frame)> = None;
    for told in offers {
        let Ok(offer) = OfferId::parse(&told.offer) else { continue };
        let place = work(&view.now()).trail(&offer).map(|trail| trail.position);
        let Some(place) = place.filter(|_| sight.of(&offer) == Eyes::All) else { continue };
        let frame = match read.take().filter(|(sequence, _)| *sequence == place.sequence) {
            Some((_, frame)) => frame,
            None => frame_at(journal, place.sequence).await?,
        };
        told.considered = work(&view.now()).considered(&offer, considered(&frame, place, &offer));
        read = Some((place.sequence, frame));
    }
    Ok(())
}

async fn frame_at(journal: &dyn Journal, sequence: u64) -> Result<Frame, Status> {
    let record = journal.record(sequence).await.map_err(unread)?;
    follower::frame(&record).map_err(|broken| refused(Undone::Broken(broken)))
}

/// Everybody looked at, as the commit tells that made the offer.
fn considered<'a>(frame: &'a Frame, place: Position, made: &OfferId) -> &'a [Candidate] {
    let commit = (0..).zip(&frame.commits).find(|(index, _)| *index == place.index).map(|(_, commit)| commit);
    let told = commit.into_iter().flat_map(|commit| &commit.events).find_map(|event| {
        let Event::Desk(DeskEvent::Offered { offer, considered, .. }) = event else { return None };
        (offer == made).then_some(considered.as_slice())
    });
    told.unwrap_or_default()
}
