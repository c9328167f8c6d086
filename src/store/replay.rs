//! Recorded usage, read for judging it again: from either database, at one moment.

use crate::finance::Recorded;

use super::cells::{Cells, Query};
use super::error::StoreError;
use super::finance::{Books, line};

/// Rows that are read at a time.
const PAGE: i64 = 5_000;

/// The most rows that are judged again at once.
pub const RECORDED_MAX: usize = 5_000_000;

const RECORDED: Query = Query::same(
    "SELECT l.*, u.total_us AS total_us, u.sketch AS sketch, k.scopes AS scopes
     FROM usage AS u
     JOIN usage_line AS l ON l.seq = u.seq
     LEFT JOIN key AS k ON k.id = u.key
     WHERE u.seq > $1 AND u.at_ms + 0 >= $2 AND u.at_ms + 0 < $3 ORDER BY u.seq LIMIT $4",
);

impl Books {
    /// Every row of requests that came in a span, in milliseconds since the Unix epoch, in the order
    /// in which they ended; at most [`RECORDED_MAX`].
    pub async fn recorded(&self, since: i64, until: i64) -> Result<Vec<Recorded>, StoreError> {
        let mut all: Vec<Recorded> = Vec::new();
        let mut after = 0;
        while all.len() < RECORDED_MAX {
            let asked = vec![after.into(), since.into(), until.into(), PAGE.into()];
            let page = self.ask(RECORDED, asked, recorded).await?;
            let Some(last) = page.last() else { break };
            after = last.line.seq;
            all.extend(page);
        }
        Ok(all)
    }
}

fn recorded(row: &dyn Cells) -> Result<Recorded, StoreError> {
    Ok(Recorded {
        line: line(row)?,
        took_ms: row.count("total_us")?.div_ceil(1000),
        scopes: row.maybe_json("scopes")?.unwrap_or_default(),
        sketch: row.maybe_json("sketch")?,
    })
}
