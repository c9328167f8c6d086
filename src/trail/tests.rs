//! Traces as they are told, and trails as they are written.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use crate::catalog::{BaseUrl, InProcess};

use super::*;

const TOLD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn context() -> Context {
    Context::parse(TOLD).unwrap()
}

fn begun(fate: Fate, at: Instant) -> Trail {
    Trail::begin(Beginning {
        context: context(),
        parent: None,
        link: None,
        state: Some("congo=t61".into()),
        of: Of::Job,
        fate,
        at: at.into(),
        unix_nanos: 0,
    })
}

#[expect(clippy::disallowed_methods, reason = "a test's own beginning")]
fn now() -> Instant {
    Instant::now()
}

fn vendor(trace_context: bool) -> Arc<Vendor> {
    let base = BaseUrl::InProcess(InProcess::default());
    Arc::new(Vendor { trace_context, ..Vendor::new("acme", "painter", base) })
}

#[test]
fn a_trace_is_read_as_it_is_told() {
    let context = context();
    assert_eq!(context.trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_eq!(context.span, 0xb7ad_6b71_6920_3331);
    assert!(context.sampled && !context.random);
    assert_eq!(context.to_string(), TOLD);
}

#[test]
fn what_is_malformed_names_no_trace() {
    for text in [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ] {
        assert_eq!(Context::parse(text), None, "{text}");
    }
}

#[test]
fn a_later_version_is_read_as_far_as_it_is_known() {
    let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-says";
    assert_eq!(Context::parse(later), Some(context()));
}

#[test]
fn two_traces_in_one_head_are_none() {
    let mut headers = HeaderMap::new();
    headers.append(TRACE_HEADER, HeaderValue::from_static(TOLD));
    assert_eq!(read(&headers), Some(context()));
    headers.append(TRACE_HEADER, HeaderValue::from_static(TOLD));
    assert_eq!(read(&headers), None);
}

#[test]
fn what_others_say_is_kept_in_its_order_and_within_its_bound() {
    let states = |lines: &[&str]| {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(STATE_HEADER, HeaderValue::from_str(line).unwrap());
        }
        read_state(&headers).map(String::from)
    };
    assert_eq!(states(&["a=1 , b@c=x y", "d=2"]).as_deref(), Some("a=1,b@c=x y,d=2"));
    assert_eq!(states(&[]), None);
    assert_eq!(states(&[",,"]), None);
    assert_eq!(states(&["a=1", "no entry"]), None, "one that is malformed takes all with it");
    assert_eq!(states(&["A=1"]), None);
    let long = format!("a={},b={},c=3", "x".repeat(256), "y".repeat(256));
    let kept = states(&[&long]).unwrap();
    assert_eq!(kept, format!("a={},c=3", "x".repeat(256)), "what is too long is left out");
    assert_eq!(states(&[&vec!["a=1"; 33].join(",")]), None);
}

#[test]
fn a_trail_tells_its_steps_and_attempts_with_their_times() {
    let at = now();
    let after = |ms| Moment::from(at + Duration::from_millis(ms));
    let trail = begun(Fate::Kept, at);
    trail.enter(Step::Authenticate, at.into());
    trail.enter(Step::Attempt, after(2));
    let asked = Asked { vendor: &vendor(true), offering: "fox/acme", model: "fox-1", calls: 2 };
    let trying = trail.ask(&asked, 7, after(3));
    let lost = trail.ask(&asked, 8, after(3));
    let fault = Came::Fault { code: "busy", outcome_unknown: false };
    trail.came(&trying, || fault, after(5));
    let marks = trail.path().unwrap().marks();
    let ms = Duration::from_millis;
    assert_eq!(marks.steps, [(Step::Authenticate, ms(0)), (Step::Attempt, ms(2))]);
    let [one, two] = &marks.attempts[..] else { panic!("{marks:?}") };
    assert_eq!((one.began, one.ended, one.came), (ms(3), Some(ms(5)), Some(fault)));
    assert_eq!((two.span, two.ended, two.came), (8, None, None), "nobody waited for it");
    let mut headers = HeaderMap::new();
    lost.carried.unwrap().put_on(&mut headers);
    let told = "00-0af7651916cd43dd8448eb211c80319c-0000000000000008-01";
    assert_eq!(headers.get(TRACE_HEADER).unwrap(), told);
    assert_eq!(headers.get(STATE_HEADER).unwrap(), "congo=t61");
}

#[test]
fn a_trace_that_goes_through_is_told_as_it_came_and_nothing_is_written_on_it() {
    let at = now();
    let trail = begun(Fate::Carried, at);
    trail.enter(Step::Authenticate, at.into());
    let asked = Asked { vendor: &vendor(true), offering: "", model: "", calls: 1 };
    let trying = trail.ask(&asked, 7, at.into());
    let mut headers = HeaderMap::new();
    trying.carried.unwrap().put_on(&mut headers);
    assert_eq!(headers.get(TRACE_HEADER).unwrap(), TOLD);
    assert!(trail.path().is_none());
    assert_eq!(trail.context(), Some(context()));
}

#[test]
fn a_vendor_that_policy_does_not_trust_with_it_is_told_nothing() {
    let at = now();
    let asked = Asked { vendor: &vendor(false), offering: "", model: "", calls: 1 };
    for fate in [Fate::Kept, Fate::KeptOnFault, Fate::Carried] {
        assert!(begun(fate, at).ask(&asked, 7, at.into()).carried.is_none());
    }
}

#[test]
fn a_trail_has_a_bound() {
    let at = now();
    let trail = begun(Fate::Kept, at);
    let asked = Asked { vendor: &vendor(false), offering: "", model: "", calls: 1 };
    for _ in 0..1000 {
        trail.enter(Step::Decode, at.into());
        trail.ask(&asked, 1, at.into());
    }
    let marks = trail.path().unwrap().marks();
    assert_eq!((marks.steps.len(), marks.attempts.len()), (STEPS_MAX, ATTEMPTS_MAX));
}

proptest! {
    #[test]
    fn whatever_is_told_is_read_back(trace in 1_u128.., span in 1_u64.., sampled: bool, random: bool) {
        let context = Context { trace, span, sampled, random };
        prop_assert_eq!(Context::parse(&context.to_string()), Some(context));
    }

    #[test]
    fn no_text_makes_a_reader_fall(text in "\\PC{0,80}", hex in "[0-9a-f-]{50,60}") {
        let _ = Context::parse(&text);
        if let Some(context) = Context::parse(&hex) {
            prop_assert!(context.trace != 0 && context.span != 0);
        }
    }
}
