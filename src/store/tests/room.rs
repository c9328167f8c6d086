//! A full disk, as the database meets it: what was begun is ended, nothing new begins.

use rusqlite::Connection;

use super::world::{World, grant};
use super::*;

/// From now on the database has room for so many pages more than it has.
fn room_for(world: &World, pages: i64) {
    world.meddle(move |database: &Connection| {
        let has: i64 = database.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        database.pragma_update(None, "max_page_count", has + pages).unwrap();
    });
}

/// Holds until there is no room; how many stand.
async fn fill(world: &World) -> i64 {
    let mut held = 0;
    loop {
        match world.hold(&format!("fill{held}"), 0).await {
            Ok(_) => held += 1,
            Err(StoreError::Full) => return held,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn on_a_full_disk_nothing_begins_and_what_was_begun_is_ended() {
    let world = World::new().await;
    world.grant(10).await;
    world.hold("h1", 4).await.unwrap();
    world.hold("h2", 2).await.unwrap();
    room_for(&world, 0);
    let held = fill(&world).await;
    assert!(world.store().is_full() && !world.store().poisoned());
    // The reserve gives room.
    room_for(&world, 40);
    world.settle("h1", 3).await.unwrap();
    world.void("h2").await.unwrap();
    assert!(matches!(world.hold("h3", 1).await, Err(StoreError::Full)));
    let refused = world.store().grant(grant(&world.workspace, "g9", 1)).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    let balance = world.balance().await;
    assert_eq!((balance.available, balance.spent), (credits(7), credits(3)));
    assert_eq!(world.open_holds().await, held);
    world.must_balance().await;
}

#[tokio::test]
async fn without_any_room_at_all_settlements_are_refused_and_can_be_asked_again() {
    let world = World::new().await;
    world.grant(1_000).await;
    for id in 0..200 {
        world.hold(&format!("h{id}"), 1).await.unwrap();
    }
    room_for(&world, 0);
    fill(&world).await;
    let mut settled = 0;
    let refused = loop {
        match world.settle(&format!("h{settled}"), 1).await {
            Ok(_) => settled += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full), "{refused}");
    assert!(!world.store().poisoned());
    room_for(&world, 40);
    world.settle(&format!("h{settled}"), 1).await.unwrap();
    assert_eq!(world.balance().await.spent, credits(settled + 1));
    world.must_balance().await;
}

#[tokio::test]
async fn once_there_is_room_again_everything_is_as_before() {
    let world = World::new().await;
    world.grant(10).await;
    room_for(&world, 0);
    let held = fill(&world).await;
    room_for(&world, 1_000);
    world.clock.advance(Duration::from_secs(3));
    // Between two batches the disk is looked at.
    while world.store().is_full() {
        world.balance().await;
    }
    world.hold("h1", 1).await.unwrap();
    assert_eq!(world.open_holds().await, held + 1);
    world.must_balance().await;
}
