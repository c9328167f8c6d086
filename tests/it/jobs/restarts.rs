//! Jobs that the process did not live to finish.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{asked, ended, job, ordering, remote};
use crate::clerk::Clerk;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World, read};

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_an_order_is_asked_after_and_not_placed_again() {
    let (world, _vendor, clerk) = ordering(Clerk::default(), "").await;
    let id = asked(&world).await;
    clerk.is_asked().await;
    assert_eq!(job(&world, &id).await["status"], "processing");
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert_eq!(world.available(), "8");
    clerk.serve();
    let done = ended(&world, &id).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!((clerk.placed(), world.available()), (1, "8".to_owned()));
    assert!(world.metrics().await.contains("pixelgate_jobs_total{event=\"resumed\"} 1"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_and_a_new_price_a_job_is_settled_by_the_price_that_it_was_accepted_at() {
    let (world, _vendor, clerk) = ordering(Clerk::default(), "[jobs]\nrunning_max = 1\n").await;
    let (placed, waiting) = (asked(&world).await, asked(&world).await);
    clerk.is_asked().await;
    let policy = std::fs::read_to_string(world.policy_file()).unwrap();
    // Cheaper in one direction only would be capped; half of it shows that the old one counts.
    let policy = policy.replace(r#"price = [{ image = "2" }]"#, r#"price = [{ image = "1" }]"#);
    std::fs::write(world.policy_file(), policy).unwrap();
    let mut world = tokio::task::block_in_place(|| world.kill_and_restart());
    clerk.serve();
    for id in [&placed, &waiting] {
        assert_eq!(ended(&world, id).await["status"], "completed");
    }
    assert_eq!((clerk.placed(), world.available()), (2, "6".to_owned()));
    world.verify();
    tokio::task::block_in_place(|| world.stop());
    let database = rusqlite::Connection::open(world.folder.path().join("data/pixelgate.sqlite"));
    let kept = "SELECT count(*) FROM usage JOIN hold ON hold.id = usage.hold
                WHERE usage.price_version = hold.price_version";
    let kept: i64 = database.unwrap().query_row(kept, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_an_order_of_which_nothing_is_known_is_given_up_and_costs_nothing() {
    let vendor = FakeVendor::start(Answers::Hangs).await;
    let world = World::with(&remote(&vendor.policy("later", "fal")), "10", "");
    let id = asked(&world).await;
    while vendor.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let mut world = tokio::task::block_in_place(|| world.kill_and_restart());
    let done = ended(&world, &id).await;
    assert_eq!(
        (&done["status"], &done["error"]["code"]),
        (&json!("failed"), &json!("upstream_unavailable"))
    );
    assert_eq!((vendor.calls(), world.available()), (1, "10".to_owned()));
    world.verify();
    tokio::task::block_in_place(|| world.stop());
    let database = rusqlite::Connection::open(world.folder.path().join("data/pixelgate.sqlite"));
    let row = "SELECT outcome, outcome_unknown FROM usage";
    let row = database.unwrap().query_row(row, [], |r| Ok((r.get(0)?, r.get(1)?)));
    assert_eq!(row.unwrap(), ("vendor_failed".to_owned(), true));
}

/// Rewrites the policy that the next start reads.
fn rewrite(world: &World, change: impl Fn(&str) -> String) {
    let policy = std::fs::read_to_string(world.policy_file()).unwrap();
    let changed = change(&policy);
    assert_ne!(policy, changed, "the policy is as before");
    std::fs::write(world.policy_file(), changed).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_newer_than_an_order_does_not_keep_it_from_being_served() {
    let (world, _vendor, clerk) = ordering(Clerk::default(), "").await;
    let id = asked(&world).await;
    clerk.is_asked().await;
    let denied = "[[rules.rule]]\nname = \"none\"\nif = 'request.count > 0'\ndeny = \"no more\"\n";
    let world = tokio::task::block_in_place(|| {
        world.signal("-STOP");
        rewrite(&world, |policy| format!("{policy}\n{denied}"));
        world.kill_and_restart()
    });
    clerk.serve();
    let done = ended(&world, &id).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!((clerk.placed(), world.available()), (1, "8".to_owned()));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_policy_has_lost_is_taken_back_and_is_an_exposure() {
    // Its model is gone, its plan is gone, its offering cannot do it any more.
    let lost: [fn(&str) -> String; 3] = [
        |policy| policy.replace("models.remote", "models.other").replace("\"remote\"", "\"other\""),
        |policy| policy.replace("plans.open", "plans.closed"),
        |policy| policy.replace("/flux/dev\",", "/flux/dev\", prompt_chars_max = 2,"),
    ];
    for change in lost {
        let (world, _vendor, clerk) = ordering(Clerk::default(), "").await;
        let id = asked(&world).await;
        clerk.is_asked().await;
        let world = tokio::task::block_in_place(|| {
            world.signal("-STOP");
            rewrite(&world, change);
            world.kill_and_restart()
        });
        assert_eq!(ended(&world, &id).await["status"], "failed");
        let exposures = world.cli(&["usage", "exposures", "--format", "jsonl"]);
        assert_eq!(exposures.lines().count(), 1, "{exposures}");
        let exposure: Value = serde_json::from_str(exposures.trim()).unwrap();
        assert_eq!((&exposure["vendor"], &exposure["held"]), (&json!("later"), &json!("2")));
        while clerk.taken_back() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((clerk.placed(), clerk.taken_back()), (1, 1));
        assert_eq!(world.available(), "10");
        world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_a_job_that_waited_is_worked_on() {
    let (world, _vendor, clerk) = ordering(Clerk::default(), "[jobs]\nrunning_max = 1\n").await;
    let (first, second) = (asked(&world).await, asked(&world).await);
    clerk.is_asked().await;
    assert_eq!(job(&world, &second).await["status"], "pending");
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    clerk.serve();
    for id in [&first, &second] {
        assert_eq!(ended(&world, id).await["status"], "completed");
    }
    assert_eq!((clerk.placed(), world.available()), (2, "6".to_owned()));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_the_gateway_leaves_what_waits_for_the_next_start() {
    let (mut world, _vendor, clerk) = ordering(Clerk::default(), "[jobs]\nrunning_max = 1\n").await;
    let (first, second) = (asked(&world).await, asked(&world).await);
    clerk.is_asked().await;
    world.signal("-TERM");
    tokio::task::block_in_place(|| world.log_line("stopping"));
    clerk.serve();
    assert!(tokio::task::block_in_place(|| world.has_stopped()).success());
    assert_eq!(clerk.placed(), 1);
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    assert_eq!(ended(&world, &second).await["status"], "completed");
    assert_eq!(job(&world, &first).await["status"], "completed");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_to_cancel_outlives_kill_9() {
    let (world, _vendor, clerk) = ordering(Clerk::default(), "").await;
    let id = asked(&world).await;
    clerk.is_asked().await;
    let database = world.folder.path().join("data/pixelgate.sqlite");
    let world = tokio::task::block_in_place(|| {
        world.signal("-STOP");
        rusqlite::Connection::open(&database)
            .unwrap()
            .execute("UPDATE job SET unwanted = 1", [])
            .unwrap();
        world.kill_and_restart()
    });
    assert_eq!(ended(&world, &id).await["status"], "cancelled");
    assert_eq!((clerk.taken_back(), world.available()), (1, "10".to_owned()));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_pictures_of_which_one_may_have_been_drawn_are_not_bought_elsewhere() {
    for (after_unknown, status, available) in
        [("give_up", "failed", "10"), ("failover", "completed", "6")]
    {
        let clerk = Arc::new(Clerk::default());
        let vendor = FakeVendor::start(Answers::Orders(Arc::clone(&clerk))).await;
        let policy = format!(
            r#"{PAINTED}
{}
[models.remote]
deadline = "60s"
strategy = "priority"
after_unknown = "{after_unknown}"
price = [{{ image = "2" }}]
offerings = [
  {{ vendor = "later", priority = 1, model = "fal-ai/flux/dev", sides = {{ min = 16, max = 4096, step = 1 }}, cost = [{{ image = "0.5" }}] }},
  {{ vendor = "painter", priority = 2, sides = {{ min = 16, max = 512, step = 1 }}, count_max = 4, cost = [{{ image = "0" }}] }},
]
"#,
            vendor.policy("later", "fal").replace("\"2s\"", "\"60s\""),
        );
        let world = World::with(&policy, "10", "");
        let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64", "n": 2});
        let request = world.client.post(format!("{}{OPENAI}", world.public)).json(&asked);
        let request = request.header("authorization", format!("Bearer {}", world.key));
        let reply = read(request.header("prefer", "respond-async")).await;
        assert_eq!(reply.status, 202, "{}", reply.json());
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        while clerk.placed() < 2 || clerk.asked() < 2 {
            tokio::task::yield_now().await;
        }
        // The process dies before the name of the second order is written.
        let world = tokio::task::block_in_place(|| {
            world.signal("-STOP");
            let file = world.folder.path().join("data/pixelgate.sqlite");
            let database = rusqlite::Connection::open(file).unwrap();
            let lost = "UPDATE job SET orders = json_remove(orders, '$[1]')
                        WHERE json_array_length(orders) = 2";
            assert_eq!(database.execute(lost, []).unwrap(), 1);
            clerk.fail();
            world.kill_and_restart()
        });
        let done = ended(&world, &id).await;
        assert_eq!((done["status"].as_str(), clerk.placed()), (Some(status), 2), "{done}");
        assert_eq!(world.available(), available);
        world.verify();
    }
}
