//! A gateway to try things out with: a workspace with credits, a key, painted pictures, and lines
//! to paste.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::auth::{Mode, Role};
use crate::config::{Config, LogFormat};
use crate::credits::Credits;
use crate::dialect;
use crate::edge::Socket;
use crate::id::{WorkspaceId, random_text};
use crate::import::Catalogue;
use crate::store::{Command, NewKey, Outcome, Store, StoreError};

use super::books::manual_grant;
use super::serve::{self, Ending, Running};
use super::{CliError, say};

/// The sample policy, compiled in so that the demo runs from anywhere.
const POLICY: [(&str, &str); 6] = [
    ("vendors.toml", include_str!("../../policies/vendors.toml")),
    ("models.toml", include_str!("../../policies/models.toml")),
    ("plans.toml", include_str!("../../policies/plans.toml")),
    ("presets.toml", include_str!("../../policies/presets.toml")),
    ("budgets.toml", include_str!("../../policies/budgets.toml")),
    ("rules.toml", include_str!("../../policies/rules.toml")),
];

/// What the sample policy knows of vendors and models.
pub(super) fn catalogue() -> Result<Catalogue, toml::de::Error> {
    let [(_, vendors), (_, models), ..] = POLICY;
    Catalogue::read(vendors, models)
}

/// What the demo's admin token is called.
const TOKEN_NAME: &str = "demo";

/// The plan that the demo's key is on.
const PLAN: &str = "open";

/// Workspaces of a demo that have metrics of their own.
const WORKSPACES_NAMED: usize = 10;

/// The file that remembers the demo's workspace when its folder is kept.
const WORKSPACE_FILE: &str = "demo-workspace";

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Prints one JSON line when ready, and nothing else, on standard output.
    #[arg(long)]
    json: bool,
    /// Where apps connect; loopback only. Port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:8080", value_parser = loopback)]
    public: SocketAddr,
    /// Where health and metrics are; loopback only. Port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:8081", value_parser = loopback)]
    admin: SocketAddr,
    /// The workspace's balance at the start; a kept folder is topped up to it.
    #[arg(long, value_name = "N")]
    credits: Option<Credits>,
}

/// What scripts read.
#[derive(Debug, Serialize)]
struct Ready {
    public: String,
    admin: String,
    key: String,
    workspace: String,
    /// An admin token of the role operator.
    token: String,
    data: PathBuf,
    policies: PathBuf,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "not an address and port such as 127.0.0.1:8080".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the demo binds to loopback only; use `pixelgate serve` for the rest".to_owned())
    }
}

pub(super) async fn demo(
    mut config: Config,
    data: Option<PathBuf>,
    args: DemoArgs,
) -> Result<(), CliError> {
    let kept = data.is_some();
    let folder = data
        .unwrap_or_else(|| std::env::temp_dir().join(format!("pixelgate-demo-{}", random_text(8))));
    let cannot = |what| move |source| CliError::System { what, source };
    std::fs::create_dir_all(&folder).map_err(cannot("make the data folder"))?;
    let folder = folder.canonicalize().map_err(cannot("find the data folder"))?;
    let policies = folder.join("policies");
    write_policy(&policies).map_err(cannot("write the sample policy"))?;

    config.store_directory.clone_from(&folder);
    config.policy_directory.clone_from(&policies);
    config.workspaces_named_max = config.workspaces_named_max.max(WORKSPACES_NAMED);
    config.log_format = LogFormat::Text;
    config.log_level = tracing::Level::WARN;
    let _log = crate::telemetry::start_log(config.log_format, config.log_level);

    let (public, admin) = (Socket::bind(args.public)?, Socket::bind(args.admin)?);
    let (public_url, admin_url) =
        (format!("http://{}", public.address()), format!("http://{}", admin.address()));
    let running: Running = serve::start(config, (public, admin), None).await?;
    let workspace = furnish(&running.store, &folder, args.credits).await?;
    let new_key = NewKey {
        workspace: workspace.clone(),
        plan: PLAN.to_owned(),
        scopes: vec!["*".to_owned()],
        mode: Mode::Live,
        expires_at_ms: None,
        joins_repeats: false,
        name: "demo".to_owned(),
        prefix: None,
    };
    let (_, key) = running.store.create_key(new_key).await?;
    let ready = Ready {
        public: public_url,
        admin: admin_url,
        key,
        workspace: workspace.to_string(),
        token: new_token(&running.store).await?,
        data: folder.clone(),
        policies,
    };
    if args.json {
        say(&serde_json::to_string(&ready).unwrap_or_default());
    } else {
        say(&welcome(&ready, kept));
    }
    let ending = running.until_told_to_stop().await;
    // Whoever took over serves from it.
    if !kept && !matches!(ending, Ok(Ending::HandedOver)) {
        std::fs::remove_dir_all(&folder).map_err(cannot("remove the temporary folder"))?;
    }
    ending.map(|_| ())
}

