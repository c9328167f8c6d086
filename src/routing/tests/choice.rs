//! What chance decides, what is weighed, and what each fidelity allows.

use crate::canonical::{Background, Safety};

use super::*;

fn first(model: &Model, view: &dyn Fn(&str) -> HealthView, dice: u64) -> String {
    let asked = request("auto");
    let found = ranked(model, Want { dice, ..want(&asked) }, view).unwrap();
    found[0].offering.name.clone()
}

/// How often each offering goes first, in a thousand throws.
fn shares(model: &Model, view: &dyn Fn(&str) -> HealthView) -> [usize; 3] {
    let firsts: Vec<String> = (0..1000).map(|dice| first(model, view, dice)).collect();
    ["first", "quick", "cheap"].map(|name| firsts.iter().filter(|first| *first == name).count())
}

#[test]
fn weights_are_the_shares_of_the_traffic() {
    let mut weighted = three();
    weighted.strategy = By::Weighted;
    for (offering, weight) in weighted.offerings.iter_mut().zip([6, 3, 1]) {
        Arc::make_mut(offering).weight = weight;
    }
    let [six, three, one] = shares(&weighted, &|_| WELL);
    assert!((550..650).contains(&six), "{six}");
    assert!((250..350).contains(&three), "{three}");
    assert!((60..140).contains(&one), "{one}");
}

#[test]
fn every_offering_stays_a_candidate_however_the_dice_fall() {
    for strategy in [By::Weighted, By::Fastest, By::Balanced] {
        let mut model = three();
        model.strategy = strategy;
        for dice in 0..50 {
            let asked = request("auto");
            let found = ranked(&model, Want { dice, ..want(&asked) }, &|_| WELL).unwrap();
            let mut names = names(&found);
            names.sort_unstable();
            assert_eq!(names, ["cheap", "first", "quick"], "{strategy:?}");
        }
    }
}

#[test]
fn of_two_that_chance_picks_the_faster_goes_first_and_never_the_slowest_of_all() {
    let mut model = three();
    model.strategy = By::Fastest;
    let view = |name: &str| {
        let expected_ms = if name == "quick" { 10.0 } else { 90.0 };
        HealthView { expected_ms: Some(expected_ms + f64::from(u8::from(name == "first"))), ..WELL }
    };
    let [slowest, fastest, middle] = shares(&model, &view);
    assert_eq!(slowest, 0);
    assert!(fastest > 600 && middle > 250, "{fastest} {middle}");
}

#[test]
fn what_is_balanced_is_cost_time_and_failures_as_policy_weighs_them() {
    let mut model = three();
    model.strategy = By::Balanced;
    // "cheap" costs 1 and takes 90 ms, "quick" costs 5 and takes 10 ms; "first" has no known cost.
    let view = |failing: &'static str| {
        move |name: &str| HealthView {
            expected_ms: Some(if name == "quick" { 10.0 } else { 90.0 }),
            ill_percent: if name == failing { 40 } else { 0 },
            ..WELL
        }
    };
    let weigh = |cost, latency, failures| Balance { cost, latency, failures };
    for (balance, failing, expected) in [
        (weigh(1, 1, 1), "", "quick"),
        (weigh(3, 1, 1), "", "cheap"),
        (weigh(1, 1, 2), "quick", "cheap"),
        (weigh(0, 1, 0), "quick", "quick"),
    ] {
        model.balance = balance;
        assert_eq!(first(&model, &view(failing), 1), expected, "{balance:?} {failing}");
    }
}

/// The one candidate of a bare offering under a fidelity, as what is changed, or why not.
fn under(fidelity: Fidelity, asked: &ImageRequest) -> Result<Vec<String>, String> {
    let bare = Capabilities {
        formats: vec![Format::Png],
        ..Capabilities::only(sizes(), Size::new(1024, 1024))
    };
    let model = model(vec![offering("one", bare)]);
    let want = Want { fidelity, ..want(asked) };
    let found = ranked(&model, want, &|_| WELL).map_err(|no| no.to_string())?;
    let told = found[0].changes.iter();
    Ok(told.map(|change| format!("{}: {}", change.parameter, change.how)).collect())
}

type Wish = fn(&mut ImageRequest);

#[test]
fn strict_refuses_whatever_would_be_changed_and_names_it() {
    let mut asked = request("1024x1024");
    asked.format = Some(Format::Png);
    assert_eq!(under(Fidelity::Strict, &asked), Ok(Vec::new()));
    let wishes: [(&str, Wish); 6] = [
        ("size", |r| r.frame = "1000x1000".parse().unwrap()),
        ("count", |r| r.count = 2),
        ("format", |r| r.format = Some(Format::Webp)),
        ("negative_prompt", |r| r.negative_prompt = Some("fog".to_owned())),
        ("seed", |r| r.seed = Some(1)),
        ("safety", |r| r.safety = Some(Safety::Low)),
    ];
    for (parameter, wish) in wishes {
        let mut more = asked.clone();
        wish(&mut more);
        let no = under(Fidelity::Strict, &more).unwrap_err();
        assert!(no.contains(&format!("cannot do `{parameter}` as asked")), "{no}");
        assert!(under(Fidelity::Emulate, &more).is_ok(), "{parameter}");
    }
}

#[test]
fn lenient_drops_what_would_be_refused_and_says_so() {
    let mut asked = request("3072x512");
    asked.background = Some(Background::Transparent);
    assert!(under(Fidelity::Emulate, &asked).is_err());
    let told = ["size: drawn at 1536x1024, the nearest there is", "background: dropped"];
    assert_eq!(under(Fidelity::Lenient, &asked).unwrap(), told);
}

#[test]
fn no_fidelity_makes_an_edit_of_what_only_draws() {
    let mut asked = request("auto");
    asked.operation = crate::canonical::Operation::Edit;
    for fidelity in [Fidelity::Strict, Fidelity::Emulate, Fidelity::Lenient] {
        assert!(under(fidelity, &asked).unwrap_err().contains("cannot work from pictures"));
    }
}

#[test]
fn options_of_another_dialect_are_dropped_aloud_and_never_passed_on() {
    let mut asked = request("auto");
    for dialect in ["painter", "elsewhere"] {
        let options = [("sparkle".to_owned(), true.into())].into_iter().collect();
        asked.options.insert(dialect.to_owned(), options);
    }
    let found = route(&model(vec![offering("one", can(any_size()))]), &asked).unwrap();
    assert_eq!(found[0].changes.len(), 1);
    assert_eq!(found[0].changes[0].parameter, "sparkle");
    let ask = found[0].ask(&asked, 0);
    assert_eq!(ask.options.keys().collect::<Vec<_>>(), ["painter"]);
}
