//! One ask to one verdict, in memory; what it changed joins the batch.
//!
//! A verdict against one ask never fails its batch. An error here is the store's own: it could
//! not look something up, so what it decided is not to be trusted.

use std::sync::Arc;

use crate::clock::Now;
use crate::credits::Credits;
use crate::id::HoldId;
use crate::ledger::{Done, Held, HoldAsk, LedgerError, NewAdjustment};
use crate::pledge::{End, Gone, Pledge, Verdict};
use crate::receipt::Receipt;

use super::super::answers::AnswerKept;
use super::super::ask::{Answer, Ask, Chore, Reply};
use super::super::error::StoreError;
use super::super::rows::media::MediaChange;
use super::super::rows::pledges::InBatch;
use super::super::rows::usage::{Payer, UsageRow};
use super::{Batch, Stop, Writer};

impl Writer {
    pub(super) fn decide(
        &mut self,
        ask: Ask,
        batch: &mut Batch,
        now: Now,
    ) -> Result<(), StoreError> {
        match ask {
            Ask::Hold(ask, pledge, reply) => self.hold(&ask, pledge, reply, (batch, now))?,
            Ask::Settle(hold, price, receipt, kept, reply) => {
                self.recall(&hold)?;
                self.renew_for(&hold, batch, now);
                let verdict = self.books.ledger.settle(&hold, price, receipt.images, now);
                if verdict.as_ref().is_ok_and(|done| !done.repeated) {
                    self.end_pledge(&hold, (settled(kept.as_deref()), kept), batch, now);
                }
                let verdict = self.ended(&hold, verdict, (receipt, price), batch);
                batch.answers.push(Answer::new(reply, verdict));
            }
            Ask::Void(hold, receipt, kept, reply) => {
                self.recall(&hold)?;
                let verdict = self.books.ledger.void(&hold, now);
                if verdict.as_ref().is_ok_and(|done| !done.repeated) {
                    let is_kept = kept.as_ref().is_some_and(|kept| kept.gone().is_none());
                    self.end_pledge(&hold, (End::Voided { is_kept }, kept), batch, now);
                }
                let verdict = self.ended(&hold, verdict, (receipt, Credits::ZERO), batch);
                batch.answers.push(Answer::new(reply, verdict));
            }
            Ask::Allowances(by_plan) => self.allowances.set(by_plan),
            Ask::Note(receipt) => batch.rows.usage.push(UsageRow::of(receipt)),
            Ask::Sweep(reply) => {
                self.sweep(now, batch)?;
                batch.answers.push(Answer::new(reply, Ok(())));
            }
            Ask::Balance(workspace, reply) => {
                self.renew(&workspace, batch, now);
                let balance = self.books.ledger.balance(&workspace);
                batch.answers.push(Answer::new(reply, Ok(balance)));
            }
            Ask::Spendable(workspace, reply) => {
                self.renew(&workspace, batch, now);
                let spendable =
                    self.books.ledger.spendable(&workspace, now).map_err(StoreError::from);
                batch.answers.push(Answer::new(reply, spendable));
            }
            Ask::QuotaUsed(subject, unit, period, reply) => {
                let used = self.books.ledger.quota_used(&subject, unit, period);
                batch.answers.push(Answer::new(reply, Ok(used)));
            }
            Ask::Close(reply) => batch.stop = Some(Stop::Asked(reply)),
            Ask::HandOver(bequest, reply) => batch.stop = Some(Stop::HandedOver(bequest, reply)),
            #[cfg(test)]
            Ask::Meddle(meddle) => {
                if let Some(meddle) = meddle.lock().take() {
                    self.tables.meddle(meddle);
                }
            }
            #[cfg(test)]
            Ask::Crash(crashed) => batch.crash = Some(crashed),
            Ask::Chore(chore) => keep_house(chore, batch),
            Ask::Change(actor, change) => self.change(*actor, change, (batch, now))?,
            Ask::Job(ask) => self.job(ask, batch, now)?,
        }
        Ok(())
    }

    fn hold(
        &mut self,
        ask: &HoldAsk,
        pledge: Option<Arc<Pledge>>,
        reply: Reply<Held>,
        (batch, now): (&mut Batch, Now),
    ) -> Result<(), StoreError> {
        if let Some(pledge) = &pledge {
            let verdict = self.judge_pledge(pledge, batch, now)?;
            if verdict != Verdict::New {
                batch.answers.push(Answer::new(reply, Err(StoreError::Pledged(verdict))));
                return Ok(());
            }
        }
        self.recall(&ask.hold)?;
        self.renew(&ask.workspace, batch, now);
        let verdict = self.books.ledger.hold(ask, now).map(|done| {
            if !done.repeated {
                batch.rows.change(done.changes);
                batch.rows.open(ask.hold.clone());
            }
            (done.outcome, done.repeated)
        });
        if let (Some(pledge), Ok((_, false))) = (pledge, &verdict) {
            batch.rows.pledges.open(Pledge::clone(&pledge));
            self.books.pledges.insert(Arc::unwrap_or_clone(pledge));
        }
        let verdict = verdict.map(|(held, _)| held).map_err(StoreError::from);
        batch.answers.push(Answer::new(reply, verdict));
        Ok(())
    }

