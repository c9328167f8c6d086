//! The config file as it is written: every key may be absent, none may be unknown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::scalar::{ByteCount, Span};

use super::limits::networks;
use super::stored::{must_be_shared, postgres};
use super::{
    Answers, Config, ConfigError, InputPictures, Jobs, LogFormat, Origins, Public, TlsFiles,
    Webhooks,
};

/// Declares sections whose keys are all optional, and how one file lies over another.
macro_rules! sections {
    ($($section:ident { $($key:ident: $kind:ty),* $(,)? })*) => {$(
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        #[schemars(inline)]
        pub(super) struct $section {
            $(pub(super) $key: Option<$kind>,)*
        }

        impl $section {
            fn over(self, below: Self) -> Self {
                Self { $($key: self.$key.or(below.$key),)* }
            }
        }
    )*};
}

sections! {
    RawPublic {
        address: String,
        url: String,
        tls_certificate: String,
        tls_key: String,
        head_bytes_max: ByteCount,
        head_fields_max: usize,
        body_bytes_max: ByteCount,
        head_timeout: Span,
        body_timeout: Span,
        idle_timeout: Span,
        write_timeout: Span,
        in_flight_max: usize,
        in_flight_bytes_max: ByteCount,
        in_flight_bytes_per_workspace_max: ByteCount,
        answers_in_flight_bytes_max: ByteCount,
        connections_max: usize,
        cors_origins: Vec<String>,
        trusted_proxies: Vec<String>,
    }
    RawAdmin { address: String }
    RawStore {
        directory: PathBuf,
        reserve: ByteCount,
        free_min: ByteCount,
        audit_every: Span,
        postgres: String,
        postgres_authority: String,
    }
    RawIdempotency { answer_bytes_max: ByteCount, answers_bytes_max: ByteCount }
    RawPolicy { directory: PathBuf, shadow_directory: PathBuf }
    RawMedia {
        workers_max: usize,
        place: String,
        s3_endpoint: String,
        s3_region: String,
        s3_access_key: String,
        s3_secret_key: String,
        addresses_last: String,
        address_key: String,
        sweep_every: Span,
    }
    RawJobs {
        queued_per_workspace_max: usize,
        untold_per_workspace_max: usize,
        running_max: usize,
        running_per_workspace_max: usize,
        input_bytes_max: ByteCount,
        time_max: Span,
        kept_for: Span,
    }
    RawInputPictures { in_flight_max: usize, in_flight_bytes_max: ByteCount }
    RawLimits {
        wrong_keys_max: u32,
        wrong_keys_per: Span,
        redis: String,
        lost: String,
        nodes: u32,
        redis_deadline: Span,
        redis_in_flight_max: usize,
    }
    RawWebhooks { sending_max: usize, sending_per_lane_max: usize }
    RawLog { format: LogFormat, level: String, prompts: bool }
    RawTraces {
        export: String,
        endpoint: String,
        headers: BTreeMap<String, String>,
        authority: String,
        name: String,
        resource: BTreeMap<String, String>,
        ratio: f64,
        follow_parent: bool,
        keep_faults: bool,
        queue_max: usize,
        batch_spans: usize,
        every: Span,
        timeout: Span,
        flush_timeout: Span,
    }
    RawMetrics { workspaces_max: usize }
    RawWatchdog { request_grace: Span, store_writer: Span, runtime: Span }
    RawLife { drain_timeout: Span }
}

/// What needs a restart to change. Everything has a default; a file given by `--config` may hold any part.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Config")]
pub(super) struct RawConfig {
    public: RawPublic,
    admin: RawAdmin,
    store: RawStore,
    idempotency: RawIdempotency,
    policy: RawPolicy,
    media: RawMedia,
    jobs: RawJobs,
    input_pictures: RawInputPictures,
    limits: RawLimits,
    webhooks: RawWebhooks,
    metrics: RawMetrics,
    log: RawLog,
    traces: RawTraces,
    watchdog: RawWatchdog,
    life: RawLife,
}

