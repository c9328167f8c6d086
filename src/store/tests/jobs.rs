//! Jobs in the store: with their holds or not at all, and what has ended stays ended.

use crate::catalog::Tariff;
use crate::clock::Clock as _;
use crate::id::{JobId, MediaId, RequestId};
use crate::job::{
    Delivered, Failure, Input, Job, JobError, Kept, NewJob, Order, Outcome, Question, State,
};

use crate::pledge::{Named, Verdict};

use super::pledges::{answer, named};
use super::world::receipt;
use super::*;

on_every_store! {
    a_job_is_accepted_with_its_hold_or_not_at_all
    what_a_crash_leaves_is_what_was_answered
    a_name_stands_for_its_job_whatever_became_of_it_and_for_none_that_was_not_accepted
    pictures_that_come_after_the_hold_expired_are_not_charged_and_not_given
    a_forgotten_job_is_not_found_and_its_row_goes
}

const KEPT_FOR_MS: i64 = 10_000;

pub(super) fn job(world: &World, id: &str, hold: &str) -> NewJob {
    let now_ms = world.clock.now().unix_ms;
    let job = Job {
        id: JobId::known(id),
        workspace: world.workspace.clone(),
        key: KeyId::known("key_one"),
        test: false,
        request: RequestId::known("req_one"),
        hold: HoldId::known(hold),
        tariff: Some(Tariff::flat(5).into()),
        quote: credits(2),
        dialect: "golden".to_owned(),
        operation: "generate".to_owned(),
        model: "m".to_owned(),
        asset_key: Some("hero".to_owned()),
        webhook: None,
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
        ends_by_ms: now_ms + 60_000,
        forgotten_at_ms: None,
        unwanted: false,
        state: State::Queued,
        orders: Vec::new(),
        outcome: None,
    };
    let input = Input {
        path: "/v1/images".to_owned(),
        content_type: "application/json".to_owned(),
        body: b"{}".to_vec(),
        public_url: "http://gateway.example".to_owned(),
        labels: "team=red".to_owned(),
        played: Some("after=1s".to_owned()),
        trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    };
    NewJob { job, input, open_max: 2, untold_max: 2 }
}

fn whose(world: &World) -> Whose {
    Whose { workspace: world.workspace.clone(), test: false }
}

pub(super) async fn accept(world: &World, id: &str, hold: &str) -> Result<(), StoreError> {
    world.store().accept_job(world.ask(hold, 2), job(world, id, hold)).await
}

