//! Pictures that a workspace keeps, the newest first: what is known of them, and their bytes. Never
//! what was asked for them.

use serde_json::{Value, json};

use crate::canonical::{Kept, Page, Place};
use crate::gateway::Unserved;

use super::answer::{Answer, Kind, Listed, maybe_moment, moment, place};
use super::refused::{self, Refused};
use super::{Admin, Call};

/// Bytes of a picture that are shown here; larger ones have their address.
const PICTURE_BYTES_MAX: u64 = 32 << 20;

/// What browsers may do with a picture: show it to whoever asked.
const GUARDS: [(&str, &str); 5] = [
    ("cache-control", "private, no-store"),
    ("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

impl Admin {
    pub(super) async fn pictures(&self, call: &Call) -> Result<Answer, Refused> {
        let workspace = self.known_workspace(&call.name).await?;
        let limit = call.query.limit()?;
        let after = place(&call.query)?
            .map(|word| Place::from_word(&word).ok_or_else(refused::bad_cursor))
            .transpose()?;
        let page = Page { after, limit: limit.saturating_add(1) };
        let found = self.gateway.store.list_pictures(workspace.id, page).await?;
        let word = |kept: &Kept| {
            Place { created_at_ms: kept.created_at_ms, id: kept.id.clone() }.to_word()
        };
        Ok(Listed::of(found, limit, word, |kept| self.kept(&kept)).answer())
    }

    /// The bytes of one, whoever's it is.
    pub(super) async fn picture(&self, call: &Call) -> Result<Answer, Refused> {
        let unknown = || refused::unknown("picture", &call.name);
        let found = self.gateway.store.find_picture(call.name.clone()).await?;
        let kept = found.ok_or_else(unknown)?;
        if kept.bytes > PICTURE_BYTES_MAX {
            return Err(refused::too_much("this picture is too large", "fetch it by its address"));
        }
        let _place = self.heavy.acquire().await.map_err(|_| refused::busy())?;
        match self.gateway.kept_bytes(&kept, 0..kept.bytes).await {
            Ok(bytes) => Ok(Answer::file(Kind::Kept(kept.format), &bytes, &GUARDS)),
            Err(Unserved::Unknown | Unserved::BadAddress) => Err(unknown()),
            Err(Unserved::Unavailable) => Err(refused::away()),
        }
    }

    fn kept(&self, kept: &Kept) -> Value {
        let base = self.config.public.url.as_deref().unwrap_or_default();
        json!({
            "id": kept.id,
            "workspace": kept.workspace,
            "model": kept.model,
            "request": kept.request,
            "format": kept.format.name(),
            "width": kept.size.map(|size| size.width),
            "height": kept.size.map(|size| size.height),
            "bytes": kept.bytes,
            "created_at": moment(kept.created_at_ms),
            "expires_at": maybe_moment(kept.expires_at_ms),
            "address": self.gateway.address(base, kept),
        })
    }
}
