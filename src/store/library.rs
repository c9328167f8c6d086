//! The index of the media library, asked on a connection of its own: a long proof of the books
//! never holds up a picture.

use crate::canonical::{Kept, Page};
use crate::id::{MediaId, WorkspaceId};

use super::Store;
use super::ask::{Ask, Chore};
use super::cells::{Query, Reading, Value};
use super::desk::Line;
use super::error::StoreError;
use super::rows::media::{self, MediaTotal};

impl Store {
    /// Writes a picture into the index; durable when answered.
    pub async fn keep_picture(&self, kept: Kept) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Chore(Chore::KeepPicture(Box::new(kept), reply))).await
    }

    /// Takes a picture out of the index, if it is there; durable when answered.
    pub async fn erase_picture(&self, id: MediaId) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Chore(Chore::ErasePicture(id, reply))).await
    }

    /// A picture by its name, unless it is over.
    pub async fn find_picture(&self, id: String) -> Result<Option<Kept>, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        let found = self.browse(media::FIND, vec![id.into()], media::kept).await?.pop();
        Ok(found.filter(|kept| kept.expires_at_ms.is_none_or(|over_ms| over_ms > now_ms)))
    }

    /// A page of what a workspace owns, newest first.
    pub async fn list_pictures(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<Vec<Kept>, StoreError> {
        let (at_ms, id) = page
            .after
            .as_ref()
            .map_or((i64::MAX, ""), |after| (after.created_at_ms, after.id.as_str()));
        let values = vec![
            workspace.as_str().to_owned().into(),
            at_ms.into(),
            id.to_owned().into(),
            self.clock.now().unix_ms.into(),
            page.limit.into(),
        ];
        self.browse(media::LIST, values, media::kept).await
    }

    /// Pictures that are over and not erased yet; at most `limit`.
    pub async fn pictures_over(&self, limit: u32) -> Result<Vec<Kept>, StoreError> {
        let values = vec![self.clock.now().unix_ms.into(), limit.into()];
        self.browse(media::OVER, values, media::kept).await
    }

    /// Whether anyone's picture has these bytes.
    pub async fn is_digest_named(&self, digest: String) -> Result<bool, StoreError> {
        let named = self.browse(media::IS_NAMED, vec![digest.into()], |row| row.text("id")).await?;
        Ok(!named.is_empty())
    }

    /// What a workspace keeps.
    pub async fn pictures_total(&self, workspace: WorkspaceId) -> Result<MediaTotal, StoreError> {
        let values = vec![workspace.as_str().to_owned().into()];
        Ok(self.browse(media::TOTAL, values, media::total).await?.pop().unwrap_or_default())
    }

    /// What everyone keeps.
    pub async fn pictures_total_of_all(&self) -> Result<MediaTotal, StoreError> {
        let found = self.browse(media::TOTAL_OF_ALL, Vec::new(), media::total).await?.pop();
        Ok(found.unwrap_or_default())
    }

    async fn browse<T: Send + 'static>(
        &self,
        query: Query,
        values: Vec<Value<'static>>,
        read: Reading<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.rows(Line::Library, query, values, read).await
    }
}
