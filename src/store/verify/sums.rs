//! One pass over the embedded store's tables that proves what entries, holds, grants and usage rows say
//! of each other, without sorting any of them.
//!
//! What must agree for each of millions of holds is compared as one sum: every hold has a weight, drawn
//! anew for each proof, and a side is the sum of weight times nano-credits. Sides that agree hold by hold
//! have the same sum; sides that do not have it by chance once in 2^64 proofs. Where sums differ, the
//! queries of `faults` say what is wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use rusqlite::types::{FromSqlError, ValueRef};
use rusqlite::{Connection, Row};

/// What the pass proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    /// Entries are numbered from one without a gap.
    Numbering,
    /// Every entry is a transfer that the ledger makes.
    Transfers,
    /// Adjustments are what their entries moved.
    Adjustments,
    /// Grants are where their entries put them.
    Grants,
    /// Holds ended once, in the way that they say.
    Holds,
    /// What was spent is what the usage rows charged.
    Usage,
}

/// What the pass found wrong, without saying where.
#[derive(Debug, Default)]
pub(super) struct Sums {
    broken: BTreeSet<Claim>,
}

const ENTRIES: &str = "SELECT seq, workspace, kind, source, target, \"grant\", hold, amount_nanos,
    adjustment FROM entry ORDER BY seq";

const HOLDS: &str = "SELECT id, state, amount_nanos, coalesce(charged_nanos, 0) FROM hold";

const GRANTS: &str = "SELECT id, workspace, amount_nanos, available_nanos, held_nanos, spent_nanos,
    expired_nanos FROM \"grant\"";

const ADJUSTMENTS: &str = "SELECT id, workspace, amount_nanos FROM adjustment";

const USAGE: &str =
    "SELECT coalesce(workspace, 'nobody'), charged_nanos FROM usage WHERE charged_nanos <> 0";

impl Sums {
    /// Reads all of the books once, in this order: entries, holds, adjustments, grants, usage.
    pub(super) fn read(moment: &Connection) -> rusqlite::Result<Self> {
        let mut sums = Self::default();
        let mut pass = Pass::default();
        each(moment, ENTRIES, |row| pass.entry(row, &mut sums))?;
        each(moment, HOLDS, |row| pass.hold(row))?;
        each(moment, ADJUSTMENTS, |row| pass.adjustment(row))?;
        each(moment, GRANTS, |row| pass.grant(row, &mut sums))?;
        each(moment, USAGE, |row| pass.usage(row))?;
        pass.end(&mut sums);
        Ok(sums)
    }

    /// Whether a claim holds, so that its query needs not be asked.
    pub(super) fn prove(&self, claim: Claim) -> bool {
        !self.broken.contains(&claim)
    }

    fn expect(&mut self, claim: Claim, holds: bool) {
        if !holds {
            self.broken.insert(claim);
        }
    }
}

/// The accounts of one grant, as its entries put them.
struct Accounts {
    workspace: Box<str>,
    issued: i128,
    available: i128,
    held: i128,
    spent: i128,
    expired: i128,
}

/// What entries and holds say of holds: entries add to it, hold rows take away.
#[derive(Default)]
struct Weighed {
    taken: i128,
    spent: i128,
    settled: i128,
    voided: i128,
    expired: i128,
}

/// What was read so far.
#[derive(Default)]
struct Pass {
    weights: RandomState,
    last_seq: i64,
    grants: HashMap<Box<str>, Accounts>,
    holds: Weighed,
    /// Moved less said, by adjustment and workspace.
    adjustments: BTreeMap<(String, String), i128>,
    /// Spent less charged, by workspace.
    charges: HashMap<Box<str>, i128>,
}

impl Pass {
    fn entry(&mut self, row: &Row<'_>, sums: &mut Sums) -> rusqlite::Result<()> {
        let seq: i64 = row.get(0)?;
        sums.expect(Claim::Numbering, self.last_seq.checked_add(1) == Some(seq));
        self.last_seq = seq;
        let (workspace, kind) = (text(row, 1)?, text(row, 2)?);
        let (source, target) = (text(row, 3)?, text(row, 4)?);
        let nanos: i64 = row.get(7)?;
        let amount = i128::from(nanos);
        sums.expect(Claim::Transfers, is_transfer(kind, source, target));
        let adjustment = maybe_text(row, 8)?;
        if kind == "adjust" || adjustment.is_some() {
            let name = (adjustment.unwrap_or_default().to_owned(), workspace.to_owned());
            add(self.adjustments.entry(name).or_default(), amount);
        }
        if let Some(hold) = maybe_text(row, 6)? {
            let weight = self.weight(hold);
            if !self.holds.note(kind, target, weight.wrapping_mul(amount)) {
                sums.expect(Claim::Holds, false);
            }
        }
        let grant = text(row, 5)?;
        let is_moved = if let Some(accounts) = self.grants.get_mut(grant) {
            &*accounts.workspace == workspace && accounts.transfer(source, target, amount)
        } else {
            let mut accounts = Accounts::of(workspace);
            let is_moved = accounts.transfer(source, target, amount);
            self.grants.insert(grant.into(), accounts);
            is_moved
        };
        sums.expect(Claim::Grants, is_moved);
        Ok(())
    }

