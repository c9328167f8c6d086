//! The windows of every subject that was asked for lately, in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::{Mutex, MutexGuard};

use crate::canonical::Standing;
use crate::clock::Now;
use crate::limit::{self, Place, Verdict, Windows};

use super::Ask;

/// Subjects that are remembered before idle ones are looked for.
const SUBJECTS_REMEMBERED: usize = 100_000;

/// One subject's windows, for whoever holds on to them.
pub(super) type Seat = Arc<Mutex<Windows>>;

/// Everything that is counted here.
#[derive(Debug)]
pub(super) struct Memory {
    subjects: DashMap<String, Seat>,
    /// How many subjects there are when idle ones are looked for next.
    sweep_at: AtomicUsize,
}

impl Memory {
    /// Counts a request for every subject, or for none.
    pub(super) fn admit(&self, ask: &Ask, now: Now) -> (Vec<Seat>, Verdict) {
        self.forget_idle(now);
        let seats = self.seats(ask);
        let mut locked = locked(ask, &seats);
        let mut places: Vec<Place<'_>> = locked
            .iter_mut()
            .zip(&ask.places)
            .map(|(windows, (_, bounds))| Place { windows, bounds })
            .collect();
        let verdict = limit::admit(&mut places, ask.weight, now);
        drop(places);
        drop(locked);
        (seats, verdict)
    }

    pub(super) fn standings(&self, ask: &Ask, now: Now) -> Vec<Standing> {
        let real = ask.places.iter().filter(|(_, bounds)| !bounds.shadow);
        let of = |(subject, bounds): &(String, Arc<limit::Bounds>)| {
            // The seat is taken out first: no two locks are held at once.
            let seat = self.subjects.get(subject).map(|seat| Arc::clone(&seat));
            match seat {
                Some(seat) => seat.lock().standings(&bounds.limits, now),
                None => Windows::default().standings(&bounds.limits, now),
            }
        };
        real.flat_map(of).collect()
    }

    /// Counts what was admitted before.
    pub(super) fn remember(&self, ask: &Ask, tick_ms: u64) -> Vec<Seat> {
        let seats = self.seats(ask);
        for (seat, (_, bounds)) in seats.iter().zip(&ask.places) {
            seat.lock().remember(&bounds.limits, tick_ms, ask.weight);
        }
        seats
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.subjects.len()
    }

    fn seats(&self, ask: &Ask) -> Vec<Seat> {
        let seat = |subject: &String| {
            if let Some(seat) = self.subjects.get(subject) {
                return Arc::clone(&seat);
            }
            Arc::clone(&self.subjects.entry(subject.clone()).or_default())
        };
        ask.places.iter().map(|(subject, _)| seat(subject)).collect()
    }

    /// Looked for again only when there are twice as many as were busy: each look visits them all.
    fn forget_idle(&self, now: Now) {
        if self.subjects.len() < self.sweep_at.load(Ordering::Relaxed) {
            return;
        }
        self.sweep_at.store(usize::MAX, Ordering::Relaxed);
        // A seat that someone holds on to is not idle, whatever it counts.
        self.subjects.retain(|_, seat| Arc::strong_count(seat) > 1 || !seat.lock().is_idle(now));
        let next = self.subjects.len().saturating_mul(2).max(SUBJECTS_REMEMBERED);
        self.sweep_at.store(next, Ordering::Relaxed);
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self { subjects: DashMap::new(), sweep_at: AtomicUsize::new(SUBJECTS_REMEMBERED) }
    }
}

/// Every seat's windows, in the order of the places. They are locked in the order of their names, so
/// that two requests that share some never wait for each other.
fn locked<'a>(ask: &Ask, seats: &'a [Seat]) -> Vec<MutexGuard<'a, Windows>> {
    if let [seat] = seats {
        return vec![seat.lock()];
    }
    let mut named: Vec<(usize, &str, &'a Seat)> = Vec::with_capacity(seats.len());
    for (number, ((subject, _), seat)) in ask.places.iter().zip(seats).enumerate() {
        named.push((number, subject, seat));
    }
    named.sort_by_key(|(_, subject, _)| *subject);
    let mut locked: Vec<_> =
        named.into_iter().map(|(number, _, seat)| (number, seat.lock())).collect();
    locked.sort_by_key(|(number, _)| *number);
    locked.into_iter().map(|(_, windows)| windows).collect()
}
