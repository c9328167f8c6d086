//! Room for answers that no vendor sends now: what was kept, and is said again or shown.
//!
//! It is a part of the room for vendors' answers, and half of that at most: what is asked for again
//! costs nothing, so it must not crowd out what is paid for. Who finds none is refused and may ask
//! again; nothing was drawn that could be lost.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::dialect::Pieces;

use super::buffers::STEP;

/// The part of all room that is lent.
#[derive(Clone, Debug)]
pub(super) struct Lending {
    room: Arc<Semaphore>,
    share: Arc<Semaphore>,
    steps: usize,
}

/// Room that one answer has until its client has read it.
#[derive(Debug)]
pub struct Lent {
    of: Lending,
    taken: Vec<[OwnedSemaphorePermit; 2]>,
}

/// A slice of an answer, and the room of the whole.
struct Held {
    slice: Bytes,
    _lent: Arc<Lent>,
}

impl Lending {
    /// Half of a room of so many steps.
    pub(super) fn of(room: &Arc<Semaphore>, steps: usize) -> Self {
        let steps = (steps / 2).max(1);
        Self { room: Arc::clone(room), share: Arc::new(Semaphore::new(steps)), steps }
    }

    /// None yet, to be grown.
    pub(super) fn begin(&self) -> Lent {
        Lent { of: self.clone(), taken: Vec::new() }
    }
}

impl Lent {
    /// Takes room for so many bytes more; false where there is not as much left. An answer larger
    /// than all that is lent has it alone.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let own: usize = self.taken.iter().map(|[share, _]| share.num_permits()).sum();
        let left = self.of.share.available_permits();
        let is_alone = left.saturating_add(own) >= self.of.steps;
        let wanted = bytes.div_ceil(STEP);
        let wanted = if is_alone { wanted.min(left) } else { wanted };
        let Ok(wanted) = u32::try_from(wanted) else { return false };
        let take = |from: &Arc<Semaphore>| Arc::clone(from).try_acquire_many_owned(wanted).ok();
        let Some((share, room)) = take(&self.of.share).zip(take(&self.of.room)) else {
            return false;
        };
        self.taken.push([share, room]);
        true
    }

    /// A body that gives the room back with the last slice of it.
    #[must_use]
    pub fn hold(self, body: Pieces) -> Pieces {
        let lent = Arc::new(self);
        let mut held = Pieces::default();
        for slice in body.into_slices() {
            held.push(Bytes::from_owner(Held { slice, _lent: Arc::clone(&lent) }));
        }
        held
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.slice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lending(steps: usize) -> (Arc<Semaphore>, Lending) {
        let room = Arc::new(Semaphore::new(steps));
        let lending = Lending::of(&room, steps);
        (room, lending)
    }

    #[test]
    fn half_of_the_room_is_lent_and_given_back_with_the_last_slice() {
        let (room, lending) = lending(8);
        let (mut one, mut other) = (lending.begin(), lending.begin());
        assert!(one.grow(3 * STEP) && !other.grow(2 * STEP));
        let mut slices = one.hold(Pieces::one("picture")).into_slices();
        let part = slices.pop().unwrap().slice(1..3);
        assert_eq!((&part[..], room.available_permits()), (&b"ic"[..], 5));
        drop(part);
        assert!(other.grow(2 * STEP));
        drop(other);
        assert_eq!(room.available_permits(), 8);
    }

    #[test]
    fn an_answer_larger_than_all_that_is_lent_has_it_alone() {
        let (room, lending) = lending(8);
        let (mut one, mut other) = (lending.begin(), lending.begin());
        assert!(one.grow(100 * STEP) && one.grow(100 * STEP));
        assert_eq!(room.available_permits(), 4);
        assert!(!other.grow(1));
    }

    #[test]
    fn nothing_is_lent_of_a_room_that_vendors_fill() {
        let (room, lending) = lending(8);
        let full = Arc::clone(&room).try_acquire_many_owned(8).unwrap();
        let mut one = lending.begin();
        assert!(!one.grow(1));
        drop(full);
        assert!(one.grow(1));
        assert_eq!((lending.share.available_permits(), room.available_permits()), (3, 7));
    }
}
