//! Policy that changes while requests are served.

use crate::world::{PAINTED, World};

fn price(of: &str) -> String {
    PAINTED.replace("price = [{ image = \"1\" }]", &format!("price = [{{ image = \"{of}\" }}]"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_price_is_the_next_requests_price() {
    let world = World::painted("100");
    assert_eq!(world.paint().await.status, 200);
    assert_eq!(world.available(), "99");
    std::fs::write(world.policy_file(), price("7")).unwrap();
    tokio::task::block_in_place(|| world.log_line("a new policy is in force"));
    assert_eq!(world.paint().await.status, 200);
    assert_eq!(world.available(), "92");
    assert!(world.metrics().await.contains("pixelgate_policy_reloads_total{result=\"swapped\"} 1"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_edit_changes_nothing_and_is_explained() {
    let world = World::painted("100");
    // What alerts look at is there before anything happens: an increase does not see a series begin.
    let metrics = world.metrics().await;
    for sample in [
        "pixelgate_policy_rejected 0",
        "pixelgate_policy_reloads_total{result=\"kept\"} 0",
        "pixelgate_ledger_audits_total{result=\"failed\"} 0",
        "pixelgate_moderations_total{outcome=\"failed\"} 0",
        "pixelgate_unpriced_total{model=\"paint\",what=\"price\"} 0",
    ] {
        assert!(metrics.contains(sample), "{sample} is not in\n{metrics}");
    }
    let broken = format!(
        "{}\n[models.other]\nprice = [{{ image = \"1\" }}]\nofferings = [{{ vendor = \"panter\", sizes = [\"64x64\"], cost = [{{ image = \"0\" }}] }}]\n",
        price("7")
    );
    std::fs::write(world.policy_file(), broken).unwrap();
    let line = tokio::task::block_in_place(|| world.log_line("stays in force"));
    assert!(line.contains("no vendor `panter`") && line.contains("there are: painter"), "{line}");
    assert_eq!(world.paint().await.status, 200);
    assert_eq!(world.available(), "99");
    let metrics = world.metrics().await;
    assert!(metrics.contains("pixelgate_policy_reloads_total{result=\"kept\"} 1"), "{metrics}");
    assert!(metrics.contains("pixelgate_policy_rejected 1"), "{metrics}");
    std::fs::write(world.policy_file(), price("3")).unwrap();
    tokio::task::block_in_place(|| world.log_line("a new policy is in force"));
    assert_eq!(world.paint().await.status, 200);
    assert_eq!(world.available(), "96");
    assert!(world.metrics().await.contains("pixelgate_policy_rejected 0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_signal_reads_policy_again_at_once() {
    let world = World::painted("100");
    world.signal("-HUP");
    tokio::task::block_in_place(|| world.log_line("a new policy is in force"));
    assert_eq!(world.paint().await.status, 200);
}

#[test]
fn check_says_what_the_gateway_would_say() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        std::fs::write(folder.path().join("policy.toml"), text).unwrap();
        std::process::Command::new(env!("CARGO_BIN_EXE_pixelgate"))
            .arg("check")
            .arg(folder.path())
            .output()
            .unwrap()
    };
    assert!(check(PAINTED).status.success());
    let bad = check("[plans.p]\nmodels = [\"a\", \"b\"]\n[models.m]\nprice = []\nofferings = []\n");
    assert_eq!(bad.status.code(), Some(2));
    let said = String::from_utf8_lossy(&bad.stderr).into_owned();
    for fault in [
        "no model `a`",
        "no model `b`",
        "policy.toml:2:",
        "has no rows",
        "nothing serves the model",
    ] {
        assert!(said.contains(fault), "{fault} is not in\n{said}");
    }
}