impl RawConfig {
    /// What is set here; what is not, as it is `below`.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            public: self.public.over(below.public),
            admin: self.admin.over(below.admin),
            store: self.store.over(below.store),
            idempotency: self.idempotency.over(below.idempotency),
            policy: self.policy.over(below.policy),
            media: self.media.over(below.media),
            jobs: self.jobs.over(below.jobs),
            input_pictures: self.input_pictures.over(below.input_pictures),
            limits: self.limits.over(below.limits),
            webhooks: self.webhooks.over(below.webhooks),
            metrics: self.metrics.over(below.metrics),
            log: self.log.over(below.log),
            traces: self.traces.over(below.traces),
            watchdog: self.watchdog.over(below.watchdog),
            life: self.life.over(below.life),
        }
    }

    /// Values that cannot be wrong.
    pub(super) fn build(self) -> Result<Config, ConfigError> {
        let level = set("log.level", self.log.level)?;
        let workers = set("media.workers_max", self.media.workers_max)?;
        let library = self.media.build()?;
        let postgres = postgres(self.store.postgres, self.store.postgres_authority)?;
        if postgres.is_some() {
            must_be_shared(&library)?;
        }
        Ok(Config {
            public: self.public.build()?,
            admin_address: address("admin.address", self.admin.address)?,
            store_directory: set("store.directory", self.store.directory)?,
            store_reserve_bytes: bytes("store.reserve", self.store.reserve)?,
            store_free_min_bytes: bytes("store.free_min", self.store.free_min)?,
            audit_every: pause("store.audit_every", self.store.audit_every)?,
            answers: self.idempotency.build()?,
            policy_directory: set("policy.directory", self.policy.directory)?,
            shadow_directory: self.policy.shadow_directory,
            media_workers_max: Some(workers).filter(|workers| *workers > 0),
            jobs: self.jobs.build()?,
            input_pictures: self.input_pictures.build()?,
            limits: self.limits.build()?,
            webhooks: self.webhooks.build()?,
            workspaces_named_max: self.metrics.build()?,
            library,
            postgres,
            log_format: set("log.format", self.log.format)?,
            log_level: level.parse().map_err(|_| {
                wrong("log.level", "is none of \"error\", \"warn\", \"info\", \"debug\", \"trace\"")
            })?,
            log_prompts: set("log.prompts", self.log.prompts)?,
            traces: self.traces.build()?,
            watchdog: self.watchdog.build()?,
            drain_timeout: set("life.drain_timeout", self.life.drain_timeout)?.0,
        })
    }
}

impl RawIdempotency {
    fn build(self) -> Result<Answers, ConfigError> {
        let bytes = |place, value: Option<ByteCount>| set(place, value).map(|count| count.0);
        Ok(Answers {
            each_bytes_max: bytes("idempotency.answer_bytes_max", self.answer_bytes_max)?,
            all_bytes_max: bytes("idempotency.answers_bytes_max", self.answers_bytes_max)?,
        })
    }
}

impl RawPublic {
    fn build(self) -> Result<Public, ConfigError> {
        let tls = tls_files(
            set("public.tls_certificate", self.tls_certificate)?,
            set("public.tls_key", self.tls_key)?,
        )?;
        Ok(Public {
            address: address("public.address", self.address)?,
            url: public_url(&set("public.url", self.url)?)?,
            tls,
            head_bytes_max: positive("public.head_bytes_max", self.head_bytes_max.map(|b| b.0))?,
            head_fields_max: positive("public.head_fields_max", self.head_fields_max)?,
            body_bytes_max: positive("public.body_bytes_max", self.body_bytes_max.map(|b| b.0))?,
            head_timeout: set("public.head_timeout", self.head_timeout)?.0,
            body_timeout: set("public.body_timeout", self.body_timeout)?.0,
            idle_timeout: set("public.idle_timeout", self.idle_timeout)?.0,
            write_timeout: set("public.write_timeout", self.write_timeout)?.0,
            in_flight_max: positive("public.in_flight_max", self.in_flight_max)?,
            in_flight_bytes_max: positive(
                "public.in_flight_bytes_max",
                self.in_flight_bytes_max.map(|b| b.0),
            )?,
            in_flight_bytes_per_workspace_max: positive(
                "public.in_flight_bytes_per_workspace_max",
                self.in_flight_bytes_per_workspace_max.map(|b| b.0),
            )?,
            answers_in_flight_bytes_max: positive(
                "public.answers_in_flight_bytes_max",
                self.answers_in_flight_bytes_max.map(|b| b.0),
            )?,
            connections_max: positive("public.connections_max", self.connections_max)?,
            cors_origins: origins(&set("public.cors_origins", self.cors_origins)?)?,
            trusted_proxies: networks(
                "public.trusted_proxies",
                &set("public.trusted_proxies", self.trusted_proxies)?,
            )?,
        })
    }
}

impl RawInputPictures {
    fn build(self) -> Result<InputPictures, ConfigError> {
        let bytes = self.in_flight_bytes_max.map(|bytes| bytes.0);
        Ok(InputPictures {
            in_flight_max: positive("input_pictures.in_flight_max", self.in_flight_max)?,
            in_flight_bytes_max: positive("input_pictures.in_flight_bytes_max", bytes)?,
        })
    }
}

