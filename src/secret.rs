//! A text that will not print itself, and where such texts come from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;
use zeroize::Zeroize as _;

/// A credential. `Debug` prints `***`; there is no `Display`; what it took up is overwritten when it
/// is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed by accident.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that sends or hashes it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a credential is, as policy and config say it: `env:NAME` or `file:/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretPlace {
    /// In an environment variable.
    Environment(String),
    /// In a file.
    File(PathBuf),
}

/// A text that says no place. It may be the credential itself, so it is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is not a place where a credential is")]
pub struct NoPlace;

impl SecretPlace {
    /// The credential, if it is there.
    pub fn find(&self) -> Option<Secret> {
        match self {
            Self::Environment(name) => from_environment(name),
            Self::File(path) => from_file(path).ok().filter(|secret| !secret.0.is_empty()),
        }
    }
}

impl FromStr for SecretPlace {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Environment(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(NoPlace),
        }
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Reads a secret from the environment; an empty one counts as absent.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
pub fn from_environment(name: &str) -> Option<Secret> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(Secret::new)
}

/// Reads a secret from a file, less the line end that editors add.
pub fn from_file(path: &Path) -> std::io::Result<Secret> {
    std::fs::read_to_string(path).map(|text| Secret::new(text.trim_end().to_owned()))
}

/// Keeps what is in memory out of files: a crash of this process leaves no core dump.
pub fn forbid_core_dumps() -> std::io::Result<()> {
    // Of a limit of nothing only files take notice; this one also keeps the system from piping the
    // dump to whoever collects them, as core(5) says.
    let least = Rlimit { current: Some(1), maximum: Some(1) };
    if getrlimit(Resource::Core) == least {
        return Ok(());
    }
    Ok(setrlimit(Resource::Core, least)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = Secret::new("sk-live".to_owned());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.reveal(), "sk-live");
    }

    #[test]
    fn a_limit_on_core_dumps_that_is_as_it_should_be_stays() {
        for _ in 0..2 {
            forbid_core_dumps().unwrap();
            let limit = getrlimit(Resource::Core);
            assert_eq!((limit.current, limit.maximum), (Some(1), Some(1)));
        }
    }
}
