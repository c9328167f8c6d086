//! A price never exceeds its quote, whatever a vendor makes of the work; and what each component
//! comes to.

use proptest::prelude::*;

use crate::canonical::{Operation, Quality, Size, TokenUsage};
use crate::catalog::{
    Adjustment, Expression, PixelRate, StepRate, Tariff, TariffRow, TokenClass, TokenRate, TokenRow,
};

use super::*;

mod formulas;

const FOUR: Work = Work::plain(4, Size::new(1024, 1024));

const MEGAPIXEL: u64 = 1 << 20;

fn credits(nanos: i64) -> Credits {
    Credits::from_nanos(nanos)
}

#[test]
fn a_picture_that_was_not_delivered_is_not_paid_for() {
    let delivered = FOUR.delivered(3, None, None);
    assert_eq!(quote(&Tariff::flat(5), &FOUR), Ok(credits(20)));
    assert_eq!(price(&Tariff::flat(5), &delivered), Ok(credits(15)));
    assert_eq!(cost(&Tariff::flat(2), &delivered), Ok(Cost::from_nanos(6)));
}

#[test]
fn work_without_a_row_is_unpriced_and_a_sum_too_large_is_an_error() {
    assert_eq!(quote(&Tariff::default(), &FOUR), Err(PriceError::Unpriced));
    assert_eq!(quote(&Tariff::flat(i64::MAX), &FOUR), Err(PriceError::Overflow));
    assert_eq!(cost(&Tariff::flat(i64::MAX), &FOUR), Err(PriceError::Overflow));
}

const fn pixels(first_nanos: i64, more_nanos: i64, rounded_up: bool) -> PixelRate {
    PixelRate { first_nanos, more_nanos, pixels: MEGAPIXEL, rounded_up }
}

#[test]
fn a_megapixel_that_is_begun_counts_as_whole_where_policy_rounds_up() {
    let tariff = Tariff { megapixel: Some(pixels(30, 15, true)), ..Tariff::default() };
    let of = |width, height| quote(&tariff, &Work::plain(1, Size::new(width, height)));
    assert_eq!(of(16, 16), Ok(credits(30)));
    assert_eq!(of(1024, 1024), Ok(credits(30)));
    assert_eq!(of(1024, 1025), Ok(credits(45)));
    assert_eq!(of(2048, 2048), Ok(credits(75)));
}

#[test]
fn what_is_exact_is_rounded_up_once_at_the_end() {
    let tariff = Tariff { megapixel: Some(pixels(3, 3, false)), ..Tariff::default() };
    // Half a megapixel, four times: six nano-units, and not four times two.
    let half = Size::new(1024, 512);
    assert_eq!(quote(&tariff, &Work::plain(4, half)), Ok(credits(6)));
    assert_eq!(quote(&tariff, &Work::plain(1, half)), Ok(credits(2)));
}

#[test]
fn input_pictures_count_by_number_and_by_their_pixels_together() {
    let tariff =
        Tariff { input_nanos: 7, input_megapixel: Some(pixels(100, 100, true)), ..Tariff::flat(1) };
    let two = Work { inputs: 2, input_pixels: Some(MEGAPIXEL * 3 / 2), ..FOUR };
    assert_eq!(quote(&tariff, &two), Ok(credits(4 + 14 + 200)));
    assert_eq!(quote(&tariff, &FOUR), Ok(credits(4)));
    let to_come = Work { unseen_pixels: MEGAPIXEL, ..two };
    assert_eq!(quote(&tariff, &to_come), Ok(credits(4 + 14 + 300)));
    let unreadable = Work { input_pixels: None, ..two };
    assert_eq!(quote(&tariff, &unreadable), Err(PriceError::Unknown("input_pixels")));
}

#[test]
fn steps_count_for_each_picture_and_the_usual_ones_where_none_are_asked() {
    let steps = Some(StepRate { step_nanos: 10, usual: 4 });
    let tariff = Tariff { steps, ..Tariff::default() };
    assert_eq!(quote(&tariff, &FOUR), Ok(credits(160)));
    assert_eq!(quote(&tariff, &Work { steps: Some(2), ..FOUR }), Ok(credits(80)));
}

