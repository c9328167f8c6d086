//! What it costs to choose among three offerings, each quoted, and to judge a prompt.

#![allow(missing_docs, reason = "criterion's macros make public functions without documentation")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use pixelgate::canonical::{Frame, ImageRequest, Ratio, Size};
use pixelgate::catalog::{
    AfterUnknown, Balance, BaseUrl, Capabilities, Fidelity, Frames, InProcess, Model, Offering,
    PriceBook, Strategy, Tariff, Vendor,
};
use pixelgate::clock::Now;
use pixelgate::price::{Work, cost_quote};
use pixelgate::routing::{Candidate, OfferingHealth, Views, Want, candidates};
use pixelgate::rules::{Asker, DeniedTerm, Facts, Follows, Rule, Rules};

const NOW: Now = Now { unix_ms: 0, tick_ms: 100_000 };

fn tariff() -> PriceBook {
    Tariff::flat(40_000_000).into()
}

fn offering(name: &str, frames: Frames) -> Arc<Offering> {
    let base = BaseUrl::InProcess(InProcess::default());
    let vendor = Arc::new(Vendor::new(name, "painter", base));
    let can = Capabilities { count_max: 4, ..Capabilities::everything(frames, USUAL) };
    Arc::new(Offering { cost: tariff(), ..Offering::new(name, vendor, "m-1", can) })
}

const USUAL: Size = Size::new(1024, 1024);

fn model() -> Model {
    let sizes = [(1024, 1024), (1536, 1024), (1024, 1536)];
    let ratios = [(1, 1), (3, 2), (2, 3), (16, 9), (9, 16)];
    let ratio = |(width, height)| {
        let ratio = Ratio::new(width, height);
        (ratio, ratio.size_of(1024 * 1024, 16))
    };
    Model {
        name: "m".to_owned(),
        strategy: Strategy::Cheapest,
        fidelity: Fidelity::Emulate,
        balance: Balance::default(),
        price: tariff(),
        offerings: vec![
            offering("m/one", Frames::Sizes(sizes.map(|(w, h)| Size::new(w, h)).into())),
            offering("m/two", Frames::Ratios(ratios.map(ratio).into())),
            offering("m/three", Frames::Any { side_min: 256, side_max: 2048, step: 16 }),
        ],
        test_offering: None,
        deadline: Duration::from_mins(1),
        hedge_after: None,
        after_unknown: AfterUnknown::Failover,
        title: None,
        description: None,
        pixels_max: None,
        format: None,
    }
}

fn request(frame: Frame) -> ImageRequest {
    ImageRequest {
        prompt: "a fox in the snow at dawn, soft light, long shadows ".repeat(8),
        count: 1,
        frame,
        ..ImageRequest::default()
    }
}

fn choices(c: &mut Criterion) {
    let model = model();
    let health = OfferingHealth::default();
    let mut choose = |name: &str, request: ImageRequest| {
        c.bench_function(name, |b| {
            let view = |_: &str| health.view(NOW);
            let cost = |candidate: &Candidate| {
                cost_quote(&candidate.tariff, &Work::plain(1, candidate.size)).ok()
            };
            let (test_mode, fidelity) = (false, Fidelity::Emulate);
            let want = Want { request: &request, test_mode, fidelity, dice: 7, unix_ms: 0 };
            let views = Views { health: &view, cost: &cost };
            b.iter(|| candidates(black_box(&model), black_box(want), views, NOW));
        });
    };
    let native = Frame::Pixels(Size::new(1024, 1024));
    choose("routing/three that can", request(native));
    let odd = Frame::Pixels(Size::new(1000, 700));
    choose("routing/three that emulate", request(odd));
}

fn rules(c: &mut Criterion) {
    let term = |n: u32| DeniedTerm { term: format!("forbidden{n}"), message: "no".to_owned() };
    let request = request(Frame::Auto);
    for count in [5, 20] {
        let mut rules = Rules::default();
        (0..count).for_each(|n| rules.deny_term(&term(n)));
        c.bench_function(&format!("rules/{count} terms, 416 characters"), |b| {
            b.iter(|| rules.judge(black_box(&request)));
        });
    }
    let mut rules = Rules::default();
    for n in 0..20 {
        let condition = format!(
            "caller.plan == 'free' && request.count > {n} && !request.prompt.contains('word{n}')"
        );
        let follows = Follows::Deny { message: "no".to_owned() };
        if let Ok(rule) = Rule::read(&format!("rule-{n}"), &condition, follows) {
            rules.add(rule);
        }
    }
    let caller = Asker {
        workspace: "ws",
        key: "key",
        key_name: "web",
        plan: "open",
        scopes: &[],
        is_test: false,
    };
    let facts = Facts {
        request: &request,
        dialect: "openai",
        model: "paint",
        caller,
        now: NOW,
        quote: None,
    };
    c.bench_function("rules/20 conditions, 416 characters", |b| {
        b.iter(|| rules.holding(black_box(&facts)));
    });
}

criterion_group!(benches, choices, rules);
criterion_main!(benches);
