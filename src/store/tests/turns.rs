//! What a watchdog sees of the writer: whether something waits for it, and whether it goes on.

use std::sync::mpsc::channel;

use super::server::Server;
use super::world::{Place, World};
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_is_held_up_takes_no_turn_while_something_waits() {
    let world = World::new().await;
    world.grant(10).await;
    let ((at_work, is_at_work), (go_on, may_go_on)) = (channel(), channel::<()>());
    world.meddle(move |_| {
        at_work.send(()).unwrap();
        may_go_on.recv().unwrap();
    });
    tokio::task::block_in_place(|| is_at_work.recv()).unwrap();
    let turns = world.store().writer_turns();
    let watching = async {
        while world.store().queue_depth() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.store().writer_turns(), turns);
        go_on.send(()).unwrap();
    };
    let (held, ()) = tokio::join!(world.hold("h1", 1), watching);
    held.unwrap();
    assert!(world.store().writer_turns() > turns);
    assert_eq!(world.store().queue_depth(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_whose_database_is_gone_goes_on_trying_and_is_known_to_be_away() {
    let server = Server::begin("off");
    let world = World::at(Place::Database(server.new_database())).await;
    world.grant(10).await;
    tokio::task::block_in_place(|| server.stop());
    assert!(matches!(world.hold("h1", 1).await, Err(StoreError::Away)));
    while !world.store().is_away() {
        tokio::task::yield_now().await;
    }
    let turns = world.store().writer_turns();
    while world.store().writer_turns() < turns + 3 {
        tokio::task::yield_now().await;
    }
    tokio::task::block_in_place(|| server.start());
    while world.store().is_away() {
        tokio::task::yield_now().await;
    }
    world.hold("h2", 1).await.unwrap();
    world.must_balance().await;
}
