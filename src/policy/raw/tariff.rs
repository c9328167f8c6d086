//! A price or a cost as it is written: a list of rows, or a table of components.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::canonical::{Quality, Size};
use crate::catalog::TokenClass;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct RawTable {
    pub(in super::super) from: Option<Spanned<String>>,
    pub(in super::super) images: Vec<RawRow>,
    pub(in super::super) megapixel: Option<Spanned<RawPixelRate>>,
    pub(in super::super) input_image: Option<Spanned<String>>,
    pub(in super::super) input_megapixel: Option<Spanned<RawPixelRate>>,
    pub(in super::super) steps: Option<RawStepRate>,
    pub(in super::super) tokens: BTreeMap<TokenClass, RawTokenRate>,
    pub(in super::super) minimum: Option<Spanned<String>>,
    pub(in super::super) refused: Option<Spanned<String>>,
    pub(in super::super) expression: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawRow {
    pub(in super::super) up_to: Option<Size>,
    pub(in super::super) quality: Option<Quality>,
    pub(in super::super) image: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawPixelRate {
    pub(in super::super) first: Option<Spanned<String>>,
    pub(in super::super) each: Spanned<String>,
    pub(in super::super) rounded: Rounded,
    pub(in super::super) pixels: Option<Spanned<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Rounded {
    Up,
    Exact,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawStepRate {
    pub(in super::super) each: Option<Spanned<String>>,
    pub(in super::super) usual: NonZeroU32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawTokenRate {
    pub(in super::super) million: Option<Spanned<String>>,
    pub(in super::super) max: Option<Spanned<u64>>,
    #[serde(default)]
    pub(in super::super) max_by: Vec<RawTokenRow>,
    #[serde(default)]
    pub(in super::super) preview: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct RawTokenRow {
    pub(in super::super) up_to: Option<Size>,
    pub(in super::super) quality: Option<Quality>,
    pub(in super::super) tokens: u64,
}

/// Either form; a list of rows is a table with nothing else.
#[derive(Debug)]
pub(in super::super) struct RawTariff(pub(in super::super) RawTable);

impl<'de> Deserialize<'de> for RawTariff {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Either)
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = RawTariff;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows such as [{ image = \"1\" }], or a table of components")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, rows: A) -> Result<RawTariff, A::Error> {
        let images = Vec::deserialize(SeqAccessDeserializer::new(rows))?;
        Ok(RawTariff(RawTable { images, ..RawTable::default() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<RawTariff, A::Error> {
        RawTable::deserialize(MapAccessDeserializer::new(table)).map(RawTariff)
    }
}
