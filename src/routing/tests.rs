//! Who is asked, and in which order.

use crate::canonical::{Format, Ratio, Size};
use crate::catalog::{
    AfterUnknown, Balance, BaseUrl, Capabilities, Frames, InProcess, PriceBook, Strategy as By,
    Tariff, Vendor,
};

use super::*;

mod choice;
mod fit;

const NOW: Now = Now { unix_ms: 0, tick_ms: 1_000 };

fn can(frames: Frames) -> Capabilities {
    Capabilities {
        count_max: 4,
        formats: vec![Format::Png, Format::Jpeg],
        steps: false,
        guidance: false,
        style: false,
        prompt_chars_max: 1000,
        ..Capabilities::everything(frames, Size::new(1024, 1024))
    }
}

fn sizes() -> Frames {
    let sizes = [(1024, 1024), (1536, 1024), (1024, 1536)];
    Frames::Sizes(sizes.map(|(width, height)| Size::new(width, height)).into())
}

fn ratios() -> Frames {
    Frames::Ratios(vec![
        (Ratio::new(1, 1), Size::new(1024, 1024)),
        (Ratio::new(3, 2), Size::new(1264, 848)),
        (Ratio::new(16, 9), Size::new(1376, 768)),
    ])
}

const fn any_size() -> Frames {
    Frames::Any { side_min: 256, side_max: 2048, step: 16 }
}

fn flat(image_nanos: i64) -> PriceBook {
    Tariff::flat(image_nanos).into()
}

fn offering(name: &str, can: Capabilities) -> Offering {
    Offering {
        cost: flat(10),
        priority: 1,
        ..Offering::new(name, Arc::new(vendor(None)), "m-1", can)
    }
}

fn vendor(secret_missing: Option<&str>) -> Vendor {
    Vendor {
        secret_missing: secret_missing.map(str::to_owned),
        ..Vendor::new("v", "painter", BaseUrl::InProcess(InProcess::default()))
    }
}

