//! What a request would come to under a folder of policy, with nobody busy and nothing bought.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use http::Method;

use crate::clock::{Clock as _, SystemClock};
use crate::dialect::{self, Claim, WireRequest};
use crate::gateway::quote::{Terms, quote};
use crate::reload;
use crate::routing::OfferingHealth;
use crate::rules::Asker;

use super::{CliError, say};

/// The largest request that is read.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// What `pixelgate quote` is told.
#[derive(Debug, Args)]
pub(super) struct QuoteArgs {
    /// The dialect that the request is in.
    #[arg(long)]
    dialect: String,
    /// The plan of the key that would ask.
    #[arg(long)]
    plan: String,
    /// Where the request would be sent; where the dialect draws pictures when not given.
    #[arg(long)]
    path: Option<String>,
    /// A folder of policy; the config's when not given.
    #[arg(long, value_name = "DIR")]
    policy: Option<PathBuf>,
    /// A file with the request's body; `-` reads it from standard input.
    request: PathBuf,
}

pub(super) fn run(args: &QuoteArgs, policy_directory: &Path) -> Result<(), CliError> {
    let policy = reload::check(args.policy.as_deref().unwrap_or(policy_directory))?;
    let refused = |message: String| CliError::Refused { message };
    let plan = policy.plan(&args.plan).ok_or_else(|| {
        let names: Vec<_> = policy.plans.keys().map(String::as_str).collect();
        refused(format!("no plan `{}`; there are: {}", args.plan, names.join(", ")))
    })?;
    let spoken = dialect::by_name(&args.dialect).and_then(|dialect| dialect.client);
    let client = spoken.ok_or_else(|| refused(format!("no app speaks `{}`", args.dialect)))?;
    let path = args.path.clone().unwrap_or_else(|| client.example().path.to_owned());
    if client.claim(&Method::POST, &path) != Some(Claim::Images) {
        return Err(refused(format!("`{}` draws no pictures at {path}", args.dialect)));
    }
    let wire = WireRequest::post_json(path, read(&args.request)?);
    let quoted = client.decode_request(&wire).and_then(|request| {
        let now = SystemClock::start().now();
        let rested = OfferingHealth::default();
        let health = |_: &str| rested.view(now);
        let asker = Asker {
            workspace: "",
            key: "",
            key_name: "",
            plan: &plan.name,
            scopes: &[],
            is_test: false,
        };
        let dialect = &args.dialect;
        quote(&Terms { policy: &policy, plan, asker, dialect, health: &health, now }, &request)
    });
    let quoted = quoted.map_err(|refusal| refused(refusal.message.into_owned()))?;
    say(&serde_json::to_string_pretty(&quoted).unwrap_or_default());
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |source| CliError::System { what: "read the request", source };
    let mut body = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(BODY_BYTES_MAX).read_to_end(&mut body).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(BODY_BYTES_MAX).read_to_end(&mut body).map_err(failed)?;
    }
    Ok(body)
}
