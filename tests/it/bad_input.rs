//! What apps get wrong, in each dialect's own error shape; nothing of it is charged.

use serde_json::{Value, json};

use crate::world::{OPENAI, POSTEVERYWHERE, World};

#[tokio::test(flavor = "multi_thread")]
async fn an_openai_client_is_told_which_field_is_wrong() {
    let world = World::painted("10");
    let cases: &[(&str, Value, &str)] = &[
        (r#"{"model": "paint", "prompt": "#, Value::Null, ""),
        ("[]", Value::Null, ""),
        (r#"{"model": "paint"}"#, json!("prompt"), "missing_required_parameter"),
        (r#"{"model": "paint", "prompt": 5}"#, json!("prompt"), "invalid_type"),
        (r#"{"model": "paint", "prompt": "x", "n": 0}"#, json!("n"), "integer_below_min_value"),
        (r#"{"model": "paint", "prompt": "x", "n": 11}"#, json!("n"), "integer_above_max_value"),
        (r#"{"model": "paint", "prompt": "x", "n": "2"}"#, json!("n"), "invalid_type"),
        (r#"{"model": "paint", "prompt": "x", "size": "0x0"}"#, json!("size"), "invalid_value"),
        (
            r#"{"model": "paint", "prompt": "x", "quality": "best"}"#,
            json!("quality"),
            "invalid_value",
        ),
        (
            r#"{"model": "paint", "prompt": "x", "output_compression": 101}"#,
            json!("output_compression"),
            "integer_above_max_value",
        ),
        (
            r#"{"model": "paint", "prompt": "x", "colour": "red"}"#,
            json!("colour"),
            "unknown_parameter",
        ),
    ];
    for (body, param, code) in cases {
        let reply = world.post_as(&world.key, OPENAI, (*body).to_owned()).await;
        let error = reply.json()["error"].clone();
        assert_eq!(reply.status, 400, "{body}: {error}");
        assert_eq!(error["type"], "invalid_request_error", "{body}");
        assert_eq!(error["param"], *param, "{body}: {error}");
        if !code.is_empty() {
            assert_eq!(error["code"], *code, "{body}: {error}");
        }
        assert!(reply.header("x-request-id").is_some());
    }
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posteverywhere_client_is_told_in_its_own_shape() {
    let world = World::painted("10");
    let cases = [
        "{",
        r#"{"model": "paint"}"#,
        r#"{"model": "paint", "prompt": ""}"#,
        r#"{"prompt": "x"}"#,
        r#"{"model": "nope", "prompt": "x"}"#,
        r#"{"model": "paint", "prompt": "x", "aspect_ratio": "2:1"}"#,
        r#"{"model": "paint", "prompt": 7}"#,
    ];
    for body in cases {
        let reply = world.post_as(&world.key, POSTEVERYWHERE, body.to_owned()).await;
        let json = reply.json();
        assert_eq!(reply.status, 400, "{body}: {json}");
        assert!(
            json["error"]["code"].is_string() && json["error"]["message"].is_string(),
            "{json}"
        );
        assert!(json["meta"]["request_id"].as_str().unwrap().starts_with("req_"), "{json}");
        assert!(json["meta"]["timestamp"].as_str().unwrap().ends_with('Z'), "{json}");
    }
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_model_a_wrong_method_and_an_impossible_size_are_each_said() {
    let world = World::painted("10");
    let unknown = world.post(OPENAI, &json!({"model": "nope", "prompt": "x"})).await;
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].clone()),
        (404, json!("model_not_found"))
    );
    let method = world.get(OPENAI).await;
    assert_eq!((method.status, method.header("allow")), (405, Some("POST")));
    assert!(method.json()["error"]["message"].is_string());
    let huge =
        world.post(OPENAI, &json!({"model": "paint", "prompt": "x", "size": "9000x9000"})).await;
    assert_eq!(huge.status, 400, "{}", huge.json());
    assert_eq!(world.available(), "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_of_the_longest_length_passes_and_one_more_character_fails() {
    let policy = crate::world::PAINTED.replace("can = [", "prompt_chars_max = 40000, can = [");
    let world = World::with(&policy, "10", "");
    for (length, status) in [(32_000, 200), (32_001, 400)] {
        // Characters, not bytes: each of these is three bytes long.
        let asked = json!({"model": "paint", "prompt": "雪".repeat(length), "size": "16x16"});
        assert_eq!(world.post(OPENAI, &asked).await.status, status, "{length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_the_rules_deny_is_refused_before_anything_is_consumed() {
    let policy = format!(
        "{}\n[[rules.denied_terms]]\nterm = \"gorgon\"\nmessage = \"gorgons are not drawn here\"\n",
        crate::world::PAINTED
    );
    let world = World::with(&policy, "10", "");
    let asked = json!({"model": "paint", "prompt": "A Gorgon, smiling"});
    let reply = world.post(OPENAI, &asked).await;
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].clone()),
        (400, json!("moderation_blocked"))
    );
    assert_eq!(world.post(POSTEVERYWHERE, &asked).await.status, 400);
    assert_eq!(world.available(), "10");
}
