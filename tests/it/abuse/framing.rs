//! Two readers of one request who may differ on where it ends: what the second would take for a
//! request of its own is never served.

use super::{Siege, good_body, read_answer};
use crate::world::OPENAI;
use tokio::io::AsyncWriteExt;

/// One attack: the lines of its head, and what follows, in which `{good}` is a whole request.
type Attack<'a> = (&'a str, &'a str);

/// Each must be answered with a 400 and the end of the connection.
async fn all_are_refused(siege: &Siege, attacks: &[Attack<'_>]) {
    let good = siege.good();
    for (lines, body) in attacks {
        let said = siege.to_the_end(siege.head(lines) + &body.replace("{good}", &good)).await;
        assert_eq!(said.statuses(), ["400"], "{lines:?} {body:?} came to\n{}", said.0);
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_chunks_is_refused_in_either_order() {
    let siege = Siege::start().await;
    let attacks = [
        ("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n{good}"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\n{good}"),
        ("content-length: 0\r\nTRANSFER-ENCODING: chunked\r\n", "0\r\n\r\n{good}"),
    ];
    all_are_refused(&siege, &attacks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_transfer_encoding_is_refused() {
    let siege = Siege::start().await;
    let chunks = "0\r\n\r\n{good}";
    let lines = [
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: chunked\x00\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\t: chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding\r\n: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ];
    let attacks: Vec<Attack<'_>> = lines.iter().map(|lines| (*lines, chunks)).collect();
    all_are_refused(&siege, &attacks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_or_repeated_length_is_refused() {
    let siege = Siege::start().await;
    let lines = [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: 5.0\r\n",
        "Content-Length: five\r\n",
        "Content-Length:\r\n",
        "Content-Length : 5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length: 18446744073709551621\r\n",
        "Content-Length: \u{0665}\r\n",
    ];
    let attacks: Vec<Attack<'_>> = lines.iter().map(|lines| (*lines, "12345{good}")).collect();
    all_are_refused(&siege, &attacks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_with_bare_line_feeds_is_refused() {
    let siege = Siege::start().await;
    let attacks = [
        ("X-A: b\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n{good}"),
        ("X-A: b\nContent-Length: 5\r\n", "12345{good}"),
        ("Content-Length: 5\n\n", "12345{good}"),
        ("Content-Length: 0\n", "{good}"),
    ];
    all_are_refused(&siege, &attacks).await;
    let bare = siege.good().replace("\r\n", "\n");
    assert_eq!(siege.to_the_end(bare).await.statuses(), ["400"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_carriage_return_a_null_and_a_folded_line_are_refused() {
    let siege = Siege::start().await;
    let attacks = [
        ("X-A: b\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n{good}"),
        ("X-A: b\x00c\r\nContent-Length: 0\r\n", "{good}"),
        ("X-A: b\r\n folded\r\nContent-Length: 0\r\n", "{good}"),
        ("X-A: b\r\n\tTransfer-Encoding: chunked\r\n", "0\r\n\r\n{good}"),
        ("X A: b\r\nContent-Length: 0\r\n", "{good}"),
        (": b\r\nContent-Length: 0\r\n", "{good}"),
        ("no colon\r\nContent-Length: 0\r\n", "{good}"),
    ];
    all_are_refused(&siege, &attacks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_of_no_plain_size_is_refused() {
    let siege = Siege::start().await;
    let sizes = [
        "0x5\r\n12345\r\n0\r\n\r\n{good}",
        "-5\r\n12345\r\n0\r\n\r\n{good}",
        "+5\r\n12345\r\n0\r\n\r\n{good}",
        "\r\n0\r\n\r\n{good}",
        "g\r\n\r\n0\r\n\r\n{good}",
        "ffffffffffffffff\r\n12345\r\n0\r\n\r\n{good}",
        "fffffffffffffffff\r\n12345\r\n0\r\n\r\n{good}",
        "5\r\n1234567\r\n0\r\n\r\n{good}",
        "5\r\n12345X\r\n0\r\n\r\n{good}",
        "5\n12345\r\n0\r\n\r\n{good}",
        "5 5\r\n12345\r\n0\r\n\r\n{good}",
    ];
    let attacks: Vec<Attack<'_>> =
        sizes.iter().map(|body| ("Transfer-Encoding: chunked\r\n", *body)).collect();
    all_are_refused(&siege, &attacks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_extension_without_end_is_cut_off() {
    let siege = Siege::with("public.body_timeout = \"5s\"\n").await;
    let endless = format!("5;{}", "x".repeat(1 << 20));
    let said = siege.to_the_end(siege.head("Transfer-Encoding: chunked\r\n") + &endless).await;
    assert!(said.statuses().len() <= 1 && !said.0.contains(" 200 "), "{}", said.0);
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunk_extensions_and_trailers_change_nothing() {
    let siege = Siege::start().await;
    let body = good_body();
    let (first, second) = body.split_at(10);
    let trailers =
        "Content-Length: 5\r\nAuthorization: Bearer other\r\nTransfer-Encoding: gzip\r\n";
    let request = siege.head("Transfer-Encoding: CHUNKED\r\nConnection: close\r\n")
        + &format!(
            "{:x};a=b;c=\"d\"\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n{trailers}\r\n{}",
            first.len(),
            second.len(),
            siege.good()
        );
    let said = siege.to_the_end(request).await;
    assert_eq!(said.statuses(), ["200"], "{}", said.0);
    siege.stands_having_served(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_in_http_1_0_are_refused() {
    let siege = Siege::start().await;
    let head = siege.head("Transfer-Encoding: chunked\r\n").replace("HTTP/1.1", "HTTP/1.0");
    let said = siege.to_the_end(head + "0\r\n\r\n" + &siege.good()).await;
    assert!(said.0.contains(" 400 ") && !said.0.contains(" 200 "), "{}", said.0);
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_inside_the_body_of_another_is_not_served() {
    let siege = Siege::start().await;
    let good = siege.good();
    let lengths = format!("Content-Length: {}\r\n", good.len());
    let chunked = format!("{:x}\r\n{good}\r\n0\r\n\r\n", good.len());
    for (method, target) in [("GET", "/v1/models"), ("HEAD", "/v1/models"), ("GET", "/v1/nothing")]
    {
        for (lines, body) in
            [(lengths.as_str(), &good), ("Transfer-Encoding: chunked\r\n", &chunked)]
        {
            let mut stream = siege.connect().await;
            let request = siege.head_of(method, target, lines) + body;
            stream.write_all(request.as_bytes()).await.unwrap();
            let last = siege.head_of("GET", "/v1/models", "Connection: close\r\n");
            // The gateway may have ended the connection.
            let _ = stream.write_all(last.as_bytes()).await;
            let said = super::read_to_end(&mut stream).await;
            let statuses = said.statuses();
            assert!(statuses.len() <= 2 && !said.0.contains("b64_json"), "{}", said.0);
        }
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_takes_no_byte_of_the_next() {
    let siege = Siege::start().await;
    let stranger = siege.good().replace("Bearer ", "Bearer not-");
    let mut stream = siege.connect().await;
    stream.write_all(stranger.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.statuses(), ["401"]);
    stream.write_all(siege.good().as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.statuses(), ["200"]);
    siege.stands_having_served(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_sent_at_once_each_is_served_once_or_not_at_all() {
    let siege = Siege::start().await;
    let last = siege.good().replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let said = siege.to_the_end(siege.good().repeat(2) + &last).await;
    let served = said.statuses().len();
    assert!(served >= 1 && said.statuses().iter().all(|status| *status == "200"), "{}", said.0);
    siege.stands_having_served(served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_passed_through_takes_no_second_one_along() {
    let siege = Siege::start().await;
    let attacks = [
        ("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n{good}"),
        ("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n{good}"),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", "12345{good}"),
        ("X-A: b\nContent-Length: 0\r\n", "{good}"),
    ];
    for (lines, body) in attacks {
        let head = siege.head_of("POST", "/passthrough/acme/draw", lines);
        let said = siege.to_the_end(head + &body.replace("{good}", &siege.good())).await;
        assert_eq!(said.statuses(), ["400"], "{lines:?} came to\n{}", said.0);
    }
    // One that is fine goes on in our own framing: the vendor sees one call.
    let inner = format!("POST {OPENAI} HTTP/1.1\r\nHost: a\r\n\r\n");
    let lines = "Transfer-Encoding: chunked\r\nConnection: close\r\n";
    let request = siege.head_of("POST", "/passthrough/acme/draw", lines)
        + &format!("{:x};x=y\r\n{inner}\r\n0\r\nX-Trailer: 1\r\n\r\n", inner.len());
    let said = siege.to_the_end(request).await;
    assert_eq!(said.statuses(), ["200"], "{}", said.0);
    assert!(!siege.vendor.last().headers.contains_key("x-trailer"));
    siege.stands_having_served(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_protocols_is_not_made() {
    let siege = Siege::start().await;
    for target in [OPENAI, "/passthrough/acme/draw"] {
        for lines in [
            "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\nSec-WebSocket-Version: 13\r\n",
            "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nContent-Length: 0\r\n",
        ] {
            let mut stream = siege.connect().await;
            let request = siege.head_of("GET", target, lines);
            stream.write_all(request.as_bytes()).await.unwrap();
            let said = read_answer(&mut stream).await;
            assert!(!said.0.contains(" 101 ") && !said.0.contains(" 200 "), "{}", said.0);
        }
    }
    siege.stands().await;
}
