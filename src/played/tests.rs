//! What the header says, and what it cannot.

use super::*;

fn outcome(text: &str) -> Option<Outcome> {
    Played::parse(text).unwrap().outcome
}

#[test]
fn every_code_is_played_as_its_own_kind() {
    for kind in Kind::ALL {
        let played = Played::parse(&format!("refusal={}", kind.code())).unwrap();
        assert_eq!(played.refusal().unwrap().kind, kind);
    }
}

#[test]
fn every_status_that_a_refusal_has_can_be_played() {
    for kind in Kind::ALL {
        let played = Played::parse(&format!("status={}", kind.status())).unwrap();
        assert_eq!(played.refusal().unwrap().kind.status(), kind.status());
    }
}

#[test]
fn every_fault_has_a_name() {
    for name in FAULTS {
        let played = outcome(&format!("fault={name}")).unwrap();
        assert!(matches!(played, Outcome::Fault(_) | Outcome::Hang), "{name}: {played:?}");
    }
}

#[test]
fn parts_stand_in_any_order_with_any_space() {
    let played = Played::parse(" after=2s ;retry_after = 5s; status=429;").unwrap();
    assert_eq!(played.after, Duration::from_secs(2));
    let wait = Some(Duration::from_secs(5));
    let kind = Kind::RateLimited;
    assert_eq!(played.outcome, Some(Outcome::Refused { kind, retry_after: wait }));
    assert_eq!(Played::parse("after=1s").unwrap().outcome, None);
    assert_eq!(Played::parse("images=1; item=2").unwrap().item, Some(2));
}

#[test]
fn what_drawing_comes_to_fails_a_job_and_the_rest_keeps_it_from_being_one() {
    let moment = |text| Played::parse(text).unwrap().moment();
    for text in ["fault=timeout", "status=502", "refusal=content_refused", "after=1s", "images=1"] {
        assert_eq!(moment(text), Moment::Drawing, "{text}");
    }
    for text in ["status=429", "status=402", "refusal=overloaded"] {
        assert_eq!(moment(text), Moment::Early, "{text}");
    }
}

#[test]
fn what_cannot_be_played_is_refused_with_what_can() {
    let cases = [
        ("", "is empty"),
        (";;", "is empty"),
        ("429", "`status=429`"),
        ("colour=red", "`colour`"),
        ("status=418", "there are 400, 401"),
        ("status=x", "there are 400"),
        ("refusal=nope", "rate_limited"),
        ("fault=fire", "there are busy, refused"),
        ("images=0", "`fault=empty`"),
        ("after=2", "a duration such as"),
        ("after=11m", "no wait is longer than 10m"),
        ("status=429; fault=busy", "two outcomes"),
        ("after=1s; after=2s", "twice"),
        ("fault=broken; retry_after=1s", "goes with"),
        ("item=first", "from 0"),
    ];
    for (text, words) in cases {
        let refusal = Played::parse(text).unwrap_err();
        assert_eq!(refusal.kind, Kind::BadRequest);
        assert_eq!(refusal.field.as_deref(), Some("Pixelgate-Simulate"), "{text}");
        assert!(refusal.message.contains(words), "{text}: {}", refusal.message);
    }
    assert!(Played::parse(&"x".repeat(TEXT_BYTES_MAX + 1)).is_err());
}
