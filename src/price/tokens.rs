//! How many tokens of a class there are, or may be.

use crate::canonical::TokenUsage;
use crate::catalog::{Tariff, TokenClass, TokenRate};

use super::{PriceError, Work};

/// Tokens on each call beside those of the words that are said: what frames them. A token is at
/// least one byte, so words never come to more tokens than they have bytes.
pub const TEXT_TOKENS_BESIDE: u64 = 100;

/// Tokens of a class that are billed at its rate, or may be, and the nano-units for a million.
///
/// Before they are known, those of the class that may be cached count at the dearer of the two
/// rates, all of them, and the cached class counts nothing.
pub(super) fn billed(
    tariff: &Tariff,
    (class, rate): (TokenClass, &TokenRate),
    work: &Work,
) -> Result<(u64, i64), PriceError> {
    let cached = TokenClass::ALL.into_iter().find(|part| part.part_of() == Some(class));
    let cached = cached.and_then(|part| Some((part, tariff.tokens.get(&part)?)));
    let Some(usage) = &work.usage else {
        if class.part_of().is_some() {
            return Ok((0, rate.million_nanos));
        }
        let dearer =
            cached.map_or(rate.million_nanos, |(_, own)| own.million_nanos.max(rate.million_nanos));
        return Ok((most(tariff, class, work)?, dearer));
    };
    let own = reported(usage, class);
    let apart = cached.map_or(0, |(part, _)| reported(usage, part));
    Ok((own.saturating_sub(apart), rate.million_nanos))
}

/// The most tokens of a class that the work may take, within what policy bounds.
pub(super) fn most(tariff: &Tariff, class: TokenClass, work: &Work) -> Result<u64, PriceError> {
    let class = class.part_of().unwrap_or(class);
    let rate = tariff.tokens.get(&class).ok_or_else(|| PriceError::Unknown(class.name()))?;
    let calls = u64::from(work.calls.max(1));
    let all = match class {
        TokenClass::TextIn | TokenClass::CachedTextIn => {
            let each = rate.most.or_else(|| work.text_bytes.checked_add(TEXT_TOKENS_BESIDE));
            each.and_then(|each| each.checked_mul(calls))
        }
        TokenClass::ImageIn | TokenClass::CachedImageIn => {
            let pictures = u64::from(work.inputs).checked_add(u64::from(work.masks));
            let pictures = pictures.and_then(|pictures| pictures.checked_mul(calls));
            match (rate.most, pictures) {
                (None, Some(1..)) => return Err(PriceError::Unknown(class.name())),
                (most, pictures) => most.unwrap_or(0).checked_mul(pictures.unwrap_or(u64::MAX)),
            }
        }
        TokenClass::TextOut | TokenClass::ImageOut => {
            let by_row = rate.most_by_row(work.size, work.quality);
            let by_row = by_row.or_else(|| rate.most_by_row(work.size, None));
            let each = rate.most.or(by_row).ok_or(PriceError::Unpriced)?;
            let previews = rate.preview.checked_mul(u64::from(work.previews));
            let each = previews.and_then(|previews| previews.checked_add(each));
            each.and_then(|each| each.checked_mul(u64::from(work.count)))
        }
    };
    all.ok_or(PriceError::Overflow)
}

/// Tokens of a class as the vendor reported them.
pub(super) const fn reported(usage: &TokenUsage, class: TokenClass) -> u64 {
    match class {
        TokenClass::TextIn => usage.text_in,
        TokenClass::CachedTextIn => least(usage.cached_text_in, usage.text_in),
        TokenClass::ImageIn => usage.image_in,
        TokenClass::CachedImageIn => least(usage.cached_image_in, usage.image_in),
        TokenClass::TextOut => usage.text_out,
        TokenClass::ImageOut => usage.image_out,
    }
}

/// A part is never more than the whole, whatever a vendor says.
const fn least(part: u64, whole: u64) -> u64 {
    if part < whole { part } else { whole }
}
