//! Counters of calendar quotas, one for each subject, unit and period.
//!
//! The period is part of the counter's name, so midnight resets nothing: a new day is a new counter.
//! Budgets are counted here too: what they allow is bounded by what is spent and set aside, what is
//! told of them goes by what is spent, which never falls.

use std::collections::HashMap;
use std::sync::Arc;

use super::ask::{BudgetAsk, LedgerError, QuotaAsk, QuotaUnit, QuotaUse};

/// How many days a counter is remembered after its period began; longer than any month.
pub const QUOTA_DAYS_MAX: i64 = 40;

type Counter = (Arc<str>, QuotaUnit, i64);

/// What stands at one counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) used: u64,
    spent: u64,
    told: u8,
}

/// A part of a budget that was spent by an ask.
#[derive(Debug)]
pub(super) struct Reached<'a> {
    pub(super) ask: &'a QuotaAsk,
    pub(super) percent: u8,
    pub(super) limit: u64,
    pub(super) spent: u64,
}

/// All counters.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    counts: HashMap<Counter, Count>,
    day: i64,
}

impl Quotas {
    pub(super) fn count(&self, subject: &Arc<str>, unit: QuotaUnit, period: i64) -> Count {
        let counter = (Arc::clone(subject), unit, period);
        self.counts.get(&counter).copied().unwrap_or_default()
    }

    /// Sets one counter.
    pub(super) fn set(&mut self, quota: QuotaUse) {
        let QuotaUse { subject, unit, period, used, spent, told } = quota;
        self.counts.insert((subject, unit, period), Count { used, spent, told });
    }

    /// What the counters would be if every share was taken, or the first no.
    pub(super) fn judge(&self, asks: &[QuotaAsk]) -> Result<Vec<QuotaUse>, LedgerError> {
        let mut after: Vec<QuotaUse> = Vec::with_capacity(asks.len());
        for ask in asks {
            let count = self.staged(&after, ask);
            let sum = count.used.checked_add(ask.weight).ok_or(LedgerError::Overflow)?;
            if sum > ask.most && ask.weight > 0 {
                return Err(no(ask, count.used));
            }
            stage(&mut after, ask, Count { used: sum, ..count });
        }
        Ok(after)
    }

    /// What the counters would be if every share was given back but for `kept` of it, and the parts
    /// of budgets that are spent by then.
    pub(super) fn returned<'a>(
        &self,
        asks: &'a [QuotaAsk],
        kept: impl Fn(&QuotaAsk) -> u64,
    ) -> (Vec<QuotaUse>, Vec<Reached<'a>>) {
        let (mut after, mut reached) = (Vec::with_capacity(asks.len()), Vec::new());
        for ask in asks {
            let kept = kept(ask);
            let before = self.staged(&after, ask);
            let back = ask.weight.saturating_sub(kept);
            let mut count = Count { used: before.used.saturating_sub(back), ..before };
            if let Some(budget) = &ask.budget {
                count.spent = count.spent.saturating_add(kept);
                let of =
                    |percent| Reached { ask, percent, limit: budget.limit, spent: count.spent };
                let parts = budget.reached(count);
                reached.extend(parts.iter().copied().map(of));
                count.told = parts.last().copied().unwrap_or(count.told);
            }
            if count != before {
                stage(&mut after, ask, count);
            }
        }
        (after, reached)
    }

    /// Sets the counters as judged.
    pub(super) fn apply(&mut self, after: &[QuotaUse]) {
        for quota in after {
            self.set(quota.clone());
        }
    }

    /// Forgets periods that nobody asks for any more.
    pub(super) fn forget(&mut self, today: i64) {
        if self.day != today {
            self.day = today;
            let oldest = today.saturating_sub(QUOTA_DAYS_MAX);
            self.counts.retain(|(_, _, period), _| *period >= oldest);
        }
    }

    fn staged(&self, after: &[QuotaUse], ask: &QuotaAsk) -> Count {
        let staged = after.iter().find(|quota| quota.counts(ask));
        staged.map_or_else(
            || self.count(&ask.subject, ask.unit, ask.period),
            |quota| Count { used: quota.used, spent: quota.spent, told: quota.told },
        )
    }
}

impl BudgetAsk {
    /// The parts that are spent and were not told of.
    fn reached(&self, count: Count) -> Vec<u8> {
        let (spent, limit) = (u128::from(count.spent), u128::from(self.limit));
        let is_spent = move |percent: &u8| {
            spent.saturating_mul(100) >= limit.saturating_mul(u128::from(*percent))
        };
        let untold = self.alert_at.iter().copied().filter(|percent| *percent > count.told);
        untold.filter(is_spent).collect()
    }
}

impl QuotaUse {
    fn counts(&self, ask: &QuotaAsk) -> bool {
        self.unit == ask.unit && self.period == ask.period && self.subject == ask.subject
    }
}

fn no(ask: &QuotaAsk, used: u64) -> LedgerError {
    let (name, most) = (ask.name.clone(), ask.most);
    match ask.budget {
        None => LedgerError::QuotaExhausted { name, most, used },
        Some(_) => LedgerError::BudgetSpent { name, most, used },
    }
}

fn stage(after: &mut Vec<QuotaUse>, ask: &QuotaAsk, Count { used, spent, told }: Count) {
    if let Some(quota) = after.iter_mut().find(|quota| quota.counts(ask)) {
        (quota.used, quota.spent, quota.told) = (used, spent, told);
    } else {
        let subject = Arc::clone(&ask.subject);
        after.push(QuotaUse { subject, unit: ask.unit, period: ask.period, used, spent, told });
    }
}
