//! Percent-encoding of what goes into a path or a query (RFC 3986).

use std::fmt::Write as _;

/// A text in which nothing is left that means something in a path or a query.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_nothing_in_an_address_is_left() {
        assert_eq!(percent_encoded("a-Z_0.9~"), "a-Z_0.9~");
        assert_eq!(percent_encoded("v1:0/x y?&%"), "v1%3A0%2Fx%20y%3F%26%25");
        assert_eq!(percent_encoded("ü"), "%C3%BC");
    }
}
