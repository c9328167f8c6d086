//! The media library in the envelope of this API. Its paths are ours: the documentation speaks of a
//! library and shows none.

use super::super::super::WireReply;
use super::super::super::json::JsonBody;
use super::super::super::library::{Asked, Library, in_query};
use super::{meta, moment};
use crate::canonical::{Page, Place, Problem, Refusal, Shown};
use crate::id::MediaId;

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// Shows the library to apps.
#[derive(Debug)]
pub(super) struct Shelf;

impl Library for Shelf {
    fn decode_page(&self, query: &str) -> Result<Page, Refusal> {
        let limit = match in_query(query, "limit") {
            None | Some("") => LIMIT_DEFAULT,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                limit.ok_or_else(|| {
                    let message = format!("`limit` must be between 1 and {LIMIT_MAX}");
                    Refusal::field("limit", Problem::BadValue, message)
                })?
            }
        };
        let after = match in_query(query, "cursor") {
            None | Some("") => None,
            Some(word) => Some(Place::from_word(word).ok_or_else(|| {
                let message = "`cursor` must be the `next_cursor` of an answer; leave it out to \
                               begin with the newest";
                Refusal::field("cursor", Problem::BadValue, message)
            })?),
        };
        Ok(Page { limit, after })
    }

    fn encode_page(&self, shown: &[Shown], next: Option<&str>, asked: &Asked<'_>) -> WireReply {
        let mut body = JsonBody::default();
        body.raw("{\"data\":[");
        for (index, shown) in shown.iter().enumerate() {
            if index > 0 {
                body.raw(",");
            }
            media(&mut body, shown);
        }
        body.raw("],\"error\":null,\"meta\":{\"request_id\":")
            .value(asked.request_id.as_str())
            .raw(",\"timestamp\":")
            .value(&moment(asked.unix_ms))
            .raw(",\"next_cursor\":")
            .value(&next)
            .raw("}}");
        WireReply::json(200, body.finish())
    }

    fn encode_shown(&self, shown: &Shown, asked: &Asked<'_>) -> WireReply {
        let mut body = JsonBody::default();
        body.raw("{\"data\":");
        media(&mut body, shown);
        end(body, asked)
    }

    fn encode_erased(&self, id: &MediaId, asked: &Asked<'_>) -> WireReply {
        let mut body = JsonBody::default();
        body.raw("{\"data\":{\"media_id\":").value(id.as_str()).raw(",\"deleted\":true}");
        end(body, asked)
    }
}

fn media(body: &mut JsonBody, shown: &Shown) {
    let kept = &shown.kept;
    body.raw("{\"media_id\":")
        .value(kept.id.as_str())
        .raw(",\"type\":\"image\",\"url\":")
        .value(&shown.url)
        .raw(",\"mime_type\":")
        .value(kept.format.mime())
        .raw(",\"width\":")
        .value(&kept.size.map(|size| size.width))
        .raw(",\"height\":")
        .value(&kept.size.map(|size| size.height))
        .raw(",\"bytes\":")
        .value(&kept.bytes)
        .raw(",\"ai\":{\"model\":")
        .value(&kept.model)
        .raw("},\"created_at\":")
        .value(&moment(kept.created_at_ms))
        .raw(",\"expires_at\":")
        .value(&kept.expires_at_ms.and_then(moment))
        .raw("}");
}

fn end(mut body: JsonBody, asked: &Asked<'_>) -> WireReply {
    body.raw(",\"error\":null,\"meta\":");
    meta(&mut body, asked.request_id, asked.unix_ms);
    body.raw("}");
    WireReply::json(200, body.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_and_a_cursor_is_one_of_ours() {
        let page = |query| Shelf.decode_page(query);
        assert_eq!(page("").unwrap(), Page { limit: 20, after: None });
        assert_eq!(page("x=1&limit=100").unwrap().limit, 100);
        let after = page("limit=1&cursor=5.a").unwrap().after;
        assert_eq!(after, Some(Place { created_at_ms: 5, id: MediaId::known("a") }));
        for wrong in ["limit=0", "limit=101", "limit=-1", "limit=x", "cursor=a"] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }
}
