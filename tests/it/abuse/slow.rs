//! Clients that take their time, or leave half-way: what they hold is given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::frames::{DATA, END_HEADERS, END_STREAM, Frames, HEADERS, field, setting};
use super::{PATIENCE, Siege, good_body, has_metric, read_answer, read_to_end};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World};

/// Writes one byte after the other, with a pause between, until the gateway hangs up; and what it
/// said.
async fn trickle(stream: TcpStream, bytes: &[u8]) -> super::Said {
    let (mut read, mut write) = stream.into_split();
    let trickling = async {
        for byte in bytes {
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut said = Vec::new();
    let listening = tokio::io::AsyncReadExt::read_to_end(&mut read, &mut said);
    tokio::select! {
        () = trickling => {}
        // A reset is an end too.
        _ = listening => {}
        () = tokio::time::sleep(PATIENCE) => panic!("not hung up on"),
    }
    super::Said(String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_a_byte_at_a_time_is_ended_with_a_408() {
    let siege = Siege::with("public.head_timeout = \"1s\"\n").await;
    let head = siege.head(&"X-Slow: and steady\r\n".repeat(20));
    let said = trickle(siege.connect().await, head.as_bytes()).await;
    assert_eq!(said.statuses(), ["408"], "{}", said.0);
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_bytes_than_tell_a_protocol_are_ended_with_a_408() {
    let siege = Siege::with("public.head_timeout = \"1s\"\n").await;
    for few in ["G", "GET /\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM"] {
        let said = siege.to_the_end(few).await;
        assert_eq!(said.statuses(), ["408"], "{few:?} {}", said.0);
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_is_said_is_closed() {
    let siege = Siege::with("public.idle_timeout = \"1s\"\n").await;
    assert_eq!(siege.to_the_end("").await.0, "");
    siege.metric("pixelgate_connections 0").await;
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_a_byte_at_a_time_is_ended_with_a_408() {
    let siege = Siege::with("public.body_timeout = \"1s\"\n").await;
    for lines in ["Content-Length: 500\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut stream = siege.connect().await;
        stream.write_all(siege.head(lines).as_bytes()).await.unwrap();
        let said = trickle(stream, "1\r\na\r\n".repeat(80).as_bytes()).await;
        assert_eq!(said.statuses(), ["408"], "{}", said.0);
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_comes_is_ended_over_http_2_too() {
    let siege = Siege::with("public.body_timeout = \"1s\"\n").await;
    let mut frames = Frames::open(&siege, &[]).await;
    frames.send(HEADERS, END_HEADERS, 1, &head_of_h2(&siege)).await;
    frames.send(DATA, 0, 1, b"{").await;
    let ended = frames.end_of(1).await;
    assert!(!ended.is_served && ended.body.contains("took too long"), "{ended:?}");
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_is_ended_over_http_2_too() {
    let siege = Siege::with("public.idle_timeout = \"1s\"\n").await;
    let mut frames = Frames::open(&siege, &[]).await;
    frames.send(HEADERS, 0, 1, &head_of_h2(&siege)).await;
    frames.hung_up().await;
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_nothing_to_do_is_closed() {
    let siege = Siege::with("public.idle_timeout = \"1s\"\n").await;
    let mut stream = siege.connect().await;
    stream.write_all(siege.good().as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.statuses(), ["200"]);
    assert_eq!(read_to_end(&mut stream).await.0, "");
    siege.stands_having_served(1).await;
}

fn head_of_h2(siege: &Siege) -> Vec<u8> {
    let shown = format!("Bearer {}", siege.world.key);
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", OPENAI),
        ("authorization", &shown),
    ]
    .iter()
    .flat_map(|(name, value)| field(name, value))
    .collect()
}

/// A picture of so many pixels a side, three bytes each: nothing in it can be packed.
pub(super) fn large_picture(side: u32) -> serde_json::Value {
    use base64::Engine as _;
    let mut state = 1_u32;
    let noise = image::RgbImage::from_fn(side, side, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, bytes @ ..] = state.to_le_bytes();
        image::Rgb(bytes)
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    noise.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let base64 = base64::engine::general_purpose::STANDARD.encode(bytes.into_inner());
    json!({ "created": 1, "data": [{ "b64_json": base64 }] })
}

/// A gateway whose vendor draws large pictures, and which waits a second for slow readers.
async fn with_large_pictures() -> (World, FakeVendor) {
    // They do not fit into the buffers between two sockets.
    let vendor = FakeVendor::start(Answers::Json(200, large_picture(2400))).await;
    let policy = format!(
        "{PAINTED}\n{}[models.remote]\nprice = [{{ image = \"2\" }}]\n\
         offerings = [{{ vendor = \"acme\", sizes = [\"2400x2400\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    (World::with(&policy, "10", "public.write_timeout = \"1s\"\n"), vendor)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_its_picture_is_hung_up_on_and_pays_for_it() {
    let (world, vendor) = with_large_pictures().await;
    let body = json!({"model": "remote", "prompt": "x", "size": "2400x2400"}).to_string();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = world.public.strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = format!(
        "POST {OPENAI} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        world.key,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    has_metric(&world, "pixelgate_requests_total{dialect=\"openai\",outcome=\"ok\"} 1").await;
    has_metric(&world, "pixelgate_connections 0").await;
    let got = read_to_end(&mut stream).await.0.len();
    assert!(got < 20 << 20, "all of it came: {got}");
    assert_eq!((vendor.calls(), world.available().as_str()), (1, "8"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_never_opened_is_hung_up_on() {
    let (world, vendor) = with_large_pictures().await;
    let siege = Siege { world, vendor };
    let body = json!({"model": "remote", "prompt": "x", "size": "2400x2400"}).to_string();
    // Setting 4 is how much may be sent on a stream before the client allows more.
    let mut frames = Frames::open(&siege, &setting(4, 0)).await;
    frames.send(HEADERS, END_HEADERS, 1, &head_of_h2(&siege)).await;
    frames.send(DATA, END_STREAM, 1, body.as_bytes()).await;
    let ended = frames.end_of(1).await;
    assert!(ended.reset.is_some() || ended.hung_up, "{ended:?}");
    assert_eq!((siege.vendor.calls(), siege.world.available().as_str()), (1, "8"));
    siege.world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_its_half_is_served_once_and_pays_once() {
    let siege = Siege::start().await;
    siege.vendor.now_takes(Duration::from_millis(500));
    let mut stream = siege.connect().await;
    stream.write_all(siege.good().as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let said = read_to_end(&mut stream).await;
    assert!(said.statuses().len() <= 1, "{}", said.0);
    siege.metric("pixelgate_requests_total{dialect=\"openai\",outcome=\"ok\"} 1").await;
    siege.stands_having_served(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_half_way_leave_nothing_behind() {
    let siege = Siege::start().await;
    let good = siege.good();
    for cut in (1..good.len()).step_by(7) {
        let mut stream = siege.connect().await;
        stream.write_all(&good.as_bytes()[..cut]).await.unwrap();
        // A reset in place of a quiet end.
        stream.set_zero_linger().unwrap();
    }
    siege.metric("pixelgate_connections 0").await;
    siege.metric("pixelgate_in_flight_requests 0").await;
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_whether_to_go_on_and_is_refused_is_not_told_to() {
    let siege = Siege::with("public.body_bytes_max = \"1KiB\"\n").await;
    let length = good_body().len();
    let asking = |length: usize| {
        siege.head(&format!("Expect: 100-continue\r\nContent-Length: {length}\r\n"))
    };
    let stranger = asking(length).replace("Bearer ", "Bearer not-");
    let nowhere = asking(length).replace(OPENAI, "/v1/nothing");
    for (head, status) in [(stranger, "401"), (nowhere, "404"), (asking(5000), "413")] {
        // What comes next on the connection is neither body nor request.
        let said = siege.to_the_end(head + &siege.good()).await;
        assert_eq!(said.statuses(), [status], "{}", said.0);
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_bound_are_turned_away_until_others_end() {
    let siege = Siege::with("public.connections_max = 8\n").await;
    let mut idle = Vec::new();
    for _ in 0..8 {
        let mut stream = siege.connect().await;
        stream.write_all(siege.head_of("GET", "/v1/models", "").as_bytes()).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.statuses(), ["200"]);
        idle.push(stream);
    }
    let said = siege.to_the_end(siege.good()).await;
    assert_eq!(said.statuses(), ["503"], "{}", said.0);
    assert!(said.0.contains("\"overloaded\"") && said.0.contains("retry-after: 1"), "{}", said.0);
    siege.metric("pixelgate_bounds_met_total{bound=\"connections_max\"} 1").await;
    drop(idle);
    siege.metric("pixelgate_connections 0").await;
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_workspace_cannot_fill_the_room_for_bodies() {
    let vendor = FakeVendor::start(Answers::OpenAi).await;
    vendor.now_takes(Duration::from_secs(1));
    let policy = format!(
        "{PAINTED}\n{}[models.remote]\nprice = [{{ image = \"2\" }}]\n\
         offerings = [{{ vendor = \"acme\", sizes = [\"64x64\"], prompt_chars_max = 40000, cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    let world = World::with(
        &policy,
        "10",
        "public.in_flight_bytes_max = \"64KiB\"\npublic.in_flight_bytes_per_workspace_max = \"16KiB\"\n",
    );
    let other = world.key_of_another("other", "10");
    let asked = json!({"model": "remote", "prompt": "x".repeat(10_000), "size": "64x64"});
    let meanwhile = async {
        while vendor.calls() == 0 {
            tokio::task::yield_now().await;
        }
        let second = world.post(OPENAI, &asked).await;
        assert_eq!((second.status, second.header("retry-after")), (429, Some("1")));
        assert_eq!(world.post_as(&other, OPENAI, asked.to_string()).await.status, 200);
    };
    let (first, ()) = tokio::join!(world.post(OPENAI, &asked), meanwhile);
    assert_eq!(first.status, 200);
    assert_eq!(world.post(OPENAI, &asked).await.status, 200);
    let met = "pixelgate_bounds_met_total{bound=\"in_flight_bytes_per_workspace_max\"} 1";
    assert!(world.metrics().await.contains(met));
    assert_eq!(world.available(), "6");
    world.verify();
}

/// A vendor that writes for as long as it is let, and counts what was taken.
async fn endless_vendor() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let written = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&written);
    crate::vendor::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 16 << 10];
        assert!(tokio::io::AsyncReadExt::read(&mut stream, &mut asked).await.unwrap() > 0);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 200 << 20);
        stream.write_all(head.as_bytes()).await.unwrap();
        let piece = vec![b'x'; 64 << 10];
        while stream.write_all(&piece).await.is_ok() {
            count.fetch_add(piece.len(), Ordering::SeqCst);
        }
    });
    (address, written)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_of_what_is_passed_through_holds_its_vendor_back_and_is_hung_up_on() {
    let (address, written) = endless_vendor().await;
    let open =
        PAINTED.replace("show_offering = true", "show_offering = true\npassthrough = [\"acme\"]");
    let policy = format!(
        "{open}\n[vendors.acme]\ndialect = \"openai\"\nbase_url = \"http://{address}/v1\"\n\
         answer_bytes_max = \"256MiB\"\n\
         passthrough = [{{ method = \"POST\", path = \"/v1/*\", price = \"2\", cost = \"1\" }}]\n"
    );
    let world = World::with(&policy, "10", "public.write_timeout = \"2s\"\n");
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let public = world.public.strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = socket.connect(public).await.unwrap();
    let request = format!(
        "POST /passthrough/acme/draw HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 2\r\n\r\n{{}}",
        world.key
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    has_metric(&world, "pixelgate_connections 1").await;
    has_metric(&world, "pixelgate_connections 0").await;
    let taken = written.load(Ordering::SeqCst);
    assert!(taken < 50 << 20, "the gateway took {taken} bytes that nobody read");
    has_metric(&world, "pixelgate_holds_open 0").await;
    assert_eq!(world.available(), "8");
    world.verify();
}
