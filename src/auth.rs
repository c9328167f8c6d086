//! From a presented key to a [`Caller`], the evidence that a workspace asked.
//!
//! The text of a key is shown once, when it is made, and never stored: only its SHA-256 digest is
//! kept. A lookup touches memory only, and compares digests in constant time.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::id::{KeyId, WorkspaceId, random_text};

mod operator;

pub use operator::{
    Operator, Role, TOKEN_PREFIX, TokenError, TokenRecord, new_token_text, token_digest,
};

/// The scope that grants every scope.
pub const EVERY_SCOPE: &str = "*";

/// The scope that marks the key of one member of the team that owns the workspace.
pub const MEMBER: &str = "member";

/// Random letters in a key: 200 bits, so a plain digest is enough to guard it.
const KEY_LETTERS: usize = 40;

/// What is known of a key: everything but its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public name.
    pub id: KeyId,
    /// Who pays for what it asks.
    pub workspace: WorkspaceId,
    /// SHA-256 over the whole text.
    pub digest: [u8; 32],
    /// What it may do.
    pub scopes: Vec<String>,
    /// Whether it buys real pictures.
    pub mode: Mode,
    /// The name of its plan in policy.
    pub plan: String,
    /// Whether it is in use.
    pub status: KeyStatus,
    /// From when it is no longer good, in milliseconds since the Unix epoch.
    pub expires_at_ms: Option<i64>,
    /// Whether a call that its library repeats by itself joins the first.
    pub joins_repeats: bool,
    /// What people call it.
    pub name: String,
}

/// Whether a key buys real pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Real pictures, real credits.
    Live,
    /// Painted pictures, no credits.
    Test,
}

/// Whether a key is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// It is.
    Active,
    /// Not now.
    Suspended,
    /// Never again.
    Revoked,
}

/// A workspace proven by a key. Only [`KeyRing::authenticate`] makes one.
#[derive(Clone, Debug)]
pub struct Caller {
    record: Arc<KeyRecord>,
}

/// Why a key was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AuthError {
    /// None was presented.
    #[error("no key was presented")]
    Missing,
    /// No key has this text.
    #[error("the key is not known")]
    Unknown,
    /// The key is suspended.
    #[error("the key is suspended")]
    Suspended,
    /// The key is revoked.
    #[error("the key is revoked")]
    Revoked,
    /// The key's time is over.
    #[error("the key has expired")]
    Expired,
    /// The workspace may not ask for anything at the moment.
    #[error("the workspace is suspended")]
    WorkspaceSuspended,
}

/// Every key, as one immutable snapshot.
#[derive(Default)]
pub struct KeyRing {
    /// The digest's first eight bytes find the bucket; they say nothing about the key's text.
    buckets: HashMap<[u8; 8], Vec<Ringed>>,
}

struct Ringed {
    record: Arc<KeyRecord>,
    workspace_suspended: bool,
}

impl KeyRing {
    /// A snapshot of these keys, and of the workspaces that are suspended.
    pub fn new(
        keys: impl IntoIterator<Item = impl Into<Arc<KeyRecord>>>,
        suspended_workspaces: &[WorkspaceId],
    ) -> Self {
        let mut buckets: HashMap<_, Vec<Ringed>> = HashMap::new();
        for key in keys {
            let record: Arc<KeyRecord> = key.into();
            // Two in one bucket are as good as never met; an empty list would begin with room for four.
            let beside =
                buckets.entry(bucket(&record.digest)).or_insert_with(|| Vec::with_capacity(1));
            beside.push(Ringed {
                workspace_suspended: suspended_workspaces.contains(&record.workspace),
                record,
            });
        }
        Self { buckets }
    }

    /// Proves who asks.
    pub fn authenticate(
        &self,
        presented: Option<&str>,
        now_unix_ms: i64,
    ) -> Result<Caller, AuthError> {
        let text =
            presented.map(str::trim).filter(|text| !text.is_empty()).ok_or(AuthError::Missing)?;
        let known = self.find(&digest(text)).ok_or(AuthError::Unknown)?;
        match known.record.status {
            KeyStatus::Active => {}
            KeyStatus::Suspended => return Err(AuthError::Suspended),
            KeyStatus::Revoked => return Err(AuthError::Revoked),
        }
        if known.record.expires_at_ms.is_some_and(|end_ms| end_ms <= now_unix_ms) {
            return Err(AuthError::Expired);
        }
        if known.workspace_suspended {
            return Err(AuthError::WorkspaceSuspended);
        }
        Ok(Caller { record: Arc::clone(&known.record) })
    }

    /// The caller that a key of this name proved to be before. Neither its status nor its time is
    /// looked at: what was accepted then is finished.
    pub fn recall(&self, key: &KeyId) -> Option<Caller> {
        let known = self.buckets.values().flatten().find(|known| known.record.id == *key)?;
        Some(Caller { record: Arc::clone(&known.record) })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.buckets.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn find(&self, digest: &[u8; 32]) -> Option<&Ringed> {
        self.buckets
            .get(&bucket(digest))?
            .iter()
            .find(|known| bool::from(known.record.digest.ct_eq(digest)))
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", self.len())
    }
}

impl Caller {
    /// Who pays.
    pub fn workspace(&self) -> &WorkspaceId {
        &self.record.workspace
    }

    /// The key's public name.
    pub fn key(&self) -> &KeyId {
        &self.record.id
    }

    /// The name of the key's plan.
    pub fn plan(&self) -> &str {
        &self.record.plan
    }

    /// What the key may do.
    pub fn scopes(&self) -> &[String] {
        &self.record.scopes
    }

    /// Whether real pictures are bought.
    pub fn mode(&self) -> Mode {
        self.record.mode
    }

    /// Whether it gets painted pictures at no charge.
    pub fn is_test(&self) -> bool {
        self.record.mode == Mode::Test
    }

    /// Whether it is the key of one member of a team, who may do less than the team.
    pub fn is_member(&self) -> bool {
        self.scopes().iter().any(|own| own == MEMBER)
    }

    /// What people call the key.
    pub fn key_name(&self) -> &str {
        &self.record.name
    }

    /// Whether a call that its library repeats by itself joins the first.
    pub fn joins_repeats(&self) -> bool {
        self.record.joins_repeats
    }

    /// Whether the key may do this.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().iter().any(|own| own == scope || own == EVERY_SCOPE)
    }
}

impl Mode {
    /// Its name in tables and in the text of a key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "live" => Some(Self::Live),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

impl KeyStatus {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "active" => Some(Self::Active),
            "suspended" => Some(Self::Suspended),
            "revoked" => Some(Self::Revoked),
            _ => None,
        }
    }
}

/// SHA-256 over the whole text of a key: the only trace of it that is kept.
pub fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// What keys begin with, unless they are made for apps that expect another beginning.
pub const KEY_PREFIX: &str = "pg";

/// Letters that a key may begin with.
const PREFIX_LETTERS_MAX: usize = 16;

/// Whether keys may begin with this: a few small letters and digits.
pub fn is_key_prefix(prefix: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !prefix.is_empty() && prefix.len() <= PREFIX_LETTERS_MAX && prefix.bytes().all(is_plain)
}

/// The text of a new key, to be shown once.
pub fn new_key_text(prefix: &str, mode: Mode) -> String {
    format!("{prefix}_{}_{}", mode.name(), random_text(KEY_LETTERS))
}

fn bucket(digest: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    first.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
    first
}

#[cfg(test)]
mod tests;
