//! Where the exercise is kept: in a directory that goes when the demonstration ends, or wherever somebody says.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
};

use muster_domain::kernel::RealmId;
use muster_runtime::ids;

use crate::storage::JournalSpec;

/// A place for one exercise.
pub struct Place {
    /// The exercise's name: one of its own, because others may share a journal.
    pub realm: RealmId,
    /// The journal.
    pub journal: JournalSpec,
    /// Goes when the place goes.
    directory: Option<PathBuf>,
}

impl Place {
    /// The journal that was asked for, or a new directory among the system's temporary ones.
    pub fn new(asked: Option<JournalSpec>) -> io::Result<Self> {
        let id = ids::new().simple().to_string();
        // The end of an id is drawn by lot; its beginning is the time.
        let (_, lot) = id.split_at(id.len().saturating_sub(8));
        let realm = RealmId::parse(&format!("demo-{lot}")).unwrap_or_default();
        let Some(journal) = asked else {
            let directory = std::env::temp_dir().join(format!("muster-demo-{lot}"));
            DirBuilder::new().mode(0o700).create(&directory)?;
            let journal = JournalSpec::Embedded(directory.join("realm"));
            return Ok(Self { realm, journal, directory: Some(directory) });
        };
        Ok(Self { realm, journal, directory: None })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory
            && let Err(error) = fs::remove_dir_all(directory)
        {
            tracing::warn!(directory = %directory.display(), %error, "could not be removed: remove it by hand");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_of_its_own_goes_with_it_and_another_stays() {
        let place = Place::new(None).unwrap();
        let JournalSpec::Embedded(journal) = place.journal.clone() else { panic!("{}", place.journal) };
        let directory = journal.parent().unwrap().to_owned();
        fs::create_dir(&journal).unwrap();
        assert!(directory.is_dir());
        drop(place);
        assert!(!directory.exists());

        let place = Place::new(Some(JournalSpec::Memory)).unwrap();
        assert_eq!(place.journal, JournalSpec::Memory);
        assert_ne!(place.realm, Place::new(None).unwrap().realm);
    }
}
