//! What the store promises: nothing lost, nothing spent twice, and a lie in the books is found.

use std::time::Duration;

use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::auth::{AuthError, KeyStatus, Mode};
use crate::finance::{Day, Span};
use crate::ledger::{LedgerError, Weighed};

use super::*;

mod agreement;
mod allowance;
mod jobs;
mod notices;
mod pledges;
mod world;

use world::{World, credits, grant};

#[tokio::test]
async fn of_two_hundred_at_once_exactly_as_many_hold_as_there_are_credits_for() {
    let world = World::new().await;
    world.grant(37).await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let (store, ask) = (world.store().clone(), world.ask(&format!("h{number}"), 1));
        tasks.spawn(async move { store.hold(ask).await });
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 37);
    assert!(verdicts.iter().all(|verdict| matches!(
        verdict,
        Ok(_) | Err(StoreError::Ledger(LedgerError::Short { .. }))
    )));
    let balance = world.balance().await;
    assert_eq!((balance.available, balance.held), (credits(0), credits(37)));
    assert_eq!(world.store().open_holds(), 37);
    world.must_balance().await;
}

#[tokio::test]
async fn a_reopened_store_remembers_everything() {
    let mut world = World::new().await;
    world.grant(10).await;
    let (_, text) = world.create_key().await;
    world.hold("h1", 4).await.unwrap();
    let settled = world.settle("h1", 3).await.unwrap();
    world.hold("h2", 2).await.unwrap();
    world.hold("h3", 1).await.unwrap();
    world.void("h3").await.unwrap();
    let before = world.balance().await;
    world.reopen().await;
    assert_eq!(world.balance().await, before);
    assert_eq!(before.spent, credits(3));
    assert_eq!(world.store().open_holds(), 1);
    assert!(world.store().keys().authenticate(Some(&text), 0).is_ok());
    // What ended before the restart is answered as it was then, and written once.
    assert_eq!(world.settle("h1", 3).await.unwrap(), settled);
    assert!(matches!(
        world.settle("h1", 2).await,
        Err(StoreError::Ledger(LedgerError::AlreadyResolved))
    ));
    assert!(matches!(world.hold("h1", 5).await, Err(StoreError::Ledger(LedgerError::IdReused))));
    world.settle("h2", 2).await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM usage").await, 3);
    world.must_balance().await;
}

#[tokio::test]
async fn a_hold_that_a_crash_left_open_expires() {
    let mut world = World::new().await;
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    world.crash().await;
    assert_eq!(world.balance().await.held, credits(4));
    world.clock.advance(Duration::from_mins(10));
    world.store().sweep().await.unwrap();
    assert_eq!(world.balance().await.available, credits(10));
    assert!(matches!(
        world.settle("h1", 4).await,
        Err(StoreError::Ledger(LedgerError::AlreadyResolved))
    ));
    world.must_balance().await;
}

#[tokio::test]
async fn a_hold_that_expired_without_a_word_is_an_exposure() {
    let world = World::new().await;
    world.grant(10).await;
    world.hold("told", 4).await.unwrap();
    world.void("told").await.unwrap();
    world.hold("untold", 3).await.unwrap();
    let everything = Span { since: Day(-1), until: Day(40_000) };
    let exposures = || Books::open(world.dir()).unwrap().exposures(everything).unwrap();
    assert_eq!(exposures(), Vec::new());
    world.clock.advance(Duration::from_mins(10));
    world.store().sweep().await.unwrap();
    let exposed = exposures();
    let told: Vec<_> = exposed.iter().map(|one| (one.hold.as_deref(), one.hold_nanos)).collect();
    assert_eq!(told, [(Some("untold"), Some(credits(3).nanos()))]);
    assert_eq!(exposed[0].why, "nobody ended its hold");
}

#[tokio::test]
async fn what_became_overdue_while_nobody_served_is_swept_at_the_start() {
    let mut world = World::new().await;
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    world.clock.advance(Duration::from_mins(10));
    world.reopen().await;
    assert_eq!(world.balance().await.available, credits(10));
    world.must_balance().await;
}

#[tokio::test]
async fn quotas_survive_a_restart_and_are_given_back_by_a_void() {
    let mut world = World::new().await;
    world.grant(10).await;
    let mut ask = world.ask("h1", 1);
    ask.quotas = vec![world::pictures_of_the_day(3)];
    world.store().hold(ask).await.unwrap();
    world.reopen().await;
    assert_eq!(world.quota_used().await, 3);
    world.void("h1").await.unwrap();
    world.reopen().await;
    assert_eq!(world.quota_used().await, 0);
}

