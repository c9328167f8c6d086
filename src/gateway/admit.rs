//! What must be granted before a vendor is called, and given back when it was not: windows and the
//! concurrency lease in memory, quotas and credits in the ledger.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::time::Instant;

use crate::auth::Caller;
use crate::canonical::{Refusal, Standing};
use crate::clock::Now;
use crate::credits::Credits;
use crate::id::{HoldId, KeyId};
use crate::ledger::{HoldAsk, QuotaAsk, QuotaUnit};
use crate::limit::{KeyWindows, Ticket, Unit, Verdict, Weight};
use crate::pledge::Named;
use crate::policy::Plan;
use crate::receipt::Receipt;
use crate::store::StoreError;

use super::once::Keeping;
use super::permit::subject;
use super::{Fulfilled, Gateway, Visit, micros, refuse};

/// The windows of every key that asked lately.
#[derive(Debug, Default)]
pub(super) struct Windows(DashMap<KeyId, KeyWindows>);

/// Keys whose windows are remembered before idle ones are looked for.
const KEYS_REMEMBERED: usize = 100_000;

/// A hold outlives the request's deadline by this, so that a settlement is never late.
const HOLD_MARGIN: Duration = Duration::from_mins(1);

/// What is set aside for a request.
pub(super) struct Stake {
    /// The most that it may cost the caller.
    pub(super) amount: Credits,
    /// Its weight in images.
    pub(super) images: u32,
    /// How long it may take.
    pub(super) time: Duration,
    /// What it is known by, if it is to be served once.
    pub(super) named: Option<Named>,
}

/// An admission: ends the concurrency lease when it goes, on whatever way it goes.
pub(super) struct Lease {
    windows: Arc<Windows>,
    key: KeyId,
    ticket: Option<Ticket>,
    standings: Vec<Standing>,
}

impl Lease {
    pub(super) fn standings(&self) -> Vec<Standing> {
        self.standings.clone()
    }

    /// As if it had never been admitted: the ledger said no afterwards.
    pub(super) fn take_back(mut self) {
        if let (Some(ticket), Some(mut windows)) =
            (self.ticket.take(), self.windows.0.get_mut(&self.key))
        {
            windows.take_back(&ticket);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A lease that is not ended would count against its key until the process ends, so even a
        // panic on the path must end it.
        if let (Some(ticket), Some(mut windows)) =
            (self.ticket.take(), self.windows.0.get_mut(&self.key))
        {
            windows.finish(&ticket);
        }
    }
}

impl Gateway {
    /// Every window and the concurrency lease, as one step: all or nothing.
    pub(super) fn admit(
        &self,
        caller: &Caller,
        plan: &Plan,
        images: u32,
    ) -> Result<Lease, Refusal> {
        let now = self.clock.now();
        self.forget_idle(plan, now);
        let key = caller.key().clone();
        let verdict = self.windows.0.entry(key.clone()).or_default().admit(
            &plan.limits,
            plan.concurrency_max,
            Weight { images },
            now,
        );
        match verdict {
            Verdict::Admitted { ticket, standings } => {
                let windows = Arc::clone(&self.windows);
                Ok(Lease { windows, key, ticket: Some(ticket), standings })
            }
            Verdict::Denied(denial) => Err(refuse::limit(denial)),
        }
    }

    /// Where the caller stands, looked at without asking for anything.
    pub(super) fn standings(&self, visit: &Visit, now: Now) -> Vec<Standing> {
        let Some(plan) = visit.policy.plan(visit.caller.plan()) else {
            return Vec::new();
        };
        self.standings_in(plan, visit.caller.key(), now)
    }

    /// Where a key stands within a plan.
    pub(super) fn standings_in(&self, plan: &Plan, key: &KeyId, now: Now) -> Vec<Standing> {
        match self.windows.0.get(key) {
            Some(windows) => windows.standings(&plan.limits, now),
            None => KeyWindows::default().standings(&plan.limits, now),
        }
    }

    /// Makes admissions of before a restart count again.
    pub async fn rebuild_windows(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let policy = self.policy.current();
        let longest = policy.plans.values().flat_map(|plan| &plan.limits).map(|l| l.window).max();
        let Some(longest) = longest else { return Ok(0) };
        let since_ms = now.unix_ms.saturating_sub(i64::try_from(longest.as_millis()).unwrap_or(0));
        let admissions = self.store.recent_admissions(since_ms).await?;
        let keys = self.store.list_keys(None).await?;
        let plans: HashMap<&KeyId, &str> =
            keys.iter().map(|key| (&key.id, key.plan.as_str())).collect();
        for admission in &admissions {
            let plan = plans.get(&admission.key).and_then(|name| policy.plan(name));
            let Some(plan) = plan else { continue };
            let ago_ms = now.unix_ms.saturating_sub(admission.at_ms).max(0).unsigned_abs();
            self.windows.0.entry(admission.key.clone()).or_default().remember(
                &plan.limits,
                now.tick_ms.saturating_sub(ago_ms),
                Weight { images: admission.images },
            );
        }
        Ok(admissions.len())
    }

    fn forget_idle(&self, plan: &Plan, now: Now) {
        if self.windows.0.len() > KEYS_REMEMBERED {
            self.windows.0.retain(|_, windows| !windows.is_idle(&plan.limits, now));
        }
    }

