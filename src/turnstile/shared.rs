//! Windows and leases that several nodes share, in Redis or Valkey.
//!
//! A request is one call for all its subjects, by the server's clock, within a deadline. What the
//! server says is what `limit` would say: the scripts are the same rules, and a property plays the
//! same histories into both. All keys have one hash tag, so that a cluster would keep them on one
//! shard; the client asks one server and follows no redirections.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};
use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::timeout;

use crate::config::Redis;
use crate::id::random_text;
use crate::limit::{CONCURRENCY, Denial, DenialReason, Met, Weight};

use super::Ask;

mod keeper;
mod script;
#[cfg(test)]
mod tests;

use script::{Said, Scripts, leases_key, windows_key};

/// A lease ends by itself so long after the last word of the node that holds it.
pub(super) const LEASE_MS: u64 = 30_000;

/// Corrections that wait for the server; more are let go, which only counts too much.
const LETTERS_MAX: usize = 16_384;

/// Admissions that the server is still to be told of; more are let go, and the server counts too
/// little unless it forgets: then it is told from memory.
const OWED_MAX: usize = 16_384;

/// An admission that the server is still to be told of.
struct Owed {
    number: u64,
    ask: Ask,
    /// When it was.
    tick_ms: u64,
}

/// A server that all nodes ask.
pub(super) struct Shared {
    client: redis::Client,
    scripts: Scripts,
    settings: Redis,
    link: RwLock<Option<Link>>,
    places: Semaphore,
    is_lost: Notify,
    is_up: watch::Sender<bool>,
    letters: mpsc::Sender<Letter>,
    inbox: Mutex<Option<mpsc::Receiver<Letter>>>,
    /// The leases that are held, by name, each with its subject.
    held: DashMap<String, String>,
    /// What was admitted while the server could not be asked: who, when and how heavy.
    owed: Mutex<Vec<Owed>>,
    owed_number: AtomicU64,
    lease_prefix: String,
    lease_number: AtomicU64,
    pub(super) let_go: AtomicU64,
}

/// A connection that is known to be good, and the era that it is in.
#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    era: Arc<str>,
    number: u64,
}

/// Something to tell the server that nobody waits for.
enum Letter {
    /// A lease is over.
    Finish(Remote),
    /// It never was.
    TakeBack(Remote, Weight),
    /// It was so much less.
    Less(Remote, Weight),
}

/// What the server counted.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    windows: Arc<[String]>,
    leases: Arc<[String]>,
    lease: Arc<str>,
    time_ms: u64,
}

/// What the server said to a request.
pub(super) enum Verdict {
    Passed { remote: Remote, counted: u64, standings: Vec<(u64, u64)>, over: Vec<Met> },
    Denied(Denial),
}

/// The server cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

impl Shared {
    /// One that was not asked yet. An error is an address that cannot be read.
    pub(super) fn new(settings: Redis, address: &str) -> Result<Self, redis::RedisError> {
        Self::with_clock(settings, address, script::SERVER_CLOCK)
    }

    fn with_clock(settings: Redis, address: &str, clock: &str) -> Result<Self, redis::RedisError> {
        let (letters, inbox) = mpsc::channel(LETTERS_MAX);
        Ok(Self {
            client: redis::Client::open(address)?,
            scripts: Scripts::new(clock),
            places: Semaphore::new(settings.in_flight_max),
            settings,
            link: RwLock::new(None),
            is_lost: Notify::new(),
            is_up: watch::Sender::new(false),
            letters,
            inbox: Mutex::new(Some(inbox)),
            held: DashMap::new(),
            owed: Mutex::default(),
            owed_number: AtomicU64::new(0),
            lease_prefix: random_text(12),
            lease_number: AtomicU64::new(0),
            let_go: AtomicU64::new(0),
        })
    }

