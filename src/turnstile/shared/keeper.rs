//! Finds the server, tells it what it may have forgotten, and keeps leases alive.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};
use tokio::time::{Instant, sleep, sleep_until};

use crate::clock::Clock;
use crate::id::random_text;
use crate::limit::Weight;

use super::super::memory::{Memory, Remembered};
use super::script::{leases_key, windows_key};
use super::{LEASE_MS, Letter, Link, Owed, Remote, Shared};

/// How long to wait before a server that was not there is looked for again.
const RETRY: Duration = Duration::from_millis(200);

/// How long a server may take to be found, and to answer what nobody waits for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often leases are said to be held, what is owed is told, and the server is asked whether it is
/// there.
const BEAT: Duration = Duration::from_secs(1);

/// A new era begins after this, in which every node that beats finds out and tells what it knows.
const QUIET: Duration = Duration::from_secs(2);

/// Calls of the keeper that wait for an answer at once.
const AT_ONCE: usize = 64;

/// Leases in one call.
const LEASES_PER_CALL: usize = 256;

impl Shared {
    /// Keeps the link for as long as the process lives.
    pub(in super::super) async fn keep(&self, memory: &Memory, clock: &dyn Clock) {
        let Some(mut inbox) = self.inbox.lock().take() else {
            return; // Someone else keeps it.
        };
        let (mut era_before, mut number) = (None::<String>, 0_u64);
        loop {
            let (connection, era, is_new) =
                self.find_at_last(memory, clock, era_before.as_deref()).await;
            number = number.wrapping_add(1);
            era_before = Some(era.to_string());
            let link = Link { connection, era, number };
            *self.link.write() = Some(link.clone());
            self.is_up.send_replace(true);
            tracing::info!(era = &*link.era, "the shared windows are there");
            self.serve(&link, is_new, &mut inbox, clock).await;
        }
    }

    /// Looks for the server until it is there.
    async fn find_at_last(
        &self,
        memory: &Memory,
        clock: &dyn Clock,
        era_before: Option<&str>,
    ) -> (MultiplexedConnection, Arc<str>, bool) {
        let (mut is_told, mut owes_all) = (false, false);
        loop {
            match self.find(memory, clock, era_before, &mut owes_all).await {
                Ok(found) => return found,
                Err(_) if is_told => {}
                Err(error) => {
                    is_told = true;
                    tracing::error!(%error, "the shared windows are not there");
                }
            }
            sleep(RETRY).await;
        }
    }

    /// Beats and posts letters until the link is cut.
    async fn serve(
        &self,
        link: &Link,
        is_new_era: bool,
        inbox: &mut tokio::sync::mpsc::Receiver<Letter>,
        clock: &dyn Clock,
    ) {
        let (mut beat_at, mut are_gone) = (Instant::now(), is_new_era);
        let mut letters = Vec::new();
        while self.link.read().as_ref().is_some_and(|known| known.number == link.number) {
            tokio::select! {
                () = self.is_lost.notified() => {}
                () = sleep_until(beat_at) => {
                    beat_at = Instant::now() + BEAT;
                    let are_gone = std::mem::take(&mut are_gone);
                    if let Err(error) = self.beat(link, are_gone, clock).await {
                        self.cut(link, &error);
                    }
                }
                _ = inbox.recv_many(&mut letters, AT_ONCE) => {
                    let posted = stream::iter(letters.drain(..));
                    posted.for_each_concurrent(AT_ONCE, |letter| self.deliver(link, letter)).await;
                }
            }
        }
    }

    /// Finds out whether the era is still the same, says which leases are held, and pays what is
    /// owed: what passed just before the link was there, and what found no place among those that ask.
    async fn beat(&self, link: &Link, are_gone: bool, clock: &dyn Clock) -> Result<(), RedisError> {
        let mut connection = link.connection.clone();
        let era: Option<String> =
            redis::cmd("GET").arg(super::script::ERA_KEY).query_async(&mut connection).await?;
        if !era.is_some_and(|era| era.starts_with(&*link.era)) {
            self.cut(link, &"its windows are gone");
            return Ok(());
        }
        let held: Vec<(String, String)> = self
            .held
            .iter()
            .map(|held| (leases_key(&link.era, held.value()), held.key().clone()))
            .collect();
        for leases in held.chunks(LEASES_PER_CALL) {
            let call = self.scripts.beat(leases, LEASE_MS, are_gone);
            call.invoke_async::<i64>(&mut connection).await?;
        }
        self.pay(&link.connection, &link.era, clock).await
    }

    /// Tells one thing. What cannot be told is let go: then the server counts too much, never too little.
    pub(super) async fn deliver(&self, link: &Link, letter: Letter) {
        let mut connection = link.connection.clone();
        let told = match letter {
            Letter::Finish(remote) => finish(&mut connection, &remote).await,
            Letter::TakeBack(remote, weight) => {
                let amended = self.amend(&mut connection, &remote, (weight, true)).await;
                amended.and(finish(&mut connection, &remote).await)
            }
            Letter::Less(remote, weight) => {
                self.amend(&mut connection, &remote, (weight, false)).await
            }
        };
        if let Err(error) = told {
            self.let_go.fetch_add(1, Ordering::Relaxed);
            self.cut(link, &error);
        }
    }

