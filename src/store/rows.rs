//! What one commit writes. Rows that change often are written once, as they stand at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::{Connection, params};

use crate::credits::Credits;
use crate::id::{GrantId, HoldId, KeyId, RequestId, WorkspaceId};
use crate::ledger::{Changes, Ended, Ending, Entry, Grant, Hold, Ledger, QuotaUnit};
use crate::receipt::Receipt;

use super::registry::{Registry, StoredKey};

pub(super) mod jobs;
pub(super) mod media;
pub(super) mod notices;
pub(super) mod pledges;
mod usage;

use pledges::PledgeRows;

/// Everything that waits for the commit.
#[derive(Debug, Default)]
pub(super) struct Rows {
    entries: Vec<Entry>,
    grants: BTreeSet<GrantId>,
    opened: Vec<HoldId>,
    ended: Vec<HoldId>,
    quotas: BTreeMap<(i64, Arc<str>, QuotaUnit), u64>,
    receipts: Vec<Receipt>,
    pub(super) jobs: jobs::JobRows,
    pub(super) pledges: PledgeRows,
    pub(super) workspaces: BTreeSet<WorkspaceId>,
    pub(super) keys: BTreeSet<KeyId>,
    pub(super) touched: Vec<(KeyId, i64)>,
    pub(super) media: Vec<media::MediaChange>,
}

impl Rows {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.opened.is_empty()
            && self.ended.is_empty()
            && self.receipts.is_empty()
            && self.jobs.is_empty()
            && self.pledges.is_empty()
            && self.workspaces.is_empty()
            && self.keys.is_empty()
            && self.touched.is_empty()
            && self.media.is_empty()
    }

    pub(super) fn change(&mut self, changes: Changes) {
        for quota in changes.quotas {
            let counter = (quota.period, quota.subject, quota.unit);
            self.quotas.insert(counter, quota.used);
        }
        for entry in &changes.entries {
            if !self.grants.contains(&entry.grant) {
                self.grants.insert(entry.grant.clone());
            }
        }
        self.entries.extend(changes.entries);
    }

    pub(super) fn open(&mut self, hold: HoldId) {
        self.opened.push(hold);
    }

    pub(super) fn end(&mut self, hold: HoldId) {
        self.ended.push(hold);
    }

    /// A usage row; what it says was charged is what the ledger took, whatever the receipt says.
    pub(super) fn receipt(&mut self, mut receipt: Receipt, charged: Credits) {
        receipt.charged = charged;
        self.receipts.push(receipt);
    }

    /// Writes everything; entries are numbered on from `entry_seq`, which is given back moved on.
    pub(super) fn write(
        &self,
        database: &Connection,
        ledger: &Ledger,
        registry: &Registry,
        mut entry_seq: i64,
    ) -> rusqlite::Result<i64> {
        self.write_registry(database, registry)?;
        for entry in &self.entries {
            entry_seq = entry_seq.saturating_add(1);
            write_entry(database, entry_seq, entry)?;
        }
        for grant in self.grants.iter().filter_map(|id| ledger.find_grant(id)) {
            write_grant(database, grant)?;
        }
        for hold in self.opened.iter().filter_map(|id| ledger.find_hold(id)) {
            open_hold(database, hold)?;
        }
        for hold in self.ended.iter().filter_map(|id| ledger.find_hold(id)) {
            end_hold(database, hold)?;
        }
        for ((period, subject, unit), used) in &self.quotas {
            database
                .prepare_cached("INSERT OR REPLACE INTO quota (period, subject, unit, used) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![
                    period,
                    subject,
                    unit.name(),
                    i64::try_from(*used).unwrap_or(i64::MAX)
                ])?;
        }
        for receipt in &self.receipts {
            usage::write(database, receipt)?;
        }
        self.jobs.write(database)?;
        for (key, at_ms) in &self.touched {
            database
                .prepare_cached("UPDATE key SET last_used_at_ms = ?2 WHERE id = ?1")?
                .execute(params![key.as_str(), at_ms])?;
        }
        for change in &self.media {
            media::write(database, change)?;
        }
        Ok(entry_seq)
    }

    fn write_registry(&self, database: &Connection, registry: &Registry) -> rusqlite::Result<()> {
        let known = &registry.workspaces;
        for workspace in self.workspaces.iter().filter_map(|id| known.get(id)) {
            database
                .prepare_cached(
                    "INSERT INTO workspace (id, name, suspended, created_at_ms)
                     VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (id) DO UPDATE SET suspended = ?3",
                )?
                .execute(params![
                    workspace.id.as_str(),
                    workspace.name,
                    workspace.suspended,
                    workspace.created_at_ms
                ])?;
        }
        for key in self.keys.iter().filter_map(|id| registry.keys.get(id)) {
            write_key(database, key)?;
        }
        Ok(())
    }
}

