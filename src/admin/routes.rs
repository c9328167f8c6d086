//! Every route: what is served, to whom at least, and which parameters it takes. One table, which
//! the description is held to.

use http::Method;

use crate::auth::Role;

use Role::{Finance, Operator, Viewer};

/// One method of one path.
#[derive(Debug)]
pub struct Route {
    /// `GET`, `POST` or `DELETE`. What is served to `GET` is served to `HEAD`.
    pub method: &'static str,
    /// The path; a name in it stands in braces.
    pub path: &'static str,
    /// The least role.
    pub role: Role,
    /// Parameters of the query.
    pub takes: &'static [&'static str],
    pub(super) op: Op,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Me,
    Tokens,
    RevokeToken,
    Audit,
    Workspaces,
    CreateWorkspace,
    Workspace,
    SuspendWorkspace,
    ResumeWorkspace,
    Keys,
    CreateKey,
    RotateKey,
    RevokeKey,
    Balances,
    Balance,
    Grants,
    Grant,
    Entries,
    Usage,
    Statements,
    Forecast,
    Exposures,
    Jobs,
    Job,
    CancelJob,
    Live,
    Offerings,
    Drain,
    Resume,
    Plans,
    Policy,
    CheckPolicy,
    ReloadPolicy,
}

const fn get(path: &'static str, role: Role, takes: &'static [&'static str], op: Op) -> Route {
    Route { method: "GET", path, role, takes, op }
}

const fn post(path: &'static str, role: Role, op: Op) -> Route {
    Route { method: "POST", path, role, takes: &[], op }
}

const PAGE: &[&str] = &["cursor", "limit"];

const SPAN: &[&str] = &["since", "until", "month", "format"];

/// Every route, grouped by what it is about.
pub const ROUTES: &[Route] = &[
    // Who asks, and what was done.
    get("/admin/v1/me", Viewer, &[], Op::Me),
    get("/admin/v1/tokens", Operator, &[], Op::Tokens),
    post("/admin/v1/tokens/{token}/revoke", Operator, Op::RevokeToken),
    get("/admin/v1/audit", Finance, PAGE, Op::Audit),
    // Traffic and health.
    get("/admin/v1/live", Viewer, &[], Op::Live),
    get("/admin/v1/offerings", Viewer, &[], Op::Offerings),
    post("/admin/v1/offerings/drain", Operator, Op::Drain),
    post("/admin/v1/offerings/resume", Operator, Op::Resume),
    // Policy.
    get("/admin/v1/policy", Viewer, &[], Op::Policy),
    post("/admin/v1/policy/check", Operator, Op::CheckPolicy),
    post("/admin/v1/policy/reload", Operator, Op::ReloadPolicy),
    get("/admin/v1/plans", Viewer, &[], Op::Plans),
    // Jobs.
    get("/admin/v1/jobs", Viewer, &["workspace", "state", "cursor", "limit"], Op::Jobs),
    get("/admin/v1/jobs/{job}", Viewer, &[], Op::Job),
    post("/admin/v1/jobs/{job}/cancel", Operator, Op::CancelJob),
    // Workspaces and keys.
    get("/admin/v1/workspaces", Viewer, PAGE, Op::Workspaces),
    post("/admin/v1/workspaces", Operator, Op::CreateWorkspace),
    get("/admin/v1/workspaces/{workspace}", Viewer, &[], Op::Workspace),
    post("/admin/v1/workspaces/{workspace}/suspend", Operator, Op::SuspendWorkspace),
    post("/admin/v1/workspaces/{workspace}/resume", Operator, Op::ResumeWorkspace),
    get("/admin/v1/keys", Viewer, &["workspace", "cursor", "limit"], Op::Keys),
    post("/admin/v1/keys", Operator, Op::CreateKey),
    post("/admin/v1/keys/{key}/rotate", Operator, Op::RotateKey),
    post("/admin/v1/keys/{key}/revoke", Operator, Op::RevokeKey),
    // Credits.
    get("/admin/v1/balances", Finance, PAGE, Op::Balances),
    get("/admin/v1/workspaces/{workspace}/balance", Finance, &[], Op::Balance),
    get("/admin/v1/workspaces/{workspace}/grants", Finance, PAGE, Op::Grants),
    post("/admin/v1/workspaces/{workspace}/grants", Finance, Op::Grant),
    get("/admin/v1/workspaces/{workspace}/entries", Finance, PAGE, Op::Entries),
    // Finance.
    get(
        "/admin/v1/usage",
        Finance,
        &["by", "workspace", "model", "vendor", "since", "until", "month", "format"],
        Op::Usage,
    ),
    get("/admin/v1/statements", Finance, &["month", "workspace", "format"], Op::Statements),
    get("/admin/v1/forecast", Finance, &["workspace"], Op::Forecast),
    get("/admin/v1/exposures", Finance, SPAN, Op::Exposures),
];

/// What is at a path.
pub(super) enum Found {
    /// A route, and the name in its path.
    Route(&'static Route, String),
    /// Other methods only: these.
    OtherMethods(String),
    /// Nothing.
    Nothing,
}

/// The route of a request.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let mut allow = Vec::new();
    for route in ROUTES {
        let Some(name) = matched(route.path, path) else { continue };
        let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
        if route.method == wanted {
            return Found::Route(route, name);
        }
        allow.push(route.method);
    }
    if allow.is_empty() { Found::Nothing } else { Found::OtherMethods(allow.join(", ")) }
}

/// The name in a path of this form; empty where the form has none.
fn matched(form: &str, path: &str) -> Option<String> {
    let (mut forms, mut parts) = (form.split('/'), path.split('/'));
    let mut name = String::new();
    loop {
        match (forms.next(), parts.next()) {
            (None, None) => return Some(name),
            (Some(form), Some(part)) if form.starts_with('{') => {
                if part.is_empty() {
                    return None;
                }
                part.clone_into(&mut name);
            }
            (Some(form), Some(part)) if form == part => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_with_its_name_and_nothing_else_is() {
        let name = |method: Method, path: &str| match find(&method, path) {
            Found::Route(route, name) => format!("{:?} {name}", route.op),
            Found::OtherMethods(allow) => allow,
            Found::Nothing => "nothing".to_owned(),
        };
        assert_eq!(name(Method::GET, "/admin/v1/workspaces/ws_1/balance"), "Balance ws_1");
        assert_eq!(name(Method::HEAD, "/admin/v1/jobs"), "Jobs ");
        assert_eq!(name(Method::PUT, "/admin/v1/keys"), "GET, POST");
        for path in ["/admin/v1", "/admin/v1/keys/", "/admin/v1/keys//revoke", "/admin/v1/KEYS"] {
            assert_eq!(name(Method::GET, path), "nothing", "{path}");
        }
    }

    #[test]
    fn whoever_only_looks_changes_nothing() {
        for route in ROUTES.iter().filter(|route| route.method != "GET") {
            assert_ne!(route.role, Viewer, "{}", route.path);
        }
    }
}
