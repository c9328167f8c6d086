//! What it costs to quote: by rows, by every component, by a formula, and the same formula by the
//! interpreter of the library that reads it.

#![allow(missing_docs, reason = "criterion's macros make public functions without documentation")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should stop")]

use std::hint::black_box;

use cel::{Context, Program};
use criterion::{Criterion, criterion_group, criterion_main};
use pixelgate::canonical::{Quality, Size, TokenUsage};
use pixelgate::catalog::{PixelRate, StepRate, Tariff, TariffRow, TokenClass, TokenRate};
use pixelgate::price::{Work, charge, quote, quoted_parts, read};

const FORMULA: &str =
    "count * (ceil_div(width, 512) * ceil_div(height, 512) * 52800 + steps * 105600)";

fn rows() -> Tariff {
    let row = |pixels_max, quality, image_nanos| TariffRow { pixels_max, quality, image_nanos };
    let mut rows = Vec::new();
    for pixels_max in [Some(1_100_000), Some(4_300_000), None] {
        for quality in [None, Some(Quality::Low), Some(Quality::High)] {
            rows.push(row(pixels_max, quality, 40_000_000));
        }
    }
    Tariff { rows, ..Tariff::default() }
}

fn everything() -> Tariff {
    let rate = Some(PixelRate {
        first_nanos: 30_000_000,
        more_nanos: 15_000_000,
        pixels: 1 << 20,
        rounded_up: true,
    });
    let tokens = TokenClass::ALL.map(|class| {
        let most = Some(1120);
        (class, TokenRate { million_nanos: 5_000_000_000, most, ..TokenRate::default() })
    });
    Tariff {
        megapixel: rate,
        input_nanos: 2_000_000,
        input_megapixel: rate,
        steps: Some(StepRate { step_nanos: 350_000, usual: 4 }),
        tokens: tokens.into(),
        minimum_nanos: 10_000_000,
        ..rows()
    }
}

fn formula() -> Tariff {
    let steps = Some(StepRate { step_nanos: 0, usual: 4 });
    Tariff { expression: Some(read(FORMULA).unwrap()), steps, ..Tariff::default() }
}

fn prices(c: &mut Criterion) {
    let asked = Work::plain(4, Size::new(3000, 2000));
    let asked = Work { inputs: 2, input_pixels: Some(3_000_000), text_bytes: 400, ..asked };
    let tariffs = [("rows", rows()), ("every component", everything()), ("a formula", formula())];
    for (name, tariff) in &tariffs {
        c.bench_function(&format!("price/quote by {name}"), |b| {
            b.iter(|| quote(black_box(tariff), black_box(&asked)));
        });
    }
    let tariff = everything();
    let usage = TokenUsage { text_in: 90, image_out: 4000, ..TokenUsage::default() };
    let came = asked.delivered(4, Some(Quality::High), Some(usage));
    let most = quote(&tariff, &asked).unwrap();
    c.bench_function("price/charge by every component", |b| {
        b.iter(|| charge(black_box(&tariff), black_box(&came), most));
    });
    c.bench_function("price/parts by every component", |b| {
        b.iter(|| quoted_parts(black_box(&tariff), black_box(&asked)));
    });
    c.bench_function("price/read a formula", |b| b.iter(|| read(black_box(FORMULA))));
}

/// The same formula by the library's own interpreter, for comparison.
fn interpreted(c: &mut Criterion) {
    let program = Program::compile(FORMULA).unwrap();
    c.bench_function("price/the same formula, interpreted", |b| {
        b.iter(|| {
            let mut context = Context::default();
            context.add_function("ceil_div", |a: i64, b: i64| (a + b - 1) / b).unwrap();
            for (name, number) in [("count", 4), ("width", 3000), ("height", 2000), ("steps", 4)] {
                context.add_variable_from_value(name, number);
            }
            program.execute(black_box(&context))
        });
    });
}

criterion_group!(benches, prices, interpreted);
criterion_main!(benches);
