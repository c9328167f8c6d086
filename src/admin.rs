//! What operators and finance ask over HTTP, under `/admin/v1`: who may ask what, and what they are
//! answered. Knows no sockets; the edge hands it what it read within bounds.
//!
//! Every answer is JSON (or CSV where that is asked for), every no is `{"error": {code, message,
//! remedy}}`. Every change is in the audit log, in the commit of the change.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::sync::Semaphore;

use crate::auth::{Operator, Role, TOKEN_PREFIX, TokenError, token_digest};
use crate::config::Config;
use crate::gateway::Gateway;
use crate::id::RequestId;
use crate::limit::Guesses;
use crate::store::Actor;

mod answer;
mod budgets;
mod console;
mod credits;
mod finance;
mod jobs;
mod keys;
mod ledger;
mod pictures;
mod policy;
mod query;
mod refused;
mod routes;
mod tokens;
mod traffic;
mod workspaces;

pub use answer::{Answer, Kind};
pub use routes::{ROUTES, Route};

use query::Query;
use refused::Refused;
use routes::{Found, Op};

/// The longest body that is read.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests that are answered at once; more are told to come again.
const IN_FLIGHT_MAX: usize = 32;

/// Reads of many rows that go on at once; others wait their turn.
const HEAVY_MAX: usize = 2;

/// So many different wrong tokens may an address show in a minute.
const WRONG_TOKENS_MAX: u32 = 10;

const WRONG_TOKENS_PER: Duration = Duration::from_mins(1);

/// What answers operators.
pub struct Admin {
    gateway: Arc<Gateway>,
    /// Where the books are.
    config: Config,
    guesses: Guesses,
    in_flight: Semaphore,
    heavy: Semaphore,
}

/// A request as the edge read it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The path, without its query.
    pub path: String,
    /// The query, without the question mark.
    pub query: String,
    /// All header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The client's address, where it is known.
    pub client: Option<IpAddr>,
}

/// A request by somebody who may make it.
struct Call {
    asked: Asked,
    query: Query,
    /// The name in the path, where its route has one; empty otherwise.
    name: String,
    operator: Operator,
    request: RequestId,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

impl Call {
    /// Whoever asks, for the audit log.
    fn actor(&self) -> Actor {
        Actor::shown(&self.operator, self.asked.client, self.request.clone())
    }

    /// Whether whoever asks may be shown amounts.
    fn sees_money(&self) -> bool {
        self.operator.role().includes(Role::Finance)
    }

    /// The body as JSON of this shape.
    fn body<T: serde::de::DeserializeOwned>(&self) -> Result<T, Refused> {
        let body: &[u8] = if self.asked.body.is_empty() { b"{}" } else { &self.asked.body };
        // A list of the fields' values in their order is no body, whatever it could be read as.
        let read = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body)
            .and_then(|_| serde_json::from_slice(body));
        read.map_err(|fault| refused::bad_body(&fault))
    }
}

impl Admin {
    /// Answers for this gateway, whose books are where its config says.
    pub fn new(gateway: Arc<Gateway>, config: Config) -> Self {
        Self {
            gateway,
            config,
            guesses: Guesses::new(WRONG_TOKENS_MAX, WRONG_TOKENS_PER),
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
            heavy: Semaphore::new(HEAVY_MAX),
        }
    }

    /// Whether a path is of the admin API or of the console.
    pub fn claims(path: &str) -> bool {
        path == "/admin" || path.starts_with("/admin/") || console::claims(path)
    }

    /// Answers; never fails.
    pub async fn answer(&self, asked: Asked) -> Answer {
        if console::claims(&asked.path) {
            return console::answer(&asked.method, &asked.path);
        }
        let request = RequestId::random();
        let (method, path) = (asked.method.clone(), asked.path.clone());
        let (route, came) = match self.in_flight.try_acquire() {
            Ok(_place) => self.meet(asked, &request).await,
            Err(_) => ("none", Err(refused::busy())),
        };
        let (answer, outcome) = match came {
            Ok(answer) => (answer, "ok"),
            Err(refused) => (refused.answer(), refused.code),
        };
        self.gateway.telemetry.metrics().admin_requests.with_label_values(&[route, outcome]).inc();
        if method != Method::GET && method != Method::HEAD {
            let status = answer.status;
            tracing::info!(request_id = %request, %method, path, status, outcome, "admin request");
        }
        answer.with("x-request-id", request.as_str())
    }

    /// Who asks, whether they may, and what they are answered; with the route's name.
    async fn meet(
        &self,
        asked: Asked,
        request: &RequestId,
    ) -> (&'static str, Result<Answer, Refused>) {
        let operator = self.prove(&asked).await;
        // Nobody learns which paths there are before they are known.
        let operator = match operator {
            Ok(operator) => operator,
            Err(refused) => return ("none", Err(refused)),
        };
        let (route, name) = match routes::find(&asked.method, &asked.path) {
            Found::Route(route, name) => (route, name),
            Found::OtherMethods(allow) => {
                return ("none", Err(refused::wrong_method(&asked.method, &allow)));
            }
            Found::Nothing => return ("none", Err(refused::unknown_path(&asked.path))),
        };
        let call = || -> Result<Call, Refused> {
            if asked.method != Method::GET && asked.method != Method::HEAD {
                must_be_own_origin(&asked.headers)?;
            }
            if !operator.role().includes(route.role) {
                return Err(refused::role(operator.role(), route.role));
            }
            let query = Query::read(&asked.query, route.takes)?;
            Ok(Call { query, name, operator, request: request.clone(), asked })
        };
        let came = match call() {
            Ok(call) => Box::pin(self.serve(route.op, &call)).await,
            Err(refused) => Err(refused),
        };
        (route.path, came)
    }

