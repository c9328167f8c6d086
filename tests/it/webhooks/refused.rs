//! Webhooks that are not taken: where, when and in whose words.

use pixelgate::dialect::{self, Claim};
use serde_json::{Value, json};

use super::{IMAGES, NEW, ask, hooked};
use crate::receiver::Receiver;
use crate::world::{OPENAI, PAINTED, World, read};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_may_not_be_told_is_refused_and_costs_nothing() {
    let receiver = Receiver::saying(&[]).await;
    let hooked = hooked(&[&receiver], "hosts = [\"hooks.example\", \"*.apps.example\"]", "");
    let port = receiver.address.port();
    let long = format!("https://hooks.example/{}", "a".repeat(2048));
    let inside = [format!("http://127.0.0.1:{}/", port ^ 1), format!("https://127.0.0.1:{port}/")];
    for webhook in [
        "http://hooks.example/",
        "https://other.example/",
        "https://hooks.example.other.example/",
        "https://apps.example/",
        "https://hooks.example:8443/",
        "https://me:pw@hooks.example/",
        "https://hooks.example@other.example/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "ftp://hooks.example/",
        "hooks.example/told",
        "/told",
        "",
        &long,
    ]
    .into_iter()
    .chain(inside.iter().map(String::as_str))
    {
        let reply = ask(&hooked.world, IMAGES, &json!({"prompt": "a fox"}), webhook).await;
        assert_eq!(reply.status, 400, "{webhook}: {}", reply.json());
        assert_eq!(reply.json()["error"]["field"], "Pixelgate-Webhook", "{webhook}");
    }
    assert_eq!(hooked.world.get("/v1/jobs").await.json()["data"], json!([]));
    assert_eq!(hooked.world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dialect_refuses_it_in_its_own_words() {
    let receiver = Receiver::saying(&[]).await;
    let hooked = hooked(&[&receiver], "", "");
    let world = &hooked.world;
    let mut refused = 0;
    for spoken in dialect::ALL {
        let Some(side) = spoken.client else { continue };
        let example = side.example();
        if side.claim(&http::Method::POST, example.path) != Some(Claim::Images) {
            continue;
        }
        let said = |prefer: &'static str| {
            let (name, key) = side.shown_key(&world.key);
            let request = world.client.post(format!("{}{}", world.public, example.path));
            let request = request
                .header(name, key)
                .header("content-type", "application/json")
                .header("pixelgate-webhook", "https://other.example/told");
            read(request.header("prefer", prefer).body(example.body))
        };
        let plain = |body: &Value| body.to_string().contains("Pixelgate-Webhook");
        let reply = said("respond-async").await;
        assert_eq!(reply.status, 400, "{}: {}", spoken.name, reply.json());
        assert!(plain(&reply.json()), "{}: {}", spoken.name, reply.json());
        assert!(reply.json().to_string().contains("https://other.example"), "{}", reply.json());
        let reply = said("wait=1").await;
        assert_eq!(reply.status, 400, "{}: {}", spoken.name, reply.json());
        assert!(plain(&reply.json()), "{}: {}", spoken.name, reply.json());
        let is_told_how = reply.json().to_string().contains("respond-async");
        assert_eq!(is_told_how, !side.answers_later(), "{}: {}", spoken.name, reply.json());
        refused += 1;
    }
    assert!(refused >= 6, "only {refused} dialects were asked");
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_job_a_webhook_is_refused_whatever_is_asked() {
    let receiver = Receiver::saying(&[]).await;
    let hooked = hooked(&[&receiver], "", "");
    let world = &hooked.world;
    let asked = |request: reqwest::RequestBuilder| {
        let request = request.header("authorization", format!("Bearer {}", world.key));
        read(request.header("pixelgate-webhook", receiver.webhook()))
    };
    let at = |path: &str| format!("{}{path}", world.public);
    let body = json!({"model": "paint", "prompt": "a fox", "size": "32x32"}).to_string();
    for request in [
        world.client.post(at(OPENAI)).body(body),
        world.client.get(at("/v1/jobs")),
        world.client.get(at("/v1/models")),
    ] {
        let reply = asked(request).await;
        assert_eq!(reply.status, 400);
        assert!(reply.json().to_string().contains("respond-async"), "{}", reply.json());
    }
    let twice = world.client.post(at(IMAGES)).header("pixelgate-webhook", receiver.webhook());
    let reply = asked(twice.body("{\"prompt\": \"a fox\"}")).await;
    assert!(reply.json().to_string().contains("more than once"), "{}", reply.json());
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_lists_nobody_or_has_no_secret_offers_none() {
    let plain = format!("[defaults]\nmodel = \"paint\"\n{PAINTED}");
    let listed = "[webhooks]\nhosts = [\"hooks.example\"]\nsecrets = [\"env:NO_SUCH_SECRET\"]\n";
    for policy in [plain.clone(), format!("{plain}\n{listed}")] {
        let world = World::with(&policy, "10", "");
        let body = json!({"prompt": "a fox"});
        let reply = ask(&world, IMAGES, &body, "https://hooks.example/").await;
        assert_eq!(reply.status, 400);
        assert!(reply.json().to_string().contains("not offered"), "{}", reply.json());
        assert_eq!(world.get("/v1/webhooks/default/secret").await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_may_list_hosts_of_its_own() {
    let policy = format!(
        "[defaults]\nmodel = \"paint\"\n{PAINTED}\n[plans.studio]\nmodels = [\"*\"]\n\
         webhook_hosts = [\"studio.example\"]\n[webhooks]\nsecrets = [\"env:HOOKS\"]\n"
    );
    let mut world = World::with_environment(&policy, "10", "", &[("HOOKS", NEW)]);
    let body = json!({"prompt": "a fox"});
    let address = "https://studio.example/told";
    assert_eq!(ask(&world, IMAGES, &body, address).await.status, 400);
    world.key = world.new_key(&["--plan", "studio"]);
    assert_eq!(ask(&world, IMAGES, &body, address).await.status, 202);
}
