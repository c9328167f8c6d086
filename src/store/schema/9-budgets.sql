-- Schema 9: adjustments, the price's version in the views, budgets and what is told of them.

-- Credits that an operator took back. `id` is the operator's own name for it: it is made once. The
-- entries that name it are what it moved.
CREATE TABLE adjustment (
    id           TEXT PRIMARY KEY,
    workspace    TEXT NOT NULL,
    "grant"      TEXT,
    amount_nanos INTEGER NOT NULL CHECK (amount_nanos > 0),
    memo         TEXT NOT NULL CHECK (memo <> ''),
    at_ms        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER adjustment_is_never_changed BEFORE UPDATE ON adjustment
BEGIN SELECT raise(ABORT, 'an adjustment is never changed'); END;

CREATE TRIGGER adjustment_is_never_removed BEFORE DELETE ON adjustment
BEGIN SELECT raise(ABORT, 'an adjustment is never removed'); END;

ALTER TABLE entry ADD COLUMN adjustment TEXT;
ALTER TABLE "grant" ADD COLUMN memo TEXT NOT NULL DEFAULT '';

-- Of budgets: what of `used` was spent, and the highest part that was told of, in percent.
ALTER TABLE quota ADD COLUMN spent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quota ADD COLUMN told INTEGER NOT NULL DEFAULT 0;

-- One row for each part of a budget that was spent in a period, written in the commit that spent it.
-- `said` once the log and the metrics have it; `state` is about who is told by a webhook.
CREATE TABLE budget_alert (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL UNIQUE,
    budget        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    period        INTEGER NOT NULL,
    percent       INTEGER NOT NULL CHECK (percent > 0),
    limit_nanos   INTEGER NOT NULL,
    spent_nanos   INTEGER NOT NULL,
    request       TEXT NOT NULL,
    workspace     TEXT NOT NULL,
    key           TEXT NOT NULL,
    reached_at_ms INTEGER NOT NULL,
    said          INTEGER NOT NULL DEFAULT 0 CHECK (said IN (0, 1)),
    at_ms         INTEGER NOT NULL,
    tries         INTEGER NOT NULL DEFAULT 0,
    answer        TEXT,
    state         TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'told', 'dead')),
    why           TEXT CHECK ((why IS NULL) = (state != 'dead'))
) STRICT;

CREATE INDEX budget_alert_waiting ON budget_alert (seq) WHERE state = 'waiting';

DROP VIEW usage_line;
DROP VIEW entry_line;

-- One line for each request that was answered, with the names of whoever pays. Money is whole
-- nano-credits (`charged_nanos`) and nano-dollars (`cost_nanos`), times are UTC.
CREATE VIEW usage_line AS
SELECT u.seq, u.at_ms, strftime('%Y-%m-%dT%H:%M:%fZ', u.at_ms / 1000.0, 'unixepoch') AS at,
       date(u.at_ms / 1000, 'unixepoch') AS day, u.request, u.workspace, w.name AS workspace_name,
       u.key, k.name AS key_name, u.plan, u.test, u.dialect, u.operation, u.model, u.vendor,
       u.offering, u.images_asked, u.images, u.size, u.quality, u.labels, u.hold,
       u.charged_nanos, u.cost_nanos, u.attempts, u.outcome, u.status, u.outcome_unknown,
       u.policy_version, u.price_version, u.cost_version
FROM usage AS u
LEFT JOIN workspace AS w ON w.id = u.workspace
LEFT JOIN key AS k ON k.id = u.key;

-- One line for each transfer of credits, with what it was for and the version of the price that it
-- was made by, which the hold keeps; `memo` is what an operator wrote beside a grant or an adjustment. A hold that has not ended has no
-- usage row yet, so what it is for stands empty until then.
CREATE VIEW entry_line AS
SELECT e.seq, e.at_ms, strftime('%Y-%m-%dT%H:%M:%fZ', e.at_ms / 1000.0, 'unixepoch') AS at,
       date(e.at_ms / 1000, 'unixepoch') AS day, e.workspace, w.name AS workspace_name, e.kind,
       e.source, e.target, e."grant", g.source AS grant_source, e.amount_nanos, e.hold, e.request,
       e.key, h.policy_version, h.price_version, u.cost_version, u.dialect, u.model,
       u.vendor, u.offering, u.labels, e.adjustment, coalesce(a.memo, CASE WHEN e.kind = 'grant' THEN nullif(g.memo, '') END) AS memo
FROM entry AS e
LEFT JOIN workspace AS w ON w.id = e.workspace
LEFT JOIN "grant" AS g ON g.id = e."grant"
LEFT JOIN adjustment AS a ON a.id = e.adjustment
LEFT JOIN hold AS h ON h.id = e.hold
LEFT JOIN usage AS u ON u.hold = e.hold AND e.hold IS NOT NULL;
