//! The places in recorded answers: a whole picture, and the vendor's own address.

use base64::Engine as _;
use serde_json::Value;

/// A whole picture of 16 by 16 pixels, as base64: `{png}` in a talk.
pub(crate) const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAABlUlEQVR42hXR4RiFMQiG4REMIYIhjCCECIbwEAxhBCFEEEIkIZzv9Lu7663GGMhgD2zA4A1iUIMezMEa6OAM7sAHORhDEGELJiA8IYQSWpjCElQ4whVcSPnARjZ7Yxs2bxOb2vRmbtZGN2dzN77J/QFDjG2YgfGMMMpoYxrLUOMY13Aj7QP/IN/or/lfDwIKGiYsUDhwwSG/NcdDHvth79/+HvGoRz/mYz30cR734Y98Hwgk2IHFf/gLIqiggxmsQIMT3MCDjA8UUuzC6h/lFVFU0cUsVqHFKW7hRdYHGml2Y/0P/ppoqulmNqvR5jS38Sb7AxOZ7InN/5pvEpOa9GRO1kQnZ3InPsn5gYUs9sLW/yhvEYta9GIu1kIXZ3EXvsj1AUWUrZj+T/iUUEppZSpLUeUoV3El9QMHOeyDnf/B3yEOdejDPKyDHs7hHvyQ5wMXueyL3f973iUudenLvKyLXs7lXvyS9wOOONsx/z/zOeGU0850lqPOca7jTvoHEkl2Yvl//UsiqaSTmaxEk5PcxJNMfst6WhBsteHnAAAAAElFTkSuQmCC";

/// A talk with its places filled: `{png}`, and `{vendor}` for the vendor's own address.
pub(crate) fn filled(golden: &Value, vendor: &str) -> Value {
    let text = golden.to_string().replace("{png}", PNG).replace("{vendor}", vendor);
    serde_json::from_str(&text).unwrap()
}

/// What a base64 text stands for.
pub(crate) fn binary(base64: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap()
}