    async fn amend(
        &self,
        connection: &mut MultiplexedConnection,
        remote: &Remote,
        less: (Weight, bool),
    ) -> Result<(), RedisError> {
        let call = self.scripts.amend(&remote.windows, remote.time_ms, less);
        call.invoke_async::<i64>(connection).await.map(|_| ())
    }

    /// A server that answers, the era that it is in, and whether that is another than before. It `owes_all` from when an
    /// era is found that has to be told everything until it was, however often that is tried: it is new only once.
    pub(super) async fn find(
        &self,
        memory: &Memory,
        clock: &dyn Clock,
        era_before: Option<&str>,
        owes_all: &mut bool,
    ) -> Result<(MultiplexedConnection, Arc<str>, bool), RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let mut connection =
            self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let about: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
        // A server that was started again, or took over, may have forgotten what it was told last.
        let run = about.lines().find_map(|line| line.strip_prefix("run_id:")).unwrap_or("unknown");
        let quiet_ms = u64::try_from(QUIET.as_millis()).unwrap_or(u64::MAX);
        let call = self.scripts.era(run, &random_text(16), quiet_ms);
        let (era, begins_in_ms, is_new): (String, u64, u8) =
            call.invoke_async(&mut connection).await?;
        let began = Instant::now();
        let is_other = era_before.is_some_and(|before| before != era);
        *owes_all |= is_new == 1 || begins_in_ms > 0 || is_other;
        if *owes_all {
            // All of it is in memory too. What passes from now on may not be told from there.
            let known = std::mem::take(&mut *self.owed.lock());
            if let Err(error) = self.tell_all(&connection, &era, (memory, clock)).await {
                self.owe_all(known);
                return Err(error);
            }
            *owes_all = false;
        }
        sleep_until(began + Duration::from_millis(begins_in_ms)).await;
        if let Err(error) = self.pay(&connection, &era, clock).await {
            // It stays owed, and is paid at a beat. Found anew, the server would be told all of the rest again.
            tracing::warn!(%error, "what passed meanwhile cannot be told to the shared windows yet");
        }
        Ok((connection, era.into(), is_new == 1 || is_other))
    }

    /// Everything that this node admitted and remembers.
    async fn tell_all(
        &self,
        connection: &MultiplexedConnection,
        era: &str,
        (memory, clock): (&Memory, &dyn Clock),
    ) -> Result<(), RedisError> {
        let subjects = stream::iter(memory.subjects(clock.now()));
        let told = subjects.map(async |subject| {
            let Some(known) = memory.remembered(&subject, clock.now()) else { return Ok(()) };
            self.tell(connection, era, (&subject, known)).await
        });
        let mut told = std::pin::pin!(told.buffer_unordered(AT_ONCE));
        while let Some(told) = told.next().await {
            told?;
        }
        Ok(())
    }

    /// Tells what was admitted without the server. What cannot be told stays owed.
    pub(super) async fn pay(
        &self,
        connection: &MultiplexedConnection,
        era: &str,
        clock: &dyn Clock,
    ) -> Result<(), RedisError> {
        let mut owed = std::mem::take(&mut *self.owed.lock());
        while !owed.is_empty() {
            let some = owed.drain(..owed.len().min(AT_ONCE));
            let rests = join_all(some.map(|one| self.pay_one(connection, era, clock, one))).await;
            let mut failed = None;
            for (rest, error) in rests.into_iter().flatten() {
                owed.push(rest);
                failed = Some(error);
            }
            if let Some(error) = failed {
                self.owe_all(owed);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells one admission, subject by subject. What is left where that fails has not been told, as far as is known:
    /// what a slow server did and did not say in time is told twice.
    async fn pay_one(
        &self,
        connection: &MultiplexedConnection,
        era: &str,
        clock: &dyn Clock,
        mut owed: Owed,
    ) -> Option<(Owed, RedisError)> {
        let ago_ms = clock.now().tick_ms.saturating_sub(owed.tick_ms);
        while let Some((subject, bounds)) = owed.ask.places.last() {
            let known = Remembered::one(bounds, owed.ask.weight, ago_ms);
            if let Err(error) = self.tell(connection, era, (subject, known)).await {
                return Some((owed, error));
            }
            owed.ask.places.pop();
        }
        None
    }

    async fn tell(
        &self,
        connection: &MultiplexedConnection,
        era: &str,
        (subject, known): (&str, Remembered),
    ) -> Result<(), RedisError> {
        tracing::debug!(key = windows_key(era, subject), "the shared windows are told");
        let Remembered { bounds, stamps, counts } = known;
        let call = self.scripts.restore(era, (subject, &bounds), &stamps, &counts);
        call.invoke_async::<i64>(&mut connection.clone()).await.map(|_| ())
    }
}

async fn finish(connection: &mut MultiplexedConnection, remote: &Remote) -> Result<(), RedisError> {
    for key in &*remote.leases {
        let () = redis::cmd("ZREM").arg(key).arg(&*remote.lease).query_async(connection).await?;
    }
    Ok(())
}
