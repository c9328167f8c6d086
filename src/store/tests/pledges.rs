//! Requests that are served once: beside their holds, through crashes, for a day, within bounds.

use http::HeaderMap;

use crate::dialect::Pieces;
use crate::pledge::{Fingerprint, Gone, Named, Scope, Verdict};

use super::super::answers::{KeptAnswer, ROW_BYTES_MAX};
use super::world::{World, credits, receipt};
use super::*;

mod agreement;

on_every_store! {
    of_many_at_once_one_holds_and_the_others_are_told
    an_answer_is_said_again_after_a_crash_from_its_row_and_from_its_file
    what_a_crash_interrupted_is_unknown_until_its_hold_expires_and_free_then
    what_was_given_back_may_be_tried_again_and_a_kept_no_may_not
    after_24_hours_a_name_is_new_and_its_file_is_gone
    served_without_an_answer_to_keep_is_served_all_the_same
    a_settlement_that_comes_too_late_keeps_no_answer
    a_repeat_finds_the_latest_call_of_its_key_that_asked_the_same
}

pub(super) fn named(name: u8, asked: u8) -> Named {
    Named { scope: Scope([name; 32]), fingerprint: Fingerprint([asked; 32]), is_implied: false }
}

pub(super) fn answer(bytes: usize) -> KeptAnswer {
    KeptAnswer {
        status: 200,
        headers: HeaderMap::from_iter([(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("image/png"),
        )]),
        refusal: None,
        pictures: Vec::new(),
        body: Pieces::one(vec![7; bytes]),
    }
}

impl World {
    async fn hold_once(&self, id: &str, named: Named) -> Result<Held, StoreError> {
        let expires_at_ms = self.clock.now().unix_ms + 300_000;
        self.store().hold_once(HoldAsk { expires_at_ms, ..self.ask(id, 1) }, named).await
    }

    async fn settle_and_keep(&self, id: &str, bytes: usize) -> Settled {
        let hold = HoldId::known(id);
        let kept = self.store().keep(&hold, answer(bytes)).await;
        self.store().settle_and_keep(hold, credits(1), receipt(), kept).await.unwrap()
    }

    async fn told(&self, named: Named) -> Verdict {
        self.store().look_up(named).await.unwrap().0
    }

    /// The bytes of the answer that is said again; `None` when it is not there.
    async fn said_again(&self, id: &str) -> Option<usize> {
        let kept = self.store().kept_answer(HoldId::known(id)).await.unwrap()?;
        assert_eq!(kept.status, 200);
        assert_eq!(kept.headers["content-type"], "image/png");
        let body = kept.body.to_bytes();
        assert!(body.iter().all(|byte| *byte == 7));
        Some(body.len())
    }
}

fn verdict<T: fmt::Debug>(refused: Result<T, StoreError>) -> Verdict {
    match refused {
        Err(StoreError::Pledged(verdict)) => verdict,
        other => panic!("{other:?}"),
    }
}

async fn of_many_at_once_one_holds_and_the_others_are_told(world: World) {
    world.grant(50).await;
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let (store, ask) = (world.store().clone(), world.ask(&format!("h{number}"), 1));
        tasks.spawn(async move { store.hold_once(ask, named(1, 1)).await });
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 1);
    assert_eq!(world.balance().await.held, credits(1));
    for refused in verdicts.into_iter().filter(Result::is_err) {
        assert!(matches!(verdict(refused), Verdict::Running { .. }));
    }
    assert_eq!(verdict(world.hold_once("other", named(1, 2)).await), Verdict::Mismatch);
    world.must_balance().await;
}

async fn an_answer_is_said_again_after_a_crash_from_its_row_and_from_its_file(mut world: World) {
    world.grant(10).await;
    for (id, name, bytes) in [("small", 1, ROW_BYTES_MAX), ("large", 2, ROW_BYTES_MAX + 1)] {
        world.hold_once(id, named(name, 1)).await.unwrap();
        world.settle_and_keep(id, bytes).await;
    }
    assert_eq!(world.files().await, 1);
    world.crash().await;
    assert_eq!(world.told(named(1, 1)).await, Verdict::Replay);
    assert_eq!(world.said_again("small").await, Some(ROW_BYTES_MAX));
    assert_eq!(world.said_again("large").await, Some(ROW_BYTES_MAX + 1));
    assert_eq!(verdict(world.hold_once("again", named(2, 1)).await), Verdict::Replay);
    assert_eq!(world.balance().await.spent, credits(2));
    world.must_balance().await;
}