#[tokio::test]
async fn entries_are_never_changed_or_removed() {
    let world = World::new().await;
    world.grant(10).await;
    let database = world.raw();
    for forbidden in ["UPDATE entry SET amount_nanos = 1", "DELETE FROM entry"] {
        let refused = database.execute(forbidden, []).unwrap_err().to_string();
        assert!(refused.contains("an entry is never"), "{refused}");
    }
    world.must_balance().await;
}

#[tokio::test]
async fn a_lie_in_the_books_is_found_and_told_in_words() {
    for (lie, told) in [
        ("UPDATE entry SET amount_nanos = 1 WHERE kind = 'grant'", "not where its entries put it"),
        ("DELETE FROM entry WHERE kind = 'hold'", "entries are missing"),
        ("UPDATE usage SET charged_nanos = charged_nanos + 1", "not those of the usage rows"),
        (
            "UPDATE hold SET state = 'voided', charged_nanos = NULL WHERE id = 'h1'",
            "did not end once",
        ),
        ("UPDATE hold SET amount_nanos = 9 WHERE id = 'h2'", "not those of the open holds"),
        (
            "UPDATE \"grant\" SET available_nanos = available_nanos - 1, spent_nanos = spent_nanos + 1",
            "not where its entries put it",
        ),
    ] {
        let world = World::new().await;
        world.grant(10).await;
        world.hold("h1", 4).await.unwrap();
        world.settle("h1", 3).await.unwrap();
        world.hold("h2", 2).await.unwrap();
        world.must_balance().await;
        let database = world.raw();
        database
            .execute_batch(
                "DROP TRIGGER entry_is_never_changed; DROP TRIGGER entry_is_never_removed;",
            )
            .unwrap();
        database.execute(lie, []).unwrap();
        let faults = verify(world.dir()).unwrap().faults;
        assert!(faults.iter().any(|fault| fault.contains("trigger is gone")));
        assert!(faults.iter().any(|fault| fault.contains(told)), "{lie}: {faults:#?}");
    }
}

#[tokio::test]
async fn after_a_failed_commit_nothing_is_accepted_until_a_restart() {
    let mut world = World::new().await;
    world.grant(10).await;
    world.hold("h1", 1).await.unwrap();
    // The database may not grow: a full disk, in effect.
    world.meddle(|database: &Connection| {
        let pages: i64 = database.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        database.pragma_update(None, "max_page_count", pages).unwrap();
    });
    let mut accepted = 1;
    let failed = loop {
        match world.hold(&format!("full{accepted}"), 0).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(failed, StoreError::Poisoned), "{failed}");
    assert!(world.store().poisoned());
    for refused in [
        world.hold("h2", 1).await.map(|_| ()),
        world.settle("h1", 1).await.map(|_| ()),
        world.store().balance(&world.workspace).await.map(|_| ()),
        world.store().grant(grant(&world.workspace, "g9", 1)).await,
    ] {
        assert!(matches!(refused, Err(StoreError::Poisoned)));
    }
    world.restart_poisoned().await;
    assert_eq!(world.store().open_holds(), accepted);
    world.settle("h1", 1).await.unwrap();
    world.must_balance().await;
}

#[tokio::test]
async fn a_commit_is_synced_before_it_is_answered() {
    let world = World::new().await;
    let (told, heard) = channel();
    world.meddle(move |database: &Connection| {
        for pragma in ["synchronous", "wal_autocheckpoint"] {
            let set: i64 = database.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
            told.send(set).unwrap();
        }
    });
    world.store().sweep().await.unwrap();
    assert_eq!(heard.iter().collect::<Vec<_>>(), [2, 0]);
    let mode = "SELECT journal_mode = 'wal' FROM pragma_journal_mode";
    assert_eq!(world.count(mode).await, 1);
}

#[tokio::test]
async fn when_too_much_waits_holds_are_refused_and_notes_let_go() {
    let world = World::new().await;
    let store = world.store();
    let all = u32::try_from(QUEUE_MAX).unwrap();
    let places = Arc::clone(&store.places).try_acquire_many_owned(all).unwrap();
    assert_eq!(store.queue_depth(), QUEUE_MAX);
    assert!(matches!(world.hold("h1", 0).await, Err(StoreError::Busy)));
    assert!(!store.note(world::receipt()));
    drop(places);
    world.hold("h1", 0).await.unwrap();
}

#[tokio::test]
async fn one_store_is_served_by_one_process() {
    let world = World::new().await;
    let second = Store::open(world.dir(), Arc::clone(&world.clock) as Arc<dyn Clock>);
    assert!(matches!(second, Err(StoreError::Locked { .. })));
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let world = World::new().await;
    let other = world.store().clone();
    world.store().clone().close().await.unwrap();
    let refused = other.balance(&world.workspace).await;
    assert!(matches!(refused, Err(StoreError::Closed)));
}

