//! Windows, leases, quotas and budgets of then, counted anew by the judges that count them now.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::auth::Caller;
use crate::canonical::RefusalKind;
use crate::clock::Now;
use crate::credits::Credits;
use crate::id::{GrantId, HoldId, WorkspaceId};
use crate::ledger::{HoldAsk, Ledger, LedgerError, NewGrant};
use crate::limit::{self, DenialReason, Place, Ticket, Verdict, Windows};
use crate::policy::{Period, Plan, Policy};
use crate::receipt::Receipt;
use crate::turnstile::Ask;

use super::super::Gateway;
use super::super::admit::Stake;
use super::super::foresee::Foreseen;
use super::super::limits::{Asking, longest};
use super::super::worth;

/// As much as any workspace needs: balances of then are not replayed.
const PLENTY: i64 = i64::MAX / 1024;

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    windows: HashMap<String, Windows>,
    ledger: Ledger,
    known: HashSet<WorkspaceId>,
}

/// What an admitted request has taken.
#[derive(Debug)]
pub(super) struct Admitted {
    subjects: Vec<String>,
    ticket: Ticket,
    hold: HoldId,
}

impl Bounds {
    /// Counts a request everywhere or nowhere; the kind of no otherwise. One that had no credits then
    /// has none now.
    pub(super) fn admit(
        &mut self,
        (policy, caller, plan): (&Policy, &Caller, &Plan),
        foreseen: &Foreseen,
        receipt: &Receipt,
        (now, is_short): (Now, bool),
    ) -> Result<Admitted, RefusalKind> {
        let asking = Asking { policy, caller, plan, model: Some(&foreseen.model.name) };
        let stake = Stake {
            amount: foreseen.quote,
            images: foreseen.request.count,
            pixels: worth::pixels(&foreseen.candidates, &foreseen.request),
            time: foreseen.model.deadline,
            named: None,
        };
        let ask = asking.ask(stake.weight());
        let (subjects, ticket) = self.count(&ask, now)?;
        let held = if is_short {
            Err(RefusalKind::CreditsShort)
        } else {
            self.provide(caller.workspace(), now);
            let asked = Gateway::hold_ask(&asking, &stake, receipt, now);
            let asked = HoldAsk { expires_at_ms: i64::MAX, ..asked };
            let held = self.ledger.hold(&asked, now).map_err(|error| no_of(&error));
            held.map(|_| asked.hold)
        };
        if held.is_err() {
            self.each(&subjects, &ticket, |windows| windows.take_back(&ticket));
        }
        Ok(Admitted { subjects, ticket, hold: held? })
    }

    fn count(&mut self, ask: &Ask, now: Now) -> Result<(Vec<String>, Ticket), RefusalKind> {
        let subjects: Vec<String> = ask.places.iter().map(|(subject, _)| subject.clone()).collect();
        let taken = |subject: &String| self.windows.remove(subject).unwrap_or_default();
        let mut windows: Vec<Windows> = subjects.iter().map(taken).collect();
        let bounds = ask.places.iter().map(|(_, bounds)| &**bounds);
        let mut places: Vec<Place<'_>> = windows
            .iter_mut()
            .zip(bounds)
            .map(|(windows, bounds)| Place { windows, bounds })
            .collect();
        let verdict = limit::admit(&mut places, ask.weight, now);
        self.windows.extend(subjects.iter().cloned().zip(windows));
        match verdict {
            Verdict::Admitted { ticket, .. } => Ok((subjects, ticket)),
            Verdict::Denied(denial) => Err(match denial.reason {
                DenialReason::Concurrency => RefusalKind::ConcurrencyExceeded,
                DenialReason::Window | DenialReason::TooHeavy(_) => RefusalKind::RateLimited,
            }),
        }
    }

    /// Ends a request: so much was paid for so many pictures.
    pub(super) fn end(&mut self, done: &Admitted, (charged, images): (i64, u32), at_ms: i64) {
        let Admitted { subjects, ticket, hold } = done;
        let unspent = ticket.weight.nanos.saturating_sub(u64::try_from(charged).unwrap_or(0));
        self.each(subjects, ticket, |windows| {
            windows.finish(ticket);
            windows.give_back(ticket.tick_ms, unspent);
        });
        let now = Now { unix_ms: at_ms, tick_ms: u64::try_from(at_ms).unwrap_or(0) };
        let ended = if images > 0 {
            let price = Credits::from_nanos(charged);
            self.ledger.settle(hold, price, images, now).map(|_| ())
        } else {
            self.ledger.void(hold, now).map(|_| ())
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a replayed hold did not end");
        }
    }

    fn each(&mut self, subjects: &[String], ticket: &Ticket, act: impl Fn(&mut Windows)) {
        for (number, subject) in subjects.iter().enumerate() {
            if let Some(windows) = self.windows.get_mut(subject).filter(|_| ticket.counts(number)) {
                act(windows);
            }
        }
    }

    fn provide(&mut self, workspace: &WorkspaceId, now: Now) {
        if !self.known.insert(workspace.clone()) {
            return;
        }
        let plenty = NewGrant {
            id: GrantId::random(),
            workspace: workspace.clone(),
            amount: Credits::from_nanos(PLENTY),
            source: "replay".to_owned(),
            priority: 0,
            promotional: false,
            effective_at_ms: now.unix_ms,
            expires_at_ms: None,
            memo: String::new(),
        };
        if let Err(error) = self.ledger.grant(&plenty, now) {
            tracing::debug!(%error, "a replayed workspace has no credits");
        }
    }
}

fn no_of(error: &LedgerError) -> RefusalKind {
    match error {
        LedgerError::QuotaExhausted { .. } | LedgerError::BudgetSpent { .. } => {
            RefusalKind::QuotaExhausted
        }
        LedgerError::Short { .. } => RefusalKind::CreditsShort,
        LedgerError::UnknownHold
        | LedgerError::UnknownGrant
        | LedgerError::AlreadyResolved
        | LedgerError::AboveHold
        | LedgerError::IdReused
        | LedgerError::Overflow => RefusalKind::StoreUnavailable,
    }
}

pub(super) fn warm_from(policy: &Policy, since: i64) -> i64 {
    let window = longest(policy).unwrap_or(Duration::ZERO);
    let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    let now = Now { unix_ms: since, tick_ms: 0 };
    let of_plans = policy.plans.values().flat_map(|plan| &plan.quotas);
    let of_models = policy.model_bounds.values().flat_map(|model| &model.quotas);
    let quotas = of_plans.chain(of_models).map(|quota| quota.per);
    let periods = quotas.chain(policy.budgets.values().map(|budget| budget.per));
    let begins = periods.map(|per: Period| per.begin(now).saturating_mul(86_400_000));
    begins.chain([since.saturating_sub(window_ms)]).min().unwrap_or(since)
}