async fn what_a_crash_interrupted_is_unknown_until_its_hold_expires_and_free_then(
    mut world: World,
) {
    world.grant(10).await;
    world.hold_once("h1", named(1, 1)).await.unwrap();
    assert!(matches!(world.told(named(1, 1)).await, Verdict::Running { .. }));
    world.crash().await;
    let wait = Verdict::Unknown { retry_after: Duration::from_secs(301) };
    assert_eq!(world.told(named(1, 1)).await, wait);
    assert_eq!(verdict(world.hold_once("h2", named(1, 1)).await), wait);
    world.clock.advance(Duration::from_secs(301));
    world.store().sweep().await.unwrap();
    assert_eq!(world.told(named(1, 1)).await, Verdict::New);
    world.hold_once("h2", named(1, 1)).await.unwrap();
    world.must_balance().await;
}

async fn what_was_given_back_may_be_tried_again_and_a_kept_no_may_not(world: World) {
    world.grant(10).await;
    world.hold_once("h1", named(1, 1)).await.unwrap();
    world.void("h1").await.unwrap();
    assert_eq!(world.told(named(1, 1)).await, Verdict::New);
    world.hold_once("h2", named(1, 1)).await.unwrap();
    let hold = HoldId::known("h2");
    let kept = world.store().keep(&hold, answer(10)).await;
    world.store().void_and_keep(hold, receipt(), kept).await.unwrap();
    assert_eq!(world.told(named(1, 1)).await, Verdict::Replay);
    assert_eq!(world.balance().await.available, credits(10));
    world.must_balance().await;
}

async fn after_24_hours_a_name_is_new_and_its_file_is_gone(world: World) {
    world.grant(10).await;
    world.hold_once("h1", named(1, 1)).await.unwrap();
    world.settle_and_keep("h1", ROW_BYTES_MAX + 1).await;
    world.clock.advance(Duration::from_hours(24) - Duration::from_millis(1));
    world.store().sweep().await.unwrap();
    assert_eq!(world.told(named(1, 1)).await, Verdict::Replay);
    assert_eq!(world.files().await, 1);
    world.clock.advance(Duration::from_millis(1));
    world.store().sweep().await.unwrap();
    assert_eq!(world.told(named(1, 1)).await, Verdict::New);
    assert_eq!(world.files().await, 0);
    assert_eq!(world.count("SELECT count(*) AS n FROM pledge").await, 0);
}

#[tokio::test]
async fn the_oldest_answers_make_room_and_are_known_to_be_gone() {
    let bounds = config::Answers { each_bytes_max: 400 << 10, all_bytes_max: 700 << 10 };
    let mut world = World::new().await;
    world.reopen_within(bounds).await;
    world.grant(10).await;
    for (id, name) in [("h1", 1), ("h2", 2), ("h3", 3)] {
        world.hold_once(id, named(name, 1)).await.unwrap();
        world.settle_and_keep(id, 300 << 10).await;
    }
    assert_eq!(world.told(named(1, 1)).await, Verdict::Gone(Gone::Dropped));
    assert_eq!(world.said_again("h2").await, Some(300 << 10));
    assert_eq!(world.said_again("h3").await, Some(300 << 10));
    assert_eq!((world.files().await, world.store().kept_bytes()), (2, 600 << 10));
    assert_eq!((world.store().take_dropped(), world.store().take_dropped()), (1, 0));
    world.hold_once("h4", named(4, 1)).await.unwrap();
    world.settle_and_keep("h4", 401 << 10).await;
    assert_eq!(world.told(named(4, 1)).await, Verdict::Gone(Gone::TooLarge));
    world.reopen_within(bounds).await;
    assert_eq!(world.store().kept_bytes(), 600 << 10);
    world.must_balance().await;
}

#[tokio::test]
async fn a_file_that_no_row_names_goes_at_the_start_and_a_damaged_one_is_not_said() {
    let mut world = World::new().await;
    world.grant(10).await;
    world.hold_once("h1", named(1, 1)).await.unwrap();
    world.settle_and_keep("h1", ROW_BYTES_MAX + 1).await;
    world.hold_once("h2", named(2, 1)).await.unwrap();
    // The process dies after the file and before the row.
    drop(world.store().keep(&HoldId::known("h2"), answer(ROW_BYTES_MAX + 1)).await);
    assert_eq!(world.files().await, 2);
    world.crash().await;
    assert_eq!(world.files().await, 1);
    std::fs::write(world.dir().join("answers/h1"), "another").unwrap();
    assert_eq!(world.told(named(1, 1)).await, Verdict::Replay);
    assert_eq!(world.said_again("h1").await, None);
}

