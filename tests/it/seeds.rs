//! What the documentation of five services prints, run as it stands but for host and key.
//!
//! `tests/fixtures/seeds/README.md` says how a fixture is read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::vendor::FakeVendor;
use crate::world::World;

mod imageapi;
mod mediaposts;
mod neariq;
mod neuraldraft;
mod posteverywhere;
mod shape;

/// The printed examples of one service, and the answers printed beside them.
pub(crate) struct Seed {
    folder: PathBuf,
    host: String,
    key: String,
    used: RefCell<BTreeSet<String>>,
}

impl Seed {
    pub(crate) fn open(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seeds").join(name);
        let printed = std::fs::read(folder.join("seed.json")).unwrap();
        let printed: Value = serde_json::from_slice(&printed).unwrap();
        let text = |name: &str| printed[name].as_str().unwrap().to_owned();
        let used = BTreeSet::from(["seed.json".to_owned()]);
        Self { folder, host: text("host"), key: text("key"), used: RefCell::new(used) }
    }

    /// An example with this host and this key in place of those that are printed.
    pub(crate) fn example(&self, file: &str, host: &str, key: &str) -> String {
        let printed = self.read(file);
        assert!(printed.contains(&self.host), "{file} calls another host than {}", self.host);
        printed.replace(&self.host, host).replace(&self.key, key)
    }

    /// Runs `NAME.sh` with this key; what `curl` receives must be what `NAME.ANSWER.json` shows.
    pub(crate) fn answers(&self, world: &World, key: &str, (name, answer): (&str, &str)) -> Value {
        self.answers_to(
            world,
            &self.example(&format!("{name}.sh"), &world.public, key),
            (name, answer),
        )
    }

    /// The same for an example in which something else was replaced too.
    fn answers_to(&self, world: &World, example: &str, (name, answer): (&str, &str)) -> Value {
        let file = format!("{name}.{answer}.json");
        let golden: Value = serde_json::from_str(&self.read(&file))
            .unwrap_or_else(|fault| panic!("{file} is not JSON: {fault}"));
        let reply = curl(example);
        let wrong = shape::differences(&golden, &reply, &world.public);
        let status = answer.split('-').next().unwrap();
        assert!(
            reply.status == status && wrong.is_empty(),
            "{file}, answered with {}\n{}\n{:#}",
            reply.status,
            wrong.join("\n"),
            reply.body
        );
        reply.body
    }

    /// Runs a program that is printed, and returns what it says.
    fn says(&self, file: &str, interpreter: &str, world: &World) -> String {
        #[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
        let interpreter = std::env::var(interpreter)
            .unwrap_or_else(|_| panic!("{interpreter} is not set; use `scripts/test`"));
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join(file);
        std::fs::write(&program, self.example(file, &world.public, &world.key)).unwrap();
        let ended = Command::new(interpreter).arg(program).output().unwrap();
        let wrong = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{file}: {wrong}");
        String::from_utf8(ended.stdout).unwrap().trim().to_owned()
    }

    /// Must find that every file was of use, but for these, which another test uses.
    fn is_used_up_but(&self, others: &[&str]) {
        let files = std::fs::read_dir(&self.folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let used = self.used.borrow();
        let left: Vec<_> =
            names.filter(|name| !used.contains(name) && !others.contains(&name.as_str())).collect();
        assert!(left.is_empty(), "not used: {left:?}");
    }

    fn read(&self, file: &str) -> String {
        self.used.borrow_mut().insert(file.to_owned());
        std::fs::read_to_string(self.folder.join(file))
            .unwrap_or_else(|fault| panic!("cannot read {file}: {fault}"))
    }
}

/// What `curl` received.
pub(crate) struct Received {
    pub(crate) status: String,
    /// With names in small letters.
    headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// Runs an example in a shell. `curl` is told by its own file of settings where to put the answer, so
/// that nothing is added to the example.
pub(crate) fn curl(example: &str) -> Received {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let (head, body) = (folder.path().join("head"), folder.path().join("body"));
    let settings = format!(
        "silent\nshow-error\nmax-time = 60\nnoproxy = \"*\"\ndump-header = \"{}\"\noutput = \"{}\"\n",
        head.display(),
        body.display()
    );
    std::fs::write(folder.path().join(".curlrc"), settings).unwrap();
    let mut shell = Command::new("sh");
    let ended = shell.args(["-c", example]).env("CURL_HOME", folder.path()).output().unwrap();
    let wrong = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{example}\n{wrong}");
    let head = std::fs::read_to_string(head).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let body = std::fs::read(body).unwrap();
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&body)));
    Received { status, headers: headers.collect(), body }
}

/// What a model draws: shapes in the sizes that are printed, or any size.
const SHAPES: &str = r#"sizes = ["1024x1024", "1920x1080"]"#;
const SIDES: &str = "sides = { min = 256, max = 1024, step = 1 }";

/// A model of a service: its name, title and price, who draws it, and what.
fn model((name, title): (&str, &str), price: u32, vendor: &str, draws: &str) -> String {
    format!(
        r#"
[models."{name}"]
title = "{title}"
description = "What it is good for."
price = [{{ image = "{price}" }}]
offerings = [{{ vendor = "{vendor}", {draws}, formats = ["png", "jpeg", "webp"], can = ["seed"], cost = [{{ image = "0" }}] }}]
"#
    )
}

/// The painter, and a vendor that always fails.
fn vendors(broken: &FakeVendor) -> String {
    let broken = broken.policy("broken", "openai");
    format!(
        "[vendors.painter]\ndialect = \"painter\"\nbase_url = \"painter:\"\nfor_tests = true\n\n{broken}"
    )
}