impl RawJobs {
    fn build(self) -> Result<Jobs, ConfigError> {
        Ok(Jobs {
            queued_per_workspace_max: positive(
                "jobs.queued_per_workspace_max",
                self.queued_per_workspace_max,
            )?,
            untold_per_workspace_max: positive(
                "jobs.untold_per_workspace_max",
                self.untold_per_workspace_max,
            )?,
            running_max: positive("jobs.running_max", self.running_max)?,
            running_per_workspace_max: positive(
                "jobs.running_per_workspace_max",
                self.running_per_workspace_max,
            )?,
            input_bytes_max: positive("jobs.input_bytes_max", self.input_bytes_max.map(|b| b.0))?,
            time_max: set("jobs.time_max", self.time_max)?.0,
            kept_for: set("jobs.kept_for", self.kept_for)?.0,
        })
    }
}

impl RawWebhooks {
    fn build(self) -> Result<Webhooks, ConfigError> {
        Ok(Webhooks {
            sending_max: positive("webhooks.sending_max", self.sending_max)?,
            sending_per_lane_max: positive(
                "webhooks.sending_per_lane_max",
                self.sending_per_lane_max,
            )?,
        })
    }
}

/// More series than this cost a Prometheus more than they tell.
const WORKSPACES_NAMED_MAX: usize = 1000;

impl RawMetrics {
    fn build(self) -> Result<usize, ConfigError> {
        match set("metrics.workspaces_max", self.workspaces_max)? {
            count if count > WORKSPACES_NAMED_MAX => Err(wrong(
                "metrics.workspaces_max",
                format!(
                    "is above {WORKSPACES_NAMED_MAX}; the admin API has the usage of every workspace"
                ),
            )),
            count => Ok(count),
        }
    }
}

pub(super) fn wrong(place: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Value { place, problem: problem.into() }
}

pub(super) fn set<T>(place: &'static str, value: Option<T>) -> Result<T, ConfigError> {
    value.ok_or_else(|| wrong(place, "has no default; this is a fault of the build"))
}

fn bytes(place: &'static str, value: Option<ByteCount>) -> Result<u64, ConfigError> {
    Ok(u64::try_from(set(place, value)?.0).unwrap_or(u64::MAX))
}

pub(super) fn positive(place: &'static str, value: Option<usize>) -> Result<usize, ConfigError> {
    match set(place, value)? {
        0 => Err(wrong(place, "is 0, which would refuse everything; give at least 1")),
        value => Ok(value),
    }
}

/// A time between two rounds of what never ends.
pub(super) fn pause(place: &'static str, value: Option<Span>) -> Result<Duration, ConfigError> {
    match set(place, value)?.0 {
        Duration::ZERO => Err(wrong(place, "is 0, which would never rest; give \"10m\"")),
        pause => Ok(pause),
    }
}

fn address(place: &'static str, value: Option<String>) -> Result<SocketAddr, ConfigError> {
    let text = set(place, value)?;
    text.parse().map_err(|_| {
        wrong(place, format!("`{text}` is not an address and port such as \"127.0.0.1:8080\""))
    })
}

fn public_url(text: &str) -> Result<Option<String>, ConfigError> {
    let is_http = text.starts_with("http://") || text.starts_with("https://");
    match text {
        "" => Ok(None),
        _ if is_http => Ok(Some(text.trim_end_matches('/').to_owned())),
        _ => Err(wrong("public.url", format!("`{text}` does not start with http:// or https://"))),
    }
}

fn origins(texts: &[String]) -> Result<Origins, ConfigError> {
    if texts == ["*"] {
        return Ok(Origins::Any);
    }
    let is_origin = |text: &String| {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']))
    };
    match texts.iter().find(|text| !is_origin(text)) {
        None => Ok(Origins::Listed(texts.iter().map(|text| text.to_ascii_lowercase()).collect())),
        Some(text) => Err(wrong(
            "public.cors_origins",
            format!(
                "`{text}` is no origin; write [\"*\"] alone, or such as \"https://shop.example\""
            ),
        )),
    }
}

fn tls_files(certificate: String, key: String) -> Result<Option<TlsFiles>, ConfigError> {
    match (certificate.is_empty(), key.is_empty()) {
        (true, true) => Ok(None),
        (false, false) => Ok(Some(TlsFiles { certificate: certificate.into(), key: key.into() })),
        (true, false) => Err(wrong("public.tls_certificate", "is missing beside public.tls_key")),
        (false, true) => Err(wrong("public.tls_key", "is missing beside public.tls_certificate")),
    }
}
