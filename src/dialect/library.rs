//! How a dialect shows the media library.

use crate::canonical::{Page, Refusal, Shown};
use crate::id::{MediaId, RequestId};

use super::WireReply;

/// The half of a client side that faces apps that look after their pictures.
pub trait Library: std::fmt::Debug + Sync {
    /// Which part of the list a query asks for.
    fn decode_page(&self, query: &str) -> Result<Page, Refusal>;

    /// A page of the list; `next` is the word for the page after it, when there is more.
    fn encode_page(&self, shown: &[Shown], next: Option<&str>, context: &Asked<'_>) -> WireReply;

    /// One picture.
    fn encode_shown(&self, shown: &Shown, context: &Asked<'_>) -> WireReply;

    /// A picture is gone.
    fn encode_erased(&self, id: &MediaId, context: &Asked<'_>) -> WireReply;
}

/// What every answer that is not of pictures drawn says besides its own words.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The request's name.
    pub request_id: &'a RequestId,
    /// When it is answered, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
}

/// The value of a name in a query, if it is there; percent signs are not undone.
pub(super) fn in_query<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
