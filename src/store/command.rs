//! What operators ask of a store, as values that travel: the same verbs for a running gateway's
//! control socket and for a stopped store.

use serde::{Deserialize, Serialize};

use crate::auth::{KeyStatus, Mode};
use crate::credits::Credits;
use crate::id::{GrantId, KeyId, WorkspaceId};
use crate::ledger::{Balance, NewAdjustment, NewGrant};

use super::error::StoreError;
use super::registry::{NewKey, Workspace};
use super::{Store, VerifyReport};

/// One verb and what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Command {
    /// Makes a workspace.
    CreateWorkspace {
        /// What people call it.
        name: String,
    },
    /// Lists every workspace.
    ListWorkspaces,
    /// Shuts out all keys of a workspace, or lets them in again.
    SuspendWorkspace {
        /// Which.
        workspace: WorkspaceId,
        /// Out, or in again.
        suspended: bool,
    },
    /// Makes a key; the outcome is the only place that its text is ever shown.
    CreateKey(NewKey),
    /// Lists keys, of one workspace or of all.
    ListKeys {
        /// Whose; all when `None`.
        workspace: Option<WorkspaceId>,
    },
    /// Puts a key in or out of use. Revoking is for good.
    SetKeyStatus {
        /// Which.
        key: KeyId,
        /// The new status.
        status: KeyStatus,
    },
    /// Adds credits to a workspace.
    Grant(NewGrant),
    /// Takes credits of a workspace back.
    Adjust(NewAdjustment),
    /// Asks where the credits of a workspace are.
    Balance {
        /// Whose.
        workspace: WorkspaceId,
    },
    /// Lists the grants of a workspace that are not spent yet, in the order they will be.
    ListGrants {
        /// Whose.
        workspace: WorkspaceId,
    },
    /// Proves the books.
    Verify,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// The workspace was made.
    WorkspaceCreated {
        /// Its public name.
        workspace: WorkspaceId,
    },
    /// Every workspace.
    Workspaces {
        /// By public name.
        workspaces: Vec<Workspace>,
    },
    /// The key was made.
    KeyCreated {
        /// Its public name.
        key: KeyId,
        /// The key itself, shown now and never again.
        text: String,
    },
    /// The keys asked for.
    Keys {
        /// By public name.
        keys: Vec<KeySummary>,
    },
    /// Where the credits are.
    Balance(Balance),
    /// The grants that are not spent yet.
    Grants {
        /// In the order they will be spent.
        grants: Vec<GrantSummary>,
    },
    /// What the proof found.
    Verified(VerifyReport),
}

/// A grant, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantSummary {
    /// Its name.
    pub id: GrantId,
    /// What was given.
    pub amount: Credits,
    /// What is left of it, what is held included.
    pub left: Credits,
    /// Why: manual, pack, plan, refund, promo and so on.
    pub source: String,
    /// From when it may no longer be held.
    pub expires_at_ms: Option<i64>,
}

/// A key, as it is listed: no text and no digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySummary {
    /// Its public name.
    pub id: KeyId,
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
    /// Whether it is in use.
    pub status: KeyStatus,
    /// From when it is no longer good, in milliseconds since the Unix epoch.
    pub expires_at_ms: Option<i64>,
    /// When it was made.
    pub created_at_ms: i64,
    /// When it was last used, to the minute.
    pub last_used_at_ms: Option<i64>,
}

impl Store {
    /// Does what an operator asks.
    pub async fn run(&self, command: Command) -> Result<Outcome, StoreError> {
        Ok(match command {
            Command::CreateWorkspace { name } => {
                Outcome::WorkspaceCreated { workspace: self.create_workspace(name).await? }
            }
            Command::ListWorkspaces => {
                Outcome::Workspaces { workspaces: self.list_workspaces().await? }
            }
            Command::SuspendWorkspace { workspace, suspended } => {
                self.suspend_workspace(workspace, suspended).await?;
                Outcome::Done
            }
            Command::CreateKey(new) => {
                let (key, text) = self.create_key(new).await?;
                Outcome::KeyCreated { key, text }
            }
            Command::ListKeys { workspace } => {
                Outcome::Keys { keys: self.list_keys(workspace).await? }
            }
            Command::SetKeyStatus { key, status } => {
                self.set_key_status(key, status).await?;
                Outcome::Done
            }
            Command::Grant(new) => {
                self.grant(new).await?;
                Outcome::Done
            }
            Command::Adjust(new) => {
                self.adjust(new).await?;
                Outcome::Done
            }
            Command::Balance { workspace } => Outcome::Balance(self.balance(&workspace).await?),
            Command::ListGrants { workspace } => {
                Outcome::Grants { grants: self.list_grants(workspace).await? }
            }
            Command::Verify => Outcome::Verified(self.verify().await?),
        })
    }
}
