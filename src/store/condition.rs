//! How the store is, as anyone may ask at any time: nothing here waits.

use super::desk::Desk;
use super::{QUEUE_MAX, Store};

impl Store {
    /// Whether other processes may serve this store too.
    pub const fn is_shared(&self) -> bool {
        matches!(self.desk, Desk::Postgres(_))
    }

    /// How many holds are open.
    pub fn open_holds(&self) -> usize {
        self.shared.open_holds()
    }

    /// How many jobs have not ended.
    pub fn open_jobs_count(&self) -> usize {
        self.shared.open_jobs()
    }

    /// How many asks wait for the writer.
    pub fn queue_depth(&self) -> usize {
        QUEUE_MAX.saturating_sub(self.places.available_permits())
    }

    /// How often the writer came to the end of a batch, or of one more try at it. While something
    /// waits for it, a number that stands still is a writer that does.
    pub fn writer_turns(&self) -> u64 {
        self.shared.turns()
    }

    /// Whether a commit failed: then nothing is accepted until a restart.
    pub fn poisoned(&self) -> bool {
        self.shared.poisoned()
    }

    /// Whether the disk is full: then nothing new begins until there is room again.
    pub fn is_full(&self) -> bool {
        self.shared.is_full()
    }

    /// Whether a shared store cannot be reached. It is tried again all the time.
    pub fn is_away(&self) -> bool {
        self.shared.is_away()
    }
}
