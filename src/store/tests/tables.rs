//! What stands in the tables: the same on every store, and brought up to date from the first step.

use std::collections::BTreeSet;

use crate::canonical::{Format, Kept, Page, Place as After, Size};
use crate::id::{MediaId, RequestId};

use super::super::cells::{Cells, Query};
use super::super::desk::Line;
use super::super::rows::media::MediaTotal;
use super::server::{database_of, server};
use super::world::{Place, START_MS, World, receipt};
use super::*;

on_every_store! {
    the_index_of_pictures_lists_the_newest_and_lets_go_of_what_is_over
    the_views_of_finance_tell_what_was_bought_by_which_price
    a_hold_that_expired_without_a_word_is_an_exposure
}

fn kept(world: &World, name: &str, created_at_ms: i64, expires_at_ms: Option<i64>) -> Kept {
    Kept {
        id: MediaId::known(name),
        workspace: world.workspace.clone(),
        digest: "ab".repeat(32),
        format: Format::Png,
        size: Some(Size::new(64, 32)),
        bytes: 100,
        model: "paint".to_owned(),
        request: RequestId::known("req_one"),
        created_at_ms,
        expires_at_ms,
    }
}

async fn the_index_of_pictures_lists_the_newest_and_lets_go_of_what_is_over(mut world: World) {
    let until = Some(START_MS + 60_000);
    let all = [
        kept(&world, "media_1", START_MS, None),
        kept(&world, "media_2", START_MS, until),
        Kept { size: None, format: Format::Avif, ..kept(&world, "media_3", START_MS + 1, None) },
    ];
    for one in all.clone() {
        world.store().keep_picture(one).await.unwrap();
    }
    world.reopen().await;
    let (store, [one, two, three]) = (world.store(), all);
    let of = || world.workspace.clone();
    let first = Page { limit: 2, after: None };
    assert_eq!(store.list_pictures(of(), first).await.unwrap(), [three.clone(), two.clone()]);
    let after = Some(After { created_at_ms: two.created_at_ms, id: two.id.clone() });
    let rest = store.list_pictures(of(), Page { limit: 2, after }).await.unwrap();
    assert_eq!(rest, [one]);
    let found = |name: &str| store.find_picture(name.to_owned());
    assert_eq!(found("media_2").await.unwrap(), Some(two.clone()));
    world.clock.advance(Duration::from_mins(2));
    assert_eq!(found("media_2").await.unwrap(), None);
    assert_eq!(store.pictures_over(9).await.unwrap(), [two]);
    let erased = ["media_2", "media_1"].map(MediaId::known);
    for id in erased {
        store.erase_picture(id).await.unwrap();
    }
    assert_eq!(store.pictures_over(9).await.unwrap(), []);
    assert!(store.is_digest_named("ab".repeat(32)).await.unwrap());
    let left = MediaTotal { pictures: 1, bytes: 100 };
    assert_eq!(store.pictures_total(of()).await.unwrap(), left);
    assert_eq!(store.pictures_total_of_all().await.unwrap(), left);
    store.erase_picture(three.id).await.unwrap();
    assert!(!store.is_digest_named("ab".repeat(32)).await.unwrap());
    assert_eq!(store.pictures_total(of()).await.unwrap(), MediaTotal::default());
}

async fn the_views_of_finance_tell_what_was_bought_by_which_price(world: World) {
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    let bought = Receipt {
        hold: Some(HoldId::known("h1")),
        model: Some("paint".into()),
        price_version: Some("2026-03-01".into()),
        cost_version: Some("2026-02-01".into()),
        ..receipt()
    };
    world.store().settle(HoldId::known("h1"), credits(3), bought).await.unwrap();
    let told = |query, columns: fn(&dyn Cells) -> Result<Vec<String>, StoreError>| {
        world.store().rows(Line::Books, Query::same(query), Vec::new(), columns)
    };
    let usage = told("SELECT * FROM usage_line ORDER BY seq", |row| {
        let charged = row.number("charged_nanos")?.to_string();
        Ok(vec![row.text("at")?, row.text("day")?, row.text("model")?, charged])
    });
    let usage_told = ["1970-01-01T00:16:40.000Z", "1970-01-01", "paint", "3000000000"];
    assert_eq!(usage.await.unwrap(), [usage_told]);
    let entries = told("SELECT * FROM entry_line ORDER BY seq", |row| {
        let (seq, nanos) = (row.number("seq")?, row.number("amount_nanos")?);
        let (source, model) = (row.text("grant_source")?, row.maybe_text("model")?);
        let line = format!("{seq} {} {source} {nanos} {model:?}", row.text("kind")?);
        Ok(vec![line, row.text("at")?])
    });
    let lines: Vec<String> = entries.await.unwrap().into_iter().map(|row| row.join(" ")).collect();
    assert_eq!(
        lines,
        [
            "1 grant manual 10000000000 None 1970-01-01T00:16:40.000Z",
            "2 hold manual 4000000000 Some(\"paint\") 1970-01-01T00:16:40.000Z",
            "3 settle manual 3000000000 Some(\"paint\") 1970-01-01T00:16:40.000Z",
            "4 settle manual 1000000000 Some(\"paint\") 1970-01-01T00:16:40.000Z",
        ]
    );
    let versions = told("SELECT * FROM usage", |row| {
        Ok(vec![row.text("price_version")?, row.text("cost_version")?])
    });
    assert_eq!(versions.await.unwrap(), [["2026-03-01", "2026-02-01"]]);
}

