//! Faults of one gateway on its own disk.

use std::time::Duration;

use super::arena::{Arena, holds_expire, is_served_again, until};
use super::audit::Rows;
use super::load::{Load, Told};
use super::table::Row;
use super::weather::Weather;

/// Shows that the audit finds what it is for: a success that was not paid for, a picture that no row
/// names, and one that was drawn twice.
pub(crate) async fn audited(seed: u64) {
    let arena = Arena::of("none", seed).await;
    let weather = Weather::fair(seed);
    let world = arena.world(&weather, "");
    let load = Load::on([&world], 2);
    arena.calls_go_on(6).await;
    let mut told = load.end().await;
    holds_expire(&world, &weather, 0).await;
    let (rows, mut drawn) = (Rows::Of(&world), arena.drawn());
    let right = rows.audit(&told, &drawn);
    assert_eq!((right.lost, right.doubled, right.overspent), (0, 0, 0), "{right:?}");
    told.push(Told { status: Some(200), request: Some("req_never".to_owned()) });
    drawn.extend([drawn[0], 0]);
    let wrong = rows.audit(&told, &drawn);
    assert_eq!((wrong.lost, wrong.doubled), (2, 1), "{wrong:?}");
}

/// Clients at once.
const CLIENTS: usize = 16;

/// `kill -9` at any moment.
pub(crate) async fn killed(seed: u64, times: u32) -> Row {
    let mut arena = Arena::of("killed", seed).await;
    let weather = Weather::fair(seed);
    let mut world = arena.world(&weather, "");
    for _ in 0..times {
        let load = Load::on([&world], CLIENTS);
        let calls = arena.chances.between(1, 80);
        arena.calls_go_on(calls).await;
        let pause = arena.chances.between(0, 20_000);
        tokio::time::sleep(Duration::from_micros(pause.into())).await;
        arena.strikes(&load);
        world = tokio::task::block_in_place(|| world.kill_and_restart());
        arena.end(load).await;
    }
    holds_expire(&world, &weather, 0).await;
    arena.row(&Rows::Of(&world))
}

/// The power goes in the middle of a sync, and leaves torn pages.
pub(crate) async fn powerless(seed: u64, times: u32) -> Row {
    let mut arena = Arena::of("power cut, torn pages", seed).await;
    let weather = Weather::fair(seed);
    let mut world = arena.world(&weather, "");
    for _ in 0..times {
        let load = Load::on([&world], CLIENTS);
        arena.calls_go_on(10).await;
        arena.strikes(&load);
        let (syncs, torn) = (arena.chances.between(0, 60), arena.chances.any());
        weather.cut_the_power_after(syncs, torn);
        let ended = tokio::task::block_in_place(|| world.has_stopped());
        assert!(!ended.success(), "the power went");
        arena.end(load).await;
        weather.power_is_back();
        world = tokio::task::block_in_place(|| world.kill_and_restart());
        world.verify();
    }
    holds_expire(&world, &weather, 0).await;
    arena.row(&Rows::Of(&world))
}

/// A sync fails: from then on nothing is acknowledged, until a restart.
pub(crate) async fn unsynced(seed: u64, times: u32) -> Row {
    let mut arena = Arena::of("failing fsync", seed).await;
    let weather = Weather::fair(seed);
    let mut world = arena.world(&weather, "");
    for _ in 0..times {
        let load = Load::on([&world], CLIENTS);
        arena.calls_go_on(10).await;
        let (failed, syncs) = (weather.failed_syncs(), arena.chances.between(0, 60));
        arena.strikes(&load);
        weather.fail_a_sync_after(syncs);
        until("a sync fails", || async { weather.failed_syncs() > failed }).await;
        until("the store is poisoned", || async {
            world.metrics().await.contains("\npixelgate_store_poisoned 1")
        })
        .await;
        // Syncs work again, and are not believed.
        let refused = world.paint().await;
        assert_eq!(refused.status, 503, "{}", refused.json());
        assert_eq!(readiness(&world).await, 503);
        arena.end(load).await;
        world = tokio::task::block_in_place(|| world.kill_and_restart());
        is_served_again(&world).await;
    }
    holds_expire(&world, &weather, 0).await;
    arena.row(&Rows::Of(&world))
}

