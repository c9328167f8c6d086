//! Answers that nobody reads, asked for again and again at no charge: what is kept is not drawn anew,
//! so it must not be what fills our memory.

use serde_json::json;

use super::Siege;
use super::frames::{DATA, END_HEADERS, END_STREAM, Frames, HEADERS, field, frame, setting};
use super::slow::large_picture;
use crate::jobs::ended;
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World, read};

/// Room for all answers: half of it, two million bytes, is for what is kept.
const ROOM: &str = "public.answers_in_flight_bytes_max = \"4MiB\"\n";

const LENT_MAX: i64 = 2 << 20;

/// A gateway with little room, whose vendor draws pictures of one million bytes.
async fn besieged() -> Siege {
    let vendor = FakeVendor::start(Answers::Json(200, large_picture(608))).await;
    let policy = format!(
        "{PAINTED}\n{}[models.remote]\nprice = [{{ image = \"2\" }}]\n\
         offerings = [{{ vendor = \"acme\", sizes = [\"608x608\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    Siege { world: World::with(&policy, "10", ROOM), vendor }
}

fn asked() -> serde_json::Value {
    json!({"model": "remote", "prompt": "x", "size": "608x608"})
}

/// A request with this method, path, fields and body, from a client that never opens a window.
struct Unread {
    head: Vec<u8>,
    body: String,
}

impl Unread {
    fn new(method: &str, path: &str, fields: &[(&str, &str)], body: String) -> Self {
        let usual =
            [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)];
        let head = usual.iter().chain(fields).flat_map(|(name, value)| field(name, value));
        Self { head: head.collect(), body }
    }

    /// Sends it so often, a hundred times on each connection; how many were served, and the
    /// connections, which hold what they hold until they are dropped.
    async fn sent(&self, siege: &Siege, times: u32) -> (u32, Vec<Frames>) {
        let (mut served, mut connections) = (0, Vec::new());
        for first in (0..times).step_by(100) {
            // Setting 4 is how much may be sent on a stream before the client allows more.
            let mut frames = Frames::open(siege, &setting(4, 0)).await;
            let count = (times - first).min(100);
            for n in 0..count {
                assert!(frames.send_raw(&self.on_stream(2 * n + 1)).await);
            }
            served += frames.served_of(count).await;
            connections.push(frames);
        }
        (served, connections)
    }

    fn on_stream(&self, id: u32) -> Vec<u8> {
        if self.body.is_empty() {
            return frame(HEADERS, END_HEADERS | END_STREAM, id, &self.head);
        }
        let head = frame(HEADERS, END_HEADERS, id, &self.head);
        [head, frame(DATA, END_STREAM, id, self.body.as_bytes())].concat()
    }
}

/// What answers take up now, by the gateway's own account.
async fn in_flight(siege: &Siege) -> i64 {
    let metrics = siege.world.metrics().await;
    let line = metrics.lines().find(|line| line.starts_with("pixelgate_answers_in_flight_bytes "));
    line.unwrap().split_whitespace().last().unwrap().parse().unwrap()
}

/// Must hold no more than is lent, refuse the rest, still serve who pays, and give all of it back.
async fn must_be_bounded(siege: &Siege, unread: &Unread, times: u32, most: u32) {
    let (served, connections) = unread.sent(siege, times).await;
    assert!((1..=most).contains(&served), "{served} of {times} were served");
    let held = in_flight(siege).await;
    assert!((1..=LENT_MAX).contains(&held), "{held} bytes are held");
    let met = "pixelgate_bounds_met_total{bound=\"answers_in_flight_bytes_max\"}";
    siege.metric(&format!("{met} {}", times - served)).await;
    // Refusals are not read either, and have nobody's place.
    siege.metric(&format!("pixelgate_in_flight_requests {served}")).await;
    assert_eq!(siege.world.post(OPENAI, &asked()).await.status, 200, "who pays is served");
    drop(connections);
    siege.metric("pixelgate_answers_in_flight_bytes 0").await;
    siege.metric("pixelgate_in_flight_requests 0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_nobody_reads_takes_up_one_slice_of_itself() {
    let siege = besieged().await;
    let mut by_address = asked();
    by_address["response_format"] = json!("url");
    let kept = siege.world.post(OPENAI, &by_address).await.json();
    let url = kept["data"][0]["url"].as_str().unwrap();
    let unread =
        Unread::new("GET", url.strip_prefix(&siege.world.public).unwrap(), &[], String::new());
    must_be_bounded(&siege, &unread, 200, 8).await;
    let whole = read(siege.world.client.get(url)).await;
    assert_eq!(whole.status, 200);
    image::load_from_memory(&whole.bytes).expect("all slices are there, in their order");
    let part = read(siege.world.client.get(url).header("range", "bytes=300000-900000")).await;
    assert_eq!((part.status, &*part.bytes), (206, &whole.bytes[300_000..=900_000]));
    siege.world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_that_nobody_reads_has_room_or_is_refused() {
    let siege = besieged().await;
    let named = [("idempotency-key", "again")];
    let first = siege.world.post_with(OPENAI, &asked(), &named).await;
    assert_eq!(first.status, 200);
    let shown = format!("Bearer {}", siege.world.key);
    let fields = [
        ("authorization", &*shown),
        ("content-type", "application/json"),
        ("idempotency-key", "again"),
    ];
    let unread = Unread::new("POST", OPENAI, &fields, asked().to_string());
    must_be_bounded(&siege, &unread, 20, 1).await;
    let again = siege.world.post_with(OPENAI, &asked(), &named).await;
    assert_eq!((again.status, again.bytes), (200, first.bytes));
    assert_eq!((siege.vendor.calls(), siege.world.available().as_str()), (2, "6"));
    siege.world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_a_job_that_nobody_reads_has_room_or_is_refused() {
    let siege = besieged().await;
    let later = [("prefer", "respond-async")];
    let accepted = siege.world.post_with(OPENAI, &asked(), &later).await;
    let id = accepted.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(ended(&siege.world, &id).await["status"], "completed");
    let shown = format!("Bearer {}", siege.world.key);
    let path = format!("/v1/jobs/{id}");
    let unread = Unread::new("GET", &path, &[("authorization", &*shown)], String::new());
    must_be_bounded(&siege, &unread, 20, 1).await;
    assert_eq!(ended(&siege.world, &id).await["status"], "completed");
    siege.world.verify();
}
