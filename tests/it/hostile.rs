//! A vendor that answers badly, by mistake or on purpose: the right fault, within bounds, and
//! nothing to pay.

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor, png};
use crate::world::{OPENAI, PAINTED, Reply, World, dimensions, from_base64};

async fn world(answers: Answers, vendor_policy: &str) -> (World, FakeVendor) {
    let vendor = FakeVendor::start(answers).await;
    let policy = format!(
        "{PAINTED}\n{}{vendor_policy}\n[models.remote]\nprice = [{{ image = \"2\" }}]\nofferings = [{{ vendor = \"acme\", sizes = [\"64x64\"], cost = [{{ image = \"1\" }}] }}]\n",
        vendor.policy("acme", "openai")
    );
    (World::with(&policy, "10", ""), vendor)
}

async fn ask(world: &World) -> Reply {
    world.post(OPENAI, &json!({"model": "remote", "prompt": "a fox", "size": "64x64"})).await
}

/// The code of the no that an app hears, and what our log says about the vendor.
async fn no(answers: Answers, vendor_policy: &str) -> (u16, String) {
    let (world, _vendor) = world(answers, vendor_policy).await;
    let reply = ask(&world).await;
    let line = world.log_line("an attempt failed");
    assert_eq!(world.available(), "10", "{line}");
    world.verify();
    (reply.status, line)
}

fn drawn(base64: &str) -> Value {
    json!({ "created": 1, "data": [{ "b64_json": base64 }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_never_passed_on() {
    let whole = png(64, 64);
    let (cut, _) = whole.split_at(whole.len() - 3);
    let cases = [
        ("base64 that is cut off", Answers::Json(200, drawn(cut))),
        ("base64 that ends in something else", Answers::Json(200, drawn(&format!("{whole}<>")))),
        ("words", Answers::Json(200, drawn("there is no picture today"))),
        ("a page for people", Answers::Raw(200, "text/html", b"<html>sorry</html>".to_vec())),
        ("half of its JSON", Answers::Raw(200, "application/json", b"{\"data\":[{".to_vec())),
        ("nothing", Answers::Raw(200, "application/json", Vec::new())),
    ];
    for (what, answers) in cases {
        let (status, line) = no(answers, "").await;
        assert_eq!(status, 502, "{what}");
        assert!(line.contains("garbled"), "{what}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_inside_a_success_is_an_error() {
    let error =
        json!({"error": {"message": "out of memory", "type": "server_error", "code": null}});
    let (status, line) = no(Answers::Json(200, error), "").await;
    assert_eq!(status, 502);
    assert!(line.contains("broken"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_in_the_wrong_wrapping_is_read_for_what_it_is() {
    let body = drawn(&png(64, 64)).to_string().into_bytes();
    let (world, _vendor) = world(Answers::Raw(200, "text/plain", body), "").await;
    assert_eq!(ask(&world).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_another_size_than_it_claims_becomes_the_size_that_was_asked_for() {
    let claimed = json!({ "size": "64x64", "data": [{ "b64_json": png(96, 80) }] });
    let (world, _vendor) = world(Answers::Json(200, claimed), "").await;
    let reply = ask(&world).await;
    assert_eq!(reply.status, 200, "{}", reply.json());
    assert_eq!(dimensions(&from_base64(&reply.json()["data"][0]["b64_json"])), (64, 64));
    let changed = reply.header("pixelgate-changed").unwrap_or_default();
    assert!(changed.contains("drawn at 96x80"), "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_larger_than_allowed_is_not_read_to_its_end() {
    let large = vec![b' '; 3 << 20];
    let (status, line) =
        no(Answers::Raw(200, "application/json", large), "answer_bytes_max = \"2MiB\"\n").await;
    assert_eq!(status, 502);
    assert!(line.contains("larger than answer_bytes_max"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_is_followed() {
    let elsewhere = FakeVendor::start(Answers::OpenAi).await;
    let location = format!("http://{}/v1/images/generations", elsewhere.address);
    let redirect = json!([{ "status": 302, "headers": { "location": location } }]);
    let answers = Answers::Talk(std::sync::Arc::new(redirect.as_array().unwrap().clone()));
    let (status, _) = no(answers, "").await;
    assert_eq!(status, 502);
    assert_eq!(elsewhere.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_inside_our_own_network_is_not_fetched_even_from_a_listed_host() {
    let inside = json!({"data": [{"url": "https://localhost:9/latest/meta-data"}]});
    let (status, line) =
        no(Answers::Json(200, inside), "picture_hosts = [\"localhost:9\"]\n").await;
    assert_eq!(status, 502);
    assert!(line.contains("inside our own network"), "{line}");
}
