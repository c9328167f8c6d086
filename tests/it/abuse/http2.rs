//! Attacks that only HTTP/2 knows, and its heads where HTTP/1 would read another request.

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Ended, Frames, HEADERS, PING, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, field, frame, remembered, setting,
};
use super::{Siege, good_body};
use crate::world::OPENAI;

/// HTTP/2's word for being asked too much.
const ENHANCE_YOUR_CALM: u32 = 11;

fn head(siege: &Siege, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let shown = format!("Bearer {}", siege.world.key);
    let usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", path),
        ("authorization", &shown),
    ];
    usual.iter().chain(more).flat_map(|(name, value)| field(name, value)).collect()
}

/// One request on a connection of its own.
async fn ask(siege: &Siege, head: &[u8], body: &[u8]) -> Ended {
    let mut frames = Frames::open(siege, &[]).await;
    frames.send(HEADERS, END_HEADERS, 1, head).await;
    frames.send(DATA, END_STREAM, 1, body).await;
    frames.end_of(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_streams_that_are_reset_at_once_end_the_connection() {
    let siege = Siege::start().await;
    let mut frames = Frames::open(&siege, &[]).await;
    let head = head(&siege, OPENAI, &[]);
    let flood: Vec<u8> = (0..1000_u32)
        .flat_map(|n| {
            let id = 2 * n + 1;
            let opened = frame(HEADERS, END_HEADERS, id, &head);
            [opened, frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())].concat()
        })
        .collect();
    frames.send_raw(&flood).await;
    assert_eq!(frames.hung_up().await, Some(ENHANCE_YOUR_CALM));
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_continued_for_ever_ends_the_connection() {
    let siege = Siege::start().await;
    let mut frames = Frames::open(&siege, &[]).await;
    assert!(frames.send(HEADERS, 0, 1, &head(&siege, OPENAI, &[])).await);
    let more = frame(CONTINUATION, 0, 1, &field("x-more", &"x".repeat(16_000)));
    let mut sent = 0;
    while sent < 4096 && frames.send_raw(&more).await {
        sent += 1;
    }
    assert!(sent < 4096, "64 MiB of one head were taken");
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_continuations_for_ever_end_the_connection() {
    let siege = Siege::start().await;
    let mut frames = Frames::open(&siege, &[]).await;
    assert!(frames.send(HEADERS, 0, 1, &head(&siege, OPENAI, &[])).await);
    let more = frame(CONTINUATION, 0, 1, &[]).repeat(1000);
    let mut sent = 0;
    while sent < 1000 && frames.send_raw(&more).await {
        sent += 1;
    }
    assert!(sent < 1000, "a million frames of one head were taken");
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_head_that_unpacks_to_a_large_one_is_refused() {
    let siege = Siege::start().await;
    let mut bomb = head(&siege, OPENAI, &[]);
    bomb.extend(remembered("x-bomb", &"x".repeat(4000)));
    // The newest remembered field, by its number: one byte for four thousand.
    bomb.extend(std::iter::repeat_n(0x80 + 62, 12_000));
    let ended = ask(&siege, &bomb, good_body().as_bytes()).await;
    assert!(!ended.is_served, "{ended:?}");
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_streams_than_one_connection_may_have_are_refused() {
    let siege = Siege::start().await;
    let mut frames = Frames::open(&siege, &[]).await;
    let head = head(&siege, OPENAI, &[]);
    for n in 0..101_u32 {
        assert!(frames.send(HEADERS, END_HEADERS, 2 * n + 1, &head).await);
    }
    let ended = frames.end_of(201).await;
    assert!(ended.reset.is_some() || ended.hung_up, "{ended:?}");
    drop(frames);
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_pings_settings_and_windows_leave_the_gateway_serving() {
    let siege = Siege::start().await;
    let floods = [
        frame(PING, 0, 0, &[0; 8]),
        frame(SETTINGS, 0, 0, &setting(3, 100)),
        frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()),
        frame(0xbb, 0, 0, b"unknown"),
    ];
    for flood in floods {
        let mut frames = Frames::open(&siege, &[]).await;
        let many = flood.repeat(1000);
        let mut sent = 0;
        // Nothing is read meanwhile. It may end us, or stop to read.
        while sent < 100 && frames.send_raw(&many).await {
            sent += 1;
        }
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_make_no_sense_end_the_connection() {
    let siege = Siege::start().await;
    let opened = frame(HEADERS, END_HEADERS, 1, &head(&siege, OPENAI, &[]));
    let senseless = [
        frame(HEADERS, END_HEADERS, 2, &head(&siege, OPENAI, &[])),
        frame(HEADERS, END_HEADERS, 0, &head(&siege, OPENAI, &[])),
        frame(HEADERS, END_HEADERS, 1, &[0xff; 20]),
        frame(DATA, 0, 0, b"data"),
        frame(CONTINUATION, END_HEADERS, 1, b""),
        frame(SETTINGS, 0, 0, b"odd"),
        frame(PING, 0, 0, b"short"),
        frame(WINDOW_UPDATE, 0, 0, &0_u32.to_be_bytes()),
        [opened.clone(), frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes())].concat(),
        frame(DATA, 0, 1, &vec![0; 1 << 17]),
    ];
    for bytes in senseless {
        let mut frames = Frames::open(&siege, &[]).await;
        frames.send_raw(&bytes).await;
        frames.hung_up().await;
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_http_1_would_read_otherwise_is_refused() {
    let siege = Siege::start().await;
    let inner = format!("b\r\nHost: a\r\n\r\n{}", siege.good());
    let fields: &[&[(&str, &str)]] = &[
        &[("transfer-encoding", "chunked")],
        &[("connection", "close")],
        &[("upgrade", "h2c")],
        &[("content-length", "0")],
        &[("content-length", "5")],
        &[("content-length", "100000")],
        &[("content-length", "5"), ("content-length", "6")],
        &[("content-length", "+5")],
        &[("host", "other")],
        &[("X-Large", "letters")],
        &[("x-a", &inner)],
        &[("x-a", "b\0c")],
        &[("x-a\r\ncontent-length", "0")],
        &[("x a", "b")],
        &[("x:a", "b")],
        &[(":method", "GET")],
        &[(":path", "/v1/models")],
        &[(":made-up", "b")],
    ];
    for more in fields {
        let ended = ask(&siege, &head(&siege, OPENAI, more), good_body().as_bytes()).await;
        assert!(!ended.is_served, "{more:?} {ended:?}");
    }
    siege.stands().await;
    // What is streamed may have begun before its length turns out to be a lie: then the vendor sees
    // a call without its body, and no second one.
    for more in fields {
        let head = head(&siege, "/passthrough/acme/draw", more);
        let ended = ask(&siege, &head, good_body().as_bytes()).await;
        // What says that it has no body may be answered before one comes all the same.
        let is_whole = more.contains(&("content-length", "0"));
        assert!(!ended.is_served || is_whole, "{more:?} {ended:?}");
    }
    siege.metric("pixelgate_holds_open 0").await;
    let heard = siege.vendor.bodies();
    assert!(heard.len() <= 5 && heard[1..].iter().all(serde_json::Value::is_null), "{heard:?}");
    siege.world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_line_that_http_1_would_read_otherwise_is_refused() {
    let siege = Siege::start().await;
    let shown = format!("Bearer {}", siege.world.key);
    let lines = [
        ("POST", "a", "/v1/images/generations HTTP/1.1\r\nX-A: b"),
        ("POST", "a", "v1/images/generations"),
        ("POST", "a", ""),
        ("POST", "a", "*"),
        ("POST", "a", "http://b/v1/images/generations"),
        ("POST", "user@a", OPENAI),
        ("POST", "a/../b", OPENAI),
        ("POST", "a\r\nX-A: b", OPENAI),
        ("POST /v1/images/generations HTTP/1.1\r\n\r\nGET", "a", OPENAI),
        ("", "a", OPENAI),
        ("CONNECT", "a", OPENAI),
        ("TRACE", "a", OPENAI),
    ];
    for (method, authority, path) in lines {
        let head: Vec<u8> = [
            (":method", method),
            (":scheme", "http"),
            (":authority", authority),
            (":path", path),
            ("authorization", &shown),
        ]
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect();
        let ended = ask(&siege, &head, good_body().as_bytes()).await;
        assert!(!ended.is_served, "{method:?} {authority:?} {path:?} {ended:?}");
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_after_the_body_changes_nothing() {
    let siege = Siege::start().await;
    let mut frames = Frames::open(&siege, &[]).await;
    frames.send(HEADERS, END_HEADERS, 1, &head(&siege, OPENAI, &[])).await;
    frames.send(DATA, 0, 1, good_body().as_bytes()).await;
    let trailers = field("authorization", "Bearer other");
    frames.send(HEADERS, END_HEADERS | END_STREAM, 1, &trailers).await;
    let ended = frames.end_of(1).await;
    assert!(ended.is_served && ended.body.contains("b64_json"), "{ended:?}");
    siege.stands_having_served(1).await;
}
