//! The requests of AWS's own signing test suite, and the signatures that it publishes for them.

use http::{HeaderName, HeaderValue};

use super::*;

const KEY: &str = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: (&str, &str) = ("host", "example.amazonaws.com");
const SCOPE: Scope<'static> = Scope { region: "us-east-1", service: "service" };

/// Method, headers, body, and the signature that is published for them.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'static str, &'a str);

/// 2015-08-30T12:36:00Z
const UNIX_SECONDS: i64 = 1_440_938_160;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    });
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name, value);
    }
    headers
}

fn signed_at(
    (method, path): (&str, &str),
    more: &[(&str, &str)],
    body: &'static str,
    (secret, scope, unix_seconds): (&str, Scope<'_>, i64),
) -> Vec<(&'static str, String)> {
    let method = method.parse().unwrap();
    let body = Pieces::one(body);
    let request = Unsigned { method: &method, path, headers: &headers(more), body: &body };
    sign(&request, secret, scope, unix_seconds).unwrap()
}

fn signature_of(
    request: (&str, &str),
    more: &[(&str, &str)],
    body: &'static str,
    secret: &str,
) -> String {
    let more = [&[HOST], more].concat();
    let added = signed_at(request, &more, body, (secret, SCOPE, UNIX_SECONDS));
    let (_, shown) = added.last().unwrap();
    shown.rsplit_once("Signature=").unwrap().1.to_owned()
}

#[test]
fn requests_of_the_published_suite_get_their_published_signatures() {
    let letters = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let (path_of_all, query_of_all) = (format!("/{letters}"), format!("/?{letters}={letters}"));
    let cases = [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        // What stands for itself, in paths and in queries.
        ("GET", &path_of_all, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        ("GET", &query_of_all, "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
        // What does not.
        ("GET", "/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("GET", "/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        (
            "GET",
            "/example space/",
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
        // Paths with steps that lead nowhere.
        ("GET", "/example/..", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "/example1/example2/../..",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        ("GET", "/./", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET", "//", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET", "/./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
        ("GET", "//example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
        // Queries.
        (
            "GET",
            "/?Param1=value1",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        (
            "POST",
            "/?Param1=value1",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
    ];
    for (method, path, published) in cases {
        assert_eq!(signature_of((method, path), &[], "", KEY), published, "{method} {path}");
    }
}

#[test]
fn headers_are_signed_in_the_order_of_their_names_and_values_as_they_come() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let digest = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
    let digest = ("x-amz-content-sha256", digest);
    let cases: [Case<'_>; 7] = [
        (
            "GET",
            &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
            "",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        (
            "GET",
            &[
                ("my-header1", "value4"),
                ("my-header1", "value1"),
                ("my-header1", "value3"),
                ("my-header1", "value2"),
            ],
            "",
            "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        ),
        (
            "GET",
            &[("my-header2", " \"a   b   c\""), ("my-header1", " value1")],
            "",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "POST",
            &[("my-header1", "value1")],
            "",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        (
            "POST",
            &[("my-header1", "VALUE1")],
            "",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
        (
            "POST",
            &[form, ("content-length", "13"), digest],
            "Param1=value1",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
        (
            "POST",
            &[
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("content-length", "13"),
                digest,
            ],
            "Param1=value1",
            "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422",
        ),
    ];
    for (method, more, body, published) in cases {
        assert_eq!(signature_of((method, "/"), more, body, KEY), published, "{more:?}");
    }
}

#[test]
fn a_session_token_is_sent_and_signed() {
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    let secret = format!("{KEY}:{token}");
    let added = signed_at(("GET", "/"), &[HOST], "", (&secret, SCOPE, UNIX_SECONDS));
    let shown = "AWS4-HMAC-SHA256 \
                 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders=host;x-amz-date;x-amz-security-token, \
                 Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8";
    let expected = [
        ("x-amz-date", "20150830T123600Z"),
        ("x-amz-security-token", token),
        ("authorization", shown),
    ];
    assert_eq!(added, expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn an_encoded_path_is_encoded_once_more() {
    let path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A892717189312%3Afunction\
                %3Amy-rusty-fun/invocations";
    let host = ("host", "lambda.us-east-2.amazonaws.com");
    let scope = Scope { region: "us-east-2", service: "lambda" };
    // 2021-05-11T15:40:45Z
    let added = signed_at(("POST", path), &[host], "", (KEY, scope, 1_620_747_645));
    assert_eq!(
        added.last().unwrap().1,
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20210511/us-east-2/lambda/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=4b93abbcc68be32bd64c18e2c71150660ab4c29bbd6c32a383a7517a88fc1804"
    );
    assert_eq!(
        paved("/test/@connections/JBDvjfGEIAMCERw%3D"),
        "/test/%40connections/JBDvjfGEIAMCERw%253D"
    );
}

#[test]
fn a_name_that_others_may_rewrite_is_not_signed() {
    let with = signature_of(("GET", "/"), &[("user-agent", "someone")], "", KEY);
    assert_eq!(with, signature_of(("GET", "/"), &[], "", KEY));
}

#[test]
fn what_is_no_key_of_aws_signs_nothing() {
    let body = Pieces::default();
    let request =
        Unsigned { method: &Method::GET, path: "/", headers: &headers(&[HOST]), body: &body };
    for secret in ["", "AKIDEXAMPLE", "AKIDEXAMPLE:", ":secret", "AKIDEXAMPLE:secret:"] {
        assert!(sign(&request, secret, SCOPE, UNIX_SECONDS).is_none(), "{secret}");
    }
}
