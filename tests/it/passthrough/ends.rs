//! How a call ends: who pays, and that its hold ends once.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use serde_json::json;

use crate::upscaler::{HALF, Upscaler};
use crate::vendor::{TlsVendor, spawn};
use crate::world::{World, read};

use super::paths::{connect, hear, send};
use super::{OURS, acme, call, in_front_of, logged, policy};

fn request(world: &World, path: &str) -> reqwest::RequestBuilder {
    let request = world.client.post(format!("{}/passthrough/acme{path}", world.public));
    request.header("authorization", format!("Bearer {}", world.key)).body("x")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_no_is_passed_on_and_costs_nothing() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    for (status, outcome) in [
        (400, "bad_request"),
        (403, "vendor_failed"),
        (404, "bad_request"),
        (429, "none_available"),
        (500, "vendor_failed"),
        (503, "none_available"),
    ] {
        let reply = call(&world, &format!("/status/{status}"), "x").await;
        assert_eq!((reply.status, reply.json()), (status, json!({"its": 1})));
        assert_eq!(reply.header("pixelgate-cost"), None);
        assert_eq!(logged(&world, outcome)["status"], status);
    }
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vendor_says_about_our_account_is_not_told_to_callers() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    for status in [401, 402, 407] {
        let reply = call(&world, &format!("/status/{status}"), "x").await;
        let body = reply.json();
        assert_eq!(
            (reply.status, &body["error"]["code"]),
            (502, &json!("vendor_failed")),
            "{body}"
        );
        logged(&world, "vendor_failed");
    }
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirection_is_an_answer_and_not_followed() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    assert_eq!(call(&world, "/status/302", "x").await.status, 302);
    logged(&world, "ok");
    assert_eq!((vendor.calls(), world.available().as_str()), (1, "8"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_half_way_through_the_answer_pays_once() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let mut response = request(&world, "/long").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert!(!response.chunk().await.unwrap().unwrap().is_empty());
    drop(response);
    vendor.release();
    let line = logged(&world, "ok");
    assert_eq!((&line["credits"], &line["outcome_unknown"]), (&json!("2"), &json!(false)));
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_answer_pays_for_what_the_vendor_did() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    for (path, outcome, left) in [("/held", "ok", "8"), ("/held-and-failed", "vendor_failed", "8")]
    {
        let calls = vendor.calls();
        let leaving = spawn(request(&world, path).send());
        vendor.has_heard(calls + 1).await;
        leaving.abort();
        let _ = leaving.await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        vendor.release();
        logged(&world, outcome);
        assert_eq!(world.available(), left, "{path}");
    }
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_resets_its_http_2_stream_pays_for_what_it_had_asked() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let asked = client
        .post(format!("{}/passthrough/acme/held", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .body("x");
    let leaving = spawn(asked.send());
    vendor.has_heard(1).await;
    leaving.abort();
    let line = logged(&world, "ok");
    assert_eq!((&line["credits"], &line["outcome_unknown"]), (&json!("2"), &json!(true)));
    assert_eq!(world.available(), "8");
    assert!(world.metrics().await.contains("pixelgate_clients_gone_total 1"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_while_it_sends_pays_nothing() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let head = format!(
        "POST /passthrough/acme/upscale HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 500\r\n\r\nhalf",
        world.key
    );
    let mut stream = connect(&world).await;
    send(&mut stream, head.as_bytes()).await;
    vendor.is_called().await;
    drop(stream);
    let line = logged(&world, "bad_framing");
    assert_eq!(line["outcome_unknown"], false);
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_vendor_cuts_is_given_back() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let response = request(&world, "/cut").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert!(response.bytes().await.is_err(), "a cut answer does not look whole");
    assert_eq!(logged(&world, "vendor_failed")["outcome_unknown"], true);
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_cannot_be_reached_costs_nothing() {
    let policy = policy(&acme("127.0.0.1:9", ""));
    let world = World::with_environment(&policy, "10", "", &[("ACME_KEY", OURS)]);
    let large = vec![b'x'; 3 << 20];
    for body in [Vec::new(), b"{}".to_vec(), large] {
        let reply = call(&world, "/upscale", body).await;
        let said = reply.json();
        assert_eq!(
            (reply.status, &said["error"]["code"]),
            (502, &json!("vendor_failed")),
            "{said}"
        );
        let line = logged(&world, "vendor_failed");
        assert_eq!(line["outcome_unknown"], false);
    }
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_takes_too_long_is_left_and_its_outcome_is_unknown() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "timeout = \"1s\"");
    let reply = call(&world, "/slow", "x").await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].clone()),
        (504, json!("vendor_timed_out"))
    );
    assert_eq!(logged(&world, "vendor_timed_out")["outcome_unknown"], true);
    assert_eq!(world.available(), "10");
    let metrics = world.metrics().await;
    assert!(metrics.contains("pixelgate_outcomes_unknown_total{vendor=\"acme\"} 1"), "{metrics}");
    // What trickles is cut at its time and paid for: a slow reader looks the same.
    let response = request(&world, "/endless").send().await.unwrap();
    assert!(response.bytes().await.is_err());
    logged(&world, "ok");
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_meet_their_bounds_while_they_stream() {
    let vendor = Upscaler::start().await;
    let policy = policy(&acme(&vendor.address.to_string(), "answer_bytes_max = \"3MiB\""));
    let config = "public.body_bytes_max = \"1MiB\"\npublic.body_timeout = \"1s\"\n";
    let world = World::with_environment(&policy, "10", config, &[("ACME_KEY", OURS)]);
    let too_large = call(&world, "/upscale", vec![b'x'; 2 << 20]).await;
    assert_eq!((too_large.status, vendor.calls()), (413, 0));

    let head = format!(
        "POST /passthrough/acme/upscale HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        world.key
    );
    let mut stream = connect(&world).await;
    send(&mut stream, head.as_bytes()).await;
    let chunk = [b"80000\r\n".as_slice(), &vec![b'x'; 0x80000], b"\r\n"].concat();
    for _ in 0..3 {
        send(&mut stream, &chunk).await;
    }
    let answer = hear(&mut stream, "}}").await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("body_too_large"), "{answer}");
    logged(&world, "body_too_large");

    let mut stream = connect(&world).await;
    send(&mut stream, format!("{head}1\r\nx\r\n").as_bytes()).await;
    let answer = hear(&mut stream, "}}").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    logged(&world, "request_too_slow");
    assert_eq!(world.available(), "10");

    // Announced, an answer that is too large is not begun; otherwise what was passed on is paid.
    let announced = call(&world, "/large", "x").await;
    assert_eq!(
        (announced.status, announced.json()["error"]["code"].clone()),
        (502, json!("vendor_failed"))
    );
    assert_eq!(logged(&world, "vendor_failed")["outcome_unknown"], true);
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_outgrows_its_bound_is_cut_and_paid_for() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "answer_bytes_max = \"1500KiB\"");
    let mut response = request(&world, "/long").send().await.unwrap();
    let mut got = 0;
    while got < HALF {
        got += response.chunk().await.unwrap().unwrap().len();
    }
    vendor.release();
    while let Ok(Some(chunk)) = response.chunk().await {
        got += chunk.len();
    }
    assert!(got < 2 * HALF, "{got}");
    logged(&world, "ok");
    assert_eq!(world.available(), "8");
    world.verify();

    // Who is told that nothing could be passed on pays nothing, however the bytes came.
    let world = in_front_of(&vendor, "10", "answer_bytes_max = \"1KiB\"");
    let status = request(&world, "/long").send().await.unwrap().status().as_u16();
    let (outcome, left) = if status == 200 { ("ok", "8") } else { ("vendor_failed", "10") };
    logged(&world, outcome);
    assert_eq!(world.available(), left, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_coming_over_http_2_is_the_clients_own_slowness() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "timeout = \"1s\"");
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    let first = Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"x")));
    let body = StreamBody::new(stream::iter([first]).chain(stream::pending()));
    let asked = client
        .post(format!("{}/passthrough/acme/upscale", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .body(reqwest::Body::wrap(body));
    let reply = read(asked).await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].clone()),
        (408, json!("request_too_slow"))
    );
    logged(&world, "request_too_slow");
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_flight_is_finished_and_settled_before_the_process_ends() {
    let vendor = Upscaler::start().await;
    let mut world = in_front_of(&vendor, "10", "");
    let asked = spawn(read(request(&world, "/held")));
    vendor.is_called().await;
    let releasing = vendor.clone();
    spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        releasing.release();
    });
    let ended = tokio::task::block_in_place(|| world.stop());
    assert!(ended.success(), "{ended}");
    assert_eq!(asked.await.unwrap().status, 200);
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_cannot_be_written_is_told_and_counted() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let asked = spawn(read(request(&world, "/held")));
    vendor.has_heard(1).await;
    let file = world.folder.path().join("data/pixelgate.sqlite");
    let broken =
        "CREATE TRIGGER broken BEFORE INSERT ON usage BEGIN SELECT RAISE(ABORT, 'broken'); END";
    rusqlite::Connection::open(file).unwrap().execute_batch(broken).unwrap();
    vendor.release();
    assert_eq!(asked.await.unwrap().status, 200, "the answer is out before it is paid for");
    let line = logged(&world, "store_unavailable");
    assert_eq!((&line["credits"], &line["status"]), (&json!("0"), &json!(200)));
    assert!(world.metrics().await.contains("pixelgate_settlements_lost_total 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_used_again_and_the_vendor_gets_a_new_one_each_time() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let mut stream = connect(&world).await;
    for round in 0..3 {
        let body = format!("body{round}");
        let head = format!(
            "POST /passthrough/acme/upscale HTTP/1.1\r\nHost: a\r\nX-Key: {}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            world.key,
            body.len()
        );
        send(&mut stream, head.as_bytes()).await;
        let answer = hear(&mut stream, &body).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(vendor.last().headers["connection"], "close");
        logged(&world, "ok");
    }
    assert_eq!(world.available(), "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_request_does_not_end_its_call() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let asked = format!(
        "POST /passthrough/acme/held HTTP/1.1\r\nHost: a\r\nX-Key: {}\r\n\
         Content-Length: 4\r\n\r\nbody",
        world.key
    );
    let mut stream = connect(&world).await;
    send(&mut stream, asked.as_bytes()).await;
    vendor.has_heard(1).await;
    // An empty line, as some clients send after a body, and the next request.
    send(&mut stream, b"\r\n").await;
    send(&mut stream, asked.as_bytes()).await;
    for nth in 1..=2 {
        vendor.has_heard(nth).await;
        vendor.release();
        let answer = hear(&mut stream, "body").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        logged(&world, "ok");
    }
    assert_eq!(world.available(), "6");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_behind_tls_is_known_by_its_certificate() {
    let vendor = TlsVendor::start(&[b"h2", b"http/1.1"]).await;
    let folder = tempfile::tempdir().unwrap();
    for (trusted, status) in [(true, 200), (false, 502)] {
        let authority = folder.path().join("authority.pem");
        let other = TlsVendor::start(&[b"http/1.1"]).await.authority;
        std::fs::write(&authority, if trusted { &vendor.authority } else { &other }).unwrap();
        let at = format!("localhost:{}", vendor.port);
        let policy = policy(&acme(&at, "").replace("http://", "https://"));
        let trust = authority.display().to_string();
        let environment = [("ACME_KEY", OURS), ("SSL_CERT_FILE", trust.as_str())];
        let world = World::with_environment(&policy, "10", "", &environment);
        let reply = call(&world, "/images", "{}").await;
        assert_eq!(reply.status, status, "{}", String::from_utf8_lossy(&reply.bytes));
        logged(&world, if trusted { "ok" } else { "vendor_failed" });
        assert_eq!(world.available(), if trusted { "8" } else { "10" });
    }
}
