//! Whether something is stuck: what a watchdog sees, look by look, and what follows from it.
//!
//! Nothing is taken for stuck because a clock moved on: only time that was watched counts. A machine
//! that slept, or a process that was stopped and goes on, finds everything as it left it.

use std::time::Duration;

#[cfg(test)]
mod tests;

/// A look that comes so late after the one before says nothing: the watchdog itself stood still.
const LOOKS_APART_MAX_MS: u64 = 3_000;

/// What can be stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Requests in flight, long past their own deadlines.
    Requests,
    /// The thread that writes the books: something waits for it, and it comes to no end.
    StoreWriter,
    /// What runs every task: it does not get round to them.
    Runtime,
    /// What is done for as long as the process lives, and has ended.
    Background,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Requests, Self::StoreWriter, Self::Runtime, Self::Background];

    /// Its name as a label and in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::StoreWriter => "store_writer",
            Self::Runtime => "runtime",
            Self::Background => "background",
        }
    }

    const fn place(self) -> usize {
        match self {
            Self::Requests => 0,
            Self::StoreWriter => 1,
            Self::Runtime => 2,
            Self::Background => 3,
        }
    }
}

/// How long what has something to do may come to no end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the writer of the store.
    pub store_writer: Duration,
    /// For the runtime.
    pub runtime: Duration,
}

/// What something had come to at a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// How often it came to an end of something.
    pub count: u64,
    /// Whether there is something for it to do.
    pub is_owed: bool,
}

/// What one look saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When it was, in milliseconds on a clock that never goes back.
    pub tick_ms: u64,
    /// Requests that are longer in flight than they may be.
    pub requests: usize,
    /// The writer of the store.
    pub writer: Turns,
    /// The runtime.
    pub runtime: Turns,
    /// Tasks that ended and never should.
    pub ended: usize,
}

/// What became of something between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is stuck from here on.
    Began(Part),
    /// It is not any more, after this long.
    Ended(Part, Duration),
}

/// What a watchdog remembers from look to look.
#[derive(Debug)]
pub struct Watchdog {
    patience: Patience,
    looked_ms: Option<u64>,
    writer: Still,
    runtime: Still,
    /// When each was found stuck, where it is.
    since_ms: [Option<u64>; Part::ALL.len()],
}

/// For how long something has been owed a turn that did not come, as far as it was watched.
#[derive(Debug, Default)]
struct Still {
    count: u64,
    watched_ms: u64,
}

impl Watchdog {
    /// One that has not looked yet.
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            looked_ms: None,
            writer: Still::default(),
            runtime: Still::default(),
            since_ms: [None; Part::ALL.len()],
        }
    }

    /// Takes note of one look; what began or ended with it.
    pub fn look(&mut self, seen: &Seen) -> Vec<Change> {
        let apart_ms = self.looked_ms.map_or(0, |looked| seen.tick_ms.saturating_sub(looked));
        self.looked_ms = Some(seen.tick_ms);
        let watched_ms = if apart_ms > LOOKS_APART_MAX_MS { 0 } else { apart_ms };
        let writer = self.writer.see(seen.writer, watched_ms, self.patience.store_writer);
        let runtime = self.runtime.see(seen.runtime, watched_ms, self.patience.runtime);
        let found = Part::ALL.map(|part| match part {
            Part::Requests => seen.requests > 0,
            Part::StoreWriter => writer,
            Part::Runtime => runtime,
            Part::Background => seen.ended > 0,
        });
        let both = Part::ALL.into_iter().zip(found);
        both.filter_map(|(part, is_found)| self.turn(part, is_found, seen.tick_ms)).collect()
    }

    /// Whether it was stuck at the last look.
    pub fn is_stuck(&self, part: Part) -> bool {
        self.since_ms.get(part.place()).is_some_and(Option::is_some)
    }

    fn turn(&mut self, part: Part, is_found: bool, tick_ms: u64) -> Option<Change> {
        let since_ms = self.since_ms.get_mut(part.place())?;
        match (*since_ms, is_found) {
            (None, true) => {
                *since_ms = Some(tick_ms);
                Some(Change::Began(part))
            }
            (Some(began_ms), false) => {
                *since_ms = None;
                let lasted_ms = tick_ms.saturating_sub(began_ms);
                Some(Change::Ended(part, Duration::from_millis(lasted_ms)))
            }
            (None, false) | (Some(_), true) => None,
        }
    }
}

impl Still {
    /// Whether it has stood still for longer than it may.
    fn see(&mut self, turns: Turns, watched_ms: u64, most: Duration) -> bool {
        if turns.is_owed && turns.count == self.count {
            self.watched_ms = self.watched_ms.saturating_add(watched_ms);
        } else {
            *self = Self { count: turns.count, watched_ms: 0 };
        }
        u128::from(self.watched_ms) > most.as_millis()
    }
}
