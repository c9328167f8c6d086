//! Calls of a vendor's own API: passed through as they are, with our credential, and paid for.

mod ends;
mod interim;
mod paths;

use serde_json::{Value, json};

use crate::upscaler::Upscaler;
use crate::world::{PAINTED, Reply, World, read};

/// The credential that the vendor is to see.
const OURS: &str = "sk-of-ours";

/// Fares of everything that the vendor can do, at two credits; asking is free.
const FARES: &str = r#"
passthrough = [
  { method = "POST", path = "/v1/*", price = "2", cost = "0.04" },
  { method = "GET", path = "/v1/jobs/*", price = "0", cost = "0" },
]
"#;

/// The painted policy, its plan `open` allowed to pass through to `acme`, and a plan that is not.
fn policy(vendor: &str) -> String {
    let open =
        PAINTED.replace("show_offering = true", "show_offering = true\npassthrough = [\"acme\"]");
    format!("{open}\n[plans.closed]\nmodels = [\"*\"]\n{vendor}")
}

fn acme(address: &str, more: &str) -> String {
    format!(
        "[vendors.acme]\ndialect = \"openai\"\nbase_url = \"http://{address}/v1\"\n\
         secret = \"env:ACME_KEY\"\n{more}\n{FARES}"
    )
}

/// A gateway in front of a vendor, with so many credits.
fn in_front_of(vendor: &Upscaler, credits: &str, more: &str) -> World {
    let policy = policy(&acme(&vendor.address.to_string(), more));
    World::with_environment(&policy, credits, "", &[("ACME_KEY", OURS)])
}

async fn call(world: &World, path: &str, body: impl Into<reqwest::Body>) -> Reply {
    let request = world.client.post(format!("{}/passthrough/acme{path}", world.public));
    read(request.header("authorization", format!("Bearer {}", world.key)).body(body)).await
}

