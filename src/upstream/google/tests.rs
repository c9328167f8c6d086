//! A key file is exchanged for a token at a token endpoint on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Mutex as Lock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::Value;

use crate::catalog::BaseUrl;
use crate::clock::{ManualClock, Now};

use super::*;

/// The key file of an account that exists in tests only.
const KEY_FILE: &str = include_str!("../../../tests/fixtures/credentials/google-test-account.json");

const NOW: Now = Now { unix_ms: 1_795_255_200_000, tick_ms: 90_000_000 };

/// A token endpoint that answers every question in the same way.
struct Endpoint {
    address: String,
    asked: Arc<Lock<Vec<String>>>,
}

impl Endpoint {
    /// `None` never answers.
    fn start(answer: Option<(u16, &str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::<Lock<Vec<String>>>::default();
        let answer = answer.map(|(status, body)| {
            let length = body.len();
            format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        });
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut kept_open = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                seen.lock().unwrap().push(read(&stream));
                match &answer {
                    Some(answer) => (&stream).write_all(answer.as_bytes()).unwrap(),
                    None => kept_open.push(stream),
                }
            }
        });
        Self { address, asked }
    }

    fn granting(token: &str, seconds: u64) -> Self {
        let body =
            format!(r#"{{"access_token":"{token}","expires_in":{seconds},"token_type":"Bearer"}}"#);
        Self::start(Some((200, &body)))
    }

    fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn secret(&self) -> Secret {
        let address = format!("http://{}/token", self.address);
        Secret::new(KEY_FILE.replace("{token_uri}", &address))
    }
}

/// The body of one request.
fn read(stream: &std::net::TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

fn upstream(clock: &Arc<ManualClock>) -> Upstream {
    let in_process = Box::new(|_, _| -> futures_util::future::BoxFuture<'static, WireReply> {
        panic!("nothing in this process is asked")
    });
    Upstream::new(in_process, Arc::clone(clock) as Arc<dyn Clock>)
}

