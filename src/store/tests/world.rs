//! A store in a directory of its own, a clock that stands still, and one workspace.

use tempfile::TempDir;

use crate::clock::{ManualClock, Now};
use crate::id::{GrantId, RequestId};
use crate::ledger::{NewGrant, QuotaAsk, Weighed};

use super::super::ask::{Ask, Meddling};
use super::super::cells::{Cells, Query};
use super::super::desk::Line;
use super::server::{database_of, server};
use super::*;

pub(super) const START_MS: i64 = 1_000_000;

/// How long a lock of a folder may outlive its store.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct World {
    store: Option<Store>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) workspace: WorkspaceId,
    place: Place,
}

/// Where a store is.
pub(super) enum Place {
    Folder(TempDir),
    /// The address of a database.
    Database(String),
}

impl Place {
    pub(super) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    pub(super) fn database() -> Self {
        Self::Database(server().new_database())
    }

    /// Opens the store by a clock that stands still, which is believed.
    pub(super) async fn open(&self, clock: &Arc<ManualClock>, bounds: config::Answers) -> Store {
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        let begun = tokio::time::Instant::now();
        match self {
            Self::Folder(dir) => loop {
                match Store::open_within(
                    dir.path(),
                    Arc::clone(&clock),
                    Opening { answers: bounds, reserve_bytes: 0, will: None },
                ) {
                    // A program that another test is just starting has a copy of every open file
                    // until it runs, of the lock too.
                    Err(StoreError::Locked { .. }) if begun.elapsed() < PATIENCE => {
                        tokio::task::yield_now().await;
                    }
                    opened => break opened.unwrap(),
                }
            },
            Self::Database(url) => {
                let address = Address::new(url, None).unwrap();
                Store::open_at(address, (clock, true), bounds).await.unwrap()
            }
        }
    }
}

impl World {
    /// One on an embedded store.
    pub(super) async fn new() -> Self {
        Self::at(Place::folder()).await
    }

    /// One on a database that others may share.
    pub(super) async fn shared() -> Self {
        Self::at(Place::database()).await
    }

    pub(super) async fn at(place: Place) -> Self {
        let clock = Arc::new(ManualClock::at(Now { unix_ms: START_MS, tick_ms: 100_000_000 }));
        let store = place.open(&clock, USUAL_BOUNDS).await;
        let workspace = store.create_workspace("the shop".to_owned()).await.unwrap();
        Self { store: Some(store), clock, workspace, place }
    }

    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub(super) fn dir(&self) -> &Path {
        match &self.place {
            Place::Folder(dir) => dir.path(),
            Place::Database(_) => panic!("a shared store has no folder"),
        }
    }

    /// The address of the database.
    pub(super) fn url(&self) -> &str {
        match &self.place {
            Place::Folder(_) => panic!("an embedded store has no address"),
            Place::Database(url) => url,
        }
    }

    /// Runs a statement behind everyone's back.
    pub(super) fn run(&self, statement: &str) {
        match &self.place {
            Place::Folder(_) => self.raw().execute_batch(statement).unwrap(),
            Place::Database(url) => drop(server().run(database_of(url), statement)),
        }
    }

    /// One more node on the same database.
    pub(super) async fn other_node(&self) -> Store {
        self.place.open(&self.clock, USUAL_BOUNDS).await
    }

    /// Closes in good order and opens again.
    pub(super) async fn reopen(&mut self) {
        self.reopen_within(USUAL_BOUNDS).await;
    }

    /// The same, with other bounds on answers.
    pub(super) async fn reopen_within(&mut self, bounds: config::Answers) {
        self.store.take().unwrap().close().await.unwrap();
        self.store = Some(self.place.open(&self.clock, bounds).await);
    }

    /// Closes after a failed commit and opens again.
    pub(super) async fn restart_poisoned(&mut self) {
        let closed = self.store.take().unwrap().close().await;
        assert!(matches!(closed, Err(StoreError::Poisoned)));
        self.store = Some(self.place.open(&self.clock, USUAL_BOUNDS).await);
    }

    /// The process dies; another one opens what it left.
    pub(super) async fn crash(&mut self) {
        let (crashed, heard) = channel();
        let store = self.store.take().unwrap();
        let run = store.run;
        store.send(Ask::Crash(crashed), None).unwrap();
        tokio::task::spawn_blocking(move || heard.recv()).await.unwrap().unwrap();
        drop(store);
        if let Place::Database(_) = &self.place {
            let client = self.client().await;
            let connections = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'pixelgate'";
            // What it had sent is done by then: no late beat makes it live.
            while client.query_one(connections, &[]).await.unwrap().get::<_, i64>(0) > 0 {
                tokio::task::yield_now().await;
            }
            // A day goes by, after which it is buried.
            client.execute("DELETE FROM node WHERE run = $1", &[&run]).await.unwrap();
        }
        self.store = Some(self.place.open(&self.clock, USUAL_BOUNDS).await);
    }

