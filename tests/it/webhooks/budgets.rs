//! Whoever a budget names is told of each part that is spent: once, signed, and whatever becomes of the
//! process.

use serde_json::json;

use super::{Hooked, hooked};
use crate::receiver::{Receiver, Told};

/// A gateway whose budget for eight pictures is told of there, at its half and its end.
fn told_there(receiver: &Receiver) -> Hooked {
    let also = format!(
        "secrets = [\"file:{{secrets}}/new\"]\n[budgets.eight]\nkey = \"*\"\ncredits = 8\nper = \"day\"\nalert_at = [50, 100]\n\
         webhook = \"{}\"\n",
        receiver.webhook()
    );
    hooked(&[receiver], &also, "")
}

fn secret(hooked: &Hooked) -> String {
    let policies = hooked.world.folder.path().join("policies");
    hooked.world.cli(&["webhook", "secret", "budgets", "--policy", policies.to_str().unwrap()])
}

fn is_about(told: &Told, percent: u64, spent: &str) {
    let said = told.json();
    assert_eq!(said["type"], "budget.reached");
    let data = &said["data"];
    assert_eq!((&data["budget"], &data["percent"]), (&json!("eight"), &json!(percent)), "{data}");
    assert_eq!((&data["spent"], &data["limit"]), (&json!(spent), &json!("8")));
    assert!(data["of"].as_str().unwrap().starts_with("key=key_"), "{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_of_a_budget_is_told_once_signed_and_not_again_after_a_restart() {
    let mut receiver = Receiver::saying(&[]).await;
    let mut hooked = told_there(&receiver);
    for _ in 0..4 {
        assert_eq!(hooked.world.paint().await.status, 200);
    }
    let half = receiver.next().await;
    is_about(&half, 50, "4");
    assert!(half.is_signed_by(&secret(&hooked)));
    hooked.counted("pixelgate_webhooks_total{end=\"told\"} 1").await;
    hooked = hooked.restarted();
    for _ in 0..4 {
        assert_eq!(hooked.world.paint().await.status, 200);
    }
    let whole = receiver.next().await;
    is_about(&whole, 100, "8");
    assert_ne!(whole.header("webhook-id"), half.header("webhook-id"));
    assert_eq!(hooked.world.paint().await.status, 200, "it only tells");
    hooked.counted("pixelgate_webhooks_total{end=\"told\"} 1").await;
    let metrics = hooked.world.metrics().await;
    assert!(!metrics.contains("percent=\"50\""), "the half was told before: {metrics}");
    assert!(receiver.has_heard_nothing_more());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_heard_of_a_budget_is_told_after_kill_9_under_the_same_name() {
    let mut receiver = Receiver::saying(&[500; 100]).await;
    let hooked = told_there(&receiver);
    for _ in 0..4 {
        assert_eq!(hooked.world.paint().await.status, 200);
    }
    let unheard = receiver.next().await;
    hooked.counted("pixelgate_webhook_tries_total{answer=\"5xx\"} 1").await;
    let again = hooked.restarted();
    receiver.recovers();
    let mut heard = receiver.next().await;
    while !again.world.metrics().await.contains("pixelgate_webhooks_total{end=\"told\"} 1") {
        if let Some(later) = receiver.heard() {
            heard = later;
        }
    }
    is_about(&heard, 50, "4");
    assert_eq!(heard.header("webhook-id"), unheard.header("webhook-id"));
    again.world.verify();
}
