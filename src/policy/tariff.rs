//! What a policy file says of prices and costs, as tariffs and their books.

use std::ops::Range;
use std::sync::Arc;

use super::spanned::Spanned;
use sha2::{Digest, Sha256};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::canonical::Size;
use crate::catalog::{
    Expression, Fact, PixelRate, PriceBook, StepRate, Tariff, TariffRow, TokenClass, TokenRate,
    TokenRow,
};
use crate::credits::Credits;
use crate::expression::BadExpression;
use crate::price;

use super::build::Faults;
use super::raw::{RawPixelRate, RawTable, RawTariff, RawTokenRate, Rounded};

/// The pixels of a megapixel unless policy says otherwise.
const PIXELS_USUAL: u64 = 1 << 20;

/// What a version is called that counts from the beginning.
const ALWAYS: &str = "always";

/// Whether apps pay it or vendors charge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What apps pay.
    Price,
    /// What vendors charge.
    Cost,
}

/// Every version of a price or a cost.
pub(super) fn book(
    raw: &Spanned<RawTariff>,
    later: &[Spanned<RawTariff>],
    (kind, place): (Kind, &str),
    faults: &mut Faults<'_>,
) -> PriceBook {
    let mut reader = Reader { kind, place: place.to_owned(), span: raw.span(), faults };
    if let Some(from) = &raw.get_ref().0.from {
        let hint = "leave it out here: what counts from a later date is a list of its own";
        reader.note(from.span(), "from", "the first version has no date".to_owned(), hint);
    }
    let first = reader.tariff(&raw.get_ref().0, ALWAYS);
    let mut versions: Vec<(i64, Tariff)> = Vec::new();
    for (index, raw) in later.iter().enumerate() {
        let place = format!("{}.{index}", kind.later(place));
        let mut reader = Reader { kind, place, span: raw.span(), faults: &mut *reader.faults };
        let Some((from_ms, named)) = reader.from(&raw.get_ref().0) else { continue };
        if versions.iter().any(|(other_ms, _)| *other_ms == from_ms) {
            let problem = format!("another version counts from {named} too");
            reader.note(raw.span(), "from", problem, "keep one of them");
        }
        versions.push((from_ms, reader.tariff(&raw.get_ref().0, &named)));
    }
    PriceBook::new(first, versions)
}

impl Kind {
    /// Where later versions of what is at a place are.
    fn later(self, place: &str) -> String {
        let parent = place.rsplit_once('.').map_or(place, |(parent, _)| parent);
        match self {
            Self::Price => format!("{parent}.later_prices"),
            Self::Cost => format!("{parent}.later_costs"),
        }
    }
}

struct Reader<'f, 'a> {
    kind: Kind,
    place: String,
    span: Range<usize>,
    faults: &'f mut Faults<'a>,
}

impl Reader<'_, '_> {
    fn note(&mut self, span: Range<usize>, key: &str, problem: String, hint: &str) {
        let place = match key {
            "" => self.place.clone(),
            key => format!("{}.{key}", self.place),
        };
        self.faults.note(span, place, problem, hint);
    }

    fn from(&mut self, raw: &RawTable) -> Option<(i64, String)> {
        let hint = "write a day, which begins at midnight UTC, such as \"2027-01-01\", or a \
                    moment, such as \"2027-01-01T09:00:00Z\"";
        let Some(from) = &raw.from else {
            let span = self.span.clone();
            self.note(span, "from", "does not say from when it counts".to_owned(), hint);
            return None;
        };
        let text = from.get_ref();
        let found = moment_ms(text);
        if found.is_none() {
            self.note(from.span(), "from", format!("`{text}` is no date"), hint);
        }
        Some((found?, text.clone()))
    }

