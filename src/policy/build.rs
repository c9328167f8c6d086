//! Policy text to a [`Policy`], collecting every fault on the way.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::catalog::{AuthScheme, BaseUrl, InProcess, Vendor};
use crate::dialect;
use crate::limit::{Limit, Unit};
use crate::rules::{DeniedTerm, Rules};

use super::raw::{RawFile, RawLimit, RawPlan, RawQuota, RawVendor};
use super::{FindSecret, Plan, Policy, PolicyFault, PolicyText, Quota, SecretPlace, offering};

/// Every fault found so far, and the file that is being read.
pub(super) struct Faults<'a> {
    found: Vec<PolicyFault>,
    source: &'a PolicyText,
}

/// Builds one policy from all its files, or says everything that is wrong with them.
pub fn build(texts: &[PolicyText], find_secret: FindSecret<'_>) -> Result<Policy, Vec<PolicyFault>> {
    let Some(first) = texts.first() else {
        return Err(vec![PolicyFault {
            file: "(no file)".to_owned(),
            line: 1,
            place: "policy".to_owned(),
            problem: "the folder holds no .toml file".to_owned(),
            hint: "start from the sample files in `policies/`".to_owned(),
        }]);
    };
    let mut faults = Faults { found: Vec::new(), source: first };
    let files: Vec<(&PolicyText, RawFile)> =
        texts.iter().filter_map(|text| faults.parse(text).map(|file| (text, file))).collect();

    let mut policy = Policy {
        version: version(texts),
        vendors: BTreeMap::new(),
        models: BTreeMap::new(),
        model_default: None,
        plans: BTreeMap::new(),
        rules: Rules::default(),
        warnings: Vec::new(),
    };
    // Vendors first, wherever they stand: models refer to them, and plans to models.
    for (text, file) in &files {
        faults.source = text;
        vendors(&mut policy, file, find_secret, &mut faults);
    }
    for (text, file) in &files {
        faults.source = text;
        offering::models(&mut policy, file, &mut faults);
    }
    for (text, file) in &files {
        faults.source = text;
        plans(&mut policy, file, &mut faults);
        rules_and_defaults(&mut policy, file, &mut faults);
    }
    if faults.found.is_empty() { Ok(policy) } else { Err(faults.found) }
}

/// A short hash of the text, so that two nodes can be seen to run the same policy.
fn version(texts: &[PolicyText]) -> Arc<str> {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(text.file.as_bytes());
        hasher.update([0]);
        hasher.update(text.text.as_bytes());
        hasher.update([0]);
    }
    let hash = hasher.finalize();
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

impl<'a> Faults<'a> {
    /// Notes a fault at a span of the current file.
    pub(super) fn note(&mut self, span: Range<usize>, place: String, problem: String, hint: &str) {
        self.found.push(PolicyFault {
            file: self.source.file.clone(),
            line: line_of(&self.source.text, span.start),
            place,
            problem,
            hint: hint.to_owned(),
        });
    }

    fn parse(&mut self, text: &'a PolicyText) -> Option<RawFile> {
        self.source = text;
        match toml::from_str(&text.text) {
            Ok(file) => Some(file),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                self.note(span, "file".to_owned(), one_line(error.message()), "");
                None
            }
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// "there are: a, b", for a hint beside a name that is not among them.
pub(super) fn there_are<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) }
}

