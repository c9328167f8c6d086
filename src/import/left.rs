//! Keys that have no place here, and why: said in the report in place of "is not known here".

/// Why this key is left, where that is known.
pub(super) fn why(key: &str) -> Option<&'static str> {
    WHY.iter().find(|(known, _)| *known == key).map(|(_, why)| *why)
}

const BY_RULE: &str = "what apps leave out is set by a rule: `[[rules.rule]]` with `set`";
const FAILURES: &str = "what follows a failure is a table over what went wrong: docs/routing.md";
const TOLD: &str = "metrics are always at /metrics, and each request is a line of the log";
const KEYS: &str = "keys and credits are in the ledger, not in policy: `pixelgate key create`";
const CREDENTIAL: &str = "how this credential is obtained has no like here; give a key of its own";
const CONTENT: &str = "no prompt is shopped around after a vendor refused its content";
const CACHE: &str = "pictures are not kept for other prompts; repeats are by Idempotency-Key";
const NODES: &str = "several nodes share `limits.redis` of the config: docs/scaling.md";
const TEXT: &str = "is for models that write text";

const WHY: &[(&str, &str)] = &[
    ("tpm", "pictures are counted as pictures, requests, megapixels or credits, not as tokens"),
    ("max_parallel_requests", "calls to a vendor are paced by the minute, not bounded at once"),
    ("global_max_parallel_requests", "see `public.in_flight_max` of the config"),
    ("stream_timeout", "a vendor has one `timeout`, streaming or not"),
    ("max_retries", FAILURES),
    ("num_retries", FAILURES),
    ("retry_policy", FAILURES),
    ("retry_after", FAILURES),
    ("allowed_fails", FAILURES),
    ("allowed_fails_policy", FAILURES),
    ("cooldown_time", FAILURES),
    ("disable_cooldowns", FAILURES),
    ("content_policy_fallbacks", CONTENT),
    ("context_window_fallbacks", TEXT),
    ("max_tokens", TEXT),
    ("temperature", TEXT),
    ("enable_pre_call_checks", "every offering is always asked whether it can: docs/routing.md"),
    ("extra_headers", "headers of a vendor are its dialect's"),
    ("organization", "give each organisation a key of its own: `secrets` of a vendor"),
    ("api_version", "the version of a vendor's API is its dialect's"),
    ("azure_ad_token", CREDENTIAL),
    ("tenant_id", CREDENTIAL),
    ("client_id", CREDENTIAL),
    ("client_secret", CREDENTIAL),
    ("aws_role_name", CREDENTIAL),
    ("aws_profile_name", CREDENTIAL),
    ("aws_session_name", CREDENTIAL),
    ("aws_web_identity_token", CREDENTIAL),
    ("quality", BY_RULE),
    ("size", BY_RULE),
    ("n", BY_RULE),
    ("style", BY_RULE),
    ("response_format", "how pictures arrive is the app's or the plan's to say: `storage`"),
    ("user", "an app's own end user is the app's to name"),
    ("tags", "who is sent where is a rule: `[[rules.rule]]` with `offerings` or `vendors`"),
    ("access_groups", "which models a key may ask for is its plan's `models`"),
    ("supported_environments", "each environment has a folder of policy of its own"),
    ("id", "an offering is named after its model and vendor"),
    ("base_model", "is used to find what is known of the model, and nothing was"),
    ("team_id", "which models a key may ask for is its plan's `models`"),
    ("cache", CACHE),
    ("cache_params", CACHE),
    ("success_callback", TOLD),
    ("failure_callback", TOLD),
    ("service_callbacks", TOLD),
    ("callbacks", TOLD),
    ("callback_settings", TOLD),
    ("json_logs", "see `log.format` of the config; JSON unless it says otherwise"),
    ("set_verbose", "see `log.level` of the config"),
    ("turn_off_message_logging", "prompts are never logged"),
    ("redis_host", NODES),
    ("redis_port", NODES),
    ("redis_password", NODES),
    ("redis_url", NODES),
    ("master_key", "operators have tokens of their own: `pixelgate admin token create`"),
    ("database_url", "see `store.postgres` of the config: docs/scaling.md"),
    ("database_connection_pool_limit", "a node has as many connections as it needs"),
    ("store_model_in_db", "models are policy; what is in that database is not in this file"),
    ("alerting", "budgets tell a webhook (`alert_at`), and Prometheus the rest"),
    ("alerting_threshold", "budgets tell a webhook (`alert_at`), and Prometheus the rest"),
    ("default_team_settings", KEYS),
    ("default_internal_user_params", KEYS),
    ("default_key_generate_params", KEYS),
    ("upperbound_key_generate_params", KEYS),
    ("max_internal_user_budget", KEYS),
    ("key_generation_settings", KEYS),
    ("custom_auth", KEYS),
    ("enable_jwt_auth", KEYS),
    ("guardrails", "lists, patterns and moderation are rules: docs/rules.md"),
    ("include", "is another file: import it too"),
    ("environment_variables", "set them for the gateway as you do now; no value of them is copied"),
    ("mcp_servers", TEXT),
    ("general_settings", "is no table"),
];