#[test]
fn the_usual_bounds_are_the_documented_ones() {
    assert_eq!(config::Config::defaults().unwrap().answers, USUAL_BOUNDS);
}

async fn served_without_an_answer_to_keep_is_served_all_the_same(world: World) {
    world.grant(10).await;
    world.hold_once("h1", named(1, 1)).await.unwrap();
    world.settle("h1", 1).await.unwrap();
    assert_eq!(world.told(named(1, 1)).await, Verdict::Gone(Gone::Lost));
    assert_eq!(verdict(world.hold_once("h2", named(1, 1)).await), Verdict::Gone(Gone::Lost));
}

async fn a_settlement_that_comes_too_late_keeps_no_answer(world: World) {
    world.grant(10).await;
    world.hold_once("h1", named(1, 1)).await.unwrap();
    world.clock.advance(Duration::from_secs(301));
    world.store().sweep().await.unwrap();
    world.hold_once("h2", named(1, 1)).await.unwrap();
    let hold = HoldId::known("h1");
    let kept = world.store().keep(&hold, answer(ROW_BYTES_MAX + 1)).await;
    let late = world.store().settle_and_keep(hold, credits(1), receipt(), kept).await;
    assert!(matches!(late, Err(StoreError::Ledger(LedgerError::AlreadyResolved))));
    assert!(matches!(world.told(named(1, 1)).await, Verdict::Running { .. }));
    assert_eq!(world.files().await, 0);
}

#[tokio::test]
async fn a_poisoned_store_tells_nobody_anything() {
    let mut world = World::new().await;
    world.grant(10).await;
    world.hold_once("h1", named(1, 1)).await.unwrap();
    world.settle_and_keep("h1", 10).await;
    world.meddle(|database| database.execute_batch("PRAGMA query_only = 1").unwrap());
    assert!(matches!(world.hold_once("h2", named(2, 1)).await, Err(StoreError::Poisoned)));
    assert!(matches!(world.store().look_up(named(1, 1)).await, Err(StoreError::Poisoned)));
    world.restart_poisoned().await;
    assert_eq!(world.told(named(1, 1)).await, Verdict::Replay);
    assert_eq!(world.told(named(2, 1)).await, Verdict::New);
}

async fn a_repeat_finds_the_latest_call_of_its_key_that_asked_the_same(world: World) {
    world.grant(10).await;
    let key = KeyId::known("key_one");
    let asked = Fingerprint([1; 32]);
    let find = async |key: &KeyId| world.store().look_up_repeat(key.clone(), asked).await.unwrap();
    assert_eq!(find(&key).await.0, Verdict::New);
    for (id, name) in [("h1", 1), ("h2", 2)] {
        let named = Named { is_implied: true, ..named(name, 1) };
        world.hold_once(id, named).await.unwrap();
    }
    let (told, known) = find(&key).await;
    assert!(matches!(told, Verdict::Running { .. }));
    assert_eq!(known.unwrap().hold.as_str(), "h2");
    assert_eq!(find(&KeyId::known("key_two")).await.0, Verdict::New);
    world.settle_and_keep("h2", 10).await;
    world.clock.advance(Duration::from_mins(10));
    assert_eq!(find(&key).await.0, Verdict::New);
}

#[tokio::test]
async fn a_pledge_that_does_not_go_with_its_hold_is_found() {
    let world = World::new().await;
    world.grant(10).await;
    world.hold_once("h1", named(1, 1)).await.unwrap();
    world.must_balance().await;
    world.raw().execute("UPDATE pledge SET hold = 'elsewhere'", []).unwrap();
    let report = world.store().verify().await.unwrap();
    assert!(report.faults.iter().any(|fault| fault.contains("pledge")), "{report:?}");
}

#[tokio::test]
async fn a_store_of_the_first_schema_is_brought_up_to_date() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let database = Connection::open(dir.path().join("pixelgate.sqlite")).unwrap();
    database.execute_batch(include_str!("../schema/1-books.sql")).unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
    let made = "INSERT INTO workspace VALUES ('ws_old', 'old', 0, 0);
        INSERT INTO key VALUES ('key_old', 'ws_old', zeroblob(32), '[]', 'live', 'p', 'active',
                                NULL, 'till', 0, NULL);";
    database.execute_batch(made).unwrap();
    drop(database);
    let store = Store::open(dir.path(), Arc::clone(&world.clock) as Arc<dyn Clock>).unwrap();
    assert_eq!(store.list_keys(None).await.unwrap()[0].id.as_str(), "key_old");
    assert_eq!(store.look_up(named(1, 1)).await.unwrap().0, Verdict::New);
}
