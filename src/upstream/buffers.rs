//! Room for what vendors answer: bounded in all, and used again, so that the pages of a large picture
//! are not asked of the system anew for every answer.
//!
//! An answer has its room from its head until the last slice of it is dropped, which is when the client
//! has read it. One that finds no room waits a while, and so does its vendor, whose socket is not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lent::{Lending, Lent};

/// Room is counted in steps of so many bytes.
pub(super) const STEP: usize = 16 << 10;

/// Buffers smaller than this are not kept: the allocator has such pieces at hand.
const KEPT_LEAST: usize = 128 << 10;

/// Kept buffers are as long as a multiple of this, so that the room of one answer fits the next.
const KEPT_STEP: usize = 256 << 10;

/// Bytes of buffers that are kept while nobody uses them.
const KEPT_MAX: usize = 64 << 20;

/// The length of a piece that is only asked for to be freed: [`nudge_allocator`].
const NUDGE: usize = 1 << 20;

/// What an answer of unknown length is given room for at first.
const UNKNOWN: usize = 64 << 10;

/// How long an answer waits for room. Then it is read without any: requests that each hold some of their
/// pictures and wait for the rest would wait for each other, and what was drawn is paid for.
const PATIENCE: Duration = Duration::from_secs(10);

/// All room, and the buffers that wait to be used again.
#[derive(Debug)]
pub(super) struct Buffers {
    shelf: Arc<Shelf>,
    room: Arc<Semaphore>,
    steps: usize,
    lending: Lending,
    patience: Duration,
    waited: AtomicU64,
}

#[derive(Debug, Default)]
struct Shelf(Mutex<Free>);

#[derive(Debug, Default)]
struct Free {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
    /// The fewest that were free since the last tidying: nobody needed those.
    least: usize,
}

/// A buffer that is being filled, and its room.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    shelf: Arc<Shelf>,
    /// None where it waited for room in vain.
    room: Option<OwnedSemaphorePermit>,
}

impl Buffers {
    /// Room for so many bytes of answers.
    pub(super) fn new(bytes_max: usize) -> Self {
        let steps = (bytes_max / STEP).clamp(1, Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(steps));
        Self {
            shelf: Arc::default(),
            lending: Lending::of(&room, steps),
            room,
            steps,
            patience: PATIENCE,
            waited: AtomicU64::new(0),
        }
    }

    /// Room for an answer of this length, waited for where there is none; `0` is not known. What turns
    /// out longer takes more without waiting.
    pub(super) async fn take(&self, announced: usize) -> Buffer {
        let wanted = if announced == 0 { UNKNOWN } else { announced };
        let steps = wanted.div_ceil(STEP).clamp(1, self.steps);
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        let mut room = Arc::clone(&self.room).try_acquire_many_owned(steps).ok();
        if room.is_none() {
            self.waited.fetch_add(1, Ordering::Relaxed);
            let waiting = Arc::clone(&self.room).acquire_many_owned(steps);
            // It is never closed.
            room = tokio::time::timeout(self.patience, waiting).await.ok().and_then(Result::ok);
        }
        Buffer { bytes: self.shelf.take(wanted), shelf: Arc::clone(&self.shelf), room }
    }

    /// Room for an answer that no vendor sends now: none yet, to be grown.
    pub(super) fn lend(&self) -> Lent {
        self.lending.begin()
    }

    /// Bytes of room that answers have.
    pub(super) fn in_flight(&self) -> usize {
        self.steps.saturating_sub(self.room.available_permits()).saturating_mul(STEP)
    }

    /// Answers that had to wait for room since the last look.
    pub(super) fn take_waited(&self) -> u64 {
        self.waited.swap(0, Ordering::Relaxed)
    }

    /// Gives the buffers back that nobody has needed since the last time, to the allocator now and to the
    /// system the next time.
    pub(super) fn tidy(&self) {
        nudge_allocator();
        let mut free = self.shelf.0.lock();
        let unneeded = free.least.min(free.buffers.len());
        let dropped: Vec<_> = free.buffers.drain(..unneeded).collect();
        free.bytes = free.buffers.iter().map(Vec::capacity).sum();
        free.least = free.buffers.len();
        drop(free);
        drop(dropped);
    }
}

/// Makes the allocator give to the system what has been free for a second. `mimalloc` 3 does so when a large piece
/// is freed, and then only with what was freed before: after a burst, whose last piece is followed by none, the
/// memory of all would stay with it.
fn nudge_allocator() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(NUDGE)));
}

impl Shelf {
    /// The smallest free buffer that is long enough, or a new one.
    fn take(&self, wanted: usize) -> Vec<u8> {
        if wanted < KEPT_LEAST {
            return Vec::with_capacity(wanted);
        }
        let mut free = self.0.lock();
        let fits =
            |buffer: &Vec<u8>| buffer.capacity() >= wanted && buffer.capacity() / 4 <= wanted;
        let fitting = free.buffers.iter().enumerate().filter(|(_, buffer)| fits(buffer));
        let found = fitting.min_by_key(|(_, buffer)| buffer.capacity()).map(|(at, _)| at);
        let Some(at) = found else {
            drop(free);
            return Vec::with_capacity(wanted.next_multiple_of(KEPT_STEP));
        };
        let buffer = free.buffers.swap_remove(at);
        free.bytes = free.bytes.saturating_sub(buffer.capacity());
        free.least = free.least.min(free.buffers.len());
        buffer
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        let mut free = self.0.lock();
        if capacity >= KEPT_LEAST && free.bytes.saturating_add(capacity) <= KEPT_MAX {
            buffer.clear();
            free.bytes += capacity;
            free.buffers.push(buffer);
        }
    }
}

