//! What the documentation of five services prints, run as it stands but for host and key.
//!
//! `tests/fixtures/seeds/README.md` says how a fixture is read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The printed examples of one service, and the answers printed beside them.
pub(crate) struct Seed {
    folder: PathBuf,
    host: String,
    key: String,
    used: RefCell<BTreeSet<String>>,
}

impl Seed {
    pub(crate) fn open(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/seeds").join(name);
        let printed = std::fs::read(folder.join("seed.json")).unwrap();
        let printed: Value = serde_json::from_slice(&printed).unwrap();
        let text = |name: &str| printed[name].as_str().unwrap().to_owned();
        let used = BTreeSet::from(["seed.json".to_owned()]);
        Self { folder, host: text("host"), key: text("key"), used: RefCell::new(used) }
    }

    /// An example with this host and this key in place of those that are printed.
    pub(crate) fn example(&self, file: &str, host: &str, key: &str) -> String {
        let printed = self.read(file);
        assert!(printed.contains(&self.host), "{file} calls another host than {}", self.host);
        printed.replace(&self.host, host).replace(&self.key, key)
    }

    fn read(&self, file: &str) -> String {
        self.used.borrow_mut().insert(file.to_owned());
        std::fs::read_to_string(self.folder.join(file))
            .unwrap_or_else(|fault| panic!("cannot read {file}: {fault}"))
    }
}
