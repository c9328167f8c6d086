//! Models as Google's APIs list them.

use serde_json::{Value, json};

use super::super::{ListedModel, Pieces, WireReply};

/// What every model here can be asked to do.
const METHODS: [&str; 3] = ["generateContent", "streamGenerateContent", "predict"];

/// The list; it is one page.
pub(crate) fn models(models: &[ListedModel<'_>]) -> WireReply {
    let listed: Vec<_> = models.iter().map(listing).collect();
    WireReply::json(200, Pieces::one(json!({ "models": listed }).to_string()))
}

/// One model of it.
pub(crate) fn model(model: &ListedModel<'_>) -> WireReply {
    WireReply::json(200, Pieces::one(listing(model).to_string()))
}

fn listing(model: &ListedModel<'_>) -> Value {
    json!({
        "name": format!("models/{}", model.name),
        "baseModelId": model.name,
        "displayName": model.name,
        "supportedGenerationMethods": METHODS,
    })
}
