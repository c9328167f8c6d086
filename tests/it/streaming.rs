//! Answers that begin before they are whole.

use pixelgate::dialect::{Event, Events};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::vendor::{png, spawn};
use crate::world::{OPENAI, PAINTED, World, dimensions, from_base64};

/// A vendor that shows a preview and finishes only once it is told to.
pub(crate) async fn slow_vendor(finish: oneshot::Receiver<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = String::new();
        // Head and body may come one after the other; the body's last field ends with this.
        while !asked.ends_with('}') {
            let mut chunk = vec![0; 64 << 10];
            let read = stream.read(&mut chunk).await.unwrap();
            assert!(read > 0, "ended early: {asked}");
            asked.push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
        assert!(
            asked.contains("\"stream\":true") && asked.contains("\"partial_images\":2"),
            "{asked}"
        );
        let event = |name: &str, more: Value| {
            let mut body = json!({ "type": name, "b64_json": png(64, 64), "output_format": "png" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            format!("event: {name}\ndata: {body}\n\n")
        };
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let preview = event("image_generation.partial_image", json!({ "partial_image_index": 0 }));
        stream.write_all(format!("{head}{preview}").as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        finish.await.unwrap();
        let usage =
            json!({ "usage": { "input_tokens": 7, "output_tokens": 11, "total_tokens": 18 } });
        let end = event("image_generation.completed", usage);
        stream.write_all(end.as_bytes()).await.unwrap();
    });
    address
}

pub(crate) fn policy(address: &str, can: &str) -> String {
    format!(
        "{PAINTED}\n[vendors.acme]\ndialect = \"openai\"\nbase_url = \"http://{address}/v1\"\n\
         [models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", \
         model = \"gpt-image-2\", sizes = [\"64x64\"], can = [{can}], cost = [{{ image = \"1\" }}] }}]\n"
    )
}

async fn ask(world: &World, body: &Value) -> reqwest::Response {
    world
        .client
        .post(format!("{}{OPENAI}", world.public))
        .header("authorization", format!("Bearer {}", world.key))
        .json(body)
        .send()
        .await
        .unwrap()
}

/// The next events, once there are some.
async fn next(reply: &mut reqwest::Response, events: &mut Events) -> Vec<Event> {
    loop {
        let Some(chunk) = reply.chunk().await.unwrap() else { return Vec::new() };
        let found = events.push(&chunk);
        if !found.is_empty() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_there_before_the_vendor_has_finished() {
    let (finish, finished) = oneshot::channel();
    let address = slow_vendor(finished).await;
    let world = World::with(&policy(&address, "\"previews\""), "10", "");
    let body = json!({"model": "remote", "prompt": "a fox", "size": "64x64", "stream": true, "partial_images": 2});
    let mut reply = ask(&world, &body).await;
    assert_eq!(reply.status(), 200);
    assert!(reply.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    assert!(reply.headers().contains_key("x-request-id"));

    let mut events = Events::default();
    let preview = next(&mut reply, &mut events).await;
    assert_eq!(preview[0].name, "image_generation.partial_image");
    finish.send(()).unwrap();

    let end = next(&mut reply, &mut events).await;
    assert_eq!(end[0].name, "image_generation.completed");
    let said: Value = serde_json::from_slice(&end[0].content).unwrap();
    assert_eq!(dimensions(&from_base64(&said["b64_json"])), (64, 64));
    assert_eq!(said["usage"]["total_tokens"], 18);
    assert!(next(&mut reply, &mut events).await.is_empty(), "something came after the end");
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_vendor_shows_no_previews_the_end_is_all_there_is() {
    let world = World::painted("10");
    let body = json!({"model": "paint", "prompt": "a fox", "size": "64x64", "n": 2, "stream": true, "partial_images": 3});
    let text = ask(&world, &body).await.text().await.unwrap();
    assert_eq!(text.matches("event: image_generation.completed").count(), 2, "{text}");
    assert!(text.contains(": pixelgate-changed previews="), "{text}");
    assert_eq!(world.available(), "8");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_before_the_stream_has_its_status_and_one_inside_it_is_an_event() {
    let world = World::painted("1");
    let body = json!({"model": "paint", "prompt": "a fox", "n": 2, "stream": true});
    assert_eq!(ask(&world, &body).await.status(), 402);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let world = World::with(&policy(&address, ""), "10", "");
    let body = json!({"model": "remote", "prompt": "a fox", "size": "64x64", "stream": true});
    let text = ask(&world, &body).await.text().await.unwrap();
    assert!(text.starts_with("event: error\ndata: {\"error\":"), "{text}");
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_announces_that_its_connection_ends_with_it() {
    let world = World::painted("10");
    let body = json!({"model": "paint", "prompt": "a fox", "size": "32x32", "stream": true});
    let reply = world.post(OPENAI, &body).await;
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert_eq!(world.paint().await.header("connection"), Some("keep-alive"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_for_a_client_of_http_1_0_is_not_in_chunks() {
    let world = World::painted("10");
    let body =
        json!({"model": "paint", "prompt": "a fox", "size": "64x64", "stream": true}).to_string();
    let mut said = Vec::new();
    for version in ["1.0", "1.1"] {
        let mut stream =
            TcpStream::connect(world.public.strip_prefix("http://").unwrap()).await.unwrap();
        let head = format!(
            "POST {OPENAI} HTTP/{version}\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
            world.key,
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        let (head, body) = all.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{head}");
        said.push((head.to_lowercase().contains("transfer-encoding"), body.to_owned()));
    }
    let [(is_chunked, plain), (is_chunked_newer, _)] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((*is_chunked, *is_chunked_newer), (false, true));
    let ended: Vec<Event> = Events::default().push(plain.as_bytes());
    assert_eq!(ended.len(), 1, "{plain}");
    assert!(plain.starts_with("event: image_generation.completed\n"), "{plain}");
    assert!(plain.ends_with("\n\n"), "{plain}");
}
