//! What LiteLLM calls the vendors that are spoken to here, for those who bring its configuration along.
//!
//! Facts: LiteLLM 1.109, `litellm_params.model` is `prefix/model`, or a bare model of OpenAI's; the
//! variables and addresses are those that it looks for when a deployment names none.

/// What a `litellm_params.model` stands for here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The dialect of the vendor.
    pub dialect: &'static str,
    /// The vendor's own name of the model, as an offering spells it.
    pub model: String,
    /// The model behind a deployment that has a name of its own; else the same as `model`.
    pub base_model: String,
    /// Where the vendor is.
    pub place: Place,
    /// The variable of the environment that its credential is in unless a deployment says.
    pub variable: &'static str,
    /// Whether it is a server of one's own that may ask for no credential.
    pub may_need_no_key: bool,
    /// Whether the vendor sells nothing but pictures, so that an entry needs no word on its mode.
    pub draws_only: bool,
}

/// Where a vendor is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this address unless a deployment says otherwise.
    At(&'static str),
    /// Wherever the deployment says: a server or a resource of one's own.
    Own,
    /// In a project of Google's cloud, by its location.
    Project,
    /// In a region of Amazon's cloud.
    Region,
}

struct Row {
    prefix: &'static str,
    dialect: &'static str,
    variable: &'static str,
    place: Place,
    draws_only: bool,
}

const fn row(
    prefix: &'static str,
    dialect: &'static str,
    variable: &'static str,
    place: Place,
) -> Row {
    Row { prefix, dialect, variable, place, draws_only: false }
}

const fn of_pictures(
    prefix: &'static str,
    dialect: &'static str,
    variable: &'static str,
    place: Place,
) -> Row {
    Row { prefix, dialect, variable, place, draws_only: true }
}

const GOOGLE: &str = "https://generativelanguage.googleapis.com/v1beta";

const ROWS: &[Row] = &[
    row("openai", "openai", "OPENAI_API_KEY", Place::At("https://api.openai.com/v1")),
    row("azure", "azure", "AZURE_API_KEY", Place::Own),
    row("gemini", "gemini", "GEMINI_API_KEY", Place::At(GOOGLE)),
    row("vertex_ai", "gemini", "VERTEXAI_CREDENTIALS", Place::Project),
    row("bedrock", "bedrock", "BEDROCK_CREDENTIAL", Place::Region),
    of_pictures("black_forest_labs", "bfl", "BFL_API_KEY", Place::At("https://api.bfl.ai/v1")),
    of_pictures("fal_ai", "fal", "FAL_AI_API_KEY", Place::At("https://queue.fal.run")),
    of_pictures(
        "stability",
        "stability",
        "STABILITY_API_KEY",
        Place::At("https://api.stability.ai"),
    ),
    of_pictures(
        "recraft",
        "recraft",
        "RECRAFT_API_KEY",
        Place::At("https://external.api.recraft.ai/v1"),
    ),
    row("xai", "xai", "XAI_API_KEY", Place::At("https://api.x.ai/v1")),
    row(
        "fireworks_ai",
        "fireworks",
        "FIREWORKS_API_KEY",
        Place::At("https://api.fireworks.ai/inference/v1"),
    ),
    row("together_ai", "together", "TOGETHERAI_API_KEY", Place::At("https://api.together.xyz/v1")),
    row(
        "deepinfra",
        "deepinfra",
        "DEEPINFRA_API_KEY",
        Place::At("https://api.deepinfra.com/v1/inference"),
    ),
    row("replicate", "replicate", "REPLICATE_API_KEY", Place::At("https://api.replicate.com/v1")),
    // Servers that are compatible with OpenAI's API.
    row("hosted_vllm", "openai", "HOSTED_VLLM_API_KEY", Place::Own),
    row("xinference", "openai", "XINFERENCE_API_KEY", Place::Own),
    row("openai_like", "openai", "OPENAI_LIKE_API_KEY", Place::Own),
    row("custom_openai", "openai", "OPENAI_API_KEY", Place::Own),
    row("litellm_proxy", "openai", "LITELLM_PROXY_API_KEY", Place::Own),
    row("nscale", "openai", "NSCALE_API_KEY", Place::At("https://inference.api.nscale.com/v1")),
];

/// What this name stands for: by its prefix, or by the one beside it (`custom_llm_provider`); `None`
/// for a vendor that is not spoken to here.
pub fn named(text: &str, prefix: Option<&str>, base_model: Option<&str>) -> Option<Named> {
    let (prefix, model) = match (prefix, text.split_once('/')) {
        (Some(prefix), Some((own, model))) if own == prefix => (prefix, model),
        (Some(prefix), _) => (prefix, text),
        (None, Some(both)) => both,
        (None, None) => ("openai", text),
    };
    let row = ROWS.iter().find(|row| row.prefix == prefix)?;
    let base_model = base_model.map_or(model, |base| base.rsplit('/').next().unwrap_or(base));
    let is_deployment = row.dialect == "azure" && base_model != model;
    Some(Named {
        dialect: if row.dialect == "gemini" && model.starts_with("imagen") {
            "imagen"
        } else {
            row.dialect
        },
        model: if is_deployment { format!("{model}/{base_model}") } else { model.to_owned() },
        base_model: base_model.to_owned(),
        place: row.place,
        variable: row.variable,
        may_need_no_key: row.place == Place::Own && row.dialect == "openai",
        draws_only: row.draws_only,
    })
}

/// Where a project of Google's cloud sells models, and how a credential is shown there.
pub fn project(project: &str, location: &str) -> (String, &'static str) {
    let host = match location {
        "global" => "aiplatform.googleapis.com".to_owned(),
        _ => format!("{location}-aiplatform.googleapis.com"),
    };
    let path = format!("v1/projects/{project}/locations/{location}/publishers/google");
    (format!("https://{host}/{path}"), "google-service-account")
}

/// Where a region of Amazon's cloud sells models, and how a credential is shown there.
pub fn region(region: &str) -> (String, String) {
    let url = format!("https://bedrock-runtime.{region}.amazonaws.com");
    (url, format!("sigv4: {region}/bedrock"))
}

/// Every prefix that stands for something, in the order of the table.
pub fn prefixes() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_stands_for_a_dialect_with_a_vendor_side() {
        for row in ROWS {
            let dialect = super::super::by_name(row.dialect).unwrap();
            assert!(dialect.vendor.is_some(), "{}", row.prefix);
        }
    }

    #[test]
    fn a_name_is_split_at_its_prefix_alone() {
        let stands = |text: &str| named(text, None, None).map(|named| (named.dialect, named.model));
        let is = |dialect, model: &str| Some((dialect, model.to_owned()));
        assert_eq!(stands("fal_ai/fal-ai/flux/schnell"), is("fal", "fal-ai/flux/schnell"));
        assert_eq!(stands("gpt-image-1.5"), is("openai", "gpt-image-1.5"));
        assert_eq!(
            stands("gemini/imagen-4.0-generate-001"),
            is("imagen", "imagen-4.0-generate-001")
        );
        assert_eq!(stands("runwayml/gen4_image"), None);
        let beside = named("my/model", Some("openai"), None).unwrap();
        assert_eq!((beside.dialect, &*beside.model), ("openai", "my/model"));
    }

    #[test]
    fn a_deployment_of_azure_names_the_model_behind_it() {
        let named = named("azure/pictures-eu", None, Some("azure/gpt-image-1.5")).unwrap();
        assert_eq!(named.model, "pictures-eu/gpt-image-1.5");
        assert_eq!(named.base_model, "gpt-image-1.5");
    }
}
