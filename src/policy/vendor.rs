//! The vendors of a policy file: where they are, and how our credential is shown to them.

use std::sync::Arc;
use std::time::Duration;

use super::spanned::Spanned;

use crate::catalog::{AuthScheme, BaseUrl, InProcess, Vendor};
use crate::dialect;
use crate::secret::Secret;

use super::build::{Faults, there_are};
use super::raw::{RawFile, RawVendor};
use super::{FindSecret, Policy, SecretPlace, passthrough, reach};

/// Adds the vendors of one file.
pub(super) fn vendors(
    policy: &mut Policy,
    file: &RawFile,
    find_secret: FindSecret<'_>,
    faults: &mut Faults<'_>,
) {
    for (name, spanned) in &file.vendors {
        if !faults.is_new(&policy.vendors, "vendors", name, spanned.span()) {
            continue;
        }
        if let Some(vendor) = vendor(name, spanned.get_ref(), find_secret, faults) {
            policy.vendors.insert(name.clone(), Arc::new(vendor));
        }
    }
}

fn vendor(
    name: &str,
    raw: &RawVendor,
    find_secret: FindSecret<'_>,
    faults: &mut Faults<'_>,
) -> Option<Vendor> {
    let place = |key: &str| format!("vendors.{name}.{key}");
    let side = dialect::by_name(raw.dialect.get_ref())
        .and_then(|dialect| Some((dialect.name, dialect.vendor?)));
    if side.is_none() {
        let known = dialect::ALL.iter().filter(|d| d.vendor.is_some()).map(|d| d.name);
        let problem = format!("no dialect `{}` with a vendor side", raw.dialect.get_ref());
        faults.note(raw.dialect.span(), place("dialect"), problem, &there_are(known));
    }
    let base = base_url(name, raw, faults);
    let auth = match &raw.auth {
        None => side.map(|(_, side)| side.auth_scheme()),
        Some(text) => auth_scheme(text, &place("auth"), faults),
    };
    let (secrets, secret_missing) = secrets(name, raw, find_secret, faults)?;
    let hosts = reach::hosts_of_vendor(&raw.hosts, &place("hosts"), faults);
    let picture_hosts = reach::hosts_of_vendor(&raw.picture_hosts, &place("picture_hosts"), faults);
    let mut vendor = Vendor {
        name: name.to_owned(),
        dialect: side?.0,
        options_of: side?.1.options_of().unwrap_or(side?.0),
        base: base?,
        auth: auth?,
        secrets,
        secret_missing,
        timeout: raw.timeout.map_or(TIMEOUT_DEFAULT, |span| span.0),
        answer_bytes_max: raw.answer_bytes_max.map_or(ANSWER_BYTES_MAX_DEFAULT, |bytes| bytes.0),
        hosts,
        picture_hosts,
        calls_per_minute_max: raw.calls_per_minute_max,
        cancel_free: raw.cancel_free,
        for_tests: raw.for_tests,
        trace_context: raw.trace_context,
        fares: Vec::new(),
    };
    vendor.fares = passthrough::fares(&vendor, raw, faults);
    Some(vendor)
}

/// The credentials that are there, and the place of the first that is not when none is.
fn secrets(
    name: &str,
    raw: &RawVendor,
    find_secret: FindSecret<'_>,
    faults: &mut Faults<'_>,
) -> Option<(Vec<Secret>, Option<String>)> {
    let (mut found, mut missing) = (Vec::new(), None);
    for text in raw.secret.iter().chain(&raw.secrets) {
        let at = secret_place(text, &format!("vendors.{name}.secret"), faults)?;
        match find_secret(&at) {
            Some(secret) => found.push(secret),
            None => missing = missing.or_else(|| Some(at.to_string())),
        }
    }
    let missing = missing.filter(|_| found.is_empty());
    Some((found, missing))
}

/// How long one exchange may take unless policy says otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_mins(2);

/// The largest answer that is read unless policy says otherwise.
const ANSWER_BYTES_MAX_DEFAULT: usize = 64 << 20;