    fn tariff(&mut self, raw: &RawTable, named: &str) -> Tariff {
        let mut tariff = Tariff {
            version: Arc::default(),
            rows: self.rows(raw),
            megapixel: self.pixel_rate("megapixel", raw.megapixel.as_ref()),
            input_nanos: self.amount("input_image", raw.input_image.as_ref()),
            input_megapixel: self.pixel_rate("input_megapixel", raw.input_megapixel.as_ref()),
            steps: raw.steps.as_ref().map(|steps| StepRate {
                step_nanos: self.amount("steps.each", steps.each.as_ref()),
                usual: steps.usual.get(),
            }),
            tokens: raw
                .tokens
                .iter()
                .map(|(class, rate)| (*class, self.rate(*class, rate)))
                .collect(),
            minimum_nanos: self.amount("minimum", raw.minimum.as_ref()),
            refused_nanos: self.amount("refused", raw.refused.as_ref()),
            expression: raw.expression.as_ref().and_then(|text| self.expression(text)),
            adjustments: Vec::new(),
        };
        if let (Kind::Price, Some(refused)) = (self.kind, &raw.refused) {
            let hint = "remove it; what a vendor bills for a refusal belongs to `cost`";
            self.note(refused.span(), "refused", "apps never pay for a refusal".to_owned(), hint);
        }
        let is_said = raw.expression.is_some() || !raw.images.is_empty();
        if tariff.is_empty() && !is_said {
            let hint =
                "write at least [{ image = \"1\" }]; a price of \"0\" is allowed, no price is not";
            let span = self.span.clone();
            self.note(span, "", "has no rows".to_owned(), hint);
        }
        self.bounds(&tariff, raw);
        tariff.version = version(&tariff, named);
        tariff
    }

    fn rows(&mut self, raw: &RawTable) -> Vec<TariffRow> {
        let mut rows = Vec::new();
        for row in &raw.images {
            let image_nanos = self.amount("", Some(&row.image));
            let pixels_max = row.up_to.map(Size::pixels);
            rows.push(TariffRow { pixels_max, quality: row.quality, image_nanos });
        }
        rows.sort_by_key(|row| row.pixels_max.unwrap_or(u64::MAX));
        rows
    }

    /// Money in nano-units; both kinds are written alike.
    fn amount(&mut self, key: &str, text: Option<&Spanned<String>>) -> i64 {
        let Some(text) = text else { return 0 };
        match text.get_ref().parse::<Credits>() {
            Ok(amount) => amount.nanos(),
            Err(error) => {
                self.note(text.span(), key, error.to_string(), "");
                0
            }
        }
    }

    fn pixel_rate(&mut self, key: &str, raw: Option<&Spanned<RawPixelRate>>) -> Option<PixelRate> {
        let (span, raw) = (raw?.span(), raw?.get_ref());
        let more_nanos = self.amount(key, Some(&raw.each));
        let rounded_up = raw.rounded == Rounded::Up;
        if raw.first.is_some() && !rounded_up {
            let problem = "has a first megapixel and does not round".to_owned();
            self.note(span, key, problem, "write rounded = \"up\", or leave `first` out");
        }
        let first = raw.first.as_ref().map(|first| self.amount(key, Some(first)));
        let pixels = raw.pixels.as_ref().map_or(PIXELS_USUAL, |pixels| *pixels.get_ref());
        if let (Some(at), false) = (&raw.pixels, matches!(pixels, 1_000_000 | PIXELS_USUAL)) {
            let hint = "write 1000000 or 1048576";
            self.note(at.span(), key, format!("a megapixel has not {pixels} pixels"), hint);
            return None;
        }
        Some(PixelRate { first_nanos: first.unwrap_or(more_nanos), more_nanos, pixels, rounded_up })
    }

    fn rate(&mut self, class: TokenClass, raw: &RawTokenRate) -> TokenRate {
        let key = format!("tokens.{}", class.name());
        let rows = raw.max_by.iter().map(|row| TokenRow {
            pixels_max: row.up_to.map(Size::pixels),
            quality: row.quality,
            tokens: row.tokens,
        });
        let mut rows: Vec<TokenRow> = rows.collect();
        rows.sort_by_key(|row| row.pixels_max.unwrap_or(u64::MAX));
        TokenRate {
            million_nanos: self.amount(&key, raw.million.as_ref()),
            most: raw.max.as_ref().map(|most| *most.get_ref()),
            rows,
            preview: raw.preview,
        }
    }

