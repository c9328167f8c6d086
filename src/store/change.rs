//! What operators ask to be changed. Each is one commit, and the audit row of it is in that commit.

use serde::{Deserialize, Serialize};

use crate::auth::{KeyStatus, Role, TokenRecord, digest, new_token_text};
use crate::id::{KeyId, TokenId, WorkspaceId};
use crate::ledger::{NewAdjustment, NewGrant};

use super::Store;
use super::ask::{Ask, Reply};
use super::deed::{Actor, Deed};
use super::error::StoreError;
use super::registry::NewKey;
use super::tables::{Depth, Touched};

/// An offering that gets no new requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Its name in policy.
    pub offering: String,
    /// Since when, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Why, in somebody's words; may be empty.
    pub reason: String,
    /// Who took it out.
    pub name: String,
}

/// What is to be changed.
#[derive(Clone)]
pub(super) enum Change {
    Grant(Box<NewGrant>, Reply<()>),
    Adjust(Box<NewAdjustment>, Reply<()>),
    CreateWorkspace(String, Reply<WorkspaceId>),
    SuspendWorkspace(WorkspaceId, bool, Reply<()>),
    CreateKey(Box<NewKey>, Reply<(KeyId, String)>),
    RotateKey(KeyId, Rotation, Reply<(KeyId, String)>),
    SetKeyStatus(KeyId, KeyStatus, Reply<()>),
    CreateToken(Box<TokenRecord>, Reply<()>),
    RevokeToken(Box<TokenRecord>, Reply<()>),
    Drain(String, String, Reply<()>),
    Resume(String, Reply<()>),
    /// Something that is no change of the store.
    Note(Box<Deed>, Reply<()>),
}

/// How a key is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// From when the old key is no longer good; never later than it would have been anyway.
    pub old_until_ms: i64,
    /// What the new key's text begins with; the usual when `None`.
    pub prefix: Option<String>,
}

impl Store {
    /// Asks the writer for a change, in somebody's name.
    pub(super) async fn change<T>(
        &self,
        actor: Actor,
        change: impl FnOnce(Reply<T>) -> Change,
    ) -> Result<T, StoreError> {
        self.ask(|reply| Ask::Change(Box::new(actor), change(reply))).await
    }

    /// The same, for whoever is at the machine itself.
    pub(super) async fn change_here<T>(
        &self,
        change: impl FnOnce(Reply<T>) -> Change,
    ) -> Result<T, StoreError> {
        self.change(Actor::at_the_machine(), change).await
    }

    /// Makes a workspace.
    pub async fn create_workspace(&self, name: String) -> Result<WorkspaceId, StoreError> {
        self.change_here(|reply| Change::CreateWorkspace(name, reply)).await
    }

    /// Shuts out all keys of a workspace, or lets them in again.
    pub async fn suspend_workspace(
        &self,
        workspace: WorkspaceId,
        suspended: bool,
    ) -> Result<(), StoreError> {
        self.change_here(|reply| Change::SuspendWorkspace(workspace, suspended, reply)).await
    }

    /// Makes a key; its text is in the answer and nowhere else.
    pub async fn create_key(&self, new: NewKey) -> Result<(KeyId, String), StoreError> {
        self.change_here(|reply| Change::CreateKey(Box::new(new), reply)).await
    }

    /// Puts a key in or out of use. Revoking is for good.
    pub async fn set_key_status(&self, key: KeyId, status: KeyStatus) -> Result<(), StoreError> {
        self.change_here(|reply| Change::SetKeyStatus(key, status, reply)).await
    }

    /// Makes an admin token; its text is in the answer and nowhere else.
    pub(super) async fn create_token(
        &self,
        actor: Actor,
        (name, role, expires_at_ms): (String, Role, Option<i64>),
    ) -> Result<(TokenId, String), StoreError> {
        let (id, text) = (TokenId::random(), new_token_text());
        let record = TokenRecord {
            id: id.clone(),
            name,
            role,
            digest: digest(&text),
            created_at_ms: self.now().unix_ms,
            expires_at_ms,
            revoked_at_ms: None,
        };
        self.change(actor, |reply| Change::CreateToken(Box::new(record), reply)).await?;
        Ok((id, text))
    }

    /// Ends an admin token for good.
    pub(super) async fn revoke_token(
        &self,
        actor: Actor,
        token: TokenId,
    ) -> Result<(), StoreError> {
        let known = self
            .token_of(&token)
            .await?
            .ok_or_else(|| StoreError::Unknown { what: "admin token", name: token.to_string() })?;
        if known.revoked_at_ms.is_some() {
            return Ok(());
        }
        let revoked_at_ms = Some(self.now().unix_ms);
        let record = Box::new(TokenRecord { revoked_at_ms, ..known });
        self.change(actor, |reply| Change::RevokeToken(record, reply)).await
    }

    /// Writes down what is no change of the store; durable when answered.
    pub async fn note_deed(&self, actor: Actor, deed: Deed) -> Result<(), StoreError> {
        self.change(actor, |reply| Change::Note(Box::new(deed), reply)).await
    }
}

impl Change {
    /// Refuses whatever it is, undecided.
    pub(super) fn refuse(&self, why: fn() -> StoreError) {
        match self {
            Self::Grant(_, reply)
            | Self::Adjust(_, reply)
            | Self::SuspendWorkspace(_, _, reply)
            | Self::SetKeyStatus(_, _, reply)
            | Self::CreateToken(_, reply)
            | Self::RevokeToken(_, reply)
            | Self::Drain(_, _, reply)
            | Self::Resume(_, reply)
            | Self::Note(_, reply) => reply.give(Err(why())),
            Self::CreateWorkspace(_, reply) => reply.give(Err(why())),
            Self::CreateKey(_, reply) | Self::RotateKey(_, _, reply) => reply.give(Err(why())),
        }
    }

    /// Whether it only adds to what the disk holds; what takes a right away never waits for room.
    pub(super) const fn is_growth(&self) -> bool {
        match self {
            Self::Grant(..)
            | Self::Adjust(..)
            | Self::CreateWorkspace(..)
            | Self::CreateKey(..)
            | Self::RotateKey(..)
            | Self::CreateToken(..) => true,
            Self::SuspendWorkspace(..)
            | Self::SetKeyStatus(..)
            | Self::RevokeToken(..)
            | Self::Drain(..)
            | Self::Resume(..)
            | Self::Note(..) => false,
        }
    }

    /// What deciding it needs to be known.
    pub(super) fn touch(&self, touched: &mut Touched) {
        match self {
            Self::Grant(new, _) => {
                touched.workspaces.insert(new.workspace.clone());
                touched.grants.insert(new.id.clone());
                touched.registry = touched.registry.max(Depth::Looked);
            }
            Self::Adjust(new, _) => {
                touched.workspaces.insert(new.workspace.clone());
                touched.grants.extend(new.grant.clone());
                touched.adjustments.insert(new.id.clone());
                touched.registry = touched.registry.max(Depth::Looked);
            }
            Self::CreateWorkspace(..)
            | Self::SuspendWorkspace(..)
            | Self::CreateKey(..)
            | Self::RotateKey(..)
            | Self::SetKeyStatus(..) => touched.registry = Depth::Changed,
            Self::CreateToken(..)
            | Self::RevokeToken(..)
            | Self::Drain(..)
            | Self::Resume(..)
            | Self::Note(..) => {}
        }
    }
}
