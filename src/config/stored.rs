//! Where what must last is: rows in a database, pictures in a folder or a bucket.

use std::time::Duration;

use crate::scalar::{BadScalar, Span};
use crate::secret::SecretPlace;

use super::raw::{RawMedia, pause, set, wrong};
use super::{ConfigError, Library, Postgres, S3};

impl RawMedia {
    pub(super) fn build(self) -> Result<Library, ConfigError> {
        let place = set("media.place", self.place)?;
        let s3 = if place.is_empty() {
            None
        } else {
            Some(S3 {
                endpoint: Some(set("media.s3_endpoint", self.s3_endpoint)?)
                    .filter(|endpoint| !endpoint.is_empty()),
                region: set("media.s3_region", self.s3_region)?,
                keys: s3_keys(
                    secret_place("media.s3_access_key", self.s3_access_key)?,
                    secret_place("media.s3_secret_key", self.s3_secret_key)?,
                )?,
                ..bucket(&place)?
            })
        };
        let last = set("media.addresses_last", self.addresses_last)?;
        Ok(Library {
            s3,
            addresses_last: match last.as_str() {
                "" => None,
                text => Some(span("media.addresses_last", text)?),
            },
            address_key: secret_place("media.address_key", self.address_key)?,
            sweep_every: pause("media.sweep_every", self.sweep_every)?,
        })
    }
}

/// The PostgreSQL that nodes share, if there is one.
pub(super) fn postgres(
    url: Option<String>,
    authority: Option<String>,
) -> Result<Option<Postgres>, ConfigError> {
    let url = secret_place("store.postgres", url)?;
    let authority = set("store.postgres_authority", authority)?;
    match url {
        Some(url) => {
            Ok(Some(Postgres { url, authority: (!authority.is_empty()).then(|| authority.into()) }))
        }
        None if authority.is_empty() => Ok(None),
        None => Err(wrong("store.postgres_authority", "is of no use without store.postgres")),
    }
}

/// Nodes that share a store show each other's pictures.
pub(super) fn must_be_shared(library: &Library) -> Result<(), ConfigError> {
    if library.s3.is_none() {
        let problem = "is a folder of one node, and store.postgres is for several; give a bucket, \
                       such as \"s3://bucket/prefix\"";
        return Err(wrong("media.place", problem));
    }
    if library.addresses_last.is_some() && library.address_key.is_none() {
        let problem = "would be made by each node for itself; with store.postgres and \
                       media.addresses_last, give one that all have, as \"env:NAME\"";
        return Err(wrong("media.address_key", problem));
    }
    Ok(())
}

/// `s3://bucket/prefix`, of which the prefix may be missing.
fn bucket(place: &str) -> Result<S3, ConfigError> {
    let rest = place.strip_prefix("s3://").map(|rest| rest.trim_end_matches('/'));
    let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.starts_with('/')) else {
        let problem = format!("`{place}` is neither \"\" nor such as \"s3://bucket/prefix\"");
        return Err(wrong("media.place", problem));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
    Ok(S3 { bucket, prefix, endpoint: None, region: String::new(), keys: None })
}

fn s3_keys(
    access: Option<SecretPlace>,
    secret: Option<SecretPlace>,
) -> Result<Option<(SecretPlace, SecretPlace)>, ConfigError> {
    match (access, secret) {
        (None, None) => Ok(None),
        (Some(access), Some(secret)) => Ok(Some((access, secret))),
        (None, Some(_)) => {
            Err(wrong("media.s3_access_key", "is missing beside media.s3_secret_key"))
        }
        (Some(_), None) => {
            Err(wrong("media.s3_secret_key", "is missing beside media.s3_access_key"))
        }
    }
}

fn span(place: &'static str, text: &str) -> Result<Duration, ConfigError> {
    let span: Span = text.parse().map_err(|bad: BadScalar| wrong(place, bad.to_string()))?;
    if span.0 < Duration::from_secs(1) {
        return Err(wrong(place, format!("`{text}` is too short; give at least \"1s\"")));
    }
    Ok(span.0)
}

fn secret_place(
    place: &'static str,
    value: Option<String>,
) -> Result<Option<SecretPlace>, ConfigError> {
    match set(place, value)?.as_str() {
        "" => Ok(None),
        // It may be the credential itself, so it is not repeated.
        text => text
            .parse()
            .map(Some)
            .map_err(|no| wrong(place, format!("{no}; write \"env:NAME\" or \"file:/path\""))),
    }
}
