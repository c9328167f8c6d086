//! Workspaces and keys as the writer knows them: it decides on these before anything is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::auth::{KEY_PREFIX, KeyRecord, KeyRing, KeyStatus, Mode, digest, new_key_text};
use crate::clock::Now;
use crate::id::{KeyId, WorkspaceId};

use super::change::Rotation;
use super::error::StoreError;

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its public name.
    pub id: WorkspaceId,
    /// What people call it; no two are called the same.
    pub name: String,
    /// Whether all its keys are shut out.
    pub suspended: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
}

/// A key to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewKey {
    /// Who pays for what it asks.
    pub workspace: WorkspaceId,
    /// What people call it.
    pub name: String,
    /// The name of its plan in policy.
    pub plan: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Whether it buys real pictures.
    pub mode: Mode,
    /// From when it is no longer good.
    pub expires_at_ms: Option<i64>,
    /// What its text begins with; the usual when `None`.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Whether a call that its library repeats by itself joins the first.
    #[serde(default)]
    pub joins_repeats: bool,
}

/// A key and when it was made.
#[derive(Clone, Debug)]
pub(super) struct StoredKey {
    /// The snapshots that requests are proven by share it.
    pub(super) record: Arc<KeyRecord>,
    pub(super) created_at_ms: i64,
}

/// Every workspace and every key.
#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) workspaces: BTreeMap<WorkspaceId, Workspace>,
    pub(super) keys: BTreeMap<KeyId, StoredKey>,
    /// The highest number of a change that is known of; only several nodes number them.
    pub(super) version: i64,
}

impl Registry {
    pub(super) fn of(workspaces: Vec<Workspace>, keys: Vec<StoredKey>) -> Self {
        let workspaces = workspaces.into_iter().map(|workspace| (workspace.id.clone(), workspace));
        let workspaces: BTreeMap<_, _> = workspaces.collect();
        let keys = keys.into_iter().map(|mut key| {
            // The name of a workspace is in memory once, however many keys it has.
            if let Some((known, _)) = workspaces.get_key_value(&key.record.workspace) {
                Arc::make_mut(&mut key.record).workspace = known.clone();
            }
            (key.record.id.clone(), key)
        });
        let keys = keys.collect();
        Self { workspaces, keys, version: 0 }
    }

    /// Takes up what is new or has changed.
    pub(super) fn learn(&mut self, workspaces: Vec<Workspace>, keys: Vec<StoredKey>) {
        let Self { workspaces: more, keys: others, .. } = Self::of(workspaces, keys);
        self.workspaces.extend(more);
        self.keys.extend(others);
    }

    /// The snapshot that requests are authenticated against.
    pub(super) fn ring(&self) -> KeyRing {
        let suspended: Vec<WorkspaceId> = self
            .workspaces
            .values()
            .filter(|workspace| workspace.suspended)
            .map(|workspace| workspace.id.clone())
            .collect();
        let records = self.keys.values().map(|key| Arc::clone(&key.record));
        KeyRing::new(records, &suspended)
    }

    pub(super) fn must_know(&self, workspace: &WorkspaceId) -> Result<(), StoreError> {
        if self.workspaces.contains_key(workspace) {
            Ok(())
        } else {
            Err(unknown("workspace", workspace.as_str()))
        }
    }

    pub(super) fn create_workspace(
        &mut self,
        name: String,
        now: Now,
    ) -> Result<WorkspaceId, StoreError> {
        if self.workspaces.values().any(|known| known.name == name) {
            return Err(StoreError::NameTaken { name });
        }
        let id = WorkspaceId::random();
        let workspace =
            Workspace { id: id.clone(), name, suspended: false, created_at_ms: now.unix_ms };
        self.workspaces.insert(id.clone(), workspace);
        Ok(id)
    }

    pub(super) fn suspend_workspace(
        &mut self,
        id: &WorkspaceId,
        suspended: bool,
    ) -> Result<(), StoreError> {
        let workspace =
            self.workspaces.get_mut(id).ok_or_else(|| unknown("workspace", id.as_str()))?;
        workspace.suspended = suspended;
        Ok(())
    }

    /// Makes a key. Its text is in the answer and nowhere else.
    pub(super) fn create_key(
        &mut self,
        new: NewKey,
        now: Now,
    ) -> Result<(KeyId, String), StoreError> {
        self.must_know(&new.workspace)?;
        let (id, text) =
            (KeyId::random(), new_key_text(new.prefix.as_deref().unwrap_or(KEY_PREFIX), new.mode));
        let record = KeyRecord {
            id: id.clone(),
            workspace: new.workspace,
            digest: digest(&text),
            scopes: new.scopes,
            mode: new.mode,
            plan: new.plan,
            status: KeyStatus::Active,
            expires_at_ms: new.expires_at_ms,
            joins_repeats: new.joins_repeats,
            name: new.name,
        };
        let key = StoredKey { record: Arc::new(record), created_at_ms: now.unix_ms };
        self.keys.insert(id.clone(), key);
        Ok((id, text))
    }

    /// Makes a key that may do what another may, and sets the other's end.
    pub(super) fn rotate_key(
        &mut self,
        id: &KeyId,
        Rotation { old_until_ms, prefix }: Rotation,
        now: Now,
    ) -> Result<(KeyId, String), StoreError> {
        let old = self.keys.get_mut(id).ok_or_else(|| unknown("key", id.as_str()))?;
        if old.record.status == KeyStatus::Revoked {
            return Err(StoreError::KeyRevoked { key: id.clone() });
        }
        let text = new_key_text(prefix.as_deref().unwrap_or(KEY_PREFIX), old.record.mode);
        let new = KeyId::random();
        let record =
            KeyRecord { id: new.clone(), digest: digest(&text), ..KeyRecord::clone(&old.record) };
        let end_ms = old.record.expires_at_ms.unwrap_or(old_until_ms).min(old_until_ms);
        Arc::make_mut(&mut old.record).expires_at_ms = Some(end_ms);
        let key = StoredKey { record: Arc::new(record), created_at_ms: now.unix_ms };
        self.keys.insert(new.clone(), key);
        Ok((new, text))
    }

    pub(super) fn set_key_status(
        &mut self,
        id: &KeyId,
        status: KeyStatus,
    ) -> Result<(), StoreError> {
        let key = self.keys.get_mut(id).ok_or_else(|| unknown("key", id.as_str()))?;
        match (key.record.status, status) {
            (KeyStatus::Revoked, KeyStatus::Active | KeyStatus::Suspended) => {
                Err(StoreError::KeyRevoked { key: id.clone() })
            }
            (KeyStatus::Revoked, KeyStatus::Revoked)
            | (KeyStatus::Active | KeyStatus::Suspended, _) => {
                Arc::make_mut(&mut key.record).status = status;
                Ok(())
            }
        }
    }
}

fn unknown(what: &'static str, name: &str) -> StoreError {
    StoreError::Unknown { what, name: name.to_owned() }
}
