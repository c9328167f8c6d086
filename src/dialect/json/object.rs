//! A JSON object that remembers whether a key came twice; the usual reading keeps the last.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// An object as it was written, which remembers a key that came twice.
pub(super) struct Object {
    pub(super) map: Map<String, Value>,
    pub(super) twice: Option<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Object, A::Error> {
        let (mut map, mut twice) = (Map::new(), None);
        while let Some(name) = entries.next_key::<String>()? {
            if map.contains_key(&name) {
                entries.next_value::<IgnoredAny>()?;
                twice = Some(name);
            } else {
                map.insert(name, entries.next_value()?);
            }
        }
        Ok(Object { map, twice })
    }
}
