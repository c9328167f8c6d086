//! Workspaces, keys, credits and the ledger, from the command line. A running gateway is asked to
//! do it; otherwise the store is opened here.

use clap::Subcommand;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::auth::{KeyStatus, Mode, is_key_prefix};
use crate::config::Config;
use crate::control;
use crate::credits::Credits;
use crate::id::{AdjustmentId, GrantId, KeyId, WorkspaceId};
use crate::ledger::{NewAdjustment, NewGrant, PRIORITY_USUAL};
use crate::store::{self, Command, FileCheck, GrantSummary, KeySummary, Outcome, VerifyReport};

use super::{CliError, say};

/// The longest reason that is written beside credits.
const MEMO_BYTES_MAX: usize = 1_000;

#[derive(Debug, Subcommand)]
pub(super) enum WorkspaceVerb {
    /// Adds a workspace and prints its id.
    Create {
        /// What people call it.
        name: String,
    },
    /// Lists workspaces.
    List,
    /// Shuts out all keys of a workspace until it is resumed.
    Suspend {
        /// The workspace's id.
        workspace: String,
    },
    /// Lets the keys of a suspended workspace in again.
    Resume {
        /// The workspace's id.
        workspace: String,
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
        /// What it may call, such as `images`, `ai` or `passthrough`; `*` for everything.
        #[arg(long, value_delimiter = ',', default_value = "*")]
        scopes: Vec<String>,
        /// A test key: painted pictures only, at no charge.
        #[arg(long)]
        test: bool,
        /// Seconds since the Unix epoch after which it ends.
        #[arg(long, value_name = "SECONDS")]
        expires: Option<i64>,
        /// A call that says that its library repeats it gets what the first one comes to. For apps
        /// on libraries that send no Idempotency-Key.
        #[arg(long)]
        join_repeats: bool,
        /// What people call it.
        #[arg(long, default_value = "")]
        name: String,
        /// What its text begins with, for apps that expect that: `ndsk` makes `ndsk_live_…`.
        #[arg(long, value_parser = key_prefix)]
        prefix: Option<String>,
    },
    /// Adds a key that may do what another may, and ends the other at a given moment.
    Rotate {
        /// The id of the key that is replaced.
        key: String,
        /// Seconds since the Unix epoch until which the old key is still good.
        #[arg(long, value_name = "SECONDS")]
        until: i64,
        /// What the new key's text begins with, for apps that expect that.
        #[arg(long, value_parser = key_prefix)]
        prefix: Option<String>,
    },
    /// Lists keys, never their text.
    List,
    /// Ends a key for good.
    Revoke {
        /// The key's id.
        key: String,
    },
    /// Puts a key out of use until it is resumed.
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
        /// Why, for the books.
        #[arg(long, default_value = "")]
        memo: String,
        /// A name of your own: the same grant under it is given once.
        #[arg(long)]
        id: Option<String>,
    },
    /// Takes credits of a workspace back, as an entry of its own; no more than is available.
    Take {
        /// Whose.
        workspace: String,
        /// How many, such as 500 or 0.04.
        amount: Credits,
        /// Why, for the books.
        #[arg(long, value_parser = memo)]
        memo: String,
        /// The grant that they are taken from; as they would be spent when not given.
        #[arg(long)]
        grant: Option<String>,
        /// A name of your own: the same credits under it are taken once.
        #[arg(long)]
        id: Option<String>,
    },
    /// Prints what a workspace has, holds and has spent, and the grants that are not spent yet.
    Balance {
        /// Whose.
        workspace: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum LedgerVerb {
    /// Recomputes every balance from the entries and says what does not agree.
    Verify {
        /// Compares every index of the embedded store's file with its table, too: takes several times as
        /// long.
        #[arg(long)]
        full: bool,
    },
}

fn memo(text: &str) -> Result<String, String> {
    if (1..=MEMO_BYTES_MAX).contains(&text.trim().len()) {
        Ok(text.trim().to_owned())
    } else {
        Err(format!("say why in one to {MEMO_BYTES_MAX} bytes"))
    }
}

fn key_prefix(text: &str) -> Result<String, String> {
    if is_key_prefix(text) {
        Ok(text.to_owned())
    } else {
        Err("use one to sixteen small letters and digits, such as ndsk".to_owned())
    }
}

pub(super) async fn workspace(config: &Config, verb: WorkspaceVerb) -> Result<(), CliError> {
    let suspend = |workspace: &str, suspended| Command::SuspendWorkspace {
        workspace: WorkspaceId::known(workspace),
        suspended,
    };
    let command = match verb {
        WorkspaceVerb::Create { name } => Command::CreateWorkspace { name },
        WorkspaceVerb::List => Command::ListWorkspaces,
        WorkspaceVerb::Suspend { workspace } => suspend(&workspace, true),
        WorkspaceVerb::Resume { workspace } => suspend(&workspace, false),
    };
    run(config, command).await
}

pub(super) async fn key(config: &Config, verb: KeyVerb) -> Result<(), CliError> {
    let status = |key: &str, status| Command::SetKeyStatus { key: KeyId::known(key), status };
    let command = match verb {
        KeyVerb::Create { workspace, plan, scopes, test, expires, join_repeats, name, prefix } => {
            Command::CreateKey(store::NewKey {
                workspace: WorkspaceId::known(&workspace),
                plan,
                scopes,
                mode: if test { Mode::Test } else { Mode::Live },
                expires_at_ms: expires.map(|seconds| seconds.saturating_mul(1000)),
                joins_repeats: join_repeats,
                name,
                prefix,
            })
        }
        KeyVerb::Rotate { key, until, prefix } => Command::RotateKey {
            key: KeyId::known(&key),
            rotation: store::Rotation { old_until_ms: until.saturating_mul(1000), prefix },
        },
        KeyVerb::List => Command::ListKeys { workspace: None },
        KeyVerb::Revoke { key } => status(&key, KeyStatus::Revoked),
        KeyVerb::Suspend { key } => status(&key, KeyStatus::Suspended),
        KeyVerb::Resume { key } => status(&key, KeyStatus::Active),
    };
    run(config, command).await
}

pub(super) async fn credits(config: &Config, verb: CreditsVerb) -> Result<(), CliError> {
    match verb {
        CreditsVerb::Grant { workspace, amount, source, expires, memo, id } => {
            let workspace = WorkspaceId::known(&workspace);
            let new = manual_grant(&workspace, amount, &source, expires);
            let id = id.map_or(new.id, |id| GrantId::known(&id));
            run(config, Command::Grant(NewGrant { id, memo, ..new })).await
        }
        CreditsVerb::Take { workspace, amount, memo, grant, id } => {
            let new = NewAdjustment {
                id: id.map_or_else(AdjustmentId::random, |id| AdjustmentId::known(&id)),
                workspace: WorkspaceId::known(&workspace),
                grant: grant.map(|grant| GrantId::known(&grant)),
                amount,
                memo,
            };
            run(config, Command::Adjust(new)).await
        }
        CreditsVerb::Balance { workspace } => {
            let workspace = WorkspaceId::known(&workspace);
            run(config, Command::Balance { workspace: workspace.clone() }).await?;
            run(config, Command::ListGrants { workspace }).await
        }
    }
}

pub(super) async fn ledger(config: &Config, verb: &LedgerVerb) -> Result<(), CliError> {
    let LedgerVerb::Verify { full } = verb;
    let file = if *full { FileCheck::Full } else { FileCheck::Quick };
    let report = store::verify_for(config, file).await?;
    for fault in &report.faults {
        say(&format!("fault: {fault}"));
    }
    say(&verified(&report));
    if report.balances() { Ok(()) } else { Err(CliError::Unbalanced) }
}

/// A grant that can be spent from now on; `expires` in seconds since the Unix epoch.
pub(super) fn manual_grant(
    workspace: &WorkspaceId,
    amount: Credits,
    source: &str,
    expires: Option<i64>,
) -> NewGrant {
    NewGrant {
        id: GrantId::random(),
        workspace: workspace.clone(),
        amount,
        source: source.to_owned(),
        priority: PRIORITY_USUAL,
        promotional: source == "promo",
        effective_at_ms: 0,
        expires_at_ms: expires.map(|seconds| seconds.saturating_mul(1000)),
        memo: String::new(),
    }
}

pub(super) async fn run(config: &Config, command: Command) -> Result<(), CliError> {
    let outcome: Outcome = control::run(config, command).await?;
    say(&told(&outcome));
    Ok(())
}

/// An outcome as people read it: one thing a line, names first, amounts last.
fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::WorkspaceCreated { workspace } => workspace.to_string(),
        Outcome::Workspaces { workspaces } => lines(workspaces.iter().map(|workspace| {
            let state = if workspace.suspended { "suspended" } else { "active" };
            format!("{}  {state}  {}", workspace.id, workspace.name)
        })),
        Outcome::KeyCreated { key, text } => shown_once(key.as_str(), text),
        Outcome::Keys { keys } => lines(keys.iter().map(|key| {
            let KeySummary { id, workspace, plan, mode, status, name, .. } = key;
            let scopes = key.scopes.join(",");
            let used = key.last_used_at_ms.map_or("never used", |_| "used");
            format!("{id}  {workspace}  {mode:?}  {status:?}  plan={plan}  scopes={scopes}  {used}  {name}")
        })),
        Outcome::Balance(balance) => format!(
            "granted    {}\navailable  {}\nheld       {}\nspent      {}\nexpired    {}",
            balance.granted, balance.available, balance.held, balance.spent, balance.expired
        ),
        Outcome::Grants { grants } => lines(grants.iter().map(|grant| {
            let GrantSummary { id, amount, left, source, expires_at_ms, memo } = grant;
            let until = expires_at_ms.map_or_else(|| "for good".to_owned(), until);
            format!("{left} of {amount}  {source}  {until}  {id}  {memo}").trim_end().to_owned()
        })),
        Outcome::Verified(report) => verified(report),
        Outcome::TokenCreated { token, text } => shown_once(token.as_str(), text),
        Outcome::Tokens { tokens } => lines(tokens.iter().map(super::admin::told)),
    }
}

fn shown_once(id: &str, text: &str) -> String {
    format!("{id}\n{text}\nThis text is shown once and is not kept: store it now.")
}

/// A moment as the end of something.
pub(super) fn until(end_ms: i64) -> String {
    let end = OffsetDateTime::from_unix_timestamp(end_ms.div_euclid(1000));
    let end = end.ok().and_then(|end| end.format(&Rfc3339).ok());
    format!("until {}", end.as_deref().unwrap_or("?"))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = lines.collect();
    if all.is_empty() { "(none)".to_owned() } else { all.join("\n") }
}

fn verified(report: &VerifyReport) -> String {
    let VerifyReport { faults, workspaces, entries, holds_open, holds_overdue } = report;
    let verdict = if faults.is_empty() { "the books balance" } else { "the books do not balance" };
    format!(
        "{verdict}: {workspaces} workspaces, {entries} entries, {holds_open} holds open \
         ({holds_overdue} of them past their time, to be ended by the next sweep)"
    )
}
