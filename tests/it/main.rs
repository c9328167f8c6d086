//! The whole gateway from outside: the real binary, real sockets, fake vendors on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop and say what it saw"
)]
#![expect(clippy::indexing_slicing, reason = "a test knows what it expects to find")]

mod clerk;
mod upscaler;
mod vendor;
mod world;

mod allowance;
mod bad_input;
mod bounds;
mod bucket;
mod crash;
mod demo;
mod failover;
mod failures;
mod finance;
mod google;
mod hostile;
mod idempotency;
mod imageapi;
mod jobs;
mod keys;
mod limits;
mod matrix;
mod media;
mod money;
mod neariq;
mod orders;
mod passthrough;
mod path;
mod quote;
mod reload;
mod sdk;
mod signed;
mod streaming;
mod tls;
mod upload;
mod vertex;
mod watermark;
