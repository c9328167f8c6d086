//! The whole gateway from outside: the real binary, real sockets, fake vendors on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop and say what it saw"
)]
#![expect(clippy::indexing_slicing, reason = "a test knows what it expects to find")]

mod abuse;
mod clerk;
mod collector;
#[path = "../postgres/proxy.rs"]
#[expect(dead_code, reason = "the store's own tests do more with it")]
mod proxy;
mod receiver;
#[path = "../postgres/server.rs"]
#[expect(dead_code, reason = "the store's own tests do more with it")]
mod server;
mod upscaler;
mod vendor;
mod world;

mod admin;
mod allowance;
mod avif;
mod bad_input;
mod bounds;
mod browser;
mod bucket;
mod budgets;
mod crash;
mod day;
mod demo;
mod deploy;
mod failover;
mod failures;
mod finance;
mod google;
mod hostile;
mod idempotency;
mod imageapi;
mod inputs;
mod jobs;
mod keys;
mod limits;
mod matrix;
mod media;
mod money;
mod neariq;
mod node;
mod nodes;
mod openapi;
mod orders;
mod passthrough;
mod path;
mod played;
mod prices;
mod quote;
mod reload;
mod rules;
mod sdk;
mod seeds;
mod shadow;
mod shared;
mod signed;
mod simulate;
mod streaming;
mod tls;
mod traces;
mod upgrade;
mod upload;
mod vertex;
mod watch;
mod watchdog;
mod watermark;
mod webhooks;
