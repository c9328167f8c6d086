//! What conditions come to, what is wrong with those that are not taken, and what follows from rules.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::canonical::{Frame, ImageRequest, Quality, Size};
use crate::catalog::Adjustment;
use crate::clock::Now;
use crate::credits::{Cost, Credits};

use super::*;

/// Saturday the 21st of November 2026, 13:05 in UTC.
const NOW: Now = Now { unix_ms: 1_795_266_300_000, tick_ms: 0 };

fn request() -> ImageRequest {
    ImageRequest {
        prompt: "A red Fox".to_owned(),
        count: 3,
        frame: Frame::Pixels(Size::new(1024, 768)),
        quality: Some(Quality::High),
        labels: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
        ..ImageRequest::default()
    }
}

fn facts<'a>(request: &'a ImageRequest, scopes: &'a [String]) -> Facts<'a> {
    Facts {
        request,
        dialect: "openai",
        model: "paint",
        caller: Asker {
            workspace: "ws_1",
            key: "key_1",
            key_name: "web",
            plan: "free",
            scopes,
            is_test: false,
        },
        now: NOW,
        quote: None,
    }
}

fn deny() -> Follows {
    Follows::Deny { message: "no".to_owned() }
}

fn quote() -> Quoted<'static> {
    Quoted {
        price: Credits::from_nanos(5_000_000_000),
        cost: Cost::from_nanos(40_000_000),
        pixels: 3 * 1024 * 768,
        offering: "paint/painter",
        vendor: "painter",
    }
}

/// Whether a condition holds of the request above.
fn holds(condition: &str) -> Result<bool, RuleError> {
    let rule = Rule::read("it", condition, deny()).unwrap();
    let scopes = ["images".to_owned()];
    rule.holds(&Facts { quote: Some(quote()), ..facts(&request(), &scopes) })
}

#[test]
fn conditions_see_the_request_the_caller_the_quote_and_the_clock() {
    for condition in [
        "request.count == 3 && request.width > request.height",
        "request.prompt.contains('Fox') && request.prompt.lower().endsWith('fox')",
        "request.prompt.matches('(?i)^a RED') && matches(request.prompt, 'F.x')",
        "size(request.prompt) == 9 && request.prompt.size() < 10",
        "request.quality == 'high' && request.format == '' && request.steps == 0",
        "request.frame == '1024x768' && request.model == 'paint'",
        "request.labels.team == 'red' && request.labels['team'].startsWith('r')",
        "has(request.labels.team) && !has(request.labels.campaign)",
        "'team' in request.labels && request.labels.campaign == ''",
        "size(request.labels) == 1 && size(caller.scopes) == 1",
        "'images' in caller.scopes && !('videos' in caller.scopes)",
        "caller.plan in ['free', 'trial'] && request.count in [1, 3]",
        "caller.plan + '/' + caller.key_name == 'free/web'",
        "caller.is_test == false && !request.is_streamed",
        "clock.weekday == 6 && clock.hour == 13 && clock.day == 21 && clock.month == 11",
        "clock.year == 2026 && clock.unix_seconds == 1795266300",
        "quote.price == amount('5') && quote.cost <= amount('0.04')",
        "quote.pixels / 1024 / 768 == 3 && quote.vendor == 'painter'",
        "(request.count > 2 ? request.count * 2 : 0) == 6 && -request.count % 2 == -1",
        "(request.has_mask ? 'a' : 'b') == 'b' && (true ? !false : false)",
    ] {
        assert_eq!(holds(condition), Ok(true), "{condition}");
    }
}

#[test]
fn what_cannot_be_worked_out_is_an_error_unless_the_other_side_decides() {
    assert_eq!(holds("10 / request.steps > 1"), Err(RuleError::DividedByZero));
    assert_eq!(holds("10 % request.steps > 1"), Err(RuleError::DividedByZero));
    assert_eq!(holds("9223372036854775807 + request.count > 1"), Err(RuleError::Overflow));
    assert_eq!(holds("request.steps > 0 && 10 / request.steps > 1"), Ok(false));
    assert_eq!(holds("10 / request.steps > 1 && request.steps > 0"), Ok(false));
    assert_eq!(holds("10 / request.steps > 1 || request.count == 3"), Ok(true));
    assert_eq!(
        holds("10 / request.steps > 1 || request.count == 4"),
        Err(RuleError::DividedByZero)
    );
}

