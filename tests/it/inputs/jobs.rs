//! Jobs that work from pictures which they name: those are fetched before the job is accepted, and
//! are kept with it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::gallery::Gallery;
use super::{EDITS, picture};
use crate::clerk::Clerk;
use crate::vendor::{Answers, FakeVendor, png};
use crate::world::{PAINTED, Reply, World, read};

/// A vendor that takes orders to change a picture, one job at a time.
async fn ordering(more: &str, config: &str) -> (World, FakeVendor, Arc<Clerk>) {
    let clerk = Arc::new(Clerk::default());
    let vendor = FakeVendor::start(Answers::Orders(Arc::clone(&clerk))).await;
    let policy = format!(
        "{PAINTED}\n{}\n{more}\n[models.m]\ndeadline = \"60s\"\nprice = [{{ image = \"2\" }}]\n\
         offerings = [{{ vendor = \"later\", model = \"fal-ai/flux-pro/kontext/max\", \
         ratios = {{ \"1:1\" = \"1024x1024\" }}, inputs_max = 1, cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("later", "fal").replace("\"2s\"", "\"60s\"")
    );
    let config = format!("[jobs]\nrunning_max = 1\n{config}");
    (World::with(&policy, "10", &config), vendor, clerk)
}

async fn asked(world: &World, address: &str) -> Reply {
    let body = json!({"model": "m", "prompt": "a fox", "images": [{"image_url": address}]});
    let request = world
        .client
        .post(format!("{}{EDITS}", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .header("content-type", "application/json")
        .header("prefer", "respond-async");
    read(request.body(body.to_string())).await
}

async fn ended(world: &World, id: &str) -> Value {
    loop {
        let job = world.get(&format!("/v1/jobs/{id}")).await.json();
        if job["status"] != "pending" && job["status"] != "processing" {
            return job;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_a_job_still_has_its_pictures_and_asks_nobody_for_them_again() {
    let gallery = Gallery::of_one(&picture(64, 64)).await;
    let (world, vendor, clerk) = ordering(&gallery.policy(), "").await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let accepted = asked(&world, &gallery.url("/a.png")).await;
        assert_eq!(accepted.status, 202, "{}", accepted.json());
        ids.push(accepted.json()["id"].as_str().unwrap().to_owned());
    }
    clerk.is_asked().await;
    assert_eq!(gallery.calls(), 2);
    let world = tokio::task::block_in_place(|| world.kill_and_restart());
    clerk.serve();
    for id in &ids {
        let job = ended(&world, id).await;
        assert_eq!(job["status"], "completed", "{job}");
    }
    assert_eq!((gallery.calls(), clerk.placed(), world.available().as_str()), (2, 2, "6"));
    let bodies = vendor.bodies();
    let address = json!(format!("data:image/png;base64,{}", png(64, 64)));
    let placed: Vec<_> = bodies.iter().filter(|body| body["image_url"] == address).collect();
    assert_eq!(placed.len(), 2, "{bodies:?}");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_picture_cannot_be_had_is_not_accepted() {
    let gallery = Gallery::of_one(&picture(64, 64)).await;
    let (world, _vendor, clerk) = ordering(&gallery.policy(), "input_bytes_max = \"300B\"\n").await;
    let missing = asked(&world, &gallery.url("/nothing")).await;
    assert_eq!(missing.status, 400, "{}", missing.json());
    assert_eq!(missing.json()["error"]["param"], "images[0].image_url");
    // Fetched, and larger than what a job may be kept with.
    let large = asked(&world, &gallery.url("/a.png")).await;
    assert_eq!(large.status, 413, "{}", large.json());
    let listed = world.get("/v1/jobs").await.json();
    assert_eq!((clerk.placed(), world.available().as_str()), (0, "10"), "{listed}");
    world.verify();
}
