//! The edge's bounds, spoken to in raw bytes where no client library would.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::vendor::{Answers, FakeVendor, png};
use crate::world::{OPENAI, PAINTED, World, read};

/// Sends bytes, half-closes if asked, and reads until the end or a first whole answer.
async fn raw(world: &World, bytes: &[u8], half_close: bool) -> String {
    let address = world.public.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    if half_close {
        stream.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while let Ok(Ok(count)) = tokio::time::timeout_at(until, stream.read(&mut buffer)).await {
        answer.extend_from_slice(&buffer[..count]);
        if count == 0 || whole(&answer) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| body.len() >= length.trim().parse().unwrap_or(usize::MAX))
}

fn head(world: &World, more: &str) -> String {
    format!(
        "POST {OPENAI} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n{more}\r\n",
        world.key
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ways_of_ending_a_body_are_refused() {
    let world = World::painted("10");
    let request = head(&world, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n";
    let answer = raw(&world, request.as_bytes(), false).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("Transfer-Encoding"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_cut_short_is_refused_and_costs_nothing() {
    let world = World::painted("10");
    let request = head(&world, "Content-Length: 500\r\n") + "{\"model\":";
    let answer = raw(&world, request.as_bytes(), true).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    for expected in
        ["x-request-id: req_", "\"invalid_request_error\"", "before its announced length"]
    {
        assert!(answer.contains(expected), "{expected} is not in\n{answer}");
    }
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_announced_or_not() {
    let world = World::with(PAINTED, "10", "public.body_bytes_max = \"1KiB\"\n");
    let long = json!({"model": "paint", "prompt": "x".repeat(2000)});
    let reply = world.post(OPENAI, &long).await;
    assert_eq!(reply.status, 413);
    assert!(reply.json()["error"]["message"].as_str().unwrap().contains("1024"));
    let chunk = format!("{:x}\r\n{}\r\n", 2000, "x".repeat(2000));
    let request = head(&world, "Transfer-Encoding: chunked\r\n") + &chunk + "0\r\n\r\n";
    let answer = raw(&world, request.as_bytes(), false).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(
        world.metrics().await.contains("pixelgate_bounds_met_total{bound=\"body_bytes_max\"} 2")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_and_a_slow_body_are_told_so() {
    let config = "public.head_timeout = \"300ms\"\npublic.body_timeout = \"300ms\"\n";
    let world = World::with(PAINTED, "10", config);
    let half = format!("POST {OPENAI} HTTP/1.1\r\nHost: a\r\nX-Slow: ");
    let answer = raw(&world, half.as_bytes(), false).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("x-request-id: req_"), "{answer}");
    let request = head(&world, "Content-Length: 500\r\n") + "{\"model\":";
    let answer = raw(&world, request.as_bytes(), false).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request"), "{answer}");
    let metrics = world.metrics().await;
    for bound in ["head_timeout", "body_timeout"] {
        let met = format!("pixelgate_bounds_met_total{{bound=\"{bound}\"}} 1");
        assert!(metrics.contains(&met), "{met} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let world = World::with(
        PAINTED,
        "10",
        "public.head_bytes_max = \"2KiB\"\npublic.head_fields_max = 10\n",
    );
    let long = head(&world, &format!("X-Long: {}\r\n", "x".repeat(4000)));
    assert!(raw(&world, long.as_bytes(), false).await.starts_with("HTTP/1.1 431"));
    let many = (0..20).map(|n| format!("X-{n}: y\r\n")).collect::<Vec<_>>().concat();
    assert!(raw(&world, head(&world, &many).as_bytes(), false).await.starts_with("HTTP/1.1 431"));
}

/// A model of this vendor's.
fn remote(vendor: &FakeVendor) -> String {
    format!(
        "{PAINTED}\n{}\n[models.remote]\nprice = [{{ image = \"1\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn more_at_once_than_the_gateway_takes_is_asked_to_come_again() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_millis(1500));
    let world = World::with(&remote(&vendor), "100", "public.in_flight_max = 2\n");
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let replies = futures_util::future::join_all((0..6).map(|_| world.post(OPENAI, &asked))).await;
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert_eq!(refused.len(), 4);
    assert_eq!(refused[0].header("retry-after"), Some("1"));
    assert_eq!(world.available(), "98");
}

/// Memory of the gateway's own, in MiB, now and at most.
fn memory_mib(world: &World) -> [usize; 2] {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.process_id())).unwrap();
    ["RssAnon:", "VmHWM:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() >> 10
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_the_systems_again_after_a_burst() {
    // A picture of four megabytes, most of which are behind its end.
    let picture = png(64, 64) + &"A".repeat(4 << 20);
    let body = json!({"created": 1, "data": [{"b64_json": picture}]}).to_string();
    let vendor = FakeVendor::start(Answers::Raw(200, "application/json", body.into_bytes())).await;
    vendor.now_takes(Duration::from_millis(500));
    let world = World::with(&remote(&vendor), "100", "");
    let [at_rest, _] = memory_mib(&world);
    let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
    let replies = futures_util::future::join_all((0..40).map(|_| world.post(OPENAI, &asked))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let [_, most] = memory_mib(&world);
    assert!(most > at_rest + 100, "{at_rest} MiB at rest, {most} at most");
    let given_back = async {
        while memory_mib(&world)[0] > at_rest + 25 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(1), given_back).await;
    assert!(in_time.is_ok(), "{at_rest} MiB at rest, {:?} after the burst", memory_mib(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_in_flight_have_a_bound() {
    let world = World::with(PAINTED, "10", "public.in_flight_bytes_max = \"100\"\n");
    let reply = world.post(OPENAI, &json!({"model": "paint", "prompt": "x".repeat(200)})).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_expects_100_continue_is_told_to_go_on() {
    let world = World::painted("10");
    let body = json!({"model": "paint", "prompt": "a fox", "size": "32x32"}).to_string();
    let address = world.public.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let more = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len());
    stream.write_all(head(&world, &more).as_bytes()).await.unwrap();
    let mut first = [0; 25];
    stream.read_exact(&mut first).await.unwrap();
    assert!(first.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&first));
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut next = [0; 12];
    stream.read_exact(&mut next).await.unwrap();
    assert_eq!(&next, b"HTTP/1.1 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_used_again_after_a_success_and_after_a_refusal() {
    let world = World::painted("10");
    let body = json!({"model": "paint", "prompt": "a fox", "size": "16x16"}).to_string();
    let good = head(&world, &format!("Content-Length: {}\r\n", body.len())) + &body;
    let bad = head(&world, "Content-Length: 2\r\n") + "{]";
    let address = world.public.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for (request, status) in [(&good, "200"), (&bad, "400"), (&good, "200")] {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while !whole(&answer) {
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "closed: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&buffer[..count]);
        }
        let start = String::from_utf8_lossy(&answer[..12]).into_owned();
        assert_eq!(start, format!("HTTP/1.1 {status}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_nobody_claims_is_said_to_be_one() {
    let world = World::painted("0");
    let reply = read(world.client.get(format!("{}/v1/nothing", world.public))).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].clone()), (404, json!("unknown_path")));
    assert!(reply.header("x-request-id").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_makes_no_request_wait() {
    let mut world = World::painted("10");
    let gateway = tokio::task::block_in_place(|| world.restart_unread());
    // A pipe takes some hundred lines before whoever writes to it has to wait.
    for number in 0..400 {
        let asking = world.client.post(format!("{}{OPENAI}", gateway.public)).body("{}");
        let told = tokio::time::timeout(Duration::from_secs(10), read(asking)).await;
        let told = told.unwrap_or_else(|_| panic!("the request of number {number} waits"));
        assert_eq!(told.status, 401);
    }
    tokio::task::block_in_place(|| gateway.ends_well());
}
