//! Credits of a workspace: given, taken back and looked at, and how much of a quota is used.

use std::collections::HashMap;
use std::sync::Arc;

use crate::credits::Credits;
use crate::id::WorkspaceId;
use crate::ledger::{Balance, NewAdjustment, NewGrant, QuotaUnit};

use super::Store;
use super::ask::Ask;
use super::change::Change;
use super::error::StoreError;

impl Store {
    /// Adds credits to a workspace. The grant's id makes it safe to ask again.
    pub async fn grant(&self, new: NewGrant) -> Result<(), StoreError> {
        self.change_here(|reply| Change::Grant(Box::new(new), reply)).await
    }

    /// From now on, plans give these credits each month. A workspace is granted the most that any of
    /// its live keys' plans gives, once a month, when something is first asked of its credits.
    pub fn set_allowances(&self, by_plan: HashMap<String, Credits>) {
        // A store that is closed grants nothing any more.
        drop(self.send(Ask::Allowances(by_plan), None));
    }

    /// Where the credits of a workspace are; zero throughout for one that has none.
    pub async fn balance(&self, workspace: &WorkspaceId) -> Result<Balance, StoreError> {
        self.ask(|reply| Ask::Balance(workspace.clone(), reply)).await
    }

    /// How much of a calendar quota is used.
    pub async fn quota_used(
        &self,
        subject: Arc<str>,
        unit: QuotaUnit,
        period: i64,
    ) -> Result<u64, StoreError> {
        self.ask(|reply| Ask::QuotaUsed(subject, unit, period, reply)).await
    }

    /// Takes credits of a workspace back. The adjustment's id makes it safe to ask again.
    pub async fn adjust(&self, new: NewAdjustment) -> Result<(), StoreError> {
        self.change_here(|reply| Change::Adjust(Box::new(new), reply)).await
    }
}
