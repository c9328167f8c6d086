//! Pictures that requests name instead of sending: fetched from where policy lets them be, or taken
//! from the media library; every no names the field and costs nothing.

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor, TlsVendor, png};
use crate::world::{PAINTED, Reply, World, from_base64};

mod gallery;
mod jobs;
mod own;
mod priced;

use gallery::{Gallery, answer_of, sent_to};

const EDITS: &str = "/v1/images/edits";

/// The painter, which draws over pictures, under what `more` says.
fn painting(more: &str) -> String {
    let can = "inputs_max = 16, can = [\"mask\", ";
    format!("{}\n{more}", PAINTED.replace("can = [", can))
}

fn picture(width: u32, height: u32) -> Vec<u8> {
    from_base64(&json!(png(width, height)))
}

fn edit(image: &str) -> Value {
    json!({"model": "paint", "prompt": "a fox", "size": "64x64", "images": [{"image_url": image}]})
}

async fn edited(world: &World, image: &str) -> Reply {
    world.post(EDITS, &edit(image)).await
}

/// The words of a no in OpenAI's form, which must name the field of the first picture.
fn no(reply: &Reply) -> String {
    let error = &reply.json()["error"];
    assert_eq!(reply.status, 400, "{error}");
    assert_eq!(error["param"], "images[0].image_url", "{error}");
    error["message"].as_str().unwrap().to_owned()
}

/// A vendor that takes pictures in JSON, so that it shows what it was sent.
async fn gemini(more: &str) -> (World, FakeVendor) {
    let vendor = FakeVendor::start(Answers::Gemini).await;
    let policy = format!(
        "{PAINTED}\n{}\n{more}\n[models.m]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", \
         model = \"gemini-3-pro-image\", ratios = {{ \"1:1\" = \"1024x1024\" }}, inputs_max = 14, \
         cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "gemini")
    );
    (World::with(&policy, "20", ""), vendor)
}

