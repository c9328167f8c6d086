//! Where Google's APIs are asked for pictures: `/{version}/models/{model}:{method}`, and the longer
//! paths of Vertex that end in the same way.

use super::super::head::percent_decoded;

/// The versions that client libraries put first.
const VERSIONS: [&str; 4] = ["v1beta", "v1", "v1beta1", "v1alpha"];

/// What a model is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// A picture from contents.
    Generate,
    /// The same as a stream.
    Stream,
    /// Pictures from instances.
    Predict,
}

impl Verb {
    fn of(word: &str) -> Option<Self> {
        match word {
            "generateContent" => Some(Self::Generate),
            "streamGenerateContent" => Some(Self::Stream),
            "predict" => Some(Self::Predict),
            _ => None,
        }
    }
}

/// The model that a path names, and what it is asked to do, whatever comes before `models/`.
pub(crate) fn called(path: &str) -> Option<(String, Verb)> {
    let (_, call) = path.split_once("models/")?;
    let (model, word) = call.rsplit_once(':')?;
    let verb = Verb::of(word)?;
    Some((named(model)?, verb))
}

/// What a whole path of these APIs asks of a model; `None` for every other path.
pub(crate) fn verb(path: &str) -> Option<Verb> {
    let (version, rest) = path.strip_prefix('/')?.split_once('/')?;
    let is_place = rest.starts_with("models/")
        || rest.starts_with("publishers/google/models/")
        || is_in_a_project(rest);
    let (_, verb) = called(path).filter(|_| is_place && VERSIONS.contains(&version))?;
    Some(verb)
}

/// The name of a model as a path has it.
pub(crate) fn named(model: &str) -> Option<String> {
    percent_decoded(model).filter(|model| !model.is_empty())
}

/// `projects/{project}/locations/{location}/publishers/google/models/…`
fn is_in_a_project(path: &str) -> bool {
    let steps: Vec<&str> = path.splitn(7, '/').collect();
    let ["projects", project, "locations", location, "publishers", "google", model] = *steps else {
        return false;
    };
    !project.is_empty() && !location.is_empty() && model.starts_with("models/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_asked_at_every_path_that_libraries_use() {
        let in_a_project =
            "/v1/projects/p/locations/us-central1/publishers/google/models/m:predict";
        for (path, wanted) in [
            ("/v1beta/models/m:generateContent", Verb::Generate),
            ("/v1/models/m:streamGenerateContent", Verb::Stream),
            ("/v1beta1/publishers/google/models/m:predict", Verb::Predict),
            (in_a_project, Verb::Predict),
        ] {
            assert_eq!(verb(path), Some(wanted), "{path}");
            assert_eq!(called(path), Some(("m".to_owned(), wanted)), "{path}");
        }
        assert_eq!(called("/v1/models/lab/flux:2:predict").unwrap().0, "lab/flux:2");
        assert_eq!(called("/v1/models/lab%2Fflux:predict").unwrap().0, "lab/flux");
    }

    #[test]
    fn other_paths_are_left_to_others() {
        for path in [
            "/v1/models",
            "/v1/models/m",
            "/v1/models/ft:m",
            "/v1/models/:predict",
            "/v2/models/m:predict",
            "/models/m:predict",
            "/v1/images/models/m:predict",
            "/v1/projects//locations/l/publishers/google/models/m:predict",
            "/v1/projects/p/locations/l/publishers/other/models/m:predict",
            "/v1beta/models/m:countTokens",
        ] {
            assert_eq!(verb(path), None, "{path}");
        }
    }
}
