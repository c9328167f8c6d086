//! Credits that come with a plan each month: one grant for a workspace and month, which goes at the
//! month's end.
//!
//! The month is the UTC month. The grant's name says whose and which, so that asking for it any
//! number of times is one grant; when the plan's amount grows inside a month, the difference is
//! granted under the next number. Nothing is ever taken back.

use time::{Date, OffsetDateTime};

use crate::clock::Now;
use crate::credits::Credits;
use crate::id::{GrantId, WorkspaceId};

use super::ask::{Changes, LedgerError, NewGrant};
use super::{Ledger, PRIORITY_USUAL};

/// Where grants of allowances say they come from.
pub const ALLOWANCE_SOURCE: &str = "plan";

/// How often the allowance of one month may grow.
const PARTS_MAX: u32 = 100;

/// A UTC month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// Its name, such as `2026-11`.
    pub name: String,
    /// Its first moment, in milliseconds since the Unix epoch.
    pub begins_at_ms: i64,
    /// The first moment after it.
    pub ends_at_ms: i64,
}

impl Month {
    /// The month of this moment; `None` outside the years that have one.
    pub fn of(now: Now) -> Option<Self> {
        let today = OffsetDateTime::from_unix_timestamp(now.unix_seconds()).ok()?.date();
        let first = today.replace_day(1).ok()?;
        let month = first.month().next();
        let is_january = month == time::Month::January;
        let year = first.year().checked_add(i32::from(is_january))?;
        let next = Date::from_calendar_date(year, month, 1);
        Some(Self {
            name: format!("{:04}-{:02}", first.year(), u8::from(first.month())),
            begins_at_ms: begins_at_ms(first)?,
            ends_at_ms: begins_at_ms(next.ok()?)?,
        })
    }
}

fn begins_at_ms(day: Date) -> Option<i64> {
    day.midnight().assume_utc().unix_timestamp().checked_mul(1000)
}

impl Ledger {
    /// Sees to it that a workspace has been given so many credits for this month: all of them the
    /// first time, the difference when they have become more, nothing otherwise.
    pub fn renew(
        &mut self,
        workspace: &WorkspaceId,
        monthly: Credits,
        month: &Month,
        now: Now,
    ) -> Result<Changes, LedgerError> {
        let mut given = Credits::ZERO;
        for part in 1..=PARTS_MAX {
            let id = part_id(workspace, month, part);
            if let Some(known) = self.grants.find(&id) {
                given = given.plus(known.new.amount)?;
                continue;
            }
            let missing = monthly.minus(given)?;
            if missing <= Credits::ZERO {
                break;
            }
            let new = NewGrant {
                id,
                workspace: workspace.clone(),
                amount: missing,
                source: ALLOWANCE_SOURCE.to_owned(),
                priority: PRIORITY_USUAL,
                promotional: false,
                effective_at_ms: month.begins_at_ms,
                expires_at_ms: Some(month.ends_at_ms),
                memo: String::new(),
            };
            return Ok(self.grant(&new, now)?.changes);
        }
        Ok(Changes::default())
    }
}

