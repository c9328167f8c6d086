//! The ledger of one workspace, the newest entry first, with what it had after each.

use serde_json::{Value, json};

use crate::credits::Credits;
use crate::store::{EntryLine, Page};

use super::answer::{Answer, Listed, moment, place};
use super::refused::{self, Refused};
use super::{Admin, Call};

/// Where a page goes on: behind this entry, after which the workspace had so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    seq: i64,
    available: Credits,
    held: Credits,
}

impl Admin {
    pub(super) async fn entries(&self, call: &Call) -> Result<Answer, Refused> {
        let workspace = self.known_workspace(&call.name).await?;
        let limit = call.query.limit()?;
        let after = place(&call.query)?.map(|place| Place::read(&place)).transpose()?;
        let page = Page { after: after.map(|place| place.seq), limit: limit.saturating_add(1) };
        let lines = self.gateway.store.entries(workspace.id.as_str(), page).await?;
        let rows = run_down(lines, after).ok_or_else(refused::bad_cursor)?;
        Ok(Listed::of(rows, limit, |(_, next)| next.to_text(), |(row, _)| row).answer())
    }
}

impl Place {
    fn read(text: &str) -> Result<Self, Refused> {
        let mut numbers = text.split(':').map(str::parse::<i64>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or_else(refused::bad_cursor);
        let (seq, available, held) = (next()?, next()?, next()?);
        Ok(Self { seq, available: Credits::from_nanos(available), held: Credits::from_nanos(held) })
    }

    fn to_text(self) -> String {
        format!("{}:{}:{}", self.seq, self.available.nanos(), self.held.nanos())
    }

    /// Where the credits were before an entry.
    fn before(self, line: &EntryLine) -> Option<Self> {
        let move_back = |sum: Credits, account: &str| {
            let sum = if line.target == account { sum.minus(line.amount).ok()? } else { sum };
            if line.source == account { sum.plus(line.amount).ok() } else { Some(sum) }
        };
        Some(Self {
            seq: line.seq,
            available: move_back(self.available, "available")?,
            held: move_back(self.held, "held")?,
        })
    }
}

/// Each entry with what was there after it, and the place behind it. `None` when a sum cannot be
/// counted, which only a cursor that was made up comes to.
fn run_down(lines: Vec<EntryLine>, after: Option<Place>) -> Option<Vec<(Value, Place)>> {
    let now = lines.first().map(|line| Place {
        seq: line.seq,
        available: line.available_now,
        held: line.held_now,
    });
    let Some(mut there) = after.or(now) else { return Some(Vec::new()) };
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let row = shown(&line, there);
        there = there.before(&line)?;
        rows.push((row, there));
    }
    Some(rows)
}

fn shown(line: &EntryLine, after: Place) -> Value {
    json!({
        "number": line.seq,
        "at": moment(line.at_ms),
        "kind": line.kind,
        "from": line.source,
        "to": line.target,
        "amount": line.amount,
        "grant": line.grant,
        "hold": line.hold,
        "request": line.request,
        "key": line.key,
        "available_after": after.available,
        "held_after": after.held,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: i64, source: &str, target: &str, nanos: i64) -> EntryLine {
        EntryLine {
            seq,
            at_ms: 0,
            kind: "hold".to_owned(),
            source: source.to_owned(),
            target: target.to_owned(),
            amount: Credits::from_nanos(nanos),
            grant: "grant_1".to_owned(),
            hold: None,
            request: None,
            key: None,
            available_now: Credits::from_nanos(7),
            held_now: Credits::from_nanos(0),
        }
    }

    #[test]
    fn each_entry_shows_what_was_there_after_it_and_pages_go_on_where_they_stopped() {
        let all = vec![
            line(4, "held", "available", 1),
            line(3, "held", "spent", 3),
            line(2, "available", "held", 4),
            line(1, "issued", "available", 10),
        ];
        let after = |rows: &[(Value, Place)]| -> Vec<(String, String)> {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let pair = |(row, _): &(Value, Place)| {
                (text(&row["available_after"]), text(&row["held_after"]))
            };
            rows.iter().map(pair).collect()
        };
        let rows = run_down(all.clone(), None).unwrap();
        let nanos = |n: i64| Credits::from_nanos(n).to_string();
        let expected = [(7, 0), (6, 1), (6, 4), (10, 0)].map(|(a, h)| (nanos(a), nanos(h)));
        assert_eq!(after(&rows), expected);
        let place = Place::read(&rows[1].1.to_text()).unwrap();
        assert_eq!(after(&run_down(all[2..].to_vec(), Some(place)).unwrap()), expected[2..]);
        assert_eq!(rows[3].1, Place { seq: 1, available: Credits::ZERO, held: Credits::ZERO });
        assert!(Place::read("1:2").is_err() && Place::read("x").is_err());
    }
}
