//! Requests that are served once: their pledges beside their holds, their answers beside both.

use std::sync::Arc;

use crate::credits::Credits;
use crate::id::{HoldId, KeyId, WorkspaceId};
use crate::ledger::{Held, HoldAsk, Settled};
use crate::pledge::{Fingerprint, Gone, Named, Pledge, State, Verdict, judge};
use crate::receipt::Receipt;

use super::Store;
use super::answers::{self, AnswerKept, KeptAnswer, Shelf};
use super::ask::Ask;
use super::cells::{Query, Reading, Value};
use super::desk::Line;
use super::error::StoreError;
use super::rows::pledges;

impl Store {
    /// Sets credits and quota shares aside for a request that is to be served once: its pledge
    /// and its hold are durable together when answered. [`StoreError::Pledged`] when its name is
    /// taken; then nothing was set aside.
    pub async fn hold_once(&self, ask: HoldAsk, named: Named) -> Result<Held, StoreError> {
        let ask = self.on_the_stores_clock(ask);
        let pledge = Some(Arc::new(self.pledge(&ask, named)));
        let ask = Arc::new(ask);
        self.ask_now(|reply| Ask::Hold(ask, pledge, reply)).await
    }

    /// The pledge that is opened with a hold.
    pub(super) fn pledge(&self, ask: &HoldAsk, named: Named) -> Pledge {
        Pledge {
            scope: named.scope,
            key: ask.key.clone(),
            fingerprint: named.fingerprint,
            is_implied: named.is_implied,
            hold: ask.hold.clone(),
            request: ask.request.clone(),
            run: self.run,
            opened_at_ms: self.now().unix_ms,
            state: State::Open { until_ms: ask.expires_at_ms },
        }
    }

    /// Makes an answer ready to be kept with the end of its hold. Never fails: an answer that
    /// cannot be kept is still an answer.
    pub async fn keep(&self, hold: &HoldId, answer: KeptAnswer) -> AnswerKept {
        let bytes_max = self.bounds.each_bytes_max;
        match &self.shelf {
            Shelf::Folder(answers) => {
                let (answers, hold) = (answers.clone(), hold.clone());
                let work = move || answers.prepare(&hold, answer, bytes_max);
                tokio::task::spawn_blocking(work).await.unwrap_or(AnswerKept(Err(Gone::Lost)))
            }
            Shelf::Table(desk) => {
                let work = move || answers::prepare_for_table(answer, bytes_max);
                let prepared = tokio::task::spawn_blocking(work).await;
                let (kept, large) = prepared.unwrap_or((AnswerKept(Err(Gone::Lost)), None));
                let Some(body) = large else { return kept };
                match desk.keep_body(hold, body).await {
                    Ok(()) => kept,
                    Err(error) => {
                        tracing::warn!(%error, %hold, "an answer could not be kept");
                        AnswerKept(Err(Gone::Lost))
                    }
                }
            }
        }
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
        let kept = Some(Arc::new(kept));
        let settled =
            self.ask(|reply| Ask::Settle(hold, price, Arc::new(receipt), kept, reply)).await;
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
        let kept = Some(Arc::new(kept));
        let voided = self.ask(|reply| Ask::Void(hold, Arc::new(receipt), kept, reply)).await;
        self.remove_unless(file, voided).await
    }

    /// What is told to a request of this name, and what is known under it.
    pub async fn look_up(&self, named: Named) -> Result<(Verdict, Option<Pledge>), StoreError> {
        let values = vec![named.scope.0.to_vec().into()];
        let known = self.look(pledges::FIND, values, pledges::pledge).await?;
        let verdict = judge(known.as_ref(), &named.fingerprint, &self.shared.living(), self.now());
        Ok((verdict, known))
    }

    /// The same for a call that says that it repeats one of this key.
    pub async fn look_up_repeat(
        &self,
        key: KeyId,
        asked: Fingerprint,
    ) -> Result<(Verdict, Option<Pledge>), StoreError> {
        let values = vec![key.as_str().to_owned().into(), asked.0.to_vec().into()];
        let known = self.look(pledges::FIND_IMPLIED, values, pledges::pledge).await?;
        let verdict = judge(known.as_ref(), &asked, &self.shared.living(), self.now());
        Ok((verdict, known))
    }

    /// Bytes of the answer that was kept with this hold; none where there is no such answer.
    pub async fn kept_answer_bytes(&self, hold: HoldId) -> Result<u64, StoreError> {
        let values = vec![hold.as_str().to_owned().into()];
        let bytes = self.look(answers::BYTES, values, |row| row.number("bytes")).await?;
        Ok(bytes.map_or(0, |bytes: i64| bytes.max(0).unsigned_abs()))
    }

    /// The answer that was kept with this hold, if it is there and whole.
    pub async fn kept_answer(&self, hold: HoldId) -> Result<Option<KeptAnswer>, StoreError> {
        let values = vec![hold.as_str().to_owned().into()];
        let row = self.look(answers::ROW, values, answers::row).await?;
        let Some(mut row) = row else { return Ok(None) };
        let folder = match &self.shelf {
            Shelf::Folder(answers) => Some(answers.clone()),
            Shelf::Table(desk) => {
                if row.is_elsewhere() {
                    row.put(desk.body(&hold).await?);
                }
                None
            }
        };
        // Off the connection: others look things up while a large file is read.
        let work = move || answers::read(folder.as_ref(), &hold, row);
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

    /// Asks what is committed. Nothing is believed once a commit has failed.
    async fn look<T: Send + 'static>(
        &self,
        query: Query,
        values: Vec<Value<'static>>,
        read: Reading<T>,
    ) -> Result<Option<T>, StoreError> {
        if self.poisoned() {
            return Err(StoreError::Poisoned);
        }
        Ok(self.rows(Line::Looks, query, values, read).await?.pop())
    }

    /// A file whose row will never be is removed; where that is not known, the next start sees.
    pub(super) async fn remove_unless<T>(
        &self,
        file: Option<HoldId>,
        done: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let is_refused = matches!(
            done,
            Err(StoreError::Ledger(_) | StoreError::Job(_) | StoreError::Pledged(_))
        );
        if let (Some(hold), Shelf::Folder(answers), true) = (file, &self.shelf, is_refused) {
            let answers = answers.clone();
            drop(tokio::task::spawn_blocking(move || answers.remove(&[hold])).await);
        }
        done
    }
}
