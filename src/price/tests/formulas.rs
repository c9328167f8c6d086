//! Formulas: what is taken, what is refused and how, and that they come to what CEL says.

use cel::{Context, Program, Value};

use crate::catalog::Fact;

use super::super::formula::{Known, range};
use super::*;

const SOME: [i64; Fact::ALL.len()] =
    [2, 640, 480, 307_200, 28, 1, 9_000, 0, 12, 3, 250, 0, 40, 1_120];

fn comes_to(text: &str) -> Result<i64, PriceError> {
    let known = Known::exactly(SOME, Some(Quality::High), Operation::Edit);
    range(&read(text).unwrap().number, &known).map(|range| {
        assert_eq!(range.least, range.most, "what is known exactly comes to one number");
        range.most
    })
}

#[test]
fn a_formula_comes_to_a_whole_number_of_nanos() {
    let cases = [
        ("count * steps", 56),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("-7 % 4", -3),
        ("ceil_div(7, 2)", 4),
        ("ceil_div(-7, 2)", -3),
        ("min(width, height) + max(1, previews)", 481),
        ("amount(\"0.000000528\") * ceil_div(width, 512) * ceil_div(height, 512)", 1056),
        ("quality in [\"high\", \"max\"] && operation != \"generate\" ? 1 : 2", 1),
        ("\"low\" == quality || !(text_in >= 13) ? 3 : 4", 3),
        ("steps <= 28 ? image_out : 1 / 0", 1_120),
    ];
    for (text, number) in cases {
        assert_eq!(comes_to(text), Ok(number), "{text}");
    }
}

#[test]
fn what_has_no_result_is_an_error_and_never_a_wrap() {
    assert_eq!(comes_to("1 / previews"), Err(PriceError::DividedByZero));
    assert_eq!(comes_to("9223372036854775807 + count"), Err(PriceError::Overflow));
    assert_eq!(comes_to("-9223372036854775807 - count"), Err(PriceError::Overflow));
    assert_eq!(comes_to("pixels * pixels * pixels * pixels"), Err(PriceError::Overflow));
}

#[test]
fn what_is_no_formula_is_refused_with_what_to_write_instead() {
    let cases = [
        ("count *", "is not CEL"),
        ("count * 1.5", "`1.5` is a number with decimals"),
        ("credits * 2", "nothing is known as `credits`"),
        ("count > 1", "is a truth, where a whole number"),
        ("quality * 2", "`quality` is a word and no number"),
        ("steps ? 1 : 2", "`steps` is neither true nor false"),
        ("quality == \"highest\" ? 1 : 2", "`\"highest\"` is none of the words"),
        ("steps == \"4\" ? 1 : 2", "`steps` is a number and no word"),
        ("[1, 2].map(x, x)", "a list, a map, a loop or a field"),
        ("request.count", "a list, a map, a loop or a field"),
        ("\"a\".size()", "a call on something"),
        ("size(\"aaa\")", "`size` is no function"),
        ("min(1)", "`min` is no function, or takes other arguments"),
        ("amount(4)", "`4` is no amount"),
        ("amount(\"4.\")", "`4.` is not an amount"),
        ("99999999999999999999", "is not CEL"),
    ];
    for (text, problem) in cases {
        let bad = read(text).unwrap_err();
        assert!(bad.problem.contains(problem), "{text}: {}", bad.problem);
        assert!(!bad.hint.is_empty(), "{text}");
    }
}

#[test]
fn a_formula_is_bounded_before_it_is_read() {
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    let choices = |count: usize| format!("{}1", "2>1?1:".repeat(count));
    let sum = |count: usize| format!("{}1", "1+".repeat(count));
    for taken in [nested(12), choices(12), sum(100), format!("{}1", "-".repeat(100))] {
        assert!(read(&taken).is_ok(), "{taken}");
    }
    for refused in [nested(13), choices(13), sum(101), nested(400), "?".repeat(900)] {
        assert!(read(&refused).unwrap_err().problem.contains("nested more than"), "{refused}");
    }
    assert!(read(&" ".repeat(TEXT_BYTES_MAX + 1)).unwrap_err().problem.contains("longer than"));
}

