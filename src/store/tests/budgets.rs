//! Credits that are taken back, budgets that stop, and what is to be told of them.

use crate::id::{AdjustmentId, GrantId};
use crate::ledger::{BudgetAsk, NewAdjustment, QuotaAsk};
use crate::notice::{Answer, Verdict};

use super::super::cells::Query;
use super::super::desk::Line;
use super::world::{World, credits, grant, receipt};
use super::*;

on_every_store! {
    credits_are_taken_back_once_with_a_reason_and_the_books_balance
    an_adjustment_that_its_entries_do_not_make_up_is_found
    a_budget_that_stops_is_never_held_or_spent_beyond_its_limit
    a_part_of_a_budget_that_is_spent_is_to_be_told_once_whatever_becomes_of_the_process
}

fn taken(world: &World, id: &str, whole: i64) -> NewAdjustment {
    NewAdjustment {
        id: AdjustmentId::known(id),
        workspace: world.workspace.clone(),
        grant: None,
        amount: credits(whole),
        memo: "granted by mistake".to_owned(),
    }
}

async fn credits_are_taken_back_once_with_a_reason_and_the_books_balance(mut world: World) {
    world.grant(10).await;
    world.hold("h1", 3).await.unwrap();
    world.store().adjust(taken(&world, "a1", 4)).await.unwrap();
    world.reopen().await;
    world.store().adjust(taken(&world, "a1", 4)).await.unwrap();
    let no = world.store().adjust(taken(&world, "a1", 1)).await.unwrap_err();
    assert!(matches!(no, StoreError::Ledger(LedgerError::IdReused)), "{no}");
    let no = world.store().adjust(taken(&world, "a2", 4)).await.unwrap_err();
    let left = LedgerError::Short { required: credits(4), remaining: credits(3) };
    assert!(matches!(&no, StoreError::Ledger(short) if *short == left), "{no}");
    let of_another = NewAdjustment { grant: Some(GrantId::known("g9")), ..taken(&world, "a2", 1) };
    let no = world.store().adjust(of_another).await.unwrap_err();
    assert!(matches!(no, StoreError::Ledger(LedgerError::UnknownGrant)), "{no}");
    let refund = NewGrant {
        source: "refund".to_owned(),
        memo: "a picture nobody wanted".to_owned(),
        ..grant(&world.workspace, "g2", 1)
    };
    world.store().grant(refund.clone()).await.unwrap();
    world.reopen().await;
    world.store().grant(refund).await.unwrap();
    world.settle("h1", 2).await.unwrap();
    let balance = world.balance().await;
    let parts = [balance.available, balance.spent, balance.expired];
    assert_eq!(parts, [credits(5), credits(2), credits(4)]);
    world.must_balance().await;
    let memos = "SELECT kind, memo, price_version FROM entry_line
                 WHERE kind IN ('adjust', 'grant', 'settle') ORDER BY seq";
    let told = world.store().rows(Line::Books, Query::same(memos), Vec::new(), |row| {
        let text = |column| Ok::<_, StoreError>(row.maybe_text(column)?.unwrap_or_default());
        Ok([text("kind")?, text("memo")?, text("price_version")?].join("|"))
    });
    let told = told.await.unwrap();
    assert_eq!(
        told,
        [
            "grant||",
            "adjust|granted by mistake|",
            "grant|a picture nobody wanted|",
            "settle||v1",
            "settle||v1"
        ]
    );
}

async fn an_adjustment_that_its_entries_do_not_make_up_is_found(world: World) {
    world.grant(10).await;
    world.store().adjust(taken(&world, "a1", 4)).await.unwrap();
    world.must_balance().await;
    world.run(
        "INSERT INTO adjustment (id, workspace, amount_nanos, memo, at_ms)
         VALUES ('a2', 'ws_lost', 5, 'never moved', 0)",
    );
    let report = world.store().verify().await.unwrap();
    assert_eq!(
        report.faults,
        ["an adjustment is not what its entries moved: a2: 5 said, 0 moved, of ws_lost"]
    );
}

/// A share of the budget `red` of so many credits, told of at 50 and 100 %.
fn red(weight: i64, limit: i64, stops: bool) -> QuotaAsk {
    let nanos = |whole| credits(whole).nanos().unsigned_abs();
    QuotaAsk {
        name: "red".to_owned(),
        subject: "budget/red/day/label:team=red".into(),
        unit: QuotaUnit::Credits,
        period: 0,
        weight: nanos(weight),
        each: 0,
        most: if stops { nanos(limit) } else { i64::MAX.unsigned_abs() },
        budget: Some(Box::new(BudgetAsk { limit: nanos(limit), alert_at: vec![50, 100] })),
    }
}

async fn hold_of(
    store: &Store,
    world: &World,
    id: &str,
    share: QuotaAsk,
) -> Result<Held, StoreError> {
    let whole = i64::try_from(share.weight / 1_000_000_000).unwrap();
    store.hold(HoldAsk { quotas: vec![share], ..world.ask(id, whole) }).await
}

