//! Signatures as Standard Webhooks has them: `v1,` and the base64 of an HMAC-SHA256 over
//! `{id}.{timestamp}.{body}`, by a key that is written `whsec_` and its base64.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use thiserror::Error;

use crate::id::{NoticeId, WorkspaceId};
use crate::secret::Secret;

/// How a key begins where it is written down.
const PREFIX: &str = "whsec_";

/// Bytes of a key, as the specification bounds them.
const BYTES_MIN: usize = 24;
const BYTES_MAX: usize = 64;

/// What a workspace's key is derived for, so that the operator's secret signs nothing else alike.
const PURPOSE: &[u8] = b"pixelgate webhook key 1:";

/// What signs. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

/// A text that is no key. It may be a secret all the same, so it is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is not `whsec_` and the base64 of {BYTES_MIN} to {BYTES_MAX} random bytes")]
pub struct BadSecret;

impl SigningKey {
    /// Reads a key as it is written.
    pub fn read(secret: &Secret) -> Result<Self, BadSecret> {
        let key = Self::of_any_length(secret)?;
        if (BYTES_MIN..=BYTES_MAX).contains(&key.0.len()) { Ok(key) } else { Err(BadSecret) }
    }

    /// The same of any length, as some published examples are short.
    pub(super) fn of_any_length(secret: &Secret) -> Result<Self, BadSecret> {
        let coded = secret.reveal().trim().strip_prefix(PREFIX).ok_or(BadSecret)?;
        STANDARD.decode(coded).map(Self).map_err(|_| BadSecret)
    }

    /// The key of one workspace, from the operator's.
    #[must_use]
    pub fn of_workspace(&self, workspace: &WorkspaceId) -> Self {
        Self(self.mac(&[PURPOSE, workspace.as_str().as_bytes()]))
    }

    /// How it is written, for whoever is to check what it signs.
    pub fn written(&self) -> Secret {
        Secret::new(format!("{PREFIX}{}", STANDARD.encode(&self.0)))
    }

    /// One signature, with its version.
    pub fn sign(&self, id: &NoticeId, unix_seconds: i64, body: &[u8]) -> String {
        let head = format!("{id}.{unix_seconds}.");
        format!("v1,{}", STANDARD.encode(self.mac(&[head.as_bytes(), body])))
    }

    fn mac(&self, parts: &[&[u8]]) -> Vec<u8> {
        // A key of any length is taken, so there is always a mac.
        Hmac::<Sha256>::new_from_slice(&self.0).map_or_else(
            |_| Vec::new(),
            |mac| {
                let mac = parts.iter().fold(mac, Mac::chain_update);
                mac.finalize().into_bytes().to_vec()
            },
        )
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