#[test]
fn a_condition_that_is_not_taken_says_what_is_wrong_and_what_to_do() {
    let cases = [
        ("request.count", "`request.count` is a whole number", "what stands here is true or false"),
        ("request.cuont > 1", "nothing is known as `request.cuont`", "request.count"),
        ("count > 1", "nothing is known as `count`", "request., caller., quote. or clock."),
        ("request.count > '2'", "`'2'` is a text, where a whole number", "nothing is turned"),
        ("request.count == '2'", "is a whole number and `'2'` is a text", "never the same"),
        ("request.quality == 'hd'", "`request.quality` is never \"hd\"", "\"high\""),
        ("request.format in ['png', 'gif']", "`request.format` is never \"gif\"", "\"webp\""),
        ("request.count > 1.5", "is a number with decimals", "whole numbers"),
        ("request.prompt == null", "is null", "whole numbers, texts"),
        ("has(request.prompt)", "has() is asked of something", "compare it"),
        ("request.prompt.matches(request.style)", "is no pattern that is written out", "in quotes"),
        ("request.prompt.matches('(')", "`(` is no pattern", "regex"),
        ("request.prompt.matches('(?=a)')", "is no pattern: look-around", "regex"),
        ("request.prompt.upper() == ''", "`upper` is no function", "lower()"),
        ("caller.scopes.exists(s, s == 'x')", "is a list, a map or a loop", "after `in`"),
        ("[1, 2] == [1, 2]", "is a list, a map or a loop", "after `in`"),
        ("caller.scopes == 'x'", "is a list of texts", "never the same"),
        ("quote.price > amount(\"x\")", "x", "amount("),
        ("request.count >", "is not CEL", "docs/rules.md"),
        ("request.prompt.size == 1", "nothing is known as `request.prompt.size`", "request.prompt"),
        ("'a'.length == 1", "has no fields", "size()"),
    ];
    for (condition, problem, hint) in cases {
        let fault = Rule::read("it", condition, deny()).unwrap_err();
        assert!(fault.problem.contains(problem), "{condition}: {}", fault.problem);
        assert!(fault.hint.contains(hint), "{condition}: {}", fault.hint);
    }
}

#[test]
fn a_condition_is_bounded_before_it_is_parsed() {
    let long = format!("request.prompt == '{}'", "x".repeat(2_000));
    let deep = format!("{}true{}", "(".repeat(40), ")".repeat(40));
    let wide = vec!["true"; 150].join(" && ");
    for text in [long, deep, wide] {
        let fault = Rule::read("it", &text, deny()).unwrap_err();
        assert_eq!(fault.hint, "make two rules of it");
    }
}

fn treating(name: &str, condition: &str, treatment: Treatment) -> Rule {
    Rule::read(name, condition, Follows::Treat(Box::new(treatment))).unwrap()
}

fn rules(all: impl IntoIterator<Item = Rule>) -> Rules {
    let mut rules = Rules::default();
    all.into_iter().for_each(|rule| rules.add(rule));
    rules
}

#[test]
fn all_rules_that_hold_count_and_later_ones_have_the_last_word() {
    let cap = |count| Most { count: Some(count), ..Most::default() };
    let rules = rules([
        treating("two", "true", Treatment { most: cap(2), ..Treatment::default() }),
        treating("never", "false", Treatment { most: cap(1), ..Treatment::default() }),
        treating(
            "cheap",
            "request.quality == 'high'",
            Treatment {
                model: Some("draft".to_owned()),
                vendors: ["acme".to_owned()].into(),
                set: Set { quality: Some(Quality::Low), ..Set::default() },
                labels: BTreeMap::from([("tier".to_owned(), "low".to_owned())]),
                price: Some(Adjustment { percent: 50, image_nanos: 0 }),
                ..Treatment::default()
            },
        ),
        treating("last", "true", Treatment { model: Some("other".into()), ..Treatment::default() }),
    ]);
    let asked = request();
    let holding = rules.holding(&facts(&asked, &[])).unwrap();
    assert_eq!(holding.names().map(|name| &**name).collect::<Vec<_>>(), ["two", "cheap", "last"]);
    assert_eq!(holding.model(), Some(("last", "other")));
    assert_eq!(holding.forbids("paint/painter", "painter"), Some("cheap"));
    assert_eq!(holding.forbids("paint/acme", "acme"), None);
    let mut treated = asked.clone();
    let told: Vec<String> = holding
        .treat(&mut treated)
        .iter()
        .map(|change| format!("{}: {}", change.parameter, change.how))
        .collect();
    assert_eq!(told, ["count: 2, by the rule `two`", "quality: low, by the rule `cheap`"]);
    assert_eq!((treated.count, treated.quality), (2, Some(Quality::Low)));
    let mut labels = asked.labels;
    holding.label(&mut labels);
    assert_eq!(labels.len(), 2);
    assert_eq!(holding.prices().map(|(rule, _)| rule).collect::<Vec<_>>(), ["cheap"]);
}

