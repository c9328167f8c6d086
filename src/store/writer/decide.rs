//! One ask to one verdict, in memory; what it changed joins the batch.
//!
//! A verdict against one ask never fails its batch. An error here is the store's own: it could
//! not look something up, so what it decided is not to be trusted.

use crate::clock::Now;
use crate::credits::Credits;
use crate::id::HoldId;
use crate::ledger::{Done, Held, HoldAsk, LedgerError};
use crate::receipt::{Receipt, ReceiptCaller};

use super::super::ask::{Answer, Ask, Chore, Reply};
use super::super::error::StoreError;
use super::super::load;
use super::{Batch, Writer};

impl Writer {
    pub(super) fn decide(
        &mut self,
        ask: Ask,
        batch: &mut Batch,
        now: Now,
    ) -> Result<(), StoreError> {
        match ask {
            Ask::Hold(ask, reply) => self.hold(&ask, reply, batch, now)?,
            Ask::Settle(hold, price, receipt, reply) => {
                self.recall(&hold)?;
                self.renew_for(&hold, batch, now);
                let verdict = self.ledger.settle(&hold, price, receipt.images, now);
                let verdict = self.ended(&hold, verdict, (*receipt, price), batch);
                batch.answers.push(Answer::new(reply, verdict));
            }
            Ask::Void(hold, receipt, reply) => {
                self.recall(&hold)?;
                let verdict = self.ledger.void(&hold, now);
                let verdict = self.ended(&hold, verdict, (*receipt, Credits::ZERO), batch);
                batch.answers.push(Answer::new(reply, verdict));
            }
            Ask::Allowances(by_plan) => self.allowances.set(by_plan),
            Ask::Note(receipt) => batch.rows.receipt(*receipt, Credits::ZERO),
            Ask::Sweep(reply) => {
                self.sweep(now, batch)?;
                batch.answers.push(Answer::new(reply, Ok(())));
            }
            Ask::Balance(workspace, reply) => {
                self.renew(&workspace, batch, now);
                let balance = self.ledger.balance(&workspace);
                batch.answers.push(Answer::new(reply, Ok(balance)));
            }
            Ask::QuotaUsed(subject, unit, period, reply) => {
                let used = self.ledger.quota_used(&subject, unit, period);
                batch.answers.push(Answer::new(reply, Ok(used)));
            }
            Ask::Close(reply) => batch.closing = Some(reply),
            #[cfg(test)]
            Ask::Meddle(meddle) => meddle(&self.database),
            #[cfg(test)]
            Ask::Crash(crashed) => batch.crash = Some(crashed),
            Ask::Chore(chore) => self.chore(chore, batch, now),
        }
        Ok(())
    }

    fn hold(
        &mut self,
        ask: &HoldAsk,
        reply: Reply<Held>,
        batch: &mut Batch,
        now: Now,
    ) -> Result<(), StoreError> {
        self.recall(&ask.hold)?;
        self.renew(&ask.workspace, batch, now);
        let verdict = self.ledger.hold(ask, now).map(|done| {
            if !done.repeated {
                batch.rows.change(done.changes);
                batch.rows.open(ask.hold.clone());
            }
            done.outcome
        });
        let verdict = verdict.map_err(StoreError::from);
        batch.answers.push(Answer::new(reply, verdict));
        Ok(())
    }

    /// A month may begin between a hold and its settlement, whose answer tells what is left.
    fn renew_for(&mut self, hold: &HoldId, batch: &mut Batch, now: Now) {
        let workspace = self.ledger.find_hold(hold).map(|known| known.ask.workspace.clone());
        if let Some(workspace) = workspace {
            self.renew(&workspace, batch, now);
        }
    }

    /// What asks of operators decide.
    fn chore(&mut self, chore: Chore, batch: &mut Batch, now: Now) {
        let answer = match chore {
            Chore::Grant(new, reply) => {
                let verdict = self.registry.must_know(&new.workspace).and_then(|()| {
                    let done = self.ledger.grant(&new, now)?;
                    batch.rows.change(done.changes);
                    Ok(())
                });
                Answer::new(reply, verdict)
            }
            Chore::CreateWorkspace(name, reply) => {
                let verdict = self.registry.create_workspace(name, now);
                batch.rows.workspaces.extend(verdict.as_ref().ok().cloned());
                Answer::new(reply, verdict)
            }
            Chore::SuspendWorkspace(id, suspended, reply) => {
                let verdict = self.registry.suspend_workspace(&id, suspended);
                self.allowances.look_again(&id);
                batch.rows.workspaces.extend(verdict.is_ok().then_some(id));
                Answer::new(reply, verdict)
            }
            Chore::CreateKey(new, reply) => {
                self.allowances.look_again(&new.workspace);
                let verdict = self.registry.create_key(*new, now);
                let made = verdict.as_ref().ok().map(|(id, _)| id.clone());
                batch.rows.keys.extend(made);
                Answer::new(reply, verdict)
            }
            Chore::SetKeyStatus(id, status, reply) => {
                let verdict = self.registry.set_key_status(&id, status);
                if let Some(key) = self.registry.keys.get(&id) {
                    self.allowances.look_again(&key.record.workspace);
                }
                batch.rows.keys.extend(verdict.is_ok().then_some(id));
                Answer::new(reply, verdict)
            }
        };
        batch.answers.push(answer);
    }

    /// The end of a hold: its rows, and the usage row with it.
    fn ended<T>(
        &self,
        hold: &HoldId,
        verdict: Result<Done<T>, LedgerError>,
        (mut receipt, charged): (Receipt, Credits),
        batch: &mut Batch,
    ) -> Result<T, StoreError> {
        let done = verdict?;
        if !done.repeated {
            if let Some(known) = self.ledger.find_hold(hold) {
                books_on(&mut receipt, &known.ask);
            }
            batch.rows.change(done.changes);
            batch.rows.end(hold.clone());
            batch.rows.receipt(receipt, charged);
        }
        Ok(done.outcome)
    }

    /// Hands a hold that the ledger has forgotten back to it: the tables remember all of them.
    fn recall(&mut self, id: &HoldId) -> Result<(), StoreError> {
        if self.ledger.find_hold(id).is_none()
            && let Some(hold) = load::find_hold(&self.database, id)?
        {
            self.ledger.recall(hold);
        }
        Ok(())
    }
}

/// The usage row names whoever paid, so that usage and ledger sum up alike.
fn books_on(receipt: &mut Receipt, ask: &HoldAsk) {
    let caller = receipt.caller.take();
    receipt.hold = Some(ask.hold.clone());
    receipt.caller = Some(ReceiptCaller {
        workspace: ask.workspace.clone(),
        key: ask.key.clone(),
        plan: caller.as_ref().map(|caller| caller.plan.clone()).unwrap_or_default(),
        test: caller.is_some_and(|caller| caller.test),
    });
}
