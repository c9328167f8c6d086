//! Jobs and named pictures as apps read them.

use pixelgate::canonical::RefusalKind;
use pixelgate::dialect::{AssetShown, ClientSide, JobShown, Pieces, Step, VersionShown};
use serde_json::{Value, json};

use super::{Folder, UNIX_MS, shapes};

/// `CASE.job.json` → `CASE.shown.json`, and the same for `CASE.asset.json`
pub(crate) fn shown(folder: &mut Folder, client: &dyn ClientSide) {
    for case in folder.cases(".job.json") {
        let golden = folder.read(&format!("{case}.job.json"));
        let result = golden.get("delivered").map(|delivered| {
            let delivered = shapes::Delivered::read(delivered);
            client.encode_response(&delivered.answer(UNIX_MS))
        });
        let body = client.encode_job(&job(&golden), result.as_ref());
        folder.expect(&format!("{case}.shown.json"), &read(&body));
    }
    for case in folder.cases(".asset.json") {
        let golden = folder.read(&format!("{case}.asset.json"));
        let versions = golden["versions"].as_array().unwrap();
        let asset = AssetShown {
            key: golden["key"].as_str().unwrap(),
            versions: versions.iter().map(version).collect(),
        };
        folder.expect(&format!("{case}.shown.json"), &read(&client.encode_asset(&asset)));
    }
}

fn read(body: &Pieces) -> Value {
    serde_json::from_slice(&body.to_bytes()).unwrap()
}

fn job(golden: &Value) -> JobShown<'_> {
    let text = |key: &str| golden[key].as_str().unwrap();
    let reached = golden["reached"].as_u64().unwrap();
    let step = |name, own| Step {
        name,
        completed: (own < reached) && reached < 9,
        active: own == reached,
    };
    let kind = |code: &str| RefusalKind::ALL.into_iter().find(|kind| kind.code() == code).unwrap();
    JobShown {
        id: text("id"),
        request_id: "req_golden",
        operation: text("operation"),
        status: text("status"),
        progress: u8::try_from(golden["progress"].as_u64().unwrap()).unwrap(),
        message: text("message"),
        steps: [step("queue", 0), step("order", 1), step("draw", 2)],
        error: golden["error"].as_str().map(|code| (kind(code), "no, and why")),
        created_ms: golden["created_ms"].as_i64().unwrap(),
        updated_ms: golden["updated_ms"].as_i64().unwrap(),
        expires_ms: golden["expires_ms"].as_i64(),
    }
}

fn version(golden: &Value) -> VersionShown<'_> {
    let pixels = golden["pixels"].as_array().map(|sides| {
        let side = |nth: usize| u32::try_from(sides[nth].as_u64().unwrap()).unwrap();
        (side(0), side(1))
    });
    VersionShown {
        url: golden["url"].as_str().unwrap(),
        pixels,
        job: golden["job"].as_str().unwrap(),
        at_ms: golden["at_ms"].as_i64().unwrap(),
    }
}

/// A list is its parts, and where the next begins.
#[test]
fn a_list_says_whether_more_follows() {
    let client = pixelgate::dialect::fallback();
    let jobs = || vec![Pieces::one("{\"id\":\"a\"}"), Pieces::one("{\"id\":\"b\"}")];
    let all =
        json!({ "data": [{ "id": "a" }, { "id": "b" }], "has_more": false, "next_cursor": null });
    assert_eq!(read(&client.encode_jobs(jobs(), None)), all);
    let some =
        json!({ "data": [{ "id": "a" }, { "id": "b" }], "has_more": true, "next_cursor": "b" });
    assert_eq!(read(&client.encode_jobs(jobs(), Some("b"))), some);
}
