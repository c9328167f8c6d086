//! What others call the companies behind some dialects, in traces.

/// The company behind a vendor side in the words of OpenTelemetry (`gen_ai.provider.name`).
///
/// `None` for those that an operator would call the same, which go by their names in policy.
/// <https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/>
pub fn traced_as(dialect: &str) -> Option<&'static str> {
    match dialect {
        "azure" => Some("azure.ai.openai"),
        "bedrock" => Some("aws.bedrock"),
        "gemini" => Some("gcp.gemini"),
        "imagen" => Some("gcp.vertex_ai"),
        "xai" => Some("x_ai"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_of_a_dialect_with_a_vendor_side() {
        let named = super::super::ALL.iter().filter(|dialect| traced_as(dialect.name).is_some());
        let vendors = named.filter(|dialect| dialect.vendor.is_some());
        assert_eq!(vendors.count(), 5);
        assert_eq!(traced_as("openai"), None);
    }
}
