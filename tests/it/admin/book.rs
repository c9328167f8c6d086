//! Every command of `docs/admin.md`, run as it is printed.

use std::path::Path;
use std::process::Command;

use super::Desk;

/// The shell commands of a page, block by block.
fn commands(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_command_of_the_page_on_the_admin_api_does_what_it_says() {
    let desk = Desk::new();
    let (_, key_id) = desk.world.new_key_and_id(&["--plan", "open"]);
    let folder = desk.world.folder.path();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/admin.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = commands(&page);
    assert!(blocks.len() >= 5, "{blocks:?}");
    let pixelgate = format!(
        "pixelgate() {{ '{}' --config '{}' --data '{}' \"$@\"; }}\n",
        env!("CARGO_BIN_EXE_pixelgate"),
        folder.join("gateway.toml").display(),
        folder.join("data").display(),
    );
    for block in blocks {
        let script = format!("set -euo pipefail\n{pixelgate}{block}");
        let done = Command::new("bash")
            .args(["-c", &script])
            .env("ADMIN", &desk.world.admin)
            .env("TOKEN", &desk.operator)
            .env("WORKSPACE", &desk.world.workspace)
            .env("KEY_ID", &key_id)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(
            done.status.success(),
            "{block}\n{said}\n{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
    assert_eq!(desk.world.available(), "510");
    desk.world.verify();
}
