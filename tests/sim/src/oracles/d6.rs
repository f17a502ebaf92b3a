//! D6, offers: each has an id of its own, is answered by its addressee alone, in time, and ends in exactly one way; who lost,
//! lost to somebody in the same commit. What is said of the work afterwards, who does it says.

use std::collections::BTreeMap;

use muster_domain::{
    dispatch::events::{DeskEvent, ReleaseReason, RescindReason},
    event::Event,
    kernel::{OfferId, PackageId, ProviderId, Role, Timestamp},
};
use muster_journal::stored::Commit;

use super::Violation;
use crate::{log::Entry, timeline::Timeline};

/// Its id.
pub const ID: &str = "D6";

/// Offers with no end of their own, or with two.
pub fn check(log: &[Entry]) -> Vec<Violation> {
    let desk = Timeline::of(log);
    let mut offers: BTreeMap<&OfferId, Open> = BTreeMap::new();
    let mut found = Vec::new();
    for (moment, commit, event) in desk.events() {
        let says = if let DeskEvent::Offered { offer, package, provider, expires_at, .. } = event {
            let open = Open { package, provider, expires_at: *expires_at, ended: None };
            offers.insert(offer, open).map(|_| format!("offer {offer} was made before"))
        } else if let Some(offer) = about(event) {
            match offers.get_mut(offer) {
                None => Some(format!("there is no offer {offer}")),
                Some(open) => open.take(event, commit).map(|says| format!("offer {offer} {says}")),
            }
        } else {
            None
        };
        found.extend(says.map(|says| Violation::new(ID, desk.position(moment), says)));
        if let DeskEvent::Lost { offer } = event {
            let package = offers.get(offer).map(|open| open.package);
            let won = |other: &OfferId| other != offer && offers.get(other).map(|open| open.package) == package;
            if !accepted_in(commit).any(won) {
                let says = format!("offer {offer} lost to nobody");
                found.push(Violation::new(ID, desk.position(moment), says));
            }
        }
    }
    found
}

/// An offer that was made.
struct Open<'a> {
    package: &'a PackageId,
    provider: &'a ProviderId,
    expires_at: Timestamp,
    ended: Option<&'static str>,
}

impl Open<'_> {
    /// Takes what is said of it; what is wrong with that.
    fn take(&mut self, event: &DeskEvent, commit: &Commit) -> Option<String> {
        let Commit { actor, received_at, .. } = commit;
        let said = Said::of(event)?;
        let may = match said.by {
            Speaker::Addressee => actor.role == Role::Provider && actor.principal.as_str() == self.provider.as_str(),
            Speaker::Officer => actor.role == Role::Officer,
            Speaker::Muster => actor.role == Role::System,
            Speaker::Desk => true,
        };
        if !may {
            return Some(format!(
                "is for {} to answer, not for {} {}",
                self.speaker(said.by),
                actor.role,
                actor.principal
            ));
        }
        let word = said.word?;
        if let Some(before) = self.ended {
            return Some(format!("is {before} already, and {word} now"));
        }
        if said.ends {
            self.ended = Some(word);
        }
        let expires_at = self.expires_at;
        let due = match said.due {
            Due::Before => *received_at < expires_at,
            Due::After => *received_at >= expires_at,
            Due::Whenever => true,
        };
        (!due).then(|| format!("ends at {expires_at}, and is {word} by what was received at {received_at}"))
    }

    fn speaker(&self, speaker: Speaker) -> &str {
        match speaker {
            Speaker::Addressee => self.provider.as_str(),
            Speaker::Officer => "an officer",
            Speaker::Muster | Speaker::Desk => "the desk",
        }
    }
}

/// Who may say it.
#[derive(Clone, Copy)]
enum Speaker {
    /// The provider that was asked.
    Addressee,
    /// An officer.
    Officer,
    /// Muster, when time has come.
    Muster,
    /// The desk, by whatever anybody does.
    Desk,
}

/// When it may be said.
#[derive(Clone, Copy)]
enum Due {
    /// While the offer stands.
    Before,
    /// When its time is over.
    After,
    /// At any time.
    Whenever,
}