    /// The operator that a request proves.
    async fn prove(&self, asked: &Asked) -> Result<Operator, Refused> {
        let presented = bearer(&asked.headers);
        let shown = token_digest(presented).map_err(refused::token)?;
        // A text that begins otherwise is no token of ours, whatever is stored.
        let is_ours = presented.is_some_and(|text| text.trim().starts_with(TOKEN_PREFIX));
        let known = if is_ours {
            self.gateway.store.operator(shown).await?
        } else {
            Err(TokenError::Unknown)
        };
        let look = || {
            let is_guess = matches!(known, Err(TokenError::Unknown));
            (known, is_guess.then_some(shown))
        };
        match self.guesses.try_key(asked.client, self.gateway.clock.now(), look) {
            Ok(known) => known.map_err(refused::token),
            Err(met) => Err(refused::guesses(met.retry_after)),
        }
    }

    async fn serve(&self, op: Op, call: &Call) -> Result<Answer, Refused> {
        match op {
            Op::Me => Ok(tokens::me(call)),
            Op::Tokens => self.tokens().await,
            Op::RevokeToken => self.revoke_token(call).await,
            Op::Audit => self.audit(call).await,
            Op::Workspaces => self.workspaces(call).await,
            Op::CreateWorkspace => self.create_workspace(call).await,
            Op::Workspace => self.workspace(call).await,
            Op::SuspendWorkspace => self.suspend_workspace(call, true).await,
            Op::ResumeWorkspace => self.suspend_workspace(call, false).await,
            Op::Keys => self.keys(call).await,
            Op::CreateKey => self.create_key(call).await,
            Op::RotateKey => self.rotate_key(call).await,
            Op::RevokeKey => self.revoke_key(call).await,
            Op::Balances => self.balances(call).await,
            Op::Balance => self.balance(call).await,
            Op::Grants => self.grants(call).await,
            Op::Grant => self.grant(call).await,
            Op::Adjust => self.adjust(call).await,
            Op::Entries => self.entries(call).await,
            Op::Usage => self.usage(call).await,
            Op::Statements => self.statements(call).await,
            Op::Forecast => self.forecast(call).await,
            Op::Exposures => self.exposures(call).await,
            Op::Budgets => self.budgets().await,
            Op::BudgetCounters => self.budget_counters(call).await,
            Op::BudgetAlerts => self.budget_alerts(call).await,
            Op::Pictures => self.pictures(call).await,
            Op::Picture => self.picture(call).await,
            Op::Jobs => self.jobs(call).await,
            Op::Job => self.job(call).await,
            Op::CancelJob => self.cancel_job(call).await,
            Op::Live => Ok(self.live(call)),
            Op::Offerings => Ok(self.offerings()),
            Op::Drain => self.drain(call).await,
            Op::Resume => self.resume(call).await,
            Op::Plans => Ok(self.plans()),
            Op::Policy => Ok(self.policy()),
            Op::CheckPolicy => policy::check(call).await,
            Op::ReloadPolicy => self.reload_policy(call).await,
        }
    }
}

/// The text behind `Bearer`; nothing else is looked at.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let (value, more) = (values.next()?, values.next());
    let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && more.is_none()).then_some(text)
}

/// A page of another origin may not write, even if it got hold of a token.
fn must_be_own_origin(headers: &HeaderMap) -> Result<(), Refused> {
    let text = |name: http::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or(""));
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(refused::foreign());
    }
    let Some(origin) = text(http::header::ORIGIN) else { return Ok(()) };
    let own = text(http::header::HOST).unwrap_or_default();
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let is_own = authority.is_some_and(|authority| authority.eq_ignore_ascii_case(own));
    if is_own { Ok(()) } else { Err(refused::foreign()) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_one_bearer_is_a_token() {
        let shown =
            |lines: &[(&'static str, &'static str)]| bearer(&headers(lines)).map(str::to_owned);
        assert_eq!(shown(&[("authorization", "bearer pgadm_x")]).as_deref(), Some("pgadm_x"));
        assert_eq!(shown(&[("authorization", "Basic pgadm_x")]), None);
        assert_eq!(shown(&[("x-api-key", "pgadm_x"), ("cookie", "token=pgadm_x")]), None);
        assert_eq!(shown(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]), None);
    }

    #[test]
    fn a_page_writes_at_its_own_origin_alone() {
        let may =
            |lines: &[(&'static str, &'static str)]| must_be_own_origin(&headers(lines)).is_ok();
        assert!(may(&[]), "a script sends no origin");
        assert!(may(&[("host", "ops:8081"), ("origin", "http://OPS:8081")]));
        for origin in ["http://evil", "null", "http://ops", "https://ops:8081.evil", ""] {
            assert!(!may(&[("host", "ops:8081"), ("origin", origin)]), "{origin}");
        }
        assert!(!may(&[("host", "ops:8081"), ("sec-fetch-site", "cross-site")]));
        assert!(may(&[("host", "ops:8081"), ("sec-fetch-site", "same-origin")]));
    }
}
