//! What the store promises: nothing lost, nothing spent twice, and a lie in the books is found.

use std::collections::HashMap;

use futures_util::future::join_all;
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::auth::{AuthError, KeyStatus, Mode};
use crate::id::WorkspaceId;
use crate::ledger::{Balance, ENDED_HOLDS_MAX, LedgerError, NewGrant, QuotaUnit, Weighed};

use super::*;

/// Tests that every store must pass: each is run on an embedded store and on a shared one.
macro_rules! on_every_store {
    ($($name:ident)*) => {
        mod embedded {
            use super::super::world::World;
            $(#[tokio::test]
            async fn $name() {
                super::$name(World::new().await).await;
            })*
        }

        mod shared {
            use super::super::world::World;
            $(#[tokio::test]
            async fn $name() {
                super::$name(World::shared().await).await;
            })*
        }
    };
}

mod admin;
mod agreement;
mod allowance;
mod books;
mod budgets;
mod faults;
mod finance;
mod handover;
mod jobs;
mod nodes;
mod notices;
mod pledges;
#[path = "../../tests/postgres/proxy.rs"]
mod proxy;
mod room;
#[path = "../../tests/postgres/server.rs"]
#[expect(dead_code, reason = "the chaos suite does more with it")]
mod server;
mod tables;
mod turns;
mod world;

use world::{World, credits, grant};

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
        ("UPDATE entry SET target = 'expired' WHERE kind = 'grant'", "no transfer that the ledger"),
        ("UPDATE entry SET hold = 'h9' WHERE kind = 'settle'", "did not end once"),
        (
            "UPDATE entry SET kind = 'void', target = 'available' WHERE kind = 'settle'",
            "did not end",
        ),
        ("UPDATE entry SET workspace = 'ws_other' WHERE kind = 'hold'", "where its entries put it"),
        ("UPDATE entry SET adjustment = 'a1' WHERE kind = 'grant'", "not what its entries moved"),
        ("UPDATE hold SET charged_nanos = 2 WHERE id = 'h1'", "did not end once"),
        ("DELETE FROM \"grant\"", "not where its entries put it"),
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
        let faults = verify(world.dir(), FileCheck::Full).unwrap().faults;
        assert!(faults.iter().any(|fault| fault.contains("trigger is gone")));
        assert!(faults.iter().any(|fault| fault.contains(told)), "{lie}: {faults:#?}");
    }
}

#[tokio::test]
async fn no_question_about_a_span_reads_the_rows_before_it() {
    let world = World::new().await;
    let database = world.raw();
    for (query, parameters, by) in [
        (reader::FIRST_SINCE, 1, "usage_at (at_ms>?)"),
        (crate::store::finance::ENDS, 2, "usage_at (at_ms>? AND at_ms<?)"),
        (reader::ENDED, 3, "PRIMARY KEY (rowid>?)"),
    ] {
        let plan = format!("EXPLAIN QUERY PLAN {}", query.embedded.replace('$', "?"));
        let parameters = rusqlite::params_from_iter(vec![0; parameters]);
        let plan: String = database.query_row(&plan, parameters, |row| row.get("detail")).unwrap();
        assert!(plan.ends_with(by), "{plan}: {}", query.embedded);
    }
}

#[tokio::test]
async fn after_a_failed_commit_nothing_is_accepted_until_a_restart() {
    let mut world = World::new().await;
    world.grant(10).await;
    world.hold("h1", 1).await.unwrap();
    // The disk takes nothing any more, and does not say that it is full.
    world.meddle(|database: &Connection| {
        database.pragma_update(None, "query_only", true).unwrap();
    });
    let failed = world.hold("h2", 1).await.unwrap_err();
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
    assert_eq!(world.store().open_holds(), 1);
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
    let mode = "SELECT journal_mode = 'wal' AS n FROM pragma_journal_mode";
    assert_eq!(world.count(mode).await, 1);
}

#[tokio::test]
async fn one_store_is_served_by_one_process() {
    let world = World::new().await;
    let second = Store::open(world.dir(), Arc::clone(&world.clock) as Arc<dyn Clock>);
    assert!(matches!(second, Err(StoreError::Locked { .. })));
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
