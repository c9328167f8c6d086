//! Who is called: where a deployment is, and how its credential is shown.

use std::collections::BTreeMap;

use crate::dialect::litellm::{Named, Place, project, region};

use super::deployment::{Deployment, Hand};
use super::report::Report;
use super::section::Section;

/// What deployments that share an account have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Account {
    pub(super) dialect: &'static str,
    pub(super) base_url: String,
    pub(super) auth: Option<String>,
    pub(super) secret: Option<String>,
}

/// A vendor of the policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Vendor {
    pub(super) name: String,
    /// Calls a minute, all deployments together.
    pub(super) rpm: Option<u64>,
    /// Seconds that an exchange may take: the most of all deployments.
    pub(super) timeout_s: Option<u64>,
}

/// Every vendor of the policy, by account.
#[derive(Clone, Debug, Default)]
pub(super) struct Vendors {
    pub(super) known: BTreeMap<Account, Vendor>,
    named: BTreeMap<&'static str, usize>,
}

impl Vendors {
    /// The vendor of a deployment: the one of the same account, or a new one.
    pub(super) fn of(&mut self, deployment: &Deployment, report: &mut Report) -> String {
        let dialect = deployment.account.dialect;
        let named = &mut self.named;
        let vendor = self.known.entry(deployment.account.clone()).or_insert_with(|| {
            let number = named.entry(dialect).or_default();
            *number = number.saturating_add(1);
            let name =
                if *number == 1 { dialect.to_owned() } else { format!("{dialect}-{number}") };
            Vendor { name, ..Vendor::default() }
        });
        let place = format!("{}.litellm_params", deployment.place);
        if let Some(rpm) = deployment.rpm {
            let all = vendor.rpm.unwrap_or(0).saturating_add(rpm).min(u64::from(u32::MAX));
            let words = match vendor.rpm {
                None => format!("`calls_per_minute_max` of vendor `{}`", vendor.name),
                Some(_) => format!(
                    "vendor `{}` is paced as one account: {all} calls a minute for all deployments",
                    vendor.name
                ),
            };
            match vendor.rpm {
                None => report.taken(format!("{place}.rpm"), words),
                Some(_) => report.changed(format!("{place}.rpm"), words),
            }
            vendor.rpm = Some(all);
        }
        if let Some(timeout) = deployment.timeout_s {
            let words = format!("`timeout` of vendor `{}`, for every model of it", vendor.name);
            report.changed(format!("{place}.timeout"), words);
            vendor.timeout_s = vendor.timeout_s.max(Some(timeout));
        }
        vendor.name.clone()
    }
}

/// Where this deployment is; `None` when that cannot be told, which the report then says.
pub(super) fn account(named: &Named, params: &mut Section, hand: &mut Hand<'_>) -> Option<Account> {
    match named.place {
        Place::At(usual) => at(named, params, Some(usual), hand),
        Place::Own => at(named, params, None, hand),
        Place::Project => in_project(named, params, hand),
        Place::Region => in_region(named, params, hand),
    }
}

fn at(
    named: &Named,
    params: &mut Section,
    usual: Option<&str>,
    hand: &mut Hand<'_>,
) -> Option<Account> {
    let place = params.at("api_base");
    let base_url = match (setting(params, "api_base", hand).ok()?, usual) {
        (Some(base), _) => {
            let base = base.trim_end_matches('/').to_owned();
            if !is_address(&base) {
                hand.report.left(place, "is no address that can be called");
                return None;
            }
            match usual {
                Some(usual) if base != usual => hand.report.changed(
                    place,
                    format!(
                        "`base_url` as it is; the usual one is `{usual}`, so check that it is meant \
                         for the same paths"
                    ),
                ),
                _ => hand.report.taken(place, "`base_url`"),
            }
            base
        }
        (None, Some(usual)) => usual.to_owned(),
        (None, None) => {
            let words = "has no `api_base`, and its address is policy: write it into the file";
            hand.report.left(&params.place, words);
            return None;
        }
    };
    let (secret, auth) = secret(named, params, hand);
    Some(Account { dialect: named.dialect, base_url, auth, secret })
}