fn base_url(name: &str, raw: &RawVendor, faults: &mut Faults<'_>) -> Option<BaseUrl> {
    let text = raw.base_url.get_ref();
    if text == "painter:" {
        return Some(BaseUrl::InProcess(InProcess {
            latency: raw.latency.as_ref().map(|span| span.get_ref().0).unwrap_or_default(),
            fault: raw.fault.as_ref().map(|fault| *fault.get_ref()),
        }));
    }
    let in_process_only = [
        ("latency", raw.latency.as_ref().map(Spanned::span)),
        ("fault", raw.fault.as_ref().map(Spanned::span)),
    ];
    for (key, span) in in_process_only {
        if let Some(span) = span {
            let problem = "only the in-process painter can play this".to_owned();
            faults.note(span, format!("vendors.{name}.{key}"), problem, "remove it");
        }
    }
    let base = parse_base_url(text);
    if base.is_none() {
        faults.note(
            raw.base_url.span(),
            format!("vendors.{name}.base_url"),
            format!("`{text}` is not an address that can be called"),
            "write \"https://host/path\", \"http://host:port/path\", or \"painter:\"",
        );
    }
    base
}

fn parse_base_url(text: &str) -> Option<BaseUrl> {
    let uri: http::Uri = text.parse().ok()?;
    let tls = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    // Userinfo would be a credential in policy, and a query would end up inside every path.
    if uri.authority()?.as_str().contains('@') || uri.query().is_some() {
        return None;
    }
    let host = uri.host().filter(|host| !host.is_empty())?.to_owned();
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    Some(BaseUrl::Http { tls, host, port, prefix: uri.path().trim_end_matches('/').to_owned() })
}

fn auth_scheme(text: &Spanned<String>, place: &str, faults: &mut Faults<'_>) -> Option<AuthScheme> {
    let scheme = match text.get_ref().as_str() {
        "bearer" => Some(AuthScheme::Bearer),
        "none" => Some(AuthScheme::None),
        "basic" => Some(AuthScheme::Basic),
        "google-service-account" => Some(AuthScheme::GoogleAccount),
        other => other.split_once(':').and_then(|(way, name)| named_scheme(way, name.trim())),
    };
    if scheme.is_none() {
        let problem = format!("`{}` is no way to show a credential", text.get_ref());
        let hint = "write \"bearer\", \"basic\", \"google-service-account\", \"none\", \
                    \"header: <name>\", \"word: <word>\" or \"sigv4: <region>/<service>\"";
        faults.note(text.span(), place.to_owned(), problem, hint);
    }
    scheme
}

fn named_scheme(way: &str, name: &str) -> Option<AuthScheme> {
    let is_token = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    match way {
        "header" if is_token => Some(AuthScheme::Header(name.to_owned())),
        "word" if is_token => Some(AuthScheme::Word(name.to_owned())),
        "sigv4" => {
            let (region, service) = name.split_once('/')?;
            let is_word = |text: &str| http::HeaderName::from_bytes(text.as_bytes()).is_ok();
            (is_word(region) && is_word(service)).then(|| AuthScheme::SigV4 {
                region: region.to_owned(),
                service: service.to_owned(),
            })
        }
        _ => None,
    }
}

pub(super) fn secret_place(
    text: &Spanned<String>,
    place: &str,
    faults: &mut Faults<'_>,
) -> Option<SecretPlace> {
    let at = text.get_ref().parse().ok();
    if at.is_none() {
        // The text may be the credential itself, pasted by mistake, so it is not repeated.
        let problem = "is not a place where a credential is".to_owned();
        let hint = "write \"env:NAME\" or \"file:/path\", never the credential itself";
        faults.note(text.span(), place.to_owned(), problem, hint);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Option<AuthScheme> {
        let (way, name) = text.split_once(':').unwrap();
        named_scheme(way, name.trim())
    }

    #[test]
    fn a_signature_names_where_and_for_what_it_is_good() {
        let signed =
            AuthScheme::SigV4 { region: "us-east-1".to_owned(), service: "bedrock".to_owned() };
        assert_eq!(named("sigv4:us-east-1/bedrock"), Some(signed.clone()));
        assert_eq!(named("sigv4: us-east-1/bedrock"), Some(signed));
        for text in ["sigv4:us-east-1", "sigv4:/bedrock", "sigv4:us-east-1/", "sigv4:a/b/c"] {
            assert_eq!(named(text), None, "{text}");
        }
    }
}