#[tokio::test]
async fn a_key_works_from_its_making_to_its_revoking() {
    let world = World::new().await;
    let store = world.store();
    let (key, text) = world.create_key().await;
    let ask = || store.keys().authenticate(Some(&text), 0).map(|_| ());
    assert_eq!(ask(), Ok(()));
    store.set_key_status(key.clone(), KeyStatus::Suspended).await.unwrap();
    assert_eq!(ask(), Err(AuthError::Suspended));
    store.set_key_status(key.clone(), KeyStatus::Active).await.unwrap();
    store.suspend_workspace(world.workspace.clone(), true).await.unwrap();
    assert_eq!(ask(), Err(AuthError::WorkspaceSuspended));
    store.set_key_status(key.clone(), KeyStatus::Revoked).await.unwrap();
    let again = store.set_key_status(key, KeyStatus::Active).await;
    assert!(matches!(again, Err(StoreError::KeyRevoked { .. })));
    assert_eq!(ask(), Err(AuthError::Revoked));
}

#[tokio::test]
async fn the_text_of_a_key_is_in_no_file() {
    let mut world = World::new().await;
    let (_, text) = world.create_key().await;
    world.reopen().await;
    let files = std::fs::read_dir(world.dir()).unwrap().map(|file| file.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()));
    }
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written() {
    let mut world = World::new().await;
    let (key, _) = world.create_key().await;
    world.store().touch(&key);
    world.clock.advance(Duration::from_mins(2));
    world.reopen().await;
    let keys = world.store().list_keys(None).await.unwrap();
    assert_eq!(keys[0].last_used_at_ms, Some(world::START_MS));
}

#[tokio::test]
async fn names_that_nobody_gave_out_are_refused() {
    let world = World::new().await;
    let nobody = WorkspaceId::known("ws_nobody");
    let refused = world.store().grant(grant(&nobody, "g1", 1)).await;
    assert!(matches!(refused, Err(StoreError::Unknown { .. })));
    let taken = world.store().create_workspace("the shop".to_owned()).await;
    assert!(matches!(taken, Err(StoreError::NameTaken { .. })));
}

#[tokio::test]
async fn recent_admissions_are_those_that_held_ended_or_not() {
    let world = World::new().await;
    world.grant(10).await;
    world.hold("h1", 1).await.unwrap();
    world.settle("h1", 1).await.unwrap();
    let mut ask = world.ask("h2", 1);
    ask.weighs = Weighed { model: Some("fox".to_owned()), images: 3, pixels: 300 };
    world.store().hold(ask).await.unwrap();
    assert!(world.store().note(world::receipt()));
    world.store().sweep().await.unwrap();
    assert_eq!(world.count("SELECT count(*) FROM usage").await, 2);
    let admissions = world.store().recent_admissions(0).await.unwrap();
    let weights: Vec<(u32, u64)> = admissions.iter().map(|a| (a.images, a.pixels)).collect();
    assert_eq!(weights, [(1, 200), (3, 300)]);
    let [settled, open] = [&admissions[0], &admissions[1]];
    assert_eq!((settled.model.as_deref(), &settled.open), (None, &None));
    assert_eq!(open.model.as_deref(), Some("fox"));
    assert_eq!(open.open, Some(HoldId::known("h2")));
    assert_eq!((settled.credits, open.credits), (credits(1), credits(1)));
    let later = world::START_MS + 1;
    assert_eq!(world.store().recent_admissions(later).await.unwrap(), []);
}

#[tokio::test]
async fn commands_travel_as_json_and_do_what_the_methods_do() {
    let world = World::new().await;
    for (sent, wanted) in [
        (r#"{"verb":"create_workspace","name":"two"}"#, "workspace_created"),
        (r#"{"verb":"list_workspaces"}"#, "workspaces"),
        (r#"{"verb":"list_keys","workspace":null}"#, "keys"),
        (r#"{"verb":"balance","workspace":"ws_none"}"#, "balance"),
        (r#"{"verb":"verify"}"#, "verified"),
    ] {
        let command: Command = serde_json::from_str(sent).unwrap();
        let outcome = world.store().run(command).await.unwrap();
        let told = serde_json::to_value(&outcome).unwrap();
        assert_eq!(told["outcome"], wanted);
        assert_eq!(serde_json::from_value::<Outcome>(told).unwrap(), outcome);
    }
    let (_, text) = world.create_key().await;
    assert!(text.starts_with("pg_test_"), "{:?}", Mode::Test);
}
