//! Who is who, as every service must know it to say who may.

use std::ops::Deref;

use muster_domain::parties::Parties;
use muster_journal::{
    engine::follower::{Fold, Seen},
    subjects::id_of,
};

/// The parties of every case, folded from the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People(Parties);

impl Deref for People {
    type Target = Parties;

    fn deref(&self) -> &Parties {
        &self.0
    }
}

impl Fold for People {
    fn fold(&mut self, seen: &Seen) {
        for event in &seen.commit.events {
            self.0.take(id_of(seen.subject), event);
        }
    }
}
