//! What a vendor says before its answer.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::paths::{connect, hear, send};
use super::{OURS, acme, logged, policy};
use crate::vendor::spawn;
use crate::world::World;

/// A word before the answer, with what is not for callers.
const HINTS: &str =
    "HTTP/1.1 103 Early Hints\r\nset-cookie: session=theirs\r\npixelgate-cost: 9\r\n\r\n";

/// A gateway in front of a vendor that says this once, and from then on that again and again.
async fn before(once: String, again: &'static str) -> World {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            spawn(says(stream, once.clone(), again));
        }
    });
    let policy = policy(&acme(&address, "timeout = \"1s\""));
    World::with_environment(&policy, "10", "", &[("ACME_KEY", OURS)])
}

async fn says(mut stream: TcpStream, once: String, again: &str) {
    let _ = stream.read(&mut vec![0; 64 << 10]).await;
    let mut said = stream.write_all(once.as_bytes()).await;
    while said.is_ok() && !again.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        said = stream.write_all(again.as_bytes()).await;
    }
    // Until the gateway has hung up.
    let _ = stream.read(&mut [0]).await;
}

/// What a caller hears.
async fn heard(world: &World, until: &str) -> String {
    let mut stream = connect(world).await;
    let head = format!(
        "POST /passthrough/acme/upscale HTTP/1.1\r\nHost: a\r\nX-Key: {}\r\nContent-Length: 1\r\n\r\nx",
        world.key
    );
    send(&mut stream, head.as_bytes()).await;
    hear(&mut stream, until).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vendor_says_before_its_answer_goes_no_further() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx-kept: yes\r\n\r\ndone";
    let world = before(format!("{HINTS}{HINTS}{answer}"), "").await;
    let heard = heard(&world, "done").await;
    assert!(heard.starts_with("HTTP/1.1 200"), "{heard}");
    assert!(heard.contains("x-kept: yes") && !heard.contains("theirs"), "{heard}");
    logged(&world, "ok");
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_only_says_that_it_will_answer_is_given_up_when_its_time_is_over() {
    let world = before(HINTS.to_owned(), HINTS).await;
    let heard = heard(&world, "}}").await;
    assert!(heard.starts_with("HTTP/1.1 504"), "{heard}");
    logged(&world, "vendor_timed_out");
    world.verify();
}
