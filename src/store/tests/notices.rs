//! Notices in the store: there with the ends of their jobs, bounded, and gone with them.

use crate::clock::Clock as _;
use crate::id::{JobId, NoticeId};
use crate::job::{JobError, Outcome};
use crate::notice::{Verdict, Why};

use super::jobs::{end, job};
use super::*;

on_every_store! {
    a_crash_after_the_end_of_a_job_loses_nobody_who_is_to_be_told
    a_job_that_nobody_wants_to_hear_of_leaves_no_notice
    a_workspace_has_so_many_ends_to_be_told_of_through_restarts_too
    a_notice_is_forgotten_with_its_job
}

const RECEIVER: &str = "https://hooks.example/told?secret=1";

/// A job whose end is to be told.
async fn accept(world: &World, id: &str) -> Result<(), StoreError> {
    let hold = format!("hold_of_{id}");
    let mut new = job(world, id, &hold);
    new.job.webhook = Some(RECEIVER.to_owned());
    new.open_max = 9;
    world.store().accept_job(world.ask(&hold, 1), new).await
}

async fn tried(world: &World, job: &str, tries: u32, verdict: Verdict) {
    let id = NoticeId::of(&JobId::known(job));
    let answer = Some("500".to_owned());
    world.store().note_tried(Tried { id, tries, answer, verdict }).await.unwrap();
}

async fn waiting(world: &World) -> Vec<(String, i64, u32)> {
    let waiting = world.store().waiting_notices().await.unwrap();
    waiting.into_iter().map(|n| (n.about.as_str().to_owned(), n.at_ms, n.tries)).collect()
}

/// The process dies; the one after it takes up what was its own, as a gateway does.
async fn crash(world: &mut World) {
    world.crash().await;
    world.store().adopt_jobs().await.unwrap();
}

async fn a_crash_after_the_end_of_a_job_loses_nobody_who_is_to_be_told(mut world: World) {
    world.grant(9).await;
    accept(&world, "job_1").await.unwrap();
    assert!(waiting(&world).await.is_empty());
    let ended = end(&world, "job_1", Outcome::Cancelled, 0).await.unwrap();
    crash(&mut world).await;
    let found = world.store().waiting_notices().await.unwrap();
    assert_eq!(found, notice_of(&ended).into_iter().collect::<Vec<_>>());
    assert_eq!(found[0].lane.origin, "https://hooks.example");
    let at_ms = world.clock.now().unix_ms + 5_000;
    tried(&world, "job_1", 1, Verdict::Again { at_ms }).await;
    crash(&mut world).await;
    assert_eq!(waiting(&world).await, [("job_1".to_owned(), at_ms, 1)]);
    tried(&world, "job_1", 2, Verdict::Told).await;
    crash(&mut world).await;
    assert!(waiting(&world).await.is_empty());
    assert_eq!(world.count("SELECT count(*) AS n FROM notice WHERE state = 'told'").await, 1);
}

async fn a_job_that_nobody_wants_to_hear_of_leaves_no_notice(world: World) {
    world.grant(9).await;
    world.store().accept_job(world.ask("h1", 1), job(&world, "job_1", "h1")).await.unwrap();
    end(&world, "job_1", Outcome::Cancelled, 0).await.unwrap();
    assert_eq!(world.count("SELECT count(*) AS n FROM notice").await, 0);
}

async fn a_workspace_has_so_many_ends_to_be_told_of_through_restarts_too(mut world: World) {
    world.grant(9).await;
    let is_full = |verdict: Result<(), StoreError>| {
        matches!(verdict, Err(StoreError::Job(JobError::Untold { most: 2 })))
    };
    accept(&world, "job_1").await.unwrap();
    accept(&world, "job_2").await.unwrap();
    assert!(is_full(accept(&world, "job_3").await));
    end(&world, "job_1", Outcome::Cancelled, 0).await.unwrap();
    end(&world, "job_2", Outcome::Cancelled, 0).await.unwrap();
    assert!(is_full(accept(&world, "job_4").await));
    world.crash().await;
    assert!(is_full(accept(&world, "job_5").await));
    tried(&world, "job_1", 1, Verdict::Dead(Why::Gone)).await;
    accept(&world, "job_6").await.unwrap();
    assert!(is_full(accept(&world, "job_7").await));
    world.must_balance().await;
}

async fn a_notice_is_forgotten_with_its_job(world: World) {
    world.grant(9).await;
    accept(&world, "job_1").await.unwrap();
    end(&world, "job_1", Outcome::Cancelled, 0).await.unwrap();
    world.clock.advance(Duration::from_mins(1));
    accept(&world, "job_2").await.unwrap();
    assert!(waiting(&world).await.is_empty());
    // Whoever still tries it says so once more, and its place is free.
    tried(&world, "job_1", 1, Verdict::Dead(Why::Forgotten)).await;
    accept(&world, "job_3").await.unwrap();
}
