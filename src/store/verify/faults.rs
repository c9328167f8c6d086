//! What can be wrong with the books: each row is a fault in words, and the query that finds it.
//!
//! Two sides are compared by adding up their union, for a full join of two large tables would be
//! quadratic. A query gives a place and a detail for everything that is wrong, and no row when nothing is.

/// Every check, in the order in which it is told.
pub(super) const FAULTS: [(&str, &str); 11] = [
    ("the database file is damaged",
     "SELECT 'integrity', integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),

    ("entries are missing",
     "SELECT 'entries', format('%d rows numbered up to %d', count(*), max(seq)) FROM entry
      HAVING count(*) > 0 AND (min(seq) <> 1 OR max(seq) <> count(*))"),

    ("entries may be changed, for a trigger is gone",
     "SELECT name, 'not there' FROM (SELECT 'entry_is_never_changed' AS name
                                     UNION SELECT 'entry_is_never_removed')
      WHERE name NOT IN (SELECT name FROM sqlite_schema WHERE type = 'trigger')"),

    ("an entry is no transfer that the ledger makes",
     "SELECT 'entry ' || seq, kind || ' from ' || source || ' to ' || target FROM entry
      WHERE (kind, source, target) NOT IN (VALUES
          ('grant', 'issued', 'available'), ('hold', 'available', 'held'),
          ('settle', 'held', 'spent'), ('settle', 'held', 'available'), ('settle', 'held', 'expired'),
          ('void', 'held', 'available'), ('void', 'held', 'expired'),
          ('expire', 'held', 'available'), ('expire', 'held', 'expired'),
          ('lapse', 'available', 'expired'))"),

    ("a grant is not where its entries put it",
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
                 sum(iif(account LIKE 'row %', nanos, 0)) AS kept,
                 sum(iif(account LIKE 'row %', 0, iif(account = 'issued', -nanos, nanos))) AS summed
          FROM sums GROUP BY 1, 2, 3)
      SELECT id, format('%s of %s: %d; the entries say %d', account, workspace, kept, summed)
      FROM sides WHERE kept <> summed"),

    ("a grant does not balance or is below zero",
     "SELECT id, format('granted %d, available %d, held %d, spent %d, expired %d',
                        amount_nanos, available_nanos, held_nanos, spent_nanos, expired_nanos)
      FROM \"grant\"
      WHERE amount_nanos <> available_nanos + held_nanos + spent_nanos + expired_nanos
         OR min(available_nanos, held_nanos, spent_nanos, expired_nanos) < 0"),

    ("held credits are not those of the open holds",
     "WITH held AS (SELECT workspace, sum(held_nanos) AS nanos FROM \"grant\" GROUP BY 1),
           open AS (SELECT workspace, sum(amount_nanos) AS nanos FROM hold
                    WHERE state = 'open' GROUP BY 1)
      SELECT ifnull(held.workspace, open.workspace),
             format('%d held, %d in open holds', held.nanos, open.nanos)
      FROM held FULL JOIN open ON open.workspace = held.workspace
      WHERE ifnull(held.nanos, 0) <> ifnull(open.nanos, 0)"),

    ("a hold did not end once, in the way that it says",
     "WITH parts AS (
          SELECT id, 1 AS there, state, amount_nanos AS amount, ifnull(charged_nanos, 0) AS charged,
                 0 AS taken, 0 AS ended, 0 AS spent, NULL AS way
          FROM hold
          UNION ALL
          SELECT hold, 0, NULL, 0, 0, iif(kind = 'hold', amount_nanos, 0),
                 iif(kind <> 'hold', amount_nanos, 0), iif(target = 'spent', amount_nanos, 0),
                 iif(kind <> 'hold', kind, NULL)
          FROM entry WHERE hold IS NOT NULL),
      sums AS (
          SELECT id, sum(there) AS there, max(state) AS state, sum(amount) AS amount,
                 sum(charged) AS charged, sum(taken) AS taken, sum(ended) AS ended,
                 sum(spent) AS spent, min(way) AS way, max(way) AS other_way
          FROM parts GROUP BY id)
      SELECT id, format('%s, %d held, %d charged; the entries say %d taken, %d ended, %d spent',
                        ifnull(state, 'not there'), amount, charged, taken, ended, spent)
      FROM sums
      WHERE there <> 1 OR amount <> taken OR charged <> spent
         OR ended <> iif(state = 'open', 0, amount)
         OR way <> other_way
         OR way <> CASE state WHEN 'settled' THEN 'settle' WHEN 'voided' THEN 'void'
                              WHEN 'expired' THEN 'expire' ELSE '' END"),

    ("spent credits are not those of the usage rows",
     "WITH spent AS (SELECT workspace, sum(spent_nanos) AS nanos FROM \"grant\" GROUP BY 1),
           charged AS (SELECT workspace, sum(charged_nanos) AS nanos FROM usage GROUP BY 1)
      SELECT ifnull(spent.workspace, charged.workspace),
             format('%d spent, %d in usage rows', spent.nanos, charged.nanos)
      FROM spent FULL JOIN charged ON charged.workspace = spent.workspace
      WHERE ifnull(spent.nanos, 0) <> ifnull(charged.nanos, 0)"),

    ("a pledge does not go with its hold",
     "SELECT p.hold, format('%s, and its hold is %s', p.state, ifnull(h.state, 'not there'))
      FROM pledge AS p LEFT JOIN hold AS h ON h.id = p.hold
      WHERE h.id IS NULL OR h.state = 'expired' OR (p.state = 'open') <> (h.state = 'open')"),

    ("a quota is below zero",
     "SELECT subject || ' ' || unit || ' ' || period, used FROM quota WHERE used < 0"),
];
