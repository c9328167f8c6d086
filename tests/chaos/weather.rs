//! The weather that a process lives in: its disk, its syncs, its power and its clock.
//!
//! `weather.c` does what is said here, between the process and the C library.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// The numbers of `struct weather`, in its order.
#[derive(Clone, Copy)]
enum Cell {
    Room,
    SyncFails,
    PowerFails,
    AheadMs,
    Seed,
    Refused,
    Syncs,
}

/// The weather of whatever is started in [`Weather::environment`].
pub(crate) struct Weather {
    _folder: TempDir,
    path: PathBuf,
    file: File,
}

impl Weather {
    /// Fair: room enough, syncs that work, the right time.
    pub(crate) fn fair(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL runs as another user.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("weather");
        std::fs::write(&path, [0; 64]).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let weather = Self { _folder: folder, path, file };
        for cell in [Cell::Room, Cell::SyncFails, Cell::PowerFails] {
            weather.set(cell, -1);
        }
        weather.set(Cell::Seed, i64::try_from(seed >> 8).unwrap());
        weather
    }

    /// What makes a process live in it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let library = library().to_str().unwrap().to_owned();
        let path = self.path.to_str().unwrap().to_owned();
        vec![("LD_PRELOAD".to_owned(), library), ("WEATHER".to_owned(), path)]
    }

    /// Files may grow by so many bytes from now on.
    pub(crate) fn leave_room(&self, bytes: u32) {
        self.set(Cell::Room, bytes.into());
    }

    /// Somebody freed the disk.
    pub(crate) fn free_the_disk(&self) {
        self.set(Cell::Room, -1);
    }

    /// Writes that found the disk full.
    pub(crate) fn refused(&self) -> i64 {
        self.get(Cell::Refused)
    }

    /// After so many more syncs one fails; the next works again, as Linux has it.
    pub(crate) fn fail_a_sync_after(&self, syncs: u32) {
        self.set(Cell::SyncFails, syncs.into());
    }

    /// Syncs that failed.
    pub(crate) fn failed_syncs(&self) -> i64 {
        self.get(Cell::Syncs)
    }

    /// After so many more syncs the power goes in the middle of one: of what was written and not
    /// synced some pages are there, some are not, and some are torn.
    pub(crate) fn cut_the_power_after(&self, syncs: u32, seed: u64) {
        self.set(Cell::Seed, i64::try_from(seed >> 8).unwrap());
        self.set(Cell::PowerFails, syncs.into());
    }

    /// The power is back.
    pub(crate) fn power_is_back(&self) {
        self.set(Cell::PowerFails, -1);
    }

    /// The wall clock shows so much more, or less, than the machine's.
    pub(crate) fn set_clock(&self, ahead_ms: i64) {
        self.set(Cell::AheadMs, ahead_ms);
    }

    fn set(&self, cell: Cell, to: i64) {
        self.file.write_all_at(&to.to_ne_bytes(), cell as u64 * 8).unwrap();
    }

    fn get(&self, cell: Cell) -> i64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, cell as u64 * 8).unwrap();
        i64::from_ne_bytes(bytes)
    }
}

/// `weather.c`, compiled: whoever builds the gateway has a C compiler, for its SQLite.
fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let library = folder.path().join("weather.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chaos/weather.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .args([source, "-ldl", "-lpthread"])
            .status()
            .expect("cc is there; `scripts/need cc libc-headers` installs it");
        assert!(compiled.success(), "weather.c does not compile");
        (folder, library)
    });
    library
}