pub(super) fn order() -> Order {
    let next = Question {
        method: "GET".to_owned(),
        path: "/jobs/7".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    Order { offering: "m/v".to_owned(), account: 0, call: 0, next, cancel: None, cost_nanos: None }
}

fn completed() -> Outcome {
    let picture = Kept {
        media: MediaId::known("med_1"),
        format: None,
        size: None,
        revised_prompt: None,
        seed: None,
    };
    Outcome::Completed(Box::new(Delivered { pictures: vec![picture], ..Delivered::default() }))
}

pub(super) async fn end(
    world: &World,
    id: &str,
    outcome: Outcome,
    price: i64,
) -> Result<Job, StoreError> {
    let price = (price > 0).then(|| credits(price));
    let end = JobEnd { outcome, price, receipt: receipt(), kept_for_ms: KEPT_FOR_MS };
    world.store().end_job(JobId::known(id), end).await
}

async fn a_job_is_accepted_with_its_hold_or_not_at_all(world: World) {
    world.grant(5).await;
    accept(&world, "job_1", "h1").await.unwrap();
    accept(&world, "job_2", "h2").await.unwrap();
    let full = accept(&world, "job_3", "h3").await;
    assert!(matches!(full, Err(StoreError::Job(JobError::Full { most: 2 }))), "{full:?}");
    assert_eq!(world.balance().await.held, credits(4));
    end(&world, "job_2", Outcome::Cancelled, 0).await.unwrap();
    end(&world, "job_1", Outcome::Cancelled, 0).await.unwrap();
    accept(&world, "job_4", "h4").await.unwrap();
    accept(&world, "job_5", "h5").await.unwrap();
    end(&world, "job_5", completed(), 2).await.unwrap();
    let short = accept(&world, "job_6", "h6").await;
    assert!(matches!(short, Err(StoreError::Ledger(LedgerError::Short { .. }))), "{short:?}");
    assert_eq!(world.store().find_job("job_6", whose(&world)).await.unwrap(), None);
    let open = "SELECT count(*) AS n FROM job WHERE forgotten_at_ms IS NULL";
    assert_eq!(world.count(open).await, 1);
    world.must_balance().await;
}

async fn a_name_stands_for_its_job_whatever_became_of_it_and_for_none_that_was_not_accepted(
    mut world: World,
) {
    async fn accept_once(world: &World, number: usize, asked: Named) -> Result<(), StoreError> {
        let (id, hold) = (format!("job_{number}"), format!("h{number}"));
        let kept = world.store().keep(&HoldId::known(&hold), answer(9)).await;
        let new = (job(world, &id, &hold), (asked, kept));
        world.store().accept_job_once(world.ask(&hold, 2), new.0, new.1).await
    }
    let short = accept_once(&world, 0, named(1, 1)).await;
    assert!(matches!(short, Err(StoreError::Ledger(LedgerError::Short { .. }))), "{short:?}");
    assert_eq!(world.store().look_up(named(1, 1)).await.unwrap().0, Verdict::New);
    world.grant(5).await;
    accept_once(&world, 1, named(1, 1)).await.unwrap();
    // A commit of which it was not known whether it stands is decided again, and is the same job.
    accept_once(&world, 1, named(1, 1)).await.unwrap();
    world.must_balance().await;
    for (asked, told) in [(1, Verdict::Replay), (2, Verdict::Mismatch)] {
        let again = accept_once(&world, 2, named(1, asked)).await;
        assert!(matches!(again, Err(StoreError::Pledged(verdict)) if verdict == told), "{again:?}");
    }
    assert_eq!(world.balance().await.held, credits(2));
    world.crash().await;
    world.store().adopt_jobs().await.unwrap();
    end(&world, "job_1", Outcome::Cancelled, 0).await.unwrap();
    let (told, known) = world.store().look_up(named(1, 1)).await.unwrap();
    assert_eq!((told, known.unwrap().hold), (Verdict::Replay, HoldId::known("h1")));
    let kept = world.store().kept_answer(HoldId::known("h1")).await.unwrap().unwrap();
    assert_eq!(kept.body.len(), 9);
    assert_eq!(world.count("SELECT count(*) AS n FROM job").await, 1);
    world.must_balance().await;
}

async fn what_a_crash_leaves_is_what_was_answered(mut world: World) {
    world.grant(5).await;
    accept(&world, "job_1", "h1").await.unwrap();
    let id = JobId::known("job_1");
    world.store().begin_job(id.clone()).await.unwrap();
    world.store().place_job(id.clone(), order()).await.unwrap();
    world.crash().await;
    let open = world.store().adopt_jobs().await.unwrap();
    assert_eq!(open.iter().map(|job| job.state).collect::<Vec<_>>(), [State::Placed]);
    let (loaded, _) = world.store().load_job(id.clone()).await.unwrap().unwrap();
    assert_eq!(loaded.orders, [order()]);
    let cancelled = world.store().cancel_job(id.clone()).await.unwrap();
    assert_eq!((cancelled.state, cancelled.unwanted), (State::Placed, true));
    let again = world.store().begin_job(id).await;
    assert!(matches!(again, Err(StoreError::Job(JobError::Unwanted))), "{again:?}");
    let ended = end(&world, "job_1", completed(), 2).await.unwrap();
    assert_eq!(ended.state, State::Completed);
    world.crash().await;
    let twice = end(&world, "job_1", Outcome::Cancelled, 0).await;
    assert!(matches!(twice, Err(StoreError::Job(JobError::Over))), "{twice:?}");
    assert_eq!(world.balance().await.spent, credits(2));
    let named = world.store().named_pictures(whose(&world), "hero".to_owned(), 9).await.unwrap();
    assert_eq!(named.len(), 1);
    assert_eq!(world.count("SELECT count(*) AS n FROM usage").await, 1);
    world.must_balance().await;
}

async fn pictures_that_come_after_the_hold_expired_are_not_charged_and_not_given(world: World) {
    world.grant(5).await;
    accept(&world, "job_1", "h1").await.unwrap();
    world.clock.advance(Duration::from_secs(301));
    world.store().sweep().await.unwrap();
    assert_eq!(end(&world, "job_1", completed(), 2).await.unwrap().state, State::Failed);
    assert_eq!(world.balance().await.available, credits(5));
    accept(&world, "job_2", "h2").await.unwrap();
    world.clock.advance(Duration::from_secs(700));
    world.store().sweep().await.unwrap();
    let failure = Failure { code: "vendor_failed".to_owned(), message: "no".to_owned() };
    let failed = end(&world, "job_2", Outcome::Failed(failure.clone()), 0).await.unwrap();
    assert_eq!(failed.outcome, Some(Outcome::Failed(failure)));
    assert_eq!(world.count("SELECT CAST(sum(charged_nanos) AS BIGINT) AS n FROM usage").await, 0);
    world.must_balance().await;
}

async fn a_forgotten_job_is_not_found_and_its_row_goes(world: World) {
    world.grant(5).await;
    accept(&world, "job_1", "h1").await.unwrap();
    end(&world, "job_1", Outcome::Cancelled, 0).await.unwrap();
    assert!(world.store().find_job("job_1", whose(&world)).await.unwrap().is_some());
    world.clock.advance(Duration::from_millis(KEPT_FOR_MS.unsigned_abs()));
    assert_eq!(world.store().find_job("job_1", whose(&world)).await.unwrap(), None);
    accept(&world, "job_2", "h2").await.unwrap();
    assert_eq!(world.count("SELECT count(*) AS n FROM job").await, 1);
}
