//! Room for pictures that were fetched or looked up: so many at once, so many bytes in memory.

use std::sync::Arc;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::InputPictures;

/// Bytes are counted in steps of this many.
const STEP: usize = 1024;

/// The room, and what of it is taken.
#[derive(Debug)]
pub(in super::super) struct Room {
    turns: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    gauge: IntGauge,
}

/// A part of the room, until it is dropped.
#[derive(Debug)]
pub(in super::super) struct Held {
    part: OwnedSemaphorePermit,
    gauge: IntGauge,
}

impl Room {
    /// All of it, shown on `gauge`.
    pub(in super::super) fn new(bounds: &InputPictures, gauge: IntGauge) -> Self {
        let steps = (bounds.in_flight_bytes_max / STEP).min(Semaphore::MAX_PERMITS);
        Self {
            turns: Arc::new(Semaphore::new(bounds.in_flight_max)),
            bytes: Arc::new(Semaphore::new(steps)),
            gauge,
        }
    }

    /// Waits for a turn to fetch; `None` never comes, for nobody closes it.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    /// Room for so many bytes; `None` when there is not as much left.
    pub(super) fn take(&self, bytes: usize) -> Option<Held> {
        let steps = u32::try_from(bytes.div_ceil(STEP)).ok()?;
        let part = Arc::clone(&self.bytes).try_acquire_many_owned(steps).ok()?;
        self.gauge.add(in_bytes(&part));
        Some(Held { part, gauge: self.gauge.clone() })
    }
}

impl Held {
    /// Gives back what is not needed after all.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let spare = self.part.num_permits().saturating_sub(bytes.div_ceil(STEP));
        if let Some(spare) = self.part.split(spare) {
            self.gauge.sub(in_bytes(&spare));
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.sub(in_bytes(&self.part));
    }
}

fn in_bytes(part: &OwnedSemaphorePermit) -> i64 {
    i64::try_from(part.num_permits().saturating_mul(STEP)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_and_given_back_in_part_and_in_whole() {
        let gauge = IntGauge::new("pixelgate_test", "test").unwrap();
        let bounds = InputPictures { in_flight_max: 1, in_flight_bytes_max: 10 * STEP };
        let room = Room::new(&bounds, gauge.clone());
        let mut held = room.take(9 * STEP + 1).unwrap();
        assert!(room.take(1).is_none());
        held.shrink_to(4 * STEP);
        assert_eq!(gauge.get(), 4 * 1024);
        assert!(room.take(7 * STEP).is_none());
        assert!(room.take(6 * STEP).is_some());
        drop(held);
        assert_eq!(gauge.get(), 0);
    }
}
