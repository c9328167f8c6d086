//! How much room there is: what the config bounds, and what waits for the store.

use prometheus::{IntGauge, Registry};

use super::gauge;

/// What the gauges of what is in flight are held against.
#[derive(Debug)]
pub struct RoomMetrics {
    /// `public.in_flight_max`.
    pub requests: IntGauge,
    /// `public.in_flight_bytes_max`.
    pub bytes: IntGauge,
    /// `public.connections_max`.
    pub connections: IntGauge,
    /// `jobs.running_max`.
    pub jobs: IntGauge,
    /// Asks that wait for the store's writer.
    pub store_queue: IntGauge,
}

impl RoomMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            requests: gauge(
                r,
                "pixelgate_in_flight_requests_limit",
                "Requests that may be served at once, of public.in_flight_max",
            )?,
            bytes: gauge(
                r,
                "pixelgate_in_flight_limit_bytes",
                "Bytes of request bodies that may be held, of public.in_flight_bytes_max",
            )?,
            connections: gauge(
                r,
                "pixelgate_connections_limit",
                "Connections that may be open, of public.connections_max",
            )?,
            jobs: gauge(
                r,
                "pixelgate_jobs_running_limit",
                "Jobs that may be worked on at once, of jobs.running_max",
            )?,
            store_queue: gauge(
                r,
                "pixelgate_store_queue_depth",
                "Asks that wait for the store's writer",
            )?,
        })
    }
}
