//! A `multipart/form-data` body read whole: its parts, in their order, as slices of it.
//!
//! Strict where two readers could differ: nothing comes before the first boundary or after the
//! last, a boundary's line holds nothing else, and every part says its name once. No part is
//! decoded: an encoding for the transfer, which RFC 7578 does away with, is refused.

use bytes::Bytes;
use memchr::memmem;

use crate::canonical::{Refusal, RefusalKind};

/// The most parts that are read; no documented form needs half as many.
const PARTS_MAX: usize = 64;

/// The longest boundary (RFC 2046).
const BOUNDARY_CHARS_MAX: usize = 70;

/// One part of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormPart {
    /// The name of its field.
    pub(crate) name: String,
    /// Its content, a slice of the body.
    pub(crate) content: Bytes,
}

/// Whether a body of this type is a form of parts.
pub(crate) fn is_form(content_type: &str) -> bool {
    let (kind, _) = content_type.split_once(';').unwrap_or((content_type, ""));
    kind.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// The parts of a body of this type.
pub(crate) fn read(content_type: &str, body: &Bytes) -> Result<Vec<FormPart>, Refusal> {
    let delimiter = format!("\r\n--{}", boundary(content_type)?);
    let (_, first) = delimiter.split_at(2);
    let ends = memmem::Finder::new(&delimiter);
    let mut rest = body
        .strip_prefix(first.as_bytes())
        .ok_or_else(|| bad_form("it does not begin with its boundary"))?;
    let mut parts = Vec::new();
    while let Some(open) = rest.strip_prefix(b"\r\n") {
        if parts.len() == PARTS_MAX {
            return Err(bad_form(&format!("it has more than {PARTS_MAX} parts")));
        }
        let end = ends.find(open).ok_or_else(|| bad_form("it ends before its last boundary"))?;
        let (part, after) = open.split_at(end);
        parts.push(read_part(body, part)?);
        rest = after.get(delimiter.len()..).unwrap_or_default();
    }
    match rest.strip_prefix(b"--") {
        Some(b"" | b"\r\n") => Ok(parts),
        Some(_) => Err(bad_form("something follows its last boundary")),
        None => Err(bad_form("a boundary is not a line of its own")),
    }
}

fn boundary(content_type: &str) -> Result<String, Refusal> {
    let (_, given) = content_type.split_once(';').unwrap_or((content_type, ""));
    let given = parameters(given).and_then(|given| once(given, "boundary"));
    let is_fit = |text: &String| {
        (1..=BOUNDARY_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
            && !text.ends_with(' ')
    };
    given
        .filter(is_fit)
        .ok_or_else(|| bad_form("its content type must name one boundary of 1 to 70 characters"))
}

fn read_part(body: &Bytes, part: &[u8]) -> Result<FormPart, Refusal> {
    let end = memmem::find(part, b"\r\n\r\n");
    let (head, content) = end
        .and_then(|end| Some((part.get(..end)?, part.get(end.checked_add(4)?..)?)))
        .ok_or_else(|| bad_form("a part has no head"))?;
    let head = std::str::from_utf8(head).map_err(|_| bad_form("a part's head is not UTF-8"))?;
    let mut name = None;
    for line in head.split("\r\n") {
        let (field, value) =
            line.split_once(':').ok_or_else(|| bad_form("a part's head has a line of no field"))?;
        if field.eq_ignore_ascii_case("content-disposition") {
            let named = field_name(value).filter(|_| name.is_none());
            name = Some(named.ok_or_else(|| bad_form("a part does not say its name once"))?);
        }
        if field.eq_ignore_ascii_case("content-transfer-encoding") && !is_as_it_is(value) {
            return Err(bad_form("a part is encoded for transfer; send its bytes as they are"));
        }
    }
    let name = name.ok_or_else(|| bad_form("a part does not say its name once"))?;
    Ok(FormPart { name, content: body.slice_ref(content) })
}

/// The name in `form-data; name="prompt"; filename="…"`.
fn field_name(disposition: &str) -> Option<String> {
    let (kind, given) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    once(parameters(given)?, "name")
}

fn is_as_it_is(encoding: &str) -> bool {
    ["binary", "8bit", "7bit"].iter().any(|name| encoding.trim().eq_ignore_ascii_case(name))
}

/// The value of the parameter that is there once and only once.
fn once(given: Vec<(&str, String)>, wanted: &str) -> Option<String> {
    let mut found = given.into_iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

/// Parameters such as `; name="a b"; filename=c`, each with its value; `None` when they make no
/// sense.
fn parameters(text: &str) -> Option<Vec<(&str, String)>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)?
        } else {
            let (token, _) = after.split_once(';').unwrap_or((after, ""));
            (token.trim().to_owned(), after.strip_prefix(token)?)
        };
        found.push((name.trim(), value));
        let after = after.trim_start();
        rest = if after.is_empty() { after } else { after.strip_prefix(';')?.trim_start() };
    }
    Some(found)
}

/// What is before the closing quote, and what is after it. A backslash makes a quote or another
/// backslash part of the text, and is text anywhere else: file names come with bare ones.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(at.checked_add(1)?..)?)),
            '\\' => match letters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            letter => value.push(letter),
        }
    }
    None
}

