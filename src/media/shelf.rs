//! Where the bytes of kept pictures lie: in an object store, each under its own SHA-256.
//!
//! Nothing here knows whose they are; the index does.

use std::fs;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};

use crate::config::S3;

use super::{MediaError, PICTURE_BYTES_MAX};

/// One call to a service, retries not counted.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// All that a call may take with its retries.
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);
const RETRIES_MAX: usize = 3;

/// Letters of a digest that name its folder: 256 folders.
const FOLDER_LETTERS: usize = 2;

/// The place of the bytes.
#[derive(Debug)]
pub(super) struct Shelf {
    objects: Arc<dyn ObjectStore>,
    /// The folder, when it is one: only there can a write be left half-done.
    folder: Option<PathBuf>,
}

impl Shelf {
    /// A folder, which is made if need be.
    pub(super) fn in_folder(folder: PathBuf) -> Result<Self, MediaError> {
        fs::create_dir_all(&folder).map_err(|source| MediaError::Disk {
            what: "make folder",
            path: folder.clone(),
            source,
        })?;
        let objects = LocalFileSystem::new_with_prefix(&folder);
        // Without fsync a power cut may leave a name with nothing behind it.
        let objects = objects.map_err(|source| objecting("open", source))?.with_fsync(true);
        Ok(Self { objects: Arc::new(objects), folder: Some(folder) })
    }

    /// A bucket of an S3-compatible service. Nothing is asked of it yet.
    pub(super) fn in_bucket(s3: &S3) -> Result<Self, MediaError> {
        // The client in the object store takes the process's own cryptography and does not choose
        // one; whoever begins a TLS config first chooses for all, and there is only `ring`.
        drop(rustls::ClientConfig::builder());
        let bucket = bucket(s3)?;
        let objects: Arc<dyn ObjectStore> = if s3.prefix.is_empty() {
            Arc::new(bucket)
        } else {
            Arc::new(PrefixStore::new(bucket, s3.prefix.as_str()))
        };
        Ok(Self { objects, folder: None })
    }

    /// Lays bytes under their digest; durable when answered. Bytes that lie there are left.
    pub(super) async fn put(&self, digest: &str, bytes: Bytes) -> Result<(), MediaError> {
        let at = place(digest);
        match self.objects.head(&at).await {
            Ok(there) if usize::try_from(there.size) == Ok(bytes.len()) => return Ok(()),
            // Anything else in that place cannot be right.
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => return Err(objecting("look for", source)),
        }
        let put = self.objects.put(&at, bytes.into()).await;
        put.map(|_| ()).map_err(|source| objecting("keep", source))
    }

    /// Bytes, or the part of them that is asked for; `None` when nothing lies there.
    pub(super) async fn get(
        &self,
        digest: &str,
        part: Range<u64>,
    ) -> Result<Option<Bytes>, MediaError> {
        let length = part.end.saturating_sub(part.start);
        if usize::try_from(length).is_ok_and(|bytes| bytes <= PICTURE_BYTES_MAX) {
            match self.objects.get_range(&place(digest), part).await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(source) => Err(objecting("read", source)),
            }
        } else {
            Err(MediaError::TooLong { bytes: usize::try_from(length).unwrap_or(usize::MAX) })
        }
    }

    /// Takes bytes away, if they are there.
    pub(super) async fn erase(&self, digest: &str) -> Result<(), MediaError> {
        match self.objects.delete(&place(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(objecting("erase", source)),
        }
    }

    /// The digest of everything that has lain here since before that moment.
    pub(super) async fn older_than(&self, unix_ms: i64) -> Result<Vec<String>, MediaError> {
        let mut listed = self.objects.list(None);
        let mut old = Vec::new();
        while let Some(object) = listed.next().await {
            let object = object.map_err(|source| objecting("list", source))?;
            let name = object.location.filename().filter(|name| is_digest(name));
            if let Some(name) = name.filter(|_| object.last_modified.timestamp_millis() < unix_ms) {
                old.push(name.to_owned());
            }
        }
        Ok(old)
    }

    /// The folder, when it is one.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.folder.clone()
    }
}

/// Takes away what a write left half-done in a folder before that moment; how many there were.
pub(super) fn erase_drafts(folder: &FilePath, unix_ms: i64) -> Result<usize, MediaError> {
    let disk =
        |path: &FilePath, source| MediaError::Disk { what: "sweep", path: path.to_owned(), source };
    let mut erased = 0;
    for within in fs::read_dir(folder).map_err(|source| disk(folder, source))?.flatten() {
        // What is no folder is none of ours.
        let Ok(files) = fs::read_dir(within.path()) else { continue };
        for draft in files.flatten().filter(|file| is_draft(file, unix_ms)) {
            fs::remove_file(draft.path()).map_err(|source| disk(&draft.path(), source))?;
            erased += 1;
        }
    }
    Ok(erased)
}

fn bucket(s3: &S3) -> Result<AmazonS3, MediaError> {
    let options = ClientOptions::new()
        .with_timeout(CALL_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(s3.endpoint.as_ref().is_some_and(|place| place.starts_with("http://")));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&s3.bucket)
        .with_region(&s3.region)
        .with_client_options(options)
        .with_retry(RetryConfig {
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        });
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some((access, secret)) = &s3.keys {
        let find = |place: &crate::secret::SecretPlace| {
            place.find().ok_or_else(|| MediaError::NoCredential { place: place.to_string() })
        };
        builder = builder
            .with_access_key_id(find(access)?.reveal())
            .with_secret_access_key(find(secret)?.reveal());
    }
    builder.build().map_err(|source| objecting("open", source))
}

fn place(digest: &str) -> Path {
    let folder = digest.get(..FOLDER_LETTERS).unwrap_or_default();
    Path::from_iter([folder, digest])
}

fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A file that an object is written to before it is moved to its place: its name and `#1`.
fn is_draft(file: &fs::DirEntry, before_ms: i64) -> bool {
    let name = file.file_name();
    let of = name.to_str().and_then(|name| name.split_once('#'));
    let written = file.metadata().and_then(|file| file.modified()).ok();
    let written = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    of.is_some_and(|(digest, _)| is_digest(digest))
        && written.is_some_and(|at| i64::try_from(at.as_millis()).is_ok_and(|ms| ms < before_ms))
}

const fn objecting(what: &'static str, source: object_store::Error) -> MediaError {
    MediaError::Objects { what, source }
}
