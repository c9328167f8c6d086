//! The control socket passes from one process to the next.

use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{Control, LINE_TIMEOUT, SOCKET, answer, ask, leave};
use crate::clock::SystemClock;
use crate::store::{Command, Outcome, Store};

/// Whether a command at this folder is answered once `control` is served.
async fn is_answered(folder: &TempDir, waiting: UnixStream, control: &Control) -> bool {
    let store = Store::open(folder.path(), Arc::new(SystemClock::start())).unwrap();
    let (tasks, (asking, _asked)) = (TaskTracker::new(), mpsc::channel(1));
    let path = folder.path().join(SOCKET);
    tokio::select! {
        () = control.serve(&store, &tasks, &asking) => false,
        told = ask(waiting, &path, &Command::ListWorkspaces) => {
            matches!(told, Ok(Outcome::Workspaces { .. }))
        }
    }
}

#[tokio::test]
async fn who_asks_while_one_process_takes_over_from_another_waits_for_the_next() {
    let folder = TempDir::new().unwrap();
    let before = Control::at(folder.path(), None).unwrap();
    let shared = before.share().unwrap();
    drop(before);
    let waiting = UnixStream::connect(folder.path().join(SOCKET)).await.unwrap();
    let next = Control::at(folder.path(), Some(shared)).unwrap();
    assert!(is_answered(&folder, waiting, &next).await);
}

#[tokio::test]
async fn a_control_socket_whose_file_was_removed_is_bound_anew_by_whoever_takes_over() {
    let folder = TempDir::new().unwrap();
    let before = Control::at(folder.path(), None).unwrap();
    leave(folder.path());
    let next = Control::at(folder.path(), Some(before.share().unwrap())).unwrap();
    let waiting = UnixStream::connect(folder.path().join(SOCKET)).await.unwrap();
    assert!(is_answered(&folder, waiting, &next).await);
}

#[tokio::test]
async fn a_dead_control_socket_is_in_nobodys_way() {
    let folder = TempDir::new().unwrap();
    drop(Control::at(folder.path(), None).unwrap());
    assert!(UnixStream::connect(folder.path().join(SOCKET)).await.is_err(), "nobody listens");
    let next = Control::at(folder.path(), None).unwrap();
    let waiting = UnixStream::connect(folder.path().join(SOCKET)).await.unwrap();
    assert!(is_answered(&folder, waiting, &next).await);
}

#[tokio::test(start_paused = true)]
async fn who_connects_and_says_nothing_holds_up_no_stop() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path(), Arc::new(SystemClock::start())).unwrap();
    let (_silent, gateways) = UnixStream::pair().unwrap();
    let began = tokio::time::Instant::now();
    answer(gateways, store, mpsc::channel(1).0).await;
    assert_eq!(began.elapsed().as_secs(), LINE_TIMEOUT.as_secs());
}
