//! Requests in flight, and which of them should be over.

use super::*;

const GRACE: Duration = Duration::from_mins(2);

fn id(text: &str) -> RequestId {
    RequestId::known(text)
}

#[test]
fn a_request_is_late_once_its_deadline_and_its_grace_are_over_and_new_once() {
    let now = Instant::now();
    let mut in_flight = InFlight::default();
    in_flight.add(id("req_one"), now + Duration::from_secs(10));
    in_flight.add(id("req_two"), now + Duration::from_secs(20));
    let mut late = |seconds| in_flight.late(now + Duration::from_secs(seconds), GRACE);
    assert_eq!(late(0), Late::default());
    assert_eq!(late(130), Late::default());
    assert_eq!(late(131), Late { count: 1, new: 1, first: Some(id("req_one")) });
    assert_eq!(late(132), Late { count: 1, new: 0, first: Some(id("req_one")) });
    assert_eq!(late(141), Late { count: 2, new: 1, first: Some(id("req_one")) });
}

#[test]
fn a_request_that_is_over_is_not_watched_any_more() {
    let bound = Duration::from_secs(1);
    let bounds = config::Watchdog { request_grace: bound, store_writer: bound, runtime: bound };
    let watch = Watch::new(bounds);
    let now = Instant::now();
    let one = watch.request(&id("req_one"), now);
    let two = watch.request(&id("req_two"), now);
    let late = || watch.in_flight.lock().late(now + Duration::from_secs(2), bound).count;
    assert_eq!(late(), 2);
    drop(one);
    assert_eq!(late(), 1);
    drop(two);
    assert_eq!(late(), 0);
}
