//! Kept pictures, for whoever has their address: whole, in part, or not again.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, Method};
use pingora::{Error, ErrorType};

use crate::canonical::{Kept, Refusal, RefusalKind};
use crate::dialect::{Pieces, WireReply};
use crate::gateway::{Gateway, Head, Unserved};
use crate::media::file_name;
use crate::upstream::Lent;

use super::answer::Outgoing;
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

/// What of a picture is not read yet. Its room is that of one slice, which is all that is in memory.
#[derive(Debug)]
pub(super) struct Rest {
    kept: Kept,
    left: Range<u64>,
    _lent: Lent,
}

impl Rest {
    /// Bytes that are still to be read.
    pub(super) fn bytes(&self) -> usize {
        usize::try_from(self.left.end.saturating_sub(self.left.start)).unwrap_or(usize::MAX)
    }

    /// The next slice, read now; `None` when all were.
    pub(super) async fn next(&mut self, gateway: &Gateway) -> pingora::Result<Option<Bytes>> {
        let read = self.read(gateway).await;
        // The head has promised all of it: an end is all that can be said now.
        read.map_err(|_| Error::explain(ErrorType::FileReadError, "the picture is not all there"))
    }

    async fn read(&mut self, gateway: &Gateway) -> Result<Option<Bytes>, Unserved> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let start = self.left.start;
        let end = start.saturating_add(gateway.media.slice_bytes()).min(self.left.end);
        let slice = gateway.kept_bytes(&self.kept, start..end).await?;
        self.left.start = end;
        Ok(Some(slice))
    }
}

impl Front {
    /// A picture of the library, or what its path takes; `None` when nothing of that name is there.
    pub(super) async fn stored_picture(&self, head: &Head) -> Option<Outgoing> {
        let (id, file) = head.path.strip_prefix("/media/")?.split_once('/')?;
        if head.method != Method::GET && head.method != Method::HEAD {
            let message = "a picture takes GET and HEAD only";
            let refusal = Refusal::new(RefusalKind::WrongMethod, message);
            let reply = self.refuse(head, &refusal, None).with_header("allow", "GET, HEAD");
            return Some(reply.into());
        }
        let reply = match Box::pin(self.gateway.kept_picture(id, head.query_text())).await {
            Ok((kept, _)) if file_name(kept.format) != file => return None,
            Ok((kept, until)) => Box::pin(self.picture(head, kept, until)).await,
            Err(unserved) => Err(unserved),
        };
        let (reply, rest) = match reply {
            Ok(reply) => reply,
            Err(Unserved::Unknown) => return None,
            Err(Unserved::BadAddress) => (WireReply::json(403, Pieces::one(BAD_ADDRESS)), None),
            Err(Unserved::Unavailable) => {
                let reply = WireReply::json(503, Pieces::one(UNAVAILABLE));
                (reply.with_header("retry-after", "5"), None)
            }
        };
        let reply = reply.with_header("x-request-id", head.request_id.as_str());
        Some(Outgoing::from(reply).followed_by(rest))
    }

    /// The head of a picture and its first slice, and what of it is read as its client takes it:
    /// one who takes nothing holds no more than a slice.
    async fn picture(
        &self,
        head: &Head,
        kept: Kept,
        until: Option<i64>,
    ) -> Result<(WireReply, Option<Rest>), Unserved> {
        let version = Version {
            etag: format!("\"{}\"", kept.digest.get(..32).unwrap_or_default()),
            modified_s: kept.created_at_ms.div_euclid(1000),
            bytes: kept.bytes,
        };
        let is_get = head.method == Method::GET;
        let served = judge(&head.headers, is_get, &version);
        let reply = self.described(&served, &version, &kept, until);
        let part = match served {
            Serve::Whole => 0..kept.bytes,
            Serve::Part(part) => part,
            Serve::Same | Serve::Beyond => 0..0,
        };
        if !is_get || part.is_empty() {
            return Ok((reply, None));
        }
        let mut lent = self.gateway.lend();
        let length = part.end.saturating_sub(part.start);
        let room = length.min(self.gateway.media.slice_bytes());
        if let Err(refusal) = self.gateway.make_room(&mut lent, room) {
            return Ok((self.refuse(head, &refusal, None), None));
        }
        let mut rest = Rest { kept, left: part, _lent: lent };
        let first = rest.read(&self.gateway).await?.unwrap_or_default();
        Ok((WireReply { body: Pieces::one(first), ..reply }, Some(rest)))
    }

    /// What the head of a picture says.
    fn described(
        &self,
        served: &Serve,
        version: &Version,
        kept: &Kept,
        until: Option<i64>,
    ) -> WireReply {
        let (status, part) = match served {
            Serve::Same => (304, None),
            Serve::Beyond => (416, None),
            Serve::Whole => (200, Some(0..kept.bytes)),
            Serve::Part(part) => (206, Some(part.clone())),
        };
        let mut reply = WireReply { status, headers: HeaderMap::new(), body: Pieces::default() };
        if let Some(part) = &part {
            let length = part.end.saturating_sub(part.start);
            reply = reply
                .with_header("content-type", kept.format.mime())
                .with_header("content-length", &length.to_string());
        }
        if let Serve::Part(part) = served {
            let last = part.end.saturating_sub(1);
            let range = format!("bytes {}-{last}/{}", part.start, kept.bytes);
            reply = reply.with_header("content-range", &range);
        }
        if *served == Serve::Beyond {
            return reply.with_header("content-range", &format!("bytes */{}", kept.bytes));
        }
        let left = until.map(|end| end.saturating_sub(self.gateway.clock.now().unix_seconds()));
        let cached_s = left.map_or(CACHED_S_MAX, |left| left.clamp(0, CACHED_S_MAX));
        reply
            .with_header("etag", &version.etag)
            .with_header("last-modified", &version.modified())
            .with_header("accept-ranges", "bytes")
            .with_header("cache-control", &format!("private, max-age={cached_s}, immutable"))
            .with_header("x-content-type-options", "nosniff")
    }
}
