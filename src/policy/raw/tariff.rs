//! A price or a cost as it is written: a list of rows, or a table of components.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use super::super::spanned::Spanned;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::canonical::{Quality, Size};
use crate::catalog::TokenClass;

/// A price or cost as a table of components, which add up: docs/prices.md.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Table")]
pub(in super::super) struct RawTable {
    /// From when it counts: a day, or a moment such as `2027-01-01T09:00:00Z`; for later versions
    /// only.
    pub(in super::super) from: Option<Spanned<String>>,
    /// Rows by size class and quality; the first that is large enough counts.
    pub(in super::super) images: Vec<RawRow>,
    /// For each megapixel of pictures.
    pub(in super::super) megapixel: Option<Spanned<RawPixelRate>>,
    /// For each input picture.
    pub(in super::super) input_image: Option<Spanned<String>>,
    /// For each megapixel of input pictures.
    pub(in super::super) input_megapixel: Option<Spanned<RawPixelRate>>,
    /// For each step of each picture.
    pub(in super::super) steps: Option<RawStepRate>,
    /// For tokens as the vendor reports them, by class.
    pub(in super::super) tokens: BTreeMap<TokenClass, RawTokenRate>,
    /// What a whole request comes to at least.
    pub(in super::super) minimum: Option<Spanned<String>>,
    /// What a call comes to whose content the vendor refused; for costs only.
    pub(in super::super) refused: Option<Spanned<String>>,
    /// A formula in CEL for the whole request, in nano-units.
    pub(in super::super) expression: Option<Spanned<String>>,
}

/// What a picture of a size class and quality comes to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Row")]
pub(in super::super) struct RawRow {
    /// The largest size of the class, by its pixels; any size unless said.
    pub(in super::super) up_to: Option<Size>,
    /// The quality; any unless said.
    pub(in super::super) quality: Option<Quality>,
    /// The amount for each picture.
    pub(in super::super) image: Spanned<String>,
}

/// An amount for each megapixel.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PixelRate")]
pub(in super::super) struct RawPixelRate {
    /// What the first one comes to, where that differs.
    pub(in super::super) first: Option<Spanned<String>>,
    /// The amount for each.
    pub(in super::super) each: Spanned<String>,
    /// Whether a megapixel that is begun counts as whole.
    pub(in super::super) rounded: Rounded,
    /// Pixels of a megapixel. 1048576 unless said.
    pub(in super::super) pixels: Option<Spanned<u64>>,
}

/// Whether a megapixel that is begun counts as whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Rounded {
    /// As whole.
    Up,
    /// As the part that it is.
    Exact,
}

/// An amount for each step of each picture.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StepRate")]
pub(in super::super) struct RawStepRate {
    /// The amount for each.
    pub(in super::super) each: Option<Spanned<String>>,
    /// How many are taken when none are asked for.
    pub(in super::super) usual: NonZeroU32,
}

/// An amount for a class of tokens, and their bound, which a quote needs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TokenRate")]
pub(in super::super) struct RawTokenRate {
    /// The amount for a million.
    pub(in super::super) million: Option<Spanned<String>>,
    /// The most that a picture, an input picture or a call takes.
    pub(in super::super) max: Option<Spanned<u64>>,
    /// The most by size class and quality.
    #[serde(default)]
    pub(in super::super) max_by: Vec<RawTokenRow>,
    /// How many each preview takes on top.
    #[serde(default)]
    pub(in super::super) preview: u64,
}

/// The most tokens of a size class and quality.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TokenRow")]
pub(in super::super) struct RawTokenRow {
    /// The largest size of the class, by its pixels; any size unless said.
    pub(in super::super) up_to: Option<Size>,
    /// The quality; any unless said.
    pub(in super::super) quality: Option<Quality>,
    /// So many.
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

impl JsonSchema for RawTariff {
    fn schema_name() -> Cow<'static, str> {
        "Tariff".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A price or a cost: rows by size class and quality, or a table of components.",
            "anyOf": [
                generator.subschema_for::<Vec<RawRow>>(),
                generator.subschema_for::<RawTable>(),
            ],
        })
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