/// `allowance/<workspace>/<month>`, and with a number behind it for what was added later.
fn part_id(workspace: &WorkspaceId, month: &Month, part: u32) -> GrantId {
    let first = format!("allowance/{workspace}/{}", month.name);
    GrantId::known(&if part == 1 { first } else { format!("{first}/{part}") })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

    use proptest::prelude::*;

    use super::*;
    use crate::id::{HoldId, KeyId, RequestId};
    use crate::ledger::{Entry, HoldAsk, Weighed};

    /// 2026-11-21T10:00:00Z
    const NOVEMBER_MS: i64 = 1_795_255_200_000;
    const DAY_MS: i64 = 86_400_000;

    const fn at(unix_ms: i64) -> Now {
        Now { unix_ms, tick_ms: 0 }
    }

    fn whole(credits: i64) -> Credits {
        Credits::from_whole(credits).unwrap()
    }

    fn shop() -> WorkspaceId {
        WorkspaceId::known("ws_shop")
    }

    fn renew(ledger: &mut Ledger, credits: i64, now: Now) -> Vec<Entry> {
        let month = Month::of(now).unwrap();
        ledger.renew(&shop(), whole(credits), &month, now).unwrap().entries
    }

    fn hold(ledger: &mut Ledger, id: &str, credits: i64, now: Now) -> Vec<String> {
        let ask = HoldAsk {
            hold: HoldId::known(id),
            workspace: shop(),
            key: KeyId::known("key_one"),
            request: RequestId::known("req_one"),
            amount: whole(credits),
            expires_at_ms: now.unix_ms + 60_000,
            quotas: Vec::new(),
            price_version: None,
            policy_version: "p1".into(),
            weighs: Weighed::default(),
        };
        let entries = ledger.hold(&ask, now).unwrap().changes.entries;
        entries.into_iter().map(|entry| entry.grant.to_string()).collect()
    }

    #[test]
    fn a_month_is_from_its_first_midnight_to_the_next_ones() {
        let names = [
            (NOVEMBER_MS, "2026-11"),
            (NOVEMBER_MS + 10 * DAY_MS, "2026-12"),
            (NOVEMBER_MS + 41 * DAY_MS, "2027-01"),
        ];
        for (ms, name) in names {
            let month = Month::of(at(ms)).unwrap();
            assert_eq!(month.name, name);
            assert_eq!(Month::of(at(month.begins_at_ms)).unwrap(), month);
            assert_eq!(Month::of(at(month.ends_at_ms - 1)).unwrap(), month);
            assert_ne!(Month::of(at(month.ends_at_ms)).unwrap(), month);
        }
        assert_eq!(Month::of(at(i64::MAX)), None);
    }

    #[test]
    fn a_month_is_granted_once_and_the_next_anew() {
        let mut ledger = Ledger::default();
        let first = renew(&mut ledger, 500, at(NOVEMBER_MS));
        assert_eq!(first.first().unwrap().grant.as_str(), "allowance/ws_shop/2026-11");
        assert!(renew(&mut ledger, 500, at(NOVEMBER_MS + DAY_MS)).is_empty());
        assert_eq!(ledger.balance(&shop()).granted, whole(500));
        let december = at(NOVEMBER_MS + 10 * DAY_MS);
        assert_eq!(renew(&mut ledger, 500, december).len(), 1);
        assert_eq!(ledger.spendable(&shop(), december).unwrap(), whole(500));
    }

    #[test]
    fn what_a_month_leaves_is_gone_at_its_end() {
        let mut ledger = Ledger::default();
        renew(&mut ledger, 500, at(NOVEMBER_MS));
        let end = at(Month::of(at(NOVEMBER_MS)).unwrap().ends_at_ms);
        assert_eq!(ledger.spendable(&shop(), end).unwrap(), Credits::ZERO);
        ledger.sweep(end).unwrap();
        assert_eq!(ledger.balance(&shop()).expired, whole(500));
    }

    #[test]
    fn a_larger_plan_adds_the_difference_and_a_smaller_one_takes_nothing() {
        let mut ledger = Ledger::default();
        renew(&mut ledger, 50, at(NOVEMBER_MS));
        let more = renew(&mut ledger, 500, at(NOVEMBER_MS));
        let more = more.first().unwrap();
        assert_eq!((more.grant.as_str(), more.amount), ("allowance/ws_shop/2026-11/2", whole(450)));
        assert!(renew(&mut ledger, 50, at(NOVEMBER_MS)).is_empty());
        assert!(renew(&mut ledger, 500, at(NOVEMBER_MS)).is_empty());
        assert_eq!(ledger.balance(&shop()).granted, whole(500));
    }

    #[test]
    fn the_allowance_is_spent_before_a_pack_that_lasts() {
        let mut ledger = Ledger::default();
        let pack = NewGrant {
            id: GrantId::known("pack"),
            workspace: shop(),
            amount: whole(100),
            source: "pack".to_owned(),
            priority: PRIORITY_USUAL,
            promotional: false,
            effective_at_ms: 0,
            expires_at_ms: None,
            memo: String::new(),
        };
        ledger.grant(&pack, at(NOVEMBER_MS)).unwrap();
        renew(&mut ledger, 50, at(NOVEMBER_MS));
        let monthly = "allowance/ws_shop/2026-11";
        assert_eq!(hold(&mut ledger, "h1", 30, at(NOVEMBER_MS)), [monthly]);
        assert_eq!(hold(&mut ledger, "h2", 30, at(NOVEMBER_MS)), [monthly, "pack"]);
    }

    proptest! {
        #[test]
        fn however_often_and_however_much_a_month_never_gives_more_than_the_most_that_was_asked(
            asks in prop::collection::vec((0_i64..2_000, 0_i64..70), 1..60),
        ) {
            let mut ledger = Ledger::default();
            let mut most = std::collections::BTreeMap::<String, i64>::new();
            for (credits, day) in asks {
                let now = at(NOVEMBER_MS + day * DAY_MS);
                renew(&mut ledger, credits, now);
                let name = Month::of(now).unwrap().name;
                let known = most.entry(name).or_default();
                *known = credits.max(*known);
                let balance = ledger.balance(&shop());
                prop_assert!(balance.balances());
                prop_assert_eq!(balance.granted, whole(most.values().sum()));
            }
        }
    }
}
