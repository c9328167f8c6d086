//! What can be wrong with the books: each row is a fault in words, and the query that finds it.
//!
//! Two sides are compared by adding up their union, for a full join of two large tables would be
//! quadratic. A query gives a place and a detail for everything that is wrong, and no row when nothing is.

use super::super::cells::Query;
use super::sums::Claim;

/// Instead of the first: every index is compared with its table too, which takes several times as long.
pub(super) const DEEPLY: Query = Query::each(
    "SELECT 'file' AS place, integrity_check AS detail FROM pragma_integrity_check
     WHERE integrity_check <> 'ok'",
    "SELECT '' AS place, '' AS detail WHERE false",
);

/// Every check, in the order in which it is told.
///
/// Of the embedded store, what [`super::sums`] proves is asked only to say where it is wrong.
pub(super) const FAULTS: [(&str, Option<Claim>, Query); 13] = [
    ("the database file is damaged", None, Query::each(
     "SELECT 'file' AS place, quick_check AS detail FROM pragma_quick_check
      WHERE quick_check <> 'ok'",
     // PostgreSQL has no such question; its checksums speak for themselves.
     "SELECT '' AS place, '' AS detail WHERE false")),

    ("entries are missing", Some(Claim::Numbering), Query::each(
     "SELECT 'entries' AS place, count(*) || ' rows numbered up to ' || max(seq) AS detail FROM entry
      HAVING count(*) > 0 AND (min(seq) <> 1 OR max(seq) <> count(*))",
     "SELECT workspace AS place, count(*) || ' rows numbered up to ' || max(seq) AS detail FROM entry
      GROUP BY workspace HAVING min(seq) <> 1 OR max(seq) <> count(*)")),

    ("entries may be changed, for a trigger is gone", None, Query::each(
     "SELECT name AS place, 'not there' AS detail FROM (SELECT 'entry_is_never_changed' AS name
                                     UNION SELECT 'entry_is_never_removed') AS wanted
      WHERE name NOT IN (SELECT name FROM sqlite_schema WHERE type = 'trigger')",
     "SELECT name AS place, 'not there' AS detail
      FROM (VALUES ('entry_is_never_changed'), ('entry_is_never_removed'),
                   ('entry_is_never_emptied')) AS wanted (name)
      WHERE name NOT IN (SELECT tgname FROM pg_trigger
                         WHERE tgrelid = 'entry'::regclass AND tgenabled IN ('O', 'A'))")),

    ("an entry is no transfer that the ledger makes", Some(Claim::Transfers), Query::same(
     "SELECT 'entry ' || seq AS place, kind || ' from ' || source || ' to ' || target AS detail
      FROM entry
      WHERE (kind, source, target) NOT IN (VALUES
          ('grant', 'issued', 'available'), ('hold', 'available', 'held'),
          ('settle', 'held', 'spent'), ('settle', 'held', 'available'), ('settle', 'held', 'expired'),
          ('void', 'held', 'available'), ('void', 'held', 'expired'),
          ('expire', 'held', 'available'), ('expire', 'held', 'expired'),
          ('lapse', 'available', 'expired'), ('adjust', 'available', 'expired'))")),

    ("an adjustment is not what its entries moved", Some(Claim::Adjustments), Query::same(
     "WITH sides AS (
          SELECT id, workspace, amount_nanos AS said, 0 AS moved FROM adjustment
          UNION ALL
          SELECT coalesce(adjustment, ''), workspace, 0, amount_nanos FROM entry
          WHERE kind = 'adjust' OR adjustment IS NOT NULL)
      SELECT id AS place, sum(said) || ' said, ' || sum(moved) || ' moved, of ' || workspace AS detail
      FROM sides GROUP BY id, workspace HAVING sum(said) <> sum(moved)")),

    ("a grant is not where its entries put it", Some(Claim::Grants), Query::same(
     "WITH moved AS (
          SELECT \"grant\" AS id, workspace, target AS account, amount_nanos AS nanos FROM entry
          UNION ALL
          SELECT \"grant\", workspace, source, -amount_nanos FROM entry
          UNION ALL
          SELECT id, workspace, 'row issued', amount_nanos FROM \"grant\"
          UNION ALL
          SELECT id, workspace, 'row available', available_nanos FROM \"grant\"
          UNION ALL
          SELECT id, workspace, 'row held', held_nanos FROM \"grant\"
          UNION ALL
          SELECT id, workspace, 'row spent', spent_nanos FROM \"grant\"
          UNION ALL
          SELECT id, workspace, 'row expired', expired_nanos FROM \"grant\"),
      sums AS (SELECT id, workspace, account, sum(nanos) AS nanos FROM moved GROUP BY 1, 2, 3),
      sides AS (
          SELECT id, workspace, replace(account, 'row ', '') AS account,
                 sum(CASE WHEN account LIKE 'row %' THEN nanos ELSE 0 END) AS kept,
                 sum(CASE WHEN account LIKE 'row %' THEN 0
                          WHEN account = 'issued' THEN -nanos ELSE nanos END) AS summed
          FROM sums GROUP BY 1, 2, 3)
      SELECT id AS place, account || ' of ' || workspace || ': ' || kept || '; the entries say '
                          || summed AS detail
      FROM sides WHERE kept <> summed")),

    ("a grant does not balance or is below zero", None, Query::same(
     "SELECT id AS place, 'granted ' || amount_nanos || ', available ' || available_nanos
                          || ', held ' || held_nanos || ', spent ' || spent_nanos
                          || ', expired ' || expired_nanos AS detail
      FROM \"grant\"
      WHERE amount_nanos <> available_nanos + held_nanos + spent_nanos + expired_nanos
         OR available_nanos < 0 OR held_nanos < 0 OR spent_nanos < 0 OR expired_nanos < 0")),

    ("held credits are not those of the open holds", None, Query::same(
     "WITH held AS (SELECT workspace, sum(held_nanos) AS nanos FROM \"grant\" GROUP BY 1),
           opened AS (SELECT workspace, sum(amount_nanos) AS nanos FROM hold
                    WHERE state = 'open' GROUP BY 1)
      SELECT coalesce(held.workspace, opened.workspace) AS place,
             coalesce(held.nanos, 0) || ' held, ' || coalesce(opened.nanos, 0)
                 || ' in open holds' AS detail
      FROM held FULL JOIN opened ON opened.workspace = held.workspace
      WHERE coalesce(held.nanos, 0) <> coalesce(opened.nanos, 0)")),

    ("a hold did not end once, in the way that it says", Some(Claim::Holds), Query::same(
     "WITH parts AS (
          SELECT id, 1 AS there, state, amount_nanos AS amount,
                 coalesce(charged_nanos, 0) AS charged,
                 0 AS taken, 0 AS ended, 0 AS spent, NULL AS way
          FROM hold
          UNION ALL
          SELECT hold, 0, NULL, 0, 0, CASE WHEN kind = 'hold' THEN amount_nanos ELSE 0 END,
                 CASE WHEN kind <> 'hold' THEN amount_nanos ELSE 0 END,
                 CASE WHEN target = 'spent' THEN amount_nanos ELSE 0 END,
                 CASE WHEN kind <> 'hold' THEN kind END
          FROM entry WHERE hold IS NOT NULL),
      sums AS (
          SELECT id, sum(there) AS there, max(state) AS state, sum(amount) AS amount,
                 sum(charged) AS charged, sum(taken) AS taken, sum(ended) AS ended,
                 sum(spent) AS spent, min(way) AS way, max(way) AS other_way
          FROM parts GROUP BY id)
      SELECT id AS place, coalesce(state, 'not there') || ', ' || amount || ' held, ' || charged
                          || ' charged; the entries say ' || taken || ' taken, ' || ended
                          || ' ended, ' || spent || ' spent' AS detail
      FROM sums
      WHERE there <> 1 OR amount <> taken OR charged <> spent
         OR ended <> CASE WHEN state = 'open' THEN 0 ELSE amount END
         OR way <> other_way
         OR way <> CASE state WHEN 'settled' THEN 'settle' WHEN 'voided' THEN 'void'
                              WHEN 'expired' THEN 'expire' ELSE '' END")),

    ("spent credits are not those of the usage rows", Some(Claim::Usage), Query::same(
     "WITH spent AS (SELECT workspace, sum(spent_nanos) AS nanos FROM \"grant\" GROUP BY 1),
           charged AS (SELECT coalesce(workspace, 'nobody') AS workspace,
                              sum(charged_nanos) AS nanos FROM usage GROUP BY 1)
      SELECT coalesce(spent.workspace, charged.workspace) AS place,
             coalesce(spent.nanos, 0) || ' spent, ' || coalesce(charged.nanos, 0)
                 || ' in usage rows' AS detail
      FROM spent FULL JOIN charged ON charged.workspace = spent.workspace
      WHERE coalesce(spent.nanos, 0) <> coalesce(charged.nanos, 0)")),

    ("a pledge does not go with its hold", None, Query::same(
     "SELECT p.hold AS place, p.state || ', and its hold is ' || coalesce(h.state, 'not there')
                              AS detail
      FROM pledge AS p LEFT JOIN hold AS h ON h.id = p.hold
      WHERE h.id IS NULL
         OR ((h.state = 'expired' OR (p.state = 'open') <> (h.state = 'open'))
             -- The name of a job is answered as it is accepted, whatever becomes of its hold.
             AND p.hold NOT IN (SELECT hold FROM job))")),

    ("a quota is below zero", None, Query::same(
     "SELECT subject || ' ' || unit || ' ' || period AS place, CAST(used AS TEXT) AS detail
      FROM quota WHERE used < 0")),

    ("a budget was spent that is not used", None, Query::same(
     "SELECT subject || ' ' || unit || ' ' || period AS place,
             CAST(spent AS TEXT) || ' spent, ' || CAST(used AS TEXT) || ' used' AS detail
      FROM quota WHERE spent < 0 OR spent > used")),
];
