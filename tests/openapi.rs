//! The description of the public paths, `docs/openapi.yaml`, held to the code and to the goldens:
//! which paths there are, what each takes, and everything that each may answer.
//!
//! `tests/it/openapi.rs` holds the same description to a gateway that runs.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a description that cannot be read has failed"
)]

#[path = "openapi/answers.rs"]
mod answers;
#[path = "openapi/description.rs"]
mod description;
#[path = "openapi/goldens.rs"]
mod goldens;
#[path = "openapi/routes.rs"]
mod routes;
#[path = "openapi/statuses.rs"]
mod statuses;

/// Fails with everything that was found.
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