/// What an event says of its offer.
struct Said {
    by: Speaker,
    due: Due,
    /// Only of an offer that has not ended, in this word.
    word: Option<&'static str>,
    ends: bool,
}

impl Said {
    fn of(event: &DeskEvent) -> Option<Self> {
        let end = |by, due, word| Some(Self { by, due, word: Some(word), ends: true });
        let work = |by| Some(Self { by, due: Due::Whenever, word: None, ends: false });
        match event {
            DeskEvent::Seen { .. } => {
                Some(Self { by: Speaker::Addressee, due: Due::Whenever, word: Some("seen"), ends: false })
            }
            DeskEvent::Accepted { .. } => end(Speaker::Addressee, Due::Before, "accepted"),
            DeskEvent::Declined { .. } => end(Speaker::Addressee, Due::Before, "declined"),
            DeskEvent::Expired { .. } => end(Speaker::Muster, Due::After, "expired"),
            DeskEvent::Rescinded { reason: RescindReason::Officer, .. } => {
                end(Speaker::Officer, Due::Before, "rescinded")
            }
            DeskEvent::Rescinded { .. } => end(Speaker::Desk, Due::Whenever, "rescinded"),
            DeskEvent::Lost { .. } => end(Speaker::Desk, Due::Whenever, "lost"),
            DeskEvent::StageReached { .. }
            | DeskEvent::DaysReported { .. }
            | DeskEvent::Completed { .. }
            | DeskEvent::Released { reason: ReleaseReason::Failed, .. } => work(Speaker::Addressee),
            DeskEvent::Extended { .. } | DeskEvent::Released { reason: ReleaseReason::Officer, .. } => {
                work(Speaker::Officer)
            }
            DeskEvent::Released { reason: ReleaseReason::NotMobilised | ReleaseReason::Withdrawn, .. } => {
                work(Speaker::Muster)
            }
            DeskEvent::Released { reason: ReleaseReason::AccessEnded, .. } => work(Speaker::Desk),
            DeskEvent::Offered { .. }
            | DeskEvent::ProviderTaken { .. }
            | DeskEvent::RequirementTaken(_)
            | DeskEvent::CouncilActTaken(_)
            | DeskEvent::RepealTaken { .. }
            | DeskEvent::PolicyTaken(_)
            | DeskEvent::GrantTaken { .. }
            | DeskEvent::PriorityTaken { .. }
            | DeskEvent::WithdrawalTaken { .. }
            | DeskEvent::Escalated { .. }
            | DeskEvent::Reopened { .. }
            | DeskEvent::GivenUp { .. }
            | DeskEvent::RequestFinished { .. } => None,
        }
    }
}

fn accepted_in(commit: &Commit) -> impl Iterator<Item = &OfferId> {
    commit
        .events
        .iter()
        .filter_map(|event| if let Event::Desk(DeskEvent::Accepted { offer, .. }) = event { Some(offer) } else { None })
}

/// The offer that an event is about.
fn about(event: &DeskEvent) -> Option<&OfferId> {
    match event {
        DeskEvent::Offered { offer, .. }
        | DeskEvent::Seen { offer }
        | DeskEvent::Accepted { offer, .. }
        | DeskEvent::Declined { offer, .. }
        | DeskEvent::Expired { offer }
        | DeskEvent::Rescinded { offer, .. }
        | DeskEvent::Lost { offer }
        | DeskEvent::StageReached { offer, .. }
        | DeskEvent::DaysReported { offer, .. }
        | DeskEvent::Extended { offer, .. }
        | DeskEvent::Completed { offer, .. }
        | DeskEvent::Released { offer, .. } => Some(offer),
        DeskEvent::ProviderTaken { .. }
        | DeskEvent::RequirementTaken(_)
        | DeskEvent::CouncilActTaken(_)
        | DeskEvent::RepealTaken { .. }
        | DeskEvent::PolicyTaken(_)
        | DeskEvent::GrantTaken { .. }
        | DeskEvent::PriorityTaken { .. }
        | DeskEvent::WithdrawalTaken { .. }
        | DeskEvent::Escalated { .. }
        | DeskEvent::Reopened { .. }
        | DeskEvent::GivenUp { .. }
        | DeskEvent::RequestFinished { .. } => None,
    }
}
