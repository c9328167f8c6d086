//! The media library in a bucket of a real S3 server.

use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::media::{MEDIAPOSTS, address, erase, fetch, keep, library_of, same_picture};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{PAINTED, World, dimensions, read};

/// An S3 server with the bucket `pictures`.
pub(crate) struct S3 {
    process: Child,
    address: String,
}

impl S3 {
    pub(crate) fn start() -> Self {
        use std::io::BufRead as _;
        #[expect(
            clippy::disallowed_methods,
            reason = "the interpreter that `scripts/test` sets up"
        )]
        let python = std::env::var("PIXELGATE_PYTHON")
            .expect("PIXELGATE_PYTHON is not set; run this test by `scripts/test`");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/s3_server.py");
        let mut process =
            Command::new(python).args([script, "pictures"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        let said = process.stdout.take().unwrap();
        std::io::BufReader::new(said).read_line(&mut address).unwrap();
        assert!(address.starts_with("http://"), "the S3 server did not start");
        Self { process, address: address.trim().to_owned() }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The names of all objects in the bucket.
    async fn objects(&self, world: &World) -> Vec<String> {
        let listed = fetch(world, &format!("{}/pictures?list-type=2", self.address)).await;
        let text = String::from_utf8(listed.bytes).unwrap();
        text.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    }

    fn config(&self) -> String {
        format!(
            "[media]\nplace = \"s3://pictures/library\"\ns3_endpoint = \"{}\"\n\
             s3_access_key = \"env:S3_ACCESS\"\ns3_secret_key = \"env:S3_SECRET\"\n",
            self.address
        )
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) const S3_KEYS: [(&str, &str); 2] =
    [("S3_ACCESS", "AKIAMADEUP"), ("S3_SECRET", "made up")];

#[tokio::test(flavor = "multi_thread")]
async fn pictures_lie_in_a_bucket_where_config_says_so() {
    let s3 = S3::start();
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let world = World::with_environment(&same_picture(&vendor), "10", &s3.config(), &S3_KEYS);
    let (one, two) =
        (keep(&world, &world.key, "same").await, keep(&world, &world.key, "same").await);
    let objects = s3.objects(&world).await;
    assert_eq!(objects.len(), 1, "{objects:?}");
    assert!(objects[0].starts_with("library/"), "{objects:?}");
    assert!(!library_of(&world).exists(), "nothing lies in the folder");

    let url = address(&world, &world.key, &two).await;
    let whole = fetch(&world, &url).await;
    assert_eq!((whole.status, dimensions(&whole.bytes)), (200, (1024, 1024)));
    let part = read(world.client.get(&url).header("range", "bytes=8-15")).await;
    assert_eq!((part.status, part.bytes.as_slice()), (206, &whole.bytes[8..16]));

    erase(&world, &one).await;
    assert_eq!(fetch(&world, &url).await.status, 200);
    erase(&world, &two).await;
    assert_eq!(s3.objects(&world).await, Vec::<String>::new());
    assert_eq!(fetch(&world, &url).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_away_costs_nobody_anything() {
    let s3 = S3::start();
    let policy = PAINTED.replace("[models.paint]", "[models.paint]\ndeadline = \"10s\"");
    let world = World::with_environment(&policy, "10", &s3.config(), &S3_KEYS);
    let id = keep(&world, &world.key, "paint").await;
    let url = address(&world, &world.key, &id).await;
    drop(s3);
    let lost = world.post(MEDIAPOSTS, &json!({ "prompt": "a fox", "model": "paint" })).await;
    assert_eq!(lost.status / 100, 5, "{}", lost.json());
    assert_eq!(world.available(), "9");
    assert_eq!(fetch(&world, &url).await.status, 503);
    let listed = world.get("/v1/media").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    world.verify();
}

#[test]
fn a_missing_key_for_the_bucket_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("policy.toml"), PAINTED).unwrap();
    let file = folder.path().join("gateway.toml");
    let text = format!(
        "store.directory = \"{}\"\npolicy.directory = \"{}\"\nadmin.address = \"127.0.0.1:0\"\n\
         public.address = \"127.0.0.1:0\"\nmedia.place = \"s3://pictures\"\n\
         media.s3_access_key = \"env:NOT_THERE\"\nmedia.s3_secret_key = \"env:NOT_THERE_EITHER\"\n",
        folder.path().join("data").display(),
        policies.display()
    );
    std::fs::write(&file, text).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["serve", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("env:NOT_THERE"), "{said}");
    assert_eq!(done.status.code(), Some(2), "{said}");
}
