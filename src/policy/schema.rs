//! What policy may say, as a JSON Schema: for editors, and for the reference in the docs.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw::RawFile;

/// The schema of a file of policy, in the draft of 2020-12, made of the types that files are read into.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<RawFile>().to_value()
}