#[test]
fn what_is_as_a_rule_wants_it_is_not_told() {
    let treatment = Treatment {
        set: Set { quality: Some(Quality::High), ..Set::default() },
        most: Most { count: Some(3), quality: Some(Quality::Max), ..Most::default() },
        ..Treatment::default()
    };
    let rules = rules([treating("same", "true", treatment)]);
    let mut asked = request();
    let holding = rules.holding(&facts(&asked.clone(), &[])).unwrap();
    assert_eq!(holding.treat(&mut asked), []);
    assert_eq!(asked, request());
}

#[test]
fn the_first_denial_ends_it_and_a_shadow_only_counts() {
    let shadow = |mut rule: Rule| {
        rule.is_shadow = true;
        rule
    };
    let denying = |name: &str, condition: &str| Rule::read(name, condition, deny()).unwrap();
    let asked = request();
    let seen = |all: Vec<Rule>| rules(all).holding(&facts(&asked, &[]));
    let denied = seen(vec![
        shadow(denying("watch", "true")),
        denying("broken", "1 / request.steps == 0 && false"),
        denying("first", "request.count > 2"),
        denying("second", "true"),
    ]);
    let expected = Stopped::Denied { rule: "first".into(), message: "no".to_owned() };
    assert_eq!(denied.unwrap_err(), expected);
    let watched = seen(vec![
        shadow(denying("watch", "true")),
        shadow(denying("broken", "1 / request.steps == 0")),
    ]);
    assert_eq!(&*watched.unwrap().shadows[0], "watch");
    let failed = seen(vec![denying("broken", "1 / request.steps == 0"), denying("next", "true")]);
    let expected = Stopped::Failed { rule: "broken".into(), error: RuleError::DividedByZero };
    assert_eq!(failed.unwrap_err(), expected);
}

#[test]
fn what_looks_at_the_quote_waits_for_it() {
    let asked = request();
    let rules = rules([
        Rule::read("dear", "quote.price > amount('4')", deny()).unwrap(),
        treating("early", "true", Treatment::default()),
    ]);
    assert!(rules.look_at_quotes());
    let before = rules.holding(&facts(&asked, &[])).unwrap();
    assert_eq!(before.names().count(), 1);
    let after = rules.holding(&Facts { quote: Some(quote()), ..facts(&asked, &[]) });
    assert!(matches!(after, Err(Stopped::Denied { .. })));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[ -~]{0,80}") {
        let _ = Rule::read("it", &text, deny());
    }

    #[test]
    fn pieces_put_together_are_read_or_refused_and_never_worse(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 1..12),
    ) {
        let text = pieces.join(" ");
        if let Ok(rule) = Rule::read("it", &text, deny()) {
            let asked = request();
            let _ = rule.holds(&Facts { quote: Some(quote()), ..facts(&asked, &[]) });
        }
    }
}

const PIECES: &[&str] = &[
    "request.count",
    "request.prompt",
    "request.labels",
    "caller.scopes",
    "quote.price",
    "1",
    "0",
    "'a'",
    "true",
    "&&",
    "||",
    "!",
    "==",
    "<",
    "+",
    "-",
    "/",
    "%",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    "in",
    ".size()",
    ".matches('a')",
    "has(request.labels.a)",
    "amount('1')",
    ",",
];
