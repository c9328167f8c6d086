//! Traces: what a collector is sent, what vendors are told, and what a collector can never do.

mod exemplars;
mod exporting;
mod kinds;

use serde_json::{Value, json};

use crate::collector::{Collector, Seen, Takes, named};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, Reply, World};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const ABOVE: &str = "b7ad6b7169203331";

/// What no span may say.
const PROMPT: &str = "an owl that nobody may read of";

/// A vendor that is told traces, and one that is not, in turn.
pub(crate) fn policy(one: &FakeVendor, two: &FakeVendor) -> String {
    format!(
        "{PAINTED}\n{}trace_context = true\n{}\n{}",
        one.policy("one", "openai"),
        two.policy("two", "openai"),
        r#"
[models.remote]
strategy = "priority"
price = [{ image = "2" }]
offerings = [
  { vendor = "one", model = "fox-1", priority = 1, sizes = ["64x64"], cost = [{ image = "0.01" }] },
  { vendor = "two", model = "fox-2", priority = 2, sizes = ["64x64"], cost = [{ image = "0.02" }] },
]
"#
    )
}

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{ABOVE}-{flags}")
}

async fn ask(world: &World, headers: &[(&str, &str)]) -> Reply {
    let body = json!({"model": "remote", "prompt": PROMPT, "size": "64x64"});
    world.post_with(OPENAI, &body, headers).await
}

/// The trace and the span that a vendor was told last.
fn told(vendor: &FakeVendor) -> Option<(String, String, String)> {
    let headers = vendor.last().headers;
    let text = headers.get("traceparent")?.to_str().unwrap();
    let parts: Vec<&str> = text.split('-').collect();
    assert_eq!((parts.len(), parts[0]), (4, "00"), "{text}");
    Some((parts[1].to_owned(), parts[2].to_owned(), parts[3].to_owned()))
}

/// The line of the log on the next request.
fn logged(world: &World) -> Value {
    let line = tokio::task::block_in_place(|| world.log_line("\"message\":\"request\""));
    serde_json::from_str(&line).unwrap()
}

