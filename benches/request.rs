//! The whole path over loopback against a vendor that answers at once, beside the same call made
//! straight to that vendor. The difference is what the gateway adds; the store on a memory-backed
//! folder shows it without the two disk syncs.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should stop")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use pixelgate::admin::Admin;
use pixelgate::auth::Mode;
use pixelgate::clock::SystemClock;
use pixelgate::config::Config;
use pixelgate::credits::Credits;
use pixelgate::edge::{Edge, Socket};
use pixelgate::gateway::{Gateway, Hands};
use pixelgate::id::GrantId;
use pixelgate::ledger::NewGrant;
use pixelgate::media::Media;
use pixelgate::painter::Painter;
use pixelgate::reload::LivePolicy;
use pixelgate::store::{NewKey, Store};
use pixelgate::telemetry::Telemetry;
use pixelgate::upstream::Upstream;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const ASKED: &str = r#"{"model": "remote", "prompt": "a fox", "size": "1024x1024"}"#;

/// A vendor that answers at once, with about this much base64.
async fn vendor(picture_bytes: usize) -> SocketAddr {
    // The start of a real PNG; what follows is never decoded in passing.
    let mut picture = String::from("iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU");
    picture.push_str(&"A".repeat(picture_bytes.next_multiple_of(4)));
    let answer = Bytes::from(format!(r#"{{"created":1,"data":[{{"b64_json":"{picture}"}}]}}"#));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let answer = answer.clone();
            let service = service_fn(move |request| reply(request, answer.clone()));
            spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new();
                // The client may hang up when it likes.
                let _ = connection.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn reply(
    request: Request<Incoming>,
    body: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // A vendor reads what it is sent.
    let _ = request.into_body().collect().await;
    let response = Response::builder().header("content-type", "application/json");
    Ok(response.body(Full::new(body)).unwrap())
}

#[expect(clippy::disallowed_methods, reason = "a bench's fake vendor ends with its runtime")]
fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

/// A policy with everything on, in a folder below this one.
fn policies(folder: &Path, vendor: SocketAddr) -> PathBuf {
    let policies = folder.join("policies");
    std::fs::create_dir_all(&policies).unwrap();
    let policy = format!(
        r#"
[vendors.remote]
dialect = "openai"
base_url = "http://{vendor}/v1"
[models.remote]
price = [{{ image = "0.000001" }}]
offerings = [{{ vendor = "remote", sizes = ["1024x1024"], cost = [{{ image = "0" }}] }}]
[plans.bench]
models = ["*"]
limits = [{{ name = "a", requests = 1000000000, per = "5m" }}, {{ name = "b", requests = 1000000000, per = "1h" }}]
quotas = [{{ name = "day", images = 1000000000, per = "day" }}]
concurrency_max = 1000
"#
    );
    std::fs::write(policies.join("bench.toml"), policy).unwrap();
    policies
}

/// A gateway in front of that vendor, its books in `folder`; returns its address and a key.
async fn gateway(folder: &Path, vendor: SocketAddr) -> (SocketAddr, String, Edge) {
    let policies = policies(folder, vendor);
    let clock = Arc::new(SystemClock::start());
    let store = Store::open(folder, Arc::clone(&clock) as _).unwrap();
    let workspace = store.create_workspace("bench".to_owned()).await.unwrap();
    let grant = NewGrant {
        id: GrantId::random(),
        workspace: workspace.clone(),
        amount: Credits::from_whole(1_000_000).unwrap(),
        source: "manual".to_owned(),
        priority: 0,
        promotional: false,
        effective_at_ms: 0,
        expires_at_ms: None,
        memo: String::new(),
    };
    store.grant(grant).await.unwrap();
    let new = NewKey {
        workspace,
        name: String::new(),
        plan: "bench".to_owned(),
        scopes: vec!["*".to_owned()],
        mode: Mode::Live,
        expires_at_ms: None,
        prefix: None,
        joins_repeats: false,
    };
    let (_, key) = store.create_key(new).await.unwrap();
    let config = Config::defaults().unwrap();
    let hands = Hands {
        policy: Arc::new(LivePolicy::load(&policies).unwrap()),
        store,
        upstream: Arc::new(Upstream::new(Painter::new(1).into_vendor(), Arc::clone(&clock) as _)),
        media: Media::open(&config.library, folder, 1).unwrap(),
        telemetry: Telemetry::new(0).unwrap(),
        jobs: config.jobs,
        input_pictures: config.input_pictures,
        limits: config.limits,
        turnstile: Arc::default(),
        webhooks: config.webhooks,
        watchdog: config.watchdog,
    };
    let gateway = Gateway::new(clock, hands);
    let [public, admin] = [(); 2].map(|()| Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap());
    let address = public.address();
    let api = Arc::new(Admin::new(Arc::clone(&gateway), Config::defaults().unwrap()));
    let edge = Edge::start(&gateway, &config.public, public, (admin, api)).unwrap();
    (address, key, edge)
}

async fn call(client: &reqwest::Client, url: &str, key: &str) {
    let request = client.post(url).header("authorization", format!("Bearer {key}"));
    let request = request.header("content-type", "application/json").body(ASKED);
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    let _ = response.bytes().await.unwrap();
}

fn one_client(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for (name, bytes) in [("1 KiB", 1 << 10), ("2 MiB", 2 << 20)] {
        let mut group = criterion.benchmark_group(format!("one client, {name} answer"));
        let vendor = runtime.block_on(vendor(bytes));
        let client = reqwest::Client::new();
        let direct = format!("http://{vendor}/v1/images/generations");
        group.bench_function("straight to the vendor", |bencher| {
            bencher.iter(|| runtime.block_on(call(&client, &direct, "none")));
        });
        // Where there is no memory-backed folder, both run on the disk and say the same.
        let memory = Path::new("/dev/shm");
        let memory = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        for (name, place) in [
            ("through the gateway, books in memory", memory),
            ("through the gateway, books on disk", std::env::temp_dir()),
        ] {
            let folder = tempfile::tempdir_in(place).unwrap();
            let (address, key, edge) = runtime.block_on(gateway(folder.path(), vendor));
            let url = format!("http://{address}/v1/images/generations");
            group.bench_function(name, |bencher| {
                bencher.iter(|| runtime.block_on(call(&client, &url, &key)));
            });
            edge.stop();
            runtime.block_on(edge.finish(std::time::Duration::from_secs(1)));
        }
        group.finish();
    }
}

criterion_group!(benches, one_client);
criterion_main!(benches);
