//! What one commit writes. Rows that change often are written once, as they stand at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{GrantId, HoldId, KeyId, WorkspaceId};
use crate::ledger::{Alert, Changes, NewAdjustment, QuotaUnit, QuotaUse};

use super::alerts::AlertTried;
use super::books::Books;
use super::error::StoreError;
use super::shape::RowSet;

pub(super) mod adjustments;
pub(super) mod alerts;
pub(super) mod audit;
pub(super) mod jobs;
pub(super) mod ledger;
pub(super) mod media;
pub(super) mod notices;
pub(super) mod pledges;
pub(super) mod registry;
pub(super) mod usage;

use ledger::Numbered;
use pledges::PledgeRows;
use usage::UsageRow;

/// Everything that waits for the commit.
#[derive(Debug, Default)]
pub(super) struct Rows {
    entries: Vec<crate::ledger::Entry>,
    grants: BTreeSet<GrantId>,
    opened: Vec<HoldId>,
    ended: Vec<HoldId>,
    quotas: BTreeMap<(i64, Arc<str>, QuotaUnit), QuotaUse>,
    /// What is to be told of budgets.
    pub(super) alerts: Vec<Alert>,
    /// Notices of such alerts that were tried.
    pub(super) alerts_tried: Vec<AlertTried>,
    /// Adjustments, and when they were made.
    adjustments: Vec<(NewAdjustment, i64)>,
    pub(super) usage: Vec<UsageRow>,
    pub(super) jobs: jobs::JobRows,
    pub(super) pledges: PledgeRows,
    pub(super) workspaces: BTreeSet<WorkspaceId>,
    pub(super) keys: BTreeSet<KeyId>,
    pub(super) touched: Vec<(KeyId, i64)>,
    pub(super) media: Vec<media::MediaChange>,
    pub(super) audit: audit::AuditRows,
}

impl Rows {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.opened.is_empty()
            && self.ended.is_empty()
            && self.usage.is_empty()
            && self.jobs.is_empty()
            && self.pledges.is_empty()
            && self.workspaces.is_empty()
            && self.keys.is_empty()
            && self.touched.is_empty()
            && self.media.is_empty()
            && self.audit.is_empty()
            && self.alerts_tried.is_empty()
    }

    pub(super) fn change(&mut self, changes: Changes) {
        for quota in changes.quotas {
            let counter = (quota.period, Arc::clone(&quota.subject), quota.unit);
            self.quotas.insert(counter, quota);
        }
        self.alerts.extend(changes.alerts);
        for entry in &changes.entries {
            if !self.grants.contains(&entry.grant) {
                self.grants.insert(entry.grant.clone());
            }
        }
        self.entries.extend(changes.entries);
    }

    /// An adjustment; its entries are a change like any other.
    pub(super) fn adjust(&mut self, new: NewAdjustment, at_ms: i64) {
        self.adjustments.push((new, at_ms));
    }

    pub(super) fn open(&mut self, hold: HoldId) {
        self.opened.push(hold);
    }

    /// The greatest name of the holds that it opens.
    pub(super) fn last_opened(&self) -> Option<&HoldId> {
        self.opened.iter().max()
    }

    pub(super) fn end(&mut self, hold: HoldId) {
        self.ended.push(hold);
    }

    /// The names of what is to be told of budgets.
    pub(super) fn alert_ids(&self) -> Vec<String> {
        self.alerts.iter().map(|alert| alerts::id(alert).as_str().to_owned()).collect()
    }

    /// All of it but the pledges, table by table in the order in which it is to be written.
    /// `number` gives the next entry of a workspace its number.
    pub(super) fn sets<'a>(
        &'a self,
        books: &'a Books,
        mut number: impl FnMut(&WorkspaceId) -> i64,
    ) -> Result<Vec<RowSet<'a>>, StoreError> {
        let known = &books.registry;
        let entries = self.entries.iter().map(|entry| Numbered(number(&entry.workspace), entry));
        let find_hold = |id| books.ledger.find_hold(id);
        let mut sets = vec![
            registry::workspaces(self.workspaces.iter().filter_map(|id| known.workspaces.get(id))),
            registry::keys(self.keys.iter().filter_map(|id| known.keys.get(id)))?,
            ledger::entries(entries),
            ledger::grants(self.grants.iter().filter_map(|id| books.ledger.find_grant(id))),
            ledger::opened(self.opened.iter().filter_map(find_hold))?,
            ledger::ended(self.ended.iter().filter_map(find_hold)),
            ledger::quotas(&self.quotas),
            adjustments::made(&self.adjustments),
            alerts::opened(&self.alerts),
            usage::set(&self.usage)?,
        ];
        sets.extend(self.jobs.sets()?);
        sets.extend(alerts::tried(&self.alerts_tried));
        sets.push(registry::touched(&self.touched));
        sets.extend(media::sets(&self.media));
        sets.extend(self.audit.sets());
        sets.retain(|set| !set.rows.is_empty());
        Ok(sets)
    }
}