impl Buffer {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn add(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        self.grow();
    }

    /// Takes the room that it has outgrown, as far as there is any: what was begun does not wait, and others see that
    /// less is left.
    fn grow(&mut self) {
        let Some(room) = &mut self.room else { return };
        let missing = self.bytes.len().div_ceil(STEP).saturating_sub(room.num_permits());
        if missing == 0 {
            return;
        }
        let all = Arc::clone(room.semaphore());
        let there = missing.min(all.available_permits());
        let more = all.try_acquire_many_owned(u32::try_from(there).unwrap_or(0));
        if let Ok(more) = more {
            room.merge(more);
        }
    }

    /// What was gathered. Its room is given back with the last slice of it.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.shelf.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_is_given_back_with_the_last_slice_of_an_answer() {
        let buffers = Buffers::new(4 * STEP);
        let mut one = buffers.take(3 * STEP).await;
        one.add(b"picture");
        assert_eq!(buffers.in_flight(), 3 * STEP);
        let whole = one.freeze();
        let part = whole.slice(1..3);
        drop(whole);
        assert_eq!((&part[..], buffers.in_flight()), (&b"ic"[..], 3 * STEP));
        drop(part);
        assert_eq!(buffers.in_flight(), 0);
    }

    #[tokio::test]
    async fn an_answer_without_room_waits_until_there_is_some() {
        let buffers = Buffers::new(4 * STEP);
        let one = buffers.take(3 * STEP).await;
        let mut other = Box::pin(buffers.take(2 * STEP));
        assert!(futures_util::poll!(other.as_mut()).is_pending());
        assert_eq!(buffers.take_waited(), 1);
        drop(one);
        other.await;
        assert_eq!(buffers.take_waited(), 0);
    }

    #[tokio::test]
    async fn an_answer_of_unknown_length_takes_room_as_it_grows() {
        let buffers = Buffers::new(16 * STEP);
        let mut one = buffers.take(0).await;
        assert_eq!(buffers.in_flight(), UNKNOWN);
        for _ in 0..10 {
            one.add(&vec![7; STEP]);
        }
        assert_eq!(buffers.in_flight(), 10 * STEP);
        let mut other = buffers.take(4 * STEP).await;
        other.add(&vec![7; 100 * STEP]);
        assert_eq!(buffers.in_flight(), 16 * STEP, "no more than there is");
        drop(other);
        drop(one.freeze());
        assert_eq!(buffers.in_flight(), 0);
    }

    #[tokio::test]
    async fn an_answer_does_not_wait_for_ever() {
        let buffers = Buffers { patience: Duration::ZERO, ..Buffers::new(4 * STEP) };
        let _all = buffers.take(4 * STEP).await;
        let mut other = buffers.take(2 * STEP).await;
        other.add(b"read all the same");
        assert_eq!((buffers.take_waited(), buffers.in_flight()), (1, 4 * STEP));
    }

    #[tokio::test]
    async fn an_answer_larger_than_all_room_has_it_alone() {
        let buffers = Buffers::new(4 * STEP);
        let mut all = buffers.take(100 * STEP).await;
        all.add(&vec![7; 100 * STEP]);
        assert_eq!((all.len(), buffers.in_flight()), (100 * STEP, 4 * STEP));
        let mut other = Box::pin(buffers.take(1));
        assert!(futures_util::poll!(other.as_mut()).is_pending());
    }

    #[tokio::test]
    async fn the_room_of_one_answer_is_used_again_for_the_next() {
        let buffers = Buffers::new(64 << 20);
        let mut one = buffers.take(2 << 20).await;
        one.add(b"first");
        let place = one.as_ref().as_ptr();
        drop(one.freeze());
        let again = buffers.take((2 << 20) - 5).await;
        assert_eq!((again.as_ref().as_ptr(), again.len()), (place, 0));
        // One that is much smaller does not take it.
        drop(again);
        assert_ne!(buffers.take(200 << 10).await.as_ref().as_ptr(), place);
    }

    #[tokio::test]
    async fn memory_is_given_back_after_a_burst() {
        let buffers = Buffers::new(1 << 30);
        let mut burst = Vec::new();
        for _ in 0..100 {
            burst.push(buffers.take(2 << 20).await);
        }
        drop(burst);
        assert!(buffers.shelf.0.lock().bytes <= KEPT_MAX);
        // The first tidying does not know yet what is needed, the second does.
        buffers.tidy();
        let used = buffers.take(2 << 20).await;
        drop(used);
        buffers.tidy();
        assert_eq!(buffers.shelf.0.lock().buffers.len(), 1);
        buffers.tidy();
        assert_eq!(buffers.shelf.0.lock().bytes, 0);
    }
}
