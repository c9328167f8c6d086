//! How much room the disk of the embedded store has: told while there is still time to make some.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::store;

use super::Gateway;

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

impl Gateway {
    /// Looks at the disk of this folder for as long as the process lives. Nearly full, it is told and
    /// everything goes on: what refuses is a disk that is full.
    pub async fn watch_disk(self: Arc<Self>, folder: PathBuf, free_min_bytes: u64) {
        loop {
            let place = folder.clone();
            // A network share may hang.
            match tokio::task::spawn_blocking(move || store::free_bytes(&place)).await {
                Ok(Ok(free_bytes)) => self.note_room(free_bytes, free_min_bytes),
                Ok(Err(error)) => tracing::debug!(%error, "the room on the disk is not known"),
                Err(error) => tracing::error!(%error, "the disk could not be looked at"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn note_room(&self, free_bytes: u64, free_min_bytes: u64) {
        let was_low = self.watch.is_disk_low.load(Ordering::Relaxed);
        let is_low = is_low(free_bytes, free_min_bytes, was_low);
        self.watch.is_disk_low.store(is_low, Ordering::Relaxed);
        let metrics = &self.telemetry.metrics().stuck;
        metrics.disk_free.set(i64::try_from(free_bytes).unwrap_or(i64::MAX));
        metrics.disk_low.set(i64::from(is_low));
        if is_low && !was_low {
            tracing::warn!(free_bytes, free_min_bytes, "the disk of the store is nearly full");
        } else if was_low && !is_low {
            tracing::info!(free_bytes, "the disk of the store is not nearly full any more");
        }
    }

    /// Whether the disk of the store is nearly full.
    pub fn is_disk_low(&self) -> bool {
        self.watch.is_disk_low.load(Ordering::Relaxed)
    }
}

/// Low below the bound, and until a tenth more is free: what comes and goes is told once.
fn is_low(free_bytes: u64, free_min_bytes: u64, was_low: bool) -> bool {
    let more = if was_low { free_min_bytes.div_euclid(10) } else { 0 };
    free_bytes < free_min_bytes.saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_low_below_its_bound_until_a_tenth_more_is_free() {
        for (free, was_low, expected) in [
            (100, false, false),
            (99, false, true),
            (109, true, true),
            (110, true, false),
            (105, false, false),
            (0, false, true),
        ] {
            assert_eq!(is_low(free, 100, was_low), expected, "{free} {was_low}");
        }
        assert!(!is_low(0, 0, false), "no bound, nothing told");
    }
}
