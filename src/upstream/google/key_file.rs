//! The key file of a Google service account, and the statement that it signs to be given a token.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;

use crate::catalog::BaseUrl;
use crate::dialect::{Pieces, WireRequest};

/// What a token is asked for: everything that the account may do.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Where a token is asked for, unless the file says otherwise.
const ENDPOINT: &str = "https://oauth2.googleapis.com/token";

/// How long a statement is good for, in seconds; documented as at most an hour.
const STATEMENT_SECONDS: i64 = 3_600;

/// A key file that was read. It holds the key, so it is never printed.
pub(super) struct KeyFile {
    email: String,
    key_id: Option<String>,
    key: RsaKeyPair,
    audience: String,
    /// Where tokens are given.
    pub(super) endpoint: BaseUrl,
    path: String,
}

#[derive(Deserialize)]
struct Written {
    r#type: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

impl KeyFile {
    /// Reads a file. What is wrong with it is said without repeating any of it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|fault| {
            format!("it is not its JSON at line {} column {}", fault.line(), fault.column())
        })?;
        if written.r#type.as_deref() != Some("service_account") {
            return Err("its `type` is not `service_account`".to_owned());
        }
        let email = written.client_email.ok_or("it has no `client_email`")?;
        let pem = written.private_key.ok_or("it has no `private_key`")?;
        let der = pkcs8(&pem).ok_or("its `private_key` is no PEM block of a PRIVATE KEY")?;
        let key = RsaKeyPair::from_pkcs8(&der)
            .map_err(|_| "its `private_key` is no RSA key of 2048 bits or more")?;
        let audience = written.token_uri.unwrap_or_else(|| ENDPOINT.to_owned());
        let (endpoint, path) = endpoint(&audience)
            .ok_or("its `token_uri` is no https address; plain http goes to this machine only")?;
        Ok(Self { email, key_id: written.private_key_id, key, audience, endpoint, path })
    }

    /// The question for a token at this time; `None` when the key does not sign.
    pub(super) fn question(&self, unix_seconds: i64) -> Option<WireRequest> {
        let mut head = json!({ "alg": "RS256", "typ": "JWT" });
        if let (Some(fields), Some(key_id)) = (head.as_object_mut(), &self.key_id) {
            fields.insert("kid".to_owned(), key_id.as_str().into());
        }
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.audience,
            "iat": unix_seconds,
            "exp": unix_seconds.saturating_add(STATEMENT_SECONDS),
        });
        let coded = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let statement = format!("{}.{}", coded(&head), coded(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, statement.as_bytes(), &mut signature).ok()?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer\
             &assertion={statement}.{signature}"
        );
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        Some(WireRequest {
            method: Method::POST,
            path: self.path.clone(),
            headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind)]),
            body: Pieces::one(form),
        })
    }
}

/// The DER in a PEM block of a PRIVATE KEY, which is how PKCS#8 is written.
fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (base64, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    STANDARD.decode(base64.split_ascii_whitespace().collect::<String>()).ok()
}

/// An endpoint and the path there. What is sent there is as good as a credential for an hour, so
/// it goes over TLS, but for an endpoint on this machine.
fn endpoint(address: &str) -> Option<(BaseUrl, String)> {
    let uri: http::Uri = address.parse().ok()?;
    let host = uri.host()?.to_owned();
    let tls = match uri.scheme_str()? {
        "https" => true,
        "http" if is_this_machine(&host) => false,
        _ => return None,
    };
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let path = uri.path_and_query()?.as_str().to_owned();
    Some((BaseUrl::Http { tls, host, port, prefix: String::new() }, path))
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        let is_taken = |address: &str| endpoint(address).is_some();
        for address in [
            "https://oauth2.googleapis.com/token",
            "http://127.0.0.1:8080/token",
            "http://[::1]:8080/token",
            "http://localhost/token",
        ] {
            assert!(is_taken(address), "{address}");
        }
        for address in [
            "http://oauth2.googleapis.com/token",
            "http://10.0.0.1/token",
            "http://127.0.0.1.evil.example/token",
            "ftp://127.0.0.1/token",
            "/token",
            "",
        ] {
            assert!(!is_taken(address), "{address}");
        }
    }
}