    /// What can come to any number of tokens has no quote.
    fn bounds(&mut self, tariff: &Tariff, raw: &RawTable) {
        let span = self.span.clone();
        for (class, rate) in &tariff.tokens {
            let key = format!("tokens.{}", class.name());
            let is_bounded = rate.most.is_some() || !rate.rows.is_empty();
            let has_whole = |whole: TokenClass| tariff.tokens.contains_key(&whole);
            match class {
                TokenClass::CachedTextIn | TokenClass::CachedImageIn
                    if !class.part_of().is_some_and(has_whole) =>
                {
                    let whole = class.part_of().unwrap_or(*class);
                    let problem = format!("is a part of `{}`, which has no rate", whole.name());
                    self.note(span.clone(), &key, problem, "give that one a rate too");
                }
                TokenClass::TextOut | TokenClass::ImageOut if !is_bounded => {
                    let problem = "has no bound, so that nothing could be quoted".to_owned();
                    let hint = "write max = 1120, the most tokens of a picture, or max_by = [{ up_to = \
                                \"1024x1024\", quality = \"low\", tokens = 196 }]";
                    self.note(span.clone(), &key, problem, hint);
                }
                TokenClass::TextIn | TokenClass::ImageIn if !rate.rows.is_empty() => {
                    let problem = "is not by size and quality".to_owned();
                    self.note(span.clone(), &key, problem, "write max, and no max_by");
                }
                TokenClass::TextIn
                | TokenClass::ImageIn
                | TokenClass::TextOut
                | TokenClass::ImageOut
                | TokenClass::CachedTextIn
                | TokenClass::CachedImageIn => {}
            }
        }
        let (Some(formula), Some(text)) = (&tariff.expression, &raw.expression) else { return };
        self.known(formula, tariff, &text.span());
    }

    /// What a formula depends on must be known, or bounded, of every request.
    fn known(&mut self, formula: &Expression, tariff: &Tariff, span: &Range<usize>) {
        if formula.uses(Fact::Steps) && tariff.steps.is_none() {
            let hint = "write steps = { usual = 28 } beside it";
            let problem = "depends on `steps`, and nothing says how many are usual".to_owned();
            self.note(span.clone(), "expression", problem, hint);
        }
        for class in TokenClass::ALL {
            let whole = class.part_of().unwrap_or(class);
            let fact = Fact::ALL.into_iter().find(|fact| fact.name() == class.name());
            let is_used = fact.is_some_and(|fact| formula.uses(fact));
            if is_used && !tariff.tokens.contains_key(&whole) {
                let name = whole.name();
                let hint = format!("write tokens = {{ {name} = {{ max = 1120 }} }} beside it");
                let problem = format!("depends on `{}`, which has no bound", class.name());
                self.note(span.clone(), "expression", problem, &hint);
            }
        }
    }

    fn expression(&mut self, text: &Spanned<String>) -> Option<Expression> {
        match price::read(text.get_ref()) {
            Ok(expression) => Some(expression),
            Err(BadExpression { problem, hint }) => {
                self.note(text.span(), "expression", problem, &hint);
                None
            }
        }
    }
}

/// Milliseconds since the Unix epoch of a day or a moment.
fn moment_ms(text: &str) -> Option<i64> {
    let day = format_description!("[year]-[month]-[day]");
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok();
    let midnight = || Date::parse(text, &day).ok().map(|day| day.midnight().assume_utc());
    let nanos = moment.or_else(midnight)?.unix_timestamp_nanos();
    i64::try_from(nanos.div_euclid(1_000_000)).ok()
}

/// From when it counts, and a short hash of all that it says.
fn version(tariff: &Tariff, named: &str) -> Arc<str> {
    let text = serde_json::to_vec(tariff).unwrap_or_default();
    let hash = Sha256::digest(&text);
    let short = hash.iter().take(4).fold(0_u64, |short, byte| (short << 8) | u64::from(*byte));
    format!("{named}.{short:08x}").into()
}