/// The disk is full: whoever was served before is settled, and nobody new is served.
pub(crate) async fn full(seed: u64, times: u32) -> Row {
    let mut arena = Arena::of("full disk", seed).await;
    let weather = Weather::fair(seed);
    let world = arena.world(&weather, "");
    for _ in 0..times {
        let load = Load::on([&world], CLIENTS);
        arena.calls_go_on(10).await;
        arena.strikes(&load);
        weather.leave_room(arena.chances.between(0, 400_000));
        until("the disk is full", || async {
            world.metrics().await.contains("\npixelgate_store_full 1")
        })
        .await;
        assert!(weather.refused() > 0);
        let refused = world.paint().await;
        assert_eq!(refused.status, 503, "{}", refused.json());
        assert_eq!(refused.json()["error"]["code"], "store_full", "{}", refused.json());
        assert_eq!(readiness(&world).await, 503);
        arena.end(load).await;
        // All that was begun was ended, on the full disk.
        assert_eq!(Rows::Of(&world).open_holds(), 0, "a call was not ended");
        world.verify();
        weather.free_the_disk();
        is_served_again(&world).await;
        assert_eq!(readiness(&world).await, 200);
    }
    holds_expire(&world, &weather, 0).await;
    let row = arena.row(&Rows::Of(&world));
    assert_eq!(row.findings.left, 0, "settlements and voids fit on a full disk");
    row
}

/// The disk is full when the gateway starts: it opens its books in the room that was kept for that, and
/// serves again when somebody frees the disk.
pub(crate) async fn found_full(seed: u64, times: u32) -> Row {
    let mut arena = Arena::of("full disk at a start", seed).await;
    let weather = Weather::fair(seed);
    let mut world = arena.world(&weather, "");
    for _ in 0..times {
        let load = Load::on([&world], CLIENTS);
        // Some were served before, and some are not yet.
        arena.calls_go_on(60).await;
        arena.strikes(&load);
        weather.leave_room(0);
        world = tokio::task::block_in_place(|| world.kill_and_restart());
        arena.end(load).await;
        // A log that is begun again is written over its old pages: some are served in that room still.
        // Whoever wants more of the disk finds out.
        let mut refused = world.paint().await;
        while refused.status == 200 {
            refused = world.paint().await;
        }
        assert_eq!(refused.status, 503, "{}", refused.json());
        assert_eq!(refused.json()["error"]["code"], "store_full", "{}", refused.json());
        assert_eq!(readiness(&world).await, 503);
        weather.free_the_disk();
        is_served_again(&world).await;
        assert_eq!(readiness(&world).await, 200);
        world.verify();
    }
    holds_expire(&world, &weather, 0).await;
    arena.row(&Rows::Of(&world))
}

/// The wall clock jumps, both ways.
pub(crate) async fn jumped(seed: u64, times: u32) -> Row {
    const HOUR_MS: i64 = 3_600_000;
    let mut arena = Arena::of("clock jumps", seed).await;
    let weather = Weather::fair(seed);
    let world = arena.world(&weather, "");
    let load = Load::on([&world], CLIENTS);
    for _ in 0..times {
        arena.calls_go_on(30).await;
        let hours = i64::from(arena.chances.between(0, 60)) - 30;
        // Some calls last from before the jump until holds are looked through after it.
        let is_long = arena.chances.any().is_multiple_of(2);
        arena.vendor.now_takes(Duration::from_millis(if is_long { 1_500 } else { 20 }));
        arena.calls_go_on(10).await;
        arena.strikes(&load);
        weather.set_clock(hours * HOUR_MS);
        // Holds are looked through once a second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    arena.calls_go_on(30).await;
    arena.end(load).await;
    holds_expire(&world, &weather, 31 * HOUR_MS).await;
    arena.row(&Rows::Of(&world))
}

/// The vendor draws, and says so after we stopped waiting.
pub(crate) async fn late(seed: u64, times: u32) -> Row {
    let mut arena = Arena::of("vendor answers too late", seed).await;
    let weather = Weather::fair(seed);
    let world = arena.world(&weather, "");
    for _ in 0..times {
        let load = Load::on([&world], CLIENTS);
        arena.calls_go_on(20).await;
        arena.vendor.now_takes(Duration::from_millis(2_600));
        arena.calls_go_on(10).await;
        arena.strikes(&load);
        arena.end(load).await;
        arena.vendor.now_takes(Duration::from_millis(20));
    }
    holds_expire(&world, &weather, 0).await;
    arena.row(&Rows::Of(&world))
}

async fn readiness(world: &crate::world::World) -> u16 {
    let asked = world.client.get(format!("{}/readyz", world.admin)).send().await;
    asked.unwrap().status().as_u16()
}