fn bad_form(problem: &str) -> Refusal {
    let message = format!("the form cannot be read: {problem}");
    Refusal::new(RefusalKind::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Form;
    use super::*;
    use crate::canonical::{InputImage, Picture};

    const TYPE: &str = "multipart/form-data; boundary=b";

    fn parts(content_type: &str, body: &str) -> Result<Vec<(String, String)>, String> {
        let shown =
            |part: FormPart| (part.name, String::from_utf8_lossy(&part.content).into_owned());
        match read(content_type, &Bytes::copy_from_slice(body.as_bytes())) {
            Ok(parts) => Ok(parts.into_iter().map(shown).collect()),
            Err(refusal) => Err(refusal.message.into_owned()),
        }
    }

    fn pair(name: &str, content: &str) -> (String, String) {
        (name.to_owned(), content.to_owned())
    }

    #[test]
    fn parts_are_read_in_their_order_with_the_content_they_have() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na\r\nfox\r\n--b\r\n\
                    content-disposition:form-data;filename=\"C:\\a;b.png\"; name=image[]\r\n\
                    Content-Type: image/png\r\n\r\n--\r\n--b\r\n\
                    Content-Disposition: form-data; name=\"a \\\"b\\\"\"\r\n\r\n\r\n--b--\r\n";
        let expected = [pair("prompt", "a\r\nfox"), pair("image[]", "--"), pair("a \"b\"", "")];
        assert_eq!(parts(TYPE, body).unwrap(), expected);
        assert_eq!(parts(TYPE, "--b--").unwrap(), []);
    }

    #[test]
    fn a_boundary_is_read_quoted_or_not() {
        for content_type in [
            "Multipart/Form-Data; charset=utf-8; Boundary=\"b\"",
            "multipart/form-data;boundary=b ; x=y",
            "multipart/form-data; boundary=b;",
        ] {
            assert_eq!(parts(content_type, "--b--\r\n"), Ok(Vec::new()), "{content_type}");
        }
    }

    #[test]
    fn a_form_without_one_fit_boundary_is_refused() {
        let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
        for content_type in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=b; boundary=c",
            "multipart/form-data; boundary=\"b",
            "multipart/form-data; boundary=\"b \"",
            "multipart/form-data; boundary=ä",
            &long,
        ] {
            let no = parts(content_type, "--b--\r\n").unwrap_err();
            assert!(no.contains("must name one boundary"), "{content_type}: {no}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let part = "Content-Disposition: form-data; name=\"n\"\r\n\r\n1";
        let cases = [
            (format!("hello\r\n--b\r\n{part}\r\n--b--\r\n"), "does not begin"),
            (format!("--bb\r\n{part}\r\n--bb--\r\n"), "not a line of its own"),
            (format!("--b \r\n{part}\r\n--b--\r\n"), "not a line of its own"),
            (format!("--b\n{part}\r\n--b--\r\n"), "not a line of its own"),
            (format!("--b\r\n{part}\r\n--bc\r\n--b--\r\n"), "not a line of its own"),
            (format!("--b\r\n{part}"), "ends before"),
            (format!("--b\r\n{part}\r\n--b"), "not a line of its own"),
            (format!("--b\r\n{part}\r\n--b--\r\n\r\n"), "follows its last"),
            ("--b\r\n\r\n--b--\r\n".to_owned(), "no head"),
            ("--b\r\nname\r\n\r\n1\r\n--b--".to_owned(), "of no field"),
            ("--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--".to_owned(), "say its name"),
            (format!("--b\r\nContent-Disposition: form-data; name=m\r\n{part}\r\n--b--"), "once"),
            (
                "--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--b--"
                    .to_owned(),
                "say its name once",
            ),
            (format!("--b\r\nContent-Transfer-Encoding: base64\r\n{part}\r\n--b--"), "as they are"),
            (format!("--b\r\n{part}\r\n").repeat(PARTS_MAX + 1) + "--b--", "more than 64"),
        ];
        for (body, expected) in cases {
            let no = parts(TYPE, &body).unwrap_err();
            assert!(no.contains(expected), "{body:?}: {no}");
        }
    }

    #[test]
    fn the_content_of_a_part_is_a_slice_of_the_body() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nabc\r\n--b--\r\n";
        let body = Bytes::copy_from_slice(body.as_bytes());
        let parts = read(TYPE, &body).unwrap();
        assert!(body.as_ptr_range().contains(&parts[0].content.as_ptr()));
    }

    /// Bytes among which boundaries, line ends and heads are likely.
    fn torn() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"--b".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\r\n\r\n".to_vec()),
            Just(b"--".to_vec()),
            Just(b"Content-Disposition: form-data; name=\"n\"".to_vec()),
            Just(b"; name=\"\\".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_body_and_no_type_makes_the_reader_panic(body in torn(), content_type in ".{0,40}") {
            let body = Bytes::from(body);
            for part in read(TYPE, &body).into_iter().flatten() {
                prop_assert!(part.content.len() < body.len());
            }
            let _ = read(&format!("multipart/form-data; boundary={content_type}"), &body);
            let _ = read(&content_type, &body);
        }

        #[test]
        fn what_is_written_is_read(
            texts in proptest::collection::vec(("[a-z_]{1,8}", "(.|\r\n|--|pixelgate-form-00000000){0,9}"), 0..6),
            tail in torn(),
        ) {
            let picture = Bytes::from([b"\x89PNG\r\n\x1a\n", tail.as_slice()].concat());
            let image = InputImage::new(Picture::Binary(picture.clone())).unwrap();
            let mut form = Form::default();
            let mut expected = Vec::new();
            for (name, text) in &texts {
                form.text(name, text.as_str());
                expected.push(FormPart { name: name.clone(), content: text.clone().into() });
            }
            form.file("image[]", &image).unwrap();
            expected.push(FormPart { name: "image[]".to_owned(), content: picture });
            let wire = form.post("/");
            let content_type = wire.headers["content-type"].to_str().unwrap();
            prop_assert_eq!(read(content_type, &wire.body.to_bytes()).unwrap(), expected);
        }
    }
}
