//! Workspaces, keys, credits and the ledger, from the command line. A running gateway is asked to
//! do it; otherwise the store is opened here.

use std::path::Path;

use clap::Subcommand;

use crate::auth::{KeyStatus, Mode};
use crate::control;
use crate::credits::Credits;
use crate::id::{KeyId, WorkspaceId};
use crate::store::{self, Command, Outcome};

use super::{CliError, say};

#[derive(Debug, Subcommand)]
pub(super) enum WorkspaceVerb {
    /// Adds a workspace and prints its id.
    Create {
        /// What people call it.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyVerb {
    /// Adds a key and prints its text, once: it is not kept.
    Create {
        /// Who pays.
        workspace: String,
        /// What it may do: a plan of policy.
        #[arg(long)]
        plan: String,
        /// What it may call, such as `images` or `ai`; `*` for everything.
        #[arg(long, value_delimiter = ',', default_value = "*")]
        scopes: Vec<String>,
        /// A test key: painted pictures only, at no charge.
        #[arg(long)]
        test: bool,
        /// Seconds since the Unix epoch after which it ends.
        #[arg(long, value_name = "SECONDS")]
        expires: Option<i64>,
        /// What people call it.
        #[arg(long, default_value = "")]
        name: String,
    },
    /// Lists keys, never their text.
    List,
    /// Ends a key for good.
    Revoke {
        /// The key's id.
        key: String,
    },
    /// Ends a key until it is resumed.
    Suspend {
        /// The key's id.
        key: String,
    },
    /// Makes a suspended key work again.
    Resume {
        /// The key's id.
        key: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum CreditsVerb {
    /// Adds credits to a workspace.
    Grant {
        /// Who gets them.
        workspace: String,
        /// How many, such as 500 or 0.04.
        amount: Credits,
        /// Where they come from: manual, pack, refund, promo.
        #[arg(long, default_value = "manual")]
        source: String,
        /// Seconds since the Unix epoch after which what is left lapses.
        #[arg(long, value_name = "SECONDS")]
        expires: Option<i64>,
    },
    /// Prints what a workspace has, holds and has spent.
    Balance {
        /// Whose.
        workspace: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum LedgerVerb {
    /// Recomputes every balance from the entries and says what does not agree.
    Verify,
}

pub(super) async fn workspace(folder: &Path, verb: WorkspaceVerb) -> Result<(), CliError> {
    let WorkspaceVerb::Create { name } = verb;
    run(folder, Command::CreateWorkspace { name }).await
}

pub(super) async fn key(folder: &Path, verb: KeyVerb) -> Result<(), CliError> {
    let status = |key: &str, status| Command::SetKeyStatus { key: KeyId::known(key), status };
    let command = match verb {
        KeyVerb::Create { workspace, plan, scopes, test, expires, name } => {
            Command::CreateKey(store::NewKey {
                workspace: WorkspaceId::known(&workspace),
                plan,
                scopes,
                mode: if test { Mode::Test } else { Mode::Live },
                expires_at_ms: expires.map(|seconds| seconds.saturating_mul(1000)),
                name,
            })
        }
        KeyVerb::List => Command::ListKeys,
        KeyVerb::Revoke { key } => status(&key, KeyStatus::Revoked),
        KeyVerb::Suspend { key } => status(&key, KeyStatus::Suspended),
        KeyVerb::Resume { key } => status(&key, KeyStatus::Active),
    };
    run(folder, command).await
}

pub(super) async fn credits(folder: &Path, verb: CreditsVerb) -> Result<(), CliError> {
    let command = match verb {
        CreditsVerb::Grant { workspace, amount, source, expires } => Command::Grant {
            workspace: WorkspaceId::known(&workspace),
            amount,
            source,
            expires_at_ms: expires.map(|seconds| seconds.saturating_mul(1000)),
        },
        CreditsVerb::Balance { workspace } => {
            Command::Balance { workspace: WorkspaceId::known(&workspace) }
        }
    };
    run(folder, command).await
}

pub(super) fn ledger(folder: &Path, verb: &LedgerVerb) -> Result<(), CliError> {
    let LedgerVerb::Verify = verb;
    let report = store::verify(folder)?;
    for fault in &report.faults {
        say(&format!("fault: {fault}"));
    }
    say(&report.to_string());
    if report.faults.is_empty() { Ok(()) } else { Err(CliError::Unbalanced) }
}

async fn run(folder: &Path, command: Command) -> Result<(), CliError> {
    let outcome: Outcome = control::run(folder, command).await?;
    say(&outcome.to_string());
    Ok(())
}
