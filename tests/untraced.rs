//! Where nothing is traced, a request pays nothing for it: not one byte is allocated on its way.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method};
use pixelgate::catalog::{BaseUrl, InProcess, Vendor};
use pixelgate::id::RequestId;
use pixelgate::receipt::Receipt;
use pixelgate::telemetry::{Coming, Telemetry};
use pixelgate::trail::{Asked, Came, Step};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Everything that the way of a request writes on its trail; how many blocks that allocated.
fn blocks_of(telemetry: &Telemetry, headers: &HeaderMap, vendor: &Arc<Vendor>) -> u64 {
    let mut receipt = Receipt::begin(RequestId::known("req_1"), 0, "p1".into());
    let at = Instant::now();
    let coming = Coming {
        method: &Method::POST,
        path: "/v1/images/generations",
        url: "http://127.0.0.1:8080",
        headers,
        at,
        unix_ms: 0,
    };
    let before = dhat::HeapStats::get().total_blocks;
    receipt.trail = telemetry.trail(&coming);
    for step in [Step::Authenticate, Step::Decode, Step::Hold, Step::Attempt, Step::Settle] {
        receipt.trail.enter(step, at.into_std().into());
    }
    let trail = receipt.trail.clone();
    let asked = Asked { vendor, offering: "paint/acme", model: "paint", calls: 1 };
    let trying = trail.ask(&asked, 1, at.into_std().into());
    trail.came(&trying, || Came::Answered, at.into_std().into());
    trail.changed(std::iter::once("seed".into()));
    telemetry.trace(&receipt);
    dhat::HeapStats::get().total_blocks - before
}

#[test]
fn a_request_that_nobody_traces_allocates_nothing_for_its_trail() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let telemetry = Telemetry::new().unwrap();
    let vendor = Vendor::new("acme", "painter", BaseUrl::InProcess(InProcess::default()));
    let vendor = Arc::new(Vendor { trace_context: true, ..vendor });
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    assert_eq!(blocks_of(&telemetry, &headers, &vendor), 0);
    // The count can tell: an app's own trace has to be kept while it goes through.
    let told = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    headers.insert("traceparent", HeaderValue::from_static(told));
    assert!(blocks_of(&telemetry, &headers, &vendor) > 0);
}