fn rate(million: i64, most: u64) -> TokenRate {
    TokenRate { million_nanos: million * 1_000_000, most: Some(most), ..TokenRate::default() }
}

fn by_tokens() -> Tariff {
    let tokens = [
        (TokenClass::TextIn, TokenRate { most: None, ..rate(5, 0) }),
        (TokenClass::CachedTextIn, TokenRate { most: None, ..rate(1, 0) }),
        (TokenClass::ImageOut, TokenRate { preview: 100, ..rate(30, 1000) }),
    ];
    Tariff { tokens: tokens.into(), ..Tariff::default() }
}

#[test]
fn tokens_are_quoted_by_their_bound_and_paid_as_reported() {
    let asked = Work { text_bytes: 20, previews: 2, ..FOUR };
    let bound = 5 * (20 + 100) + 30 * 4 * (1000 + 200);
    assert_eq!(quote(&by_tokens(), &asked), Ok(credits(bound)));
    let usage =
        TokenUsage { text_in: 30, cached_text_in: 10, image_out: 800, ..TokenUsage::default() };
    let came = asked.delivered(4, None, Some(usage));
    assert_eq!(price(&by_tokens(), &came), Ok(credits(5 * 20 + 10 + 30 * 800)));
    // Silence is no gift.
    assert_eq!(price(&by_tokens(), &asked.delivered(4, None, None)), Ok(credits(bound)));
}

#[test]
fn tokens_above_their_bound_are_ours_to_pay() {
    let quoted = quote(&by_tokens(), &FOUR).unwrap();
    let usage = TokenUsage { image_out: 5000, ..TokenUsage::default() };
    let came = FOUR.delivered(4, None, Some(usage));
    let charged = charge(&by_tokens(), &came, quoted).unwrap();
    assert_eq!(charged.price, quoted);
    let full = credits(30 * 5000);
    assert_eq!(charged.overrun, full.minus(quoted).unwrap());
    assert_eq!(cost(&by_tokens(), &came), Ok(Cost::from_nanos(full.nanos())));
}

#[test]
fn a_request_comes_to_its_minimum_at_least_and_its_parts_tell_why() {
    let tariff = Tariff { minimum_nanos: 50, ..Tariff::flat(5) };
    assert_eq!(quote(&tariff, &FOUR), Ok(credits(50)));
    let told: Vec<_> = quoted_parts(&tariff, &FOUR).unwrap().told().collect();
    assert_eq!(told, [(Part::Images, 20), (Part::Minimum, 30)]);
    assert_eq!(quote(&tariff, &Work::plain(20, FOUR.size)), Ok(credits(100)));
}

#[test]
fn a_formula_stands_beside_the_other_components() {
    let expression = Some(read("count * (steps > 4 ? amount(\"0.000000002\") : 1)").unwrap());
    let steps = Some(StepRate { step_nanos: 0, usual: 28 });
    let tariff = Tariff { steps, expression, ..Tariff::flat(10) };
    assert_eq!(quote(&tariff, &FOUR), Ok(credits(48)));
    assert_eq!(quote(&tariff, &Work { steps: Some(4), ..FOUR }), Ok(credits(44)));
    // A discount takes off at most all there is.
    let expression = Some(read("0 - 1000").unwrap());
    assert_eq!(quote(&Tariff { expression, ..Tariff::flat(10) }, &FOUR), Ok(credits(0)));
}

fn qualities() -> impl Strategy<Value = Option<Quality>> {
    prop::sample::select(vec![
        None,
        Some(Quality::Low),
        Some(Quality::Medium),
        Some(Quality::High),
        Some(Quality::Max),
    ])
}

fn classes() -> impl Strategy<Value = Option<u64>> {
    prop::sample::select(vec![Some(100), Some(10_000), None])
}

fn rows() -> impl Strategy<Value = Vec<TariffRow>> {
    prop::collection::vec((classes(), qualities(), 0..1000_i64), 0..8).prop_map(|rows| {
        let row =
            |(pixels_max, quality, image_nanos)| TariffRow { pixels_max, quality, image_nanos };
        let mut rows: Vec<TariffRow> = rows.into_iter().map(row).collect();
        rows.sort_by_key(|row| row.pixels_max.unwrap_or(u64::MAX));
        rows
    })
}