/// Files that are there already stay as they are: somebody may have edited them.
fn write_policy(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (file, text) in POLICY {
        let path = folder.join(file);
        if !path.exists() {
            std::fs::write(path, text)?;
        }
    }
    Ok(())
}

/// The demo's workspace, with the balance that was asked for.
async fn furnish(
    store: &Store,
    folder: &Path,
    credits: Option<Credits>,
) -> Result<WorkspaceId, CliError> {
    let cannot = |source| CliError::System { what: "remember the demo's workspace", source };
    let note = folder.join(WORKSPACE_FILE);
    let (workspace, wanted) = if note.exists() {
        let text = std::fs::read_to_string(&note).map_err(cannot)?;
        (WorkspaceId::known(text.trim()), credits)
    } else {
        let workspace = store.create_workspace("demo".to_owned()).await?;
        std::fs::write(&note, workspace.as_str()).map_err(cannot)?;
        (workspace, credits.or_else(|| Credits::from_whole(1000)))
    };
    let has = store.balance(&workspace).await?.available;
    if let Some(missing) = wanted.and_then(|wanted| wanted.minus(has).ok())
        && missing > Credits::ZERO
    {
        store.grant(manual_grant(&workspace, missing, "demo", None)).await?;
    }
    Ok(workspace)
}

/// An operator's token for this run; those of runs before it end.
async fn new_token(store: &Store) -> Result<String, StoreError> {
    let known = store.list_tokens().await?;
    for old in known.into_iter().filter(|old| old.name == TOKEN_NAME && old.revoked_at_ms.is_none())
    {
        store.run(Command::RevokeToken { token: old.id }).await?;
    }
    let (name, role) = (TOKEN_NAME.to_owned(), Role::Operator);
    let made = store.run(Command::CreateToken { name, role, expires_at_ms: None }).await?;
    if let Outcome::TokenCreated { text, .. } = made { Ok(text) } else { Ok(String::new()) }
}

fn welcome(ready: &Ready, kept: bool) -> String {
    let Ready { public, admin, key, workspace, token, data, policies } = ready;
    let (data, policies) = (data.display(), policies.display());
    let fate = if kept { "kept" } else { "removed when you stop this; keep it with --data DIR" };
    let examples: Vec<String> = dialect::ALL
        .iter()
        .filter_map(|dialect| Some(example(dialect.client?, public, key)))
        .collect();
    let examples = examples.join("\n\n");
    format!(
        r"Pixelgate serves on {public}, health and metrics on {admin}.

{examples}

The console: traffic, spend, budgets, keys. Open it and sign in with the token, which is shown here alone

  {admin}/console/
  {token}

The models there are, the metrics, and what is left

  curl -s {public}/v1/models -H 'Authorization: Bearer {key}'
  curl -s {admin}/metrics | grep pixelgate_
  curl -s {admin}/admin/v1/usage?by=model -H 'Authorization: Bearer {token}'
  cargo run --release -- credits balance {workspace} --data {data}

Pictures are painted in this process, except by vendors whose credential was set at the start.
Prices, models and plans: {policies} (edit them; a change is in force within a second).
Data: {data} ({fate}). Stop with Ctrl-C.
"
    )
}

/// An example as lines to paste.
fn example(client: &dyn dialect::ClientSide, public: &str, key: &str) -> String {
    let dialect::Example { title, path, body, then } = client.example();
    let (name, value) = client.shown_key(key);
    let pipe = if then.is_empty() { String::new() } else { format!(" \\\n    | {then}") };
    format!(
        r"{title}

  curl -s {public}{path} \
    -H '{name}: {value}' -H 'Content-Type: application/json' \
    -d '{body}'{pipe}"
    )
}
