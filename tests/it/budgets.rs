//! Budgets: as many credits as they say and not one more, on one node and on several; each part that
//! is spent is told once, to the log, the metrics and whoever policy names.

use serde_json::json;

use crate::nodes::{Shared, paint_at_once};
use crate::world::{OPENAI, PAINTED, World, read};

const TEN: &str = r#"
[budgets.ten]
label = "team=red"
credits = 10
per = "month"
stop = true
"#;

/// A picture for the team of this name.
async fn paint_for(world: &World, team: &str) -> crate::world::Reply {
    let asking = world.client.post(format!("{}{OPENAI}", world.public)).bearer_auth(&world.key);
    let asking = asking.header("pixelgate-labels", format!("team={team}"));
    read(asking.json(&json!({"model": "paint", "prompt": "a fox", "size": "32x32"}))).await
}

/// Waits until this is among the metrics.
async fn counted(world: &World, line: &str) {
    let found = async {
        while !world.metrics().await.contains(line) {
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(std::time::Duration::from_secs(20), found).await;
    assert!(found.is_ok(), "there is no {line} in\n{}", world.metrics().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_calls_at_once_a_budget_for_ten_pictures_serves_ten() {
    let world = World::with(&format!("{PAINTED}{TEN}"), "1000", "");
    let replies = futures_util::future::join_all((0..100).map(|_| paint_for(&world, "red"))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 10);
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status != 200).collect();
    for reply in &refused {
        assert_eq!(reply.status, 429);
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("the budget `ten` of 10 credits a month"), "{message}");
        assert_eq!(reply.header("x-should-retry"), Some("false"));
    }
    assert_eq!(paint_for(&world, "blue").await.status, 200, "another team's are its own");
    assert_eq!(world.available(), "989");
    counted(&world, "pixelgate_budget_refusals_total{budget=\"ten\"} 90").await;
    for percent in [50, 80, 100] {
        let line =
            format!("pixelgate_budget_alerts_total{{budget=\"ten\",percent=\"{percent}\"}} 1");
        counted(&world, &line).await;
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_calls_on_three_gateways_a_budget_for_ten_pictures_serves_ten() {
    let shared = Shared::new();
    let policy = format!("{PAINTED}{}", TEN.replace("label = \"team=red\"", "workspace = \"*\""));
    let one = World::with(&policy, "1000", &shared.config);
    let nodes = [one.another_node(), one.another_node(), one];
    let (served, no) = paint_at_once(&nodes, 100).await;
    assert_eq!(served, 10);
    assert!(no.iter().all(|no| no.contains("the budget `ten`")), "{no:?}");
    while told(&nodes).await.len() < 3 {
        tokio::task::yield_now().await;
    }
    let summed = nodes[0].cli(&["usage", "export", "--by", "workspace", "--format", "jsonl"]);
    let summed: serde_json::Value = serde_json::from_str(summed.trim()).unwrap();
    assert_eq!((&summed["charged"], &summed["images"]), (&json!("10"), &json!(10)));
    let stated = nodes[1].cli(&["usage", "forecast", "--workspace", &nodes[1].workspace]);
    assert!(stated.contains("not enough days"), "{stated}");
    nodes[0].verify();
    // Each part is told by the node that spent it, and by no other.
    let mut told = told(&nodes).await;
    told.sort();
    let said = |percent: &str| {
        format!("pixelgate_budget_alerts_total{{budget=\"ten\",percent=\"{percent}\"}} 1")
    };
    assert_eq!(told, [said("100"), said("50"), said("80")]);
}

/// What was told of budgets, by all of them.
async fn told(nodes: &[World]) -> Vec<String> {
    let mut told = Vec::new();
    for world in nodes {
        let metrics = world.metrics().await;
        let lines = metrics.lines().filter(|line| line.starts_with("pixelgate_budget_alerts"));
        told.extend(lines.map(str::to_owned));
    }
    told
}