fn vendor() -> Vendor {
    let base = BaseUrl::Http {
        tls: true,
        host: "vertex.invalid".to_owned(),
        port: 443,
        prefix: String::new(),
    };
    Vendor { auth: AuthScheme::GoogleAccount, ..Vendor::new("vertex", "golden", base) }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn shown(upstream: &Upstream, secret: &Secret) -> Result<String, VendorFault> {
    let shown = upstream.shown(&vendor(), Some(secret), soon()).await?;
    Ok(shown.unwrap().reveal().to_owned())
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_it_expires() {
    let (endpoint, clock) = (Endpoint::granting("ya29.a", 3_600), Arc::new(ManualClock::at(NOW)));
    let (upstream, secret) = (upstream(&clock), endpoint.secret());
    for _ in 0..3 {
        assert_eq!(shown(&upstream, &secret).await.as_deref(), Ok("ya29.a"));
    }
    assert_eq!(endpoint.calls(), 1);
    let shown_for = Duration::from_hours(1).saturating_sub(REFRESH_BEFORE);
    clock.advance(shown_for.saturating_sub(Duration::from_millis(1)));
    assert!(shown(&upstream, &secret).await.is_ok());
    assert_eq!(endpoint.calls(), 1);
    clock.advance(Duration::from_millis(1));
    assert!(shown(&upstream, &secret).await.is_ok());
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test]
async fn many_orders_at_once_make_one_exchange() {
    let (endpoint, clock) = (Endpoint::granting("ya29.a", 3_600), Arc::new(ManualClock::at(NOW)));
    let (upstream, secret) = (upstream(&clock), endpoint.secret());
    let all = join_all((0..16).map(|_| shown(&upstream, &secret))).await;
    assert!(all.iter().all(|token| token.as_deref() == Ok("ya29.a")), "{all:?}");
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test]
async fn a_token_that_the_vendor_does_not_know_is_asked_for_anew() {
    let (endpoint, clock) = (Endpoint::granting("ya29.a", 3_600), Arc::new(ManualClock::at(NOW)));
    let (upstream, secret) = (upstream(&clock), endpoint.secret());
    assert!(shown(&upstream, &secret).await.is_ok());
    upstream.tokens.note(Some(&secret), 403);
    assert!(shown(&upstream, &secret).await.is_ok());
    assert_eq!(endpoint.calls(), 1);
    upstream.tokens.note(Some(&secret), 401);
    assert!(shown(&upstream, &secret).await.is_ok());
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test]
async fn the_statement_is_signed_with_the_key_of_the_file() {
    let (endpoint, clock) = (Endpoint::granting("ya29.a", 3_600), Arc::new(ManualClock::at(NOW)));
    let (upstream, secret) = (upstream(&clock), endpoint.secret());
    shown(&upstream, &secret).await.unwrap();
    let asked = endpoint.asked.lock().unwrap()[0].clone();
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let statement = asked.strip_prefix(grant).unwrap();
    let (signed, signature) = statement.rsplit_once('.').unwrap();
    let file: Value = serde_json::from_str(secret.reveal()).unwrap();
    let pem = file["private_key"].as_str().unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).unwrap()).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let part = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (head, claims) = signed.split_once('.').unwrap();
    assert_eq!(part(head), serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": "test-only-1"}));
    assert_eq!(
        part(claims),
        serde_json::json!({
            "iss": "test-only@test-only.iam.gserviceaccount.invalid",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "aud": format!("http://{}/token", endpoint.address),
            "iat": 1_795_255_200,
            "exp": 1_795_258_800,
        })
    );
}

/// What comes of a token endpoint that answers like this.
async fn fault_of(answer: Option<(u16, &str)>, patience: Duration) -> VendorFault {
    let (endpoint, clock) = (Endpoint::start(answer), Arc::new(ManualClock::at(NOW)));
    let (upstream, secret) = (upstream(&clock), endpoint.secret());
    let deadline = Instant::now() + patience;
    upstream.shown(&vendor(), Some(&secret), deadline).await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn an_account_that_is_not_known_is_denied_and_an_endpoint_in_trouble_is_not_reached() {
    let patience = Duration::from_secs(20);
    let body = r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
    let denied = fault_of(Some((400, body)), patience).await;
    let said = "no token for its service account, status 400 invalid_grant Invalid JWT Signature.";
    assert_eq!(denied, VendorFault::Denied { detail: said.to_owned() });
    for answer in [(200, "<html>Sign in</html>"), (200, "{}"), (401, "")] {
        let fault = fault_of(Some(answer), patience).await;
        assert!(matches!(fault, VendorFault::Denied { .. }), "{answer:?}: {fault:?}");
    }
    for answer in [(503, "{}"), (429, ""), (302, "")] {
        let fault = fault_of(Some(answer), patience).await;
        assert!(matches!(fault, VendorFault::Unreachable { .. }), "{answer:?}: {fault:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_never_answers_costs_no_more_than_the_order_has_time() {
    let fault = fault_of(None, Duration::from_millis(50)).await;
    let detail = "the token endpoint: it did not answer in time".to_owned();
    assert_eq!(fault, VendorFault::Unreachable { detail });
    assert!(!fault.outcome_unknown());
}

#[tokio::test]
async fn what_is_no_key_file_is_denied_without_being_repeated() {
    let clock = Arc::new(ManualClock::at(NOW));
    let upstream = upstream(&clock);
    let bad_key = KEY_FILE.replace("BEGIN PRIVATE KEY-----\\n", "BEGIN PRIVATE KEY-----\\nAAAA");
    let remote = KEY_FILE.replace("{token_uri}", "http://oauth2.example.com/token");
    let cases = [
        ("AIzaSyPasted", "it is not its JSON at line 1 column 1"),
        (r#"{"type":{"AIza":1}}"#, "it is not its JSON at line 1 column 8"),
        (r#"{"type":"authorized_user"}"#, "its `type` is not `service_account`"),
        (r#"{"type":"service_account"}"#, "it has no `client_email`"),
        (
            r#"{"type":"service_account","client_email":"a@b","private_key":"AIza"}"#,
            "its `private_key` is no PEM block of a PRIVATE KEY",
        ),
        (&bad_key, "its `private_key` is no RSA key of 2048 bits or more"),
        (&remote, "its `token_uri` is no https address; plain http goes to this machine only"),
    ];
    for (text, problem) in cases {
        let fault = shown(&upstream, &Secret::new(text.to_owned())).await.unwrap_err();
        let detail = format!("its credential is no key file of a service account: {problem}");
        assert_eq!(fault, VendorFault::Denied { detail });
    }
}

#[tokio::test]
async fn neither_key_nor_statement_nor_token_is_ever_printed() {
    let echo =
        r#"{"error":"x","error_description":"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3Mi"}"#;
    let fault = fault_of(Some((400, echo)), Duration::from_secs(20)).await;
    let said = format!("{fault:?} {fault}");
    assert!(!said.contains("eyJ") && !said.contains("MII"), "{said}");
    let (endpoint, clock) = (Endpoint::granting("ya29.a", 3_600), Arc::new(ManualClock::at(NOW)));
    let (upstream, secret) = (upstream(&clock), endpoint.secret());
    let shown = upstream.shown(&vendor(), Some(&secret), soon()).await.unwrap();
    assert_eq!(format!("{shown:?}"), "Some(***)");
    assert!(!format!("{upstream:?}").contains("ya29"));
}

#[tokio::test]
async fn other_schemes_show_the_credential_itself_and_no_credential_stays_none() {
    let clock = Arc::new(ManualClock::at(NOW));
    let (upstream, secret) = (upstream(&clock), Secret::new("key".to_owned()));
    let bearer = Vendor { auth: AuthScheme::Bearer, ..vendor() };
    let shown = upstream.shown(&bearer, Some(&secret), soon()).await.unwrap();
    assert_eq!(shown.as_deref(), Some(&secret));
    assert_eq!(upstream.shown(&vendor(), None, soon()).await, Ok(None));
}
