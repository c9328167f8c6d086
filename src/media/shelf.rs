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
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};

use crate::config::S3;
use crate::secret::{self, Secret};

use super::{MediaError, PICTURE_BYTES_MAX};

/// One call to a service, retries not counted.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// All that a call may take with its retries.
const RETRY_TIMEOUT: Duration = Duration::from_mins(1);
const RETRIES_MAX: usize = 3;

/// What platforms of AWS put in the environment of a process so that it can take on its role: EKS and ECS.
/// Anything else that is said there would change what config says.
const ROLES: [(&str, AmazonS3ConfigKey); 7] = [
    ("AWS_WEB_IDENTITY_TOKEN_FILE", AmazonS3ConfigKey::WebIdentityTokenFile),
    ("AWS_ROLE_ARN", AmazonS3ConfigKey::RoleArn),
    ("AWS_ROLE_SESSION_NAME", AmazonS3ConfigKey::RoleSessionName),
    ("AWS_ENDPOINT_URL_STS", AmazonS3ConfigKey::StsEndpoint),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile),
];

/// Bytes that are read at once for whoever takes them piece by piece.
const SLICE_FOLDER: u64 = 256 << 10;

/// The same of a service, where each read is a call that is paid for and takes its time.
const SLICE_BUCKET: u64 = 1 << 20;

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
        let bucket = bucket(s3, &secret::from_environment)?;
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

    /// Bytes that are read at once for whoever takes them piece by piece.
    pub(super) const fn slice_bytes(&self) -> u64 {
        if self.folder.is_some() { SLICE_FOLDER } else { SLICE_BUCKET }
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

/// Opens a bucket with the keys of config, or with what the `environment` says of a role.
fn bucket(s3: &S3, environment: &dyn Fn(&str) -> Option<Secret>) -> Result<AmazonS3, MediaError> {
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
        let find = |place: &secret::SecretPlace| {
            place.find().ok_or_else(|| MediaError::NoCredential { place: place.to_string() })
        };
        builder = builder
            .with_access_key_id(find(access)?.reveal())
            .with_secret_access_key(find(secret)?.reveal());
    } else {
        for (name, key) in ROLES {
            if let Some(said) = environment(name) {
                builder = builder.with_config(key, said.reveal());
            }
        }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each connection with the next of these, and says what was asked on it.
    async fn answers(listener: TcpListener, answers: [String; 2]) -> Vec<String> {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            asked.push(String::from_utf8(head).unwrap().to_lowercase());
        }
        asked
    }

    #[tokio::test]
    async fn the_role_that_the_platform_gives_is_taken_on_unless_config_has_keys() {
        drop(rustls::ClientConfig::builder());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = format!("http://{}", listener.local_addr().unwrap());
        let keys = r#"{"AccessKeyId":"AKIDOFTHEROLE","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}"#;
        let role = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{keys}",
            keys.len()
        );
        let none = "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        fs::write(&token, "of the pod").unwrap();
        let environment = |name: &str| {
            let said = match name {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI" => format!("{place}/role"),
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" => token.to_str().unwrap().to_owned(),
                _ => return None,
            };
            Some(Secret::new(said))
        };
        let s3 = S3 {
            bucket: "pictures".to_owned(),
            prefix: String::new(),
            endpoint: Some(place.clone()),
            region: "eu-central-1".to_owned(),
            keys: None,
        };
        let opened = bucket(&s3, &environment).unwrap();
        let place_of_none = Path::from("a");
        let served = answers(listener, [role, none.to_owned()]);
        let (head, asked) = tokio::join!(opened.head(&place_of_none), served);
        assert!(head.is_err());
        assert!(asked[0].contains("get /role") && asked[0].contains("of the pod"), "{asked:?}");
        assert!(asked[1].contains("credential=akidoftherole/"), "{asked:?}");

        let file = secret::SecretPlace::File(token.clone());
        let nothing = |name: &str| panic!("{name} was looked for");
        let with_keys = S3 { keys: Some((file.clone(), file)), ..s3 };
        assert!(bucket(&with_keys, &nothing).is_ok());
    }
}
