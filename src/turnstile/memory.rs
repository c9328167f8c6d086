//! The windows of every subject that was asked for lately, in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use parking_lot::{Mutex, MutexGuard};

use crate::canonical::Standing;
use crate::clock::Now;
use crate::limit::{self, Bounds, Place, Ticket, Unit, Verdict, Weight, Windows};

use super::Ask;

/// Subjects that are remembered before idle ones are looked for.
const SUBJECTS_REMEMBERED: usize = 100_000;

/// One subject's windows, for whoever holds on to them.
pub(super) type Seat = Arc<Mutex<Windows>>;

/// What is remembered of one subject, each thing with how many milliseconds ago.
#[derive(Debug)]
pub(super) struct Remembered {
    /// What bound it last.
    pub(super) bounds: Arc<Bounds>,
    /// Each admission: when, and its images.
    pub(super) stamps: Vec<(u64, u32)>,
    /// What counters hold: unit, window, when, how much.
    pub(super) counts: Vec<(Unit, u64, u64, u64)>,
}

impl Remembered {
    /// A single admission.
    pub(super) fn one(bounds: &Arc<Bounds>, weight: Weight, ago_ms: u64) -> Self {
        let counted = bounds.limits.iter().filter(|limit| !limit.is_exact());
        let count =
            |limit: &limit::Limit| (limit.unit, limit.window_ms(), ago_ms, limit.unit.of(weight));
        Self {
            bounds: Arc::clone(bounds),
            stamps: vec![(ago_ms, weight.images.max(1))],
            counts: counted.map(count).collect(),
        }
    }
}

/// Everything that is counted here.
#[derive(Debug)]
pub(super) struct Memory {
    subjects: DashMap<String, (Seat, Arc<Bounds>)>,
    /// How many subjects there are when idle ones are looked for next.
    sweep_at: AtomicUsize,
}

impl Memory {
    /// Counts a request for every subject, or for none; of several nodes, within this one's share.
    pub(super) fn admit(&self, ask: &Ask, nodes: u32, now: Now) -> (Vec<Seat>, Verdict) {
        self.forget_idle(now);
        let seats = self.seats(ask);
        let shares: Vec<Bounds> = match nodes {
            0 | 1 => Vec::new(),
            nodes => ask.places.iter().map(|(_, bounds)| bounds.share(nodes)).collect(),
        };
        let mut locked = locked(ask, &seats);
        let mut places: Vec<Place<'_>> = locked
            .iter_mut()
            .zip(&ask.places)
            .enumerate()
            .map(|(place, (windows, (_, bounds)))| Place {
                windows,
                bounds: shares.get(place).unwrap_or(bounds),
            })
            .collect();
        let verdict = limit::admit(&mut places, ask.weight, now);
        drop(places);
        drop(locked);
        (seats, verdict)
    }

    pub(super) fn standings(&self, ask: &Ask, now: Now) -> Vec<Standing> {
        let real = ask.places.iter().filter(|(_, bounds)| !bounds.shadow);
        let of = |(subject, bounds): &(String, Arc<Bounds>)| {
            // The seat is taken out first: no two locks are held at once.
            let seat = self.subjects.get(subject).map(|known| Arc::clone(&known.0));
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

    /// Counts what another counter has let pass, leases and all.
    pub(super) fn follow(&self, ask: &Ask, ticket: &Ticket) -> Vec<Seat> {
        let seats = self.seats(ask);
        let places = seats.iter().zip(&ask.places).enumerate();
        for (_, (seat, (_, bounds))) in places.filter(|(number, _)| ticket.counts(*number)) {
            let mut windows = seat.lock();
            windows.remember(&bounds.limits, ticket.tick_ms, ask.weight);
            if bounds.leases {
                windows.lease(ticket.tick_ms);
            }
        }
        seats
    }

    /// Every subject that is not idle.
    pub(super) fn subjects(&self, now: Now) -> Vec<String> {
        let busy = self.subjects.iter().filter(|known| !known.0.lock().is_idle(now));
        busy.map(|known| known.key().clone()).collect()
    }

    /// All that is remembered of a subject.
    pub(super) fn remembered(&self, subject: &str, now: Now) -> Option<Remembered> {
        let (seat, bounds) = self.subjects.get(subject).map(|known| known.value().clone())?;
        let windows = seat.lock();
        let ago_ms = |tick_ms: u64| now.tick_ms.saturating_sub(tick_ms);
        let stamps = windows.stamps().map(|(tick_ms, images)| (ago_ms(tick_ms), images));
        let counts = windows
            .counts()
            .map(|(unit, window_ms, tick_ms, amount)| (unit, window_ms, ago_ms(tick_ms), amount));
        Some(Remembered { bounds, stamps: stamps.collect(), counts: counts.collect() })
    }

    fn seats(&self, ask: &Ask) -> Vec<Seat> {
        ask.places.iter().map(|(subject, bounds)| self.seat(subject, bounds)).collect()
    }

    fn seat(&self, subject: &str, bounds: &Arc<Bounds>) -> Seat {
        if let Some(known) = self.subjects.get(subject)
            && Arc::ptr_eq(&known.1, bounds)
        {
            return Arc::clone(&known.0);
        }
        let entry = self.subjects.entry(subject.to_owned());
        let mut known = entry.or_insert_with(|| (Seat::default(), Arc::clone(bounds)));
        known.1 = Arc::clone(bounds);
        Arc::clone(&known.0)
    }

    /// Looked for again only when there are twice as many as were busy: each look visits them all.
    fn forget_idle(&self, now: Now) {
        if self.subjects.len() < self.sweep_at.load(Ordering::Relaxed) {
            return;
        }
        self.sweep_at.store(usize::MAX, Ordering::Relaxed);
        // A seat that someone holds on to is not idle, whatever it counts.
        self.subjects
            .retain(|_, (seat, _)| Arc::strong_count(seat) > 1 || !seat.lock().is_idle(now));
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