/// Must say neither what was asked nor by which key.
fn keeps_quiet(spans: &[Seen], world: &World) {
    let all = format!("{spans:?}");
    for secret in [PROMPT, &world.key, "iVBORw0KGgo"] {
        assert!(!all.contains(secret), "{secret} is on a span: {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_a_trace_is_a_span_there_with_its_steps_and_attempts_below() {
    for way in ["http", "grpc"] {
        let (one, two) = (
            FakeVendor::start(Answers::Json(503, json!({"error": {"message": "overloaded"}})))
                .await,
            FakeVendor::start(Answers::OpenAi).await,
        );
        let collector = Collector::start(Takes::All).await;
        let more = "headers = { x-token = \"env:OTEL_TOKEN\" }\n\
            resource = { \"deployment.environment.name\" = \"test\" }\nratio = 0.0";
        let config = collector.config(way, more);
        let token = [("OTEL_TOKEN", "sk-of-the-collector")];
        let world = World::with_environment(&policy(&one, &two), "10", &config, &token);
        let sampled = traceparent("01");
        let reply = ask(&world, &[("traceparent", &sampled), ("tracestate", "congo=t61")]).await;
        assert_eq!(reply.status, 200, "{}", reply.json());

        let spans = collector.of_requests(1).await;
        keeps_quiet(&spans, &world);
        assert_eq!(collector.head().headers["x-token"], "sk-of-the-collector");
        assert!(spans.iter().all(|span| span.trace == TRACE && span.state == "congo=t61"));
        let root = named(&spans, "POST openai");
        is_told_of(root, &world, reply.header("x-request-id").unwrap());
        assert_eq!(logged(&world)["trace_id"], TRACE);
        assert_eq!(reply.header("traceresponse"), Some(&*format!("00-{TRACE}-{}-01", root.id)));
        steps_are_below(&spans, root);

        let step = named(&spans, "attempt");
        let (failed, served) =
            (named(&spans, "generate_content fox-1"), named(&spans, "generate_content fox-2"));
        for attempt in [failed, served] {
            assert_eq!((&attempt.above, attempt.kind), (&step.id, SpanKind::Client));
            assert_eq!(attempt.said["server.address"], "127.0.0.1");
            assert_eq!(attempt.said["gen_ai.output.type"], "image");
        }
        assert!(failed.is_error && !served.is_error);
        assert_eq!(failed.said["error.type"], "busy");
        assert_eq!(failed.said["gen_ai.provider.name"], "one");
        assert_eq!(served.said["gen_ai.response.model"], "fox-2");
        assert_eq!(served.said["gen_ai.usage.input_tokens"], 10);
        assert_eq!(served.said["gen_ai.usage.output_tokens"], 20);
        assert_eq!(served.said["pixelgate.cost.dollars"], 0.02);

        let told = told(&one).expect("policy lets it be told");
        assert_eq!(told, (TRACE.to_owned(), failed.id.clone(), "01".to_owned()));
        assert_eq!(one.last().headers["tracestate"], "congo=t61");
        assert!(two.last().headers.get("traceparent").is_none(), "policy does not let it be told");
        assert!(two.last().headers.get("tracestate").is_none());
    }
}

/// The span of the request itself.
fn is_told_of(root: &Seen, world: &World, request_id: &str) {
    assert_eq!((&*root.above, root.kind, root.is_error), (ABOVE, SpanKind::Server, false));
    let said = |name: &str| root.said[name].clone();
    assert_eq!(said("http.request.method"), "POST");
    assert_eq!(said("url.path"), OPENAI);
    assert_eq!(said("url.scheme"), "http");
    assert_eq!(said("http.response.status_code"), 200);
    assert_eq!(said("gen_ai.operation.name"), "generate_content");
    assert_eq!(said("gen_ai.request.model"), "remote");
    assert_eq!(said("pixelgate.request.id"), request_id);
    assert_eq!(said("pixelgate.workspace"), *world.workspace);
    assert_eq!(said("pixelgate.dialect"), "openai");
    assert_eq!(said("pixelgate.operation"), "generate");
    assert_eq!(said("pixelgate.offering"), "remote/two");
    assert_eq!(said("pixelgate.outcome"), "ok");
    assert_eq!(said("pixelgate.credits"), 2.0);
    assert_eq!(said("pixelgate.cost.dollars"), 0.02);
    assert_eq!(said("pixelgate.attempts"), 2);
    assert!(said("pixelgate.policy.version").is_string());
    assert!(said("pixelgate.refusal").is_null());
    assert_eq!(root.resource["service.name"], "pixelgate");
    assert_eq!(root.resource["deployment.environment.name"], "test");
}

/// One span for each step, in the order of the way, each within the whole.
fn steps_are_below(spans: &[Seen], root: &Seen) {
    let steps: Vec<&Seen> = spans.iter().filter(|span| span.above == root.id).collect();
    let names: Vec<&str> = steps.iter().map(|span| &*span.name).collect();
    let way = [
        "authenticate",
        "read",
        "repeat",
        "decode",
        "rules",
        "treat",
        "route",
        "quote",
        "limit",
        "hold",
        "attempt",
        "media",
        "settle",
        "encode",
    ];
    assert_eq!(names, way);
    for (step, next) in steps.iter().zip(steps.iter().skip(1)) {
        assert_eq!(step.ended, next.began, "{} and {}", step.name, next.name);
    }
    assert_eq!(steps[0].began, root.began);
    assert_eq!(steps[steps.len() - 1].ended, root.ended);
    let attempts = spans.iter().filter(|span| span.is_attempt());
    assert!(attempts.clone().all(|span| root.began <= span.began && span.ended <= root.ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_trace_is_none_and_one_begins_here() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let collector = Collector::start(Takes::All).await;
    let world = World::with(&policy(&vendor, &vendor), "10", &collector.config("http", ""));
    for text in ["", "00-xyz", &traceparent("1"), &format!("{}-more", traceparent("01"))] {
        let reply = ask(&world, &[("traceparent", text), ("tracestate", "congo=t61")]).await;
        assert_eq!(reply.status, 200, "{}", reply.json());
    }
    let spans = collector.of_requests(4).await;
    for root in spans.iter().filter(|span| span.is_whole()) {
        assert_eq!((&*root.above, &*root.state), ("", ""));
        assert_ne!(root.trace, TRACE);
        assert_eq!(root.trace.len(), 32);
    }
    assert!(vendor.last().headers.get("tracestate").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_trace_is_not_traced_and_its_trace_goes_on() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let collector = Collector::start(Takes::All).await;
    let world = World::with(&policy(&vendor, &vendor), "10", &collector.config("http", ""));
    let reply = ask(&world, &[("traceparent", &traceparent("00"))]).await;
    assert_eq!((reply.status, reply.header("traceresponse")), (200, None));
    assert_eq!(logged(&world)["trace_id"], TRACE);
    let told = told(&vendor).unwrap();
    assert_eq!(told, (TRACE.to_owned(), ABOVE.to_owned(), "00".to_owned()));
    ask(&world, &[]).await;
    let spans = collector.of_requests(1).await;
    assert!(spans.iter().all(|span| span.trace != TRACE), "only the second is traced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_of_strangers_is_pointed_at_where_config_says_so() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let collector = Collector::start(Takes::All).await;
    let config = collector.config("http", "follow_parent = false");
    let world = World::with(&policy(&vendor, &vendor), "10", &config);
    ask(&world, &[("traceparent", &traceparent("00")), ("tracestate", "congo=t61")]).await;
    let spans = collector.of_requests(1).await;
    let root = named(&spans, "POST openai");
    assert_eq!(root.links, [(TRACE.to_owned(), ABOVE.to_owned())]);
    assert!(root.trace != TRACE && root.above.is_empty() && root.state.is_empty());
    assert_eq!(told(&vendor).unwrap().0, root.trace);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_traces_a_trace_goes_through_and_nothing_else_is_said_of_it() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let world = World::with(&policy(&vendor, &vendor), "10", "");
    let headers = [("traceparent", &*traceparent("01")), ("tracestate", "congo=t61")];
    let reply = ask(&world, &headers).await;
    assert_eq!((reply.status, reply.header("traceresponse")), (200, None));
    assert_eq!(told(&vendor).unwrap(), (TRACE.to_owned(), ABOVE.to_owned(), "01".to_owned()));
    assert_eq!(vendor.last().headers["tracestate"], "congo=t61");
    assert_eq!(logged(&world)["trace_id"], TRACE);
    ask(&world, &[]).await;
    assert_eq!(told(&vendor), None);
    assert_eq!(logged(&world).get("trace_id"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_logged_only_where_config_asks_for_it() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    for (config, lines) in [("", 0), ("[log]\nprompts = true\n", 1)] {
        let mut world = World::with(&policy(&vendor, &vendor), "10", config);
        assert_eq!(ask(&world, &[]).await.status, 200);
        assert!(world.stop().success());
        let log = world.rest_of_log();
        let with: Vec<_> = log.iter().filter(|line| line.contains(PROMPT)).collect();
        assert_eq!(with.len(), lines, "{with:#?}");
        assert!(with.iter().all(|line| line.contains("\"request_id\":\"req_")));
    }
}
