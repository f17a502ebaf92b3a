//! A process's views: all that it folds of the log.

use muster_dispatch::standby::Standby;
use muster_eligibility::{react::Docket, views::Assessments};
use muster_intake::{react::Errands, views::Requests};
use muster_journal::{
    engine::{
        Broken,
        follower::{Fold, Reader, Seen},
    },
    port::{ReadError, Record},
};
use muster_monitor::views::Monitor;

use super::{Kind, Moment, Process};
use crate::run::bugs::Bug;

/// The views, how far they have come, and why they go no further.
#[derive(Default)]
pub struct Follower {
    reader: Reader,
    /// What eligibility has to do.
    pub docket: Docket,
    /// What intake has to do.
    pub errands: Errands,
    /// What monitor shows.
    pub monitor: Monitor,
    /// What it takes over the desk from.
    pub standby: Standby,
    assessments: Assessments,
    requests: Requests,
    /// Why it goes no further.
    pub broken: Option<Broken>,
}

impl Follower {
    /// Takes the next record.
    pub fn take(&mut self, record: &Record, bug: Option<Bug>) -> Result<(), Broken> {
        let Self { reader, docket, errands, monitor, standby, assessments, requests, .. } = self;
        reader.take(record, |seen, _| {
            for seen in seen {
                docket.fold(seen);
                errands.fold(seen);
                standby.fold(seen);
                for _ in 0..projected(bug, seen) {
                    monitor.fold(seen);
                    assessments.fold(seen);
                    requests.fold(seen);
                }
            }
        })
    }

    /// The last record taken.
    pub fn sequence(&self) -> u64 {
        self.reader.progress().position.sequence
    }

    /// Which of its views are not what another follower has made of the same records, by name.
    pub fn differs(&self, other: &Self) -> Vec<&'static str> {
        let shown = |docket: &Docket| format!("{docket:?}");
        let told = |errands: &Errands| format!("{errands:?}");
        let equal = [
            ("eligibility's agenda", shown(&self.docket) == shown(&other.docket)),
            ("intake's agenda", told(&self.errands) == told(&other.errands)),
            ("monitor", self.monitor == other.monitor),
            ("offers and engagements", self.standby.work() == other.standby.work()),
            ("assessments", self.assessments == other.assessments),
            ("requests", self.requests == other.requests),
        ];
        equal.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }
}

/// How often a commit is projected.
fn projected(bug: Option<Bug>, seen: &Seen) -> u32 {
    match bug {
        Some(Bug::ProjectedTwice) if seen.position.sequence.is_multiple_of(16) => 2,
        Some(Bug::ProjectionSkips) if seen.position.sequence.is_multiple_of(16) => 0,
        _ => 1,
    }
}

/// What a frame that a newer version wrote ends with.
pub const NEWER_FIELD: [u8; 2] = [0x78, 1];

fn half_read(record: Record, bug: Option<Bug>) -> Record {
    match record.bytes.strip_suffix(&NEWER_FIELD) {
        Some(known) if bug == Some(Bug::NewerIsHalfRead) => Record { bytes: known.to_vec().into(), ..record },
        Some(_) | None => record,
    }
}

impl Process {
    pub(super) fn follow(&mut self, record: Result<Record, ReadError>, at: Moment) {
        if self.follower.broken.is_some() {
            return;
        }
        let stalls = self.bug == Some(Bug::FollowerStalls) && self.name == 1 && self.follower.sequence() > 60;
        let taken = match record {
            Ok(_) if stalls => return,
            Ok(record) => {
                let gap = record.sequence > self.follower.sequence().saturating_add(1);
                let blind = gap && self.bug == Some(Bug::GapsAreNotSeen);
                if blind { Ok(()) } else { self.follower.take(&half_read(record, self.bug), self.bug) }
            }
            Err(error) => Err(error.into()),
        };
        match taken {
            Ok(()) => {
                for kind in [Kind::Eligibility, Kind::Intake] {
                    self.look(kind, at);
                }
            }
            Err(broken) => {
                self.desk_breaks(&broken);
                self.follower.broken = Some(broken);
            }
        }
    }
}
