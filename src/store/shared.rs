//! What the writer and everyone else see at once: the keys, a few gauges, whether it is poisoned.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::auth::KeyRing;
use crate::id::KeyId;

use super::error::StoreError;

pub(super) struct Shared {
    keys: ArcSwap<KeyRing>,
    open_holds: AtomicUsize,
    open_jobs: AtomicUsize,
    poisoned: AtomicBool,
    kept_bytes: AtomicI64,
    dropped: AtomicU64,
    /// Last uses that are not written yet; as many as there are keys, at most.
    touched: Mutex<HashMap<KeyId, i64>>,
}

impl Shared {
    pub(super) fn new(keys: KeyRing) -> Self {
        Self {
            keys: ArcSwap::from_pointee(keys),
            open_holds: AtomicUsize::new(0),
            open_jobs: AtomicUsize::new(0),
            poisoned: AtomicBool::new(false),
            kept_bytes: AtomicI64::new(0),
            dropped: AtomicU64::new(0),
            touched: Mutex::new(HashMap::new()),
        }
    }

    pub(super) fn keys(&self) -> Arc<KeyRing> {
        self.keys.load_full()
    }

    pub(super) fn set_keys(&self, keys: KeyRing) {
        self.keys.store(Arc::new(keys));
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

    pub(super) fn poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    pub(super) fn poison(&self, error: &StoreError) {
        self.poisoned.store(true, Ordering::Release);
        let source = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%error, source, "the store is poisoned: nothing is accepted until a restart");
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
