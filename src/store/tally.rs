//! What a key was served in a span of time, counted from the usage rows.

use crate::canonical::Tally;
use crate::id::KeyId;

use super::Store;
use super::cells::{Cells, Query};
use super::desk::Line;
use super::error::StoreError;

/// Holds all that is asked of it, so that counting reads no row; a key's rows lie together.
pub(super) const INDEX: &str = "CREATE INDEX IF NOT EXISTS usage_served
    ON usage (key, at_ms, images) WHERE outcome = 'ok' AND hold IS NOT NULL";

const SERVED: Query = Query::same(
    "SELECT count(*) AS early, CAST(coalesce(sum(images), 0) AS BIGINT) AS early_images,
            CAST(coalesce(sum(CASE WHEN at_ms >= $2 THEN 1 ELSE 0 END), 0) AS BIGINT) AS late,
            CAST(coalesce(sum(CASE WHEN at_ms >= $2 THEN images ELSE 0 END), 0) AS BIGINT)
                AS late_images
     FROM usage WHERE key = $1 AND at_ms >= $3 AND outcome = 'ok' AND hold IS NOT NULL",
);

impl Store {
    /// What a key was served since each of two moments, in milliseconds since the Unix epoch; the
    /// second is the earlier one.
    pub async fn served_since(
        &self,
        key: KeyId,
        [late_ms, early_ms]: [i64; 2],
    ) -> Result<[Tally; 2], StoreError> {
        let values = vec![key.as_str().to_owned().into(), late_ms.into(), early_ms.into()];
        let served = self.rows(Line::Books, SERVED, values, tallies).await?;
        Ok(served.first().copied().unwrap_or_default())
    }
}

fn tallies(row: &dyn Cells) -> Result<[Tally; 2], StoreError> {
    Ok([
        Tally { requests: row.count("late")?, images: row.count("late_images")? },
        Tally { requests: row.count("early")?, images: row.count("early_images")? },
    ])
}
