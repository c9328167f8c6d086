//! Which pages of other origins may call us from a browser: one header on every answer.
//!
//! Keys travel in a header that a page must be given, never in a cookie, so an open door lets no
//! page act for a visitor. What a path takes is the dialect's own answer to a browser's question.

use http::{HeaderMap, header};
use pingora::http::RequestHeader;

use crate::config::Origins;
use crate::dialect::{self, WireReply};

use super::public::Front;

/// Where pictures lie: whoever was given an address of one may read it.
const MEDIA: &str = "/media/";

impl Front {
    /// The answer, with what lets a page read it where its origin may.
    pub(super) fn let_pages_read(&self, head: &RequestHeader, reply: WireReply) -> WireReply {
        allow(reply, &head.headers, (head.uri.path(), &self.bounds.cors_origins))
    }
}

fn allow(reply: WireReply, asked: &HeaderMap, (path, origins): (&str, &Origins)) -> WireReply {
    if !dialect::is_for_browsers(path) && !path.starts_with(MEDIA) {
        return reply;
    }
    match origins {
        Origins::Any => shown(reply.with_header("access-control-allow-origin", "*")),
        Origins::Listed(listed) => {
            // Caches must not hand one origin what was said to another.
            let reply = reply.with_header("vary", "origin");
            let asking = asked.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
            match listed.iter().find(|origin| asking == Some(origin.as_str())) {
                Some(origin) => shown(reply.with_header("access-control-allow-origin", origin)),
                None => reply,
            }
        }
    }
}

/// What a page may read besides the body.
fn shown(reply: WireReply) -> WireReply {
    const SHOWN: &str = "x-request-id, retry-after, retry-after-ms, ratelimit, ratelimit-policy, \
                         pixelgate-changed, pixelgate-simulated, idempotency-replayed, \
                         pixelgate-original-request";
    reply.with_header("access-control-expose-headers", SHOWN)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::dialect::Pieces;

    fn allowed(origins: &Origins, path: &str, origin: Option<&'static str>) -> Option<String> {
        let asked = origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin)));
        let reply = WireReply::json(200, Pieces::one("{}"));
        let reply = allow(reply, &asked.into_iter().collect(), (path, origins));
        reply.header("access-control-allow-origin").map(str::to_owned)
    }

    #[test]
    fn an_open_door_is_open_for_paths_that_are_for_browsers() {
        let generate = "/api/v1/generate";
        assert_eq!(allowed(&Origins::Any, generate, None).as_deref(), Some("*"));
        assert_eq!(
            allowed(&Origins::Any, "/v1/images/generations", Some("https://a.example")),
            None
        );
    }

    #[test]
    fn a_listed_origin_is_let_in_and_no_other() {
        let listed = Origins::Listed(vec!["https://shop.example".to_owned()]);
        let allowed = |origin| allowed(&listed, "/api/v1/health", origin);
        assert_eq!(allowed(Some("https://shop.example")).as_deref(), Some("https://shop.example"));
        for other in [None, Some("https://shop.example.evil.example"), Some("null")] {
            assert_eq!(allowed(other), None);
        }
        assert_eq!(allowed(Some("http://shop.example")), None);
    }
}
