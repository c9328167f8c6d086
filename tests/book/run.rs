//! One page's commands, run one after another in a folder of their own.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::here;
use crate::page::{Block, Fate, is_shown};
use crate::server::server;

/// What is between the outputs of two blocks.
const MARK: &str = "\u{1}next\u{1}";

/// What every page has: curl that fails where the answer is no success, and the program under its name.
const PREAMBLE: &str = r#"
set -euo pipefail
curl() {
    case " $* " in
        *" -fsS "*) command curl --max-time 60 "$@" ;;
        *) command curl --fail-with-body --max-time 60 "$@" ;;
    esac
}
ready() { for _ in $(seq 600); do command curl -fs "$ADMIN/readyz" >/dev/null && return; sleep 0.1; done; echo "not ready" >&2; return 1; }
"#;

/// Ends what it holds.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a page; what went wrong otherwise.
pub(crate) fn page(file: &str, blocks: &[Block]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let [public, admin, redis] = [(); 3].map(|()| free_port());
    lay_out(at, public, admin);
    let run: Vec<&Block> = blocks.iter().filter(|block| block.fate == Fate::Run).collect();
    let all: Vec<_> =
        run.iter().flat_map(|block| [block.before.as_str(), block.commands.as_str()]).collect();
    let all = all.join("\n");
    let postgres =
        if all.contains("PIXELGATE_POSTGRES") { server().new_database() } else { String::new() };
    let _redis = all.contains("127.0.0.1:6379").then(|| start_redis(redis));
    let serves = |line: &str| line.starts_with("pixelgate ") && line.contains(" serve ");
    let serves_itself = all.lines().any(serves);
    let mut script = PREAMBLE.to_owned();
    if !serves_itself {
        script.push_str("pixelgate serve >serve.log 2>&1 &\nGATEWAY=$!\nready\n");
    }
    script.push_str("trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n");
    script.push_str(CAST);
    for block in &run {
        let commands = filled(&block.commands, (public, admin, redis));
        let _ = write!(
            script,
            "{}\necho '{MARK}'\n{commands}\n",
            filled(&block.before, (public, admin, redis))
        );
        let _ = writeln!(script, "echo '{MARK}'");
    }
    let done = shell(at, &script, (admin, &postgres));
    let printed = String::from_utf8_lossy(&done.stdout).into_owned();
    let parts: Vec<&str> = printed.split(&format!("{MARK}\n")).collect();
    if !done.status.success() {
        let begun = parts.len().saturating_sub(1).div_ceil(2).saturating_sub(1);
        let block = run.get(begun).map_or_else(
            || "what every page has".to_owned(),
            |block| format!("{file}:{}\n{}", block.line, block.commands),
        );
        let logs = ["serve.log", "gateway.log", "node.log"].map(|name| at.join(name));
        let log: String = logs.iter().filter_map(|log| std::fs::read_to_string(log).ok()).collect();
        return Err(format!(
            "failed at {block}\nprinted: {}\nsaid: {}\nlog: {}",
            parts.last().copied().unwrap_or_default(),
            String::from_utf8_lossy(&done.stderr),
            log.lines().rev().take(5).collect::<Vec<_>>().join("\n"),
        ));
    }
    for (number, block) in run.iter().enumerate() {
        let Some(shown) = &block.shown else { continue };
        let part = parts.get(number * 2 + 1).copied().unwrap_or_default();
        if !is_shown(shown, part) {
            let line = block.line;
            return Err(format!("{file}:{line} shows\n{shown}\nand it printed\n{part}"));
        }
    }
    Ok(())
}

/// Whom the pages speak of: a workspace with credits, a key, a test key, a token.
const CAST: &str = r#"
if [ -n "${GATEWAY:-}" ]; then
    WORKSPACE=$(pixelgate workspace create reader)
    pixelgate credits grant "$WORKSPACE" 500 >/dev/null
    KEY=$(pixelgate key create "$WORKSPACE" --plan open | grep -o 'pg_live_[A-Za-z0-9_-]*')
    TEST_KEY=$(pixelgate key create "$WORKSPACE" --plan open --test | grep -o 'pg_test_[A-Za-z0-9_-]*')
    TOKEN=$(pixelgate admin token create --role operator --name reader | grep -o 'pgadm_[A-Za-z0-9_-]*')
fi
"#;

/// The folder as a reader has it: the repository's policy and config, on ports of its own.
fn lay_out(at: &Path, public: u16, admin: u16) {
    let copied =
        Command::new("cp").arg("-r").arg(here("policies")).arg(here("config")).arg(at).status();
    assert!(copied.unwrap().success());
    let text = format!(
        "public.address = \"127.0.0.1:{public}\"\nadmin.address = \"127.0.0.1:{admin}\"\n\
         store.directory = \"{}\"\nstore.reserve = \"1MiB\"\n",
        at.join("data").display()
    );
    std::fs::write(at.join("here.toml"), text).unwrap();
    std::fs::create_dir(at.join("bin")).unwrap();
    let program = format!(
        "#!/bin/sh\ncase \" $* \" in *\" --config \"*) exec '{0}' \"$@\";; esac\nexec '{0}' --config '{1}' \"$@\"\n",
        env!("CARGO_BIN_EXE_pixelgate"),
        at.join("here.toml").display()
    );
    let path = at.join("bin/pixelgate");
    std::fs::write(&path, program).unwrap();
    let marked = Command::new("chmod").arg("+x").arg(path).status();
    assert!(marked.unwrap().success());
}

/// A command with what a reader puts in the place of `…` and of the usual ports.
fn filled(commands: &str, (public, admin, redis): (u16, u16, u16)) -> String {
    commands
        .replace("\"ws_…\"", "\"$WORKSPACE\"")
        .replace("ws_…", "\"$WORKSPACE\"")
        .replace("pg_live_…", "$KEY")
        .replace("pg_test_…", "$TEST_KEY")
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{public}"))
        .replace("127.0.0.1:8081", &format!("127.0.0.1:{admin}"))
        .replace("127.0.0.1:6379", &format!("127.0.0.1:{redis}"))
}

fn shell(at: &Path, script: &str, (admin, postgres): (u16, &str)) -> Output {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = format!("{}:{}", at.join("bin").display(), path.to_string_lossy());
    Command::new("bash")
        .args(["-c", script])
        .current_dir(at)
        .env("PATH", path)
        .env("ADMIN", format!("http://127.0.0.1:{admin}"))
        .env("PIXELGATE_POSTGRES", postgres)
        // Named by models whose price is asked for and who are never called.
        .env("BFL_API_KEY", "made up")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn start_redis(port: u16) -> Ended {
    let process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .stdout(Stdio::null())
        .spawn();
    Ended(process.expect("redis-server is missing: run scripts/need redis-server"))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