fn rates() -> impl Strategy<Value = Option<PixelRate>> {
    let size = prop::sample::select(vec![1_000_000, MEGAPIXEL]);
    prop::option::of((0..9_i64, 0..9_i64, size, any::<bool>()).prop_map(
        |(first_nanos, more_nanos, pixels, rounded_up)| {
            let first_nanos = if rounded_up { first_nanos } else { more_nanos };
            PixelRate { first_nanos, more_nanos, pixels, rounded_up }
        },
    ))
}

/// A rate for each class, bounded as the classes are bounded.
fn token_rates() -> impl Strategy<Value = Vec<(TokenClass, TokenRate)>> {
    let row = (classes(), qualities(), 0..400_u64);
    let rows = prop::collection::vec(row, 0..4);
    let each = (0..5_000_000_i64, 0..500_u64, rows, 0..40_u64);
    prop::collection::vec(each, 6).prop_map(|each| {
        let rate = |(class, (million_nanos, most, rows, preview))| {
            let is_out = matches!(class, TokenClass::TextOut | TokenClass::ImageOut);
            let mut rows: Vec<TokenRow> = Vec::from_iter(rows)
                .into_iter()
                .map(|(pixels_max, quality, tokens)| TokenRow { pixels_max, quality, tokens })
                .collect();
            rows.sort_by_key(|row| row.pixels_max.unwrap_or(u64::MAX));
            let is_by_row = is_out && !rows.is_empty();
            let most = (class != TokenClass::TextIn && !is_by_row).then_some(most);
            let rows = if is_out { rows } else { Vec::new() };
            (class, TokenRate { million_nanos, most, rows, preview })
        };
        TokenClass::ALL.into_iter().zip(each).map(rate).collect()
    })
}

/// Formulas that grow and shrink with what comes, and one that jumps.
const FORMULAS: [&str; 6] = [
    "count * 3 + image_out / 7",
    "ceil_div(image_out * 5, max(1, text_out))",
    "1000 - image_out",
    "quality == \"high\" ? 700 - count : quality in [\"low\", \"max\"] ? text_in * 2 : 90 % (count + 1)",
    "image_out > 300 && image_in != 0 ? 5 : 4000",
    "operation == \"edit\" || !(width < height) ? inputs * 40 - cached_text_in : pixels - steps",
];

fn formulas() -> impl Strategy<Value = Option<Expression>> {
    let text = prop::sample::select(FORMULAS.to_vec());
    prop::option::of(text.prop_map(|text| read(text).unwrap()))
}

prop_compose! {
    fn tariffs()(
        rows in rows(),
        megapixel in rates(),
        input_megapixel in rates(),
        (input_nanos, minimum_nanos, step_nanos) in (0..50_i64, 0..3000_i64, 0..20_i64),
        tokens in token_rates(),
        picked in prop::collection::vec(any::<bool>(), 6),
        expression in formulas(),
        adjustments in prop::collection::vec(
            (0..300_u32, 0..9_i64).prop_map(|(percent, image_nanos)| Adjustment { percent, image_nanos }),
            0..3,
        ),
    ) -> Tariff {
        // What a formula may depend on is bounded, and what is cached is a part of a whole.
        let picks: Vec<(TokenClass, bool)> = TokenClass::ALL.into_iter().zip(picked).collect();
        let is_picked = |class: TokenClass| picks.contains(&(class, true));
        let tokens = tokens.into_iter().filter(|(class, _)| match class.part_of() {
            None => is_picked(*class) || expression.is_some(),
            Some(whole) => is_picked(*class) && (is_picked(whole) || expression.is_some()),
        });
        Tariff {
            rows,
            megapixel,
            input_nanos,
            input_megapixel,
            steps: Some(StepRate { step_nanos, usual: 7 }),
            tokens: tokens.collect(),
            minimum_nanos,
            expression,
            adjustments,
            ..Tariff::default()
        }
    }
}

