//! Where a call may go: what is priced and plain, and nowhere else.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::upscaler::Upscaler;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{World, read};

use super::{acme, call, in_front_of, policy};

pub(super) async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.public.strip_prefix("http://").unwrap()).await.unwrap()
}

pub(super) async fn send(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
}

/// What comes until it ends in this, or the connection does.
pub(super) async fn hear(stream: &mut TcpStream, until: &str) -> String {
    let mut heard = String::new();
    let mut buffer = [0; 4096];
    while !heard.ends_with(until) {
        let read =
            tokio::time::timeout(std::time::Duration::from_secs(10), stream.read(&mut buffer));
        match read.await {
            Ok(Ok(count)) if count > 0 => heard += &String::from_utf8_lossy(&buffer[..count]),
            _ => break,
        }
    }
    heard
}

async fn asked(world: &World, target: &str) -> String {
    let mut stream = connect(world).await;
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Length: 1\r\n\r\nx",
        world.key
    );
    send(&mut stream, head.as_bytes()).await;
    hear(&mut stream, "never").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_fare_is_refused() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    for path in ["jobs", "upscale", ""] {
        let reply = world.get(&format!("/passthrough/acme/{path}")).await;
        let body = reply.json();
        assert_eq!((reply.status, &body["error"]["code"]), (404, &json!("unknown_path")), "{path}");
    }
    let deleted = world.client.delete(format!("{}/passthrough/acme/upscale", world.public));
    let deleted = deleted.header("authorization", format!("Bearer {}", world.key));
    assert_eq!(read(deleted).await.status, 404);
    for vendor in ["painter", "nobody", "ACME", "acme%2f.."] {
        let path = format!("/passthrough/{vendor}/upscale");
        assert_eq!(world.post_as(&world.key, &path, "x".into()).await.status, 404, "{vendor}");
    }
    assert_eq!((vendor.calls(), world.available().as_str()), (0, "10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crooked_path_never_reaches_the_vendor() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    for target in [
        "/passthrough/acme/../admin",
        "/passthrough/acme/./upscale",
        "/passthrough/acme/a/../../admin",
        "/passthrough/acme//upscale",
        "/passthrough/acme/upscale//",
        "/passthrough/acme/%2e%2e/admin",
        "/passthrough/acme/%2E./admin",
        "/passthrough/acme/a%2f..%2fadmin",
        "/passthrough/acme/a%5cadmin",
        "/passthrough/acme/..%3b/admin",
        "/passthrough/acme/..;/admin",
        "/passthrough/acme/%252e%252e/admin",
        "/passthrough/acme/a%00",
        "/passthrough/acme/a%0d%0ax",
        "/passthrough/acme/a%",
        "http://a/passthrough/acme/upscale",
        "/passthrough/acme/upscale?key=1",
        "/passthrough/acme/upscale?a=1&%4bEY=1",
        "/passthrough/acme/upscale?access_token=1",
    ] {
        let answer = asked(&world, target).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{target}: {answer}");
        assert!(answer.contains("\"bad_request\""), "{target}: {answer}");
    }
    for target in ["//passthrough/acme/upscale", "/passthrough/../passthrough/acme/upscale", "/x"] {
        let answer = asked(&world, target).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{target}: {answer}");
    }
    assert_eq!((vendor.calls(), world.available().as_str()), (0, "10"));
    let answer = asked(&world, "/passthrough/acme/a%20b/c:d?path=/../x&e=%2e#f").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(vendor.last().target, "/v1/a%20b/c:d?path=/../x&e=%2e");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_make_a_server_read_another_call_is_taken_off() {
    let vendor = Upscaler::start().await;
    let world = in_front_of(&vendor, "10", "");
    let request = world
        .client
        .post(format!("{}/passthrough/acme/upscale", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .header("x-http-method-override", "DELETE")
        .header("x-original-url", "/admin")
        .header("connection", "upgrade, x-hop")
        .header("upgrade", "websocket")
        .header("x-hop", "1")
        .body("x");
    assert_eq!(read(request).await.status, 200);
    let heard = vendor.last();
    for gone in ["x-http-method-override", "x-original-url", "upgrade", "x-hop"] {
        assert!(!heard.headers.contains_key(gone), "{gone}");
    }
    let twice = "POST /passthrough/acme/upscale HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\
                 Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut stream = connect(&world).await;
    send(&mut stream, twice.as_bytes()).await;
    let answer = hear(&mut stream, "}").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("bad_framing"), "{answer}");
    assert_eq!(vendor.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_is_shown_our_credential_in_its_own_way() {
    let vendor = Upscaler::start().await;
    for (auth, name, shown) in [
        ("header: x-acme-key", "x-acme-key", "sk-of-ours"),
        ("word: Key", "authorization", "Key sk-of-ours"),
        ("basic", "authorization", "Basic c2stb2Ytb3Vycw=="),
    ] {
        let world = in_front_of(&vendor, "10", &format!("auth = \"{auth}\""));
        assert_eq!(call(&world, "/upscale", "x").await.status, 200);
        assert_eq!(vendor.last().headers[name], shown);
        // As the vendor's own client would show a key.
        let request = world.client.get(format!("{}/passthrough/acme/jobs/1", world.public));
        let own =
            if name == "authorization" { format!("Key {}", world.key) } else { world.key.clone() };
        if auth != "basic" {
            assert_eq!(read(request.header(name, own)).await.status, 200, "{auth}");
            assert_eq!(vendor.last().headers[name], shown);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_without_its_credential_is_not_called() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    let world = World::with(&policy(&acme(&vendor.address.to_string(), "")), "10", "");
    let reply = call(&world, "/upscale", "x").await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].clone()),
        (503, json!("none_available"))
    );
    assert_eq!((vendor.calls(), world.available().as_str()), (0, "10"));
}
