//! What finance makes of usage: lines, sums, statements, forecasts, and a vendor's invoice beside
//! the books.
//!
//! Pure: lines come in, tables come out. Nothing is rounded: money stays whole nano-units until it
//! is written as an exact decimal.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::as_conversions))]

mod day;
mod exposure;
mod focus;
mod forecast;
mod line;
mod reconcile;
mod recorded;
mod statement;
mod sums;
mod table;

pub use day::{BadDay, Day, Span};
pub use exposure::Exposure;
pub use focus::{Focus, Worth};
pub use forecast::{Forecast, forecast};
pub use line::UsageLine;
pub use reconcile::{Billed, Difference, Invoice, Reconciliation, reconcile};
pub use recorded::Recorded;
pub use statement::{Movement, Statement};
pub use sums::{BadBy, By, SumError, Sums};
pub use table::{Cell, Column, Kind, Row};
