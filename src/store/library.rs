//! The index of the media library, asked on a connection of its own: a long proof of the books
//! never holds up a picture.

use std::sync::Arc;

use rusqlite::Connection;

use crate::canonical::{Kept, Page};
use crate::id::{MediaId, WorkspaceId};

use super::Store;
use super::ask::{Ask, Chore};
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
        let found = self.browse(move |database| media::find(database, &id)).await?;
        Ok(found.filter(|kept| kept.expires_at_ms.is_none_or(|over_ms| over_ms > now_ms)))
    }

    /// A page of what a workspace owns, newest first.
    pub async fn list_pictures(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<Vec<Kept>, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        self.browse(move |database| media::list(database, &workspace, &page, now_ms)).await
    }

    /// Pictures that are over and not erased yet; at most `limit`.
    pub async fn pictures_over(&self, limit: u32) -> Result<Vec<Kept>, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        self.browse(move |database| media::over(database, now_ms, limit)).await
    }

    /// Whether anyone's picture has these bytes.
    pub async fn is_digest_named(&self, digest: String) -> Result<bool, StoreError> {
        self.browse(move |database| media::is_named(database, &digest)).await
    }

    /// What a workspace keeps.
    pub async fn pictures_total(&self, workspace: WorkspaceId) -> Result<MediaTotal, StoreError> {
        self.browse(move |database| media::total(database, &workspace)).await
    }

    /// What everyone keeps.
    pub async fn pictures_total_of_all(&self) -> Result<MediaTotal, StoreError> {
        self.browse(media::total_of_all).await
    }

    async fn browse<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let reader = Arc::clone(&self.library);
        tokio::task::spawn_blocking(move || Ok(question(&reader.lock())?))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }
}
