//! The command line: serve, try out, check, and keep the books.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::config::{self, Config, ConfigError};
use crate::edge::EdgeError;
use crate::media::MediaError;
use crate::store::StoreError;
use crate::{policy, reload};

mod admin;
mod background;
mod books;
mod demo;
mod health;
mod import;
mod quote;
mod reconcile;
mod serve;
mod simulate;
mod systemd;
mod usage;
mod watchdog;
mod webhook;

/// One endpoint in front of image-generation vendors, with books that balance.
#[derive(Debug, Parser)]
#[command(name = "pixelgate", version, arg_required_else_help = true)]
struct Cli {
    /// A file of settings over the defaults; see config/gateway.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, in place of the config's.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serves until SIGTERM; SIGHUP reads policy again.
    Serve {
        /// Takes over from the gateway that serves the data folder, if one does: its listeners, its
        /// books, and what its requests in flight still ask. It then finishes those and ends.
        #[arg(long)]
        take_over: bool,
    },
    /// Serves a ready-made workspace with painted pictures, for trying things out.
    Demo(demo::DemoArgs),
    /// Says whether the gateway that this config is of lives; for probes where there is no shell.
    Health(health::HealthArgs),
    /// Checks a folder of policy, as the gateway would read it.
    Check {
        /// The folder; the config's when not given.
        folder: Option<PathBuf>,
    },
    /// Prints the JSON Schema of a file, for editors that complete and check as one types.
    Schema {
        /// Which file.
        of: SchemaOf,
    },
    /// Makes a folder of policy of another gateway's configuration.
    #[command(subcommand)]
    Import(import::ImportVerb),
    /// Says what a request would come to under a policy: who can draw it, the price, the changes.
    Quote(quote::QuoteArgs),
    /// Says what recorded usage would have come to under another policy.
    Simulate(simulate::SimulateArgs),
    /// Workspaces: who pays.
    #[command(subcommand)]
    Workspace(books::WorkspaceVerb),
    /// API keys.
    #[command(subcommand)]
    Key(books::KeyVerb),
    /// The admin API and the console: who may use them.
    #[command(subcommand)]
    Admin(admin::AdminVerb),
    /// Credits of a workspace.
    #[command(subcommand)]
    Credits(books::CreditsVerb),
    /// Webhooks: apps are told of the ends of their jobs.
    #[command(subcommand)]
    Webhook(webhook::WebhookVerb),
    /// The ledger.
    #[command(subcommand)]
    Ledger(books::LedgerVerb),
    /// Usage for finance: exports, statements, forecasts.
    #[command(subcommand)]
    Usage(usage::UsageVerb),
    /// Compares what was booked for a vendor with its invoice.
    Reconcile(reconcile::ReconcileArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SchemaOf {
    Policy,
    Config,
}

/// What can go wrong before or beside serving; each has its exit code.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("cannot read {}", path.display())]
    ReadConfig {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the policy cannot be used:\n{0}")]
    Policy(#[from] reload::ReloadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Control(#[from] crate::control::ControlError),
    #[error(transparent)]
    Edge(#[from] EdgeError),
    #[error(transparent)]
    Media(#[from] MediaError),
    #[error(transparent)]
    Turnstile(#[from] crate::turnstile::TurnstileError),
    #[error("cannot {what}")]
    System {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("metrics cannot be set up")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Traces(#[from] crate::telemetry::TraceError),
    #[error("{message}")]
    Refused { message: String },
    #[error(transparent)]
    Day(#[from] crate::finance::BadDay),
    #[error(transparent)]
    Sum(#[from] crate::finance::SumError),
    #[error(transparent)]
    Overflow(#[from] crate::credits::Overflow),
    #[error(transparent)]
    Export(#[from] crate::export::ExportError),
    #[error("the invoice and the books differ")]
    Unreconciled,
    #[error("the books do not balance")]
    Unbalanced,
    #[error("what was in flight did not finish within life.drain_timeout")]
    Undrained,
}

impl CliError {
    /// 1: something failed; 2: config or policy is wrong, or names what is not there; 3: the books do
    /// not balance, or not with an invoice; 4: stopped with work unfinished.
    const fn exit_code(&self) -> u8 {
        match self {
            Self::ReadConfig { .. }
            | Self::Config(_)
            | Self::Policy(_)
            | Self::Edge(EdgeError::Tls { .. })
            | Self::Media(MediaError::NoCredential { .. })
            | Self::Store(StoreError::NoAddress)
            | Self::Turnstile(_)
            | Self::Traces(_) => 2,
            Self::Unbalanced | Self::Unreconciled => 3,
            Self::Undrained => 4,
            Self::Store(_)
            | Self::Control(_)
            | Self::Edge(_)
            | Self::Media(_)
            | Self::System { .. }
            | Self::Refused { .. }
            | Self::Day(_)
            | Self::Sum(_)
            | Self::Overflow(_)
            | Self::Export(_)
            | Self::Metrics(_) => 1,
        }
    }
}

/// Every verb and argument there is, for the page that lists them.
pub fn verbs() -> clap::Command {
    Cli::command()
}

/// Reads the command line, does what it says, and returns how that went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime
        .map_err(|source| CliError::System { what: "start the runtime", source })
        .and_then(|runtime| {
            let done = runtime.block_on(Box::pin(run(cli)));
            // What is asked of large books, such as their proof, goes on for a while. Nobody waits for it.
            runtime.shutdown_background();
            done
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run(cli: Cli) -> Result<(), CliError> {
    let mut config = read_config(cli.config.as_deref())?;
    if let Some(folder) = cli.data.clone() {
        config.store_directory = folder;
    }
    match cli.verb {
        Verb::Serve { take_over } => serve::serve(config, take_over).await,
        Verb::Demo(args) => demo::demo(config, cli.data, args).await,
        Verb::Health(args) => health::health(&config, &args),
        Verb::Check { folder } => check(&folder.unwrap_or(config.policy_directory)),
        Verb::Schema { of } => {
            schema(of);
            Ok(())
        }
        Verb::Import(verb) => import::run(&verb),
        Verb::Quote(args) => quote::run(&args, &config.policy_directory),
        Verb::Simulate(args) => simulate::run(&config, &args).await,
        Verb::Workspace(verb) => books::workspace(&config, verb).await,
        Verb::Key(verb) => books::key(&config, verb).await,
        Verb::Admin(verb) => admin::admin(&config, verb).await,
        Verb::Credits(verb) => books::credits(&config, verb).await,
        Verb::Webhook(verb) => webhook::run(verb, &config.policy_directory),
        Verb::Ledger(verb) => books::ledger(&config, &verb).await,
        Verb::Usage(verb) => usage::usage(&config, verb).await,
        Verb::Reconcile(args) => reconcile::run(&config, &args).await,
    }
}

fn read_config(path: Option<&std::path::Path>) -> Result<Config, CliError> {
    let Some(path) = path else {
        return Ok(Config::defaults()?);
    };
    let text = std::fs::read_to_string(path)
        .map_err(|source| CliError::ReadConfig { path: path.to_owned(), source })?;
    Ok(Config::parse(&text)?)
}

fn check(folder: &std::path::Path) -> Result<(), CliError> {
    let policy = reload::check(folder)?;
    for warning in &policy.warnings {
        say(&format!("note: {warning}"));
    }
    say(&format!(
        "{}: good; version {}, {} vendors, {} models, {} plans",
        folder.display(),
        policy.version,
        policy.vendors.len(),
        policy.models.len(),
        policy.plans.len(),
    ));
    Ok(())
}

fn schema(of: SchemaOf) {
    let schema = match of {
        SchemaOf::Policy => policy::schema(),
        SchemaOf::Config => config::schema(),
    };
    say(&format!("{schema:#}"));
}

/// The command line's own voice.
#[expect(clippy::print_stdout, reason = "this is what a person or script reads")]
fn say(line: &str) {
    println!("{line}");
}

/// The same, beside what another program may read.
#[expect(clippy::print_stderr, reason = "standard output may be the file")]
fn say_aside(line: &str) {
    eprintln!("{line}");
}

#[expect(clippy::print_stderr, reason = "this is what a person reads when something failed")]
fn say_error(error: &dyn std::error::Error) {
    eprintln!("pixelgate: {error}");
    let mut under = error.source();
    while let Some(cause) = under {
        eprintln!("  because: {cause}");
        under = cause.source();
    }
}