    /// A month may begin between a hold and its settlement, whose answer tells what is left.
    pub(super) fn renew_for(&mut self, hold: &HoldId, batch: &mut Batch, now: Now) {
        let known = self.books.ledger.find_hold(hold);
        if let Some(workspace) = known.map(|known| known.ask.workspace.clone()) {
            self.renew(&workspace, batch, now);
        }
    }

    /// What a new pledge is told: by what is open, by what this batch ended, by the tables.
    pub(super) fn judge_pledge(
        &self,
        new: &Pledge,
        batch: &Batch,
        now: Now,
    ) -> Result<Verdict, StoreError> {
        let stored = match batch.rows.pledges.find(&new.scope) {
            InBatch::Named(pledge) => Some(pledge.clone()),
            InBatch::Freed => None,
            InBatch::Untouched if self.books.pledges.is_open(&new.scope) => None,
            InBatch::Untouched => self.tables.find_pledge(&new.scope)?,
        };
        Ok(self.books.pledges.judge(new, stored.as_ref(), &self.shared.living(), now))
    }

    /// The pledge of a hold ends as the hold did.
    pub(super) fn end_pledge(
        &mut self,
        hold: &HoldId,
        (end, kept): (End, Option<Arc<AnswerKept>>),
        batch: &mut Batch,
        now: Now,
    ) {
        if let Some((scope, done)) = self.books.pledges.end(hold, end, now) {
            batch.rows.pledges.end((scope, hold.clone()), done, kept);
        }
    }

    /// Takes credits back, once for each name: the tables remember all of them. Says whether it
    /// is news.
    pub(super) fn adjust(
        &mut self,
        new: NewAdjustment,
        batch: &mut Batch,
        now: Now,
    ) -> Result<Result<bool, StoreError>, StoreError> {
        if self.books.ledger.find_adjustment(&new.id).is_none()
            && let Some(made) = self.tables.find_adjustment(&new.id)?
        {
            self.books.ledger.recall_adjustment(made);
        }
        if let Err(unknown) = self.books.registry.must_know(&new.workspace) {
            return Ok(Err(unknown));
        }
        Ok(match self.books.ledger.adjust(&new, now) {
            Ok(done) if done.repeated => Ok(false),
            Ok(done) => {
                batch.rows.change(done.changes);
                batch.rows.adjust(new, now.unix_ms);
                Ok(true)
            }
            Err(no) => Err(no.into()),
        })
    }

    /// The end of a hold: its rows, and the usage row with it.
    pub(super) fn ended<T>(
        &self,
        hold: &HoldId,
        verdict: Result<Done<T>, LedgerError>,
        (receipt, charged): (Arc<Receipt>, Credits),
        batch: &mut Batch,
    ) -> Result<T, StoreError> {
        let done = verdict?;
        if !done.repeated {
            let payer = self.books.ledger.find_hold(hold).map(|known| Payer::of(&known.ask));
            batch.rows.change(done.changes);
            batch.rows.end(hold.clone());
            batch.rows.usage.push(UsageRow { receipt, charged, payer });
        }
        Ok(done.outcome)
    }

    /// Hands a hold that the ledger has forgotten back to it: the tables remember all of them.
    pub(super) fn recall(&mut self, id: &HoldId) -> Result<(), StoreError> {
        if self.books.ledger.find_hold(id).is_none()
            && let Some(hold) = self.tables.find_hold(id)?
        {
            self.books.ledger.recall(hold);
        }
        Ok(())
    }
}

/// What the media library and the teller of alerts ask is always done.
fn keep_house(chore: Chore, batch: &mut Batch) {
    let reply = match chore {
        Chore::KeepPicture(kept, reply) => {
            batch.rows.media.push(MediaChange::Keep(*kept));
            reply
        }
        Chore::ErasePicture(id, reply) => {
            batch.rows.media.push(MediaChange::Erase(id));
            reply
        }
        Chore::AlertTried(tried, reply) => {
            batch.rows.alerts_tried.push(*tried);
            reply
        }
    };
    batch.answers.push(Answer::new(reply, Ok(())));
}

/// The end of a hold that was paid for; served without an answer to keep is served all the same.
fn settled(kept: Option<&AnswerKept>) -> End {
    End::Settled(kept.map_or(Some(Gone::Lost), AnswerKept::gone))
}
