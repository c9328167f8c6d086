//! Traces of what is no single request with an answer at once: jobs, several requests in one body, calls that are
//! passed through, checks of prompts, answers that fail.

use serde_json::json;

use crate::clerk::Clerk;
use crate::collector::{Collector, Seen, Takes, named};
use crate::jobs;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World};

use super::{policy, traceparent};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_has_a_trace_of_its_own_that_points_at_the_request_it_came_as() {
    let collector = Collector::start(Takes::All).await;
    let config = collector.config("http", "");
    let (world, _vendor, clerk) = jobs::ordering(Clerk::default(), &config).await;
    clerk.serve();
    let id = jobs::asked(&world).await;
    jobs::ended(&world, &id).await;
    let spans = collector.once(|spans| spans.iter().any(|span| span.name == "job")).await;
    let job = named(&spans, "job");
    let request = spans.iter().find(|span| span.name.starts_with("POST")).unwrap();
    assert_eq!(request.said["http.response.status_code"], 202);
    assert_ne!(job.trace, request.trace);
    assert_eq!(job.links, [(request.trace.clone(), request.id.clone())]);
    assert_eq!(job.said["pixelgate.request.id"], request.said["pixelgate.request.id"]);
    assert_eq!(job.said["pixelgate.outcome"], "ok");
    let below: Vec<_> = spans.iter().filter(|span| span.trace == job.trace).collect();
    assert!(below.iter().any(|span| span.is_attempt()), "{below:#?}");
    assert!(below.iter().any(|span| span.name == "settle"));
    let of_request = spans.iter().filter(|span| span.trace == request.trace);
    assert!(of_request.clone().any(|span| span.name == "hold"));
    assert!(!of_request.clone().any(Seen::is_attempt));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_taken_up_after_a_crash_still_points_at_its_request() {
    let collector = Collector::start(Takes::All).await;
    let config = collector.config("http", "");
    let vendor = FakeVendor::start(Answers::Hangs).await;
    let policy = policy(&vendor, &vendor).replace("timeout = \"2s\"", "timeout = \"60s\"");
    let world = World::with(&policy, "10", &config);
    let body = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let prefers = [("prefer", "respond-async"), ("traceparent", &*traceparent("01"))];
    let reply = world.post_with(OPENAI, &body, &prefers).await;
    assert_eq!(reply.status, 202);
    collector.of_requests(1).await;
    while vendor.calls() == 0 {
        tokio::task::yield_now().await;
    }
    let world = world.kill_and_restart();
    let spans = collector.once(|spans| spans.iter().any(|span| span.name == "job")).await;
    let (job, request) = (named(&spans, "job"), named(&spans, "POST openai"));
    assert_eq!(job.links, [(super::TRACE.to_owned(), request.id.clone())]);
    assert_eq!(job.said["pixelgate.refusal"], "vendor_failed");
    assert_eq!(job.said["pixelgate.outcome_unknown"], true);
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_one_body_are_below_the_whole() {
    let collector = Collector::start(Takes::All).await;
    let policy = format!(
        "[defaults]\nmodel = \"paint\"\n{PAINTED}\nstorage = false\nbatch = {{ items_max = 3, concurrency_max = 2 }}"
    );
    let world = World::with(&policy, "10", &collector.config("grpc", ""));
    let fox = json!({"prompt": "a fox", "width": 256, "height": 256});
    let reply = world.post("/api/v1/generate", &json!({"items": [fox, fox]})).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let spans = collector.of_requests(3).await;
    let whole = spans.iter().find(|span| span.name.starts_with("POST")).unwrap();
    let items: Vec<_> = spans.iter().filter(|span| span.name == "item").collect();
    assert_eq!(items.len(), 2);
    for item in items {
        assert_eq!((&item.trace, &item.above), (&whole.trace, &whole.id));
        let settled = |span: &&Seen| span.name == "settle";
        assert!(spans.iter().filter(settled).any(|span| span.above == item.id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_passed_through_is_traced_and_carries_its_trace_if_policy_lets_it() {
    let (told, untold) =
        (FakeVendor::start(Answers::OpenAi).await, FakeVendor::start(Answers::OpenAi).await);
    let collector = Collector::start(Takes::All).await;
    let fares =
        "passthrough = [{ method = \"POST\", path = \"/v1/*\", price = \"2\", cost = \"0.04\" }]";
    let policy = format!(
        "{PAINTED}passthrough = [\"one\", \"two\"]\n{}trace_context = true\n{fares}\n{}{fares}\n",
        told.policy("one", "openai"),
        untold.policy("two", "openai"),
    );
    let world = World::with(&policy, "10", &collector.config("http", ""));
    let sampled = traceparent("01");
    for vendor in ["one", "two"] {
        let path = format!("/passthrough/{vendor}/upscale");
        let reply = world.post_with(&path, &json!({}), &[("traceparent", &sampled)]).await;
        assert_eq!(reply.status, 200);
    }
    let spans = collector.of_requests(2).await;
    let attempt = named(&spans, "one POST /v1/*");
    assert_eq!(attempt.said["http.response.status_code"], 200);
    assert_eq!(attempt.said["pixelgate.vendor"], "one");
    let whole = spans.iter().find(|span| span.said["pixelgate.vendor"] == "one" && span.is_whole());
    assert_eq!(whole.unwrap().said["pixelgate.operation"], "passthrough");
    let seen = super::told(&told).unwrap();
    assert_eq!((seen.0.as_str(), &seen.1), (super::TRACE, &attempt.id));
    let as_it_came = super::told(&untold).unwrap();
    assert_eq!(as_it_came.1, "b7ad6b7169203331", "what an app sends itself goes through as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_a_prompt_is_an_attempt_of_its_own() {
    let found = json!({"results": [{"flagged": false, "categories": {}, "category_scores": {}}]});
    let checker = FakeVendor::start(Answers::Json(200, found)).await;
    let collector = Collector::start(Takes::All).await;
    let policy = format!(
        "{PAINTED}\n{}\n[rules.moderation]\nvendor = \"checker\"\nmodel = \"omni\"\ncost = \"0.001\"\n",
        checker.policy("checker", "openai")
    );
    let world = World::with(&policy, "10", &collector.config("http", ""));
    let reply = world.paint().await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let spans = collector.of_requests(1).await;
    let (check, step) = (named(&spans, "moderation checker"), named(&spans, "moderate"));
    assert_eq!(check.above, step.id);
    assert_eq!(check.said["gen_ai.operation.name"], json!(null), "it makes no picture");
    assert_eq!(named(&spans, "generate_content paint").kind, crate::traces::SpanKind::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_named_on_the_span() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let collector = Collector::start(Takes::All).await;
    let policy = policy(&vendor, &vendor)
        .replace("[models.remote]", "[models.remote]\nfidelity = \"emulate\"");
    let world = World::with(&policy, "10", &collector.config("http", ""));
    let body =
        json!({"model": "remote", "prompt": "a fox", "size": "64x64", "output_format": "webp"});
    let reply = world.post(OPENAI, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let changed = reply.header("pixelgate-changed").unwrap().to_owned();
    let spans = collector.of_requests(1).await;
    let said = named(&spans, "POST openai").said["pixelgate.changed"].clone();
    for parameter in said.as_array().unwrap() {
        assert!(changed.contains(parameter.as_str().unwrap()), "{changed}: {said}");
    }
    assert!(!said.as_array().unwrap().is_empty());
}
