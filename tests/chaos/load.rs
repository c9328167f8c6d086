//! Clients that ask for pictures, each call under a number of its own, and remember what they were
//! told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::world::{OPENAI, World};

/// Longer than any call may take, come what may: the longest patience with a shared store is 45 s.
const LATE: Duration = Duration::from_mins(1);

/// What came of one call, as its client saw it.
#[derive(Debug)]
pub(crate) struct Told {
    /// The status; `None` when the connection ended first.
    pub(crate) status: Option<u16>,
    /// The request's name.
    pub(crate) request: Option<String>,
}

/// Clients at work.
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    in_flight: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<Told>>>,
}

impl Load {
    /// So many clients at each of these gateways. One whose gateway is gone asks no more.
    pub(crate) fn on<'a>(worlds: impl IntoIterator<Item = &'a World>, clients: usize) -> Self {
        let (is_over, in_flight) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let begin = |world: &World| {
            let request = world
                .client
                .post(format!("{}{OPENAI}", world.public))
                .bearer_auth(&world.key)
                .timeout(LATE * 2);
            let (is_over, in_flight) = (Arc::clone(&is_over), Arc::clone(&in_flight));
            crate::vendor::spawn(ask_on_and_on(request, is_over, in_flight))
        };
        let all = worlds.into_iter().flat_map(|world| std::iter::repeat_n(world, clients));
        let clients = all.map(begin).collect();
        Self { is_over, in_flight, clients }
    }

    /// Calls that wait for their answers.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Nobody asks anew; what everyone was told.
    pub(crate) async fn end(self) -> Vec<Told> {
        self.is_over.store(true, Ordering::SeqCst);
        let mut told = Vec::new();
        for client in self.clients {
            told.extend(client.await.unwrap());
        }
        told
    }
}

/// A number that no other call of this run has.
fn next_call() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::SeqCst) + 1
}

async fn ask_on_and_on(
    request: reqwest::RequestBuilder,
    is_over: Arc<AtomicBool>,
    in_flight: Arc<AtomicUsize>,
) -> Vec<Told> {
    let mut all = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let call = next_call();
        let asked = json!({"model": "remote", "prompt": call.to_string(), "size": "64x64"});
        let request = request.try_clone().unwrap();
        let request = request.header("pixelgate-labels", format!("call={call}")).json(&asked);
        in_flight.fetch_add(1, Ordering::SeqCst);
        let told = ask(call, request).await;
        in_flight.fetch_sub(1, Ordering::SeqCst);
        let is_gone = told.status.is_none();
        // Who is refused at once would else ask as fast as it can.
        let is_refused = told.status != Some(200);
        all.push(told);
        if is_gone {
            break;
        }
        if is_refused {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    all
}

/// One call. An answer counts once all of it is here.
async fn ask(call: u64, request: reqwest::RequestBuilder) -> Told {
    let began = Instant::now();
    let answered = async {
        let reply = request.send().await.ok()?;
        let status = reply.status().as_u16();
        let named = reply.headers().get("x-request-id");
        let named = named.and_then(|name| name.to_str().ok()).map(str::to_owned);
        reply.bytes().await.ok()?;
        Some((status, named))
    };
    let answered = answered.await;
    assert!(began.elapsed() < LATE, "call {call} hung for {:?}", began.elapsed());
    let (status, request) = answered.unzip();
    Told { status, request: request.flatten() }
}