    /// Answers that are kept beside their rows.
    pub(super) async fn files(&self) -> usize {
        match &self.place {
            Place::Folder(dir) => std::fs::read_dir(dir.path().join("answers")).unwrap().count(),
            Place::Database(_) => {
                usize::try_from(self.count("SELECT count(*) AS n FROM answer").await).unwrap()
            }
        }
    }

    pub(super) fn meddle(&self, meddle: impl FnOnce(&Connection) + Send + 'static) {
        let meddle: Meddling = Box::new(meddle);
        let ask = Ask::Meddle(Arc::new(parking_lot::Mutex::new(Some(meddle))));
        self.store().send(ask, None).unwrap();
    }

    /// Another connection, with nobody to mind it.
    pub(super) fn raw(&self) -> Connection {
        let database = Connection::open(self.dir().join("pixelgate.sqlite")).unwrap();
        database.pragma_update(None, "ignore_check_constraints", true).unwrap();
        database.busy_timeout(Duration::from_secs(5)).unwrap();
        database
    }

    pub(super) async fn count(&self, query: &'static str) -> i64 {
        let counted = |row: &dyn Cells| row.number("n");
        let found = self.store().rows(Line::Books, Query::same(query), Vec::new(), counted).await;
        found.unwrap()[0]
    }

    /// Open holds, by their rows: what is told of a shared store is a few seconds old.
    pub(super) async fn open_holds(&self) -> i64 {
        let open = self.count("SELECT count(*) AS n FROM hold WHERE state = 'open'").await;
        if matches!(self.place, Place::Folder(_)) {
            assert_eq!(i64::try_from(self.store().open_holds()), Ok(open));
        }
        open
    }

    pub(super) async fn grant(&self, whole: i64) {
        let new = grant(&self.workspace, "g1", whole);
        self.store().grant(new).await.unwrap();
    }

    pub(super) fn ask(&self, id: &str, whole: i64) -> HoldAsk {
        HoldAsk {
            hold: HoldId::known(id),
            workspace: self.workspace.clone(),
            key: KeyId::known("key_one"),
            request: RequestId::known("req_one"),
            amount: credits(whole),
            expires_at_ms: START_MS + 300_000,
            quotas: Vec::new(),
            policy_version: "policy_p1".into(),
            weighs: Weighed::default(),
            price_version: Some("v1".into()),
        }
    }

    pub(super) async fn hold(&self, id: &str, whole: i64) -> Result<Held, StoreError> {
        self.store().hold(self.ask(id, whole)).await
    }

    pub(super) async fn settle(&self, id: &str, whole: i64) -> Result<Settled, StoreError> {
        let price = credits(whole);
        let receipt = receipt();
        self.store().settle(HoldId::known(id), price, receipt).await
    }

    pub(super) async fn void(&self, id: &str) -> Result<(), StoreError> {
        self.store().void(HoldId::known(id), receipt()).await
    }

    pub(super) async fn balance(&self) -> Balance {
        let balance = self.store().balance(&self.workspace).await.unwrap();
        assert!(balance.balances(), "{balance:?}");
        balance
    }

    pub(super) async fn quota_used(&self) -> u64 {
        let quota = pictures_of_the_day(0);
        self.store().quota_used(quota.subject, quota.unit, quota.period).await.unwrap()
    }

    pub(super) async fn create_key(&self) -> (KeyId, String) {
        self.store().create_key(self.new_key("till")).await.unwrap()
    }

    pub(super) fn new_key(&self, name: &str) -> NewKey {
        NewKey {
            workspace: self.workspace.clone(),
            name: name.to_owned(),
            plan: "starter".to_owned(),
            scopes: vec!["images".to_owned()],
            mode: Mode::Test,
            expires_at_ms: None,
            prefix: None,
            joins_repeats: false,
        }
    }

    pub(super) async fn must_balance(&self) {
        let report = self.store().verify().await.unwrap();
        assert_eq!(report.faults, Vec::<String>::new());
    }
}

pub(super) fn receipt() -> Receipt {
    Receipt {
        images_asked: 1,
        images: 1,
        pixels_asked: 200,
        ..Receipt::begin(RequestId::known("req_one"), START_MS, "policy_p1".into())
    }
}

pub(super) fn credits(whole: i64) -> Credits {
    Credits::from_whole(whole).unwrap()
}

pub(super) fn grant(workspace: &WorkspaceId, id: &str, whole: i64) -> NewGrant {
    NewGrant {
        id: GrantId::known(id),
        workspace: workspace.clone(),
        amount: credits(whole),
        source: "manual".to_owned(),
        priority: 0,
        promotional: false,
        effective_at_ms: 0,
        expires_at_ms: None,
        memo: String::new(),
    }
}

pub(super) fn pictures_of_the_day(weight: u64) -> QuotaAsk {
    QuotaAsk {
        name: "pictures a day".to_owned(),
        subject: "key_one".into(),
        unit: QuotaUnit::Images,
        period: 0,
        weight,
        each: 0,
        most: 100,
        budget: None,
    }
}
