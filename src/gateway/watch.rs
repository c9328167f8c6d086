//! What is watched for being stuck: requests in flight, the writer of the store, the runtime, and
//! what should never end. `cli` looks, from a thread that needs nobody else to go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config;
use crate::id::RequestId;
use crate::stuck::{Change, Part, Patience, Seen, Turns, Watchdog};

use super::Gateway;

#[cfg(test)]
mod tests;

/// How often the runtime shows that it goes on.
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// What a watchdog is told, and what it makes of it.
#[derive(Debug)]
pub(super) struct Watch {
    watchdog: Mutex<Watchdog>,
    request_grace: Duration,
    beats: AtomicU64,
    in_flight: Mutex<InFlight>,
    /// What should never end, and has.
    ended: Mutex<Vec<&'static str>>,
    pub(super) is_disk_low: AtomicBool,
}

/// Requests in flight, by numbers of their own.
#[derive(Debug, Default)]
struct InFlight {
    next: u64,
    requests: BTreeMap<u64, Due>,
}

/// A request and when it should be over.
#[derive(Debug)]
struct Due {
    request: RequestId,
    by: Instant,
    is_known_late: bool,
}

/// Requests that should be over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Late {
    count: usize,
    /// Of those, how many were not late at the look before.
    new: u64,
    /// The one that came first.
    first: Option<RequestId>,
}

/// A request that is watched until this is dropped.
#[must_use]
pub(super) struct Watched<'a> {
    watch: &'a Watch,
    number: u64,
}

impl Watch {
    pub(super) fn new(bounds: config::Watchdog) -> Self {
        let patience = Patience { store_writer: bounds.store_writer, runtime: bounds.runtime };
        Self {
            watchdog: Mutex::new(Watchdog::new(patience)),
            request_grace: bounds.request_grace,
            beats: AtomicU64::new(0),
            in_flight: Mutex::default(),
            ended: Mutex::default(),
            is_disk_low: AtomicBool::new(false),
        }
    }

    /// Watches a request that has its own bound to be over by then. What is written to its client
    /// after that is not its work any more: `public.write_timeout` bounds it.
    pub(super) fn request(&self, request: &RequestId, by: Instant) -> Watched<'_> {
        let number = self.in_flight.lock().add(request.clone(), by);
        Watched { watch: self, number }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.watch.in_flight.lock().requests.remove(&self.number);
    }
}

impl InFlight {
    fn add(&mut self, request: RequestId, by: Instant) -> u64 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.requests.insert(number, Due { request, by, is_known_late: false });
        number
    }

    /// Those that should have been over this long ago.
    fn late(&mut self, now: Instant, grace: Duration) -> Late {
        let mut late = Late::default();
        for due in self.requests.values_mut() {
            if now.saturating_duration_since(due.by) <= grace {
                continue;
            }
            late.count = late.count.saturating_add(1);
            late.new = late.new.saturating_add(u64::from(!due.is_known_late));
            due.is_known_late = true;
            if late.first.is_none() {
                late.first = Some(due.request.clone());
            }
        }
        late
    }
}

impl Gateway {
    /// One look for what is stuck, told once when it begins and once when it ends. Whether the
    /// process goes on: its writer writes and its runtime runs.
    pub fn look_for_stuck(&self) -> bool {
        let late = self.watch.in_flight.lock().late(Instant::now(), self.watch.request_grace);
        let ended = self.watch.ended.lock().len();
        // Told to stop, it has a bound of its own, and little is left to do.
        let goes_on = !self.desk.is_stopping();
        let seen = Seen {
            tick_ms: self.clock.now().tick_ms,
            requests: late.count,
            writer: Turns {
                count: self.store.writer_turns(),
                // A database that is known to be away is no fault of whoever would write to it.
                is_owed: goes_on && self.store.queue_depth() > 0 && !self.store.is_away(),
            },
            runtime: Turns { count: self.watch.beats.load(Ordering::Relaxed), is_owed: goes_on },
            ended,
        };
        let mut watchdog = self.watch.watchdog.lock();
        let changes = watchdog.look(&seen);
        let is_stuck = |part| watchdog.is_stuck(part);
        let counts = [
            (Part::Requests, late.count),
            (Part::StoreWriter, usize::from(is_stuck(Part::StoreWriter))),
            (Part::Runtime, usize::from(is_stuck(Part::Runtime))),
            (Part::Background, ended),
        ];
        let is_sound = !(is_stuck(Part::StoreWriter) || is_stuck(Part::Runtime));
        drop(watchdog);
        let metrics = &self.telemetry.metrics().stuck;
        for (part, count) in counts {
            let shown = i64::try_from(count).unwrap_or(i64::MAX);
            metrics.now.with_label_values(&[part.name()]).set(shown);
        }
        metrics.found.with_label_values(&[Part::Requests.name()]).inc_by(late.new);
        for change in changes {
            self.tell_of_stuck(change, &late);
        }
        is_sound
    }

    fn tell_of_stuck(&self, change: Change, late: &Late) {
        let found = |part: Part| {
            self.telemetry.metrics().stuck.found.with_label_values(&[part.name()]).inc();
        };
        match change {
            Change::Began(Part::Requests) => {
                let request_id = late.first.as_ref().map(RequestId::as_str);
                tracing::warn!(
                    requests = late.count,
                    request_id,
                    "requests are in flight long past their deadlines"
                );
            }
            Change::Began(part @ Part::StoreWriter) => {
                found(part);
                let waiting = self.store.queue_depth();
                tracing::error!(waiting, "the writer of the store is stuck: it ends no batch");
            }
            Change::Began(part @ Part::Runtime) => {
                found(part);
                tracing::error!("the process is stuck: it does not get round to what is due");
            }
            // Told when it ended.
            Change::Began(Part::Background) => {}
            Change::Ended(part, after) => {
                let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                tracing::info!(part = part.name(), after_ms, "what was stuck goes on");
            }
        }
    }

    /// Why no traffic should come here, as far as something is stuck.
    pub fn stuck(&self) -> Option<String> {
        if let Some(name) = self.watch.ended.lock().first() {
            return Some(format!(
                "`{name}`, which should never end, has ended; restart the gateway"
            ));
        }
        let watchdog = self.watch.watchdog.lock();
        if watchdog.is_stuck(Part::StoreWriter) {
            return Some("the writer of the store is stuck; look at its disk or database".into());
        }
        let is_late = watchdog.is_stuck(Part::Runtime);
        is_late.then(|| "the process does not get round to what is due".to_owned())
    }

    /// Shows again and again that the runtime goes on.
    pub async fn beat(self: Arc<Self>) {
        loop {
            tokio::time::sleep(BEAT_EVERY).await;
            self.watch.beats.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What should never end has; nothing is said of it once the process is told to stop.
    pub fn has_ended(&self, name: &'static str, has_panicked: bool) {
        if self.desk.is_stopping() {
            return;
        }
        let found = &self.telemetry.metrics().stuck.found;
        found.with_label_values(&[Part::Background.name()]).inc();
        tracing::error!(task = name, has_panicked, "what should never end has ended");
        self.watch.ended.lock().push(name);
    }
}
