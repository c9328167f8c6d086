//! What a deployment costs, as it is written: in dollars per picture, per pixel or per token.
//!
//! LiteLLM counts the first of the prices per picture or pixel that it finds, so the same is done here.
//! Its numbers are floats in YAML; the digits that were written are taken, exactly.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::report::Report;
use super::section::Section;

/// Decimals of an amount.
const DECIMALS: i32 = 9;

/// Prices per unit, in the order in which LiteLLM looks for them.
const PER_UNIT: [&str; 4] = [
    "input_cost_per_image",
    "output_cost_per_image",
    "input_cost_per_pixel",
    "output_cost_per_pixel",
];

/// Prices of tokens, and the class of each.
const PER_TOKEN: [(&str, &str); 6] = [
    ("input_cost_per_token", "text_in"),
    ("cache_read_input_token_cost", "cached_text_in"),
    ("input_cost_per_image_token", "image_in"),
    ("cache_read_input_image_token_cost", "cached_image_in"),
    ("output_cost_per_token", "text_out"),
    ("output_cost_per_image_token", "image_out"),
];

/// Whether anything says what a picture costs.
pub(super) fn is_by_picture(section: &Section) -> bool {
    PER_UNIT.iter().any(|key| section.has(key))
}

/// The cost that these sections say, the first before the second, over what is known; `None` when
/// neither says anything.
pub(super) fn read(
    sections: [&mut Section; 2],
    known: Option<&Value>,
    report: &mut Report,
) -> Option<Value> {
    let mut cost: Option<Value> = None;
    let mut tokens = known.and_then(Value::as_table).cloned().unwrap_or_default();
    let mut has_tokens = false;
    for section in sections {
        for key in PER_UNIT {
            let Some(written) = section.take(key) else { continue };
            let place = section.at(key);
            match unit(key, &written) {
                _ if cost.is_some() => {
                    report.left(place, "LiteLLM counts another price before it");
                }
                None => report.left(place, "is no amount"),
                Some(value) => {
                    report.taken(place, format!("`cost = {value}`, in dollars"));
                    cost = Some(value);
                }
            }
        }
        for (key, class) in PER_TOKEN {
            let Some(written) = section.take(key) else { continue };
            let place = section.at(key);
            let rate = tokens.get_mut("tokens").and_then(|rates| rates.get_mut(class));
            match (amount(&written, 6), rate.and_then(Value::as_table_mut)) {
                (Some(million), Some(rate)) => {
                    report.taken(place, format!("`cost.tokens.{class}.million = \"{million}\"`"));
                    rate.insert("million".to_owned(), Value::String(million));
                    has_tokens = true;
                }
                (None, _) => report.left(place, "is no amount"),
                (Some(_), None) => {
                    let why = "a price of tokens needs a bound on how many a picture takes, and none \
                               is known for this model: docs/prices.md";
                    report.left(place, why);
                }
            }
        }
    }
    cost.or_else(|| has_tokens.then_some(Value::Table(tokens)))
}

fn unit(key: &str, written: &Json) -> Option<Value> {
    let mut row = Table::new();
    if key.ends_with("per_pixel") {
        row.insert("each".to_owned(), Value::String(amount(written, 6)?));
        row.insert("rounded".to_owned(), Value::String("exact".to_owned()));
        row.insert("pixels".to_owned(), Value::Integer(1_000_000));
        let mut table = Table::new();
        table.insert("megapixel".to_owned(), Value::Table(row));
        return Some(Value::Table(table));
    }
    row.insert("image".to_owned(), Value::String(amount(written, 0)?));
    Some(Value::Array(vec![Value::Table(row)]))
}

/// A number as it was written, times ten to this power, as an amount: exact, or rounded up at the last
/// of its nine decimals.
fn amount(written: &Json, power: i32) -> Option<String> {
    let text = match written {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.trim().to_owned(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return None,
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa.to_owned(), exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
    let digits = format!("{whole}{part}");
    let digits: i128 = digits.parse().ok().filter(|_| digits.len() <= 30)?;
    let decimals = i32::try_from(part.len()).ok()?.checked_sub(exponent)?.checked_sub(power)?;
    let shift = DECIMALS.checked_sub(decimals)?;
    let ten = |power: u32| 10_i128.checked_pow(power);
    let nanos = if shift >= 0 {
        digits.checked_mul(ten(shift.unsigned_abs())?)?
    } else {
        let by = ten(shift.unsigned_abs())?;
        digits.checked_add(by.checked_sub(1)?)?.checked_div(by)?
    };
    let nanos = i64::try_from(nanos).ok().filter(|nanos| *nanos >= 0)?;
    Some(crate::credits::Cost::from_nanos(nanos).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_that_were_written_are_the_amount() {
        let of = |text: &str, power| amount(&serde_json::from_str(text).unwrap(), power);
        for (text, power, amount) in [
            ("0.04", 0, "0.04"),
            ("0", 0, "0"),
            ("0.0", 0, "0"),
            ("8.39233e-08", 6, "0.0839233"),
            ("3e-05", 6, "30"),
            ("\"0.134\"", 0, "0.134"),
            ("1.9e-08", 0, "0.000000019"),
            ("1.91e-09", 0, "0.000000002"),
        ] {
            assert_eq!(of(text, power).as_deref(), Some(amount), "{text}");
        }
        for text in ["-1", "\"cheap\"", "[]", "1e40"] {
            assert_eq!(of(text, 0), None, "{text}");
        }
    }
}
