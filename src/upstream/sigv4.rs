//! AWS Signature Version 4: a request is signed with a key that itself is never sent.
//!
//! Pure: the time comes in. The path is signed as it goes on the wire, its segments encoded once
//! more, which is what every AWS API but S3 wants.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hmac::{Hmac, Mac};
use http::{HeaderMap, Method};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::dialect::{Pieces, percent_encoded};

/// A request that is complete but for its signature.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a Method,
    /// Path and query as they go on the wire.
    pub(super) path: &'a str,
    /// Every header; all of them are signed but for the one below.
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Pieces,
}

/// What a signature is good for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// Intermediaries write their own name here, so it is not signed.
const UNSIGNED: &str = "user-agent";

/// The key with its public name, and the token of a key that is lent for a while.
struct Key<'a> {
    id: &'a str,
    secret: &'a str,
    token: Option<&'a str>,
}

impl<'a> Key<'a> {
    /// Reads `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`; none of the three has a colon.
    fn read(text: &'a str) -> Option<Self> {
        let (id, rest) = text.split_once(':')?;
        let (secret, token) = match rest.split_once(':') {
            Some((secret, token)) => (secret, Some(token)),
            None => (rest, None),
        };
        let is_whole = ![Some(id), Some(secret), token].contains(&Some(""));
        is_whole.then_some(Self { id, secret, token })
    }
}

/// The headers that sign a request at a time; `None` when the secret is not a key of AWS.
pub(super) fn sign(
    request: &Unsigned<'_>,
    secret: &str,
    scope: Scope<'_>,
    unix_seconds: i64,
) -> Option<Vec<(&'static str, String)>> {
    let key = Key::read(secret)?;
    let (day, moment) = dates(unix_seconds)?;
    let mut added = vec![("x-amz-date", moment.clone())];
    added.extend(key.token.map(|token| ("x-amz-security-token", token.to_owned())));

    let (canonical, names) = canonical_request(request, &added);
    let within = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let hash = hex(&Sha256::digest(canonical));
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{within}\n{hash}");

    let mut signing_key = keyed(format!("AWS4{}", key.secret).as_bytes(), &day)?;
    for part in [scope.region, scope.service, "aws4_request"] {
        signing_key = keyed(&signing_key, part)?;
    }
    let signature = hex(&keyed(&signing_key, &to_sign)?);
    let id = key.id;
    let shown = format!(
        "AWS4-HMAC-SHA256 Credential={id}/{within}, SignedHeaders={names}, Signature={signature}"
    );
    added.push(("authorization", shown));
    Some(added)
}

/// The day, and the second of it, as AWS writes them.
fn dates(unix_seconds: i64) -> Option<(String, String)> {
    let at = OffsetDateTime::from_unix_timestamp(unix_seconds).ok()?;
    let day = format!("{:04}{:02}{:02}", at.year(), u8::from(at.month()), at.day());
    let moment = format!("{day}T{:02}{:02}{:02}Z", at.hour(), at.minute(), at.second());
    Some((day, moment))
}

/// The request as both sides write it before they sign it, and the headers that are in it.
fn canonical_request(request: &Unsigned<'_>, added: &[(&str, String)]) -> (String, String) {
    let (path, query) = request.path.split_once('?').unwrap_or((request.path, ""));
    let mut headers: BTreeMap<&str, String> =
        added.iter().map(|(name, value)| (*name, value.clone())).collect();
    for (name, value) in request.headers.iter().filter(|(name, _)| *name != UNSIGNED) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let values = headers.entry(name.as_str()).or_default();
        if !values.is_empty() {
            values.push(',');
        }
        values.push_str(&value);
    }
    let names = headers.keys().copied().collect::<Vec<_>>().join(";");
    let mut canonical = format!("{}\n{}\n{}\n", request.method, paved(path), ordered(query));
    for (name, value) in &headers {
        // Writing to a text cannot fail.
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let mut body = Sha256::new();
    for slice in request.body.clone().into_slices() {
        body.update(slice);
    }
    let _ = write!(canonical, "\n{names}\n{}", hex(&body.finalize()));
    (canonical, names)
}

/// A path without empty, `.` and `..` segments, encoded once more.
fn paved(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(percent_encoded(name)),
        }
    }
    let ends_open = path.ends_with('/') && !segments.is_empty();
    format!("/{}{}", segments.join("/"), if ends_open { "/" } else { "" })
}

/// A query in the order of its names, then values, each encoded exactly once.
fn ordered(query: &str) -> String {
    let once = |text: &str| percent_encoded(&String::from_utf8_lossy(&decoded(text)));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (once(name), once(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// What a percent-encoded text stands for; a sign that encodes nothing stands for itself.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'%').and_then(|d| u8::from_str_radix(d, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    bytes
}

fn keyed(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
