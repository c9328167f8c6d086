//! What JSON dialects share: fields read with the client's own spelling in every refusal, and
//! pictures spliced into bodies without a copy.

mod fields;
mod object;
mod splice;

pub(crate) use fields::Fields;
pub(crate) use splice::{JsonBody, Text, loose};