fn write_key(database: &Connection, key: &StoredKey) -> rusqlite::Result<()> {
    let record = &key.record;
    database
        .prepare_cached(
            "INSERT INTO key (id, workspace, digest, scopes, mode, plan, status, expires_at_ms,
                              name, created_at_ms, joins_repeats)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET status = ?7",
        )?
        .execute(params![
            record.id.as_str(),
            record.workspace.as_str(),
            record.digest,
            json(&record.scopes)?,
            record.mode.name(),
            record.plan,
            record.status.name(),
            record.expires_at_ms,
            record.name,
            key.created_at_ms,
            record.joins_repeats
        ])?;
    Ok(())
}

fn write_entry(database: &Connection, seq: i64, entry: &Entry) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "INSERT INTO entry (seq, workspace, kind, source, target, \"grant\", hold,
                                amount_nanos, request, key, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            seq,
            entry.workspace.as_str(),
            entry.kind.name(),
            entry.source.name(),
            entry.target.name(),
            entry.grant.as_str(),
            entry.hold.as_ref().map(HoldId::as_str),
            entry.amount.nanos(),
            entry.request.as_ref().map(RequestId::as_str),
            entry.key.as_ref().map(KeyId::as_str),
            entry.at_ms
        ])?;
    Ok(())
}

fn write_grant(database: &Connection, grant: &Grant) -> rusqlite::Result<()> {
    let (new, balance) = (&grant.new, &grant.balance);
    database
        .prepare_cached(
            "INSERT INTO \"grant\" (id, workspace, amount_nanos, source, priority, promotional,
                                    effective_at_ms, expires_at_ms, granted_at_ms,
                                    available_nanos, held_nanos, spent_nanos, expired_nanos)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (id) DO UPDATE SET available_nanos = ?10, held_nanos = ?11,
                                            spent_nanos = ?12, expired_nanos = ?13",
        )?
        .execute(params![
            new.id.as_str(),
            new.workspace.as_str(),
            new.amount.nanos(),
            new.source,
            new.priority,
            new.promotional,
            new.effective_at_ms,
            new.expires_at_ms,
            grant.granted_at_ms,
            balance.available.nanos(),
            balance.held.nanos(),
            balance.spent.nanos(),
            balance.expired.nanos()
        ])?;
    Ok(())
}

fn open_hold(database: &Connection, hold: &Hold) -> rusqlite::Result<()> {
    let ask = &hold.ask;
    let pinned: Vec<(&str, i64)> =
        hold.pinned.iter().map(|(grant, amount)| (grant.as_str(), amount.nanos())).collect();
    let quotas = if ask.quotas.is_empty() { String::new() } else { json(&ask.quotas)? };
    database
        .prepare_cached(
            "INSERT INTO hold (id, workspace, key, request, amount_nanos, opened_at_ms,
                               expires_at_ms, policy_version, pinned, quotas, remaining_nanos,
                               weighs, price_version, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'open')",
        )?
        .execute(params![
            ask.hold.as_str(),
            ask.workspace.as_str(),
            ask.key.as_str(),
            ask.request.as_str(),
            ask.amount.nanos(),
            hold.opened_at_ms,
            ask.expires_at_ms,
            &*ask.policy_version,
            json(&pinned)?,
            quotas,
            hold.held.remaining.nanos(),
            json(&ask.weighs)?,
            ask.price_version.as_deref()
        ])?;
    Ok(())
}

fn end_hold(database: &Connection, hold: &Hold) -> rusqlite::Result<()> {
    let Some(Ended { way, at_ms, remaining }) = hold.ended else {
        return Ok(());
    };
    let (state, charged, images) = match way {
        Ending::Settled { price, images } => ("settled", Some(price.nanos()), Some(images)),
        Ending::Voided => ("voided", None, None),
        Ending::Expired => ("expired", None, None),
    };
    database
        .prepare_cached(
            "UPDATE hold SET state = ?2, ended_at_ms = ?3, charged_nanos = ?4, images = ?5,
                             ended_remaining_nanos = ?6
             WHERE id = ?1",
        )?
        .execute(params![
            hold.ask.hold.as_str(),
            state,
            at_ms,
            charged,
            images,
            remaining.nanos()
        ])?;
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|source| rusqlite::Error::ToSqlConversionFailure(source.into()))
}
