//! The allowance of a month, granted when it is first needed: before a hold, before the answer of a
//! settlement, before a balance is told.
//!
//! The workspace's own is the largest among the plans of its live keys in use. What was looked at
//! this month is remembered, so that most asks cost one look-up.

use std::collections::HashMap;

use crate::auth::{KeyStatus, Mode};
use crate::clock::Now;
use crate::credits::Credits;
use crate::id::WorkspaceId;
use crate::ledger::Month;

use super::super::registry::Registry;
use super::{Batch, Writer};

/// What plans give each month, and who was seen to have it.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    by_plan: HashMap<String, Credits>,
    /// The first moment of the month that a workspace was last seen to have its allowance of; as
    /// many as there are workspaces at most.
    seen: HashMap<WorkspaceId, i64>,
    /// The number of the registry that they were looked at with.
    version: i64,
}

impl Allowances {
    /// From now on, plans give this.
    pub(super) fn set(&mut self, by_plan: HashMap<String, Credits>) {
        *self = Self { by_plan, ..Self::default() };
    }

    /// Whether no plan gives anything.
    pub(super) fn is_empty(&self) -> bool {
        self.by_plan.is_empty()
    }

    /// Everyone may be due more than when they were last looked at.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }

    /// The same, when the registry is not what it was then.
    pub(super) fn look_again_after(&mut self, version: i64) {
        if self.version != version {
            self.version = version;
            self.forget();
        }
    }

    /// A workspace may be due more than when it was last looked at.
    pub(super) fn look_again(&mut self, workspace: &WorkspaceId) {
        self.seen.remove(workspace);
    }

    /// What a workspace is given each month.
    fn of(&self, workspace: &WorkspaceId, registry: &Registry, now: Now) -> Option<Credits> {
        registry.workspaces.get(workspace).filter(|known| !known.suspended)?;
        let keys = registry.keys.values().map(|key| &key.record);
        let in_use = keys.filter(|key| {
            key.workspace == *workspace
                && key.mode == Mode::Live
                && key.status == KeyStatus::Active
                && key.expires_at_ms.is_none_or(|end_ms| end_ms > now.unix_ms)
        });
        in_use.filter_map(|key| self.by_plan.get(&key.plan).copied()).max()
    }
}

impl Writer {
    /// Sees to it that a workspace has what it is due this month; it joins the batch.
    pub(super) fn renew(&mut self, workspace: &WorkspaceId, batch: &mut Batch, now: Now) {
        if self.allowances.by_plan.is_empty() {
            return;
        }
        let Some(month) = Month::of(now) else { return };
        if self.allowances.seen.get(workspace) == Some(&month.begins_at_ms) {
            return;
        }
        if let Some(monthly) = self.allowances.of(workspace, &self.books.registry, now) {
            match self.books.ledger.renew(workspace, monthly, &month, now) {
                Ok(changes) => batch.rows.change(changes),
                // Nothing changed, and what was asked can still be decided without it.
                Err(error) => {
                    tracing::error!(%workspace, %error, "an allowance could not be granted");
                }
            }
        }
        self.allowances.seen.insert(workspace.clone(), month.begins_at_ms);
    }
}