prop_compose! {
    fn works()(
        count in 1..9_u32,
        (width, height) in (1..200_u32, 1..200_u32),
        quality in qualities(),
        steps in prop::option::of(1..50_u32),
        inputs in 0..4_u32,
        input_pixels in 0..5_000_000_u64,
        unseen_pixels in prop_oneof![Just(0), 0..5_000_000_u64],
        (masks, previews, calls) in (0..2_u32, 0..4_u32, 1..4_u32),
        text_bytes in 0..2000_u64,
    ) -> Work {
        let operation = if inputs > 0 { Operation::Edit } else { Operation::Generate };
        let input_pixels = Some(if inputs > 0 { input_pixels } else { 0 });
        let unseen_pixels = if inputs > 0 { unseen_pixels } else { 0 };
        Work {
            operation, count, size: Size::new(width, height), quality, steps, inputs,
            input_pixels, unseen_pixels, masks, previews, text_bytes, calls, usage: None,
        }
    }
}

/// Tokens as a share of the most that there may be, in percent.
fn reported(tariff: &Tariff, work: &Work, percent: [u64; 6]) -> TokenUsage {
    let share = |class: TokenClass, percent: u64| {
        tokens::most(tariff, class, work).unwrap_or(1000) * percent / 100
    };
    let [text_in, cached_text, image_in, cached_image, text_out, image_out] = percent;
    TokenUsage {
        text_in: share(TokenClass::TextIn, text_in),
        cached_text_in: share(TokenClass::TextIn, cached_text),
        image_in: share(TokenClass::ImageIn, image_in),
        cached_image_in: share(TokenClass::ImageIn, cached_image),
        text_out: share(TokenClass::TextOut, text_out),
        image_out: share(TokenClass::ImageOut, image_out),
    }
}

proptest! {
    #[test]
    fn within_what_policy_bounds_a_price_never_exceeds_its_quote(
        tariff in tariffs(),
        work in works(),
        came in 1..12_u32,
        resolved in qualities(),
        percent in prop::option::of(prop::array::uniform6(0..=100_u64)),
        fetched in 0..=100_u64,
    ) {
        if let Ok(quote) = quote(&tariff, &work) {
            let count = came.min(work.count);
            let within = Work { count, quality: work.quality.or(resolved), ..work };
            let usage = percent.map(|percent| reported(&tariff, &within, percent));
            let pixels = work.input_pixels.map(|seen| seen + work.unseen_pixels * fetched / 100);
            let here = Work { input_pixels: pixels, unseen_pixels: 0, ..work };
            let price = price(&tariff, &here.delivered(came, resolved, usage));
            prop_assert!(price.is_ok_and(|price| price <= quote), "{:?} of {:?}", price, quote);
        }
    }

    #[test]
    fn nobody_pays_more_than_the_quote_whatever_a_vendor_says(
        tariff in tariffs(),
        work in works(),
        came in 1..12_u32,
        resolved in qualities(),
        percent in prop::array::uniform6(0..=900_u64),
    ) {
        if let Ok(quote) = quote(&tariff, &work) {
            let usage = Some(reported(&tariff, &work, percent));
            let charge = charge(&tariff, &work.delivered(came, resolved, usage), quote);
            if let Ok(Charge { price, overrun }) = charge {
                prop_assert!(price <= quote && overrun >= Credits::ZERO);
                prop_assert!(overrun == Credits::ZERO || price == quote);
            }
        }
    }

    #[test]
    fn a_sum_is_its_parts_and_rounds_up_once(tariff in tariffs(), work in works()) {
        if let (Ok(quote), Ok(parts)) = (quote(&tariff, &work), quoted_parts(&tariff, &work)) {
            let told: Vec<i64> = parts.told().map(|(_, nanos)| nanos).collect();
            let sum: i64 = told.iter().sum();
            // Each is rounded up by itself for telling, so the parts may show a little more.
            let least = quote.nanos();
            let most = least + i64::try_from(told.len()).unwrap();
            prop_assert!(sum < 0 || (least..=most).contains(&sum), "{} of {}", sum, least);
        }
    }

    #[test]
    fn a_tariff_is_kept_and_read_back_to_the_last_nano(tariff in tariffs(), work in works()) {
        let kept = serde_json::to_string(&tariff).unwrap();
        let read: Tariff = serde_json::from_str(&kept).unwrap();
        prop_assert_eq!(quote(&read, &work), quote(&tariff, &work));
    }
}
