//! The media library as it is told of: a kept picture, what is asked of the library, a page of it.

use serde::{Deserialize, Serialize};

use crate::id::{MediaId, RequestId, WorkspaceId};

use super::frame::Size;
use super::picture::Format;

/// A row of the library's index: everything about a kept picture but its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name, which nobody can guess.
    pub id: MediaId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// SHA-256 over its bytes, as 64 lower-case hexadecimal digits.
    pub digest: String,
    /// How it is encoded.
    pub format: Format,
    /// Its pixels, where its head tells them.
    pub size: Option<Size>,
    /// Its length.
    pub bytes: u64,
    /// The public model that drew it.
    pub model: String,
    /// The request that it was drawn for.
    pub request: RequestId,
    /// When it was kept, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// From when it is over; `None` for one that is kept until it is erased.
    pub expires_at_ms: Option<i64>,
}

/// What an app asks of the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LibraryAsk {
    /// A page of what its workspace owns.
    List,
    /// One picture.
    Show(String),
    /// One picture to be gone.
    Erase(String),
}

/// Which part of a list is wanted: newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most so many.
    pub limit: u32,
    /// Those after this place; `None` begins at the newest.
    pub after: Option<Place>,
}

/// A place in the list: that of one picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// When it was kept.
    pub created_at_ms: i64,
    /// Its name.
    pub id: MediaId,
}

/// A kept picture and where it is served now.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The picture.
    pub kept: Kept,
    /// Its address.
    pub url: String,
}

impl Place {
    /// The place as a word for clients to give back.
    pub fn to_word(&self) -> String {
        format!("{}.{}", self.created_at_ms, self.id)
    }

    /// A word that [`Place::to_word`] made.
    pub fn from_word(word: &str) -> Option<Self> {
        let (at, id) = word.split_once('.')?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        ((1..=64).contains(&id.len()) && id.bytes().all(is_plain)).then_some(())?;
        Some(Self { created_at_ms: at.parse().ok()?, id: MediaId::known(id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_it_is_written_and_nothing_else_does() {
        let place = Place { created_at_ms: 1_795_255_200_250, id: MediaId::known("a-b") };
        assert_eq!(Place::from_word(&place.to_word()), Some(place));
        for word in ["", "5", "5.", ".a", "x.a", "5.a b", &format!("5.{}", "a".repeat(65))] {
            assert_eq!(Place::from_word(word), None, "{word}");
        }
    }
}
