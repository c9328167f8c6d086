//! `kill -9` in the middle of load.

use serde_json::json;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World};

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_the_books_balance_and_every_success_was_paid_for() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(std::time::Duration::from_millis(20));
    let policy = format!(
        "{PAINTED}\n{}\n[models.remote]\ndeadline = \"2s\"\nprice = [{{ image = \"1\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let mut world = World::with(&policy, "100000", "");
    let mut succeeded = 0_u32;
    for round in 0..3 {
        let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"}).to_string();
        let calls: Vec<_> = (0..16)
            .map(|_| {
                let request = world
                    .client
                    .post(format!("{}{OPENAI}", world.public))
                    .header("authorization", format!("Bearer {}", world.key))
                    .body(asked.clone());
                crate::vendor::spawn(ask_until_it_dies(request))
            })
            .collect();
        let enough = vendor.calls() + 100 + round * 37;
        while vendor.calls() < enough {
            tokio::task::yield_now().await;
        }
        world = tokio::task::block_in_place(|| world.kill_and_restart());
        for call in calls {
            succeeded += call.await.unwrap();
        }
        world.verify();
    }
    let spent: u32 = spent(&world);
    let drawn = u32::try_from(vendor.calls()).unwrap();
    assert!(succeeded <= spent, "{succeeded} clients saw success, {spent} were paid for");
    assert!(spent <= drawn, "{spent} were paid for, {drawn} were drawn");
}

/// Asks again and again; returns how often it was served.
async fn ask_until_it_dies(request: reqwest::RequestBuilder) -> u32 {
    let mut served = 0;
    while let Ok(reply) = request.try_clone().unwrap().send().await {
        if reply.status() != 200 {
            break;
        }
        served += 1;
    }
    served
}

pub(crate) fn spent(world: &World) -> u32 {
    let said = world.cli(&["credits", "balance", &world.workspace]);
    let line = said.lines().find(|line| line.contains("spent")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}
