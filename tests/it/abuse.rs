//! The gateway under abuse, in raw bytes: each attack has a clear end, reaches no vendor, costs
//! nothing, and leaves a gateway that serves. `docs/security.md` lists them by name.

mod bodies;
mod fields;
mod frames;
mod framing;
mod http2;
mod secrets;
mod slow;
mod targets;
mod unread;

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, PAINTED, World};

/// How long an answer or the end of a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway to be attacked, with ten credits, and the vendor behind it.
struct Siege {
    world: World,
    vendor: FakeVendor,
}

impl Siege {
    async fn start() -> Self {
        Self::with("").await
    }

    /// The same, with this on top of the default config.
    async fn with(config: &str) -> Self {
        let vendor = FakeVendor::start(Answers::OpenAi).await;
        let open = PAINTED
            .replace("show_offering = true", "show_offering = true\npassthrough = [\"acme\"]");
        let policy = format!(
            "{open}\n{}passthrough = [{{ method = \"POST\", path = \"/v1/*\", price = \"2\", cost = \"1\" }}]\n\
             [models.remote]\nprice = [{{ image = \"2\" }}]\n\
             offerings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
            vendor.policy("acme", "openai")
        );
        Self { world: World::with(&policy, "10", config), vendor }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.world.public.strip_prefix("http://").unwrap()).await.unwrap()
    }

    /// The head of a request for a picture, with these lines at its end.
    fn head(&self, lines: &str) -> String {
        self.head_of("POST", OPENAI, lines)
    }

    fn head_of(&self, method: &str, target: &str, lines: &str) -> String {
        let key = &self.world.key;
        format!(
            "{method} {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n{lines}\r\n"
        )
    }

    /// A request that would be served and paid for.
    fn good(&self) -> String {
        let body = good_body();
        self.head(&format!("Content-Length: {}\r\n", body.len())) + &body
    }

    /// Everything that is said on one connection until the gateway ends it.
    async fn to_the_end(&self, bytes: impl AsRef<[u8]>) -> Said {
        let mut stream = self.connect().await;
        // The gateway may have hung up before all was written.
        let _ = stream.write_all(bytes.as_ref()).await;
        read_to_end(&mut stream).await
    }

    /// Waits until the metrics have this line.
    async fn metric(&self, line: &str) {
        has_metric(&self.world, line).await;
    }

    /// Must be as before the attack: nothing asked, nothing paid; and a request is still served.
    async fn stands(&self) {
        self.stands_having_served(0).await;
    }

    /// The same after so many requests that were served and paid for.
    async fn stands_having_served(&self, served: usize) {
        self.metric("pixelgate_holds_open 0").await;
        assert_eq!(self.vendor.calls(), served, "the vendor was asked");
        assert_eq!(self.world.available(), (10 - 2 * served).to_string());
        let asked = json!({"model": "remote", "prompt": "a fox", "size": "64x64"});
        let reply = self.world.post(OPENAI, &asked).await;
        assert_eq!(reply.status, 200, "no longer serves: {}", reply.json());
        self.world.verify();
    }
}

async fn has_metric(world: &World, line: &str) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while !world.metrics().await.contains(line) {
        assert!(tokio::time::Instant::now() < until, "{line} does not come");
        tokio::task::yield_now().await;
    }
}

fn good_body() -> String {
    json!({"model": "remote", "prompt": "a fox", "size": "64x64"}).to_string()
}

/// What was said on a connection.
#[derive(Debug)]
struct Said(String);

impl Said {
    /// The statuses of all answers, interim ones too.
    fn statuses(&self) -> Vec<&str> {
        let starts = self.0.match_indices("HTTP/1.1 ");
        starts
            .map(|(at, start)| self.0.get(at + start.len()..at + start.len() + 3).unwrap())
            .collect()
    }
}

async fn read_to_end(stream: &mut TcpStream) -> Said {
    let mut said = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let read = tokio::time::timeout_at(until, stream.read(&mut buffer)).await;
        let Ok(read) = read else {
            panic!("not ended: {}", String::from_utf8_lossy(&said));
        };
        // A reset, because something was left unread, is an end too.
        let count = read.unwrap_or(0);
        if count == 0 {
            return Said(String::from_utf8_lossy(&said).into_owned());
        }
        said.extend_from_slice(&buffer[..count]);
    }
}

/// One whole answer with a length, and the connection left as it is.
async fn read_answer(stream: &mut TcpStream) -> Said {
    let mut said = Vec::new();
    let mut buffer = vec![0; 16 << 10];
    let until = tokio::time::Instant::now() + PATIENCE;
    while !is_whole(&said) {
        let read = tokio::time::timeout_at(until, stream.read(&mut buffer)).await;
        let count = read.expect("an answer comes").unwrap_or(0);
        assert!(count > 0, "ended early: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&buffer[..count]);
    }
    Said(String::from_utf8_lossy(&said).into_owned())
}

fn is_whole(said: &[u8]) -> bool {
    let text = String::from_utf8_lossy(said).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| body.len() >= length.trim().parse().unwrap_or(usize::MAX))
}
