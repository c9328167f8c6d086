//! A gateway of one's own: the real binary on ports and a folder of its own, with a workspace, a
//! key and whatever policy the test writes.

#[path = "world/process.rs"]
mod process;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use pixelgate::dialect::ClientSide;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Policy that most tests start from: the painter, one model at one credit, plans open and tight.
pub(crate) const PAINTED: &str = r#"
[vendors.painter]
dialect = "painter"
base_url = "painter:"
for_tests = true

[models.paint]
price = [{ image = "1" }]
offerings = [{ vendor = "painter", sides = { min = 16, max = 4096, step = 1 }, count_max = 10, formats = ["png", "jpeg", "webp"], can = ["seed", "quality", "compression", "transparency"], cost = [{ image = "0.01" }] }]

[plans.open]
models = ["*"]
concurrency_max = 1000
show_offering = true
"#;

/// A running gateway.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) public: String,
    pub(crate) admin: String,
    pub(crate) workspace: String,
    pub(crate) key: String,
    pub(crate) client: reqwest::Client,
    process: Child,
    log: mpsc::Receiver<String>,
    config: String,
    environment: Vec<(String, String)>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl World {
    /// The painter, and this many credits.
    pub(crate) fn painted(credits: &str) -> Self {
        Self::with(PAINTED, credits, "")
    }

    /// This policy, this many credits, and this on top of the default config.
    pub(crate) fn with(policy: &str, credits: &str, config: &str) -> Self {
        Self::with_environment(policy, credits, config, &[])
    }

    /// The same, with these variables in the gateway's environment.
    pub(crate) fn with_environment(
        policy: &str,
        credits: &str,
        config: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        std::fs::write(folder.path().join("policies/policy.toml"), policy).unwrap();
        let mut world = Self::spawn(folder, config, environment);
        let created = world.cli(&["workspace", "create", "test"]);
        created.trim().clone_into(&mut world.workspace);
        if credits != "0" {
            world.cli(&["credits", "grant", &world.workspace, credits]);
        }
        world.key = world.new_key(&["--plan", "open"]);
        world
    }

    fn spawn(folder: TempDir, config: &str, environment: &[(&str, &str)]) -> Self {
        let file = folder.path().join("gateway.toml");
        let text = format!(
            "store.directory = \"{data}\"\npolicy.directory = \"{policies}\"\nadmin.address = \"127.0.0.1:0\"\n\
             {reserve}{public}{config}",
            data = folder.path().join("data").display(),
            policies = folder.path().join("policies").display(),
            // Laying a large one takes time, and there are many gateways.
            reserve =
                if config.contains("store.reserve") { "" } else { "store.reserve = \"1MiB\"\n" },
            public = if config.contains("public.address") {
                ""
            } else {
                "public.address = \"127.0.0.1:0\"\n"
            },
        );
        std::fs::write(&file, text).unwrap();
        let (process, log, public, admin) = launch(&file, environment, &[]);
        Self {
            folder,
            public,
            admin,
            workspace: String::new(),
            key: String::new(),
            client: reqwest::Client::builder().pool_max_idle_per_host(256).build().unwrap(),
            process,
            log,
            config: config.to_owned(),
            environment: environment.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect(),
        }
    }

    /// One more gateway with the same policy, config, workspace and key; it has a folder of its own.
    pub(crate) fn another_node(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("policies")).unwrap();
        std::fs::copy(self.policy_file(), folder.path().join("policies/policy.toml")).unwrap();
        let mut other = Self::spawn(folder, &self.config, &[]);
        other.workspace.clone_from(&self.workspace);
        other.key.clone_from(&self.key);
        other
    }

    /// Kills the process without a word, and starts another on the same folder.
    pub(crate) fn kill_and_restart(self) -> Self {
        let WorldParts { folder, workspace, key, mut process, config, environment } =
            self.into_parts();
        process.kill().unwrap();
        process.wait().unwrap();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut next = Self::spawn(folder, &config, &environment);
        next.workspace = workspace;
        next.key = key;
        next
    }

    /// Runs the command line on this gateway's folder; must succeed.
    pub(crate) fn cli(&self, args: &[&str]) -> String {
        let output = self.try_cli(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?} failed: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn try_cli(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_pixelgate"))
            .arg("--config")
            .arg(self.folder.path().join("gateway.toml"))
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .args(args)
            .output()
            .unwrap()
    }

    /// A new key's text.
    pub(crate) fn new_key(&self, options: &[&str]) -> String {
        self.new_key_and_id(options).0
    }

    /// A new key's text and its public name.
    pub(crate) fn new_key_and_id(&self, options: &[&str]) -> (String, String) {
        let mut args = vec!["key", "create", &self.workspace];
        args.extend(options);
        let said = self.cli(&args);
        let word = |start: &str| {
            let found = said.split_whitespace().find(|word| word.starts_with(start));
            found.unwrap_or_else(|| panic!("no {start} in: {said}")).to_owned()
        };
        let prefix = options.iter().skip_while(|option| **option != "--prefix").nth(1);
        (word(&format!("{}_", prefix.unwrap_or(&"pg"))), word("key_"))
    }

    /// The key of a workspace beside this one, with this many credits.
    pub(crate) fn key_of_another(&self, name: &str, credits: &str) -> String {
        let workspace = self.cli(&["workspace", "create", name]).trim().to_owned();
        if credits != "0" {
            self.cli(&["credits", "grant", &workspace, credits]);
        }
        let said = self.cli(&["key", "create", &workspace, "--plan", "open"]);
        let key = said.split_whitespace().find(|word| word.starts_with("pg_"));
        key.unwrap_or_else(|| panic!("no key in: {said}")).to_owned()
    }

    pub(crate) fn policy_file(&self) -> PathBuf {
        self.folder.path().join("policies/policy.toml")
    }

    /// Credits that can be spent, as the command line says.
    pub(crate) fn available(&self) -> String {
        let said = self.cli(&["credits", "balance", &self.workspace]);
        let line = said.lines().find(|line| line.contains("available")).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    }

    /// Must find that the books balance.
    pub(crate) fn verify(&self) {
        let output = self.try_cli(&["ledger", "verify", "--full"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "the books do not balance: {said}");
    }

    /// POSTs JSON with the world's key.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_as(&self.key, path, body.to_string()).await
    }

    pub(crate) async fn post_as(&self, key: &str, path: &str, body: String) -> Reply {
        let request = self
            .client
            .post(format!("{}{path}", self.public))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {key}"))
            .body(body);
        read(request).await
    }

    /// The same as [`World::post`], with these header fields besides.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = self
            .client
            .post(format!("{}{path}", self.public))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.key));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.body(body.to_string())).await
    }

    /// The same, with the key where this dialect's apps show it.
    pub(crate) async fn post_by(&self, side: &dyn ClientSide, path: &str, body: &Value) -> Reply {
        let (name, value) = side.shown_key(&self.key);
        let request = self
            .client
            .post(format!("{}{path}", self.public))
            .header("content-type", "application/json")
            .header(name, value)
            .body(body.to_string());
        read(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        let request = self.client.get(format!("{}{path}", self.public));
        read(request.header("authorization", format!("Bearer {}", self.key))).await
    }

    pub(crate) async fn metrics(&self) -> String {
        let reply = read(self.client.get(format!("{}/metrics", self.admin))).await;
        String::from_utf8(reply.bytes).unwrap()
    }

    /// A small picture from the model `paint`, in OpenAI's dialect.
    pub(crate) async fn paint(&self) -> Reply {
        self.post(OPENAI, &json!({"model": "paint", "prompt": "a fox", "size": "32x32"})).await
    }

    fn into_parts(mut self) -> WorldParts {
        // The process is taken out, so that dropping what is left does not end it twice.
        let nothing = Command::new("true").spawn().unwrap();
        let process = std::mem::replace(&mut self.process, nothing);
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        WorldParts {
            folder,
            workspace: std::mem::take(&mut self.workspace),
            key: std::mem::take(&mut self.key),
            process,
            config: std::mem::take(&mut self.config),
            environment: std::mem::take(&mut self.environment),
        }
    }
}

