//! The media library: pictures are kept, shown, and erased.
//!
//! Bytes are durable before their row, and a row is gone before its bytes: whatever stops half-way
//! leaves bytes that nobody owns, which the sweep takes, and never an owner without bytes.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

use crate::canonical::{
    Format, Image, ImageRequest, Kept, LibraryAsk, Place, Refusal, RefusalKind, Shown, Stored,
};
use crate::dialect::{Asked, WireReply};
use crate::id::MediaId;
use crate::media::{DigestLock, MediaError, Standing};
use crate::policy::Plan;
use crate::store::StoreError;
use crate::telemetry::Bound;

use super::{Gateway, Visit, refuse};

/// Pictures that one step of the sweep erases.
const STEP_MAX: u32 = 256;

/// What nobody owns is erased when it is older than this: younger, its row may be on the way.
const UNOWNED_MS: i64 = 3_600_000;

/// How often what nobody owns is looked for.
const UNOWNED_EVERY_MS: u64 = 86_400_000;

/// Bytes that are kept and whose row is not written yet.
pub(super) struct Shelved {
    lock: DigestLock,
    kept: Kept,
}

/// Why a kept picture cannot be had.
#[derive(Debug)]
pub enum Unserved {
    /// There is none of that name.
    Unknown,
    /// Its address has ended, or was never ours.
    BadAddress,
    /// The library cannot be read now.
    Unavailable,
}

impl Gateway {
    /// Refuses what would be kept in a library that is full; looked at before anything is bought.
    pub(super) async fn has_room(
        &self,
        visit: &Visit,
        plan: &Plan,
        request: &ImageRequest,
    ) -> Result<(), Refusal> {
        let is_bound = plan.pictures_max.is_some() || plan.pictures_bytes_max.is_some();
        if !visit.keeps(request) || !is_bound {
            return Ok(());
        }
        let total = self.store.pictures_total(visit.caller.workspace().clone()).await;
        let total = total.map_err(|error| refuse::store(&error, self.clock.now()))?;
        let after = total.pictures.saturating_add(request.count.into());
        let met = if plan.pictures_max.is_some_and(|most| after > most) {
            Bound::Pictures
        } else if plan.pictures_bytes_max.is_some_and(|most| total.bytes >= most) {
            Bound::PicturesBytes
        } else {
            return Ok(());
        };
        self.telemetry.metrics().bound_met(met);
        let message = "the media library of this workspace is full; delete pictures from it";
        Err(Refusal::new(RefusalKind::QuotaExhausted, message))
    }

    /// Lays a picture's bytes on the shelf; [`Gateway::register`] makes it a kept picture.
    pub(super) async fn shelve(&self, visit: &Visit, image: &Image) -> Result<Shelved, MediaError> {
        let weighed = self.media.weigh(image.picture.clone()).await?;
        let plan = visit.policy.plan(visit.caller.plan());
        let created_at_ms = self.clock.now().unix_ms;
        let kept_for = plan.and_then(|plan| plan.pictures_kept).map(in_ms);
        let kept = Kept {
            id: MediaId::uuid(),
            workspace: visit.caller.workspace().clone(),
            digest: weighed.digest.clone(),
            format: image.format.unwrap_or(Format::Png),
            size: image.size,
            bytes: u64::try_from(weighed.bytes.len()).unwrap_or(u64::MAX),
            model: visit.receipt.model.clone().unwrap_or_default(),
            request: visit.receipt.request_id.clone(),
            created_at_ms,
            expires_at_ms: kept_for.map(|kept_ms| created_at_ms.saturating_add(kept_ms)),
        };
        let lock = self.media.lock(&weighed.digest).await;
        self.media.keep(&lock, weighed).await?;
        Ok(Shelved { lock, kept })
    }

    /// Writes what is shelved into the index. Not to be cancelled: the row may be written by then.
    pub(super) async fn register(
        &self,
        visit: &Visit,
        shelved: Shelved,
    ) -> Result<Stored, StoreError> {
        let Shelved { lock, kept } = shelved;
        let (id, created_at_ms) = (kept.id.clone(), kept.created_at_ms);
        let url = self.address(&visit.head.public_url, &kept);
        self.store.keep_picture(kept).await?;
        drop(lock);
        Ok(Stored { id, url, created_at_ms })
    }

