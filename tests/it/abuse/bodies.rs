//! Bodies that are more than they seem, or say two things at once.

use serde_json::json;

use super::{Siege, good_body};
use crate::vendor::png;
use crate::world::{NEARIQ, OPENAI, POSTEVERYWHERE, Reply, World, read};

const PATHS: &[&str] = &[OPENAI, "/v1/images/edits", POSTEVERYWHERE, NEARIQ, "/v1/images"];

async fn posted(siege: &Siege, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Reply {
    let world = &siege.world;
    let request = world
        .client
        .post(format!("{}{path}", world.public))
        .header("content-type", kind)
        .header("authorization", format!("Bearer {}", world.key))
        .body(body.into());
    read(request).await
}

/// Must be the caller's fault, in words.
fn is_refused(reply: &Reply, what: &str) {
    let said = String::from_utf8_lossy(&reply.bytes);
    assert!((400..500).contains(&reply.status), "{what} came to {}: {said}", reply.status);
    assert!(said.starts_with('{'), "{what} came to {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_refused_unread() {
    let siege = Siege::start().await;
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, gzip, gzip", "x-made-up"] {
        let request = siege
            .world
            .client
            .post(format!("{}{OPENAI}", siege.world.public))
            .header("content-type", "application/json")
            .header("content-encoding", coding)
            .header("authorization", format!("Bearer {}", siege.world.key))
            .body(vec![0x1f; 2000]);
        let reply = read(request).await;
        assert_eq!(reply.status, 400, "{coding}");
        let said = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(said.contains("Content-Encoding"), "{said}");
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_a_hundred_thousand_levels_deep_is_refused() {
    let siege = Siege::start().await;
    let bodies: Vec<String> = [("[", "]"), ("{\"a\":", "}")]
        .into_iter()
        .flat_map(|(open, close)| {
            let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            let inside = format!(r#"{{"model":"remote","prompt":"x","extra":{deep}}}"#);
            [deep, inside, open.repeat(100_000)]
        })
        .collect();
    for path in PATHS {
        for body in &bodies {
            is_refused(&posted(&siege, path, "application/json", body.as_str()).await, path);
        }
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_given_twice_is_refused() {
    let siege = Siege::start().await;
    for body in [
        r#"{"model":"remote","model":"paint","prompt":"x","size":"64x64"}"#,
        r#"{"model":"remote","prompt":"x","prompt":"y","size":"64x64"}"#,
        r#"{"model":"remote","prompt":"x","size":"64x64","n":1,"n":10}"#,
        r#"{"model":"remote","prompt":"x","size":"64x64","\u006e":1,"n":10}"#,
    ] {
        is_refused(&posted(&siege, OPENAI, "application/json", body).await, body);
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_unicode_text_is_refused() {
    let siege = Siege::start().await;
    let bodies: &[&[u8]] = &[
        b"{\"model\":\"remote\",\"prompt\":\"\xff\xfe\",\"size\":\"64x64\"}",
        b"{\"model\":\"remote\",\"prompt\":\"\xc0\xaf\",\"size\":\"64x64\"}",
        b"{\"model\":\"remote\",\"prompt\":\"\xed\xa0\x80\",\"size\":\"64x64\"}",
        b"{\"model\":\"remote\",\"prompt\":\"\\ud800\",\"size\":\"64x64\"}",
        b"{\"model\":\"remote\",\"prompt\":\"\\udc00\\ud800\",\"size\":\"64x64\"}",
        b"{\"model\":\"remote\",\"prompt\":\"a\0b\",\"size\":\"64x64\"}",
        b"{\"model\":\"remote\xff\",\"prompt\":\"a\",\"size\":\"64x64\"}",
        b"\xef\xbb\xbf{\"model\":\"remote\",\"prompt\":\"a\",\"size\":\"64x64\"}",
        b"\xff\xfe{\0}\0",
        b"\0",
        b"",
    ];
    for body in bodies {
        let what = String::from_utf8_lossy(body).into_owned();
        is_refused(&posted(&siege, OPENAI, "application/json", *body).await, &what);
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_letter_in_a_field_breaks_nothing() {
    let siege = Siege::start().await;
    for field in ["model", "prompt", "size", "user", "quality", "background"] {
        let mut body = json!({"model": "paint", "prompt": "a", "size": "32x32"});
        body[field] = json!("a\u{0}b");
        for path in [OPENAI, POSTEVERYWHERE] {
            let reply = posted(&siege, path, "application/json", body.to_string()).await;
            assert!(reply.status < 500, "{field} came to {}", reply.json());
        }
    }
    let listed = siege.world.cli(&["usage", "exposures"]);
    assert!(!listed.contains('\0'));
    assert_eq!(siege.world.paint().await.status, 200);
    siege.world.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_beyond_all_bounds_is_refused() {
    let siege = Siege::start().await;
    for number in [
        "1e400",
        "-1e400",
        "1e308",
        "99999999999999999999",
        "-9223372036854775809",
        "18446744073709551616",
        "0.5",
        "-1",
        "1.0e0000000000000000000000001",
        "NaN",
        "Infinity",
        "0x10",
        "01",
        &"9".repeat(100_000),
    ] {
        for field in ["n", "output_compression"] {
            let body =
                format!(r#"{{"model":"remote","prompt":"x","size":"64x64","{field}":{number}}}"#);
            let what = number.get(..number.len().min(30)).unwrap();
            is_refused(&posted(&siege, OPENAI, "application/json", body).await, what);
        }
    }
    for size in ["99999999999x1", "4294967297x64", "-64x64", "64x64x64", "1e3x64", "0x64", "x", ""]
    {
        let body = json!({"model": "remote", "prompt": "x", "size": size}).to_string();
        is_refused(&posted(&siege, OPENAI, "application/json", body).await, size);
    }
    siege.stands().await;
}

/// A picture of these sides, as far as its head says.
fn claiming(side: u32) -> Vec<u8> {
    let mut picture = crate::world::from_base64(&json!(png(8, 8)));
    picture[16..20].copy_from_slice(&side.to_be_bytes());
    picture[20..24].copy_from_slice(&side.to_be_bytes());
    picture
}

/// An upload, with these lines before its picture.
fn form(boundary: &str, picture: &[u8]) -> Vec<u8> {
    let text = |name: &str, value: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let mut body =
        (text("model", "remote") + &text("prompt", "x") + &text("size", "64x64")).into_bytes();
    body.extend(
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"../../a.png\"\r\n\
             Content-Type: image/png\r\n\r\n"
        )
        .bytes(),
    );
    body.extend(picture);
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_claims_billions_of_pixels_is_refused() {
    use base64::Engine as _;
    let siege = Siege::start().await;
    for side in [60_000, u32::MAX, 0] {
        let picture = claiming(side);
        let reply = posted(
            &siege,
            "/v1/images/edits",
            "multipart/form-data; boundary=b",
            form("b", &picture),
        )
        .await;
        is_refused(&reply, "an upload");
        let base64 = base64::engine::general_purpose::STANDARD.encode(&picture);
        let body = json!({
            "model": "remote", "prompt": "x", "size": "64x64",
            "images": [{ "image_url": format!("data:image/png;base64,{base64}") }],
        });
        let reply = posted(&siege, "/v1/images/edits", "application/json", body.to_string()).await;
        is_refused(&reply, "a picture in the body");
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_sense_or_end_is_refused() {
    let siege = Siege::start().await;
    let picture = crate::world::from_base64(&json!(png(8, 8)));
    let good = form("b", &picture);
    let part = "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n";
    let boundary = "b".repeat(5000);
    let kind = |boundary: &str| format!("multipart/form-data; boundary={boundary}");
    let forms = [
        ("multipart/form-data".to_owned(), good.clone()),
        (kind(""), good.clone()),
        (kind("\"b"), good.clone()),
        (kind("other"), good.clone()),
        (kind("b"), good[..good.len() - 6].to_vec()),
        (kind("b"), good[..40].to_vec()),
        (kind("b"), Vec::new()),
        (kind("b"), part.repeat(100_000).into_bytes()),
        (kind("b"), format!("--b\r\n{}", "X-A: b\r\n".repeat(100_000)).into_bytes()),
        (kind("b"), format!("--b\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n\r\n--b--\r\n", "x".repeat(1 << 20)).into_bytes()),
        (kind("b"), b"--b\r\nContent-Disposition: form-data; name=\"model\r\nX-A: b\"\r\n\r\nremote\r\n--b--\r\n".to_vec()),
        (kind(&boundary), form(&boundary, &picture)),
        (kind("b"), "--b".repeat(500_000).into_bytes()),
        (kind("b"), "\r\n--".repeat(500_000).into_bytes()),
    ];
    for (kind, body) in forms {
        let what = format!("{:?}", String::from_utf8_lossy(&body[..body.len().min(60)]));
        is_refused(&posted(&siege, "/v1/images/edits", &kind, body).await, &what);
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_kind_than_it_says_is_refused() {
    let siege = Siege::start().await;
    for kind in ["text/html", "application/xml", "application/x-www-form-urlencoded", "image/png"] {
        for body in ["<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>", "a=b"] {
            is_refused(&posted(&siege, OPENAI, kind, body).await, kind);
        }
    }
    siege.stands().await;
}

/// A batch that is wider than any plan allows, as its app would write it.
#[tokio::test(flavor = "multi_thread")]
async fn more_pictures_in_one_request_than_are_documented_are_refused() {
    let siege = Siege::start().await;
    for count in [11, 1000, u32::MAX] {
        let body = json!({"model": "remote", "prompt": "x", "size": "64x64", "n": count});
        is_refused(&siege.world.post(OPENAI, &body).await, "too many");
    }
    let body = good_body();
    let first: &World = &siege.world;
    assert_eq!(first.post_as("not-a-key", OPENAI, body).await.status, 401);
    siege.stands().await;
}
