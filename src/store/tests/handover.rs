//! Another process takes the books over, and what the first still asks of them is done there.

use std::os::unix::net::UnixStream;

use tokio::task::JoinHandle;

use crate::clock::ManualClock;
use crate::id::JobId;
use crate::pledge::Verdict;

use super::pledges::{answer, named};
use super::world::{World, credits, receipt};
use super::*;

/// The store of whoever took over, and its service to whoever was there before.
struct Heir {
    store: Store,
    serving: JoinHandle<()>,
}

/// Takes the books of a world over. The folder's lock is free by then, but for programs that another
/// test is just starting.
async fn take_over(world: &World, jobs: &[&str]) -> Heir {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let jobs: Vec<JobId> = jobs.iter().map(|id| JobId::known(id)).collect();
    world.store().hand_over(theirs, jobs.clone()).await.unwrap();
    heir(world.dir(), &world.clock, (ours, jobs)).await
}

async fn heir(
    dir: &Path,
    clock: &Arc<ManualClock>,
    (stream, jobs): (UnixStream, Vec<JobId>),
) -> Heir {
    use std::io::{BufRead as _, BufReader};
    let mut line = String::new();
    BufReader::with_capacity(1, &stream).read_line(&mut line).unwrap();
    let will: Will = serde_json::from_str(&line).unwrap();
    assert_eq!(will.jobs, jobs);
    let opening = Opening { answers: USUAL_BOUNDS, reserve_bytes: 0, will: Some(will.clone()) };
    let store = loop {
        match Store::open_within(dir, Arc::clone(clock) as Arc<dyn Clock>, opening.clone()) {
            Err(StoreError::Locked { .. }) => tokio::task::yield_now().await,
            opened => break opened.unwrap(),
        }
    };
    stream.set_nonblocking(true).unwrap();
    let stream = tokio::net::UnixStream::from_std(stream).unwrap();
    let own = store.clone();
    #[expect(clippy::disallowed_methods, reason = "it is waited for")]
    let serving = tokio::spawn(async move { own.serve_predecessor(stream, will).await });
    Heir { store, serving }
}

#[tokio::test]
async fn what_was_begun_before_is_ended_by_whoever_took_over() {
    let world = World::new().await;
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    world.hold("h2", 2).await.unwrap();
    let heir = take_over(&world, &[]).await;
    assert_eq!(heir.store.open_holds(), 2);
    assert_eq!(world.settle("h1", 3).await.unwrap().remaining, credits(5));
    world.void("h2").await.unwrap();
    // A request that came at the last moment begins and ends there, too.
    world.hold("h3", 1).await.unwrap();
    world.settle("h3", 1).await.unwrap();
    assert!(world.store().note(receipt()));
    let balance = heir.store.balance(&world.workspace).await.unwrap();
    assert_eq!(
        (balance.available, balance.held, balance.spent),
        (credits(6), credits(0), credits(4))
    );
    assert_eq!(world.balance().await, balance);
    assert_eq!(heir.store.verify().await.unwrap().faults, Vec::<String>::new());
    world.store().clone().close().await.unwrap();
    heir.serving.await.unwrap();
    // The last usage row, which nobody waited for, is there as well.
    assert_eq!(world.count("SELECT count(*) AS n FROM usage").await, 4);
}

#[tokio::test]
async fn a_no_is_the_same_no() {
    let world = World::new().await;
    world.grant(2).await;
    world.hold("h1", 1).await.unwrap();
    let heir = take_over(&world, &[]).await;
    let short = world.hold("h2", 5).await.unwrap_err();
    let (required, remaining) = (credits(5), credits(1));
    assert!(matches!(
        short,
        StoreError::Ledger(LedgerError::Short { required: r, remaining: l }) if (r, l) == (required, remaining)
    ));
    let above = world.settle("h1", 2).await.unwrap_err();
    assert!(matches!(above, StoreError::Ledger(LedgerError::AboveHold)));
    let unknown = world.void("h9").await.unwrap_err();
    assert!(matches!(unknown, StoreError::Ledger(LedgerError::UnknownHold)));
    // What operators ask, they ask of whoever took over.
    let refused = world.store().create_workspace("late".to_owned()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Away), "{refused}");
    heir.store.create_workspace("late".to_owned()).await.unwrap();
}

#[tokio::test]
async fn a_repeat_of_what_is_in_flight_before_is_told_that_it_is_being_worked_on() {
    let world = World::new().await;
    world.grant(5).await;
    let asked = |id| world.ask(id, 1);
    world.store().hold_once(asked("h1"), named(1, 1)).await.unwrap();
    let large = world.store().keep(&HoldId::known("h1"), answer(1 << 20)).await;
    let heir = take_over(&world, &[]).await;
    let (told, _) = heir.store.look_up(named(1, 1)).await.unwrap();
    assert!(matches!(told, Verdict::Running { .. }), "{told:?}");
    let twice = world.store().hold_once(asked("h2"), named(1, 1)).await.unwrap_err();
    assert!(matches!(twice, StoreError::Pledged(Verdict::Running { .. })), "{twice}");
    // Its answer, in a file that no row named when the other process began, is kept.
    let settled = world.store().settle_and_keep(HoldId::known("h1"), credits(1), receipt(), large);
    settled.await.unwrap();
    let (told, _) = heir.store.look_up(named(1, 1)).await.unwrap();
    assert_eq!(told, Verdict::Replay);
    let kept = heir.store.kept_answer(HoldId::known("h1")).await.unwrap();
    assert_eq!(kept.unwrap().body.len(), 1 << 20);
    // Once whoever was before is gone, what it left open is nobody's.
    world.store().hold_once(asked("h3"), named(2, 2)).await.unwrap();
    world.store().clone().close().await.unwrap();
    heir.serving.await.unwrap();
    let (told, _) = heir.store.look_up(named(2, 2)).await.unwrap();
    assert!(matches!(told, Verdict::Unknown { .. }), "{told:?}");
}

#[tokio::test]
async fn books_pass_on_while_those_of_before_are_still_in_flight() {
    let world = World::new().await;
    world.grant(10).await;
    world.hold("h1", 1).await.unwrap();
    let second = take_over(&world, &["job_1"]).await;
    second.store.hold(world.ask("h2", 1)).await.unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    second.store.hand_over(theirs, Vec::new()).await.unwrap();
    let third = heir(world.dir(), &world.clock, (ours, Vec::new())).await;
    // Through the second to the third.
    world.settle("h1", 1).await.unwrap();
    second.store.settle(HoldId::known("h2"), credits(1), receipt()).await.unwrap();
    world.store().clone().close().await.unwrap();
    second.serving.await.unwrap();
    second.store.close().await.unwrap();
    third.serving.await.unwrap();
    let balance = third.store.balance(&world.workspace).await.unwrap();
    assert_eq!((balance.available, balance.spent), (credits(8), credits(2)));
    assert_eq!(third.store.verify().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn when_whoever_took_over_is_gone_nothing_hangs_and_nothing_is_invented() {
    let world = World::new().await;
    world.grant(10).await;
    world.hold("h1", 1).await.unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    world.store().hand_over(theirs, Vec::new()).await.unwrap();
    drop(ours);
    let refused = world.settle("h1", 1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Away), "{refused}");
    let refused = world.hold("h2", 1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Away), "{refused}");
    world.store().clone().close().await.unwrap();
}