    /// Quotas and credits, durable before the vendor is called.
    pub(super) async fn hold(
        &self,
        (caller, plan): (&Caller, &Plan),
        stake: &Stake,
        lease: Lease,
        receipt: &mut Receipt,
    ) -> Result<(HoldId, Lease), Refusal> {
        let now = self.clock.now();
        let ask = Self::hold_ask((caller, plan), stake, receipt, now);
        let hold = ask.hold.clone();
        let began = Instant::now();
        let answer = match stake.named {
            Some(named) => self.store.hold_once(ask, named).await,
            None => self.store.hold(ask).await,
        };
        receipt.store_us += micros(began.elapsed());
        match answer {
            Ok(_) => {
                receipt.hold = Some(hold.clone());
                Ok((hold, lease))
            }
            Err(error) => {
                let mut refusal = refuse::hold(&error, plan, now);
                lease.take_back();
                refusal.standings = self.standings_in(plan, caller.key(), now);
                Err(refusal)
            }
        }
    }

    /// What is asked of the ledger for a stake.
    pub(super) fn hold_ask(
        (caller, plan): (&Caller, &Plan),
        stake: &Stake,
        receipt: &Receipt,
        now: Now,
    ) -> HoldAsk {
        let life_ms = i64::try_from((stake.time + HOLD_MARGIN).as_millis()).unwrap_or(i64::MAX);
        HoldAsk {
            hold: HoldId::random(),
            workspace: caller.workspace().clone(),
            key: caller.key().clone(),
            request: receipt.request_id.clone(),
            amount: stake.amount,
            expires_at_ms: now.unix_ms.saturating_add(life_ms),
            quotas: quotas(plan, caller, stake.images, now),
            policy_version: Arc::clone(&receipt.policy_version),
            price_version: receipt.price_version.clone(),
        }
    }

    /// The price, durable before success is said, and with it the answer if it is to be said again.
    /// Notes what is left.
    pub(super) async fn settle(
        &self,
        visit: &mut Visit,
        hold: HoldId,
        quote: Credits,
        fulfilled: &mut Fulfilled,
    ) -> Result<(), Refusal> {
        let price = fulfilled.charged;
        let began = Instant::now();
        let keeping = self.keep_pictures(visit, &hold, quote, fulfilled).await?;
        visit.receipt.charged = price;
        visit.receipt.total_us = micros(visit.began.elapsed());
        let receipt = visit.receipt.clone();
        let (settled, reply) = match keeping {
            None => (self.store.settle(hold, price, receipt).await, None),
            Some(Keeping { kept, reply }) => {
                (self.store.settle_and_keep(hold, price, receipt, kept).await, Some(reply))
            }
        };
        visit.receipt.store_us += micros(began.elapsed());
        match settled {
            Ok(settled) => {
                // What was kept says what was left a moment before; both must say the same.
                if reply.is_none() {
                    fulfilled.remaining = settled.remaining;
                    fulfilled.quotas = self.quota_standings(visit, 0).await;
                }
                visit.kept = reply;
                Ok(())
            }
            Err(error) => {
                visit.receipt.charged = Credits::ZERO;
                Err(refuse::store(&error, self.clock.now()))
            }
        }
    }

    /// Gives the hold back. Where that cannot be written, the hold's own expiry gives it back.
    pub(super) async fn void(&self, visit: &mut Visit, hold: HoldId, refusal: &Refusal) {
        visit.receipt.refusal = Some(refusal.kind);
        visit.receipt.status = refusal.kind.status();
        visit.receipt.total_us = micros(visit.began.elapsed());
        let Some(Keeping { kept, reply }) = self.keep_refusal(visit, &hold, refusal).await else {
            return self.give_back(hold, &mut visit.receipt).await;
        };
        let began = Instant::now();
        let voided = self.store.void_and_keep(hold, visit.receipt.clone(), kept).await;
        visit.receipt.store_us += micros(began.elapsed());
        match voided {
            Ok(()) => visit.kept = Some(reply),
            Err(error) => tell_of_lost_void(&visit.receipt, &error),
        }
    }

    /// The same, for a receipt that tells already how it ended.
    pub(super) async fn give_back(&self, hold: HoldId, receipt: &mut Receipt) {
        let began = Instant::now();
        let voided = self.store.void(hold, receipt.clone()).await;
        receipt.store_us += micros(began.elapsed());
        if let Err(error) = voided {
            tell_of_lost_void(receipt, &error);
        }
    }
}

fn tell_of_lost_void(receipt: &Receipt, error: &StoreError) {
    tracing::error!(
        request_id = %receipt.request_id,
        error = refuse::chain(error),
        "a hold could not be voided; it ends when it expires"
    );
}

fn quotas(plan: &Plan, caller: &Caller, images: u32, now: Now) -> Vec<QuotaAsk> {
    plan.quotas
        .iter()
        .map(|quota| {
            let weight = match quota.unit {
                Unit::Requests => 1,
                Unit::Images => images,
            };
            QuotaAsk {
                name: quota.name.clone(),
                subject: subject(quota, caller),
                unit: quota_unit(quota.unit),
                period: quota.per.begin(now),
                weight,
                most: quota.most,
            }
        })
        .collect()
}

/// What a plan counts, in the ledger's words.
pub(super) const fn quota_unit(unit: Unit) -> QuotaUnit {
    match unit {
        Unit::Requests => QuotaUnit::Requests,
        Unit::Images => QuotaUnit::Images,
    }
}
