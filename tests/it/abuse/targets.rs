//! First lines and hosts that make two readers see two requests, or lead out of where a caller may
//! go.

use super::{Siege, good_body};
use crate::world::OPENAI;

/// The end of a request that closes its connection.
fn rest() -> String {
    let body = good_body();
    format!("Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn is_refused(siege: &Siege, request: &str) -> String {
    let said = siege.to_the_end(request).await;
    let statuses = said.statuses();
    let is_no = statuses.len() <= 1 && statuses.iter().all(|status| status.starts_with('4'));
    assert!(is_no, "{request:?} came to\n{}", said.0);
    said.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crooked_spelling_of_a_path_is_another_path() {
    let siege = Siege::start().await;
    for target in [
        "/v1/images%2Fgenerations",
        "/v1/images%2fgenerations",
        "/v1//images/generations",
        "//v1/images/generations",
        "/v1/./images/generations",
        "/v1/x/../images/generations",
        "/v1/x/%2e%2e/images/generations",
        "/v1/images/generations/",
        "/v1/images/generations%00",
        "/v1/images/generations;a=b",
        "/v1/images/generations%20",
        "/v1/images/generations%0d%0a",
        "/v1/image%73/generations",
        "/V1/Images/Generations",
        "\\v1\\images\\generations",
        "/v1\\images\\generations",
        "/@cf%2Fv1/images/generations",
        "/v1/images/generations@cf%2F..",
        "/media/../../gateway.toml",
        "/media/..%2f..%2fgateway.toml/original.png",
        "/media/%2e%2e/%2e%2e/gateway.toml",
        "/media/a/../../original.png",
        "/media/a\0/original.png",
    ] {
        let head = siege.head_of("POST", target, "");
        is_refused(&siege, &(head.trim_end().to_owned() + "\r\n" + &rest())).await;
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_in_a_path_is_a_name_and_no_path() {
    let siege = Siege::start().await;
    let body = r#"{"contents":[{"parts":[{"text":"a fox"}]}]}"#;
    for model in [
        "..%2F..%2Fremote",
        "@cf%2Fremote",
        "remote%2F..",
        "remote%00",
        "remote%0d%0aX-Injected:%20yes",
        "remote;a=b",
        "../models/remote",
        "%72emote%2f",
        "remote:predict",
        "",
    ] {
        let target = format!("/v1beta/models/{model}:generateContent");
        let lines = format!("Connection: close\r\nContent-Length: {}\r\n", body.len());
        let said = is_refused(&siege, &(siege.head_of("POST", &target, &lines) + body)).await;
        assert!(!said.to_lowercase().contains("\nx-injected"), "{said}");
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_no_path_is_refused() {
    let siege = Siege::start().await;
    for target in [
        "http://elsewhere/v1/images/generations",
        "http://user@a/v1/images/generations",
        "http://a\\@elsewhere/v1/images/generations",
        "https://a:99999999/v1/images/generations",
        "file:///etc/passwd",
        "a:80",
        "elsewhere",
        "*",
        "?a=b",
        "#a",
    ] {
        let head = siege.head_of("POST", target, "");
        is_refused(&siege, &(head.trim_end().to_owned() + "\r\n" + &rest())).await;
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_method_opens_a_way_through_us_or_shows_a_head_again() {
    let siege = Siege::start().await;
    for (method, target) in [
        ("CONNECT", "elsewhere:443"),
        ("CONNECT", OPENAI),
        ("TRACE", OPENAI),
        ("TRACE", "/passthrough/acme/draw"),
        ("TRACK", OPENAI),
        ("PROPFIND", "/"),
        ("post", OPENAI),
        ("POST\0", OPENAI),
        ("P(O)ST", OPENAI),
        ("DELETE", OPENAI),
        ("PUT", OPENAI),
        (&"X".repeat(5000), OPENAI),
    ] {
        let head = siege.head_of(method, target, "");
        let said = is_refused(&siege, &(head.trim_end().to_owned() + "\r\n" + &rest())).await;
        assert!(!said.contains(&siege.world.key), "the key comes back: {said}");
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_one_host_in_plain_letters() {
    let siege = Siege::start().await;
    let body = good_body();
    for hosts in [
        "",
        "Host:\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nHost: b\r\n",
        "Host: a, b\r\n",
        "Host: a b\r\n",
        "Host: user@a\r\n",
        "Host: a/b\r\n",
        "Host: a\\b\r\n",
        "Host: a?b\r\n",
        "Host: a#b\r\n",
        "Host: a\"b<script>\r\n",
        "Host: a:99999999\r\n",
        "Host: a:b\r\n",
        "Host: [::1\r\n",
        "Host: \u{e4}\r\n",
        "Host : a\r\n",
    ] {
        let request = format!(
            "POST {OPENAI} HTTP/1.1\r\n{hosts}Authorization: Bearer {}\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            siege.world.key,
            body.len()
        );
        is_refused(&siege, &request).await;
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_protocol_on_our_port_is_hung_up_on() {
    let siege = Siege::with("public.head_timeout = \"2s\"\n").await;
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3].map(char::from).iter().collect::<String>();
    for bytes in [
        "GET /\r\n\r\n".to_owned(),
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.2\r\nHost: a\r\n\r\n".to_owned(),
        "GET / HTTP/9\r\nHost: a\r\n\r\n".to_owned(),
        "GET  /  HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
        hello + "\r\n\r\n",
        "\r\n".repeat(1 << 20),
        "x".repeat(2 << 20),
        "PRI * HTTP/2.0\r\n\r\nno frames at all".to_owned(),
    ] {
        let said = siege.to_the_end(&bytes).await;
        assert!(!said.0.contains(" 200 "), "{:?} came to\n{}", bytes.get(..40), said.0);
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_http_1_0_is_served_and_let_go() {
    let siege = Siege::start().await;
    let said = siege.to_the_end(siege.good().replace("HTTP/1.1", "HTTP/1.0")).await;
    assert!(said.0.contains(" 200 ") && !said.0.contains("transfer-encoding"), "{}", said.0);
    siege.stands_having_served(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_too_long_is_refused() {
    let siege = Siege::start().await;
    let long = |length: usize| "x".repeat(length);
    for (target, lines) in [
        (format!("{OPENAI}?{}", long(70_000)), String::new()),
        (format!("/{}", long(70_000)), String::new()),
        (OPENAI.to_owned(), format!("X-Long: {}\r\n", long(70_000))),
        (OPENAI.to_owned(), format!("{}: a\r\n", long(70_000))),
        (OPENAI.to_owned(), "X-Many: a\r\n".repeat(200)),
        (OPENAI.to_owned(), "X-Many: a\r\n".repeat(2000)),
        (OPENAI.to_owned(), format!("X-Long: {}\r\n", long(2 << 20))),
    ] {
        let head = siege.head_of("POST", &target, &lines);
        is_refused(&siege, &(head.trim_end().to_owned() + "\r\n" + &rest())).await;
    }
    siege.stands().await;
}