async fn a_hold_that_expired_without_a_word_is_an_exposure(world: World) {
    world.grant(10).await;
    world.hold("told", 4).await.unwrap();
    world.void("told").await.unwrap();
    world.hold("untold", 3).await.unwrap();
    let exposures = async || {
        let told = world.store().rows(
            Line::Books,
            Query::same("SELECT * FROM exposure"),
            Vec::new(),
            |row| Ok((row.text("hold")?, row.number("hold_nanos")?, row.text("why")?)),
        );
        told.await.unwrap()
    };
    assert_eq!(exposures().await, []);
    world.clock.advance(Duration::from_mins(10));
    world.store().sweep().await.unwrap();
    let untold = ("untold".to_owned(), credits(3).nanos(), "nobody ended its hold".to_owned());
    assert_eq!(exposures().await, [untold]);
}

/// Every column of every table and view, as `table.column`.
fn columns(lines: &str) -> BTreeSet<String> {
    lines.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn whatever_the_embedded_store_has_a_column_for_the_shared_store_has_too() {
    let (embedded, shared) = (World::new().await, World::shared().await);
    let raw = embedded.raw();
    let asked = "SELECT m.name || '.' || c.name FROM sqlite_schema AS m
                 JOIN pragma_table_info(m.name) AS c
                 WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite%'";
    let mut asking = raw.prepare(asked).unwrap();
    let ours = asking.query_map([], |row| row.get(0)).unwrap();
    let ours: BTreeSet<String> = ours.collect::<Result<_, _>>().unwrap();
    let theirs = columns(&server().run(
        database_of(shared.url()),
        "SELECT table_name || '.' || column_name FROM information_schema.columns
         WHERE table_schema = 'public'",
    ));
    assert!(ours.contains("hold.price_version"));
    let missing: Vec<&String> = ours.difference(&theirs).collect();
    // The order in which holds were written down is asked for by nobody.
    assert_eq!(missing, ["hold.seq"]);
}

#[tokio::test]
async fn a_shared_store_of_the_first_schema_is_brought_up_to_date_and_a_later_one_is_refused() {
    let place = Place::database();
    let Place::Database(url) = &place else { panic!("it is a database") };
    let run = |statement: &str| server().run(database_of(url), statement);
    run(include_str!("../schema/postgres/1-books.sql"));
    run("CREATE TABLE schema_step (step bigint PRIMARY KEY,
                                   taken_at timestamptz NOT NULL DEFAULT now());
         INSERT INTO schema_step (step) VALUES (1);
         INSERT INTO workspace (id, name, suspended, created_at_ms) VALUES ('ws_old', 'old', false, 0)");
    let clock = Arc::new(crate::clock::ManualClock::at(Now { unix_ms: 0, tick_ms: 0 }));
    let store = place.open(&clock, USUAL_BOUNDS).await;
    let there = store.list_workspaces().await.unwrap();
    assert_eq!(there.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["ws_old"]);
    store.grant(grant(&there[0].id, "g1", 10)).await.unwrap();
    store.close().await.unwrap();
    run("INSERT INTO schema_step (step) VALUES (1000)");
    let address = Address::new(url, None).unwrap();
    let opened = Store::open_at(address, (clock, true), USUAL_BOUNDS).await;
    assert!(matches!(opened, Err(StoreError::OtherSchema { found: 1_000, .. })));
}
