//! Kept pictures, for whoever has their address: whole, in part, or not again.

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::canonical::{Kept, Refusal, RefusalKind};
use crate::dialect::{Pieces, WireReply};
use crate::gateway::{Head, Unserved};
use crate::media::file_name;

use super::conditional::{Serve, Version, judge};
use super::public::Front;

/// How long a picture may be kept by whoever fetched it, if it is not over before.
const CACHED_S_MAX: i64 = 86_400;

const BAD_ADDRESS: &[u8] =
    b"{\"error\":{\"code\":\"address_ended\",\"message\":\"this address has ended or \
    was not made here; ask the media library for a new one\",\"type\":\"caller\",\"param\":null}}";
const UNAVAILABLE: &[u8] =
    b"{\"error\":{\"code\":\"library_unavailable\",\"message\":\"the picture \
    cannot be read now; try again\",\"type\":\"us\",\"param\":null}}";

impl Front {
    /// A picture of the library, or what its path takes; `None` when nothing of that name is there.
    pub(super) async fn stored_picture(&self, head: &Head) -> Option<WireReply> {
        let (id, file) = head.path.strip_prefix("/media/")?.split_once('/')?;
        if head.method != Method::GET && head.method != Method::HEAD {
            let message = "a picture takes GET and HEAD only";
            let refusal = Refusal::new(RefusalKind::WrongMethod, message);
            return Some(self.refuse(head, &refusal, None).with_header("allow", "GET, HEAD"));
        }
        let reply = match Box::pin(self.gateway.kept_picture(id, head.query_text())).await {
            Ok((kept, _)) if file_name(kept.format) != file => return None,
            Ok((kept, until)) => Box::pin(self.picture(head, &kept, until)).await,
            Err(unserved) => Err(unserved),
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(Unserved::Unknown) => return None,
            Err(Unserved::BadAddress) => WireReply::json(403, Pieces::one(BAD_ADDRESS)),
            Err(Unserved::Unavailable) => {
                WireReply::json(503, Pieces::one(UNAVAILABLE)).with_header("retry-after", "5")
            }
        };
        Some(reply.with_header("x-request-id", head.request_id.as_str()))
    }

    async fn picture(
        &self,
        head: &Head,
        kept: &Kept,
        until: Option<i64>,
    ) -> Result<WireReply, Unserved> {
        let version = Version {
            etag: format!("\"{}\"", kept.digest.get(..32).unwrap_or_default()),
            modified_s: kept.created_at_ms.div_euclid(1000),
            bytes: kept.bytes,
        };
        let is_get = head.method == Method::GET;
        let served = judge(&head.headers, is_get, &version);
        let (status, part) = match &served {
            Serve::Same => (304, None),
            Serve::Beyond => (416, None),
            Serve::Whole => (200, Some(0..kept.bytes)),
            Serve::Part(part) => (206, Some(part.clone())),
        };
        let body = match part.clone().filter(|_| is_get) {
            Some(part) => self.gateway.kept_bytes(kept, part).await?,
            None => Bytes::new(),
        };
        let mut reply = WireReply { status, headers: HeaderMap::new(), body: Pieces::one(body) };
        if let Some(part) = &part {
            let length = part.end.saturating_sub(part.start);
            reply = reply
                .with_header("content-type", kept.format.mime())
                .with_header("content-length", &length.to_string());
        }
        if let Serve::Part(part) = &served {
            let last = part.end.saturating_sub(1);
            let range = format!("bytes {}-{last}/{}", part.start, kept.bytes);
            reply = reply.with_header("content-range", &range);
        }
        if served == Serve::Beyond {
            return Ok(reply.with_header("content-range", &format!("bytes */{}", kept.bytes)));
        }
        let left = until.map(|end| end.saturating_sub(self.gateway.clock.now().unix_seconds()));
        let cached_s = left.map_or(CACHED_S_MAX, |left| left.clamp(0, CACHED_S_MAX));
        Ok(reply
            .with_header("etag", &version.etag)
            .with_header("last-modified", &version.modified())
            .with_header("accept-ranges", "bytes")
            .with_header("cache-control", &format!("private, max-age={cached_s}, immutable"))
            .with_header("x-content-type-options", "nosniff"))
    }
}
