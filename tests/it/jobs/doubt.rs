//! Jobs of which the database was told something, and whose gateway did not hear whether that stands.

use std::sync::Arc;

use serde_json::json;

use super::{IMAGES, asked, ended, job, ordering};
use crate::clerk::Clerk;
use crate::nodes::Shared;
use crate::proxy::{Lost, Proxy};
use crate::server::{database_of, server};
use crate::vendor::FakeVendor;
use crate::world::World;

/// A gateway whose database is behind a line that can be cut.
async fn behind(config: &str) -> (World, FakeVendor, Arc<Clerk>, Proxy, Shared) {
    let proxy = Proxy::before(&server().new_database()).await;
    let shared = Shared::of(proxy.url.clone());
    let config = format!("{}{config}", shared.config);
    let (world, vendor, clerk) = ordering(Clerk::default(), &config).await;
    (world, vendor, clerk, proxy, shared)
}

/// What the database itself says, whatever becomes of the line to it.
fn told(proxy: &Proxy, question: &str) -> String {
    let told = tokio::task::block_in_place(|| server().run(database_of(&proxy.url), question));
    told.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_stands_although_its_app_was_told_that_there_is_none_comes_to_nothing() {
    let (world, _vendor, clerk, proxy, _shared) = behind("").await;
    proxy.lose(Lost::AnswerAndLine, "a fox of doubt");
    let refused = world.post(IMAGES, &json!({"prompt": "a fox of doubt"})).await;
    assert_eq!(refused.status, 503, "{}", refused.json());
    assert_eq!(told(&proxy, "SELECT count(*) FROM job"), "1", "it stands");
    proxy.is_back();
    let id = told(&proxy, "SELECT id FROM job");
    while world.get(&format!("/v1/jobs/{id}")).await.status != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ended(&world, &id).await["status"], "cancelled");
    assert_eq!((clerk.placed(), world.available()), (0, "10".to_owned()));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_stands_although_nobody_heard_of_it_is_told_when_the_database_is_back() {
    let (world, _vendor, clerk, proxy, _shared) = behind("[jobs]\ntime_max = \"2s\"\n").await;
    let id = asked(&world).await;
    clerk.is_asked().await;
    proxy.lose(Lost::AnswerAndLine, &id);
    tokio::task::block_in_place(|| world.log_line("a job's end cannot be written yet"));
    assert_eq!(told(&proxy, "SELECT count(*) FROM usage"), "1", "it stands");
    proxy.is_back();
    tokio::task::block_in_place(|| world.log_line("a job has ended"));
    assert_eq!(job(&world, &id).await["status"], "failed");
    let metrics = world.metrics().await;
    assert!(metrics.contains("pixelgate_jobs_total{event=\"failed\"} 1"), "{metrics}");
    assert_eq!(told(&proxy, "SELECT count(*) FROM usage"), "1");
    assert_eq!(world.available(), "10");
    world.verify();
}