fn in_project(named: &Named, params: &mut Section, hand: &mut Hand<'_>) -> Option<Account> {
    let of_project = setting(params, "vertex_project", hand).ok()?;
    let location = setting(params, "vertex_location", hand).ok()?;
    let Some(name) = of_project else {
        hand.report.left(&params.place, "has no `vertex_project`, which is part of its address");
        return None;
    };
    let location = location.unwrap_or_else(|| "us-central1".to_owned());
    let (base_url, auth) = project(&name, &location);
    hand.report.taken(params.at("vertex_project"), format!("`base_url = \"{base_url}\"`"));
    let place = params.at("vertex_credentials");
    let secret = match params.text("vertex_credentials") {
        Some(text) if text.starts_with("os.environ/") => {
            let variable = text.trim_start_matches("os.environ/").to_owned();
            let words = format!("`{variable}` must hold the service account's JSON, not its path");
            hand.report.changed(place, words);
            format!("env:{variable}")
        }
        Some(text) if text.starts_with('/') => {
            hand.report.taken(place, "the file of the service account");
            format!("file:{text}")
        }
        written => {
            let words = format!(
                "put the service account's JSON into the variable `{}`; it is not copied",
                named.variable
            );
            if written.is_some() {
                hand.report.changed(place, words);
            } else {
                hand.report.changed(&params.place, words);
            }
            format!("env:{}", named.variable)
        }
    };
    let auth = Some(auth.to_owned());
    Some(Account { dialect: named.dialect, base_url, auth, secret: Some(secret) })
}

fn in_region(named: &Named, params: &mut Section, hand: &mut Hand<'_>) -> Option<Account> {
    let place = params.at("aws_region_name");
    let written = setting(params, "aws_region_name", hand).ok()?;
    let of_environment =
        || (hand.known.variable)("AWS_REGION_NAME").or_else(|| (hand.known.variable)("AWS_REGION"));
    let Some(name) = written.or_else(of_environment) else {
        hand.report.left(&params.place, "has no `aws_region_name`, which is part of its address");
        return None;
    };
    let (base_url, auth) = region(&name);
    hand.report.taken(place, format!("`base_url = \"{base_url}\"`"));
    let mut parts = Vec::new();
    for (key, usual) in [
        ("aws_access_key_id", "AWS_ACCESS_KEY_ID"),
        ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
        ("aws_session_token", ""),
    ] {
        let place = params.at(key);
        let written = params.text(key);
        let named = written.as_deref().and_then(|text| text.strip_prefix("os.environ/"));
        match (&written, usual) {
            (None, "") => continue,
            (None, _) => {}
            (Some(_), _) => {
                hand.report.changed(place, format!("goes into `{}`", named.unwrap_or(key)));
            }
        }
        parts.push(named.unwrap_or(if usual.is_empty() { key } else { usual }).to_owned());
    }
    let words = format!(
        "put {} into the variable `{}`, with a colon between them",
        parts.iter().map(|part| format!("`{part}`")).collect::<Vec<_>>().join(" and "),
        named.variable
    );
    hand.report.changed(&params.place, words);
    let secret = Some(format!("env:{}", named.variable));
    Some(Account { dialect: named.dialect, base_url, auth: Some(auth), secret })
}

/// Where the key is and how it is shown: never the key itself.
fn secret(
    named: &Named,
    params: &mut Section,
    hand: &mut Hand<'_>,
) -> (Option<String>, Option<String>) {
    let place = params.at("api_key");
    match params.text("api_key") {
        Some(text) if text.starts_with("os.environ/") => {
            let variable = text.trim_start_matches("os.environ/").to_owned();
            hand.report.taken(place, format!("`secret = \"env:{variable}\"`"));
            (Some(format!("env:{variable}")), None)
        }
        Some(text)
            if named.may_need_no_key && (text.is_empty() || text.eq_ignore_ascii_case("none")) =>
        {
            hand.report.taken(place, "no key is shown");
            (None, Some("none".to_owned()))
        }
        Some(text) => {
            let variable = hand.variable_of_key(named.variable, text);
            let words =
                format!("the key itself is not copied: put it into the variable `{variable}`");
            hand.report.changed(place, words);
            (Some(format!("env:{variable}")), None)
        }
        None if named.may_need_no_key => {
            hand.report.changed(&params.place, "names no `api_key`: none is shown");
            (None, Some("none".to_owned()))
        }
        None => (Some(format!("env:{}", named.variable)), None),
    }
}

/// A variable that an address is in is not there.
#[derive(Debug)]
struct Lost;

/// The text at a key, or what the variable holds that it names.
fn setting(params: &mut Section, key: &str, hand: &mut Hand<'_>) -> Result<Option<String>, Lost> {
    let place = params.at(key);
    let Some(text) = params.text(key) else { return Ok(None) };
    let Some(variable) = text.strip_prefix("os.environ/") else { return Ok(Some(text)) };
    let found = (hand.known.variable)(variable);
    if found.is_none() {
        let words = format!(
            "an address is policy, and `{variable}` is not set: set it and import again, or write \
             the address into the file"
        );
        hand.report.left(place, words);
        return Err(Lost);
    }
    hand.report
        .changed(place, format!("what `{variable}` holds now; policy names no variables here"));
    Ok(found)
}

fn is_address(text: &str) -> bool {
    let uri: Option<http::Uri> = text.parse().ok();
    uri.is_some_and(|uri| {
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        let is_plain = uri.query().is_none()
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        is_http && has_host && is_plain
    })
}
