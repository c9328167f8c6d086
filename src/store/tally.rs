//! What a key was served in a span of time, counted from the usage rows.

use rusqlite::params;

use crate::canonical::Tally;
use crate::id::KeyId;

use super::Store;
use super::error::StoreError;

/// Holds all that is asked of it, so that counting reads no row; a key's rows lie together.
pub(super) const INDEX: &str = "CREATE INDEX IF NOT EXISTS usage_served
    ON usage (key, at_ms, images) WHERE outcome = 'ok' AND hold IS NOT NULL";

impl Store {
    /// What a key was served since each of two moments, in milliseconds since the Unix epoch; the
    /// second is the earlier one.
    pub async fn served_since(
        &self,
        key: KeyId,
        [late_ms, early_ms]: [i64; 2],
    ) -> Result<[Tally; 2], StoreError> {
        self.read(move |database| {
            let mut counting = database.prepare_cached(
                "SELECT count(*), ifnull(sum(images), 0),
                        ifnull(sum(at_ms >= ?2), 0), ifnull(sum(iif(at_ms >= ?2, images, 0)), 0)
                 FROM usage WHERE key = ?1 AND at_ms >= ?3 AND outcome = 'ok' AND hold IS NOT NULL",
            )?;
            let asked = params![key.as_str(), late_ms, early_ms];
            Ok(counting.query_row(asked, |row| {
                let count = |column| row.get(column).map(i64::unsigned_abs);
                let early = Tally { requests: count(0)?, images: count(1)? };
                Ok([Tally { requests: count(2)?, images: count(3)? }, early])
            })?)
        })
        .await
    }
}