async fn a_budget_that_stops_is_never_held_or_spent_beyond_its_limit(mut world: World) {
    world.grant(100).await;
    let hold =
        async |id: &str, whole| hold_of(world.store(), &world, id, red(whole, 10, true)).await;
    hold("h1", 6).await.unwrap();
    let no = hold("h2", 5).await.unwrap_err();
    let short = LedgerError::BudgetSpent {
        name: "red".to_owned(),
        most: credits(10).nanos().unsigned_abs(),
        used: credits(6).nanos().unsigned_abs(),
    };
    assert!(matches!(&no, StoreError::Ledger(spent) if *spent == short), "{no}");
    hold("h3", 4).await.unwrap();
    world.settle("h1", 2).await.unwrap();
    world.reopen().await;
    let hold =
        async |id: &str, whole| hold_of(world.store(), &world, id, red(whole, 10, true)).await;
    assert!(hold("h4", 5).await.is_err());
    hold("h4", 4).await.unwrap();
    world.void("h3").await.unwrap();
    hold("h5", 4).await.unwrap();
    assert!(hold("h6", 1).await.is_err());
    world.must_balance().await;
}

/// What is to be told, as `percent: spent of limit, by whom`.
async fn untold(store: &Store) -> Vec<String> {
    let untold = store.untold_alerts().await.unwrap();
    let said = untold.iter().map(|one| {
        let whole = |nanos: u64| nanos / 1_000_000_000;
        let (alert, said) = (&one.alert, if one.is_said { "said" } else { "unsaid" });
        let (spent, limit) = (whole(alert.spent), whole(alert.limit));
        format!("{}: {spent} of {limit}, {} {said} {}", alert.percent, alert.request, one.tries)
    });
    said.collect()
}

async fn a_part_of_a_budget_that_is_spent_is_to_be_told_once_whatever_becomes_of_the_process(
    mut world: World,
) {
    world.grant(100).await;
    for (id, price) in [("h1", 4), ("h2", 4), ("h3", 1)] {
        hold_of(world.store(), &world, id, red(9, 10, false)).await.unwrap();
        world.settle(id, price).await.unwrap();
        // What is only held is not spent.
        let told = if id == "h1" { vec![] } else { vec!["50: 8 of 10, req_one unsaid 0"] };
        assert_eq!(untold(world.store()).await, told);
    }
    world.crash().await;
    let [fifty] = &world.store().untold_alerts().await.unwrap()[..] else { panic!("it is lost") };
    world.store().note_alert(AlertTried::Said(fifty.id.clone())).await.unwrap();
    let tried = |verdict| {
        let answer = Some(Tried::word(Answer::TimedOut));
        AlertTried::Told(Tried { id: fifty.id.clone(), tries: 1, answer, verdict })
    };
    let again = tried(Verdict::Again { at_ms: world::START_MS + 5 });
    world.store().note_alert(again).await.unwrap();
    world.reopen().await;
    assert_eq!(untold(world.store()).await, ["50: 8 of 10, req_one said 1"]);
    world.store().note_alert(tried(Verdict::Told)).await.unwrap();
    hold_of(world.store(), &world, "h4", red(9, 10, false)).await.unwrap();
    let dear = Receipt { images: 2, ..receipt() };
    world.store().settle(HoldId::known("h4"), credits(9), dear).await.unwrap();
    assert_eq!(untold(world.store()).await, ["100: 18 of 10, req_one unsaid 0"]);
    world.reopen().await;
    hold_of(world.store(), &world, "h5", red(9, 10, false)).await.unwrap();
    world.settle("h5", 9).await.unwrap();
    assert_eq!(untold(world.store()).await, ["100: 18 of 10, req_one unsaid 0"], "once");
    world.must_balance().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_at_once_on_three_nodes_a_budget_for_ten_lets_ten_pass() {
    let world = World::shared().await;
    world.grant(1_000).await;
    let nodes = [world.store().clone(), world.other_node().await, world.other_node().await];
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let store = nodes[number % 3].clone();
        let quotas = vec![red(1, 10, true)];
        let ask = HoldAsk { quotas, ..world.ask(&format!("h{number}"), 1) };
        tasks.spawn(async move {
            let hold = ask.hold.clone();
            store.hold(ask).await?;
            store.settle(hold, credits(1), receipt()).await
        });
    }
    let verdicts = tasks.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 10);
    for refused in verdicts.into_iter().filter_map(Result::err) {
        assert!(
            matches!(refused, StoreError::Ledger(LedgerError::BudgetSpent { .. })),
            "{refused}"
        );
    }
    let mut told = Vec::new();
    for node in &nodes {
        told.extend(node.untold_alerts().await.unwrap().into_iter().map(|one| one.alert.percent));
    }
    told.sort_unstable();
    assert_eq!(told, [50, 100], "each is one node's to tell");
    world.must_balance().await;
}
