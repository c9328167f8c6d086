//! Counted room for what is in flight: taken, grown, and given back by being dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::IntGauge;

/// Room for so many of something.
#[derive(Debug)]
pub(super) struct Room {
    used: AtomicUsize,
    most: usize,
    gauge: IntGauge,
}

/// A part of a room that is taken.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    size: usize,
}

impl Room {
    /// An empty room, shown on `gauge`.
    pub(super) fn new(most: usize, gauge: IntGauge) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), most, gauge })
    }

    /// Takes `size` of it; `None` when there is not as much left.
    pub(super) fn take(self: &Arc<Self>, size: usize) -> Option<Place> {
        self.add(size).then(|| Place { room: Arc::clone(self), size })
    }

    /// Whether nothing of it is taken.
    pub(super) fn is_empty(&self) -> bool {
        self.used.load(Ordering::Acquire) == 0
    }

    fn add(&self, size: usize) -> bool {
        let fits = |used: usize| used.checked_add(size).filter(|sum| *sum <= self.most);
        let added = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok();
        if added {
            self.gauge.add(i64::try_from(size).unwrap_or(i64::MAX));
        }
        added
    }
}

impl Place {
    /// Takes more; false when there is not as much left.
    pub(super) fn grow(&mut self, by: usize) -> bool {
        let grown = self.room.add(by);
        if grown {
            self.size = self.size.saturating_add(by);
        }
        grown
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.used.fetch_sub(self.size, Ordering::AcqRel);
        self.room.gauge.sub(i64::try_from(self.size).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(most: usize) -> Arc<Room> {
        Room::new(most, IntGauge::new("pixelgate_test", "test").unwrap())
    }

    #[test]
    fn a_full_room_takes_nobody_until_a_place_is_given_back() {
        let room = room(2);
        let one = room.take(2).unwrap();
        assert!(room.take(1).is_none());
        drop(one);
        assert!(room.take(2).is_some());
    }

    #[test]
    fn a_place_grows_only_as_far_as_the_room() {
        let room = room(10);
        let mut place = room.take(4).unwrap();
        assert!(place.grow(6));
        assert!(!place.grow(1));
        drop(place);
        assert_eq!(room.used.load(Ordering::Relaxed), 0);
        assert_eq!(room.gauge.get(), 0);
    }
}