/// Any formula, from its leaves up.
fn texts() -> impl Strategy<Value = String> {
    let names = Fact::ALL.map(|fact| fact.name().to_owned()).to_vec();
    let leaf = prop_oneof![
        prop::sample::select(names),
        (-9..99_i64).prop_map(|number| number.to_string()),
        Just("9223372036854775807".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let sign = prop::sample::select(vec!["+", "-", "*", "/", "%"]);
        let call = prop::sample::select(vec!["min", "max", "ceil_div"]);
        let order = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
        let word = prop::sample::select(vec![
            "quality == \"low\"",
            "quality in [\"high\", \"max\"]",
            "operation != \"edit\"",
            "true",
        ]);
        let both = (inner.clone(), inner);
        prop_oneof![
            (sign, both.clone()).prop_map(|(sign, (a, b))| format!("({a}) {sign} ({b})")),
            (call, both.clone()).prop_map(|(call, (a, b))| format!("{call}({a}, {b})")),
            (order, word, both.clone(), both).prop_map(|(order, word, (a, b), (c, d))| format!(
                "({a}) {order} ({b}) && !({word}) || {word} ? ({c}) : ({d})"
            )),
        ]
    })
}

/// What the interpreter of the library says.
fn as_cel_says(text: &str, facts: [i64; Fact::ALL.len()], quality: Quality) -> Option<i64> {
    let program = Program::compile(text).unwrap();
    let mut context = Context::default();
    for (fact, number) in Fact::ALL.into_iter().zip(facts) {
        context.add_variable_from_value(fact.name(), number);
    }
    context.add_variable_from_value("quality", quality.name());
    context.add_variable_from_value("operation", "edit");
    context
        .add_function("ceil_div", |a: i64, b: i64| -> Result<i64, cel::ExecutionError> {
            let wrong = || cel::ExecutionError::function_error("ceil_div", "no");
            let (a, b) = (i128::from(a), i128::from(b));
            let up =
                a.checked_div(b).ok_or_else(wrong)? + i128::from(a % b != 0 && (a < 0) == (b < 0));
            i64::try_from(up).map_err(|_| wrong())
        })
        .unwrap();
    context.add_function("min", |a: i64, b: i64| a.min(b)).unwrap();
    context.add_function("max", |a: i64, b: i64| a.max(b)).unwrap();
    match program.execute(&context) {
        Ok(Value::Int(number)) => Some(number),
        Ok(other) => panic!("{text} is {other:?}"),
        Err(_) => None,
    }
}

fn facts() -> impl Strategy<Value = [i64; Fact::ALL.len()]> {
    prop::array::uniform14(0..2000_i64)
}

proptest! {
    #[test]
    fn a_formula_comes_to_what_cel_says(
        text in texts(),
        facts in facts(),
        quality in prop::sample::select(vec![Quality::Low, Quality::High, Quality::Max]),
    ) {
        let known = Known::exactly(facts, Some(quality), Operation::Edit);
        let ours = range(&read(&text).unwrap().number, &known).ok().map(|range| range.most);
        prop_assert_eq!(ours, as_cel_says(&text, facts, quality), "{}", text);
    }

    #[test]
    fn whatever_may_come_lies_within_what_was_expected(
        text in texts(),
        (one, other) in (facts(), facts()),
        share in prop::array::uniform14(0..=100_i64),
        quality in prop::option::of(Just(Quality::Low)),
    ) {
        let number = read(&text).unwrap().number;
        let least = Known::exactly(one, quality, Operation::Edit);
        let expected = least.between(&Known::exactly(other, Some(Quality::Low), Operation::Edit));
        let mut came = one;
        for ((own, other), share) in came.iter_mut().zip(other).zip(share) {
            *own += (other - *own) * share / 100;
        }
        let came = Known::exactly(came, Some(Quality::Low), Operation::Edit);
        if let Ok(expected) = range(&number, &expected) {
            let came = range(&number, &came).unwrap();
            prop_assert!(expected.least <= came.least && came.most <= expected.most, "{}", text);
        }
    }
}
