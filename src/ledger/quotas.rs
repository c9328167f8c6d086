//! Counters of calendar quotas, one for each subject, unit and period.
//!
//! The period is part of the counter's name, so midnight resets nothing: a new day is a new counter.

use std::collections::HashMap;
use std::sync::Arc;

use super::ask::{LedgerError, QuotaAsk, QuotaUnit, QuotaUse};

/// How many days a counter is remembered after its period began; longer than any month.
pub const QUOTA_DAYS_MAX: i64 = 40;

type Counter = (Arc<str>, QuotaUnit, i64);

/// All counters.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    used: HashMap<Counter, u64>,
    day: i64,
}

impl Quotas {
    pub(super) fn used(&self, subject: &Arc<str>, unit: QuotaUnit, period: i64) -> u64 {
        let counter = (Arc::clone(subject), unit, period);
        self.used.get(&counter).copied().unwrap_or(0)
    }

    /// Sets one counter.
    pub(super) fn set(&mut self, quota: QuotaUse) {
        self.used.insert((quota.subject, quota.unit, quota.period), quota.used);
    }

    /// What the counters would be if every share was taken, or the first no.
    pub(super) fn judge(&self, asks: &[QuotaAsk]) -> Result<Vec<QuotaUse>, LedgerError> {
        let mut after: Vec<QuotaUse> = Vec::with_capacity(asks.len());
        for ask in asks {
            let used = self.staged(&after, ask);
            let sum = used.checked_add(ask.weight).ok_or(LedgerError::Overflow)?;
            if sum > ask.most && ask.weight > 0 {
                return Err(LedgerError::QuotaExhausted {
                    name: ask.name.clone(),
                    most: ask.most,
                    used,
                });
            }
            stage(&mut after, ask, sum);
        }
        Ok(after)
    }

    /// What the counters would be if every share was given back but for `kept` of it.
    pub(super) fn returned(
        &self,
        asks: &[QuotaAsk],
        kept: impl Fn(&QuotaAsk) -> u64,
    ) -> Vec<QuotaUse> {
        let mut after = Vec::with_capacity(asks.len());
        for ask in asks {
            let back = ask.weight.saturating_sub(kept(ask));
            let used = self.staged(&after, ask);
            if back > 0 {
                stage(&mut after, ask, used.saturating_sub(back));
            }
        }
        after
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
            self.used.retain(|(_, _, period), _| *period >= oldest);
        }
    }

    fn staged(&self, after: &[QuotaUse], ask: &QuotaAsk) -> u64 {
        after
            .iter()
            .find(|quota| quota.counts(ask))
            .map_or_else(|| self.used(&ask.subject, ask.unit, ask.period), |quota| quota.used)
    }
}

impl QuotaUse {
    fn counts(&self, ask: &QuotaAsk) -> bool {
        self.unit == ask.unit && self.period == ask.period && self.subject == ask.subject
    }
}

fn stage(after: &mut Vec<QuotaUse>, ask: &QuotaAsk, used: u64) {
    if let Some(quota) = after.iter_mut().find(|quota| quota.counts(ask)) {
        quota.used = used;
    } else {
        after.push(QuotaUse {
            subject: Arc::clone(&ask.subject),
            unit: ask.unit,
            period: ask.period,
            used,
        });
    }
}
