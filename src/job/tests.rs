//! What may happen to a job, and what a process that finds it may do.

use proptest::prelude::*;

use super::*;

fn at(unix_ms: i64) -> Now {
    Now { unix_ms, tick_ms: 0 }
}

fn job() -> Job {
    Job {
        id: JobId::known("job_1"),
        workspace: WorkspaceId::known("ws_1"),
        key: KeyId::known("key_1"),
        test: false,
        request: RequestId::known("req_1"),
        hold: HoldId::known("hold_1"),
        tariff: None,
        quote: Credits::ZERO,
        dialect: "golden".to_owned(),
        operation: "generate".to_owned(),
        model: "m".to_owned(),
        asset_key: None,
        webhook: None,
        created_at_ms: 0,
        updated_at_ms: 0,
        ends_by_ms: 10_000,
        forgotten_at_ms: None,
        unwanted: false,
        state: State::Queued,
        orders: Vec::new(),
        outcome: None,
    }
}

fn order(call: u32, path: &str) -> Order {
    let next = Question {
        method: "GET".to_owned(),
        path: path.to_owned(),
        headers: vec![("accept".to_owned(), "*/*".to_owned())],
        body: vec![0, 255],
    };
    Order { offering: "m/v".to_owned(), account: 0, call, next, cancel: None, cost_nanos: Some(7) }
}

#[test]
fn only_a_job_of_which_nothing_was_sent_is_begun_at_a_start() {
    let mut job = job();
    assert_eq!(job.at_start(at(0)), AtStart::Run);
    job.begin(at(1)).unwrap();
    assert_eq!(job.at_start(at(1)), AtStart::GiveUp);
    job.place(order(0, "/a"), at(2)).unwrap();
    assert_eq!(job.at_start(at(5_000)), AtStart::Resume);
    job.begin(at(3)).unwrap();
    assert_eq!((job.at_start(at(3)), job.orders.len()), (AtStart::GiveUp, 0));
    job.end(Outcome::Cancelled, 10, at(4)).unwrap();
    assert_eq!((job.at_start(at(4)), job.forgotten_at_ms), (AtStart::Leave, Some(14)));
}

#[test]
fn a_queued_job_is_over_when_its_time_is_or_when_it_is_wanted_no_more() {
    let mut job = job();
    assert_eq!(job.at_start(at(9_000)), AtStart::Run);
    assert_eq!(job.at_start(at(9_001)), AtStart::Late);
    job.cancel(at(1));
    assert_eq!(job.at_start(at(1)), AtStart::Cancel);
    assert_eq!(job.begin(at(1)), Err(JobError::Unwanted));
}

#[test]
fn a_later_word_on_a_call_takes_the_place_of_the_first() {
    let mut job = job();
    assert_eq!(job.place(order(0, "/a"), at(1)), Err(JobError::NoOrder));
    job.begin(at(1)).unwrap();
    for (call, path) in [(0, "/a"), (1, "/b"), (0, "/c")] {
        job.place(order(call, path), at(2)).unwrap();
    }
    let paths: Vec<_> = job.orders.iter().map(|order| order.next.path.as_str()).collect();
    assert_eq!(paths, ["/b", "/c"]);
}

#[test]
fn an_order_is_read_as_it_was_written() {
    let written = serde_json::to_string(&order(3, "/jobs/1?x=y")).unwrap();
    assert_eq!(serde_json::from_str::<Order>(&written).unwrap(), order(3, "/jobs/1?x=y"));
}

#[test]
fn every_state_has_a_name_that_finds_it() {
    for state in State::ALL {
        assert_eq!(State::named(state.name()), Some(state));
    }
}

proptest! {
    /// Whatever happens in whatever order: what has ended stays ended, and a job is never begun
    /// while an order of it may stand that a process would not ask after.
    #[test]
    fn an_end_is_for_good(steps in proptest::collection::vec(0_u8..6, 0..30)) {
        let mut job = job();
        for (n, step) in steps.into_iter().enumerate() {
            let before = job.clone();
            let now = at(i64::try_from(n).unwrap());
            let done = match step {
                0 => job.begin(now),
                1 => job.place(order(0, "/a"), now),
                2 => { job.cancel(now); Ok(()) }
                3 => job.end(Outcome::Cancelled, 1, now),
                4 => job.end(Outcome::Completed(Box::default()), 1, now),
                _ => job.end(Outcome::Failed(Failure { code: String::new(), message: String::new() }), 1, now),
            };
            if before.state.is_end() || done.is_err() {
                prop_assert_eq!(&before.state, &job.state);
                prop_assert_eq!(&before.outcome, &job.outcome);
            }
            prop_assert_eq!(job.state == State::Placed, !job.orders.is_empty());
            prop_assert_eq!(job.state.is_end(), job.outcome.is_some());
            prop_assert!(job.at_start(now) != AtStart::Run || job.state == State::Queued);
        }
    }
}
