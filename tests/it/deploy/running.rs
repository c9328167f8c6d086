//! A gateway with the settings of a deployment, as a user who may write its data folder and
//! nothing else, with the services around it that it asks for.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::bucket::{S3, S3_KEYS};
use crate::server::server;
use crate::shared::Redis;
use crate::world::{OPENAI, PAINTED, World, dimensions, from_base64};

use super::{root, text};

/// The user of images and manifests.
const NOBODY: &str = "65532";

/// A gateway that a deployment's settings start.
struct Deployed {
    process: Option<Child>,
    folder: TempDir,
    public: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn must(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

impl Deployed {
    /// These settings, with what belongs to one place replaced by this one's.
    fn start(settings: &str, also: &[(&str, &str)], environment: &[(&str, String)]) -> Self {
        let folder = tempfile::Builder::new().permissions(open()).tempdir().unwrap();
        let (public, admin) = (free_port(), free_port());
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let policies = root().join("policies");
        must(Command::new("cp").arg("-r").arg(&policies).arg(folder.path().join("policies")));
        std::fs::copy(env!("CARGO_BIN_EXE_pixelgate"), folder.path().join("pixelgate")).unwrap();
        let mut text = text(settings);
        let here = [
            ("/var/lib/pixelgate", data.display().to_string()),
            ("/etc/pixelgate/policies", folder.path().join("policies").display().to_string()),
            ("0.0.0.0:8080", format!("127.0.0.1:{public}")),
            ("0.0.0.0:8081", format!("127.0.0.1:{admin}")),
            ("127.0.0.1:8080", format!("127.0.0.1:{public}")),
            ("127.0.0.1:8081", format!("127.0.0.1:{admin}")),
        ];
        for (there, own) in &here {
            text = text.replace(there, own);
        }
        for (there, own) in also {
            assert!(text.contains(there), "{settings} does not say {there}");
            text = text.replace(there, own);
        }
        std::fs::write(folder.path().join("gateway.toml"), text).unwrap();
        let mut deployed = Self { process: None, folder, public };
        deployed.process = Some(deployed.serve(&data, environment));
        deployed
    }

    /// Starts it as somebody who can write the data folder only, where this process may choose.
    fn serve(&self, data: &Path, environment: &[(&str, String)]) -> Child {
        let mut command = if is_root() {
            must(Command::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(data));
            let mut command = Command::new("setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
            command.arg("--no-new-privs").arg(self.binary());
            command
        } else {
            Command::new(self.binary())
        };
        command
            .arg("--config")
            .arg(self.folder.path().join("gateway.toml"))
            .arg("serve")
            .env_clear()
            .env("TMPDIR", "/nowhere")
            .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
            .current_dir(data)
            .stderr(Stdio::null())
            .spawn()
            .expect("setpriv is there; Debian's util-linux has it")
    }

    fn binary(&self) -> PathBuf {
        self.folder.path().join("pixelgate")
    }

    /// A command beside it, as `docker compose exec` would run it.
    fn exec(&self, args: &[&str]) -> Output {
        let config = self.folder.path().join("gateway.toml");
        Command::new(self.binary()).arg("--config").arg(config).args(args).output().unwrap()
    }

    fn said(&self, args: &[&str]) -> String {
        let done = self.exec(args);
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Waits as a health check waits.
    async fn ready(&self) {
        let ready = async {
            while !self.exec(&["health", "--ready"]).status.success() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let ready = tokio::time::timeout(Duration::from_mins(1), ready).await;
        let last = self.exec(&["health", "--ready"]);
        assert!(ready.is_ok(), "not ready: {}", String::from_utf8_lossy(&last.stderr));
    }

    /// A picture for a new workspace; the painter draws it.
    async fn draws(&self) {
        let workspace = self.said(&["workspace", "create", "first"]);
        self.said(&["credits", "grant", &workspace, "10"]);
        let key = self.said(&["key", "create", &workspace, "--plan", "open"]);
        let key = key.split_whitespace().find(|word| word.starts_with("pg_")).unwrap().to_owned();
        let asked = json!({ "model": "flux-schnell", "prompt": "a fox", "size": "1024x1024" });
        let address = format!("http://127.0.0.1:{}{OPENAI}", self.public);
        let request = reqwest::Client::new().post(address).bearer_auth(key).json(&asked);
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let drawn: serde_json::Value = reply.json().await.unwrap();
        assert_eq!(dimensions(&from_base64(&drawn["data"][0]["b64_json"])), (1024, 1024));
    }

    /// SIGTERM, and how it ended.
    fn stop(&mut self) -> Option<i32> {
        let mut process = self.process.take().unwrap();
        must(Command::new("kill").arg(process.id().to_string()));
        process.wait().unwrap().code()
    }
}

impl Drop for Deployed {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn is_root() -> bool {
    let who = Command::new("id").arg("-u").output().unwrap();
    who.stdout.starts_with(b"0")
}

/// Everyone may look into it.
fn open() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(0o755)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_the_settings_of_containers_serves_as_a_user_without_rights() {
    let (redis, bucket) = (Redis::start(), S3::start());
    let postgres = server().new_database();
    let environment = [
        ("PIXELGATE_POSTGRES", postgres),
        ("PIXELGATE_REDIS", redis.address()),
        ("PIXELGATE_S3_ACCESS_KEY", S3_KEYS[0].1.to_owned()),
        ("PIXELGATE_S3_SECRET_KEY", S3_KEYS[1].1.to_owned()),
    ];
    let here = [("http://pictures:7070", bucket.address())];
    let mut deployed = Deployed::start("deploy/gateway.toml", &here, &environment);
    deployed.ready().await;
    assert_eq!(deployed.said(&["health"]), "alive");
    deployed.draws().await;
    assert_eq!(deployed.stop(), Some(0));
    let asked = deployed.exec(&["health"]);
    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&asked.stderr).contains("cannot ask the admin listener"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_the_settings_of_one_machine_serves_as_a_user_without_rights() {
    let mut deployed = Deployed::start("deploy/systemd/gateway.toml", &[], &[]);
    deployed.ready().await;
    deployed.draws().await;
    deployed.said(&["ledger", "verify"]);
    assert_eq!(deployed.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_config_map_is_a_changed_policy() {
    let world = World::painted("10");
    // As Kubernetes mounts one: files are links into a folder that is swapped as a whole.
    let folder = world.folder.path().join("policies");
    let swap = |name: &str, policy: &str| {
        std::fs::create_dir(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("policy.toml"), policy).unwrap();
        std::os::unix::fs::symlink(name, folder.join("..data_tmp")).unwrap();
        std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    swap("..first", PAINTED);
    std::os::unix::fs::symlink("..data/policy.toml", folder.join("link")).unwrap();
    std::fs::rename(folder.join("link"), world.policy_file()).unwrap();
    assert_eq!((world.paint().await.status, world.available().as_str()), (200, "9"));
    swap("..second", &PAINTED.replace("image = \"1\"", "image = \"2\""));
    world.log_line("a new policy is in force");
    assert_eq!((world.paint().await.status, world.available().as_str()), (200, "7"));
}

#[test]
fn health_says_no_by_its_exit_code_where_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let mut text = String::new();
    writeln!(text, "[admin]\naddress = \"0.0.0.0:{}\"", free_port()).unwrap();
    std::fs::write(&file, text).unwrap();
    let asked = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .arg("--config")
        .arg(&file)
        .args(["health", "--ready"])
        .output()
        .unwrap();
    assert_eq!(asked.status.code(), Some(1));
}
