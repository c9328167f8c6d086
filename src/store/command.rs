//! What operators ask of a store, as values that travel: the same verbs for a running gateway's
//! control socket and for a stopped store.

use serde::{Deserialize, Serialize};

use crate::auth::{KeyStatus, Mode, Role};
use crate::credits::Credits;
use crate::id::{GrantId, KeyId, TokenId, WorkspaceId};
use crate::ledger::{Balance, NewAdjustment, NewGrant};

use super::change::{Change, Rotation};
use super::deed::Actor;
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
    /// Makes a key that may do what another may; the outcome is the only place that its text is
    /// ever shown.
    RotateKey {
        /// The key that is replaced.
        key: KeyId,
        /// How.
        #[serde(flatten)]
        rotation: Rotation,
    },
    /// Makes an admin token; the outcome is the only place that its text is ever shown.
    CreateToken {
        /// What people call it.
        name: String,
        /// What it may do.
        role: Role,
        /// From when it is no longer good.
        expires_at_ms: Option<i64>,
    },
    /// Lists admin tokens.
    ListTokens,
    /// Ends an admin token for good.
    RevokeToken {
        /// Which.
        token: TokenId,
    },
    /// Gives an offering no new requests.
    Drain {
        /// Its name in policy.
        offering: String,
        /// Why; may be empty.
        reason: String,
    },
    /// Gives an offering requests again.
    Resume {
        /// Its name in policy.
        offering: String,
    },
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
    /// The admin token was made.
    TokenCreated {
        /// Its public name.
        token: TokenId,
        /// The token itself, shown now and never again.
        text: String,
    },
    /// Every admin token.
    Tokens {
        /// By public name.
        tokens: Vec<TokenSummary>,
    },
}

/// An admin token, as it is listed: no text and no digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSummary {
    /// Its public name.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// From when it is no longer good.
    pub expires_at_ms: Option<i64>,
    /// Since when it is revoked.
    pub revoked_at_ms: Option<i64>,
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
    /// Does what somebody at the machine asks.
    pub async fn run(&self, command: Command) -> Result<Outcome, StoreError> {
        self.run_as(Actor::at_the_machine(), command).await
    }

    /// Does what an operator asks, and writes down who that was.
    pub async fn run_as(&self, actor: Actor, command: Command) -> Result<Outcome, StoreError> {
        match command {
            Command::ListWorkspaces => {
                Ok(Outcome::Workspaces { workspaces: self.list_workspaces().await? })
            }
            Command::ListKeys { workspace } => {
                Ok(Outcome::Keys { keys: self.list_keys(workspace).await? })
            }
            Command::Balance { workspace } => Ok(Outcome::Balance(self.balance(&workspace).await?)),
            Command::ListGrants { workspace } => {
                Ok(Outcome::Grants { grants: self.list_grants(workspace).await? })
            }
            Command::ListTokens => Ok(Outcome::Tokens { tokens: self.list_tokens().await? }),
            Command::Verify => Ok(Outcome::Verified(self.verify().await?)),
            Command::CreateWorkspace { .. }
            | Command::SuspendWorkspace { .. }
            | Command::CreateKey(_)
            | Command::SetKeyStatus { .. }
            | Command::Grant(_)
            | Command::Adjust(_)
            | Command::RotateKey { .. }
            | Command::CreateToken { .. }
            | Command::RevokeToken { .. }
            | Command::Drain { .. }
            | Command::Resume { .. } => self.carry_out(actor, command).await,
        }
    }

    /// What changes something.
    async fn carry_out(&self, actor: Actor, command: Command) -> Result<Outcome, StoreError> {
        match command {
            Command::CreateWorkspace { name } => {
                let make = |reply| Change::CreateWorkspace(name, reply);
                let workspace = self.change(actor, make).await?;
                return Ok(Outcome::WorkspaceCreated { workspace });
            }
            Command::CreateKey(new) => {
                let make = |reply| Change::CreateKey(Box::new(new), reply);
                let (key, text) = self.change(actor, make).await?;
                return Ok(Outcome::KeyCreated { key, text });
            }
            Command::RotateKey { key, rotation } => {
                let make = |reply| Change::RotateKey(key, rotation, reply);
                let (key, text) = self.change(actor, make).await?;
                return Ok(Outcome::KeyCreated { key, text });
            }
            Command::CreateToken { name, role, expires_at_ms } => {
                let (token, text) = self.create_token(actor, (name, role, expires_at_ms)).await?;
                return Ok(Outcome::TokenCreated { token, text });
            }
            Command::SuspendWorkspace { workspace, suspended } => {
                let change = |reply| Change::SuspendWorkspace(workspace, suspended, reply);
                self.change(actor, change).await?;
            }
            Command::SetKeyStatus { key, status } => {
                self.change(actor, |reply| Change::SetKeyStatus(key, status, reply)).await?;
            }
            Command::Grant(new) => {
                self.change(actor, |reply| Change::Grant(Box::new(new), reply)).await?;
            }
            Command::Adjust(new) => {
                self.change(actor, |reply| Change::Adjust(Box::new(new), reply)).await?;
            }
            Command::RevokeToken { token } => self.revoke_token(actor, token).await?,
            Command::Drain { offering, reason } => {
                self.change(actor, |reply| Change::Drain(offering, reason, reply)).await?;
            }
            Command::Resume { offering } => {
                self.change(actor, |reply| Change::Resume(offering, reply)).await?;
            }
            Command::ListWorkspaces
            | Command::ListKeys { .. }
            | Command::Balance { .. }
            | Command::ListGrants { .. }
            | Command::ListTokens
            | Command::Verify => {}
        }
        Ok(Outcome::Done)
    }
}
