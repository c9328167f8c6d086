//! Quotas and credits: held in the ledger before a vendor is called, and settled or given back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::canonical::Refusal;
use crate::clock::Now;
use crate::credits::Credits;
use crate::id::HoldId;
use crate::ledger::{HoldAsk, QuotaAsk, QuotaUnit, Weighed};
use crate::limit::{Unit, Weight};
use crate::pledge::Named;
use crate::policy::{Plan, Policy, Quota};
use crate::receipt::Receipt;
use crate::store::StoreError;
use crate::trail::Step;
use crate::turnstile::Lease;

use super::follow::enter;
use super::limits::Asking;
use super::once::Keeping;
use super::permit::subject;
use super::{Fulfilled, Gateway, Visit, budgets, micros, refuse};

/// A hold outlives the request's deadline by this, so that a settlement is never late.
const HOLD_MARGIN: Duration = Duration::from_mins(1);

/// What is set aside for a request.
pub(super) struct Stake {
    /// The most that it may cost the caller.
    pub(super) amount: Credits,
    /// Images and pixels that it is for; none for what is no picture.
    pub(super) images: u32,
    pub(super) pixels: u64,
    /// How long it may take.
    pub(super) time: Duration,
    /// What it is known by, if it is to be served once.
    pub(super) named: Option<Named>,
}

impl Stake {
    /// What windows count it as.
    pub(super) fn weight(&self) -> Weight {
        let nanos = u64::try_from(self.amount.nanos()).unwrap_or(0);
        Weight { images: self.images, pixels: self.pixels, nanos }
    }
}

impl Gateway {
    /// Quotas and credits, durable before the vendor is called.
    pub(super) async fn hold(
        &self,
        asking: &Asking<'_>,
        stake: &Stake,
        lease: Lease,
        receipt: &mut Receipt,
    ) -> Result<(HoldId, Lease), Refusal> {
        enter(receipt, Step::Hold);
        let now = self.clock.now();
        let ask = Self::hold_ask(asking, stake, receipt, now);
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
                self.await_price(asking, &hold, &lease);
                Ok((hold, lease))
            }
            Err(error) => {
                let refusal = refuse::hold(&error, asking, now);
                self.note_budget_met(&error);
                lease.take_back();
                Err(Refusal { standings: self.standings_of(asking, now), ..refusal })
            }
        }
    }

    /// What is asked of the ledger for a stake.
    pub(super) fn hold_ask(
        asking: &Asking<'_>,
        stake: &Stake,
        receipt: &Receipt,
        now: Now,
    ) -> HoldAsk {
        let caller = asking.caller;
        let life_ms = i64::try_from((stake.time + HOLD_MARGIN).as_millis()).unwrap_or(i64::MAX);
        HoldAsk {
            hold: HoldId::at(now.unix_ms),
            workspace: caller.workspace().clone(),
            key: caller.key().clone(),
            request: receipt.request_id.clone(),
            amount: stake.amount,
            expires_at_ms: now.unix_ms.saturating_add(life_ms),
            quotas: quotas(asking, stake, now)
                .chain(budgets::asks(asking, stake.amount, receipt, now))
                .collect(),
            policy_version: Arc::clone(&receipt.policy_version),
            weighs: Weighed {
                model: asking.model.map(str::to_owned),
                images: stake.images,
                pixels: stake.pixels,
            },
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
        visit.enter(Step::Settle);
        let price = fulfilled.charged;
        let began = Instant::now();
        let keeping = match visit.named {
            Some(_) => {
                let keeping = Box::pin(self.keep_pictures(visit, &hold, quote, fulfilled)).await;
                keeping.inspect_err(|_| self.spent(&hold, quote))?
            }
            None => None,
        };
        visit.receipt.charged = price;
        visit.receipt.total_us = micros(visit.began.elapsed());
        let receipt = visit.receipt.clone();
        let (settled, reply) = match keeping {
            None => (self.store.settle(hold.clone(), price, receipt).await, None),
            Some(Keeping { kept, reply }) => {
                (self.store.settle_and_keep(hold.clone(), price, receipt, kept).await, Some(reply))
            }
        };
        self.spent(&hold, if settled.is_ok() { price } else { quote });
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
        visit.enter(Step::Void);
        visit.receipt.refusal = Some(refusal.kind);
        visit.receipt.status = refusal.kind.status();
        visit.receipt.total_us = micros(visit.began.elapsed());
        let Some(Keeping { kept, reply }) =
            Box::pin(self.keep_refusal(visit, &hold, refusal)).await
        else {
            return self.give_back(hold, &mut visit.receipt).await;
        };
        self.spent(&hold, Credits::ZERO);
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
        self.spent(&hold, Credits::ZERO);
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

fn quotas<'a>(
    asking: &'a Asking<'_>,
    stake: &'a Stake,
    now: Now,
) -> impl Iterator<Item = QuotaAsk> + 'a {
    let weight = stake.weight();
    let ask = move |(quota, model): (&Quota, Option<&str>)| QuotaAsk {
        name: quota.name.clone(),
        subject: subject(asking.caller, quota, model),
        unit: quota_unit(quota.unit),
        period: quota.per.begin(now),
        weight: match quota.unit {
            Unit::Images => u64::from(stake.images),
            unit @ (Unit::Requests | Unit::Megapixels | Unit::Credits) => unit.of(weight),
        },
        each: stake.pixels.div_ceil(u64::from(stake.images.max(1))),
        most: quota.most,
        budget: None,
    };
    quotas_of(asking.policy, asking.plan, asking.model).map(ask)
}

/// Every quota of a plan and of a model, the latter with its model.
pub(super) fn quotas_of<'a>(
    policy: &'a Policy,
    plan: &'a Plan,
    model: Option<&'a str>,
) -> impl Iterator<Item = (&'a Quota, Option<&'a str>)> {
    let own = model.and_then(|model| policy.model_bounds.get(model));
    let of_model = own.into_iter().flat_map(|own| &own.quotas);
    plan.quotas.iter().map(|quota| (quota, None)).chain(of_model.map(move |quota| (quota, model)))
}

/// What a quota counts, in the ledger's words.
pub(super) const fn quota_unit(unit: Unit) -> QuotaUnit {
    match unit {
        Unit::Requests => QuotaUnit::Requests,
        Unit::Images => QuotaUnit::Images,
        Unit::Megapixels => QuotaUnit::Pixels,
        Unit::Credits => QuotaUnit::Credits,
    }
}