    /// Counts a request for every subject, or for none.
    pub(super) async fn admit(&self, ask: &Ask) -> Result<Verdict, Lost> {
        let _place = self.places.try_acquire().map_err(|_| Lost)?;
        let mut link = self.link.read().clone().ok_or(Lost)?;
        let number = self.lease_number.fetch_add(1, Ordering::Relaxed);
        let lease: Arc<str> = format!("{}-{number}", self.lease_prefix).into();
        let call = self.scripts.admit(&link.era, ask, (&lease, LEASE_MS));
        let asking = call.invoke_async::<Vec<i64>>(&mut link.connection);
        let reply = match timeout(self.settings.deadline, asking).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => return Err(self.cut(&link, &error)),
            Err(late) => return Err(self.cut(&link, &late)),
        };
        match Said::read(&reply) {
            Some(Said::NoEra) => Err(self.cut(&link, &"its windows are gone")),
            None => Err(self.cut(&link, &"it said something unknown")),
            Some(Said::Passed { time_ms, over, standings }) => {
                let remote = self.remote(ask, &link.era, (lease, time_ms), &over);
                let all = u64::MAX;
                let counted = over.iter().fold(all, |all, place| all & !crate::limit::bit(*place));
                let over = over.iter().filter_map(|place| shadow(ask, *place)).collect();
                Ok(Verdict::Passed { remote, counted, standings, over })
            }
            Some(Said::Denied { reason, place, wait_ms, standings }) => {
                let denial = denial(ask, (reason, place, wait_ms), &standings);
                denial.map(Verdict::Denied).ok_or_else(|| self.cut(&link, &"it refused in error"))
            }
        }
    }

    fn remote(
        &self,
        ask: &Ask,
        era: &str,
        (lease, time_ms): (Arc<str>, u64),
        over: &[usize],
    ) -> Remote {
        let places = ask.places.iter().enumerate().filter(|(place, _)| !over.contains(place));
        let windows = places.map(|(_, (subject, _))| windows_key(era, subject)).collect();
        let bounded = ask
            .places
            .iter()
            .filter(|(_, bounds)| bounds.leases && bounds.concurrency_max.is_some());
        for (subject, _) in bounded.clone() {
            self.held.insert(lease.to_string(), subject.clone());
        }
        let leases = bounded.map(|(subject, _)| leases_key(era, subject)).collect();
        Remote { windows, leases, lease, time_ms }
    }

    /// The server cannot be asked: nobody asks it until the keeper has found it again.
    fn cut(&self, link: &Link, why: &dyn fmt::Display) -> Lost {
        let mut known = self.link.write();
        if known.as_ref().is_some_and(|known| known.number == link.number) {
            *known = None;
            self.is_up.send_replace(false);
            tracing::warn!(%why, "the shared windows cannot be asked");
            self.is_lost.notify_one();
        }
        Lost
    }

    /// Whether it can be asked.
    pub(super) fn is_up(&self) -> bool {
        *self.is_up.borrow()
    }

    /// Waits until it can be.
    pub(super) async fn up(&self) {
        // The sender lives as long as this does.
        drop(self.is_up.subscribe().wait_for(|is_up| *is_up).await);
    }

    /// Something was admitted without it. The number by which that is owed.
    pub(super) fn owe(&self, ask: &Ask, tick_ms: u64) -> u64 {
        let number = self.owed_number.fetch_add(1, Ordering::Relaxed);
        self.owe_all([Owed { number, ask: ask.clone(), tick_ms }]);
        number
    }

    /// What is owed by this number never was. If it is just being told, it counts too much for a window.
    pub(super) fn owe_nothing(&self, number: u64) {
        self.owed.lock().retain(|owed| owed.number != number);
    }

    /// What is owed by this number was so much less.
    pub(super) fn owe_less(&self, number: u64, nanos: u64) {
        if let Some(owed) = self.owed.lock().iter_mut().find(|owed| owed.number == number) {
            owed.ask.weight.nanos = owed.ask.weight.nanos.saturating_sub(nanos);
        }
    }

    fn owe_all(&self, admitted: impl IntoIterator<Item = Owed>) {
        let mut owed = self.owed.lock();
        for one in admitted {
            if owed.len() < OWED_MAX {
                owed.push(one);
            } else {
                self.let_go.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn finish(&self, remote: &Remote) {
        self.held.remove(&*remote.lease);
        if !remote.leases.is_empty() {
            self.post(Letter::Finish(remote.clone()));
        }
    }

    pub(super) fn take_back(&self, remote: &Remote, weight: Weight) {
        self.held.remove(&*remote.lease);
        self.post(Letter::TakeBack(remote.clone(), weight));
    }

    pub(super) fn give_back(&self, remote: &Remote, nanos: u64) {
        self.post(Letter::Less(remote.clone(), Weight { nanos, ..Weight::default() }));
    }

    fn post(&self, letter: Letter) {
        if self.letters.try_send(letter).is_err() {
            self.let_go.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("is_up", &self.is_up()).finish_non_exhaustive()
    }
}

/// The one limit of a shadow.
fn shadow(ask: &Ask, place: usize) -> Option<Met> {
    let limit = ask.places.get(place)?.1.limits.first()?;
    Some(Met { limit: limit.name.clone(), of: limit.of })
}

fn denial(
    ask: &Ask,
    (reason, (place, limit), wait_ms): (i64, (usize, usize), u64),
    standings: &[(u64, u64)],
) -> Option<Denial> {
    let bounds = &ask.places.get(place)?.1;
    let limit = || bounds.limits.get(limit);
    let wait = std::time::Duration::from_millis(wait_ms);
    let named = |name: &str| Met { limit: name.to_owned(), of: bounds.of };
    let (met, reason, retry_after) = match reason {
        1 => (named(&limit()?.name), DenialReason::Window, Some(wait)),
        2 => (named(CONCURRENCY), DenialReason::Concurrency, None),
        3 => (named(&limit()?.name), DenialReason::TooHeavy(limit()?.unit), None),
        _ => return None,
    };
    let mut standings = super::told(ask, standings);
    for standing in &mut standings {
        standing.is_met = standing.limit == met.limit;
    }
    Some(Denial { met, reason, retry_after, standings })
}
