//! Every dialect that apps speak over every dialect that vendors speak: a picture, or a no that
//! says which parameter cannot be told.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use pixelgate::dialect::{self, Claim, ClientSide, WireRequest};
use serde_json::Value;

use crate::vendor::{Answers, FakeVendor};
use crate::world::{Reply, World};

fn talk_of(dialect: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dialects");
    let path: PathBuf = root.join(dialect).join("done.talk.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no {}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// A client that draws pictures: its dialect's name, its side, and the request that it shows to
/// people who have just started.
pub(crate) type Client = (&'static str, &'static dyn ClientSide, Value);

pub(crate) fn clients() -> Vec<Client> {
    let sides = dialect::ALL.iter().filter_map(|dialect| Some((dialect.name, dialect.client?)));
    let drawing = sides.filter(|(_, client)| {
        client.claim(&http::Method::POST, client.example().path) == Some(Claim::Images)
    });
    drawing
        .map(|(name, client)| (name, client, serde_json::from_str(client.example().body).unwrap()))
        .collect()
}

/// The offering that a vendor's recorded order is made of, as policy.
fn offering(talk: &Value) -> String {
    let own = &talk["offering"];
    let quoted = |value: &Value| Value::to_string(value);
    let frames = match (&own["ratios"], &own["sizes"]) {
        (Value::Array(ratios), _) => {
            let rows: Vec<String> =
                ratios.iter().map(|row| format!("{} = {}", row[0], row[1])).collect();
            format!("ratios = {{ {} }}", rows.join(", "))
        }
        (_, sizes @ Value::Array(_)) => format!("sizes = {sizes}"),
        _ => "sides = { min = 64, max = 4096, step = 16 }".to_owned(),
    };
    let model = own["vendor_model"].as_str().unwrap_or("golden-model");
    let mut offering = format!(
        "vendor = \"acme\", model = {}, count_max = 1, prompt_chars_max = 2000, {frames}",
        quoted(&model.into())
    );
    if let workflow @ Value::Object(_) = &own["workflow"] {
        let workflow = quoted(&workflow.to_string().into());
        offering.push_str(", workflow = ");
        offering.push_str(&workflow);
    }
    offering
}

/// Every model name that a client may ask for, and that of the default.
pub(crate) fn models() -> Vec<String> {
    let asked = |(_, side, body): &Client| {
        let wire = WireRequest::post_json(side.example().path, body.to_string());
        side.decode_request(&wire).unwrap().model
    };
    let mut names: Vec<String> =
        clients().iter().filter_map(asked).chain(["any".to_owned()]).collect();
    names.sort();
    names.dedup();
    names
}

/// A gateway before one vendor, with every model name that a client may ask for.
fn world(vendor: &FakeVendor, dialect: &str, talk: &Value) -> World {
    let offering = offering(talk);
    let mut policy = format!(
        "{}secret = \"env:ACME_KEY\"\n[defaults]\nmodel = \"any\"\n[plans.open]\nmodels = [\"*\"]\nconcurrency_max = 100\nshow_offering = true\n",
        vendor.policy("acme", dialect)
    );
    for name in models() {
        let model = format!(
            "[models.\"{name}\"]\nprice = [{{ image = \"1\" }}]\nfidelity = \"lenient\"\n\
             offerings = [{{ {offering}, cost = [{{ image = \"0.01\" }}] }}]\n"
        );
        policy.push_str(&model);
    }
    World::with_environment(&policy, "100", "", &[("ACME_KEY", "id:secret")])
}

/// What went wrong between an app and a vendor, if anything did.
async fn fault(
    world: &World,
    vendor: &FakeVendor,
    client: &Client,
    steps: usize,
) -> Option<String> {
    let (name, side, body) = client;
    let calls = vendor.calls();
    let reply = world.post_by(*side, side.example().path, body).await;
    let reply = at_its_end(world, reply).await;
    let is_whole = (vendor.calls() - calls) == steps;
    let is_failed_job = reply.json()["status"] == "failed";
    if (200..300).contains(&reply.status) && is_whole && !is_failed_job {
        return None;
    }
    let said = String::from_utf8_lossy(&reply.bytes);
    Some(format!(
        "{name}: {} after {} of {steps} steps: {said}",
        reply.status,
        vendor.calls() - calls
    ))
}

/// The answer, or the job that it says there is once that has ended.
pub(crate) async fn at_its_end(world: &World, mut reply: Reply) -> Reply {
    let Some(job) = reply.header("location").map(str::to_owned) else { return reply };
    while reply.header("retry-after").is_some() {
        reply = world.get(&job).await;
    }
    reply
}

/// What went wrong before one vendor.
async fn faults(name: &str) -> Vec<String> {
    let talk = talk_of(name);
    let replies = talk["replies"].as_array().unwrap().clone();
    let steps = replies.len();
    let vendor = FakeVendor::start(Answers::Talk(Arc::new(replies))).await;
    let world = tokio::task::block_in_place(|| world(&vendor, name, &talk));
    let mut faults = Vec::new();
    for client in clients() {
        if let Some(fault) = fault(&world, &vendor, &client, steps).await {
            faults.push(format!("{name} for {fault}"));
            // What this one did not ask for would be the next one's answer.
            break;
        }
    }
    tokio::task::block_in_place(|| world.verify());
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn every_app_gets_a_picture_from_every_vendor() {
    let vendors = dialect::ALL.iter().filter(|dialect| dialect.vendor.is_some());
    let names = vendors.map(|dialect| faults(dialect.name));
    let faults: Vec<_> = stream::iter(names).buffer_unordered(AT_ONCE).collect().await;
    let faults = faults.concat();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Gateways that run at the same time; most of theirs is waiting for jobs.
const AT_ONCE: usize = 8;
