//! Requests that are served once: their pledges beside their holds, their answers beside both.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::credits::Credits;
use crate::id::{HoldId, KeyId, WorkspaceId};
use crate::ledger::{Held, HoldAsk, Settled};
use crate::pledge::{Fingerprint, Named, Pledge, State, Verdict, judge};
use crate::receipt::Receipt;

use super::Store;
use super::answers::{AnswerKept, Answers, KeptAnswer};
use super::ask::Ask;
use super::error::StoreError;
use super::rows::pledges;

impl Store {
    /// Sets credits and quota shares aside for a request that is to be served once: its pledge
    /// and its hold are durable together when answered. [`StoreError::Pledged`] when its name is
    /// taken; then nothing was set aside.
    pub async fn hold_once(&self, ask: HoldAsk, named: Named) -> Result<Held, StoreError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let pledge = Pledge {
            scope: named.scope,
            key: ask.key.clone(),
            fingerprint: named.fingerprint,
            is_implied: named.is_implied,
            hold: ask.hold.clone(),
            request: ask.request.clone(),
            run: self.run,
            opened_at_ms: self.clock.now().unix_ms,
            state: State::Open { until_ms: ask.expires_at_ms },
        };
        let (reply, answer) = oneshot::channel();
        self.send(Ask::Hold(Box::new(ask), Some(Box::new(pledge)), reply), Some(place))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Makes an answer ready to be kept with the end of its hold. Never fails: an answer that
    /// cannot be kept is still an answer.
    pub async fn keep(&self, hold: &HoldId, answer: KeptAnswer) -> AnswerKept {
        let (answers, hold) = (self.answers.clone(), hold.clone());
        let bytes_max = self.bounds.each_bytes_max;
        let work = move || answers.prepare(&hold, answer, bytes_max);
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or(AnswerKept(Err(crate::pledge::Gone::Lost)))
    }

    /// Takes the price of a hold, and keeps the answer; durable together when answered.
    pub async fn settle_and_keep(
        &self,
        hold: HoldId,
        price: Credits,
        receipt: Receipt,
        kept: AnswerKept,
    ) -> Result<Settled, StoreError> {
        let file = kept.is_in_file().then(|| hold.clone());
        let kept = Some(Box::new(kept));
        let settled =
            self.ask(|reply| Ask::Settle(hold, price, Box::new(receipt), kept, reply)).await;
        self.remove_unless(file, settled).await
    }

    /// Gives a hold back, and keeps the no; durable together when answered.
    pub async fn void_and_keep(
        &self,
        hold: HoldId,
        receipt: Receipt,
        kept: AnswerKept,
    ) -> Result<(), StoreError> {
        let file = kept.is_in_file().then(|| hold.clone());
        let kept = Some(Box::new(kept));
        let voided = self.ask(|reply| Ask::Void(hold, Box::new(receipt), kept, reply)).await;
        self.remove_unless(file, voided).await
    }

    /// What is told to a request of this name, and what is known under it.
    pub async fn look_up(&self, named: Named) -> Result<(Verdict, Option<Pledge>), StoreError> {
        let known = self.look(move |database| Ok(pledges::find(database, &named.scope)?)).await?;
        Ok((judge(known.as_ref(), &named.fingerprint, self.run, self.clock.now()), known))
    }

    /// The same for a call that says that it repeats one of this key.
    pub async fn look_up_repeat(
        &self,
        key: KeyId,
        asked: Fingerprint,
    ) -> Result<(Verdict, Option<Pledge>), StoreError> {
        let known =
            self.look(move |database| Ok(pledges::find_implied(database, &key, &asked)?)).await?;
        Ok((judge(known.as_ref(), &asked, self.run, self.clock.now()), known))
    }

    /// The answer that was kept with this hold, if it is there and whole.
    pub async fn kept_answer(&self, hold: HoldId) -> Result<Option<KeptAnswer>, StoreError> {
        let (answers, named) = (self.answers.clone(), hold.clone());
        let row = self.look(move |database| Answers::row(database, &named)).await?;
        let Some(row) = row else { return Ok(None) };
        // Off the connection: others look things up while a large file is read.
        let work = move || answers.read(&hold, row);
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)
    }

    /// What a workspace could hold now.
    pub async fn spendable(&self, workspace: &WorkspaceId) -> Result<Credits, StoreError> {
        self.ask(|reply| Ask::Spendable(workspace.clone(), reply)).await
    }

    /// Bytes of all answers that are kept.
    pub fn kept_bytes(&self) -> i64 {
        self.shared.kept_bytes()
    }

    /// Answers that made room for newer ones since this was asked last.
    pub fn take_dropped(&self) -> u64 {
        self.shared.take_dropped()
    }

    /// Asks what is committed, on a connection of its own: long questions of others do not
    /// stand in its way. Nothing is believed once a commit has failed.
    async fn look<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        if self.poisoned() {
            return Err(StoreError::Poisoned);
        }
        let looker: Arc<Mutex<Connection>> = Arc::clone(&self.looker);
        tokio::task::spawn_blocking(move || question(&looker.lock()))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// A file whose row will never be is removed; where that is not known, the next start sees.
    async fn remove_unless<T>(
        &self,
        file: Option<HoldId>,
        done: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let (Some(hold), Err(StoreError::Ledger(_))) = (file, &done) {
            let answers = self.answers.clone();
            drop(tokio::task::spawn_blocking(move || answers.remove(&[hold])).await);
        }
        done
    }
}
