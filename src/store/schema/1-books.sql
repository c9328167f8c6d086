-- Schema 1 of the embedded store. Money is whole nano-credits or nano-dollars, times are
-- milliseconds since the Unix epoch (UTC), names are text.

CREATE TABLE workspace (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    suspended     INTEGER NOT NULL CHECK (suspended IN (0, 1)),
    created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The text of a key is never stored: `digest` is SHA-256 over the whole of it.
CREATE TABLE key (
    id              TEXT PRIMARY KEY,
    workspace       TEXT NOT NULL REFERENCES workspace (id),
    digest          BLOB NOT NULL CHECK (length(digest) = 32),
    scopes          TEXT NOT NULL,
    mode            TEXT NOT NULL CHECK (mode IN ('live', 'test')),
    plan            TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'revoked')),
    expires_at_ms   INTEGER,
    name            TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    last_used_at_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Credits that were added, and where they are now. The database itself refuses a grant whose
-- credits are not all somewhere.
CREATE TABLE "grant" (
    id              TEXT PRIMARY KEY,
    workspace       TEXT NOT NULL,
    amount_nanos    INTEGER NOT NULL CHECK (amount_nanos > 0),
    source          TEXT NOT NULL,
    priority        INTEGER NOT NULL,
    promotional     INTEGER NOT NULL CHECK (promotional IN (0, 1)),
    effective_at_ms INTEGER NOT NULL,
    expires_at_ms   INTEGER,
    granted_at_ms   INTEGER NOT NULL,
    available_nanos INTEGER NOT NULL CHECK (available_nanos >= 0),
    held_nanos      INTEGER NOT NULL CHECK (held_nanos >= 0),
    spent_nanos     INTEGER NOT NULL CHECK (spent_nanos >= 0),
    expired_nanos   INTEGER NOT NULL CHECK (expired_nanos >= 0),
    CHECK (amount_nanos = available_nanos + held_nanos + spent_nanos + expired_nanos)
) STRICT, WITHOUT ROWID;

-- `pinned` is a JSON list of [grant, nanos]; `quotas` the JSON list of quota shares, empty if none.
-- The two `remaining` columns are what was answered, so that asking again is answered the same.
CREATE TABLE hold (
    seq                   INTEGER PRIMARY KEY,
    id                    TEXT NOT NULL UNIQUE,
    workspace             TEXT NOT NULL,
    key                   TEXT NOT NULL,
    request               TEXT NOT NULL,
    amount_nanos          INTEGER NOT NULL CHECK (amount_nanos >= 0),
    opened_at_ms          INTEGER NOT NULL,
    expires_at_ms         INTEGER NOT NULL,
    policy_version        TEXT NOT NULL,
    pinned                TEXT NOT NULL,
    quotas                TEXT NOT NULL,
    remaining_nanos       INTEGER NOT NULL,
    -- Longer than `IN`, of which SQLite would build an index of its own for every row.
    state                 TEXT NOT NULL CHECK (state = 'open' OR state = 'settled'
                                               OR state = 'voided' OR state = 'expired'),
    ended_at_ms           INTEGER,
    charged_nanos         INTEGER CHECK (charged_nanos BETWEEN 0 AND amount_nanos),
    images                INTEGER,
    ended_remaining_nanos INTEGER,
    CHECK ((state = 'open') = (ended_at_ms IS NULL))
) STRICT;

CREATE INDEX hold_open ON hold (expires_at_ms) WHERE state = 'open';

-- The journal: one transfer a row, in order, without gaps, never changed.
CREATE TABLE entry (
    seq          INTEGER PRIMARY KEY,
    workspace    TEXT NOT NULL,
    kind         TEXT NOT NULL,
    source       TEXT NOT NULL,
    target       TEXT NOT NULL CHECK (target <> source),
    "grant"      TEXT NOT NULL,
    hold         TEXT,
    amount_nanos INTEGER NOT NULL CHECK (amount_nanos > 0),
    request      TEXT,
    key          TEXT,
    at_ms        INTEGER NOT NULL
) STRICT;

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN SELECT raise(ABORT, 'an entry is never changed'); END;

CREATE TRIGGER entry_is_never_removed BEFORE DELETE ON entry
BEGIN SELECT raise(ABORT, 'an entry is never removed'); END;

-- `period` is the UTC day that the period begins with, counted from the Unix epoch.
CREATE TABLE quota (
    period  INTEGER NOT NULL,
    subject TEXT NOT NULL,
    unit    TEXT NOT NULL CHECK (unit IN ('requests', 'images')),
    used    INTEGER NOT NULL CHECK (used >= 0),
    PRIMARY KEY (period, subject, unit)
) STRICT, WITHOUT ROWID;

-- One row for each request that was answered, whether it was served or refused.
CREATE TABLE usage (
    seq             INTEGER PRIMARY KEY,
    request         TEXT NOT NULL,
    at_ms           INTEGER NOT NULL,
    workspace       TEXT,
    key             TEXT,
    plan            TEXT,
    test            INTEGER NOT NULL,
    dialect         TEXT NOT NULL,
    operation       TEXT,
    model           TEXT,
    vendor          TEXT,
    offering        TEXT,
    images_asked    INTEGER NOT NULL,
    images          INTEGER NOT NULL,
    size            TEXT,
    quality         TEXT,
    hold            TEXT,
    charged_nanos   INTEGER NOT NULL CHECK (charged_nanos >= 0),
    cost_nanos      INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    outcome         TEXT NOT NULL,
    status          INTEGER NOT NULL,
    total_us        INTEGER NOT NULL,
    vendor_us       INTEGER NOT NULL,
    store_us        INTEGER NOT NULL,
    answer_bytes    INTEGER NOT NULL,
    policy_version  TEXT NOT NULL,
    outcome_unknown INTEGER NOT NULL CHECK (outcome_unknown IN (0, 1))
) STRICT;

CREATE INDEX usage_at ON usage (at_ms);

-- For people: the balance of each workspace in credits.
CREATE VIEW balance_readable AS
SELECT w.id AS workspace, w.name,
       format('%d.%09d', g.granted / 1000000000, g.granted % 1000000000) AS granted,
       format('%d.%09d', g.available / 1000000000, g.available % 1000000000) AS available,
       format('%d.%09d', g.held / 1000000000, g.held % 1000000000) AS held,
       format('%d.%09d', g.spent / 1000000000, g.spent % 1000000000) AS spent,
       format('%d.%09d', g.expired / 1000000000, g.expired % 1000000000) AS expired
FROM workspace AS w
JOIN (SELECT workspace, sum(amount_nanos) AS granted, sum(available_nanos) AS available,
             sum(held_nanos) AS held, sum(spent_nanos) AS spent, sum(expired_nanos) AS expired
      FROM "grant" GROUP BY workspace) AS g ON g.workspace = w.id;

-- For people: every request, with its time and its money as they are read.
CREATE VIEW usage_readable AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', u.at_ms / 1000.0, 'unixepoch') AS at, u.request,
       w.name AS workspace, k.name AS key, u.plan, u.dialect, u.operation, u.model, u.vendor,
       u.offering, u.images_asked, u.images, u.size, u.quality, u.outcome, u.status,
       format('%d.%09d', u.charged_nanos / 1000000000, u.charged_nanos % 1000000000) AS charged,
       format('%d.%09d', u.cost_nanos / 1000000000, u.cost_nanos % 1000000000) AS cost_dollars,
       u.attempts, u.total_us / 1000 AS total_ms, u.outcome_unknown
FROM usage AS u
LEFT JOIN workspace AS w ON w.id = u.workspace
LEFT JOIN key AS k ON k.id = u.key;
