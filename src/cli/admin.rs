//! Admin tokens, from the command line: the only place where they are made.

use clap::Subcommand;

use crate::auth::Role;
use crate::config::Config;
use crate::id::TokenId;
use crate::store::{Command, TokenSummary};

use super::CliError;
use super::books::{run, until};

#[derive(Debug, Subcommand)]
pub(super) enum AdminVerb {
    /// Admin tokens: who may use the admin API and the console.
    #[command(subcommand)]
    Token(TokenVerb),
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenVerb {
    /// Adds a token and prints its text, once: it is not kept.
    Create {
        /// What it may do: viewer, finance or operator.
        #[arg(long)]
        role: Role,
        /// Who has it, as the audit log will call them.
        #[arg(long, value_parser = name)]
        name: String,
        /// Seconds since the Unix epoch after which it ends.
        #[arg(long, value_name = "SECONDS")]
        expires: Option<i64>,
    },
    /// Lists tokens, never their text.
    List,
    /// Ends a token for good.
    Revoke {
        /// The token's id.
        token: String,
    },
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_short = !text.is_empty() && text.chars().count() <= 100;
    if is_short { Ok(text.to_owned()) } else { Err("use one to a hundred letters".to_owned()) }
}

pub(super) async fn admin(config: &Config, verb: AdminVerb) -> Result<(), CliError> {
    let AdminVerb::Token(verb) = verb;
    let command = match verb {
        TokenVerb::Create { role, name, expires } => Command::CreateToken {
            name,
            role,
            expires_at_ms: expires.map(|seconds| seconds.saturating_mul(1000)),
        },
        TokenVerb::List => Command::ListTokens,
        TokenVerb::Revoke { token } => Command::RevokeToken { token: TokenId::known(&token) },
    };
    run(config, command).await
}

/// A token as people read it.
pub(super) fn told(token: &TokenSummary) -> String {
    let TokenSummary { id, name, role, expires_at_ms, revoked_at_ms, .. } = token;
    let state = match (revoked_at_ms, expires_at_ms) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end_ms)) => until(*end_ms),
        (None, None) => "for good".to_owned(),
    };
    format!("{id}  {}  {state}  {name}", role.name())
}
