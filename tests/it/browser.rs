//! A page of another origin in a real browser, with the example that `ImageAPI` prints for browsers.

use std::path::Path;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::imageapi::planned;
use crate::node;
use crate::seeds::Seed;
use crate::vendor::spawn;
use crate::world::World;

/// The browser that `scripts/test` sees to.
const CHROMIUM: &str = "PIXELGATE_CHROMIUM";

/// An origin of its own: a port that serves pages.
struct Site {
    origin: String,
    listener: TcpListener,
}

impl Site {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { origin: format!("http://{}", listener.local_addr().unwrap()), listener }
    }

    /// Serves each page at its name.
    fn serve(self, pages: &[(&'static str, String)]) {
        let pages: Arc<[_]> = pages.into();
        spawn(async move {
            loop {
                let (stream, _) = self.listener.accept().await.unwrap();
                let pages = Arc::clone(&pages);
                let served = service_fn(move |asked| std::future::ready(found(&pages, &asked)));
                let connection = hyper::server::conn::http1::Builder::new();
                spawn(connection.serve_connection(TokioIo::new(stream), served));
            }
        });
    }
}

fn found(
    pages: &[(&str, String)],
    asked: &Request<Incoming>,
) -> Result<Response<Full<Bytes>>, http::Error> {
    let name = asked.uri().path().trim_start_matches('/');
    let page = pages.iter().find(|(of, _)| *of == name);
    let reply = Response::builder().status(if page.is_some() { 200 } else { 404 });
    let page = page.map(|(_, page)| page.clone()).unwrap_or_default();
    reply.header("content-type", "text/html; charset=utf-8").body(Full::new(page.into()))
}

/// A page that runs the printed example against this gateway, and shows what it is answered.
fn page(world: &World, key: &str) -> String {
    let example = Seed::open("003-imageapi").example("fetch.js", &world.public, key);
    include_str!("../node/page.html").replace("{example}", &example)
}

/// What each page comes to, opened one after the other.
fn open(visits: &[(&str, String)]) -> Vec<Value> {
    #[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
    let chromium = std::env::var(CHROMIUM)
        .unwrap_or_else(|_| panic!("{CHROMIUM} is not set; run this test by `scripts/test`"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&folder).unwrap();
    let mut args = vec![chromium.as_str(), folder.to_str().unwrap()];
    args.extend(visits.iter().flat_map(|(name, url)| [*name, url.as_str()]));
    let mut came_to = Vec::new();
    let script = node::start("browser.mjs", &args);
    node::must_be_good(script, |line| came_to.extend(serde_json::from_str::<Value>(line)));
    came_to
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_example_shows_its_picture_in_a_page_of_any_origin_or_of_the_listed_ones() {
    let (listed, other) = (Site::new().await, Site::new().await);
    let (shop, elsewhere) = (listed.origin.clone(), other.origin.clone());
    let policy = planned("") + "\n[plans.bare]\nmodels = [\"*\"]\nstorage = false\n";
    let by_default = World::with(&policy, "10", "");
    let strict = World::with(&policy, "10", &format!("public.cors_origins = [\"{shop}\"]\n"));
    let bare = by_default.new_key(&["--plan", "bare"]);
    listed.serve(&[("strict", page(&strict, &strict.key))]);
    other.serve(&[
        ("stored", page(&by_default, &by_default.key)),
        ("inline", page(&by_default, &bare)),
        ("strict", page(&strict, &strict.key)),
    ]);

    let visits = [
        ("stored", format!("{elsewhere}/stored")),
        ("inline", format!("{elsewhere}/inline")),
        ("listed", format!("{shop}/strict")),
        ("blocked", format!("{elsewhere}/strict")),
    ];
    let came_to = tokio::task::block_in_place(|| open(&visits));
    let [stored, inline, let_in, blocked] = &*came_to else { panic!("{came_to:#?}") };
    for (shown, starts) in [
        (stored, format!("{}/media/", by_default.public)),
        (inline, "data:image/png;base64,".to_owned()),
        (let_in, format!("{}/media/", strict.public)),
    ] {
        assert_eq!(shown["pixels"], json!([512, 512]), "{shown}");
        assert!(shown["src"].as_str().unwrap().starts_with(&starts), "{shown}");
        assert_eq!(shown["preflights"], json!(["OPTIONS /api/v1/generate"]));
        assert_eq!(
            (&shown["is_blocked"], &shown["said"]["type"]),
            (&json!(false), &json!("image/png"))
        );
        assert!(shown["said"]["request"].as_str().unwrap().starts_with("req_"), "{shown}");
    }
    assert_eq!(blocked["is_blocked"], true, "{blocked}");
    assert_eq!(blocked["said"]["failed"], "TypeError: Failed to fetch");
    assert_eq!(blocked["pixels"], json!([0, 0]));
    // The browser asked first, so nothing was drawn for the page that it blocked.
    assert_eq!(blocked["preflights"], json!(["OPTIONS /api/v1/generate"]));
    assert_eq!((by_default.available(), strict.available()), ("8".to_owned(), "9".to_owned()));
}
