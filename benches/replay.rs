//! What judging a recorded day again takes: 100,000 requests of a hundred keys, with windows, quotas and
//! a choice among offerings.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]
#![allow(missing_docs, reason = "criterion's macros make public functions without documentation")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use pixelgate::canonical::{Came, ImageRequest, Sketch};
use pixelgate::credits::Cost;
use pixelgate::finance::{Recorded, UsageLine};
use pixelgate::gateway::replay::{Credit, replay};
use pixelgate::policy::{Policy, PolicyText, build};

const REQUESTS: i64 = 100_000;

const POLICY: &str = r#"
[vendors.one]
dialect = "painter"
base_url = "painter:"
[vendors.two]
dialect = "painter"
base_url = "painter:"
[models.paint]
strategy = "cheapest"
price = [{ quality = "high", image = "3" }, { image = "1" }]
offerings = [
    { vendor = "one", sides = { min = 16, max = 4096, step = 1 }, cost = [{ image = "0.01" }] },
    { vendor = "two", sides = { min = 16, max = 4096, step = 1 }, cost = [{ image = "0.02" }] },
]
[plans.open]
models = ["*"]
limits = [{ name = "minute", requests = 1000, per = "5m" }, { name = "hour", images = 2000, per = "1h" }]
quotas = [{ name = "day", images = 100000, per = "day" }]
[[rules.rule]]
name = "drafts"
if = 'request.labels.stage == "draft"'
price = { percent = 80 }
"#;

fn policy() -> Policy {
    let text = PolicyText { file: "policy.toml".to_owned(), text: POLICY.to_owned() };
    build(&[text], &|_| None).unwrap()
}

/// As many as are asked in a day, one every 864 ms.
fn recorded() -> Vec<Recorded> {
    let request = ImageRequest {
        model: Some("paint".to_owned()),
        prompt: "a fox in the snow at dawn, soft light, long shadows ".repeat(8),
        count: 1,
        frame: "1024x1024".parse().unwrap(),
        ..ImageRequest::default()
    };
    let came = Some(Came { count: 1, ..Came::default() });
    let sketch = Sketch { came, ..Sketch::of(&request) };
    let one = |seq: i64| Recorded {
        line: UsageLine {
            seq,
            at_ms: 1_795_000_000_000 + seq * 864,
            request: format!("req_{seq}"),
            workspace: Some(format!("ws_{}", seq % 20)),
            key: Some(format!("key_{}", seq % 100)),
            plan: Some("open".to_owned()),
            dialect: "openai".to_owned(),
            model: Some("paint".to_owned()),
            offering: Some("paint/one".to_owned()),
            images_asked: 1,
            images: 1,
            hold: Some(format!("hold_{seq}")),
            charged_nanos: 1_000_000_000,
            cost_nanos: 10_000_000,
            outcome: "ok".to_owned(),
            ..UsageLine::default()
        },
        took_ms: 4_000,
        scopes: vec!["*".to_owned()],
        sketch: Some(Sketch { dice: seq.unsigned_abs(), ..sketch.clone() }),
    };
    (0..REQUESTS).map(one).collect()
}

fn a_day(criterion: &mut Criterion) {
    let (policy, recorded) = (policy(), recorded());
    let worth = Credit(Cost::from_nanos(1_000_000_000));
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.bench_function("a day of 100,000 requests", |bench| {
        bench.iter(|| black_box(replay(&policy, recorded.clone(), 0, worth).unwrap()));
    });
}

criterion_group!(benches, a_day);
criterion_main!(benches);
