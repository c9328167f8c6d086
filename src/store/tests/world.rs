//! A store in a directory of its own, a clock that stands still, and one workspace.

use tempfile::TempDir;

use crate::clock::{ManualClock, Now};
use crate::id::{GrantId, RequestId};
use crate::ledger::{QuotaAsk, Weighed};

use super::super::ask::{Ask, Letter};
use super::*;

pub(super) const START_MS: i64 = 1_000_000;

pub(super) struct World {
    store: Option<Store>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) workspace: WorkspaceId,
    dir: TempDir,
}

impl World {
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Now { unix_ms: START_MS, tick_ms: 100_000_000 }));
        let store = open(dir.path(), &clock);
        let workspace = store.create_workspace("the shop".to_owned()).await.unwrap();
        Self { store: Some(store), clock, workspace, dir }
    }

    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Closes in good order and opens again.
    pub(super) async fn reopen(&mut self) {
        self.store.take().unwrap().close().await.unwrap();
        self.store = Some(open(self.dir(), &self.clock));
    }

    /// The same, with other bounds on answers.
    pub(super) async fn reopen_within(&mut self, bounds: config::Answers) {
        self.store.take().unwrap().close().await.unwrap();
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        self.store = Some(Store::open_within(self.dir(), clock, bounds).unwrap());
    }

    /// Closes after a failed commit and opens again.
    pub(super) async fn restart_poisoned(&mut self) {
        let closed = self.store.take().unwrap().close().await;
        assert!(matches!(closed, Err(StoreError::Poisoned)));
        self.store = Some(open(self.dir(), &self.clock));
    }

    /// The process dies; another one opens what it left.
    pub(super) async fn crash(&mut self) {
        let (crashed, heard) = channel();
        let store = self.store.take().unwrap();
        store.send(Ask::Crash(crashed), None).unwrap();
        tokio::task::spawn_blocking(move || heard.recv()).await.unwrap().unwrap();
        self.store = Some(open(self.dir(), &self.clock));
    }

    pub(super) fn meddle(&self, meddle: impl FnOnce(&Connection) + Send + 'static) {
        let ask = Ask::Meddle(Box::new(meddle));
        self.store().outbox.send(Letter { ask, _place: None }).unwrap();
    }

    /// Another connection, with nobody to mind it.
    pub(super) fn raw(&self) -> Connection {
        let database = Connection::open(self.dir().join("pixelgate.sqlite")).unwrap();
        database.pragma_update(None, "ignore_check_constraints", true).unwrap();
        database.busy_timeout(Duration::from_secs(5)).unwrap();
        database
    }

    pub(super) async fn count(&self, query: &'static str) -> i64 {
        self.store()
            .read(move |database| Ok(database.query_row(query, [], |row| row.get(0))?))
            .await
            .unwrap()
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
            policy_version: "p1".into(),
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
        let new = NewKey {
            workspace: self.workspace.clone(),
            name: "till".to_owned(),
            plan: "starter".to_owned(),
            scopes: vec!["images".to_owned()],
            mode: Mode::Test,
            expires_at_ms: None,
            prefix: None,
            joins_repeats: false,
        };
        self.store().create_key(new).await.unwrap()
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
        ..Receipt::begin(RequestId::known("req_one"), START_MS, "p1".into())
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
    }
}

fn open(dir: &Path, clock: &Arc<ManualClock>) -> Store {
    Store::open(dir, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}
