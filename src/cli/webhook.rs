//! What a workspace checks its webhooks with.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::id::WorkspaceId;
use crate::reload;

use super::{CliError, say};

/// What can be asked about webhooks.
#[derive(Debug, Subcommand)]
pub(super) enum WebhookVerb {
    /// Prints the secret that a workspace checks signatures with; it is derived from the first of
    /// `webhooks.secrets` that is there.
    Secret {
        /// The workspace, such as `ws_…`.
        workspace: String,
        /// A folder of policy; the config's when not given.
        #[arg(long, value_name = "DIR")]
        policy: Option<PathBuf>,
    },
}

pub(super) fn run(verb: WebhookVerb, policy_directory: &Path) -> Result<(), CliError> {
    let WebhookVerb::Secret { workspace, policy } = verb;
    let policy = reload::check(policy.as_deref().unwrap_or(policy_directory))?;
    let Some(key) = policy.webhooks.keys.first() else {
        let message = "policy has no `webhooks.secrets`, or none of them is there";
        return Err(CliError::Refused { message: message.to_owned() });
    };
    say(key.of_workspace(&WorkspaceId::known(&workspace)).written().reveal());
    Ok(())
}
