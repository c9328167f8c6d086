//! Every example of `docs/prices.md` is policy, and comes to what the table behind it says.
#![expect(clippy::panic, reason = "a test that cannot go on should stop and say what it saw")]

use pixelgate::canonical::{Operation, Quality, Size, TokenUsage};
use pixelgate::catalog::Tariff;
use pixelgate::policy::{self, PolicyText};
use pixelgate::price::{self, Work};
use serde::Deserialize;

const NOW_MS: i64 = 1_795_000_000_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default = "one")]
    count: u32,
    size: Size,
    quality: Option<Quality>,
    operation: Option<Operation>,
    steps: Option<u32>,
    #[serde(default)]
    inputs: u32,
    #[serde(default)]
    input_pixels: u64,
    #[serde(default)]
    previews: u32,
    #[serde(default)]
    prompt_bytes: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Came {
    count: Option<u32>,
    quality: Option<Quality>,
    text_in: Option<u64>,
    cached_text_in: Option<u64>,
    image_out: Option<u64>,
}

const fn one() -> u32 {
    1
}

impl Asked {
    fn work(&self) -> Work {
        Work {
            operation: self.operation.unwrap_or_default(),
            quality: self.quality,
            steps: self.steps,
            inputs: self.inputs,
            input_pixels: Some(self.input_pixels),
            previews: self.previews,
            text_bytes: self.prompt_bytes,
            ..Work::plain(self.count, self.size)
        }
    }
}

impl Came {
    fn usage(&self) -> Option<TokenUsage> {
        let is_reported = self.text_in.is_some() || self.image_out.is_some();
        is_reported.then(|| TokenUsage {
            text_in: self.text_in.unwrap_or_default(),
            cached_text_in: self.cached_text_in.unwrap_or_default(),
            image_out: self.image_out.unwrap_or_default(),
            ..TokenUsage::default()
        })
    }
}

/// What is between backticks, as TOML.
fn cell<T: for<'de> Deserialize<'de>>(cell: &str) -> T {
    #[derive(Deserialize)]
    struct Held<T> {
        held: T,
    }
    let text = cell.trim_matches('`');
    let held: Result<Held<T>, _> = toml::from_str(&format!("held = {text}"));
    held.unwrap_or_else(|error| panic!("{cell}: {error}")).held
}

fn tariff(example: &str) -> Tariff {
    let text = format!(
        "[vendors.painter]\ndialect = \"painter\"\nbase_url = \"painter:\"\n[models.m]\n{example}\n\
         [[models.m.offerings]]\nvendor = \"painter\"\nsides = {{ min = 64, max = 2048, step = 8 }}\n\
         inputs_max = 2\ncost = [{{ image = \"0\" }}]\n"
    );
    let texts = [PolicyText { file: "prices.md".to_owned(), text }];
    let built = policy::build(&texts, &|_| None);
    let built = built.unwrap_or_else(|faults| panic!("{example}\n{faults:?}"));
    Tariff::clone(built.model("m").unwrap().price.at(NOW_MS))
}

fn check(tariff: &Tariff, row: &str) {
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    let [asked, quoted, came, paid] = cells.as_slice() else { panic!("no four cells: {row}") };
    let (work, came): (Work, Came) = (cell::<Asked>(asked).work(), cell(came));
    let quote = price::quote(tariff, &work).unwrap();
    assert_eq!(quote.to_string(), *quoted, "quote of {row}");
    let done = work.delivered(came.count.unwrap_or(work.count), came.quality, came.usage());
    let charge = price::charge(tariff, &done, quote).unwrap();
    assert_eq!(charge.price.to_string(), *paid, "price of {row}");
}

#[test]
fn every_example_of_the_manual_comes_to_what_it_says() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/prices.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let mut examples = manual.split("```toml\n");
    examples.next();
    let mut rows_seen = 0;
    for example in examples {
        let (example, after) = example.split_once("```\n").unwrap();
        let tariff = tariff(example);
        let table = after.trim_start().lines().take_while(|line| line.starts_with('|'));
        for row in table.filter(|row| row.starts_with("| `{")) {
            check(&tariff, row);
            rows_seen += 1;
        }
    }
    assert!(rows_seen >= 18, "only {rows_seen} rows were found");
}
