//! Where kept pictures lie: `<dir>/<workspace tag>/<name>.<format>`.
//!
//! A name carries the tag of its workspace, so a picture is found by its name alone, with one
//! probe for each format, and everything of one workspace lies in one folder.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::canonical::Format;
use crate::id::{MediaId, WorkspaceId, random_text};

use super::{MediaError, PICTURE_BYTES_MAX};

const PREFIX: &str = "med_";

/// Letters of a workspace's tag: 48 bits, so that two workspaces do not share a folder.
const TAG_LETTERS: usize = 12;

/// Letters that cannot be guessed: a hundred bits.
const SECRET_LETTERS: usize = 20;

/// The name a picture has when it is downloaded.
pub const fn file_name(format: Format) -> &'static str {
    match format {
        Format::Png => "original.png",
        Format::Jpeg => "original.jpeg",
        Format::Webp => "original.webp",
    }
}

/// A new name for a picture of this workspace.
pub(super) fn new_id(workspace: &WorkspaceId) -> MediaId {
    // A digest: what a workspace is called must neither be told nor end up in a path.
    let digest: [u8; 32] = Sha256::digest(workspace.as_str()).into();
    let bits =
        digest.iter().take(TAG_LETTERS / 2).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let tag = format!("{bits:0TAG_LETTERS$x}");
    MediaId::known(&format!("{PREFIX}{tag}{}", random_text(SECRET_LETTERS)))
}

/// A text as a name, if [`new_id`] could have made it: letters and digits, so never a path.
pub(super) fn known_id(text: &str) -> Option<MediaId> {
    let rest = text.strip_prefix(PREFIX)?;
    let whole = rest.len() == TAG_LETTERS + SECRET_LETTERS
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    whole.then(|| MediaId::known(text))
}

/// The folder of kept pictures.
#[derive(Debug)]
pub(super) struct Shelf(PathBuf);

impl Shelf {
    pub(super) fn open(dir: PathBuf) -> Result<Self, MediaError> {
        fs::create_dir_all(&dir).map_err(|source| MediaError::Disk {
            what: "make folder",
            path: dir.clone(),
            source,
        })?;
        Ok(Self(dir))
    }

    /// Writes a picture beside its place and moves it there: a reader sees all of it or nothing.
    pub(super) fn put(&self, id: &MediaId, format: Format, bytes: &[u8]) -> Result<(), MediaError> {
        let place = self.place(id, format);
        let draft = place.with_extension("draft");
        let written = write_whole(&draft, bytes).and_then(|()| fs::rename(&draft, &place));
        written.map_err(|source| {
            // The draft may not even be there; the first failure is the one to tell.
            let _ = fs::remove_file(&draft);
            MediaError::Disk { what: "keep picture", path: place, source }
        })
    }

    /// Reads a picture, in whichever format it was kept.
    pub(super) fn get(&self, id: &MediaId) -> Result<Option<(Format, Bytes)>, MediaError> {
        for format in [Format::Png, Format::Webp, Format::Jpeg] {
            let place = self.place(id, format);
            match read_bounded(&place) {
                Ok(bytes) if bytes.len() > PICTURE_BYTES_MAX => {
                    return Err(MediaError::TooLong { bytes: bytes.len() });
                }
                Ok(bytes) => return Ok(Some((format, bytes.into()))),
                Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(MediaError::Disk { what: "read picture", path: place, source });
                }
            }
        }
        Ok(None)
    }

    fn place(&self, id: &MediaId, format: Format) -> PathBuf {
        let name = id.as_str();
        let tag = name.get(PREFIX.len()..PREFIX.len() + TAG_LETTERS);
        self.0.join(tag.unwrap_or_default()).join(name).with_extension(format.name())
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    // Without this a power cut may leave a name with nothing behind it.
    file.sync_all()
}

/// Reads one byte more than allowed at most, so that too much is noticed and not read.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(PICTURE_BYTES_MAX).unwrap_or(u64::MAX);
    let file = File::open(path)?;
    file.take(bound.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