    /// Pictures of a delivery that came to nothing are not kept.
    pub(super) async fn forget(&self, images: &[Image]) {
        for stored in images.iter().filter_map(|image| image.stored.as_ref()) {
            if let Ok(Some(kept)) = self.store.find_picture(stored.id.as_str().to_owned()).await {
                self.tell_of_erasing(self.erase(kept).await);
            }
        }
    }

    /// What an app asks of the library.
    pub(super) async fn library(
        &self,
        visit: &Visit,
        ask: LibraryAsk,
    ) -> Result<WireReply, Refusal> {
        let side = visit
            .client
            .library()
            .ok_or_else(|| refuse::unknown_path(&visit.head.method, &visit.head.path))?;
        let now = self.clock.now();
        let asked = Asked { request_id: &visit.receipt.request_id, unix_ms: now.unix_ms };
        match ask {
            LibraryAsk::List => {
                let page = side.decode_page(visit.head.query_text())?;
                let limit = page.limit;
                let workspace = visit.caller.workspace().clone();
                let listed = self.store.list_pictures(workspace, page).await;
                let listed = listed.map_err(|error| refuse::store(&error, now))?;
                let is_full = u32::try_from(listed.len()) == Ok(limit);
                let next = listed.last().filter(|_| is_full).map(|last| {
                    Place { created_at_ms: last.created_at_ms, id: last.id.clone() }.to_word()
                });
                let shown: Vec<_> =
                    listed.into_iter().map(|kept| self.shown(visit, kept)).collect();
                Ok(side.encode_page(&shown, next.as_deref(), &asked))
            }
            LibraryAsk::Show(id) => {
                let kept = self.owned(visit, id).await?;
                Ok(side.encode_shown(&self.shown(visit, kept), &asked))
            }
            LibraryAsk::Erase(id) => {
                let kept = self.owned(visit, id).await?;
                let id = kept.id.clone();
                let bytes_gone =
                    self.erase(kept).await.map_err(|error| refuse::store(&error, now))?;
                self.tell_of_erasing(Ok(bytes_gone));
                self.count_erased("asked", 1);
                Ok(side.encode_erased(&id, &asked))
            }
        }
    }

    /// A picture of the caller's own workspace; another's is as unknown as none.
    async fn owned(&self, visit: &Visit, id: String) -> Result<Kept, Refusal> {
        let found = self.store.find_picture(id).await;
        let found = found.map_err(|error| refuse::store(&error, self.clock.now()))?;
        found
            .filter(|kept| kept.workspace == *visit.caller.workspace())
            .ok_or_else(refuse::unknown_picture)
    }

    fn shown(&self, visit: &Visit, kept: Kept) -> Shown {
        Shown { url: self.address(&visit.head.public_url, &kept), kept }
    }

    /// Where a kept picture is, for as long as an address lasts from now on.
    pub fn address(&self, public_url: &str, kept: &Kept) -> String {
        let path = self.media.address(&kept.id, kept.format, self.clock.now());
        format!("{public_url}{path}")
    }

    /// A kept picture by its address, for whoever has it, and until when the address is good.
    pub async fn kept_picture(
        &self,
        id: &str,
        query: &str,
    ) -> Result<(Kept, Option<i64>), Unserved> {
        let until = match self.media.check_address(id, query, self.clock.now()) {
            Standing::Good => None,
            Standing::GoodUntil(end) => Some(end),
            Standing::Bad => return Err(Unserved::BadAddress),
        };
        let found = self.store.find_picture(id.to_owned()).await.map_err(|error| {
            tracing::error!(error = refuse::chain(&error), "the media library cannot be asked");
            Unserved::Unavailable
        })?;
        let kept = found.ok_or(Unserved::Unknown)?;
        let until = [until, kept.expires_at_ms.map(|ms| ms.div_euclid(1000))];
        Ok((kept, until.into_iter().flatten().min()))
    }

    /// A part of its bytes.
    pub async fn kept_bytes(&self, kept: &Kept, part: Range<u64>) -> Result<Bytes, Unserved> {
        match self.media.read(&kept.digest, part).await {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => {
                // An erasing may have come between; anything else is a fault of ours.
                tracing::warn!(media = %kept.id, "a picture of the index has no bytes");
                Err(Unserved::Unknown)
            }
            Err(error) => {
                tracing::error!(error = refuse::chain(&error), "a picture cannot be read");
                Err(Unserved::Unavailable)
            }
        }
    }

