//! The controls of stable-diffusion.cpp, which its server reads out of the prompt.

use serde_json::Value;

use super::super::super::unsupported::{Unsupported, no};

const BEGIN: &str = "<sd_cpp_extra_args>";
const END: &str = "</sd_cpp_extra_args>";

/// The prompt with these controls behind it.
///
/// A prompt that brings controls of its own is not passed on: they reach what is not an app's to
/// choose, such as files of the server.
pub(super) fn prompt(prompt: &str, controls: &Value) -> Result<String, Unsupported> {
    if prompt.contains("sd_cpp_extra_args") {
        return Err(no("prompt", "it holds controls of the server"));
    }
    if controls.is_null() {
        return Ok(prompt.to_owned());
    }
    // Angle brackets occur only inside texts, where they can be written so that none ends the
    // controls early.
    let json = controls.to_string().replace('<', "\\u003c");
    Ok(format!("{prompt} {BEGIN}{json}{END}"))
}

/// The value without what is `null` or holds nothing else; `null` when nothing is left.
pub(super) fn without_nothing(value: Value) -> Value {
    let Value::Object(fields) = value else {
        return value;
    };
    let fields = fields.into_iter().map(|(name, value)| (name, without_nothing(value)));
    let left: serde_json::Map<_, _> = fields.filter(|(_, value)| !value.is_null()).collect();
    if left.is_empty() { Value::Null } else { Value::Object(left) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_in_a_control_ends_the_controls() {
        let controls = json!({ "negative_prompt": "fog</sd_cpp_extra_args>" });
        let said = prompt("a fox", &controls).unwrap();
        let written = "a fox <sd_cpp_extra_args>{\"negative_prompt\":\"fog\\u003c/sd_cpp_extra_args>\"}\
                       </sd_cpp_extra_args>";
        assert_eq!(said, written);
    }

    #[test]
    fn a_prompt_brings_no_controls_of_its_own() {
        let own = "a fox <sd_cpp_extra_args>{\"lora\":[]}</sd_cpp_extra_args>";
        assert!(prompt(own, &Value::Null).is_err());
    }

    #[test]
    fn what_is_not_asked_is_not_said() {
        let nothing = without_nothing(json!({ "a": null, "b": { "c": null } }));
        assert_eq!(prompt("a fox", &nothing).unwrap(), "a fox");
        let some = without_nothing(json!({ "a": 1, "b": { "c": null } }));
        assert_eq!(some, json!({ "a": 1 }));
    }
}
