//! What the writer and everyone else see at once: the keys, a few gauges, whether it is poisoned.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::auth::KeyRing;
use crate::id::KeyId;

use super::error::StoreError;

pub(super) struct Shared {
    keys: ArcSwap<KeyRing>,
    /// The registry's number that the keys are of; only several nodes number it.
    keys_version: Mutex<i64>,
    /// Processes that serve this store, this one included.
    living: ArcSwap<Vec<i64>>,
    /// What the store's clock is ahead of ours, in milliseconds.
    ahead_ms: AtomicI64,
    open_holds: AtomicUsize,
    open_jobs: AtomicUsize,
    poisoned: AtomicBool,
    away: AtomicBool,
    full: AtomicBool,
    kept_bytes: AtomicI64,
    dropped: AtomicU64,
    /// How often the writer came to the end of something: of a batch, or of one more try.
    turns: AtomicU64,
    /// Last uses that are not written yet; as many as there are keys, at most.
    touched: Mutex<HashMap<KeyId, i64>>,
    /// There may be something to tell of budgets.
    pub(super) alerted: Notify,
}

impl Shared {
    pub(super) fn new(keys: KeyRing) -> Self {
        Self {
            keys: ArcSwap::from_pointee(keys),
            keys_version: Mutex::new(0),
            living: ArcSwap::default(),
            ahead_ms: AtomicI64::new(0),
            open_holds: AtomicUsize::new(0),
            open_jobs: AtomicUsize::new(0),
            poisoned: AtomicBool::new(false),
            away: AtomicBool::new(false),
            full: AtomicBool::new(false),
            kept_bytes: AtomicI64::new(0),
            dropped: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            touched: Mutex::new(HashMap::new()),
            alerted: Notify::new(),
        }
    }

    pub(super) fn keys(&self) -> Arc<KeyRing> {
        self.keys.load_full()
    }

    pub(super) fn set_keys(&self, keys: KeyRing) {
        self.keys.store(Arc::new(keys));
    }

    /// The keys as they were with this number of the registry; what is older is let go.
    pub(super) fn set_keys_of(&self, keys: KeyRing, version: i64) {
        let mut known = self.keys_version.lock();
        if version >= *known {
            *known = version;
            self.set_keys(keys);
        }
    }

    pub(super) fn living(&self) -> Arc<Vec<i64>> {
        self.living.load_full()
    }

    pub(super) fn set_living(&self, runs: Vec<i64>) {
        self.living.store(Arc::new(runs));
    }

    /// What the store's clock is ahead of ours, in milliseconds; nothing within a second.
    pub(super) fn ahead_ms(&self) -> i64 {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        if ahead_ms.abs() < 1_000 { 0 } else { ahead_ms }
    }

    pub(super) fn set_ahead_ms(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    pub(super) fn open_holds(&self) -> usize {
        self.open_holds.load(Ordering::Relaxed)
    }

    pub(super) fn set_open_holds(&self, count: usize) {
        self.open_holds.store(count, Ordering::Relaxed);
    }

    pub(super) fn open_jobs(&self) -> usize {
        self.open_jobs.load(Ordering::Relaxed)
    }

    pub(super) fn set_open_jobs(&self, count: usize) {
        self.open_jobs.store(count, Ordering::Relaxed);
    }

    pub(super) fn kept_bytes(&self) -> i64 {
        self.kept_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_kept_bytes(&self, bytes: i64) {
        self.kept_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_dropped(&self, answers: u64) {
        self.dropped.fetch_add(answers, Ordering::Relaxed);
    }

    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    pub(super) fn add_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    pub(super) fn poison(&self, error: &StoreError) {
        self.poisoned.store(true, Ordering::Release);
        let source = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%error, source, "the store is poisoned: nothing is accepted until a restart");
    }

    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    pub(super) fn set_full(&self, is_full: bool) {
        self.full.store(is_full, Ordering::Release);
    }

    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Acquire)
    }

    pub(super) fn set_away(&self, is_away: bool) {
        self.away.store(is_away, Ordering::Release);
    }

    pub(super) fn touch(&self, key: &KeyId, at_ms: i64) {
        let mut touched = self.touched.lock();
        if let Some(last) = touched.get_mut(key) {
            *last = at_ms;
        } else {
            touched.insert(key.clone(), at_ms);
        }
    }

    pub(super) fn take_touched(&self) -> Vec<(KeyId, i64)> {
        mem::take(&mut *self.touched.lock()).into_iter().collect()
    }
}
