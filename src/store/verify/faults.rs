//! What can be wrong with the books: each row is a fault in words, and the query that finds it.
//!
//! A query gives a place and a detail for everything that is wrong, and no row when nothing is.

/// Every check, in the order in which it is told.
pub(super) const FAULTS: [(&str, &str); 10] = [
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
          SELECT workspace, \"grant\", target AS account, amount_nanos AS nanos FROM entry
          UNION ALL
          SELECT workspace, \"grant\", source, -amount_nanos FROM entry),
      sums AS (
          SELECT \"grant\" AS id, workspace,
                 sum(iif(account = 'issued', -nanos, 0)) AS granted,
                 sum(iif(account = 'available', nanos, 0)) AS available,
                 sum(iif(account = 'held', nanos, 0)) AS held,
                 sum(iif(account = 'spent', nanos, 0)) AS spent,
                 sum(iif(account = 'expired', nanos, 0)) AS expired
          FROM moved GROUP BY 1, 2)
      SELECT ifnull(g.id, s.id),
             format('granted %d, available %d, held %d, spent %d, expired %d; entries say %d, %d, %d, %d, %d',
                    g.amount_nanos, g.available_nanos, g.held_nanos, g.spent_nanos, g.expired_nanos,
                    s.granted, s.available, s.held, s.spent, s.expired)
      FROM \"grant\" AS g FULL JOIN sums AS s ON s.id = g.id AND s.workspace = g.workspace
      WHERE (g.amount_nanos, g.available_nanos, g.held_nanos, g.spent_nanos, g.expired_nanos)
            IS NOT (s.granted, s.available, s.held, s.spent, s.expired)"),

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
     "WITH moved AS (
          SELECT hold AS id,
                 sum(iif(kind = 'hold', amount_nanos, 0)) AS taken,
                 sum(iif(kind <> 'hold', amount_nanos, 0)) AS ended,
                 sum(iif(target = 'spent', amount_nanos, 0)) AS spent,
                 count(DISTINCT iif(kind <> 'hold', kind, NULL)) AS ways,
                 max(iif(kind <> 'hold', kind, '')) AS way
          FROM entry WHERE hold IS NOT NULL GROUP BY 1)
      SELECT ifnull(h.id, m.id),
             format('%s, %d held, %d charged; entries say %d taken, %d ended in %d ways, %d spent',
                    h.state, h.amount_nanos, h.charged_nanos, m.taken, m.ended, m.ways, m.spent)
      FROM hold AS h FULL JOIN moved AS m ON m.id = h.id
      WHERE h.id IS NULL
         OR h.amount_nanos <> ifnull(m.taken, 0)
         OR ifnull(h.charged_nanos, 0) <> ifnull(m.spent, 0)
         OR ifnull(m.ended, 0) <> iif(h.state = 'open', 0, h.amount_nanos)
         OR (h.amount_nanos > 0 AND ifnull(m.ways, 0) <> (h.state <> 'open'))
         OR (m.ways = 1 AND m.way <> CASE h.state WHEN 'settled' THEN 'settle'
                                                  WHEN 'voided' THEN 'void'
                                                  WHEN 'expired' THEN 'expire' END)"),

    ("spent credits are not those of the usage rows",
     "WITH spent AS (SELECT workspace, sum(spent_nanos) AS nanos FROM \"grant\" GROUP BY 1),
           charged AS (SELECT workspace, sum(charged_nanos) AS nanos FROM usage GROUP BY 1)
      SELECT ifnull(spent.workspace, charged.workspace),
             format('%d spent, %d in usage rows', spent.nanos, charged.nanos)
      FROM spent FULL JOIN charged ON charged.workspace = spent.workspace
      WHERE ifnull(spent.nanos, 0) <> ifnull(charged.nanos, 0)"),

    ("a quota is below zero",
     "SELECT subject || ' ' || unit || ' ' || period, used FROM quota WHERE used < 0"),
];
