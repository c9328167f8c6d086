//! The same books say the same to finance, wherever they are kept: rows that are equal are written
//! as equal bytes.

use std::collections::BTreeMap;

use crate::canonical::{Quality, RefusalKind, Size, Sketch};
use crate::credits::Cost;
use crate::finance::{Day, Exposure, Focus, Row, Span, Statement, UsageLine};
use crate::id::{AdjustmentId, RequestId};
use crate::ledger::NewAdjustment;
use crate::receipt::ReceiptCaller;

use super::world::{Place, START_MS, World, credits, grant, receipt};
use super::*;

/// A world whose workspace is called the same wherever it is.
async fn world(place: Place) -> World {
    let mut world = World::at(place).await;
    world.run("UPDATE workspace SET id = 'ws_same'");
    world.workspace = WorkspaceId::known("ws_same");
    world.reopen().await;
    world
}

fn bought(world: &World, id: &str) -> Receipt {
    let labels = [("team", "red"), ("note", "ümlaut, \"quoted\"")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Receipt {
        request_id: RequestId::known(&format!("req_{id}")),
        caller: Some(ReceiptCaller {
            workspace: world.workspace.clone(),
            key: KeyId::known("key_one"),
            plan: "open".to_owned(),
            test: id == "h4",
        }),
        dialect: "openai",
        operation: Some("generate"),
        model: Some("paint".to_owned()),
        vendor: Some("acme".to_owned()),
        offering: Some("acme/paint".to_owned()),
        size: Some(Size::new(64, 32)),
        quality: Some(Quality::High),
        labels: BTreeMap::from(labels),
        cost: Cost::from_nanos(1_250_000),
        attempts: 2,
        price_version: Some("2026-03-01".into()),
        cost_version: Some("2026-02-01".into()),
        sketch: Some(Box::new(Sketch { dice: u64::MAX, ..Sketch::default() })),
        ..receipt()
    }
}

/// Two days of a workspace: every kind of entry, grants whose sources sort by their bytes, a test,
/// exposures of both kinds, and a refusal.
async fn play(world: &World) {
    let store = world.store();
    for (id, source) in [("g1", "pack"), ("g2", "Pack"), ("g3", "ümlaut"), ("g4", "zeta")] {
        let new = NewGrant { source: source.to_owned(), ..grant(&world.workspace, id, 10) };
        store.grant(new).await.unwrap();
    }
    let brief = NewGrant {
        expires_at_ms: Some(START_MS + 3_600_000),
        priority: 9,
        ..grant(&world.workspace, "g5", 1)
    };
    store.grant(brief).await.unwrap();
    for (id, price) in [("h1", 3), ("h2", 4), ("h3", 0), ("h4", 2)] {
        world.hold(id, 5).await.unwrap();
        store.settle(HoldId::known(id), credits(price), bought(world, id)).await.unwrap();
    }
    world.hold("h5", 1).await.unwrap();
    let unknown = Receipt { outcome_unknown: true, images: 0, ..bought(world, "h5") };
    store.void(HoldId::known("h5"), unknown).await.unwrap();
    world.hold("h6", 1).await.unwrap();
    let taken = NewAdjustment {
        id: AdjustmentId::known("a1"),
        workspace: world.workspace.clone(),
        grant: None,
        amount: credits(6),
        memo: "by mistake".to_owned(),
    };
    store.adjust(taken).await.unwrap();
    let refusal = Some(RefusalKind::ModelUnknown);
    assert!(store.note(Receipt { refusal, images: 0, ..receipt() }));
    // What waits for its turn would be thirty hours late.
    world.balance().await;
    world.clock.advance(Duration::from_hours(30));
    store.sweep().await.unwrap();
    let late = Receipt { unix_ms: START_MS + 108_000_000, ..bought(world, "h7") };
    assert!(store.note(late));
    world.balance().await;
    world.must_balance().await;
}

/// Everything that finance reads of a span, as rows.
async fn told(books: &Books, span: Span) -> [Vec<Row>; 4] {
    let mut lines: Vec<UsageLine> = Vec::new();
    let mut take = |line: UsageLine| {
        lines.push(line);
        Ok::<_, StoreError>(())
    };
    books.usage(span, &mut take).await.unwrap();
    let focus = Focus { issuer: "Acme".to_owned(), worth: None };
    let charges = lines.iter().filter_map(|line| focus.row(line).unwrap()).collect();
    let exposures = books.exposures(span).await.unwrap().into_iter().map(Exposure::row).collect();
    let statements = books.statements(span).await.unwrap();
    let statements = statements.into_iter().flat_map(Statement::rows).collect();
    [lines.into_iter().map(UsageLine::row).collect(), charges, exposures, statements]
}

#[tokio::test]
async fn finance_reads_the_same_of_the_same_books_on_either_store() {
    let (embedded, shared) = (world(Place::folder()).await, world(Place::database()).await);
    play(&embedded).await;
    play(&shared).await;
    let ours = Books::open(embedded.dir()).unwrap();
    let theirs = Books::open_at(Address::new(shared.url(), None).unwrap()).await.unwrap();
    let (own, other) = (ours.recorded(0, i64::MAX).await, theirs.recorded(0, i64::MAX).await);
    let (own, other) = (own.unwrap(), other.unwrap());
    assert_eq!(own, other);
    assert!(own.iter().any(|one| one.sketch.as_ref().is_some_and(|s| s.dice == u64::MAX)));
    for (since, until) in [(0, 9), (0, 1), (1, 2), (5, 6)] {
        let span = Span { since: Day(since), until: Day(until) };
        let (own, other) = (told(&ours, span).await, told(&theirs, span).await);
        assert_eq!(own, other, "{since} to {until}");
        let counts = own.map(|rows| rows.len());
        match since {
            0 if until == 9 => assert_eq!(counts, [7, 6, 2, 11]),
            5 => assert_eq!(counts[..3], [0, 0, 0]),
            _ => {}
        }
    }
}