    /// The row first, then the bytes unless another row names them. The inner result is of the bytes:
    /// those that stay are nobody's, and the sweep comes for them.
    async fn erase(&self, kept: Kept) -> Result<Result<(), MediaError>, StoreError> {
        let lock = self.media.lock(&kept.digest).await;
        self.store.erase_picture(kept.id).await?;
        if self.store.is_digest_named(kept.digest).await? {
            return Ok(Ok(()));
        }
        Ok(self.media.erase(&lock).await)
    }

    fn tell_of_erasing(&self, erased: Result<Result<(), MediaError>, StoreError>) {
        let said = match erased {
            Ok(Ok(())) => return,
            Ok(Err(error)) => refuse::chain(&error),
            Err(error) => refuse::chain(&error),
        };
        self.telemetry.metrics().pictures.not_erased.inc();
        tracing::error!(error = said, "a picture could not be erased; the sweep tries again");
    }

    fn count_erased(&self, why: &str, count: u64) {
        self.telemetry.metrics().pictures.erased.with_label_values(&[why]).inc_by(count);
    }

    /// Erases what is over, now and again, and once a day what nobody owns. Ends with its task.
    pub async fn sweep_library(&self, every: Duration) {
        let mut unowned_due_ms = 0;
        loop {
            // Who has just started has better things to do.
            tokio::time::sleep(every).await;
            let tick_ms = self.clock.now().tick_ms;
            let looks_for_unowned = tick_ms >= unowned_due_ms;
            if looks_for_unowned {
                unowned_due_ms = tick_ms.saturating_add(UNOWNED_EVERY_MS);
            }
            self.sweep_once(looks_for_unowned).await;
        }
    }

    async fn sweep_once(&self, looks_for_unowned: bool) {
        let over = self.erase_over().await;
        if over > 0 {
            self.count_erased("over", over);
            tracing::info!(pictures = over, "pictures that were over are erased");
        }
        if !looks_for_unowned {
            return;
        }
        match self.erase_unowned().await {
            Ok(0) => {}
            Ok(unowned) => {
                self.count_erased("unowned", unowned);
                tracing::info!(pictures = unowned, "bytes that nobody owned are erased");
            }
            Err(said) => tracing::error!(error = said, "the media library cannot be swept"),
        }
    }

    /// Every picture that is over, step by step; how many there were.
    async fn erase_over(&self) -> u64 {
        let mut erased = 0_u64;
        loop {
            let over = match self.store.pictures_over(STEP_MAX).await {
                Ok(over) => over,
                Err(error) => {
                    tracing::error!(error = refuse::chain(&error), "the sweep cannot look");
                    return erased;
                }
            };
            let step = self.erase_each(over).await;
            erased = erased.saturating_add(step);
            if step == 0 {
                return erased;
            }
        }
    }

    /// Erases until the store fails: the next look would find the same again.
    async fn erase_each(&self, over: Vec<Kept>) -> u64 {
        let mut erased = 0_u64;
        for kept in over {
            let done = self.erase(kept).await;
            let is_stuck = done.is_err();
            self.tell_of_erasing(done);
            if is_stuck {
                return 0;
            }
            erased = erased.saturating_add(1);
        }
        erased
    }

    /// Bytes without a row, and files that were never whole; how many there were.
    async fn erase_unowned(&self) -> Result<u64, String> {
        let before_ms = self.clock.now().unix_ms.saturating_sub(UNOWNED_MS);
        let drafts = self.media.erase_drafts(before_ms).await;
        let drafts = drafts.map_err(|error| refuse::chain(&error))?;
        let mut erased = u64::try_from(drafts).unwrap_or(u64::MAX);
        let old = self.media.kept_before(before_ms).await.map_err(|e| refuse::chain(&e))?;
        for digest in old {
            let lock = self.media.lock(&digest).await;
            let named = self.store.is_digest_named(digest).await;
            if !named.map_err(|error| refuse::chain(&error))? {
                self.media.erase(&lock).await.map_err(|error| refuse::chain(&error))?;
                erased = erased.saturating_add(1);
            }
        }
        Ok(erased)
    }
}

fn in_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
