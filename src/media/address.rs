//! Addresses of kept pictures: `/media/{id}/original.{format}`, and how one that ends is signed.
//!
//! A name cannot be guessed, so whoever has an address may fetch the picture. Where addresses end,
//! they carry the end and an HMAC-SHA256 over name and end: `?expires={unix s}&signature={hex}`.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use ring::hmac;

use crate::canonical::Format;
use crate::clock::Now;
use crate::id::random_text;
use crate::secret::{self, Secret, SecretPlace};

use super::MediaError;

/// The name that a picture has when it is downloaded.
pub const fn file_name(format: Format) -> &'static str {
    match format {
        Format::Png => "original.png",
        Format::Jpeg => "original.jpeg",
        Format::Webp => "original.webp",
        Format::Avif => "original.avif",
    }
}

/// Letters of a key that is made here: 160 bits.
const KEY_LETTERS: usize = 32;

/// The file that holds it, in the store's folder.
const KEY_FILE: &str = "address.key";

/// How addresses are made and checked.
#[derive(Debug)]
pub(super) struct Addresses(Option<Signed>);

#[derive(Debug)]
struct Signed {
    key: hmac::Key,
    last: Duration,
}

/// What an address is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As long as the picture is there.
    Good,
    /// Until then, in seconds since the Unix epoch.
    GoodUntil(i64),
    /// Nothing: it has ended, or was never signed by us.
    Bad,
}

impl Addresses {
    /// Addresses that end after `last`, or never.
    pub(super) fn new(
        last: Option<Duration>,
        key: Option<&SecretPlace>,
        folder: &Path,
    ) -> Result<Self, MediaError> {
        let Some(last) = last else {
            return Ok(Self(None));
        };
        let secret = match key {
            Some(place) => {
                place.find().ok_or_else(|| MediaError::NoCredential { place: place.to_string() })?
            }
            None => own_key(&folder.join(KEY_FILE)).map_err(|source| MediaError::Disk {
                what: "make key",
                path: folder.join(KEY_FILE),
                source,
            })?,
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
        Ok(Self(Some(Signed { key, last })))
    }

    /// The path and query of a picture.
    pub(super) fn path(&self, id: &str, format: Format, now: Now) -> String {
        let path = format!("/media/{id}/{}", file_name(format));
        let Some(Signed { key, last }) = &self.0 else {
            return path;
        };
        let last_s = i64::try_from(last.as_secs()).unwrap_or(i64::MAX);
        let end = now.unix_seconds().saturating_add(last_s);
        let signature = hex(hmac::sign(key, &signed(id, end)).as_ref());
        format!("{path}?expires={end}&signature={signature}")
    }

    /// What an address with this query is worth.
    pub(super) fn check(&self, id: &str, query: &str, now: Now) -> Standing {
        let Some(Signed { key, .. }) = &self.0 else {
            return Standing::Good;
        };
        let said = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let end = said("expires").and_then(|end| end.parse::<i64>().ok());
        let signature = said("signature").and_then(unhex);
        let (Some(end), Some(signature)) = (end, signature) else {
            return Standing::Bad;
        };
        let is_ours = hmac::verify(key, &signed(id, end), &signature).is_ok();
        if is_ours && now.unix_seconds() < end { Standing::GoodUntil(end) } else { Standing::Bad }
    }
}

fn signed(id: &str, end: i64) -> Vec<u8> {
    format!("{id}\n{end}").into_bytes()
}

/// The key in this file, which is made if it is not there, for nobody else to read.
fn own_key(path: &Path) -> io::Result<Secret> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match secret::from_file(path) {
        Ok(key) if key.reveal().len() >= KEY_LETTERS => return Ok(key),
        Ok(_) => return Err(io::Error::other("it is shorter than a key; remove it")),
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(source),
    }
    let key = random_text(KEY_LETTERS);
    let draft = path.with_extension("draft");
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(key.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    Ok(Secret::new(key))
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits
        .chunks(2)
        .map(|pair| pair.iter().try_fold(0_u32, |byte, digit| Some(byte << 4 | digit)))
        .map(|byte| u8::try_from(byte?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0a1b";

    fn at(seconds: i64) -> Now {
        Now { unix_ms: seconds * 1_000, tick_ms: 0 }
    }

    fn ending(folder: &Path) -> Addresses {
        Addresses::new(Some(Duration::from_mins(1)), None, folder).unwrap()
    }

    #[test]
    fn an_address_that_ends_is_good_until_its_end_and_only_as_it_was_signed() {
        let folder = tempfile::tempdir().unwrap();
        let addresses = ending(folder.path());
        let path = addresses.path(ID, Format::Png, at(1_000));
        let (path, query) = path.split_once('?').unwrap();
        assert_eq!(path, "/media/0a1b/original.png");
        assert_eq!(addresses.check(ID, query, at(1_059)), Standing::GoodUntil(1_060));
        assert_eq!(addresses.check(ID, query, at(1_060)), Standing::Bad);
        assert_eq!(addresses.check("0a1c", query, at(1_000)), Standing::Bad);
        let prolonged = query.replace("expires=1060", "expires=9999");
        for other in [prolonged.as_str(), "", "expires=1060", "expires=1060&signature=zz"] {
            assert_eq!(addresses.check(ID, other, at(1_000)), Standing::Bad, "{other}");
        }
    }

    #[test]
    fn a_key_that_was_made_is_found_again_and_is_nobody_elses_to_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let before = ending(folder.path()).path(ID, Format::Webp, at(0));
        assert_eq!(ending(folder.path()).path(ID, Format::Webp, at(0)), before);
        let mode = folder.path().join(KEY_FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
        let other = tempfile::tempdir().unwrap();
        assert_ne!(ending(other.path()).path(ID, Format::Webp, at(0)), before);
    }

    #[test]
    fn an_address_without_an_end_needs_no_signature() {
        let addresses = Addresses::new(None, None, Path::new("/nowhere")).unwrap();
        assert_eq!(addresses.path(ID, Format::Jpeg, at(0)), "/media/0a1b/original.jpeg");
        assert_eq!(addresses.check(ID, "", at(0)), Standing::Good);
    }
}