/// The log line of the first request from now on that ended in this way.
fn logged(world: &World, outcome: &str) -> Value {
    let line =
        tokio::task::block_in_place(|| world.log_line(&format!("\"outcome\":\"{outcome}\"")));
    serde_json::from_str(&line).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_megabytes_go_both_ways_byte_for_byte_under_our_credential_and_are_paid_for() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let picture: Vec<u8> =
        (0..5_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let request = world
        .client
        .post(format!("{}/passthrough/acme/upscale?scale=4&a=%2F", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .header("x-api-key", &world.key)
        .header("x-note", format!("mine is {}", world.key))
        .header("cookie", "session=mine")
        .header("x-forwarded-for", "10.0.0.1")
        .header("pixelgate-anything", "1")
        .header("content-type", "image/png")
        .header("x-app", "as it is")
        .body(picture.clone());
    let reply = read(request).await;
    assert_eq!(reply.status, 200);
    assert!(reply.bytes == picture, "the answer is not what the vendor sent");

    let heard = vendor.last();
    assert_eq!(
        (heard.method.as_str(), heard.target.as_str()),
        ("POST", "/v1/upscale?scale=4&a=%2F")
    );
    assert!(heard.body == picture, "the vendor did not get what was sent");
    assert_eq!(heard.headers["authorization"], format!("Bearer {OURS}"));
    assert_eq!(heard.headers["host"], vendor.address.to_string());
    assert_eq!(heard.headers["content-type"], "image/png");
    assert_eq!(heard.headers["x-app"], "as it is");
    assert_eq!(heard.headers["content-length"], picture.len().to_string());
    for gone in ["x-api-key", "x-note", "cookie", "x-forwarded-for", "pixelgate-anything"] {
        assert!(!heard.headers.contains_key(gone), "{gone}");
    }
    let everything = format!("{:?}", heard.headers);
    assert!(!everything.contains(&world.key), "{everything}");

    assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
    assert_eq!(reply.header("pixelgate-vendor-request-id"), Some("theirs-1"));
    assert_eq!(reply.header("pixelgate-cost"), Some("0.04"));
    assert_eq!(reply.header("pixelgate-offering"), Some("acme POST /v1/*"));
    assert_eq!(reply.header("x-kept"), Some("as it is"));
    for gone in ["set-cookie", "alt-svc", "x-ratelimit-remaining-requests"] {
        assert_eq!(reply.header(gone), None, "{gone}");
    }
    let line = logged(&world, "ok");
    assert_eq!((&line["dialect"], &line["credits"]), (&json!("passthrough"), &json!("2")));
    assert_eq!(
        (&line["cost_dollars"], &line["offering"]),
        (&json!("0.04"), &json!("acme POST /v1/*"))
    );
    assert_eq!(line["answer_bytes"], picture.len());
    assert_eq!(world.available(), "8");
    world.verify();
    let metrics = world.metrics().await;
    for expected in [
        "pixelgate_requests_total{dialect=\"passthrough\",outcome=\"ok\"} 1",
        "pixelgate_credits_total{model=\"passthrough\"} 2",
        "pixelgate_cost_dollars_total{offering=\"acme POST /v1/*\"} 0.04",
        "pixelgate_settlements_lost_total 0",
        "pixelgate_holds_open 0",
    ] {
        assert!(metrics.contains(expected), "{expected} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_after_a_job_is_free_and_leaves_a_usage_row_all_the_same() {
    let vendor = Upscaler::start().await;
    let mut world = in_front_of(&vendor, "0", "");
    let reply = world.get("/passthrough/acme/jobs/1").await;
    assert_eq!((reply.status, reply.json()), (200, json!({"status": "done"})));
    logged(&world, "ok");
    assert_eq!(vendor.last().headers.get("content-length"), None);
    assert_eq!(call(&world, "/upscale", "x").await.status, 402);
    logged(&world, "credits_short");
    tokio::task::block_in_place(|| world.stop());
    let file = world.folder.path().join("data/pixelgate.sqlite");
    let database = rusqlite::Connection::open(file).unwrap();
    let mut rows = database
        .prepare("SELECT operation, vendor, offering, outcome, images FROM usage ORDER BY seq")
        .unwrap();
    let rows: Vec<[String; 5]> = rows
        .query_map([], |row| {
            let images: i64 = row.get(4)?;
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, images.to_string()])
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        rows,
        [
            ["passthrough", "acme", "acme GET /v1/jobs/*", "ok", "0"],
            ["passthrough", "acme", "acme POST /v1/*", "credits_short", "0"],
        ]
    );
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_refused_before_the_vendor_hears_of_it() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let plan = |more: &[&str]| world.new_key(&[&["--plan", "open"], more].concat());
    let cases = [
        ("pg_live_nope".to_owned(), 401, "key_unknown"),
        (world.new_key(&["--plan", "closed"]), 403, "model_forbidden"),
        (plan(&["--scopes", "images"]), 403, "scope_missing"),
        (plan(&["--test"]), 403, "scope_missing"),
    ];
    for (key, status, code) in cases {
        let reply = world.post_as(&key, "/passthrough/acme/upscale", "{}".to_owned()).await;
        let body = reply.json();
        assert_eq!((reply.status, &body["error"]["code"]), (status, &json!(code)), "{body}");
        assert!(body["error"]["message"].is_string(), "{body}");
        assert_eq!(body["error"]["request_id"].as_str(), reply.header("x-request-id"));
    }
    let test_key = plan(&["--test"]);
    let reply = world.post_as(&test_key, "/passthrough/acme/upscale", String::new()).await;
    assert!(reply.json()["error"]["message"].as_str().unwrap().contains("test-mode"));
    let bare = read(world.client.post(format!("{}/passthrough/acme/upscale", world.public))).await;
    assert_eq!((bare.status, bare.header("www-authenticate")), (401, Some("Bearer")));
    let scoped = plan(&["--scopes", "passthrough"]);
    let reply = world.post_as(&scoped, "/passthrough/acme/upscale", "x".to_owned()).await;
    assert_eq!((reply.status, vendor.calls()), (200, 1));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_taken_from_any_header_that_clients_carry_one_in() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    for name in ["x-api-key", "x-key", "api-key", "x-goog-api-key"] {
        let request = world.client.get(format!("{}/passthrough/acme/jobs/1", world.public));
        let reply = read(request.header(name, &world.key)).await;
        assert_eq!(reply.status, 200, "{name}");
        assert!(!vendor.last().headers.contains_key(name), "{name}");
        assert_eq!(vendor.last().headers["authorization"], format!("Bearer {OURS}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_credits_are_told_before_the_vendor_is_called() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "1", "");
    let reply = call(&world, "/upscale", "x").await;
    let body = reply.json();
    assert_eq!((reply.status, &body["error"]["code"]), (402, &json!("credits_short")), "{body}");
    assert_eq!((vendor.calls(), world.available().as_str()), (0, "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_quotas_and_leases_count_what_is_passed_through() {
    let vendor = Upscaler::start().await;
    let limited = policy(&acme(&vendor.address.to_string(), "")).replace(
        "[plans.closed]",
        "limits = [{ name = \"minute\", images = 2, per = \"1m\" }]\n[plans.closed]",
    );
    let world = World::with_environment(&limited, "10", "", &[("ACME_KEY", OURS)]);
    let first = call(&world, "/upscale", "x").await;
    assert_eq!(
        (first.status, first.header("ratelimit-policy")),
        (200, Some("\"minute\";q=2;w=60;qu=\"images\""))
    );
    assert!(first.header("ratelimit").unwrap().starts_with("\"minute\";r=1;"));
    assert_eq!(world.get("/passthrough/acme/jobs/1").await.status, 200);
    let third = call(&world, "/upscale", "x").await;
    assert_eq!((third.status, third.json()["error"]["code"].clone()), (429, json!("rate_limited")));
    assert!(third.header("retry-after").is_some());
    assert_eq!((vendor.calls(), world.available().as_str()), (2, "8"));

    let one_at_once = policy(&acme(&vendor.address.to_string(), ""))
        .replace("concurrency_max = 1000", "concurrency_max = 1");
    let world = World::with_environment(&one_at_once, "10", "", &[("ACME_KEY", OURS)]);
    let held = async { call(&world, "/held", "x").await };
    let other = async {
        vendor.has_heard(3).await;
        let reply = call(&world, "/upscale", "x").await;
        vendor.release();
        reply
    };
    let (held, other) = tokio::join!(held, other);
    assert_eq!((held.status, other.status), (200, 429));
    assert_eq!(other.json()["error"]["code"], "concurrency_exceeded");
    logged(&world, "ok");
    assert_eq!(call(&world, "/upscale", "x").await.status, 200, "the lease has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_over_http_2_is_passed_through_as_well() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let picture = vec![7_u8; 3 << 20];
    for (path, body) in
        [("upscale", picture.clone()), ("upscale", Vec::new()), ("large", Vec::new())]
    {
        let request = client
            .post(format!("{}/passthrough/acme/{path}", world.public))
            .header("authorization", format!("Bearer {}", world.key))
            .body(body.clone());
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.version(), response.status().as_u16()),
            (reqwest::Version::HTTP_2, 200)
        );
        assert_eq!(response.headers()["x-kept"], "as it is");
        let bytes = response.bytes().await.unwrap();
        assert!(path == "large" || bytes == body, "{path}");
        assert!(vendor.last().body == body);
        logged(&world, "ok");
    }
    let asked = |path: &str| {
        let request = client.post(format!("{}/passthrough/acme{path}", world.public));
        request.header("authorization", format!("Bearer {}", world.key))
    };
    let refused = read(asked("/status/401").body("x")).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].clone()),
        (502, json!("vendor_failed"))
    );
    assert_eq!(world.available(), "4");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_to_be_told_is_told_to_go_on_once_it_is_granted() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "2", "");
    for (begins, left) in [("HTTP/1.1 100", "0"), ("HTTP/1.1 402", "0")] {
        let request = format!(
            "POST /passthrough/acme/upscale HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
             Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            world.key
        );
        let mut stream = paths::connect(&world).await;
        paths::send(&mut stream, request.as_bytes()).await;
        let answer = paths::hear(&mut stream, "\r\n\r\n").await;
        assert!(answer.starts_with(begins), "{answer}");
        if begins.ends_with("100") {
            paths::send(&mut stream, b"hello").await;
            let answer = paths::hear(&mut stream, "hello").await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            logged(&world, "ok");
        }
        assert_eq!(world.available(), left);
    }
    assert_eq!(vendor.calls(), 1);
}
