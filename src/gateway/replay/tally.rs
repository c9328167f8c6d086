//! What was, beside what would have been: by workspace and model, and in all.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::credits::{Cost, Overflow};
use crate::finance::Recorded;
use crate::policy::Policy;

use super::Outcome;

/// What a credit is worth in dollars, in billionths: margin is told in dollars.
#[derive(Clone, Copy, Debug)]
pub struct Credit(pub Cost);

/// What recorded requests came to, and what they would have.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Replayed {
    /// By workspace and model.
    pub rows: Vec<Row>,
    /// All of them.
    pub total: Pair,
    /// What must be known of how they were judged.
    pub notes: Notes,
    #[serde(skip)]
    places: BTreeMap<(String, String), usize>,
}

/// What one workspace asked of one model.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// Who pays, by name; empty for nobody.
    pub workspace: String,
    /// What was asked for; empty for none.
    pub model: String,
    /// What it came to, and would have.
    #[serde(flatten)]
    pub sums: Pair,
}

/// What was, and what would have been.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// What was.
    pub was: Sums,
    /// What would have been.
    pub would: Sums,
}

/// What requests come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// All of them.
    pub requests: u64,
    /// Those that came to pictures.
    pub served: u64,
    /// Pictures.
    pub images: u64,
    /// What callers pay, in nano-credits.
    pub spend_nanos: i64,
    /// What vendors charge, in nano-dollars.
    pub cost_nanos: i64,
    /// What is left of the one after the other, in nano-dollars.
    pub margin_nanos: i64,
    /// How many of them each offering served.
    pub offerings: BTreeMap<String, u64>,
    /// How many were refused, by code.
    pub refusals: BTreeMap<String, u64>,
}

/// How requests were judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Notes {
    /// Judged again.
    pub judged: u64,
    /// Left as they were, for no policy decides them or too little is known of them.
    pub as_was: u64,
    /// Of those, rows that were paid for and bear no sketch: older ones, and calls passed through.
    pub unsketched: u64,
    /// Refused then, admitted now: what they would have come to is the most that it may.
    pub estimated: u64,
    /// Served by another offering now: what it would report is not known, so its own bounds count.
    pub elsewhere: u64,
    /// Whether the policy looks at words, which are not kept: those rules were left out.
    pub words_unknown: bool,
}

impl Notes {
    pub(super) fn of(policy: &Policy) -> Self {
        Self { words_unknown: policy.rules.look_at_words(), ..Self::default() }
    }
}

impl Replayed {
    pub(super) fn add(
        &mut self,
        one: &Recorded,
        was: &Outcome,
        would: &Outcome,
        credit: Credit,
    ) -> Result<(), Overflow> {
        let line = &one.line;
        let workspace = line.workspace_name.clone().or_else(|| line.workspace.clone());
        let names = (workspace.unwrap_or_default(), line.model.clone().unwrap_or_default());
        let place = *self.places.entry(names.clone()).or_insert_with(|| {
            let (workspace, model) = names;
            self.rows.push(Row { workspace, model, sums: Pair::default() });
            self.rows.len().saturating_sub(1)
        });
        let row = self.rows.get_mut(place).map(|row| &mut row.sums);
        for pair in row.into_iter().chain([&mut self.total]) {
            pair.was.add(was, credit)?;
            pair.would.add(would, credit)?;
        }
        Ok(())
    }

    /// The rows by name.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.rows.sort_by(|one, other| {
            (&one.workspace, &one.model).cmp(&(&other.workspace, &other.model))
        });
        self
    }

    /// Only what this workspace asked, by name.
    #[must_use]
    pub fn of_workspace(mut self, name: &str) -> Self {
        self.rows.retain(|row| row.workspace == name);
        self.total = Pair::default();
        for row in &self.rows {
            self.total.was.join(&row.sums.was);
            self.total.would.join(&row.sums.would);
        }
        self
    }
}

impl Sums {
    fn add(&mut self, outcome: &Outcome, Credit(worth): Credit) -> Result<(), Overflow> {
        let plus = |sum: i64, more: i64| sum.checked_add(more).ok_or(Overflow);
        self.requests = self.requests.saturating_add(1);
        self.images = self.images.saturating_add(u64::from(outcome.images));
        self.spend_nanos = plus(self.spend_nanos, outcome.charged)?;
        self.cost_nanos = plus(self.cost_nanos, outcome.cost)?;
        let earned = i128::from(self.spend_nanos)
            .saturating_mul(i128::from(worth.nanos()))
            .div_euclid(1_000_000_000);
        let margin = earned.saturating_sub(i128::from(self.cost_nanos));
        self.margin_nanos = i64::try_from(margin).map_err(|_| Overflow)?;
        if outcome.code == "ok" {
            self.served = self.served.saturating_add(1);
            if let Some(offering) = &outcome.offering {
                count(&mut self.offerings, offering, 1);
            }
        } else {
            count(&mut self.refusals, &outcome.code, 1);
        }
        Ok(())
    }

    fn join(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.served = self.served.saturating_add(other.served);
        self.images = self.images.saturating_add(other.images);
        self.spend_nanos = self.spend_nanos.saturating_add(other.spend_nanos);
        self.cost_nanos = self.cost_nanos.saturating_add(other.cost_nanos);
        self.margin_nanos = self.margin_nanos.saturating_add(other.margin_nanos);
        other.offerings.iter().for_each(|(name, n)| count(&mut self.offerings, name, *n));
        other.refusals.iter().for_each(|(name, n)| count(&mut self.refusals, name, *n));
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    if let Some(known) = counts.get_mut(name) {
        *known = known.saturating_add(more);
    } else {
        counts.insert(name.to_owned(), more);
    }
}
