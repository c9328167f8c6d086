//! An order that a vendor has a name for, in a form that outlives the process.

use serde::{Deserialize, Serialize};

use crate::scalar::as_base64;

/// What it takes to go on asking after an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The offering that was ordered, by its name in policy.
    pub offering: String,
    /// The account of ours that ordered, by its place among the vendor's credentials.
    pub account: usize,
    /// Which call of the fan-out it is, from 0.
    pub call: u32,
    /// What to ask next.
    pub next: Question,
    /// What takes it back, where the vendor can.
    pub cancel: Option<Question>,
    /// What the vendor says it charges, in nano-dollars.
    pub cost_nanos: Option<i64>,
}

/// A call of a vendor's API, without our credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The HTTP method.
    pub method: String,
    /// Path and query, or a whole address that the vendor named.
    pub path: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(with = "as_base64")]
    pub body: Vec<u8>,
}