fn model(offerings: Vec<Offering>) -> Model {
    Model {
        name: "m".to_owned(),
        strategy: By::Cheapest,
        fidelity: Fidelity::Emulate,
        balance: Balance::default(),
        price: flat(20),
        offerings: offerings.into_iter().map(Arc::new).collect(),
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

fn request(frame: &str) -> ImageRequest {
    ImageRequest {
        prompt: "a fox".to_owned(),
        count: 1,
        frame: frame.parse().unwrap(),
        ..ImageRequest::default()
    }
}

const WELL: HealthView =
    HealthView { expected_ms: None, state: BreakerState::Closed, in_flight: 0, ill_percent: 0 };

fn route(model: &Model, request: &ImageRequest) -> Result<Vec<Candidate>, NoCandidate> {
    ranked(model, want(request), &|_| WELL)
}

fn ranked(
    model: &Model,
    want: Want<'_>,
    health: &dyn Fn(&str) -> HealthView,
) -> Result<Vec<Candidate>, NoCandidate> {
    let count = i64::from(want.request.count);
    let cost = |candidate: &Candidate| {
        let each = candidate.tariff.most(candidate.size, want.request.quality)?;
        Some(Cost::from_nanos(each * count))
    };
    candidates(model, want, Views { health, cost: &cost }, NOW)
}

fn want(request: &ImageRequest) -> Want<'_> {
    Want { request, test_mode: false, fidelity: Fidelity::Emulate, dice: 7, unix_ms: 0 }
}

fn names(found: &[Candidate]) -> Vec<&str> {
    found.iter().map(|found| &*found.offering.name).collect()
}

#[test]
fn a_stand_in_serves_only_while_nobody_else_has_a_credential() {
    let mut real = offering("real", can(any_size()));
    let mut painter = offering("painter", can(any_size()));
    painter.stand_in = true;
    let both = model(vec![painter.clone(), real.clone()]);
    assert_eq!(names(&route(&both, &request("auto")).unwrap()), ["real"]);

    real.vendor = Arc::new(vendor(Some("REAL_KEY")));
    let alone = model(vec![painter, real.clone()]);
    assert_eq!(names(&route(&alone, &request("auto")).unwrap()), ["painter"]);

    let nobody = route(&model(vec![real]), &request("auto")).unwrap_err();
    let missing = vec!["REAL_KEY".to_owned()];
    assert_eq!(nobody, NoCandidate::NoCredential { missing });
}

#[test]
fn test_mode_is_served_by_the_test_offering_alone() {
    let mut tested = model(vec![offering("real", can(any_size()))]);
    let ask = |model: &Model| {
        let asked = request("auto");
        ranked(model, Want { test_mode: true, ..want(&asked) }, &|_| WELL)
    };
    assert!(matches!(ask(&tested), Err(NoCandidate::NoneCan { .. })));
    tested.test_offering = Some(Arc::new(offering("painter", can(any_size()))));
    assert_eq!(names(&ask(&tested).unwrap()), ["painter"]);
}

fn three() -> Model {
    let mut cheap = offering("cheap", can(any_size()));
    (cheap.cost, cheap.priority) = (flat(1), 3);
    let mut quick = offering("quick", can(any_size()));
    (quick.cost, quick.priority) = (flat(5), 2);
    let mut first = offering("first", can(any_size()));
    (first.cost, first.priority) = (PriceBook::default(), 1);
    model(vec![first, quick, cheap])
}

#[test]
fn each_strategy_has_its_own_order() {
    let view = |name: &str| HealthView {
        expected_ms: (name != "first").then(|| if name == "quick" { 10.0 } else { 90.0 }),
        in_flight: 1,
        ..WELL
    };
    for (strategy, order) in [
        (By::Cheapest, ["cheap", "quick", "first"]),
        (By::Fastest, ["quick", "cheap", "first"]),
        (By::Priority, ["first", "quick", "cheap"]),
    ] {
        let mut model = three();
        model.strategy = strategy;
        let found = ranked(&model, want(&request("auto")), &view).unwrap();
        assert_eq!(names(&found), order, "{strategy:?}");
    }
}

#[test]
fn an_offering_never_seen_is_tried_by_one_request_at_a_time() {
    let mut model = three();
    model.strategy = By::Fastest;
    let first_with = |in_flight: u32| {
        let view = |name: &str| HealthView {
            expected_ms: (name != "first").then_some(10.0),
            in_flight: if name == "first" { in_flight } else { 0 },
            ..WELL
        };
        let found = ranked(&model, want(&request("auto")), &view).unwrap();
        found[0].offering.name.clone()
    };
    assert_eq!(first_with(0), "first");
    assert_eq!(first_with(1), "cheap");
}

#[test]
fn native_goes_before_emulated_on_a_tie_only_and_then_the_name() {
    let mut emulated = offering("a", can(sizes()));
    let tied = [emulated.clone(), offering("c", can(any_size())), offering("b", can(any_size()))];
    let found = route(&model(tied.to_vec()), &request("800x800")).unwrap();
    assert_eq!(names(&found), ["b", "c", "a"]);
    emulated.cost = flat(1);
    let cheaper = model(vec![offering("b", can(any_size())), emulated]);
    let found = route(&cheaper, &request("800x800")).unwrap();
    assert_eq!(names(&found), ["a", "b"]);
}

#[test]
fn who_rests_is_left_out_and_the_first_to_wake_says_when() {
    let resting = |until_ms: u64| HealthView { state: BreakerState::Open { until_ms }, ..WELL };
    let one = |name: &str| {
        if name == "cheap" { resting(9_000) } else { WELL }
    };
    let found = ranked(&three(), want(&request("auto")), &one).unwrap();
    assert_eq!(names(&found), ["quick", "first"]);

    let all = |name: &str| resting(if name == "quick" { 3_500 } else { 9_000 });
    let no = ranked(&three(), want(&request("auto")), &all).unwrap_err();
    let retry_after = Duration::from_millis(2_500);
    assert_eq!(no, NoCandidate::AllResting { retry_after });
}
