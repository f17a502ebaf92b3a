//! Lists a page at a time. Every page looks at the position of the first, so that nothing is told twice or not at all.

use muster_api::r#type::v1::{Position as WirePosition, ReadAt, read_at::AsOf};
use muster_journal::stored::Position;
use muster_runtime::status;
use tonic::Status;

use crate::wire::fields::violation;

/// Entries on a page when the caller does not say.
const SIZE: usize = 100;
/// Entries on a page at most.
const SIZE_MAX: u32 = 500;

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    size: usize,
    /// Where the first page looked, and the key of the last entry told.
    after: Option<(Position, String)>,
    read_at: Option<ReadAt>,
}

impl Page {
    /// Reads what a list call says of its page.
    pub fn read(size: u32, token: &str, read_at: Option<ReadAt>) -> Result<Self, Status> {
        let mut wrong = Vec::new();
        if size > SIZE_MAX {
            wrong.push(violation("page_size", format!("is {size}, more than {SIZE_MAX}")));
        }
        let after = parse(token);
        if !token.is_empty() && after.is_none() {
            wrong.push(violation("page_token", format!("'{token}' is not the next_page_token of an earlier answer")));
        }
        if !wrong.is_empty() {
            return Err(status::unreadable(&wrong));
        }
        let size = if size == 0 { SIZE } else { usize::try_from(size).unwrap_or(SIZE) };
        Ok(Self { size, after, read_at })
    }

    /// At which moment to look: the first page's, on later pages.
    pub fn read_at(&self) -> Option<ReadAt> {
        match &self.after {
            Some((position, _)) => {
                Some(ReadAt { as_of: Some(AsOf::Position(WirePosition::from(*position))), at_least: None })
            }
            None => self.read_at,
        }
    }

    /// How many entries a page has at most.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The key of the last entry told, if a page came before; entries before it may be left out of what is cut.
    pub fn after(&self) -> Option<&str> {
        self.after.as_ref().map(|(_, key)| key.as_str())
    }

    /// Where the first page looked, if a page came before.
    pub fn looked_at(&self) -> Option<Position> {
        self.after.as_ref().map(|(position, _)| *position)
    }

    /// The page's part of the entries that the caller is shown, and the token of the next page. All entries come with their
    /// keys, which are unique and the same as on the first page: what the caller was shown last it may be shown no more, and
    /// the page goes on from there all the same.
    pub fn cut<T>(
        &self,
        looked_at: Position,
        entries: impl IntoIterator<Item = (String, T)>,
        shows: impl Fn(&T) -> bool,
    ) -> (Vec<T>, String) {
        let mut entries = entries.into_iter();
        if let Some((_, last)) = &self.after {
            entries.find(|(key, _)| key == last);
        }
        let mut entries = entries.filter(|(_, entry)| shows(entry));
        let mut page: Vec<_> = entries.by_ref().take(self.size).collect();
        let next = match (entries.next(), page.last()) {
            (Some(_), Some((key, _))) => token(looked_at, key),
            (Some(_), None) | (None, _) => String::new(),
        };
        (page.drain(..).map(|(_, entry)| entry).collect(), next)
    }
}

/// The token of the page that follows the entry with this key.
pub fn token(looked_at: Position, last: &str) -> String {
    format!("{}.{}/{last}", looked_at.sequence, looked_at.index)
}

fn parse(token: &str) -> Option<(Position, String)> {
    let (position, key) = token.split_once('/')?;
    let (sequence, index) = position.split_once('.')?;
    let position = Position { sequence: sequence.parse().ok()?, index: index.parse().ok()? };
    Some((position, key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_together_are_the_whole_and_look_at_one_moment() {
        let here = Position { sequence: 9, index: 2 };
        let entries = || ["a", "b", "c", "d", "e"].map(|entry| (entry.to_owned(), entry));
        let (mut told, mut token) = (Vec::new(), String::new());
        loop {
            let page = Page::read(2, &token, None).unwrap();
            let looks = page.read_at().and_then(|at| at.as_of);
            assert_eq!(looks, (!token.is_empty()).then(|| AsOf::Position(here.into())));
            let (entries, next) = page.cut(here, entries(), |_| true);
            told.extend(entries);
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(told, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_page_goes_on_after_an_entry_that_is_shown_no_more() {
        let entries = || ["a", "b", "c", "d"].map(|entry| (entry.to_owned(), entry));
        let (_, token) = Page::read(2, "", None).unwrap().cut(Position::default(), entries(), |_| true);
        let (rest, _) = Page::read(2, &token, None).unwrap().cut(Position::default(), entries(), |one| *one != "b");
        assert_eq!(rest, ["c", "d"]);
    }

    #[test]
    fn a_wrong_size_or_token_is_refused_by_name() {
        let refused = Page::read(501, "yesterday", None).unwrap_err();
        let fields = status::explain(&refused).fields;
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["page_size", "page_token"]);
    }
}
