//! Line ends and other people's words in every field that is forwarded, echoed or logged.

use serde_json::{Value, json};

use super::{Siege, good_body};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{NEARIQ, OPENAI, PAINTED, POSTEVERYWHERE, Reply, World};

/// What would be two more header fields and a body where line ends are believed.
const INJECTED: &str = "a\r\nX-Injected: yes\r\nSet-Cookie: a=b\r\n\r\n<script>";

fn is_clean(reply: &Reply, what: &str) {
    for name in ["x-injected", "set-cookie"] {
        assert!(!reply.headers.contains_key(name), "{what}: {:?}", reply.headers);
    }
    let kind = reply.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/json"), "{what} is shown as {kind}");
}

/// Puts it into one field, as what the field may be and as what it may not.
async fn inject(siege: &Siege, path: &str, field: &str) {
    for value in [json!(INJECTED), json!({INJECTED: INJECTED}), json!([INJECTED])] {
        let mut body = json!({"model": "paint", "prompt": "x", "size": "32x32"});
        body[field] = value;
        let reply = siege.world.post(path, &body).await;
        assert!(reply.status < 500, "{path} {body}: {}", reply.json());
        is_clean(&reply, &format!("{path} {field}"));
    }
}

/// Every line of a log must be one whole object.
fn log_is_whole(world: &mut World) {
    world.stop();
    for line in world.rest_of_log() {
        let parsed: Result<Value, _> = serde_json::from_str(&line);
        assert!(parsed.is_ok_and(|line| line.is_object()), "not one line: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn line_ends_in_fields_of_a_body_stay_in_them() {
    let mut siege = Siege::start().await;
    let fields = [
        "model",
        "prompt",
        "size",
        "quality",
        "style",
        "user",
        "background",
        "output_format",
        "response_format",
        "moderation",
        "aspect_ratio",
        "negative_prompt",
        "webhook",
        "webhook_url",
        "callback_url",
        "asset_key",
        "asset",
        "image_url",
        "metadata",
        "labels",
        "preset",
        "seed",
        "n",
    ];
    for path in [OPENAI, POSTEVERYWHERE, NEARIQ, "/v1/images", "/api/v1/generate"] {
        for field in fields {
            inject(&siege, path, field).await;
        }
        let named = json!({"model": "paint", "prompt": "x", INJECTED: "x"});
        is_clean(&siege.world.post(path, &named).await, path);
    }
    assert_eq!(siege.vendor.calls(), 0);
    siege.world.verify();
    log_is_whole(&mut siege.world);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_in_its_head_goes_no_further_than_it_should() {
    let mut siege = Siege::start().await;
    let long = "x".repeat(300);
    let fields = [
        ("idempotency-key", long.as_str(), 400),
        ("idempotency-key", "a\tb", 400),
        ("idempotency-key", "", 400),
        ("pixelgate-labels", "team=a%0d%0aX-Injected: yes; <script>", 200),
        ("x-request-id", "req_of_mine", 200),
        ("origin", "https://evil.example", 200),
        ("origin", "null", 200),
        ("x-forwarded-host", "evil.example", 200),
        ("x-forwarded-proto", "javascript", 200),
        ("forwarded", "for=1.1.1.1;host=evil.example", 200),
        ("x-http-method-override", "DELETE", 200),
        ("x-original-url", "/admin", 200),
        ("referer", "https://evil.example", 200),
        ("cookie", "session=1", 200),
        ("te", "trailers", 200),
    ];
    siege.world.cli(&["credits", "grant", &siege.world.workspace, "100"]);
    let body: Value = serde_json::from_str(&good_body()).unwrap();
    for (name, value, status) in fields {
        let reply = siege.world.post_with(OPENAI, &body, &[(name, value)]).await;
        let said = format!("{name}: {value} {:?} {}", reply.headers, reply.json());
        assert_eq!(reply.status, status, "{said}");
        assert!(!said.replacen(value, "", 1).contains("evil.example"), "{said}");
        assert_ne!(reply.header("x-request-id"), Some("req_of_mine"));
        is_clean(&reply, name);
        if status == 200 {
            let heard = siege.vendor.last().headers;
            assert!(!heard.contains_key(name), "the vendor was told {name}");
            assert!(
                !format!("{heard:?}").contains(&siege.world.key),
                "the vendor was told the key"
            );
        }
    }
    siege.world.verify();
    log_is_whole(&mut siege.world);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_vendor_says_becomes_no_head_of_ours() {
    let said = [
        Answers::Json(
            400,
            json!({"error": {"message": INJECTED, "code": INJECTED, "param": INJECTED}}),
        ),
        Answers::Json(500, json!({"error": {"message": INJECTED}})),
        Answers::Json(200, json!({"data": [{"url": INJECTED}]})),
        Answers::Json(200, json!({"data": [{"url": "http://127.0.0.1:1/\r\nX-Injected: yes"}]})),
        Answers::Raw(400, "text/html", b"<script>alert(1)</script>".to_vec()),
    ];
    for answers in said {
        let vendor = FakeVendor::start(answers).await;
        let policy = format!(
            "{PAINTED}\n{}[models.remote]\nprice = [{{ image = \"2\" }}]\n\
             offerings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
            vendor.policy("acme", "openai")
        );
        let mut world = World::with(&policy, "10", "");
        let body: Value = serde_json::from_str(&good_body()).unwrap();
        let reply = world.post(OPENAI, &body).await;
        assert!(reply.status >= 400, "{}", reply.json());
        is_clean(&reply, "a vendor's words");
        assert_eq!(world.available(), "10");
        world.verify();
        log_is_whole(&mut world);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_given_out_leads_to_the_host_that_was_asked() {
    let siege = Siege::with("public.url = \"https://pictures.example\"\n").await;
    let asked = json!({"model": "paint", "prompt": "x", "size": "32x32", "response_format": "url"});
    let headers = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-host", "evil.example"),
    ];
    let reply = siege.world.post_with(OPENAI, &asked, &headers).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    let address = reply.json()["data"][0]["url"].as_str().unwrap().to_owned();
    assert!(address.starts_with("https://pictures.example/media/"), "{address}");
}