fn vendors(policy: &mut Policy, file: &RawFile, find_secret: FindSecret<'_>, faults: &mut Faults<'_>) {
    for (name, spanned) in &file.vendors {
        if policy.vendors.contains_key(name) {
            let place = format!("vendors.{name}");
            faults.note(spanned.span(), place, "is defined twice".to_owned(), "keep one of them");
            continue;
        }
        if let Some(vendor) = vendor(name, spanned.get_ref(), find_secret, faults) {
            if let Some(missing) = &vendor.secret_missing {
                policy.warnings.push(format!(
                    "vendor {name} is left out: its credential is not in {missing}"
                ));
            }
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
    let secret_place = raw.secret.as_ref().map(|text| secret_place(text, &place("secret"), faults));
    let (secret, secret_missing) = match secret_place {
        None => (None, None),
        Some(None) => return None,
        Some(Some(at)) => match find_secret(&at) {
            Some(secret) => (Some(secret), None),
            None => (None, Some(at.to_string())),
        },
    };
    Some(Vendor {
        name: name.to_owned(),
        dialect: side?.0,
        base: base?,
        auth: auth?,
        secret,
        secret_missing,
        timeout: raw.timeout.map_or(TIMEOUT_DEFAULT, |span| span.0),
        answer_bytes_max: raw.answer_bytes_max.map_or(ANSWER_BYTES_MAX_DEFAULT, |bytes| bytes.0),
        picture_hosts: raw.picture_hosts.clone(),
        calls_per_minute_max: raw.calls_per_minute_max,
        for_tests: raw.for_tests,
    })
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
    let in_process_only =
        [("latency", raw.latency.as_ref().map(Spanned::span)), ("fault", raw.fault.as_ref().map(Spanned::span))];
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
        other => other
            .strip_prefix("header:")
            .map(str::trim)
            .filter(|name| http::HeaderName::from_bytes(name.as_bytes()).is_ok())
            .map(|name| AuthScheme::Header(name.to_owned())),
    };
    if scheme.is_none() {
        let problem = format!("`{}` is no way to show a credential", text.get_ref());
        let hint = "write \"bearer\", \"none\" or \"header: <name>\"";
        faults.note(text.span(), place.to_owned(), problem, hint);
    }
    scheme
}

fn secret_place(text: &Spanned<String>, place: &str, faults: &mut Faults<'_>) -> Option<SecretPlace> {
    let at = match text.get_ref().split_once(':') {
        Some(("env", name)) if !name.is_empty() => {
            Some(SecretPlace::Environment(name.to_owned()))
        }
        Some(("file", path)) if !path.is_empty() => Some(SecretPlace::File(path.into())),
        _ => None,
    };
    if at.is_none() {
        // The text may be the credential itself, pasted by mistake, so it is not repeated.
        let problem = "is not a place where a credential is".to_owned();
        let hint = "write \"env:NAME\" or \"file:/path\", never the credential itself";
        faults.note(text.span(), place.to_owned(), problem, hint);
    }
    at
}

fn plans(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    for (name, spanned) in &file.plans {
        if policy.plans.contains_key(name) {
            let place = format!("plans.{name}");
            faults.note(spanned.span(), place, "is defined twice".to_owned(), "keep one of them");
            continue;
        }
        let plan = plan(name, spanned.get_ref(), policy, faults);
        policy.plans.insert(name.clone(), Arc::new(plan));
    }
}

fn plan(name: &str, raw: &RawPlan, policy: &Policy, faults: &mut Faults<'_>) -> Plan {
    let all = raw.models.iter().any(|model| model.get_ref() == "*");
    for model in raw.models.iter().filter(|model| model.get_ref() != "*") {
        if policy.model(model.get_ref()).is_none() {
            let problem = format!("no model `{}`", model.get_ref());
            let hint = there_are(policy.models.keys().map(String::as_str));
            faults.note(model.span(), format!("plans.{name}.models"), problem, &hint);
        }
    }
    let limits = raw.limits.iter().filter_map(|raw| limit(name, raw, faults)).collect();
    let quotas = raw.quotas.iter().filter_map(|raw| quota(name, raw, faults)).collect();
    Plan {
        name: name.to_owned(),
        models: (!all).then(|| raw.models.iter().map(|model| model.get_ref().clone()).collect()),
        limits,
        quotas,
        concurrency_max: raw.concurrency_max.map(std::num::NonZero::get),
        show_offering: raw.show_offering,
    }
}

fn limit(plan: &str, raw: &Spanned<RawLimit>, faults: &mut Faults<'_>) -> Option<Limit> {
    let own = raw.get_ref();
    let counted = one_unit(own.requests, own.images);
    let place = format!("plans.{plan}.limits.{}", own.name);
    let Some((unit, most)) = counted else {
        faults.note(raw.span(), place, NEITHER_OR_BOTH.to_owned(), ONE_UNIT);
        return None;
    };
    if own.per.0 < Duration::from_secs(1) || own.per.0 > WINDOW_MAX {
        let hint = "write between \"1s\" and \"1d\"; for longer, use a quota";
        faults.note(raw.span(), place, "the window is too short or too long".to_owned(), hint);
        return None;
    }
    Some(Limit { name: own.name.clone(), unit, most, window: own.per.0 })
}

/// The longest sliding window; what is remembered for it is bounded by this.
const WINDOW_MAX: Duration = Duration::from_hours(24);

const NEITHER_OR_BOTH: &str = "counts neither or both of requests and images";
const ONE_UNIT: &str = "give exactly one of `requests` and `images`";

fn quota(plan: &str, raw: &Spanned<RawQuota>, faults: &mut Faults<'_>) -> Option<Quota> {
    let own = raw.get_ref();
    let Some((unit, most)) = one_unit(own.requests, own.images) else {
        let place = format!("plans.{plan}.quotas.{}", own.name);
        faults.note(raw.span(), place, NEITHER_OR_BOTH.to_owned(), ONE_UNIT);
        return None;
    };
    Some(Quota { name: own.name.clone(), unit, most })
}

fn one_unit(
    requests: Option<std::num::NonZeroU32>,
    images: Option<std::num::NonZeroU32>,
) -> Option<(Unit, u32)> {
    match (requests, images) {
        (Some(most), None) => Some((Unit::Requests, most.get())),
        (None, Some(most)) => Some((Unit::Images, most.get())),
        (None, None) | (Some(_), Some(_)) => None,
    }
}

fn rules_and_defaults(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    for raw in &file.rules.denied_terms {
        if raw.term.get_ref().trim().is_empty() {
            let place = "rules.denied_terms.term".to_owned();
            faults.note(raw.term.span(), place, "is empty".to_owned(), "write the word to refuse");
            continue;
        }
        let denied = DeniedTerm { term: raw.term.get_ref().clone(), message: raw.message.clone() };
        policy.rules.denied_terms.push(denied);
    }
    if let Some(model) = &file.defaults.model {
        if policy.model(model.get_ref()).is_none() {
            let problem = format!("no model `{}`", model.get_ref());
            let hint = there_are(policy.models.keys().map(String::as_str));
            faults.note(model.span(), "defaults.model".to_owned(), problem, &hint);
        }
        policy.model_default = Some(model.get_ref().clone());
    }
}
