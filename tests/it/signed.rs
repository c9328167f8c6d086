//! A vendor at AWS: a signed request, and a seed for a model that draws the same without one.

use serde_json::{Value, json};

use crate::vendor::{Answers, FakeVendor, Seen, png};
use crate::world::{OPENAI, World};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A gateway before a vendor that wants signatures, and what the vendor has seen of two orders for
/// the same picture.
async fn two_orders() -> (World, Seen, Seen) {
    let answer = json!({"images": [png(512, 512)], "error": null});
    let vendor = FakeVendor::start(Answers::Json(200, answer)).await;
    let policy = format!(
        "{}auth = \"sigv4: us-east-1/bedrock\"\nsecret = \"env:AWS\"\n\
         [models.canvas]\nprice = [{{ image = \"1\" }}]\n\
         offerings = [{{ vendor = \"aws\", model = \"amazon.nova-canvas-v1:0\", sizes = [\"512x512\"], cost = [{{ image = \"0.01\" }}] }}]\n\
         [plans.open]\nmodels = [\"*\"]\nconcurrency_max = 10\n",
        vendor.policy("aws", "bedrock")
    );
    let key = format!("AKIDEXAMPLE:{SECRET}:a-token");
    let world = World::with_environment(&policy, "100", "", &[("AWS", &key)]);
    let body = json!({"model": "canvas", "prompt": "a fox", "size": "512x512"});
    assert_eq!(world.post(OPENAI, &body).await.status, 200);
    let first = vendor.last();
    assert_eq!(world.post(OPENAI, &body).await.status, 200);
    (world, first, vendor.last())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_aws_is_signed_and_the_key_itself_is_never_sent() {
    let (_world, seen, _) = two_orders().await;
    assert_eq!(seen.path, "/v1/model/amazon.nova-canvas-v1%3A0/invoke");
    let header = |name: &str| seen.headers[name].to_str().unwrap();
    let (day, _) = header("x-amz-date").split_once('T').unwrap();
    assert_eq!(header("x-amz-security-token"), "a-token");
    let (shown, signature) = header("authorization").rsplit_once("Signature=").unwrap();
    assert_eq!(
        shown,
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{day}/us-east-1/bedrock/aws4_request, \
             SignedHeaders=accept;content-length;content-type;host;x-amz-date;\
             x-amz-security-token, "
        )
    );
    assert!(signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(!format!("{:?}", seen.headers).contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_orders_without_a_seed_are_not_the_same_picture() {
    let (_world, first, second) = two_orders().await;
    let seed = |seen: &Seen| -> Value { seen.body["imageGenerationConfig"]["seed"].clone() };
    assert!(seed(&first).as_i64().is_some_and(|seed| (0..=858_993_459).contains(&seed)));
    assert_ne!(seed(&first), seed(&second));
}