struct WorldParts {
    folder: TempDir,
    workspace: String,
    key: String,
    process: Child,
    config: String,
    environment: Vec<(String, String)>,
}

pub(crate) const OPENAI: &str = "/v1/images/generations";
pub(crate) const NEARIQ: &str = "/api/v1/images";
pub(crate) const POSTEVERYWHERE: &str = "/api/v1/ai/generate-image";

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) async fn read(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.expect("the gateway answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
}

/// Starts the binary and waits until its log says where it serves.
fn launch(
    config: &Path,
    environment: &[(&str, &str)],
    more: &[&str],
) -> (Child, mpsc::Receiver<String>, String, String) {
    let (process, log) = begin(config, environment, more);
    let (public, admin) = serving(&log);
    (process, log, public, admin)
}

/// Starts the binary; what it logs comes with it.
fn begin(
    config: &Path,
    environment: &[(&str, &str)],
    more: &[&str],
) -> (Child, mpsc::Receiver<String>) {
    use std::io::BufRead as _;
    let mut process = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["serve", "--config"])
        .arg(config)
        .args(more)
        .envs(environment.iter().copied())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = std::io::BufReader::new(process.stderr.take().unwrap());
    let (send, log) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    (process, log)
}

/// Waits until a log says where its process serves: to the public and to operators.
fn serving(log: &mpsc::Receiver<String>) -> (String, String) {
    let mut before = Vec::new();
    loop {
        let Ok(line) = log.recv_timeout(Duration::from_secs(20)) else {
            panic!("the gateway did not start: {before:#?}")
        };
        let json: Value = serde_json::from_str(&line).unwrap_or_default();
        if let (Some(public), Some(admin)) =
            (json["public_address"].as_str(), json["admin_address"].as_str())
        {
            return (format!("http://{public}"), format!("http://{admin}"));
        }
        before.push(line);
    }
}

/// The width and height of a picture, by a decoder that reads all of it.
pub(crate) fn dimensions(bytes: &[u8]) -> (u32, u32) {
    use image::GenericImageView as _;
    image::load_from_memory(bytes).expect("a decoder opens the picture").dimensions()
}

pub(crate) fn from_base64(value: &Value) -> Vec<u8> {
    use base64::Engine as _;
    let text = value.as_str().expect("base64 text");
    base64::engine::general_purpose::STANDARD.decode(text).expect("valid base64")
}