    fn hold(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let (amount, charged): (i64, i64) = (row.get(2)?, row.get(3)?);
        let weight = self.weight(text(row, 0)?);
        let amount = weight.wrapping_mul(i128::from(amount));
        let sides = &mut self.holds;
        sides.taken = sides.taken.wrapping_sub(amount);
        sides.spent = sides.spent.wrapping_sub(weight.wrapping_mul(i128::from(charged)));
        let ended = match text(row, 1)? {
            "settled" => &mut sides.settled,
            "voided" => &mut sides.voided,
            "expired" => &mut sides.expired,
            _ => return Ok(()),
        };
        *ended = ended.wrapping_sub(amount);
        Ok(())
    }

    fn adjustment(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let name = (text(row, 0)?.to_owned(), text(row, 1)?.to_owned());
        let said: i64 = row.get(2)?;
        add(self.adjustments.entry(name).or_default(), -i128::from(said));
        Ok(())
    }

    fn grant(&mut self, row: &Row<'_>, sums: &mut Sums) -> rusqlite::Result<()> {
        let workspace = text(row, 1)?;
        let number = |at: usize| row.get::<_, i64>(at).map(i128::from);
        let accounts = self.grants.remove(text(row, 0)?);
        let accounts = accounts.unwrap_or_else(|| Accounts::of(workspace));
        let (issued, spent) = (number(2)?, number(5)?);
        let kept = (issued, number(3)?, number(4)?, spent, number(6)?);
        let Accounts { issued: out, available, held, spent: used, expired, .. } = accounts;
        let is_kept = kept == (-out, available, held, used, expired);
        sums.expect(Claim::Grants, is_kept && &*accounts.workspace == workspace);
        self.charge(workspace, spent);
        Ok(())
    }

    fn usage(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let charged: i64 = row.get(1)?;
        self.charge(text(row, 0)?, -i128::from(charged));
        Ok(())
    }

    fn end(self, sums: &mut Sums) {
        let Weighed { taken, spent, settled, voided, expired } = self.holds;
        sums.expect(Claim::Holds, [taken, spent, settled, voided, expired] == [0; 5]);
        // What is left has entries and no row.
        sums.expect(Claim::Grants, self.grants.is_empty());
        sums.expect(Claim::Adjustments, self.adjustments.values().all(|side| *side == 0));
        sums.expect(Claim::Usage, self.charges.values().all(|side| *side == 0));
    }

    fn weight(&self, hold: &str) -> i128 {
        i128::from(self.weights.hash_one(hold))
    }

    fn charge(&mut self, workspace: &str, nanos: i128) {
        match self.charges.get_mut(workspace) {
            Some(side) => add(side, nanos),
            None => {
                self.charges.insert(workspace.into(), nanos);
            }
        }
    }
}

impl Weighed {
    /// Takes an entry down. False for one that no hold has.
    fn note(&mut self, kind: &str, target: &str, nanos: i128) -> bool {
        let side = match kind {
            "hold" => &mut self.taken,
            "settle" => &mut self.settled,
            "void" => &mut self.voided,
            "expire" => &mut self.expired,
            _ => return false,
        };
        *side = side.wrapping_add(nanos);
        if target == "spent" {
            self.spent = self.spent.wrapping_add(nanos);
        }
        true
    }
}

impl Accounts {
    fn of(workspace: &str) -> Self {
        let workspace = workspace.into();
        Self { workspace, issued: 0, available: 0, held: 0, spent: 0, expired: 0 }
    }

    /// False where one of the accounts is none.
    fn transfer(&mut self, source: &str, target: &str, nanos: i128) -> bool {
        self.add(source, -nanos) && self.add(target, nanos)
    }

    fn add(&mut self, account: &str, nanos: i128) -> bool {
        let account = match account {
            "issued" => &mut self.issued,
            "available" => &mut self.available,
            "held" => &mut self.held,
            "spent" => &mut self.spent,
            "expired" => &mut self.expired,
            _ => return false,
        };
        add(account, nanos);
        true
    }
}

/// Of fewer than 2^64 numbers of 64 bits, so it never saturates.
const fn add(side: &mut i128, nanos: i128) {
    *side = side.saturating_add(nanos);
}

fn is_transfer(kind: &str, source: &str, target: &str) -> bool {
    matches!(
        (kind, source, target),
        ("grant", "issued", "available")
            | ("hold", "available", "held")
            | ("settle", "held", "spent" | "available" | "expired")
            | ("void" | "expire", "held", "available" | "expired")
            | ("lapse" | "adjust", "available", "expired")
    )
}

fn each(
    moment: &Connection,
    query: &str,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut asking = moment.prepare(query)?;
    let mut rows = asking.query([])?;
    while let Some(row) = rows.next()? {
        read(row)?;
    }
    Ok(())
}

fn text<'r>(row: &'r Row<'_>, at: usize) -> rusqlite::Result<&'r str> {
    maybe_text(row, at)?.ok_or_else(|| FromSqlError::InvalidType.into())
}

fn maybe_text<'r>(row: &'r Row<'_>, at: usize) -> rusqlite::Result<Option<&'r str>> {
    let value: ValueRef<'r> = row.get_ref(at)?;
    Ok(value.as_str_or_null()?)
}
