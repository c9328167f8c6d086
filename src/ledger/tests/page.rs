//! The day that `docs/money.md` shows is a day that the ledger wrote. `UPDATE_GOLDENS=1` writes it
//! anew; read the difference.

use std::fmt::Write as _;
use std::path::Path;

use super::super::*;
use super::histories::{ask, grant_of, now};

const HOUR_MS: i64 = 3_600_000;
const BEGIN: &str = "<!-- the day, written by a test -->\n";
const END: &str = "<!-- the end of the day -->\n";

/// One day of a workspace: a pack is bought, a month's credits are spent first, a picture costs less
/// than was held, one is refused, one is lost in a crash, a mistake is put right and a picture refunded,
/// and at midnight the month's credits end.
fn day() -> Vec<(i64, Entry)> {
    let credits = |text: &str| text.parse::<Credits>().unwrap().nanos();
    let mut ledger = Ledger::default();
    let mut day: Vec<Entry> = Vec::new();
    let month = NewGrant {
        source: "plan".to_owned(),
        ..grant_of("month", credits("2"), &["prio=5", "until=86400000"])
    };
    let pack = NewGrant { source: "pack".to_owned(), ..grant_of("pack", credits("10"), &[]) };
    let hold = |id: &str, amount: &str, hour: i64| {
        let mut ask = ask(id, credits(amount), (hour + 1) * HOUR_MS, Vec::new());
        ask.request = crate::id::RequestId::known(id);
        ask
    };
    let mut wrote = |changes: Changes| day.extend(changes.entries);
    wrote(ledger.grant(&month, now(0)).unwrap().changes);
    wrote(ledger.grant(&pack, now(9 * HOUR_MS)).unwrap().changes);
    wrote(ledger.hold(&hold("fox", "3", 10), now(10 * HOUR_MS)).unwrap().changes);
    let fox = HoldId::known("fox");
    let price = Credits::from_nanos(credits("2.5"));
    wrote(ledger.settle(&fox, price, 1, now(10 * HOUR_MS)).unwrap().changes);
    wrote(ledger.hold(&hold("owl", "1", 11), now(11 * HOUR_MS)).unwrap().changes);
    wrote(ledger.void(&HoldId::known("owl"), now(11 * HOUR_MS)).unwrap().changes);
    wrote(ledger.hold(&hold("elk", "1", 12), now(12 * HOUR_MS)).unwrap().changes);
    wrote(ledger.sweep(now(13 * HOUR_MS)).unwrap().changes);
    let small = NewGrant {
        source: "promo".to_owned(),
        ..grant_of("gift", credits("0.25"), &["until=86400000", "promo"])
    };
    wrote(ledger.grant(&small, now(14 * HOUR_MS)).unwrap().changes);
    let mistake = NewAdjustment {
        id: AdjustmentId::known("mistake"),
        workspace: WorkspaceId::known("ws_one"),
        grant: Some(GrantId::known("pack")),
        amount: Credits::from_nanos(credits("0.5")),
        memo: "half a credit too many".to_owned(),
    };
    wrote(ledger.adjust(&mistake, now(15 * HOUR_MS)).unwrap().changes);
    let refund =
        NewGrant { source: "refund".to_owned(), ..grant_of("refund", credits("0.5"), &[]) };
    wrote(ledger.grant(&refund, now(16 * HOUR_MS)).unwrap().changes);
    wrote(ledger.sweep(now(24 * HOUR_MS)).unwrap().changes);
    let balance = ledger.balance(&WorkspaceId::known("ws_one"));
    assert_eq!(balance.available.nanos(), credits("9.5"));
    day.into_iter().map(|entry| (entry.at_ms, entry)).collect()
}

fn table() -> String {
    let mut table = String::from(
        "| time | what | request | grant | from | to | credits |\n|---|---|---|---|---|---|---|\n",
    );
    for (at_ms, entry) in day() {
        let request = entry.request.map(|request| request.to_string()).unwrap_or_default();
        let (from, to) = (entry.source.name(), entry.target.name());
        let hour = at_ms / HOUR_MS;
        writeln!(
            table,
            "| {hour:02}:00 | {} | {request} | {} | {from} | {to} | {} |",
            entry.kind.name(),
            entry.grant,
            entry.amount
        )
        .unwrap();
    }
    table
}

#[test]
fn the_day_that_the_page_shows_is_the_day_that_the_ledger_writes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/money.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let table = format!("\n{}\n", table());
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(shown, table);
    }
}

/// Every row of the failure table names the test that holds it.
#[test]
fn every_test_that_the_failure_table_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/money.md")).unwrap();
    let (_, table) = page.split_once("## What a failure costs").unwrap();
    let named: Vec<&str> = table
        .lines()
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| ") && line.ends_with("` |"))
        .filter_map(|line| line.rsplit('`').nth(1))
        .collect();
    assert!(named.len() >= 12, "{named:?}");
    let mut sources = String::new();
    gather(&root.join("tests/it"), &mut sources);
    gather(&root.join("src/store"), &mut sources);
    for test in named {
        assert!(sources.contains(&format!("fn {test}(")), "no test is called {test}");
    }
}

fn gather(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}