/// The pictures that the vendor was sent last, as base64.
fn sent(vendor: &FakeVendor) -> Vec<String> {
    let body = vendor.last().body;
    let parts = body["contents"][0]["parts"].as_array().unwrap();
    let pictures = parts.iter().filter_map(|part| part["inlineData"]["data"].as_str());
    pictures.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_dialect_that_has_addresses_the_vendor_is_sent_what_lies_there() {
    let gallery = Gallery::of_one(&picture(48, 32)).await;
    let (world, vendor) = gemini(&gallery.policy()).await;
    let (here, there) = (png(64, 64), gallery.url("/a.png"));
    let openai = json!({"model": "m", "prompt": "a fox", "images": [
        {"image_url": format!("data:image/png;base64,{here}")}, {"image_url": there}]});
    let google = json!({"contents": [{"parts": [{"text": "a fox"},
        {"inlineData": {"mimeType": "image/png", "data": here}},
        {"fileData": {"mimeType": "image/png", "fileUri": there}}]}]});
    let reference =
        |image: Value| json!({"referenceType": "REFERENCE_TYPE_RAW", "referenceImage": image});
    let imagen = json!({"instances": [{"prompt": "a fox", "referenceImages": [
        reference(json!({"bytesBase64Encoded": here})), reference(json!({"gcsUri": there}))]}],
        "parameters": {"sampleCount": 1}});
    for (path, body) in [
        (EDITS, openai),
        ("/v1beta/models/m:generateContent", google),
        ("/v1beta/models/m:predict", imagen),
    ] {
        let request = world.client.post(format!("{}{path}", world.public)).body(body.to_string());
        let request = request.header("content-type", "application/json");
        let request = if path == EDITS {
            request.header("authorization", format!("Bearer {}", world.key))
        } else {
            request.header("x-goog-api-key", &world.key)
        };
        let reply = crate::world::read(request).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.json());
        assert_eq!(sent(&vendor), [here.clone(), png(48, 32)], "{path}");
    }
    assert_eq!((gallery.calls(), world.available().as_str()), (3, "14"));
    let head = gallery.last_head();
    assert!(!head.contains("authorization") && !head.contains("cookie"), "{head}");
    assert!(
        world.metrics().await.contains("pixelgate_input_pictures_total{outcome=\"fetched\"} 3")
    );
    assert!(world.metrics().await.contains("pixelgate_input_pictures_bytes 0"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_may_be_named_too_and_keeps_what_it_covers() {
    let gallery = Gallery::of_one(&picture(64, 64)).await;
    let world = World::with(&painting(&gallery.policy()), "10", "");
    let mut body = edit(&gallery.url("/a.png"));
    // Opaque everywhere: nothing is painted over.
    body["mask"] = json!({"image_url": gallery.url("/a.png")});
    let reply = world.post(EDITS, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let drawn = from_base64(&reply.json()["data"][0]["b64_json"]);
    let drawn = image::load_from_memory(&drawn).unwrap().to_rgb8();
    assert!(drawn.pixels().all(|pixel| pixel.0 == [90, 120, 160]));
}

#[tokio::test(flavor = "multi_thread")]
async fn unless_policy_lists_hosts_nothing_is_fetched_and_the_no_names_the_setting() {
    let gallery = Gallery::of_one(&picture(64, 64)).await;
    let world = World::with(&painting(""), "10", "");
    let said = no(&edited(&world, &gallery.url("/a.png")).await);
    assert!(said.contains("input_pictures.hosts"), "{said}");
    let refused = edited(&world, &gallery.url("/a.png")).await;
    assert_eq!(refused.json()["error"]["code"], "unsupported_value");
    assert_eq!((gallery.calls(), world.available().as_str()), (0, "10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_addresses_reach_nobody_even_where_every_host_is_listed() {
    let secret = Gallery::of_one(&picture(64, 64)).await;
    let port = secret.address.port();
    let every = format!("\"*\", \"*:{port}\", \"http://*:{port}\", \"http://*\"");
    let policy = painting(&format!("[input_pictures]\nhosts = [{every}]\n"));
    let world = World::with(&policy, "10", "");
    for address in [
        format!("http://127.0.0.1:{port}/a.png"),
        format!("http://2130706433:{port}/a.png"),
        format!("http://0177.0.0.1:{port}/a.png"),
        format!("http://0x7f000001:{port}/a.png"),
        format!("http://127.1:{port}/a.png"),
        format!("http://127.0.0.1.:{port}/a.png"),
        format!("http://[::1]:{port}/a.png"),
        format!("http://[::ffff:127.0.0.1]:{port}/a.png"),
        format!("http://[64:ff9b::7f00:1]:{port}/a.png"),
        format!("http://0.0.0.0:{port}/a.png"),
        format!("http://localhost:{port}/a.png"),
        format!("http://LOCALHOST.:{port}/a.png"),
        format!("http://example.com@127.0.0.1:{port}/a.png"),
        format!("http://example.com:pw@localhost:{port}/a.png"),
        format!("http://\u{24db}ocalhost:{port}/a.png"),
        format!("http://127\u{3002}0\u{3002}0\u{3002}1:{port}/a.png"),
        format!("http:\\\\localhost:{port}\\a.png"),
        format!("http://localhost:{port}\n/a.png"),
        format!("http:///localhost:{port}/a.png"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://xn--/a.png".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("gopher://localhost:{port}/a.png"),
        format!("//localhost:{port}/a.png"),
    ] {
        let said = no(&edited(&world, &address).await);
        assert!(!said.contains("inside") && !said.contains("network"), "{address}: {said}");
        assert_eq!(secret.calls(), 0, "{address} was fetched");
    }
    assert_eq!(world.available(), "10");
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_followed_within_the_list_and_never_out_of_it() {
    let secret = Gallery::of_one(&picture(64, 64)).await;
    let to_secret = sent_to(&secret.url("/a.png"));
    let to_localhost = sent_to(&format!("http://localhost:{}/a.png", secret.address.port()));
    let gallery = Gallery::holding(vec![
        ("/a.png", answer_of(200, "image/png", &picture(64, 64))),
        ("/moved", sent_to("/a.png")),
        ("/around", sent_to("/around")),
        ("/secret", to_secret),
        ("/localhost", to_localhost),
        ("/file", sent_to("file:///etc/passwd")),
    ])
    .await;
    let world = World::with(&painting(&gallery.policy()), "10", "");
    let moved = edited(&world, &gallery.url("/moved")).await;
    assert_eq!(moved.status, 200, "{}", moved.json());
    for path in ["/around", "/secret", "/localhost", "/file"] {
        let said = no(&edited(&world, &gallery.url(path)).await);
        assert!(said.contains("cannot be reached"), "{path}: {said}");
    }
    assert_eq!((secret.calls(), world.available().as_str()), (0, "9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fetched_must_be_a_picture_within_bounds_and_in_time() {
    let mut bomb = picture(8, 8);
    bomb[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    let unannounced = [
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n10000\r\n".as_slice(),
        &vec![b'a'; 0x10000],
    ]
    .concat();
    let gallery = Gallery::holding(vec![
        ("/page", answer_of(200, "image/png", b"<html>sorry</html>")),
        ("/empty", answer_of(200, "image/png", b"")),
        ("/gif", answer_of(200, "image/gif", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;")),
        ("/bomb", answer_of(200, "image/png", &bomb)),
        ("/large", answer_of(200, "image/png", &vec![0; 40_000])),
        ("/unannounced", unannounced),
        ("/denied", answer_of(403, "image/png", &picture(8, 8))),
        ("/slow", b"HTTP/1.1 200 X\r\ncontent-length: 500\r\n\r\n\x89PNG".to_vec()),
        ("/silent", Vec::new()),
    ])
    .await;
    let bounds = "bytes_max = \"32KiB\"\ntimeout = \"500ms\"\n";
    let world = World::with(&painting(&(gallery.policy() + bounds)), "10", "");
    for (path, expected) in [
        ("/page", "must name a picture in png, jpeg, webp"),
        ("/empty", "must name a picture"),
        ("/gif", "must name a picture"),
        ("/bomb", "pixels"),
        ("/large", "may have 32768 bytes"),
        ("/unannounced", "may have 32768 bytes"),
        ("/denied", "status 403"),
        ("/nothing", "status 404"),
        ("/slow", "did not answer in time"),
        ("/silent", "did not answer in time"),
    ] {
        let said = no(&edited(&world, &gallery.url(path)).await);
        assert!(said.contains(expected), "{path}: {said}");
    }
    assert_eq!(world.available(), "10");
    let metrics = world.metrics().await;
    for (outcome, count) in [("no_picture", 3), ("too_large", 3), ("unreached", 2), ("late", 2)] {
        let line = format!("pixelgate_input_pictures_total{{outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&line), "{line}");
    }
    assert!(metrics.contains("pixelgate_input_pictures_bytes 0"));
    world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_only_whom_an_authority_vouches_for_is_asked() {
    let (place, other) = (TlsVendor::start(&[b"http/1.1"]).await, TlsVendor::start(&[b"h2"]).await);
    let address = format!("https://localhost:{}", place.port);
    let policy = painting(&format!("[input_pictures]\ninside_hosts = [\"{address}\"]\n"));
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    // It answers with JSON, so what is refused when it is trusted is what it answers.
    for (trusted, expected) in
        [(&place.authority, "must name a picture"), (&other.authority, "cannot be reached")]
    {
        std::fs::write(&authority, trusted).unwrap();
        let trusted = authority.display().to_string();
        let world = World::with_environment(&policy, "10", "", &[("SSL_CERT_FILE", &trusted)]);
        let said = no(&edited(&world, &format!("{address}/a.png")).await);
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_counts_in_windows_and_what_was_not_does_not() {
    let gallery = Gallery::of_one(&picture(64, 64)).await;
    let limited = painting(&gallery.policy()).replace(
        "models = [\"*\"]",
        "models = [\"*\"]\nlimits = [{ name = \"minute\", requests = 1, per = \"1m\" }]",
    );
    let world = World::with(&limited, "10", "");
    for _ in 0..3 {
        let said = no(&edited(&world, "https://elsewhere.example/a.png").await);
        assert!(said.contains("https://elsewhere.example"), "{said}");
    }
    no(&edited(&world, &gallery.url("/nothing")).await);
    assert_eq!(edited(&world, &gallery.url("/a.png")).await.status, 429);
    assert_eq!((gallery.calls(), world.available().as_str()), (1, "10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_fetched_pictures_have_a_bound_in_memory() {
    let gallery = Gallery::of_one(&picture(64, 64)).await;
    let config = "[input_pictures]\nin_flight_bytes_max = \"1MiB\"\n";
    let world = World::with(&painting(&gallery.policy()), "10", config);
    let reply = edited(&world, &gallery.url("/a.png")).await;
    assert_eq!((reply.status, gallery.calls()), (503, 0), "{}", reply.json());
    let bound = "pixelgate_bounds_met_total{bound=\"input_pictures.in_flight_bytes_max\"} 1";
    assert!(world.metrics().await.contains(bound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_and_a_repeat_fetch_nothing() {
    let gallery = Gallery::of_one(&picture(64, 64)).await;
    let world = World::with(&painting(&gallery.policy()), "10", "");
    let asked = edit(&gallery.url("/a.png")).to_string();
    let quoted =
        json!({"dialect": "openai", "path": EDITS, "request": edit(&gallery.url("/a.png"))});
    let quoted = world.post("/v1/quote", &quoted).await.json();
    assert_eq!((&quoted["price"], gallery.calls()), (&json!("1"), 0), "{quoted}");
    for _ in 0..2 {
        let request = world
            .client
            .post(format!("{}{EDITS}", world.public))
            .header("authorization", format!("Bearer {}", world.key))
            .header("content-type", "application/json")
            .header("idempotency-key", "one")
            .body(asked.clone());
        assert_eq!(crate::world::read(request).await.status, 200);
    }
    assert_eq!((gallery.calls(), world.available().as_str()), (1, "9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_fetched_is_a_request_but_spends_nothing_of_a_window() {
    let gallery = Gallery::of_one(&picture(64, 64)).await;
    let limits = "limits = [{ name = \"spend\", credits = \"1\", per = \"1h\" }, \
                  { name = \"calls\", requests = 4, per = \"1h\" }]";
    let policy = painting(&gallery.policy()).replace("concurrency_max = 1000", limits);
    let world = World::with(&policy, "10", "");
    for _ in 0..3 {
        no(&edited(&world, &gallery.url("/nothing")).await);
    }
    assert_eq!(edited(&world, &gallery.url("/a.png")).await.status, 200);
    let state = edited(&world, &gallery.url("/a.png")).await;
    assert_eq!((state.status, gallery.calls()), (429, 4));
    let left = state.header("ratelimit").unwrap();
    assert!(left.contains("\"spend\";r=0") && left.contains("\"calls\";r=0"), "{left}");
    world.verify();
}
