//! Another gateway's configuration, made into a folder of policy.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::import::{self, Imported, Known, Verdict};
use crate::reload;
use crate::secret::SecretPlace;

use super::{CliError, demo, say};

/// The page that says what became of what was read.
const REPORT: &str = "import-report.md";

/// What is imported.
#[derive(Debug, Subcommand)]
pub(super) enum ImportVerb {
    /// The config.yaml of LiteLLM's proxy: its image models, as policy.
    Litellm(ImportArgs),
}

/// What `pixelgate import` is told.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file.
    file: PathBuf,
    /// The folder of policy to write; it must not be there, or be empty.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(verb: &ImportVerb) -> Result<(), CliError> {
    let ImportVerb::Litellm(args) = verb;
    let text = std::fs::read_to_string(&args.file)
        .map_err(|source| CliError::System { what: "read the file", source })?;
    let catalogue = demo::catalogue().map_err(|error| refused(&error.to_string()))?;
    let variable = |name: &str| {
        let found = SecretPlace::Environment(name.to_owned()).find();
        found.map(|found| found.reveal().to_owned())
    };
    let known = Known { catalogue: &catalogue, variable: &variable };
    let imported = import::litellm(&text, known).map_err(|error| refused(&error.to_string()))?;
    write(&args.out, &args.file, &imported)?;
    let report = &imported.report;
    say(&format!(
        "{}: {} parts taken, {} changed, {} left; {} says which and why",
        args.file.display(),
        report.count(Verdict::Taken),
        report.count(Verdict::Changed),
        report.count(Verdict::Left),
        args.out.join(REPORT).display(),
    ));
    let policy = reload::check(&args.out)?;
    for warning in &policy.warnings {
        say(&format!("note: {warning}"));
    }
    say(&format!(
        "{}: good; {} vendors, {} models",
        args.out.display(),
        policy.vendors.len(),
        policy.models.len()
    ));
    Ok(())
}

fn refused(why: &str) -> CliError {
    CliError::Refused { message: why.to_owned() }
}

/// Nothing that is there is written over.
fn write(out: &Path, file: &Path, imported: &Imported) -> Result<(), CliError> {
    let cannot = |source| CliError::System { what: "write the folder of policy", source };
    std::fs::create_dir_all(out).map_err(cannot)?;
    if std::fs::read_dir(out).map_err(cannot)?.next().is_some() {
        let message = format!("{} is not empty; name another folder", out.display());
        return Err(CliError::Refused { message });
    }
    for (name, text) in &imported.files {
        std::fs::write(out.join(name), text).map_err(cannot)?;
    }
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let page = imported.report.page(&name.unwrap_or_default());
    std::fs::write(out.join(REPORT), page).map_err(cannot)
}
